"""`examples/image_folder.py` learns, and what `docs/images.md` shows runs."""

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def example() -> Any:
    path = ROOT / "examples" / "image_folder.py"
    spec = importlib.util.spec_from_file_location("image_folder", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_learns_something_in_a_few_steps(tmp_path, capsys):
    assert example().main(tmp_path, epochs=3, most=300) > 0.5
    said = capsys.readouterr().out
    assert "Found 300 images belonging to 10 classes." in said
    assert "Whole script" in said


@pytest.mark.slow
def test_the_example_learns_what_it_says(tmp_path):
    assert example().main(tmp_path) > 0.965


def test_the_page_runs():
    page = (ROOT / "docs" / "images.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 2
    scope: dict = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "images.md", "exec"), scope)
    assert scope["pictures"].shape == (32, 32, 32, 3)
    np.testing.assert_array_equal(scope["again"][0], scope["pictures"])
    assert scope["one"].size == (64, 64)
    assert len(scope["held"].file_paths) == 4
    assert next(iter(scope["scaled"]))[0].max() <= 1
    shutil.rmtree(scope["folder"])
