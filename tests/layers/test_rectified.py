"""BatchNormalization with relu behind it: in one kernel where that can be, else the same."""

import jax
import numpy as np
import pytest

import cornu
from cornu import engine, layers, ops, state
from cornu.engine import native

pytestmark = pytest.mark.skipif(
    not (native.available("cornu_normal_slopes_beside") and jax.default_backend() == "cpu"),
    reason="native kernels are not built here",
)
SHAPE = (8, 16, 16, 16)
RNG = np.random.default_rng(0)
X = (RNG.standard_normal(SHAPE) * 3 + 1).astype("float32")
WEIGHTS = RNG.standard_normal(SHAPE).astype("float32")  # of the loss
EPSILON, MOMENTUM = 1e-2, 0.9


def normal(**more):
    return layers.BatchNormalization(
        epsilon=EPSILON,
        momentum=MOMENTUM,
        beta_initializer="random_normal",
        gamma_initializer="random_uniform",
        **more,
    )


class Block(cornu.Model):
    """Layers called on arrays, by hand."""

    def __init__(self):
        super().__init__()
        self.normal, self.sum = normal(), layers.Add()

    def call(self, x):
        return ops.relu(self.sum([self.normal(x), x]))


def functional(make):
    x = layers.Input(SHAPE[1:])
    return cornu.Model(x, make(x))


def both_asked_for(x):
    y = normal()(x)
    return [y, layers.ReLU()(y)]


def two_normalized(x):
    return layers.ReLU()(layers.Add()([normal()(x), normal()(ops.square(x))]))


RELU = layers.ReLU
TAKEN = {
    "sequence": lambda: cornu.Sequential([layers.Input(SHAPE[1:]), normal(), RELU()]),
    "activation": lambda: functional(lambda x: layers.Activation("relu")(normal()(x))),
    "op": lambda: functional(lambda x: ops.relu(normal()(x))),
    "shortcut": lambda: functional(lambda x: RELU()(layers.Add()([normal()(x), x]))),
    "shortcut first": lambda: functional(lambda x: RELU()(layers.add([x, normal()(x)]))),
    "three": lambda: functional(lambda x: RELU()(layers.add([normal()(x), x, ops.square(x)]))),
    "both normalized": lambda: functional(two_normalized),
    "subclass": lambda: Block(),
    "both asked for": lambda: functional(both_asked_for),
    "no gamma, no beta": lambda: functional(
        lambda x: RELU()(layers.BatchNormalization(center=False, scale=False)(x))
    ),
    "regularized": lambda: functional(
        lambda x: RELU()(layers.ActivityRegularization(l2=1e-4)(normal()(x)))
    ),
    "in a model": lambda: functional(
        lambda x: RELU()(cornu.Sequential([layers.Input(SHAPE[1:]), normal()])(x))
    ),
    "forced training": lambda: functional(
        lambda x: RELU()(layers.Dropout(0.0)(normal()(x, training=True)))
    ),
}
OTHERS = {
    "bounded": lambda: functional(lambda x: layers.ReLU(6)(normal()(x))),
    "leaky": lambda: functional(lambda x: layers.LeakyReLU()(normal()(x))),
    "threshold": lambda: functional(lambda x: layers.ReLU(threshold=0.5)(normal()(x))),
    "broadcast": lambda: functional(
        lambda x: ops.relu(layers.add([normal()(x), ops.mean(x, (1, 2), keepdims=True)]))
    ),
    "plus": lambda: functional(lambda x: ops.relu(normal()(x) + x)),
    "a number": lambda: functional(lambda x: ops.relu(normal()(x) + 0.5)),
    "first axis": lambda: functional(lambda x: RELU()(normal(axis=1)(x))),
    "renormalized": lambda: functional(lambda x: RELU()(normal(renorm=True)(x))),
    "shortened": lambda: functional(lambda x: RELU()(normal(dtype="mixed_bfloat16")(x))),
    "frozen": lambda: functional(lambda x: RELU()(normal(trainable=False)(x))),
}


def step(model, training=True):
    """A function of x and the weights: outputs, new weights and slopes of a loss."""
    if not model.built:
        model.build(SHAPE)
    cells = model.variables

    def loss(values):
        call = state.pure(lambda x: model(x), cells, training=training)
        y, news, losses = call(values[1:], values[0])
        parts = [engine.np.sum(engine.cast(a, "float32") * WEIGHTS) for a in jax.tree.leaves(y)]
        return sum(parts) + sum(losses), (y, news)

    def of(values):
        (_, aux), slopes = engine.value_and_grad(loss, has_aux=True)(values)
        return aux, slopes

    return of, [engine.array(X), *(cell.value for cell in cells)]


def close(found, wanted, tolerance=2e-5):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        assert a.shape == b.shape and np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-2)


def fused(of, given) -> bool:
    """Whether relu is computed where it is normalized."""
    text = str(jax.make_jaxpr(of)(given))
    return "cornu_normal[" in text and "relu=True" in text.split("cornu_normal[", 1)[1]


@pytest.mark.parametrize("name", [*TAKEN, *OTHERS])
def test_the_same_without_kernels(name, monkeypatch):
    cornu.utils.set_random_seed(1)
    model = (TAKEN | OTHERS)[name]()
    of, given = step(model)
    assert fused(of, given) == (name in TAKEN)
    found = jax.jit(of)(given)
    monkeypatch.setattr(native, "available", lambda name: False)
    of, given = step(model)
    assert not fused(of, given)
    close(found, jax.jit(of)(given), 2e-2 if name == "shortened" else 2e-5)


def test_moving_averages():
    model = TAKEN["shortcut"]()
    of, given = step(model)
    (_, news), _ = jax.jit(of)(given)
    pairs = zip(model.variables, news, strict=True)
    moving = {v.path.split("/")[-1]: np.asarray(a) for v, a in pairs}
    wide = X.astype("float64")
    mean, variance = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
    np.testing.assert_allclose(moving["moving_mean"], mean * 0.1, rtol=2e-6)
    np.testing.assert_allclose(moving["moving_variance"], 0.9 + variance * 0.1, rtol=2e-6)


def test_nothing_is_computed_twice():
    """What only relu reads is left out of the compiled program."""
    of, given = step(TAKEN["shortcut"]())
    program = jax.jit(of).lower(given).compile().as_text()
    for kernel in ("moments", "normal_beside", "normal_slopes_beside"):
        assert program.count(f'custom_call_target="cornu_{kernel}"') == 1
    assert 'custom_call_target="cornu_normal"' not in program


def test_inference_reads_the_moving_averages():
    of, given = step(TAKEN["shortcut"](), training=False)
    assert not fused(of, given)
    (y, _), _ = jax.jit(of)(given)
    gamma, beta = (np.asarray(a, "float64") for a in given[1:3])
    wanted = np.maximum(X / np.sqrt(1 + EPSILON) * gamma + beta + X, 0)
    close(y, wanted)


def test_masked_steps_do_not_count():
    steps = RNG.standard_normal((64, 20, 16)).astype("float32")
    keep = RNG.random((64, 20)) < 0.7
    layer = normal()
    layer.build(steps.shape)
    call = state.pure(lambda x, m: ops.relu(layer(x, mask=m)), layer.variables, training=True)
    y, news, _ = jax.jit(call)([v.value for v in layer.variables], steps, keep)
    counted = steps.astype("float64")[keep]
    gamma, beta = (np.asarray(v.value, "float64") for v in layer.variables[:2])
    scale = gamma / np.sqrt(counted.var(0) + EPSILON)
    close(y, np.maximum((steps - counted.mean(0)) * scale + beta, 0))
    close(news[2], counted.mean(0) * 0.1)


def test_slopes_by_what_is_between():
    """`gradients` by the normalized Tensor itself, with relu behind it."""
    x = layers.Input(SHAPE[1:])
    y = normal()(x)
    from_y = ops.sum(ops.relu(y) ** 2)
    made = cornu.graph.Function([x], [y, *cornu.graph.gradients(from_y, y)])
    found, slope = made([X], training=True)
    close(slope, 2 * np.maximum(np.asarray(found), 0))


def test_eager_calls():
    """Outside of a compiled program each layer does its own part."""
    layer = normal()
    y = layer(X, training=True)
    assert np.array_equal(layers.ReLU()(y), np.maximum(np.asarray(y), 0))
