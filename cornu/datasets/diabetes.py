"""Diabetes: 442 patients, and how their illness went on (B. Efron et al., 2004).

From "Least Angle Regression" (Annals of Statistics 32, 407-499; published without a licence at
https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html), as scikit-learn carries it, in the units
that were measured. The only change is the container, see `shipped`.
"""

from cornu.datasets.shipped import load
from cornu.datasets.splits import Part

__all__ = ["FEATURES", "load_data"]

FEATURES = (
    "age",
    "sex",
    "bmi",
    "bp",
    "s1",
    "s2",
    "s3",
    "s4",
    "s5",
    "s6",
)
"""What the columns are: body mass index, mean blood pressure, six figures of the blood."""


def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[Part, Part]:
    """The patients as `(x_train, y_train), (x_test, y_test)`, shuffled.

    Args:
        test_split: the share of the rows for the test, in [0, 1); 0 leaves that part empty.
        seed: of the shuffling.

    Returns:
        `x`: float64 (rows, 10), see `FEATURES`; `y`: float64 (rows,), how far it went in a year.

    Raises:
        UsageError: for another `test_split`, and where the file that ships is damaged.
    """
    return load("diabetes", test_split, seed)
