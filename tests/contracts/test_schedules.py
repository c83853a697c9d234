"""The contract of learning rate schedules: each against its formula in plain Python."""

import math
import os
import warnings

import numpy as np
import pytest

from cornu import engine, settings
from cornu.errors import UsageError, UsageTypeError
from cornu.optimizers import schedules
from cornu.state import Variable

STEPS = [0, 1, 2, 3, 5, 7, 9, 10, 11, 14, 19, 20, 21, 29, 30, 31, 47, 69, 70, 71, 149, 150, 151]


def exponential(t, a, n, r, stairs=False):
    return a * r ** (t // n if stairs else t / n)


def inverse(t, a, n, r, stairs=False):
    return a / (1 + r * (t // n if stairs else t / n))


def piecewise(t, boundaries, rates):
    return next((r for b, r in zip(boundaries, rates, strict=False) if t <= b), rates[-1])


def polynomial(t, a, n, end, power, cycle=False):
    if cycle:
        n *= max(1, math.ceil(t / n))
    return (a - end) * (1 - min(t, n) / n) ** power + end


def cosine(t, a, n, alpha=0.0, target=None, warm=0):
    if target is not None and t < warm:
        return a + (target - a) * t / warm
    top, t = (a, t) if target is None else (target, t - warm)
    return top * ((1 - alpha) * 0.5 * (1 + math.cos(math.pi * min(t, n) / n)) + alpha)


def restarts(t, a, first, longer=2.0, higher=1.0, alpha=0.0):
    length, height = first, 1.0
    while t >= length:
        t, length, height = t - length, length * longer, height * higher
    return a * ((1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * t / length)) + alpha)


def one_cycle(t, top, n, share=0.3, low=25.0, least=1e4, line=False, three=False):
    points = [(0, top / low), (share * n - 1, top)]
    points += [(2 * share * n - 2, top / low)] if three else []
    points += [(n - 1, top / low / least)]
    for (a, start), (b, stop) in zip(points, points[1:], strict=False):
        if t <= b:
            part = (t - a) / (b - a)
            return start + (stop - start) * (part if line else 0.5 - 0.5 * math.cos(math.pi * part))
    return points[-1][1]


ROWS = [
    (schedules.ExponentialDecay(0.5, 10, 0.7), lambda t: exponential(t, 0.5, 10, 0.7)),
    (schedules.ExponentialDecay(0.5, 10, 0.7, True), lambda t: exponential(t, 0.5, 10, 0.7, True)),
    (schedules.InverseTimeDecay(0.5, 10, 0.7), lambda t: inverse(t, 0.5, 10, 0.7)),
    (
        schedules.InverseTimeDecay(0.5, 10, 0.7, staircase=True),
        lambda t: inverse(t, 0.5, 10, 0.7, True),
    ),
    (
        schedules.PiecewiseConstantDecay([2, 10, 30], [0.5, 0.2, 0.1, 0.01]),
        lambda t: piecewise(t, [2, 10, 30], [0.5, 0.2, 0.1, 0.01]),
    ),
    (
        schedules.PolynomialDecay(0.5, 10, 0.01, power=2.0),
        lambda t: polynomial(t, 0.5, 10, 0.01, 2.0),
    ),
    (
        schedules.PolynomialDecay(0.5, 10, 0.01, cycle=True),
        lambda t: polynomial(t, 0.5, 10, 0.01, 1.0, True),
    ),
    (schedules.CosineDecay(0.5, 30, alpha=0.1), lambda t: cosine(t, 0.5, 30, 0.1)),
    (
        schedules.CosineDecay(0.1, 30, 0.05, warmup_target=0.5, warmup_steps=7),
        lambda t: cosine(t, 0.1, 30, 0.05, 0.5, 7),
    ),
    (schedules.CosineDecayRestarts(0.5, 10), lambda t: restarts(t, 0.5, 10)),
    (
        schedules.CosineDecayRestarts(0.5, 10, t_mul=1.0, m_mul=0.8, alpha=0.1),
        lambda t: restarts(t, 0.5, 10, 1.0, 0.8, 0.1),
    ),
    (
        schedules.CosineDecayRestarts(0.5, 5, t_mul=3.0, m_mul=0.9),
        lambda t: restarts(t, 0.5, 5, 3.0, 0.9),
    ),
]
ROWS += [
    # the `decay` of Keras 1: the rate divided by 1 + decay * step
    (schedules.InverseTimeDecay(0.5, 1, 0.03), lambda t: 0.5 / (1 + 0.03 * t)),
    (schedules.OneCycle(0.5, 40), lambda t: one_cycle(t, 0.5, 40)),
    (
        schedules.OneCycle(0.5, 30, 0.2, "linear", 10.0, 100.0),
        lambda t: one_cycle(t, 0.5, 30, 0.2, 10.0, 100.0, line=True),
    ),
    (
        schedules.OneCycle(0.5, 50, 0.25, three_phase=True),
        lambda t: one_cycle(t, 0.5, 50, 0.25, three=True),
    ),
    (
        schedules.WarmUp(schedules.ExponentialDecay(0.5, 10, 0.7), 10),
        lambda t: 0.5 * (t + 1) / 11 if t < 10 else exponential(t - 10, 0.5, 10, 0.7),
    ),
    (schedules.WarmUp(0.2, 5), lambda t: 0.2 * min((t + 1) / 6, 1)),
]
OWN = ("OneCycle", "WarmUp")
"""Schedules that Keras does not have."""

NAMES = [f"{type(s).__name__}-{i}" for i, (s, _) in enumerate(ROWS)]
every_row = pytest.mark.parametrize("schedule, formula", ROWS, ids=NAMES)


def test_every_schedule_has_a_row():
    public = {
        name
        for name, thing in vars(schedules).items()
        if isinstance(thing, type) and issubclass(thing, schedules.LearningRateSchedule)
    }
    assert public - {"LearningRateSchedule"} == {type(s).__name__ for s, _ in ROWS}


@every_row
def test_the_rate_is_its_formula(schedule, formula):
    expected = [formula(t) for t in STEPS]
    found = schedule(np.array(STEPS, "int32"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)
    assert float(schedule(7)) == pytest.approx(formula(7), rel=2e-6)
    assert float(schedule(Variable(np.int32(7)))) == pytest.approx(formula(7), rel=2e-6)


@every_row
def test_the_rate_is_its_formula_compiled_and_in_float64(schedule, formula):
    settings.set_floatx("float64")
    try:
        found = engine.jit(lambda t: schedule(t))(np.array(STEPS, "int32"))
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, [formula(t) for t in STEPS], rtol=1e-12, atol=1e-15)
    finally:
        settings.set_floatx("float32")


@every_row
def test_config_round_trip(schedule, formula):
    config = schedules.serialize(schedule)
    library = "cornu" if type(schedule).__name__ in OWN else "keras"
    assert config["module"] == f"{library}.optimizers.schedules"
    again = schedules.deserialize(config)
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    assert float(again(9)) == pytest.approx(formula(9), rel=2e-6)


@pytest.mark.parametrize("ratio", [1.1, 1.5, 2.0, 3.0, 7.0])
def test_restarts_begin_exactly_where_a_cycle_ends(ratio):
    schedule = schedules.CosineDecayRestarts(1.0, 100, t_mul=ratio)
    begin, length = 0.0, 100.0
    for _ in range(6):
        begin, length = begin + length, length * ratio
        if begin == round(begin):
            assert float(schedule(round(begin))) > 0.999
            assert float(schedule(round(begin) - 1)) < 0.001


def test_a_schedule_of_ones_own():
    class Halving(schedules.LearningRateSchedule):
        start: float = 1.0

        def rate(self, step):
            return self.start * 0.5**step

    assert float(Halving(4.0)(2)) == 1.0
    config = schedules.serialize(Halving(4.0))
    again = schedules.deserialize(config, custom_objects={"Halving": Halving})
    assert again.start == 4.0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "decay_steps must be > 0"),
        (lambda: schedules.CosineDecayRestarts(0.1, -1), "first_decay_steps must be > 0"),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1]), "2 boundaries and 1 values"),
        (lambda: schedules.OneCycle(0.1, 3), "3 steps with pct_start=0.3 leave no step"),
        (lambda: schedules.OneCycle(0.1, 30, 1.0), r"pct_start must be in \(0, 1\)"),
        (lambda: schedules.OneCycle(0.1, 30, 0.3, "line"), 'Did you mean "linear"'),
        (lambda: schedules.WarmUp("cosine", 10), "WarmUp leads to a schedule or a number"),
        (lambda: schedules.deserialize({"class_name": "CosinDecay", "config": {}}), "cosine_decay"),
    ],
)
def test_wrong_calls_say_what_would_work(call, message):
    with pytest.raises((UsageError, UsageTypeError), match=message):
        call()


@pytest.mark.peers
@pytest.mark.parametrize("options", [{}, {"anneal_strategy": "linear"}, {"three_phase": True}])
def test_torch_gives_the_same_cycle(options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch = pytest.importorskip("torch")
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=33, **options)
        expected = []
        for _ in range(33):
            expected += theirs.get_last_lr()
            optimizer.step()
            if len(expected) < 33:
                theirs.step()
    found = schedules.OneCycle(0.5, 33, **options)(np.arange(33))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.peers
@pytest.mark.parametrize(
    "schedule, formula", [row for row in ROWS if type(row[0]).__name__ not in OWN]
)
def test_keras_gives_the_same(schedule, formula):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras", minversion="3.15")
    theirs = getattr(keras.optimizers.schedules, type(schedule).__name__)(**schedule.get_config())
    steps = [t for t in STEPS if "Restarts" not in type(schedule).__name__ or t % 5]
    found = np.array([float(schedule(t)) for t in steps])
    np.testing.assert_allclose(found, [float(theirs(t)) for t in steps], rtol=1e-5, atol=1e-7)
