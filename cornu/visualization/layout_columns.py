"""Where the boxes and lanes of ranks stand from left to right, so that long arrows are straight.

Every vertex is put below the median of its neighbours where that crosses nothing, in four ways
(from above and from below, to the left and to the right); the mean of the middle two is taken.
(Brandes and Köpf, Fast and Simple Horizontal Coordinate Assignment, 2001)
"""

from collections.abc import Iterable, Sequence

from cornu.visualization.layout_ranks import Vertex

GAP, LANE_GAP = 26.0, 16.0
"""Between two boxes, and beside a lane."""

Pairs = set[tuple[int, int]]


def settle(ranks: Sequence[Sequence[Vertex]]) -> None:
    """Give every vertex its `x`, the middle of it; the smallest left edge is 0."""
    crossed = _crossed(ranks)
    _prefer(ranks)
    found = []
    for down in (True, False):
        for left in (True, False):
            rows = [rank if left else rank[::-1] for rank in (ranks if down else ranks[::-1])]
            found.append(_packed(rows, _blocks(rows, down, crossed), left))
    _align(found, [v for rank in ranks for v in rank])
    for rank in ranks:
        for vertex in rank:
            places = sorted(one[id(vertex)] for one in found)
            vertex.x = (places[1] + places[2]) / 2
    low = min((v.x - v.width / 2 for rank in ranks for v in rank), default=0.0)
    for rank in ranks:
        for vertex in rank:
            vertex.x -= low


def _crossed(ranks: Sequence[Sequence[Vertex]]) -> Pairs:
    """Arrows that cross a piece between two lanes: those do not get straight."""
    pairs: Pairs = set()
    for upper, rank in zip(ranks, ranks[1:], strict=False):
        left, begin = -1, 0
        for i, vertex in enumerate(rank):
            above = next((v for v in vertex.before if v.box is None), None)
            inner = above is not None and vertex.box is None
            if not inner and i < len(rank) - 1:
                continue
            right = above.place if inner and above is not None else len(upper)
            for other in rank[begin : i + 1]:
                for one in other.before:
                    lanes = one.box is None and other.box is None
                    if (one.place < left or one.place > right) and not lanes:
                        pairs.add((id(one), id(other)))
            begin, left = i + 1, right
    return pairs


def _blocks(rows: Sequence[Sequence[Vertex]], down: bool, crossed: Pairs) -> dict[int, int]:
    """For every vertex the first one of the column that it belongs to."""
    root = {id(v): id(v) for row in rows for v in row}
    taken: set[int] = set()  # who has a vertex below already
    for upper, row in zip(rows, rows[1:], strict=False):
        place = {id(v): i for i, v in enumerate(upper)}
        free = 0  # the first place that the next one may stand below
        for vertex in row:
            near = sorted(vertex.above if down else vertex.below, key=lambda v: place[id(v)])
            middle = len(near) // 2
            chosen = near[middle : middle + 1] if len(near) % 2 else near[max(middle - 1, 0) :][:2]
            for one in chosen:
                pair = (id(one), id(vertex)) if down else (id(vertex), id(one))
                wanted = vertex in (one.below if down else one.above) and pair not in crossed
                if wanted and place[id(one)] >= free and id(one) not in taken:
                    root[id(vertex)] = root[id(one)]
                    taken.add(id(one))
                    free = place[id(one)] + 1
                    break
    return root


def _prefer(ranks: Sequence[Sequence[Vertex]]) -> None:
    """Note beside whom each vertex wants to stand, above and below.

    Lanes do not count where there are boxes. Of two boxes the one counts on whose side the way of
    boxes is longer: so a network's main way is straight, and its short cuts lie beside it.
    """
    for down in (True, False):
        length: dict[int, int] = {}  # of the longest way of boxes, from the first or last rank
        for rank in ranks if down else reversed(ranks):
            for vertex in rank:
                near = vertex.before if down else vertex.after
                boxes = [v for v in near if v.box is not None]
                if len(boxes) == 2 and length[id(boxes[0])] != length[id(boxes[1])]:
                    boxes = [max(boxes, key=lambda v: length[id(v)])]
                longest = max((length[id(v)] for v in near), default=0)
                length[id(vertex)] = longest + (vertex.box is not None)
                if down:
                    vertex.above = boxes or near
                else:
                    vertex.below = boxes or near


def distance(one: Vertex, other: Vertex) -> float:
    """How far the middles of neighbours are at least from each other."""
    gap = LANE_GAP if one.box is None or other.box is None else GAP
    return (one.width + other.width) / 2 + gap


def _packed(rows: Sequence[Sequence[Vertex]], root: dict[int, int], left: bool) -> dict[int, float]:
    """Push the columns together; `id` of a vertex -> its x."""
    behind: dict[int, dict[int, float]] = {one: {} for one in dict.fromkeys(root.values())}
    ahead: dict[int, dict[int, float]] = {one: {} for one in behind}
    for row in rows:
        for one, other in zip(row, row[1:], strict=False):
            a, b, far = root[id(one)], root[id(other)], distance(one, other)
            behind[b][a] = ahead[a][b] = max(far, behind[b].get(a, 0.0))
    order = _sorted(behind, ahead)
    at: dict[int, float] = {}
    for one in order:
        at[one] = max((at[a] + far for a, far in behind[one].items()), default=0.0)
    for one in reversed(order):  # what nothing holds comes up to its neighbours
        if ahead[one]:
            at[one] = max(at[one], min(at[b] - far for b, far in ahead[one].items()))
    sign = 1 if left else -1
    return {vertex: sign * at[one] for vertex, one in root.items()}


def _sorted(behind: dict[int, dict[int, float]], ahead: dict[int, dict[int, float]]) -> list[int]:
    """Columns, each after those on its left."""
    waits = {one: len(others) for one, others in behind.items()}
    order = [one for one, count in waits.items() if not count]
    for one in order:
        for other in ahead[one]:
            waits[other] -= 1
            if not waits[other]:
                order.append(other)
    return order


def _align(found: Sequence[dict[int, float]], vertices: Iterable[Vertex]) -> None:
    """Shift the four so that they share an edge with the narrowest."""
    half = {id(v): v.width / 2 for v in vertices}
    spans = [
        (min(x - half[v] for v, x in one.items()), max(x + half[v] for v, x in one.items()))
        for one in found
    ]
    low, high = min(spans, key=lambda span: span[1] - span[0])
    for i, (one, (begin, end)) in enumerate(zip(found, spans, strict=True)):
        shift = low - begin if i % 2 == 0 else high - end
        for vertex in one:
            one[vertex] += shift
