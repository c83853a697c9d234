"""CSVLogger: a row of figures for every epoch, in a file."""

import csv
import errno
import io
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.callbacks.messages import Writes, checked_policy
from cornu.errors import UsageError, UsageTypeError, listed, shown, warn
from cornu.saving.files import write_whole

ALONE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""What is said where a file can be written to, but the folder takes no other one."""


class CSVLogger(Writes, Callback):
    """Writes the figures of every epoch as a row of a CSV file, at once and whole.

    The columns are the figures of the first epoch, in order of their names, after "epoch"; where
    that had no validation, columns for one are there too. What is missing later is "NA"; what is
    new later is left out, with a warning. A resumed run goes on behind its last row.

    Args:
        filename: the file; it is begun anew with the first row.
        separator: the character between columns.
        append: go on behind what is in the file already.
        on_save_error: "raise", or "warn" to go on where the disk says no; rows that could not be
            written wait, and come with the next one.

    Raises:
        UsageError, UsageTypeError: for a separator that is no single character.
        OSError: in `fit`, before the first step, for a file that cannot be written, unless told
            to warn.
    """

    leaves_traces = True
    keeps = ("keys", "written", "waiting")

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
        on_save_error: str = "raise",
    ):
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            raise UsageError(
                "E-SEPARATOR",
                f"CSVLogger: separator must be one character, as ',' or '\\t'; got "
                f"{shown(separator)}.",
            )
        try:
            self.filename = os.fspath(filename)
        except TypeError:
            raise UsageTypeError(
                "E-FILE-NAME", f"CSVLogger: filename must be a path; got {shown(filename)}."
            ) from None
        self.sep, self.append = separator, append
        self.on_save_error = checked_policy("CSVLogger", on_save_error)
        self.keys: list[str] | None = None
        self.written = 0  # bytes of the file, up to the end of the last row that counts
        self.waiting = ""  # rows that could not be written yet
        self._left_out: set[str] = set()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Find out whether the file can be written; it stays as it is until the first row."""
        self.keys = None
        self.waiting, self._left_out = "", set()
        there = self.append and os.path.exists(self.filename)
        self.written = os.path.getsize(self.filename) if there else 0
        with self.writing("rows wait until they can be written"), open(self.filename, "ab"):
            pass

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write a row."""
        logs = logs or {}
        rows = []
        if self.keys is None:
            self.keys = _columns(logs)
            if self.written == 0 and not self.waiting:
                rows.append(["epoch", *map(_harmless, self.keys)])
        self._warn_of_new(logs)
        rows.append([epoch, *(_plain(logs.get(key, "NA")) for key in self.keys)])
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.sep).writerows(rows)
        self.waiting += text.getvalue()
        self._write_waiting()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Try once more where rows are waiting."""
        self._write_waiting()

    def _write_waiting(self) -> None:
        with self.writing("rows wait until they can be written"):
            if self.waiting:
                self._write(self.waiting.encode())
                self.waiting = ""

    def _write(self, data: bytes) -> None:
        """Add rows after those that count, with nothing behind them, in one go.

        The file is open no longer than that, so a training that fails leaves it as it should be.
        """
        if not self.written and self._is_replaced(data):
            self.written = len(data)
            return
        mode = "r+b" if os.path.exists(self.filename) else "x+b"
        with open(self.filename, mode, buffering=0) as file:
            size = file.seek(0, io.SEEK_END)
            if size < self.written:
                warn(f"{self.filename} has become shorter meanwhile; rows are missing in it.")
                self.written = size
            file.truncate(self.written)
            file.seek(max(self.written - 1, 0))
            if self.written and file.read(1) != b"\n":  # a row was cut off here: it stays alone
                data = b"\r\n" + data
            file.seek(self.written)
            done = 0
            try:
                while done < len(data):  # a disk that is nearly full takes a part of it first
                    done += file.write(data[done:]) or 0
            except OSError:
                file.truncate(self.written)
                raise
        self.written += len(data)

    def _is_replaced(self, data: bytes) -> bool:
        """Put the first rows in place of another file's content, which is there or they are."""
        if not os.path.isfile(self.filename) or not os.path.getsize(self.filename):
            return False
        try:
            write_whole(self.filename, lambda file: file.write(data))
        except OSError as error:
            if error.errno in ALONE:
                return False
            raise
        return True

    def _warn_of_new(self, logs: Mapping[str, Any]) -> None:
        new = logs.keys() - set(self.keys or ()) - self._left_out
        if new:
            self._left_out |= new
            warn(
                f"CSVLogger: {listed(new)} came after the first epoch and has no column in "
                f"{self.filename}; it is left out."
            )


def _columns(logs: Mapping[str, Any]) -> list[str]:
    """Names of figures in order; those of a validation too, where there was none yet."""
    names = sorted(logs)
    validated = any(name.startswith("val_") for name in names)
    return names if validated else [*names, *(f"val_{name}" for name in names)]


def _harmless(name: str) -> str:
    """A name that no spreadsheet takes for a formula: it may come from a file of a stranger."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _harmless(value)
    if isinstance(value, Iterable) and np.ndim(value):  # pyright: ignore
        return f'"[{", ".join(map(str, value))}]"'
    return value
