"""Networks against Keras 3.15.1: the same layers, and the same numbers from one file of weights."""

import json
import re
import sys

import numpy as np
import pytest

from cornu import applications, state
from cornu.applications import imagenet_utils
from cornu.models import load_model

pytestmark = pytest.mark.peers

NETWORKS = [
    name if i == 0 else pytest.param(name, marks=pytest.mark.slow)
    for names in applications.HOMES.values()
    for i, name in enumerate(names)
]
"""Of each family the first; the others take a minute."""

COUNTED = (
    "input_layer conv2d batch_normalization activation max_pooling2d average_pooling2d concatenate "
    "add re_lu global_average_pooling2d dropout flatten rescaling normalization zero_padding2d "
    "custom_scale_layer"
).split()

FACTS = (
    "activation epsilon filters kernel_size max_value momentum padding pool_size rate scale "
    "strides target_shape units use_bias"
).split()


@pytest.fixture
def no_numbers(keras, monkeypatch):
    """Weights of Keras are zeros that take no memory: only shapes are looked at."""

    def zeros(self, shape, dtype=None, **options):
        return np.broadcast_to(np.zeros((), "float32"), shape)

    for each in list(vars(keras.initializers).values()):
        if isinstance(each, type) and "__call__" in vars(each):
            monkeypatch.setattr(each, "__call__", zeros)


def plain(name):
    """The name of a layer, without the number of one that has no name of its own."""
    stem = re.sub(r"_\d+$", "", name)
    return stem if stem in COUNTED else name


def told(layer):
    """What a layer is."""
    config = layer.get_config()
    facts = {fact: config[fact] for fact in FACTS if fact in config}
    shapes = [tuple(w.shape) for w in layer.weights]
    return plain(layer.name), type(layer).__name__, sorted(shapes), json.dumps(facts)


def empty(make, shape, dtype):
    return np.broadcast_to(np.zeros((), dtype), shape)


@pytest.mark.usefixtures("no_numbers")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_layers(keras, name):
    theirs = getattr(keras.applications, name)(weights=None)
    with state.within(initial=empty):
        ours = getattr(applications, name)(weights=None)
    assert ours.name == theirs.name
    assert ours.count_params() == theirs.count_params()
    for mine, other in zip(ours.layers, theirs.layers, strict=True):
        assert told(mine) == told(other)
    assert ours.output_shape == theirs.output_shape


RUN = {
    "MobileNet": {"input_shape": (32, 32, 3), "alpha": 0.25, "classes": 7},
    "MobileNetV2": {"input_shape": (33, 32, 3), "alpha": 0.35, "include_top": False},
    "VGG16": {"input_shape": (32, 32, 3), "include_top": False, "pooling": "avg"},
}
LARGER = {
    "DenseNet121": {"input_shape": (32, 32, 3), "include_top": False, "pooling": "max"},
    "EfficientNetB0": {"input_shape": (33, 32, 3), "include_top": False, "pooling": "avg"},
    "InceptionResNetV2": {"input_shape": (75, 75, 3), "include_top": False, "pooling": "avg"},
    "InceptionV3": {"input_shape": (75, 76, 3), "include_top": False, "pooling": "avg"},
    "MobileNetV3Small": {"input_shape": (32, 33, 3), "classes": 5},
    "ResNet50": {"input_shape": (32, 32, 3), "include_top": False},
    "ResNet50V2": {"input_shape": (32, 32, 3), "include_top": False},
    "Xception": {"input_shape": (71, 71, 3), "include_top": False},
}
CASES = [
    *RUN.items(),
    *(pytest.param(name, options, marks=pytest.mark.slow) for name, options in LARGER.items()),
]


def save_as_published(keras, model, path):
    """Write weights in the layout of the files that Keras publishes."""
    h5py = pytest.importorskip("h5py")
    layout = sys.modules["keras.src.legacy.saving.legacy_h5_format"]
    with h5py.File(path, "w") as file:
        layout.save_weights_to_hdf5_group(file, model)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_same_numbers(keras, tmp_path, name, options):
    random = np.random.default_rng(5)
    theirs = getattr(keras.applications, name)(weights=None, **options)
    for weight in theirs.weights:
        if len(weight.shape) == 1:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    for layer in theirs.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # as Keras does when it has read a file
    path = tmp_path / "weights.h5"
    save_as_published(keras, theirs, path)
    ours = getattr(applications, name)(weights=path, **options)
    x = random.uniform(0, 1, (2, *options["input_shape"])).astype("float32")
    expected = theirs.predict(x, verbose=0)
    found = ours.predict(x, verbose=0)
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found, expected, atol=2e-4 * scale)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_pictures(keras, mode, data_format, dtype):
    shape = (2, 3, 4, 5) if data_format == "channels_first" else (2, 4, 5, 3)
    x = np.random.default_rng(1).integers(0, 256, shape).astype(dtype)
    theirs = keras.applications.imagenet_utils.preprocess_input(
        x.copy(), data_format=data_format, mode=mode
    )
    ours = imagenet_utils.preprocess_input(x, data_format=data_format, mode=mode)
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    one = imagenet_utils.preprocess_input(x[0], data_format=data_format, mode=mode)
    np.testing.assert_array_equal(one, ours[0])


def test_files_with_a_layer_of_inception_resnet(keras, tmp_path):
    """The layer is found by name, and Keras finds ours."""
    theirs = sys.modules["keras.src.applications.inception_resnet_v2"].CustomScaleLayer
    start = keras.Input((3,))
    made = keras.Model(start, theirs(0.5)([start, start]))
    made.save(tmp_path / "theirs.keras")
    found = load_model(tmp_path / "theirs.keras")
    x = np.ones((1, 3), "float32")
    np.testing.assert_array_equal(found.predict(x, verbose=0), 1.5 * x)
    found.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_array_equal(np.asarray(again(x)), 1.5 * x)
