"""Whole old scripts, as they are and rewritten: the same numbers, and no warning of a spelling."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cornu.dialects.modernize.rewriting import rewritten

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((Path(__file__).parent / "old_scripts").glob("*.py"))
NAMES = [path.stem for path in SCRIPTS]

# Runs scripts one after the other in one Python, each by its generation, and keeps their `results`.
DRIVER = """
import os, sys
import numpy as np
for argument in sys.argv[2:]:
    path, generation = argument.split("@")
    os.environ["CORNU_GENERATION"] = generation
    names = {"__name__": "__main__"}
    exec(compile(open(path).read(), path, "exec"), names)
    np.savez(path + ".npz", *names["results"])
"""


def generation_of(path):
    return re.search(r"Generation ([\d.]+)", path.read_text()).group(1)


def run(folder, texts, options, head):
    """Runs scripts by name in a new Python; returns their results by name."""
    told = []
    for name, (text, generation) in texts.items():
        (folder / f"{name}.py").write_text(text)
        told.append(f"{folder / name}.py@{generation}")
    done = subprocess.run(
        [sys.executable, *options, "-c", head + DRIVER, "-", *told],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    kept = {name: np.load(folder / f"{name}.py.npz") for name in texts}
    return {name: list(found.values()) for name, found in kept.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of all scripts as they are, under the alias, and rewritten, with Cornu alone."""
    old, new = {}, {}
    for path in SCRIPTS:
        generation = generation_of(path)
        old[path.stem] = path.read_text(), generation
        text, _ = rewritten(path.read_text(), generation)
        text = re.sub(r"^(\s*)import keras$", r"\1import cornu as keras", text, flags=re.M)
        new[path.stem] = re.sub(r"^(\s*)from keras\b", r"\1from cornu", text, flags=re.M), "3"
    before = run(tmp_path_factory.mktemp("old"), old, [], "import cornu.as_keras\n")
    after = run(tmp_path_factory.mktemp("new"), new, ["-W", "error"], "")
    return before, after


@pytest.mark.parametrize("name", NAMES)
def test_a_rewritten_script_gives_the_same_numbers(name, results):
    before, after = (found[name] for found in results)
    assert len(before) == len(after) > 2
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", SCRIPTS, ids=NAMES)
def test_nothing_of_old_is_left_and_twice_changes_nothing(path):
    text, remarks = rewritten(path.read_text(), generation_of(path))
    assert any(remark.changed for remark in remarks)
    assert [remark for remark in remarks if not remark.changed] == []
    assert rewritten(text, generation_of(path))[0] == text
    for old in ("nb_epoch=", "init=", "border_mode", "lr=", "merge(", "output_dim", "_generator("):
        assert not re.search(rf"(?<![\w.]){re.escape(old)}", text), old
