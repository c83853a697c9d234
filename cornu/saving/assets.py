"""Files that layers keep beside their weights, such as vocabularies, as a mapping path -> content.

A layer writes and reads them in a folder (`save_assets`, `load_assets`, as in Keras 3). The folder
is a temporary one of its own, so a layer never sees a path that a file has chosen.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cornu.errors import UsageError
from cornu.layers import Layer
from cornu.saving.weights import paths_in_file, parts

MOST_BYTES = 2**30


def assets_of(model: Any) -> dict[str, bytes]:
    """All files of a model's layers. Raises UsageError for what is no plain file."""
    found: dict[str, bytes] = {}
    for path, layer in parts(model):
        save = getattr(layer, "save_assets", None)  # an optional method of layers
        if save is not None:
            with tempfile.TemporaryDirectory() as folder:
                save(folder)
                for name, content in _files(Path(folder), layer):
                    found[f"{path}/{name}" if path else name] = content
    return found


def _files(folder: Path, layer: Layer) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_dir() and not file.is_symlink():
            continue
        if file.is_symlink() or not file.is_file() or not all(map(_plain, name)):
            raise UsageError(
                "E-SAVE",
                f'"{layer.name}".save_assets made {ascii(name)}, which cannot be saved: plain '
                "files, with names of letters, digits, '_', '-' and '.'.",
            )
        yield name, file.read_bytes()


def _plain(letter: str) -> bool:
    return letter.isascii() and (letter.isalnum() or letter in "_.-/")


def place_assets(
    model: Any, assets: Mapping[str, bytes], names: Mapping[str, str] | None = None
) -> None:
    """Give a new model's layers their files. Raises UsageError for a file that is no layer's."""
    left = {_plain_folder(path): content for path, content in assets.items()}
    for path, layer in paths_in_file(model, names or {}) if left else ():
        above = f"{path}/" if path else ""
        load = getattr(layer, "load_assets", None)  # an optional method of layers
        own = [name for name in left if _folder(name) == path]
        if load is None or not own:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name in own:
                Path(folder, name.removeprefix(above)).write_bytes(left.pop(name))
            load(folder)
    if left:
        raise UsageError(
            "E-WEIGHTS-FILE", f"it has assets that are no layer's: {', '.join(list(left)[:4])}."
        )


def _folder(path: str) -> str:
    return os.path.dirname(path)


def _plain_folder(path: str) -> str:
    """A path with its folders named as `paths_in_file` names them."""
    return "/".join([*(part.lstrip("_") for part in path.split("/")[:-1]), path.split("/")[-1]])
