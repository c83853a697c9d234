"""Weights of samples, several outputs, losses and metrics against NumPy."""

import numpy as np
import pytest

import cornu as keras
from cornu import layers, losses, metrics, ops, optimizers, state
from cornu.layers import Dense, Input
from cornu.models import Model, Sequential
from training.reference import START, Reference, X, Y, classifier, draws, linear, same, two


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


# ---------------------------------------------------------------- weights of samples and classes


def test_sample_weights_weigh_the_gradient():
    weight = draws().uniform(0, 3, 20)
    model, expected = linear(), Reference()
    history = model.fit(
        X, Y, batch_size=7, sample_weight=weight, epochs=2, shuffle=False, verbose=0
    ).history
    wanted = [expected.epoch(X, Y, 7, weight) for _ in range(2)]
    assert np.allclose(history["loss"], wanted, rtol=1e-4) and expected.agrees(model)


def test_shuffled_sample_weights_stay_with_their_rows():
    weight = np.zeros(20)
    weight[3] = 20.0
    model, expected = linear(rate=0.01), Reference(rate=0.01)
    model.fit(X, Y, batch_size=20, sample_weight=weight, epochs=5, verbose=0)
    for _ in range(5):
        expected.step(X, Y, weight)
    assert expected.agrees(model)


def test_a_sample_of_weight_k_is_k_samples():
    times = np.array([1, 2, 3, 0, 1] * 4)
    x, y = np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0)
    names = ["mae", "mse", metrics.MeanMetricWrapper(lambda t, p: abs(t - p) ** 3, name="cube")]
    model = linear(weighted_metrics=names)
    weighted = model.evaluate(X, Y, sample_weight=times, batch_size=6, verbose=0, return_dict=True)
    repeated = model.evaluate(x, y, batch_size=6, verbose=0, return_dict=True)
    for name in ("mae", "mse", "cube"):
        assert np.isclose(weighted[name], repeated[name], rtol=1e-5)
    assert np.isclose(weighted["loss"] * 20, repeated["loss"] * times.sum(), rtol=1e-5)


@pytest.mark.parametrize("one_hot", [False, True])
def test_class_weights_are_sample_weights(one_hot):
    labels = draws().integers(0, 3, 20)
    table = {0: 0.5, 1: 2.0, 2: 3.0}
    runs = []
    for given in (
        {"class_weight": table},
        {"class_weight": [0.5, 2.0, 3.0]},
        {"sample_weight": np.array([table[i] for i in labels])},
    ):
        model = classifier(weighted_metrics=["accuracy"])
        if one_hot:
            model.compile(optimizers.SGD(0.1), "categorical_crossentropy")
        y = np.eye(3)[labels] if one_hot else labels
        history = model.fit(X, y, batch_size=6, shuffle=False, verbose=0, **given).history
        runs.append((model.get_weights(), history))
    unweighted = classifier()
    unweighted.fit(X, labels, batch_size=6, shuffle=False, verbose=0)
    for weights, history in runs[1:]:
        assert history == runs[0][1] and same(weights, runs[0][0])
    assert not same(unweighted.get_weights(), runs[0][0])


def test_class_weights_multiply_sample_weights():
    labels, weight = draws().integers(0, 3, 20), draws().uniform(1, 2, 20)
    table = np.array([0.5, 2.0, 3.0])
    one, other = classifier(), classifier()
    one.fit(X, labels, class_weight=table, sample_weight=weight, shuffle=False, verbose=0)
    other.fit(X, labels, sample_weight=weight * table[labels], shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-6)


def test_metrics_see_weights_only_where_they_are_asked_to():
    weight = np.arange(20.0)
    found = linear(metrics=["mae"], weighted_metrics=["mae", "mse"]).evaluate(
        X, Y, sample_weight=weight, batch_size=6, verbose=0, return_dict=True
    )
    error = abs(Reference().error(X, Y))[:, 0]
    assert list(found) == ["loss", "mae", "weighted_mae", "mse"]  # names as Keras 3.15.1 gives
    assert np.isclose(found["mae"], error.mean(), rtol=1e-5)
    assert np.isclose(found["weighted_mae"], (weight * error).sum() / weight.sum(), rtol=1e-5)
    assert np.isclose(found["loss"], (weight * error**2).mean(), rtol=1e-5)


# ---------------------------------------------------------------- several outputs


YA, YB = np.zeros((20, 1)), np.ones((20, 2))
TWO = {"loss", "a_loss", "b_loss"}
ROWS = X.sum(axis=1).astype("float64")
MSE_A, MAE_A = np.mean(ROWS**2), np.mean(abs(ROWS))
MSE_B, MAE_B = np.mean((ROWS - 1) ** 2), np.mean(abs(ROWS - 1))


@pytest.mark.parametrize(
    ("told", "keys"),  # the keys are those of Keras 3.15.1
    [
        ({"loss": "mse"}, TWO),
        ({"loss": ["mse", "mae"]}, TWO),
        ({"loss": {"a": "mse", "b": "mae"}}, TWO),
        ({"loss": ["mse", None]}, {"loss"}),
        ({"loss": "mse", "metrics": {"b": "mae"}}, TWO | {"b_mae"}),
        ({"loss": "mse", "metrics": ["mae", "mse"]}, TWO | {"a_mae", "b_mse"}),
        ({"loss": "mse", "metrics": ["mae", ["mse", "mae"]]}, TWO | {"a_mae", "b_mse", "b_mae"}),
        ({"loss": "mse", "metrics": {"b": "mae", "a": ["mse"]}}, TWO | {"b_mae", "a_mse"}),
        ({"loss": "mse", "weighted_metrics": ["mae", "mae"]}, TWO | {"a_mae", "b_mae"}),
        (
            {"loss": "mse", "metrics": {"a": "mae"}, "weighted_metrics": {"a": "mae", "b": "mse"}},
            TWO | {"a_mae", "a_weighted_mae", "b_mse"},
        ),
    ],
)
def test_log_keys_of_several_outputs(told, keys):
    model = two(**told)
    assert set(model.fit(X, [YA, YB], verbose=0).history) == keys
    found = model.evaluate(X, [YA, YB], verbose=0, return_dict=True)
    assert set(found) == keys and list(found)[0] == "loss"
    assert len(np.ravel(model.evaluate(X, [YA, YB], verbose=0))) == len(keys)


@pytest.mark.parametrize("weights", [[2.0, 0.25], {"a": 2.0, "b": 0.25}, (2.0, 0.25)])
@pytest.mark.parametrize("y", [[YA, YB], (YA, YB), {"b": YB, "a": YA}], ids=type)
def test_losses_are_weighed_and_added(weights, y):
    model = two(loss={"a": "mse", "b": "mae"}, loss_weights=weights, metrics=[["mae"], ["mse"]])
    found = model.evaluate(X, y, batch_size=6, verbose=0, return_dict=True)
    wanted = {
        "loss": 2 * MSE_A + 0.25 * MAE_B,
        "a_loss": MSE_A,
        "b_loss": MAE_B,
        "a_mae": MAE_A,
        "b_mse": MSE_B,
    }
    assert found.keys() == wanted.keys()
    assert all(np.isclose(found[name], wanted[name], rtol=1e-5) for name in wanted)


def test_loss_weights_weigh_gradients():
    model = two(loss="mse", loss_weights=[1.0, 0.0])
    model.fit(X, [YA, YB], verbose=0)
    moved = [not np.array_equal(w, np.full_like(w, w.ravel()[0])) for w in model.get_weights()]
    assert moved[0] and not moved[2]


def test_sample_weights_by_output():
    model = two(loss=["mse", "mse"])
    weight = draws().uniform(0, 2, 20)
    errors = ROWS**2, (ROWS - 1) ** 2
    for given, both in (
        (weight, (weight, weight)),
        ([weight, None], (weight, 1)),
        ({"b": weight, "a": np.ones(20)}, (1, weight)),
    ):
        found = model.evaluate(
            X, [YA, YB], sample_weight=given, batch_size=7, verbose=0, return_dict=True
        )
        for name, w, e in zip(("a_loss", "b_loss"), both, errors, strict=True):
            assert np.isclose(found[name], np.mean(w * e), rtol=1e-5)


def test_outputs_named_by_a_dict():
    x = Input((3,), name="x")
    model = Model(x, {"q": Dense(1, name="one")(x), "p": Dense(2, name="two")(x)})
    model.compile("sgd", {"p": "mse", "q": "mae"}, metrics={"q": ["mse"]})
    assert model.output_names == ["p", "q"]
    history = model.fit(X, {"q": YA, "p": YB}, verbose=0).history
    assert set(history) == {"loss", "p_loss", "q_loss", "q_mse"}
    assert model.predict(X, verbose=0)["q"].shape == (20, 1)


@pytest.mark.parametrize(
    "told",
    [
        {"loss": ["mse"]},
        {"loss": {"a": "mse", "c": "mse"}},
        {"loss": "mse", "loss_weights": [1.0]},
        {"loss": "mse", "loss_weights": 2.0},
        {"loss": "mse", "loss_weights": {"c": 1.0}},
        {"loss": "mse", "metrics": {"c": "mae"}},
        {"loss": "mse", "metrics": [["mae"], ["mae"], ["mae"]]},
    ],
)
def test_what_does_not_fit_two_outputs(told):
    model = two(loss="mse")
    with pytest.raises((ValueError, TypeError), match="E-OUTPUT"):
        model.compile("sgd", **told)
        model.fit(X, [YA, YB], verbose=0)


def test_a_metric_may_be_taken_of_an_output_without_a_loss():
    model = two(loss={"a": "mse"}, metrics={"b": "mae"})
    found = model.evaluate(X, {"a": YA, "b": YB}, verbose=0, return_dict=True)
    assert list(found) == ["loss", "b_mae"] and np.isclose(found["b_mae"], MAE_B, rtol=1e-5)


# ---------------------------------------------------------------- figures


NAMES = ["mae", "mse", "cosine_similarity", metrics.RootMeanSquaredError(name="rmse"),
         metrics.MeanMetricWrapper(lambda t, p: ops.abs(t - p), name="own")]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 3, 7, 19, 20])
def test_figures_do_not_depend_on_how_rows_are_batched(batch):
    model = linear(metrics=NAMES[:3] + [lambda t, p: abs(t - p)])
    found = model.evaluate(X, Y, batch_size=batch, verbose=0)
    error = Reference().error(X, Y)
    signs = np.sign(Y * (X @ START[0]))
    wanted = [np.mean(error**2), np.mean(abs(error)), np.mean(error**2), np.mean(signs)]
    assert np.allclose(found, [*wanted, np.mean(abs(error))], rtol=1e-5)


def test_regularization_is_part_of_the_loss_once_a_batch():
    model = Sequential([Input((3,)), Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))])
    model.set_weights(START)
    model.compile(optimizers.SGD(0.0), "mse")
    wanted = Reference().loss(X, Y) + 0.1 * 0.75
    for batch in (3, 20):
        assert np.isclose(model.evaluate(X, Y, batch_size=batch, verbose=0), wanted, rtol=1e-5)
    assert np.isclose(model.fit(X, Y, verbose=0).history["loss"][0], wanted, rtol=1e-5)


def test_activity_regularizers_and_add_loss_train():
    class Pull(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(ops.square(x)))
            return x

    model = Sequential([Input((3,)), Dense(1), Pull()])
    model.set_weights(START)
    model.compile(optimizers.SGD(0.1))
    outputs = X @ START[0]
    loss = model.fit(X, batch_size=20, shuffle=False, verbose=0).history["loss"][0]
    assert np.isclose(loss, np.mean(outputs**2), rtol=1e-5)
    slope = 2 * X.T @ outputs / 20
    assert np.allclose(model.get_weights()[0], START[0] - 0.1 * slope, atol=1e-6)


def test_nothing_to_minimise():
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="E-NO-LOSS"):
        model.fit(X, Y, verbose=0)


def test_losses_given_in_every_way():
    def own(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    wanted = np.mean(abs(Reference().error(X, Y)))
    for loss in ("mae", "mean_absolute_error", losses.MeanAbsoluteError(), own,
                 keras.losses.mean_absolute_error):  # fmt: skip
        assert np.isclose(linear(loss=loss).evaluate(X, Y, verbose=0), wanted, rtol=1e-5)


def test_half_precision_outputs_are_judged_in_float32():
    model = Sequential([Input((3,)), Dense(1, dtype="mixed_float16")])
    model.set_weights([np.full((3, 1), 200.0), np.zeros(1)])
    outputs = np.asarray(model(X), "float64")
    wanted = np.mean(outputs**2)
    assert wanted > 65504  # more than float16 holds

    def own(y_true, y_pred):
        return ops.mean((y_true - y_pred) ** 2, axis=-1)

    for name in ("mse", own):
        model.compile("sgd", name, metrics=[name])
        found = model.evaluate(X, np.zeros((20, 1), "float16"), verbose=0)
        assert np.allclose(found, wanted, rtol=2e-3)


def test_a_callback_that_judges_changes_no_figures_of_the_epoch():
    class Judges(keras.callbacks.Callback):
        def __init__(self):
            self.found = []

        def on_train_batch_end(self, batch, logs=None):
            self.found.append(self.model.evaluate(X, Y, verbose=0, return_dict=True))
            self.model.test_on_batch(X[:3], Y[:3])

    said = {"epochs": 2, "batch_size": 8, "verbose": 0, "validation_data": (X, Y)}
    judging, alone, judges = linear(metrics=["mae"]), linear(metrics=["mae"]), Judges()
    state.set_random_seed(1)
    found = judging.fit(X, Y, callbacks=[judges], **said).history
    state.set_random_seed(1)
    assert found == alone.fit(X, Y, **said).history
    assert same(judging.get_weights(), alone.get_weights()) and len(judges.found) == 6
    assert judges.found[-1]["mae"] == pytest.approx(found["val_mae"][-1])  # of the same weights
    assert judging.evaluate(X, Y, verbose=0)[1] == pytest.approx(found["val_mae"][-1])
