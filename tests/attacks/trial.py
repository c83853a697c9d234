"""One try: something is loaded under watch, and what came of it is judged."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attacks.watch import Watch
from cornu import saving
from cornu.errors import UsageError, UsageTypeError

NEVER = (MemoryError, RecursionError)
"""Errors that tell of a cost which was not bounded, even as the cause of another."""


def tried(
    load: Callable[[], Any],
    watch: Watch,
    seconds: float,
    megabytes: float,
    files: Iterable[Path] = (),
    errors: tuple[type[Exception], ...] = (saving.ModelFileError,),
) -> tuple[list[str], Any]:
    """Complaints about a load, and what it gave: a result or an error."""
    watch.begin(files)
    try:
        result = load()
    except Exception as error:
        result = error
    complaints = watch.end()
    if isinstance(result, Exception):
        complaints += _about_error(result, errors)
    if watch.cpu > seconds:
        complaints.append(f"took {watch.cpu:.1f} s of the processor")
    if watch.megabytes > megabytes:
        complaints.append(f"took {watch.megabytes:.0f} MB")
    return complaints, result


def _about_error(error: Exception, errors: tuple[type[Exception], ...]) -> list[str]:
    complaints = []
    text = str(error)
    if not isinstance(error, errors):
        complaints.append(f"raised {type(error).__name__}: {text[:300]!a}")
    if not text.replace("\n", "").isprintable():
        complaints.append(f"says what no terminal should be told: {text[:300]!a}")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NEVER):
            complaints.append(f"ran into {type(cause).__name__}")
        cause = cause.__cause__ or cause.__context__
    return complaints


def tried_text(text: str, watch: Watch, seconds: float, megabytes: float) -> tuple[list[str], str]:
    """Complaints about a model's JSON, and "loads" or the code of the error."""
    errors = (UsageError, UsageTypeError)

    def once() -> tuple[list[str], Any]:
        return tried(lambda: saving.model_from_json(text), watch, seconds, megabytes, errors=errors)

    complaints, result = once()
    if len(complaints) == 1 and watch.cpu > seconds:  # what is traced for the first time is slow
        complaints, result = once()
    return complaints, word(result)


def word(result: Any) -> str:
    """ "loads", or the code of the error."""
    return getattr(result, "code", type(result).__name__) if is_error(result) else "loads"


def is_error(result: Any) -> bool:
    """Whether a load was refused."""
    return isinstance(result, Exception)
