"""Checks every item of the tutorials in this process, and prints what came out as JSON.

`python -m seeds.run` from the folder of the tests; `--full` gives the first program of tutorial 001
a data set of full size. What is printed is {item: null or what went wrong}.
"""

import contextlib
import importlib
import io
import json
import sys
import warnings
from itertools import groupby
from pathlib import Path

import cornu.as_keras
from cornu.state import set_random_seed

HERE = Path(__file__).parent
ITEMS = json.loads((HERE / "items.json").read_text(encoding="utf-8"))
KINDS = {
    "activation": "activations",
    "init": "initializers",
    "loss": "losses",
    "metric": "metrics",
    "optimizer": "optimizers",
}
"""Kind of a name that stands in a string -> the module whose `get` knows it."""

assert cornu.dialects.generations.current() == cornu.as_keras.GENERATION


def resolve(name: str) -> object:
    """What a name stands for: "keras.layers.Dense", or "loss:mse" for one in a string."""
    kind, _, word = name.partition(":")
    if word:
        return importlib.import_module(f"keras.{KINDS[kind]}").get(word)
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    parent, _, last = name.rpartition(".")
    found = getattr(resolve(parent), last)
    if not callable(found):
        raise TypeError(f"{name} is {found!r}")
    return found


def run_program(block: str, items: list[dict], numbers: dict[str, str]) -> dict[str, str | None]:
    """The statements of one program in order; numbers of rows are replaced as `numbers` says."""
    programs = importlib.import_module("seeds.programs")
    space: dict = {"__name__": f"seeds.{block}"}
    exec("import keras\nimport numpy as np\n" + programs.BEFORE[block], space)
    found = {}
    for item in items:
        code = item["code"]
        for full, small in numbers.items():
            code = code.replace(full, small)
        space["statement"] = code
        found[item["id"]] = said = _error(_statement, code, space, programs.AFTER.get(item["id"]))
        if said is not None and item["id"] in programs.INSTEAD:
            _error(exec, programs.INSTEAD[item["id"]], space)
    return found


def _statement(code: str, space: dict, after) -> None:
    exec(compile(code, "<tutorial>", "exec"), space)
    if after is not None:
        after(space)


def _error(function, *args) -> str | None:
    set_random_seed(7)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            function(*args)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:600]
    return None


def everything(full: bool) -> dict[str, str | None]:
    """Item -> None, or what went wrong."""
    programs = importlib.import_module("seeds.programs")
    checks = importlib.import_module("seeds.checks")
    for part in ("calls", "claims", "networks", "refusals", "parts", "surroundings"):
        importlib.import_module(f"seeds.check_{part}")
    numbers = {} if full else programs.SMALLER
    programs.Pictures.rows = tuple(int(numbers.get(n, n)) for n in ("50000", "10000"))
    found: dict[str, str | None] = {}
    runs = [item for item in ITEMS if item["kind"] == "run"]
    for block, items in groupby(sorted(runs, key=lambda i: i["block"]), lambda i: i["block"]):
        if not full or block == "001a":
            with checks.folder():
                found |= run_program(block, list(items), numbers)
    if full:
        return found
    for item in ITEMS:
        for name in item.get("names", ()):
            found[item["id"]] = found.get(item["id"]) or _error(resolve, name)
    done: dict = {}
    for id_, check in checks.CHECKS.items():
        if check not in done:
            done[check] = _error(check)
        found[id_] = done[check]
    return found


def main() -> None:
    """Check, and print."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module="seeds|__main__")
    found = everything("--full" in sys.argv)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
