"""Estimators in what scikit-learn does with estimators: pipelines, searches, scores, copies."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import cornu as keras

sklearn = pytest.importorskip("sklearn", reason="the extra `sklearn` is not installed")

from cornu.wrappers import SKLearnClassifier, SKLearnRegressor  # noqa: E402
from wrappers.common import classifier, flowers, one_layer  # noqa: E402

clone = pytest.importorskip("sklearn.base").clone
selection = pytest.importorskip("sklearn.model_selection")
pipeline = pytest.importorskip("sklearn.pipeline")
Scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler

X, Y = flowers()
FIT = {"epochs": 8, "batch_size": 9}


def test_a_search_over_arguments_of_the_model_and_of_fit():
    estimator = SKLearnClassifier(classifier, fit_kwargs=FIT, model_kwargs={"units": 4})
    grid = {
        "model__rate": [0.0, 0.05],
        "model__optimizer": ["adam"],
        "fit__epochs": [8],
    }
    search = selection.GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_params_["model__rate"] == 0.05
    assert search.best_estimator_.fit_kwargs == {"epochs": 8, "batch_size": 9}
    assert search.best_estimator_.model_kwargs == {"units": 4, "rate": 0.05, "optimizer": "adam"}
    assert search.best_estimator_.model_.layers[0].units == 4
    assert search.predict(X).shape == (45,)
    assert estimator.model_kwargs == {"units": 4} and not hasattr(estimator, "model_")


def test_parameters_by_name():
    estimator = SKLearnClassifier(classifier, model_kwargs={"units": 4}, fit_kwargs=FIT)
    said = estimator.get_params()
    assert said["model__units"] == 4 and said["fit__epochs"] == 8
    assert set(estimator.get_params(deep=False)) == {
        *("model", "warm_start", "model_kwargs", "fit_kwargs")
    }
    twin = clone(estimator).set_params(model__units=6, fit_kwargs__epochs=2, warm_start=True)
    assert (twin.model_kwargs, twin.fit_kwargs) == ({"units": 6}, {"epochs": 2, "batch_size": 9})
    assert estimator.model_kwargs == {"units": 4} and FIT == {"epochs": 8, "batch_size": 9}
    with pytest.raises(ValueError, match="Invalid parameter 'epochs'"):
        estimator.set_params(epochs=3)
    line = pipeline.Pipeline([("scale", Scaler()), ("net", estimator)])
    assert line.set_params(net__model__units=7).get_params()["net__model__units"] == 7


def test_what_fit_is_given_stands_before_what_was_said():
    said = {"epochs": 3}
    estimator = SKLearnRegressor(one_layer, fit_kwargs=said)
    assert estimator.epoch_ == 0
    assert estimator.fit(X, X[:, 0], epochs=2).epoch_ == 2
    assert said == {"epochs": 3}


def test_a_pipeline_and_scores(capsys):
    line = pipeline.make_pipeline(Scaler(), SKLearnClassifier(classifier, fit_kwargs=FIT))
    assert selection.cross_val_score(line, X, Y, cv=2).min() > 0.8
    p = selection.cross_val_predict(line, X, Y, cv=2, method="predict_proba")
    assert p.shape == (45, 3)
    np.testing.assert_allclose(p.sum(-1), 1, atol=1e-6)
    assert "SKLearnClassifier(" in repr(line) and "SKLearnClassifier" in line._repr_html_()
    assert capsys.readouterr() == ("", "")  # fit and predict say nothing unless they are asked to


def test_scorers_of_two_classes():
    """With two columns from `decision_function`, as Keras 3 gives, they fail."""
    estimator = SKLearnClassifier(classifier, fit_kwargs=FIT)
    scorers = ("roc_auc", "neg_log_loss", "f1")
    said = {"cv": 2, "scoring": scorers, "error_score": "raise"}
    found = selection.cross_validate(estimator, X, Y % 2, **said)
    assert found["test_roc_auc"].min() > 0.9
    assert found["test_neg_log_loss"].min() > -0.5


def test_copies_and_pickles_answer_the_same():
    estimator = SKLearnClassifier(classifier, fit_kwargs=FIT).fit(X, Y)
    expected = estimator.predict_proba(X)
    for twin in (copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))):
        np.testing.assert_array_equal(twin.predict_proba(X), expected)
        assert twin.history_.history == estimator.history_.history
    fresh = clone(estimator)
    assert not hasattr(fresh, "model_") and fresh.fit_kwargs == FIT


def test_a_clone_of_one_with_a_model_has_a_model_of_its_own():
    model = classifier(X, np.eye(3))
    estimator = SKLearnClassifier(model, fit_kwargs=FIT)
    twin = clone(estimator)
    assert twin.model is not model
    for a, b in zip(twin.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    twin.fit(X, Y)
    assert twin.model_ is not twin.model and not model._kept.get("program")


def test_metadata_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = SKLearnRegressor(one_layer).set_fit_request(sample_weight=True, epochs=True)
        line = pipeline.make_pipeline(estimator)
        line.fit(X, X[:, 0], sample_weight=np.ones(45), epochs=3)
        assert line[-1].epoch_ == 3
        with pytest.raises(ValueError, match="unused|not explicitly set|not requested"):
            line.fit(X, X[:, 0], shuffle=False)


@pytest.mark.slow
def test_a_search_in_two_processes(tmp_path):
    """What a process is sent is the estimator; it needs nothing else."""
    script = tmp_path / "search.py"
    script.write_text(
        """
import numpy as np
from sklearn.model_selection import GridSearchCV

import cornu as keras
from cornu.wrappers import SKLearnRegressor


def make(X, y, rate=0.1):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


if __name__ == "__main__":
    X = np.random.default_rng(0).normal(size=(40, 2))
    search = GridSearchCV(
        SKLearnRegressor(make, fit_kwargs={"epochs": 20}),
        {"model__rate": [0.0, 0.1]}, cv=2, n_jobs=2, error_score="raise",
    )
    search.fit(X, X @ [1.0, 2.0])
    print(search.best_params_)
"""
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=200)
    assert ran.stdout.strip() == "{'model__rate': 0.1}", ran.stderr


# ---------------------------------------------------------------- without scikit-learn


def python(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_it_is_loaded_when_it_is_used():
    said = python(
        "import sys, cornu, cornu.wrappers; print('sklearn' in sys.modules, 'jax' in sys.modules);"
        "print(dir(cornu.wrappers)); cornu.wrappers.SKLearnRegressor;"
        "print('sklearn' in sys.modules)"
    )
    names = "['SKLearnClassifier', 'SKLearnRegressor', 'SKLearnTransformer']"
    assert said.splitlines() == ["False False", names, "True"]


def test_without_it_the_message_says_what_to_install():
    said = python(
        "import sys; sys.modules['sklearn'] = None\n"
        "try:\n    from cornu.wrappers import SKLearnClassifier\n"
        "except ImportError as error:\n    print(error)"
    )
    assert said == (
        'SKLearnClassifier needs scikit-learn: pip install "cornu[sklearn]" or '
        "pip install scikit-learn."
    )


def test_a_wrong_name():
    with pytest.raises(AttributeError, match="no attribute 'SKLearnClusterer'"):
        keras.wrappers.SKLearnClusterer  # noqa: B018
