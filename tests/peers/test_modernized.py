"""Old scripts, rewritten, run on Keras 3: their spellings are those of Keras, not ours alone."""

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.peers
SCRIPTS = sorted(Path(__file__).parents[1].joinpath("dialects", "old_scripts").glob("*.py"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_rewritten_script_runs_on_keras(path):
    pytest.importorskip("keras")
    pytest.importorskip("libcst")
    from cornu.dialects.modernize.rewriting import rewritten

    generation = re.search(r"Generation ([\d.]+)", path.read_text()).group(1)
    names = {"__name__": "__main__"}
    exec(compile(rewritten(path.read_text(), generation)[0], str(path), "exec"), names)
    results = [np.asarray(each) for each in names["results"]]
    assert len(results) > 2
    assert all(np.isfinite(each).all() for each in results)
