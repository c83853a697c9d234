"""Layers of earlier generations compute what those generations computed, with their weights.

Files in `tests/golden` were written by Keras 0.3.3, 1.0.8, 1.2.2 and 2.3.1: `x*` are inputs, `y*`
its outputs, `losses` and `w*` what three training steps on `bx0`, `by0` gave.
"""

from pathlib import Path

import h5py
import numpy as np
import pytest

from contracts.draws import some
from cornu import layers, models, optimizers
from cornu.errors import UsageError
from cornu.layers import Highway, Input, LocallyConnected1D, LocallyConnected2D, MaxoutDense

GOLDEN = Path(__file__).parents[1] / "golden"
NEAR = {"rtol": 1e-5, "atol": 1e-6}


def arrays(file):
    """Last part of the name, without what TensorFlow adds -> array."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            found[name.rpartition("/")[2].removesuffix(":0")] = item[()]

    with h5py.File(GOLDEN / file) as opened:
        opened.get("model_weights", opened).visititems(visit)
    return found


def known(file):
    with np.load(GOLDEN / file) as values:
        return dict(values)


# ---------------------------------------------------------------- Highway, MaxoutDense


def test_keras_0_3_3():
    w = [arrays("0.3.3/maxout_highway-th.weights.h5")[f"param_{i}"] for i in range(10)]
    values = known("0.3.3/maxout_highway-th.npz")
    cases = (
        (MaxoutDense(3, features=2), w[0:2], "y0"),
        (Highway(activation="relu"), [w[2], w[4], w[3], w[5]], "y1"),
        (Highway(activation="tanh"), [w[6], w[8], w[7], w[9]], "y2"),
    )
    for layer, weights, y in cases:
        layer.build((None, 4))
        layer.set_weights(weights)
        np.testing.assert_allclose(layer(values["x0"]), values[y], **NEAR)


def resume(model, file):
    """Put the steps and slots of Adamax in place: those of the last layer come first there."""
    with h5py.File(GOLDEN / file) as opened:
        group = opened["optimizer_weights"]
        steps, *slots = [group[name][()] for name in group.attrs["weight_names"]]
    momenta, norms = slots[:8], slots[8:]
    ordered = [one[i] for i in (6, 7, 2, 3, 4, 5, 0, 1) for one in (momenta, norms)]
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(int(steps))
    cells = [v for v in model.optimizer.variables if v.name.endswith(("momentum", "norm"))]
    for cell, value in zip(cells, ordered, strict=True):
        cell.assign(value)


def test_keras_1_2_2_and_its_training():
    """The same losses and weights in three steps of Adamax, so gradients agree too."""
    w = arrays("1.2.2/maxout_highway_train-tf.h5")
    values = known("1.2.2/maxout_highway_train-tf.npz")
    stack = [MaxoutDense(4, features=3), Highway(activation="tanh"), layers.Dense(1)]
    model = models.Sequential([Input((3,)), *stack])
    names = ["maxoutdense_1_W", "maxoutdense_1_b"]
    names += [f"highway_1_{n}" for n in ("W", "W_carry", "b", "b_carry")]
    model.set_weights([w[n] for n in [*names, "dense_1_W", "dense_1_b"]])
    np.testing.assert_allclose(model.predict(values["x0"], verbose=0), values["y0"], **NEAR)
    model.compile(optimizers.Adamax(0.01, epsilon=1e-8), "mse")
    resume(model, "1.2.2/maxout_highway_train-tf.h5")
    losses = [model.train_on_batch(values["bx0"], values["by0"]) for _ in range(3)]
    np.testing.assert_allclose(np.ravel(losses), values["losses"][:, 0], rtol=1e-4)
    for i, value in enumerate(model.get_weights()):
        np.testing.assert_allclose(value, values[f"w{i}"], rtol=1e-4, atol=1e-5)


def test_a_highway_begins_by_letting_its_input_pass():
    """The share that passes is 1 - sigmoid(-2) = 0.8808 where kernels are zeros."""
    layer = Highway(kernel_initializer="zeros", transform_kernel_initializer="zeros")
    x = some(3, 4)
    np.testing.assert_allclose(layer(x), 0.8807970779778823 * x, rtol=1e-5)
    assert [v.name for v in layer.weights] == [
        "kernel",
        "transform_kernel",
        "bias",
        "transform_bias",
    ]
    assert np.all(Highway(transform_bias_initializer="ones")(x * 0) == 0)


# ---------------------------------------------------------------- locally connected


def local(named, weights, first):
    """The five layers of a case, by the number of their output, with what they are fed."""
    formats = ("channels_first", "channels_last")
    a, b, c = ("x1", "x1", "x2") if first else ("x2", "x2", "x1")
    one, other = formats if first else formats[::-1]
    cases = (
        ("1d_1", "x0", LocallyConnected1D(2, 3)),
        ("1d_2", "x0", LocallyConnected1D(2, 2, strides=2, activation="tanh")),
        ("2d_1", a, LocallyConnected2D(3, (2, 3), data_format=one)),
        ("2d_2", b, LocallyConnected2D(2, 2, strides=(2, 1), use_bias=False, data_format=one)),
        ("2d_3", c, LocallyConnected2D(3, (2, 3), data_format=other)),
    )
    for suffix, x, layer in cases:
        prefix = named(suffix)
        yield x, layer, [weights[n] for n in (f"{prefix}W", f"{prefix}b") if n in weights]


def test_locally_connected_of_keras_1_0_8():
    values, weights = (
        known("1.0.8/locally_connected-th.npz"),
        arrays("1.0.8/locally_connected-th.h5"),
    )
    found = local(lambda s: f"locallyconnected{s}_", weights, first=True)
    for i, (x, layer, own) in enumerate(found):
        layer.build(values[x].shape)
        layer.set_weights(own)
        np.testing.assert_allclose(layer(values[x]), values[f"y{i}"], **NEAR)


def test_locally_connected_of_keras_2_3_1():
    values = known("2.3.1/locally_connected-tf.npz")
    with h5py.File(GOLDEN / "2.3.1/locally_connected-tf.h5") as opened:
        weights = {}
        for name, group in opened["model_weights"].items():
            for kind, letter in (("kernel:0", "W"), ("bias:0", "b")):
                if name in group and kind in group[name]:
                    weights[f"{name}_{letter}"] = group[name][kind][()]
    found = local(lambda s: f"locally_connected{s}_", weights, first=False)
    for i, (x, layer, own) in enumerate(found):
        layer.build(values[x].shape)
        layer.set_weights(own)
        np.testing.assert_allclose(layer(values[x]), values[f"y{i}"], **NEAR)


def test_equal_kernels_everywhere_make_a_convolution():
    x = some(2, 5, 6, 3)
    conv = layers.Conv2D(4, (2, 3), strides=(1, 2), padding="same")
    expected = conv(x)
    layer = LocallyConnected2D(4, (2, 3), strides=(1, 2), padding="same", implementation=2)
    layer.build(x.shape)
    kernel, bias = conv.get_weights()
    layer.set_weights([np.tile(kernel.reshape(1, 18, 4), (15, 1, 1)), np.tile(bias, (5, 3, 1))])
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_locally_connected_refuses_what_it_cannot_do():
    with pytest.raises(UsageError, match='padding="same" needs implementation=2.*E-PADDING'):
        LocallyConnected2D(2, 3, padding="same")
    with pytest.raises(UsageError, match="must be 1, 2 or 3; got 4.*E-CHOICE"):
        LocallyConnected1D(2, 3, implementation=4)
    with pytest.raises(UsageError, match="every space axis.*E-SHAPE-UNKNOWN"):
        LocallyConnected1D(2, 3)(Input((None, 4)))
    with pytest.raises(UsageError, match=r"window of \(3,\) does not fit.*E-WINDOW"):
        LocallyConnected1D(2, 3)(Input((2, 4)))
    layer = LocallyConnected1D(2, 3)
    layer(Input((6, 4)))
    with pytest.raises(UsageError, match="6"):
        layer(some(1, 7, 4))


def test_sizes_of_locally_connected_models_are_known():
    model = models.Sequential([Input((8, 8, 1)), LocallyConnected2D(4, 3), layers.Flatten()])
    assert model.output_shape == (None, 6 * 6 * 4)
    assert model.count_params() == 36 * 9 * 4 + 36 * 4
