"""What a layer says of itself for a file: the shapes it was built for, and its own values.

A layer may also have `save_assets(folder)` and `load_assets(folder)`, for files of its own beside
the weights, such as a vocabulary.
"""

from collections.abc import Mapping
from typing import Any

from cornu.config import serialize
from cornu.errors import UsageError, shown


class Saved:
    """The part of `Layer` that saving asks; each method may be overridden."""

    def get_build_config(self: Any) -> dict[str, Any] | None:
        """The shapes that the layer was built for, as plain data; None where it has no weights."""
        if not self.built or not self.variables:
            return None
        nodes = self.__dict__.get("_nodes", ())
        if nodes and len(nodes[0].args) == 1 and not nodes[0].kwargs:
            return {"input_shape": shapes(nodes[0].args[0])}
        args, kwargs = self.__dict__.get("_built_for", ((), {}))
        if kwargs:
            return {"shapes_dict": serialize(kwargs)}
        return {"input_shape": serialize(args[0])} if args and args[0] is not None else None

    def build_from_config(self: Any, config: Mapping[str, Any] | None) -> None:
        """Make the weights for the shapes that `get_build_config` gave, where it gave some."""
        if self.built or not config:
            return
        if isinstance(config.get("shapes_dict"), Mapping):
            self.build(**as_shapes(config["shapes_dict"]))
        elif config.get("input_shape") is not None:
            self.build(as_shapes(config["input_shape"]))

    def save_own_variables(self: Any, store: dict[str, Any]) -> None:
        """Put own values into `store` under "0", "1" …; override to say more."""
        store.update((str(i), v.snapshot()) for i, v in enumerate(self.own_weights()))

    def load_own_variables(self: Any, store: Mapping[str, Any]) -> None:
        """Take own values from `store`. Raises UsageError where they do not fit."""
        cells = self.own_weights()
        if len(store) != len(cells):
            raise UsageError(
                "E-WEIGHTS", f'"{self.name}" has {len(cells)} variables; the file {len(store)}.'
            )
        for i, v in enumerate(cells):
            v.assign(store[str(i)])


def shapes(structure: Any) -> Any:
    """The shapes of a Tensor, or of all in a structure, as lists."""
    if isinstance(structure, Mapping):
        return {key: shapes(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [shapes(value) for value in structure]
    return list(structure.shape)


def as_shapes(plain: Any) -> Any:
    """Shapes, or a structure of them, from lists as JSON has them. Raises UsageError."""
    if isinstance(plain, Mapping):
        return {key: as_shapes(value) for key, value in plain.items()}
    listed = isinstance(plain, (list, tuple))
    if listed and any(isinstance(item, (list, tuple, Mapping)) for item in plain):
        return [as_shapes(item) for item in plain]
    if not listed or not all(isinstance(size, int | None) for size in plain):
        raise UsageError("E-CONFIG", f"a shape must be a list of sizes; got {shown(plain)}.")
    return tuple(plain)
