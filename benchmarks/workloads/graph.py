"""The symbolic side: building a graph, and calling a function of one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import libraries
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="graph",
    title="Graphs and functions of them",
    about=(
        "*Build*: a functional ResNet-50 (224x224 images, 25.6 million weights), initial weights "
        "included; the median of 3, after a first one. *Function*: what a call of "
        "`cornu.Function` takes beyond a call of `jax.jit` on the same computation, "
        "`tanh(2 x + 1)` of 32x10 numbers; Keras 3 has no such function."
    ),
    measures=(
        Measure("build", "build ResNet-50", "s", "lower", (Bar("most", 1.0, against=None),)),
        Measure("call", "Function beyond jit", "us", "lower", (Bar("most", 60, against=None),)),
    ),
    libraries=("cornu", "keras-jax"),
)
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))


def measure(options: Options) -> Outcome:
    """Seconds to build, and microseconds beyond the compiled call."""
    keras = libraries.load(options.library)
    found = {"build": _build_seconds(keras, 1 if options.quick else 3)}
    if options.library == "cornu":
        found["call"] = _beyond_jit(keras, 10 if options.quick else 2_000)
    return Outcome(found, libraries.device_in_use(options.library))


def _build_seconds(keras: Any, times: int) -> float:
    seconds = []
    for _ in range(times + 1):
        start = time.perf_counter()
        resnet50(keras)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def resnet50(keras: Any) -> Any:
    """The network of He et al. 2015, in the functional API."""
    layers = keras.layers
    inputs = keras.Input((224, 224, 3))
    x = layers.Conv2D(64, 7, strides=2, padding="same")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage, (filters, blocks) in enumerate(STAGES):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            x = _block(layers, x, filters, stride, projected=block == 0)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1000, activation="softmax")(x))


def _block(layers: Any, x: Any, filters: int, stride: int, projected: bool) -> Any:
    short = x
    if projected:
        short = layers.Conv2D(4 * filters, 1, strides=stride)(x)
        short = layers.BatchNormalization()(short)
    for window, width, step in ((1, filters, stride), (3, filters, 1), (1, 4 * filters, 1)):
        x = layers.Conv2D(width, window, strides=step, padding="same")(x)
        x = layers.BatchNormalization()(x)
        if width == filters:
            x = layers.ReLU()(x)
    return layers.ReLU()(layers.Add()([x, short]))


def _beyond_jit(cornu: Any, calls: int) -> float:
    import jax

    x = np.ones((32, 10), "float32")
    tensor = cornu.Input((10,))
    function = cornu.Function([tensor], [cornu.ops.tanh(2 * tensor + 1)])
    compiled = jax.jit(lambda x: jax.numpy.tanh(2 * x + 1))
    ours, theirs = [], []
    function([x])
    compiled(x)
    for _ in range(5):
        ours.append(_microseconds(lambda: function([x]), calls))
        theirs.append(_microseconds(lambda: compiled(x), calls))
    return statistics.median(ours) - statistics.median(theirs)


def _microseconds(call: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls * 1e6


if __name__ == "__main__":
    main(measure)
