"""The tutorials' programs: what their text leaves out, and what must be true after a statement.

A program is the items of `items.json` with one `block`, in order, run in one namespace.
"""

from collections.abc import Callable

import keras
import numpy as np

from seeds.checks import same, value

LAYERS = """
from keras.models import Sequential
from keras.layers import Activation, Dense, Dropout, Lambda, Reshape
from keras.optimizers import SGD
from keras import backend as K
"""

BEFORE: dict[str, str] = {
    "000a": "",
    "000b": LAYERS,
    "000c": LAYERS,
    "000d": LAYERS,
    "000e": LAYERS + "model = Sequential([Dense(3, input_dim=4), Activation('softmax')])",
    "001a": """
labels = 10
try:
    import keras.datasets.cifar10
    from seeds.programs import Pictures
    keras.datasets.cifar10.load_data = Pictures.load_data
except ImportError:
    pass
""",
    "001b": "import tensorflow as tf",
    "002a": "",
    "002b": LAYERS + "model = Sequential([Dense(3, input_dim=4), Dense(2)])",
    "002c": LAYERS + "model = Sequential([Dense(5, input_dim=4, name=f'd{i}') for i in range(4)])",
    "003a": "",
    "003b": LAYERS + "model = Sequential()",
    "003c": LAYERS
    + "test_x = np.linspace(-1, 1, 80).reshape(8, 10)\n"
    + "test_y = np.array([0, 1, 2, 3] * 2)",
    "004a": LAYERS + "model = Sequential()",
    "004b": LAYERS
    + "model = Sequential([Dense(4, input_dim=6)])\n"
    + "x = K.variable(np.arange(-6., 6.).reshape(3, 4))\n"
    + "pos, neg = K.relu(x), K.relu(-x)",
    "004c": LAYERS + "from keras import initializers",
    "004d": "int_labels = [0, 2, 1, 2]",
}
"""Block -> what a reader of the tutorial has typed in before."""


class Pictures:
    """Stands for `keras.datasets.cifar10`: arrays of its shapes, of as many rows as are said."""

    rows = (50000, 10000)

    @classmethod
    def load_data(cls):
        draw = np.random.default_rng(0)

        def split(rows):
            x = draw.integers(0, 256, (rows, 32, 32, 3), "uint8")
            return x, draw.integers(0, 10, (rows, 1), "uint8")

        return split(cls.rows[0]), split(cls.rows[1])


SMALLER = {"50000": "120", "10000": "40"}
"""Numbers of rows in the code, and what they are where the data set is a small one."""

INSTEAD: dict[str, str] = {
    "001-006": "from seeds.programs import Pictures as cifar10",
    "001-013": "from seeds.programs import Pictures as cifar10\n"
    "(x_train, y_train), (x_test, y_test) = cifar10.load_data()",
    "001-055": "early_stopping_monitor = keras.callbacks.Callback()",
    "001-056": "model.fit(x_train, y_train, batch_size=1000, epochs=10)",
}
"""Item that could not be run -> what lets its program go on."""

Space = dict[str, object]
After = Callable[[Space], None]
AFTER: dict[str, After] = {}


def after(*items: str) -> Callable[[After], After]:
    """Say which statements a function looks at the results of."""

    def put(function: After) -> After:
        AFTER.update(dict.fromkeys(items, function))
        return function

    return put


@after("000-015", "003-030")
def rate(space):
    made = eval(space["statement"], space)
    same(float(value(made.learning_rate)), 0.01)


@after("000-022", "003-033")
def first_layer(space):
    assert space["model"].output_shape == (None, 64)
    kernel = space["model"].get_weights()[0]
    assert kernel.shape == (10, 64) and 0.04 < np.abs(kernel).max() <= 0.05


@after("000-027", "003-034")
def sums_to_one(space):
    out = space["model"].predict(np.linspace(-1, 1, 20).reshape(2, 10))
    same(out.sum(axis=-1), [1, 1])


@after("000-028")
def settings(space):
    same(float(value(space["sgd"].learning_rate)), 0.1)
    assert space["sgd"].nesterov is True


@after("003-035")
def settings_again(space):
    same(float(value(space["sgd"].learning_rate)), 0.01)


@after("000-029", "000-043", "003-036")
def trains_with_mse(space):
    model = space["model"]
    x = np.linspace(-1, 1, 80).reshape(8, 10)
    y = np.eye(64)[:8]
    same(model.evaluate(x, y, verbose=0), np.mean((model.predict(x) - y) ** 2))
    before = model.get_weights()[0]
    model.fit(x, y, epochs=1, verbose=0)
    assert (model.get_weights()[0] != before).any()


@after("003-037")
def compiled_again(space):
    model = space["model"]
    x, y = np.linspace(-1, 1, 80).reshape(8, 10), np.eye(64)[:8]
    p = model.predict(x).astype("float64")
    same(
        model.evaluate(x, y, verbose=0),
        -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)),
    )


@after("000-075")
def later_layer(space):
    kernel = space["model"].layers[-1].get_weights()[0]
    assert kernel.shape == (64, 64) and np.abs(kernel).max() <= 0.05


@after("000-103")
def list_of_layers(space):
    assert [layer.output_shape[-1] for layer in space["model"].layers] == [32, 32, 10, 10]


@after("000-104")
def two_layers(space):
    out = space["model"].predict(np.ones((2, 784)))
    assert out.shape == (2, 32) and (out >= 0).all()


@after("000-111", "000-112")
def accuracy_is_of_the_loss(space):
    model = space["model"]
    x, y = np.linspace(-1, 1, 24).reshape(6, 4), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    p = model.predict(x)
    categorical = np.mean(p.argmax(-1) == y.argmax(-1))
    binary = np.mean((p > 0.5) == y)
    wanted = binary if "binary_crossentropy" in space["statement"] else categorical
    loss, accuracy = model.evaluate(x, y, verbose=0)
    same(accuracy, wanted)
    assert model.metrics_names == ["loss", "accuracy"] and loss > 0


@after("000-113")
def without_metrics(space):
    assert isinstance(space["model"].evaluate(np.ones((2, 4)), np.ones((2, 3)), verbose=0), float)


@after("001-018")
def normal_numbers(space):
    same([space["x_train"].mean(), space["x_train"].std()], [0, 1], 1e-3)


@after("001-019")
def one_of_ten(space):
    y = space["y_train"]
    assert y.shape[1:] == (10,) and (y.sum(axis=-1) == 1).all()


@after("001-033")
def rate_of_adam(space):
    assert isinstance(space["adam"], keras.optimizers.Adam)
    same(float(value(space["adam"].learning_rate)), 0.01)


@after("001-041", "001-042")
def loss_and_accuracy(space):
    score, model = space["score"], space["model"]
    right = model.predict(space["x_test"]).argmax(-1) == space["y_test"].argmax(-1)
    assert len(score) == 2
    same(score[1], right.mean())


@after("001-045")
def classes(space):
    assert (space["classes"] == space["model"].predict(space["x_test"]).argmax(-1)).all()


@after("001-046")
def saved(space):
    again = keras.models.load_model("model.h5")
    few = space["x_test"][:4]
    same(again.predict(few), space["model"].predict(few))


@after("001-047")
def as_text(space):
    assert isinstance(space["jsonModel"], str)
    again = keras.models.model_from_json(space["jsonModel"])
    assert again.output_shape == (None, 10)


@after("001-050")
def nothing_given(space):
    assert space["modelWt"] is None


@after("001-065")
def session_is_taken(space):
    same(value(space["K"].ones((2,))), [1, 1])


@after("002-088")
def known_numbers(space):
    assert len(space["out"]) == 1 and space["out"][0].dtype == "float32"
    same(space["out"][0], [0.7310586, 0.880797, 0.9525741], 1e-6)


@after("002-040")
def one_layer_fewer(space):
    assert len(space["model"].layers) == 1


@after("002-098")
def tensor_of_a_layer(space):
    assert keras.backend.int_shape(space["output"]) == (None, 5)


@after("002-104")
def both_reported(space):
    model = space["model"]
    x, y = np.linspace(-1, 1, 12).reshape(3, 4), np.eye(5)[:3]
    p = model.predict(x)
    wanted = [np.mean((p > 0.5) == y), np.mean(p.argmax(-1) == y.argmax(-1))]
    same(model.evaluate(x, y, verbose=0)[1:], wanted)
    assert model.metrics_names == ["loss", "binary_accuracy", "categorical_accuracy"]


@after("003-012")
def five_units(space):
    assert space["model"].output_shape == (None, 5)


@after("003-016", "003-019", "003-021")
def five_more(space):
    """`input_dim` of a later layer says nothing: it is built from the one before."""
    assert space["model"].output_shape == (None, 5)
    earlier = len(space["model"].layers) > 1
    assert space["model"].layers[-1].get_weights()[0].shape == (5 if earlier else 3, 5)


@after("003-044")
def is_a_number(space):
    found = np.asarray(value(space["accuracy"]))
    same(found, np.mean(space["test_y"] == space["predict"]))
    float(space["accuracy"])


@after("004-006")
def reshaped(space):
    assert space["model"].output_shape == (None, 3, 4)


@after("004-010")
def squared(space):
    x = np.arange(24.0).reshape(2, 12)
    same(space["model"].predict(x), x.reshape(2, 3, 4) ** 2)


X = np.arange(-6.0, 6.0).reshape(3, 4)


@after("004-012", "004-013", "004-014", "004-015", "004-016")
def as_numpy_has_it(space):
    wanted = {
        "K.mean(x, axis=1, keepdims=True)": X.mean(axis=1, keepdims=True),
        "K.l2_normalize(x, axis=1)": X / np.sqrt((X**2).sum(axis=1, keepdims=True)),
        "K.relu(x)": np.maximum(X, 0),
        "K.relu(-x)": np.maximum(-X, 0),
        "K.concatenate([pos, neg], axis=1)": np.hstack([np.maximum(X, 0), np.maximum(-X, 0)]),
    }
    same(value(eval(space["statement"], space)), wanted[space["statement"]])


@after("004-017")
def antirectified(space):
    model = space["model"]
    assert model.output_shape == (None, 8)
    x = np.linspace(-1, 1, 12).reshape(2, 6)
    kernel, bias = (w.astype("float64") for w in model.layers[0].get_weights())
    y = x @ kernel + bias
    y -= y.mean(axis=1, keepdims=True)
    y /= np.sqrt((y**2).sum(axis=1, keepdims=True))
    same(model.predict(x), np.hstack([np.maximum(y, 0), np.maximum(-y, 0)]), 1e-4)


@after("004-091")
def one_hot(space):
    same(space["categorical_labels"], [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]])
