"""Unpacking of tar and zip archives from strangers: files and folders, and nothing else.

Nothing here trusts an archive or the guards of Python's own modules. Links, devices and pipes are
refused, names are looked at part by part, counts, bytes and ratios are bounded, and all goes into a
new folder that gets its name when it is whole. `tarring` reads tar files; of a zip file Python's
`zipfile` reads the list and the members.
"""

import io
import os
import re
import secrets
import shutil
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from typing import TypeVar

from cornu.errors import UsageError, shown
from cornu.utils import tarring
from cornu.utils.tarring import BLOCK, CHUNK, DAMAGE, Member, Refused

MOST_MEMBERS = 100_000
MOST_BYTES = 64 << 30
MOST_RATIO = 200
FREE_BYTES = 1 << 20  # so much may come of anything, whatever the ratio
MOST_DEPTH, MOST_NAME, MOST_PART = 64, 2048, 240
MOST_LIST = 32 << 20

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
DRIVE = re.compile(r"[A-Za-z]:")
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
Item = TypeVar("Item")
DISTRUST = "No honest archive has that: do not trust where it is from"


def fault(part: str) -> str | None:
    """Why `part` cannot be the name of one file on every computer, or None if it can."""
    if not part.strip(" ."):
        return "is no name of a file"
    if "/" in part or "\\" in part:
        return "has a separator of paths"
    if CONTROLS.search(part):
        return "has a control character"
    if DRIVE.match(part) or (os.name == "nt" and ":" in part):
        return "begins with a drive"
    if len(part.encode("utf-8", "surrogatepass")) > MOST_PART:
        return f"has more than {MOST_PART} bytes"
    return None


def extract(
    path: str,
    folder: str,
    formats: tuple[str, ...] = ("tar", "zip"),
    ready: Callable[[], None] | None = None,
) -> None:
    """Unpack the archive `path` into the new folder `folder`, which must not be there.

    `ready` is called when all is unpacked, before the folder gets its name.
    Raises UsageError for what is no archive of `formats`, is damaged, is too large, or holds
    something else than files and folders with plain names. Then nothing is left of it.
    """
    parent, name = os.path.split(folder)
    temporary = os.path.join(parent, f".{name}.{secrets.token_hex(6)}.part")
    try:
        os.mkdir(temporary, 0o755)
        with io.FileIO(path) as raw, _Limited(raw) as file:
            _fill(temporary, _guarded(_members(file, formats)))
        if ready is not None:
            ready()
        if os.path.lexists(folder):
            raise Refused(f"there is a {folder} already")
        os.rename(temporary, folder)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, Refused):
            why = str(error)
        elif isinstance(error, OSError):
            why = f"{error.strerror or error} ({error.filename})"
        else:
            raise
        raise UsageError("E-EXTRACT", f"{path} was not unpacked: {why}.") from error


def _fill(root: str, members: Iterator[Member]) -> None:
    """Write all members below `root`, a folder that nobody else writes to."""
    taken: dict[str, tuple[str, bool]] = {}
    for member in members:
        parts = _parts(member.name)
        for depth in range(1, len(parts) + 1):
            _claim(taken, "/".join(parts[:depth]), member.folder or depth < len(parts))
        place = os.path.join(root, *parts)
        if member.folder:
            os.makedirs(place, 0o755, exist_ok=True)
            continue
        if not parts:
            raise Refused(f"the name {shown(member.name)} is none of a file")
        os.makedirs(os.path.dirname(place), 0o755, exist_ok=True)
        with os.fdopen(_created(place, member.mode), "wb") as file:
            for piece in _guarded(member.pieces):
                file.write(piece)


def _guarded(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, and damage of the archive as Refused."""
    try:
        yield from items
    except DAMAGE as error:
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Refused(f"it is damaged or ends early ({why}). {tarring.AGAIN}") from error


def _created(place: str, mode: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.open(place, flags, 0o755 if mode & 0o111 else 0o644)


def _parts(name: str) -> list[str]:
    """The parts of a member's name, each of which names one file or folder."""
    if name.startswith("/"):
        raise Refused(f"the name {shown(name)} begins at the root of the disk. {DISTRUST}")
    if len(name) > MOST_NAME:
        raise Refused(f"the name {shown(name)} has {len(name)} letters, over {MOST_NAME}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if len(parts) > MOST_DEPTH:
        raise Refused(f"{shown(name)} lies {len(parts)} folders deep, over {MOST_DEPTH}")
    for part in parts:
        why = fault(part)
        if why:
            raise Refused(f"in the name {shown(name)}, {shown(part)} {why}. {DISTRUST}")
    return parts


def _claim(taken: dict[str, tuple[str, bool]], name: str, folder: bool) -> None:
    """Note a name. Some computers do not tell "A" from "a", so neither does this."""
    key = unicodedata.normalize("NFC", name).casefold()
    found = taken.get(key)
    if found is None:
        taken[key] = (name, folder)
    elif not folder or found != (name, folder):
        raise Refused(f"{shown(found[0])} and {shown(name)} in it are one name")
    if len(taken) > MOST_MEMBERS:
        raise Refused(f"it holds more than {MOST_MEMBERS} files and folders")


def _members(file: "_Limited", formats: tuple[str, ...]) -> Iterator[Member]:
    """What is in an archive, whose format is seen from its content."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(BLOCK)
    if tarring.is_tar(start):
        found = "tar"
    else:
        found = "zip" if start.startswith(b"PK") or zipfile.is_zipfile(file) else None
    if found is None:
        raise Refused("it is no tar and no zip archive")
    if found not in formats:
        raise Refused(f"it is a {found} archive; archive_format={shown(formats[0])} was asked for")
    file.seek(0)
    bounds = _Bounds(size)
    return tarring.members(file, bounds.add) if found == "tar" else _zipped(file, bounds)


class _Bounds:
    """How much has come out of an archive of `size` bytes, held to what may."""

    def __init__(self, size: int):
        self.size, self.came = size, 0

    def add(self, count: int) -> None:
        """Count bytes. Raises Refused above the bounds."""
        self.came += count
        if self.came > MOST_BYTES:
            raise Refused(f"it unpacks to more than {MOST_BYTES} bytes")
        if self.came > FREE_BYTES + MOST_RATIO * self.size:
            raise Refused(f"it unpacks to more than {MOST_RATIO} times its {self.size} bytes")


class _Limited(io.BufferedReader):
    """A file of which nobody reads very much at once, as `zipfile` does with the list."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, or all. Raises BadZipFile where that is very much."""
        wanted = MOST_LIST + 1 if size is None or size < 0 else size
        if wanted > MOST_LIST and wanted == size:
            raise zipfile.BadZipFile(f"its list of files has {size} bytes")
        data = super().read(wanted)
        if len(data) > MOST_LIST:
            raise zipfile.BadZipFile(f"its list of files has more than {MOST_LIST} bytes")
        return data


def _zipped(file: "_Limited", bounds: _Bounds) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_MEMBERS:
            raise Refused(f"it holds more than {MOST_MEMBERS} files and folders")
        for entry in entries:
            _check_entry(entry)
            bounds.add(entry.file_size)
        _check_apart(entries)
        for entry in entries:
            mode = entry.external_attr >> 16
            yield Member(entry.orig_filename, entry.is_dir(), mode, _pieces(archive, entry))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Raise Refused for what is neither a file nor a folder, or cannot be read safely."""
    name, kind = f"{entry.orig_filename!a:.80}", stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "a device or pipe"
        raise Refused(f"{name} is {what}; only files and folders are unpacked")
    if entry.flag_bits & 1:
        raise Refused(f"{name} is encrypted")
    if entry.compress_type not in PACKINGS:
        raise Refused(f"{name} is packed by method {entry.compress_type}, not stored or deflated")
    if entry.file_size > FREE_BYTES + MOST_RATIO * entry.compress_size:
        packed = f"{entry.compress_size} bytes"
        raise Refused(f"{name} unpacks from {packed} to {entry.file_size}, over {MOST_RATIO} times")


def _check_apart(entries: list[zipfile.ZipInfo]) -> None:
    """Raise Refused where two members share bytes, by which a small file unpacks to a large one."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise Refused(f"{entry.orig_filename!a:.80} overlaps another file in it")
        end = entry.header_offset + 30 + entry.compress_size


def _pieces(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as file:
        while piece := file.read(CHUNK):
            yield piece
