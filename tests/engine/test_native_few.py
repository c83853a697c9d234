"""Convolutions between many channels and few, against float64 loops in NumPy."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu import engine
from cornu.engine.native import convolution
from engine import convolving
from engine.convolving import a_few, by, how, many
from engine.window_reference import Geometry, arrays, conv, error

CLOSE = 2e-6
CLOSE_WEIGHTS = 1e-5  # sums over all places, by oneDNN
ONES = (1, 1)
AROUND = (ONES, ONES)


def square(side, channels, filters, window=3, stride=1, padding=AROUND, batch=3) -> Geometry:
    return Geometry(
        (side, side), (window,) * 2, (stride,) * 2, ONES, padding, batch, 1, channels, filters
    )


KNOWN = {
    "last of an autoencoder": square(10, 16, 1),
    "last of pictures in colour": square(18, 32, 3),
    "first of pictures in colour": square(9, 3, 32),
    "first, no padding": square(9, 1, 16, padding=((0, 0), (0, 0))),
    "one picture": square(13, 16, 2, batch=1),
    "bands of a large picture": square(150, 64, 1, batch=1),
    "uneven margins": square(9, 48, 4, window=5, padding=((4, 1), (0, 3))),
    "text": Geometry((17,), (5,), (1,), (1,), ((3, 1),), 3, 1, 16, 4),
    "one by one": square(5, 16, 2, window=1, padding=((0, 0), (0, 0))),
}


@pytest.fixture(autouse=True)
def machine():
    if by(KNOWN["last of an autoencoder"]) != "few":
        pytest.skip("this machine has neither AVX-512 nor AVX2")


def forward(x, w, g: Geometry):
    """By native kernels, whatever the engine would take."""
    return convolution.forward(x, w, how(g))


def check(g: Geometry, seed: int = 0) -> None:
    convolving.check(g, CLOSE, seed, weights=CLOSE_WEIGHTS, forward=forward)


@pytest.mark.parametrize("name", KNOWN)
def test_known_geometries(name: str):
    g = KNOWN[name]
    assert by(g, "forward" if g.channels > g.filters else "data") == "few"
    check(g)


@st.composite
def geometries(draw) -> Geometry:
    many, small = draw(st.sampled_from([16, 32, 48])), draw(st.integers(1, 4))
    window = tuple(draw(st.integers(1, 5)) for _ in range(2))
    padding = tuple((draw(st.integers(0, k)), draw(st.integers(0, k))) for k in window)
    space = tuple(
        draw(st.integers(max(1, k - sum(p)), 20)) for k, p in zip(window, padding, strict=True)
    )
    strides = draw(st.sampled_from([ONES, ONES, (2, 2), (1, 3)]))
    sizes = (many, small) if draw(st.booleans()) else (small, many)
    return Geometry(space, window, strides, ONES, padding, draw(st.integers(1, 4)), 1, *sizes)


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
        square(9, 16, 5),
        square(9, 12, 1),  # channels that fill no vector
        KNOWN["last of an autoencoder"]._replace(dilation=(2, 1)),
        KNOWN["last of an autoencoder"]._replace(groups=2),
    ],
)
def test_the_rest_is_not(g: Geometry):
    assert by(g) != "few"


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("filters", [1, 3])
def test_bias_and_relu(filters: int, relu: bool):
    g = square(10, 16, filters)
    x, w, _ = arrays(g)
    bias = np.linspace(-2, 2, filters).astype("float32") + 0.5
    found = engine.conv(x, w, g.strides, g.padding, g.dilation, 1, bias, relu)
    wanted = conv(x, w, g) + bias
    assert error(found, np.maximum(wanted, 0) if relu else wanted) <= CLOSE


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_windows(odd: float):
    g = KNOWN["last of pictures in colour"]
    x, w, _ = arrays(g)
    plain = np.asarray(engine.conv(x, w, g.strides, g.padding, g.dilation, 1))
    x[0, 5, 17, 3] = odd
    found = np.asarray(engine.conv(x, w, g.strides, g.padding, g.dilation, 1))
    met = np.zeros(found.shape, bool)
    met[0, 4:7, 16:18] = True
    assert not np.isfinite(found[met]).any()
    assert np.array_equal(found[~met], plain[~met])


def test_older_kernels_are_taken_where_they_are_faster():
    large = square(16, 64, 128, stride=2, padding=((0, 1),) * 2)
    if "avx512" not in by(large):
        pytest.skip("this machine has no AVX-512")
    strided = square(16, 16, 32, stride=2, padding=((0, 1),) * 2)
    assert by(strided) == by(strided, "data") == "jit:avx512_core"
    assert by(square(14, 16, 8)) == by(square(14, 8, 16), "data") == "jit:avx512_core"
    assert by(large).startswith("brgconv") and by(large, "data").startswith("brgconv")
    check(strided)


def test_vectors_of_eight():
    """The other width, in a process that is told not to have the first."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from engine.test_native_few import KNOWN, by, check\n"
        "assert by(KNOWN['one picture']) == 'few'\n"
        "assert by(KNOWN['one picture']._replace(channels=24)) == 'few'\n"
        "for name in ('one picture', 'first of pictures in colour', 'uneven margins', 'text'):\n"
        "    check(KNOWN[name])\n"
    )
    tests = os.path.dirname(os.path.dirname(__file__))
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    command = [sys.executable, "-c", code, tests]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
