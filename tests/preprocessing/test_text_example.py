"""`examples/text_folder.py` learns what it says it learns, and what `docs/text.md` shows runs."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "text_folder.py"


def test_the_example_learns(capsys):
    spec = importlib.util.spec_from_file_location("text_folder", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(epochs=4) > 0.85
    said = capsys.readouterr().out
    assert "files belonging to 2 classes" in said and "Whole script" in said


def test_the_page_runs():
    page = (ROOT / "docs" / "text.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 3
    scope: dict = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "text.md", "exec"), scope)
    assert scope["x"].shape == (2, 8) and scope["m"].shape == (2, 1000)
    assert scope["space"](scope["table"]).shape == (3, 4)
    assert scope["again"].word_index == scope["tokenizer"].word_index
