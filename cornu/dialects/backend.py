"""The backend module of old Keras, `K`: every function of the backends of Keras 0.3 to 2.3.

Names are those of all generations together; what they mean is what they meant in 2.3, unless the
generation in force says otherwise. The files beside this one hold the functions by theme.
"""

from collections.abc import Callable
from typing import Any

# ruff: noqa: F403
from cornu import engine, settings
from cornu.dialects import (
    backend_conv,
    backend_ctc,
    backend_function,
    backend_loops,
    backend_math,
    backend_nn,
    backend_shapes,
    backend_state,
    backend_tensors,
)
from cornu.dialects.backend_conv import *
from cornu.dialects.backend_ctc import *
from cornu.dialects.backend_function import *
from cornu.dialects.backend_loops import *
from cornu.dialects.backend_math import *
from cornu.dialects.backend_nn import *
from cornu.dialects.backend_shapes import *
from cornu.dialects.backend_state import *
from cornu.dialects.backend_tensors import *
from cornu.errors import suggestion

PARTS = (
    backend_conv,
    backend_ctc,
    backend_function,
    backend_loops,
    backend_math,
    backend_nn,
    backend_shapes,
    backend_state,
    backend_tensors,
)

__all__ = sorted(name for part in PARTS for name in part.__all__)  # pyright: ignore


def _gpus() -> list[str]:
    """GPUs, as `K.tensorflow_backend._get_available_gpus()` named them."""
    found = [text for text in engine.devices() if text.startswith(("gpu", "cuda", "rocm"))]
    return [f"/gpu:{i}" for i, _ in enumerate(found)]


_SETTINGS: dict[str, Callable[[], Any]] = {
    "_BACKEND": backend_state.backend,
    "_EPSILON": settings.epsilon,
    "_FLOATX": settings.floatx,
    "_get_available_gpus": lambda: _gpus,
    "_IMAGE_DATA_FORMAT": settings.image_data_format,
    "_IMAGE_DIM_ORDERING": backend_state.image_dim_ordering,
}

_ELSEWHERE = {
    "T": "no Theano computes here: use K's own functions, or cornu.ops",
    "C": "no CNTK computes here: use K's own functions, or cornu.ops",
    "KTF": "K itself is the TensorFlow backend's module",
    "tf": "no TensorFlow computes here: use K's own functions, or cornu.ops",
    "theano": "no Theano computes here: use K's own functions, or cornu.ops",
    "th_sparse_module": "K.is_sparse and K.to_dense work with SciPy's sparse matrices",
    "while_loop": "use cornu.ops.while_loop",
    "scan": "use K.rnn, K.map_fn, or cornu.ops.scan",
}
"""What old scripts reach for through `K`, and what does it here."""


def attribute(name: str) -> Any:
    """What `K.name` is where it is no function: a setting's old name. Raises AttributeError."""
    if name in _SETTINGS:
        return _SETTINGS[name]()
    known = suggestion(name, __all__) if not name.startswith("__") else ""
    hint = _ELSEWHERE.get(name) or known.strip() or "see cornu.ops for more functions"
    raise AttributeError(f"K (cornu.backend) has no attribute '{name}': {hint}")
