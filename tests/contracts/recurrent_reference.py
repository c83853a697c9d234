"""Recurrent layers in float64 NumPy, written from the formulas of their papers, step by step."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from contracts.checks import convolve


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS: dict[str, Callable] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "linear": lambda x: x,
    "softplus": lambda x: np.log1p(np.exp(x)),
}

Weights = Mapping[str, np.ndarray]


# ---------------------------------------------------------------- one step: (x, states) -> states


def simple_step(x: Any, states: list, w: Weights, activation: str = "tanh", **_: Any) -> list:
    """Elman: `h = f(x W + h U + b)`."""
    total = x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w.get("bias", 0)
    return [ACTIVATIONS[activation](total)]


def gru_step(
    x: Any,
    states: list,
    w: Weights,
    units: int,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    reset_after: bool = True,
    **_: Any,
) -> list:
    """Cho et al.: gates z and r, then the candidate; the parts of weights are z, r, candidate."""
    f, sigma = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]
    h = states[0]
    wz, wr, wh = np.split(w["kernel"], 3, 1)
    uz, ur, uh = np.split(w["recurrent_kernel"], 3, 1)
    both = np.zeros((2, 3 * units))
    if "bias" in w and reset_after:
        both = w["bias"]
    elif "bias" in w:
        both = np.stack([w["bias"], np.zeros(3 * units)])
    bz, br, bh = np.split(both[0], 3)
    cz, cr, ch = np.split(both[1], 3)
    z = sigma(x @ wz + bz + h @ uz + cz)
    r = sigma(x @ wr + br + h @ ur + cr)
    heard = r * (h @ uh + ch) if reset_after else (r * h) @ uh
    return [z * h + (1 - z) * f(x @ wh + bh + heard)]


def lstm_gates(total: np.ndarray, c: np.ndarray, f: Callable, sigma: Callable) -> list:
    """Gers et al.: gates i, f, news, o from left to right."""
    i, forget, news, o = np.split(total, 4, -1)
    c = sigma(forget) * c + sigma(i) * f(news)
    return [sigma(o) * f(c), c]


def lstm_step(
    x: Any,
    states: list,
    w: Weights,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    **_: Any,
) -> list:
    h, c = states
    total = x @ w["kernel"] + h @ w["recurrent_kernel"] + w.get("bias", 0)
    return lstm_gates(total, c, ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation])


# ---------------------------------------------------------------- over time


def over_time(
    step: Callable[[Any, list], list],
    x: np.ndarray,
    states: list,
    mask: Any = None,
    backwards: bool = False,
    zero: bool = False,
) -> tuple[np.ndarray, list]:
    """Outputs (batch, time, ...) in the order in which they are made, and the last states.

    A masked step leaves states as they are; its output is that of before, or zero.
    """
    outputs = []
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        new = step(x[:, t], states)
        kept = np.ones(len(x), bool) if mask is None else mask[:, t]
        beside = [kept.reshape(-1, *[1] * (n.ndim - 1)) for n in new]
        states = [np.where(k, n, s) for k, n, s in zip(beside, new, states, strict=True)]
        outputs.append(np.where(beside[0], states[0], 0) if zero else states[0])
    return np.stack(outputs, 1), states


def layer(step: Callable, count: int) -> Callable:
    """The reference of a layer whose cell has `count` states of one size."""

    def reference(
        x: np.ndarray,
        w: Weights,
        units: int,
        return_sequences: bool = False,
        go_backwards: bool = False,
        **options: Any,
    ) -> np.ndarray:
        def once(x: Any, states: list) -> list:
            return step(x, states, w, units=units, **options)

        begin = [np.zeros((len(x), units)) for _ in range(count)]
        outputs, _ = over_time(once, x, begin, backwards=go_backwards)
        return outputs if return_sequences else outputs[:, -1]

    return reference


simple_rnn, gru, lstm = layer(simple_step, 1), layer(gru_step, 1), layer(lstm_step, 2)


def conv_lstm(
    x: np.ndarray,
    w: Weights,
    filters: int,
    kernel_size: Any,
    strides: int = 1,
    padding: str = "valid",
    dilation_rate: int = 1,
    data_format: str = "channels_last",
    return_sequences: bool = False,
    go_backwards: bool = False,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    **_: Any,
) -> np.ndarray:
    """Shi et al. without peepholes: the convolution of the state keeps its size."""
    first = data_format == "channels_first"
    x = np.moveaxis(x, 2, -1) if first else x
    rank = x.ndim - 3
    how = ([strides] * rank, padding, [dilation_rate] * rank)
    ones = [1] * rank
    functions = ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation]

    def once(x: np.ndarray, states: list) -> list:
        told = convolve(x, w["kernel"], *how)
        heard = convolve(states[0], w["recurrent_kernel"], ones, "same", ones)
        return lstm_gates(told + heard + w.get("bias", 0), states[1], *functions)

    size = convolve(x[:, 0], w["kernel"], *how).shape[:-1]
    begin = [np.zeros((*size, filters))] * 2
    outputs, _ = over_time(once, x, begin, backwards=go_backwards)
    outputs = np.moveaxis(outputs, -1, 2) if first else outputs
    return outputs if return_sequences else outputs[:, -1]
