"""The pieces of a step that no optimizer changes: gradients, clipping, branches, dtypes."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

from cornu import engine, state
from cornu.errors import UsageError
from cornu.state import Variable


def present(grads: list, variables: list[Variable]) -> tuple[list, list[Variable]]:
    """Gradients that are there, as arrays, and their variables; warns of the others."""
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    if not pairs:
        raise UsageError("E-GRADIENTS", "No gradients provided for any variable.")
    if len(pairs) < len(grads):
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        warnings.warn(
            f"Gradients do not exist for variables {missing}: the loss does not depend on them. "
            "They are left as they are.",
            stacklevel=4,
        )
    return [engine.array(g) for g, _ in pairs], [v for _, v in pairs]


def clipped(optimizer: Any, grads: list) -> list:
    """Gradients after the one way of clipping that the optimizer asks for, if any."""
    if optimizer.clipnorm is not None:
        return [limited(g, norm([g]), optimizer.clipnorm.value) for g in grads]
    if optimizer.global_clipnorm is not None:
        together = norm(grads)
        # NaN where the norm is not finite: a broken gradient must not look clipped
        together = together + (together - together)
        return [limited(g, together, optimizer.global_clipnorm.value) for g in grads]
    if optimizer.clipvalue is not None:
        most = optimizer.clipvalue.value
        return [engine.cast(engine.np.clip(g, -most, most), g.dtype) for g in grads]
    return grads


def norm(grads: Sequence[Any]) -> Any:
    """The Euclidean norm of all entries, summed in at least float32."""
    wide = [g if str(g.dtype) == "float64" else engine.cast(g, "float32") for g in grads]
    return engine.np.sqrt(sum(engine.np.sum(engine.np.square(g)) for g in wide))


def limited(g: Any, norm: Any, most: Any) -> Any:
    """`g`, shortened so that `norm` becomes `most` where it is more."""
    return g * engine.cast(most / engine.np.maximum(norm, most), g.dtype)


def in_dtype(at: SimpleNamespace, dtype: str) -> SimpleNamespace:
    """Numbers of a step in a parameter's dtype."""
    return SimpleNamespace(**{name: engine.cast(v, dtype) for name, v in vars(at).items()})


def uncast() -> AbstractContextManager:
    """While it lasts, parameters are read in their own dtype, not in that of mixed precision."""
    frame = state.frame()
    mixed = frame is not None and frame.dtype is not None
    return state.within(dtype=None) if mixed else nullcontext()


def choose(predicate: Any, yes: Callable, no: Callable, cells: Iterable[Variable]) -> None:
    """Run `yes` or `no`, functions that assign to `cells` and nothing else."""
    cells = list(dict.fromkeys(cells))

    def run(branch: Callable) -> Callable:
        def on_values(values: list) -> list:
            with state.within(bound=bound_to(cells, values)) as inner:
                branch()
            return [inner.bound[cell] for cell in cells]

        return on_values

    values = [engine.array(cell.value, cell.dtype) for cell in cells]
    news = engine.cond(engine.array(predicate), run(yes), run(no), values)
    for cell, value in zip(cells, news, strict=True):
        cell.assign(value)


def bound_to(cells: Sequence[Variable], values: Sequence[Any]) -> dict[Variable, Any]:
    """What a Frame binds when `cells` have `values` and all else is as it is now."""
    outer = state.frame()
    return {**(outer.bound if outer else {}), **dict(zip(cells, values, strict=True))}
