"""Nested structures: walking order, rebuilding, and what is said where two of them differ."""

from collections import OrderedDict, namedtuple

import pytest

from cornu import tree

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
