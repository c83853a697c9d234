"""`fit` with every optimizer, option and schedule goes where Keras 3.15.1 goes."""

import json

import numpy as np
import pytest

import cornu
from peers.checks import NEAR, ROWS, Case, trained_alike

pytestmark = pytest.mark.peers


def model(k):
    layers = k.layers
    dense = layers.Dense(6, activation="tanh", kernel_constraint="max_norm")
    return k.Sequential([k.Input((4,)), dense, layers.Dense(2)])


def data(rng):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    return x, rng.normal(size=(ROWS, 2)).astype("float32")


PLAIN = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "rho": 0.8}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.1}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", {"l1_regularization_strength": 0.01, "beta": 0.1}),
    ("Lion", {"learning_rate": 0.001}),
    ("Lamb", {}),
    ("Adafactor", {}),
    ("Muon", {"adam_lr_ratio": 0.5}),
    ("ScheduleFreeAdamW", {"warmup_steps": 4}),
]
SURROUNDED = [
    ("SGD", {"clipnorm": 0.3}),
    ("SGD", {"clipvalue": 0.02, "momentum": 0.9}),
    ("Adam", {"global_clipnorm": 0.3}),
    ("Adam", {"weight_decay": 0.05}),
    ("RMSprop", {"weight_decay": 0.05, "clipnorm": 0.5}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.8}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3}),
    ("Adam", {"gradient_accumulation_steps": 3}),
    ("SGD", {"gradient_accumulation_steps": 2, "clipnorm": 0.3, "momentum": 0.5}),
    ("SGD", {"loss_scale_factor": 128.0}),
]
SCHEDULES = [
    ("ExponentialDecay", (0.05, 4, 0.7), {}),
    ("ExponentialDecay", (0.05, 4, 0.7), {"staircase": True}),
    ("PiecewiseConstantDecay", ([3, 7], [0.05, 0.02, 0.1]), {}),
    ("PolynomialDecay", (0.05, 8, 0.01), {"power": 2.0}),
    ("PolynomialDecay", (0.05, 4, 0.01), {"cycle": True}),
    ("InverseTimeDecay", (0.05, 3, 0.5), {}),
    ("CosineDecay", (0.01, 9), {"alpha": 0.1, "warmup_target": 0.05, "warmup_steps": 3}),
    ("CosineDecayRestarts", (0.05, 4), {"t_mul": 1.5, "m_mul": 0.8}),
]


ROUGH = {"rtol": 2e-5, "atol": 2e-5}
"""Keras rounds 1 - beta_2**step, about 0.001, to float32's 6e-8: 3e-5 of a step."""


def near(name):
    return ROUGH if name.startswith("Adam") else NEAR


def compiled(make):
    return lambda k: {"optimizer": make(k), "loss": "mse", "metrics": ["mae"]}


def optimizer(name, options):
    return lambda k: getattr(k.optimizers, name)(**{"learning_rate": 0.02, **options})


@pytest.mark.parametrize("name, options", [*PLAIN, *SURROUNDED])
def test_optimizer(name, options, keras):
    case = Case(name, model, data, compiled(optimizer(name, options)), near=near(name))
    ours, theirs = trained_alike(case, keras)
    assert int(ours.optimizer._iterations.value) == int(theirs.optimizer._iterations.value)
    if options.get("use_ema"):
        return  # Keras hands its averages to the model, whose next program deletes them
    mine, its = ours.optimizer.variables, theirs.optimizer.variables
    assert [v.shape for v in mine] == [tuple(v.shape) for v in its]
    for a, b in zip(mine, its, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-4, atol=1e-5, err_msg=b.path)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adamw", "nadam", "adamax", "lion"])
def test_optimizer_by_name(name, keras):
    said = {"optimizer": name, "loss": "mse"}
    case = Case(name, model, data, lambda k: said, near=near(name.capitalize()))
    trained_alike(case, keras, epochs=1)


def scheduled(name, args, options):
    def make(k):
        return k.optimizers.SGD(getattr(k.optimizers.schedules, name)(*args, **options))

    return make


@pytest.mark.parametrize("name, args, options", SCHEDULES)
def test_schedule(name, args, options, keras):
    case = Case(name, model, data, compiled(scheduled(name, args, options)))
    trained_alike(case, keras)


def test_set_learning_rate_between_fits(keras):
    def make(k):
        return k.optimizers.Adam(0.02)

    case = Case("set", model, data, compiled(make), near=ROUGH)
    ours, theirs = trained_alike(case, keras, epochs=1)
    x, y = data(np.random.default_rng(1))
    for one in (ours, theirs):
        one.optimizer.learning_rate = 0.1
        one.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **ROUGH)


def parts(k):
    chosen = k.optimizers.OptimizerMap(k.optimizers.SGD(0.05, momentum=0.5), {})
    chosen[".*/kernel"] = k.optimizers.RMSprop(0.02, clipnorm=0.4)
    return k.optimizers.MultiOptimizer(chosen)


def test_parts(keras):
    """A pattern is for whole paths; those of Keras begin with the name of the model."""
    case = Case("parts", model, data, compiled(parts))
    ours, theirs = trained_alike(case, keras)
    mine, its = ours.optimizer.variables, theirs.optimizer.variables
    assert [v.shape for v in mine] == [tuple(v.shape) for v in its]
    for a, b in zip(mine, its, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-4, atol=1e-5, err_msg=b.path)


def test_parts_in_configs_of_both(keras):
    form = json.loads(json.dumps(cornu.optimizers.serialize(parts(cornu))))
    theirs = keras.optimizers.deserialize(form)
    assert [type(o).__name__ for o in theirs.optimizers] == ["RMSprop", "SGD"]
    ours = cornu.optimizers.deserialize(json.loads(json.dumps(keras.optimizers.serialize(theirs))))
    assert [type(o).__name__ for o in ours.optimizers] == ["RMSprop", "SGD"]
    assert float(ours.optimizers[0].clipnorm) == pytest.approx(0.4)
    assert ours.name == theirs.name


def test_mixed_float16_scales_the_loss_alike(keras):
    found = []
    for k in (cornu, keras):
        set_policy = cornu.policy.set_dtype_policy if k is cornu else k.config.set_dtype_policy
        set_policy("mixed_float16")
        try:
            net = k.Sequential([k.Input((4,)), k.layers.Dense(2, kernel_initializer="ones")])
        finally:
            set_policy("float32")
        net.compile(k.optimizers.SGD(0.01), "mse")
        x, y = data(np.random.default_rng(0))
        net.fit(x, y, batch_size=8, shuffle=False, verbose=0)
        net.fit(x, 1e5 * y, batch_size=29, shuffle=False, verbose=0)  # gradients overflow
        scale = net.optimizer
        found.append((net.get_weights(), float(np.asarray(scale.dynamic_scale))))
        assert type(scale).__name__ == "LossScaleOptimizer"
    assert found[0][1] == found[1][1] < 2**15
    for a, b in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)
