"""Pictures of what `inside` computes: maps of layers, of gradients, of classes, made images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu.errors import UsageError
from cornu.visualization.figures import finished, new_figure
from cornu.visualization.inside import (
    grad_cam,
    layer_activations,
    maximize,
    occlusion,
    saliency,
    stride_of,
)
from cornu.visualization.opened import Opened


def plot_activations(
    model: Any,
    x: Any,
    layers: Any = None,
    sample: int = 0,
    most: int = 8,
    path: str | Path | None = None,
) -> Any:
    """A row for each layer: the maps of images, time by features, or the units as a strip.

    Args:
        model, x, layers: as for `layer_activations`.
        sample: which of the inputs is shown.
        most: maps shown of each layer.
        path: where to write the picture.
    """
    opened = Opened.of(model, x)
    rows = []
    for name, answers in layer_activations(model, x, layers).items():
        several = answers if isinstance(answers, list) else [answers]
        first = opened.data_format(opened.layers[name]) == "channels_first"
        rows += [(name, _panels(answer[sample], first)[:most]) for answer in several]
    columns = max(len(panels) for _, panels in rows)
    figure = new_figure(1.2 * columns + 0.5, 1.4 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, panels) in zip(grid, rows, strict=True):
        line[0].set_title(name, fontsize=8, loc="left")
        for axes in line:
            axes.axis("off")
        for axes, panel in zip(line, panels, strict=False):
            axes.imshow(panel, cmap="viridis", aspect="equal" if panel.shape[0] > 1 else "auto")
    return finished(figure, path)


def _panels(answer: np.ndarray, channels_first: bool) -> list[np.ndarray]:
    """One sample's answer as pictures of two axes."""
    if answer.ndim < 2:
        return [np.reshape(answer, (1, -1))]
    if answer.ndim == 2:
        return [answer.T if not channels_first else answer]
    maps = answer if channels_first else np.moveaxis(answer, -1, 0)  # (channels, ...)
    return [m if m.ndim == 2 else m.reshape(m.shape[0], -1) for m in maps]


def plot_saliency(model: Any, x: Any, path: str | Path | None = None, **options: Any) -> Any:
    """A row for each image: the image, and the largest |gradient| over its channels.

    `options` are those of `saliency`.
    """
    images, first = _images(model, x)
    slopes = np.abs(np.asarray(saliency(model, x, **options)))
    maps = slopes.max(axis=1 if first else -1)
    return _beside(images, maps, path)


def plot_grad_cam(model: Any, x: Any, path: str | Path | None = None, **options: Any) -> Any:
    """A row for each image: the image, and the map of `grad_cam` laid over it.

    `options` are those of `grad_cam`.
    """
    images, _ = _images(model, x)
    return _beside(images, grad_cam(model, x, **options), path, over=True)


def plot_occlusion(
    model: Any,
    x: Any,
    path: str | Path | None = None,
    size: int = 8,
    stride: int | None = None,
    **options: Any,
) -> Any:
    """A row for each image: the image, and the map of `occlusion` laid where the patches were.

    `size`, `stride` and `options` are those of `occlusion`.
    """
    images, _ = _images(model, x)
    maps = occlusion(model, x, size=size, stride=stride, **options)
    step = stride_of(size, stride)
    begin = (size - 1 - step) / 2  # of the first entry, which lies around its patch's middle
    rows, columns = maps.shape[1:]
    edges = (begin, begin + step * columns, begin + step * rows, begin)
    return _beside(images, maps, path, over=True, edges=edges)


def plot_maximized(
    model: Any,
    layer: Any,
    filters: Sequence[int] = (0, 1, 2, 3),
    columns: int = 4,
    path: str | Path | None = None,
    **options: Any,
) -> Any:
    """A grid of the images that please each filter.

    Args:
        model, layer: as for `maximize`; the model's input is an image.
        filters: numbers of filters or units.
        columns: images in a row.
        path: where to write the picture.
        options: those of `maximize`.
    """
    made = maximize(model, layer, list(filters), **options).inputs
    images, _ = _images(model, made)
    rows = -(-len(images) // columns)
    figure = new_figure(1.6 * columns, 1.8 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, image, number in zip(panels, images, filters, strict=False):
        axes.imshow(image, cmap="gray")
        axes.set_title(str(number), fontsize=9)
    return finished(figure, path)


def _images(model: Any, x: Any) -> tuple[np.ndarray, bool]:
    """Images for the screen, channels last and each from 0 to 1; whether channels came first."""
    opened = Opened.of(model, x)
    feeds = opened.feeds(x)
    first = opened.data_format() == "channels_first"
    if len(feeds) != 1 or feeds[0].ndim != 4 or feeds[0].shape[1 if first else -1] not in (1, 3):
        raise UsageError(
            "E-IMAGES",
            "images of shape (n, height, width, channels) with 1 or 3 channels can be shown "
            f"(channels first where the model has them so); got {feeds[0].shape}.",
        )
    images = np.moveaxis(feeds[0], 1, -1) if first else feeds[0]
    low = images.min(axis=(1, 2, 3), keepdims=True)
    span = images.max(axis=(1, 2, 3), keepdims=True) - low
    scaled = (images - low) / np.where(span == 0, 1, span)
    return scaled[..., 0] if scaled.shape[-1] == 1 else scaled, first


def _beside(
    images: np.ndarray,
    maps: np.ndarray,
    path: str | Path | None,
    over: bool = False,
    edges: tuple[float, float, float, float] | None = None,
) -> Any:
    """Two columns: images, and maps alone or over the images.

    `edges`: left, right, bottom and top of the maps; by default they cover the images.
    """
    height, width = images.shape[1:3]
    whole = (-0.5, width - 0.5, height - 0.5, -0.5)
    figure = new_figure(5, 2.5 * len(images))
    grid = figure.subplots(len(images), 2, squeeze=False)
    for (left, right), image, heat in zip(grid, images, maps, strict=True):
        for axes in (left, right):
            axes.axis("off")
        left.imshow(image, cmap="gray")
        if over:
            right.imshow(image, cmap="gray")
        smooth = {"alpha": 0.5, "interpolation": "bilinear"} if over else {}
        right.imshow(heat, cmap="inferno", extent=edges or whole, **smooth)
        right.set(xlim=whole[:2], ylim=whole[2:])
    return finished(figure, path)
