"""`keras.utils.test_utils`: data to test a model with, and tests that clean up."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from cornu.dialects.backend_state import clear_session

__all__ = ["get_test_data", "keras_test"]

Arrays = tuple[np.ndarray, np.ndarray]


def get_test_data(
    num_train: int = 1000,
    num_test: int = 500,
    input_shape: tuple[int, ...] = (10,),
    output_shape: tuple[int, ...] = (2,),
    classification: bool = True,
    num_classes: int = 2,
    nb_train: int | None = None,
    nb_test: int | None = None,
    nb_class: int | None = None,
) -> tuple[Arrays, Arrays]:
    """Data that a model can learn, `(x, y), (x_test, y_test)`: normal numbers around a level.

    The level is the class (batch,), or else one number within 0 and 1 for input and target,
    (batch, *output_shape). The `nb_` names are those of older generations.
    """
    train, test = nb_train or num_train, nb_test or num_test
    size = train + test
    if classification:
        level = y = np.random.randint(0, nb_class or num_classes, size=size)
    else:
        level = np.random.random(size)
        y = _around(level, output_shape)
    x = _around(level, input_shape)
    return (x[:train], y[:train]), (x[train:], y[train:])


def _around(level: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    noise = np.random.normal(0.0, 0.7, (len(level), *shape))
    return (noise + level.reshape(-1, *(1 for _ in shape))).astype("float32")


def keras_test(func: Callable) -> Callable:
    """A test that forgets names and phase afterwards."""

    @wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found = func(*args, **kwargs)
        clear_session()
        return found

    return wrapped
