"""The profile of a step: own times of nested events, the text of a program, one short run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from benchmarks import profile  # noqa: E402

TEXT = """
HloModule jit_step, is_scheduled=true

%body (x: f32[4]) -> f32[4] {
  ROOT %dot.1 = f32[2,3]{1,0} dot(%a, %b), metadata={op_name="jit(step)/transpose(jvp())/transpose"}
}

ENTRY %main (x: f32[4]) -> f32[4] {
  %add_fusion = f32[4]{0} fusion(%x), kind=kLoop, calls=%c, metadata={op_name="jit(step)/add"}
  %call.9 = (f32[8]{0}, u8[2]{0}) custom-call(%x), custom_call_target="cornu_pool"
  %copy.3 = f32[4]{0} copy(%x)
}
"""


def event(start: float, end: float, operation: str | None = None, name: str = "") -> profile.Event:
    told = ("jit_step", 3, operation) if operation else None
    return profile.Event(start, end, name or operation or "", told)


def test_own_time_is_without_what_other_operations_took() -> None:
    events = [
        event(0, 100, "while"),
        event(10, 40, "dot.1"),
        event(15, 20, name="inside dot"),
        event(50, 90, name="ThunkExecutor::Execute (wait for completion)"),
        event(60, 70, "add_fusion"),
        event(200, 230, "dot.1"),
        event(300, 310, name="python"),
    ]
    own = [(one.name, one.own) for one in profile.own_times(events)]
    assert own == [("while", 30), ("dot.1", 30), ("add_fusion", 10), ("dot.1", 30)]


def test_the_text_of_a_program_says_what_operations_are() -> None:
    found = profile.meanings(TEXT)
    assert found["dot.1"].kind == "dot_general, backward"
    assert found["dot.1"].shape == "f32[2,3]"
    assert found["add_fusion"].kind == "add"
    assert found["call.9"].kind == "cornu_pool"
    assert found["call.9"].shape == "(f32[8], u8[2])"
    assert found["copy.3"].kind == "copy"


def test_operations_are_looked_up_in_the_program_that_ran_them(tmp_path: Path) -> None:
    (tmp_path / "module_0003.jit_step.cpu_after_optimizations.txt").write_text(TEXT)
    events = [event(0, 5, "call.9"), event(5, 6, "other")]
    for one in events:
        one.own = one.end - one.start
    pairs = list(profile.explained(events, tmp_path))
    assert [meaning.kind for _, meaning in pairs] == ["cornu_pool", "?"]
    kinds, operations = profile.totals(pairs)
    assert (kinds["cornu_pool"].time, kinds["cornu_pool"].count) == (5, 1)
    assert len(operations) == 2


@pytest.mark.timeout(120)
def test_a_profile_names_what_a_step_is_made_of() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.profile", "autoencoder", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    assert "steps of 256 rows" in done.stdout
    products = ("cornu_product", "dot_general, backward")  # a kernel's where one is used, or XLA's
    assert any(kind in done.stdout for kind in products)
