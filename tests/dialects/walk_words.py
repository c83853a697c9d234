"""What old words mean today, said a second time and by hand: what the walk over rows is held to.

From the signatures of Keras 0.1 to 2.3 and its converters of old calls. `ARGUMENTS` has a value for
each old argument, and today's arguments for it; `OF` what is otherwise for one class; `THEN` what
was taken for granted.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu.initializers import Constant

ARGUMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    # of all layers
    "batch_input_shape": ((2, 4), {"batch_shape": (2, 4)}),
    "cache_enabled": (True, {}),
    "create_input_layer": (True, {}),
    "input_dtype": ("int32", {}),
    # dense and convolutions
    "output_dim": (3, {"units": 3}),
    "nb_filter": (3, {"filters": 3}),
    "nb_feature": (2, {"features": 2}),
    "filter_length": (2, {"kernel_size": 2}),
    "kernel_size": ((2, 3), {"kernel_size": (2, 3)}),  # of the parts that were fused
    "init": ("uniform", {"kernel_initializer": "random_uniform"}),
    "bias": (False, {"use_bias": False}),
    "W_regularizer": ("l2", {"kernel_regularizer": "l2"}),
    "b_regularizer": ("l1", {"bias_regularizer": "l1"}),
    "W_constraint": ("nonneg", {"kernel_constraint": "non_neg"}),
    "b_constraint": ("unitnorm", {"bias_constraint": "unit_norm"}),
    "border_mode": ("same", {"padding": "same"}),
    "dim_ordering": ("th", {"data_format": "channels_first"}),
    "subsample": ((2, 2), {"strides": (2, 2)}),
    "subsample_length": (2, {"strides": 2}),
    "atrous_rate": ((2, 2), {"dilation_rate": (2, 2)}),
    "output_shape": ((None, 9, 9, 3), {}),
    "input_dim": (5, {"input_dim": 5}),
    # shapes and pooling
    "dims": ((2, 2), {"target_shape": (2, 2)}),
    "length": (3, {"size": 3}),
    "pool_length": (3, {"pool_size": 3}),
    "poolsize": ((3, 3), {"pool_size": (3, 3)}),
    "stride": (2, {"strides": 2}),
    "ignore_border": (False, {"padding": "same"}),
    "pad": ((1, 2), {"padding": (1, 2)}),
    "width": ((1, 2), {"padding": (1, 2)}),
    # noise
    "p": (0.25, {"rate": 0.25}),
    "sigma": (0.25, {"stddev": 0.25}),
    # recurrent layers
    "inner_init": ("uniform", {"recurrent_initializer": "random_uniform"}),
    "inner_activation": ("tanh", {"recurrent_activation": "tanh"}),
    "forget_bias_init": ("zero", {"unit_forget_bias": False}),
    "U_regularizer": ("l2", {"recurrent_regularizer": "l2"}),
    "dropout_W": (0.25, {"dropout": 0.25}),
    "dropout_U": (0.5, {"recurrent_dropout": 0.5}),
    "consume_less": ("gpu", {}),
    "implementation": (2, {}),
    "truncate_gradient": (5, {}),
    "time_major": (False, {}),
    # normalization and activations
    "alpha": (0.2, {"negative_slope": 0.2}),
    "beta_init": ("one", {"beta_initializer": "ones"}),
    "gamma_init": ("zero", {"gamma_initializer": "zeros"}),
    "alpha_init": ("one", {"alpha_initializer": "ones"}),
    "fused": (True, {}),
    "virtual_batch_size": (4, {}),
    "mode": (0, {}),
    "transform_bias": (-1, {"transform_bias_initializer": Constant(-1)}),
    **{
        f"{side}_init": ("one", {f"{side}_initializer": "ones"})
        for side in ("t_left", "a_left", "t_right", "a_right")
    },
    # optimizers, regularizers, constraints
    "lr": (0.25, {"learning_rate": 0.25}),
    "clipnorm": (0.5, {"global_clipnorm": 0.5}),
    "schedule_decay": (0.01, {"schedule_decay": 0.01}),
    "m": (3, {"max_value": 3}),
    "low": (0.25, {"min_value": 0.25}),
    "high": (3.0, {"max_value": 3.0}),
}
"""Old argument -> (a value of it, today's arguments)."""

SAME: dict[str, Any] = {
    **{"activation": "relu", "axis": 1, "momentum": 0.5, "epsilon": 0.01, "use_bias": False},
    **{"filters": 3, "units": 3, "strides": 2, "padding": "same", "data_format": "channels_last"},
    **{"dilation_rate": 2, "output_padding": 1, "depth_multiplier": 2, "pool_size": 3},
    **{"kernel_initializer": "ones", "bias_initializer": "ones", "seed": 7, "name": "named"},
    **{"recurrent_activation": "tanh", "embeddings_initializer": "ones", "mask_zero": True},
    **{"embeddings_regularizer": "l2", "embeddings_constraint": "non_neg", "size": 3, "theta": 0.5},
    **{"noise_shape": (None, 1), "shared_axes": [1], "dropout": 0.0, "cropping": 1},
    **{"learning_rate": 0.25, "nesterov": True, "rho": 0.5, "beta_1": 0.5, "beta_2": 0.75},
    **{"amsgrad": True, "l1": 0.25, "l2": 0.5},
    **{f"{name}_regularizer": "l2" for name in ("depthwise", "pointwise", "beta", "gamma")},
    **{f"{name}_regularizer": "l2" for name in ("kernel", "bias", "activity")},
    **{f"{name}_constraint": "non_neg" for name in ("depthwise", "pointwise", "kernel", "bias")},
}
"""Arguments that are called so today: a value of each."""


def _initial(*names: str) -> tuple[Any, dict[str, Any]]:
    """`weights=` of a layer whose arrays are these, each of one number that stands for all."""
    values = [np.full((1,), 0.5 + i, "float32") for i, _ in enumerate(names)]
    pairs = zip(names, values, strict=True)
    return values, {f"{name}_initializer": Constant(value) for name, value in pairs}


BIAS, GATES = _initial("kernel", "bias"), _initial("kernel", "recurrent", "bias")
NORMALIZED = _initial("gamma", "beta", "moving_mean", "moving_variance")
FOUND = {"weights": BIAS}
STEPS = {
    "input_dim": (5, {"input_shape": (None, 5)}),
    "input_length": (7, {"input_shape": (7, None)}),
}
ONE = {"kernel_size": (2, {"kernel_size": 2})}
LINE = {**STEPS, **ONE, "atrous_rate": (2, {"dilation_rate": 2})}
CUBE = {
    "kernel_size": ((1, 2, 3), {"kernel_size": (1, 2, 3)}),
    "subsample": ((2, 2, 2), {"strides": (2, 2, 2)}),
}
EXACT = {"output_padding": (0, {"output_padding": 0})}
WHOLE = {"border_mode": ("valid", {"padding": "valid"}), "padding": ("valid", {"padding": "valid"})}
MARGIN = (2, {"padding": 2})
BOTH_PENALTIES = {"l1": (0.25, {"l1": 0.25, "l2": 0.01}), "l2": (0.5, {"l1": 0.01, "l2": 0.5})}
TABLE = np.arange(27, dtype="float32").reshape(9, 3)
WORDS = {
    "output_dim": (3, {"output_dim": 3}),
    "input_dim": (5, {"input_dim": 5}),
    "input_length": (7, {"input_shape": (7,)}),
    "init": ("one", {"embeddings_initializer": "ones"}),
    "W_regularizer": ("l1", {"embeddings_regularizer": "l1"}),
    "W_constraint": ("nonneg", {"embeddings_constraint": "non_neg"}),
    "weights": ([TABLE], {"embeddings_initializer": Constant(TABLE)}),
    "dropout": (0.25, {"word_dropout": 0.25}),  # in Keras 1 alone
}
BOTH = {"depthwise_initializer": "random_uniform", "pointwise_initializer": "random_uniform"}
SEPARABLE = {"init": ("uniform", BOTH), "weights": _initial("depthwise", "pointwise", "bias")}
HIGHWAY = {"kernel_initializer": "random_uniform", "transform_kernel_initializer": "random_uniform"}
SLOPE = {"weights": _initial("alpha"), "init": ("one", {"alpha_initializer": "ones"})}

OF: dict[str, Mapping[str, tuple[Any, dict[str, Any]]]] = {
    **dict.fromkeys(("Dense", "MaxoutDense", "Conv2D"), FOUND),
    "Conv2DTranspose": {**FOUND, **EXACT},
    "Conv3D": {**FOUND, **CUBE},
    "Conv3DTranspose": {**FOUND, **CUBE, **EXACT},
    "LocallyConnected2D": {**FOUND, **WHOLE},
    **dict.fromkeys(("Convolution2D", "Deconvolution2D", "AtrousConvolution2D"), {}),
    **dict.fromkeys(("Convolution1D", "AtrousConvolution1D"), LINE),
    "Conv1D": {**LINE, **FOUND},
    "LocallyConnected1D": {**LINE, **FOUND, **WHOLE},
    **dict.fromkeys(("SimpleRNN", "GRU", "LSTM"), {**STEPS, "weights": GATES}),
    "RNN": STEPS,
    "ZeroPadding2D": {"padding": MARGIN},
    "ZeroPadding3D": {"padding": MARGIN},
    "TimeDistributedDense": {**STEPS, **FOUND},
    "Convolution3D": CUBE,
    "SeparableConvolution2D": SEPARABLE,
    "SeparableConv2D": SEPARABLE,
    "SeparableConv1D": SEPARABLE,
    "DepthwiseConv2D": {"weights": _initial("depthwise", "bias")},
    "Embedding": WORDS,
    "BatchNormalization": {"weights": NORMALIZED},
    "Highway": {"init": ("uniform", HIGHWAY)},
    "PReLU": SLOPE,
    "ParametricSoftplus": {"weights": _initial("alpha", "beta")},
    "MergedSteps": {"mode": ("ave", {"mode": "ave"})},
    "TimeDistributedMerge": {"mode": ("ave", {"mode": "ave"})},
    "InputLayer": {"input_dtype": ("int32", {"dtype": "int32"})},
    "L1": {"l": (0.25, {"l1": 0.25})},
    "L2": {"l": (0.5, {"l2": 0.5})},
    "l1l2": BOTH_PENALTIES,
    "activity_l1l2": BOTH_PENALTIES,
    "activity_l1": {"l": (0.25, {"l1": 0.25})},
    "activity_l2": {"l": (0.5, {"l2": 0.5})},
}
"""Class, by the row's name -> arguments that meant something of its own there."""

OF_ROW: dict[tuple[str, str], dict[str, tuple[Any, dict[str, Any]]]] = {
    ("Embedding", "1.2"): {"dropout": (0.25, {"class": "WordDropEmbedding", "word_dropout": 0.25})},
}
"""The same for one row alone, by its name and last generation; "class" is another class's name."""

REFUSED = {
    *("Convolution1D", "AtrousConvolution1D", "Convolution2D", "AtrousConvolution2D"),
    *("Deconvolution2D", "SeparableConvolution2D", "Convolution3D", "LocallyConnected1D"),
    *("LocallyConnected2D", "GRU", "LSTM", "ConvLSTM2D", "Highway"),
}
"""Classes whose `weights=` were laid out otherwise in Keras 1, which is an error."""

LOST = {"truncate_gradient", "virtual_batch_size", "dropout"}
"""Arguments of which it is said that they have no effect any more."""

VALUES: dict[str, dict[Any, Any]] = {
    "dim_ordering": {"th": "channels_first", "tf": "channels_last", "default": "channels_last"},
    "activation": {"hard_sigmoid": "dialects>hard_sigmoid_2"},
    "inner_activation": {"hard_sigmoid": "dialects>hard_sigmoid_2"},
    "recurrent_activation": {"hard_sigmoid": "dialects>hard_sigmoid_2"},
    "mode": {None: None},
}
"""Argument -> {a value that meant something else: today's value}."""

# ---------------------------------------------------------------- what was taken for granted

FIRST = {"1.0": "channels_first"}
HARD = {"2.2": "dialects>hard_sigmoid_2"}
ROOT = {"0.3": 1e-6, "2.0": 1e-8}
TINY = {"2.0": 1e-8}

THEN: dict[str, dict[str, dict[str, Any]]] = {
    **{
        name: {"data_format": FIRST}
        for name in (
            *("Conv2D", "Conv2DTranspose", "SeparableConv2D", "Conv3D", "LocallyConnected2D"),
            *("MaxPooling2D", "MaxPooling3D", "AveragePooling2D", "AveragePooling3D"),
            *("Cropping2D", "Cropping3D", "UpSampling2D", "UpSampling3D", "ZeroPadding2D"),
            *("ZeroPadding3D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
            *("GlobalMaxPooling2D", "GlobalMaxPooling3D", "SpatialDropout2D", "SpatialDropout3D"),
        )
    },
    **{
        name: {"data_format": {"2.3": "channels_last"}}
        for name in (
            *("MaxPooling1D", "AveragePooling1D", "ZeroPadding1D", "GlobalMaxPooling1D"),
            "GlobalAveragePooling1D",
        )
    },
    **{
        name: {"data_format": {"2.3": "channels_last"}, "kernel_initializer": {"1.0": "uniform"}}
        for name in ("Conv1D", "LocallyConnected1D")
    },
    "Flatten": {"data_format": {"2.0": "channels_last"}},
    "LSTM": {"recurrent_activation": HARD},
    "GRU": {"recurrent_activation": HARD, "reset_after": {"2.3": False}},
    "LSTMCell": {"recurrent_activation": HARD},
    "GRUCell": {"recurrent_activation": HARD, "reset_after": {"2.3": False}},
    "ConvLSTM2D": {
        "data_format": FIRST,
        "recurrent_activation": {"2.3": "dialects>hard_sigmoid_2"},
    },
    "BatchNormalization": {
        "momentum": {"0.3": 0.9},
        "epsilon": {"0.3": 1e-6, "1.0": 1e-5},
    },
    "Highway": {"transform_bias_initializer": {"1.0": Constant(-2), "1.2": "ones"}},
    "SGD": {"learning_rate": {"2.3": 0.01}},
    "RMSprop": {"learning_rate": {"2.3": 0.001}, "epsilon": ROOT},
    "Adagrad": {
        "learning_rate": {"2.3": 0.01},
        "epsilon": ROOT,
        "initial_accumulator_value": {"2.3": 0.0},
    },
    "Adadelta": {"learning_rate": {"2.3": 1.0}, "epsilon": ROOT},
    "Adam": {"learning_rate": {"2.3": 0.001}, "epsilon": TINY},
    "Adamax": {"learning_rate": {"2.3": 0.002}, "epsilon": TINY},
    "Nadam": {"learning_rate": {"2.3": 0.002}, "epsilon": TINY},
}
"""Class of today -> argument -> {last generation: what it was where not given}, oldest first."""

RULES: dict[str, dict[str, str]] = {
    "RMSprop": {"0.3": "RMSprop", "2.3": "RMSpropOuterEpsilon"},
    "Adagrad": {"0.3": "Adagrad", "2.3": "AdagradOuterEpsilon"},
    "Nadam": {"0.3": "Nadam", "2.3": "NadamSlowWarmup"},
}
"""Optimizer -> {last generation: the class that has the rule of that time}."""
