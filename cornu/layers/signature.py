"""Reading a layer's methods: what `call` and `build` take, and the shapes to build for."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import tree


class CallSignature(NamedTuple):
    """What a method's parameters ask for."""

    names: tuple[str, ...]
    training: bool
    masks: tuple[str, ...]
    default_training: bool = False

    def settle_training(self, args: tuple, kwargs: dict, running: bool | None) -> None:
        """Let `call` have the phase, if it takes one: as passed, else as running, else its own."""
        if not self.training:
            kwargs.pop("training", None)
        elif kwargs.get("training") is None and "training" not in self.names[: len(args)]:
            kwargs["training"] = self.default_training if running is None else bool(running)

    def shapes(self, layer: Any, args: tuple, kwargs: Mapping[str, Any]) -> tuple[list, dict]:
        """Arguments for `build`: the first input's shape, or shapes by `<argument>_shape`."""
        wanted = [n for n in self.names if n.endswith("_shape")]
        given = dict(zip(call_signature(type(layer).call).names, args, strict=False))
        given.update(kwargs)
        if len(wanted) > 1:
            known = {f"{n}_shape": shape_of(x) for n, x in given.items()}
            return [], {n: known[n] for n in wanted if n in known}
        first = args[0] if args else next(iter(kwargs.values()), None)
        return ([shape_of(first)] if self.names else []), {}


@functools.lru_cache(maxsize=4096)
def call_signature(method: Callable) -> CallSignature:
    """The parameters of `call` or `build`, read once per function."""
    method = inspect.unwrap(method)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = tuple(p.name for p in parameters if p.kind not in kinds)
    masks = tuple(n for n in names if n == "mask" or n.endswith("_mask"))
    default = next((p.default for p in parameters if p.name == "training"), None)
    return CallSignature(names, "training" in names, masks, default is True)


class WholeShape:
    """A shape that is not walked as a structure."""

    def __init__(self, shape: Sequence[int | None]):
        self.shape = tuple(shape)


def shape_of(x: Any) -> Any:
    """The shape of an array or Tensor; a structure of shapes for a structure of them."""
    return plain_shapes(tree.map_structure(lambda a: WholeShape(getattr(a, "shape", ())), x))


def plain_shapes(structure: Any) -> Any:
    """A structure of tuples from one of `WholeShape`s."""
    return tree.map_structure(lambda s: s.shape, structure)


def map_shapes(fn: Callable, shapes: Any) -> Any:
    """`fn` over shapes, where a tuple or list of sizes is one shape."""
    if isinstance(shapes, Mapping):
        return {k: map_shapes(fn, v) for k, v in shapes.items()}
    if all(d is None or isinstance(d, (int, np.integer)) for d in shapes):
        return fn(shapes)
    return [map_shapes(fn, s) for s in shapes]
