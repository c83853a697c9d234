"""The rules of gradient descent by momentum and by adaptive rates: one small class for each.

Every rule is for one parameter; see `Optimizer` in `base.py` for what surrounds it. Names in
formulas: p parameter, g gradient, m first and v second moment, t the step, 1 for the first.
"""

from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import Within
from cornu.optimizers.base import Optimizer, Slots
from cornu.optimizers.cells import Fraction, NotNegative, Rate
from cornu.optimizers.steps import norm
from cornu.state import Variable

MOMENTS = ("momentum", "velocity")


def unbias(beta: Any, step: Any) -> Any:
    """`1 - beta ** step`, exact where beta is near 1 and rounding would eat the difference."""
    return -engine.np.expm1(step * engine.np.log1p(beta - 1))


class SGD(Optimizer):
    """Gradient descent: `p -= lr * g`.

    With momentum `m = momentum * m - lr * g; p += m`, and with `nesterov`
    `p += momentum * m - lr * g` instead. (Sutskever et al., 2013)
    """

    learning_rate: Rate = 0.01
    momentum: Fraction = 0.0
    nesterov: bool = False

    def slots(self, variable: Variable) -> tuple:
        return ("momentum",) if self.momentum else ()

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        step = g * at.learning_rate
        if "momentum" not in slots:
            return p - step, {}
        m = slots["momentum"] * at.momentum - step
        p = p + (m * at.momentum - step if self.nesterov else m)
        return p, {"momentum": m}


class RMSprop(Optimizer):
    """`v = rho * v + (1 - rho) * g^2; p -= lr * g / sqrt(v + epsilon)`.

    With `centered`, v less the square of the mean gradient takes the place of v. With momentum
    `m = momentum * m + step; p -= m`. (Tieleman and Hinton, 2012; Graves, 2013)
    """

    learning_rate: Rate = 0.001
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: NotNegative = 1e-7
    centered: bool = False

    def slots(self, variable: Variable) -> tuple:
        moved = ("momentum",) if self.momentum else ()
        return ("velocity", *moved, *(("average_gradient",) if self.centered else ()))

    def once(self, at: SimpleNamespace) -> None:
        at.rest = 1 - at.rho

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        v = at.rho * slots["velocity"] + at.rest * (g * g)
        new, spread = {"velocity": v}, v
        if self.centered:
            mean = new["average_gradient"] = at.rho * slots["average_gradient"] + at.rest * g
            spread = v - mean * mean
        step = self.scaled(g, spread, at)
        if "momentum" in slots:
            step = new["momentum"] = at.momentum * slots["momentum"] + step
        return p - step, new

    def scaled(self, g: Any, spread: Any, at: SimpleNamespace) -> Any:
        """The step that is as long everywhere as the rate, on average."""
        return at.learning_rate * g / engine.np.sqrt(spread + at.epsilon)


class Adagrad(Optimizer):
    """`n += g^2; p -= lr * g / sqrt(n + epsilon)`. (Duchi, Hazan and Singer, 2011)"""

    learning_rate: Rate = 0.001
    initial_accumulator_value: NotNegative = 0.1
    epsilon: NotNegative = 1e-7

    def slots(self, variable: Variable) -> tuple:
        return ("accumulator",)

    def initial(self, slot: str, variable: Variable) -> Any:
        return np.full(variable.shape, float(self.initial_accumulator_value))

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        n = slots["accumulator"] + g * g
        return p - at.learning_rate * g / engine.np.sqrt(n + at.epsilon), {"accumulator": n}


class Adadelta(Optimizer):
    """`p -= lr * d` where `d = sqrt(s + epsilon) / sqrt(n + epsilon) * g`.

    n and s are moving averages, by rho, of g^2 and of d^2. (Zeiler, 2012,
    https://arxiv.org/abs/1212.5701)
    """

    learning_rate: Rate = 0.001
    rho: Fraction = 0.95
    epsilon: NotNegative = 1e-7

    def slots(self, variable: Variable) -> tuple:
        return (("accumulated_grad", "accumulated_delta_var"),)

    def once(self, at: SimpleNamespace) -> None:
        at.rest = 1 - at.rho

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        past = slots["accumulated_delta_var"]
        n = at.rho * slots["accumulated_grad"] + at.rest * (g * g)
        d = engine.np.sqrt(past + at.epsilon) / engine.np.sqrt(n + at.epsilon) * g
        past = at.rho * past + at.rest * (d * d)
        return p - at.learning_rate * d, {"accumulated_grad": n, "accumulated_delta_var": past}


class Adam(Optimizer):
    """Adaptive moments: `p -= alpha * m / (sqrt(v) + epsilon)`.

    `m += (1 - beta_1) (g - m)` and `v += (1 - beta_2) (g^2 - v)`; their bias is taken out through
    the rate, `alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)`, so that epsilon is added to the
    biased root. With `amsgrad` the largest v so far is used. (Kingma and Ba, 2014,
    https://arxiv.org/abs/1412.6980, end of section 2; Reddi et al., 2018)
    """

    learning_rate: Rate = 0.001
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: NotNegative = 1e-7
    amsgrad: bool = False

    def slots(self, variable: Variable) -> tuple:
        return (MOMENTS, "velocity_hat") if self.amsgrad else (MOMENTS,)

    def once(self, at: SimpleNamespace) -> None:
        at.rest_1, at.rest_2 = 1 - at.beta_1, 1 - at.beta_2
        root = engine.np.sqrt(unbias(at.beta_2, at.step))
        at.alpha = at.learning_rate * root / unbias(at.beta_1, at.step)

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        if not self.amsgrad:
            rates = (at.alpha, at.rest_1, at.rest_2, at.epsilon)
            found = engine.adam(p, slots["momentum"], slots["velocity"], g, rates)
            if found is not None:
                return found[0], {"momentum": found[1], "velocity": found[2]}
        m, v = moments(g, slots, at)
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = engine.np.maximum(slots["velocity_hat"], v)
        return p - m * at.alpha / (engine.np.sqrt(v) + at.epsilon), new


def moments(g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Any]:
    """The new moving averages of g and of g^2."""
    m = slots["momentum"] + (g - slots["momentum"]) * at.rest_1
    v = slots["velocity"] + (g * g - slots["velocity"]) * at.rest_2
    return m, v


class AdamW(Adam):
    """Adam with decoupled weight decay. (Loshchilov and Hutter, 2017, arXiv:1711.05101)"""

    weight_decay: NotNegative = 0.004  # pyright: ignore


class Adamax(Optimizer):
    """`u = max(beta_2 * u, |g|); p -= lr / (1 - beta_1^t) * m / (u + epsilon)`.

    `m += (1 - beta_1) (g - m)`. (Kingma and Ba, 2014, https://arxiv.org/abs/1412.6980, section 7)
    """

    learning_rate: Rate = 0.001
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: NotNegative = 1e-7

    def slots(self, variable: Variable) -> tuple:
        return (("momentum", "norm"),)

    def once(self, at: SimpleNamespace) -> None:
        at.rest = 1 - at.beta_1
        at.alpha = at.learning_rate / unbias(at.beta_1, at.step)

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        m = slots["momentum"] + (g - slots["momentum"]) * at.rest
        u = engine.np.maximum(at.beta_2 * slots["norm"], engine.np.abs(g))
        return p - at.alpha * m / (u + at.epsilon), {"momentum": m, "norm": u}


class Nadam(Optimizer):
    """Adam with Nesterov's momentum: `p -= lr * m' / (sqrt(v') + epsilon)`.

    With `u_t = beta_1 (1 - 0.5 * 0.96^t)` and `U_t` the product of u_1 ... u_t,
    `m' = u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t)` and `v' = v / (1 - beta_2^t)`.
    (Dozat, 2015)
    """

    learning_rate: Rate = 0.001
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: NotNegative = 1e-7

    def slots(self, variable: Variable) -> tuple:
        return (MOMENTS,)

    def shared_slots(self) -> dict[str, float]:
        return {"u_product": 1.0}

    def warmed(self, at: SimpleNamespace, step: Any) -> Any:
        """`u_t`: the momentum of a step, which grows to beta_1."""
        return at.beta_1 * (1 - 0.5 * engine.np.power(0.96, step))

    def once(self, at: SimpleNamespace) -> None:
        at.rest_1, at.rest_2 = 1 - at.beta_1, 1 - at.beta_2
        now, later = self.warmed(at, at.step), self.warmed(at, at.step + 1)
        product = self.shared["u_product"].value * now
        self.shared["u_product"].assign(product)
        at.of_m = at.learning_rate * later / (1 - product * later)
        at.of_g = at.learning_rate * (1 - now) / (1 - product)
        at.of_v = 1 / unbias(at.beta_2, at.step)

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        m, v = moments(g, slots, at)
        p = p - (at.of_m * m + at.of_g * g) / (engine.np.sqrt(v * at.of_v) + at.epsilon)
        return p, {"momentum": m, "velocity": v}


class Ftrl(Optimizer):
    """Follow the regularized leader, which makes sparse models by `l1_regularization_strength`.

    With `n' = n + g^2` and `a = -learning_rate_power`:
    `z += g + 2 * shrinkage * p - (n'^a - n^a) / lr * p;`
    `p = (clip(z, -l1, l1) - z) / (n'^a / lr + 2 * l2 + beta / lr)`.
    (McMahan et al., 2013, "Ad click prediction: a view from the trenches")
    """

    learning_rate: Rate = 0.001
    learning_rate_power: Annotated[float, Within(None, 0)] = -0.5
    initial_accumulator_value: NotNegative = 0.1
    l1_regularization_strength: NotNegative = 0.0
    l2_regularization_strength: NotNegative = 0.0
    l2_shrinkage_regularization_strength: NotNegative = 0.0
    beta: NotNegative = 0.0

    def slots(self, variable: Variable) -> tuple:
        return (("accumulator", "linear"),)

    def initial(self, slot: str, variable: Variable) -> Any:
        start = float(self.initial_accumulator_value) if slot == "accumulator" else 0.0
        return np.full(variable.shape, start)

    def once(self, at: SimpleNamespace) -> None:
        at.shrinkage = 2 * at.l2_shrinkage_regularization_strength
        at.l2 = 2 * at.l2_regularization_strength + at.beta / at.learning_rate

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        xp, l1, n = engine.np, at.l1_regularization_strength, slots["accumulator"]
        new = n + g * g
        root = xp.power(new, -at.learning_rate_power)
        grown = (root - xp.power(n, -at.learning_rate_power)) / at.learning_rate
        z = slots["linear"] + g + at.shrinkage * p - grown * p
        p = (xp.clip(z, -l1, l1) - z) / (root / at.learning_rate + at.l2)
        return p, {"accumulator": new, "linear": z}


class Lion(Optimizer):
    """`p -= lr * sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g`.

    (Chen et al., 2023, https://arxiv.org/abs/2302.06675)
    """

    learning_rate: Rate = 0.001
    beta_1: Annotated[float, Within(0, 1, open="(")] = 0.9
    beta_2: Fraction = 0.99

    def slots(self, variable: Variable) -> tuple:
        return ("momentum",)

    def once(self, at: SimpleNamespace) -> None:
        at.rest_1, at.rest_2 = 1 - at.beta_1, 1 - at.beta_2

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        m = slots["momentum"]
        p = p - at.learning_rate * engine.np.sign(m * at.beta_1 + g * at.rest_1)
        return p, {"momentum": m * at.beta_2 + g * at.rest_2}


class Lamb(Optimizer):
    """Adam's step d, made as long as the parameter: `p -= lr * |p| / |d| * d`.

    `d = m' / (sqrt(v') + epsilon)` with both moments free of bias; the ratio is 1 where either norm
    is 0. (You et al., 2019, https://arxiv.org/abs/1904.00962)
    """

    learning_rate: Rate = 0.001
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: NotNegative = 1e-7

    def slots(self, variable: Variable) -> tuple:
        return (MOMENTS,)

    def once(self, at: SimpleNamespace) -> None:
        at.rest_1, at.rest_2 = 1 - at.beta_1, 1 - at.beta_2
        at.of_m, at.of_v = 1 / unbias(at.beta_1, at.step), 1 / unbias(at.beta_2, at.step)

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        m, v = moments(g, slots, at)
        d = m * at.of_m / (engine.np.sqrt(v * at.of_v) + at.epsilon)
        long, short = norm(p), norm(d)
        both = (long > 0) & (short > 0)
        ratio = engine.np.where(both, long / engine.np.where(both, short, 1), 1)
        return p - engine.cast(ratio, p.dtype) * at.learning_rate * d, {
            "momentum": m,
            "velocity": v,
        }


class ScheduleFreeAdamW(Optimizer):
    """Adam's steps on z, whose running mean x is the answer; no schedule is needed.

    `z -= lr * g / (sqrt(v') + epsilon); x += (z - x) / t; p = (1 - beta_1) z + beta_1 x`. The slot
    "momentum" holds z, which begins at p. (Defazio et al., 2024, arXiv:2405.15682)
    """

    learning_rate: Rate = 0.0025
    beta_1: Annotated[float, Within(0, 1, open="(")] = 0.9
    beta_2: Fraction = 0.999
    epsilon: NotNegative = 1e-8
    warmup_steps: Annotated[int, Within(0)] = 0

    def slots(self, variable: Variable) -> tuple:
        return (MOMENTS,)

    def initial(self, slot: str, variable: Variable) -> Any:
        return variable.numpy() if slot == "momentum" else super().initial(slot, variable)

    def once(self, at: SimpleNamespace) -> None:
        at.rest_1, at.rest_2 = 1 - at.beta_1, 1 - at.beta_2
        at.of_v = 1 / unbias(at.beta_2, at.step)
        at.share = 1 / at.step
        at.rate = at.learning_rate
        if self.warmup_steps:
            at.rate = at.rate * engine.np.minimum(at.step / self.warmup_steps, 1)

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        z = slots["momentum"]
        x = (p - at.rest_1 * z) / at.beta_1
        v = slots["velocity"] + (g * g - slots["velocity"]) * at.rest_2
        z = z - at.rate * g / (engine.np.sqrt(v * at.of_v) + at.epsilon)
        x = x + (z - x) * at.share
        return at.rest_1 * z + at.beta_1 * x, {"momentum": z, "velocity": v}
