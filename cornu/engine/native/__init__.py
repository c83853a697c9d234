"""Native CPU kernels: finding, loading and calling the library of XLA handlers over oneDNN.

The library (`src/`, built by `setup.py` where a compiler is) is loaded when a kernel could be used
for the first time. Where it is missing, or anything about it is wrong, `available()` says no and
`described()` says why; the engine then computes everything by plain XLA.
"""

import ctypes
import functools
import os
import threading
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

FOLDER = Path(__file__).parent
ONEDNN = "onednn-cpu-gomp"

# Threads of OpenMP sleep while they wait, unless the user says otherwise: XLA's own need the cores.
# A kernel of 25 us takes 63 so, and 24 when they spin; but on cores that others use too it takes
# 2,700 when they spin for 100,000 rounds. It is said only while the library is loaded, so that no
# other library hears it.
WAITING = {"OMP_WAIT_POLICY": "passive"}

if TYPE_CHECKING:
    from jax.extend.core import Primitive
else:
    Primitive = type(jax.lax.add_p)  # that import brings Pallas along, which takes 15 ms

_LOCK = threading.Lock()


class Loaded(NamedTuple):
    """What came of loading: names of handlers, a line for people, and the library."""

    handlers: frozenset[str]
    words: str
    library: Any = None


def available(name: str) -> bool:
    """Whether the handler `name` can be called on the CPU; loads the library if need be."""
    return name in load().handlers


def described() -> str:
    """What is in use, or why nothing is."""
    return load().words


def load() -> Loaded:
    """The library, loaded and registered with XLA; once, whoever asks."""
    with _LOCK:
        return _tried()


@functools.cache
def _tried() -> Loaded:
    if os.environ.get("CORNU_NATIVE") == "0":
        return Loaded(frozenset(), "none: CORNU_NATIVE=0")
    found = sorted(FOLDER.glob("_kernels*.so"))
    if not found:
        return Loaded(frozenset(), "none: they were not built when Cornu was installed")
    try:
        return _loaded(found[0])
    except Exception as error:  # whatever it is, plain XLA computes the same
        return Loaded(frozenset(), f"none: {type(error).__name__}: {error}".splitlines()[0])


def _loaded(path: Path) -> Loaded:
    missing = {name: value for name, value in WAITING.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        ctypes.CDLL(_onednn())
        library = ctypes.CDLL(str(path))
    finally:
        for name in missing:
            del os.environ[name]
    library.cornu_handlers.restype = ctypes.c_char_p
    library.cornu_description.restype = ctypes.c_char_p
    library.cornu_conv_by.restype = ctypes.c_char_p
    library.cornu_products.restype = ctypes.c_int
    library.cornu_handler.restype = ctypes.c_void_p
    names = library.cornu_handlers().decode().split()
    for name in names:
        handler = ctypes.c_void_p(library.cornu_handler(name.encode()))
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")
    return Loaded(frozenset(names), library.cornu_description().decode(), library)


def _onednn() -> str:
    """The path of oneDNN's library, or its name for the system's loader to find."""
    try:
        files = metadata.distribution(ONEDNN).files or []
    except metadata.PackageNotFoundError:
        files = []
    return next((str(f.locate()) for f in files if f.name == "libdnnl.so.3"), "libdnnl.so.3")


def of_the_c_library(name: str, words: int = 0) -> Any:
    """A function of the C library that this process runs on, or None.

    `words`: how many arguments it takes, where one of them is an address.
    """
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None and words:
        function.argtypes = [ctypes.c_size_t] * words
    return function


def ask(name: str, which: int, numbers: Sequence[int]) -> str:
    """What a function of the library says to a number and an array of them."""
    function = getattr(load().library, name)
    return function(which, (ctypes.c_int64 * len(numbers))(*numbers)).decode()


def call(name: str, results: Any, *arrays: Any, **attributes: Any) -> Any:
    """Handler `name` on arrays. `results`: a `jax.ShapeDtypeStruct`, or a sequence of them.

    `attributes` are NumPy scalars or arrays, whose dtypes the handler's binding must name.
    """
    load()
    if isinstance(results, Sequence):
        results = tuple(results)
    return jax.ffi.ffi_call(name, results)(*arrays, **attributes)
