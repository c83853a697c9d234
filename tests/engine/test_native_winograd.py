"""Convolutions of 3x3 windows by Winograd's tiles, against float64 loops in NumPy."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu.engine.native import convolution
from engine import convolving
from engine.convolving import a_few, all_three, by, forward, many
from engine.window_reference import Geometry, arrays, conv, error

CLOSE = 2e-6  # direct sums come to 1e-6
ONES = (1, 1)


def square(space, batch, channels, filters, padding=((0, 0), (0, 0))) -> Geometry:
    return Geometry(space, (3, 3), ONES, ONES, padding, batch, 1, channels, filters)


KNOWN = {
    "mnist second": square((26, 26), 2, 32, 64),
    "residual": square((16, 16), 2, 16, 16, (ONES, ONES)),
    "half tiles": square((7, 9), 8, 48, 80, (ONES, ONES)),
    "uneven margins": square((9, 8), 6, 32, 16, ((2, 0), (0, 2))),
    "narrow": square((3, 30), 5, 16, 32, (ONES, ONES)),
    "wide margins": square((6, 6), 6, 16, 16, ((4, 3), (3, 5))),
    "few tiles, many channels": square((8, 8), 24, 256, 128, (ONES, ONES)),
}


@pytest.fixture(autouse=True)
def machine():
    if not by(KNOWN["residual"]).startswith("winograd"):
        pytest.skip("this machine has neither AVX-512 nor AVX2")


def check(g: Geometry, seed: int = 0) -> None:
    convolving.check(g, CLOSE, seed)


@pytest.mark.parametrize("name", KNOWN)
def test_known_geometries(name: str):
    ways = [by(KNOWN[name], way) for way in convolution.WAYS]
    assert all(way.startswith("winograd") for way in ways), ways
    check(KNOWN[name])


@st.composite
def geometries(draw) -> Geometry:
    margins = st.integers(0, 4)
    padding = tuple((draw(margins), draw(margins)) for _ in range(2))
    space = tuple(draw(st.integers(max(1, 3 - sum(p)), 14)) for p in padding)
    sizes = st.sampled_from([16, 32, 48, 64, 80])
    tiles = np.prod([-(-(n + sum(p) - 2) // 4) for n, p in zip(space, padding, strict=True)])
    batch = draw(st.integers(1, 3)) + 24 // int(tiles)
    return square(space, batch, draw(sizes), draw(sizes), padding)


@a_few(12)
@given(geometries())
def test_random_geometries(g: Geometry):
    check(g)


@many(500)
@given(geometries(), st.integers(0, 1000))
def test_many_random_geometries(g: Geometry, seed: int):
    check(g, seed)


@pytest.mark.parametrize(
    "g",
    [
        square((16, 16), 2, 12, 16),
        square((16, 16), 2, 16, 20),  # filters that fill no vector
        square((4, 4), 100, 16, 16),  # of a tile of 4x4 only 2x2 are wanted
        square((8, 8), 1, 16, 16),  # too few tiles
        KNOWN["residual"]._replace(strides=(2, 2)),
        KNOWN["residual"]._replace(dilation=(2, 1)),
        KNOWN["residual"]._replace(groups=2, channels=16, filters=16),
    ],
)
def test_the_rest_is_direct(g: Geometry):
    assert "winograd" not in by(g)


def test_highest_precision_is_direct():
    g = KNOWN["residual"]
    x, w, _ = arrays(g)
    fast = np.asarray(forward(x, w, g))
    with jax.default_matmul_precision("highest"):
        exact = np.asarray(forward(x, w, g))
    assert 0 < np.abs(fast - exact).max() < 1e-4
    assert error(exact, conv(x, w, g)) < error(fast, conv(x, w, g))


def test_the_same_every_time():
    g = KNOWN["half tiles"]
    compute, given_ = all_three(g), arrays(g)
    first, second = compute(*given_), compute(*given_)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_tiles(odd: float):
    """Windows that see it have no number; tiles that do not are as without it."""
    g = KNOWN["residual"]
    x, w, _ = arrays(g)
    plain = np.asarray(forward(x, w, g))
    x[0, 5, 6, 3] = odd
    found = np.asarray(forward(x, w, g))
    assert not np.isfinite(found[0, 4:7, 5:8]).any()
    assert np.array_equal(found[1], plain[1])
    assert np.array_equal(found[0, 8:], plain[0, 8:])
    assert np.array_equal(found[0, :, :4], plain[0, :, :4])
