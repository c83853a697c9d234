"""What training promises: the same result however it is cut, and a model that is always whole."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import cornu as keras
from cornu import layers
from cornu.callbacks import Callback

CASES = {
    "mlp": lambda: [
        keras.Input((8,)),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ],
    "normalized": lambda: [
        keras.Input((8,)),
        layers.Dense(16),
        layers.BatchNormalization(),
        layers.Activation("tanh"),
        layers.Dense(3, activation="softmax"),
    ],
    "convolutional": lambda: [
        keras.Input((8,)),
        layers.Reshape((4, 2, 1)),
        layers.Conv2D(4, 2, padding="same", activation="relu"),
        layers.MaxPooling2D((2, 1)),
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ],
}


def data(rows=150):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 8)).astype("float32")
    return x, (x @ rng.normal(size=(8, 3))).argmax(axis=-1)


def made(case, seed=1):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(CASES[case]())
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Live(Callback):
    """Sees every batch, so that chunks are one batch long."""

    def __init__(self):
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_chunks_and_single_batches_give_equal_bits(case):
    x, y = data()
    runs = []
    for callback in (None, Live()):
        model = made(case)
        before = model.get_weights()
        history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=callback)
        assert not same(before, model.get_weights())
        runs.append((model.get_weights(), history.history, model.optimizer.variables))
    assert callback.batches == 3 * 10
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert same([v.numpy() for v in runs[0][2]], [v.numpy() for v in runs[1][2]])


def test_fit_and_train_on_batch_give_equal_bits():
    x, y = data(144)
    model = made("mlp")
    model.fit(x, y, epochs=2, batch_size=16, verbose=0, shuffle=False)
    other = made("mlp")
    for _ in range(2):
        for i in range(0, 144, 16):
            other.train_on_batch(x[i : i + 16], y[i : i + 16])
    assert same(model.get_weights(), other.get_weights())


SCRIPT = """
import hashlib, numpy as np, sys
sys.path[:0] = [{here!r}]
from test_whole import data, made
model = made("mlp", seed=11)
model.fit(*data(), epochs=2, verbose=0)
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def test_one_seed_gives_equal_bits_in_two_processes():
    script = SCRIPT.format(here=os.path.dirname(__file__))
    digests = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": str(number)},
        ).stdout
        for number in (1, 2)
    ]
    assert digests[0] == digests[1] and len(digests[0].strip()) == 64


def test_different_seeds_differ():
    x, y = data()
    weights = []
    for seed in (1, 2):
        model = made("mlp", seed)
        model.fit(x, y, verbose=0)
        weights.append(model.get_weights())
    assert not same(*weights)


def test_eight_threads_predict_1600_times():
    x, _ = data()
    model = made("normalized")
    expected = {n: model.predict(x[:n], verbose=0) for n in (1, 7, 32, 150)}
    fresh = made("normalized")  # nothing is compiled yet when the threads begin
    right, wrong = [], []

    def work(number):
        for i in range(200):
            n = (1, 7, 32, 150)[(number + i) % 4]
            found = fresh.predict(x[:n], verbose=0)
            (right if np.array_equal(found, expected[n]) else wrong).append(n)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(right), wrong) == (1600, [])


def test_threads_predict_while_the_model_trains():
    x, y = data()
    model = made("mlp")
    stop, failures, seen = threading.Event(), [], []

    def watch():
        while not stop.is_set():
            try:
                seen.append(np.isfinite(model.predict(x[:5], verbose=0)).all())
            except Exception as error:  # noqa: BLE001 - any failure at all is one
                failures.append(error)

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    model.fit(x, y, epochs=30, verbose=0)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures and all(seen) and len(seen) >= 3


def test_a_thread_saves_one_moment_while_a_submodel_predicts_and_the_model_trains(tmp_path):
    keras.utils.set_random_seed(0)
    x, _ = data()
    inputs = keras.Input((8,))
    code = layers.Dense(4, activation="tanh")(inputs)
    encoder = keras.Model(inputs, code)
    whole = keras.Model(inputs, layers.Dense(8)(code))
    whole.compile(keras.optimizers.SGD(0.01), "mse")
    stop, failures, counts = threading.Event(), [], []

    def work(number):
        done = 0
        while not stop.is_set():
            try:
                encoder.predict(x[:5], verbose=0)
                whole.save(tmp_path / f"{number}.keras")
                done += 1
            except Exception as error:  # noqa: BLE001 - any failure at all is one
                failures.append(error)
                break
        counts.append(done)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    whole.fit(x, x, epochs=40, verbose=0)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures and min(counts) > 0
    keras.saving.load_model(tmp_path / "0.keras").predict(x, verbose=0)


class Failing(Callback):
    """Raises in one hook, and keeps the weights that the model had then."""

    def __init__(self, hook, at):
        self.at, self.kept = at, None
        setattr(self, hook, self.fail)

    def fail(self, number=0, logs=None):
        if number == self.at:
            self.kept = self.model.get_weights()
            raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    "hook", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end"]
)
def test_an_exception_in_a_callback_leaves_the_model_whole(hook):
    x, y = data()
    model = made("normalized")
    failing = Failing(hook, at=1)
    with pytest.raises(RuntimeError, match="on purpose"):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[failing])
    assert same(model.get_weights(), failing.kept)
    check_usable(model, x, y)


def test_an_exception_in_a_generator_leaves_the_last_whole_step():
    x, y = data()
    model = made("mlp")

    def batches(count):
        for i in range(count):
            yield x[i * 16 : i * 16 + 16], y[i * 16 : i * 16 + 16]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk") as caught:
        model.fit(batches(3), steps_per_epoch=8, verbose=0)
    assert any("batch 3" in note for note in caught.value.__notes__)
    twin = made("mlp")
    for i in range(3):
        twin.train_on_batch(x[i * 16 : i * 16 + 16], y[i * 16 : i * 16 + 16])
    assert same(model.get_weights(), twin.get_weights())
    check_usable(model, x, y)


class Fragile(layers.Layer):
    """Fails while it is being traced in the test phase."""

    broken = False

    def call(self, x, training=False):
        if self.broken and not training:
            raise ZeroDivisionError("on purpose")
        return x


def test_an_exception_in_evaluation_leaves_the_model_whole():
    x, y = data()
    fragile = Fragile()
    model = keras.Sequential([keras.Input((8,)), layers.Dense(3), fragile])
    model.compile("sgd", "mse")
    target = np.eye(3, dtype="float32")[y]
    model.fit(x, target, verbose=0)
    before = model.get_weights()
    fragile.broken = True
    for call in (
        lambda: model.evaluate(x, target, verbose=0),
        lambda: model.predict(x, verbose=0),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
        assert same(before, model.get_weights())
    fragile.broken = False
    check_usable(model, x, target)


def test_ctrl_c_leaves_the_last_whole_chunk():
    x, y = data()
    model = made("mlp")

    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.kept = self.model.get_weights()
                raise KeyboardInterrupt

    interrupt = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=5, verbose=0, callbacks=[interrupt])
    assert same(model.get_weights(), interrupt.kept)
    check_usable(model, x, y)


def check_usable(model, x, y):
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    assert not same(before, model.get_weights())
    assert np.isfinite(model.evaluate(x, y, verbose=0)).all()
    assert len(model.predict(x, verbose=0)) == len(x)
