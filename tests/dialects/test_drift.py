"""The list of all that has computed otherwise is whole, and true of the code and the page."""

import importlib
import re
from pathlib import Path

import pytest

from cornu.dialects import drifts
from cornu.dialects.drifts import DRIFTS, NOT_FOLLOWED, during
from cornu.dialects.generations import GENERATIONS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "drift.md"
FOLLOWED = [drift for drift in DRIFTS if drift not in NOT_FOLLOWED]


def test_names_are_told_apart():
    names = [drift.name for drift in DRIFTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.name)
def test_rows(drift):
    assert during(drift)
    assert drift.last != GENERATIONS[-1], "generation 3 is what all are held against"
    assert bool(drift.where) == bool(drift.test) != bool(drift.reason)
    assert drift.what.endswith(".")
    assert not drift.reason or drift.reason.endswith(".")


@pytest.mark.parametrize("drift", FOLLOWED, ids=lambda drift: drift.name)
def test_it_is_decided_where_the_row_says(drift):
    module, name = drift.where.split(":")
    assert hasattr(importlib.import_module(f"cornu.dialects.{module}"), name)


@pytest.mark.parametrize("drift", FOLLOWED, ids=lambda drift: drift.name)
def test_a_test_holds_it(drift):
    file, name = drift.test.split("::")
    text = (HERE / file).read_text()
    assert re.search(rf"^def {name}\(", text, re.MULTILINE)


def test_every_test_of_drifts_has_a_row():
    """Tests that go through the generations are those of a row, but for a few of other things."""
    own = {drift.test for drift in FOLLOWED}
    beside = {
        "test_fans_of_matrices", "test_names_of_metrics", "test_one_kernel_for_all_gates",
        "test_scripts_see_the_class_of_today", "test_every_generation_here",
    }  # fmt: skip
    marked = re.compile(r'parametrize\(\s*"generation".*?\ndef (test_\w+)\(', re.DOTALL)
    for path in sorted(HERE.glob("test_drift_*.py")):
        for block in path.read_text().split("\n\n\n"):
            found = marked.search(block)
            if found and found[1] not in beside:
                assert f"{path.name}::{found[1]}" in own, found[1]


def test_the_page_is_the_list():
    """It is written by hand nowhere: `drifts.as_markdown()` says what stands there."""
    assert PAGE.read_text() == drifts.as_markdown()
