"""CIFAR-100: 60,000 colour images of 100 things, of 20 kinds (A. Krizhevsky, 2009)."""

from cornu.datasets.cifar import Part, images, load_batch
from cornu.datasets.fetching import unpacked
from cornu.errors import UsageError, shown

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> tuple[Part, Part]:
    """The images as `(x_train, y_train), (x_test, y_test)`; 169 MB are downloaded once.

    Args:
        label_mode: "fine" for 100 classes, "coarse" for the 20 kinds of them.

    Returns:
        As `cifar10.load_data`.

    Raises:
        UsageError: for another `label_mode`, and where the files do not come or are others.
    """
    if label_mode not in ("fine", "coarse"):
        raise UsageError(
            "E-CHOICE", f'label_mode must be "fine" or "coarse"; got {shown(label_mode)}.'
        )
    folder = unpacked("cifar-100-python.tar.gz", "cifar-100-python")
    train, test = (load_batch(folder / name, f"{label_mode}_labels") for name in ("train", "test"))
    return images([train]), images([test])
