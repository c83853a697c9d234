"""Pictures of training, and of what a trained model looks at.

Training: learning curves, confusion matrices, grids of images, a page on a whole run. Inside of a
model: what its layers answer, which inputs matter to a score, and inputs made to please a filter.
Each `plot_` function draws with matplotlib (the extra `plot`) and returns the figure; with a path
it also writes the picture. The others return NumPy arrays, or write a page, and need no matplotlib.
"""

from cornu.visualization.curves import plot_history
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
    "confusion_matrix",
    "grad_cam",
    "layer_activations",
    "maximize",
    "occlusion",
    "plot_activations",
    "plot_confusion_matrix",
    "plot_grad_cam",
    "plot_history",
    "plot_images",
    "plot_maximized",
    "plot_occlusion",
    "plot_saliency",
    "saliency",
    "write_report",
]
