"""The table of optimizers: each rule in float64 NumPy from its formula, and how to run one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import cornu.graph  # noqa: F401  (gives Variables their arithmetic)
from cornu import engine, optimizers, state
from cornu.state import Variable

STEPS = 12
SHAPES = ((3, 4), (5,))

# ---------------------------------------------------------------- the rules, in float64
# Each takes one parameter, its gradient, a dict to keep things in, the step (from 1) and the rest.


def sgd(p, g, keep, t, lr, momentum=0.0, nesterov=False):
    if not momentum:
        return p - lr * g
    m = keep["m"] = momentum * keep.get("m", 0.0) - lr * g
    return p + momentum * m - lr * g if nesterov else p + m


def rmsprop(p, g, keep, t, lr, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    v = keep["v"] = rho * keep.get("v", 0.0) + (1 - rho) * g**2
    mean = keep["mean"] = rho * keep.get("mean", 0.0) + (1 - rho) * g
    step = lr * g / np.sqrt(v - centered * mean**2 + epsilon)
    m = keep["m"] = momentum * keep.get("m", 0.0) + step
    return p - m


def adagrad(p, g, keep, t, lr, initial_accumulator_value=0.1, epsilon=1e-7):
    n = keep["n"] = keep.get("n", initial_accumulator_value) + g**2
    return p - lr * g / np.sqrt(n + epsilon)


def adadelta(p, g, keep, t, lr, rho=0.95, epsilon=1e-7):
    n = keep["n"] = rho * keep.get("n", 0.0) + (1 - rho) * g**2
    d = np.sqrt(keep.get("s", 0.0) + epsilon) / np.sqrt(n + epsilon) * g
    keep["s"] = rho * keep.get("s", 0.0) + (1 - rho) * d**2
    return p - lr * d


def means(g, keep, beta_1, beta_2):
    keep["m"] = beta_1 * keep.get("m", 0.0) + (1 - beta_1) * g
    keep["v"] = beta_2 * keep.get("v", 0.0) + (1 - beta_2) * g**2
    return keep["m"], keep["v"]


def adam(p, g, keep, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
    m, v = means(g, keep, beta_1, beta_2)
    v = keep["most"] = np.maximum(keep.get("most", 0.0), v) if amsgrad else v
    return p - lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)


def adamw(p, g, keep, t, lr, weight_decay=0.004, **rest):
    return adam(p - lr * weight_decay * p, g, keep, t, lr, **rest)


def adamax(p, g, keep, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m, _ = means(g, keep, beta_1, beta_2)
    u = keep["u"] = np.maximum(beta_2 * keep.get("u", 0.0), np.abs(g))
    return p - lr / (1 - beta_1**t) * m / (u + epsilon)


def nadam(p, g, keep, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m, v = means(g, keep, beta_1, beta_2)
    mu = [beta_1 * (1 - 0.5 * 0.96**i) for i in range(1, t + 2)]
    m_hat = mu[-1] * m / (1 - np.prod(mu)) + (1 - mu[-2]) * g / (1 - np.prod(mu[:-1]))
    return p - lr * m_hat / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def ftrl(p, g, keep, t, lr, power=-0.5, start=0.1, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0):
    n = keep.get("n", start)
    new = keep["n"] = n + g**2
    sigma = (new**-power - n**-power) / lr
    z = keep["z"] = keep.get("z", 0.0) + g + 2 * shrinkage * p - sigma * p
    return np.where(
        np.abs(z) > l1, (np.sign(z) * l1 - z) / (new**-power / lr + 2 * l2 + beta / lr), 0.0
    )


def lion(p, g, keep, t, lr, beta_1=0.9, beta_2=0.99):
    m = keep.get("m", np.zeros_like(p))
    keep["m"] = beta_2 * m + (1 - beta_2) * g
    return p - lr * np.sign(beta_1 * m + (1 - beta_1) * g)


def lamb(p, g, keep, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    m, v = means(g, keep, beta_1, beta_2)
    d = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
    ratio = np.linalg.norm(p) / np.linalg.norm(d) if np.any(p) and np.any(d) else 1.0
    return p - ratio * lr * d


def schedule_free(p, g, keep, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup=0):
    z, x = keep.get("z", p), keep.get("x", p)
    _, v = means(g, keep, beta_1, beta_2)
    lr = lr * min(t / warmup, 1) if warmup else lr
    keep["z"] = z = z - lr * g / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
    keep["x"] = x = (1 - 1 / t) * x + z / t
    return (1 - beta_1) * z + beta_1 * x


def adafactor(p, g, keep, t, lr, decay=-0.8, least=1e-3, clip=1.0):
    def rms(x):
        return np.sqrt(np.mean(x**2))

    beta, square = 1 - t**decay, g**2 + 1e-30
    if p.ndim == 1:
        v = keep["v"] = beta * keep.get("v", 0.0) + (1 - beta) * square
    else:
        row = keep["r"] = beta * keep.get("r", 0.0) + (1 - beta) * square.mean(-1)
        column = keep["c"] = beta * keep.get("c", 0.0) + (1 - beta) * square.mean(-2)
        v = np.einsum("...r,...c->...rc", row / row.mean(-1, keepdims=True), column)
    d = g / np.sqrt(v)
    return p - max(least, rms(p)) * min(lr, 1 / np.sqrt(t)) * d / max(1.0, rms(d) / clip)


def muon(p, g, keep, t, lr, momentum=0.95, nesterov=True, rate=0.2, steps=5, decay=0.004):
    p = p - lr * decay * p
    if p.ndim != 2:
        return adam(p, g, keep, t, lr)
    m = keep["m"] = momentum * keep.get("m", 0.0) + g
    m = g + momentum * m if nesterov else m
    u, s, v = np.linalg.svd(m, full_matrices=False)
    s = s / (np.sqrt(np.sum(s**2)) + 1e-7)
    for _ in range(steps):  # the iteration maps singular values by this polynomial
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    scale = 1.0 if rate is None else rate * np.sqrt(max(p.shape))
    return p - lr * scale * (u * s) @ v


class Row(NamedTuple):
    """One optimizer with some options, and its formula with the same ones."""

    name: str
    options: dict[str, Any]
    formula: Callable
    formula_options: dict[str, Any] | None = None  # where they differ from `options`
    still: bool = True  # zero gradients change nothing
    lr: float = 0.05

    def make(self, **more: Any) -> Any:
        rate = {"learning_rate": self.lr}
        return getattr(optimizers, self.name)(**{**rate, **self.options, **more})

    def expected(self, params: list, steps: list) -> list:
        options = self.options if self.formula_options is None else self.formula_options
        kept = [{} for _ in params]
        for t, grads in enumerate(steps, start=1):
            rows = zip(params, grads, kept, strict=True)
            params = [self.formula(p, g, k, t, self.lr, **options) for p, g, k in rows]
        return params

    def __str__(self) -> str:
        return f"{self.name}-{'-'.join(self.options)}".rstrip("-")


FTRL = {
    "learning_rate_power": -0.4,
    "initial_accumulator_value": 0.3,
    "l1_regularization_strength": 0.5,
    "l2_regularization_strength": 0.2,
    "l2_shrinkage_regularization_strength": 0.1,
    "beta": 0.3,
}
FTRL_FORMULA = {"power": -0.4, "start": 0.3, "l1": 0.5, "l2": 0.2, "shrinkage": 0.1, "beta": 0.3}

ROWS = [
    Row("SGD", {}, sgd),
    Row("SGD", {"momentum": 0.9}, sgd),
    Row("SGD", {"momentum": 0.8, "nesterov": True}, sgd),
    Row("RMSprop", {}, rmsprop),
    Row("RMSprop", {"rho": 0.8, "momentum": 0.7, "epsilon": 1e-3, "centered": True}, rmsprop),
    Row("Adagrad", {}, adagrad),
    Row("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 1e-2}, adagrad),
    Row("Adadelta", {}, adadelta, lr=1.0),
    Row("Adadelta", {"rho": 0.8, "epsilon": 1e-3}, adadelta),
    Row("Adam", {}, adam),
    Row("Adam", {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-2, "amsgrad": True}, adam),
    Row("AdamW", {"weight_decay": 0.1}, adamw, still=False),
    Row("Adamax", {}, adamax),
    Row("Adamax", {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-2}, adamax),
    Row("Nadam", {}, nadam),
    Row("Nadam", {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-2}, nadam),
    Row("Ftrl", {}, ftrl, still=False),
    Row("Ftrl", FTRL, ftrl, FTRL_FORMULA, still=False),
    Row("Lion", {"beta_1": 0.8, "beta_2": 0.9}, lion),
    Row("Lamb", {}, lamb),
    Row("ScheduleFreeAdamW", {"warmup_steps": 5}, schedule_free, {"warmup": 5}),
    Row("Adafactor", {}, adafactor, lr=0.4),
    Row(
        "Adafactor",
        {"beta_2_decay": -0.6, "epsilon_2": 2.0, "clip_threshold": 0.5},
        adafactor,
        {"decay": -0.6, "least": 2.0, "clip": 0.5},
    ),
    Row("Muon", {}, muon, still=False),
    Row(
        "Muon",
        {"nesterov": False, "momentum": 0.8, "rms_rate": None, "ns_steps": 3},
        muon,
        {"nesterov": False, "momentum": 0.8, "rate": None, "steps": 3},
        still=False,
    ),
]
WRAPPERS = {"LossScaleOptimizer", "MultiOptimizer", "Optax", "OptimizerMap"}
"""Optimizers made of others: they have tests of their own below."""


# ---------------------------------------------------------------- making and running


def values(count: int = STEPS, seed: int = 3) -> tuple[list, list]:
    """Parameters, and gradients for each step, in float64."""
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=shape) for shape in SHAPES]
    return params, [[rng.normal(size=shape) for shape in SHAPES] for _ in range(count)]


def variables(params: list, dtype: str = "float32") -> list[Variable]:
    names = ("kernel", "bias")
    return [
        Variable(p, dtype=dtype, name=n, path=f"dense/{n}")
        for p, n in zip(params, names, strict=True)
    ]


def compiled(optimizer: Any, cells: list[Variable]) -> Callable:
    """One compiled step on the live Variables; `.traces` counts its compilations."""
    optimizer.build(cells)
    bound = [*cells, *optimizer.variables, *optimizer.hyper_variables]

    def step(grads: list) -> None:
        run.traces += 1
        optimizer.apply(grads, cells)

    pure = engine.jit(state.pure(step, bound))

    def run(grads: list) -> None:
        _, news, _ = pure([c.value for c in bound], grads)
        for cell, value in zip(bound, news, strict=True):
            cell._value = value

    run.traces = 0
    return run


def trained(optimizer: Any, params: list, steps: list, dtype: str = "float32") -> list:
    """The parameters after the steps, as float64 arrays."""
    cells = variables(params, dtype)
    run = compiled(optimizer, cells)
    for grads in steps:
        run([np.asarray(g, dtype) if dtype != "bfloat16" else g.astype("float32") for g in grads])
    return [np.asarray(c.numpy(), "float64") for c in cells]


def assert_near(found: list, expected: list, tolerance: float) -> None:
    for f, e in zip(found, expected, strict=True):
        assert np.max(np.abs(f - e)) <= tolerance * max(1.0, np.max(np.abs(e)))
