"""The merging of Keras 0 and 1: one layer, Merge, with a mode, for today's one each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu import config
from cornu.dialects import layers as old_layers
from cornu.errors import UsageError, shown
from cornu.graph import Tensor
from cornu.layers import Lambda, Layer

__all__ = ["MERGES", "merge", "merger", "merging"]

MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Cosine",
}


def merging(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class name and config of today's merging layer for a config of Merge.

    A mode that was a function becomes a Lambda, which asks custom objects for it.
    Raises UsageError for a mode that is unknown, and for "join".
    """
    mode = given.get("mode", "sum")
    found = {name: given[name] for name in ("name", "trainable") if name in given}
    if given.get("mode_type", "raw") != "raw":
        return "Lambda", {**found, **_function_of(given)}
    if not isinstance(mode, str) or mode not in MERGES:
        raise UsageError(
            "E-OLD-OPTION",
            f"Merge(mode={shown(mode)}) has no layer of today; modes are {', '.join(MERGES)}.",
        )
    if mode == "concat":
        found["axis"] = given.get("concat_axis", -1)
    elif mode in ("dot", "cos"):
        found["axes"] = _dot_axes(given.get("dot_axes", -1))
    return MERGES[mode], found


def _function_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The mode, shape and mask of a config as those of a Lambda."""
    names = {"function": "mode", "output_shape": "output_shape", "mask": "output_mask"}
    found: dict[str, Any] = {"arguments": given.get("arguments") or {}}
    for new, old in names.items():
        found[new], found[f"{new}_type"] = given.get(old), given.get(f"{old}_type", "raw")
    return found


def _dot_axes(axes: Any) -> Any:
    """An int, or one for each; Keras 0 wrote each as a tuple of one."""
    if isinstance(axes, (list, tuple)):
        return [a[0] if isinstance(a, (list, tuple)) else a for a in axes]
    return axes


def merger(
    mode: str | Callable,
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Layer:
    """Today's layer for a mode: a name, or a function of the list of inputs.

    Raises UsageError for an unknown mode.
    """
    named: dict[str, Any] = {"name": name} if name else {}
    if callable(mode):
        mask = output_mask if callable(output_mask) else None
        return Lambda(mode, output_shape, mask, dict(arguments or {}), **named)
    said = {"mode": mode, "concat_axis": concat_axis, "dot_axes": dot_axes}
    kind, fields = merging({**said, **named})
    cls: Any = getattr(old_layers, kind, None) or config.classes_named(kind)[-1]
    return cls(**fields)


def merge(
    inputs: Sequence[Tensor],
    mode: str | Callable = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """Tensors merged into one, as `mode` says: a name, or a function of the list of them.

    Raises UsageError for an unknown mode.
    """
    made = merger(mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name)
    return made(list(inputs))
