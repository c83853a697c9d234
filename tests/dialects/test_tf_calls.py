"""Functions of TensorFlow and Theano in scripts: each that is taken, beside NumPy's."""

import math
import sys
from typing import Any

import numpy as np
import pytest

from cornu import backend as K
from cornu.dialects import facades, tf_calls, tf_flags, theano_calls
from cornu.dialects.tf_calls import ALIASES, INSTEAD, MADE, OPS, OWN
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Dense, Input

X = np.array([[0.5, 1.5, 2.0], [0.25, 3.0, 0.75]], "float32")
Y = np.array([[1.5, 0.5, 2.0], [0.75, 2.0, 0.5]], "float32")
FLAGS = X > 1
ERF = np.vectorize(math.erf)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


SELU = (1.0507009873554805, 1.6732632423543772)
ONE: dict[str, Any] = {
    **{name: getattr(np, name) for name in "abs exp log sqrt square negative sin cos tan".split()},
    **{name: getattr(np, name) for name in "sinh cosh tanh floor ceil sign log1p expm1".split()},
    **{name: getattr(np, name) for name in "zeros_like ones_like isnan isfinite".split()},
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "round": np.round,
    "sigmoid": sigmoid,
    "erf": ERF,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "is_nan": np.isnan,
    "is_finite": np.isfinite,
    "stop_gradient": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * np.expm1(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "gelu": lambda x: 0.5 * x * (1 + ERF(x / math.sqrt(2))),
    "softmax": softmax,
    "log_softmax": lambda x: np.log(softmax(x)),
}
"""Functions of one array, by the last part of their name."""

TWO: dict[str, Any] = {
    **{n: getattr(np, n) for n in "add subtract multiply divide maximum minimum equal".split()},
    **{n: getattr(np, n) for n in "not_equal less less_equal greater greater_equal".split()},
    **{"truediv": np.true_divide, "floordiv": np.floor_divide, "floormod": np.mod, "mod": np.mod},
    **{"pow": np.power, "atan2": np.arctan2},
}
REDUCED: dict[str, Any] = {
    **{f"reduce_{name}": getattr(np, name) for name in "mean sum max min prod std".split()},
    "reduce_variance": np.var,
    "reduce_logsumexp": lambda x, axis: np.log(np.exp(x).sum(axis)),
}
WINDOW = np.arange(12, dtype="float32").reshape(3, 4)

CALLS: dict[str, list[tuple[tuple, dict, Any]]] = {
    "math.logical_not": [((FLAGS,), {}, ~FLAGS)],
    "math.logical_and": [((FLAGS, ~FLAGS), {}, np.zeros_like(FLAGS))],
    "math.logical_or": [((FLAGS, ~FLAGS), {}, np.ones_like(FLAGS))],
    "math.argmax": [((X,), {}, X.argmax(0)), ((X, 1), {}, X.argmax(1))],
    "math.argmin": [((X,), {"axis": 1}, X.argmin(1))],
    "math.cumsum": [((X,), {}, X.cumsum(0)), ((X, 1), {}, X.cumsum(1))],
    "math.top_k": [((X, 2), {}, (np.sort(X)[:, :-3:-1], np.argsort(X)[:, :-3:-1]))],
    "concat": [(([X, Y], 1), {}, np.concatenate([X, Y], 1))],
    "stack": [(([X, Y],), {}, np.stack([X, Y])), (([X, Y],), {"axis": 1}, np.stack([X, Y], 1))],
    "unstack": [((X,), {"axis": 1}, [X[:, 0], X[:, 1], X[:, 2]])],
    "reshape": [((X, [3, 2]), {}, X.reshape(3, 2)), ((X, (-1,)), {}, X.ravel())],
    "transpose": [((X,), {}, X.T), ((X[None], [2, 0, 1]), {}, X[None].transpose(2, 0, 1))],
    "squeeze": [((X[None],), {}, X), ((X[None], 0), {}, X), ((X[None],), {"squeeze_dims": 0}, X)],
    "expand_dims": [((X, 1), {}, X[:, None]), ((X,), {"dim": 0}, X[None])],
    "tile": [((X, [2, 1]), {}, np.tile(X, (2, 1)))],
    "cast": [((X, "int32"), {}, X.astype("int32"))],
    "where": [((FLAGS, X, Y), {}, np.where(FLAGS, X, Y))],
    "clip_by_value": [((X, 0.5, 1.0), {}, X.clip(0.5, 1.0))],
    "gather": [((X, [1, 0]), {}, X[[1, 0]]), ((X, [2, 0]), {"axis": 1}, X[:, [2, 0]])],
    "one_hot": [(([1, 0], 3), {}, np.eye(3)[[1, 0]]), (([1, 0],), {"depth": 3}, np.eye(3)[[1, 0]])],
    "reverse": [((X, [0]), {}, X[::-1])],
    "roll": [((X, 1, 1), {}, np.roll(X, 1, 1))],
    "repeat": [((X, 2, 1), {}, X.repeat(2, 1))],
    "broadcast_to": [((X[0], (2, 3)), {}, np.broadcast_to(X[0], (2, 3)))],
    "tensordot": [((X, Y.T, 1), {}, X @ Y.T)],
    "reduce_any": [((FLAGS, 1), {}, FLAGS.any(1))],
    "reduce_all": [((FLAGS,), {}, FLAGS.all())],
    "split": [
        ((WINDOW, 2, 1), {}, np.split(WINDOW, 2, 1)),
        ((WINDOW, [1, 3]), {"axis": 1}, np.split(WINDOW, [1], 1)),
    ],
    "pad": [((X, [[1, 0], [0, 2]]), {}, np.pad(X, [[1, 0], [0, 2]]))],
    "matmul": [((X, Y.T), {}, X @ Y.T)],
    "linalg.matmul": [((X, Y.T), {}, X @ Y.T)],
    **{
        f"{where}.l2_normalize": [((X, 1), {}, X / np.sqrt((X**2).sum(1, keepdims=True)))]
        for where in ("math", "linalg", "nn")
    },
    "constant": [
        (([1.0, 2.0],), {}, [1.0, 2.0]),
        ((3, "float32", (2, 2)), {}, np.full((2, 2), 3.0)),
    ],
    "convert_to_tensor": [((X,), {}, X)],
    "eye": [((3,), {}, np.eye(3))],
    "fill": [(((2, 2), 7), {}, np.full((2, 2), 7))],
    "identity": [((X,), {}, X)],
    "ones": [(((2, 3),), {}, np.ones((2, 3)))],
    "zeros": [(((2, 3), "int32"), {}, np.zeros((2, 3), "int32"))],
    "shape": [((X,), {}, (2, 3))],
}
DRAWN = ("random.normal", "random.uniform", "random_normal", "random_uniform")


def calls(name: str) -> list[tuple[tuple, dict, Any]]:
    """Examples of a function: arguments, and what NumPy says."""
    last = name.rpartition(".")[2]
    if name in CALLS or last in CALLS:
        return CALLS.get(name) or CALLS[last]
    if f"math.{last}" in CALLS:
        return CALLS[f"math.{last}"]
    if last in REDUCED:
        told = {"axis": 1, "keepdims": True}
        kept = REDUCED[last](X, axis=1)[:, None]
        return [
            ((X, 1), {}, REDUCED[last](X, axis=1)),
            ((X,), told, kept),
            ((), {"input_tensor": X, "reduction_indices": 1, "keep_dims": True}, kept),
        ]
    if last in TWO:
        return [
            ((X, Y), {}, TWO[last](X, Y)),
            ((X,), {"x" if last == "atan2" else "y": Y}, TWO[last](X, Y)),
        ]
    return [
        (
            (X - 1,) if last not in ("log", "sqrt", "rsqrt") else (X,),
            {},
            ONE[last](X - 1 if last not in ("log", "sqrt", "rsqrt") else X),
        )
    ]


NAMES = [
    *(n for n in (*OPS, *OWN) if not n.startswith(("__", "compat"))),
    *(n for n in MADE if n not in (*DRAWN, "function")),
]
FIRST_OF = {
    (OPS.get(name) and str(OPS[name])) or OWN.get(name) or MADE[name]: name for name in NAMES
}
"""Each function once, by one of its names."""


@pytest.mark.parametrize("name", sorted(FIRST_OF.values()))
def test_functions_of_tensorflow(name: str):
    for args, kwargs, expected in calls(name):
        function = tf_calls.function(name)
        assert function is not None
        found = function(*args, **kwargs)
        several = isinstance(expected, (list, tuple)) and not np.isscalar(expected[0])
        pairs = zip(found, expected, strict=True) if several else [(found, expected)]
        for one, other in pairs:
            np.testing.assert_allclose(np.asarray(one), other, rtol=2e-6, atol=1e-6)


def test_every_function_has_its_numbers():
    for name in NAMES:
        assert calls(name) and tf_calls.function(name) is not None, name


@pytest.mark.parametrize("name", ALIASES)
def test_names_of_version_1(name: str):
    old, new = tf_calls.function(name), tf_calls.function(ALIASES[name])
    if name == "linalg.norm":
        assert old is None and new is None
    else:
        assert old is not None and new is not None and old.__name__ == new.__name__


@pytest.mark.parametrize("name", DRAWN)
def test_draws(name: str):
    draw = tf_calls.function(name)
    assert draw is not None
    found = np.asarray(K.get_value(draw((4000,), 2.0, 3.0)))
    low, high = (1.8, 2.2) if "normal" in name else (2.4, 2.6)
    assert low < found.mean() < high and found.shape == (4000,)


def test_functions_of_tensors_join_the_graph():
    x = Input((3,))
    mean = tf_calls.function("reduce_mean")(x, 1)  # pyright: ignore
    assert mean.shape == (None,)
    np.testing.assert_allclose(K.function([x], [mean])([X])[0], X.mean(1), rtol=1e-6)


def test_what_an_op_does_not_do_is_refused():
    matmul, gather = tf_calls.function("matmul"), tf_calls.function("gather")
    assert matmul is not None and gather is not None
    with pytest.raises(UsageError, match="transpose_b"):
        matmul(X, Y, transpose_b=True)
    with pytest.raises(UsageTypeError, match="arguments by place"):
        gather(X, [0], None, 1)
    with pytest.raises(UsageTypeError, match="needs x, y here"):
        tf_calls.function("where")(FLAGS)  # pyright: ignore
    with pytest.raises(UsageTypeError, match="first argument"):
        tf_calls.function("cast")(dtype="int32")  # pyright: ignore
    assert tf_calls.function("nothing") is None


# ---------------------------------------------------------------- the stand-ins


def test_modules_of_tensorflow():
    tf = facades.make("tensorflow")
    for group, name in (("nn", "softmax"), ("math", "exp"), ("linalg", "matmul")):
        for where in ("tensorflow", "tensorflow.compat.v1"):
            inner = facades.make(f"{where}.{group}")
            assert getattr(inner, name).__name__ == name
    assert tf.function(len) is len and tf.function(jit_compile=True)(len) is len
    assert np.asarray(K.get_value(tf.random.normal((3,)))).shape == (3,)
    assert tf.cast(X, tf.int32).dtype == "int32"


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_not_there_says_what_to_use(name: str):
    tf = facades.make("tensorflow")
    for module in (tf, facades.make("tensorflow.compat.v1")):
        with pytest.raises(AttributeError) as caught:
            getattr(module, name)
        assert f"Use {INSTEAD[name]}." in str(caught.value)
    assert f"Use {INSTEAD[name]}." in facades.missing(f"tensorflow.{name}.anything")


def test_local_devices():
    found = facades.make("tensorflow.python.client.device_lib").list_local_devices()
    assert found[0].name == "/device:CPU:0" and found[0].device_type == "CPU"


# ---------------------------------------------------------------- flags


@pytest.fixture
def flags(monkeypatch):
    fresh = tf_flags.Flags()
    monkeypatch.setattr(tf_flags, "FLAGS", fresh)
    return fresh


def test_flags(flags, monkeypatch):
    given = tf_flags.names()
    given["DEFINE_string"]("folder", "data", "where")
    given["DEFINE_integer"]("epochs", 3, "how long")
    given["DEFINE_float"]("rate", 0.5, "how fast")
    given["DEFINE_boolean"]("train", False, "whether")
    given["DEFINE_bool"]("show", True, "whether")
    given["DEFINE_enum"]("kind", "a", ["a", "b"], "which")
    given["DEFINE_list"]("names", ["x"], "which")
    line = ["script.py", "--epochs=7", "--train", "--noshow", "rest", "--names", "p,q"]
    monkeypatch.setattr(sys, "argv", line)
    assert (flags.folder, flags.epochs, flags.rate) == ("data", 7, 0.5)
    assert (flags.train, flags.show, flags.kind, flags.names) == (True, False, "a", ["p", "q"])
    flags.epochs = 9
    assert flags.epochs == 9 and "epochs" in flags and "other" not in flags
    with pytest.raises(AttributeError, match="no flag 'epoch'. Did you mean \"epochs\""):
        _ = flags.epoch
    seen = []
    with pytest.raises(SystemExit):
        tf_flags.run(seen.append)
    assert seen == [["script.py", "rest"]]


# ---------------------------------------------------------------- theano

THEANO = {
    **{"abs_": np.abs, "sqr": np.square, "sgn": np.sign, "neg": np.negative, "inv": np.reciprocal},
    **{"isnan": np.isnan, "isinf": np.isinf, "erf": ERF, "nnet.sigmoid": sigmoid},
    **{"nnet.softplus": ONE["softplus"], "nnet.relu": ONE["relu"], "nnet.elu": ONE["elu"]},
    "nnet.softmax": softmax,
}
THEANO_2 = {
    **{"eq": np.equal, "neq": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater},
    **{"ge": np.greater_equal, "pow": np.power, "true_div": np.true_divide, "add": np.add},
    **{"int_div": np.floor_divide, "sub": np.subtract, "mul": np.multiply},
}


@pytest.mark.parametrize("name", theano_calls.OTHERS)
def test_functions_of_theano(name: str):
    function = theano_calls.function(f"tensor.{name}")
    if name in THEANO:
        found, expected = function(X), THEANO[name](X)
    elif name in THEANO_2:
        found, expected = function(X, Y), THEANO_2[name](X, Y)
    else:
        args = {"switch": (FLAGS, X, Y), "invert": (FLAGS,)}.get(name, (FLAGS, ~FLAGS))
        numpy = {
            "switch": np.where,
            "invert": np.invert,
            "and_": np.logical_and,
            "or_": np.logical_or,
        }
        found, expected = function(*args), numpy[name](*args)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=2e-6)


@pytest.mark.parametrize("name", theano_calls.SAME)
def test_names_that_are_numpys_too(name: str):
    function = theano_calls.function(f"tensor.{name}")
    pair = name in ("maximum", "minimum")
    special: dict[str, tuple] = {
        **{"arange": (5,), "eye": (3,), "ones": ((2, 2),), "zeros": ((2, 2),)},
        **{"clip": (X, 0.5, 1.0), "dot": (X, Y.T), "outer": (X[0], Y[0]), "stack": ([X, Y],)},
        **{"tensordot": (X, Y.T, 1), "where": (FLAGS, X, Y), "all": (FLAGS,), "any": (FLAGS,)},
        **{"arccos": (X / 4,), "arcsin": (X / 4,), "diag": (X[:, :2],)},
    }
    args = special.get(name) or ((X, Y) if pair else (X,))
    expected = getattr(np, name)(*args)
    np.testing.assert_allclose(np.asarray(function(*args)), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", theano_calls.BY_K)
def test_names_that_k_has(name: str):
    assert theano_calls.function(f"tensor.{name}") is theano_calls.BY_K[name]


def test_functions_and_symbols_of_theano():
    theano, tensor = facades.make("theano"), facades.make("theano.tensor")
    x = tensor.matrix("x")
    assert x.shape == (None, None) and tensor.ivector().dtype == "int32"
    double = theano.function([x], x * 2)
    np.testing.assert_array_equal(double(X), X * 2)
    both = theano.function([x], [x, x + 1], allow_input_downcast=True)
    np.testing.assert_array_equal(both(X)[1], X + 1)
    step = theano.shared(np.float32(1.0))
    count = theano.function([], step, updates=[(step, step + 1)])
    assert [float(count()), float(count())] == [1.0, 2.0]
    slope = theano.function([x], tensor.grad(tensor.sum(tensor.sqr(x)), x))
    np.testing.assert_allclose(slope(X), 2 * X, rtol=1e-6)
    with pytest.raises(UsageError, match="givens"):
        theano.function([x], x, givens={x: X})


def test_intermediate_outputs_as_keras_0_took_them():
    begin = Input((3,))
    hidden = Dense(2)
    y = hidden(begin)
    found = theano_calls.compiled([begin], y)(X)
    np.testing.assert_allclose(found, X @ hidden.get_weights()[0], rtol=1e-5)


@pytest.mark.parametrize("name", theano_calls.INSTEAD)
def test_what_theano_had_besides(name: str):
    assert f"Use {theano_calls.INSTEAD[name]}." in facades.missing(f"theano.{name}")
