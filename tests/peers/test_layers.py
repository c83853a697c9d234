"""Every layer computes what Keras 3.15.1 computes, with the same weights, in both phases."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import cornu
from peers.checks import same, scattered

pytestmark = pytest.mark.peers

EXACT = {"rtol": 1e-5, "atol": 2e-6}
QUICK = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
}


def some(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


ids = np.random.default_rng(1).integers(0, 7, (3, 5)).astype("int32")


def compare(keras, name, options, *inputs, phases=(False, True)):
    """Outputs, weights' names and shapes, and what training leaves in the weights."""
    theirs = getattr(keras.layers, name)(**options)
    ours = getattr(cornu.layers, name)(**options)
    fed = inputs[0] if len(inputs) == 1 else list(inputs)
    theirs.build(np.shape(fed) if len(inputs) == 1 else [i.shape for i in inputs])
    ours.build(np.shape(fed) if len(inputs) == 1 else [i.shape for i in inputs])
    mine = [(w.name, tuple(w.shape), w.trainable, str(w.dtype)) for w in ours.weights]
    its = [(w.name, tuple(w.shape), w.trainable, str(w.dtype)) for w in theirs.weights]
    assert mine == its
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    for training in phases:
        said = {"training": training} if takes_training(theirs) else {}
        same(ours(fed, **said), theirs(fed, **said), f"{name}, training={training}", EXACT)
    same(ours.get_weights(), theirs.get_weights(), f"{name}'s weights", EXACT)


def takes_training(layer):
    return "training" in layer.call.__code__.co_varnames


# ---------------------------------------------------------------- with default arguments

DEFAULTS = [  # AveragePooling's size has a default in Cornu only
    ("Activation", {"activation": "tanh"}, some(3, 4)),
    ("ActivityRegularization", {}, some(3, 4)),
    ("Add", {}, some(3, 4), some(3, 4)),
    ("Average", {}, some(3, 4), some(3, 4)),
    ("AveragePooling1D", {"pool_size": 2}, some(2, 7, 3)),
    ("AveragePooling2D", {"pool_size": 2}, some(2, 7, 6, 3)),
    ("AveragePooling3D", {"pool_size": 2}, some(2, 5, 4, 6, 2)),
    ("BatchNormalization", {}, some(6, 4)),
    ("BatchNormalization", {}, some(3, 5, 4, 2)),
    ("Concatenate", {}, some(3, 4), some(3, 2)),
    ("Conv1D", {"filters": 4, "kernel_size": 3}, some(2, 7, 3)),
    ("Conv1DTranspose", {"filters": 4, "kernel_size": 3}, some(2, 5, 3)),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, some(2, 7, 6, 3)),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 3}, some(2, 4, 5, 3)),
    ("Conv3D", {"filters": 3, "kernel_size": 2}, some(2, 4, 5, 3, 2)),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": 2}, some(1, 3, 2, 3, 2)),
    ("Cropping1D", {}, some(2, 7, 3)),
    ("Cropping2D", {"cropping": 1}, some(2, 7, 6, 3)),
    ("Cropping2D", {}, some(2, 7, 6, 3)),
    ("Cropping3D", {}, some(2, 4, 5, 3, 2)),
    ("Dense", {"units": 5}, some(3, 4)),
    ("Dense", {"units": 5}, some(3, 2, 4)),
    ("DepthwiseConv1D", {"kernel_size": 3}, some(2, 7, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3}, some(2, 7, 6, 3)),
    ("Dot", {"axes": 1}, some(3, 4), some(3, 4)),
    ("Embedding", {"input_dim": 7, "output_dim": 4}, ids),
    ("Flatten", {}, some(3, 4, 2)),
    ("GlobalAveragePooling1D", {}, some(2, 7, 3)),
    ("GlobalAveragePooling2D", {}, some(2, 7, 6, 3)),
    ("GlobalAveragePooling3D", {}, some(2, 5, 4, 6, 2)),
    ("GlobalMaxPooling1D", {}, some(2, 7, 3)),
    ("GlobalMaxPooling2D", {}, some(2, 7, 6, 3)),
    ("GlobalMaxPooling3D", {}, some(2, 5, 4, 6, 2)),
    ("GroupNormalization", {"groups": 2}, some(3, 5, 4)),
    ("GroupNormalization", {}, some(2, 3, 32)),
    ("Identity", {}, some(3, 4)),
    ("LayerNormalization", {}, some(3, 4)),
    ("LayerNormalization", {"axis": [1, 2]}, some(3, 5, 4)),
    ("Masking", {}, some(3, 5, 4)),
    ("MaxPooling1D", {}, some(2, 7, 3)),
    ("MaxPooling2D", {}, some(2, 7, 6, 3)),
    ("MaxPooling3D", {}, some(2, 5, 4, 6, 2)),
    ("Maximum", {}, some(3, 4), some(3, 4)),
    ("Minimum", {}, some(3, 4), some(3, 4)),
    ("Multiply", {}, some(3, 4), some(3, 1)),
    ("Permute", {"dims": (2, 1)}, some(3, 5, 4)),
    ("RMSNormalization", {}, some(3, 4)),
    ("RMSNormalization", {"axis": [1, 2]}, some(3, 5, 4)),
    ("RepeatVector", {"n": 3}, some(3, 4)),
    ("Reshape", {"target_shape": (2, -1)}, some(3, 4, 2)),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3}, some(2, 7, 3)),
    ("SeparableConv2D", {"filters": 4, "kernel_size": 3}, some(2, 7, 6, 3)),
    ("Subtract", {}, some(3, 4), some(3, 4)),
    ("UnitNormalization", {}, some(3, 4)),
    ("UpSampling1D", {}, some(2, 4, 3)),
    ("UpSampling2D", {}, some(2, 3, 4, 3)),
    ("UpSampling2D", {"size": 3, "interpolation": "bilinear"}, some(2, 3, 4, 3)),
    ("UpSampling3D", {}, some(2, 3, 4, 2, 3)),
    ("ZeroPadding1D", {}, some(2, 7, 3)),
    ("ZeroPadding2D", {}, some(2, 7, 6, 3)),
    ("ZeroPadding3D", {}, some(2, 4, 5, 3, 2)),
]
DRAWING = [
    ("AlphaDropout", {"rate": 0.4}),
    ("Dropout", {"rate": 0.4}),
    ("GaussianDropout", {"rate": 0.4}),
    ("GaussianNoise", {"stddev": 0.4}),
    ("SpatialDropout1D", {"rate": 0.4}),
]


@pytest.mark.parametrize("name, options, inputs", [(r[0], r[1], r[2:]) for r in DEFAULTS])
def test_layer(name, options, inputs, keras):
    compare(keras, name, options, *inputs)


@pytest.mark.parametrize("name, options", DRAWING)
def test_layers_that_draw_do_nothing_in_inference(name, options, keras):
    compare(keras, name, options, some(3, 5, 4), phases=(False,))


def test_all_layers_are_compared():
    """A new layer gets a row."""
    rows = {name for name, *_ in [*DEFAULTS, *DRAWING]}
    apart = {"Input", "InputLayer", "InputSpec", "Lambda", "Layer"}
    apart |= {"SpatialDropout2D", "SpatialDropout3D"}
    named = [getattr(cornu.layers, n) for n in cornu.layers.__all__]
    classes = {x.__name__ for x in named if isinstance(x, type)}
    pooling = {name for name in classes if name.startswith("Adaptive")}  # by kind and rank
    assert not classes - rows - apart - pooling - DRAWN_ONLY - NOT_IN_KERAS - compared_elsewhere()


DRAWN_ONLY = {"AugMix", "RandAugment", "RandomElasticTransform"}
"""Layers whose every result is drawn: tests/layers."""

NOT_IN_KERAS = frozenset(
    "Highway LocallyConnected1D LocallyConnected2D MaxoutDense ParametricSoftplus SReLU "
    "ThresholdedReLU".split()
)
"""Layers of earlier generations: tests/layers/test_older.py."""


def compared_elsewhere():
    """Names of layers that another file of this folder speaks of."""
    here = Path(__file__)
    others = [p.read_text(encoding="utf-8") for p in here.parent.glob("test_*.py") if p != here]
    return {name for text in others for name in re.findall(r"\b[A-Z][A-Za-z0-9]+\b", text)}


# ---------------------------------------------------------------- geometries


def sizes(rank, most):
    return st.tuples(*[st.integers(1, most)] * rank)


@st.composite
def geometry(draw, rank):
    """Options of a convolution and the shape of its input."""
    groups = draw(st.sampled_from([1, 2, 3]))
    strides, dilation = draw(sizes(rank, 3)), draw(sizes(rank, 3))
    if max(strides) > 1:
        dilation = (1,) * rank
    causal = ["causal"] if rank == 1 else []
    kernel = draw(sizes(rank, 3))
    channels = groups * draw(st.integers(1, 2))
    space = [
        d * (k - 1) + 1 + draw(st.integers(0, 4)) for k, d in zip(kernel, dilation, strict=True)
    ]
    options = {
        "filters": groups * draw(st.integers(1, 2)),
        "kernel_size": kernel,
        "strides": strides,
        "dilation_rate": dilation,
        "groups": groups,
        "padding": draw(st.sampled_from(["valid", "same", *causal])),
        "use_bias": draw(st.booleans()),
    }
    return options, space, channels


def laid_out(space, channels, first, batch=2):
    return (batch, channels, *space) if first else (batch, *space, channels)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_convolutions(rank, first, keras):
    @settings(max_examples=10 if rank < 3 else 5, **QUICK)
    @given(geometry(rank))
    def check(drawn):
        options, space, channels = drawn
        assume(not (first and options["padding"] == "causal"))
        layout = "channels_first" if first else "channels_last"
        x = some(*laid_out(space, channels, first))
        compare(keras, f"Conv{rank}D", {**options, "data_format": layout}, x, phases=(False,))

    check()


@st.composite
def transposed(draw, rank):
    kernel, strides = draw(sizes(rank, 4)), draw(sizes(rank, 3))
    dilation = draw(sizes(rank, 2)) if max(strides) == 1 else (1,) * rank
    more = [draw(st.integers(0, s - 1)) for s in strides]
    said = draw(st.booleans())
    options = {
        "filters": draw(st.integers(1, 3)),
        "kernel_size": kernel,
        "strides": strides,
        "dilation_rate": dilation,
        "padding": draw(st.sampled_from(["valid", "same"])),
        "output_padding": tuple(more) if said else None,
    }
    return options, [draw(st.integers(1, 5)) for _ in kernel], draw(st.integers(1, 3))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_transposed_convolutions(rank, first, keras):
    @settings(max_examples=10 if rank < 3 else 5, **QUICK)
    @given(transposed(rank))
    def check(drawn):
        options, space, channels = drawn
        layout = "channels_first" if first else "channels_last"
        x = some(*laid_out(space, channels, first))
        name = f"Conv{rank}DTranspose"
        compare(keras, name, {**options, "data_format": layout}, x, phases=(False,))

    check()


@st.composite
def depthwise(draw, rank):
    kernel = draw(sizes(rank, 3))
    strides = (draw(st.integers(1, 3)),) * rank
    dilation = (draw(st.integers(1, 3)),) * rank if strides[0] == 1 else (1,) * rank
    options = {
        "kernel_size": kernel,
        "strides": strides,
        "dilation_rate": dilation,
        "depth_multiplier": draw(st.integers(1, 3)),
        "padding": draw(st.sampled_from(["valid", "same"])),
    }
    space = [
        d * (k - 1) + 1 + draw(st.integers(0, 4)) for k, d in zip(kernel, dilation, strict=True)
    ]
    return options, space, draw(st.integers(1, 3))


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize("kind", ["Depthwise", "Separable"])
def test_depthwise_convolutions(kind, rank, first, keras):
    @settings(max_examples=8, **QUICK)
    @given(depthwise(rank))
    def check(drawn):
        options, space, channels = drawn
        layout = "channels_first" if first else "channels_last"
        more = {"filters": 4} if kind == "Separable" else {}
        x = some(*laid_out(space, channels, first))
        name = f"{kind}Conv{rank}D"
        compare(keras, name, {**more, **options, "data_format": layout}, x, phases=(False,))

    check()


@st.composite
def window(draw, rank):
    pool = draw(sizes(rank, 4))
    options = {
        "pool_size": pool,
        "strides": draw(st.none() | sizes(rank, 3)),
        "padding": draw(st.sampled_from(["valid", "same"])),
    }
    return options, [p + draw(st.integers(0, 4)) for p in pool], draw(st.integers(1, 3))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_pooling(kind, rank, first, keras):
    @settings(max_examples=8 if rank < 3 else 4, **QUICK)
    @given(window(rank))
    def check(drawn):
        options, space, channels = drawn
        layout = "channels_first" if first else "channels_last"
        x = some(*laid_out(space, channels, first))
        name = f"{kind}Pooling{rank}D"
        compare(keras, name, {**options, "data_format": layout}, x, phases=(False,))

    check()


# ---------------------------------------------------------------- axes


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_batch_normalization_axes(axis, keras):
    compare(keras, "BatchNormalization", {"axis": axis, "momentum": 0.7}, some(4, 3, 5))


@pytest.mark.parametrize("axis", [1, -1, [1, 2], [-2, -1]])
@pytest.mark.parametrize("name", ["LayerNormalization", "UnitNormalization"])
def test_normalization_axes(name, axis, keras):
    compare(keras, name, {"axis": axis}, some(4, 3, 5))


@pytest.mark.parametrize("groups, axis", [(1, -1), (3, -1), (-1, -1), (2, 1)])
def test_group_normalization(groups, axis, keras):
    compare(keras, "GroupNormalization", {"groups": groups, "axis": axis}, some(2, 4, 5, 6))


@pytest.mark.parametrize("axes", [1, 2, (2, 1), (1, 2)])
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(axes, normalize, keras):
    compare(keras, "Dot", {"axes": axes, "normalize": normalize}, some(3, 4, 4), some(3, 4, 4))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_concatenate(axis, keras):
    compare(keras, "Concatenate", {"axis": axis}, some(3, 4, 2), some(3, 4, 2))


@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_flatten(first, keras):
    layout = "channels_first" if first else "channels_last"
    compare(keras, "Flatten", {"data_format": layout}, some(3, 4, 2, 5))
