"""Metrics over uneven batches, weighted and not, come to what Keras 3.15.1 comes to.

Cornu differs on purpose, and is not asked to agree, in these:

- `IoU` and its kin keep weights as they are. Keras counts in integers unless told a dtype, so that
  a weight of 0.9 counts nothing; it takes no weight per sample for labels of several columns.
- `R2Score(num_regressors=...)` counts rows. Keras counts entries, which for several outputs is no
  adjusted score of anything.
"""

import numpy as np
import pytest

import cornu
from peers.checks import same

pytestmark = pytest.mark.peers

NEAR = {"rtol": 1e-5, "atol": 1e-6}
BATCHES = (7, 1, 5)


def numbers(rng, n):
    return rng.normal(size=(n, 3)).astype("float32"), rng.normal(size=(n, 3)).astype("float32")


def positive(rng, n):
    return tuple(rng.uniform(0.2, 3, (n, 3)).astype("float32") for _ in range(2))


def shares(rng, n):
    return tuple(rng.dirichlet(np.ones(3), n).astype("float32") for _ in range(2))


def bits(rng, n):
    return rng.integers(0, 2, (n, 3)).astype("float32"), rng.uniform(size=(n, 3)).astype("float32")


def single(rng, n):
    return rng.integers(0, 2, (n, 1)).astype("float32"), rng.uniform(size=(n, 1)).astype("float32")


def flat(rng, n):
    y, p = single(rng, n)
    return y[:, 0], p[:, 0]


def one_hot(rng, n):
    return np.eye(3, dtype="float32")[rng.integers(0, 3, n)], shares(rng, n)[1]


def numbered(rng, n):
    return rng.integers(0, 3, n).astype("int32"), shares(rng, n)[1]


def sequences(rng, n):
    return rng.integers(0, 3, (n, 4)).astype("int32"), np.stack([shares(rng, n)[1]] * 4, 1)


def guessed(rng, n):
    return rng.integers(0, 3, n).astype("int32"), rng.integers(0, 3, n).astype("int32")


def signs(rng, n):
    y, p = numbers(rng, n)
    return np.sign(y), p


ROWS = [
    ("Accuracy", {}, guessed),
    ("AUC", {}, flat),
    ("AUC", {"num_thresholds": 20, "curve": "PR"}, flat),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, flat),
    ("AUC", {"summation_method": "minoring"}, single),
    ("AUC", {"multi_label": True, "num_thresholds": 30}, bits),
    ("AUC", {"multi_label": True, "label_weights": [0.2, 1.0, 0.5]}, bits),
    ("AUC", {"thresholds": [0.2, 0.5, 0.7]}, flat),
    ("AUC", {"from_logits": True}, lambda rng, n: (flat(rng, n)[0], numbers(rng, n)[0][:, 0])),
    ("BinaryAccuracy", {}, bits),
    ("BinaryAccuracy", {"threshold": 0.3}, single),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, bits),
    ("BinaryIoU", {"threshold": 0.4}, bits),
    ("BinaryIoU", {"target_class_ids": [1]}, single),
    ("CategoricalAccuracy", {}, one_hot),
    ("CategoricalCrossentropy", {}, one_hot),
    ("CategoricalHinge", {}, one_hot),
    ("ConcordanceCorrelation", {}, numbers),
    ("CosineSimilarity", {}, numbers),
    ("F1Score", {}, one_hot),
    ("F1Score", {"average": "micro", "threshold": 0.5}, bits),
    ("FBetaScore", {"average": "weighted", "beta": 2.0}, one_hot),
    ("FalseNegatives", {}, bits),
    ("FalsePositives", {"thresholds": [0.2, 0.6]}, bits),
    ("Hinge", {}, signs),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, guessed),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0}, guessed),
    ("KLDivergence", {}, shares),
    ("LogCoshError", {}, numbers),
    ("MeanAbsoluteError", {}, numbers),
    ("MeanAbsolutePercentageError", {}, positive),
    ("MeanIoU", {"num_classes": 3}, guessed),
    ("MeanIoU", {"num_classes": 3, "sparse_y_pred": False}, numbered),
    ("MeanSquaredError", {}, numbers),
    ("MeanSquaredLogarithmicError", {}, positive),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [0, 1]}, one_hot),
    ("OneHotMeanIoU", {"num_classes": 3}, one_hot),
    ("PearsonCorrelation", {}, numbers),
    ("Poisson", {}, positive),
    ("Precision", {}, bits),
    ("Precision", {"thresholds": 0.3, "class_id": 1}, bits),
    ("Precision", {"top_k": 2}, bits),
    ("PrecisionAtRecall", {"recall": 0.6}, flat),
    ("R2Score", {}, numbers),
    ("R2Score", {"class_aggregation": None}, numbers),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, numbers),
    ("R2Score", {"num_regressors": 2}, lambda rng, n: tuple(a[:, :1] for a in numbers(rng, n))),
    ("Recall", {}, bits),
    ("Recall", {"thresholds": [0.3, 0.8]}, bits),
    ("Recall", {"top_k": 1, "class_id": 2}, bits),
    ("RecallAtPrecision", {"precision": 0.6}, flat),
    ("RootMeanSquaredError", {}, numbers),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, flat),
    ("SparseCategoricalAccuracy", {}, numbered),
    ("SparseCategoricalAccuracy", {}, sequences),
    ("SparseCategoricalCrossentropy", {}, numbered),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, numbered),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5}, flat),
    ("SquaredHinge", {}, signs),
    ("TopKCategoricalAccuracy", {"k": 2}, one_hot),
    ("TrueNegatives", {}, bits),
    ("TruePositives", {}, single),
]


def test_all_metrics_are_compared():
    """A new metric gets a row."""
    rows = {name for name, *_ in ROWS}
    apart = {"Mean", "MeanMetricWrapper", "Metric", "Sum"}
    found = {n for n in cornu.metrics.__all__ if isinstance(getattr(cornu.metrics, n), type)}
    assert not found - rows - apart


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name, options, draw", ROWS)
def test_metric(name, options, draw, weighted, keras):
    if name.endswith("IoU"):
        options = {**options, "dtype": "float32"}
    ours, theirs = (getattr(k.metrics, name)(**options) for k in (cornu, keras))
    rng = np.random.default_rng(11)
    for _ in range(2):
        for n in BATCHES:
            y, p = draw(rng, n)
            shape = y.shape if name == "BinaryIoU" else n
            weight = rng.uniform(0, 2, shape).astype("float32") if weighted else None
            for metric in (ours, theirs):
                metric.update_state(y, p, sample_weight=weight)
            same(ours.result(), np.asarray(theirs.result()), name, NEAR)
        ours.reset_state()
        theirs.reset_state()


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(), (4,), (4, 3)], ids=str)
def test_means_and_sums(name, weighted, shape, keras):
    ours, theirs = (getattr(k.metrics, name)() for k in (cornu, keras))
    rng = np.random.default_rng(2)
    for _ in range(3):
        values = rng.normal(size=shape).astype("float32")
        weight = rng.uniform(0, 2, shape[:1]).astype("float32") if weighted else None
        for metric in (ours, theirs):
            metric.update_state(values, sample_weight=weight)
        same(ours.result(), np.asarray(theirs.result()), name, NEAR)
