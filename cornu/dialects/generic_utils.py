"""`keras.utils.generic_utils`: small functions on lists, functions and names of classes."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cornu.callbacks import Progbar
from cornu.config import deserialize, serialize
from cornu.dialects.backend_state import data_format_of
from cornu.dialects.patches import Patch, Unset
from cornu.errors import UsageError, listed, unknown
from cornu.registry import (
    custom_object,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "check_for_unexpected_keys",
    "custom_object_scope",
    "deserialize_keras_object",
    "display_table",
    "get_custom_objects",
    "get_from_module",
    "get_function_name",
    "get_registered_name",
    "get_registered_object",
    "getargspec",
    "has_arg",
    "is_all_none",
    "make_tuple",
    "object_list_uid",
    "printv",
    "register_keras_serializable",
    "serialize_keras_object",
    "slice_arrays",
    "to_list",
    "transpose_shape",
    "unpack_singleton",
]

CustomObjectScope = custom_object_scope
getargspec = inspect.getfullargspec
serialize_keras_object = serialize

# ---------------------------------------------------------------- names and objects


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object of a config, or what stands under a name in `module_objects`.

    Raises UsageError for an unknown name.
    """
    if isinstance(identifier, str) and module_objects is not None:
        return get_from_module(identifier, {**module_objects, **(custom_objects or {})}, "object")
    if isinstance(identifier, Mapping) and module_objects is not None:
        custom_objects = {**module_objects, **(custom_objects or {})}
    return deserialize(identifier, custom_objects)


def get_from_module(
    identifier: Any,
    module_params: Mapping[str, Any],
    module_name: str,
    instantiate: bool = False,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """What a name means in a dict of them, made if `instantiate`; what is no name stays as it is.

    Raises UsageError for an unknown name.
    """
    if not isinstance(identifier, str):
        return identifier
    found = custom_object(identifier) or module_params.get(identifier)
    if found is None:
        raise unknown(module_name, identifier, module_params)
    return found(**(kwargs or {})) if instantiate or kwargs else found


def get_function_name(o: Any) -> str:
    """A name as it is, and a function's own."""
    return o if isinstance(o, str) else o.__name__


def has_arg(fn: Callable, name: str, accept_all: bool = False) -> bool:
    """Whether a function can be called with this keyword; by `**kwargs` only if `accept_all`."""
    parameters = inspect.signature(fn).parameters
    if accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    found = parameters.get(name)
    return found is not None and found.kind in (found.KEYWORD_ONLY, found.POSITIONAL_OR_KEYWORD)


def check_for_unexpected_keys(
    name: str, input_dict: Mapping[str, Any], expected_values: Iterable[str]
) -> None:
    """Raises UsageError where a dict has other keys than these."""
    more = input_dict.keys() - set(expected_values)
    if more:
        raise UsageError(
            "E-CHOICE",
            f"{name} has unknown keys {listed(map(str, more))}; it has {listed(expected_values)}.",
        )


# ---------------------------------------------------------------- lists


def to_list(x: Any, allow_tuple: bool = False) -> list:
    """A list as it is, a tuple as a list if allowed, anything else as a list of one."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x: Sequence) -> Any:
    """The only entry of a list of one; a longer list as it is."""
    return x[0] if len(x) == 1 else x


def is_all_none(iterable_or_element: Any) -> bool:
    """Whether a value, or each of a list or tuple, is None."""
    return all(each is None for each in to_list(iterable_or_element, allow_tuple=True))


def object_list_uid(object_list: Any) -> str:
    """A text that is the same for the same objects in the same order."""
    return ", ".join(str(id(each)) for each in to_list(object_list, allow_tuple=True))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """Rows from `start` to `stop`, or rows by a list of numbers, of an array or of each of a list.

    None stays None.
    """
    if arrays is None:
        return [None]
    if isinstance(arrays, list):
        return [None if x is None else _rows(x, start, stop) for x in arrays]
    return _rows(arrays, start, stop) if start is not None or stop is not None else [None]


def _rows(x: Any, start: Any, stop: int | None) -> Any:
    by_number = hasattr(start, "__len__")
    if by_number and hasattr(start, "shape"):
        start = start.tolist()  # h5py takes lists of numbers only
    return x[start] if by_number else x[start:stop]


def make_tuple(*args: Any) -> tuple:
    """The arguments."""
    return args


def transpose_shape(
    shape: Sequence, target_format: str, spatial_axes: Sequence[int]
) -> tuple | Sequence:
    """A shape that had its channels last, with `spatial_axes`, in the order of `target_format`."""
    if data_format_of(target_format) == "channels_last":
        return shape
    first = shape[: spatial_axes[0]]
    found = (*first, shape[-1], *(shape[axis] for axis in spatial_axes))
    return type(shape)(found)  # pyright: ignore


# ---------------------------------------------------------------- printing


def printv(v: Any, prefix: str = "") -> None:
    """Print a structure of dicts and lists, one value a line, indented."""
    pairs = v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) else None
    if pairs is None:
        print(f"{prefix}{v}")
        return
    for name, value in pairs:
        if isinstance(value, (dict, list)):
            print(f"{prefix}{name}...")
            printv(value, f"{prefix}...")
        else:
            print(f"{prefix}{name}:{value}")


def display_table(rows: Iterable[Iterable], positions: Sequence[int]) -> None:
    """Print rows of fields, each cut at the position where its column ends."""
    for row in rows:
        line = ""
        for field, end in zip(row, positions, strict=False):
            line = (line + str(field)).ljust(end)[:end]
        print(line)


# ---------------------------------------------------------------- the progress bar


def _update(
    bar: Any,
    current: int,
    values: Any = None,
    force: bool = False,
    finalize: bool | None = None,
) -> None:
    """`Progbar.update`, which up to 2.1 could be made to show itself at once."""
    UPDATE(bar, current, values, finalize)


UPDATE = Progbar.update

PATCHES: Sequence[Patch] = (
    Patch(Progbar, "update", _update),
    Patch(Progbar, "seen_so_far", Unset("seen_so_far", lambda bar: bar._bar.done)),
)
