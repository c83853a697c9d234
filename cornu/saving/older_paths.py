"""Paths in archives and weights of Keras 2.12 to 2.15 and of tf-keras, as those of today.

They number layers as today, in the order of the model, but keep no names of layers. Up to 2.14 the
container of a model's layers had another name, and a layer with weights was counted twice in it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cornu.config import snake
from cornu.layers import Layer
from cornu.saving.forms import is_model
from cornu.saving.weights import class_path

BEFORE, NOW = "_layer_checkpoint_dependencies", "layers"
METRICS = "metrics"
"""Where running figures lie, which are no weights."""


class Listed(NamedTuple):
    """A layer of a model: its class in paths, its name, its layers if it is a model itself.

    `within` has the layers of models that it keeps in attributes, as TimeDistributed does.
    """

    kind: str
    name: str
    inside: Sequence["Listed"] = ()
    within: Mapping[str, Sequence["Listed"]] = {}


def listed_in(form: Any) -> list[Listed]:
    """The layers that a model's config lists, functions among them left out."""
    config = form.get("config") if isinstance(form, Mapping) else None
    entries = config.get("layers") if isinstance(config, Mapping) else None
    found = []
    for entry in entries if isinstance(entries, list) else ():
        kind, said = entry.get("class_name"), entry.get("config")
        if not isinstance(kind, str) or "ops." in str(entry.get("module")):
            continue
        if form.get("class_name") == "Sequential" and kind == "InputLayer":
            continue
        name = entry.get("name") or (said.get("name") if isinstance(said, Mapping) else "")
        within = {key: listed_in(value) for key, value in dict(said or {}).items()}
        kept = {key: inside for key, inside in within.items() if inside}
        found.append(Listed(snake(kind.rpartition(">")[2]), str(name), listed_in(entry), kept))
    return found


def listed_of(model: Any) -> list[Listed]:
    """The layers of a model."""
    return [_listed(layer) for layer in model.layers]


def _listed(layer: Layer) -> Listed:
    if is_model(layer):
        return Listed(class_path(layer), layer.name, listed_of(layer))
    kept = {key: value for key, value in vars(layer).items() if isinstance(value, Layer)}
    within = {key: listed_of(value) for key, value in kept.items() if is_model(value)}
    return Listed(class_path(layer), layer.name, within=within)


class Moved(NamedTuple):
    """Where a layer lies in the file, where it would lie today, and its name."""

    there: str
    here: str
    name: str


def renamed(
    weights: Mapping[str, Any], names: Mapping[str, str], listed: Sequence[Listed]
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Arrays by their paths of today, and names of layers, for a file that tells no names.

    `names` has a place of the file where a layer's name would be.
    """
    if not names or not all(name.endswith("vars") for name in names.values()):
        return weights, names
    told, known = present(weights.keys(), names.keys(), listed)
    return {path: weights[before] for before, path in told.items()}, known


def present(
    paths: Collection[str], groups: Collection[str], listed: Sequence[Listed]
) -> tuple[dict[str, str], dict[str, str]]:
    """(path -> path of today, path of a layer today -> its name) for the arrays of a file.

    Args:
        paths: those of arrays, or of other files.
        groups: those of all layers that the file has anything of, arrays or not.
        listed: the model's layers, in their order.
    """
    places = _Places(set(groups), _above(groups), _above(paths))
    moves = {one.there: one for one in _moves("", "", listed, places)}
    told = {}
    for path in paths:
        if path.split("/")[0] != METRICS or METRICS in {one.kind for one in listed}:
            told[path] = _told(path, moves)
    return told, {one.here: one.name for one in moves.values()}


def _told(path: str, moves: Mapping[str, Moved]) -> str:
    above, below = path, ""
    while above not in moves and "/" in above:
        above, _, last = above.rpartition("/")
        below = f"/{last}{below}"
    found = moves[above].here + below if above in moves else path
    return "/".join(NOW if part == BEFORE else part for part in found.split("/"))


class _Places(NamedTuple):
    """Groups of a file, the places above them, and those above its arrays."""

    groups: set[str]
    containers: set[str]
    filled: set[str]


def _above(paths: Collection[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while "/" in path and (path := path.rpartition("/")[0]) not in found:
            found.add(path)
    return found


def _moves(there: str, here: str, listed: Sequence[Listed], places: _Places) -> Iterator[Moved]:
    before = f"{there}{BEFORE}" in places.containers
    container = BEFORE if before else NOW
    counts: dict[str, int] = {}
    steps: dict[str, int] = {}
    for kind, name, inside, within in listed:
        number, step = counts.get(kind, 0), steps.get(kind, 0)
        own = f"{there}{container}/{_numbered(kind, step)}"
        counts[kind] = number + 1
        empty = own in places.groups and own not in places.filled
        steps[kind] = step + (1 if empty or not before else 2)
        today = f"{here}{NOW}/{_numbered(kind, number)}"
        yield Moved(own, today, name)
        yield from _moves(f"{own}/", f"{today}/", inside, places)
        for key, kept in within.items():
            yield from _moves(f"{own}/{key}/", f"{today}/{key}/", kept, places)


def _numbered(kind: str, number: int) -> str:
    return f"{kind}_{number}" if number else kind
