"""Every op keeps its contract: value, dtype, gradient, shapes ahead of time, what it takes in."""

import importlib
import inspect
import operator
import sys

import numpy as np
import pytest

from contracts import networks_table, ops_table
from contracts.checks import (
    Case,
    assert_close,
    check_gradient,
    check_slopes,
    check_symbolic,
    cuts,
    is_float,
    shrunk,
    slopes,
    wide,
)
from contracts.ops_table import LISTS, Row
from cornu import engine, graph, ops, settings
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import Tensor
from cornu.state import Frame, Variable

FAMILIES: tuple[str, ...] = (
    "ops_attention",
    "ops_ctc",
    "ops_image",
    "ops_numeric",
    "ops_pooling",
    "ops_signal",
)
"""Modules of this folder that each hold the `ROWS` of one family of ops."""

ROWS = [
    *ops_table.ROWS,
    *networks_table.ROWS,
    *[row for name in FAMILIES for row in importlib.import_module(f"contracts.{name}").ROWS],
]
LABEL = {"ids": lambda row: row.label}
NOT_IN_THE_TABLE = {
    "argpartition": "ops/test_numeric.py",
    "custom_gradient": "ops/test_numeric.py",
    "dtype": "ops/test_numeric.py",
    "eig": "ops/test_numeric.py",
    "istft": "ops/test_numeric.py",
    "vectorize": "ops/test_numeric.py",
}
"""Ops that return no array of known values -> the file of `tests` that tests them."""


def _call(row: Row, *args):
    return operator.attrgetter(row.name)(ops)(*args, **row.options)  # also "image.resize"


def _bound(row: Row):
    return lambda *args: _call(row, *args)


def _expected(row: Row):
    """The reference as a function of the arguments, options in float64 too."""
    return lambda *args: row.reference(*args, **wide(dict(row.options)))


@pytest.mark.parametrize("name", ops.__all__)
def test_every_op_has_a_row_or_a_test(name: str):
    here = vars(sys.modules[__name__])
    listed = {row.name for row in (*ROWS, *LISTS)} | set(NOT_IN_THE_TABLE)
    assert name in listed or f"test_{name}" in here


def test_public_names_are_sorted_and_there():
    assert list(ops.__all__) == sorted(set(ops.__all__))
    for name in ops.__all__:
        assert callable(getattr(ops, name))
        assert inspect.getdoc(getattr(ops, name))


# ---------------------------------------------------------------- every row


@pytest.mark.parametrize("row", (*ROWS, *LISTS), **LABEL)
def test_values(row: Row):
    """NumPy arrays in, the engine's arrays out; float32 in, `dtype` out."""
    found = _call(row, *row.args)
    assert_close(
        found,
        _expected(row)(*wide(row.args)),
        rtol=2e-5 if row.dtype != "bfloat16" else 2**-8,  # half a unit in the last of 8 bits
        atol=2e-5 if row.dtype == "float32" else 5e-3,
    )
    first = found[0] if isinstance(found, (list, tuple)) else found
    assert engine.is_array(first)
    assert first.dtype == row.dtype


WITH_AN_AXIS = frozenset(
    "argsort categorical_crossentropy cholesky_inverse log_softmax matrix_rank normalize softmax "
    "sparsemax".split()
)
"""Ops along an axis, or of matrices, though NumPy's formulas would take a single number."""


SMALL = [
    (row, cut)
    for row in ROWS
    if not row.options and row.name not in WITH_AN_AXIS
    for cut in cuts(row.args)
    if shrunk(_expected(row), row.args, cut) is not None
]


@pytest.mark.parametrize(("row", "cut"), SMALL, ids=lambda x: getattr(x, "label", str(x)))
def test_empty_arrays_and_single_numbers(row: Row, cut: object):
    """Wherever NumPy has an answer for nothing, or for a 0-d array, it is ours."""
    args, expected = shrunk(_expected(row), row.args, cut)
    assert_close(_call(row, *args), expected, rtol=2e-5, atol=2e-5)


CASES = {
    (row.label, i): Case(_bound(row), _expected(row), row.args, row.wrt)
    for i, row in enumerate(ROWS)
    if row.wrt
}


@pytest.fixture(scope="module")
def found_slopes() -> dict:
    return dict(zip(CASES, slopes(list(CASES.values())), strict=True))


@pytest.mark.parametrize("which", CASES, ids=lambda which: which[0])
def test_gradients(which: tuple, found_slopes: dict):
    check_slopes(CASES[which], found_slopes[which])


@pytest.mark.parametrize("row", [r for r in ROWS if r.unknown], **LABEL)
def test_symbolic(row: Row):
    check_symbolic(_bound(row), _expected(row), row.args, row.unknown)


@pytest.mark.parametrize("row", [r for r in ROWS if any(map(is_float, r.args))], **LABEL)
def test_half_precision_stays(row: Row):
    """bfloat16 in, bfloat16 out; Python numbers do not widen it."""
    found = _call(row, *_symbolic(row, "bfloat16"))
    first = found[0] if isinstance(found, (list, tuple)) else found
    assert first.dtype == ("bfloat16" if row.dtype == "float32" else row.dtype)


@pytest.mark.parametrize("row", [r for r in ROWS if r.whole], **LABEL)
def test_whole_numbers(row: Row):
    """int32 in: whole numbers out, or `settings.floatx()`, as the row says."""
    found = _call(row, *_symbolic(row, "int32"))
    first = found[0] if isinstance(found, (list, tuple)) else found
    assert first.dtype == row.whole


@pytest.mark.parametrize("row", [r for r in ROWS if r.whole == "float32"], **LABEL)
def test_whole_numbers_become_floatx(row: Row):
    settings.set_floatx("bfloat16")
    try:
        found = _call(row, *_symbolic(row, "int32"))
    finally:
        settings.set_floatx("float32")
    first = found[0] if isinstance(found, (list, tuple)) else found
    assert first.dtype == "bfloat16"


def _symbolic(row: Row, dtype: str) -> list:
    return [Tensor(x.shape, dtype) if is_float(x) else x for x in row.args]


@pytest.mark.parametrize("row", (*ROWS, *LISTS), **LABEL)
def test_what_comes_in(row: Row):
    """Variables, nested lists and float64 arrays give what NumPy's float32 gives."""
    expected = _call(row, *row.args)
    tolerance = {"rtol": 1e-6, "atol": 1e-6}
    in_cells = _in_kind(row, lambda x: Variable(x))
    assert_close(_call(row, *in_cells), expected, **tolerance)
    found = _call(row, *_in_kind(row, lambda x: x.astype("float64")))
    assert_close(found, expected, **tolerance)
    first = found[0] if isinstance(found, (list, tuple)) else found
    assert first.dtype == row.dtype
    if row.name not in ("concatenate", "stack", "associative_scan", "switch"):  # of structures
        assert_close(_call(row, *_in_kind(row, lambda x: x.tolist())), expected, **tolerance)


def _in_kind(row: Row, kind) -> list:
    if row.name in ("concatenate", "stack"):
        return [[kind(x) for x in row.args[0]]]
    return [kind(x) if is_float(x) and x.size else x for x in row.args]


@pytest.mark.parametrize("row", LISTS, **LABEL)
def test_lists(row: Row):
    """Gradient and symbolic shape of ops that take a list of arrays."""
    parts = row.args[0]

    def fn(*xs):
        return _call(row, list(xs))

    def reference(*xs):
        return row.reference(list(xs), **row.options)

    check_gradient(fn, reference, parts, range(len(parts)))
    axis = 1 if row.options.get("axis", 0) == 0 else 0
    check_symbolic(fn, reference, parts, {i: (axis,) for i in range(len(parts))})


# ---------------------------------------------------------------- ops that fit no table


def test_shape():
    assert ops.shape(Tensor((None, 3))) == (None, 3)
    assert ops.shape(Variable(np.zeros((2, 3)))) == (2, 3)
    assert ops.shape([[1, 2, 3]]) == (1, 3)
    assert ops.shape(5) == ()


def test_ndim():
    assert (ops.ndim(Tensor((None, 3))), ops.ndim([1]), ops.ndim(5)) == (2, 1, 0)


def test_size():
    assert (ops.size(np.zeros((2, 3))), ops.size(5)) == (6, 1)
    x = Tensor((None, 3))
    mean = ops.sum(x) / ops.cast(ops.size(x), "float32")
    assert float(graph.evaluate(mean, {x: np.full((4, 3), 2.5, "float32")})) == 2.5


def test_is_tensor():
    assert ops.is_tensor(Tensor((3,)))
    assert ops.is_tensor(engine.array([1.0]))
    assert not ops.is_tensor(np.zeros(3))


def test_convert_to_numpy():
    for x in (engine.array([1.0, 2.0]), Variable([1.0, 2.0]), [1.0, 2.0], np.array([1.0, 2.0])):
        found = ops.convert_to_numpy(x)
        assert type(found) is np.ndarray
        assert found.tolist() == [1, 2]
    with pytest.raises(UsageTypeError, match="E-SYMBOLIC"):
        ops.convert_to_numpy(Tensor((2,)))


def test_convert_to_tensor_of_parts():
    """A list may hold Tensors and arrays that are being traced."""
    a, b = Tensor((None,)), Tensor((None,))
    both = ops.convert_to_tensor([a, b])
    assert both.shape == (2, None)
    assert ops.convert_to_tensor(a) is a
    values = graph.evaluate(both, {a: np.array([1.0]), b: np.array([2.0])})
    assert values.tolist() == [[1], [2]]
    assert ops.convert_to_tensor(a, "int32").dtype == "int32"
    assert engine.jit(lambda x: ops.sum([x, x]))(2.0) == 4
    assert ops.convert_to_tensor([1, 2], "int64").dtype == "int32"


def test_python_numbers_stay_weak():
    half = engine.array([1.0, 2.0], "float16")
    for op in (ops.add, ops.multiply, ops.divide, ops.maximum, ops.power, ops.subtract):
        assert op(half, 2).dtype == op(2.5, half).dtype == "float16"
        assert op(half, np.float64(2.5)).dtype == "float16"
    assert ops.add(np.array([1, 2]), 0.5).dtype == "float32"
    assert ops.add(1, 2).dtype == "int32"
    assert ops.where(np.array([True]), half[:1], 0.0).dtype == "float16"
    settings.set_floatx("bfloat16")
    try:
        assert ops.add(np.array([1, 2]), 0.5).dtype == "bfloat16"
    finally:
        settings.set_floatx("float32")


def test_linear():
    x = np.array([1, 2])
    assert ops.linear(x) is x


def test_where_finds_places():
    rows, columns = ops.where([[0.0, 1.0], [2.0, 0.0]])
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
    with pytest.raises(UsageError, match="E-WHERE"):
        ops.where(Tensor((3,)))


def test_qr():
    x = np.array([[1, 2], [3, 4], [5, 7]], "float32")
    q, r = ops.qr(x)
    assert_close(q @ r, x, 1e-5, 1e-5)
    assert_close(np.asarray(q).T @ q, np.eye(2), 1e-5, 1e-5)
    assert_close(np.tril(r, -1), np.zeros((2, 2)), 0, 0)
    assert ops.qr(x, "complete")[0].shape == (3, 3)
    assert [t.shape for t in ops.qr(Tensor((None, 3, 2)))] == [(None, 3, 2), (None, 2, 2)]


def test_svd():
    x = np.array([[1, 2], [3, 4], [5, 7]], "float32")
    u, s, v = ops.svd(x, full_matrices=False)
    assert_close((u * s) @ v, x, 1e-5, 1e-5)
    assert_close(ops.svd(x, compute_uv=False), np.linalg.svd(x.astype("float64"))[1], 1e-5, 1e-5)
    assert [t.shape for t in ops.svd(Tensor((None, 3, 2)))] == [
        (None, 3, 3),
        (None, 2),
        (None, 2, 2),
    ]


def test_eigh():
    x = np.array([[2, 1], [1, 3]], "float32")
    values, vectors = ops.eigh(x)
    assert_close(values, np.array([2.5 - 1.25**0.5, 2.5 + 1.25**0.5]), 1e-5, 1e-5)
    assert_close(x @ vectors, vectors * values, 1e-5, 1e-5)


# ---------------------------------------------------------------- dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75])
def test_dropout(rate: float):
    """Survivors are scaled by 1 / (1 - rate); their share is right to within 5 sigma."""
    x = np.full((200, 500), 3.0, "float32")
    y = np.asarray(ops.dropout(x, rate, key=engine.key(1)))
    assert y.dtype == "float32"
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(3 * np.float32(1 / (1 - rate))))}
    assert abs(np.mean(y != 0) - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert np.array_equal(y, ops.dropout(x, rate, key=engine.key(1)))
    assert not np.array_equal(y, ops.dropout(x, rate, key=engine.key(2)))


def test_dropout_ends():
    x = np.ones((3, 4), "float32")
    assert np.array_equal(ops.dropout(x, 0), x)
    assert np.array_equal(ops.dropout(x, 1.0), 0 * x)
    with pytest.raises(UsageError, match=r"rate must be in \[0, 1\]; got 50.*0\.5"):
        ops.dropout(x, 50)


def test_dropout_noise_shape():
    y = np.asarray(ops.dropout(np.ones((50, 7, 6), "float32"), 0.5, (None, 1, 6), engine.key(0)))
    assert np.all(y == y[:, :1])
    assert len(np.unique(y[:, 0])) == 2
    with pytest.raises(UsageError, match="E-NOISE-SHAPE"):
        ops.dropout(np.ones((3, 4), "float32"), 0.5, (3,))


def test_dropout_is_drawn_when_it_runs():
    """Recorded, it draws anew for another key, and the same for the same one."""
    x = Tensor((None, 100))
    y = ops.dropout(x, 0.5)
    assert y.shape == (None, 100)

    def run(key: int):
        with Frame(key=engine.key(key)):
            return np.asarray(graph.evaluate(y, {x: np.ones((4, 100), "float32")}))

    assert np.array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))
    with Frame(key=engine.key(1)):
        one, two = (graph.evaluate(y, {x: np.ones((4, 100), "float32")}) for _ in range(2))
    assert np.array_equal(one, two), "a node that runs again within a Frame draws the same"


def test_dropout_gradient_is_the_same_draw():
    x, key = np.ones((5, 6), "float32"), engine.key(3)
    fn = engine.value_and_grad(lambda x: engine.np.sum(ops.dropout(x, 0.4, key=key) * 2))
    assert_close(fn(x)[1], 2 * np.asarray(ops.dropout(x, 0.4, key=key)), 1e-6, 0)


# ---------------------------------------------------------------- functions of functions


def _steps(carry, x):
    return carry * 0.5 + x, carry - x


def test_scan():
    xs = np.array([1.0, 2.0, 4.0], "float32")
    for reverse in (False, True):
        carry, ys = 8.0, {}
        for i in [2, 1, 0] if reverse else [0, 1, 2]:
            carry, ys[i] = _steps(carry, xs[i])
        expected = (np.array(carry), np.array([ys[i] for i in range(3)]))
        assert_close(ops.scan(_steps, 8.0, xs, reverse=reverse), expected, 1e-6, 0)
    carry, ys = ops.scan(lambda c, _: (c + 1, c), 0, length=3)
    assert (int(carry), ys.tolist()) == (3, [0, 1, 2])
    last, stacked = ops.scan(_steps, Tensor(()), Tensor((None,)))
    assert (last.shape, stacked.shape) == ((), (None,))


def test_map():
    x = np.arange(6, dtype="float32").reshape(3, 2)
    assert_close(ops.map(lambda row: row.sum(), x), x.sum(1), 0, 0)
    pairs = ops.map(lambda p: p[0] * p[1], (x, x))
    assert_close(pairs, x * x, 0, 0)
    assert ops.map(lambda row: row.sum(), Tensor((None, 2))).shape == (None,)


def test_vectorized_map():
    x = np.arange(6, dtype="float32").reshape(3, 2)
    assert_close(ops.vectorized_map(lambda row: row[0] - row[1], x), x[:, 0] - x[:, 1], 0, 0)
    assert_close(ops.vectorized_map(lambda p: p[0] + p[1], [x, 2 * x]), 3 * x, 0, 0)
    assert ops.vectorized_map(lambda row: row.sum(), Tensor((None, 2))).shape == (None,)


def test_fori_loop():
    assert int(ops.fori_loop(2, 5, lambda i, v: v * i, 1)) == 24
    assert ops.fori_loop(0, 3, lambda i, v: v + i, Tensor((None, 2))).shape == (None, 2)


def test_while_loop():
    found = ops.while_loop(lambda a, b: a < 100, lambda a, b: (b, a + b), (0, 1))
    assert tuple(map(int, found)) == (144, 233)
    assert float(ops.while_loop(lambda x: x < 10, lambda x: x * 2.0, 1.5)) == 12
    found = ops.while_loop(lambda x: x < 100, lambda x: [x + 1], [0], maximum_iterations=7)
    assert int(found[0]) == 7


def test_cond():
    assert ops.cond(True, lambda: 1, lambda: 2) == 1
    assert ops.cond(np.array(0), lambda: 1, lambda: 2) == 2
    compiled = engine.jit(lambda p, x: ops.cond(p, lambda: x + 1.0, lambda: {"a": x}["a"]))
    assert (float(compiled(True, 5.0)), float(compiled(False, 5.0))) == (6, 5)
    pred, x = Tensor((), "bool"), Tensor((None, 2))
    chosen = ops.cond(pred, lambda: x + 1.0, lambda: x * 2.0)
    assert chosen.shape == (None, 2)
    for value, expected in ((True, 4.0), (False, 6.0)):
        feed = {pred: np.array(value), x: np.full((1, 2), 3.0, "float32")}
        assert np.all(graph.evaluate(chosen, feed) == expected)


# ---------------------------------------------------------------- what is refused

IMAGE, WINDOW = np.zeros((1, 4, 4, 3), "float32"), np.zeros((3, 3, 3, 2), "float32")
REFUSED = {
    "E-MATMUL": lambda: ops.matmul(np.zeros((2, 3)), np.zeros((2, 3))),
    "E-CHANNELS": lambda: ops.conv(IMAGE[..., :2], WINDOW),
    "E-PADDING": lambda: ops.conv(IMAGE, WINDOW, padding="smae"),
    "E-DATA-FORMAT": lambda: ops.conv(IMAGE, WINDOW, data_format="channel_last"),
    "E-RANK": lambda: ops.conv(IMAGE[0], WINDOW),
    "E-WINDOW": lambda: ops.conv(IMAGE[:, :2], WINDOW),
    "E-SHAPE-UNKNOWN": lambda: ops.zeros((None, 3)),
    "E-DTYPE": lambda: ops.cast([1.0], "flaot32"),
    "E-WHERE": lambda: ops.where(np.array([True]), 1.0),
    "E-PAD": lambda: ops.pad(np.zeros(3), 1, "reflect", constant_values=1),
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code: str):
    with pytest.raises((UsageError, UsageTypeError), match=code):
        REFUSED[code]()


def test_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="'smae'.*Did you mean \"same\""):
        ops.max_pool(IMAGE, 2, padding="smae")
    for op, image in ((ops.depthwise_conv, IMAGE[..., :2]), (ops.conv_transpose, IMAGE)):
        with pytest.raises(UsageError, match="E-CHANNELS"):
            op(image, WINDOW)
    with pytest.raises(UsageError, match=r"window of \(5, 5\) does not fit into \(4, 4\)"):
        ops.average_pool(IMAGE, 5)
    with pytest.raises(UsageError, match="strides must be a number or 2"):
        ops.conv(IMAGE, WINDOW, strides=(1, 1, 1))
