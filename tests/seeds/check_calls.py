"""Checks of arguments, signatures and attributes: each has the meaning that the tutorials give."""

import keras
import numpy as np
from keras.callbacks import Callback
from keras.layers import LSTM, Activation, Conv2D, Convolution2D, Dense, Flatten, TimeDistributed
from keras.models import Model, Sequential
from keras.optimizers import SGD

from cornu.dialects.generations import within
from seeds.checks import Terminal, after_steps, check, line, printed, same, slope, value

ROWS = np.arange(1.0, 9.0)[:, None]


def sgd(rate, momentum=0.0, decay=0.0, nesterov=False, gradients=(1, 1, 1)):
    """What Keras's SGD makes of a weight that was 1, in float64."""
    w, speed = 1.0, 0.0
    for step, gradient in enumerate(gradients):
        now = rate / (1 + decay * step)
        speed = momentum * speed - now * gradient
        w += momentum * speed - now * gradient if nesterov else speed
    return w


# ---------------------------------------------------------------- optimizers


@check("000-016", "000-017", "000-018", "000-019")
def sgd_takes_its_arguments():
    for given in (
        {"lr": 0.25},
        {"lr": 0.25, "momentum": 0.5},
        {"lr": 0.25, "decay": 0.5},
        {"lr": 0.25, "momentum": 0.5, "nesterov": True},
    ):
        wanted = {"rate" if name == "lr" else name: given[name] for name in given}
        same(after_steps(SGD(**given)), sgd(**wanted))


@check("000-031")
def defaults_of_sgd():
    said = SGD(lr=0.01, momentum=0.0, decay=0.0, nesterov=False).get_config()
    assert {**said, "name": ""} == {**SGD().get_config(), "name": ""}


@check("000-034")
def defaults_of_adagrad():
    with within("0.3"):
        assert (
            keras.optimizers.Adagrad(lr=0.01, epsilon=1e-6).get_config()
            == keras.optimizers.Adagrad().get_config()
        )


@check("000-030", "000-108")
def optimizers_by_name():
    for name, kind, rate in (
        ("sgd", SGD, 0.01),
        ("rmsprop", keras.optimizers.RMSprop, 0.001),
        ("adagrad", keras.optimizers.Adagrad, 0.01),
    ):
        made = line(name).optimizer
        assert isinstance(made, kind) and made.__class__ is kind
        same(value(made.learning_rate), rate)


@check("002-071")
def an_optimizer_with_settings():
    same(after_steps(SGD(lr=0.5, momentum=0.9)), sgd(0.5, 0.9))


@check("002-072")
def clipnorm_is_of_all_gradients():
    model = Sequential([Dense(1, input_shape=(1,), kernel_initializer="zeros")])
    model.compile(loss=slope, optimizer=SGD(lr=1.0, clipnorm=0.5))
    model.fit(np.array([[2.0]]), np.ones((1, 1)), epochs=1, verbose=0)
    kernel, bias = model.get_weights()
    same([kernel[0, 0], bias[0]], -0.5 * np.array([2, 1]) / np.sqrt(5))


@check("002-073")
def clipvalue_is_of_each_number():
    found = after_steps(SGD(lr=0.25, clipvalue=1.0), (0.5, 3, -2))
    same(found, sgd(0.25, gradients=(0.5, 1, -1)))


# ---------------------------------------------------------------- layers


@check("000-023", "000-024", "000-025", "003-013", "001-023")
def dense_takes_its_arguments():
    for layer in (
        Dense(5, init="one", input_dim=3),
        Dense(output_dim=5, init="one", input_dim=3),
        Dense(5, input_shape=(3,), init="one"),
    ):
        model = Sequential([layer])
        assert model.input_shape == (None, 3) and model.output_shape == (None, 5)
        same(model.get_weights()[0], np.ones((3, 5)))
        assert layer.units == 5


@check("004-048", "004-049")
def initializers_of_dense():
    model = Sequential(
        [Dense(2, input_dim=3, kernel_initializer="ones", bias_initializer="random_normal")]
    )
    kernel, bias = model.get_weights()
    same(kernel, np.ones((3, 2)))
    assert bias.all() and np.abs(bias).max() < 0.5


@check("004-066")
def activation_as_argument():
    model = Sequential([Dense(2, input_dim=3, activation="tanh")])
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    same(model.predict(x), np.tanh(x @ model.get_weights()[0].astype("float64")))


@check("004-077", "004-078", "004-079")
def penalties_of_dense():
    x, y = np.array([[1.0, 2.0]]), np.zeros((1, 1))
    kernel, bias = np.array([[0.5], [0.25]]), np.array([2.0])
    out = float((x @ kernel + bias)[0, 0])
    for name, penalty in {
        "kernel_regularizer": 0.1 * (kernel**2).sum(),
        "bias_regularizer": 0.1 * (bias**2).sum(),
        "activity_regularizer": 0.1 * out**2,
    }.items():
        model = Sequential([Dense(1, input_dim=2, **{name: keras.regularizers.l2(0.1)})])
        model.set_weights([kernel, bias])
        model.compile("sgd", "mse")
        same(model.evaluate(x, y, verbose=0), out**2 + penalty)


@check("002-059")
def stateful_goes_on():
    x = np.linspace(-1, 1, 16).reshape(2, 8, 1)
    model = Sequential([LSTM(3, stateful=True, batch_input_shape=(2, 4, 1))])
    first = model.predict(x[:, :4], batch_size=2)
    second = model.predict(x[:, 4:], batch_size=2)
    whole = Sequential([LSTM(3, input_shape=(8, 1))])
    whole.set_weights(model.get_weights())
    same(second, whole.predict(x), 1e-4)
    model.reset_states()
    same(model.predict(x[:, :4], batch_size=2), first)


@check("002-060")
def unrolled_is_the_same():
    models = [Sequential([LSTM(3, unroll=u, input_shape=(4, 2))]) for u in (False, True)]
    models[1].set_weights(models[0].get_weights())
    x = np.linspace(-1, 1, 16).reshape(2, 4, 2)
    same(models[0].predict(x), models[1].predict(x))


@check("002-091")
def size_and_steps():
    assert Sequential([LSTM(3, input_dim=5, input_length=7)]).input_shape == (None, 7, 5)


@check("002-096")
def order_of_axes():
    last = Sequential([Convolution2D(4, 3, 3, dim_ordering="tf", input_shape=(224, 224, 3))])
    first = Sequential([Convolution2D(4, 3, 3, dim_ordering="th", input_shape=(3, 224, 224))])
    assert last.output_shape == (None, 222, 222, 4)
    assert first.output_shape == (None, 4, 222, 222)


@check("004-030")
def strides_leave_out():
    each, second = (
        Sequential([Conv2D(2, (3, 3), strides=strides, input_shape=(7, 7, 1))])
        for strides in (1, 2)
    )
    second.set_weights(each.get_weights())
    x = np.linspace(-1, 1, 49).reshape(1, 7, 7, 1)
    same(second.predict(x), each.predict(x)[:, ::2, ::2])


# ---------------------------------------------------------------- compile


@check("000-044", "000-045")
def losses_by_name_and_function():
    x, y = ROWS[:3], np.zeros((3, 1))
    for loss, wanted in {
        "mean_absolute_error": 2.0,
        "mse": 14 / 3,
        lambda y_true, y_pred: keras.backend.sum((y_pred - y_true) ** 4, axis=-1): 98 / 3,
    }.items():
        same(line("sgd", loss).evaluate(x, y, verbose=0), wanted)


@check("000-107")
def weights_for_each_step():
    model = Sequential([TimeDistributed(Dense(1), input_shape=(3, 1))])
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    model.compile("sgd", "mae", sample_weight_mode="temporal")
    x, weights = np.arange(6.0).reshape(2, 3, 1), np.array([[1, 0, 2], [0, 0, 3.0]])
    found = model.evaluate(x, np.zeros((2, 3, 1)), sample_weight=weights, verbose=0)
    same(found, (x[..., 0] * weights).mean())


@check("000-106")
def compile_as_in_keras_1():
    with within("1.0"):
        model = Sequential([TimeDistributed(Dense(1), input_shape=(3, 1))])
        model.compile("sgd", "mae", [], "temporal")
        x = np.ones((2, 3, 1))
        model.train_on_batch(x, x, sample_weight=np.ones((2, 3)))


@check("000-109")
def accuracy_in_the_history():
    history = line("sgd", "binary_crossentropy", metrics=["accuracy"]).fit(
        ROWS / 9, ROWS > 4, verbose=0
    )
    assert sorted(history.history) == ["accuracy", "loss"]


@check("000-110")
def a_function_as_metric():
    def biggest(y_true, y_pred):
        return keras.backend.max(y_pred)

    same(line("sgd", "mse", metrics=[biggest]).evaluate(ROWS, ROWS, verbose=0), [0, 8])


@check("002-100", "002-101")
def outputs_and_losses():
    x, y = np.linspace(-1, 1, 8).reshape(2, 4), np.eye(3)[:2]
    for activation, loss in (
        ("sigmoid", "binary_crossentropy"),
        ("softmax", "categorical_crossentropy"),
    ):
        model = Sequential([Dense(3, activation=activation, input_dim=4)])
        model.compile("sgd", loss)
        p = model.predict(x).astype("float64")
        each = -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p))
        wanted = each if activation == "sigmoid" else -np.mean(np.sum(y * np.log(p), axis=-1))
        same(model.evaluate(x, y, verbose=0), wanted)


@check("002-103")
def acc_fits_the_loss():
    x, y = np.linspace(-1, 1, 24).reshape(6, 4), np.eye(3)[[0, 1, 2, 2, 1, 0]]
    for loss in ("binary_crossentropy", "categorical_crossentropy"):
        model = Sequential([Dense(3, activation="softmax", input_dim=4)])
        model.set_weights([np.linspace(-1, 2, 12).reshape(4, 3) ** 2, [0.0, 0.5, 1.0]])
        model.compile("sgd", loss, metrics=["acc"])
        p = model.predict(x)
        both = {"b": np.mean((p > 0.5) == y), "c": np.mean(p.argmax(-1) == y.argmax(-1))}
        assert both["b"] != both["c"]
        same(model.evaluate(x, y, verbose=0)[1], both[loss[0]])


# ---------------------------------------------------------------- fit, evaluate, predict


class Counts(Callback):
    """Counts batches and epochs."""

    def __init__(self):
        super().__init__()
        self.batches = self.epochs = 0

    def on_batch_end(self, batch, logs=None):
        self.batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


@check("000-114", "000-115", "000-117")
def fit_as_in_keras_1():
    counts = Counts()
    model = line("sgd", "mse")
    history = model.fit(ROWS, ROWS, 4, 3, 0, [counts], 0.0, (ROWS, ROWS), True, None, None)
    assert history.epoch == [0, 1, 2] and "val_loss" in history.history
    assert (counts.batches, counts.epochs) == (6, 3)
    named = model.fit(
        *(ROWS, ROWS), batch_size=4, nb_epoch=2, verbose=0, callbacks=[counts], shuffle=True
    )
    assert named.epoch == [0, 1] and counts.epochs == 5


@check("000-116")
def what_fit_prints():
    model = line(SGD(lr=0.0), "mse")
    silent, lines = (printed(model.fit, ROWS, ROWS, epochs=2, verbose=v) for v in (0, 2))
    bar = printed(model.fit, ROWS, ROWS, epochs=2, verbose=1, stream=Terminal())
    assert silent == "" and "Epoch 1/2" in bar and "\r" in bar
    assert lines.count("loss: ") == 2 and "Epoch 2/2" in lines and "\r" not in lines


@check("000-118", "000-119")
def validation_of_fit():
    model = line(SGD(lr=0.0), "mse")
    y = np.zeros((8, 1))
    split = model.fit(ROWS, y, validation_split=0.25, epochs=1, verbose=0).history
    same([split["loss"][0], split["val_loss"][0]], [91 / 6, (49 + 64) / 2])
    data = model.fit(ROWS, y, validation_data=(ROWS[:2], y[:2]), epochs=1, verbose=0).history
    same([data["loss"][0], data["val_loss"][0]], [204 / 8, 2.5])


@check("000-120")
def order_of_rows():
    """A rate that decays tells the order of the gradients."""
    y = np.arange(1.0, 7.0)[:, None] ** 2
    x = np.ones((6, 1))

    def fitted(shuffle, size=1):
        model = line(SGD(lr=0.01, decay=1.0))
        model.fit(x, y, batch_size=size, shuffle=shuffle, epochs=1, verbose=0)
        return float(model.get_weights()[0][0, 0])

    in_order = sgd(0.01, decay=1.0, gradients=y[:, 0])
    same(fitted(False), in_order)
    assert any(abs(fitted(True) - in_order) > 1e-6 for _ in range(4))
    pairs = y.reshape(3, 2).mean(axis=1)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    wanted = [sgd(0.01, decay=1.0, gradients=pairs[list(order)]) for order in orders]
    found = [fitted("batch", 2) for _ in range(6)]
    assert all(min(abs(each - w) for w in wanted) < 1e-5 for each in found)
    assert max(found) - min(found) > 1e-3


@check("000-121", "000-122")
def weights_of_fit():
    model = line(SGD(lr=0.0), "mse")
    y = np.array([0, 1] * 4)[:, None]
    errors = ((ROWS - y) ** 2)[:, 0]
    for given, weights in (
        ({"class_weight": {0: 1.0, 1: 3.0}}, np.array([1, 3] * 4)),
        ({"sample_weight": ROWS[:, 0]}, ROWS[:, 0]),
    ):
        found = model.fit(ROWS, y, epochs=1, verbose=0, **given).history["loss"][0]
        same(found, (errors * weights).mean())


@check("000-123")
def evaluate_as_in_keras_1():
    y = np.zeros((8, 1))
    found = line("sgd", "mse").evaluate(ROWS, y, 4, 0, np.array([1.0] + [0.0] * 7))
    assert isinstance(found, float)
    same(found, 1 / 8)
    same(line("sgd", "mse", metrics=["mae"]).evaluate(ROWS, y, verbose=0), [204 / 8, 4.5])


@check("000-124")
def predict_as_in_keras_1():
    found = line("sgd").predict(ROWS, 4, 0)
    assert isinstance(found, np.ndarray)
    same(found, ROWS)


# ---------------------------------------------------------------- attributes


@check("001-057", "002-037", "002-061", "002-063")
def attributes_of_models_and_layers():
    model = Sequential([Dense(3, input_dim=4, name="one"), Flatten(), Activation("tanh")])
    assert model.output_shape == (None, 3)
    assert isinstance(model.layers, list) and len(model.layers) == 3
    first = model.layers[0]
    assert first.name == "one" and model.get_layer("one") is first
    x = np.linspace(-1, 1, 8).reshape(2, 4)
    inner = Model(first.input, first.output).predict(x)
    same(np.tanh(inner), model.predict(x))


@check("002-062")
def frozen_layers_stay():
    model = Sequential([Dense(3, input_dim=4), Dense(1)])
    model.layers[0].trainable = False
    model.compile(SGD(lr=0.1), "mse")
    before = model.get_weights()
    model.fit(np.ones((4, 4)), np.ones((4, 1)), epochs=1, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]
