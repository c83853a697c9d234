"""How runs are started and ended: caches that stay, processes that do not, errors that are told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from benchmarks import harness, libraries, memory  # noqa: E402
from benchmarks.protocol import KERAS_LIKE, STANDARD_LIBRARIES, Options, Workload  # noqa: E402

ALL_INSTALLED = dict.fromkeys(libraries.DISTRIBUTIONS, "1.0") | {"python": "3.11.0"}
PLAN = harness.Plan(("cornu",), 1, Path(sys.executable), ALL_INSTALLED)
ALIVE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({path!r}, "w").write(str(child.pid))
time.sleep(60)
"""


def test_the_budget_reaches_the_run() -> None:
    words = harness.workload_command("small_mlp", Options("torch", budget=1.5), Path("python"))
    assert words[words.index("--budget") + 1] == "1.5"
    assert Options("torch", budget=1.5).seconds == 1.5
    assert Options("torch", quick=True, budget=1.5).seconds < 0.1


def test_a_compiler_that_takes_a_minute_keeps_what_it_made(tmp_path: Path) -> None:
    kept, scratch = tmp_path / "kept", tmp_path / "scratch"
    found = libraries.environment("torch-compiled", scratch, kept_caches=kept)
    assert Path(found["TORCHINDUCTOR_CACHE_DIR"]).is_relative_to(kept)
    found = libraries.environment("cornu", scratch, kept_caches=kept)
    assert Path(found["CORNU_CACHE_DIR"]).is_relative_to(scratch)


def test_a_run_that_is_stopped_takes_what_it_started_along(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    code = ALIVE.format(path=str(path))
    plan = harness.Plan(("cornu",), 1, Path(sys.executable), ALL_INSTALLED, timeout=3.0)
    found = harness.run_workload(
        Workload("fake", "Fake", "", (), ("cornu",)),
        plan,
        lambda workload, options, python: [sys.executable, "-c", code],
        lambda text: None,
    )
    assert "no end after 3 s" in found.left_out["cornu"]
    assert gone(int(path.read_text()))


def gone(process: int) -> bool:
    """Whether a process ends within a second; one that nobody has asked about counts as ended."""
    for _ in range(50):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{process}/status")
        if status.exists() and "State:\tZ" in status.read_text():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        (
            "Traceback\n  x\nValueError: not this\n\nSet TORCH_LOGS for more\n",
            "ValueError: not this",
        ),
        ("torch._dynamo.exc.InternalTorchDynamoError: a\nb", "torch._dynamo.exc.Internal"),
        (
            "a.InvalidError: Graph:\nat x\nDetected unsupported op\n",
            "a.InvalidError: Graph: Detected",
        ),
        ("Killed", "Killed"),
        ("", "exit status 9"),
    ],
)
def test_the_line_that_names_the_error_is_told(errors: str, told: str) -> None:
    assert harness.last_words(errors, 9).startswith(told)


def test_libraries_need_what_they_are_imported_as_and_what_computes() -> None:
    assert libraries.LIBRARIES["tf-keras"].needs == ("tf_keras", "tensorflow")
    assert libraries.LIBRARIES["torch"].needs == ("torch",)
    assert libraries.LIBRARIES["keras-jax"].needs == ("keras", "jax")
    without = {**ALL_INSTALLED, "tf_keras": None}
    assert (libraries.missing("tf-keras-xla", without) or "").startswith("tf_keras not installed")


def test_both_ways_of_compiling_are_there() -> None:
    rows = libraries.LIBRARIES
    assert set(KERAS_LIKE) < set(STANDARD_LIBRARIES) < rows.keys()
    for plain, compiled in (("keras-tensorflow", "keras-tensorflow-xla"), ("tf-keras",) * 2):
        assert rows[plain].compile_options == {}
        name = compiled if compiled.endswith("xla") else f"{compiled}-xla"
        assert rows[name].compile_options == {"jit_compile": True}
        assert rows[name].module == rows[plain].module


@pytest.mark.skipif(not memory.STATUS.exists(), reason="Linux counts it")
def test_peak_memory_is_of_this_process_and_never_falls() -> None:
    code = (
        "from benchmarks import memory\n"
        "before = memory.peak()\n"
        "held = bytearray(64 * 2**20)\n"
        "held[::4096] = b'x' * len(held[::4096])\n"
        "with_it = memory.peak()\n"
        "del held\n"
        "print(before, with_it, memory.peak(), memory.resident())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before, with_it, after, now = map(float, done.stdout.split())
    assert 60 < with_it - before < 80
    assert after > with_it - 4  # the kernel counts by some pages at a time
    assert with_it > now + 40
