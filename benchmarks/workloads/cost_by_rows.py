"""Calls of `fit` on few rows and on many: what a call costs besides its steps."""

from __future__ import annotations

from benchmarks import libraries, models, tasks, training
from benchmarks.protocol import Measure, Options, Outcome, Workload, main

ROWS = (100, 1_000, 10_000, 100_000)
BATCH = 128
WORKLOAD = Workload(
    name="cost_by_rows",
    title="Small MLP by rows, one epoch a call",
    about=(
        "`fit(x, y, batch_size=128, epochs=1)` of the small MLP (20-64-64-10), called again and "
        "again on so many rows: two calls warm up, then as many as fill a third of the budget, one "
        "at least. The last batch is smaller than the others."
    ),
    measures=tuple(
        Measure(f"rows_{rows}", f"calls on {rows:,} rows", "rows/s", "higher") for rows in ROWS
    ),
    wide=True,
)


def measure(options: Options) -> Outcome:
    """Rows per second for each number of rows."""
    found, calls = {}, {}
    shape = models.SMALL_MLP
    for rows in ROWS:
        task = tasks.vectors(min(rows, 1_000) if options.quick else rows, shape, BATCH)
        fit = training.fit(options, training.Work("mlp", task, {"shape": shape}))

        def repeat(times: int, fit: training.Fit = fit) -> None:
            for _ in range(times):
                fit(1)

        repeat(1)
        speed, made = training.rows_per_second(repeat, task.rows, options.seconds / 3)
        found[f"rows_{rows}"], calls[f"calls ({rows})"] = speed, made
    return Outcome(found, libraries.device_in_use(options.library), calls)


if __name__ == "__main__":
    main(measure)
