"""Nothing in the tree runs data, and importing it loads nothing that does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from architecture import dangers
from architecture.source import modules
from architecture.test_checks import package

ROOT = Path(__file__).parents[2]

BROKEN = {
    "eval(text)": "calls eval",
    "exec(text)": "calls exec",
    "x = compile(text, 'a', 'exec')": "calls compile",
    "__import__(name)": "calls __import__",
    "builtins.eval(text)": "calls builtins.eval",
    "os.system(text)": "calls os.system",
    "yaml.load(text)": "calls yaml.load",
    "yaml.load(text, Loader=yaml.SafeLoader)": "calls yaml.load",
    "yaml.unsafe_load(text)": "calls yaml.unsafe_load",
    "tempfile.mktemp()": "calls tempfile.mktemp",
    "archive.extractall(folder)": "calls archive.extractall",
    "zipfile.ZipFile(path).extractall(folder)": "calls ?.extractall",
    "np.load(path)": "calls np.load without allow_pickle=False",
    "np.load(path, allow_pickle=True)": "calls np.load without",
    "run(words, shell=True)": "calls run with shell=True",
    "get(url, verify=False)": "calls get with verify=False",
    "import pickle": "imports pickle",
    "from marshal import loads": "imports marshal",
    "import urllib.request": "imports urllib.request",
    "from urllib import request": "imports urllib.request",
    "import subprocess": "imports subprocess",
    "def f():\n    import dill": "imports dill",
}
SOUND = [
    "import re\nre.compile('a')",
    "model.compile('sgd')",
    "def eval(x): return x\neval(3)",
    "yaml.safe_load(text)",
    "np.load(path, allow_pickle=False)",
    "run(words, shell=False)",
    "import urllib.parse",
    "text = 'eval(x)'",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_danger_is_found(text: str, tmp_path: Path) -> None:
    found = dangers.nothing_runs_data(modules(package(tmp_path, {"a.py": text})))
    assert len(found) == 1 and BROKEN[text] in found[0], found


@pytest.mark.parametrize("text", SOUND)
def test_no_danger_is_found(text: str, tmp_path: Path) -> None:
    assert dangers.nothing_runs_data(modules(package(tmp_path, {"a.py": text}))) == []


def test_what_is_allowed_is_allowed_there_alone(tmp_path: Path) -> None:
    tree = modules(package(tmp_path, {"running.py": "exec(x)", "other.py": "exec(x)"}))
    assert ["other.py" in line for line in dangers.nothing_runs_data(tree)] == [True]


def test_the_tree_runs_no_data() -> None:
    complaints = dangers.nothing_runs_data(modules(ROOT / "cornu"))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("numpy", "cornu"),
        ("numpy, h5py, jax, jax.numpy", "cornu.saving, cornu.models, cornu.config"),
    ],
)
def test_what_an_import_loads(first: str, then: str) -> None:
    """Beyond what NumPy, h5py and JAX load, nothing that runs code from data is there."""
    unwanted = {*dangers.MODULES, "yaml", "torch", "tensorflow"}
    code = (
        f"import sys, {first}; before = set(sys.modules); import {then}; "
        f"print(*sorted((set(sys.modules) - before) & {unwanted!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
