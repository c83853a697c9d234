"""State, and the one ambient object.

A `Variable` is the only mutable thing there is. A `Frame` is what a running computation sees
besides its arguments: the values of Variables, the training flag, randomness, the compute dtype,
masks. It also keeps what the computation leaves behind: new values and losses. `pure` turns a
function that reads and assigns Variables into one from values to values, which an engine can
compile.
"""

import functools
import random
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cornu import engine, settings
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.operators import Operators

cells_lock = threading.RLock()
"""Held while the cells' values are handed to a compiled call and the new ones written back.

Values that a call may reuse are gone from then on, so no other thread may read them in between.
Whoever wants several values of one moment holds it meanwhile.
"""


class Variable(Operators):
    """A named cell with a value of fixed shape and dtype.

    `value` reads the current Frame and falls back to the cell's own slot; `assign` writes to the
    Frame if there is one. So the slot is never touched while a computation is being traced.

    Args:
        value: array-like, or a function `(shape, dtype) -> array` when `shape` is given.
        shape: shape of the value, needed only with a function.
        dtype: dtype name; the value's own where that is not float64, else `settings.floatx()`.
        trainable: whether an optimizer may change it.
        name: last part of `path`; `path` is the name within a layer or model ("dense/kernel").

    Raises:
        UsageError: when a shape is not fully known.
    """

    made: ClassVar[int] = 0
    """How many there have been: who remembers what a model has looks again when there are more."""

    def __init__(
        self,
        value: Any,
        shape: Sequence[int] | None = None,
        dtype: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        path: str | None = None,
    ):
        Variable.made += 1
        self.name = name or "variable"
        self.path = path or self.name
        self.trainable = trainable
        self.autocast = True
        self.symbolic = False  # whether an op on it, outside any computation, records itself
        self.passing = False  # what goes from one call to the next and is not saved with a model
        self.regularizer: Callable | None = None
        self.constraint: Callable | None = None
        if callable(value) and not hasattr(value, "shape"):
            value = _first(value, _known(shape, self.path), dtype or settings.floatx())
            if isinstance(value, Later):
                self.shape, self.dtype, self._later = value.shape, value.dtype, value
                return
            self._value = value
        else:
            self._value = settled(value.value if isinstance(value, Variable) else value, dtype)
        self.shape = tuple(self._value.shape)
        self.dtype = dtype_name(self._value)

    def __getattr__(self, name: str) -> Any:
        """The cell's value, where it is made only now that somebody wants it (`Later`)."""
        inside = self.__dict__
        if name == "_value" and "_later" in inside:
            frame = _frame.get()
            if frame is not None and frame.probing:
                return engine.np.zeros(self.shape, self.dtype)  # traced: it takes no memory
        if name == "_value":
            with cells_lock:  # another thread may have made it, or be about to
                if "_value" not in inside and "_later" in inside:
                    self._value = self._later.made()
                if "_value" in inside:
                    return inside["_value"]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def value(self) -> Any:
        """The value in the current Frame, else the cell's own."""
        frame = _frame.get()
        if frame is None:
            return self._value
        value = frame.value_of(self)
        if frame.dtype is not None and self.autocast and self.dtype in settings.FLOATS:
            return engine.cast(value, frame.dtype)
        return value

    def assign(self, value: Any) -> "Variable":
        """Set a new value of the same shape. Raises UsageError where shapes differ."""
        if isinstance(value, Variable):
            value = value.value
        shape = tuple(np.shape(value))
        if shape != self.shape:
            raise UsageError(
                "E-ASSIGN",
                f'variable "{self.path}" has shape {self.shape}; it was given shape {shape}.',
            )
        frame = _frame.get()
        if frame is None or not frame.catches:
            self._value = settled(value, self.dtype)
        else:
            frame.bound[self] = engine.cast(value, self.dtype)
        return self

    def assign_add(self, value: Any) -> "Variable":
        """Add to the value."""
        return self.assign(self.value + value)

    def assign_sub(self, value: Any) -> "Variable":
        """Subtract from the value."""
        return self.assign(self.value - value)

    def adopt(self, value: np.ndarray) -> None:
        """Set a value of the right shape without copying it; the caller gives the array away."""
        self._value = value if value.dtype == self.dtype else settled(value, self.dtype)

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array of its own."""
        with cells_lock:
            return np.array(self.value)

    def snapshot(self) -> np.ndarray:
        """The value of this moment, not to be written to; copied only from another device's memory.

        It stays as it is: a later value lies elsewhere, for the engine reuses no memory that is
        looked at.
        """
        with cells_lock:
            return np.asarray(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise UsageTypeError("E-SCALAR", f'variable "{self.path}" is a scalar: no length.')
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self.value[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __jax_array__(self) -> Any:
        return self.value

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __format__(self, spec: str) -> str:
        return format(self.numpy().item(), spec) if spec and not self.shape else repr(self)

    def __repr__(self) -> str:
        return f"<Variable {self.path}, shape {self.shape}, {self.dtype}>"

    def __deepcopy__(self, memo: dict) -> "Variable":
        twin = object.__new__(Variable)
        memo[id(self)] = twin
        twin.__dict__.update(self.__getstate__())
        return twin

    def __getstate__(self) -> dict[str, Any]:
        kept = {**self.__dict__, "_value": np.array(self._value)}
        kept.pop("_later", None)
        return kept


class Later(NamedTuple):
    """A first value that is made when it is first asked for; one that is assigned takes its place.

    So a text that describes a large model costs nothing before the model is used.
    """

    make: Callable
    shape: tuple[int, ...]
    dtype: str

    def made(self) -> Any:
        """The value."""
        return settled(self.make(self.shape, dtype=self.dtype), self.dtype)


def _first(make: Callable, shape: tuple[int, ...], dtype: str) -> Any:
    """The first value, made by `make` unless the Frame says otherwise (while loading)."""
    frame = _frame.get()
    if frame is not None and frame.initial is not None:
        return frame.initial(make, shape, dtype)
    return settled(make(shape, dtype=dtype), dtype)


TURN = 2**12
"""What one turn of a loop that is written out counts for in `afford`: a few operations to trace."""


def afford(count: float, lasting: bool = False) -> None:
    """Raise UsageError where a model that is being loaded asks for a table that is too large.

    To be called before anything of `count` numbers is made that follows from the arguments of a
    layer or metric alone, and is no weight; `lasting` tables are added up. Outside of a load
    everything can be afforded.
    """
    frame = _frame.get()
    if frame is not None and frame.spend is not None:
        frame.spend(count, lasting)


def _known(shape: Sequence[int] | None, path: str) -> tuple[int, ...]:
    if shape is None or any(d is None for d in shape):
        raise UsageError(
            "E-SHAPE-UNKNOWN",
            f'variable "{path}" needs a fully known shape; got {shown(shape)}.',
        )
    return tuple(int(d) for d in shape)


def settled(value: Any, dtype: str | None) -> Any:
    """`value` as an array that nobody else holds, in `dtype` or the dtype it came in."""
    if not isinstance(value, (np.ndarray, np.generic, int, float, list)) and engine.is_array(value):
        return value if dtype in (None, dtype_name(value)) else engine.cast(value, dtype)
    if dtype == "bfloat16":
        return engine.array(value, dtype)
    array = np.array(value, dtype=dtype)
    if dtype is None and array.dtype.kind == "f":
        array = array.astype(settings.floatx())
    return array


def dtype_name(x: Any) -> str:
    """The dtype's name: "float32"."""
    dtype = getattr(x, "dtype", None)
    return str(np.asarray(x).dtype if dtype is None else dtype)


class Frame:
    """What one computation sees besides its arguments, and what it leaves.

    Attributes:
        bound: Variable -> value, for reading and for what was assigned.
        catches: whether it keeps what is assigned from the cells: a computation does, a mere
            scope (of custom objects, of a call outside any computation) does not.
        training: True, False, or None where nobody said.
        key: random key (engine array), or None where draws come from the process's own seeds.
        dtype: compute dtype of mixed precision, or None.
        losses: what `add_loss` and activity regularizers left.
        path: names of the layers entered, outermost first.
        custom_objects: name -> class or function, for `deserialize`.
        strangers: Variables that were read though they are not bound: what is compiled here holds
            their values of now.
        placed: id of a Tensor -> (the Tensor, its value) in the graph that is being evaluated: what
            a Lambda or a loss closes over stands for its value there.
        stand_in: `Tensor -> array` for such a Tensor while only shapes are asked for; or None.
        rectified: id of an array that is traced -> (the array, a function that gives relu of it by
            the kernel that computes it); see `ops.rectified`.
        gelu_of: id of an array that is traced -> (the array, what it is GELU of); see `ops.again`.
        moved: id of a Tensor -> what is added to its value, while a gradient is taken by it.
        initial: `(make, shape, dtype) -> array`, in place of what initializers make, an array that
            nobody else holds; or None.
        spend: takes count of the numbers that tables hold while a model is loaded; or None.
        probing: whether only shapes are asked for, with made-up sizes for unknown dimensions.
    """

    def __init__(
        self,
        bound: Any = (),
        training: bool | None = None,
        key: Any = None,
        dtype: str | None = None,
        catches: bool = True,
    ):
        self.bound = dict(bound)
        self.catches = catches
        self.training = training
        self.key = key
        self.dtype = dtype
        self.losses: list = []
        self.metrics: dict[str, Any] = {}
        self.masks: dict[int, tuple] = {}
        self.path: tuple[str, ...] = ()
        self.custom_objects: dict[str, Any] = {}
        self.initial: Callable | None = None
        self.spend: Callable[[float, bool], None] | None = None
        self.rectified: dict[int, tuple] = {}
        self.gelu_of: dict[int, tuple] = {}
        self.moved: dict[int, Any] = {}
        self.placed: dict[int, tuple] = {}
        self.stand_in: Callable | None = None
        self.probing = False
        self.strangers: dict[Variable, None] = {}
        self.draws = Draws()

    def value_of(self, variable: Variable) -> Any:
        """The value bound to `variable`, else its cell's own."""
        if variable in self.bound:
            return self.bound[variable]
        self.strangers[variable] = None
        return variable._value

    def child(self, **changes: Any) -> "Frame":
        """A Frame that shares everything with this one but what `changes` says."""
        twin = object.__new__(Frame)
        twin.__dict__.update(self.__dict__)
        twin.__dict__.update(changes)
        return twin

    def __enter__(self) -> "Frame":
        self._token = _frame.set(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        _frame.reset(self._token)


class Draws:
    """Counts the random draws of a Frame, so that a node evaluated twice draws the same twice."""

    def __init__(self) -> None:
        self.count = 0
        self.begun: dict[int, int] = {}

    @contextmanager
    def of(self, number: int) -> Iterator[None]:
        """While node `number` runs: count on from where it began the first time."""
        latest = self.count
        self.count = self.begun.setdefault(number, latest)
        yield
        self.count = max(self.count, latest)

    @contextmanager
    def anew(self) -> Iterator[None]:
        """While one call of a model's graph runs: its nodes begin where the call begins.

        So two calls of one model draw differently, and the repetition of a call draws the same.
        """
        outside, self.begun = self.begun, {}
        yield
        self.begun = outside


_frame: ContextVar[Frame | None] = ContextVar("frame", default=None)


def frame() -> Frame | None:
    """The Frame in force, or None outside any computation."""
    return _frame.get()


def training() -> bool:
    """Whether the running computation is a training step."""
    current = _frame.get()
    return current is not None and bool(current.training)


@contextmanager
def within(**changes: Any) -> Iterator[Frame]:
    """A Frame like the one in force (or a fresh one that catches nothing) with `changes`.

    One that is given its own `bound` values catches what is assigned.
    """
    current = _frame.get()
    if "bound" in changes:
        changes["catches"] = True
    with (current or Frame(catches=False)).child(**changes) as inner:
        yield inner


def pure(
    fn: Callable, variables: Sequence[Variable], **conditions: Any
) -> Callable[..., tuple[Any, list, list]]:
    """`fn`, which reads and assigns `variables`, as a function of their values.

    The result takes the values first, then `fn`'s own arguments, and returns
    `(result, new values, losses)`. `conditions` go to the Frame (`training`, `key`, `dtype`).
    """

    @functools.wraps(fn)
    def run(values: Sequence, *args: Any, **kwargs: Any) -> tuple[Any, list, list]:
        with Frame(zip(variables, values, strict=True), **conditions) as inner:
            result = fn(*args, **kwargs)
        return result, [inner.bound[v] for v in variables], inner.losses

    return run


# ---------------------------------------------------------------- masks

_eager_masks: dict[int, tuple] = {}


def mask_of(x: Any) -> Any:
    """The mask that travels with array `x`, or None."""
    current = _frame.get()
    found = current.masks.get(id(x)) if current is not None else None
    if found is None or found[0]() is not x:
        found = _eager_masks.get(id(x))
    return None if found is None or found[0]() is not x else found[1]


def any_eager_masks() -> bool:
    """Whether any array outside a Frame carries a mask."""
    return bool(_eager_masks)


def set_mask(x: Any, mask: Any) -> None:
    """Let `mask` travel with array `x`; a mask of None takes it away."""
    current = _frame.get()
    known = current.masks if current is not None else _eager_masks
    key = id(x)
    if mask is None:
        known.pop(key, None)
    elif current is not None:
        known[key] = ((lambda: x), mask)
    else:
        known[key] = (weakref.ref(x, lambda _: known.pop(key, None)), mask)


# ---------------------------------------------------------------- randomness


class Seeds:
    """Where numbers come from outside a Frame: one seed, and a count of what was taken."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.set(int(np.random.SeedSequence().generate_state(1)[0]))
        self.chosen = False  # whether somebody has set the seed

    def set(self, seed: int) -> None:
        """Begin again from `seed`."""
        self.seed, self.taken, self.chosen = seed, 0, True

    def next(self) -> int:
        """A fresh 32-bit number, the same sequence for the same seed."""
        with self.lock:
            self.taken += 1
            place = (self.seed, self.taken)
        return int(np.random.SeedSequence(place).generate_state(1)[0])


seeds = Seeds()


def set_random_seed(seed: int) -> None:
    """Seed everything that draws numbers: Cornu, NumPy's old global state and Python's `random`.

    Raises UsageError unless `seed` is a whole number from 0 to 2**32 - 1.
    """

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise UsageError(
            "E-SEED", f"seed must be a whole number from 0 to 2**32 - 1; got {shown(seed)}."
        )
    random.seed(int(seed))
    np.random.seed(int(seed))
    seeds.set(int(seed))


def draw_key(seed: int | None = None) -> Any:
    """A random key for one draw: from `seed` if given, else the Frame's next, else the process's.

    Within a Frame that has a key, a `seed` is mixed with it, so that every step draws anew.
    """
    current = _frame.get()
    if current is None or current.key is None:
        return engine.key(seeds.next() if seed is None else seed)
    current.draws.count += 1
    key = engine.fold(current.key, current.draws.count)
    return key if seed is None else engine.fold(key, seed)
