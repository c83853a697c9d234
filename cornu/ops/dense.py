"""What a dense layer computes, by one kernel where the engine has one."""

import functools
from collections.abc import Callable
from typing import Any

from cornu import engine
from cornu.ops import activation as activations
from cornu.ops import again, rectified
from cornu.ops.arithmetic import matmul
from cornu.state import Variable

KERNELS = {
    activations.linear: "linear",
    activations.relu: "relu",
    activations.sigmoid: "sigmoid",
    activations.tanh: "tanh",
}
"""Activations that such a kernel knows, and its names of them."""


def dense(x: Any, kernel: Any, bias: Any, activation: Callable) -> Any:
    """`activation(x @ kernel + bias)`.

    Shapes: x (..., features), kernel (features, units), bias (units,) or None; (..., units).
    """
    name = next((name for known, name in KERNELS.items() if known is activation), None)
    if bias is not None and name is not None and engine.is_array(x) and not again.knows(x):
        y = _by_kernel(x, kernel, bias, name)
        if y is not None:
            return y
    y = matmul(x, kernel)
    return activation(y if bias is None else y + bias)


def _by_kernel(x: Any, kernel: Any, bias: Any, name: str) -> Any:
    given = (x, *(w.value if isinstance(w, Variable) else w for w in (kernel, bias)))
    y = engine.dense(*given, name)
    if y is not None and name == "linear":
        # an Activation of its own may be what comes next
        rectified.remember(y, functools.partial(_rectified, given))
    return y


def _rectified(given: tuple, *beside: Any) -> Any:
    """Relu of the layer without an activation, None where something is added to it before."""
    return None if beside else engine.dense(*given, "relu")
