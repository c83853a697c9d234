"""The estimators of `cornu.wrappers` and those of Keras 3.15.1: names, shapes, answers.

Both are given a model of one layer with the same weights, which training does not change.
"""

import inspect

import numpy as np
import pytest

import cornu.wrappers

pytestmark = pytest.mark.peers

RNG = np.random.default_rng(8)
X = RNG.normal(size=(30, 4))
THREE = np.arange(30) % 3
NAMES = np.array(["b", "c", "a"])[THREE]
KERNEL, BIAS = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=3).astype("float32")
CLASSES = ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer")


@pytest.fixture
def theirs(keras):
    pytest.importorskip("sklearn")
    return keras


def maker(library, seen=None):
    """A function that makes the model with `library`, and notes what it is given."""

    def make(X, y, activation=None, loss="mse"):
        if seen is not None:
            seen.append((np.asarray(X), np.asarray(y)))
        units = y.shape[1] if y.ndim > 1 else 1
        model = library.Sequential(
            [library.Input(X.shape[1:]), library.layers.Dense(units, activation)]
        )
        model.set_weights([KERNEL[:, :units], BIAS[:units]])
        model.compile(library.optimizers.SGD(0.0), loss)
        return model

    return make


def both(theirs, name, y, seen=None, **said):
    found = []
    for library in (cornu, theirs):
        kind = getattr(library.wrappers, name)
        given = None if seen is None else seen.setdefault(library.__name__, [])
        estimator = kind(maker(library, given), model_kwargs=said, fit_kwargs={"epochs": 2})
        found.append(estimator.fit(X, y, verbose=0))
    return found


SOFT = {"activation": "softmax", "loss": "categorical_crossentropy"}


@pytest.mark.parametrize("name", CLASSES)
def test_names(theirs, name):
    """Every public name of theirs is there, and constructors and methods take what theirs take."""
    ours, other = getattr(cornu.wrappers, name), getattr(theirs.wrappers, name)
    assert {n for n in dir(other) if not n.startswith("_")} <= set(dir(ours))
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(other).parameters)
    for method in ("fit", "predict", "transform", "decision_function", "score"):
        if hasattr(other, method):
            wanted = inspect.signature(getattr(other, method)).parameters
            assert wanted.keys() <= inspect.signature(getattr(ours, method)).parameters.keys()


def test_the_function_is_given_the_same(theirs):
    for name, y in (
        (CLASSES[0], NAMES),
        (CLASSES[0], THREE % 2),
        (CLASSES[1], X[:, 0]),
        (CLASSES[2], X[:, 0]),
    ):
        seen = {}
        both(theirs, name, y, seen, **(SOFT if name == CLASSES[0] else {}))
        for ours, other in zip(seen["cornu"][0], seen["keras"][0], strict=True):
            np.testing.assert_allclose(ours, other)


@pytest.mark.parametrize("y", [NAMES, THREE + 4, THREE.astype(float)])
def test_classifiers(theirs, y):
    ours, other = both(theirs, "SKLearnClassifier", y, **SOFT)
    np.testing.assert_array_equal(ours.classes_, other.classes_)
    np.testing.assert_array_equal(ours.predict(X), other.predict(X))
    assert ours.predict(X).dtype == other.predict(X).dtype
    assert ours.score(X, y) == other.score(X, y)
    np.testing.assert_allclose(ours.decision_function(X), other.decision_function(X), atol=1e-6)
    assert ours.history_.history["loss"] == pytest.approx(other.history_.history["loss"], rel=1e-5)
    assert ours.n_features_in_ == other.n_features_in_


def test_regressors_and_transformers(theirs):
    ours, other = both(theirs, "SKLearnRegressor", X[:, 0])
    np.testing.assert_allclose(ours.predict(X), other.predict(X), atol=1e-5)
    assert ours.score(X, X[:, 0]) == pytest.approx(other.score(X, X[:, 0]), rel=1e-5)
    ours, other = both(theirs, "SKLearnTransformer", X[:, 0])
    np.testing.assert_allclose(ours.transform(X), other.transform(X), atol=1e-5)
    np.testing.assert_allclose(ours.predict(X), other.predict(X), atol=1e-5)
    assert ours.transform(X).dtype == other.transform(X).dtype


@pytest.mark.parametrize(("y", "message"), [(THREE * 0, "class"), (X[:, 0], "continuous")])
def test_what_both_refuse(theirs, y, message):
    for library in (cornu, theirs):
        with pytest.raises(ValueError, match=message):
            library.wrappers.SKLearnClassifier(maker(library), model_kwargs=SOFT).fit(X, y)


def test_what_is_otherwise(theirs):
    """The table in docs/scikit_learn.md: each row is still so."""
    sklearn = pytest.importorskip("sklearn.base")
    model = maker(theirs)(X, np.eye(3)[THREE], **SOFT)
    other = theirs.wrappers.SKLearnClassifier(model, warm_start=True, fit_kwargs={"epochs": 2})
    assert sklearn.clone(other).fit_kwargs is None
    said = {"epochs": 2}
    other.fit_kwargs = said
    other.fit(X, THREE, verbose=0)
    assert other.model_ is not model and said == {"epochs": 2, "verbose": 0}
    assert not hasattr(other, "predict_proba")
    assert both(theirs, CLASSES[0], THREE % 2, **SOFT)[1].decision_function(X).shape == (30, 2)
    found = both(theirs, "SKLearnRegressor", X[:, 0])[1].predict(X)
    assert found.dtype == "float32"
