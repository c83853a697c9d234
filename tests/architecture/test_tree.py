"""The tree keeps its own rules. `test_checks.py` shows that each of these checks can fail."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from architecture import checks, public, texts
from architecture.source import Modules, modules

ROOT = Path(__file__).parents[2]

CHECKS = (
    checks.imports_go_down,
    checks.imports_have_no_cycle,
    checks.only_the_engine_imports_frameworks,
    checks.functions_import_only_optional_packages,
    checks.old_spellings_stay_in_dialects,
    checks.sizes_stay_readable,
)


@pytest.fixture(scope="module")
def tree() -> Modules:
    found = modules(ROOT / "cornu")
    assert {"cornu.errors", "cornu.engine"} <= found.keys(), "nothing to check"
    return found


def expect_none(complaints: list[str]) -> None:
    if complaints:
        pytest.fail("\n".join([f"{len(complaints)} complaints:", *complaints]), pytrace=False)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_source(check: Callable[[Modules], list[str]], tree: Modules) -> None:
    expect_none(check(tree))


def test_tests_start_without_peers() -> None:
    collected = {name: each for name, each in modules(ROOT / "tests").items() if ".test_" in name}
    assert collected, "nothing to check"
    expect_none(checks.tests_start_without_peers(collected))


def test_sizes_over_the_aim_are_shown(tree: Modules) -> None:
    """Fails never: `pytest -rP` shows what grows."""
    for size in sorted(checks.sizes(tree), key=lambda size: -size.lines / size.aim):
        if size.lines > size.aim:
            print(f"{size.lines:4} lines, aim {size.aim}: {size.what}")


def test_no_traces_of_a_machine() -> None:
    expect_none(texts.traces(ROOT))


def test_import_is_light() -> None:
    expect_none(public.loaded_by_import("cornu", ROOT))


def test_names() -> None:
    expect_none(public.wrong_names(importlib.import_module("cornu")))


def test_docstrings_and_annotations() -> None:
    package = importlib.import_module("cornu")
    assert list(public.reachable(package)), "nothing to check"
    expect_none(public.incomplete(package))
