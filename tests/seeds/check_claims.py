"""Checks of what the tutorials say of Keras, where it is so: formulas, shapes, what fits what."""

import keras
import numpy as np
from keras import backend as K
from keras.callbacks import Callback, History
from keras.layers import LSTM, Activation, Dense, Flatten, Input, Layer
from keras.models import Graph, Model, Sequential
from keras.optimizers import SGD
from keras.utils.np_utils import to_categorical

from seeds.checks import check, line, same, told, value

Y = np.array([[0.0, 1.0, 0.5], [2.0, -1.0, 3.0]])
P = np.array([[0.2, 0.7, 0.9], [1.5, -0.5, 0.1]])
SIGNS = np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
SHARES = np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])
HOT = np.eye(3)[[1, 2]]
EPSILON = 1e-7

# ---------------------------------------------------------------- losses and activations


def loss(name, y, p):
    return value(keras.objectives.get(name)(K.variable(y), K.variable(p)))


@check("000-042", "000-046", "000-047", "000-048", "000-049", "000-050", "000-051")
def formulas_of_losses():
    def log(x):
        return np.log(np.maximum(x, EPSILON) + 1)

    margins = np.maximum(1 - SIGNS * P, 0)
    same(loss("mse", Y, P), ((P - Y) ** 2).mean(-1))
    same(loss("mae", Y, P), np.abs(P - Y).mean(-1))
    far = Y + 1.5  # away from 0, where the bound decides
    same(loss("mape", far, P), 100 * np.abs((far - P) / np.maximum(np.abs(far), EPSILON)).mean(-1))
    same(loss("msle", Y, P), ((log(P) - log(Y)) ** 2).mean(-1))
    same(loss("squared_hinge", SIGNS, P), (margins**2).mean(-1))
    same(loss("hinge", SIGNS, P), margins.mean(-1))
    same(loss("categorical_crossentropy", HOT, SHARES), -np.log(SHARES[HOT == 1]))
    both = HOT * np.log(SHARES) + (1 - HOT) * np.log(1 - SHARES)
    same(loss("binary_crossentropy", HOT, SHARES), -both.mean(-1))


@check("004-096")
def cosines():
    lengths = np.sqrt((Y**2).sum(-1) * (P**2).sum(-1))
    same(loss("cosine_proximity", Y, P), -(Y * P).sum(-1) / lengths)


@check("000-052", "002-070")
def classes_want_one_hot():
    model = Sequential([Dense(3, input_dim=4, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    x, labels = np.ones((2, 4)), np.array([1, 2])
    text = told("model.fit(x, labels, verbose=0)", model=model, x=x, labels=labels)
    assert "to_categorical" in text and "(2,)" in text
    model.fit(x, to_categorical(labels, 3), verbose=0)


X = np.linspace(-4, 4, 9)


@check("000-064", "000-065", "000-066")
def formulas_of_activations():
    for name, wanted in {
        "softplus": np.log1p(np.exp(X)),
        "relu": np.maximum(X, 0),
        "hard_sigmoid": np.clip(0.2 * X + 0.5, 0, 1),
    }.items():
        same(value(getattr(keras.activations, name)(K.variable(X))), wanted)
        same(value(Activation(name)(K.variable(X))), wanted)
        same(value(keras.activations.get(name)(K.variable(X))), wanted)


@check("003-023")
def activation_apart():
    one = Sequential([Dense(5, input_dim=3, activation="sigmoid")])
    two = Sequential([Dense(5, input_dim=3), Activation("sigmoid")])
    two.set_weights(one.get_weights())
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    kernel, bias = (w.astype("float64") for w in one.get_weights())
    same(one.predict(x), 1 / (1 + np.exp(-x @ kernel - bias)))
    same(one.predict(x), two.predict(x))


@check("004-043", "004-044", "004-045", "004-046")
def layers_that_are_activations():
    x = X[None]
    layers = keras.layers
    for layer, wanted in (
        (layers.LeakyReLU(0.2), np.where(x < 0, 0.2 * x, x)),
        (layers.LeakyReLU(alpha=0.1), np.where(x < 0, 0.1 * x, x)),
        (layers.ELU(0.5), np.where(x < 0, 0.5 * np.expm1(x), x)),
        (layers.ThresholdedReLU(1.5), np.where(x > 1.5, x, 0)),
    ):
        same(value(layer(K.variable(x))), wanted)
    prelu = layers.PReLU()
    model = Sequential([prelu])
    model.build((None, 9))
    model.set_weights([np.full(9, 0.3)])
    same(model.predict(x), np.where(x < 0, 0.3 * x, x))
    assert len(prelu.trainable_weights) == 1


# ---------------------------------------------------------------- weights to begin with


def close(found, wanted):
    """A figure of many random numbers."""
    assert abs(found - wanted) < 0.05 * wanted, (found, wanted)


@check("000-076", "000-078", "000-084", "000-086", "004-062")
def bounds_of_uniform_weights():
    shape = (300, 200)
    for name, bound in {
        "uniform": 0.05,
        "lecun_uniform": np.sqrt(3 / 300),
        "glorot_uniform": np.sqrt(6 / 500),
        "he_uniform": np.sqrt(6 / 300),
    }.items():
        old = value(getattr(keras.initializations, name)(shape))
        new = value(keras.initializers.get(name)(shape))
        for found in (old, new):
            assert np.abs(found).max() <= bound * 1.00001
            close(np.abs(found).max(), bound)
            close(found.std(), bound / np.sqrt(3))
    assert np.abs(value(keras.initializations.uniform(shape, scale=0.2))).max() > 0.19


@check("000-079", "000-083", "000-085", "001-032", "004-063", "004-065")
def deviations_of_normal_weights():
    shape = (300, 200)
    old = keras.initializations
    for function, deviation in (
        (old.normal, 0.05),
        (old.glorot_normal, np.sqrt(2 / 500)),
        (old.he_normal, np.sqrt(2 / 300)),
        (keras.initializers.get("normal"), 0.05),
        (keras.initializers.get("glorot_normal"), np.sqrt(2 / 500)),
        (keras.initializers.he_normal(), np.sqrt(2 / 300)),
        (keras.initializers.lecun_normal(), np.sqrt(1 / 300)),
    ):
        close(value(function(shape)).std(), deviation)
    close(Sequential([Dense(200, input_dim=300, init="normal")]).get_weights()[0].std(), 0.05)
    for mode, fan in {"fan_in": 300, "fan_out": 200, "fan_avg": 250}.items():
        made = keras.initializers.VarianceScaling(scale=3.0, mode=mode)
        close(value(made(shape)).std(), np.sqrt(3 / fan))


@check("004-058")
def he_normal_is_a_variance_scaling():
    scaling = keras.initializers.VarianceScaling(2.0, "fan_in", "normal", seed=3)
    same(value(scaling((30, 20))), value(keras.initializers.he_normal(seed=3)((30, 20))))


@check("004-057")
def truncated_normal():
    found = value(keras.initializers.TruncatedNormal(1.0, 0.5)((200, 200)))
    assert np.abs(found - 1).max() <= 1.0
    close(found.std(), 0.5 * 0.8796)  # of a normal that is cut at two deviations


@check("000-080", "000-081", "000-082")
def matrices_to_begin_with():
    same(value(keras.initializations.identity((3, 3))), np.eye(3))
    assert "square" in told("keras.initializations.identity((3, 4))")
    found = value(keras.initializations.orthogonal((5, 4))).astype("float64")
    product = found.T @ found
    same(product / product[0, 0], np.eye(4), 1e-4)
    same(value(keras.initializations.zero((2, 3))), np.zeros((2, 3)))


# ---------------------------------------------------------------- layers and models


@check("004-004", "004-008", "002-094")
def shapes_of_layers():
    layers = keras.layers
    assert Sequential([Flatten(input_shape=(3, 3, 12))]).output_shape == (None, 108)
    assert Sequential([layers.RepeatVector(7, input_dim=32)]).output_shape == (None, 7, 32)
    pictures = Sequential([Activation("relu", input_shape=(224, 224, 3))])
    assert pictures.input_shape == pictures.layers[0].input_shape == (None, 224, 224, 3)


@check("000-101")
def two_kinds_of_models():
    stack = Sequential([Dense(3, input_dim=4)])
    assert len(stack.inputs) == len(stack.outputs) == 1
    a, b = Input((2,)), Input((3,))
    graph = Model([a, b], [Dense(4)(a), Dense(5)(keras.layers.concatenate([a, b]))])
    assert [each.shape for each in graph.predict([np.ones((2, 2)), np.ones((2, 3))])] == [
        (2, 4),
        (2, 5),
    ]
    old = Graph()
    old.add_input("a", input_shape=(2,))
    old.add_node(Dense(4), name="d", input="a")
    old.add_output("out", input="d")
    old.compile("sgd", {"out": "mse"})
    assert old.predict({"a": np.ones((2, 2))})["out"].shape == (2, 4)


@check("000-105", "002-090")
def the_first_layer_says_the_shape():
    model = Sequential([Dense(3, input_shape=(4,)), Dense(2)])
    assert [w.shape for w in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    assert "shape" in told(
        "Sequential([Dense(3)]).output_shape", Sequential=Sequential, Dense=Dense
    )


@check("001-001", "001-044")
def four_steps():
    model = Sequential([Dense(1, input_dim=1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.arange(4.0)[:, None]
    model.fit(x, 2 * x, batch_size=2, verbose=0)
    out = model.predict(x)
    wanted = [((out - 2 * x) ** 2).mean(), np.abs(out - 2 * x).mean()]
    same(model.evaluate(x, 2 * x, batch_size=2, verbose=0), wanted)


@check("001-002")
def a_convolutional_stack():
    layers = keras.layers
    model = Sequential()
    model.add(layers.Convolution2D(2, 3, 3, input_shape=(8, 8, 1)))
    model.add(layers.BatchNormalization())
    model.add(Activation("relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(Flatten())
    model.add(Dense(3))
    assert model.output_shape == (None, 3) and len(model.get_weights()) == 8


@check("002-004", "002-041", "002-089")
def a_model_is_a_layer():
    assert issubclass(Model, Layer) and issubclass(Sequential, Model)
    assert set(dir(Layer)) <= set(dir(Model))
    inner = Sequential([Dense(3, input_dim=4)])
    x = Input((4,))
    outer = Model(x, inner(x))
    data = np.linspace(-1, 1, 8).reshape(2, 4)
    same(outer.predict(data), inner.predict(data))


@check("002-082")
def layers_are_called_alone():
    layer = Dense(3, init="one")
    same(value(layer(K.variable([[1.0, 2.0]]))), [[3, 3, 3]])


@check("002-065", "002-092")
def a_layer_of_keras_1():
    class Scaled(Layer):
        def __init__(self, output_dim, **kwargs):
            self.output_dim = output_dim
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.W = self.add_weight((input_shape[1], self.output_dim), initializer="one", name="W")
            super().build(input_shape)

        def call(self, x, mask=None):
            return K.dot(x, self.W)

        def get_output_shape_for(self, input_shape):
            return (input_shape[0], self.output_dim)

    model = Sequential([Scaled(5, input_shape=(4,)), Dense(2, init="one")])
    assert model.output_shape == (None, 2)
    assert Dense(7).get_output_shape_for((None, 4)) == (None, 7)
    same(model.predict(np.ones((1, 4))), [[20, 20]])


@check("002-093")
def steps_must_be_known():
    code = "Sequential([LSTM(3, {}return_sequences=True, input_dim=5), Flatten(), Dense(2)])"
    names = {"Sequential": Sequential, "LSTM": LSTM, "Flatten": Flatten, "Dense": Dense}
    assert "None" in told(code.format("") + ".get_weights()", **names)
    assert eval(code.format("input_length=7, "), names).output_shape == (None, 2)


@check("004-034")
def merging_functions():
    layers = keras.layers
    x, y = np.array([[1.0, 5.0]]), np.array([[4.0, 2.0]])
    for name, wanted in {
        "add": x + y,
        "subtract": x - y,
        "multiply": x * y,
        "average": (x + y) / 2,
        "maximum": np.maximum(x, y),
        "concatenate": np.hstack([x, y]),
        "dot": [[14]],
    }.items():
        more = {"axes": 1} if name == "dot" else {}
        both = [K.variable(x), K.variable(y)]
        same(value(getattr(layers, name)(both, **more)), wanted)
        same(value(getattr(layers, name.capitalize())(**more)(both)), wanted)


@check("004-047")
def normalized_batches():
    model = Sequential([keras.layers.BatchNormalization(center=True, input_shape=(2,))])
    x = np.random.default_rng(0).normal(3, 5, (64, 2))
    training = K.function([model.input, K.learning_phase()], [model.output])
    out = training([x, 1])[0]
    same(out.mean(axis=0), [0, 0], 1e-3)
    same(out.std(axis=0), [1, 1], 1e-3)


# ---------------------------------------------------------------- training


@check("001-040")
def batches_of_an_epoch():
    class Seen(Callback):
        batches = 0

        def on_batch_end(self, batch, logs=None):
            self.batches += 1

    seen, x = Seen(), np.ones((500, 1))
    history = line("sgd", "mse").fit(x, x, batch_size=10, nb_epoch=10, verbose=0, callbacks=[seen])
    assert len(history.epoch) == 10 and seen.batches == 10 * 50


@check("002-034")
def data_from_iterators():
    def batches():
        while True:
            yield np.ones((4, 1)), np.ones((4, 1))

    model = line("sgd", "mse")
    history = model.fit_generator(batches(), steps_per_epoch=3, epochs=2, verbose=0)
    assert history.epoch == [0, 1]
    older = model.fit_generator(batches(), samples_per_epoch=12, nb_epoch=2, verbose=0)
    assert older.epoch == [0, 1]
    same(model.evaluate_generator(batches(), steps=2), 0)


@check("002-075", "002-081")
def callbacks_and_history():
    class Losses(Callback):
        def on_train_begin(self, logs=None):
            self.losses = []

        def on_epoch_end(self, epoch, logs=None):
            self.losses.append(logs["loss"])

    losses, x = Losses(), np.ones((4, 1))
    history = line(SGD(lr=0.1), "mse", begin=3.0).fit(x, x, epochs=3, verbose=0, callbacks=[losses])
    assert isinstance(losses, Callback) and isinstance(history, History)
    same(history.history["loss"], losses.losses)
    same(losses.losses, [4, 4 * 0.8**2, 4 * 0.8**4])


@check("003-026")
def the_loss_of_compile():
    x = np.array([[2.0], [4.0]])
    model = line("sgd", "mae")
    same(model.evaluate(x, 0 * x, verbose=0), 3)
    model.compile("sgd", "mse")
    same(model.evaluate(x, 0 * x, verbose=0), 10)


@check("004-104")
def metrics_do_not_train():
    x = np.arange(6.0)[:, None]
    models = [line(SGD(lr=0.01), "mse", metrics=m) for m in (None, ["mae", "accuracy"])]
    for model in models:
        model.fit(x, 0 * x, epochs=2, shuffle=False, verbose=0)
    plain, measured = (model.get_weights()[0] for model in models)
    assert plain == measured and plain != 1


@check("003-042")
def accuracy_of_arrays():
    y, p = np.array([0.0, 1, 1, 0]), np.array([0.2, 0.9, 0.4, 0.1])
    same(value(keras.metrics.binary_accuracy(y, p)), 0.75)
    same(value(keras.metrics.mse(y, p)), ((y - p) ** 2).mean())
    same(value(keras.metrics.mae(y, p)), np.abs(y - p).mean())


@check("000-032")
def what_sgd_takes():
    for given in ({"lr": 0.0}, {"lr": 1}, {"momentum": 0.0}, {"decay": 0.0}, {"nesterov": True}):
        SGD(**given)
    assert "momentum" in told("keras.optimizers.SGD(momentum=-1.)")


# ---------------------------------------------------------------- the backend


@check("001-066")
def computed_by_a_backend():
    model = Sequential([Dense(3, input_dim=4, activation="tanh")])
    x = np.linspace(-1, 1, 8).reshape(2, 4)
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    same(K.function([model.input], [model.output])([x])[0], np.tanh(x @ kernel + bias))


@check("002-029")
def names_as_in_numpy():
    x = np.array([[1.0, -2.0], [3.0, 0.5]])
    for name in "max min sum mean std prod abs exp square sign transpose".split():
        assert name in dir(K)
        same(value(getattr(K, name)(K.variable(x))), getattr(np, name)(x))
