"""The rules for files of older generations, as `saving.older` asks for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu.dialects import configs, regularizers, spellings, tf_keras, theano
from cornu.dialects.normalization import normalized_as_then
from cornu.dialects.slots import slots
from cornu.dialects.tf_keras import archived
from cornu.dialects.training_configs import masks_in, modern_training, numbers
from cornu.dialects.weights import has_deviations, modern_weights
from cornu.errors import UsageError, listed, shown
from cornu.layers import Layer
from cornu.saving.older import Named, Origin

__all__ = ["archived", "config", "note", "slots", "version", "weights"]

TABLE = spellings.table
"""Old names are looked up there: this module is loaded without anything else of the dialects."""


def config(plain: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """{"model_config": …, "training_config": … or None} in the words of today.

    Raises UsageError for what no layer of today does, and for anything malformed.
    """
    model = plain.get("model_config")
    if not isinstance(model, Mapping):
        raise UsageError("E-CONFIG", f"model_config must be an object; got {shown(model)}.")
    if tf_keras.wrote(origin):
        return tf_keras.modern(plain, origin)
    generation = generation_of(origin, model)
    modern = configs.modern_model(
        model, generation, origin.data_format or None, origin.backend or None
    )
    if generation in regularizers.GENERATIONS:
        modern = regularizers.summed(modern)
    modern = normalized_as_then(
        modern,
        numbers(origin.version or generation),
        origin.backend == "theano",
        has_deviations(origin),
        masks_in(model),
    )
    return {
        "model_config": modern,
        "training_config": modern_training(plain, generation, origin.version),
    }


def version(config: Mapping[str, Any]) -> str:
    """A version of the generation whose form a config has that says none.

    Those of Keras 0 and of 1.0 before 1.0.4 say none.
    """
    generation = configs.generation_of(None, config)
    return generation if generation in ("0.3", "1.0") else "3.0"


def note(model: Any, origin: Origin, misfits: bool) -> str:
    """What of a model that is given weights of this origin is otherwise than there, or ""."""
    inside = list(model.all_layers())
    if misfits and any(getattr(layer, "reset_after", False) for layer in inside):
        return "GRU was GRU(reset_after=False) before Keras 3 unless it said otherwise."
    if misfits:
        return ""
    if origin.backend == "theano":
        found = [layer.name for layer in inside if theano.lies_otherwise(layer)]
        what, way_out = "otherwise", "of the layers in cornu.dialects.theano"
    else:
        found = [x.name for x in inside if type(x).__name__ in theano.__all__ and not _cell(x)]
        what, way_out = "not as Theano", f'by model_from_json(…, backend="{origin.backend}")'
    if not found:
        return ""
    return (
        f"{origin.backend or 'Another backend'} wrote these weights, and laid windows of "
        f'padding="same" {what}: {listed(found[:8])} will not compute what they computed there. '
        f"Load the whole model, or build it {way_out}."
    )


def _cell(layer: Layer) -> bool:
    return isinstance(layer, theano.TheanoConvLSTMCell)


def weights(layer: Layer, values: Named, origin: Origin) -> Sequence[tuple[str, Any]]:
    """One layer's arrays in the order, number and layout of its weights today."""
    return modern_weights(layer, list(values), origin, generation_of(origin, {}))


def generation_of(origin: Origin, model: Mapping[str, Any]) -> str:
    """The generation that wrote a file."""
    return configs.generation_of(origin.version or model.get("keras_version"), model)
