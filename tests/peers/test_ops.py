"""Every op of `keras.ops` 3.15.1: the same arguments, results, shapes and dtypes.

`CALLS` has typical calls of each; those of no calls are compared in tests of their own, or where
another file says. `SIGNATURES` says where arguments differ on purpose.
"""

import inspect
from typing import Any, NamedTuple

import numpy as np
import pytest

from cornu import ops
from peers.checks import leaves

pytestmark = pytest.mark.peers

RNG = np.random.default_rng(11)


class Call(NamedTuple):
    """`name(*args, **options)`; `near` is the relative tolerance."""

    name: str
    args: tuple
    options: dict
    near: float = 2e-5


def call(*args: Any, **options: Any) -> tuple:
    return args, options


def some(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


X, Y, POSITIVE = some(3, 4), some(3, 4), (np.abs(some(3, 4)) + 0.1).astype("float32")
WHOLE = np.array([[1, -2, 3], [4, 5, -6]], "int32")
COUNTS = np.array([[1, 2, 3], [4, 5, 6]], "int32")
BYTES = np.array([1, 2, 200], "uint8")
BOOLS = np.array([[True, False, True]])
HOLES = np.array([[1.5, np.nan, -2], [np.nan, 0.5, 3]], "float32")
ODD = np.array([np.nan, np.inf, -np.inf, 0, -1.5], "float32")
SQUARE = (np.eye(3) * 3 + some(3, 3)).astype("float32")
GOOD = (SQUARE @ SQUARE.T).astype("float32")
IMAGES = some(2, 6, 7, 3)
PROBABLE = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], "float32")
ONES = np.array([[0, 1, 0], [1, 0, 0]], "float32")
WAVE = some(2, 40)
COMPLEX = (some(2, 3) + 1j * some(2, 3)).astype("complex64")

SMALL = (X / 5).astype("float32")
ELEMENTS = {
    **dict.fromkeys(
        "abs absolute cbrt ceil cos cosh deg2rad erfc exp exp2 expm1 fabs floor i0 imag "
        "isfinite isinf isnan isneginf isposinf isreal logical_not negative rad2deg real "
        "sign signbit sin sinc sinh square tan tanh trunc conj conjugate angle round nan_to_num "
        "celu elu gelu hard_shrink hard_sigmoid hard_silu hard_swish leaky_relu "
        "log_sigmoid log_softmax relu relu6 selu soft_shrink softmax softplus "
        "softsign sparse_plus sparse_sigmoid squareplus tanh_shrink arcsinh arctan "
        "stop_gradient copy ravel flip fliplr flipud transpose zeros_like ones_like".split(),
        [X, WHOLE],
    ),
    **dict.fromkeys("erf sigmoid silu swish hard_tanh rsqrt".split(), [POSITIVE, X * X]),
    **dict.fromkeys("arccos arcsin arctanh erfinv".split(), [SMALL]),
    **dict.fromkeys("arccosh log log10 log1p log2 reciprocal sqrt".split(), [POSITIVE + 1, COUNTS]),
    **dict.fromkeys("bitwise_invert bitwise_not".split(), [WHOLE, BYTES, BOOLS]),
}
PAIRS = {
    **dict.fromkeys(
        "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal "
        "heaviside hypot isclose less less_equal logaddexp logaddexp2 logical_and logical_or "
        "logical_xor maximum minimum mod multiply nextafter not_equal outer subtract true_divide "
        "append inner kron vdot allclose".split(),
        [(X, Y), (WHOLE, COUNTS), (WHOLE, COUNTS.astype("float32"))],
    ),
    "power": [(POSITIVE, X), (COUNTS, COUNTS), (POSITIVE, 2), (COUNTS, 2.0)],
    **dict.fromkeys(
        "bitwise_and bitwise_or bitwise_xor gcd lcm".split(), [(WHOLE, COUNTS), (BYTES, BYTES)]
    ),
    **dict.fromkeys(
        "bitwise_left_shift bitwise_right_shift left_shift right_shift".split(),
        [(WHOLE, COUNTS), (WHOLE, 2)],
    ),
}
WEAK = "add divide fmax fmin hypot maximum minimum mod multiply subtract fmod logaddexp2".split()
REDUCTIONS = (
    "all amax amin any count_nonzero logsumexp max mean median min prod ptp std sum var nanmax "
    "nanmean nanmedian nanmin nanprod nanstd nansum nanvar"
).split()
PLACES = "argmax argmin nanargmax nanargmin".split()
RUNNING = "cumsum cumprod nancumsum nancumprod".split()
RANKED = "percentile quantile nanpercentile nanquantile".split()
LENGTHS = "bartlett blackman hamming hanning".split()
JOINED = "dstack hstack vstack".split()

FAMILIES: dict[str, list] = {
    **{name: [call(x) for x in given] for name, given in ELEMENTS.items()},
    **{name: [call(*pair) for pair in given] for name, given in PAIRS.items()},
    **{
        name: [call(X), call(X, axis=1), call(WHOLE, axis=0, keepdims=name != "count_nonzero")]
        for name in REDUCTIONS
    },
    **{name: [call(X), call(X, axis=1, keepdims=True), call(WHOLE, axis=0)] for name in PLACES},
    **{name: [call(X), call(X, axis=1), call(WHOLE, axis=0, dtype="float32")] for name in RUNNING},
    **{
        name: [
            call(X, 0.3),
            call(WHOLE, [0.25, 0.5], axis=1, keepdims=True),
            call(HOLES, 0.5, axis=0, method="nearest"),
        ]
        for name in RANKED
    },
    **{name: [call(5), call(1), call(np.array(8))] for name in LENGTHS},
    **{name: [call([X[0], Y[0]]), call([X, WHOLE.repeat(2, 1)[:, :4].repeat(2, 0)[:3]])]
       for name in JOINED},
}  # fmt: skip
FAMILIES["count_nonzero"] = [call(X), call(WHOLE, axis=0)]
for name in WEAK:
    FAMILIES[name] = FAMILIES[name] + [call(X, 2), call(X, 2.5), call(2.5, X), call(WHOLE, 2.5)]
for name in ("nansum", "nanmax", "nanmean", "nanvar", "nanmedian", "nancumsum", "nanargmax"):
    FAMILIES[name] = [*FAMILIES[name], call(HOLES), call(HOLES, axis=0)]
for name in ("isfinite", "isinf", "isnan", "isposinf", "isneginf", "nan_to_num", "signbit"):
    FAMILIES[name] = [*FAMILIES[name], call(ODD)]
for name in ("real", "imag", "conj", "angle", "isreal", "abs"):
    FAMILIES[name] = [*FAMILIES[name], call(COMPLEX)]
for name in ("sum", "prod", "cumsum", "max", "mean", "argmax", "square", "nansum", "abs", "sqrt"):
    FAMILIES[name] = [*FAMILIES[name], call(BYTES), call(BOOLS)]


def _plus_one(i: Any, x: Any) -> Any:
    return x + i


CALLS: dict[str, list] = {
    **FAMILIES,
    "adaptive_average_pool": [call(IMAGES, 3), call(IMAGES, (2, 4))],
    "adaptive_max_pool": [call(IMAGES, 3), call(IMAGES, (2, 4))],
    "arange": [call(5), call(1.0, 3.0, 0.5), call(8, 2, -2), call(3, dtype="float32")],
    "argpartition": [],
    "argsort": [call(X), call(X, axis=0)],
    "array": [call(X), call([1, 2]), call([1.0, 2.0], dtype="int32")],
    "array_split": [call(X, 2, axis=1), call(X, 2)],
    "associative_scan": [call(lambda a, b: a + b, X), call(lambda a, b: a * b, X, True, 1)],
    "average": [call(X), call(X, axis=1, weights=POSITIVE[0]), call(WHOLE)],
    "average_pool": [call(IMAGES, (2, 2), (1, 1)), call(IMAGES, (3, 2), (2, 2), "same")],
    "batch_normalization": [call(IMAGES, X[0, :3], POSITIVE[0, :3], -1)],
    "binary_crossentropy": [call(ONES, PROBABLE), call(ONES, PROBABLE, from_logits=True)],
    "bincount": [
        call(np.array([1, 2, 2], "int32")),
        call(np.array([1, 2, 2]), weights=np.array([1, 2, 3], "int32")),
        call(np.array([1, 2, 2]), weights=np.array([1, 2, 3], "float32"), minlength=5),
    ],
    "broadcast_to": [call(X[0], (3, 4))],
    "cast": [call(X, "float16"), call(X, "int32"), call(WHOLE, "bool")],
    "categorical_crossentropy": [call(ONES, PROBABLE), call(ONES, PROBABLE, True)],
    "cdist": [call(X, Y), call(WHOLE, WHOLE)],
    "cholesky": [call(GOOD), call(GOOD, upper=True)],
    "cholesky_inverse": [
        call(np.linalg.cholesky(GOOD)),
        call(np.linalg.cholesky(GOOD).T, upper=True),
    ],
    "clip": [call(X, -0.5, 0.5), call(WHOLE, 0, 3)],
    "concatenate": [call([X, Y]), call([X, Y], axis=1)],
    "cond": [call(True, lambda: X, lambda: Y), call(False, lambda: X, lambda: Y)],
    "conv": [call(IMAGES, some(3, 3, 3, 2)), call(IMAGES, some(3, 3, 3, 2), 2, "same")],
    "conv_transpose": [call(IMAGES, some(3, 3, 2, 3), 2)],
    "convert_to_numpy": [call(X)],
    "convert_to_tensor": [call(X), call([1, 2]), call([[1.5]], dtype="float16")],
    "corrcoef": [call(X), call(WHOLE)],
    "correlate": [
        call(X[0], Y[0]),
        call(X[0], Y[0, :2], "same"),
        call(WHOLE[0], WHOLE[1], mode="full"),
    ],
    "cross": [call(X[:, :3], Y[:, :3]), call(X[:, :2], Y[:, :2]), call(WHOLE, COUNTS)],
    "ctc_decode": [],
    "ctc_loss": [],
    "custom_gradient": [],
    "depth_to_space": [
        call(some(2, 3, 2, 8), 2),
        call(some(2, 8, 3, 2), 2, data_format="channels_first"),
    ],
    "depthwise_conv": [call(IMAGES, some(2, 2, 3, 2))],
    "det": [call(SQUARE), call(np.stack([SQUARE, GOOD]))],
    "diag": [call(X[0]), call(SQUARE, 1)],
    "diagflat": [call(X), call(X[0], k=-1)],
    "diagonal": [call(X), call(IMAGES, 1, 1, 2)],
    "diff": [call(X), call(X, n=2, axis=0), call(WHOLE)],
    "digitize": [call(X, np.array([-0.5, 0.0, 1.0], "float32")), call(WHOLE, [0.5, 2.5])],
    "dot": [call(X, Y.T), call(WHOLE, WHOLE.T), call(X, 2.0)],
    "dot_product_attention": [call(some(2, 3, 2, 4), some(2, 5, 2, 4), some(2, 5, 2, 4))],
    "dsplit": [call(some(2, 3, 4), 2)],
    "dtype": [call(X), call(WHOLE)],
    "eig": [],
    "eigh": [],
    "einsum": [call("ij,kj->ik", X, Y), call("ij->j", WHOLE)],
    "empty": [call((2, 3)), call((2,), "int32")],
    "empty_like": [],
    "expand_dims": [call(X, 1), call(X, (0, -1))],
    "extract_sequences": [call(WAVE, 6, 4), call(np.arange(6), 3, 2)],
    "eye": [call(3), call(2, 3, 1), call(2, dtype="int32")],
    "fft": [call((X, Y))],
    "fft2": [call((X, Y))],
    "fold": [
        call(some(2, 8, 9), 4, 2),
        call(some(2, 12, 12), (5, 6), (2, 3), padding=(1, 0), stride=(2, 1)),
        call(some(1, 4, 9), 5, 2, 2),
    ],
    "fori_loop": [call(0, 4, _plus_one, np.float32(1.0))],
    "full": [call((2, 3), 5), call((2,), 5, "int32")],
    "full_like": [call(X, 2), call(WHOLE, 2.0, dtype="float32")],
    "geomspace": [call(1.0, 8.0, 4), call(1, 100, 3, False)],
    "get_item": [call(X, 1), call(X, (slice(None), 2)), call(X, (..., None, slice(1, 3)))],
    "glu": [call(X), call(X, axis=1)],
    "histogram": [call(X.ravel()), call(X.ravel(), bins=3, range=(-1, 1)), call(WHOLE.ravel(), 4)],
    "hsplit": [call(X, 2), call(X[0], 2)],
    "identity": [call(3), call(2, "int32")],
    "ifft2": [call((X, Y))],
    "image": [],
    "in_top_k": [call(np.array([1, 0, 3], "int32"), X, 2)],
    "inv": [call(SQUARE)],
    "irfft": [call((X, Y)), call((X, Y), 7), call((X, Y), fft_length=4)],
    "is_tensor": [call(X)],
    "isin": [call(WHOLE, [1, 5]), call(WHOLE, COUNTS, invert=True)],
    "istft": [],
    "jvp": [call(lambda x: x * x, (X,), (Y,))],
    "kaiser": [call(7, 4.0), call(1, 2.0)],
    "layer_normalization": [
        call(X),
        call(X, POSITIVE[0], Y[0], epsilon=0.1),
        call(IMAGES, axis=(1, 2)),
    ],
    "ldexp": [call(X, COUNTS[0, :1]), call(WHOLE, COUNTS)],
    "linalg": [],
    "linspace": [call(0.0, 2.0, 5), call(0, 2, 5, False), call(0, 2, 3, dtype="int32")],
    "logdet": [call(GOOD)],
    "logspace": [call(0.0, 2.0, 3), call(0, 2, 5, base=2, endpoint=False)],
    "lstsq": [call(X, Y), call(X, Y[:, 0])],
    "lu_factor": [call(SQUARE), call(np.stack([SQUARE, GOOD]))],
    "map": [call(lambda row: row * 2, X)],
    "matmul": [call(X, Y.T), call(WHOLE, WHOLE.T), call(X, Y[0])],
    "matrix_rank": [call(SQUARE), call(np.ones((2, 3), "float32"))],
    "max_pool": [call(IMAGES, (2, 2), (1, 1)), call(IMAGES, (3, 2), (2, 2), "same")],
    "meshgrid": [call(X[0], Y[0, :2]), call(X[0], Y[0, :2], indexing="ij")],
    "moments": [call(X, axes=[0]), call(X, axes=[0, 1], keepdims=True)],
    "moveaxis": [call(IMAGES, 1, -1)],
    "multi_hot": [call(np.array([[0, 2], [1, 1]]), 4)],
    "ndim": [call(X)],
    "nn": [],
    "nonzero": [call(WHOLE > 0), call(X)],
    "norm": [call(X), call(X, 1, axis=1), call(SQUARE, "nuc"), call(WHOLE, axis=0, keepdims=True)],
    "normalize": [call(X), call(X, axis=0, order=1)],
    "numpy": [],
    "one_hot": [call(np.array([0, 2]), 3), call(np.array([[0, 2]]), 3, axis=1, dtype="int32")],
    "ones": [call((2, 3)), call((2,), "int32")],
    "pad": [call(X, 1), call(X, ((1, 0), (0, 2)), "reflect"), call(X, 1, constant_values=2.0)],
    "pinv": [call(X), call(SQUARE)],
    "polar": [call(POSITIVE, X)],
    "psnr": [call(X, Y, 2.0), call(X, Y, 1)],
    "qr": [],
    "rearrange": [
        call(IMAGES, "b h w c -> b c h w"),
        call(IMAGES, "b (h1 h2) w c -> (b h1) w (c h2)", h1=2),
    ],
    "repeat": [call(X, 2), call(X, 2, axis=1), call(X, np.array([1, 0, 2, 1]), 1)],
    "reshape": [call(X, (2, 6)), call(X, (-1, 2))],
    "rfft": [call(X), call(X, 6), call(WHOLE)],
    "rms_normalization": [call(X), call(X, POSITIVE[0], epsilon=0.1), call(X, axis=0)],
    "roll": [call(X, 2), call(X, 1, axis=1)],
    "rot90": [call(X), call(IMAGES, 3, (1, 2))],
    "saturate_cast": [
        call(np.array([300.0, -4.0, 2.7, 3e9], "float32"), "uint8"),
        call(np.array([300.0, -4.0, 3e9, -3e9], "float32"), "int32"),
        call(np.array([300, -4, 2], "int32"), "uint8"),
        call(np.array([1e6, -4, 2], "float32"), "float16"),
        call(WHOLE, "bool"),
    ],
    "scan": [call(lambda c, x: (c + x, c * x), np.zeros(4, "float32"), X)],
    "scatter": [call(np.array([[0, 1], [2, 0]]), X[0, :2], (3, 4))],
    "scatter_update": [call(X, np.array([[0, 1], [2, 0]]), Y[0, :2]),
        *[call(X, np.array([[0], [2], [0]]), Y, k) for k in ("add", "max", "min", "mul")],
    ],
    "searchsorted": [call(np.sort(X[0]), Y), call(np.sort(X[0]), Y[0], side="right")],
    "segment_max": [call(X, np.array([0, 2, 2]), 4), call(WHOLE, np.array([0, 2]), 3)],
    "segment_min": [call(X, np.array([0, 2, 2]), 4), call(WHOLE, np.array([0, 2]), 3)],
    "segment_prod": [call(X, np.array([0, 2, 2]), 4), call(WHOLE, np.array([0, 2]), 3)],
    "segment_sum": [call(X, np.array([0, 2, 2]), 4), call(WHOLE, np.array([0, 2]), 3)],
    "select": [call([X > 0, X > -1], [X, Y], 9), call([WHOLE > 0], [WHOLE], 0)],
    "separable_conv": [call(IMAGES, some(2, 2, 3, 2), some(1, 1, 6, 4))],
    "shape": [call(X)],
    "size": [call(X)],
    "slice": [call(X, (1, 0), (2, 3))],
    "slice_update": [call(X, (1, 0), Y[:2, :3])],
    "slogdet": [call(SQUARE), call(np.stack([SQUARE, -GOOD]))],
    "solve": [call(SQUARE, X[:, :2]), call(SQUARE, X[:, 0])],
    "solve_triangular": [
        call(SQUARE, X[:, :2]),
        call(SQUARE, X[:, 0], lower=True),
        call(np.stack([SQUARE, GOOD]), some(2, 3, 1)),
    ],
    "sort": [call(X), call(X, axis=0), call(WHOLE)],
    "space_to_depth": [
        call(some(2, 4, 6, 3), 2),
        call(some(2, 3, 4, 6), 2, data_format="channels_first"),
    ],
    "sparsemax": [],  # Keras's does not sum to 1: tests/contracts/test_activations.py
    "sparse_categorical_crossentropy": [call(np.array([1, 0]), PROBABLE)],
    "split": [call(X, 2, axis=1), call(X, [1], 0)],
    "squeeze": [call(X[None]), call(X[:, None], 1)],
    "stack": [call([X, Y]), call([X, Y], axis=-1)],
    "stft": [
        call(WAVE, 8, 4, 16),
        call(WAVE, 8, 3, 9, window="hamming", center=False),
        call(WAVE, 8, 8, 8, window=None),
        call(WAVE, 4, 2, 8, window=POSITIVE[0]),
    ],
    "svd": [call(X, compute_uv=False)],
    "swapaxes": [call(IMAGES, 1, 2)],
    "switch": [call(1, [lambda x: x, lambda x: x * 2], X), call(9, [lambda: 3, lambda: 4])],
    "take": [call(X, [0, 2], axis=1), call(X, np.array([[0, 5]]))],
    "take_along_axis": [call(X, np.array([[0, 1], [2, 3], [1, 1]]), axis=1)],
    "tensordot": [call(X, Y.T, axes=1), call(X, Y)],
    "threshold": [call(X, 0.5, 9.0)],
    "tile": [call(X, (2, 1)), call(X, 2)],
    "top_k": [call(X, 2)],
    "trace": [call(SQUARE), call(WHOLE), call(IMAGES, 1, 1, 2)],
    "trapezoid": [call(X), call(X, Y), call(WHOLE, dx=0.5, axis=0)],
    "tri": [call(3), call(2, 3, 1), call(2, dtype="int32")],
    "tril": [call(X), call(X, 1)],
    "triu": [call(X), call(X, -1)],
    "unfold": [
        call(some(2, 3, 5, 6), 2),
        call(some(2, 3, 5, 6), (2, 3), dilation=(2, 1), padding=(1, 0), stride=(1, 2)),
    ],
    "unique": [
        call(np.array([3, 1, 1])),
        call(np.array([3, 1, 1]), return_index=True, return_inverse=True, return_counts=True),
        call(np.array([[3, 1, 1], [3, 1, 1]]), axis=0, return_inverse=True),
        call(np.array([[3, 1, 1], [3, 1, 2]]), return_inverse=True),
        call(np.array([3, 1, 1]), size=4),
        call(np.array([3, 1, 1]), size=4, fill_value=7),
    ],
    "unravel_index": [call(np.array([1, 5]), (2, 3))],
    "unstack": [call(X), call(X, axis=1)],
    "vander": [call(X[0]), call(WHOLE[0], 2, True)],
    "vectorize": [],
    "vectorized_map": [call(lambda row: row * 2, X)],
    "view": [call(X, "int32"), call(X, "uint8"), call(np.arange(4, dtype="uint8"), "int32")],
    "view_as_complex": [call(X[:, :2])],
    "view_as_real": [call(COMPLEX)],
    "vsplit": [call(X, 3)],
    "where": [call(X > 0, X, Y), call(X > 0, WHOLE[0, 0], 2.0), call(WHOLE > 0)],
    "while_loop": [call(lambda x: x < 10, lambda x: x * 2, np.float32(1.5))],
    "zeros": [call((2, 3)), call((2,), "int32")],
}  # fmt: skip

ROWS = [Call(name, *one) for name, calls in CALLS.items() for one in calls]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name}-{i}" for i, row in enumerate(ROWS)])
def test_results(row: Call, keras: Any):
    theirs = getattr(keras.ops, row.name)(*row.args, **row.options)
    ours = getattr(ops, row.name)(*row.args, **row.options)
    assert isinstance(ours, (list, tuple)) == isinstance(theirs, (list, tuple))
    found, expected = _arrays(ours), _arrays(theirs)
    assert [a.shape for a in found] == [a.shape for a in expected]
    for a, b in zip(found, expected, strict=True):
        if b.dtype.kind == "U":
            assert a == b
        else:
            np.testing.assert_allclose(a, b, rtol=row.near, atol=row.near)
    assert [str(a.dtype) for a in found] == [str(a.dtype) for a in expected]


def _arrays(result: Any) -> list:
    return leaves(list(result) if isinstance(result, tuple) else result)


def test_every_op_is_called(keras: Any):
    assert sorted(CALLS) == sorted(n for n in dir(keras.ops) if n[0] != "_")


# ---------------------------------------------------------------- no typical row


def test_argpartition(keras: Any):
    """Only what stands at `kth`, and on either side of it, is promised."""
    for library in (keras.ops, ops):
        order = np.asarray(library.argpartition(X, 2, axis=1))
        assert order.dtype == "int32"
        ranked = np.take_along_axis(X, order, 1)
        assert np.array_equal(ranked[:, 2], np.sort(X, 1)[:, 2])
        assert np.all(ranked[:, :2].max(1) <= ranked[:, 2])


def test_custom_gradient(keras: Any):
    import jax

    def gradient(library: Any) -> Any:
        @library.custom_gradient
        def log1pexp(x):
            e = library.exp(x)
            return library.log(1 + e), lambda upstream: upstream * (2 - 1 / (1 + e))

        return log1pexp(X), jax.grad(lambda x: (log1pexp(x) * Y).sum())(X)

    for ours, theirs in zip(gradient(ops), gradient(keras.ops), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_vectorize(keras: Any):
    for ours, theirs in zip(_vectorized(ops), _vectorized(keras.ops), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        assert ours.dtype == theirs.dtype


def _vectorized(library: Any) -> list:
    return [
        library.vectorize(lambda a, b: a * b + 1)(X, Y[0]),
        library.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")(X, Y),
        library.vectorize(lambda a, n: a**n, excluded={1})(X, 2),
    ]


def test_decompositions(keras: Any):
    """Up to signs, and to the order of eigenvalues, which nobody promises."""
    values = [np.sort_complex(np.asarray(k.eig(SQUARE)[0])) for k in (keras.ops, ops)]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-4)
    for name, one in (("eigh", GOOD), ("qr", X), ("svd", X), ("eig", GOOD)):
        theirs, ours = getattr(keras.ops, name)(one), getattr(ops, name)(one)
        for a, b in zip(ours, theirs, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            order = (lambda v: np.sort(np.abs(v), None)) if name == "eig" else np.abs
            np.testing.assert_allclose(order(a), order(b), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("window", ["hann", "hamming", POSITIVE[0]], ids=str)
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("length", [None, 30])
def test_istft(keras: Any, window: Any, center: bool, length: int | None):
    how = {"window": window, "center": center}
    parts = ops.stft(WAVE, 4, 2, 8, **how)
    ours, theirs = (k.istft(parts, 4, 2, 8, length=length, **how) for k in (ops, keras.ops))
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_empty_like(keras: Any):
    for options in ({}, {"dtype": "int32"}):
        ours, theirs = (k.empty_like(X, **options) for k in (ops, keras.ops))
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


# ---------------------------------------------------------------- signatures

SIGNATURES: dict[str, tuple[set[str], str]] = {
    "convert_to_tensor": ({"ragged"}, "arrays are never ragged"),
    "einsum": ({"kwargs"}, "the compiler finds the order"),
    "layer_normalization": ({"kwargs"}, "they take an old spelling only"),
    "multi_hot": ({"num_classes", "axis", "dtype", "sparse", "kwargs"}, "num_classes is needed"),
}
"""Op -> arguments that differ, and why."""

MODULES = ("image", "linalg", "nn", "numpy")


def test_signatures(keras: Any):
    """The same arguments in the same order with the same defaults; more may follow."""
    wrong = {}
    for name in CALLS:
        if name in MODULES or not hasattr(ops, name):
            continue
        theirs, ours = _taken(getattr(keras.ops, name)), _taken(getattr(ops, name))
        odd = SIGNATURES.get(name, (set(), ""))[0]
        theirs = [one for one in theirs if one[0] not in odd]
        ours = [one for one in ours if one[0] not in odd]
        if ours[: len(theirs)] != theirs:
            wrong[name] = (theirs, ours)
    assert not wrong


def _taken(fn: Any) -> list:
    parameters = inspect.signature(fn).parameters.values()
    return [(p.name, p.kind.name, repr(p.default)) for p in parameters]
