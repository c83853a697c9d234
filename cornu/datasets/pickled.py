"""Pickles of old data sets, read without Python's `pickle`: plain containers and arrays, no more.

A pickle is a program for a small stack machine. This one knows the opcodes that make numbers,
texts, lists, tuples, dicts and NumPy arrays. It calls nothing but functions of its own, whatever
the file names, so nothing in a file can run. https://github.com/python/cpython/blob/main/Lib/pickletools.py
describes the opcodes.
"""

import codecs
import math
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from cornu.datasets import runs
from cornu.errors import UsageError

__all__ = ["read"]

MOST_OBJECTS = 300_000  # containers and texts; the largest of the data sets has 90,000
MOST_DEPTH, MOST_AXES, MOST_DIGITS = 100, 32, 40
LARGE = 2**16
INT = re.compile(rb"K.|M..|J....", re.DOTALL)
INTS = re.compile(rb"(?:K.|M..|J....)++", re.DOTALL)
DTYPE = re.compile(r"[<>=|]?([bBiufc?]\d{0,2}|b1|O8?|O4|[SUa]\d{1,6})")
FAULTS = (IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError, struct.error)


class _Refused(Exception):
    """What the pickle asks for is not given."""


def read(data: bytes, name: str) -> Any:
    """What a pickle holds: numbers, bytes, str, lists, tuples, dicts and NumPy arrays.

    Texts of Python 2 come as bytes. `name` is that of the file, for messages.

    Raises:
        UsageError: for a pickle that holds anything else, and for one that is damaged.
    """
    try:
        return _Machine(data).run()
    except _Refused as error:
        raise UsageError(
            "E-DATA-FILE",
            f"{name}: {error}, which no data set has. Take the file away, and it is downloaded "
            "anew.",
        ) from None
    except FAULTS as error:
        raise UsageError(
            "E-DATA-FILE",
            f"{name} is damaged ({type(error).__name__}: {error}). Take the file away, and it is "
            "downloaded anew.",
        ) from None


class _Ints(dict[bytes, int]):
    """How a number is written -> the number. Small ones, of which there are millions, are kept."""

    def __missing__(self, written: bytes) -> int:
        found = int.from_bytes(written[1:], "little", signed=written[:1] == b"J")
        if written[:1] != b"J":
            self[written] = found
        return found


class _Making:
    """An array or dtype whose state is still to come; `keys` are its places in the memo."""

    def __init__(self, dtype: np.dtype | None = None):
        self.dtype, self.keys = dtype, []


class _Machine:
    """Stack, marks and memo, and where in the data the next opcode is."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0
        self.stack: list = []
        self.marks: list[list] = []
        self.memo: dict[int, Any] = {}
        self.objects = 0

    def run(self) -> Any:
        """What stands on the stack at the end. Numbers, of which there are millions, come first."""
        data, known, together = self.data, _Ints(), runs.found(self.data)
        while True:
            code = data[self.at]
            if code in (0x4A, 0x4B, 0x4D):  # BININT, BININT1, BININT2
                read = together.at(self.at)
                if read is not None:
                    self.at = read[0]
                    self.stack.extend(read[1])
                    continue
                run = INTS.match(data, self.at)
                if run is None:
                    raise ValueError("it ends early")
                self.stack.extend(map(known.__getitem__, INT.findall(data, self.at, run.end())))
                self.at = run.end()
                continue
            self.at += 1
            if code == 0x2E:  # STOP
                return self._end()
            step = STEPS.get(code)
            if step is None:
                raise _Refused(f"it has the opcode {code:#04x} at byte {self.at - 1}")
            step(self)

    def _end(self) -> Any:
        if self.marks or len(self.stack) != 1 or isinstance(self.stack[0], _Making):
            raise ValueError("it ends in the middle")
        return self.stack[0]

    # ---------------------------------------------------------------- reading

    def take(self, count: int) -> bytes:
        """The next bytes. Raises ValueError where the file ends before."""
        found = self.data[self.at : self.at + count]
        if count < 0 or len(found) != count:
            raise ValueError("it ends early")
        self.at += count
        return found

    def number(self, form: str) -> Any:
        """A number of a fixed size."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self, most: int | None = None) -> bytes:
        """What stands before the next line end, which is passed."""
        end = self.data.index(b"\n", self.at)
        if most is not None and end - self.at > most:
            raise ValueError("a number is too long")
        found = self.data[self.at : end]
        self.at = end + 1
        return found

    # ---------------------------------------------------------------- stack

    def put(self, value: Any) -> None:
        """Put a text or container on the stack, if there are not too many."""
        self.objects += 1
        if self.objects > MOST_OBJECTS:
            raise _Refused(f"it has more than {MOST_OBJECTS} parts")
        self.stack.append(value)

    def raw(self, count: int) -> None:
        """Put bytes on the stack: the numbers of an array as a bytearray that it can keep."""
        found = self.take(count)
        self.put(bytearray(found) if count > LARGE else found)

    def text(self, count: int) -> None:
        self.put(str(self.take(count), "utf-8", "surrogatepass"))

    def mark(self) -> None:
        if len(self.marks) >= MOST_DEPTH:
            raise _Refused(f"it is nested deeper than {MOST_DEPTH}")
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list:
        """All that was put since the last mark."""
        found, self.stack = self.stack, self.marks.pop()
        return found

    def several(self, count: int) -> None:
        """The last values as a tuple."""
        if len(self.stack) < count:
            raise IndexError("a tuple is missing its entries")
        found = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.put(found)

    def append(self, values: list) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError("only lists grow")
        target.extend(values)

    def set_items(self, values: list) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise TypeError("only dicts have items")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (str, bytes, int):
                raise TypeError("a key is neither text nor number")
            target[key] = value

    def remember(self, key: int) -> None:
        value = self.stack[-1]
        if isinstance(value, _Making):
            value.keys.append(key)
        self.memo[key] = value
        if len(self.memo) > MOST_OBJECTS:
            raise _Refused(f"it remembers more than {MOST_OBJECTS} parts")

    # ---------------------------------------------------------------- what a file may call

    def named(self, module: Any, name: Any) -> None:
        """Put one of our own functions on the stack, for a name that arrays are written with."""
        parts = [p.decode("utf-8") if isinstance(p, bytes) else p for p in (module, name)]
        found = CALLS.get((parts[0].replace("numpy._core", "numpy.core"), parts[1]))
        if found is None:
            raise _Refused(f"it names {parts[0][:60]}.{parts[1][:60]}")
        self.stack.append(found)

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not any(function is known for known in FUNCTIONS) or type(arguments) is not tuple:
            raise TypeError("it calls what is no function")
        self.put(function(*arguments))

    def build(self) -> None:
        """Give an array or dtype its state, wherever it is remembered."""
        state, making = self.stack.pop(), self.stack.pop()
        if not isinstance(making, _Making):
            raise _Refused("it sets the state of an object")
        made = _array(*state) if making.dtype is None else _ordered(making.dtype, state)
        for key in making.keys:
            self.memo[key] = made
        self.stack.append(made)


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Making:
    if kind is not NDARRAY:
        raise TypeError("it makes an array of another class")
    return _Making()


def _dtype(code: Any, align: Any = False, copy: Any = True) -> _Making:
    name = code.decode("ascii") if isinstance(code, bytes) else code
    if not DTYPE.fullmatch(name):
        raise _Refused(f"it has an array of dtype {name[:40]!r}")
    return _Making(np.dtype("O" if name[-2:] in ("O8", "O4") else name))


def _ordered(dtype: np.dtype, state: Any) -> np.dtype:
    """The dtype in its order of bytes; it may have nothing else."""
    order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
    if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise _Refused("it has an array of records")
    return dtype.newbyteorder(order) if order in "<>" else dtype


def _array(version: Any, shape: Any, dtype: Any, by_columns: Any, values: Any) -> np.ndarray:
    return _filled(shape, dtype, values, "F" if by_columns else "C")


def _frombuffer(values: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    if axes is not None:
        raise _Refused("it has an array with its axes in another order")
    return _filled(shape, dtype, values, order)


def _filled(shape: Any, dtype: Any, values: Any, order: Any) -> np.ndarray:
    """An array of these values, of which there must be exactly as many as the shape says."""
    if not isinstance(dtype, np.dtype) or type(shape) is not tuple or len(shape) > MOST_AXES:
        raise TypeError("an array has no dtype or shape")
    if order not in ("C", "F"):
        raise ValueError("an array has no order of axes")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError("an array's shape is none")
    size = math.prod(shape)
    if dtype.hasobject:
        if type(values) is not list or len(values) != size:
            raise ValueError("an array has another number of entries than its shape says")
        found = np.empty(size, object)
        for place, value in enumerate(values):
            found[place] = value  # found[:] = values would take equal lists for an axis
        return found.reshape(shape, order=order)
    if not isinstance(values, (bytes, bytearray)) or len(values) != size * dtype.itemsize:
        raise ValueError("an array has another number of bytes than its shape says")
    whole = values if isinstance(values, bytearray) else bytearray(values)
    found = np.frombuffer(whole, dtype).reshape(shape, order=order)
    return found.astype(dtype.newbyteorder("="), copy=False)


def _scalar(dtype: Any, value: Any) -> Any:
    return _filled((), dtype, value, "C")[()]


def _encode(text: Any, encoding: Any = "utf-8") -> bytes | bytearray:
    """How Python 3 writes bytes for Python 2."""
    if encoding not in ("latin1", b"latin1", "utf-8"):
        raise _Refused("it has text in an encoding of its own")
    found = text.encode("latin1" if encoding != "utf-8" else "utf-8")
    return bytearray(found) if len(found) > LARGE else found


def _no_bytes() -> bytes:
    """How Python 3 writes the bytes of nothing for Python 2."""
    return b""


NDARRAY = object()
FUNCTIONS: tuple[Callable, ...] = (_reconstruct, _dtype, _scalar, _frombuffer, _encode, _no_bytes)
CALLS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
"""What a file may name -> what stands for it here."""


def _int_line(machine: _Machine) -> None:
    line = machine.line(MOST_DIGITS)
    known = {b"00": False, b"01": True}
    machine.stack.append(known[line] if line in known else int(line.removesuffix(b"L")))


def _long(machine: _Machine, size: int) -> None:
    if size > 8:
        raise ValueError("a number is too long")
    machine.stack.append(int.from_bytes(machine.take(size), "little", signed=True))


def _quoted(machine: _Machine) -> None:
    line = machine.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a text has no quotes")
    found = codecs.escape_decode(line[1:-1])[0]  # pyright: ignore[reportAttributeAccessIssue]
    machine.put(bytearray(found) if len(found) > LARGE else found)


def _append(machine: _Machine) -> None:
    value = machine.stack.pop()
    machine.append([value])


def _appends(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.append(values)


def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items([key, value])


def _dict(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.put({})
    machine.set_items(values)


def _global(machine: _Machine) -> None:
    module = machine.line(200)
    machine.named(module, machine.line(200))


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.named(module, name)


STEPS: dict[int, Callable[[_Machine], Any]] = {
    ord("("): _Machine.mark,
    ord(")"): lambda m: m.put(()),
    ord("0"): lambda m: m.stack.pop(),
    ord("1"): lambda m: m.since_mark(),
    ord("B"): lambda m: m.raw(m.number("<I")),
    ord("C"): lambda m: m.raw(m.number("<B")),
    ord("F"): lambda m: m.stack.append(float(m.line(MOST_DIGITS))),
    ord("G"): lambda m: m.stack.append(m.number(">d")),
    ord("I"): _int_line,
    ord("L"): _int_line,
    ord("N"): lambda m: m.stack.append(None),
    ord("R"): _Machine.reduce,
    ord("S"): _quoted,
    ord("T"): lambda m: m.raw(m.number("<i")),
    ord("U"): lambda m: m.raw(m.number("<B")),
    ord("V"): lambda m: m.put(str(m.line(), "raw-unicode-escape")),
    ord("X"): lambda m: m.text(m.number("<I")),
    ord("]"): lambda m: m.put([]),
    ord("a"): _append,
    ord("b"): _Machine.build,
    ord("c"): _global,
    ord("d"): _dict,
    ord("e"): _appends,
    ord("g"): lambda m: m.stack.append(m.memo[int(m.line(MOST_DIGITS))]),
    ord("h"): lambda m: m.stack.append(m.memo[m.number("<B")]),
    ord("j"): lambda m: m.stack.append(m.memo[m.number("<I")]),
    ord("l"): lambda m: m.put(m.since_mark()),
    ord("p"): lambda m: m.remember(int(m.line(MOST_DIGITS))),
    ord("q"): lambda m: m.remember(m.number("<B")),
    ord("r"): lambda m: m.remember(m.number("<I")),
    ord("s"): _set_item,
    ord("t"): lambda m: m.put(tuple(m.since_mark())),
    ord("u"): lambda m: m.set_items(m.since_mark()),
    ord("}"): lambda m: m.put({}),
    0x80: lambda m: m.take(1),  # PROTO
    0x85: lambda m: m.several(1),
    0x86: lambda m: m.several(2),
    0x87: lambda m: m.several(3),
    0x88: lambda m: m.stack.append(True),
    0x89: lambda m: m.stack.append(False),
    0x8A: lambda m: _long(m, m.number("<B")),
    0x8C: lambda m: m.text(m.number("<B")),
    0x8D: lambda m: m.text(m.number("<Q")),
    0x8E: lambda m: m.raw(m.number("<Q")),
    0x93: _stack_global,
    0x94: lambda m: m.remember(len(m.memo)),  # MEMOIZE
    0x95: lambda m: m.take(8),  # FRAME
    0x96: lambda m: m.raw(m.number("<Q")),
}
"""Opcode -> what it does; small numbers and the end are with `run`."""
