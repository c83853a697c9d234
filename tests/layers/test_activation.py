"""What activations that are layers promise beyond the contract."""

import warnings

import numpy as np
import pytest

from contracts.draws import some
from contracts.layers_values import with_mask
from cornu import engine, layers, state
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import ELU, Input, LeakyReLU, PReLU, ReLU, Softmax, SReLU, ThresholdedReLU


@pytest.mark.parametrize(
    "make",
    [
        lambda: ReLU(negative_slope=-1),
        lambda: ReLU(max_value=-1),
        lambda: ReLU(threshold=-0.5),
        lambda: LeakyReLU(-0.1),
        lambda: ThresholdedReLU(-1),
    ],
)
def test_negative_slopes_and_limits_are_refused(make):
    with pytest.raises(UsageError, match="must be >= 0.*E-RANGE"):
        make()


@pytest.mark.parametrize("make", [lambda: LeakyReLU(None), lambda: ReLU(threshold=None)])
def test_none_is_no_slope(make):
    with pytest.raises(UsageTypeError, match="needed; got None.*E-TYPE"):
        make()


def test_defaults():
    """Figures of the papers and of Keras: 0.3, 1, 1; 0.2 and 5 for the softplus."""
    x = np.array([[-2.0, 0.5, 3.0]], "float32")
    np.testing.assert_allclose(LeakyReLU()(x), [[-0.6, 0.5, 3]], rtol=1e-6)
    np.testing.assert_allclose(ELU()(x), [[-0.864664717, 0.5, 3]], rtol=1e-6)
    np.testing.assert_allclose(ThresholdedReLU()(x), [[0, 0, 3]])
    np.testing.assert_allclose(ReLU()(x), [[0, 0.5, 3]])
    np.testing.assert_allclose(PReLU()(x), [[0, 0.5, 3]])
    softplus = layers.ParametricSoftplus()
    np.testing.assert_allclose(softplus(x)[0, 1], 0.2 * np.log(1 + np.exp(2.5)), rtol=1e-6)
    assert [v.name for v in softplus.weights] == ["alpha", "beta"]
    assert [v.name for v in SReLU().weights] == []


def test_an_s_shaped_relu_begins_as_a_leaky_one():
    """With bends at 0 and above all x it is a leaky relu of slope a_left."""
    layer = SReLU(a_left_initializer="ones", t_right_initializer="ones")
    x = some(4, 3)
    np.testing.assert_allclose(layer(x), x, rtol=1e-6)
    assert [v.name for v in layer.weights] == ["t_left", "a_left", "t_right", "a_right"]


# ---------------------------------------------------------------- shapes of weights


@pytest.mark.parametrize("name", ["PReLU", "SReLU", "ParametricSoftplus"])
@pytest.mark.parametrize(
    ("axes", "shape"), [(None, (4, 5, 3)), ((1, 2), (1, 1, 3)), (2, (4, 1, 3)), ([-1], (4, 5, 1))]
)
def test_shared_axes(name, axes, shape):
    layer = getattr(layers, name)(shared_axes=axes)
    layer.build((None, 4, 5, 3))
    assert {v.shape for v in layer.weights} == {shape}


def test_shared_axes_in_the_config_are_a_list():
    assert PReLU(shared_axes=(1, 2)).get_config()["shared_axes"] == [1, 2]
    assert PReLU(shared_axes=2).get_config()["shared_axes"] == [2]
    assert PReLU().get_config()["shared_axes"] is None


def test_shared_axes_that_are_none():
    with pytest.raises(UsageError, match="count from 1.*E-AXIS"):
        PReLU(shared_axes=0)
    with pytest.raises(UsageError, match="have no axis 3.*E-AXIS"):
        PReLU(shared_axes=3).build((None, 4, 5))
    with pytest.raises(UsageTypeError, match="E-AXIS"):
        PReLU(shared_axes="time")


def test_unknown_sizes_must_be_shared():
    with pytest.raises(UsageError, match="not in shared_axes.*E-SHAPE-UNKNOWN"):
        PReLU()(Input((None, 3)))
    assert PReLU(shared_axes=1)(Input((None, 3))).shape == (None, None, 3)


# ---------------------------------------------------------------- softmax with masks


def softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()


def test_softmax_over_what_a_mask_keeps():
    x = some(2, 4)
    mask = np.array([[True, False, True, True], [False, False, False, False]])
    y = np.asarray(Softmax()(x, mask))
    np.testing.assert_allclose(y[0, [0, 2, 3]], softmax(x[0, [0, 2, 3]]), rtol=1e-5)
    assert y[0, 1] == 0
    assert np.all(y[1] == 0), "where nothing is kept"
    np.testing.assert_allclose(Softmax()(x, mask.astype("float32")), y)
    whole = Softmax()(np.array([[1, 2, 3]]), [[True, False, True]])
    np.testing.assert_allclose(whole, [[0.11920292, 0, 0.88079708]], rtol=1e-6)


def test_a_mask_of_softmax_may_be_spread():
    x = some(2, 3, 4)
    mask = np.array([True, True, False, True])
    np.testing.assert_allclose(Softmax()(x, mask)[1, 2, [0, 1, 3]], softmax(x[1, 2, mask]), 1e-5)
    both = Softmax(axis=(1, 2))(x, mask[None, None])
    np.testing.assert_allclose(both[0][:, mask], softmax(x[0][:, mask]), 1e-5)
    with pytest.raises(UsageError, match=r"\(3, 3\) does not fit.*\(2, 3, 4\).*E-MASK"):
        Softmax()(x, np.ones((3, 3), bool))


def test_a_mask_of_steps_passes_softmax():
    """Square shapes too: what a mask of steps means does not hang on the sizes."""
    for shape in ((2, 3, 4), (3, 3, 3)):
        x = some(*shape)
        array, mask = with_mask(x)
        y = Softmax()(array)
        np.testing.assert_array_equal(state.mask_of(y), mask)
        np.testing.assert_allclose(y[0, 1], softmax(x[0, 1]), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_masked_softmax_in_short_dtypes_is_finite(dtype):
    layer = Softmax(dtype=dtype)
    y = layer(np.full((1, 3), 6e4, "float32"), np.array([[True, False, True]]))
    np.testing.assert_allclose(engine.cast(y, "float32"), [[0.5, 0, 0.5]])


# ---------------------------------------------------------------- names and casts


def test_other_names_are_the_same_classes():
    for other, name in {
        "AvgPool2D": "AveragePooling2D",
        "MaxPool1D": "MaxPooling1D",
        "GlobalAvgPool3D": "GlobalAveragePooling3D",
        "GlobalMaxPool2D": "GlobalMaxPooling2D",
        "Convolution2D": "Conv2D",
        "Convolution3DTranspose": "Conv3DTranspose",
        "SeparableConvolution1D": "SeparableConv1D",
    }.items():
        assert getattr(layers, other) is getattr(layers, name)


def test_serialize_and_deserialize():
    made = layers.deserialize(layers.serialize(LeakyReLU(0.1, name="bend")))
    assert (type(made), made.name, made.negative_slope) == (LeakyReLU, "bend", 0.1)

    class Mine(layers.Layer):
        def call(self, x):
            return x

    form = layers.serialize(Mine())
    assert isinstance(layers.deserialize(form, {"Mine": Mine}), Mine)
    with pytest.raises(UsageError, match="E-UNKNOWN-CLASS"):
        layers.deserialize(form)
    with pytest.raises(UsageTypeError, match="E-LAYER-CLASS"):
        layers.serialize("relu")
    with pytest.raises(UsageError, match="E-CONFIG"):
        layers.deserialize({"class_name": "Adam", "config": {}, "module": "keras.optimizers"})


def test_inputs_are_cast_unless_autocast_is_off():
    x = engine.array(some(2, 3), "float16")
    assert layers.Identity()(x).dtype == "float32"
    assert layers.Identity(autocast=False)(x).dtype == "float16"
    assert layers.Identity(autocast=True)(x).dtype == "float32"
    assert not layers.Embedding(3, 2).autocast, "a layer's own choice stands"


def test_layer_normalization_may_leave_the_mean_in():
    """x / sqrt(variance + epsilon) * gamma, without beta: what Keras calls rms_scaling."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = layers.LayerNormalization(rms_scaling=True, scale=False)
    x = some(3, 5)
    layer.build(x.shape)
    assert [v.name for v in layer.weights] == ["gamma"]
    layer.set_weights([np.arange(5, dtype="float32")])
    wide = x.astype("float64")
    expected = wide / np.sqrt(wide.var(-1, keepdims=True) + 1e-3) * np.arange(5)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)
    assert layers.LayerNormalization.from_config(layer.get_config()).rms_scaling
