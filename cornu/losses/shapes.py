"""What is wrong with the labels of a loss: their shape, and the class numbers in them.

Shapes are static, so they are checked before anything is compiled; unknown sizes fit everything.
Class numbers are checked on host data, one pass for the least and the greatest label.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError

Shape = Sequence[int | None]


def matched(y: Shape, p: Shape) -> tuple[tuple, tuple]:
    """The two shapes after a last axis of 1 was added to, or taken from, the one that differs.

    A vector against `(batch, 1)` is expanded; otherwise the longer shape loses its last axis.
    """
    y, p = tuple(y), tuple(p)
    if len(y) == len(p) + 1 and y[-1] == 1:
        return (y, (*p, 1)) if len(p) == 1 else (y[:-1], p)
    if len(p) == len(y) + 1 and p[-1] == 1:
        return ((*y, 1), p) if len(y) == 1 else (y, p[:-1])
    return y, p


def fits(a: Shape, b: Shape) -> bool:
    """Whether two shapes can be the same."""
    return len(a) == len(b) and all(
        m == n or m is None or n is None for m, n in zip(a, b, strict=True)
    )


def _complete(y: Shape, p: Shape) -> tuple:
    """The output's shape with the number of samples taken from y where it is unknown."""
    return (y[0], *p[1:]) if p and p[0] is None and y else tuple(p)


def _output(y: Shape, p: Shape, output: str | None) -> str:
    said = _complete(y, p)
    return f'output "{output}" is {said}' if output else f"the model outputs {said}"


def elementwise(name: str, y: Shape, p: Shape, output: str | None = None) -> None:
    """Labels and outputs must have the same shape, but for a last axis of 1.

    A scalar label stands for all entries. Raises UsageError.
    """
    if not len(y) or fits(*matched(y, p)):
        return
    broadcast = all(
        m in (n, 1, None) or n in (1, None)
        for m, n in zip(reversed(tuple(y)), reversed(tuple(p)), strict=False)
    )
    why = "They would broadcast, which is rarely wanted." if broadcast else "They do not match."
    raise UsageError(
        "E-LABEL-SHAPE",
        f"{name}: y has shape {tuple(y)} but {_output(y, p, output)}. {why} "
        f"Give y the shape {_complete(y, p)}{_fewer_units(y, p)}.",
    )


def _fewer_units(y: Shape, p: Shape) -> str:
    single = len(p) > 1 and (len(y) == len(p) - 1 or (len(y) == len(p) and y[-1] == 1))
    return ", or end the model with Dense(1)" if single else ""


def binary(name: str, y: Shape, p: Shape, output: str | None = None) -> None:
    """As `elementwise`; says how many units there should be. Raises UsageError."""
    one_label = len(y) == len(p) - 1 or (len(y) == len(p) and y[-1] == 1)
    if one_label and len(p) > 1 and p[-1] not in (1, None):
        raise UsageError(
            "E-LABEL-SHAPE",
            f"{name} expects 1 output unit for y {tuple(y)}; "
            f"{_owner(output)} has {p[-1]}. Use "
            'Dense(1, "sigmoid") or sparse_categorical_crossentropy.',
        )
    elementwise(name, y, p, output)


def _owner(output: str | None) -> str:
    return f'output "{output}"' if output else "the model"


def categorical(name: str, y: Shape, p: Shape, output: str | None = None) -> None:
    """Labels are one number per class, shaped as the output. Raises UsageError."""
    if fits(y, p) or fits(*matched(y, p)):
        return
    without = len(y) == len(p) - 1 or (len(y) == len(p) and y[-1] == 1)
    if without:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"y holds integer classes, shape {tuple(y)}, but {_output(y, p, output)}; use "
            f'loss="sparse_categorical_crossentropy", or to_categorical(y, {p[-1]}).',
        )
    elementwise(name, y, p, output)


def sparse(name: str, y: Shape, p: Shape, output: str | None = None, axis: int = -1) -> None:
    """Labels are class numbers: the output's shape without its classes. Raises UsageError."""
    place = axis % len(p) if p else 0
    wanted = (*p[:place], *p[place + 1 :])
    if fits(y, wanted) or (len(y) == len(p) and p and y[place] in (1, None)):
        return
    if fits(y, p):
        raise UsageError(
            "E-LABEL-SHAPE",
            f'loss="{name}" needs integer labels of shape {_complete(y, wanted)}, but y is '
            f'one-hot {tuple(y)}. Use loss="categorical_crossentropy", or y.argmax({axis}).',
        )
    raise UsageError(
        "E-LABEL-SHAPE",
        f"{name}: y has shape {tuple(y)} but {_output(y, p, output)}. "
        f"Give integer labels of shape {_complete(y, wanted)}.",
    )


def vectors(name: str, y: Shape, p: Shape, output: str | None = None) -> None:
    """As `elementwise`, for losses that look at a whole vector. Raises UsageError."""
    elementwise(name, y, p, output)


def alignment(name: str, y: Shape, p: Shape, output: str | None = None) -> None:
    """Class numbers (batch, labels) for logits (batch, time, classes). Raises UsageError."""
    where = f'output "{output}"' if output else "the model's output"
    if len(p) != 3:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"{name} needs logits of shape (batch, time, classes), but {where} is {tuple(p)}. "
            "End the model with Dense(classes) on a sequence: return_sequences=True.",
        )
    if len(y) != 2:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"{name}: y has shape {tuple(y)}. Give class numbers of shape (batch, labels), short "
            "rows filled up with 0.",
        )


def free(name: str, y: Shape, p: Shape, output: str | None = None) -> None:
    """Any shapes will do."""


CHECKS: dict[str, Callable] = {
    check.__name__: check
    for check in (elementwise, vectors, binary, categorical, sparse, alignment, free)
}


CLASS_NUMBERS = ("sparse", "alignment")
"""Kinds whose labels are class numbers, to be kept whole."""

READS_MASK = ("alignment",)
"""Kinds whose function heeds a mask of the outputs itself."""


def label_range(
    y: Any, classes: int, ignore: int | None = None, weight: Any = None, padded: bool = False
) -> None:
    """Every class number in `y` (NumPy, on the host) must be in 0..classes-1.

    `ignore` is a label that stands for none; labels of weight 0 are not looked at; `padded` rows
    are filled up with 0. Raises UsageError with the first offending place.
    """
    y = np.asarray(y)
    if not y.size or y.dtype.kind not in "iufb":
        return
    whole = y.dtype.kind != "f" or bool((y == np.floor(y)).all())
    if whole and y.min() >= 0 and y.max() < classes:
        return
    bad = ~((y >= 0) & (y < classes) & (whole or y == np.floor(y)))
    if ignore is not None:
        bad &= y != ignore
    if weight is not None:
        weight = np.asarray(weight)
        while weight.ndim > y.ndim and weight.shape[-1] == 1:
            weight = weight[..., 0]
        bad &= weight.reshape(weight.shape + (1,) * (y.ndim - weight.ndim)) != 0
    if bad.any():
        raise _out_of_range(y, bad, classes, padded)


def _out_of_range(y: Any, bad: Any, classes: int, padded: bool) -> UsageError:
    place = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), y.shape))
    while len(place) > 1 and y.shape[len(place) - 1] == 1:
        place = place[:-1]
    label = y[tuple(np.unravel_index(int(bad.argmax()), y.shape))].item()
    label = int(label) if label == label and label == int(label) else label
    index = place[0] if len(place) == 1 else place
    least, most, count = y.min(), y.max(), int(bad.sum())
    valid = f"0..{classes - 1}"
    here = f"y has label {label} at index {index}"
    many = f"{count} bad label{'s' if count > 1 else ''} in this batch."
    if least == 1 and most == classes and not padded:
        hint = "The labels look 1-based: use y - 1."
    elif label != label:
        hint = "Drop the rows without a label."
    elif label != int(label):
        return UsageError(
            "E-LABEL-RANGE",
            f"{here}; labels must be whole numbers {valid}. {many} Use np.round(y).",
        )
    elif label < 0:
        hint = "Fill short rows up with 0." if padded else f"Did you mean ignore_class={label}?"
    else:
        hint = f"Use Dense({int(most) + 1}) for labels 0..{int(most)}, or relabel from 0."
    said = f"but the model outputs {classes} classes (valid labels {valid})"
    if label < 0:
        return UsageError("E-LABEL-RANGE", f"{here}; labels must be {valid}. {many} {hint}")
    return UsageError("E-LABEL-RANGE", f"{here}, {said}. {many} {hint}")
