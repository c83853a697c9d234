"""Layers around a plain function of their input, and layers that only mark or regularize it."""

from collections.abc import Mapping
from typing import Annotated, Any

from cornu import activations, ops
from cornu.config import Convert, field, serialize
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import Activation as ActivationField
from cornu.layers import saved_functions
from cornu.layers.base import Layer
from cornu.layers.signature import call_signature
from cornu.registry import function_form, function_of, is_function_form, is_named
from cornu.regularizers import L1L2


class Activation(Layer):
    """`activation(x)`, element by element (softmax and its kind: over the last axis).

    Args:
        activation: name or function.

    Example:
        >>> Activation("relu")(Input((3,))).shape
        (None, 3)
    """

    activation: ActivationField

    supports_masking = True

    def call(self, x: Any) -> Any:
        return self.activation(x)


class Identity(Layer):
    """`x`, as it is."""

    supports_masking = True

    def call(self, x: Any) -> Any:
        return x


class Masking(Layer):
    """Marks the time steps whose features all equal `mask_value`, for the layers behind to skip.

    Shapes: (batch, time, ..., features) gives the same, with 0 in the steps that are skipped; the
    mask is (batch, time, ...), False there.

    Args:
        mask_value: the number that stands for "nothing here".
    """

    mask_value: Any = 0.0

    supports_masking = True

    def call(self, x: Any) -> Any:
        seen = ops.any(x != self.mask_value, axis=-1, keepdims=True)
        return ops.where(seen, x, 0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.any(inputs != self.mask_value, axis=-1)


class ActivityRegularization(Layer):
    """`x`, with `l1 * sum |x| + l2 * sum x^2`, divided by the batch size, added to the loss.

    Args:
        l1: weight of the absolute values, >= 0.
        l2: weight of the squares, >= 0.
    """

    l1: float = 0.0
    l2: float = 0.0
    activity_regularizer: Any = field(default=None, kw_only=True, config=False)

    supports_masking = True

    def set_up(self) -> None:
        """Make the regularizer."""
        super().set_up()
        self.activity_regularizer = L1L2(l1=self.l1, l2=self.l2)

    def call(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """`l1` and `l2`; the regularizer follows from them."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config


def _function(value: Any) -> Any:
    """A function from itself, or from its name or plain form."""
    if callable(value):
        return value
    form = value if is_function_form(value) else {"class_name": "function", "config": value}
    return function_of(form, _own)


def _optional_function(value: Any) -> Any:
    return _function(value) if isinstance(value, str) or is_function_form(value) else value


def _own(name: str) -> Any:
    """An op, or an activation, by its name. Raises UsageError for any other."""
    found = getattr(ops, name) if name in ops.__all__ else activations.family.members.get(name)
    if found is None:
        raise UsageError(
            "E-LAMBDA",
            f'Lambda needs the function "{name}", which is not known. Pass '
            f'custom_objects={{"{name}": {name.split(">")[-1]}}}, or register it with '
            "register_keras_serializable before loading.",
        )
    return found


class _GivenShape:
    """Reads as the shape found by tracing, as on every layer; keeps what was given."""

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return None if layer is None else Layer.output_shape.__get__(layer)

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__["_given_output_shape"] = value


class Lambda(Layer):
    """`function(x, **arguments)`, an expression as a layer. It has no weights.

    A function with an argument `mask` or `training` is given the mask of `x`, or the phase.
    It is saved by its name; a `lambda` has none. What is not registered is given when the model is
    loaded: `load_model(path, custom_objects={"name of the function or of the layer": function})`.

    Args:
        function: takes an array (or a structure of them) and returns one.
        output_shape: kept for those who read it; shapes are found by tracing.
        mask: mask of the output, or a function (inputs, mask) -> mask.
        arguments: further keyword arguments of `function`.

    Example:
        >>> Lambda(lambda x: x**2)(Input((3,))).shape
        (None, 3)
    """

    function: Annotated[Any, Convert(_function)]
    output_shape: Annotated[Any, Convert(_optional_function)] = field(
        default=None, config=False, descriptor=_GivenShape()
    )
    mask: Annotated[Any, Convert(_optional_function)] = None
    arguments: Any = None

    mixes_rows = True

    def set_up(self) -> None:
        """Read which arguments the function takes."""
        super().set_up()
        self.arguments = dict(self.arguments or {})
        if not callable(self.function):
            raise UsageTypeError(
                "E-TYPE", f"Lambda: function must be callable; got {shown(self.function)}."
            )
        self.supports_masking = self.mask is not None

    def call(self, x: Any, mask: Any = None, training: Any = None) -> Any:
        wanted = _argument_names(self.function)
        extra = {"mask": mask, "training": training}
        given = {n: v for n, v in extra.items() if n in wanted and n not in self.arguments}
        return self.function(x, **self.arguments, **given)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def unnamed(self) -> dict[str, Any]:
        """The functions that have no name themselves, by those that a config has for them."""
        given = {"function": self.function, "mask": self.mask}
        return {
            _key(self.name, role): function
            for role, function in given.items()
            if callable(function) and not is_named(function)
        }

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, functions by their names; a lambda by the layer's name."""
        shape = self.__dict__["_given_output_shape"]
        given = {"function": self.function, "output_shape": shape, "mask": self.mask}
        plain = {n: _form(v, _key(self.name, n)) for n, v in given.items()}
        return {**super().get_config(), **plain}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Lambda":
        """A layer from what `get_config` gave.

        Raises UsageError where it needs a function that is not known, by its own name or, among
        `custom_objects`, by the layer's. Code in a config is never run.
        """
        found = {k: v for k, v in config.items() if k not in saved_functions.BESIDE}
        for role in ("function", "mask", "output_shape"):
            key = _key(str(config.get("name") or "lambda"), role)
            found[role] = saved_functions.read(config, role, key, _own)
        return super().from_config(found)


def _key(layer: str, role: str) -> str:
    """The name under which custom objects have a function that has none itself."""
    return layer if role == "function" else f"{layer}.{role}"


def _form(value: Any, key: str) -> Any:
    if not callable(value):
        return serialize(value)
    form = function_form(value, key)
    if not isinstance(form, str):
        return form
    module = "keras.ops" if getattr(ops, form, None) is value else "builtins"
    return {
        "module": module,
        "class_name": "function",
        "config": form,
        "registered_name": "function",
    }


def _argument_names(function: Any) -> tuple[str, ...]:
    """Names after the first, which is the input."""
    try:
        return call_signature(function).names
    except (TypeError, ValueError):
        return ()  # built-in functions do not say what they take
