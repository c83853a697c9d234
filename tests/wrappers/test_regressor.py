"""`SKLearnRegressor` and `SKLearnTransformer`, held to NumPy in float64."""

import numpy as np
import pytest

import cornu as keras
from cornu.errors import UsageError

pytest.importorskip("sklearn", reason="the extra `sklearn` is not installed")

from cornu.wrappers import SKLearnRegressor, SKLearnTransformer  # noqa: E402
from wrappers.common import flowers, linear, one_layer  # noqa: E402

X, _ = flowers()
Y = X @ [0.5, -1.5] + 2.0


def test_it_learns_a_line():
    estimator = SKLearnRegressor(one_layer, model_kwargs={"rate": 0.1}, fit_kwargs={"epochs": 60})
    estimator.fit(X, Y)
    assert estimator.score(X, Y) > 0.999  # R²
    assert estimator.predict(X).shape == (45,)
    np.testing.assert_allclose(estimator.predict(X), linear(estimator, X)[:, 0], atol=1e-5)
    kernel, bias = estimator.model_.get_weights()
    np.testing.assert_allclose([*kernel[:, 0], *bias], [0.5, -1.5, 2.0], atol=0.05)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_predictions_have_the_dtype_of_targets(dtype):
    estimator = SKLearnRegressor(one_layer).fit(X, Y.astype(dtype))
    assert estimator.predict(X).dtype == ("float64" if dtype == "int64" else dtype)


def test_several_numbers_a_sample():
    y = np.stack([Y, -Y, 2 * Y], axis=-1)
    estimator = SKLearnRegressor(one_layer).fit(X, y)
    np.testing.assert_allclose(estimator.predict(X), linear(estimator, X), atol=1e-5)


def test_the_function_is_given_what_it_takes():
    seen = {}

    def without(scale=1.0):
        seen["scale"] = scale
        return one_layer(X, Y[:, None])

    def make_all(**given):
        seen.update(given)
        return one_layer(given["X"], given["y"])

    SKLearnRegressor(without, model_kwargs={"scale": 2.0}).fit(X, Y)
    assert seen == {"scale": 2.0}
    SKLearnRegressor(make_all, model_kwargs={"more": 1}).fit(X, Y)
    assert seen["more"] == 1 and seen["y"].shape == (45, 1)


def test_an_output_in_a_list_by_itself():
    """As the documentation of Keras writes it."""
    x = keras.Input((2,))
    model = keras.Model(x, [keras.layers.Dense(1)(x)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    estimator = SKLearnRegressor(model).fit(X, Y)
    np.testing.assert_allclose(estimator.predict(X), linear(estimator, X)[:, 0], atol=1e-5)


def test_too_many_units():
    with pytest.raises(UsageError, match="ends in 2 units, but y has 1 columns"):
        SKLearnRegressor(one_layer, model_kwargs={"units": 2}).fit(X, Y)


# ---------------------------------------------------------------- the transformer


def test_features():
    estimator = SKLearnTransformer(one_layer).fit(X, np.stack([Y, Y, Y], axis=-1))
    np.testing.assert_allclose(estimator.transform(X), linear(estimator, X), atol=1e-5)
    assert estimator.get_feature_names_out().tolist() == [
        f"sklearntransformer{i}" for i in range(3)
    ]


def test_without_targets_it_learns_its_input():
    said = {"model_kwargs": {"rate": 0.1}, "fit_kwargs": {"epochs": 60}}
    again = SKLearnTransformer(one_layer, **said).fit_transform(X)
    np.testing.assert_allclose(again, X, atol=0.15)


def test_a_model_with_weights_transforms_without_fit():
    frozen = pytest.importorskip("sklearn.frozen")
    linear_model = pytest.importorskip("sklearn.linear_model")
    make_pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    before = model.get_weights()[0].copy()
    step = frozen.FrozenEstimator(SKLearnTransformer(model))
    line = make_pipeline(step, linear_model.LinearRegression()).fit(X, Y)
    assert line.score(X, Y) > 0.999
    np.testing.assert_array_equal(model.get_weights()[0], before)
    with pytest.raises(ValueError, match="not fitted yet"):
        SKLearnTransformer(one_layer).transform(X)
