"""Functions on arrays that record themselves when given a symbolic Tensor: `keras.ops`.

Each module lists its own public names; random draws are in `cornu.random`. The namespaces
`ops.image`, `ops.linalg`, `ops.nn` and `ops.numpy` are loaded when one is first named.
"""

import importlib
from typing import Any

# ruff: noqa: F403
from cornu.ops.activation import *
from cornu.ops.activation import __all__ as _activation
from cornu.ops.arithmetic import *
from cornu.ops.arithmetic import __all__ as _arithmetic
from cornu.ops.array import *
from cornu.ops.array import __all__ as _array
from cornu.ops.attention import *
from cornu.ops.attention import __all__ as _attention
from cornu.ops.bits import *
from cornu.ops.bits import __all__ as _bits
from cornu.ops.complex import *
from cornu.ops.complex import __all__ as _complex
from cornu.ops.crossentropy import *
from cornu.ops.crossentropy import __all__ as _crossentropy
from cornu.ops.ctc import *
from cornu.ops.ctc import __all__ as _ctc
from cornu.ops.elements import *
from cornu.ops.elements import __all__ as _elements
from cornu.ops.functional import *
from cornu.ops.functional import __all__ as _functional
from cornu.ops.matrices import *
from cornu.ops.matrices import __all__ as _matrices
from cornu.ops.networks import *
from cornu.ops.networks import __all__ as _networks
from cornu.ops.normalization import *
from cornu.ops.normalization import __all__ as _normalization
from cornu.ops.pieces import *
from cornu.ops.pieces import __all__ as _pieces
from cornu.ops.pooling import *
from cornu.ops.pooling import __all__ as _pooling
from cornu.ops.rearranging import *
from cornu.ops.rearranging import __all__ as _rearranging
from cornu.ops.sets import *
from cornu.ops.sets import __all__ as _sets
from cornu.ops.signal import *
from cornu.ops.signal import __all__ as _signal
from cornu.ops.statistics import *
from cornu.ops.statistics import __all__ as _statistics

__all__ = sorted(  # pyright: ignore
    {
        *_activation,
        *_array,
        *_attention,
        *_bits,
        *_complex,
        *_crossentropy,
        *_ctc,
        *_elements,
        *_functional,
        *_matrices,
        *_arithmetic,
        *_networks,
        *_normalization,
        *_pieces,
        *_pooling,
        *_rearranging,
        *_sets,
        *_signal,
        *_statistics,
    }
)

NAMESPACES = ("image", "linalg", "nn", "numpy")


def __getattr__(name: str) -> Any:
    if name in NAMESPACES:
        return importlib.import_module(f"cornu.ops.{name}")
    raise AttributeError(f"module 'cornu.ops' has no attribute '{name}'")
