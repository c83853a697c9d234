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
    picked = pick(axis)(output, np.clip(target, 0, output.shape[axis] - 1))
    if from_logits:
        loss = engine.logsumexp(output, axis=axis) - picked
    else:
        loss = -np.log(clipped(picked / np.sum(output, axis=axis)))
    known = (target >= 0) & (target < output.shape[axis])
    return np.where(known, loss, np.nan)


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


@functools.cache
def pick(axis: int) -> Callable[[Any, Any], Any]:
    """`fn(x, labels)`: the entry of `x` at each label, 0..classes-1, along `axis`.

    The gradient is a comparison with 0..classes-1, which the compiler fuses into what surrounds
    it; a gather's own gradient is a scatter, many times slower.
    """

    def forward(x: Any, labels: Any) -> tuple[Any, tuple]:
        np = engine.np
        places = np.expand_dims(labels, axis)
        picked = np.take_along_axis(x, places, axis)
        # x itself only lends its shape and dtype: nothing of it is computed again
        return np.squeeze(picked, axis), (x, places)

    def backward(saved: tuple, slope: Any) -> tuple[Any, None]:
        np = engine.np
        x, places = saved
        shape = [1] * x.ndim
        shape[axis] = x.shape[axis]
        classes = np.arange(x.shape[axis], dtype=places.dtype).reshape(shape)
        return np.where(classes == places, np.expand_dims(slope, axis), 0).astype(x.dtype), None

    return engine.custom_gradient(lambda x, labels: forward(x, labels)[0], forward, backward)


def _same_shape(name: str, target: Any, output: Any) -> None:
    if target.shape != output.shape:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"{name}: target has shape {target.shape} but output has shape {output.shape}.",
        )
