"""Adam's step by the native kernel: against NumPy in float64, and inside compiled steps."""

import threading

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cornu import engine, optimizers, state
from cornu.engine import native
from cornu.engine.native import update

pytestmark = pytest.mark.skipif(
    not (native.available(update.ADAM) and jax.default_backend() == "cpu"),
    reason="native kernels are not built here",
)
RATES = (1e-2, 0.1, 1e-3, 1e-7)  # alpha, 1 - beta_1, 1 - beta_2, epsilon
MANY = 1 << 15  # numbers


def reference(p, m, v, g, alpha, rest_1, rest_2, epsilon):
    """The paper's formulas, in float64."""
    m = (1 - rest_1) * m + rest_1 * g
    v = (1 - rest_2) * v + rest_2 * g * g
    return p - alpha * m / (np.sqrt(v) + epsilon), m, v


def given_arrays(count, seed):
    random = np.random.default_rng(seed)
    p, m, v, g = random.normal(size=(4, count))
    g[random.random(count) < 0.5] = 0  # rows of a table that no word of the batch asks for
    unseen = random.random(count) < 0.2
    m[unseen], v[unseen] = 0, 0
    return [a.astype("float32") for a in (p, m, v * v, g)]


def rates(numbers=RATES):
    return tuple(np.float32(x) for x in numbers)


def step(*arrays):
    return engine.adam(*arrays, rates())


def near(found, expected):
    assert found is not None
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6)


@given(st.integers(1, 3000), st.integers(0, 99), st.sampled_from([0, MANY, 10 * MANY]))
@example(1, 0, 0)
@settings(max_examples=8, deadline=None)
def test_every_count_and_rate(more, seed, many):
    arrays = given_arrays(many + more, seed)
    numbers = np.random.default_rng(seed).uniform(1e-4, 0.5, 4)
    numbers = [float(np.float32(x)) for x in numbers]
    found = engine.adam(*arrays, rates(numbers))
    near(found, reference(*(a.astype(float) for a in arrays), *numbers))


def test_numbers_that_are_not_finite():
    p, m, v, g = given_arrays(MANY, 0)
    g[:3] = np.nan, np.inf, 1e30  # the last one's square is too large for float32
    found = step(p, m, v, g)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = reference(p, m, v, g, *rates())
    assert np.isnan(found[0][:2]).all() and np.isinf(found[2][1:3]).all()
    assert found[0][2] == expected[0][2] == p[2]
    near([a[3:] for a in found], [a[3:] for a in expected])


def test_many_steps_in_a_loop_take_the_places_of_the_old():
    p, m, v, g = given_arrays(MANY + 5, 1)

    def many(state):
        return jax.lax.fori_loop(0, 5, lambda i, now: step(*now, g), state)

    run = jax.jit(many, donate_argnums=0)
    text = run.lower((p, m, v)).compile().as_text()
    assert update.ADAM in text
    assert f"f32[{len(p)}]{{0}} copy(" not in text  # nothing is copied aside
    expected = [a.astype(float) for a in (p, m, v)]
    for _ in range(5):
        expected = reference(*expected, g.astype(float), *RATES)
    near(run((p, m, v)), expected)


def test_what_is_read_afterwards_is_left_as_it_was():
    p, m, v, g = given_arrays(MANY, 2)
    before = [a.copy() for a in (p, m, v, g)]
    run = jax.jit(lambda *arrays: (step(*arrays), arrays[0] * 2))
    _, doubled = run(p, m, v, g)
    np.testing.assert_array_equal(doubled, before[0] * 2)
    for now, then in zip((p, m, v, g), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_slopes_and_many_at_once():
    p, m, v, g = given_arrays(MANY, 3)
    alpha = np.float32(0.01)

    def moved(alpha):
        return engine.adam(p, m, v + 1, g, (alpha, *rates()[1:]))[0].sum()

    _, found_m, found_v = reference(p, m, v.astype(float) + 1, g, *RATES)
    expected = -(found_m / (np.sqrt(found_v) + 1e-7)).sum()
    np.testing.assert_allclose(jax.grad(moved)(alpha), expected, rtol=1e-4)
    both = jax.vmap(lambda p: step(p, m, v, g)[0])(np.stack([p, p + 1]))
    np.testing.assert_array_equal(both[0], step(p, m, v, g)[0])
    np.testing.assert_array_equal(both[1], step(p + 1, m, v, g)[0])


def test_whom_it_leaves_to_the_formula():
    assert step(*given_arrays(0, 0)) is None
    arrays = [jax.numpy.asarray(a, "bfloat16") for a in given_arrays(MANY, 0)]
    assert step(*arrays) is None


def test_threads_at_once_have_the_same_bits():
    arrays = given_arrays(300_001, 4)
    run = jax.jit(step)
    expected = [np.asarray(a) for a in run(*arrays)]
    wrong = []

    def work():
        for _ in range(5):
            found = run(*arrays)
            wrong.extend(not np.array_equal(a, b) for a, b in zip(found, expected, strict=True))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(wrong) == 8 * 5 * 3 and not any(wrong)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"clipvalue": 0.5},
        {"weight_decay": 0.01},
        {"use_ema": True},
        {"amsgrad": True},
        {"gradient_accumulation_steps": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [2, MANY // 8])
def test_the_optimizer_moves_a_parameter_as_the_formula_does(options, rows, monkeypatch):
    random = np.random.default_rng(0)
    start = random.normal(size=(rows, 8)).astype("float32")
    slopes = [random.normal(size=start.shape).astype("float32") for _ in range(4)]
    moved = []
    for served in (update._serves, lambda arrays: False):
        monkeypatch.setattr(update, "_serves", served)
        optimizer = optimizers.Adam(0.1, **options)
        variable = state.Variable(start)
        for g in slopes:
            optimizer.apply([g], [variable])
        moved.append([np.asarray(v.value) for v in (variable, *optimizer.variables)])
    for one, other in zip(*moved, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7)
