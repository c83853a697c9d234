"""Wine: 178 wines of three growers, analysed (M. Forina et al., 1991).

From the UCI Machine Learning Repository (S. Aeberhard and M. Forina, 1992,
https://doi.org/10.24432/C5PC7J; licence CC BY 4.0, https://creativecommons.org/licenses/by/4.0/),
as scikit-learn carries it. The only change is the container, see `shipped`.
"""

from cornu.datasets.shipped import load
from cornu.datasets.splits import Part

__all__ = ["FEATURES", "load_data"]

FEATURES = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315",
    "proline",
)
"""What the columns are."""


def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[Part, Part]:
    """The wines as `(x_train, y_train), (x_test, y_test)`, shuffled.

    Args:
        test_split: the share of the rows for the test, in [0, 1); 0 leaves that part empty.
        seed: of the shuffling.

    Returns:
        `x`: float64 (rows, 13), see `FEATURES`; `y`: uint8 (rows,), the grower, 0 to 2.

    Raises:
        UsageError: for another `test_split`, and where the file that ships is damaged.
    """
    return load("wine", test_split, seed)
