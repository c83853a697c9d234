"""Callbacks driven by given figures, and what Keras 3.15.1 made of them.

The expected numbers were recorded from Keras; `tests/peers/test_callbacks.py` asks it again.
"""

import numpy as np

from cornu.state import Variable


class Counted:
    """A model whose only weight is the number of the epoch; nothing is computed."""

    def __init__(self, optimizer=None):
        self.optimizer, self.stop_training, self.metrics = optimizer, False, []
        self.epoch, self.restored = 0, None

    @property
    def weights(self):
        return [Variable(np.array([self.epoch], "float32"))]

    def get_weights(self):
        return [np.array([self.epoch], "float32")]

    def set_weights(self, weights):
        self.restored = int(weights[0][0])


def run(callback, figures, model=None, name="val_loss", begin=0):
    """Tell of an epoch for each figure (None: the log has none); returns the model and all logs."""
    model = model or Counted()
    callback.set_params({"epochs": len(figures)})
    callback.set_model(model)
    callback.on_train_begin({})
    seen = []
    for epoch, figure in enumerate(figures, begin):
        model.epoch = epoch
        callback.on_epoch_begin(epoch, {})
        logs = {} if figure is None else {name: figure}
        callback.on_epoch_end(epoch, logs)
        seen.append(logs)
        if model.stop_training:
            break
    callback.on_train_end(seen[-1])
    return model, seen


def stopped(callback, figures):
    """Epochs run, stopped_epoch, best, best_epoch, wait, the epoch whose weights were restored."""
    model, seen = run(callback, figures)
    best = None if callback.best is None else float(callback.best)
    return (
        len(seen),
        callback.stopped_epoch,
        best,
        callback.best_epoch,
        callback.wait,
        model.restored,
    )


FALLING = [1.0, 0.75, 0.5, 0.5, 0.75, 0.25, 0.25, 0.5, 0.75, 1.0]
RISING = [0.25, 0.5, 0.5, 0.75, 0.625, 0.5, 1.0, 0.75]

STOPS = [
    ({"mode": "min"}, FALLING, (4, 3, 0.5, 2, 1, None)),
    ({"mode": "min", "patience": 1}, FALLING, (4, 3, 0.5, 2, 1, None)),
    ({"mode": "min", "patience": 2}, FALLING, (5, 4, 0.5, 2, 2, None)),
    ({"mode": "min", "patience": 3}, FALLING, (9, 8, 0.25, 5, 3, None)),
    ({"patience": 3, "restore_best_weights": True}, FALLING, (9, 8, 0.25, 5, 3, 5)),
    ({"patience": 9, "restore_best_weights": True}, FALLING, (10, 0, 0.25, 5, 4, 5)),
    ({"min_delta": 0.25, "patience": 1}, FALLING, (2, 1, 1.0, 0, 1, None)),
    ({"min_delta": -0.125, "patience": 2}, FALLING, (5, 4, 0.5, 2, 2, None)),
    ({"mode": "max", "patience": 2}, RISING, (6, 5, 0.75, 3, 2, None)),
    ({"mode": "max", "min_delta": 0.25, "patience": 3}, RISING, (7, 6, 0.75, 3, 3, None)),
    ({"baseline": 0.5, "patience": 2}, FALLING, (4, 3, 0.5, 2, 4, None)),
    ({"baseline": 0.5, "patience": 9}, FALLING, (10, 0, 0.25, 5, 4, None)),
    ({"baseline": 2.0, "patience": 1}, FALLING, (4, 3, 0.5, 2, 1, None)),
    ({"start_from_epoch": 4, "patience": 1}, FALLING, (7, 6, 0.25, 5, 1, None)),
    ({"start_from_epoch": 4, "patience": 3, "restore_best_weights": True}, FALLING,
     (9, 8, 0.25, 5, 3, 5)),
]  # fmt: skip
"""Arguments of EarlyStopping, figures, and what `stopped` gives."""

PLATEAU = [1.0] * 8
LOWERS = [
    ({"patience": 1}, PLATEAU, 0.5),
    ({"patience": 2, "factor": 0.5}, PLATEAU, 0.5),
    ({"patience": 2, "factor": 0.5, "cooldown": 2}, PLATEAU, 0.5),
    ({"patience": 1, "factor": 0.5, "cooldown": 1}, PLATEAU, 0.5),
    ({"patience": 1, "factor": 0.5, "min_lr": 0.1875}, PLATEAU, 0.5),
    ({"patience": 2, "factor": 0.5, "mode": "max", "min_delta": 0.25}, RISING, 1.0),
    ({"patience": 2, "factor": 0.5}, FALLING, 1.0),
    ({"patience": 0, "factor": 0.5}, [1.0, 1.0, 0.5, 0.75], 1.0),
]
"""Arguments of ReduceLROnPlateau, figures, and the first rate."""

LOWERED = [
    [0.5, 0.5, 0.05, 0.005, 0.0005, 0.00005, 0.000005, 0.0000005],
    [0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625],
    [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125],
    [0.5, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125],
    [0.5, 0.5, 0.25, 0.1875, 0.1875, 0.1875, 0.1875, 0.1875],
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25],
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25],
    [1.0, 1.0, 0.5, 0.5],
]
"""The rates that the logs of those epochs had."""
