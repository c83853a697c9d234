"""Single convolutions, forward and backward: nine shapes of residual networks and first layers."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import libraries
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main


@dataclass(frozen=True)
class Shape:
    """A square convolution of square pictures; `same` or no padding."""

    name: str
    batch: int
    side: int
    channels: int
    filters: int
    window: int
    stride: int = 1
    same: bool = True

    @property
    def title(self) -> str:
        """The sizes, as people write them."""
        step = f" / {self.stride}" if self.stride > 1 else ""
        kernel = f"{self.window}x{self.window}, {self.channels} to {self.filters}{step}"
        return f"{kernel}, {self.batch} x {self.side}x{self.side}"

    @property
    def pads(self) -> tuple[int, int]:
        """Zeros before and after each row: for TensorFlow's "same", which has fewer before."""
        if not self.same:
            return 0, 0
        steps = -(-self.side // self.stride)
        total = max((steps - 1) * self.stride + self.window - self.side, 0)
        return total // 2, total - total // 2

    @property
    def out_side(self) -> int:
        """The side of the result."""
        return (self.side + sum(self.pads) - self.window) // self.stride + 1


SHAPES = (
    Shape("mnist_1", 128, 28, 1, 32, 3, same=False),
    Shape("mnist_2", 128, 26, 32, 64, 3, same=False),
    Shape("cifar_1", 128, 32, 3, 32, 3),
    Shape("resnet20_1", 128, 32, 16, 16, 3),
    Shape("resnet20_2", 128, 32, 16, 32, 3, stride=2),
    Shape("resnet20_3", 128, 8, 64, 64, 3),
    Shape("resnet50_1", 8, 224, 3, 64, 7, stride=2),
    Shape("resnet50_2", 8, 56, 64, 64, 3),
    Shape("resnet50_3", 8, 28, 128, 512, 1),
)
PASSES = {"forward": "forward", "data": "gradient of the data", "weight": "gradient of the weights"}
WORKLOAD = Workload(
    name="conv_shapes",
    title="Single convolutions",
    about=(
        "One convolution without bias, and each of its two gradients alone, float32, random "
        "numbers, results waited for; the median of the calls that fit 0.1 s (five at least) after "
        "two. Cornu: `cornu.ops.conv` and its derivative under `jax.jit`, which is what its layers "
        "use. PyTorch: eager, everything channels-last, `torch.conv2d` and "
        "`aten.convolution_backward`; where padding is uneven, the data are padded beforehand and "
        "that is not timed."
    ),
    measures=tuple(
        Measure(
            f"{shape.name}_{key}",
            f"{shape.title}: {title}",
            "ms",
            "lower",
            (Bar("most", 1 / 0.9, "torch"),),
        )
        for shape in SHAPES
        for key, title in PASSES.items()
    ),
    libraries=("cornu", "lax", "torch"),
    wide=True,
)
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def measure(options: Options) -> Outcome:
    """Milliseconds a call."""
    library = libraries.load(options.library)
    make = {"cornu": _cornu, "lax": _lax, "torch": _torch}[options.library]
    found = {}
    for shape in SHAPES:
        calls = make(library, shape, _arrays(shape, options.quick))
        for key, call in calls.items():
            found[f"{shape.name}_{key}"] = 1e3 * _seconds(call, 0.0 if options.quick else 0.1)
    return Outcome(found, libraries.device_in_use(options.library))


def _arrays(shape: Shape, quick: bool) -> Arrays:
    """Data (batch, side, side, channels), kernel (window, window, channels, filters), gradient."""
    random = np.random.default_rng(0)
    batch = 1 if quick else shape.batch
    sizes = (
        (batch, shape.side, shape.side, shape.channels),
        (shape.window, shape.window, shape.channels, shape.filters),
        (batch, shape.out_side, shape.out_side, shape.filters),
    )
    x, kernel, gradient = (random.standard_normal(size, dtype=np.float32) for size in sizes)
    return x, kernel, gradient


def _cornu(cornu: Any, shape: Shape, arrays: Arrays) -> dict[str, Callable[[], object]]:
    padding = "same" if shape.same else "valid"

    def conv(x: Any, kernel: Any) -> Any:
        return cornu.ops.conv(x, kernel, shape.stride, padding, data_format="channels_last")

    return _jax_calls(conv, arrays)


def _lax(jax: Any, shape: Shape, arrays: Arrays) -> dict[str, Callable[[], object]]:
    strides = (shape.stride, shape.stride)
    names = ("NHWC", "HWIO", "NHWC")

    def conv(x: Any, kernel: Any) -> Any:
        pads = [shape.pads, shape.pads]
        return jax.lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=names)

    return _jax_calls(conv, arrays)


def _jax_calls(conv: Callable[[Any, Any], Any], arrays: Arrays) -> dict[str, Callable[[], object]]:
    """The three passes, compiled apart: what a gradient does not need is left out of it."""
    jax = importlib.import_module("jax")
    x, kernel, gradient = (jax.device_put(array) for array in arrays)
    wait = jax.block_until_ready
    forward = jax.jit(conv)
    data = jax.jit(lambda x, k, g: jax.vjp(lambda x: conv(x, k), x)[1](g)[0])
    weight = jax.jit(lambda x, k, g: jax.vjp(lambda k: conv(x, k), k)[1](g)[0])
    return {
        "forward": lambda: wait(forward(x, kernel)),
        "data": lambda: wait(data(x, kernel, gradient)),
        "weight": lambda: wait(weight(x, kernel, gradient)),
    }


def _torch(torch: Any, shape: Shape, arrays: Arrays) -> dict[str, Callable[[], object]]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def place(array: np.ndarray, order: tuple[int, ...]) -> Any:
        tensor = torch.from_numpy(array).to(device).permute(order)
        return tensor.contiguous(memory_format=torch.channels_last)

    x, gradient = place(arrays[0], (0, 3, 1, 2)), place(arrays[2], (0, 3, 1, 2))
    kernel = place(arrays[1], (3, 2, 0, 1))  # (filters, channels, window, window)
    before, after = shape.pads
    pad = before
    if before != after:
        x, pad = torch.nn.functional.pad(x, (before, after, before, after)), 0
        x = x.contiguous(memory_format=torch.channels_last)
    strides, none = [shape.stride] * 2, [0, 0]

    def backward(of_data: bool) -> Any:
        return torch.ops.aten.convolution_backward(
            *(gradient, x, kernel, None, strides, [pad, pad], [1, 1], False, none, 1),
            [of_data, not of_data, False],
        )

    def waited(call: Callable[[], object]) -> Callable[[], object]:
        if device.type == "cpu":
            return call
        return lambda: (call(), torch.cuda.synchronize())

    with torch.no_grad():
        calls: dict[str, Callable[[], object]] = {
            "forward": lambda: torch.conv2d(x, kernel, None, strides, [pad, pad]),
            "data": lambda: backward(True),
            "weight": lambda: backward(False),
        }
        return {key: waited(call) for key, call in calls.items()}


def _seconds(call: Callable[[], object], budget: float) -> float:
    """The median of the calls that fit the budget, five at least, after two."""
    times: list[float] = []
    for _ in range(2):
        call()
    while len(times) < 5 or sum(times) < budget:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main(measure)
