"""The page on callbacks is run."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "callbacks.md"


def test_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert len(blocks) == 5
    scope: dict = {"__name__": "callbacks"}
    for block in blocks:
        exec(compile(block, "callbacks.md", "exec"), scope)
    losses = scope["history"].history["val_loss"]
    x, y = scope["x"][192:], scope["y"][192:]
    np.testing.assert_allclose(scope["best"].evaluate(x, y, verbose=0)[0], min(losses), rtol=1e-4)
    with open("training.csv", newline="") as file:
        assert len(list(csv.reader(file))) == len(losses) + 1
    assert scope["halfway"].epoch and len(scope["seen"]) == 30 * 8
    assert 1e-5 < scope["finder"].suggestion < 1
    assert Path("rates.png").exists() and Path("averaged.keras").exists()
