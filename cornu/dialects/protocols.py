"""Layers of users written for Keras 0, 1 and 2: what they define, and what they call, works.

Keras 0: `build(self)`, `get_output(self, train)`, the property `output_shape`. Keras 1:
`call(x, mask)`, `get_output_shape_for`, `self.trainable_weights = […]`, `add_weight(shape,
initializer, name)`. Keras 2: `compute_output_shape`, `add_weight(name, shape, …)`. All of it is
seen to where a layer is called on Tensors, so a compiled step costs nothing more.
"""

import functools
import inspect
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from cornu import state
from cornu.config import OLDER, Family
from cornu.dialects.attributes import get_output, in_phase, settle_weights
from cornu.dialects.backend_function import eval as value_of
from cornu.dialects.backend_state import held
from cornu.dialects.nodes import note_reader
from cornu.dialects.patches import Patch, tell
from cornu.dialects.table import modern_config
from cornu.graph import Tensor
from cornu.layers import Layer
from cornu.layers.signature import call_signature, shape_of
from cornu.regularizers import Regularizer
from cornu.state import Variable

__all__ = ["PATCHES", "initializers_of_users"]

_inputs: ContextVar[tuple] = ContextVar("inputs", default=())
"""Pairs (layer, what it computes with), for layers of Keras 0, the innermost last."""

# ---------------------------------------------------------------- Keras 0: get_output


def _has_own(cls: type, name: str) -> bool:
    """Whether a class of the user's, between it and the library, defines a method."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return not base.__module__.startswith("cornu.")
    return False


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("cornu.")


def _call_of_output(self: Any, x: Any, training: Any = None) -> Any:
    """`call` of a layer that has `get_output(train)`."""
    token = _inputs.set((*_inputs.get(), (self, x)))
    try:
        output = self.get_output(bool(training))
        for penalty in _own_penalties(self):
            if not _has_own(type(penalty), "set_param"):
                self.add_loss(penalty(0.0))
        return output
    finally:
        _inputs.reset(token)


def get_input(layer: Any, train: bool = False) -> Any:
    """What the layer is given: arrays while it computes, else the Tensor of its call."""
    for known, x in reversed(_inputs.get()):
        if known is layer:
            return x
    tell("layer.get_input()", "layer.input")
    return in_phase(layer.input, train)


def _shape_as_in_keras_1(self: Any, input_shape: Any) -> Any:
    """`compute_output_shape` of a layer that has `get_output_shape_for`."""
    return self.get_output_shape_for(input_shape)


def _learn_protocol(cls: type) -> None:
    """Give a class of Keras 0 or 1 the methods that are asked of it today."""
    if "_protocol_known" in cls.__dict__:
        return
    cls._protocol_known = True  # pyright: ignore[reportAttributeAccessIssue]
    known: Any = cls
    if _has_own(cls, "get_output") and not _has_own(cls, "call"):
        tell(f"{cls.__name__}.get_output(train)", "call(self, x, training=None)")
        known.call = _call_of_output
        known.mixes_rows = True
    if _has_own(cls, "get_output_shape_for") and not _has_own(cls, "compute_output_shape"):
        tell(f"{cls.__name__}.get_output_shape_for(shape)", "compute_output_shape(shape)")
        known.compute_output_shape = _shape_as_in_keras_1


# ---------------------------------------------------------------- calls on Tensors


def _record(layer: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """`Layer._record`, with what old code expects of a call on Tensors."""
    known = list(layer.all_layers())
    of_users = [inner for inner in known if not _is_ours(type(inner))]
    for inner in of_users:
        _learn_protocol(type(inner))
        inner.__dict__["_building_for"] = shape_of(args[0]) if args else None
    layer._build_from(args, kwargs)
    for inner in layer.all_layers() if of_users else known:  # theirs may have made more of them
        if inner.built and OLD_MARKS & inner.__dict__.keys():
            settle_weights(inner)
            _settle_regularizers(inner)
    if held.phase is not None and "training" not in kwargs:
        if call_signature(type(layer).call).training:
            kwargs = {**kwargs, "training": bool(held.phase)}
    outputs = RECORD(layer, args, kwargs)
    note_reader(outputs)
    return outputs


OLD_MARKS = {"_listed", "_trainable_weights", "_non_trainable_weights", "constraints"}
OLD_MARKS |= {"regularizers"}
RECORD = Layer._record


def _settle_regularizers(layer: Any) -> None:
    """`self.regularizers`: penalties that were told their weight by `set_param`."""
    for penalty in _own_penalties(layer):
        if _has_own(type(penalty), "set_param"):
            told = [v for v in vars(penalty).values() if isinstance(v, Variable)]
            for variable in told[:1]:
                variable.regularizer = functools.partial(_penalty, penalty)


def _own_penalties(layer: Any) -> list[Any]:
    """What a layer of Keras 0 or 1 listed as `self.regularizers`, of classes of the user's."""
    listed = layer.__dict__.get("regularizers", ())
    return [penalty for penalty in listed if _has_own(type(penalty), "__call__")]


def _penalty(penalty: Any, variable: Any) -> Any:
    """The value of a penalty of Keras 0 and 1.0, which was called on the loss so far."""
    return penalty(0.0)


def _set_param(penalty: Any, variable: Variable) -> None:
    """Have the penalty be that of a weight."""
    variable.regularizer = penalty


def _set_layer(penalty: Any, layer: Any) -> None:
    """Have the penalty be that of what a layer gives."""
    layer.activity_regularizer = penalty


# ---------------------------------------------------------------- add_weight

ORDER_1 = ("shape", "initializer", "name", "trainable", "regularizer", "constraint")
ORDER_2 = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
DTYPES = frozenset("bool float16 float32 float64 bfloat16 int8 int32 int64 uint8".split())


def add_weight(layer: Any, *args: Any, **kwargs: Any) -> Variable:
    """Make a Variable of this layer; arguments in the order of any generation.

    Keras 1: (shape, initializer, name, …); Keras 2: (name, shape, dtype, initializer, …).
    """
    order: Sequence[str] = ()
    if args and isinstance(args[0], str):
        order = ORDER_2
    elif len(args) > 2 and isinstance(args[2], str) and args[2] not in DTYPES:
        order = ORDER_1
    if order:
        args, kwargs = (), {**dict(zip(order, args, strict=False)), **kwargs}
    if "initializer" in kwargs:
        kwargs["initializer"] = of_any_generation(kwargs["initializer"])
    elif len(args) > 1:
        args = (args[0], of_any_generation(args[1]), *args[2:])
    penalty = kwargs.get("regularizer")
    if penalty is not None and _has_own(type(penalty), "set_param"):
        kwargs["regularizer"] = None
    made = ADD_WEIGHT(layer, *args, **kwargs)
    if penalty is not None and _has_own(type(penalty), "set_param"):
        penalty.set_param(made)
        made.regularizer = functools.partial(_penalty, penalty)
    return made


ADD_WEIGHT = Layer.add_weight

# ---------------------------------------------------------------- initializers of users


def of_any_generation(initializer: Any) -> Any:
    """A user's function as an initializer of today.

    It may be `f(shape)`, `f(shape, name=None)` or `f(shape, dtype=None)`, and give an array, a
    Variable or a Tensor.
    """
    if not isinstance(initializer, (FunctionType, functools.partial)):
        return initializer
    parameters = inspect.signature(initializer).parameters
    takes_dtype = "dtype" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def make(shape: Sequence[int], dtype: str | None = None) -> Any:
        made = initializer(shape, dtype=dtype) if takes_dtype else initializer(shape)
        return value_of(made) if isinstance(made, (Tensor, Variable)) else made

    return functools.update_wrapper(make, initializer)


def initializers_of_users(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """A rule of `settling`: functions that were given as initializers."""
    found = {
        name: of_any_generation(value)
        for name, value in kwargs.items()
        if name.endswith(("init", "_initializer")) and callable(value)
    }
    return args, {**kwargs, **found} if found else kwargs


# ---------------------------------------------------------------- what they call


def _made(family: Family, plain: Mapping[str, Any]) -> Any:
    """The member that a plain form describes, which in Keras 0 and 1 was its config alone.

    It had a "name" there; what `get_config` of today gives is known by the names of its fields.
    """
    if plain.keys() & {"class_name", OLDER}:
        return MADE(family, plain)
    name, rest = plain.get("name"), {k: v for k, v in plain.items() if k != "name"}
    if name is not None:
        name, rest = modern_config(str(name), rest, "1.2")
    else:
        own = {m for m in family.members.values() if isinstance(m, type) and _is_ours(m)}
        fitting = [m.__name__ for m in own if _fields_kept(m) == rest.keys()]
        name = fitting[0] if len(fitting) == 1 else None
    return MADE(family, plain if name is None else {"class_name": name, "config": rest})


def _fields_kept(cls: Any) -> set[str]:
    """Names in the config of a class; none of one that stands for another."""
    return set() if "stands_for" in vars(cls) else {f.name for f in cls.fields.values() if f.config}


MADE = Family._made


def _output_shape_for(layer: Any, input_shape: Any) -> Any:
    """The output's shape for an input's shape."""
    found = (vars(cls).get("compute_output_shape") for cls in type(layer).__mro__)
    return next(f for f in found if f not in (None, _shape_as_in_keras_1))(layer, input_shape)


def _output_of(layer: Any, train: bool = False) -> Any:
    """What the layer gives: computed anew while a layer of Keras 0 around it computes."""
    inside = [x for known, x in _inputs.get() if known is layer]
    if not inside:
        tell("layer.get_output()", "layer.output")
        return get_output(layer, train)
    ours = next(c for c in type(layer).__mro__ if "call" in vars(c) and _is_ours(c))
    with state.within(training=bool(train)):
        return vars(ours)["call"](layer, inside[-1])


PATCHES: Sequence[Patch] = (
    Patch(Family, "_made", _made),
    Patch(Layer, "_record", _record),
    Patch(Layer, "add_weight", add_weight),
    Patch(Layer, "get_input", get_input),
    Patch(Layer, "get_output", _output_of),
    Patch(Layer, "get_output_shape_for", _output_shape_for),
    Patch(Regularizer, "set_param", _set_param),
    Patch(Regularizer, "set_layer", _set_layer),
)
