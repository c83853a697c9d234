"""A dense layer in one kernel: the product, a bias and an activation; slopes in one pass before it.

`dense` is not linear: its derivative is that of `native.products`, taken through `finish.along`.

Shapes: x (rows, depth), w (depth, columns), bias (columns,).
"""

import functools
import math
from typing import Any

import jax
import numpy as host
from jax import numpy as np
from jax.interpreters import ad, batching

from cornu.engine import native
from cornu.engine.native import Primitive, finish, products
from cornu.engine.native.convolution import lowered
from cornu.engine.native.slopes import is_zero, mapped, nothing


def _plain(x: Any, w: Any, bias: Any, activation: str) -> Any:
    return finish.activated(np.matmul(x, w) + bias, activation)


def _native(x: Any, w: Any, bias: Any, activation: str) -> Any:
    if not products.has_kernel():
        return _plain(x, w, bias, activation)
    like = jax.ShapeDtypeStruct((x.shape[0], w.shape[1]), x.dtype)
    return native.call("cornu_dense", like, x, w, bias, activation=finish.number(activation))


dense_p = Primitive("cornu_dense")
lowered(dense_p, _plain, _native)
batching.primitive_batchers[dense_p] = mapped(dense_p, _plain)


@dense_p.def_abstract_eval
def _shape(x: Any, w: Any, bias: Any, activation: str) -> Any:
    return x.update(shape=(x.shape[0], w.shape[1]), weak_type=False)


def _jvp(primals: tuple, tangents: tuple, activation: str) -> tuple:
    (x, w, _), (dx, dw, db) = primals, tangents
    y = dense_p.bind(*primals, activation=activation)
    times = functools.partial(products.product_p.bind, a_turned=False, b_turned=False)
    parts = [] if is_zero(dx) else [times(dx, w)]
    parts += [] if is_zero(dw) else [times(x, dw)]
    slope = sum(parts[1:], parts[0]) if parts else nothing(y)
    return y, finish.along(y, slope, db, activation)


ad.primitive_jvps[dense_p] = _jvp


def dense(x: Any, w: Any, bias: Any, activation: str) -> Any:
    """`activation(x @ w + bias)` over the last axis of x, or None where plain JAX does as well.

    activation: one of `finish.ACTIVATIONS`.
    """
    x, w, bias = (np.asarray(each) for each in (x, w, bias))
    if x.ndim < 2 or bias.dtype != x.dtype or x.dtype != host.float32:
        return None
    rows = jax.ShapeDtypeStruct((math.prod(x.shape[:-1]), x.shape[-1]), x.dtype)
    if not products.takes(rows, w):
        return None
    y = dense_p.bind(np.reshape(x, rows.shape), w, bias, activation=activation)
    return np.reshape(y, (*x.shape[:-1], y.shape[-1]))
