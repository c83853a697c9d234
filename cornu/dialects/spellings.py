"""The table filled, and put where constructors, methods and names of losses are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from cornu import config, losses
from cornu.dialects import (
    attributes,
    callbacks,
    keras0,
    keras1,
    keras1_optimizers,
    keras2,
    merge_calls,
    methods,
    metrics,
    nodes,
    optimizer_calls,
    protocols,
    symbolic_training,
    weight_layouts,
)
from cornu.dialects.losses import NAMES
from cornu.dialects.patches import Patches
from cornu.dialects.table import retold, settled, table

table.add(*keras0.ROWS, *keras1.ROWS, *keras1_optimizers.ROWS, *keras2.ROWS)

patches = Patches()
PARTS = (
    methods,
    callbacks,
    metrics,
    nodes,
    attributes,
    merge_calls,
    protocols,
    optimizer_calls,
    symbolic_training,
    weight_layouts,
)
for part in PARTS:
    patches.add(part.PATCHES)

RULES = (
    (config.translate, retold),
    (config.settle, settled),
    (config.settle, protocols.initializers_of_users),
)


def register() -> None:
    """Have constructors and methods take the spellings of all generations, from here on."""
    for rules, rule in RULES:
        if rule not in rules:
            rules.append(rule)
    for name, loss in NAMES.items():
        losses.family.members.setdefault(name, loss)
    patches.put()


def unregister() -> None:
    """Take back what `register` did."""
    for rules, rule in RULES:
        if rule in rules:
            rules.remove(rule)
    for name, loss in NAMES.items():
        if losses.family.members.get(name) is loss:
            del losses.family.members[name]
    patches.take()


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
