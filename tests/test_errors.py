"""Messages: their length, what values are called, nearest names, and the list of all codes."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cornu import engine
from cornu.errors import (
    MESSAGE_LENGTH,
    UsageError,
    UsageTypeError,
    nearest,
    shown,
    suggestion,
    warn,
)

REPOSITORY = Path(__file__).resolve().parents[1]
CODE = r"E-[A-Z0-9]+(?:-[A-Z0-9]+)*"


@pytest.mark.parametrize("kind", [UsageError, UsageTypeError])
def test_long_messages_are_cut_and_keep_their_code(kind: type):
    error = kind("E-LONG", "x" * 2000)
    assert len(str(error)) == MESSAGE_LENGTH == 600
    assert str(error).endswith("… [E-LONG]")
    assert error.code == "E-LONG"
    assert str(kind("E-SHORT", "short")) == "short [E-SHORT]"


def test_what_an_engine_says_of_its_frames_is_left_out():
    error = UsageError("E-CODE", "text")
    error.add_note("--------------------\nFrames were removed.")
    error.add_note("while reading batch 2")
    assert error.__notes__ == ["while reading batch 2"]


def function():
    """Something to be shown."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (8.0, "8.0 (float)"),
        ("cat", "'cat'"),
        (None, "None"),
        (np.zeros((2, 3), "int8"), "ndarray of shape (2, 3), int8"),
        (np.float32(3), "3.0 (float32)"),
        (dict, "the class dict"),
        (function, "the function function"),
        (object(), "an object of class object"),
        ("x" * 100, "'" + "x" * 58 + "…"),
    ],
)
def test_values_are_shown_in_short(value: Any, expected: str):
    assert shown(value) == expected


def test_arrays_of_the_engine_are_arrays():
    assert shown(engine.array(np.zeros((2, 3), "int8"))) == "array of shape (2, 3), int8"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("rleu", "relu"), ("ReLU", "relu"), ("he", None), ("lecun", "lecun_normal"), ("zz", None)],
)
def test_nearest(typed: str, expected: str | None):
    assert nearest(typed, ["relu", "elu_like", "lecun_normal"]) == expected


def test_several_names_that_begin_alike_are_all_offered():
    known = ["glorot_uniform", "he_normal", "glorot_normal"]
    assert suggestion("glorot", known) == 'Did you mean "glorot_normal" or "glorot_uniform"? '
    assert suggestion("glorot_unifrom", known) == 'Did you mean "glorot_uniform"? '
    assert suggestion("xavier", known) == ""


def test_warnings_show_the_line_of_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("careful")
        warn("old", DeprecationWarning)
    assert [(str(w.message), w.category) for w in caught] == [
        ("careful", UserWarning),
        ("old", DeprecationWarning),
    ]
    assert {w.filename for w in caught} == {__file__}


# ---------------------------------------------------------------- docs/errors.md


def codes_in_use() -> set[str]:
    """Every stable code in the source; those of unknown names are made from the family's kind."""
    found: set[str] = set()
    for path in (REPOSITORY / "cornu").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found.update(re.findall(f'"({CODE})"', text))
        kinds = re.findall(r'\bFamily\(\s*"(\w+)"|\bunknown\(\s*"(\w+)"', text)
        found.update(f"E-UNKNOWN-{(a or b).upper()}" for a, b in kinds)
    return found


def test_the_docs_list_every_code_with_cause_and_fix():
    text = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `({CODE})` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    listed = [code for code, _, _ in rows]
    assert listed == sorted(set(listed)), "one row a code, in alphabetical order"
    assert set(listed) == codes_in_use()
    assert all(len(cause) > 10 and len(fix) > 10 for _, cause, fix in rows)
    assert len(re.findall(r"^\| `", text, re.MULTILINE)) == len(rows)
