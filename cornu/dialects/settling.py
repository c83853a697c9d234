"""What constructor calls that fit today's classes meant: each class is given the rules it needs.

They are asked one after the other, but only where a call may have meant something else. Whether it
may is found once for each form of call: a class, a generation, and which arguments are given. So a
right spelling costs one look into what is known of its form.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu import config
from cornu.config import Rule
from cornu.dialects import generations, initializers, regularizers
from cornu.dialects.images import as_set
from cornu.dialects.patches import Patch
from cornu.dialects.protocols import initializers_of_users, of_any_generation
from cornu.dialects.table import Watched, as_then, is_right, remembered, table, watched
from cornu.initializers import Orthogonal
from cornu.layers import Layer

__all__ = ["patches", "settled"]

OF_LAYERS = (as_set, as_then, initializers_of_users, regularizers.penalties_of_then)
OF_GATES = (initializers.whole_gates, *OF_LAYERS[:-1], initializers.gates_of_then, OF_LAYERS[-1])
"""In the order in which they are asked: the first ones before old names are told."""

RULES: dict[type, tuple[Rule, ...]] = {
    Orthogonal: (initializers.gain_of_then,),
    **{cls: OF_GATES for name in initializers.GATES for cls in config.known_classes[name]},
    Layer: OF_LAYERS,
}
"""Class -> the rules of it and of what is derived from it, the special ones first."""

ALWAYS: Mapping[Rule, Sequence[str]] = {
    as_set: ("1.0",),
    initializers.whole_gates: ("0.3", "1.0", "1.2"),
    initializers.gates_of_then: ("0.3", "1.0", "1.2"),
    initializers.gain_of_then: ("0.3", "1.0", "1.2"),
}
"""Rules that look at more than single arguments, with the generations in which they are asked."""


def patches() -> Sequence[Patch]:
    """A patch for every class whose calls may have meant something else; others pay nothing."""
    spoken = [cls for name in table.by_present for cls in config.known_classes.get(name, ())]
    plain = [cls for cls in spoken if not issubclass(cls, Layer)]
    return [Patch(cls, "settled_by", (settled,)) for cls in dict.fromkeys([*RULES, *plain])]


def settled(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The one rule that classes are given: it asks those of the class where a call is in doubt."""
    if not is_right(_watched(cls, generations.current(), len(args), *kwargs), args, kwargs):
        for rule in _rules(cls):
            args, kwargs = rule(cls, args, kwargs)
    return args, kwargs


def _rules(cls: type) -> tuple[Rule, ...]:
    return next((rules for base, rules in RULES.items() if issubclass(cls, base)), (as_then,))


@remembered
def _watched(cls: type, generation: str, count: int, *names: str) -> Watched | None:
    """What to watch in calls of this form; None where the rules have to be asked each time."""
    rules = _rules(cls)
    if any(generation in ALWAYS.get(rule, ()) for rule in rules):
        return None
    told = watched(cls, generation, count, *names) if as_then in rules else ()
    if told is None or not issubclass(cls, Layer):
        return told
    return [*told, *((name, -1, said) for name in names if (said := _said(name, generation)))]


def _said(name: str, generation: str) -> Any:
    """What a value may have meant, whatever the layer."""
    if name == "activity_regularizer" and generation in regularizers.GENERATIONS:
        return regularizers.summed_penalty
    return of_any_generation if name.endswith("_initializer") else None
