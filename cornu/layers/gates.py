"""The elementwise part of LSTM and GRU, with derivatives of their own.

Where the slope of both activations follows from what they give (`SLOPES`), a step remembers what
its gates gave and nothing else; left to automatic differentiation it would remember about twice as
much, and a loop on a CPU spends most of its time on that. Other activations are differentiated
automatically.
"""

from collections.abc import Callable
from typing import Any

from cornu import activations, engine

__all__ = ["apart", "gru", "lstm"]

SLOPES: dict[Callable, Callable] = {
    activations.sigmoid: lambda y: y * (1 - y),
    activations.tanh: lambda y: 1 - y * y,
    activations.linear: lambda y: 1,
    activations.relu: lambda y: y > 0,
}
"""Activation -> its slope, as a function of what it gave."""


def apart(x: Any, count: int) -> list:
    """Equal parts of the last axis."""
    return engine.np.split(x, count, axis=-1)


def lstm(sigma: Callable, tanh: Callable, x: Any, h: Any, c: Any) -> tuple:
    """New h and c: `c = f * c + i * g`, `h = o * tanh(c)`.

    `x` and `h` are what input and state give to the gates i, f, g, o, side by side on the last
    axis; `c` is the state.
    """

    def forward(x: Any, h: Any, c: Any) -> tuple:
        i, f, g, o = apart(x + h, 4)
        i, f, g, o = sigma(i), sigma(f), tanh(g), sigma(o)
        new = f * c + i * g
        shown = tanh(new)
        return (o * shown, new), (i, f, g, o, c, shown)

    def backward(saved: tuple, slopes: tuple) -> tuple:
        i, f, g, o, c, shown = saved
        by_h, by_c = slopes
        by_c = by_c + by_h * o * SLOPES[tanh](shown)
        by_i = by_c * g * SLOPES[sigma](i)
        by_f = by_c * c * SLOPES[sigma](f)
        by_g = by_c * i * SLOPES[tanh](g)
        by_o = by_h * shown * SLOPES[sigma](o)
        by_gates = engine.np.concatenate([by_i, by_f, by_g, by_o], axis=-1)
        return by_gates, by_gates, by_c * f

    return _with_slopes(forward, backward, sigma, tanh)(x, h, c)


def gru(sigma: Callable, tanh: Callable, x: Any, h: Any, state: Any) -> Any:
    """The new state: `z * state + (1 - z) * n`, with `n = tanh(x + r * h)`.

    `x` and `h` are what input and state give to z, r and n, side by side on the last axis.
    """

    def forward(x: Any, h: Any, state: Any) -> tuple:
        x_update, x_reset, x_new = apart(x, 3)
        h_update, h_reset, h_new = apart(h, 3)
        update, reset = sigma(x_update + h_update), sigma(x_reset + h_reset)
        new = tanh(x_new + reset * h_new)
        return update * state + (1 - update) * new, (update, reset, new, h_new, state)

    def backward(saved: tuple, slope: Any) -> tuple:
        update, reset, new, h_new, state = saved
        by_new = slope * (1 - update) * SLOPES[tanh](new)
        by_update = slope * (state - new) * SLOPES[sigma](update)
        by_reset = by_new * h_new * SLOPES[sigma](reset)
        by_x = engine.np.concatenate([by_update, by_reset, by_new], axis=-1)
        by_h = engine.np.concatenate([by_update, by_reset, by_new * reset], axis=-1)
        return by_x, by_h, slope * update

    return _with_slopes(forward, backward, sigma, tanh)(x, h, state)


def _with_slopes(forward: Callable, backward: Callable, *used: Callable) -> Callable:
    def plain(*args: Any) -> Any:
        return forward(*args)[0]

    known = all(activation in SLOPES for activation in used)
    return engine.custom_gradient(plain, forward, backward) if known else plain
