"""Builds the native CPU kernels where that can be done; everything else is in pyproject.toml.

Those of the engine need Linux on x86-64, a C++17 compiler, the headers of XLA (inside `jaxlib`) and
oneDNN (the package `onednn-devel-cpu-gomp`); what knows no engine, libraries of its own, needs the
compiler alone, and `_chain` Python's headers. Where one of them is missing Cornu installs without,
and `cornu info` says so.
"""

import platform
import sys
from importlib import metadata, util
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("cornu/engine/native/src")
HOST = {  # built, and loaded, without the others: what each is compiled from, and how besides
    "_chain": (SOURCES / "chain.cc", ["-pthread"]),
    "_host": (SOURCES / "sampling.cc", ["-ffp-contract=off"]),  # its numbers are NumPy's
}
ONEDNN = ("onednn-devel-cpu-gomp", "onednn-cpu-gomp")
HEADER, LIBRARY = "include/dnnl.hpp", "lib/libdnnl.so"


def xla_headers() -> Path | None:
    """The folder with `xla/ffi/api/ffi.h`, found without loading jaxlib."""
    found = util.find_spec("jaxlib")
    folders = (found and found.submodule_search_locations) or []
    return next((Path(f, "include") for f in folders if Path(f, "include/xla/ffi").is_dir()), None)


def onednn_files() -> dict[str, Path]:
    """Files of oneDNN's packages by their folder and name: `include/dnnl.hpp`."""
    found = {}
    for name in ONEDNN:
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue
        paths = [Path(str(f.locate())).resolve() for f in files]
        found |= {f"{path.parent.name}/{path.name}": path for path in paths}
    return found


def kernels() -> list[Extension]:
    """The extension, or nothing and a line that says what is missing."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return []
    xla, onednn = xla_headers(), onednn_files()
    if xla is None or not {HEADER, LIBRARY} <= onednn.keys():
        missing = "jaxlib's headers" if xla is None else " and ".join(ONEDNN)
        print(f"cornu: native kernels are left out, {missing} not found", file=sys.stderr)
        return []
    others = [source for source, _ in HOST.values()]
    return [
        Extension(
            "cornu.engine.native._kernels",
            sources=sorted(str(p) for p in SOURCES.glob("*.cc") if p not in others),
            depends=sorted(map(str, SOURCES.glob("*.h"))),
            library_dirs=[str(onednn[LIBRARY].parent)],
            libraries=["dnnl"],
            language="c++",
            extra_compile_args=[
                *"-std=c++17 -O3 -fopenmp -fvisibility=hidden -Wall -g0".split(),
                *("-isystem", str(xla), "-isystem", str(onednn[HEADER].parent)),
            ],
            extra_link_args=["-fopenmp", "-Wl,--no-undefined"],
            py_limited_api=True,  # no Python inside: one file serves every version
            optional=True,
        )
    ]


def host() -> list[Extension]:
    """The extensions that know no engine."""
    if sys.platform == "win32":
        return []
    flags = "-std=c++17 -O3 -fvisibility=hidden -Wall -g0 -fno-math-errno -fno-trapping-math"
    return [
        Extension(
            f"cornu.engine.native.{name}",
            sources=[str(source)],
            depends=sorted(map(str, SOURCES.glob("*.h"))),
            language="c++",
            extra_compile_args=[*flags.split(), *own],
            extra_link_args=[flag for flag in own if flag == "-pthread"],
            py_limited_api=True,
            optional=True,
        )
        for name, (source, own) in HOST.items()
    ]


setup(ext_modules=[*kernels(), *host()], options={"bdist_wheel": {"py_limited_api": "cp311"}})
