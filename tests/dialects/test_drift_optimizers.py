"""Optimizers of older generations, as scripts make them, against their formulas in float64."""

import json

import numpy as np
import pytest

from cornu import backend as K
from cornu import callbacks, layers, models, optimizers, saving
from cornu.dialects import generations, spellings, table
from cornu.dialects.optimizers import DECAYING
from cornu.errors import UsageError
from cornu.optimizers.schedules import InverseTimeDecay
from cornu.state import Variable

RANDOM = np.random.default_rng(0)
P = RANDOM.normal(size=(3, 2))
GRADIENTS = RANDOM.normal(size=(4, 3, 2)) * 1e-3  # small: so epsilon counts
OLDER = generations.GENERATIONS[:-1]


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def stepped(optimizer, gradients=GRADIENTS, start=P):
    p = Variable(start.astype("float32"), name="p")
    optimizer.build([p])
    for g in gradients:
        optimizer.apply([g.astype("float32")], [p])
    return p.numpy()


def near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7)


# ---------------------------------------------------------------- numbers taken for granted

RATES = {
    "SGD": 0.01, "RMSprop": 0.001, "Adagrad": 0.01, "Adadelta": 1.0, "Adam": 0.001,
    "Adamax": 0.002, "Nadam": 0.002,
}  # fmt: skip


def epsilon_of(name, generation):
    if generation in ("2.2", "2.3"):
        return 1e-7
    return 1e-6 if generation == "0.3" and name in ("RMSprop", "Adagrad", "Adadelta") else 1e-8


@pytest.mark.parametrize("generation", OLDER)
@pytest.mark.parametrize("name", RATES)
def test_numbers(name, generation):
    with generations.within(generation):
        config = getattr(optimizers, name)().get_config()
    assert config["learning_rate"] == pytest.approx(RATES[name])
    if name != "SGD":
        assert config["epsilon"] == pytest.approx(epsilon_of(name, generation))


# ---------------------------------------------------------------- formulas


def rmsprop(p, rate, epsilon, outer, rho=0.9):
    v = 0
    for g in GRADIENTS:
        v = rho * v + (1 - rho) * g * g
        p = p - rate * g / (np.sqrt(v) + epsilon if outer else np.sqrt(v + epsilon))
    return p


def adagrad(p, rate, epsilon, outer):
    n = 0  # where today begins at 0.1
    for g in GRADIENTS:
        n = n + g * g
        p = p - rate * g / (np.sqrt(n) + epsilon if outer else np.sqrt(n + epsilon))
    return p


@pytest.mark.parametrize("generation", OLDER)
@pytest.mark.parametrize("rule", [rmsprop, adagrad])
def test_place_of_epsilon(rule, generation):
    cls = {rmsprop: optimizers.RMSprop, adagrad: optimizers.Adagrad}[rule]
    with generations.within(generation):
        optimizer = cls(learning_rate=0.01, epsilon=1e-4)
    near(stepped(optimizer), rule(P, 0.01, 1e-4, generation != "0.3"))


def nadam(p, rate, decay, a=0.9, b=0.999, epsilon=1e-8):
    m = v = 0
    product = 1
    for t, g in enumerate(GRADIENTS, 1):
        u, later = (a * (1 - 0.5 * 0.96 ** (s * decay)) for s in (t, t + 1))
        product *= u
        m, v = a * m + (1 - a) * g, b * v + (1 - b) * g * g
        bar = (1 - u) * g / (1 - product) + later * m / (1 - product * later)
        p = p - rate * bar / (np.sqrt(v / (1 - b**t)) + epsilon)
    return p


@pytest.mark.parametrize("generation", OLDER[1:])
def test_warm_up_of_nadam(generation):
    with generations.within(generation):
        near(stepped(optimizers.Nadam(epsilon=1e-8)), nadam(P, 0.002, 0.004))
        with pytest.warns(UserWarning, match=r"Nadam\(schedule_decay\) is an old spelling"):
            other = optimizers.Nadam(epsilon=1e-8, schedule_decay=0.5)
        table.forget_warnings()
    near(stepped(other), nadam(P, 0.002, 0.5))


@pytest.mark.parametrize("generation", [*OLDER, "3"])
def test_clipnorm(generation):
    """Two gradients of norms 3 and 4, together 5; clipped to 1."""
    first, second = (Variable(np.zeros(1, "float32"), name=name) for name in "ab")
    with generations.within(generation):
        optimizer = optimizers.SGD(1.0, clipnorm=1.0)
    optimizer.build([first, second])
    optimizer.apply([np.float32([3.0]), np.float32([4.0])], [first, second])
    together = generation != "3"
    near(first.numpy(), [-0.6 if together else -1.0])
    near(second.numpy(), [-0.8 if together else -1.0])


@pytest.mark.parametrize("generation", [*OLDER, "3"])
def test_both_clips(generation):
    """(3, 4) becomes (0.6, 0.8) by its norm, and (0.6, 0.7) by its values."""
    p = Variable(np.zeros(2, "float32"), name="p")
    with generations.within(generation):
        if generation == "3":
            with pytest.raises(UsageError, match="E-CLIP"):
                optimizers.SGD(1.0, clipnorm=1.0, clipvalue=0.7)
            return
        optimizer = optimizers.SGD(1.0, clipnorm=1.0, clipvalue=0.7)
        again = optimizers.SGD.from_config(optimizer.get_config())
    optimizer.build([p])
    optimizer.apply([np.float32([3, 4])], [p])
    near(p.numpy(), [-0.6, -0.7])
    assert again.get_config() == optimizer.get_config()


# ---------------------------------------------------------------- decay


def sgd_decayed(p, rates, decay, momentum=0.9):
    m = 0
    for step, (g, rate) in enumerate(zip(GRADIENTS, rates, strict=True)):
        m = momentum * m - rate / (1 + decay * step) * g
        p = p + m
    return p


def adam_decayed(p, rates, decay, a=0.9, b=0.999, epsilon=1e-4):
    m = v = 0
    for step, (g, rate) in enumerate(zip(GRADIENTS, rates, strict=True)):
        t = step + 1
        alpha = rate / (1 + decay * step) * np.sqrt(1 - b**t) / (1 - a**t)
        m, v = a * m + (1 - a) * g, b * v + (1 - b) * g * g
        p = p - alpha * m / (np.sqrt(v) + epsilon)
    return p


def rmsprop_decayed(p, rates, decay, rho=0.9, epsilon=1e-4):
    v = 0
    for step, (g, rate) in enumerate(zip(GRADIENTS, rates, strict=True)):
        v = rho * v + (1 - rho) * g * g
        p = p - rate / (1 + decay * step) * g / (np.sqrt(v) + epsilon)
    return p


DECAYED = {
    "SGD": (sgd_decayed, {"momentum": 0.9}),
    "Adam": (adam_decayed, {"epsilon": 1e-4}),
    "RMSprop": (rmsprop_decayed, {"epsilon": 1e-4}),
}


def decaying(name, generation="2.2", decay=0.5, **more):
    with generations.within(generation), pytest.warns(UserWarning, match="InverseTimeDecay"):
        made = getattr(optimizers, name)(lr=0.1, decay=decay, **more)
    table.forget_warnings()
    return made


@pytest.mark.parametrize("generation", OLDER)
@pytest.mark.parametrize("name", DECAYED)
def test_decay(name, generation):
    """`rate / (1 + decay * updates)`; the rate is a number that can be read and set."""
    rule, more = DECAYED[name]
    optimizer = decaying(name, generation, **more)
    near(stepped(optimizer), rule(P, [0.1] * 4, 0.5))
    assert K.get_value(optimizer.learning_rate) == pytest.approx(0.1)


@pytest.mark.parametrize("name", DECAYED)
def test_the_rate_is_set_in_the_midst_of_it(name):
    rule, more = DECAYED[name]
    optimizer, p = decaying(name, **more), Variable(P.astype("float32"), name="p")
    optimizer.build([p])
    setters = (
        lambda: None,
        lambda: K.set_value(optimizer.lr, 0.2),
        lambda: optimizer.lr.set_value(0.3),
        lambda: setattr(optimizer, "lr", 0.4),
    )
    with pytest.warns(UserWarning, match="optimizer.lr is an old spelling"):
        for g, setter in zip(GRADIENTS, setters, strict=True):
            setter()
            optimizer.apply([g.astype("float32")], [p])
    near(p.numpy(), rule(P, [0.1, 0.2, 0.3, 0.4], 0.5))
    assert optimizer.lr.get_value() == pytest.approx(0.4)


@pytest.mark.parametrize("name", DECAYING)
def test_all_of_them_decay(name):
    """The second step on the same gradient is that of a rate half as large, but for the state."""
    made, plain = decaying(name, decay=1.0), getattr(optimizers, name)
    g = np.full((3, 2), 0.1)
    with generations.within("2.2"):
        first = stepped(plain(0.1), [g])
        second = stepped(plain(0.1), [g, g]) - first
    near(stepped(made, [g, g]), first + second / 2)


def test_a_decay_of_nothing():
    """What was made without `decay` has one of 0, which can be set before training."""
    with generations.within("1.2"):
        optimizer = optimizers.SGD(0.1, momentum=0.9)
        assert K.get_value(optimizer.decay) == 0
        optimizer.decay = 0.5
    near(stepped(optimizer), sgd_decayed(P, [0.1] * 4, 0.5))
    assert K.get_value(optimizer.decay) == 0.5


def test_names_are_those_of_today():
    optimizer = decaying("Adam")
    assert optimizer.__class__ is optimizers.Adam
    assert isinstance(optimizer, optimizers.Adam)
    assert optimizer.name == "adam"


# ---------------------------------------------------------------- models


def model_with(optimizer):
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, name="out")])
    model.compile(optimizer, "mse")
    return model


X, Y = RANDOM.normal(size=(4, 2)).astype("float32"), RANDOM.normal(size=(4, 1)).astype("float32")


def by_hand(weights, rates, decay):
    """Gradient descent on the mean square of x w + b - y."""
    w, b = (np.asarray(v, "float64") for v in weights)
    for step, rate in enumerate(rates):
        error = X.astype("float64") @ w + b - Y
        fallen = rate / (1 + decay * step)
        w = w - fallen * 2 * X.T.astype("float64") @ error / 4
        b = b - fallen * 2 * error.sum(0) / 4
    return w, b


def test_callbacks_set_the_rate():
    model = model_with(decaying("SGD"))
    before = model.get_weights()
    rates = [0.1, 0.05, 0.2]
    schedule = callbacks.LearningRateScheduler(lambda epoch: rates[epoch])
    model.fit(X, Y, epochs=3, batch_size=4, verbose=0, callbacks=[schedule])
    for found, expected in zip(model.get_weights(), by_hand(before, rates, 0.5), strict=True):
        near(found, expected)
    assert K.get_value(model.optimizer.learning_rate) == pytest.approx(0.2)


def test_plateaus_lower_the_rate():
    model = model_with(decaying("SGD"))
    with generations.within("2.2"):
        lower = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
        model.fit(X, Y, epochs=3, batch_size=4, verbose=0, callbacks=[lower])
    assert K.get_value(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.5**2)


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_files_keep_it(kind, tmp_path):
    """Loaded, it goes on from the same step, with the rate that was set last."""
    model = model_with(decaying("SGD"))
    model.train_on_batch(X, Y)
    model.optimizer.learning_rate = 0.3
    path = tmp_path / f"m.{kind}"
    model.save(path)
    again = saving.load_model(path)
    assert type(again.optimizer) is type(model.optimizer)
    before = again.get_weights()
    again.train_on_batch(X, Y)
    expected = by_hand(before, [0.3 / 1.5], 0.0)
    for found, wanted in zip(again.get_weights(), expected, strict=True):
        near(found, wanted)


def test_other_readers_find_a_schedule():
    """Keras 3 has no `decay`: what it reads has the rate as a schedule."""
    form = json.loads(json.dumps(optimizers.serialize(decaying("Adam"))))
    assert form["class_name"] == "Adam"
    assert form["config"]["learning_rate"]["class_name"] == "InverseTimeDecay"
    assert "decay" not in form["config"]
    del form["cornu_older"]
    other = optimizers.deserialize(form)
    assert type(other) is optimizers.Adam
    assert isinstance(other.__dict__["learning_rate"], InverseTimeDecay)


def test_a_rate_that_is_a_schedule_decays_too():
    with generations.within("2.2"):
        schedule = InverseTimeDecay(0.1, 1, 1.0)
        with pytest.warns(UserWarning, match=r"SGD\(decay\)"):
            optimizer = optimizers.SGD(schedule, decay=0.5)
    near(stepped(optimizer, [np.ones((1,))] * 2, np.zeros(1)), [-0.1 - 0.05 / 1.5])


def test_a_negative_decay_is_refused():
    with pytest.raises(UsageError, match="decay"):
        decaying("SGD", decay=-0.5)
