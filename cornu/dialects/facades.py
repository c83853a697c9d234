"""Stand-ins for TensorFlow and Theano, where they are not installed.

They have what scripts of Keras set up with them: seeds, sessions, memory options, logging; and the
functions that an op does exactly (`tf_calls`, `theano_calls`). Another name is an error that says
what to do.
"""

import logging as python_logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

from cornu.dialects import generations
from cornu.dialects.modules import load
from cornu.errors import warn

__all__ = ["SUBMODULES", "StandIn", "make", "missing"]

ADVICE = {
    "tensorflow": (
        "TensorFlow is not installed, and in its place stand what sets up a program (sessions, "
        "seeds, options) and plain functions of arrays. Compute with keras.backend (K) or "
        "cornu.ops, or install TensorFlow"
    ),
    "theano": (
        "Theano is not installed, and in its place stand theano.config and plain functions of "
        "tensors. Compute with keras.backend (K) or cornu.ops"
    ),
}

DTYPES = (
    "bool float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "complex64 complex128 string"
).split()
"""What `tf.float32` and the like are: their names, which every function here takes."""


class StandIn(ModuleType):
    """A module of a library that is not installed, with a few names of it."""

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        super().__init__(name, ADVICE[name.partition(".")[0]])
        self.__dict__.update(names)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "keras" and self.__name__ in WITH_KERAS:
            return load("keras")
        if name.startswith("__"):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        child = f"{self.__name__}.{name}"
        if child in SUBMODULES:
            return load(child)
        found = _function(child)
        if found is None:
            raise AttributeError(missing(child))
        self.__dict__[name] = found
        return found


WITH_KERAS = ("tensorflow", "tensorflow.compat.v1", "tensorflow.compat.v2", "tensorflow.python")
"""Modules of which `keras` is an attribute."""


CALLS = {
    "tensorflow": "cornu.dialects.tf_calls",
    "theano": "cornu.dialects.theano_calls",
}
"""Library -> the tables of its functions."""


def _function(name: str) -> Any:
    """A function of the library, done by an op; None where there is none."""
    top, _, rest = name.partition(".")
    return load(CALLS[top]).function(rest)


def missing(name: str) -> str:
    """What to say of a name that no stand-in has."""
    top, _, rest = name.partition(".")
    known = load(CALLS[top]).INSTEAD
    rest = rest.removeprefix("compat.v1.").removeprefix("compat.v2.")
    parts = rest.split(".")
    near = [".".join(parts[: i + 1]) for i in range(len(parts))]
    instead = next((known[one] for one in reversed(near) if one in known), None)
    if instead is not None:
        return f"{name} is not here. Use {instead}. ({ADVICE[top]}.)"
    return f"{name} is not here: {ADVICE[top]}."


# ---------------------------------------------------------------- sessions and graphs


class Options:
    """Options that do nothing: any may be given, set and read again.

    One that was never given is a further set of options, so `o.gpu_options.allow_growth = True`
    works.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__.setdefault(name, Options())


class Operation:
    """What `tf.global_variables_initializer()` gives: variables have their values already."""


class Graph:
    """A graph that holds nothing: there is one world of Tensors."""

    @contextmanager
    def as_default(self) -> "Iterator[Graph]":
        """Itself, for a `with` block."""
        yield self

    def finalize(self) -> None:
        """Nothing changes."""

    @contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Nothing changes."""
        yield


class Session:
    """`run` computes Tensors of Keras, as `K.get_session().run` does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.graph = GRAPH

    def run(self, fetches: Any, feed_dict: Any = None, **kwargs: Any) -> Any:
        """Values of Tensors; nothing for an initializer."""
        each = fetches if isinstance(fetches, (list, tuple)) else [fetches]
        if all(isinstance(one, Operation) for one in each):
            return None
        K = load("cornu.backend")
        return K.get_session().run(fetches, feed_dict)

    def close(self) -> None:
        """Nothing is open."""

    def as_default(self) -> "Session":
        """Itself, for a `with` block."""
        return self

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exc: Any) -> None: ...


GRAPH = Graph()


def _default_graph() -> Graph:
    return GRAPH


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Accepted, and of no effect here."""


def _operation(*args: Any, **kwargs: Any) -> Operation:
    return Operation()


def _block(*args: Any, **kwargs: Any) -> nullcontext:
    """A `with` block that changes nothing."""
    return nullcontext()


def _seed(seed: Any) -> None:
    """Begin Cornu's random numbers again from `seed`."""
    if seed is not None:
        load("cornu.state").seeds.set(int(seed))


# ---------------------------------------------------------------- devices


def _devices(kind: str | None = None) -> list[SimpleNamespace]:
    """The engine's devices, as TensorFlow names them."""
    found = []
    for text in load("cornu.engine").devices():
        platform, _, number = text.split(" ")[0].partition(":")
        platform = "GPU" if platform in ("gpu", "cuda", "rocm") else platform.upper()
        name = f"/physical_device:{platform}:{number}"
        found.append(SimpleNamespace(name=name, device_type=platform))
    return [device for device in found if kind in (None, device.device_type)]


def _local_devices(*args: Any) -> list[SimpleNamespace]:
    """`device_lib.list_local_devices()`."""
    found = []
    for device in _devices():
        name = device.name.replace("physical_device", "device")
        more = {"physical_device_desc": "", "memory_limit": 0, "incarnation": 0}
        found.append(SimpleNamespace(name=name, device_type=device.device_type, **more))
    return found


def _gpu_name() -> str:
    return next((f"/device:GPU:{n}" for n, _ in enumerate(_devices("GPU"))), "")


def _has_gpu(*args: Any, **kwargs: Any) -> bool:
    return bool(_devices("GPU"))


def _config() -> SimpleNamespace:
    quiet = (
        "run_functions_eagerly set_logical_device_configuration set_memory_growth "
        "set_soft_device_placement set_virtual_device_configuration set_visible_devices"
    ).split()
    none = dict.fromkeys(quiet, _nothing)
    limits = dict.fromkeys(["LogicalDeviceConfiguration", "VirtualDeviceConfiguration"], Options)
    lists = {"list_physical_devices": _devices, "list_logical_devices": _devices}
    threads = ("set_inter_op_parallelism_threads", "set_intra_op_parallelism_threads")
    return SimpleNamespace(
        **none,
        **lists,
        **limits,
        experimental=SimpleNamespace(**none, **lists, **limits),
        experimental_run_functions_eagerly=_nothing,
        optimizer=SimpleNamespace(set_jit=_nothing),
        threading=SimpleNamespace(**dict.fromkeys(threads, _nothing)),
    )


class Strategy:
    """A way to share work between devices: all of it is done on one."""

    num_replicas_in_sync = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warn("tf.distribute shares nothing here: all is computed on one device.")

    def scope(self) -> nullcontext:
        """Nothing changes within it."""
        return nullcontext()


def _is_tensor(x: Any) -> bool:
    """What `K.is_tensor` says."""
    return load("cornu.backend").is_tensor(x)


# ---------------------------------------------------------------- modules


def _logging() -> SimpleNamespace:
    """`tf.logging`: Python's own logger of that name."""
    logger = python_logging.getLogger("tensorflow")
    levels = {"DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50}
    words: dict[str, Any] = {
        name: getattr(logger, name) for name in ("debug", "info", "warning", "error", "fatal")
    }
    return SimpleNamespace(
        **levels, **words, warn=logger.warning, set_verbosity=logger.setLevel, log=logger.log
    )


class _Random(SimpleNamespace):
    """`tf.random`: seeds, and draws."""

    def __getattr__(self, name: str) -> Any:
        found = None if name.startswith("__") else _function(f"tensorflow.random.{name}")
        if found is None:
            raise AttributeError(missing(f"tensorflow.random.{name}"))
        return found


def _tensorflow() -> dict[str, Any]:
    """The names of `tf` and `tf.compat.v1`, one set for both."""
    quiet = (
        "disable_eager_execution disable_v2_behavior disable_v2_tensorshape "
        "disable_resource_variables disable_control_flow_v2 enable_eager_execution "
        "enable_resource_variables enable_v2_behavior reset_default_graph"
    ).split()
    operations = (
        "global_variables_initializer initialize_all_variables local_variables_initializer "
        "tables_initializer variables_initializer"
    ).split()
    blocks = ("device", "name_scope", "variable_scope")
    return {
        "__version__": "1.15.5" if generations.before("2.3") else "2.15.0",
        **{name: name for name in DTYPES},
        **dict.fromkeys(quiet, _nothing),
        **dict.fromkeys(operations, _operation),
        **dict.fromkeys(blocks, _block),
        "ConfigProto": Options,
        "GPUOptions": Options,
        "Graph": Graph,
        "InteractiveSession": Session,
        "RunOptions": Options,
        "Session": Session,
        "autograph": SimpleNamespace(set_verbosity=_nothing),
        "config": _config(),
        "distribute": SimpleNamespace(
            MirroredStrategy=Strategy, OneDeviceStrategy=Strategy, get_strategy=Strategy
        ),
        "executing_eagerly": lambda: True,
        "get_default_graph": _default_graph,
        "get_default_session": Session,
        "get_logger": lambda: python_logging.getLogger("tensorflow"),
        "is_tensor": _is_tensor,
        "logging": _logging(),
        "newaxis": None,
        "random": _Random(set_seed=_seed, set_random_seed=_seed),
        "set_random_seed": _seed,
        "test": SimpleNamespace(
            gpu_device_name=_gpu_name,
            is_built_with_cuda=_has_gpu,
            is_gpu_available=_has_gpu,
        ),
    }


def _flags() -> dict[str, Any]:
    return load("cornu.dialects.tf_flags").names()


def _app() -> dict[str, Any]:
    return {"run": load("cornu.dialects.tf_flags").run}


def _theano() -> dict[str, Any]:
    floatx = load("cornu.settings").floatx()
    config = Options(floatX=floatx, device="cpu", openmp=False, optimizer="fast_run")
    return {"__version__": "1.0.5", "config": config}


GROUPS = ("linalg", "math", "nn")
"""Modules of TensorFlow that have functions alone."""

SUBMODULES: dict[str, Callable[[], dict[str, Any]]] = {
    **{f"tensorflow.{group}": dict for group in GROUPS},
    **{f"tensorflow.compat.v1.{group}": dict for group in GROUPS},
    "tensorflow": _tensorflow,
    "tensorflow.app": _app,
    "tensorflow.app.flags": _flags,
    "tensorflow.compat": dict,
    "tensorflow.compat.v1": _tensorflow,
    "tensorflow.compat.v1.app": _app,
    "tensorflow.compat.v1.app.flags": _flags,
    "tensorflow.compat.v1.flags": _flags,
    "tensorflow.compat.v2": _tensorflow,
    "tensorflow.flags": _flags,
    "tensorflow.python": dict,
    "tensorflow.python.client": dict,
    "tensorflow.python.client.device_lib": lambda: {"list_local_devices": _local_devices},
    "theano": _theano,
    "theano.tensor": dict,
    "theano.tensor.extra_ops": dict,
    "theano.tensor.nnet": dict,
}
"""Module -> what makes its names."""


def make(name: str) -> StandIn:
    """The stand-in for a module of `SUBMODULES`."""
    return StandIn(name, SUBMODULES[name]())
