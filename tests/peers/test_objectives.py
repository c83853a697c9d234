"""Losses, metrics and their weights in `compile` and `fit` mean what they mean in Keras 3.15.1."""

import numpy as np
import pytest

from peers.checks import ROWS, Case, trained_alike

pytestmark = pytest.mark.peers


def network(units, activation=None, steps=None):
    def model(k):
        shape = (4,) if steps is None else (steps, 4)
        layers = [k.layers.Dense(5, activation="tanh"), k.layers.Dense(units, activation)]
        return k.Sequential([k.Input(shape), *layers])

    return model


def inputs(rng, steps=None):
    shape = (ROWS, 4) if steps is None else (ROWS, steps, 4)
    return rng.normal(size=shape).astype("float32")


def numbers(units, low=-1.0, steps=None):
    shape = (ROWS, units) if steps is None else (ROWS, steps, units)
    return lambda rng: (inputs(rng, steps), rng.uniform(low, 2, shape).astype("float32"))


def bits(units):
    return lambda rng: (inputs(rng), rng.integers(0, 2, (ROWS, units)).astype("float32"))


def signs(units):
    return lambda rng: (inputs(rng), rng.choice([-1.0, 1.0], (ROWS, units)).astype("float32"))


def one_hot(count):
    return lambda rng: (inputs(rng), np.eye(count, dtype="float32")[rng.integers(0, count, ROWS)])


def shares(count):
    return lambda rng: (inputs(rng), rng.dirichlet(np.ones(count), ROWS).astype("float32"))


def numbered(count, steps=None, dtype="int32", column=False):
    shape = (ROWS,) if steps is None else (ROWS, steps)

    def data(rng):
        y = rng.integers(0, count, shape).astype(dtype)
        return inputs(rng, steps), y[..., None] if column else y

    return data


def sgd(k):
    return k.optimizers.SGD(0.1, momentum=0.9)


# ---------------------------------------------------------------- losses

SIGMOID = network(3, "sigmoid")
SOFTMAX = network(3, "softmax")
LINEAR = network(3)

LOSSES = [
    ("MeanSquaredError", {}, LINEAR, numbers(3)),
    ("MeanAbsoluteError", {}, LINEAR, numbers(3)),
    ("MeanAbsolutePercentageError", {}, LINEAR, numbers(3, low=1.5)),
    ("MeanSquaredLogarithmicError", {}, network(3, "relu"), numbers(3, low=0.0)),
    ("CosineSimilarity", {}, LINEAR, numbers(3)),
    ("Huber", {"delta": 0.5}, LINEAR, numbers(3)),
    ("LogCosh", {}, LINEAR, numbers(3)),
    ("Poisson", {}, network(3, "exponential"), numbers(3, low=0.0)),
    ("KLDivergence", {}, SOFTMAX, shares(3)),
    ("Hinge", {}, LINEAR, signs(3)),
    ("SquaredHinge", {}, LINEAR, signs(3)),
    ("Hinge", {}, LINEAR, bits(3)),
    ("CategoricalHinge", {}, LINEAR, one_hot(3)),
    ("BinaryCrossentropy", {}, SIGMOID, bits(3)),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, SIGMOID, bits(3)),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, LINEAR, bits(3)),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True}, SIGMOID, bits(3)),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5}, LINEAR, bits(3)),
    ("CategoricalCrossentropy", {}, SOFTMAX, one_hot(3)),
    ("CategoricalCrossentropy", {}, SIGMOID, one_hot(3)),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, SOFTMAX, one_hot(3)),
    ("CategoricalCrossentropy", {"from_logits": True}, LINEAR, one_hot(3)),
    ("CategoricalFocalCrossentropy", {"alpha": 0.4}, SOFTMAX, one_hot(3)),
    ("CategoricalFocalCrossentropy", {"from_logits": True}, LINEAR, one_hot(3)),
    ("SparseCategoricalCrossentropy", {}, SOFTMAX, numbered(3)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LINEAR, numbered(3, column=True)),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, SOFTMAX, numbered(3)),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, SOFTMAX, numbered(3)),
    ("Dice", {}, SIGMOID, bits(3)),
    ("Dice", {"axis": -1}, SIGMOID, bits(3)),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}, SIGMOID, bits(3)),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name, options, model, data", LOSSES)
def test_loss(name, options, model, data, weighted, keras):
    def compile(k):
        rate = 1e-3 if name == "MeanAbsolutePercentageError" else 0.1
        optimizer = k.optimizers.SGD(rate, momentum=0.9)
        return {"optimizer": optimizer, "loss": getattr(k.losses, name)(**options)}

    def weights(rng):
        w = rng.uniform(0, 2, ROWS).astype("float32")
        w[::5] = 0
        return {"sample_weight": w} if weighted else {}

    trained_alike(Case(name, model, data, compile, weights), keras, epochs=2)


SHORT = [
    ("mse", LINEAR, numbers(3)),
    ("MAE", LINEAR, numbers(3)),
    ("mape", LINEAR, numbers(3, low=0.5)),
    ("msle", network(3, "relu"), numbers(3, low=0.0)),
    ("kld", SOFTMAX, shares(3)),
    ("bce", SIGMOID, bits(3)),
    ("huber", LINEAR, numbers(3)),
    ("log_cosh", LINEAR, numbers(3)),
    ("poisson", network(3, "exponential"), numbers(3, low=0.0)),
    ("cosine_similarity", LINEAR, numbers(3)),
    ("MeanSquaredError", LINEAR, numbers(3)),
    ("categorical_hinge", LINEAR, one_hot(3)),
    ("categorical_crossentropy", SOFTMAX, one_hot(3)),
    ("sparse_categorical_crossentropy", SOFTMAX, numbered(3, dtype="int64")),
    ("sparse_categorical_crossentropy", SOFTMAX, numbered(3, dtype="float32")),
    ("crossentropy", SOFTMAX, numbered(3)),
]


NO_METRICS = {"kld", "huber", "log_cosh", "crossentropy"}
"""Names that Keras knows as losses only; Cornu takes them as metrics too."""


@pytest.mark.parametrize("name, model, data", SHORT)
def test_loss_by_name_as_loss_and_as_metric(name, model, data, keras):
    def compile(k):
        named = [] if name in NO_METRICS else [name]
        optimizer = k.optimizers.SGD(1e-3)
        return {"optimizer": optimizer, "loss": name, "metrics": named, "weighted_metrics": named}

    def weights(rng):
        return {"sample_weight": rng.uniform(0.1, 2, ROWS).astype("float32")}

    trained_alike(Case(name, model, data, compile, weights), keras, epochs=1)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "mean"])
def test_reductions(reduction, keras):
    def compile(k):
        loss = k.losses.MeanSquaredError(reduction=reduction)
        return {"optimizer": k.optimizers.SGD(0.01), "loss": loss}

    def weights(rng):
        return {"sample_weight": rng.uniform(0.1, 2, ROWS).astype("float32")}

    trained_alike(Case(reduction, LINEAR, numbers(3), compile, weights), keras)


# ---------------------------------------------------------------- weights of samples and classes


def weighed_metrics(k):
    return {
        "optimizer": sgd(k),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "weighted_metrics": ["accuracy", "sparse_categorical_crossentropy"],
    }


@pytest.mark.parametrize("data", [numbered(3), numbered(3, column=True)], ids=["flat", "column"])
def test_class_weight(data, keras):
    def weights(rng):
        return {"class_weight": {0: 0.5, 1: 2.0, 2: 1.25}}

    trained_alike(Case("class_weight", SOFTMAX, data, weighed_metrics, weights), keras)


def test_class_weight_of_one_hot(keras):
    def compile(k):
        return {"optimizer": sgd(k), "loss": "categorical_crossentropy", "metrics": ["accuracy"]}

    def weights(rng):
        return {"class_weight": {0: 0.5, 1: 2.0, 2: 1.25}}

    trained_alike(Case("class_weight", SOFTMAX, one_hot(3), compile, weights), keras)


def test_sample_weight(keras):
    def weights(rng):
        return {"sample_weight": rng.uniform(0, 3, ROWS).astype("float32")}

    trained_alike(Case("sample_weight", SOFTMAX, numbered(3), weighed_metrics, weights), keras)


def test_temporal_sample_weight(keras):
    def weights(rng):
        weight = rng.uniform(0, 3, (ROWS, 6)).astype("float32")
        weight[:, 4:] = 0
        return {"sample_weight": weight}

    model, data = network(3, "softmax", steps=6), numbered(3, steps=6)
    trained_alike(Case("temporal", model, data, weighed_metrics, weights), keras)


def test_sample_weight_of_sequences(keras):
    def weights(rng):
        return {"sample_weight": rng.uniform(0, 3, (ROWS, 1)).astype("float32")}

    def compile(k):
        return {"optimizer": sgd(k), "loss": "mae", "weighted_metrics": ["mse"]}

    model, data = network(2, steps=6), numbers(2, steps=6)
    trained_alike(Case("sequences", model, data, compile, weights), keras)


# ---------------------------------------------------------------- metrics in fit

METRICS = [
    (SIGMOID, bits(3), "bce", ["accuracy", "acc", "binary_accuracy", "mse"]),
    (network(1, "sigmoid"), bits(1), "bce", ["accuracy", "binary_crossentropy"]),
    (
        SOFTMAX,
        one_hot(3),
        "categorical_crossentropy",
        ["accuracy", "categorical_crossentropy", "acc"],
    ),
    (
        SOFTMAX,
        numbered(3),
        "sparse_categorical_crossentropy",
        ["accuracy", "sparse_top_k_categorical_accuracy"],
    ),
    (LINEAR, numbers(3), "mse", ["mae", "RootMeanSquaredError", "cosine_similarity", "MSE"]),
]


@pytest.mark.parametrize("model, data, loss, metrics", METRICS, ids=lambda x: str(x)[:40])
def test_metrics_by_name(model, data, loss, metrics, keras):
    def compile(k):
        return {"optimizer": sgd(k), "loss": loss, "metrics": metrics}

    trained_alike(Case(loss, model, data, compile), keras, epochs=2)


def test_metric_objects(keras):
    def compile(k):
        made = [
            k.metrics.AUC(num_thresholds=50, name="auc"),
            k.metrics.Precision(name="exact"),
            k.metrics.Recall(thresholds=[0.3, 0.6], name="recall"),
            k.metrics.BinaryAccuracy(threshold=0.4, name="near"),
            k.metrics.F1Score(average="macro", threshold=0.5, name="f1"),
            k.metrics.MeanMetricWrapper(k.losses.mean_absolute_error, name="off"),
            k.metrics.R2Score(name="r2"),
        ]
        return {"optimizer": sgd(k), "loss": "bce", "metrics": made}

    trained_alike(Case("objects", SIGMOID, bits(3), compile), keras)


def test_functions_as_loss_and_metric(keras):
    def compile(k):
        def far(y_true, y_pred):
            return k.ops.max(k.ops.abs(y_true - y_pred), axis=-1)

        def cubed(y_true, y_pred):
            return k.ops.mean(k.ops.abs(y_true - y_pred) ** 3, axis=-1)

        return {"optimizer": sgd(k), "loss": cubed, "metrics": [far]}

    trained_alike(Case("functions", LINEAR, numbers(3), compile), keras)


# ---------------------------------------------------------------- validation


def mse(k):
    return {"optimizer": sgd(k), "loss": "mse", "metrics": ["mae"]}


def test_validation_split(keras):
    def split(rng):
        return {"validation_split": 0.3}

    trained_alike(Case("split", LINEAR, numbers(3), mse, split), keras)


def test_validation_data(keras):
    def held(rng):
        x, y = numbers(3)(rng)
        return {"validation_data": (x[:11], y[:11]), "validation_freq": 2}

    trained_alike(Case("held", LINEAR, numbers(3), mse, held), keras, epochs=5)


def test_weighted_validation_data(keras):
    def held(rng):
        x, y = numbers(3)(rng)
        weight = rng.uniform(0, 2, 11).astype("float32")
        return {"validation_data": (x[:11], y[:11], weight), "validation_batch_size": 5}

    def compile(k):
        return {**mse(k), "weighted_metrics": ["mae"]}

    trained_alike(Case("held", LINEAR, numbers(3), compile, held), keras)


def test_validation_of_a_network_that_normalizes(keras):
    def model(k):
        norm = k.layers.BatchNormalization(momentum=0.7)
        return k.Sequential([k.Input((4,)), k.layers.Dense(5), norm, k.layers.Dense(3)])

    def split(rng):
        return {"validation_split": 0.4}

    trained_alike(Case("split", model, numbers(3), mse, split), keras)


def test_initial_epoch_and_steps(keras):
    def some(rng):
        return {"initial_epoch": 1, "steps_per_epoch": 2}

    trained_alike(Case("steps", LINEAR, numbers(3), mse, some), keras, epochs=4)


# ---------------------------------------------------------------- several outputs


def two_heads(k):
    x = k.Input((4,), name="x")
    h = k.layers.Dense(5, activation="tanh")(x)
    return k.Model(x, [k.layers.Dense(3, name="a")(h), k.layers.Dense(2, name="b")(h)])


def two_targets(rng):
    x, y = numbers(3)(rng)
    return x, [y, rng.normal(size=(ROWS, 2)).astype("float32")]


WEIGHED = {"loss": ["mse", "mae"], "loss_weights": [2.0, 0.5]}
HEADS = [
    {"loss": "mse"},
    {**WEIGHED, "metrics": [["mae"], ["mse", "mae"]]},
    {"loss": ["mae", "mse"], "loss_weights": {"a": 0.3, "b": 2.0}},
    {"loss": {"a": "mse", "b": "mae"}, "metrics": {"b": "mae"}},
    {"loss": {"a": "mse", "b": None}, "metrics": {"b": ["mae"]}},
    {"loss": ["mse", None]},
    {"loss": "mae", "weighted_metrics": [["mae"], ["mse"]]},
]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("said", HEADS, ids=str)
def test_two_outputs(said, weighted, keras):
    def compile(k):
        return {"optimizer": k.optimizers.SGD(0.05), **said}

    def weights(rng):
        made = [rng.uniform(0, 2, ROWS).astype("float32") for _ in "ab"]
        return {"sample_weight": made} if weighted else {}

    trained_alike(Case("heads", two_heads, two_targets, compile, weights), keras)
