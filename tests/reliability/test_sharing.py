"""R18: processes that share a path never make a file that is none, and a run has one process."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from cornu.errors import UsageError
from cornu.training import holding
from cornu.training.keeping import Folder
from reliability import sharing
from reliability.forking import Children
from reliability.runs import FORMATS, X, Y, environment, network
from utils.test_downloads import DATA, Server


def begun(script: str, *arguments: Any) -> subprocess.Popen[str]:
    """A process that runs Python code."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


NAMES = [name for name in FORMATS if not name.startswith("run")]


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_threads_save_to_one_path(name, tmp_path):
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        try:
            sharing.main(tmp_path / name, number, 4)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 4)]
    if name != "m.keras":  # a model to read weights into is shared by the threads: one at a time
        threads = threads[:1]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_eight_processes_save_to_one_path(name, tmp_path):
    path = tmp_path / name
    with Children("reliability.sharing") as children:
        children.begin(path, 8, 50)
        assert children.end() == (0, "0 " * 7 + "0"), children.said()
    assert [one.name for one in tmp_path.iterdir()] == [name]


DOWNLOADS = """
    import sys
    from pathlib import Path
    from cornu.utils import get_file
    for number in range(50):
        path = get_file(f"file-{number}", f"{sys.argv[1]}/{number}-data")
        assert len(Path(path).read_bytes()) == int(sys.argv[2]), path
    print("done")
"""


@pytest.mark.slow
def test_eight_processes_download_to_one_path(tmp_path, monkeypatch):
    monkeypatch.setenv("CORNU_HOME", str(tmp_path))
    server = Server()
    try:
        address = server.address("x").rpartition("/")[0]
        processes = [begun(DOWNLOADS, address, len(DATA)) for _ in range(8)]
        said = [process.communicate(timeout=280) for process in processes]
    finally:
        server.shutdown()
        server.server_close()
    assert [out for out, _ in said] == ["done\n"] * 8, said
    assert len(server.asked) == 50 and set(server.asked.values()) == {1}
    assert len(list((tmp_path / "datasets").iterdir())) == 50


# ---------------------------------------------------------------- a run has one process


HOLDS = """
    import sys
    from cornu.training.keeping import Folder
    folder = Folder(sys.argv[1])
    folder.open()
    print("held", flush=True)
    sys.stdin.readline()
    folder.close()
    print("over", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    process = begun(HOLDS, tmp_path / "run")
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(holding.fcntl is None, reason="this system has no such locks")
def test_a_folder_that_is_in_use(other, tmp_path):
    with pytest.raises(UsageError, match=f"is in use: process {other.pid} on .*Wait") as caught:
        network().fit(X, Y, verbose=0, resume=tmp_path / "run")
    assert caught.value.code == "E-RESUME-USED"
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "over\n"
    assert network().fit(X, Y, verbose=0, resume=tmp_path / "run").epoch == [0]
    assert holding.NAME not in os.listdir(tmp_path / "run")


@pytest.mark.skipif(holding.fcntl is None, reason="this system has no such locks")
def test_the_folder_of_a_process_that_was_killed(other, tmp_path):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holding.NAME in os.listdir(tmp_path / "run")
    assert network().fit(X, Y, verbose=0, resume=tmp_path / "run").epoch == [0]


def test_one_process_may_hold_a_folder_again(tmp_path):
    """A notebook that goes on after an error still has what the first call had."""
    first, second = Folder(tmp_path / "run"), Folder(tmp_path / "run")
    first.open()
    second.open()
    first.close()
    first.close()
    assert (tmp_path / "run" / holding.NAME).exists() == (holding.fcntl is not None)
    second.close()
    assert not os.listdir(tmp_path / "run")
    second.clear()
    assert not (tmp_path / "run").exists()


def test_a_folder_that_was_removed_meanwhile(tmp_path):
    folder = Folder(tmp_path / "run")
    folder.open()
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    (tmp_path / "run").rmdir()
    other = Folder(tmp_path / "run")
    other.open()
    other.keep({"a": 1})
    folder.close()
    found = other.latest()
    assert found is not None and found["a"] == 1
    other.close()


def test_a_folder_is_let_go_of_with_its_run(tmp_path):
    model = network()
    model.fit(X, Y, verbose=0, resume=tmp_path / "run")
    assert sorted(os.listdir(tmp_path / "run")) == ["run-0.safetensors", "run-1.safetensors"] or (
        os.listdir(tmp_path / "run") == ["run-1.safetensors"]
    )
