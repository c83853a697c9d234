"""What single numeric ops promise beyond the contract table, and what they refuse."""

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient
from contracts.draws import some
from contracts.ops_table import POSITIVE
from cornu import engine, graph, ops
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import Tensor

X = np.array([[1.5, -2, 3, 0.5], [4, 5.5, -6, 1], [2, 7, 8, -1]], "float32")

# ---------------------------------------------------------------- ops that fit no table


def test_dtype():
    assert ops.dtype(X) == ops.dtype(Tensor((None,))) == ops.dtype([1.0]) == "float32"
    assert ops.dtype(np.zeros(2, "int32")) == "int32"


@pytest.mark.parametrize("kth", [1, [0, 2]])
def test_argpartition(kth):
    order = np.asarray(ops.argpartition(X, kth, axis=1))
    assert order.dtype == "int32"
    ranked, whole = np.take_along_axis(X, order, 1), np.sort(X, 1)
    assert np.array_equal(ranked[:, kth], whole[:, kth])
    assert np.array_equal(np.sort(ranked, 1), whole)
    assert ops.argpartition(X, 1, axis=None).shape == (12,)
    assert ops.argpartition(Tensor((None, 4)), 1).shape == (None, 4)


def test_eig():
    x = np.array([[0, 1], [-4, 0]], "float32")  # eigenvalues 2i and -2i
    values, vectors = (np.asarray(v) for v in ops.eig(x))
    assert values.dtype == vectors.dtype == "complex64"
    assert_close(np.sort_complex(values), np.array([-2j, 2j]), 1e-5, 1e-5)
    assert_close(x @ vectors, vectors * values, 1e-5, 1e-5)


@pytest.mark.parametrize("window", ["hann", "hamming", None])
@pytest.mark.parametrize("center", [True, False])
def test_istft(window, center):
    """It gives back what `stft` was made of, wherever windows reach."""
    x = some(2, 40)
    parts = ops.stft(x, 6, 2, 8, window=window, center=center)
    back = ops.istft(parts, 6, 2, 8, window=window, center=center)
    inside = slice(0, 40) if center else slice(2, 38)
    assert_close(back[:, inside], x[:, inside], 1e-4, 1e-5)
    cut = ops.istft(parts, 6, 2, 8, length=30, window=window, center=center)
    assert_close(cut, np.asarray(back)[:, :30], 1e-6, 1e-6)
    assert ops.istft(parts, 6, 2, 8, length=60, window=window, center=center).shape == (2, 60)


def test_istft_symbolic():
    real, imaginary = ops.stft(Tensor((None, None)), 6, 2, 8)
    assert real.shape == imaginary.shape == (None, None, 5)
    assert ops.istft((real, imaginary), 6, 2, 8).shape == (None, None)
    assert ops.istft((real, imaginary), 6, 2, 8, length=20).shape == (None, 20)


def test_vectorize():
    assert_close(ops.vectorize(lambda a, b: a * b + 1)(X, X[0]), X * X[0] + 1, 1e-6, 0)
    dots = ops.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")
    assert_close(dots(X, X[1]), X @ X[1], 1e-5, 0)
    raised = ops.vectorize(lambda a, n: a**n, excluded={1})
    assert_close(raised(X, 2), X**2, 1e-6, 0)
    assert raised(Tensor((None, 3)), 2).shape == (None, 3)


# ---------------------------------------------------------------- derivatives of one's own


@ops.custom_gradient
def triple_slope(x):
    """x squared, whose slope is said to be 3 upstream."""
    return x * x, lambda upstream: 3 * upstream


@ops.custom_gradient
def two_slopes(x, y):
    """x y, with slopes 5 and 7."""
    return x * y, lambda upstream: (5 * upstream, 7 * upstream)


def test_custom_gradient():
    slope = engine.value_and_grad(lambda x: engine.np.sum(triple_slope(x)))
    value, found = slope(X)
    assert float(value) == pytest.approx(np.sum(X.astype("float64") ** 2))
    assert np.all(np.asarray(found) == 3)
    both = engine.value_and_grad(lambda xy: engine.np.sum(two_slopes(*xy)))((X, X + 1))[1]
    assert (np.all(np.asarray(both[0]) == 5), np.all(np.asarray(both[1]) == 7)) == (True, True)
    assert triple_slope.__name__ == "triple_slope"


def test_custom_gradient_in_a_graph():
    x = Tensor((None, 4))
    y = triple_slope(x)
    assert y.shape == (None, 4)
    (slope,) = graph.gradients(y, [x])
    found = graph.evaluate([y, slope], {x: X})
    assert_close(found, [X * X, np.full(X.shape, 3.0)], 1e-6, 0)


def test_custom_gradient_of_structures():
    @ops.custom_gradient
    def weighted(pair):
        return pair["a"] * pair["b"], lambda upstream: (2 * upstream, 4 * upstream)

    found = engine.value_and_grad(lambda p: engine.np.sum(weighted(p)))({"a": X, "b": X})[1]
    assert (float(found["a"][0, 0]), float(found["b"][0, 0])) == (2, 4)


def test_jvp_and_switch_and_scan_in_a_graph():
    x = Tensor((None, 4))
    value, slope = ops.jvp(lambda x: x * x, (x,), (x,))
    index = Tensor((), "int32")
    chosen = ops.switch(index, [lambda v: v, lambda v: -v], x)
    total = ops.associative_scan(lambda a, b: [a[0] + b[0]], [x])[0]
    assert value.shape == slope.shape == chosen.shape == total.shape == (None, 4)
    found = graph.evaluate([value, slope, chosen, total], {x: X, index: np.int32(1)})
    assert_close(found, [X * X, 2 * X * X, -X, np.cumsum(X, 0)], 1e-6, 1e-6)


# ---------------------------------------------------------------- slopes of decompositions

# Signs of vectors are free, so what is compared does not depend on them.


def _upper(np_, q, r):
    return r * np_.sign(np_.diagonal(r))[:, None]


DECOMPOSED = {
    "qr": (lambda x: _upper(engine.np, *ops.qr(x)), lambda x: _upper(np, *np.linalg.qr(x)), X.T),
    "svd-values": (
        lambda x: ops.svd(x, compute_uv=False),
        lambda x: np.linalg.svd(x, compute_uv=False),
        X,
    ),
    "svd-vectors": (
        lambda x: ops.svd(x, full_matrices=False)[0] ** 2,
        lambda x: np.linalg.svd(x, full_matrices=False)[0] ** 2,
        X,
    ),
    "eigh-values": (
        lambda x: ops.eigh(x)[0],
        lambda x: np.linalg.eigh((x + x.T) / 2)[0],
        POSITIVE,
    ),
    "eigh-vectors": (
        lambda x: ops.eigh(x)[1] ** 2,
        lambda x: np.linalg.eigh((x + x.T) / 2)[1] ** 2,
        POSITIVE,
    ),
}


@pytest.mark.parametrize("which", DECOMPOSED)
def test_slopes_of_decompositions(which):
    fn, reference, x = DECOMPOSED[which]
    check_gradient(fn, reference, [x], [0])


def test_cdist_of_equal_rows_has_no_slope():
    slope = engine.value_and_grad(lambda x: engine.np.sum(ops.cdist(x, x)))(X[:1])[1]
    assert np.all(np.asarray(slope) == 0)


# ---------------------------------------------------------------- edges


def test_in_top_k_of_odd_scores():
    scores = np.array([[1, 2, np.nan], [1, 1, 0], [3, 2, 1]], "float32")
    assert ops.in_top_k(np.array([2, 1, 5]), scores, 1).tolist() == [False, True, False]


def test_nan_reductions_of_nothing():
    x = np.array([[np.nan, np.nan], [np.nan, 1]], "float32")
    assert ops.nanargmax(x, axis=1).tolist() == [-1, 1]
    assert np.isnan(np.asarray(ops.nanmean(x, axis=1))).tolist() == [True, False]


def test_view_as_complex_keeps_infinities():
    found = np.asarray(ops.view_as_complex(np.array([[2.0, np.inf]], "float32")))
    assert (found.real.tolist(), found.imag.tolist()) == ([2], [np.inf])


def test_bincount_of_a_tensor():
    counted = ops.bincount(Tensor((None,), "int32"), minlength=4)
    assert (counted.shape, counted.dtype) == ((4,), "int32")
    assert ops.unique(Tensor((None,), "int32"), size=3).shape == (3,)
    assert ops.nonzero(Tensor((None, 2)), size=3)[1].shape == (3,)
    assert ops.segment_max(X, np.array([0, 2, 1])).shape == (3, 4)


# ---------------------------------------------------------------- what is refused

WHOLE = Tensor((None,), "int32")
REFUSED = {
    "unique: .*size=10.*E-SIZE-UNKNOWN": lambda: ops.unique(WHOLE),
    "nonzero: .*size=10.*E-SIZE-UNKNOWN": lambda: ops.nonzero(WHOLE),
    "bincount: .*minlength=10.*E-SIZE-UNKNOWN": lambda: ops.bincount(WHOLE),
    "segment_max: .*num_segments=10.*E-SIZE-UNKNOWN": lambda: ops.segment_max(WHOLE, WHOLE),
    "segment_sum: .*num_segments=10.*E-SIZE-UNKNOWN": lambda: ops.segment_sum(WHOLE, WHOLE),
    "bitwise_and works on whole numbers.*E-DTYPE": lambda: ops.bitwise_and(X, 1),
    "ldexp: x2 must hold whole numbers.*E-DTYPE": lambda: ops.ldexp(X, X),
    "view: .*E-VIEW": lambda: ops.view(np.zeros(3, "uint8"), "int32"),
    "view_as_complex needs a last axis of size 2.*E-COMPLEX": lambda: ops.view_as_complex(X),
    "fft takes a pair.*E-COMPLEX": lambda: ops.fft(X),
    "bins must be a whole number.*E-BINS": lambda: ops.histogram(X, 2.5),
    "method must be one of.*E-QUANTILE": lambda: ops.quantile(X, 0.5, method="cubic"),
    "one choice for each condition.*E-SELECT": lambda: ops.select([X > 0], []),
    "one branch at least.*E-BRANCHES": lambda: ops.switch(0, []),
    "multiple of block_size.*E-BLOCK": lambda: ops.depth_to_space(np.zeros((1, 2, 2, 3)), 2),
    "multiples of block_size.*E-BLOCK": lambda: ops.space_to_depth(np.zeros((1, 3, 2, 3)), 2),
    "from 2; got 1.*E-BLOCK": lambda: ops.depth_to_space(np.zeros((1, 2, 2, 4)), 1),
    "fft_length must be sequence_length.*E-WINDOW": lambda: ops.stft(X, 4, 2, 2),
    "Did you mean \"hann\".*E-WINDOW": lambda: ops.stft(X, 4, 2, 4, window="han", center=False),
    "needs 4 values.*E-WINDOW": lambda: ops.stft(X, 4, 2, 4, window=[1.0], center=False),
    "pieces of length 9 do not fit.*E-WINDOW": lambda: ops.extract_sequences(X, 9, 1),
    "sequence_stride must be.*E-RANGE": lambda: ops.extract_sequences(X, 2, 0),
    "does not fit an image.*E-WINDOW": lambda: ops.unfold(np.zeros((1, 1, 2, 2)), 3),
    "fold: x must be.*E-SHAPE": lambda: ops.fold(np.zeros((1, 4, 3)), 4, 2),
    "length of the window.*E-WINDOW": lambda: ops.hanning([3, 4]),
    "length of the window, as in 256; got Tensor": lambda: ops.kaiser(
        Tensor(()), 3.0
    ),
    "reduction must be.*E-REDUCTION": lambda: ops.scatter_update(X, [[0]], X[:1], "sum"),
    'one "->" is needed.*E-REARRANGE': lambda: ops.rearrange(X, "a b"),
    "2 axes.*E-REARRANGE": lambda: ops.rearrange(X[None], "a b -> b a"),
    "once on each side; see b, c.*E-REARRANGE": lambda: ops.rearrange(X, "a b -> a c"),
    "give the length of .*E-REARRANGE": lambda: ops.rearrange(X, "(a c) b -> a c b"),
    "does not fit an axis of size 3.*E-REARRANGE": lambda: ops.rearrange(
        X, "(a c) b -> a c b", c=2
    ),
    "there is no axis d.*E-REARRANGE": lambda: ops.rearrange(X, "a b -> b a", d=2),
    "not closed.*E-REARRANGE": lambda: ops.rearrange(X, "(a b -> b a"),
    "cannot stand there.*E-REARRANGE": lambda: ops.rearrange(X, "a + b -> b a"),
    "must return .output, grad.*E-GRADIENT": lambda: ops.custom_gradient(lambda x: x)(X),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message: str):
    with pytest.raises((UsageError, UsageTypeError), match=message):
        REFUSED[message]()


def test_custom_gradient_counts_derivatives():
    @ops.custom_gradient
    def lacking(x, y):
        return x * y, lambda upstream: (upstream,)

    with pytest.raises(UsageError, match="2 arguments.*1 derivatives.*E-GRADIENT"):
        engine.value_and_grad(lambda x: engine.np.sum(lacking(x, x)))(X)
