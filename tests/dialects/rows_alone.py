"""Old spellings without what older generations computed otherwise: for tests of rows."""

from collections.abc import Iterator
from contextlib import contextmanager
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
    kept = list(config.settle)
    config.settle[:] = [rule for rule in kept if rule not in DRIFTS]
    with mock.patch.object(becoming, "RULES", dict.fromkeys(becoming.RULES)):
        try:
            yield
        finally:
            config.settle[:] = kept
