"""Nested structures of values: lists, tuples, named tuples and dicts, with anything else a leaf.

Dicts are walked in sorted key order (as Keras 3 and JAX walk them) and None is a leaf, so that an
optional value keeps its place. Nothing here knows arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cornu.errors import UsageError


def is_nested(tree: Any) -> bool:
    """Whether `tree` is a list, tuple or mapping, and not a leaf."""
    return isinstance(tree, (list, tuple, Mapping))


def _keys(tree: Mapping) -> list:
    try:
        return sorted(tree)
    except TypeError:
        return sorted(tree, key=lambda key: (type(key).__name__, str(key)))


def _rebuild(like: Any, children: list) -> Any:
    if isinstance(like, Mapping):
        made = dict(zip(_keys(like), children, strict=True))
        return {key: made[key] for key in like}
    if hasattr(like, "_fields"):
        return type(like)(*children)
    return list(children) if isinstance(like, list) else tuple(children)


def children(tree: Any) -> list:
    """The direct children of a nested structure, in walking order."""
    return [tree[key] for key in _keys(tree)] if isinstance(tree, Mapping) else list(tree)


def leaves(tree: Any) -> list:
    """All leaves, left to right."""
    if not is_nested(tree):
        return [tree]
    return [leaf for child in children(tree) for leaf in leaves(child)]


def map_structure(fn: Callable, tree: Any, *others: Any) -> Any:
    """`fn` over the leaves of `tree` (and of `others`, which must have the same structure).

    Raises `UsageError` where structures differ.
    """
    if not is_nested(tree):
        return fn(tree, *others)
    parts = [children(tree)]
    for other in others:
        if _shape(other) != _shape(tree):
            raise UsageError(
                "E-STRUCTURE",
                f"two nested structures differ: {describe(tree)} against {describe(other)}.",
            )
        parts.append(children(other))
    return _rebuild(tree, [map_structure(fn, *row) for row in zip(*parts, strict=True)])


def _shape(tree: Any) -> Any:
    """What two structures of one level must have in common: the length, and keys where any."""
    if isinstance(tree, Mapping):
        return set(tree)
    return len(tree) if is_nested(tree) else None


def fill(like: Any, values: list) -> Any:
    """The structure of `like` with its leaves replaced by `values`, left to right."""
    feed = iter(values)
    return map_structure(lambda _: next(feed), like)


def paths(tree: Any, prefix: tuple = ()) -> list[tuple]:
    """For every leaf the keys and indices that lead to it."""
    if not is_nested(tree):
        return [prefix]
    keys = _keys(tree) if isinstance(tree, Mapping) else range(len(tree))
    return [path for key in keys for path in paths(tree[key], (*prefix, key))]


def describe(tree: Any) -> str:
    """The structure in words without values: `{"a": ., "b": (., .)}`."""
    if not is_nested(tree):
        return "."
    if isinstance(tree, Mapping):
        return "{" + ", ".join(f'"{k}": {describe(tree[k])}' for k in _keys(tree)) + "}"
    inside = ", ".join(describe(child) for child in tree)
    return f"[{inside}]" if isinstance(tree, list) else f"({inside})"


# ---------------------------------------------------------------- under the names of `keras.tree`


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in a subtree's place."""


flatten = leaves


def flatten_with_path(structure: Any) -> list[tuple[tuple, Any]]:
    """For every leaf (path, leaf), the path a tuple of keys and indices."""
    return list(zip(paths(structure), leaves(structure), strict=True))


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The structure of `structure` with the values of `flat_sequence` for leaves.

    Raises UsageError where there are more or fewer values than leaves.
    """
    values, wanted = list(flat_sequence), len(leaves(structure))
    if len(values) != wanted:
        raise UsageError(
            "E-STRUCTURE",
            f"{describe(structure)} has {wanted} leaves; {len(values)} values were given.",
        )
    return fill(structure, values)


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any) -> Any:
    """`func` over what `structures` hold where `shallow_structure` has its leaves.

    Raises UsageError where one of them does not have that structure at its top.
    """
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        if _shape(other) != _shape(shallow_structure):
            raise UsageError(
                "E-STRUCTURE",
                f"two nested structures differ: {describe(shallow_structure)} against "
                f"{describe(other)}.",
            )
    rows = zip(children(shallow_structure), *map(children, structures), strict=True)
    return _rebuild(
        shallow_structure, [map_structure_up_to(one, func, *others) for one, *others in rows]
    )


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """`func` over shapes: lists and tuples of whole numbers and None are leaves."""
    if not is_nested(structure) or _is_shape(structure):
        return func(structure)
    return _rebuild(structure, [map_shape_structure(func, one) for one in children(structure)])


def _is_shape(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and all(d is None or hasattr(d, "__index__") for d in x)


def assert_same_structure(a: Any, b: Any) -> None:
    """Raise UsageError where two structures differ, in kind of container too."""
    same_kind = type(a) is type(b) or (isinstance(a, Mapping) and isinstance(b, Mapping))
    if is_nested(a) != is_nested(b) or (
        is_nested(a) and not (same_kind and _shape(a) == _shape(b))
    ):
        raise UsageError(
            "E-STRUCTURE", f"two nested structures differ: {describe(a)} against {describe(b)}."
        )
    if is_nested(a):
        for one, other in zip(children(a), children(b), strict=True):
            assert_same_structure(one, other)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise UsageError where the leaves of two structures have other paths; kinds may differ."""
    if set(paths(a)) != set(paths(b)):
        raise UsageError(
            "E-STRUCTURE", f"the paths of two structures differ: {paths(a)} against {paths(b)}."
        )


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples for its lists."""
    if not is_nested(structure):
        return structure
    made = [lists_to_tuples(one) for one in children(structure)]
    return tuple(made) if isinstance(structure, list) else _rebuild(structure, made)


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """`func` on every part of a structure, and what it returns in the part's place.

    Where it returns None the part stays (and top-down its own parts are visited);
    `MAP_TO_NONE` stands for None.
    """
    if top_down:
        found = func(structure)
        if found is not None:
            return None if found is MAP_TO_NONE else found
    if is_nested(structure):
        structure = _rebuild(structure, [traverse(func, x, top_down) for x in children(structure)])
    if top_down:
        return structure
    found = func(structure)
    return structure if found is None else None if found is MAP_TO_NONE else found
