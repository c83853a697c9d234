"""Pictures of what a trained model answers: confusion matrices, grids of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu.errors import UsageError
from cornu.visualization.figures import finished, new_figure


def confusion_matrix(y_true: Any, y_pred: Any, classes: int | None = None) -> np.ndarray:
    """How often each true class (rows) was taken for each class (columns).

    Args:
        y_true, y_pred: class numbers from 0, of shape (n,).
        classes: number of classes; told by the labels if not given.

    Raises:
        UsageError: where lengths differ or a label does not fit.
    """
    true, predicted = np.asarray(y_true).ravel(), np.asarray(y_pred).ravel()
    if len(true) != len(predicted):
        raise UsageError(
            "E-LENGTHS", f"y_true has {len(true)} labels but y_pred has {len(predicted)}."
        )
    both = np.concatenate([true, predicted]).astype(np.int64)
    count = classes or (int(both.max()) + 1 if both.size else 0)
    if both.size and not 0 <= both.min() <= both.max() < count:
        raise UsageError("E-LABELS", f"labels must be 0..{count - 1} for classes={count}.")
    pairs = both[: len(true)] * count + both[len(true) :]
    return np.bincount(pairs, minlength=count * count).reshape(count, count)


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    classes: int | None = None,
    path: str | Path | None = None,
    names: Sequence[str] = (),
) -> Any:
    """The confusion matrix with its counts written in.

    Args:
        y_true, y_pred, classes: as for `confusion_matrix`.
        path: where to write the picture.
        names: of the classes, in order; their numbers by default.

    Raises:
        ImportError: without matplotlib.
        UsageError: where lengths differ, a label does not fit, or names are not as many as classes.
    """
    matrix = confusion_matrix(y_true, y_pred, classes or len(names) or None)
    count = len(matrix)
    if names and len(names) != count:
        raise UsageError("E-LABELS", f"there are {count} classes, but {len(names)} names.")
    figure = new_figure(1.5 + 0.5 * count, 1.2 + 0.5 * count)
    axes = figure.subplots()
    axes.imshow(np.log1p(matrix), cmap="Blues")
    for row in range(count):
        for column in range(count):
            if matrix[row, column]:
                dark = np.log1p(matrix[row, column]) > 0.6 * np.log1p(matrix.max())
                axes.text(
                    column,
                    row,
                    str(matrix[row, column]),
                    ha="center",
                    va="center",
                    color="white" if dark else "black",
                )
    axes.set(xlabel="predicted", ylabel="true", xticks=range(count), yticks=range(count))
    if names:
        axes.set_yticklabels(names, parse_math=False)
        axes.set_xticklabels(names, parse_math=False, rotation=90)
    return finished(figure, path)


def plot_images(
    images: Any,
    titles: Sequence[str] | None = None,
    wrong: Sequence[bool] | None = None,
    columns: int = 8,
    path: str | Path | None = None,
) -> Any:
    """A grid of images with titles, those of `wrong` in red.

    Args:
        images: (n, height, width) or (n, height, width, channels).
        titles: one for each image.
        wrong: which titles are drawn in red.
        columns: images in a row.
        path: where to write the picture.
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or not len(images):
        raise UsageError(
            "E-IMAGES",
            f"images must have shape (n, height, width[, channels]); got {images.shape}.",
        )
    rows = -(-len(images) // columns)
    figure = new_figure(1.2 * columns, 1.45 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.axis("off")
    for i, (axes, image) in enumerate(zip(panels, images, strict=False)):
        axes.imshow(image, cmap="gray_r")
        if titles is not None:
            red = wrong is not None and wrong[i]
            axes.set_title(titles[i], fontsize=9, color="crimson" if red else "black")
    return finished(figure, path)
