"""Old spellings without what older generations computed otherwise: for tests of rows."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from cornu.dialects import becoming, images, initializers, regularizers, settling

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
    rules = {
        cls: tuple(r for r in asked if r not in DRIFTS) for cls, asked in settling.RULES.items()
    }
    with ExitStack() as kept:
        kept.callback(settling._watched.cache_clear)  # what is remembered is of these rules
        settling._watched.cache_clear()
        kept.enter_context(mock.patch.dict(settling.RULES, rules))
        kept.enter_context(mock.patch.object(becoming, "RULES", dict.fromkeys(becoming.RULES)))
        kept.enter_context(mock.patch.object(becoming, "_meant_by_default", lambda cls, *_: cls))
        yield
