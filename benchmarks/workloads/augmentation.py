"""Pictures changed at random: the generator of Keras 2, and the layers of Keras 3."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import libraries
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

KERAS_2 = "tf-keras"
"""tf-keras is Keras 2, which has the generator; Keras 3 has none."""

SIDES = (64, 224)
WORKERS = (1, 2)
BATCH = 32

WORKLOAD = Workload(
    name="augmentation",
    title="Pictures changed at random",
    about=(
        "Batches of 32 float32 pictures, turned by up to 20 degrees, moved, sheared, zoomed and "
        "mirrored. *Generator*: `ImageDataGenerator(...).flow(x)[i]`, by one thread and by two; "
        "Keras 3 has none, tf-keras (which is Keras 2) has. *Layers*: "
        "RandomRotation, RandomTranslation, RandomZoom and RandomFlip, called one after the other. "
        "Medians of five stretches of about a second each, after a first one."
    ),
    measures=(
        *(
            Measure(
                f"generator_{side}_{workers}",
                f"generator, {side}x{side}x3, {workers} thread{'s' if workers > 1 else ''}",
                "pictures/s",
                "higher",
                (Bar("least", 3.0, against=KERAS_2),),
            )
            for side in SIDES
            for workers in WORKERS
        ),
        *(
            Measure(f"layers_{side}", f"layers, {side}x{side}x3", "pictures/s", "higher")
            for side in SIDES
        ),
    ),
    libraries=("cornu", "keras-jax", "keras-tensorflow", KERAS_2),
)
OPTIONS = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.1,
    "horizontal_flip": True,
}


def measure(options: Options) -> Outcome:
    """Pictures per second, by the generator and by the layers."""
    keras = libraries.load(options.library)
    stretches, seconds = (1, 0.0) if options.quick else (5, 1.0)
    found: dict[str, float] = {}
    module = _generators(options.library, keras)
    for side in SIDES:
        side_now = 8 if options.quick else side
        count = BATCH if options.quick else 8 * BATCH
        x = np.random.default_rng(0).uniform(0, 255, (count, side_now, side_now, 3))
        x = x.astype("float32")
        if module is not None:
            flow = module.ImageDataGenerator(**OPTIONS).flow(x, batch_size=BATCH, seed=1)
            for workers in WORKERS:
                speed = _speed(lambda i, f=flow: f[i % len(f)], workers, stretches, seconds)
                found[f"generator_{side}_{workers}"] = speed
        layers = _layers(keras)
        batch = x[:BATCH]

        def call(_: int, layers: Any = layers, batch: Any = batch) -> object:
            return np.asarray(layers(batch, training=True))

        found[f"layers_{side}"] = _speed(call, 1, stretches, seconds)
    return Outcome(found, libraries.device_in_use(options.library))


def _generators(library: str, keras: Any) -> Any:
    """The module with `ImageDataGenerator`; None where the library has none."""
    if library == "cornu":
        return importlib.import_module("cornu.preprocessing.image")
    return keras.preprocessing.image if library == KERAS_2 else None


def _layers(keras: Any) -> Any:
    return keras.Sequential(
        [
            keras.layers.RandomRotation(20 / 360),
            keras.layers.RandomTranslation(0.1, 0.1),
            keras.layers.RandomZoom(0.1),
            keras.layers.RandomFlip("horizontal"),
        ]
    )


def _speed(make: Callable[[int], object], workers: int, stretches: int, seconds: float) -> float:
    """Pictures per second: the median of some stretches, after a first one."""
    speeds = [_stretch(make, workers, seconds) for _ in range(stretches + 1)]
    return float(np.median(speeds[1:]))


def _stretch(make: Callable[[int], object], workers: int, seconds: float) -> float:
    begun = time.perf_counter()
    counts = [0] * workers

    def work(number: int) -> None:
        while counts[number] == 0 or time.perf_counter() - begun < seconds:
            make(number + workers * counts[number])
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) * BATCH / (time.perf_counter() - begun)


if __name__ == "__main__":
    main(measure)
