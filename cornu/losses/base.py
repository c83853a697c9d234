"""What every loss shares: the call, the reduction with weights and masks, the match of shapes.

A loss is a plain function of labels and outputs that gives one value per entry (see the other
modules here); `FunctionLoss` gives such a function a name and a reduction. `LossFunction` does so
for any function of the user's; a subclass of `Loss` with `call` is the third way.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np

from cornu import engine, policy, settings, state, tree
from cornu.config import (
    Configurable,
    Family,
    Field,
    OneOf,
    deserialize_inner,
    serialize,
    snake,
)
from cornu.errors import UsageError, shown
from cornu.graph import op
from cornu.losses import shapes
from cornu.ops.crossentropy import floating

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")

Reduction = Annotated[str | None, OneOf(*REDUCTIONS)]


averaging: set[Callable] = set()
"""Functions that average over the last axis, entry by entry: a vector is a column to them."""


def averages(fn: Callable) -> Callable:
    """Decorator: note `fn` in `averaging`."""
    averaging.add(fn)
    return fn


# ---------------------------------------------------------------- shapes and dtypes


def as_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels and outputs as arrays of the outputs' float dtype."""
    y_pred = floating(y_pred)
    return engine.cast(engine.array(y_true), y_pred.dtype), y_pred


def elementwise_pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """`as_pair`, of the same shape but for a scalar label. Raises UsageError."""
    y_true, y_pred = as_pair(y_true, y_pred)
    shapes.elementwise(name, y_true.shape, y_pred.shape)
    return squeeze_or_expand(y_true, y_pred)


@op
def squeeze_or_expand(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Give labels and outputs the same rank where one has a last axis of 1 more.

    A vector against `(batch, 1)` is expanded; otherwise the longer one is squeezed.
    """
    y_true, y_pred = engine.array(y_true), engine.array(y_pred)
    y_shape, p_shape = shapes.matched(y_true.shape, y_pred.shape)
    return y_true.reshape(y_shape), y_pred.reshape(p_shape)


def as_arrays(structure: Any) -> Any:
    """A list of numbers, however deep, as an array; any other structure as it is."""
    if tree.is_nested(structure) and not isinstance(structure, Mapping):
        if all(isinstance(leaf, (int, float, np.number)) for leaf in tree.leaves(structure)):
            return np.asarray(structure)
    return structure


def least(dtype: Any) -> float:
    """`settings.epsilon()`, or the least number of this dtype that is not lost."""
    return max(settings.epsilon(), float(engine.np.finfo(dtype).tiny))


def as_rows(fn: Callable, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Two vectors as columns where `fn` would average them into one number."""
    if fn in averaging and rank(y_true) == 1 and rank(y_pred) == 1:
        return _column(y_true), _column(y_pred)
    return y_true, y_pred


@op
def _column(x: Any) -> Any:
    return engine.array(x)[:, None]


def rank(x: Any) -> int:
    """Number of axes of an array, a symbolic Tensor or a list of numbers."""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


@op
def cast(x: Any, dtype: str) -> Any:
    """`x` as an array of `dtype`."""
    return engine.cast(engine.array(x), dtype)


def dtype_of(dtype: Any) -> str:
    """The dtype's name: `settings.floatx()` for None, a policy's compute dtype for a policy.

    Raises UsageError for a name that is none.
    """
    return settings.floatx() if dtype is None else policy.get(dtype).compute_dtype


# ---------------------------------------------------------------- reduction


def broadcast_left(weights: Any, shape: tuple[int, ...], name: str = "sample_weight") -> Any:
    """`weights` in `shape`, their axes being the first ones of it.

    Shapes: (batch,) serves (batch, time); a last axis of 1 too many is dropped. Raises UsageError.
    """
    given = weights.shape
    while weights.ndim > len(shape) and weights.shape[-1] == 1:
        weights = weights.reshape(weights.shape[:-1])
    if weights.ndim <= len(shape):
        weights = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
        if all(w in (1, n) for w, n in zip(weights.shape, shape, strict=True)):
            return engine.np.broadcast_to(weights, shape)
    raise UsageError(
        "E-WEIGHT-SHAPE",
        f"{name} has shape {given}, which does not fit values of shape {shape}. Give it the shape "
        f"{shape[:1]} (one for each sample) or {shape}.",
    )


def both_masks(*masks: Any) -> Any:
    """What is valid in all `masks`, aligned from the left; None where there is none."""
    found = [engine.array(m).astype(bool) for m in masks if m is not None]
    if len(found) < 2:
        return found[0] if found else None
    rank = max(m.ndim for m in found)
    first, second = (m.reshape(m.shape + (1,) * (rank - m.ndim)) for m in found)
    return first & second


@op
def reduce_weighted(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
) -> Any:
    """One number, or with "none" an array, from a loss's values.

    "sum_over_batch_size" and "mean": sum(values * weight) / number of valid entries.
    "mean_with_sample_weight": sum(values * weight) / sum(weight) over valid entries.
    "sum": sum(values * weight). "none" or None: values * weight.

    Entries whose `mask` is False, and a mask that travels with `values`, count nowhere: neither
    does what is not finite there. Weights and mask broadcast from the left. Where nothing is valid
    the result is 0. A scalar `values` takes part as the value of every weight.

    Raises:
        UsageError: for an unknown reduction, and for weights or a mask that do not fit.
    """
    xp = engine.np
    checked_reduction(reduction)
    mask = both_masks(mask, state.mask_of(values))
    values = floating(values)
    if values.ndim == 0:
        if sample_weight is None:
            return values
        values = xp.broadcast_to(values, xp.shape(sample_weight))
    if mask is not None:
        mask = broadcast_left(mask, values.shape, "mask")
        values = xp.where(mask, values, 0)
    if sample_weight is not None:
        weight = engine.cast(engine.array(sample_weight), values.dtype)
        weight = broadcast_left(weight, values.shape)
        values = xp.where(weight == 0, 0, values * weight)
    if reduction in (None, "none"):
        return values
    total = xp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return divide_no_nan(total, xp.sum(weight if mask is None else xp.where(mask, weight, 0)))
    if mask is None:
        return total / max(values.size, 1)
    return divide_no_nan(total, xp.sum(mask, dtype=values.dtype))


def divide_no_nan(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0."""
    xp = engine.np
    return xp.where(b == 0, 0, a / xp.where(b == 0, 1, b))


def checked_reduction(reduction: Any) -> None:
    """Raises UsageError for a reduction that is none, with the nearest name."""
    OneOf(*REDUCTIONS)(reduction, "loss", "reduction")


# ---------------------------------------------------------------- classes


def own_fields_first(
    cls: type, inherited: dict[str, Field], declared: dict[str, Field]
) -> dict[str, Field]:
    """What a class declares itself, then what it inherits; `name` is what the class is called."""
    order = {**declared, **inherited}
    if "name" in inherited:
        order["name"] = inherited["name"]._replace(
            default=cls.__dict__.get("name") or snake(cls.__name__)
        )
    return order


class Loss(Configurable):
    """A number to make small, from labels and outputs. Subclass it and write `call`.

    Args:
        name: what it is called in logs; the class's name in snake_case unless given.
        reduction: "sum_over_batch_size" (the mean), "mean", "sum", "mean_with_sample_weight",
            "none" or None; see `reduce_weighted`.
        dtype: dtype to compute in; `settings.floatx()` unless given.

    Attributes:
        per_sample: whether `call` gives a value per sample and not one scalar for all; None until
            `values` has run once.
    """

    name: str | None = None
    reduction: Reduction = "sum_over_batch_size"
    dtype: str | None = None

    wire_module: ClassVar[str] = "keras.losses"
    per_sample: ClassVar[bool | None] = None

    @classmethod
    def ordered_fields(
        cls, inherited: dict[str, Field], declared: dict[str, Field]
    ) -> dict[str, Field]:
        return own_fields_first(cls, inherited, declared)

    def set_up(self) -> None:
        self.name = self.name or snake(type(self).__name__)
        self.dtype = dtype_of(self.dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss; a mask that travels with `y_pred` is honoured."""
        leaves = tree.leaves(y_pred)
        mask = state.mask_of(leaves[0]) if len(leaves) == 1 and not self.reads_mask else None
        values = self.values(y_true, y_pred)
        return reduce_weighted(values, sample_weight, mask, self.reduction)

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """What `call` gives for labels and outputs cast to `dtype`; class numbers stay whole."""
        y_true, y_pred = as_arrays(y_true), as_arrays(y_pred)
        y_pred = tree.map_structure(lambda x: cast(x, self.dtype), y_pred)
        if not self.takes_class_numbers:
            y_true = tree.map_structure(lambda x: cast(x, self.dtype), y_true)
        values = self.call(y_true, y_pred)
        self.__dict__["per_sample"] = rank(values) > 0
        return values

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of every sample, `(batch, ...)`, without weights: what subclasses write."""
        raise NotImplementedError(f"{type(self).__name__} needs call(self, y_true, y_pred).")

    def check_shapes(
        self, y_shape: Any, y_dtype: Any, p_shape: Any, output: str | None = None
    ) -> None:
        """Raise UsageError where labels of this shape cannot belong to the outputs.

        Sizes may be None where unknown. `output` names the model's output in messages.
        """

    @property
    def takes_class_numbers(self) -> bool:
        """Whether labels are class numbers, to be kept as integers."""
        return False

    @property
    def reads_mask(self) -> bool:
        """Whether `call` heeds a mask of the outputs itself, which then is none of its values."""
        return False

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if config.get("dtype") in (None, settings.floatx()):
            config.pop("dtype", None)
        return config


class FunctionLoss(Loss):
    """A loss made of one of the plain functions; fields of its own are the function's options."""

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None
    dtype: str | None = None

    function: ClassVar[Callable]
    kind: ClassVar[str] = "elementwise"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "function" in cls.__dict__:
            class_of_function[cls.function] = cls

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the function besides labels and outputs."""
        own = [n for n in type(self).fields if n not in ("name", "reduction", "dtype")]
        return {name: getattr(self, name) for name in own}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        function = type(self).function
        return function(*as_rows(function, y_true, y_pred), **self.arguments)

    def check_shapes(
        self, y_shape: Any, y_dtype: Any, p_shape: Any, output: str | None = None
    ) -> None:
        check(self.kind, type(self).function.__name__, self.arguments, y_shape, p_shape, output)

    @property
    def takes_class_numbers(self) -> bool:
        return self.kind in shapes.CLASS_NUMBERS

    @property
    def reads_mask(self) -> bool:
        return self.kind in shapes.READS_MASK


class_of_function: dict[Callable, type[FunctionLoss]] = {}
"""Plain loss function -> the class made of it."""


def check(
    kind: str, name: Any, options: Mapping, y_shape: Any, p_shape: Any, output: str | None
) -> None:
    """Run the check of shapes for a `kind` of loss. Raises UsageError."""
    more = {"axis": options["axis"]} if kind == "sparse" and "axis" in options else {}
    shapes.CHECKS[kind](str(name), tuple(y_shape), tuple(p_shape), output, **more)


class LossFunction(Loss):
    """A loss made of any function `fn(y_true, y_pred, **kwargs)`.

    The function may give one value per sample or one scalar. Labels and outputs come to it in the
    same rank where they differ by a last axis of 1.
    """

    wire_module: ClassVar[str] = "keras.losses"

    def __init__(
        self,
        fn: Callable,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ):
        if not callable(fn):
            raise UsageError(
                "E-LOSS", f"fn must be a function of (y_true, y_pred); got {shown(fn)}."
            )
        super().__init__(name=name or name_of(fn), reduction=reduction, dtype=dtype)
        self.fn, self.kwargs = fn, kwargs

    @property
    def kind(self) -> str:
        """What is known of the function's shapes: a key of `shapes.CHECKS`."""
        known = class_of_function.get(self.fn)
        return known.kind if known else "free"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = as_arrays(y_true), as_arrays(y_pred)
        if self.kind == "free":
            if not tree.is_nested(y_true) and not tree.is_nested(y_pred):
                y_true, y_pred = squeeze_or_expand(y_true, y_pred)
        return self.fn(*as_rows(self.fn, y_true, y_pred), **self.kwargs)

    def check_shapes(
        self, y_shape: Any, y_dtype: Any, p_shape: Any, output: str | None = None
    ) -> None:
        check(self.kind, self.name, self.kwargs, y_shape, p_shape, output)

    @property
    def takes_class_numbers(self) -> bool:
        return self.kind in shapes.CLASS_NUMBERS

    @property
    def reads_mask(self) -> bool:
        return self.kind in shapes.READS_MASK

    def get_config(self) -> dict[str, Any]:
        config = {"fn": serialize(self.fn), "reduction": self.reduction, "name": self.name}
        return {**config, **serialize(self.kwargs)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "LossFunction":
        given = {name: deserialize_inner(value) for name, value in config.items()}
        return cls(family.get(given.pop("fn")), **given)


def name_of(fn: Any) -> str:
    """A function's own name, or the class of a callable object, in snake_case."""
    return (getattr(fn, "__name__", None) or snake(type(fn).__name__)).strip("<>")


family = Family("loss", Loss, wire_module="keras.losses")
"""All losses by name; a name finds the plain function before the class."""
