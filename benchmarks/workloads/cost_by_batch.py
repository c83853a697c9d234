"""Training the small perceptron in batches of many sizes: where the cost of a step ends."""

from __future__ import annotations

from benchmarks import libraries, models, tasks, training
from benchmarks.protocol import Measure, Options, Outcome, Workload, main

BATCHES = (8, 32, 128, 512, 4096)
WORKLOAD = Workload(
    name="cost_by_batch",
    title="Small MLP by batch size",
    about=(
        "The small MLP (20-64-64-10) trained on 16,384 rows in batches of each size, a third of "
        "the budget for each."
    )
    + training.TIMING,
    measures=tuple(
        Measure(f"batch_{size}", f"batches of {size:,}", "rows/s", "higher") for size in BATCHES
    ),
    wide=True,
)


def measure(options: Options) -> Outcome:
    """Rows per second for each size of batches."""
    found, epochs = {}, {}
    shape = models.SMALL_MLP
    for size in BATCHES:
        rows = size if options.quick else 16_384
        work = training.Work("mlp", tasks.vectors(rows, shape, size), {"shape": shape})
        fit = training.fit(options, work)
        speed, timed = training.rows_per_second(fit, rows, options.seconds / 3)
        found[f"batch_{size}"], epochs[f"epochs ({size})"] = speed, timed
    return Outcome(found, libraries.device_in_use(options.library), epochs)


if __name__ == "__main__":
    main(measure)
