"""Connectionist temporal classification comes to what Keras 3.15.1 and PyTorch come to.

Cornu differs on purpose in these:

- Labels that fit no path give infinity, as in PyTorch. Keras gives about 1e5, and a gradient.
- Zeros in the labels of `losses.ctc` are padding wherever they stand; Keras counts on them being
  last.
- A negative `mask_index` counts from the last class; to Keras's decoder it is no class at all.
"""

import warnings

import numpy as np
import pytest

import cornu
from cornu import engine, ops

pytestmark = pytest.mark.peers

CLASSES = 6
RANDOM = np.random.default_rng(0)
LOGITS = (2 * RANDOM.normal(size=(8, 12, CLASSES))).astype("float32")
LABELS = RANDOM.integers(1, CLASSES, (8, 5))
LABELS[1] = 2  # all alike: blanks must stand between
SIZES = np.array([5, 5, 0, 1, 3, 4, 5, 2])
TIMES = np.array([12, 9, 12, 1, 7, 12, 11, 5])


@pytest.fixture(scope="module")
def torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch")


def slope(fn):
    return engine.value_and_grad(lambda x: engine.np.sum(fn(x)))(LOGITS)[1]


@pytest.mark.parametrize("blank", [0, 3, CLASSES - 1])
def test_loss_and_gradient_of_torch(blank, torch):
    labels = np.where(LABELS == blank, 0 if blank else 1, LABELS)
    x = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    theirs = torch.nn.functional.ctc_loss(
        torch.log_softmax(x, -1).transpose(0, 1),
        torch.tensor(labels),
        torch.tensor(TIMES),
        torch.tensor(SIZES),
        blank=blank,
        reduction="none",
    )
    theirs.sum().backward()
    found = ops.ctc_loss(labels, LOGITS, SIZES, TIMES, blank)
    np.testing.assert_allclose(found, theirs.detach().numpy(), rtol=2e-6, atol=1e-6)
    found = slope(lambda x: ops.ctc_loss(labels, x, SIZES, TIMES, blank))
    np.testing.assert_allclose(found, x.grad.numpy(), atol=2e-6)


@pytest.mark.parametrize("blank", [0, CLASSES - 1])
def test_loss_and_gradient_of_keras(blank, keras):
    import jax

    labels = np.where(LABELS == blank, 1, LABELS)
    theirs = keras.ops.ctc_loss(labels, LOGITS, SIZES, TIMES, blank)
    found = ops.ctc_loss(labels, LOGITS, SIZES, TIMES, blank)
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5)
    its = jax.grad(lambda x: keras.ops.sum(keras.ops.ctc_loss(labels, x, SIZES, TIMES, blank)))
    found = slope(lambda x: ops.ctc_loss(labels, x, SIZES, TIMES, blank))
    np.testing.assert_allclose(found, its(LOGITS), atol=2e-5)


def test_losses(keras):
    y = np.where(np.arange(5) < SIZES[:, None], LABELS, 0)
    np.testing.assert_allclose(cornu.losses.ctc(y, LOGITS), keras.losses.ctc(y, LOGITS), rtol=1e-5)
    for reduction in ("sum_over_batch_size", "sum", "none"):
        ours, theirs = (k.losses.CTC(reduction=reduction) for k in (cornu, keras))
        weight = np.linspace(0.5, 2, 8)
        np.testing.assert_allclose(
            ours(y, LOGITS, sample_weight=weight),
            theirs(y, LOGITS, sample_weight=weight),
            rtol=1e-5,
        )
        assert theirs.get_config() == {k: ours.get_config()[k] for k in theirs.get_config()}


DECODED = [
    {},
    {"merge_repeated": False},
    {"mask_index": 2},
    {"strategy": "beam_search"},
    {"strategy": "beam_search", "beam_width": 300, "top_paths": 4},
    {"strategy": "beam_search", "beam_width": 300, "top_paths": 3, "mask_index": 5},
]


@pytest.mark.parametrize("options", DECODED, ids=str)
def test_decoding(options, keras):
    times = np.minimum(TIMES, 5) if "strategy" in options else TIMES
    ours = ops.ctc_decode(LOGITS, times, **options)
    theirs = keras.ops.ctc_decode(LOGITS, times, **options)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == tuple(other.shape) and one.dtype == other.dtype
    scores, its = np.asarray(ours[1]), np.asarray(theirs[1])
    there = np.isfinite(its)
    np.testing.assert_allclose(scores[there], its[there], rtol=1e-5, atol=1e-5)
    assert np.array_equal(np.asarray(ours[0])[there.T], np.asarray(theirs[0])[there.T])


def test_training(keras):
    """A recurrent-free network learns the same with both."""
    y = np.where(np.arange(5) < SIZES[:, None], LABELS, 0)
    y[3:4] = 0
    models = []
    for k in (cornu, keras):
        model = k.Sequential([k.Input((12, CLASSES)), k.layers.Dense(CLASSES)])
        model.compile(k.optimizers.SGD(0.1), "ctc")
        model.set_weights([np.eye(CLASSES, dtype="float32"), np.zeros(CLASSES, "float32")])
        model.fit(LOGITS, y, epochs=3, batch_size=4, shuffle=False, verbose=0)
        models.append(model)
    for one, other in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)
