"""CIFAR-10: 60,000 colour images of 10 things (A. Krizhevsky, 2009)."""

from cornu.datasets.cifar import Part, images, load_batch
from cornu.datasets.fetching import unpacked

__all__ = ["CLASSES", "load_data"]

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""What the labels 0 to 9 are."""


def load_data() -> tuple[Part, Part]:
    """The images as `(x_train, y_train), (x_test, y_test)`; 170 MB are downloaded once.

    Returns:
        `x`: uint8 (50000 and 10000, 32, 32, 3), or (…, 3, 32, 32) with `image_data_format`
        "channels_first"; `y`: uint8 (…, 1), numbers of `CLASSES`.

    Raises:
        UsageError: where the files do not come, or are others.
    """
    folder = unpacked("cifar-10-python.tar.gz", "cifar-10-batches-py")
    train = [load_batch(folder / f"data_batch_{i}") for i in range(1, 6)]
    return images(train), images([load_batch(folder / "test_batch")])
