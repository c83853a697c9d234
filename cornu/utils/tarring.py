"""Reading of tar archives, plain or packed: headers, long names, and content as it comes.

The format is that of POSIX.1-2017 (`pax`) with the long names of GNU tar. Python's `tarfile` takes
headers of any size into memory and follows them backwards; here all is read once, from front to
back, and every size is held to a bound before it is used.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

CHUNK, BLOCK = 1 << 18, 512
MOST_HEADER = 1 << 20
MOST_HEADERS = 400_000
MOST_MEMORY = 256 << 20

SIGNS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
REGULAR, FOLDER = (b"0", b"\0", b"7"), b"5"
TEXTS = {b"L": "path", b"K": "linkpath"}  # GNU tar: the next member's name, and where it leads
RECORDS, RECORDS_FOR_ALL = (b"x", b"X"), b"g"
REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a file with holes",
}
DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What readers of Python raise where an archive is not as it should be."""
AGAIN = "Download it again (force_download=True)"


class Refused(Exception):
    """An archive that is not unpacked, and why."""


class Member(NamedTuple):
    """One thing in an archive: a folder, or a file with its mode and its content in pieces."""

    name: str
    folder: bool
    mode: int
    pieces: Iterator[bytes]


class Reader(Protocol):
    """What can be read from front to back."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


def is_tar(start: bytes) -> bool:
    """Whether a file with these first 512 bytes is a tar archive, or packed as one may be."""
    return any(start.startswith(sign) for sign in SIGNS) or _is_header(start)


def members(file: BinaryIO, came: Callable[[int], None]) -> Iterator[Member]:
    """What is in the archive `file`; `came` is told of every read how many bytes came unpacked.

    Raises Refused for what is neither file nor folder; one of DAMAGE for a damaged archive.
    """
    source = _Source(_unpacked(file), came)
    said: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        header = source.exactly(BLOCK)
        if not any(header):
            source.drain()
            return
        if not _is_header(header):
            what = (
                "it holds no tar archive, or a damaged one"
                if source.begins
                else ("one of its headers is damaged")
            )
            raise Refused(f"{what}. {AGAIN}")
        kind, size = header[156:157], _number(header[124:136])
        if kind in TEXTS:
            said[TEXTS[kind]] = _text(source.padded(size).rstrip(b"\0"))
        elif kind in RECORDS:
            said |= _records(source.padded(size))
        elif kind == RECORDS_FOR_ALL:
            _check_for_all(_records(source.padded(size)))
        else:
            yield from _member(header, said, source)
            said = {}
    raise Refused(f"it has more than {MOST_HEADERS} headers")


def _member(header: bytes, said: dict[str, str], source: "_Source") -> Iterator[Member]:
    kind, name = header[156:157], said.get("path", _name(header))
    size = int(said["size"]) if "size" in said else _number(header[124:136])
    if kind in REFUSED or any(key.startswith("GNU.sparse.") for key in said):
        what = REFUSED.get(kind, REFUSED[b"S"])
        raise Refused(f"{name!a} is {what}; only files and folders are unpacked")
    if kind not in (*REGULAR, FOLDER):
        raise Refused(f"{name!a} is of the unknown kind {kind!a}")
    if size < 0:
        raise ValueError(f"a size of {size}")
    folder = kind == FOLDER or (kind == b"\0" and name.endswith("/"))
    pieces = source.pieces(size)
    yield Member(name, folder, _number(header[100:108]), pieces)
    for _ in pieces:
        pass  # what nobody wanted


def _is_header(block: bytes) -> bool:
    """Whether the checksum of a header is right: a sum of its bytes, signed in old writers."""
    if len(block) != BLOCK or not any(block):
        return False
    try:
        said = _number(block[148:156])
    except ValueError:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    return said in (sum(rest), sum(rest) - 256 * sum(byte > 127 for byte in rest))


def _number(field: bytes) -> int:
    """A number of a header: octal digits, or bytes after a mark where those do not suffice."""
    if field[0] & 0x80:
        if field[0] != 0x80:
            raise ValueError("a negative number in a header")
        return int.from_bytes(field[1:], "big")
    text = field.split(b"\0")[0].strip()
    if text.strip(b"01234567"):
        raise ValueError(f"{text!a} as a number in a header")
    return int(text or b"0", 8)


def _name(header: bytes) -> str:
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(data: bytes) -> str:
    """A name: UTF-8, or the Latin-1 of archives from before it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _records(data: bytes) -> dict[str, str]:
    """The records "LENGTH KEY=VALUE" of a `pax` header."""
    found, place = {}, 0
    while place < len(data):
        end = data.index(b" ", place, place + 10)
        length = int(data[place:end])
        record = data[end + 1 : place + length]
        if length < 5 or place + length > len(data) or record[-1:] != b"\n":
            raise ValueError("a record of a header is damaged")
        key, _, value = record[:-1].partition(b"=")
        found[_text(key)] = _text(value)
        place += length
    return found


def _check_for_all(records: dict[str, str]) -> None:
    if records.keys() & {"path", "size"}:
        raise Refused("a header gives all of its members one name or size")


class _Source:
    """What an archive unpacks to, read from front to back."""

    def __init__(self, reader: Reader, came: Callable[[int], None]):
        self.reader, self.came = reader, came
        self.count = 0

    @property
    def begins(self) -> bool:
        """Whether only the first header has been read."""
        return self.count == BLOCK

    def some(self, size: int) -> bytes:
        """Between 1 and `size` bytes. Raises EOFError at the end."""
        data = self.reader.read(min(size, CHUNK))
        if not data:
            raise EOFError("there is no more")
        self.count += len(data)
        self.came(len(data))
        return data

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes, of a header."""
        if size > MOST_HEADER:
            raise Refused(f"a header has {size} bytes, over {MOST_HEADER}")
        parts, left = [], size
        while left:
            parts.append(self.some(left))
            left -= len(parts[-1])
        return b"".join(parts)

    def padded(self, size: int) -> bytes:
        """The next `size` bytes, of blocks of which the last is filled up."""
        data = self.exactly(size)
        self.exactly(-size % BLOCK)
        return data

    def pieces(self, size: int) -> Iterator[bytes]:
        """The content of a file of `size` bytes."""
        left = size
        while left:
            piece = self.some(left)
            left -= len(piece)
            yield piece
        self.exactly(-size % BLOCK)

    def drain(self) -> None:
        """Read to the end, where packed archives have their checksum."""
        while data := self.reader.read(CHUNK):
            self.came(len(data))


def _unpacked(file: BinaryIO) -> Reader:
    sign = file.read(6)
    file.seek(0)
    packing = next((name for start, name in SIGNS.items() if sign.startswith(start)), None)
    if packing == "gz":
        return gzip.GzipFile(fileobj=file, mode="rb")
    if packing == "bz2":
        return _Unpacked(file, bz2.BZ2Decompressor)
    if packing == "xz":
        return _Unpacked(file, _xz)
    return file


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY)


class _Unpacked:
    """What streams of bz2 or xz, one after the other, unpack to, in bounded memory."""

    def __init__(
        self, file: BinaryIO, start: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
    ):
        self.file, self.start = file, start
        self.stream = start()

    def read(self, size: int, /) -> bytes:
        """Between 1 and `size` bytes; none at the end. Raises EOFError where a stream is cut."""
        while True:
            packed = b""
            if self.stream.eof:
                packed = (self.stream.unused_data or self.file.read(CHUNK)).lstrip(b"\0")
                if not packed:
                    return b""
                self.stream = self.start()
            elif self.stream.needs_input:
                packed = self.file.read(CHUNK)
                if not packed:
                    raise EOFError("the packed data end early")
            data = self.stream.decompress(packed, size)
            if data:
                return data
