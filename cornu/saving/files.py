"""Files as such: opening what may be read, writing all or nothing, and the error for bad ones."""

import contextlib
import errno
import hashlib
import io
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from cornu.errors import UsageError, nearest


class ModelFileError(UsageError):
    """A file of a model that cannot be used.

    Attributes:
        path: the file.
        member: the part of it that is wrong ("config.json", "layers/dense/vars/0"), or None.
        reason: what is wrong with it, and the way out.
    """

    def __init__(self, path: Any, member: str | None, reason: str, code: str = "E-FILE"):
        self.path, self.member, self.reason = path, member, reason
        where = f"{path}, {member}" if member else f"{path}"
        super().__init__(code, f"{where}: {reason}")


class MissingFileError(ModelFileError, FileNotFoundError):
    """There is no such file."""


@contextlib.contextmanager
def opened(path: Any) -> Iterator[BinaryIO]:
    """A regular file, open for reading. Raises ModelFileError for anything else.

    It is opened once, and what was opened is what is looked at: nobody can exchange it in between.
    """
    name = os.fspath(path)
    try:
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise missing(name) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero
        why = getattr(error, "strerror", None) or error
        raise ModelFileError(name, None, f"cannot be read: {why}.") from error
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(kind) else "no regular file"
        raise ModelFileError(name, None, f"is {what}; a model is one file.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


class Part(io.RawIOBase):
    """A part of an open file, as a file: `size` bytes from `begin`, or all to the file's end."""

    def __init__(self, file: BinaryIO, begin: int, size: int | None = None):
        self.file, self.begin, self.size = file, begin, size
        self.place = 0

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        view = view if self.size is None else view[: max(self.size - self.place, 0)]
        self.file.seek(self.begin + self.place)
        count = self.file.readinto(view)  # pyright: ignore[reportAttributeAccessIssue]
        self.place += count
        return count

    def write(self, data: Any) -> int:
        self.file.seek(self.begin + self.place)
        count = self.file.write(data)
        self.place += count
        return count

    def flush(self) -> None:
        if not self.file.closed:
            self.file.flush()

    def truncate(self, size: int | None = None) -> int:
        size = self.place if size is None else size
        self.file.truncate(self.begin + size)
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self.place
        elif whence == io.SEEK_END:
            there = max(self.file.seek(0, io.SEEK_END) - self.begin, 0)
            offset += there if self.size is None else self.size
        self.place = offset
        return offset

    def tell(self) -> int:
        return self.place

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self.size is None

    def seekable(self) -> bool:
        return True


def sha256_of(file: BinaryIO) -> str:
    """The SHA-256 of what is in an open file from where it stands."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]


def missing(name: str) -> MissingFileError:
    """The error for a file that is not there, with the nearest name in its folder."""
    folder, base = os.path.split(name)
    try:
        near = nearest(base, os.listdir(folder or "."))
    except OSError:
        return MissingFileError(
            name, None, f"no such file: there is no folder {folder} (cwd {os.getcwd()})."
        )
    hint = f" Similar here: {os.path.join(folder, near)}" if near else ""
    return MissingFileError(name, None, f"no such file (cwd {os.getcwd()}).{hint}")


def check_free(path: Any, overwrite: bool) -> None:
    """Raise ModelFileError for a file that is there and must stay."""
    if not overwrite and os.path.lexists(path):
        raise ModelFileError(
            path, None, "exists already. Pass overwrite=True to replace it, or another name."
        )


def write_whole(path: Any, write: Callable[[BinaryIO], Any], overwrite: bool = True) -> None:
    """Have `write` fill a file so that it holds its old content or all of the new, at any moment.

    Raises ModelFileError for a file that must stay; OSError, naming the file, where the disk says
    no. Then no trace is left.
    """
    write_together([(path, write)], overwrite)


def write_together(
    files: Sequence[tuple[Any, Callable[[BinaryIO], Any]]], overwrite: bool = True
) -> None:
    """`write_whole` for several files: none gets its name before all of them are on the disk."""
    for path, _ in files:
        check_free(path, overwrite)
    made: list[tuple[Path, Path]] = []
    target = Path()
    try:
        for path, write in files:
            target = Path(os.path.realpath(path))  # a link stays one; what it names is replaced
            temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}")
            with open(temporary, "x+b") as file:
                made.append((temporary, target))
                write(file)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        for temporary, target in made:
            os.replace(temporary, target)
    except BaseException as error:
        for temporary, _ in made:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError) and not isinstance(error, ModelFileError):
            raise _explained(error, target) from error
        raise
    for folder in {target.parent for _, target in made}:
        _sync_folder(folder)


def _explained(error: OSError, target: Path) -> OSError:
    if not target.parent.is_dir():
        text = f"there is no folder {target.parent}: make it first"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        free = shutil.disk_usage(target.parent).free
        text = f"{error.strerror}, {free} bytes are free; the old file is as it was"
    else:
        text = f"{error.strerror}; the old file is as it was"
    return type(error)(error.errno, text, str(target))


def _sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk. Some file systems cannot, which harms nobody."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
