"""`K` against what is left of it in Keras: `keras.src.legacy.backend`, computed by TensorFlow."""

import importlib
from typing import Any

import numpy as np
import pytest

from contracts.backend_table import ROWS, Row, _step
from contracts.checks import assert_close
from cornu import backend as K
from cornu import tree

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def theirs(keras) -> Any:
    pytest.importorskip("tensorflow")
    return importlib.import_module("keras.src.legacy.backend")


def _call(module: Any, row: Row, kind: Any) -> Any:
    args, options = tree.map_structure(
        lambda x: kind(x) if isinstance(x, np.ndarray) else x, (list(row.args), dict(row.options))
    )
    if row.name == "rnn":
        return module.rnn(_step, args[0], [args[1]], **options)
    return getattr(module, row.name)(*args, **options)


@pytest.mark.parametrize("row", [r for r in ROWS if r.modern], ids=lambda row: row.label)
def test_values(row: Row, theirs: Any):
    if not hasattr(theirs, row.name):
        pytest.skip(f"Keras has no {row.name} any more")
    ours = _call(K, row, lambda x: x)
    expected = _call(theirs, row, lambda x: theirs.constant(x, x.dtype.name))
    ours = K.eval(ours) if K.is_symbolic(ours) else ours
    assert_close(ours, tree.map_structure(np.asarray, expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("greedy", [True, False])
def test_ctc_decode(theirs: Any, greedy: bool):
    """The same labels and scores; both cut to the longest of the labellings."""
    p = np.random.default_rng(5).dirichlet(np.full(4, 0.3), (3, 6)).astype("float32")
    length = np.array([6, 5, 4], "int32")
    how = {"greedy": greedy, "beam_width": 50, "top_paths": 2}
    labels, scores = K.ctc_decode(p, length, **how)
    their_labels, their_scores = theirs.ctc_decode(p, length, **how)
    np.testing.assert_allclose(scores, their_scores, rtol=1e-3)
    for ours, expected in zip(labels, their_labels, strict=True):
        ours, expected = np.asarray(ours), np.asarray(expected)
        size = min(ours.shape[1], expected.shape[1])
        np.testing.assert_array_equal(ours[:, :size], expected[:, :size])
        assert (ours[:, size:] == -1).all()
        assert (expected[:, size:] == -1).all()
