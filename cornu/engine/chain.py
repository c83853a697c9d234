"""Rows through a chain of small layers, by a native module (`native/src/chain.cc`).

No engine is asked: a call of a compiled program costs more than all that a small network computes
for a row, and many rows are computed faster by blocks that go through all layers. Where the module
is missing `available` says so.
"""

import functools
import math
import os
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from cornu import loading

FLOAT = np.dtype("float32")
FORM = struct.Struct("4i2f")  # Form in chain.cc
ACTIVATIONS = (
    "linear",
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "elu",
    "gelu",
    "gelu by tanh",
    "silu",
    "softplus",
    "exponential",
    "hard_sigmoid",
)


class Link(NamedTuple):
    """One layer: `activation(x @ kernel + bias)`, without kernel `(x - shift) * scale + bias`.

    `kernel` is (inputs, outputs); the other arrays are (outputs,), or broadcast to it. `below` and
    `above` are relu's slope below 0 and its largest value, and the factors of elu's two sides.
    """

    inputs: int
    outputs: int
    kernel: Any = None
    shift: Any = 0.0
    scale: Any = 1.0
    bias: Any = 0.0
    activation: str = "linear"
    below: float = 0.0
    above: float = math.inf


@functools.cache
def _module() -> Any:
    """The native module, or None."""
    if os.environ.get("CORNU_NATIVE") == "0":
        return None
    try:
        return loading.module("cornu.engine.native._chain")
    except Exception:  # whatever it is, the engine computes the same
        return None


def available() -> bool:
    """Whether a `Chain` can be made; loads the module if need be."""
    return _module() is not None


def described() -> str:
    """What is in use, or why nothing is."""
    if available():
        return "in use: rows of small networks are predicted without the engine"
    if os.environ.get("CORNU_NATIVE") == "0":
        return "none: CORNU_NATIVE=0"
    return "none: they were not built when Cornu was installed"


class Chain:
    """Links one after another. Their numbers are copied, and stay as they are.

    Args:
        links: the outputs of each are the inputs of the next.

    Raises:
        ValueError: for links that do not follow each other.
    """

    def __init__(self, links: Sequence[Link]):
        if not all(a.outputs == b.inputs for a, b in pairwise(links)):
            raise ValueError(f"no chain: {[(link.inputs, link.outputs) for link in links]}")
        self.inputs, self.outputs = links[0].inputs, links[-1].outputs
        arrays = [array for link in links for array in _arrays(link)]
        self._native = _module()
        self._made = self._native.chain(b"".join(map(_form, links)), *arrays)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(rows, outputs), float32, for `x` of (rows, ...), as many numbers a row as inputs."""
        made = np.empty((len(x), self.outputs), FLOAT)
        self.write(x, made)
        return made

    def write(self, x: np.ndarray, into: np.ndarray) -> None:
        """The same, into (rows, outputs) of float32. Other Python threads run meanwhile.

        Raises ValueError where shapes do not go together.
        """
        if into.shape != (len(x), self.outputs) or x.size != len(x) * self.inputs:
            raise ValueError(f"{x.shape} into {into.shape}: no rows of {self.inputs} inputs")
        if into.size:
            self._native.run(self._made, np.ascontiguousarray(x, FLOAT), into)

    def few(
        self, most: int, shape: Sequence[int], cells: Sequence[dict], known: Sequence
    ) -> Callable[[Any], np.ndarray | None]:
        """A function of up to `most` rows that keeps Python's lock: giving it away takes longer.

        It gives None for all but float32 arrays of (rows, *shape) without gaps, and where a cell
        has another value under "_value" than is known; it looks at both in the same moment.
        """
        row = struct.pack(f"{len(shape)}n", *shape)
        shapes = tuple((rows, self.outputs) for rows in range(most + 1))
        told = np.ndarray, FLOAT, row, np.empty, shapes, tuple(cells), tuple(known)
        return self._native.few(self._made, *told)


def _form(link: Link) -> bytes:
    kind = ACTIVATIONS.index(link.activation)
    has_kernel = link.kernel is not None
    return FORM.pack(link.inputs, link.outputs, has_kernel, kind, link.below, link.above)


def _arrays(link: Link) -> list[np.ndarray]:
    """The numbers of a Link, in the order that chain.cc takes them in."""
    if link.kernel is not None:
        return [np.ascontiguousarray(link.kernel, FLOAT), _filled(link.bias, link.outputs)]
    return [_filled(v, link.outputs) for v in (link.shift, link.scale, link.bias)]


def _filled(value: Any, outputs: int) -> np.ndarray:
    array = np.ascontiguousarray(value, FLOAT)
    return array if array.size == outputs else np.full(outputs, array, FLOAT)
