"""When callbacks are told of what: order, arguments, live and passive ones, what they change."""

import numpy as np
import pytest

from cornu import layers, optimizers, state
from cornu.callbacks import Callback, CallbackList, History
from cornu.callbacks.base import BATCH_HOOKS, overrides
from cornu.models import Sequential

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def made(rate=0.1, **kwargs):
    state.set_random_seed(0)
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.set_weights([np.full((3, 1), 0.5), np.zeros(1)])
    model.compile(optimizers.SGD(rate), "mse", metrics=["mae"], **kwargs)
    return model


HOOKS = [name for name in vars(Callback) if name.startswith("on_") and name != "on_chunk_end"]


def recorder(hooks, passive=False):
    """A callback that writes down every call of `hooks`, with copies of the logs."""

    def hook(name):
        def call(self, *args, logs=None):
            given = args if logs is None else (*args, logs)
            self.calls.append((name, *(dict(a) if isinstance(a, dict) else a for a in given)))

        return call

    made = type("Recorder", (Callback,), {name: hook(name) for name in hooks})()
    made.passive, made.calls = passive, []
    return made


def shapes(calls):
    """The calls with the keys of logs in place of logs."""
    return [tuple(sorted(a) if isinstance(a, dict) else a for a in call) for call in calls]


LOGS = ["loss", "mae"]
TEST = [
    ("on_test_begin", []),
    ("on_test_batch_begin", 0, []),
    ("on_test_batch_end", 0, LOGS),
    ("on_test_batch_begin", 1, []),
    ("on_test_batch_end", 1, LOGS),
    ("on_test_end", LOGS),
]


def train(number, after=()):
    both = [*LOGS, "val_loss", "val_mae"] if after else LOGS
    return [
        ("on_epoch_begin", number, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 0, LOGS),
        ("on_train_batch_begin", 1, []),
        ("on_train_batch_end", 1, LOGS),
        *after,
        ("on_epoch_end", number, both),
    ]


# ---------------------------------------------------------------- order and arguments


def test_hooks_of_fit_come_in_the_order_of_keras():
    # names, order and log keys as Keras 3.15.1 calls them
    callback = recorder([h for h in HOOKS if h not in ("on_batch_begin", "on_batch_end")])
    made().fit(
        X, Y, batch_size=10, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[callback]
    )
    both = [*LOGS, "val_loss", "val_mae"]
    assert shapes(callback.calls) == [
        ("on_train_begin", []),
        *train(0, TEST),
        *train(1, TEST),
        ("on_train_end", both),
    ]


def test_hooks_of_evaluate_and_predict():
    callback = recorder([h for h in HOOKS if h not in ("on_batch_begin", "on_batch_end")])
    model = made()
    model.evaluate(X, Y, batch_size=10, verbose=0, callbacks=[callback])
    assert shapes(callback.calls) == TEST
    callback.calls.clear()
    outputs = model.predict(X, batch_size=10, verbose=0, callbacks=[callback])
    assert shapes(callback.calls) == [
        ("on_predict_begin", []),
        ("on_predict_batch_begin", 0, []),
        ("on_predict_batch_end", 0, ["outputs"]),
        ("on_predict_batch_begin", 1, []),
        ("on_predict_batch_end", 1, ["outputs"]),
        ("on_predict_end", []),
    ]
    parts = [c[2]["outputs"] for c in callback.calls if c[0] == "on_predict_batch_end"]
    assert np.array_equal(np.concatenate(parts), outputs)


def test_older_names_of_the_batch_hooks_are_called():
    callback = recorder(["on_batch_begin", "on_batch_end"])
    made().fit(X, Y, batch_size=10, verbose=0, callbacks=callback)
    assert shapes(callback.calls) == [
        ("on_batch_begin", 0, []),
        ("on_batch_end", 0, LOGS),
        ("on_batch_begin", 1, []),
        ("on_batch_end", 1, LOGS),
    ]


def test_model_and_params_are_there_from_the_beginning():
    seen = []

    class Look(Callback):
        def on_train_begin(self, logs):
            seen.append((self.model, dict(self.params)))

    model = made()
    model.fit(X, Y, batch_size=8, epochs=4, initial_epoch=3, verbose=0, callbacks=[Look()])
    assert seen == [(model, {"epochs": 4, "steps": 3, "verbose": 0, "batch_size": 8})]


def test_epochs_count_on_from_the_initial_one():
    callback = recorder(["on_epoch_begin", "on_epoch_end"])
    history = made().fit(X, Y, epochs=5, initial_epoch=3, verbose=0, callbacks=[callback])
    assert [c[1] for c in callback.calls] == [3, 3, 4, 4] and history.epoch == [3, 4]


def test_no_epoch_no_batch():
    callback = recorder(HOOKS)
    history = made().fit(X, Y, epochs=0, verbose=0, callbacks=[callback])
    assert [c[0] for c in callback.calls] == ["on_train_begin", "on_train_end"]
    assert history.history == {} and history.epoch == []


# ---------------------------------------------------------------- what the logs say


def by_hand(order, batch, rate=0.1):
    """Running loss and MAE after every batch of an epoch of plain SGD, in float64."""
    kernel, bias = np.full((3, 1), 0.5), np.zeros(1)
    x, y = X.astype("float64")[order], Y.astype("float64")[order]
    squares, errors, rows, found = 0.0, 0.0, 0, []
    for i in range(0, len(x), batch):
        xs, error = x[i : i + batch], x[i : i + batch] @ kernel + bias - y[i : i + batch]
        squares, errors = squares + (error**2).sum(), errors + abs(error).sum()
        rows += len(xs)
        found.append({"loss": squares / rows, "mae": errors / rows})
        kernel = kernel - rate * 2 * xs.T @ error / len(xs)
        bias = bias - rate * 2 * error.mean(axis=0)
    return found


@pytest.mark.parametrize("passive", [False, True])
def test_batch_logs_are_running_figures(passive):
    callback = recorder(["on_train_batch_end"], passive=passive)
    made().fit(X, Y, batch_size=7, shuffle=False, verbose=0, callbacks=[callback])
    wanted = by_hand(np.arange(20), 7)
    assert [c[1] for c in callback.calls] == [0, 1, 2]
    for (_, _, logs), expected in zip(callback.calls, wanted, strict=True):
        assert logs.keys() == expected.keys()
        assert all(np.isclose(logs[k], expected[k], rtol=1e-5) for k in expected)
        assert all(type(v) is float for v in logs.values())


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 7, "epochs": 3},
        {"batch_size": 4, "epochs": 2, "steps_per_epoch": 8},
        {"batch_size": 32, "epochs": 2},
        {"batch_size": 6, "epochs": 2, "validation_split": 0.2},
        {"batch_size": 6, "epochs": 2, "sample_weight": np.arange(20.0)},
    ],
    ids=str,
)
def test_passive_callbacks_are_told_what_live_ones_are(options):
    hooks = ["on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end"]
    calls, weights = [], []
    for passive in (False, True):
        model, callback = made(), recorder(hooks, passive)
        for _ in range(2):  # the second time the chunks are long
            model.fit(X, Y, verbose=0, callbacks=[callback], **options)
        calls.append(callback.calls)
        weights.append(model.get_weights())
    assert calls[0] == calls[1]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_a_passive_callback_beside_a_live_one():
    live, passive = recorder(["on_train_batch_end"]), recorder(["on_train_batch_end"], True)
    made().fit(X, Y, batch_size=6, epochs=2, verbose=0, callbacks=[passive, live])
    assert live.calls == passive.calls and len(live.calls) == 8


def test_passive_callbacks_with_a_generator():
    def batches():
        while True:
            for i in range(0, 20, 5):
                yield X[i : i + 5], Y[i : i + 5]

    calls = []
    for passive in (False, True):
        callback = recorder(["on_train_batch_end"], passive)
        made().fit(batches(), steps_per_epoch=4, epochs=2, verbose=0, callbacks=[callback])
        calls.append(callback.calls)
    assert calls[0] == calls[1] and len(calls[0]) == 8


# ---------------------------------------------------------------- what callbacks change


class Doing(Callback):
    """Does something in one hook."""

    def __init__(self, hook, do):
        setattr(self, hook, lambda *args, **kwargs: do(self.model, *args))


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_epoch_begin", "on_train_begin"])
def test_a_learning_rate_of_zero_takes_effect_at_once(hook):
    model = made()
    model.fit(X, Y, verbose=0)
    before = model.get_weights()

    def stop_learning(model, *_):
        model.optimizer.learning_rate = 0.0

    model.fit(X, Y, epochs=2, verbose=0, callbacks=[Doing(hook, stop_learning)])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_learning_rate_by_epoch():
    model, rates = made(), [0.1, 0.0, 0.2]

    def choose(model, epoch, *_):
        model.optimizer.learning_rate = rates[epoch]

    snapshots = []
    model.fit(
        X,
        Y,
        batch_size=20,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[
            Doing("on_epoch_begin", choose),
            Doing("on_epoch_end", lambda model, *_: snapshots.append(model.get_weights()[0])),
        ],
    )
    kernel, bias, expected = np.full((3, 1), 0.5), np.zeros(1), []
    for rate in rates:
        error = X.astype("float64") @ kernel + bias - Y
        kernel = kernel - rate * 2 * X.T.astype("float64") @ error / 20
        bias = bias - rate * 2 * error.mean(axis=0)
        expected.append(kernel)
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(snapshots, expected, strict=True))


@pytest.mark.parametrize(
    ("hook", "at"), [("on_train_batch_begin", 2), ("on_train_batch_end", 1), ("on_epoch_begin", 1)]
)
def test_weights_that_a_callback_sets_are_those_of_the_next_step(hook, at):
    model = made(rate=0.0)
    exact = [np.ones((3, 1)), np.zeros(1)]

    def repair(model, number, *_):
        if number == at:
            model.set_weights(exact)

    history = model.fit(
        X, Y, batch_size=5, epochs=2, verbose=0, callbacks=[Doing(hook, repair)]
    ).history
    first = np.mean((X @ np.full((3, 1), 0.5) - Y) ** 2)
    if hook == "on_epoch_begin":
        assert np.isclose(history["loss"][0], first, rtol=1e-5)
    else:
        assert 0.05 * first < history["loss"][0] < 0.95 * first  # two of four batches are exact
    assert np.isclose(history["loss"][1], 0, atol=1e-10)


@pytest.mark.parametrize(
    ("hook", "at", "batches", "epochs"),
    [
        ("on_train_batch_end", 1, 2, 1),
        ("on_epoch_end", 1, 8, 2),
        ("on_epoch_begin", 0, 1, 1),
        ("on_train_batch_begin", 2, 3, 1),
    ],
)
def test_stop_training(hook, at, batches, epochs):
    model, seen = made(), recorder(["on_train_batch_end", "on_epoch_end", "on_train_end"])

    def stop(model, number, *_):
        if number == at:
            model.stop_training = True

    history = model.fit(
        X, Y, batch_size=5, epochs=4, verbose=0, callbacks=[Doing(hook, stop), seen]
    )
    told = [c[0] for c in seen.calls]
    assert told.count("on_train_batch_end") == batches
    assert told.count("on_epoch_end") == len(history.epoch) == epochs
    assert told[-1] == "on_train_end"
    assert int(model.optimizer.iterations) == batches
    model.fit(X, Y, batch_size=5, verbose=0)
    assert int(model.optimizer.iterations) == batches + 4  # the flag does not outlive its fit


def test_logs_that_a_callback_adds_reach_the_history():
    class Adding(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["twice"] = 2 * epoch

    history = made().fit(X, Y, epochs=3, verbose=0, callbacks=[Adding()])
    assert history.history["twice"] == [0, 2, 4]


def test_a_callback_may_predict_and_evaluate():
    model, found = made(), []

    class Judge(Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append((self.model.evaluate(X, Y, verbose=0), self.model.predict(X, verbose=0)))

    model.fit(X, Y, batch_size=20, epochs=2, verbose=0, callbacks=[Judge()])
    assert np.allclose(found[-1][1], model.predict(X, verbose=0))
    error = found[0][1] - Y
    assert np.allclose(found[0][0], [np.mean(error**2), np.mean(abs(error))], rtol=1e-5)


# ---------------------------------------------------------------- the list


class Plain(Callback):
    """No hook at all."""


class Epochwise(Callback):
    """Overrides one hook of epochs."""

    def on_epoch_end(self, epoch, logs=None):
        """Nothing."""


class Batchwise(Epochwise):
    """Overrides one hook of batches."""

    def on_batch_end(self, batch, logs=None):
        """Nothing."""


class Delegating(Callback):
    """Passes every hook that it does not have on to another."""

    def __init__(self, other):
        self.other = other

    def __getattribute__(self, name):
        if name.startswith("on_"):
            return getattr(object.__getattribute__(self, "other"), name)
        return object.__getattribute__(self, name)


def test_what_counts_as_overriding():
    by_hand = Plain()
    by_hand.on_train_batch_end = lambda batch, logs=None: None
    wanted = {Plain: False, Epochwise: False, Batchwise: True}
    assert {cls: overrides(cls(), BATCH_HOOKS) for cls in wanted} == wanted
    assert overrides(by_hand, BATCH_HOOKS)
    assert overrides(Delegating(Batchwise()), BATCH_HOOKS)
    assert not overrides(Delegating(Plain()), BATCH_HOOKS)


def test_live_and_passive_are_told_apart():
    quiet = Batchwise()
    quiet.passive = True
    live, plain = Batchwise(), Epochwise()
    found = CallbackList([quiet, live, plain], model="model", epochs=1)
    assert found.live == [live] and found.passive == [quiet]
    assert {c.model for c in found.callbacks} == {"model"}
    assert plain.params == {"epochs": 1} and plain.params is not live.params


@pytest.mark.parametrize("wrong", [History, [Plain()], "csv", lambda *a: None])
def test_what_is_no_callback(wrong):
    given = wrong if isinstance(wrong, str) or isinstance(wrong, type) else [wrong]
    with pytest.raises(ValueError, match="E-CALLBACK"):
        made().fit(X, Y, verbose=0, callbacks=given)
