"""The command line: `cornu VERB`. Each verb is a function and a row in `VERBS`."""

import argparse
import math
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from typing import Any, NamedTuple, TextIO

import cornu.engine.chain as chain
import cornu.engine.sampling as sampling
from cornu import __version__, engine, modernizing, running, saving, settings
from cornu.errors import UsageError, UsageTypeError
from cornu.saving.files import opened, write_whole
from cornu.saving.reading import as_file_errors
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
            "native sampling": sampling.described(),
            "native chains": chain.described(),
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
    with _notes(sys.stderr):
        model = _loaded(given)
    model.summary()
    return 0


def inspect(given: argparse.Namespace) -> int:
    """Print what a file is and has, without building what it describes."""
    found = saving.facts(given.file, given.backend)
    rows = {
        "file": given.file,
        "format": found.format,
        "written by": found.generation,
        "size": f"{found.size:,} bytes",
        "sha256": found.sha256 or "of a folder there is none",
        "compiled": found.training or "no",
        "layers": f"{len(found.layers)}",
        "weights": f"{_counted(found)}, all read without a fault" if found.weights else "none",
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


def _counted(found: saving.Facts) -> str:
    count = sum(math.prod(shape) for _, shape, _ in found.weights)
    return f"{len(found.weights)} arrays, {count:,} numbers"


def convert(given: argparse.Namespace) -> int:
    """Read what any generation has saved and write it in another format, which OUT's end says."""
    found = saving.facts(given.file, given.backend)
    print(f"read     {found.format}, {found.generation}: {len(found.layers)} layers")
    print(f"weights  {_counted(found) if found.weights else 'none'}")
    print(f"compiled {found.training or 'no'}")
    with _notes(sys.stdout):
        write = _weights_writer if found.has == "weights" else _model_writer
        what = write(given, found)
    size = sum(map(os.path.getsize, _files(given.out)))
    print(f"written  {given.out}: {what}, {size:,} bytes")
    return 0


def _model_writer(given: argparse.Namespace, found: saving.Facts) -> str:
    """Write a model as OUT's end says; returns what that was."""
    out, overwrite = given.out, given.overwrite
    model = _loaded(given)
    if out.endswith(TEXTS) and not out.endswith(".weights.json"):
        text = model.to_json(indent=1) if out.endswith(".json") else model.to_yaml()
        write_whole(out, lambda file: file.write(text.encode()), overwrite)
        return "the architecture, without weights"
    if out.endswith((".weights.h5", ".safetensors")):
        model.save_weights(out, overwrite=overwrite)
        return "the weights alone"
    if out.endswith(FOLDER):
        model.save(out.rstrip("/" + os.sep), overwrite=overwrite, zipped=False)
    else:
        model.save(out, overwrite=overwrite)
    new = " with new weights, for the file has none" if found.has == "architecture" else ""
    return "the whole model" + new + ("" if model.optimizer is None else " and its optimizer")


def _weights_writer(given: argparse.Namespace, found: saving.Facts) -> str:
    """Write weights in another format, where they are by path in both."""
    saving.convert_weights(given.file, given.out, given.overwrite)
    return "the weights alone"


FOLDER = ("/", os.sep)
TEXTS = (".json", ".yaml", ".yml")


def _files(out: str) -> list[str]:
    if not os.path.isdir(out):
        return [out]
    return [os.path.join(place, name) for place, _, names in os.walk(out) for name in names]


def plot(given: argparse.Namespace) -> int:
    """Draw a saved model into a picture (.svg, .png …), a page to zoom (.html), or .dot."""
    with _notes(sys.stderr):
        model = _loaded(given)
    plot_model(
        model,
        given.out,
        show_shapes=True,
        show_layer_names=True,
        expand_nested=given.expand_nested,
        rankdir=given.rankdir,
    )
    print(f"written  {given.out}")
    return 0


def _loaded(given: argparse.Namespace) -> Any:
    """The model in a file, or the one that a text describes, with new weights."""
    said = {"backend": given.backend, "data_format": given.data_format}
    if not given.file.endswith(TEXTS) or given.file.endswith(".weights.json"):
        return saving.load_model(given.file, **said)
    with opened(given.file) as file, as_file_errors(given.file):
        text = file.read().decode("utf-8")
        made = saving.model_from_json if given.file.endswith(".json") else saving.model_from_yaml
        return made(text, **said)


@contextmanager
def _notes(out: TextIO) -> Iterator[None]:
    """Print what is warned of meanwhile as notes, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for text in dict.fromkeys(str(one.message) for one in caught):
                print(f"note     {_one_line(text)}", file=out)


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines())


def _one_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved model of any generation")
    parser.add_argument(
        "--backend",
        choices=("theano", "tensorflow", "cntk"),
        help="which backend wrote a file of Keras 1 or older that does not say it",
    )
    parser.add_argument(
        "--data-format",
        choices=("channels_first", "channels_last"),
        help="order of axes in layers of such a file that do not say theirs",
    )


def _picture(parser: argparse.ArgumentParser) -> None:
    _one_file(parser)
    ends = ".svg, .html (to zoom and search), .png, .pdf, .dot"
    parser.add_argument("out", metavar="OUT", help=f"the file to write: {ends}")
    parser.add_argument("--expand-nested", action="store_true", help="draw models inside too")
    parser.add_argument(
        "--rankdir", choices=("TB", "LR", "BT", "RL"), default="TB", help="where arrows lead"
    )


def _conversion(parser: argparse.ArgumentParser) -> None:
    _one_file(parser)
    ends = ".keras, .h5, .weights.h5, .safetensors, .json, .yaml, or / for a folder"
    parser.add_argument("out", metavar="OUT", help=f"the file to write: {ends}")
    parser.add_argument(
        "--force", "--overwrite", dest="overwrite", action="store_true", help="replace OUT"
    )


VERBS = (
    Verb("run", "an old script, with Cornu as its Keras", running.run, running.add_arguments),
    Verb(
        "modernize",
        "an old script with today's spellings, and why each",
        modernizing.modernize,
        modernizing.add_arguments,
    ),
    Verb("info", "versions, engine, devices, cache and settings in force", info),
    Verb("summary", "the layers of a saved model", summary, _one_file),
    Verb("inspect", "what a file is and has, without building it", inspect, _one_file),
    Verb("convert", "a saved model in another format", convert, _conversion),
    Verb("plot", "a saved model as a picture", plot, _picture),
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
        print(f"cornu {given.verb}: {_one_line(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone; nothing is wrong
        return 0
    except OSError as error:
        print(f"cornu {given.verb}: {error}", file=sys.stderr)
        return 1
