"""Weights as lists, one for each layer of a model: the order that whole `.h5` models keep.

A layer's list has what is trained first and the rest after it, those of layers inside included.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import state
from cornu.errors import UsageError, warn
from cornu.layers import InputLayer, Layer
from cornu.saving.forms import is_model
from cornu.saving.older import PRESENT, Origin, rules
from cornu.saving.weights import Report, assign_all, read_all
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
    return [(name, cell.snapshot()) for name, cell in zip(names, cells, strict=True)]


def place_layered(
    model: Any,
    layered: Layered,
    by_name: bool = False,
    skip_mismatch: bool = False,
    fresh: bool = False,
    origin: Origin = PRESENT,
) -> None:
    """Set all weights of a model, or none. Raises UsageError with a table of what does not fit.

    Layers are found by their names where all are known, else in their order; with `by_name` those
    of a known name are set, and the others let be. `origin` says where the arrays are from. The
    rest as in `weights.place_weights`.
    """
    report = Report()
    if origin.numbered:
        sets = _numbered(model, layered, by_name, origin, report)
    else:
        sets = _named(model, layered, by_name, origin, report)
    if not by_name or layered.get(TOP):
        sets += report.match_list(model.name, model.own_weights(), list(layered.get(TOP, ())))
    note = "" if origin.present or fresh else rules().note(model, origin, bool(report))
    table = report.text(model.name) if report else ""
    text = f"{table}\n{note}".strip()
    if report and not skip_mismatch:
        raise UsageError("E-WEIGHTS-FILE", text)
    if text:
        warn(text)
    assign_all(read_all(sets, fresh))


def _named(
    model: Any, layered: Layered, by_name: bool, origin: Origin, report: Report
) -> list[tuple[Variable, Any]]:
    """Variables with their values, from lists by names of layers."""
    there = {name: list(values) for name, values in layered.items() if values and name != TOP}
    wanted = {x.name: (x, cells) for x in _opened(model.layers, there) if (cells := ordered(x))}
    sets: list[tuple[Variable, Any]] = []
    for ours, theirs in _pairs(list(wanted), list(there), by_name, report):
        layer, cells = wanted[ours]
        if theirs is None:
            report.missing += [f"{ours}/{v.name} {v.shape}" for v in cells]
        else:
            sets += report.match_list(ours, cells, _modern(layer, there[theirs], origin))
    return sets


def _modern(layer: Layer, values: Sequence[tuple[str, Any]], origin: Origin) -> Sequence:
    """Arrays as the layer has them today."""
    return values if origin.present else rules().weights(layer, values, origin)


def _opened(layers: Sequence[Layer], known: Collection[str]) -> Iterator[Layer]:
    """Layers; those in a model in the place of a model that the file does not know.

    So Keras 1 kept a Sequential that began with several models.
    """
    for layer in layers:
        inside = getattr(layer, "layers", None) if is_model(layer) else None
        if inside and layer.name not in known and any(x.name in known for x in inside):
            yield from _opened(inside, known)
        else:
            yield layer


def pairs(model: Any, layered: Layered) -> list[tuple[Layer, Sequence[tuple[str, Any]]]]:
    """Layers with the arrays that a file has for them, in the order of the file."""
    there = {name: values for name, values in layered.items() if values and name != TOP}
    wanted = {x.name: x for x in _opened(model.layers, there) if ordered(x)}
    found = {
        theirs: wanted[ours]
        for ours, theirs in _pairs(list(wanted), list(there), False, Report())
        if theirs is not None
    }
    return [(found[name], values) for name, values in there.items() if name in found]


def _numbered(
    model: Any, layered: Layered, by_name: bool, origin: Origin, report: Report
) -> list[tuple[Variable, Any]]:
    """Variables with their values, from lists by number of a layer, or from one for all."""
    if by_name:
        raise UsageError(
            "E-BY-NAME",
            "files of Keras 0 number their layers and have no names: leave by_name off.",
        )
    lists = [list(values) for name, values in layered.items() if name != TOP]
    layers = [x for x in model.layers if not isinstance(x, InputLayer)]
    if len(lists) == len(layers):
        sets: list[tuple[Variable, Any]] = []
        for layer, values in zip(layers, lists, strict=True):
            values = _modern(layer, values, origin)
            sets += report.match_list(layer.name, ordered(layer), values)
        return sets
    values = _modern(model, [pair for values in lists for pair in values], origin)
    own = set(model.own_weights())
    cells = [cell for cell in ordered(model) if cell not in own]
    return report.match_list(model.name, cells, values)


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
