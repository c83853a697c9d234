"""Handwritten digits, 8 by 8 pixels: small enough to ship, real enough to learn from.

The 1,797 images are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and
C. Kaynak, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49; licence CC BY
4.0, https://creativecommons.org/licenses/by/4.0/), written by 13 people, as scikit-learn carries
them. The only change is the container: whole numbers in `digits.npz` beside this file, made by
`scripts/make_digits.py`. Its SHA-256 is
6f801551877abf69fbf3711373bb642a18dc933430a3385cd6febc235225ea6f.
"""

from pathlib import Path

import numpy as np

from cornu.datasets.shipped import pair_of
from cornu.errors import UsageError, shown

PATH = Path(__file__).with_name("digits.npz")
SHA256 = "6f801551877abf69fbf3711373bb642a18dc933430a3385cd6febc235225ea6f"
CLASSES = 10

Images = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
Labels = np.ndarray[tuple[int], np.dtype[np.uint8]]


def load_data(
    test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[Images, Labels], tuple[Images, Labels]]:
    """The digits as `(x_train, y_train), (x_test, y_test)`, shuffled and split class by class.

    Args:
        test_split: the share of the images that goes to the test part, in [0, 1). Each class gives
            this share of its own images, rounded; 0 leaves the test part empty.
        seed: of the shuffling. The same seed gives the same split on every computer; with one seed
            a larger `test_split` only adds to the test part.

    Returns:
        `x`: uint8 arrays of shape `(n, 8, 8)`, ink from 0 (none) to 16 (full);
        `y`: uint8 arrays of shape `(n,)`, the digits 0 to 9.

    Raises:
        UsageError: `test_split` is outside [0, 1), or the file that ships with Cornu is damaged.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, x_test.shape
        ((1438, 8, 8), (359, 8, 8))
    """
    if not 0 <= test_split < 1:
        raise UsageError(
            "E-TEST-SPLIT",
            f"test_split must be a share in [0, 1); got {shown(test_split)}. "
            "To keep a fifth of the images for the test: load_data(test_split=0.2).",
        )
    x, y = _read()
    # RandomState, whose numbers NumPy has promised never to change (NEP 19).
    order = np.random.RandomState(seed).permutation(len(y))
    test = _for_test(y[order], test_split)
    return (x[order[~test]], y[order[~test]]), (x[order[test]], y[order[test]])


def _for_test(labels: Labels, share: float) -> np.ndarray:
    """Which of the `labels` belong to the test part: of every class the first `share`."""
    chosen = np.zeros(len(labels), bool)
    for digit in range(CLASSES):
        places = np.flatnonzero(labels == digit)
        chosen[places[: round(len(places) * share)]] = True
    return chosen


def _read() -> tuple[Images, Labels]:
    """The arrays of the file, in its own order, after a look at its checksum."""
    return pair_of(PATH, SHA256, "x", "y")
