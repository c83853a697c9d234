"""Metrics by name and by config, metrics of the user's own, and the peers."""

import json

import numpy as np
import pytest

from contracts.metrics_table import CLASSES, close, data
from cornu import engine, losses, metrics
from cornu.config import forget_names
from cornu.errors import UsageError

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
