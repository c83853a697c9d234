"""Arithmetic of `K`: entry by entry, over axes, and products of matrices."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from cornu import engine, ops
from cornu.dialects.backend_record import recorded
from cornu.dialects.generations import before
from cornu.errors import UsageError

__all__ = [
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "batch_dot",
    "clip",
    "cos",
    "cumprod",
    "cumsum",
    "dot",
    "equal",
    "exp",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "lesser",
    "lesser_equal",
    "log",
    "logsumexp",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "not_equal",
    "pow",
    "prod",
    "round",
    "sign",
    "sin",
    "sqrt",
    "square",
    "std",
    "sum",
    "var",
]

# ---------------------------------------------------------------- families


def named(fn: Callable, name: str, doc: str) -> Callable:
    """`fn` under a name of its own, as a function of `K`."""
    fn.__name__ = fn.__qualname__ = name
    fn.__doc__, fn.__module__ = doc, __name__
    return recorded(fn)


def unary(name: str, of: Callable, doc: str) -> Callable[[Any], Any]:
    """A function of one array, entry by entry."""

    def fn(x: Any) -> Any:
        return of(x)

    return named(fn, name, doc)


def _binary(name: str, of: Callable, doc: str) -> Callable[[Any, Any], Any]:
    def fn(x: Any, y: Any) -> Any:
        return of(x, y)

    return named(fn, name, doc)


def _reduction(name: str, of: Callable, doc: str) -> Callable[..., Any]:
    def fn(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return of(x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)

    return named(fn, name, doc)


def _along(name: str, of: Callable, axis: int, doc: str) -> Callable[..., Any]:
    def fn(x: Any, axis: int = axis) -> Any:
        return of(x, axis=axis)

    return named(fn, name, doc)


# ---------------------------------------------------------------- entry by entry

abs = unary("abs", ops.abs, "The absolute value.")
cos = unary("cos", ops.cos, "The cosine.")
exp = unary("exp", ops.exp, "e to the power of `x`.")
log = unary("log", ops.log, "The natural logarithm.")
round = unary("round", ops.round, "The nearest whole number, halves to the even one.")
sign = unary("sign", ops.sign, "-1, 0 or 1.")
sin = unary("sin", ops.sin, "The sine.")
square = unary("square", ops.square, "`x * x`.")
sqrt = unary(
    "sqrt", lambda x: ops.sqrt(ops.maximum(x, 0)), "The square root; 0 for negative numbers."
)

equal = _binary("equal", ops.equal, "Where the two are equal.")
not_equal = _binary("not_equal", ops.not_equal, "Where the two differ.")
greater = _binary("greater", ops.greater, "Where x > y.")
greater_equal = _binary("greater_equal", ops.greater_equal, "Where x >= y.")
less = _binary("less", ops.less, "Where x < y.")
less_equal = _binary("less_equal", ops.less_equal, "Where x <= y.")
lesser = _binary("lesser", ops.less, "Where x < y; the name of `less` in 1.x.")
lesser_equal = _binary("lesser_equal", ops.less_equal, "Where x <= y; `less_equal` in 1.x.")
maximum = _binary("maximum", ops.maximum, "The larger of the two.")
minimum = _binary("minimum", ops.minimum, "The smaller of the two.")


@recorded
def pow(x: Any, a: Any) -> Any:
    """`x` to the power of `a`."""
    return ops.power(x, a)


@recorded
def clip(x: Any, min_value: Any = None, max_value: Any = None) -> Any:
    """`x` brought within the bounds; None for no bound. An upper one below the lower is that."""
    if min_value is not None and max_value is not None:
        max_value = ops.maximum(min_value, max_value)
    x = x if min_value is None else ops.maximum(x, min_value)
    return x if max_value is None else ops.minimum(x, max_value)


# ---------------------------------------------------------------- over axes

all = _reduction("all", ops.all, "Whether all elements over `axis` hold.")
any = _reduction("any", ops.any, "Whether an element over `axis` holds.")
logsumexp = _reduction("logsumexp", ops.logsumexp, "log(sum(exp(x))) over `axis`.")
max = _reduction("max", ops.max, "The largest element over `axis`.")
mean = _reduction("mean", ops.mean, "The mean over `axis`; of booleans the share that holds.")
min = _reduction("min", ops.min, "The smallest element over `axis`.")
prod = _reduction("prod", ops.prod, "The product over `axis`.")
std = _reduction("std", ops.std, "The standard deviation over `axis`, of a whole population.")
sum = _reduction("sum", ops.sum, "The sum over `axis`.")
var = _reduction("var", ops.var, "The variance over `axis`, of a whole population.")

argmax = _along("argmax", ops.argmax, -1, "Where along `axis` the largest element is.")
argmin = _along("argmin", ops.argmin, -1, "Where along `axis` the smallest element is.")
cumprod = _along("cumprod", ops.cumprod, 0, "Products of the elements so far along `axis`.")
cumsum = _along("cumsum", ops.cumsum, 0, "Sums of the elements so far along `axis`.")

# ---------------------------------------------------------------- products


@recorded
def dot(x: Any, y: Any) -> Any:
    """The product over the last axis of `x` and the last but one of `y`.

    So (a, b, c) and (d, c, e) give (a, b, d, e), as Theano has it.
    """
    return ops.dot(x, y)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """Products of samples: sums over one axis of each, the first axis being common.

    Args:
        x: (batch, ...).
        y: (batch, ...).
        axes: the axis of `x` and that of `y`, or one number for both; by default the last of `x`
            and the last but one of `y`, or its last where it has two axes.

    Returns:
        (batch, rest of x, rest of y); (batch, 1) where nothing is left. Before 2.3 arrays of four
        axes and more were multiplied as matrices, all axes but the last two being common; one of
        fewer axes got an axis of size 1 at the end for it.

    Raises:
        UsageError: for axes that are none, are the batch axis, or differ in size.
    """
    ranks = [len(ops.shape(v)) for v in (x, y)]
    found = _contracted(axes, ranks, [ops.shape(v) for v in (x, y)])
    matrices = builtins.max(ranks) > 3 and builtins.abs(ranks[0] - ranks[1]) < 2
    return _batch_dot(x, y, found, before("2.3") and matrices)


def _contracted(axes: Any, ranks: Sequence[int], shapes: Sequence[tuple]) -> list[list[int]]:
    """For each of the two arrays the axes that are summed over."""
    if axes is None:
        axes = [ranks[0] - 1, ranks[1] - (1 if ranks[1] == 2 else 2)]
    both = list(axes) if isinstance(axes, (list, tuple)) else [axes, axes]
    both = [list(a) if isinstance(a, (list, tuple)) else [a] for a in both]
    wrong = len(both) != 2 or len(both[0]) != len(both[1]) or builtins.min(ranks) < 2
    if not wrong:
        both = [[a + n if a < 0 else a for a in own] for own, n in zip(both, ranks, strict=True)]
        wrong = not builtins.all(
            0 < a < n for own, n in zip(both, ranks, strict=True) for a in own
        ) or builtins.any(
            None not in (shapes[0][a], shapes[1][b]) and shapes[0][a] != shapes[1][b]
            for a, b in zip(*both, strict=True)
        )
    if wrong:
        raise UsageError(
            "E-AXES",
            f"K.batch_dot of shapes {shapes[0]} and {shapes[1]} with axes={axes}: axes must be two "
            "numbers, one axis of each array but the first, of equal sizes, as in axes=(1, 2).",
        )
    return both


@recorded
def _batch_dot(x: Any, y: Any, axes: Sequence, matrices: bool) -> Any:
    np = engine.np
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    if matrices:
        (a,), (b,) = axes
        rank = builtins.max(x.ndim, y.ndim)
        last = [at for at, array in ((-2, x), (-1, y)) if array.ndim < rank]
        x, y = (np.expand_dims(v, -1) if v.ndim < rank else v for v in (x, y))
        x = x if a == rank - 1 else np.swapaxes(x, -1, -2)
        z = ops.matmul(x, np.swapaxes(y, -1, -2) if b == rank - 1 else y)
        return np.squeeze(z, tuple(last))
    of_x = list(range(x.ndim))
    of_y = [0, *range(x.ndim, x.ndim + y.ndim - 1)]
    for a, b in zip(*axes, strict=True):
        of_y[b] = of_x[a]
    left = [i for i in of_x if i not in [of_x[a] for a in axes[0]]]
    left += [i for n, i in enumerate(of_y) if n and n not in axes[1]]
    z = np.einsum(x, of_x, y, of_y, left)
    return z[:, None] if z.ndim == 1 else z
