"""Attention in float64 NumPy, one head and one sample after another."""

from typing import Any

import numpy as np


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def places(time: int, size: int) -> np.ndarray:
    """True where key j is no later than query i."""
    return np.array([[j <= i for j in range(size)] for i in range(time)])


def attend(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    attn_logits_soft_cap: float | None = None,
    flash_attention: Any = None,
    empty: float | None = None,
) -> np.ndarray:
    """`softmax(q kᵀ scale + bias) v`, head by head; where nothing is seen, the mean of values.

    `empty` stands for the result there in place of the mean.
    """
    (batch, time, heads, depth), (_, size, shared, _) = query.shape, key.shape
    whole = (batch, heads, time, size)
    seen = np.broadcast_to(True if mask is None else np.asarray(mask).astype(bool), whole)
    if is_causal:
        seen = seen & places(time, size)
    more = np.broadcast_to(0.0 if bias is None else bias, whole)
    found = np.zeros((batch, time, heads, value.shape[-1]))
    for b, n, t in np.ndindex(batch, heads, time):
        m = n // (heads // shared)
        if not seen[b, n, t].any():
            found[b, t, n] = value[b, :, m].mean(0) if empty is None else empty
            continue
        score = key[b, :, m] @ query[b, t, n] * (depth**-0.5 if scale is None else scale)
        if attn_logits_soft_cap is not None:
            score = attn_logits_soft_cap * np.tanh(score / attn_logits_soft_cap)
        at = seen[b, n, t]
        found[b, t, n] = softmax((score + more[b, n, t])[at]) @ value[b, at, m]
    return found


def heads(
    query: np.ndarray, value: np.ndarray, w: dict, key: Any = None, more: Any = None
) -> np.ndarray:
    """Projections, attention, gate and the projection of the result. `w`: weights by path."""
    key = value if key is None else key

    def project(x: np.ndarray, name: str) -> np.ndarray:
        return np.tensordot(x, w[f"{name}/kernel"], 1) + w.get(f"{name}/bias", 0)

    mixed = attend(
        project(query, "query"), project(key, "key"), project(value, "value"), **(more or {})
    )
    if "gate/kernel" in w:
        mixed = mixed / (1 + np.exp(-project(query, "gate")))
    kernel = w["attention_output/kernel"]
    return np.tensordot(mixed, kernel, 2) + w.get("attention_output/bias", 0)


def luong(
    query: np.ndarray,
    value: np.ndarray,
    key: Any = None,
    *,
    w: dict,
    use_scale: bool = False,
    score_mode: str = "dot",
    **_: Any,
) -> np.ndarray:
    """Dot products, or a sum of tanh(query + key)."""
    key, factor = value if key is None else key, w.get("scale", 1.0)
    if score_mode == "dot":
        scores = np.einsum("...td,...sd->...ts", query, key) * factor
    else:
        sums = np.tanh(factor * (query[..., :, None, :] + key[..., None, :, :]))
        scores = w["concat_score_weight"] * sums.sum(-1)
    return softmax(scores) @ value


def bahdanau(query: np.ndarray, value: np.ndarray, *, w: dict, **_: Any) -> np.ndarray:
    """A weighed sum of tanh(query + key)."""
    sums = np.tanh(query[..., :, None, :] + value[..., None, :, :])
    return softmax((sums * w.get("scale", 1.0)).sum(-1)) @ value
