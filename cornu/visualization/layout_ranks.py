"""Ranks of a drawing, and the order in each: boxes below what they read, few arrows that cross.

An arrow over several ranks is led through lanes, one in each rank between; arrows from one output
share theirs. (Sugiyama, Tagawa and Toda, 1981; the median of Eades and Wormald, 1994)
"""

from bisect import bisect_right, insort
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from cornu.errors import UsageError

SWEEPS, PATIENCE = 24, 8
MOST_LANES = 30_000
SWAPPED = 1500
"""Most boxes and lanes of a drawing whose neighbours are swapped one by one."""


class Link(NamedTuple):
    """An arrow from a box to a box, by number.

    Attributes:
        start, end: the boxes; the same one for an arrow of a box to itself.
        output: which of the outputs it comes from.
        leaves, enters: where along the edges of its boxes, from their middles; None for anywhere.
    """

    start: int
    end: int
    output: int = 0
    leaves: float | None = None
    enters: float | None = None


class Vertex:
    """A box or a lane: its size, rank, place in the rank, and neighbours.

    Attributes:
        above, below: those of the neighbours that it wants to stand below or above.
    """

    __slots__ = (
        "above",
        "after",
        "before",
        "below",
        "box",
        "height",
        "place",
        "rank",
        "width",
        "x",
    )

    def __init__(self, box: int | None, width: float = 0.0, height: float = 0.0, rank: int = 0):
        self.box = box
        self.width = width
        self.height = height
        self.rank = rank
        self.place = 0
        self.x = 0.0
        self.before: list[Vertex] = []
        self.after: list[Vertex] = []
        self.above: list[Vertex] = []
        self.below: list[Vertex] = []


class Ranked(NamedTuple):
    """Vertices by rank, from left to right, and the vertices that each link passes."""

    ranks: list[list[Vertex]]
    boxes: list[Vertex]
    paths: list[list[Vertex]]


def ranked(
    sizes: Sequence[tuple[float, float]],
    links: Sequence[Link],
    first: Collection[int] = (),
    last: Collection[int] = (),
) -> Ranked:
    """Ranks, lanes and order of boxes.

    Args:
        sizes: width and height of each box.
        links: arrows. Those to a box of a smaller number are seen as if they led from it.
        first, last: boxes that stand in the first or last rank.

    Raises:
        UsageError: where the arrows are so long that nobody would see anything.
    """
    pairs = [(min(e.start, e.end), max(e.start, e.end)) for e in links]
    level = _levels(len(sizes), pairs, first, last)
    boxes = [Vertex(i, w, h, level[i]) for i, (w, h) in enumerate(sizes)]
    ranks: list[list[Vertex]] = [[] for _ in range(1 + max(level, default=0))]
    paths = _led(boxes, links, pairs, ranks)
    _begin(boxes, ranks)
    _ordered(ranks)
    return Ranked(ranks, boxes, paths)


def _levels(
    count: int, pairs: Iterable[tuple[int, int]], first: Collection[int], last: Collection[int]
) -> list[int]:
    """The rank of each box: one below the lowest that it reads; sources right above a reader."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in set(pairs):
        if a != b:
            before[b].append(a)
            after[a].append(b)
    level = [0] * count
    for i in range(count):
        lowest = 1 if first and i not in first else 0
        level[i] = max((level[j] + 1 for j in before[i]), default=lowest)
    for i in reversed(range(count)):
        if after[i] and len(before[i]) < len(after[i]) and i not in first:
            level[i] = max(level[i], min(level[j] for j in after[i]) - 1)
    low = max((n for i, n in enumerate(level) if i not in last), default=-1)
    return [low + 1 if i in last else n for i, n in enumerate(level)]


def _led(
    boxes: Sequence[Vertex],
    links: Sequence[Link],
    pairs: Sequence[tuple[int, int]],
    ranks: list[list[Vertex]],
) -> list[list[Vertex]]:
    """Make lanes, join neighbours, and return what each link passes, downwards."""
    lanes: dict[tuple[int, ...], Vertex] = {}  # what it is of, and its rank -> lane
    joined: set[tuple[int, int]] = set()
    paths = []
    for link, (a, b) in zip(links, pairs, strict=True):
        path = [boxes[a]]
        other = -1 if link.start == a else b  # an arrow that leads up is on its own
        for rank in range(boxes[a].rank + 1, boxes[b].rank):
            key = (a, other, link.output, rank)
            if key not in lanes:
                lanes[key] = Vertex(None, rank=rank)
            path.append(lanes[key])
        if len(lanes) > MOST_LANES:
            raise _too_long(len(boxes), len(links))
        if a != b:
            path.append(boxes[b])
        for one, below in zip(path, path[1:], strict=False):
            if (id(one), id(below)) not in joined:
                joined.add((id(one), id(below)))
                one.after.append(below)
                below.before.append(one)
        paths.append(path)
    for vertex in [*boxes, *lanes.values()]:
        ranks[vertex.rank].append(vertex)
    return paths


def _too_long(boxes: int, links: int) -> UsageError:
    return UsageError(
        "E-DRAWING-SIZE",
        f"{boxes:,} boxes with {links:,} arrows, many of them long, give a picture in which nobody "
        'sees anything. plot_model(model, "model.dot") writes the graph for other programs.',
    )


# ---------------------------------------------------------------- the order in each rank


def _begin(boxes: Sequence[Vertex], ranks: list[list[Vertex]]) -> None:
    """The order in which a walk from the first boxes meets them, arguments from left to right."""
    seen: set[int] = set()
    count = 0
    for start in boxes:
        waiting = [] if start.before else [start]
        while waiting:
            vertex = waiting.pop()
            if id(vertex) not in seen:
                seen.add(id(vertex))
                vertex.place = count
                count += 1
                waiting += reversed(vertex.after)
    for rank in ranks:
        rank.sort(key=lambda v: v.place)
        _number(rank)


def _number(rank: Iterable[Vertex]) -> None:
    for place, vertex in enumerate(rank):
        vertex.place = place


def _ordered(ranks: list[list[Vertex]]) -> None:
    """Sweep down and up, and keep the order with the fewest crossings."""
    best, fewest, waited = [list(rank) for rank in ranks], crossings(ranks), 0
    for sweep in range(SWEEPS):
        if not fewest or waited == PATIENCE:
            break
        down = sweep % 2 == 0
        for rank in ranks if down else reversed(ranks):
            _by_neighbours(rank, down, mean=sweep % 8 < 4, turned=sweep % 4 > 1)
        if sum(map(len, ranks)) <= SWAPPED:
            _swap(ranks)
        found = crossings(ranks)
        waited = 0 if found < fewest else waited + 1
        if found < fewest:
            best, fewest = [list(rank) for rank in ranks], found
    for rank, kept in zip(ranks, best, strict=True):
        rank[:] = kept
        _number(rank)


def _by_neighbours(rank: list[Vertex], down: bool, mean: bool, turned: bool) -> None:
    """Sort by the mean or median place of neighbours; who has none stays where it is.

    Those of equal places stay in their order, or are `turned` round: so nothing is stuck for good.
    """
    wanted = {}
    for vertex in rank:
        near = sorted(v.place for v in (vertex.before if down else vertex.after))
        if near:
            wanted[id(vertex)] = sum(near) / len(near) if mean else _median(near)
    every = [v for v in (reversed(rank) if turned else rank) if id(v) in wanted]
    turn = iter(sorted(every, key=lambda v: wanted[id(v)]))
    rank[:] = [next(turn) if id(v) in wanted else v for v in rank]
    _number(rank)


def _median(near: Sequence[int]) -> float:
    middle = len(near) // 2
    return near[middle] if len(near) % 2 else (near[middle - 1] + near[middle]) / 2


def _swap(ranks: Iterable[list[Vertex]]) -> None:
    """Swap neighbours wherever that leaves fewer crossings."""
    for rank in ranks:
        better = True
        while better:
            better = False
            for i, (a, b) in enumerate(zip(rank, rank[1:], strict=False)):
                if a is rank[i] and _between(a, b) > _between(b, a):
                    rank[i], rank[i + 1] = b, a
                    a.place, b.place = b.place, a.place
                    better = True


def _between(a: Vertex, b: Vertex) -> int:
    """Crossings of the arrows of two neighbours, `a` left of `b`."""
    return sum(
        p.place > q.place
        for one, other in ((a.before, b.before), (a.after, b.after))
        for p in one
        for q in other
    )


def crossings(ranks: Iterable[list[Vertex]]) -> int:
    """How many pairs of arrows cross."""
    count = 0
    for rank in ranks:
        ends: list[int] = []
        for vertex in rank:
            places = [v.place for v in vertex.after]
            count += sum(len(ends) - bisect_right(ends, place) for place in places)
            for place in places:
                insort(ends, place)
    return count
