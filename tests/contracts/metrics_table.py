"""The table of metrics: each formula in float64 NumPy, and what it is fed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ROWS, CLASSES, BATCH = 13, 4, 5
EPS = 1e-7


# ---------------------------------------------------------------- the formulas


def mean(values):
    """The reference of a mean metric: values `(t, p) -> (rows, ...)`, weighted by rows."""

    def reference(t, p, w):
        each = values(t, p).reshape(len(w), -1).mean(1)
        return (each * w).sum() / w.sum()

    return reference


def cases(t, p, w, threshold):
    """tp, fp, tn, fn in weights, over all entries."""
    w = np.broadcast_to(w.reshape(-1, *[1] * (p.ndim - 1)), p.shape)
    said, true = p > threshold, t != 0
    pairs = ((true, said), (~true, said), (~true, ~said), (true, ~said))
    return [float((w * (a & b)).sum()) for a, b in pairs]


def table(t, p, w, thresholds):
    return np.array([cases(t, p, w, threshold) for threshold in thresholds]).T


def ratio(a, b):
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=np.asarray(b) != 0)


def case_count(kind, thresholds=(0.5,)):
    return lambda t, p, w: np.squeeze(table(t, p, w, thresholds)[kind])


def precision(t, p, w, thresholds=(0.5,)):
    tp, fp, _, _ = table(t, p, w, thresholds)
    return np.squeeze(ratio(tp, tp + fp))


def recall(t, p, w, thresholds=(0.5,)):
    tp, _, _, fn = table(t, p, w, thresholds)
    return np.squeeze(ratio(tp, tp + fn))


def best(p, k):
    """1 for the k greatest of each row, else 0."""
    return (p >= np.sort(p, -1)[:, -k, None]) * 1.0


def points(count):
    inner = [(i + 1) / (count - 1) for i in range(count - 2)]
    return [-EPS, *inner, 1 + EPS]


def area(x, y, how="interpolation"):
    heights = {
        "interpolation": (y[1:] + y[:-1]) / 2,
        "minoring": np.minimum(y[1:], y[:-1]),
        "majoring": np.maximum(y[1:], y[:-1]),
    }[how]
    return ((x[:-1] - x[1:]) * heights).sum()


def roc(t, p, w, thresholds=None, how="interpolation"):
    tp, fp, tn, fn = table(t, p, w, points(200) if thresholds is None else thresholds)
    return area(ratio(fp, fp + tn), ratio(tp, tp + fn), how)


def pr_steps(t, p, w, how):
    tp, fp, _, fn = table(t, p, w, points(200))
    return area(ratio(tp, tp + fn), ratio(tp, tp + fp), how)


def pr_interpolated(t, p, w):
    """Davis and Goadrich: false positives grow linearly with true ones; integrated by steps."""
    tp, fp, _, fn = table(t, p, w, points(200))
    total = 0.0
    for i in range(len(tp) - 1):
        part = np.linspace(0, 1, 2001)
        part = (part[1:] + part[:-1]) / 2
        found = tp[i + 1] + part * (tp[i] - tp[i + 1])
        false = fp[i + 1] + part * (fp[i] - fp[i + 1])
        total += ratio(found, found + false).mean() * (tp[i] - tp[i + 1])
    return total / (tp[0] + fn[0])


def pr_gain(t, p, w):
    """Flach and Kull 2015: gains of precision and recall over the share of positives."""
    tp, fp, tn, fn = table(t, p, w, points(200))
    share = (tp + fn)[0] / (tp + fp + tn + fn)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = lambda rate: (rate - share) / ((1 - share) * rate)  # noqa: E731
        x, y = gain(ratio(tp, tp + fn)), gain(ratio(tp, tp + fp))
    x, y = np.where(tp == 0, 0, x), np.where(tp == 0, 1, y)
    return area(np.maximum(x, 0), y)


def by_label(one, weights):
    """The mean over labels of what `one` gives for each."""

    def reference(t, p, w):
        found = [one(t[:, [i]], p[:, [i]], w) for i in range(p.shape[-1])]
        return np.average(found, weights=weights)

    return reference


def point(rate, where, wanted, count=200):
    def reference(t, p, w):
        inner = [(i + 1) / (count - 1) for i in range(count - 2)]
        tp, fp, tn, fn = table(t, p, w, [0.0, *inner, 1.0] if count > 1 else [0.5])
        rates = {
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "specificity": ratio(tn, tn + fp),
        }
        return np.where(rates[where] >= wanted, rates[rate], 0).max()

    return reference


def f_score(average=None, beta=1.0, threshold=None):
    def reference(t, p, w):
        said = best(p, 1) if threshold is None else (p > threshold) * 1.0
        axis = None if average == "micro" else 0
        w = w[:, None]
        tp = (w * said * t).sum(axis)
        exact, found = ratio(tp, (w * said).sum(axis)), ratio(tp, (w * t).sum(axis))
        scores = ratio((1 + beta**2) * exact * found, beta**2 * exact + found)
        if average == "weighted":
            return (scores * (w * t).sum(0)).sum() / (w * t).sum()
        return scores if average is None else scores.mean()

    return reference


def r2(aggregation="uniform_average", regressors=0):
    def reference(t, p, w):
        column = w[:, None]
        centre = (t * column).sum(0) / w.sum()
        spread = (column * (t - centre) ** 2).sum(0)
        score = 1 - (column * (t - p) ** 2).sum(0) / spread
        if aggregation == "uniform_average":
            score = score.mean()
        elif aggregation:
            score = (score * spread).sum() / spread.sum()
        n = (w != 0).sum()
        return 1 - (1 - score) * (n - 1) / (n - regressors - 1) if regressors else score

    return reference


def iou(targets, ignore=None, one_hot=False, scores=False):
    def reference(t, p, w):
        t = t.argmax(-1) if one_hot else t
        p = p.argmax(-1) if scores else p
        w = w * (t != ignore)
        found = []
        for c in targets:
            both = (w * ((t == c) & (p == c))).sum()
            either = (w * ((t == c) | (p == c))).sum()
            if either:
                found.append(both / either)
        return np.mean(found)

    return reference


def binary_iou(t, p, w):
    w = np.broadcast_to(w[:, None], p.shape).ravel()
    return iou([0, 1])(t.ravel(), (p.ravel() >= 0.5) * 1, w)


def cosine(t, p):
    return (t * p).sum(-1) / np.linalg.norm(t, axis=-1) / np.linalg.norm(p, axis=-1)


def pearson(t, p):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(t, p, strict=True)])


def concordance(t, p):
    cov = ((t - t.mean(-1, keepdims=True)) * (p - p.mean(-1, keepdims=True))).mean(-1)
    return 2 * cov / (t.var(-1) + p.var(-1) + (t.mean(-1) - p.mean(-1)) ** 2 + EPS)


def cross(t, p):
    return -(t * np.log(p)).sum(-1)


def own(t, p):
    return np.take_along_axis(p, t[:, None], -1)[:, 0]


# ---------------------------------------------------------------- the table


class Row(NamedTuple):
    """One metric with options, what it is fed, and its formula `(t, p, weights)`."""

    cls: str
    options: dict
    data: str
    reference: Callable


CLASS_NUMBERS = ("said", "said1", "ranked")  # data whose outputs are whole numbers


def smooth(t):
    return t * 0.9 + 0.1 / CLASSES


TABLE = [
    Row("Accuracy", {}, "said", mean(lambda t, p: t == p)),
    Row("BinaryAccuracy", {}, "bits", mean(lambda t, p: t == (p > 0.5))),
    Row("BinaryAccuracy", {"threshold": 0.2}, "bit", mean(lambda t, p: t == (p[:, 0] > 0.2))),
    Row("CategoricalAccuracy", {}, "one_hot", mean(lambda t, p: t.argmax(-1) == p.argmax(-1))),
    Row("SparseCategoricalAccuracy", {}, "classes", mean(lambda t, p: t == p.argmax(-1))),
    Row("TopKCategoricalAccuracy", {"k": 2}, "one_hot", mean(lambda t, p: (t * best(p, 2)).sum(1))),
    Row(
        "SparseTopKCategoricalAccuracy",
        {"k": 3},
        "classes",
        mean(lambda t, p: own(t, best(p, 3))),
    ),
    Row(
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        "ranked",
        mean(lambda t, p: (p[:, :2] == t[:, None]).any(1)),
    ),
    Row("MeanSquaredError", {}, "numbers", mean(lambda t, p: (t - p) ** 2)),
    Row(
        "RootMeanSquaredError",
        {},
        "numbers",
        lambda t, p, w: np.sqrt(mean(lambda t, p: (t - p) ** 2)(t, p, w)),
    ),
    Row("MeanAbsoluteError", {}, "numbers", mean(lambda t, p: np.abs(t - p))),
    Row(
        "MeanAbsolutePercentageError",
        {},
        "numbers",
        mean(lambda t, p: 100 * np.abs(t - p) / np.abs(t)),
    ),
    Row(
        "MeanSquaredLogarithmicError",
        {},
        "shares",
        mean(lambda t, p: (np.log1p(t) - np.log1p(p)) ** 2),
    ),
    Row("LogCoshError", {}, "numbers", mean(lambda t, p: np.log(np.cosh(t - p)))),
    Row("CosineSimilarity", {}, "numbers", mean(cosine)),
    Row("PearsonCorrelation", {}, "numbers", mean(pearson)),
    Row("ConcordanceCorrelation", {}, "numbers", mean(concordance)),
    Row("R2Score", {}, "numbers", r2()),
    Row("R2Score", {"class_aggregation": None}, "numbers", r2(None)),
    Row(
        "R2Score",
        {"class_aggregation": "variance_weighted_average", "num_regressors": 2},
        "numbers",
        r2("variance_weighted_average", 2),
    ),
    Row("Hinge", {}, "bits", mean(lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0))),
    Row("SquaredHinge", {}, "bits", mean(lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0) ** 2)),
    Row(
        "CategoricalHinge",
        {},
        "one_hot",
        mean(lambda t, p: np.maximum(((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0)),
    ),
    Row("KLDivergence", {}, "shares", mean(lambda t, p: (t * np.log(t / p)).sum(-1))),
    Row("Poisson", {}, "shares", mean(lambda t, p: p - t * np.log(p + EPS))),
    Row(
        "BinaryCrossentropy",
        {},
        "bits",
        mean(lambda t, p: -t * np.log(p) - (1 - t) * np.log(1 - p)),
    ),
    Row("CategoricalCrossentropy", {}, "one_hot", mean(cross)),
    Row(
        "CategoricalCrossentropy",
        {"label_smoothing": 0.1},
        "one_hot",
        mean(lambda t, p: cross(smooth(t), p)),
    ),
    Row("SparseCategoricalCrossentropy", {}, "classes", mean(lambda t, p: -np.log(own(t, p)))),
    Row(
        "SparseCategoricalCrossentropy",
        {"ignore_class": 1},
        "classes",
        lambda t, p, w: mean(lambda t, p: -np.log(own(t, p)))(t, p, w * (t != 1)),
    ),
    Row("TruePositives", {}, "bits", case_count(0)),
    Row("FalsePositives", {"thresholds": [0.3, 0.6]}, "bits", case_count(1, (0.3, 0.6))),
    Row("TrueNegatives", {"thresholds": 0.2}, "bit", lambda t, p, w: cases(t, p[:, 0], w, 0.2)[2]),
    Row("FalseNegatives", {}, "bits", case_count(3)),
    Row("Precision", {}, "bits", precision),
    Row(
        "Precision",
        {"thresholds": [0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]},
        "bits",
        lambda t, p, w: precision(t, p, w, [0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]),
    ),
    Row("Precision", {"top_k": 2}, "bits", lambda t, p, w: precision(t, best(p, 2), w)),
    Row("Recall", {}, "bits", recall),
    Row("Recall", {"class_id": 2}, "bits", lambda t, p, w: recall(t[:, 2], p[:, 2], w)),
    Row(
        "Recall",
        {"class_id": 1, "top_k": 2, "thresholds": [0.2]},
        "bits",
        lambda t, p, w: recall(t[:, 1], (best(p, 2) * p)[:, 1], w, [0.2]),
    ),
    Row("AUC", {}, "bits", roc),
    Row(
        "AUC",
        {"num_thresholds": 7, "summation_method": "minoring"},
        "bits",
        lambda t, p, w: roc(t, p, w, points(7), "minoring"),
    ),
    Row(
        "AUC",
        {"thresholds": [0.7, 0.2, 0.3]},
        "bits",
        lambda t, p, w: roc(t, p, w, [-EPS, 0.2, 0.3, 0.7, 1 + EPS]),
    ),
    Row("AUC", {"curve": "PR"}, "bits", pr_interpolated),
    Row(
        "AUC",
        {"curve": "PR", "summation_method": "majoring"},
        "bits",
        lambda t, p, w: pr_steps(t, p, w, "majoring"),
    ),
    Row("AUC", {"curve": "PRGAIN"}, "bits", pr_gain),
    Row(
        "AUC",
        {"from_logits": True},
        "logits",
        lambda t, p, w: roc(t, 1 / (1 + np.exp(-p)), w),
    ),
    Row("AUC", {"multi_label": True}, "bits", by_label(roc, None)),
    Row(
        "AUC",
        {
            "multi_label": True,
            "num_labels": CLASSES,
            "curve": "PR",
            "label_weights": [1.0, 2.0, 0.0, 4.0],
        },
        "bits",
        by_label(pr_interpolated, [1.0, 2.0, 0.0, 4.0]),
    ),
    Row(
        "AUC",
        {"label_weights": [1.0, 2.0, 0.0, 4.0]},
        "bits",
        lambda t, p, w: roc(
            t.reshape(-1, 1), p.reshape(-1, 1), (w[:, None] * [1.0, 2.0, 0.0, 4.0]).ravel()
        ),
    ),
    Row(
        "SensitivityAtSpecificity",
        {"specificity": 0.6},
        "bits",
        point("recall", "specificity", 0.6),
    ),
    Row(
        "SpecificityAtSensitivity",
        {"sensitivity": 0.5, "num_thresholds": 1},
        "bits",
        point("specificity", "recall", 0.5, 1),
    ),
    Row("PrecisionAtRecall", {"recall": 0.6}, "bits", point("precision", "recall", 0.6)),
    Row(
        "RecallAtPrecision",
        {"precision": 0.5, "class_id": 1},
        "bits",
        lambda t, p, w: point("recall", "precision", 0.5)(t[:, 1], p[:, 1], w),
    ),
    Row("FBetaScore", {"beta": 2.0}, "bits", f_score(beta=2.0)),
    Row(
        "FBetaScore",
        {"average": "micro", "beta": 0.5, "threshold": 0.4},
        "bits",
        f_score("micro", 0.5, 0.4),
    ),
    Row("F1Score", {"average": "weighted"}, "bits", f_score("weighted")),
    Row("F1Score", {"average": "macro", "threshold": 0.3}, "bits", f_score("macro", 1.0, 0.3)),
    Row("IoU", {"num_classes": CLASSES, "target_class_ids": [0, 2]}, "said1", iou([0, 2])),
    Row("BinaryIoU", {}, "bits", binary_iou),
    Row("MeanIoU", {"num_classes": CLASSES, "ignore_class": 1}, "said1", iou(range(CLASSES), 1)),
    Row(
        "MeanIoU",
        {"num_classes": CLASSES, "sparse_y_pred": False},
        "classes",
        iou(range(CLASSES), scores=True),
    ),
    Row(
        "OneHotIoU",
        {"num_classes": CLASSES, "target_class_ids": [1, 3]},
        "one_hot",
        iou([1, 3], one_hot=True, scores=True),
    ),
    Row(
        "OneHotMeanIoU",
        {"num_classes": CLASSES},
        "one_hot",
        iou(range(CLASSES), one_hot=True, scores=True),
    ),
]


def data(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, outputs and row weights, float32 numbers on a grid no threshold lies on."""
    rng = np.random.default_rng(5)
    shape = (ROWS, CLASSES)
    shares = np.exp(rng.normal(size=shape))
    shares /= shares.sum(-1, keepdims=True)
    numbers = (rng.normal(size=shape) + 3).astype("float32")
    bits, classes = rng.integers(0, 2, shape), rng.integers(0, CLASSES, ROWS)
    said = rng.integers(0, CLASSES, ROWS)
    p = (0.01 + 0.98 * rng.random(shape)).astype("float32")
    weights = np.array([1, 0.5, 2, 0, 1, 1.5, 1, 0.25, 3, 1, 0, 1, 2])
    t, p = {
        "said": (classes[:, None], said[:, None]),
        "said1": (classes, said),
        "bits": (bits, p),
        "bit": (bits[:, 0], p[:, :1]),
        "logits": (bits, 4 * p - 2),
        "one_hot": (np.eye(CLASSES)[classes], shares.astype("float32")),
        "classes": (classes, shares.astype("float32")),
        "ranked": (classes, np.argsort(-shares, -1)),
        "numbers": (numbers, numbers[::-1] + 0.5 * p),
        "shares": (shares[::-1].astype("float32"), shares.astype("float32")),
    }[kind]
    return t, p, weights


def ident(row):
    return f"{row.cls}-{'-'.join(map(str, row.options))}"


def expected_of(row, weights):
    t, p, w = data(row.data)
    t, p = (x.astype("float64") if x.dtype.kind == "f" else x for x in (t, p))
    return row.reference(t, p, w if weights else np.ones(ROWS))


def close(found, expected):
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(np.asarray(found, "float64"), expected, rtol=3e-5, atol=2e-6)
