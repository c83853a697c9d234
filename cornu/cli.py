"""The command line: `cornu VERB`. Each verb is a function and a row in `VERBS`."""

import argparse
import math
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, NamedTuple

from cornu import __version__, engine, saving, settings
from cornu.errors import UsageError, UsageTypeError
from cornu.saving.files import write_whole
from cornu.utils import plot_model


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


# ---------------------------------------------------------------- files of models


def summary(given: argparse.Namespace) -> int:
    """Print the table of a saved model's layers."""
    _loaded(given.file).summary()
    return 0


def inspect(given: argparse.Namespace) -> int:
    """Print what a file is and has, without building what it describes."""
    found = saving.facts(given.file)
    count = sum(math.prod(shape) for _, shape, _ in found.weights)
    rows = {
        "file": given.file,
        "format": found.format,
        "written by": found.generation,
        "size": f"{found.size:,} bytes",
        "sha256": found.sha256,
        "compiled": found.training or "no",
        "layers": f"{len(found.layers)}",
        "weights": f"{len(found.weights)} arrays, {count:,} numbers, all read without a fault",
    }
    for name, value in rows.items():
        print(f"{name:<10}  {value}")
    for title, lines in (
        ("Layers", [f"{name}  {kind}".rstrip() for name, kind in found.layers]),
        ("Weights", [f"{name}  {shape}  {dtype}" for name, shape, dtype in found.weights]),
        ("Assets", [f"{name}  {size:,} bytes" for name, size in found.assets]),
    ):
        if lines:
            print("\n".join([title, *(f"  {line}" for line in lines)]))
    return 0


def convert(given: argparse.Namespace) -> int:
    """Read a saved model and write it in another format, which the name's end says."""
    found = saving.facts(given.file)
    print(f"read     {found.format}, {found.generation}: {len(found.layers)} layers")
    model = _loaded(given.file)
    if given.out.endswith((".json", ".yaml", ".yml")) and not given.out.endswith(".weights.json"):
        text = model.to_json(indent=1) if given.out.endswith(".json") else model.to_yaml()
        write_whole(given.out, lambda file: file.write(text.encode()), given.overwrite)
        what = "the architecture, without weights"
    elif given.out.endswith((".weights.h5", ".safetensors")):
        model.save_weights(given.out, overwrite=given.overwrite)
        what = "the weights alone"
    else:
        model.save(given.out, overwrite=given.overwrite)
        what = "the whole model" + ("" if model.optimizer is None else " and its optimizer")
    print(f"written  {given.out}: {what}, {os.path.getsize(given.out):,} bytes")
    return 0


def plot(given: argparse.Namespace) -> int:
    """Draw a saved model into a picture, or into a .dot file, which needs no Graphviz."""
    plot_model(_loaded(given.file), given.out, show_shapes=True, show_layer_names=True)
    print(f"written  {given.out}")
    return 0


def _loaded(path: str) -> Any:
    return saving.load_model(path)


def _one_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .keras or .h5 file")


def _two_files(parser: argparse.ArgumentParser) -> None:
    _one_file(parser)
    parser.add_argument("out", metavar="OUT", help="the file to write")


def _conversion(parser: argparse.ArgumentParser) -> None:
    _two_files(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")


VERBS = (
    Verb("info", "versions, engine, devices, cache and settings in force", info),
    Verb("summary", "the layers of a saved model", summary, _one_file),
    Verb("inspect", "what a file is and has, without building it", inspect, _one_file),
    Verb("convert", "a saved model in another format", convert, _conversion),
    Verb("plot", "a saved model as a picture", plot, _two_files),
)


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
    except (UsageError, UsageTypeError, ImportError) as error:
        print(f"cornu {given.verb}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone; nothing is wrong
        return 0
    except OSError as error:
        print(f"cornu {given.verb}: {error}", file=sys.stderr)
        return 1
