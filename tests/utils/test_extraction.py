"""Unpacking: what honest archives hold comes out; what others hold does not."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cornu.errors import UsageError
from cornu.utils import extraction, tarring
from cornu.utils.extraction import extract

TEXT = b"text\n" * 400
CONTENT = {"a.txt": TEXT, "b/c d.bin": bytes(range(256)) * 4, "b/empty": b"", "é/ü": b"1"}
PACKINGS = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields) -> tuple:
    """A member of a tar archive, with what `tarfile.TarInfo` has besides."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(*members: tuple, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive, as Python's own module writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(*members: tuple, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of pairs of a name or `ZipInfo` and data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename, info.external_attr = name, mode << 16
    return info


def raw_header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """A header by hand: what `tarfile` would not write."""
    fields = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0")
    fields += b"00000000000\0" + b" " * 8 + kind + bytes(100) + b"ustar\x0000"
    fields = fields.ljust(512, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def contents(folder: Path) -> dict[str, bytes]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in files}


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[..., Path]:
    def unpack(data: bytes, formats: tuple[str, ...] = ("tar", "zip")) -> Path:
        path = tmp_path / "archive"
        path.write_bytes(data)
        extract(str(path), str(tmp_path / "out"), formats)
        assert sorted(each.name for each in tmp_path.iterdir()) == ["archive", "out"]
        return tmp_path / "out"

    return unpack


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[[bytes], str]:
    """What is said of an archive, of which nothing may be left, inside or outside."""

    def refuse(data: bytes) -> str:
        folder = tmp_path / "inside"
        folder.mkdir(exist_ok=True)
        (folder / "archive").write_bytes(data)
        with pytest.raises(UsageError) as caught:
            extract(str(folder / "archive"), str(folder / "out"))
        assert caught.value.code == "E-EXTRACT"
        assert [each.name for each in tmp_path.iterdir()] == ["inside"]
        assert [each.name for each in folder.iterdir()] == ["archive"]
        return str(caught.value)

    return refuse


# ---------------------------------------------------------------- honest archives


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar(unpacked, packing, form):
    members = [member("./", kind=tarfile.DIRTYPE), member("./b", kind=tarfile.DIRTYPE)]
    members += [member(f"./{name}", data) for name, data in CONTENT.items()]
    data = PACKINGS[packing](tar(*members, form=form))
    assert contents(unpacked(data)) == CONTENT


def test_streams_one_after_the_other(unpacked):
    data = tar(*(member(name, data) for name, data in CONTENT.items()))
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        folder = unpacked(pack(data[:700]) + pack(data[700:]))
        assert contents(folder) == CONTENT
        shutil.rmtree(folder)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip(unpacked, packing):
    data = zipped(("b/", b""), ("z/", b""), *CONTENT.items(), packing=packing)
    folder = unpacked(data)
    assert contents(folder) == CONTENT and (folder / "z").is_dir()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["d/" * 60 + "long", f"{'x' * 150}/{'y' * 150}", "п" * 100])
def test_long_names(unpacked, form, name):
    assert contents(unpacked(tar(member(name, TEXT), member("after", b"1"), form=form))) == {
        name: TEXT,
        "after": b"1",
    }


def test_other_writers_of_tar(unpacked):
    """Numbers in bytes, a folder by its name alone, no magic word, records for all, Latin-1."""
    binary = (1 << 95 | len(TEXT)).to_bytes(12, "big")
    old = raw_header(b"old/", b"0", b"\0")
    data = raw_header(b"pax", b"%o" % 16, b"g") + b"16 comment=text\n".ljust(512, b"\0")
    data += old + raw_header(b"old/caf\xe9", binary) + TEXT.ljust(2048, b"\0") + bytes(1024)
    assert contents(unpacked(data)) == {"old/café": TEXT}


def test_modes_are_plain(unpacked):
    mask = os.umask(0o022)
    try:
        modes = {"s": 0o6777, "r": 0o400, "w": 0o666, "x": 0o711}
        members = [member(name, b"1", mode=mode) for name, mode in modes.items()]
        folder = unpacked(tar(member("d", kind=tarfile.DIRTYPE, mode=0o1777), *members))
    finally:
        os.umask(mask)
    found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert found == {"s": 0o755, "r": 0o644, "w": 0o644, "x": 0o755, "d": 0o755}
    assert {each.stat().st_uid for each in folder.iterdir()} == {folder.stat().st_uid}


def test_a_folder_that_is_there_stays(unpacked, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(UsageError, match="already"):
        unpacked(zipped(("a", b"1")))
    assert contents(tmp_path / "out") == {"mine": b"mine"}


# ---------------------------------------------------------------- names that lead elsewhere


NAMES = [
    "../x", "..", "a/../../x", "a/..", "/x", "//x", "/", "C:x", "C:/x", "a/c:evil", "..\\x",
    "a\\..\\..\\x", "a/\x1b[2J", "a\n", "...", "a/ ", "x" * 241, "d/" * 65 + "x",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names(refusal, name, monkeypatch, tmp_path):
    """Whatever the folder from which Python was called, outside or the one that it is for."""
    (tmp_path / "inside").mkdir()
    for here in (Path("/"), tmp_path / "inside"):
        monkeypatch.chdir(here)
        assert "was not unpacked: " in refusal(tar(member("before", TEXT), member(name, b"1")))
        assert "was not unpacked: " in refusal(zipped(("before", TEXT), (name, b"1")))
    refusal(tar(member(name, kind=tarfile.DIRTYPE)))


def test_zeros_in_names(refusal):
    data = zipped(("before", TEXT), ("a#b", b"1")).replace(b"a#b", b"a\0b")
    assert "control character" in refusal(data)
    said = b"14 path=a\0b.x\n"
    data = raw_header(b"pax", b"%o" % 14, b"x") + said.ljust(512, b"\0") + raw_header(b"y", b"0")
    assert "control character" in refusal(data + bytes(1024))


LINKS = {
    "a link and a file through it": [
        member("d", kind=tarfile.SYMTYPE, linkname=".."), member("d/x", b"1"),
    ],
    "a link that stays inside": [
        member("a", b"1"), member("b", kind=tarfile.SYMTYPE, linkname="a"),
    ],
    "a hard link to outside": [member("d", kind=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "a hard link whose name escapes": [
        member("a", b"1"), member("../x", kind=tarfile.LNKTYPE, linkname="a"),
    ],
    "a name judged by its letters": [
        member("link", kind=tarfile.SYMTYPE, linkname="/etc"), member("link/../x", b"1"),
    ],
    "a chain longer than a path may be": [
        *(member("l" * n, kind=tarfile.SYMTYPE, linkname="/".join(["l" * (n + 1)] * 20))
          for n in range(150, 200)),
        member("escape", kind=tarfile.SYMTYPE, linkname="l" * 150 + "/../../.."),
        member("escape/x", b"1"),
    ],
    "a pipe": [member("a", kind=tarfile.FIFOTYPE)],
    "a character device": [member("a", kind=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a block device": [member("a", kind=tarfile.BLKTYPE, devmajor=8)],
    "an unknown kind": [member("a", kind=b"Z")],
    "old holes": [member("a", kind=tarfile.GNUTYPE_SPARSE)],
    "a file as a folder": [member("a", b"1"), member("a/b", b"1")],
    "a folder as a file": [member("a/b", b"1"), member("a", b"1")],
    "a name twice": [member("a", b"1"), member("./a", b"2")],
    "a name in other letters": [member("Straße", b"1"), member("STRASSE", b"2")],
    "folders in other letters": [member("A/x", b"1"), member("a/y", b"2")],
    "one name in two forms": [
        member(unicodedata.normalize("NFC", "é"), b"1"),
        member(unicodedata.normalize("NFD", "é"), b"2"),
    ],
    "no name": [member(".", b"1")],
}  # fmt: skip


@pytest.mark.parametrize("members", LINKS.values(), ids=LINKS)
def test_what_is_no_file(refusal, members):
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        said = refusal(tar(member("before", TEXT), *members, form=form))
        assert "damaged" not in said
    refusal(gzip.compress(tar(*members)))


def test_holes(refusal):
    sparse = member("a", b"1", pax_headers={"GNU.sparse.major": "1"})
    assert "holes" in refusal(tar(member("before", TEXT), sparse))


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644])
def test_what_is_no_file_in_a_zip(refusal, mode):
    assert "only files and folders" in refusal(zipped((entry("a", mode), b"/etc/passwd")))
    refusal(zipped((entry("d", 0o120777), b".."), ("d/x", b"1")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("a", "a/b"), ("a/b", "a")])
def test_one_name_twice_in_a_zip(refusal, names):
    assert "one name" in refusal(zipped(*((name, b"1") for name in names)))


# ---------------------------------------------------------------- bombs


def test_zeros_come_out(unpacked):
    assert contents(unpacked(zipped(("a", bytes(1 << 20))))) == {"a": bytes(1 << 20)}


def test_ratios(refusal):
    zeros = bytes(4 << 20)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        assert "more than 200 times" in refusal(pack(tar(member("a", zeros))))
    assert "over 200 times" in refusal(zipped(("a", zeros)))
    many = [(f"{i}", bytes(1 << 20)) for i in range(4)]
    assert "more than 200 times" in refusal(zipped(*many))


def test_counts_and_bytes(refusal, monkeypatch):
    assert (extraction.MOST_MEMBERS, extraction.MOST_BYTES) == (100_000, 64 << 30)
    monkeypatch.setattr(extraction, "MOST_MEMBERS", 5)
    names = [f"d/{i}" for i in range(5)]
    assert "more than 5 files" in refusal(tar(*(member(name) for name in names)))
    assert "more than 5 files" in refusal(zipped(*((name, b"") for name in names)))
    assert "more than 5 files" in refusal(zipped(("a/b/c/d/e/f", b"")))
    monkeypatch.setattr(extraction, "MOST_BYTES", 10_000)
    assert "more than 10000 bytes" in refusal(tar(member("a", bytes(10_000))))
    assert "more than 10000 bytes" in refusal(zipped(("a", bytes(5001)), ("b", bytes(5000))))
    monkeypatch.setattr(tarring, "MOST_HEADERS", 5)
    folders = [member("d", kind=tarfile.DIRTYPE)] * 6
    assert "more than 5 headers" in refusal(tar(*folders))


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_headers_that_ask_for_memory(refusal, kind):
    """Python's own reader would take all of it into memory at once."""
    said = refusal(raw_header(b"long", b"77777777777", kind) + bytes(1024))
    assert "a header has 8589934591 bytes" in said


def test_chains_of_headers(refusal):
    """Python's own reader calls itself for each of them."""
    link = raw_header(b"long", b"4", b"L") + b"../x".ljust(512, b"\0")
    assert "'..'" in refusal(link * 5000 + raw_header(b"a", b"1") + bytes(2048))


def test_sizes_that_are_none(refusal):
    for size in (b"\xff" * 12, b"-0000000001", b"9", b"\x80" + b"\xff" * 11, b"0_1"):
        refusal(raw_header(b"a", size) + bytes(4096))
    record = b"12 size=-99\n"
    data = raw_header(b"pax", b"%o" % len(record), b"x") + record.ljust(512, b"\0")
    refusal(data + raw_header(b"a", b"1") + bytes(1024))


RECORDS = [b"99 path=a\n", b"x path=a\n", b"0 a=b\n", b"11", b"4 =\n", b"9 path=ab"]


@pytest.mark.parametrize("record", RECORDS)
def test_records_that_are_none(refusal, record):
    data = raw_header(b"pax", b"%o" % len(record), b"x") + record.ljust(512, b"\0")
    assert "damaged" in refusal(data + raw_header(b"a", b"0") + bytes(1024))


def test_one_name_for_all(refusal):
    data = raw_header(b"pax", b"12", b"g") + b"10 path=a\n".ljust(512, b"\0") + bytes(1024)
    assert "one name" in refusal(data)


def test_memory_for_a_window(refusal):
    """A window of 1.5 GB, announced in a few bytes."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    data = bytearray(lzma.compress(tar(member("a", TEXT)), filters=filters))
    place = data.index(b"\x21\x01", 12) + 2
    data[place] = 39
    header = bytes(data[12 : 12 + 4 * (data[12] + 1) - 4])
    data[12 + len(header) : 16 + len(header)] = struct.pack("<I", zlib.crc32(header))
    assert "emory" in refusal(bytes(data))


def test_members_that_share_bytes(refusal):
    data = zipped(("a", TEXT), ("b", TEXT), packing=zipfile.ZIP_STORED)
    start = data.rindex(b"PK\1\2")
    shared = bytearray(data)
    shared[start + 42 : start + 46] = bytes(4)
    assert "overlaps" in refusal(bytes(shared))


def test_a_list_that_is_too_long(refusal, monkeypatch):
    monkeypatch.setattr(extraction, "MOST_LIST", 70_000)
    assert "its list of files has" in refusal(zipped(*((f"{i:0200}", b"") for i in range(400))))


# ---------------------------------------------------------------- damage


def test_files_that_are_cut(refusal):
    whole = tar(*(member(name, data) for name, data in CONTENT.items()))
    for pack in PACKINGS.values():
        data = pack(whole)
        end = whole.rindex(b"1", 0, len(whole)) + 1 if pack is bytes else len(data)
        for share in range(1, 8):
            refusal(data[: end * share // 8])
        if pack is not bytes:
            assert "Download it again" in refusal(data[:-1])
    data = zipped(*CONTENT.items())
    for share in range(1, 8):
        refusal(data[: len(data) * share // 8])


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zip"])
def test_bits_that_have_changed(refusal, packing):
    data = {"data": bytes(i * i % 251 for i in range(3000))}
    if packing == "zip":
        whole = zipped(*data.items(), packing=zipfile.ZIP_STORED)
        places = range(40, 3000, 500)
    else:
        whole = PACKINGS[packing](tar(member("data", data["data"])))
        places = range(60, len(whole) - 8, len(whole) // 8)
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 16
        assert "Download it again" in refusal(bytes(changed))


def test_what_is_no_archive(refusal, unpacked):
    for data in (b"", b"no", bytes(10_000), TEXT, b"\x89HDF\r\n\x1a\n" + bytes(600)):
        assert "no tar and no zip" in refusal(data)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        assert "no tar archive" in refusal(pack(TEXT))
    encrypted = bytearray(zipped(("a", TEXT)))
    for sign, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        encrypted[encrypted.index(sign) + offset] |= 1
    assert "encrypted" in refusal(bytes(encrypted))
    assert "method 12" in refusal(zipped(("a", TEXT), packing=zipfile.ZIP_BZIP2))
    for data, asked in ((tar(member("a")), ("zip",)), (zipped(("a", b"")), ("tar",))):
        with pytest.raises(UsageError, match="archive_format"):
            unpacked(data, asked)


def test_a_full_disk(refusal, monkeypatch):
    calls = itertools.count()

    def full(place: str, mode: int) -> int:
        if next(calls) == 2:
            raise OSError(28, "No space left on device", place)
        return os.open(place, os.O_WRONLY | os.O_CREAT)

    monkeypatch.setattr(extraction, "_created", full)
    assert "No space left" in refusal(zipped(*CONTENT.items()))
