"""Convolution by native kernels: three primitives that are each other's derivatives.

`conv(x, w)` is linear in both, and so are the gradients of data and weights: with `forward`,
`data` and `weights` the family is closed, and jvp, grad of any order, scan and jit follow. On a CPU
each is lowered to a native kernel where that is faster (`has_kernel`): oneDNN's, or our own for
results of few channels (`src/few.cc`), the weights of first layers (`src/stem.cc`) and windows of
3x3 in steps of one (`src/winograd.cc`, not when JAX's matmul precision is "highest").
Elsewhere, `vmap` over weights included, it is lowered to what XLA has (`plain`), so that a program
traced here and compiled for a GPU is that of plain JAX. With a bias and relu: `native/fused.py`.

Shapes: x (batch, *space, channels), w (*window, channels / groups, filters), y like x.
"""

import functools
from typing import Any, NamedTuple

import jax
import numpy as host
from jax import lax
from jax.interpreters import ad, batching, mlir

from cornu.engine import native
from cornu.engine.native import Primitive


class How(NamedTuple):
    """What a convolution is, besides its arrays; `padding`: pairs for each space axis."""

    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


def channels_last(rank: int) -> lax.ConvDimensionNumbers:
    """The order of axes, for arrays of `rank` axes."""
    last = (0, rank - 1, *range(1, rank - 1))
    return lax.ConvDimensionNumbers(last, (rank - 1, rank - 2, *range(rank - 2)), last)


def plain(x: Any, w: Any, how: How, shape: tuple[int, ...] | None = None) -> Any:
    """Convolution by XLA."""
    return lax.conv_general_dilated(
        x,
        w,
        how.strides,
        how.padding,
        rhs_dilation=how.dilation,
        dimension_numbers=channels_last(x.ndim),
        feature_group_count=how.groups,
    )


def plain_data(dy: Any, w: Any, how: How, shape: tuple[int, ...]) -> Any:
    """The gradient for x of `shape`, by XLA."""
    x = jax.ShapeDtypeStruct(shape, dy.dtype)
    return jax.linear_transpose(lambda x: plain(x, w, how), x)(dy)[0]


def plain_weights(x: Any, dy: Any, how: How, shape: tuple[int, ...]) -> Any:
    """The gradient for w of `shape`, by XLA."""
    w = jax.ShapeDtypeStruct(shape, x.dtype)
    return jax.linear_transpose(lambda w: plain(x, w, how), w)(dy)[0]


# ---------------------------------------------------------------- when

WAYS = ("forward", "data", "weights")
TYPES = {"float32": 0, "bfloat16": 1}
DIRECT = ("highest", "float32")  # precisions of JAX that Winograd's tiles do not serve


def takes(x: Any, w: Any, how: How) -> bool:
    """Whether a native kernel is faster for the convolution, or for one of its gradients.

    Measured on 2 cores (AVX-512), batch 128, CPU ms native / XLA of forward, data, weights:
    28x28x1 to 32, 3x3: 0.7/0.7, 6.9/6.7, 3.8/5.0; 26x26x32 to 64: 17.7/53, 19/30, 21/127;
    32x32x3 to 64: 15/17, 18/28, 7/43; 8x8x64 to 64: 3.6/4.7, 3.7/4.9, 5.6/11.9; depthwise
    56x56x128, batch 16: 5.7/162, 8/161, 6/550. So whatever oneDNN has a real kernel for.
    """
    known = (
        str(x.dtype) in TYPES
        and x.dtype == w.dtype
        and 3 <= x.ndim <= 5
        and all(low >= 0 and high >= 0 for low, high in how.padding)
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1  # XLA cannot cut a foreign call in parts
        and native.available("cornu_conv")
    )
    if not known:
        return False
    shapes = (x.shape, w.shape, shape_of(x.shape, w.shape, how))
    if not all(map(all, shapes)):
        return False
    return any(has_kernel(way, *shapes, how, str(x.dtype)) for way in WAYS)


def has_kernel(way: str, x: tuple, w: tuple, y: tuple, how: How, dtype: str) -> bool:
    """Whether oneDNN has a kernel and not only its reference loops, which take 100 times longer.

    The size of a batch decides nothing, and shapes are asked for with enormous ones.
    """
    few = min(x[0], 32)
    return _known(way, (few, *x[1:]), w, (few, *y[1:]), how, dtype)


@functools.lru_cache(4096)
def _known(way: str, x: tuple, w: tuple, y: tuple, how: How, dtype: str) -> bool:
    name = kernel(way, x, w, y, how, dtype)
    return name != "" and not name.startswith("ref")


def kernel(way: str, x: tuple, w: tuple, y: tuple, how: How, dtype: str) -> str:
    """What computes it: "winograd", "few", "stem", oneDNN's name of its kernel, "" for nothing."""
    lows, highs = zip(*how.padding, strict=True)
    numbers = (len(x) - 2, how.groups, TYPES[dtype], *x, *w, *y)
    numbers += (*how.strides, *how.dilation, *lows, *highs)
    return native.ask("cornu_conv_by", WAYS.index(way), numbers)


def shape_of(x: tuple, w: tuple, how: How) -> tuple[int, ...]:
    """The shape of y."""
    space = [
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, d, (low, high) in zip(
            x[1:-1], w, how.strides, how.dilation, how.padding, strict=False
        )
    ]
    return (x[0], *(max(n, 0) for n in space), w[-1])


# ---------------------------------------------------------------- primitives


def attributes(how: How) -> dict[str, Any]:
    """What handlers are told of a convolution."""
    lows, highs = zip(*how.padding, strict=True)
    rows = {"strides": how.strides, "dilation": how.dilation, "low": lows, "high": highs}
    found: dict[str, Any] = {name: host.array(row, "int64") for name, row in rows.items()}
    said: Any = jax.config  # whose members no type checker knows
    direct = said.jax_default_matmul_precision in DIRECT
    return found | {"groups": host.int64(how.groups), "direct": host.bool_(direct)}


def lowered(made: Primitive, plainly: Any, natively: Any, several: bool = False) -> None:
    """Have `made` computed by `natively` on a CPU and by `plainly` everywhere else."""

    @functools.lru_cache(1024)
    def compiled(**params: Any) -> Any:
        return jax.jit(functools.partial(made.bind, **params))

    made.def_impl(lambda *arrays, **params: compiled(**params)(*arrays))
    mlir.register_lowering(made, mlir.lower_fun(plainly, multiple_results=several))
    on_cpu = mlir.lower_fun(natively, multiple_results=several)
    mlir.register_lowering(made, on_cpu, platform="cpu")


def _made(name: str, handler: str, plainly: Any, shapes: Any) -> Primitive:
    """A primitive `(a, b) -> c` with its lowerings. `shapes(a, b, c)`: those of x, w and y."""
    made = Primitive(name)

    def natively(a: Any, b: Any, how: How, shape: tuple) -> Any:
        x, w, y = shapes(a.shape, b.shape, shape)
        way = name.removeprefix("cornu_conv_")
        if not has_kernel(way, x, w, y, how, str(a.dtype)):
            return plainly(a, b, how, shape)
        result = jax.ShapeDtypeStruct(shape, a.dtype)
        return native.call(handler, result, a, b, **attributes(how))

    lowered(made, plainly, natively)
    made.def_abstract_eval(lambda a, b, how, shape: a.update(shape=shape, weak_type=False))
    batching.primitive_batchers[made] = functools.partial(batched, made, plainly)
    return made


def batched(made: Primitive, plainly: Any, arrays: tuple, axes: tuple, **params: Any) -> Any:
    """Under `vmap`: more rows where only the rows are mapped, and XLA otherwise."""
    a, *others = arrays
    first, *rest = axes
    if first is not None and made is not weights_p and not any(axis is not None for axis in rest):
        a = jax.numpy.moveaxis(a, first, 0)
        rows = (a.shape[0] * a.shape[1], *a.shape[2:])
        shape = (rows[0], *params["shape"][1:])
        y = made.bind(a.reshape(rows), *others, **params | {"shape": shape})
        return y.reshape((*a.shape[:2], *shape[1:])), 0
    return jax.vmap(functools.partial(plainly, **params), axes)(*arrays), 0


forward_p = _made("cornu_conv_forward", "cornu_conv", plain, lambda x, w, y: (x, w, y))
data_p = _made("cornu_conv_data", "cornu_conv_data", plain_data, lambda y, w, x: (x, w, y))
weights_p = _made(
    "cornu_conv_weights", "cornu_conv_weights", plain_weights, lambda x, y, w: (x, w, y)
)


def forward(x: Any, w: Any, how: How) -> Any:
    """Convolution; `takes(x, w, how)` must hold."""
    return forward_p.bind(x, w, how=how, shape=shape_of(x.shape, w.shape, how))


def data(dy: Any, w: Any, how: How, shape: tuple[int, ...]) -> Any:
    """The gradient of the forward convolution for its x, of `shape`."""
    return data_p.bind(dy, w, how=how, shape=shape)


def _weights(x: Any, dy: Any, how: How, shape: tuple[int, ...]) -> Any:
    return weights_p.bind(x, dy, how=how, shape=shape)


# Each rule gets the slope of the result, and both arguments; the unknown one knows its shape.
ad.defbilinear(
    forward_p,
    lambda dy, x, w, how, shape: data(dy, w, how, x.aval.shape),
    lambda dy, x, w, how, shape: _weights(x, dy, how, w.aval.shape),
)
ad.defbilinear(
    data_p,
    lambda dx, y, w, how, shape: forward(dx, w, how),
    lambda dx, y, w, how, shape: _weights(dx, y, how, w.aval.shape),
)
ad.defbilinear(
    weights_p,
    lambda dw, x, y, how, shape: data(y, dw, how, x.aval.shape),
    lambda dw, x, y, how, shape: forward(x, dw, how),
)
