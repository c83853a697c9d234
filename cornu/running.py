"""`cornu run script.py`: an old script as it is, with Cornu where it imports Keras.

A process that the script starts anew, as `multiprocessing` does by "spawn", finds Keras by itself:
such a script says `import cornu.as_keras` first.
"""

import argparse
import inspect
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from cornu.dialects import generations
from cornu.dialects.modules import load
from cornu.errors import UsageError, UsageTypeError, suggestion

__all__ = ["add_arguments", "run"]

HERE = str(Path(__file__).parent) + os.sep
SHOWN = 4
"""How many arguments of a method are shown where its name was misspelt."""

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what `cornu run` takes: its own options, a script, and all that is the script's."""
    parser.add_argument(
        "--generation",
        metavar="G",
        help=f"what calls mean that have changed: one of {', '.join(generations.GENERATIONS)}; "
        "2.3 unless said here or by CORNU_GENERATION",
    )
    parser.add_argument("script", metavar="SCRIPT", help="a Python file")
    parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="for the script")


def run(given: argparse.Namespace) -> int:
    """Run a script as `python` would, with Cornu as Keras; returns the exit status.

    Raises UsageError for an unknown generation, OSError where the script cannot be read, and what
    the script raises to end itself (SystemExit).
    """
    source = Path(given.script).read_bytes()
    if given.generation is not None:
        os.environ["CORNU_GENERATION"] = given.generation
    load("cornu.as_keras")  # only now: other verbs leave `import keras` alone
    sys.argv = [given.script, *given.arguments]
    if not sys.flags.safe_path:
        sys.path[0] = str(Path(given.script).resolve().parent)
    try:
        code = compile(source, given.script, "exec", dont_inherit=True)
        exec(code, _main(given.script).__dict__)
    except Exception as error:
        _tell(error)
        return 1
    except KeyboardInterrupt as error:
        _tell(error)
        return INTERRUPTED
    return 0


def _main(path: str) -> ModuleType:
    """An empty `__main__` for a script, in place of ours."""
    module: Any = ModuleType("__main__")
    module.__file__ = path
    module.__builtins__ = __builtins__
    module.__cached__ = None
    module.__loader__ = SourceFileLoader("__main__", path)
    sys.modules["__main__"] = module
    return module


def _tell(error: BaseException) -> None:
    """Print what went wrong, from the script's first line on, or leave it to the script's hook."""
    found = error.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename == __file__:
        found = found.tb_next
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error.with_traceback(found), found)
        return
    _report(error, found).print()


def _report(error: BaseException, found: TracebackType | None) -> traceback.TracebackException:
    """The traceback as text; of a wrong call, the lines of the script alone."""
    _advise(error)
    report = traceback.TracebackException(type(error), error, found, compact=True)
    theirs = [line for line in report.stack if not line.filename.startswith(HERE)]
    if isinstance(error, (UsageError, UsageTypeError, ImportError)) and theirs:
        report.stack = traceback.StackSummary.from_list(theirs)
    return report


def _advise(error: BaseException) -> None:
    """Note the nearest name to an attribute of ours that is not there, and how it is called."""
    owner: Any = getattr(error, "obj", None)
    name = getattr(error, "name", None)
    if not isinstance(error, AttributeError) or not name or not _is_ours(owner):
        return
    said = suggestion(name, [n for n in dir(owner) if not n.startswith("_")])
    if not said or "Did you mean" in str(error):
        return
    nearest = said.split('"')[1]
    error.add_note(f"{said.strip()} {_called(owner, nearest)}".rstrip())


def _is_ours(owner: Any) -> bool:
    """Whether this is an object or a class of the library, or of a class made from one."""
    cls = owner if isinstance(owner, type) else type(owner)
    return any(base.__module__.split(".")[0] == "cornu" for base in cls.__mro__)


def _called(owner: Any, name: str) -> str:
    """How a method is called today; "" for what is none."""
    method = getattr(owner if isinstance(owner, type) else type(owner), name, None)
    if not inspect.isfunction(method):
        return ""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters[:SHOWN]]
    more = ", …" if len(parameters) > SHOWN else ""
    return f"Call it as .{name}({', '.join(map(str, plain))}{more})."
