"""Old spellings without what older generations computed otherwise: for tests of rows."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from cornu import config
from cornu.dialects import becoming, images, initializers, regularizers

DRIFTS = (
    initializers.whole_gates,
    images.as_set,
    initializers.gain_of_then,
    initializers.gates_of_then,
    regularizers.penalties_of_then,
)


@contextmanager
def rows_alone() -> Iterator[None]:
    """Have a constructor make what its rows say, and nothing else."""
    with ExitStack() as kept:
        for cls in {cls for classes in config.known_classes.values() for cls in classes}:
            if "settled_by" in vars(cls):
                rules = tuple(rule for rule in cls.settled_by if rule not in DRIFTS)
                kept.enter_context(mock.patch.object(cls, "settled_by", rules))
        kept.enter_context(mock.patch.object(becoming, "RULES", dict.fromkeys(becoming.RULES)))
        kept.enter_context(mock.patch.object(becoming, "_meant_by_default", lambda cls, *_: cls))
        yield
