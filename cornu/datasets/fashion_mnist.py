"""Fashion-MNIST: 70,000 articles of clothing, 28 by 28 pixels (Zalando SE; MIT licence)."""

import numpy as np

from cornu.datasets.containers import error_of, read_idx
from cornu.datasets.fetching import fetched

__all__ = ["CLASSES", "load_data"]

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""What the labels 0 to 9 are."""

SUBFOLDER = "datasets/fashion-mnist"
Part = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Part, Part]:
    """The images as `(x_train, y_train), (x_test, y_test)`; 31 MB are downloaded once.

    Returns:
        `x`: uint8 (60000 and 10000, 28, 28); `y`: uint8, numbers of `CLASSES`.

    Raises:
        UsageError: where the files do not come, or are others.
    """
    return _part("train"), _part("t10k")


def _part(name: str) -> Part:
    images = fetched(f"{name}-images-idx3-ubyte.gz", subfolder=SUBFOLDER)
    labels = fetched(f"{name}-labels-idx1-ubyte.gz", subfolder=SUBFOLDER)
    x, y = read_idx(images), read_idx(labels)
    if x.ndim != 3 or y.shape != x.shape[:1]:
        raise error_of(images, f"has images of shape {x.shape}, and its labels {y.shape}")
    return x, y
