"""Ops that sum up: order statistics, reductions that pass over NaN, counts, distances, slopes.

Results over no numbers at all (only NaN) are NaN, and -1 for the arg ops.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cornu import engine, state
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import op
from cornu.ops.array import as_array, as_arrays, as_float, dtype_named
from cornu.ops.families import axes_of, named, reduction

__all__ = [
    "amax",
    "amin",
    "bincount",
    "cdist",
    "corrcoef",
    "correlate",
    "diff",
    "digitize",
    "histogram",
    "median",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
    "percentile",
    "psnr",
    "ptp",
    "quantile",
    "trapezoid",
]

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")

# ---------------------------------------------------------------- families


def _running(name: str, doc: str) -> Callable[..., Any]:
    def fn(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
        dtype = dtype if dtype is None else dtype_named(dtype)
        return getattr(engine.np, name)(as_array(x), axis, dtype)

    return named(fn, name, doc)


def _place(name: str, doc: str) -> Callable[..., Any]:
    def fn(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        found = getattr(engine.np, name)(as_array(x), axis=axis, keepdims=keepdims)
        return engine.cast(found, "int32")

    return named(fn, name, doc)


def _quantile(name: str, doc: str, of: str, parts: float) -> Callable[..., Any]:
    def fn(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
        if method not in METHODS:
            raise UsageError(
                "E-QUANTILE", f"{name}: method must be one of {METHODS}; got {shown(method)}."
            )
        x = as_float(x)
        q = as_array(np.asarray(q, "float64") / parts if _is_plain(q) else as_float(q) / parts)
        wide = engine.cast(x, "float32") if x.dtype.itemsize < 4 else x
        q = engine.cast(q, wide.dtype)
        ranked = getattr(engine.np, of)
        found = ranked(wide, q, axis=axes_of(axis), method=method, keepdims=keepdims)
        return engine.cast(found, x.dtype)

    return named(fn, name, doc)


def _is_plain(q: Any) -> bool:
    return isinstance(q, (int, float, list, tuple, np.ndarray)) and np.asarray(q).dtype != object


amax = reduction("amax", "The largest element over `axis`; as `max`.")
amin = reduction("amin", "The smallest element over `axis`; as `min`.")
ptp = reduction("ptp", "The largest element over `axis` less the smallest.")
median = reduction("median", "The middle of the ordered elements over `axis`.", as_float)
nansum = reduction("nansum", "The sum over `axis`, NaN counted as 0.")
nanprod = reduction("nanprod", "The product over `axis`, NaN counted as 1.")
nanmax = reduction("nanmax", "The largest element over `axis` that is not NaN.")
nanmin = reduction("nanmin", "The smallest element over `axis` that is not NaN.")
nanmean = reduction("nanmean", "The mean over `axis` of what is not NaN.", as_float)
nanvar = reduction("nanvar", "The variance over `axis` of what is not NaN.", as_float)
nanstd = reduction("nanstd", "The square root of `nanvar`.", as_float)
nanmedian = reduction("nanmedian", "The median over `axis` of what is not NaN.", as_float)
nanargmax = _place("nanargmax", "The int32 index of the first largest element that is not NaN.")
nanargmin = _place("nanargmin", "The int32 index of the first smallest element that is not NaN.")
nancumsum = _running("nancumsum", "Sums of the elements so far along `axis`, NaN counted as 0.")
nancumprod = _running("nancumprod", "Products of the elements so far along `axis`, NaN as 1.")

_RANKED = (
    "The value below which a share `q` of the elements over `axis` lies{}; q is {}. Between two "
    "elements as `method` says: {}. Several `q` come first in the result."
)
_SHARE, _HUNDREDTHS = "from 0 to 1", "in hundredths, from 0 to 100"
_NOT_NAN = ", of those that are not NaN"
quantile = _quantile("quantile", _RANKED.format("", _SHARE, ", ".join(METHODS)), "quantile", 1.0)
percentile = _quantile(
    "percentile", _RANKED.format("", _HUNDREDTHS, ", ".join(METHODS)), "quantile", 100.0
)
nanquantile = _quantile(
    "nanquantile", _RANKED.format(_NOT_NAN, _SHARE, ", ".join(METHODS)), "nanquantile", 1.0
)
nanpercentile = _quantile(
    "nanpercentile", _RANKED.format(_NOT_NAN, _HUNDREDTHS, ", ".join(METHODS)), "nanquantile", 100.0
)

# ---------------------------------------------------------------- counts


@op
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each whole number from 0 occurs in `x`: element i counts the i.

    Args:
        x: whole numbers >= 0, (n,) or (batch, n); others are not counted.
        weights: what an occurrence counts, in the shape of `x`; 1 by default.
        minlength: size of the result at least. Where `x` has no values yet (a Tensor, a compiled
            function) this is its size, and larger numbers are not counted.
        sparse: accepted for Keras's signature; the result is dense.

    Raises:
        UsageError: where `x` has no values yet and `minlength` is 0.
    """
    x = as_array(x)
    count = minlength
    if not engine.is_traced(x):
        count = max(minlength, int(x.max()) + 1 if x.size else 0)
    elif not minlength:
        raise UsageError(
            "E-SIZE-UNKNOWN",
            "bincount: the size of the result depends on values that are not known yet. Give it, "
            "as in ops.bincount(x, minlength=10).",
        )
    each = engine.np.ones(x.shape, "int32") if weights is None else as_array(weights)
    if x.ndim == 1:
        return engine.segment_sum(each, x, count)
    return engine.vmap(lambda row, more: engine.segment_sum(more, row, count))(x, each)


@op
def digitize(x: Any, bins: Any) -> Any:
    """The int32 number of the bin of every element: how many of the ascending `bins` are <= it."""
    return engine.cast(engine.np.digitize(as_array(x), as_array(bins)), "int32")


@op
def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple:
    """How many elements of `x` lie in each of `bins` equal parts of `range`, and their edges.

    Both are floats.
    `range` is (least, most), those of `x` by default, (0, 1) where `x` is empty. An edge belongs to
    the part above it, the last one to the part below. Raises `UsageError` unless `bins` is a whole
    number above 0.
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise UsageTypeError(
            "E-BINS", f"histogram: bins must be a whole number above 0; got {shown(bins)}."
        )
    x = as_float(x)
    range = (0.0, 1.0) if range is None and 0 in x.shape else range
    ends = None if range is None else as_float(range)
    counts, edges = engine.np.histogram(x, bins, ends)
    return engine.cast(counts, x.dtype), engine.cast(edges, x.dtype)


# ---------------------------------------------------------------- comparing signals


@op
def cdist(x: Any, y: Any) -> Any:
    """Euclidean distances between all rows of `x` and all rows of `y`.

    (..., m, d) and (..., n, d) give (..., m, n). Where a distance is 0 so is its derivative.
    """
    x, y = as_float(x), as_float(y)
    apart = x[..., :, None, :] - y[..., None, :, :]
    squared = engine.np.sum(engine.np.square(apart), -1)  # (..., m, n)
    root = engine.np.sqrt(engine.np.where(squared == 0, 1, squared))
    return engine.np.where(squared == 0, 0, root)


@op
def corrcoef(x: Any) -> Any:
    """Pearson's correlation of the rows of `x`: (n, observations) gives (n, n)."""
    x = as_float(x)
    return engine.cast(engine.np.corrcoef(x), x.dtype)


@op
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Sums of x1[n + k] * x2[n] for the offsets k of two vectors, always floats.

    `mode` is "valid" (full overlap only), "same" (as long as the longer) or "full".
    """
    return engine.np.correlate(as_float(x1), as_float(x2), mode)


@op
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """The peak signal-to-noise ratio in dB: 10 log10(max_val**2 / mean((x1 - x2)**2))."""
    x1, x2 = as_float(x1), as_float(x2)
    noise = engine.np.mean(engine.np.square(x1 - x2))
    return (20 * engine.np.log10(as_float(max_val)) - 10 * engine.np.log10(noise)).astype(x1.dtype)


# ---------------------------------------------------------------- slopes and areas


@op
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along an axis, taken `n` times."""
    state.afford(state.TURN * n)
    return engine.np.diff(as_array(a), n, axis)


@op
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The area under `y` along an axis by the trapezoid rule, at places `x` or `dx` apart."""
    y = as_float(y)
    if x is not None:
        return engine.np.trapezoid(y, as_array(x), axis=axis)
    y, dx = as_arrays(y, dx)
    return engine.np.trapezoid(y, dx=dx, axis=axis)
