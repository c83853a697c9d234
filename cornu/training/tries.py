"""Trying a script: some batches through everything, or the same few until they are learned."""

from collections.abc import Mapping
from typing import Any

from cornu.callbacks import CallbackList
from cornu.errors import UsageError, listed
from cornu.training import columns
from cornu.training.checks import whole_number
from cornu.training.data import Arrays, Stream

Source = Arrays | Stream


def tried(said: Mapping[str, Any]) -> dict[str, Any]:
    """What `fit` was told, for a `fast_dev_run`: one epoch, and nothing that leaves a trace.

    `said["most"]` is then how many batches a pass has; None for a real run.
    """
    asked = said["fast_dev_run"]
    if asked is False or asked is None:
        return {**said, "most": None}
    most = 1 if asked is True else whole_number("fast_dev_run", asked, 1)
    given = said["callbacks"] or []
    given = given.callbacks if isinstance(given, CallbackList) else given
    chosen = list(given) if isinstance(given, (list, tuple)) else [given]
    left_out = [c for c in chosen if getattr(c, "leaves_traces", False)]
    if left_out:
        names = listed(type(c).__name__ for c in left_out)
        print(f"fast_dev_run: {most} batches of one epoch, without {names}.")
    kept = [c for c in chosen if c not in left_out]
    return {**said, "epochs": said["initial_epoch"] + 1, "callbacks": kept, "resume": None,
            "most": most}  # fmt: skip


def limit(source: Source | None, *most: int | None) -> None:
    """Cut the passes of a source to the least of these numbers of batches."""
    known = [n for n in most if n is not None]
    if source is not None and known:
        source.steps = min(known if source.steps is None else [*known, source.steps])


def few(source: Source, asked: Any) -> Source:
    """The first batches of a source alone, in their order; all of them where none are asked for.

    Raises UsageError for data that are no arrays.
    """
    if asked is None:
        return source
    count = whole_number("overfit_batches", asked, 1)
    if not isinstance(source, Arrays):
        raise UsageError(
            "E-OVERFIT",
            "overfit_batches takes the first rows of arrays; x yields batches. Pass some of them: "
            "fit(list(itertools.islice(x, 2)), …).",
        )
    rows = count * source.batch_size
    batch = source.host.map(lambda a: columns.cut(a, 0, rows))
    return Arrays(batch, source.batch_size, resident=True)
