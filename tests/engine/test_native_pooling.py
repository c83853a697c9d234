"""Pooling of the engine, native where kernels were built, against float64 loops in NumPy."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu import engine
from cornu.engine.native import pooling
from engine.convolving import a_few, many
from engine.window_reference import Geometry, error, max_pool, mean_pool

CLOSE = 1e-5


def geometry(space: tuple, size: tuple, steps: tuple, padding: str, batch=2, channels=3):
    ones = (1,) * len(space)
    pairs = jax.lax.padtype_to_pads(space, size, steps, padding)
    return Geometry(space, size, steps, ones, tuple(pairs), batch, channels, 1, 1)


@st.composite
def geometries(draw) -> tuple[Geometry, str]:
    rank = draw(st.integers(1, 3))
    size = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    steps = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    space = tuple(k + draw(st.integers(0, (30, 9, 5)[rank - 1])) for k in size)
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    channels = draw(st.sampled_from([1, 2, 3, 16, 63, 64, 65, 130]))
    return geometry(space, size, steps, padding, draw(st.integers(1, 4)), channels), padding


def _both(mode: str, g: Geometry, padding: str):
    def both(x, dy):
        y, back = jax.vjp(lambda x: engine.pool(x, mode, g.window, g.strides, padding), x)
        return y, *back(dy)

    return jax.jit(both)


def check(g: Geometry, padding: str, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    dy = rng.standard_normal(g.y, "float32")
    halves = rng.integers(-3, 3, g.x).astype("float32") / 2  # with many ties
    for x in (rng.standard_normal(g.x, "float32"), halves):
        for mode, reference in (("max", max_pool), ("average", mean_pool)):
            found = _both(mode, g, padding)(x, dy)
            errors = [error(a, b) for a, b in zip(found, reference(x, dy, g), strict=True)]
            assert max(errors) <= CLOSE, (mode, errors)


@a_few(15)
@given(geometries())
def test_random_windows(drawn: tuple[Geometry, str]):
    check(*drawn)


@many(300)
@given(geometries(), st.integers(0, 1000))
def test_many_random_windows(drawn: tuple[Geometry, str], seed: int):
    check(*drawn, seed)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("steps", [(2, 2), (3, 1), (1, 4)])
def test_plain_forms_say_the_same(steps: tuple, padding: str):
    """What is computed where no kernel is, ties and overlapping windows included."""
    g = geometry((9, 8), (3, 2), steps, padding)
    how = pooling.Windows(g.window, g.strides, g.padding)
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, g.x).astype("float32")
    dy = rng.standard_normal(g.y, "float32")

    def all_of(x, dy):
        y, places = pooling.plain_places(x, how, g.y)
        _, back = jax.vjp(lambda x: pooling.plain_pick(x, places, how, g.y), x)
        largest = (y, pooling.plain_spread(dy, places, how, g.x), *back(dy))
        return largest, (pooling.plain_mean(x, how, g.y), pooling.plain_share(dy, how, g.x))

    (y, dx, again), means = jax.jit(all_of)(x, dy)
    wanted_y, wanted_dx = max_pool(x, dy, g)
    assert error(y, wanted_y) == 0
    assert error(dx, wanted_dx) <= CLOSE and error(again, wanted_dx) <= CLOSE
    assert max(map(error, means, mean_pool(x, dy, g))) <= CLOSE


def test_nan_is_seen():
    x = np.zeros((1, 4, 4, 1), "float32")
    x[0, 1, 1] = np.nan
    y, dx = _both("max", geometry((4, 4), (2, 2), (2, 2), "VALID", 1, 1), "VALID")(
        x, np.ones((1, 2, 2, 1), "float32")
    )
    assert np.isnan(y).sum() == 1 and dx[0, 1, 1, 0] == 1


G = geometry((6, 5), (3, 2), (2, 1), "SAME", 2, 5)


def test_jvp_is_what_grad_says():
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((2, *G.x), "float32")
    dy = rng.standard_normal(G.y, "float32")
    for mode in ("max", "average"):

        def pooled(x, mode=mode):
            return engine.pool(x, mode, G.window, G.strides, "SAME")

        _, along = jax.jvp(pooled, (x,), (t,))
        _, dx = _both(mode, G, "SAME")(x, dy)
        assert float((along * dy).sum()) == pytest.approx(float((dx * t).sum()), rel=1e-4)


@pytest.mark.parametrize("mode", ["max", "average"])
def test_grad_of_grad(mode: str):
    """Of the sum of squares of what is pooled, the slope's slope along t is twice pooled t."""
    rng = np.random.default_rng(1)
    x, t = rng.standard_normal((2, *G.x), "float32")

    def loss(x):
        return (engine.pool(x, mode, G.window, G.strides, "SAME") ** 2).sum()

    _, curved = jax.jvp(jax.grad(loss), (x,), (t,))
    reverse = jax.grad(lambda x: (jax.grad(loss)(x) * t).sum())(x)
    reference = {"max": max_pool, "average": mean_pool}[mode]
    dy = np.ones(G.y, "float32")
    step = 2.0**-12
    ahead, behind = (reference(x + s * t, dy, G)[0] for s in (step, -step))
    along = (ahead - behind) / (2 * step)
    assert error(reverse, np.asarray(curved)) <= CLOSE
    assert float((curved * t).sum()) == pytest.approx(2 * (along**2).sum(), rel=1e-3)


@pytest.mark.parametrize("mode", ["max", "average"])
def test_vmap_of_grad(mode: str):
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((3, *G.x), "float32"), rng.standard_normal(G.y, "float32")

    def slope(x):
        return jax.grad(lambda x: (engine.pool(x, mode, G.window, G.strides, "SAME") * dy).sum())(x)

    reference = {"max": max_pool, "average": mean_pool}[mode]
    wanted = np.stack([reference(one, dy, G)[1] for one in x])
    assert error(jax.vmap(slope)(x), wanted) <= CLOSE
    assert error(jax.lax.map(slope, x), wanted) <= CLOSE
    assert error(jax.vmap(slope, 1, 1)(np.moveaxis(x, 0, 1)), np.moveaxis(wanted, 0, 1)) <= CLOSE


def test_no_scatter_is_left():
    """The gradient of the largest holds no select-and-scatter, which takes 40 times as long."""
    g = geometry((8, 8), (2, 2), (2, 2), "VALID", 2, 16)
    text = _both("max", g, "VALID").lower(np.zeros(g.x, "f"), np.zeros(g.y, "f")).as_text()
    assert "select_and_scatter" not in text


def test_nothing_to_pool():
    for mode in ("max", "average"):
        assert engine.pool(np.ones((0, 4, 4, 3), "f"), mode, (2, 2), (2, 2), "VALID").shape == (
            0, 2, 2, 3,
        )  # fmt: skip
