"""Calls of Keras 2 beside the calls of today that they mean."""

import numpy as np
import pytest

from cornu import constraints, layers, optimizers
from cornu.dialects import generations, spellings, table
from cornu.dialects.layers import CornerUpSampling2D
from cornu.dialects.table import made
from tests.dialects.test_keras1 import same


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


PAIRS = {
    "Dense": (
        lambda: layers.Dense(3, batch_input_shape=(None, 4)),
        lambda: layers.Dense(3, batch_shape=(None, 4)),
    ),
    "Flatten": (
        lambda: layers.Flatten(batch_input_shape=(None, 4, 5)),
        lambda: layers.Flatten(batch_shape=(None, 4, 5)),
    ),
    "LeakyReLU": (lambda: layers.LeakyReLU(alpha=0.1), lambda: layers.LeakyReLU(0.1)),
    "LSTM": (
        lambda: layers.LSTM(3, implementation=2, input_shape=(4, 5)),
        lambda: layers.LSTM(3, input_shape=(4, 5)),
    ),
    "Embedding": (
        lambda: layers.Embedding(9, 3, input_length=4),
        lambda: layers.Embedding(9, 3, input_shape=(4,)),
    ),
    "CuDNNGRU": (lambda: made("CuDNNGRU", 4), lambda: layers.GRU(4)),
    "CuDNNLSTM": (
        lambda: made("CuDNNLSTM", 4, return_sequences=True),
        lambda: layers.LSTM(4, return_sequences=True),
    ),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(fused=True),
        lambda: layers.BatchNormalization(),
    ),
    "SGD": (lambda: optimizers.SGD(lr=0.1), lambda: optimizers.SGD(0.1)),
    "unitnorm": (lambda: made("unitnorm", axis=1), lambda: constraints.UnitNorm(1)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_old_call_is_a_call_of_today(name):
    old, new = PAIRS[name]
    with pytest.warns(UserWarning, match="is an old spelling. Today: "):
        was = old()
    same(was, new())


def test_the_order_had_no_groups():
    with generations.within("2.3"):
        old = layers.Conv2D(3, 2, 1, "same", "channels_first", 1, "relu")
    same(old, layers.Conv2D(3, 2, 1, "same", "channels_first", activation="relu"))


def test_amsgrad_stood_where_epsilon_does():
    with generations.within("2.3"):
        old = optimizers.Adam(0.1, 0.8, 0.9, True)
    assert old.amsgrad is True
    with generations.within("2.2"):
        assert float(optimizers.Adam(0.1, 0.8, 0.9, 0.5).epsilon.numpy()) == pytest.approx(0.5)


def test_decay_was_the_third_of_sgd():
    with generations.within("2.2"):
        config = optimizers.SGD(0.1, 0.9, 0.5).get_config()
    assert (config["learning_rate"], config["momentum"], config["decay"]) == (0.1, 0.9, 0.5)


def test_first_weights_of_a_convolution():
    kernel = np.arange(8.0).reshape(2, 2, 1, 2)
    with generations.within("2.2"), pytest.warns(UserWarning, match="old spelling"):
        layer = layers.Conv2D(2, (2, 2), weights=[kernel, np.ones(2)])
    layer.build((None, 4, 4, 1))
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)


def test_bilinear_upsampling_counts_from_the_corner():
    with generations.within("2.2"):
        layer = layers.UpSampling2D(interpolation="bilinear")
    assert type(layer) is CornerUpSampling2D
    assert layer.name.startswith("up_sampling2d")
