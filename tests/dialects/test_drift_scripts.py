"""What scripts see of their generation: version, settings, what calls take for granted, logs."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cornu import callbacks, layers, models, settings
from cornu.dialects import generations, images, modules, spellings, table
from cornu.dialects.generations import GENERATIONS
from cornu.errors import UsageError
from cornu.models import Model

OLDER = GENERATIONS[:-1]
VERSIONS = {
    "0.3": "0.3.3", "1.0": "1.0.8", "1.2": "1.2.2", "2.0": "2.0.8", "2.2": "2.2.4",
    "2.3": "2.3.1", "3": "3.15.1",
}  # fmt: skip


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def until(generation, last):
    return GENERATIONS.index(generation) <= GENERATIONS.index(last)


# ---------------------------------------------------------------- whole scripts

SCRIPT = """
import json, os
import keras
from keras import backend as K
from keras.layers import BatchNormalization, Convolution2D, LSTM
from keras.optimizers import RMSprop
layer = BatchNormalization()
print(json.dumps({
    "version": keras.__version__,
    "backend": K.backend(),
    "order": K.image_dim_ordering(),
    "floatx": K.floatx(),
    "epsilon": K.epsilon(),
    "images": Convolution2D(4, 3, 3).data_format,
    "momentum": layer.momentum,
    "variance": layer.epsilon,
    "gates": LSTM(2).recurrent_activation.__name__,
    "root": float(K.get_value(RMSprop().epsilon)),
}))
"""


def printed(tmp_path, generation="", option="", script=SCRIPT, settings_said=None):
    """What a script prints, run by `cornu run`, in a process of its own."""
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "keras.json").write_text(json.dumps(settings_said or {}))
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    environment.pop("CORNU_GENERATION", None)
    if generation:
        environment["CORNU_GENERATION"] = generation
    options = ["--generation", option] if option else []
    command = [sys.executable, "-m", "cornu", "run", *options, str(tmp_path / "script.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.stdout, done.stderr, done.returncode


def expected_of(generation):
    first = until(generation, "1.0")
    root = {"0.3": 1e-6, "2.2": 1e-7, "2.3": 1e-7, "3": 1e-7}.get(generation, 1e-8)
    return {
        "version": VERSIONS[generation],
        "backend": "tensorflow",
        "order": "th" if first else "tf",
        "floatx": "float32",
        "epsilon": 1e-7,
        "images": "channels_first" if first else "channels_last",
        "momentum": 0.9 if generation == "0.3" else 0.99,
        "variance": {"0.3": 1e-6, "1.0": 1e-5}.get(generation, 1e-3),
        "gates": "hard_sigmoid_2" if until(generation, "2.2") else "sigmoid",
        "root": pytest.approx(root),
    }


@pytest.mark.parametrize(
    "generation", [pytest.param(g, marks=[] if g == "1.0" else pytest.mark.slow) for g in VERSIONS]
)
def test_every_generation(generation, tmp_path):
    out, error, _ = printed(tmp_path, option=generation)
    assert json.loads(out or "{}") == expected_of(generation), error


@pytest.mark.parametrize("generation", VERSIONS)
def test_every_generation_here(generation, monkeypatch):
    """The same, in this process."""
    monkeypatch.setenv("CORNU_GENERATION", generation)
    expected = expected_of(generation)
    images.begin()
    try:
        assert modules.value("", "__version__") == expected["version"]
        assert modules.value("backend", "backend")() == expected["backend"]
        assert modules.value("backend", "image_dim_ordering")() == expected["order"]
        assert layers.Conv2D(4, (3, 3)).data_format == expected["images"]
    finally:
        images.end()
    assert settings.image_data_format() == "channels_last"


def test_the_environment_says_it_too(tmp_path):
    out, error, _ = printed(
        tmp_path, generation="1.2", script="import keras; print(keras.__version__)"
    )
    assert out == "1.2.2\n", error


@pytest.mark.slow
def test_the_option_stands_before_the_environment(tmp_path):
    script = "import keras; print(keras.__version__)"
    assert printed(tmp_path, "1.2", "2.0", script)[0] == "2.0.8\n"
    assert printed(tmp_path, script=script)[0] == "2.3.1\n"


def test_unknown_generations_are_said(tmp_path, monkeypatch):
    _, error, code = printed(tmp_path, option="2.1")
    assert code != 0
    assert "E-GENERATION" in error
    assert "one of 0.3, 1.0, 1.2, 2.0, 2.2, 2.3, 3; got '2.1'. Did you mean " in error
    assert "Traceback" not in error
    monkeypatch.setenv("CORNU_GENERATION", "2.4")
    with pytest.raises(UsageError, match="generation must be one of .*2.4"):
        layers.Dense(3)


# ---------------------------------------------------------------- pictures


@pytest.fixture
def of_1_0(monkeypatch):
    monkeypatch.setenv("CORNU_GENERATION", "1.0")
    images.begin()
    yield
    images.end()


def test_layers_of_1_0_follow_the_setting(of_1_0, monkeypatch):
    assert layers.MaxPooling2D().data_format == "channels_first"
    modules.value("backend", "set_image_dim_ordering")("tf")
    assert layers.MaxPooling2D().data_format == "channels_last"
    assert layers.MaxPooling1D().data_format == "channels_last"
    with pytest.warns(UserWarning, match="old spelling"):
        assert layers.Conv2D(4, 3, 3, dim_ordering="th").data_format == "channels_first"
    monkeypatch.setenv("CORNU_GENERATION", "0.3")
    assert layers.MaxPooling2D().data_format == "channels_first"


def test_a_file_of_settings_says_the_order(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("CORNU_GENERATION", "1.0")
    (tmp_path / "keras.json").write_text('{"image_dim_ordering": "tf"}')
    images.begin()
    try:
        assert settings.image_data_format() == "channels_last"
        assert layers.MaxPooling2D().data_format == "channels_last"
    finally:
        images.end()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_image_generators_of_0_3(generation):
    with generations.within(generation):
        made = modules.value("preprocessing.image", "ImageDataGenerator")()
    assert made.featurewise_center is (generation == "0.3")
    assert made.featurewise_std_normalization is (generation == "0.3")
    assert type(made).__name__ == "ImageDataGenerator"
    made.mean, made.std = 0, 1
    x = np.arange(64.0).reshape(64, 1, 1, 1)
    batch = next(iter(made.flow(x, batch_size=64)))
    assert np.allclose(np.ravel(batch), np.ravel(x), rtol=1e-4) == (generation == "0.3")


# ---------------------------------------------------------------- fit and its kin

X, Y = np.zeros((130, 2), "float32"), np.zeros((130, 1), "float32")


def model_of(**options):
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", **options)
    return model


@pytest.mark.parametrize("generation", GENERATIONS)
def test_fit_takes_for_granted(generation):
    """Sizes of batches, and passes, as callbacks are told of them; none of these trains long."""
    found = {}

    class Told(callbacks.Callback):
        def on_train_begin(self, logs=None):
            found.update(self.params)
            self.model.stop_training = True

    model = model_of()
    with generations.within(generation):
        model.fit(X, Y, verbose=0, callbacks=[Told()])
    size = 128 if generation == "0.3" else 32
    assert found["steps"] == -(-130 // size)
    assert found["epochs"] == {"0.3": 100, "1.0": 10, "1.2": 10, "2.0": 10}.get(generation, 1)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_outputs_were_float64(generation):
    model = model_of()
    with generations.within(generation):
        found = model.predict(X[:2], verbose=0)
    assert found.dtype == ("float64" if generation == "0.3" else "float32")


@pytest.mark.parametrize("generation", OLDER)
def test_names_in_logs(generation):
    with generations.within(generation):
        model = model_of(metrics=["accuracy", "mse"])
        history = model.fit(X[:4], Y[:4], epochs=1, verbose=0).history
    late = generation == "2.3"
    names = ["loss", "accuracy", "mse"] if late else ["loss", "acc", "mean_squared_error"]
    assert list(history) == names
    assert model.metrics_names == names


@pytest.mark.parametrize("generation", GENERATIONS)
def test_accuracy_is_told_by_the_loss(generation):
    """Two outputs of which one is right: half of them, or no row's largest."""
    model = models.Sequential([layers.Input((2,)), layers.Activation("linear")])
    with generations.within(generation):
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        found = model.evaluate(np.float32([[0.9, 0.8]]), np.float32([[0, 1]]), verbose=0)
    assert found[1] == (0.0 if generation == "3" else 0.5)


@pytest.mark.parametrize("generation", OLDER)
def test_predict_classes_was_not_silent(generation, capsys):
    model = model_of()
    with generations.within(generation), pytest.warns(UserWarning, match="old spelling"):
        model.predict_classes(X[:2])
    assert bool(capsys.readouterr().out) is until(generation, "2.0")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_patience(generation):
    """With a patience of 2 training stops after two bad epochs, and up to 2.0 after three."""
    stop = callbacks.EarlyStopping("loss", patience=2)
    stop.set_model(Model())
    with generations.within(generation):
        stop.on_train_begin()
        bad = 0
        for epoch in range(9):
            stop.on_epoch_end(epoch, {"loss": 1.0 + epoch})
            bad = epoch  # the first epoch is the best
            if stop.model.stop_training:
                break
    assert bad == (3 if until(generation, "2.0") else 2)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_one_hot_rows(generation):
    with generations.within(generation):
        found = modules.value("utils.np_utils", "to_categorical")(np.array([1, 0]))
    assert found.dtype == ("float64" if until(generation, "2.0") else "float32")
    np.testing.assert_array_equal(found, [[0, 1], [1, 0]])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_plateaus(generation):
    """The bad epochs in which the rate is halved, with a patience of 2."""
    lower = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=0)
    lower.set_model(model_of())
    lowered, rate = [], float(np.float32(0.01))
    with generations.within(generation):
        lower.on_train_begin()
        for epoch in range(8):
            lower.on_epoch_end(epoch, {"loss": 1.0 + epoch})
            now = float(lower.model.optimizer.learning_rate.numpy())
            if now < rate:
                lowered.append(epoch)
            rate = now
    assert lowered == ([3, 5, 7] if until(generation, "2.0") else [2, 4, 6])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_rates_in_logs(generation):
    schedule = callbacks.LearningRateScheduler(lambda epoch: 0.5)
    schedule.set_model(model_of())
    logs = {}
    with generations.within(generation):
        schedule.on_epoch_begin(0, {})
        schedule.on_epoch_end(0, logs)
    assert logs == {"learning_rate" if generation == "3" else "lr": 0.5}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_one_batch_gave_a_list(generation):
    model = model_of()
    with generations.within(generation):
        found = model.train_on_batch(X[:2], Y[:2])
    assert isinstance(found, list) is (generation == "0.3")
