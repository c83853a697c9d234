"""The process in which attacks are tried: `python -m attacks.worker SUITE START STOP FOLDER`.

A suite is a module with `jobs(folder, watch)`, a sequence of jobs. A job has a name and
`run(watch)`, which gives complaints and what is to be said of it. Each is told on standard output
when it begins and when it ends, a line of JSON each.
"""

import codecs
import contextlib
import importlib
import json
import os
import resource
import sys
import warnings
from pathlib import Path

import cornu
from attacks.watch import Watch, import_all
from cornu import engine

MULTIHOST = "jax.experimental.multihost_utils"
"""What JAX loads when it first casts."""

MOST = 3 * 2**30
"""Bytes of address space beyond those at the start that a process can have at all."""


def main() -> None:
    suite, start, stop, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    told = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the library prints is not ours
    warnings.simplefilter("ignore")
    import_all(cornu)
    _warm_up()
    watched = folder / "watched"
    watched.mkdir()
    watch = Watch(watched)
    jobs = importlib.import_module(f"attacks.{suite}").jobs(watch)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST, used + MOST))
    for i in range(start, stop):
        job = jobs[i]
        _tell(told, begin=job.name)
        with contextlib.redirect_stderr(open(os.devnull, "w")):
            complaints, said = job.run(watch)
        _tell(told, end=job.name, complaints=complaints, said=said)
    os._exit(0)


def _warm_up() -> None:
    """Have the engine load what it loads when it is first used."""
    cast = engine.array([1.0, 2.0], "bfloat16")
    repr(engine.cast(cast + 1, "float32"))
    engine.devices()
    engine.native_kernels()
    for name in ("jax.scipy.linalg", "jax.scipy.signal", "jax.scipy.special", "yaml", MULTIHOST):
        importlib.import_module(name)
    for name in ("ascii", "latin-1", "utf-16", "utf-8"):
        codecs.lookup(name)


def _tell(where: int, **said: object) -> None:
    os.write(where, json.dumps(said).encode() + b"\n")


if __name__ == "__main__":
    main()
