"""The loop of recurrent layers: its own derivative against finite differences and autodiff."""

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient, in_float64
from contracts.draws import some
from cornu import engine
from cornu.ops.recurrent import recurrence

TIME, ROWS, SIZE = 4, 2, 3
MASK = np.array([[1, 1], [0, 1], [1, 0], [0, 1]], bool)  # (time, rows)
SCALE = np.linspace(0.5, 1.5, SIZE)


def product(v, kernel):
    return engine.matmul(v, kernel[0]) + (kernel[1] if len(kernel) > 1 else 0)


def step(x, kept, scale, states, dot):
    """Three products, the second fed by the first, the third by the state again."""
    h, c = states
    first = dot(h * scale, 0)
    gate = engine.np.tanh(x + first)
    second = dot(gate * h, 1)
    c2 = c * gate + engine.np.sin(second)
    h2 = engine.np.tanh(c2 + x + dot(c, 0))
    if kept is None:
        return h2, c2
    kept = kept[:, None]
    return engine.np.where(kept, h2, h), engine.np.where(kept, c2, c)


def stepped(x, h, c, a, b, bias, mask=None, reverse=False):
    """The same in NumPy, one step after another: all outputs, and the last states."""
    outputs = np.zeros_like(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        gate = np.tanh(x[t] + (h * SCALE) @ a + bias)
        c2 = c * gate + np.sin((gate * h) @ b)
        h2 = np.tanh(c2 + x[t] + c @ a + bias)
        kept = np.ones((ROWS, 1), bool) if mask is None else mask[t][:, None]
        h, c = np.where(kept, h2, h), np.where(kept, c2, c)
        outputs[t] = h
    return outputs, h, c


def ours(x, h, c, a, b, bias, mask=None, every=True, **how):
    kernels = ((a, bias), (b,))
    scale = engine.array(SCALE, str(x.dtype))
    return recurrence(step, product, x, mask, scale, (h, c), kernels, every=every, **how)


def plain(x, h, c, a, b, bias, mask=None, every=True, **how):
    """The same loop, differentiated by the engine step by step."""
    kernels = ((a, bias), (b,))

    def once(states, given):
        scale = engine.array(SCALE, str(x.dtype))
        new = step(*given, scale, states, lambda v, i: product(v, kernels[i]))
        return new, new[0]

    last, outputs = engine.scan(once, (h, c), (x, mask), **how)
    return (outputs if every else None), last


POINT = (
    some(TIME, ROWS, SIZE),
    some(ROWS, SIZE) / 2,
    some(ROWS, SIZE) / 3,
    some(SIZE, SIZE),
    some(SIZE, SIZE) / 2,
    some(SIZE) / 2,
)
CASES = [
    dict(zip(("every", "reverse", "masked"), said, strict=True))
    for said in [
        (True, False, False),
        (True, True, True),
        (False, True, False),
        (False, False, True),
    ]
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_slopes(case):
    """By inputs, states, both kernels and the bias, of all outputs and both last states."""
    mask, reverse = (MASK if case["masked"] else None), case["reverse"]

    def fn(*point):
        how = {"reverse": reverse, "unroll": 3 if reverse else 1}
        outputs, (h, c) = ours(*point, mask=mask, every=case["every"], **how)
        sides = [] if outputs is None else [outputs.ravel()]
        return engine.np.concatenate([*sides, 2 * h.ravel(), 3 * c.ravel()])

    def reference(*point):
        outputs, h, c = stepped(*point, mask=mask, reverse=reverse)
        sides = [outputs.ravel()] if case["every"] else []
        return np.concatenate([*sides, 2 * h.ravel(), 3 * c.ravel()])

    assert_close(fn(*POINT), reference(*POINT), 1e-5, 1e-5)
    check_gradient(fn, reference, POINT, range(6))


def _total(loop, mask):
    def total(point):
        outputs, (h, c) = loop(*point, mask=mask)
        return (outputs**2).sum() + (h * c).sum()

    return total


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_slopes_of_slopes(mask):
    """The derivative can be differentiated again, and is what autodiff makes of the plain loop."""

    def second(loop):
        def length(point):
            _, slopes = engine.value_and_grad(_total(loop, mask))(point)
            return sum((engine.np.tanh(s) ** 2).sum() for s in slopes)

        return engine.jit(engine.value_and_grad(length))

    with in_float64():
        point = [p.astype("float64") for p in POINT]
        (value, slopes), (expected, wanted) = (second(loop)(point) for loop in (ours, plain))
        assert_close([value, *slopes], [expected, *wanted], 1e-9, 1e-10)
        assert all(s.dtype == np.float64 for s in slopes)
        assert max(float(np.abs(s).max()) for s in slopes) > 0.1


@pytest.mark.parametrize("unroll", [3, 100])
def test_how_it_is_unrolled_changes_nothing(unroll):
    expected = stepped(*POINT)
    outputs, last = ours(*POINT, unroll=unroll)
    assert_close([outputs, *last], list(expected), 1e-5, 1e-5)


def test_a_step_without_products():
    """An elementwise recurrence has no kernels: a running sum that is halved at every step."""
    x = some(TIME, ROWS, SIZE)

    def halved(x, kept, constants, states, dot):
        return (states[0] / 2 + x,)

    def fn(x, h):
        return recurrence(halved, product, x, None, None, (h,), (), every=True)[0]

    def reference(x, h):
        made = []
        for one in x:
            h = h / 2 + one
            made.append(h)
        return np.stack(made)

    check_gradient(fn, reference, [x, some(ROWS, SIZE)], (0, 1))


def test_kernels_that_are_not_used_have_no_slope():
    x, h, c, a, b, _ = POINT

    def total(kernels):
        def single(x, kept, constants, states, dot):
            return (engine.np.tanh(x + dot(states[0], 1)),)

        return recurrence(single, product, x, None, None, (h,), kernels, every=True)[0].sum()

    _, (unused, used) = engine.value_and_grad(total)(((a,), (b,)))
    assert not np.any(unused[0])
    assert np.all(np.asarray(used[0]) != 0)


def test_one_step_and_mixed_precision():
    """bfloat16 stays bfloat16 in values and slopes, and a time of 1 is a time."""
    point = [engine.array(p[:1] if p.ndim == 3 else p, "bfloat16") for p in POINT]

    def total(point):
        outputs, (h, c) = ours(*point)
        return (outputs.sum() + h.sum() + c.sum()).astype("float32")

    value, slopes = engine.value_and_grad(total)(point)
    wide = [np.asarray(p, "float64") for p in point]
    expected = sum(x.sum() for x in stepped(*wide))
    assert float(value) == pytest.approx(expected, rel=0.05)
    assert {str(s.dtype) for s in slopes} == {"bfloat16"}
