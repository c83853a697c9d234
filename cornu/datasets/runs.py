"""Runs of whole numbers in a pickle, of which word lists are made: read side by side.

How long a number is stands in its first byte, so a run can only be read from its begin; but the
first numbers of many runs can be read together, then the second ones, and so on. For IMDB's ten
million numbers that takes a fraction of the time of a look-up for each.
"""

import re
from typing import NamedTuple

import numpy as np

WORTH = 2**16  # bytes of a pickle from which on it pays
MOST_BYTES = 5000  # of a run: a pickle has up to 1,000 numbers in one; longer ones are left alone
TOGETHER = 8192  # runs
SHARED = 2**17  # numbers below it are one object each, however often they occur

RUN = re.compile(rb"\(((?:K.|M..|J....)++)", re.DOTALL)
LENGTHS, MASKS = np.zeros(256, "int64"), np.zeros(256, "uint32")
for _code, _length in ((b"K", 1), (b"M", 2), (b"J", 4)):  # BININT1, BININT2, BININT
    LENGTHS[_code[0]], MASKS[_code[0]] = 1 + _length, 2 ** (8 * _length) - 1


class Runs(NamedTuple):
    """Runs by number: where each begins -> its number, where it ends, its place in `flat`.

    Plain numbers all of them: Python's search for garbage would go through tuples again and again.
    """

    numbers: dict[int, int]
    ends: list[int]
    lasts: list[int]
    flat: np.ndarray
    objects: np.ndarray

    def at(self, begin: int) -> tuple[int, list[int]] | None:
        """Where the run ends that begins there, and what it holds; None where none is known."""
        number = self.numbers.get(begin)
        if number is None:
            return None
        part = self.flat[self.lasts[number - 1] if number else 0 : self.lasts[number]]
        return self.ends[number], shared(part, self.objects)


NONE = Runs({}, [], [], np.empty(0, "int32"), np.empty(0, object))


def found(data: bytes) -> Runs:
    """The runs after a mark in a large pickle.

    A mark that is none, in the middle of something else, does no harm: the numbers of a run
    follow from where it begins alone.
    """
    if len(data) < WORTH:
        return NONE
    spans = np.fromiter((at for each in RUN.finditer(data) for at in each.span(1)), "int64")
    begins, ends = spans[::2], spans[1::2]
    short = ends - begins <= MOST_BYTES
    begins, ends = begins[short], ends[short]
    if not begins.size:
        return NONE
    groups = [slice(first, first + TOGETHER) for first in range(0, len(begins), TOGETHER)]
    read = [_read(data, begins[group], ends[group]) for group in groups]
    flat, counts = (np.concatenate(each) for each in zip(*read, strict=True))
    numbers = {begin: number for number, begin in enumerate(begins.tolist())}
    return Runs(numbers, ends.tolist(), np.cumsum(counts).tolist(), flat, objects(flat))


def _read(data: bytes, at: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers (all,) int32 of runs one after the other, and how many each has."""
    codes = np.frombuffer(data + bytes(8), "uint8")
    words = np.ndarray(len(data) + 4, "<u4", codes, 0, (1,))  # four bytes from anywhere
    which, counts = np.arange(len(at)), np.zeros(len(at), "int64")
    read = []
    while len(at):
        code = codes[at]
        read.append((which, words[at + 1] & MASKS[code]))
        counts[which] += 1
        at = at + LENGTHS[code]
        more = at < end
        if not more.all():
            at, end, which = at[more], end[more], which[more]
    flat, firsts = np.empty(counts.sum(), "uint32"), np.cumsum(counts) - counts
    for number, (which, values) in enumerate(read):
        flat[firsts[which] + number] = values
    return flat.view("int32"), counts


# ---------------------------------------------------------------- lists


def objects(flat: np.ndarray) -> np.ndarray:
    """The numbers from 0 to the largest one, as Python's own; none if few are as large, or below 0.

    With equal numbers the same object a list takes 8 bytes for each, and not 36.
    """
    most = min(SHARED, flat.size)
    if not most or flat.min() < 0 or flat.max() >= most:
        return np.empty(0, object)
    return np.arange(int(flat.max()) + 1).astype(object)


def shared(numbers: np.ndarray, objects: np.ndarray) -> list[int]:
    """A list of these numbers, of which `objects` may be made."""
    return objects[numbers].tolist() if objects.size else numbers.tolist()
