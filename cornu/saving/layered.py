"""Weights as lists, one for each layer of a model: the order that whole `.h5` models keep.

A layer's list has what is trained first and the rest after it, those of layers inside included.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornu import state
from cornu.errors import UsageError, warn
from cornu.layers import Layer
from cornu.saving.weights import Report, array_of, assign_all
from cornu.state import Variable

TOP = "top_level_model_weights"
"""The name under which a model's own Variables lie, which belong to none of its layers."""

Layered = Mapping[str, Sequence[tuple[str, Any]]]
"""Name of a layer -> the names and values of its weights, in order."""


def ordered(layer: Layer) -> list[Variable]:
    """A layer's weights: what is trained, then the rest."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def layered_of(model: Any) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Values of all weights by layer. Raises UsageError where two layers share a name."""
    found: dict[str, list[tuple[str, np.ndarray]]] = {}
    with state.cells_lock:  # all of one moment, while another thread trains
        for layer in model.layers:
            if layer.name in found:
                raise UsageError(
                    "E-SAVE",
                    f'"{model.name}" has two layers named "{layer.name}", which .h5 cannot tell '
                    'apart. Name them differently, or save as ".keras".',
                )
            found[layer.name] = named(ordered(layer))
        found[TOP] = named(model.own_weights())
    return found


def named(cells: Sequence[Variable]) -> list[tuple[str, np.ndarray]]:
    """Values with names by which none lies in the place, or on the way to the place, of another."""
    paths = [cell.path for cell in cells]
    above = {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/"}
    clear = len(set(paths)) == len(paths) and not above & set(paths)
    names = paths if clear else [f"{path}_{i}" for i, path in enumerate(paths)]
    return [(name, cell.numpy()) for name, cell in zip(names, cells, strict=True)]


def place_layered(
    model: Any,
    layered: Layered,
    by_name: bool = False,
    skip_mismatch: bool = False,
    fresh: bool = False,
) -> None:
    """Set all weights of a model, or none. Raises UsageError with a table of what does not fit.

    Layers are found by their names where all are known, else in their order; with `by_name` those
    of a known name are set, and the others let be. The rest as in `weights.place_weights`.
    """
    report = Report()
    cells = {layer.name: (layer, ordered(layer)) for layer in model.layers}
    wanted = {name: pair for name, pair in cells.items() if pair[1]}
    there = {name: list(values) for name, values in layered.items() if values and name != TOP}
    sets: list[tuple[Variable, Any]] = []
    for ours, theirs in _pairs(list(wanted), list(there), by_name, report):
        if theirs is None:
            report.missing += [f"{ours}/{v.name} {v.shape}" for v in wanted[ours][1]]
        else:
            sets += report.match_list(ours, wanted[ours][1], there[theirs])
    if not by_name or layered.get(TOP):
        sets += report.match_list(model.name, model.own_weights(), list(layered.get(TOP, ())))
    if report and not skip_mismatch:
        raise UsageError("E-WEIGHTS-FILE", report.text(model.name))
    if report:
        warn(report.text(model.name))
    values = ((variable, array_of(value)) for variable, value in sets)
    assign_all(values if fresh else list(values))


def _pairs(
    ours: list[str], theirs: list[str], by_name: bool, report: Report
) -> list[tuple[str, str | None]]:
    """Names of the model's layers with those that they have in the file, or None."""
    known = set(theirs)
    if by_name:
        found = [name for name in ours if name in known]
        if not found and ours and theirs:
            raise UsageError(
                "E-WEIGHTS-FILE",
                f"no layer of the file has a name of the model's. The file has {theirs[:8]}, the "
                f"model {ours[:8]}. by_name=False takes them in their order.",
            )
        return [(name, name) for name in found]
    if len(ours) == len(theirs) and set(ours) != known:
        return list(zip(ours, theirs, strict=True))
    report.unexpected += [f"{name} (a layer)" for name in theirs if name not in set(ours)]
    return [(name, name if name in known else None) for name in ours]
