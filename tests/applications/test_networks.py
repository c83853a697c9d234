"""Networks: their sizes as published, their arguments, their weights from files and addresses."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from cornu import Input, Model, applications, layers, settings, state
from cornu.applications import imagenet_utils, mobilenet, network
from cornu.errors import UsageError, UsageTypeError

# https://keras.io/api/applications/, and the seeds' tutorial of October 2018 where both have it.
PARAMETERS = {
    "DenseNet121": 8_062_504,
    "DenseNet169": 14_307_880,
    "DenseNet201": 20_242_984,
    "EfficientNetB0": 5_330_571,
    "EfficientNetB1": 7_856_239,
    "EfficientNetB2": 9_177_569,
    "EfficientNetB3": 12_320_535,
    "EfficientNetB4": 19_466_823,
    "EfficientNetB5": 30_562_527,
    "EfficientNetB6": 43_265_143,
    "EfficientNetB7": 66_658_687,
    "InceptionResNetV2": 55_873_736,
    "InceptionV3": 23_851_784,
    "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984,
    "MobileNetV3Large": 5_507_432,
    "MobileNetV3Small": 2_554_968,
    "ResNet101": 44_707_176,
    "ResNet101V2": 44_675_560,
    "ResNet152": 60_419_944,
    "ResNet152V2": 60_380_648,
    "ResNet50": 25_636_712,
    "ResNet50V2": 25_613_800,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "Xception": 22_910_480,
}
QUICK = ("DenseNet121", "EfficientNetB0", "InceptionResNetV2", "InceptionV3", "MobileNet")
QUICK += ("MobileNetV2", "MobileNetV3Small", "ResNet50", "ResNet50V2", "VGG16", "VGG19", "Xception")


def empty(make, shape, dtype):
    """No numbers: one zero, seen in all places."""
    return np.broadcast_to(np.zeros((), dtype), shape)


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in PARAMETERS],
)
def test_parameters_as_published(name):
    with state.within(initial=empty):
        model = getattr(applications, name)(weights=None)
    assert model.count_params() == PARAMETERS[name]
    assert model.output_shape == (None, 1000)


def test_all_networks_have_a_number():
    made = {name for names in applications.HOMES.values() for name in names}
    assert made == PARAMETERS.keys()
    assert {getattr(applications, name).__name__ for name in made} == made


def small(**options):
    return applications.MobileNet(**{"input_shape": (32, 32, 3), "alpha": 0.25, **options})


def refused(said, call, kind=UsageError, code="E-NETWORK"):
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.code == code
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ("weights='imagenet' has 1000 classes; got classes=10", {"classes": 10}),
        ("classes must be a whole number; got 2.5", {"classes": 2.5, "weights": None}),
        ("classes must be at least 1", {"classes": 0, "weights": None}),
        ('pooling must be None, "avg" or "max"', {"pooling": "mean", "weights": None}),
        ("There is no such file", {"weights": "imagnet"}),
        ("at least 32 x 32 pixels", {"weights": None, "input_shape": (32, 31, 3)}),
        ("three sizes", {"weights": None, "input_shape": (1, 32, 32, 3)}),
        ("needs a whole input_shape", {"weights": None, "input_shape": (None, 32, 3)}),
        ("takes input_shape=(224, 224, 3)", {"input_shape": (64, 64, 3)}),
        ("takes 3 channels", {"include_top": False, "input_shape": (64, 64, 1)}),
        ('must be "softmax" or None', {"classifier_activation": "relu"}),
    ],
)
def test_what_does_not_go_together(said, options):
    refused(said, lambda: applications.VGG16(**options))


def test_what_is_of_another_kind():
    refused("weights must be", lambda: applications.VGG16(weights=3), UsageTypeError)
    refused(
        "symbolic Tensor",
        lambda: applications.VGG16(weights=None, input_tensor=np.zeros((1, 32, 32, 3))),
        UsageTypeError,
    )


def test_widths_with_weights():
    refused("has alpha [0.25", lambda: applications.MobileNet(alpha=0.3))
    refused("has alpha [0.35", lambda: applications.MobileNetV2(alpha=0.3))
    refused("alpha 0.75 and 1.0", lambda: applications.MobileNetV3Small(alpha=0.3))
    refused("must be a number above 0", lambda: small(alpha=0, weights=None))
    assert mobilenet._files(0.5, 160).whole.address.endswith("/mobilenet_5_0_160_tf.h5")


def test_channels_first():
    settings.set_image_data_format("channels_first")
    try:
        with state.within(initial=empty):
            model = applications.MobileNetV2(weights=None, input_shape=(3, 33, 32), classes=4)
        assert model.input_shape == (None, 3, 33, 32)
        pad = model.get_layer("block_1_pad")
        assert pad.padding == ((1, 1), (0, 1))
        refused("order of channels_first", lambda: small(input_shape=(32, 31, 3), weights=None))
    finally:
        settings.set_image_data_format("channels_last")


def test_a_tensor_to_begin_at():
    start = Input((64, 64, 3), name="pictures")
    halved = layers.Rescaling(0.5)(start)
    with state.within(initial=empty):
        model = small(input_tensor=halved, input_shape=None, weights=None, include_top=False)
    assert [x.name for x in model.inputs] == ["pictures"]
    assert model.name == "mobilenet_0.25_64"
    assert model.output_shape == (None, 2, 2, 256)


def test_a_classifier_of_ones_own_learns():
    base = small(weights=None, include_top=False, pooling="avg")
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 0.05))
    base.trainable = False
    model = Model(base.input, layers.Dense(2, activation="softmax")(base.output))
    before = [w.numpy() for w in base.weights]
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 3)).astype("float32")
    history = model.fit(x, np.arange(8) % 2, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert all(np.array_equal(a, w.numpy()) for a, w in zip(before, base.weights, strict=True))


# ---------------------------------------------------------------- weights


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        data = self.server.files.get(self.path.rpartition("/")[2])
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server with the files that a test puts there; the cache is an empty folder."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.files, made.address = {}, f"http://127.0.0.1:{made.server_address[1]}/"
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("CORNU_HOME", str(tmp_path / "home"))
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def saved(tmp_path):
    """A small network, and a file of its weights."""
    model = small(weights=None, classes=3)
    for weight in model.weights:
        weight.assign(np.random.default_rng(len(weight.path)).uniform(0.1, 1, weight.shape))
    path = tmp_path / "own.weights.h5"
    model.save_weights(path)
    return model, path


def no_draws(*_, **__):
    raise AssertionError("random numbers are made though weights come from a file")


def test_weights_of_a_file(saved, monkeypatch):
    model, path = saved
    monkeypatch.setattr("cornu.initializers.GlorotUniform.__call__", no_draws)
    again = small(weights=path, classes=3)
    for mine, theirs in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    refused("conv_preds", lambda: small(weights=path, classes=4), code="E-WEIGHTS-FILE")


def test_weights_that_are_published(saved, server, monkeypatch, tmp_path):
    model, path = saved
    data = path.read_bytes()
    monkeypatch.setattr(network, "CLASSES", 3)
    monkeypatch.setattr(mobilenet, "HOST", server.address)
    monkeypatch.setattr(mobilenet, "TRAINED", (32,))
    server.files["mobilenet_2_5_32_tf.h5"] = data
    found = small(classes=3)
    kept = tmp_path / "home" / "models" / "mobilenet_2_5_32_tf.h5"
    assert kept.read_bytes() == data
    assert found.name == "mobilenet_0.25_32"
    last = [m.get_layer("conv_preds").kernel.numpy() for m in (found, model)]
    np.testing.assert_array_equal(*last)
    refused(
        f"mobilenet_2_5_32_tf_no_top.h5 into {kept.parent}; or begin with weights=None",
        lambda: small(include_top=False),
        code="E-PRETRAINED",
    )


def test_what_to_do_without_a_network(server, tmp_path):
    file = network.Published(server.address + "resnet50.h5", hashlib.md5(b"here").hexdigest())
    refused(
        f"put {file.address} into {tmp_path / 'home' / 'models'}",
        lambda: network.fetched(file),
        code="E-PRETRAINED",
    )
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resnet50.h5").write_bytes(b"here")
    assert network.fetched(file) == str(folder / "resnet50.h5")


def test_addresses_are_of_the_two_buckets_of_keras():
    for name in ("vgg16", "vgg19", "xception", "inception_v3", "inception_resnet_v2"):
        files = getattr(applications, name).FILES
        start = (
            f"https://storage.googleapis.com/tensorflow/keras-applications/{name}/{name}_weights"
        )
        assert files.whole.address == f"{start}_tf_dim_ordering_tf_kernels.h5"
        assert files.headless.address == f"{start}_tf_dim_ordering_tf_kernels_notop.h5"
        assert {len(file.digest) for file in files} == {32}


# ---------------------------------------------------------------- pictures and classes


def reference(x, mode):
    """The three ways, in float64; channels last."""
    x = np.asarray(x, "float64")
    if mode == "tf":
        return x / 127.5 - 1
    if mode == "torch":
        return (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return x[..., ::-1] - [103.939, 116.779, 123.68]


@pytest.mark.parametrize("mode", imagenet_utils.MODES)
@pytest.mark.parametrize("first", [False, True])
def test_pictures(mode, first):
    given = np.random.default_rng(3).integers(0, 256, (2, 4, 5, 3)).astype("float32")
    wanted = reference(given, mode)
    if first:
        given, wanted = given.transpose(0, 3, 1, 2), wanted.transpose(0, 3, 1, 2)
    options = {"data_format": "channels_first" if first else "channels_last", "mode": mode}
    kept = given.copy()
    found = imagenet_utils.preprocess_input(given, **options)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(given, kept)
    bytes_ = imagenet_utils.preprocess_input(given.astype("uint8"), **options)
    np.testing.assert_array_equal(bytes_, found)
    x = Input(given.shape[1:], dtype="uint8")
    model = Model(x, imagenet_utils.preprocess_input(x, **options))
    np.testing.assert_allclose(
        model.predict(given.astype("uint8"), verbose=0), wanted, rtol=1e-5, atol=1e-4
    )


def test_pictures_of_each_network():
    modes = {"densenet": "torch", "inception_v3": "tf", "mobilenet": "tf", "mobilenet_v2": "tf"}
    modes |= {"inception_resnet_v2": "tf", "resnet": "caffe", "resnet50": "caffe"}
    modes |= {"resnet_v2": "tf", "vgg16": "caffe", "vgg19": "caffe", "xception": "tf"}
    x = np.random.default_rng(3).uniform(0, 255, (1, 2, 2, 3))
    for name, mode in modes.items():
        found = getattr(applications, name).preprocess_input(x)
        np.testing.assert_allclose(found, reference(x, mode), rtol=1e-12, atol=1e-9)
    for name in ("efficientnet", "mobilenet_v3"):
        assert getattr(applications, name).preprocess_input(x) is x


def test_pictures_that_are_none():
    call = imagenet_utils.preprocess_input
    refused('"caffe"', lambda: call(np.zeros((2, 2, 3)), mode="cafe"))
    refused("data_format must be", lambda: call(np.zeros((2, 2, 3)), data_format="first"))
    refused("(2, 2, 4) as channels_last", lambda: call(np.zeros((2, 2, 4))))
    refused("arrays of numbers", lambda: call([["a"]]), UsageTypeError)


@pytest.fixture
def classes(server, monkeypatch):
    """The list of classes, on a server of ours."""
    names = {str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}
    server.files["classes.json"] = data = json.dumps(names).encode()
    file = network.Published(server.address + "classes.json", hashlib.md5(data).hexdigest())
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", file)
    return server


@pytest.mark.usefixtures("classes")
def test_names_of_classes():
    scores = np.zeros((2, 1000), "float32")
    scores[0, [7, 3, 500]] = 0.2, 0.5, 0.3
    scores[1, 999] = 1
    first, second = imagenet_utils.decode_predictions(scores, top=3)
    assert first == [
        ("n00000003", "thing_3", np.float32(0.5)),
        ("n00000500", "thing_500", np.float32(0.3)),
        ("n00000007", "thing_7", np.float32(0.2)),
    ]
    assert second[0] == ("n00000999", "thing_999", np.float32(1))
    assert len(applications.vgg16.decode_predictions(scores)[0]) == 5


def test_classes_that_have_no_names(classes, tmp_path):
    decode = imagenet_utils.decode_predictions
    refused("(batch, 1000)", lambda: decode(np.zeros((1, 10))))
    refused("top must be", lambda: decode(np.zeros((1, 1000)), top=0))
    classes.files.clear()
    refused("classes.json", lambda: decode(np.zeros((1, 1000))), code="E-PRETRAINED")
    path = tmp_path / "other.json"
    path.write_text('{"0": ["n", "thing"]}')
    refused("no list of the 1000", lambda: imagenet_utils._names(str(path)), code="E-PRETRAINED")
