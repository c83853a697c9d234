"""Layouts against geometry: what lies on what, what passes through what, how long it takes."""

import itertools
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cornu.visualization.layout import lay_out, spread
from cornu.visualization.layout_ranks import Link
from cornu.visualization.text_width import clipped, text_width


def corners(layout, route):
    """The way of an arrow as a line of straight pieces, downwards, right angles in each gap."""
    upper, lower = layout.places[route.upper], layout.places[route.lower]
    points = [(route.pieces[0].x1, upper.y + upper.height)]
    for piece in route.pieces:
        top, height = layout.ranks[piece.rank]
        below = layout.ranks[piece.rank + 1][0]
        y = top + height + piece.share * (below - top - height)
        points += [(piece.x1, top + height), (piece.x1, y), (piece.x2, y), (piece.x2, below)]
    return [*points, (route.pieces[-1].x2, lower.y)]


def crosses(a, b, place):
    """Whether a straight piece along an axis enters a box by more than half a pixel."""
    (x1, y1), (x2, y2) = a, b
    left, right = place.x + 0.5, place.x + place.width - 0.5
    top, bottom = place.y + 0.5, place.y + place.height - 0.5
    return min(x1, x2) < right and max(x1, x2) > left and min(y1, y2) < bottom and max(y1, y2) > top


def check(sizes, links):
    """All that holds for any graph; returns the layout."""
    layout = lay_out(sizes, links)
    for place, (width, height) in zip(layout.places, sizes, strict=True):
        assert (place.width, place.height) == (width, height)
        assert place.x >= -0.01 and place.x + width <= layout.width + 0.01
        assert place.y >= -0.01 and place.y + height <= layout.height + 0.01
    for a, b in itertools.combinations(layout.places, 2):
        apart = (
            a.x + a.width < b.x + 0.01 or b.x + b.width < a.x + 0.01
            or a.y + a.height < b.y or b.y + b.height < a.y
        )  # fmt: skip
        assert apart, "two boxes lie on each other"
    for link, route in zip(links, layout.routes, strict=True):
        assert {route.upper, route.lower} == {link.start, link.end}
        assert route.turned == (link.start > link.end)
        if link.start == link.end:
            assert not route.pieces
            continue
        upper, lower = layout.places[route.upper], layout.places[route.lower]
        assert upper.y + upper.height < lower.y
        points = corners(layout, route)
        assert upper.x <= points[0][0] <= upper.x + upper.width
        assert lower.x <= points[-1][0] <= lower.x + lower.width
        for a, b in itertools.pairwise(points):
            assert not any(crosses(a, b, place) for place in layout.places)
    return layout


graphs = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.floats(20, 300), st.floats(20, 90)), min_size=n, max_size=n),
        st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.integers(0, 1)), max_size=24
        ),
    )
)


@settings(max_examples=80, deadline=None)
@given(graphs)
def test_boxes_lie_apart_and_arrows_pass_no_box(graph):
    sizes, arrows = graph
    check(sizes, [Link(*arrow) for arrow in dict.fromkeys(arrows)])


BOX = (100.0, 40.0)


def cuts(layout):
    """How many pairs of arrows cross each other, seen from the order at both ends of each gap."""
    pieces = {p for route in layout.routes for p in route.pieces}
    return sum(
        (a.x1 - b.x1) * (a.x2 - b.x2) < 0
        for a, b in itertools.combinations(pieces, 2)
        if a.rank == b.rank
    )


def test_a_row_is_straight_and_a_way_around_is_beside_it():
    links = [Link(i, i + 1) for i in range(5)] + [Link(0, 3), Link(1, 4)]
    layout = check([BOX] * 6, links)
    middles = {round(p.x + p.width / 2, 3) for p in layout.places}
    assert len(middles) == 1
    assert all(p.x1 == p.x2 for route in layout.routes[:5] for p in route.pieces)
    assert len({round(p.x1) for route in layout.routes[5:] for p in route.pieces[1:-1]}) == 2


def test_of_two_ways_the_longer_one_is_straight():
    links = [Link(0, 1), Link(0, 2), Link(2, 3), Link(3, 4), Link(1, 5), Link(4, 5)]
    layout = check([BOX] * 6, links)
    middles = [p.x + p.width / 2 for p in layout.places]
    assert [round(middles[i] - middles[0], 3) for i in (2, 3, 4, 5)] == [0, 0, 0, 0]
    assert abs(middles[1] - middles[0]) > 100


def test_what_can_be_drawn_without_crossings_is():
    branches = [Link(0, i) for i in (1, 2, 3, 4)] + [Link(2, 5), Link(3, 6), Link(4, 7)]
    layout = check([BOX] * 9, branches + [Link(i, 8) for i in (1, 5, 6, 7)])
    assert cuts(layout) == 0
    tangled = [Link(0, 3), Link(0, 5), Link(1, 5), Link(1, 4), Link(2, 3)]  # 2, 0, 1 is the order
    assert cuts(check([BOX] * 6, tangled)) == 0


def test_the_least_crossings_of_a_graph_that_has_some():
    both = [Link(a, b) for a in (0, 1, 2) for b in (3, 4, 5)]
    assert cuts(check([BOX] * 6, both)) == 9  # 3 * 2 / 2 squared, of K(3, 3) in two rows


def least(links, upper, lower):
    """The fewest crossings of two rows, found by trying all orders."""
    best = len(links) ** 2
    for one in itertools.permutations(range(upper)):
        for other in itertools.permutations(range(lower)):
            at = dict(enumerate(one)) | {upper + i: place for i, place in enumerate(other)}
            count = sum(
                (at[a.start] - at[b.start]) * (at[a.end] - at[b.end]) < 0
                for a, b in itertools.combinations(links, 2)
            )
            best = min(best, count)
    return best


def test_crossings_are_few_beside_the_best_of_all_orders():
    rng = random.Random(3)
    ours = best = 0
    for _ in range(25):
        pairs = {(rng.randrange(3), 3 + i) for i in range(4)} | {
            (i % 3, 3 + rng.randrange(4)) for i in range(5)
        }
        links = [Link(*pair) for pair in sorted(pairs)]
        ours += cuts(lay_out([BOX] * 7, links))
        best += least(links, 3, 4)
    assert best <= ours <= 1.1 * best and best > 20


def test_ends_of_arrows_at_a_box_lie_apart():
    layout = check([BOX] * 5, [Link(0, 4), Link(1, 4), Link(2, 4), Link(3, 4)])
    ends = sorted(route.pieces[-1].x2 for route in layout.routes)
    assert all(b - a >= 15.9 for a, b in itertools.pairwise(ends))
    wide = check([(400.0, 40.0), *[BOX] * 3], [Link(0, 1), Link(0, 2), Link(0, 3)])
    assert all(p.x1 == p.x2 for route in wide.routes for p in route.pieces)


def test_a_source_stands_right_above_what_reads_it():
    layout = check([BOX] * 4, [Link(0, 1), Link(1, 3), Link(2, 3)])
    assert [p.rank for p in layout.places] == [0, 1, 1, 2]


def test_fixed_ends_are_where_they_are_asked_for():
    layout = lay_out(
        [BOX, (300.0, 40.0)], [Link(0, 1, 0, None, -120.0), Link(0, 1, 0, 10.0, 100.0)]
    )
    upper, lower = layout.places
    first, second = (route.pieces[0] for route in layout.routes)
    assert first.x2 == pytest.approx(lower.x + 150 - 120)
    assert second.x1 == pytest.approx(upper.x + 60) and second.x2 == pytest.approx(lower.x + 250)


def test_first_and_last_stand_at_the_ends():
    links = [Link(0, 2), Link(1, 4), Link(2, 3), Link(3, 4), Link(2, 5), Link(4, 6)]
    layout = lay_out([(0.0, 0.0)] * 2 + [BOX] * 3 + [(0.0, 0.0)] * 2, links, (0, 1), (5, 6))
    assert [p.rank for p in layout.places] == [0, 0, 1, 2, 3, 4, 4]


def test_nothing_and_one():
    assert lay_out([], []).height == 0
    layout = check([BOX], [Link(0, 0)])
    assert layout.width > 100 and layout.height == 40


def test_long_arrows_of_one_output_share_their_way():
    layout = check([BOX] * 6, [Link(i, i + 1) for i in range(5)] + [Link(0, 3), Link(0, 5)])
    one, other = layout.routes[5:]
    assert [p.x1 for p in one.pieces[1:]] == [p.x1 for p in other.pieces[1:3]]


def test_many_boxes_take_little_time():
    links = [Link(i, i + 1) for i in range(499)] + [Link(i, i + 7) for i in range(0, 490, 3)]
    begin = time.process_time()
    layout = lay_out([BOX] * 500, links)
    assert time.process_time() - begin < 3  # of this process alone, however busy the computer is
    assert len({p.rank for p in layout.places}) == 500


def test_too_many_long_arrows_are_refused_with_what_works():
    links = [Link(i, i + 1) for i in range(399)] + [Link(i, 399) for i in range(0, 398)]
    with pytest.raises(ValueError, match=r"400 boxes.*model\.dot.*E-DRAWING-SIZE"):
        lay_out([BOX] * 400, links)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([5.0], [5]),
        ([-3.0, 99.0], [0, 50]),
        ([20.0, 20.0], [15, 25]),
        ([20.0, 20.0, 21.0, 40.0], [10.25, 20.25, 30.25, 40.25]),
        ([30.0, 10.0], [15, 25]),
        ([0.0] * 11, [5 * i for i in range(11)]),
    ],
)
def test_places_apart(wanted, found):
    assert spread(wanted, [1.0] * len(wanted), 10, 0, 50) == pytest.approx(found)


def test_heavy_ones_stay():
    assert spread([20.0, 20.0], [1.0, 1e9], 10, 0, 50) == pytest.approx([10, 20])


def test_widths_of_text_are_those_of_the_font():
    pytest.importorskip("matplotlib")
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    for bold in (False, True):
        weight = "bold" if bold else "normal"
        font = FontProperties(family="DejaVu Sans", weight=weight, size=20)
        for text in ("Conv2D", "block5_conv3 (None, 14, 14, 512)", "@WWW{|}~"):
            drawn = TextPath((0, 0), f"|{text}|", prop=font).get_extents().width
            ends = TextPath((0, 0), "|", prop=font).get_extents().width
            gap = text_width("|", 20, bold) - ends
            assert text_width(f"|{text}|", 20, bold) - gap == pytest.approx(drawn, abs=0.6)
    assert text_width("層", 10) == 10 and text_width("e\u0301", 10) == text_width("e", 10)


def test_long_text_is_cut():
    cut = clipped("a_very_long_name_of_a_layer", 11, 80)
    assert cut.endswith("…") and "a_very" in cut and text_width(cut, 11) <= 80
    assert clipped("short", 11, 80) == "short"
