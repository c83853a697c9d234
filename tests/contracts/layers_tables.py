"""Rows of the layer contract: numbers and categories of tables.

The bins of hashes are TensorFlow's, from `tf.strings.to_hash_bucket_fast`, `_strong` and
`tf.sparse.cross_hashed`.
"""

from typing import Any

import numpy as np

from contracts.draws import some
from contracts.layers_row import Row, long_time, rows


def scaled(
    x: np.ndarray,
    w: Any,
    mean: Any,
    variance: Any,
    axis: Any = -1,
    invert: bool = False,
) -> np.ndarray:
    mean, variance = np.asarray(mean, "float64"), np.asarray(variance, "float64")
    if axis == 1:
        mean, variance = mean[:, None], variance[:, None]
    deviation = np.maximum(np.sqrt(variance), 1e-7)
    return x * deviation + mean if invert else (x - mean) / deviation


def coded(bins: np.ndarray, depth: int, mode: str, weights: Any = None) -> np.ndarray:
    """One number after another; -1 counts nowhere."""
    if mode == "int":
        return bins
    units = np.vstack([np.eye(depth), np.zeros(depth)])
    if mode == "one_hot":
        return units[bins[..., 0] if bins.shape[-1] == 1 else bins]
    counts = units[bins].sum(-2)
    return np.minimum(counts, 1) if mode == "multi_hot" else counts


def binned(x: np.ndarray, w: Any, bin_boundaries: Any, output_mode: str = "int") -> np.ndarray:
    bins = sum((x >= b).astype(int) for b in bin_boundaries)
    return coded(bins, len(bin_boundaries) + 1, output_mode)


def encoded(x: np.ndarray, w: Any, num_tokens: int, output_mode: str = "multi_hot") -> np.ndarray:
    return coded(x, num_tokens, output_mode)


def looked_up(
    x: np.ndarray,
    w: Any,
    vocabulary: Any,
    output_mode: str = "int",
    mask_token: Any = None,
    num_oov_indices: int = 1,
    idf_weights: Any = None,
    invert: bool = False,
) -> np.ndarray:
    masks = mask_token is not None and output_mode == "int"
    first = masks + num_oov_indices
    if invert:
        tokens = [-1] * first + list(vocabulary)
        return np.array([tokens[i] if 0 <= i < len(tokens) else -1 for i in x.ravel()]).reshape(
            x.shape
        )

    def place(value: int) -> int:
        if value in vocabulary:
            return first + list(vocabulary).index(value)
        if value == mask_token:
            return 0 if masks else -1
        return masks + value % num_oov_indices

    places = np.array([place(v) for v in x.ravel().tolist()]).reshape(x.shape)
    if output_mode != "tf_idf":
        return coded(places, first + len(vocabulary), output_mode)
    weights = [np.mean(idf_weights)] * first + list(idf_weights)
    return coded(places, first + len(vocabulary), "count") * weights


HASHED = {3: 1, -14: 2, 0: 0, 2147483647: 2, 7: 3, 100000: 0}
SALTED = {3: 3, -14: 0, 0: 4, 2147483647: 1, 7: 2, 100000: 3}
CROSSED = {(3, 7): 3, (-14, 7): 2, (0, 123456): 1}


def hashed(x: np.ndarray, w: Any, num_bins: int, output_mode: str, salt: Any = None) -> np.ndarray:
    table = HASHED if salt is None else SALTED
    return coded(np.vectorize(table.get)(x), num_bins, output_mode)


def crossed(a: np.ndarray, b: np.ndarray, w: Any, num_bins: int, output_mode: str) -> np.ndarray:
    bins = [CROSSED[pair] for pair in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)]
    return coded(np.array(bins).reshape(a.shape), num_bins, output_mode)


numbers = np.array([[-2.0, 0.0, 0.5], [0.25, 7.0, -0.1]], "float32")
tokens = np.array([[0, 3, 3, 1], [2, 2, 2, 2]], "int32")
column = np.array([[0], [3], [2]], "int32")
values = np.array([[30, 10, 7, 30], [0, 20, 8, -5]], "int32")
hashable = np.array([[3, -14, 0], [2147483647, 7, 100000]], "int32")
vocabulary = {"vocabulary": [10, 30, 20]}
no_slopes: dict[str, Any] = {"wrt": ()}

ROWS: tuple[Row, ...] = (
    *rows(
        "Normalization",
        scaled,
        ((some(3, 4),), {"mean": [1.0, 2.0, -1.0, 0.5], "variance": [4.0, 0.25, 1.0, 2.0]}),
        ((some(2, 3, 4),), {"mean": [1.0, 2.0, -1.0], "variance": [4.0, 0.3, 1.0], "axis": 1}),
        (
            (some(2, 3, 4),),
            {"mean": 1.5, "variance": 4.0, "axis": None, "invert": True},
            long_time,
        ),
    ),
    *rows(
        "Discretization",
        binned,
        ((numbers,), {"bin_boundaries": [-1.0, 0.0, 0.25], "output_mode": "one_hot"}),
        ((numbers,), {"bin_boundaries": [-1.0, 0.0, 0.25]}, {"unknown": {0: (0, 1)}}),
        ((numbers,), {"bin_boundaries": [-1.0, 0.0, 0.25], "output_mode": "count"}),
        **no_slopes,
    ),
    *rows(
        "CategoryEncoding",
        encoded,
        ((tokens,), {"num_tokens": 5}),
        ((tokens,), {"num_tokens": 4, "output_mode": "one_hot"}, {"unknown": {0: (0, 1)}}),
        ((tokens,), {"num_tokens": 5, "output_mode": "count"}),
        ((column,), {"num_tokens": 5, "output_mode": "one_hot"}),
        **no_slopes,
    ),
    *rows(
        "IntegerLookup",
        looked_up,
        ((values,), {**vocabulary, "output_mode": "multi_hot"}),
        ((values,), vocabulary, {"unknown": {0: (0, 1)}}),
        ((values,), {**vocabulary, "mask_token": 0, "num_oov_indices": 3}),
        ((values,), {**vocabulary, "mask_token": 0, "output_mode": "count"}),
        (
            (values,),
            {**vocabulary, "output_mode": "tf_idf", "idf_weights": [0.5, 2.0, 1.0]},
        ),
        ((tokens + 1,), {**vocabulary, "invert": True}),
        **no_slopes,
    ),
    *rows(
        "Hashing",
        hashed,
        ((hashable,), {"num_bins": 5, "output_mode": "one_hot"}),
        ((hashable,), {"num_bins": 5, "output_mode": "multi_hot", "salt": [133, 137]}),
        **no_slopes,
    ),
    *rows(
        "HashedCrossing",
        crossed,
        (
            (np.array([[3], [-14], [0]], "int32"), np.array([[7], [7], [123456]], "int32")),
            {"num_bins": 5, "output_mode": "one_hot"},
        ),
        several=True,
        unknown={0: (0,), 1: (0,)},
        **no_slopes,
    ),
)
