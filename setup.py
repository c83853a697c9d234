"""Builds the native CPU kernels where that can be done; everything else is in pyproject.toml.

Those of the engine need Linux on x86-64, a C++17 compiler, the headers of XLA (inside `jaxlib`) and
oneDNN (the package `onednn-devel-cpu-gomp`); what knows no engine, a library of its own, needs the
compiler alone. Where one of them is missing Cornu installs without, and `cornu info` says so.
"""

import platform
import sys
from importlib import metadata, util
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("cornu/engine/native/src")
HOST = [SOURCES / "chain.cc", SOURCES / "sampling.cc"]  # built, and loaded, without the others
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
    return [
        Extension(
            "cornu.engine.native._kernels",
            sources=sorted(str(path) for path in SOURCES.glob("*.cc") if path not in HOST),
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
    """The extension that knows no engine. Its numbers are NumPy's, so nothing is contracted."""
    if sys.platform == "win32":
        return []
    flags = "-std=c++17 -O3 -fvisibility=hidden -Wall -g0 -ffp-contract=off -fno-math-errno"
    return [
        Extension(
            "cornu.engine.native._host",
            sources=[str(path) for path in HOST],
            language="c++",
            extra_compile_args=[*flags.split(), "-fno-trapping-math"],
            py_limited_api=True,
            optional=True,
        )
    ]


setup(ext_modules=[*kernels(), *host()], options={"bdist_wheel": {"py_limited_api": "cp311"}})
