"""What the page of data shows is run."""

import re
from pathlib import Path

import numpy as np
import pytest

import cornu
from cornu.utils.pydataset import PyDataset


def test_the_page_of_data_runs(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cornu.utils, "PyDataset", PyDataset, raising=False)
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    scope: dict = {"__name__": "data"}
    for block in blocks:
        exec(compile(block, "data.md", "exec"), scope)
    assert len(blocks) == 4 and int(scope["model"].optimizer.iterations) == 20 + 10 + 20 + 20
    assert np.abs(scope["model"].get_weights()[0]).sum() > 0
