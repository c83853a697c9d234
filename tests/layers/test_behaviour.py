"""What single layers promise beyond the contract that all of them keep."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

from contracts.checks import assert_close
from contracts.draws import some
from contracts.layers_values import by_name, randomize, with_mask
from cornu import config, engine, layers, policy, settings, state
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Input, Layer

# ---------------------------------------------------------------- inputs


def test_input_is_a_tensor_to_be_fed():
    x = Input((3, None), batch_size=4, dtype="int32", name="tokens")
    assert (x.shape, x.dtype, x.name) == ((4, 3, None), "int32", "tokens")
    layer = x.node.op
    assert isinstance(layer, layers.InputLayer)
    assert layer.is_placeholder
    assert layer.output is x
    assert layer.input is x
    assert layer.built
    assert x.node.inputs == []
    assert Input(batch_shape=(2, 3)).shape == (2, 3)
    assert Input(()).shape == (None,)
    assert Input(tensor=x) is x


def test_input_names_count_on():
    config.forget_names()
    assert [Input((1,)).name for _ in range(2)] == ["input_layer", "input_layer_1"]


def test_input_config_and_its_dtype():
    layer = layers.InputLayer((3,), batch_size=2, name="here")
    written = json.loads(json.dumps(layer.get_config()))
    assert written["batch_shape"] == [2, 3]
    assert written["dtype"] == "float32"
    assert layers.InputLayer.from_config(written).get_config() == layer.get_config()
    before = policy.default_name()
    policy.set_dtype_policy("bfloat16")
    try:
        assert Input((3,)).dtype == settings.floatx() == "float32"
    finally:
        policy.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({}, "shape=None"),
        ({"shape": (2,), "batch_shape": (1, 2)}, "either"),
        ({"shape": 3}, r"Use \(3,\)"),
        ({"shape": (2.5,)}, "2.5"),
        ({"shape": (-1,)}, "-1"),
        ({"batch_shape": (2, 3), "batch_size": 4}, "batch_size"),
        ({"tensor": 3}, "Tensor"),
    ],
)
def test_input_says_what_is_wrong(args: dict, words: str):
    with pytest.raises((UsageError, UsageTypeError), match=words):
        Input(**args)


# ---------------------------------------------------------------- core


def test_lambda_gives_mask_and_phase_where_asked():
    seen = {}

    def look(x: Any, mask: Any, training: Any, by: int) -> Any:
        seen.update(mask=mask, training=training, by=by)
        return x

    x, mask = with_mask(some(2, 3, 2))
    layers.Lambda(look, arguments={"by": 3})(x, training=True)
    assert seen["mask"] is mask
    assert (seen["training"], seen["by"]) == (True, 3)
    passed = layers.Lambda(look, mask=lambda inputs, m: ~m, arguments={"by": 3})(x)
    np.testing.assert_array_equal(state.mask_of(passed), ~np.asarray(mask))


def test_lambda_is_saved_by_name_only():
    unnamed = layers.Lambda(lambda x: x, name="twice").get_config()["function"]
    assert (unnamed["module"], unnamed["config"]) == ("__lambda__", "twice")
    known = {"n": lambda x: x + 1}
    registered = config.register_keras_serializable("mine", "plus_one")(known["n"])
    layer = layers.Lambda(registered)
    again = layers.Lambda.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.function is registered
    with pytest.raises(UsageError, match="custom_objects"):
        layers.Lambda.from_config({"function": {"class_name": "function", "config": "nowhere"}})
    with pytest.raises(UsageError, match="never run"):
        layers.Lambda.from_config({"function": {"class_name": "__lambda__", "config": {}}})


def test_lambda_still_knows_its_output_shape():
    layer = layers.Lambda(lambda x: x[:, :2], output_shape=(2,))
    layer(Input((5,)))
    assert layer.output_shape == (None, 2)


def test_reshape_of_unknown_sizes():
    """What cannot be known from shapes is checked when data come."""
    assert layers.Reshape((7, 11))(Input((None,))).shape == (None, 7, 11)
    framed = layers.Reshape((-1, 16))
    assert framed(Input((None, 1))).shape == (None, None, 16)
    assert framed(some(2, 48, 1)).shape == (2, 3, 16)
    with pytest.raises(UsageError, match="multiples of 16"):
        framed(some(2, 40, 1))


def test_layers_can_be_pickled_and_copied():
    layer = layers.Conv2D(3, 2, name="c")
    x = some(1, 4, 4, 1)
    layer(x)
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin.kernel is not layer.kernel
        assert_close(twin(x), layer(x), 0, 0)
        twin.set_weights([w + 1 for w in twin.get_weights()])
        assert not np.allclose(twin(x), layer(x))


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (layers.Dense(3), (None, 4), (None, 3)),
        (layers.Conv2D(4, 3), (2, None, 8, 1), (2, None, 6, 4)),
        (layers.Add(), [(None, 3), (None, 3)], (None, 3)),
    ],
)
def test_output_shapes_can_be_asked_for(layer: Layer, shapes: Any, expected: tuple):
    assert layer.compute_output_shape(shapes) == expected


def test_masking_makes_a_mask():
    layer = layers.Masking(9.0)
    y = layer(np.array([[[1, 0], [9, 9], [9, 3]]], "float32"))
    np.testing.assert_array_equal(state.mask_of(y), [[True, False, True]])


def test_activity_regularization_adds_to_the_loss():
    x = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    layer(x)
    expected = (0.1 * np.abs(x).sum() + 0.01 * (x**2).sum()) / 2
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-6)


def test_regularizers_count_in_the_loss():
    layer = layers.Conv2D(2, 1, kernel_regularizer="l2", bias_constraint="non_neg")
    layer.build((None, 2, 2, 1))
    layer.set_weights([np.full((1, 1, 1, 2), 3.0, "float32"), np.zeros(2, "float32")])
    (loss,) = layer.losses
    assert float(loss) == pytest.approx(0.01 * 18, rel=1e-6)
    assert layer.bias.constraint is not None
    assert layer.kernel.constraint is None


# ---------------------------------------------------------------- several inputs


def test_masks_of_several_inputs():
    (a, mask), b = with_mask(some(2, 4, 3)), engine.array(some(2, 4, 3))
    c = engine.array(some(2, 4, 3))
    state.set_mask(c, ~mask)
    assert state.mask_of(layers.Add()([a, b])) is None
    assert np.all(np.asarray(state.mask_of(layers.Add()([a, c]))))
    assert np.all(np.asarray(state.mask_of(layers.Concatenate()([a, b]))))
    joined = state.mask_of(layers.Concatenate(axis=1)([a, b]))
    np.testing.assert_array_equal(joined, np.concatenate([mask, np.ones((2, 4), bool)], 1))


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (
            layers.Add(name="sum"),
            [(4, 3), (4, 2)],
            ['"sum"', '"left"', '"right"', "axis 2: 2 and 3"],
        ),
        (layers.Concatenate(axis=1), [(4, 3), (5, 2)], ['"left"', '"right"', "axis 2: 2 and 3"]),
        (layers.Concatenate(), [(4, 3), (3,)], ["same number of axes", '"left"']),
        (layers.Concatenate(axis=4), [(4, 3), (4, 3)], ["no axis 4"]),
        (layers.Dot(axes=1), [(4,), (3,)], ["axis 1: 4 and axis 1: 3", '"right"']),
        (layers.Subtract(), [(4,), (4,), (4,)], ["exactly 2"]),
    ],
)
def test_merging_names_inputs_and_axis(layer: Layer, shapes: list, words: list):
    config.forget_names()
    inputs = [Input(s, name=n) for s, n in zip(shapes, ("left", "right", "third"), strict=False)]
    with pytest.raises(UsageError) as caught:
        layer(inputs)
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value)) < 600


def test_merging_wants_a_list():
    with pytest.raises(UsageTypeError, match=r"Add\(\)\(\[a, b\]\)"):
        layers.Add()(Input((3,)))
    with pytest.raises(UsageError, match="input 0.*input 1"):
        layers.Add()([some(2, 3), some(2, 4)])


# ---------------------------------------------------------------- normalization


def _moved(layer: Layer, x: np.ndarray, **how: Any) -> dict[str, np.ndarray]:
    """The layer's weights after one training step."""
    run = state.pure(lambda: layer(x, **how), layer.weights, training=True)
    return by_name(layer, run([v.value for v in layer.weights])[1])


def test_batch_normalization_moves_its_averages():
    x = some(5, 4, 3)
    layer = layers.BatchNormalization(momentum=0.9)
    layer.build(x.shape)
    randomize(layer.weights)
    before = by_name(layer)
    after = _moved(layer, x)
    for name, now in (("moving_mean", x.mean((0, 1))), ("moving_variance", x.var((0, 1)))):
        np.testing.assert_allclose(after[name], before[name] * 0.9 + now * 0.1, rtol=1e-5)
    assert_close(by_name(layer), before, 0, 0)  # a pure step leaves the cells alone
    layer(x, training=True)
    assert_close(by_name(layer), after, 1e-6, 0)


def test_frozen_batch_normalization_is_in_inference_mode():
    x = some(5, 3)
    layer = layers.BatchNormalization()
    layer.build(x.shape)
    randomize(layer.weights)
    layer.trainable = False
    at_rest = layer(x)
    assert_close(layer(x, training=True), at_rest, 0, 0)
    assert layer.trainable_weights == []
    assert_close(_moved(layer, x), by_name(layer), 0, 0)


def test_batch_normalization_counts_unmasked_steps():
    x = some(2, 4, 3)
    mask = np.array([[True, True, False, False], [True, False, False, False]])
    layer = layers.BatchNormalization(momentum=0.0)
    layer.build(x.shape)
    after = _moved(layer, x, mask=mask)
    seen = x[mask].astype("float64")
    np.testing.assert_allclose(after["moving_mean"], seen.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after["moving_variance"], seen.var(0), rtol=1e-5, atol=1e-6)


def test_batch_normalization_moments_of_large_numbers():
    """Mean 1e4, deviation 1, in float32: the variance must not cancel away."""
    x = (1e4 + some(64, 1)).astype("float32")
    layer = layers.BatchNormalization(momentum=0.0)
    layer.build(x.shape)
    after = _moved(layer, x)
    np.testing.assert_allclose(after["moving_variance"], x.astype("float64").var(0), rtol=1e-3)


def test_batch_renormalization():
    """Ioffe 2017, algorithm 1: r and d clipped; averages of deviations."""
    x = some(6, 2)
    limits = {"rmin": 0.8, "rmax": 1.2, "dmax": 0.3}
    layer = layers.BatchNormalization(renorm=True, renorm_clipping=limits, epsilon=0.01)
    layer.build(x.shape)
    randomize(layer.weights)
    w = by_name(layer)
    mean, deviation = x.mean(0), np.sqrt(x.astype("float64").var(0) + 0.01)
    r = np.clip(deviation / w["renorm_stddev"], 0.8, 1.2)
    d = np.clip((mean - w["renorm_mean"]) / w["renorm_stddev"], -0.3, 0.3)
    expected = ((x - mean) / deviation * r + d) * w["gamma"] + w["beta"]
    assert_close(layer(x, training=True), expected, 1e-4, 1e-5)
    after = by_name(layer)
    for name, now in (
        ("renorm_mean", mean),
        ("renorm_stddev", deviation),
        ("moving_mean", mean),
        ("moving_stddev", deviation),
    ):
        np.testing.assert_allclose(after[name], w[name] * 0.99 + now * 0.01, rtol=1e-5)
    np.testing.assert_allclose(
        after["moving_variance"], after["moving_stddev"] ** 2 - 0.01, rtol=1e-5
    )


def test_moving_averages_are_not_rounded_by_a_mixed_policy():
    layer = layers.BatchNormalization(momentum=1.0, dtype="mixed_bfloat16")
    layer.build((4, 1))
    layer.moving_mean.assign(np.array([1.001], "float32"))  # no bfloat16
    np.testing.assert_array_equal(
        _moved(layer, some(4, 1))["moving_mean"], np.array([1.001], "float32")
    )


def test_unit_normalization_of_zeros():
    np.testing.assert_array_equal(layers.UnitNormalization()(np.zeros((1, 3), "float32")), 0)


# ---------------------------------------------------------------- noise

MANY = np.ones((400, 500), "float32")


@pytest.mark.parametrize(
    ("layer", "mean", "variance"),
    [
        # kept with probability 1 - r and divided by it: variance r / (1 - r)
        (layers.Dropout(0.2), 1, 0.25),
        (layers.GaussianDropout(0.2), 1, 0.25),
        (layers.GaussianNoise(0.5), 1, 0.25),
    ],
)
def test_noise_has_the_right_moments(layer: Layer, mean: float, variance: float):
    y = np.asarray(layer(MANY, training=True), "float64")
    assert y.mean() == pytest.approx(mean, abs=6 * np.sqrt(variance / y.size))
    assert y.var() == pytest.approx(variance, rel=0.03)


def test_dropout_keeps_or_drops():
    y = np.asarray(layers.Dropout(0.25)(MANY, training=True))
    assert set(np.unique(y)) == {0, np.float32(1 / 0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=6 * np.sqrt(0.25 * 0.75 / y.size))
    np.testing.assert_array_equal(layers.Dropout(1.0)(MANY, training=True), 0)
    np.testing.assert_array_equal(layers.Dropout(0.0)(MANY, training=True), MANY)


def test_alpha_dropout_keeps_mean_and_variance():
    """Klambauer et al. 2017: inputs of mean 0 and variance 1 stay so."""
    x = np.random.default_rng(1).normal(size=(400, 500)).astype("float32")
    y = np.asarray(layers.AlphaDropout(0.3)(x, training=True), "float64")
    assert y.mean() == pytest.approx(0, abs=0.02)
    assert y.var() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("layer", "shape", "space"),
    [
        (layers.SpatialDropout1D(0.5), (8, 5, 8), (1,)),
        (layers.SpatialDropout2D(0.5), (8, 3, 2, 8), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first"), (8, 8, 3, 2), (2, 3)),
        (layers.SpatialDropout3D(0.5), (8, 2, 2, 2, 8), (1, 2, 3)),
        (layers.Dropout(0.5, noise_shape=(None, 1, None)), (8, 5, 8), (1,)),
    ],
)
def test_whole_maps_are_dropped(layer: Layer, shape: tuple, space: tuple):
    y = np.asarray(layer(np.ones(shape, "float32"), training=True))
    np.testing.assert_array_equal(y.min(space), y.max(space))
    assert set(np.unique(y)) == {0, 2}


@pytest.mark.parametrize("name", ["Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"])
def test_numpy_numbers_do_not_widen(name: str):
    layer = getattr(layers, name)(np.float64(0.5), dtype="bfloat16")
    assert layer(MANY[:2], training=True).dtype == "bfloat16"


def test_seeded_noise_repeats():
    def draws(seed: int | None) -> Any:
        return np.asarray(layers.Dropout(0.5, seed=seed)(MANY[:4], training=True))

    np.testing.assert_array_equal(draws(7), draws(7))
    assert not np.array_equal(draws(7), draws(8))
    assert not np.array_equal(draws(None), draws(None))


# ---------------------------------------------------------------- others


def test_embedding_reads_floats_and_makes_a_mask():
    layer = layers.Embedding(600, 2, mask_zero=True, dtype="mixed_bfloat16")
    y = layer(np.array([[513.0, 0.0]], "float32"))  # 513 is no bfloat16
    table = np.asarray(layer.embeddings.value)
    np.testing.assert_allclose(np.asarray(y, "float32")[0], table[[513, 0]], rtol=1e-2)
    np.testing.assert_array_equal(state.mask_of(y), [[True, False]])


def test_global_average_counts_unmasked_steps():
    x = some(3, 4, 2)
    mask = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
    y = layers.GlobalAveragePooling1D()(x, mask=mask)
    expected = [x[0, :2].mean(0), x[1, [1, 3]].mean(0), [0, 0]]
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    swapped = layers.GlobalAveragePooling1D("channels_first", keepdims=True)
    y = swapped(np.swapaxes(x, 1, 2).copy(), mask=mask)
    np.testing.assert_allclose(y[..., 0], expected, rtol=1e-5)


def test_layers_follow_the_data_format_set():
    settings.set_image_data_format("channels_first")
    try:
        assert layers.Conv2D(4, 3)(Input((2, 8, 9))).shape == (None, 4, 6, 7)
    finally:
        settings.set_image_data_format("channels_last")


def test_layer_names_are_those_of_keras():
    config.forget_names()
    made = (
        layers.Conv2D(1, 1),
        layers.Conv2DTranspose(1, 1),
        layers.MaxPooling2D(),
        layers.GlobalAveragePooling1D(),
        layers.RMSNormalization(),
        layers.Conv2D(1, 1),
    )
    assert [layer.name for layer in made] == [
        "conv2d",
        "conv2d_transpose",
        "max_pooling2d",
        "global_average_pooling1d",
        "rms_normalization",
        "conv2d_1",
    ]
