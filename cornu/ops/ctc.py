"""Connectionist temporal classification: the loss of unaligned labels, and reading them back.

A path names one class at every time step; merging what repeats and dropping blanks makes labels of
it. The loss is minus the log-probability of all paths that make the labels. (Graves et al., 2006,
"Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural
Networks".) Everything stays in logarithms, with a large negative number for "never": differences
of two infinities would be NaN.
"""

import functools
from collections.abc import Callable
from typing import Any

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops.array import as_array, as_float

__all__ = ["ctc_decode", "ctc_loss"]

NEVER = -1e30
"""The logarithm of a probability of 0; sums of a million of them still are finite."""

HASHES = (0x9E3779B1, 0x85EBCA77)
"""Odd multipliers of the two 32-bit words by which a beam tells its prefixes apart."""


@op
def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> Any:
    """`-log(sum over paths of prod over t of p[t, path[t]])`, p = softmax(output).

    The sum goes over all paths that make the labels. It is computed in float32 at least, with the
    exact gradient `softmax - posterior`. Labels that fit no path (more of them, and of blanks
    between equal ones, than time steps) give infinity and a gradient of 0.

    Args:
        target: class numbers, (batch, labels); what is past `target_length` may be anything.
        output: logits, (batch, time, classes).
        target_length: labels of each row, (batch,).
        output_length: valid time steps of each row, (batch,).
        mask_index: the blank's class number.

    Returns:
        (batch,), in the dtype of `output`.

    Raises:
        UsageError: for shapes that do not fit, and a `mask_index` that is no class.
    """
    output, target = as_float(output), as_array(target)
    check_shapes("ctc_loss", target.shape, output.shape)
    lengths = _lengths("ctc_loss", output, target_length=target_length, output_length=output_length)
    classes = output.shape[-1]
    labels = engine.cast(engine.np.clip(target, 0, classes - 1), "int32")
    loss = _loss(_blank("ctc_loss", mask_index, classes))
    return engine.cast(loss(_wide(output), labels, *lengths), output.dtype)


@op
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Any, Any]:
    """The labels that logits spell, and how sure they are.

    "greedy" takes the best class of every time step. "beam_search" keeps the `beam_width` most
    probable beginnings, each with all its paths together, so it is exact once none is dropped.

    Args:
        inputs: logits, (batch, time, classes).
        sequence_lengths: valid time steps of each row, (batch,).
        strategy: "greedy" or "beam_search".
        beam_width, top_paths: beginnings kept, and labellings returned, by "beam_search".
        merge_repeated: whether "greedy" merges a class that repeats without a blank between.
        mask_index: the blank's class number.

    Returns:
        Labels in int32, padded with -1, (paths, batch, time), and scores in the dtype of `inputs`,
        (batch, paths): minus the sum of the best logits for "greedy" (1 path), log-probabilities
        for "beam_search" (-infinity where there are fewer labellings).

    Raises:
        UsageError: for shapes that do not fit, an unknown strategy, more paths than beams.
    """
    inputs = as_float(inputs)
    if inputs.ndim != 3:
        raise _rank("ctc_decode", "inputs", "(batch, time, classes)", inputs.shape)
    (length,) = _lengths("ctc_decode", inputs, sequence_lengths=sequence_lengths)
    blank = _blank("ctc_decode", mask_index, inputs.shape[-1])
    if strategy == "greedy":
        labels, scores = _greedy(_wide(inputs), length, merge_repeated, blank)
    elif strategy == "beam_search":
        _check_beam(beam_width, top_paths)
        labels, scores = _search(_wide(inputs), length, beam_width, top_paths, blank)
    else:
        raise UsageError(
            "E-CHOICE",
            f'ctc_decode: strategy must be "greedy" or "beam_search"; got {strategy!r}.',
        )
    return labels, engine.cast(scores, inputs.dtype)


# ---------------------------------------------------------------- what comes in


def check_shapes(name: str, target: tuple, output: tuple) -> None:
    """(batch, labels) against (batch, time, classes). Raises UsageError."""
    if len(output) != 3:
        raise _rank(name, "output", "(batch, time, classes), logits", output)
    if len(target) != 2:
        raise _rank(name, "target", "(batch, labels), class numbers", target)
    if target[0] != output[0]:
        raise UsageError(
            "E-LABEL-SHAPE",
            f"{name}: target has {target[0]} rows, shape {tuple(target)}, but output has "
            f"{output[0]}, shape {tuple(output)}.",
        )


def _rank(name: str, argument: str, wanted: str, shape: tuple) -> UsageError:
    return UsageError("E-RANK", f"{name}: {argument} must be {wanted}; got shape {tuple(shape)}.")


def _lengths(name: str, output: Any, **given: Any) -> list:
    """Lengths as int32 vectors of one entry a row."""
    found = []
    for argument, lengths in given.items():
        lengths = engine.cast(as_array(lengths), "int32")
        if lengths.shape != output.shape[:1]:
            raise UsageError(
                "E-LABEL-SHAPE",
                f"{name}: {argument} must have one entry a row, shape {output.shape[:1]}; "
                f"got shape {tuple(lengths.shape)}.",
            )
        found.append(lengths)
    return found


def _blank(name: str, mask_index: int, classes: int) -> int:
    if not -classes <= mask_index < classes:
        raise UsageError(
            "E-CLASS-ID",
            f"{name}: mask_index must be one of the {classes} classes, 0 to {classes - 1}; "
            f"got {mask_index}.",
        )
    return int(mask_index) % classes


def _check_beam(beam_width: int, top_paths: int) -> None:
    if not 1 <= top_paths <= beam_width:
        raise UsageError(
            "E-RANGE",
            f"ctc_decode: top_paths must be in [1, beam_width]; got top_paths={top_paths} and "
            f"beam_width={beam_width}.",
        )


def _wide(x: Any) -> Any:
    return engine.cast(x, "float32") if str(x.dtype) in ("float16", "bfloat16") else x


def _either(*logs: Any) -> Any:
    """The logarithm of a sum of probabilities, from their logarithms."""
    most = functools.reduce(engine.np.maximum, logs)
    total = functools.reduce(engine.np.add, [engine.np.exp(x - most) for x in logs])
    return most + engine.np.log(total)


def _steps(length: Any, time: int) -> Any:
    """Whether each step is valid: (time, batch, 1)."""
    return engine.np.arange(time)[:, None, None] < length[:, None]


# ---------------------------------------------------------------- the loss
#
# There is a blank before, between and after the labels. Their states are kept apart:
# `blank` (batch, labels + 1) and `label` (batch, labels); `blank[i]` comes before `label[i]`.


@functools.cache
def _loss(blank: int) -> Callable:
    """The loss with its own gradient; differentiating the scan would keep far more of each step."""

    def value(output: Any, labels: Any, target_length: Any, output_length: Any) -> Any:
        spoken = _spoken(output, labels, blank)
        return _run(spoken, labels, target_length, output_length, keep=False)[0]

    def forward(output: Any, labels: Any, target_length: Any, output_length: Any) -> tuple:
        spoken = _spoken(output, labels, blank)
        loss, alphas = _run(spoken, labels, target_length, output_length, keep=True)
        return loss, (output, labels, target_length, output_length, spoken, alphas, loss)

    def backward(saved: tuple, slope: Any) -> tuple:
        output, labels, _, output_length, _, _, loss = saved
        np = engine.np
        posterior = _posterior(*saved[1:-1])  # (labels + 1, time, batch), the blank last
        blanks = np.full((labels.shape[0], 1), blank, labels.dtype)
        classes = np.concatenate([labels, blanks], 1)
        zeros = np.zeros((output.shape[2], output.shape[1]), output.dtype)
        gather = engine.vmap(lambda at, p: engine.put_at(zeros, at, p, add=True))
        by_class = np.swapaxes(gather(classes, np.moveaxis(posterior, 2, 0)), 1, 2)
        softmax = np.exp(output - engine.logsumexp(output, axis=-1, keepdims=True))
        possible = np.isfinite(loss)[:, None, None]
        live = np.swapaxes(_steps(output_length, output.shape[1]), 0, 1) & possible
        return np.where(live, (softmax - by_class) * slope[:, None, None], 0), None, None, None

    return engine.custom_gradient(value, forward, backward)


def _spoken(output: Any, labels: Any, blank: int) -> tuple[Any, Any]:
    """log p of the blank, (time, batch, 1), and of each label, (time, batch, labels)."""
    np = engine.np
    norm = engine.logsumexp(output, axis=-1, keepdims=True)
    of_labels = np.take_along_axis(output, labels[:, None, :], axis=2) - norm
    both = (output[..., blank : blank + 1] - norm, of_labels)
    first, second = (np.swapaxes(np.maximum(x, NEVER), 0, 1) for x in both)
    return first, second


def _differs(labels: Any) -> Any:
    """Whether each label may follow the one before it without a blank: (batch, labels)."""
    np = engine.np
    return np.concatenate([labels[:, :1] != labels[:, :1], labels[:, 1:] != labels[:, :-1]], 1)


def _never(x: Any) -> Any:
    """A column of `NEVER`: (batch, 1)."""
    return engine.np.full((x.shape[0], 1), NEVER, x.dtype)


def _before(x: Any) -> Any:
    """One more column, `x` moved to the right by one."""
    return engine.np.concatenate([_never(x), x], 1)


def _after(x: Any) -> Any:
    """One more column at the end."""
    return engine.np.concatenate([x, _never(x)], 1)


def _run(
    spoken: tuple, labels: Any, target_length: Any, output_length: Any, keep: bool
) -> tuple[Any, Any]:
    """The loss, and with `keep` log-probabilities of all beginnings that end in each state."""
    np = engine.np
    skip = _differs(labels)
    live = _steps(output_length, spoken[0].shape[0])

    def step(state: tuple, x: tuple) -> tuple:
        blank, label = state
        of_blank, of_label, valid = x
        came = _before(label)  # (batch, labels + 1)
        skipped = np.where(skip, came[:, :-1], NEVER)
        new_blank = np.where(valid, _either(blank, came) + of_blank, blank)
        new_label = np.where(valid, _either(label, blank[:, :-1], skipped) + of_label, label)
        return (new_blank, new_label), ((new_blank, new_label) if keep else None)

    rows, count = labels.shape
    start = np.where(np.arange(count + 1) == 0, 0, np.full((rows, 1), NEVER, spoken[0].dtype))
    begin = (start, start[:, 1:])
    (blank, label), alphas = engine.scan(step, begin, (*spoken, live))
    place = np.clip(target_length, 0, count)[:, None]
    total = np.take_along_axis(_either(blank, _before(label)), place, 1)[:, 0]
    return np.where(total < NEVER / 2, np.inf, -total), alphas


def _posterior(
    labels: Any, target_length: Any, output_length: Any, spoken: tuple, alphas: tuple
) -> Any:
    """How probable it is, given the labels, that a path speaks each of them at each step.

    (labels + 1, time, batch), all blanks together in the last row. Each step is divided by its own
    sum, which is the loss in theory, and takes away what the two scans have rounded.
    """
    np = engine.np
    skip = _differs(labels)
    may_skip = np.concatenate([skip[:, 1:], skip[:, :1]], 1)  # the last has nothing to skip to
    live = _steps(output_length, spoken[0].shape[0])
    count = labels.shape[1]

    def step(state: tuple, x: tuple) -> tuple:
        blank, label = state  # log-probabilities of all endings after each state
        (past_blank, past_label), (of_blank, of_label), valid = x
        found = np.concatenate([past_label + label, past_blank + blank], 1)
        found = np.exp(found - np.max(found, axis=1, keepdims=True))
        found = found / np.sum(found, axis=1, keepdims=True)
        in_blank = np.sum(found[:, count:], axis=1, keepdims=True)
        found = np.concatenate([found[:, :count], in_blank], 1)
        now_blank, now_label = blank + of_blank, label + of_label
        follows = _after(now_label)
        skipped = np.where(may_skip, follows[:, 1:], NEVER)
        new_blank = np.where(valid, _either(now_blank, follows), blank)
        new_label = np.where(valid, _either(now_label, now_blank[:, 1:], skipped), label)
        return (new_blank, new_label), found.T

    last = np.clip(target_length, 0, count)[:, None] == np.arange(count + 1)
    end = np.where(last, 0, np.full((1, 1), NEVER, spoken[0].dtype))
    _, found = engine.scan(step, (end, end[:, 1:]), (alphas, spoken, live), reverse=True)
    return np.swapaxes(found, 0, 1)  # (labels + 1, time, batch)


# ---------------------------------------------------------------- decoding


def _greedy(x: Any, length: Any, merge: bool, blank: int) -> tuple[Any, Any]:
    np = engine.np
    live = np.arange(x.shape[1]) < length[:, None]  # (batch, time)
    best = engine.cast(np.argmax(x, -1), "int32")
    score = -np.sum(np.where(live, np.max(x, -1), 0), 1, keepdims=True)
    kept = live & (best != blank)
    if merge:
        kept = kept & np.concatenate([best[:, :1] == best[:, :1], best[:, 1:] != best[:, :-1]], 1)
    return _packed(np.where(kept, best, -1))[None], score


def _packed(labels: Any) -> Any:
    """`labels` with those that are -1 moved behind the others."""
    order = engine.np.argsort(labels < 0, axis=-1)
    return engine.np.take_along_axis(labels, order, -1)


def _search(x: Any, length: Any, width: int, paths: int, blank: int) -> tuple[Any, Any]:
    """Prefix beam search; the prefixes are chains of (slot before, label added) over time."""
    np = engine.np
    rows, time, _ = x.shape
    logs = np.maximum(x - engine.logsumexp(x, axis=-1, keepdims=True), NEVER)
    never = np.full((rows, width), NEVER, x.dtype)
    start = (
        np.where(np.arange(width) == 0, 0, never),  # ends in a blank
        never,  # ends in its last label
        np.full((rows, width), -1, "int32"),  # that label
        np.zeros((rows, width), "uint32"),
        np.zeros((rows, width), "uint32"),
    )
    same = (np.arange(width, dtype="int32") + 0 * start[2], start[2])

    def step(state: tuple, at: tuple) -> tuple:
        log, valid = at  # (batch, classes), (batch, 1)
        new, chain = _extended(state, log, blank)
        held = [np.where(valid, a, b) for a, b in zip((*new, *chain), (*state, *same), strict=True)]
        return tuple(held[:5]), tuple(held[5:])

    live = _steps(length, time)
    (in_blank, in_label, *_), chains = engine.scan(step, start, (np.swapaxes(logs, 0, 1), live))

    def back(slot: Any, chain: tuple) -> tuple:
        before, label = (np.take_along_axis(x, slot, 1) for x in chain)
        return before, label

    _, labels = engine.scan(back, same[0][:, :paths], chains, reverse=True)  # (time, batch, paths)
    score = _either(in_blank, in_label)[:, :paths]
    found = score > NEVER / 2
    labels = np.where(found, labels, -1)
    return _packed(np.moveaxis(labels, 0, 2).swapaxes(0, 1)), np.where(found, score, -np.inf)


def _extended(state: tuple, log: Any, blank: int) -> tuple[tuple, tuple]:
    """The best beams one step later, best first, and (slot before, label added or -1) of each."""
    np = engine.np
    in_blank, in_label, last, *hashes = state
    rows, width = last.shape
    classes = log.shape[1]
    total = _either(in_blank, in_label)
    numbers = np.arange(classes)
    begins = np.where(numbers == last[..., None], in_blank[..., None], total[..., None])
    grown = np.where(numbers == blank, NEVER, begins + log[:, None])  # (batch, width, classes)
    grown = _after(grown.reshape(rows, -1))  # one place more, where nothing is lost

    stay_blank = total + log[:, blank, None]
    stay_label = in_label + np.take_along_axis(log, np.maximum(last, 0), 1)
    place = _places_of_beams(total, last, hashes, classes)
    stay_label = _either(stay_label, np.take_along_axis(grown, place, 1))
    grown = engine.vmap(lambda x, at: engine.put_at(x, at, NEVER))(grown, place)

    scores = np.concatenate([_either(stay_blank, stay_label), grown[:, :-1]], 1)
    best, index = engine.top_k(scores, width)
    index = engine.cast(index, "int32")
    stays = index < width
    slot = np.where(stays, index, (index - width) // classes)
    label = np.where(stays, -1, (index - width) % classes)

    def at(x: Any) -> Any:
        return np.take_along_axis(x, slot, 1)

    new = (
        np.where(stays, at(stay_blank), NEVER),
        np.where(stays, at(stay_label), best),
        np.where(stays, at(last), label),
        *[
            np.where(stays, at(h), _hash(at(h), label, m))
            for h, m in zip(hashes, HASHES, strict=True)
        ],
    )
    return new, (slot, label)


def _places_of_beams(total: Any, last: Any, hashes: list, classes: int) -> Any:
    """For each beam the place, among all beams grown by all classes, where it is found too.

    That is `slot * classes + last` of the beam that lacks only its last label, and one past the
    end where there is none. Beams that are nothing yet are never found.
    """
    np = engine.np
    rows, width = last.shape
    same = ((total > NEVER / 2) & (last >= 0))[:, None, :]  # (batch, shorter, longer)
    for h, multiplier in zip(hashes, HASHES, strict=True):
        same = same & (_hash(h[:, :, None], last[:, None, :], multiplier) == h[:, None, :])
    slot = engine.cast(np.argmax(same, 1), "int32")
    return np.where(np.any(same, 1), slot * classes + last, width * classes)


def _hash(before: Any, label: Any, multiplier: int) -> Any:
    """The hash of a prefix with one more label."""
    x = (before ^ engine.cast(label + 1, "uint32")) * engine.np.uint32(multiplier)
    return x ^ (x >> engine.np.uint32(15))
