"""What the page of scikit-learn shows is run, and its table of checks is that of the tests."""

import re
from pathlib import Path

import pytest

import cornu as keras

pytest.importorskip("sklearn", reason="the extra `sklearn` is not installed")

PAGE = (Path(__file__).parents[2] / "docs" / "scikit_learn.md").read_text("utf-8")


def test_the_page_runs():
    keras.utils.set_random_seed(1)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    scope: dict = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "scikit_learn.md", "exec"), scope)
    search = scope["search"]
    assert len(blocks) == 1 and search.score(scope["x_test"], scope["names"][scope["y_test"]]) > 0.7
    assert search.best_estimator_[-1].epoch_ == 10


def test_the_page_lists_the_checks_that_cannot_pass():
    pytest.importorskip("sklearn", minversion="1.6")
    from wrappers.test_check_estimator import EXPECTED

    assert set(re.findall(r"^\| `(check_\w+)` \|", PAGE, re.M)) == EXPECTED.keys()
    assert all(reason in PAGE for reason in EXPECTED.values())
