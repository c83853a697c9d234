"""`tf.app.flags` and `tf.app.run`: options of a script on the command line."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from cornu.errors import suggestion

__all__ = ["FLAGS", "Flags", "names", "run"]


class Flags:
    """Options by name; the command line is read when the first one is asked for."""

    def __init__(self) -> None:
        self.__dict__["_parser"] = argparse.ArgumentParser(allow_abbrev=False)
        self.__dict__["_values"] = None
        self.__dict__["_defined"] = set()

    def __call__(self, argv: list[str] | None = None) -> list[str]:
        """Read a command line; returns what of it is no option."""
        line = list(sys.argv if argv is None else argv)
        found, rest = self.__dict__["_parser"].parse_known_args(line[1:])
        self.__dict__["_values"] = {**(self.__dict__["_values"] or {}), **vars(found)}
        return [*line[:1], *rest]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        values: Any = self.__dict__["_values"]
        if values is None or name not in values:
            self()
            values = self.__dict__["_values"]
        if name not in values:
            raise AttributeError(f"no flag '{name}'. {suggestion(name, values)}".rstrip())
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__["_values"] is None:
            self()
        values: Any = self.__dict__["_values"]
        values[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__["_defined"]


FLAGS = Flags()


def _truth(text: str) -> bool:
    if text.lower() in ("true", "t", "yes", "1"):
        return True
    if text.lower() in ("false", "f", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"true or false; got {text}")


def _definer(kind: Callable[[str], Any]) -> Callable[..., None]:
    def define(flag_name: str, default_value: Any, docstring: str = "", **options: Any) -> None:
        parser = FLAGS.__dict__["_parser"]
        FLAGS.__dict__["_defined"].add(flag_name)
        FLAGS.__dict__["_values"] = None
        more: dict[str, Any] = {"nargs": "?", "const": True} if kind is _truth else {}
        parser.add_argument(
            f"--{flag_name}", type=kind, default=default_value, help=docstring, **more
        )
        if kind is _truth:
            parser.add_argument(f"--no{flag_name}", dest=flag_name, action="store_false")

    return define


def _enum(
    flag_name: str, default_value: Any, enum_values: list[str], docstring: str = "", **options: Any
) -> None:
    """An option that is one of several words."""

    def one(text: str) -> str:
        if text not in enum_values:
            raise argparse.ArgumentTypeError(f"one of {', '.join(enum_values)}; got {text}")
        return text

    _definer(one)(flag_name, default_value, docstring)


def run(main: Callable | None = None, argv: list[str] | None = None) -> None:
    """Read the command line, call `main(what is no option)`, and end the process."""
    rest = FLAGS(argv)
    called: Any = main or sys.modules["__main__"].main  # pyright: ignore
    sys.exit(called(rest))


def names() -> dict[str, Any]:
    """What `tf.flags` has."""
    kinds = {"string": str, "integer": int, "float": float, "bool": _truth, "boolean": _truth}
    return {
        "FLAGS": FLAGS,
        **{f"DEFINE_{name}": _definer(kind) for name, kind in kinds.items()},
        "DEFINE_enum": _enum,
        "DEFINE_list": _definer(lambda text: text.split(",")),
    }
