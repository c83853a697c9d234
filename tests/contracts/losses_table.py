"""The table of losses: each formula in float64 NumPy, what it is fed and how it is tried."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from contracts.ops_ctc import over_all_paths

EPS = 1e-7


# ---------------------------------------------------------------- the formulas


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def clip(p):
    return np.clip(p, EPS, 1 - EPS)


def ref_binary(t, p, from_logits=False, label_smoothing=0.0, axis=-1):
    p = clip(sigmoid(p) if from_logits else p)
    t = t * (1 - label_smoothing) + label_smoothing / 2
    return (-t * np.log(p) - (1 - t) * np.log(1 - p)).mean(axis)


def ref_binary_focal(
    t, p, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0
):
    p = sigmoid(p) if from_logits else p
    t = t * (1 - label_smoothing) + label_smoothing / 2
    true = t * p + (1 - t) * (1 - p)
    value = (1 - true) ** gamma * (-t * np.log(clip(p)) - (1 - t) * np.log(1 - clip(p)))
    if apply_class_balancing:
        value = value * (t * alpha + (1 - t) * (1 - alpha))
    return value.mean(-1)


def ref_categorical(t, p, from_logits=False, label_smoothing=0.0, axis=-1):
    p = softmax(p, axis) if from_logits else p / p.sum(axis, keepdims=True)
    t = t * (1 - label_smoothing) + label_smoothing / t.shape[axis]
    return -(t * np.log(clip(p))).sum(axis)


def ref_categorical_focal(
    t, p, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    p = clip(softmax(p, axis) if from_logits else p / p.sum(axis, keepdims=True))
    t = t * (1 - label_smoothing) + label_smoothing / t.shape[axis]
    return -(np.asarray(alpha) * (1 - p) ** gamma * t * np.log(p)).sum(axis)


def ref_sparse(t, p, from_logits=False, ignore_class=None, axis=-1):
    classes = np.moveaxis(p, axis, -1)
    kept = np.ones(t.shape) if ignore_class is None else (t != ignore_class) * 1.0
    one_hot = np.eye(classes.shape[-1])[np.where(kept > 0, t, 0)]
    return ref_categorical(one_hot, classes, from_logits) * kept


def ref_cosine(t, p, axis=-1):
    lengths = np.linalg.norm(t, axis=axis) * np.linalg.norm(p, axis=axis)
    return -(t * p).sum(axis) / lengths


def ref_huber(t, p, delta=1.0):
    e = np.abs(p - t)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2).mean(-1)


def ref_dice(t, p, axis=None):
    return 1 - 2 * (t * p).sum(axis) / (t.sum(axis) + p.sum(axis) + EPS)


def ref_tversky(t, p, alpha=0.5, beta=0.5, axis=None):
    both = (t * p).sum(axis)
    missed, false = (t * (1 - p)).sum(axis), (p * (1 - t)).sum(axis)
    return 1 - both / (both + alpha * missed + beta * false + EPS)


def ref_circle(t, p, gamma=80.0, margin=0.4, remove_diagonal=True):
    """The paper's sums, row by row and pair by pair."""
    values = np.zeros(len(t))
    for i in range(len(t)):
        near = far = 0.0
        for j in range(len(t)):
            d = max(1 - float(p[i] @ p[j]), 0)
            if t[i] == t[j] and not (remove_diagonal and i == j):
                near += np.exp(gamma * (d + margin) * (d - margin))
            elif t[i] != t[j]:
                far += np.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d))
        values[i] = np.log1p(near * far)
    return values


def signs(t):
    return np.where(t == 0, -1, t)


# ---------------------------------------------------------------- the table


def ref_ctc(t, p):
    labels = [[c for c in row if c] for row in t.astype(int)]
    words = np.array([[*row, *[0] * (t.shape[1] - len(row))] for row in labels])
    sizes = np.array([len(row) for row in labels])
    return over_all_paths(words, p, sizes, np.full(len(p), p.shape[1]))


class Row(NamedTuple):
    """One loss: its class, its formula, what it is fed, and the options it is tried with."""

    cls: str
    reference: Callable
    data: str
    options: tuple[dict, ...] = ({},)
    per_row: bool = True


ROWS = {
    "mean_squared_error": Row("MeanSquaredError", lambda t, p: ((t - p) ** 2).mean(-1), "numbers"),
    "mean_absolute_error": Row("MeanAbsoluteError", lambda t, p: np.abs(t - p).mean(-1), "numbers"),
    "mean_absolute_percentage_error": Row(
        "MeanAbsolutePercentageError",
        lambda t, p: 100 * (np.abs(t - p) / np.maximum(np.abs(t), EPS)).mean(-1),
        "numbers",
    ),
    "mean_squared_logarithmic_error": Row(
        "MeanSquaredLogarithmicError",
        lambda t, p: ((np.log(1 + t) - np.log(1 + p)) ** 2).mean(-1),
        "shares",
    ),
    "cosine_similarity": Row("CosineSimilarity", ref_cosine, "numbers", ({}, {"axis": 1})),
    "huber": Row("Huber", ref_huber, "numbers", ({}, {"delta": 0.3})),
    "log_cosh": Row("LogCosh", lambda t, p: np.log(np.cosh(p - t)).mean(-1), "numbers"),
    "poisson": Row("Poisson", lambda t, p: (p - t * np.log(p + EPS)).mean(-1), "shares"),
    "kl_divergence": Row("KLDivergence", lambda t, p: (t * np.log(t / p)).sum(-1), "shares"),
    "hinge": Row("Hinge", lambda t, p: np.maximum(1 - signs(t) * p, 0).mean(-1), "scores"),
    "squared_hinge": Row(
        "SquaredHinge", lambda t, p: (np.maximum(1 - signs(t) * p, 0) ** 2).mean(-1), "scores"
    ),
    "categorical_hinge": Row(
        "CategoricalHinge",
        lambda t, p: np.maximum(((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0),
        "one_hot_scores",
    ),
    "binary_crossentropy": Row(
        "BinaryCrossentropy", ref_binary, "bits", ({}, {"label_smoothing": 0.2})
    ),
    "binary_focal_crossentropy": Row(
        "BinaryFocalCrossentropy",
        ref_binary_focal,
        "bits",
        ({}, {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}, {"gamma": 0.5}),
    ),
    "categorical_crossentropy": Row(
        "CategoricalCrossentropy", ref_categorical, "one_hot", ({}, {"label_smoothing": 0.2})
    ),
    "categorical_focal_crossentropy": Row(
        "CategoricalFocalCrossentropy",
        ref_categorical_focal,
        "one_hot",
        ({}, {"alpha": [0.1, 0.2, 0.7], "gamma": 1.0, "label_smoothing": 0.1}),
    ),
    "sparse_categorical_crossentropy": Row(
        "SparseCategoricalCrossentropy", ref_sparse, "classes", ({}, {"ignore_class": 1})
    ),
    "categorical_generalized_cross_entropy": Row(
        "CategoricalGeneralizedCrossEntropy",
        lambda t, p, q=0.5: (1 - np.take_along_axis(p, t[..., None], -1)[..., 0] ** q) / q,
        "classes",
        ({}, {"q": 0.8}),
    ),
    "dice": Row("Dice", ref_dice, "bits", ({}, {"axis": (1, 2)}), per_row=False),
    "tversky": Row(
        "Tversky", ref_tversky, "bits", ({}, {"alpha": 0.3, "beta": 0.6, "axis": -1}), per_row=False
    ),
    "ctc": Row("CTC", ref_ctc, "spelt"),
    "circle": Row(
        "Circle",
        ref_circle,
        "directions",
        ({}, {"gamma": 8.0, "margin": 0.25, "remove_diagonal": False}),
        per_row=False,
    ),
}
LOGITS = {
    "binary_crossentropy": "bits",
    "binary_focal_crossentropy": "bits",
    "categorical_crossentropy": "one_hot",
    "categorical_focal_crossentropy": "one_hot",
    "sparse_categorical_crossentropy": "classes",
}
CASES = [(name, options) for name, row in ROWS.items() for options in row.options]
CASES += [(name, {"from_logits": True}) for name in LOGITS]


def data(kind: str, from_logits: bool = False, rows: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels and outputs in float64, `(rows, 2, 3)` or, for embeddings, `(rows, 3)`."""
    rng = np.random.default_rng(11)
    shape = (rows, 2, 3)
    numbers = rng.normal(size=shape)
    shares = softmax(rng.normal(size=shape))
    classes = rng.integers(0, 3, shape[:-1])
    bits = rng.integers(0, 2, shape).astype("float64")
    logits = 2 * rng.normal(size=shape)
    if kind == "spelt":  # zeros are padding, at either end
        words = np.array([[1, 2], [1, 1], [2, 0], [0, 2]])
        return words[:rows], 2 * rng.normal(size=(4, 4, 3))[:rows]
    if kind == "directions":
        points = rng.normal(size=(rows, 3))
        return np.arange(rows) % 2, points / np.linalg.norm(points, axis=-1, keepdims=True)
    labels = {
        "numbers": rng.normal(size=shape),
        "shares": softmax(rng.normal(size=shape)),
        "scores": bits,
        "bits": bits,
        "one_hot": np.eye(3)[classes],
        "one_hot_scores": np.eye(3)[classes],
        "classes": classes,
    }[kind]
    outputs = {"numbers": numbers, "scores": numbers, "one_hot_scores": numbers}.get(kind, shares)
    outputs = 0.1 + 0.8 * shares if kind in ("bits", "one_hot") else outputs
    return labels, logits if from_logits else outputs


def ident(case):
    return f"{case[0]}-{'-'.join(case[1])}"


def numpy(x):
    return np.asarray(x, "float64")
