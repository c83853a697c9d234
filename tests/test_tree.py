"""Nested structures: walking order, rebuilding, and what is said where two of them differ."""

from collections import OrderedDict, namedtuple

import pytest

from cornu import tree
from cornu.errors import UsageError

Pair = namedtuple("Pair", "left right")
NESTED = {"b": [1, (2, None)], "a": Pair(3, {"z": 4})}


def test_leaves_come_in_sorted_key_order_and_none_is_one():
    assert tree.leaves(NESTED) == [3, 4, 1, 2, None]
    assert tree.leaves(7) == [7]
    assert tree.leaves([]) == tree.leaves({}) == tree.leaves([[], ()]) == []


@pytest.mark.parametrize("leaf", ["text", b"bytes", 1.5, None, {1, 2}, range(3)])
def test_anything_else_is_a_leaf(leaf):
    assert not tree.is_nested(leaf)
    assert tree.leaves(leaf) == [leaf]


def test_map_structure_keeps_types_and_key_order():
    doubled = tree.map_structure(lambda x: x if x is None else 2 * x, NESTED)
    assert doubled == {"b": [2, (4, None)], "a": Pair(6, {"z": 8})}
    assert list(doubled) == ["b", "a"]
    assert type(doubled["a"]) is Pair and type(doubled["b"][1]) is tuple
    assert tree.map_structure(abs, OrderedDict(q=-1)) == {"q": 1}


def test_map_structure_over_several_meets_equal_keys():
    found = tree.map_structure(lambda a, b: (a, b), {"x": 1, "y": 2}, {"y": 20, "x": 10})
    assert found == {"x": (1, 10), "y": (2, 20)}


@pytest.mark.parametrize(
    ("one", "other"),
    [([1, 2], [1]), ([1, 2], 3), ({"a": 1}, {"a": 1, "b": 2}), ([[1]], [1])],
)
def test_structures_that_differ_are_shown_without_values(one, other):
    with pytest.raises(ValueError, match="E-STRUCTURE") as caught:
        tree.map_structure(lambda a, b: a, one, other)
    assert "." in str(caught.value)


def test_dicts_with_different_keys_differ():
    with pytest.raises(ValueError, match="E-STRUCTURE"):
        tree.map_structure(lambda a, b: a, {"a": 1}, {"b": 1})


def test_fill_is_the_inverse_of_leaves():
    assert tree.fill(NESTED, tree.leaves(NESTED)) == NESTED
    assert tree.fill([0, (0, 0)], ["a", "b", "c"]) == ["a", ("b", "c")]


def test_paths_lead_to_the_leaves():
    def follow(path):
        found = NESTED
        for step in path:
            found = found[step]
        return found

    assert [follow(path) for path in tree.paths(NESTED)] == tree.leaves(NESTED)
    assert tree.paths(5) == [()]


def test_keys_that_cannot_be_compared_have_an_order_all_the_same():
    mixed = {2: "two", "b": "letter", 1: "one"}
    assert tree.leaves(mixed) == ["one", "two", "letter"]
    assert tree.map_structure(str.upper, mixed) == {2: "TWO", "b": "LETTER", 1: "ONE"}


def test_describe_shows_no_values():
    assert tree.describe({"a": 1, "b": (2, [3])}) == '{"a": ., "b": (., [.])}'


# ---------------------------------------------------------------- keras.tree


def test_paths_and_leaves():
    assert tree.flatten_with_path({"b": [1, 2], "a": (3,)}) == [
        (("a", 0), 3),
        (("b", 0), 1),
        (("b", 1), 2),
    ]
    assert tree.flatten_with_path(1) == [((), 1)]
    assert tree.flatten(NESTED) == [3, 4, 1, 2, None]


def test_pack_is_the_inverse_of_flatten():
    assert tree.pack_sequence_as(NESTED, tree.flatten(NESTED)) == NESTED
    with pytest.raises(UsageError, match="5 leaves; 2 values"):
        tree.pack_sequence_as(NESTED, [1, 2])


def test_map_up_to_a_shallow_structure():
    found = tree.map_structure_up_to([0, 0], lambda a, b: (a, b), [[1, 2], 3], ["x", {"y": 1}])
    assert found == [([1, 2], "x"), (3, {"y": 1})]
    with pytest.raises(UsageError, match="differ"):
        tree.map_structure_up_to([0, 0], abs, [1])


def test_shapes_are_leaves():
    assert tree.map_shape_structure(len, {"a": (None, 3), "b": [(1,), (1, 2, 3)]}) == {
        "a": 2,
        "b": [1, 3],
    }


def test_assertions_about_structures():
    tree.assert_same_structure([1, {"a": (2,)}], ["x", {"a": (None,)}])
    tree.assert_same_paths([1, (2,)], (3, [4]))
    for one, other in (([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ([1], 1)):
        with pytest.raises(UsageError, match="differ"):
            tree.assert_same_structure(one, other)
    with pytest.raises(UsageError, match="paths"):
        tree.assert_same_paths([1], [1, 2])
    assert tree.lists_to_tuples([1, {"a": [2, (3, [4])]}]) == (1, {"a": (2, (3, (4,)))})


def test_traverse_visits_every_part_in_order():
    given = [(1, 2), [3], {"a": 4}]
    down, up = [], []
    assert tree.traverse(down.append, given) == given
    assert down == [given, (1, 2), 1, 2, [3], 3, {"a": 4}, 4]
    assert tree.traverse(up.append, given, top_down=False) == given
    assert up == [1, 2, (1, 2), 3, [3], 4, {"a": 4}, given]


def test_traverse_replaces_parts():
    def no_tuples(x):
        return tree.MAP_TO_NONE if isinstance(x, tuple) else None

    assert tree.traverse(no_tuples, [(1, 2), [3]]) == [None, [3]]
    assert tree.traverse(lambda x: 10 * x if isinstance(x, int) else None, [1, (2,)]) == [10, (20,)]
