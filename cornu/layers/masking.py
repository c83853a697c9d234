"""How masks travel: taken from inputs, handed to `call`, passed on to outputs."""

import warnings
from typing import Any

from cornu import state, tree


def gather(layer: Any, args: tuple, kwargs: dict[str, Any], accepted: Any) -> Any:
    """The masks of the first argument, put into `kwargs` where `call` asks for them."""
    frame = state.frame()
    if not frame.masks and not state.any_eager_masks():  # pyright: ignore
        return None
    by_place = dict(zip(accepted.names, args, strict=False))
    first = args[0] if args else kwargs.get(accepted.names[0]) if accepted.names else None
    masks = tree.map_structure(_mask_of, first)
    for name, value in [*by_place.items(), *kwargs.items()]:
        wanted = f"{name}_mask"
        if wanted in accepted.masks and wanted not in by_place and kwargs.get(wanted) is None:
            kwargs[wanted] = _mask_of(value)
    found = any(m is not None for m in tree.leaves(masks))
    if "mask" in accepted.masks and kwargs.get("mask") is None and found:
        kwargs["mask"] = masks
    return kwargs.get("mask") if kwargs.get("mask") is not None else masks if found else None


def bring_out(frame: state.Frame, outputs: Any) -> None:
    """Keep the masks that `outputs` got in a Frame that has ended."""
    for leaf in tree.leaves(outputs):
        found = frame.masks.get(id(leaf))
        if found is not None and found[0]() is leaf:
            state.set_mask(leaf, found[1])


def _mask_of(x: Any) -> Any:
    return None if x is None else state.mask_of(x)


def pass_on(layer: Any, args: tuple, outputs: Any, masks: Any, overridden: bool) -> None:
    """Give `outputs` the mask that the layer computes for them.

    `overridden`: whether the layer has a `compute_mask` of its own.
    """
    if masks is None and not overridden:
        return
    if not layer.supports_masking and not overridden:
        warnings.warn(
            f'Layer "{layer.name}" ({type(layer).__name__}) got a masked input but does not '
            "support masking: the mask ends here.",
            stacklevel=4,
        )
        return
    computed = layer.compute_mask(args[0] if args else None, masks)
    made = tree.leaves(outputs)
    several = isinstance(computed, (list, tuple)) and len(computed) == len(made)
    for leaf, mask in zip(made, computed if several else [computed] * len(made), strict=True):
        if mask is not None and leaf is not None:
            state.set_mask(leaf, mask)
