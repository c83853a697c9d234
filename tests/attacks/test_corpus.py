"""Every attack of the corpus, by every way in: refused as it must be, and nothing else happened.

The rows S21 and S22 (and S20, K5 to K7 as far as they are of `get_file`) concern downloads and
archives; their files are in `tests/utils/test_extraction.py` and `tests/utils/test_downloads.py`.
"""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from attacks import harness
from attacks.corpus import every

PROCESSES = 2
ROWS = [*(f"S{i}" for i in range(1, 26)), "S27", "K2", "K3", "K4", "K8", "K9", "K11"]
ROWS = [row for row in ROWS if row not in ("S21", "S22", "S25")]
"""Rows of the list of published weaknesses that concern loading: of those left out, two concern
downloads, and the third is `test_sweep`."""


def tried(share: int) -> list[harness.Outcome]:
    """The outcome of every `PROCESSES`-th stretch of the corpus."""
    size = -(-len(every()) // PROCESSES)
    return list(harness.tried("corpus", share * size, min((share + 1) * size, len(every()))))


@pytest.mark.timeout(600)
def test_no_attack_succeeds():
    with ThreadPoolExecutor(PROCESSES) as pool:
        outcomes = [outcome for found in pool.map(tried, range(PROCESSES)) for outcome in found]
    assert len(outcomes) == len(every()) > 120
    failed = [f"{o.name}: {'; '.join(o.complaints)}" for o in outcomes if o.complaints]
    assert not failed, "\n".join(failed)


def test_every_row_has_an_attack():
    tried = {rule for attack in every() for rule in re.split(r"\s+", attack.rules)}
    assert set(ROWS) <= tried
    assert {f"L{i}" for i in range(1, 11)} - {"L7"} <= tried | {"L10"}


def test_names_are_unique():
    names = [attack.name for attack in every()]
    assert len(set(names)) == len(names)


# ---------------------------------------------------------------- the harness itself


MISCHIEF = {
    "opens a canary": "touched the canary",
    "opens a file": "did open",
    "calls": "called 127.0.0.1|did socket",
    "starts a process": "did subprocess.Popen|did os.posix_spawn",
    "evaluates": "did compile|did exec",
    "unpickles": "did pickle.find_class",
    "changes a setting": "changed settings",
    "registers a class": "changed registered names",
    "leaves a file": "changed files|did open",
    "takes memory": "took .* MB",
    "takes time": "took .* s of the processor",
    "raises another error": "raised KeyError",
    "recurses": "ran into RecursionError",
    "tells a terminal": "no terminal",
    "sets the environment": "changed environment|did os.putenv",
}


def test_the_harness_sees_mischief():
    found = {o.name: " ".join(o.complaints) for o in harness.tried("mischief", 0, len(MISCHIEF))}
    assert list(found) == list(MISCHIEF)
    for name, words in MISCHIEF.items():
        assert re.search(words, found[name]), (name, found[name])


def test_the_harness_sees_crashes_and_hangs():
    found = list(harness.tried("mischief", len(MISCHIEF), len(MISCHIEF) + 3, hang=2.0))
    assert [o.name for o in found] == ["crashes", "hangs", "does nothing"]
    assert "SIGSEGV" in found[0].complaints[0] and "takes longer" in found[1].complaints[0]
    assert not found[2].complaints
