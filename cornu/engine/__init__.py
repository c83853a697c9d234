"""The engine: the only code that knows JAX (or another framework), and the choice of it.

`from cornu import engine` and then `engine.np.matmul(a, b)`, `engine.jit(f)`: attributes of this
module are those of the chosen engine, which is loaded at the first use, so that importing Cornu
loads no framework. `Engine` below is the whole protocol. An engine is supported when
`tests/contracts/engine` passes on it; nothing outside this folder may ask which engine it is.

Shapes: convolution and pooling take channels-last arrays `(batch, *space, channels)` and kernels
`(*window, channels / groups, filters)`. Random keys are `uint32[2]` arrays.
"""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from numpy.random import get_state, set_state

from cornu import loading, settings

Array = Any
Key = Any


class Spec(NamedTuple):
    """Shape and dtype of an array that is not there."""

    shape: tuple[int, ...]
    dtype: str


class Engine(Protocol):
    """What Cornu asks of a framework."""

    name: str
    np: Any  # a namespace named like NumPy's, `np.linalg` and `np.fft` included

    # arrays -------------------------------------------------------------------------------------
    def array(self, value: Any, dtype: str | None = None) -> Array:
        """`value` as the engine's own array; float64 input becomes `settings.floatx()`."""
        ...

    def numpy(self, x: Array) -> Any:
        """A NumPy array with the values of `x`; waits for them."""
        ...

    def is_array(self, x: Any) -> bool:
        """Whether `x` is the engine's own array, a traced one included."""
        ...

    def is_traced(self, x: Any) -> bool:
        """Whether `x` stands for a value inside a computation that is being compiled."""
        ...

    def cast(self, x: Any, dtype: str) -> Array:
        """`x` in another dtype; `x` itself where it has it already."""
        ...

    def put(self, tree: Any, copy: bool = False) -> Any:
        """A structure of arrays placed on the device; with `copy` nothing shares memory."""
        ...

    def room(self) -> int:
        """Bytes of training data worth keeping on the device."""
        ...

    def buffer(self, shape: Sequence[int], dtype: str) -> Any:
        """A NumPy array that `put` hands to the device without copying, where that can be."""
        ...

    def finite(self, arrays: Sequence[Array]) -> bool:
        """Whether every number of all arrays is finite."""
        ...

    def wait(self, tree: Any) -> Any:
        """`tree`, once all its arrays have been computed."""
        ...

    def tidy(self) -> None:
        """Give back memory that nothing will use again; called after every training step."""
        ...

    # functions of functions ---------------------------------------------------------------------
    def infer(self, fn: Callable, *specs: Any) -> Any:
        """The `Spec`s of `fn(*arrays)`, computing nothing. `specs`: structures of `Spec`."""
        ...

    def traits(self, fn: Callable, *specs: Any) -> set[str]:
        """What decides how to run `fn`: subset of {"convolution", "effect"}.

        It has an effect where it does more than compute: it prints, or calls a function (`tell`).
        """
        ...

    def jit(self, fn: Callable, donate: Sequence[int] = (), static: Sequence[int] = ()) -> Callable:
        """`fn` compiled once per shape; `donate`d arguments may be reused, and then are gone."""
        ...

    def value_and_grad(self, fn: Callable, has_aux: bool = False) -> Callable:
        """`fn`'s value and its gradient with respect to its first argument (a structure)."""
        ...

    def vjp(self, fn: Callable, *args: Any, has_aux: bool = False) -> tuple:
        """`fn(*args)` and a function from its slopes to those of `args`; then what came along."""
        ...

    def stop_gradient(self, x: Array) -> Array:
        """`x`, seen as a constant by differentiation."""
        ...

    def barrier(self, tree: Any) -> Any:
        """`tree`, computed before what uses it: the compiler does not mix the two."""
        ...

    def custom_gradient(self, fn: Callable, forward: Callable, backward: Callable) -> Callable:
        """`fn` with its own derivative: `forward(*a) -> (y, saved)`, `backward(saved, dy)`."""
        ...

    def checkpoint(self, fn: Callable) -> Callable:
        """`fn`, computed again during differentiation instead of remembered."""
        ...

    def vmap(self, fn: Callable, in_axes: Any = 0) -> Callable:
        """`fn` mapped over an axis of its arguments."""
        ...

    def jvp(self, fn: Callable, primals: tuple, tangents: tuple, has_aux: bool = False) -> tuple:
        """`fn(*primals)`, its derivative along `tangents`, and with `has_aux` what comes second."""
        ...

    def at_once(self) -> Any:
        """A `with` block that computes constants now, while a computation is being traced."""
        ...

    def tell(self, fn: Callable, x: Array) -> None:
        """Have `fn(x)` called with a NumPy array whenever a compiled program gets to it."""
        ...

    # loops --------------------------------------------------------------------------------------
    def loop(self, start: Any, stop: Any, body: Callable, state: Any) -> Any:
        """`state = body(i, state)` for i in start..stop-1, bounds known only when it runs."""
        ...

    def scan(self, fn: Callable, state: Any, xs: Any, length: int | None = None, **how: Any) -> Any:
        """`state, y = fn(state, x)` along the first axis; returns (state, stacked y)."""
        ...

    def while_loop(self, condition: Callable, body: Callable, state: Any) -> Any:
        """`state = body(state)` while `condition(state)`."""
        ...

    def cond(self, predicate: Array, yes: Callable, no: Callable, *operands: Any) -> Any:
        """`yes(*operands)` or `no(*operands)`."""
        ...

    def switch(self, index: Array, branches: Sequence[Callable], *operands: Any) -> Any:
        """`branches[index](*operands)`, the index brought within range."""
        ...

    def associative_scan(self, fn: Callable, xs: Any, reverse: bool, axis: int) -> Any:
        """`fn(… fn(x0, x1) …, xi)` for every i along an axis, in logarithmically many steps."""
        ...

    def loops_pay(self, traits: set[str]) -> bool:
        """Whether a compiled loop over steps with these traits is faster than one call a step."""
        ...

    # slices -------------------------------------------------------------------------------------
    def slice(self, x: Array, starts: Sequence, sizes: Sequence[int]) -> Array:
        """A block of `x` from `starts`, which may be computed."""
        ...

    def put_slice(self, x: Array, update: Array, starts: Sequence) -> Array:
        """`x` with a block replaced."""
        ...

    def rows(self, x: Array, where: Array) -> Array:
        """Rows of `x` by their numbers, int32 of shape (n,); one that is too large is the last."""
        ...

    def put_at(self, x: Array, indices: Array, values: Array, add: bool = False) -> Array:
        """`x` with rows `indices` of its first axis replaced, or added to."""
        ...

    def segment_sum(self, x: Array, segments: Array, count: int) -> Array:
        """Sums of rows that share a segment number: `(count, ...)`."""
        ...

    def segment_reduce(self, x: Array, segments: Array, count: int, mode: str) -> Array:
        """ "max", "min" or "prod" of rows that share a segment number: `(count, ...)`."""
        ...

    def take(self, x: Array, indices: Array, axis: int | None = None) -> Array:
        """Slices at `indices` along an axis; NaN for an index out of range."""
        ...

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        """The k largest along the last axis, and where they were."""
        ...

    # networks -----------------------------------------------------------------------------------
    def matmul(self, a: Array, b: Array, b_turned: bool = False) -> Array:
        """Matrix product over the last two axes, in float32 accumulation at least.

        `b_turned`: the last two axes of `b` come exchanged, (..., columns, depth).
        """
        ...

    def conv(
        self,
        x: Array,
        kernel: Array,
        strides: Sequence[int],
        padding: Any,
        dilation: Sequence[int],
        groups: int,
        bias: Array | None = None,
        relu: bool = False,
    ) -> Array:
        """Convolution of any rank, plus `bias`, then relu where asked: one kernel where one fits.

        `padding`: "SAME", "VALID" or pairs per axis; `bias`: (filters,).
        """
        ...

    def conv_transpose(
        self,
        x: Array,
        kernel: Array,
        strides: Sequence[int],
        padding: Sequence[tuple[int, int]],
        dilation: Sequence[int],
        bias: Array | None = None,
        relu: bool = False,
    ) -> Array:
        """The adjoint of `conv`. `kernel`: `(*window, filters, channels)`; explicit padding."""
        ...

    def pool(
        self, x: Array, mode: str, size: Sequence[int], strides: Sequence[int], padding: str
    ) -> Array:
        """ "max" or "average" over windows; the average counts only what lies inside `x`."""
        ...

    def attention(
        self, query: Array, key: Array, value: Array, mask: Array, scale: Any, causal: bool
    ) -> Array | None:
        """`softmax(query @ keyᵀ * scale) @ value` by one kernel, or None where none fits.

        Shapes as in `ops.dot_product_attention`; `mask` may be None.
        """
        ...

    def recurrent(
        self,
        plain: Callable,
        x: Array,
        weights: tuple,
        states: tuple,
        mask: Array,
        *,
        every: bool,
        reverse: bool,
        after: bool = True,
    ) -> tuple | None:
        """All steps of an LSTM (two states) or a GRU (one) by one kernel, or None where none fits.

        `plain((x, weights, states), mask)` computes the same: outputs of all steps where wanted,
        and last states. x: (time, rows, features); weights: kernel, recurrent kernel, bias or None.
        """
        ...

    def normalized(
        self, x: Array, scale: Array, offset: Array, axis: int, epsilon: float
    ) -> tuple[Array, Array, Array, Callable | None]:
        """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, and the mean and variance.

        All four are vectors along `axis`; mean and variance are taken over the other axes. Last
        comes `above(*beside)`: relu of the result plus all `beside`, arrays of its shape, by as
        many passes as the result alone; or None where there is no such way.
        """
        ...

    def normalized_rows(
        self, x: Array, gamma: Array | None, beta: Array | None, epsilon: float
    ) -> Array | None:
        """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, with the moments of rows.

        Rows lie along the last axis, whose size gamma and beta have. By one kernel; None where none
        fits.
        """
        ...

    def softmax_rows(self, x: Array) -> Array | None:
        """Softmax along the last axis by one kernel, or None where none fits."""
        ...

    def binary_crossentropy(self, p: Array, t: Array, least: float) -> Array | None:
        """Means along the last axis of `-t log(p) - (1 - t) log(1 - p)` by one kernel.

        p, kept from `least` to `1 - least`, and t have one shape. None where none fits.
        """
        ...

    def dense(self, x: Array, w: Array, bias: Array, activation: str) -> Array | None:
        """`x @ w + bias` put through "linear", "relu", "sigmoid" or "tanh", by one kernel.

        x (..., n), w (n, m), bias (m,); the result (..., m), or None where none fits.
        """
        ...

    def gelu(self, x: Array) -> Array | None:
        """`x` times the normal distribution function by one kernel, or None where none fits."""
        ...

    def gelu_matmul(self, x: Array, w: Array) -> Array | None:
        """`gelu(x) @ w` that keeps x alone for the way back, or None where no kernel fits.

        Shapes: x (..., depth), w (depth, columns).
        """
        ...

    def adam(self, p: Array, m: Array, v: Array, g: Array, rates: tuple) -> tuple | None:
        """`optimizers.Adam`'s new parameter and moments by one kernel, or None where none fits.

        `rates`: alpha, 1 - beta_1, 1 - beta_2 and epsilon, arrays of no axis.
        """
        ...

    def erf(self, x: Array) -> Array:
        """The error function."""
        ...

    def erfc(self, x: Array) -> Array:
        """1 - erf(x), exact for large x."""
        ...

    def erfinv(self, x: Array) -> Array:
        """The inverse of the error function."""
        ...

    def complex(self, real: Array, imaginary: Array) -> Array:
        """A complex array from its parts, both of one of float32 and float64."""
        ...

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x)), without overflow."""
        ...

    def logsumexp(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """log(sum(exp(x))), safe for large x."""
        ...

    # linear algebra -----------------------------------------------------------------------------
    def lu_factor(self, x: Array) -> tuple[Array, Array]:
        """L below and U on and above the diagonal, and the int32 row exchanged with each row."""
        ...

    def solve_triangular(self, a: Array, b: Array, lower: bool) -> Array:
        """x with a x = b, reading one triangle of `a`; both of them (..., n, k)."""
        ...

    # randomness ---------------------------------------------------------------------------------
    def key(self, seed: int) -> Key:
        """A key for a seed: `uint32[2]`."""
        ...

    def fold(self, key: Key, number: Any) -> Key:
        """Another key, for `number` (which may be computed)."""
        ...

    def uniform(self, key: Key, shape: Sequence[int], low: Any, high: Any, dtype: str) -> Array:
        """Even draws from [low, high)."""
        ...

    def normal(self, key: Key, shape: Sequence[int], dtype: str) -> Array:
        """Draws from the normal distribution of mean 0 and deviation 1."""
        ...

    def truncated_normal(self, key: Key, shape: Sequence[int], dtype: str) -> Array:
        """Draws from the same, those beyond 2 deviations drawn again."""
        ...

    def integers(self, key: Key, shape: Sequence[int], low: int, high: int, dtype: str) -> Array:
        """Even draws of whole numbers from low to high - 1."""
        ...

    def binomial(
        self, key: Key, shape: Sequence[int], count: Array, probability: Array, dtype: str
    ) -> Array:
        """How many of `count` trials, each true with `probability`, are true; both broadcast."""
        ...

    def log_gamma(self, key: Key, shape: Sequence[int], alpha: Array, dtype: str) -> Array:
        """Logarithms of draws from the Gamma distribution of shape `alpha`, broadcast, and scale 1.

        Its parts make the Beta and Dirichlet distributions, which a small `alpha` keeps finite so.
        """
        ...

    def keep(self, key: Key, shape: Sequence[int], probability: float) -> Array:
        """Booleans, True with `probability`: a cheap generator made for dropout."""
        ...

    def permutation(self, key: Key, n: int) -> Array:
        """The numbers 0..n-1 in random order."""
        ...

    # devices ------------------------------------------------------------------------------------
    def devices(self) -> list[str]:
        """The devices in sight, in words."""
        ...

    def native_kernels(self) -> str:
        """Which kernels of our own are in use, in words."""
        ...

    def cache_folder(self) -> str | None:
        """Where compiled programs are kept, or None."""
        ...

    def begin_profile(self, folder: str) -> None:
        """Write down what is computed from now on; raises RuntimeError while that is done."""
        ...

    def end_profile(self) -> None:
        """Write the profile into the folder that `begin_profile` was given."""
        ...

    def versions(self) -> dict[str, str]:
        """Versions of the framework's parts."""
        ...


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    module = f"cornu.engine.{settings.current().engine}"
    value = getattr(_brought(module), name)
    globals()[name] = value
    return value


def _brought(module: str) -> ModuleType:
    """The engine; JAX draws from NumPy's global state when it is loaded, which is the user's."""
    if module in sys.modules:
        return loading.module(module)
    drawn = get_state()
    try:
        return loading.module(module)
    finally:
        set_state(drawn)


def loaded() -> bool:
    """Whether the framework has been loaded."""
    return "np" in globals()
