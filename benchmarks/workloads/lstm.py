"""A recurrent layer, forward and backward: the loop over time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import libraries
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="lstm",
    title="LSTM, forward and backward",
    about=(
        "`LSTM(128)` on 32 sequences of 80 steps and 128 features: the sum of the squared last "
        "output and its gradient by input and weights, in one compiled call. Cornu and Keras: "
        "`layer.stateless_call` under `jax.jit(jax.value_and_grad(...))`. PyTorch: `nn.LSTM`, "
        "eager, `backward()`. The median of 60 calls after 5."
    ),
    measures=(
        Measure("step", "one call", "ms", "lower", (Bar("most", 1 / 1.3),)),
        Measure("gru", "one call, GRU(128)", "ms", "lower"),
    ),
    libraries=("cornu", "keras-jax", "torch"),
)
BATCH, STEPS, FEATURES, UNITS = 32, 80, 128, 128


def measure(options: Options) -> Outcome:
    """The median time of a call, in milliseconds."""
    library = libraries.load(options.library)
    random = np.random.default_rng(0)
    x = random.standard_normal((BATCH, STEPS, FEATURES), dtype=np.float32)
    make_call = _torch_call if options.library == "torch" else _keras_call
    found = {}
    for key, name in (("step", "LSTM"), ("gru", "GRU")):
        call = make_call(library, name, x)
        warm_up, calls = (1, 2) if options.quick else (5, 60)
        _times(call, warm_up)
        found[key] = statistics.median(_times(call, calls)) * 1e3
    return Outcome(found, libraries.device_in_use(options.library))


def _keras_call(keras: Any, name: str, x: np.ndarray) -> Callable[[], object]:
    import jax  # what both compute on

    layer = getattr(keras.layers, name)(UNITS)
    layer.build(x.shape)
    still = [v.value for v in layer.non_trainable_variables]

    def total(weights: list, x: Any) -> Any:
        outputs, _ = layer.stateless_call(weights, still, x)
        return (outputs**2).sum()

    step = jax.jit(jax.value_and_grad(total, (0, 1)))
    weights = [jax.numpy.asarray(v.value) for v in layer.trainable_variables]
    return lambda: jax.block_until_ready(step(weights, x))


def _torch_call(torch: Any, name: str, x: np.ndarray) -> Callable[[], object]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layer = getattr(torch.nn, name)(FEATURES, UNITS, batch_first=True).to(device)
    inputs = torch.from_numpy(x).to(device).requires_grad_()

    def call() -> object:
        layer.zero_grad()
        outputs, _ = layer(inputs)
        loss = (outputs[:, -1] ** 2).sum()
        loss.backward()
        return loss.item()

    return call


def _times(call: Callable[[], object], count: int) -> list[float]:
    times: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main(measure)
