"""Multilayer perceptrons and their data: one description, built in the Keras 3 API and in PyTorch.

The Keras code is written once for Cornu and for Keras on every backend. The PyTorch side is the
loop that a competent user writes: tensors on the device, shuffled whole once an epoch and then
sliced, fused Adam, the loss read once an epoch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mlp:
    """Sizes of a perceptron with ReLU layers, softmax output, and dropout after hidden layers.

    `dropout` has one rate for each hidden layer, or is empty.
    """

    inputs: int
    hidden: tuple[int, ...]
    classes: int
    dropout: tuple[float, ...] = ()


@dataclass(frozen=True)
class Task:
    """Training data, `x` (rows, inputs) and integer labels `y` (rows,), and how they are used."""

    x: np.ndarray
    y: np.ndarray
    batch: int
    one_hot: bool = False
    accuracy: bool = False


def synthetic(rows: int, shape: Mlp, batch: int, **options: bool) -> Task:
    """A task of `rows` random float32 rows with labels that depend on them, the same for all."""
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, shape.inputs), dtype=np.float32)  # (rows, inputs)
    y = np.argmax(x[:, : shape.classes], axis=1).astype(np.int32)  # (rows,)
    return Task(x, y, batch, **options)


def keras_model(keras: Any, shape: Mlp) -> Any:
    """The perceptron in the Keras 3 API."""
    model = keras.Sequential([keras.Input((shape.inputs,))])
    for units, rate in zip(shape.hidden, shape.dropout or (0.0,) * len(shape.hidden), strict=True):
        model.add(keras.layers.Dense(units, activation="relu"))
        if rate:
            model.add(keras.layers.Dropout(rate))
    model.add(keras.layers.Dense(shape.classes, activation="softmax"))
    return model


def keras_fit(keras: Any, shape: Mlp, task: Task) -> Callable[[int], object]:
    """A compiled Keras model's `fit`, as a function of the number of epochs."""
    model = keras_model(keras, shape)
    y = np.eye(shape.classes, dtype=np.float32)[task.y] if task.one_hot else task.y
    loss = "categorical_crossentropy" if task.one_hot else "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"] if task.accuracy else None)
    return lambda epochs: model.fit(task.x, y, batch_size=task.batch, epochs=epochs, verbose=0)


def torch_device(torch: Any) -> Any:
    """The graphics card if PyTorch has one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def torch_model(torch: Any, shape: Mlp) -> Any:
    """The perceptron in PyTorch; its outputs are logits, as PyTorch's loss wants them."""
    layers: list[Any] = []
    width = shape.inputs
    for units, rate in zip(shape.hidden, shape.dropout or (0.0,) * len(shape.hidden), strict=True):
        layers += [torch.nn.Linear(width, units), torch.nn.ReLU()]
        layers += [torch.nn.Dropout(rate)] if rate else []
        width = units
    layers.append(torch.nn.Linear(width, shape.classes))
    return torch.nn.Sequential(*layers).to(torch_device(torch))


def torch_fit(torch: Any, shape: Mlp, task: Task) -> Callable[[int], object]:
    """A hand-written PyTorch training loop, as a function of the number of epochs."""
    device = torch_device(torch)
    model = torch_model(torch, shape)
    x = torch.from_numpy(task.x).to(device)  # (rows, inputs)
    y = torch.from_numpy(task.y).long().to(device)  # (rows,)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    loss_function = torch.nn.CrossEntropyLoss()

    def epoch() -> tuple[float, float]:
        order = torch.randperm(len(x), device=device)
        total = torch.zeros((), device=device)
        right = torch.zeros((), device=device, dtype=torch.long)
        batches = zip(x[order].split(task.batch), y[order].split(task.batch), strict=True)
        for inputs, labels in batches:
            optimizer.zero_grad()
            logits = model(inputs)  # (batch, classes)
            loss = loss_function(logits, labels)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(inputs)
            if task.accuracy:
                right += (logits.detach().argmax(1) == labels).sum()
        return total.item() / len(x), right.item() / len(x)

    model.train()
    return lambda epochs: [epoch() for _ in range(epochs)]


def rows_per_second(fit: Callable[[int], object], rows: int, seconds: float) -> tuple[float, int]:
    """Steady training speed, and the number of epochs timed in one `fit`.

    One epoch warms up (and compiles), a second one tells how many epochs take about `seconds`.
    """
    fit(1)
    epochs = max(1, math.ceil(seconds / _timed(fit, 1)))
    return rows * epochs / _timed(fit, epochs), epochs


def _timed(fit: Callable[[int], object], epochs: int) -> float:
    start = time.perf_counter()
    fit(epochs)
    return time.perf_counter() - start
