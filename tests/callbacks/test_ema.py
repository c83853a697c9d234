"""SwapEMAWeights: averages are judged, weights are trained."""

import numpy as np
import pytest

from cornu import layers, optimizers
from cornu.callbacks import Callback, LambdaCallback, SwapEMAWeights
from cornu.errors import UsageError
from cornu.models import Sequential

X = np.array([[1.0], [2.0]], "float32")
RATE, MOMENTUM = 0.1, 0.5


def made(use_ema=True):
    model = Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1))])
    options = {"use_ema": True, "ema_momentum": MOMENTUM} if use_ema else {}
    model.compile(optimizers.SGD(RATE, **options), "mse")
    return model


def by_hand(epochs):
    """Weight and average after each epoch of one step: `mean((w - 2)**2 x**2)`, x = 1, 2."""
    weight, average, found = 0.0, 0.0, []
    for epoch in range(epochs):
        weight -= RATE * 2 * (weight - 2) * 2.5
        average = weight if epoch == 0 else MOMENTUM * average + (1 - MOMENTUM) * weight
        found.append((weight, average))
    return np.array(found)


class Seen(Callback):
    """Writes down the weight at the end of each epoch and while it is judged."""

    def __init__(self):
        self.at_end, self.judged = [], []

    def weight(self):
        return self.model.get_weights()[0].item()

    def on_epoch_end(self, epoch, logs=None):
        self.at_end.append(self.weight())

    def on_test_end(self, logs=None):
        self.judged.append(self.weight())


def test_averages_are_judged_and_weights_trained():
    model, seen = made(), Seen()
    history = model.fit(
        X, 2 * X, epochs=3, verbose=0, validation_data=(X, 2 * X),
        callbacks=[seen, SwapEMAWeights()],
    ).history  # fmt: skip
    weights, averages = by_hand(3).T
    np.testing.assert_allclose(seen.at_end, weights, rtol=1e-5)
    np.testing.assert_allclose(seen.judged, averages, rtol=1e-5)
    np.testing.assert_allclose(history["val_loss"], (averages - 2) ** 2 * 2.5, rtol=1e-4)
    np.testing.assert_allclose(model.get_weights()[0].item(), averages[-1], rtol=1e-5)


def test_averages_are_there_between_epochs():
    model, seen, begun = made(), Seen(), []
    look = LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(seen.weight()))
    model.fit(
        X, 2 * X, epochs=3, verbose=0, callbacks=[SwapEMAWeights(swap_on_epoch=True), seen, look]
    )
    weights, averages = by_hand(3).T
    np.testing.assert_allclose(seen.at_end, averages, rtol=1e-5)
    np.testing.assert_allclose(begun[1:], weights[:2], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0].item(), averages[-1], rtol=1e-5)


def test_averages_stay_when_training_is_stopped_early():
    model = made()
    stop = LambdaCallback(on_epoch_end=lambda *_: setattr(model, "stop_training", True))
    model.fit(X, 2 * X, epochs=9, verbose=0, callbacks=[SwapEMAWeights(True), stop])
    model.fit(X, 2 * X, epochs=9, verbose=0, callbacks=[SwapEMAWeights(True), stop])
    # the second fit goes on from the average of the first, which is its weight
    np.testing.assert_allclose(model.get_weights()[0].item(), by_hand(2)[1, 1], rtol=1e-5)


def test_evaluate_and_predict_by_averages_outside_of_fit():
    model = made()
    model.fit(X, 2 * X, epochs=2, verbose=0)
    average = model.get_weights()[0].item()
    model.set_weights([np.full((1, 1), 5.0)])
    swap = SwapEMAWeights()
    loss = model.evaluate(X, 2 * X, verbose=0, callbacks=[swap])
    np.testing.assert_allclose(loss, (average - 2) ** 2 * 2.5, rtol=1e-4)
    outputs = model.predict(X, verbose=0, callbacks=[swap])
    np.testing.assert_allclose(outputs, average * X, rtol=1e-5)
    assert model.get_weights()[0].item() == 5.0


@pytest.mark.parametrize("wrap", [lambda o: o, optimizers.LossScaleOptimizer])
def test_an_optimizer_without_averages(wrap):
    model = made()
    model.compile(wrap(optimizers.Adam(0.1)), "mse")
    with pytest.raises(UsageError, match=r"Compile with e\.g\. Adam\(use_ema=True\)") as caught:
        model.fit(X, X, verbose=0, callbacks=[SwapEMAWeights()])
    assert caught.value.code == "E-EMA"


@pytest.mark.parametrize("kind", ["scaled", "one of several"])
def test_optimizers_inside_of_others(kind):
    inner = optimizers.SGD(RATE, use_ema=True, ema_momentum=MOMENTUM)
    if kind == "scaled":
        outer = optimizers.LossScaleOptimizer(inner)
    else:
        parts = optimizers.OptimizerMap(optimizers.SGD(RATE), {".*": inner})
        outer = optimizers.MultiOptimizer(parts)
    model, seen = made(), Seen()
    model.compile(outer, "mse")
    model.fit(X, 2 * X, epochs=2, verbose=0, callbacks=[SwapEMAWeights(True), seen])
    np.testing.assert_allclose(seen.at_end, by_hand(2)[:, 1], rtol=1e-5)
