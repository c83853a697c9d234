"""Files that layers keep beside their weights, such as vocabularies, as a mapping path -> content.

A layer writes and reads them in a folder (`save_assets`, `load_assets`, as in Keras 3). The folder
is a temporary one of its own, so a layer never sees a path that a file has chosen.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cornu.errors import UsageError
from cornu.layers import Layer
from cornu.saving.weights import parts, paths_in_file


def layers_with_assets(model: Any) -> list[Layer]:
    """The layers that keep files, without those inside of them."""
    found = [(path, layer) for path, layer in parts(model) if hasattr(layer, "save_assets")]
    paths = {path for path, _ in found}
    return [layer for path, layer in found if path.rpartition("/")[0] not in paths]


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
    if not assets:
        return
    left = {tuple(path.split("/")): content for path, content in assets.items()}
    if any(part in ("", ".", "..") for path in left for part in path):
        raise UsageError("E-WEIGHTS-FILE", "an asset has a name that is no plain path.")
    found = [(tuple(path.split("/")) if path else (), x) for path, x in paths_in_file(model, names)]
    for path, layer in sorted(found, key=lambda pair: -len(pair[0])):  # the innermost first
        load = getattr(layer, "load_assets", None)  # an optional method of layers
        own = [asset for asset in left if load is not None and _is_below(asset, path)]
        if load is None or not own:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for asset in own:
                place = Path(folder, *asset[len(path) :])
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(left.pop(asset))
            load(folder)
    if left:
        few = ", ".join("/".join(path) for path in list(left)[:4])
        raise UsageError("E-WEIGHTS-FILE", f"it has assets that are no layer's: {few}.")


def _is_below(asset: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether an asset lies in a layer's folder, whose parts may begin with underscores."""
    return len(asset) > len(path) and tuple(p.lstrip("_") for p in asset[: len(path)]) == path
