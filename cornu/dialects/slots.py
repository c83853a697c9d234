"""The state of optimizers in files of Keras 1.0.7 to 2.15, as today's optimizers keep it.

A file has numbers first, the steps done so far, then an array for each trained array of the model,
for each kind of slot. What lies otherwise today than in the file, as the gates of an LSTM or a
kernel of Theano, lies so in the slots as well: they go through the same rules as the weights.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cornu.dialects import configs
from cornu.dialects.training_configs import numbers as numbers_of
from cornu.dialects.weights import modern_weights
from cornu.errors import UsageError, warn
from cornu.layers import Layer
from cornu.saving.layered import Layered, ordered, pairs
from cornu.saving.older import Origin
from cornu.saving.weights import Stored, array_of
from cornu.state import Variable

Named = Sequence[tuple[str, Any]]
Rule = Callable[[Layer, list[tuple[str, Any]]], Named]

KINDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "SGD": (("momentum",),),
    "RMSprop": (("velocity",), ("momentum",), ("average_gradient",)),
    "Adagrad": (("accumulator",),),
    "Adadelta": (("accumulated_grad",), ("accumulated_delta_var",)),
    "Adam": (("momentum",), ("velocity",), ("velocity_hat",)),
    "Adamax": (("momentum",), ("norm",)),
    "Nadam": (("momentum",), ("velocity",)),
    "Ftrl": (("accumulator", "linear"),),
}
"""Class of an optimizer -> its slots by today's names, in the order in which a file has them.

Those in one tuple lie side by side, variable by variable.
"""


MOST_STEPS = 2**31
WARM = 100_000
"""Steps after which the momentum of Nadam has grown to beta_1."""


@dataclass
class Trained:
    """One array of the file that is trained: whose it is, where it is, and what it looks like."""

    layer: int
    place: int
    name: str
    shape: tuple[int, ...]


class Unfit(Exception):
    """Why the state in a file is not that of this optimizer."""


def slots(model: Any, values: Named, origin: Origin, layered: Layered) -> list[tuple[str, Any]]:
    """Values for the Variables of a compiled model's optimizer, in their order.

    Args:
        model: built, with an optimizer that is built.
        values: the arrays of the optimizer in the file.
        origin: where the file is from.
        layered: the arrays of the layers in the file, as they lie there.

    Where they do not fit a warning says why, and the values are those of a new optimizer.
    """
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    try:
        found = _read(model, values, origin, layered)
    except (Unfit, UsageError) as error:
        warn(
            f"the file's state of {type(optimizer).__name__} is not taken: {error} It begins anew."
        )
        found = {}
    return [(v.name, found[v] if v in found else v.numpy()) for v in optimizer.variables]


def _read(model: Any, values: Named, origin: Origin, layered: Layered) -> dict[Variable, Any]:
    optimizer, version = model.optimizer, numbers_of(origin.version)
    generation = configs.generation_of(origin.version, {})

    def rule(layer: Layer, arrays: list[tuple[str, Any]]) -> Named:
        return modern_weights(layer, arrays, origin, generation)

    arrays = [value for _, value in values]
    numbers = arrays[: _count(arrays, lambda array: not array.shape)]
    found = _numbers(optimizer, numbers)
    legacy = bool(values) and values[0][0].endswith("/iter:0")
    layouts = _layouts(optimizer, version >= (2, 11) and not legacy)
    if not any(layouts):
        return found
    lists = [(layer, list(listed)) for layer, listed in pairs(model, layered)]
    trained = list(_trained(model, lists, rule))
    order, groups = _groups(layouts, trained, arrays[len(numbers) :], version < (2,))
    for kind, group in groups.items():
        placed = dict(zip(((one.layer, one.place) for one in order), group, strict=True))
        told = _told(lists, placed, rule)
        found.update((optimizer._slots[cell][kind], value) for cell, value in told.items())
    return found


def _count(values: Sequence[Any], which: Callable[[Any], bool]) -> int:
    """How many fit from the first on."""
    return next((i for i, value in enumerate(values) if not which(value)), len(values))


# ---------------------------------------------------------------- numbers


def _numbers(optimizer: Any, numbers: Sequence[Any]) -> dict[Variable, Any]:
    """The steps done so far, and what follows of them.

    RMSprop, Adagrad and Adadelta kept no steps before 2.3: they begin at 0, as they did then.
    """
    if not numbers:
        return {}
    steps = int(array_of(numbers[0]))
    if not 0 <= steps < MOST_STEPS:
        raise Unfit(f"it says that {steps} steps were done.")
    found: dict[Variable, Any] = {optimizer._iterations: np.asarray(steps, "int32")}
    product = optimizer.shared.get("u_product")
    if product is not None:
        found[product] = np.asarray(warmed_product(optimizer, steps), product.dtype)
    return found


def warmed_product(optimizer: Any, steps: int) -> float:
    """The product of the momenta of Nadam in so many steps.

    No file of Keras 1 or 2 has it: Keras itself began at 1 again, and so went on otherwise.
    """
    decay = getattr(optimizer, "schedule_decay", None)
    slowness = 1.0 if decay is None else float(decay.numpy())
    first = np.arange(1, min(max(steps, 0), WARM) + 1, dtype="float64")
    shares = 1 - 0.5 * 0.96 ** (first * slowness)
    return float(optimizer.beta_1.numpy()) ** max(steps, 0) * float(np.prod(shares))


# ---------------------------------------------------------------- which arrays are trained


def _layouts(optimizer: Any, late: bool) -> list[list[tuple[str, ...]]]:
    """How the slots that an optimizer has lie in the file.

    From 2.11 on they lie as today, but for the optimizers that went by the name "legacy".
    """
    kept = next(iter(optimizer._layouts.values()), [])
    if late:
        return [kept]
    name = next((cls.__name__ for cls in type(optimizer).__mro__ if cls.__name__ in KINDS), None)
    if name is None:
        raise Unfit("its order is not known.")
    there = {kind for group in kept for kind in group}
    groups = [tuple(k for k in kinds if k in there) for kinds in KINDS[name]]
    return [[group for group in groups if group]]


def _trained(model: Any, lists: Sequence[tuple[Layer, list]], rule: Rule) -> Iterator[Trained]:
    """The arrays of the file that the optimizer changes, in the order of layers.

    Found by sending marks through the rules instead of values.
    """
    free = set(model.trainable_variables)
    for number, (layer, listed) in enumerate(lists):
        marks = [(name, _mark(i, value)) for i, (name, value) in enumerate(listed)]
        cells, told = ordered(layer), rule(layer, marks)
        if len(told) != len(cells):
            raise Unfit(f'"{layer.name}" has {len(cells)} weights, and {len(listed)} in the file.')
        places = {i for cell, (_, mark) in zip(cells, told, strict=True) if cell in free
                  for i in _marks(mark, layer, len(listed))}  # fmt: skip
        for i in sorted(places):
            name, value = listed[i]
            yield Trained(number, i, name, tuple(value.shape))


def _mark(i: int, value: Any) -> Stored:
    """An array of one number that takes no memory."""
    shape = tuple(value.shape)
    return Stored(shape, "float64", lambda: np.broadcast_to(np.float64(i + 0.5), shape))


def _marks(value: Any, layer: Layer, count: int) -> set[int]:
    """The arrays that an array was made of. Raises Unfit where it was computed from several."""
    made = np.asarray(array_of(value))
    numbers = made[(slice(0, 1),) * made.ndim] if not any(made.strides) else np.unique(made)
    found = {float(n) - 0.5 for n in np.ravel(numbers)}
    if not all(n.is_integer() and 0 <= n < count for n in found):
        raise Unfit(f'"{layer.name}" has weights today that are sums of those in the file.')
    return {int(n) for n in found}


# ---------------------------------------------------------------- slots


def _groups(
    layouts: Sequence[Sequence[tuple[str, ...]]],
    trained: list[Trained],
    arrays: Sequence[Any],
    sorted_first: bool,
) -> tuple[list[Trained], dict[str, list[Any]]]:
    """The trained arrays in the file's order, and for each kind of slot an array for each.

    Keras 1 sorted weights by their names, Keras 2 left them in the order of layers.
    """
    by_name = sorted(trained, key=lambda one: one.name)
    for order in (by_name, trained) if sorted_first else (trained, by_name):
        shapes = [one.shape for one in order]
        for layout in layouts:
            groups = _dealt(layout, arrays, len(order))
            if all([tuple(a.shape) for a in group] == shapes for group in groups.values()):
                return order, groups
    raise Unfit(
        f"its {len(arrays)} arrays have not the shapes of {len(trained)} trained weights for each "
        f"of {', '.join(kind for group in layouts[0] for kind in group)}."
    )


def _dealt(
    layout: Sequence[tuple[str, ...]], arrays: Sequence[Any], count: int
) -> dict[str, list[Any]]:
    """Arrays by kind of slot; kinds in one tuple lie side by side, variable by variable."""
    found, place = {}, 0
    for kinds in layout:
        part = arrays[place : place + len(kinds) * count]
        found.update((kind, list(part[i :: len(kinds)])) for i, kind in enumerate(kinds))
        place += len(part)
    return found


def _told(
    lists: Sequence[tuple[Layer, list]],
    group: Mapping[tuple[int, int], Any],
    rule: Rule,
) -> dict[Variable, Any]:
    """One kind of slots by the Variables that they belong to, laid out as these are today."""
    found: dict[Variable, Any] = {}
    for number, (layer, listed) in enumerate(lists):
        own = {place for where, place in group if where == number}
        if not own:
            continue
        values = [
            (name, _stored(group[number, i] if i in own else value))
            for i, (name, value) in enumerate(listed)
        ]
        told = rule(layer, values)
        free = set(layer.trainable_weights)
        cells = ordered(layer)
        found.update((c, v) for c, (_, v) in zip(cells, told, strict=True) if c in free)
    return found


def _stored(value: Any) -> Stored:
    if isinstance(value, Stored):
        return value
    array = np.asarray(value)
    return Stored(array.shape, str(array.dtype), lambda: array)
