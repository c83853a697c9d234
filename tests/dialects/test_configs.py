"""Configs of real files of Keras 0.3.3 to 2.3.1 become models of ours.

`golden/configs.json.gz` holds, for each file that those versions wrote, its config, the shapes of
the outputs that the version computed and of the weights in the file. Where weights lie in a file
as they do today, the recorded outputs are held to as well.
"""

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from cornu import optimizers
from cornu.dialects import configs, spellings
from cornu.errors import UsageError
from cornu.saving.forms import layer_of

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = {
    f"{case['version']}/{case['case']}": case
    for case in json.loads(gzip.decompress((GOLDEN / "configs.json.gz").read_bytes()))
}
GENERATION = {
    "0.3.3": "0.3",
    "1.0.8": "1.0",
    "1.2.2": "1.2",
    "2.0.8": "2.0",
    "2.2.4": "2.2",
    "2.3.1": "2.3",
}
THEANO_DILATED = {"1.0.8/conv2d_tfdim-th"}
"""Theano computed too large an output for dilated kernels with padding "valid"; TensorFlow not."""

WITH_VALUES = (
    "1.0.8/batchnorm_bank-th",
    "1.0.8/merge_modes-th",
    "1.2.2/activations-tf",
    "1.2.2/nested_model-tf",
    "2.0.8/frozen_layers-tf",
    "2.0.8/gru_bank-tf",
    "2.2.4/bidirectional_train-tf",
    "2.2.4/pool2d_last-tf",
    "2.2.4/rnn_cells-tf",
    "2.3.1/conv1d-tf",
    "2.3.1/embedding_mask-tf",
    "2.3.1/lstm_bank-tf",
    "2.3.1/merge_layers-tf",
)


def model_of(name):
    case = CASES[name]
    plain = configs.modern_model(case["config"], GENERATION[case["version"]], case["data_format"])
    json.dumps(plain)  # it must stay plain data
    return layer_of(plain, "the model")


@pytest.mark.parametrize("name", sorted(CASES.keys() - THEANO_DILATED))
def test_shapes_of_outputs_and_number_of_weights(name):
    """Outputs and weights of the model are those of the file."""
    model, case = model_of(name), CASES[name]
    shapes = [list(tensor.shape) for tensor in model.outputs]
    for ours, recorded in zip(shapes, case["outputs"], strict=True):
        pairs = zip(ours, recorded, strict=True)
        assert all(size in (None, seen) for size, seen in pairs), (ours, recorded)
    numbers = sum(int(np.prod(shape)) for shape in case["weights"])
    assert model.count_params() == numbers


@pytest.mark.parametrize("name", sorted(CASES))
def test_generation_is_read_off_the_config(name):
    """Without a version: that of 0.x for sure, else the first of its major version."""
    case = CASES[name]
    expected = {"0": "0.3", "1": "1.0", "2": "2.0"}[case["version"][0]]
    assert configs.generation_of(None, case["config"]) == expected
    assert configs.generation_of(case["version"], case["config"]) == GENERATION[case["version"]]


def arrays(recorded, letter):
    names = [k for k in recorded.files if k[0] == letter and k[1:].isdigit()]
    return [recorded[k] for k in sorted(names, key=lambda k: int(k[1:]))]


@pytest.mark.parametrize("name", WITH_VALUES)
def test_recorded_outputs(name):
    """With the file's weights the model predicts what was recorded."""
    model = model_of(name)
    with h5py.File(GOLDEN / f"{name}.h5") as file:
        stored = file["model_weights"]
        for layer in stored.attrs["layer_names"]:
            layer = layer.decode() if isinstance(layer, bytes) else layer
            group = stored[layer]
            values = [np.asarray(group[n]) for n in group.attrs["weight_names"]]
            if values:
                model.get_layer(layer).set_weights(values)
    recorded = np.load(GOLDEN / f"{name}.npz")
    inputs = arrays(recorded, "x")
    made = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    made = made if isinstance(made, (list, tuple)) else [made]
    for ours, theirs in zip(made, arrays(recorded, "y"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


def test_a_bilinear_upsampling_counts_from_the_corner():
    """The recorded numbers above hold one; here by hand: 0, 2 becomes 0, 1, 2, 2."""
    layer = layer_of(
        configs.modern_model(
            {
                "class_name": "Sequential",
                "keras_version": "2.2.4",
                "config": [
                    {
                        "class_name": "UpSampling2D",
                        "config": {
                            "name": "up",
                            "batch_input_shape": [None, 1, 2, 1],
                            "size": [1, 2],
                            "data_format": "channels_last",
                            "interpolation": "bilinear",
                        },
                    }
                ],
            }
        ),
        "the model",
    )
    made = np.asarray(layer(np.array([0.0, 2.0], "float32").reshape(1, 1, 2, 1)))
    np.testing.assert_allclose(made.ravel(), [0, 1, 2, 2])


def test_a_config_of_today_is_left_alone():
    plain = {"class_name": "Sequential", "keras_version": "3.15.1", "config": {"layers": []}}
    assert configs.modern_model(plain) == plain


def test_a_merge_mode_that_is_none():
    plain = {"class_name": "Merge", "config": {"mode": "join"}}
    with pytest.raises(UsageError, match="modes are sum, mul") as raised:
        configs.modern_model({"class_name": "Sequential", "config": [plain]}, "1.2")
    assert raised.value.code == "E-OLD-OPTION"


@pytest.mark.parametrize("plain", [{"class_name": "Model", "config": {}}, {"name": "Sequential"}])
def test_malformed_configs_are_named(plain):
    with pytest.raises(UsageError) as raised:
        configs.modern_model(plain)
    assert raised.value.code == "E-CONFIG"


@pytest.mark.parametrize(
    ("version", "generation"),
    [("0.3.3", "0.3"), ("1.1.2", "1.0"), ("2.2.4-tf", "2.2"), ("2.15.0", "2.3"), ("3.0.0", "3")],
)
def test_versions_between_those_that_are_known(version, generation):
    assert configs.generation_of(version, {}) == generation


def test_a_version_that_is_none():
    with pytest.raises(UsageError, match="keras_version must be as 2.2.4; got 'two'"):
        configs.generation_of("two", {})


def test_the_table_is_filled():
    """Importing `spellings` is what fills it."""
    assert spellings.table.present_name("Convolution2D") == "Conv2D"


OPTIMIZERS = [
    ("0.3", {"name": "SGD", "lr": 0.5, "momentum": 0.5, "decay": 0.0}, {"learning_rate": 0.5}),
    ("1.0", {"class_name": "Adagrad", "config": {"lr": 0.5, "epsilon": 0.25}}, {"epsilon": 0.25}),
    (
        "2.2",
        {"class_name": "Adam", "config": {"lr": 0.5, "clipnorm": 0.25, "amsgrad": False}},
        {"learning_rate": 0.5, "global_clipnorm": 0.25, "clipnorm": None},
    ),
    (
        "2.2",
        {"class_name": "Nadam", "config": {"lr": 0.5, "schedule_decay": 0.004}},
        {"learning_rate": 0.5},
    ),
]


@pytest.mark.parametrize(("generation", "plain", "expected"), OPTIMIZERS)
def test_optimizers_of_files(generation, plain, expected):
    modern = configs.modern_optimizer(plain, generation)
    config = optimizers.deserialize(json.loads(json.dumps(modern))).get_config()
    assert {name: config[name] for name in expected} == expected


def test_decay_in_a_file():
    """0.5 / (1 + 0.25 * 2) after two updates, by a rate that can be set."""
    plain = {"class_name": "SGD", "config": {"lr": 0.5, "decay": 0.25}}
    modern = json.loads(json.dumps(configs.modern_optimizer(plain, "1.2")))
    made = optimizers.deserialize(modern)
    assert modern["class_name"] == "DecayingSGD"
    assert float(made.learning_rate.numpy()) == 0.5
    assert float(made.decay.numpy()) == 0.25
    schedule = optimizers.serialize(made)["config"]["learning_rate"]
    assert float(optimizers.schedules.deserialize(schedule)(2)) == pytest.approx(0.5 / 1.5)
