"""What callbacks say while a model trains, and how they check what they are given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cornu.errors import UsageError, UsageTypeError, shown, suggestion, warn

ON_SAVE_ERROR = ("raise", "warn")
"""What a callback does where the disk says no: end training, or say so and go on."""


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


def checked_policy(who: str, value: Any) -> str:
    """`value`, if it is one of `ON_SAVE_ERROR`. Raises UsageError."""
    if value not in ON_SAVE_ERROR:
        near = suggestion(str(value), ON_SAVE_ERROR)
        raise UsageError(
            "E-CHOICE",
            f'{who}: on_save_error must be "raise" or "warn"; got {shown(value)}. {near}'.rstrip(),
        )
    return value


class Writes:
    """What callbacks that write files have in common.

    Attributes:
        on_save_error: what is done where the disk says no; see `ON_SAVE_ERROR`.
    """

    on_save_error = "raise"
    _failing = False

    @contextmanager
    def writing(self, what: str = "it is tried again") -> Iterator[None]:
        """Around what writes: an OSError is raised, or told of once until it has gone well again.

        Args:
            what: what becomes of it, for the warning.
        """
        try:
            yield
        except OSError as error:
            if self.on_save_error == "raise":
                raise
            if not self._failing:
                self._failing = True
                who = type(self).__name__
                warn(f"{who} could not write: {error}. Training goes on, and {what}.")
        else:
            self._failing = False
