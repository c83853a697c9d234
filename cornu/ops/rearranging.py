"""`rearrange`: axes split, moved and merged as a pattern of names says."""

import math
import re
from typing import Any

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops.array import as_array

__all__ = ["rearrange"]

Groups = list[list[str]]
"""The names of a side of a pattern: a list for each axis, several names in one bracket."""

TOKEN = re.compile(r"\s*(\(|\)|\.\.\.|[A-Za-z_]\w*|1\b|\S)")


@op
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """`tensor` with its axes split, moved and merged: "b (h h1) w -> b h (w h1)".

    Args:
        tensor: array.
        pattern: names of axes before and after "->". Names in one bracket are one axis, the last
            running fastest; "..." stands for any number of axes, 1 or () for one of size 1.
        axes_lengths: sizes of names, needed for all but one in a bracket on the left.

    Raises:
        UsageError: where the pattern is none, or does not fit the shape.

    Source: Rogozhnikov, Einops, ICLR 2022.
    """
    tensor = as_array(tensor)
    left, right = _sides(pattern, tensor.ndim)
    sizes = _lengths(pattern, left, tuple(tensor.shape), axes_lengths)
    names = [name for group in left for name in group]
    split = tensor.reshape([sizes[name] for name in names])
    moved = engine.np.transpose(split, [names.index(n) for group in right for n in group])
    return moved.reshape([math.prod(sizes[name] for name in group) for group in right])


def _wrong(pattern: str, why: str) -> UsageError:
    return UsageError(
        "E-REARRANGE",
        f'rearrange: {why}, in "{pattern}". A pattern is as in "b h w c -> b (h w) c".',
    )


def _sides(pattern: str, rank: int) -> tuple[Groups, Groups]:
    """Both sides, "..." replaced by names for the axes that it stands for."""
    parts = pattern.split("->")
    if len(parts) != 2:
        raise _wrong(pattern, 'one "->" is needed')
    left, right = (_groups(pattern, part) for part in parts)
    count = rank - sum(group != ["..."] for group in left)
    more = [f"...{i}" for i in range(count)] if ["..."] in left else []
    left, right = (_expanded(side, more) for side in (left, right))
    if len(left) != rank:
        raise _wrong(pattern, f"there are {len(left)} axes on the left for {rank} of the tensor")
    before, after = (sorted(n for group in side for n in group) for side in (left, right))
    if len(set(before)) != len(before) or before != after:
        odd = sorted(set(before) ^ set(after)) or sorted({n for n in before if before.count(n) > 1})
        raise _wrong(pattern, f"each name must stand once on each side; see {', '.join(odd)}")
    return left, right


def _groups(pattern: str, side: str) -> Groups:
    found: Groups = []
    inside: list[str] | None = None
    for token in TOKEN.findall(side):
        if token == "(" and inside is None:
            inside = []
        elif token == ")" and inside is not None:
            found.append(inside)
            inside = None
        elif token == "1":
            if inside is None:
                found.append([])
        elif token == "..." or token.isidentifier():
            if inside is None:
                found.append([token])
            else:
                inside.append(token)
        else:
            raise _wrong(pattern, f'"{token}" cannot stand there')
    if inside is not None:
        raise _wrong(pattern, "a bracket is not closed")
    return found


def _expanded(side: Groups, more: list[str]) -> Groups:
    made: Groups = []
    for group in side:
        if group == ["..."]:
            made += [[name] for name in more]
        else:
            made.append([n for name in group for n in (more if name == "..." else [name])])
    return made


def _lengths(
    pattern: str, left: Groups, shape: tuple[int, ...], given: dict[str, int]
) -> dict[str, int]:
    """The size of every name; one of each bracket follows from the others."""
    names = {name for group in left for name in group}
    strange = sorted(set(given) - names)
    if strange:
        raise _wrong(pattern, f"there is no axis {strange[0]}, whose length was given")
    sizes = dict(given)
    for group, size in zip(left, shape, strict=True):
        open_ = [name for name in group if name not in sizes]
        known = math.prod(sizes[name] for name in group if name in sizes)
        if len(open_) > 1:
            raise _wrong(pattern, f"give the length of {open_[0]} or {open_[1]}")
        if open_ and known and size % known == 0:
            sizes[open_[0]] = size // known
        elif open_ or known != size:
            raise _wrong(pattern, f"({' '.join(group)}) does not fit an axis of size {size}")
    return sizes
