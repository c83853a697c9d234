"""`pad_sequences`: sequences of different lengths as one array."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, UsageTypeError, shown, suggestion, warn

SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array, filled up or cut to one length.

    Args:
        sequences: a list of lists or arrays; their entries have one shape.
        maxlen: the length; that of the longest if None.
        dtype: of the result; `object` for texts of any length.
        padding: whether to fill up at the beginning ("pre") or at the end ("post").
        truncating: whether to cut off at the beginning ("pre") or at the end ("post").
        value: what to fill up with.

    Returns:
        Array of shape (sequences, length, *shape of an entry).

    Raises:
        UsageError, UsageTypeError: for what is no list of sequences, entries of several shapes,
            and a `value` that the dtype cannot hold.

    Example:
        >>> pad_sequences([[1], [2, 3, 4]], maxlen=2)
        array([[0, 1],
               [3, 4]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in SIDES:
            raise UsageError(
                "E-CHOICE",
                f'{name} must be "pre" or "post"; got {shown(side)}. '
                f"{suggestion(str(side), SIDES)}".rstrip(),
            )
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        raise UsageError(
            "E-SEQUENCES",
            f"value={shown(value)} does not fit dtype {kind}. For texts: dtype=object.",
        )
    lengths = _lengths(sequences)
    length = _length(maxlen, lengths)
    first = next((s for s, size in zip(sequences, lengths, strict=True) if size), ())
    shape = np.asarray(first).shape[1:]
    x = np.full((len(lengths), length, *shape), value, kind)
    for place, (row, sequence) in enumerate(zip(x, sequences, strict=True)):
        kept = _entries(sequence, length, kind, truncating, shape, place)
        size = len(kept)
        if size:
            row[(slice(size) if padding == "post" else slice(length - size, None))] = kept
    return x


def _lengths(sequences: Any) -> list[int]:
    if isinstance(sequences, (str, bytes)) or not hasattr(sequences, "__len__"):
        raise UsageTypeError(
            "E-SEQUENCES",
            f"sequences must be a list of sequences; got {shown(sequences)}. For a generator: "
            "pad_sequences(list(sequences)).",
        )
    found = []
    for place, sequence in enumerate(sequences):
        if isinstance(sequence, (str, bytes)) or not hasattr(sequence, "__len__"):
            raise UsageTypeError(
                "E-SEQUENCES",
                f"sequences[{place}] must be a list of numbers; got {shown(sequence)}. One "
                "sequence goes into a list: pad_sequences([sequence]).",
            )
        found.append(len(sequence))
    return found


def _length(maxlen: Any, lengths: Sequence[int]) -> int:
    if maxlen is None:
        return max(lengths, default=0)
    whole = isinstance(maxlen, (int, np.integer)) and not isinstance(maxlen, bool)
    if not whole or maxlen < 1:
        raise UsageError(
            "E-SEQUENCES",
            f"maxlen must be a whole number above 0, or None for the longest; got {shown(maxlen)}.",
        )
    return int(maxlen)


def _entries(
    sequence: Any, length: int, dtype: np.dtype, truncating: str, shape: tuple, place: int
) -> np.ndarray:
    """What is left of a sequence. Raises UsageError where its entries have another shape."""
    if not len(sequence):
        return np.zeros((0, *shape), dtype)
    kept = sequence[-length:] if truncating == "pre" else sequence[:length]
    try:
        given = np.asarray(kept, dtype if dtype.kind in "OUS" else None)
        found = given.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            "E-SEQUENCES", f"sequences[{place}] cannot be made {dtype}: {error}."
        ) from error
    if found.shape[1:] != shape:
        raise UsageError(
            "E-SEQUENCES",
            f"sequences[{place}] has entries of shape {found.shape[1:]}; those before it have "
            f"{shape}.",
        )
    if given.dtype.kind == "f" and dtype.kind in "iu" and (given != found).any():
        warn(
            f"pad_sequences cuts fractions off, as in sequences[{place}]: the dtype is {dtype}. "
            'Keep them by pad_sequences(sequences, dtype="float32").'
        )
    return found
