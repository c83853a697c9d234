"""Losses and metrics of older generations, as scripts name them, against their formulas."""

import numpy as np
import pytest

from cornu import layers, losses, models
from cornu import metrics as today
from cornu.dialects import generations, modules, spellings
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.losses import OlderLoss
from cornu.errors import UsageError
from cornu.metrics import MeanMetricWrapper

OLDER = GENERATIONS[:-1]
RANDOM = np.random.default_rng(0)
T, P = RANDOM.uniform(0.1, 1, (5, 3)), RANDOM.uniform(0.1, 1, (5, 3))
LABELS = RANDOM.integers(0, 2, (5, 3)).astype("float64")


@pytest.fixture(autouse=True)
def old_spellings():
    with spellings.registered():
        yield


def near(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=2e-5, atol=1e-6)


def until(generation, last):
    return GENERATIONS.index(generation) <= GENERATIONS.index(last)


# ---------------------------------------------------------------- formulas


def unit(x):
    return x / np.sqrt((x**2).sum(-1, keepdims=True))


def cosine(t, p, generation):
    products = unit(t) * unit(p)
    return -products.mean(-1) if until(generation, "2.0") else -products.sum(-1)


def margins(t, p, generation):
    return np.maximum(1 - (t if until(generation, "2.2") else 2 * t - 1) * p, 0)


def clipped(p):
    return np.clip(p, 1e-7, 1 - 1e-7)


FORMULAS = {
    "cosine_proximity": (T, cosine),
    "hinge": (LABELS, lambda t, p, g: margins(t, p, g).mean(-1)),
    "squared_hinge": (LABELS, lambda t, p, g: (margins(t, p, g) ** 2).mean(-1)),
    "mean_squared_error": (T, lambda t, p, g: ((t - p) ** 2).mean(-1)),
    "mean_squared_logarithmic_error": (
        T,
        lambda t, p, g: ((np.log1p(t) - np.log1p(p)) ** 2).mean(-1),
    ),
    "mean_absolute_percentage_error": (T, lambda t, p, g: 100 * np.abs((t - p) / t).mean(-1)),
    "poisson": (T, lambda t, p, g: (p - t * np.log(p + 1e-7)).mean(-1)),
    "kullback_leibler_divergence": (T, lambda t, p, g: (t * np.log(t / p)).sum(-1)),
    "logcosh": (T, lambda t, p, g: np.log(np.cosh(p - t)).mean(-1)),
    "categorical_crossentropy": (
        T,
        lambda t, p, g: -(t * np.log(clipped(p / p.sum(-1, keepdims=True)))).sum(-1),
    ),
    "binary_crossentropy": (
        LABELS,
        lambda t, p, g: -(t * np.log(clipped(p)) + (1 - t) * np.log(clipped(1 - p))).mean(-1),
    ),
}


@pytest.mark.parametrize("generation", OLDER)
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name, generation):
    """By name in `compile`, and by the functions of `keras.losses` and `keras.objectives`."""
    t, formula = FORMULAS[name]
    expected = formula(t, P, generation)
    t, p = t.astype("float32"), P.astype("float32")
    with generations.within(generation):
        near(losses.for_names(name)(t, p), expected.mean())
        for path in ("losses", "objectives"):
            function = modules.value(path, name)
            near(function(t, p), expected)
            near(losses.for_names(function)(t, p), expected.mean())


def test_today_is_left_alone():
    with generations.within("3"):
        assert type(losses.for_names("mse")) is losses.LossFunction
        assert losses.for_names("hinge").fn is losses.hinge
        assert type(losses.for_names(losses.MeanSquaredError())) is losses.MeanSquaredError


def test_an_unknown_loss_is_said():
    with generations.within("2.2"), pytest.raises(UsageError, match="mean_squared_error"):
        losses.for_names("mean_squared_eror")


# ---------------------------------------------------------------- averages

MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]], bool)
WEIGHTS = np.array([0.0, 2.0, 3.0])
STEPS = RANDOM.normal(size=(2, 3, 4, 1))


def average_1(v, weights, mask):
    """Keras 0.3 to 2.2."""
    if mask is not None:
        v = v * mask / mask.mean()
    if weights is not None:
        v = v.mean(tuple(range(weights.ndim, v.ndim))) * weights / (weights != 0).mean()
    return v.mean()


def average_2(v, weights, mask):
    """Keras 2.3: by all entries there are."""
    v = v if mask is None else v * mask
    return (v if weights is None else v * weights[:, None]).sum() / v.size


@pytest.mark.parametrize("generation", OLDER)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_averages(generation, masked, weighted):
    """In a model that is compiled with a name: what `test_on_batch` says."""
    x, y = STEPS.astype("float32")
    x = x * MASK[:, :, None] if masked else x
    model = models.Sequential([layers.Input((4, 1)), *([layers.Masking()] if masked else [])])
    model.add(layers.Activation("linear"))
    weights = WEIGHTS if weighted else None
    values = ((x.astype("float64") - y) ** 2).mean(-1)
    average = average_2 if generation == "2.3" else average_1
    expected = average(values, weights, MASK if masked else None)
    with generations.within(generation):
        model.compile("sgd", "mse")
        found = model.test_on_batch(x, y, sample_weight=weights)
    near(found if generation != "0.3" else found[0], expected)


def test_losses_of_classes():
    """They came with 2.3, and count masked entries as all losses then."""
    with generations.within("2.3"):
        made = losses.for_names(losses.MeanSquaredError())
        summed = losses.for_names(losses.MeanSquaredError(reduction="sum"))
    assert type(made) is OlderLoss
    assert type(summed) is losses.MeanSquaredError
    with generations.within("2.2"):
        assert type(losses.for_names(losses.MeanSquaredError())) is losses.MeanSquaredError


def test_functions_of_users():
    def twice(y_true, y_pred):
        return 2 * (y_true - y_pred)[:, 0]

    with generations.within("1.2"):
        loss = losses.for_names(twice)
    assert loss.name == "twice"
    found = loss(
        T.astype("float32"), P.astype("float32"), sample_weight=np.float32([0, 0, 1, 1, 1])
    )
    near(found, 2 * (T - P)[2:, 0].mean())


# ---------------------------------------------------------------- metrics

ONE_HOT = np.eye(3)[[0, 1, 2, 0, 1]]


FIGURES = {
    "binary_accuracy": (LABELS, (LABELS == P.round()).mean(-1)),
    "categorical_accuracy": (ONE_HOT, (ONE_HOT.argmax(-1) == P.argmax(-1)).astype(float)),
    "mean_squared_error": (T, ((T - P) ** 2).mean(-1)),
    "cosine_proximity": (T, None),
    "hinge": (LABELS, None),
}


@pytest.mark.parametrize("generation", OLDER)
@pytest.mark.parametrize("name", FIGURES)
def test_functions_of_metrics(name, generation):
    """One figure in Keras 1, one for each sample from 2.0 on."""
    t, values = FIGURES[name]
    if values is None:
        values = FORMULAS[name][1](t, P, generation)
    with generations.within(generation):
        found = modules.value("metrics", name)(t.astype("float32"), P.astype("float32"))
    near(found, values.mean() if until(generation, "1.2") else values)


@pytest.mark.parametrize("generation", OLDER)
def test_names_of_metrics(generation):
    with generations.within(generation):
        metric = today.get("hinge")
        metric.update_state(LABELS.astype("float32"), P.astype("float32"))
    near(metric.result(), margins(LABELS, P, generation).mean())
    assert metric.name == "hinge"


@pytest.mark.parametrize("generation", [*OLDER, "3"])
def test_batches_count_by_their_rows(generation):
    """Four rows that give 1, and one that gives 6: 2 by rows, 3.5 by batches."""

    def largest(y_true, y_pred):
        return abs(y_true - y_pred).max()

    metric = MeanMetricWrapper(largest)
    with generations.within(generation):
        metric.update_state(np.zeros((4, 1), "float32"), np.ones((4, 1), "float32"))
        metric.update_state(np.zeros((1, 1), "float32"), np.full((1, 1), 6, "float32"))
    near(metric.result(), 2.0 if generation in OLDER[:-1] else 3.5)
