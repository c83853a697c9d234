"""Rows of recurrent layers. Masks, states, dropout and cells: `tests/layers`."""

from typing import Any

import numpy as np

from contracts.draws import some
from contracts.layers_row import FIRST, Anew, Row, long_time, rows
from contracts.recurrent_reference import conv_lstm, gru, gru_step, lstm, simple_rnn
from contracts.recurrent_reference import layer as over
from cornu import layers

ALL: dict[str, Any] = {"return_sequences": True}
BACK: dict[str, Any] = {"go_backwards": True}


def _numbered(w: Any, number: int) -> dict[str, np.ndarray]:
    """The weights of the first or second part of a layer with two parts of one kind."""
    end = f":{number}" if number else ""
    names = ("kernel", "recurrent_kernel", "bias")
    return {name: w[name + end] for name in names if name + end in w}


def _both_ways(merge: Any, **options: Any) -> Any:
    """An LSTM forward and one backward, whose outputs come in the order of time."""

    def reference(x: np.ndarray, w: Any, **_: Any) -> np.ndarray:
        ahead = lstm(x, _numbered(w, 0), **options)
        behind = lstm(x, _numbered(w, 1), **BACK, **options)
        return merge(ahead, behind[:, ::-1] if options.get("return_sequences") else behind)

    return reference


def _both(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.concatenate([one, other], -1)


def _stacked(x: np.ndarray, w: Any, **_: Any) -> np.ndarray:
    middle = lstm(x, _numbered(w, 0), units=3, **ALL)
    return gru(middle, _numbered(w, 1), units=2)


def _one_cell(x: np.ndarray, w: Any, **_: Any) -> np.ndarray:
    return over(gru_step, 1)(x, w, units=2, reset_after=False, **ALL)


x = some(2, 4, 3)

ROWS: tuple[Row, ...] = (
    *rows(
        "SimpleRNN",
        simple_rnn,
        ((x,), {"units": 2, **ALL}),
        ((x,), {"units": 3, "use_bias": False, "activation": "softplus", **BACK}),
        mask="passes",
        **long_time,
    ),
    *rows(
        "GRU",
        gru,
        ((x,), {"units": 2, **ALL}),
        (
            (x,),
            {
                "units": 2,
                "reset_after": False,
                "use_bias": False,
                "activation": "softplus",
                "recurrent_activation": "tanh",
                **ALL,
                **BACK,
            },
        ),
        mask="passes",
        **long_time,
    ),
    *rows(
        "LSTM",
        lstm,
        ((x,), {"units": 2, "unit_forget_bias": False}),
        (
            (x,),
            {
                "units": 3,
                "use_bias": False,
                "activation": "sigmoid",
                "recurrent_activation": "tanh",
                **ALL,
                **BACK,
            },
        ),
        mask="ends",
        **long_time,
    ),
    Row(
        "RNN",
        (x,),
        _one_cell,
        {"cell": Anew(lambda **more: layers.GRUCell(2, reset_after=False, **more)), **ALL},
        mask="passes",
        **long_time,
    ),
    Row(
        "RNN",
        (x,),
        _stacked,
        {
            "cell": Anew(
                lambda **more: [layers.LSTMCell(3, **more), layers.GRUCell(2, **more)],
            )
        },
        mask="ends",
        **long_time,
    ),
    Row(
        "Bidirectional",
        (x,),
        _both_ways(_both, units=2, **ALL),
        {"layer": Anew(lambda **more: layers.LSTM(2, return_sequences=True, **more))},
        mask="passes",
        **long_time,
    ),
    Row(
        "Bidirectional",
        (x,),
        _both_ways(np.multiply, units=2),
        {"layer": Anew(lambda **more: layers.LSTM(2, **more)), "merge_mode": "mul"},
        mask="ends",
        **long_time,
    ),
    *rows(
        "ConvLSTM1D",
        conv_lstm,
        ((some(2, 3, 5, 2),), {"filters": 2, "kernel_size": 2, "unit_forget_bias": False}),
        (
            (some(2, 2, 2, 5),),
            {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", **ALL, **FIRST},
        ),
        ((some(2, 2, 6, 2),), {"filters": 1, "kernel_size": 2, "dilation_rate": 2, **ALL, **BACK}),
        mask="own",
    ),
    *rows(
        "ConvLSTM2D",
        conv_lstm,
        (
            (some(2, 2, 4, 3, 2),),
            {"filters": 2, "kernel_size": (2, 3), "unit_forget_bias": False},
            {"unknown": {0: (0, 1, 2)}},
        ),
        ((some(1, 2, 2, 3, 4),), {"filters": 1, "kernel_size": 2, "use_bias": False, **FIRST}),
        mask="own",
    ),
    Row(
        "ConvLSTM3D",
        (some(2, 2, 2, 3, 2, 1),),
        conv_lstm,
        {"filters": 1, "kernel_size": 2, "unit_forget_bias": False, **ALL},
        mask="own",
    ),
)
