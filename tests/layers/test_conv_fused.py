"""Convolutions with bias and relu in one op: the same as one after the other, forward and back."""

import numpy as np
import pytest

import cornu
from cornu import engine, layers, ops, state

X = {
    rank: np.random.default_rng(rank).standard_normal((3, *(9, 8, 7)[:rank], 4)).astype("float32")
    for rank in (1, 2, 3)
}

CASES = {
    "Conv1D": (layers.Conv1D, 1, {"filters": 16, "padding": "causal", "dilation_rate": 2}),
    "Conv2D": (layers.Conv2D, 2, {"filters": 16, "strides": 2, "padding": "same"}),
    "Conv2D, groups": (layers.Conv2D, 2, {"filters": 8, "groups": 2}),
    "Conv2D, one": (layers.Conv2D, 2, {"filters": 16, "kernel_size": 1}),
    "Conv3D": (layers.Conv3D, 3, {"filters": 8}),
    "Conv1DTranspose": (layers.Conv1DTranspose, 1, {"filters": 16, "strides": 2}),
    "Conv2DTranspose": (layers.Conv2DTranspose, 2, {"filters": 16, "padding": "same"}),
    "Conv3DTranspose": (layers.Conv3DTranspose, 3, {"filters": 4}),
    "DepthwiseConv1D": (layers.DepthwiseConv1D, 1, {"depth_multiplier": 4}),
    "DepthwiseConv2D": (layers.DepthwiseConv2D, 2, {"depth_multiplier": 2}),
    "SeparableConv2D": (layers.SeparableConv2D, 2, {"filters": 16}),
}


def slopes(call, cells, x):
    """What `call` makes of x, and the slopes of a loss for x and the cells."""

    def loss(values):
        y, _, _ = state.pure(call, cells)(values[1:], values[0])
        return engine.np.sum(y**2), y

    values = [engine.array(x), *(cell.value for cell in cells)]
    (_, y), found = engine.jit(engine.value_and_grad(loss, has_aux=True))(values)
    return [np.asarray(each, "float64") for each in (y, *found)]


def both(name, activation, **more):
    """The layer with random weights, and a function that computes the same step by step."""
    made, rank, said = CASES[name]
    said = {"kernel_size": 3, **said, **more}
    layer = made(**said, activation=activation, bias_initializer="random_normal")
    bare = made(**said, use_bias=False)
    x = X[rank]
    if layer.data_format == "channels_first":
        x = np.moveaxis(x, -1, 1)
    layer.build(x.shape), bare.build(x.shape)
    *kernels, bias = layer.variables
    along = (-1, *[1] * rank) if layer.data_format == "channels_first" else (-1,)

    def parts(x):
        for cell, kernel in zip(bare.variables, kernels, strict=True):
            cell.assign(kernel.value)
        y = bare.finish(bare.call(x)) + ops.reshape(bias.value, along)
        return layer.activation(y)

    return layer, parts, [*bare.variables, *kernels, bias], x


def check(layer, parts, cells, x):
    found, wanted = (slopes(call, cells, x) for call in (layer.call, parts))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * max(np.abs(b).max(), 1e-30))
    assert all(np.any(each) for each in (found[0], found[1], found[-1]))


@pytest.mark.parametrize("name", CASES)
def test_relu(name):
    check(*both(name, "relu"))


@pytest.mark.parametrize("name", ["Conv2D", "Conv1DTranspose", "SeparableConv2D"])
def test_channels_first(name):
    check(*both(name, "relu", data_format="channels_first"))


@pytest.mark.parametrize("activation", [None, "tanh", layers.LeakyReLU(0.1)])
def test_other_activations(activation):
    check(*both("Conv2D", activation))


def asked(monkeypatch, layer, x):
    """What a layer asks of the engine beside the convolution."""
    seen, before = [], engine.conv

    def conv(*args):
        seen.append(tuple(bool(a is not None and a is not False) for a in args[6:]))
        return before(*args)

    monkeypatch.setattr(engine, "conv", conv, raising=False)
    layer(x)
    return seen


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"activation": "relu"}, (True, True)),
        ({"activation": cornu.activations.relu}, (True, True)),
        ({"activation": "relu", "use_bias": False}, (False, True)),
        ({}, (True, False)),
        ({"activation": lambda x: ops.relu(x)}, (True, False)),
        ({"activation": layers.ReLU()}, (True, False)),
        ({"activation": "gelu"}, (True, False)),
    ],
)
def test_what_is_asked_of_the_engine(monkeypatch, said, wanted):
    assert asked(monkeypatch, layers.Conv2D(4, 3, **said), X[2]) == [wanted]


def test_a_layer_of_ones_own_finishes_itself(monkeypatch):
    class Halved(layers.Conv2D):
        def finish(self, y):
            return super().finish(y) / 2

    layer, plain = Halved(4, 3, activation="relu"), layers.Conv2D(4, 3, activation="relu")
    plain.build(X[2].shape)
    layer.build(X[2].shape)
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(layer(X[2]), np.asarray(plain(X[2])) / 2, rtol=1e-6)
    assert asked(monkeypatch, layer, X[2]) == [(False, False)]


def test_in_a_graph():
    """The op on Tensors and Variables records itself, and a model of layers fits and is saved."""
    x = cornu.Input((9, 8, 4))
    layer = layers.Conv2D(4, 3, activation="relu", bias_initializer="random_normal")
    wanted = np.asarray(layer(X[2]))
    y = ops.conv(x, layer.kernel, bias=layer.bias, relu=True)
    model = cornu.Model(x, y)
    np.testing.assert_allclose(model.predict(X[2], verbose=0), wanted, atol=1e-6)
    assert y.shape == (None, 7, 6, 4)


def test_mixed_precision():
    """Computed in bfloat16, weights and slopes in float32; the bias is added before rounding."""
    layer = layers.Conv2D(8, 3, activation="relu", dtype="mixed_bfloat16", bias_initializer="ones")
    y = layer(X[2])
    plain = layers.Conv2D(8, 3, activation="relu", bias_initializer="ones")
    plain.build(X[2].shape)
    plain.set_weights(layer.get_weights())
    assert y.dtype == "bfloat16" and layer.bias.dtype == "float32"
    np.testing.assert_allclose(np.asarray(y, "float32"), plain(X[2]), atol=0.05)
