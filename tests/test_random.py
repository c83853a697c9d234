"""Draws with seeds: what repeats, what does not, and what a Frame changes."""

import numpy as np
import pytest

from cornu import engine, graph, random, state
from cornu.config import deserialize, serialize
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import Tensor
from cornu.state import Frame

COUNT = 100_000
DRAWS = {
    "normal": lambda seed: random.normal((COUNT,), 2.0, 0.5, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((COUNT,), 2.0, 0.5, seed=seed),
    "uniform": lambda seed: random.uniform((COUNT,), -1.0, 3.0, seed=seed),
    "randint": lambda seed: random.randint((COUNT,), -2, 5, seed=seed),
    "categorical": lambda seed: random.categorical(np.log([[0.2, 0.5, 0.3]]), COUNT, seed=seed)[0],
    "gamma": lambda seed: random.gamma((COUNT,), 2.5, seed=seed),
    "gamma_array": lambda seed: random.gamma((COUNT,), np.full(COUNT, 0.3), seed=seed),
    "beta": lambda seed: random.beta((COUNT,), 0.5, 2.0, seed=seed),
    "beta_small": lambda seed: random.beta((COUNT,), 0.001, np.array([0.003]), seed=seed),
    "binomial": lambda seed: random.binomial((COUNT,), 40, 0.25, seed=seed),
    "binomial_small": lambda seed: random.binomial((COUNT,), np.array(3), 0.9, "float16", seed),
    "dropout": lambda seed: random.dropout(np.ones(COUNT, "float32"), 0.3, seed=seed),
    "shuffle": lambda seed: random.shuffle(np.arange(COUNT), seed=seed),
}
# mean and deviation, by the formulas of the distributions
EXPECTED = {
    "normal": (2, 0.5, "float32"),
    "truncated_normal": (2, 0.5 * 0.77374**0.5, "float32"),
    "uniform": (1, 4 / 12**0.5, "float32"),
    "randint": (1, 2, "int32"),
    "categorical": (1.1, 0.49**0.5, "int32"),
    "gamma": (2.5, 2.5**0.5, "float32"),
    "gamma_array": (0.3, 0.3**0.5, "float32"),
    # mean a / (a + b), variance a b / ((a + b)^2 (a + b + 1))
    "beta": (0.2, (1 / 2.5**2 / 3.5) ** 0.5, "float32"),
    "beta_small": (0.25, (0.25 * 0.75 / 1.004) ** 0.5, "float32"),
    "binomial": (10, 7.5**0.5, "float32"),
    "binomial_small": (2.7, 0.27**0.5, "float16"),
    "dropout": (1, (0.3 / 0.7) ** 0.5, "float32"),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_number_repeats(name: str):
    draw = DRAWS[name]
    assert np.array_equal(draw(5), draw(5))
    assert not np.array_equal(draw(5), draw(6))
    with Frame(key=engine.key(1)):
        assert np.array_equal(draw(5), draw(5))


@pytest.mark.parametrize("name", EXPECTED)
def test_moments(name: str):
    mean, deviation, dtype = EXPECTED[name]
    x = np.asarray(DRAWS[name](3))
    assert x.dtype == dtype
    assert abs(x.mean(dtype="float64") - mean) < 5 * deviation / COUNT**0.5
    assert x.std(dtype="float64") == pytest.approx(deviation, rel=0.02)


def test_without_seed_every_draw_is_new_and_the_process_seed_repeats():
    state.set_random_seed(7)
    first, second = (np.asarray(random.normal((4,))) for _ in range(2))
    assert not np.array_equal(first, second)
    state.set_random_seed(7)
    assert np.array_equal(random.normal((4,)), first)


def test_generator_is_a_stream():
    one, other = random.SeedGenerator(3), random.SeedGenerator(3)
    stream = [np.asarray(random.uniform((4,), seed=one)) for _ in range(5)]
    assert len({x.tobytes() for x in stream}) == 5
    again = [np.asarray(random.uniform((4,), seed=other)) for _ in range(5)]
    assert np.array_equal(stream, again)
    assert np.asarray(one.state.value).tolist() == [3, 5]
    assert not np.array_equal(random.uniform((4,), seed=random.SeedGenerator(4)), stream[0])


def test_generator_from_its_state():
    one, other = random.SeedGenerator(3), random.SeedGenerator(8)
    random.uniform((4,), seed=one)
    other.state.assign(one.state)
    assert np.array_equal(random.uniform((4,), seed=one), random.uniform((4,), seed=other))


def test_generator_in_a_compiled_step():
    """The key of the step decides: another step draws anew, and nothing is left in the stream."""
    one, two = random.SeedGenerator(3), random.SeedGenerator(4)

    def draw(key):
        with Frame(key=key):
            return [random.uniform((4,), seed=g) for g in (one, one, two)]

    step = engine.jit(draw)
    first, again, other = step(engine.key(0)), step(engine.key(0)), step(engine.key(1))
    assert np.array_equal(first, again)
    assert len({np.asarray(x).tobytes() for x in (*first, *other)}) == 6
    assert np.asarray(one.state.value).tolist() == [3, 0]


def test_generator_config():
    made = deserialize(serialize(random.SeedGenerator(3)))
    assert isinstance(made, random.SeedGenerator)
    assert made.seed == 3
    assert random.SeedGenerator().get_config() == {"seed": None}


def test_shuffle_and_truncated_normal_keep_what_they_must():
    x = np.arange(12).reshape(3, 4)
    found = np.asarray(random.shuffle(x, axis=1, seed=1))
    assert sorted(map(tuple, found.T)) == sorted(map(tuple, x.T))
    assert np.abs(np.asarray(DRAWS["truncated_normal"](1)) - 2).max() <= 1


def test_categorical_shares():
    logits = np.log([[0.2, 0.5, 0.3], [0.9, 0.1, 1e-30]]).astype("float32") + 40
    found = np.asarray(random.categorical(logits, COUNT, seed=2))
    assert found.shape == (2, COUNT)
    for row, shares in zip(found, ([0.2, 0.5, 0.3], [0.9, 0.1, 0.0]), strict=True):
        for label, share in enumerate(shares):
            error = 5 * (share * (1 - share) / COUNT) ** 0.5
            assert abs(np.mean(row == label) - share) <= error
    with pytest.raises(UsageError, match="E-RANK"):
        random.categorical(np.zeros(3), 5)


def test_dtypes():
    for name in ("normal", "truncated_normal", "uniform"):
        assert getattr(random, name)((2,), dtype="bfloat16", seed=1).dtype == "bfloat16"
    assert random.uniform((2,), 0, 9, dtype="int32", seed=1).dtype == "int32"


def test_symbolic():
    x = Tensor((None, 3))
    y = random.dropout(x, 0.5, seed=2)
    assert y.shape == (None, 3)
    values = np.ones((4, 3), "float32")
    assert np.array_equal(graph.evaluate(y, {x: values}), random.dropout(values, 0.5, seed=2))
    assert random.categorical(x, 5).shape == (None, 5)
    assert random.shuffle(x).shape == (None, 3)


def test_refused():
    with pytest.raises(UsageTypeError, match="SeedGenerator; got 'seven'"):
        random.normal((2,), seed="seven")
    with pytest.raises(UsageError, match="E-SHAPE-UNKNOWN"):
        random.normal((None, 2))


def test_gamma_beta_and_binomial_have_the_shape_asked_for():
    alphas = np.array([1.0, 2.0, 50.0])
    assert random.gamma((2, 3), alphas).shape == (2, 3)
    assert random.beta((2, 3), alphas, 1.0).shape == (2, 3)
    assert random.binomial((2, 3), alphas, 0.5).shape == (2, 3)
    x = np.asarray(random.binomial((1000,), 5, 0.5, seed=1))
    assert np.array_equal(x, x.round()) and x.min() >= 0 and x.max() <= 5
    assert np.all(np.asarray(random.binomial((10,), 5, [1.0])) == 5)
    assert np.all(np.asarray(random.binomial((10,), 5, [0.0])) == 0)
    y = np.asarray(random.beta((1000,), 0.001, 0.001, seed=1))
    assert np.isfinite(y).all() and y.min() >= 0 and y.max() <= 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda: random.gamma((2,), 1.0, "int32"),
        lambda: random.beta((2,), 1.0, 1.0, "bool"),
        lambda: random.binomial((2,), 1, 0.5, "int32"),
    ],
)
def test_gamma_beta_and_binomial_are_floats(draw):
    with pytest.raises(UsageTypeError, match="floats.*E-DTYPE"):
        draw()
