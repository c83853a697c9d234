"""Ops of arithmetic: element by element, reductions, products.

Names and arguments are those of `keras.ops`. Families of one form are made by `families`.
Floats keep their dtype, whole numbers become `settings.floatx()` where the result is not whole.
"""

from typing import Any

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops import again
from cornu.ops.array import as_array, as_arrays, as_float, dtype_named
from cornu.ops.families import axes_of, binary, floats, reduction, unary

__all__ = [
    "abs",
    "absolute",
    "add",
    "all",
    "any",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "average",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "divide",
    "divide_no_nan",
    "dot",
    "einsum",
    "equal",
    "erf",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "not_equal",
    "outer",
    "power",
    "prod",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "std",
    "subtract",
    "sum",
    "tan",
    "tanh",
    "tensordot",
    "true_divide",
    "var",
]

# ---------------------------------------------------------------- element by element

exp = unary("exp", "e to the power of `x`.")
expm1 = unary("expm1", "exp(x) - 1, exact for small `x`.")
log = unary("log", "The natural logarithm.")
log1p = unary("log1p", "log(1 + x), exact for small `x`.")
log2 = unary("log2", "The logarithm to base 2.")
log10 = unary("log10", "The logarithm to base 10.")
sqrt = unary("sqrt", "The square root.")
cos = unary("cos", "The cosine, of radians.")
sin = unary("sin", "The sine, of radians.")
tan = unary("tan", "The tangent, of radians.")
arccos = unary("arccos", "The angle from 0 to pi whose cosine is `x`.")
arcsin = unary("arcsin", "The angle from -pi/2 to pi/2 whose sine is `x`.")
arctan = unary("arctan", "The angle from -pi/2 to pi/2 whose tangent is `x`.")
cosh = unary("cosh", "The hyperbolic cosine.")
sinh = unary("sinh", "The hyperbolic sine.")
tanh = unary("tanh", "The hyperbolic tangent.")
arccosh = unary("arccosh", "The inverse of cosh, >= 0.")
arcsinh = unary("arcsinh", "The inverse of sinh.")
arctanh = unary("arctanh", "The inverse of tanh.")
floor = unary("floor", "The largest whole number not above `x`, as a float.")
ceil = unary("ceil", "The smallest whole number not below `x`, as a float.")
negative = unary("negative", "-x.", as_array)
absolute = unary("absolute", "`x` without its sign.", as_array)
sign = unary("sign", "-1, 0 or 1, as `x` is below, at or above 0.", as_array)
square = unary("square", "x * x.", as_array)
isnan = unary("isnan", "Where `x` is no number.", as_array)
isinf = unary("isinf", "Where `x` is infinite.", as_array)
isfinite = unary("isfinite", "Where `x` is neither infinite nor NaN.", as_array)
logical_not = unary("logical_not", "Where `x` is false or 0.", as_array)

add = binary("add", "x1 + x2.")
subtract = binary("subtract", "x1 - x2.")
multiply = binary("multiply", "x1 * x2.")
divide = binary("divide", "x1 / x2, always floats.", whole=False)
true_divide = binary("true_divide", "x1 / x2, always floats.", whole=False)
floor_divide = binary("floor_divide", "The floor of x1 / x2.")
mod = binary("mod", "What remains of `x1` after floor division, with the sign of `x2`.")
power = binary("power", "`x1` to the power of `x2`.")
maximum = binary("maximum", "The larger of two elements; NaN where one is.")
minimum = binary("minimum", "The smaller of two elements; NaN where one is.")
arctan2 = binary("arctan2", "The angle of the point (x2, x1), from -pi to pi.", whole=False)
logaddexp = binary("logaddexp", "log(exp(x1) + exp(x2)), safe for large values.", whole=False)
equal = binary("equal", "Where x1 == x2.")
not_equal = binary("not_equal", "Where x1 != x2.")
less = binary("less", "Where x1 < x2.")
less_equal = binary("less_equal", "Where x1 <= x2.")
greater = binary("greater", "Where x1 > x2.")
greater_equal = binary("greater_equal", "Where x1 >= x2.")
logical_and = binary("logical_and", "Where both hold.")
logical_or = binary("logical_or", "Where one holds at least.")
logical_xor = binary("logical_xor", "Where one holds and not the other.")


@op
def abs(x: Any) -> Any:
    """`x` without its sign."""
    return engine.np.absolute(as_array(x))


@op
def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return 1 / engine.np.sqrt(as_float(x))


@op
def reciprocal(x: Any) -> Any:
    """1 / x."""
    return 1 / as_float(x)


@op
def erf(x: Any) -> Any:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to `x`."""
    return engine.erf(as_float(x))


@op
def round(x: Any, decimals: int = 0) -> Any:
    """`x` to a number of decimals, halves to the even neighbour."""
    return engine.np.round(as_array(x), decimals)


@op
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """`x`, but not below `x_min` nor above `x_max`."""
    x, x_min, x_max = as_arrays(x, x_min, x_max)
    return engine.np.minimum(engine.np.maximum(x, x_min), x_max)


@op
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """x1 / x2, and 0 where `x2` is 0; its derivative is 0 there too."""
    x1, x2 = floats(*as_arrays(x1, x2))
    safe = engine.np.where(x2 == 0, 1, x2)
    return engine.np.where(x2 == 0, 0, x1 / safe)


@op
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """`x` with numbers for NaN and infinities; the dtype's largest and least by default."""
    return engine.np.nan_to_num(as_array(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Where |x1 - x2| <= atol + rtol * |x2|."""
    return engine.np.isclose(as_array(x1), as_array(x2), rtol, atol, equal_nan)


# ---------------------------------------------------------------- reductions

sum = reduction("sum", "The sum over `axis`, or over all elements.")
any = reduction("any", "Whether an element over `axis` holds.")
all = reduction("all", "Whether all elements over `axis` hold.")
mean = reduction("mean", "The mean over `axis`, or of all elements.", as_float)
var = reduction("var", "The mean squared distance from the mean over `axis`.", as_float)
std = reduction("std", "The square root of `var`.", as_float)


@op
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The product over `axis`, or of all elements; in `dtype` where that is given."""
    dtype = dtype if dtype is None else dtype_named(dtype)
    return engine.np.prod(as_array(x), axis=axes_of(axis), keepdims=keepdims, dtype=dtype)


@op
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The largest element over `axis`; `initial` takes part, and is needed of no elements."""
    return engine.np.max(as_array(x), axis=axes_of(axis), keepdims=keepdims, initial=initial)


@op
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """The smallest element over `axis`; `initial` takes part, and is needed of no elements."""
    return engine.np.min(as_array(x), axis=axes_of(axis), keepdims=keepdims, initial=initial)


@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The int32 index of the first largest element along `axis`, or among all as a vector."""
    return engine.cast(engine.np.argmax(as_array(x), axis=axis, keepdims=keepdims), "int32")


@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The int32 index of the first smallest element along `axis`, or among all as a vector."""
    return engine.cast(engine.np.argmin(as_array(x), axis=axis, keepdims=keepdims), "int32")


@op
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean, or with `weights` sum(x * weights) / sum(weights), over `axis`.

    `weights` has the shape of `x`, or is a vector along the one `axis`.
    """
    x = as_float(x)
    if weights is None:
        return engine.np.mean(x, axis=axes_of(axis))
    weights = engine.cast(as_array(weights), x.dtype)
    return engine.np.average(x, axis=axes_of(axis), weights=weights)


@op
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many elements over `axis` are not 0, in int32."""
    return engine.np.sum(as_array(x) != 0, axis=axes_of(axis), dtype="int32")


@op
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over `axis`, safe for large values."""
    return engine.logsumexp(as_float(x), axis=axes_of(axis), keepdims=keepdims)


@op
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Sums of the elements so far along `axis`; of all as a vector where it is None."""
    return engine.np.cumsum(as_array(x), axis, dtype if dtype is None else dtype_named(dtype))


@op
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Products of the elements so far along `axis`; of all as a vector where it is None."""
    return engine.np.cumprod(as_array(x), axis, dtype if dtype is None else dtype_named(dtype))


# ---------------------------------------------------------------- products


@op
def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product over the last two axes: (..., n, k) and (..., k, m) give (..., n, m).

    Raises `UsageError` where the inner sizes differ.
    """
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim and x2.ndim and x1.shape[-1] != x2.shape[-2 if x2.ndim > 1 else 0]:
        raise UsageError(
            "E-MATMUL",
            f"matmul of shapes {tuple(x1.shape)} and {tuple(x2.shape)}: the last size of the first "
            "must be the last but one of the second. Does one need ops.transpose?",
        )
    found = again.product(x1, x2)
    return engine.matmul(x1, x2) if found is None else found


@op
def dot(x1: Any, x2: Any) -> Any:
    """The sum over the last axis of `x1` and the last but one of `x2`; plain numbers multiply."""
    return engine.np.dot(as_array(x1), as_array(x2))


@op
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Products summed over pairs of axes, or over the last `axes` of one and first of the other."""
    return engine.np.tensordot(as_array(x1), as_array(x2), axes)


@op
def einsum(subscripts: str, *operands: Any) -> Any:
    """Products summed by Einstein's convention: `einsum("ij,jk->ik", a, b)`."""
    return engine.np.einsum(subscripts, *[as_array(x) for x in operands])


@op
def outer(x1: Any, x2: Any) -> Any:
    """All products of an element of `x1` and one of `x2`, both as vectors: a matrix."""
    return engine.np.outer(as_array(x1), as_array(x2))
