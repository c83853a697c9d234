"""Attention by dot products in one kernel each way, which keeps no scores.

Shapes: query (batch, time, heads, depth), key (batch, key time, heads, depth), value (batch, key
time, heads, value depth); mask, True where a place may look, (batch or 1, heads or 1, time or 1,
key time), with no numbers at all for no mask.
"""

from typing import Any

import jax
import jax.numpy as np
import numpy as host

from cornu.engine import native
from cornu.engine.native.slopes import Form, primitive

ATTENTION, BACK = "cornu_attention", "cornu_attention_back"
LEAST = 1 << 21  # multiplications, below which plain JAX does as well
MOST = 1 << 12  # keys: scores of some queries must stay in a cache
HIDDEN = -0.7 * float(host.finfo("float32").max)  # as `ops.attention.least`


def plain(query: Any, key: Any, value: Any, mask: Any, scale: float, causal: bool) -> Any:
    """`softmax(query @ keyᵀ * scale) @ value`, head by head."""
    scores = np.einsum("bthd,bshd->bhts", query, key) * host.float32(scale)
    if mask.size:
        scores = np.where(mask, scores, host.float32(HIDDEN))
    if causal:
        seen = np.arange(query.shape[1])[:, None] >= np.arange(key.shape[1])
        scores = np.where(seen, scores, host.float32(HIDDEN))
    return np.einsum("bhts,bshd->bthd", jax.nn.softmax(scores), value)


def _takes(*arrays: Any) -> bool:
    """Whether a lowering can call the kernels on them."""
    floats = all(a.dtype == host.float32 and a.size for a in arrays)
    return floats and native.available(ATTENTION) and native.available(BACK)


def _said(scale: float, causal: bool) -> dict[str, Any]:
    return {"scale": host.float32(scale), "causal": host.bool_(causal)}


def _value(query: Any, key: Any, value: Any, mask: Any, scale: float, causal: bool) -> Any:
    if not _takes(query, key, value):
        return plain(query, key, value, mask, scale, causal)
    made = jax.ShapeDtypeStruct((*query.shape[:3], value.shape[3]), query.dtype)
    return native.call(ATTENTION, made, query, key, value, mask, **_said(scale, causal))


def _back(*given: Any, scale: float, causal: bool) -> list:
    if not _takes(*given[:3]):
        return FORM.back(*given, scale=scale, causal=causal)
    made = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in given[:3]]
    return list(native.call(BACK, made, *given, **_said(scale, causal)))


def _like(query: Any, key: Any, value: Any, mask: Any) -> Any:
    return query.update(shape=(*query.shape[:3], value.shape[3]), weak_type=False)


FORM = Form(plain, 3, _like)
attention_p = primitive(ATTENTION, FORM, _value, _back)


def attention(query: Any, key: Any, value: Any, mask: Any, scale: Any, causal: bool) -> Any:
    """The mixed values, (batch, time, heads, value depth); None where kernels do not serve.

    mask: broadcasts to (batch, heads, time, key time), or None.
    """
    (batch, time, heads, depth), size = query.shape, key.shape[1]
    shape = (batch, heads, time, size)
    serves = (
        all(a.dtype == host.float32 for a in (query, key, value))
        and isinstance(scale, (int, float))
        and key.shape[2] == heads
        and batch * heads * time * size * (depth + value.shape[3]) >= LEAST
        and size <= MOST
        and (mask is None or _broadcasts(mask.shape, shape))
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1
        and _takes(query, key, value)
    )
    if not serves:
        return None
    if mask is None:
        mask = host.zeros((1, 1, 1, 0), bool)
    else:
        mask = np.reshape(mask, (*[1] * (4 - mask.ndim), *mask.shape))
        mask = np.broadcast_to(mask, (*mask.shape[:3], size))
    return attention_p.bind(query, key, value, mask, scale=float(scale), causal=bool(causal))


def _broadcasts(shape: tuple, wanted: tuple) -> bool:
    last = wanted[len(wanted) - len(shape) :]
    return len(shape) <= 4 and all(a in (1, b) for a, b in zip(shape, last, strict=True))
