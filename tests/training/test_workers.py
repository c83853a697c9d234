"""Workers: threads and processes that make batches. Order, errors, deaths, and no orphans."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cornu.errors import UsageError, UsageTypeError
from cornu.training import reader, workers
from cornu.training.feeds import ByIndex
from training import worked
from training.reference import X, Y, linear
from training.test_streams import seen, stream
from training.worked import Drawn, Shuffled, Uneven, Worked

ROOT = Path(__file__).parents[2]
KINDS = [(4, False), (2, True)]
kinds = pytest.mark.parametrize(("count", "processes"), KINDS, ids=["threads", "processes"])


def source_of(data, **said):
    return stream(ByIndex(data, said.pop("shuffle", False), False), asked=False, **said)


@pytest.fixture
def children(monkeypatch):
    """The worker processes that were started; none is left when a test ends."""
    found = []

    class Watched(workers.Process):
        def __init__(self, *args):
            super().__init__(*args)
            found.append(self.process)

    monkeypatch.setattr(workers, "Process", Watched)
    before = set(threading.enumerate())
    yield found
    assert all(process.poll() is not None for process in found)
    made = set(threading.enumerate()) - before
    for thread in made:
        thread.join(1)  # one that watched a program being compiled may be about to end
    assert not [thread for thread in made if thread.is_alive()]


# ---------------------------------------------------------------- order


@kinds
def test_batches_come_in_order(count, processes, children):
    source = source_of(Uneven(count, processes))
    assert [seen(source) for _ in range(2)] == [list(range(8))] * 2
    source.close()
    assert len(children) == (count if processes else 0)


def test_threads_work_side_by_side(children):
    class Meeting(Worked):
        barrier = threading.Barrier(3)

        def __getitem__(self, index):
            self.barrier.wait(5)  # passed only by three at once
            return np.full((1, 1), index, "float32")

    source = source_of(Meeting(3, length=6))
    assert seen(source) == list(range(6))
    source.close()


def test_what_processes_draw_does_not_depend_on_their_number(children):
    def drawn(count, passes=1):
        source = source_of(Drawn(count, True, length=6), shuffle=True)
        source.follow(5, 0)
        found = [
            [np.array(p.batch.x)[: p.count * p.rows] for p in source.parts()] for _ in range(passes)
        ]
        source.close()
        return [np.concatenate(one) for one in found]

    one, other = drawn(1, 2)
    assert np.array_equal(one, drawn(3)[0])
    assert not np.array_equal(one, other)  # every epoch draws anew
    assert len(np.unique(one)) == one.size


def test_processes_see_what_on_epoch_end_has_changed(children):
    source = source_of(Shuffled(2, True, length=3))
    assert [seen(source) for _ in range(2)] == [[1000, 1001, 1002], [2100, 2101, 2102]]
    source.close()


def test_structures_and_large_arrays_come_through_processes(children):
    pool = workers.Pool.serving(worked.Large(1, True, length=2))
    pool.begin(iter([(0, 0), (0, 1)]), 0)
    for index in range(2):
        item = pool.next()
        assert item["a"].shape == (4, 300_000) and (item["a"] == index).all()
        assert item["b"][1] is None and item["b"][0].tolist() == [0, 1, 2, 3]
        item["a"][0, 0] = 7  # it is the reader's own
    with pytest.raises(StopIteration):
        pool.next()
    pool.close()


@pytest.mark.parametrize("room", [3, 6])
def test_no_more_batches_are_made_ahead_than_asked_for(room, children):
    made = []

    class Noted(Worked):
        def __getitem__(self, index):
            made.append(index)
            return np.full((1, 1), index, "float32")

    pool = workers.Pool.serving(Noted(2, room=room, length=50))
    pool.begin(iter([(0, i) for i in range(50)]), 0)
    pool.next()
    time.sleep(0.1)
    assert len(made) == 1 + room
    pool.close()


def test_a_pass_is_made_to_its_end_and_no_further(children):
    made = []

    class Noted(Worked):
        def __getitem__(self, index):
            made.append(index)
            return np.full((1, 1), index, "float32")

    source = stream(ByIndex(Noted(3, length=50), False, True), 4)
    assert seen(source) == [0, 1, 2, 3]
    time.sleep(0.02)
    assert sorted(made) == [0, 1, 2, 3]
    source.close()


def test_any_place_is_found_with_workers(children):
    whole = source_of(Worked(3), shuffle=True)
    whole.follow(2, 0)
    wanted = [seen(whole) for _ in range(3)]
    source = source_of(Worked(2), shuffle=True)
    assert source.first is not None
    source.follow(2, 0)
    source.go_to(1, 5)
    assert [seen(source) for _ in range(2)] == [wanted[1][5:], wanted[2]]
    whole.close()
    source.close()


# ---------------------------------------------------------------- what goes wrong


def failing(wrong, count, processes):
    """The error, how long it took, and the batches before it."""
    source = source_of(Worked(count, processes, wrong=wrong))
    found = []
    begun = time.monotonic()
    with pytest.raises(Exception) as info:  # noqa: B017
        for part in source.parts():
            found += [part.count]
    seconds = time.monotonic() - begun
    source.close()
    return info, seconds, sum(found)


@pytest.mark.parametrize(("count", "processes"), [(0, False), (1, False), (4, False), (2, True)])
def test_an_error_of_the_users_own(count, processes, children):
    info, seconds, before = failing("raise_error", count, processes)
    assert info.type is KeyError and info.value.args == ("mine",)
    assert "while reading batch 3 of epoch 1" in info.value.__notes__
    assert before == 3 and seconds < 5
    if processes:
        assert 'raise KeyError("mine")' in str(info.value.__cause__)
        assert any("in data worker" in note for note in info.value.__notes__)
    else:
        assert info.traceback[-1].name == "raise_error"


def test_an_error_that_cannot_be_pickled(children):
    info, _, _ = failing("unpicklable_error", 1, True)
    assert info.type is RuntimeError and "Odd: " in str(info.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("kill", "was killed by SIGKILL while making batch 3; most likely out of memory."),
        ("exit", "ended with exit code 3 while making batch 3."),
    ],
)
def test_a_worker_that_dies(wrong, says, children):
    info, seconds, before = failing(wrong, 2, True)
    assert info.type is UsageError and info.value.code == "E-WORKER"
    assert says in str(info.value)
    assert any(f"(pid {process.pid})" in str(info.value) for process in children)
    assert before == 3 and seconds < 5


def test_a_worker_that_is_killed_from_outside(children):
    source = source_of(Worked(1, True, length=200, room=1))
    parts = source.parts()
    next(parts)
    children[0].kill()
    with pytest.raises(UsageError, match=r"killed by SIGKILL while making batch \d+"):
        for _ in parts:
            pass
    source.close()


@kinds
def test_a_worker_that_hangs_is_warned_of_and_can_be_left(count, processes, children, monkeypatch):
    monkeypatch.setattr(workers, "ENDING", 0.3)
    data = Worked(count, processes, wrong="sleep")
    gate = threading.Event()
    if not processes:
        data.sleep = lambda: gate.wait(20)
    source = source_of(data)
    parts = source.parts()
    next(parts)
    monkeypatch.setattr(reader, "SLOW", 0.3)
    presses = [threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)) for after in (0.7, 3)]
    for press in presses:
        press.start()
    begun = time.monotonic()
    with pytest.warns(UserWarning, match="batch 3 of epoch 1 has not come for 0.3 s"):
        with pytest.raises(KeyboardInterrupt):
            for _ in parts:
                pass
    presses[1].cancel()
    source.close()
    assert time.monotonic() - begun < 6
    gate.set()
    time.sleep(0.05)


def test_a_batch_of_the_wrong_type(children):
    class Wrong(Worked):
        def __getitem__(self, index):
            return (X[:4], Y[:4]) if index < 2 else (X, Y, Y, Y)

    model = linear()
    with pytest.raises(UsageError, match="yielded a tuple of 4 at batch 2"):
        model.fit(Wrong(2), shuffle=False, verbose=0)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_what_cannot_be_pickled_is_said_before_anything_starts(children):
    data = Worked(2, True)
    data.lock = threading.Lock()
    with pytest.raises(UsageTypeError, match='its attribute "lock" .* cannot be pickled') as info:
        source_of(data)
    assert info.value.code == "E-PICKLE"

    class Local(Worked):
        """No other process finds this."""

    with pytest.raises(UsageTypeError, match="its class Local stands inside of a function"):
        source_of(Local(2, True))
    assert not children


def test_numbers_that_make_no_sense():
    with pytest.raises(UsageTypeError, match="workers must be an int >= 0; got -1"):
        source_of(Worked(-1))
    with pytest.raises(UsageTypeError, match="max_queue_size must be an int"):
        source_of(Worked(2, room="10"))


def test_a_failing_fit_leaves_a_whole_model_and_no_process(children):
    class Batches(Worked):
        def __getitem__(self, index):
            super().__getitem__(index)
            return X[index : index + 4], Y[index : index + 4]

    model, twin = linear(), linear()
    with pytest.raises(KeyError):
        model.fit(Batches(2, wrong="raise_error"), shuffle=False, verbose=0)
    for i in range(3):
        twin.train_on_batch(X[i : i + 4], Y[i : i + 4])
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


# ---------------------------------------------------------------- scripts


SCRIPT = """
import os, sys
sys.path.insert(0, {tests!r})
import numpy as np
from training.worked import Who
import cornu as keras

{body}
"""


def script(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(tests=str(ROOT / "tests"), body=textwrap.dedent(body)))
    return [sys.executable, str(path)]


def environment(tmp_path):
    return {**os.environ, "PYTHONPATH": str(ROOT), "CORNU_HOME": str(tmp_path)}


def run(tmp_path, body):
    done = subprocess.run(
        script(tmp_path, body),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(tmp_path),
    )
    return done.stdout, done.stderr


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


FEED = """
from cornu.training.feeds import ByIndex
from cornu.training.streams import Stream
from cornu.training.batches import Batch
def source_of(data):
    return Stream(
        ByIndex(data, False, False), lambda x, n, f: Batch(x, [None], [None]), len(data), False
    )
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")
def test_processes_end_when_their_parent_is_killed(tmp_path):
    """Those that wait for an order, and those that hang in the midst of a batch."""
    body = FEED + (
        """
from training.worked import Worked
data = Who(2, True, length=100, room=2)
source = source_of(data)
parts = source.parts()
print(*{int(np.array(next(parts).batch.x)[0, 0]) for _ in range(4)}, flush=True)
"""
        """
slow = source_of(Worked(2, True, wrong="sleep", at=1))
iterator = slow.parts()
next(iterator)
print(*[p.process.pid for p in slow.feed.pool.processes], flush=True)
"""
        """
import time
time.sleep(60)
"""
    )
    process = subprocess.Popen(
        script(tmp_path, body), stdout=subprocess.PIPE, text=True, env=environment(tmp_path)
    )
    lines = [process.stdout.readline() for _ in range(2)]
    pids = [int(pid) for line in lines for pid in line.split()]
    assert pids and all(map(is_alive, pids))
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_alive, pids))


def test_a_script_that_does_not_guard_itself_gets_threads(tmp_path):
    body = (
        FEED
        + """
class Mine(Who):
    pass
source = source_of(Mine(2, True, length=4))
print({int(np.array(p.batch.x)[0, 0]) == os.getpid() for p in source.parts()})
"""
    )
    out, error = run(tmp_path, body)
    assert out == "{True}\n" and "if __name__ ==" in error and "2 threads instead" in error


def test_a_script_that_guards_itself_gets_processes(tmp_path):
    body = (
        FEED
        + """
class Mine(Who):
    pass
print("read as", __name__)
if __name__ == "__main__":
    source = source_of(Mine(1, True, length=4))
    print({int(np.array(p.batch.x)[0, 0]) == os.getpid() for p in source.parts()})
"""
    )
    out, error = run(tmp_path, body)
    assert sorted(out.splitlines()) == ["read as __main__", "read as __mp_main__", "{False}"]
    assert not error
