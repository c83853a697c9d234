"""The rows of Keras 1: what its layers and their arguments were called.

Its generations are 1.0 and 1.2; most of it was so in 0.3 already. `keras0` has what was not.
Regularizers, constraints and optimizers are in `keras1_optimizers`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.table import Arguments, Row, until
from cornu.errors import UsageError, shown, warn
from cornu.initializers import Constant

LAST = "1.2"

FORMATS = {"th": "channels_first", "tf": "channels_last", "default": None}
FORMAT = {"dim_ordering": "data_format"}
FIRST = {"data_format": until("1.0", "channels_first")}
HARD = {"hard_sigmoid": HARD_SIGMOID}

KERNEL = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
CONV = {**KERNEL, "nb_filter": "filters", "border_mode": "padding"}
REGULARIZED = (
    "W_regularizer",
    "b_regularizer",
    "activity_regularizer",
    "W_constraint",
    "b_constraint",
    "bias",
)

# ---------------------------------------------------------------- what several rows do


def begin(*names: str) -> dict[str, Callable[[Any], Arguments]]:
    """`weights=[…]` as initializers of these weights."""

    def split(weights: Any) -> Arguments:
        if weights is None:
            return {}
        if len(weights) > len(names):
            raise UsageError(
                "E-OLD-OPTION",
                f"weights= holds {len(weights)} arrays where there are {len(names)} weights "
                f"({', '.join(names)}). Call layer.set_weights(…) when the layer is built.",
            )
        pairs = zip(names, weights, strict=False)
        return {f"{name}_initializer": Constant(value) for name, value in pairs}

    return {"weights": split}


def _no_weights(weights: Any) -> Arguments:
    if weights is None:
        return {}
    raise UsageError(
        "E-OLD-OPTION",
        "weights= of this layer held arrays in another layout than today's. Build the layer, then "
        "call layer.set_weights(…) with arrays as layer.get_weights() gives them.",
    )


NO_WEIGHTS = {"weights": _no_weights}


STEPS = {"input_dim": "input_dim", "input_length": "input_length"}
"""Claimed by rows that expand by `of_steps`."""


def of_steps(given: Arguments) -> Arguments:
    """`input_dim` and `input_length` as the shape of sequences."""
    found = dict(given)
    size, length = found.pop("input_dim", None), found.pop("input_length", None)
    said = found.get("input_shape") is not None or found.get("batch_shape") is not None
    if (size is not None or length is not None) and not said:
        found["input_shape"] = (length, size)
    return found


of_steps.needs = frozenset(STEPS)  # pyright: ignore[reportFunctionMemberAccess]


def of_numbers(given: Arguments) -> Arguments:
    """`input_length` of an Embedding as the shape of its input."""
    found = dict(given)
    length = found.pop("input_length", None)
    said = found.get("input_shape") is not None or found.get("batch_shape") is not None
    if length is not None and not said:
        sizes = length if isinstance(length, (list, tuple)) else (length,)
        found["input_shape"] = tuple(sizes)
    return found


of_numbers.needs = frozenset({"input_length"})  # pyright: ignore[reportFunctionMemberAccess]


def _forget_bias(value: Any) -> Arguments:
    if value in ("one", "zero"):
        return {"unit_forget_bias": value == "one"}
    warn(
        f"forget_bias_init={shown(value)} has no successor; 1 is taken. Today it is "
        "unit_forget_bias=True or False."
    )
    return {"unit_forget_bias": True}


def _separable_init(value: Any) -> Arguments:
    return {"depthwise_initializer": value, "pointwise_initializer": value}


def _of_margins(given: Arguments) -> Arguments:
    """The padding of two axes as ((top, bottom), (left, right)), that of one as (left, right)."""
    found, value = dict(given), given.get("padding")
    if isinstance(value, Mapping):
        sides = (value.get("left_pad", 0), value.get("right_pad", 0))
        line = not {"top_pad", "bottom_pad"} & value.keys()
        ends = (value.get("top_pad", 0), value.get("bottom_pad", 0))
        found["padding"] = sides if line else (ends, sides)
    elif isinstance(value, (list, tuple)) and len(value) == 4:
        top, bottom, left, right = value
        found["padding"] = ((top, bottom), (left, right))
    return found


def _by_mode(given: Arguments) -> Arguments:
    """BatchNormalization of the mode that was asked for."""
    found = dict(given)
    mode = found.pop("mode", 0)
    names = {1: "SampleNormalization", 2: "BatchMomentsNormalization"}
    if mode in names:
        found["class_name"] = names[mode]
    elif mode != 0:
        raise UsageError(
            "E-OLD-OPTION", f"BatchNormalization had the modes 0, 1 and 2; got mode={shown(mode)}."
        )
    return found


def _window(*, line: bool = False) -> dict[str, str]:
    return {"subsample_length" if line else "subsample": "strides"}


def two_ints(args: tuple) -> bool:
    """Whether three positional arguments are filters, rows, columns: so Keras 2 took them too."""
    return len(args) == 3 and all(hasattr(a, "__index__") for a in args[1:])


# ---------------------------------------------------------------- layers

LINE = {**CONV, **STEPS, **_window(line=True), "filter_length": "kernel_size"}
PLANE = {**CONV, **_window(), **FORMAT}
HEAD_1 = ("nb_filter", "filter_length", "init", "activation", "weights", "border_mode")
HEAD_2 = ("nb_filter", "nb_row", "nb_col", "init", "activation", "weights", "border_mode")
HEAD_3 = ("nb_filter", "kernel_dim1", "kernel_dim2", "kernel_dim3", *HEAD_2[3:])
ROWS_COLS = {"kernel_size": ("nb_row", "nb_col")}
CUBE = {"kernel_size": ("kernel_dim1", "kernel_dim2", "kernel_dim3")}
TAIL = ("dim_ordering", *REGULARIZED)
PLANE_VALUES = {"dim_ordering": FORMATS, "activation": HARD}

DENSE = Row(
    "Dense",
    LAST,
    positional=("output_dim", "init", "activation", "weights", *REGULARIZED, "input_dim"),
    rename={**KERNEL, "output_dim": "units"},
    values={"activation": HARD},
    split=begin("kernel", "bias"),
)

CONVOLUTIONS: Sequence[Row] = (
    Row(
        "Convolution1D",
        LAST,
        is_now="Conv1D",
        positional=(*HEAD_1, "subsample_length", *REGULARIZED, "input_dim", "input_length"),
        rename={**LINE, "atrous_rate": "dilation_rate"},
        values={"activation": HARD},
        split=NO_WEIGHTS,
        expand=of_steps,
        defaults={
            "kernel_initializer": until("1.0", "uniform"),
            "data_format": until(LAST, "channels_last"),
        },
    ),
    Row(
        "AtrousConvolution1D",
        LAST,
        is_now="Conv1D",
        apart=True,
        positional=(*HEAD_1, "subsample_length", "atrous_rate", *REGULARIZED),
        rename={**LINE, "atrous_rate": "dilation_rate"},
        values={"activation": HARD},
        split=NO_WEIGHTS,
        expand=of_steps,
        defaults={"data_format": until(LAST, "channels_last")},
    ),
    Row(
        "Convolution2D",
        LAST,
        is_now="Conv2D",
        positional=(*HEAD_2, "subsample", *TAIL),
        rename={**PLANE, "atrous_rate": "dilation_rate"},
        values=PLANE_VALUES,
        fuse=ROWS_COLS,
        split=NO_WEIGHTS,
        defaults=FIRST,
        also=two_ints,
    ),
    Row(
        "AtrousConvolution2D",
        LAST,
        is_now="Conv2D",
        apart=True,
        positional=(*HEAD_2, "subsample", "atrous_rate", *TAIL),
        rename={**PLANE, "atrous_rate": "dilation_rate"},
        values=PLANE_VALUES,
        fuse=ROWS_COLS,
        split=NO_WEIGHTS,
        defaults=FIRST,
    ),
    Row(
        "Deconvolution2D",
        LAST,
        is_now="Conv2DTranspose",
        positional=(*HEAD_2[:3], "output_shape", *HEAD_2[3:], "subsample", *TAIL),
        rename=PLANE,
        values=PLANE_VALUES,
        fuse=ROWS_COLS,
        split=NO_WEIGHTS,
        drop={"output_shape": ""},
        defaults=FIRST,
    ),
    Row(
        "SeparableConvolution2D",
        LAST,
        is_now="SeparableConv2D",
        positional=(
            *(*HEAD_2, "subsample", "depth_multiplier", "dim_ordering", "depthwise_regularizer"),
            *("pointwise_regularizer", "b_regularizer", "activity_regularizer"),
            *("depthwise_constraint", "pointwise_constraint", "b_constraint", "bias"),
        ),
        rename={k: v for k, v in PLANE.items() if not v.startswith("kernel")},
        values=PLANE_VALUES,
        fuse=ROWS_COLS,
        split={**NO_WEIGHTS, "init": _separable_init},
        defaults=FIRST,
        also=two_ints,
    ),
    Row(
        "Convolution3D",
        LAST,
        is_now="Conv3D",
        positional=(*HEAD_3, "subsample", *TAIL),
        rename=PLANE,
        values=PLANE_VALUES,
        fuse=CUBE,
        split=NO_WEIGHTS,
        defaults=FIRST,
    ),
    Row(
        "LocallyConnected1D",
        LAST,
        positional=(*HEAD_1, "subsample_length", *REGULARIZED, "input_dim", "input_length"),
        rename=LINE,
        values={"activation": HARD},
        split=NO_WEIGHTS,
        expand=of_steps,
        defaults={
            "kernel_initializer": until("1.0", "uniform"),
            "data_format": until(LAST, "channels_last"),
        },
    ),
    Row(
        "LocallyConnected2D",
        LAST,
        positional=(*HEAD_2, "subsample", *TAIL),
        rename=PLANE,
        values=PLANE_VALUES,
        fuse=ROWS_COLS,
        split=NO_WEIGHTS,
        defaults=FIRST,
        also=two_ints,
    ),
)


def _pooling() -> list[Row]:
    rows = []
    for kind in ("Max", "Average"):
        line = Row(
            f"{kind}Pooling1D",
            LAST,
            positional=("pool_length", "stride", "border_mode"),
            rename={"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"},
            defaults={"data_format": until("2.3", "channels_last")},
        )
        rows.append(line)
        for rank in (2, 3):
            row = Row(
                f"{kind}Pooling{rank}D",
                LAST,
                positional=("pool_size", "strides", "border_mode", "dim_ordering"),
                rename={"border_mode": "padding", **FORMAT},
                values={"dim_ordering": FORMATS},
                defaults=FIRST,
            )
            rows.append(row)
    return rows


def _reordered() -> list[Row]:
    """Layers of which only the format was called otherwise."""
    first = {
        "Cropping2D": ("cropping",),
        "Cropping3D": ("cropping",),
        "UpSampling2D": ("size",),
        "UpSampling3D": ("size",),
        "ZeroPadding3D": ("padding",),
        "GlobalAveragePooling2D": (),
        "GlobalAveragePooling3D": (),
        "GlobalMaxPooling2D": (),
        "GlobalMaxPooling3D": (),
    }
    return [
        Row(
            name,
            LAST,
            positional=(*begins, "dim_ordering"),
            rename=FORMAT,
            values={"dim_ordering": FORMATS},
            defaults=FIRST,
        )
        for name, begins in first.items()
    ]


SHAPES: Sequence[Row] = (
    *_pooling(),
    *_reordered(),
    Row("Flatten", "2.0", defaults={"data_format": until("2.0", "channels_last")}),
    Row("UpSampling1D", LAST, positional=("length",), rename={"length": "size"}),
    Row(
        "ZeroPadding1D",
        LAST,
        expand=_of_margins,
        defaults={"data_format": until("2.3", "channels_last")},
    ),
    Row(
        "ZeroPadding2D",
        LAST,
        positional=("padding", "dim_ordering"),
        rename=FORMAT,
        values={"dim_ordering": FORMATS},
        expand=_of_margins,
        defaults=FIRST,
    ),
)

DROPOUTS: Sequence[Row] = (
    Row("Dropout", LAST, positional=("p", "noise_shape", "seed"), rename={"p": "rate"}),
    Row("GaussianDropout", LAST, positional=("p",), rename={"p": "rate"}),
    Row("GaussianNoise", LAST, positional=("sigma",), rename={"sigma": "stddev"}),
    Row("SpatialDropout1D", LAST, positional=("p",), rename={"p": "rate"}),
    *(
        Row(
            f"SpatialDropout{rank}D",
            LAST,
            positional=("p", "dim_ordering"),
            rename={"p": "rate", **FORMAT},
            values={"dim_ordering": FORMATS},
            defaults=FIRST,
        )
        for rank in (2, 3)
    ),
)

RECURRENT = {
    **KERNEL,
    **STEPS,
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
PENALTIES = ("W_regularizer", "U_regularizer", "b_regularizer", "dropout_W", "dropout_U")
SPEED = {"consume_less": ""}
GATES = {"inner_activation": HARD, "activation": HARD}
GATED = {"recurrent_activation": until("2.2", HARD_SIGMOID)}
GATES_2 = {"recurrent_activation": HARD, "activation": HARD}

CELLS: Sequence[Row] = (
    Row(
        "SimpleRNN",
        LAST,
        positional=("output_dim", "init", "inner_init", "activation", *PENALTIES),
        rename={
            **{k: v for k, v in RECURRENT.items() if k != "inner_activation"},
            "output_dim": "units",
        },
        values={"activation": HARD},
        split=begin("kernel", "recurrent", "bias"),
        drop=SPEED,
        expand=of_steps,
    ),
    Row(
        "GRU",
        LAST,
        positional=(
            *("output_dim", "init", "inner_init", "activation", "inner_activation"),
            *PENALTIES,
        ),
        rename={**RECURRENT, "output_dim": "units"},
        values=GATES,
        split=NO_WEIGHTS,
        drop=SPEED,
        expand=of_steps,
        defaults={**GATED, "reset_after": until("2.3", False)},
    ),
    Row(
        "LSTM",
        LAST,
        positional=(
            *("output_dim", "init", "inner_init", "forget_bias_init", "activation"),
            *("inner_activation", *PENALTIES),
        ),
        rename={**RECURRENT, "output_dim": "units"},
        values=GATES,
        split={**NO_WEIGHTS, "forget_bias_init": _forget_bias},
        drop=SPEED,
        expand=of_steps,
        defaults=GATED,
    ),
    Row(
        "ConvLSTM2D",
        LAST,
        positional=(
            *("nb_filter", "nb_row", "nb_col", "init", "inner_init", "forget_bias_init"),
            *("activation", "inner_activation", "dim_ordering", "border_mode", "subsample"),
            *PENALTIES,
        ),
        rename={k: v for k, v in {**RECURRENT, **PLANE}.items() if k not in STEPS},
        values={**GATES, "dim_ordering": FORMATS},
        fuse=ROWS_COLS,
        split={**NO_WEIGHTS, "forget_bias_init": _forget_bias},
        drop=SPEED,
        defaults={**FIRST, "recurrent_activation": until("2.3", HARD_SIGMOID)},
    ),
)

WORDS = (
    "it dropped whole words, in training only. Put Dropout(rate, noise_shape=(None, None, 1)) "
    "after the Embedding."
)


def _of_words(value: Any) -> Arguments:
    """`dropout` of an Embedding, which dropped whole words."""
    return {"class_name": "WordDropEmbedding", "word_dropout": value} if value else {}


OTHERS: Sequence[Row] = (
    DENSE,
    Row(
        "TimeDistributedDense",
        LAST,
        is_now="Dense",
        apart=True,
        positional=(
            *("output_dim", "init", "activation", "weights", *REGULARIZED),
            *("input_dim", "input_length"),
        ),
        rename={**DENSE.rename, **STEPS},
        values=DENSE.values,
        split=DENSE.split,
        expand=of_steps,
    ),
    Row(
        "Embedding",
        LAST,
        positional=(
            *("input_dim", "output_dim", "init", "input_length", "W_regularizer"),
            *("activity_regularizer", "W_constraint", "mask_zero", "weights", "dropout"),
        ),
        rename={
            "input_length": "input_length",
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
        split={**begin("embeddings"), "dropout": _of_words},
        expand=of_numbers,
    ),
    Row(
        "BatchNormalization",
        LAST,
        positional=(
            *("epsilon", "mode", "axis", "momentum", "weights", "beta_init", "gamma_init"),
            *("gamma_regularizer", "beta_regularizer"),
        ),
        rename={"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"},
        values={"mode": {None: 0}},
        split=begin("gamma", "beta", "moving_mean", "moving_variance"),
        expand=_by_mode,
        defaults={"momentum": {"0.3": 0.9}, "epsilon": {"0.3": 1e-6, "1.0": 1e-5}},
    ),
    Row(
        "Highway",
        "1.0",
        positional=("init", "transform_bias", "activation", "weights", *REGULARIZED, "input_dim"),
    ),
    Row(
        "Highway",
        LAST,
        positional=(
            *("init", "activation", "weights", *REGULARIZED),
            "input_dim",
        ),
        rename={**KERNEL, "transform_bias": "transform_bias_initializer"},
        values={"activation": HARD},
        split={
            **NO_WEIGHTS,
            "init": lambda v: {"kernel_initializer": v, "transform_kernel_initializer": v},
        },
        defaults={"transform_bias_initializer": until(LAST, "ones") | until("1.0", -2)},
    ),
    Row(
        "MaxoutDense",
        LAST,
        positional=("output_dim", "nb_feature", "init", "weights", *REGULARIZED, "input_dim"),
        rename={**KERNEL, "output_dim": "units", "nb_feature": "features"},
        split=begin("kernel", "bias"),
    ),
    Row("Activation", "2.3", values={"activation": HARD}),
    Row(
        "PReLU",
        LAST,
        positional=("init", "weights", "shared_axes"),
        rename={"init": "alpha_initializer"},
        split=begin("alpha"),
    ),
    Row(
        "ParametricSoftplus",
        LAST,
        positional=("alpha_init", "beta_init", "weights", "shared_axes"),
        rename={"alpha_init": "alpha_initializer", "beta_init": "beta_initializer"},
        split=begin("alpha", "beta"),
    ),
    Row(
        "SReLU",
        LAST,
        positional=("t_left_init", "a_left_init", "t_right_init", "a_right_init", "shared_axes"),
        rename={
            f"{n}_init": f"{n}_initializer" for n in ("t_left", "a_left", "t_right", "a_right")
        },
    ),
    Row("InputLayer", LAST, rename={"input_dtype": "dtype", "batch_input_shape": "batch_shape"}),
    Row(
        "Model",
        LAST,
        positional=("input", "output", "name"),
        rename={"input": "inputs", "output": "outputs"},
    ),
    Row("any Layer", LAST, drop={"input_dtype": "", "create_input_layer": ""}),
)


ROWS: Sequence[Row] = (*OTHERS, *CONVOLUTIONS, *SHAPES, *DROPOUTS, *CELLS)
