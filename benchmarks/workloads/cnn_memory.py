"""Memory of training a deep CNN: what the process holds at its peak."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from benchmarks import libraries, memory
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="cnn_memory",
    title="Memory of a 20-layer CNN",
    about=(
        "Twenty 3x3 convolutions of 32 filters with ReLU on 64x64 images, then a classifier; "
        "Adam, batch 64, four `train_on_batch`. *Above start*: the process's largest resident "
        "size less what it held when library, model and data stood ready. Linux only."
    ),
    measures=(
        Measure("above", "above start", "MB", "lower", (Bar("most", 1.0),)),
        Measure("peak", "whole process", "MB", "lower", (Bar("most", 1.0),)),
    ),
    libraries=("cornu", "keras-jax"),
)
SIZE, LAYERS, FILTERS, BATCH, CLASSES = 64, 20, 32, 64, 10


def measure(options: Options) -> Outcome:
    """Peak resident memory, in megabytes."""
    keras = libraries.load(options.library)
    layers, batch = (2, 4) if options.quick else (LAYERS, BATCH)
    model = _model(keras, layers)
    random = np.random.default_rng(0)
    x = random.standard_normal((batch, SIZE, SIZE, 3), dtype=np.float32)
    y = random.integers(0, CLASSES, batch).astype(np.int32)
    gc.collect()
    before = memory.resident()
    for _ in range(4):
        model.train_on_batch(x, y)
    peak = memory.peak()
    device = libraries.device_in_use(options.library)
    return Outcome({"above": peak - before, "peak": peak}, device, {"layers": layers})


def _model(keras: Any, layers: int) -> Any:
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3))])
    for _ in range(layers):
        model.add(keras.layers.Conv2D(FILTERS, 3, padding="same", activation="relu"))
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(CLASSES, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


if __name__ == "__main__":
    main(measure)
