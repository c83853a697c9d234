"""Layers that Keras 3 has quantized, read as layers of floats.

int8: a kernel is stored as whole numbers with a scale for each output, and stands for their
quotient. float8: the kernel is stored in floats, with the history of what it was scaled by. Other
modes are refused. What is computed then is not rounded, as Keras rounds it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.layers import Dense, EinsumDense, Embedding, Layer
from cornu.layers.einsum_dense import parse

READ = ("int8", "float8")
FLOAT8_STATE = 6
"""A scale and a history each for inputs, kernel and gradients."""


def as_float(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A layer's config without what quantized it. Raises UsageError for a mode that is not read."""
    policy = config.get("dtype")
    inner = policy.get("config") if isinstance(policy, Mapping) else None
    mode = inner.get("mode") if isinstance(inner, Mapping) else None
    if mode is None and config.get("quantization_config") is None:
        return config
    if mode is not None and mode not in READ:
        raise UsageError(
            "E-QUANTIZED",
            f'the layer "{config.get("name")}" is quantized as {shown(mode)}; {" and ".join(READ)} '
            "are read. Save the model before model.quantize().",
        )
    found = {key: value for key, value in config.items() if key != "quantization_config"}
    if isinstance(inner, Mapping) and mode is not None:
        found["dtype"] = inner.get("source_name")
    return found


def floats(layer: Layer, store: Mapping[str, Any], later: Callable[..., Any]) -> Mapping[str, Any]:
    """A layer's stored values with its quantized ones as floats.

    `later(shape, dtype, read)` makes an array that is read when it is wanted.
    """
    count = len(layer.own_weights())
    first = store.get("0")
    if not isinstance(layer, (Dense, EinsumDense, Embedding)) or first is None:
        return store
    if len(store) == count + FLOAT8_STATE and store[str(count)].shape == ():
        return {str(i): store[str(i)] for i in range(count) if str(i) in store}
    scale = store.get(str(count))
    if str(first.dtype) != "int8" or len(store) != count + 1 or scale is None:
        return store
    axes = _axes(layer, len(scale.shape))

    def read() -> np.ndarray:
        whole, by = _read(first), _read(scale)
        present = [axis for axis in axes if axis is not None]
        spare = [axis for axis in range(by.ndim) if axis not in present]  # of size 1
        by = by.transpose([*present, *spare]).reshape(
            [1 if axis is None else by.shape[axis] for axis in axes]
        )
        return whole.astype("float32") / by

    kept = {key: value for key, value in store.items() if key not in ("0", str(count))}
    return {"0": later(tuple(first.shape), "float32", read), **kept}


def _axes(layer: Layer, of_scale: int) -> list[int | None]:
    """For each axis of a kernel that of its scale, None where one number serves all."""
    if isinstance(layer, Embedding):
        return [0, None]
    if isinstance(layer, Dense):
        return [None, 0]
    parts = parse(layer.equation)  # pyright: ignore[reportAttributeAccessIssue]
    places = {letter: i for i, letter in enumerate(parts.outputs)}
    if parts.ellipsis == "front":
        places = {letter: i - len(parts.outputs) + of_scale for letter, i in places.items()}
    return [places.get(letter) for letter in parts.kernel]


def _read(value: Any) -> np.ndarray:
    return value.read() if hasattr(value, "read") else np.asarray(value)
