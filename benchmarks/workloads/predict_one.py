"""Predicting one row at a time: the overhead of a call."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks import libraries, mlp
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="predict_one",
    title="`predict` of one row",
    about=(
        "`model.predict(x[:1], verbose=0)` of the small MLP (20-64-64-10), in a loop: 30 calls to "
        "warm up, then the median of 1,000, or of as many as take 5 s. PyTorch: NumPy array in, "
        "`inference_mode`, softmax, NumPy array out."
    ),
    measures=(Measure("call", "one call", "ms", "lower", Bar("most", 0.1)),),
)
SHAPE = mlp.Mlp(20, (64, 64), 10)


def measure(options: Options) -> Outcome:
    """The median time of a call, in milliseconds."""
    library = libraries.load(options.library)
    make_call = _torch_call if options.library == "torch" else _keras_call
    call = make_call(library, mlp.synthetic(32, SHAPE, batch=32))
    warm_up, calls = (2, 5) if options.quick else (30, 1_000)
    _times(call, warm_up)
    times = _times(call, calls)
    device = libraries.device_in_use(options.library)
    return Outcome({"call": statistics.median(times) * 1e3}, device, {"calls": len(times)})


def _keras_call(keras: object, task: mlp.Task) -> Callable[[], object]:
    model = mlp.keras_model(keras, SHAPE)
    return lambda: model.predict(task.x[:1], verbose=0)


def _torch_call(torch: object, task: mlp.Task) -> Callable[[], object]:
    model = mlp.torch_model(torch, SHAPE).eval()
    device = mlp.torch_device(torch)

    def call() -> object:
        with torch.inference_mode():  # type: ignore[attr-defined]
            x = torch.from_numpy(task.x[:1]).to(device)  # type: ignore[attr-defined]
            return model(x).softmax(1).cpu().numpy()  # (1, classes)

    return call


def _times(call: Callable[[], object], most: int, seconds: float = 5.0) -> list[float]:
    times: list[float] = []
    while len(times) < most and sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main(measure)
