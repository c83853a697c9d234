"""Weights by path: where each layer's lie in a file, and how they are put into a model.

The paths are those of Keras 3: `layers/dense/vars/0`, where names within a container are the
classes' own, numbered.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cornu import state
from cornu.config import snake
from cornu.errors import UsageError, warn
from cornu.layers import Layer
from cornu.saving.forms import is_functional, is_model
from cornu.saving.quantized import floats
from cornu.state import Variable


@dataclass
class Stored:
    """An array that is still in its file: its shape and dtype are known before it is read."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]

    @property
    def nbytes(self) -> int:
        """Bytes it takes in memory."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


# ---------------------------------------------------------------- layers and their paths


PRIVATE = frozenset("_nodes _weights _called_with inputs outputs kept lock stack start end".split())
"""Attributes that hold no layers of their own."""


def parts(root: Layer) -> Iterator[tuple[str, Layer]]:
    """Every layer of a model once, with its path, in the layout of Keras 3.

    A model's `layers` come first, then attributes by name, private ones last. In a list, tuple or
    dict a layer is called by its class, numbered where there are several; what is met a second
    time is left out, but counted.
    """
    return _parts("", root, set())


def _parts(path: str, layer: Layer, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    yield path, layer
    for name, value in _attributes(layer):
        yield from _inside(_joined(path, name), value, seen)


def _inside(path: str, value: Any, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    if isinstance(value, Layer):
        yield from _parts(path, value, seen)
        return
    if not isinstance(value, (list, tuple, dict)):
        return
    taken: dict[str, int] = {}
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (Layer, list, tuple, dict)):
            name = class_path(item) if isinstance(item, Layer) else "container"
            count = taken.get(name, 0)
            taken[name] = count + 1
            yield from _inside(_joined(path, f"{name}_{count}" if count else name), item, seen)


INNER_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Classes that lie in files of Keras 3 under another name than their public one."""


def class_path(layer: Layer) -> str:
    """What a layer is called in the path of a container: its class in snake_case."""
    name = (getattr(layer, "stands_for", None) or type(layer)).__name__
    return "functional" if is_functional(layer) else snake(INNER_NAMES.get(name, name))


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _attributes(layer: Layer) -> list[tuple[str, Any]]:
    found = {n: v for n, v in vars(layer).items() if n not in PRIVATE}
    listed = getattr(layer, "layers", None) if is_model(layer) else None
    if listed is not None:
        found["layers"] = listed
    ordered = sorted(found.items(), key=lambda item: (item[0].startswith("_"), item[0]))
    if listed is not None and type(layer).__module__.split(".")[0] == "cornu":
        ordered.sort(key=lambda item: item[0] != "layers")
    return ordered


def own_values(layer: Layer) -> dict[str, np.ndarray]:
    """What a layer itself saves, by key. Raises UsageError for a key that cannot be saved."""
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    for key in store:
        if not str(key).isprintable() or "/" in str(key) or str(key) in ("", ".", ".."):
            raise UsageError("E-SAVE", f'"{layer.name}": {key!r} cannot be the key of a weight.')
    return {str(key): np.asarray(value) for key, value in store.items()}


def weights_of(model: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Values of all weights by path, and the layers' names by path."""
    values, names = {}, {}
    with state.cells_lock:  # all of one moment, while another thread trains
        for path, layer in parts(model):
            names[path] = layer.name
            for key, value in own_values(layer).items():
                values[_joined(path, f"vars/{key}")] = value
    return values, names


# ---------------------------------------------------------------- weights into a model


def place_weights(
    model: Any,
    weights: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    skip_mismatch: bool = False,
    fresh: bool = False,
) -> None:
    """Set all weights of a model, or none. Raises UsageError with a table of what does not fit.

    With `skip_mismatch`, what fits is set, and a warning tells the rest. A `fresh` model, which
    nobody has seen yet, takes array after array, so that they are not in memory twice.
    """
    stored = _by_layer(weights)
    named = _plain_names(names or {})
    sets: list[tuple[Variable, Any]] = []
    report = Report()
    with state.Frame() as frame:
        for path, layer in _by_name(list(parts(model)), named):
            store = stored.pop(path, {})
            if getattr(layer.load_own_variables, "__func__", None) is Layer.load_own_variables:
                sets += report.match(layer, store)
            elif store:
                layer.load_own_variables({key: array_of(value) for key, value in store.items()})
    for path, store in stored.items():
        report.unexpected += [f"{named.get(path) or path}/{key}" for key in store]
    if report and not skip_mismatch:
        raise UsageError("E-WEIGHTS-FILE", report.text(model.name))
    if report:
        warn(report.text(model.name))
    values = read_all(sets, fresh)
    assign_all(frame.bound.items())
    assign_all(values)


def read_all(
    sets: Iterable[tuple[Variable, Any]], fresh: bool
) -> Iterable[tuple[Variable, np.ndarray]]:
    """Variables with arrays that nobody else holds; those of a `fresh` model one after another."""
    values = ((variable, own_array(value)) for variable, value in sets)
    return values if fresh else list(values)


def assign_all(pairs: Iterable[tuple[Variable, Any]]) -> None:
    """Give every Variable its value; arrays are given away."""
    for variable, value in pairs:
        if isinstance(value, np.ndarray):
            variable.adopt(value)
        else:
            variable.assign(value)


def _by_layer(weights: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Path of a layer -> key -> value, without what is no layer's."""
    found: dict[str, dict[str, Any]] = {}
    for path, value in weights.items():
        above, _, key = path.rpartition("/")
        layer = above.removesuffix("vars").removesuffix("/")
        drawn = layer.rpartition("/")[2] == "seed_generator"
        if not drawn and layer.split("/")[0] != "optimizer":
            found.setdefault(_plain_path(layer), {})[key] = value
    return found


def paths_in_file(
    model: Any, names: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Layer]]:
    """A model's layers with the paths that they have in a file with these names of layers."""
    return _by_name(list(parts(model)), _plain_names(names or {}))


def _plain_names(names: Mapping[str, str]) -> dict[str, str]:
    return {_plain_path(path): name for path, name in names.items()}


def _by_name(
    found: list[tuple[str, Layer]], named: Mapping[str, str]
) -> Iterator[tuple[str, Layer]]:
    """A model's layers with the paths that they have in a file.

    These are the layers' own, but in a container whose layers have the same names in the file, a
    layer is found by its name: the order in which layers are numbered does not matter then.
    """
    inside: dict[str, list[tuple[str, Layer]]] = {}
    for path, layer in found[1:]:
        inside.setdefault(_parted(path)[0], []).append((path, layer))
    listed: dict[str, dict[str, str]] = {}
    for path, name in named.items():
        above, last = _parted(path)
        listed.setdefault(above, {})[name] = last
    known = {"": ""}
    for path, layer in found:
        above, last = _parted(_plain_path(path))
        above = _moved(above, known)
        names = listed.get(above, {})
        if path and {x.name for _, x in inside[_parted(path)[0]]} == set(names):
            last = names[layer.name]
        known[_plain_path(path)] = _joined(above, last)
        yield known[_plain_path(path)], layer


def _parted(path: str) -> tuple[str, str]:
    above, _, last = path.rpartition("/")
    return above, last


def _moved(path: str, known: Mapping[str, str]) -> str:
    """Where a container is: below the place of the layer that it belongs to."""
    rest: list[str] = []
    while path not in known:
        path, last = _parted(path)
        rest.insert(0, last)
    return "/".join([part for part in (known[path], *rest) if part])


def _plain_path(path: str) -> str:
    """Without leading underscores: some layers keep in private what Keras keeps in public."""
    return "/".join(part.lstrip("_") for part in path.split("/"))


class Report:
    """What does not fit between a file's weights and a model's."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.mismatched: list[str] = []

    def match(self, layer: Layer, store: Mapping[str, Any]) -> list[tuple[Variable, Any]]:
        """Pairs of a layer's Variables and the values that fit them."""
        cells = layer.own_weights()
        store = floats(layer, store, Stored)
        known = {str(i) for i in range(len(cells))}
        self.unexpected += [f"{layer.name}/{key}" for key in store if key not in known]
        values = [store.get(str(i)) for i in range(len(cells))]
        return self._fitting(layer.name, cells, values)

    def match_list(
        self, name: str, cells: Sequence[Variable], listed: Sequence[tuple[str, Any]]
    ) -> list[tuple[Variable, Any]]:
        """Pairs of Variables and the values that fit them, of a list of names and values."""
        self.unexpected += [f"{name}/{key}" for key, _ in listed[len(cells) :]]
        values = [value for _, value in listed[: len(cells)]]
        return self._fitting(name, cells, values + [None] * (len(cells) - len(values)))

    def _fitting(
        self, owner: str, cells: Sequence[Variable], values: Sequence[Any]
    ) -> list[tuple[Variable, Any]]:
        found = []
        for variable, value in zip(cells, values, strict=True):
            name = f"{owner}/{variable.name}"
            if value is None:
                self.missing.append(f"{name} {variable.shape}")
            elif not fit(value, variable):
                self.mismatched.append(
                    f"{name} file {_words(value, variable)} model {_words(variable, value)}"
                )
            else:
                found.append((variable, value))
        return found

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.mismatched)

    def text(self, name: str) -> str:
        """The table."""
        kinds = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "shape mismatch": self.mismatched,
        }
        head = ", ".join(f"{len(found)} {kind}" for kind, found in kinds.items() if found)
        way_out = "skip_mismatch=True sets those that fit"
        lines = [f'the weights are not those of "{name}": {head} ({way_out})']
        for kind, found in kinds.items():
            lines += [f"  {kind}: {one}" for one in found[:SHOWN]]
            if len(found) > SHOWN:
                lines.append(f"  {kind}: … {len(found) - SHOWN} more")
        return "\n".join(lines)


SHOWN = 3
"""Lines of each kind that a report has."""


def _words(one: Any, other: Any) -> str:
    """The shape; with the dtype where shapes are the same."""
    return f"{tuple(one.shape)}" + (f" {one.dtype}" if tuple(one.shape) == other.shape else "")


def fit(value: Any, variable: Variable) -> bool:
    """Whether a value has a Variable's shape, and a dtype of its kind."""
    if tuple(value.shape) != variable.shape:
        return False
    return _kind(str(value.dtype)) == _kind(variable.dtype)


def _kind(dtype: str) -> str:
    return "bool" if dtype == "bool" else "int" if "int" in dtype else "float"


def array_of(value: Any) -> np.ndarray:
    """The array itself, read if it is still in its file."""
    return value.read() if isinstance(value, Stored) else np.asarray(value)


def own_array(value: Any) -> np.ndarray:
    """The array itself, which nobody else holds."""
    return value.read() if isinstance(value, Stored) else np.array(value)
