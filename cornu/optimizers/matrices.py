"""Rules that see a parameter as a matrix: Adafactor keeps its rows and columns, Muon turns it."""

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import Within, field
from cornu.optimizers.base import Optimizer, Slots
from cornu.optimizers.cells import Fraction, NotNegative, Rate
from cornu.optimizers.rules import MOMENTS, moments, unbias
from cornu.optimizers.steps import norm
from cornu.state import Variable


class Adafactor(Optimizer):
    """Adam's second moment from the means of its rows and columns: little memory.

    For matrices `v = row * column / mean(row)`, both moving averages of `g^2 + epsilon_1` by
    `beta = 1 - t^beta_2_decay`; for vectors v itself is such an average. With
    `d = g / sqrt(v)` and `rms(x) = sqrt(mean(x^2))`:
    `p -= max(epsilon_2, rms(p)) * min(lr, 1 / sqrt(t)) * d / max(1, rms(d) / clip_threshold)`.
    `relative_step` is taken as Keras 3 takes it: the rate is bounded by `1 / sqrt(t)` either way.
    (Shazeer and Stern, 2018, https://arxiv.org/abs/1804.04235)
    """

    learning_rate: Rate = 0.001
    beta_2_decay: Annotated[float, Within(None, 0)] = -0.8
    epsilon_1: NotNegative = 1e-30
    epsilon_2: NotNegative = 1e-3
    clip_threshold: Annotated[float, Within(0, open="(")] = 1.0
    relative_step: bool = True

    def slots(self, variable: Variable) -> tuple:
        return (("row", "column", "velocity"),)

    def initial(self, slot: str, variable: Variable) -> Any:
        if slot == "velocity":
            return super().initial(slot, variable)
        if len(variable.shape) < 2:
            return np.zeros((), "int32")  # not used; Keras 3 saves one in this place
        kept = variable.shape[:-1] if slot == "row" else variable.shape[:-2] + variable.shape[-1:]
        return np.zeros(kept, "float32")

    def slot_name(self, slot: str, variable: Variable) -> str:
        return variable.name if slot in ("row", "column") else super().slot_name(slot, variable)

    def once(self, at: SimpleNamespace) -> None:
        at.rest = engine.np.power(at.step, at.beta_2_decay)
        at.rho = engine.np.minimum(at.learning_rate, 1 / engine.np.sqrt(at.step))

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        square, new = g * g + at.epsilon_1, {}
        if p.ndim < 2:
            v = slots["velocity"] + (square - slots["velocity"]) * at.rest
        else:
            for slot, axis in (("row", -1), ("column", -2)):
                mean = engine.np.mean(square, axis=axis)
                new[slot] = slots[slot] + (mean - slots[slot]) * at.rest
            row = new["row"] / engine.np.mean(new["row"], axis=-1, keepdims=True)
            v = row[..., None] * new["column"][..., None, :]
        d = g / engine.np.sqrt(v)
        d = d / engine.np.maximum(1, _rms(d) / at.clip_threshold)
        step = engine.np.maximum(at.epsilon_2, _rms(p)) * at.rho
        return p - step * d, {**new, "velocity": v}


def _rms(x: Any) -> Any:
    return engine.np.sqrt(engine.np.mean(engine.np.square(x)))


class Muon(Optimizer):
    """Momentum made orthogonal for matrices; AdamW for everything else.

    `m = momentum * m + g`, then `ns_steps` of Newton and Schulz's iteration with `muon_a`, `muon_b`
    and `muon_c` bring m's singular values near 1: `p -= lr * rms_rate * sqrt(longer side) * that`.
    With `nesterov`, `g + momentum * m` takes the place of m. Embeddings, and layers whose path
    matches one of `exclude_layers`, go by AdamW, at the rate `lr * adam_lr_ratio`.
    (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon; Liu et al., 2025,
    arXiv:2502.16982)
    """

    learning_rate: Rate = 0.001
    adam_beta_1: Fraction = 0.9
    adam_beta_2: Fraction = 0.999
    adam_weight_decay: NotNegative | None = 0.004
    epsilon: NotNegative = 1e-7
    weight_decay: NotNegative | None = 0.004
    exclude_layers: Sequence[str] | None = field(default=None, kw_only=True)
    exclude_embeddings: bool = field(default=True, kw_only=True)
    muon_a: float = field(default=3.4445, kw_only=True)
    muon_b: float = field(default=-4.7750, kw_only=True)
    muon_c: float = field(default=2.0315, kw_only=True)
    adam_lr_ratio: NotNegative = field(default=1, kw_only=True)
    momentum: Fraction = field(default=0.95, kw_only=True)
    ns_steps: Annotated[int, Within(0)] = field(default=5, kw_only=True)
    nesterov: bool = field(default=True, kw_only=True)
    rms_rate: NotNegative | None = field(default=0.2, kw_only=True)

    def goes_by_adam(self, variable: Variable) -> bool:
        """Whether AdamW updates a variable: no matrix, an embedding, or an excluded one."""
        embedding = self.exclude_embeddings and "embedding" in variable.path.lower()
        excluded = any(re.search(word, variable.path) for word in self.exclude_layers or ())
        return len(variable.shape) != 2 or embedding or excluded

    def slots(self, variable: Variable) -> tuple:
        return (MOMENTS,) if self.goes_by_adam(variable) else ("momentum",)

    def once(self, at: SimpleNamespace) -> None:
        at.rest_1, at.rest_2 = 1 - at.adam_beta_1, 1 - at.adam_beta_2
        root = engine.np.sqrt(unbias(at.adam_beta_2, at.step))
        at.alpha = at.learning_rate * at.adam_lr_ratio * root / unbias(at.adam_beta_1, at.step)
        if self.adam_weight_decay is not None:
            at.adam_decay = at.adam_weight_decay * at.learning_rate

    def decayed(self, variable: Variable, at: SimpleNamespace) -> Any:
        if not self.goes_by_adam(variable):
            return super().decayed(variable, at)
        if self.adam_weight_decay is None or not self.decays(variable):
            return variable.value
        return variable.value * (1 - at.adam_decay)

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        if "velocity" in slots:
            m, v = moments(g, slots, at)
            p = p - m * at.alpha / (engine.np.sqrt(v) + at.epsilon)
            return p, {"momentum": m, "velocity": v}
        m = slots["momentum"] * at.momentum + g
        step = self._orthogonal(g + at.momentum * m if self.nesterov else m, at)
        if self.rms_rate is not None:
            step = step * (max(p.shape) ** 0.5 * at.rms_rate)
        return p - at.learning_rate * step, {"momentum": m}

    def _orthogonal(self, x: Any, at: SimpleNamespace) -> Any:
        """`x` (rows, columns) with its singular values brought near 1."""
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (engine.cast(norm([x]), x.dtype) + 1e-7)
        for _ in range(self.ns_steps):
            a = x @ x.T  # (shorter side, shorter side)
            x = at.muon_a * x + (at.muon_b * a + at.muon_c * (a @ a)) @ x
        return x.T if tall else x
