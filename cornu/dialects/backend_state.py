"""What `K` keeps for the process, and what it says of it: settings, names, the learning phase."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cornu import config, engine, graph, settings, state
from cornu.dialects.backend_record import outside, recorded, spelt
from cornu.errors import UsageError, shown
from cornu.graph import Tensor
from cornu.settings import epsilon, floatx, image_data_format, set_epsilon, set_floatx

__all__ = [
    "backend",
    "cast_to_floatx",
    "clear_session",
    "control_dependencies",
    "eager",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "image_dim_ordering",
    "in_test_phase",
    "in_train_phase",
    "learning_phase",
    "legacy_weight_ordering",
    "manual_variable_initialization",
    "name_scope",
    "normalize_data_format",
    "reset_uids",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
    "set_learning_phase",
    "set_legacy_weight_ordering",
    "symbolic",
    "v1_variable_initialization",
]

ORDERINGS = {"th": "channels_first", "tf": "channels_last"}
OLD_ANSWERS = ("tensorflow", "theano", "cntk")


class Held:
    """What old code sets for the whole process: one object, `held`."""

    def __init__(self) -> None:
        self.clear()
        self.manual_initialization = False
        self.legacy_weight_ordering = False

    def clear(self) -> None:
        """Forget numbers of names and the learning phase, as a new session does."""
        self.uids: dict[str, int] = {}
        self.phase: int | None = None
        self.phase_tensor: Tensor | None = None


held = Held()

# ---------------------------------------------------------------- settings


def backend() -> str:
    """The name that old scripts branch on: "theano" or "cntk" where chosen, else "tensorflow"."""
    chosen = settings.backend()
    return chosen if chosen in OLD_ANSWERS else "tensorflow"


def cast_to_floatx(x: Any) -> np.ndarray:
    """A NumPy array in `floatx()`."""
    return np.asarray(x).astype(floatx()) if floatx() != "bfloat16" else state.settled(x, floatx())


def data_format_of(value: Any) -> str:
    """ "channels_first" or "channels_last" for any spelling of them. Raises UsageError."""
    if value is None or value == "default":
        return image_data_format()
    found = ORDERINGS.get(str(value).lower(), str(value).lower())
    if found not in settings.DATA_FORMATS:
        raise UsageError(
            "E-DATA-FORMAT",
            'data_format must be "channels_last" or "channels_first" (in older calls "tf" or '
            f'"th"); got {shown(value)}.',
        )
    return found


@spelt
def normalize_data_format(value: Any) -> str:
    """The data format that a value means; the setting's for None."""
    return data_format_of(value)


def set_image_data_format(data_format: str) -> None:
    """Set "channels_last" or "channels_first"; "tf" and "th" are understood."""
    settings.set_image_data_format(ORDERINGS.get(data_format, data_format))


def image_dim_ordering() -> str:
    """The data format as 1.x named it: "tf" or "th"."""
    return {v: k for k, v in ORDERINGS.items()}[image_data_format()]


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the data format by its name in 1.x: "tf" or "th"."""
    set_image_data_format(dim_ordering)


# ---------------------------------------------------------------- names and sessions


def get_uid(prefix: str = "") -> int:
    """1, then 2, 3 … for every later call with the same prefix."""
    held.uids[prefix] = held.uids.get(prefix, 0) + 1
    return held.uids[prefix]


def reset_uids() -> None:
    """Count from 1 again, for `get_uid` and for names of layers."""
    held.uids.clear()
    config.forget_names()


def clear_session() -> None:
    """Count names from the beginning and forget the learning phase.

    Graphs and their memory go when nothing refers to them.
    """
    held.clear()
    config.forget_names()


@contextmanager
def name_scope(name: str, *args: Any, **kwargs: Any) -> Iterator[str]:
    """Within, paths of new Variables begin with `name`."""
    frame = state.frame()
    above = () if frame is None else frame.path
    with state.within(path=(*above, str(name))):
        yield "/".join((*above, str(name))) + "/"


def manual_variable_initialization(value: bool) -> None:
    """Accepted for older code: Variables have their values from the start."""
    held.manual_initialization = bool(value)


def v1_variable_initialization() -> None:
    """Does nothing: Variables have their values from the start."""


def legacy_weight_ordering() -> bool:
    """Whether `set_legacy_weight_ordering(True)` was called."""
    return held.legacy_weight_ordering


def set_legacy_weight_ordering(value: bool) -> None:
    """Remember whether weights of files are in the order of before 1.0.8."""
    held.legacy_weight_ordering = bool(value)


@contextmanager
def control_dependencies(control_inputs: Sequence[Any] | None = None) -> Iterator[None]:
    """Does nothing: what a result needs is computed before it."""
    yield


def symbolic(func: Callable) -> Callable:
    """`func` itself: what is given Tensors returns Tensors."""
    return func


def eager(func: Callable) -> Callable:
    """`func` itself: what is given arrays returns arrays."""
    return func


# ---------------------------------------------------------------- learning phase


def _phase() -> Any:
    return np.int32(state.training())


def learning_phase() -> Any:
    """1 in training and 0 elsewhere: a symbol that `K.function` takes among its inputs.

    What `set_learning_phase` said, if anything; a plain number within a computation.
    """
    if held.phase is not None:
        return held.phase
    if not outside():
        return int(state.training())
    if held.phase_tensor is None:
        made: Tensor = graph.record(_phase, (), {})
        made.name = "keras_learning_phase"
        held.phase_tensor = made
    return held.phase_tensor


def set_learning_phase(value: int) -> None:
    """Fix the phase that `K` functions see: 0 or 1. Raises UsageError for anything else."""
    if value not in (0, 1):
        raise UsageError("E-CHOICE", f"the learning phase must be 0 or 1; got {shown(value)}.")
    held.phase = int(value)


def is_phase(x: Any) -> bool:
    """Whether `x` is the symbol of the learning phase."""
    return isinstance(x, Tensor) and x.node is not None and x.node.op is _phase


@recorded
def _by_phase(phase: Any, x: Any, alt: Any) -> Any:
    if isinstance(phase, np.generic):
        return x if phase else alt
    return engine.np.where(engine.array(phase) != 0, x, alt)


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`x` in training, else `alt`; functions are called and give the value.

    `training` says the phase; the learning phase by default. One of the two is computed only,
    unless `training` is itself computed.
    """
    phase = learning_phase() if training is None else training
    if isinstance(phase, (bool, int, np.generic)):
        return _called(x if phase else alt)
    return _by_phase(phase, _called(x), _called(alt))


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """`alt` in training, else `x`; as `in_train_phase`."""
    return in_train_phase(alt, x, training)


def _called(x: Any) -> Any:
    return x() if callable(x) and not hasattr(x, "shape") else x
