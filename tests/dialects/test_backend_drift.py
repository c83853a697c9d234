"""Where functions of `K` have meant different things, and how their arguments were called."""

import numpy as np
import pytest

from contracts.backend_table import STEPS, _step, recurrent
from contracts.checks import convolve
from cornu import backend as K
from cornu import settings
from cornu.dialects import generations
from cornu.errors import UsageError, UsageTypeError


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


# ---------------------------------------------------------------- the generation


def test_current(monkeypatch):
    monkeypatch.delenv("CORNU_GENERATION", raising=False)
    assert generations.current() == "3"
    monkeypatch.setenv("CORNU_GENERATION", "1.2")
    assert generations.current() == "1.2"
    with generations.within("0.3"):
        assert generations.current() == "0.3"
        with generations.within("2.0"):
            assert generations.current() == "2.0"
        assert generations.current() == "0.3"
    assert generations.current() == "1.2"


def test_before():
    with generations.within("1.2"):
        assert generations.before("2.0")
        assert not generations.before("1.2")
        assert not generations.before("0.3")


def test_unknown_generation(monkeypatch):
    with pytest.raises(UsageError, match="1.2"), generations.within("1.1"):
        pass
    monkeypatch.setenv("CORNU_GENERATION", "2")
    with pytest.raises(UsageError, match="E-GENERATION"):
        generations.current()


# ---------------------------------------------------------------- crossentropies

P, T = np.array([[0.2, 0.3, 0.5]], "float32"), np.array([[0.0, 1.0, 0.0]], "float32")


@pytest.mark.parametrize("generation", ["0.3", "1.0", "1.2"])
def test_crossentropies_took_the_output_first(generation: str):
    with generations.within(generation):
        np.testing.assert_allclose(K.categorical_crossentropy(P, T), [-np.log(0.3)], rtol=1e-5)
        np.testing.assert_allclose(
            K.sparse_categorical_crossentropy(P, np.array([1])), [-np.log(0.3)], rtol=1e-5
        )
        np.testing.assert_allclose(
            K.binary_crossentropy(P, T), -np.log([[0.8, 0.3, 0.5]]), rtol=1e-5
        )
        np.testing.assert_allclose(
            K.categorical_crossentropy(target=T, output=P), [-np.log(0.3)], rtol=1e-5
        )
        np.testing.assert_allclose(
            K.categorical_crossentropy(P, target=T), [-np.log(0.3)], rtol=1e-5
        )


@pytest.mark.parametrize("generation", ["2.0", "2.2", "2.3", "3"])
def test_crossentropies_take_the_target_first(generation: str):
    with generations.within(generation):
        np.testing.assert_allclose(K.categorical_crossentropy(T, P), [-np.log(0.3)], rtol=1e-5)


# ---------------------------------------------------------------- convolution

X, KERNEL = batch(2, 3, 5, 4), batch(2, 3, 3, 2)  # (batch, channels, …), (filters, channels, …)


def correlated(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Of channels-first images with kernels (filters, channels, rows, columns)."""
    y = convolve(x.transpose(0, 2, 3, 1), kernel.transpose(2, 3, 1, 0), (1, 1), "valid", (1, 1))
    return y.transpose(0, 3, 1, 2)


def test_theano_kernels_by_generation():
    """In 0.3 "th" was the default; in 1.x the setting says it, and the kernel goes with it."""
    expected = correlated(X, KERNEL)
    with generations.within("0.3"):
        np.testing.assert_allclose(K.conv2d(X, KERNEL), expected, rtol=1e-4, atol=1e-5)
    K.set_image_dim_ordering("th")
    with generations.within("1.2"):
        np.testing.assert_allclose(K.conv2d(X, KERNEL), expected, rtol=1e-4, atol=1e-5)
    today = KERNEL.transpose(2, 3, 1, 0)
    np.testing.assert_allclose(K.conv2d(X, today), expected, rtol=1e-4, atol=1e-5)


def test_theano_turns_windows_round(monkeypatch):
    monkeypatch.setattr(settings.current(), "backend", "theano")
    found = K.conv2d(X, KERNEL, dim_ordering="th")
    expected = correlated(X, KERNEL[:, :, ::-1, ::-1])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_deconv2d_of_theano_kernels():
    kernel = batch(2, 3, 2, 2)  # (filters, channels, rows, columns)
    old = K.deconv2d(X, kernel, (2, 2, 6, 5), dim_ordering="th")
    now = K.conv2d_transpose(
        X, kernel.transpose(2, 3, 0, 1), (2, 2, 6, 5), data_format="channels_first"
    )
    assert old.shape == (2, 2, 6, 5)
    np.testing.assert_allclose(old, now, rtol=1e-5)


def test_pools_and_padding_of_0_3():
    with generations.within("0.3"):
        assert K.pool2d(X, (2, 2)).shape == (2, 3, 4, 3)
        assert K.spatial_2d_padding(X).shape == (2, 3, 7, 6)
    assert K.pool2d(X, (2, 2)).shape == (2, 2, 4, 4)
    assert K.spatial_2d_padding(X).shape == (2, 5, 7, 4)


# ---------------------------------------------------------------- other drift


def test_batch_dot_of_matrices():
    """Before 2.3 all axes but two were common; axes were also lists in 0.3."""
    x, y = batch(2, 3, 4, 5), batch(2, 3, 5, 6)
    with generations.within("2.2"):
        np.testing.assert_allclose(K.batch_dot(x, y, [3, 2]), x @ y, rtol=1e-4, atol=1e-5)
        turned = K.batch_dot(x.swapaxes(2, 3), y.swapaxes(2, 3), axes=[2, 3])
        np.testing.assert_allclose(turned, x @ y, rtol=1e-4, atol=1e-5)
        few, agreement = batch(2, 3, 5), np.einsum("bpn,bpnm->bpm", batch(2, 3, 5), y)
        np.testing.assert_allclose(K.batch_dot(few, y, [2, 2]), agreement, rtol=1e-4, atol=1e-5)
        expected = np.einsum("bpm,bpnm->bpn", agreement, y)  # as layers of capsules do it
        np.testing.assert_allclose(K.batch_dot(agreement, y, [2, 3]), expected, rtol=1e-4)
        np.testing.assert_allclose(K.batch_dot(y, few, [2, 2]), agreement, rtol=1e-4, atol=1e-5)
    assert K.batch_dot(few, y, [2, 2]).shape == (2, 3, 3, 6)
    assert K.batch_dot(x, y, [3, 2]).shape == (2, 3, 4, 3, 6)
    a, b = batch(2, 3, 4), batch(2, 4, 5)
    np.testing.assert_allclose(K.batch_dot(a, b, axes=[(2,), (1,)]), a @ b, rtol=1e-4, atol=1e-5)


def test_old_keywords():
    x = K.placeholder((None, 3))
    assert K.expand_dims(x, dim=1).shape == (None, 1, 3)
    assert K.one_hot(np.array([1]), nb_classes=3).shape == (1, 3)
    assert K.eval(K.random_uniform((200,), low=2.0, high=3.0)).min() >= 2
    assert K.eval(K.random_normal((500,), mean=0.0, std=1e-3)).std() < 1e-2
    v = K.variable(1.0)
    assert K.moving_average_update(variable=v, value=0.0, momentum=0.5)[0] is v
    images = batch(1, 2, 2, 1)
    assert K.resize_images(X=images, height_factor=2, width_factor=1, dim_ordering="tf").shape == (
        1,
        4,
        2,
        1,
    )
    assert K.conv1d(batch(1, 5, 2), batch(2, 2, 3), stride=2, border_mode="same").shape == (1, 3, 3)
    with pytest.raises(UsageTypeError, match='"axes".*"axis"'):
        K.expand_dims(x, axes=1)
    with pytest.raises(UsageTypeError, match="image_shape"):
        K.expand_dims(x, image_shape=None)


def test_seed_came_third():
    x = K.placeholder((10, 10))
    (found,) = K.function([x], [K.dropout(x, 0.5, 1337)])([np.ones((10, 10))])
    assert set(np.unique(found).tolist()) == {0, 2}


def test_rnn_masking_of_0_3():
    """`masking` skips steps of zeros; as a fifth argument it may be a bool alone."""
    gaps = STEPS * np.array([[1, 0, 1, 1], [0, 1, 1, 0]], "float32")[..., None]
    expected = recurrent(gaps.astype("float64"), batch(2, 3), masking=True)
    for found in (
        K.rnn(_step, gaps, [batch(2, 3)], masking=True),
        K.rnn(_step, gaps, [batch(2, 3)], False, True),
    ):
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-5)
    plain = recurrent(gaps.astype("float64"), batch(2, 3))
    np.testing.assert_allclose(
        K.rnn(_step, gaps, [batch(2, 3)], False, False)[1], plain[1], rtol=1e-4, atol=1e-5
    )
