"""Small whole programs of the symbolic kind: losses over middle Tensors, gradients as Tensors,
functions compiled from pieces of graphs; and graphs that are long, wide, or cannot be.
"""

import numpy as np
import pytest

import cornu as keras
from cornu import Model, Sequential, Variable, layers, ops, settings, state
from cornu.graph import Function, Tensor, gradients
from cornu.layers import Conv2D, Dense, Input

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


@pytest.fixture
def float64():
    settings.set_floatx("float64")
    yield
    settings.set_floatx("float32")


def numeric(fn, x, step=1e-6):
    """The gradient of `fn` at `x` by central differences."""
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        both = []
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            both.append(float(fn(moved)))
        slope[place] = (both[0] - both[1]) / (2 * step)
    return slope


# ---------------------------------------------------------------- style and content


def gram(maps):
    """(height, width, channels) -> how channels go together: (channels, channels)."""
    flat = ops.reshape(ops.transpose(maps, (2, 0, 1)), (maps.shape[-1], -1))
    return flat @ ops.transpose(flat)


def style_program():
    """The picture to be made, and a loss over the layers of a network that sees three pictures."""
    base, style = (Variable(RNG.normal(size=(1, 8, 8, 3)), trainable=False) for _ in range(2))
    picture = Tensor((1, 8, 8, 3), name="picture")
    three = ops.concatenate([base, style, picture], axis=0)
    x = Input(tensor=three)
    y = Conv2D(4, 3, activation="tanh", name="block1")(x)
    y = Conv2D(4, 3, activation="tanh", name="block2")(y)
    network = Model(x, y)
    answers = {layer.name: layer.output for layer in network.layers}
    content = answers["block2"]
    loss = 0.025 * ops.sum(ops.square(content[2] - content[0]))
    for name in ("block1", "block2"):
        maps = answers[name]
        size = 4.0 * (4**2) * (64**2)
        loss = loss + 1.0 * ops.sum(ops.square(gram(maps[1]) - gram(maps[2]))) / size
    a, b = picture[:, :-1, :-1], picture[:, 1:, :-1]
    loss = loss + 0.01 * ops.sum(ops.power(ops.square(a - b), 1.25))
    return network, base, style, picture, loss


def test_style_transfer_by_a_quasi_newton_method(float64):
    optimize = pytest.importorskip("scipy.optimize", reason="needs scipy (the extra `images`)")
    _, base, _, picture, loss = style_program()
    both = Function([picture], [loss, *gradients(loss, picture)])

    def loss_and_slope(flat):
        value, slope = both([flat.reshape(1, 8, 8, 3)])
        return float(value), np.asarray(slope, "float64").ravel()

    start = RNG.normal(size=192)
    begun, slope = loss_and_slope(start)
    some = RNG.choice(192, 8, replace=False)
    for place in some:
        step = np.zeros(192)
        step[place] = 1e-5
        wanted = (loss_and_slope(start + step)[0] - loss_and_slope(start - step)[0]) / 2e-5
        assert np.isclose(slope[place], wanted, rtol=1e-5, atol=1e-8)
    made, least, _ = optimize.fmin_l_bfgs_b(loss_and_slope, start, maxfun=40)
    assert least < 0.2 * begun and loss_and_slope(made)[0] == pytest.approx(least)


def test_the_loss_of_style_and_content_by_its_formula(float64):
    network, base, style, picture, loss = style_program()
    x = RNG.normal(size=(1, 8, 8, 3))
    pictures = np.concatenate([base.numpy(), style.numpy(), x])
    first, second = Model(network.input, [v.output for v in network.layers[-2:]])(pictures)
    wanted = 0.025 * np.sum((second[2] - second[0]) ** 2)
    for maps in (np.asarray(first), np.asarray(second)):
        flat = np.moveaxis(maps, -1, 1).reshape(3, 4, -1)
        grams = flat @ np.swapaxes(flat, 1, 2)
        wanted += np.sum((grams[1] - grams[2]) ** 2) / (4 * 16 * 4096)
    wanted += 0.01 * np.sum(((x[:, :-1, :-1] - x[:, 1:, :-1]) ** 2) ** 1.25)
    assert float(Function([picture], loss)([x])) == pytest.approx(float(wanted), rel=1e-9)


# ---------------------------------------------------------------- dreams


def test_a_dream_loop():
    model = Sequential([
        Input((None, None, 3)), Conv2D(6, 3, activation="relu", padding="same", name="low"),
        layers.MaxPooling2D(), Conv2D(8, 3, activation="relu", padding="same", name="high"),
    ])  # fmt: skip
    dream = model.input
    loss = 0.0
    for name, weight in {"low": 0.2, "high": 1.5}.items():
        maps = model.get_layer(name).output
        inner = maps[:, 1:-1, 1:-1, :]
        loss = loss + weight * ops.mean(ops.square(inner))
    (slope,) = gradients(loss, dream)
    slope = slope / ops.maximum(ops.mean(ops.abs(slope)), 1e-7)
    step = Function([dream], [loss, slope])
    for side in (8, 12):  # octaves: a new size each
        x = RNG.uniform(-0.5, 0.5, size=(1, side, side, 3)).astype("float32")
        losses = []
        for _ in range(10):
            value, along = step([x])
            losses.append(float(value))
            x = x + 0.02 * np.asarray(along)
        assert np.all(np.diff(losses) > 0) and losses[-1] > 1.5 * losses[0]


# ---------------------------------------------------------------- both phases


def test_a_middle_layer_in_both_phases():
    norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name="norm")
    model = Sequential([
        Input((3,)), Dense(4, name="a"), norm, layers.Dropout(0.5, name="drop"), Dense(1),
    ])  # fmt: skip
    x = RNG.normal(size=(500, 3)).astype("float32")
    run = Function([model.layers[0].input], [norm.output, model.get_layer("drop").output])
    kernel, bias = model.layers[0].get_weights()
    z = x @ kernel + bias
    known, passed = run([x], training=False)
    assert np.allclose(known, z / np.sqrt(1 + 1e-3), atol=1e-5)
    assert np.array_equal(known, passed)
    assert np.array_equal(run([x])[0], known)
    seen, dropped = (np.asarray(v) for v in run([x], training=True))
    normal = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-3)
    assert np.allclose(seen, normal, atol=1e-4)
    kept = dropped != 0
    assert 0.45 < kept.mean() < 0.55
    assert np.allclose(dropped[kept], 2 * seen[kept], rtol=1e-5)
    assert not np.array_equal(kept, np.asarray(run([x], training=True)[1]) != 0)
    assert np.abs(norm.moving_mean.numpy()).max() > 0  # a call in training moves what is moved


def test_a_feed_in_the_middle_of_a_model():
    model = Sequential([Input((3,)), Dense(4, activation="tanh"), Dense(2)])
    middle = model.layers[0].output
    tail = Function([middle], model.output)
    z = RNG.normal(size=(5, 4)).astype("float32")
    kernel, bias = model.layers[1].get_weights()
    assert np.allclose(tail([z]), z @ kernel + bias, atol=1e-5)
    by_both = Function([model.input, middle], [model.output, middle + model.input[:, :1]])
    out, mixed = by_both([np.ones((5, 3)), z])
    assert np.allclose(out, z @ kernel + bias, atol=1e-5) and np.allclose(mixed, z + 1, atol=1e-6)


# ---------------------------------------------------------------- gradients of gradients


def critic_program():
    critic = Sequential([Input((2,)), Dense(5, activation="tanh"), Dense(1)])
    real, fake, share = Input((2,)), Input((2,)), Input((1,))
    between = share * real + (1.0 - share) * fake
    (slope,) = gradients(critic(between), between)
    length = ops.sqrt(ops.sum(ops.square(slope), axis=1))
    penalty = ops.mean(ops.square(length - 1.0))
    loss = ops.mean(critic(fake)) - ops.mean(critic(real)) + 10.0 * penalty
    return critic, [real, fake, share], penalty, loss


def test_a_gradient_penalty_against_its_formula_and_differences(float64):
    critic, inputs, penalty, loss = critic_program()
    data = [RNG.normal(size=(6, 2)), RNG.normal(size=(6, 2)), RNG.uniform(size=(6, 1))]
    cells = critic.trainable_variables
    value = Function(inputs, [loss, penalty])
    slopes = Function(inputs, gradients(loss, cells))(data)

    kernel, bias, last, _ = critic.get_weights()
    between = data[2] * data[0] + (1 - data[2]) * data[1]
    hidden = np.tanh(between @ kernel + bias)
    slope = ((1 - hidden**2) * last[:, 0]) @ kernel.T
    wanted = np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)
    assert float(value(data)[1]) == pytest.approx(wanted, rel=1e-10)

    for cell, found in zip(cells, slopes, strict=True):
        before = cell.numpy()

        def at(moved, cell=cell):
            cell.assign(moved)
            return value(data)[0]

        assert np.allclose(found, numeric(at, before), atol=1e-6), cell.path
        cell.assign(before)


def test_a_critic_trained_by_updates():
    critic, inputs, penalty, loss = critic_program()
    cells = critic.trainable_variables
    moves = [(w, w - 0.05 * g) for w, g in zip(cells, gradients(loss, cells), strict=True)]
    train = Function(inputs, [loss, penalty], updates=moves)
    found = []
    for _ in range(150):
        real = RNG.normal(size=(32, 2)) + [2.0, 0.0]
        found.append([float(v) for v in train([real, RNG.normal(size=(32, 2)),
                                              RNG.uniform(size=(32, 1))])])  # fmt: skip
    losses = np.array(found)
    assert losses[-20:, 0].mean() < -1.0 < losses[:5, 0].mean()
    assert losses[-20:, 1].mean() < 0.2
    scores = critic.predict(np.array([[3.0, 0.0], [-1.0, 0.0]]), verbose=0)
    assert scores[0] > scores[1]


# ---------------------------------------------------------------- a loss that is a Tensor


def autoencoder():
    """A variational autoencoder whose loss is a Tensor of its own graph."""
    x = Input((4,), name="x")
    mean, log_variance = Dense(2, name="mean")(x), Dense(2, name="log_variance")(x)
    noise = layers.GaussianNoise(1.0)(ops.zeros_like(mean))
    code = mean + ops.exp(0.5 * log_variance) * noise
    again = Dense(4, name="again")(code)
    rebuilt = ops.sum(ops.square(x - again), axis=1)
    spread = -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=1)
    return x, mean, log_variance, again, rebuilt + 0.01 * spread


def test_a_model_whose_output_is_its_loss():
    x, mean, _, again, loss = autoencoder()
    trainer = Model(x, loss)
    trainer.compile(keras.optimizers.Adam(0.02), loss=lambda y_true, y_pred: y_pred)
    data = (RNG.normal(size=(256, 1)) * [1.0, 2.0, -1.0, 0.5]).astype("float32")
    first = trainer.evaluate(data, np.zeros(256), verbose=0)
    trainer.fit(data, np.zeros(256), epochs=30, verbose=0)
    last = trainer.evaluate(data, np.zeros(256), verbose=0)
    assert last < 0.3 * first
    encoder, coder = Model(x, mean), Model(x, again)
    assert encoder.predict(data, verbose=0).shape == (256, 2)
    assert np.mean((coder.predict(data, verbose=0) - data) ** 2) < 0.3  # the weights are shared


def test_the_loss_tensor_by_its_formula_and_in_a_function():
    x, mean, log_variance, again, loss = autoencoder()
    data = RNG.normal(size=(3, 4)).astype("float32")
    value, m, v, y = (np.asarray(a) for a in Function([x], [loss, mean, log_variance, again])(
        [data]))  # fmt: skip
    wanted = ((data - y) ** 2).sum(axis=1) - 0.005 * (1 + v - m**2 - np.exp(v)).sum(axis=1)
    assert np.allclose(value, wanted, rtol=1e-5)
    model = Model(x, again)
    cells = model.trainable_variables
    assert len(cells) == 6
    (total,) = [ops.mean(loss)]
    moves = [(w, w - 0.05 * g) for w, g in zip(cells, gradients(total, cells), strict=True)]
    train = Function([x], total, updates=moves)
    values = [float(train([data], training=True)) for _ in range(60)]
    assert np.mean(values[-5:]) < 0.6 * values[0]


# ---------------------------------------------------------------- what cannot be


def test_disconnected_inputs_are_named_with_their_readers():
    a, b = Input((3,), name="pixels"), Input((3,), name="labels")
    y = layers.Add(name="join")([Dense(3)(a), b])
    for make in (lambda: Model(a, y), lambda: Function([a], y)):
        with pytest.raises(ValueError, match=r'Input "labels".*read by "join".*E-DISCONNECTED'):
            make()
    lost = Tensor((None, 3), name="lost")
    with pytest.raises(ValueError, match='"lost".*E-DISCONNECTED'):
        Function([a], a + lost)
    with pytest.raises(ValueError, match='"labels".*E-DISCONNECTED'):
        Function([a], gradients(ops.sum(y), a))


def test_a_loss_tensor_is_not_added_in_silence():
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(ValueError, match="make the loss an output.*E-SYMBOLIC"):
        model.add_loss(ops.mean(model.output))


def test_a_circle_of_layers_is_named():
    x = Input((3,), name="x")
    model = Model(x, Dense(3, name="last")(Dense(3, name="first")(x)))
    config = model.get_config()
    by_name = {layer["name"]: layer for layer in config["layers"]}
    by_name["first"]["inbound_nodes"] = by_name["last"]["inbound_nodes"]
    history = by_name["first"]["inbound_nodes"][0]["args"][0]["config"]["keras_history"]
    history[0] = "last"
    with pytest.raises(ValueError, match="first.*E-CYCLE|last.*E-CYCLE"):
        Model.from_config(config)


# ---------------------------------------------------------------- long and wide

LONG = 5000


def test_a_chain_of_five_thousand_nodes():
    x = y = Input((2,))
    for _ in range(LONG):
        y = y + 0.001
    zeros = np.zeros((1, 2), "float32")
    value, slope = Function([x], [y, *gradients(ops.sum(y * y), x)])([zeros])
    assert np.allclose(value, 5.0, rtol=1e-3) and np.allclose(slope, 10.0, rtol=1e-3)
    model = Model(x, y)
    assert np.allclose(model.predict(zeros, verbose=0), 5.0, rtol=1e-3)
    with pytest.raises(ValueError, match="E-DISCONNECTED"):
        Model(Input((2,)), y)


def test_five_thousand_nodes_side_by_side():
    x = Input((2,))
    parts = [x * 1.0 for _ in range(LONG)]
    together = ops.sum(ops.stack(parts, axis=0), axis=0)
    assert np.allclose(Function([x], together)([np.ones((1, 2))]), LONG)
    few = ops.sum(ops.stack(parts[:500], axis=0), axis=0)
    assert np.allclose(Function([x], gradients(few, x))([np.ones((1, 2))])[0], 500)
    model = Model(x, parts)
    assert len(model.outputs) == LONG and len(model(np.ones((1, 2), "float32"))) == LONG


def test_a_tower_of_models():
    x = Input((2,))
    model = Model(x, x + 1.0)
    for _ in range(30):
        outside = Input((2,))
        model = Model(outside, model(outside) + 1.0)
    assert np.allclose(model.predict(np.zeros((1, 2)), verbose=0), 31.0)
