"""The command line: `cornu VERB`. Each verb is a function and a row in `VERBS`."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import NamedTuple

from cornu import __version__, engine, settings


class Verb(NamedTuple):
    """A word of the command line."""

    name: str
    about: str
    run: Callable[[argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None


def info(_: argparse.Namespace) -> int:
    """Print versions, engine, devices, cache and the settings in force."""
    for title, rows in _facts().items():
        print(title)
        width = max(len(name) for name in rows)
        for name, value in rows.items():
            print(f"  {name:<{width}}  {value}")
    return 0


def _facts() -> dict[str, dict[str, str]]:
    now = settings.current()
    versions = {
        "cornu": __version__,
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        **{name: _version(name) for name in ("numpy", "h5py")},
        **engine.versions(),
    }
    devices = engine.devices()
    return {
        "Versions": versions,
        "Engine": {
            "engine": engine.name,
            "devices": ", ".join(devices),
            "cores": str(os.cpu_count()),
            "native kernels": engine.native_kernels(),
            "compiled programs": _cache(),
        },
        "Settings": {
            "floatx": now.floatx,
            "epsilon": f"{now.epsilon:g}",
            "image_data_format": now.image_data_format,
            "backend": now.backend,
            "read from": ", ".join(_found_files()) or "no file (defaults and environment)",
        },
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cache() -> str:
    folder = engine.cache_folder()
    if folder is None:
        return "not kept on disk"
    files = [f for f in os.scandir(folder) if f.is_file()] if os.path.isdir(folder) else []
    size = sum(f.stat().st_size for f in files) / 1e6
    return f"{folder} ({len(files)} files, {size:.1f} MB)"


def _found_files() -> list[str]:
    return [str(path) for path in settings.files() if path.exists()]


VERBS = (Verb("info", "versions, engine, devices, cache and settings in force", info),)


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    top = argparse.ArgumentParser(prog="cornu", description="Deep learning for people.")
    top.add_argument("--version", action="version", version=f"cornu {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb in VERBS:
        one = verbs.add_parser(verb.name, help=verb.about, description=verb.about)
        verb.arguments(one)
        one.set_defaults(run=verb.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    top = parser()
    given = top.parse_args(arguments)
    if given.verb is None:
        top.print_help()
        return 2
    try:
        return given.run(given)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone; nothing is wrong
        return 0
