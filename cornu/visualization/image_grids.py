"""Pictures of what convolutions have learned, and of what augmentation makes of images."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu import engine, settings
from cornu.errors import UsageError, shown
from cornu.layers import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, Layer
from cornu.models import Model
from cornu.preprocessing.image import ImageDataGenerator
from cornu.visualization.figures import finished, new_figure
from cornu.visualization.opened import Opened, is_convolution

TRANSPOSED = (Conv1DTranspose, Conv2DTranspose, Conv3DTranspose)


def layer_filters(model: Model | Layer, layer: Any = None) -> np.ndarray:
    """The kernel of a convolution, one filter after another.

    Args:
        model: any Model; or the layer itself.
        layer: name, path, number or layer; the first convolution by default.

    Returns:
        Array (filters, *window, channels read).

    Raises:
        UsageError: where there is no such convolution, or it has no weights yet.
    """
    found = _convolution(model, layer)
    weights = found.weights
    if not weights:
        raise UsageError(
            "E-UNBUILT", f'"{found.name}" has no weights yet: call the model on data, or build it.'
        )
    kernel = engine.numpy(weights[0].value)  # (*window, read, made)
    if isinstance(found, TRANSPOSED):
        kernel = np.swapaxes(kernel, -1, -2)
    return np.moveaxis(kernel, -1, 0)


def _convolution(model: Model | Layer, layer: Any) -> Layer:
    found: Layer | None = model
    if isinstance(layer, Layer):
        found = layer
    elif isinstance(model, Model):
        known = Opened.of(model).layers if model._graph is not None else _by_name(model)
        if layer is None:
            found = next((one for one in known.values() if is_convolution(one)), None)
        elif model._graph is not None:
            found = known[Opened.of(model).path(layer)]
        else:
            found = model.get_layer(layer) if isinstance(layer, str) else model.layers[layer]
    if not isinstance(found, Layer) or not is_convolution(found):
        got = shown(found) if found is None else f'"{found.name}", a {type(found).__name__}'
        raise UsageError("E-NO-CONVOLUTION", f"filters are those of a convolution; found {got}.")
    return found


def _by_name(model: Model) -> dict[str, Layer]:
    return {layer.name: layer for layer in model.layers}


def plot_filters(
    model: Model | Layer,
    layer: Any = None,
    most: int = 64,
    columns: int = 8,
    path: str | Path | None = None,
) -> Any:
    """The filters of a convolution.

    Filters that read 3 channels are drawn in colour, each from its least to its greatest weight.
    Those of one channel are drawn in red (more) and blue (less than zero) on one scale for all;
    of others there is a row for each filter, with a picture for each channel that it reads.

    Args:
        model, layer: as for `layer_filters`.
        most: filters that are drawn, the first ones.
        columns: pictures in a row; of filters of many channels, the channels that are drawn.
        path: where to write the picture.

    Raises:
        ImportError: without matplotlib.
        UsageError: where there is no such convolution, or it has no weights yet.
    """
    kernel = layer_filters(model, layer)[:most]
    if kernel.ndim == 3:  # over time: a strip for each filter, channels downwards
        kernel = np.swapaxes(kernel, 1, 2)[..., None]
    if kernel.ndim == 5:  # over space and depth: the slices one beside another
        count, height, width, depth, read = kernel.shape
        kernel = np.moveaxis(kernel, 3, 2).reshape(count, height, depth * width, read)
    colored = kernel.shape[-1] == 3
    if colored:
        low, high = (f(axis=(1, 2, 3), keepdims=True) for f in (kernel.min, kernel.max))
        panels = list((kernel - low) / np.where(high == low, 1, high - low))
    elif kernel.shape[-1] == 1:
        panels = list(kernel[..., 0])
    else:
        columns = min(columns, kernel.shape[-1])
        panels = [one[..., channel] for one in kernel for channel in range(columns)]
    end = float(np.abs(kernel).max()) or 1.0
    scale = {} if colored else {"cmap": "RdBu_r", "vmin": -end, "vmax": end}
    return finished(_grid(panels, None, columns, scale), path)


def _grid(
    panels: Sequence[np.ndarray], titles: Sequence[str] | None, columns: int, scale: dict
) -> Any:
    columns = max(1, min(columns, len(panels)))
    rows = -(-len(panels) // columns)
    figure = new_figure(1.2 * columns, (1.2 if titles is None else 1.4) * rows)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every:
        axes.axis("off")
    for i, (axes, panel) in enumerate(zip(every, panels, strict=False)):
        axes.imshow(panel, **scale)
        if titles is not None and titles[i]:
            axes.set_title(titles[i], fontsize=9)
    return figure


# ---------------------------------------------------------------- augmented images


def augmented(
    source: Any, images: Any = None, copies: int = 7, seed: int | None = None
) -> tuple[np.ndarray | None, np.ndarray]:
    """What augmentation makes of images.

    Args:
        source: an `ImageDataGenerator`; a layer or a Sequential of `Random…` layers; a function of
            images; or, without `images`, an iterable of batches: a dataset, what `flow` returns.
        images: shape (n, height, width, channels), not needed for batches.
        copies: how often each image is changed.
        seed: of an `ImageDataGenerator`; layers have their own.

    Returns:
        The images, or None for batches; and what was made of them, (n, copies, …), or (n, 1, …) of
        batches.

    Raises:
        UsageError: for what is none of these, and for what are no images.
    """
    if images is None:
        return None, _first_batch(source)[:, None]
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise UsageError(
            "E-IMAGES", f"images must have shape (n, height, width, channels); got {images.shape}."
        )
    if isinstance(source, ImageDataGenerator):
        flow = source.flow(images, batch_size=len(images), shuffle=False, seed=seed)
        made = [next(flow) for _ in range(copies)]
    elif isinstance(source, Layer):
        given = images.astype(settings.floatx())
        made = [engine.numpy(source(given, training=True)) for _ in range(copies)]
    elif callable(source):
        made = [np.asarray(source(images)) for _ in range(copies)]
    else:
        raise UsageError(
            "E-AUGMENTED",
            "images are changed by an ImageDataGenerator, by layers or by a function; got "
            f"{shown(source)}. Of batches, pass no images: plot_augmented(dataset).",
        )
    return images, np.stack(made, axis=1)


def _first_batch(source: Any) -> np.ndarray:
    batch = next(iter(source), None) if isinstance(source, Iterable) else None
    while isinstance(batch, (tuple, list)) and batch:
        batch = batch[0]
    made = None if batch is None else np.asarray(batch)
    if made is None or made.ndim != 4:
        raise UsageError(
            "E-AUGMENTED",
            "without images, batches of images (n, height, width, channels) are asked for, as a "
            f"dataset has them; got {shown(source if made is None else made)}.",
        )
    return made


def plot_augmented(
    source: Any,
    images: Any = None,
    copies: int = 7,
    columns: int = 8,
    data_format: str | None = None,
    seed: int | None = None,
    path: str | Path | None = None,
) -> Any:
    """Images, and what augmentation makes of them: a row for each. Of batches a grid of the first.

    Args:
        source, images, copies, seed: as for `augmented`.
        columns: images in a row of a grid of batches.
        data_format: where channels are; `image_data_format()` if None.
        path: where to write the picture.

    Raises:
        ImportError: without matplotlib.
        UsageError: for what does not augment, and for what are no images.

    Example:
        >>> plot_augmented(keras.Sequential([layers.RandomFlip(), layers.RandomZoom(0.2)]), images)
    """
    before, made = augmented(source, images, copies, seed)
    first = (data_format or settings.image_data_format()) == "channels_first"
    if before is None:
        return finished(_grid(for_screen(made[:, 0], first), None, columns, GRAY), path)
    panels: list[np.ndarray] = []
    shown_before = for_screen(before, first)
    for i, image in enumerate(shown_before):
        panels += [image, *for_screen(made[i], first)]
    titles = ["as it is"] + [""] * (len(panels) - 1)
    return finished(_grid(panels, titles, 1 + copies, GRAY), path)


GRAY = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0}


def for_screen(images: np.ndarray, channels_first: bool) -> list[np.ndarray]:
    """Images with numbers from 0 to 1: of 0 to 255, of 0 to 1, or else each over its own span.

    Raises:
        UsageError: for images of other than 1, 3 or 4 channels.
    """
    images = np.moveaxis(images, 1, -1) if channels_first else images
    if images.shape[-1] not in (1, 3, 4):
        raise UsageError(
            "E-IMAGES",
            f"images of 1, 3 or 4 channels can be shown; these have shape {images.shape}"
            f"{', channels first' if channels_first else ''}.",
        )
    images = images.astype("float64")
    low, high = images.min(), images.max()
    if low >= 0 and high <= 255:
        images = images / (255.0 if high > 1 else 1.0)
    else:
        axes = (1, 2, 3)
        low, high = images.min(axes, keepdims=True), images.max(axes, keepdims=True)
        images = (images - low) / np.where(high == low, 1, high - low)
    return list(images[..., 0] if images.shape[-1] == 1 else images)
