"""The benchmark harness itself, with stand-ins for the workloads; no time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last, so that an installed cornu is the one that is tested

from benchmarks import harness, libraries, report, results, run  # noqa: E402
from benchmarks.protocol import (  # noqa: E402
    BEST,
    Bar,
    Measure,
    Options,
    Outcome,
    Workload,
    read_outcome,
)
from benchmarks.workloads import startup  # noqa: E402

ALL_INSTALLED = dict.fromkeys(libraries.DISTRIBUTIONS, "1.0") | {"python": "3.11.0"}
SPEED = Measure("speed", "training", "rows/s", "higher", (Bar("least", 5.0),))
WORKLOAD = Workload("fake", "Fake work", "Nothing is done.", (SPEED,), ("cornu", "keras-jax"))

Fake = Callable[[str, Options, Path], Sequence[str]]


def plan(**changes: object) -> harness.Plan:
    made = harness.Plan(("cornu", "keras-jax", "torch"), 3, Path(sys.executable), ALL_INSTALLED)
    return replace(made, **changes)  # type: ignore[arg-type]


def prints(values: Mapping[str, float]) -> Fake:
    """A command that prints the value of its library as a run would, after some chatter."""

    def command(workload: str, options: Options, python: Path) -> list[str]:
        line = json.dumps({"measurements": {"speed": values[options.library]}, "device": "CPU"})
        return [sys.executable, "-c", f"print('chatter'); print({line!r})"]

    return command


def executes(code: str) -> Fake:
    return lambda workload, options, python: [sys.executable, "-c", code]


def result(**speeds: Sequence[float]) -> results.WorkloadResult:
    """Results with the given speeds, one a round; `keras_jax` stands for `keras-jax`."""
    runs = [
        results.Run(library.replace("_", "-"), turn, Outcome({"speed": value}, "CPU"))
        for library, values in speeds.items()
        for turn, value in enumerate(values)
    ]
    return results.WorkloadResult(runs, {}, {"date": "2000-01-01"})


# Reading what a run prints


def test_outcome_is_the_last_json_line_of_the_output() -> None:
    output = '{"not": "this"}\nchatter\n{"measurements": {"a": 1.5}, "device": "CPU"}\nbye\n'
    assert read_outcome(output) == Outcome({"a": 1.5}, "CPU")


def test_output_without_measurements_is_refused() -> None:
    with pytest.raises(ValueError, match="no measurements"):
        read_outcome("Traceback\n")


# Running


def test_turns_interleave_and_begin_with_another_library_each_round() -> None:
    assert list(harness.turns(("a", "b", "c"), 4)) == [
        *((0, name) for name in "abc"),
        *((1, name) for name in "bca"),
        *((2, name) for name in "cab"),
        *((3, name) for name in "abc"),
    ]
    assert list(harness.turns((), 2)) == []


def test_runs_follow_the_turns_and_keep_their_numbers() -> None:
    said: list[str] = []
    found = harness.run_workload(
        WORKLOAD, plan(), prints({"cornu": 6.0, "keras-jax": 2.0}), said.append
    )
    order = [(run.round, run.library, run.outcome.measurements["speed"]) for run in found.runs]
    assert order == [
        (0, "cornu", 6.0),
        (0, "keras-jax", 2.0),
        (1, "keras-jax", 2.0),
        (1, "cornu", 6.0),
        (2, "cornu", 6.0),
        (2, "keras-jax", 2.0),
    ]
    assert found.left_out == {}
    assert said[0] == "fake [1/3] cornu: speed 6"


def test_a_library_that_is_not_installed_is_left_out_with_the_reason() -> None:
    versions = {**ALL_INSTALLED, "keras": None}
    found = harness.run_workload(
        WORKLOAD, plan(versions=versions), prints({"cornu": 1.0}), lambda text: None
    )
    assert {run.library for run in found.runs} == {"cornu"}
    assert found.left_out["keras-jax"].startswith("keras not installed")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise AttributeError('no /home/someone/cornu/x.py')", "AttributeError: no x.py"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("print('done')", "the run printed no measurements"),
    ],
)
def test_a_run_that_fails_is_not_tried_again_and_says_why(code: str, reason: str) -> None:
    said: list[str] = []
    found = harness.run_workload(WORKLOAD, plan(), executes(code), said.append)
    assert found.runs == []
    assert list(found.left_out) == ["cornu", "keras-jax"]
    assert found.left_out["cornu"].startswith(f"failed in round 1: {reason}")
    assert len(said) == 2


def test_a_run_that_does_not_end_is_stopped() -> None:
    found = harness.run_workload(
        replace(WORKLOAD, libraries=("cornu",)),
        plan(timeout=0.2),
        executes("import time; time.sleep(60)"),
        lambda text: None,
    )
    assert "no end after" in found.left_out["cornu"]


def test_a_run_has_its_own_home_and_no_outside_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "mine")
    found = libraries.environment("keras-jax", tmp_path, "cpu")
    assert found["KERAS_BACKEND"] == "jax"
    assert "JAX_COMPILATION_CACHE_DIR" not in found
    assert found["JAX_PLATFORMS"] == "cpu"
    assert Path(found["HOME"]).is_relative_to(tmp_path)
    assert found["PYTHONPATH"] == f"{ROOT}{os.pathsep}mine"
    cached = libraries.environment("keras-jax-cached", tmp_path)
    assert Path(cached["JAX_COMPILATION_CACHE_DIR"]).is_relative_to(tmp_path)
    assert Path(libraries.environment("cornu", tmp_path)["CORNU_CACHE_DIR"]).name == "cache"


def test_probe_says_what_this_interpreter_has() -> None:
    found = libraries.probe(Path(sys.executable))
    assert found["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert found.keys() == ALL_INSTALLED.keys()


def test_paths_are_cut_to_their_last_part() -> None:
    assert harness.without_paths("see '/a/b c/d.py', x/y, 3/4") == "see 'b c/d.py', x/y, 3/4"
    assert harness.without_paths("/opt/x/bin/python -m benchmarks") == "python -m benchmarks"


# The table of workloads


def test_each_workload_row_is_named_as_its_file_and_uses_known_libraries() -> None:
    rows = harness.find_workloads()
    assert {"startup", "small_mlp", "tutorial_mlp", "predict_one"} <= rows.keys()
    for name, row in rows.items():
        assert (ROOT / "benchmarks" / "workloads" / f"{name}.py").exists()
        assert set(row.libraries) <= libraries.LIBRARIES.keys()
        for measure in row.measures:
            assert {bar.against for bar in measure.bars} <= {None, BEST, *row.libraries}


def test_a_workload_run_alone_prints_an_outcome() -> None:
    code = (
        "from benchmarks.protocol import Outcome, main\n"
        "main(lambda o: Outcome({'speed': 2.0}, o.device, {'quick': o.quick}),"
        " ['--library', 'torch', '--device', 'cpu', '--quick'])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert read_outcome(output) == Outcome({"speed": 2.0}, "cpu", {"quick": True})


def test_start_is_timed_until_the_mark_and_fails_with_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = replace(libraries.LIBRARIES["keras-jax"], module="json")
    monkeypatch.setitem(libraries.LIBRARIES, "keras-jax", stand_in)
    found = startup.start(Options("keras-jax"), tmp_path, "import")
    assert 0 <= found.imported <= found.inside <= found.outside
    with pytest.raises(RuntimeError, match="'train': AttributeError: .*json.* has no attribute"):
        startup.start(Options("keras-jax"), tmp_path, "train")


# What the numbers say


def test_summary_is_median_and_range() -> None:
    found = results.summaries(result(cornu=(3.0, 1.0, 10.0), keras_jax=(2.0, 4.0)), "speed")
    assert found["cornu"] == results.Summary(3.0, 1.0, 10.0, 3)
    assert found["keras-jax"] == results.Summary(3.0, 2.0, 4.0, 2)


@pytest.mark.parametrize(
    ("bar", "cornu", "text"),
    [
        (Bar("least", 5.0), 10.0, "met"),
        (Bar("least", 5.0), 8.0, "missed by 20%"),
        (Bar("most", 0.4), 0.8, "met"),
        (Bar("most", 0.4), 1.0, "missed by 25%"),
        (Bar("most", 0.25, against=None), 0.25, "met"),
        (Bar("most", 0.25, against=None), 0.5, "missed by 100%"),
        (Bar("least", 2.0, against=BEST), 8.0, "met"),
        (Bar("least", 2.0, against=BEST), 7.0, "missed by 12%"),
    ],
)
def test_bar_is_judged_on_its_good_side(bar: Bar, cornu: float, text: str) -> None:
    measured = result(cornu=(cornu,), keras_jax=(2.0,), torch=(4.0,))
    assert results.judge(SPEED, bar, results.summaries(measured, "speed")).text == text


def test_bar_without_a_measurement_is_not_met() -> None:
    for speeds in ({"cornu": (1.0,)}, {"keras_jax": (1.0,)}):
        found = results.summaries(result(**speeds), "speed")
        verdict = results.judge(SPEED, SPEED.bars[0], found)
        assert (verdict.text, verdict.met) == ("not measured", False)


def test_fastest_peer_is_never_cornu_and_follows_what_is_better() -> None:
    found = results.summaries(result(cornu=(9.0,), keras_jax=(2.0,), torch=(3.0,)), "speed")
    assert results.fastest_peer(SPEED, found) == "torch"
    assert results.fastest_peer(replace(SPEED, better="lower"), found) == "keras-jax"
    assert results.fastest_peer(SPEED, {}) is None


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    stored = {"fake": result(cornu=(1.0, 2.0))}
    results.save(tmp_path / "new" / "results.json", stored)
    assert results.load(tmp_path / "new" / "results.json") == stored
    assert results.load(tmp_path / "none.json") == {}


# The report


def test_report_shows_medians_ranges_ratios_and_the_verdict() -> None:
    found = replace(
        result(cornu=(9_000.0, 12_000.0, 10_000.0), keras_jax=(2_500.0,)),
        left_out={"torch": "torch not installed"},
    )
    text = report.render({"fake": WORKLOAD}, {"fake": found})
    assert "| Cornu | 10,000 | 9,000 … 12,000 | 3 | 4.00× | 4.00× |" in text
    assert "| ≥ 5 × Keras on JAX | **missed by 20%** | 10,000 rows/s | 4.00× |" in text
    assert "- PyTorch: torch not installed." in text
    assert "| PyTorch | left out |" in text
    assert "- date: 2000-01-01" in text


def test_report_keeps_the_notes_and_nothing_else_of_the_old_one() -> None:
    rows, found = {"fake": WORKLOAD}, {"fake": result(cornu=(1.0,))}
    first = report.render(rows, found)
    edited = first.replace("None yet.", "The fan was loud.\n\n- Truly.") + "\nstale\n"
    second = report.render(rows, found, edited)
    assert "\nThe fan was loud.\n\n- Truly.\n" in second
    assert "stale" not in second
    assert report.render(rows, found, second) == second


def test_report_of_nothing_measured_says_so() -> None:
    text = report.render({"fake": WORKLOAD}, {"fake": results.WorkloadResult([], {}, {})})
    assert "Not measured." in text
    assert "**not measured**" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,346"), (999.4, "999"), (12.34, "12.3"), (0.02496, "0.0250"), (1.0, "1.00")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text


# The command


def test_command_line_has_its_defaults() -> None:
    rows = {"fake": WORKLOAD}
    assert run.beside(Path("x/RESULTS.md"), ".json") == Path("x/results.json")
    asked = run.parse(rows, ["--only", "fake", "--peers", "torch,keras-jax", "--repeats", "2"])
    assert (asked.only, asked.peers, asked.repeats) == (["fake"], ("torch", "keras-jax"), 2)
    assert asked.results.name == "RESULTS.md"
    assert run.parse(rows, ["--quick"]).results is None
    assert run.parse(rows, []).peers == run.PEERS
    assert run.parse(rows, []).only == ["fake"]
    two = {"fake": WORKLOAD, "other": WORKLOAD}
    assert run.parse(two, ["--only", "other,fake"]).only == ["other", "fake"]
    assert run.parse(two, ["--only", "other", "fake"]).only == ["other", "fake"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--peers", "caffe", "unknown peer 'caffe'"),
        ("--repeats", "0", "expected at least 1"),
        ("--only", "other", "unknown workload 'other'"),
        ("--python-peers", "nowhere", "expected a Python executable"),
    ],
)
def test_wrong_command_line_is_refused_with_the_reason(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run.parse({"fake": WORKLOAD}, [option, value])
    assert message in capsys.readouterr().err


def test_a_run_writes_report_and_json_and_keeps_other_workloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(WORKLOAD, name="other", title="Other work")
    monkeypatch.setattr(run, "find_workloads", lambda: {"fake": WORKLOAD, "other": other})
    monkeypatch.setattr(libraries, "probe", lambda python: ALL_INSTALLED)
    monkeypatch.setattr(libraries, "native_kernels", lambda python: "none here")
    monkeypatch.setattr(run, "run_workload", lambda workload, plan, say: result(cornu=(7.0,)))
    path = tmp_path / "RESULTS.md"
    results.save(run.beside(path, ".json"), {"other": result(cornu=(3.0,))})
    assert run.main(["--only", "fake", "--results", str(path)]) == 0
    stored = results.load(run.beside(path, ".json"))
    assert stored["other"] == result(cornu=(3.0,))
    assert stored["fake"].conditions["versions"].startswith("numpy 1.0")
    assert stored["fake"].conditions["native kernels of Cornu"] == "none here"
    assert path.read_text(encoding="utf-8") == capsys.readouterr().out.removesuffix("\n")
    assert "Other work" in path.read_text(encoding="utf-8")


def test_rendering_anew_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_workloads", lambda: {"fake": WORKLOAD})
    monkeypatch.setattr(run, "measure", lambda *arguments: pytest.fail("measured"))
    path = tmp_path / "RESULTS.md"
    results.save(run.beside(path, ".json"), {"fake": result(cornu=(7.0,))})
    assert run.main(["--render", "--results", str(path)]) == 0
    assert "| Cornu | 7.00 |" in path.read_text(encoding="utf-8")
