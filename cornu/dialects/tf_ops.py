"""Functions of TensorFlow that tf.keras saved as layers (TFOpLambda), as ops of today.

A graph in which `tf.reduce_mean(x, axis=1)` was called keeps the function's name, its first
argument as the layer's input, and the rest by name.
"""

import math
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from cornu.errors import UsageError, suggestion

Plain = dict[str, Any]


class Op(NamedTuple):
    """What stands for a function of TensorFlow today.

    Args:
        name: the op.
        operands: arguments that are given by position, after the first one.
        options: TensorFlow's name of an option -> today's.
        fixed: options that today's op needs, or that TensorFlow takes for granted.
        unused: option -> the one value that it may have.
    """

    name: str
    operands: tuple[str, ...] = ()
    options: Mapping[str, str] = {}
    fixed: Mapping[str, Any] = {}
    unused: Mapping[str, Any] = {}


def _rows(prefix: str, names: str, *args: Any) -> dict[str, Op]:
    return {f"{prefix}{name}": Op(name, *args) for name in names.split()}


ALONG = {"axis": "axis", "keepdims": "keepdims"}
AXIS = {"axis": "axis"}

OPS: dict[str, Op] = {
    **_rows("math.", "abs exp log sqrt rsqrt square negative sin cos tan sinh cosh tanh sigmoid"),
    **_rows("math.", "floor ceil round sign erf reciprocal softplus log1p expm1 logical_not"),
    **_rows("math.", "add subtract multiply divide maximum minimum equal not_equal", ("y",)),
    **_rows("math.", "less less_equal greater greater_equal logical_and logical_or", ("y",)),
    **_rows("nn.", "relu relu6 elu selu softsign tanh sigmoid softplus"),
    **_rows("", "abs exp log sqrt square sin cos tanh sigmoid negative round sign zeros_like"),
    **_rows("", "ones_like stop_gradient"),
    **_rows("", "add subtract multiply divide maximum minimum equal less greater", ("y",)),
    **_rows("nn.", "softmax log_softmax", (), AXIS, {"axis": -1}),
    **_rows("compat.v1.nn.", "softmax log_softmax", (), AXIS, {"axis": -1}),
    **{
        f"__operators__.{name}": Op(op, ("y",))
        for name, op in {"add": "add", "eq": "equal", "ne": "not_equal"}.items()
    },
    **{
        f"{where}reduce_{name}": Op(op, (), ALONG)
        for where in ("", "math.")
        for name, op in {
            **{name: name for name in ("mean", "sum", "max", "min", "prod", "any", "all", "std")},
            **{"variance": "var", "logsumexp": "logsumexp"},
        }.items()
    },
    "math.truediv": Op("true_divide", ("y",)),
    "math.floordiv": Op("floor_divide", ("y",)),
    "math.floormod": Op("mod", ("y",)),
    "math.mod": Op("mod", ("y",)),
    "math.pow": Op("power", ("y",)),
    "pow": Op("power", ("y",)),
    "math.atan2": Op("arctan2", ("x",)),
    "math.is_nan": Op("isnan"),
    "math.is_finite": Op("isfinite"),
    "math.ceil": Op("ceil"),
    "nn.leaky_relu": Op("leaky_relu", (), {"alpha": "negative_slope"}, {"negative_slope": 0.2}),
    "nn.gelu": Op("gelu", (), {"approximate": "approximate"}, {"approximate": False}),
    "nn.silu": Op("silu", unused={"beta": 1.0}),
    "nn.swish": Op("silu", unused={"beta": 1.0}),
    "math.argmax": Op("argmax", (), AXIS, {"axis": 0}, {"output_type": "int64"}),
    "math.argmin": Op("argmin", (), AXIS, {"axis": 0}, {"output_type": "int64"}),
    "math.cumsum": Op(
        "cumsum", (), AXIS, {"axis": 0}, unused={"exclusive": False, "reverse": False}
    ),
    "math.top_k": Op("top_k", (), {"k": "k", "sorted": "sorted"}, {"k": 1}),
    "concat": Op("concatenate", (), AXIS),
    "stack": Op("stack", (), AXIS),
    "unstack": Op("unstack", (), {"num": "num", "axis": "axis"}),
    "reshape": Op("reshape", (), {"shape": "newshape"}),
    "transpose": Op("transpose", (), {"perm": "axes"}, unused={"conjugate": False}),
    "squeeze": Op("squeeze", (), AXIS),
    "expand_dims": Op("expand_dims", (), AXIS),
    "tile": Op("tile", (), {"multiples": "repeats"}),
    "cast": Op("cast", (), {"dtype": "dtype"}),
    "where": Op("where", ("x", "y")),
    "clip_by_value": Op("clip", ("clip_value_min", "clip_value_max")),
    "gather": Op("take", ("indices",), AXIS, {"axis": 0}, {"batch_dims": 0}),
    "one_hot": Op(
        "one_hot",
        options={"depth": "num_classes", "axis": "axis", "dtype": "dtype"},
        fixed={"dtype": "float32"},
        unused={"on_value": 1, "off_value": 0},
    ),
    "reverse": Op("flip", (), AXIS),
    "roll": Op("roll", (), {"shift": "shift", "axis": "axis"}),
    "repeat": Op("repeat", (), {"repeats": "repeats", "axis": "axis"}),
    "broadcast_to": Op("broadcast_to", (), {"shape": "shape"}),
    "tensordot": Op("tensordot", ("b",), {"axes": "axes"}),
}
"""TensorFlow's public names, without those of its version 1, which `op_for` cuts off."""


def op_for(function: str, said: Plain, where: str) -> tuple[str, list, Plain]:
    """Op, operands after the first, and options of today for a call of a TensorFlow function.

    Args:
        function: its name, as in "math.reduce_mean".
        said: its arguments by name, without the first.
        where: which layer this is, for messages.

    Raises:
        UsageError: for a function or an option that no op of today has.
    """
    name = function.removeprefix("compat.v1.")
    given = {key: value for key, value in said.items() if key != "name" and value is not None}
    if name in OWN:
        return OWN[name](given, where)
    op = OPS.get(function) or OPS.get(name)
    if op is None:
        raise UsageError(
            "E-TF-OP",
            f"{where} calls the TensorFlow function tf.{function}, for which no op stands here. "
            f"{suggestion(name, OPS)}"
            "Make the model anew from its source, with cornu.ops or a Layer in that place, and "
            "load its weights with load_weights.",
        )
    operands = [constant(given.pop(key)) for key in op.operands if key in given]
    for key, value in op.unused.items():
        if given.pop(key, value) != value:
            raise _unknown_option(function, key, where)
    options = {**op.fixed}
    for key, value in given.items():
        if key not in op.options:
            raise _unknown_option(function, key, where)
        options[op.options[key]] = value
    return op.name, operands, options


def _unknown_option(function: str, key: str, where: str) -> UsageError:
    return UsageError(
        "E-TF-OP", f"{where} calls tf.{function}({key}=…), which no op of today does in one call."
    )


def constant(value: Any) -> Any:
    """A list of numbers as an array; anything else as it is."""
    if not isinstance(value, list):
        return value
    kinds = {type(number) for number in _leaves(value)}
    if not kinds <= {int, float, bool} or not kinds:
        return value
    dtype = "float32" if float in kinds else "int32" if int in kinds else "bool"
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}


def _leaves(value: Any) -> list:
    return [one for item in value for one in _leaves(item)] if isinstance(value, list) else [value]


# ---------------------------------------------------------------- those that need more than names


def _split(given: Plain, where: str) -> tuple[str, list, Plain]:
    parts = given.get("num_or_size_splits")
    if isinstance(parts, list):
        parts = list(accumulate(parts[:-1]))
    return "split", [], {"indices_or_sections": parts, "axis": given.get("axis", 0)}


def _pad(given: Plain, where: str) -> tuple[str, list, Plain]:
    mode = str(given.get("mode", "CONSTANT")).lower()
    options = {"pad_width": given.get("paddings"), "mode": mode}
    if mode == "constant":
        options["constant_values"] = given.get("constant_values", 0)
    return "pad", [], options


def _matmul(given: Plain, where: str) -> tuple[str, list, Plain]:
    for key in sorted(given.keys() - {"b"}):
        if given[key]:
            raise _unknown_option("linalg.matmul", key, where)
    return "matmul", [constant(given["b"])], {}


def _l2_normalize(given: Plain, where: str) -> tuple[str, list, Plain]:
    """TensorFlow bounds the square of the norm, today's op the norm."""
    least = math.sqrt(given.get("epsilon", 1e-12))
    return "normalize", [], {"axis": given.get("axis", -1), "order": 2, "epsilon": least}


OWN: dict[str, Callable[[Plain, str], tuple[str, list, Plain]]] = {
    "split": _split,
    "pad": _pad,
    "linalg.matmul": _matmul,
    "matmul": _matmul,
    "math.l2_normalize": _l2_normalize,
    "linalg.l2_normalize": _l2_normalize,
    "nn.l2_normalize": _l2_normalize,
}
