"""Ops of images: `keras.ops.image`.

Images are one (height, width, channels) or a batch, or with channels first where `data_format`
says so.
"""

# ruff: noqa: F403
from cornu.ops.image.colors import *
from cornu.ops.image.colors import __all__ as _colors
from cornu.ops.image.filters import *
from cornu.ops.image.filters import __all__ as _filters
from cornu.ops.image.pixels import *
from cornu.ops.image.pixels import __all__ as _pixels
from cornu.ops.image.resampling import *
from cornu.ops.image.resampling import __all__ as _resampling
from cornu.ops.image.warp import *
from cornu.ops.image.warp import __all__ as _warp

__all__ = sorted({*_colors, *_filters, *_pixels, *_resampling, *_warp})  # pyright: ignore
