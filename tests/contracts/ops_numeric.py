"""Rows of less common numeric ops: elements, bits, complex numbers, statistics, sets, pieces."""

import math
from typing import Any

import numpy as np

from contracts.draws import apart, some
from contracts.ops_table import Row, between, ints, plain, unary

X, Z = some(3, 4), some(2, 3)
WHOLE, COUNTS = ints([1, -2, 3], [4, 5, -6]), ints([1, 2, 3], [4, 0, 6])
HOLES = np.array([[1.5, np.nan, -2], [np.nan, 0.5, 3]], "float32")
ODD = np.array([np.inf, -np.inf, np.nan, -1.0, 2.0], "float32")
BOTH = {0: (0,), 1: (0,)}


class Fn:
    """A function with a short name, for the label of its row."""

    def __init__(self, name: str, fn: Any):
        self.name, self.fn = name, fn

    def __call__(self, *args: Any) -> Any:
        return self.fn(*args)

    def __repr__(self) -> str:
        return self.name


def row(name: str, args: tuple, reference: Any, options: Any = None, **more: Any) -> Row:
    """As `plain`, with the options in fourth place."""
    return plain(name, args, reference, **({} if options is None else {"options": options}), **more)


# ---------------------------------------------------------------- references


@np.vectorize
def _erfinv(x: float) -> float:
    """Newton's method from 0, which nears the root from one side."""
    y = 0.0
    for _ in range(60):
        y -= (math.erf(y) - x) / (2 / math.sqrt(math.pi) * math.exp(-y * y))
    return y


def _bessel(x: np.ndarray) -> np.ndarray:
    """I0(x) = sum of (x**2 / 4)**k / k!**2."""
    return sum((x * x / 4) ** k / math.factorial(k) ** 2 for k in range(40))


def _cast_within(x: np.ndarray, dtype: str) -> np.ndarray:
    info = np.iinfo(dtype)
    return np.trunc(np.clip(x, info.min, info.max))


def _sequences(kind: Any) -> Any:
    def reference(data: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
        return np.stack([kind(data[ids == s], 0) for s in range(count)])

    return reference


def _in_top_k(targets: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    best = np.argsort(-scores, -1)[:, :k]
    return np.array([t in row for t, row in zip(targets, best, strict=True)])


def _bins(x: np.ndarray, weights: Any = None, minlength: int = 0) -> np.ndarray:
    return np.bincount(x, weights, minlength)


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[..., :, None, :] - y[..., None, :, :], axis=-1)


def _spaced(x: np.ndarray, r: int, data_format: str = "channels_last") -> np.ndarray:
    """Pixel by pixel: channel (i, j, c) of a block goes to row i, column j."""
    first = data_format == "channels_first"
    x = np.moveaxis(x, 1, -1) if first else x
    b, h, w, c = x.shape
    few = c // r**2
    y = np.zeros((b, h * r, w * r, few))
    for i in range(h * r):
        for j in range(w * r):
            for k in range(few):
                block = (i % r, j % r)
                place = (
                    k * r * r + block[0] * r + block[1]
                    if first
                    else ((block[0] * r + block[1]) * few + k)
                )
                y[:, i, j, k] = x[:, i // r, j // r, place]
    return np.moveaxis(y, -1, 1) if first else y  # fmt: skip


def _depths(x: np.ndarray, r: int, data_format: str = "channels_last") -> np.ndarray:
    """The inverse, found by moving every element's number."""
    shape = list(x.shape)
    channel = 1 if data_format == "channels_first" else 3
    wide = [n if i in (0, channel) else n // r for i, n in enumerate(shape)]
    wide[channel] *= r * r
    numbers = _spaced(np.arange(x.size).reshape(wide), r, data_format).astype(int)
    y = np.zeros(x.size)
    y[numbers.reshape(-1)] = x.reshape(-1)
    return y.reshape(wide)


def _normal(x, gamma=None, beta=None, axis=-1, epsilon=1e-7):
    y = (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + epsilon)
    return y * (1 if gamma is None else gamma) + (0 if beta is None else beta)


def _by_power(x, scale=1.0, axis=-1, epsilon=1e-7):
    return x / np.sqrt((x * x).mean(axis, keepdims=True) + epsilon) * scale


# ---------------------------------------------------------------- elements

ELEMENTS = [
    unary("cbrt", np.cbrt, 0.2, 5),
    unary("deg2rad", np.deg2rad),
    unary("rad2deg", np.rad2deg),
    unary("exp2", np.exp2),
    unary("fabs", np.abs),
    unary("sinc", np.sinc),
    unary("i0", _bessel),
    unary("erfc", np.vectorize(math.erfc)),
    unary("erfinv", _erfinv, -0.9, 0.9)._replace(whole="float32"),
    row("trunc", (between(-3, 3, 3, 4),), np.trunc, whole="int32"),
    row("signbit", (np.array([-0.0, 0, -2, 3], "float32"),), np.signbit, dtype="bool"),
    row("isposinf", (ODD,), np.isposinf, dtype="bool", whole="bool"),
    row("isneginf", (ODD,), np.isneginf, dtype="bool", whole="bool"),
    row("fmax", (HOLES, between(-1, 2, 2, 3)), np.fmax, unknown=BOTH, whole="int32"),
    row("fmin", (HOLES, between(-1, 2, 2, 3)), np.fmin, unknown=BOTH, whole="int32"),
    row("fmax", (X, 0.3), np.fmax, wrt=(0,)),
    row("fmod", (between(-2, 2, 3, 4), between(0.61, 2.9, 4)), np.fmod, wrt=(0,), whole="int32"),
    row("hypot", (X, some(4)), np.hypot, wrt=(0, 1), whole="float32"),
    row("heaviside", (ints(-1, 0, 2).astype("float32"), 0.5), np.heaviside, whole="float32"),
    row("logaddexp2", (X, some(4)), np.logaddexp2, wrt=(0, 1), whole="float32"),
    row("nextafter", (np.float32([1, 2]), np.float32([2, 0])),
          lambda x, y: np.nextafter(np.float32(x), np.float32(y)), unknown=BOTH),
    row("ldexp", (X, ints(1, -1, 2, 3)), np.ldexp, wrt=(0,), whole="float32"),
    row("allclose", (X, X + 1), np.allclose, {"atol": 2.0}, unknown={}, dtype="bool"),
    row("saturate_cast", (np.array([300, -4, 2.7], "float32"), "uint8"), _cast_within,
          dtype="uint8"),
    row("saturate_cast", (np.array([3e9, -3e9, 2], "float32"), "int32"), _cast_within,
          dtype="int32"),
    row("saturate_cast", (ints(300, -300, 5), "int8"), _cast_within, dtype="int8"),
    row("saturate_cast", (np.array([1e6, -1e9, 2], "float32"), "float16"),
          lambda x, d: np.clip(x, -65504, 65504), dtype="float16"),
    row("layer_normalization", (X,), _normal, wrt=(0,), whole="float32"),
    row("layer_normalization", (some(2, 3, 4), some(4), some(4)), _normal,
          {"epsilon": 0.1}, wrt=(0, 1, 2)),
    row("layer_normalization", (some(2, 3, 4),), lambda x, axis: _normal(x, axis=tuple(axis)),
          {"axis": [1, 2]}),
    row("layer_normalization", (some(2, 3, 4), some(3)), lambda x, g, axis: _normal(
        x, g[:, None], axis=axis), {"axis": 1}),
    row("rms_normalization", (X,), _by_power, wrt=(0,), whole="float32"),
    row("rms_normalization", (X, some(4)), _by_power, {"epsilon": 0.1}, wrt=(0, 1)),
]  # fmt: skip

# ---------------------------------------------------------------- bits

BITS = [
    *[
        row(name, (WHOLE, COUNTS), reference, unknown=BOTH, dtype="int32")
        for name, reference in (
            ("bitwise_and", np.bitwise_and),
            ("bitwise_or", np.bitwise_or),
            ("bitwise_xor", np.bitwise_xor),
            ("bitwise_left_shift", np.left_shift),
            ("bitwise_right_shift", np.right_shift),
            ("left_shift", np.left_shift),
            ("right_shift", np.right_shift),
            ("gcd", np.gcd),
            ("lcm", np.lcm),
        )
    ],
    row("bitwise_not", (WHOLE,), lambda x: -x - 1, dtype="int32"),
    row("bitwise_invert", (np.array([True, False]),), np.logical_not, dtype="bool"),
    row("bitwise_and", (np.array([True, False]), True), np.logical_and, dtype="bool"),
    row("view", (np.array([1, -2.5], "float32"), "int32"),
          lambda x, d: np.array([0x3F800000, -0x3FE00000]), dtype="int32", unknown={}),
    row("view", (np.array([1, 2, 0, 1], "uint8"), "uint16"),
          lambda x, d: np.array([513, 256]), dtype="uint16", unknown={}),
]  # fmt: skip

# ---------------------------------------------------------------- complex numbers

PLANE = np.array([[1 + 2j, -0.5j], [-3, 0.25 - 1j]], "complex64")
COMPLEX = [
    row("real", (PLANE,), np.real),
    row("imag", (PLANE,), np.imag),
    row("real", (X,), np.real, wrt=(0,), whole="int32"),
    row("imag", (X,), np.imag, whole="int32"),
    row("conj", (PLANE,), np.conj, dtype="complex64"),
    row("conjugate", (PLANE,), np.conj, dtype="complex64"),
    row("isreal", (PLANE,), np.isreal, dtype="bool"),
    row("angle", (PLANE,), np.angle),
    row("angle", (between(-2, 2.1, 5),), np.angle, whole="float32"),
    row("polar", (between(0.1, 2, 3), some(3)), lambda r, t: r * np.exp(1j * t), unknown=BOTH,
          dtype="complex64")._replace(whole="complex64"),
    row("view_as_complex", (some(3, 2),), lambda x: x[:, 0] + 1j * x[:, 1], dtype="complex64"),
    row("view_as_real", (PLANE,), lambda x: np.stack([x.real, x.imag], -1)),
]  # fmt: skip

# ---------------------------------------------------------------- statistics


def _summed(name: str, whole: str = "int32", wrt: tuple = (0,)) -> list[Row]:
    reference = getattr(np, name)
    return [
        row(name, (apart(3, 4),), reference, wrt=wrt, whole=whole, unknown={0: (0,)}),
        row(name, (apart(2, 3, 4),), lambda x, axis, keepdims: reference(
            x, axis=tuple(axis), keepdims=keepdims), options={"axis": [0, 2], "keepdims": True},
            unknown={0: (1,)}),
    ]  # fmt: skip


def _ranked(name: str, q: Any) -> list[Row]:
    reference = getattr(np, name)
    x = HOLES if name.startswith("nan") else apart(3, 5)
    return [
        row(name, (apart(3, 5), q), reference, wrt=(0,), whole="float32"),
        row(name, (x, [q, 2 * q]), reference, {"axis": 1, "keepdims": True}),
        row(name, (x, q), reference, {"axis": 0, "method": "lower"}, unknown={0: (1,)}),
    ]


STATISTICS = [
    *[one for name in ("amax", "amin", "ptp") for one in _summed(name)],
    *_summed("median", "float32"),
    *[one for name in ("nansum", "nanmax", "nanmin", "nanprod") for one in _summed(name)],
    *[one for name in ("nanmean", "nanvar", "nanstd", "nanmedian")
      for one in _summed(name, "float32")],
    *[row(name, (HOLES,), getattr(np, name), {"axis": 1}) for name in (
        "nansum", "nanmax", "nanmin", "nanprod", "nanmean", "nanvar", "nanstd", "nanmedian")],
    *[row(name, (HOLES,), getattr(np, name), {"axis": 1}, dtype="int32", whole="int32")
      for name in ("nanargmax", "nanargmin")],
    *[row(name, (HOLES,), getattr(np, name), {"axis": 1}, whole="int32")
      for name in ("nancumsum", "nancumprod")],
    *_ranked("quantile", 0.3),
    *_ranked("percentile", 30.0),
    *_ranked("nanquantile", 0.3),
    *_ranked("nanpercentile", 30.0),
    row("bincount", (ints(1, 2, 2, 5),), _bins, unknown={}, dtype="int32"),
    row("bincount", (ints(1, 2, 2), some(3)), _bins, {"minlength": 7}, unknown=BOTH),
    row("bincount", (ints([1, 2], [0, 0]),), lambda x: np.array([[0, 1, 1], [2, 0, 0]]),
          unknown={}, dtype="int32"),
    row("digitize", (X, np.array([-0.5, 0, 1], "float32")), np.digitize, dtype="int32"),
    row("histogram", (between(-2, 3, 20),), lambda x, *a: np.histogram(x, *a)),
    row("histogram", (some(4, 5), 3, (-1.0, 1.0)), np.histogram),
    row("cdist", (some(2, 3, 4), some(2, 5, 4)), _distances, wrt=(0, 1), whole="float32",
        unknown=BOTH),
    row("corrcoef", (some(3, 8),), np.corrcoef, wrt=(0,), whole="float32"),
    *[row("correlate", (some(7), some(3), mode), np.correlate, wrt=(0, 1), unknown={},
            whole="float32") for mode in ("valid", "same", "full")],
    row("psnr", (X, some(3, 4), 2.0), lambda x, y, m: 10 * np.log10(m**2 / np.mean((x - y) ** 2)),
          wrt=(0,), whole="float32", unknown=BOTH),
    row("diff", (X,), np.diff, wrt=(0,), whole="int32"),
    row("diff", (X, 2, 0), np.diff, unknown={0: (1,)}),
    row("trapezoid", (X,), np.trapezoid, wrt=(0,), whole="float32"),
    row("trapezoid", (X, some(4)), np.trapezoid, wrt=(0, 1)),
    row("trapezoid", (X,), np.trapezoid, {"dx": 0.5, "axis": 0}, unknown={0: (1,)}),
]  # fmt: skip

# ---------------------------------------------------------------- choosing and grouping

IDS = ints(0, 2, 0, 1, 2)
SETS = [
    row("in_top_k", (ints(1, 0, 3), apart(3, 5), 2), _in_top_k, unknown=BOTH, dtype="bool"),
    row("isin", (WHOLE, ints(1, 5)), np.isin, dtype="bool"),
    row("isin", (WHOLE, ints(1, 5)), np.isin, {"invert": True}, dtype="bool"),
    row("nonzero", (COUNTS,), np.nonzero, unknown={}, dtype="int32"),
    row("nonzero", (COUNTS,), lambda x, size: [np.pad(i, (0, 2)) for i in np.nonzero(x)],
          {"size": 7}, unknown={0: (1,)}, dtype="int32")._replace(unknown={}),
    row("unique", (ints(3, 1, 1, 2),), np.unique, unknown={}, dtype="int32"),
    row("unique", (ints(3, 1, 1, 2),), np.unique, {"return_index": True, "return_inverse": True,
          "return_counts": True}, unknown={}, dtype="int32"),
    row("unique", (ints([3, 1], [2, 0], [3, 1]),), np.unique, {"axis": 0}, unknown={},
          dtype="int32"),
    row("unique", (ints(3, 1, 1),), lambda x, size, fill_value: np.array([1, 3, 9, 9]),
          {"size": 4, "fill_value": 9}, dtype="int32"),
    row("unravel_index", (ints(1, 5), (2, 3)), np.unravel_index, dtype="int32"),
    row("select", ([Z > 0, Z > -1], [Z, 2 * Z], 9.0), np.select),
    row("segment_sum", (some(5, 2), IDS, 3), _sequences(np.sum), wrt=(0,), unknown={0: (1,)}),
    row("segment_max", (apart(5, 2), IDS, 3), _sequences(np.max), wrt=(0,), unknown={0: (1,)},
          whole="int32"),
    row("segment_min", (apart(5, 2), IDS, 3), _sequences(np.min), wrt=(0,), unknown={0: (1,)},
          whole="int32"),
    row("segment_prod", (some(5, 2), IDS, 3), _sequences(np.prod), unknown={0: (1,)},
          whole="int32"),
    *[row("scatter_update", (some(3, 2), ints([0], [2], [0]), some(3, 2)), reference,
            {"reduction": name}, wrt=() if name == "mul" else (0, 2), unknown={})
      for name, reference in (
        ("add", lambda x, i, u, **_: np.stack([x[0] + u[0] + u[2], x[1], x[2] + u[1]])),
        ("mul", lambda x, i, u, **_: np.stack([x[0] * u[0] * u[2], x[1], x[2] * u[1]])),
        ("max", lambda x, i, u, **_: np.stack([np.max([x[0], u[0], u[2]], 0), x[1],
                                               np.maximum(x[2], u[1])])),
        ("min", lambda x, i, u, **_: np.stack([np.min([x[0], u[0], u[2]], 0), x[1],
                                               np.minimum(x[2], u[1])])))],
    row("prod", (some(3),), lambda x, dtype: np.prod(x), {"dtype": "float16"}, dtype="float16",
          unknown={}),
]  # fmt: skip

# ---------------------------------------------------------------- pieces

PIECES = [
    row("empty_like", (X,), np.zeros_like, whole="int32"),
    row("empty", ((2, 3),), np.zeros),
    row("tri", (3, 4, 1), np.tri),
    row("logspace", (0.0, 2.0, 5), np.logspace),
    row("logspace", (some(3), some(3), 4), np.logspace, {"base": 2.0}, wrt=(0,), unknown={}),
    row("geomspace", (1.0, 100.0, 5), np.geomspace),
    row("vander", (some(3), 4), np.vander, wrt=(0,), whole="int32"),
    row("vander", (some(3),), np.vander, {"increasing": True}, unknown={}),
    row("diagflat", (some(2, 2), 1), np.diagflat, whole="int32"),
    row("append", (X, some(2, 4), 0), np.append, wrt=(0, 1), whole="int32"),
    row("append", (X, some(2)), np.append, wrt=(0, 1)),
    *[row(name, ([X, X + 1],), getattr(np, name)) for name in ("hstack", "vstack", "dstack")],
    row("array_split", (X, 3, 1), np.array_split, whole="int32"),
    row("hsplit", (X, 2), np.hsplit, whole="int32"),
    row("vsplit", (X, 3), np.vsplit, unknown={0: (1,)}),
    row("dsplit", (some(2, 3, 4), [1, 3]), np.dsplit),
    row("fliplr", (X,), np.fliplr, whole="int32"),
    row("flipud", (X,), np.flipud, whole="int32"),
    row("rot90", (X,), np.rot90, whole="int32"),
    row("rot90", (some(2, 3, 4), 3, (1, 2)), np.rot90),
    row("get_item", (X, 1), lambda x, k: x[k], wrt=(0,), unknown={0: (1,)}, whole="int32"),
    row("get_item", (X, (slice(None), [0, 2])), lambda x, k: x[:, [0, 2]]),
    *[row("depth_to_space", (some(2, 3, 2, 8), 2), _spaced, wrt=(0,), unknown={0: (0, 1)},
            whole="int32"),
      row("depth_to_space", (some(1, 8, 2, 3), 2), _spaced, {"data_format": "channels_first"}),
      row("space_to_depth", (some(2, 4, 6, 3), 2), _depths, wrt=(0,), whole="int32"),
      row("space_to_depth", (some(1, 2, 4, 6), 2), _depths, {"data_format": "channels_first"})],
    row("rearrange", (some(2, 3, 4), "a b c -> c (b a)"),
          lambda x, p: x.transpose(2, 1, 0).reshape(4, -1), wrt=(0,), whole="int32"),
    row("rearrange", (some(2, 6, 4), "a (b c) ... -> b () (... a) c"),
          lambda x, p, c: x.reshape(len(x), -1, c, 4).transpose(1, 3, 0, 2).reshape(
              x.shape[1] // c, 1, -1, c), {"c": 2}, unknown={0: (0, 1)}),
]  # fmt: skip

ROWS = ELEMENTS + BITS + COMPLEX + STATISTICS + SETS + PIECES
