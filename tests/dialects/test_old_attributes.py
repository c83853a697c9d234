"""Attributes of layers and models that few scripts read, each beside what it is today."""

import numpy as np
import pytest

from cornu import Input, layers, regularizers
from cornu.dialects import generations, spellings, table
from cornu.dialects.nodes import NodeView
from cornu.models import Model
from cornu.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

X = np.ones((2, 3), "float32")


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


@pytest.fixture
def network():
    x = Input((3,), name="x")
    hidden = layers.Dense(2, name="hidden")
    end = layers.Dense(1, name="end")
    return Model(x, end(hidden(x)), name="network")


def test_nodes_of_layers(network):
    hidden, end = network.get_layer("hidden"), network.get_layer("end")
    for name in ("inbound_nodes", "_inbound_nodes"):
        (node,) = getattr(end, name)
        assert isinstance(node, NodeView)
        assert node.outbound_layer is end and node.inbound_layers == [hidden]
    for name in ("outbound_nodes", "_outbound_nodes"):
        assert [node.outbound_layer for node in getattr(hidden, name)] == [end]


def test_where_a_model_begins_and_ends(network):
    for begin in ("input_layers", "_input_layers"):
        assert [layer.name for layer in getattr(network, begin)] == ["x"]
    for end in ("output_layers", "_output_layers"):
        assert [layer.name for layer in getattr(network, end)] == ["end"]


def test_functions_are_made_when_they_first_run(network):
    network.compile("sgd", "mse")
    for kind in ("train", "test", "predict"):
        assert getattr(network, f"_make_{kind}_function")() is None
    assert network._make_train_function.__name__ == network._make_test_function.__name__
    assert network._make_predict_function() is None
    np.testing.assert_array_equal(network.predict(X, verbose=0).shape, (2, 1))


def test_what_was_trainable_when_compile_was_called(network):
    network.get_layer("hidden").trainable = False
    network.compile("sgd", "mse")
    assert network._collected_trainable_weights == network.get_layer("end").weights
    assert network._feed_inputs == network.inputs


def test_updates_and_losses_of_inputs(network):
    hidden = network.get_layer("hidden")
    assert hidden.get_updates_for(None) == hidden.state_updates == []
    assert hidden.get_losses_for(network.input) == hidden.losses == []

    class Counting(layers.Layer):
        def build(self, shape):
            self.count = self.add_weight(name="count", shape=(), trainable=False)

        def call(self, x):
            self.add_updates([(self.count, self.count + 1)])
            return x

    x = Input((3,))
    counting = Counting()
    model = Model(x, layers.Dense(1)(counting(x)))
    counting.count.assign(5.0)
    model.compile("sgd", "mse")
    model.train_on_batch(X, X[:, :1])
    assert float(counting.count.numpy()) == 6.0


def test_masks_of_what_a_layer_gives():
    x = Input((4, 2))
    masking = layers.Masking(0.0)
    masking(x)
    assert masking.get_output_mask() is not None
    dense = layers.Dense(1)
    dense(x)
    assert dense.get_output_mask() is None


def test_penalties_that_are_told_their_layer():
    penalty, dense = regularizers.L2(0.5), layers.Dense(1)
    penalty.set_layer(dense)
    assert dense.activity_regularizer is penalty


def test_layers_connected_one_by_one():
    first, second = layers.Dense(2, input_dim=3), layers.Dense(4)
    second.connect(first)
    assert second.previous is first and second.output_shape == (None, 4)


@pytest.mark.parametrize(("generation", "kind"), [("1.2", Tensor), ("2.3", Tensor), ("3", list)])
def test_one_tensor_in_a_list(generation, kind):
    with generations.within(generation):
        x = Input((3,))
        model = Model(inputs=[x], outputs=[layers.Dense(2)(x)])
        assert isinstance(model.output, kind) and isinstance(model(x), kind)
        assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)
        assert model.output_shape == (None, 2)


def test_shapes_as_tensorflow_gave_them():
    """`int(x.get_shape()[1])`, `.value` of TensorFlow 1, `as_list()`; unknown sizes are None."""
    x = Input((4, None))
    shape = x.get_shape()
    assert shape.as_list() == [None, 4, None] and shape == (None, 4, None)
    assert type(shape.as_list()[1]) is int and shape[1].value == 4 and int(shape[1]) == 4
    assert shape.ndims == shape.rank == 3 and not shape.is_fully_defined()
    x.set_shape((2, 4, 7))
    assert x.shape == (2, 4, 7) and x.get_shape().is_fully_defined()
    kernel = layers.Dense(3)
    kernel.build((None, 2))
    assert kernel.kernel.get_shape().as_list() == [2, 3]
