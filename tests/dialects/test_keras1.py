"""Calls of Keras 0.3 and 1 beside the calls of today that they mean."""

import numpy as np
import pytest

from cornu import constraints, layers, losses, models, optimizers, regularizers
from cornu.dialects import generations, spellings, table
from cornu.dialects import layers as old_layers
from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.merging import merge
from cornu.dialects.optimizers import DecayingSGD
from cornu.dialects.table import made
from cornu.errors import UsageError, UsageTypeError


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def same(old, new):
    """Two objects of one class, one config and one declared input shape."""
    assert type(old) is type(new)
    unnamed = [{**x.get_config(), "name": ""} for x in (old, new)]
    assert unnamed[0] == unnamed[1]
    assert getattr(old, "declared_shape", None) == getattr(new, "declared_shape", None)


L2 = regularizers.L2
PAIRS = {
    "Dense": (
        lambda: layers.Dense(output_dim=64, input_dim=20, init="uniform", bias=False),
        lambda: layers.Dense(64, input_dim=20, kernel_initializer="random_uniform", use_bias=False),
    ),
    "Dense.names": (
        lambda: layers.Dense(4, W_regularizer=L2(0.1), b_regularizer="l1", W_constraint="nonneg"),
        lambda: layers.Dense(
            4, kernel_regularizer=L2(0.1), bias_regularizer="l1", kernel_constraint="non_neg"
        ),
    ),
    "TimeDistributedDense": (
        lambda: made("TimeDistributedDense", 3, input_dim=4, input_length=5),
        lambda: layers.Dense(3, input_shape=(5, 4)),
    ),
    "Convolution1D": (
        lambda: layers.Conv1D(nb_filter=8, filter_length=3, subsample_length=2, input_dim=4),
        lambda: layers.Conv1D(8, 3, strides=2, input_shape=(None, 4)),
    ),
    "Convolution2D": (
        lambda: layers.Convolution2D(
            *(32, 3, 3),
            border_mode="same",
            subsample=(2, 2),
            dim_ordering="th",
            init="uniform",
            W_regularizer=L2(0.01),
            b_constraint=constraints.MaxNorm(2),
            activation="relu",
            input_shape=(3, 32, 32),
        ),
        lambda: layers.Conv2D(
            *(32, (3, 3), (2, 2), "same"),
            data_format="channels_first",
            kernel_initializer="random_uniform",
            kernel_regularizer=L2(0.01),
            bias_constraint=constraints.MaxNorm(2),
            activation="relu",
            input_shape=(3, 32, 32),
        ),
    ),
    "Convolution2D.mixed": (
        lambda: layers.Convolution2D(8, (2, 3), border_mode="same", dim_ordering="tf"),
        lambda: layers.Conv2D(8, (2, 3), padding="same", data_format="channels_last"),
    ),
    "Convolution2D.by_name": (
        lambda: layers.Convolution2D(nb_filter=8, nb_row=2, nb_col=3),
        lambda: layers.Conv2D(8, (2, 3)),
    ),
    "AtrousConvolution2D": (
        lambda: made("AtrousConvolution2D", 8, 2, 3, atrous_rate=(2, 2)),
        lambda: layers.Conv2D(8, (2, 3), dilation_rate=(2, 2)),
    ),
    "Deconvolution2D": (
        lambda: made("Deconvolution2D", 8, 3, 3, (None, 9, 9, 8), subsample=(2, 2)),
        lambda: layers.Conv2DTranspose(8, (3, 3), (2, 2)),
    ),
    "SeparableConvolution2D": (
        lambda: layers.SeparableConv2D(8, 3, 2, init="normal", b_regularizer="l2"),
        lambda: layers.SeparableConv2D(
            *(8, (3, 2)),
            depthwise_initializer="random_normal",
            pointwise_initializer="random_normal",
            bias_regularizer="l2",
        ),
    ),
    "Convolution3D": (
        lambda: layers.Conv3D(8, 3, 2, 1, subsample=(1, 2, 1), bias=True),
        lambda: layers.Conv3D(8, (3, 2, 1), (1, 2, 1)),
    ),
    "LocallyConnected2D": (
        lambda: layers.LocallyConnected2D(8, nb_row=3, nb_col=2, border_mode="valid"),
        lambda: layers.LocallyConnected2D(8, (3, 2)),
    ),
    "MaxPooling1D": (
        lambda: layers.MaxPooling1D(pool_length=3, stride=2, border_mode="same"),
        lambda: layers.MaxPooling1D(3, 2, "same"),
    ),
    "MaxPooling2D": (
        lambda: layers.MaxPooling2D(pool_size=(2, 2), border_mode="valid"),
        lambda: layers.MaxPooling2D((2, 2)),
    ),
    "ZeroPadding2D": (
        lambda: layers.ZeroPadding2D((1, 0, 2, 1), dim_ordering="th"),
        lambda: layers.ZeroPadding2D(((1, 0), (2, 1)), data_format="channels_first"),
    ),
    "ZeroPadding2D.dict": (
        lambda: layers.ZeroPadding2D({"top_pad": 1, "right_pad": 2}, dim_ordering="tf"),
        lambda: layers.ZeroPadding2D(((1, 0), (0, 2)), data_format="channels_last"),
    ),
    "UpSampling1D": (lambda: layers.UpSampling1D(length=3), lambda: layers.UpSampling1D(3)),
    "Reshape": (lambda: layers.Reshape(dims=(2, 3)), lambda: layers.Reshape((2, 3))),
    "Dropout": (lambda: layers.Dropout(p=0.5), lambda: layers.Dropout(0.5)),
    "SpatialDropout2D": (
        lambda: layers.SpatialDropout2D(p=0.5, dim_ordering="th"),
        lambda: layers.SpatialDropout2D(0.5, "channels_first"),
    ),
    "GaussianNoise": (
        lambda: layers.GaussianNoise(sigma=0.1),
        lambda: layers.GaussianNoise(0.1),
    ),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(mode=0, axis=1, gamma_init="zero"),
        lambda: layers.BatchNormalization(1, gamma_initializer="zeros"),
    ),
    "BatchNormalization.2": (
        lambda: made("BatchNormalization", mode=2, axis=1),
        lambda: old_layers.BatchMomentsNormalization(1),
    ),
    "LSTM": (
        lambda: layers.LSTM(32, inner_activation="sigmoid", dropout_W=0.2, dropout_U=0.3),
        lambda: layers.LSTM(32, dropout=0.2, recurrent_dropout=0.3),
    ),
    "LSTM.hard": (
        lambda: layers.LSTM(32, inner_activation="hard_sigmoid", consume_less="gpu"),
        lambda: layers.LSTM(32, recurrent_activation=HARD_SIGMOID),
    ),
    "LSTM.shape": (
        lambda: layers.LSTM(3, input_dim=4, input_length=5, forget_bias_init="zero"),
        lambda: layers.LSTM(3, input_shape=(5, 4), unit_forget_bias=False),
    ),
    "LSTM.steps": (
        lambda: layers.LSTM(3, input_dim=4),
        lambda: layers.LSTM(3, input_shape=(None, 4)),
    ),
    "GRU": (
        lambda: layers.GRU(output_dim=3, inner_init="identity", U_regularizer="l2"),
        lambda: layers.GRU(3, recurrent_initializer="identity", recurrent_regularizer="l2"),
    ),
    "SimpleRNN": (
        lambda: layers.SimpleRNN(output_dim=3, init="he_normal", batch_input_shape=(2, 3, 4)),
        lambda: layers.SimpleRNN(3, kernel_initializer="he_normal", batch_shape=(2, 3, 4)),
    ),
    "ConvLSTM2D": (
        lambda: layers.ConvLSTM2D(nb_filter=3, nb_row=2, nb_col=3, dim_ordering="tf"),
        lambda: layers.ConvLSTM2D(3, (2, 3), data_format="channels_last"),
    ),
    "Embedding": (
        lambda: layers.Embedding(1000, 64, input_length=10, W_constraint="unitnorm"),
        lambda: layers.Embedding(1000, 64, embeddings_constraint="unit_norm", input_shape=(10,)),
    ),
    "Highway": (
        lambda: layers.Highway(init="uniform", transform_bias=-1, W_regularizer="l2"),
        lambda: layers.Highway(
            kernel_initializer="uniform",
            transform_kernel_initializer="uniform",
            transform_bias_initializer=-1,
            kernel_regularizer="l2",
        ),
    ),
    "MaxoutDense": (
        lambda: layers.MaxoutDense(output_dim=3, nb_feature=2),
        lambda: layers.MaxoutDense(3, 2),
    ),
    "PReLU": (lambda: layers.PReLU(init="one"), lambda: layers.PReLU("ones")),
    "SReLU": (
        lambda: layers.SReLU(t_left_init="one"),
        lambda: layers.SReLU(t_left_initializer="ones"),
    ),
    "TimeDistributedMerge": (
        lambda: made("TimeDistributedMerge", "ave"),
        lambda: old_layers.MergedSteps("ave"),
    ),
    "l1l2": (lambda: made("l1l2", l1=0.1), lambda: regularizers.L1L2(0.1, 0.01)),
    "activity_l2": (lambda: made("activity_l2", 0.2), lambda: regularizers.L2(0.2)),
    "l2": (lambda: regularizers.l2(l=0.2), lambda: regularizers.L2(0.2)),
    "maxnorm": (lambda: made("maxnorm", 3), lambda: constraints.MaxNorm(3)),
    "maxnorm.m": (lambda: constraints.MaxNorm(m=3), lambda: constraints.MaxNorm(3)),
    "SGD": (
        lambda: optimizers.SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True),
        lambda: DecayingSGD(0.01, momentum=0.9, nesterov=True, decay=1e-6),
    ),
    "Adam": (
        lambda: optimizers.Adam(lr=0.02, epsilon=None, decay=0.0),
        lambda: optimizers.Adam(0.02),
    ),
    "adam": (lambda: made("adam", lr=0.02), lambda: optimizers.Adam(0.02)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_old_call_is_a_call_of_today(name):
    old, new = PAIRS[name]
    with pytest.warns(UserWarning, match="is an old spelling. Today: "):
        was = old()
    same(was, new())


TAKEN_FOR_GRANTED = [
    ("0.3", lambda: layers.BatchNormalization(), {"momentum": 0.9, "epsilon": 1e-6}),
    ("1.0", lambda: layers.BatchNormalization(), {"momentum": 0.99, "epsilon": 1e-5}),
    ("1.2", lambda: layers.BatchNormalization(), {"momentum": 0.99, "epsilon": 1e-3}),
    ("0.3", lambda: layers.Conv2D(2, 3, 3), {"data_format": "channels_first"}),
    ("1.2", lambda: layers.Conv2D(2, 3, 3), {"data_format": "channels_last"}),
    ("2.2", lambda: layers.GRU(2), {"reset_after": False}),
    ("2.3", lambda: layers.GRU(2), {"reset_after": False}),
    ("3", lambda: layers.GRU(2), {"reset_after": True}),
    ("0.3", lambda: optimizers.RMSprop(), {"epsilon": 1e-6}),
    ("2.2", lambda: optimizers.Adadelta(), {"learning_rate": 1.0}),
    ("1.2", lambda: optimizers.Adam(clipnorm=1.0), {"global_clipnorm": 1.0, "clipnorm": None}),
    ("3", lambda: optimizers.Adam(clipnorm=1.0), {"global_clipnorm": None, "clipnorm": 1.0}),
]


@pytest.mark.parametrize(("generation", "call", "expected"), TAKEN_FOR_GRANTED)
def test_defaults_of_the_generation(generation, call, expected):
    with generations.within(generation):
        config = call().get_config()
    assert {name: config[name] for name in expected} == {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in expected.items()
    }


OLDER_RULES = [
    ("1.2", lambda: optimizers.RMSprop(), "RMSpropOuterEpsilon", {"epsilon": 1e-8}),
    ("2.3", lambda: optimizers.Adagrad(), "AdagradOuterEpsilon", {"learning_rate": 0.01}),
    ("1.2", lambda: optimizers.Adagrad(), "AdagradOuterEpsilon", {"epsilon": 1e-8}),
    ("2.2", lambda: optimizers.Nadam(), "NadamSlowWarmup", {"schedule_decay": 0.004}),
]


@pytest.mark.parametrize(("generation", "call", "name", "expected"), OLDER_RULES)
def test_rules_that_changed_are_those_of_then(generation, call, name, expected):
    """An object of the class of then, by the name of today's, without a warning."""
    with generations.within(generation):
        made_of = call()
    assert type(made_of).__name__ == name
    assert made_of.__class__.__name__ == made_of.goes_by.__name__
    config = made_of.get_config()
    assert {key: config[key] for key in expected} == pytest.approx(expected)


def test_an_old_option_of_a_rule_that_changed():
    with pytest.warns(UserWarning, match=r"Nadam\(lr, schedule_decay\) is an old spelling"):
        made_of = optimizers.Nadam(lr=0.02, schedule_decay=0.1)
    assert made_of.get_config()["schedule_decay"] == 0.1


@pytest.mark.parametrize(("generation", "hard"), [("1.2", True), ("2.2", True), ("2.3", False)])
def test_gates_were_hard_before_2_3(generation, hard):
    """And hard meant a slope of 0.2: at 1 it is 0.7, where today's is 2/3."""
    with generations.within(generation):
        layer = layers.LSTM(2)
    value = float(layer.recurrent_activation(np.float32(1)))
    assert value == pytest.approx(0.7 if hard else 1 / (1 + np.exp(-1)), abs=1e-6)


def test_hard_sigmoid_means_what_the_generation_meant():
    assert float(layers.Activation("hard_sigmoid").activation(np.float32(1))) == pytest.approx(
        2 / 3
    )
    with generations.within("2.3"):
        layer = layers.Activation("hard_sigmoid")
    assert float(layer.activation(np.float32(1))) == pytest.approx(0.7)
    same(layers.Activation.from_config(layer.get_config()), layer)


@pytest.mark.parametrize(
    ("mode", "name"), [(1, "SampleNormalization"), (2, "BatchMomentsNormalization")]
)
def test_modes_of_batch_normalization(mode, name):
    with pytest.warns(UserWarning, match=rf"BatchNormalization\(mode\).*Today: {name}\("):
        layer = layers.BatchNormalization(mode=mode)
    assert type(layer).__name__ == name
    assert layer.name.startswith("batch_normalization")


def test_first_weights_are_given():
    kernel, bias = np.arange(6.0).reshape(2, 3), np.ones(3)
    with pytest.warns(UserWarning, match="old spelling"):
        layer = layers.Dense(3, weights=[kernel, bias])
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    np.testing.assert_array_equal(layer.get_weights()[1], bias)


def test_dropped_words_are_said():
    lost = "dropout=0.2.*has no effect any more.*noise_shape"
    with pytest.warns(UserWarning, match=lost), pytest.warns(UserWarning, match="old spelling"):
        layers.Embedding(10, 2, dropout=0.2)


REFUSED = {
    "mode.7": (lambda: layers.BatchNormalization(mode=7), "modes 0, 1 and 2; got mode=7"),
    "weights": (lambda: layers.GRU(2, weights=[1] * 9), "9 arrays|set_weights"),
    "weights.conv": (lambda: layers.Conv2D(2, 3, 3, weights=[1], bias=True), "set_weights"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_had_is_said(name):
    call, message = REFUSED[name]
    with pytest.raises(UsageError, match=message) as raised:
        call()
    assert raised.value.code == "E-OLD-OPTION"


def test_a_class_that_is_no_layer_argument():
    with pytest.raises(UsageTypeError):
        layers.Dense(3, nb_filter=4)


# ---------------------------------------------------------------- layers without a successor


def test_sample_normalization_by_hand():
    x = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 3.0]])
    layer = old_layers.SampleNormalization(epsilon=0.1)
    deviation = np.sqrt(x.var(1, keepdims=True) + 0.1) + 0.1
    expected = (x - x.mean(1, keepdims=True)) / deviation
    np.testing.assert_allclose(layer(x.astype("float32")), expected, rtol=1e-5)


def test_batch_moments_are_those_of_the_batch_at_any_time():
    x = np.array([[1.0, 2.0], [3.0, 2.5], [8.0, 0.0]])
    layer = old_layers.BatchMomentsNormalization(epsilon=0.1)
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 0.1)
    for training in (False, True):
        made_of = layer(x.astype("float32"), training=training)
        np.testing.assert_allclose(made_of, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.01 * x.mean(0), rtol=1e-5)


@pytest.mark.parametrize(("mode", "expected"), [("sum", [4, 6]), ("ave", [2, 3]), ("mul", [3, 8])])
def test_merged_steps(mode, expected):
    x = np.array([[[1, 2], [3, 4]]], "float32")
    np.testing.assert_allclose(old_layers.MergedSteps(mode)(x), [expected])


def test_cosine_has_an_axis_more():
    a, b = np.array([[3.0, 4.0]], "float32"), np.array([[4.0, 3.0]], "float32")
    np.testing.assert_allclose(old_layers.Cosine(1)([a, b]), [[[0.96]]], rtol=1e-6)


# ---------------------------------------------------------------- merging

A, B = np.array([[1.0, 2.0]], "float32"), np.array([[3.0, 4.0]], "float32")
MERGED = {
    "sum": [[4, 6]],
    "mul": [[3, 8]],
    "ave": [[2, 3]],
    "max": [[3, 4]],
    "concat": [[1, 2, 3, 4]],
    "dot": [[11]],
    "cos": [[[11 / np.sqrt(5 * 25)]]],
}


@pytest.mark.parametrize("mode", [*MERGED, "function"])
def test_merge(mode):
    inputs = [layers.Input((2,)), layers.Input((2,))]
    how = (lambda both: both[0] - both[1]) if mode == "function" else mode
    model = models.Model(inputs, merge(inputs, mode=how, output_shape=(2,), dot_axes=1))
    expected = MERGED.get(mode, [[-2, -2]])
    np.testing.assert_allclose(model.predict([A, B], verbose=0), expected, rtol=1e-6)


def test_an_unknown_merge_mode():
    with pytest.raises(UsageError, match="Merge.mode='add'.*modes are sum, mul"):
        merge([layers.Input((2,))] * 2, mode="add")


# ---------------------------------------------------------------- losses

Y, P = np.array([[3.0, 4.0]], "float32"), np.array([[4.0, 3.0]], "float32")
LOSSES = [
    ("2.0", "cosine_proximity", -0.48),  # the mean of two products whose sum is 24/25
    ("2.2", "cosine_proximity", -0.96),
    ("3", "cosine", -0.96),
    ("3", "rmse", 1.0),
    ("3", "poisson_loss", ((4 - 3 * np.log(4)) + (3 - 4 * np.log(3))) / 2),
    ("3", "huber_loss", 0.5),
]


@pytest.mark.parametrize(("generation", "name", "expected"), LOSSES)
def test_losses_by_their_old_names(generation, name, expected):
    with generations.within(generation):
        made_of = losses.get(name)(Y, P)
    np.testing.assert_allclose(np.asarray(made_of).ravel(), [expected], rtol=1e-5)


def test_old_names_of_losses_are_taken_back():
    spellings.unregister()
    with pytest.raises(UsageError, match="Unknown loss"):
        losses.get("poisson_loss")
