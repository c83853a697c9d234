"""The one pass over the data, and what is made of it: fit, evaluate, predict, and single batches.

A pass runs the parts of a source in chunks. How long a chunk may be is decided by `Pace`: one batch
where a live callback must see each, else about a tenth of a second. So the device hardly ever waits
for Python, a bar moves, Ctrl-C is never far, and other threads get their turn.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cornu import engine, settings, tree
from cornu.callbacks import CallbackList, History, Progbar, ProgbarLogger
from cornu.errors import UsageError, shown
from cornu.training import checks, sources
from cornu.training.data import Arrays, Part, Stream
from cornu.training.step import Predictor, Program

Source = Arrays | Stream

CHUNK = 0.1  # seconds


class Pace:
    """How many batches the next chunk may have.

    Args:
        program: keeps what is known of the time of a step.
        kind: which step: "train" or "test"; the one takes several times as long as the other.
        seconds: how long a chunk should take; 0 for one batch at a time.
    """

    def __init__(self, program: Program, kind: str, seconds: float):
        self.known, self.kind, self.seconds = program.seconds, kind, seconds

    def next(self, left: int) -> int:
        """Batches for the next chunk, at most `left`."""
        known = self.known.get(self.kind)
        if not self.seconds or known is None:
            return 1
        return max(1, min(left, int(self.seconds / max(known, 1e-9))))

    def saw(self, count: int, seconds: float) -> None:
        """A chunk of `count` batches took this long (the first one's time is compilation)."""
        known, now = self.known.get(self.kind), seconds / count
        if known is None:
            self.known[self.kind] = now if count > 1 else now / 8
        elif count > 1 or now < known:  # a single slow one was compiled, most likely
            self.known[self.kind] = now


def run_pass(
    source: Source,
    run: Callable[[Part, bool], Any],
    pace: Pace,
    before: Callable[[int], None] | None = None,
    after: Callable[[int, int, Any], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> dict[str, float]:
    """Run every part of a pass in chunks; returns the figures at its end as numbers.

    `before(batch)` and `after(first batch, count, result)` surround each chunk; `stop()` after a
    chunk ends the pass.
    """
    figures: dict[str, Any] = {}
    done = 0
    for part in source.parts():
        taken = 0
        while taken < part.count:
            count = pace.next(part.count - taken)
            if before is not None:
                before(done)
            begun = time.perf_counter()
            result = run(part.cut(taken, count), done == 0)
            figures = result[0] if isinstance(result, tuple) else result
            engine.wait(figures)
            if pace.seconds:
                pace.saw(count, time.perf_counter() - begun)
            if after is not None:
                after(done, count, result)
            taken += count
            done += count
            if stop is not None and stop():
                return numbers(figures)
    return numbers(figures)


def numbers(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as Python floats (waits for them); arrays stay arrays."""
    found = {name: engine.numpy(value) for name, value in figures.items()}
    return {name: float(v) if v.ndim == 0 else v for name, v in found.items()}


# ---------------------------------------------------------------- fit


def fit(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> History:
    """Train; `said` holds the other arguments of `Model.fit` by name."""
    epochs = checks.whole_number("epochs", said["epochs"], 0)
    most = settings.current().max_epochs
    epochs = epochs if most is None else min(epochs, most)
    initial = checks.whole_number("initial_epoch", said["initial_epoch"], 0)
    train, validation = sources.for_fit(model, x, y, said)
    _limit(train)
    sources.check_targets(model, train, "fit")
    if validation is not None:
        sources.check_targets(model, validation, "validation_data")
    program = program_for(model, train.first, train=True)
    train.follow(program.seed, program.passes)
    verbose = _verbosity(said["verbose"])
    callbacks = _callbacks(model, said["callbacks"], verbose, epochs, train.steps)
    history = next(c for c in callbacks.callbacks if isinstance(c, History))
    pace = Pace(program, "train", 0 if callbacks.live else CHUNK)
    model.stop_training = False
    model.history = history
    callbacks.tell("on_train_begin", {})
    logs: dict[str, Any] = {}
    try:
        for epoch in range(initial, epochs):
            callbacks.tell("on_epoch_begin", epoch, {})
            logs = _epoch(model, program, train, callbacks, pace)
            program.passes += 1
            if validation is not None and _is_due(epoch, said["validation_freq"]):
                found = _judge(program, validation, callbacks)
                logs = {**logs, **{f"val_{name}": value for name, value in found.items()}}
            callbacks.tell("on_epoch_end", epoch, logs)
            if model.stop_training:
                break
    finally:
        train.close()
    if logs:  # after no epoch at all there are no averages to take over
        model.optimizer.finalize_variable_values(program.trainable)
    callbacks.tell("on_train_end", logs)
    return history


def _limit(source: Source) -> None:
    """Cut epochs to what the settings allow (`KERAS_MAX_STEPS_PER_EPOCH`, to try a script)."""
    most = settings.current().max_steps_per_epoch
    if most is not None:
        source.steps = most if source.steps is None else min(source.steps, most)


def _epoch(
    model: Any, program: Program, source: Source, callbacks: CallbackList, pace: Pace
) -> dict[str, Any]:
    """One epoch of training."""
    record = 0
    if callbacks.passive and not callbacks.live and isinstance(source, Arrays):
        record = source.whole

    def run(part: Part, fresh: bool) -> Any:
        return program.train(part, fresh, record if part.count > 1 or program.loops else 0)

    def before(batch: int) -> None:
        for callback in callbacks.live:
            callback.on_train_batch_begin(batch, {})

    def after(done: int, count: int, result: Any) -> None:
        figures, kept = result
        if callbacks.live or callbacks.on_chunks:
            logs = numbers(figures)
        for callback in callbacks.live:
            callback.on_train_batch_end(done, logs)
        if callbacks.passive:
            _replay(callbacks.passive, done, count, figures, kept)
        for callback in callbacks.on_chunks:
            callback.on_chunk_end(done + count, logs)
        if done == 0 and program.optimizer is not None and not program.warned:
            program.warned = True
            checks.scale(source.first_host(), float(figures["loss"]))

    return run_pass(source, run, pace, before, after, lambda: model.stop_training)


def _replay(passive: list, done: int, count: int, figures: Mapping, kept: Any) -> None:
    """Tell passive callbacks of the batches of a chunk, with the figures after each."""
    if kept is None:
        rows = [numbers(figures)] * count
    else:
        columns = {name: np.asarray(value) for name, value in kept.items()}
        rows = [{k: float(column[i]) for k, column in columns.items()} for i in range(count)]
    for i, logs in enumerate(rows):
        for callback in passive:
            callback.on_train_batch_begin(done + i, {})
            callback.on_train_batch_end(done + i, logs)


def _is_due(epoch: int, frequency: Any) -> bool:
    """Whether epoch number `epoch` ends with a validation: every n-th, or those in a list."""
    if isinstance(frequency, Iterable):
        return epoch + 1 in frequency
    return (epoch + 1) % checks.whole_number("validation_freq", frequency, 1) == 0


def _callbacks(
    model: Any, given: Any, verbose: int, epochs: int, steps: int | None
) -> CallbackList:
    if isinstance(given, CallbackList):
        return given
    if given is None:
        chosen = []
    elif isinstance(given, (list, tuple)):
        chosen = list(given)
    else:
        chosen = [given]
    for one in chosen:
        if isinstance(one, type):
            raise UsageError(
                "E-CALLBACK",
                f"callbacks has {shown(one)}; did you forget the parentheses: {one.__name__}(…)?",
            )
        if not hasattr(one, "set_model"):
            raise UsageError("E-CALLBACK", f"callbacks must be Callback objects; got {shown(one)}.")
    if not any(isinstance(c, History) for c in chosen):
        chosen.append(History())
    if verbose and not any(isinstance(c, ProgbarLogger) for c in chosen):
        chosen.append(ProgbarLogger(verbose))
    return CallbackList(chosen, model, {"epochs": epochs, "steps": steps, "verbose": verbose})


def _verbosity(said: Any) -> int:
    if said == "auto":
        return 1
    if said in (0, 1, 2, False, True):
        return int(said)
    raise UsageError("E-VERBOSE", f'verbose must be 0, 1, 2 or "auto"; got {shown(said)}.')


# ---------------------------------------------------------------- evaluate


def _judge(program: Program, source: Source, callbacks: CallbackList | None) -> dict[str, Any]:
    """One pass of test steps."""
    batchwise = callbacks.on_test_batches if callbacks is not None else []

    def before(batch: int) -> None:
        for callback in batchwise:
            callback.on_test_batch_begin(batch, {})

    def after(done: int, count: int, figures: Any) -> None:
        for callback in batchwise:
            callback.on_test_batch_end(done, numbers(figures))

    if callbacks is not None:
        callbacks.tell("on_test_begin", {})
    pace = Pace(program, "test", 0 if batchwise else CHUNK)
    logs = run_pass(
        source,
        program.test,
        pace,
        before if batchwise else None,
        after if batchwise else None,
    )
    if callbacks is not None:
        callbacks.tell("on_test_end", logs)
    return logs


def evaluate(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> Any:
    """Loss and metrics over data; `said` holds the other arguments of `Model.evaluate`."""
    source = sources.for_evaluate(model, x, y, said)
    sources.check_targets(model, source, "evaluate")
    program = program_for(model, source.first, train=False)
    verbose = _verbosity(said["verbose"])
    callbacks = None
    if said["callbacks"]:
        callbacks = _callbacks(model, said["callbacks"], 0, 1, source.steps)
    bar = Progbar(source.steps, verbose)
    logs = _judge(program, source, callbacks)
    bar.update(source.steps or 0, logs, last=True)
    return logs if said["return_dict"] else in_order(logs)


def in_order(logs: Mapping[str, Any]) -> Any:
    """The loss, or a list of the loss and the metrics."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


# ---------------------------------------------------------------- single batches


def train_on_batch(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> Any:
    """One training step on one batch."""
    batch = sources.one_batch(model, x, y, said, "train_on_batch")
    sources.check_batch(model, batch, "train_on_batch")
    program = program_for(model, batch, train=True)
    figures, _ = program.train(Part(batch, None, 0, 1, batch.rows), fresh=True)
    logs = numbers(figures)
    return logs if said["return_dict"] else in_order(logs)


def test_on_batch(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> Any:
    """One test step on one batch."""
    batch = sources.one_batch(model, x, y, said, "test_on_batch")
    sources.check_batch(model, batch, "test_on_batch")
    program = program_for(model, batch, train=False)
    logs = numbers(program.test(Part(batch, None, 0, 1, batch.rows), fresh=True))
    return logs if said["return_dict"] else in_order(logs)


# ---------------------------------------------------------------- predict


def predict(model: Any, x: Any, said: Mapping[str, Any]) -> Any:
    """Outputs for all samples, as NumPy arrays in the structure of the model's outputs."""
    size = said["batch_size"]
    size = 32 if size is None else checks.whole_number("batch_size", size, 1)
    source = sources.for_predict(model, x, size, said["steps"])
    predictor = predictor_for(model)
    bar = Progbar(source.steps, _verbosity(said["verbose"]))
    callbacks = None
    if said["callbacks"]:
        callbacks = _callbacks(model, said["callbacks"], 0, 1, source.steps)
        callbacks.tell("on_predict_begin", {})
    collected: list = []
    for done, (batch, rows) in enumerate(source.padded(model.mixes_rows)):
        for callback in callbacks.on_predict_batches if callbacks else ():
            callback.on_predict_batch_begin(done, {})
        outputs = predictor(batch)
        collected.append((outputs, rows))
        if len(collected) > 1:
            _settle(collected, -2)
        for callback in callbacks.on_predict_batches if callbacks else ():
            _settle(collected, -1)
            callback.on_predict_batch_end(done, {"outputs": collected[-1][0]})
        bar.update(done + 1)
    joined = _joined(model, collected) if collected else _nothing(model, source)
    plain = isinstance(x, np.ndarray) and x.dtype == np.float32 and isinstance(joined, np.ndarray)
    if plain and len(collected) == 1 and not model.mixes_rows and not model.embedded_inputs(x):
        predictor.checked.add((x.shape, x.dtype))
    if callbacks is not None:
        callbacks.tell("on_predict_end", {})
    bar.update(bar.done, last=True)
    return joined


def _settle(collected: list, place: int) -> None:
    """Bring a batch of outputs to the host, its own rows only."""
    outputs, rows = collected[place]
    if rows is not None:
        host = tree.map_structure(lambda a: engine.numpy(a)[:rows], outputs)
        collected[place] = (host, None)


def _joined(model: Any, collected: list) -> Any:
    """All batches in one array for each output."""
    for place in range(len(collected)):
        _settle(collected, place)
    parts = [outputs for outputs, _ in collected]
    if len(parts) == 1:
        return tree.map_structure(np.array, parts[0])
    return tree.map_structure(lambda *batches: np.concatenate(batches), *parts)


def _nothing(model: Any, source: Source) -> Any:
    """The outputs for no samples: arrays of shape (0, ...)."""
    specs = model.output_specs(source.first)
    known = model._graph.outputs if model._graph is not None else model._kept["outputs"]
    empty = [np.zeros((0, *(d or 0 for d in t.shape[1:])), t.dtype) for t in specs]
    return tree.fill(known, empty)


def predict_on_batch(model: Any, x: Any) -> Any:
    """Outputs for one batch, as NumPy arrays."""
    batch = sources.one_batch(model, x, None, {}, "predict")
    return tree.map_structure(lambda a: np.array(engine.numpy(a)), predictor_for(model)(batch.x))


# ---------------------------------------------------------------- programs, kept on the model


def predictor_for(model: Any) -> Predictor:
    """The model's compiled forward pass, made anew when its Variables have changed."""
    found = model._kept.get("predictor")
    if found is None or found.own != model.variables:
        found = model._kept["predictor"] = Predictor(model, eager=model.run_eagerly)
    return found


def program_for(model: Any, batch: Any, train: bool) -> Program:
    """The model's Program, made anew when it was recompiled or its Variables have changed."""
    model.require_compiled(train)
    model.bind_objective(batch)
    chosen = model.trainable_at_compile()
    found: Program | None = model._kept.get("program")
    if found is None or not found.serves(chosen):
        found = Program(model, model._objective, model.optimizer, chosen, model.run_eagerly)
        found.examine(batch)
        model._kept["program"] = found
    return found
