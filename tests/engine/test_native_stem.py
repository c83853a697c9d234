"""Weights' gradients of convolutions from few channels against float64: sums, edges, bands."""

import jax
import numpy as np
import pytest

from cornu import engine
from engine.convolving import by, how
from engine.window_reference import Geometry, arrays, conv_slopes, error

CLOSE = 1e-5
ONES, NONE, AROUND = (1, 1), ((0, 0), (0, 0)), ((1, 1), (1, 1))

SHAPES = {
    "one channel": Geometry((14, 15), (3, 3), ONES, ONES, NONE, 3, 1, 1, 32),
    "four rows of results": Geometry((29, 29), (3, 3), ONES, ONES, AROUND, 5, 1, 1, 64),
    "colors": Geometry((32, 31), (3, 3), ONES, ONES, AROUND, 4, 1, 3, 32),
    "many filters": Geometry((16, 16), (3, 3), ONES, ONES, AROUND, 2, 1, 4, 96),
    "long rows of the window": Geometry((61, 60), (7, 7), (2, 2), ONES, ((2, 3),) * 2, 2, 1, 3, 64),
    "steps that leave gaps": Geometry((40, 92), (3, 5), (4, 4), ONES, NONE, 3, 1, 2, 32),
    "in three pieces": Geometry((24, 189), (2, 11), (1, 4), ONES, NONE, 2, 1, 3, 32),
    "one picture": Geometry((30, 33), (3, 3), ONES, ONES, ((2, 0), (0, 2)), 1, 1, 1, 32),
    "bands": Geometry((230, 240), (7, 7), (2, 2), ONES, ((3, 3),) * 2, 1, 1, 3, 32),
    "a line": Geometry((90,), (9,), (2,), (1,), ((4, 4),), 6, 1, 1, 32),
    "onto few": Geometry((18, 18), (3, 3), ONES, ONES, AROUND, 4, 1, 32, 1),
}


def slopes(g: Geometry):
    def compute(x, w, dy):
        return jax.vjp(lambda w: engine.conv(x, w, *how(g)), w)[1](dy)[0]

    return jax.jit(compute)


def test_they_are_computed_here():
    named = {name: by(g, "weights") for name, g in SHAPES.items()}
    if named["colors"] != "stem":
        pytest.skip("this machine has no AVX-512")
    assert set(named.values()) == {"stem"}, named
    other = (
        SHAPES["colors"]._replace(space=(9, 9)),  # a third of what is read are zeros
        SHAPES["colors"]._replace(filters=48),
        SHAPES["colors"]._replace(channels=5),
        SHAPES["colors"]._replace(dilation=(2, 2)),
    )
    assert "stem" not in [by(g, "weights") for g in other]


@pytest.mark.parametrize("name", SHAPES)
def test_exact_and_the_same_bits_each_time(name: str):
    g = SHAPES[name]
    x, w, dy = arrays(g, 1)
    compiled = slopes(g)
    found = np.array(compiled(x, w, dy))
    assert error(found, conv_slopes(x, w, dy, g)[1]) <= CLOSE
    assert all(np.array_equal(found, compiled(x, w, dy)) for _ in range(4))


def test_infinity_and_nan_come_through():
    g = SHAPES["colors"]
    x, w, dy = arrays(g, 2)
    x[2, 9, 9, 1] = np.inf
    dy[3, 5, 5, 7] = np.nan
    found = np.asarray(slopes(g)(x, w, dy))
    assert np.isnan(found[..., 7]).all() and np.isinf(found[:, :, 1, :7]).all()
    assert np.isfinite(np.delete(found, 7, -1)[:, :, [0, 2]]).all()
