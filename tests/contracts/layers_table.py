"""Rows of the layer contract: what each layer makes of its inputs, in float64 NumPy.

Newer families have modules of their own, named in `FAMILIES`.
"""

import importlib

import numpy as np

from contracts.draws import apart, some
from contracts.layers_reference import (
    batch_norm,
    batch_norm_training,
    bilinear,
    conv,
    conv_transpose,
    cropped,
    dense,
    depthwise,
    dot,
    double,
    global_pooling,
    group_norm,
    layer_norm,
    nearest,
    of_many,
    own_shape,
    padded,
    pooling,
    rms,
    same,
    separable,
    unit,
)
from contracts.layers_row import FIRST, LAST, Row, ids, long_time, rows, two, wide_space

CORE: tuple[Row, ...] = (
    *rows(
        "Dense",
        dense,
        ((some(3, 4),), {"units": 2}),
        ((some(2, 3, 4),), {"units": 5, "activation": "tanh", "use_bias": False}, long_time),
        mask="passes",
    ),
    Row(
        "Activation",
        (some(2, 3),),
        lambda x, w, activation: np.tanh(x),
        {"activation": "tanh"},
        mask="passes",
    ),
    Row("Identity", (some(2, 3),), same, mask="passes"),
    Row("ActivityRegularization", (some(2, 3),), same, {"l1": 0.1, "l2": 0.2}, mask="passes"),
    Row("Lambda", (some(2, 3),), lambda x, w, **_: 2 * x, {"function": double}, mask="ends"),
    Row(
        "Masking",
        (np.array([[[1, 0], [9, 9], [9, 3]]], "float32"),),
        lambda x, w, mask_value: np.where((x == mask_value).all(-1)[..., None], 0, x),
        {"mask_value": 9.0},
        unknown={0: (0, 1)},
        wrt=(),
        mask="own",
    ),
    # ------------------------------------------------------------ reshaping
    *rows(
        "Flatten",
        lambda x, w, data_format="channels_last": (
            x if data_format == "channels_last" else np.moveaxis(x, 1, -1)
        ).reshape(len(x), -1),
        ((some(2, 3, 4),), {}, long_time),
        ((some(2, 3, 4, 2),), FIRST),
        ((some(3),), {}),
    ),
    *rows(
        "Reshape",
        lambda x, w, target_shape: x.reshape(len(x), *target_shape),
        ((some(2, 6),), {"target_shape": (3, 2)}),
        ((some(2, 4, 3),), {"target_shape": (-1, 6)}, long_time),
    ),
    Row(
        "Permute",
        (some(2, 3, 4, 2),),
        own_shape(lambda x: x.transpose(0, 3, 1, 2)),
        {"dims": (3, 1, 2)},
        unknown={0: (0, 1)},
    ),
    Row("RepeatVector", (some(2, 3),), own_shape(lambda x: np.stack([x] * 4, 1)), {"n": 4}),
    Row(
        "Cropping1D",
        (some(2, 6, 2),),
        lambda x, w, cropping: x[:, 1:-2],
        {"cropping": (1, 2)},
        unknown={0: (0, 1)},
    ),
    Row("Cropping1D", (some(2, 6, 2),), lambda x, w, cropping: x[:, 2:-2], {"cropping": 2}),
    *rows(
        "Cropping2D",
        cropped,
        ((some(1, 4, 5, 2),), {"cropping": ((1, 0), (2, 1)), **LAST}, wide_space),
        ((some(1, 4, 5, 2),), {"cropping": (1, 0)}),
    ),
    Row(
        "Cropping2D",
        (some(1, 2, 4, 5),),
        lambda x, w, **_: x[:, :, 1:-1, 2:-2],
        {"cropping": (1, 2), **FIRST},
    ),
    Row("Cropping3D", (some(1, 3, 4, 3, 2),), cropped, {"cropping": ((1, 1), (0, 2), (1, 0))}),
    Row(
        "ZeroPadding1D",
        (some(2, 3, 2),),
        lambda x, w, padding: padded(x, w, [padding]),
        {"padding": (1, 2)},
        unknown={0: (0, 1)},
    ),
    Row(
        "ZeroPadding1D",
        (some(2, 3, 2),),
        lambda x, w, padding: padded(x, w, [padding]),
        {"padding": 2},
    ),
    *rows(
        "ZeroPadding2D",
        padded,
        ((some(1, 2, 3, 2),), {"padding": ((1, 0), (2, 1))}, wide_space),
        ((some(1, 2, 2, 3),), {"padding": (1, 2), **FIRST}),
    ),
    Row("ZeroPadding3D", (some(1, 2, 3, 2, 1),), padded, {"padding": (1, (0, 2), 1)}),
    Row("UpSampling1D", (some(2, 3, 2),), nearest, {"size": 3}, unknown={0: (0, 1)}),
    *rows(
        "UpSampling2D",
        nearest,
        ((some(1, 2, 3, 2),), {"size": (2, 3)}, wide_space),
        ((some(1, 2, 2, 3),), {"size": 2, **FIRST}),
    ),
    *rows(
        "UpSampling2D",
        bilinear,
        ((some(1, 3, 4, 2),), {"size": (2, 3), "interpolation": "bilinear"}, wide_space),
        ((some(1, 2, 3, 2),), {"size": (1, 2), "interpolation": "bilinear", **FIRST}),
    ),
    Row("UpSampling3D", (some(1, 2, 3, 2, 1),), nearest, {"size": (2, 1, 3)}),
    # ------------------------------------------------------------ convolution
    *rows(
        "Conv1D",
        conv,
        ((some(2, 7, 3),), {"filters": 4, "kernel_size": 3, "strides": 2}, long_time),
        (
            (some(2, 6, 4),),
            {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "groups": 2},
            long_time,
        ),
        ((some(2, 3, 6),), {"filters": 2, "kernel_size": 2, "padding": "same", **FIRST}),
    ),
    *rows(
        "Conv2D",
        conv,
        (
            (some(2, 5, 4, 2),),
            {"filters": 3, "kernel_size": (3, 2), "activation": "relu"},
            wide_space,
        ),
        (
            (some(1, 5, 6, 4),),
            {
                "filters": 6,
                "kernel_size": 3,
                "strides": (2, 1),
                "groups": 2,
                "padding": "same",
                "use_bias": False,
            },
            {"unknown": {0: (0, 1)}},
        ),
        ((some(1, 5, 6, 2),), {"filters": 2, "kernel_size": 2, "dilation_rate": (1, 3)}),
        ((some(1, 2, 5, 4),), {"filters": 3, "kernel_size": 2, **FIRST}),
    ),
    *rows(
        "Conv3D",
        conv,
        ((some(1, 3, 4, 3, 2),), {"filters": 2, "kernel_size": (2, 3, 1), "padding": "same"}),
        ((some(1, 2, 3, 2, 3),), {"filters": 2, "kernel_size": 2, **FIRST}),
    ),
    *rows(
        "Conv1DTranspose",
        conv_transpose,
        ((some(2, 4, 2),), {"filters": 3, "kernel_size": 3, "strides": 2}, long_time),
        (
            (some(2, 2, 4),),
            {
                "filters": 3,
                "kernel_size": 2,
                "strides": 3,
                "padding": "same",
                "output_padding": 1,
                **FIRST,
            },
        ),
    ),
    *rows(
        "Conv2DTranspose",
        conv_transpose,
        (
            (some(1, 3, 2, 2),),
            {
                "filters": 3,
                "kernel_size": (3, 2),
                "strides": (2, 1),
                "padding": "same",
                "activation": "tanh",
            },
            wide_space,
        ),
        ((some(1, 3, 2, 2),), {"filters": 2, "kernel_size": 2, "dilation_rate": 2}),
    ),
    Row(
        "Conv3DTranspose",
        (some(1, 2, 2, 3, 2),),
        conv_transpose,
        {"filters": 2, "kernel_size": 2, "strides": (1, 2, 1)},
    ),
    *rows(
        "DepthwiseConv1D",
        depthwise,
        ((some(2, 5, 3),), {"kernel_size": 2, "depth_multiplier": 2}, long_time),
        ((some(2, 5, 3),), {"kernel_size": 3, "padding": "causal"}),
    ),
    *rows(
        "DepthwiseConv2D",
        depthwise,
        (
            (some(1, 4, 5, 2),),
            {"kernel_size": (2, 3), "strides": 2, "padding": "same"},
            {"unknown": {0: (0, 1)}},
        ),
        ((some(1, 2, 4, 3),), {"kernel_size": 2, "depth_multiplier": 3, **FIRST}),
    ),
    *rows(
        "SeparableConv1D",
        separable,
        ((some(2, 5, 3),), {"filters": 4, "kernel_size": 3, "depth_multiplier": 2}, long_time),
        ((some(2, 5, 3),), {"filters": 4, "kernel_size": 2, "padding": "causal"}),
    ),
    *rows(
        "SeparableConv2D",
        separable,
        (
            (some(1, 4, 4, 2),),
            {"filters": 3, "kernel_size": 2, "padding": "same", "activation": "tanh"},
            wide_space,
        ),
        ((some(1, 2, 4, 3),), {"filters": 3, "kernel_size": 2, **FIRST}),
    ),
    # ------------------------------------------------------------ pooling
    *[
        row
        for name, mode, reduce in (("Max", "max", np.max), ("Average", "average", np.mean))
        for row in (
            *rows(
                f"{name}Pooling1D",
                pooling(mode),
                ((apart(2, 5, 2),), {}, long_time),
                ((apart(2, 2, 5),), {"pool_size": 3, "strides": 1, "padding": "same", **FIRST}),
            ),
            *rows(
                f"{name}Pooling2D",
                pooling(mode),
                ((apart(1, 4, 5, 2),), {}, {"unknown": {0: (0, 1)}}),
                ((apart(1, 4, 5, 1),), {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}),
            ),
            Row(
                f"{name}Pooling3D",
                (apart(1, 3, 4, 2, 1),),
                pooling(mode),
                {"pool_size": (2, 2, 1)},
            ),
            *rows(
                f"Global{name}Pooling1D",
                global_pooling(reduce),
                ((apart(2, 4, 3),), {}, long_time),
                ((apart(2, 3, 4),), {"keepdims": True, **FIRST}),
                mask="ends" if name == "Average" else "warns",
            ),
            *rows(
                f"Global{name}Pooling2D",
                global_pooling(reduce),
                ((apart(2, 3, 2, 2),), {}, wide_space),
                ((apart(2, 2, 3, 2),), {"keepdims": True, **FIRST}),
            ),
            Row(f"Global{name}Pooling3D", (apart(2, 2, 3, 2, 2),), global_pooling(reduce)),
        )
    ],
    # ------------------------------------------------------------ several inputs
    Row(
        "Add",
        (some(2, 3), some(2, 3), some(2, 1)),
        of_many(np.add),
        several=True,
        unknown={0: (0,), 1: (0,), 2: (0,)},
        wrt=(0, 1, 2),
        mask="passes",
    ),
    Row("Add", (some(2, 4, 3), some(2, 3)), lambda a, b, w: a + b[:, None], **two),
    Row("Subtract", (some(2, 3), some(2, 3)), of_many(np.subtract), **two),
    Row("Multiply", (some(2, 4, 3), some(2, 1, 3)), of_many(np.multiply), **two),
    Row("Average", (some(2, 3), some(2, 3)), lambda a, b, w: (a + b) / 2, **two),
    Row("Maximum", (some(2, 3), some(2, 3)), of_many(np.maximum), **two),
    Row("Minimum", (some(2, 3), some(2, 3)), of_many(np.minimum), **two),
    Row("Concatenate", (some(2, 3), some(2, 4)), lambda a, b, w: np.hstack([a, b]), **two),
    Row(
        "Concatenate",
        (some(2, 1, 3), some(2, 4, 3)),
        lambda a, b, w, axis: np.concatenate([a, b], 1),
        {"axis": 1},
        **{**two, "mask": "own"},
    ),
    *[
        Row("Dot", (a, b), dot, options, **{**two, "mask": "ends"})
        for a, b, options in (
            (some(2, 3), some(2, 3), {"axes": 1}),
            (some(2, 4, 3), some(2, 3, 5), {"axes": (2, 1)}),
            (some(2, 3, 4), some(2, 5, 4), {"axes": -1, "normalize": True}),
            (some(2, 3), some(2, 4, 3), {"axes": (1, 2)}),
            (some(2, 3), some(2, 2, 4, 3), {"axes": (1, 3)}),
        )
    ],
    # ------------------------------------------------------------ normalization
    *rows(
        "BatchNormalization",
        batch_norm,
        ((some(6, 3),), {}),
        ((some(3, 4, 2),), {"epsilon": 0.1, "momentum": 0.7}, long_time),
        ((some(3, 2, 4),), {"axis": 1, "center": False}),
        ((some(4, 3),), {"scale": False}),
        training=batch_norm_training,
        mask="passes",
    ),
    *rows(
        "LayerNormalization",
        layer_norm,
        ((some(2, 3, 4),), {}, long_time),
        ((some(2, 3, 4),), {"axis": (1, 2), "epsilon": 0.1}),
        ((some(2, 3, 4),), {"axis": 1, "center": False, "scale": False}),
        mask="passes",
    ),
    *rows(
        "GroupNormalization",
        group_norm,
        ((some(2, 3, 4),), {"groups": 2}, long_time),
        ((some(2, 4, 3),), {"groups": -1, "axis": 1}),
        ((some(2, 6),), {"groups": 3}),
        mask="passes",
    ),
    *rows(
        "UnitNormalization",
        unit,
        ((some(2, 3),), {}),
        ((some(2, 3, 4),), {"axis": (1, 2)}),
        mask="passes",
    ),
    *rows(
        "RMSNormalization",
        rms,
        ((some(2, 3, 4),), {}, long_time),
        ((some(2, 3, 4),), {"axis": (1, 2), "epsilon": 0.1}),
        mask="passes",
    ),
    # ------------------------------------------------------------ noise
    *[
        Row(name, (some(*shape),), same, options, training="drawn", mask="passes")
        for name, shape, options in (
            ("Dropout", (4, 6), {"rate": 0.5}),
            ("Dropout", (4, 6, 2), {"rate": 0.5, "noise_shape": (None, 1, None), "seed": 1}),
            ("SpatialDropout1D", (4, 3, 8), {"rate": 0.5}),
            ("SpatialDropout2D", (3, 2, 2, 8), {"rate": 0.5, **LAST}),
            ("SpatialDropout2D", (3, 8, 2, 2), {"rate": 0.5, **FIRST}),
            ("SpatialDropout3D", (3, 2, 2, 2, 8), {"rate": 0.5}),
            ("GaussianNoise", (2, 3), {"stddev": 0.3}),
            ("GaussianDropout", (2, 3), {"rate": 0.3}),
            ("AlphaDropout", (4, 6), {"rate": 0.4}),
        )
    ],
    # ------------------------------------------------------------ tables
    Row(
        "Embedding",
        (ids,),
        lambda x, w, **_: w["embeddings"][x],
        {"input_dim": 5, "output_dim": 3},
        unknown={0: (0, 1)},
        wrt=(),
        mask="ends",
    ),
    Row(
        "Embedding",
        (ids,),
        lambda x, w, **_: w["embeddings"][x],
        {"input_dim": 5, "output_dim": 3, "mask_zero": True},
        wrt=(),
        mask="own",
    ),
)

FAMILIES: tuple[str, ...] = (
    "layers_activation",
    "layers_adaptive",
    "layers_attention",
    "layers_image",
    "layers_older",
    "layers_photometry",
    "layers_recurrent",
    "layers_spectrograms",
    "layers_tables",
)
"""Modules of this folder that each hold the `ROWS` of one family of layers."""

ROWS: tuple[Row, ...] = (
    *CORE,
    *[row for name in FAMILIES for row in importlib.import_module(f"contracts.{name}").ROWS],
)
