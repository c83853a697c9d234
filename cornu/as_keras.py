"""`import cornu.as_keras`: from here on `import keras` is Cornu, every old module path included.

So are `tf_keras`, `tensorflow.keras` and `tensorflow.python.keras`. `import tensorflow` is the real
TensorFlow where one is installed, loaded when something besides its `keras` is asked for, and else
a stand-in for what scripts set up with it; so is `import theano`.

Old code runs with what Keras 2.3 meant, unless `CORNU_GENERATION` names another generation. It must
come before the first import of Keras. `pytest -p cornu.as_keras` does it for tests.
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from cornu.dialects import deferred, facades, generations, modules

__all__ = ["GENERATION", "install"]

GENERATION = "2.3"
"""What decides where the same call has meant different things, unless `CORNU_GENERATION` does."""

TOPS = ("keras", "tf_keras")
"""Packages that Cornu is."""


LATE = ("datasets", "preprocessing", "utils.image_utils")
"""Paths whose old spellings are taken when one of their names is first asked for."""


def install() -> None:
    """Make `import keras` find Cornu. Raises ImportError where another Keras is there already."""
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    for name in TOPS:
        if name in sys.modules:
            where = getattr(sys.modules[name], "__file__", None) or "an unknown place"
            raise ImportError(
                f"{name} is imported already, from {where}. Put `import cornu.as_keras` before the "
                "first import of Keras, or run the program with `cornu run`."
            )
    os.environ.setdefault("CORNU_GENERATION", GENERATION)
    generations.current()  # a wrong name is said now
    sys.meta_path.insert(0, Finder())
    loaded: Any = sys.modules.get("tensorflow")
    if loaded is not None:
        loaded.keras = modules.load("keras")


# ---------------------------------------------------------------- modules of Keras


class AliasModule(ModuleType):
    """A module of Keras, by a path of some generation. Names are looked up when first used."""

    def __init__(self, path: str) -> None:
        name = f"keras.{path}" if path else "keras"
        super().__init__(name, f"`{name}` of all generations of Keras, made by Cornu.")
        self.__dict__["_path"] = path

    def __getattr__(self, name: str) -> Any:
        path = self.__dict__["_path"]
        if name in _children(path):
            return modules.load(f"{self.__name__}.{name}")
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        _take_old_spellings()
        if path.startswith(LATE):
            modules.load("cornu.dialects.spellings").complete()
        if name == "__all__":
            return [*modules.names(path), *([] if path == "layers" else _children(path))]
        found = modules.value(path, name)
        if not name.startswith("_"):  # K's settings have such names, and change
            self.__dict__[name] = found
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__getattr__("__all__")})

    def __reduce__(self) -> tuple:
        return _again, (self.__name__,)  # reading that imports this file, in another process too


class MergeModule(AliasModule):
    """`keras.layers.merge`: a function up to Keras 2.1, and a module from 2.0 on."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__getattr__("merge")(*args, **kwargs)


def _again(name: str) -> ModuleType:
    """The module that was pickled, as by cloudpickle with a function that uses it."""
    return modules.load(name)


@cache
def _children(path: str) -> list[str]:
    """The modules right below a path that this version of Cornu has."""
    below = (f"{path}.{name}" if path else name for name in modules.children(path))
    return [name.rpartition(".")[2] for name in below if modules.present(name)]


@cache
def _take_old_spellings() -> None:
    """Old spellings are taken as soon as there is something to call.

    Tables are made of many objects that stay: looking for garbage meanwhile takes longer than they.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        modules.load("cornu.dialects.spellings").register(late_too=False)
    finally:
        if collects:
            gc.enable()


# ---------------------------------------------------------------- the import system's side


class Made(Loader):
    """Makes a module by a function. What a reload changes is what `K.backend()` answers."""

    def __init__(self, make: Callable[[], ModuleType]) -> None:
        self.make = make
        self.made = False

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.made = True
        return self.make()

    def exec_module(self, module: ModuleType) -> None:
        chosen = os.environ.get("KERAS_BACKEND")
        if not self.made and module.__name__ == "keras.backend" and chosen:
            modules.load("cornu.settings").current().backend = chosen  # a script's `reload(K)`


class Same(Loader):
    """Gives a module that there is another name."""

    def __init__(self, find: Callable[[], ModuleType]) -> None:
        self.find = find

    def create_module(self, spec: ModuleSpec) -> None: ...

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = self.find()


class Finder(MetaPathFinder):
    """Finds Keras of every generation, and what stands for TensorFlow and Theano.

    A path that is not there is an ImportError here, not None: its message names the nearest.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in TOPS:
            return _keras(fullname, fullname.removeprefix(top).removeprefix("."))
        if top not in facades.SUBMODULES:
            if top != top.lower() and top.lower() in (*TOPS, *facades.SUBMODULES):
                raise ModuleNotFoundError(
                    f"No module named '{top}'. Did you mean \"{top.lower()}\"?"
                )
            return None
        found = _installed(top)
        if found is not None:
            return _beside(fullname, found)
        for root in ("tensorflow.keras", "tensorflow.python.keras"):
            if fullname == root or fullname.startswith(f"{root}."):
                return _keras(fullname, fullname.removeprefix(root).removeprefix("."))
        if fullname not in facades.SUBMODULES:
            raise ModuleNotFoundError(facades.missing(fullname))
        return _spec(fullname, Made(lambda: facades.make(fullname)))


@cache
def _installed(top: str) -> ModuleSpec | None:
    return deferred.real(top, Finder)


def _spec(name: str, loader: Loader) -> ModuleSpec:
    return ModuleSpec(name, loader, origin="cornu", is_package=True)


def _keras(fullname: str, path: str) -> ModuleSpec:
    """The spec of `keras.PATH`, under whatever name. Raises ImportError, with the nearest name.

    It has no `name`, for else `from keras.layers import Dens` would say its own instead.
    """
    known = modules.canonical(path)
    if known is None or not modules.present(known):
        raise ModuleNotFoundError(modules.missing_path(path))
    name = f"keras.{known}" if known else "keras"
    if name != fullname:
        return _spec(fullname, Same(lambda: modules.load(name)))
    made = MergeModule if known == "layers.merge" else AliasModule
    return _spec(fullname, Made(lambda: made(known)))


def _beside(fullname: str, found: ModuleSpec) -> ModuleSpec | None:
    """A module of a library that is installed: its own, but for Keras."""
    if fullname == found.name:
        spec = _spec(fullname, Made(lambda: deferred.Deferred(fullname)))
        spec.origin, spec.loader_state = found.origin, found
        spec.submodule_search_locations = found.submodule_search_locations
        return spec
    if fullname == "tensorflow.keras" or fullname.startswith("tensorflow.keras."):
        return _keras(fullname, fullname.removeprefix("tensorflow.keras").removeprefix("."))
    own = "tensorflow.python.keras"
    if fullname.startswith(own) and deferred.asked_by().split(".")[0] != found.name:
        raise ModuleNotFoundError(
            f"{own} is what TensorFlow, which is installed, keeps for itself: import "
            f"tensorflow.keras{fullname.removeprefix(own)}, or keras."
        )
    if not deferred.bring(sys.modules[found.name]):
        return None
    # Import takes the spec of what it finds in sys.modules now, and would load that once more.
    loaded = sys.modules.pop(fullname, None)
    return None if loaded is None else _spec(fullname, Same(lambda: loaded))


install()
