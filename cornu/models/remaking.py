"""The way back from the plain form of a functional model: its layers, and the calls between them.

Calls are made in the order in which they need each other. A file may name the library's layers,
those that the user has given, and ops of `cornu.ops`; nothing else.
"""

import heapq
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from cornu import graph, ops
from cornu.config import deserialize_inner, snake
from cornu.errors import UsageError, shown, suggestion
from cornu.graph import Tensor
from cornu.saving.forms import begins_itself, check_name, layer_of

ASSUMED = dict.fromkeys(
    [
        *("AdditiveAttention", "AlphaDropout", "Attention", "ConvLSTM1D", "ConvLSTM2D"),
        *("ConvLSTM3D", "Dropout", "GRU", "GaussianDropout", "GaussianNoise", "LSTM", "RNN"),
        *("SimpleRNN", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    ],
    False,
)
"""What Keras writes as `training` of these layers' calls when nobody said anything."""

MOST_CALLS = 100_000
"""Calls that one functional config may have."""


UNSAVED = {"cond", "convert_to_numpy", "fori_loop", "map", "scan", "vectorized_map", "while_loop"}
"""Ops that take functions or give no arrays: they have no plain form."""


def saved_op(name: str) -> Callable | None:
    """The op of that name, if a file may name it."""
    return getattr(ops, name) if name in ops.__all__ and name not in UNSAVED else None


class _Pending(NamedTuple):
    """A call that is still to be made."""

    entry: str
    number: int
    inbound: Mapping[str, Any]


class Remaking:
    """Makes the layers of a functional config, and calls them in the order of their needs."""

    def __init__(self, entries: Any):
        if not isinstance(entries, list):
            raise UsageError("E-CONFIG", f'"layers" must be a list; got {shown(entries)}.')
        self.callables: dict[str, Callable] = {}
        self.tensors: dict[tuple[str, int], list[Tensor]] = {}
        self.pending: dict[tuple[str, int], _Pending] = {}
        for i, entry in enumerate(entries):
            self._take(i, entry)

    def _take(self, i: int, entry: Any) -> None:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("inbound_nodes"), list):
            raise UsageError("E-CONFIG", f'layer {i} must be an object with "inbound_nodes".')
        made = op_of(entry, i) if _is_op(entry) else layer_of(entry, f"layer {i}")
        name: str = entry.get("name") or getattr(made, "name", "")
        check_name(name, f"layer {i}")
        if name in self.callables:
            raise UsageError("E-NAMES", f'two layers have the name "{name}".')
        self.callables[name] = made
        if getattr(made, "is_placeholder", False):
            self.tensors[name, 0] = [made.output]  # pyright: ignore
            return
        for number, inbound in enumerate(entry["inbound_nodes"]):
            if not isinstance(inbound, Mapping) or not isinstance(inbound.get("args"), list):
                raise UsageError("E-CONFIG", f'the calls of "{name}" must have "args", "kwargs".')
            self.pending[name, number] = _Pending(name, number, inbound)
        if len(self.pending) > MOST_CALLS:
            raise UsageError("E-CONFIG", f"has more than {MOST_CALLS} calls of layers.")

    def run(self) -> "Remaking":
        """Make all calls."""
        order = {key: i for i, key in enumerate(self.pending)}
        needs = {key: set(_histories(p.inbound)) for key, p in self.pending.items()}
        readers: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for key, wanted in needs.items():
            for other in wanted:
                if other not in self.pending and other not in self.tensors:
                    raise _unknown_place(other, key[0], self.callables)
                readers.setdefault(other, []).append(key)
        open_needs = {key: len(wanted & order.keys()) for key, wanted in needs.items()}
        ready = [order[key] for key, count in open_needs.items() if not count]
        heapq.heapify(ready)
        keys = list(order)
        while ready:
            key = keys[heapq.heappop(ready)]
            self._call(self.pending.pop(key))
            for reader in readers.get(key, ()):
                open_needs[reader] -= 1
                if not open_needs[reader]:
                    heapq.heappush(ready, order[reader])
        if self.pending:
            raise _cycle(self.pending, needs)
        return self

    def _call(self, call: _Pending) -> None:
        made = self.callables[call.entry]
        args = [self._value(a) for a in call.inbound["args"]]
        kwargs = {k: self._value(v) for k, v in dict(call.inbound.get("kwargs") or {}).items()}
        said = call.inbound.get("said") or ()
        kind = type(made).__name__
        if kwargs.get("mask", 0) is None:
            del kwargs["mask"]
        if "training" in kwargs and "training" not in said:
            if kwargs["training"] is None or kwargs["training"] == ASSUMED.get(kind):
                del kwargs["training"]
        if not graph.is_symbolic(args, kwargs):
            raise UsageError(  # else it would be computed, here and now, as large as it says
                "E-CONFIG", f'the call of "{call.entry}" reads no output of another layer.'
            )
        try:
            outputs = made(*args, **kwargs)
        except Exception as error:
            error.add_note(f'(in the call of "{call.entry}")')
            raise
        self.tensors[call.entry, call.number] = graph.tensors(outputs)

    def _value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self._value(item) for item in plain]
        if not isinstance(plain, Mapping):
            return plain
        kind, config = plain.get("class_name"), plain.get("config")
        if kind == "__keras_tensor__":
            return self.tensor(config["keras_history"])  # pyright: ignore
        if kind == "__slice__":
            return slice(config["start"], config["stop"], config["step"])  # pyright: ignore
        if kind == "__ellipsis__":
            return Ellipsis
        if kind == "__tensor__":
            kind = "__numpy__"
        if "class_name" not in plain:
            return {key: self._value(value) for key, value in plain.items()}
        return deserialize_inner({**plain, "class_name": kind})

    def tensor(self, place: Any) -> Tensor:
        """The Tensor at `[entry, call, output]`."""
        if not _is_place(place):
            raise UsageError("E-CONFIG", f"{shown(place)} is no [layer, call, output].")
        name, number, index = place
        found = self.tensors.get((name, number), [])
        if not 0 <= index < len(found):
            raise _unknown_place((name, number), "the model", self.callables)
        return found[index]

    def structure(self, places: Any) -> Any:
        """Inputs or outputs of the model, in the structure in which their places stand."""
        if _is_place(places):
            name, number, index = places
            return self.tensor([name, number - begins_itself(self.callables.get(name)), index])
        if isinstance(places, Mapping):
            return {key: self.structure(value) for key, value in places.items()}
        if isinstance(places, list):
            return [self.structure(value) for value in places]
        raise UsageError("E-CONFIG", f"{shown(places)} is no [layer, call, output].")


def _is_place(x: Any) -> bool:
    numbers = isinstance(x, list) and len(x) == 3 and isinstance(x[0], str)
    return numbers and all(type(n) is int for n in x[1:])


def _histories(plain: Any) -> Iterable[tuple[str, int]]:
    """Which calls a call reads."""
    todo = [plain]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, Mapping):
            config = value.get("config")
            if value.get("class_name") == "__keras_tensor__" and isinstance(config, Mapping):
                place = config.get("keras_history")
                if not _is_place(place):
                    raise UsageError("E-CONFIG", f"{shown(place)} is no [layer, call, output].")
                yield place[0], place[1]  # pyright: ignore
            else:
                todo += value.values()


def _unknown_place(key: tuple[str, int], reader: str, known: Iterable[str]) -> UsageError:
    name, number = key
    return UsageError(
        "E-CONFIG",
        f'"{reader}" reads call {number} of "{name}", which is not there. '
        f"{suggestion(name, known)}".rstrip(),
    )


def _cycle(pending: Mapping[tuple[str, int], Any], needs: Mapping[Any, set]) -> UsageError:
    key = next(iter(pending))
    seen: list[tuple[str, int]] = []
    while key not in seen:
        seen.append(key)
        key = next(other for other in sorted(needs[key]) if other in pending)
    circle = [name for name, _ in [*seen[seen.index(key) :], key]]
    return UsageError("E-CYCLE", f"layers form a cycle: {' -> '.join(reversed(circle))}.")


def _is_op(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("module")).startswith("keras.src.ops.")


def op_of(entry: Mapping[str, Any], i: int) -> Callable:
    """The op that an entry names, with the arguments that stand in its config."""
    kind, config = entry.get("class_name"), entry.get("config")
    if not isinstance(kind, str) or not isinstance(config, Mapping):
        raise UsageError("E-CONFIG", f'layer {i} must have "class_name" and "config".')
    if kind == "GetItem":
        return _item
    name = snake(kind)
    function = saved_op(name)
    if function is None:
        raise UsageError(
            "E-UNKNOWN-OP", f'layer {i}: there is no op "{name}". {suggestion(name, ops.__all__)}'
        )
    options = {k: deserialize_inner(v) for k, v in config.items() if k not in ("name", "dtype")}
    if name == "cast":
        options["dtype"] = config["dtype"]

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **options, **kwargs)

    return call


def _item(x: Any, where: Any) -> Any:
    return operator.getitem(x, tuple(where) if isinstance(where, list) else where)
