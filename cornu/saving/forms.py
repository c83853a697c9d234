"""Layers and models as plain data, in the form of Keras 3, and the way back.

Which class a form means is asked of `cornu.config`, which knows the library's classes and those
that the user has given: a file can name nothing else.
"""

from collections.abc import Mapping
from typing import Any

from cornu.config import (
    class_of,
    classes_named,
    custom_object,
    known_classes,
    serialize,
    wrapped,
)
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion, warn
from cornu.layers import Lambda, Layer
from cornu.layers.saved import as_shapes as as_shapes
from cornu.registry import is_foreign, own_form
from cornu.saving.quantized import as_float


def is_model(layer: Any) -> bool:
    """Whether a layer is a model."""
    return is_model_class(type(layer))


def is_functional(layer: Any) -> bool:
    """Whether it is a plain `Model` made of a graph."""
    return type(layer) in classes_named("Model") and layer._graph is not None


def begins_itself(layer: Any) -> bool:
    """Whether a layer is a model whose own graph counts as its first call where outputs are named.

    So Keras 3 has it of functional models, and of nothing else.
    """
    graph = getattr(layer, "_graph", None) if is_model(layer) else None
    return graph is not None and not isinstance(layer, tuple(classes_named("Sequential")))


def wire_form(layer: Layer) -> dict[str, Any]:
    """A layer's class and config as Keras 3 writes them, with the shapes it was built for."""
    form = wrapped(layer)
    if is_functional(layer):
        form["module"], form["class_name"] = "keras.src.models.functional", "Functional"
        form["registered_name"] = "Functional"
    build = serialize(layer.get_build_config())
    if build:
        form["build_config"] = build
    return form


def warn_of_lambdas(model: Any) -> None:
    """Tell which `Lambda` layers have a function that must be given again when they are loaded."""
    names = [name for x in model.all_layers() if isinstance(x, Lambda) for name in x.unnamed()]
    if names:
        warn(
            f"the function of the Lambda {listed(names)} is a lambda, which has no name and is not "
            f'saved. Give it when the model is loaded: custom_objects={{"{names[0]}": function}}.'
        )


def layer_of(form: Any, place: str) -> Layer:
    """The layer that a plain form describes; `place` says where it stood, for messages.

    Raises UsageError for an unknown class, and for what is no layer.
    """
    if not isinstance(form, Mapping) or not isinstance(form.get("config"), Mapping):
        raise UsageError("E-CONFIG", f'{place} must have "class_name" and "config".')
    form = own_form(form)
    cls = _class(form, place)
    if not (isinstance(cls, type) and issubclass(cls, Layer)):
        raise UsageError("E-CONFIG", f"{place}: {shown(cls)} is no layer.")
    config = form["config"]
    check_name(config.get("name"), place)
    try:
        layer = cls.from_config(as_float(config))
        if cls.build_from_config is not Layer.build_from_config and not is_model(layer):
            layer.build_from_config(form.get("build_config"))
        return layer
    except (UsageError, UsageTypeError) as error:
        error.add_note(f'(in {place}: {cls.__name__} "{config.get("name")}")')
        raise


def is_model_class(cls: type) -> bool:
    """Whether a class is one of models; the class is asked of `config`, for models lie above."""
    return issubclass(cls, tuple(classes_named("Model")))


def _class(form: Mapping[str, Any], place: str) -> Any:
    name, registered = form.get("class_name"), form.get("registered_name")
    if not isinstance(name, str) or not isinstance(registered, str | None):
        raise UsageError("E-CONFIG", f"{place}: class_name must be a string; got {shown(name)}.")
    found = custom_object(registered or name)
    if found is None and not is_foreign(form):
        name = "Model" if name == "Functional" else name
        if custom_object(name) is not None or classes_named(name):
            found = class_of({**form, "class_name": name})
    if found is None:
        raise UsageError(
            "E-UNKNOWN-CLASS",
            f'the class "{registered or name}" is needed ({place}) and not known. '
            f"{suggestion(name, known_classes)}"
            f'Pass custom_objects={{"{name}": {name}}}, or import the module that registers it.',
        )
    return found


def check_name(name: Any, place: str) -> None:
    """Raise UsageError for a name that is no short printable string, or that looks like a path."""
    if name is None:
        return
    if not isinstance(name, str) or not 0 < len(name) <= 1024:
        raise UsageError("E-NAME", f"{place}: a name must be a string; got {shown(name)}.")
    if not name.isprintable() or "/" in name or "\\" in name or name in (".", ".."):
        raise UsageError("E-NAME", f"{place}: {ascii(name)} cannot be the name of a layer.")
