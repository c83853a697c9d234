"""Products of matrices by a native kernel: a primitive whose derivatives are such products again.

It is linear in both, and its slopes are products with one or the other turned, so that jvp, grad of
any order, scan and jit follow. On a CPU with AMX's tiles it is lowered to our own kernel
(`src/amx.h` says how that is faster than float32 and as exact), on others with AVX-512 to oneDNN's
for each thread's share, and everywhere else, `vmap` over one factor included, to what XLA has.

Shapes: a (..., rows, depth), b (..., depth, columns), with the same axes before; one that is
"turned" has its last two axes exchanged.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as np
import numpy as host
from jax.interpreters import ad, batching

from cornu.engine import native
from cornu.engine.native import Primitive
from cornu.engine.native.convolution import lowered

NARROW = 16  # a side of a tile: of less the kernel multiplies zeros
TYPES = ("float32", "bfloat16")
LEAST = 1 << 19  # multiplications: of fewer XLA does as well
MOST = 1 << 27  # without tiles: of more XLA does as well


def _sides(a: tuple, b: tuple, a_turned: bool, b_turned: bool) -> tuple[int, int, int]:
    """Rows, depth and columns of a product of shapes."""
    rows, depth = reversed(a[-2:]) if a_turned else a[-2:]
    return rows, depth, b[-2] if b_turned else b[-1]


def takes(a: Any, b: Any, b_turned: bool = False) -> bool:
    """Whether the kernel is faster for a product and for its slopes.

    Least wall ms of 800 on 2 busy cores, on tiles / by oneDNN alone / XLA's: (256, 784) by (784,
    128) 0.16 / 0.18 / 0.24, its slopes 0.14 and 0.18 / 0.20 / 0.30; (256, 64) by (64, 32) 0.009 /
    0.008 / 0.010, its slopes 0.009 / 0.009 / 0.009 and 0.023; (4096, 784) by (784, 512) 6.7 / 11.2
    / 12.5, its slope by the right side 7.2 / 13.5 / 12.3.
    """
    return (
        a.dtype == b.dtype
        and a.ndim == b.ndim >= 2
        and a.shape[:-2] == b.shape[:-2]
        and _pays(a.shape, b.shape, False, b_turned)
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1  # XLA cannot cut a foreign call in parts
        and has_kernel(str(a.dtype))
    )


def _pays(a: tuple, b: tuple, a_turned: bool, b_turned: bool) -> bool:
    sides = _sides(a, b, a_turned, b_turned)
    most = math.inf if _kinds() == len(TYPES) else MOST
    return LEAST <= math.prod(a[:-2]) * math.prod(sides) <= most and min(sides) >= NARROW


@functools.cache
def _kinds() -> int:
    """Of how many TYPES there are products: of bfloat16 on tiles alone."""
    return native.load().library.cornu_products() if native.available("cornu_product") else 0


def has_kernel(dtype: str = "float32") -> bool:
    """Whether the library is here and has products of that type."""
    return dtype in TYPES[: _kinds()]


# ---------------------------------------------------------------- the primitive


def _plain(a: Any, b: Any, a_turned: bool, b_turned: bool) -> Any:
    a = np.swapaxes(a, -1, -2) if a_turned else a
    return np.matmul(a, np.swapaxes(b, -1, -2) if b_turned else b)


def _native(a: Any, b: Any, a_turned: bool, b_turned: bool) -> Any:
    if not (has_kernel(str(a.dtype)) and _pays(a.shape, b.shape, a_turned, b_turned)):
        return _plain(a, b, a_turned, b_turned)
    result = jax.ShapeDtypeStruct(_shape(a.shape, b.shape, a_turned, b_turned), a.dtype)
    turned = {"a_turned": host.bool_(a_turned), "b_turned": host.bool_(b_turned)}
    return native.call("cornu_product", result, a, b, **turned)


def _shape(a: tuple, b: tuple, a_turned: bool, b_turned: bool) -> tuple[int, ...]:
    rows, _, columns = _sides(a, b, a_turned, b_turned)
    return (*a[:-2], rows, columns)


def _made(a: Any, b: Any, a_turned: bool, b_turned: bool) -> Any:
    return a.update(shape=_shape(a.shape, b.shape, a_turned, b_turned), weak_type=False)


def _mapped(arrays: tuple, axes: tuple, **turned: bool) -> tuple:
    """Under `vmap`: one more axis before, and XLA where only one of them is mapped."""
    if None in axes:
        return jax.vmap(functools.partial(_plain, **turned), axes)(*arrays), 0
    a, b = (np.moveaxis(x, axis, 0) for x, axis in zip(arrays, axes, strict=True))
    return product_p.bind(a, b, **turned), 0


def _slope_of_a(slope: Any, a: Any, b: Any, a_turned: bool, b_turned: bool) -> Any:
    if a_turned:
        return product_p.bind(b, slope, a_turned=b_turned, b_turned=True)
    return product_p.bind(slope, b, a_turned=False, b_turned=not b_turned)


def _slope_of_b(slope: Any, a: Any, b: Any, a_turned: bool, b_turned: bool) -> Any:
    if b_turned:
        return product_p.bind(slope, a, a_turned=True, b_turned=a_turned)
    return product_p.bind(a, slope, a_turned=not a_turned, b_turned=False)


product_p = Primitive("cornu_product")
product_p.def_abstract_eval(_made)
lowered(product_p, _plain, _native)
batching.primitive_batchers[product_p] = _mapped
ad.defbilinear(product_p, _slope_of_a, _slope_of_b)


def matmul(a: Any, b: Any, b_turned: bool = False) -> Any:
    """Matrix product over the last two axes, by the kernel where it is faster."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim > 2 and b.ndim == 2:
        # All rows as one matrix: of more axes XLA's CPU gets the slope by `b` from a copy that is
        # turned, 16 MB in a transformer's layer of 1,024 units.
        rows = np.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))
        made = matmul(rows, b, b_turned)
        return np.reshape(made, (*a.shape[:-1], made.shape[-1]))
    if takes(a, b, b_turned):
        return product_p.bind(a, b, a_turned=False, b_turned=b_turned)
    return np.matmul(a, np.swapaxes(b, -1, -2) if b_turned else b)
