"""From what users pass for x, y and sample_weight to arrays of numbers, or words on why not.

Arrays come out in the machine's byte order, floats of 64 bits as `settings.floatx()`, whole numbers
of 64 bits in 32 where they fit. What is on a device stays there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornu import engine, settings
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.graph import Tensor
from cornu.training.columns import column


def as_array(value: Any, name: str) -> Any:
    """`value` as a NumPy or engine array of numbers; None stays None.

    Rectangular nested lists become arrays. Raises UsageError and UsageTypeError that say what the
    argument `name` is instead.
    """
    if value is None:
        return None
    array = value if engine.is_array(value) else _on_host(value, name)
    if array.ndim == 0:
        raise UsageError(
            "E-SCALAR", f"{name} must be array-like with a batch axis, got {shown(value)}."
        )
    kind = array.dtype.kind
    if kind == "O":
        array = _from_objects(array, name)
    elif kind in REFUSED and "float" not in str(array.dtype):  # bfloat16 too is of kind "V"
        raise REFUSED[kind](array, name)
    return _settled(array, name) if isinstance(array, np.ndarray) else array


WHOLE = 64 * 2**20
"""Bytes of targets or weights in a file that are read at once."""


def as_data(value: Any, name: str) -> Any:
    """The same for inputs; what lies in a file or is sparse becomes a `Column`, and stays there."""
    found = column(value, lambda piece: as_array(piece, name))
    return as_array(value, name) if found is None else found


def as_target(value: Any, name: str) -> Any:
    """The same for targets and weights, which are read whole unless they are very large."""
    found = column(value, lambda piece: as_array(piece, name))
    if found is None:
        return as_array(value, name)
    return found if found.nbytes > WHOLE else as_array(found[:], name)


def _on_host(value: Any, name: str) -> np.ndarray:
    """`value` as NumPy reads it."""
    if isinstance(value, Tensor):
        raise UsageTypeError(
            "E-SYMBOLIC",
            f'{name} is symbolic ("{value.name}", shape {value.shape}): it stands for data in a '
            "graph. Pass arrays.",
        )
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise UsageError(
            "E-MASKED",
            f"{name} is a masked array with {int(np.ma.count_masked(value))} masked values. Fill "
            f"them, {name}.filled(0), or drop the rows.",
        )
    if callable(value) and not hasattr(value, "__array__"):
        raise UsageTypeError(
            "E-DATA-TYPE",
            f"{name} is {shown(value)}; fit, evaluate and predict take arrays or an iterable. Did "
            f"you forget the parentheses: {getattr(value, '__name__', 'f')}()?",
        )
    written_out = getattr(value, "toarray", None)
    if written_out is not None:  # a sparse matrix of SciPy
        value = written_out()
    lengths = _lengths(value)
    if lengths:
        raise _ragged(name, "has rows", lengths)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageTypeError(
            "E-DATA-TYPE",
            f"{name} cannot be read as an array of numbers; got {type(value).__name__}: "
            f"{shown(str(error))}.",
        ) from error


def _settled(array: np.ndarray, name: str) -> np.ndarray:
    """In native byte order and a dtype that engines compute in."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "f" and array.dtype.itemsize >= 8 and array.dtype != settings.floatx():
        return _narrower(array, name)
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and settings.floatx() != "float64":
        return _whole_numbers(array, name)
    if "float8" in str(array.dtype):
        return array.astype(settings.floatx())
    return np.asarray(array)  # not a subclass, whose operators may mean something else


def _narrower(array: np.ndarray, name: str) -> np.ndarray:
    """Floats of 64 bits and more in floatx. Raises UsageError where they are too large for it."""
    floatx = settings.floatx()
    if floatx == "bfloat16":
        return np.asarray(engine.numpy(engine.array(array.astype("float32"), floatx)))
    with np.errstate(over="raise", under="ignore"):
        try:
            return array.astype(floatx)
        except FloatingPointError as error:
            finite = np.where(np.isfinite(array), np.abs(array), 0)
            place = np.unravel_index(int(finite.argmax()), array.shape)
            raise UsageError(
                "E-FLOAT-RANGE",
                f"{name} has {array[place]:g} at {_at(place)}, beyond {floatx} "
                f"({np.finfo(floatx).max:.3g}). Scale it, e.g. {name} / {finite.max():.3g}.",
            ) from error


def _whole_numbers(array: np.ndarray, name: str) -> np.ndarray:
    """Whole numbers of 64 bits in 32. Raises UsageError where they do not fit."""
    limits = np.iinfo(np.int32)
    if array.size and (array.max() > limits.max or array.min() < limits.min):
        bad = (array > limits.max) | (array < limits.min)
        place = np.unravel_index(int(bad.argmax()), array.shape)
        raise UsageError(
            "E-INTEGER-RANGE",
            f"{name} has {array[place]} at {_at(place)}, beyond 32 bits ({limits.max}). "
            f'Renumber it, or {name}.astype("float32") if it measures something.',
        )
    return array.astype(np.int32)


def _at(place: Sequence[Any]) -> str:
    """A place in an array: index 3, or [3, 1]."""
    return f"index {int(place[0])}" if len(place) == 1 else str([int(i) for i in place])


# ---------------------------------------------------------------- rows of different lengths


def _lengths(value: Any) -> list[int]:
    """Two different lengths on the first level of nested lists where rows differ; else empty."""
    level = list(value) if isinstance(value, (list, tuple)) else []
    while level:
        lengths = list(dict.fromkeys(map(_length, level)))
        if len(lengths) > 1:
            return lengths[:2]
        if not lengths[0] or not isinstance(level[0][0], (list, tuple, np.ndarray)):
            return []
        level = [inner for row in level for inner in row]
    return []


def _length(row: Any) -> int:
    """Number of entries of a row, 0 for a number."""
    if isinstance(row, np.ndarray):
        return len(row) if row.ndim else 0
    return len(row) if isinstance(row, (list, tuple)) else 0


def _ragged(name: str, what: str, lengths: Sequence[int]) -> UsageError:
    return UsageError(
        "E-RAGGED",
        f"{name} {what} of different lengths ({', '.join(map(str, lengths))}). "
        f"Use pad_sequences({name}).",
    )


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    """An object array of numbers, or of equal rows, as an array of numbers."""
    items = list(array.ravel())
    kinds = {type(item) for item in items}
    if any(issubclass(kind, (str, bytes)) for kind in kinds):
        raise _text(array, name)
    missing = next((i for i, item in enumerate(items) if item is None), None)
    if missing is not None:
        place = np.unravel_index(missing, array.shape)
        raise UsageError(
            "E-OBJECT", f"{name} has None at {_at(place)}. Fill or drop the missing values."
        )
    if kinds and all(issubclass(kind, (list, tuple, np.ndarray)) for kind in kinds):
        lengths = list(dict.fromkeys(map(_length, items)))
        if len(lengths) > 1:
            raise UsageError(
                "E-RAGGED",
                f"{name} is an object array; rows have different lengths "
                f"({', '.join(map(str, lengths[:2]))}). Use pad_sequences({name}).",
            )
        rows = as_array(items, name)
        return rows.reshape(array.shape + rows.shape[1:])
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        first = next(i for i, item in enumerate(items) if not _is_number(item))
        place = np.unravel_index(first, array.shape)
        raise UsageError(
            "E-OBJECT",
            f"{name} has {shown(items[first])} at {_at(place)}, which is no number. Make all of "
            "them numbers, or drop the rows.",
        ) from error


def _is_number(item: Any) -> bool:
    try:
        float(item)
    except (TypeError, ValueError):
        return False
    return True


# ---------------------------------------------------------------- arrays of something else


def _text(array: np.ndarray, name: str) -> UsageError:
    if name.startswith("y"):
        classes = sorted({str(v) for v in array.ravel()})
        named = ", ".join(shown(c) for c in classes[:3]) + (", …" if len(classes) > 3 else "")
        count = f"1 text class: {named}" if len(classes) == 1 else f"{len(classes)} text classes"
        return UsageError(
            "E-TEXT",
            f"{name} holds {count if len(classes) == 1 else f'{count}: {named}'}. Map to "
            f"integers: classes, {name} = np.unique({name}, return_inverse=True).",
        )
    return UsageError(
        "E-TEXT",
        f"{name} is text (dtype {array.dtype}). Encode it first: StringLookup / "
        "TextVectorization, or pd.get_dummies.",
    )


def _complex(array: Any, name: str) -> UsageError:
    return UsageError(
        "E-DTYPE",
        f"{name} is complex ({array.dtype}). Pass the parts as features: "
        f"np.concatenate([{name}.real, {name}.imag], -1).",
    )


def _dates(array: np.ndarray, name: str) -> UsageError:
    return UsageError(
        "E-DTYPE",
        f"{name} holds dates or times ({array.dtype}). Make them numbers, e.g. days: "
        f'({name} - {name}.min()) / np.timedelta64(1, "D").',
    )


def _records(array: np.ndarray, name: str) -> UsageError:
    fields = listed(array.dtype.names or (), 6)
    return UsageError(
        "E-DTYPE",
        f"{name} is a structured array with the fields {fields}. Stack them: "
        f"np.stack([{name}[f] for f in {name}.dtype.names], -1)."
        if fields
        else f"{name} has dtype {array.dtype}, which holds no numbers.",
    )


REFUSED = {
    "U": _text,
    "S": _text,
    "T": _text,
    "c": _complex,
    "M": _dates,
    "m": _dates,
    "V": _records,
}
"""NumPy's letter for a dtype -> the error for arrays of it."""


# ---------------------------------------------------------------- several outputs


def _shape(value: Any) -> tuple:
    """The shape of an array, () for everything else."""
    return tuple(getattr(value, "shape", ()))


def by_name(given: Any, names: Sequence[str], what: str, rows: int) -> list:
    """A list in the order of `names`, from an array, a list or tuple, or a dict.

    An output that a dict leaves out gets None. One output takes a list of samples too, which a
    list of arrays of `rows` samples each is not. Raises UsageError for keys and numbers that do
    not fit.
    """
    if isinstance(given, Mapping):
        extra = [n for n in given if n not in names]
        if extra:
            raise UsageError(
                "E-KEYS",
                f"{what} has the key {shown(extra[0])}, which is no output of the model. "
                f"{suggestion(str(extra[0]), names)}Outputs: {listed(names)}.",
            )
        return [given.get(n) for n in names]
    if given is None:
        return [None] * len(names)
    several = isinstance(given, (list, tuple))
    if len(names) == 1:
        if several and len(given) not in (1, rows) and all(_shape(g)[:1] == (rows,) for g in given):
            raise UsageError(
                "E-OUTPUTS",
                f"model has 1 output ({names[0]}) but {what} is a list of {len(given)} arrays.",
            )
        alone = several and len(given) == 1 and _shape(given[0]) != ()
        return [given[0]] if alone else [given]
    if several and len(given) == len(names):
        return list(given)
    got = f"a list of {len(given)}" if several else "one array"
    first = names[:3]
    more = ", …" if len(names) > 3 else ""
    raise UsageError(
        "E-OUTPUTS",
        f"model has {len(names)} outputs ({', '.join(first)}{more}) but {what} is {got}. "
        f"Pass {what}=[{', '.join(f'{what}_{n}' for n in first)}{more}] or "
        f"{{{', '.join(f'{chr(34)}{n}{chr(34)}: …' for n in first)}{more}}}.",
    )
