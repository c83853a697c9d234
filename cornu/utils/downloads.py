"""`get_file`: files from the network, kept in a folder, each whole or not there at all.

What comes over the network is `fetching`; how archives are unpacked is `extraction`. Here are the
names of files and folders, what may be used again, and who may write.
"""

import contextlib
import functools
import itertools
import os
import re
import secrets
import shutil
import stat
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cornu import settings
from cornu.errors import UsageError, shown, warn
from cornu.utils import fetching
from cornu.utils.extraction import extract as unpack
from cornu.utils.extraction import fault
from cornu.utils.locks import locked

DIGITS = {"sha256": 64, "md5": 32}
FORMATS = ("tar", "zip")


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | os.PathLike[str] = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file unless it is there already, and say where it lies.

    It gets its name when all of it has come and its hash is right; who asks for the same file at
    the same time waits. Without a hash, a file that is there is used as it is.

    Args:
        fname: its name here, without folders; the last part of `origin` if left out. With `extract`
            a name without "." is that of the folder.
        origin: its address: https, or http on this computer (127.0.0.1, localhost, ::1).
        untar: the same as `extract=True, archive_format="tar"`.
        md5_hash: its MD5, for old code; this finds damage, but not what somebody made on purpose.
        file_hash: its SHA-256 (64 hexadecimal digits), or its MD5 (32).
        cache_subdir: folder in `cache_dir`, or a folder by its whole path.
        hash_algorithm: of `file_hash`: "sha256", "md5", or "auto", by the number of digits.
        extract: unpack it as an archive, into a folder beside it.
        archive_format: "tar" (plain, gz, bz2 or xz), "zip", a list of these, or "auto" for both.
        cache_dir: `CORNU_HOME`, `KERAS_HOME` or `~/.keras` if left out.
        force_download: download it although it is there.

    Returns:
        The path of the file; with `extract` that of the folder: NAME for a `fname` without ".",
        NAME_extracted for "NAME.zip", and the last part of `origin` where there is no `fname`.

    Raises:
        UsageError: `E-DOWNLOAD` (address, network or folder), `E-HASH` or `E-EXTRACT`. There is
            then no new file or folder, and what was there is as it was.

    Example:
        path = get_file(
            "flowers.tgz", "https://example.com/flowers.tgz", file_hash="…", extract=True
        )
    """
    fetching.check(origin)
    wanted = _hashes(file_hash, hash_algorithm, md5_hash)
    formats = _formats("tar" if untar else archive_format) if extract or untar else ()
    given = os.fspath(fname) if isinstance(fname, os.PathLike) else fname
    name = _name(given or None, str(origin))
    folder = cache_folder(cache_dir, cache_subdir)
    target, unpacked = _places(folder, name, bool(given), bool(formats))
    if not force_download and _is_ready(target, unpacked, wanted):
        return unpacked or target
    names = [os.path.basename(path) for path in (target, unpacked) if path]
    with _alone(folder, names):
        if force_download or not _is_right(target, wanted):
            _download(str(origin), target, wanted)
        if unpacked and not _is_unpacked(target, unpacked):
            _unpack(target, unpacked, formats)
    return unpacked or target


def _error(message: str) -> UsageError:
    return UsageError("E-DOWNLOAD", message)


def _hashes(file_hash: Any, algorithm: Any, md5_hash: Any) -> dict[str, str]:
    """Algorithm -> the hash in lower case that the file must have."""
    if algorithm not in ("auto", *DIGITS):
        raise UsageError(
            "E-HASH", f'hash_algorithm must be "sha256", "md5" or "auto"; got {shown(algorithm)}.'
        )
    wanted = {} if md5_hash is None else {"md5": _hash(md5_hash, "md5_hash", ("md5",))}
    if file_hash is not None:
        kinds = tuple(DIGITS) if algorithm == "auto" else (algorithm,)
        found = _hash(file_hash, "file_hash", kinds)
        kind = next(kind for kind in kinds if DIGITS[kind] == len(found))
        if wanted.setdefault(kind, found) != found:
            raise UsageError("E-HASH", "file_hash and md5_hash are two MD5, and differ. Give one.")
    return wanted


def _hash(value: Any, argument: str, kinds: Sequence[str]) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) not in [DIGITS[kind] for kind in kinds] or text.strip("0123456789abcdef"):
        lengths = " or ".join(f"{DIGITS[kind]} ({kind})" for kind in kinds)
        raise UsageError(
            "E-HASH",
            f"{argument} must have {lengths} hexadecimal digits; got {shown(value)}. "
            "`sha256sum FILE` prints them.",
        )
    return text


def _formats(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = FORMATS if value == "auto" else (value,)
    found = tuple(value) if isinstance(value, (list, tuple)) else ()
    if not found or not set(found) <= set(FORMATS):
        raise UsageError(
            "E-EXTRACT",
            f'archive_format must be "auto", "tar", "zip" or a list of these; got {shown(value)}. '
            "Without extract=True nothing is unpacked.",
        )
    return found


def _name(given: Any, origin: str) -> str:
    """The name of the file, which is one part of a path. Raises UsageError for any other."""
    if given is not None and not isinstance(given, str):
        raise _error(f"fname must be a name; got {shown(given)}.")
    name = given or urllib.parse.urlsplit(origin).path.rpartition("/")[2]
    why = fault(name) or (None if given else fault(urllib.parse.unquote(name)))
    if why:
        source = "fname" if given else "the last part of the address"
        raise _error(
            f"{source} must be the name of a file, without folders; {shown(name)} {why}. "
            'get_file("data.zip", origin); folders go to cache_dir and cache_subdir.'
        )
    return name


def cache_folder(cache_dir: Any = None, cache_subdir: Any = "datasets") -> str:
    """The folder that `get_file` puts files into."""
    home = settings.files()[0].parent
    if cache_dir is not None:
        home = Path(cache_dir).expanduser()
    elif os.environ.get("CORNU_HOME"):
        home = settings.files()[1].parent
    return os.path.join(home, os.fspath(cache_subdir))


def _places(folder: str, name: str, given: bool, unpacked: bool) -> tuple[str, str | None]:
    """Where the file goes and where it is unpacked to, as in Keras 3."""
    if not unpacked:
        return os.path.join(folder, name), None
    if given and "." in name:
        return os.path.join(folder, name), os.path.join(folder, f"{name.split('.')[0]}_extracted")
    return os.path.join(folder, f"{name}_archive"), os.path.join(folder, name)


def _is_ready(target: str, unpacked: str | None, wanted: dict[str, str]) -> bool:
    return _is_right(target, wanted) and (not unpacked or _is_unpacked(target, unpacked))


def _is_right(target: str, wanted: dict[str, str]) -> bool:
    """Whether a file is there with the hashes that are wanted."""
    try:
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise _error(f"{target} is there and is no file. Move it, or give another fname.")
        with open(target, "rb") as file:
            return all(_digest(file, kind) == value for kind, value in wanted.items())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _error(f"{target} cannot be read: {error.strerror}.") from error


def _digest(file: Any, algorithm: str) -> str:
    file.seek(0)
    found = fetching.digest(algorithm)
    while data := file.read(1 << 20):
        found.update(data)
    return found.hexdigest()


@contextlib.contextmanager
def _alone(folder: str, names: Sequence[str]) -> Iterator[None]:
    """Be the only one who writes `names`; the folder is made if need be, for its owner."""
    try:
        for each in (*reversed(Path(folder).parents), Path(folder)):
            with contextlib.suppress(FileExistsError):
                if not each.is_dir():
                    each.mkdir(0o700)
        with contextlib.ExitStack() as locks:
            for name in names:
                waits = functools.partial(_say_waiting, name)
                locks.enter_context(locked(os.path.join(folder, f".{name}.lock"), waits))
                _sweep(folder, name)
            yield
    except OSError as error:
        raise _error(
            f"the folder {folder} cannot be made or written to: {error.strerror}. Give another: "
            'get_file(..., cache_dir="FOLDER"), or set CORNU_HOME.'
        ) from error


def _say_waiting(name: str) -> None:
    if bool(getattr(sys.stderr, "isatty", lambda: False)()):
        print(f"{name}: another process has begun with it; waiting", file=sys.stderr)


def _sweep(folder: str, name: str) -> None:
    """Take away what a process that was killed has left. Nobody else writes it now."""
    left = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{12}}\.part")
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if left.fullmatch(entry.name)]
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _download(origin: str, target: str, wanted: dict[str, str]) -> None:
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.part")
    digests = {kind: fetching.digest(kind) for kind in wanted}
    try:
        with open(temporary, "xb") as file:
            size = fetching.fetch(origin, file, digests, name)
            _check_hashes(name, size, wanted, digests)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise _error(f"{target} could not be written: {error.strerror}.") from error
        raise


def _check_hashes(name: str, size: int, wanted: dict[str, str], digests: dict[str, Any]) -> None:
    for kind, value in wanted.items():
        came = digests[kind].hexdigest()
        if came != value:
            raise UsageError(
                "E-HASH",
                f"{name}: {kind} {value} was wanted; {size} bytes came with {came}. The file was "
                "changed, at its address or on the way, or the hash is of another one. It was not "
                "kept. Ask who made it for the hash.",
            )


def _stamp(unpacked: str) -> str:
    folder, name = os.path.split(unpacked)
    return os.path.join(folder, f".{name}.unpacked")


def _identity(target: str) -> str:
    found = os.stat(target)
    return f"{found.st_size} {found.st_mtime_ns}"


def _is_unpacked(target: str, unpacked: str) -> bool:
    """Whether the folder was made, whole, of the archive that is there now."""
    try:
        with open(_stamp(unpacked), encoding="ascii", errors="replace") as file:
            return os.path.isdir(unpacked) and file.read(100) == _identity(target)
    except OSError:
        return False


def _unpack(target: str, unpacked: str, formats: tuple[str, ...]) -> None:
    """Unpack the archive; what has the folder's name already is moved aside, not removed."""
    moved: list[str] = []

    def ready() -> None:
        if os.path.lexists(unpacked):
            moved.append(_free(f"{unpacked}_before"))
            os.rename(unpacked, moved[0])
        with open(_stamp(unpacked), "w", encoding="ascii") as file:
            file.write(_identity(target))

    unpack(target, unpacked, formats, ready)
    for other in moved:
        warn(f"{unpacked} was not unpacked from this {os.path.basename(target)}; it is now {other}")


def _free(path: str) -> str:
    """The path, or the first of it with a number behind that nothing has."""
    numbered = (f"{path}{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not os.path.lexists(each))
