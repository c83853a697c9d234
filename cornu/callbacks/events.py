"""Event files, which TensorBoard reads: numbers, histograms, pictures, the graph of a model.

The formats are those of tensorboardX (the extra `tensorboard`), which is asked for only here. A
file belongs to a run, whose name it bears; so a run that goes on from an earlier moment can cut its
own files back to that moment.
"""

import io
import os
import platform
import struct
import time
import weakref
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown, warn

BINS = 30
SIDE = 64
"""Most small pictures in a row or column of a large one."""


def parts() -> SimpleNamespace:
    """What is used of tensorboardX. Raises ImportError with the way to get it."""
    try:
        from tensorboardX.proto import event_pb2, summary_pb2
        from tensorboardX.record_writer import masked_crc32c
    except ImportError as error:
        raise ImportError(
            "The TensorBoard callback writes its files with tensorboardX: "
            'pip install "cornu[tensorboard]" or pip install tensorboardX. '
            "(CSVLogger needs nothing.)"
        ) from error
    event: Any = event_pb2  # its classes are made when it is imported
    return SimpleNamespace(crc=masked_crc32c, event=event.Event, summary=summary_pb2)


class Events:
    """The event files of one run in one folder; a new one is made when something is written.

    Args:
        folder: where the files go.
        run: name of the run, which files of it end in: letters and digits, for it may come from
            a file.
        sizes: name -> size in bytes of the run's files, kept true with every write. What is in the
            folder is cut back to it: so it was at the moment from which the run goes on.

    Raises:
        UsageError: for another name.
    """

    def __init__(self, folder: Path, run: str, sizes: dict[str, int]):
        if not (isinstance(run, str) and run.isalnum()):
            raise UsageError("E-RUN-NAME", f"the name of a run must be letters; got {shown(run)}.")
        self.folder, self.run, self.sizes = folder, run, sizes
        self._parts = parts()
        self._file: io.FileIO | None = None
        self._left_out: set[str] = set()  # tags of what is no number
        for path in self._own():
            size = sizes.get(path.name)
            if size is None:
                path.unlink()
            elif size < path.stat().st_size:
                os.truncate(path, size)

    def scalars(self, step: int, figures: Mapping[str, Any]) -> None:
        """Numbers by tag; of an array, each one with its place in the tag.

        What is no number is left out, with a warning when a tag comes first.
        """
        make = self._parts.summary.Summary.Value
        values = [make(tag=tag, simple_value=v) for tag, v in _spread(figures, self._left_out)]
        if values:
            self._write(step, values)

    def histogram(self, step: int, tag: str, array: np.ndarray) -> None:
        """How the finite numbers of an array are spread; nothing where there is none."""
        found = np.asarray(array, "float64").ravel()
        found = found[np.isfinite(found)]
        if not found.size:
            return
        counts, edges = np.histogram(found, BINS)
        histogram = self._parts.summary.HistogramProto(
            min=found.min(),
            max=found.max(),
            num=found.size,
            sum=found.sum(),
            sum_squares=(found**2).sum(),
            bucket_limit=edges[1:].tolist(),
            bucket=counts.tolist(),
        )
        self._write(step, [self._parts.summary.Summary.Value(tag=tag, histo=histogram)])

    def image(self, step: int, tag: str, grey: np.ndarray) -> None:
        """A picture of bytes (height, width)."""
        height, width = grey.shape
        image = self._parts.summary.Summary.Image(
            height=height, width=width, colorspace=1, encoded_image_string=png(grey)
        )
        self._write(step, [self._parts.summary.Summary.Value(tag=tag, image=image)])

    def model(self, text: str) -> None:
        """The graph of a model from its JSON: TensorBoard's "conceptual graph"."""
        value = self._parts.summary.Summary.Value(tag="keras")
        value.metadata.plugin_data.plugin_name = "graph_keras_model"
        value.metadata.plugin_data.content = b"1"
        value.tensor.dtype = 7  # a string
        value.tensor.tensor_shape.SetInParent()  # of no axes
        value.tensor.string_val.append(text.encode())
        self._write(0, [value])

    def close(self) -> None:
        """Close the file; what is written later goes to a new one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _own(self) -> list[Path]:
        return sorted(self.folder.glob(f"events.out.tfevents.*.{self.run}-[0-9]*"))

    def _write(self, step: int, values: list) -> None:
        if self._file is None:
            begin = self._parts.event(wall_time=time.time(), file_version="brain.Event:2")
            file = self._open()
            self._append(file, begin)
            self._file = file
        summary = self._parts.summary.Summary(value=values)
        event = self._parts.event(wall_time=time.time(), step=int(step), summary=summary)
        self._append(self._file, event)

    def _append(self, file: io.FileIO, event: Any) -> None:
        """Write an event as TensorFlow frames records: its length, the event, checksums of both."""
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        frame = b"".join((length, self._number(length), data, self._number(data)))
        begin, done = file.tell(), 0
        try:
            while done < len(frame):  # a disk that is nearly full takes a part of it first
                done += file.write(frame[done:])
        except OSError:
            file.seek(begin)  # readers end at a part of a record, whatever stands behind it
            file.truncate(begin)
            raise
        self.sizes[Path(str(file.name)).name] = file.tell()

    def _number(self, data: bytes) -> bytes:
        return struct.pack("<I", self._parts.crc(data))

    def _open(self) -> io.FileIO:
        """A new file, written without a buffer: a killed process loses nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        host = "".join(c for c in platform.node() if c.isalnum() or c in ".-") or "localhost"
        end = f"{int(time.time())}.{host}.{self.run}-{len(self._own())}"
        file = io.FileIO(self.folder / f"events.out.tfevents.{end}", "x")
        weakref.finalize(self, file.close)  # an error in training tells nobody
        return file


def _spread(figures: Mapping[str, Any], left_out: set[str]) -> Iterator[tuple[str, float]]:
    for tag, value in figures.items():
        try:
            array = np.asarray(value, "float64")
        except (TypeError, ValueError):
            if tag not in left_out:
                left_out.add(tag)
                warn(f'TensorBoard: "{tag}" is {shown(value)}, no number; it is left out.')
            continue
        if array.ndim == 0:
            yield tag, float(array)
        else:
            yield from ((f"{tag}/{i}", float(v)) for i, v in enumerate(array.ravel()))


def picture(weight: np.ndarray) -> np.ndarray | None:
    """A weight as a grey picture of bytes, dark for its least number, bright for its greatest.

    A vector is a row, a matrix lies on its longer side; kernels (rows, columns, inputs, outputs)
    stand side by side, a row of them for each input. None for what has other axes.
    """
    array = np.asarray(weight, "float32")
    if array.ndim == 4:
        array = _kernels(array)
    array = np.squeeze(array)
    if array.ndim > 2 or not array.size:
        return None
    array = np.atleast_2d(array)
    if array.shape[0] > array.shape[1]:
        array = array.T
    array = np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(array.min()), float(array.max())
    return ((array - low) * (255 / (high - low) if high > low else 0)).astype("uint8")


def _kernels(array: np.ndarray) -> np.ndarray:
    """(rows, columns, inputs, outputs) in one picture, with a line of zeros between kernels."""
    array = np.pad(array[:, :, :SIDE, :SIDE], ((0, 1), (0, 1), (0, 0), (0, 0)))
    rows, columns, inputs, outputs = array.shape
    return array.transpose(2, 0, 3, 1).reshape(inputs * rows, outputs * columns)[:-1, :-1]


def png(grey: np.ndarray) -> bytes:
    """A picture of bytes (height, width) as a PNG file. (ISO/IEC 15948)"""
    height, width = grey.shape
    rows = np.zeros((height, width + 1), "uint8")  # before each row: 0, its filter
    rows[:, 1:] = grey
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
