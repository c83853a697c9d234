"""scikit-learn's own checks of estimators, all of them, on a small model."""

import numpy as np
import pytest

import cornu as keras
from cornu import layers

pytest.importorskip("sklearn", minversion="1.6", reason="the extra `sklearn` is not installed")

from cornu.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer  # noqa: E402

check_estimator = pytest.importorskip("sklearn.utils.estimator_checks").check_estimator

WEIGHTS = (
    "a batch is so many samples, whatever they weigh: leaving a sample out, or repeating it, makes "
    "other batches than a weight of 0 or 2"
)
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
}
"""Checks that no network which learns from batches can pass, with the reason."""


def dense(X, y, last=None):
    """One hidden layer; what it ends in is told by `last`, and by several labels at once."""
    keras.utils.set_random_seed(3)
    several = last == "softmax" and not np.all(y.sum(axis=1) == 1)
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            layers.Dense(16, "relu"),
            layers.Dense(y.shape[1] if y.ndim > 1 else 1, "sigmoid" if several else last),
        ]
    )
    loss = "binary_crossentropy" if several else "categorical_crossentropy" if last else "mse"
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


class Seeded:
    """Without the tag that excuses an estimator from some checks: `dense` sets the seed."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = False
        return tags


class Classifier(Seeded, SKLearnClassifier):
    pass


class Regressor(Seeded, SKLearnRegressor):
    pass


class Transformer(Seeded, SKLearnTransformer):
    pass


def failures(estimator, **said):
    """Names of the checks that fail, those that were expected to and passed, and those run."""
    found = check_estimator(
        estimator, expected_failed_checks=EXPECTED, on_fail=None, on_skip=None, **said
    )
    failed = [f"{x['check_name']}: {x['exception']}" for x in found if x["status"] == "failed"]
    return failed, {x["check_name"] for x in found if x["status"] == "xfail"}, len(found)


@pytest.mark.filterwarnings("ignore")
def test_the_interface():
    """The checks that every estimator must pass, whatever it learns."""
    estimator = SKLearnRegressor(dense)
    failed, _, ran = failures(estimator, legacy=False)
    assert not failed and ran > 10


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "said"), [(Classifier, {"last": "softmax"}), (Regressor, {}), (Transformer, {})]
)
def test_every_check(kind, said):
    estimator = kind(dense, model_kwargs=said, fit_kwargs={"epochs": 15})
    failed, expected, ran = failures(estimator)
    assert not failed
    assert expected == EXPECTED.keys()
    assert ran > 50
