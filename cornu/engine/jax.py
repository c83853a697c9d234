"""JAX as Cornu's engine: the protocol of `cornu/engine/__init__.py` on public `jax.*` names.

Works on JAX 0.10 (Python 3.11) and 0.11 (3.12 and later).
"""

import functools
import math
import os
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import jax
import jax.numpy as np
import numpy as host
from jax import lax
from jax.core import Tracer

from cornu import settings
from cornu.engine import Spec, jax_normalization, memory, native
from cornu.engine import jax_windows as windows
from cornu.engine.compiled import swept
from cornu.engine.native import attention as native_attention
from cornu.engine.native import dense as native_dense
from cornu.engine.native import gelu_product, lookup, products, rowwise
from cornu.engine.native import recurrent as native_recurrent
from cornu.engine.native import update as native_update

name = "jax"


def _follow(current: settings.Settings) -> None:
    jax.config.update("jax_enable_x64", current.floatx == "float64")


def begin_profile(folder: str) -> None:
    """Write down what is computed from now on; raises RuntimeError while that is done already."""
    jax.profiler.start_trace(folder)


def end_profile() -> None:
    """Write the profile into the folder that `begin_profile` was given."""
    jax.profiler.stop_trace()


def cache_folder() -> str | None:
    """Where compiled programs are kept, or None."""
    return jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]


def devices() -> list[str]:
    """The devices in sight, in words."""
    return [f"{d.platform}:{d.id} {d.device_kind}" for d in jax.devices()]


def _keep_compiled_programs() -> None:
    """Compiled programs stay on disk, in a private folder, unless the user chose otherwise."""
    if cache_folder() or os.environ.get("CORNU_CACHE") == "0":
        return
    folder = settings.cache_directory() / "xla"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written costs only speed
    swept(folder)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


# On a CPU a call computes at once instead of on another thread: predicting one row with a
# 20-64-64-10 MLP takes 14 us so and 92 us otherwise (2 cores), and chunks need no queue.
jax.config.update("jax_cpu_enable_async_dispatch", False)
settings.listen(_follow)
memory.settle()
_keep_compiled_programs()

# ---------------------------------------------------------------- arrays


def array(value: Any, dtype: str | None = None) -> jax.Array:
    """`value` as a JAX array; float64 input becomes `settings.floatx()`."""
    if dtype is None and not is_array(value):
        value = host.asarray(value)
        if value.dtype == host.float64:
            dtype = settings.floatx()
    return np.asarray(value, dtype=dtype)


def is_array(x: Any) -> bool:
    """Whether `x` is a JAX array, a traced one included."""
    return isinstance(x, jax.Array)


def is_traced(x: Any) -> bool:
    """Whether `x` is being traced."""
    return isinstance(x, Tracer)


def cast(x: Any, dtype: str) -> Any:
    """`x` in another dtype; `x` itself where it has it already."""
    if isinstance(x, (jax.Array, host.ndarray)) and x.dtype == dtype:
        return x
    return np.asarray(x, dtype=jax.dtypes.canonicalize_dtype(dtype))


def put(tree: Any, copy: bool = False) -> Any:
    """A structure of arrays placed on the default device; nothing is compiled for it.

    With `copy` it is the device's own, and may be given away to a compiled call.
    """
    return jax.device_put(jax.tree.map(_apart, tree) if copy else tree)


def _apart(x: Any) -> host.ndarray:
    """A copy that lies where a CPU does not read it in place, but makes one of its own.

    What it reads in place it does not write over: the first step made of such arrays has both.
    """
    x = host.asarray(x)
    made = _room(x.shape, x.dtype, 16)
    made[...] = x
    return made


def room() -> int:
    """Bytes of training data worth keeping on the device.

    On a CPU data are on the device already: a second copy costs page faults (0.6 s for 250 MB)
    and memory, where cutting batches on the host costs no more than cutting them in XLA.
    """
    device = jax.devices()[0]
    if device.platform == "cpu":
        return 64 * 2**20
    known = device.memory_stats() or {}
    return (known.get("bytes_limit", 2**31) - known.get("bytes_in_use", 0)) // 2


def buffer(shape: Sequence[int], dtype: str) -> host.ndarray:
    """Host memory that the device reads without copying, where that can be (64-byte aligned).

    Large ones are the system's own, which has them back when nobody needs them: what glibc keeps
    for others is cut into pieces.
    """
    return _room(shape, dtype, 0)


def _room(shape: Sequence[int], dtype: Any, past: int) -> host.ndarray:
    """Memory that begins `past` bytes after a multiple of 64."""
    size = int(host.prod(shape)) * host.dtype(dtype).itemsize
    raw = memory.room(size + 64 + past)
    start = -raw.ctypes.data % 64 + past
    return raw[start : start + size].view(dtype).reshape(shape)


def finite(arrays: Sequence[Any]) -> bool:
    """Whether every number of all arrays is finite. On a CPU nothing is compiled for it."""
    floats = [x for x in arrays if _is_float(x.dtype)]
    if jax.default_backend() != "cpu":
        return bool(_finite(floats))
    with host.errstate(over="ignore", invalid="ignore"):
        return all(map(_finite_on_host, map(host.asarray, floats)))


@functools.cache
def _is_float(dtype: host.dtype) -> bool:
    return np.issubdtype(dtype, np.floating)


def _finite_on_host(x: host.ndarray) -> bool:
    """A sum of squares tells in a tenth of the time, but for sums that are too large."""
    flat = x.ravel()
    quick = x.dtype.char in "fd" and math.isfinite(host.dot(flat, flat))
    return quick or bool(host.isfinite(x).all())


@jax.jit
def _finite(arrays: list) -> jax.Array:
    return np.stack([np.isfinite(x).all() for x in arrays]).all() if arrays else np.bool_(True)


tidy = memory.tidy


def wait(tree: Any) -> Any:
    """`tree`, once all its arrays have been computed."""
    return jax.block_until_ready(tree)


# ---------------------------------------------------------------- functions of functions


def _struct(tree: Any) -> Any:
    return jax.tree.map(
        lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype) if isinstance(s, Spec) else s,
        tree,
        is_leaf=lambda s: isinstance(s, Spec),
    )


def infer(fn: Callable, *specs: Any) -> Any:
    """The `Spec`s of `fn(*arrays)`, computing nothing."""
    found = jax.eval_shape(fn, *_struct(specs))
    return jax.tree.map(lambda s: Spec(tuple(s.shape), str(s.dtype)), found)


def traits(fn: Callable, *specs: Any) -> set[str]:
    """ "convolution" where one is anywhere in `fn`, "effect" where it does more than compute."""
    names = dict.fromkeys(("conv_general_dilated", *CONVOLUTIONS), "convolution")
    made = jax.make_jaxpr(fn)(*_struct(specs))
    found: set[Any] = {"effect"} if made.effects else set()
    todo = [made.jaxpr]
    while todo:
        for equation in todo.pop().eqns:
            found.add(names.get(equation.primitive.name))
            inner = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr)
            todo += [getattr(j, "jaxpr", j) for j in inner if _is_jaxpr(j)]
    return found - {None}


CONVOLUTIONS = tuple(f"cornu_conv_{way}" for way in ("forward", "fused", "data", "weights"))


def _is_jaxpr(x: Any) -> bool:
    return hasattr(x, "eqns")


def loops_pay(traits: set[str]) -> bool:
    """XLA's CPU backend runs convolutions in loops on one thread (jax-ml/jax#12868).

    Measured on 2 cores, two 3x3 convolutions at 28x28, batch 64: 128 ms a step in a loop against
    22 ms outside; a 3072-512-120-10 MLP, batch 1000: 24 against 26; 20-64-64-10, batch 32: 0.037
    against 0.090.
    """
    return not ("convolution" in traits and jax.default_backend() == "cpu")


def jit(fn: Callable, donate: Sequence[int] = (), static: Sequence[int] = ()) -> Callable:
    """`fn` compiled once per shape."""
    return jax.jit(fn, donate_argnums=tuple(donate), static_argnums=tuple(static))


def value_and_grad(fn: Callable, has_aux: bool = False) -> Callable:
    """`fn`'s value and its gradient with respect to its first argument."""
    return jax.value_and_grad(fn, has_aux=has_aux)


def custom_gradient(fn: Callable, forward: Callable, backward: Callable) -> Callable:
    """`fn` with its own derivative."""
    made = jax.custom_vjp(fn)
    made.defvjp(forward, backward)
    return made


def jvp(fn: Callable, primals: tuple, tangents: tuple, has_aux: bool = False) -> tuple:
    """`fn(*primals)`, its derivative along `tangents`, and with `has_aux` what comes second."""
    return jax.jvp(fn, primals, tangents, has_aux=has_aux)


stop_gradient = lax.stop_gradient
barrier = lax.optimization_barrier
checkpoint = jax.checkpoint
vjp = jax.vjp
vmap = jax.vmap

at_once = jax.ensure_compile_time_eval


def tell(fn: Callable, x: Any) -> None:
    """Have `fn(x)` called whenever a compiled program gets to it."""
    jax.debug.callback(lambda value: fn(host.asarray(value)), x)


# ---------------------------------------------------------------- loops


def loop(start: Any, stop: Any, body: Callable, state: Any) -> Any:
    """`state = body(i, state)` for i in start..stop-1."""
    return lax.fori_loop(start, stop, body, state)


def scan(fn: Callable, state: Any, xs: Any, length: int | None = None, **how: Any) -> Any:
    """`state, y = fn(state, x)` along the first axis. `how`: `reverse`, `unroll`."""
    return lax.scan(fn, state, xs, length, **how)


while_loop = lax.while_loop
cond = lax.cond
switch = lax.switch


def associative_scan(fn: Callable, xs: Any, reverse: bool, axis: int) -> Any:
    """`fn(… fn(x0, x1) …, xi)` for every i along an axis."""
    return lax.associative_scan(fn, xs, reverse, axis)


# ---------------------------------------------------------------- slices


def slice(x: Any, starts: Sequence, sizes: Sequence[int]) -> Any:
    """A block of `x` from `starts`."""
    return lax.dynamic_slice(x, tuple(starts), tuple(sizes))


def put_slice(x: Any, update: Any, starts: Sequence) -> Any:
    """`x` with a block replaced."""
    return lax.dynamic_update_slice(x, update, tuple(starts))


def rows(x: Any, where: Any) -> Any:
    """Rows of `x` by their numbers.

    XLA's loop looks at every number by itself: it takes a third of a small network's step.
    """
    plain = jax.default_backend() != "cpu" or jax.device_count() > 1
    if plain or not len(x) or where.dtype != "int32" or not native.available("cornu_rows"):
        return np.take(x, where, axis=0, mode="clip")
    made = jax.ShapeDtypeStruct((len(where), *x.shape[1:]), x.dtype)
    return native.call("cornu_rows", made, x, where)


def put_at(x: Any, indices: Any, values: Any, add: bool = False) -> Any:
    """`x` with rows `indices` of its first axis replaced, or added to."""
    rows = np.asarray(x).at[indices]
    return rows.add(values) if add else rows.set(values)


def segment_sum(x: Any, segments: Any, count: int) -> Any:
    """Sums of rows that share a segment number."""
    return jax.ops.segment_sum(x, segments, num_segments=count)


def segment_reduce(x: Any, segments: Any, count: int, mode: str) -> Any:
    """ "max", "min" or "prod" of rows that share a segment number."""
    reduce = getattr(jax.ops, f"segment_{mode}")
    return reduce(x, segments, num_segments=count)


top_k = lax.top_k
take = lookup.take

# ---------------------------------------------------------------- networks

matmul = products.matmul
dense = native_dense.dense
conv = windows.conv
conv_transpose = windows.conv_transpose
pool = windows.pool

FUSED_DEPTH = 128  # the largest that cuDNN takes on every GPU that it supports


def attention(query: Any, key: Any, value: Any, mask: Any, scale: Any, causal: bool) -> Any:
    """The CPU's kernel; on a GPU cuDNN's for half precision, nothing masked but the future."""
    if jax.default_backend() == "cpu":
        return native_attention.attention(query, key, value, mask, scale, causal)
    depth = query.shape[-1]
    fits = (
        jax.default_backend() == "gpu"
        and query.dtype in (np.bfloat16, np.float16)
        and key.shape == value.shape
        and mask is None
        and isinstance(scale, (int, float))
        and depth % 8 == 0
        and depth <= FUSED_DEPTH
        and query.shape[1] % 2 == key.shape[1] % 2 == 0
    )
    if not fits:
        return None
    how = {"scale": float(scale), "is_causal": causal, "implementation": "cudnn"}
    try:
        return jax.nn.dot_product_attention(query, key, value, **how)
    except (NotImplementedError, RuntimeError, ValueError):
        return None  # an old GPU, or no cuDNN


recurrent = native_recurrent.layer
adam = native_update.adam
normalized = jax_normalization.normalized
normalized_rows = rowwise.normalize
softmax_rows = rowwise.softmax
binary_crossentropy = rowwise.binary_crossentropy
gelu = rowwise.gelu
gelu_matmul = gelu_product.gelu_matmul
erf = jax.scipy.special.erf
sigmoid = lax.logistic
erfc = jax.scipy.special.erfc
erfinv = jax.scipy.special.erfinv
complex = lax.complex


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))), safe for large x."""
    return jax.scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- linear algebra


def lu_factor(x: Any) -> tuple[Any, Any]:
    """L and U in one matrix, and the row exchanged with each row."""
    return jax.scipy.linalg.lu_factor(x)


def solve_triangular(a: Any, b: Any, lower: bool) -> Any:
    """x with a x = b, reading one triangle of `a`."""
    return jax.scipy.linalg.solve_triangular(a, b, lower=lower)


# ---------------------------------------------------------------- randomness

GOLDEN = 0x9E3779B9  # 2**32 divided by the golden ratio: consecutive counts end far apart


def key(seed: int) -> host.ndarray:
    """A key for a seed: `uint32[2]`, a NumPy array, so that making one compiles nothing."""
    return host.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], "uint32")


def _mix(x: Any) -> Any:
    """A permutation of 32-bit numbers that spreads every bit (Wellons' `lowbias32` constants)."""
    u = host.uint32
    x = (x ^ (x >> u(16))) * u(0x7FEB352D)
    x = (x ^ (x >> u(15))) * u(0x846CA68B)
    return x ^ (x >> u(16))


def fold(key: Any, number: Any) -> Any:
    """Another key, for `number`."""
    u = host.uint32
    if isinstance(key, host.ndarray) and not is_array(number):
        number = host.asarray(number & 0xFFFFFFFF, "uint32").reshape(1)
    else:
        number = np.asarray(number).astype("uint32").reshape(1)
    salted = _mix(number * u(GOLDEN) + key[:1])
    both = (salted, _mix(salted ^ key[1:]))
    return host.concatenate(both) if isinstance(salted, host.ndarray) else np.concatenate(both)


def _threefry(key: Any) -> Any:
    return jax.random.wrap_key_data(np.asarray(key, "uint32"), impl="threefry2x32")


def uniform(key: Any, shape: Sequence[int], low: Any, high: Any, dtype: str) -> Any:
    """Even draws from [low, high)."""
    return jax.random.uniform(_threefry(key), tuple(shape), dtype, low, high)


def normal(key: Any, shape: Sequence[int], dtype: str) -> Any:
    """Draws from the normal distribution."""
    return jax.random.normal(_threefry(key), tuple(shape), dtype)


def truncated_normal(key: Any, shape: Sequence[int], dtype: str) -> Any:
    """Draws from the normal distribution within 2 deviations."""
    return jax.random.truncated_normal(_threefry(key), -2.0, 2.0, tuple(shape), dtype)


def integers(key: Any, shape: Sequence[int], low: int, high: int, dtype: str) -> Any:
    """Even draws of whole numbers from low to high - 1."""
    return jax.random.randint(_threefry(key), tuple(shape), low, high, dtype)


def binomial(key: Any, shape: Sequence[int], count: Any, probability: Any, dtype: str) -> Any:
    """How many of `count` trials are true."""
    return jax.random.binomial(_threefry(key), count, probability, tuple(shape), dtype)


TRIES = 8  # each succeeds in at least 95 of 100 cases, so that all fail once in 10**10 draws


def log_gamma(key: Any, shape: Sequence[int], alpha: Any, dtype: str) -> Any:
    """Logarithms of draws from the Gamma distribution.

    Eight tries at once and the first that succeeds: JAX's own loop takes 3 s to compile, and a mix
    of images needs several. Gamma(a) is Gamma(a + 1) times U ** (1 / a).

    Source: Marsaglia & Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26, 2000.
    """
    alpha = np.asarray(alpha, dtype)
    middle = alpha + host.array(2 / 3, dtype)
    x = normal(fold(key, 0), (TRIES, *shape), dtype)
    even = np.log1p(-uniform(fold(key, 1), (TRIES + 1, *shape), 0.0, 1.0, dtype))
    v = np.maximum(1 + x / np.sqrt(9 * middle), 0) ** 3
    logs = np.log(v)
    most = np.where(v > 0, 0.5 * x * x + middle * (1 - v + logs), -host.inf)
    first = np.argmax(even[1:] < most, 0)[None]
    return np.log(middle) + np.take_along_axis(logs, first, 0)[0] + even[0] / alpha


def keep(key: Any, shape: Sequence[int], probability: float) -> Any:
    """Booleans, True with `probability`, to within 2**-32.

    Each place hashes its own number, with one half of the key before and one in the middle: a few
    operations in one fused loop, where a cryptographic generator takes three times as long as the
    rest of a small network's step. Only high bits decide, so the hash needs no last shift.
    """
    u = host.uint32
    size = host.prod(shape, dtype=int)
    place = lax.iota("uint32", size).reshape(tuple(shape))
    key = np.asarray(key, "uint32")
    x = place * u(GOLDEN) + key[0]
    x = (x ^ (x >> u(16))) * u(0x7FEB352D) ^ key[1]
    x = (x ^ (x >> u(15))) * u(0x846CA68B)
    least = min(round((1.0 - probability) * 2**32), 2**32 - 1)
    return x >= u(least)


def permutation(key: Any, n: int) -> Any:
    """The numbers 0..n-1 in random order."""
    return jax.random.permutation(_threefry(key), n)


# ---------------------------------------------------------------- devices


def native_kernels() -> str:
    """Which kernels of our own are in use, in words."""
    on_cpu = jax.default_backend() == "cpu"
    return native.described() if on_cpu else "none: they are for CPUs"


def versions() -> dict[str, str]:
    """Versions of JAX's parts."""
    return {"jax": jax.__version__, "jaxlib": metadata.version("jaxlib")}


def numpy(x: Any) -> host.ndarray:
    """A NumPy array with the values of `x`."""
    return host.asarray(x)
