"""Rows of the layer contract: adaptive pooling."""

from typing import Any

from contracts.draws import apart, some
from contracts.layers_row import FIRST, Row, long_time, rows, wide_space
from contracts.ops_pooling import average, largest


def mean(x: Any, w: Any, **options: Any) -> Any:
    return average(x, **options)


def most(x: Any, w: Any, **options: Any) -> Any:
    return largest(x, **options)


ROWS: tuple[Row, ...] = (
    *rows("AdaptiveAveragePooling1D", mean, ((some(2, 7, 2),), {"output_size": 3}, long_time)),
    *rows(
        "AdaptiveAveragePooling2D",
        mean,
        ((some(1, 5, 6, 2),), {"output_size": (2, 4)}, wide_space),
        ((some(1, 2, 3, 4),), {"output_size": 2, **FIRST}),
    ),
    *rows("AdaptiveAveragePooling3D", mean, ((some(1, 3, 4, 2, 2),), {"output_size": (2, 3, 1)})),
    *rows("AdaptiveMaxPooling1D", most, ((apart(2, 7, 2),), {"output_size": 3}, long_time)),
    *rows(
        "AdaptiveMaxPooling2D",
        most,
        ((apart(1, 5, 6, 2),), {"output_size": (2, 4)}, wide_space),
        ((apart(1, 2, 3, 4),), {"output_size": 2, **FIRST}),
    ),
    *rows("AdaptiveMaxPooling3D", most, ((apart(1, 3, 4, 2, 2),), {"output_size": (2, 3, 1)})),
)
