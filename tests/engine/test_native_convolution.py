"""Convolution of the engine, native where kernels were built, against float64 loops in NumPy."""

import threading

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu import engine
from cornu.engine import native
from cornu.engine.native import convolution
from engine import convolving
from engine.convolving import a_few, all_three, how, many
from engine.window_reference import Geometry, arrays, conv, conv_slopes, error

CLOSE = 1e-5

# The stems of networks for MNIST, CIFAR and ImageNet, made small.
KNOWN = {
    "mnist stem": Geometry((9, 9), (3, 3), (1, 1), (1, 1), ((0, 0),) * 2, 4, 1, 1, 32),
    "mnist second": Geometry((8, 8), (3, 3), (1, 1), (1, 1), ((0, 0),) * 2, 4, 1, 32, 64),
    "cifar stem": Geometry((8, 8), (3, 3), (1, 1), (1, 1), ((1, 1),) * 2, 4, 1, 3, 64),
    "steps of two": Geometry((8, 8), (3, 3), (2, 2), (1, 1), ((0, 1),) * 2, 4, 1, 16, 32),
    "imagenet stem": Geometry((20, 20), (7, 7), (2, 2), (1, 1), ((2, 3),) * 2, 2, 1, 3, 64),
    "one by one": Geometry((7, 7), (1, 1), (1, 1), (1, 1), ((0, 0),) * 2, 4, 1, 64, 48),
    "one by one, steps": Geometry((8, 8), (1, 1), (2, 2), (1, 1), ((0, 0),) * 2, 4, 1, 32, 64),
    "depthwise": Geometry((9, 9), (3, 3), (1, 1), (1, 1), ((1, 1),) * 2, 4, 48, 1, 1),
    "depthwise, two each": Geometry((9, 9), (3, 3), (1, 1), (1, 1), ((1, 1),) * 2, 4, 8, 1, 2),
    "grouped": Geometry((9, 9), (3, 3), (1, 1), (1, 1), ((1, 1),) * 2, 4, 4, 16, 16),
    "dilated": Geometry((11, 11), (3, 3), (1, 1), (2, 2), ((2, 2),) * 2, 2, 1, 16, 16),
    "causal": Geometry((30,), (5,), (1,), (2,), ((8, 0),), 3, 1, 16, 32),
    "volumes": Geometry((6, 5, 7), (3, 2, 3), (1, 2, 1), (1, 1, 1), ((1, 1),) * 3, 2, 1, 16, 16),
}


def check(g: Geometry, seed: int = 0) -> None:
    convolving.check(g, CLOSE, seed)


@pytest.mark.parametrize("name", KNOWN)
def test_known_geometries(name: str):
    check(KNOWN[name])


@pytest.mark.skipif(native.load().library is None, reason=native.described())
def test_kernels_are_used_for_them():
    for g in KNOWN.values():
        x, w, _ = arrays(g)
        text = jax.jit(lambda x, w, g=g: engine.conv(x, w, *how(g))).lower(x, w).as_text()
        assert "cornu_conv" in text or "cornu_product" in text, g


@st.composite
def geometries(draw) -> Geometry:
    rank = draw(st.integers(1, 3))
    few = st.integers(1, (9, 5, 3)[rank - 1])

    def each(numbers):
        return tuple(draw(numbers) for _ in range(rank))

    window, strides, dilation = each(few), each(st.integers(1, 3)), each(st.integers(1, 3))
    spread = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    margins = [st.integers(0, k - 1) for k in spread]
    padding = tuple((draw(m), draw(m)) for m in margins)
    least = [max(1, k - sum(p)) for k, p in zip(spread, padding, strict=True)]
    space = tuple(n + draw(st.integers(0, (40, 9, 4)[rank - 1])) for n in least)
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8, 16]))
    channels, filters = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    if groups > 3:
        channels, filters = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    batch = draw(st.integers(1, 4))
    return Geometry(space, window, strides, dilation, padding, batch, groups, channels, filters)


@a_few(30)
@given(geometries())
def test_random_geometries(g: Geometry):
    check(g)


@many(500)
@given(geometries(), st.integers(0, 1000))
def test_many_random_geometries(g: Geometry, seed: int):
    check(g, seed)


@pytest.mark.parametrize("shape", [(0, 8, 8, 4), (2, 8, 8, 0)])
def test_nothing_to_compute(shape: tuple):
    w = np.ones((3, 3, shape[-1], 5), "float32")
    y = engine.conv(np.ones(shape, "float32"), w, (1, 1), "SAME", (1, 1), 1)
    assert y.shape == (*shape[:-1], 5) and not np.any(y)


# ---------------------------------------------------------------- functions of functions

SMALL = Geometry((6, 5), (3, 2), (2, 1), (1, 1), ((1, 1), (0, 1)), 2, 1, 8, 16)


def loss(x, w):
    y = engine.conv(x, w, *how(SMALL))
    return (y**2).sum()


def test_grad_of_grad():
    """The loss is of second degree in w: its curvature along v is twice the loss of v."""
    x, w, _ = arrays(SMALL)
    v = arrays(SMALL, 1)[1]
    _, curved = jax.jvp(jax.grad(loss, 1), (x, w), (np.zeros_like(x), v))
    wanted = 2 * (conv(x, v, SMALL) ** 2).sum()
    assert float((curved * v).sum()) == pytest.approx(wanted, rel=1e-4)
    again = jax.grad(lambda w: (jax.grad(loss, 1)(x, w) * v).sum())(w)
    assert float((again * v).sum()) == pytest.approx(wanted, rel=1e-4)


def test_slopes_of_slopes_for_inputs():
    x, w, _ = arrays(SMALL)
    v = arrays(SMALL, 1)[0]
    again = jax.grad(lambda x: (jax.grad(loss, 0)(x, w) * v).sum())(x)
    assert float((again * v).sum()) == pytest.approx(2 * (conv(v, w, SMALL) ** 2).sum(), rel=1e-4)


def test_jvp_in_both_arguments():
    (x, w, _), (u, v, _) = arrays(SMALL), arrays(SMALL, 1)
    _, t = jax.jvp(lambda x, w: engine.conv(x, w, *how(SMALL)), (x, w), (u, v))
    assert error(t, conv(u, w, SMALL) + conv(x, v, SMALL)) <= CLOSE


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (2, None)])
def test_vmap(axes: tuple):
    x, w, _ = arrays(SMALL)
    many = []
    for array, axis in zip((x, w), axes, strict=True):
        stacked = None if axis is None else np.stack([array, 2 * array, -array], axis)
        many.append(array if stacked is None else stacked)
    found = jax.vmap(lambda x, w: engine.conv(x, w, *how(SMALL)), axes)(*many)
    wanted = conv(x, w, SMALL)
    scale = np.array([1, 4, 1.0] if None not in axes else [1, 2, -1.0]).reshape(3, 1, 1, 1, 1)
    assert error(found, scale * wanted) <= CLOSE


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_vmap_of_grad(axes: tuple):
    x, w, dy = arrays(SMALL)
    stacks = [
        a if axis is None else np.stack([a, 2 * a]) for a, axis in zip((x, w), axes, strict=True)
    ]
    slopes = jax.grad(lambda x, w: (engine.conv(x, w, *how(SMALL)) * dy).sum(), (0, 1))
    dx, dw = jax.vmap(slopes, axes)(*stacks)
    wanted_dx, wanted_dw = conv_slopes(x, w, dy, SMALL)
    times_w, times_x = (1 if axes[1] is None else 2), (1 if axes[0] is None else 2)
    assert error(dx, np.stack([wanted_dx, times_w * wanted_dx])) <= CLOSE
    assert error(dw, np.stack([wanted_dw, times_x * wanted_dw])) <= CLOSE


def test_in_loops():
    x, w, _ = arrays(SMALL)
    step = jax.grad(loss, 1)
    scanned, _ = jax.jit(
        lambda w: jax.lax.scan(lambda w, _: (w - 1e-4 * step(x, w), None), w, None, 3)
    )(w)
    looped = jax.lax.fori_loop(0, 3, lambda _, w: w - 1e-4 * step(x, w), w)
    for _ in range(3):
        w = w - 1e-4 * conv_slopes(x, w, 2 * conv(x, w, SMALL), SMALL)[1]
    assert error(scanned, w) <= CLOSE and error(looped, w) <= CLOSE


def test_through_a_loop():
    """The gradient of a scan with a convolution inside."""
    g = Geometry((6, 5), (3, 3), (1, 1), (1, 1), ((1, 1),) * 2, 2, 1, 8, 8)
    x, w, _ = arrays(g)

    def twice(w):
        y, _ = jax.lax.scan(lambda y, _: (engine.conv(y, w, *how(g)), None), x, None, 2)
        return y.sum()

    once = conv(x, w, g)
    ones = np.ones(g.y)
    dx, dw = conv_slopes(once, w, ones, g)
    assert error(jax.jit(jax.grad(twice))(w), dw + conv_slopes(x, w, dx, g)[1]) <= CLOSE


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("margins", [(0, 0), (2, 1), (2, 2), (1, 3), (2, 4)])
def test_transposed(stride: int, margins: tuple):
    """The input spread out, zeros around it, and the kernel turned round: plain convolution."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 6, 16), "float32")
    w = rng.standard_normal((3, 1, 32, 16), "float32")
    spread = np.zeros((2, 4 * stride + 1, 6, 16))
    spread[:, ::stride] = x
    turned = np.swapaxes(w[::-1], 2, 3)
    ones = (1, 1)
    pairs = (margins, (0, 0))
    g = Geometry(spread.shape[1:3], (3, 1), ones, ones, pairs, 2, 1, 16, 32)
    found = engine.conv_transpose(x, w, (stride, 1), pairs, ones)
    wanted = conv(spread, turned, g)
    assert found.shape == wanted.shape and error(found, wanted) <= CLOSE


# ---------------------------------------------------------------- elsewhere


def test_a_gpu_gets_what_xla_has():
    """A program traced here and lowered for another platform holds no kernel of ours."""
    x, w, dy = arrays(KNOWN["mnist second"])
    g = KNOWN["mnist second"]

    lowered = all_three(g).trace(x, w, dy).lower(lowering_platforms=("cuda",))
    text = lowered.as_text()
    assert text.count("stablehlo.convolution") == 3 and "cornu" not in text


def test_float64_stays_with_xla():
    x = jax.ShapeDtypeStruct((2, 8, 8, 16), "float64")
    w = jax.ShapeDtypeStruct((3, 3, 16, 16), "float64")
    pairs = ((0, 0), (0, 0))
    assert not convolution.takes(x, w, convolution.How((1, 1), pairs, (1, 1), 1))


def test_half_precision():
    """bfloat16 where the CPU has it: as exact as the last bit of a result."""
    g = KNOWN["mnist second"]
    x, w, _ = (engine.array(a, "bfloat16") for a in arrays(g))
    found = engine.conv(x, w, *how(g))
    assert found.dtype == "bfloat16"
    assert error(found, conv(np.asarray(x, "float32"), np.asarray(w, "float32"), g)) < 4e-3


def test_eight_threads_at_once():
    """Different geometries, several times each: everybody gets their own numbers."""
    chosen = [KNOWN[name] for name in ("mnist stem", "mnist second", "depthwise", "causal")]
    large = [g._replace(batch=16) for g in chosen]
    compiled = []
    for g in large:
        x, w, dy = arrays(g)
        run = all_three(g)
        run(x, w, dy)
        compiled.append((run, (x, w, dy), (conv(x, w, g), *conv_slopes(x, w, dy, g))))
    wrong: list = []

    def work(index: int) -> None:
        for turn in range(12):
            run, given, wanted = compiled[(index + turn) % len(compiled)]
            found = run(*given)
            wrong.extend(e for e in map(error, found, wanted) if e > CLOSE)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
