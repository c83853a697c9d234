"""Every optimizer takes the steps of the libraries that have it: Keras 3, torch and optax."""

import os
import warnings

import numpy as np
import pytest

from contracts.checks import in_float64
from contracts.optimizers_table import (
    ROWS,
    Row,
    adam,
    assert_near,
    nadam,
    rmsprop,
    sgd,
    trained,
    values,
)
from cornu import Input, Sequential, layers, optimizers


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("keras", minversion="3.15")
    if not hasattr(module, "__version__") or "site-packages" not in module.__file__:
        pytest.skip("the real Keras is not what `import keras` finds")
    return module


SURROUNDS = [
    Row("Adam", {"clipnorm": 0.7, "weight_decay": 0.1}, adam),
    Row("SGD", {"global_clipnorm": 0.7, "momentum": 0.9}, sgd),
    Row("SGD", {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 5}, sgd),
    Row("Nadam", {"gradient_accumulation_steps": 4, "clipvalue": 0.3}, nadam),
    Row("RMSprop", {"gradient_accumulation_steps": 3, "use_ema": True}, rmsprop),
]


@pytest.mark.peers
@pytest.mark.parametrize("row", [*ROWS, *SURROUNDS], ids=str)
def test_keras_takes_the_same_steps(row, keras):
    params, steps = values()
    theirs = [
        keras.Variable(p.astype("float32"), name=n) for p, n in zip(params, "ab", strict=True)
    ]
    rate = {"learning_rate": row.lr}
    other = getattr(keras.optimizers, row.name)(**{**rate, **row.options})
    for grads in steps:
        other.apply([keras.ops.convert_to_tensor(g, dtype="float32") for g in grads], theirs)
    ours = row.make()
    found = trained(ours, params, steps)
    # Keras rounds 1 - beta_2 ** step, about 0.001, to float32's 6e-8: 3e-5 of a step
    assert_near(found, [np.asarray(v.value) for v in theirs], 5e-6)
    shapes = [tuple(v.shape) for v in other.variables]
    assert [v.shape for v in ours.variables] == shapes
    for mine, its in zip(ours.variables, other.variables, strict=True):
        if np.asarray(its.value).dtype.kind == "f":
            assert_near([mine.numpy()], [np.asarray(its.value)], 3e-5)


TORCH = [
    ("SGD", {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}, "SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"epsilon": 1e-15}, "Adam", {"eps": 1e-15}),
    ("Adam", {"epsilon": 1e-15, "amsgrad": True}, "Adam", {"eps": 1e-15, "amsgrad": True}),
    (
        "AdamW",
        {"epsilon": 1e-15, "weight_decay": 0.1},
        "AdamW",
        {"eps": 1e-15, "weight_decay": 0.1},
    ),
    ("Adamax", {"epsilon": 1e-15}, "Adamax", {"eps": 1e-15}),
    ("Nadam", {"epsilon": 1e-15}, "NAdam", {"eps": 1e-15, "momentum_decay": 1.0}),
    ("Adadelta", {}, "Adadelta", {"rho": 0.95, "eps": 1e-7}),
    ("RMSprop", {"epsilon": 1e-15}, "RMSprop", {"alpha": 0.9, "eps": 1e-15}),
    (
        "RMSprop",
        {"epsilon": 0.0, "centered": True, "momentum": 0.8},
        "RMSprop",
        {"alpha": 0.9, "eps": 0.0, "centered": True, "momentum": 0.8},
    ),
    (
        "Adagrad",
        {"epsilon": 0.0, "initial_accumulator_value": 0.2},
        "Adagrad",
        {"eps": 0.0, "initial_accumulator_value": 0.2},
    ),
]


@pytest.mark.peers
@pytest.mark.parametrize("name, options, its_name, its_options", TORCH)
def test_torch_takes_the_same_steps(name, options, its_name, its_options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip("torch")
    params, steps = values()
    theirs = [torch.tensor(p, requires_grad=True) for p in params]
    other = getattr(torch.optim, its_name)(theirs, lr=0.05, **its_options)
    for grads in steps:
        for p, g in zip(theirs, grads, strict=True):
            p.grad = torch.tensor(g)
        other.step()
    with in_float64():
        found = trained(getattr(optimizers, name)(0.05, **options), params, steps, "float64")
    # torch keeps NAdam's product in float32
    tolerance = 1e-8 if its_name == "NAdam" else 1e-12
    assert_near(found, [p.detach().numpy() for p in theirs], tolerance)


TRANSFORMATIONS = {
    "adam": lambda optax: optax.adam(1e-2),
    "several": lambda optax: optax.chain(
        optax.clip_by_global_norm(0.5), optax.adamw(optax.cosine_decay_schedule(0.02, 9))
    ),
    "masked": lambda optax: optax.chain(
        optax.sgd(0.1, 0.9), optax.masked(optax.set_to_zero(), [False, True, False, True])
    ),
    "multi": lambda optax: optax.MultiSteps(optax.sgd(0.1), 2),
}


@pytest.mark.peers
@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_model_is_compiled_with_an_optax_transformation(name):
    """`fit` takes the steps that optax and JAX take by themselves."""
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    made = TRANSFORMATIONS[name](optax)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 3)).astype("float32"), rng.normal(size=(24, 1)).astype("float32")
    body = layers.Dense(4, "tanh")
    model = Sequential([Input((3,)), body, layers.Dense(1)])
    weights = model.get_weights()

    def loss(weights, x, y):
        k1, b1, k2, b2 = weights
        return jax.numpy.mean((jax.numpy.tanh(x @ k1 + b1) @ k2 + b2 - y) ** 2)

    slots = made.init(weights)
    expected = weights
    for i in [0, 8, 16] * 3:
        grads = jax.grad(loss)(expected, x[i : i + 8], y[i : i + 8])
        updates, slots = made.update(grads, slots, expected)
        expected = optax.apply_updates(expected, updates)
    model.compile(optimizer=made, loss="mse")
    model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    assert_near(model.get_weights(), [np.asarray(w) for w in expected], 1e-5)


OPTAX = [
    ("Lion", {}, "lion", {"weight_decay": 0.0}),
    ("Lamb", {"epsilon": 1e-6}, "lamb", {"eps": 1e-6}),
    ("Adam", {"epsilon": 1e-15}, "adam", {"eps": 1e-15}),
]


@pytest.mark.peers
@pytest.mark.parametrize("name, options, its_name, its_options", OPTAX)
def test_optax_takes_the_same_steps(name, options, its_name, its_options):
    optax = pytest.importorskip("optax")
    params, steps = values()
    with in_float64():
        found = trained(getattr(optimizers, name)(0.05, **options), params, steps, "float64")
        its = optimizers.get(getattr(optax, its_name)(0.05, **its_options))
        expected = trained(its, params, steps, "float64")
    assert_near(found, expected, 1e-10)
