"""`cornu modernize script.py`: an old script with today's spellings, and what changed and why."""

import argparse
import ast
import difflib
import sys
from pathlib import Path
from typing import Any

from cornu.dialects import generations
from cornu.dialects.modules import load
from cornu.errors import UsageError
from cornu.saving.files import write_whole

__all__ = ["add_arguments", "modernize"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what `cornu modernize` takes."""
    parser.add_argument(
        "--generation",
        metavar="G",
        default="2.3",
        help=f"the one that the script was written for, one of "
        f"{', '.join(generations.GENERATIONS)}: it decides what calls meant that have changed, and "
        "which defaults; 2.3 unless said",
    )
    out = parser.add_mutually_exclusive_group()
    out.add_argument("--write", action="store_true", help="replace the script")
    out.add_argument("--diff", action="store_true", help="print what changes, line by line")
    parser.add_argument("script", metavar="SCRIPT", help="a Python file")


def modernize(given: argparse.Namespace) -> int:
    """Print a script with today's spellings, and on stderr what changed and why.

    Raises UsageError for an unknown generation and for a file that is no Python 3, ImportError
    without the package libcst, OSError where the script cannot be read or written.
    """
    path = Path(given.script)
    old = _text(path)
    new, remarks = _rewriting().rewritten(old, given.generation)
    if given.write:
        if new != old:
            write_whole(path, lambda file: file.write(new.encode()))
    elif given.diff:
        sys.stdout.writelines(_diff(old, new, given.script))
    else:
        sys.stdout.write(new)
    for remark in remarks:
        note = "" if remark.changed else "note: "
        print(f"{given.script}:{remark.line}: {note}{remark.text}", file=sys.stderr)
    return 0


def _text(path: Path) -> str:
    """The script, if it is Python."""
    data = path.read_bytes()
    try:
        ast.parse(data, str(path))
        return data.decode("utf-8-sig")
    except SyntaxError as error:
        where = f"{path}, line {error.lineno}" if error.lineno else str(path)
        raise UsageError(
            "E-SCRIPT",
            f"{where}: {error.msg}. Only Python 3 can be read: let 2to3 or futurize rewrite a "
            "script of Python 2 first.",
        ) from None
    except ValueError as error:
        raise UsageError("E-SCRIPT", f"{path} is no text in UTF-8: {error}.") from None


def _rewriting() -> Any:
    try:
        return load("cornu.dialects.modernize.rewriting")
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        raise ImportError(
            "Rewriting scripts needs the package libcst: pip install 'cornu[modernize]'."
        ) from None


def _diff(old: str, new: str, name: str) -> list[str]:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"{name} (old)", name
    )
    return [
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    ]
