"""Functions of TensorFlow in scripts, where it is not installed: those that an op does exactly.

The tables are those of `tf_ops`, by which saved graphs are read. Anything else is an error that
says what to use.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cornu import backend as K
from cornu import ops
from cornu.dialects.tf_ops import OPS, OWN, op_for
from cornu.errors import UsageTypeError

__all__ = ["INSTEAD", "function"]

FIRST = (
    "input_tensor input x a tensor value values logits features t condition params indices labels"
).split()
"""What the first argument is called."""

RENAMED = {
    "keep_dims": "keepdims",
    "reduction_indices": "axis",
    "dim": "axis",
    "squeeze_dims": "axis",
    "concat_dim": "axis",
    "dimension": "axis",
}
"""Options by their names in TensorFlow 1."""

ALIASES = {
    **{"mul": "multiply", "sub": "subtract", "neg": "negative", "mod": "math.floormod"},
    **{"truediv": "math.truediv", "floordiv": "math.floordiv", "is_nan": "math.is_nan"},
    **{"is_finite": "math.is_finite", "pack": "stack", "unpack": "unstack"},
    **{"linalg.norm": "norm", "select": "where"},
}
"""Names of version 1 -> those of today."""

ORDERS = {
    "gather": ("indices",),
    "one_hot": ("depth", "on_value", "off_value", "axis", "dtype"),
    "math.cumsum": ("axis", "exclusive", "reverse"),
    "split": ("num_or_size_splits", "axis"),
    "pad": ("paddings", "mode"),
    **dict.fromkeys(("matmul", "linalg.matmul"), ("b", "transpose_a", "transpose_b")),
    **{f"{where}.l2_normalize": ("axis", "epsilon") for where in ("math", "linalg", "nn")},
    "math.argmax": ("axis",),
    "math.argmin": ("axis",),
}
"""Function -> its positional arguments after the first, where they are not those of `OPS`."""

INSTEAD = {
    "GradientTape": "K.gradients(loss, variables)",
    "Variable": "K.variable(value)",
    "assign": "K.set_value(variable, value), or K.update",
    "cond": "K.switch(condition, a, b)",
    "contrib": "a layer of cornu.layers, or cornu.ops",
    "data": "arrays, a generator or a Sequence, which fit takes",
    "estimator": "model.fit, evaluate and predict",
    "gfile": "open() and pathlib",
    "get_variable": "K.variable(value), or add_weight in a layer",
    "gradients": "K.gradients(loss, variables)",
    "image": "cornu.ops.image",
    "io": "open() and pathlib",
    "layers": "keras.layers",
    "losses": "keras.losses",
    "metrics": "keras.metrics",
    "placeholder": "K.placeholder(shape)",
    "py_func": "a Lambda layer",
    "saved_model": "model.save(path) and keras.models.load_model(path)",
    "scan": "cornu.ops.scan",
    "summary": "keras.callbacks.TensorBoard",
    "train": "keras.optimizers, and keras.callbacks.ModelCheckpoint",
    "while_loop": "cornu.ops.while_loop",
}
"""What scripts reach for most, and what does it here."""

# ---------------------------------------------------------------- what makes arrays


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """An array of these values; of one value, where a shape is given."""
    found = ops.convert_to_tensor(value, dtype)
    if shape is None:
        return found
    return ops.reshape(found, shape) if np.size(value) > 1 else ops.broadcast_to(found, shape)


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """Zeros."""
    return ops.zeros(shape, dtype)


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """Ones."""
    return ops.ones(shape, dtype)


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """One value, everywhere."""
    return ops.broadcast_to(ops.convert_to_tensor(value), dims)


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = "float32") -> Any:
    """Ones on the diagonal."""
    return ops.eye(num_rows, num_columns, dtype=dtype)


def identity(input: Any, name: str | None = None) -> Any:
    """What is given."""
    return K.identity(input)


def shape(input: Any, out_type: Any = "int32", name: str | None = None) -> Any:
    """The shape, as a Tensor where sizes are not known."""
    return K.shape(input)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Normal numbers."""
    return K.random_normal(shape, mean, stddev, dtype, seed)


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = None, seed: Any = None,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Numbers from `minval` up to `maxval`, 1 by default."""
    return K.random_uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed)


def as_it_is(func: Any = None, **options: Any) -> Any:
    """What `tf.function` decorates: models are compiled anyway."""
    return as_it_is if func is None else func


MADE: dict[str, Callable] = {
    "constant": constant,
    "convert_to_tensor": constant,
    "eye": eye,
    "fill": fill,
    "function": as_it_is,
    "identity": identity,
    "ones": ones,
    "random.normal": normal,
    "random.uniform": uniform,
    "random_normal": normal,
    "random_uniform": uniform,
    "shape": shape,
    "zeros": zeros,
}
"""Name -> function, where it is more than another name for an op."""

# ---------------------------------------------------------------- the walk


def function(name: str) -> Callable | None:
    """The function `tf.NAME`, or None where no op does what it did."""
    name = name.removeprefix("compat.v1.").removeprefix("compat.v2.")
    if name in MADE:
        return MADE[name]
    name = ALIASES.get(name, name)
    known = (name, f"math.{name}", f"linalg.{name}")
    found = next((key for key in known if key in OPS or key in OWN), None)
    return None if found is None or found.startswith("_") else _as_called(found)


def _as_called(name: str) -> Callable:
    row = OPS.get(name)
    order = ORDERS.get(name) or (*row.operands, *row.options)  # pyright: ignore

    def call(*args: Any, **kwargs: Any) -> Any:
        given = {RENAMED.get(key, key): value for key, value in kwargs.items() if key != "name"}
        if not args:
            first = next((key for key in FIRST if key in given), None)
            if first is None:
                raise UsageTypeError("E-ARGUMENT-MISSING", f"tf.{name}() needs its first argument.")
            args = (given.pop(first),)
        if len(args) > len(order) + 1:
            raise UsageTypeError(
                "E-ARGUMENTS", f"tf.{name}() takes {len(order) + 1} arguments by place here."
            )
        given.update(zip(order, args[1:], strict=False))
        if row is not None and not set(row.operands) <= given.keys():
            wanted = ", ".join(row.operands)
            raise UsageTypeError("E-ARGUMENT-MISSING", f"tf.{name}() needs {wanted} here.")
        op, operands, options = op_for(name, given, "the script")
        return getattr(ops, op)(_value(args[0]), *map(_value, operands), **options)

    call.__name__ = name.rpartition(".")[2]
    call.__doc__ = f"`tf.{name}`, done by an op."
    return call


def _value(x: Any) -> Any:
    """An operand; a list of numbers, in the form of a saved graph, as an array."""
    if isinstance(x, dict) and x.get("class_name") == "__numpy__":
        return np.asarray(x["config"]["value"], x["config"]["dtype"])
    return np.asarray(x) if isinstance(x, (int, float, bool)) else x
