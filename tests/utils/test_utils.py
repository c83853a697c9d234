"""`cornu.utils`: labels, rows, seeds, names under which people know them."""

import numpy as np
import pytest

from cornu import utils
from cornu.utils import normalize, to_categorical


def test_class_numbers_as_one_hot_rows():
    found = to_categorical([2, 0, 1])
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert to_categorical([1], num_classes=4).tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ([[0], [1]], (2, 2)),
        ([[0, 1], [1, 0]], (2, 2, 2)),
        (np.zeros((2, 3, 1), int), (2, 3, 1)),
        (1, (2,)),
        ([], (0, 0)),
        ([True, False], (2, 2)),
        ([1.0, 0.0], (2, 2)),
        (np.array([0, 1], "uint8"), (2, 2)),
    ],
)
def test_shapes_and_kinds_of_labels(given, shape):
    found = to_categorical(given)
    assert found.shape == shape
    assert np.all(found.sum(axis=-1) == 1) or not found.size


def test_it_is_undone_by_argmax():
    labels = np.random.default_rng(0).integers(0, 7, (4, 5))
    assert np.array_equal(to_categorical(labels, 7).argmax(axis=-1), labels)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [([5], 3), ([-1], 3), ([-1], None), ([0.5], None), ([0], 0), ([0], 2.5), ([0], "3")],
)
def test_labels_that_do_not_fit(labels, classes):
    with pytest.raises(ValueError, match="E-LABELS"):
        to_categorical(labels, classes)


@pytest.mark.parametrize(
    ("order", "wanted"), [(2, [[0.6, 0.8]]), (1, [[3 / 7, 4 / 7]]), (np.inf, [[0.75, 1.0]])]
)
def test_rows_divided_by_their_norm(order, wanted):
    assert np.allclose(normalize([[3.0, 4.0]], order=order), wanted)


def test_axes_and_rows_of_zeros():
    x = np.array([[3.0, 0.0], [4.0, 0.0]])
    assert np.allclose(normalize(x, axis=0), [[0.6, 0.0], [0.8, 0.0]])
    assert np.isfinite(normalize(np.zeros((2, 3)))).all()
    assert np.allclose(np.linalg.norm(normalize(np.ones((2, 3, 4))), axis=-1), 1)


def test_names_of_the_module_can_be_imported():
    assert sorted(utils.__all__) == utils.__all__
    assert all(hasattr(utils, name) for name in utils.__all__)


def test_one_seed_for_all():
    def draw():
        utils.set_random_seed(3)
        from cornu import initializers

        return np.random.rand(), initializers.GlorotUniform()((3, 3))

    (a, b), (c, d) = draw(), draw()
    assert a == c and np.array_equal(b, d)
