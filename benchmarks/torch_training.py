"""The training loop that a competent user of plain PyTorch writes, eager or compiled.

All data are tensors on the device; every epoch has a new order, and a batch is gathered by its part
of it. Adam is the fused one; loss and accuracy are added up on the device and read once an epoch.
"""

# PyTorch is in the peers' environment only.
# pyright: reportMissingImports=false

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.tasks import Task

Batch = tuple[list[Tensor], Tensor]


def device() -> torch.device:
    """The graphics card if PyTorch has one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def placed(model: nn.Module) -> nn.Module:
    """The model on its device, kernels of convolutions in channels-last order."""
    return model.to(device(), memory_format=torch.channels_last)


def tensor(array: np.ndarray) -> Tensor:
    """An array on the device; PyTorch wants its integers long."""
    made = torch.from_numpy(array).to(device())
    return made if made.is_floating_point() else made.long()


def pictures_first(x: Tensor) -> Tensor:
    """Pictures (batch, height, width, channels) as PyTorch counts axes, memory left as it is."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def batches(task: Task) -> Callable[[], Iterator[Batch]]:
    """A function that goes once over the task, in a new order each time."""
    x = [tensor(array) for array in task.x]
    y = x[0] if task.y is task.x[0] else tensor(task.y)

    def passing() -> Iterator[Batch]:
        for rows in torch.randperm(len(y), device=device()).split(task.batch):
            yield [pictures_first(one[rows]) for one in x], pictures_first(y[rows])

    return passing


def compile_anew(function: Callable, **options: bool) -> Callable:
    """`torch.compile`, which gives up on code that it has compiled for eight models before."""
    torch.compiler.reset()
    return torch.compile(function, **options)


def fit(model: nn.Module, task: Task, compiled: bool) -> Callable[[int], object]:
    """Training on arrays, as a function of the number of epochs."""
    return fit_batches(model, task, compiled, batches(task))


def fit_generator(
    model: nn.Module, task: Task, compiled: bool, data: Iterator[tuple], steps: int
) -> Callable[[int], object]:
    """Training on what a generator of NumPy arrays yields, `steps` times an epoch."""

    def passing() -> Iterator[Batch]:
        for x, y in itertools.islice(data, steps):
            yield [pictures_first(tensor(x))], tensor(y)

    return fit_batches(model, task, compiled, passing)


def fit_batches(
    model: nn.Module, task: Task, compiled: bool, passing: Callable[[], Iterator[Batch]]
) -> Callable[[int], object]:
    """Training on the batches of `passing()`, as a function of the number of epochs."""
    model = placed(model).train()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def forward(inputs: list[Tensor], targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(*inputs)
        if task.binary:
            return functional.binary_cross_entropy_with_logits(logits, targets), logits
        flat = logits.flatten(0, -2)  # (batch and steps, classes)
        return functional.cross_entropy(flat, targets.flatten()), logits

    step = compile_anew(forward, dynamic=False) if compiled else forward

    def epoch() -> tuple[float, float]:
        total = torch.zeros((), device=device())
        right = torch.zeros((), device=device())
        for inputs, targets in passing():
            optimizer.zero_grad()
            loss, logits = step(inputs, targets)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(targets)
            if task.accuracy:
                right += correct(logits.detach(), targets, task.binary)
        return total.item(), right.item()

    return lambda epochs: [epoch() for _ in range(epochs)]


def correct(logits: Tensor, targets: Tensor, binary: bool) -> Tensor:
    """How many are right."""
    if binary:
        return ((logits > 0) == (targets > 0.5)).sum()
    return (logits.argmax(-1) == targets).sum()


def predict(model: nn.Module, batch: int, compiled: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Probabilities of classes, by batches: from a NumPy array to another."""
    model = placed(model).eval()
    step = compile_anew(model) if compiled else model

    def call(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = [step(pictures_first(part)).softmax(1) for part in tensor(x).split(batch)]
            return (parts[0] if len(parts) == 1 else torch.cat(parts)).cpu().numpy()

    return call
