"""Batches computed ahead of their callbacks: only the time of computing can be seen of it."""

import copy
import threading

import numpy as np
import pytest

from cornu import engine, ops, optimizers, state
from cornu.callbacks import BackupAndRestore, Callback
from cornu.layers import Dense, Dropout, Input
from cornu.models import Sequential
from cornu.training import ahead, data
from cornu.training.ahead import Ahead
from cornu.training.guard import NonFiniteError

ROWS, BATCH = 250, 5
BATCHES = ROWS // BATCH
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True) + 1
IN_TURN = 10**9


def made(loss="mse"):
    state.set_random_seed(1)
    model = Sequential([Input((3,)), Dense(4, "tanh"), Dropout(0.1), Dense(1)])
    model.compile(optimizers.Adam(0.01), loss, metrics=["mae"])
    return model


class Steps(Callback):
    """Writes down the figures of every batch, and does something with the model at some."""

    keeps = ()

    def __init__(self, act=None, at=(), hook="end"):
        super().__init__()
        self.act, self.at, self.hook, self.logs, self.seen = act, at, hook, [], []
        self.count = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.do("begin")

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))
        self.do("end")
        self.count += 1

    def do(self, hook):
        if hook == self.hook and self.count in self.at:
            self.seen.append(self.act(self.model))


class Trained:
    """One model, trained from the same state again and again."""

    def __init__(self):
        self.model = made()
        self.model.fit(X, Y, batch_size=BATCH, verbose=0, callbacks=[Steps()])
        self.program = self.model._kept["program"]
        self.start = self.program.copied(None)

    def fit(self, callback, y=Y, epochs=1, **said):
        self.program.restore([value.copy() for value in self.start])
        self.program.passes = 0
        return self.model.fit(
            X, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[callback], **said
        )

    def state(self):
        return self.program.copied(None)


@pytest.fixture(scope="module")
def trained():
    return Trained()


@pytest.fixture
def runs(monkeypatch):
    """Sizes of the runs ahead, and from where it was gone back."""
    found = {"ran": [], "back": []}
    ran, back = Ahead._ran, Ahead._go_back

    def ran_too(self, part, fresh):
        made = ran(self, part, fresh)
        if made is not None:
            found["ran"].append(part.count)
        return made

    def back_too(self, run):
        found["back"].append(self.told)
        back(self, run)

    monkeypatch.setattr(Ahead, "_ran", ran_too)
    monkeypatch.setattr(Ahead, "_go_back", back_too)
    monkeypatch.setattr(ahead, "TRIAL", 0)
    monkeypatch.setattr(ahead, "SECONDS", 1e9)
    return found


def both(trained, runs, monkeypatch, make, **said):
    """What a callback has seen, and the last state: computed ahead, and in turn."""
    found = []
    for trial in (0, IN_TURN):
        monkeypatch.setattr(ahead, "TRIAL", trial)
        callback = make()
        trained.fit(callback, **said)
        found.append((callback.logs, callback.seen, trained.state()))
    assert runs["ran"]
    return found


def equal(ours, theirs):
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def kernel(model):
    return model.layers[0].kernel.numpy()


# ---------------------------------------------------------------- what callbacks see


def test_figures_and_weights(trained, runs, monkeypatch):
    ours, theirs = both(trained, runs, monkeypatch, Steps, epochs=2)
    assert len(ours[0]) == 2 * BATCHES and ours[0] == theirs[0]
    assert all(type(value) is float for logs in ours[0] for value in logs.values())
    assert equal(ours[2], theirs[2])
    assert max(runs["ran"]) == ahead.MOST and not runs["back"]


def test_the_rows_that_are_left_over(trained, runs, monkeypatch):
    ours, theirs = both(trained, runs, monkeypatch, Steps, steps_per_epoch=33, epochs=2)
    assert ours[0] == theirs[0] and equal(ours[2], theirs[2])


@pytest.mark.parametrize("hook", ["begin", "end"])
@pytest.mark.parametrize("at", [range(100), range(0, 100, 7), [20], [2, 3, 40]], ids=str)
def test_weights_that_are_read(trained, runs, monkeypatch, at, hook):
    ours, theirs = both(trained, runs, monkeypatch, lambda: Steps(kernel, at, hook))
    assert ours[0] == theirs[0] and ours[1] and equal(ours[1], theirs[1])
    assert equal(ours[2], theirs[2])


def halve(model):
    model.layers[0].kernel.assign(kernel(model) / 2)


def slow_down(model):
    model.optimizer.learning_rate = 0.001


def blind(model):
    """Sets what a step changes without having read it."""
    model.layers[0].kernel.assign(np.ones((3, 4)))


@pytest.mark.parametrize("hook", ["begin", "end"])
@pytest.mark.parametrize("act", [halve, slow_down, blind])
@pytest.mark.parametrize("at", [[10], [9, 10, 30], range(0, 100, 5)], ids=str)
def test_what_is_set(trained, runs, monkeypatch, act, at, hook):
    ours, theirs = both(trained, runs, monkeypatch, lambda: Steps(act, at, hook))
    assert ours[0] == theirs[0] and equal(ours[2], theirs[2])


def judged(model):
    return [model.predict(X[:4], verbose=0), model.evaluate(X, Y, verbose=0)]


def copied(model):
    return copy.deepcopy(model.layers[0].kernel).numpy()


def traced(model):
    """A read while something else is being compiled."""
    return engine.numpy(engine.jit(lambda x: x @ model.layers[0].kernel.value)(X[:2]))


def looked_at_by_a_thread(model):
    found = []
    thread = threading.Thread(target=lambda: found.append(kernel(model)))
    thread.start()
    thread.join()
    return found[0]


def trained_besides(model):
    return model.train_on_batch(X[:BATCH], Y[:BATCH])


@pytest.mark.parametrize("act", [judged, copied, traced, looked_at_by_a_thread, trained_besides])
def test_other_uses_of_the_model(trained, runs, monkeypatch, act):
    ours, theirs = both(trained, runs, monkeypatch, lambda: Steps(act, [11, 40]))
    assert ours[0] == theirs[0] and equal(ours[2], theirs[2])
    assert repr(ours[1]) == repr(theirs[1]) and len(ours[1]) == 2


def stop(model):
    model.stop_training = True


def test_stopping(trained, runs, monkeypatch):
    ours, theirs = both(trained, runs, monkeypatch, lambda: Steps(stop, [13]), epochs=3)
    assert len(ours[0]) == 14 and ours[0] == theirs[0] and equal(ours[2], theirs[2])
    assert int(trained.model.optimizer.iterations) == BATCHES + 14


def fail(model):
    raise KeyboardInterrupt


def test_an_exception_leaves_the_state_of_the_batch(trained, runs, monkeypatch):
    found = []
    for trial in (0, IN_TURN):
        monkeypatch.setattr(ahead, "TRIAL", trial)
        with pytest.raises(KeyboardInterrupt):
            trained.fit(Steps(fail, [13]))
        assert all("_later" not in vars(cell) for cell in trained.program.cells)
        found.append(trained.state())
    assert runs["ran"] and equal(*found)


def test_data_on_the_host(trained, runs, monkeypatch):
    monkeypatch.setattr(data.engine, "room", lambda: 0)
    ours, theirs = both(trained, runs, monkeypatch, lambda: Steps(kernel, [9, 30]), epochs=2)
    assert ours[0] == theirs[0] and equal(ours[1], theirs[1]) and equal(ours[2], theirs[2])


# ---------------------------------------------------------------- numbers that are not finite


@pytest.mark.parametrize("at", [0, 6, 30])
def test_a_bad_batch_is_named(trained, runs, monkeypatch, at):
    y = Y.copy()
    y[at * BATCH + 2] = 1e30
    found = []
    for trial in (0, IN_TURN):
        monkeypatch.setattr(ahead, "TRIAL", trial)
        with pytest.raises(NonFiniteError, match=f"step {at + 1} of epoch 1") as caught:
            trained.fit(Steps(), y=y, shuffle=False)
        assert caught.value.exact and caught.value.step == at
        found.append(trained.state())
    assert equal(*found)


def test_a_bad_batch_is_left_out(trained, runs, monkeypatch):
    y = Y.copy()
    y[6 * BATCH] = 1e30
    with pytest.warns(UserWarning, match="step 7 of epoch 1.*left out"):
        ours, theirs = both(
            trained, runs, monkeypatch, Steps, y=y, shuffle=False, on_nonfinite="skip"
        )
    assert ours[0] == theirs[0] and equal(ours[2], theirs[2])


def test_a_run_that_ignores_them(trained, runs, monkeypatch):
    y = Y.copy()
    y[6 * BATCH] = 1e30
    with pytest.warns(UserWarning, match="loss is not finite since step 7"):
        ours, theirs = both(
            trained, runs, monkeypatch, Steps, y=y, shuffle=False, on_nonfinite="ignore"
        )
    assert repr(ours[0]) == repr(theirs[0]) and sum(runs["ran"]) > BATCHES / 2


# ---------------------------------------------------------------- when it is done


def test_a_rate_may_be_read_for_nothing(trained, runs):
    callback = Steps(lambda model: float(model.optimizer.learning_rate), range(1000))
    trained.fit(callback, epochs=2)
    assert callback.seen == [np.float32(0.01)] * 2 * BATCHES
    assert max(runs["ran"]) == ahead.MOST and not runs["back"]


def test_who_looks_at_every_tenth_batch_is_foreseen(trained, runs):
    trained.fit(Steps(kernel, range(0, 1000, 10)), epochs=6)
    assert len(runs["back"]) <= 4 and max(runs["ran"]) == 10


def test_who_always_looks_is_left_in_peace(trained, runs):
    trained.fit(Steps(kernel, range(1000)), epochs=6)
    assert 0 < len(runs["ran"]) <= 6


def test_no_loop_is_compiled_for_a_few_batches(trained, runs, monkeypatch):
    monkeypatch.setattr(ahead, "TRIAL", 256)
    monkeypatch.setattr(trained.program, "lone", 0)
    trained.fit(Steps(), epochs=2)
    assert not runs["ran"]


@pytest.mark.parametrize("why", ["timely", "large", "slow"])
def test_batches_in_their_turn(trained, runs, monkeypatch, why):
    callback = Steps()
    callback.timely = why == "timely"
    if why == "large":
        monkeypatch.setattr(ahead, "BYTES", 100)
    if why == "slow":
        monkeypatch.setattr(ahead, "SECONDS", 1e-9)
    trained.fit(callback)
    assert not runs["ran"]


def test_what_a_step_prints_comes_in_its_turn(runs):
    said = []

    def told(y, p):
        engine.tell(lambda value: said.append("step"), y)
        return ops.mean(ops.square(y - p), -1)

    class Says(Callback):
        def on_train_batch_end(self, batch, logs=None):
            said.append("batch")

    made(told).fit(X[:50], Y[:50], batch_size=BATCH, verbose=0, callbacks=[Says()])
    assert said == ["step", "batch"] * 10 and not runs["ran"]


# ---------------------------------------------------------------- runs that are kept


def test_a_run_goes_on_with_the_same_bits(trained, runs, monkeypatch, tmp_path):
    plain = made()
    plain.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0, callbacks=[Steps()])
    how = {"batch_size": BATCH, "epochs": 2, "verbose": 0}
    keeps = BackupAndRestore(tmp_path, save_freq=7)
    with pytest.raises(KeyboardInterrupt):
        made().fit(X, Y, callbacks=[Steps(fail, [33]), keeps], **how)
    again, steps = made(), Steps()
    again.fit(X, Y, callbacks=[steps, BackupAndRestore(tmp_path, save_freq=7)], **how)
    assert len(steps.logs) == 2 * BATCHES - 28 and len(runs["ran"]) > 5
    assert equal(plain.get_weights(), again.get_weights())
