"""The digits: the published counts, and a split that is stratified, complete and repeatable."""

import hashlib

import numpy as np
import pytest

from cornu.datasets import digits

# Images of each digit, from the description of the data (UCI, optdigits.names, testing part).
PUBLISHED_COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def rows(x: np.ndarray, y: np.ndarray) -> list[bytes]:
    """Each image with its label, as bytes that can be sorted."""
    return [image.tobytes() + label.tobytes() for image, label in zip(x, y, strict=True)]


def test_counts_are_the_published_ones() -> None:
    (x, y), (x_test, y_test) = digits.load_data(test_split=0)
    assert x.shape == (1797, 8, 8) and y.shape == (1797,)
    assert x_test.shape == (0, 8, 8) and y_test.shape == (0,)
    assert x.dtype == y.dtype == np.uint8
    assert (x.min(), x.max()) == (0, 16)
    assert np.bincount(y).tolist() == PUBLISHED_COUNTS


def test_the_first_image_is_the_published_one() -> None:
    x, y = digits._read()
    # The first line of optdigits.tes.
    top = [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]
    assert x[0].ravel()[:16].tolist() == top and y[0] == 0


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 0.5, 0.9])
def test_each_class_gives_its_share(share: float) -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data(test_split=share)
    expected = [round(count * share) for count in PUBLISHED_COUNTS]
    assert np.bincount(y_test).tolist() == expected
    assert len(x_train) == len(y_train) == 1797 - sum(expected)
    assert len(x_test) == sum(expected)


def test_default_sizes() -> None:
    (x_train, _), (x_test, _) = digits.load_data()
    assert (len(x_train), len(x_test)) == (1438, 359)


def test_both_parts_together_are_the_whole() -> None:
    train, test = digits.load_data()
    assert sorted(rows(*train) + rows(*test)) == sorted(rows(*digits._read()))


def test_the_same_seed_gives_the_same_split_for_ever() -> None:
    # The order that NumPy's RandomState(113) has given since 2006, so this never changes.
    order = np.random.RandomState(113).permutation(1797)
    x, y = digits._read()
    (x_all, y_all), _ = digits.load_data(test_split=0)
    assert rows(x_all, y_all) == rows(x[order], y[order])
    (_, y_train), _ = digits.load_data()
    assert np.bincount(y_train[:200], minlength=10).min() >= 5, "shuffled, not sorted by class"


def test_another_seed_gives_another_split() -> None:
    (_, first), _ = digits.load_data(seed=1)
    (_, second), _ = digits.load_data(seed=2)
    assert first.tolist() != second.tolist()


def test_a_larger_share_only_adds() -> None:
    _, small = digits.load_data(test_split=0.1)
    _, large = digits.load_data(test_split=0.3)
    assert set(rows(*small)) <= set(rows(*large))


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_a_share_outside_the_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"test_split must be a share in \[0, 1\); got "):
        digits.load_data(test_split=share)


def test_a_damaged_file_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(digits.PATH.read_bytes())
    data[1000] ^= 1
    damaged = tmp_path / "digits.npz"
    damaged.write_bytes(data)
    monkeypatch.setattr(digits, "PATH", damaged)
    with pytest.raises(ValueError, match="is damaged: its SHA-256 is .* pip install"):
        digits.load_data()


def test_the_docstring_states_the_checksum() -> None:
    assert digits.SHA256 in (digits.__doc__ or "")
    assert hashlib.sha256(digits.PATH.read_bytes()).hexdigest() == digits.SHA256
