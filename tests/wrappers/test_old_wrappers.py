"""`keras.wrappers.scikit_learn`: held to what tf.keras 2.11 answers, and to each generation.

`tf_keras_2_11.json` is what TensorFlow 2.11 gave for `answers` below; 2.4 gives the same.
"""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cornu.callbacks import EarlyStopping, History
from cornu.dialects import generations, modules, spellings
from cornu.dialects.wrappers import BaseWrapper, KerasClassifier, KerasRegressor
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Dense
from cornu.models import Sequential
from cornu.optimizers import SGD

HERE = Path(__file__).parent

rng = np.random.RandomState(0)
X = rng.randn(12, 4).astype("float32")
KERNEL, BIAS = rng.randn(4, 3).astype("float32"), rng.randn(3).astype("float32")
THREE, TWO = np.arange(12) % 3, np.arange(12) % 2
NAMES = np.array(["b", "a", "c"])[THREE]


@pytest.fixture(autouse=True)
def old_code():
    with spellings.registered(), generations.within("2.3"):
        yield


def make(units=3, act="softmax", loss="categorical_crossentropy", metrics=("accuracy",), rate=0.0):
    model = Sequential([Dense(units, activation=act, input_shape=(4,))])
    model.set_weights([KERNEL[:, :units], BIAS[:units]])
    model.compile(loss=loss, optimizer=SGD(rate), metrics=list(metrics))
    return model


SIGMOID = {"units": 1, "act": "sigmoid", "loss": "binary_crossentropy"}
LINE = {"units": 1, "act": None, "loss": "mse", "metrics": ()}


def fitted(kind, y, **said):
    estimator = kind(make, verbose=0, **said)
    estimator.fit(X, y)
    return estimator


def answers():
    e = KerasClassifier(build_fn=make, epochs=1, batch_size=4, verbose=0)
    history = e.fit(X, NAMES)
    b, hot = fitted(KerasClassifier, TWO, **SIGMOID), np.eye(3)[THREE]
    o = fitted(KerasClassifier, hot)
    r = fitted(KerasRegressor, np.arange(12.0), **LINE)
    pair = fitted(KerasRegressor, np.ones((12, 2)), **{**LINE, "units": 2, "metrics": ("mae",)})
    return {
        "fit returns": type(history).__name__,
        "history": sorted(history.history),
        "classes": e.classes_,
        "n": e.n_classes_,
        "pred": e.predict(X),
        "proba": e.predict_proba(X),
        "score": e.score(X, NAMES),
        "params": sorted(e.get_params()),
        "bpred": b.predict(X),
        "bproba": b.predict_proba(X),
        "bscore": b.score(X, TWO),
        "opred": o.predict(X),
        "oscore": o.score(X, hot),
        "ocl": o.classes_,
        "rpred": r.predict(X),
        "rscore": r.score(X, np.arange(12.0)),
        "r2pred": pair.predict(X),
        "r2score": pair.score(X, np.ones((12, 2))),
        "filter": e.filter_sk_params(Sequential.predict),
        "filter2": e.filter_sk_params(make, {"units": 4}),
        "set": e.set_params(epochs=3).get_params()["epochs"],
    }


def test_it_answers_as_tf_keras_2_11():
    theirs = json.loads((HERE / "tf_keras_2_11.json").read_text())
    for name, value in answers().items():
        if np.asarray(value).dtype.kind == "f":
            assert np.shape(value) == np.shape(theirs[name]), name
            np.testing.assert_allclose(value, theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            value = value.tolist() if isinstance(value, np.ndarray) else value
            assert value == theirs[name], name


# ---------------------------------------------------------------- what was otherwise

Z = X.astype("float64") @ KERNEL + BIAS


@pytest.mark.parametrize(
    ("generation", "sign", "shape"),
    [
        ("0.3", 1, (12, 1)),
        ("1.2", 1, (12,)),
        ("2.0", 1, (12,)),
        ("2.2", -1, (12,)),
        ("3", -1, (12,)),
    ],
)
def test_scores_and_shapes_of_regressors(generation, sign, shape):
    loss = np.mean((Z[:, 0] - np.arange(12)) ** 2)
    with generations.within(generation):
        estimator = fitted(KerasRegressor, np.arange(12.0), epochs=1, **LINE)
        assert estimator.score(X, np.arange(12.0)) == pytest.approx(sign * loss, rel=1e-5)
        assert estimator.predict(X).shape == shape


@pytest.mark.parametrize(
    ("generation", "columns", "labels"),
    [("0.3", 1, [0, 1]), ("1.2", 2, [0, 1]), ("2.0", 2, [3, 7])],
)
def test_labels_and_probabilities_of_classifiers(generation, columns, labels):
    y = np.array([3, 7])[TWO]
    said = {**SIGMOID, "loss": "mse", "epochs": 1}
    with generations.within(generation):
        estimator = fitted(KerasClassifier, y, **said)
        expected = np.array(labels)[(Z[:, :1] > 0).astype(int)]
        np.testing.assert_array_equal(estimator.predict(X), expected)
        p = 1 / (1 + np.exp(-Z[:, :1]))
        expected = p if columns == 1 else np.hstack([1 - p, p])
        np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-6)


def test_keras_0_asked_for_accuracy_itself():
    with generations.within("0.3"):
        estimator = fitted(KerasClassifier, TWO, epochs=1, **{**SIGMOID, "metrics": ()})
        expected = ((Z[:, 0] > 0) == TWO).mean()
        assert estimator.score(X, TWO) == pytest.approx(expected)


def test_old_names_of_parameters():
    with pytest.warns(UserWarning, match=r"KerasRegressor\(nb_epoch\) is an old spelling"):
        estimator = KerasRegressor(make, nb_epoch=3, verbose=0, **LINE)
    assert estimator.fit(X, TWO).epoch == [0, 1, 2]
    estimator.set_params(epochs=2)
    assert estimator.fit(X, TWO).epoch == [0, 1]
    assert estimator.fit(X, TWO, nb_epoch=1).epoch == [0]
    with pytest.warns(UserWarning, match=r"predict\(X\) is an old spelling"):
        assert estimator.predict(X=X).shape == (12,)


# ---------------------------------------------------------------- where a model comes from


class Maker:
    def __call__(self, units=3):
        return make(units)

    def method(self, units=3):
        return make(units)


class Own(KerasClassifier):
    def __call__(self, units=3):
        return make(units)


@pytest.mark.parametrize(
    "build", [lambda **k: KerasClassifier(Maker(), **k), lambda **k: Own(**k),
              lambda **k: KerasClassifier(Maker().method, **k)]
)  # fmt: skip
def test_functions_methods_and_objects(build):
    estimator = build(units=3, verbose=0)
    assert isinstance(estimator.fit(X, THREE), History)
    np.testing.assert_array_equal(estimator.predict(X), Z.argmax(-1))
    with pytest.raises(UsageError, match='unit is not a legal.*Did you mean "units"'):
        build(unit=3)


def test_every_fit_has_callbacks_of_its_own():
    stop = EarlyStopping("loss", patience=0)
    estimator = KerasRegressor(make, callbacks=[stop], epochs=9, verbose=0, shuffle=False, **LINE)
    for _ in range(2):
        assert len(estimator.fit(X, TWO).epoch) == 2
    assert getattr(stop, "model", None) is None


# ---------------------------------------------------------------- scikit-learn of today


def test_it_is_a_classifier_in_searches_and_pipelines():
    base = pytest.importorskip("sklearn.base")
    selection = pytest.importorskip("sklearn.model_selection")
    make_pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    estimator = KerasClassifier(make, epochs=1, batch_size=4, verbose=0)
    assert base.is_classifier(estimator) and not base.is_classifier(KerasRegressor(make))
    grid = {"rate": [0.0], "epochs": [1, 2], "batch_size": [6]}
    search = selection.GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(X, NAMES)
    assert isinstance(search.best_estimator_.model, Sequential)
    assert search.best_params_ == {"rate": 0.0, "epochs": 1, "batch_size": 6}
    right = (np.array(["a", "b", "c"])[Z.argmax(-1)] == NAMES).mean()
    assert search.best_score_ == pytest.approx(right)
    line = make_pipeline(scaler, estimator)
    said = {"cv": 2, "scoring": ["accuracy", "neg_log_loss"], "error_score": "raise"}
    found = selection.cross_validate(line, X, NAMES, **said)
    assert np.isfinite(found["test_neg_log_loss"]).all()
    assert "KerasClassifier(build_fn=<function make" in repr(line)
    assert "KerasClassifier" in line._repr_html_()


def test_clones_and_pickles():
    clone = pytest.importorskip("sklearn.base").clone
    estimator = KerasClassifier(make, metrics=["accuracy"], verbose=0)
    twin = clone(estimator)  # a list among the parameters was too much for that of Keras 2.3
    assert twin.get_params() == estimator.get_params() and twin is not estimator
    estimator.fit(X, NAMES)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert again.classes_.tolist() == ["a", "b", "c"]


def test_it_needs_no_scikit_learn(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert fitted(KerasClassifier, THREE).predict(X).shape == (12,)


SCRIPT = """
import cornu.as_keras
import numpy as np
from sklearn.model_selection import GridSearchCV
from tensorflow.keras.wrappers.scikit_learn import KerasRegressor as Same
from keras.wrappers.scikit_learn import KerasRegressor
import keras


def make(rate=0.1):
    from keras.optimizers import SGD
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(output_dim=1, input_dim=2))
    model.compile(loss="mse", optimizer=SGD(lr=rate))
    return model


if __name__ == "__main__":
    X = np.random.RandomState(0).randn(40, 2)
    estimator = KerasRegressor(build_fn=make, epochs=20, verbose=0)
    search = GridSearchCV(estimator, {"rate": [0.0, 0.1]}, cv=2, n_jobs=2, error_score="raise")
    search.fit(X, X.sum(axis=1))
    print(search.best_params_, Same is KerasRegressor)
"""


def test_modules_of_keras_pass_to_other_processes():
    """As with a function that uses them; what reads them needs to have imported nothing."""
    code = "import cornu.as_keras, keras, pickle; print(pickle.dumps([keras, keras.layers]).hex())"
    for _ in range(2):
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        written = ran.stdout.strip()
        code = f"import pickle; print(*pickle.loads(bytes.fromhex('{written}')))"
    assert "keras.layers" in written and "module 'keras'" in written


@pytest.mark.slow
def test_a_search_of_an_old_script_in_two_processes(tmp_path):
    """The other processes understand old code as this one does."""
    (tmp_path / "search.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "search.py"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ran.stdout.strip() == "{'rate': 0.1} True", ran.stderr


@pytest.mark.parametrize("name", ["BaseWrapper", "KerasClassifier", "KerasRegressor"])
def test_the_module_has_them(name):
    known = {x.__name__: x for x in (BaseWrapper, KerasClassifier, KerasRegressor)}
    assert modules.value("wrappers.scikit_learn", name) is known[name]


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: KerasClassifier(make()), UsageTypeError, "build_fn must be a function"),
        (lambda: KerasClassifier(), UsageTypeError, "no build_fn, and no __call__"),
        (lambda: KerasClassifier(make, epoch=3), UsageError, 'Did you mean "epochs"'),
        (lambda: KerasClassifier(make).set_params(epoch=3), UsageError, "not a legal parameter"),
        (lambda: KerasClassifier(lambda: 3).fit(X, TWO), UsageTypeError, "it gave 3"),
        (lambda: KerasClassifier(make).fit(X, np.zeros((12, 2, 2))), UsageError, "Invalid shape"),
    ],
)
def test_calls_that_cannot_be(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_scores_that_cannot_be():
    estimator = fitted(KerasClassifier, NAMES, metrics=())
    with pytest.raises(UsageError, match='score needs model.compile.*metrics=."accuracy".'):
        estimator.score(X, NAMES)
    with pytest.raises(UsageError, match="y has z, which fit did not see"):
        estimator.score(X, np.where(NAMES == "a", "z", NAMES))
