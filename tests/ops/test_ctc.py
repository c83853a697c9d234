"""What the loss of unaligned labels promises beyond its contract: masks, bad input, precision."""

import numpy as np
import pytest

from cornu import Input, Sequential, engine, layers, losses, ops, state, utils
from cornu.errors import UsageError

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(3, 6, 4)).astype("float32")
LABELS = np.array([[1, 2, 3], [1, 1, 0], [2, 0, 0]])


def test_a_mask_says_how_long_each_row_is():
    mask = np.array([[1] * 6, [1] * 4 + [0] * 2, [0] * 3 + [1] * 3], bool)
    expected = [losses.ctc(LABELS[i : i + 1], LOGITS[i : i + 1, m])[0] for i, m in enumerate(mask)]
    outputs = engine.array(LOGITS)
    state.set_mask(outputs, mask)
    for loss in (losses.CTC(reduction="none"), losses.for_names("ctc")):
        found = np.asarray(loss(LABELS, outputs))
        wanted = expected if found.ndim else np.mean(expected)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_masked_sequences_are_trained_by_name():
    x = RANDOM.normal(size=(3, 6, 2)).astype("float32")
    x[1, 4:] = 0
    utils.set_random_seed(0)
    model = Sequential([Input((None, 2)), layers.Masking(), layers.Dense(4)])
    model.compile("adam", "ctc")
    logits = model.predict(x, verbose=0)
    rows = [logits[:1], logits[1:2, :4], logits[2:]]
    expected = np.mean([losses.ctc(LABELS[i : i + 1], r)[0] for i, r in enumerate(rows)])
    found = model.fit(x, LABELS, epochs=1, batch_size=3, verbose=0).history["loss"][0]
    assert found == pytest.approx(expected, rel=1e-5)


def test_labels_without_a_path_leave_the_weights_alone():
    """Infinity is the loss; the gradient of these rows is 0, that of the others as without them."""
    sizes, times = np.array([3, 2, 1]), np.array([2, 2, 6])

    def total(x):
        loss = ops.ctc_loss(LABELS, x, sizes, times)
        return engine.np.sum(engine.np.where(engine.np.isfinite(loss), loss, 0))

    loss = np.asarray(ops.ctc_loss(LABELS, LOGITS, sizes, times))
    assert np.isinf(loss).tolist() == [True, True, False]
    plain = engine.value_and_grad(lambda x: engine.np.sum(ops.ctc_loss(LABELS, x, sizes, times)))
    for slope in (plain(LOGITS)[1], engine.value_and_grad(total)(LOGITS)[1]):
        assert np.isfinite(slope).all() and not np.any(np.asarray(slope)[:2])
        assert np.any(np.asarray(slope)[2])


def test_long_sequences_keep_the_digits_of_the_gradient():
    """Each step's gradient sums to 0, however far float32 rounds the loss of 1000 steps."""
    x = (5 * RANDOM.normal(size=(2, 1000, 5))).astype("float32")
    y = RANDOM.integers(1, 5, (2, 100))
    sizes, times = np.array([100, 60]), np.array([1000, 900])
    both = engine.value_and_grad(lambda x: engine.np.sum(ops.ctc_loss(y, x, sizes, times)))
    loss, slope = both(x)
    assert np.isfinite(loss) and np.abs(np.asarray(slope).sum(-1)).max() < 1e-5
    assert not np.any(np.asarray(slope)[1, 900:])


def test_logits_of_minus_infinity_are_never_spoken():
    x = LOGITS.copy()
    x[:, :, 3] = -np.inf
    found = np.asarray(ops.ctc_loss(LABELS, x, [3, 2, 1], [6, 6, 6]))
    without = ops.ctc_loss(LABELS[1:], LOGITS[1:, :, :3], [2, 1], [6, 6])
    assert np.isinf(found[0])
    np.testing.assert_allclose(found[1:], without, rtol=1e-6)


def test_half_precision_is_computed_in_float32():
    half = engine.cast(LOGITS, "bfloat16")
    wide = np.asarray(ops.ctc_loss(LABELS, engine.cast(half, "float32"), [3, 2, 1], [6, 6, 6]))
    found = ops.ctc_loss(LABELS, half, [3, 2, 1], [6, 6, 6])
    assert np.array_equal(found, engine.cast(wide, "bfloat16"))


SIX = [6, 6, 6]
WRONG = [
    (lambda: ops.ctc_loss(LABELS, LOGITS[0], SIX, SIX), r"output must be \(batch, time, classes\)"),
    (lambda: ops.ctc_loss(LABELS[0], LOGITS, SIX, SIX), r"target must be \(batch, labels\)"),
    (lambda: ops.ctc_loss(LABELS[:2], LOGITS, SIX, SIX), "target has 2 rows.*output has 3"),
    (lambda: ops.ctc_loss(LABELS, LOGITS, [3], SIX), "target_length must have one entry a row"),
    (lambda: ops.ctc_loss(LABELS, LOGITS, SIX, SIX, 4), "mask_index must be one of the 4 classes"),
    (lambda: ops.ctc_decode(LOGITS, SIX, "beam"), 'strategy must be "greedy" or "beam_search"'),
    (lambda: ops.ctc_decode(LOGITS, SIX, "beam_search", 2, 3), "top_paths=3 and beam_width=2"),
    (lambda: ops.ctc_decode(LOGITS[0], SIX), r"inputs must be \(batch, time, classes\)"),
]


@pytest.mark.parametrize("call, message", WRONG, ids=[w[1] for w in WRONG])
def test_wrong_calls_are_explained(call, message):
    with pytest.raises(UsageError, match=message):
        call()


FITTED = [
    (LABELS - 1, "label -1 at index .*Fill short rows up with 0"),
    (LABELS + 1, r"label 4 at index \(0, 2\).*Use Dense\(5\)"),
    (LABELS[:, 0], r"y has shape \(3,\).*shape \(batch, labels\), short rows filled up with 0"),
]


@pytest.mark.parametrize("y, message", FITTED, ids=["negative", "too large", "one a row"])
def test_wrong_labels_are_explained_before_training(y, message):
    model = Sequential([Input((6, 4)), layers.Dense(4)])
    model.compile("sgd", losses.CTC())
    with pytest.raises(UsageError, match=message):
        model.fit(LOGITS, y, verbose=0)


def test_outputs_without_time_are_explained():
    model = Sequential([Input((4,)), layers.Dense(4)])
    model.compile("sgd", "ctc")
    with pytest.raises(UsageError, match=r"ctc needs logits of shape \(batch, time, classes\)"):
        model.fit(LOGITS[:, 0], LABELS, verbose=0)
