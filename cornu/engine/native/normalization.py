"""Normalization over the batch by native kernels, with relu and a sum before it in the same pass.

`normal` is not linear: its derivative is `along`, linear in the slopes, and the transpose of that
is `back`, which goes over the arrays twice: for the sums, and for the slope of x. The three take
the moments of x beside x itself, but their derivatives count them as what they are, functions of x.
Derivatives of `along` and `back` are those of the formulas, so that jvp, grad of any order, `vmap`,
scan and jit follow. On a CPU `moments`, `normal` and `back` are lowered to kernels.

Shapes: x, y (..., channels); mean, rest, variance, scale, offset (channels,).
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as np
import numpy as host
from jax.interpreters import ad, batching

from cornu.engine import native
from cornu.engine.native import Primitive
from cornu.engine.native.convolution import lowered
from cornu.engine.native.finish import cut

LEAST = 1 << 13  # numbers of x, from which on XLA is never faster

# ---------------------------------------------------------------- formulas


def _sum(x: Any) -> Any:
    return np.sum(x, tuple(range(x.ndim - 1)))


def _count(x: Any) -> int:
    return math.prod(x.shape[:-1])


def _moments(x: Any) -> list:
    """The mean, what of it does not fit into its dtype (unknown here, so 0), and the variance."""
    mean = _sum(x) / _count(x)
    return [mean, np.zeros_like(mean), _sum(np.square(x - mean)) / _count(x)]


def _ratio(variance: Any, epsilon: float) -> Any:
    return 1 / np.sqrt(variance + host.array(epsilon, variance.dtype))


def _normal(*arrays: Any, epsilon: float, relu: bool) -> Any:
    x, mean, rest, variance, scale, offset, *beside = arrays
    y = (x - mean - rest) * (scale * _ratio(variance, epsilon)) + offset
    y = sum(beside, y)
    return cut(y, y) if relu else y


def _behind(arrays: tuple, slope: Any, epsilon: float, relu: bool) -> Any:
    """`slope`, 0 where the result was cut: as is seen from y, or without y from x."""
    y = arrays[6:] or (relu and _normal(*arrays[:6], epsilon=epsilon, relu=False),)
    return cut(y[0], slope) if relu else slope


def _along(*arrays: Any, epsilon: float, relu: bool) -> Any:
    """The slope of y. `arrays`: six as `normal` has them, y where something was added to it; slopes
    of x, scale, offset, and of what was added.
    """
    known, (dx, dscale, doffset, *dbeside) = _parted(arrays)
    x, mean, rest, variance, scale, _ = known[:6]
    ratio = _ratio(variance, epsilon)
    factor = scale * ratio
    far = x - mean - rest
    level = doffset - factor * (_sum(dx) / _count(x))
    tilt = ratio * (dscale - factor * ratio * (_sum(far * dx) / _count(x)))
    slope = sum(dbeside, factor * dx + level + far * tilt)
    return _behind(known, slope, epsilon, relu)


def _parted(arrays: tuple) -> tuple:
    """What is known, and the slopes, of the arguments of `along`: 6 and 3, or 7 and 4."""
    many = 6 if len(arrays) == 9 else 7
    return arrays[:many], arrays[many:]


def _back(*arrays: Any, epsilon: float, relu: bool) -> list:
    """The slopes of x, scale, offset, and of what was added, from that of y, the last of them."""
    *known, dy = arrays
    x, mean, rest, variance, scale, _ = known[:6]
    dz = _behind(tuple(known), dy, epsilon, relu)
    ratio = _ratio(variance, epsilon)
    far = x - mean - rest
    doffset, dscale = _sum(dz), ratio * _sum(dz * far)
    dx = scale * ratio * (dz - (doffset + far * (ratio * dscale)) / _count(x))
    return [dx, dscale, doffset, *([dz] if known[6:] else [])]


# ---------------------------------------------------------------- kernels


def _like(*arrays: Any) -> list:
    return [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]


def _moments_native(x: Any) -> list:
    vector = jax.ShapeDtypeStruct(x.shape[-1:], x.dtype)
    return list(native.call("cornu_moments", [vector] * 3, x))


def _normal_native(*arrays: Any, epsilon: float, relu: bool) -> Any:
    result, said = _like(arrays[0])[0], {"epsilon": host.float32(epsilon)}
    if arrays[6:]:
        return native.call("cornu_normal_beside", result, *arrays, **said)
    return native.call("cornu_normal", result, *arrays, relu=host.bool_(relu), **said)


def _back_native(*arrays: Any, epsilon: float, relu: bool) -> list:
    """Behind relu the slope of x, or of what was added, lies where dy does, if no one else reads
    that; without relu it often has another reader, and would be copied.
    """
    x, _, _, _, scale, offset, *_ = arrays
    said: dict[str, Any] = {"epsilon": host.float32(epsilon)}
    name, results, over = "cornu_normal_slopes", _like(x, scale, offset), {6: 0} if relu else {}
    if arrays[7:]:
        name, results, over = f"{name}_beside", [*results, *_like(x)], {7: 3}
    else:
        said["relu"] = host.bool_(relu)
    return list(jax.ffi.ffi_call(name, results, input_output_aliases=over)(*arrays, **said))


# ---------------------------------------------------------------- primitives


def _made(
    name: str, plainly: Callable, natively: Callable, shapes: Callable, several: bool
) -> Primitive:
    made = Primitive(f"cornu_{name}")
    made.multiple_results = several
    lowered(made, plainly, natively, several)
    made.def_abstract_eval(lambda *arrays, **_: shapes(*arrays))

    def mapped(arrays: tuple, axes: tuple, **said: Any) -> tuple:
        found = jax.vmap(functools.partial(plainly, **said), axes)(*arrays)
        return found, [0] * len(found) if several else 0

    batching.primitive_batchers[made] = mapped
    return made


def _vectors(x: Any) -> list:
    return [x.update(shape=x.shape[-1:], weak_type=False)] * 3


def _like_x(x: Any, *_: Any) -> Any:
    return x.update(weak_type=False)


def _of_back(*arrays: Any) -> list:
    x, _, _, _, scale, offset, *_ = arrays
    return [_like_x(a) for a in (x, scale, offset, *([x] if len(arrays) == 8 else []))]


moments_p = _made("moments", _moments, _moments_native, _vectors, True)
normal_p = _made("normal", _normal, _normal_native, _like_x, False)
along_p = _made("normal_along", _along, _along, _like_x, False)
back_p = _made("normal_back", _back, _back_native, _of_back, True)

# ---------------------------------------------------------------- derivatives


def _moments_jvp(primals: tuple, tangents: tuple) -> tuple:
    x, dx = primals[0], ad.instantiate_zeros(tangents[0])
    mean, rest, variance = moments_p.bind(x)
    dvariance = 2 * _sum((x - mean - rest) * dx) / _count(x)
    return [mean, rest, variance], [_sum(dx) / _count(x), np.zeros_like(rest), dvariance]


def _normal_jvp(primals: tuple, tangents: tuple, **said: Any) -> tuple:
    y = normal_p.bind(*primals, **said)
    slopes = map(ad.instantiate_zeros, (tangents[0], *tangents[4:]))
    return y, along_p.bind(*primals[:6], *([y] if primals[6:] else []), *slopes, **said)


def _by_formula(
    formula: Callable, made: Primitive, primals: tuple, tangents: tuple, **said: Any
) -> tuple:
    """The derivative of a formula, in which the moments are functions of x."""

    def whole(x: Any, *arrays: Any) -> Any:
        return formula(x, *_moments(x), *arrays[3:], **said)

    slopes = tuple(map(ad.instantiate_zeros, tangents))
    return made.bind(*primals, **said), jax.jvp(whole, primals, slopes)[1]


def _along_transposed(dy: Any, *arrays: Any, **said: Any) -> list:
    known, slopes = _parted(arrays)
    found = back_p.bind(*known, ad.instantiate_zeros(dy), **said)
    wanted = zip(found, slopes, strict=True)
    return [*[None] * len(known), *(f if ad.is_undefined_primal(s) else None for f, s in wanted)]


def _back_transposed(slopes: list, *arrays: Any, **said: Any) -> list:
    *known, dy = arrays
    back = jax.linear_transpose(lambda dy: _back(*known, dy, **said), dy.aval)
    return [*[None] * len(known), *back(list(map(ad.instantiate_zeros, slopes)))]


ad.primitive_jvps[moments_p] = _moments_jvp
ad.primitive_jvps[normal_p] = _normal_jvp
ad.primitive_jvps[along_p] = functools.partial(_by_formula, _along, along_p)
ad.primitive_jvps[back_p] = functools.partial(_by_formula, _back, back_p)
ad.primitive_transposes[along_p] = _along_transposed
ad.primitive_transposes[back_p] = _back_transposed

# ---------------------------------------------------------------- what the engine calls


def takes(x: Any, scale: Any, offset: Any) -> bool:
    """Whether there is one CPU, and much to do in float32."""
    return (
        x.size >= LEAST
        and x.dtype == scale.dtype == offset.dtype == host.float32
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1  # XLA cannot cut a foreign call in parts
        and native.available("cornu_normal_slopes_beside")
    )


def normalized(x: Any, scale: Any, offset: Any, epsilon: float) -> tuple:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset` along the last axis, the mean, the
    variance, and `above(*beside)`: relu of that plus all `beside`. `takes` must hold.

    Measured on 2 busy cores, least ms of 60 of both ways, native / XLA, as it is, with relu, with a
    sum and relu: (128, 32, 32, 16) 2.6/6.3, 3.2/6.3, 3.5/8.7; (128, 16, 16, 32) 0.7/1.9, 1.1/2.0,
    1.9/2.8; (128, 8, 8, 64) 0.34/0.52, 0.50/0.83, 0.81/0.94; (128, 64) 0.02/0.03 each.
    """
    mean, rest, variance = moments_p.bind(x)
    known = (x, mean, rest, variance, scale, offset)

    def above(*beside: Any) -> Any:
        added = [sum(beside[1:], beside[0])] if beside else []
        return normal_p.bind(*known, *added, epsilon=epsilon, relu=True)

    return normal_p.bind(*known, epsilon=epsilon, relu=False), mean, variance, above
