"""Layers and models as plain data, in the form of Keras 3, and the way back.

Which class a form means is asked of `cornu.config`, which knows the library's classes and those
that the user has given: a file can name nothing else.
"""

from collections.abc import Mapping
from typing import Any

from cornu.config import class_of, classes_named, custom_object, known_classes, serialize, wrapped
from cornu.errors import UsageError, UsageTypeError, shown, suggestion
from cornu.layers import Layer


def is_model(layer: Any) -> bool:
    """Whether a layer is a model."""
    return is_model_class(type(layer))


def is_functional(layer: Any) -> bool:
    """Whether it is a plain `Model` made of a graph."""
    return type(layer) in classes_named("Model") and layer._graph is not None


def wire_form(layer: Layer) -> dict[str, Any]:
    """A layer's class and config as Keras 3 writes them, with the shapes it was built for."""
    form = wrapped(layer)
    if is_functional(layer):
        form["module"], form["class_name"] = "keras.src.models.functional", "Functional"
        form["registered_name"] = "Functional"
    build = _build_config(layer)
    if build:
        form["build_config"] = build
    return form


def _build_config(layer: Any) -> dict[str, Any] | None:
    """The shapes that a layer was built for, where they are known."""
    if is_functional(layer):
        return {"input_shape": None}
    own = getattr(layer, "get_build_config", None)  # an optional method of users' layers
    if own is not None:
        return serialize(own())
    if not layer.built or not layer.variables:
        return None
    nodes = layer.__dict__.get("_nodes", ())
    if nodes and len(nodes[0].args) == 1 and not nodes[0].kwargs:
        return {"input_shape": shapes(nodes[0].args[0])}
    args, kwargs = layer.__dict__.get("_built_for", ((), {}))
    if kwargs:
        return {"shapes_dict": serialize(kwargs)}
    return {"input_shape": serialize(args[0])} if args and args[0] is not None else None


def shapes(structure: Any) -> Any:
    """The shapes of a Tensor, or of all in a structure, as lists."""
    if isinstance(structure, Mapping):
        return {key: shapes(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [shapes(value) for value in structure]
    return list(structure.shape)


def layer_of(form: Any, place: str) -> Layer:
    """The layer that a plain form describes; `place` says where it stood, for messages.

    Raises UsageError for an unknown class, and for what is no layer.
    """
    if not isinstance(form, Mapping) or not isinstance(form.get("config"), Mapping):
        raise UsageError("E-CONFIG", f'{place} must have "class_name" and "config".')
    cls = _class(form, place)
    if not (isinstance(cls, type) and issubclass(cls, Layer)):
        raise UsageError("E-CONFIG", f"{place}: {shown(cls)} is no layer.")
    config = form["config"]
    check_name(config.get("name"), place)
    try:
        return cls.from_config(config)
    except (UsageError, UsageTypeError) as error:
        error.add_note(f'(in {place}: {cls.__name__} "{config.get("name")}")')
        raise


def is_model_class(cls: type) -> bool:
    """Whether a class is one of models; the class is asked of `config`, for models lie above."""
    return issubclass(cls, tuple(classes_named("Model")))


def _class(form: Mapping[str, Any], place: str) -> Any:
    name, module = form.get("class_name"), form.get("module")
    registered = form.get("registered_name")
    if not isinstance(name, str) or not isinstance(registered, str | None):
        raise UsageError("E-CONFIG", f"{place}: class_name must be a string; got {shown(name)}.")
    foreign = registered is not None and ">" in registered
    found = custom_object(registered or name)
    if found is None and not foreign:
        name = "Model" if name == "Functional" else name
        if custom_object(name) is not None or classes_named(name):
            found = class_of(name, module, registered)
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


def as_shapes(plain: Any) -> Any:
    """Shapes, or a structure of them, from lists as JSON has them."""
    if isinstance(plain, Mapping):
        return {key: as_shapes(value) for key, value in plain.items()}
    if isinstance(plain, list) and any(isinstance(item, (list, Mapping)) for item in plain):
        return [as_shapes(item) for item in plain]
    if not isinstance(plain, list) or not all(isinstance(d, int | None) for d in plain):
        raise UsageError("E-CONFIG", f"a shape must be a list of sizes; got {shown(plain)}.")
    return tuple(plain)
