"""Metrics: formulas in float64 NumPy over all rows, in uneven and in padded batches."""

import inspect
import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from cornu import engine, losses, metrics, state
from cornu.config import forget_names
from cornu.errors import UsageError
from cornu.graph import Tensor

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


@pytest.fixture(params=TABLE, ids=ident)
def row(request):
    forget_names()
    yield request.param
    forget_names()


def expected_of(row, weights):
    t, p, w = data(row.data)
    t, p = (x.astype("float64") if x.dtype.kind == "f" else x for x in (t, p))
    return row.reference(t, p, w if weights else np.ones(ROWS))


def close(found, expected):
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(np.asarray(found, "float64"), expected, rtol=3e-5, atol=2e-6)


def test_every_public_metric_has_a_row():
    public = [getattr(metrics, name) for name in metrics.__all__]
    classes = {c.__name__ for c in public if inspect.isclass(c)}
    by_hand = {"Mean", "MeanMetricWrapper", "Metric", "Sum"}
    assert classes - by_hand == {row.cls for row in TABLE}
    functions = {f.__name__ for f in public if inspect.isfunction(f)}
    others = {"deserialize", "for_names", "get", "serialize"}
    assert functions - others - set(losses.__all__) == set(FUNCTIONS)
    assert metrics.__all__ == sorted(metrics.__all__)


# ---------------------------------------------------------------- batches


def test_all_rows_at_once_follow_the_formula(row):
    t, p, w = data(row.data)
    metric = getattr(metrics, row.cls)(**row.options)
    metric.update_state(t, p)
    close(metric.result(), expected_of(row, False))
    metric.reset_state()
    close(metric(t, p, w[:, None]), expected_of(row, True))


def test_padded_batches_in_a_compiled_step_follow_the_formula(row):
    t, p, w = data(row.data)
    metric = getattr(metrics, row.cls)(**row.options)
    metric.build(t.shape, p.shape)
    step = engine.jit(lambda values, *batch: metric.stateless_update_state(values, *batch))
    values = [v.value for v in metric.variables]
    start = [np.array(v) for v in values]
    for first in range(0, ROWS, BATCH):
        batch = [x[first : first + BATCH] for x in (t, p, w)]
        short = BATCH - len(batch[0])
        # rows of weight 0 hold what would count if it were looked at
        padded = [np.concatenate([x, x[:1].repeat(short, 0)]) for x in batch[:2]]
        weight = np.concatenate([batch[2], np.zeros(short)])
        values = step(values, *map(engine.array, (*padded, weight)))
    close(metric.stateless_result(values), expected_of(row, True))
    for before, variable, after in zip(start, metric.variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), before)
        assert after.dtype == variable.dtype == "float32"


def test_config_round_trip(row):
    metric = getattr(metrics, row.cls)(name="mine", **row.options)
    plain = json.loads(json.dumps(metrics.serialize(metric)))
    assert (plain["module"], plain["class_name"]) == ("keras.metrics", row.cls)
    again = metrics.deserialize(plain)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert again.name == "mine"
    assert again.dtype == "float32"


@pytest.mark.parametrize("row", [r for r in TABLE if r.data not in CLASS_NUMBERS], ids=ident)
def test_what_weighs_nothing_may_be_anything(row):
    t, p, w = data(row.data)
    p = np.where((w == 0).reshape(-1, *[1] * (p.ndim - 1)), np.nan, p)
    metric = getattr(metrics, row.cls)(**row.options)
    close(metric(t, p, w), expected_of(row, True))


# ---------------------------------------------------------------- functions

FUNCTIONS = {
    "accuracy": ("said", {}, lambda t, p: (t == p).mean(-1)),
    "binary_accuracy": ("bits", {"threshold": 0.3}, lambda t, p: (t == (p > 0.3)).mean(-1)),
    "categorical_accuracy": ("one_hot", {}, lambda t, p: t.argmax(-1) == p.argmax(-1)),
    "sparse_categorical_accuracy": ("classes", {}, lambda t, p: t == p.argmax(-1)),
    "top_k_categorical_accuracy": ("one_hot", {"k": 2}, lambda t, p: (t * best(p, 2)).sum(-1)),
    "sparse_top_k_categorical_accuracy": ("classes", {"k": 2}, lambda t, p: own(t, best(p, 2))),
    "pearson_correlation": ("numbers", {}, pearson),
    "concordance_correlation": ("numbers", {}, concordance),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_follow_their_formula(name):
    kind, options, reference = FUNCTIONS[name]
    t, p, _ = data(kind)
    found = getattr(metrics, name)(t, p, **options)
    assert found.dtype == "float32"
    close(found, reference(t, p).astype("float64"))
    symbolic = getattr(metrics, name)(
        Tensor((None, *t.shape[1:]), str(t.dtype)), Tensor((None, *p.shape[1:]), str(p.dtype))
    )
    assert symbolic.shape == (None,)


def test_top_k_shares_places_and_trusts_only_numbers():
    p = [[0.5, 0.5, 0.0], [np.nan, 0.5, 0.1], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]
    found = metrics.sparse_top_k_categorical_accuracy([1, 0, 7, -1], p, k=1)
    np.testing.assert_array_equal(found, [1, 0, 0, 0])


def test_labels_with_an_axis_of_1_and_sequences():
    p = np.eye(3)[[[0, 1], [2, 2]]]
    labels = np.array([[0, 1], [2, 0]])
    expected = [[1, 1], [1, 0]]
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(labels, p), expected)
    np.testing.assert_array_equal(
        metrics.sparse_categorical_accuracy(labels[..., None], p), expected
    )


def test_wrong_shapes_are_refused():
    for name in ("BinaryAccuracy", "Precision", "MeanSquaredError", "AUC", "R2Score"):
        with pytest.raises(UsageError, match=r"y has shape \(4, 1\)"):
            getattr(metrics, name)().update_state(np.zeros((4, 1)), np.ones((4, 3)))
    with pytest.raises(UsageError, match="one-hot"):
        metrics.SparseCategoricalAccuracy()(np.eye(3), np.eye(3))
    with pytest.raises(UsageError, match="needs labels and outputs of shape"):
        metrics.F1Score()(np.zeros((2, 2, 2)), np.zeros((2, 2, 2)))
    with pytest.raises(UsageError, match="class_id=1 needs outputs"):
        metrics.Recall(class_id=1)(np.zeros(4), np.zeros(4))


# ---------------------------------------------------------------- means


def test_mean_and_sum():
    mean, total = metrics.Mean(), metrics.Sum()
    for values, weight in (([1.0, 3.0], [1.0, 0.0]), ([5.0, 7.0, 9.0], [1.0, 2.0, 1.0])):
        mean.update_state(values, weight)
        total.update_state(values, weight)
    close(mean.result(), (1 + 5 + 14 + 9) / 5)
    close(total.result(), 29)
    mean.reset_state()
    close(mean.result(), 0)
    mean.update_state(4)
    mean.update_state([6.0, 8.0])
    close(mean.result(), 6)


def test_every_sample_counts_alike_whatever_its_length():
    mean = metrics.Mean()
    mean.update_state(np.ones((1, 4)))
    mean.update_state(np.full((3, 2), 5.0))
    close(mean.result(), 4)
    mean.reset_state()
    values, weight = np.arange(6.0).reshape(2, 3), np.array([[1, 0, 1], [0, 0, 1.0]])
    mean.update_state(values, weight)
    close(mean.result(), (0 + 2 + 5) / 3)


def test_scalars_count_once_unless_all_rows_are_padding():
    metric = metrics.MeanMetricWrapper(lambda t, p: engine.np.mean(p))
    metric.update_state([0.0, 0.0], [1.0, 3.0], [1.0, 1.0])
    metric.update_state([0.0, 0.0], [9.0, 9.0], [0.0, 0.0])
    metric.update_state([0.0, 0.0], [4.0, 4.0])
    close(metric.result(), 3)


def test_a_scalar_with_a_scalar_weight_counts_as_much():
    mean = metrics.Mean()
    mean.update_state(2.0, sample_weight=3.0)
    mean.update_state(6.0, sample_weight=1.0)
    mean.update_state(np.nan, sample_weight=0.0)
    close(mean.result(), 3)


def test_masks_that_travel_with_outputs():
    p = engine.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    state.set_mask(p, np.array([[True, False], [True, True]]))
    squares = np.array([1, 9, 16.0])
    close(metrics.MeanSquaredError()(np.zeros((2, 2, 1)), p), squares.mean())
    weight = np.array([2.0, 1.0])
    found = metrics.MeanSquaredError()(np.zeros((2, 2, 1)), p, weight)
    close(found, (squares * [2, 1, 1]).sum() / 4)
    close(metrics.TruePositives()(np.ones((2, 2, 1)), p), 3)


def test_vectors_are_rows():
    metric = metrics.BinaryAccuracy()
    metric.update_state([1, 0, 1], [0.9, 0.8, 0.7], [1.0, 0.0, 1.0])
    close(metric.result(), 1)
    metric.update_state([1], [0.1])
    close(metric.result(), 2 / 3)


# ---------------------------------------------------------------- published figures


def test_auc_of_the_usual_example():
    """Scores 0.1, 0.4, 0.35, 0.8 of labels 0, 0, 1, 1: 3 of 4 pairs are in order."""
    close(metrics.AUC(num_thresholds=1000)([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 0.75)


def test_auc_counts_pairs_in_order():
    t, p, w = data("bits")
    t, p = t.ravel(), p.ravel()
    above = (p[t == 1][:, None] > p[t == 0][None]).mean()
    found = metrics.AUC(num_thresholds=20000)(t, p)
    np.testing.assert_allclose(found, above, atol=2e-4)


def test_outputs_on_a_threshold_are_negative():
    t, p = [1, 1, 1], [0.0, 0.5, 1.0]
    many = metrics.TruePositives(thresholds=[0.0, 0.5, 1.0])
    np.testing.assert_array_equal(many(t, p), [2, 1, 0])
    ten = metrics.TruePositives(thresholds=[0.0, *[0.5] * 8, 1.0])
    np.testing.assert_array_equal(ten(t, p), [2, *[1] * 8, 0])
    ends = metrics.AUC(num_thresholds=3)
    ends.update_state(t, p)
    np.testing.assert_array_equal(ends.true_positives.numpy(), [3, 1, 0])


def test_r2_of_labels_far_from_0_keeps_its_digits():
    t = np.array([[10000.0], [10001], [10002], [10003]])
    metric = metrics.R2Score()
    metric.update_state(t[:3], t[:3] + 0.5)
    metric.update_state(t[3:], t[3:] + 0.5)
    close(metric.result(), 1 - 4 * 0.25 / 5)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "short, cls",
    [
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("mape", "MeanAbsolutePercentageError"),
        ("msle", "MeanSquaredLogarithmicError"),
        ("bce", "BinaryCrossentropy"),
        ("binary_accuracy", "BinaryAccuracy"),
        ("AUC", "AUC"),
        ("mean_squared_error", "MeanSquaredError"),
        ("f1_score", "F1Score"),
        ("huber", "MeanMetricWrapper"),
    ],
)
def test_names(short, cls):
    assert type(metrics.get(short)) is getattr(metrics, cls)
    assert metrics.for_names(short).name == short


@pytest.mark.parametrize(
    "y, p, kind",
    [
        ((None,), (None, 1), "Binary"),
        ((None, 1), (None, 1), "Binary"),
        ((None,), (None, 3), "SparseCategorical"),
        ((None, 1), (None, 3), "SparseCategorical"),
        ((None, 7), (None, 7, 3), "SparseCategorical"),
        ((None, 3), (None, 3), "Categorical"),
    ],
)
def test_accuracy_and_crossentropy_are_told_by_the_shapes(y, p, kind):
    for said, family in (("acc", "Accuracy"), ("accuracy", "Accuracy"), ("ce", "Crossentropy")):
        metric = metrics.for_names(said, None, y, p)
        assert type(metric) is getattr(metrics, kind + family)
        assert metric.name == said


def test_the_loss_tells_where_shapes_cannot():
    metric = metrics.for_names("acc", losses.BinaryCrossentropy())
    assert type(metric) is metrics.BinaryAccuracy
    metric = metrics.for_names("accuracy", losses.sparse_categorical_crossentropy)
    assert type(metric) is metrics.SparseCategoricalAccuracy
    logits = losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = metrics.for_names("crossentropy", logits, (None,), (None, 3))
    close(metric([0], [[1.0, 1, 1]]), np.log(3))


def test_default_names_are_counted():
    forget_names()
    assert [metrics.Precision().name for _ in range(2)] == ["precision", "precision_1"]
    assert metrics.MeanSquaredError().name == metrics.MeanSquaredError().name
    assert metrics.Precision(name="mine").variables[0].path == "mine/true_positives"
    forget_names()


def absolute(y_true, y_pred, scale=1.0):
    return scale * abs(y_true - y_pred)


def test_any_function_is_a_metric():
    metric = metrics.get(absolute)
    assert (type(metric), metric.name) == (metrics.MeanMetricWrapper, "absolute")
    close(metric([1.0, 2.0], [2.0, 4.0], [1.0, 3.0]), 7 / 4)
    scaled = metrics.MeanMetricWrapper(absolute, scale=2.0)
    plain = json.loads(json.dumps(metrics.serialize(scaled)))
    again = metrics.deserialize(plain, {"absolute": absolute})
    close(again([1.0], [2.0]), 2)
    of_loss = metrics.get(losses.Huber(delta=0.5))
    assert (of_loss.name, of_loss.direction) == ("huber_loss", "down")
    close(of_loss([[0.0], [0.0]], [[2.0], [0.2]], [1.0, 0.0]), 0.5 * 2 - 0.125)
    with pytest.raises(UsageError, match="must be a function"):
        metrics.MeanMetricWrapper(3)


def test_unknown_names_suggest():
    with pytest.raises(UsageError, match='Did you mean "accuracy"'):
        metrics.get("acuracy")
    assert metrics.get(None) is None
    assert metrics.for_names(None) is None
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)


def test_options_out_of_bounds_are_refused():
    for make in (
        lambda: metrics.Precision(thresholds=[0.5, 1.5]),
        lambda: metrics.Precision(top_k=0),
        lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.AUC(curve="ROK"),
        lambda: metrics.AUC(num_labels=3),
        lambda: metrics.SensitivityAtSpecificity(1.5),
        lambda: metrics.FBetaScore(beta=0.0),
        lambda: metrics.FBetaScore(average="mean"),
        lambda: metrics.IoU(2, [0, 2]),
        lambda: metrics.R2Score(num_regressors=-1),
    ):
        with pytest.raises(UsageError):
            make()


# ---------------------------------------------------------------- users' own


class Largest(metrics.Metric):
    """A user's metric: the largest error, and inside it a mean."""

    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.most = self.add_weight(name="most", shape=(), initializer="ones")
        self.parts = {"mean": metrics.Mean()}

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = abs(y_true - y_pred)
        self.most.assign(engine.np.maximum(self.most.value, engine.np.max(error)))
        self.parts["mean"].update_state(error, sample_weight)

    def result(self):
        return {"most": self.most.value, "mean": self.parts["mean"].result()}


def test_users_write_update_state_and_result():
    metric = Largest()
    assert [v.path for v in metric.variables] == ["largest/most", "mean/total", "mean/count"]
    found = metric(np.zeros(2), np.array([2.0, 4.0]))
    assert {name: float(value) for name, value in found.items()} == {"most": 4, "mean": 3}
    metric.reset_state()
    assert [float(v) for v in metric.variables] == [1, 0, 0]
    assert [float(v) for v in metric.stateless_reset_state()] == [1, 0, 0]
    assert Largest.from_config(Largest(name="mine").get_config()).name == "mine"


def test_variables_start_where_they_are_told():
    metric = metrics.Metric(name="m")
    variable = metric.add_variable(3, lambda shape, dtype: np.arange(3, dtype=dtype), name="v")
    assert not variable.trainable
    np.testing.assert_array_equal(variable.numpy(), [0, 1, 2])
    variable.assign(np.zeros(3))
    metric.reset_state()
    np.testing.assert_array_equal(variable.numpy(), [0, 1, 2])
    with pytest.raises(UsageError, match="initializer"):
        metric.add_variable((), "glorot")
    for unwritten in (metric.update_state, metric.result):
        with pytest.raises(NotImplementedError, match="Metric needs"):
            unwritten()


def test_a_forgotten_super_init_is_named():
    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(UsageError, match=r"Forgetful.__init__ must begin with super"):
        Forgetful()


def test_dtype_of_the_variables():
    metric = metrics.Mean(dtype="float16")
    metric.update_state(np.ones(3, "float32"))
    assert metric.total.dtype == "float16" and metric.result().dtype == "float16"


# ---------------------------------------------------------------- peers


@pytest.mark.peers
def test_scikit_learn_agrees():
    peer = pytest.importorskip("sklearn.metrics")
    t, p, w = data("bits")
    t, p, w = t[:, 0], p[:, 0], w
    said = p > 0.5
    pairs = [
        (metrics.Precision(), peer.precision_score(t, said, sample_weight=w)),
        (metrics.Recall(), peer.recall_score(t, said, sample_weight=w)),
        (metrics.BinaryAccuracy(), peer.accuracy_score(t, said, sample_weight=w)),
        (metrics.AUC(num_thresholds=20000), peer.roc_auc_score(t, p, sample_weight=w)),
        (metrics.BinaryCrossentropy(), peer.log_loss(t, p, sample_weight=w)),
    ]
    for metric, expected in pairs:
        np.testing.assert_allclose(metric(t, p, w), expected, rtol=1e-3)
    t, p, w = data("numbers")
    np.testing.assert_allclose(
        metrics.R2Score()(t, p, w), peer.r2_score(t, p, sample_weight=w), rtol=1e-4
    )
    t, p, w = data("said1")
    np.testing.assert_allclose(
        metrics.MeanIoU(CLASSES)(t, p, w),
        peer.jaccard_score(t, p, average="macro", sample_weight=w),
        rtol=1e-4,
    )
