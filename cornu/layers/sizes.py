"""Arguments that hold a number for each space axis, and where channels lie."""

import functools
from collections.abc import Sequence
from typing import Any

from cornu.errors import UsageError, shown

SPACE = {1: ("time",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def pairs(owner: Any, name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """For each space axis a pair (before, after); a number stands for both, a pair for its axis."""
    if rank == 1 and isinstance(value, (list, tuple)) and len(value) == 2:
        value = [value]
    each_axis = value if isinstance(value, (list, tuple)) else (value,) * rank
    if len(each_axis) != rank:
        raise UsageError(
            "E-WINDOW",
            f"{type(owner).__name__}: {name} must be a number, or for each of "
            f"({', '.join(SPACE[rank])}) a number or a pair; got {shown(value)}.",
        )
    return tuple(_pair(owner, name, one) for one in each_axis)


def _pair(owner: Any, name: str, value: Any) -> tuple[int, int]:
    two = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    numbers = [v for v in two if hasattr(v, "__index__") and not isinstance(v, bool) and v >= 0]
    if len(two) != 2 or len(numbers) != 2:
        raise UsageError(
            "E-WINDOW",
            f"{type(owner).__name__}: {name} must be made of whole numbers >= 0; "
            f"got {shown(value)}.",
        )
    return int(two[0]), int(two[1])


def layout(rank: int, data_format: str, channels: str = "channels") -> str:
    """The axes in words: "(batch, height, width, channels)"."""
    space = SPACE[rank]
    axes = (channels, *space) if data_format == "channels_first" else (*space, channels)
    return f"(batch, {', '.join(axes)})"


def space_axes(rank: int, data_format: str) -> tuple[int, ...]:
    """The axes of height, width …."""
    first = 2 if data_format == "channels_first" else 1
    return tuple(range(first, first + rank))


def channel_axis(data_format: str) -> int:
    """The axis of channels: 1 or -1."""
    return 1 if data_format == "channels_first" else -1


def missing_channels(rank: int, data_format: str) -> Any:
    """The hint for inputs that lack exactly the axis of channels; nothing for others."""
    return functools.partial(_missing_channels, rank, data_format == "channels_first")


def _missing_channels(rank: int, first: bool, shape: Sequence[int | None]) -> str:
    if len(shape) != rank + 1:
        return ""
    sample = tuple(shape[1:])
    full = (1, *sample) if first else (*sample, 1)
    view = "x[:, None]" if first else "x[..., None]"
    return f"{'Grayscale' if rank == 2 else 'One channel'}? Use Input({full}) and {view}."


def check_window(owner: Any, window: Sequence[int], shape: Sequence[int], data_format: str) -> None:
    """Raise UsageError where a window without padding is larger than the space axes of `shape`."""
    rank = len(window)
    space = tuple(shape[axis] for axis in space_axes(rank, data_format))
    small = [(k, n) for k, n in zip(window, space, strict=True) if k > n]
    if small:
        most = min(n for _, n in small)
        raise UsageError(
            "E-WINDOW",
            f'{type(owner).__name__} "{owner.name}": a window of {tuple(window)} does not fit into '
            f'({", ".join(SPACE[rank])}) = {space}. Use padding="same" or a window <= {most}.',
        )
