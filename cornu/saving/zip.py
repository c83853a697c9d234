"""Reading `.keras`: a ZIP archive with config.json, metadata.json, model.weights.h5, assets/.

Members are taken by name from an archive of which every byte is accounted for.
"""

import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO, Protocol, cast

from cornu.errors import UsageError
from cornu.saving import older, older_paths
from cornu.saving.archive import Archive
from cornu.saving.files import ModelFileError, Part
from cornu.saving.hdf5 import stored_weights
from cornu.saving.text import parse

MAGIC = b"PK\x03\x04"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"
BLOCK = 2**20

NAME = re.compile(r"[A-Za-z0-9_.\-/]+")
MOST_MEMBERS, MOST_RATIO, SMALL, MOST_ASSETS = 10_000, 200, 2**20, 2**30
LOCAL_HEADER, END_RECORD = 30, 22
DESCRIPTOR_FLAG, ENCRYPTED_FLAG, DESCRIPTOR = 0x8, 0x1, 24


class Members(Protocol):
    """The members of an archive, each taken by its name; `known` has all names."""

    known: dict[str, Any]

    def read(self, name: str) -> bytes:
        """All of a member. Raises ModelFileError where it is missing or damaged."""
        ...

    def opened(self, name: str, sha256: str | None) -> BinaryIO:
        """A member as an open file, once it has been held against its checksum."""
        ...


@contextmanager
def read_zip(file: BinaryIO, path: Any) -> Iterator[Archive]:
    """The archive in a file; its arrays can be read while the context lasts.

    Raises ModelFileError for a file that is damaged, or that no honest writer makes.
    """
    with _opened(file, path) as members, read_members(members, path) as archive:
        yield archive


@contextmanager
def read_members(members: Members, path: Any) -> Iterator[Archive]:
    """The archive that members make up. Raises ModelFileError as `read_zip`."""
    content = members.read(CONFIG)
    metadata = _json(members.read(METADATA), path, METADATA)
    digests = _digests(metadata)
    config = _json(content, path, CONFIG)
    if WEIGHTS not in members.known:
        raise ModelFileError(path, WEIGHTS, "is missing from the archive.")
    weights = members.opened(WEIGHTS, digests.get(WEIGHTS))
    assets = {name: members.read(name) for name in members.known if name.startswith(ASSETS)}
    _check_assets(assets, digests, path)
    for name, data in ((CONFIG, content), *assets.items()):
        if name in digests and hashlib.sha256(data).hexdigest() != digests[name]:
            raise damaged(path, name)
    compiled = config.pop("compile_config", None)
    with stored_weights(weights, path, WEIGHTS) as (arrays, names):
        slots = {p: a for p, a in arrays.items() if p.split("/")[0] == "optimizer"}
        own = {p: a for p, a in arrays.items() if p not in slots}
        training = {"compile_config": compiled, "optimizer": slots} if compiled else None
        plain = {name.removeprefix(ASSETS): data for name, data in assets.items()}
        archive = Archive(config, own, names, training, metadata, assets=plain)
        yield _modern(archive) if str(metadata.get("keras_version")).startswith("2.") else archive


def _modern(archive: Archive) -> Archive:
    """What Keras 2.12 to 2.15 or tf-keras wrote, in the words and paths of today."""
    origin = older.Origin(str(archive.meta["keras_version"]), "tensorflow")
    training = archive.training or {}
    config, compiled, slots = older.rules().archived(
        archive.config, training.get("compile_config"), training.get("optimizer") or {}, origin
    )
    listed = older_paths.listed_in(config)
    weights, names = older_paths.renamed(archive.weights, archive.names, listed)
    told, _ = older_paths.present(archive.assets.keys(), archive.names.keys(), listed)
    return replace(
        archive,
        config=config,
        weights=weights,
        names=names,
        training={"compile_config": compiled, "optimizer": slots} if compiled else None,
        assets={path: archive.assets[before] for before, path in told.items()},
    )


def _check_assets(assets: Mapping[str, bytes], digests: Mapping[str, str], path: Any) -> None:
    """Raise ModelFileError for assets that are too large, or that a checksum waits for in vain."""
    size = sum(map(len, assets.values()))
    if size > MOST_ASSETS:
        reason = f"are {size} bytes; {MOST_ASSETS} are read at most."
        raise ModelFileError(path, ASSETS, reason, "E-FILE-SIZE")
    for name in digests:
        if name.startswith(ASSETS) and name not in assets:
            raise ModelFileError(path, name, "is missing from the archive.", "E-FILE-DAMAGED")


def _json(content: bytes, path: Any, member: str) -> dict[str, Any]:
    try:
        found = parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ModelFileError(path, member, "is not UTF-8 text.", "E-FILE-JSON") from error
    except UsageError as error:
        reason = str(error).removesuffix(f" [{error.code}]")
        raise ModelFileError(path, member, reason, "E-FILE-JSON") from error
    if not isinstance(found, dict):
        raise ModelFileError(path, member, "must hold an object {…}.", "E-FILE-JSON")
    return found


def _digests(metadata: Mapping[str, Any]) -> dict[str, str]:
    own = metadata.get("cornu")
    found = own.get("sha256") if isinstance(own, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


class _Members:
    """The members of an archive, each read by its name."""

    def __init__(self, archive: zipfile.ZipFile, file: BinaryIO, path: Any):
        self.archive, self.file, self.path = archive, file, path
        self.known: dict[str, Any] = {info.filename: info for info in archive.infolist()}

    def read(self, name: str) -> bytes:
        """All of a member; its CRC is checked on the way."""
        info = self.known.get(name)
        if info is None:
            raise ModelFileError(self.path, name, "is missing: this archive holds no model.")
        try:
            with self.archive.open(info) as member:  # it unpacks no more than is asked for
                content = member.read(info.file_size + 1)
        except Exception as error:
            reason = f"is damaged: {str(error)[:200]}. Restore the file from a copy."
            raise ModelFileError(self.path, name, reason, "E-FILE-DAMAGED") from error
        if len(content) != info.file_size:
            raise ModelFileError(self.path, name, "is damaged: it ends early.", "E-FILE-DAMAGED")
        return content

    def opened(self, name: str, sha256: str | None) -> BinaryIO:
        """A member as a file of its own, once it has been held against its checksums.

        It is not read into memory, unless it is packed.
        """
        info = self.known[name]
        if info.compress_type != zipfile.ZIP_STORED:
            found: BinaryIO = io.BytesIO(self.read(name))
        else:
            found = cast(BinaryIO, Part(self.file, _content_of(info, self.file), info.file_size))
        crc, digest = 0, hashlib.sha256()
        while block := found.read(BLOCK):
            crc = zlib.crc32(block, crc)
            digest.update(block)
        if crc != info.CRC or sha256 not in (None, digest.hexdigest()):
            raise damaged(self.path, name)
        return found


def damaged(path: Any, name: str) -> ModelFileError:
    """The error for a member that is not what was saved."""
    reason = (
        "is damaged: it does not have the checksum it was saved with. Restore the file from a copy."
    )
    return ModelFileError(path, name, reason, "E-FILE-DAMAGED")


def _content_of(info: zipfile.ZipInfo, file: BinaryIO) -> int:
    """Where a member's content begins, behind a header whose length it says itself."""
    file.seek(info.header_offset)
    name, extra = struct.unpack("<HH", file.read(LOCAL_HEADER)[26:30])
    return info.header_offset + LOCAL_HEADER + name + extra


@contextmanager
def _opened(file: BinaryIO, path: Any) -> Iterator[_Members]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:
        raise ModelFileError(
            path,
            None,
            f"is damaged: the archive ends early, after {size} bytes, or is no ZIP archive "
            f"({str(error)[:100]}). Download it again, or restore it from a copy.",
            "E-FILE-DAMAGED",
        ) from error
    with archive:
        try:
            _check(archive, file, path, size)
        except ModelFileError:
            raise
        except Exception as error:
            reason = f"is damaged: {str(error)[:200]}."
            raise ModelFileError(path, None, reason, "E-FILE-DAMAGED") from error
        yield _Members(archive, file, path)


def _check(archive: zipfile.ZipFile, file: BinaryIO, path: Any, size: int) -> None:
    """Raise ModelFileError unless the archive is as plain as one that a writer of models makes."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise ModelFileError(path, None, f"has {len(infos)} members; {MOST_MEMBERS} at most.")
    for info in infos:
        _check_member(info, path)
    folded = [info.filename.casefold() for info in infos]
    if len(set(folded)) < len(folded):
        twice = next(name for name in folded if folded.count(name) > 1)
        raise ModelFileError(path, twice, "is in the archive twice.")
    if sum(info.file_size for info in infos) > 4 * size + 2**26:
        raise ModelFileError(path, None, "would unpack to more than four times its size.")
    _check_cover(archive, file, path, size)


def _check_member(info: zipfile.ZipInfo, path: Any) -> None:
    name = info.filename
    parts = name.split("/")
    if not NAME.fullmatch(name) or any(part in ("", ".", "..") for part in parts):
        raise ModelFileError(path, ascii(name)[:200], "is no name for a member.")
    if name != getattr(info, "orig_filename", name):
        raise ModelFileError(path, ascii(name)[:200], "is no name for a member.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelFileError(path, name, f"is packed with method {info.compress_type}.")
    if info.flag_bits & ENCRYPTED_FLAG:
        raise ModelFileError(path, name, "is encrypted.")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ModelFileError(path, name, "is no regular file.")
    if info.file_size > SMALL and info.file_size > MOST_RATIO * info.compress_size:
        raise ModelFileError(path, name, "would unpack to more than 200 times its size.")


def _check_cover(archive: zipfile.ZipFile, file: BinaryIO, path: Any, size: int) -> None:
    """Members must lie one after another and, with the directory, fill the file."""
    end = 0
    for info in sorted(archive.infolist(), key=lambda i: i.header_offset):
        gap = info.header_offset - end
        if gap < 0 or gap > (DESCRIPTOR if end else 0):
            raise ModelFileError(path, info.filename, "does not begin where the one before ends.")
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        name, extra = struct.unpack("<HH", header[26:30])
        if file.read(name) != info.filename.encode():
            raise ModelFileError(path, info.filename, "has another name inside.", "E-FILE-DAMAGED")
        end = info.header_offset + LOCAL_HEADER + name + extra + info.compress_size
    if not 0 <= archive.start_dir - end <= DESCRIPTOR:
        raise ModelFileError(path, None, "has bytes that belong to no member.")
    file.seek(size - END_RECORD)
    if file.read(4) != b"PK\x05\x06" or archive.comment:
        raise ModelFileError(path, None, "has bytes behind its end.")
