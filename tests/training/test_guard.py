"""Numbers that are not finite: the step that makes them is taken back and named."""

import warnings

import numpy as np
import pytest

from cornu import layers, ops, optimizers, state
from cornu.callbacks import Callback
from cornu.dialects import generations, spellings
from cornu.layers import Dense, Dropout, Input, Lambda
from cornu.models import Model, Sequential
from cornu.state import Variable
from cornu.training import data, guard, homes
from cornu.training.guard import NonFiniteError

ROWS, BATCH = 320, 16
random = np.random.default_rng(0)
X = random.normal(size=(ROWS, 6)).astype("float32")
Y = X.sum(1, keepdims=True).astype("float32")


class Live(Callback):
    """Must see every batch."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def network(optimizer="adam"):
    state.set_random_seed(1)
    model = Sequential([Input((6,)), Dense(8, "relu"), Dropout(0.2), Dense(1, name="last")])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def spoiled(step, column=0, value=1e30):
    """The data, with a number in batch number `step` that no loss can hold."""
    x = X.copy()
    x[step * BATCH + 3, column] = value
    return x


def fit(model, x, **said):
    state.set_random_seed(2)
    return model.fit(x, Y[: len(x)], batch_size=BATCH, shuffle=False, verbose=0, **said)


def same(model, other):
    ours = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    theirs = [*other.get_weights(), *(v.numpy() for v in other.optimizer.variables)]
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("step", [0, 1, 7, 19])
@pytest.mark.parametrize("callbacks", [None, [Live()]], ids=["chunks", "live"])
def test_the_state_is_that_before_the_step(step, callbacks):
    model, alike = network(), network()
    with pytest.raises(NonFiniteError, match=f"step {step + 1} of epoch 1") as caught:
        fit(model, spoiled(step), callbacks=callbacks)
    assert caught.value.step == step and caught.value.exact
    if step:
        fit(alike, X[: step * BATCH])
    else:
        alike.optimizer.build(alike.trainable_variables)
    assert same(model, alike)
    assert np.isfinite(fit(model, X).history["loss"][0])  # it can be trained on


def test_a_step_of_a_later_epoch():
    model = network(optimizers.SGD(1e-3))

    class Poisons(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.kept = self.model.get_weights()
                self.model.optimizer.learning_rate = np.inf

    callback = Poisons()
    with pytest.raises(NonFiniteError, match="step 1 of epoch 3: the optimizer's learning_rate"):
        fit(model, X, epochs=5, callbacks=[callback])
    pairs = zip(model.get_weights(), callback.kept, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_skip_leaves_the_batch_out():
    model, alike = network("sgd"), network("sgd")
    with pytest.warns(UserWarning, match="step 8 of epoch 1.*left out"):
        history = fit(model, spoiled(7), on_nonfinite="skip").history
    assert int(model.optimizer.iterations) == ROWS // BATCH - 1
    assert np.isfinite(history["loss"][0]) and np.isfinite(model.get_weights()[0]).all()
    rest = np.delete(np.arange(ROWS), np.s_[7 * BATCH : 8 * BATCH])
    state.set_random_seed(2)
    alike.fit(X[rest], Y[rest], batch_size=BATCH, shuffle=False, verbose=0)
    assert same(model, alike)
    assert history["loss"] == alike.history.history["loss"]


def test_stop_ends_training():
    model, alike = network(), network()
    with pytest.warns(UserWarning, match="step 8 of epoch 1.*stops here"):
        history = fit(model, spoiled(7), epochs=3, on_nonfinite="stop")
    assert history.epoch == [0] and model.stop_training
    expected = fit(alike, X[: 7 * BATCH]).history
    assert same(model, alike) and history.history == expected


def test_ignore_goes_on_and_says_so_once():
    model = network()
    with pytest.warns(UserWarning, match="training goes on") as said:
        history = fit(model, spoiled(7), epochs=3, on_nonfinite="ignore").history
    assert len(said) == 1 and np.isnan(history["loss"]).all()


def test_a_callback_may_ask_to_stop():
    class Ends(Callback):
        stops_on_nonfinite = True

    with pytest.warns(UserWarning, match="stops here"):
        history = fit(network(), spoiled(3), epochs=2, callbacks=[Ends()])
    assert history.epoch == [0]


def test_an_unknown_policy():
    with pytest.raises(ValueError, match="raise, skip, stop, ignore.*skip"):
        fit(network(), X, on_nonfinite="skp")


# ---------------------------------------------------------------- who did it


def root_model():
    inputs = Input((6,))
    norm = Lambda(lambda t: ops.sqrt(ops.sum(ops.square(t), -1, keepdims=True)))
    outputs = norm(Dense(4, use_bias=False, name="inner")(inputs))
    model = Model(inputs, outputs)
    model.compile("sgd", "mse")
    return model


def test_a_gradient_is_named():
    x = np.ones((ROWS, 6), "float32")
    x[5 * BATCH] = 0  # the root has no slope at 0
    with pytest.raises(NonFiniteError, match="step 6 .*the gradient of inner/kernel"):
        fit(root_model(), x)


def test_a_layer_is_named():
    inputs = Input((6,))
    outputs = Dense(1)(layers.Lambda(lambda t: ops.log(t), name="logs")(Dense(4)(inputs)))
    model = Model(inputs, outputs)
    model.compile("sgd", "mse")
    with pytest.raises(NonFiniteError, match='the output of layer "logs" .Lambda. is not finite'):
        fit(model, X)


def test_a_target_on_the_device_is_named():
    from cornu import engine

    y = Y.copy()
    y[2] = np.nan
    with pytest.raises(NonFiniteError, match="step 1 .*the target holds NaN"):
        network().fit(engine.array(X), engine.array(y), batch_size=BATCH, shuffle=False, verbose=0)


def test_large_weights_are_named():
    with pytest.raises(NonFiniteError, match="step 2 of epoch 1"):
        fit(network(optimizers.SGD(1e25)), X)


def test_what_is_left_of_an_epoch_is_no_nan_for_callbacks():
    seen = []

    class Sees(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([np.isfinite(w).all() for w in self.model.get_weights()])

    x = np.ones((ROWS, 6), "float32")
    x[-1] = 0  # the last step of the epoch makes the weights NaN, and no loss shows it
    with pytest.raises(NonFiniteError), warnings.catch_warnings():
        fit(root_model(), x, callbacks=[Sees()])
    assert seen == []


def test_older_generations_go_on():
    model = network()
    spellings.register()
    try:
        with generations.within("2.3"), pytest.warns(UserWarning, match="training goes on"):
            fit(model, spoiled(7))
        with pytest.raises(NonFiniteError):
            fit(network(), spoiled(7))
    finally:
        spellings.unregister()


def test_weights_are_looked_at_before_they_are_judged():
    x = np.ones((ROWS, 6), "float32")
    x[-1] = 0
    with pytest.raises(NonFiniteError, match="step 20 of epoch 1: the gradient"):
        fit(root_model(), x, epochs=2, validation_data=(x[:8], Y[:8]))


def test_batches_whose_buffer_is_in_use_again(monkeypatch):
    """What lies on the host is copied to buffers by turns: the batch to blame is overwritten."""
    monkeypatch.setattr(data.engine, "room", lambda: 0)
    monkeypatch.setattr(homes.OnHost, "CHUNK", 4 * BATCH * 7 * 4)
    monkeypatch.setattr(guard, "SHARE", 0)
    x = np.ones((ROWS, 6), "float32")
    x[4 * BATCH - 1] = 0  # the last step of the first part of four
    with pytest.raises(NonFiniteError, match="step"):
        fit(root_model(), x, epochs=2)


# ---------------------------------------------------------------- figures


def plain_model(rate=0.0):
    state.set_random_seed(1)
    model = Sequential([Input((6,)), Dense(1)])
    model.compile(optimizers.SGD(rate), "mse")
    return model


@pytest.mark.parametrize("step", [0, 19])
def test_figures_of_the_batches_that_are_left(step):
    model = plain_model()
    rest = np.delete(np.arange(ROWS), np.s_[step * BATCH : (step + 1) * BATCH])
    error = (X[rest] @ model.get_weights()[0] - Y[rest]).astype("float64")

    class Twos(Callback):
        """Weights with which the error is Y, as Y is the sum of X."""

        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([np.full((6, 1), 2.0), np.zeros(1)])

    with pytest.warns(UserWarning, match="left out"):
        history = fit(
            model, spoiled(step), epochs=3, on_nonfinite="skip", callbacks=[Live(), Twos()]
        ).history
    then = np.mean(Y[rest].astype("float64") ** 2)
    assert np.allclose(history["loss"], [np.mean(error**2), then, then], rtol=1e-5)


@pytest.mark.parametrize("callbacks", [[], [Live()]], ids=["chunks", "live"])
def test_an_epoch_without_a_good_batch_has_no_loss(callbacks):
    class Breaks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate = np.inf

    with pytest.warns(UserWarning, match="left out"):
        history = fit(
            plain_model(), X, epochs=3, on_nonfinite="skip", callbacks=[Breaks(), *callbacks]
        ).history
    assert np.isfinite(history["loss"]).tolist() == [True, False, False]


def test_a_variable_that_only_the_loss_reads():
    factor = Variable(1.0, trainable=False)
    model = plain_model()
    model.compile("sgd", lambda y, p: factor * ops.mean(ops.square(y - p), -1))
    with pytest.raises(NonFiniteError, match="step 1 of epoch 1"):
        fit(model, spoiled(0))


def test_what_a_callback_breaks_is_not_mended_in_silence():
    class Breaks(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                self.model.layers[0].kernel.assign(np.full((6, 8), np.nan))

    with pytest.raises(NonFiniteError, match="step 3 .*kernel were not finite before"):
        fit(network(), X, callbacks=[Breaks()])


def test_what_a_callback_has_changed_is_not_taken_back():
    class Changes(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 4:
                self.model.optimizer.learning_rate = 1e-3
                kernel = self.model.layers[0].kernel
                kernel.assign(kernel.numpy() / 2)

    model, alike = network("sgd"), network("sgd")
    with pytest.warns(UserWarning, match="step 8 of epoch 1.*left out"):
        fit(model, spoiled(7), on_nonfinite="skip", callbacks=[Changes()])
    rest = np.delete(np.arange(ROWS), np.s_[7 * BATCH : 8 * BATCH])
    state.set_random_seed(2)
    how = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": [Changes()]}
    alike.fit(X[rest], Y[rest], **how)
    assert same(model, alike)


def test_the_state_kept_is_a_copy_in_the_same_memory():
    model = network()
    fit(model, X)
    program = model._kept["program"]
    kept = program.copied(None)
    before = [value.copy() for value in kept]
    fit(model, X)
    assert all(map(np.array_equal, kept, before))
    again = program.copied(kept)
    assert again is kept
    assert all(map(np.array_equal, again, program.snapshot()))
    assert not all(map(np.array_equal, again, before))
    fewer = program.copied(kept[:-1])
    assert fewer is not kept and len(fewer) == len(kept)
