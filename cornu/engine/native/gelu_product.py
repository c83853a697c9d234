"""A product with what GELU gave, which is not kept: the way back makes it again.

A dense layer's way back needs what it was given. Where that is GELU of an array which GELU's own
slope needs too, one kernel makes both at once, GELU in the place of its argument and the slope in
that of what it is multiplied by. So a transformer keeps one array of its widest layer, not two:
64 of 296 MB of the working memory of four layers of 1,024 units over (32, 128) words.

Shapes: x (rows, depth), w (depth, columns).
"""

from typing import Any

import jax
import jax.numpy as np

from cornu.engine import native
from cornu.engine.native import products, rowwise
from cornu.engine.native.slopes import Form, primitive

AGAIN = "cornu_gelu_again"


def plain(x: Any, w: Any) -> Any:
    """`gelu(x) @ w`."""
    return np.matmul(rowwise.plain_gelu(x), w)


def _product(a: Any, b: Any, a_turned: bool = False, b_turned: bool = False) -> Any:
    return products.product_p.bind(a, b, a_turned=a_turned, b_turned=b_turned)


def _value(x: Any, w: Any) -> Any:
    return _product(rowwise.gelu_p.bind(x), w)


def _back(x: Any, w: Any, slope: Any) -> list:
    if not _has_kernel(x):
        return FORM.back(x, w, slope)
    like = jax.ShapeDtypeStruct(x.shape, x.dtype)
    call = jax.ffi.ffi_call(AGAIN, (like, like), input_output_aliases={1: 1})
    y, by_x = call(x, _product(slope, w, b_turned=True))
    return [by_x, _product(y, slope, a_turned=True)]


def _has_kernel(x: Any) -> bool:
    return rowwise.takes(x) and native.available(AGAIN)


FORM = Form(plain, 2, lambda x, w: x.update(shape=(x.shape[0], w.shape[1]), weak_type=False))
gelu_product_p = primitive("cornu_gelu_product", FORM, _value, _back)


def gelu_matmul(x: Any, w: Any) -> Any:
    """`gelu(x) @ w` over the last axis of x, or None where plain JAX does as well.

    x: (..., depth).
    """
    x, w = np.asarray(x), np.asarray(w)
    if x.ndim < 2 or w.ndim != 2:
        return None
    rows = np.reshape(x, (-1, x.shape[-1]))
    if not (_has_kernel(x) and rowwise.serves(x, AGAIN) and products.takes(rows, w)):
        return None
    y = gelu_product_p.bind(rows, w)
    return np.reshape(y, (*x.shape[:-1], y.shape[-1]))
