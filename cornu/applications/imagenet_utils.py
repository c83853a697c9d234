"""Pictures as networks that were trained on ImageNet take them, and the names of its classes."""

import json
from functools import lru_cache
from typing import Any

import numpy as np

from cornu import engine, ops, settings
from cornu.applications.network import CLASSES, Published, fetched
from cornu.errors import UsageError, UsageTypeError, shown, suggestion
from cornu.graph import Tensor

__all__ = ["decode_predictions", "preprocess_input"]

CLASS_INDEX = Published(
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)
MOST_BYTES = 1 << 20

MODES = ("caffe", "tf", "torch")
BLUE_GREEN_RED = (103.939, 116.779, 123.68)
"""Means over ImageNet, 0 to 255, in the order in which Caffe has the channels."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue over ImageNet, 0 to 1."""


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Pictures, 0 to 255 in red, green, blue, as a network takes them; `x` itself stays as it is.

    Args:
        x: array or Tensor (height, width, 3) or (batch, height, width, 3), or with channels first.
        data_format: "channels_last" or "channels_first"; as `settings` say if left out.
        mode: "tf": from -1 to 1. "torch": from 0 to 1, then the channels' means over ImageNet
            subtracted and divided by their deviations. "caffe": blue, green, red, with their means
            subtracted.

    Raises:
        UsageError: for another mode, data format, or shape.

    Example:
        >>> preprocess_input([[[0, 127.5, 255]]], mode="tf")
        array([[[-1.,  0.,  1.]]])
    """
    if mode not in MODES:
        raise UsageError(
            "E-NETWORK",
            f'mode must be "caffe", "tf" or "torch"; got {shown(mode)}. {suggestion(mode, MODES)}',
        )
    if data_format is None:
        data_format = settings.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise UsageError(
            "E-NETWORK",
            f'data_format must be "channels_last" or "channels_first"; got {shown(data_format)}.',
        )
    x = _floating(x)
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = _channels(x, data_format)
    if mode == "torch":
        return (x / 255.0 - _along(MEAN, x, axis)) / _along(DEVIATION, x, axis)
    turned = tuple(slice(None, None, -1 if i == axis else None) for i in range(len(x.shape)))
    return x[turned] - _along(BLUE_GREEN_RED, x, axis)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """The likeliest classes of each row, by name.

    Args:
        preds: array (batch, 1000) of scores.
        top: how many of each row.

    Returns:
        For each row a list of (number in WordNet, name, score), the likeliest first.

    Raises:
        UsageError: for another shape; `E-PRETRAINED` where the list of classes is not on this
            computer and does not come.
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise UsageError(
            "E-NETWORK",
            f"preds must be of shape (batch, {CLASSES}), as model.predict gives them; got "
            f"{scores.shape}. Only the {CLASSES} classes of ImageNet have names.",
        )
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
        raise UsageError("E-NETWORK", f"top must be a whole number from 1; got {shown(top)}.")
    names = _names(fetched(CLASS_INDEX))
    best = np.argsort(scores, axis=1)[:, ::-1][:, :top]
    return [[(*names[i], row[i]) for i in order] for row, order in zip(scores, best, strict=True)]


def _floating(x: Any) -> Any:
    if not isinstance(x, Tensor) and not engine.is_array(x):
        x = np.asarray(x)
        if x.dtype.kind not in "buif":
            raise UsageTypeError(
                "E-NETWORK", f"pictures must be arrays of numbers; got dtype {x.dtype}."
            )
    if "float" in str(x.dtype):
        return x
    return (
        x.astype(settings.floatx()) if isinstance(x, np.ndarray) else ops.cast(x, settings.floatx())
    )


def _channels(x: Any, data_format: str) -> int:
    """The axis of channels. Raises UsageError where it has not three."""
    rank = len(x.shape)
    axis = rank - 3 if data_format == "channels_first" else rank - 1
    if rank not in (3, 4) or x.shape[axis] not in (3, None):
        raise UsageError(
            "E-NETWORK",
            "pictures must be (height, width, 3) or (batch, height, width, 3), or with channels "
            f'first and data_format="channels_first"; got {tuple(x.shape)} as {data_format}.',
        )
    return axis


def _along(values: tuple[float, ...], x: Any, axis: int) -> np.ndarray:
    """Numbers of the three channels, of a shape that goes with `x`."""
    shape = [3 if i == axis else 1 for i in range(len(x.shape))]
    dtype = x.dtype if isinstance(x, np.ndarray) else np.float32
    return np.array(values, dtype).reshape(shape)


@lru_cache(maxsize=4)
def _names(path: str) -> list[tuple[str, str]]:
    """Number and name of each class, from the file that Keras publishes."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(MOST_BYTES))
        names = [tuple(found[str(i)]) for i in range(CLASSES)]
        if not all(len(name) == 2 and all(isinstance(x, str) for x in name) for name in names):
            raise ValueError("a class has no number and name")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            "E-PRETRAINED",
            f"{path} is no list of the {CLASSES} classes of ImageNet: {error}. Remove it; it "
            "will be downloaded anew.",
        ) from error
    return names
