"""Boxes around things in images: their formats, and how they follow an image that is changed.

Names and arguments are those of `keras.utils.bounding_boxes`. Boxes are (boxes, 4) or
(batch, boxes, 4), or a dict {"boxes", "labels"}; a label of -1 marks a box that is not there.
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import OneOf
from cornu.errors import UsageError, shown
from cornu.ops.array import as_array

__all__ = ["affine_transform", "clip_to_image_size", "convert_format", "crop", "pad"]

Corners = tuple[Any, Any, Any, Any]

TO_CORNERS: dict[str, Callable[..., Corners]] = {
    "xyxy": lambda left, top, right, bottom: (left, top, right, bottom),
    "yxyx": lambda top, left, bottom, right: (left, top, right, bottom),
    "xywh": lambda left, top, w, h: (left, top, left + w, top + h),
    "center_xywh": lambda x, y, w, h: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
    "center_yxhw": lambda y, x, h, w: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
}
FROM_CORNERS: dict[str, Callable[..., Corners]] = {
    "xyxy": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "yxyx": lambda x1, y1, x2, y2: (y1, x1, y2, x2),
    "xywh": lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
    "center_xywh": lambda x1, y1, x2, y2: ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
    "center_yxhw": lambda x1, y1, x2, y2: ((y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1),
}
FORMATS = (*TO_CORNERS, *(f"rel_{name}" for name in TO_CORNERS))

BoxFormat = Annotated[Any, OneOf(*FORMATS)]
""""xyxy" is (left, top, right, bottom) in pixels; "rel_…" is in parts of the image's size."""


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: str = "float32",
) -> Any:
    """Boxes of the format `source` in the format `target`.

    Args:
        boxes: array, or dict with "boxes".
        source, target: one of `FORMATS`, in any case.
        height, width: of the image in pixels, needed from or to a relative format.
        dtype: of the result.

    Raises:
        UsageError: for an unknown format, or a relative one without the image's size.
    """
    if isinstance(boxes, Mapping):
        moved = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": moved}
    source, target = _format("source", source), _format("target", target)
    relative = source.startswith("rel_"), target.startswith("rel_")
    if (height is None or width is None) and relative[0] != relative[1]:
        raise UsageError(
            "E-BOXES",
            f'convert_format from "{source}" to "{target}" needs the size of the image: '
            f"height=…, width=…; got height={shown(height)}, width={shown(width)}.",
        )
    corners = TO_CORNERS[source.removeprefix("rel_")](*_columns(boxes, dtype))
    if relative[0] and not relative[1]:
        corners = _scaled(corners, width, height)
    elif relative[1] and not relative[0]:
        corners = _scaled(corners, 1 / width, 1 / height)  # pyright: ignore[reportOperatorIssue]
    return _joined(FROM_CORNERS[target.removeprefix("rel_")](*corners), dtype)


def clip_to_image_size(
    bounding_boxes: Mapping[str, Any],
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Boxes cut off at the image's edges; what has no area left gets the label -1.

    Args:
        bounding_boxes: {"boxes", "labels"}.
        height, width: of the image in pixels; not needed for "rel_xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".
    """
    fmt = _corner_format("clip_to_image_size", bounding_box_format, "xyxy", "rel_xyxy")
    most = (1.0, 1.0) if fmt == "rel_xyxy" else (width, height)
    boxes = _float(bounding_boxes["boxes"])
    x1, y1, x2, y2 = _cut(_columns(boxes, str(boxes.dtype)), *most)
    cut = {**bounding_boxes, "boxes": _joined((x1, y1, x2, y2), str(boxes.dtype))}
    if cut.get("labels") is not None:
        there = (x2 - x1) * (y2 - y1) > 0
        labels = as_array(cut["labels"])
        there = there.reshape(there.shape + (1,) * (labels.ndim - there.ndim))
        cut["labels"] = engine.np.where(there, labels, engine.cast(-1, str(labels.dtype)))
    return cut


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """The upright boxes around boxes that are turned, sheared, scaled and moved.

    Args:
        boxes: (batch, boxes, 4) in pixels.
        angle, shear_x, shear_y: degrees, one a sample.
        translate_x, translate_y: moves, in parts of the image's width and height.
        scale: factor of size, one a sample.
        height, width: of the image in pixels.
        center_x, center_y: the fixed point in parts of the image's size, 0.5 by default.
        bounding_box_format: "xyxy".
    """
    _corner_format("affine_transform", bounding_box_format, "xyxy")
    x1, y1, x2, y2 = _columns(boxes, "float32")  # each (batch, boxes)
    turn, sx, sy = (-_radians(a) for a in (angle, shear_x, shear_y))
    np_ = engine.np
    # rotation and shear, and the inverse of both together: their determinant is 1
    a = np_.cos(turn - sy) / np_.cos(sy)
    b = a * np_.tan(sx) + np_.sin(turn)
    c = -np_.sin(turn - sy) / np_.cos(sy)
    d = np_.cos(turn) - c * np_.tan(sx)
    scale = _float(scale)
    middle_x = (0.5 if center_x is None else center_x) * (width - 1)
    middle_y = (0.5 if center_y is None else center_y) * (height - 1)
    from_x = _float(middle_x - _float(translate_x) * (width - 1))
    from_y = _float(middle_y - _float(translate_y) * (height - 1))

    def moved(x: Any, y: Any) -> tuple[Any, Any]:
        across, down = x - from_x[..., None], y - from_y[..., None]
        new_x = middle_x + (scale * d)[:, None] * across - (scale * b)[:, None] * down
        new_y = middle_y - (scale * c)[:, None] * across + (scale * a)[:, None] * down
        return new_x, new_y

    return around([moved(x, y) for x in (x1, x2) for y in (y1, y2)])


def around(points: list[tuple[Any, Any]]) -> Any:
    """The upright boxes "xyxy" around points: (..., 4) from pairs of coordinates (...)."""
    xs = engine.np.stack([x for x, _ in points])
    ys = engine.np.stack([y for _, y in points])
    return engine.np.stack([xs.min(0), ys.min(0), xs.max(0), ys.max(0)], -1)


def crop(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any,
    width: Any,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Boxes in a part of the image that begins at (`top`, `left`), cut off at its edges."""
    _corner_format("crop", bounding_box_format, "xyxy")
    x1, y1, x2, y2 = _columns(boxes, "float32")
    return _joined(_cut((x1 - left, y1 - top, x2 - left, y2 - top), width, height), "float32")


def pad(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Boxes in an image that has got `top` lines above and `left` ones before."""
    _corner_format("pad", bounding_box_format, "xyxy")
    x1, y1, x2, y2 = _columns(boxes, "float32")
    return _joined((x1 + left, y1 + top, x2 + left, y2 + top), "float32")


def densified(bounding_boxes: Any, who: str) -> dict[str, Any]:
    """{"boxes", "labels"} with lists of unequal length filled up by boxes of zeros, label -1.

    Raises UsageError for anything else.
    """
    parts = bounding_boxes if isinstance(bounding_boxes, Mapping) else {}
    if not {"boxes", "labels"} <= parts.keys():
        raise UsageError(
            "E-BOXES",
            f'{who} needs "bounding_boxes" as a dict {{"boxes": (batch, boxes, 4), "labels": '
            f"(batch, boxes)}}; got {shown(bounding_boxes)}.",
        )
    boxes, labels = parts["boxes"], parts["labels"]
    if isinstance(boxes, (list, tuple)) and isinstance(labels, (list, tuple)):
        if len({len(one) for one in boxes if not np.isscalar(one)}) > 1:
            boxes, labels = _filled(boxes, labels)
    boxes, labels = as_array(boxes), as_array(labels)
    if boxes.shape[-1:] != (4,) or boxes.shape[:-1] != labels.shape[: boxes.ndim - 1]:
        raise UsageError(
            "E-BOXES",
            f'{who} needs "boxes" of shape (batch, boxes, 4) and as many "labels"; got boxes '
            f"{tuple(boxes.shape)}, labels {tuple(labels.shape)}.",
        )
    return {**parts, "boxes": engine.cast(boxes, "float32"), "labels": labels}


def _filled(boxes: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    most = max(len(one) for one in boxes)
    all_boxes = np.zeros((len(boxes), most, 4), "float32")
    all_labels = np.full((len(boxes), most), -1, "int32")
    for row, (some, names) in enumerate(zip(boxes, labels, strict=True)):
        all_boxes[row, : len(some)] = np.reshape(some, (-1, 4))
        all_labels[row, : len(some)] = names
    return all_boxes, all_labels


# ---------------------------------------------------------------- parts


def _format(name: str, value: Any) -> str:
    if value is None:
        raise UsageError("E-CHOICE", f"convert_format needs {name}, one of {', '.join(FORMATS)}.")
    return OneOf(*FORMATS)(value, "convert_format", name)


def _corner_format(owner: str, value: Any, *allowed: str) -> str:
    return OneOf(*allowed)(value, owner, "bounding_box_format")


def _float(x: Any) -> Any:
    x = as_array(x)
    return x if x.dtype.kind == "f" else engine.cast(x, "float32")


def _radians(degrees: Any) -> Any:
    return _float(degrees) * (math.pi / 180)


def _columns(boxes: Any, dtype: str) -> list[Any]:
    boxes = engine.cast(as_array(boxes), dtype)
    if boxes.shape[-1:] != (4,):
        raise UsageError(
            "E-BOXES", f"boxes must have 4 numbers each; got shape {tuple(boxes.shape)}."
        )
    return [boxes[..., i] for i in range(4)]


def _joined(columns: Any, dtype: str) -> Any:
    return engine.cast(engine.np.stack(list(columns), -1), dtype)


def _scaled(corners: Corners, x: Any, y: Any) -> Corners:
    x1, y1, x2, y2 = corners
    return x1 * x, y1 * y, x2 * x, y2 * y


def _cut(corners: Any, width: Any, height: Any) -> Corners:
    x1, y1, x2, y2 = corners
    clip = engine.np.clip
    return clip(x1, 0, width), clip(y1, 0, height), clip(x2, 0, width), clip(y2, 0, height)
