"""Every layer keeps its contract: values, shapes, dtypes, slopes, config, weights, phases, masks.

Rows are in `layers_table`. What single layers promise beyond them is in `tests/layers`.
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
from contracts.layers_row import Row
from contracts.layers_table import ROWS
from contracts.layers_values import by_name, randomize, with_mask
from cornu import config, engine, graph, initializers, layers, policy, state
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.layers import Input, Layer

LABEL = {"ids": lambda row: row.label}
FIRST_OF_EACH = tuple({row.name: row for row in reversed(ROWS)}.values())
FUNCTIONS = ("add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract")
NOT_IN_THE_TABLE = {
    "AugMix",  # tests/layers/test_photometry.py
    "CutMix",  # tests/layers/test_photometry.py
    "GRUCell",  # tests/layers/test_cells.py
    "GroupQueryAttention",  # tests/layers/test_attention.py
    "InputLayer",  # tests/layers/test_behaviour.py
    "LSTMCell",  # tests/layers/test_cells.py
    "Layer",  # tests/layers/test_base.py
    "MixUp",  # tests/layers/test_photometry.py
    "MultiHeadAttention",  # tests/layers/test_attention.py
    "Pipeline",  # tests/layers/test_photometry.py
    "RandAugment",  # tests/layers/test_photometry.py
    "RandomElasticTransform",  # tests/layers/test_image_layers.py
    "RandomFlip",  # tests/layers/test_image_layers.py
    "RandomPerspective",  # tests/layers/test_image_layers.py
    "SimpleRNNCell",  # tests/layers/test_cells.py
    "SpectralNormalization",  # tests/layers/test_wrappers.py
    "StackedRNNCells",  # tests/layers/test_cells.py
    "StringLookup",  # tests/layers/test_text.py
    "TextVectorization",  # tests/layers/test_text.py
    "TimeDistributed",  # tests/layers/test_wrappers.py
    "Wrapper",  # tests/layers/test_wrappers.py
}


def _given(row: Row, args: Any) -> Any:
    return list(args) if row.several else args[0]


def _built(row: Row, **more: Any) -> Layer:
    """The layer, built for the row's inputs, with random weights."""
    layer = getattr(layers, row.name)(**row.made(**more))
    layer(_given(row, _tensors(row)))
    randomize(layer.weights)
    return layer


def _tensors(row: Row) -> list[Tensor]:
    return [Tensor(x.shape, state.dtype_name(x)) for x in row.args]


def _call(row: Row, layer: Layer) -> Callable:
    return lambda *args: layer(_given(row, args))


def _compiled(row: Row) -> bool:
    """Whether a row's plain calls are compiled: all but those of the first row of each class.

    A call that is not compiled costs a program for each op in it, and is seen to work once a class.
    """
    return not any(row is first for first in FIRST_OF_EACH)


def _reference(row: Row, layer: Layer, training: bool = False) -> Callable:
    """The row's formula with the layer's weights of now."""
    formula = row.training if training and row.training else row.reference
    weights = by_name(layer)
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
        assert thing.__name__ in {row.name for row in ROWS} | NOT_IN_THE_TABLE
    else:
        assert name in {*FUNCTIONS, "Input", "InputSpec", "deserialize", "serialize"}
    assert inspect.getdoc(thing)


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_values_and_inferred_shapes(row: Row):
    """float32 in, the formula's values out; a Tensor knows just the sizes that can be known."""
    layer = _built(row)
    fn, reference = _call(row, layer), _reference(row, layer)
    check_symbolic(fn, reference, row.args, row.unknown, _compiled(row))
    if not _compiled(row):
        assert_close(fn(*row.args), reference(*wide(row.args)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_training_step(row: Row):
    """A training step gives what the formula gives, in the same shape and dtype."""
    layer = _built(row)
    outputs, _, _ = _step(row, layer, training=True)
    drawn = row.training == "drawn"
    at_rest = _call(row, layer)(*(row.args if drawn or not _compiled(row) else _tensors(row)))
    assert outputs.shape == at_rest.shape
    assert outputs.dtype == at_rest.dtype
    if drawn:
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
        weights = by_name(layer, both[count:])
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
    _call(row, other)(*(_tensors(row) if _compiled(row) else row.args))
    other.set_weights(layer.get_weights())

    def both(*args: Any) -> tuple:
        return _call(row, other)(*args), _call(row, layer)(*args)

    found, expected = (engine.jit(both) if _compiled(row) else both)(*row.args)
    assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("row", FIRST_OF_EACH, **LABEL)
def test_weights_come_back(row: Row):
    layer = _built(row)
    before = layer.get_weights()
    assert [w.shape for w in before] == [v.shape for v in layer.weights]
    assert len({v.path for v in layer.weights}) == len(layer.weights)
    for v in layer.weights:
        inner = next(x for x in layer.all_layers() if v in x.own_variables())
        between = [] if inner is layer else [inner.name]
        first, *middle, last = v.path.split("/")
        assert (first, middle[-1:], last) == (layer.name, between, v.name)
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
    fn = engine.jit(_call(row, layer))
    single = [fn(*[x[i : i + 1] for x in row.args]) for i in range(len(row.args[0]))]
    assert_close(np.concatenate(single), fn(*row.args), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("row", [r for r in FIRST_OF_EACH if r.mask != "own"], **LABEL)
def test_masks(row: Row):
    """A mask passes, or ends, or ends with a warning that names the layer."""
    layer = _built(row)
    pairs = [with_mask(x) for x in row.args]
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


def test_masks_travel_through_a_compiled_graph():
    """Embedding makes a mask, layers that support masking carry it, the average uses it."""
    tokens = Input((None,), dtype="int32")
    table, dense = layers.Embedding(5, 3, mask_zero=True), layers.Dense(2)
    steps = layers.Dropout(0.5)(dense(layers.LayerNormalization()(table(tokens))))
    y = layers.GlobalAveragePooling1D()(steps)
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]], "int32")
    hidden = graph.Function([tokens], [steps, y])([ids])
    kept = [np.asarray(hidden[0])[0, :2].mean(0), np.asarray(hidden[0])[1, 0]]
    np.testing.assert_allclose(hidden[1], kept, rtol=1e-5)


WEIGHTS_OF = [
    (row, name.removesuffix("_initializer"))
    for row in FIRST_OF_EACH
    for name in getattr(layers, row.name).fields
    if name.endswith("_initializer")
]


@pytest.mark.parametrize(
    ("row", "name"), WEIGHTS_OF, ids=[f"{row.name}-{name}" for row, name in WEIGHTS_OF]
)
def test_each_weight_has_its_own_rules(row: Row, name: str):
    """Initializer, regularizer and constraint of a name reach that weight and no other."""
    rules = {
        f"{name}_initializer": initializers.Constant(0.375),
        f"{name}_regularizer": "l2",
        f"{name}_constraint": "non_neg",
    }
    known = getattr(layers, row.name).fields
    layer = getattr(layers, row.name)(
        **{**row.made(), **{n: rule for n, rule in rules.items() if n in known}}
    )
    layer.build(row.args[0].shape)
    kernels = {"Depthwise": "kernel", "Separable": f"{name}_kernel"}
    alone = kernels.get(row.name[:9], name) if name.endswith("wise") else name
    alone = "recurrent_kernel" if name == "recurrent" else alone
    for v in layer.weights:
        own = v.name == alone
        assert np.all(np.asarray(v.value) == 0.375) == own
        assert (v.regularizer is not None) == (own and f"{name}_regularizer" in known)
        assert (v.constraint is not None) == (own and f"{name}_constraint" in known)
    assert alone in [v.name for v in layer.weights]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_their_layers(name: str):
    row = next(r for r in ROWS if r.name == name.capitalize() and len(r.args) == 2)
    options = {"axes": 1} if name == "dot" else {}
    found = getattr(layers, name)(list(row.args), **options)
    assert_close(found, row.reference(*wide(row.args), w={}, **row.options), 1e-5, 1e-5)


def test_making_layers_computes_nothing(monkeypatch: pytest.MonkeyPatch):
    """Weights begin in NumPy: an engine call at start-up costs a compilation each."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an engine function was called")

    for name in ("array", "cast", "put", "jit", "uniform", "normal"):
        monkeypatch.setitem(vars(engine), name, refuse)
    for row in FIRST_OF_EACH:
        layer = getattr(layers, row.name)(**row.made())
        shapes = [tuple(x.shape) for x in row.args]
        layer.build(shapes if row.several else shapes[0])
        assert all(isinstance(v.value, np.ndarray) for v in layer.weights)
