"""The engine's random numbers: moments, bounds, keys; part of the contract of the engine."""

import numpy as np
import pytest

from cornu import engine

DRAWS = 200_000
SIGMAS = 5


def _sure(found: float, expected: float, deviation: float, draws: int = DRAWS) -> None:
    """A mean over `draws` lies within 5 standard errors."""
    assert abs(found - expected) < SIGMAS * deviation / np.sqrt(draws)


def _unlike(a: np.ndarray, b: np.ndarray) -> None:
    """No visible correlation."""
    a, b = np.ravel(a).astype("float64"), np.ravel(b).astype("float64")
    _sure(float(np.corrcoef(a, b)[0, 1]), 0, 1, a.size)


def test_key():
    keys = [np.asarray(engine.key(s)) for s in (0, 1, 2**32 - 1, 2**32, -1)]
    assert all(k.shape == (2,) and k.dtype == "uint32" for k in keys)
    assert len({k.tobytes() for k in keys}) == len(keys)
    assert np.array_equal(engine.key(5), engine.key(5))


def test_fold():
    """New keys for new numbers, the same whether computed ahead or within a compiled function."""
    key = engine.key(3)
    folded = [np.asarray(engine.fold(key, n)) for n in range(1000)]
    assert len({f.tobytes() for f in folded}) == 1000
    assert all(f.shape == (2,) and f.dtype == "uint32" for f in folded)
    within = engine.jit(engine.fold)
    for n in (0, 1, 999):
        assert np.array_equal(within(key, n), folded[n])
    other = [np.asarray(engine.fold(engine.key(4), n)).tobytes() for n in range(1000)]
    assert not {f.tobytes() for f in folded} & set(other)
    nested = {np.asarray(engine.fold(f, 1)).tobytes() for f in folded}
    assert len(nested) == 1000


def test_fold_spreads_bits():
    """Each bit of a folded key is 1 half of the time, and flips half of the time with the next."""
    count = 2000
    words = np.stack([np.asarray(engine.fold(engine.key(3), n)) for n in range(count)])
    bits = (words[:, :, None] >> np.arange(32, dtype="uint32")) & 1
    for share in (bits.mean(0), (bits[1:] != bits[:-1]).mean(0)):
        assert np.abs(share - 0.5).max() < SIGMAS * 0.5 / np.sqrt(count - 1)


DRAWN = {
    "uniform": (lambda key, n: engine.uniform(key, (n,), -1.0, 3.0, "float32"), 1, 4 / 12**0.5),
    "normal": (lambda key, n: engine.normal(key, (n,), "float32"), 0, 1),
    # variance of N(0, 1) within ±2: 1 - 4 φ(2) / (2 Φ(2) - 1) = 0.7737
    "truncated_normal": (
        lambda key, n: engine.truncated_normal(key, (n,), "float32"),
        0,
        0.77374**0.5,
    ),
    "integers": (lambda key, n: engine.integers(key, (n,), -2, 5, "int32"), 1, 2),
    # mean digamma(a) and variance trigamma(a): of a = 1 -0.57722 and π²/6, of a = ½ -1.96351, π²/2
    "log_gamma": (
        lambda key, n: engine.log_gamma(key, (n,), 1.0, "float32"),
        -0.5772157,
        np.pi / 6**0.5,
    ),
    "log_gamma_half": (
        lambda key, n: engine.log_gamma(key, (n,), np.full(n, 0.5, "float32"), "float32"),
        -1.9635100,
        np.pi / 2**0.5,
    ),
    # 0.3 * 8 and 0.3 * 0.7 * 8
    "binomial": (
        lambda key, n: engine.binomial(key, (n,), 8.0, np.full(n, 0.3, "float32"), "float32"),
        2.4,
        1.68**0.5,
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws(name: str):
    """Mean, deviation, repetition, and independence of keys and neighbours."""
    draw, mean, deviation = DRAWN[name]
    key = engine.key(11)
    x = np.asarray(draw(key, DRAWS)).astype("float64")
    _sure(x.mean(), mean, deviation)
    kurtosis = np.mean((x - mean) ** 4) / deviation**4
    _sure(np.mean((x - mean) ** 2), deviation**2, deviation**2 * np.sqrt(kurtosis - 1))
    assert np.array_equal(x, draw(key, DRAWS))
    one, two = (np.asarray(draw(engine.fold(key, n), DRAWS)) for n in (0, 1))
    _unlike(one, two)
    _unlike(x, one)
    _unlike(x[1:], x[:-1])


def test_uniform():
    x = np.asarray(engine.uniform(engine.key(1), (DRAWS,), 2.0, 5.0, "float32"))
    assert x.dtype == "float32"
    assert 2 <= x.min() < 2.001 and 4.999 < x.max() < 5
    counts = np.histogram(x, 10, (2, 5))[0]
    for count in counts:
        _sure(count / DRAWS, 0.1, np.sqrt(0.1 * 0.9))


def test_normal():
    """Shares within 1, 2 and 3 deviations, from tables of the normal distribution."""
    x = np.abs(engine.normal(engine.key(1), (100, DRAWS // 100), "float32"))
    assert x.shape == (100, DRAWS // 100)
    for bound, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        _sure(np.mean(x < bound), share, np.sqrt(share * (1 - share)))


def test_truncated_normal():
    x = np.asarray(engine.truncated_normal(engine.key(1), (DRAWS,), "float32"))
    assert 1.99 < np.abs(x).max() <= 2
    share = 0.682689 / 0.954500
    _sure(np.mean(np.abs(x) < 1), share, np.sqrt(share * (1 - share)))


def test_integers():
    x = np.asarray(engine.integers(engine.key(1), (DRAWS,), 3, 9, "int32"))
    assert x.dtype == "int32"
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == [3, 4, 5, 6, 7, 8]
    for count in counts:
        _sure(count / DRAWS, 1 / 6, np.sqrt(5 / 36))


def test_log_gamma():
    """Gamma(1) is exponential, Gamma(2) above x with (1 + x) exp(-x); tiny shapes stay finite."""
    alpha = np.array([[1.0], [2.0], [1e-6]], "float32")
    logs = np.asarray(engine.log_gamma(engine.key(1), (3, DRAWS), alpha, "float32"))
    assert logs.shape == (3, DRAWS) and logs.dtype == "float32" and np.isfinite(logs).all()
    for bound in (0.1, 1.0, 3.0):
        above = np.exp(logs[:2].astype("float64")) > bound
        for found, share in zip(above, np.exp(-bound) * np.array([1, 1 + bound]), strict=True):
            _sure(found.mean(), share, np.sqrt(share * (1 - share)))


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.2, 0.999])
def test_keep(probability: float):
    deviation = np.sqrt(probability * (1 - probability))
    draw = engine.jit(lambda key: engine.keep(key, (400, DRAWS // 400), probability))
    key = engine.key(5)
    folded = [np.asarray(draw(engine.fold(key, n))) for n in range(6)]
    seeds = [np.asarray(draw(engine.key(n))) for n in range(6)]
    for kept in (*folded, *seeds):
        assert kept.dtype == "bool" and kept.shape == (400, DRAWS // 400)
        _sure(kept.mean(), probability, deviation)
        _unlike(kept[:, 1:], kept[:, :-1])
        _unlike(kept[1:], kept[:-1])
    for family in (folded, seeds):
        for one, two in zip(family, family[1:], strict=False):
            _unlike(one, two)
            _unlike(one.ravel()[1:], two.ravel()[:-1])
    _unlike(draw(engine.key(1)), draw(engine.key(2**32)))  # its other half
    assert np.array_equal(folded[0], draw(engine.fold(key, 0)))


def test_keep_by_row_and_column():
    """No row or column is kept more often than chance has it."""
    kept = np.asarray(engine.keep(engine.key(0), (512, 512), 0.5))
    for axis in (0, 1):
        share = kept.mean(axis)
        assert np.abs(share - 0.5).max() < SIGMAS * 0.5 / np.sqrt(512)
        assert share.std() == pytest.approx(0.5 / np.sqrt(512), rel=0.2)


def test_keep_at_the_ends():
    assert np.all(engine.keep(engine.key(0), (1000,), 1.0))
    assert not np.any(engine.keep(engine.key(0), (1000,), 0.0))
    assert engine.keep(engine.key(0), (), 0.5).shape == ()
    assert engine.keep(engine.key(0), (0, 3), 0.5).shape == (0, 3)


def test_binomial():
    x = np.asarray(
        engine.binomial(engine.key(1), (1000,), np.float32(5), np.float32(0.5), "float32")
    )
    assert sorted(set(x.tolist())) == [0, 1, 2, 3, 4, 5]


def test_permutation():
    orders = [np.asarray(engine.permutation(engine.key(n), 100)) for n in range(50)]
    assert all(sorted(o.tolist()) == list(range(100)) for o in orders)
    assert len({o.tobytes() for o in orders}) == 50
    assert np.array_equal(orders[0], engine.permutation(engine.key(0), 100))
    places = np.stack(orders).mean(0)
    assert np.abs(places - 49.5).max() < SIGMAS * np.sqrt((100**2 - 1) / 12 / 50)
