"""What compiled models of Keras 1 and 2 were asked, and figures and losses that are Tensors."""

import numpy as np
import pytest

from cornu import Input, layers
from cornu import backend as K
from cornu.dialects import generations, spellings, table
from cornu.errors import UsageError
from cornu.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

X = np.arange(12, dtype="float32").reshape(4, 3) / 10
Y = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], "float32")
W = np.array([[0.5, -1.0], [0.25, 2.0], [1.0, 0.5]], "float32")
OUT = X.astype("float64") @ W


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield
    K.clear_session()


def linear(**options):
    model = Sequential([Input((3,)), layers.Dense(2, use_bias=False)])
    model.set_weights([W])
    if options:
        model.compile("sgd", **options)
    return model


def branches():
    x = Input((3,))
    ends = [layers.Dense(2, name="a")(x), layers.Dense(1, name="b")(x)]
    return Model(x, ends)


# ---------------------------------------------------------------- what compile was told


def test_loss_and_its_weights():
    model = linear()
    assert (model.loss, model.loss_weights) == (None, None)
    model.compile("sgd", "mse")
    assert (model.loss, model.loss_weights) == ("mse", None)
    two = branches()
    two.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 2.0, "b": 1.0})
    assert two.loss == {"a": "mse", "b": "mae"} and two.loss_weights == {"a": 2.0, "b": 1.0}
    assert [loss.name for loss in two.loss_functions] == ["mse", "mae"]
    two.loss = "mine"  # a plain attribute, as it was
    assert two.loss == "mine"


@pytest.mark.parametrize("metrics", [["mae"], ["accuracy", "mae"], ["acc"], []])
def test_names_are_those_that_training_finds(metrics):
    model = linear(loss="mse", metrics=metrics)
    before = model.metrics_names
    assert before == ["loss", *metrics]
    model.fit(X, Y, verbose=0)
    assert model.metrics_names == before


def test_names_of_several_outputs():
    model = branches()
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"a": ["accuracy"], "b": "mse"})
    before = model.metrics_names
    assert before == ["loss", "a_loss", "b_loss", "a_accuracy", "b_mse"]
    model.train_on_batch(X, [Y, Y[:, :1]])
    assert model.metrics_names == before
    assert branches().metrics_names == []


def test_looking_ahead_changes_nothing():
    """Which accuracy is meant is told by the first targets, also where names were asked before."""
    model = Sequential([Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.metrics_names == ["loss", "accuracy"]
    share = model.evaluate(X, np.zeros(4, "int32"), verbose=0)[1]
    expected = np.mean(model.predict(X, verbose=0).argmax(-1) == 0)
    assert share == pytest.approx(expected)


def test_metrics_are_those_of_the_generation():
    model = linear(loss="mse", metrics=["mae"])
    with generations.within("2.2"):
        assert model.metrics == ["mae"]
    with generations.within("2.3"):
        assert [metric.name for metric in model.metrics] == ["mae"]
    assert [metric.name for metric in linear().metrics] == []


def test_metrics_as_tensors():
    model = linear(loss="mse", metrics=["mae"])
    fed = [*model.inputs, *model.targets, *model.sample_weights]
    found = K.function(fed, model.metrics_tensors)([X, Y, np.ones(4)])
    np.testing.assert_allclose(found, [np.abs(OUT - Y).mean()], rtol=1e-5)
    again = K.function(fed, model.metrics_tensors)([X, Y, np.ones(4)])
    np.testing.assert_array_equal(found, again)  # a batch by itself, whatever came before


# ---------------------------------------------------------------- Tensors that are reported


@pytest.mark.parametrize("first", [True, False])
def test_a_tensor_is_reported(first):
    x = Input((3,))
    dense = layers.Dense(2, use_bias=False)
    model = Model(x, dense(x))
    model.set_weights([W])
    if not first:
        model.compile("sgd", "mse")
    model.add_metric(K.mean(model.output), name="level", aggregation="mean")
    if first:
        model.compile("sgd", "mse")
    assert model.metrics_names == ["loss", "level"]
    loss, level = model.evaluate(X, Y, batch_size=2, verbose=0)
    assert level == pytest.approx(OUT.mean(), rel=1e-5)
    assert loss == pytest.approx(np.mean((OUT - Y) ** 2), rel=1e-5)
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0).history
    assert history["level"][0] == pytest.approx(OUT.mean(), rel=1e-5)
    assert history["level"][1] != pytest.approx(OUT.mean(), rel=1e-3)
    assert len(model.get_weights()) == len(model.weights) == 1


def test_a_tensor_is_reported_beside_several_outputs_by_its_own_name():
    model = branches()
    model.add_metric(K.sum(model.outputs[0]), name="sum")
    model.compile("sgd", "mse")
    assert model.train_on_batch(X, [Y, Y[:, :1]], return_dict=True).keys() == {
        *("loss", "a_loss", "b_loss", "sum"),
    }


def test_only_tensors_of_a_graph_are_reported():
    class Mine(layers.Layer):
        def call(self, x):
            self.add_metric(K.mean(x), name="mean")
            return x

    with pytest.raises(UsageError, match=r"cornu\.metrics as an attribute"):
        Mine()(X)
    with pytest.raises(UsageError, match='aggregation must be "mean"'):
        model = linear()
        model.add_metric(K.mean(model.output), aggregation="sum")


def test_a_loss_that_is_a_tensor_of_a_sequential():
    model = linear()
    model.add_loss(K.mean(K.square(model.output)))
    model.compile("sgd")
    loss = model.fit(X, verbose=0, batch_size=4).history["loss"][0]
    assert loss == pytest.approx(np.mean(OUT**2), rel=1e-5)
    blank = Sequential([layers.Dense(2)])
    with pytest.raises(UsageError, match="a Sequential that knows its input's shape"):
        blank.add_loss(K.mean(K.placeholder((2, 2))))


# ---------------------------------------------------------------- names of metrics


@pytest.mark.parametrize(
    "name",
    "f1score fbeta_score fmeasure fscore kullback_leibler_divergence matthews_correlation".split(),
)
def test_names_of_metrics_that_are_no_more(name):
    model = Sequential([Input((3,)), layers.Dense(2, activation="softmax", use_bias=False)])
    model.set_weights([W])
    model.compile("sgd", "mse", metrics=[name])
    x = X[:, ::-1]
    out = x.astype("float64") @ W
    e = np.exp(out - out.max(1, keepdims=True))
    p, t = e / e.sum(1, keepdims=True), Y.astype("float64")
    hits, said = np.round(p), t
    right = (hits * said).sum()
    share = right / hits.sum()
    tn, fp = ((1 - hits) * (1 - said)).sum(), (hits * (1 - said)).sum()
    fn = ((1 - hits) * said).sum()
    expected = {
        "kullback_leibler_divergence": np.mean(
            np.sum(np.clip(t, 1e-7, 1) * np.log(np.clip(t, 1e-7, 1) / np.clip(p, 1e-7, 1)), -1)
        ),
        "matthews_correlation": (right * tn - fp * fn)
        / np.sqrt((right + fp) * (right + fn) * (tn + fp) * (tn + fn)),
    }.get(name, share)  # precision and recall are equal where each row has one hit
    found = model.evaluate(x, Y, verbose=0)
    assert model.metrics_names == ["loss", name]
    assert found[1] == pytest.approx(expected, rel=1e-4)
