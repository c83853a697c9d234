"""Optimizers made of others (loss scaling, optax), and optimizers of one's own."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from contracts.optimizers_table import (
    STEPS,
    Row,
    assert_near,
    compiled,
    sgd,
    trained,
    values,
    variables,
)
from cornu import engine, optimizers
from cornu.errors import UsageTypeError


def test_dynamic_loss_scaling():
    params, steps = values(5)
    cells = variables(params)
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.SGD(0.1), initial_scale=8.0, dynamic_growth_steps=2
    )
    run = compiled(optimizer, cells)
    scales, expected = [], params
    for number, grads in enumerate(steps):
        scale = float(optimizer.scale_loss(np.float32(1.0)))
        scales.append(scale)
        broken = number == 3
        given = [(g * scale).astype("float32") for g in grads]
        if broken:
            given[0][0, 0] = np.nan
        else:
            expected = [p - 0.1 * g for p, g in zip(expected, grads, strict=True)]
        run(given)
    assert scales == [8.0, 8.0, 16.0, 16.0, 8.0]
    assert int(optimizer.iterations) == 4
    assert_near([c.numpy() for c in cells], expected, 1e-6)
    optimizer.learning_rate = 0.5
    assert float(optimizer.inner_optimizer.learning_rate) == 0.5
    again = optimizers.get(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    with pytest.raises(UsageTypeError, match="Write LossScaleOptimizer"):
        optimizers.LossScaleOptimizer("adam")


class Transformation(NamedTuple):
    """What optax calls a gradient transformation."""

    init: Callable
    update: Callable


class Trace(NamedTuple):
    """The state of one."""

    count: Any
    trace: list
    nothing: None = None


def heavy_ball(rate: float, decay: float) -> Transformation:
    def init(params):
        return Trace(np.zeros((), "int32"), [0 * p for p in params])

    def update(grads, old, params):
        trace = [g + decay * t for g, t in zip(grads, old.trace, strict=True)]
        return [-rate * t for t in trace], Trace(old.count + 1, trace)

    return Transformation(init, update)


def test_a_transformation_in_the_manner_of_optax():
    params, steps = values()
    optimizer = optimizers.get(heavy_ball(0.05, 0.9))
    assert isinstance(optimizer, optimizers.Optax)
    row = Row("SGD", {"momentum": 0.9}, sgd)
    assert_near(trained(optimizer, params, steps), row.expected(params, steps), 1e-6)
    count = [v for v in optimizer.variables if v.dtype == "int32" and v.path.endswith("optax_0")]
    assert int(count[0]) == STEPS
    with pytest.raises(UsageTypeError, match="has no config"):
        optimizer.get_config()


# ---------------------------------------------------------------- optimizers of one's own


class Signed(optimizers.Optimizer):
    """A rule in Cornu's manner, with a number and a slot of its own."""

    learning_rate: float = 0.1
    share: float = 0.5

    def slots(self, variable):
        return ("mean",)

    def rule(self, p, g, slots, at):
        mean = slots["mean"] * at.share + g * (1 - at.share)
        return p - at.learning_rate * engine.np.sign(mean), {"mean": mean}


class Heavy(optimizers.Optimizer):
    """An optimizer written as for Keras 3."""

    def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        super().build(variables)
        self.moved = self.add_optimizer_variables(variables, "moved")

    def update_step(self, gradient, variable, learning_rate):
        m = self.moved[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


def test_a_rule_of_ones_own():
    params, steps = values()
    optimizer = Signed(share=0.25)
    assert list(inspect.signature(Signed).parameters)[:3] == [
        "learning_rate",
        "share",
        "weight_decay",
    ]
    expected, mean = params, [0.0, 0.0]
    for grads in steps:
        mean = [0.25 * m + 0.75 * g for m, g in zip(mean, grads, strict=True)]
        expected = [p - 0.1 * np.sign(m) for p, m in zip(expected, mean, strict=True)]
    assert_near(trained(optimizer, params, steps), expected, 1e-6)
    config = optimizers.serialize(optimizer)
    again = optimizers.deserialize(config, custom_objects={"Signed": Signed})
    assert float(again.share) == 0.25


def test_an_optimizer_written_as_for_keras_3():
    params, steps = values()
    optimizer = Heavy(0.05, momentum=0.9, weight_decay=0.1)
    expected, m = params, [0.0, 0.0]
    for grads in steps:
        m = [0.9 * old - 0.05 * g for old, g in zip(m, grads, strict=True)]
        expected = [p * (1 - 0.005) + step for p, step in zip(expected, m, strict=True)]
    assert_near(trained(optimizer, params, steps), expected, 1e-6)
    optimizer.build(optimizer._trainable)
    assert [v.name for v in optimizer.variables[2:]] == ["dense_kernel_moved", "dense_bias_moved"]
    again = optimizers.deserialize(optimizers.serialize(optimizer), {"Heavy": Heavy})
    assert again.momentum == 0.9 and float(again.weight_decay) == pytest.approx(0.1)
