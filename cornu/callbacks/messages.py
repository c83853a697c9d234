"""What callbacks say while a model trains, and how they check what they are given."""

from typing import Any

from cornu.errors import UsageError, UsageTypeError, shown


def say(text: str) -> None:
    """Print a line. Training goes on where nobody reads, or where there is no stream at all."""
    try:
        print(text, flush=True)
    except (OSError, ValueError, AttributeError, UnicodeEncodeError):
        return


def number(who: str, name: str, value: Any, least: float | None = None, whole: bool = False) -> Any:
    """`value`, if it is one number of at least `least`. Raises UsageError, UsageTypeError."""
    kind = "a whole number" if whole else "a number"
    wanted = kind if least is None else f"{kind} >= {least:g}"
    plain = isinstance(value, (int, float)) or (hasattr(value, "dtype") and value.shape == ())
    if isinstance(value, bool) or not plain or (whole and value != int(value)):
        raise UsageTypeError("E-TYPE", f"{who}: {name} must be {wanted}; got {shown(value)}.")
    if least is not None and not value >= least:
        raise UsageError("E-RANGE", f"{who}: {name} must be {wanted}; got {shown(value)}.")
    return value
