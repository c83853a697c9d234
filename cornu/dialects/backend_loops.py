"""Choice and repetition in `K`: `switch`, folds, `map_fn`, and the loop of recurrent layers.

Functions that are passed in are given arrays. They may read Variables and call layers, but no
symbolic Tensors from outside: those go in as elements, states or constants.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import engine, ops, tree
from cornu.dialects.backend_record import recorded
from cornu.dialects.backend_tensors import int_shape
from cornu.errors import UsageError

__all__ = ["foldl", "foldr", "map_fn", "rnn", "switch"]

# ---------------------------------------------------------------- choice


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """`then_expression` where `condition` holds, else `else_expression`; functions are called.

    One condition chooses the whole, one for each sample or entry chooses there: it broadcasts
    from the front.
    """
    if isinstance(condition, (bool, np.bool_)):
        return _called(then_expression if condition else else_expression)
    return _chosen(condition, _called(then_expression), _called(else_expression))


def _called(x: Any) -> Any:
    return x() if callable(x) and not hasattr(x, "shape") else x


@recorded
def _chosen(condition: Any, yes: Any, no: Any) -> Any:
    condition = engine.array(condition) != 0
    rank = max(np.ndim(yes), np.ndim(no))
    if condition.ndim < rank:
        condition = condition.reshape(condition.shape + (1,) * (rank - condition.ndim))
    return ops.where(condition, yes, no)


# ---------------------------------------------------------------- folds


@recorded
def _folded(fn: Callable, elems: Any, start: Any, reverse: bool) -> Any:
    elems = ops.convert_to_tensor(elems)
    if start is None:
        start, elems = (elems[-1], elems[:-1]) if reverse else (elems[0], elems[1:])
    start = tree.map_structure(engine.array, start)

    def once(total: Any, x: Any) -> tuple:
        new = fn(total, x)
        return tree.map_structure(lambda n, o: engine.cast(n, o.dtype), new, total), None

    return engine.scan(once, start, elems, reverse=reverse)[0]


def foldl(fn: Callable, elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """fn(… fn(fn(start, e0), e1) …, en) over the first axis; the first element is the start.

    `initializer` is another start.
    """
    return _folded(fn, elems, initializer, False)


def foldr(fn: Callable, elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """The same as `foldl`, from the last element to the first."""
    return _folded(fn, elems, initializer, True)


@recorded
def map_fn(fn: Callable, elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """`fn` of each slice along the first axis, stacked; `elems` may be a tuple of arrays."""
    found = ops.map(fn, tree.map_structure(ops.convert_to_tensor, elems))
    if dtype is None:
        return found
    wanted = (
        dtype if isinstance(dtype, (list, tuple)) else tree.map_structure(lambda _: dtype, found)
    )
    return tree.map_structure(ops.cast, found, wanted)


# ---------------------------------------------------------------- recurrence


def rnn(
    step_function: Callable,
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    masking: bool | None = None,
) -> tuple:
    """`output, states = step_function(input, states)` along the time axis.

    Args:
        step_function: is given (batch, ...) and the list of states, then constants; returns its
            output and the new states, in the shapes of the old.
        inputs: (batch, time, ...).
        initial_states: list of arrays, (batch, ...); empty for steps without memory.
        go_backwards: whether to begin at the last step; outputs then come in that order.
        mask: (batch, time) or (batch, time, 1); where it is 0 states stay and the output is that
            of the step before, 0 at first.
        constants: passed on in each step.
        unroll: whether the loop is written out; the number of steps must be known.
        input_length: number of steps, for older code; read off `inputs` here.
        masking: as in 0.3.0: True to skip steps whose entries are all 0.

    Returns:
        The last output; all outputs, (batch, time, ...); the list of last states.

    Raises:
        UsageError: where the loop is to be unrolled and the number of steps is unknown.
    """
    if isinstance(mask, bool):
        mask, masking = None, mask
    shape = int_shape(inputs)
    if len(shape) < 3:
        raise UsageError("E-RANK", f"K.rnn: inputs must be (batch, time, ...); got {shape}.")
    if unroll and shape[1] is None:
        raise UsageError(
            "E-SHAPE-UNKNOWN",
            f"K.rnn(unroll=True) needs a known number of steps; inputs have shape {shape}.",
        )
    last, outputs, states = _rnn(
        step_function,
        inputs,
        list(initial_states),
        list(constants or ()),
        mask,
        {"backwards": go_backwards, "unroll": unroll, "skip_zeros": bool(masking)},
    )
    return last, outputs, list(states)


@recorded
def _rnn(
    step: Callable, inputs: Any, states: list, constants: list, mask: Any, how: dict[str, Any]
) -> tuple:
    np_ = engine.np
    xs = np_.moveaxis(ops.convert_to_tensor(inputs), 1, 0)  # (time, batch, ...)
    seen = None
    if how["skip_zeros"]:
        seen = np_.any(xs != 0, tuple(range(2, xs.ndim)))
    elif mask is not None:
        mask = engine.array(mask) != 0
        seen = np_.moveaxis(mask.reshape(mask.shape[:2]), 1, 0)  # (time, batch)
    if how["backwards"]:
        xs, seen = xs[::-1], None if seen is None else seen[::-1]
    states = [engine.array(s) for s in states]
    output = None if seen is None else np_.zeros_like(step(xs[0], [*states, *constants])[0])

    def once(carried: tuple, given: tuple) -> tuple:
        before, output = carried
        x, here = given
        made, new = step(x, [*before, *constants])
        new = [engine.cast(engine.array(n), b.dtype) for n, b in zip(new, before, strict=True)]
        if here is not None:
            made = np_.where(_as_wide(here, made), made, output)
            new = [np_.where(_as_wide(here, n), n, b) for n, b in zip(new, before, strict=True)]
        return (new, made if here is not None else None), made

    run = _written_out if how["unroll"] else engine.scan
    (last, _), outputs = run(once, (states, output), (xs, seen))
    return outputs[-1], np_.moveaxis(outputs, 0, 1), tuple(last)


def _as_wide(here: Any, x: Any) -> Any:
    return here.reshape(here.shape + (1,) * (x.ndim - 1))


def _written_out(once: Callable, carried: tuple, given: tuple) -> tuple:
    xs, seen = given
    made = []
    for t in range(xs.shape[0]):
        carried, output = once(carried, (xs[t], None if seen is None else seen[t]))
        made.append(output)
    return carried, engine.np.stack(made)
