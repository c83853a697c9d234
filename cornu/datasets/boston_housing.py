"""Boston housing: prices of 506 houses (D. Harrison, D. Rubinfeld, 1978; StatLib).

One of its 13 features is built on the share of Black inhabitants of a town, as if that moved
prices: take `california_housing` for anything but a look at old code.
"""

import os

from cornu.datasets.containers import read_npz, wanted
from cornu.datasets.fetching import fetched
from cornu.datasets.splits import Part, check_share, in_two

__all__ = ["load_data"]


def load_data(
    path: str | os.PathLike[str] = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Part, Part]:
    """The houses as `(x_train, y_train), (x_test, y_test)`; 57 kB are downloaded once.

    Args:
        path: name of the file in `~/.keras/datasets`, or the path of one that is elsewhere.
        test_split: the share of the rows for the test, in [0, 1).
        seed: of the shuffling; the parts are those of Keras.

    Returns:
        `x`: float64 (rows, 13); `y`: float64 (rows,), in 1000 dollars.

    Raises:
        UsageError: for another `test_split`, and where the file does not come or is another.
    """
    check_share(test_split)
    file = fetched("boston_housing.npz", path)
    x, y = wanted(read_npz(file), ("x", "y"), file)
    return in_two(x, y, test_split, seed)
