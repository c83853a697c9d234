"""Objects made from plain values, and the way between objects and plain data.

A `Configurable` declares fields; they are its constructor, its attributes and its config at once.
A `Family` is the table of all named things of one kind (initializers, losses, layers …); `get`
turns a name, a config or an object into an object. `serialize` and `deserialize` speak the plain
form of Keras 3 files. `translate` and `Configurable.settled_by` are the hooks by which old
spellings come in (`dialects/`).
"""

import importlib
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from typing import (
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Self,
    dataclass_transform,
    get_origin,
    get_type_hints,
)

import numpy as np

from cornu import costs, state
from cornu.errors import UsageError, UsageTypeError, shown, suggestion, unknown
from cornu.kinds import Convert, OneOf, Within, converter
from cornu.names import forget_names as forget_names
from cornu.names import snake as snake
from cornu.names import unique_name as unique_name
from cornu.registry import (
    OLDER,
    custom_object,
    custom_object_scope,
    function_form,
    function_of,
    is_foreign,
    own_form,
    register_keras_serializable,
    registered_name,
)
from cornu.registry import custom_names as custom_names
from cornu.settings import (  # as people know them: `cornu.config.set_floatx`
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "Configurable",
    "Convert",
    "Family",
    "OneOf",
    "Within",
    "attribute",
    "backend",
    "custom_object_scope",
    "deserialize",
    "epsilon",
    "field",
    "floatx",
    "image_data_format",
    "register_keras_serializable",
    "serialize",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]

REQUIRED: Any = inspect.Parameter.empty

Rule = Callable[[type, tuple, dict], tuple[tuple, dict]]
"""`(class, args, kwargs) -> (args, kwargs)` of a constructor call."""

translate: list[Rule] = []
"""Rules asked when a constructor does not fit."""


class Field(NamedTuple):
    """One constructor argument that is also an attribute and, with `config`, part of the config."""

    name: str
    default: Any = REQUIRED
    kw_only: bool = False
    config: bool = True
    descriptor: Any = None
    type: Any = Any


def field(
    *, default: Any = REQUIRED, kw_only: bool = False, config: bool = True, descriptor: Any = None
) -> Any:
    """Say more about a field than its default; a `descriptor` stands in for the plain attribute."""
    return Field("", default, kw_only, config, descriptor)


def attribute(*, default: Any = None, init: Literal[False] = False) -> Any:
    """An annotated attribute that is no constructor argument: only a default on the class."""
    return Field("", default, config=False, descriptor=NOT_A_FIELD)


NOT_A_FIELD: Any = object()


@dataclass_transform(field_specifiers=(field, attribute))
class Configurable:
    """Something made from plain values: its fields are constructor, attributes and config.

    A subclass annotates its fields and gets `__init__`, the signature, conversion of strings and
    configs, `get_config`, `from_config` and `repr`. A subclass with its own `__init__` is taken as
    it is; its config is what it was called with, unless it writes `get_config` itself. Override
    `set_up` to check or derive values once the fields are there. The rules in `settled_by` are
    asked at every call of a class: for what fits, but has meant something else.
    """

    fields: ClassVar[dict[str, Field]] = {}
    options: ClassVar[tuple[str, ...]] = ()
    wire_module: ClassVar[str] = "keras"
    settled_by: ClassVar[tuple[Rule, ...]] = ()
    _generated: ClassVar[bool] = True
    _converters: ClassVar[dict[str, Callable] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._converters = None
        cls._generated = "__init__" not in cls.__dict__ and cls._generated
        own = inspect.get_annotations(cls)
        if cls._generated:
            declared = _declared(cls, own)
            known = {n: f for base in reversed(cls.__bases__) for n, f in _fields_of(base).items()}
            inherited = {n: f for n, f in known.items() if n not in declared}
            cls.fields = cls.ordered_fields(inherited, declared)
            cls.__init__ = _constructor(cls)
        if cls.__module__.split(".")[0] == "cornu" and not cls.__name__.startswith("_"):
            known_classes.setdefault(cls.__name__, []).append(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        if not cls._generated:
            object.__setattr__(made, "_called_with", (args, kwargs))
        return made

    @classmethod
    def ordered_fields(
        cls, inherited: dict[str, Field], declared: dict[str, Field]
    ) -> dict[str, Field]:
        """The order of constructor arguments; a family may put inherited ones last."""
        return {**inherited, **declared}

    def set_up(self) -> None:
        """Called when the fields are set."""

    def take_options(self, options: dict[str, Any]) -> None:
        """Called with the constructor arguments named in `options` that are no fields."""

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments as plain data."""
        cls = type(self)
        if cls._generated or not _own_config_is_wanted(cls):
            kept = [f.name for f in cls.fields.values() if f.config]
            return {name: serialize(getattr(self, name, None)) for name in kept}
        return {name: serialize(value) for name, value in _recorded(self).items()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """An object from what `get_config` gave.

        Options of other versions that are left off there (None or False) are passed over.
        """
        known = {*cls.fields, *cls.options}
        kept = {
            name: value
            for name, value in config.items()
            if name in known or not cls._generated or value not in (None, False)
        }
        return cls(**{name: deserialize_inner(value) for name, value in kept.items()})

    def __repr__(self) -> str:
        kept = [f for f in type(self).fields.values() if f.config]
        said = [
            f"{f.name}={_brief(getattr(self, f.name, None))}"
            for f in kept
            if not _same(getattr(self, f.name, None), f.default)
        ]
        return f"{type(self).__name__}({', '.join(said)})"


known_classes: dict[str, list[type]] = {}
"""Public class name -> the library's classes of that name."""


def _fields_of(base: type) -> dict[str, Field]:
    return getattr(base, "fields", {})


def _declared(cls: type, annotations: Mapping[str, Any]) -> dict[str, Field]:
    found = {}
    for name, annotation in annotations.items():
        default = cls.__dict__.get(name, REQUIRED)
        if isinstance(default, Field) and default.descriptor is NOT_A_FIELD:
            setattr(cls, name, default.default)
            continue
        if name.startswith("_") or get_origin(annotation) is ClassVar or annotation is ClassVar:
            continue
        if isinstance(default, Field):
            found[name] = default._replace(name=name, type=annotation)
            if default.descriptor is not None:
                setattr(cls, name, default.descriptor)
            elif default.default is REQUIRED:
                delattr(cls, name)
            else:
                setattr(cls, name, default.default)
        else:
            found[name] = Field(name, default, type=annotation)
    return found


def _signature(cls: type[Configurable]) -> inspect.Signature:
    kinds = inspect.Parameter
    ordered = sorted(cls.fields.values(), key=lambda f: f.kw_only)
    parameters = [kinds("self", kinds.POSITIONAL_OR_KEYWORD)]
    optional = False
    for f in ordered:
        optional = optional or f.default is not REQUIRED
        # a required field after an optional one can only be given by name
        late = optional and f.default is REQUIRED
        kind = kinds.KEYWORD_ONLY if f.kw_only or late else kinds.POSITIONAL_OR_KEYWORD
        parameters.append(kinds(f.name, kind, default=f.default, annotation=f.type))
    parameters.sort(key=lambda p: p.kind)
    parameters += [
        kinds(name, kinds.KEYWORD_ONLY, default=None, annotation=Any) for name in cls.options
    ]
    return inspect.Signature(parameters, return_annotation=None)


def _constructor(cls: type[Configurable]) -> Callable:
    signature = _signature(cls)
    positional = [
        p.name for p in list(signature.parameters.values())[1:] if p.kind is not p.KEYWORD_ONLY
    ]

    def __init__(self: Configurable, *args: Any, **kwargs: Any) -> None:
        values = _bind(cls, positional, args, kwargs)
        converters = _converters_of(cls)
        options = {name: values.pop(name) for name in cls.options if name in values}
        for f in cls.fields.values():
            value = values[f.name] if f.name in values else f.default
            convert = converters.get(f.name)
            if convert is not None:
                value = convert(value, cls.__name__, f.name)
            setattr(self, f.name, value)
        if options:
            self.take_options(options)
        self.set_up()

    __init__.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


def _bind(cls: type[Configurable], positional: list[str], args: tuple, kwargs: dict) -> dict:
    """Arguments by name. Asks `translate` where they do not fit, then says what is wrong."""
    known = cls.fields.keys() | set(cls.options)
    for rule in cls.settled_by:
        args, kwargs = rule(cls, args, kwargs)
    values = _by_name(positional, args, kwargs)
    for rule in translate if _unfit(cls, values, known) else ():
        args, kwargs = rule(cls, args, kwargs)
        values = _by_name(positional, args, kwargs)
    if values is None:
        raise UsageTypeError(
            "E-ARGUMENTS",
            f"{cls.__name__}() takes at most {len(positional)} positional arguments "
            f"({', '.join(positional)}); {len(args)} were given, or one of them also by name.",
        )
    for name in values:
        if name not in known:
            raise UsageTypeError(
                "E-ARGUMENT",
                f'{cls.__name__}() has no argument "{name}". {suggestion(name, known)}'
                f"It takes: {', '.join(n for n in cls.fields)}.",
            )
    for f in cls.fields.values():
        if f.default is REQUIRED and f.name not in values:
            raise UsageTypeError(
                "E-ARGUMENT-MISSING",
                f'{cls.__name__}() needs "{f.name}", as in {cls.__name__}({f.name}=…).',
            )
    return values


def _by_name(positional: list[str], args: tuple, kwargs: dict) -> dict | None:
    names = positional[: len(args)]
    if len(args) > len(positional) or any(name in kwargs for name in names):
        return None
    return {**dict(zip(names, args, strict=True)), **kwargs}


def _unfit(cls: type[Configurable], values: dict | None, known: Iterable[str]) -> bool:
    return values is None or any(name not in known for name in values)


def _converters_of(cls: type[Configurable]) -> dict[str, Callable]:
    """Field name -> conversion, read off the annotations once."""
    if "_converters" not in cls.__dict__ or cls.__dict__["_converters"] is None:
        hints = get_type_hints(cls, include_extras=True)
        found = {name: converter(hints[name]) for name in cls.fields if name in hints}
        cls._converters = {name: convert for name, convert in found.items() if convert}
    return cls._converters or {}


def _own_config_is_wanted(cls: type) -> bool:
    """Whether nobody between `cls` and the library wrote `get_config` for a custom `__init__`."""
    for base in cls.__mro__:
        if "get_config" in base.__dict__:
            return base.__module__.split(".")[0] == "cornu"
    return True


def _recorded(self: Configurable) -> dict[str, Any]:
    """The arguments a custom `__init__` was called with, by name."""
    args, kwargs = self.__dict__["_called_with"]
    signature = inspect.signature(type(self).__init__)
    bound = signature.bind(self, *args, **kwargs)
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            raise UsageTypeError(
                "E-CONFIG",
                f"{type(self).__name__}.__init__ takes *{name}; write get_config for it.",
            )
        else:
            found[name] = value
    takes_name = "name" in signature.parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()
    )
    if takes_name and "name" in type(self).fields and "name" not in found:
        found["name"] = getattr(self, "name", None)
    return found


def _brief(value: Any) -> str:
    return repr(value) if not callable(value) else getattr(value, "__name__", repr(value))


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a is b or a == b)
    except ValueError:
        return False


# ---------------------------------------------------------------- families of named things


def _loose(name: str) -> str:
    return name.replace("_", "").lower()


NO_LAYERS = ("constraint", "initializer", "regularizer")
"""Families of functions of one array, for which a layer, though it can be called, is a mistake."""


class Family:
    """The table of all named things of one kind.

    Args:
        kind: what one of them is called in messages: "initializer".
        base: the class of its objects, or None where they are plain functions.

    `get` takes None, a name, a config, an object or a function. A class is made into an object
    with its defaults; a name finds a function before it finds a class.
    """

    def __init__(self, kind: str, base: type | None = None, wire_module: str | None = None):
        self.kind, self.base, self.wire_module = kind, base, wire_module or f"keras.{kind}s"
        self.members: dict[str, Any] = {}
        self._known: dict[str, tuple[str | None, int]] = {}

    def register(self, *members: Any, **aliases: Any) -> Any:
        """Add classes or functions by their names, and others under an alias."""
        for member in members:
            self.members[member.__name__] = member
        self.members.update(aliases)
        return members[0] if members else None

    def names(self) -> list[str]:
        """The names as users write them."""
        return sorted({snake(n) if isinstance(m, type) else n for n, m in self.members.items()})

    def find(self, name: str) -> Any:
        """The member of that name, custom objects first; raises UsageError with the nearest."""
        found = custom_object(name)
        if found is None:
            found = self.members.get(name)
        if found is None:
            found = self.members.get(self._spelt(name) or name)
        if found is None:
            raise unknown(self.kind, name, self.names())
        return found

    def _spelt(self, name: str) -> str | None:
        """The name of the first member that differs in capitals and underscores only."""
        found, count = self._known.get(name, (None, 0))
        if count != len(self.members):
            loose = {_loose(n): n for n in reversed(self.members)}
            found = loose.get(_loose(name))
            if found is not None:
                self._known[name] = (found, len(self.members))
        return found

    def get(self, identifier: Any) -> Any:
        """An object of this family from a name, a config, a class, an object or a function."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.find(identifier)
            return found() if isinstance(found, type) else found
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            return identifier()
        if self.kind in NO_LAYERS and getattr(identifier, "wire_module", "") == "keras.layers":
            raise unknown(self.kind, identifier, self.names())
        if callable(identifier) or (self.base is not None and isinstance(identifier, self.base)):
            return identifier
        raise unknown(self.kind, identifier, self.names())

    def serialize(self, member: Any) -> Any:
        """The plain form of a member: its name, or a config."""
        return serialize(member)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The member that a plain form describes. Raises UsageError for an unknown name."""
        if not isinstance(config, Mapping):
            with custom_object_scope(custom_objects or {}):
                return self.get(config)
        own = custom_object_scope(custom_objects or {})
        with own, costs.bounded(config), costs.as_usage_errors(f"the {self.kind} config"):
            return self._made(config)

    def _made(self, config: Mapping[str, Any]) -> Any:
        """The member that a plain form describes, by the names in force."""
        if config.get(OLDER):
            return deserialize_inner(config)
        if "class_name" not in config:
            raise UsageError(
                "E-CONFIG", f'a {self.kind} config needs "class_name"; got {shown(config)}.'
            )
        name = config["class_name"]
        if name == "function":
            return function_of(config, self.find)
        found = custom_object(config.get("registered_name") or name)
        if found is None and not is_foreign(config):
            found = self.find(name)
        elif found is None:
            raise unknown(self.kind, name, self.names())
        return found.from_config(config.get("config") or {})


# ---------------------------------------------------------------- objects <-> plain data

PLAIN = (str, int, float, bool, type(None))


def serialize(value: Any) -> Any:
    """Plain data (JSON types) for an object, a function, an array, or a structure of them.

    Raises UsageTypeError for a value that has no plain form.
    """
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [serialize(v) for v in value]
    if isinstance(value, Mapping):
        return {k: serialize(v) for k, v in value.items()}
    if isinstance(value, types.FunctionType):
        return function_form(value)
    if isinstance(value, type):
        return function_form(value) if hasattr(value, "get_config") else value.__name__
    if hasattr(value, "get_config"):
        return wrapped(value)
    if isinstance(value, np.ndarray):
        held = {"value": value.tolist(), "dtype": str(value.dtype)}
        return {"class_name": "__numpy__", "config": held}
    if isinstance(value, state.Variable):
        return serialize(value.numpy() if value.shape else value.numpy().item())
    if hasattr(value, "shape") and hasattr(value, "__array__"):
        return serialize(np.asarray(value))
    if callable(value) and hasattr(value, "__name__"):
        return function_form(value)
    raise UsageTypeError("E-SERIALIZE", f"{shown(value)} has no plain form to save.")


def wrapped(value: Any) -> dict[str, Any]:
    """The config of an object with what is needed to find its class again."""
    cls = type(value)
    custom = registered_name(cls)
    own = cls.__module__.split(".")[0] == "cornu"
    form = {
        "module": cls.wire_module if own else None,
        "class_name": cls.__name__,
        "config": value.get_config(),
        "registered_name": None if own else custom or cls.__name__,
    }
    other = getattr(value, "stands_for", None) if own else None
    return form if other is None else {**wrapped(_stand_in(form["config"], other)), OLDER: form}


def _stand_in(config: Mapping[str, Any], cls: type[Configurable]) -> Configurable:
    """An object of a class that Keras has, in the place of one of an older generation."""
    known = {*cls.fields, *cls.options}
    return cls.from_config({name: value for name, value in config.items() if name in known})


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None, among: Iterable[type] = ()
) -> Any:
    """The object that `serialize` described. Only Cornu's own and registered classes are made.

    Raises UsageError for an unknown class, with the nearest name.
    """
    own = {**(custom_objects or {}), **{c.__name__: c for c in among}}
    with custom_object_scope(own), costs.bounded(config), costs.as_usage_errors("the config"):
        return deserialize_inner(config)


def deserialize_inner(config: Any) -> Any:
    """`deserialize` within the custom objects already in force."""
    if isinstance(config, list):
        return [deserialize_inner(c) for c in config]
    if not isinstance(config, Mapping):
        return config
    if not {"class_name", "config"} <= config.keys():
        return {k: deserialize_inner(v) for k, v in config.items()}
    config = own_form(config)
    name, inner = config["class_name"], config["config"]
    if name == "__numpy__":
        return costs.array_of(inner)
    if name == "__tuple__":
        return tuple(deserialize_inner(c) for c in inner)
    if name == "function":
        return function_of(config, lambda known: known)
    cls = class_of(config)
    return cls.from_config(inner or {})


LIBRARY = (
    "activations",
    "applications.inception_resnet_v2",
    "initializers",
    "layers",
    "layers.preprocessing",
    "losses",
    "metrics",
    "models",
    "optimizers",
    *(f"dialects.{name}" for name in ("initializers", "layers", "losses", "normalization")),
    *(f"dialects.{name}" for name in ("optimizers", "regularizers", "theano")),
)
"""Modules whose classes may be named in a config; imported when one is not known yet."""


def classes_named(name: str) -> list[type]:
    """The library's classes of that public name."""
    if name not in known_classes:
        for module in LIBRARY:
            importlib.import_module(f"cornu.{module}")
    return known_classes.get(name, [])


def class_of(form: Mapping[str, Any]) -> Any:
    """The class a config names: the user's own first, then Cornu's, told apart by wire module."""
    name, registered = form["class_name"], form.get("registered_name")
    for wanted in (registered, name):
        found = custom_object(wanted) if wanted else None
        if found is not None:
            return found
    candidates = [] if is_foreign(form) else classes_named(name)
    matching = [c for c in candidates if c.wire_module == form.get("module")] or candidates
    if not matching:
        raise UsageError(
            "E-UNKNOWN-CLASS",
            f'No class "{registered or name}" is known. {suggestion(name, known_classes)}'
            f'Pass custom_objects={{"{name}": {name}}}, or import the module that registers it.',
        )
    return matching[-1]
