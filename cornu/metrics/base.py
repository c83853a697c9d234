"""What every metric shares: Variables, updates, results; and the means most metrics are made of.

A metric is a Configurable with Variables. `update_state` adds a batch to them with engine ops on
static shapes, so that it runs the same in a compiled step (under a Frame) and by itself. Rows of
weight 0 count nowhere, not even in counts: a padded batch gives what the batch alone gives.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cornu import engine, state, tree
from cornu.config import (
    Configurable,
    Family,
    Field,
    deserialize_inner,
    serialize,
    snake,
    unique_name,
)
from cornu.errors import UsageError, shown
from cornu.losses.base import (
    Loss,
    as_arrays,
    as_rows,
    both_masks,
    broadcast_left,
    divide_no_nan,
    dtype_of,
    name_of,
    own_fields_first,
)
from cornu.losses.base import family as loss_family
from cornu.state import Variable

STARTS: dict[str, Callable[..., Any]] = {"zeros": np.zeros, "ones": np.ones}


class Start(NamedTuple):
    """A Variable and the value it starts from."""

    variable: Variable
    start: Any


class Metric(Configurable):
    """A number that is gathered over batches. Subclass it and write `update_state` and `result`.

    Args:
        dtype: dtype of the Variables; `settings.floatx()` unless given.
        name: its name in logs; unless given the class's name in snake_case, numbered from the
            second on.

    Attributes:
        variables: all its Variables, those of metrics inside it included.
        direction: "up" or "down", where better is known to be so.

    A subclass with its own `__init__` calls `super().__init__(name=...)` first and makes its
    Variables with `add_variable`.
    """

    dtype: str | None = None
    name: str | None = None

    wire_module: ClassVar[str] = "keras.metrics"
    direction: ClassVar[str | None] = None
    _added: ClassVar[list[Start]]

    @classmethod
    def ordered_fields(
        cls, inherited: dict[str, Field], declared: dict[str, Field]
    ) -> dict[str, Field]:
        return own_fields_first(cls, inherited, declared)

    def set_up(self) -> None:
        self.name = self.name or unique_name(snake(type(self).__name__))
        self.dtype = dtype_of(self.dtype)
        self.__dict__["_added"] = []

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """A Variable of this metric, to be kept as an attribute.

        `initializer`: "zeros", "ones", or a function `(shape, dtype) -> array`; `reset_state` goes
        back to what it gave. `aggregation` is taken for the sake of old code and changes nothing.

        Raises:
            UsageError: before `super().__init__()`, and for an unknown initializer.
        """
        if "_added" not in self.__dict__:
            raise UsageError(
                "E-SUPER-INIT",
                f'{type(self).__name__}.__init__ must begin with super().__init__(name="…"): '
                "it was not called before add_variable.",
            )
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        named = initializer is None or isinstance(initializer, str)
        make: Any = STARTS.get(initializer or "zeros") if named else initializer
        if not callable(make):
            raise UsageError(
                "E-INITIALIZER",
                f"a metric's initializer is {', '.join(map(repr, STARTS))} or a function "
                f"(shape, dtype); got {shown(initializer)}.",
            )
        state.afford(math.prod(shape), lasting=True)
        start = np.asarray(make(shape, dtype=dtype or self.dtype))
        last = name or f"variable_{len(self._added)}"
        variable = Variable(
            start,
            dtype=dtype or self.dtype,
            trainable=False,
            name=last,
            path=f"{self.name}/{last}",
        )
        self._added.append(Start(variable, start))
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> Variable:
        """`add_variable`, by the name that layers use."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """All Variables: those added, then those of attributes, lists and dicts included."""
        found: dict[Variable, None] = {}
        for leaf in self._leaves():
            if isinstance(leaf, Variable):
                found[leaf] = None
            elif isinstance(leaf, Metric):
                found.update(dict.fromkeys(leaf.variables))
        return list(found)

    def _leaves(self) -> list:
        return [leaf for value in self.__dict__.values() for leaf in tree.leaves(value)]

    def build(self, y_shape: Any, p_shape: Any) -> None:
        """Make the Variables whose shapes depend on the labels' and outputs' shapes.

        Few metrics need it. It may be called again, and `update_state` calls it by itself; who
        compiles `update_state` calls it first.
        """

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch: mostly `update_state(y_true, y_pred, sample_weight=None)`."""
        raise NotImplementedError(
            f"{type(self).__name__} needs update_state(self, y_true, y_pred)."
        )

    def result(self) -> Any:
        """The metric's value for all that was added: a scalar, or a dict of scalars."""
        raise NotImplementedError(f"{type(self).__name__} needs result(self).")

    def reset_state(self) -> None:
        """Forget everything: all Variables go back to where they began."""
        starts = dict(self.__dict__.get("_added", ()))
        inner = [leaf for leaf in self._leaves() if isinstance(leaf, Metric)]
        for metric in inner:
            metric.reset_state()
        theirs = {variable for metric in inner for variable in metric.variables}
        for variable in self.variables:
            if variable not in theirs:
                start = starts.get(variable)
                variable.assign(np.zeros(variable.shape) if start is None else start)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and give the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables: Any, *args: Any, **kwargs: Any) -> list:
        """`update_state` from values of `variables` to their new values."""
        return state.pure(self.update_state, self.variables)(metric_variables, *args, **kwargs)[1]

    def stateless_result(self, metric_variables: Any) -> Any:
        """`result` for given values of `variables`."""
        return state.pure(self.result, self.variables)(metric_variables)[0]

    def stateless_reset_state(self) -> list:
        """The values of `variables` at the start."""
        values = [v.value for v in self.variables]
        return state.pure(self.reset_state, self.variables)(values)[1]


# ---------------------------------------------------------------- weights


def merged_weights(sample_weight: Any, dtype: Any, *masks: Any) -> Any:
    """Weights times masks, aligned from the left; None where there is neither."""
    mask = both_masks(*masks)
    if sample_weight is None:
        return None if mask is None else mask.astype(dtype)
    weight = engine.cast(engine.array(sample_weight), dtype)
    if mask is None:
        return weight
    while weight.ndim > mask.ndim and weight.shape[-1] == 1:
        weight = weight.reshape(weight.shape[:-1])
    rank = max(weight.ndim, mask.ndim)
    weight, mask = (a.reshape(a.shape + (1,) * (rank - a.ndim)) for a in (weight, mask))
    return engine.np.where(mask, weight, 0)


def weighted(values: Any, weight: Any) -> Any:
    """`values * weight`, and 0 where the weight is 0, whatever the value."""
    return engine.np.where(weight == 0, 0, values * weight)


# ---------------------------------------------------------------- means


class Sum(Metric):
    """The sum of values, each times its weight."""

    name: str | None = "sum"
    dtype: str | None = None

    def set_up(self) -> None:
        super().set_up()
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        weight = merged_weights(sample_weight, self.dtype, state.mask_of(values))
        values = engine.cast(engine.array(values), self.dtype)
        if weight is not None:
            values = weighted(values, broadcast_left(weight, values.shape))
        self.total.assign_add(engine.np.sum(values))

    def result(self) -> Any:
        return self.total.value


class Mean(Metric):
    """The mean of values, weighted: sum(values * weight) / sum(weight).

    Every sample counts alike, however many values it has. A scalar counts as one sample, or as
    its weight where that is a scalar too; not at all where all weights are 0.
    """

    name: str | None = "mean"
    dtype: str | None = None

    def set_up(self) -> None:
        super().set_up()
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        xp = engine.np
        weight = merged_weights(sample_weight, self.dtype, state.mask_of(values))
        values = engine.cast(engine.array(values), self.dtype)
        rows = values.shape[0] if values.ndim else 1
        if weight is None:
            total, count = xp.sum(values), values.size
        elif values.ndim == 0 and weight.ndim:
            count = xp.any(weight != 0).astype(self.dtype)
            total = weighted(values, count)
        else:
            weight = broadcast_left(weight, values.shape)
            total, count = xp.sum(weighted(values, weight)), xp.sum(weight)
        each = max(values.size // max(rows, 1), 1)
        if each > 1:
            total, count = total / each, count / each
        self.total.assign_add(total)
        self.count.assign_add(count)

    def result(self) -> Any:
        return divide_no_nan(engine.array(self.total.value), self.count.value)


class MeanOfPairs(Mean):
    """The mean of what `values(y_true, y_pred)` gives for each sample."""

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """One value per sample, `(batch, ...)`."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        leaves = tree.leaves(y_pred)
        mask = state.mask_of(leaves[0]) if len(leaves) == 1 else None
        if mask is not None:
            sample_weight = merged_weights(sample_weight, self.dtype, mask)
        super().update_state(self.values(y_true, y_pred), sample_weight)


class FunctionMetric(MeanOfPairs):
    """The mean of one of the plain functions; fields of its own are the function's options."""

    function: ClassVar[Callable]

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the function besides labels and outputs."""
        own = [n for n in type(self).fields if n not in ("name", "dtype")]
        return {name: getattr(self, name) for name in own}

    def values(self, y_true: Any, y_pred: Any) -> Any:
        function = type(self).function
        return function(*as_rows(function, y_true, y_pred), **self.arguments)


class MeanMetricWrapper(MeanOfPairs):
    """The mean of any function `fn(y_true, y_pred, **kwargs)` or of a Loss.

    Args:
        fn: gives one value per sample, or one scalar for the batch.
        name: name in logs; the function's own unless given.
        dtype: dtype of the sums.
        kwargs: further arguments of `fn`.
    """

    def __init__(
        self, fn: Callable, name: str | None = None, dtype: str | None = None, **kwargs: Any
    ):
        if not callable(fn):
            raise UsageError(
                "E-METRIC", f"fn must be a function of (y_true, y_pred); got {shown(fn)}."
            )
        called = fn.name if isinstance(fn, Loss) else name_of(fn)
        super().__init__(name=name or called, dtype=dtype)
        self.fn, self.kwargs = fn, kwargs
        if isinstance(fn, Loss) or any(fn is known for known in loss_family.members.values()):
            self.__dict__["direction"] = "down"

    def values(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = as_arrays(y_true), as_arrays(y_pred)
        if isinstance(self.fn, Loss):
            return self.fn.values(y_true, y_pred)
        return self.fn(*as_rows(self.fn, y_true, y_pred), **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "dtype": self.dtype, "fn": serialize(self.fn)}
        return {**config, **serialize(self.kwargs)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "MeanMetricWrapper":
        given = {name: deserialize_inner(value) for name, value in config.items()}
        if isinstance(given.get("fn"), str):
            given["fn"] = function_named(given["fn"])
        return cls(**given)


functions = Family("metric", None, wire_module="keras.metrics")
"""The plain metric functions by name."""

family = Family("metric", Metric, wire_module="keras.metrics")
"""All metrics by name: classes, and functions that have no class."""


def function_named(name: str) -> Callable:
    """The metric or loss function of that name. Raises UsageError for an unknown one."""
    return functions.find(name)
