"""Products with what GELU gave, which the way back makes again, against NumPy in float64."""

import math

import jax
import numpy as np
import pytest
from jax.test_util import check_grads

from cornu import engine, ops, state
from cornu.engine import native
from cornu.engine.native import gelu_product, products
from cornu.layers import Dense, Input
from cornu.models import Sequential

built = pytest.mark.skipif(
    not (
        jax.default_backend() == "cpu"
        and native.available(gelu_product.AGAIN)
        and products.has_kernel()
    ),
    reason="native kernels are not built here, or this CPU has no tiles",
)
ROWS, DEPTH, COLUMNS = 131, 515, 130


def normal(x):
    return 0.5 * np.vectorize(math.erfc)(-x / math.sqrt(2))


def arrays(seed, *shapes):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape, dtype=np.float32) for shape in shapes]


def near(found, wanted):
    assert np.abs(np.asarray(found) - wanted).max() < 5e-6 * np.abs(wanted).max()


@built
def test_numbers_and_slopes_are_those_of_float64():
    x, w, by = arrays(0, (ROWS, DEPTH), (DEPTH, COLUMNS), (ROWS, COLUMNS))

    @jax.jit
    def both(x, w, by):
        y, back = jax.vjp(engine.gelu_matmul, x, w)
        return y, *back(by)

    y, by_x, by_w = both(x, w, by)
    x, w, by = (a.astype(float) for a in (x, w, by))
    slope = normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    near(y, x * normal(x) @ w)
    near(by_x, by @ w.T * slope)
    near(by_w, (x * normal(x)).T @ by)


@built
def test_only_the_argument_of_gelu_is_kept():
    x, w = arrays(1, (4, 33, DEPTH), (DEPTH, COLUMNS))
    kept = jax.tree.leaves(jax.vjp(engine.gelu_matmul, x, w)[1])
    assert sorted(array.size for array in kept) == sorted([x.size, w.size])


@built
def test_other_derivatives_follow_the_formula():
    x, w = arrays(2, (ROWS, DEPTH), (DEPTH, COLUMNS))
    tangents = arrays(3, x.shape, w.shape)

    def ours(x, w):
        return engine.np.sum(engine.np.sin(engine.gelu_matmul(x, w) / 16))

    def plain(x, w):
        return engine.np.sum(engine.np.sin(gelu_product.plain(x, w) / 16))

    def along(f):
        return jax.jvp(f, (x, w), tuple(tangents))[1]

    def second(f):
        return jax.grad(lambda x: jax.jvp(lambda w: f(x, w), (w,), (tangents[1],))[1])(x)

    assert abs(along(ours) - along(plain)) < 1e-3 * abs(along(plain))
    wanted = np.asarray(second(plain))
    assert np.abs(second(ours) - wanted).max() < 1e-4 * np.abs(wanted).max()
    mapped = jax.vmap(engine.gelu_matmul, (0, None))(np.stack([x, -x]), w)
    np.testing.assert_allclose(mapped[1], gelu_product.plain(-x, w), atol=2e-4)


@built
def test_a_layer_after_gelu_takes_it_and_trains_as_without():
    x, y = arrays(4, (ROWS, 64), (ROWS, COLUMNS))

    def trained():
        model = Sequential([Input((64,)), Dense(DEPTH, "gelu"), Dense(COLUMNS)])
        start = arrays(5, *(w.shape for w in model.get_weights()))
        model.set_weights([0.1 * w for w in start])
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=ROWS, epochs=2, verbose=0)
        return model, model.get_weights()

    model, found = trained()

    def loss(x):
        with state.Frame(training=True):
            return engine.np.sum(model(x))

    assert "cornu_gelu_product" in str(jax.make_jaxpr(loss)(x))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "gelu_matmul", lambda x, w: None)
        wanted = trained()[1]
    for a, b in zip(found, wanted, strict=True):
        near(a, b)


@built
@pytest.mark.parametrize("between", ["other array", "approximate", "float16"])
def test_what_is_no_result_of_gelu_is_multiplied_as_ever(between):
    x, w = arrays(6, (ROWS, DEPTH), (DEPTH, COLUMNS))

    def product(x, w):
        with state.Frame():
            y = ops.gelu(x, approximate=between == "approximate")
            if between == "other array":
                y = y + 1.0
            return ops.matmul(y, w)

    if between == "float16":
        x, w = x.astype("float16"), w.astype("float16")
    assert "cornu_gelu_product" not in str(jax.make_jaxpr(product)(x, w))


def test_small_ones_and_odd_shapes_are_left_to_jax():
    x, w = arrays(7, (3, 4), (4, 5))
    assert engine.gelu_matmul(x, w) is None
    assert engine.gelu_matmul(x[0], w) is None
    assert engine.gelu_matmul(*arrays(8, (2, 64, 128), (2, 128, 64))) is None


@built
def test_slopes_by_differences():
    x, w = arrays(9, (64, 512), (512, 256))
    check_grads(
        lambda x, w: engine.gelu_matmul(x, w) / 64, (x, w), order=1, atol=2e-2, rtol=2e-2, eps=1e-2
    )
