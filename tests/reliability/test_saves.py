"""R3 and R4: a file is the old one or the new one, whole, whatever the disk and the user do.

R3: every call that a save makes of the system fails once; the power goes at every moment of it.
R4: files may not grow beyond a limit, for 50 limits; folders that cannot be written to.
"""

import errno
import io
import json
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cornu import layers, models
from cornu.callbacks import CSVLogger, History, ModelCheckpoint, events
from cornu.training.keeping import Folder
from cornu.visualization import write_report
from reliability.disk import Faulty, Recorded, crashes
from reliability.runs import FORMATS, X, Y, alike, environment, network, run, values

KINDS = [*FORMATS, "m.weights.json", "run.html"]
SHARD = 0.0000002  # GiB: several files for a small model
SMALL = 8  # points at which a save fails, in the short form
ERRORS = {
    "EIO": OSError(errno.EIO, "Input/output error"),
    "ENOSPC": OSError(errno.ENOSPC, "No space left on device"),
    "Ctrl-C": KeyboardInterrupt(),
}


@pytest.fixture(scope="module")
def subjects() -> tuple[Any, Any]:
    """A model before, and the same one with other numbers."""
    old, new = network(1), network(2)
    new.optimizer.learning_rate = 0.5
    return old, new


def write(kind: str, model: Any, path: Path) -> None:
    if kind in FORMATS:
        FORMATS[kind].write(model, path)
    elif kind == "m.weights.json":
        model.save_weights(path, max_shard_size=SHARD)
    else:
        history = History()
        history.model, history.epoch = model, [0]
        history.history = {"loss": [float(np.abs(model.get_weights()[0]).sum())]}
        history.seconds = [1.0]
        write_report(history, path)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.iterdir()}


def counted(kind: str, model: Any, folder: Path, monkeypatch: Any) -> int:
    with Faulty(folder, monkeypatch, -1, OSError()) as disk:
        write(kind, model, folder / kind)
    return disk.count


def points(count: int, most: int | None) -> list[int]:
    """All of them, or about `most`: the ends and some between."""
    if most is None or count <= most:
        return list(range(count))
    return sorted({*np.linspace(0, count - 1, most).astype(int).tolist()})


def fails_at_every_call(
    kind: str, error: str, subjects: Any, folder: Path, monkeypatch: Any, most: int | None
) -> int:
    old, new = subjects
    write(kind, old, folder / kind)
    before, numbers = content(folder), values(new)
    count = counted(kind, new, folder, monkeypatch)
    seen = points(count, most)
    for at in seen:
        for path, bytes_ in before.items():
            Path(path).write_bytes(bytes_)
        raised = None
        with Faulty(folder, monkeypatch, at, ERRORS[error]) as disk:
            try:
                write(kind, new, folder / kind)
            except (OSError, KeyboardInterrupt) as found:
                raised = found
        left = content(folder)
        where = f"call {at} of {count}, {disk.failed}"
        assert left.keys() == before.keys(), where  # no trace of what failed
        if kind == "m.weights.json":
            _old_or_told(folder / kind, subjects, where)
        elif raised is not None and disk.failed != "close":
            assert left == before or readable(kind, folder, new), where
        else:  # the folder was not synced, which some file systems cannot
            assert readable(kind, folder, new), where
        if isinstance(raised, OSError):
            assert str(folder) in str(raised) and raised.errno == ERRORS[error].errno, where
        assert alike(values(new), numbers), where
    write(kind, new, folder / kind)
    assert readable(kind, folder, new)
    return len(seen)


def readable(kind: str, folder: Path, model: Any) -> bool:
    """Whether the file holds this model."""
    if kind == "run.html":
        return (folder / kind).read_text().rstrip().endswith("</html>")
    if kind == "m.weights.json":
        twin = network(5)
        twin.load_weights(folder / kind)
        return alike(twin.get_weights(), model.get_weights())
    found = FORMATS[kind].read(folder / kind)
    return alike(found[: len(model.get_weights())], model.get_weights())


def _old_or_told(path: Path, subjects: Any, where: str) -> None:
    """Several files: all old, all new, or told to be a mixture."""
    twin = network(5)
    before = twin.get_weights()
    try:
        twin.load_weights(path)
    except ValueError as error:
        assert "Restore all from one copy" in str(error), where
        assert alike(twin.get_weights(), before), where
        return
    assert any(alike(twin.get_weights(), model.get_weights()) for model in subjects), where


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_of_the_system_fails(kind, subjects, tmp_path, monkeypatch):
    error = list(ERRORS)[KINDS.index(kind) % len(ERRORS)]
    assert fails_at_every_call(kind, error, subjects, tmp_path, monkeypatch, SMALL) >= 6


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_call_of_the_system_fails(kind, error, subjects, tmp_path, monkeypatch):
    assert fails_at_every_call(kind, error, subjects, tmp_path, monkeypatch, None) >= 6


@pytest.mark.parametrize("kind", KINDS)
def test_the_power_goes(kind, subjects, tmp_path, monkeypatch):
    """At every moment of a save, for any share of what was not synced."""
    old, new = subjects
    write(kind, old, tmp_path / kind)
    before = content(tmp_path)
    with Recorded(tmp_path, monkeypatch) as disk:
        write(kind, new, tmp_path / kind)
    after, tried, seen = content(tmp_path), 0, set()
    for left in crashes(disk.log, before):
        tried += 1
        known = {p: left[p] for p in before}
        seen.add(known == before)
        if kind == "m.weights.json":  # a mixture is told of, by the index
            fresh = {p for p in before if left[p] == after[p]}
            assert all(left[p] in (before[p], after[p]) for p in before)
            if str(tmp_path / kind) in fresh:
                assert fresh == before.keys()
        else:
            assert all(left[p] in (before[p], after[p]) for p in before)
    assert tried > 20 and seen == {True, False}
    last = list(crashes(disk.log, before))[-1]
    assert all(last[p] == after[p] for p in before)  # once it has returned, it is on the disk


class Odd(layers.Layer):
    def call(self, x):
        return x

    def get_config(self):
        raise RuntimeError("mine")


def test_get_config_raises(tmp_path):
    """R3 (c)."""
    model = network(1)
    model.save(tmp_path / "m.keras")
    before = content(tmp_path)
    odd = models.Sequential([layers.Input((6,)), layers.Dense(2), Odd()])
    with pytest.raises(RuntimeError, match="mine"):
        odd.save(tmp_path / "m.keras")
    assert content(tmp_path) == before


# ---------------------------------------------------------------- R4


LIMITED = """
    import os, resource, signal, sys, warnings
    from pathlib import Path
    import numpy as np
    from reliability.runs import FORMATS, alike, network, values
    folder, limits = Path(sys.argv[1]), [int(x) for x in sys.argv[2].split(",")]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old, new = network(1), network(2)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    for name in sys.argv[3:]:
        one, place = FORMATS[name], folder / name.replace(".", "-")
        place.mkdir()
        path = place / name
        one.write(old, path)
        old_bytes = path.read_bytes()
        one.write(new, path)
        size = path.stat().st_size
        path.write_bytes(old_bytes)
        failed = 0
        for share in limits:
            most = size * share // 1000
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
            try:
                one.write(new, path)
            except OSError as error:
                failed += 1
                assert "bytes are free; the old file is as it was" in str(error), error
                assert str(path) in str(error), error
                assert path.read_bytes() == old_bytes, (name, most)
            else:
                assert most >= size, (name, most, size)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            assert [p.name for p in place.iterdir()] == [name], (name, most)
        one.write(new, path)
        print(name, failed, sum(x < 1000 for x in limits))
"""


def limited(folder: Path, count: int, *names: str) -> list[list[str]]:
    """How often a save of each kind failed, of how many limits below the size of the file."""
    shares = np.linspace(0, 1000, count, endpoint=False).astype(int).tolist()
    done = run(LIMITED, folder, ",".join(map(str, [*shares, 1000, 1500])), *names)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_a_file_may_not_grow(tmp_path):
    for _, failed, tries in limited(tmp_path, 5, *FORMATS):
        assert failed == tries == "5"


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_may_not_grow_beyond_fifty_sizes(name, tmp_path):
    (_, failed, tries), *_ = limited(tmp_path, 50, name)
    assert failed == tries == "50"


TRAINING = """
    import os, resource, signal, sys, warnings
    from pathlib import Path
    from cornu.callbacks import BackupAndRestore, CSVLogger, ModelCheckpoint, TensorBoard
    from reliability.runs import X, Y, network
    folder, most = Path(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    model = network()
    callbacks = [
        ModelCheckpoint(folder / "m.keras", on_save_error="warn"),
        CSVLogger(folder / "log.csv", on_save_error="warn"),
        TensorBoard(folder / "logs", on_save_error="warn"),
        BackupAndRestore(folder / "run", save_freq=1),
    ]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = model.fit(X, Y, 16, 4, 0, callbacks=callbacks)
    assert len(history.epoch) == 4 and model.predict(X, verbose=0).shape == (64, 1)
    for one in said:
        print(str(one.message).splitlines()[0])
"""


@pytest.mark.parametrize("most", [0, pytest.param(2000, marks=pytest.mark.slow)])
def test_training_goes_on_where_nothing_can_be_written(most, tmp_path):
    pytest.importorskip("tensorboardX")
    env = environment(CORNU_CACHE_DIR=str(tmp_path / "cache"))  # halves of programs stay there
    done = run(TRAINING, tmp_path, most, env=env)
    assert done.returncode == 0, done.stderr
    assert all(path.stat().st_size for path in (tmp_path / "cache" / "xla").glob("*-cache"))
    for who in ("ModelCheckpoint", "TensorBoard", "the run could not be kept"):
        assert who in done.stdout, done.stdout
    if most == 0:
        assert done.stdout.count("CSVLogger") == 1
        assert (tmp_path / "log.csv").read_bytes() == b""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_cannot_be_written_to(kind, subjects, tmp_path):
    old, new = subjects
    write(kind, old, tmp_path / kind)
    before = content(tmp_path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match="the old file is as it was"):
            write(kind, new, tmp_path / kind)
        assert content(tmp_path) == before
    finally:
        tmp_path.chmod(0o700)


READ_ONLY = """
    import os, sys
    from pathlib import Path
    from reliability.runs import FORMATS, network
    model = network()
    os.chmod(sys.argv[1], 0o755)
    for turn in ("of root", "read-only"):  # first as root: what is loaded then is loaded
        folder = Path(sys.argv[1]) / turn
        folder.mkdir()
        if turn == "read-only":
            os.seteuid(65534)
        for name, one in FORMATS.items():
            path = folder / name
            try:
                one.write(model, path)
            except OSError as error:
                print(name, error.errno, str(path.parent) in str(error))
            assert path.exists() == (turn == "of root")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_nobody_in_a_folder_of_root():
    with tempfile.TemporaryDirectory() as folder:
        done = run(READ_ONLY, folder)
        assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert line.split()[1:] == [str(errno.EACCES), "True"], line
    assert len(done.stdout.splitlines()) == len(FORMATS)


# ---------------------------------------------------------------- what is no model


def test_a_log_loses_no_row(tmp_path, monkeypatch):
    """`CSVLogger`, call by call: rows that were there stay, and no half of one does."""
    path = tmp_path / "log.csv"

    def logged(epochs: list[int]) -> CSVLogger:
        logger = CSVLogger(path)
        logger.on_train_begin()
        for epoch in epochs:
            logger.on_epoch_end(epoch, {"loss": 1.0 / 3**epoch, "val_loss": 0.1})
        return logger

    logged([0, 1, 2])
    whole = path.read_bytes()
    logged([0, 1])
    before = path.read_bytes()
    logger = logged([0, 1])
    with Faulty(tmp_path, monkeypatch, -1, OSError()) as disk:
        logger.on_epoch_end(2, {"loss": 1 / 9, "val_loss": 0.1})
    for at in range(disk.count):
        logger = logged([0, 1])
        with Faulty(tmp_path, monkeypatch, at, OSError(errno.ENOSPC, "full")) as found:
            try:
                logger.on_epoch_end(2, {"loss": 1 / 9, "val_loss": 0.1})
            except OSError:
                assert found.failed
        assert path.read_bytes().startswith(before)
        logger.on_epoch_end(2, {"loss": 1 / 9, "val_loss": 0.1})
        assert path.read_bytes().startswith(whole)


def test_rows_wait_until_the_disk_has_room(tmp_path, monkeypatch):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, on_save_error="warn")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 0.5})
    before = path.read_bytes()
    for epoch in (1, 2):
        with Faulty(tmp_path, monkeypatch, 0, OSError(errno.ENOSPC, "full")):
            if epoch == 1:
                with pytest.warns(
                    UserWarning, match="CSVLogger could not write: .*full.*rows wait"
                ):
                    logger.on_epoch_end(epoch, {"loss": 0.25})
            else:  # said once
                logger.on_epoch_end(epoch, {"loss": 0.125})
        assert path.read_bytes() == before
    logger.on_train_end()
    assert path.read_text().split() == [
        "epoch,loss,val_loss",
        "0,0.5,NA",
        "1,0.25,NA",
        "2,0.125,NA",
    ]


def test_an_event_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """Readers of event files end at a part of a record, and see nothing of what follows."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    pytest.importorskip("tensorboardX")
    fails: list[int] = []

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            if fails:
                if fails.pop():
                    return super().write(bytes(data)[: len(data) // 2])
                raise OSError(errno.ENOSPC, "full")
            return super().write(data)

    monkeypatch.setattr(events.io, "FileIO", Full)
    writer = events.Events(tmp_path, "run", {})
    writer.scalars(0, {"loss": 1.0})
    fails[:] = [0, 1]
    with pytest.raises(OSError, match="full"):
        writer.scalars(1, {"loss": 2.0})
    fails[:] = [1]  # half of it, and the rest by the next call
    writer.scalars(2, {"loss": 3.0})
    writer.close()
    found = accumulators.EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(one.step, one.value) for one in found] == [(0, 1.0), (2, 3.0)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: CSVLogger("x", on_save_error="wran"),
        lambda: ModelCheckpoint("x.keras", on_save_error=None),
    ],
)
def test_what_to_do_is_one_of_two(make):
    with pytest.raises(ValueError, match='on_save_error must be "raise" or "warn"'):
        make()


def test_a_folder_of_a_run_is_named(tmp_path, monkeypatch):
    """A run that goes on after its folder's file could not be replaced takes the one before."""
    folder = Folder(tmp_path / "run")
    folder.keep({"n": 1})
    keep = partial(folder.keep, {"n": 2, "a": np.zeros(9)})
    with Faulty(tmp_path, monkeypatch, -1, OSError()) as disk:
        keep()
    for at in range(disk.count):
        with Faulty(tmp_path, monkeypatch, at, OSError(errno.EIO, "bad")):
            try:
                keep()
            except OSError as error:
                assert json.dumps(str(tmp_path))[1:-1] in str(error)
        found = Folder(tmp_path / "run").latest()
        assert found is not None and found["n"] in (1, 2)


def test_weights_that_failed_to_be_saved_are_trained_on(tmp_path, monkeypatch):
    model = network(3)
    with Faulty(tmp_path, monkeypatch, 3, OSError(errno.EIO, "bad")):
        with pytest.raises(OSError, match="bad"):
            model.save(tmp_path / "m.keras")
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])
    assert not list(tmp_path.iterdir())
