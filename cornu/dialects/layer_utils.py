"""`keras.utils.layer_utils`: what is asked of, and done to, whole layers and models."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import layers
from cornu.dialects.backend_state import data_format_of
from cornu.dialects.generic_utils import get_from_module
from cornu.dialects.graph0 import Graph
from cornu.dialects.np_utils import convert_kernel
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import sources
from cornu.layers import Layer
from cornu.models import Model, Sequential
from cornu.saving import model_from_json
from cornu.tensor import Tensor

__all__ = [
    "container_from_config",
    "convert_all_kernels_in_model",
    "convert_dense_weights_data_format",
    "count_params",
    "count_total_params",
    "get_model_class",
    "get_source_inputs",
    "layer_from_config",
    "model_from_config",
    "model_summary",
    "print_summary",
]

# ---------------------------------------------------------------- configs


def model_from_config(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The model of `{"class_name": ..., "config": ...}`, of any generation, without weights.

    Raises ModelFileError and UsageError, as `model_from_json` does.
    """
    if not isinstance(config, Mapping):
        raise UsageTypeError(
            "E-CONFIG",
            f'a model\'s config is a dict with "class_name" and "config"; got {shown(config)}. '
            "Of what get_config gave, Sequential.from_config(config) makes a model.",
        )
    return model_from_json(json.dumps(config), custom_objects)


container_from_config = model_from_config


def layer_from_config(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Layer:
    """The layer of `{"class_name": ..., "config": ...}`. Raises UsageError for an unknown class."""
    return layers.deserialize(config, custom_objects)


def get_model_class(identifier: Any) -> Any:
    """The class of models of this name: "Sequential", "Model" or "Graph".

    Raises UsageError for another name.
    """
    known = {"Graph": Graph, "Model": Model, "Sequential": Sequential}
    return get_from_module(identifier, known, "model")


# ---------------------------------------------------------------- counting and printing


def count_params(weights: Iterable[Any]) -> int:
    """How many numbers these weights hold; one that stands twice counts once."""
    return sum(math.prod(w.shape) for w in {id(w): w for w in weights}.values())


def count_total_params(
    layers: Iterable[Layer], layer_set: set[Layer] | None = None
) -> tuple[int, int]:
    """How many numbers layers hold, `(trainable, not trainable)`; layers of the set are left out.

    The set, if given, is added to.
    """
    seen = set() if layer_set is None else layer_set
    new = [layer for layer in dict.fromkeys(layers) if layer not in seen]
    seen.update(new)
    return (
        count_params(w for layer in new for w in layer.trainable_weights),
        count_params(w for layer in new for w in layer.non_trainable_weights),
    )


def print_summary(model: Model, line_length: int | None = None, **kwargs: Any) -> None:
    """`model.summary(line_length, ...)`."""
    model.summary(line_length=line_length, **kwargs)


def model_summary(model: Model) -> None:
    """`model.summary()`."""
    model.summary()


# ---------------------------------------------------------------- graphs


def get_source_inputs(
    tensor: Tensor, layer: Layer | None = None, node_index: int | None = None
) -> list[Tensor]:
    """The Inputs from which a Tensor is computed, each once."""
    return sources(tensor)


# ---------------------------------------------------------------- weights

KERNELS = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.Conv2DTranspose)


def convert_all_kernels_in_model(model: Model) -> None:
    """Turn the kernels of all convolutions around in space, as between Theano and TensorFlow."""
    for layer in model.layers:
        if isinstance(layer, KERNELS):
            layer.kernel.assign(convert_kernel(layer.kernel.numpy()))  # pyright: ignore


def convert_dense_weights_data_format(
    dense: layers.Dense,
    previous_feature_map_shape: Sequence[int],
    target_data_format: str = "channels_first",
) -> None:
    """Reorder the rows of a Dense layer behind a Flatten, for images in the other order.

    Args:
        dense: the layer, built.
        previous_feature_map_shape: (channels, rows, columns) for "channels_first", else
            (rows, columns, channels): the order that the images will have.
        target_data_format: that order.

    Raises:
        UsageError: where the layer has another number of rows.
    """
    kernel, shape = dense.kernel.numpy(), tuple(previous_feature_map_shape)
    if math.prod(shape) != len(kernel):
        raise UsageError(
            "E-SHAPE",
            f"{dense.name} has {len(kernel)} rows; images of shape {shape} have "
            f"{math.prod(shape)} numbers.",
        )
    if data_format_of(target_data_format) == "channels_first":
        now, order = (*shape[1:], shape[0]), (2, 0, 1)
    else:
        now, order = (shape[-1], *shape[:-1]), (1, 2, 0)
    rows = np.transpose(np.arange(len(kernel)).reshape(now), order).ravel()
    dense.kernel.assign(kernel[rows])
