"""`SKLearnClassifier`: labels, losses, weights, and what it answers, held to NumPy in float64."""

import numpy as np
import pytest

import cornu as keras
from cornu.errors import UsageError, UsageTypeError

pytest.importorskip("sklearn", reason="the extra `sklearn` is not installed")

from cornu.wrappers import SKLearnClassifier  # noqa: E402
from wrappers.common import classifier, flowers, linear, one_layer, sigmoid, softmax  # noqa: E402

X, Y = flowers()
TWO = Y % 2
NAMES = np.array(["iris", "anemone", "tulip"])


def test_it_learns_names():
    estimator = SKLearnClassifier(classifier, fit_kwargs={"epochs": 20, "batch_size": 9})
    assert estimator.fit(X, NAMES[Y]) is estimator
    assert estimator.classes_.tolist() == ["anemone", "iris", "tulip"]
    assert estimator.score(X, NAMES[Y]) > 0.95
    assert set(estimator.predict(X[:9])) == set(NAMES)
    assert estimator.n_features_in_ == 2
    assert estimator.epoch_ == 20 and len(estimator.history_.history["loss"]) == 20


@pytest.mark.parametrize("labels", [[7, -2, 3], [5.0, 1.0, 2.0]])
def test_labels_of_any_kind_come_back(labels):
    y = np.array(labels)[Y]
    estimator = SKLearnClassifier(one_layer, model_kwargs={"activation": "softmax"}).fit(X, y)
    expected = np.unique(y)[linear(estimator, X).argmax(-1)]
    assert estimator.predict(X).dtype == y.dtype
    np.testing.assert_array_equal(estimator.predict(X), expected)


def fitted(y, **said):
    return SKLearnClassifier(one_layer, model_kwargs=said).fit(X, y)


def test_columns_of_a_softmax():
    estimator = fitted(Y, activation="softmax", loss="categorical_crossentropy")
    expected = softmax(linear(estimator, X))
    np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-6)
    np.testing.assert_allclose(estimator.decision_function(X), expected, atol=1e-6)
    np.testing.assert_array_equal(estimator.predict(X), expected.argmax(-1))


def test_columns_of_sigmoids_are_scaled_to_add_up():
    estimator = fitted(Y, activation="sigmoid", loss="binary_crossentropy")
    expected = sigmoid(linear(estimator, X))
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-6)


def test_logits_are_told_by_the_loss():
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    estimator = fitted(Y, loss=loss)
    z = linear(estimator, X)
    np.testing.assert_allclose(estimator.predict_proba(X), softmax(z), atol=1e-6)
    np.testing.assert_allclose(estimator.decision_function(X), z, rtol=1e-5, atol=1e-5)


def test_a_loss_of_class_numbers_is_given_them():
    estimator = fitted(NAMES[Y], activation="softmax", loss="sparse_categorical_crossentropy")
    expected = softmax(linear(estimator, X))
    codes = np.searchsorted(estimator.classes_, NAMES[Y])
    loss = -np.log(expected[np.arange(len(Y)), codes]).mean()
    assert estimator.history_.history["loss"][0] == pytest.approx(loss, rel=1e-5)
    np.testing.assert_array_equal(estimator.predict(X), estimator.classes_[expected.argmax(-1)])


def test_two_classes_in_two_columns():
    estimator = fitted(TWO, activation="softmax", loss="categorical_crossentropy")
    p = softmax(linear(estimator, X))
    assert p.shape == (45, 2)
    np.testing.assert_allclose(estimator.decision_function(X), p[:, 1] - p[:, 0], atol=1e-6)
    np.testing.assert_array_equal(estimator.predict(X), p.argmax(-1))


@pytest.mark.parametrize(
    ("said", "half"),
    [
        ({"activation": "sigmoid", "loss": "binary_crossentropy"}, 0.5),
        ({"loss": keras.losses.BinaryCrossentropy(from_logits=True)}, 0.0),
        ({"activation": "tanh", "loss": "hinge"}, 0.0),
    ],
)
def test_two_classes_in_one_unit(said, half):
    estimator = fitted(np.array(["no", "yes"])[TWO], units=1, **said)
    z = linear(estimator, X)[:, 0]
    answers = {"sigmoid": sigmoid, "tanh": np.tanh}.get(said.get("activation"), np.copy)(z)
    np.testing.assert_allclose(estimator.decision_function(X), answers - half, atol=2e-6)
    np.testing.assert_array_equal(estimator.predict(X), np.array(["no", "yes"])[(z > 0) * 1])
    if said.get("activation") == "tanh":
        with pytest.raises(UsageError, match="are no probabilities"):
            estimator.predict_proba(X)
        return
    expected = np.stack([1 - sigmoid(z), sigmoid(z)], axis=-1)
    np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-6)


def test_several_labels_at_once():
    y = np.stack([X[:, 0] > 0, X[:, 1] > 1], axis=-1).astype(int)
    estimator = fitted(y, activation="sigmoid", loss="binary_crossentropy")
    p = sigmoid(linear(estimator, X))
    np.testing.assert_allclose(estimator.predict_proba(X), p, atol=1e-6)
    np.testing.assert_array_equal(estimator.predict(X), (p > 0.5).astype(int))
    np.testing.assert_allclose(estimator.decision_function(X), p - 0.5, atol=1e-6)
    assert estimator.score(X, y) == (estimator.predict(X) == y).all(1).mean()


def test_one_hot_labels_come_back_one_hot():
    estimator = fitted(np.eye(3)[Y], activation="softmax", loss="categorical_crossentropy")
    expected = np.eye(3, dtype=int)[linear(estimator, X).argmax(-1)]
    np.testing.assert_array_equal(estimator.predict(X), expected)


# ---------------------------------------------------------------- weights

WEIGHED = {"activation": "softmax", "loss": "categorical_crossentropy", "rate": 0.5}


def kernel(y, fit=None, **said):
    estimator = SKLearnClassifier(one_layer, model_kwargs=WEIGHED, fit_kwargs=fit)
    return estimator.fit(X, y, batch_size=45, epochs=2, **said).model_.get_weights()[0]


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ({"iris": 3.0, "anemone": 1.0, "tulip": 0.5}, [3.0, 1.0, 0.5]),
        ({0: 1.0, 1: 3.0, 2: 0.5}, [3.0, 1.0, 0.5]),  # numbers of the sorted labels
    ],
)
def test_weights_of_classes_are_those_of_their_samples(given, weights):
    expected = kernel(NAMES[Y], sample_weight=np.array(weights)[Y])
    np.testing.assert_allclose(kernel(NAMES[Y], {"class_weight": given}), expected, atol=1e-6)
    assert np.abs(expected - kernel(NAMES[Y])).max() > 1e-3


def test_balanced_weights():
    y = np.where(np.arange(45) < 30, 0, Y)
    weights = 45 / 3 / np.bincount(y)  # as "balanced" means in scikit-learn
    expected = kernel(y, sample_weight=weights[y])
    np.testing.assert_allclose(kernel(y, class_weight="balanced"), expected, atol=1e-6)


def test_validation_data_have_labels_too():
    said = {"model_kwargs": {"activation": "softmax", "loss": "categorical_crossentropy"}}
    held = (X[:9], NAMES[Y[:9]])
    estimator = SKLearnClassifier(one_layer, **said).fit(X, NAMES[Y], validation_data=held)
    p = softmax(linear(estimator, X[:9]))
    codes = np.searchsorted(estimator.classes_, held[1])
    expected = -np.log(p[np.arange(9), codes]).mean()
    assert estimator.history_.history["val_loss"][0] == pytest.approx(expected, rel=1e-5)
    columns = (X[:9], np.eye(3)[codes])
    again = SKLearnClassifier(one_layer, **said).fit(X, NAMES[Y], validation_data=columns)
    assert again.history_.history["val_loss"] == estimator.history_.history["val_loss"]


# ---------------------------------------------------------------- data


def test_sparse_input_is_what_it_stands_for():
    sparse = pytest.importorskip("scipy.sparse")
    whole = np.where(np.abs(X) < 1, 0, X)
    said = {"model_kwargs": {"activation": "softmax"}, "fit_kwargs": {"epochs": 2}}
    a = SKLearnClassifier(one_layer, **said).fit(whole, Y)
    b = SKLearnClassifier(one_layer, **said).fit(sparse.csr_matrix(whole), Y)
    np.testing.assert_array_equal(a.predict_proba(whole), b.predict_proba(sparse.csc_matrix(whole)))


def test_pictures():
    pictures = np.random.default_rng(0).normal(size=(12, 3, 3, 1))
    estimator = SKLearnClassifier(one_layer, model_kwargs={"activation": "softmax"})
    estimator.fit(pictures, Y[:12])
    expected = softmax(linear(estimator, pictures))
    np.testing.assert_allclose(estimator.predict_proba(pictures), expected, atol=1e-6)


# ---------------------------------------------------------------- going on


def test_warm_start_goes_on_where_it_was():
    said = {"model_kwargs": {**WEIGHED, "loss": "mse"}}
    twice = SKLearnClassifier(one_layer, warm_start=True, **said)
    for _ in range(2):
        twice.fit(X, Y, batch_size=45, epochs=2)
    once = SKLearnClassifier(one_layer, **said).fit(X, Y, batch_size=45, epochs=4)
    np.testing.assert_allclose(
        twice.model_.get_weights()[0], once.model_.get_weights()[0], rtol=1e-5, atol=1e-6
    )
    with pytest.raises(UsageError, match="y has 9, which the first fit did not see"):
        twice.fit(X, np.where(Y == 2, 9, Y))


def test_a_model_is_cloned_unless_it_goes_on():
    model = classifier(X, np.eye(3))
    before = model.get_weights()[0].copy()
    estimator = SKLearnClassifier(model).fit(X, Y)
    assert estimator.model_ is not model
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert estimator.history_.history.keys() == {"accuracy", "loss"}
    assert estimator.model_.optimizer is not model.optimizer
    assert float(estimator.model_.optimizer.learning_rate) == pytest.approx(0.05)
    assert SKLearnClassifier(model, warm_start=True).fit(X, Y).model_ is model


def test_a_fit_that_fails_leaves_no_model_of_other_labels():
    estimator = SKLearnClassifier(one_layer).fit(X, Y)
    with pytest.raises(UsageError):
        estimator.set_params(model__units=5).fit(X, NAMES[Y])
    with pytest.raises(ValueError, match="not fitted yet"):
        estimator.predict(X)


# ---------------------------------------------------------------- what cannot be


def no_model(X, y):
    return 3


def not_compiled(X, y):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


def narrow(X, y):
    return one_layer(X, y, units=2)


def broad(X, y):
    return one_layer(X, y, "softmax", "sparse_categorical_crossentropy", units=4)


def two_outputs(X, y):
    x = keras.Input((2,))
    model = keras.Model(x, [keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)])
    model.compile("sgd", ["mse", "mse"])
    return model


def named_output(X, y):
    x = keras.Input((2,))
    model = keras.Model(x, {"kind": keras.layers.Dense(3)(x)})
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("make", "said", "error", "message"),
    [
        (3, {}, UsageError, "must be a compiled Model or a function"),
        (no_model, {}, UsageTypeError, "no_model must return a compiled Model; it gave 3"),
        (not_compiled, {}, UsageError, "must be compiled before an estimator"),
        (narrow, {}, UsageError, "ends in 2 units, but y has 3 classes"),
        (broad, {}, UsageError, "ends in 4 units, but y has 3 classes"),
        (two_outputs, {}, UsageError, "has a loss for each of several outputs"),
        (named_output, {}, UsageError, "has outputs by name or number"),
        (classifier, {"unit": 3}, UsageError, 'no argument "unit".*Did you mean "units"'),
        (classifier(X, np.eye(3)), {"units": 3}, UsageError, "model is a Model"),
    ],
)
def test_models_that_do_not_fit(make, said, error, message):
    with pytest.raises(error, match=message):
        SKLearnClassifier(make, model_kwargs=said).fit(X, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y * 0, "one class"),
        (X[:, 0], "Unknown label type"),
        (np.stack([Y, Y], -1), "MultiOutputClassifier"),
        (Y[:9], "inconsistent numbers of samples"),
    ],
)
def test_labels_that_cannot_be(y, message):
    with pytest.raises(ValueError, match=message):
        SKLearnClassifier(classifier).fit(X, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(45), "zero for all samples"),
        (np.ones((45, 2)), "one number a sample"),
        (np.ones(9), "inconsistent numbers"),
        (-np.ones(45), "-1"),
    ],
)
def test_weights_that_cannot_be(weight, message):
    with pytest.raises(ValueError, match=message):
        SKLearnClassifier(classifier).fit(X, Y, sample_weight=weight)
