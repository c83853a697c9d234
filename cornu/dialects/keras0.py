"""The rows of Keras 0.3: what was called otherwise there than in Keras 1."""

from collections.abc import Sequence
from typing import Any

from cornu.dialects.table import Arguments, Row

LAST = "0.3"


def _of_words(given: Arguments) -> Arguments:
    """Without the `input_shape` that an Embedding noted of itself, which was no shape."""
    found = dict(given)
    noted = found.get("input_shape")
    if noted is not None and list(noted) == [found.get("input_dim")]:
        del found["input_shape"]
    return found


def _margin(value: Any) -> Arguments:
    return {"padding": value}


def _ignored_border(value: Any) -> Arguments:
    return {"padding": "valid" if value else "same"}


ROWS: Sequence[Row] = (
    Row("any Layer", LAST, drop={"cache_enabled": ""}),
    Row("Embedding", LAST, expand=_of_words),
    Row("Reshape", LAST, positional=("dims",), rename={"dims": "target_shape"}),
    Row("TimeDistributedMerge", LAST, is_now="MergedSteps", positional=("mode",)),
    Row("ThresholdedLinear", LAST, is_now="ThresholdedReLU", apart=True, positional=("theta",)),
    Row("ThresholdedReLu", LAST, is_now="ThresholdedReLU", apart=True, positional=("theta",)),
    Row(
        "MaxPooling2D",
        LAST,
        rename={"poolsize": "pool_size", "stride": "strides"},
        split={"ignore_border": _ignored_border},
    ),
    Row("MaxPooling1D", LAST, split={"ignore_border": _ignored_border}),
    Row("ZeroPadding2D", LAST, split={"width": _margin, "pad": _margin}),
    *(
        Row(name, LAST, drop={"truncate_gradient": "gradients pass through all steps."})
        for name in ("SimpleRNN", "GRU", "LSTM")
    ),
)
