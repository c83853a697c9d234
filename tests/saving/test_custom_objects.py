"""The user's own functions and classes in files: found by name, never taken for ours, never run."""

import base64
import json
import marshal

import numpy as np
import pytest

import cornu
from cornu import activations, config, layers, models, registry, saving
from cornu.errors import UsageError

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def relu(x):
    """Not the library's."""
    return x * 3


def scale(x, by=1.0):
    return x * by


@pytest.fixture(autouse=True)
def clean_registry():
    kept = dict(registry.custom_names)
    yield
    registry.custom_names.clear()
    registry.custom_names.update(kept)


def dense(**options):
    return models.Sequential(
        [layers.Input((3,)), layers.Dense(3, "tanh", use_bias=False), layers.Dense(2, **options)]
    )


def with_function(function, **options):
    lam = layers.Lambda(function, name="lam", **options)
    return models.Sequential([layers.Input((3,)), lam])


# ---------------------------------------------------------------- functions of the user's


def test_a_function_called_as_ours_is_not_taken_for_ours(tmp_path):
    model = dense(activation=relu)
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(saving.ModelFileError, match=r'custom_objects={"relu": your_function}'):
        saving.load_model(path)
    again = saving.load_model(path, custom_objects={"relu": relu})
    assert again.layers[1].activation is relu
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_ours_stay_ours(tmp_path):
    model = dense(activation=activations.relu)
    model.save(tmp_path / "m.keras")
    assert saving.load_model(tmp_path / "m.keras").layers[1].activation is activations.relu
    assert model.layers[1].get_config()["activation"] == "relu"


def test_a_registered_function_needs_no_more(tmp_path):
    saving.register_keras_serializable("mine")(relu)
    model = dense(activation=relu, kernel_regularizer=None)
    model.save(tmp_path / "m.keras")
    assert saving.load_model(tmp_path / "m.keras").layers[1].activation is relu
    form = model.layers[1].get_config()["activation"]
    assert form == {
        "module": "builtins",
        "class_name": "function",
        "config": "mine>relu",
        "registered_name": "function",
    }
    registry.custom_names.clear()
    with pytest.raises(saving.ModelFileError, match="mine>relu"):
        saving.load_model(tmp_path / "m.keras")
    assert saving.load_model(tmp_path / "m.keras", {"relu": relu}).layers[1].activation is relu


def mean_squared_error(y_true, y_pred):
    return cornu.ops.mean(cornu.ops.abs(y_true - y_pred), axis=-1)


def test_losses_and_metrics_of_the_users(tmp_path):
    model = dense()
    model.compile("sgd", mean_squared_error, metrics=[mean_squared_error, "mae"])
    model.save(tmp_path / "m.keras")
    with pytest.raises(saving.ModelFileError, match="compile=False"):
        saving.load_model(tmp_path / "m.keras")
    given = {"mean_squared_error": mean_squared_error}
    again = saving.load_model(tmp_path / "m.keras", given)
    y = np.zeros((4, 2), "float32")
    wanted = np.abs(model.predict(X, verbose=0)).mean()
    assert again.evaluate(X, y, verbose=0) == pytest.approx([wanted] * 3, rel=1e-5)
    assert not saving.load_model(tmp_path / "m.keras", compile=False).compiled


class Dense(layers.Layer):
    """Not the library's."""

    def call(self, x):
        return x + 100


def test_a_class_called_as_ours_is_not_taken_for_ours(tmp_path):
    model = models.Sequential([layers.Input((3,)), Dense(name="own")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(saving.ModelFileError, match='custom_objects={"Dense": Dense}'):
        saving.load_model(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras", {"Dense": Dense})
    np.testing.assert_array_equal(again.predict(X, verbose=0), X + 100)


# ---------------------------------------------------------------- Lambda


def test_lambda_of_a_function_with_a_name(tmp_path):
    model = with_function(scale, arguments={"by": 4.0})
    model.save(tmp_path / "m.keras")
    with pytest.raises(saving.ModelFileError, match='"scale"'):
        saving.load_model(tmp_path / "m.keras")
    for name in ("scale", "lam"):  # the function's name, and the layer's
        again = saving.load_model(tmp_path / "m.keras", {name: scale})
        np.testing.assert_array_equal(again.predict(X, verbose=0), X * 4)


def test_lambda_of_an_op(tmp_path):
    model = with_function(cornu.ops.relu)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), np.maximum(X, 0))
    assert model.layers[0].get_config()["function"]["module"] == "keras.ops"


@pytest.mark.parametrize("ending", ["keras", "h5", "json"])
def test_a_python_lambda_is_given_by_the_layers_name(ending, tmp_path):
    model = with_function(lambda x: x - 7)
    path = tmp_path / f"m.{ending}"
    with pytest.warns(UserWarning, match=r'custom_objects={"lam": function}'):
        text = model.to_json() if ending == "json" else model.save(path)
    content = text.encode() if ending == "json" else path.read_bytes()
    assert b"__lambda__" in content and b'"code"' not in content

    def load(**known):
        if ending == "json":
            return saving.model_from_json(text, known)
        return saving.load_model(path, known)

    with pytest.raises(UsageError, match='custom_objects={"lam": your_function}'):
        load()
    np.testing.assert_array_equal(load(lam=lambda x: x - 7).predict(X, verbose=0), X - 7)


def test_a_copy_in_memory_keeps_its_functions():
    model = models.Sequential(
        [
            layers.Input((3,)),
            layers.Lambda(lambda x: x - 7),
            layers.Activation(relu),
        ]
    )
    np.testing.assert_array_equal(models.clone_model(model).predict(X, verbose=0), (X - 7) * 3)


def code_of(function):
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


CODES = {
    "Keras 3": lambda code: {
        "function": {
            "class_name": "__lambda__",
            "config": {"code": code, "defaults": None, "closure": None},
        }
    },
    "Keras 2": lambda code: {
        "function": [code, None, None],
        "function_type": "lambda",
        "module": "__main__",
        "output_shape": None,
        "output_shape_type": "raw",
        "arguments": {},
    },
    "Keras 1": lambda code: {"function": code, "function_type": "lambda", "arguments": {}},
}


@pytest.mark.parametrize("generation", CODES)
def test_code_is_refused_and_the_function_can_be_given(generation, tmp_path):
    written = CODES[generation](code_of(lambda x: open(tmp_path / "canary", "w")))
    form = {"name": "lam", "trainable": True, **written}
    with pytest.raises(UsageError, match="never run") as refused:
        layers.Lambda.from_config(form)
    said = str(refused.value)
    assert 'custom_objects={"lam": ' in said and "Python 3.11 or later" in said
    with saving.custom_object_scope({"lam": relu}):
        assert layers.Lambda.from_config(form).function is relu
    assert not (tmp_path / "canary").exists()


def keras_1(function, kind):
    config = {
        "name": f"l_{kind}",
        "trainable": True,
        "function": function,
        "function_type": kind,
        "output_shape": None,
        "output_shape_type": "raw",
        "arguments": {},
    }
    return {"class_name": "Lambda", "config": config}


def test_models_of_keras_1(tmp_path):
    listed = [keras_1("\x80\x01c", "lambda"), keras_1("scale", "function")]
    listed[0]["config"] |= {"batch_input_shape": [None, 3], "input_dtype": "float32"}
    text = json.dumps({"class_name": "Sequential", "keras_version": "1.2.2", "config": listed})
    with pytest.raises(UsageError, match='never run.*{"l_lambda": '):
        saving.model_from_json(text)
    given = {"l_lambda": lambda x: x - 1}
    with pytest.raises(UsageError, match='"scale"'):
        saving.model_from_json(text, given)
    for name in ("scale", "l_function"):
        model = saving.model_from_json(text, {**given, name: relu})
        np.testing.assert_array_equal(model.predict(X, verbose=0), (X - 1) * 3)


def test_a_registered_function_does_not_stand_for_a_layer_of_its_name():
    saving.register_keras_serializable("mine", "lam")(relu)
    form = {"name": "lam", **CODES["Keras 3"]("4wEA")}
    with pytest.raises(UsageError, match="never run"):
        layers.Lambda.from_config(form)


def test_safe_mode_off_changes_nothing_and_says_so(tmp_path):
    with pytest.warns(UserWarning, match="is a lambda"):
        with_function(lambda x: x).save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="safe_mode=False changes nothing"):
        with pytest.raises(saving.ModelFileError, match="lam"):
            saving.load_model(tmp_path / "m.keras", safe_mode=False)
    with pytest.raises(UsageError, match="custom_objects"):
        saving.enable_unsafe_deserialization()


@pytest.mark.parametrize(
    ("header", "python"),
    [
        (b"c" + bytes(16) + b"s" + bytes(20), "Python 2"),
        (b"\xe3" + bytes(20) + b"s" + bytes(4) + b"|\0" + bytes(20), "Python 3.0 to 3.7"),
        (b"\xe3" + bytes(24) + b"s" + bytes(20), "Python 3.8 to 3.10"),
    ],
)
def test_which_python_wrote_the_code(header, python):
    form = {"name": "lam", **CODES["Keras 2"](base64.b64encode(header).decode())}
    with pytest.raises(UsageError, match=python + r"\b"):
        layers.Lambda.from_config(form)


@pytest.mark.parametrize("code", [None, 3, "", "!!", "4wEA", {"a": 1}, [[]], "A" * 10**6])
def test_code_that_is_none(code):
    form = {"name": "lam", "function": {"class_name": "__lambda__", "config": {"code": code}}}
    with pytest.raises(UsageError, match="never run"):
        layers.Lambda.from_config(form)


# ---------------------------------------------------------------- names of keras.saving


def test_the_table_of_custom_objects():
    table = saving.get_custom_objects()
    table["threefold"] = relu
    assert layers.Dense(1, activation="threefold").activation is relu
    assert saving.get_registered_object("threefold") is relu
    assert saving.get_registered_name(relu) == "threefold"
    table.clear()
    assert saving.get_registered_name(relu) == "relu"
    assert saving.get_registered_object("threefold") is None
    assert saving.get_registered_object("a", {"a": 1}) == 1
    assert saving.get_registered_object("b", None, {"b": 2}) == 2


def test_scopes_take_several_tables():
    with saving.CustomObjectScope({"a": relu}, {"b": scale}):
        assert layers.Activation("a").activation is relu
        assert layers.Activation("b").activation is scale
    with pytest.raises(UsageError, match='Unknown activation "a"'):
        layers.Activation("a")
    with pytest.raises(TypeError, match="a dict by name"):
        saving.custom_object_scope(relu)


def test_single_objects():
    layer = layers.Dense(2, activation=relu, name="d")
    plain = json.loads(json.dumps(saving.serialize_keras_object(layer)))
    with pytest.raises(UsageError, match="your_function"):
        saving.deserialize_keras_object(plain)
    again = saving.deserialize_keras_object(plain, {"relu": relu})
    assert again.name == "d" and again.activation is relu
    form = {"module": "builtins", "class_name": "function", "config": "relu"}
    assert saving.deserialize_keras_object(form) is activations.relu
    assert saving.deserialize_keras_object({**form, "module": "keras.ops"}) is activations.relu
    assert saving.deserialize_keras_object({**form, "config": "sin"}) is cornu.ops.sin
    assert saving.deserialize_keras_object([1, {"a": 2.5}, "x"]) == [1, {"a": 2.5}, "x"]
    assert saving.deserialize_keras_object("own", {"own": relu}) is relu
    with pytest.raises(UsageError, match="Unknown function"):
        saving.deserialize_keras_object({**form, "config": "set_floatx"})


def test_types_and_metrics_given_as_classes(tmp_path):
    model = dense()
    model.compile("sgd", "mse", metrics=[cornu.metrics.MeanAbsoluteError])
    model.save(tmp_path / "m.keras")
    assert saving.load_model(tmp_path / "m.keras").compiled
    assert config.serialize(np.float32) == "float32"


def test_the_old_layout_names_functions_so_too(tmp_path):
    dense(activation=relu).save(tmp_path / "m.h5")
    with pytest.raises(saving.ModelFileError, match="relu"):
        saving.load_model(tmp_path / "m.h5")
    again = saving.load_model(tmp_path / "m.h5", custom_objects={"relu": relu})
    assert again.layers[1].activation is relu
