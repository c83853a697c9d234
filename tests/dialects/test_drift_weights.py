"""First weights of older generations: their bounds and deviations, by the formulas of then.

A uniform draw of thousands of numbers comes within 1 % of its bound, and a normal one has its
deviation to 2 %; what is told apart here differs by more than 5 %.
"""

import numpy as np
import pytest

from cornu import initializers, layers
from cornu.dialects import generations, spellings, table
from cornu.dialects.generations import GENERATIONS

OLDER = GENERATIONS[:-1]
CUT = 0.87962566103423978  # the deviation of a normal number that is kept within two deviations


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def until(generation, last):
    return GENERATIONS.index(generation) <= GENERATIONS.index(last)


def bound(draw):
    return float(np.abs(draw).max())


def built(layer, shape):
    layer.build(shape)
    return layer


# ---------------------------------------------------------------- convolutions


@pytest.mark.parametrize("generation", GENERATIONS)
def test_first_weights_of_conv1d(generation):
    with generations.within(generation):
        layer = built(layers.Conv1D(64, 5), (None, 9, 16))
    glorot = np.sqrt(6 / (5 * 16 + 5 * 64))
    expected = 0.05 if until(generation, "1.0") else glorot
    assert bound(layer.kernel.numpy()) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", ["glorot_uniform", "glorot_normal"])
def test_fans_of_convolutions(generation, name):
    with generations.within(generation):
        draw = initializers.get(name)((5, 5, 16, 64))
    variance = 2 / (25 * 16 + (64 if generation == "0.3" else 25 * 64))
    shrunk = CUT if name == "glorot_normal" and generation == "2.0" else 1
    assert draw.std() == pytest.approx(np.sqrt(variance) * shrunk, rel=0.03)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_fans_of_matrices(generation):
    with generations.within(generation):
        draw = initializers.get("glorot_uniform")((100, 50))
    assert bound(draw) == pytest.approx(np.sqrt(6 / 150), rel=0.01)


# ---------------------------------------------------------------- draws


@pytest.mark.parametrize("generation", GENERATIONS)
def test_orthogonal(generation):
    with generations.within(generation):
        q = initializers.get("orthogonal")((8, 8)).astype("float64")
    gain = 1.1 if until(generation, "1.2") else 1.0
    np.testing.assert_allclose(q @ q.T, gain**2 * np.eye(8), atol=1e-5)


VARIANCES = {"glorot_normal": 2 / 400, "he_normal": 2 / 200}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", VARIANCES)
def test_normal_draws(generation, name):
    """In 40,000 normal numbers some lie beyond three deviations."""
    with generations.within(generation):
        draw = initializers.get(name)((200, 200))
    deviation = np.sqrt(VARIANCES[name])
    assert (bound(draw) > 3 * deviation) == until(generation, "1.2")


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", [*VARIANCES, "lecun_normal", "variance_scaling"])
def test_cut_normal_draws(generation, name):
    variance = VARIANCES.get(name, 1 / 200)
    with generations.within(generation):
        draw = initializers.get(name)((200, 200))
    shrunk = CUT if generation == "2.0" else 1
    assert draw.std() == pytest.approx(np.sqrt(variance) * shrunk, rel=0.02)


# ---------------------------------------------------------------- gates

CELLS = {"LSTM": (layers.LSTM, 4), "GRU": (layers.GRU, 3)}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", CELLS)
def test_each_gate_begins_by_itself(generation, name):
    """Glorot's bound is that of (inputs, units) or of (inputs, gates * units)."""
    cls, gates = CELLS[name]
    with generations.within(generation):
        layer = built(cls(48), (None, 5, 24))
    kernel, recurrent = layer.weights[0].numpy(), layer.weights[1].numpy().astype("float64")
    own = until(generation, "1.2")
    assert bound(kernel) == pytest.approx(np.sqrt(6 / (24 + (1 if own else gates) * 48)), rel=0.02)
    if generation == "1.2":
        return
    for part in np.split(recurrent, gates, -1) if own else [recurrent]:
        gain = 1.21 if own else 1.0
        np.testing.assert_allclose(part @ part.T, gain * np.eye(48), atol=1e-4)


def test_gates_of_images_begin_by_themselves():
    with generations.within("1.2"):
        layer = built(
            layers.ConvLSTM2D(16, (3, 3), data_format="channels_last"), (None, 2, 5, 5, 8)
        )
    kernel = layer.weights[0].numpy()
    assert bound(kernel) == pytest.approx(np.sqrt(6 / (9 * 8 + 9 * 16)), rel=0.02)


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_weights_of_1_2(name):
    """They are as the kernel's: even within Glorot's bound, not orthogonal."""
    cls, gates = CELLS[name]
    with generations.within("1.2"):
        layer = built(cls(48), (None, 5, 24))
    recurrent = layer.weights[1].numpy()
    assert bound(recurrent) == pytest.approx(np.sqrt(6 / (48 + 48)), rel=0.02)


@pytest.mark.parametrize("generation", ["1.0", "1.2"])
def test_one_kernel_for_all_gates(generation):
    with generations.within(generation):
        with pytest.warns(UserWarning, match="consume_less"):
            layer = built(layers.LSTM(48, consume_less="gpu"), (None, 5, 24))
    kernel, recurrent = (v.numpy().astype("float64") for v in layer.weights[:2])
    assert bound(kernel) == pytest.approx(np.sqrt(6 / (24 + 4 * 48)), rel=0.02)
    np.testing.assert_allclose(recurrent @ recurrent.T, 1.21 * np.eye(48), atol=1e-4)


def test_a_users_function_is_asked_for_each_gate():
    asked = []

    def ones(shape, name=None):
        asked.append(tuple(shape))
        return np.ones(shape, "float32")

    with generations.within("1.0"), pytest.warns(UserWarning, match=r"LSTM\(init\)"):
        layer = built(layers.LSTM(3, init=ones), (None, 5, 2))
    assert asked == [(2, 3)] * 4
    np.testing.assert_array_equal(layer.weights[0].numpy(), np.ones((2, 12)))


def test_configs_keep_them():
    with generations.within("1.0"):
        layer = layers.LSTM(3, kernel_initializer="glorot_normal")
        again = layers.LSTM.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    form = initializers.serialize(layer.kernel_initializer)
    assert form["class_name"] == "GlorotNormal"  # for other readers
