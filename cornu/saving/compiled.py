"""How a model was compiled, from the words in which files before `.keras` keep it."""

from collections.abc import Mapping
from typing import Any

from cornu.errors import UsageError, shown
from cornu.saving.archive import COMPILED

WIRE_MODULES = {
    "optimizer": "keras.optimizers",
    "loss": "keras.losses",
    "metrics": "keras.metrics",
    "weighted_metrics": "keras.metrics",
}
"""Where classes are from that stand in the arguments of `compile`: here the file does not say."""


def compile_config(said: Any) -> dict[str, Any]:
    """The arguments of `compile`. Raises UsageError for what is malformed."""
    if not isinstance(said, Mapping):
        raise UsageError("E-CONFIG", f"training_config must be an object; got {shown(said)}.")
    optimizer = said.get("optimizer_config")
    if not isinstance(optimizer, Mapping | str | None):
        raise UsageError("E-CONFIG", f"optimizer_config must be an object; got {shown(optimizer)}.")
    found = {"optimizer": optimizer, **{k: said[k] for k in COMPILED if k in said}}
    return {key: _placed(value, WIRE_MODULES.get(key)) for key, value in found.items()}


def _placed(value: Any, module: str | None) -> Any:
    """A plain form, or a structure of them, with the module of classes that have none."""
    if isinstance(value, list):
        return [_placed(item, module) for item in value]
    if not isinstance(value, Mapping) or module is None:
        return value
    if "class_name" in value:
        return value if value.get("module") else {**value, "module": module}
    return {key: _placed(item, module) for key, item in value.items()}
