"""`examples/generations`: scripts of every generation, run as they are by `cornu run`.

Nine of a generation's ten run one after the other in one Python, as starting one takes seconds;
the tenth, and all of them in the slow tests, by the command line.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from examples.checks import FOLDER, GENERATIONS, ROOT, TASKS, wrong

ALONE = {
    "keras0": "style_transfer",
    "keras1": "style_transfer",
    "keras2": "siamese",
    "keras3": "stateful_lstm",
}
"""The script of each generation that runs by a command line of its own in every run of tests."""

# ---------------------------------------------------------------- what is run

DRIVER = """
import argparse, contextlib, io, json, os, sys, warnings
from cornu import running
from cornu.dialects import table

found = {}
generation, folder, *names = sys.argv[1:]
for name in names:
    table.forget_warnings()
    said, told = io.StringIO(), io.StringIO()
    given = argparse.Namespace(
        generation=generation, script=os.path.join(folder, name + ".py"), arguments=[]
    )
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            status = running.run(given)
    warned = [f"{one.category.__name__}: {one.message}" for one in raised]
    found[name] = status, said.getvalue(), told.getvalue(), warned
json.dump(found, sys.stdout)
"""


def python(folder, *arguments):
    """Run Python in an empty folder, and see that it leaves nothing there."""
    kept = {name: value for name, value in os.environ.items() if name != "CORNU_GENERATION"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder.parent)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert list(folder.iterdir()) == []
    return done


def by_command_line(folder, generation, task):
    """Exit status, what was printed, and warnings of one script in a Python of its own."""
    script = FOLDER / generation / f"{task}.py"
    options = ["--generation", GENERATIONS[generation], str(script)]
    done = python(folder, "-W", "always", "-m", "cornu", "run", *options)
    lines = done.stderr.splitlines()
    warned = [line for line in lines if re.search(r": \w*Warning: ", line)]
    rest = [line for line in lines if line not in warned and not line.startswith("  ")]
    return done.returncode, done.stdout, "\n".join(rest), warned


def test_every_task_is_there_in_every_generation():
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py")}
    assert there == {f"{generation}/{task}.py" for generation in GENERATIONS for task in TASKS}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_scripts_in_one_python(generation, tmp_path):
    tasks = [task for task in TASKS if task != ALONE[generation]]
    (tmp_path / "empty").mkdir()
    done = python(
        *(tmp_path / "empty", "-c", DRIVER, GENERATIONS[generation]),
        *(str(FOLDER / generation), *tasks),
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = json.loads(done.stdout)
    assert [*found] == tasks
    assert [line for task in tasks for line in wrong(generation, task, *found[task])] == []


@pytest.mark.parametrize(("generation", "task"), ALONE.items())
def test_a_script_by_the_command_line(generation, task, tmp_path):
    (tmp_path / "empty").mkdir()
    assert wrong(generation, task, *by_command_line(tmp_path / "empty", generation, task)) == []


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_each_script_by_the_command_line(generation, task, tmp_path):
    (tmp_path / "empty").mkdir()
    assert wrong(generation, task, *by_command_line(tmp_path / "empty", generation, task)) == []
