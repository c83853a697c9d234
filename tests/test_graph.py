"""The graph: operators, shapes, evaluation, gradients, functions, and its limits."""

import copy
import operator
import pickle
import threading
import time

import numpy as np
import pytest

from cornu import Model, engine, graph, layers, ops, settings, state
from cornu.graph import Function, Tensor, evaluate, gradients
from cornu.state import Variable

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = np.array([[2.0, 4.0, 0.5], [1.0, 3.0, 2.0]])

COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]
BINARY = [
    *COMPARISONS,
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
]


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


@pytest.fixture
def float64():
    settings.set_floatx("float64")
    yield
    settings.set_floatx("float32")


def value(outputs, feed):
    return np.asarray(evaluate(outputs, feed))


# ---------------------------------------------------------------- operators


@pytest.mark.parametrize("fn", BINARY, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("kind", ["tensor", "array", "number", "variable", "NumPy number"])
def test_binary_operators_in_both_orders(fn, kind):
    x, y = layers.Input((3,), batch_size=2), layers.Input((3,), batch_size=2)
    other = {
        "tensor": (y, B),
        "array": (B, B),
        "number": (2, 2.0),
        "variable": (Variable(B), B),
        "NumPy number": (np.float64(2), 2.0),
    }
    symbolic, concrete = other[kind]
    feed = {x: A.astype("float32"), y: B.astype("float32")}
    for left, right, a, b in [(x, symbolic, A, concrete), (symbolic, x, concrete, A)]:
        made = fn(left, right)
        assert isinstance(made, Tensor) and made.shape == (2, 3)
        found = value(made, feed)
        assert np.allclose(found, fn(a, b), rtol=1e-6)
        assert found.dtype == made.dtype == ("bool" if fn in COMPARISONS else "float32")


def test_matmul_in_both_orders():
    x, matrix = layers.Input((3,)), np.arange(12.0).reshape(3, 4)
    assert (x @ matrix).shape == (None, 4)
    assert np.allclose(value(x @ matrix, {x: A.astype("float32")}), A @ matrix)
    left = np.arange(8.0).reshape(4, 2)
    y = layers.Input((3,), batch_size=2)
    assert np.allclose(value(left @ y, {y: A.astype("float32")}), left @ A)


def test_unary_operators():
    x = layers.Input((3,))
    feed = {x: -A.astype("float32")}
    assert np.array_equal(value(-x, feed), A)
    assert np.array_equal(value(+x, feed), -A)
    assert np.array_equal(value(abs(x), feed), A)
    assert np.array_equal(value(~(x < -2), feed), ~(-A < -2))


def test_logic_of_booleans():
    x = layers.Input((3,))
    low, high = x > 1, x < 5
    feed = {x: A.astype("float32")}
    assert np.array_equal(value(low & high, feed), (A > 1) & (A < 5))
    assert np.array_equal(value(low | high, feed), (A > 1) | (A < 5))
    assert np.array_equal(value(low ^ high, feed), (A > 1) ^ (A < 5))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("number", [2, 0.5, np.float64(0.5)])
def test_single_numbers_do_not_widen(dtype, number):
    x = layers.Input((3,), dtype=dtype)
    assert {(x * number).dtype, (number - x).dtype, (x**number).dtype} == {dtype}


def test_float64_arrays_become_floatx():
    x = layers.Input((3,), batch_size=2)
    assert (x + A).dtype == (A - x).dtype == "float32"


def test_integers_keep_their_kind():
    x = layers.Input((3,), dtype="int32")
    assert (x + 1).dtype == "int32" and (x // 2).dtype == "int32"
    assert (x / 2).dtype == (x * 0.5).dtype == "float32"


@pytest.mark.parametrize(
    "where",
    [
        0,
        -1,
        slice(None),
        slice(1, None),
        (slice(None), 1),
        (slice(None), slice(0, 2)),
        (slice(None), slice(None, None, -1)),
        (Ellipsis, 0),
        (slice(None), None),
        (0, 2),
        (slice(None), [0, 2]),
        (slice(None), np.array([True, False, True])),
    ],
    ids=str,
)
def test_slices_are_those_of_numpy(where):
    x = layers.Input((3,))
    made = x[where]
    found = value(made, {x: A.astype("float32")})
    assert np.array_equal(found, A[where])
    assert len(made.shape) == found.ndim
    assert all(d in (None, n) for d, n in zip(made.shape, found.shape, strict=True))


def test_a_tensor_of_known_length_can_be_walked():
    x = layers.Input((3,), batch_size=2)
    first, second = x
    assert len(x) == 2 and first.shape == (3,)
    assert np.array_equal(value(first - second, {x: A.astype("float32")}), A[0] - A[1])
    with pytest.raises(TypeError, match="no known length"):
        list(layers.Input((3,)))


def test_tensors_are_keys_and_equal_only_themselves():
    x, y = layers.Input((3,)), layers.Input((3,))
    assert x == x and x != y and len({x, y}) == 2


@pytest.mark.parametrize("use", [bool, np.asarray, np.sin, float, lambda t: 1 if t else 0])
def test_what_a_symbol_cannot_do(use):
    with pytest.raises(TypeError, match="symbolic|ufunc|float"):
        use(layers.Input((3,)) * 2)


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("given", "fn", "expected"),
    [
        ((None, 3), lambda x: ops.sum(x, axis=0), (3,)),
        ((None, 3), lambda x: ops.reshape(x, (-1, 1)), (None, 1)),
        ((None, None, 3), lambda x: ops.reshape(x, (-1, 3)), (None, 3)),
        ((None, None), lambda x: x @ ops.transpose(x), (None, None)),
        ((None, 4), lambda x: ops.concatenate([x, x], axis=0), (None, 4)),
        ((None, 4), lambda x: ops.concatenate([x, x[:1]], axis=0), (None, 4)),
        ((None, 4), lambda x: x[:5], (5, 4)),
        ((2, 4), lambda x: ops.concatenate([x, x], axis=0), (4, 4)),
        ((), lambda x: x + 1, ()),
        ((None, 7), lambda x: ops.split(x, [3], axis=1)[1], (None, 4)),
        ((None, 6, 1), lambda x: ops.max_pool(x, 2, 2), (None, 3, 1)),
        ((None, None, 1), lambda x: ops.max_pool(x, 2, 2), (None, None, 1)),
    ],
)
def test_inference_with_unknown_sizes(given, fn, expected):
    assert fn(Tensor(given)).shape == expected


def test_ops_keep_the_structure_of_what_they_return():
    x = layers.Input((4,))
    parts = ops.split(x, 2, axis=1)
    assert isinstance(parts, (list, tuple)) and [p.shape for p in parts] == [(None, 2)] * 2
    found = evaluate({"parts": parts, "x": x}, {x: np.arange(8.0).reshape(2, 4)})
    assert np.array_equal(found["parts"][1], [[2, 3], [6, 7]])
    assert isinstance(found["parts"], type(parts))


def test_an_op_of_ones_own():
    @graph.op
    def both(x, y, plus=0.0):
        return {"sum": x + y + plus, "difference": x - y}

    x, y = layers.Input((2,)), layers.Input((2,))
    made = both(x, y, plus=1.0)
    assert set(made) == {"sum", "difference"} and made["sum"].shape == (None, 2)
    ones = np.ones((1, 2), "float32")
    found = evaluate(made, {x: 3 * ones, y: ones})
    assert np.array_equal(found["sum"], 5 * ones)
    assert np.array_equal(both(3 * ones, y=ones)["difference"], 2 * ones)
    assert float(both(Variable(2.0), 1.0)["sum"]) == 3


def test_none_among_the_outputs_keeps_its_place():
    @graph.op
    def first_of_two(x):
        return x + 1, None

    x = layers.Input((3,))
    made, nothing = first_of_two(x)
    assert nothing is None and np.array_equal(value(made * 2, {x: A}), 2 * (A + 1))


def test_shapes_that_do_not_fit_fail_where_they_are_written():
    with pytest.raises((TypeError, ValueError)):
        layers.Input((3,)) + layers.Input((4,))


# ---------------------------------------------------------------- evaluation


def test_a_feed_may_lie_in_the_middle():
    x = layers.Input((3,))
    middle = x * 2
    end = middle + 1
    assert np.array_equal(value(end, {x: A}), 2 * A + 1)
    assert np.array_equal(value(end, {middle: A}), A + 1)
    assert np.array_equal(value(end + x, {middle: A, x: 10 * A}), A + 1 + 10 * A)
    assert np.array_equal(value(end, {end: B}), B)


def test_one_output_of_several_may_be_fed():
    x = layers.Input((4,))
    left, right = ops.split(x, 2, axis=1)
    data = np.arange(4.0).reshape(1, 4)
    assert np.array_equal(value(left + right, {x: data, left: np.full((1, 2), 10.0)}), [[12, 13]])


def test_what_is_shared_is_computed_once():
    calls = []

    @graph.op
    def counted(x):
        calls.append(x)
        return x + 1

    x = layers.Input((3,))
    y = counted(x)
    calls.clear()
    evaluate([y * 2, y * 3, y], {x: A})
    assert len(calls) == 1


def test_only_what_is_asked_for_is_computed():
    @graph.op
    def broken(x):
        if not engine.is_traced(x):
            raise RuntimeError("not asked for")
        return x

    x = layers.Input((3,))
    y, _ = x + 1, broken(x)
    assert np.array_equal(value(y, {x: A}), A + 1)


def test_a_missing_input_is_named_with_its_reader():
    x, other = layers.Input((3,), name="pixels"), layers.Input((3,), name="labels")
    with pytest.raises(ValueError, match="E-DISCONNECTED") as caught:
        evaluate(x + other, {x: A})
    assert '"labels"' in str(caught.value) and "add" in str(caught.value)
    with pytest.raises(ValueError, match='"placeholder_'):
        evaluate(Tensor((2, 3)) + 1, {})


def test_variables_of_an_output_come_in_the_order_of_their_readers():
    late, early, unread = Variable(1.0), Variable(2.0), Variable(3.0)
    x = layers.Input((1,))
    y = (x * early) + late
    assert unread not in graph.variables_of(y)
    assert graph.variables_of(y) == [early, late]
    dense = layers.Dense(1)
    assert graph.variables_of(dense(y)) == [early, late, dense.kernel, dense.bias]


# ---------------------------------------------------------------- gradients


def test_by_placeholder_variable_and_middle_tensor():
    x, w = layers.Input((3,)), Variable(np.array([1.0, 2.0, 3.0]))
    middle = x * w
    loss = ops.sum(middle**2)
    found = Function([x], gradients(loss, [x, w, middle]))([A])
    wv = np.array([1.0, 2.0, 3.0])
    assert np.allclose(found[0], 2 * A * wv**2)
    assert np.allclose(found[1], (2 * A**2 * wv).sum(axis=0))
    assert np.allclose(found[2], 2 * A * wv)


def test_second_order_by_middle_tensors():
    x = layers.Input((3,))
    middle = x * 3.0
    loss = middle**3
    (by_x,) = gradients(loss, [x])  # 9 middle**2
    again = gradients(by_x, [middle, x])
    (by_middle,) = gradients(loss, [middle])  # 3 middle**2
    found = Function([x], [*again, *gradients(by_middle, [x, middle])])([A])
    assert np.allclose(found[0], 18 * (3 * A))
    assert np.allclose(found[1], 18 * (3 * A) * 3)
    assert np.allclose(found[2], 6 * (3 * A) * 3)
    assert np.allclose(found[3], 6 * (3 * A))


def test_gradients_where_the_middle_is_fed():
    x, w = layers.Input((3,)), Variable(np.array([1.0, 2.0, 3.0]))
    middle = x * 2
    loss = middle**2 * w
    found = Function([middle], gradients(loss, [w, middle]))([A])
    assert np.allclose(found[0], (A**2).sum(axis=0))
    assert np.allclose(found[1], 2 * A * w.numpy())


def test_the_gradient_is_that_of_the_sum():
    x = layers.Input((3,))
    assert np.allclose(Function([x], gradients(x**3, x))([A])[0], 3 * A**2)


def test_second_and_third_order():
    x = layers.Input((3,))
    (first,) = gradients(x**4, [x])
    (second,) = gradients(first, [x])
    (third,) = gradients(second, [x])
    found = Function([x], [first, second, third])([A])
    for got, wanted in zip(found, [4 * A**3, 12 * A**2, 24 * A], strict=True):
        assert np.allclose(got, wanted, rtol=1e-5)


def test_a_gradient_penalty_trains_its_variable():
    x, w = layers.Input((2,)), Variable(np.array([3.0, 4.0]))
    score = ops.sum(x * w, axis=-1)
    (slope,) = gradients(score, [x])  # w for every row
    penalty = ops.sum(slope**2)
    found = Function([x], gradients(penalty, [w]))([np.ones((5, 2))])
    assert np.allclose(found[0], 5 * 2 * np.array([3.0, 4.0]))


def test_against_finite_differences(float64):
    x = layers.Input((3,))
    dense = layers.Dense(4, activation="tanh")
    loss = ops.sum(ops.sin(dense(x)) * x[:, :1])
    run = Function([x], [loss, *gradients(loss, [dense.kernel, x])])
    _, by_kernel, by_x = run([A])
    kernel, step = dense.kernel.numpy(), 1e-6
    assert by_kernel.dtype == np.float64
    for place in np.ndindex(kernel.shape):
        both = []
        for sign in (1, -1):
            moved = kernel.copy()
            moved[place] += sign * step
            dense.kernel.assign(moved)
            both.append(float(run([A])[0]))
        assert np.isclose(by_kernel[place], (both[0] - both[1]) / (2 * step), atol=1e-7)
    dense.kernel.assign(kernel)
    for place in np.ndindex(A.shape):
        both = []
        for sign in (1, -1):
            moved = A.copy()
            moved[place] += sign * step
            both.append(float(run([moved])[0]))
        assert np.isclose(by_x[place], (both[0] - both[1]) / (2 * step), atol=1e-7)


def test_what_the_loss_does_not_depend_on_has_gradient_zero():
    x, y, unused = layers.Input((3,)), layers.Input((3,)), Variable(np.ones(2))
    found = Function([x, y], gradients(ops.sum(x), [y, unused, x]))([A, B])
    assert [np.asarray(g).tolist() for g in found] == [
        np.zeros((2, 3)).tolist(),
        [0, 0],
        np.ones((2, 3)).tolist(),
    ]


def test_gradients_have_the_shape_and_dtype_of_what_they_are_by():
    x, w = layers.Input((3,)), Variable(np.ones((3, 2), "float32"))
    by_x, by_w = gradients(x @ w, [x, w])
    assert (by_x.shape, by_w.shape, by_x.dtype) == ((None, 3), (3, 2), "float32")


@pytest.mark.parametrize("wrong", [3.0, "x", None, np.ones(3)])
def test_gradients_by_something_else_are_refused(wrong):
    with pytest.raises(TypeError, match="E-GRADIENT"):
        gradients(layers.Input((3,)) * 2, [wrong])


def test_gradients_through_a_layer_that_has_state():
    x = layers.Input((3,))
    normal = layers.BatchNormalization()
    (slope,) = gradients(ops.sum(normal(x) ** 2), [x])
    before = normal.get_weights()
    found = Function([x], slope)([A])
    assert np.allclose(found, 2 * A / (1 + 1e-3), rtol=1e-5)  # mean 0, variance 1: nothing learnt
    assert all(np.array_equal(a, b) for a, b in zip(before, normal.get_weights(), strict=True))


# ---------------------------------------------------------------- Function


def test_a_function_returns_the_structure_of_its_outputs():
    x, v = layers.Input((3,)), Variable(np.array([5.0]))
    found = Function([x], {"double": x * 2, "more": [v, x]})([A])
    assert np.array_equal(found["double"], 2 * A)
    assert np.array_equal(found["more"][0], [5]) and np.array_equal(found["more"][1], A)


def test_updates_are_applied_after_every_call():
    x, count = layers.Input((1,)), Variable(10.0)
    step = Function([x], count, updates=[(count, count + ops.sum(x))])
    assert [float(step([[[2.0]]])), float(step([[[3.0]]]))] == [10, 12]
    assert float(count) == 15


def test_gradient_descent_by_updates():
    x, w = layers.Input((2,), batch_size=3), Variable(np.zeros(2))
    data = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    loss = ops.mean((ops.sum(x * w, axis=-1) - np.array([3.0, -1.0, 2.0])) ** 2)
    (slope,) = gradients(loss, w)
    step = Function([x], loss, updates=[(w, w - 0.5 * slope)])
    losses = [float(step([data])) for _ in range(60)]
    assert np.isclose(losses[0], (9 + 1 + 4) / 3) and losses[-1] < 1e-6
    assert np.allclose(w.numpy(), [3, -1], atol=1e-3)


def test_a_function_runs_both_phases_and_draws_anew():
    x = layers.Input((100,))
    run = Function([x], layers.Dropout(0.5)(x))
    ones = np.ones((1, 100))
    assert np.array_equal(run([ones]), ones)
    first, second = (np.asarray(run([ones], training=True)) for _ in range(2))
    assert 0.2 < (first == 0).mean() < 0.8 and not np.array_equal(first, second)


def test_a_function_sees_variables_that_were_set_in_between():
    x, v = layers.Input((1,)), Variable(1.0)
    run = Function([x], x * v)
    assert float(np.asarray(run([[[2.0]]]))[0, 0]) == 2
    v.assign(5.0)
    assert float(np.asarray(run([[[2.0]]]))[0, 0]) == 10


def test_a_function_takes_any_number_of_rows_and_feeds_in_the_middle():
    x = layers.Input((3,))
    middle = x + 1
    run = Function([middle], middle * 2)
    for rows in (1, 5, 2):
        assert np.array_equal(run([np.ones((rows, 3))]), np.full((rows, 3), 2))


def test_wrong_numbers_of_feeds_and_unfed_inputs():
    x, y = layers.Input((1,)), layers.Input((1,), name="y")
    with pytest.raises(ValueError, match="E-FEEDS"):
        Function([x, y], x + y)([A])
    with pytest.raises(ValueError, match='E-DISCONNECTED|"y"'):
        Function([x], x + y)


# ---------------------------------------------------------------- size, threads, copies


@pytest.mark.slow
def test_a_graph_of_5000_nodes():
    begun = time.perf_counter()
    x = layers.Input((2,))
    y = x
    for _ in range(5000):
        y = y + 1.0
    model = Model(x, y)
    found = model(np.zeros((1, 2), "float32"))
    assert time.perf_counter() - begun < 5
    assert np.array_equal(found, [[5000, 5000]])


def chain(length):
    x = layers.Input((2,), name="x")
    y, shared = x, layers.Dense(2)
    for i in range(length):
        y = (shared if i % 3 else layers.Dense(2))(y) * 0.5 + x
    return Model(x, y)


DUPLICATES = [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]


@pytest.mark.parametrize("duplicate", DUPLICATES, ids=["deepcopy", "pickle"])
def test_long_graphs_are_copied_without_deep_recursion(duplicate):
    model = chain(200)  # 600 nodes under a recursion limit of 1000
    x = np.array([[0.5, -1.0]], "float32")
    twin = duplicate(model)
    assert np.array_equal(model(x), twin(x))
    assert [v.path for v in twin.variables] == [v.path for v in model.variables]
    assert not {id(v) for v in twin.variables} & {id(v) for v in model.variables}
    assert twin.layers[1].input is not model.layers[1].input
    assert twin.layers[0].output is twin.inputs[0]


@pytest.mark.parametrize("duplicate", DUPLICATES, ids=["deepcopy", "pickle"])
def test_a_graph_goes_on_from_a_copy(duplicate):
    model = chain(2)
    twin = duplicate(model)
    longer = Model(twin.inputs, twin.output * 10.0)
    x = np.array([[0.5, -1.0]], "float32")
    assert np.allclose(longer(x), 10 * np.asarray(model(x)))
    both = Function([model.inputs[0], twin.inputs[0]], model.output - twin.output)
    assert np.array_equal(both([x, x]), np.zeros((1, 2)))


def test_copying_one_layer_leaves_its_graph_behind():
    x = layers.Input((3,))
    before, after = layers.Dense(50), layers.Dense(2)
    after(before(x))
    assert len(pickle.dumps(after)) < 5000  # the layer before holds 200 numbers of its own
    twin = copy.deepcopy(after)
    with pytest.raises(ValueError, match="E-NODES"):
        _ = twin.output
    assert twin(twin(np.ones((1, 50), "float32")) @ np.ones((2, 50), "float32")).shape == (1, 2)


def test_two_threads_trace_one_model():
    x = layers.Input((4,))
    model = Model(x, layers.Dense(2)(layers.BatchNormalization()(layers.Dense(8)(x))))
    wanted = np.asarray(model(np.ones((3, 4), "float32")))
    found, failed = [], []

    def work():
        try:
            for _ in range(5):
                run = engine.jit(state.pure(model, model.variables, training=True))
                run([v.value for v in model.variables], np.ones((3, 4), "float32"))
                found.append(np.asarray(model(np.ones((3, 4), "float32"))))
        except Exception as error:  # noqa: BLE001 - any failure at all is one
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(found) == 10
    assert all(np.array_equal(wanted, one) for one in found)


def test_two_threads_record_graphs_side_by_side():
    made = {}

    def work(number):
        x = layers.Input((2,))
        y = x
        for _ in range(50):
            y = y + float(number)
        made[number] = (x, y)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (x, y) in made.items():
        assert np.array_equal(value(y, {x: np.zeros((1, 2))}), [[50 * number] * 2])


def test_made_up_sizes_are_explained():
    x = layers.Input((3,), name="x")
    layer = layers.Lambda(lambda x: engine.np.add(x, np.ones((2, 3), "float32")))
    with pytest.raises(Exception) as info:
        layer(x)
    assert any("stand for sizes that are not known yet" in n for n in info.value.__notes__)
