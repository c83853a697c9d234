"""What constructor calls that fit today's classes meant: each class is given the rules it needs."""

from collections.abc import Sequence

from cornu import config
from cornu.dialects import initializers, regularizers
from cornu.dialects.images import as_set
from cornu.dialects.patches import Patch
from cornu.dialects.protocols import initializers_of_users
from cornu.dialects.table import settled, table
from cornu.initializers import Orthogonal
from cornu.layers import Layer

__all__ = ["patches"]


def patches() -> Sequence[Patch]:
    """A patch for every class whose calls may have meant something else; others pay nothing."""
    spoken = [cls for name in table.by_present for cls in config.known_classes.get(name, ())]
    plain = {cls: (settled,) for cls in spoken if not issubclass(cls, Layer)}
    of_gates = [cls for name in initializers.GATES for cls in config.known_classes[name]]
    gated = dict.fromkeys(of_gates, _of_layers(True))
    rules = {Layer: _of_layers(), **plain, **gated, Orthogonal: (initializers.gain_of_then,)}
    return [Patch(cls, "settled_by", told) for cls, told in rules.items()]


def _of_layers(gated: bool = False) -> tuple[config.Rule, ...]:
    """In the order in which they are asked: the first two before old names are told."""
    first = (initializers.whole_gates,) if gated else ()
    last = (initializers.gates_of_then,) if gated else ()
    rest = (as_set, settled, initializers_of_users)
    return (*first, *rest, *last, regularizers.penalties_of_then)
