"""The table of old spellings: what a row says, and the one walk over rows.

A `Row` says what a class was called, what its arguments were called and meant, and what it took
for granted, up to the last version of a time. The same rows serve constructor calls (`retold`) and
saved configs (`modern_config`). A name that is no longer in use is taken in every generation; a
name that is still in use, but meant something else, and a default that has changed, follow the
generation. The rows themselves are in `keras0`, `keras1` and `keras2`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any

from cornu import config
from cornu.dialects import generations
from cornu.dialects.described import is_described
from cornu.dialects.generations import GENERATIONS
from cornu.errors import UsageError, UsageTypeError, shown, suggestion, warn

Arguments = dict[str, Any]
Split = Callable[[Any], Arguments]


@dataclass(frozen=True)
class Row:
    """What one class was, up to and including the generation `until`.

    Args:
        name: the class's name then.
        until: the last generation that spoke so.
        is_now: its name today; the same unless said.
        positional: names of its positional arguments then, in order.
        rename: old argument -> today's.
        values: argument, by its old name -> {old value: today's}, or a function of the value.
        fuse: today's argument -> the old ones of which it is the tuple.
        split: old argument -> function of its value that gives today's arguments.
        drop: old argument -> what is lost with it, to be said where it was set; "" for nothing.
        expand: function of all arguments, by today's names, that gives today's; where it has
            `needs`, it changes nothing unless one of these is given.
        defaults: today's argument -> {generation: what it was where not given}.
        also: whether these positional arguments are of this row in later generations too, but 3.
        apart: whether the class became another one that has rows of its own: this one is read only
            where the old name stands.
    """

    name: str
    until: str
    is_now: str = ""
    positional: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    fuse: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: Mapping[str, Split] = field(default_factory=dict)
    drop: Mapping[str, str] = field(default_factory=dict)
    expand: Callable[[Arguments], Arguments] | None = None
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    also: Callable[[tuple], bool] | None = None
    apart: bool = False

    @property
    def present(self) -> str:
        """The class's name today."""
        return self.is_now or self.name

    def in_force(self, generation: str) -> bool:
        """Whether this generation spoke so."""
        return GENERATIONS.index(generation) <= GENERATIONS.index(self.until)

    def names(self) -> set[str]:
        """Arguments that the row says something of."""
        fused = {name for parts in self.fuse.values() for name in parts}
        return {*self.rename, *self.values, *self.split, *self.drop, *fused}


def until(generation: str, value: Any) -> dict[str, Any]:
    """`value` for this generation and all before it."""
    last = GENERATIONS.index(generation)
    return dict.fromkeys(GENERATIONS[: last + 1], value)


class Table:
    """Rows of all times, the oldest first."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Row]] = {}
        self.by_present: dict[str, list[Row]] = {}

    def add(self, *rows: Row) -> None:
        """Add rows; older ones must come first."""
        for row in rows:
            self.by_name.setdefault(row.name, []).append(row)
            if not row.apart:
                self.by_present.setdefault(row.present, []).append(row)

    def present_name(self, name: str) -> str:
        """Today's name of a class."""
        rows = self.by_name.get(name)
        return rows[-1].present if rows else name

    def of(self, name: str, cls: type | None) -> list[Row]:
        """What is to be said of a class by some name, the oldest first.

        Rows under that name come before those of what the class has become; `cls` adds those that
        speak of all layers, or all optimizers.
        """
        own = list(self.by_name.get(name, ()))
        times = {row.until for row in own}
        later = self.by_present.get(self.present_name(name), ())
        own += [row for row in later if row not in own and row.until not in times]
        bases = () if cls is None else cls.__mro__
        own += [row for base in bases for row in self.by_name.get(f"any {base.__name__}", ())]
        return sorted(own, key=lambda row: GENERATIONS.index(row.until))

    def of_class(self, cls: type) -> list[Row]:
        """The same for a class of today, or one made of it."""
        named = (base.__name__ for base in cls.__mro__)
        known = next((name for name in named if name in self.by_present), cls.__name__)
        return self.of(known, cls)


NEARLY = {
    "AdagradOuterEpsilon": "adds epsilon under the root",
    "CornerUpSampling2D": "differs by half a step of the output",
    "NadamSlowWarmup": "warms up 250 times faster",
    "RMSpropOuterEpsilon": "adds epsilon under the root",
    "WordDropEmbedding": "drops no words: put Dropout(rate, noise_shape=(None, None, 1)) after it",
}
"""Classes of older generations in whose place today's class is taken, with a warning."""

SAME = frozenset(
    f"Decaying{name}" for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax")
)
"""Classes whose rows give today's class arguments by which it does the same."""

UNSURE = {"input_dim"}
"""An option of all layers that a row may claim: of sequences it was the size of a step."""

table = Table()
_warned: set[tuple] = set()


# ---------------------------------------------------------------- the walk


def applied(
    row: Row, given: Mapping[str, Any], known: set[str], generation: str, who: str = ""
) -> Arguments:
    """The arguments as the next time called them.

    Names in `known` are in use today: the row speaks of them only where it is in force. `who` is
    named in warnings of what is lost; nothing is said without it.
    Raises UsageTypeError where an argument is given under two names.
    """
    force = row.apart or row.in_force(generation)
    found: Arguments = {}
    fused = {name for parts in row.fuse.values() for name in parts}
    for name, value in given.items():
        told = name not in known or (force and row.rename.get(name) not in given)
        made = _one(row, name, value, who) if told and name not in fused else {name: value}
        for new, new_value in made.items():
            if new in found or (new != name and new in given and new in known):
                raise UsageTypeError(
                    "E-ARGUMENTS", f"{who or row.name} got {new} twice, once as {name}."
                )
            found[new] = new_value
    for new, parts in row.fuse.items():
        found = _fused(found, new, parts, who or row.name)
    return row.expand(found) if row.expand is not None else found


def _one(row: Row, name: str, value: Any, who: str) -> Arguments:
    """Today's arguments for one of then."""
    if name in row.drop:
        if row.drop[name] and who and not _says_nothing(value):
            warn(f"{who}: {name}={shown(value)} has no effect any more: {row.drop[name]}")
        return {}
    if name in row.values:
        value = _value(row.values[name], value)
    if name in row.split:
        return row.split[name](value)
    return {row.rename.get(name, name): value}


def _says_nothing(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, (int, float)) and value == 0)


def _value(said: Any, value: Any) -> Any:
    if callable(said):
        return said(value)
    try:
        return said.get(value, value)
    except TypeError:  # not hashable: no name
        return value


def _fused(found: Arguments, new: str, parts: tuple[str, ...], who: str) -> Arguments:
    present = [name for name in parts if name in found]
    if not present:
        return found
    if len(present) < len(parts):
        raise UsageTypeError(
            "E-ARGUMENT-MISSING",
            f"{who}: {', '.join(present)} needs {', '.join(n for n in parts if n not in found)} "
            f"too; today it is {new}=({', '.join('3' for _ in parts)}).",
        )
    rest = {name: value for name, value in found.items() if name not in parts}
    return {**rest, new: tuple(found[name] for name in parts)}


def told(
    rows: Sequence[Row], given: Mapping[str, Any], known: set[str], generation: str, who: str = ""
) -> Arguments:
    """Arguments of some time by today's names, with what that generation took for granted."""
    found = dict(given)
    speaking = _speaking(rows, given, known)
    for row in rows:
        if row.apart or row.in_force(generation) or row in speaking:
            found = applied(row, found, known, generation, who)
    for row in rows:
        for name, by_generation in row.defaults.items():
            if generation in by_generation:
                found.setdefault(name, by_generation[generation])
    return found


def _speaking(rows: Sequence[Row], given: Mapping[str, Any], known: set[str]) -> list[Row]:
    """Rows that an old name among these is of; where several have the name, the latest."""
    old = given.keys() - known
    found, taken = [], set()
    for row in reversed(rows):
        if old & row.names() - taken:
            found.append(row)
        taken |= row.names()
    return found


# ---------------------------------------------------------------- calls


def retold(cls: type, args: tuple, kwargs: Arguments) -> tuple[tuple, Arguments]:
    """A constructor call of some time as today's; the rule for `config.translate`.

    What does not fit any row is returned as it is, for the class itself to say what is wrong.
    Warns once for each spelling. Raises UsageError for what cannot be had any more.
    """
    rows = table.of_class(cls)
    if not rows:
        return args, kwargs
    older: Any = cls
    name = getattr(older, "goes_by", cls).__name__
    return _retold(cls, rows, args, kwargs, name, _as_this_class)


def as_then(cls: type, args: tuple, kwargs: Arguments) -> tuple[tuple, Arguments]:
    """As `retold`, for calls that fit today's class too; a rule of `settling`.

    Nothing changes in generation 3, but for names that cannot mean what today's class takes.
    """
    if generations.current() == "3" and "input_dim" not in kwargs:
        return args, kwargs
    return retold(cls, args, kwargs)


def described(cls: Any, args: tuple, kwargs: Arguments) -> Arguments | None:
    """What a constructor call said, by today's names; None where it fits no time.

    With "class_name" where another class of today, or of older generations, is meant.
    """
    generation = generations.current()
    if is_right(watched(cls, generation, len(args), *kwargs), args, kwargs):
        order = _positional(cls) if args else ()
        return {**dict(zip(order, args, strict=False)), **kwargs}
    rows = table.of_class(cls)
    known = {*cls.fields, *cls.options} - UNSURE
    given = _by_name(cls, rows, args, kwargs, generation, known)
    return None if given is None else told(rows, given, known, generation)


# ---------------------------------------------------------------- calls that are as today's

Watched = Sequence[tuple[str, int, Any]]
"""Arguments of which a value may have meant something else: name, place or -1, what rows say."""

remembered = lru_cache(maxsize=4096)
"""A right spelling costs little, as what there is to watch is found once for each form of call."""


def is_right(watch: Watched | None, args: tuple, kwargs: Arguments) -> bool:
    """Whether a call meant what it means today, by what there is to watch in it."""
    if watch is None:
        return False
    for name, place, said in watch:
        value = kwargs[name] if place < 0 else args[place]
        if _value(said, value) is not value:
            return False
    return True


@remembered
def watched(cls: Any, generation: str, count: int, *names: str) -> Watched | None:
    """What to watch in calls with so many positional arguments and those names.

    None where the rows have to be asked each time.
    """
    rows = table.of_class(cls)
    known, order = {*cls.fields, *cls.options} - UNSURE, _positional(cls)
    given = [*order[:count], *names]
    if count > len(order) or len(set(given)) < len(given) or not set(given) <= known:
        return None
    if count and _then_first(rows, generation, order)[:count] != order[:count]:
        return None
    if any(generation in by and n not in given for r in rows for n, by in r.defaults.items()):
        return None
    found: list[tuple[str, int, Any]] = []
    for row in rows:
        if not (row.apart or row.in_force(generation)):
            continue
        needs = getattr(row.expand, "needs", None) if row.expand else frozenset()
        only_values = {name for name, said in row.values.items() if isinstance(said, Mapping)}
        touched = row.names() & set(given)
        renamed = {name for name in touched if row.rename.get(name, name) != name}
        if needs is None or needs & set(given) or renamed or touched - only_values:
            return None
        found += [
            (name, -1 if name in names else given.index(name), row.values[name]) for name in touched
        ]
    return found


def _then_first(rows: list[Row], generation: str, today: list[str]) -> list[str]:
    """The order of the first arguments that a generation is asked for first; [] if it depends."""
    if any(row.also is not None for row in rows) or any(row.apart for row in rows):
        return []
    return next(
        (list(r.positional) for r in rows if r.positional and r.in_force(generation)), today
    )


def _as_this_class(cls: type, given: Arguments) -> Arguments:
    """The arguments without the name of another class, where this one can stand in for it."""
    found = dict(given)
    other = found.pop("class_name", None)
    if other is None or other in SAME or any(base.__name__ == other for base in cls.__mro__):
        return found
    older: Any = config.classes_named(other)[-1]
    where = f"{older.__module__}.{other}"
    if other not in NEARLY:
        raise UsageError(
            "E-OLD-OPTION",
            f"{cls.__name__}() of older generations did with these arguments what {other} does "
            f"today: use {where}.",
        )
    _warn_once(
        (cls.__name__, other),
        f"{cls.__name__}() did what {where} does today, of which today's {cls.__name__} "
        f"{NEARLY[other]}.",
    )
    own: Any = cls
    return {name: value for name, value in found.items() if not _only_of(older, own, name)}


def _only_of(older: Any, cls: Any, name: str) -> bool:
    return name in older.fields and name not in {*cls.fields, *cls.options}


def _retold(
    cls: Any,
    rows: list[Row],
    args: tuple,
    kwargs: Arguments,
    name: str,
    settle: Callable[[type, Arguments], Arguments] = lambda cls, found: found,
) -> tuple[tuple, Arguments]:
    """`retold` by these rows; `settle` has the last word."""
    generation = generations.current()
    known = {*cls.fields, *cls.options} - UNSURE
    given = _by_name(cls, rows, args, kwargs, generation, known)
    if given is None:
        return args, kwargs
    found = settle(cls, told(rows, given, known, generation, f"{name}()"))
    if hasattr(cls, "goes_by"):
        if not is_described(cls):
            _tell_of(cls.goes_by, args, kwargs)
    else:
        old = sorted({n for row in rows for n in row.names()} & kwargs.keys() - known)
        if old or cls.__name__ != name:
            _tell(cls, name, old, found)
    fits = len(args) <= len(order := _positional(cls))
    today = {**dict(zip(order, args, strict=False)), **kwargs}
    return (args, kwargs) if fits and _same(found, today) else ((), found)


def _same(a: Arguments, b: Arguments) -> bool:
    return a.keys() == b.keys() and all(a[name] is b[name] for name in a)


def _tell(cls: Any, name: str, old: list[str], given: Arguments) -> None:
    """Warn of a spelling, once."""
    found = {n: value for n, value in given.items() if n != "class_name"}
    order = [n for n in _positional(cls) if n in found]
    ordered = [*order, *(n for n in found if n not in order)]
    said = ", ".join(f"{n}={_brief(found[n])}" for n in ordered)
    spelt = f"{name}({', '.join(old)})" if old else name
    today = given.get("class_name", cls.__name__)
    _warn_once((name, *old), f"{spelt} is an old spelling. Today: {today}({said})")


def _tell_of(cls: Any, args: tuple, kwargs: Arguments) -> None:
    """Warn of a spelling where a class of older generations was made, with the class of today."""
    known = {*cls.fields, *cls.options} - UNSURE
    spoken = {n for row in table.of_class(cls) for n in row.names()}
    old = sorted(spoken & kwargs.keys() - known)
    found = described(cls, args, kwargs) if old else None
    if found is not None:
        if found.get("class_name") not in {*NEARLY, *SAME}:
            known |= {"class_name"}
        _tell(cls, cls.__name__, old, {n: value for n, value in found.items() if n in known})


def _warn_once(key: tuple, message: str) -> None:
    if key not in _warned:
        _warned.add(key)
        warn(message)


def forget_warnings() -> None:
    """Let every spelling be warned of again."""
    _warned.clear()


def _brief(value: Any) -> str:
    if hasattr(value, "get_config"):
        return repr(value)
    name = getattr(value, "__name__", None)
    if callable(value) and name:
        return name
    return repr(value) if not hasattr(value, "shape") else shown(value)


def _by_name(
    cls: Any, rows: list[Row], args: tuple, kwargs: Arguments, generation: str, known: set[str]
) -> Arguments | None:
    """The arguments by name, in the order of the time that the call is of; None where none fits."""
    if not args:
        return dict(kwargs)
    for order, row in _orders(cls, rows, args, kwargs, generation, known):
        names = order[: len(args)]
        clash = len(args) > len(order) or any(name in kwargs for name in names)
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if not clash and (row is None or _whole_parts(row, given)):
            return given
    return None


def _orders(
    cls: Any, rows: list[Row], args: tuple, kwargs: Arguments, generation: str, known: set[str]
) -> Iterator[tuple[Sequence[str], Row | None]]:
    ordered = [row for row in rows if row.positional]
    speaking = _speaking(rows, kwargs, known)
    for row in ordered:
        also = generation != "3" and row.also is not None and row.also(args)
        if also or row.apart or row in speaking:
            yield row.positional, row
    for row in ordered:
        if row.in_force(generation):
            yield row.positional, row
            break
    yield _positional(cls), None


def _whole_parts(row: Row, given: Arguments) -> bool:
    """Whether what is to be fused is all there, each a number."""
    for parts in row.fuse.values():
        values = [given[name] for name in parts if name in given]
        if values and (
            len(values) < len(parts) or not all(hasattr(v, "__index__") for v in values)
        ):
            return False
    return True


def _positional(cls: Any) -> list[str]:
    parameters = list(signature(cls.__init__).parameters.values())[1:]
    return [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]


def made(name: str, /, *args: Any, **kwargs: Any) -> Any:
    """An object by the name its class had: `made("TimeDistributedDense", 32)`.

    Raises UsageError for a class of no generation, or one that cannot be had any more.
    """
    classes = config.classes_named(table.present_name(name))
    if name not in table.by_name or not classes:
        raise UsageError(
            "E-UNKNOWN-CLASS",
            f'No class "{name}" is known. {suggestion(name, table.by_name)}'.rstrip(),
        )
    cls: Any = classes[-1]
    rows = table.of(name, cls)
    now, found = _retold(cls, rows, args, kwargs, name)
    other = found.pop("class_name", cls.__name__)
    if other in SAME:
        return config.classes_named(other)[-1](*args, **kwargs)
    if other != cls.__name__:
        cls = config.classes_named(other)[-1]
    return cls(*now, **found)


# ---------------------------------------------------------------- configs


def modern_config(
    name: str, given: Mapping[str, Any], generation: str, base: type | None = None
) -> tuple[str, dict[str, Any]]:
    """Class name and config of today for those of a file of `generation`.

    `base` stands for a class that is not the library's: what all of its kind were told is read.
    """
    present = table.present_name(name)
    classes = config.classes_named(present)
    cls: Any = classes[-1] if classes else base
    known = {*cls.fields, *cls.options} - UNSURE if cls is not None else set()
    found = told(table.of(name, cls), given, known, generation)
    plain = {
        key: config.serialize(value) if hasattr(value, "get_config") else value
        for key, value in found.items()
    }
    return plain.pop("class_name", present), plain
