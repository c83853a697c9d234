"""A bias and an activation that a kernel computes last: their slopes, in one pass.

What is made is `y = activation(sum + bias)`, and of it only y is kept: the slopes of these
activations are functions of it. Two primitives, each the transpose of the other: `along` carries
the slopes of the sum and of the bias forward; `back` takes the slope of y back to that of the sum
and adds it up for the bias, where XLA on a CPU goes through memory twice. Derivatives of any order,
`vmap` and scan follow. On a CPU `back` is lowered to a kernel (`src/finish.cc`).

Shapes: y (..., channels), bias (channels,).
"""

import functools
from typing import Any

import jax
import jax.numpy as np
import numpy as host
from jax import lax
from jax.interpreters import ad, batching

from cornu.engine import native
from cornu.engine.native import Primitive
from cornu.engine.native.convolution import lowered
from cornu.engine.native.slopes import is_zero, nothing

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh")
SLOPES = "cornu_finish_slopes"


def cut(y: Any, x: Any) -> Any:
    """0 where `y` is below zero or zero, else `x`; so NaN lets `x` through, as in `ops.relu`."""
    return np.where(y <= 0, host.array(0, x.dtype), x)


def activated(x: Any, activation: str) -> Any:
    """The activation of an array."""
    if activation == "relu":
        return cut(x, x)
    return {"linear": lambda x: x, "sigmoid": lax.logistic, "tanh": np.tanh}[activation](x)


def number(activation: str) -> Any:
    """What kernels call it."""
    return host.int32(ACTIVATIONS.index(activation))


# ---------------------------------------------------------------- primitives


def _along(y: Any, slope: Any, *of_bias: Any, activation: str) -> Any:
    slope = sum(of_bias, slope)
    if activation == "linear":
        return slope
    if activation == "relu":
        return cut(y, slope)
    return slope * (y * (1 - y) if activation == "sigmoid" else 1 - y * y)


def _back(y: Any, dy: Any, total: bool, activation: str) -> list:
    """The slope of the sum, and where asked its `total` over all axes but the last."""
    dx = _along(y, dy, activation=activation)
    return [dx, np.sum(dx, tuple(range(dx.ndim - 1)))] if total else [dx]


def _back_native(y: Any, dy: Any, total: bool, activation: str) -> list:
    """In the memory of dy where nobody else needs it."""
    if not total or y.dtype != host.float32 or y.size == 0:
        return _back(y, dy, total, activation)
    results = [jax.ShapeDtypeStruct(s, y.dtype) for s in (y.shape, y.shape[-1:])]
    call = jax.ffi.ffi_call(SLOPES, results, input_output_aliases={1: 0})
    return list(call(y, dy, activation=number(activation)))


along_p = Primitive("cornu_finish_along")
back_p = Primitive("cornu_finish_back")
back_p.multiple_results = True

lowered(along_p, _along, _along)
lowered(back_p, _back, _back_native, several=True)


@along_p.def_abstract_eval
def _along_shape(y: Any, slope: Any, *of_bias: Any, activation: str) -> Any:
    return y.update(weak_type=False)


@back_p.def_abstract_eval
def _back_shape(y: Any, dy: Any, total: bool, activation: str) -> list:
    shapes = [y.shape, y.shape[-1:]] if total else [y.shape]
    return [y.update(shape=shape, weak_type=False) for shape in shapes]


def _mapped(arrays: tuple, axes: tuple, activation: str) -> tuple:
    return jax.vmap(functools.partial(_along, activation=activation), axes)(*arrays), 0


def _back_mapped(arrays: tuple, axes: tuple, total: bool, activation: str) -> tuple:
    plain = functools.partial(_back, total=total, activation=activation)
    return jax.vmap(plain, axes)(*arrays), [0] * (1 + total)


batching.primitive_batchers[along_p] = _mapped
batching.primitive_batchers[back_p] = _back_mapped

# ---------------------------------------------------------------- derivatives


def along(y: Any, slope: Any, of_bias: Any, activation: str) -> Any:
    """The slope of y by those of the sum and of the bias, which may be known to be zero."""
    if is_zero(slope) and is_zero(of_bias):
        return nothing(y)
    if is_zero(slope):
        return along_p.bind(y, np.broadcast_to(of_bias, y.shape), activation=activation)
    known = [] if is_zero(of_bias) else [of_bias]
    return along_p.bind(y, slope, *known, activation=activation)


def _by_y(plain: Any, y: Any, tangent: Any, activation: str) -> Any:
    """What a slope changes by because y does: nothing where that is cut; None for nothing."""
    if is_zero(tangent) or activation in ("linear", "relu"):
        return None
    return jax.jvp(plain, (y,), (tangent,))[1]


def _along_jvp(primals: tuple, tangents: tuple, activation: str) -> tuple:
    (y, *known), (of_y, slope, *of_bias) = primals, tangents
    carried = along(y, slope, of_bias[0] if of_bias else nothing(y), activation)
    more = _by_y(lambda y: _along(y, *known, activation=activation), y, of_y, activation)
    found = along_p.bind(*primals, activation=activation)
    return found, carried if more is None else ad.add_tangents(carried, more)


def _along_transposed(dt: Any, y: Any, *known: Any, activation: str) -> list:
    wanted = [ad.is_undefined_primal(k) for k in known]
    if is_zero(dt):
        return [None, *(ad.Zero(k.aval) if w else None for k, w in zip(known, wanted, strict=True))]
    found = back_p.bind(y, dt, total=len(known) > 1, activation=activation)
    return [None, *(f if w else None for f, w in zip(found, wanted, strict=True))]


def _back_jvp(primals: tuple, tangents: tuple, total: bool, activation: str) -> tuple:
    (y, dy), (of_y, slope) = primals, tangents
    said = {"total": total, "activation": activation}
    found = back_p.bind(*primals, **said)
    carried = [nothing(f) for f in found] if is_zero(slope) else back_p.bind(y, slope, **said)
    more = _by_y(lambda y: _back(y, dy, **said), y, of_y, activation)
    return found, carried if more is None else list(map(ad.add_tangents, carried, more))


def _back_transposed(slopes: list, y: Any, dy: Any, total: bool, activation: str) -> list:
    slope, of_bias = slopes if total else (*slopes, nothing(y))
    return [None, along(y, slope, of_bias, activation)]


ad.primitive_jvps[along_p] = _along_jvp
ad.primitive_jvps[back_p] = _back_jvp
ad.primitive_transposes[along_p] = _along_transposed
ad.primitive_transposes[back_p] = _back_transposed

# ---------------------------------------------------------------- what the engine calls


@jax.custom_jvp
def finished(y: Any, bias: Any) -> Any:
    """`y` plus bias, cut below zero, with slopes by `back`; for what has no kernel of its own."""
    y = y + bias
    return cut(y, y)


@finished.defjvp
def _finished_jvp(primals: tuple, tangents: tuple) -> tuple:
    y = finished(*primals)
    return y, along_p.bind(y, *tangents, activation="relu")


def finishes(y: Any, bias: Any) -> bool:
    """Whether `finished` is to be used for them."""
    return (
        y.dtype == bias.dtype == host.float32
        and bias.shape == y.shape[-1:]
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1
        and native.available(SLOPES)
    )
