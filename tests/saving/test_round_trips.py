"""Every layer and every optimizer comes back from every format: config, weights, state, outputs.

Layers are those of the contract table (`tests/contracts/layers_table.py`), each in a small model.
"""

import copy
import json
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contracts.layers_reference import double
from contracts.layers_table import ROWS
from contracts.layers_values import randomize
from contracts.optimizers_table import ROWS as OPTIMIZERS
from cornu import config, layers, losses, metrics, models, ops, optimizers, saving, state
from cornu.config import register_keras_serializable
from cornu.models import clone_model

CUSTOM = {"double": double}
SHARD = 100 / 2**30


# ---------------------------------------------------------------- the formats


def saved_whole(ending):
    def trip(model, folder):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*Save as")  # .h5 keeps no vocabularies
            model.save(folder / f"m{ending}")
        return saving.load_model(folder / f"m{ending}", CUSTOM)

    return trip


def saved_weights(ending, **options):
    def trip(model, folder):
        twin = emptied(type(model).from_config(model.get_config()))
        model.save_weights(folder / f"m{ending}", **options)
        twin.load_weights(folder / f"m{ending}")
        return twin

    return trip


def as_text(write, read):
    def trip(model, folder):
        twin = read(write(model), CUSTOM)
        twin.set_weights(model.get_weights())
        return twin

    return trip


def cloned(model, folder):
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


FORMATS: dict[str, Callable[..., Any]] = {
    "keras": saved_whole(".keras"),
    "h5": saved_whole(".h5"),
    "weights.h5": saved_weights(".weights.h5"),
    "weights of h5": saved_weights("_w.h5"),
    "safetensors": saved_weights(".safetensors"),
    "shards": saved_weights(".weights.json", max_shard_size=SHARD),
    "json": as_text(saving.model_to_json, saving.model_from_json),
    "yaml": as_text(saving.model_to_yaml, saving.model_from_yaml),
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "clone": cloned,
}


def emptied(model):
    for v in model.variables:
        v.assign(np.zeros(v.shape, v.dtype if v.dtype != "bfloat16" else "float32"))
    return model


def check_same(model, twin, name=""):
    """The same config, class by class, and the same weights bit for bit."""
    if name != "clone":  # whose layers may be others by right
        assert plain(twin) == plain(model)
    ours, theirs = model.get_weights(), twin.get_weights()
    assert [w.dtype for w in ours] == [w.dtype for w in theirs]
    assert [w.tobytes() for w in ours] == [w.tobytes() for w in theirs]
    assert [v.name for v in model.weights] == [v.name for v in twin.weights]


def plain(model):
    return json.loads(json.dumps(model.get_config()))


def check_outputs(model, twin, args):
    given = list(args) if len(args) > 1 else args[0]
    for ours, theirs in zip(arrays(model(given)), arrays(twin(given)), strict=True):
        assert ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()


def arrays(found):
    found = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(one) for one in found]


# ---------------------------------------------------------------- every layer


def built(row):
    """A model of the row's layer, with weights that nobody else makes."""
    inputs = [
        layers.Input(batch_shape=shape_of(row, x), dtype=state.dtype_name(x)) for x in row.args
    ]
    layer = getattr(layers, row.name)(**row.made())
    model = models.Model(inputs, layer(inputs if row.several else inputs[0]))
    randomize([v for v in model.weights if "float" in v.dtype])
    return model


def shape_of(row, x):
    return x.shape if row.options.get("stateful") else (None, *x.shape[1:])


FIRST_OF_EACH = tuple({row.name: row for row in reversed(ROWS)}.values())
LABEL = {"ids": lambda row: row.label}

ELSEWHERE = {
    **dict.fromkeys(("AugMix", "CutMix", "MixUp", "Pipeline", "RandAugment"), "OTHERS"),
    **dict.fromkeys(("RandomElasticTransform", "RandomFlip", "RandomPerspective"), "OTHERS"),
    **dict.fromkeys(
        ("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"), "OTHERS, in an RNN"
    ),
    **dict.fromkeys(("GroupQueryAttention", "MultiHeadAttention"), "OTHERS"),
    **dict.fromkeys(("SpectralNormalization", "TimeDistributed"), "OTHERS"),
    "InputLayer": "in every model here",
    "Layer": "a base",
    "Wrapper": "a base",
    "StringLookup": "takes strings, which no model does: tests/saving/test_tables.py",
    "TextVectorization": "takes strings, which no model does: tests/saving/test_tables.py",
}


def test_every_layer_makes_the_trip():
    known = {row.name for row in ROWS} | ELSEWHERE.keys()
    found = [getattr(layers, name) for name in layers.__all__]
    kinds = [x for x in found if isinstance(x, type) and issubclass(x, layers.Layer)]
    assert {cls.__name__ for cls in kinds} <= known
    said = {name for name, where in ELSEWHERE.items() if where.startswith("OTHERS")}
    assert said <= {name for made in OTHERS.values() for name in classes(made())}


def classes(model):
    todo, found = [plain(model)], set()
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            found |= {value["class_name"]} if isinstance(value.get("class_name"), str) else set()
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return found


@pytest.mark.parametrize("row", FIRST_OF_EACH, **LABEL)
def test_layers_in_an_archive(row, tmp_path):
    model = built(row)
    twin = FORMATS["keras"](model, tmp_path)
    check_same(model, twin)
    check_outputs(model, twin, row.args)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_layers_in_every_format(row, name, tmp_path):
    with config.custom_object_scope(CUSTOM):
        model = built(row)
        twin = FORMATS[name](model, tmp_path)
        if row.options.get("lora_rank") and name in MERGING:
            return check_merged(model, twin, row)
        check_same(model, twin, name)


MERGING = {"keras", "weights.h5", "safetensors", "shards"}
"""Formats that keep weights by path: there LoRA's product lies in the kernel, as in Keras 3."""


def check_merged(model, twin, row):
    for ours, theirs in zip(arrays(model(row.args[0])), arrays(twin(row.args[0])), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------- whole models


def on(shape, *made, dtype="float32"):
    x = h = layers.Input(shape, dtype=dtype)
    for layer in made:
        h = layer(h)
    return models.Model(x, h)


def attention():
    q, v = layers.Input((4, 6)), layers.Input((5, 6))
    a = layers.MultiHeadAttention(2, 3, value_dim=2)(q, v, use_causal_mask=True)
    b = layers.GroupQueryAttention(2, 2, 1)(q, v, v)
    return models.Model([q, v], layers.Add()([a, b]))


def masked():
    ids, numbers = layers.Input((6,), dtype="int32"), layers.Input((6, 2))
    mask = layers.Input((6,), dtype="bool")
    table = layers.Embedding(7, 3, mask_zero=True)
    h = layers.LSTM(4, return_sequences=True)(table(ids))
    g = layers.Bidirectional(layers.GRU(3))(layers.Masking(0.5)(numbers))
    return models.Model([ids, numbers, mask], [h, g, layers.SimpleRNN(2)(numbers, mask=mask)])


def nested():
    a = layers.Input((4,))
    deep = models.Model(a, {"p": layers.Dense(3)(a), "q": layers.BatchNormalization()(a)}, name="d")
    middle = models.Sequential([layers.Dense(4), layers.Dense(4)], name="middle")
    x, y = layers.Input((4,), name="x"), layers.Input((4,), name="y")
    made, again = deep(middle(x)), deep(y)
    deep.layers[1].trainable = False
    ends = {"sum": layers.Add()([made["p"], again["p"]]), "other": [again["q"], middle(made["q"])]}
    return models.Model({"x": x, "y": y}, ends)


def shared():
    x, y = layers.Input((5, 3)), layers.Input((5, 3))
    reader = layers.LSTM(4, return_state=True)
    h, *states = reader(x)
    return models.Model([x, y], [h, *reader(y, initial_state=states)])


def with_ops():
    x = layers.Input((4, 6))
    h = ops.concatenate([x[..., :2] * 2.0, ops.relu(1 - x)[:, :, 1:4]], axis=-1)
    h = ops.where(h > 0, h, ops.zeros_like(h)) + np.arange(5.0, dtype="float32")
    return models.Model(x, [ops.reshape(h, (-1, 10, 2)), *ops.split(h, 5, axis=-1)[1:3]])


def stateful():
    x = layers.Input(batch_shape=(2, 5, 3))
    reader = layers.LSTM(3, return_sequences=True, stateful=True)
    return models.Model(x, layers.GRU(2, stateful=True)(reader(x)))


def in_cells():
    cells = [layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)]
    twice = layers.RNN(layers.StackedRNNCells(cells), return_sequences=True)
    return on((5, 3), twice, layers.TimeDistributed(layers.Dense(2)))


def short(policy):
    """Weights and computations of fewer bits."""
    return lambda: on((3,), layers.Dense(4, dtype=policy), layers.BatchNormalization(dtype=policy))


def changed_images():
    made = [layers.RandomFlip(seed=1), layers.RandomPerspective(seed=2)]
    made += [layers.RandomElasticTransform(seed=3), layers.AugMix(seed=4)]
    made += [layers.RandAugment(seed=5), layers.MixUp(seed=6), layers.CutMix(seed=7)]
    made += [layers.Pipeline([layers.RandomFlip(seed=8), layers.Rescaling(0.5)])]
    return models.Sequential([layers.Input((8, 8, 3)), *made])


OTHERS: dict[str, Callable[[], Any]] = {
    "attention": attention,
    "masked": masked,
    "nested": nested,
    "shared": shared,
    "ops": with_ops,
    "stateful": stateful,
    "cells": in_cells,
    "images": changed_images,
    "spectral": lambda: on((4,), layers.SpectralNormalization(layers.Dense(3))),
    "bfloat16": short("bfloat16"),
    "float16": short("float16"),
    "mixed_bfloat16": short("mixed_bfloat16"),
    "mixed_float16": short("mixed_float16"),
    "frozen": lambda: on((4,), layers.Dense(3, trainable=False), layers.Dense(2)),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", OTHERS)
def test_models_in_every_format(kind, name, tmp_path):
    model = OTHERS[kind]()
    randomize([v for v in model.weights if "float" in v.dtype])
    twin = FORMATS[name](model, tmp_path)
    check_same(model, twin, name)
    frozen = [layer.name for layer in model.layers if not layer.trainable]
    assert frozen == [layer.name for layer in twin.layers if not layer.trainable]


@pytest.mark.parametrize("kind", ["attention", "masked", "shared", "ops", "cells", "bfloat16"])
def test_outputs_of_models(kind, tmp_path):
    model = OTHERS[kind]()
    randomize([v for v in model.weights if "float" in v.dtype])
    rng = np.random.default_rng(0)
    args = [
        rng.integers(0, 2, (3, *t.shape[1:])).astype(t.dtype)
        if t.dtype in ("int32", "bool")
        else rng.normal(size=(3, *t.shape[1:])).astype("float32")
        for t in model.inputs
    ]
    check_outputs(model, FORMATS["keras"](model, tmp_path), args)
    check_outputs(model, FORMATS["h5"](model, tmp_path), args)


def test_a_state_that_passes_on_is_not_saved(tmp_path):
    model = stateful()
    x = np.ones((2, 5, 3), "float32")
    first, second = np.asarray(model(x)), np.asarray(model(x))
    assert not np.array_equal(first, second)
    for name in ("keras", "h5"):
        np.testing.assert_array_equal(np.asarray(FORMATS[name](model, tmp_path)(x)), first)


# ---------------------------------------------------------------- what users write


@register_keras_serializable("trips")
class Widened(layers.Layer):
    """A layer with fields, as layers are written here."""

    factor: float = 2.0

    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), "ones", name="scale")

    def call(self, x):
        return x * self.scale * self.factor


class Written(layers.Layer):
    """A layer as it is written for Keras 3, with a layer inside."""

    def __init__(self, units, inner, **kwargs):
        super().__init__(**kwargs)
        self.units, self.inner = units, inner

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(shape[-1], self.units))
        self.inner.build((*shape[:-1], self.units))
        self.built = True

    def call(self, x):
        return self.inner(ops.matmul(x, self.w))

    def get_config(self):
        inner = layers.serialize(self.inner)
        return {**super().get_config(), "units": self.units, "inner": inner}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "inner": layers.deserialize(config["inner"])})


class Whole(models.Model):
    """A model as a class, that says what it is made of."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.rest = layers.Dense(units), [layers.Dense(2), Widened(3.0)]

    def call(self, x):
        h = self.first(x)
        for layer in self.rest:
            h = layer(h)
        return h

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register_keras_serializable("trips")
def tempered(x):
    return ops.tanh(x / 2)


@register_keras_serializable("trips")
def off_by(y, p):
    return ops.mean(ops.abs(y - p), axis=-1)


@register_keras_serializable("trips")
class Offset(losses.Loss):
    """A loss with an argument of its own."""

    def __init__(self, by=1.0, name="offset", **kwargs):
        super().__init__(name=name, **kwargs)
        self.by = by

    def call(self, y, p):
        return ops.mean(ops.square(y - p + self.by), axis=-1)

    def get_config(self):
        return {**super().get_config(), "by": self.by}


@register_keras_serializable("trips")
class Largest(metrics.Metric):
    """A metric with a Variable."""

    def __init__(self, name="largest", **kwargs):
        super().__init__(name=name, **kwargs)
        self.most = self.add_variable((), "zeros", name="most")

    def update_state(self, y, p, sample_weight=None):
        self.most.assign(ops.maximum(self.most, ops.max(p)))

    def result(self):
        return self.most


def own(kind):
    if kind == "registered":
        return on((4,), Widened(3.0), layers.Dense(2, activation=tempered, bias_regularizer="l1"))
    if kind == "given":
        return on((4,), Written(3, layers.Dense(2, activation=tempered)))
    model = Whole(5, name="whole")
    model.build((None, 4))
    return model


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("kind", ["registered", "given", "subclass"])
def test_classes_of_users(kind, ending, tmp_path):
    if (kind, ending) == ("subclass", ".h5"):
        pytest.skip("the layout lists the layers of a graph: for classes there is .keras")
    model = own(kind)
    randomize(model.weights)
    model.save(tmp_path / f"m{ending}")
    twin = saving.load_model(tmp_path / f"m{ending}", {"Written": Written, "Whole": Whole})
    check_same(model, twin)
    check_outputs(model, twin, [np.ones((2, 4), "float32")])
    if kind != "registered":
        with pytest.raises(saving.ModelFileError, match="custom_objects"):
            saving.load_model(tmp_path / f"m{ending}")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_losses_and_metrics_of_users(ending, tmp_path):
    model = on((4,), layers.Dense(2))
    randomize(model.weights)
    named = [off_by, Largest(), "mae", metrics.MeanSquaredError(name="square")]
    model.compile(optimizers.SGD(0.1, momentum=0.5), Offset(2.0), metrics=named)
    x, y = np.ones((4, 4), "float32"), np.zeros((4, 2), "float32")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / f"m{ending}")
    twin = saving.load_model(tmp_path / f"m{ending}")
    assert twin.evaluate(x, y, verbose=0, return_dict=True) == model.evaluate(
        x, y, verbose=0, return_dict=True
    )


# ---------------------------------------------------------------- every optimizer


def stepping(optimizer):
    """A model whose optimizer has made two steps, and a third gradient."""
    model = on((4,), layers.Dense(3), layers.Dense(2, use_bias=False))
    randomize(model.weights)
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(2)
    steps = [[rng.normal(size=v.shape).astype("float32") for v in model.weights] for _ in range(3)]
    for gradients in steps[:2]:
        model.optimizer.apply(gradients, model.trainable_variables)
    return model, steps[2]


def decaying(**more):
    return optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), **more)


MADE: dict[str, Callable[[], Any]] = {
    **{str(row): row.make for row in OPTIMIZERS},
    "averages": lambda: optimizers.Adam(0.1, use_ema=True, ema_momentum=0.9),
    "accumulating": lambda: optimizers.SGD(0.1, momentum=0.5, gradient_accumulation_steps=2),
    "clipped and decayed": lambda: optimizers.RMSprop(0.1, clipnorm=0.5, weight_decay=0.01),
    "by a schedule": decaying,
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.1)),
}


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("name", MADE)
def test_optimizers_go_on(name, ending, tmp_path):
    model, gradients = stepping(MADE[name]())
    model.save(tmp_path / f"m{ending}")
    twin = saving.load_model(tmp_path / f"m{ending}")
    assert type(twin.optimizer) is type(model.optimizer)
    assert twin.optimizer.get_config() == model.optimizer.get_config()
    ours, theirs = all_cells(model.optimizer), all_cells(twin.optimizer)
    assert [v.numpy().tobytes() for v in ours] == [v.numpy().tobytes() for v in theirs]
    for one in (model, twin):
        one.optimizer.apply(gradients, one.trainable_variables)
    check_same(model, twin)
    assert any(np.any(v.numpy()) for v in ours)


def all_cells(optimizer):
    inner = getattr(optimizer, "inner_optimizer", None)
    return [*optimizer.variables, *(all_cells(inner) if inner is not None else [])]
