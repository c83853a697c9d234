"""Calls told anew: the rows of classes, methods and functions, on values of `written`.

What each function here returns says the call of today, and for every difference, why.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from inspect import Parameter, signature
from typing import Any

from cornu import config, layers, losses, optimizers
from cornu.dialects import generations, merge_calls, merging
from cornu.dialects.keras1 import FORMATS
from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.losses import CHANGED, NAMES, function_of
from cornu.dialects.method_rows import ROWS
from cornu.dialects.methods import SPOKEN, Spoken
from cornu.dialects.modernize.telling import Telling, explain
from cornu.dialects.modernize.written import Code, Likely, Undecided
from cornu.dialects.old_classes import OldClass
from cornu.dialects.paths import VERSIONS
from cornu.dialects.table import (
    UNSURE,
    Row,
    _as_this_class,
    _by_name,
    forget_warnings,
    table,
    told,
)
from cornu.dialects.texts import SPELT
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Sequential

__all__ = [
    "METHODS",
    "OLD_ARGUMENTS",
    "of_class",
    "of_function",
    "of_merge",
    "of_method",
    "optimizer_of",
]

METHODS: Mapping[str, Spoken] = {spoken.name: spoken for spoken in SPOKEN}

FUNCTIONS: Mapping[str, Row] = {
    "Tokenizer": Row("Tokenizer", "2.3", rename=SPELT),
    "image_dim_ordering": Row("image_dim_ordering", "2.3", is_now="image_data_format"),
    "load_data": Row("load_data", "2.3", rename=SPELT),
    "set_image_dim_ordering": Row(
        "set_image_dim_ordering",
        "2.3",
        is_now="set_image_data_format",
        positional=("dim_ordering",),
        rename={"dim_ordering": "data_format"},
        values={"dim_ordering": FORMATS},
    ),
    "to_categorical": Row(
        "to_categorical",
        "2.3",
        positional=("y", "nb_classes"),
        rename={"y": "x", "nb_classes": "num_classes"},
    ),
}
"""Functions that have rows: those that nearly every old script calls."""

OLD_ARGUMENTS: frozenset[str] = frozenset(
    name
    for rows in (*table.by_name.values(), *ROWS.values())
    for row in rows
    for name in row.names()
    if row.rename.get(name, "") != name and "_" in name
)
"""Names that say by themselves that an argument is old."""

WRITTEN = re.compile(r" \((Text|Whole|Real|Several|Listed|Named|Code|Figure)\b[^)]*\)")
"""What messages say of the kinds of values in `written`."""

HARMLESS = {"decay"}
"""Arguments that a row asks whether they are 0, where it would not matter if it took them."""


# ---------------------------------------------------------------- classes and functions


def of_class(
    thing: Any, args: tuple, kwargs: dict[str, Any], formats_set: bool = False
) -> Telling | None:
    """A constructor call, or None where no row speaks of it. Raises Undecided.

    `formats_set` says that the script sets an order of axes, which no default may hide.
    """
    cls: Any = thing.__wrapped__ if isinstance(thing, OldClass) else thing
    old = isinstance(thing, OldClass)
    rows = table.of(thing.__name__, cls) if old else table.of_class(cls)
    if not rows or not hasattr(cls, "fields") or cls is Sequential:
        return None
    generation = generations.current()
    known = {*cls.fields, *cls.options} - UNSURE
    with _judged() as notes:
        given = _by_name(cls, rows, args, _likely(kwargs), generation, known)
        if given is None:
            return None
        found, assumed = _told(rows, given, known, generation, f"{thing.__name__}()")
        found = _as_this_class(cls, found)
        made = Telling(cls, cls.__name__, given, found, notes=notes)
    _settle_defaults(made, assumed, signature(cls.__init__).parameters, formats_set)
    explain(made, rows, len(args))
    return made


def of_function(name: str, today: Any, args: tuple, kwargs: dict[str, Any]) -> Telling | None:
    """A call of one of `FUNCTIONS`, or None where the arguments do not fit. Raises Undecided."""
    row = FUNCTIONS[name]
    if len(args) > len(row.positional):
        return None
    known = set(signature(today).parameters) if row.present == name and today else set()
    given = {**dict(zip(row.positional, args, strict=False)), **kwargs}
    with _judged() as notes:
        found, _ = _told([row], given, known, generations.current(), f"{name}()")
    made = Telling(today or (lambda: None), row.present, given, found, notes=notes)
    explain(made, [row], len(args))
    return made


# ---------------------------------------------------------------- methods


def of_method(
    spoken: Spoken,
    sequential: bool,
    args: tuple,
    kwargs: dict[str, Any],
) -> Telling | None:
    """A call of a model's method, or None where the arguments fit no generation.

    Raises Undecided.
    """
    rows = spoken.sequential if sequential else spoken.rows
    known, generation = set(spoken.known), generations.current()
    with _judged() as notes, _counting(kwargs):
        given = spoken._by_name(rows, args, kwargs, generation, known)
        if given is None:
            return None
        found, assumed = _told(rows, given, known, generation, f"{spoken.name}()")
    made = Telling(spoken.today, spoken.today.__name__, given, found, notes=notes)
    _settle_defaults(made, assumed, signature(spoken.today).parameters, True)
    explain(made, rows, len(args))
    if spoken.name == "compile":
        _explain_loss(made)
    return made


@contextmanager
def _counting(kwargs: Mapping[str, Any]) -> Iterator[None]:
    """Say what to do where samples of an epoch cannot be told as steps."""
    try:
        yield
    except Undecided as error:
        counts = [name for name in ("samples_per_epoch", "nb_val_samples", "val_samples")]
        said = [name for name in counts if name in kwargs]
        if not said:
            raise
        raise Undecided(
            f"{' and '.join(said)} became steps, {said[0]} / batch size, and how many samples a "
            "batch has shows only in a run"
        ) from error


def _explain_loss(made: Telling) -> None:
    """Losses by today's names."""
    loss = made.found.get("loss")
    if isinstance(loss, Mapping):
        now: Any = {name: _loss(made, each) for name, each in loss.items()}
        changed = any(now[name] is not each for name, each in loss.items())
    elif isinstance(loss, (list, tuple)):
        now = [_loss(made, each) for each in loss]
        changed = any(a is not b for a, b in zip(now, loss, strict=True))
    else:
        now = _loss(made, loss)
        changed = now is not loss
    if changed:
        made.found["loss"] = now


def _loss(made: Telling, name: Any) -> Any:
    changed = any(name in names for names in CHANGED.values()) if isinstance(name, str) else False
    if not isinstance(name, str) or not (changed or name in NAMES):
        return name
    generation = generations.current()
    found = NAMES.get(name) if generation == "3" else function_of(name, generation)
    today = getattr(found, "__name__", "")
    if getattr(losses, today, None) is not found:
        made.notes.append(f"the loss '{name}' was computed otherwise, and is left as it is")
        return name
    if today != name:
        made.why.append(f"the loss '{name}' is '{today}'")
    return name if today == name else today


def optimizer_of(name: Any) -> Telling | None:
    """What `compile(optimizer=name)` made, where today's defaults are others; else None."""
    if not isinstance(name, str):
        return None
    known = {cls.lower(): cls for cls in optimizers.family.members}
    found = known.get(name.lower())
    classes = config.classes_named(found) if found else []
    if not classes:
        return None
    made = of_class(classes[-1], (), {})
    return made if made is not None and (made.found or made.notes) else None


# ---------------------------------------------------------------- merging


def of_merge(name: str, args: tuple, kwargs: dict[str, Any], functions: set[str]) -> Telling:
    """A call of `merge` or `Merge`, as a function or a layer of today. Raises Undecided.

    `functions` are the names of functions of the script, which a mode may be.
    """
    bound = signature(getattr(merge_calls, name)).bind(*args, **kwargs)
    given = dict(bound.arguments) | bound.arguments.get("options", {})
    given.pop("options", None)
    if name == "Merge" and given.get("layers") is not None:
        raise Undecided(
            "Merge([left, right]) joined models: call each model on an Input, merge the results, "
            "and make a Model of them"
        )
    mode = given.get("mode", "sum")
    inputs = {} if name == "Merge" else {"inputs": given["inputs"]}
    if isinstance(mode, Code):
        if not (repr(mode).startswith("lambda") or repr(mode) in functions):
            raise Undecided(f"which mode {mode!r} is shows only in a run")
        also = {k: given[k] for k in ("output_shape", "arguments", "name") if k in given}
        found = {"function": mode, **also}
        why = ["a mode that is a function is a Lambda's"]
        came = {"inputs": "inputs", "function": "mode"} | {name: name for name in also}
        return Telling(layers.Lambda, "Lambda", given, {**inputs, **found}, why, came=came)
    try:
        kind, fields = merging.merging(given)
    except UsageError as error:
        raise Undecided(str(error)) from None
    if not hasattr(layers, kind):
        raise Undecided("of mode='cos', Dot(axes, normalize=True) lacks an axis of its result")
    known = signature(getattr(layers, kind).__init__).parameters
    fields = {
        k: v for k, v in fields.items() if k in ("name", "axes") or not _is_default(known, k, v)
    }
    today = getattr(layers, kind if name == "Merge" else kind.lower())
    why = [f"mode='{mode}' is {today.__name__}"]
    came = {"inputs": "inputs", "axis": "concat_axis", "axes": "dot_axes", "name": "name"}
    return Telling(today, today.__name__, given, {**inputs, **fields}, why, came=came)


# ---------------------------------------------------------------- what rows say


def _likely(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {
        name: Likely(value.node) if name in HARMLESS and isinstance(value, Code) else value
        for name, value in kwargs.items()
    }


@contextmanager
def _judged() -> Iterator[list[str]]:
    """Collect what rows warn of; what they cannot do to a Code is Undecided."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forget_warnings()
        try:
            yield notes
        except (UsageError, UsageTypeError) as error:
            raise Undecided(str(error)) from error
        except (TypeError, AttributeError, ValueError) as error:
            raise Undecided(f"what its arguments are shows only in a run ({error})") from error
        finally:
            texts = dict.fromkeys(str(each.message) for each in caught)
            notes += [WRITTEN.sub("", t) for t in texts if "is an old spelling. Today" not in t]


def _told(
    rows: Sequence[Row], given: Mapping[str, Any], known: set[str], generation: str, who: str
) -> tuple[dict[str, Any], list[str]]:
    """The arguments by today's names, and which of them the generation took for granted."""
    bare = [replace(row, defaults={}) for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        without = told(bare, given, known, generation, who)
    found = told(rows, given, known, generation, who)
    return {name: without.get(name, value) for name, value in found.items()}, [
        name for name in found if name not in without
    ]


def _settle_defaults(
    made: Telling, assumed: Sequence[str], today: Mapping[str, Parameter], formats_set: bool
) -> None:
    """Leave out of a call what today's default says too, and explain what it does not."""
    made.assumed = assumed
    for name in assumed:
        if name not in made.found:
            continue
        value = made.found[name]
        plain = name == "data_format" and value == "channels_last" and not formats_set
        if plain or _is_default(today, name, value):
            del made.found[name]
            continue
        default = today[name].default if name in today else None
        shown = "hard_sigmoid" if value == HARD_SIGMOID else value
        version = VERSIONS[generations.current()]
        made.why.append(f"{name} was {shown!r} by default in Keras {version}, today {default!r}")


def _is_default(today: Mapping[str, Parameter], name: str, value: Any) -> bool:
    if name not in today or isinstance(value, Code):
        return False
    default = today[name].default
    return type(default) in (str, int, float, bool, type(None)) and default == value
