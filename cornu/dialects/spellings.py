"""The table filled, and put where constructors, methods and names of losses are asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cornu import config, losses
from cornu import metrics as todays_metrics
from cornu.dialects import (
    attributes,
    becoming,
    callbacks,
    compiled,
    generic_utils,
    images,
    keras0,
    keras1,
    keras1_optimizers,
    keras2,
    merge_calls,
    methods,
    metrics,
    nodes,
    older,
    older_metrics,
    optimizer_calls,
    protocols,
    seeding,
    settling,
    shared,
    symbolic_training,
    tf_shapes,
    weight_layouts,
)
from cornu.dialects import losses as older_losses
from cornu.dialects.losses import NAMES
from cornu.dialects.modules import load
from cornu.dialects.patches import Patches
from cornu.dialects.table import retold, table

table.add(*keras0.ROWS, *keras1.ROWS, *keras1_optimizers.ROWS, *keras2.ROWS)
table.add(*keras1_optimizers.DRIFTING)

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
    becoming,
    older,
    older_losses,
    older_metrics,
    seeding,
    symbolic_training,
    compiled,
    generic_utils,
    shared,
    tf_shapes,
    weight_layouts,
)
for part in PARTS:
    patches.add(part.PATCHES)
patches.add(settling.patches())

late = Patches()
LATE = ("cornu.dialects.texts", "cornu.dialects.image_calls")
"""Parts that bring much with them, which most scripts never ask for: text, pictures, data sets."""


def _members() -> Iterator[tuple[config.Family, str, Callable]]:
    """Old names of losses and metrics, each with the family that it joins."""
    yield from ((losses.family, name, loss) for name, loss in NAMES.items())
    yield from ((todays_metrics.family, name, metric) for name, metric in metrics.NAMES.items())


def register(late_too: bool = True) -> None:
    """Have constructors and methods take the spellings of all generations, from here on.

    Without `late_too`, those of text, pictures and data sets wait for `complete`.
    """
    if retold not in config.translate:
        config.translate.append(retold)
    for family, name, member in _members():
        family.members.setdefault(name, member)
    patches.put()
    images.begin()
    if late_too:
        complete()


def complete() -> None:
    """Take old spellings of text, pictures and data sets too."""
    if not late.known:
        for name in LATE:
            late.add(load(name).PATCHES)
    late.put()


def unregister() -> None:
    """Take back what `register` did."""
    if retold in config.translate:
        config.translate.remove(retold)
    for family, name, member in _members():
        if family.members.get(name) is member:
            del family.members[name]
    late.take()
    patches.take()
    images.end()


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
