"""Functions on arrays that record themselves when given a symbolic Tensor: `keras.ops`.

Each module lists its own public names; random draws are in `cornu.random`.
"""

# ruff: noqa: F403
from cornu.ops.activation import *
from cornu.ops.activation import __all__ as _activation
from cornu.ops.array import *
from cornu.ops.array import __all__ as _array
from cornu.ops.crossentropy import *
from cornu.ops.crossentropy import __all__ as _crossentropy
from cornu.ops.linalg import *
from cornu.ops.linalg import __all__ as _linalg
from cornu.ops.math import *
from cornu.ops.math import __all__ as _math
from cornu.ops.nn import *
from cornu.ops.nn import __all__ as _nn

__all__ = sorted({*_activation, *_array, *_crossentropy, *_linalg, *_math, *_nn})  # pyright: ignore
