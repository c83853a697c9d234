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
