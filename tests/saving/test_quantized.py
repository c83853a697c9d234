"""Layers that Keras 3 has quantized come as layers of floats."""

import numpy as np
import pytest

from cornu import layers
from cornu.errors import UsageError
from cornu.saving.forms import layer_of
from cornu.saving.quantized import floats
from cornu.saving.weights import Stored

RNG = np.random.default_rng(5)


def policy(mode, name="QuantizedDTypePolicy"):
    config = {"mode": mode, "source_name": "bfloat16"}
    return {"module": "keras.dtype_policies", "class_name": name, "config": config}


def form(**config):
    said = {"class_name": "Int8QuantizationConfig", "config": {}, "module": "keras.quantizers"}
    plain = {"name": "d", "units": 3, "quantization_config": said, **config}
    return {"module": "keras.layers", "class_name": "Dense", "config": plain}


def test_the_policy_is_that_of_floats():
    assert layer_of(form(dtype=policy("int8")), "here").dtype_policy.name == "bfloat16"
    assert layer_of(form(), "here").dtype_policy.name == "float32"
    with pytest.raises(UsageError, match="int4/128") as raised:
        layer_of(form(dtype=policy("int4/128", "Int4DTypePolicy")), "here")
    assert "before model.quantize()" in str(raised.value)


def built(layer, shape):
    layer.build(shape)
    return layer


CASES = {
    "dense": (lambda: built(layers.Dense(3), (None, 4)), (4, 3), (3,), (1, 3)),
    "dense without bias": (
        lambda: built(layers.Dense(3, use_bias=False), (None, 4)),
        (4, 3),
        (3,),
        (1, 3),
    ),
    "embedding": (lambda: built(layers.Embedding(5, 2), (None, 1)), (5, 2), (5,), (5, 1)),
    "einsum": (
        lambda: built(layers.EinsumDense("abc,cd->abd", (6, 3), bias_axes="d"), (None, 6, 4)),
        (4, 3),
        (1, 1, 3),
        (1, 3),
    ),
    "einsum of two axes": (
        lambda: built(layers.EinsumDense("abc,cde->abde", (6, 2, 3)), (None, 6, 4)),
        (4, 2, 3),
        (1, 1, 2, 3),
        (1, 2, 3),
    ),
    "einsum of turned axes": (
        lambda: built(layers.EinsumDense("abc,dec->aebd", (2, 6, 3)), (None, 6, 4)),
        (3, 2, 4),
        (1, 2, 1, 3),
        (3, 2, 1),
    ),
    "einsum after an ellipsis": (
        lambda: built(layers.EinsumDense("...c,cd->...d", (3,)), (None, 6, 4)),
        (4, 3),
        (1, 1, 3),
        (1, 3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_whole_numbers_by_their_scale(name):
    make, shape, scale_shape, along = CASES[name]
    layer = make()
    by_kernel = RNG.uniform(10, 100, along)
    # the scale of each output, laid out as the outputs are
    scale = by_kernel.reshape(-1).reshape(scale_shape)
    if "turned" in name:
        scale = by_kernel[:, :, 0].T.reshape(scale_shape)
    whole = RNG.integers(-127, 128, shape).astype("int8")
    count = len(layer.own_weights())
    rest = {str(i): np.full(layer.own_weights()[i].shape, 7.0) for i in range(1, count)}
    store = {"0": whole, **rest, str(count): scale.astype("float32")}
    found = floats(layer, store, Stored)
    assert sorted(found) == sorted({"0", *rest})
    assert found["0"].shape == shape and found["0"].dtype == "float32"
    wanted = whole.astype("float64") / by_kernel
    np.testing.assert_allclose(found["0"].read(), wanted, rtol=1e-6)


def test_the_state_of_float8_is_left_out():
    layer = built(layers.Dense(3), (None, 4))
    kernel, bias = np.ones((4, 3), "float32"), np.zeros(3, "float32")
    state = [np.ones(()), np.ones(1024)] * 3
    store = {str(i): value for i, value in enumerate([kernel, bias, *state])}
    assert floats(layer, store, Stored) == {"0": kernel, "1": bias}


def test_others_stay_as_they_are():
    layer = built(layers.Dense(3), (None, 4))
    plain = {"0": np.ones((4, 3), "float32"), "1": np.zeros(3, "float32")}
    assert floats(layer, plain, Stored) is plain
    strange = {"0": np.ones((4, 3), "int8"), "1": np.zeros(3, "float32")}
    assert floats(layer, strange, Stored) is strange
    assert floats(layer, {}, Stored) == {}
    other = built(layers.BatchNormalization(), (None, 4))
    assert floats(other, strange, Stored) is strange
