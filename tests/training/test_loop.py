"""fit, evaluate, predict and single batches against the same thing written in NumPy."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from cornu import layers, metrics, ops, optimizers, settings, state
from cornu.callbacks import Callback
from cornu.layers import Dense, Input
from cornu.models import Sequential
from cornu.training.passes import Pace
from training.reference import START, Reference, X, Y, classifier, draws, linear, same, two


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


# ---------------------------------------------------------------- fit against NumPy


@pytest.mark.parametrize("batch", [1, 6, 7, 20, 64])
def test_epochs_of_gradient_descent(batch):
    model, expected = linear(), Reference()
    history = model.fit(X, Y, batch_size=batch, epochs=3, shuffle=False, verbose=0).history
    wanted = [expected.epoch(X, Y, batch) for _ in range(3)]
    assert np.allclose(history["loss"], wanted, rtol=1e-4)
    assert expected.agrees(model)
    assert int(model.optimizer.iterations) == 3 * -(-20 // batch)


def test_validation_split_holds_out_the_last_rows():
    model, expected = linear(), Reference()
    history = model.fit(
        X, Y, batch_size=5, epochs=2, validation_split=0.25, shuffle=False, verbose=0
    ).history
    for i in range(2):
        assert np.isclose(history["loss"][i], expected.epoch(X[:15], Y[:15], 5), rtol=1e-4)
        assert np.isclose(history["val_loss"][i], expected.loss(X[15:], Y[15:]), rtol=1e-4)
    assert expected.agrees(model)


def test_the_last_rows_are_held_out_before_shuffling():
    seen = X.copy()
    seen[15:] = 1e6  # would show in the loss of any training batch
    model = linear(rate=1e-9)
    history = model.fit(seen, Y, epochs=2, validation_split=0.25, verbose=0).history
    assert max(history["loss"]) < 100 and min(history["val_loss"]) > 1e6


@pytest.mark.parametrize("size", [None, 1, 3, 7, 100])
def test_validation_data_with_and_without_weights(size):
    model, expected = linear(metrics=["mae"], weighted_metrics=["mse"]), Reference()
    weight = np.arange(1.0, 8)
    history = model.fit(
        X,
        Y,
        batch_size=20,
        shuffle=False,
        validation_data=(X[:7], Y[:7], weight),
        validation_batch_size=size,
        verbose=0,
    ).history
    expected.epoch(X, Y, 20)
    error = expected.error(X[:7], Y[:7])[:, 0]
    assert np.isclose(history["val_loss"][0], np.mean(weight * error**2), rtol=1e-4)
    assert np.isclose(history["val_mae"][0], np.mean(abs(error)), rtol=1e-4)
    weighted = (weight * error**2).sum() / weight.sum()
    assert np.isclose(history["val_mse"][0], weighted, rtol=1e-4)


@pytest.mark.parametrize(
    ("frequency", "epochs"), [(1, 4), (2, 2), (3, 1), ([1, 4], 2), ((2,), 1), ({9}, 0)]
)
def test_validation_is_due_every_so_often(frequency, epochs):
    history = (
        linear()
        .fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=frequency, verbose=0)
        .history
    )
    assert len(history["loss"]) == 4 and len(history.get("val_loss", [])) == epochs


def test_validation_steps_end_a_validation_early():
    history = (
        linear(rate=0.0)
        .fit(
            X,
            Y,
            validation_data=(X, Y),
            validation_batch_size=4,
            validation_steps=2,
            verbose=0,
        )
        .history
    )
    assert np.isclose(history["val_loss"][0], Reference().loss(X[:8], Y[:8]), rtol=1e-5)


def test_steps_per_epoch_run_on_into_the_next_pass():
    model, expected = linear(), Reference()
    history = model.fit(
        X, Y, batch_size=8, epochs=3, steps_per_epoch=4, shuffle=False, verbose=0
    ).history
    batches = [slice(0, 8), slice(8, 16), slice(16, 20)] * 4
    for epoch in range(3):
        rows, total = 0, 0.0
        for where in batches[4 * epoch : 4 * epoch + 4]:
            total += expected.step(X[where], Y[where]) * len(X[where])
            rows += len(X[where])
        assert np.isclose(history["loss"][epoch], total / rows, rtol=1e-4)
    assert expected.agrees(model)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("live", [True, False])
def test_every_row_is_seen_once_a_pass(shuffle, live):
    marks = (2.0 ** np.arange(20))[:, None]  # a sum names its terms

    class Sum(metrics.Metric):
        def __init__(self, name="sum"):
            super().__init__(name=name, dtype="float64")
            self.total = self.add_variable((), "zeros", dtype="int32", name="total")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(ops.cast(ops.sum(y_true), "int32"))

        def result(self):
            return self.total.value

    class Live(Callback):
        def on_train_batch_end(self, batch, logs=None):
            """Nothing; it only has to be asked."""

    model = linear(rate=0.0, metrics=[Sum()])
    history = model.fit(
        X,
        marks,
        batch_size=6,
        epochs=4,
        shuffle=shuffle,
        verbose=0,
        callbacks=[Live()] if live else None,
    ).history
    assert history["sum"] == [2**20 - 1] * 4
    history = model.fit(
        X, marks, batch_size=6, epochs=1, steps_per_epoch=8, shuffle=shuffle, verbose=0
    ).history
    assert history["sum"] == [2 * (2**20 - 1)]


def test_every_epoch_has_its_own_order():
    model = linear(rate=0.05)
    orders = set()
    for _ in range(5):
        model.set_weights(START)
        model.fit(X, Y, batch_size=1, verbose=0)
        orders.add(model.get_weights()[0].tobytes())
    assert len(orders) == 5


def test_initial_epoch():
    model, expected = linear(), Reference()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, batch_size=20, shuffle=False, verbose=0)
    wanted = [expected.epoch(X, Y, 20) for _ in range(2)]
    assert history.epoch == [3, 4] and np.allclose(history.history["loss"], wanted, rtol=1e-4)
    assert linear().fit(X, Y, epochs=2, initial_epoch=2, verbose=0).epoch == []


def test_epochs_are_limited_by_the_settings(monkeypatch):
    monkeypatch.setattr(settings.current(), "max_epochs", 2)
    assert linear().fit(X, Y, epochs=5, verbose=0).epoch == [0, 1]


def test_steps_are_limited_by_the_settings(monkeypatch):
    monkeypatch.setattr(settings.current(), "max_steps_per_epoch", 2)
    model = linear()
    model.fit(X, Y, batch_size=5, verbose=0)
    assert int(model.optimizer.iterations) == 2


# ---------------------------------------------------------------- single batches


def test_single_batches_return_their_own_figures():
    model, expected = linear(metrics=["mae"]), Reference()
    for rows in (slice(0, 10), slice(10, 20), slice(0, 3)):
        error = expected.error(X[rows], Y[rows])
        wanted = [np.mean(error**2), np.mean(abs(error))]
        assert np.allclose(model.test_on_batch(X[rows], Y[rows]), wanted, rtol=1e-4)
        assert np.allclose(model.train_on_batch(X[rows], Y[rows]), wanted, rtol=1e-4)
        expected.step(X[rows], Y[rows])
    assert expected.agrees(model)
    found = model.test_on_batch(X, Y, sample_weight=np.full(20, 2.0), return_dict=True)
    assert list(found) == ["loss", "mae"]
    assert np.isclose(found["loss"], 2 * expected.loss(X, Y), rtol=1e-4)
    assert isinstance(linear().train_on_batch(X, Y), float)


def test_single_batches_and_epochs_do_not_mix_their_figures():
    model = linear(rate=0.0)
    model.train_on_batch(X[:5], Y[:5])
    wanted = Reference().loss(X, Y)
    assert np.isclose(model.fit(X, Y, batch_size=5, verbose=0).history["loss"][0], wanted)
    assert np.isclose(model.evaluate(X, Y, batch_size=5, verbose=0), wanted)
    assert np.isclose(model.test_on_batch(X[:5], Y[:5]), Reference().loss(X[:5], Y[:5]))
    assert np.isclose(model.fit(X, Y, batch_size=5, verbose=0).history["loss"][0], wanted)


def test_class_weights_of_a_single_batch():
    labels = draws().integers(0, 3, 20)
    one, other = classifier(), classifier()
    a = one.train_on_batch(X, labels, class_weight={0: 1.0, 1: 2.0, 2: 3.0})
    b = other.train_on_batch(X, labels, sample_weight=np.array([1.0, 2.0, 3.0])[labels])
    assert a == b and same(one.get_weights(), other.get_weights())


# ---------------------------------------------------------------- predict


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 20])
@pytest.mark.parametrize("batch", [None, 1, 3, 32])
def test_predict_any_number_of_rows(rows, batch):
    model = linear()
    found = model.predict(X[:rows], batch_size=batch, verbose=0)
    assert found.shape == (rows, 1) and found.dtype == np.float32
    assert np.allclose(found, X[:rows] @ START[0], rtol=1e-5)
    found[:] = 7  # the array is the caller's own
    assert np.allclose(model.predict(X[:rows], verbose=0), X[:rows] @ START[0], rtol=1e-5)


def test_predict_sees_weights_that_came_since():
    """A layer that got adapters after a call computes with them, compiled again or not."""
    model = Sequential([Input((3,)), layers.EinsumDense("bi,ij->bj", 4)])
    for _ in range(3):
        before = model.predict(X[:2], verbose=0)
    (layer,) = model.layers
    layer.enable_lora(2)
    a = np.asarray(layer.lora_kernel_a)
    layer.lora_kernel_b.assign(np.ones((2, 4)))
    found = model.predict(X[:2], verbose=0)
    np.testing.assert_allclose(found - before, X[:2] @ a @ np.ones((2, 4)), atol=1e-5)


def test_predict_no_rows_of_several_outputs():
    found = two(loss="mse").predict(X[:0], verbose=0)
    assert [f.shape for f in found] == [(0, 1), (0, 2)]


def test_predict_rows_that_influence_each_other():
    class Center(layers.Layer):
        def call(self, x):
            return x - ops.mean(x, axis=0, keepdims=True)

    model = Sequential([Input((3,)), Center()])
    found = model.predict(X[:7], batch_size=5, verbose=0)
    wanted = np.concatenate([x - x.mean(axis=0) for x in (X[:5], X[5:7])])
    assert np.allclose(found, wanted, atol=1e-6)


def test_predict_steps_and_generators():
    model = linear()
    assert len(model.predict(X, batch_size=6, steps=2, verbose=0)) == 12
    batches = [X[:5], X[5:6], X[6:20]]
    found = model.predict(iter(batches), verbose=0)
    assert np.allclose(found, X @ START[0], rtol=1e-5)

    def forever():
        while True:
            yield (X[:4],)

    assert len(model.predict(forever(), steps=3, verbose=0)) == 12


def test_predict_takes_float64_integers_and_lists():
    model = linear()
    whole = np.arange(6).reshape(2, 3)
    for given in (whole, whole.astype("float64"), whole.tolist(), whole.astype("uint8")):
        assert np.allclose(model.predict(given, verbose=0), whole @ START[0])
    assert np.allclose(model.predict_on_batch(whole), whole @ START[0])


def test_new_weights_are_those_of_the_next_call():
    model = linear(rate=0.0)
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.set_weights([np.zeros((3, 1)), np.full(1, 7.0)])
    assert np.all(model.predict(X, verbose=0) == 7)
    assert np.isclose(model.evaluate(X, np.full((20, 1), 7.0), verbose=0), 0)
    model.layers[0].bias.assign([3.0])
    assert np.all(model.predict(X, verbose=0) == 3) and np.all(np.asarray(model(X)) == 3)
    loss = model.fit(X, np.full((20, 1), 4.0), verbose=0).history["loss"][0]
    assert np.isclose(loss, 1)


# ---------------------------------------------------------------- compiling again, freezing


def test_compile_again_begins_the_optimizer_anew():
    model = linear()
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.compile(optimizers.SGD(0.1), "mae", metrics=["mse"])
    model.set_weights(START)
    history = model.fit(X, Y, batch_size=20, verbose=0).history
    assert list(history) == ["loss", "mse"]
    error = Reference().error(X, Y)
    slope = X.T @ np.sign(error) / 20
    assert np.allclose(model.get_weights()[0], START[0] - 0.1 * slope, atol=1e-5)


def test_a_failed_compile_changes_nothing():
    model = linear(metrics=["mae"])
    model.fit(X, Y, verbose=0)
    for wrong in ({"optimizer": "sgdd"}, {"loss": "msee"}, {"metrics": ["maee"]}):
        with pytest.raises(ValueError, match="Did you mean"):
            model.compile(**{"optimizer": "sgd", "loss": "mse", **wrong})
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "mae"]


def test_what_needs_compiling():
    model = Sequential([Input((3,)), Dense(1)])
    assert model.predict(X, verbose=0).shape == (20, 1)
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match='E-COMPILE|compile\\("adam", "mse"\\)'):
            call(X, Y)


def test_freezing_counts_when_it_is_compiled():
    model = Sequential([Input((3,)), Dense(4, name="low"), Dense(1, name="high")])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    assert same(before[:2], after[:2]) and not same(before[2:], after[2:])
    model.layers[0].trainable = True
    with pytest.warns(UserWarning, match="changed trainable since compile: low"):
        model.fit(X, Y, verbose=0)
    assert same(before[:2], model.get_weights()[:2])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert not same(before[:2], model.get_weights()[:2])


def test_frozen_after_a_fit_and_compiled_again():
    model = Sequential([Input((3,)), Dense(4), Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y, verbose=0)
    assert same(before, model.get_weights())


def test_a_frozen_batch_normalization_runs_in_inference():
    x, normal = X * 3 + 5, layers.BatchNormalization()
    model = Sequential([Input((3,)), normal, Dense(1)])
    normal.trainable = False
    model.compile(optimizers.SGD(0.0), "mse")
    before = normal.get_weights()
    loss = model.fit(x, Y, verbose=0).history["loss"][0]
    assert same(before, normal.get_weights())
    assert np.isclose(loss, np.mean((model.predict(x, verbose=0) - Y) ** 2), rtol=1e-5)
    normal.trainable = True
    model.compile(optimizers.SGD(0.0), "mse")
    model.fit(x, Y, batch_size=20, verbose=0)
    mean = 0.01 * x.mean(axis=0)
    assert np.allclose(normal.moving_mean.numpy(), mean, rtol=1e-5)


def test_the_order_of_weights_does_not_change_with_use():
    model = Sequential([Input((3,)), Dense(2), layers.BatchNormalization(), Dense(1)])
    before = [v.path for v in model.weights]
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert [v.path for v in model.weights] == before
    assert [v.path for v in model.trainable_weights] == [p for p in before if "moving" not in p]


# ---------------------------------------------------------------- run_eagerly


def full(eager):
    state.set_random_seed(5)
    model = Sequential(
        [
            Input((3,)),
            Dense(4, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.3),
            layers.BatchNormalization(),
            Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=eager)
    return model


def test_running_eagerly_gives_the_same_numbers():
    runs = []
    for eager in (False, True):
        model = full(eager)
        history = model.fit(X, Y, batch_size=15, validation_split=0.25, verbose=0).history
        found = [model.evaluate(X, Y, verbose=0), model.predict(X[:3], verbose=0)]
        runs.append([*(np.array(v) for v in history.values()), *found, *model.get_weights()])
    for compiled, eager in zip(*runs, strict=True):
        assert np.allclose(compiled, eager, atol=1e-6, rtol=1e-6)


def test_running_eagerly_runs_python():
    seen = []

    class Look(layers.Layer):
        def call(self, x):
            seen.append(type(x).__name__)
            return x

    model = Sequential([Input((3,)), Look()])
    model.compile("sgd", "mse", run_eagerly=True)
    seen.clear()
    model.evaluate(X, X, batch_size=5, verbose=0)
    assert len(seen) == 4 and not any("Tracer" in name for name in seen)


# ---------------------------------------------------------------- generators


class Counting:
    """A sequence of batches that can be indexed."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i >= 4:
            raise IndexError
        return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]


def forever():
    while True:
        for i in range(4):
            yield X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]


@pytest.mark.parametrize(
    ("make", "steps"),
    [(forever, 4), (Counting, None), (lambda: list(map(Counting().__getitem__, range(4))), None)],
)
def test_batches_from_elsewhere(make, steps):
    data = make()
    data = iter(data * 2) if isinstance(data, list) else data
    model, expected = linear(), Reference()
    steps = 4 if hasattr(data, "__next__") else steps
    history = model.fit(data, epochs=2, steps_per_epoch=steps, shuffle=False, verbose=0).history
    wanted = [expected.epoch(X, Y, 5) for _ in range(2)]
    assert np.allclose(history["loss"], wanted, rtol=1e-4) and expected.agrees(model)


def test_a_generator_goes_on_where_it_was():
    model, expected = linear(), Reference()
    model.fit(forever(), epochs=2, steps_per_epoch=3, verbose=0)
    for i in (0, 1, 2, 3, 0, 1):
        expected.step(X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5])
    assert expected.agrees(model)


def test_generators_with_weights_and_for_validation():
    weight = np.arange(20.0)

    def weighted():
        while True:
            for i in range(0, 20, 5):
                yield X[i : i + 5], Y[i : i + 5], weight[i : i + 5]

    model, expected = linear(), Reference()
    history = model.fit(
        weighted(),
        steps_per_epoch=4,
        validation_data=forever(),
        validation_steps=2,
        verbose=0,
    ).history
    assert np.isclose(history["loss"][0], expected.epoch(X, Y, 5, weight), rtol=1e-4)
    assert np.isclose(history["val_loss"][0], expected.loss(X[:10], Y[:10]), rtol=1e-4)
    error = expected.error(X[:10], Y[:10])[:, 0]
    found = model.evaluate(weighted(), steps=2, verbose=0)
    assert np.isclose(found, np.mean(weight[:10] * error**2), rtol=1e-4)


def test_batches_of_different_sizes_count_by_their_rows():
    cuts = [slice(0, 3), slice(3, 4), slice(4, 20)]
    model, expected = linear(rate=0.0), Reference(rate=0.0)
    found = model.evaluate(iter([(X[c], Y[c]) for c in cuts]), steps=3, verbose=0)
    assert np.isclose(found, expected.loss(X, Y), rtol=1e-5)
    history = model.fit(iter([(X[c], Y[c]) for c in cuts]), steps_per_epoch=3, verbose=0).history
    assert np.isclose(history["loss"][0], expected.loss(X, Y), rtol=1e-5)


# ---------------------------------------------------------------- what stays as it was


def test_data_and_weights_of_the_user_are_left_alone():
    x, y, weight = X.copy(), Y.copy(), np.ones(20)
    for array in (x, y, weight):
        array.flags.writeable = False
    model = linear()
    held = model.get_weights()
    kept = [w.copy() for w in held]
    model.fit(x, y, sample_weight=weight, epochs=2, verbose=0)
    assert np.array_equal(x, X) and np.array_equal(y, Y) and same(held, kept)


def test_evaluation_and_prediction_change_no_weight():
    model = full(False)
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    slots = [v.numpy() for v in model.optimizer.variables]
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model.test_on_batch(X, Y)
    assert same(before, model.get_weights())
    assert same(slots, [v.numpy() for v in model.optimizer.variables])


def test_several_fits_are_one_long_one():
    one, other = linear(), linear()
    one.compile("adam", "mse")
    other.compile("adam", "mse")
    one.fit(X, Y, batch_size=6, epochs=4, shuffle=False, verbose=0)
    for _ in range(4):
        other.fit(X, Y, batch_size=6, shuffle=False, verbose=0)
        other.evaluate(X, Y, verbose=0)
    assert same(one.get_weights(), other.get_weights())


def test_no_epoch_changes_nothing_even_with_averages():
    model = linear()
    model.compile(optimizers.SGD(0.1, use_ema=True), "mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=0, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_chunks_are_paced_for_training_and_testing_apart():
    program = SimpleNamespace(seconds={})
    train, test = Pace(program, "train", 0.1), Pace(program, "test", 0.1)
    assert train.next(1000) == 1  # nothing is known yet
    train.saw(10, 0.1)  # 10 ms a step
    test.saw(10, 0.001)  # 0.1 ms
    assert (train.next(1000), test.next(1000), test.next(5000)) == (10, 1000, 1000)
    train.saw(1, 2.0)  # a single slow step was compiled: it says nothing
    assert train.next(1000) == 10
    assert Pace(program, "train", 0).next(1000) == 1
