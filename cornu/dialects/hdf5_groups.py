"""Weights to and from a group of an HDF5 file that a script has opened itself.

`keras.engine.topology` and `keras.engine.saving` had these. `model.load_weights(path)` reads files
with all checks; here h5py reads, and the script answers for the file.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from cornu.layers import Layer
from cornu.saving.layered import named, ordered, place_layered
from cornu.saving.legacy_writing import write_names
from cornu.saving.older import Origin, rules
from cornu.saving.weights import Stored, array_of

__all__ = [
    "load_attributes_from_hdf5_group",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "preprocess_weights_for_loading",
    "save_attributes_to_hdf5_group",
    "save_weights_to_hdf5_group",
]


def load_attributes_from_hdf5_group(group: Any, name: str) -> list[str]:
    """A list of texts that an attribute holds, or several that are numbered."""
    if name in group.attrs:
        found = list(group.attrs[name])
    else:
        found, i = [], 0
        while f"{name}{i}" in group.attrs:
            found, i = [*found, *group.attrs[f"{name}{i}"]], i + 1
    return [text.decode() if isinstance(text, bytes) else str(text) for text in found]


def save_attributes_to_hdf5_group(group: Any, name: str, data: Sequence[Any]) -> None:
    """Write texts as an attribute, or as several where one cannot hold them.

    Raises UsageError for a single text that is too long.
    """
    write_names(group, name, data)


def _origin(group: Any) -> Origin:
    """Where a file is from, as it says."""
    said = {n: group.attrs.get(n, "") for n in ("keras_version", "backend")}
    words = {n: v.decode() if isinstance(v, bytes) else str(v) for n, v in said.items()}
    return Origin(words["keras_version"] or "1", words["backend"])


def _stored(value: Any) -> Stored:
    return Stored(tuple(value.shape), str(value.dtype), lambda: np.asarray(value))


def _layered(group: Any) -> dict[str, list[tuple[str, Stored]]]:
    """Name of a layer -> its arrays, which are read when they are known to fit."""
    names = load_attributes_from_hdf5_group(group, "layer_names")
    found = {}
    for name in names:
        inner = group[name]
        listed = load_attributes_from_hdf5_group(inner, "weight_names")
        found[name] = [(each, _stored(inner[each])) for each in listed]
    return found


def _as_model(layers: Sequence[Layer]) -> Any:
    def inside() -> list[Layer]:
        return [x for layer in layers for x in layer.all_layers()]

    return SimpleNamespace(layers=list(layers), name="layers", own_weights=list, all_layers=inside)


def load_weights_from_hdf5_group(f: Any, layers: Sequence[Layer], reshape: bool = False) -> None:
    """Set the weights of layers from a group, in their order.

    Raises UsageError with a table of what does not fit; `reshape` reshapes nothing.
    """
    place_layered(_as_model(layers), _layered(f), origin=_origin(f))


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Sequence[Layer], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Set the weights of those layers whose names the group has; the others are let be.

    Raises UsageError for shapes that do not fit, or warns with `skip_mismatch`.
    """
    model = _as_model(layers)
    place_layered(model, _layered(f), by_name=True, skip_mismatch=skip_mismatch, origin=_origin(f))


def save_weights_to_hdf5_group(f: Any, layers: Sequence[Layer]) -> None:
    """Write the weights of layers into a group, as files of weights have them."""
    save_attributes_to_hdf5_group(f, "layer_names", [layer.name for layer in layers])
    f.attrs["backend"], f.attrs["keras_version"] = b"tensorflow", b"2.3.1"
    for layer in layers:
        group, values = f.create_group(layer.name), named(ordered(layer))
        save_attributes_to_hdf5_group(group, "weight_names", [name for name, _ in values])
        for name, value in values:
            group[name] = value


def preprocess_weights_for_loading(
    layer: Layer,
    weights: Sequence[Any],
    original_keras_version: str | None = None,
    original_backend: str | None = None,
    reshape: bool = False,
) -> list[np.ndarray]:
    """Arrays of a layer, as a version of Keras and a backend had them, as they are today."""
    origin = Origin(original_keras_version or "1", original_backend or "")
    pairs = [(str(i), _stored(np.asarray(w))) for i, w in enumerate(weights)]
    return [np.asarray(array_of(value)) for _, value in rules().weights(layer, pairs, origin)]
