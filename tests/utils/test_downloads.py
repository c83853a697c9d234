"""`get_file`, against a server on this computer: what is kept, what is refused, what is left."""

import contextlib
import hashlib
import io
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cornu.errors import UsageError
from cornu.utils import fetching, get_file, locks

DATA = bytes(range(256)) * 1000
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


def packed(files: dict[str, bytes]) -> bytes:
    """A zip archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Answers by the last part of a path, and counts what was asked for."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None):
        super().__init__(("127.0.0.1", 0), Answer)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.asked: Counter[str] = Counter()
        self.go_on = threading.Event()
        self.data, self.location = DATA, ""
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        self.server.asked[name] += 1
        self.close_connection = True
        if name.isdecimal():
            return self.head(int(name), {"Content-Length": "3"}, b"no!")
        if name.startswith("moved"):
            return self.head(302, {"Location": self.server.location, "Content-Length": "0"})
        if name == "silent":
            return self.server.go_on.wait(5)
        if name == "chunked":
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(DATA), DATA)
            return self.head(200, {"Transfer-Encoding": "chunked"}, body)
        if name == "cut-chunks":
            return self.head(200, {"Transfer-Encoding": "chunked"}, b"fff\r\nabc")
        if name == "endless":
            return self.endless()
        lengths = {"cut": len(DATA) + 1, "huge": 1 << 60, "odd": "-1", "stuck": len(DATA)}
        length = lengths.get(name, len(self.server.data))
        if name == "slow":
            time.sleep(0.3)
        if name == "stuck":
            self.head(200, {"Content-Length": str(length)}, DATA[:1000])
            return self.server.go_on.wait(5)
        self.head(200, {"Content-Length": str(length)}, self.server.data)

    def head(self, status, fields, body=b""):
        self.send_response(status)
        for field, value in fields.items():
            self.send_header(field, value)
        self.end_headers()
        self.wfile.write(body)

    def endless(self):
        self.head(200, {})
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(DATA)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def running():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running):
    running.asked.clear()
    running.go_on.clear()
    running.data, running.location = DATA, ""
    yield running
    running.go_on.set()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CORNU_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def refused(code: str, said: str, *arguments, **named) -> str:
    """What the error says; `code` and `said` must be in it."""
    with pytest.raises(UsageError) as caught:
        get_file(*arguments, **named)
    assert caught.value.code == code, caught.value
    assert said in str(caught.value)
    return str(caught.value)


def left(folder: Path) -> list[str]:
    """All that is in a folder, hidden things too."""
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


# ---------------------------------------------------------------- what is kept


def test_a_file_comes_and_is_kept(server, home):
    path = get_file(origin=server.address("a/data.bin?version=../1"))
    assert path == str(home / "data.bin")
    assert Path(path).read_bytes() == DATA
    assert left(home) == ["data.bin"]
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE(home.parent.stat().st_mode) == 0o700
    assert get_file(origin=server.address("a/data.bin")) == path
    assert server.asked == {"data.bin": 1}


@pytest.mark.parametrize("name", ["data", "chunked", "empty"])
def test_hashes_are_held(server, home, name):
    server.data = b"" if name == "empty" else DATA
    data = server.data
    sha256, md5 = hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest()
    for given in (
        {"file_hash": sha256},
        {"file_hash": f" {sha256.upper()}\n", "hash_algorithm": "sha256"},
        {"file_hash": md5},
        {"md5_hash": md5.upper()},
        {"md5_hash": md5, "file_hash": sha256},
    ):
        path = get_file("data", server.address(name), force_download=True, **given)
        assert Path(path).read_bytes() == data
        get_file("data", server.address(name), **given)
    assert server.asked == {name: 5}
    assert left(home) == ["data"]


def test_a_file_that_has_changed_comes_again(server, home):
    path = Path(get_file("data", server.address("data"), file_hash=SHA256))
    path.write_bytes(DATA[:-1])
    assert Path(get_file("data", server.address("data"))).read_bytes() == DATA[:-1]
    get_file("data", server.address("data"), file_hash=SHA256)
    assert path.read_bytes() == DATA and server.asked == {"data": 2}
    server.data = b"other"
    get_file("data", server.address("data"), file_hash=OTHER)
    assert path.read_bytes() == b"other"
    server.data = DATA
    get_file("data", server.address("data"), force_download=True)
    assert path.read_bytes() == DATA and server.asked == {"data": 4}


@pytest.mark.parametrize("given", [{"file_hash": OTHER}, {"md5_hash": "0" * 32}])
def test_a_wrong_hash_leaves_nothing(server, home, given):
    (wanted,) = given.values()
    said = refused("E-HASH", wanted, "data", server.address("data"), **given)
    assert (SHA256 if "file_hash" in given else MD5) in said
    assert left(home) == []
    home.joinpath("data").write_text("old")
    refused("E-HASH", wanted, "data", server.address("data"), **given)
    assert left(home) == ["data"] and home.joinpath("data").read_text() == "old"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"file_hash": "abc"}, "64 (sha256) or 32 (md5)"),
        ({"file_hash": "g" * 64}, "hexadecimal"),
        ({"file_hash": MD5, "hash_algorithm": "sha256"}, "must have 64 (sha256)"),
        ({"file_hash": SHA256, "hash_algorithm": "sha1"}, "'sha1'"),
        ({"md5_hash": SHA256}, "md5_hash must have 32"),
        ({"md5_hash": "0" * 32, "file_hash": MD5}, "differ"),
        ({"file_hash": 5}, "5 (int)"),
    ],
)
def test_hashes_that_are_none(server, home, given, said):
    refused("E-HASH", said, "data", server.address("data"), **given)
    assert not server.asked


def test_folders(server, home, tmp_path, monkeypatch):
    address = server.address("data")
    path = get_file("a", address, cache_dir=tmp_path / "x" / "y", cache_subdir="z/w")
    assert path == str(tmp_path / "x" / "y" / "z" / "w" / "a")
    assert get_file("a", address, cache_subdir=str(tmp_path / "b")) == str(tmp_path / "b" / "a")
    monkeypatch.chdir(tmp_path)
    assert Path(get_file(Path("a"), address, cache_dir=".", cache_subdir="")).resolve() == (
        tmp_path / "a"
    )
    monkeypatch.delenv("CORNU_HOME")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert get_file("a", address) == str(tmp_path / "keras" / "datasets" / "a")


def test_a_folder_that_cannot_be_made(server, tmp_path):
    """There is no other folder for it, least of all one that everybody can write to."""
    tmp_path.joinpath("file").write_text("")
    said = refused("E-DOWNLOAD", "cannot be", "a", server.address("a"), cache_dir=tmp_path / "file")
    assert str(tmp_path / "file") in said and "cache_dir" in said
    assert not server.asked
    tmp_path.joinpath("datasets", "a").mkdir(parents=True)
    refused("E-DOWNLOAD", "is no file", "a", server.address("a"), cache_dir=tmp_path)


# ---------------------------------------------------------------- names and addresses


@pytest.mark.parametrize(
    "name",
    [
        "..", ".", "a/b", "../a", "/etc/passwd", "a\\b", "C:evil", "c:", "a\0b", "a\nb", "\x1b[2J",
        " ", ". .", "x" * 250, b"bytes", 5,
    ],
)  # fmt: skip
def test_names_that_are_none(server, home, name):
    refused("E-DOWNLOAD", "fname must be", name, server.address("data"))
    assert not server.asked and not home.exists()


@pytest.mark.parametrize(
    "path", ["d/..", ".", "", "d/", "C:evil", "%2e%2e%2f", "a%00", "a%2fb", "%5c..", "d/?x=../a"]
)
def test_addresses_that_name_no_file(server, home, path):
    refused("E-DOWNLOAD", "the last part of the address", origin=server.address(path))
    assert not server.asked and not home.exists()
    assert Path(get_file("named", server.address(path))).parent == home


@pytest.mark.parametrize(
    "address",
    [
        None, "", 5, "data.zip", "/etc/passwd", "file:///etc/passwd", "file:///d/..", "FILE:///a",
        "ftp://127.0.0.1/a", "data:,a", "http://example.com/a", "HTTP://Example.com/a",
        "http://127.0.0.1.example.com/a", "http://localhost@example.com/a", "https:///a",
        "https://user:secret@example.com/a", "http://127.0.0.2/a", "https://h/a b", "https://h/ä",
        "https://h/a\r\nHost: x", "https://h:port/a", "https://[::1/a", "https://h\\@127.0.0.1/a",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(home, address):
    assert "secret" not in refused("E-DOWNLOAD", "", "a", address)
    assert not home.exists()


@pytest.mark.parametrize(
    ("here", "location", "target"),
    [
        ("https://a.com/x/y?z", "/w", "https://a.com/w"),
        ("https://a.com/x", "https://b.com/w", "https://b.com/w"),
        ("http://localhost/x", "https://b.com/w", "https://b.com/w"),
        ("http://localhost/x", "http://127.0.0.1:80/w", "http://127.0.0.1:80/w"),
        ("https://a.com/x", "//b.com/w", "https://b.com/w"),
    ],
)
def test_redirects(here, location, target):
    assert fetching.followed(here, location) == target


@pytest.mark.parametrize(
    "location",
    [
        None, "", "http://a.com/x", "http://b.com/x", "file:///etc/passwd", "ftp://a.com/x",
        "http://localhost/x", "https://localhost/x", "https://localhost./x", "https://127.0.0.1/x",
        "https://127.1/x", "https://2130706433/x", "https://0x7f000001/x", "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x", "https://x.localhost/x", "https://10.0.0.1/x",
        "https://169.254.169.254/latest", "https://0.0.0.0/x", "https://u:p@b.com/x", "data:,x",
    ],
)  # fmt: skip
def test_redirects_that_are_refused(location):
    with pytest.raises(UsageError, match="E-DOWNLOAD"):
        fetching.followed("https://a.com/x", location)


def test_redirects_stay_with_https_at_home_too():
    assert fetching.followed("https://localhost/x", "https://127.0.0.1/y") == "https://127.0.0.1/y"
    for location in ("http://localhost/y", "https://[x/y", "//[x"):
        with pytest.raises(UsageError, match="E-DOWNLOAD"):
            fetching.followed("https://localhost/x", location)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_certificates_are_checked(home, tmp_path, monkeypatch):
    certificate, key = str(tmp_path / "certificate"), str(tmp_path / "key")
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2"
    options = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", certificate, *options],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(context)
    address = f"https://localhost:{server.server_address[1]}/"
    try:
        refused("E-DOWNLOAD", "certificate", "a", address + "data")
        assert left(home) == [] and not server.asked
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        assert Path(get_file("a", address + "data", file_hash=SHA256)).read_bytes() == DATA
        refused("E-DOWNLOAD", "127.0.0.1", "b", address.replace("localhost", "127.0.0.1") + "data")
        server.location = "http://localhost/data"
        refused("E-DOWNLOAD", "not https", "b", address + "moved")
    finally:
        server.shutdown()
        server.server_close()


def test_a_redirect_is_followed_and_named_after_the_first(server, home):
    server.location = "data?token=1"
    assert get_file(origin=server.address("moved.bin")) == str(home / "moved.bin")
    assert server.asked == {"moved.bin": 1, "data": 1}


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://example.com/data", "https://"),
        ("file:///etc/passwd", "refused"),
        ("moved", "more than 8 times"),
    ],
)
def test_a_server_sends_elsewhere(server, home, location, said):
    server.location = location
    refused("E-DOWNLOAD", said, "a", server.address("moved"))
    assert left(home) == []


# ---------------------------------------------------------------- servers that do not do their part


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("404", "404 (Not Found)"),
        ("500", "500 (Internal Server Error)"),
        ("206", "206 (Partial Content)"),
        ("cut", f"{len(DATA)} bytes came of the {len(DATA) + 1}"),
        ("cut-chunks", "did not come"),
        ("odd", "-1"),
        ("huge", f"{1 << 60} bytes"),
    ],
)
def test_a_bad_answer_leaves_nothing(server, home, name, said):
    message = refused("E-DOWNLOAD", said, "a", server.address(f"{name}?key=secret"))
    assert "secret" not in message
    assert left(home) == []
    assert Path(get_file("a", server.address("data"))).read_bytes() == DATA


@pytest.mark.parametrize("name", ["silent", "stuck"])
def test_a_silent_server_is_given_up(server, home, monkeypatch, name):
    monkeypatch.setattr(fetching, "READ_SECONDS", 0.1)
    refused("E-DOWNLOAD", "no data within 0.1 s", "a", server.address(name))
    assert left(home) == []


def test_a_server_that_does_not_begin_is_given_up(home, monkeypatch):
    """It takes the connection and says nothing of TLS."""
    monkeypatch.setattr(fetching, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"https://127.0.0.1:{listening.getsockname()[1]}/a"
        refused("E-DOWNLOAD", "no answer within 0.1 s", "a", address)
    assert left(home) == []


def test_limits_of_time_and_size(server, home, monkeypatch):
    assert (fetching.CONNECT_SECONDS, fetching.READ_SECONDS) == (10, 60)
    monkeypatch.setattr(fetching, "MOST_BYTES", len(DATA))
    assert Path(get_file("fits", server.address("chunked"))).stat().st_size == len(DATA)
    refused("E-DOWNLOAD", f"more than {len(DATA)} bytes", "a", server.address("endless"))
    monkeypatch.setattr(fetching, "MOST_BYTES", len(DATA) - 1)
    refused("E-DOWNLOAD", f"at most {len(DATA) - 1}", "a", server.address("data"))
    assert left(home) == ["fits"]


def test_nobody_answers(home):
    server = Server()
    address = server.address("data")
    server.shutdown()
    server.server_close()
    refused("E-DOWNLOAD", "refused", "a", address)
    assert left(home) == []


def test_a_proxy_is_not_told_of_this_computer(server, home, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert Path(get_file("a", server.address("data"))).read_bytes() == DATA


def test_a_full_disk(server, home, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: usage)
    refused("E-DOWNLOAD", "has room for 10", "a", server.address("data"))
    assert left(home) == []


# ---------------------------------------------------------------- several at once, interruptions


def test_two_threads_download_once(server, home):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(get_file("a", server.address("slow"))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [str(home / "a")] * 4
    assert server.asked == {"slow": 1} and left(home) == ["a"]


PROGRAM = """
import sys, types, importlib.util, pathlib
sys.path.insert(0, sys.argv[1])
package = types.ModuleType("cornu.utils")  # what `cornu.utils` imports besides takes a second
package.__path__ = [str(pathlib.Path(sys.argv[1], "cornu", "utils"))]
sys.modules["cornu.utils"] = package
from cornu.utils.downloads import get_file
print("ready", flush=True)
print(get_file("a", sys.argv[2]), flush=True)
"""


def process(address: str) -> subprocess.Popen:
    """Another Python that downloads the same file."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", PROGRAM, root, address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_two_processes_download_once(server, home):
    both = [process(server.address("slow")) for _ in range(2)]
    outputs = [each.communicate() for each in both]
    assert [out.split()[1:] for out, _ in outputs] == [[str(home / "a")]] * 2, outputs
    assert server.asked == {"slow": 1} and left(home) == ["a"]


def test_killed_in_the_middle_and_called_again(server, home, monkeypatch):
    other = process(server.address("stuck"))
    wait_for(lambda: any(name.endswith(".part") for name in left(home)) and server.asked)
    other.kill()
    other.communicate()
    assert "a" not in left(home) and ".a.lock" in left(home)
    monkeypatch.setattr(locks, "STALE_SECONDS", 0.3)
    assert Path(get_file("a", server.address("data"))).read_bytes() == DATA
    assert left(home) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C of another process is of POSIX")
def test_ctrl_c_leaves_nothing(server, home):
    other = process(server.address("stuck"))
    wait_for(lambda: any(name.endswith(".part") for name in left(home)) and server.asked)
    other.send_signal(signal.SIGINT)
    _, said = other.communicate()
    assert "KeyboardInterrupt" in said and left(home) == []


def test_a_lock_that_is_held_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(locks, "TOUCH_SECONDS", 0.02)
    order, waits = [], []

    def second():
        with locks.locked(str(tmp_path / "lock"), lambda: waits.append(1)):
            order.append("second")

    with locks.locked(str(tmp_path / "lock")):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.9)
        order.append("first")
    thread.join()
    assert order == ["first", "second"] and waits == [1] and left(tmp_path) == []


def test_the_line_on_a_terminal(server, home, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal, file = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    get_file("a", server.address("data"))
    assert "a: 0.3 of 0.3 MB" in terminal.getvalue() and terminal.getvalue().endswith("\n")
    monkeypatch.setattr(sys, "stderr", file)
    get_file("b", server.address("data"))
    assert file.getvalue() == ""


# ---------------------------------------------------------------- archives


@pytest.mark.parametrize(
    ("name", "archive", "folder"),
    [
        ("flowers", "flowers_archive", "flowers"),
        ("flowers.tar.gz", "flowers.tar.gz", "flowers_extracted"),
        (None, "data.zip_archive", "data.zip"),
    ],
)
def test_an_archive_is_unpacked_once(server, home, name, archive, folder):
    server.data = packed({"a/b.txt": b"text"})
    address = server.address("data.zip")
    for _ in range(2):
        path = get_file(name, address, extract=True)
        assert path == str(home / folder)
        assert Path(path, "a", "b.txt").read_bytes() == b"text"
    assert server.asked == {"data.zip": 1}
    assert left(home) == sorted([f".{folder}.unpacked", archive, folder])


def test_what_was_there_is_moved_aside(server, home):
    server.data = packed({"a": b"1"})
    home.joinpath("x").mkdir(parents=True)
    home.joinpath("x", "mine").write_text("mine")
    with pytest.warns(UserWarning, match="x_before"):
        path = get_file("x", server.address("x.zip"), extract=True)
    assert left(Path(path)) == ["a"] and left(home / "x_before") == ["mine"]
    server.data = packed({"b": b"1"})
    with pytest.warns(UserWarning, match="x_before2"):
        get_file("x", server.address("x.zip"), extract=True, force_download=True)
    assert left(Path(path)) == ["b"] and left(home / "x_before2") == ["a"]


def test_a_bad_archive_changes_nothing(server, home):
    home.joinpath("x").mkdir(parents=True)
    home.joinpath("x", "mine").write_text("mine")
    server.data = packed({"../a": b"1"})
    refused("E-EXTRACT", "'..'", "x", server.address("x.zip"), extract=True)
    assert left(home) == ["x", "x_archive"] and left(home / "x") == ["mine"]
    server.data = DATA
    for given in ({"extract": True}, {"untar": True}):
        refused("E-EXTRACT", "no tar", "y", server.address("y"), **given)
    server.data = packed({"a": b"1"})
    refused("E-EXTRACT", "a zip archive", "z", server.address("z"), untar=True)
    assert left(home) == ["x", "x_archive", "y_archive", "z_archive"]


@pytest.mark.parametrize("value", [None, [], "rar", ["tar", "rar"], 5])
def test_formats_that_are_none(server, home, value):
    refused("E-EXTRACT", "archive_format", "x", server.address("x"), extract=True,
            archive_format=value)  # fmt: skip
    assert not server.asked
    get_file("x", server.address("x"), archive_format=value)
