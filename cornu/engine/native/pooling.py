"""Pooling by native kernels, and the same in plain XLA.

The gradient of the largest of a window goes to the first of the largest. XLA's own way to find it
(select-and-scatter) takes 90 ms for (128, 24, 24, 64) and windows of 2 on a CPU; here `places`
remembers where in its window each one stood (uint8) and `spread` puts slopes there. `pick`, the
transpose of `spread`, serves forward differentiation, so both can be differentiated again.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as np
import numpy as host
from jax import lax
from jax.interpreters import ad, batching, mlir

from cornu.engine import native
from cornu.engine.native import Primitive

Shape = tuple[int, ...]


class Windows(NamedTuple):
    """Windows over the space axes: sizes, steps, and how many zeros are before and behind."""

    size: Shape
    step: Shape
    padding: tuple[tuple[int, int], ...]

    def over(self, shape: Shape) -> Shape:
        """The shape of what is computed from an array of `shape`."""
        space = [
            (n + low + high - k) // s + 1
            for n, k, s, (low, high) in zip(
                shape[1:-1], self.size, self.step, self.padding, strict=True
            )
        ]
        return (shape[0], *space, shape[-1])


# ---------------------------------------------------------------- in plain XLA


def reduced(x: Any, how: Windows, start: Any, op: Callable) -> Any:
    """`op` over every window, from `start`."""
    size, step = (1, *how.size, 1), (1, *how.step, 1)
    return lax.reduce_window(x, start, op, size, step, ((0, 0), *how.padding, (0, 0)))


def least(dtype: Any) -> host.ndarray:
    """What no number of a dtype is below."""
    kind = np.issubdtype(dtype, np.floating)
    return host.array(-host.inf if kind else np.iinfo(dtype).min, dtype)


def _elements(how: Windows) -> list[Shape]:
    return list(itertools.product(*map(range, how.size)))


def _cut(x: Any, how: Windows, element: Shape, y: Shape) -> Any:
    """One element of every window of a padded x."""
    starts = (0, *element, 0)
    stops = [b + (n - 1) * s + 1 for b, n, s in zip(element, y[1:-1], how.step, strict=True)]
    return lax.slice(x, starts, (x.shape[0], *stops, x.shape[-1]), (1, *how.step, 1))


def _padded(x: Any, how: Windows, value: Any) -> Any:
    if not any(map(any, how.padding)):
        return x
    return lax.pad(x, value, ((0, 0, 0), *((*pair, 0) for pair in how.padding), (0, 0, 0)))


def plain_largest(x: Any, how: Windows, shape: Shape) -> Any:
    """The largest of every window."""
    return reduced(x, how, least(x.dtype), lax.max)


def plain_places(x: Any, how: Windows, shape: Shape) -> tuple[Any, Any]:
    """The largest of every window, and its place: uint8."""
    x = _padded(x, how, least(x.dtype))
    first, *others = _elements(how)
    most, places = _cut(x, how, first, shape), np.zeros(shape, "uint8")
    for place, element in enumerate(others, 1):
        each = _cut(x, how, element, shape)
        better = ~(each <= most) & (most == most)
        most = lax.select(better, each, most)
        places = lax.select(better, np.full(shape, place, "uint8"), places)
    return most, places


def plain_pick(t: Any, places: Any, how: Windows, shape: Shape) -> Any:
    """What stands in `t` at the places."""
    t, zero = _padded(t, how, host.array(0, t.dtype)), np.zeros(shape, t.dtype)
    for place, element in enumerate(_elements(how)):
        zero = lax.select(places == place, _cut(t, how, element, shape), zero)
    return zero


def plain_spread(dy: Any, places: Any, how: Windows, shape: Shape) -> Any:
    """The transpose of `plain_pick`, for an array of `shape`."""
    none, total = host.array(0, dy.dtype), None
    for place, element in enumerate(_elements(how)):
        part = lax.select(places == place, dy, np.zeros_like(dy))
        room = [
            (b - low, n + low - b - (m - 1) * s - 1, s - 1)
            for b, n, m, s, (low, _) in zip(
                element, shape[1:-1], dy.shape[1:-1], how.step, how.padding, strict=True
            )
        ]
        part = lax.pad(part, none, ((0, 0, 0), *room, (0, 0, 0)))
        total = part if total is None else total + part
    return total


def plain_mean(x: Any, how: Windows, shape: Shape) -> Any:
    """The mean of every window, counting only what lies inside x."""
    zero = host.array(0, x.dtype)  # NumPy's: JAX differentiates only from a start that it knows
    total = reduced(x, how, zero, lax.add)
    if not any(map(any, how.padding)):
        return total / np.array(host.prod(how.size), x.dtype)
    return total / reduced(np.ones((1, *x.shape[1:-1], 1), x.dtype), how, zero, lax.add)


def plain_share(dy: Any, how: Windows, shape: Shape) -> Any:
    """The transpose of `plain_mean`, for an array of `shape`."""
    x = jax.ShapeDtypeStruct(shape, dy.dtype)
    return jax.linear_transpose(lambda x: plain_mean(x, how, dy.shape), x)(dy)[0]


# ---------------------------------------------------------------- primitives


def _made(name: str, plainly: Callable, results: Callable) -> Primitive:
    """A primitive on arrays, lowered to a kernel on a CPU and to `plainly` everywhere else.

    `results(shape, dtype)`: what comes out, as a list of `jax.ShapeDtypeStruct`.
    """
    made = Primitive(f"cornu_pool_{name}")
    made.multiple_results = True

    def in_a_list(*arrays: Any, how: Windows, shape: Shape) -> list:
        found = plainly(*arrays, how, shape)
        return list(found) if isinstance(found, tuple) else [found]

    def natively(*arrays: Any, how: Windows, shape: Shape) -> list:
        lows = [low for low, _ in how.padding]
        rows = {"size": how.size, "step": how.step, "low": lows}
        attributes = {key: host.array(row, "int64") for key, row in rows.items()}
        return native.call(made.name, results(shape, arrays[0].dtype), *arrays, **attributes)

    @functools.lru_cache(1024)
    def compiled(**params: Any) -> Any:
        return jax.jit(functools.partial(made.bind, **params))

    def shaped(x: Any, *rest: Any, how: Windows, shape: Shape) -> list:
        found = results(shape, x.dtype)
        return [x.update(shape=s.shape, dtype=s.dtype, weak_type=False) for s in found]

    made.def_impl(lambda *arrays, **params: compiled(**params)(*arrays))
    made.def_abstract_eval(shaped)
    mlir.register_lowering(made, mlir.lower_fun(in_a_list, multiple_results=True))
    mlir.register_lowering(made, mlir.lower_fun(natively, multiple_results=True), platform="cpu")
    batching.primitive_batchers[made] = functools.partial(_batched, made)
    return made


def _batched(made: Primitive, arrays: tuple, axes: tuple, how: Windows, shape: Shape) -> tuple:
    """Under `vmap`: more rows."""
    many = next(x.shape[axis] for x, axis in zip(arrays, axes, strict=True) if axis is not None)
    rows = []
    for x, axis in zip(arrays, axes, strict=True):
        x = np.broadcast_to(x, (many, *x.shape)) if axis is None else np.moveaxis(x, axis, 0)
        rows.append(x.reshape((many * x.shape[1], *x.shape[2:])))
    found = made.bind(*rows, how=how, shape=(many * shape[0], *shape[1:]))
    return [y.reshape((many, shape[0], *y.shape[1:])) for y in found], [0] * len(found)


def _one(shape: Shape, dtype: Any) -> list:
    return [jax.ShapeDtypeStruct(shape, dtype)]


largest_p = _made("largest", plain_largest, _one)
places_p = _made(
    "places", plain_places, lambda s, d: [*_one(s, d), jax.ShapeDtypeStruct(s, "uint8")]
)
pick_p = _made("pick", plain_pick, _one)
spread_p = _made("spread", plain_spread, _one)
mean_p = _made("mean", plain_mean, _one)
share_p = _made("share", plain_share, _one)


def _linear(made: Primitive, transpose: Primitive) -> None:
    """Differentiate `made` in its first argument, in which it is linear."""

    def along(primals: tuple, tangents: tuple, **params: Any) -> tuple:
        _, *places = primals
        found = made.bind(*primals, **params)
        if type(tangents[0]) is ad.Zero:
            return found, [ad.Zero(jax.typeof(y).to_tangent_aval()) for y in found]
        return found, made.bind(tangents[0], *places, **params)

    def back(slopes: list, x: Any, *places: Any, how: Windows, shape: Shape) -> list:
        nothing = [None] * len(places)
        if type(slopes[0]) is ad.Zero:
            return [ad.Zero(x.aval), *nothing]
        return [*transpose.bind(slopes[0], *places, how=how, shape=x.aval.shape), *nothing]

    ad.primitive_jvps[made] = along
    ad.primitive_transposes[made] = back


def _places_along(primals: tuple, tangents: tuple, **params: Any) -> tuple:
    y, places = places_p.bind(*primals, **params)
    nothing = [ad.Zero(jax.typeof(array).to_tangent_aval()) for array in (y, places)]
    if type(tangents[0]) is ad.Zero:
        return [y, places], nothing
    return [y, places], [*pick_p.bind(tangents[0], places, **params), nothing[1]]


ad.primitive_jvps[places_p] = _places_along
for one, other in ((pick_p, spread_p), (mean_p, share_p)):
    _linear(one, other)
    _linear(other, one)


# ---------------------------------------------------------------- what the engine calls


def takes(x: Any) -> bool:
    """Whether native kernels are to be used for an array.

    Measured on 2 cores, CPU ms native / XLA, (128, 24, 24, 64) and windows of 2: the largest with
    its places 1.5, its gradient 2.0 / 91; the mean 1.2 / 1.4, its gradient 1.1 / 1.5; and for
    (16, 112, 112, 64), windows of 3, steps of 2: 7 and 34 / 317; 6 / 11 and 31 / 83.
    """
    return (
        x.dtype == host.float32
        and 3 <= x.ndim <= 5
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1  # XLA cannot cut a foreign call in parts
        and native.available("cornu_pool_places")
    )


MOST = 255  # elements of a window whose places fit into a byte


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def largest(x: Any, how: Windows) -> Any:
    """The largest of every window, of floats; the slope goes to the first of them.

    XLA's own forward pass is as fast where windows do not overlap (1.1 ms against 1.9), and takes
    18 ms against 6.5 where they do: (16, 112, 112, 64), windows of 3, steps of 2.
    """
    shape = how.over(x.shape)
    overlap = any(k > s for k, s in zip(how.size, how.step, strict=True))
    if overlap and takes(x):
        return largest_p.bind(x, how=how, shape=shape)[0]
    return plain_largest(x, how, shape)


@largest.defjvp
def _largest_along(how: Windows, primals: tuple, tangents: tuple) -> tuple:
    (x,), (t,) = primals, tangents
    shape = how.over(x.shape)
    if takes(x):
        y, places = places_p.bind(x, how=how, shape=shape)
        return y, pick_p.bind(t, places, how=how, shape=shape)[0]
    y, places = plain_places(x, how, shape)
    return y, plain_pick(t, places, how, shape)


def mean(x: Any, how: Windows) -> Any:
    """The mean of every window, counting only what lies inside x."""
    shape = how.over(x.shape)
    return mean_p.bind(x, how=how, shape=shape)[0] if takes(x) else plain_mean(x, how, shape)
