"""What the README shows is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert len(blocks) >= 5
    scope: dict = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), scope)
    printed = capsys.readouterr().out
    assert float(re.search(r"([\d.]+)% of the test digits", printed).group(1)) > 93
    assert "[32.] [[5. 7. 9.]]" in printed
    assert (tmp_path / "digits.keras").exists()


def test_the_page_of_files_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "files.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.S)
    exec(compile(block, "files.md", "exec"), {"__name__": "files"})
    assert (tmp_path / "old.h5").exists()


def test_the_page_of_training_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    scope: dict = {"__name__": "training"}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(compile(block, "training.md", "exec"), scope)
    printed = capsys.readouterr().out
    assert "['loss', 'rebuilt', 'small']" in printed and "Steps run in chunks" in printed
    assert (tmp_path / "my_run").is_dir()


def test_links_point_to_files():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
