"""Pictures of training, and of what a trained model looks at.

Training: learning curves, confusion matrices, grids of images, also augmented ones, a page on a
whole run. Inside of a model: its filters, what its layers answer, which inputs matter to a score,
inputs made to please a filter, and what lies near what in an embedding.

Each `plot_` function draws with matplotlib (the extra `plot`) and returns the figure; with a path
it also writes the picture. The others return NumPy arrays, or write a page, and need no matplotlib.
"""

from cornu.visualization.curves import plot_history
from cornu.visualization.embeddings import (
    plot_embeddings,
    project_embeddings,
    write_embeddings,
)
from cornu.visualization.image_grids import (
    augmented,
    layer_filters,
    plot_augmented,
    plot_filters,
)
from cornu.visualization.inside import (
    Maximized,
    grad_cam,
    layer_activations,
    maximize,
    occlusion,
    saliency,
)
from cornu.visualization.pictures import (
    plot_activations,
    plot_grad_cam,
    plot_maximized,
    plot_occlusion,
    plot_saliency,
)
from cornu.visualization.report import write_report
from cornu.visualization.training import (
    confusion_matrix,
    plot_confusion_matrix,
    plot_images,
)

__all__ = [
    "Maximized",
    "augmented",
    "confusion_matrix",
    "grad_cam",
    "layer_activations",
    "layer_filters",
    "maximize",
    "occlusion",
    "plot_activations",
    "plot_augmented",
    "plot_confusion_matrix",
    "plot_embeddings",
    "plot_filters",
    "plot_grad_cam",
    "plot_history",
    "plot_images",
    "plot_maximized",
    "plot_occlusion",
    "plot_saliency",
    "project_embeddings",
    "saliency",
    "write_embeddings",
    "write_report",
]
