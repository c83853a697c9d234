"""The loop of recurrent layers, with a derivative that gathers weight gradients after the loop.

Differentiated step by step, a loop would add a small product to the gradient of a recurrent kernel
at every step. Here the loop back only finds what came in and out of each product; one large product
over all steps then makes the gradient.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cornu import engine, tree

__all__ = ["recurrence"]

Step = Callable[..., tuple]


def recurrence(
    step: Step,
    product: Callable[[Any, Any], Any],
    inputs: Any,
    fixed: Any,
    constants: Any,
    states: tuple,
    kernels: Sequence[Any],
    *,
    every: bool,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Any, tuple]:
    """`states = step(inputs[t], fixed[t], constants, states, dot)` for all t, where `dot(v, i)` is
    `product(v, kernels[i])`.

    Args:
        step: made of elementwise functions and `dot`; it may call `dot` several times, with what
            an earlier `dot` gave too. Holds no Variables: all that is differentiated comes in.
        product: what joins states and a kernel; linear in the states, rows by themselves.
        inputs: structure of arrays, time first.
        fixed: a structure of arrays, time first, that is not differentiated (a mask), or None.
        constants: a structure of arrays, the same at all steps, that is not differentiated.
        states: arrays; the first one is the output of a step.
        kernels: structures of arrays.
        every: whether the outputs of all steps are wanted.
        reverse: from the last step to the first; outputs keep the places of their inputs.
        unroll: how many steps are written out in each turn of the loop.

    Returns:
        Outputs of all steps, time first, or None; and the last states.
    """
    loop = _Loop(step, product, every, {"reverse": reverse, "unroll": unroll})
    run = engine.custom_gradient(loop.run, loop.forward, loop.backward)
    return run(inputs, states, tuple(kernels), fixed, constants)


class _Loop:
    """One recurrence, its way there and its way back."""

    def __init__(self, step: Step, product: Callable, every: bool, how: dict[str, Any]):
        self.step, self.product, self.every, self.how = step, product, every, how
        self.used: list[int] = []  # for each product of a step the number of its kernel

    def run(self, inputs: Any, states: tuple, kernels: tuple, fixed: Any, constants: Any) -> tuple:
        """Outputs and last states, nothing remembered."""

        def once(states: tuple, given: tuple) -> tuple:
            new = self.step(*given, constants, states, lambda v, i: self.product(v, kernels[i]))
            return new, (new[0] if self.every else None)

        last, outputs = engine.scan(once, states, (inputs, fixed), **self.how)
        return outputs, last

    def forward(
        self, inputs: Any, states: tuple, kernels: tuple, fixed: Any, constants: Any
    ) -> tuple:
        """The same, remembering what went into each product, and the way back through each step.

        The way back is that of the elementwise part, with what products gave among its arguments:
        so no kernel is remembered step by step.
        """

        def once(states: tuple, given: tuple) -> tuple:
            x, still = given
            made: list = []
            self.used = []

            def dot(v: Any, i: int) -> Any:
                self.used.append(i)
                made.append(self.product(v, kernels[i]))
                return made[-1]

            self.step(x, still, constants, states, dot)

            def again(x: Any, states: tuple, made: list) -> tuple:
                seen: list = []

                def recall(v: Any, _: int) -> Any:
                    seen.append(v)
                    return made[len(seen) - 1]

                return self.step(x, still, constants, states, recall), seen

            (new, seen), back = engine.vjp(again, x, states, made)
            return new, (new[0] if self.every else None, seen, back)

        last, (outputs, seen, back) = engine.scan(once, states, (inputs, fixed), **self.how)
        return (outputs, last), (seen, back, kernels)

    def backward(self, saved: tuple, slopes: tuple) -> tuple:
        """Slopes by inputs, states and kernels, from those by outputs and last states."""
        seen, back, kernels = saved
        by_outputs, by_last = slopes

        def once(by_states: tuple, given: tuple) -> tuple:
            seen, back, by_output = given
            if self.every:
                by_states = (by_states[0] + by_output, *by_states[1:])
            by_seen = [engine.np.zeros_like(v) for v in seen]
            for n in reversed(range(len(seen))):  # a product may feed those after it
                _, _, by_made = back((by_states, by_seen))
                kernel = kernels[self.used[n]]
                _, through = engine.vjp(lambda v, k=kernel: self.product(v, k), seen[n])
                (by_seen[n],) = through(by_made[n])
            by_x, by_states, by_made = back((by_states, by_seen))
            # where inputs and a product are only added, their slopes are kept once
            return by_states, (by_x, [None if one is by_x else one for one in by_made])

        how = {**self.how, "reverse": not self.how["reverse"]}
        by_states, (by_inputs, by_made) = engine.scan(
            once, by_last, (seen, back, by_outputs), **how
        )
        by_made = [by_inputs if one is None else one for one in by_made]
        return by_inputs, by_states, self._by_kernels(kernels, seen, by_made), None, None

    def _by_kernels(self, kernels: tuple, seen: list, by_made: list) -> tuple:
        """For each kernel one product of all that went in and the slopes of all that came out."""
        found = [tree.map_structure(engine.np.zeros_like, k) for k in kernels]
        for i, v, by_product in zip(self.used, seen, by_made, strict=True):
            rows, by_rows = (x.reshape((-1, *x.shape[2:])) for x in (v, by_product))
            _, pull = engine.vjp(lambda k, rows=rows: self.product(rows, k), kernels[i])
            (by_kernel,) = pull(by_rows)
            found[i] = tree.map_structure(engine.np.add, found[i], by_kernel)
        return tuple(found)
