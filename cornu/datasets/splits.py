"""Tables in two parts, for training and testing, always the same for a seed."""

import numpy as np

from cornu.errors import UsageError, shown

Part = tuple[np.ndarray, np.ndarray]


def in_two(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> tuple[Part, Part]:
    """`(x_train, y_train), (x_test, y_test)`: the rows shuffled, the last ones for the test.

    RandomState never changes what it gives for a seed (NEP 19), and Keras takes it too.
    Raises UsageError unless `test_split` is a share in [0, 1).
    """
    check_share(test_split)
    order = np.random.RandomState(seed).permutation(len(x))
    cut = int(len(x) * (1 - test_split))
    return (x[order[:cut]], y[order[:cut]]), (x[order[cut:]], y[order[cut:]])


def check_share(test_split: float) -> None:
    """Raise UsageError for what is no share in [0, 1)."""
    if not isinstance(test_split, (int, float)) or not 0 <= test_split < 1:
        raise UsageError(
            "E-TEST-SPLIT",
            f"test_split must be a share in [0, 1); got {shown(test_split)}. "
            "To keep a fifth for the test: load_data(test_split=0.2).",
        )
