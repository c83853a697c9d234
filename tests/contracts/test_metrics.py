"""Every metric keeps its contract over uneven batches: formulas, means, published figures."""

import inspect
import json

import numpy as np
import pytest

from contracts.metrics_table import (
    BATCH,
    CLASS_NUMBERS,
    ROWS,
    TABLE,
    best,
    close,
    concordance,
    data,
    expected_of,
    ident,
    own,
    pearson,
)
from cornu import engine, losses, metrics, state
from cornu.config import forget_names
from cornu.errors import UsageError
from cornu.graph import Tensor


@pytest.fixture(params=TABLE, ids=ident)
def row(request):
    forget_names()
    yield request.param
    forget_names()


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
