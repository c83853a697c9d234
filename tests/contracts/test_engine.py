"""An engine is supported when this passes: every member of the protocol does what it says."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contracts import test_engine_draws, test_engine_networks
from contracts.checks import Case, assert_close, check_slopes, in_float64, slopes, wide
from contracts.draws import some
from contracts.engine_table import ROWS, Row
from cornu import engine, settings
from cornu.engine import Engine, Spec

MEMBERS = sorted(
    {n for n, v in vars(Engine).items() if inspect.isfunction(v) and n[0] != "_"}
    | set(inspect.get_annotations(Engine))
)


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_has_a_row_or_a_test(member: str):
    here = vars(sys.modules[__name__]) | vars(test_engine_draws) | vars(test_engine_networks)
    assert member in {row.member for row in ROWS} or f"test_{member}" in here


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_values(row: Row):
    found = getattr(engine, row.member)(*row.args)
    assert_close(found, row.reference(*wide(row.args)), rtol=2e-5, atol=2e-5)


def _member(row: Row):
    return lambda *args: getattr(engine, row.member)(*args)


CASES = {row.label: Case(_member(row), row.reference, row.args, row.wrt) for row in ROWS if row.wrt}


@pytest.fixture(scope="module")
def found_slopes() -> dict:
    return dict(zip(CASES, slopes(list(CASES.values())), strict=True))


@pytest.mark.parametrize("label", CASES)
def test_gradients(label: str, found_slopes: dict):
    check_slopes(CASES[label], found_slopes[label])


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.member in ("conv", "pool")], ids=lambda row: row.label
)
def test_half_precision_stays(row: Row):
    specs = [Spec(x.shape, "bfloat16") for x in row.args if isinstance(x, np.ndarray)]
    rest = row.args[len(specs) :]
    found = engine.infer(lambda *xs: getattr(engine, row.member)(*xs, *rest), *specs)
    assert found.dtype == "bfloat16"


# ---------------------------------------------------------------- arrays


def test_name():
    assert engine.name == settings.current().engine


def test_np():
    """The namespace has every name that Cornu asks it for."""
    folder = Path(inspect.getfile(Engine)).parents[1]
    texts = [p.read_text() for p in folder.rglob("*.py") if "engine" not in p.parts]
    asked = {name for text in texts for name in re.findall(r"\bengine\.np\.([\w.]+)", text)}
    assert "linalg.norm" in asked
    for path in asked:
        owner = engine.np
        for part in path.split("."):
            if not part or not hasattr(owner, part):
                raise AssertionError(f"engine.np.{path} is asked for and not there")
            owner = getattr(owner, part)
            if callable(owner):
                break


def test_array():
    assert engine.array([1.0, 2.0]).dtype == "float32"
    assert engine.array(np.zeros(2)).dtype == "float32"
    assert engine.array(np.zeros(2, "float16")).dtype == "float16"
    assert engine.array([1, 2]).dtype.kind == "i"
    assert engine.array([True]).dtype == "bool"
    assert engine.array([1, 2], "float32").dtype == "float32"
    with in_float64():
        assert engine.array([1.0]).dtype == "float64"


def test_numpy():
    x = engine.numpy(engine.array([[1.0, 2.0]]))
    assert type(x) is np.ndarray
    assert x.tolist() == [[1.0, 2.0]]


def test_is_array():
    assert engine.is_array(engine.array([1.0]))
    for other in (np.zeros(1), [1.0], 1.0, None):
        assert not engine.is_array(other)


def test_is_traced():
    seen = []

    def look(x):
        seen.append((engine.is_traced(x), engine.is_array(x)))
        return x

    engine.jit(look)(engine.array([1.0]))
    assert seen == [(True, True)]
    assert not engine.is_traced(engine.array([1.0]))


def test_cast_leaves_what_fits():
    x, y = engine.array([1.0]), np.zeros(1, "float32")
    assert engine.cast(x, "float32") is x
    assert engine.cast(y, "float32") is y
    assert engine.cast(x, "bfloat16").dtype == "bfloat16"


def test_put():
    tree = {"a": np.ones(64, "float32"), "b": (np.zeros(64, "float32"),)}
    placed = engine.put(tree, copy=True)
    tree["a"][:] = 5
    tree["b"][0][:] = 5
    assert np.all(placed["a"] == 1)
    assert np.all(placed["b"][0] == 0)
    again = engine.put(placed, copy=True)
    engine.jit(lambda x: x + 1, donate=(0,))(again["a"])
    assert np.all(placed["a"] == 1), "a copy must not share memory with what it was made from"


def test_wait():
    tree = {"a": engine.array([1.0])}
    assert engine.wait(tree)["a"] is tree["a"]


def test_tidy():
    """What is in use stays; `tests/engine/test_memory.py` looks at the rest."""
    kept = engine.array([1.0, 2.0])
    for _ in range(2):
        assert engine.tidy() is None
    assert engine.numpy(kept).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32", "bool"])
def test_finite(dtype):
    fine = [engine.array(np.arange(6.0).reshape(2, 3), dtype), engine.array([1.0], "float32")]
    assert engine.finite(fine) is True and engine.finite([]) is True
    if "float" not in dtype:
        return
    large = engine.array(np.full(300, 60_000.0), dtype)
    assert engine.finite([*fine, large, large]), "a sum that is too large is no infinity"
    for bad in (np.nan, np.inf, -np.inf):
        assert not engine.finite([*fine, engine.array([[0.0], [bad]], dtype)])
    both = engine.array([np.inf, -np.inf, 1.0], dtype)
    assert not engine.finite([both])


def test_native_kernels():
    assert re.match(r"\w+", engine.native_kernels())


def test_barrier():
    """The same values, inside a compiled function and out of it."""
    held = {"a": np.arange(3.0, dtype="float32"), "b": [np.ones((2, 2), "float32")]}
    for run in (engine.barrier, engine.jit(engine.barrier)):
        found = run(held)
        assert np.array_equal(found["a"], held["a"]) and np.array_equal(found["b"][0], held["b"][0])


def test_room():
    """Some bytes, whatever the device."""
    assert engine.room() >= 2**20


def test_buffer():
    """NumPy memory of the asked shape; what the device makes of it has its values."""
    for shape, dtype in (((3,), "float32"), ((5, 7, 2), "int32"), ((0, 4), "uint8")):
        made = engine.buffer(shape, dtype)
        assert isinstance(made, np.ndarray)
        assert (made.shape, made.dtype) == (shape, dtype)
        assert made.ctypes.data % 64 == 0 or not made.size
        made[...] = 3
        assert np.array_equal(engine.numpy(engine.put(made)), np.full(shape, 3, dtype))


def test_cache_folder(tmp_path: Path):
    """The folder asked for, open to nobody else; none where the cache is switched off."""
    code = "from cornu import engine; print(engine.cache_folder())"

    def told(**environment: str) -> str:
        full = {k: v for k, v in os.environ.items() if not k.startswith(("CORNU", "JAX"))}
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**full, **environment},
            cwd=Path(inspect.getfile(Engine)).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    folder = Path(told(CORNU_CACHE_DIR=str(tmp_path)))
    assert folder.is_relative_to(tmp_path)
    assert folder.stat().st_mode & 0o077 == 0
    assert told(CORNU_CACHE="0") == "None"


def test_devices():
    assert all(isinstance(d, str) for d in engine.devices())
    assert engine.devices()


def test_begin_profile(tmp_path: Path):
    """What is computed in between is in a file; one profile at a time."""
    engine.begin_profile(str(tmp_path))
    with pytest.raises(RuntimeError):
        engine.begin_profile(str(tmp_path / "other"))
    engine.wait(engine.np.ones(9) + 1)
    engine.end_profile()
    found = list((tmp_path / "plugins" / "profile").glob("*/*.xplane.pb"))
    assert len(found) == 1 and found[0].stat().st_size


def test_end_profile():
    with pytest.raises(RuntimeError):
        engine.end_profile()


def test_versions():
    assert re.match(r"\d+\.\d+", engine.versions()[engine.name])


# ---------------------------------------------------------------- functions of functions


def test_infer():
    def fn(x, both):
        return {"y": engine.matmul(x, both[0]), "z": (both[1] > 0, engine.np.argmax(x, -1))}

    specs = (Spec((3, 4), "float32"), [Spec((4, 2), "float32"), Spec((5,), "int32")])
    found = engine.infer(fn, *specs)
    real = fn(np.zeros((3, 4), "float32"), [np.zeros((4, 2), "float32"), np.zeros(5, "int32")])
    for spec, value in ((found["y"], real["y"]), *zip(found["z"], real["z"], strict=True)):
        assert spec == Spec(value.shape, str(value.dtype))


def _convolves(x):
    return engine.np.sum(engine.conv(x, np.ones((3, 1, 1), "float32"), (1,), "SAME", (1,), 1) ** 2)


def test_traits():
    x = Spec((2, 8, 1), "float32")
    assert engine.traits(lambda x: engine.np.sum(x * x), x) == set()
    nested = {
        "plain": _convolves,
        "jit": engine.jit(_convolves),
        "grad": engine.value_and_grad(engine.jit(_convolves)),
        "jit of grad": engine.jit(engine.value_and_grad(engine.jit(_convolves))),
        "checkpoint": engine.value_and_grad(engine.checkpoint(_convolves)),
        "loop": lambda x: engine.loop(0, 3, lambda i, s: s + _convolves(x), 0.0),
        "scan": lambda x: engine.scan(lambda s, _: (s + _convolves(x), s), 0.0, None, 3),
        "cond": lambda x: engine.cond(x[0, 0, 0] > 0, _convolves, engine.np.sum, x),
        "vmap": lambda x: engine.vmap(_convolves)(x[None]),
    }
    found = {name: engine.traits(fn, x) for name, fn in nested.items()}
    assert found == dict.fromkeys(nested, {"convolution"})


def test_traits_of_what_does_more_than_compute():
    x = Spec((2, 8, 1), "float32")

    def tells(x):
        engine.tell(print, x)
        return engine.np.sum(x * x)

    nested = [tells, engine.value_and_grad(engine.jit(tells)), lambda x: tells(x) + _convolves(x)]
    found = [engine.traits(fn, x) for fn in nested]
    assert found == [{"effect"}, {"effect"}, {"effect", "convolution"}]


def test_loops_pay():
    assert engine.loops_pay(set()) is True
    assert isinstance(engine.loops_pay({"convolution"}), bool)


def test_jit():
    traced = []

    def fn(x, power):
        traced.append(power)
        return x**power

    compiled = engine.jit(fn, static=(1,))
    for power in (2, 3, 2):
        assert_close(compiled(engine.array([1.0, 2.0]), power), np.array([1.0, 2.0]) ** power, 0, 0)
    assert traced == [2, 3]
    compiled(engine.array([1.0, 2.0, 3.0]), 2)
    assert traced == [2, 3, 2]


def test_jit_donates():
    """A donated argument is gone afterwards, and the others are not."""
    step = engine.jit(lambda state, x: state + x, donate=(0,))
    state, x = engine.put(np.ones(1000, "float32"), copy=True), engine.array(np.ones(1000))
    after = step(state, x)
    assert np.all(after == 2)
    assert np.all(x == 1)
    with pytest.raises(RuntimeError):
        np.asarray(state)


def test_value_and_grad():
    def fn(weights, x):
        return engine.np.sum(weights["a"] * x**2) + 3 * weights["b"], weights["b"] + 1

    weights = {"a": np.array([1.0, 2.0], "float32"), "b": np.float32(5)}
    x = np.array([3.0, 4.0], "float32")
    (value, more), slopes = engine.value_and_grad(fn, has_aux=True)(weights, x)
    assert (float(value), float(more)) == (9 + 32 + 15, 6)
    assert_close(slopes, {"a": x**2, "b": np.float32(3)}, 0, 0)


def test_stop_gradient_is_a_constant():
    fn = engine.value_and_grad(lambda x: engine.np.sum(engine.stop_gradient(x) * x))
    assert_close(fn(np.array([2.0, 3.0], "float32")), (np.float32(13), np.array([2.0, 3.0])), 0, 0)


def test_custom_gradient():
    def forward(x, y):
        return x * y, (x, y)

    def backward(saved, slope):
        return 10 * saved[1] * slope, 100 * saved[0] * slope

    fn = engine.custom_gradient(lambda x, y: x * y, forward, backward)
    assert float(fn(2.0, 3.0)) == 6
    value, slopes = engine.value_and_grad(lambda both: fn(*both))((np.float32(2), np.float32(3)))
    assert (float(value), *map(float, slopes)) == (6, 30, 200)


def test_checkpoint():
    """The same value and gradient, the function run again on the way back."""
    runs = []

    def fn(x):
        runs.append(1)
        return engine.np.sum(engine.np.sin(x) ** 2)

    x = some(5)
    plain = engine.value_and_grad(lambda x: engine.np.sum(engine.np.sin(x) ** 2))(x)
    assert_close(engine.value_and_grad(engine.checkpoint(fn))(x), plain, 1e-6, 1e-6)
    assert_close(plain[1], 2 * np.sin(x) * np.cos(x), 1e-5, 1e-6)


def test_at_once():
    """What is made of constants is a number that Python can use, while the rest is traced."""

    def flat(x):
        with engine.at_once():
            count = int(engine.np.prod(np.array(x.shape)))
        return x.reshape((count,)) * 2

    x = some(2, 3)
    np.testing.assert_allclose(engine.jit(flat)(x), x.reshape(-1) * 2, rtol=1e-6)


def test_tell():
    """A compiled program tells at each run, and is differentiated as if it did not."""
    heard = []

    def square(x):
        engine.tell(heard.append, x)
        return engine.np.sum(x * x)

    run = engine.jit(engine.value_and_grad(square))
    for x in (some(3), some(3)):
        _, slope = engine.wait(run(x))
        np.testing.assert_allclose(slope, 2 * x, rtol=1e-6)
        np.testing.assert_array_equal(heard[-1], x)
    assert len(heard) == 2
    assert all(isinstance(x, np.ndarray) for x in heard)


def test_vmap():
    x, y = some(4, 3), some(3)
    assert_close(engine.vmap(engine.np.dot, (0, None))(x, y), x @ y, 1e-5, 1e-6)
    assert_close(engine.vmap(lambda x: x[0] - x[1], 1)(x), x[0] - x[1], 1e-6, 1e-6)


# ---------------------------------------------------------------- loops


def test_loop():
    def body(i, state):
        return state[0] + i * i, state[1] * 2

    expected = (0, 1)
    for i in range(2, 7):
        expected = body(i, expected)
    assert_close(engine.loop(2, 7, body, (0, 1)), expected, 0, 0)
    run = engine.jit(lambda stop: engine.loop(0, stop, body, (0, 1)))
    assert_close(run(3), (0 + 1 + 4, 8), 0, 0)
    assert_close(engine.loop(3, 3, body, (5, 6)), (5, 6), 0, 0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, 2])
def test_scan(reverse: bool, unroll: int):
    xs = {"a": some(5, 2), "b": np.arange(5, dtype="float32")}

    def fn(state, x):
        state = state * 0.5 + x["a"] * x["b"]
        return state, state.sum()

    state, ys = np.zeros(2), {}
    for i in reversed(range(5)) if reverse else range(5):
        state, ys[i] = fn(state, {"a": xs["a"][i].astype("float64"), "b": float(xs["b"][i])})
    expected = (state, np.array([ys[i] for i in range(5)]))
    start = np.zeros(2, "float32")
    found = engine.scan(fn, start, xs, reverse=reverse, unroll=unroll)
    assert_close(found, expected, 1e-5, 1e-6)


def test_scan_without_xs():
    state, ys = engine.scan(lambda s, _: (s * 2, s), 1, None, 4)
    assert (int(state), ys.tolist()) == (16, [1, 2, 4, 8])


def test_while_loop():
    """Collatz's steps from 27, as Python counts them."""

    def step(state):
        n, count = state
        return engine.np.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1

    n, count = 27, 0
    while n != 1:
        n, count = n // 2 if n % 2 == 0 else 3 * n + 1, count + 1
    found = engine.while_loop(lambda state: state[0] != 1, step, (np.int32(27), np.int32(0)))
    assert tuple(map(int, found)) == (1, count)


def test_cond():
    choose = engine.jit(
        lambda p, x, y: engine.cond(p, lambda x, y: x - y, lambda x, y: x * y, x, y)
    )
    assert float(choose(True, 5.0, 3.0)) == 2
    assert float(choose(False, 5.0, 3.0)) == 15


def test_slices_from_computed_starts():
    x = some(5, 4)
    taken = engine.jit(lambda i: engine.slice(x, (i, i + 1), (2, 3)))(1)
    assert_close(taken, _clamped(x, 1, 2), 0, 0)
    put = engine.jit(lambda i: engine.put_slice(x, np.zeros((1, 4), "float32"), (i, 0)))(3)
    assert_close(put, np.where(np.arange(5)[:, None] == 3, 0, x), 0, 0)


def _clamped(x, row, column):
    """A block of 2 by 3; one that would reach over the edge moves back."""
    column = min(column, x.shape[1] - 3)
    return x[row : row + 2, column : column + 3]


# ---------------------------------------------------------------- choices, scans, derivatives


def test_jvp():
    """x**2 and its slope 2 x t; what comes second is passed on."""
    x, t = np.array([1.0, -3.0], "float32"), np.array([0.5, 2.0], "float32")
    value, slope = engine.jvp(lambda x: x * x, (x,), (t,))
    assert (value.tolist(), slope.tolist()) == ([1, 9], [1, -12])
    found = engine.jvp(lambda x: (x * x, x + 1), (x,), (t,), True)
    assert [np.asarray(v).tolist() for v in found] == [[1, 9], [1, -12], [2, -2]]


def test_vjp():
    """x**2 y has slopes 2 x y and x**2, times what comes back; structures keep their form."""
    x, y = np.array([1.0, -3.0], "float32"), np.array([2.0, 0.5], "float32")
    value, back = engine.vjp(lambda x, y: x * x * y, x, y)
    by_x, by_y = back(np.array([1.0, 10.0], "float32"))
    assert [v.tolist() for v in (value, by_x, by_y)] == [[2, 4.5], [4, -30], [1, 90]]
    value, back, more = engine.vjp(lambda d: ([d["x"] * 3], d["x"] + 1), {"x": x}, has_aux=True)
    (found,) = back([y])
    assert [v.tolist() for v in (value[0], more, found["x"])] == [[3, -9], [2, -2], [6, 1.5]]


def test_vjp_over_many():
    """The way back of each row can be handed out of a map, and walked in another."""
    x = some(3, 2)

    def ways(x):
        return engine.vjp(lambda v: (v**3).sum(), x)[1]

    back = engine.vmap(ways)(x)
    (found,) = engine.vmap(lambda way, slope: way(slope))(back, np.ones(3, "float32"))
    np.testing.assert_allclose(found, 3 * x**2, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_sigmoid_at_the_ends(dtype: str):
    """Finite with a finite slope anywhere, exact at the ends; NaN stays NaN."""
    x = engine.array([-np.inf, -1e4, -88, 0, 88, 1e4, np.inf, np.nan], dtype)
    value, slope = engine.vjp(engine.sigmoid, x)
    (slope,) = slope(engine.np.ones_like(x))
    assert value.dtype == slope.dtype == dtype
    value, slope = (np.asarray(v, "float32") for v in (value, slope))
    np.testing.assert_allclose(value[:-1], [0, 0, 0, 0.5, 1, 1, 1], atol=1e-7)
    np.testing.assert_allclose(slope[:-1], [0, 0, 0, 0.25, 0, 0, 0], atol=1e-7)
    assert np.isnan(value[-1])
    small = float(engine.sigmoid(engine.array(-80.0)))
    assert small == pytest.approx(np.exp(-80.0), rel=1e-4)


def test_switch():
    branches = [lambda x: x, lambda x: -x, lambda x: x * 10]
    for index, expected in ((0, 3), (1, -3), (2, 30), (7, 30), (-2, 3)):
        assert int(engine.switch(index, branches, 3)) == expected
        assert int(engine.jit(lambda i: engine.switch(i, branches, 3))(index)) == expected


def test_associative_scan():
    x = np.arange(1.0, 7, dtype="float32").reshape(2, 3)
    found = engine.associative_scan(lambda a, b: a * b, x, False, 1)
    assert found.tolist() == [[1, 2, 6], [4, 20, 120]]
    found = engine.associative_scan(lambda a, b: {"x": a["x"] + b["x"]}, {"x": x}, True, 0)
    assert found["x"].tolist() == [[5, 7, 9], [4, 5, 6]]
