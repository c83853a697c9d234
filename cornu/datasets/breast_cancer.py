"""Breast cancer: 569 tumours by the shape of their cells (W. Wolberg et al., 1995).

Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository
(https://doi.org/10.24432/C5DW2B; licence CC BY 4.0, https://creativecommons.org/licenses/by/4.0/),
as scikit-learn carries it. The only change is the container, see `shipped`.
"""

from cornu.datasets.shipped import load
from cornu.datasets.splits import Part

__all__ = ["CLASSES", "FEATURES", "load_data"]

CLASSES = ("malignant", "benign")
"""What the labels 0 and 1 are."""

MEASURED = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)

FEATURES = (
    *(f"mean {each}" for each in MEASURED),
    *(f"{each} error" for each in MEASURED),
    *(f"worst {each}" for each in MEASURED),
)
"""What the columns are: of each figure the mean, its standard error, the mean of the worst."""


def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[Part, Part]:
    """The tumours as `(x_train, y_train), (x_test, y_test)`, shuffled.

    Args:
        test_split: the share of the rows for the test, in [0, 1); 0 leaves that part empty.
        seed: of the shuffling.

    Returns:
        `x`: float64 (rows, 30), see `FEATURES`; `y`: uint8 (rows,), numbers of `CLASSES`.

    Raises:
        UsageError: for another `test_split`, and where the file that ships is damaged.
    """
    return load("breast_cancer", test_split, seed)
