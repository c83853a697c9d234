"""Optimizers made of others: dynamic loss scaling, and any optax transformation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import engine, tree
from cornu.config import deserialize, serialize
from cornu.errors import UsageTypeError, shown
from cornu.optimizers.base import Optimizer
from cornu.optimizers.steps import choose, clipped, uncast
from cornu.state import Variable


class LossScaleOptimizer(Optimizer):
    """Scales the loss so that float16 gradients neither vanish nor overflow.

    The scale doubles after `dynamic_growth_steps` steps without an overflow. A step whose gradients
    are not finite is left out, and halves the scale. (Micikevicius et al., 2017,
    https://arxiv.org/abs/1710.03740)

    Args:
        inner_optimizer: the Optimizer that gets the gradients, unscaled.
        initial_scale: first scale of the loss.
        dynamic_growth_steps: finite steps after which the scale doubles.
        name: first part of the paths of its own Variables.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise UsageTypeError(
                "E-TYPE",
                f"LossScaleOptimizer wraps an optimizer; got {shown(inner_optimizer)}. "
                "Write LossScaleOptimizer(Adam()).",
            )
        super().__init__(learning_rate=0.0, name=name)  # pyright: ignore
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        self.inner_optimizer = inner_optimizer
        inner_optimizer.loss_scale_factor = None

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if "inner_optimizer" in self.__dict__:
            self.inner_optimizer.learning_rate = value
        else:  # while the base is set up; saved, as in Keras 3, and of no use
            self.__dict__["learning_rate"] = self._cell("learning_rate", value)

    @property
    def iterations(self) -> Any:
        """Those of the inner optimizer: steps left out do not count."""
        return self.inner_optimizer.iterations

    @property
    def variables(self) -> list[Variable]:
        """Its own, then those of the inner optimizer."""
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def hyper_variables(self) -> list[Variable]:
        """Those of the inner optimizer."""
        return self.inner_optimizer.hyper_variables

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        if not self.built:
            self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
            self.dynamic_scale = self.add_variable(
                (), lambda *_, **__: np.float32(self.initial_scale), "float32", name="dynamic_scale"
            )
        self.inner_optimizer.build(variables)
        super().build(variables)

    def apply(self, grads: Iterable[Any], trainable_variables: Any = None) -> None:
        """One step; parameters stay as they are where a gradient is not finite."""
        grads = list(grads)
        variables = self._known(grads, trainable_variables)
        present = [engine.array(g) for g in grads if g is not None]
        finite = engine.np.all(
            engine.np.stack([engine.np.all(engine.np.isfinite(g)) for g in present])
        )

        def take() -> None:
            scale = self.dynamic_scale.value
            unscaled = [g if g is None else g / engine.cast(scale, g.dtype) for g in grads]
            self.inner_optimizer.apply(unscaled, variables)
            grown = self.step_counter.value == self.dynamic_growth_steps - 1
            self.step_counter.assign(engine.np.where(grown, 0, self.step_counter.value + 1))
            self.dynamic_scale.assign(engine.np.where(grown, scale * 2, scale))

        def skip() -> None:
            self.step_counter.assign(np.int32(0))
            self.dynamic_scale.assign(self.dynamic_scale.value * 0.5)

        with uncast():
            choose(finite, take, skip, [*variables, *self.variables])

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the present scale."""
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "LossScaleOptimizer":
        """An optimizer from what `get_config` gave."""
        return cls(**{**config, "inner_optimizer": deserialize(config["inner_optimizer"])})


class Optax(Optimizer):
    """Any optax transformation: `p += learning_rate * update`, where optax makes the update.

    Clipping, weight decay, averages and accumulation of `Optimizer` work around it. It cannot be
    saved in a config, for it is made of functions; its state is saved with the others.

    Args:
        transformation: an object with optax's `init(params)` and `update(grads, state, params)`.
        learning_rate: a factor on updates, to be lowered by callbacks; 1 leaves them as optax made
            them.
        options: what every `Optimizer` takes.
    """

    def __init__(self, transformation: Any, learning_rate: float = 1.0, **options: Any):
        super().__init__(learning_rate=learning_rate, **options)  # pyright: ignore
        self.transformation: Any = transformation
        self._leaves: list[Variable | None] = []
        self._like: Any = ()

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        super().build(variables)
        self._like = self.transformation.init([engine.array(v.value, v.dtype) for v in variables])
        self._added.clear()
        self._leaves = [self._leaf(value) for value in tree.leaves(self._like)]

    def _leaf(self, value: Any) -> Variable | None:
        if not hasattr(value, "dtype"):
            return None
        self._added.append(self._kept(value, None, f"optax_{len(self._added)}"))
        return self._added[-1]

    def update(self, grads: list, variables: list[Variable]) -> None:
        grads, once = clipped(self, grads), self._at()
        given = {v: engine.cast(g, v.dtype) for g, v in zip(grads, variables, strict=True)}
        self._decay(variables, once)
        values = [engine.array(v.value, v.dtype) for v in self._trainable]
        everyone = zip(self._trainable, values, strict=True)
        all_grads = [given.get(v, engine.np.zeros_like(value)) for v, value in everyone]
        before = tree.leaves(self._like)
        now = [old if v is None else v.value for old, v in zip(before, self._leaves, strict=True)]
        held = tree.fill(self._like, now)
        updates, held = self.transformation.update(all_grads, held, values)
        for cell, value in zip(self._leaves, tree.leaves(held), strict=True):
            if cell is not None:
                cell.assign(value)
        for v, value, step in zip(self._trainable, values, updates, strict=True):
            if v in given:
                v.assign(value + engine.cast(once.learning_rate, v.dtype) * step)

    def get_config(self) -> dict[str, Any]:
        raise UsageTypeError(
            "E-SERIALIZE",
            "an optax transformation is made of functions and has no config. Save the weights, and "
            "compile the model again after loading it.",
        )

    def __repr__(self) -> str:
        return f"Optax({shown(self.transformation)})"


def is_optax(thing: Any) -> bool:
    """Whether `thing` has optax's two functions."""
    found: Sequence[Callable | None] = [getattr(thing, name, None) for name in ("init", "update")]
    return not isinstance(thing, (type, Optimizer)) and all(callable(f) for f in found)
