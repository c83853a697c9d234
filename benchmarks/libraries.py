"""The libraries compared: a table, the environment each runs in, and what an interpreter has.

Peers are never needed to use Cornu. They live in a virtual environment of their own, which
`benchmarks/setup_peers` makes; Cornu runs in that same one, so that Python, NumPy and JAX are
the same on both sides.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-peers" / "bin" / "python"


@dataclass(frozen=True)
class Library:
    """One contender: the module it is imported as, what computes, what it needs, what is set."""

    name: str
    title: str
    module: str
    engine: Literal["jax", "tensorflow", "torch"]
    note: str
    environment: Mapping[str, str] = field(default_factory=dict)
    compile_options: Mapping[str, object] = field(default_factory=dict)  # for `model.compile`
    cache_variables: tuple[str, ...] = ()  # environment variables that name its compilation cache
    keeps_cache: bool = False  # from round to round: where compiling takes a minute

    @property
    def needs(self) -> tuple[str, ...]:
        """The modules that must be installed."""
        return tuple(dict.fromkeys((self.module, self.engine)))


KERAS_NOTE = "as it comes (`jit_compile='auto'`), `verbose=0`"
XLA = {"jit_compile": True}
LIBRARIES: dict[str, Library] = {
    library.name: library
    for library in (
        Library(
            "cornu",
            "Cornu",
            "cornu",
            "jax",
            "as it comes, `verbose=0`",
            cache_variables=("CORNU_CACHE_DIR",),
        ),
        Library(
            "keras-jax",
            "Keras on JAX",
            "keras",
            "jax",
            KERAS_NOTE,
            {"KERAS_BACKEND": "jax"},
        ),
        Library(
            "keras-jax-cached",
            "Keras on JAX, cached",
            "keras",
            "jax",
            KERAS_NOTE
            + "; `JAX_COMPILATION_CACHE_DIR` set, `JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0`",
            {"KERAS_BACKEND": "jax", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
            cache_variables=("JAX_COMPILATION_CACHE_DIR",),
        ),
        Library(
            "keras-tensorflow",
            "Keras on TensorFlow",
            "keras",
            "tensorflow",
            KERAS_NOTE + "; on a CPU that is without XLA",
            {"KERAS_BACKEND": "tensorflow"},
        ),
        Library(
            "keras-tensorflow-xla",
            "Keras on TensorFlow, XLA",
            "keras",
            "tensorflow",
            "`jit_compile=True`, `verbose=0`",
            {"KERAS_BACKEND": "tensorflow"},
            XLA,
        ),
        Library(
            "keras-torch",
            "Keras on PyTorch",
            "keras",
            "torch",
            KERAS_NOTE + "; that is eager",
            {"KERAS_BACKEND": "torch"},
        ),
        Library(
            "tf-keras",
            "tf-keras",
            "tf_keras",
            "tensorflow",
            "Keras 2 as it comes (without XLA), `verbose=0`",
        ),
        Library(
            "tf-keras-xla",
            "tf-keras, XLA",
            "tf_keras",
            "tensorflow",
            "Keras 2, `jit_compile=True`, `verbose=0`",
            compile_options=XLA,
        ),
        Library(
            "torch",
            "PyTorch",
            "torch",
            "torch",
            "eager, hand-written loop, data in memory as tensors, batches gathered by a shuffled "
            "index, fused Adam, channels-last pictures",
        ),
        Library(
            "torch-compiled",
            "PyTorch, compiled",
            "torch",
            "torch",
            "the same loop, forward pass and loss under `torch.compile`; its cache on disk is "
            "kept from round to round",
            cache_variables=("TORCHINDUCTOR_CACHE_DIR",),
            keeps_cache=True,
        ),
        Library(
            "lax",
            "XLA's own convolution",
            "jax",
            "jax",
            "`jax.lax.conv_general_dilated` and its gradients under `jax.jit`",
        ),
    )
}

# Settings of the person at the keyboard that would change what is measured.
OUTSIDE_SETTINGS = (
    *("CORNU_", "KERAS_", "JAX_", "XLA_FLAGS", "TF_", "TORCH", "PYTHONDONTWRITE"),
    *("OMP_", "MKL_", "ONEDNN_", "DNNL_"),
)
DEVICE_SETTINGS: dict[str, dict[str, str]] = {
    "any": {},
    "cpu": {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
    "gpu": {"JAX_PLATFORMS": "cuda"},
}

DISTRIBUTIONS = {  # module: the distributions that may provide it
    "numpy": ("numpy",),
    "jax": ("jax",),
    "jaxlib": ("jaxlib",),
    "keras": ("keras",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow_cpu"),
    "torch": ("torch",),
    "tf_keras": ("tf-keras", "tf_keras"),
    "cornu": ("cornu",),
}
PROBE = """
import importlib.metadata, importlib.util, json, platform, sys

def version(module, distributions):
    if importlib.util.find_spec(module) is None:
        return None
    for distribution in distributions:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            pass
    return "of this checkout" if module == "cornu" else "of unknown version"

found = {module: version(module, names) for module, names in json.loads(sys.argv[1]).items()}
print(json.dumps({"python": platform.python_version(), **found}))
"""


def environment(
    library: str, scratch: Path, device: str = "any", kept_caches: Path | None = None
) -> dict[str, str]:
    """The environment of one run: its own home and caches in `scratch`, no outside settings.

    What some libraries keep from run to run lies in `kept_caches`.
    """
    row = LIBRARIES[library]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OUTSIDE_SETTINGS)}
    home, cache = scratch / "home", scratch / "cache"
    if row.keeps_cache and kept_caches is not None:
        cache = kept_caches / library
    home.mkdir(parents=True, exist_ok=True)
    return (
        kept
        | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "TF_CPP_MIN_LOG_LEVEL": "2"}
        | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
        | dict(row.environment)
        | {variable: str(cache) for variable in row.cache_variables}
        | DEVICE_SETTINGS[device]
    )


def default_python() -> Path:
    """The interpreter of the peers' environment, or this one if there is none."""
    return PEERS if PEERS.exists() else Path(sys.executable)


def probe(python: Path) -> dict[str, str | None]:
    """Versions of Python and of the modules that `python` can import (None: it cannot)."""
    return json.loads(_output(python, PROBE, json.dumps(DISTRIBUTIONS)))


def native_kernels(python: Path) -> str:
    """What Cornu says of its native kernels there, as `cornu info` does."""
    return _output(python, "from cornu import engine; print(engine.native_kernels())").strip()


def _output(python: Path, *words: str) -> str:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [str(python), "-c", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )
    return done.stdout


def missing(library: str, versions: Mapping[str, str | None]) -> str | None:
    """Why `library` cannot run where `versions` are installed; None if it can."""
    absent = [name for name in LIBRARIES[library].needs if versions.get(name) is None]
    if not absent:
        return None
    names = " and ".join(absent)
    return f"{names} not installed in the peers' environment (`benchmarks/setup_peers` makes it)"


def load(library: str) -> Any:
    """The module of a library: one that speaks the Keras 3 API, or torch, or jax."""
    return importlib.import_module(LIBRARIES[library].module)


def plain_torch(library: str) -> bool:
    """Whether it is PyTorch without Keras."""
    return LIBRARIES[library].module == "torch"


def device_in_use(library: str) -> str:
    """What the library computes on, in its own words; to be asked after the measuring."""
    return DEVICES_IN_USE[LIBRARIES[library].engine]()


def _jax_device() -> str:
    device = _loaded("jax").devices()[0]
    return device.device_kind if device.platform != "cpu" else "CPU"


def _torch_device() -> str:
    torch = _loaded("torch")
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _tensorflow_device() -> str:
    config = _loaded("tensorflow").config
    cards = config.list_physical_devices("GPU")
    return config.experimental.get_device_details(cards[0])["device_name"] if cards else "CPU"


def _loaded(name: str) -> ModuleType | Any:
    return sys.modules.get(name) or importlib.import_module(name)


DEVICES_IN_USE = {"jax": _jax_device, "tensorflow": _tensorflow_device, "torch": _torch_device}
