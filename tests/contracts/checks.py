"""What the contracts share: float64 references in NumPy, slopes by finite differences, shapes."""

import functools
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest

from cornu import engine, graph, settings, state, tree
from cornu.graph import Tensor

STEP = 3e-6
"""Of central differences in float64: a longer one errs by the third derivative, a shorter one by
rounding."""

# ---------------------------------------------------------------- float64


@contextmanager
def in_float64() -> Iterator[None]:
    """Compute in float64 within, and as before after."""
    before = settings.floatx()
    settings.set_floatx("float64")
    try:
        yield
    finally:
        settings.set_floatx(before)


@pytest.fixture
def float64() -> Iterator[None]:
    """As `in_float64`, for a whole test."""
    with in_float64():
        yield


def wide(tree_: Any) -> Any:
    """A structure with its float arrays in float64, for references."""
    return tree.map_structure(
        lambda x: x.astype("float64") if is_float(x) else x,
        tree_,
    )


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


# ---------------------------------------------------------------- values


def assert_close(found: Any, expected: Any, rtol: float, atol: float) -> None:
    """Two structures of arrays agree in structure, shape and value."""
    found, expected = tree.leaves(found), tree.leaves(expected)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        if one.dtype.kind == "b" or other.dtype.kind == "b":
            assert one.dtype.kind == other.dtype.kind
        if one.dtype.kind == "V":  # bfloat16
            one = one.astype("float32")
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


class Case(NamedTuple):
    """A function to differentiate by arguments `wrt`, and the same in NumPy."""

    fn: Callable
    reference: Callable
    args: Sequence
    wrt: Sequence[int]

    def weights(self) -> np.ndarray:
        """Random weights of the first output, whose sum is differentiated: no error can cancel."""
        shape = np.shape(_first(self.reference(*wide(list(self.args)))))
        return np.random.default_rng(0).normal(size=shape)

    def points(self) -> list:
        return [wide(self.args[i]) for i in self.wrt]

    def total(self, fn: Callable, values: Sequence) -> Any:
        """The weighted sum of `fn`'s first output, with `values` in the places `wrt`."""
        placed = dict(zip(self.wrt, values, strict=True))
        args = [placed.get(i, wide(x)) for i, x in enumerate(self.args)]
        return (_first(fn(*args)) * self.weights()).sum()


def slopes(cases: Sequence[Case]) -> list:
    """For each case the engine's value and gradient in float64, or the error that it raised.

    All are compiled as one program, which takes half the time of many.
    """
    errors = {}

    def run(points: list) -> list:
        found = []
        for i, case in enumerate(cases):
            try:
                slope = engine.value_and_grad(functools.partial(case.total, case.fn))
                found.append(slope(points[i]))
            except Exception as error:  # told by the test of this case, and not by all tests
                errors[i] = error
                found.append(None)
        return found

    with in_float64():
        found = engine.jit(run)([case.points() for case in cases])
        return [errors.get(i, f) for i, f in enumerate(found)]


def check_slopes(case: Case, found: Any, rtol: float = 1e-6) -> None:
    """What `slopes` found is the slope of the reference, in three random directions.

    Expected are central differences in float64 of the reference alone: the code under test has no
    part in them.
    """
    if isinstance(found, Exception):
        raise found
    value, gradient = found[0], [np.asarray(s) for s in found[1]]
    points, random, step = case.points(), np.random.default_rng(1), STEP
    assert all(s.dtype == np.float64 for s in gradient)
    np.testing.assert_allclose(value, case.total(case.reference, points), rtol=1e-9, atol=1e-10)
    for _ in range(3):
        ways = [random.normal(size=np.shape(p)) for p in points]
        ahead, behind = (
            case.total(case.reference, [p + x * w for p, w in zip(points, ways, strict=True)])
            for x in (step, -step)
        )
        along = sum(np.sum(s * w) for s, w in zip(gradient, ways, strict=True))
        assert along == pytest.approx((ahead - behind) / (2 * step), rel=rtol, abs=1e-7)


def check_gradient(fn: Callable, reference: Callable, args: Sequence, wrt: Sequence[int]) -> None:
    """The engine's gradient of `fn` is the slope of `reference`."""
    case = Case(fn, reference, args, wrt)
    check_slopes(case, slopes([case])[0])


def _first(result: Any) -> Any:
    return tree.leaves(result)[0]


# ---------------------------------------------------------------- shapes


def check_symbolic(
    fn: Callable,
    reference: Callable,
    args: Sequence,
    unknown: dict[int, Sequence[int]],
    compiled: bool = False,
) -> None:
    """`fn` given Tensors infers what it then computes.

    `unknown` says which axes of which arguments have no known size. An output size must be None
    exactly where the reference's changes when those axes are made longer. `compiled` computes the
    graph, and `fn` itself, as one program instead of op by op.
    """
    args = list(args)
    symbolic = {i: _tensor(args[i], axes) for i, axes in unknown.items()}
    outputs = fn(*[symbolic.get(i, x) for i, x in enumerate(args)])
    longer = [_longer(x, unknown.get(i, ())) for i, x in enumerate(args)]
    few, many = (tree.leaves(reference(*wide(a))) for a in (args, longer))
    inferred = tree.leaves(outputs)
    assert len(inferred) == len(few)
    for tensor, one, other in zip(inferred, few, many, strict=True):
        pairs = zip(np.shape(one), np.shape(other), strict=True)
        assert tensor.shape == tuple(a if a == b else None for a, b in pairs)

    def run(*args: Any) -> tuple:
        found = graph.evaluate(outputs, {t: args[i] for i, t in symbolic.items()})
        return found, fn(*args) if compiled else found

    found, same = (engine.jit(run) if compiled else run)(*args)
    computed = tree.leaves(found)
    assert_close(same, few, rtol=2e-5, atol=2e-5)
    assert_close(computed, few, rtol=2e-5, atol=2e-5)
    assert [t.dtype for t in inferred] == [state.dtype_name(x) for x in computed]


def _tensor(x: np.ndarray, axes: Sequence[int]) -> Tensor:
    sizes = [None if i in axes else n for i, n in enumerate(x.shape)]
    return Tensor(sizes, state.dtype_name(x))


def _longer(x: Any, axes: Sequence[int]) -> Any:
    for axis in axes:
        x = np.concatenate([x, x], axis)
    return x


# ---------------------------------------------------------------- nothing, and single numbers


def cuts(args: Sequence) -> list:
    """How arrays of one float shape are cut: to nothing, and to single numbers (0-d)."""
    if not args or not all(map(is_float, args)) or len({x.shape for x in args}) != 1:
        return []
    return [slice(0, 0), (0,) * args[0].ndim] if args[0].ndim else []


def shrunk(reference: Callable, args: Sequence, cut: Any) -> tuple[list, Any] | None:
    """The arrays cut, and what NumPy makes of them; None where it makes nothing."""
    small = [np.asarray(x[cut], x.dtype) for x in args]
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            return small, reference(*wide(small))
    except Exception:
        return None  # there is nothing to take the mean, the largest, the inverse of


# ---------------------------------------------------------------- references of networks


def convolve(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    groups: int = 1,
) -> np.ndarray:
    """Convolution by its definition, one place of the output after another."""
    window = kernel.shape[:-2]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    pairs = margins(x.shape[1:-1], reach, strides, padding)
    x = np.pad(x, [(0, 0), *pairs, (0, 0)])
    sizes = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides, strict=True)]
    y = np.zeros((x.shape[0], *sizes, kernel.shape[-1]))
    inside, outside = kernel.shape[-2], kernel.shape[-1] // groups
    for place in np.ndindex(*sizes):
        for step in np.ndindex(*window):
            at = tuple(
                p * s + d * i for p, s, d, i in zip(place, strides, dilation, step, strict=True)
            )
            for group in range(groups):
                taken = slice(group * outside, (group + 1) * outside)
                part = x[(slice(None), *at, slice(group * inside, (group + 1) * inside))]
                y[(slice(None), *place, taken)] += part @ kernel[step][:, taken]
    return y


def margins(
    sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int], padding: Any
) -> list[tuple[int, int]]:
    """Zeros before and after each axis: "same" gives ceil(size / stride), the odd zero behind."""
    if not isinstance(padding, str):
        return [tuple(p) for p in padding]
    if padding.lower() == "valid":
        return [(0, 0)] * len(sizes)
    missing = [
        max((-(-n // s) - 1) * s + r - n, 0) for n, r, s in zip(sizes, reach, strides, strict=True)
    ]
    return [(m // 2, m - m // 2) for m in missing]


def spread(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    sizes: Sequence[int],
) -> np.ndarray:
    """The adjoint of convolution by its definition: each input adds a window to the output.

    `kernel`: (*window, filters, channels); `before`: places cut off in front; `sizes`: those of
    the result.
    """
    y = np.zeros((x.shape[0], *sizes, kernel.shape[-2]))
    for place in np.ndindex(*x.shape[1:-1]):
        for step in np.ndindex(*kernel.shape[:-2]):
            steps = zip(place, strides, dilation, step, before, strict=True)
            at = tuple(p * s + d * i - b for p, s, d, i, b in steps)
            if all(0 <= a < n for a, n in zip(at, sizes, strict=True)):
                y[(slice(None), *at)] += x[(slice(None), *place)] @ kernel[step].T
    return y


def pooled(
    x: np.ndarray, mode: str, size: Sequence[int], strides: Sequence[int], padding: str
) -> np.ndarray:
    """Pooling by its definition: what lies outside the input is not there."""
    pairs = margins(x.shape[1:-1], size, strides, padding)
    x = np.pad(x, [(0, 0), *pairs, (0, 0)], constant_values=np.nan)
    sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:-1], size, strides, strict=True)]
    y = np.zeros((x.shape[0], *sizes, x.shape[-1]))
    reduce = np.nanmax if mode == "max" else np.nanmean
    for place in itertools.product(*map(range, sizes)):
        window = tuple(
            slice(p * s, p * s + k) for p, s, k in zip(place, strides, size, strict=True)
        )
        y[(slice(None), *place)] = reduce(
            x[(slice(None), *window)], axis=tuple(range(1, x.ndim - 1))
        )
    return y
