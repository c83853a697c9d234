"""Memory as glibc hands it out: what is kept for the next step, and what is given back.

Nothing here does anything with another C library, or where the user has tuned glibc.
"""

import functools
import os
import sys
from typing import Any

import jax

from cornu.engine import native

MALLOC = ("GLIBC_TUNABLES", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # `mallopt`'s names for them

COMPILED = "/jax/core/compile/backend_compile_duration"
SECONDS = 0.1  # of compiling that leave enough to be worth a look
LARGE = 8 * 2**20  # bytes of arrays at hand: steps over fewer need little memory themselves


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
        # glibc's own limit is eight a core, and what is free in one is of no use to another: a
        # step of the MNIST CNN and its compiling take 10 MB less
        tune(ARENA_MAX, max(2, os.cpu_count() or 2))
    jax.monitoring.register_event_duration_secs_listener(_heard)


def _heard(event: str, duration_secs: float, **_: Any) -> None:
    """Give back what compiling has left, between compiling and the first step.

    LLVM leaves 60 to 80 MB that steps do not come to use. Giving them back takes 15 to 35 CPU ms,
    so it is not done for small networks.
    """
    if event != COMPILED or duration_secs < SECONDS:
        return
    if sum(array.nbytes for array in jax.live_arrays()) < LARGE:
        return
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


@functools.cache
def _function(name: str) -> Any:
    """A function of glibc; None where there is none, or the user has tuned it."""
    if sys.platform != "linux" or any(name in os.environ for name in MALLOC):
        return None
    return native.of_the_c_library(name)
