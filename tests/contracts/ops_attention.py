"""Rows of `dot_product_attention`."""

from typing import Any

import numpy as np

from contracts.attention_reference import attend
from contracts.draws import some
from contracts.ops_table import Row

NAME = "dot_product_attention"
BATCH = {0: (0,), 1: (0,), 2: (0,)}
SEEN = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]], "bool")


def _row(heads: int, shared: int, depth: int = 4, **options: Any) -> Row:
    q, k, v = some(2, 3, heads, 4), some(2, 5, shared, 4), some(2, 5, shared, depth)
    unknown = BATCH if "mask" in options else {**BATCH, 0: (0, 1)}
    return Row(NAME, (q, k, v), attend, options, (0, 1, 2), unknown, whole="float32")


ROWS: tuple[Row, ...] = (
    _row(2, 2),
    _row(4, 2, 3, is_causal=True, scale=0.3),
    _row(2, 1, mask=SEEN, flash_attention=False),
    _row(2, 2, mask=SEEN.astype("int32"), is_causal=True, attn_logits_soft_cap=0.7),
    Row(
        NAME,
        (some(2, 3, 2, 4), some(2, 5, 2, 4), some(2, 5, 2, 4), some(1, 2, 3, 5)),
        attend,
        {"mask": SEEN},
        (0, 1, 2, 3),
        BATCH,
        whole="float32",
    ),
)
