"""Rows of connectionist temporal classification: float64 NumPy over each and every path."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np

from contracts.ops_table import Row, between, ints


def _probabilities(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@functools.cache
def _spelt(classes: int, time: int, blank: int) -> tuple[np.ndarray, list[tuple]]:
    """Every path, and the labels that it makes."""
    paths = list(itertools.product(range(classes), repeat=time))
    merged = [[c for c, _ in itertools.groupby(path)] for path in paths]
    labels = [tuple(c for c in path if c != blank) for path in merged]
    return np.array(paths, int).reshape(len(paths), time), labels


def _paths(x: np.ndarray, blank: int) -> Iterator[tuple[tuple, float]]:
    """The labels and the probability of each path through one row of logits (time, classes)."""
    paths, labels = _spelt(x.shape[1], len(x), blank)
    chosen = _probabilities(x)[np.arange(len(x)), paths]  # (paths, time)
    return zip(labels, chosen.prod(1).tolist(), strict=True)


def over_all_paths(target, output, target_length, output_length, mask_index=0):
    """The loss by its definition."""
    blank, found = mask_index % output.shape[-1], []
    for y, x, labels, time in zip(target, output, target_length, output_length, strict=True):
        wanted = tuple(y[:labels].tolist())
        total = sum(p for spelt, p in _paths(x[:time], blank) if spelt == wanted)
        found.append(np.inf if total == 0 else -np.log(total))
    return np.array(found)


def _padded(labels: list, time: int) -> list:
    return [*labels, *[-1] * (time - len(labels))]


def _greedy(inputs, sequence_lengths, merge_repeated=True, mask_index=0):
    time, labels, scores = inputs.shape[1], [], []
    for x, length in zip(inputs, sequence_lengths, strict=True):
        best = x[:length].argmax(-1).tolist()
        best = [c for c, _ in itertools.groupby(best)] if merge_repeated else best
        labels.append(_padded([c for c in best if c != mask_index], time))
        scores.append([-x[:length].max(-1).sum()])
    return np.array([labels]), np.array(scores)


def _best(inputs, sequence_lengths, strategy, top_paths=1, beam_width=100, mask_index=0):
    """What a search finds that drops nothing."""
    time, labels, scores = inputs.shape[1], [], []
    for x, length in zip(inputs, sequence_lengths, strict=True):
        total: dict[tuple, float] = {}
        for spelt, p in _paths(x[:length], mask_index):
            total[spelt] = total.get(spelt, 0) + p
        best = sorted(total, key=lambda spelt: -total[spelt])[:top_paths]
        scores.append([np.log(total[s]) for s in best] + [-np.inf] * (top_paths - len(best)))
        labels.append([_padded(list(s), time) for s in best])
        labels[-1] += [_padded([], time)] * (top_paths - len(best))
    return np.swapaxes(np.array(labels), 0, 1), np.array(scores)


def _narrow(inputs, sequence_lengths, strategy, beam_width, top_paths):
    """Prefix beam search over a dict: prefix -> how probable it is, ending in a blank or not."""
    time, labels, scores = inputs.shape[1], [], []
    for x, length in zip(inputs, sequence_lengths, strict=True):
        beams = {(): (1.0, 0.0)}
        for p in _probabilities(x[:length]):
            new: dict[tuple, list[float]] = {}
            for prefix, (in_blank, in_label) in beams.items():
                stays = new.setdefault(prefix, [0.0, 0.0])
                stays[0] += (in_blank + in_label) * p[0]
                stays[1] += in_label * p[prefix[-1]] if prefix else 0
                for c in range(1, len(p)):
                    begun = in_blank if prefix[-1:] == (c,) else in_blank + in_label
                    new.setdefault((*prefix, c), [0.0, 0.0])[1] += begun * p[c]
            # a prefix that was dropped begins anew with what its parent gives it
            best = sorted(new, key=lambda prefix: -sum(new[prefix]))[:beam_width]
            beams = {prefix: (new[prefix][0], new[prefix][1]) for prefix in best}
        labels.append([_padded(list(prefix), time) for prefix in list(beams)[:top_paths]])
        scores.append([np.log(sum(both)) for both in list(beams.values())[:top_paths]])
    return np.swapaxes(np.array(labels), 0, 1), np.array(scores)


LONG = 3 * between(-1.5, 1.6, 3, 9, 5)
LOGITS = 2 * between(-1.5, 1.6, 5, 4, 3)
SIZES = (ints(2, 2, 0, 1, 2), ints(4, 3, 4, 2, 4))
# a repeated label that just fits; none at all; a row whose padding is no class
ROWS = [
    Row(
        "ctc_loss",
        (ints([1, 2], [1, 1], [1, 1], [2, -1], [2, 1]), LOGITS, *SIZES),
        over_all_paths,
        {},
        (1,),
        {0: (0,), 1: (0, 1), 2: (0,), 3: (0,)},
        whole="float32",
    ),
    Row(
        "ctc_loss",
        (ints([1, 0], [0, 0], [1, 1], [1, 7], [0, 1]), LOGITS, *SIZES),
        over_all_paths,
        {"mask_index": 2},
        (1,),
    ),
    Row(
        "ctc_loss",  # the first row has more labels than steps; the second lacks room for a blank
        (ints([1, 2], [1, 1], [2, 1]), LOGITS[:3], ints(2, 2, 1), ints(1, 2, 0)),
        over_all_paths,
    ),
    Row(
        "ctc_loss",
        (ints([0, 1], [0, 0], [0, 1], [1, 1], [1, 0]), LOGITS, *SIZES),
        over_all_paths,
        {"mask_index": -1},
    ),
    Row(
        "ctc_loss", (np.zeros((2, 0), "int32"), LOGITS[:2], ints(0, 0), ints(3, 0)), over_all_paths
    ),
    Row(
        "ctc_decode",
        (LOGITS, SIZES[1]),
        _greedy,
        unknown={0: (0, 1), 1: (0,)},
        dtype="int32",
    ),
    Row("ctc_decode", (LOGITS, SIZES[1]), _greedy, {"merge_repeated": False}, dtype="int32"),
    Row("ctc_decode", (LOGITS, SIZES[1]), _greedy, {"mask_index": 1}, dtype="int32"),
    Row(
        "ctc_decode",
        (LOGITS, SIZES[1]),
        _best,
        {"strategy": "beam_search", "beam_width": 30, "top_paths": 3},
        unknown={0: (0, 1), 1: (0,)},
        dtype="int32",
    ),
    Row(
        "ctc_decode",  # the last row has fewer labellings than are asked for
        (LOGITS, ints(4, 2, 3, 4, 1)),
        _best,
        {"strategy": "beam_search", "beam_width": 30, "top_paths": 5, "mask_index": 2},
        dtype="int32",
    ),
    Row(
        "ctc_decode",
        (LONG, ints(9, 8, 5)),
        _narrow,
        {"strategy": "beam_search", "beam_width": 3, "top_paths": 3},
        dtype="int32",
    ),
]
