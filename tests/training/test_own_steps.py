"""Steps of the user's own: a loss, a loss and metrics, a whole step; each against plain NumPy."""

import numpy as np
import pytest

from cornu import engine, losses, metrics, ops, optimizers, random, saving, state
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import BatchNormalization, Dense, Dropout, Input
from cornu.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype("float32")


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


def descent(kernel, steps, size, slope):
    """Gradient descent in float64: `slope(kernel, x, y)` is the gradient."""
    kernel = kernel.astype("float64")
    for _ in range(steps):
        for at in range(0, len(X), size):
            kernel = kernel - 0.1 * slope(kernel, X[at : at + size], Y[at : at + size])
    return kernel


def mse_slope(kernel, x, y):
    return 2 * x.T @ (x @ kernel - y) / len(x)


class Line(Model):
    def __init__(self):
        super().__init__()
        self.line = Dense(1, use_bias=False)

    def call(self, x):
        return self.line(x)


class Alone(Line):
    """No `loss` in compile: the model says it."""

    def step_loss(self, x, y):
        error = ops.mean(ops.square(self.line(x) - y))
        return {"loss": error, "size": ops.mean(ops.abs(y))}


def fitted(model, **said):
    return model.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0, **said).history


def test_step_loss():
    model = Alone()
    model.compile(optimizers.SGD(0.1))
    model(X[:1])
    start = model.get_weights()[0]
    history = fitted(model, validation_data=(X, Y))
    kernel = descent(start, 3, 10, mse_slope)
    assert np.allclose(model.get_weights()[0], kernel, rtol=1e-4, atol=1e-6)
    assert list(history) == ["loss", "size", "val_loss", "val_size"]
    assert np.allclose(history["size"], np.abs(Y).mean(), rtol=1e-5)
    assert np.allclose(history["val_loss"][-1], np.mean((X @ kernel - Y) ** 2), rtol=1e-3)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert np.allclose(found["loss"], history["val_loss"][-1], rtol=1e-5)


class Autoencoder(Model):
    """Variational, and without a `call`: nothing but two networks and a loss."""

    def __init__(self):
        super().__init__()
        self.encoder = Sequential([Dense(8, "relu"), Dense(4)])
        self.decoder = Sequential([Dense(8, "relu"), Dropout(0.1), Dense(3)])

    def step_loss(self, x):
        mean, log_variance = ops.split(self.encoder(x), 2, axis=-1)
        z = mean + ops.exp(0.5 * log_variance) * random.normal(ops.shape(mean))
        rebuilt = ops.mean(ops.square(self.decoder(z) - x))
        kl = -0.5 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance))
        return {"loss": rebuilt + 0.1 * kl, "rebuilt": rebuilt, "kl": kl}


def test_a_model_of_parts_and_a_loss():
    model = Autoencoder()
    model.compile("adam")
    history = model.fit(X, batch_size=10, epochs=30, verbose=0).history
    assert list(history) == ["loss", "rebuilt", "kl"]
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    total = np.add(history["rebuilt"], 0.1 * np.array(history["kl"]))
    assert np.allclose(history["loss"], total, rtol=1e-4)
    assert len(model.trainable_variables) == 8
    assert model.decoder.predict(np.zeros((2, 2)), verbose=0).shape == (2, 3)


class Weighed(Line):
    def step_loss(self, x, y, sample_weight):
        return ops.sum(sample_weight * ops.square(self.line(x) - y)[:, 0]) / 10


def test_step_loss_with_weights():
    model = Weighed()
    model.compile(optimizers.SGD(0.1))
    model(X[:1])
    start, weight = model.get_weights()[0], np.linspace(0, 1, 40)
    model.fit(X, Y, batch_size=40, sample_weight=weight, shuffle=False, verbose=0)
    slope = 2 * X.T @ (weight[:, None] * (X @ start - Y)) / 10
    assert np.allclose(model.get_weights()[0], start - 0.1 * slope, rtol=1e-4)


@pytest.mark.parametrize("takes_targets", [True, False])
def test_step_loss_is_told_whether_it_trains(takes_targets):
    class Phased(Line):
        def step_loss(self, x, y, training):
            return ops.mean(self.line(x)) * 0 + (2.0 if training else 3.0)

    class Alone(Line):
        def step_loss(self, x, training=None):
            return ops.mean(self.line(x)) * 0 + (2.0 if training else 3.0)

    model = Phased() if takes_targets else Alone()
    model.compile("sgd")
    data = (X, Y) if takes_targets else (X,)
    assert model.fit(*data, batch_size=10, verbose=0).history["loss"] == [2.0]
    assert model.evaluate(*data, verbose=0) == 3.0


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda x: {"error": ops.mean(x)}, 'gave a dict of error: it needs "loss"'),
        (lambda x: x, r"gave a loss of shape \(10, 3\)"),
        (lambda x: {"loss": ops.mean(x), "all": x}, r"gave a all of shape \(10, 3\)"),
    ],
)
def test_step_losses_that_are_none(found, words):
    class Wrong(Line):
        def step_loss(self, x, y):
            return found(self.line(x) * x)

    model = Wrong()
    model.compile("sgd")
    with pytest.raises(UsageError, match=words):
        fitted(model)


def test_step_losses_that_are_called_otherwise():
    class Phases(Line):
        def step_loss(self, x, y):
            loss = ops.mean(ops.square(self.line(x) - y))
            return {"loss": loss, "train" if state.training() else "test": loss}

    class Nothing(Line):
        def step_loss(self, x, y):
            self.line(x)

    for kind, x, said, words in (
        (Alone, (X, Y), {"sample_weight": np.ones(40)}, "takes no sample weights"),
        (Alone, (X,), {}, "takes y, but x was passed alone"),
        (Nothing, (X, Y), {}, "gave no loss, but None"),
        (Phases, (X, Y), {"validation_data": (X, Y)}, "gave test in this phase alone"),
    ):
        model = kind()
        model.compile("sgd")
        with pytest.raises(UsageError, match=words):
            model.fit(*x, verbose=0, **said)


# ---------------------------------------------------------------- as in Keras 3


class Penalised(Line):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss + 0.5 * ops.sum(ops.square(self.line.kernel))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        found = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**found, "largest": ops.max(ops.abs(y_pred))}


def test_compute_loss_and_metrics():
    model = Penalised()
    model.compile(optimizers.SGD(0.1), "mse", metrics=["mae"])
    model(X[:1])
    start = model.get_weights()[0]
    history = fitted(model)
    kernel = descent(start, 3, 10, lambda k, x, y: mse_slope(k, x, y) + k)
    assert np.allclose(model.get_weights()[0], kernel, rtol=1e-4, atol=1e-6)
    assert set(history) == {"loss", "mae", "largest"}
    found = model.evaluate(X, Y, batch_size=40, verbose=0, return_dict=True)
    assert np.isclose(found["loss"], np.mean((X @ kernel - Y) ** 2) + 0.5 * (kernel**2).sum())
    assert np.isclose(found["mae"], np.abs(X @ kernel - Y).mean())
    assert np.isclose(found["largest"], np.abs(X @ kernel).max())


class Whole(Model):
    """A step written as for Keras 3 on JAX."""

    def __init__(self):
        super().__init__()
        self.line = Dense(1, use_bias=False)
        self.drop = Dropout(0.0)
        self.tracker = metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return self.line(self.drop(x))

    def loss_and_updates(self, trainable, other, x, y):
        y_pred, other = self.stateless_call(trainable, other, x, training=True)
        return ops.mean(ops.square(y_pred - y)), other

    def train_step(self, state, data):
        trainable, other, slots, figures = state
        x, y = data
        gradient = engine.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, other), slopes = gradient(trainable, other, x, y)
        trainable, slots = self.optimizer.stateless_apply(slots, slopes, trainable)
        figures = self.tracker.stateless_update_state(figures, loss)
        logs = {"loss": self.tracker.stateless_result(figures)}
        return logs, (trainable, other, slots, figures)


def test_train_step():
    model = Whole()
    model.compile(optimizers.SGD(0.1), "mse")
    model(X[:1])
    start = model.get_weights()[0]
    history = fitted(model)
    kernel = descent(start, 3, 10, mse_slope)
    assert np.allclose(model.get_weights()[0], kernel, rtol=1e-4, atol=1e-6)
    assert list(history) == ["loss"] and history["loss"][-1] < history["loss"][0]
    before = descent(start, 2, 10, mse_slope)
    each = []
    for at in range(0, 40, 10):
        each.append(np.mean((X[at : at + 10] @ before - Y[at : at + 10]) ** 2))
        before = before - 0.1 * mse_slope(before, X[at : at + 10], Y[at : at + 10])
    assert np.isclose(history["loss"][-1], np.mean(each), rtol=1e-4)


class Whole2(Whole):
    """With layers that draw and count, a figure without a metric, and a test step."""

    def __init__(self):
        super().__init__()
        self.drop, self.norm = Dropout(0.5), BatchNormalization(momentum=0.5)

    def call(self, x):
        return self.line(self.drop(self.norm(x)))

    def test_step(self, state, data):
        y_pred, _ = self.stateless_call(state[0], state[1], data[0], training=False)
        return {"loss": ops.mean(ops.square(y_pred - data[1]))}, state


def test_train_step_draws_anew_and_keeps_what_layers_count():
    model = Whole2()
    model.compile(optimizers.SGD(0.0), "mse")
    history = model.fit(X, Y, batch_size=40, epochs=4, shuffle=False, verbose=0).history
    assert len(set(history["loss"])) == 4
    expected = (1 - 0.5**4) * X.mean(0)
    assert np.allclose(model.norm.moving_mean.numpy(), expected, atol=1e-5)
    error = model.predict(X, verbose=0) - Y
    for _ in range(2):
        assert np.isclose(model.evaluate(X, Y, 40, verbose=0), np.mean(error**2), rtol=1e-5)


def test_train_steps_with_figures_of_their_own():
    class Named(Whole):
        def train_step(self, state, data):
            logs, news = super().train_step(state, data)
            return {"error": logs["loss"]}, news

    class Other(Named):
        def test_step(self, state, data):
            return {"loss": ops.mean(data[1])}, state

    model = Named()
    model.compile("sgd", "mse")
    assert list(fitted(model)) == ["error"]
    model = Other()
    model.compile("sgd", "mse")
    with pytest.raises(UsageError, match="test_step gave loss, but train_step error"):
        fitted(model, validation_data=(X, Y))


def test_train_steps_that_are_none():
    class Taped(Line):
        def train_step(self, data):
            raise AssertionError("never")

    class Odd(Line):
        def train_step(self, state, data):
            return {"loss": ops.mean(data[0])}

    for kind, words in ((Taped, "step_loss"), (Odd, "must return .figures by name, new state")):
        model = kind()
        model.compile("sgd", "mse")
        with pytest.raises(UsageTypeError, match=words):
            fitted(model)


# ---------------------------------------------------------------- two models that share layers


def test_adversaries():
    """A GAN by `train_on_batch`: each step changes its own part, and nothing of the other's."""
    noise = np.random.default_rng(1).normal(size=(20, 2)).astype("float32")
    maker = Sequential([Input((2,)), Dense(3)])
    judge = Sequential([Input((3,)), Dense(1, "sigmoid")])
    judge.compile(optimizers.SGD(0.5), losses.BinaryCrossentropy())
    judge.trainable = False
    both = Sequential([Input((2,)), maker, judge])
    both.compile(optimizers.SGD(0.5), losses.BinaryCrossentropy())
    with pytest.warns(UserWarning, match="changed trainable since compile"):
        judge.train_on_batch(X[:20], np.zeros((20, 1)))
    for _ in range(3):
        made, judged = maker.get_weights(), judge.get_weights()
        judge.train_on_batch(X[:20], np.ones((20, 1)))
        assert all(np.array_equal(a, b) for a, b in zip(made, maker.get_weights(), strict=True))
        changed = judge.get_weights()
        assert not np.array_equal(judged[0], changed[0])
        both.train_on_batch(noise, np.ones((20, 1)))
        assert all(np.array_equal(a, b) for a, b in zip(changed, judge.get_weights(), strict=True))
        assert not np.array_equal(made[0], maker.get_weights()[0])


def test_a_model_of_parts_is_saved_and_loaded(tmp_path):
    model = Autoencoder()
    model.compile("adam")
    model.fit(X, batch_size=10, verbose=0)
    model.save(tmp_path / "parts.keras")
    again = saving.load_model(tmp_path / "parts.keras", custom_objects={"Autoencoder": Autoencoder})
    pairs = zip(model.get_weights(), again.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs) and len(again.get_weights()) == 8
    z = np.ones((2, 2), "float32")
    assert np.array_equal(model.decoder.predict(z, verbose=0), again.decoder.predict(z, verbose=0))
    assert np.isfinite(again.fit(X, batch_size=10, verbose=0).history["loss"][0])
