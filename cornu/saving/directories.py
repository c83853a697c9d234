"""A `.keras` archive as a folder: the same members as files, as Keras 3 has with `zipped=False`.

No link is followed and nothing but regular files is opened. A folder is written under another name
beside its place and takes its name when it is complete.
"""

import contextlib
import datetime
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from cornu.saving import zip
from cornu.saving.archive import Archive
from cornu.saving.files import ModelFileError, check_free, opened, sha256_of
from cornu.saving.text import MOST_BYTES
from cornu.saving.zip_writing import Fill, write_members

MEMBERS = (zip.CONFIG, zip.METADATA, zip.WEIGHTS)
DEPTH = 64


# ---------------------------------------------------------------- writing


def write_directory(archive: Archive, path: str, overwrite: bool = True) -> None:
    """Write an archive as a folder: all of it, or none; the old one stays until the new is whole.

    Raises ModelFileError for something else that has the name, OSError where the disk says no.
    """
    check_free(path, overwrite)
    target = Path(os.path.realpath(path))
    _check_replaceable(target)
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}")
    try:
        os.mkdir(temporary)
        os.mkdir(temporary / "assets")
        write = partial(_write_member, temporary)
        write_members(archive, write, datetime.datetime.now())
        _put(temporary, target)
    except OSError as error:
        if isinstance(error, ModelFileError):
            raise
        text = f"{error.strerror}; what was there is as it was"
        raise type(error)(error.errno, text, str(target)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_member(folder: Path, name: str, fill: Fill) -> str:
    """Have a member written in the folder; returns its SHA-256."""
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "x+b") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        return sha256_of(file)


def _check_replaceable(target: Path) -> None:
    """Raise ModelFileError for a file, or a folder that holds more than a model."""
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise ModelFileError(target, None, "is a file; a folder cannot take its place.")
    more = sorted(set(os.listdir(target)) - {*MEMBERS, "assets"})
    if more:
        raise ModelFileError(
            target,
            None,
            f"is a folder that holds more than a model ({ascii(more[0])[:100]}), so it is not "
            "replaced. Give another name.",
        )


def _put(temporary: Path, target: Path) -> None:
    """Give the new folder its name; the one that had it goes."""
    if not os.path.lexists(target):
        os.rename(temporary, target)
        return
    aside = target.with_name(f"{temporary.name}.old")
    os.rename(target, aside)
    try:
        os.rename(temporary, target)
    except BaseException:
        os.rename(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


# ---------------------------------------------------------------- reading


@contextmanager
def read_directory(path: str) -> Iterator[Archive]:
    """The archive in a folder; its arrays can be read while the context lasts.

    Raises ModelFileError for a folder that holds no model, or links, or what is damaged.
    """
    with ExitStack() as held, zip.read_members(_Files(path, held), path) as archive:
        yield archive


class _Files:
    """The members of an archive that lies in a folder; each is opened when it is asked for."""

    def __init__(self, path: str, held: ExitStack):
        self.path, self.held = path, held
        with as_named(path):
            there = [name for name in MEMBERS if os.path.lexists(f"{path}/{name}")]
            self.known: dict[str, Any] = dict.fromkeys(there)
            if os.path.lexists(f"{path}/assets"):
                self.known |= dict.fromkeys(self._assets())
        if zip.CONFIG not in self.known:
            raise ModelFileError(
                path,
                None,
                "is a directory without a config.json: no model lies there. A model is one file, "
                "or a folder that save(path, zipped=False) wrote.",
            )

    def _assets(self) -> Iterator[str]:
        todo, count, size = ["assets"], 0, 0
        while todo:
            folder = todo.pop()
            self._check(folder, stat.S_ISDIR, "folder")
            for name in sorted(os.listdir(os.path.join(self.path, folder))):
                inner, count = f"{folder}/{name}", count + 1
                if count > zip.MOST_MEMBERS or inner.count("/") > DEPTH:
                    raise ModelFileError(self.path, folder, "has too many files or folders.")
                if not zip.NAME.fullmatch(inner):
                    raise ModelFileError(self.path, ascii(inner)[:200], "is no name for a member.")
                found = os.lstat(os.path.join(self.path, inner))
                if stat.S_ISDIR(found.st_mode):
                    todo.append(inner)
                    continue
                size += found.st_size
                if size > zip.MOST_ASSETS:
                    reason = f"are more than {zip.MOST_ASSETS} bytes."
                    raise ModelFileError(self.path, "assets", reason, "E-FILE-SIZE")
                yield inner

    def _check(self, name: str, of_kind: Any, kind: str) -> os.stat_result:
        found = os.lstat(os.path.join(self.path, name))
        if not of_kind(found.st_mode):
            what = "a link" if stat.S_ISLNK(found.st_mode) else f"no regular {kind}"
            raise ModelFileError(self.path, name, f"is {what}, which is not followed or opened.")
        return found

    def _file(self, name: str) -> BinaryIO:
        if name not in self.known:
            raise ModelFileError(self.path, name, "is missing: this folder holds no whole model.")
        with as_named(self.path):
            before = self._check(name, stat.S_ISREG, "file")
        file = self.held.enter_context(opened(os.path.join(self.path, name)))
        now = os.fstat(file.fileno())
        if (before.st_ino, before.st_dev) != (now.st_ino, now.st_dev):
            raise ModelFileError(self.path, name, "was exchanged while it was opened.")
        return file

    def read(self, name: str) -> bytes:
        """All of a member."""
        file = self._file(name)
        most = zip.MOST_ASSETS if name.startswith(zip.ASSETS) else MOST_BYTES
        content = file.read(most + 1)
        file.close()
        if len(content) > most:
            raise ModelFileError(self.path, name, f"has more than {most} bytes.", "E-FILE-SIZE")
        return content

    def opened(self, name: str, sha256: str | None) -> BinaryIO:
        """A member as an open file, once it has been held against its checksum."""
        file = self._file(name)
        if sha256 is not None:
            found = hashlib.file_digest(file, "sha256")  # pyright: ignore[reportArgumentType]
            if found.hexdigest() != sha256:
                raise zip.damaged(self.path, name)
            file.seek(0)
        return file


@contextlib.contextmanager
def as_named(path: str) -> Iterator[None]:
    """Let what the system says of a folder be a ModelFileError."""
    try:
        yield
    except ModelFileError:
        raise
    except OSError as error:
        raise ModelFileError(path, None, f"cannot be read: {error.strerror}.") from error
