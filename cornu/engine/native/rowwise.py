"""Softmax, GELU, normalization and binary crossentropy of rows by native kernels.

They have derivatives of any order. Softmax and GELU are a primitive each, and their slopes another
one that is linear in what it carries and its own transpose; the others are made as `slopes.py`
says. What ways back need is kept once: y of softmax, x of the others. On a CPU they are lowered to
kernels (`src/rowwise.cc`), and everywhere else to what XLA has, as are derivatives of slopes by
what they are slopes of.

Rows lie along the last axis; `gamma` and `beta` are (last axis,).
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as np
import numpy as host
from jax import lax
from jax.interpreters import ad, batching

from cornu.engine import native
from cornu.engine.native import Primitive
from cornu.engine.native.convolution import lowered
from cornu.engine.native.slopes import Form, is_zero, mapped, nothing, primitive

LEAST = 1 << 13  # numbers; below it XLA's loops do as well
SHORTEST = 8  # numbers of a row

# ---------------------------------------------------------------- formulas


def plain_softmax(x: Any) -> Any:
    """`exp(x) / sum(exp(x))` along rows."""
    powers = np.exp(x - lax.stop_gradient(np.max(x, -1, keepdims=True)))
    return powers / np.sum(powers, -1, keepdims=True)


def plain_gelu(x: Any) -> Any:
    """`x` times the normal distribution function at `x`."""
    return 0.5 * x * (1 + lax.erf(x * math.sqrt(0.5)))


def plain_normalize(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, with the moments of rows."""
    centred = x - np.mean(x, -1, keepdims=True)
    variance = np.mean(np.square(centred), -1, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * gamma + beta


def plain_binary(p: Any, t: Any, least: float) -> Any:
    """Means of rows of `-t log(p) - (1 - t) log(1 - p)`, p kept from `least` to `1 - least`."""
    p = np.clip(p, least, 1 - least)
    return np.mean(-(t * np.log(p) + (1 - t) * np.log1p(-p)), -1)


def _softmax_slope(y: Any, dy: Any) -> Any:
    return y * (dy - np.sum(y * dy, -1, keepdims=True))


def _gelu_slope(x: Any, dy: Any) -> Any:
    power = np.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return dy * (0.5 * (1 + lax.erf(x * math.sqrt(0.5))) + x * power)


# ---------------------------------------------------------------- kernels


def takes(x: Any) -> bool:
    """Whether a lowering can call a kernel on it."""
    return x.dtype == host.float32 and x.size > 0 and x.ndim > 0


def _call(name: str, results: Any, *arrays: Any, reused: int | None = None, **said: Any) -> Any:
    """`reused`: the array whose memory the first result takes, where nobody else needs it."""
    aliases = None if reused is None else {reused: 0}
    return jax.ffi.ffi_call(name, results, input_output_aliases=aliases)(*arrays, **said)


def _kernel(name: str, plainly: Callable, reused: int | None) -> Callable:
    """Of arrays that all have the shape of the result."""

    def natively(*arrays: Any) -> Any:
        if not takes(arrays[0]) or not native.available(name):
            return plainly(*arrays)
        like = jax.ShapeDtypeStruct(arrays[0].shape, arrays[0].dtype)
        return _call(name, like, *arrays, reused=reused)

    return natively


def _normalize_kernel(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    if not takes(x) or not native.available("cornu_normalize"):
        return plain_normalize(x, gamma, beta, epsilon)
    like = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return _call("cornu_normalize", like, x, gamma, beta, epsilon=host.float32(epsilon))


def _normalize_back(x: Any, gamma: Any, beta: Any, dy: Any, epsilon: float) -> list:
    name = "cornu_normalize_back"
    if not takes(x) or not native.available(name):
        return NORMALIZE.back(x, gamma, beta, dy, epsilon=epsilon)
    like = [jax.ShapeDtypeStruct(s, x.dtype) for s in (x.shape, gamma.shape, gamma.shape)]
    return list(_call(name, like, x, gamma, dy, reused=2, epsilon=host.float32(epsilon)))


def _binary_kernel(p: Any, t: Any, least: float) -> Any:
    if not takes(p) or not native.available("cornu_binary"):
        return plain_binary(p, t, least)
    like = jax.ShapeDtypeStruct(p.shape[:-1], p.dtype)
    return _call("cornu_binary", like, p, t, least=host.float32(least))


def _binary_back(p: Any, t: Any, dy: Any, least: float) -> list:
    name = "cornu_binary_back"
    if not takes(p) or not native.available(name):
        return BINARY.back(p, t, dy, least=least)
    like = jax.ShapeDtypeStruct(p.shape, p.dtype)
    return [_call(name, like, p, t, dy, least=host.float32(least))]


# ---------------------------------------------------------------- primitives


def _pair(name: str, plainly: Callable, slope: Callable, of_result: bool) -> tuple:
    """A function of one array and its slope, which is its own transpose.

    `of_result`: whether `slope(kept, dy)` keeps the result, or else what it was made of.
    """
    made, back = Primitive(name), Primitive(f"{name}_back")
    # The way back reads what is kept, so its memory cannot be taken.
    lowered(made, plainly, _kernel(name, plainly, 0 if of_result else None))
    lowered(back, slope, _kernel(f"{name}_back", slope, 1))
    made.def_abstract_eval(lambda x: x.update(weak_type=False))
    back.def_abstract_eval(lambda kept, dy: kept.update(weak_type=False))

    def made_jvp(primals: tuple, tangents: tuple) -> tuple:
        y = made.bind(*primals)
        return y, back.bind(y if of_result else primals[0], tangents[0])

    def back_jvp(primals: tuple, tangents: tuple) -> tuple:
        (kept, dy), (by_kept, by_dy) = primals, tangents
        parts = [] if is_zero(by_dy) else [back.bind(kept, by_dy)]
        if not is_zero(by_kept):
            parts.append(jax.jvp(lambda k: slope(k, dy), (kept,), (by_kept,))[1])
        return back.bind(kept, dy), sum(parts[1:], parts[0]) if parts else nothing(dy)

    ad.primitive_jvps[made], ad.primitive_jvps[back] = made_jvp, back_jvp
    ad.primitive_transposes[back] = lambda by, kept, dy: [
        None,
        ad.Zero(dy.aval) if is_zero(by) else back.bind(kept, by),
    ]
    batching.primitive_batchers[made] = lambda arrays, axes: _more_rows(made, arrays, axes)
    batching.primitive_batchers[back] = lambda arrays, axes: _more_rows(back, arrays, axes)
    return made, back


def _more_rows(made: Primitive, arrays: tuple, axes: tuple) -> tuple:
    """Under `vmap`: one more axis in front of rows."""
    size = next(a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None)
    return made.bind(*(_in_front(a, x, size) for a, x in zip(arrays, axes, strict=True))), 0


def _in_front(array: Any, axis: int | None, size: int) -> Any:
    if axis is None:
        return np.broadcast_to(array, (size, *array.shape))
    return np.moveaxis(array, axis, 0)


softmax_p, softmax_back_p = _pair("cornu_softmax", plain_softmax, _softmax_slope, of_result=True)
gelu_p, gelu_back_p = _pair("cornu_gelu", plain_gelu, _gelu_slope, of_result=False)

NORMALIZE = Form(plain_normalize, 3, lambda x, *weights: x.update(weak_type=False))
normalize_p = primitive("cornu_normalize", NORMALIZE, _normalize_kernel, _normalize_back)


def _normalize_mapped(arrays: tuple, axes: tuple, epsilon: float) -> tuple:
    """More rows where only rows are mapped."""
    if axes[1:] != (None, None):
        return mapped(normalize_p, plain_normalize)(arrays, axes, epsilon=epsilon)
    x = np.moveaxis(arrays[0], axes[0], 0)
    return normalize_p.bind(x, *arrays[1:], epsilon=epsilon), 0


batching.primitive_batchers[normalize_p] = _normalize_mapped

BINARY = Form(plain_binary, 1, lambda p, t: p.update(shape=p.shape[:-1], weak_type=False))
binary_p = primitive("cornu_binary", BINARY, _binary_kernel, _binary_back)

# ---------------------------------------------------------------- what the engine calls


def serves(x: Any, name: str) -> bool:
    """Whether there is one CPU, and much to do in float32."""
    return (
        x.dtype == host.float32
        and x.ndim > 0
        and x.size >= LEAST
        and x.shape[-1] >= SHORTEST
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1
        and native.available(name)
    )


def softmax(x: Any) -> Any:
    """Softmax of rows, or None where plain JAX does as well."""
    return softmax_p.bind(x) if serves(x, "cornu_softmax") else None


def gelu(x: Any) -> Any:
    """`x` times the normal distribution function at `x`, or None where plain JAX does as well."""
    return gelu_p.bind(x) if serves(x, "cornu_gelu") else None


def normalize(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Rows of mean 0 and variance 1 times gamma plus beta, or None where plain JAX does as well.

    gamma, beta: (last axis,), or None for none.
    """
    size = x.shape[-1:]
    if not serves(x, "cornu_normalize"):
        return None
    gamma = host.ones(size, "float32") if gamma is None else gamma
    beta = host.zeros(size, "float32") if beta is None else beta
    if not gamma.shape == beta.shape == size or not gamma.dtype == beta.dtype == host.float32:
        return None
    return normalize_p.bind(x, gamma, beta, epsilon=float(epsilon))


def binary_crossentropy(p: Any, t: Any, least: float) -> Any:
    """Means of rows of it for probabilities `p` of 1 and targets `t`, arrays of one shape.

    None where plain JAX does as well. `p` is kept from `least` to `1 - least`. Least wall ms of 200
    on a busy machine, with the slope by p, for (256, 784): 0.09, by XLA 0.35.
    """
    fits = serves(p, "cornu_binary") and p.shape == t.shape and p.dtype == t.dtype
    return binary_p.bind(p, t, least=float(least)) if fits else None
