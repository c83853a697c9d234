"""R19: time zone, language, home, terminal and rights change no number and end no run."""

import io
import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reliability import quick_start
from reliability.runs import X, environment, network

SCRIPT = str(Path(quick_start.__file__))


class Surroundings(NamedTuple):
    """The variables of a process, its working folder, and what is done before the script runs."""

    variables: Mapping[str, str | None] = {}
    before: str = ""
    out: str = "pipe"
    check: Callable[[Path], Any] = lambda folder: None


def private(folder: Path) -> None:
    """Nobody else reads what a process of this umask writes."""
    for name in ("m.keras", "m.h5", "log.csv", "run/run-0.safetensors"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


NO_HOME = {"HOME": None, "CORNU_HOME": None, "KERAS_HOME": None, "XDG_CACHE_HOME": None}

KINDS = {
    "TZ": Surroundings({"TZ": "Pacific/Kiritimati"}),
    "TZ that is none": Surroundings({"TZ": ":/nowhere/at/all"}),
    "LC_ALL=C": Surroundings({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "ASCII alone": Surroundings({"PYTHONIOENCODING": "ascii"}),
    "Turkish": Surroundings(
        {"LC_ALL": "tr_TR.UTF-8"},
        "import locale\ntry: locale.setlocale(locale.LC_ALL, '')\nexcept locale.Error: pass",
    ),
    "no HOME": Surroundings(NO_HOME),
    "HOME that is not there": Surroundings({**NO_HOME, "HOME": "/nowhere/at/all"}),
    "HOME that is a file": Surroundings({**NO_HOME, "HOME": "/dev/null"}),
    "HOME that is read-only": Surroundings({**NO_HOME, "HOME": "/proc"}),  # for root, too
    "cwd deleted": Surroundings({}, "os.mkdir(gone); os.chdir(gone); os.rmdir(gone)"),
    "no output": Surroundings({}, "", "closed"),
    "BrokenPipe": Surroundings({}, "", "broken"),
    "no streams": Surroundings({}, "sys.stdin = sys.stdout = sys.stderr = None"),
    "full output": Surroundings({}, "", "full"),
    "umask 077": Surroundings({}, "os.umask(0o077)", "pipe", private),
}
"""A row for each. No process here has a terminal."""

TOGETHER = {
    "one": ["TZ", "LC_ALL=C", "no HOME", "cwd deleted", "umask 077", "BrokenPipe"],
    "other": ["TZ that is none", "ASCII alone", "HOME that is read-only", "full output"],
}
"""For the short form: those that go together, in two processes."""

PROGRAM = """
    import os, sys, warnings
    folder = sys.argv[1]
    gone = folder + "/gone"
    {before}
    warnings.simplefilter("error")
    from reliability import quick_start
    from pathlib import Path
    quick_start.main(Path(folder))
"""


def ran(folder: Path, names: list[str]) -> tuple[str, str]:
    """The answer of the script, and what it said on stderr."""
    kinds = [KINDS[name] for name in names]
    variables = {k: v for kind in kinds for k, v in kind.variables.items()}
    before = "\n".join(kind.before for kind in kinds).replace("\n", "\n    ")
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM.format(before=before)), str(folder)]
    out: str = next((kind.out for kind in kinds if kind.out != "pipe"), "pipe")
    if out == "closed":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    read, write = os.pipe()
    full = os.open("/dev/full", os.O_WRONLY) if out == "full" else None
    if out == "broken":
        os.close(read)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=full if full is not None else write,
        stderr=subprocess.PIPE,
        env=environment(**variables),
    )
    os.close(write)
    if full is not None:
        os.close(full)
    if out != "broken":
        with os.fdopen(read, "rb") as file:
            file.read()
    error = process.communicate(timeout=240)[1].decode("utf-8", "replace")
    # what Python itself says of a stream it cannot flush when it ends is no matter of ours
    assert process.returncode in ((0, 120) if out in ("broken", "full") else (0,)), error
    for kind in kinds:
        kind.check(folder)
    return (folder / "answer").read_text(), error


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("usual")
    quick_start.main(folder)
    return (folder / "answer").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="surroundings of Linux")
@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_surroundings_together(names, expected, tmp_path):
    assert ran(tmp_path, names)[0] == expected


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="surroundings of Linux")
@pytest.mark.parametrize("name", KINDS)
def test_surroundings(name, expected, tmp_path):
    answer, _ = ran(tmp_path, [name])
    assert answer == expected


class Broken(io.StringIO):
    """Output that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def closed() -> io.StringIO:
    found = io.StringIO()
    found.close()
    return found


def ended(call: Callable[[], Any]) -> type | None:
    """What a call raises."""
    try:
        call()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(
    ("out", "error"),
    [(Broken(), BrokenPipeError), (closed(), ValueError), (None, None), (io.StringIO(), None)],
    ids=["broken", "closed", "none", "usual"],
)
def test_a_summary_is_printed_as_anything_else(out, error, monkeypatch):
    """It is asked for, so it says nothing less than `print` does; `print_fn` is the way round."""
    model = network()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        assert ended(lambda: print("anything")) is error
        assert ended(model.summary) is error
        lines: list[str] = []
        model.summary(print_fn=lines.append)
    assert "Total params" in "".join(lines) and model.predict(X, verbose=0).shape == (64, 1)
    if isinstance(out, io.StringIO) and error is None:
        assert "Total params" in out.getvalue()
