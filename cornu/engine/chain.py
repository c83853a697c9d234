"""A few rows through a chain of small layers, by a native function (`native/src/chain.cc`).

No engine is asked: a call of a compiled program costs more than all that a small network computes.
The function is in the library of `sampling.py`, and where it is missing `available` says so.
"""

import ctypes
import functools
import math
import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from cornu.engine.sampling import available as has_library
from cornu.engine.sampling import library

BLOCK, WIDEST = 32, 4096  # as chain.cc says
FLOAT = np.dtype("float32")
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


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("kernel", "shift", "scale", "bias")),
        *((name, ctypes.c_int32) for name in ("inputs", "outputs", "activation")),
        *((name, ctypes.c_float) for name in ("below", "above")),
    ]


class _Chain(ctypes.Structure):
    _fields_ = [
        ("layers", ctypes.c_void_p),
        ("results", ctypes.c_void_p),
        ("count", ctypes.c_int32),
    ]


@functools.cache
def _function() -> Any:
    """The library's function, or None. It keeps Python's lock: to give it away takes longer."""
    if not has_library():
        return None
    try:
        function = ctypes.PyDLL(str(library())).cornu_chain
    except (OSError, AttributeError):  # a library of another version; the engine computes the same
        return None
    function.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64)
    function.restype = None
    return function


def available() -> bool:
    """Whether a `Chain` can be made; loads the library if need be."""
    return _function() is not None


class Chain:
    """Links one after another, with room for their numbers, which are copied.

    Args:
        links: the outputs of each are the inputs of the next, none wider than `WIDEST`.
        rows: how many a call may have.

    Raises:
        ValueError: for links that do not follow each other, or are wider.
    """

    def __init__(self, links: Sequence[Link], rows: int):
        joined = all(a.outputs == b.inputs for a, b in pairwise(links))
        if not joined or max(link.outputs for link in links) > WIDEST:
            raise ValueError(f"no chain: {[(link.inputs, link.outputs) for link in links]}")
        self._run, self._lock = _function(), threading.Lock()
        results = np.empty((rows, links[-1].outputs), FLOAT)
        self._results = [results[:n] for n in range(rows + 1)]
        self._row = links[0].inputs * FLOAT.itemsize
        sizes = [math.prod(shape) for link in links for shape in _shapes(link).values()]
        self._numbers, at = np.zeros(sum(sizes), FLOAT), 0
        self._views: list[dict[str, np.ndarray]] = [{} for _ in links]
        for link, views in zip(links, self._views, strict=True):
            for name, shape in _shapes(link).items():
                size = math.prod(shape)
                views[name] = self._numbers[at : at + size].reshape(shape)
                at += size
        self._layers = (_Layer * len(links))(*map(_layer, links, self._views))
        layers = ctypes.addressof(self._layers)
        self._chain = _Chain(layers, results.ctypes.data, len(links))
        self._at = ctypes.c_void_p(ctypes.addressof(self._chain))  # made once: that takes 0.1 us
        self._counts = list(map(ctypes.c_int64, range(rows + 1)))
        self.learn(links)

    def learn(self, links: Sequence[Link]) -> None:
        """Take other numbers, from links of the same kinds and sizes."""
        with self._lock:
            for link, views in zip(links, self._views, strict=True):
                for name, view in views.items():
                    if name == "kernel":
                        _put_in_blocks(view, link.kernel)
                    else:
                        view[: link.outputs] = getattr(link, name)

    def __call__(self, x: np.ndarray, rows: int) -> np.ndarray:
        """(rows, outputs), float32, for `x` of (rows, ...), as many numbers a row as inputs.

        Raises IndexError for more rows than were said, and ValueError for other rows.
        """
        results = self._results[rows]
        given = (x if x.dtype is FLOAT else x.astype(FLOAT)).tobytes()
        if len(given) != rows * self._row:
            raise ValueError(f"{rows} rows of {self._row} bytes; x is {x.dtype} of {x.shape}")
        with self._lock:
            self._run(self._at, given, self._counts[rows])
            return results.copy()


def _shapes(link: Link) -> dict[str, tuple[int, ...]]:
    """Sizes of a Link's arrays, columns filled up to whole blocks."""
    blocks = -(-link.outputs // BLOCK)
    if link.kernel is None:
        return dict.fromkeys(("shift", "scale", "bias"), (blocks * BLOCK,))
    return {"kernel": (blocks, link.inputs, BLOCK), "bias": (blocks * BLOCK,)}


def _layer(link: Link, views: Mapping[str, np.ndarray]) -> _Layer:
    return _Layer(
        **{name: view.ctypes.data for name, view in views.items()},
        inputs=link.inputs,
        outputs=link.outputs,
        activation=ACTIVATIONS.index(link.activation),
        below=link.below,
        above=link.above,
    )


def _put_in_blocks(view: np.ndarray, kernel: Any) -> None:
    """A kernel of (inputs, outputs) into (blocks, inputs, BLOCK)."""
    inputs, outputs = kernel.shape
    whole = outputs // BLOCK
    cut = whole * BLOCK
    view[:whole] = kernel[:, :cut].reshape(inputs, whole, BLOCK).swapaxes(0, 1)
    if outputs > cut:
        view[whole, :, : outputs - cut] = kernel[:, cut:]
