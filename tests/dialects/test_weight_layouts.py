"""Arrays of `get_weights` and `set_weights` as each generation laid them out."""

import numpy as np
import pytest

from cornu import Input, layers, settings
from cornu.dialects import spellings, table
from cornu.dialects.generations import GENERATIONS, within
from cornu.errors import UsageError
from cornu.models import Sequential

RNG = np.random.default_rng(17)
FIRST = {"data_format": "channels_first"}


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def built(layer, shape):
    with within("3"):
        Sequential([Input(shape), layer])
        layer.set_weights([RNG.normal(size=w.shape) ** 2 for w in layer.get_weights()])
    return layer


def convolution(x, kernel):
    """(channels, rows, columns) and (filters, channels, rows, columns), "valid", in float64."""
    rows, columns = kernel.shape[2:]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    windows = [
        [np.sum(x[:, i : i + rows, j : j + columns] * kernel, axis=(1, 2, 3)) for j in range(width)]
        for i in range(height)
    ]
    return np.array(windows).transpose(2, 0, 1)


@pytest.mark.parametrize("engine", ["tensorflow", "theano"])
def test_a_kernel_of_th_images_is_filters_first(engine, monkeypatch):
    """With Theano as backend it is turned around in its window, as a true convolution has it."""
    monkeypatch.setattr("cornu.dialects.weight_layouts.backend", lambda: engine)
    layer = built(layers.Conv2D(4, (2, 3), use_bias=False, **FIRST), (3, 5, 6))
    kernel = RNG.normal(size=(4, 3, 2, 3))
    with within("1.0"):
        layer.set_weights([kernel])
        np.testing.assert_allclose(layer.get_weights()[0], kernel, rtol=1e-6)
    x = RNG.normal(size=(3, 5, 6))
    weighed = kernel[:, :, ::-1, ::-1] if engine == "theano" else kernel
    found = np.asarray(layer(x[None].astype("float32")))[0]
    np.testing.assert_allclose(found, convolution(x, weighed), rtol=1e-4, atol=1e-5)


LAYERS = {
    "Conv1D": (lambda: layers.Conv1D(4, 3), (7, 2)),
    "Conv2D": (lambda: layers.Conv2D(4, (2, 3), data_format="channels_last"), (5, 6, 3)),
    "Conv2D th": (lambda: layers.Conv2D(4, (2, 3), **FIRST), (3, 5, 6)),
    "Conv3D th": (lambda: layers.Conv3D(4, (1, 2, 3), **FIRST), (3, 5, 6, 7)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(4, 3), (5, 6, 2)),
    "Conv2DTranspose th": (lambda: layers.Conv2DTranspose(4, 3, **FIRST), (2, 5, 6)),
    "SeparableConv2D th": (lambda: layers.SeparableConv2D(4, 3, **FIRST), (2, 5, 6)),
    "BatchNormalization": (lambda: layers.BatchNormalization(), (3,)),
    "LSTM": (lambda: layers.LSTM(3), (4, 2)),
    "GRU": (lambda: layers.GRU(3, reset_after=False), (4, 2)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(2, 3), (2, 5, 5, 1)),
    "Highway": (lambda: layers.Highway(), (3,)),
    "Dense": (lambda: layers.Dense(2), (3,)),
}
SHAPES = {
    ("Conv1D", "1.0"): (4, 2, 3, 1),
    ("Conv1D", "1.2"): (3, 1, 2, 4),
    ("Conv1D", "2.0"): (3, 2, 4),
    ("Conv2D th", "0.3"): (4, 3, 2, 3),
    ("Conv2D th", "1.2"): (4, 3, 2, 3),
    ("Conv2D th", "2.0"): (2, 3, 3, 4),
    ("Conv2D", "1.2"): (2, 3, 3, 4),
    ("Conv3D th", "1.2"): (4, 3, 1, 2, 3),
    ("Conv2DTranspose th", "1.2"): (4, 2, 3, 3),
    ("Conv2DTranspose", "1.2"): (3, 3, 2, 4),
    ("Conv2DTranspose", "2.2"): (3, 3, 4, 2),
}


@pytest.fixture(scope="module")
def kept():
    return {name: built(make(), shape) for name, (make, shape) in LAYERS.items()}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", LAYERS)
def test_what_is_given_can_be_set(kept, name, generation):
    layer = kept[name]
    expected = [v.numpy() for v in layer.weights]
    with within(generation):
        given = layer.get_weights()
        wanted = SHAPES.get((name, generation))
        assert wanted is None or given[0].shape == wanted
        layer.set_weights([w * 0 + 1 for w in given])
        layer.set_weights(given)
    for variable, value in zip(layer.weights, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5)


def test_an_array_for_each_gate(kept):
    layer = kept["LSTM"]
    w, u, b = (np.split(v.numpy(), 4, axis=-1) for v in layer.weights)  # i, f, c, o
    order = (0, 2, 1, 3)  # i, c, f, o
    apart = [part[gate] for gate in order for part in (w, u, b)]
    before = [v.numpy() for v in layer.weights]
    with within("1.2"):
        layer.set_weights([a * 0 for a in apart])
        layer.set_weights(apart)
    for variable, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_models_layer_by_layer():
    model = Sequential(
        [
            Input((1, 6, 6)),
            layers.Conv2D(2, 3, **FIRST),
            layers.Reshape((2, 16)),
            layers.LSTM(3),
            layers.Dense(2),
        ]
    )
    with within("1.0"):
        given = model.get_weights()
        assert given[0].shape == (2, 1, 3, 3)
        model.set_weights([w + 1 for w in given])
        for a, b in zip(model.get_weights(), given, strict=True):
            np.testing.assert_allclose(a, b + 1, rtol=1e-6)
        with pytest.raises(UsageError, match="7 weights; 6 were given"):
            model.set_weights(given[:-1])
    assert settings.image_data_format() == "channels_last"
