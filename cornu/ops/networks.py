"""Ops of networks: convolution, pooling, normalization, dropout, and functions of functions.

Names and arguments are those of `keras.ops`. The engine computes channels-last; channels-first
arrays are transposed on the way in and out, which a compiler folds into its own layouts.
Activations and losses have files of their own.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cornu import engine, settings, state, tree
from cornu.errors import UsageError, listed, shown, suggestion
from cornu.graph import Tensor, op
from cornu.ops import rectified
from cornu.ops.array import as_array, as_float, one_hot, where

__all__ = [
    "average_pool",
    "batch_normalization",
    "batch_normalized",
    "cond",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "dropout",
    "fori_loop",
    "map",
    "max_pool",
    "moments",
    "multi_hot",
    "normalize",
    "scan",
    "separable_conv",
    "stop_gradient",
    "vectorized_map",
    "while_loop",
]

# ---------------------------------------------------------------- how arguments come in


def _each(value: Any, rank: int, name: str) -> tuple[int, ...]:
    """A number, or one for each space axis, as a tuple."""
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    if len(sizes) != rank:
        raise UsageError(
            "E-WINDOW", f"{name} must be a number or {rank} of them; got {shown(value)}."
        )
    return sizes


def _channels_first(data_format: str | None) -> bool:
    if data_format is None:
        return settings.image_data_format() == "channels_first"
    if data_format not in settings.DATA_FORMATS:
        raise UsageError(
            "E-DATA-FORMAT",
            f'data_format must be "channels_last" or "channels_first"; got {shown(data_format)}. '
            f"{suggestion(str(data_format), settings.DATA_FORMATS)}".rstrip(),
        )
    return data_format == "channels_first"


def _padding(padding: Any, known: Sequence[str] = ("valid", "same")) -> str:
    lowered = str(padding).lower()
    if lowered not in known:
        raise UsageError(
            "E-PADDING",
            f"padding must be one of {listed(known)}; got {shown(padding)}. "
            f"{suggestion(lowered, known)}".rstrip(),
        )
    return lowered


def _last(x: Any, first: bool) -> Any:
    return engine.np.moveaxis(x, 1, -1) if first else x


def _back(x: Any, first: bool) -> Any:
    return engine.np.moveaxis(x, -1, 1) if first else x


def _bias(bias: Any) -> Any:
    return None if bias is None else as_array(bias)


def _pair(inputs: Any, kernel: Any) -> tuple[Any, Any]:
    """Inputs and kernel in one float dtype: the wider of the two."""
    inputs, kernel = as_float(inputs), as_float(kernel)
    if inputs.dtype != kernel.dtype:
        both = engine.np.promote_types(inputs.dtype, kernel.dtype)
        inputs, kernel = engine.cast(inputs, both), engine.cast(kernel, both)
    return inputs, kernel


# ---------------------------------------------------------------- convolution


@op
def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    bias: Any = None,
    relu: bool = False,
) -> Any:
    """Convolution (correlation, as networks have it) over any number of space axes.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) channels-first.
        kernel: (*window, channels / groups, filters); its shape says how many groups there are.
        strides: steps of the window, one number or one for each space axis.
        padding: "valid"; "same", output size ceil(size / stride), the odd zero behind; "causal",
            zeros in front only, for one space axis.
        data_format: "channels_last" or "channels_first"; `settings.image_data_format()` by default.
        dilation_rate: distance between elements of the window.
        bias: (filters,), added to the result; None for none.
        relu: whether `ops.relu` comes last. With both, CPUs compute everything in one kernel.

    Raises:
        UsageError: where channels do not fit or the window is larger than the input.
    """
    first = _channels_first(data_format)
    inputs, kernel = _pair(inputs, kernel)
    x, rank = _last(inputs, first), kernel.ndim - 2
    _check_rank(inputs, rank, "conv")
    strides = _each(strides, rank, "strides")
    dilation = _each(dilation_rate, rank, "dilation_rate")
    groups, left = divmod(x.shape[-1], kernel.shape[-2])
    if left or groups == 0 or kernel.shape[-1] % groups:
        raise UsageError(
            "E-CHANNELS",
            f"conv: inputs {tuple(inputs.shape)} have {x.shape[-1]} channels; the kernel "
            f"{tuple(kernel.shape)} takes {kernel.shape[-2]} for each group and has "
            f"{kernel.shape[-1]} filters. It must be (*window, channels / groups, filters).",
        )
    y = _conv(x, kernel, strides, padding, dilation, groups, _bias(bias), relu)
    return _back(y, first)


def _conv(
    x: Any, kernel: Any, strides: tuple, padding: str, dilation: tuple, groups: int, *last: Any
) -> Any:
    """`last`: bias and relu, as the engine takes them."""
    named = _padding(padding, ("valid", "same", "causal"))
    if named == "causal":
        if len(strides) != 1:
            raise UsageError(
                "E-PADDING", f'padding="causal" needs one space axis; got {len(strides)}.'
            )
        pairs = [(dilation[0] * (kernel.shape[0] - 1), 0)]
        return engine.conv(x, kernel, strides, pairs, dilation, groups, *last)
    if named == "valid":
        windows = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape, strict=False)]
        _check_window(x, windows, "conv")
    return engine.conv(x, kernel, strides, named.upper(), dilation, groups, *last)


def _check_rank(inputs: Any, rank: int, name: str) -> None:
    if inputs.ndim != rank + 2:
        raise UsageError(
            "E-RANK",
            f"{name} over {rank} space axes needs inputs of {rank + 2} axes, with batch and "
            f"channels; got shape {tuple(inputs.shape)}.",
        )


def _check_window(x: Any, windows: Sequence[int], name: str) -> None:
    space = tuple(x.shape[1:-1])
    if any(k > n for k, n in zip(windows, space, strict=True)):
        raise UsageError(
            "E-WINDOW",
            f"{name}: a window of {tuple(windows)} does not fit into {space}. "
            'Use padding="same" or a smaller window.',
        )


@op
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    bias: Any = None,
    relu: bool = False,
) -> Any:
    """Convolution of every channel by itself, `multiplier` times.

    Args as in `conv`, but `kernel` is (*window, channels, multiplier); output channel
    `c * multiplier + m` comes from channel `c`.
    """
    first = _channels_first(data_format)
    inputs, kernel = _pair(inputs, kernel)
    x, rank = _last(inputs, first), kernel.ndim - 2
    _check_rank(inputs, rank, "depthwise_conv")
    *window, channels, multiplier = kernel.shape
    if x.shape[-1] != channels:
        raise UsageError(
            "E-CHANNELS",
            f"depthwise_conv: inputs {tuple(inputs.shape)} have {x.shape[-1]} channels; the kernel "
            f"{tuple(kernel.shape)} is for {channels}.",
        )
    y = _conv(
        x,
        kernel.reshape((*window, 1, channels * multiplier)),
        _each(strides, rank, "strides"),
        padding,
        _each(dilation_rate, rank, "dilation_rate"),
        channels,
        _bias(bias),
        relu,
    )
    return _back(y, first)


@op
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    bias: Any = None,
    relu: bool = False,
) -> Any:
    """`depthwise_conv`, then a convolution of window 1 that mixes channels.

    Args as in `depthwise_conv`; `pointwise_kernel` is (1, …, channels * multiplier, filters).
    """
    first = _channels_first(data_format)
    x = _last(as_float(inputs), first)
    options = (padding, "channels_last", dilation_rate)
    y = depthwise_conv(x, depthwise_kernel, strides, *options)
    last = {"bias": bias, "relu": relu}
    return _back(conv(y, pointwise_kernel, 1, "valid", "channels_last", **last), first)


@op
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    bias: Any = None,
    relu: bool = False,
) -> Any:
    """The adjoint of `conv`, which makes arrays larger.

    With window k = dilation * (window - 1) + 1, size n and stride s, an output has the size
    (n - 1) * s + max(k, s) with "valid" and n * s with "same"; with `output_padding` p
    (n - 1) * s + k + p and (n - 1) * s + k % 2 + p.

    Args:
        inputs: as in `conv`.
        kernel: (*window, filters, channels).
        strides: how far apart elements of the input come to lie.
        padding: "valid" or "same".
        output_padding: a number or one for each space axis, or None.
        data_format, dilation_rate, bias, relu: as in `conv`.
    """
    first = _channels_first(data_format)
    inputs, kernel = _pair(inputs, kernel)
    x, rank = _last(inputs, first), kernel.ndim - 2
    _check_rank(inputs, rank, "conv_transpose")
    if x.shape[-1] != kernel.shape[-1]:
        raise UsageError(
            "E-CHANNELS",
            f"conv_transpose: inputs {tuple(inputs.shape)} have {x.shape[-1]} channels; the kernel "
            f"{tuple(kernel.shape)} is for {kernel.shape[-1]}. It must be "
            "(*window, filters, channels).",
        )
    strides = _each(strides, rank, "strides")
    dilation = _each(dilation_rate, rank, "dilation_rate")
    more = _each(output_padding, rank, "output_padding")
    named = _padding(padding)
    margins = [
        _transpose_margin(d * (k - 1) + 1, s, named, p)
        for k, d, s, p in zip(kernel.shape, dilation, strides, more, strict=False)
    ]
    last = (_bias(bias), relu)
    return _back(engine.conv_transpose(x, kernel, strides, margins, dilation, *last), first)


def _transpose_margin(window: int, stride: int, padding: str, more: int | None) -> tuple[int, int]:
    """Zeros before and after the spread-out input, so that the sizes come out as documented."""
    if padding == "valid":
        last = max(window, stride) if more is None else window + more
        return window - 1, last - 1
    last = stride if more is None else window % 2 + more
    total = last + window - 2
    before = min(-(-total // 2), window - 1)
    return before, total - before


# ---------------------------------------------------------------- pooling


@op
def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The largest element of every window.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) channels-first.
        pool_size: the window, a number or one for each space axis.
        strides: its steps; as large as the window by default.
        padding: "valid" or "same".
        data_format: as in `conv`.
    """
    return _pool("max", as_array(inputs), pool_size, strides, padding, data_format)


@op
def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The mean of every window, counting only what lies inside the input. Args as in `max_pool`."""
    return _pool("average", as_float(inputs), pool_size, strides, padding, data_format)


def _pool(
    mode: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Any:
    first = _channels_first(data_format)
    rank = inputs.ndim - 2
    size = _each(pool_size, rank, "pool_size")
    steps = size if strides is None else _each(strides, rank, "strides")
    named = _padding(padding)
    x = _last(inputs, first)
    if named == "valid":
        _check_window(x, size, f"{mode}_pool")
    return _back(engine.pool(x, mode, size, steps, named.upper()), first)


# ---------------------------------------------------------------- normalization


@op
def moments(
    x: Any,
    axes: int | Sequence[int],
    keepdims: bool = False,
    synchronized: bool = False,
    mask: Any = None,
) -> tuple:
    """Mean and variance of `x` over `axes`, computed in float32 at least.

    Args:
        x: array; the results have its dtype.
        axes: axes to go over.
        keepdims: whether those axes stay, with size 1.
        synchronized: accepted for Keras's signature; a batch spread over devices is one array.
        mask: weights that broadcast against `x` (1 counts, 0 does not). Where nothing counts, mean
            and variance are 0.
    """
    x = as_float(x)
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    wide = engine.cast(x, "float32") if x.dtype.itemsize < 4 else x
    weights = None if mask is None else engine.cast(as_array(mask), wide.dtype)
    mean = _mean(wide, weights, axes)
    variance = _mean(engine.np.square(wide - mean), weights, axes)
    if not keepdims:
        mean, variance = (engine.np.squeeze(v, axes) for v in (mean, variance))
    return engine.cast(mean, x.dtype), engine.cast(variance, x.dtype)


def _mean(x: Any, weights: Any, axes: tuple) -> Any:
    if weights is None:
        return engine.np.mean(x, axes, keepdims=True)
    weights = engine.np.broadcast_to(weights, x.shape)
    total = engine.np.sum(weights, axes, keepdims=True)
    return engine.np.sum(x * weights, axes, keepdims=True) / engine.np.where(total == 0, 1, total)


@op
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (Ioffe and Szegedy 2015).

    `mean`, `variance`, `offset` and `scale` are vectors along `axis` of `x`.
    """
    x = as_float(x)
    along = [1] * x.ndim
    along[axis] = -1
    factor = 1 / engine.np.sqrt(as_float(variance) + epsilon)
    if scale is not None:
        factor = factor * as_array(scale)
    y = (x - as_array(mean).reshape(along)) * factor.reshape(along)
    if offset is not None:
        y = y + as_array(offset).reshape(along)
    return engine.cast(y, x.dtype)


@op
def batch_normalized(x: Any, scale: Any, offset: Any, axis: int, epsilon: float = 1e-3) -> tuple:
    """`batch_normalization` by the mean and variance of `x` itself, and these two.

    `scale`, `offset`, mean and variance are vectors along `axis`; mean and variance are taken over
    all other axes. In training this is faster than `moments` and `batch_normalization`.
    """
    x = as_float(x)
    vectors = as_float(scale), as_float(offset)
    y, mean, variance, above = engine.normalized(x, *vectors, axis % x.ndim, epsilon)
    rectified.remember(y, above)
    return y, mean, variance


@op
def normalize(
    x: Any, axis: int | Sequence[int] = -1, order: float = 2, epsilon: float | None = None
) -> Any:
    """`x` divided by its norm (sum |x|^order)^(1/order) over `axis`.

    The norm is taken to be `epsilon` at least, `settings.epsilon()` by default.
    """
    x = as_float(x)
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    least = settings.epsilon() if epsilon is None else epsilon
    if order == 2:
        total = engine.np.sum(engine.np.square(x), axes, keepdims=True)
        return x / engine.np.sqrt(engine.np.maximum(total, least**2))
    norm = engine.np.linalg.norm(x, order, axes, keepdims=True)
    return x / engine.np.maximum(norm, least)


@op
def multi_hot(
    inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Ones at every label among the last axis: (batch, labels) gives (batch, num_classes).

    `sparse` is accepted for Keras's signature; the result is dense.
    """
    inputs = as_array(inputs)
    return engine.np.max(one_hot(inputs, num_classes, axis, dtype), 1 if inputs.ndim > 1 else 0)


# ---------------------------------------------------------------- dropout


@op
def dropout(
    x: Any, rate: float, noise_shape: Sequence[int | None] | None = None, key: Any = None
) -> Any:
    """`x` with elements set to 0 with probability `rate`, the others divided by 1 - rate.

    Args:
        x: array.
        rate: from 0 to 1. 0 leaves `x` as it is.
        noise_shape: shape of the draw, which broadcasts against `x`; None in it stands for the
            size of `x` there.
        key: random key; the Frame's next one by default.

    Source: Srivastava et al. 2014.
    """
    if not 0 <= rate <= 1:
        hint = f" Did you mean {rate / 100:g}?" if 1 < rate <= 100 else ""
        raise UsageError("E-RANGE", f"dropout: rate must be in [0, 1]; got {shown(rate)}.{hint}")
    x = as_float(x)
    if rate == 0:
        return x
    if rate == 1:
        return engine.np.zeros_like(x)
    sizes = x.shape if noise_shape is None else _noise_shape(noise_shape, x.shape)
    key = state.draw_key() if key is None else key
    keep = engine.keep(key, sizes, 1 - rate)
    return engine.np.where(keep, x * (1 / (1 - rate)), 0)


def _noise_shape(noise_shape: Sequence[int | None], sizes: tuple) -> tuple:
    if len(noise_shape) != len(sizes):
        raise UsageError(
            "E-NOISE-SHAPE",
            f"noise_shape must have {len(sizes)} sizes, as x of shape {tuple(sizes)} has; got "
            f"{tuple(noise_shape)}.",
        )
    return tuple(n if d is None else d for d, n in zip(noise_shape, sizes, strict=True))


# ---------------------------------------------------------------- functions of functions


@op
def stop_gradient(variable: Any) -> Any:
    """`variable`, seen as a constant by differentiation."""
    return engine.stop_gradient(as_array(variable))


def cond(pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
    """`true_fn()` or `false_fn()`, as `pred` says.

    With a symbolic `pred` both are computed and their results chosen between; elsewhere only one
    runs.
    """
    if isinstance(pred, Tensor):
        return tree.map_structure(lambda a, b: where(pred, a, b), true_fn(), false_fn())
    if not engine.is_traced(pred):
        return true_fn() if pred else false_fn()
    yes, no = (lambda f=f: tree.map_structure(_value, f()) for f in (true_fn, false_fn))
    return engine.cond(pred, yes, no)


def _value(x: Any) -> Any:
    return as_array(x.value if isinstance(x, state.Variable) else x)


@op
def scan(
    f: Callable,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple:
    """`carry, y = f(carry, x)` along the first axis of `xs`; returns (carry, stacked y).

    `xs` may be a structure of arrays, or None with a `length`. `f` works on arrays.
    """
    how = {"reverse": reverse, "unroll": unroll}
    init, xs = (tree.map_structure(_optional, v) for v in (init, xs))
    return engine.scan(f, init, xs, length, **how)


def _optional(x: Any) -> Any:
    return None if x is None else as_array(x)


@op
def map(f: Callable, xs: Any) -> Any:
    """`f` of every slice along the first axis of `xs`, one after another, stacked."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@op
def vectorized_map(function: Callable, elements: Any) -> Any:
    """`function` of every slice along the first axis of `elements`, all at once, stacked."""
    return engine.vmap(function)(tree.map_structure(as_array, elements))


@op
def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
    """`value = body_fun(i, value)` for i in lower..upper-1, from `init_val`."""
    return engine.loop(lower, upper, body_fun, tree.map_structure(as_array, init_val))


@op
def while_loop(
    cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)`; returns the last `loop_vars`.

    A `loop_vars` that is no list or tuple is passed, and returned, as it is.
    """
    many = isinstance(loop_vars, (list, tuple))
    start = tuple(tree.map_structure(as_array, v) for v in (loop_vars if many else [loop_vars]))

    def goes_on(held: tuple) -> Any:
        count, values = held
        on = cond(*values)
        return on if maximum_iterations is None else on & (count < maximum_iterations)

    def step(held: tuple) -> tuple:
        count, values = held
        made = body(*values)
        made = tuple(made) if isinstance(made, (list, tuple)) else (made,)
        return count + 1, tuple(tree.map_structure(as_array, v) for v in made)

    _, values = engine.while_loop(goes_on, step, (engine.np.zeros((), "int32"), start))
    return values if many else values[0]
