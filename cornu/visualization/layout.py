"""Places for the boxes of a graph, and ways for its arrows that pass no box, from top to bottom.

This knows numbers only: sizes of boxes and who reads whom. What is in a box, and how it looks, is
said elsewhere (`sketch.py`, `model_svg.py`); a drawing in another direction is the same one turned.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from cornu.visualization.layout_columns import settle
from cornu.visualization.layout_ranks import Link, Ranked, Vertex, ranked

DROP, TRACK = 30.0, 8.0
"""Between two ranks, and more for each arrow beside another one that leads sideways there."""

LOOP = 20.0
"""Beside a box that reads itself."""

INSET, PORT_GAP = 14.0, 16.0
"""How far arrows stay from the corners of a box, and from each other where they meet it."""

STRAIGHT, STIFF = 0.5, 1e6
"""How far from straight is straight; how much more straight arrows keep their places."""

MOST_TRACKS = 12


class Place(NamedTuple):
    """Where a box is: left, top, width, height, and its rank."""

    x: float
    y: float
    width: float
    height: float
    rank: int


class Piece(NamedTuple):
    """A part of an arrow, from the bottom of a rank to the top of the next.

    Attributes:
        rank: the upper one.
        x1, x2: where it leaves and where it arrives.
        share: at which part of the way (0 to 1) it leads sideways.
    """

    rank: int
    x1: float
    x2: float
    share: float


class Route(NamedTuple):
    """The way of an arrow: its pieces downwards; none for a box that reads itself.

    Attributes:
        upper, lower: numbers of the boxes at its ends.
        turned: whether it leads up.
    """

    upper: int
    lower: int
    pieces: tuple[Piece, ...]
    turned: bool


class Layout(NamedTuple):
    """Places and routes, and tops and heights of the ranks."""

    width: float
    height: float
    ranks: list[tuple[float, float]]
    places: list[Place]
    routes: list[Route]


def lay_out(
    sizes: Sequence[tuple[float, float]],
    links: Sequence[Link],
    first: Collection[int] = (),
    last: Collection[int] = (),
) -> Layout:
    """Places for boxes, each below those that it reads, and routes in the order of `links`.

    Args:
        sizes: width and height of each box, numbered so that most arrows lead to larger numbers.
        links: the arrows.
        first, last: boxes that stand in the first or the last rank.

    Raises:
        UsageError: for a graph of so many long arrows that nobody would see anything.
    """
    if not sizes:
        return Layout(0.0, 0.0, [], [], [])
    loops = {link.start for link in links if link.start == link.end}
    roomy = [(w + 2 * LOOP * (i in loops), h) for i, (w, h) in enumerate(sizes)]
    found = ranked(roomy, links, first, last)
    settle(found.ranks)
    for i in loops:
        found.boxes[i].width = sizes[i][0]
    ends = _ends(found, links)
    ways = [_way(path, link) for path, link in zip(found.paths, links, strict=True)]
    shares, tracks = _tracks(ends, [key for way in ways for key in way])
    bands = _bands(found.ranks, tracks)
    width = max(v.x + v.width / 2 + LOOP * (v.box in loops) for r in found.ranks for v in r)
    routes = [
        Route(
            min(link.start, link.end),
            max(link.start, link.end),
            tuple(Piece(key.rank, *ends[key], shares[key]) for key in way),
            link.start > link.end,
        )
        for way, link in zip(ways, links, strict=True)
    ]
    top, height = bands[-1]
    places = [_place(v, bands) for v in found.boxes]
    return Layout(width, top + height, bands, places, routes)


def _place(vertex: Vertex, bands: Sequence[tuple[float, float]]) -> Place:
    top, height = bands[vertex.rank]
    y = top + (height - vertex.height) / 2
    return Place(vertex.x - vertex.width / 2, y, vertex.width, vertex.height, vertex.rank)


def _bands(ranks: Sequence[Sequence[Vertex]], tracks: dict[int, int]) -> list[tuple[float, float]]:
    """Top and height of each rank."""
    bands, top = [], 0.0
    for number, rank in enumerate(ranks):
        height = max((v.height for v in rank), default=0.0)
        bands.append((top, height))
        top += height + DROP + TRACK * min(max(tracks[number] - 1, 0), MOST_TRACKS)
    return bands


# ---------------------------------------------------------------- where arrows meet boxes


class Key(NamedTuple):
    """A piece by its ends, and where on them it must begin and arrive, if that is said."""

    rank: int
    upper: int
    lower: int
    leaves: float | None
    enters: float | None
    turned: bool


def _way(path: Sequence[Vertex], link: Link) -> list[Key]:
    """The pieces of a link, downwards."""
    turned = link.start > link.end
    out, into = (link.enters, link.leaves) if turned else (link.leaves, link.enters)
    return [
        Key(
            one.rank,
            id(one),
            id(other),
            None if one.box is None else out,
            None if other.box is None else into,
            turned,
        )
        for one, other in zip(path, path[1:], strict=False)
    ]


def _ends(found: Ranked, links: Sequence[Link]) -> dict[Key, tuple[float, float]]:
    """Where every piece begins and arrives: straight where it can be, and never on another."""
    vertices = {id(v): v for rank in found.ranks for v in rank}
    every = [_way(path, link) for path, link in zip(found.paths, links, strict=True)]
    wished = {key: _wished(key, vertices) for way in every for key in way}
    straight = {key for key, (leaves, enters) in wished.items() if leaves == enters}
    outs = {key: leaves for key, (leaves, _) in wished.items()}
    ins = {key: enters for key, (_, enters) in wished.items()}
    begins = _spread_all(outs, straight, vertices, upper=True)
    arrives = _spread_all(ins | {key: begins[key] for key in straight}, straight, vertices, False)
    begins = _spread_all(outs | {key: arrives[key] for key in straight}, straight, vertices, True)
    return {key: (begins[key], arrives[key]) for key in wished}


def _range(vertex: Vertex) -> tuple[float, float]:
    half = max(vertex.width / 2 - INSET, 0.0)
    return vertex.x - half, vertex.x + half


def _wished(key: Key, vertices: dict[int, Vertex]) -> tuple[float, float]:
    """Where a piece would begin and arrive if it were alone."""
    upper, lower = vertices[key.upper], vertices[key.lower]
    (low, high), (left, right) = _range(upper), _range(lower)
    if key.leaves is not None:
        low = high = upper.x + key.leaves
    if key.enters is not None:
        left = right = lower.x + key.enters
    begin, end = max(low, left), min(high, right)
    if begin <= end:
        middle = min(max((upper.x + lower.x) / 2, begin), end)
        return middle, middle
    near = (low + high) / 2 + (high - low) / 4 * (1 if left > high else -1)
    far = (left + right) / 2 - (right - left) / 4 * (1 if left > high else -1)
    return near, far


def _spread_all(
    wished: Mapping[Key, float],
    straight: Collection[Key],
    vertices: dict[int, Vertex],
    upper: bool,
) -> dict[Key, float]:
    """The wished places at upper or lower ends, where no two arrows meet a box in one point."""
    found = {}
    by_vertex: dict[int, list[tuple[float, float, bool, Key]]] = defaultdict(list)
    for key, wish in wished.items():
        here, there = (key.upper, key.lower) if upper else (key.lower, key.upper)
        at = key.leaves if upper else key.enters
        if at is None:
            by_vertex[here].append((vertices[there].x, wish, key.turned, key))
        else:
            found[key] = vertices[here].x + at
    for number, some in by_vertex.items():
        some.sort(key=lambda one: one[:3])
        weights = [STIFF if key in straight else 1.0 for *_, key in some]
        bounds = _range(vertices[number])
        places = spread([wish for _, wish, *_ in some], weights, PORT_GAP, *bounds)
        found.update({key: x for (*_, key), x in zip(some, places, strict=True)})
    return found


def spread(
    wanted: Sequence[float], weights: Sequence[float], gap: float, low: float, high: float
) -> list[float]:
    """Rising numbers as near to the wanted ones as `gap` between them and the bounds let them.

    Where they do not fit they are nearer to each other.
    """
    last = len(wanted) - 1
    if last > 0:
        gap = min(gap, (high - low) / last)
    runs: list[tuple[float, float, int]] = []  # (mean of what they want, weight, how many)
    for i, (want, weight) in enumerate(zip(wanted, weights, strict=True)):
        mean, count = want - i * gap, 1
        while runs and runs[-1][0] > mean:
            before, heavy, many = runs.pop()
            mean = (mean * weight + before * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + many
        runs.append((mean, weight, count))
    firsts = [min(max(m, low), high - last * gap) for m, _, count in runs for _ in range(count)]
    return [x + i * gap for i, x in enumerate(firsts)]


# ---------------------------------------------------------------- ways between two ranks


def _tracks(
    ends: dict[Key, tuple[float, float]], keys: Iterable[Key]
) -> tuple[dict[Key, float], dict[int, int]]:
    """At which part of its way each piece leads sideways; how many such tracks a gap has."""
    by_gap: dict[int, list[Key]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        by_gap[key.rank].append(key)
    shares: dict[Key, float] = {}
    tracks: dict[int, int] = defaultdict(int)
    for rank, some in by_gap.items():
        levels = _levels([ends[key] for key in some])
        tracks[rank] = 1 + max(levels)
        for key, level in zip(some, levels, strict=True):
            shares[key] = (level + 1) / (tracks[rank] + 1)
    return shares, tracks


def _levels(ends: Sequence[tuple[float, float]]) -> list[int]:
    """A track for each piece: pieces that would lie on each other have different ones.

    Of pieces to the right the rightmost one turns first, of those to the left the leftmost one, so
    that none crosses what it need not.
    """
    levels = [0] * len(ends)
    sideways = [i for i, (a, b) in enumerate(ends) if abs(a - b) > STRAIGHT]
    rightward = sorted((i for i in sideways if ends[i][1] > ends[i][0]), key=lambda i: -ends[i][0])
    leftward = sorted((i for i in sideways if ends[i][1] < ends[i][0]), key=lambda i: ends[i][0])
    done: list[int] = []
    for i in [*rightward, *leftward]:
        low, high = sorted(ends[i])
        near = [j for j in done if min(ends[j]) < high + 4 and max(ends[j]) > low - 4]
        same = [levels[j] for j in near if ends[j][0] == ends[i][0]]
        levels[i] = same[0] if same else 1 + max((levels[j] for j in near), default=-1)
        done.append(i)
    return levels
