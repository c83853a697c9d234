"""Running pieces of graph: `K.function`, `K.gradients`, updates, `K.eval` and the session."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import engine, graph, state, tree
from cornu.dialects.backend_record import dense, recorded, spelt
from cornu.dialects.backend_state import held, is_phase
from cornu.dialects.backend_tensors import LARGE, Turns, identity
from cornu.errors import UsageError, UsageTypeError, shown, suggestion, warn
from cornu.graph import Tensor
from cornu.state import Variable

__all__ = [
    "batch_get_value",
    "batch_set_value",
    "eval",
    "function",
    "get_session",
    "get_value",
    "gradients",
    "moving_average_update",
    "print_tensor",
    "set_session",
    "set_value",
    "update",
    "update_add",
    "update_sub",
]

# ---------------------------------------------------------------- updates


class Update(tuple):
    """The pair (variable, new value): what `K.function(updates=…)` and `add_update` take."""

    __slots__ = ()


def _update(x: Any, new: Any) -> Update:
    if not isinstance(x, Variable):
        raise UsageTypeError(
            "E-TYPE", f"only a Variable can be updated, as from K.variable(0.0); got {shown(x)}."
        )
    return Update((x, new))


def update(x: Variable, new_x: Any) -> Update:
    """`x` becomes `new_x` when this is run."""
    return _update(x, new_x)


def update_add(x: Variable, increment: Any) -> Update:
    """`x` grows by `increment` when this is run."""
    return _update(x, _sum(x, increment))


def update_sub(x: Variable, decrement: Any) -> Update:
    """`x` shrinks by `decrement` when this is run."""
    return _update(x, _sum(x, decrement, -1))


@spelt
def moving_average_update(x: Variable, value: Any, momentum: Any) -> Update:
    """`x` becomes `x * momentum + value * (1 - momentum)` when this is run."""
    return _update(x, _average(x, value, momentum))


@recorded
def _sum(x: Any, more: Any, sign: int = 1) -> Any:
    return x + more if sign > 0 else x - more


@recorded
def _average(x: Any, value: Any, momentum: Any) -> Any:
    return x * momentum + value * (1.0 - momentum)


def _split(updates: Any) -> list[tuple[Variable, Any]]:
    """Updates in any of the forms of old code, as pairs."""
    if isinstance(updates, Update):
        return [updates]  # pyright: ignore[reportReturnType]
    pairs = []
    for one in updates or ():
        nested = isinstance(one, list) and not (len(one) == 2 and isinstance(one[0], Variable))
        if nested:
            pairs += _split(one)
        elif isinstance(one, (list, tuple)) and len(one) == 2:
            pairs.append(tuple(_update(*one)))
        elif one is not None:
            raise UsageTypeError(
                "E-TYPE",
                "updates are pairs (variable, new value), or what K.update returns; got "
                f"{shown(one)}.",
            )
    return pairs


# ---------------------------------------------------------------- functions

KNOWN_OPTIONS = frozenset(
    "feed_dict fetches options run_metadata name on_unused_input mode allow_input_downcast "
    "givens no_default_updates accept_inplace rebuild_strict profile".split()
)
"""Options of TensorFlow's and Theano's own functions. All but the first two change nothing here."""


class BackendFunction:
    """A piece of graph, compiled for each shape of what it is fed and for each learning phase.

    Args:
        inputs: Tensors to be fed, and the learning phase wherever it is to be fed.
        outputs: structure of Tensors, Variables, arrays, updates or None.
        updates: pairs (variable, new value), applied after each call.
        always: Tensor -> value, fed in every call.

    Raises:
        UsageError: where an output depends on something that is not among the inputs.
    """

    def __init__(
        self,
        inputs: Sequence[Any],
        outputs: Any,
        updates: Sequence[tuple[Variable, Any]] = (),
        always: Mapping[Tensor, Any] | None = None,
    ):
        self.inputs = tree.leaves(list(inputs))
        self.always = dict(always or {})
        pairs = [*_updates_among(outputs), *updates]
        self._wanted = _map_outputs(lambda x: x[1] if isinstance(x, Update) else x, outputs)
        found = graph.variables_of((self._wanted, [new for _, new in pairs]), [v for v, _ in pairs])
        pairs += [(v, _sum(v, 1)) for v in found if isinstance(v, Turns)]
        self._variables, self._updates = found, [(v, new) for v, new in pairs]
        self._fed = [t for t in self.inputs if _is_fed(t)] + list(self.always)
        wanted = (self._wanted, [new for _, new in pairs])
        self._plan = graph.ancestors(graph.tensors(wanted), {id(t): t.name for t in self._fed})
        self._draws = False
        self._compiled = engine.jit(self._pure, static=(3,))

    def _pure(self, values: list, key: Any, feeds: list, phase: bool) -> tuple[Any, list]:
        """Outputs, and the new values of what is updated."""
        bound = dict(zip(self._variables, values, strict=True))
        with state.Frame(bound, phase, key) as frame:
            feed = dict(zip(self._fed, feeds, strict=True))
            wanted = (self._wanted, [new for _, new in self._updates])
            found, news = tree.map_structure(_value, graph.evaluate(wanted, feed, self._plan))
            self._draws = self._draws or frame.draws.count > 0
            pairs = zip(self._updates, news, strict=True)
            return found, [_fitting(v, new) for (v, _), new in pairs]

    def __call__(self, *inputs: Any) -> Any:
        """The outputs' values: NumPy arrays, in the structure of the outputs.

        Takes one list of values, or the values one by one.
        """
        given = inputs[0] if len(inputs) == 1 and _is_list(inputs[0], self.inputs) else inputs
        values = given if len(given) == len(self.inputs) else tree.leaves(list(given))
        if len(values) != len(self.inputs):
            raise UsageError(
                "E-FEEDS",
                f"the function has {len(self.inputs)} inputs; got {len(values)} values. Call it "
                "with one list: f([a, b]).",
            )
        phase = bool(held.phase)
        fed = []
        for to, value in zip(self.inputs, values, strict=True):
            if _is_fed(to):
                fed.append(value)
            else:
                phase = bool(np.asarray(value))
        fed += self.always.values()
        arrays = [_array(value, to) for value, to in zip(fed, self._fed, strict=True)]
        with state.cells_lock:
            cells = [v._value for v in self._variables]
            drawing = self._draws
            found, news = self._compiled(cells, self._key(), arrays, phase)
            if self._draws and not drawing:  # the trace found out that it draws numbers
                found, news = self._compiled(cells, self._key(), arrays, phase)
            for (variable, _), new in zip(self._updates, news, strict=True):
                variable.assign(new)
        return _map_outputs(_numpy, found)

    def _key(self) -> Any:
        return engine.key(state.seeds.next() if self._draws else 0)


def _map_outputs(fn: Callable, outputs: Any) -> Any:
    """`fn` over the leaves, an update being one; tuples become lists."""
    if isinstance(outputs, (list, tuple)) and not isinstance(outputs, Update):
        return [_map_outputs(fn, x) for x in outputs]
    if isinstance(outputs, Mapping):
        return {name: _map_outputs(fn, x) for name, x in outputs.items()}
    return fn(outputs)


def _updates_among(outputs: Any) -> list:
    found: list = []
    _map_outputs(lambda x: found.append(x) if isinstance(x, Update) else None, outputs)
    return found


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x


def _fitting(variable: Variable, new: Any) -> Any:
    """A new value in the Variable's dtype and, where it is one number, in its shape."""
    new = engine.cast(engine.array(new), variable.dtype)
    return engine.np.broadcast_to(new, variable.shape) if new.ndim == 0 else new


def _numpy(x: Any) -> Any:
    return None if x is None else np.asarray(engine.numpy(x))[()]


def _is_fed(to: Any) -> bool:
    """Whether an input is a Tensor; a number stands for a learning phase that was set."""
    return isinstance(to, Tensor) and not is_phase(to)


def _is_list(x: Any, inputs: Sequence[Any]) -> bool:
    return isinstance(x, (list, tuple)) or (not inputs and x is None)


def _array(value: Any, to: Tensor) -> Any:
    """What is fed, as an array of the engine."""
    if hasattr(value, "tocoo"):
        if int(np.prod(value.shape)) >= LARGE:
            warn(
                f"a sparse matrix of shape {value.shape} is made dense: "
                f"{np.prod(value.shape) * 4 / 2**20:,.0f} MB. Feed smaller batches."
            )
        value = value.toarray()
    value = _value(value)
    if not (isinstance(value, np.ndarray) and value.dtype == to.dtype):
        value = engine.array(value, to.dtype)
    known = zip(to.shape, value.shape, strict=False)
    if len(value.shape) != len(to.shape) or any(a not in (None, b) for a, b in known):
        raise UsageError(
            "E-FEEDS", f'"{to.name}" has shape {to.shape}; it was fed shape {tuple(value.shape)}.'
        )
    return value


def function(inputs: Any, outputs: Any, updates: Any = None, **kwargs: Any) -> BackendFunction:
    """A function that is fed values of `inputs` and returns those of `outputs`.

    Args:
        inputs: list of Tensors, anywhere in the graph, and `K.learning_phase()` where it is fed.
            Where it is not, the phase is that of `K.set_learning_phase`, 0 unless set.
        outputs: list of Tensors, Variables, arrays, updates and None; or one of them alone.
        updates: pairs (variable, new value) or what `K.update` returns, applied after each call.
        kwargs: `feed_dict`, what to feed in each call; `fetches`, what to compute besides.

    Returns:
        A function of a list of values, returning a list of NumPy arrays; of one output that was
        not in a list, its value alone.

    Raises:
        UsageError: where an output depends on what is not fed.

    Example:
        >>> x = placeholder(shape=(3,))
        >>> double = function([x], [x * 2])
        >>> double([[1, 2, 3]])[0].tolist()
        [2.0, 4.0, 6.0]
    """
    known = [*inspect.signature(function).parameters, *KNOWN_OPTIONS]
    for name in kwargs.keys() - KNOWN_OPTIONS:
        raise UsageTypeError(
            "E-ARGUMENT",
            f'K.function() has no argument "{name}". {suggestion(name, known)}'.rstrip(),
        )
    listed = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    for x in tree.leaves(listed):
        if not isinstance(x, (Tensor, int)):
            raise UsageTypeError(
                "E-TYPE",
                "K.function is fed Tensors, as from K.placeholder or model.input; got "
                f"{shown(x)} among its inputs.",
            )
    more = _updates_among(kwargs.get("fetches"))
    return BackendFunction(
        listed, outputs, [*_split(updates), *more], kwargs.get("feed_dict") or {}
    )


# ---------------------------------------------------------------- values


def eval(x: Any) -> Any:
    """The value of `x`, a Tensor that needs no feed, a Variable or an array, in NumPy."""
    if isinstance(x, Variable):
        return x.numpy()
    if isinstance(x, Tensor):
        if "_evaluator" not in x.__dict__:
            x.__dict__["_evaluator"] = BackendFunction([], x)
        return x.__dict__["_evaluator"]([])
    if isinstance(x, Update):
        return BackendFunction([], x)([])
    return np.asarray(engine.numpy(engine.array(dense(x))))[()]


def get_value(x: Any) -> Any:
    """The value of a Variable, an array, or a Tensor that needs no feed, in NumPy."""
    return eval(x)


@spelt
def batch_get_value(ops: Sequence[Any]) -> list:
    """The values of several Variables, all of one moment."""
    with state.cells_lock:
        return [eval(x) for x in ops]


def set_value(x: Variable, value: Any) -> None:
    """Set the value of a Variable. Raises UsageError where the shape differs."""
    _update(x, value)[0].assign(np.asarray(dense(_value(value))))


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Set the values of several Variables, given as pairs (variable, value)."""
    with state.cells_lock:
        for x, value in tuples:
            set_value(x, value)


def gradients(loss: Any, variables: Any) -> list:
    """The derivatives of `sum(loss)` by each of `variables`, as Tensors.

    Variables, placeholders or Tensors in the middle of the graph; a result may be differentiated
    again. Raises UsageTypeError for a loss that is an array.
    """
    if isinstance(loss, (list, tuple)):
        loss = sum(loss[1:], start=loss[0])
    if isinstance(loss, Variable):
        loss = identity(loss)
    if not isinstance(loss, Tensor):
        raise UsageTypeError(
            "E-GRADIENT",
            f"K.gradients differentiates a symbolic loss; got {shown(loss)}. Within a Lambda or a "
            "layer's call there are arrays: make the gradient outside, of Tensors.",
        )
    return graph.gradients(loss, variables)


@recorded
def print_tensor(x: Any, message: str = "") -> Any:
    """`x`; whenever it is computed its value is printed after `message`."""
    engine.tell(lambda value: print(f"{message}{value}"), engine.array(x))
    return x


# ---------------------------------------------------------------- sessions


class Session:
    """What `K.get_session()` gives: `run` works; there is nothing else to hold."""

    graph = None

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, **kwargs: Any) -> Any:
        """Values of `fetches`, in its own structure, with the Tensors of `feed_dict` fed."""
        feed = dict(feed_dict or {})
        found = BackendFunction(list(feed), fetches)(list(feed.values()))
        return tuple(found) if type(fetches) is tuple else found

    def close(self) -> None:
        """Nothing is open."""

    def as_default(self) -> "Session":
        """Itself, for a `with` block."""
        return self

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exc: Any) -> None: ...


_session = Session()


def get_session() -> Session:
    """An object whose `run(fetches, feed_dict)` computes Tensors."""
    return _session


def set_session(session: Any) -> None:
    """Accepted for older code; a session of another library changes nothing."""
