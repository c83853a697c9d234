"""Reading a model from inside: the same Tensors are there, and the same are not, as in Keras."""

import inspect

import numpy as np
import pytest

import cornu

pytestmark = pytest.mark.peers

X = np.linspace(-1, 1, 12).reshape(4, 3).astype("float32")
NAMES = ("input", "output", "inputs", "outputs", "input_shape", "output_shape")


def asked(k):
    """What the library answers, in words and numbers."""
    dense = k.layers.Dense(2)
    found = {"never called": [hasattr(dense, n) for n in ("input", "output")]}
    a, b = k.Input((3,)), k.Input((5, 3))
    first = dense(a)
    dense(b)
    found["called twice"] = [dense.input is a, dense.output is first]
    stack = k.Sequential([k.layers.Dense(2)])
    found["not built"] = [hasattr(stack, n) for n in NAMES]
    stack.build((None, 3))
    found["built"] = [hasattr(stack, n) for n in NAMES[2:]]  # Keras lacks the first two here
    found["shapes"] = [stack.input_shape, stack.output_shape, stack.layers[0].output.shape]
    inner = k.Model(a, k.layers.Dense(4)(first))
    y = inner(k.Input((3,), name="outer"))
    found["a model's own"] = [inner.input is a, inner.output is not y, inner.output_shape]
    attention = k.layers.MultiHeadAttention(1, 2)
    q, v = k.Input((2, 4)), k.Input((3, 4))
    attention(q, v)
    found["two arguments"] = [t is u for t, u in zip(attention.input, [q, v], strict=True)]
    middle = k.Input(tensor=k.layers.Dense(4)(a))
    found["begun in the middle"] = [tuple(middle.shape), k.Model(middle, middle * 2).input_shape]
    for name, ask in {
        "no such name": lambda: inner.get_layer("lost"),
        "nothing asked": lambda: inner.get_layer(),
        "both asked": lambda: inner.get_layer("lost", 0),
        "number too high": lambda: inner.get_layer(index=9),
    }.items():
        with pytest.raises(ValueError):
            ask()
        found[name] = "ValueError"
    return found


def parts(k):
    x = k.Input((3,), name="x")
    y = k.layers.Dense(4, activation="tanh", name="one")(x)
    y = k.layers.Dense(5, name="two")(y)
    model = k.Model(x, k.layers.Dense(1, name="three")(y))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def test_the_same_answers(keras):
    assert asked(cornu) == asked(keras)


def test_parts_of_models_compute_the_same(keras):
    found = []
    for k in (cornu, keras):
        model = parts(k)
        head = k.Model(model.input, [layer.output for layer in model.layers[1:]])
        tail = k.Model(model.get_layer("two").input, model.output)
        values = head.predict(X, verbose=0)
        found.append([*values, tail.predict(values[0], verbose=0)])
    for ours, theirs in zip(*found, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_drawings_take_the_same_arguments(keras):
    for name in ("plot_model", "model_to_dot"):
        theirs = inspect.signature(getattr(keras.utils, name)).parameters
        ours = inspect.signature(getattr(cornu.utils, name)).parameters
        wanted = {n: p.default for n, p in theirs.items() if p.kind is not p.VAR_KEYWORD}
        assert list(ours) == list(wanted)
        assert {n: p.default for n, p in ours.items()} == wanted
