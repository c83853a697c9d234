"""Constructors take what those of Keras 3.15.1 take: names, order, defaults; configs go across.

`DIFFERENT` says where Cornu differs on purpose; everything else must be equal. What Cornu takes
beyond Keras is free, as long as it comes by name or last.
"""

import inspect
import json

import numpy as np
import pytest

import cornu
from cornu import config

pytestmark = pytest.mark.peers

Parameter = inspect.Parameter
NONE = inspect.Parameter.empty

FAMILIES = (
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
)

NAME_ONLY_BY_NAME = "name and dtype of a layer are given by name"
BY_NAME = "Keras puts these behind `name`, the last that anybody gives by position"
MORE_DEFAULTS = "a default where Keras asks for a value"
NOT_YET = "adapters of low rank and quantization are not there yet"

DIFFERENT = {
    "layers.AveragePooling1D": ({"name", "pool_size"}, MORE_DEFAULTS),
    "layers.AveragePooling2D": ({"name", "pool_size"}, MORE_DEFAULTS),
    "layers.AveragePooling3D": ({"name", "pool_size"}, MORE_DEFAULTS),
    "layers.MaxPooling1D": ({"name"}, NAME_ONLY_BY_NAME),
    "layers.MaxPooling2D": ({"name"}, NAME_ONLY_BY_NAME),
    "layers.MaxPooling3D": ({"name"}, NAME_ONLY_BY_NAME),
    "layers.SpatialDropout1D": ({"name", "dtype"}, NAME_ONLY_BY_NAME),
    "layers.SpatialDropout2D": ({"name", "dtype"}, NAME_ONLY_BY_NAME),
    "layers.SpatialDropout3D": ({"name", "dtype"}, NAME_ONLY_BY_NAME),
    "layers.Dense": ({"lora_rank", "lora_alpha", "quantization_config"}, NOT_YET),
    "layers.Embedding": (
        {"weights", "lora_rank", "lora_alpha", "quantization_config"},
        f"weights are given by name; {NOT_YET}",
    ),
    "layers.Bidirectional": (
        {"weights", "backward_layer"},
        "weights are given by name, and so is what Keras takes after them",
    ),
    "layers.EinsumDense": (
        {"gptq_unpacked_column_size", "quantization_config"},
        "taken by name and refused: there is no quantization",
    ),
    "layers.InputLayer": (
        {"input_tensor", "optional", "name", "sparse", "ragged"},
        "Input takes tensor=... instead; False stands for None",
    ),
    "losses.categorical_generalized_cross_entropy": ({"q"}, MORE_DEFAULTS),
    "optimizers.Optimizer": ({"learning_rate"}, MORE_DEFAULTS),
    "optimizers.Muon": (
        {
            "exclude_layers",
            "exclude_embeddings",
            "muon_a",
            "muon_b",
            "muon_c",
            "adam_lr_ratio",
            "momentum",
            "ns_steps",
            "nesterov",
            "rms_rate",
        },
        BY_NAME,
    ),
}
"""Class or function -> arguments that differ in place or default, or are missing, and why."""

ABSENT = {
    "layers.Embedding": {"lora_rank", "lora_alpha", "quantization_config"},
    "layers.Dense": {"lora_rank", "lora_alpha", "quantization_config"},
    "layers.InputLayer": {"input_tensor"},
}
"""Those of `DIFFERENT` that are not there at all."""


def family(library, path):
    for name in path.split("."):
        library = getattr(library, name)
    return library


def shared(keras):
    """Pairs of everything callable that both libraries have in a family."""
    found = {}
    for path in FAMILIES:
        ours, theirs = family(cornu, path), family(keras, path)
        for name in dir(theirs):
            mine, its = getattr(ours, name, None), getattr(theirs, name)
            if not name.startswith("_") and callable(mine) and callable(its):
                found[f"{path}.{name}"] = (mine, its)
    return found


def parameters(thing):
    kinds = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    return [p for p in inspect.signature(thing).parameters.values() if p.kind not in kinds]


def plain(default):
    """A default without what makes no difference: (2, 2) is 2 for every axis, 80 is 80.0."""
    if isinstance(default, tuple) and default and len(set(default)) == 1:
        return default[0]
    return default


def differences(mine, its):
    """Names of arguments of `its` that `mine` lacks, has elsewhere, or with another default."""
    ours = {p.name: p for p in parameters(mine)}
    positional = [n for n, p in ours.items() if p.kind is not Parameter.KEYWORD_ONLY]
    found = set()
    for place, theirs in enumerate(parameters(its)):
        p = ours.get(theirs.name)
        if p is None or plain(p.default) != plain(theirs.default):
            found.add(theirs.name)
        elif theirs.kind is not Parameter.KEYWORD_ONLY:
            if positional[place : place + 1] != [theirs.name]:
                found.add(theirs.name)
    return found


def test_signatures(keras):
    pairs = shared(keras)
    assert len(pairs) > 250, "nothing to compare"
    wrong = []
    for name, (mine, its) in pairs.items():
        found = differences(mine, its)
        own = f"{name.rpartition('.')[0]}.{mine.__name__}"  # AvgPool1D is AveragePooling1D
        allowed, _ = DIFFERENT.get(name) or DIFFERENT.get(own, (set(), ""))
        if found != allowed:
            wrong.append(f"{name}: {sorted(found ^ allowed)}\n  {parameters(mine)}")
    assert not wrong, "\n".join(wrong)


def test_what_is_absent(keras):
    pairs = shared(keras)
    for name, absent in ABSENT.items():
        mine, its = pairs[name]
        ours = {p.name for p in parameters(mine)}
        assert {p.name for p in parameters(its)} - ours == absent, name


METHODS = {
    "Model.compile": set(),
    "Model.fit": set(),
    "Model.evaluate": set(),
    "Model.predict": set(),
    "Model.train_on_batch": set(),
    "Model.test_on_batch": set(),
    "Model.predict_on_batch": set(),
    "Model.get_layer": set(),
    "Sequential": set(),
    "Input": set(),
    "callbacks.Callback.on_epoch_end": set(),
    "metrics.Metric.update_state": set(),
    "metrics.Metric.add_variable": {"shape", "initializer"},
    "layers.Layer.compute_mask": {"previous_mask"},
    "optimizers.Optimizer.apply": set(),
    "losses.Loss.__call__": set(),
    "InputSpec": set(),
}
"""Methods -> arguments whose place or default differs."""


@pytest.mark.parametrize("name, allowed", METHODS.items())
def test_methods(name, allowed, keras):
    assert differences(family(cornu, name), family(keras, name)) == allowed


# ---------------------------------------------------------------- configs

REQUIRED = {
    "units": 3,
    "filters": 4,
    "kernel_size": 3,
    "pool_size": 2,
    "output_size": 2,
    "rate": 0.3,
    "stddev": 0.2,
    "target_shape": (2, 3),
    "dims": (2, 1),
    "n": 2,
    "num_bins": 4,
    "axes": 1,
    "input_dim": 5,
    "output_dim": 4,
    "activation": "relu",
    "initial_learning_rate": 0.1,
    "decay_steps": 10,
    "decay_rate": 0.9,
    "first_decay_steps": 10,
    "boundaries": [1, 2],
    "values": [0.1, 0.2, 0.3],
    "num_classes": 3,
    "target_class_ids": [0, 1],
    "recall": 0.5,
    "precision": 0.5,
    "sensitivity": 0.5,
    "specificity": 0.5,
    "shape": (3,),
    "equation": "ab,bc->ac",
    "output_shape": 2,
    "num_heads": 2,
    "key_dim": 3,
    "height": 4,
    "width": 5,
    "factor": 1,
    "height_factor": 0.2,
    "width_factor": 0.1,
    "scale": 0.5,
    "max_number": 3,
    "layers": [],
}
ALSO = {"layers.CategoryEncoding": {"num_tokens": 3}, "layers.Discretization": {"num_bins": 3}}
"""Arguments that only look optional."""

BASES = {
    "layers.Layer",
    "layers.Lambda",
    "layers.InputLayer",
    "layers.InputSpec",
    "layers.Bidirectional",  # test_recurrent
    "layers.RNN",
    "layers.StackedRNNCells",
    "layers.SpectralNormalization",  # test_wrappers_and_activations
    "layers.TimeDistributed",
    "layers.Wrapper",
    "losses.Loss",
    "metrics.Metric",
    "metrics.MeanMetricWrapper",
    "optimizers.Optimizer",
    "optimizers.LossScaleOptimizer",
    "optimizers.MultiOptimizer",  # test_optimizers
    "optimizers.OptimizerMap",
    "optimizers.schedules.LearningRateSchedule",
    "initializers.Initializer",
    "regularizers.Regularizer",
    "constraints.Constraint",
}


def classes(keras):
    """Every shared class with the arguments it cannot do without."""
    for name, (mine, its) in shared(keras).items():
        if isinstance(mine, type) and isinstance(its, type) and name not in BASES:
            needed = [p.name for p in parameters(its) if p.default is NONE]
            if its.__name__ == name.rpartition(".")[2]:
                yield name, mine, its, {n: REQUIRED[n] for n in needed} | ALSO.get(name, {})


NEUTRAL = {"seed", "renorm", "renorm_clipping", "renorm_momentum", "axis", "is_legacy_optimizer"}
"""Entries that one library writes and the other need not."""


def as_json(plain):
    return json.loads(json.dumps(plain))


def inner(form):
    """The config of a plain form, floats as float32, without what says nothing: None and dtype."""
    said = json.loads(json.dumps(form), parse_float=lambda x: float(np.float32(x)))["config"]
    said = {k: _interval(v) if k.endswith("_factor") else v for k, v in said.items()}
    return {k: v for k, v in said.items() if v is not None and k not in {"dtype", *NEUTRAL}}


def _interval(factor):
    """A number f stands for the interval from -f to f."""
    return [-factor, factor] if isinstance(factor, float) else factor


def test_keras_reads_our_configs(keras):
    count = 0
    for name, mine, its, arguments in classes(keras):
        form = as_json(config.serialize(mine(**arguments)))
        assert form["class_name"] == its.__name__, name
        assert form["module"] == family(keras, name.rpartition(".")[0]).__name__, name
        read = keras.saving.deserialize_keras_object(form)
        assert type(read) is its, name
        count += 1
    assert count > 150


def test_we_read_configs_of_keras(keras):
    for name, mine, its, arguments in classes(keras):
        form = as_json(keras.saving.serialize_keras_object(its(**arguments)))
        form["config"] = {k: v for k, v in form["config"].items() if not unused(mine, k, v)}
        read = config.deserialize(form)
        assert type(read) is mine, name
        said, ours = inner(form), inner(config.serialize(read))
        assert {k: ours.get(k) for k in said} == said, name


def unused(mine, name, value):
    """Whether an entry belongs to what Cornu does not have, and is off."""
    return name not in mine.fields and (value in (None, False) or name in NEUTRAL)
