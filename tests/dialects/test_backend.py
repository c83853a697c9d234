"""`K` as scripts use it: graphs of placeholders and variables, functions, gradients, layers."""

import numpy as np
import pytest

from cornu import backend as K
from cornu import config, initializers, layers, models, optimizers
from cornu.errors import UsageError, UsageTypeError
from cornu.state import seeds, set_random_seed


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.fixture(autouse=True)
def fresh():
    set_random_seed(0)
    K.clear_session()
    yield
    K.clear_session()


# ---------------------------------------------------------------- acceptance


def test_function_of_a_placeholder_and_a_layer():
    x = K.placeholder(shape=(3,))
    y = layers.Activation("sigmoid")(x)
    f = K.function([x], [y])
    (found,) = f([np.array([1, 2, 3])])
    np.testing.assert_allclose(found, [0.7310586, 0.880797, 0.9525741], rtol=1e-6)
    assert found.dtype == "float32"


def antirectifier(x):
    x -= K.mean(x, axis=1, keepdims=True)
    x = K.l2_normalize(x, axis=1)
    pos = K.relu(x)
    neg = K.relu(-x)
    return K.concatenate([pos, neg], axis=1)


def test_antirectifier_in_a_model_that_trains():
    x, labels = batch(64, 8), (batch(64, 8)[:, 0] > 0).astype("int32")
    model = models.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(16),
            layers.Lambda(antirectifier),
            layers.Dense(2, activation="softmax"),
        ]
    )
    assert model.layers[1].output_shape == (None, 32)
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(x, labels, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    rows = x - x.mean(1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    expected = np.concatenate([np.maximum(rows, 0), np.maximum(-rows, 0)], 1)
    np.testing.assert_allclose(antirectifier(K.constant(x)), expected, rtol=1e-4, atol=1e-6)


def test_middle_layer_in_both_phases():
    model = models.Sequential(
        [layers.Input((4,)), layers.Dense(5), layers.Dropout(0.5), layers.Dense(2)]
    )
    f = K.function([model.input, K.learning_phase()], [model.layers[1].output])
    x = np.ones((50, 4), "float32")
    dense = x @ model.layers[0].get_weights()[0]
    np.testing.assert_allclose(f([x, 0])[0], dense, rtol=1e-5)
    trained = f([x, 1])[0]
    kept = trained != 0
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_allclose(trained[kept], 2 * dense[kept], rtol=1e-5)


def test_running_a_layer_in_training_changes_nothing():
    """Moving averages change by updates that are asked for, and not by looking."""
    model = models.Sequential([layers.Input((4,)), layers.BatchNormalization()])
    before = [w.copy() for w in model.get_weights()]
    K.function([model.input, K.learning_phase()], [model.output])([batch(8, 4), 1])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def _ascended():
    image = layers.Input((8,))
    net = layers.Dense(4, activation="tanh", kernel_initializer=initializers.Ones())(image)
    loss = K.mean(net[:, 0])
    grads = K.gradients(loss, [image])[0]
    grads /= K.sqrt(K.mean(K.square(grads))) + 1e-5
    return K.function([image], [loss, grads])


def test_gradient_ascent_on_an_image():
    iterate, x = _ascended(), np.zeros((1, 8), "float32")
    first, grads = iterate([x])
    np.testing.assert_allclose(grads, np.ones((1, 8)), rtol=1e-3)
    for _ in range(20):
        last, grads = iterate([x])
        x += grads * 0.1
    assert first == 0
    assert last > 0.99


def test_gradients_for_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    image = K.placeholder((1, 4, 4, 1))
    target = K.variable(batch(1, 4, 4, 1))
    loss = K.variable(0.0)
    loss = loss + 2.0 * K.sum(K.square(image - target))
    f = K.function([image], [loss, K.gradients(loss, image)[0]])

    def both(x):
        value, slope = f([x.reshape(1, 4, 4, 1)])
        return float(value), slope.flatten().astype("float64")

    x, least, _ = optimize.fmin_l_bfgs_b(both, np.zeros(16), maxfun=20)
    assert least < 1e-6
    np.testing.assert_allclose(x, K.get_value(target).reshape(-1), atol=1e-4)


def gram(x):
    features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    return K.dot(features, K.transpose(features))


def test_style_transfer():
    """Variables and a placeholder as one batch through a model; losses summed onto a Variable."""
    base, style = K.variable(batch(1, 6, 6, 3)), K.variable(batch(1, 6, 6, 3))
    combination = K.placeholder((1, 6, 6, 3))
    images = K.concatenate([base, style, combination], axis=0)
    assert K.int_shape(images) == (3, 6, 6, 3)
    net = layers.Conv2D(4, 3, activation="relu", name="conv")(layers.Input(tensor=images))
    loss = K.variable(0.0)
    loss += 0.1 * K.sum(K.square(net[2] - net[0]))
    loss += K.sum(K.square(gram(net[1]) - gram(net[2]))) / (4.0 * (3**2) * (36**2))
    loss += K.mean(K.pow(K.square(combination[:, :5, :5, :] - combination[:, 1:, :5, :]), 1.25))
    (grads,) = K.gradients(loss, combination)
    f = K.function([combination], [loss, grads])
    x = batch(1, 6, 6, 3) + 0.5
    value, slope = f([x])
    assert slope.shape == x.shape
    assert f([x - 1e-3 * slope / np.abs(slope).max()])[0] < value


def test_dreams():
    """Sizes counted by `K.prod(K.cast(K.shape(x)))`, slices, and a loss that is subtracted from."""
    dream = layers.Input((None, None, 1))
    x = layers.Conv2D(2, 3, kernel_initializer="ones")(dream)
    scaling = K.prod(K.cast(K.shape(x), "float32"))
    loss = K.variable(0.0)
    loss -= K.sum(K.square(x[:, 1:-1, 1:-1, :])) / scaling
    grads = K.gradients(loss, dream)[0]
    grads /= K.maximum(K.mean(K.abs(grads)), 1e-7)
    f = K.function([dream], [loss, grads])
    value, slope = f([np.ones((1, 6, 7, 1))])
    assert value == pytest.approx(-(81 * 2 * 3 * 2) / (4 * 5 * 2))
    assert slope.shape == (1, 6, 7, 1)
    assert np.abs(slope).mean() == pytest.approx(1, rel=1e-4)
    assert f([np.ones((1, 5, 5, 1))])[0] == pytest.approx(-(81 * 2) / (3 * 3 * 2))


def sampling(args):
    z_mean, z_log_sigma = args
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], 2), mean=0.0, stddev=1.0)
    return z_mean + K.exp(z_log_sigma) * epsilon


def test_sampling_lambda_of_an_autoencoder():
    x = layers.Input((6,))
    h = layers.Dense(8, activation="relu")(x)
    mean, deviation = layers.Dense(2)(h), layers.Dense(2)(h)
    z = layers.Lambda(sampling, output_shape=(2,))([mean, deviation])
    model = models.Model(x, layers.Dense(6)(z))
    assert K.int_shape(z) == (None, 2)
    model.compile(optimizers.Adam(0.01), "mse")
    losses = model.fit(batch(64, 6), batch(64, 6), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    once, again = (K.function([x], [z])([np.zeros((5, 6))])[0] for _ in range(2))
    assert not np.allclose(once, again)


def test_custom_loss():
    weights = K.variable(np.array([1.0, 3.0]))

    def weighted(y_true, y_pred):
        return K.mean(weights * K.square(y_pred - y_true), axis=-1)

    x, y = batch(32, 3), batch(32, 2)
    model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", weighted)
    expected = np.mean(np.array([1.0, 3.0]) * (model.predict(x, verbose=0) - y) ** 2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_models_of_bare_backend_calls():
    """They train; a file could not say what `K` means, so it says so and names the way out."""
    x = layers.Input((3,))
    y = layers.Dense(2)(K.hard_sigmoid(x) - K.mean(x, axis=1, keepdims=True))
    model = models.Model(x, y)
    model.compile("sgd", "mse")
    model.fit(batch(8, 3), batch(8, 2), verbose=0)
    with pytest.raises(UsageError, match=r"K\.hard_sigmoid.*Lambda"):
        model.to_json()


def test_tensors_from_outside_stand_for_their_values():
    x = layers.Input((3,))
    outer = layers.Dense(3, name="outer")(x)
    larger = layers.Lambda(lambda y: K.maximum(y, outer))(x)
    found, other = K.function([x], [larger, outer])([batch(4, 3)])
    np.testing.assert_allclose(found, np.maximum(batch(4, 3), other), rtol=1e-6)


def test_layer_of_backend_variables():
    """A layer of 1.x: weights are `K.variable`s that it keeps itself."""

    class Scale(layers.Layer):
        def build(self, input_shape):
            self.W = K.ones((input_shape[-1],), name="W")
            self.built = True

        def call(self, x, mask=None):
            return x * self.W + K.zeros((1,))

    model = models.Sequential([layers.Input((3,)), Scale()])
    assert len(model.trainable_weights) == 1
    model.compile(optimizers.SGD(1.0), "mse")
    x = batch(16, 3)
    model.fit(x, 2 * x, epochs=20, verbose=0)
    np.testing.assert_allclose(K.get_value(model.layers[0].W), [2, 2, 2], atol=0.1)


# ---------------------------------------------------------------- functions and updates


def test_function():
    x, y = K.placeholder(ndim=2), K.placeholder(ndim=2, name="y")
    v = K.variable([1.0, 2.0])
    f = K.function([x, y], [x + y, None, v, K.constant(3.0)])
    a, b = batch(3, 2), batch(3, 2)
    assert K.int_shape(x) == (None, None)
    total, nothing, cell, three = f([a, b])
    np.testing.assert_allclose(total, a + b)
    assert nothing is None
    np.testing.assert_array_equal(cell, [1, 2])
    assert isinstance(three, np.float32)
    assert three == 3
    assert all(isinstance(r, np.ndarray) for r in (total, cell))
    np.testing.assert_array_equal(f(a, b)[0], total)
    K.set_value(v, [5.0, 6.0])
    np.testing.assert_array_equal(f([a, b])[2], [5, 6])


def test_function_of_one_output_returns_its_value():
    x = K.placeholder((2,))
    np.testing.assert_array_equal(K.function([x], x * 2)([[1, 2]]), [2, 4])
    assert isinstance(K.function([x], (x * 2,))([[1, 2]]), list)


def test_function_is_fed_in_the_middle():
    x = K.placeholder((2,))
    middle = x * 3
    (found,) = K.function([middle], [middle + 1])([[1, 2]])
    np.testing.assert_array_equal(found, [2, 3])


def test_function_of_nested_models():
    inner = models.Sequential([layers.Input((3,)), layers.Dense(4)])
    x = layers.Input((3,))
    model = models.Model(x, layers.Dense(2)(inner(x)))
    data = batch(5, 3)
    with pytest.raises(UsageError, match="not in"):  # the inner model has an input of its own
        K.function(model.inputs + [K.learning_phase()], [inner.layers[0].output])
    both = K.function([x, inner.input], [inner.layers[0].output, model.output])
    hidden, out = both([data, data])
    np.testing.assert_allclose(hidden, inner.predict(data, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(out, model.predict(data, verbose=0), rtol=1e-4, atol=1e-5)


def test_function_feed_dict_and_fetches():
    x, y, count = K.placeholder((2,)), K.placeholder((2,)), K.variable(0.0)
    f = K.function([x], [x + y], feed_dict={y: [10, 20]}, fetches=[K.update_add(count, 1)])
    np.testing.assert_array_equal(f([[1, 2]])[0], [11, 22])
    assert K.get_value(count) == 1


def test_update():
    count, total = K.variable(0), K.variable([0.0, 0.0])
    x = K.placeholder((2,))
    f = K.function([x], [count], updates=[(count, count + 1), K.update(total, total + x)])
    for n in range(3):
        assert f([[1, 2]]) == [n]
    assert K.get_value(count) == 3
    np.testing.assert_array_equal(K.get_value(total), [3, 6])


def test_update_add():
    v = K.variable(1.0)
    f = K.function([], [v * 10], updates=[K.update_add(v, 2)])
    assert f([]) == [10]
    assert f() == [30]
    assert K.eval(K.update_add(v, 1)) == 6


def test_update_sub():
    v = K.variable(1.0)
    K.function([], [], updates=[K.update_sub(v, 0.25)])([])
    assert K.get_value(v) == 0.75


def test_moving_average_update():
    v = K.variable([1.0, 2.0])
    pair = K.moving_average_update(v, K.constant([3.0, 4.0]), 0.9)
    assert pair[0] is v
    K.function([], [], updates=[[pair]])([])
    np.testing.assert_allclose(K.get_value(v), [1.2, 2.2], rtol=1e-6)


def test_updates_see_values_of_before():
    """Both new values are made of the old ones, in whatever order they are listed."""
    a, b = K.variable(1.0), K.variable(2.0)
    K.function([], [], updates=[(a, b), (b, a)])([])
    assert K.batch_get_value([a, b]) == [2, 1]


def test_functions_that_draw_nothing_take_no_seeds():
    x = K.placeholder((2,))
    f = K.function([x], [x * 2])
    taken = seeds.taken
    f([[1, 2]])
    assert seeds.taken == taken
    draw = K.function([], [K.random_normal((2,))])
    once, again = draw([])[0], draw([])[0]
    assert not np.array_equal(once, again)
    assert seeds.taken == taken + 2


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda x: K.function([x], [x], update=[]), UsageTypeError, r'"update".*"updates"'),
        (lambda x: K.function([np.ones(2)], [x]), UsageTypeError, "placeholder"),
        (lambda x: K.function([], [x]), UsageError, "not in"),
        (lambda x: K.function([x], [x])([]), UsageError, "1 inputs; got 0"),
        (lambda x: K.function([x], [x])([[1, 2, 3]]), UsageError, r"\(3,\)"),
        (lambda x: K.function([x], [x], updates=[(x, x)]), UsageTypeError, "Variable"),
        (lambda x: K.function([x], [x], updates=[3]), UsageTypeError, "pairs"),
        (lambda x: K.eval(x), UsageError, "not in"),
        (lambda x: K.variable(x), UsageTypeError, "K.eval"),
        (lambda x: K.gradients(np.ones(2), [x]), UsageTypeError, "symbolic loss"),
        (lambda x: K.gradients(x, [np.ones(2)]), UsageTypeError, "Tensors and Variables"),
        (lambda x: K.reshape(x, (x[0], -1)), UsageError, "K.shape"),
        (lambda x: K.placeholder(), UsageError, "ndim"),
        (lambda x: K.zeros((None, 3)), UsageError, r"K.shape\(x\)"),
        (lambda x: K.random_normal((None, 3)), UsageError, r"K.shape\(x\)"),
        (lambda x: K.set_learning_phase(2), UsageError, "0 or 1"),
        (lambda x: K.set_value(x, 1), UsageTypeError, "Variable"),
        (lambda x: K.count_params(K.placeholder((None, 2))), UsageError, "known"),
        (lambda x: K.repeat(x, 2), UsageError, "features"),
        (lambda x: K.batch_dot(K.ones((2, 3)), K.ones((2, 4))), UsageError, "axes"),
        (lambda x: K.batch_dot(K.ones((2, 3)), K.ones((2, 3)), 0), UsageError, "axes"),
        (lambda x: K.rnn(None, x, []), UsageError, "time"),
        (
            lambda x: K.rnn(None, K.placeholder(ndim=3), [], unroll=True),
            UsageError,
            "known number of steps",
        ),
        (lambda x: K.spatial_2d_padding(K.ones((1, 2, 2, 1)), (1, 2, 3)), UsageError, "2 pairs"),
        (lambda x: K.dot(x, K.ones((3, 4))), UsageError, r"dot of \(2,\) cannot"),
        (lambda x: K.reshape(x, (3, 3)), UsageError, r"reshape of \(2,\)"),
        (lambda x: K.pool2d(K.ones((1, 2, 2, 1)), (2, 2), pool_mode="mean"), UsageError, "avg"),
        (lambda x: K.bias_add(K.ones((2, 3, 4)), K.ones((1, 1, 1))), UsageError, "bias"),
        (lambda x: K.normalize_data_format("chw"), UsageError, "channels_last"),
        (lambda x: K.resize_images(x, 2, 2, "tf", "cubic"), UsageError, "bilinear"),
        (lambda x: K.batch_normalization(x, x), UsageError, "var"),
        (
            lambda x: K.conv2d_transpose(K.ones((1, 2, 2, 1)), K.ones((2, 2, 1, 1)), (1, 9, 9, 1)),
            UsageError,
            "output_shape",
        ),
    ],
)
def test_bad_input(make, error, words):
    with pytest.raises(error, match=words):
        make(K.placeholder((2,), name="x"))


# ---------------------------------------------------------------- gradients, evaluation


def test_gradients():
    """By Variables, placeholders and what is between, in the order asked; twice over too."""
    x, v = K.placeholder((3,)), K.variable(2.0)
    middle = x * v
    loss = K.sum(K.square(middle))
    by_v, by_middle, by_x = K.gradients(loss, [v, middle, x])
    second = K.gradients(by_v, v)[0]
    a = np.array([1.0, -2.0, 3.0], "float32")
    found = K.function([x], [by_v, by_middle, by_x, second])([a])
    for one, expected in zip(found, [2 * 2 * 14, 4 * a, 8 * a, 2 * 14], strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-6)


def test_gradients_by_weights_of_a_layer():
    model = models.Sequential([layers.Input((3,)), layers.Dense(1, use_bias=False)])
    grads = K.gradients(K.sum(model.output), model.trainable_weights)
    x = batch(4, 3)
    (found,) = K.function([model.input], grads)([x])
    np.testing.assert_allclose(found[:, 0], x.sum(0), rtol=1e-5)


def test_weights_of_a_layer_are_symbols_in_k():
    dense = layers.Dense(2, kernel_initializer="ones")
    dense.build((None, 3))
    penalty = 0.5 * K.sum(K.square(dense.kernel))
    assert K.is_symbolic(penalty)
    assert K.eval(penalty) == 3
    dense.set_weights([2 * np.ones((3, 2)), np.zeros(2)])
    assert K.eval(penalty) == 12


def test_eval():
    v = K.variable([[1.0, 2.0]])
    doubled = v * 2
    np.testing.assert_array_equal(K.eval(doubled), [[2, 4]])
    K.set_value(v, [[3.0, 4.0]])
    np.testing.assert_array_equal(K.eval(doubled), [[6, 8]])
    np.testing.assert_array_equal(K.eval(v), [[3, 4]])
    assert K.eval(K.constant(2)) == 2
    assert K.eval(3.5) == 3.5


def test_get_value():
    v = K.variable(1.5)
    assert K.get_value(v) == v.get_value() == v.eval() == 1.5
    v.set_value(2)
    assert K.get_value(v + 1) == 3
    with pytest.raises(UsageError, match="shape"):
        K.set_value(v, [1.0, 2.0])


def test_set_value():
    optimizer = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    optimizer.compile("sgd", "mse")
    rate = optimizer.optimizer.learning_rate
    K.set_value(rate, 0.25)
    assert K.get_value(rate) == 0.25


def test_batch_set_value():
    a, b = K.variable(1.0), K.zeros((2,))
    K.batch_set_value([(a, 3), (b, [4, 5])])
    assert K.batch_get_value([a]) == [3]
    np.testing.assert_array_equal(K.batch_get_value(xs=[b])[0], [4, 5])


batch_get_value = test_batch_set_value


def test_print_tensor(capfd):
    """A compiled run prints, each time it runs."""
    x = K.placeholder((2,))
    f = K.function([x], [K.print_tensor(x * 2, "y is ") + 1])
    for values in ([1.0, 2.0], [3.0, 4.0]):
        np.testing.assert_allclose(f([values])[0], 2 * np.array(values) + 1)
    assert capfd.readouterr().out.split() == "y is [2. 4.] y is [6. 8.]".split()


def test_print_tensor_is_differentiated():
    x = K.placeholder((2,))
    f = K.function([x], K.gradients(K.sum(K.square(K.print_tensor(x * 2))), [x]))
    np.testing.assert_allclose(f([[1.0, 2.0]])[0], [8, 16])


# ---------------------------------------------------------------- sessions, phases, names


def test_get_session():
    session, v, x = K.get_session(), K.variable(1.0), K.placeholder((2,))
    K.set_session("of another library")
    assert K.get_session() is session
    with session.as_default():
        a, (b, c) = session.run((v, [x + v, K.learning_phase()]), {x: [1, 2]})
    assert a == 1
    np.testing.assert_array_equal(b, [2, 3])
    assert c == 0
    assert session.run(K.learning_phase(), feed_dict={K.learning_phase(): 1}) == 1
    session.close()


def test_learning_phase():
    x = K.placeholder((2,))
    y = K.in_train_phase(x * 2, lambda: x)
    assert K.function([x], [y])([[1, 2]])[0].tolist() == [1, 2]
    assert K.function([x, K.learning_phase()], [y])([[1, 2], True])[0].tolist() == [2, 4]
    assert K.eval(K.learning_phase() * 3 + K.variable(1.0)) == 1


def test_set_learning_phase():
    x = K.placeholder((2,))
    y = K.in_train_phase(x * 2, x)
    K.set_learning_phase(1)
    assert K.learning_phase() == 1
    assert K.in_train_phase(3, 4) == 3
    assert K.function([x], [y])([[1, 2]])[0].tolist() == [2, 4]
    assert K.function([x, K.learning_phase()], [y])([[1, 2], 0])[0].tolist() == [1, 2]


def test_in_train_phase_within_a_layer():
    layer = layers.Lambda(lambda x: K.in_train_phase(x * 2, x))
    x = layers.Input((2,))
    f = K.function([x, K.learning_phase()], [layer(x)])
    assert f([[[1, 2]], 0])[0].tolist() == [[1, 2]]
    assert f([[[1, 2]], 1])[0].tolist() == [[2, 4]]


def test_get_uid():
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]
    K.reset_uids()
    assert K.get_uid("a") == 1


reset_uids = test_get_uid


def test_clear_session():
    first = config.unique_name("dense_of_test")
    assert config.unique_name("dense_of_test") != first
    K.get_uid("a")
    K.set_learning_phase(1)
    K.clear_session()
    assert config.unique_name("dense_of_test") == first
    assert K.get_uid("a") == 1
    assert K.is_symbolic(K.learning_phase())


def test_name_scope():
    with K.name_scope("outer"), K.name_scope("inner"):
        v = K.variable(1.0, name="v")
    assert v.path == "outer/inner/v"
    assert K.variable(1.0, name="v").path == "v"


def test_harmless():
    """What other engines need, and this one does not, is accepted."""
    K.manual_variable_initialization(True)
    K.manual_variable_initialization(False)
    assert K.v1_variable_initialization() is None
    with K.control_dependencies([K.variable(1.0)]):
        assert K.eval(K.constant(1.0)) == 1
    assert K.symbolic(test_harmless) is K.eager(test_harmless) is test_harmless
    assert K.legacy_weight_ordering() is False
    K.set_legacy_weight_ordering(True)
    assert K.legacy_weight_ordering() is True
    K.set_legacy_weight_ordering(False)


manual_variable_initialization = v1_variable_initialization = control_dependencies = test_harmless
symbolic = eager = legacy_weight_ordering = set_legacy_weight_ordering = test_harmless
set_session = test_get_session
