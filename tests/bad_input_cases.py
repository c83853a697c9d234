"""Wrong usages, one row each: what is done, and what the message must say.

`row` is the number of the usage in the catalogue of errors that Cornu is held to; letters tell
variants apart. The parts in `says` must all stand in the message: the argument's name, the numbers
and the fix.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import cornu as keras
from cornu import layers
from cornu.errors import UsageError, UsageTypeError

ROWS = 32
X = np.random.default_rng(0).random((ROWS, 4)).astype("float32")
Y = np.arange(ROWS) % 3
ONE_HOT = np.eye(3, dtype="float32")[Y]
TOKENS = np.arange(ROWS * 3).reshape(ROWS, 3) % 10
IMAGES = np.zeros((2, 28, 28, 3), "float32")


def put(array, place, value, dtype="float32"):
    """A copy with one entry changed."""
    found = np.array(array, dtype)
    found[place] = value
    return found


def rows_of(*lengths):
    """An object array with rows of these lengths."""
    found = np.empty(len(lengths), object)
    for i, n in enumerate(lengths):
        found[i] = [1.0] * n
    return found


# ---------------------------------------------------------------- models


class Subject(NamedTuple):
    """A compiled model, and data that it takes."""

    model: Any
    x: Any
    y: Any


def assert_whole(subject: Subject) -> None:
    """The model trains and predicts, and is counted to have trained for one batch."""
    model, x, y = subject
    before = int(model.optimizer.iterations)
    history = model.fit(x, y, epochs=1, batch_size=ROWS, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert int(model.optimizer.iterations) == before + 1
    for found in keras.tree.leaves(model.predict(x, verbose=0)):
        assert np.isfinite(found).all()


def bits(model: Any) -> list[bytes]:
    return [v.tobytes() for v in model.get_weights()]


def dense(units=3, activation="softmax", loss="sparse_categorical_crossentropy", metrics=None):
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            layers.Dense(units, activation=activation, name="dense_1"),
        ]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def classifier():
    return Subject(dense(metrics=["accuracy"]), X, Y)


def one_hot_classifier():
    return Subject(dense(loss="categorical_crossentropy"), X, ONE_HOT)


def regressor():
    return Subject(dense(1, None, "mse"), X, X[:, 0])


def regressor_of_3():
    return Subject(dense(3, None, "mse"), X, X[:, :3])


def binary_of_2():
    return Subject(dense(2, "sigmoid", "binary_crossentropy"), X, ONE_HOT[:, :2])


def embedding():
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            layers.Embedding(10, 2, name="emb"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return Subject(model, TOKENS, X[:, 0])


def convolution():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 3), name="image"),
            layers.Conv2D(2, 3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return Subject(model, IMAGES, X[:2, 0])


def two_by_two():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    outputs = [layers.Dense(1, name="left")(a), layers.Dense(1, name="right")(b)]
    model = keras.Model([a, b], outputs)
    model.compile("adam", "mse")
    return Subject(model, [X, X], [X[:, 0], X[:, 1]])


class Branches(keras.Model):
    """A model with a `call` of its own, and two outputs."""

    def __init__(self):
        super().__init__()
        self.left = layers.Dense(3, activation="softmax", name="left")
        self.right = layers.Dense(1, name="right")

    def call(self, x):
        return self.left(x), self.right(x)


def subclass():
    model = Branches()
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    return Subject(model, X, [Y, X[:, 0]])


def uncompiled():
    model = dense()
    return Subject(keras.Sequential(model.layers), X, Y)


# ---------------------------------------------------------------- generators


def batches(*items):
    """A generator of these items."""
    yield from items


GOOD = (X[:4], Y[:4])


class ByIndex:
    """Batches by index, without a length."""

    def __getitem__(self, i):
        return GOOD


class Unreadable:
    """Something that cannot become a NumPy array."""

    shape, dtype = (ROWS, 4), "float32"

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("requires grad")


class SparseTensor:
    """A sparse tensor of TensorFlow, for all that matters here."""

    shape = dense_shape = (ROWS, 4)


# ---------------------------------------------------------------- calls on a model


class Case(NamedTuple):
    """`call(model)` raises `error` with `code`, saying all of `says`."""

    row: str
    call: Callable[[Any], Any]
    says: tuple[str, ...]
    code: str
    subject: Callable[[], Subject] = classifier
    error: type[Exception] = UsageError
    note: str = ""
    trains: int = 0  # batches that are trained before the error


def stream(*items, steps=9, **said):
    """A call of fit on a generator of these items."""
    return lambda m: m.fit(batches(*items), steps_per_epoch=steps, verbose=0, **said)


# ---------------------------------------------------------------- calls without a model


class Made(NamedTuple):
    """`make()` raises `error` with `code`, saying all of `says`."""

    row: str
    make: Callable[[], Any]
    says: tuple[str, ...]
    code: str
    error: type[Exception] = UsageError


def compiled(**said):
    keras.Sequential([layers.Dense(1)]).compile(**said)


def disconnected():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    return keras.Model(a, layers.Add()([a, b]))


def named(name, width):
    return layers.Dense(width, name=name)(keras.Input((2,)))


def wrong_loss_key():
    model = two_by_two().model
    model.compile("adam", {"left": "mse", "rigth": "mse"})
    model.fit([X, X], [Y, Y])


class Forgetful(keras.Model):
    """Has not called `super().__init__()`."""

    def __init__(self):
        self.inner = layers.Dense(3)

    def call(self, x):
        return self.inner(x)


class ForgetfulLayer(layers.Layer):
    """Has not called `super().__init__()` either."""

    def __init__(self):
        self.scale = self.add_weight((3,))


MADE = [
    Made(
        "27",
        lambda: compiled(loss="categorical_crossentrpy"),
        (
            'Unknown loss "categorical_crossentrpy".',
            'Did you mean "categorical_crossentropy"?',
            "Known: ",
        ),
        "E-UNKNOWN-LOSS",
    ),
    Made(
        "28-optimizer",
        lambda: compiled(optimizer="addam", loss="mse"),
        ('Unknown optimizer "addam". Did you mean "adam"?', "Known: "),
        "E-UNKNOWN-OPTIMIZER",
    ),
    Made(
        "28-metric",
        lambda: compiled(loss="mse", metrics=["acuracy"]),
        ('Unknown metric "acuracy". Did you mean "accuracy"?', "Known: "),
        "E-UNKNOWN-METRIC",
    ),
    Made(
        "28-activation",
        lambda: layers.Dense(1, activation="rleu"),
        ('Unknown activation "rleu". Did you mean "relu"?', "Known: "),
        "E-UNKNOWN-ACTIVATION",
    ),
    Made(
        "28-initializer",
        lambda: layers.Dense(1, kernel_initializer="glorot"),
        ('Unknown initializer "glorot". Did you mean', '"glorot_uniform"?', "Known: "),
        "E-UNKNOWN-INITIALIZER",
    ),
    Made(
        "29",
        lambda: layers.Dense(1, activations="relu"),
        ('Dense() has no argument "activations". Did you mean "activation"?',),
        "E-ARGUMENT",
        UsageTypeError,
    ),
    Made(
        "54",
        lambda: keras.optimizers.Adam(-1.0),
        ("learning_rate must be > 0, got -1.0.",),
        "E-LEARNING-RATE",
    ),
    Made(
        "54-text",
        lambda: keras.optimizers.Adam("0.1"),
        ("learning_rate must be a number", "got '0.1'.", "without quotes"),
        "E-LEARNING-RATE",
        UsageTypeError,
    ),
    Made(
        "55",
        lambda: keras.Sequential([keras.Input((4,)), layers.Dense]),
        ("got the class Dense. Did you forget the parentheses: Dense(…)?",),
        "E-LAYER-CLASS",
        UsageTypeError,
    ),
    Made(
        "55-text",
        lambda: keras.Sequential(["dense"]),
        ("add() takes layers; got 'dense'.",),
        "E-LAYER-CLASS",
        UsageTypeError,
    ),
    Made(
        "56",
        lambda: keras.Sequential([layers.Dense(1, name="d"), layers.Dropout(0.5, name="d")]),
        ('two layers have the name "d": a Dense at position 0 and a Dropout at position 1.',),
        "E-NAMES",
    ),
    Made(
        "57",
        disconnected,
        ('output depends on Input "b"', 'read by "add', "which is not in inputs=[a]."),
        "E-DISCONNECTED",
    ),
    Made(
        "59",
        lambda: keras.Model(keras.Input((2,)), np.zeros((2, 2))),
        ("outputs must come from calling layers on Input tensors", "ndarray of shape (2, 2)"),
        "E-GRAPH",
        UsageTypeError,
    ),
    Made(
        "60",
        lambda: layers.Conv2D(3, 3)(keras.Input((28, 28))),
        (
            "needs (batch, height, width, channels); got (batch, 28, 28).",
            "Grayscale? Use Input((28, 28, 1)) and x[..., None].",
        ),
        "E-RANK",
    ),
    Made(
        "61",
        lambda: layers.Conv2D(3, 5, name="conv")(keras.Input((2, 2, 1))),
        (
            'Conv2D "conv": a window of (5, 5) does not fit into (height, width) = (2, 2).',
            'Use padding="same" or a window <= 2.',
        ),
        "E-WINDOW",
    ),
    Made(
        "64-add",
        lambda: layers.Add()([named("p", 3), named("q", 4)]),
        ('"p" has shape (batch, 3); "q" has shape (batch, 4).', "They differ in axis 1: 3 and 4."),
        "E-MERGE-SHAPE",
    ),
    Made(
        "64-concatenate",
        lambda: layers.Concatenate(axis=0)([named("p", 3), named("q", 4)]),
        ('"p" has shape (batch, 3); "q" has shape (batch, 4).', "equal in axis 1: 3 and 4."),
        "E-MERGE-SHAPE",
    ),
    Made(
        "64-reshape",
        lambda: layers.Reshape((3, 3), name="square")(named("p", 8)),
        ('Reshape "square": samples of shape (8,)', "target_shape=(3, 3) (9 elements)."),
        "E-RESHAPE",
    ),
    Made(
        "66-loss-key",
        wrong_loss_key,
        ('loss has an entry for "rigth", which is no output of the model.', 'mean "right"?'),
        "E-OUTPUT-NAME",
    ),
    Made(
        "74",
        lambda: Forgetful()(X),
        ("Forgetful.__init__ must call super().__init__()",),
        "E-SUPER",
    ),
    Made(
        "74-weight",
        ForgetfulLayer,
        ("ForgetfulLayer.__init__ must call super().__init__()",),
        "E-SUPER",
    ),
    Made(
        "76-rate",
        lambda: layers.Dropout(50),
        ("Dropout: rate must be in [0, 1]; got 50 (int). Did you mean 0.5?",),
        "E-RANGE",
    ),
    Made(
        "76-float",
        lambda: layers.Dense(2.5),
        ("Dense: units must be an int; got 2.5 (float). Use 2.",),
        "E-TYPE",
        UsageTypeError,
    ),
    Made(
        "76-text",
        lambda: layers.Dense("10"),
        ("Dense: units must be an int; got '10'. Use 10 without quotes.",),
        "E-TYPE",
        UsageTypeError,
    ),
    Made(
        "77",
        lambda: keras.utils.to_categorical([0, 5], 3),
        ("label 5 does not fit num_classes=3.", "num_classes=6"),
        "E-LABELS",
    ),
    Made(
        "77-negative",
        lambda: keras.utils.to_categorical([0, -1]),
        ("label -1 is negative; labels begin at 0.",),
        "E-LABELS",
    ),
    Made(
        "77-text",
        lambda: keras.utils.to_categorical(["cat"]),
        ("to_categorical takes whole numbers from 0", "np.unique(x, return_inverse=True)"),
        "E-LABELS",
    ),
]
