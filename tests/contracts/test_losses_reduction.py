"""How values become one number: reductions, weights and masks."""

import numpy as np
import pytest

from contracts.losses_table import numpy, softmax
from cornu import engine, losses, state
from cornu.errors import UsageError

# ---------------------------------------------------------------- reductions, weights, masks

VALUES = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
MASK = np.array([[True, False, True], [True, True, False]])
ROW_WEIGHT = np.array([0.5, 2.0])
WEIGHT = np.array([[1.0, 0.5, 0.0], [2.0, 1.0, 3.0]])


def reduced(**how):
    return numpy(losses.reduce_weighted(VALUES, **how))


@pytest.mark.parametrize("weight", [None, ROW_WEIGHT, ROW_WEIGHT[:, None], WEIGHT])
@pytest.mark.parametrize("mask", [None, MASK, MASK[:, 0], np.array([True, False])])
def test_reductions(weight, mask):
    full = np.ones((2, 3)) if weight is None else np.broadcast_to(weight.reshape(2, -1), (2, 3))
    valid = np.ones((2, 3)) if mask is None else np.broadcast_to(mask.reshape(2, -1), (2, 3))
    how = {"sample_weight": weight, "mask": mask}
    total = (VALUES * full * valid).sum()
    np.testing.assert_allclose(reduced(**how, reduction="sum"), total, rtol=1e-6)
    for name in ("sum_over_batch_size", "mean"):
        np.testing.assert_allclose(reduced(**how, reduction=name), total / valid.sum(), rtol=1e-6)
    np.testing.assert_allclose(
        reduced(**how, reduction="mean_with_sample_weight"),
        total / (full * valid).sum(),
        rtol=1e-6,
    )
    for name in (None, "none"):
        np.testing.assert_allclose(reduced(**how, reduction=name), VALUES * full * valid, rtol=1e-6)


def test_nothing_valid_gives_0():
    assert reduced(mask=np.zeros((2, 3), bool)) == 0
    assert reduced(sample_weight=np.zeros(2), reduction="mean_with_sample_weight") == 0
    assert losses.reduce_weighted(np.zeros((0, 3))) == 0


def test_what_is_masked_or_weighs_0_may_be_nan():
    values = np.array([1.0, np.nan, 3.0])
    assert losses.reduce_weighted(values, mask=np.array([True, False, True])) == 2
    assert losses.reduce_weighted(values, np.array([1.0, 0.0, 1.0]), reduction="sum") == 4
    _, slope = engine.value_and_grad(
        lambda v: losses.reduce_weighted(v, mask=np.array([True, False, True]))
    )(engine.array(values))
    np.testing.assert_allclose(slope, [0.5, 0, 0.5])


def test_a_scalar_takes_part_once_or_for_every_weight():
    assert losses.reduce_weighted(3.0) == 3
    assert losses.reduce_weighted(3.0, mask=np.array([True, False])) == 3
    assert losses.reduce_weighted(3.0, np.array([1.0, 0.0, 0.5]), reduction="sum") == 4.5


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"sample_weight has shape \(3,\).*\(2,\)"):
        losses.reduce_weighted(VALUES, np.ones(3))
    with pytest.raises(UsageError, match=r"mask has shape \(2, 5\)"):
        losses.reduce_weighted(np.ones(2), mask=np.ones((2, 5), bool))
    with pytest.raises(UsageError, match='Did you mean "mean"'):
        losses.reduce_weighted(VALUES, reduction="meen")
    with pytest.raises(UsageError, match="reduction"):
        losses.MeanSquaredError(reduction="average")


def test_a_mask_that_travels_with_the_outputs_counts():
    labels, outputs = np.zeros((2, 3, 1)), engine.array(np.sqrt(VALUES)[..., None])
    state.set_mask(outputs, MASK)
    expected = (VALUES * MASK).sum() / MASK.sum()
    np.testing.assert_allclose(losses.MeanSquaredError()(labels, outputs), expected, rtol=1e-6)


def test_ignored_classes_leave_the_mean():
    labels, outputs = np.array([0, 9, 2]), softmax(np.arange(9.0).reshape(3, 3) % 4)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=9)
    expected = -(np.log(outputs[0, 0]) + np.log(outputs[2, 2])) / 2
    np.testing.assert_allclose(loss(labels, outputs), expected, rtol=1e-5)
    compiled = engine.jit(lambda p: state.pure(lambda: loss(labels, p), [])([])[0])
    np.testing.assert_allclose(compiled(engine.array(outputs)), expected, rtol=1e-5)


def test_smoothing_stays_in_its_bounds():
    with pytest.raises(UsageError, match="label_smoothing must be in"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)
