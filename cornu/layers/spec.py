"""What a layer asks of its input's shape, and the message when it gets something else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu import tree
from cornu.errors import UsageError
from cornu.inference import PROBES


class InputSpec:
    """Rank, sizes and dtype that a layer asks for.

    Args:
        dtype: exact dtype.
        shape: exact shape, batch included, None where any size will do.
        ndim: exact rank; `min_ndim` and `max_ndim` bound it.
        axes: axis (negative ones too) -> size.
        allow_last_axis_squeeze: whether a last axis of 1 may be missing or too many.
        name: key of this input in a dict of inputs.
        optional: whether None will do.
        layout: the axes in words, for messages: "(batch, height, width, channels)".
        hint: a line added to a rank message, or a function from the shape to it.
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
        layout: str = "",
        hint: str | Callable[[tuple], str] = "",
    ):
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape or ())
        self.min_ndim, self.max_ndim, self.dtype = min_ndim, max_ndim, dtype
        sizes = {**dict(enumerate(self.shape or ())), **(axes or {})}
        self.axes = {int(a): size for a, size in sizes.items() if size is not None}
        self.allow_last_axis_squeeze, self.name = allow_last_axis_squeeze, name
        self.optional, self.layout, self.hint = optional, layout, hint

    def squeezed(self, shape: tuple) -> tuple:
        """`shape` without a last axis of 1 that is too many, or with one that is missing."""
        if self.allow_last_axis_squeeze and self.ndim is not None:
            if len(shape) == self.ndim + 1 and shape[-1] == 1:
                return shape[:-1]
            if len(shape) == self.ndim - 1 and (self.shape or (1,))[-1] == 1:
                return (*shape, 1)
        return shape

    def __repr__(self) -> str:
        said = {"ndim": self.ndim, "min_ndim": self.min_ndim, "axes": self.axes or None}
        inside = ", ".join(f"{k}={v}" for k, v in said.items() if v is not None)
        return f"InputSpec({inside})"


def check_input(layer: Any, x: Any) -> None:
    """Hold the shapes of `x` to `layer.input_spec`. Raises UsageError naming layer and axis."""
    spec = layer.input_spec
    specs = spec if isinstance(spec, (list, tuple)) else [spec]
    leaves = tree.leaves(x)
    if isinstance(x, Mapping) and all(one is not None and one.name in x for one in specs):
        leaves = [x[one.name] for one in specs]
    for one, leaf in zip(specs, leaves, strict=False):
        shape = getattr(leaf, "shape", None)
        if one is not None and shape is not None:
            shape = one.squeezed(tuple(shape))
            _check_rank(layer, one, shape)
            _check_sizes(layer, one, shape)
            _check_dtype(layer, one, str(leaf.dtype))


def _who(layer: Any) -> str:
    return f'{type(layer).__name__} "{layer.name}"'


def _check_rank(layer: Any, spec: InputSpec, shape: tuple) -> None:
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim:
        wanted = f"{spec.ndim} axes"
    elif spec.min_ndim is not None and rank < spec.min_ndim:
        wanted = f"at least {spec.min_ndim} axes"
    elif spec.max_ndim is not None and rank > spec.max_ndim:
        wanted = f"at most {spec.max_ndim} axes"
    else:
        return
    raise UsageError(
        "E-RANK",
        f"{_who(layer)} needs {spec.layout or wanted}; got {_words(shape)}. "
        f"{_rank_hint(spec, shape)}".rstrip(),
    )


def _check_dtype(layer: Any, spec: InputSpec, dtype: str) -> None:
    if spec.dtype is not None and dtype != spec.dtype:
        raise UsageError(
            "E-DTYPE",
            f'{_who(layer)} needs dtype "{spec.dtype}"; got "{dtype}". Cast it before: '
            f'ops.cast(x, "{spec.dtype}").',
        )


def _rank_hint(spec: InputSpec, shape: tuple) -> str:
    if callable(spec.hint):
        return spec.hint(shape)
    if spec.hint:
        return spec.hint.format(shape=_words(shape), sample=_words(shape[1:]))
    if spec.min_ndim and len(shape) == 1:
        return "One sample needs a batch axis: x[None]; one number a sample needs x[:, None]."
    return ""


def _check_sizes(layer: Any, spec: InputSpec, shape: tuple) -> None:
    for axis, size in spec.axes.items():
        if not -len(shape) <= axis < len(shape):
            continue
        got = shape[axis]
        if got is not None and got != size:
            what = "features" if axis == -1 and len(shape) == 2 else f"as its axis {axis}"
            raise UsageError(
                "E-SIZE",
                f"x has {got} {what}, {_who(layer)} was built for {size} (axis {axis}). "
                f"Got shape {_words(shape)}.{_order_hint(shape, axis, size)}",
            )


def _order_hint(shape: tuple[int | None, ...], axis: int, size: int) -> str:
    """Channels first where they were expected last."""
    if len(shape) < 4 or axis != -1:
        return ""
    first, last = list(shape)[1], list(shape)[-1]
    if first == size and size in (1, 2, 3, 4) and (last or 0) > 4:
        return " It looks like channels_first: move axis 1 to the end, np.moveaxis(x, 1, -1)."
    return ""


def _words(shape: tuple) -> str:
    """The shape with "batch" for an unknown first size, also while shapes are being inferred."""
    unknown = (None, *PROBES)
    words = tuple("batch" if i == 0 and d in unknown else d for i, d in enumerate(shape))
    return str(words).replace("'", "")
