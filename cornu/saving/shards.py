"""Weights in several files: `….weights.json` says which of the `.weights.h5` beside it has what.

The layout is that of Keras 3. A file is named by its last part alone and lies in the same folder.
"""

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cornu.errors import UsageError, shown
from cornu.saving.files import ModelFileError, opened, sha256_of, write_together
from cornu.saving.hdf5 import stored_weights
from cornu.saving.hdf5_writing import write_hdf5
from cornu.saving.text import parse
from cornu.saving.weights import Stored

NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]*\.weights\.h5")
MOST_SHARDS, MOST_INDEX = 10_000, 2**26


def write_shards(
    weights: Mapping[str, Any],
    names: Mapping[str, str],
    path: str,
    most: float,
    overwrite: bool = True,
) -> None:
    """Write weights into files of at most `most` GiB, then the index, at `path`.

    All are on the disk before one gets its name, and the index has their checksums: should the
    machine stop just then, old and new are not taken for one. Raises as `files.write_whole`.
    """
    if not isinstance(most, int | float) or most <= 0:
        raise UsageError("E-SHARD-SIZE", f"max_shard_size is in GiB, as in 2.0; got {shown(most)}.")
    target = Path(path)
    base = target.name.removesuffix(".weights.json")
    groups = _groups(weights, most * 2**30)
    files = [target.with_name(f"{base}_{i:05}.weights.h5") for i in range(len(groups))]
    if not NAME.fullmatch(files[0].name):
        raise UsageError("E-FILE-NAME", f"{base!r} has letters that names of shards cannot have.")
    index: dict[str, list[str]] = {}
    digests: dict[str, str] = {}

    def shard(out: BinaryIO, name: str, group: Mapping[str, Any]) -> None:
        layers = {path.rpartition("/")[0].removesuffix("vars").removesuffix("/") for path in group}
        write_hdf5(group, {p: n for p, n in names.items() if p in layers}, out)
        out.seek(0)
        digests[name] = sha256_of(out)
        for layer in sorted(layers):
            index.setdefault(f"/{layer}/vars" if layer else "/vars", []).append(name)

    def whole(out: BinaryIO) -> None:
        said = {
            "metadata": {"total_size": sum(np.asarray(v).nbytes for v in weights.values())},
            "weight_map": index,
            "cornu": {"sha256": digests, "layers": dict(names)},
        }
        out.write(json.dumps(said, indent=4).encode())

    pairs = zip(files, groups, strict=True)
    shards = [(file, partial(shard, name=file.name, group=group)) for file, group in pairs]
    write_together([*shards, (target, whole)], overwrite)


def _groups(weights: Mapping[str, Any], most: float) -> list[dict[str, Any]]:
    """Weights in the order they have, as many together as fit; a large one is alone."""
    groups: list[dict[str, Any]] = [{}]
    size = 0
    for path, value in weights.items():
        count = np.asarray(value).nbytes
        if size + count > most and groups[-1]:
            groups.append({})
            size = 0
        groups[-1][path] = value
        size += count
    return groups


@contextlib.contextmanager
def read_shards(file: BinaryIO, path: str) -> Iterator[tuple[dict[str, Stored], dict[str, str]]]:
    """Arrays by path and names of layers by path, from an open index and the files beside it."""
    index = _index(file, path)
    weights: dict[str, Stored] = {}
    names: dict[str, str] = {}
    own = _object(index, "cornu")
    digests = _object(own, "sha256")
    with contextlib.ExitStack() as stack:
        for name in _files(index, path):
            place = os.path.join(os.path.dirname(path), name)
            if os.path.islink(place):
                raise ModelFileError(place, None, "is a link. Weights lie in files of their own.")
            shard = stack.enter_context(opened(place))
            if digests and sha256_of(shard) != digests.get(name):
                reason = f"is not the file that {path} was saved with. Restore all from one copy."
                raise ModelFileError(place, None, reason, "E-FILE-DAMAGED")
            found, known = stack.enter_context(stored_weights(shard, place))
            twice = next((one for one in found if one in weights), None)
            if twice is not None:
                raise ModelFileError(place, twice, "is in two of the files.", "E-FILE-HDF5")
            weights |= found
            names |= known
        listed = _object(own, "layers")
        names |= {key: value for key, value in listed.items() if isinstance(value, str)}
        yield weights, names


def _object(above: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = above.get(key)
    return found if isinstance(found, dict) else {}


def _index(file: BinaryIO, path: str) -> dict[str, Any]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > MOST_INDEX:
        raise ModelFileError(path, None, f"has {size} bytes; {MOST_INDEX} are read at most.")
    try:
        index = parse(file.read().decode("utf-8"))
    except (UnicodeDecodeError, UsageError) as error:
        reason = str(error).removesuffix(f" [{getattr(error, 'code', '')}]")
        raise ModelFileError(path, None, reason, "E-FILE-JSON") from error
    if not isinstance(index, dict) or not isinstance(index.get("weight_map"), dict):
        reason = 'is no index of weights: "weight_map" is missing. '
        raise ModelFileError(path, None, reason + "A model's JSON is read by model_from_json.")
    return index


def _files(index: Mapping[str, Any], path: str) -> list[str]:
    """The names of the files, each once. Raises ModelFileError for what is no plain name."""
    found: dict[str, None] = {}
    for value in index["weight_map"].values():
        for name in value if isinstance(value, list) else [value]:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                raise ModelFileError(path, None, f"names the file {ascii(name)[:200]}.")
            found[name] = None
    if len(found) > MOST_SHARDS:
        raise ModelFileError(path, None, f"names {len(found)} files; {MOST_SHARDS} at most.")
    return list(found)
