"""Functions of Theano in scripts, where it is not installed: those that K or an op does exactly."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import backend as K
from cornu import ops
from cornu.dialects.backend_tensors import placeholder
from cornu.errors import UsageError

__all__ = ["INSTEAD", "function"]

SAME = (
    "abs any all argmax argmin arange ceil clip cos cosh dot exp eye floor log log1p log2 log10 "
    "max maximum mean min minimum minimum ones ones_like outer prod sin sinh sqrt std stack sum "
    "tan tanh tensordot var where zeros zeros_like diag cumsum cumprod arccos arcsin arctan"
).split()
"""Names of `theano.tensor` that are those of ops, and say the same of what they are given first."""

OTHERS = {
    **{"abs_": "abs", "sqr": "square", "sgn": "sign", "eq": "equal", "neq": "not_equal"},
    **{"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"},
    **{"switch": "where", "pow": "power", "true_div": "true_divide", "int_div": "floor_divide"},
    **{"add": "add", "sub": "subtract", "mul": "multiply", "neg": "negative", "inv": "reciprocal"},
    **{"and_": "logical_and", "or_": "logical_or", "invert": "logical_not", "isnan": "isnan"},
    **{"nnet.sigmoid": "sigmoid", "nnet.softplus": "softplus", "nnet.relu": "relu"},
    **{"nnet.elu": "elu", "nnet.softmax": "softmax", "erf": "erf", "isinf": "isinf"},
}
"""Name in `theano.tensor` -> op."""

BY_K = {
    "batched_dot": K.batch_dot,
    "cast": K.cast,
    "concatenate": K.concatenate,
    "extra_ops.repeat": K.repeat_elements,
    "gradients": K.gradients,
    "nnet.hard_sigmoid": K.hard_sigmoid,
    "reshape": K.reshape,
    "tile": K.tile,
}
"""Name in `theano.tensor` -> function of K."""

KINDS = {"scalar": 0, "vector": 1, "matrix": 2, "tensor3": 3, "tensor4": 4, "tensor5": 5}
NUMBERS = {"": None, "f": "float32", "d": "float64", "i": "int32", "l": "int64", "b": "int8"}

INSTEAD = {
    "scan": "K.rnn, K.map_fn, or cornu.ops.scan",
    "sandbox": "K.random_uniform and its kin",
    "tensor.shared_randomstreams": "K.random_uniform and its kin",
    "tensor.signal": "K.pool2d",
    "tensor.nnet.conv2d": "K.conv2d",
    "tensor.set_subtensor": "cornu.ops.scatter_update",
    "tensor.inc_subtensor": "cornu.ops.scatter_update",
    "printing": "K.print_tensor",
    "ifelse": "K.switch",
}
"""What else scripts reach for, and what does it here."""


def shared(value: Any, name: str | None = None, **options: Any) -> Any:
    """A Variable that begins with this value; float64 is what is computed with."""
    dtype = str(np.asarray(value).dtype)
    return K.variable(value, K.floatx() if dtype == "float64" else dtype, name)


def compiled(
    inputs: Sequence[Any], outputs: Any = None, updates: Any = None, givens: Any = None,
    **options: Any,
) -> Callable:  # fmt: skip
    """`theano.function`: a function of arrays, which are given one by one.

    It gives an array, or a list of them where `outputs` is a list. Raises UsageError for `givens`.
    """
    if givens:
        raise UsageError(
            "E-OLD-OPTION", "theano.function(givens=…): put these among the inputs instead."
        )
    several = isinstance(outputs, (list, tuple))
    wanted = list(outputs) if several else [] if outputs is None else [outputs]
    pairs = list(updates.items() if hasattr(updates, "items") else updates or [])
    known = K.function(list(inputs), wanted, updates=pairs)

    def call(*values: Any) -> Any:
        found = known(list(values))
        return found if several else found[0] if found else None

    return call


def grad(cost: Any, wrt: Any, **options: Any) -> Any:
    """The gradient of a scalar; a list of them for a list."""
    found = K.gradients(cost, wrt if isinstance(wrt, (list, tuple)) else [wrt])
    return found if isinstance(wrt, (list, tuple)) else found[0]


def _symbol(axes: int, dtype: str | None) -> Callable:
    def make(name: str | None = None, dtype: str | None = dtype) -> Any:
        return placeholder(ndim=axes, dtype=dtype, name=name)

    return make


TOP: dict[str, Callable] = {"function": compiled, "shared": shared, "grad": grad}


def function(name: str) -> Any:
    """What `theano.NAME` is, or None where nothing here does what it did."""
    if name in TOP:
        return TOP[name]
    if not name.startswith("tensor."):
        return None
    name = name.removeprefix("tensor.")
    if name == "grad":
        return grad
    if name in BY_K:
        return BY_K[name]
    for letter, dtype in NUMBERS.items():
        if name.removeprefix(letter) in KINDS and name.startswith(letter):
            return _symbol(KINDS[name.removeprefix(letter)], dtype)
    found = OTHERS.get(name) or (name if name in SAME else None)
    return None if found is None else getattr(ops, found)
