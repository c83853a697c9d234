"""Every layer keeps its contract: values, shapes, dtypes, slopes, config, weights, phases, masks.

Rows are in `layers_table`; what single layers promise beyond them, and what they say about wrong
use, follows at the end.
"""

import functools
import inspect
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient, check_symbolic, in_float64, wide
from contracts.engine_table import some
from contracts.layers_table import ROWS, Row
from cornu import config, engine, graph, layers, policy, settings, state
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import Tensor
from cornu.layers import Input, Layer
from cornu.state import Variable

LABEL = {"ids": lambda row: row.label}
FIRST_OF_EACH = tuple({row.name: row for row in reversed(ROWS)}.values())
FUNCTIONS = ("add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract")
NOT_IN_THE_TABLE = {"Layer", "InputLayer"}


def _given(row: Row, args: Any) -> Any:
    return list(args) if row.several else args[0]


def _built(row: Row, **more: Any) -> Layer:
    """The layer, built for the row's inputs, with random weights."""
    layer = getattr(layers, row.name)(**row.options, **more)
    layer(_given(row, [Tensor(x.shape, state.dtype_name(x)) for x in row.args]))
    _randomize(layer.weights)
    return layer


def _randomize(variables: list[Variable]) -> None:
    random = np.random.default_rng(5)
    for v in variables:
        draws = random.normal(size=v.shape)
        positive = "variance" in v.name or "stddev" in v.name
        v.assign((np.abs(draws) + 0.5 if positive else draws).astype("float32"))


def _call(row: Row, layer: Layer) -> Callable:
    return lambda *args: layer(_given(row, args))


def _by_name(layer: Layer, values: Any = None) -> dict[str, np.ndarray]:
    values = [v.numpy() for v in layer.weights] if values is None else values
    return {v.name: np.asarray(x, "float64") for v, x in zip(layer.weights, values, strict=True)}


def _reference(row: Row, layer: Layer, training: bool = False) -> Callable:
    """The row's formula with the layer's weights of now."""
    formula = row.training if training and row.training else row.reference
    weights = _by_name(layer)
    return lambda *args: formula(*args, w=weights, **row.options)


def _step(row: Row, layer: Layer, training: bool, seed: int = 3) -> Any:
    """(outputs, new values, losses) of one compiled call."""
    run = state.pure(_call(row, layer), layer.weights, training=training, key=engine.key(seed))
    return engine.jit(lambda values, args: run(values, *args))(
        [v.value for v in layer.weights], [engine.array(x) for x in row.args]
    )


# ---------------------------------------------------------------- every layer


@pytest.mark.parametrize("name", layers.__all__)
def test_every_public_name_has_a_row_or_a_test(name: str):
    thing = getattr(layers, name)
    if isinstance(thing, type) and issubclass(thing, Layer):
        assert name in {row.name for row in ROWS} | NOT_IN_THE_TABLE
    else:
        assert name in {*FUNCTIONS, "Input", "InputSpec"}
    assert inspect.getdoc(thing)


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_values_and_inferred_shapes(row: Row):
    """float32 in, the formula's values out; a Tensor knows just the sizes that can be known."""
    layer = _built(row)
    fn, reference = _call(row, layer), _reference(row, layer)
    check_symbolic(fn, reference, row.args, row.unknown)
    assert_close(fn(*row.args), reference(*wide(row.args)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_training_step(row: Row):
    """A training step gives what the formula gives, in the same shape and dtype."""
    layer = _built(row)
    outputs, _, _ = _step(row, layer, training=True)
    at_rest = _call(row, layer)(*row.args)
    assert outputs.shape == at_rest.shape
    assert outputs.dtype == at_rest.dtype
    if row.training == "drawn":
        assert np.all(np.isfinite(outputs))
        assert not np.allclose(outputs, at_rest)
        again, other = (_step(row, layer, training=True, seed=seed)[0] for seed in (3, 4))
        assert_close(again, outputs, rtol=0, atol=0)
        assert not np.allclose(other, outputs)
    else:
        expected = _reference(row, layer, training=True)(*wide(row.args))
        assert_close(outputs, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_slopes(row: Row):
    """Gradients by inputs and weights are the formula's slopes, in the phase that trains."""
    training = row.training not in (None, "drawn")
    with in_float64():
        layer = _built(row, dtype="float64")
        cells = layer.weights
        moving = [v for v in cells if not v.trainable] if training else []
        run = state.pure(_call(row, layer), cells, training=training)
        wrt = [*row.wrt, *(len(row.args) + i for i, v in enumerate(cells) if v not in moving)]
        if not wrt:
            return
        values = [v.numpy() for v in cells]
    formula = row.training if training else row.reference
    count = len(row.args)

    def reference(*both: np.ndarray) -> np.ndarray:
        weights = _by_name(layer, both[count:])
        return formula(*both[:count], w=weights, **row.options)

    def fn(*both: Any) -> Any:
        return run(list(both[count:]), *both[:count])[0]

    check_gradient(fn, reference, [*row.args, *values], wrt)


@pytest.mark.parametrize("name", ["bfloat16", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("row", FIRST_OF_EACH, **LABEL)
def test_dtype_policies(row: Row, name: str):
    """Outputs in the compute dtype, weights and what they become in the variable dtype."""
    layer = _built(row, dtype=name)
    both = policy.DTypePolicy(name)
    outputs, news, _ = _step(row, layer, training=row.training != "drawn")
    assert outputs.dtype == both.compute_dtype
    for v, new in zip(layer.weights, news, strict=True):
        assert v.dtype == both.variable_dtype
        assert new.dtype == both.variable_dtype
    training = row.training not in (None, "drawn")
    expected = _reference(row, layer, training)(*wide(row.args))
    assert_close(outputs.astype("float32"), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_config_makes_an_equal_layer(row: Row):
    layer = _built(row)
    written = json.loads(json.dumps(layer.get_config()))
    known = {"double": row.options["function"]} if "function" in row.options else {}
    with config.custom_object_scope(known):
        again = type(layer).from_config(written)
    assert json.loads(json.dumps(again.get_config())) == written
    assert again.name == layer.name
    other = config.deserialize(json.loads(json.dumps(config.serialize(layer))), known)
    assert type(other) is type(layer)
    fn = _call(row, other)
    fn(*row.args)
    other.set_weights(layer.get_weights())
    assert_close(fn(*row.args), _call(row, layer)(*row.args), rtol=0, atol=0)


@pytest.mark.parametrize("row", FIRST_OF_EACH, **LABEL)
def test_weights_come_back(row: Row):
    layer = _built(row)
    before = layer.get_weights()
    assert [w.shape for w in before] == [v.shape for v in layer.weights]
    assert [v.path for v in layer.weights] == [f"{layer.name}/{v.name}" for v in layer.weights]
    layer.set_weights([w + 1 for w in before])
    for w, now in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(now, w + 1)
    if before:
        with pytest.raises(UsageError, match=layer.name):
            layer.set_weights(before[:-1])


@pytest.mark.parametrize("row", FIRST_OF_EACH, **LABEL)
def test_rows_of_a_batch_do_not_mix_in_inference(row: Row):
    layer = _built(row)
    assert layer.mixes_rows == (row.name == "Lambda")
    fn = _call(row, layer)
    single = [fn(*[x[i : i + 1] for x in row.args]) for i in range(len(row.args[0]))]
    assert_close(np.concatenate(single), fn(*row.args), rtol=1e-5, atol=1e-5)


def _with_mask(x: np.ndarray) -> tuple[Any, Any]:
    array = engine.array(x)
    steps = np.arange(np.prod(x.shape[:-1])).reshape(x.shape[:-1]) % 2 == 0
    mask = engine.array(steps)
    state.set_mask(array, mask)
    return array, mask


@pytest.mark.parametrize("row", [r for r in FIRST_OF_EACH if r.mask != "own"], **LABEL)
def test_masks(row: Row):
    """A mask passes, or ends, or ends with a warning that names the layer."""
    layer = _built(row)
    pairs = [_with_mask(x) for x in row.args]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outputs = _call(row, layer)(*[x for x, _ in pairs])
    assert [layer.name in str(w.message) for w in caught] == [True] * (row.mask == "warns")
    found = state.mask_of(outputs)
    if row.mask == "passes":
        expected = functools.reduce(np.logical_or, [np.asarray(m) for _, m in pairs])
        np.testing.assert_array_equal(found, expected)
    elif outputs is not pairs[0][0]:
        assert found is None


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

    x, mask = _with_mask(some(2, 3, 2))
    layers.Lambda(look, arguments={"by": 3})(x, training=True)
    assert seen["mask"] is mask
    assert (seen["training"], seen["by"]) == (True, 3)
    passed = layers.Lambda(look, mask=lambda inputs, m: ~m, arguments={"by": 3})(x)
    np.testing.assert_array_equal(state.mask_of(passed), ~np.asarray(mask))


def test_lambda_is_saved_by_name_only():
    with pytest.raises(UsageError, match="register_keras_serializable"):
        layers.Lambda(lambda x: x).get_config()
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


def test_constraints_and_regularizers_reach_the_weights():
    layer = layers.Conv2D(2, 1, kernel_regularizer="l2", bias_constraint="non_neg")
    layer.build((None, 2, 2, 1))
    layer.set_weights([np.full((1, 1, 1, 2), 3.0, "float32"), np.zeros(2, "float32")])
    (loss,) = layer.losses
    assert float(loss) == pytest.approx(0.01 * 18, rel=1e-6)
    assert layer.bias.constraint is not None
    assert layer.kernel.constraint is None


# ---------------------------------------------------------------- several inputs


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_their_layers(name: str):
    row = next(r for r in ROWS if r.name == name.capitalize() and len(r.args) == 2)
    options = {"axes": 1} if name == "dot" else {}
    found = getattr(layers, name)(list(row.args), **options)
    assert_close(found, row.reference(*wide(row.args), w={}, **row.options), 1e-5, 1e-5)


def test_masks_of_several_inputs():
    (a, mask), b = _with_mask(some(2, 4, 3)), engine.array(some(2, 4, 3))
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
    return _by_name(layer, run([v.value for v in layer.weights])[1])


def test_batch_normalization_moves_its_averages():
    x = some(5, 4, 3)
    layer = layers.BatchNormalization(momentum=0.9)
    layer.build(x.shape)
    _randomize(layer.weights)
    before = _by_name(layer)
    after = _moved(layer, x)
    for name, now in (("moving_mean", x.mean((0, 1))), ("moving_variance", x.var((0, 1)))):
        np.testing.assert_allclose(after[name], before[name] * 0.9 + now * 0.1, rtol=1e-5)
    assert_close(_by_name(layer), before, 0, 0)  # a pure step leaves the cells alone
    layer(x, training=True)
    assert_close(_by_name(layer), after, 1e-6, 0)


def test_frozen_batch_normalization_is_in_inference_mode():
    x = some(5, 3)
    layer = layers.BatchNormalization()
    layer.build(x.shape)
    _randomize(layer.weights)
    layer.trainable = False
    at_rest = layer(x)
    assert_close(layer(x, training=True), at_rest, 0, 0)
    assert layer.trainable_weights == []
    assert_close(_moved(layer, x), _by_name(layer), 0, 0)


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
    _randomize(layer.weights)
    w = _by_name(layer)
    mean, deviation = x.mean(0), np.sqrt(x.astype("float64").var(0) + 0.01)
    r = np.clip(deviation / w["renorm_stddev"], 0.8, 1.2)
    d = np.clip((mean - w["renorm_mean"]) / w["renorm_stddev"], -0.3, 0.3)
    expected = ((x - mean) / deviation * r + d) * w["gamma"] + w["beta"]
    assert_close(layer(x, training=True), expected, 1e-4, 1e-5)
    after = _by_name(layer)
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


def test_making_layers_computes_nothing(monkeypatch: pytest.MonkeyPatch):
    """Weights begin in NumPy: an engine call at start-up costs a compilation each."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an engine function was called")

    for name in ("array", "cast", "put", "jit", "uniform", "normal"):
        monkeypatch.setitem(vars(engine), name, refuse)
    for row in FIRST_OF_EACH:
        layer = getattr(layers, row.name)(**row.options)
        shapes = [tuple(x.shape) for x in row.args]
        layer.build(shapes if row.several else shapes[0])
        assert all(isinstance(v.value, np.ndarray) for v in layer.weights)


# ---------------------------------------------------------------- wrong use


def _message(act: Callable) -> str:
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        act()
    text = str(caught.value)
    assert len(text) <= 600
    for word in ("Tracer", "jnp.", "2520", "5040", "array("):
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
