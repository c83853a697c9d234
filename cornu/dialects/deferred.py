"""The real TensorFlow beside Cornu: loaded late, and with Cornu where its Keras was."""

import sys
from importlib.machinery import ModuleSpec
from threading import RLock
from types import ModuleType
from typing import Any

from cornu.dialects.modules import load

__all__ = ["Deferred", "asked_by", "bring", "real"]

LOADING = RLock()


class Deferred(ModuleType):
    """A package that is loaded when something besides its `keras` is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return load("keras")
        if name.startswith("__") and name not in ("__version__", "__all__"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        bring(self)
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        bring(self)
        return dir(self)


def bring(module: ModuleType) -> bool:
    """Load a deferred package now; its `keras` is Cornu's. False for another module."""
    with LOADING:
        if not isinstance(module, Deferred):
            return False
        found: Any = module
        found.__class__ = ModuleType
        found.__spec__ = spec = found.__spec__.loader_state
        found.__loader__ = spec.loader
        spec.loader.exec_module(found)
        found.keras = load("keras")
        return True


def real(name: str, apart_from: type) -> ModuleSpec | None:
    """Where a package is installed, by all finders but those of one class."""
    for finder in sys.meta_path:
        if not isinstance(finder, apart_from):
            spec = finder.find_spec(name, None)
            if spec is not None and spec.origin is not None:  # no folder that is only so named
                return spec
    return None


def asked_by() -> str:
    """The module whose `import` is under way."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.split(".")[0] not in ("importlib", "cornu"):
            return name
        frame = frame.f_back
    return ""
