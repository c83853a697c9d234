"""How Cornu says what went wrong: short descriptions of values, nearest names, stable codes.

Every message names the argument or layer, shows what was received and the call that would work.
The codes are listed in `docs/errors.md`. Nothing here knows a framework.
"""

import difflib
import sys
import warnings
from collections.abc import Iterable
from typing import Any

SHOWN_LENGTH, MESSAGE_LENGTH = 60, 600


class _Brief(Exception):
    """Leaves out notes in which an engine speaks of its own frames, set off by a line."""

    def add_note(self, note: str) -> None:
        if not note.startswith("-----"):
            super().add_note(printable(note))


class UsageError(_Brief, ValueError):
    """A call that cannot work as written. `code` is stable and listed in `docs/errors.md`."""

    def __init__(self, code: str, message: str):
        super().__init__(_said(message, code))
        self.code = code


class UsageTypeError(_Brief, TypeError):
    """A value of a type that an argument cannot take. `code` as in `UsageError`."""

    def __init__(self, code: str, message: str):
        super().__init__(_said(message, code))
        self.code = code


def _said(message: str, code: str) -> str:
    return f"{_cut(printable(message), MESSAGE_LENGTH - len(code) - 3)} [{code}]"


def printable(text: str) -> str:
    """The text with escapes for what would move a terminal's cursor or change its colours.

    Messages quote names from files, and a file may hold any.
    """
    if text.replace("\n", "").isprintable():
        return text
    return "".join(x if x.isprintable() or x == "\n" else ascii(x)[1:-1] for x in text)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, showing the line of the user's code that led here."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(printable(message), category, stacklevel=depth + 1)


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "cornu"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is near.

    A name that starts with what was typed ("glorot" for "glorot_uniform") counts as near.
    """
    names = [k for k in known if isinstance(k, str)]
    lowered = {k.lower(): k for k in reversed(names)}
    found = difflib.get_close_matches(str(name).lower(), lowered, n=1, cutoff=0.6)
    if found:
        return lowered[found[0]]
    begun = [k for k in names if len(name) > 2 and k.lower().startswith(name.lower())]
    return min(begun, key=len) if begun else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`Did you mean "relu"? ` where a near name exists, else an empty string.

    Several names that begin with what was typed are all offered, up to 4.
    """
    known = [k for k in known if isinstance(k, str)]
    typed = str(name).lower()
    begun = [k for k in known if len(typed) > 2 and k.lower().startswith(f"{typed}_")]
    if 1 < len(begun) <= 4:
        return "Did you mean " + " or ".join(f'"{k}"' for k in sorted(begun)) + "? "
    near = nearest(name, known)
    return f'Did you mean "{near}"? ' if near else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """The names in order, cut after `most` of them."""
    ordered = sorted(names)
    more = f", … ({len(ordered)} in all)" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def unknown(kind: str, name: Any, known: Iterable[str]) -> UsageError:
    """The error for an unknown name of a `kind` ("loss", "optimizer"), with the nearest one."""
    known = list(known)
    if not isinstance(name, str):
        return UsageError(
            f"E-UNKNOWN-{kind.upper()}",
            f"{kind} must be a name, an object or a function; got {shown(name)}. "
            f"Known names: {listed(known)}.",
        )
    return UsageError(
        f"E-UNKNOWN-{kind.upper()}",
        f'Unknown {kind} "{name}". {suggestion(name, known)}Known: {listed(known)}.',
    )


def shown(value: Any) -> str:
    """A short description of any value: an array by shape and dtype, never by its numbers."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        ours = type(value).__module__.split(".")[0] in ("numpy", "cornu")
        if tuple(shape) == () and ours and hasattr(value, "item"):
            return f"{_cut(str(value), SHOWN_LENGTH)} ({dtype})"
        return f"{type(value).__name__ if ours else 'array'} of shape {tuple(shape)}, {dtype}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if callable(value) and getattr(value, "__name__", ""):
        return f"the function {value.__name__}"
    if type(value).__repr__ is object.__repr__:
        return f"an object of class {type(value).__name__}"
    text = _cut(repr(value), SHOWN_LENGTH)
    return text if isinstance(value, (str, type(None))) else f"{text} ({type(value).__name__})"
