"""What a layer asks of its input's shape, and the message when it gets something else."""

from collections.abc import Callable, Mapping
from typing import Any

from cornu import tree
from cornu.errors import UsageError
from cornu.graph import PROBES


class InputSpec:
    """Rank and sizes that a layer asks for.

    Args:
        ndim: exact rank, batch included; `min_ndim` and `max_ndim` bound it.
        axes: axis (negative ones too) -> size.
        shape, dtype: kept for those who ask; not checked.
        layout: the axes in words, for messages: "(batch, height, width, channels)".
        hint: a line added to a rank message, or a function from the shape to it.
    """

    def __init__(
        self,
        ndim: int | None = None,
        min_ndim: int | None = None,
        max_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        shape: tuple | None = None,
        dtype: str | None = None,
        layout: str = "",
        hint: str | Callable[[tuple], str] = "",
    ):
        self.ndim, self.min_ndim, self.max_ndim = ndim, min_ndim, max_ndim
        self.axes = {int(a): size for a, size in (axes or {}).items() if size is not None}
        self.shape, self.dtype, self.layout, self.hint = shape, dtype, layout, hint

    def __repr__(self) -> str:
        said = {"ndim": self.ndim, "min_ndim": self.min_ndim, "axes": self.axes or None}
        inside = ", ".join(f"{k}={v}" for k, v in said.items() if v is not None)
        return f"InputSpec({inside})"


def check_input(layer: Any, x: Any) -> None:
    """Hold the shapes of `x` to `layer.input_spec`. Raises UsageError naming layer and axis."""
    spec = layer.input_spec
    specs = spec if isinstance(spec, (list, tuple)) else [spec]
    for one, leaf in zip(specs, tree.leaves(x), strict=False):
        shape = getattr(leaf, "shape", None)
        if one is not None and shape is not None:
            _check_rank(layer, one, tuple(shape))
            _check_sizes(layer, one, tuple(shape))


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
