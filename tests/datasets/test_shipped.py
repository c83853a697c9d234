"""Tables that ship: the published sizes, counts and first rows, and parts that repeat."""

import hashlib

import numpy as np
import pytest

from cornu import datasets
from cornu.datasets import breast_cancer, diabetes, iris, shipped, wine
from cornu.errors import UsageError

# Rows, columns, labels by class and the first row, as their makers publish them.
PUBLISHED = {
    iris: (150, 4, [50, 50, 50], [5.1, 3.5, 1.4, 0.2]),
    wine: (178, 13, [59, 71, 48], [14.23, 1.71, 2.43, 15.6, 127]),
    breast_cancer: (569, 30, [212, 357], [17.99, 10.38, 122.8, 1001.0]),
    diabetes: (442, 10, None, [59, 2, 32.1, 101]),
}


@pytest.mark.parametrize("module", PUBLISHED, ids=lambda m: m.__name__)
def test_tables_are_the_published_ones(module):
    rows, columns, counts, first = PUBLISHED[module]
    (x, y), (x_test, _) = module.load_data(test_split=0)
    assert x.shape == (rows, columns) and len(y) == rows and len(x_test) == 0
    assert len(module.FEATURES) == columns and np.isfinite(x).all() and x.dtype == "float64"
    order = np.random.RandomState(113).permutation(rows)
    assert x[np.argmin(order)][: len(first)].tolist() == first
    if counts:
        assert np.bincount(y).tolist() == counts and y.dtype == "uint8"
        assert len(getattr(module, "CLASSES", counts)) == len(counts)
    else:
        assert (y.min(), y.max()) == (25, 346)


def test_parts_repeat_for_a_seed():
    (x, y), (x_test, y_test) = iris.load_data(test_split=0.2, seed=5)
    assert len(x) == len(y) == 120 and len(x_test) == len(y_test) == 30
    again = iris.load_data(seed=5)
    assert np.array_equal(again[0][0], x) and np.array_equal(again[1][1], y_test)
    assert not np.array_equal(iris.load_data(seed=6)[0][0], x)
    x[0] = 0
    assert iris.load_data(seed=5)[0][0][0].any(), "arrays are the caller's own"


@pytest.mark.parametrize("share", [-0.1, 1, float("nan"), "0.2"])
def test_a_share_outside_the_range_is_refused(share):
    with pytest.raises(UsageError, match="E-TEST-SPLIT"):
        wine.load_data(test_split=share)


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    data = bytearray(shipped.PATH.read_bytes())
    assert hashlib.sha256(data).hexdigest() == shipped.SHA256
    data[1000] ^= 1
    damaged = tmp_path / "tables.npz"
    damaged.write_bytes(data)
    monkeypatch.setattr(shipped, "PATH", damaged)
    with pytest.raises(UsageError, match=r"is damaged: its SHA-256 is .* pip install"):
        iris.load_data()


def test_every_data_set_can_be_named():
    for name in datasets.__all__:
        assert callable(getattr(datasets, name).load_data)
    assert dir(datasets) == datasets.__all__
    with pytest.raises(AttributeError, match="no attribute 'mnits'"):
        datasets.mnits  # noqa: B018
