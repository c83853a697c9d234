"""Arrays of old layers give today's layers that compute the same.

What the old layer computed is said here by its formula, in float64 NumPy, with the arrays as they
lay then. Layouts that golden files hold are tested with these (`golden/test_files_old.py`).
"""

import itertools

import numpy as np
import pytest

from cornu import layers, models
from cornu.dialects import theano
from cornu.dialects.files import weights
from cornu.saving.layered import ordered
from cornu.saving.older import Origin
from cornu.saving.weights import Stored

RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


def stored(array):
    array = np.ascontiguousarray(array)
    return Stored(array.shape, str(array.dtype), lambda: array)


def put(layer, arrays, version, backend="tensorflow", names=None):
    """Convert arrays, check that shapes were known before, and set the layer's weights."""
    names = names or [f"w{i}" for i in range(len(arrays))]
    named = [(name, stored(array)) for name, array in zip(names, arrays, strict=True)]
    told = weights(layer, named, Origin(version, backend))
    cells = ordered(layer)
    assert [tuple(value.shape) for _, value in told] == [cell.shape for cell in cells]
    for cell, (_, value) in zip(cells, told, strict=True):
        made = value.read()
        assert made.shape == tuple(value.shape) and made.flags.c_contiguous
        cell.assign(made)


def built(layer, shape):
    layer.build((None, *shape))
    return layer


def correlated(x, kernel):
    """x (rows, in, *space) with kernel (out, in, *window), as TensorFlow correlates."""
    window = kernel.shape[2:]
    sizes = [n - k + 1 for n, k in zip(x.shape[2:], window, strict=True)]
    y = np.zeros((x.shape[0], kernel.shape[0], *sizes))
    for at in itertools.product(*map(range, window)):
        part = x[(..., *(slice(i, i + n) for i, n in zip(at, sizes, strict=True)))]
        y += np.einsum("bc...,oc->bo...", part, kernel[(..., *at)].astype("float64"))
    return y


def turned_around(kernel):
    return kernel[(slice(None), slice(None), *[slice(None, None, -1)] * (kernel.ndim - 2))]


# ---------------------------------------------------------------- convolutions


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
@pytest.mark.parametrize(("cls", "window"), [(layers.Conv2D, (2, 3)), (layers.Conv3D, (2, 1, 3))])
def test_kernels_of_th_images(cls, window, backend):
    """(out, in, *window), which Theano turned around and TensorFlow did not."""
    kernel, bias, x = draw(4, 2, *window), draw(4), draw(2, 2, *(n + 2 for n in window))
    layer = built(cls(4, window, data_format="channels_first"), x.shape[1:])
    put(layer, [kernel, bias], "1.2.2", backend)
    seen = turned_around(kernel) if backend == "theano" else kernel
    expected = correlated(x, seen) + bias.reshape(-1, *[1] * len(window))
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


@pytest.mark.parametrize("order", ["th", "tf"])
def test_kernels_of_a_deconvolution(order):
    """th (out, in, rows, columns), tf (rows, columns, in, out): each input spreads its kernel."""
    kernel, x = draw(3, 2, 2, 3), draw(2, 2, 3, 4)
    expected = np.zeros((2, 3, 4, 6))
    for i, j in itertools.product(range(3), range(4)):
        part = np.einsum("bc,ocrs->bors", x[:, :, i, j], kernel.astype("float64"))
        expected[:, :, i : i + 2, j : j + 3] += part
    first = order == "th"
    form = "channels_first" if first else "channels_last"
    shape = (2, 3, 4) if first else (3, 4, 2)
    layer = built(layers.Conv2DTranspose(3, (2, 3), data_format=form, use_bias=False), shape)
    put(layer, [kernel if first else kernel.transpose(2, 3, 1, 0)], "1.1.0")
    found = layer(x if first else x.transpose(0, 2, 3, 1))
    found = found if first else np.transpose(found, (0, 3, 1, 2))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("order", ["th", "tf"])
def test_kernels_of_a_separable_convolution(order):
    """th: (multiplier, in, rows, columns), then (out, in * multiplier, 1, 1)."""
    depth, point, x = draw(2, 3, 2, 2), draw(4, 6, 1, 1), draw(2, 3, 4, 4)
    middle = [correlated(x[:, c : c + 1], depth[:, c : c + 1]) for c in range(3)]
    expected = correlated(np.concatenate(middle, axis=1), point)
    first = order == "th"
    form = "channels_first" if first else "channels_last"
    layer = layers.SeparableConv2D(4, 2, depth_multiplier=2, data_format=form, use_bias=False)
    built(layer, (3, 4, 4) if first else (4, 4, 3))
    arrays = [depth, point] if first else [a.transpose(2, 3, 1, 0) for a in (depth, point)]
    put(layer, arrays, "1.2.2")
    found = layer(x if first else x.transpose(0, 2, 3, 1))
    found = found if first else np.transpose(found, (0, 3, 1, 2))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
@pytest.mark.parametrize("form", ["(out, in, steps, 1)", "(steps, 1, in, out)", "today's"])
def test_kernels_of_a_line(form, backend):
    """To 1.0 as an image of one column, then channels last, from 2.0 on as today."""
    kernel, x = draw(4, 2, 3), draw(2, 6, 2)  # (out, in, steps)
    old = {
        "(out, in, steps, 1)": ("1.0.8", kernel[..., None]),
        "(steps, 1, in, out)": ("1.1.0", kernel.transpose(2, 1, 0)[:, None]),
        "today's": ("2.0.8", kernel.transpose(2, 1, 0)),
    }
    version, array = old[form]
    layer = built(layers.Conv1D(4, 3, use_bias=False), (6, 2))
    put(layer, [array], version, backend)
    seen = turned_around(kernel) if backend == "theano" else kernel
    expected = correlated(x.transpose(0, 2, 1), seen).transpose(0, 2, 1)
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


def test_a_bias_of_each_place_is_read_in_its_order():
    """`th`: (out, rows, columns), added to outputs of that shape."""
    kernel, bias, x = draw(4, 8, 3), draw(3, 2, 2), draw(2, 2, 3, 3)
    layer = layers.LocallyConnected2D(3, 2, data_format="channels_first")
    put(built(layer, (2, 3, 3)), [np.zeros_like(kernel), bias], "1.2.2")
    np.testing.assert_allclose(layer(x), np.broadcast_to(bias, (2, 3, 2, 2)))


@pytest.mark.parametrize("order", ["th", "tf"])
def test_a_convolutional_lstm(order):
    """Twelve arrays i, c, f, o, of W, U, b: one step from zero states needs no U."""
    kernels, biases = [draw(2, 3, 2, 2) for _ in range(4)], [draw(2) for _ in range(4)]
    states = [draw(2, 2, 2, 2) for _ in range(4)]
    x = draw(2, 1, 3, 4, 4)
    first = order == "th"
    arrays = []
    for w, u, b in zip(kernels, states, biases, strict=True):
        arrays += [w, u, b] if first else [w.transpose(2, 3, 1, 0), u.transpose(2, 3, 1, 0), b]
    form = "channels_first" if first else "channels_last"
    layer = layers.ConvLSTM2D(2, 2, data_format=form)
    given = x if first else x.transpose(0, 1, 3, 4, 2)
    layer.build((None, *given.shape[1:]))
    put(layer, arrays, "1.2.2")
    i, c, _, o = (
        correlated(x[:, 0], w) + b.reshape(-1, 1, 1) for w, b in zip(kernels, biases, strict=True)
    )
    expected = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(c))
    found = np.asarray(layer(given))
    np.testing.assert_allclose(found if first else found.transpose(0, 3, 1, 2), expected, atol=1e-4)
    whole = np.concatenate([states[g].transpose(2, 3, 1, 0) for g in (0, 2, 1, 3)], axis=-1)
    np.testing.assert_array_equal(layer.cell.recurrent_kernel.numpy(), whole)


# ---------------------------------------------------------------- recurrent layers of cuDNN


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cudnn_matrices(kernel, gates):
    """What cuDNN took for its matrices: the numbers of each gate, row by row, as (units, in)."""
    parts = np.split(kernel.astype("float64"), gates, axis=1)
    return [part.reshape(part.shape[1], part.shape[0]) for part in parts]


def test_an_lstm_of_cudnn():
    """Gates i, f, c, o with two biases each."""
    kernel, recurrent, bias, x = draw(3, 16), draw(4, 16), draw(32), draw(2, 5, 3)
    layer = built(layers.LSTM(4), (5, 3))
    put(layer, [kernel, recurrent, bias], "2.2.4")
    ws, rs = cudnn_matrices(kernel, 4), cudnn_matrices(recurrent, 4)
    h = c = np.zeros((2, 4))
    for t in range(5):
        z = [
            x[:, t] @ ws[g].T + h @ rs[g].T + bias[4 * g : 4 * g + 4] + bias[16 + 4 * g :][:4]
            for g in range(4)
        ]
        c = sigmoid(z[1]) * c + sigmoid(z[0]) * np.tanh(z[2])
        h = sigmoid(z[3]) * np.tanh(c)
    np.testing.assert_allclose(layer(x), h, atol=1e-5)


def test_a_gru_of_cudnn():
    """Gates z, r, h; the state's product has a bias of its own, and is reset after it."""
    kernel, recurrent, bias, x = draw(3, 12), draw(4, 12), draw(24), draw(2, 5, 3)
    layer = built(layers.GRU(4, reset_after=True), (5, 3))
    put(layer, [kernel, recurrent, bias], "2.1.5")
    ws, rs = cudnn_matrices(kernel, 3), cudnn_matrices(recurrent, 3)
    own, state = bias[:12].reshape(3, 4), bias[12:].reshape(3, 4)
    h = np.zeros((2, 4))
    for t in range(5):
        a = [x[:, t] @ w.T + b for w, b in zip(ws, own, strict=True)]
        b = [h @ r.T + b for r, b in zip(rs, state, strict=True)]
        z, r = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        h = (1 - z) * np.tanh(a[2] + r * b[2]) + z * h
    np.testing.assert_allclose(layer(x), h, atol=1e-5)


# ---------------------------------------------------------------- moving averages


@pytest.mark.parametrize(
    ("version", "backend", "is_deviation"),
    [
        ("0.3", "theano", True),
        ("1.0.5", "tensorflow", True),
        ("1.0.6", "theano", True),
        ("1.0.6", "tensorflow", False),
        ("1.0.7", "theano", False),
        ("1.2", "tensorflow", False),
    ],
)
def test_deviations_become_variances(version, backend, is_deviation):
    """Then: (x - mean) / (s + epsilon) * gamma + beta with s, else over sqrt(v + epsilon)."""
    gamma, beta, mean, x = draw(3), draw(3), draw(3), draw(4, 3)
    spread = np.array([0.5, 1.0, 1e-3], "float32")
    layer = built(layers.BatchNormalization(epsilon=1e-6), (3,))
    put(layer, [gamma, beta, mean, spread], version, backend)
    wide = spread.astype("float64")
    below = wide + 1e-6 if is_deviation else np.sqrt(wide + 1e-6)
    expected = (x - mean) / below * gamma + beta
    np.testing.assert_allclose(layer(x, training=False), expected, rtol=2e-4, atol=1e-5)


# ---------------------------------------------------------------- layers in layers


def inner():
    return models.Sequential(
        [
            layers.Input((4, 3)),
            layers.LSTM(2, return_sequences=True),
            layers.BatchNormalization(),
            layers.GRU(2, reset_after=False),
            layers.Dense(1),
        ],
        name="inner",
    )


def old_parts():
    """Arrays of `inner` in Keras 1, what is trained and what is not."""
    lstm = [a for _ in range(4) for a in (draw(3, 2), draw(2, 2), draw(2))]
    gru = [a for _ in range(3) for a in (draw(2, 2), draw(2, 2), draw(2))]
    return [*lstm, draw(2), draw(2), *gru, draw(2, 1), draw(1)], [draw(2), draw(2)]


def names_of(trained, rest):
    """Names as Keras 1 gave them."""
    return [f"w{i}" for i in range(len(trained))], ["norm_running_mean", "norm_running_std"]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("frozen", ["nothing", "the model", "each layer"])
def test_a_model_in_a_model(frozen, named):
    """First what is trained of all layers, then the rest; what each layer froze is beside it.

    That a model was frozen as a whole changed nothing. Without names it cannot be told from the
    other case: then the arrays are taken to be as the model is now.
    """
    model, (trained, rest) = inner(), old_parts()
    first, last = names_of(trained, rest)
    if frozen != "nothing":
        model.trainable = False
    arrays, names = [*trained, *rest], [*first, *last]
    if frozen == "each layer" or (frozen == "the model" and not named):
        arrays = [*trained[:14], *rest, *trained[14:]]
        names = [*first[:14], *last, *first[14:]]
    put(model, arrays, "1.2.2", names=names if named else None)
    lstm, norm, gru, dense = model.layers
    order = [0, 6, 3, 9]  # i, f, c, o of i, c, f, o
    np.testing.assert_array_equal(
        lstm.cell.kernel.numpy(), np.concatenate([trained[i] for i in order], axis=1)
    )
    np.testing.assert_array_equal(norm.moving_variance.numpy(), rest[1])
    np.testing.assert_array_equal(
        gru.cell.bias.numpy(), np.concatenate([trained[14 + i] for i in (2, 5, 8)])
    )
    np.testing.assert_array_equal(dense.kernel.numpy(), trained[23])


def test_a_model_in_a_model_of_keras_0():
    """Layer by layer, each with all it has."""
    model, (trained, rest) = inner(), old_parts()
    ones = np.ones(2, "float32")
    put(model, [*trained[:14], rest[0], ones, *trained[14:]], "0.3")
    _, norm, _, dense = model.layers
    np.testing.assert_array_equal(norm.moving_mean.numpy(), rest[0])
    np.testing.assert_array_equal(dense.bias.numpy(), trained[24])


def test_both_ways_and_step_by_step():
    """Bidirectional: all of the way forward, then all of the way back."""
    layer = layers.Bidirectional(layers.GRU(2, reset_after=False))
    layer.build((None, 4, 3))
    parts = [a for _ in range(6) for a in (draw(3, 2), draw(2, 2), draw(2))]
    put(layer, parts, "1.2.2")
    back = layer.backward_layer.cell.kernel.numpy()
    np.testing.assert_array_equal(back, np.concatenate(parts[9::3], axis=1))
    steps = layers.TimeDistributed(layers.Conv1D(2, 3))
    steps.build((None, 4, 5, 3))
    kernel, bias = draw(2, 3, 3, 1), draw(2)
    put(steps, [kernel, bias], "1.0.8")
    expected = kernel[..., 0].transpose(2, 1, 0)
    np.testing.assert_array_equal(steps.layer.kernel.numpy(), expected)


def test_arrays_that_are_too_few_are_left_as_they_are():
    """Where they are put into Variables it is said what does not fit."""
    layer = built(layers.LSTM(2), (4, 3))
    named = [(f"w{i}", stored(draw(3, 2))) for i in range(11)]
    assert weights(layer, named, Origin("1.2.2")) == named


@pytest.mark.parametrize("wrong", [0, 1, 4])
def test_gates_of_several_sizes_are_left_as_they_are(wrong):
    layer = built(layers.GRU(2), (4, 3))
    arrays = [a for _ in range(3) for a in (draw(3, 2), draw(2, 2), draw(2))]
    arrays[wrong] = draw(5, 2)
    told = weights(layer, [(str(i), stored(a)) for i, a in enumerate(arrays)], Origin("1.2.2"))
    cells = ordered(layer)
    assert any(value.shape != cell.shape for (_, value), cell in zip(told, cells, strict=False))


# ---------------------------------------------------------------- windows around their places


def test_windows_of_theano_lie_around_their_places():
    """By hand: window 3, every second place; Theano begins one before, TensorFlow at the place."""
    x = np.array([1.0, 2.0, 4.0, 8.0], "float32").reshape(1, 4, 1)
    ours = layers.MaxPooling1D(3, 2, padding="same")
    np.testing.assert_array_equal(np.ravel(ours(x)), [4, 8])
    around = theano.TheanoMaxPooling1D(3, 2, padding="same")
    np.testing.assert_array_equal(np.ravel(around(x)), [2, 8])
    mean = theano.TheanoAveragePooling1D(3, 2, padding="same")
    np.testing.assert_allclose(np.ravel(mean(x)), [1.5, 14 / 3], rtol=1e-6)
    line = built(theano.TheanoConv1D(1, 2, padding="same", use_bias=False), (4, 1))
    line.set_weights([np.array([10.0, 1.0], "float32").reshape(2, 1, 1)])
    np.testing.assert_allclose(np.ravel(line(x)), [1, 12, 24, 48])  # begins before the first


def test_where_windows_are_the_same_the_layer_is_todays():
    as_theano = theano.as_theano
    same = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "same"}
    assert as_theano("Conv2D", same) == "Conv2D"
    assert as_theano("Conv2D", {**same, "padding": "valid", "strides": [2, 2]}) == "Conv2D"
    assert as_theano("Conv2D", {**same, "strides": [2, 1]}) == "TheanoConv2D"
    assert as_theano("Conv1D", {"kernel_size": 4, "padding": "same"}) == "TheanoConv1D"
    assert as_theano("ConvLSTM2D", {"kernel_size": (2, 2)}) == "TheanoConvLSTM2D"
    assert as_theano("Dense", {"units": 3}) == "Dense"
