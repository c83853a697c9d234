"""Data sets to learn with, each a module with a `load_data` function.

`breast_cancer`, `diabetes`, `digits`, `iris` and `wine` ship with Cornu; the others are downloaded
when they are first asked for. Each module is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cornu.datasets import (
        boston_housing,
        breast_cancer,
        california_housing,
        cifar10,
        cifar100,
        diabetes,
        digits,
        fashion_mnist,
        imdb,
        iris,
        mnist,
        reuters,
        wine,
    )

__all__ = [
    "boston_housing",
    "breast_cancer",
    "california_housing",
    "cifar10",
    "cifar100",
    "diabetes",
    "digits",
    "fashion_mnist",
    "imdb",
    "iris",
    "mnist",
    "reuters",
    "wine",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"cornu.datasets.{name}")
    raise AttributeError(f"module 'cornu.datasets' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
