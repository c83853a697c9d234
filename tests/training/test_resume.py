"""A run that was killed goes on, and ends with the same bits."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cornu import ops, state
from cornu.callbacks import BackupAndRestore, Callback, EarlyStopping
from cornu.errors import UsageError
from cornu.layers import Dense, Dropout, Input
from cornu.models import Sequential
from cornu.saving import ModelFileError
from cornu.saving.files import write_whole
from cornu.state import Variable
from cornu.training.keeping import FILES, Folder, is_plain
from cornu.utils.pydataset import PyDataset
from reliability.forking import Children
from training import resumed_run
from training.resumed_run import KINDS, STEPS

SCRIPT = Path(resumed_run.__file__)
X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


class Dies(BaseException):
    """Nothing catches it: what a kill looks like from inside."""


class DiesAt(Callback):
    """Ends the run by force after so many batches."""

    keeps = ()

    def __init__(self, steps):
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left < 0:
            raise Dies


def network(units=3):
    state.set_random_seed(0)
    model = Sequential([Input((4,)), Dense(units, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model


def fit(model, folder=None, **said):
    state.set_random_seed(1)
    said = {"epochs": 3, "batch_size": 16, "verbose": 0, **said}
    return model.fit(X, Y, resume=folder, **said)


def weights_alike(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


# ---------------------------------------------------------------- killed at some step


def run(kind, folder, steps=None):
    """The process's answer; None where it was killed."""
    told = [str(x) for x in (kind, folder, steps) if x is not None]
    found = subprocess.run(
        [sys.executable, str(SCRIPT), *told], capture_output=True, text=True, timeout=250
    )
    if found.returncode == -signal.SIGKILL:
        return None
    assert found.returncode == 0, found.stderr
    return found.stdout.split()[-1]


def killed_and_resumed(kind, folder, kills):
    """The answer of a run that is killed after each of these numbers of steps."""
    for steps in kills:
        answer = run(kind, folder, steps)
        if answer is not None:  # it was faster than the kill
            return answer
    return run(kind, folder)


@pytest.mark.parametrize(
    "kind", ["arrays", "dataset", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[2:])]
)
def test_a_killed_process_goes_on(kind, tmp_path):
    random.seed(kind)
    expected = resumed_run.digest(kind, None)
    steps = random.randrange(1, STEPS)
    assert killed_and_resumed(kind, tmp_path / "run", [steps]) == expected


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_processes_killed_at_random_moments(tmp_path):
    expected = {kind: resumed_run.digest(kind, None) for kind in KINDS}
    wrong, killed = [], 0
    with Children("training.resumed_run") as children:
        for number in range(100):
            kind, steps = KINDS[number % len(KINDS)], random.randrange(1, STEPS)
            children.begin(kind, tmp_path / str(number), steps)
            code, _ = children.end()
            assert code in (0, -signal.SIGKILL), children.said()  # 0: it was faster than the kill
            killed += code != 0
            children.begin(kind, tmp_path / str(number))
            if children.end() != (0, expected[kind]):
                wrong.append((number, kind, steps, children.said()))
    assert not wrong and killed > 80


def test_any_step_of_a_run(tmp_path):
    expected = network()
    history = fit(expected)
    for steps in (0, 1, 3, 4, 8, 11):
        folder = tmp_path / str(steps)
        backup = BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
        with pytest.raises(Dies):
            fit(network(), callbacks=[DiesAt(steps), backup])
        model = network()
        found = fit(model, callbacks=[backup])
        assert found.history == history.history and found.epoch == [0, 1, 2]
        assert weights_alike(model, expected)


# ---------------------------------------------------------------- asked to end


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -2)])
def test_a_signal_keeps_the_run(number, code, tmp_path, capfd):
    class Asks(Callback):
        keeps = ()

        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    error = SystemExit if number == signal.SIGTERM else KeyboardInterrupt
    with pytest.raises(error) as caught:
        fit(network(), tmp_path / "run", callbacks=[Asks()])
    if error is SystemExit:
        assert caught.value.code == code
    assert signal.getsignal(number) is before
    assert "after step 3 of epoch 1; start the same script again" in capfd.readouterr().err
    model, expected = network(), network()
    fit(model, tmp_path / "run")
    fit(expected)
    assert weights_alike(model, expected)


def test_what_is_ignored_stays_ignored(tmp_path):
    class Asks(Callback):
        keeps = ()

        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert fit(network(), tmp_path / "run", callbacks=[Asks()]).epoch == [0, 1, 2]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_during_validation(tmp_path):
    class Asks(Callback):
        keeps = ()

        def on_test_begin(self, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)

    data = {"validation_data": (X, Y)}
    with pytest.raises(SystemExit):
        fit(network(), tmp_path / "run", callbacks=[Asks()], **data)
    model, expected = network(), network()
    found = fit(model, tmp_path / "run", **data)
    history = fit(expected, **data)
    assert found.history == history.history
    assert weights_alike(model, expected)


def test_signals_are_left_alone_where_nothing_is_kept():
    class Looks(Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert signal.getsignal(signal.SIGTERM) is before

    before = signal.getsignal(signal.SIGTERM)
    network().fit(X, Y, verbose=0, callbacks=[Looks()])


def test_a_run_in_another_thread(tmp_path):
    model, errors = network(), []

    def work():
        try:
            fit(model, tmp_path / "run")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not errors and (tmp_path / "run").is_dir()


# ---------------------------------------------------------------- what is kept


def test_a_finished_run_is_not_run_again(tmp_path):
    class Counts(Callback):
        def __init__(self):
            self.steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1

    first, model, counts = network(), network(), Counts()
    history = fit(first, tmp_path / "run")
    again = fit(model, tmp_path / "run", callbacks=[counts])
    assert again.history == history.history and counts.steps == 0
    assert weights_alike(model, first)
    longer, expected = network(), network()
    fit(longer, tmp_path / "run", epochs=5)
    fit(expected, epochs=5)
    assert weights_alike(longer, expected)


def test_a_backup_goes_when_the_run_has_ended(tmp_path):
    network().fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_a_damaged_file_is_told_of_and_the_one_before_taken(tmp_path):
    backup = BackupAndRestore(tmp_path / "run", save_freq=1, delete_checkpoint=False)
    with pytest.raises(Dies):
        fit(network(), callbacks=[DiesAt(7), backup])
    latest = max((tmp_path / "run" / name for name in FILES), key=lambda p: p.stat().st_mtime_ns)
    content = bytearray(latest.read_bytes())
    content[-40] ^= 1
    latest.write_bytes(content)
    model, expected = network(), network()
    with pytest.warns(UserWarning, match="checksum.*goes on from the moment before"):
        fit(model, callbacks=[backup])
    fit(expected)
    assert weights_alike(model, expected)
    for name in FILES:
        (tmp_path / "run" / name).write_bytes(b"nothing")
    with pytest.raises(ModelFileError):
        fit(model, callbacks=[backup])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda folder: fit(network(4), folder), "keeps another run: variables"),
        (lambda folder: fit(network(), folder, batch_size=8), "keeps another run: data"),
        (lambda folder: network().fit(X + 1, Y, 16, 3, 0, resume=folder), "another run: data"),
    ],
)
def test_another_run_is_refused(other, words, tmp_path):
    fit(network(), tmp_path / "run")
    with pytest.raises(UsageError, match=words):
        other(tmp_path / "run")


def test_a_generator_is_refused_at_once(tmp_path):
    def batches():
        while True:
            yield X, Y

    with pytest.raises(UsageError, match="x is a generator.*get_state"):
        network().fit(batches(), steps_per_epoch=2, verbose=0, resume=tmp_path / "run")
    with pytest.raises(UsageError, match="validation_data is a generator"):
        fit(network(), tmp_path / "run", validation_data=batches(), validation_steps=1)


def test_what_cannot_be_kept_is_named(tmp_path):
    class Odd(Callback):
        keeps = ("thing",)
        thing = None

        def on_epoch_begin(self, epoch, logs=None):
            self.thing = object()

    with pytest.raises(UsageError, match="Odd.thing is .*cannot be kept"):
        fit(network(), tmp_path / "run", callbacks=[Odd()])


def test_a_file_for_a_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        fit(network(), tmp_path / "file")
    with pytest.raises(UsageError, match="take one"):
        fit(network(), tmp_path, callbacks=[BackupAndRestore(tmp_path)])
    for wrong in (0, -1, "batch", True, 1.5):
        with pytest.raises(UsageError, match="save_freq"):
            BackupAndRestore(tmp_path, save_freq=wrong)


def test_facts_come_back_as_they_were(tmp_path):
    facts = {
        "none": None,
        "whole": 2**62,
        "pairs": [(1, "x"), (2.5, None)],
        "many": [0.1] * 99,
        "odd": [float("inf"), float("-inf")],
        "by number": {3: np.arange(3, dtype="int16"), 4: np.float32(0.1)},
        "flag": np.True_,
        "large": [-(2**63), 2**64, -(10**30)],
        "many whole": list(range(99)),
        "text": "é\ud800" * 2**19,
        "odd keys": {float("inf"): 1, 2**70: 2, None: {True: 3}},
    }
    folder = Folder(tmp_path / "run")
    for _ in range(3):
        folder.keep(facts)
    found = Folder(tmp_path / "run").latest()
    assert found is not None and found["counter"] == 3
    assert list(found["by number"]) == [3, 4] and found["by number"][3].dtype == "int16"
    assert repr({name: found[name] for name in facts}) == repr(facts)
    assert not is_plain(object()) and not is_plain([{1: {2}}])
    folder.clear()
    assert folder.latest() is None and not (tmp_path / "run").exists()


def test_keeping_takes_little_time(tmp_path):
    """What a run is kept costs is measured, and it is not kept more often than that allows."""
    from cornu.training.run import PAUSE, Keeper

    keeper = Keeper(Folder(tmp_path / "run"), seconds=0)
    keeper.keep({"a": np.zeros(10)})
    keeper.cost = 1.0
    assert not keeper.is_due(1, False)
    keeper.at = time.perf_counter() - PAUSE
    assert keeper.is_due(1, False)


# ---------------------------------------------------------------- all that a run depends on


class Walk:
    """Validation batches that go on where the pass before has ended."""

    def __init__(self):
        self.random = np.random.default_rng(5)

    def __iter__(self):
        return self

    def __next__(self):
        rows = self.random.integers(0, 64, 16)
        return X[rows], Y[rows]

    def get_state(self):
        return self.random.bit_generator.state  # numbers of 128 bits

    def set_state(self, kept):
        self.random.bit_generator.state = kept


def annealed(factor):
    model = network()
    model.compile("adam", lambda y, p: factor * ops.mean(ops.square(y - p), -1), run_eagerly=True)
    return model


@pytest.mark.parametrize("kind", ["validation", "eager"])
def test_what_else_a_run_depends_on(kind, tmp_path):
    def ended(folder, steps=None):
        """The history of a run that dies after some steps, where it is told so."""
        factor = Variable(1.0, trainable=False)

        class Fades(Callback):
            keeps = ()

            def on_train_batch_end(self, batch, logs=None):
                factor.assign(factor.value * 0.9)

        model = annealed(factor) if kind == "eager" else network()
        said = {} if kind == "eager" else {"validation_data": Walk(), "validation_steps": 2}
        callbacks: list = [Fades()] if steps is None else [Fades(), DiesAt(steps)]
        if folder is not None:
            callbacks.append(BackupAndRestore(folder, save_freq=1, delete_checkpoint=False))
        return fit(model, callbacks=callbacks, **said).history

    expected = ended(None)
    with pytest.raises(Dies):
        ended(tmp_path / "run", 6)
    assert ended(tmp_path / "run") == expected


def test_logs_with_a_variable(tmp_path):
    class Rate(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.5**epoch
            logs["rate"] = self.model.optimizer.learning_rate

    found = fit(network(), tmp_path / "run", callbacks=[Rate()], epochs=2).history
    assert np.allclose(found["rate"], [1.0, 0.5])
    again = fit(network(), tmp_path / "run", callbacks=[Rate()], epochs=2).history
    assert again == found


def test_a_handler_of_the_users_own_that_goes_on(tmp_path):
    came = []

    class Asks(Callback):
        keeps = ()

        def on_test_batch_begin(self, batch, logs=None):
            if not came:
                os.kill(os.getpid(), signal.SIGUSR1)

    def noisy():
        state.set_random_seed(0)
        model = Sequential([Input((4,)), Dropout(0.5), Dense(1)])
        model.compile("sgd", "mse")
        return model

    data = {"validation_data": (X, Y)}
    before = signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
    try:
        found = fit(noisy(), tmp_path / "run", callbacks=[Asks()], **data)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert came and found.history == fit(noisy(), **data).history


# ---------------------------------------------------------------- where nothing can be kept


def test_a_full_disk_does_not_end_the_run(tmp_path, monkeypatch, capfd):
    inside, calls = Folder.keep, []

    def keep(self, facts):
        calls.append(1)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        inside(self, facts)

    class Asks(DiesAt):
        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Folder, "keep", keep)
    backup = BackupAndRestore(tmp_path / "run", save_freq=1, delete_checkpoint=False)
    expected = fit(network()).history
    with pytest.warns(UserWarning, match="could not be kept: .*No space.*Training goes on"):
        assert fit(network(), callbacks=[backup]).history == expected
    with pytest.warns(UserWarning), pytest.raises(KeyboardInterrupt):
        fit(network(), callbacks=[Asks(5), backup])
    assert "NOT kept, because [Errno 28]" in capfd.readouterr().err
    monkeypatch.undo()
    assert fit(network(), callbacks=[backup]).history == expected


def test_what_is_no_folder_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, words in ((tmp_path / "file" / "run", "cannot keep a run"), ("", "got ''"), (1, "1")):
        with pytest.raises(UsageError, match=words):
            fit(network(), path)


# ---------------------------------------------------------------- a script that was changed


def died(folder, callbacks, **said):
    backup = BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
    with pytest.raises(Dies):
        fit(network(), callbacks=[*callbacks, DiesAt(6), backup], **said)
    return backup


def test_a_callback_that_is_gone_is_told_of(tmp_path):
    """Those of one class go by their order, so which of two is gone cannot be known."""
    first, second = (EarlyStopping(name, patience=3) for name in ("loss", "val_loss"))
    validation = {"validation_data": (X, Y)}
    backup = died(tmp_path / "run", [first, second], **validation)
    with pytest.warns(UserWarning, match="had EarlyStopping besides.*goes by the order of Early"):
        fit(network(), callbacks=[EarlyStopping(patience=3), backup], **validation)
    backup = died(tmp_path / "other", [first], **validation)
    with pytest.warns(UserWarning, match="had EarlyStopping besides, .* is lost.$"):
        fit(network(), callbacks=[backup], **validation)


@pytest.mark.parametrize("now", [None, (X[:8], Y[:8]), (X, Y + 1)])
def test_other_validation_data_are_told_of(now, tmp_path):
    backup = died(tmp_path / "run", [], validation_data=(X, Y))
    with pytest.warns(UserWarning, match="was validated by other data"):
        fit(network(), callbacks=[backup], validation_data=now)


class Grows(PyDataset):
    """One more batch with every epoch."""

    def __init__(self):
        super().__init__()
        self.count = 1

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

    def on_epoch_end(self):
        self.count += 1


def test_data_that_grow(tmp_path):
    def ended(*callbacks):
        model = network()
        state.set_random_seed(1)
        return model.fit(Grows(), epochs=4, verbose=0, callbacks=[*callbacks]).history

    expected = ended()
    for steps in (0, 2, 4, 7):
        backup = BackupAndRestore(tmp_path / str(steps), save_freq=1, delete_checkpoint=False)
        with pytest.raises(Dies):
            ended(DiesAt(steps), backup)
        assert ended(backup) == expected


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    seen: list[str] = []
    write_whole(folder / FILES[1], lambda file: seen.extend(os.listdir(folder)))
    (half,) = seen
    (folder / FILES[1]).unlink()
    backup = BackupAndRestore(folder, save_freq=1)
    for callbacks, error in (([DiesAt(2)], Dies), ([], None)):
        for name in (half, ".mine.0a1b"):
            (folder / name).write_text("x")
        with pytest.raises(error) if error else contextlib.nullcontext():
            fit(network(), callbacks=[*callbacks, backup])
        assert half not in os.listdir(folder)
    assert os.listdir(folder) == [".mine.0a1b"]
    (folder / ".mine.0a1b").unlink()
    fit(network(), callbacks=[backup])
    assert not folder.exists()
