"""What is shown of results: wide tables, failures, the picture."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from benchmarks import libraries, plot, report, results, run  # noqa: E402
from benchmarks.protocol import BEST, Bar, Measure, Outcome, Workload  # noqa: E402

SPEED = Measure("speed", "train <fast>", "rows/s", "higher", (Bar("least", 1.5, BEST),))
TIME = Measure("time", "a call", "ms", "lower", (Bar("most", 0.1, BEST),))
ASIDE = Measure("aside", "not held against peers", "rows/s", "higher")
WORKLOAD = Workload("fake", "Fake work", "Nothing is done.", (SPEED, TIME, ASIDE))


def measured(**values: tuple[float, float]) -> results.WorkloadResult:
    """One run of each library, with its speed and its time."""
    runs = [
        results.Run(name.replace("_", "-"), 0, Outcome({"speed": s, "time": t, "aside": s}, "CPU"))
        for name, (s, t) in values.items()
    ]
    return results.WorkloadResult(runs, {}, {})


RESULT = measured(cornu=(1000.0, 0.4), keras_jax=(50.0, 4.0), torch=(100.0, 8.0))


def test_a_wide_workload_is_one_table_and_one_line_of_bars() -> None:
    wide = replace(WORKLOAD, measures=(SPEED, replace(SPEED, key="aside")), wide=True)
    found = replace(RESULT, runs=[*RESULT.runs, *measured(cornu=(1100.0, 0.4)).runs])
    text = report.render({"fake": wide}, {"fake": found})
    assert "| rows/s | Cornu | Keras on JAX | PyTorch | Cornu × best peer |" in text
    assert "| train <fast> | 1,050 ±5% | 50.0 | 100 | 10.5× | met |" in text
    assert "| Fake work | 2 of them | each ≥ 1.5 × the best peer | **met by 2 of 2** |" in text


def test_a_failure_has_its_line_in_the_table_and_its_reason_below() -> None:
    found = replace(RESULT, left_out={"tf-keras": "failed in round 1: ValueError: no"})
    text = report.render({"fake": WORKLOAD}, {"fake": found})
    assert "| tf-keras | failed | – | – | – | – |" in text
    assert "- tf-keras: failed in round 1: ValueError: no." in text


def test_the_bar_names_the_best_peer_of_its_own_measure() -> None:
    text = report.render({"fake": WORKLOAD}, {"fake": RESULT})
    assert "| ≥ 1.5 × the best peer | **met** | 1,000 rows/s | 10.0× | 10.0× (PyTorch) |" in text
    assert "| ≤ 0.1 × the best peer | **met** | 0.400 ms | 0.100× | 0.100× (Keras on JAX) |" in text


def places(picture: str) -> dict[str, list[tuple[float, float]]]:
    """The places of the dots of each colour, without those of the legend."""
    found: dict[str, list[tuple[float, float]]] = {}
    for node in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}circle"):
        if float(node.get("cy", "0")) > plot.TOP:
            place = float(node.get("cx", "0")), float(node.get("cy", "0"))
            found.setdefault(node.get("fill", ""), []).append(place)
    return found


def test_the_picture_shows_better_to_the_right_on_a_scale_of_tens() -> None:
    picture = plot.svg({"fake": WORKLOAD}, {"fake": RESULT})
    assert "Fake work: train &lt;fast&gt;" in picture
    assert "not held against peers" not in picture
    dots = places(picture)
    step = plot.WIDTH / 2  # the scale goes from 0.1 to 10
    cornu, torch, jax = (dots[plot.COLOURS[name]] for name in ("cornu", "torch", "keras-jax"))
    assert cornu[0][0] - torch[0][0] == pytest.approx(step, abs=0.2)  # 10 times the speed
    assert cornu[1][0] - jax[1][0] == pytest.approx(step, abs=0.2)  # a tenth of the time
    assert torch[1][0] < jax[1][0] < cornu[1][0]
    assert cornu[0][1] == torch[0][1] < cornu[1][1]


def test_the_picture_of_nothing_is_nothing() -> None:
    assert plot.svg({"fake": WORKLOAD}, {}) == ""
    assert plot.svg({"fake": WORKLOAD}, {"fake": measured(torch=(1.0, 1.0))}) == ""


def test_every_library_has_a_colour_of_its_own() -> None:
    assert plot.COLOURS.keys() == libraries.LIBRARIES.keys()
    assert len(set(plot.COLOURS.values())) == len(plot.COLOURS)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in plot.COLOURS.values())


def test_the_picture_lies_beside_the_report_that_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "find_workloads", lambda: {"fake": WORKLOAD})
    results.save(tmp_path / "results.json", {"fake": RESULT})
    assert run.main(["--render", "--results", str(tmp_path / "RESULTS.md")]) == 0
    shown = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "](results.svg)" in shown
    picture = (tmp_path / "results.svg").read_text(encoding="utf-8")
    assert picture == plot.svg({"fake": WORKLOAD}, {"fake": RESULT})
