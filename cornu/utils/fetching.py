"""Fetching of one address into an open file: https, bounded in size and time, whole or an error.

Plain http is for servers on this computer alone: tests, and mirrors behind a tunnel. No redirect
leads from https to http, nor from elsewhere to this computer. Proxies are those of the environment.
"""

import hashlib
import http.client
import ipaddress
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, BinaryIO

from cornu.errors import UsageError, shown

MOST_BYTES = 64 << 30
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
REDIRECTS = 8
CHUNK = 1 << 16
HOME = ("127.0.0.1", "localhost", "::1")
MOVED = (301, 302, 303, 307, 308)


def check(address: Any) -> None:
    """Raise UsageError for what is no address from which files may come."""
    if not isinstance(address, str) or not address:
        raise _error(
            f"origin must be the address of a file; got {shown(address)}. "
            'get_file(origin="https://host/path/data.zip")'
        )
    if not address.isascii() or not address.isprintable() or " " in address:
        raise _error(
            f"the address {shown(address)} has characters that none has. "
            "Write them as %XX: urllib.parse.quote does that."
        )
    try:
        parts = urllib.parse.urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _error(f"{shown(address)} is no address: {error}.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and host in HOME):
        raise _error(
            f"origin must begin with https://; got {shown(_plain(address))}. Plain http is for "
            f"this computer only ({', '.join(HOME)}); a file that is here needs no get_file."
        )
    if not host or "@" in parts.netloc or "\\" in address:
        raise _error(
            f"{shown(_plain(address))} must have a host, and neither a user, a password nor a \\."
        )


def followed(address: str, location: str | None) -> str:
    """Where a redirect from `address` leads. Raises UsageError where it may not."""
    if not location:
        raise _error(f"{_plain(address)} sends on to nowhere.")
    try:
        target = urllib.parse.urljoin(address, location)
    except ValueError:
        target = location
    try:
        check(target)
    except UsageError as error:
        raise _error(f"{_plain(address)} sends on to a place that is refused: {error}") from None
    if address.startswith("https:") and not target.startswith("https:"):
        raise _error(f"{_plain(address)} sends on to {_plain(target)}, which is not https.")
    if _is_near(target) and not _is_near(address):
        raise _error(f"{_plain(address)} sends on to {_plain(target)}, an address inside.")
    return target


def fetch(address: str, file: BinaryIO, digests: dict[str, Any], name: str) -> int:
    """Write what is at `address` into `file` and the hashes `digests`; the number of its bytes.

    Raises UsageError (E-DOWNLOAD) where it does not come, or not whole.
    """
    try:
        with _answer(address) as answer:
            size = _announced(answer)
            _check_size(size, address, file)
            return _copy(answer, file, size, digests, _Line(name, size))
    except UsageError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _error(f"{_plain(address)} did not come: {_reason(reason)}.") from error


def _error(message: str) -> UsageError:
    return UsageError("E-DOWNLOAD", message)


def _plain(address: str) -> str:
    """The address without what may be secret: user, password, the part after "?"."""
    parts = urllib.parse.urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def _reason(reason: Any) -> str:
    if isinstance(reason, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g} s, or no data within {READ_SECONDS:g} s"
    return str(reason) or type(reason).__name__


def _is_near(address: str) -> bool:
    """Whether a host is this computer or one of its own network, as far as the address tells."""
    host = (urllib.parse.urlsplit(address).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]
        return last.isdecimal() or last.startswith("0x")  # another way to write a number


class _Plain(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _Secure(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _Connections(urllib.request.AbstractHTTPHandler):
    """Opens connections with one time limit for connecting and another for data."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Plain, request)  # pyright: ignore[reportArgumentType]

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        return self.do_open(_Secure, request, context=context)  # pyright: ignore[reportArgumentType]


def _answer(address: str) -> http.client.HTTPResponse:
    """The answer with the file, after redirects."""
    here = address
    for _ in range(REDIRECTS + 1):
        opener = urllib.request.OpenerDirector()
        if not _is_near(here):
            opener.add_handler(urllib.request.ProxyHandler())
        opener.add_handler(_Connections())
        opener.addheaders = [("User-Agent", "cornu"), ("Accept-Encoding", "identity")]
        answer = opener.open(here, timeout=CONNECT_SECONDS)
        if answer is None:
            raise _error(f"{_plain(here)} goes by a proxy of a kind that is not known.")
        if answer.status == 200:
            return answer
        with answer:
            if answer.status in MOVED:
                here = followed(here, answer.headers.get("Location"))
                continue
            phrase = http.client.responses.get(answer.status, "no known answer")
            raise _error(
                f"{_plain(here)} answers {answer.status} ({phrase}). Is the address right? "
                "A file that you have goes to cache_dir/cache_subdir/fname."
            )
    raise _error(f"{_plain(address)} sends on more than {REDIRECTS} times.")


def _announced(answer: http.client.HTTPResponse) -> int | None:
    """How many bytes the server says that it sends, where it does."""
    length = answer.headers.get("Content-Length")
    if length is None or answer.headers.get("Transfer-Encoding"):
        return None
    if not length.isdecimal():
        raise ValueError(f"the server announces {length[:40]!a} bytes")
    return int(length[:40])


def _check_size(size: int | None, address: str, file: BinaryIO) -> None:
    if size is None:
        return
    if size > MOST_BYTES:
        raise _error(f"{_plain(address)} has {size} bytes; at most {MOST_BYTES} are taken.")
    folder = os.path.dirname(file.name)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise _error(f"{_plain(address)} has {size} bytes; {folder} has room for {free}.")


def _copy(
    answer: http.client.HTTPResponse,
    file: BinaryIO,
    size: int | None,
    digests: dict[str, Any],
    line: "_Line",
) -> int:
    came = 0
    with line:
        while data := answer.read(CHUNK):
            came += len(data)
            if came > MOST_BYTES:
                raise _error(f"more than {MOST_BYTES} bytes came, and more are not taken.")
            file.write(data)
            for digest in digests.values():
                digest.update(data)
            line.show(came)
    if size is not None and came != size:
        raise _error(f"{came} bytes came of the {size} that the server announced. Try again.")
    return came


def digest(algorithm: str) -> Any:
    """A new hash, "sha256" or "md5"."""
    return hashlib.new(algorithm, usedforsecurity=algorithm != "md5")


class _Line:
    """One line on a terminal that says how much has come; nothing where nobody looks."""

    def __init__(self, name: str, size: int | None):
        self.name, self.size = name, size
        self.begun = self.shown = time.monotonic()
        self.watched = bool(getattr(sys.stderr, "isatty", lambda: False)())

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if self.watched and self.shown != self.begun:
            print(file=sys.stderr)

    def show(self, came: int) -> None:
        """Show the number of bytes, five times a second."""
        now = time.monotonic()
        if not self.watched or (now - self.shown < 0.2 and came != self.size):
            return
        self.shown = now
        whole = f" of {self.size / 1e6:.1f}" if self.size else ""
        pace = came / 1e6 / max(now - self.begun, 1e-3)
        text = f"{self.name}: {came / 1e6:.1f}{whole} MB, {pace:.1f} MB/s"
        room = shutil.get_terminal_size().columns - 1
        print(f"\r{text[:room]:<{min(room, 79)}}", end="", file=sys.stderr, flush=True)
