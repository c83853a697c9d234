"""Layers, optimizers, penalties and initializers written for Keras 0, 1 and 2."""

import numpy as np
import pytest

from cornu import Input, layers, losses, regularizers
from cornu import backend as K
from cornu.dialects import generations, spellings, table
from cornu.errors import UsageError
from cornu.layers import InputSpec, Layer
from cornu.models import Model, Sequential
from cornu.optimizers import SGD, Adam, Optimizer
from cornu.regularizers import Regularizer
from cornu.saving import model_from_json

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

RNG = np.random.default_rng(11)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = RNG.normal(size=(8, 2)).astype("float32")
KERNEL = RNG.normal(size=(3, 2)).astype("float32")


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


# ---------------------------------------------------------------- Keras 0


class Zero(Layer):
    """As a layer of 2015 was written."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self):
        self.spare = K.zeros((5,))
        self.W = K.variable(KERNEL[: self.input_shape[1], : self.output_dim])
        self.b = K.zeros((self.output_dim,))
        self.trainable_weights = [self.b, self.W]

    @property
    def output_shape(self):
        return (self.input_shape[0], self.output_dim)

    def get_output(self, train=False):
        x = self.get_input(train)
        factor = 2.0 if train else 1.0
        return factor * K.dot(x, self.W) + self.b

    def get_config(self):
        return {**super().get_config(), "output_dim": self.output_dim}


def test_a_layer_of_keras_0():
    model = Sequential()
    model.add(Zero(2, input_shape=(3,)))
    model.add(layers.Activation("linear"))
    layer = model.layers[0]
    assert layer.output_shape == (None, 2)
    assert layer.input_shape == (None, 3)
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ KERNEL, rtol=1e-5)
    assert layer.trainable_weights == [layer.b, layer.W]
    assert layer.params == [layer.b, layer.W]
    assert [v.shape for v in layer.weights] == [(2,), (3, 2), (5,)]
    found = K.function([model.input], [layer.get_output(train=True)])([X])[0]
    np.testing.assert_allclose(found, 2 * X @ KERNEL, rtol=1e-5)


def test_its_training_and_its_copy():
    model = Sequential([Zero(2, input_shape=(3,))])
    model.compile(SGD(0.1), "mse")
    model.fit(X, Y, batch_size=8, nb_epoch=1, verbose=0)
    wide, target = X.astype("float64"), Y.astype("float64")
    gradient = 2 * (2 * wide @ KERNEL - target) / target.size  # by the output; 2 in training
    bias, kernel, _ = model.get_weights()
    np.testing.assert_allclose(kernel, KERNEL - 0.1 * 2 * wide.T @ gradient, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias, -0.1 * gradient.sum(axis=0), rtol=1e-4, atol=1e-6)
    again = model_from_json(model.to_json(), custom_objects={"Zero": Zero})
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_layer_of_keras_0_on_top_of_ours():
    class Doubled(layers.Dense):
        def get_output(self, train=False):
            return 2 * super().get_output(train)

    layer = Doubled(2, input_shape=(3,))
    model = Sequential([layer])
    layer.set_weights([KERNEL, np.ones(2)])
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * (X @ KERNEL + 1), rtol=1e-5)


# ---------------------------------------------------------------- Keras 1


class One(Layer):
    """As a layer of 2016 was written."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        self.input_spec = [InputSpec(ndim=2)]
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight(
            (input_shape[1], self.output_dim), lambda shape, name=None: KERNEL, f"{self.name}_W"
        )
        self.count = K.variable(0.0)
        self.b = K.zeros((self.output_dim,))
        self.trainable_weights = [self.b, self.W]
        self.non_trainable_weights = [self.count]
        self.built = True

    def call(self, x, mask=None):
        self.add_update([(self.count, self.count + 1.0)], x)
        return K.dot(x, self.W) + self.b

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)


def test_a_layer_of_keras_1():
    x = Input((3,))
    layer = One(2)
    model = Model(input=x, output=layer(x))
    assert [v.shape for v in model.weights] == [(2,), (3, 2), ()]
    assert layer.trainable_weights == [layer.b, layer.W]
    assert layer.W.name == f"{layer.name}_W"
    assert layer.get_output_shape_for((None, 3)) == (None, 2)
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ KERNEL, rtol=1e-5)
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=4, nb_epoch=3, verbose=0)
    assert layer.count.get_value() == 6
    model.evaluate(X, Y, verbose=0)
    assert layer.count.get_value() == 6  # only training counts
    with pytest.raises(UsageError, match="needs 2 axes"):
        layer(Input((3, 4)))


def test_it_over_time_steps():
    steps = RNG.normal(size=(2, 4, 3)).astype("float32")
    model = Sequential([layers.TimeDistributed(One(2), input_shape=(4, 3))])
    assert len(model.trainable_weights) == 2
    np.testing.assert_allclose(model.predict(steps, verbose=0), steps @ KERNEL, rtol=1e-4)


def test_library_layers_name_their_shapes_as_in_keras_1():
    class Wider(layers.Dense):
        def get_output_shape_for(self, input_shape):
            return super().get_output_shape_for(input_shape)

    assert Wider(4)(Input((3,))).shape == (None, 4)


class Penalized(Layer):
    """As a layer of 1.0 saw to penalties and constraints."""

    def __init__(self, penalty, **kwargs):
        self.W_regularizer = regularizers.get(penalty)
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.W = K.variable(KERNEL)
        self.trainable_weights = [self.W]
        self.regularizers = []
        self.W_regularizer.set_param(self.W)
        self.regularizers.append(self.W_regularizer)
        self.constraints = {self.W: lambda w: K.clip(w, -0.5, 0.5)}

    def call(self, x, mask=None):
        return K.dot(x, self.W)


class Old(Regularizer):
    """A penalty as before 1.2: it is told its weight, and called on the loss so far."""

    def set_param(self, p):
        self.p = p

    def __call__(self, loss):
        return loss + 0.1 * K.sum(K.square(self.p))


@pytest.mark.parametrize("penalty", [Old(), regularizers.l2(0.1)], ids=["theirs", "ours"])
def test_penalties_and_constraints_of_keras_1(penalty):
    model = Sequential([Penalized(penalty, input_shape=(3,))])
    model.compile(SGD(0.1), "mse")
    expected = np.mean((X @ KERNEL - Y) ** 2) + 0.1 * np.sum(KERNEL**2)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)
    model.fit(X, Y, nb_epoch=1, verbose=0)
    assert np.abs(model.get_weights()[0]).max() == 0.5


def test_a_penalty_of_keras_0_on_our_layer():
    found = []
    for penalty in (Old(), regularizers.l2(0.1)):
        layer = layers.Dense(2, W_regularizer=penalty, weights=[KERNEL], input_shape=(3,))
        model = Sequential([layer])
        model.compile("sgd", "mse")
        found.append(model.evaluate(X, Y, verbose=0))
    assert found[0] == pytest.approx(found[1], rel=1e-6)


# ---------------------------------------------------------------- Keras 2


class Two(Layer):
    """As a layer of 2018 was written."""

    def __init__(self, units, **kwargs):
        self.units = units
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.kernel = self.add_weight(
            "kernel", (input_shape[-1], self.units), initializer=K_initializer, trainable=True
        )
        self.offset = self.add_weight(
            name="offset", shape=(self.units,), initializer="zeros", trainable=False
        )
        super().build(input_shape)

    def call(self, inputs, mask=None):
        y = K.dot(inputs, self.kernel)
        self.add_loss(0.5 * K.sum(K.square(y)), inputs=inputs)
        return y + self.offset

    def compute_mask(self, inputs, mask=None):
        return mask

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


def K_initializer(shape, dtype=None):
    return K.constant(1.0, dtype=dtype, shape=shape) * KERNEL


def test_a_layer_of_keras_2():
    layer = Two(2, input_shape=(3,))
    model = Sequential([layer])
    assert [v.name for v in model.weights] == ["kernel", "offset"]
    assert model.trainable_weights == [layer.kernel]
    assert layer._trainable_weights == [layer.kernel]
    assert layer._non_trainable_weights == [layer.offset]
    model.compile("sgd", "mse")
    y = X.astype("float64") @ KERNEL
    expected = np.mean((y - Y) ** 2) + 0.5 * np.sum(y**2)
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_lists_of_weights_by_their_private_names():
    class Listed(Layer):
        def build(self, input_shape):
            self.kernel, self.seen = K.variable(KERNEL), K.zeros((2,))
            self._trainable_weights.append(self.kernel)
            self._non_trainable_weights = [self.seen]

        def call(self, x):
            return K.dot(x, self.kernel) + self.seen

    model = Sequential([Listed(input_shape=(3,))])
    layer = model.layers[0]
    assert model.trainable_weights == [layer.kernel]
    assert model.non_trainable_weights == [layer.seen]


ORDERS = {
    "keras 1": (lambda s: s.add_weight((2,), "ones", "mine")),
    "keras 1 all": (lambda s: s.add_weight((2,), "ones", "mine", True, None, None)),
    "keras 2": (lambda s: s.add_weight("mine", (2,), None, "ones")),
    "keras 2 by name": (lambda s: s.add_weight(name="mine", shape=(2,), initializer="one")),
    "today": (lambda s: s.add_weight((2,), "ones", "float32", name="mine")),
}


@pytest.mark.parametrize("order", ORDERS)
def test_orders_of_add_weight(order):
    variable = ORDERS[order](Layer())
    assert (variable.name, variable.shape, variable.trainable) == ("mine", (2,), True)
    assert variable.dtype == "float32"
    np.testing.assert_array_equal(variable.numpy(), [1, 1])


INITIALIZERS = {
    "0.x": lambda shape: K.variable(np.full(shape, 3.0)),
    "1.x": lambda shape, name=None: K.variable(np.full(shape, 3.0), name=name),
    "2.x": lambda shape, dtype=None: 3 * K.ones(shape, dtype=dtype),
    "today": lambda shape, dtype=None: np.full(shape, 3.0, dtype),
}


@pytest.mark.parametrize("kind", INITIALIZERS)
def test_initializers_of_users(kind):
    layer = layers.Dense(2, init=INITIALIZERS[kind], input_shape=(3,))
    Sequential([layer])
    np.testing.assert_array_equal(layer.get_weights()[0], np.full((3, 2), 3.0))
    drawn = layers.Dense(2, kernel_initializer=lambda s, dtype=None: K.random_normal(s))
    Sequential([Input((3,)), drawn])
    assert np.ptp(drawn.get_weights()[0]) > 0


# ---------------------------------------------------------------- optimizers


class Momentum1(Optimizer):
    """As an optimizer of Keras 1 was written."""

    def __init__(self, lr=0.1, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.iterations = K.variable(0.0)
        self.lr = K.variable(lr)
        self.momentum = K.variable(momentum)

    def get_updates(self, params, constraints, loss):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        moments = [K.zeros(K.get_variable_shape(p)) for p in params]
        self.weights = [self.iterations, *moments]
        for p, g, m in zip(params, grads, moments, strict=True):
            v = self.momentum * m - self.lr * g
            self.updates.append(K.update(m, v))
            new = p + v
            if p in constraints:
                new = constraints[p](new)
            self.updates.append(K.update(p, new))
        return self.updates


class Momentum2(Momentum1):
    """The same in the order of Keras 2."""

    def get_updates(self, loss, params):
        return Momentum1.get_updates(self, params, {}, loss)


def trained(optimizer, **options):
    layer = layers.Dense(2, weights=[KERNEL], input_shape=(3,), **options)
    model = Sequential([layer])
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=4, nb_epoch=2, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize("cls", [Momentum1, Momentum2])
def test_optimizers_of_users(cls):
    model = trained(cls(0.1, clipvalue=0.2), W_constraint="nonneg")
    expected = trained(SGD(0.1, 0.9, clipvalue=0.2), kernel_constraint="non_neg")
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    own = model.optimizer
    assert own.get_config() == {"clipvalue": 0.2}
    assert [w.shape for w in own.get_weights()] == [(), (3, 2), (2,)]
    assert K.get_value(own.iterations) == 4
    K.set_value(own.lr, 0.0)
    K.set_value(own.momentum, 0.0)
    program, before = model._kept["program"], model.get_weights()
    model.fit(X, Y, nb_epoch=1, batch_size=4, verbose=0)
    assert model._kept["program"] is program
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_get_updates_of_another_form_is_refused():
    class Odd(Optimizer):
        def get_updates(self, gradients):
            return []

    with pytest.raises(UsageError, match="takes gradients; it must take"):
        trained(Odd())


CALLS = {
    "keras 1": lambda o, p, loss: o.get_updates(p, [], loss),
    "keras 2": lambda o, p, loss: o.get_updates(loss, p),
    "by name": lambda o, p, loss: o.get_updates(params=p, loss=loss),
}


@pytest.mark.parametrize("call", CALLS)
def test_updates_of_our_optimizers(call):
    expected = trained(SGD(0.1, 0.9))
    layer = layers.Dense(2, weights=[KERNEL], input_shape=(3,))
    model = Sequential([layer])
    target = K.placeholder((None, 2))
    loss = K.mean(losses.mean_squared_error(target, model.output))
    updates = CALLS[call](SGD(0.1, 0.9), model.trainable_weights, loss)
    step = K.function([model.input, target], [loss], updates=updates)
    for _ in range(2):
        for rows in (slice(0, 4), slice(4, 8)):
            step([X[rows], Y[rows]])
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_gradients_and_rate_of_our_optimizers():
    model = Sequential([layers.Dense(2, weights=[KERNEL], input_shape=(3,))])
    optimizer = Adam(lr=0.01)
    loss = K.sum(model.output)
    (gradient, _) = optimizer.get_gradients(loss, model.trainable_weights)
    found = K.function([model.input], [gradient])([X])[0]
    np.testing.assert_allclose(found, np.repeat(X.sum(axis=0)[:, None], 2, axis=1), rtol=1e-5)
    K.set_value(optimizer.lr, 0.5)
    assert K.get_value(optimizer.learning_rate) == np.float32(0.5)
    optimizer.lr = 0.25
    assert float(optimizer.lr.get_value()) == 0.25


@pytest.mark.parametrize("generation", ["0.3", "1.2", "2.2"])
def test_new_code_works_beside_old(generation):
    """A layer of today computes the same whatever generation is in force."""

    class Today(Layer):
        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], 2), initializer="ones", name="kernel")

        def call(self, x, training=None):
            return x @ self.kernel * (2 if training else 1)

    with generations.within(generation):
        model = Sequential([Today(input_shape=(3,))])
        np.testing.assert_allclose(
            model.predict(X, verbose=0), np.repeat(X.sum(1)[:, None], 2, 1), rtol=1e-5, atol=1e-6
        )


@pytest.mark.filterwarnings("default")
def test_one_warning_for_a_class():
    class Late(Layer):
        def get_output(self, train=False):
            return self.get_input(train)

    today = r"Late\.get_output\(train\) is an old spelling\. Today: call\(self, x, training=None\)"
    with pytest.warns(UserWarning, match=today) as seen:
        model = Sequential([Late(input_shape=(3,)), Late(), layers.Dense(2)])
    assert len(seen) == 1
    with pytest.warns(UserWarning, match=r"layer\.get_output\(\) .* Today: layer\.output") as seen:
        model.layers[2].get_output()
        model.layers[2].get_output()
    assert len(seen) == 1
