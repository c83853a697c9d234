"""LambdaCallback, BaseLogger, TerminateOnNaN, RemoteMonitor, OptunaPruning, CallbackList."""

import http.server
import json
import math
import sys
import threading
import types
import urllib.parse

import numpy as np
import pytest

from callbacks.runs import Counted, run
from cornu import layers, optimizers
from cornu.callbacks import (
    BaseLogger,
    Callback,
    CallbackList,
    History,
    LambdaCallback,
    OptunaPruning,
    ProgbarLogger,
    RemoteMonitor,
    TerminateOnNaN,
)
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Sequential

X = np.ones((20, 1), "float32")


@pytest.fixture(scope="module")
def model():
    made = Sequential([layers.Input((1,)), layers.Dense(1)])
    made.compile(optimizers.SGD(0.1), "mse")
    return made


# ---------------------------------------------------------------- LambdaCallback


def test_functions_are_hooks(model):
    told = []

    def telling(name):
        return lambda *said: told.append((name, *(s for s in said if isinstance(s, int))))

    hooks = ("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")
    batchwise = ("on_train_batch_begin", "on_train_batch_end")
    testing = ("on_test_begin", "on_test_batch_end")
    every = LambdaCallback(**{name: telling(name) for name in (*hooks, *batchwise, *testing)})
    model.fit(X, X, batch_size=10, validation_data=(X, X), verbose=0, callbacks=[every])
    assert told == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        *(("on_train_batch_begin", 0), ("on_train_batch_end", 0)),
        *(("on_train_batch_begin", 1), ("on_train_batch_end", 1)),
        *(("on_test_begin",), ("on_test_batch_end", 0), ("on_test_batch_end", 1)),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]


def test_attributes_may_be_given_too(model):
    seen = []
    quiet = LambdaCallback(on_batch_end=lambda b, figures: seen.append(b), passive=True, note="x")
    assert quiet.note == "x" and not CallbackList([quiet]).live
    model.fit(X, X, batch_size=5, verbose=0, callbacks=[quiet])
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"on_epoch_ends": print}, 'no hook "on_epoch_ends". Did you mean "on_epoch_end"'),
        ({"on_epoch_end": 3}, "on_epoch_end must be a function; got 3"),
    ],
)
def test_wrong_hooks(said, message):
    with pytest.raises(UsageTypeError, match=message):
        LambdaCallback(**said)


# ---------------------------------------------------------------- BaseLogger, TerminateOnNaN


def test_means_of_an_epoch():
    base = BaseLogger(stateful_metrics=["auc"])
    base.set_params({"steps": 4})
    base.on_epoch_begin(0)
    base.on_epoch_end(0, {"loss": 0.5, "auc": 0.75})
    assert base.totals == {"loss": 2.0, "auc": 0.75} and base.seen == 4
    base.on_epoch_begin(1)
    assert not base.totals


@pytest.mark.filterwarnings("ignore:training met a number", "ignore:the loss is not finite")
@pytest.mark.parametrize("policy", [None, "ignore"])
def test_training_stops_at_a_loss_that_is_no_number(model, policy, capsys):
    model.validate_data = False
    try:
        bad = np.where(np.arange(20)[:, None] == 7, np.nan, X).astype("float32")
        history = model.fit(
            X, bad, batch_size=5, epochs=3, shuffle=False, verbose=0, on_nonfinite=policy,
            callbacks=[TerminateOnNaN()],
        )  # fmt: skip
    finally:
        model.validate_data = True
        model.set_weights([np.ones((1, 1)), np.zeros(1)])
    assert len(history.epoch) == 1
    if policy == "ignore":
        assert "the loss is nan; training stops" in capsys.readouterr().out


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_an_error_instead(loss):
    stop = TerminateOnNaN(raise_error=True)
    stop.on_chunk_end(1, {"loss": 1.0})
    with pytest.raises(RuntimeError, match="the loss is .* after 3 batches") as caught:
        stop.on_chunk_end(3, {"loss": loss})
    assert caught.value.code == "E-NONFINITE"


# ---------------------------------------------------------------- RemoteMonitor


@pytest.fixture
def server():
    """A server on this machine, and what was posted to it."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            got.append("followed")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, dict(self.headers), body))
            self.send_response({"/broken": 500, "/moved": 302}.get(self.path, 200))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *said):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", got
        made.shutdown()
        thread.join()


FIGURES = {"loss": np.float32(0.5), "bad": math.nan, "many": np.array([1.0, math.inf])}


def test_figures_are_posted_as_a_form(server):
    root, got = server
    RemoteMonitor(root, headers={"X-Run": "7"}).on_epoch_end(3, FIGURES)
    ((path, headers, body),) = got
    assert path == "/publish/epoch/end/" and headers["X-Run"] == "7"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    sent = json.loads(urllib.parse.parse_qs(body)["data"][0])
    assert sent == {"epoch": 3, "loss": 0.5, "bad": None, "many": [1.0, None]}


def test_figures_are_posted_as_json(server, model):
    root, got = server
    model.fit(X, X, epochs=2, verbose=0,
              callbacks=[RemoteMonitor(root, "/here", send_as_json=True)])  # fmt: skip
    assert [json.loads(body)["epoch"] for _, _, body in got] == [0, 1]
    assert json.loads(got[0][2]).keys() == {"epoch", "loss"}
    assert got[0][1]["Content-Type"] == "application/json" and got[0][0] == "/here"


@pytest.mark.parametrize("kind", ["refuses", "says 500", "is no address", "sends elsewhere"])
def test_a_server_that_fails_is_told_of_once(server, kind, model):
    root, path = {
        "refuses": ("http://127.0.0.1:1", "/"),
        "says 500": (server[0], "/broken"),
        "is no address": ("http://a b", "/"),
        "sends elsewhere": (server[0], "/moved"),
    }[kind]
    monitor = RemoteMonitor(root, path)
    with pytest.warns(UserWarning, match="RemoteMonitor cannot reach") as caught:
        history = model.fit(X, X, epochs=3, verbose=0, callbacks=[monitor])
    assert len(caught) == 1 and len(history.epoch) == 3 and "followed" not in server[1]


@pytest.mark.parametrize("root", ["file:///etc", "localhost:9000", None])
def test_only_the_web(root):
    with pytest.raises(UsageError, match='root must begin with "http://"') as caught:
        RemoteMonitor(root)
    assert caught.value.code == "E-URL"


# ---------------------------------------------------------------- OptunaPruning


class Trial:
    """Stands for a trial of Optuna: it is to end after some reports."""

    def __init__(self, most):
        self.most, self.reports = most, []

    def report(self, value, step):
        self.reports.append((step, value))

    def should_prune(self):
        return len(self.reports) >= self.most


@pytest.fixture
def optuna(monkeypatch):
    stand_in = types.ModuleType("optuna")
    stand_in.TrialPruned = type("TrialPruned", (Exception,), {})
    monkeypatch.setitem(sys.modules, "optuna", stand_in)
    return stand_in


def test_a_trial_that_goes_badly_ends(optuna):
    trial = Trial(2)
    with pytest.raises(optuna.TrialPruned, match="pruned after epoch 2: val_loss is 0.5"):
        run(OptunaPruning(trial), [1.0, 0.5, 0.25])
    assert trial.reports == [(0, 1.0), (1, 0.5)]
    trial = Trial(9)
    run(OptunaPruning(trial, interval=2), [1.0, 0.5, 0.25, 0.125])
    assert trial.reports == [(1, 0.5), (3, 0.125)]


def test_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'pip install "cornu\[optuna\]"'):
        run(OptunaPruning(Trial(1)), [1.0])


def test_what_is_no_trial():
    with pytest.raises(UsageTypeError, match="trial must be what Optuna calls the objective with"):
        OptunaPruning(0.5)
    with pytest.raises(UsageError, match="interval must be a whole number >= 1"):
        OptunaPruning(Trial(1), interval=0)


# ---------------------------------------------------------------- CallbackList


class Told(Callback):
    def __init__(self):
        self.calls = []

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append((epoch, logs))
        logs["added"] = 1

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append((batch, logs))


def test_a_loop_of_ones_own():
    told, model = Told(), Counted()
    callbacks = CallbackList([[told]], add_history=True, add_progbar=True, model=model, epochs=2)
    history = next(c for c in callbacks.callbacks if isinstance(c, History))
    assert sum(isinstance(c, ProgbarLogger) for c in callbacks.callbacks) == 1
    assert told.model is model and told.params == {"epochs": 2}
    callbacks.on_train_begin()
    callbacks.on_train_batch_end(1, {"loss": np.float32(0.5)})
    callbacks.on_epoch_end(0, {"loss": np.array(0.25)})
    callbacks.on_train_end()
    assert told.calls == [(1, {"loss": 0.5}), (0, {"loss": 0.25, "added": 1})]
    assert type(told.calls[0][1]["loss"]) is float
    assert history.history == {"loss": [0.25], "added": [1]}


def test_a_loop_of_ones_own_stops_at_no_number():
    model = Counted()
    callbacks = CallbackList([TerminateOnNaN()], model=model)
    callbacks.on_train_batch_end(0, {"loss": 1.0})
    assert not model.stop_training
    callbacks.on_batch_end(1, {"loss": np.float32(math.nan)})
    assert model.stop_training


def test_what_is_there_is_not_added_again():
    mine = History()
    assert CallbackList(mine, add_history=True).callbacks == [mine]
    assert CallbackList().callbacks == []
    assert CallbackList(CallbackList([mine])).callbacks == [mine]


def test_one_more():
    callbacks, told = CallbackList(model="model", epochs=1), Told()
    callbacks.append(told)
    assert callbacks.live == [told] and told.model == "model" and told.params == {"epochs": 1}


def test_fit_takes_a_list(model):
    told = Told()
    history = model.fit(X, X, epochs=2, verbose=0, callbacks=CallbackList([told], model=model))
    assert len(history.epoch) == 2 and len(told.calls) == 4
