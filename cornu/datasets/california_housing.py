"""California housing: prices in 20,640 blocks of 1990 (R. Pace, R. Barry, 1997; StatLib)."""

import os

from cornu.datasets.containers import read_npz, wanted
from cornu.datasets.fetching import fetched
from cornu.datasets.splits import Part, check_share, in_two
from cornu.errors import UsageError, shown

__all__ = ["FEATURES", "load_data"]

FEATURES = (
    "MedInc",
    "HouseAge",
    "AveRooms",
    "AveBedrms",
    "Population",
    "AveOccup",
    "Latitude",
    "Longitude",
)
"""What the columns are: incomes in 10,000 dollars, ages in years, rooms a household …"""

SMALL = 600


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Part, Part]:
    """The blocks as `(x_train, y_train), (x_test, y_test)`; 744 kB are downloaded once.

    Args:
        version: "large", or "small" for 600 rows.
        path: name of the file in `~/.keras/datasets`, or the path of one that is elsewhere.
        test_split: the share of the rows for the test, in [0, 1).
        seed: of the shuffling; the parts are those of Keras.

    Returns:
        `x`: float32 (rows, 8), see `FEATURES`; `y`: float32 (rows,), in dollars.

    Raises:
        UsageError: for another `version` or `test_split`, and where the file does not come or is
            another.
    """
    check_share(test_split)
    if version not in ("large", "small"):
        raise UsageError("E-CHOICE", f'version must be "large" or "small"; got {shown(version)}.')
    file = fetched("california_housing.npz", path)
    x, y = wanted(read_npz(file), ("x", "y"), file)
    rows = SMALL if version == "small" else len(x)
    return in_two(x[:rows], y[:rows], test_split, seed)
