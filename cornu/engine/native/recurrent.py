"""LSTM and GRU by native kernels, with the loop of plain JAX wherever these cannot serve.

`forward` and `backward` are one kernel each; what they cannot do (derivatives of derivatives, other
platforms than CPUs) is asked of `plain`, the same layer as JAX computes it, which the caller gives.

Shapes: x (time, rows, features); kernel (features, gates * units), recurrent kernel (units, gates *
units), bias (gates * units,), or (2, gates * units) for a GRU whose reset gate comes after the
product; states (rows, units); mask (time, rows), or None. Gates lie side by side: i, f, g, o of an
LSTM, z, r and candidate of a GRU.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as np
import numpy as host

from cornu.engine import native
from cornu.engine.native import products

FORWARD, BACKWARD = "cornu_recurrent", "cornu_recurrent_back"


def layer(
    plain: Callable,
    x: Any,
    weights: tuple,
    states: tuple,
    mask: Any,
    *,
    every: bool,
    reverse: bool,
    after: bool = True,
) -> tuple | None:
    """All steps of an LSTM (two states) or a GRU (one), or None where native kernels do not serve.

    Args:
        plain: `plain((x, weights, states), mask) -> (outputs, states)`, made of JAX.
        x: what the layer gets, time first.
        weights: kernel, recurrent kernel, and bias or None.
        states: before the first step.
        mask: booleans, False where a step is left out; or None.
        every: whether the outputs of all steps are wanted.
        reverse: from the last step to the first; outputs keep the places of their inputs.
        after: whether a GRU's reset gate comes after the product.

    Returns:
        Outputs of all steps, or None, and the last states.
    """
    operands = (x, weights, states)
    if not serves(operands):
        return None
    return _Layer(plain, every, reverse, after).run(operands, mask)


def serves(operands: tuple) -> bool:
    """Whether native kernels serve: float32 on a CPU, and something to compute.

    Measured on 2 busy cores with AVX-512, forward and backward, CPU ms native / loop of XLA, for
    steps x rows x features x units. LSTM: 80x32x128x128 17.8/32.9, 28x128x28x64 6.0/12.3,
    20x32x16x16 0.41/0.54 (wall), 10x8x8x8 0.060/0.067, 1x1x8x8 0.034/0.053; GRU: 13.3/23.7,
    4.0/7.9, 0.32/0.45, 0.060/0.066, 0.025/0.047. Forward alone of one row, 80 steps, 128 units:
    0.40/0.43 and 0.39/0.46. Compiling takes 0.5 s instead of 2.4 s.
    """
    arrays = jax.tree.leaves(operands)
    return (
        jax.default_backend() == "cpu"
        and operands[0].ndim == 3
        and all(a.dtype == host.float32 and a.size for a in arrays)
        and native.available(FORWARD)
        and native.available(BACKWARD)
    )


class _Layer(NamedTuple):
    """One layer: how it goes over time, and its derivatives.

    Operands are (x, weights, states); `kept` is what the way back needs besides.
    """

    plain: Callable
    every: bool
    reverse: bool
    after: bool

    def run(self, operands: tuple, mask: Any) -> tuple:
        """Outputs and last states."""
        run = jax.custom_vjp(lambda *given: self.forward(*given, keep=False)[0])
        run.defvjp(self._remembering, self._slopes)
        return run(operands, mask)

    def _remembering(self, operands: tuple, mask: Any) -> tuple:
        """The results, and what `_slopes` is given."""
        forward = jax.custom_vjp(partial(self.forward, keep=True))
        forward.defvjp(
            lambda operands, mask: (self.forward(operands, mask, keep=True), (operands, mask)),
            # that `kept` depends on the operands is counted by `_slopes_of_slopes`
            lambda given, by: (self._plain_slopes(given[0], given[1], by[0]), None),
        )
        results, kept = forward(operands, mask)
        return results, (operands, mask, kept)

    def _slopes(self, saved: tuple, by: tuple) -> tuple:
        backward = jax.custom_vjp(self.backward)
        backward.defvjp(lambda *given: (self.backward(*given), given), self._slopes_of_slopes)
        return backward(*saved, by), None

    def _plain_slopes(self, operands: tuple, mask: Any, by: tuple) -> tuple:
        """Slopes by operands, as JAX finds them."""
        _, pull = jax.vjp(lambda given: self.plain(given, mask), operands)
        return pull(by)[0]

    def _slopes_of_slopes(self, given: tuple, by_slopes: tuple) -> tuple:
        operands, mask, _, by = given
        _, pull = jax.vjp(lambda o, b: self._plain_slopes(o, mask, b), operands, by)
        by_operands, by_by = pull(by_slopes)
        return by_operands, None, None, by_by

    # ------------------------------------------------------------ the kernels

    def forward(self, operands: tuple, mask: Any, keep: bool) -> tuple:
        """(outputs or None, last states), and what the way back needs, or None."""

        def plainly(operands: tuple, mask: Any) -> tuple:
            kept = [np.zeros(s, host.float32) for s in self._kept(operands)] if keep else None
            return self.plain(operands, mask), kept

        on_cpu = partial(self._forward, keep=keep)
        return jax.lax.platform_dependent(operands, mask, cpu=on_cpu, default=plainly)

    def backward(self, operands: tuple, mask: Any, kept: list, by: tuple) -> tuple:
        """Slopes by operands, from those by results."""

        def plainly(operands: tuple, mask: Any, kept: list, by: tuple) -> tuple:
            return self._plain_slopes(operands, mask, by)

        arrays = (operands, mask, kept, by)
        return jax.lax.platform_dependent(*arrays, cpu=self._backward, default=plainly)

    def _kept(self, operands: tuple) -> list:
        """Shapes of gates, of all c or what candidates heard, and of all outputs."""
        x, (kernel, *_), states = operands
        state = (x.shape[0], *states[0].shape)
        return [(*x.shape[:2], kernel.shape[1]), state, state]

    def _forward(self, operands: tuple, mask: Any, keep: bool) -> tuple:
        x, (kernel, recurrent, bias), states = operands
        kept = self._kept(operands)
        gates, state, _ = kept if keep else [(0,)] * 3
        long = len(states) == 2
        shapes = [
            kept[2] if self.every or keep else (0,),
            states[0].shape,
            states[1].shape if long else (0,),
            gates,
            state if long else (0,),
            (0,) if long else state,
        ]
        hs, h, c, gates, cs, heard = self._call(
            FORWARD,
            shapes,
            (x, kernel, recurrent, _or_empty(bias), states[0], _second(states), _flags(mask)),
            states,
        )
        last = (h, c) if long else (h,)
        results = (hs if self.every else None, last)
        return results, ([gates, cs if long else heard, hs] if keep else None)

    def _backward(self, operands: tuple, mask: Any, kept: list, by: tuple) -> tuple:
        x, (kernel, recurrent, bias), states = operands
        gates, middle, hs = kept
        long = len(states) == 2
        nothing = np.zeros((0,), host.float32)
        cs, heard = (middle, nothing) if long else (nothing, middle)
        by_hs, by_states = by
        units = states[0].shape[1]
        shapes = [
            gates.shape,
            heard.shape,
            kernel.shape,
            recurrent.shape,
            (4, units),
            *(s.shape for s in states),
        ]
        given = (gates, heard, cs, hs, x, recurrent, states[0], _second(states), _flags(mask))
        given = (*given, _or_empty(by_hs), by_states[0], _second(by_states))
        shapes += [] if long else [(0,)]
        by_gates, _, by_kernel, by_recurrent, sums, by_h, by_c = self._call(
            BACKWARD, shapes, given, states, input_output_aliases={0: 0, 1: 1}
        )
        by_x = products.matmul(by_gates, kernel, b_turned=True)
        by_weights = (by_kernel, by_recurrent, None if bias is None else _bias(sums, bias))
        return by_x, by_weights, (by_h, by_c) if long else (by_h,)

    def _call(self, name: str, shapes: list, arrays: tuple, states: tuple, **how: Any) -> Any:
        results = tuple(jax.ShapeDtypeStruct(s, host.float32) for s in shapes)
        call = jax.ffi.ffi_call(name, results, vmap_method="sequential", **how)
        gates = host.int64(2 + len(states))
        return call(*arrays, gates=gates, reverse=self.reverse, after=self.after)


def _or_empty(x: Any) -> Any:
    return np.zeros((0,), host.float32) if x is None else x


def _flags(mask: Any) -> Any:
    return np.zeros((0,), bool) if mask is None else mask


def _second(states: tuple) -> Any:
    return _or_empty(states[1] if len(states) == 2 else None)


def _bias(sums: Any, bias: Any) -> Any:
    """The slope by a bias, from sums over all steps: four parts, the last two of a GRU's candidate.

    A GRU's candidate has one sum for what comes from inputs and one for what comes from states.
    """
    if bias.ndim == 2:
        return np.stack([sums[:3].ravel(), sums[host.array([0, 1, 3])].ravel()])
    return sums.ravel()[: bias.size]
