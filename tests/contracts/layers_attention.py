"""Rows of attention, einsum and reversible tables. Layers with heads: `tests/layers`."""

from typing import Any

import numpy as np

from contracts.attention_reference import bahdanau, luong
from contracts.draws import some
from contracts.layers_row import Row, ids, long_time, rows

BOTH: dict[str, Any] = {
    "several": True,
    "unknown": {0: (0, 1), 1: (0,)},
    "wrt": (0, 1),
    "mask": "own",
}


def _einsum(x: np.ndarray, w: dict, equation: str, **_: Any) -> np.ndarray:
    kernel = w["kernel"]
    if "lora_kernel_a" in w:
        kernel = kernel + 1.5 * np.tensordot(w["lora_kernel_a"], w["lora_kernel_b"], 1)
    return np.einsum(equation, x, kernel) + w.get("bias", 0)


def _table(x: np.ndarray, w: dict, **_: Any) -> np.ndarray:
    return w["embeddings"][x]


ROWS: tuple[Row, ...] = (
    *rows(
        "Attention",
        luong,
        ((some(2, 3, 4), some(2, 5, 4)), {}),
        ((some(2, 3, 4), some(2, 5, 4)), {"use_scale": True, "score_mode": "concat"}),
        ((some(2, 3, 4), some(2, 5, 4)), {"use_scale": True}),
        ((some(2, 2, 3, 4), some(2, 2, 5, 4)), {}, {"unknown": {0: (0,), 1: (0,)}}),
        (
            (some(2, 3, 4), some(2, 5, 2), some(2, 5, 4)),
            {},
            {"unknown": {0: (0, 1), 1: (0,), 2: (0,)}, "wrt": (0, 1, 2)},
        ),
        ((some(2, 3, 4), some(2, 5, 4)), {"dropout": 0.4}, {"training": "drawn"}),
        **BOTH,
    ),
    *rows(
        "AdditiveAttention",
        bahdanau,
        ((some(2, 3, 4), some(2, 5, 4)), {}),
        ((some(2, 3, 4), some(2, 5, 4)), {"use_scale": False}),
        ((some(2, 3, 4), some(2, 5, 4)), {"dropout": 0.4}, {"training": "drawn"}),
        **BOTH,
    ),
    *rows(
        "EinsumDense",
        _einsum,
        (
            (some(2, 3, 4),),
            {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"},
            long_time,
        ),
        ((some(2, 3, 4),), {"equation": "...x,xy->...y", "output_shape": 5}, long_time),
        (
            (some(2, 3, 4),),
            {
                "equation": "abc,cd->adb",
                "output_shape": (5, 3),
                "bias_axes": "d",
                "lora_rank": 2,
                "lora_alpha": 3,
            },
        ),
        mask="warns",
    ),
    *rows(
        "ReversibleEmbedding",
        _table,
        ((ids,), {"input_dim": 5, "output_dim": 3}, long_time),
        ((ids,), {"input_dim": 5, "output_dim": 3, "mask_zero": True}, {"mask": "own"}),
        wrt=(),
        mask="ends",
    ),
)
