"""What trained otherwise before Keras 3, each against its formula in float64 NumPy.

Optimizers, losses and their averages, BatchNormalization, penalties on activities. Whole files are
held to what Keras did with them in `golden/test_training_old.py`.
"""

import json

import numpy as np
import pytest

from cornu import config, layers, losses, models, ops, optimizers, state
from cornu.dialects import normalization
from cornu.dialects.losses import OlderLoss
from cornu.dialects.optimizers import AdagradOuterEpsilon, NadamSlowWarmup, RMSpropOuterEpsilon
from cornu.dialects.regularizers import SummedActivityRegularization, SummedL1L2
from cornu.errors import UsageError
from cornu.state import Variable

RANDOM = np.random.default_rng(0)

# ---------------------------------------------------------------- optimizers

P = RANDOM.normal(size=(3, 2))
GRADIENTS = RANDOM.normal(size=(4, 3, 2)) * 1e-3  # small: so epsilon counts


def rmsprop(p, gradients, rate=0.01, rho=0.9, epsilon=1e-4):
    v = 0
    for g in gradients:
        v = rho * v + (1 - rho) * g * g
        p = p - rate * g / (np.sqrt(v) + epsilon)
    return p


def adagrad(p, gradients, rate=0.01, epsilon=1e-4):
    n = 0
    for g in gradients:
        n = n + g * g
        p = p - rate * g / (np.sqrt(n) + epsilon)
    return p


def nadam(p, gradients, rate=0.01, a=0.9, b=0.999, epsilon=1e-4, decay=0.1):
    m = v = 0
    product = 1
    for t, g in enumerate(gradients, 1):
        u, later = (a * (1 - 0.5 * 0.96 ** (s * decay)) for s in (t, t + 1))
        product *= u
        m, v = a * m + (1 - a) * g, b * v + (1 - b) * g * g
        bar = (1 - u) * g / (1 - product) + later * m / (1 - product * later)
        p = p - rate * bar / (np.sqrt(v / (1 - b**t)) + epsilon)
    return p


RULES = {
    "RMSprop": (lambda: RMSpropOuterEpsilon(0.01, epsilon=1e-4), rmsprop),
    "Adagrad": (
        lambda: AdagradOuterEpsilon(0.01, epsilon=1e-4, initial_accumulator_value=0.0),
        adagrad,
    ),
    "Nadam": (lambda: NadamSlowWarmup(0.01, epsilon=1e-4, schedule_decay=0.1), nadam),
}


@pytest.mark.parametrize("name", RULES)
def test_update_rules(name):
    make, rule = RULES[name]
    optimizer, p = make(), Variable(P.astype("float32"), name="p")
    optimizer.build([p])
    for g in GRADIENTS:
        optimizer.apply([g.astype("float32")], [p])
    np.testing.assert_allclose(p.numpy(), rule(P, GRADIENTS), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", RULES)
def test_rules_survive_a_config_and_have_a_stand_in(name):
    """Programs that do not know them find the optimizer that Keras 3 has in its place."""
    made = RULES[name][0]()
    plain = json.loads(json.dumps(optimizers.serialize(made)))
    assert plain["class_name"] == name
    assert plain["config"].keys() == getattr(optimizers, name)(0.01).get_config().keys()
    for again in (optimizers.deserialize(plain), config.deserialize(plain)):
        assert type(again) is type(made)
        assert again.get_config() == made.get_config()


# ---------------------------------------------------------------- losses

T = np.array([[1.0, 0.0, 2.0], [-1.0, 3.0, 0.5]])
Q = np.array([[0.5, 0.25, 1.0], [2.0, 0.5, 0.75]])


def cosine(t, p):
    def unit(x):
        return x / np.sqrt((x * x).sum(-1, keepdims=True))

    return unit(t) * unit(p)


FORMULAS = [
    ("0.3", "cosine_proximity", lambda t, p: -cosine(t, p).mean(-1)),
    ("2.0", "cosine", lambda t, p: -cosine(t, p).mean(-1)),
    ("2.2", "cosine_proximity", lambda t, p: -cosine(t, p).sum(-1)),
    ("1.2", "hinge", lambda t, p: np.maximum(1 - t * p, 0).mean(-1)),
    ("2.2", "squared_hinge", lambda t, p: (np.maximum(1 - t * p, 0) ** 2).mean(-1)),
    ("2.3", "hinge", lambda t, p: np.maximum(1 - np.where(t == 0, -1, t) * p, 0).mean(-1)),
    ("0.3", "rmse", lambda t, p: np.sqrt(((t - p) ** 2).mean(-1))),
    ("0.3", "poisson_loss", lambda t, p: (p - t * np.log(p + 1e-7)).mean(-1)),
    ("1.2", "mse", lambda t, p: ((t - p) ** 2).mean(-1)),
    ("2.2", "logcosh", lambda t, p: np.log(np.cosh(t - p)).mean(-1)),
]


@pytest.mark.parametrize(("generation", "name", "formula"), FORMULAS)
def test_formulas(generation, name, formula):
    loss = OlderLoss(name, generation)
    np.testing.assert_allclose(loss.values(T, Q), formula(T, Q), rtol=1e-5, atol=1e-6)
    assert float(loss(T, Q)) == pytest.approx(formula(T, Q).mean(), rel=1e-5)


VALUES = RANDOM.normal(size=(4, 3)) ** 2  # (batch, time): differences squared over one feature
MASK = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]], bool)
BY_ROW = np.array([2.0, 0.0, 0.5, 1.0])
BY_STEP = np.where(RANDOM.random((4, 3)) < 0.4, 0, RANDOM.random((4, 3)))


def first(weight=None, mask=None):
    """As Keras 1 wrote it, step by step."""
    score = VALUES
    if mask is not None:
        score = score * mask
        score = score / mask.mean()
    if weight is not None:
        score = score.mean(tuple(range(weight.ndim, score.ndim)))
        score = score * weight
        score = score / (weight != 0).mean()
    return score.mean()


def second(weight=None, mask=None):
    score = VALUES * (1 if mask is None else mask)
    weight = 1 if weight is None else weight.reshape(4, -1)
    return (score * weight).mean()


@pytest.mark.parametrize(
    ("generation", "average"), [("1.2", first), ("2.2", first), ("2.3", second)]
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("weight", [None, BY_ROW, BY_STEP], ids=["even", "rows", "steps"])
def test_averages(generation, average, mask, weight):
    y = np.sqrt(VALUES)[..., None].astype("float32")
    with state.Frame():
        p = ops.zeros(y.shape)
        state.set_mask(p, mask)
        found = OlderLoss("mse", generation)(y, p, sample_weight=weight)
    assert float(found) == pytest.approx(average(weight, mask), rel=1e-5)


@pytest.mark.parametrize("generation", ["1.2", "2.3"])
def test_averages_of_nothing(generation):
    """Where nothing counts the loss is 0, and no NaN."""
    y = np.ones((2, 3), "float32")
    assert float(OlderLoss("mse", generation)(y, 0 * y, sample_weight=np.zeros(2))) == 0


def test_a_loss_that_gives_one_number():
    y = np.ones((2, 3), "float32")
    loss = OlderLoss(lambda t, p: losses.mean_squared_error(t, p)[0] * 3, "2.2")
    assert float(loss(y, 0 * y)) == pytest.approx(3)
    found = float(loss(y, 0 * y, sample_weight=np.array([1.0, 0.0])))
    assert found == pytest.approx(3)  # mean(3 * [1, 0]) / mean([1, 0] != 0)


@pytest.mark.parametrize(
    ("name", "stand_in"),
    [("mse", "MeanSquaredError"), ("hinge", "Hinge"), ("cosine_proximity", "CosineSimilarity")],
)
def test_losses_survive_a_config_and_have_a_stand_in(name, stand_in):
    made = OlderLoss(name, "1.2")
    plain = json.loads(json.dumps(losses.serialize(made)))
    assert plain["class_name"] == stand_in
    again = losses.deserialize(plain)
    assert isinstance(again, OlderLoss)
    assert again.get_config() == made.get_config()
    assert float(again(T, Q)) == float(made(T, Q))


def test_a_loss_of_the_user():
    def mine(y_true, y_pred):
        return abs(y_true - y_pred)

    with config.custom_object_scope({"mse": mine}):
        assert float(OlderLoss("mse", "1.2")(T, Q)) == pytest.approx(abs(T - Q).mean(), rel=1e-5)


def test_unknown_losses_and_generations():
    with pytest.raises(UsageError, match='Unknown loss "mze". Did you mean "MSE"') as raised:
        OlderLoss("mze", "1.2")
    assert raised.value.code == "E-UNKNOWN-LOSS"
    assert 'custom_objects={"mze": mze}' in raised.value.__notes__[0]
    with pytest.raises(UsageError, match="generation must be one of .*got '3'") as raised:
        OlderLoss("mse", "3")
    assert raised.value.code == "E-GENERATION"


# ---------------------------------------------------------------- BatchNormalization

X = RANDOM.normal(size=(6, 4)) * 2 + 1
IMAGES = RANDOM.normal(size=(3, 2, 2, 4)) * 2 + 1
N = 6


ESTIMATES = {
    "FollowingNormalization": (X, lambda v: v),
    "TheanoNormalization": (X, lambda v: v + 0.1),
    "CorrectedNormalization": (X, lambda v: v * N / (N - 1.1)),
    "CorrectedNormalization 4D": (IMAGES, lambda v: v * 12 / 11 * 12 / (12 - 1.1)),
    "TheanoCorrectedNormalization": (X, lambda v: (v + 0.1) * N / (N - 1.1)),
    "TheanoCorrectedNormalization 4D": (IMAGES, lambda v: (v + 0.1) * 12 / (12 - 1.1)),
}


@pytest.mark.parametrize("name", ESTIMATES)
@pytest.mark.parametrize("frozen", [False, True])
def test_what_the_moving_variance_follows(name, frozen):
    """By the moments of the batch in training, frozen or not."""
    x, estimate = ESTIMATES[name]
    cls = getattr(normalization, name.split()[0])
    layer = cls(momentum=0.75, epsilon=0.1, trainable=not frozen)
    found = np.asarray(layer(x.astype("float32"), training=True))
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    np.testing.assert_allclose(found, (x - mean) / np.sqrt(variance + 0.1), rtol=1e-4, atol=1e-5)
    moved = not frozen or name.split()[0] in ("FollowingNormalization", "TheanoNormalization")
    share = 0.25 if moved else 0
    np.testing.assert_allclose(layer.moving_mean.numpy(), share * mean, rtol=1e-5, atol=1e-6)
    expected = 1 - share + share * estimate(variance)
    np.testing.assert_allclose(layer.moving_variance.numpy(), expected, rtol=1e-5)


def test_the_moving_deviation():
    """`s` of 0.5 moves to `0.75 * 0.5 + 0.25 * sqrt(variance + epsilon)`."""
    layer = normalization.DeviationNormalization(momentum=0.75, epsilon=0.1)
    layer.build((None, 4))
    layer.moving_variance.assign(np.full(4, 0.6**2 - 0.1, "float32"))
    layer(X.astype("float32"), training=True)
    s = 0.75 * 0.5 + 0.25 * np.sqrt(X.var(0) + 0.1)
    np.testing.assert_allclose(layer.moving_variance.numpy(), (s + 0.1) ** 2 - 0.1, rtol=1e-5)
    found = np.asarray(layer(X.astype("float32")))
    expected = (X - layer.moving_mean.numpy()) / (s + 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


CHOSEN = [
    ((1, 0, 5), False, True, {}, "DeviationNormalization"),
    ((1, 2, 2), False, False, {}, "BatchNormalization"),
    ((1, 2, 2), False, False, {"trainable": False}, "FollowingNormalization"),
    ((2, 0, 8), True, False, {}, "TheanoNormalization"),
    ((2, 2, 4), False, False, {}, "CorrectedNormalization"),
    ((2, 3, 1), True, False, {}, "TheanoCorrectedNormalization"),
]


@pytest.mark.parametrize(("version", "theano", "deviations", "given", "expected"), CHOSEN)
def test_which_one_a_version_had(version, theano, deviations, given, expected):
    entry = {"class_name": "BatchNormalization", "config": given}
    plain = {"class_name": "Sequential", "config": {"layers": [entry]}}
    found = normalization.normalized_as_then(plain, version, theano, deviations, False)
    assert found["config"]["layers"] == [{"class_name": expected, "config": given}]


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_what_is_older_survives_a_file_and_has_a_stand_in(tmp_path, ending):
    cls = normalization.CorrectedNormalization
    model = models.Sequential([layers.Input((4,)), cls(momentum=0.5, name="bn")])
    model.compile(NadamSlowWarmup(0.5), OlderLoss("hinge", "1.2"))
    model.train_on_batch(X.astype("float32"), X.astype("float32"))
    model.save(tmp_path / f"a.{ending}")
    again = models.load_model(tmp_path / f"a.{ending}")
    assert type(again.layers[-1]) is cls
    assert type(again.optimizer) is NadamSlowWarmup
    for ours, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    batch = X.astype("float32"), np.zeros((6, 4), "float32")
    assert again.test_on_batch(*batch) == model.test_on_batch(*batch)
    plain = json.loads(model.to_json())["config"]["layers"][-1]
    assert plain["class_name"] == "BatchNormalization"


# ---------------------------------------------------------------- penalties on activities


def test_penalties_on_activities_are_sums():
    """Of 6 rows, `0.1 sum |x| + 0.2 sum x^2`, where today's is a sixth of it."""
    x = X.astype("float32")
    expected = 0.1 * abs(X).sum() + 0.2 * (X**2).sum()
    for layer in (
        layers.Activation("linear", activity_regularizer=SummedL1L2(0.1, 0.2)),
        SummedActivityRegularization(0.1, 0.2),
    ):
        inputs = layers.Input((4,))
        model = models.Model(inputs, layer(inputs))
        model.compile("sgd", "mse")
        assert model.test_on_batch(x, x) == pytest.approx(expected, rel=1e-5)
