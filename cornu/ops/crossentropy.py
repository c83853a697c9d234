"""Crossentropies between targets and outputs, from probabilities or from logits.

These are the plain ops: no smoothing, weights or reduction (see `cornu/losses/`). From
probabilities they clip to [epsilon, 1 - epsilon]; from logits they never leave the logarithm, so
that values up to 1e4 and beyond give finite losses and gradients.
"""

import functools
from collections.abc import Callable
from typing import Any

from cornu import engine, settings
from cornu.errors import UsageError
from cornu.graph import op

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]


@op
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """`-t log(p) - (1 - t) log(1 - p)`, entry by entry.

    Shapes: `target` and `output` alike, and so is the result. With `from_logits`, `output` is any
    real number x and p = sigmoid(x). Raises UsageError where shapes differ.
    """
    np = engine.np
    output = floating(output)
    target = engine.cast(engine.array(target), output.dtype)
    _same_shape("binary_crossentropy", target, output)
    if from_logits:
        return np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))
    output = clipped(output)
    return -(target * np.log(output) + (1 - target) * np.log1p(-output))


def binary_means(target: Any, output: Any, from_logits: bool, axis: int) -> Any:
    """Means of `binary_crossentropy` over `axis`, in one go where the engine has a way.

    Arrays of one shape and float dtype.
    """
    found = None
    if not from_logits and axis in (-1, output.ndim - 1):
        found = engine.binary_crossentropy(output, target, smallest(output.dtype))
    if found is None:
        found = engine.np.mean(binary_crossentropy(target, output, from_logits), axis=axis)
    return found


@op
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """`-sum(t log(p))` over the classes on `axis`.

    Shapes: `target` and `output` alike, `(..., classes)`; the result lacks `axis`. Probabilities
    are divided by their sum first. Raises UsageError where shapes differ.
    """
    np = engine.np
    output = floating(output)
    target = engine.cast(engine.array(target), output.dtype)
    _same_shape("categorical_crossentropy", target, output)
    return -np.sum(target * log_probabilities(output, from_logits, axis), axis=axis)


@op
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """`-log(p[t])` for class numbers t.

    Shapes: `output` `(..., classes)` with the classes on `axis`; `target` has the others, or 1 in
    place of the classes; so has the result. A label outside 0..classes-1 gives NaN. Raises
    UsageError where the shapes do not fit.
    """
    np = engine.np
    output = floating(output)
    target = engine.cast(engine.array(target), "int32")
    axis = axis % output.ndim
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = np.squeeze(target, axis)
    if target.shape != output.shape[:axis] + output.shape[axis + 1 :]:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"sparse_categorical_crossentropy: labels of shape {target.shape} do not fit an output "
            f"of shape {output.shape} with its classes on axis {axis}. Give class numbers of shape "
            f"{output.shape[:axis] + output.shape[axis + 1 :]}.",
        )
    if not from_logits:
        return surprise(axis)(output, target)
    picked = pick(axis)(output, np.clip(target, 0, output.shape[axis] - 1))
    loss = engine.logsumexp(output, axis=axis) - picked
    return np.where(_known(target, output, axis), loss, np.nan)


def log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    """log p over the classes on `axis`, from logits or from what is divided by its sum."""
    np = engine.np
    if from_logits:
        return output - engine.logsumexp(output, axis=axis, keepdims=True)
    return np.log(clipped(output / np.sum(output, axis=axis, keepdims=True)))


def floating(x: Any) -> Any:
    """`x` as an engine array of a float dtype: its own, or `settings.floatx()`."""
    x = engine.array(x)
    return x if engine.np.issubdtype(x.dtype, engine.np.floating) else x.astype(settings.floatx())


def smallest(dtype: Any) -> float:
    """`settings.epsilon()`, or more where `1 - epsilon` would round to 1 in this dtype."""
    return max(settings.epsilon(), float(engine.np.finfo(dtype).epsneg))


def clipped(p: Any) -> Any:
    """Probabilities kept within [epsilon, 1 - epsilon]."""
    least = smallest(p.dtype)
    return engine.np.clip(p, least, 1 - least)


FEW = 256  # classes: an entry of so few is found by looking at all of them


@functools.cache
def pick(axis: int) -> Callable[[Any, Any], Any]:
    """`fn(x, labels)`: the entry of `x` at each label, 0..classes-1, along `axis`.

    The gradient is a comparison with 0..classes-1, which the compiler fuses into what surrounds
    it; a gather's own gradient is a scatter, many times slower.
    """

    def forward(x: Any, labels: Any) -> tuple[Any, tuple]:
        # x itself only lends its shape and dtype: nothing of it is computed again
        return _entry(x, labels, axis), (x, labels)

    def backward(saved: tuple, slope: Any) -> tuple[Any, None]:
        np = engine.np
        x, labels = saved
        return np.where(_at(labels, x, axis), np.expand_dims(slope, axis), 0).astype(x.dtype), None

    return engine.custom_gradient(lambda x, labels: forward(x, labels)[0], forward, backward)


@functools.cache
def surprise(axis: int) -> Callable[[Any, Any], Any]:
    """`fn(p, labels)`: `-log(p[label] / sum(p))` along `axis`; NaN for what is no label.

    The gradient is written out, `1 / sum(p)` less `1 / p[label]` at the label: compiling what comes
    of differentiating each step takes a third of the time that a small network's first step takes.
    """

    def forward(p: Any, labels: Any) -> tuple[Any, tuple]:
        np = engine.np
        picked, total = _entry(p, labels, axis), np.sum(p, axis=axis)
        loss = -np.log(clipped(picked / total))
        return np.where(_known(labels, p, axis), loss, np.nan), (p, labels, picked, total)

    def backward(saved: tuple, slope: Any) -> tuple[Any, None]:
        np = engine.np
        p, labels, picked, total = saved
        share = picked / total
        moves = _known(labels, p, axis) & (share == clipped(share))
        slope = np.where(moves, slope, 0)
        there = slope / np.where(moves, picked, 1)
        at_label = np.where(_at(labels, p, axis), np.expand_dims(there, axis), 0)
        return np.expand_dims(slope / total, axis) - at_label, None

    return engine.custom_gradient(lambda p, labels: forward(p, labels)[0], forward, backward)


def _known(labels: Any, x: Any, axis: int) -> Any:
    return (labels >= 0) & (labels < x.shape[axis])


def _at(labels: Any, x: Any, axis: int) -> Any:
    """Where along `axis` of `x` the labels are, in the shape of `x`."""
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    classes = engine.np.arange(x.shape[axis], dtype=labels.dtype).reshape(shape)
    return classes == engine.np.expand_dims(labels, axis)


def _entry(x: Any, labels: Any, axis: int) -> Any:
    """The entry of `x` at each label along `axis`; any number where that is no label."""
    np = engine.np
    if x.shape[axis] <= FEW:
        return np.sum(np.where(_at(labels, x, axis), x, 0), axis=axis)
    places = np.expand_dims(np.clip(labels, 0, x.shape[axis] - 1), axis)
    return np.squeeze(np.take_along_axis(x, places, axis), axis)


def _same_shape(name: str, target: Any, output: Any) -> None:
    if target.shape != output.shape:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"{name}: target has shape {target.shape} but output has shape {output.shape}.",
        )
