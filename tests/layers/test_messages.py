"""What layers say about wrong use: layer, numbers, the call that works, and no inner words."""

from collections.abc import Callable

import pytest

from contracts.draws import some
from cornu import graph, layers
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Input, Layer


def _message(act: Callable) -> str:
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        act()
    text = str(caught.value)
    assert len(text) <= 600
    for word in ("Tracer", "jnp.", "5040", "10080", "array("):
        assert word not in text
    return text


@pytest.mark.parametrize(
    ("act", "words"),
    [
        # another number of features
        (
            lambda: _twice(layers.Dense(3, name="dense_1"), (2, 4), (2, 5)),
            ["5 features", '"dense_1"', "built for 4", "(axis -1)", "(2, 5)"],
        ),
        # images without an axis of channels
        (
            lambda: layers.Conv2D(8, 3, name="c")(Input((28, 28))),
            [
                'Conv2D "c" needs (batch, height, width, channels); got (batch, 28, 28)',
                "Grayscale? Use Input((28, 28, 1)) and x[..., None].",
            ],
        ),
        (
            lambda: layers.Conv2D(8, 3, data_format="channels_first")(some(2, 28, 28)),
            ["needs (batch, channels, height, width)", "Input((1, 28, 28)) and x[:, None]"],
        ),
        (lambda: layers.Conv2D(8, 3)(some(2, 784)), ["needs (batch, height", "got (2, 784)"]),
        (lambda: layers.MaxPooling1D()(some(2, 3)), ["(batch, time, channels)"]),
        # a window larger than the input
        (
            lambda: layers.Conv2D(8, 5, name="c")(Input((4, 6, 1))),
            ['"c"', "(5, 5)", "(4, 6)", 'padding="same"', "<= 4"],
        ),
        (lambda: layers.Conv1D(1, 3, dilation_rate=3)(some(1, 6, 1)), ["(7,)", "(6,)"]),
        (lambda: layers.AveragePooling2D(3)(some(1, 2, 5, 1)), ["(3, 3)", "(2, 5)", "<= 2"]),
        # channels first where they were expected last
        (
            lambda: _twice(layers.Conv2D(8, 3), (2, 28, 28, 3), (2, 3, 28, 28)),
            ["28", "built for 3", "channels_first", "np.moveaxis"],
        ),
        (lambda: layers.Reshape((5, 5), name="r")(Input((4, 6))), ['"r"', "24", "(5, 5)", "25"]),
        (lambda: layers.Reshape((5, -1))(Input((4, 6))), ["24", "(5, -1)", "multiples of 5"]),
        (lambda: layers.Reshape((-1, -1)), ["at most one", "(-1, -1)"]),
        (lambda: layers.Permute((0, 1)), ["from 1 to 2", "(0, 1)"]),
        (lambda: layers.Cropping1D(2, name="cut")(Input((4, 1))), ['"cut"', "2 + 2", "time 4"]),
        (lambda: layers.RepeatVector(2)(Input((3, 4))), ["(batch, features)"]),
        # arguments that cannot be
        (lambda: layers.Dense(2.5), ["units", "int", "2.5", "Use 2"]),
        (lambda: layers.Dense("10"), ["units", "Use 10 without quotes"]),
        (lambda: layers.Dense(0), ["units", ">= 1", "0"]),
        (lambda: layers.Dropout(50), ["rate", "[0, 1]", "Did you mean 0.5?"]),
        (lambda: layers.Conv2D(8, (3, 3, 3)), ["Conv2D", "kernel_size", "(3, 3, 3)"]),
        (lambda: layers.Conv2D(8, 0), ["kernel_size", ">= 1"]),
        (lambda: layers.Conv2D(8, 3, padding="sane"), ["padding", '"same"']),
        (lambda: layers.Conv2D(8, 3, padding="causal"), ["padding", "causal"]),
        (lambda: layers.Conv2D(8, 3, strides=2, dilation_rate=2), ["strides", "dilation_rate"]),
        (lambda: layers.Conv2D(8, 3, groups=3), ["filters=8", "groups=3"]),
        (lambda: layers.Conv2D(8, 3, groups=4)(Input((5, 5, 6))), ["6 channels", "groups=4"]),
        (lambda: layers.Conv2D(8, 3, data_format="last"), ["data_format", "channels_last"]),
        (lambda: layers.Conv2DTranspose(8, 3, strides=2, output_padding=2), ["output_padding"]),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), ["padding", "(1, 2, 3)"]),
        (lambda: layers.UpSampling2D(interpolation="linear"), ["interpolation", '"bilinear"']),
        (lambda: layers.GroupNormalization(5)(Input((4, 6))), ["6 channels", "groups=5"]),
        (lambda: layers.BatchNormalization(axis=3)(Input((4, 6))), ["no axis 3"]),
        (lambda: layers.Dense(3)(Input((None,))), ["Dense", "last axis", "Input(shape)"]),
        (lambda: layers.Dot(axes=0), ["axes", "batch"]),
        (lambda: layers.Dense(3, activations="relu"), ["activations", "activation"]),
        (lambda: layers.Dense(3, "rleu"), ["rleu", '"relu"']),
    ],
)
def test_wrong_use_is_named(act: Callable, words: list):
    text = _message(act)
    for word in words:
        assert word in text or word.replace('"', "'") in text, text


def _twice(layer: Layer, first: tuple, second: tuple) -> None:
    layer(some(*first))
    layer(some(*second))


def test_a_refused_input_leaves_the_layer_usable():
    layer = layers.Conv2D(2, 3)
    with pytest.raises(UsageError):
        layer(Input((28, 28)))
    assert not layer.built
    assert layer.weights == []
    assert layer(Input((28, 28, 1))).shape == (None, 26, 26, 2)
    with pytest.raises(UsageError):
        layer(some(1, 8, 8, 2))
    assert graph.is_symbolic(layer(Input((8, 8, 1))))
