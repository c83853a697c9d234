"""Attention by dot products: the op, and the parts from which layers make their own.

Arrays are (batch, time, heads, depth); scores and masks are (batch, heads, query time, key time).
Where heads of the query outnumber those of the key, neighbours share one, and nothing is repeated
in memory. Softmax is taken in float32 at least. Layers are in `cornu/layers/attention*.py`.
"""

from functools import reduce
from typing import Any

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops.array import as_array, as_float

__all__ = ["dot_product_attention"]


@op
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """`softmax(query @ keyᵀ * scale + bias) @ value`, head by head.

    A place of the query that may look at no key gets the mean of all values.

    Args:
        query: (batch, query time, heads, depth).
        key: (batch, key time, key heads, depth); key heads divide heads.
        value: (batch, key time, key heads, value depth).
        bias: added to the scores; broadcasts to (batch, heads, query time, key time).
        mask: True where a place may look; broadcasts as `bias` does.
        scale: factor of the scores, 1 / sqrt(depth) by default.
        is_causal: whether place i of the query may look at keys 0 to i only.
        flash_attention: True asks for a fused kernel of the device, False for none; by default one
            is used where it fits.
        attn_logits_soft_cap: `c` bends scaled scores to `c * tanh(scores / c)`.

    Raises:
        UsageError: where shapes do not go together, or no fused kernel fits that was asked for.

    Source: Vaswani et al., "Attention Is All You Need", 2017; Ainslie et al., "GQA", 2023.
    """
    query, key, value = _floats(query, key, value)
    check_shapes(query, key, value)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    mask = None if mask is None else engine.cast(as_array(mask), "bool")
    if flash_attention is not False and bias is None and attn_logits_soft_cap is None:
        fused = engine.attention(query, key, value, mask, scale, bool(is_causal))
        if fused is not None:
            return fused
    if flash_attention:
        raise no_fused_kernel(query, bias, mask)
    mask = both(mask, causal(query.shape[1], key.shape[1]) if is_causal else None)
    logits = scores(query, key, bias, mask, scale, attn_logits_soft_cap)
    weights = engine.softmax_rows(logits)
    if weights is not None:
        mixed = mix(engine.cast(weights, str(value.dtype)), value, wide=True)
        return engine.cast(mixed, str(query.dtype))
    # The sum divides what comes out, which is smaller than the weights by depth / time.
    top = engine.stop_gradient(engine.np.max(logits, axis=-1, keepdims=True))
    powers = engine.np.exp(logits - top)  # (batch, heads, query time, key time)
    total = engine.np.sum(powers, axis=-1)  # (batch, heads, query time)
    mixed = mix(engine.cast(powers, str(value.dtype)), value, wide=True)
    return engine.cast(mixed / engine.np.moveaxis(total, 1, 2)[..., None], str(query.dtype))


def _floats(*arrays: Any) -> list:
    """All in the widest of their float dtypes."""
    found = [as_float(x) for x in arrays]
    widest = reduce(engine.np.promote_types, [x.dtype for x in found])
    return [engine.cast(x, str(widest)) for x in found]


def check_shapes(query: Any, key: Any, value: Any) -> None:
    """Raise UsageError unless shapes of query, key and value go together."""
    q, k, v = (tuple(x.shape) for x in (query, key, value))
    said = f"got query {q}, key {k}, value {v}"
    if {len(q), len(k), len(v)} != {4}:
        wrong = "query, key and value must be (batch, time, heads, depth)"
    elif k[:3] != v[:3]:
        wrong = "key and value must agree in batch, time and heads"
    elif q[0] != k[0]:
        wrong = "query and key must have one batch size"
    elif q[3] != k[3]:
        wrong = "query and key must have one depth"
    elif q[2] % k[2]:
        wrong = f"heads of the key must divide the {q[2]} heads of the query, as 1 or {q[2]} do"
    else:
        return
    raise UsageError("E-ATTENTION", f"attention: {wrong}; {said}.")


def no_fused_kernel(query: Any, bias: Any, mask: Any) -> UsageError:
    """The error where `flash_attention=True` cannot be had."""
    extras = [n for n, x in (("a bias", bias), ("a mask", mask)) if x is not None]
    return UsageError(
        "E-FLASH",
        "flash_attention=True: this device has no fused kernel for query of shape "
        f"{tuple(query.shape)}, {query.dtype}{' with ' + ' and '.join(extras) if extras else ''}. "
        "Leave flash_attention=None: one is then used where it fits.",
    )


# ---------------------------------------------------------------- parts


def scores(
    query: Any, key: Any, bias: Any, mask: Any, scale: Any, soft_cap: float | None = None
) -> Any:
    """`query @ keyᵀ * scale`, bent by the cap, plus bias; far below all others where masked."""
    np = engine.np
    dtype = str(np.promote_types(query.dtype, "float32"))
    (batch, time, heads, depth), (_, size, shared, _) = query.shape, key.shape
    first = str(query.dtype) == dtype  # not of 16 bits, which the factor would round
    if first:  # the query is smaller than the scores, for which XLA's CPU fills an array of `scale`
        query = query * engine.cast(scale, dtype)
    if heads == shared:
        query, key = np.swapaxes(query, 1, 2), np.swapaxes(key, 1, 2)  # see `mix`
        if first:
            logits = engine.matmul(query, key, b_turned=True)
        else:
            logits = np.einsum("bnth,bnsh->bnts", query, key, preferred_element_type=dtype)
    else:
        grouped = np.reshape(query, (batch, time, shared, heads // shared, depth))
        logits = np.einsum("btngh,bsnh->bngts", grouped, key, preferred_element_type=dtype)
        logits = np.reshape(logits, (batch, heads, time, size))
    if not first:
        logits = logits * engine.cast(scale, dtype)
    if soft_cap is not None:
        logits = np.tanh(logits / soft_cap) * soft_cap
    if bias is not None:
        logits = logits + engine.cast(as_array(bias), dtype)
    return logits if mask is None else np.where(mask, logits, least(dtype))


def least(dtype: str) -> float:
    """A score that weighs nothing beside any other, and is finite: so are rows of nothing else."""
    return -0.7 * float(engine.np.finfo(dtype).max)


def mix(weights: Any, value: Any, wide: bool = False) -> Any:
    """Sums of values by weights (batch, heads, query time, key time), in the dtype of `value`.

    `wide`: in float32 at least.
    """
    np = engine.np
    dtype = str(np.promote_types(value.dtype, "float32")) if wide else str(value.dtype)
    (batch, heads, time, size), shared = weights.shape, value.shape[2]
    if heads == shared:
        # Heads first for all of it: XLA's CPU then copies each array once, forward and back, where
        # an equation with heads in the middle makes it turn some of them twice.
        value = np.swapaxes(value, 1, 2)
        if weights.dtype == value.dtype == dtype:
            mixed = engine.matmul(weights, value)
        else:
            mixed = np.einsum("bnts,bnsh->bnth", weights, value, preferred_element_type=dtype)
        return np.swapaxes(mixed, 1, 2)
    grouped = np.reshape(weights, (batch, shared, heads // shared, time, size))
    mixed = np.einsum("bngts,bsnh->btngh", grouped, value, preferred_element_type=dtype)
    return np.reshape(mixed, (batch, time, heads, value.shape[3]))


def causal(time: int, size: int) -> Any:
    """True where place i of `time` may look at place j of `size`: j <= i."""
    return engine.np.arange(time)[:, None] >= engine.np.arange(size)


def both(a: Any, b: Any) -> Any:
    """Where both masks are True; None stands for one that is True everywhere."""
    if a is None or b is None:
        return b if a is None else a
    return engine.np.logical_and(a, b)
