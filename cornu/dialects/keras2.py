"""The rows of Keras 2: what its layers and optimizers said otherwise than those of today."""

from collections.abc import Sequence
from typing import Any

from cornu.dialects.keras1 import GATES_2, HARD, STEPS, WORDS, begin, of_numbers, of_steps
from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.table import Arguments, Row, until
from cornu.errors import UsageError, shown

LAST = "2.3"
BIAS = begin("kernel", "bias")
PENALTIES = (
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
LATE = ("activation", "use_bias", "kernel_initializer", "bias_initializer", *PENALTIES)
LINE = {"data_format": until(LAST, "channels_last")}
HARD_GATES = {"recurrent_activation": until("2.2", HARD_SIGMOID)}
SPEED = {"implementation": ""}


def _convolutions() -> list[Row]:
    """Their order had no `groups`; what came before `dilation_rate` differed."""
    early = ("filters", "kernel_size", "strides", "padding")
    orders = {
        "Conv1D": (*early, "data_format", "dilation_rate", *LATE),
        "Conv2D": (*early, "data_format", "dilation_rate", *LATE),
        "Conv3D": (*early, "data_format", "dilation_rate", *LATE),
        "Conv2DTranspose": (*early, "output_padding", "data_format", "dilation_rate", *LATE),
        "Conv3DTranspose": (*early, "output_padding", "data_format", *LATE),
        "LocallyConnected1D": (*early, "data_format", *LATE),
        "LocallyConnected2D": (*early, "data_format", *LATE),
    }
    lines = ("Conv1D", "LocallyConnected1D")
    return [
        Row(
            name,
            LAST,
            positional=order,
            values={"activation": HARD},
            split=BIAS,
            rename=STEPS if name in lines else {},
            expand=of_steps if name in lines else None,
            defaults=LINE if name in lines else {},
        )
        for name, order in orders.items()
    ]


def _by_time(value: Any) -> Arguments:
    """`time_major`, which only tf.keras had."""
    if value:
        raise UsageError(
            "E-OLD-OPTION",
            f"time_major={shown(value)} is gone: data begin with the batch. Put "
            "Lambda(lambda x: ops.transpose(x, (1, 0, 2))) before the layer, and after it where it "
            "returns sequences.",
        )
    return {}


TIME = {"time_major": _by_time}


def _recurrent() -> list[Row]:
    gates = begin("kernel", "recurrent", "bias")
    said = {
        "SimpleRNN": {"values": {"activation": HARD}, "split": {**gates, **TIME}},
        "GRU": {"values": GATES_2, "split": {**gates, **TIME}},
        "LSTM": {"values": GATES_2, "split": {**gates, **TIME}},
        "RNN": {"split": TIME},
    }
    rows = [
        Row(name, LAST, rename=STEPS, drop=SPEED, expand=of_steps, **own)
        for name, own in said.items()
    ]
    rows.append(Row("ConvLSTM2D", LAST, values=GATES_2, drop=SPEED))
    rows.append(Row("SimpleRNNCell", LAST, values={"activation": HARD}, drop=SPEED))
    rows.append(Row("LSTMCell", LAST, values=GATES_2, drop=SPEED, defaults=HARD_GATES))
    reset = {"reset_after": until(LAST, False)}
    rows.append(Row("GRUCell", LAST, values=GATES_2, drop=SPEED, defaults={**HARD_GATES, **reset}))
    rows.append(Row("CuDNNLSTM", LAST, is_now="LSTM", apart=True, expand=_cudnn))
    rows.append(Row("CuDNNGRU", LAST, is_now="GRU", apart=True, expand=_cudnn_gru))
    return rows


def _from_corner(given: dict) -> dict:
    """Bilinear UpSampling2D, which counted otherwise."""
    bilinear = given.get("interpolation") == "bilinear"
    return {**given, "class_name": "CornerUpSampling2D"} if bilinear else given


def _of_batches(given: dict) -> dict:
    """`batch_size` of any layer, beside the shape of a row, as one shape."""
    if "batch_size" not in given or not given.keys() & {"input_shape", "input_dim"}:
        return given
    found = dict(given)
    size, width = found.pop("batch_size"), found.pop("input_dim", None)
    shape = found.pop("input_shape", None) or (width,)
    return {"batch_shape": (size, *shape), **found}


_of_batches.needs = frozenset({"batch_size"})  # pyright: ignore[reportFunctionMemberAccess]
_from_corner.needs = frozenset({"interpolation"})  # pyright: ignore[reportFunctionMemberAccess]


def _cudnn(given: dict) -> dict:
    """The one pair of activations that cuDNN has; its GRU resets after the product."""
    return {"activation": "tanh", "recurrent_activation": "sigmoid", **given}


def _cudnn_gru(given: dict) -> dict:
    return {"reset_after": True, **_cudnn(given)}


ROWS: Sequence[Row] = (
    Row(
        "any Layer",
        LAST,
        rename={"batch_input_shape": "batch_shape", "batch_size": "batch_size"},
        expand=_of_batches,
    ),
    Row("Dense", LAST, values={"activation": HARD}, split=BIAS),
    *_convolutions(),
    *_recurrent(),
    Row("UpSampling2D", LAST, expand=_from_corner),
    Row(
        "Embedding",
        LAST,
        positional=(
            *("input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer"),
            *("activity_regularizer", "embeddings_constraint", "mask_zero", "input_length"),
        ),
        rename={"input_length": "input_length"},
        split=begin("embeddings"),
        drop={"dropout": WORDS},
        expand=of_numbers,
    ),
    Row(
        "BatchNormalization",
        LAST,
        split=begin("gamma", "beta", "moving_mean", "moving_variance"),
        drop={"fused": "", "virtual_batch_size": "whole batches are normalized."},
    ),
    Row("LeakyReLU", LAST, positional=("alpha",), rename={"alpha": "negative_slope"}),
    Row("InputLayer", LAST, rename={"batch_input_shape": "batch_shape", "input_dtype": "dtype"}),
    Row("Model", LAST, positional=("inputs", "outputs", "name")),
    Row("PReLU", LAST, split=begin("alpha")),
    Row("DepthwiseConv2D", LAST, split=begin("depthwise", "bias")),
    Row("SeparableConv2D", LAST, split=begin("depthwise", "pointwise", "bias")),
    Row("SeparableConv1D", LAST, split=begin("depthwise", "pointwise", "bias")),
    *(Row(f"Global{kind}Pooling1D", LAST, defaults=LINE) for kind in ("Max", "Average")),
    *(
        Row(name, LAST, rename={"clipnorm": "global_clipnorm"}, positional=order)
        for name, order in {
            "SGD": ("learning_rate", "momentum", "nesterov"),
            "RMSprop": ("learning_rate", "rho"),
            "Adagrad": ("learning_rate",),
            "Adadelta": ("learning_rate", "rho"),
            "Adam": ("learning_rate", "beta_1", "beta_2", "amsgrad"),
            "Adamax": ("learning_rate", "beta_1", "beta_2"),
            "Nadam": ("learning_rate", "beta_1", "beta_2"),
        }.items()
    ),
)
