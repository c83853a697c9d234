"""Single objects as plain data and back, under the names that Keras 3 has for it."""

from collections.abc import Mapping
from typing import Any

from cornu import activations, config, losses, metrics, ops
from cornu.errors import UsageError, unknown, warn
from cornu.registry import custom_object, custom_object_scope, function_of, is_function_form


def serialize_keras_object(obj: Any) -> Any:
    """Plain data (JSON types) for a layer, loss, function, array, or a structure of them.

    Raises UsageTypeError for what has no plain form.
    """
    return config.serialize(obj)


def deserialize_keras_object(
    config_of_object: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
) -> Any:
    """What `serialize_keras_object` described; the user's own by `custom_objects`, or registered.

    Raises UsageError for what is not known. No code is run, whatever `safe_mode` says.
    """
    warn_unsafe(safe_mode)
    with custom_object_scope(custom_objects or {}):
        if isinstance(config_of_object, str):
            found = custom_object(config_of_object)
            return config_of_object if found is None else found
        if is_function_form(config_of_object):
            return function_of(config_of_object, _function)
        return config.deserialize_inner(config_of_object)


def _function(name: str) -> Any:
    """A function of the library by its name. Raises UsageError for another."""
    families = (activations.family, losses.family, metrics.family)
    known = {n: f for family in reversed(families) for n, f in family.members.items()}
    if name in known:
        return known[name]
    if name in ops.__all__:
        return getattr(ops, name)
    raise unknown("function", name, known)


def warn_unsafe(safe_mode: Any) -> None:
    """Say that `safe_mode=False` changes nothing."""
    if safe_mode is False:
        warn(
            "safe_mode=False changes nothing: no code in a file is ever run. A function that is "
            'saved as code is given instead: custom_objects={"name of the layer": function}.'
        )


def enable_unsafe_deserialization() -> None:
    """Raises UsageError: no file may run code here, so there is nothing to enable."""
    raise UsageError(
        "E-UNSAFE",
        "there is no unsafe loading: code in a file is never run. Give the functions that a file "
        'needs: load_model(path, custom_objects={"name of the function or layer": function}).',
    )
