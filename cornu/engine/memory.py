"""Memory of the process: what glibc keeps for the next step, and what is given back, and when.

Nothing here does anything with another C library, or where the user has tuned glibc. A process is
at its largest while a step is compiled, or while it runs; so what the one has needed is given back
before the other.
"""

import contextlib
import functools
import mmap
import os
import sys
import threading
from typing import Any

import jax
import numpy as np

from cornu.engine import native

MALLOC = ("GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # `mallopt`'s names for them

LOWERED = "/jax/core/compile/jaxpr_to_mlir_module_duration"
NOTABLE = 0.02  # seconds of it that tell a step from a small function
COMPILED = "/jax/core/compile/backend_compile_duration"
SECONDS = 0.1  # of compiling that leave enough to be worth a look
LARGE = 6 * 2**20  # bytes of arrays at hand: steps over fewer need little memory themselves

OWN = 2**20  # bytes that are worth pages of their own

LIBRARIES = ("libjax_common.so", "libdnnl.so.3")
DONTNEED = 4  # `madvise`'s name for it
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
# of a number in /proc/self/pagemap: in memory or in swap; from a file, or shared
HELD, OF_A_FILE = np.uint64(0b11 << 62), np.uint64(1 << 61)

EVERY = 0.05  # seconds, while a step is compiled
MOST = 600  # times: compiling that fails says nothing

_DONE = threading.Event()  # set when a program has been compiled
_UNTIDY = threading.Event()  # set from compiling to the end of the first call


def settle() -> None:
    """Have glibc keep the memory of one step for the next, and give back that of compiling.

    XLA asks for its working memory anew at every call, and glibc gives what is large back to the
    system: a step of the MNIST CNN (batch 128) touches 74 MB of new pages, which takes the system
    30 of 140 CPU ms. Kept are up to a quarter of the memory there is, 2 GB at most.
    """
    tune = _function("mallopt")
    if tune is None:
        return
    most = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4, 2**31 - 1)
    for what in (MMAP_THRESHOLD, TRIM_THRESHOLD):
        tune(what, most)
    if "MALLOC_ARENA_MAX" not in os.environ:
        # glibc has an arena for each thread, eight a core at most, and what is free in one is of no
        # use to another. With more than one, what threads that compile leave lies elsewhere, and
        # the working memory of a step is often there twice: ResNet-20 380 or 570 MB, with two
        # arenas as with more. With one those threads wait for each other: 0.49 instead of 0.32 s of
        # compiling for a small network.
        tune(ARENA_MAX, 1)
    jax.monitoring.register_event_duration_secs_listener(_heard)
    unmap_code()


def _heard(event: str, duration_secs: float, **_: Any) -> None:
    """Give back the code of import and tracing before compiling, and what that leaves after it.

    LLVM leaves 60 to 80 MB that steps do not come to use. Giving them back takes 15 to 35 CPU ms,
    so it is not done for small networks.
    """
    if event == LOWERED and duration_secs >= NOTABLE:
        if _is_much_at_hand():
            _trim()
        _DONE.clear()
        watch = threading.Thread(target=_while_compiling, args=(unmap_code(),), daemon=True)
        watch.start()
    if event != COMPILED:
        return
    _DONE.set()
    if duration_secs < SECONDS:
        return
    unmap_code()
    if _is_much_at_hand():
        _trim()
        _UNTIDY.set()


def _is_much_at_hand() -> bool:
    return sum(array.nbytes for array in jax.live_arrays()) >= LARGE


def tidy() -> None:
    """Give back what the first call of a large program has left; at any other time, nothing.

    XLA takes the working memory of a call in one piece. What the first call makes for good (our
    kernels' own memory, threads) comes to lie above it and soon in it, so that the next call's
    does not fit there: 156 MB of a CNN's process were such a hole.
    """
    if _UNTIDY.is_set():
        _UNTIDY.clear()
        unmap_code()
        _trim()


def room(size: int) -> np.ndarray:
    """Bytes that nobody has set; where there are many, in pages that go back to the system with
    them, so that they leave no hole among what glibc keeps.
    """
    if size < OWN or not hasattr(mmap, "MAP_PRIVATE"):
        return np.empty(size, "uint8")
    pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system without them
            pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, "uint8")


def _trim() -> None:
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


# ---------------------------------------------------------------- code

Spans = list[tuple[int, int]]
"""First and last address of stretches of memory."""


def unmap_code() -> Spans:
    """Leave the code of jaxlib and oneDNN to the system's cache of files, until it is run again.

    Import touches 80 MB of it, compiling 70, a step 10. What is run again is found in that cache
    (3 us for 64 kB); when memory is short the system can have the rest. Takes 1 to 4 ms; returns
    what was left to the system.
    """
    if sys.platform != "linux":
        return []
    try:
        with open("/proc/self/pagemap", "rb", buffering=0) as pages:
            spans = [span for span in _code() if _is_as_in_the_file(pages.fileno(), *span)]
    except OSError:
        return []
    _unmap(spans)
    return spans


def _while_compiling(spans: Spans) -> None:
    """Compiling runs through code of many kinds, each but once: 20 to 30 MB fewer at a time."""
    for _ in range(MOST):
        if _DONE.wait(EVERY):
            return
        _unmap(spans)


def _unmap(spans: Spans) -> None:
    advise = native.of_the_c_library("madvise", words=3)
    if advise is None:
        return
    for start, end in spans:
        advise(start, end - start, DONTNEED)


def _code() -> Spans:
    """Where the large libraries lie, but for what can be written."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
        rows = [line.split(maxsplit=5) for line in lines if line.rstrip().endswith(LIBRARIES)]
    spans = [row[0].split("-") for row in rows if "w" not in row[1]]
    return [(int(start, 16), int(end, 16)) for start, end in spans]


def _is_as_in_the_file(pages: int, start: int, end: int) -> bool:
    """Whether no page has been changed: by the loader, or by somebody's tool."""
    flags = np.frombuffer(os.pread(pages, (end - start) // PAGE * 8, start // PAGE * 8), "uint64")
    return not np.any((flags & HELD != 0) & (flags & OF_A_FILE == 0))


@functools.cache
def _function(name: str) -> Any:
    """A function of glibc; None where there is none, or the user has tuned it."""
    if sys.platform != "linux" or any(name in os.environ for name in MALLOC):
        return None
    return native.of_the_c_library(name)
