"""Convolution with a bias and relu in one kernel, and the slopes of both in one pass.

`fused` is not linear: its derivative is that of `native.convolution` with the slope cut where y is.
Two primitives, each the transpose of the other, do that: `along` cuts the slope of a convolution
plus that of the bias; `back` cuts the slope of y and adds it up for the bias, where XLA on a CPU
goes through memory twice. Both are linear in all but y, in which neither has a slope, so that jvp,
grad of any order, `vmap`, scan and jit follow. On a CPU they are lowered to kernels, and
everywhere else to what XLA has.

Shapes: as in `native.convolution`; bias (filters,).
"""

import functools
from typing import Any

import jax
import jax.numpy as np
import numpy as host
from jax.interpreters import ad, batching

from cornu.engine import native
from cornu.engine.native import Primitive
from cornu.engine.native.convolution import (
    How,
    attributes,
    batched,
    forward,
    has_kernel,
    lowered,
    plain,
    shape_of,
)

Shape = tuple[int, ...]


def cut(y: Any, x: Any) -> Any:
    """0 where `y` is below zero or zero, else `x`; so NaN lets `x` through, as in `ops.relu`."""
    return np.where(y <= 0, host.array(0, x.dtype), x)


def _plain(x: Any, w: Any, bias: Any, how: How, relu: bool, shape: Shape) -> Any:
    y = plain(x, w, how) + bias
    return cut(y, y) if relu else y


def _native(x: Any, w: Any, bias: Any, how: How, relu: bool, shape: Shape) -> Any:
    if not has_kernel("forward", x.shape, w.shape, shape, how, str(x.dtype)):
        return _plain(x, w, bias, how, relu, shape)
    said = attributes(how) | {"relu": host.bool_(relu)}
    result = jax.ShapeDtypeStruct(shape, x.dtype)
    return native.call("cornu_conv_fused", result, x, w, bias, **said)


def _along(y: Any, slope: Any, *of_bias: Any) -> Any:
    return cut(y, sum(of_bias, slope))


def _back(y: Any, dy: Any, total: bool) -> list:
    """The slope before the cut, and where asked its `total` over all axes but the last."""
    dx = cut(y, dy)
    return [dx, np.sum(dx, tuple(range(dx.ndim - 1)))] if total else [dx]


def _back_native(y: Any, dy: Any, total: bool) -> list:
    """In the memory of dy where nobody else needs it."""
    if not total or y.dtype != host.float32 or y.size == 0:
        return _back(y, dy, total)
    results = [jax.ShapeDtypeStruct(s, y.dtype) for s in (y.shape, y.shape[-1:])]
    return list(jax.ffi.ffi_call("cornu_cut_slopes", results, input_output_aliases={1: 0})(y, dy))


# ---------------------------------------------------------------- primitives

fused_p = Primitive("cornu_conv_fused")
along_p = Primitive("cornu_cut_along")
back_p = Primitive("cornu_cut_back")
back_p.multiple_results = True

lowered(fused_p, _plain, _native)
lowered(along_p, _along, _along)
lowered(back_p, _back, _back_native, several=True)


@fused_p.def_abstract_eval
def _fused_shape(x: Any, w: Any, bias: Any, how: How, relu: bool, shape: Shape) -> Any:
    return x.update(shape=shape, weak_type=False)


@along_p.def_abstract_eval
def _along_shape(y: Any, slope: Any, *of_bias: Any) -> Any:
    return y.update(weak_type=False)


@back_p.def_abstract_eval
def _back_shape(y: Any, dy: Any, total: bool) -> list:
    shapes = [y.shape, y.shape[-1:]] if total else [y.shape]
    return [y.update(shape=shape, weak_type=False) for shape in shapes]


def _mapped(arrays: tuple, axes: tuple) -> tuple:
    return jax.vmap(_along, axes)(*arrays), 0


def _back_mapped(arrays: tuple, axes: tuple, total: bool) -> tuple:
    return jax.vmap(functools.partial(_back, total=total), axes)(*arrays), [0] * (1 + total)


batching.primitive_batchers[fused_p] = functools.partial(batched, fused_p, _plain)
batching.primitive_batchers[along_p] = _mapped
batching.primitive_batchers[back_p] = _back_mapped

# ---------------------------------------------------------------- derivatives


def _is_zero(slope: Any) -> bool:
    return type(slope) is ad.Zero


def _nothing(y: Any) -> ad.Zero:
    return ad.Zero(jax.typeof(y).to_tangent_aval())


def _cut_along(y: Any, slope: Any, of_bias: Any) -> Any:
    """`along` of slopes that may be unknown to be anything but zero."""
    if _is_zero(slope) and _is_zero(of_bias):
        return _nothing(y)
    if _is_zero(slope):
        return along_p.bind(y, np.broadcast_to(of_bias, y.shape))
    return along_p.bind(y, slope, *([] if _is_zero(of_bias) else [of_bias]))


def _fused_jvp(primals: tuple, tangents: tuple, how: How, relu: bool, shape: Shape) -> tuple:
    (x, w, _), (dx, dw, db) = primals, tangents
    y = fused_p.bind(*primals, how=how, relu=relu, shape=shape)
    parts = [] if _is_zero(dx) else [forward(dx, w, how)]
    parts += [] if _is_zero(dw) else [forward(x, dw, how)]
    slope = sum(parts[1:], parts[0]) if parts else _nothing(y)
    if relu:
        return y, _cut_along(y, slope, db)
    if parts and not _is_zero(db):
        return y, slope + db
    return y, slope if _is_zero(db) else np.broadcast_to(db, shape)


def _along_jvp(primals: tuple, tangents: tuple) -> tuple:
    y, (_, slope, *of_bias) = primals[0], tangents
    return along_p.bind(*primals), _cut_along(y, slope, *(of_bias or [_nothing(y)]))


def _along_transposed(dt: Any, y: Any, *known: Any) -> list:
    wanted = [ad.is_undefined_primal(k) for k in known]
    if _is_zero(dt):
        return [None, *(ad.Zero(k.aval) if w else None for k, w in zip(known, wanted, strict=True))]
    found = back_p.bind(y, dt, total=len(known) > 1)
    return [None, *(f if w else None for f, w in zip(found, wanted, strict=True))]


def _back_jvp(primals: tuple, tangents: tuple, total: bool) -> tuple:
    (y, _), (_, slope) = primals, tangents
    found = back_p.bind(*primals, total=total)
    if _is_zero(slope):
        return found, [_nothing(each) for each in found]
    return found, back_p.bind(y, slope, total=total)


def _back_transposed(slopes: list, y: Any, dy: Any, total: bool) -> list:
    slope, of_bias = slopes if total else (*slopes, _nothing(y))
    return [None, _cut_along(y, slope, of_bias)]


ad.primitive_jvps[fused_p] = _fused_jvp
ad.primitive_jvps[along_p] = _along_jvp
ad.primitive_jvps[back_p] = _back_jvp
ad.primitive_transposes[along_p] = _along_transposed
ad.primitive_transposes[back_p] = _back_transposed

# ---------------------------------------------------------------- what the engine calls


def takes(x: Any, w: Any, bias: Any) -> bool:
    """Whether the bias of a convolution that `convolution.takes` can go into the kernel."""
    fits = bias.dtype == x.dtype and bias.shape == w.shape[-1:]
    return fits and native.available("cornu_conv_fused")


def fused(x: Any, w: Any, bias: Any, how: How, relu: bool) -> Any:
    """Convolution plus bias, cut below zero where asked; `takes` must hold, the convolution's too.

    Measured on 2 busy cores, least CPU ms of 30, both cores summed: convolution alone / with both /
    with XLA's own loop after it: (128, 26, 26, 32) to 64, 3x3: 18.6, 19.3, 20.5; (128, 28, 28, 1)
    to 32: 0.9, 1.3, 2.0; (128, 32, 32, 3) to 64: 4.7, 7.0, 7.2.
    """
    return fused_p.bind(x, w, bias, how=how, relu=relu, shape=shape_of(x.shape, w.shape, how))


@jax.custom_jvp
def finished(y: Any, bias: Any) -> Any:
    """`y` plus bias, cut below zero, with slopes by `back`; for what has no kernel of its own."""
    y = y + bias
    return cut(y, y)


@finished.defjvp
def _finished_jvp(primals: tuple, tangents: tuple) -> tuple:
    y = finished(*primals)
    return y, along_p.bind(y, *tangents)


def finishes(y: Any, bias: Any) -> bool:
    """Whether `finished` is to be used for them."""
    return (
        y.dtype == bias.dtype == host.float32
        and bias.shape == y.shape[-1:]
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1
        and native.available("cornu_cut_slopes")
    )
