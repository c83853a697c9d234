"""Every item of five tutorials, of all generations, under `import keras`: see docs/seeds.md."""

import os
import subprocess
import sys
from itertools import chain

import pytest

from seeds import table
from seeds.expected import FALSE, NOTHING_TO_CHECK, WAITS_FOR
from seeds.table import ITEMS, PAGE, TESTS

WAITING = set(chain.from_iterable(WAITS_FOR.values()))


@pytest.fixture(scope="module")
def found():
    """What came of every item, from one Python in which `import keras` is Cornu."""
    return table.run()


def test_the_list_is_whole():
    ids = [item["id"] for item in ITEMS]
    last = {"000": 124, "001": 74, "002": 106, "003": 44, "004": 115}
    assert ids == [f"{t}-{n:03}" for t, count in last.items() for n in range(1, count + 1)]
    assert {item["kind"] for item in ITEMS} == table.KINDS.keys()


def test_lists_of_exceptions_are_of_items():
    kinds = {item["id"]: item["kind"] for item in ITEMS}
    assert kinds.keys() >= {*WAITING, *NOTHING_TO_CHECK, *FALSE}
    assert sum(map(len, WAITS_FOR.values())) == len(WAITING)
    assert {kinds[id_] for id_ in NOTHING_TO_CHECK} <= {"claim", "cfg"}
    assert {kinds[id_] for id_ in FALSE} == {"claim"}


def test_every_item_is_checked(found):
    assert found.keys() == {item["id"] for item in ITEMS} - NOTHING_TO_CHECK.keys()


@pytest.mark.parametrize("id_", [i["id"] for i in ITEMS if i["id"] not in NOTHING_TO_CHECK])
def test_item(found, id_):
    if id_ in WAITING:
        assert found[id_] is not None, f"{id_} works: take it off WAITS_FOR in seeds/expected.py"
    else:
        assert found[id_] is None, found[id_]


def test_the_page_is_of_this_run(found):
    assert PAGE.read_text(encoding="utf-8") == table.page(found), (
        "write docs/seeds.md anew: python -m seeds.table, in tests/"
    )


def test_a_program_by_the_command_line(tmp_path):
    code = [item["code"] for item in ITEMS if item.get("block") == "002a"]
    (tmp_path / "old.py").write_text("\n".join(["import numpy as np", *code, "print(out)"]))
    done = subprocess.run(
        [sys.executable, "-m", "cornu", "run", "old.py"],
        env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "0.7310586" in done.stdout and "0.9525741" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_data_set_of_full_size():
    done = table.run("--full")
    assert len(done) > 30
    assert {id_ for id_, error in done.items() if error is not None} <= WAITING
