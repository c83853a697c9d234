"""Writing `.keras`, a ZIP archive, and the members of which it and a folder like it consist.

Members are stored as they are, as Keras 3 does; metadata.json holds a SHA-256 of each under
"cornu". Arrays go from where they lie to their place in the archive.
"""

import datetime
import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, cast

from cornu.saving.archive import Archive
from cornu.saving.files import Part
from cornu.saving.hdf5_writing import LAYOUT, write_hdf5
from cornu.saving.zip import ASSETS, BLOCK, CONFIG, METADATA, WEIGHTS

Fill = Callable[[BinaryIO], Any]
"""Writes the content of a member into an empty open file."""


def write_zip(archive: Archive, file: BinaryIO) -> None:
    """Write an archive into a file that is open for reading and writing."""
    now = datetime.datetime.now()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as out:
        write_members(archive, partial(_write_member, out, file, now), now)


def write_members(
    archive: Archive, write: Callable[[str, Fill], str], now: datetime.datetime
) -> None:
    """Have every member written by `write(name, fill)`, which returns its SHA-256."""
    config = dict(archive.config)
    training = archive.training or {}
    if training.get("compile_config"):
        config["compile_config"] = training["compile_config"]
    slots = training.get("optimizer") or {}
    groups = {path.rpartition("/vars/")[0]: "optimizer" for path in slots}
    values, names = {**archive.weights, **slots}, {**archive.names, **groups}
    digests = {
        CONFIG: write(CONFIG, partial(_fill, json.dumps(config).encode())),
        WEIGHTS: write(WEIGHTS, partial(write_hdf5, values, names, checked=False)),
    }
    for name, content in archive.assets.items():
        digests[f"{ASSETS}{name}"] = write(f"{ASSETS}{name}", partial(_fill, content))
    metadata = {
        "keras_version": LAYOUT,
        "date_saved": now.strftime("%Y-%m-%d@%H:%M:%S"),
        "cornu": {"sha256": digests, **archive.meta},
    }
    write(METADATA, partial(_fill, json.dumps(metadata).encode()))


def _fill(content: bytes, out: BinaryIO) -> None:
    out.write(content)


def _write_member(
    out: zipfile.ZipFile, file: BinaryIO, now: datetime.datetime, name: str, fill: Fill
) -> str:
    """Have a member written in its place in the archive; returns its SHA-256.

    `ZipFile` itself takes what is written from beginning to end, but HDF5 is not written so.
    """
    info = zipfile.ZipInfo(name, now.timetuple()[:6])
    info.external_attr = 0o600 << 16
    info.header_offset, info.CRC = out.start_dir, 0
    begin = info.header_offset + len(info.FileHeader(zip64=True))
    part = cast(BinaryIO, Part(file, begin))
    fill(part)
    part.seek(0)
    digest = hashlib.sha256()
    while block := part.read(BLOCK):
        digest.update(block)
        info.CRC = zlib.crc32(block, info.CRC)
        info.file_size += len(block)
    info.compress_size = info.file_size
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=True))
    out.filelist.append(info)
    out.NameToInfo[name] = info
    out.start_dir = begin + info.file_size
    return digest.hexdigest()
