"""The example of a search, as it is."""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "grid_search.py"


@pytest.mark.slow
def test_the_example_finds_a_network_that_knows_flowers(capsys):
    pytest.importorskip("sklearn", reason="the extra `sklearn` is not installed")
    accuracy = runpy.run_path(str(EXAMPLE))["main"]()
    printed = capsys.readouterr().out
    assert accuracy > 0.9
    assert printed.count(" epochs: ") == 4 and "they are called " in printed
