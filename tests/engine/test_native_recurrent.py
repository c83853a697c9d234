"""LSTM and GRU by native kernels: against NumPy in float64, slopes by complex steps."""

import os
import subprocess
import sys
import threading
from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cornu import engine, layers
from cornu.engine import native
from cornu.engine.native import products, recurrent
from cornu.layers.fused import composite

pytestmark = pytest.mark.skipif(
    not (native.available(recurrent.FORWARD) and jax.default_backend() == "cpu"),
    reason="native kernels are not built here",
)

KINDS = ("lstm", "gru", "gru before")

# ---------------------------------------------------------------- in NumPy


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(kind, x, weights, states, mask, reverse):
    """All outputs and the last states, step by step, as the papers have it."""
    kernel, recurrent_kernel, bias = weights
    units, outputs = len(recurrent_kernel), np.zeros((*x.shape[:2], len(recurrent_kernel)), x.dtype)
    bias = np.zeros((2, kernel.shape[1])) if bias is None else bias
    beside, within = bias if bias.ndim == 2 else (bias, 0 * bias)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        h = states[0]
        inward = x[t] @ kernel + beside
        heard = h @ recurrent_kernel + within
        if kind == "lstm":
            i, f, g, o = np.split(inward + heard, 4, -1)
            c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
            new = (sigmoid(o) * np.tanh(c), c)
        else:
            z, r = np.split(sigmoid(inward + heard)[:, : 2 * units], 2, -1)
            heard = heard[:, 2 * units :]
            if kind == "gru before":
                heard = (r * h) @ recurrent_kernel[:, 2 * units :]
                r = 1
            candidate = np.tanh(inward[:, 2 * units :] + r * heard)
            new = (z * h + (1 - z) * candidate,)
        kept = np.ones((len(h), 1), bool) if mask is None else mask[t][:, None]
        states = tuple(np.where(kept, n, s) for n, s in zip(new, states, strict=True))
        outputs[t] = states[0]
    return outputs, states


def made(kind, time, rows, features, units, biased=True, masked=False, seed=0):
    """Operands in float32, and a mask."""
    draws = np.random.default_rng(seed)

    def some(*shape):
        return (draws.normal(size=shape) * shape[0] ** -0.5).astype("float32")

    gates = 4 if kind == "lstm" else 3
    shape = (2, gates * units) if kind == "gru" else (gates * units,)
    weights = (some(features, gates * units), some(units, gates * units))
    bias = draws.normal(size=shape).astype("float32") if biased else None
    states = tuple(some(rows, units) for _ in range(2 if kind == "lstm" else 1))
    x = draws.normal(size=(time, rows, features)).astype("float32")
    return (x, (*weights, bias), states), (draws.random((time, rows)) > 0.3 if masked else None)


# ---------------------------------------------------------------- natively


def plain(kind, every, reverse):
    """The same layer as the loop of `ops.recurrence`."""
    cell = layers.LSTMCell(1) if kind == "lstm" else layers.GRUCell(1, reset_after=kind == "gru")

    def step(x, kept, noise, states, dot):
        new = cell.step(x, states, dot, noise)
        if kept is None:
            return new
        pairs = zip(new, states, strict=True)
        return tuple(engine.np.where(kept[:, None], n, s) for n, s in pairs)

    return composite(cell, step, every, reverse)


def ours(kind, operands, mask, every=True, reverse=False, plainly=None):
    x, weights, states = operands
    how = {"every": every, "reverse": reverse, "after": kind != "gru before"}
    plainly = plainly or plain(kind, every, reverse)
    found = recurrent.layer(plainly, x, weights, states, mask, **how)
    assert found is not None
    return found


def total(results, by):
    """A number that all of the results count for; `by` are their weights."""
    return sum((r * b).sum() for r, b in zip(jax.tree.leaves(results), by, strict=True))


def check(kind, sizes, every, reverse, masked, biased, seed=0, places=6):
    """Values, and slopes by all operands: by some numbers of each and along a random direction."""
    operands, mask = made(kind, *sizes, biased=biased, masked=masked, seed=seed)
    wide = jax.tree.map(lambda x: x.astype("float64"), operands)
    outputs, states = reference(kind, *wide, mask, reverse)
    expected = [outputs, *states] if every else list(states)
    draws = np.random.default_rng(seed)
    by = [draws.normal(size=e.shape).astype("float32") for e in expected]

    found = jax.tree.leaves(jax.jit(lambda o: ours(kind, o, mask, every, reverse))(operands))
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-5 * max(np.abs(other).max(), 0.1)

    def loss(operands):
        return total(ours(kind, operands, mask, every, reverse), by)

    slopes = jax.tree.leaves(jax.jit(jax.grad(loss))(operands))
    leaves, shape = jax.tree.flatten(wide)

    def along(number, direction):
        bent = [leaf + 0j for leaf in leaves]
        bent[number] = bent[number] + 1e-30j * direction
        outputs, states = reference(kind, *jax.tree.unflatten(shape, bent), mask, reverse)
        return total([outputs, *states] if every else states, by).imag / 1e-30

    for number, slope in enumerate(np.asarray(s, "float64") for s in slopes):
        for place in draws.permutation(slope.size)[:places]:
            direction = (np.arange(slope.size) == place).reshape(slope.shape)
            wrong = abs(along(number, direction) - slope.flat[place])
            assert wrong <= 1e-5 * max(np.abs(slope).max(), 0.1), (number, place)
        direction = draws.choice([-1.0, 1.0], slope.shape)
        wrong = abs(along(number, direction) - (slope * direction).sum())
        assert wrong <= 1e-5 * max(np.abs(slope).sum(), 0.1), number


CASES = [  # sizes: time, rows, features, units
    ((5, 4, 3, 7), True, False, False, True),
    ((4, 13, 5, 20), False, True, True, True),
    ((3, 2, 33, 64), True, True, True, False),
    ((1, 1, 1, 1), False, False, False, True),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_slopes(kind, case):
    check(kind, *case)


def test_sizes_that_need_several_blocks_and_threads():
    """More steps than are projected at once, rows for each thread, products in several parts."""
    check("lstm", (9, 17, 130, 132), True, False, True, True, places=0)


# ---------------------------------------------------------------- by AMX

on_tiles = pytest.mark.skipif(
    not products.has_kernel(), reason="this CPU has no AMX tiles, or may not use them"
)

TILED = [  # at least 8 rows for each of two threads, and lines that fill half of the tiles
    ((3, 33, 100, 130), True, False, True, True),
    ((4, 16, 32, 64), False, True, False, False),
    ((2, 70, 33, 37), True, True, True, True),
]


@on_tiles
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", TILED, ids=str)
def test_values_and_slopes_by_tiles(kind, case):
    check(kind, *case, places=1)


WITHOUT_TILES = """
import sys
sys.path[:0] = [sys.argv[1]]
import numpy as np
from engine import test_native_recurrent as tests
for kind in tests.KINDS:
    np.save(f"{sys.argv[2]}/{kind}.npy", tests.slopes_of_a_sum(kind))
"""


def slopes_of_a_sum(kind):
    """By all operands of a layer that goes by tiles where there are some, one after the other."""
    operands, mask = made(kind, 5, 32, 64, 96, masked=True)

    def loss(operands):
        return ours(kind, operands, mask)[0].sum()

    slopes = jax.tree.leaves(jax.jit(jax.grad(loss))(operands))
    return np.concatenate([np.asarray(s).ravel() for s in slopes])


@on_tiles
def test_tiles_are_used_and_change_the_last_bits_only(tmp_path):
    tests = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TILES, tests, str(tmp_path)]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        without, found = np.load(tmp_path / f"{kind}.npy"), slopes_of_a_sum(kind)
        assert not np.array_equal(without, found)
        np.testing.assert_allclose(found, without, rtol=1e-5, atol=1e-5 * np.abs(without).max())


def in_fours(layer, operands):
    """Results and slopes of four rows at a time, which are too few for tiles, put together."""
    x, weights, states = operands
    found = []
    for row in range(0, x.shape[1], 4):
        some = slice(row, row + 4)
        found.append(layer((x[:, some], weights, tuple(s[some] for s in states))))

    def joined(*parts):
        return jax.tree.map(lambda *p: np.concatenate(p, axis=p[0].ndim - 2), *parts)

    slopes, results = zip(*found, strict=True)
    by_weights = jax.tree.map(lambda *p: np.sum(p, axis=0), *(s[1] for s in slopes))
    by_x, by_states = joined(*(s[0] for s in slopes)), joined(*(s[2] for s in slopes))
    return (by_x, by_weights, by_states), joined(*results)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_have_no_parts(kind):
    """One of them among many rows does to values and slopes what it does without tiles."""

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def layer(operands):
        outputs, states = ours(kind, operands, None)
        return outputs.sum(), (outputs, states)

    for where in ("x", "kernel", "recurrent kernel", "state"):
        for odd in (np.nan, np.inf, 3.4e38):
            operands, _ = made(kind, 3, 32, 32, 32)
            x, (kernel, within, _), states = operands
            given = {"x": x[1], "kernel": kernel, "recurrent kernel": within, "state": states[0]}
            given[where][7, 5] = odd
            with np.errstate(invalid="ignore", over="ignore"):
                expected = in_fours(layer, operands)
            pairs = zip(jax.tree.leaves(layer(operands)), jax.tree.leaves(expected), strict=True)
            for one, other in pairs:
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=where)


# ---------------------------------------------------------------- any sizes

SIZES = st.tuples(*(st.integers(1, most) for most in (9, 17, 30, 70)))
FLAG = st.booleans()
ANY = given(st.tuples(st.sampled_from(KINDS), SIZES, FLAG, FLAG, FLAG, FLAG, st.integers(0, 99)))


@settings(max_examples=3, deadline=None, derandomize=True)
@ANY
def test_any_sizes(case):
    check(*case)


@pytest.mark.slow
@settings(max_examples=170, deadline=None)
@ANY
def test_many_sizes(case):
    check(*case)


def test_derivatives_of_derivatives():
    """The slope of a sum of squares of slopes, which is twice their change along themselves."""
    operands, mask = made("lstm", 2, 2, 2, 3, masked=True)
    leaves, shape = jax.tree.flatten(jax.tree.map(lambda x: x.astype("float64"), operands))

    def loss(results):
        return sum((r**2).sum() for r in jax.tree.leaves(results))

    def length(operands):
        slopes = jax.grad(lambda o: loss(ours("lstm", o, mask)))(operands)
        return loss(slopes)

    def slopes(leaves):
        """By a complex step for each number."""
        found = []
        for number, leaf in enumerate(leaves):
            one = np.zeros(leaf.size)
            for place in range(leaf.size):
                bent = [x + 0j for x in leaves]
                bent[number].flat[place] += 1e-30j
                results = reference("lstm", *jax.tree.unflatten(shape, bent), mask, False)
                one[place] = loss(results).imag / 1e-30
            found.append(one.reshape(leaf.shape))
        return found

    along = slopes(leaves)
    there, back = (
        slopes([x + way * a for x, a in zip(leaves, along, strict=True)]) for way in (1e-6, -1e-6)
    )
    found = jax.tree.leaves(jax.jit(jax.grad(length))(operands))
    for one, up, down in zip(found, there, back, strict=True):
        expected = (up - down) / 1e-6
        np.testing.assert_allclose(one, expected, atol=1e-5 * np.abs(expected).max())


# ---------------------------------------------------------------- where and how it runs


def test_many_layers_at_once_under_vmap():
    several = [made("gru", 3, 2, 3, 5, seed=seed)[0] for seed in range(3)]
    stacked = jax.tree.map(lambda *x: np.stack(x), *several)

    def loss(operands):
        outputs, (h,) = ours("gru", operands, None)
        return (outputs**2).sum() + h.sum()

    found = jax.jit(jax.vmap(jax.grad(loss)))(stacked)
    each = [jax.jit(jax.grad(loss))(one) for one in several]
    expected = jax.tree.map(lambda *x: np.stack(x), *each)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sizes", [(4, 6, 5, 17), (4, 32, 32, 64)], ids=str)
def test_in_a_loop_every_turn_gives_the_same_bits(sizes):
    operands, _ = made("lstm", *sizes)

    def loss(operands):
        return (ours("lstm", operands, None)[0] ** 2).sum()

    def turns(operands):
        def turn(_, found):
            return jax.grad(loss)(jax.tree.map(lambda x, f: x + 0 * f, operands, found))

        return jax.lax.fori_loop(0, 3, turn, jax.tree.map(lambda x: 0 * x, operands))

    once, looped = jax.jit(jax.grad(loss))(operands), jax.jit(turns)(operands)
    for one, other in zip(jax.tree.leaves(once), jax.tree.leaves(looped), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sizes", [(6, 33, 16, 48), (6, 33, 32, 64)], ids=str)
def test_eight_threads_at_once(sizes):
    run = jax.jit(lambda o: ours("lstm", o, None))
    given = [made("lstm", *sizes, seed=seed)[0] for seed in range(8)]
    expected = [jax.tree.map(np.asarray, run(one)) for one in given]
    wrong = []

    def work(number):
        for _ in range(10):
            pairs = zip(
                jax.tree.leaves(run(given[number])),
                jax.tree.leaves(expected[number]),
                strict=True,
            )
            if not all(np.array_equal(a, b) for a, b in pairs):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_row_does_not_depend_on_those_beside_it():
    operands, mask = made("lstm", 5, 11, 6, 9, masked=True)
    x, weights, states = operands
    outputs, _ = ours("lstm", operands, mask)
    alone = (x[:, 3:5], weights, tuple(s[3:5] for s in states))
    np.testing.assert_array_equal(ours("lstm", alone, mask[:, 3:5])[0], outputs[:, 3:5])


@pytest.mark.parametrize("kind", KINDS)
def test_large_numbers_saturate_and_nan_stays(kind):
    (x, weights, states), _ = made(kind, 2, 2, 3, 5)
    x = np.where(x > 0, np.float32(1e30), np.float32(-1e30))
    found = jax.tree.leaves(ours(kind, (x, weights, states), None))
    assert all(np.isfinite(f).all() for f in found)
    with np.errstate(over="ignore"):
        wide = jax.tree.map(lambda x: x.astype("float64"), (x, weights, states))
        outputs, _ = reference(kind, *wide, None, False)
    np.testing.assert_allclose(found[0], outputs, atol=1e-6)
    x[1, 1, 0] = np.nan
    outputs, _ = ours(kind, (x, weights, states), None)
    assert np.isnan(outputs[1, 1]).all()
    assert np.isfinite(outputs[:, 0]).all()


def test_a_program_for_a_gpu_holds_no_native_kernel():
    operands, mask = made("lstm", 3, 2, 3, 4)

    def loss(operands):
        return ours("lstm", operands, mask)[0].sum()

    traced = jax.jit(jax.grad(loss)).trace(operands)
    assert recurrent.BACKWARD in traced.lower(lowering_platforms=("cpu",)).as_text()
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert recurrent.FORWARD not in text


@pytest.mark.parametrize(
    "change",
    [
        lambda o: jax.tree.map(lambda x: engine.array(x, "bfloat16"), o),
        lambda o: (o[0][:, :0], o[1], tuple(s[:0] for s in o[2])),
    ],
    ids=["bfloat16", "no rows"],
)
def test_what_kernels_do_not_take(change):
    operands, _ = made("lstm", 3, 2, 3, 4)
    how = {"every": True, "reverse": False}
    assert recurrent.layer(plain("lstm", True, False), *operands, None, **how) is not None
    assert recurrent.layer(plain("lstm", True, False), *change(operands), None, **how) is None


def test_a_layer_asks_for_them_and_does_without():
    """Where there are none, with recurrent dropout or other activations, the loop computes it."""
    x = made("lstm", 3, 2, 3, 4)[0][0]

    def kernels(layer, **how):
        layer.build(x.shape)
        return recurrent.FORWARD in str(jax.make_jaxpr(lambda x: layer(x, **how))(x))

    assert kernels(layers.LSTM(4))
    assert kernels(layers.GRU(4, dropout=0.5), training=True)
    assert kernels(layers.Bidirectional(layers.LSTM(4)))
    assert not kernels(layers.LSTM(4, recurrent_dropout=0.5), training=True)
    assert not kernels(layers.LSTM(4, activation="relu"))
    assert not kernels(layers.LSTM(4, recurrent_activation="hard_sigmoid"))
    assert not kernels(layers.LSTM(4, dtype="mixed_bfloat16"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "available", lambda name: False)
        assert not kernels(layers.LSTM(4))


NARROWER = """
import sys
sys.path[:0] = [sys.argv[1]]
from engine import test_native_recurrent as tests
for kind in tests.KINDS:
    tests.check(kind, (4, 13, 5, 20), False, True, True, True)
tests.check("lstm", (3, 7, 33, 50), True, False, False, True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", ["AVX2", "SSE41"])
def test_machines_with_narrower_vectors(width):
    tests = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, "-W", "error", "-c", NARROWER, tests]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": width}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_ten_thousand_calls_leak_nothing():
    operands, mask = made("gru", 3, 4, 8, 16, masked=True)
    run = jax.jit(jax.grad(lambda o: ours("gru", o, mask)[0].sum()))

    def memory():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    for _ in range(500):
        jax.block_until_ready(run(operands))
    before = memory()
    for _ in range(10_000):
        jax.block_until_ready(run(operands))
    assert memory() - before < 4 * 2**20
