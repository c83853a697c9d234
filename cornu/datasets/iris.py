"""Iris: 150 flowers of three species, measured (R. A. Fisher, 1936).

From the UCI Machine Learning Repository (https://doi.org/10.24432/C56C76; licence CC BY 4.0,
https://creativecommons.org/licenses/by/4.0/), as scikit-learn carries it: with the two rows that
differ from Fisher's paper put right. The only change is the container, see `shipped`.
"""

from cornu.datasets.shipped import load
from cornu.datasets.splits import Part

__all__ = ["CLASSES", "FEATURES", "load_data"]

CLASSES = (
    "setosa",
    "versicolor",
    "virginica",
)
"""What the labels 0 to 2 are."""

FEATURES = (
    "sepal length (cm)",
    "sepal width (cm)",
    "petal length (cm)",
    "petal width (cm)",
)
"""What the columns are."""


def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[Part, Part]:
    """The flowers as `(x_train, y_train), (x_test, y_test)`, shuffled.

    Args:
        test_split: the share of the rows for the test, in [0, 1); 0 leaves that part empty.
        seed: of the shuffling.

    Returns:
        `x`: float64 (rows, 4), see `FEATURES`; `y`: uint8 (rows,), numbers of `CLASSES`.

    Raises:
        UsageError: for another `test_split`, and where the file that ships is damaged.
    """
    return load("iris", test_split, seed)
