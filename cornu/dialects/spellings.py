"""The table filled, and put where constructors and names of losses are asked for: `register()`."""

from collections.abc import Iterator
from contextlib import contextmanager

from cornu import config, losses
from cornu.dialects import keras0, keras1, keras1_optimizers, keras2
from cornu.dialects.losses import NAMES
from cornu.dialects.table import retold, settled, table

table.add(*keras0.ROWS, *keras1.ROWS, *keras1_optimizers.ROWS, *keras2.ROWS)


def register() -> None:
    """Have constructors take the spellings of all generations, from here on."""
    for rules, rule in ((config.translate, retold), (config.settle, settled)):
        if rule not in rules:
            rules.append(rule)
    for name, loss in NAMES.items():
        losses.family.members.setdefault(name, loss)


def unregister() -> None:
    """Take back what `register` did."""
    for rules, rule in ((config.translate, retold), (config.settle, settled)):
        if rule in rules:
            rules.remove(rule)
    for name, loss in NAMES.items():
        if losses.family.members.get(name) is loss:
            del losses.family.members[name]


@contextmanager
def registered() -> Iterator[None]:
    """Have old spellings taken for a while."""
    before = retold in config.translate
    register()
    try:
        yield
    finally:
        if not before:
            unregister()
