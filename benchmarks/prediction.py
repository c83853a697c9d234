"""Predicting: a network under one library as a function from NumPy arrays to NumPy arrays."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

from benchmarks import libraries, training
from benchmarks.protocol import Options

Predict = Callable[[np.ndarray], np.ndarray]


def predict(options: Options, work: training.Work) -> Predict:
    """What a user calls, in batches of the task's size."""
    if libraries.plain_torch(options.library):
        loop = importlib.import_module("benchmarks.torch_training")
        compiled = options.library == "torch-compiled"
        return loop.predict(training.torch_model(work), work.task.batch, compiled)
    model = training.keras_model(options, work)
    return lambda x: model.predict(x, batch_size=work.task.batch, verbose=0)
