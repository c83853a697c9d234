"""What CIFAR-10 and CIFAR-100 have in common: batches of 32 by 32 images, as their makers wrote."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cornu import settings
from cornu.datasets.containers import error_of, read_pickle
from cornu.errors import UsageError

Part = tuple[np.ndarray, np.ndarray]


def load_batch(fpath: str | Path, label_key: str = "labels") -> Part:
    """Images, uint8 (rows, 3, 32, 32), and labels, uint8 (rows, 1), of one file.

    Raises:
        UsageError: for a file that holds anything else.
    """
    if not Path(fpath).is_file():
        raise UsageError(
            "E-DATA-FILE",
            f"{fpath} is missing. Take the folder away, and it is downloaded anew.",
        )
    found = read_pickle(fpath)
    entries = found if isinstance(found, dict) else {}
    named = {
        k.decode("utf-8", "replace") if isinstance(k, bytes) else k: entries[k] for k in entries
    }
    data, labels = named.get("data"), named.get(label_key)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3072:
        raise error_of(fpath, 'has no images under "data"')
    y = np.asarray(labels) if isinstance(labels, (list, np.ndarray)) else np.zeros(0, "O")
    if y.shape != data.shape[:1] or y.dtype.kind not in "iu":
        raise error_of(fpath, f'has no label under "{label_key}" for each image')
    return data.reshape(-1, 3, 32, 32).astype("uint8", copy=False), y.astype("uint8")[:, None]


def images(batches: Sequence[Part]) -> Part:
    """Batches put together, in the order of axes that `image_data_format` says."""
    x = [x for x, _ in batches]
    if settings.image_data_format() == "channels_last":
        x = [each.transpose(0, 2, 3, 1) for each in x]
    out = np.empty((sum(map(len, x)), *x[0].shape[1:]), "uint8")
    np.concatenate(x, out=out)
    return out, np.concatenate([y for _, y in batches])
