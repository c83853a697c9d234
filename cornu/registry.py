"""The user's own classes and functions by name: where files and configs may find them.

A scope (`custom_objects=`) holds them for a while, `register_keras_serializable` for good. Nothing
is ever imported or run because a file names it. A function stands in plain data as a form that
tells whose it is, so that one called `relu` is not taken for the library's.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from cornu import state
from cornu.errors import UsageError, UsageTypeError, shown

custom_names: dict[str, Any] = {}
"""`"package>name"`, or a plain name, -> what was registered under it."""

_packaged: dict[str, str] = {}
"""Plain name -> the `package>name` under which one of that name was registered last."""

HOMES = frozenset({"builtins", "cornu", "keras", "tensorflow", "tf_keras"})
"""Modules, by their first part, of what the library has as well; others are the user's."""

LAMBDA = "__lambda__"
"""Stands for the module of a function without a name."""


# ---------------------------------------------------------------- finding and registering


def scoped_object(name: str) -> Any:
    """What the scopes in force have under `name`, else None."""
    frame = state.frame()
    return frame.custom_objects.get(name) if frame is not None else None


def custom_object(name: str) -> Any:
    """What the user put under `name`, by a scope or by registration, else None."""
    frame = state.frame()
    scoped = frame.custom_objects if frame is not None else {}
    for known in (scoped, custom_names):
        if name in known:
            return known[name]
    if scoped and (found := scoped.get(name.rpartition(">")[-1])) is not None:
        return found
    return custom_names.get(_packaged.get(name, ""))


def custom_object_scope(*objects: Mapping[str, Any]) -> AbstractContextManager:
    """While it lasts, `objects` (name -> class or function) may be named in configs.

    Example:
        >>> with custom_object_scope({"double": lambda x: 2 * x}):
        ...     layer = Dense(3, activation="double")
    """
    frame = state.frame()
    found = dict(frame.custom_objects) if frame is not None else {}
    for one in objects:
        if not isinstance(one, Mapping):
            raise UsageTypeError(
                "E-REGISTER",
                f'custom objects are a dict by name, as in {{"MyLayer": MyLayer}}; '
                f"got {shown(one)}.",
            )
        found |= one
    return state.within(custom_objects=found)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """A decorator by which a user's class or function may stand in configs as `package>name`.

    Raises UsageError for a class without `get_config`.
    """

    def register(thing: Any) -> Any:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise UsageError("E-REGISTER", f"{thing.__name__} needs get_config to be registered.")
        plain = name or thing.__name__
        _packaged[plain] = f"{package}>{plain}"
        custom_names[_packaged[plain]] = thing
        return thing

    return register


def registered_name(thing: Any) -> str | None:
    """`package>name` of a user's registered class or function; None for all others."""
    return next((n for n, known in custom_names.items() if known is thing), None)


def get_custom_objects() -> dict[str, Any]:
    """The table of all that is registered, to be read or changed: `["swish"] = my_swish`."""
    return custom_names


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function is registered; its own name where it is not."""
    return registered_name(obj) or obj.__name__


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """What is known under `name`: in a scope, registered, or in the tables given; else None."""
    for known in (custom_objects or {}, module_objects or {}):
        if name in known:
            return known[name]
    return custom_object(name)


# ---------------------------------------------------------------- functions as plain data


def is_foreign(form: Mapping[str, Any]) -> bool:
    """Whether plain data name a class or function of the user's own."""
    module, registered = form.get("module"), form.get("registered_name")
    if form.get("class_name") != "function" and isinstance(registered, str) and ">" in registered:
        return True
    if module is None:  # Keras gives the user's classes none, and the library's no second name
        return registered is not None and form.get("class_name") != "function"
    return not isinstance(module, str) or module.split(".")[0] not in HOMES


def is_named(function: Any) -> bool:
    """Whether a function has a name to be found by, which a lambda has not."""
    known = registered_name(function) or getattr(function, "__name__", "")
    return known.split(">")[-1].isidentifier()


def function_form(function: Any, unnamed: str = "<lambda>") -> Any:
    """The plain form of a function: its name where it is the library's, else with its module.

    A lambda has no name; it stands there as `unnamed`.
    """
    registered, plain = registered_name(function), getattr(function, "__name__", "")
    if registered is not None and ">" in registered:
        return _form("builtins", registered, "function")
    name = registered or plain
    if not is_named(function):
        return _form(LAMBDA, unnamed, unnamed)
    module = getattr(function, "__module__", None) or type(function).__module__
    own = registered is None and module.split(".")[0] == "cornu"
    return name if own else _form(module, name, name)


def _form(module: str, name: str, registered: str) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": registered,
    }


def is_function_form(plain: Any) -> bool:
    """Whether plain data stand for a function by its name."""
    return isinstance(plain, Mapping) and plain.get("class_name") == "function"


def function_of(form: Mapping[str, Any], find: Callable[[str], Any]) -> Any:
    """The function that a form names: the user's own, or what `find` has under the name.

    Raises UsageError where it is the user's and not known.
    """
    name = form.get("config")
    if not isinstance(name, str):
        raise UsageError("E-CONFIG", f"a function is named by a string; got {shown(name)}.")
    found = custom_object(name)
    if found is None and is_foreign(form):
        short = name.split(">")[-1]
        what = "a lambda" if form["module"] == LAMBDA else f"of the module {shown(form['module'])}"
        raise UsageError(
            "E-UNKNOWN-FUNCTION",
            f"the function {shown(name)} is needed, which is the user's own ({what}) and not in "
            f'the file. Pass custom_objects={{"{short}": your_function}}, or register it with '
            "register_keras_serializable before loading.",
        )
    return find(name) if found is None else found


# ---------------------------------------------------------------- classes of older generations

OLDER = "cornu_older"
"""Where a form tells the class of an older generation, for which another stands that Keras has."""


def own_form(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """A form that names the class that was meant, and not the one that stands for it."""
    older = form.get(OLDER)
    if not isinstance(older, Mapping) or not {"class_name", "config"} <= older.keys():
        return form
    return {**form, **older, OLDER: None}
