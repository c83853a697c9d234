"""Connectionist temporal classification in `K`: probabilities in, the blank is the last class."""

from typing import Any

import numpy as np

from cornu import engine, ops, settings
from cornu.dialects.backend_record import recorded
from cornu.graph import Tensor

__all__ = ["ctc_batch_cost", "ctc_decode", "ctc_label_dense_to_sparse"]


def _logits(y_pred: Any) -> Any:
    return ops.log(ops.convert_to_tensor(y_pred) + settings.epsilon())


def _lengths(x: Any) -> Any:
    """(batch,) from that or (batch, 1)."""
    return ops.cast(ops.reshape(ops.convert_to_tensor(x), (-1,)), "int32")


@recorded
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """Minus the log-probability of labels, over all ways to spell them: (batch, 1).

    Args:
        y_true: class numbers, (batch, labels); what is past `label_length` may be anything.
        y_pred: probabilities, (batch, time, classes), the last class being the blank.
        input_length: valid time steps, (batch, 1).
        label_length: labels, (batch, 1).
    """
    lengths = _lengths(label_length), _lengths(input_length)
    labels = ops.cast(y_true, "int32")
    return ops.ctc_loss(labels, _logits(y_pred), *lengths, mask_index=-1)[:, None]


def ctc_decode(
    y_pred: Any,
    input_length: Any,
    greedy: bool = True,
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = False,
) -> tuple[list, Any]:
    """The labels that probabilities spell.

    Args:
        y_pred: probabilities, (batch, time, classes), the last class being the blank.
        input_length: valid time steps, (batch,).
        greedy: the best class of each step; else a search.
        beam_width: beginnings that the search keeps.
        top_paths: labellings that the search returns.
        merge_repeated: whether labels that repeat in what the search found are merged too.

    Returns:
        A list of labellings, (batch, time) padded with -1 (cut to the longest of them where
        `y_pred` is an array), and scores: minus the sum of the best log-probabilities, (batch, 1),
        or log-probabilities (batch, top_paths).
    """
    found, scores = _decoded(y_pred, input_length, greedy, beam_width, top_paths, merge_repeated)
    if not isinstance(found, Tensor) and not engine.is_traced(found):
        longest = max(int(np.max(np.sum(engine.numpy(found) >= 0, -1), initial=0)), 1)
        found = found[..., :longest]
    return [found[i] for i in range(1 if greedy else top_paths)], scores


@recorded
def _decoded(
    y_pred: Any, input_length: Any, greedy: bool, width: int, paths: int, merge: bool
) -> tuple:
    given = (_logits(y_pred), _lengths(input_length))
    if greedy:
        return ops.ctc_decode(*given, "greedy", mask_index=-1)
    found, scores = ops.ctc_decode(*given, "beam_search", width, paths, mask_index=-1)
    return (_merged(found) if merge else found), scores


def _merged(labels: Any) -> Any:
    """Labels without repetitions, the rest moved to the front."""
    np_ = engine.np
    again = np_.concatenate([labels[..., :1] < -1, labels[..., 1:] == labels[..., :-1]], -1)
    labels = np_.where(again, -1, labels)
    order = np_.argsort(labels < 0, axis=-1, stable=True)
    return np_.take_along_axis(labels, order, -1)


@recorded
def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    """`labels` with 0 past each length: what TensorFlow's sparse labels are when made dense.

    Shapes: (batch, labels) and (batch,).
    """
    labels = ops.convert_to_tensor(labels)
    live = engine.np.arange(labels.shape[1]) < _lengths(label_lengths)[:, None]
    return ops.where(live, labels, 0)
