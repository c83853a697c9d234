"""What is installed where kernels can be built, where no compiler is, and where no oneDNN is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cornu.engine import native

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are built on Linux alone"),
]

SAY = """
import numpy as np
import cornu
import cornu.engine.sampling as sampling
from cornu import engine
from cornu.engine import chain
x = np.ones((1, 5, 5, 2), "float32")
y = engine.conv(x, np.ones((3, 3, 2, 4), "float32"), (1, 1), "VALID", (1, 1), 1)
assert (np.asarray(y) == 18).all()
assert chain.available() == (sampling.described()[:6] == "in use")
assert chain.described()[:6] == sampling.described()[:6]
print(cornu.__file__, "|", engine.native_kernels(), "|", sampling.described()[:6])
"""
NOT_BUILT = "none: they were not built when Cornu was installed"


@pytest.fixture
def copy(tmp_path_factory) -> Path:
    """What a source distribution holds."""
    to = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(ROOT / "cornu", to / "cornu", ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, to)
    return to


def _run(words: list[str], python: str = sys.executable, **environment: str) -> str:
    run = subprocess.run(
        [python, *words],
        env={**os.environ, **environment},
        cwd="/",  # away from the tree
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


INSTALL = "-m pip install -v --no-index --no-deps --no-build-isolation --target".split()


@pytest.mark.skipif(native.load().library is None, reason=native.described())
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no compiler")
def test_with_everything(copy: Path, tmp_path: Path):
    _run([*INSTALL, str(tmp_path), str(copy)])
    said = _run(["-c", SAY], PYTHONPATH=str(tmp_path))
    assert said.startswith(f"{tmp_path}/cornu/__init__.py | oneDNN")
    assert said.strip().endswith("| in use")


def test_without_a_compiler(copy: Path, tmp_path: Path):
    _run([*INSTALL, str(tmp_path), str(copy)], CC="/bin/false", CXX="/bin/false")
    assert not list(tmp_path.rglob("*.so"))
    said = _run(["-c", SAY], PYTHONPATH=str(tmp_path))
    assert said.strip() == f"{tmp_path}/cornu/__init__.py | {NOT_BUILT} | none:"


def test_without_onednn(copy: Path, tmp_path: Path):
    """In a Python that has links to all packages but oneDNN's."""
    packages, to = tmp_path / "packages", tmp_path / "site"
    packages.mkdir()
    for path in Path(pytest.__file__).parents[1].iterdir():
        if not path.name.startswith(("onednn", "__editable__", "cornu")):
            (packages / path.name).symlink_to(path)
    base = getattr(sys, "_base_executable", sys.executable)
    log = _run([*INSTALL, str(to), str(copy)], base, PYTHONPATH=str(packages))
    assert "native kernels are left out" in log
    built = sorted(path.name for path in to.rglob("*.so"))  # what knows no engine needs no oneDNN
    assert built == (["_chain.abi3.so", "_host.abi3.so"] if shutil.which("g++") else [])
    said = _run(["-c", SAY], base, PYTHONPATH=os.pathsep.join([str(to), str(packages)]))
    sampling = "in use" if built else "none:"
    assert said.strip() == f"{to}/cornu/__init__.py | {NOT_BUILT} | {sampling}"
