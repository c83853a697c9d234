"""fit, evaluate, predict, and single batches: what was said is looked at, and passes are run."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from cornu import engine, settings, tree
from cornu.callbacks import CallbackList, History, ProgbarLogger
from cornu.callbacks.backup import BackupAndRestore
from cornu.callbacks.progress import Bar
from cornu.errors import UsageError, shown
from cornu.state import Variable
from cornu.training import checks, sources, tries
from cornu.training.data import Arrays, Part, Stream
from cornu.training.guard import Guard, policy
from cornu.training.keeping import Folder
from cornu.training.passes import judge, numbers
from cornu.training.run import Keeper, Run
from cornu.training.step import Predictor, Program

Source = Arrays | Stream

HELD = 64 * 2**20
"""Bytes of an array of validation data that a `History` holds."""


# ---------------------------------------------------------------- fit


def fit(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> History:
    """Train; `said` holds the other arguments of `Model.fit` by name."""
    said = tries.tried(said)
    epochs = checks.whole_number("epochs", said["epochs"], 0)
    most = settings.current().max_epochs
    epochs = epochs if most is None else min(epochs, most)
    initial = checks.whole_number("initial_epoch", said["initial_epoch"], 0)
    train, validation = sources.for_fit(model, x, y, said)
    train = tries.few(train, said["overfit_batches"])
    tries.limit(train, settings.current().max_steps_per_epoch, said["most"])
    tries.limit(validation, said["most"])
    sources.check_targets(model, train, "fit")
    if validation is not None:
        sources.check_targets(model, validation, "validation_data")
    program = program_for(model, train.first, train=True)
    train.follow(program.seed, program.passes)
    verbose = _verbosity(said["verbose"])
    size = getattr(train, "batch_size", None)
    callbacks = _callbacks(model, said["callbacks"], verbose, epochs, train.steps, size)
    keeper = _keeper(callbacks, said["resume"])
    for history in (c for c in callbacks.callbacks if isinstance(c, History)):
        history.validation = _at_hand(validation)
    run = Run(
        model,
        program,
        train,
        validation,
        callbacks,
        _guard(model, program, callbacks, said["on_nonfinite"]),
        keeper,
        partial(_is_due, said["validation_freq"]),
    )
    if said["explain"]:
        print(run.explained())
    try:
        with callbacks.undone():
            return run.go(initial, epochs)
    finally:
        if keeper is not None:
            keeper.folder.close()


def _at_hand(validation: Source | None) -> tuple[Any, Any] | None:
    """Inputs and targets of one output that cost little to be held for longer than `fit`."""
    if not isinstance(validation, Arrays) or len(validation.host.y) != 1:
        return None
    found = [a for a in tree.leaves(validation.host) if a is not None]
    owners = [a if getattr(a, "base", None) is None else a.base for a in found]
    if any(getattr(a, "nbytes", HELD + 1) > HELD for a in owners):
        return None
    return validation.host.x, validation.host.y[0]


def _guard(model: Any, program: Program, callbacks: CallbackList, said: Any) -> Guard:
    """What looks after numbers that are not finite."""
    stops = any(getattr(c, "stops_on_nonfinite", False) for c in callbacks.callbacks)
    chosen = policy(said, stops, model.on_nonfinite)
    return Guard(
        program, chosen, bool(callbacks.live), partial(setattr, model, "stop_training", True)
    )


def _keeper(callbacks: CallbackList, resume: Any) -> Keeper | None:
    """Where the run is kept: in the folder `resume`, or as a callback says."""
    backup = next((c for c in callbacks.callbacks if isinstance(c, BackupAndRestore)), None)
    if backup is None:
        return None if resume is None else Keeper(Folder(resume))
    if resume is not None:
        raise UsageError("E-RESUME", "resume and BackupAndRestore keep the same run: take one.")
    batches = None if backup.save_freq == "epoch" else int(backup.save_freq)
    return Keeper(Folder(backup.backup_dir), None, batches, backup.delete_checkpoint)


def _is_due(frequency: Any, epoch: int) -> bool:
    """Whether epoch number `epoch` ends with a validation: every n-th, or those in a list."""
    if isinstance(frequency, Iterable):
        return epoch + 1 in frequency
    return (epoch + 1) % checks.whole_number("validation_freq", frequency, 1) == 0


def _callbacks(
    model: Any,
    given: Any,
    verbose: int,
    epochs: int,
    steps: int | None,
    batch_size: int | None = None,
) -> CallbackList:
    if isinstance(given, CallbackList):
        chosen = list(given.callbacks)
    elif given is None:
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
    facts = {"epochs": epochs, "steps": steps, "verbose": verbose}
    if batch_size is not None:
        facts["batch_size"] = batch_size
    return CallbackList(chosen, model=model, **facts)


def _told(model: Any, given: Any, steps: int | None) -> CallbackList | None:
    """Callbacks of an evaluation or a prediction; None where there are none."""
    return _callbacks(model, given, 0, 1, steps) if given else None


def _verbosity(said: Any) -> int:
    if said == "auto":
        return 1
    if said in (0, 1, 2, False, True):
        return int(said)
    raise UsageError("E-VERBOSE", f'verbose must be 0, 1, 2 or "auto"; got {shown(said)}.')


# ---------------------------------------------------------------- evaluate


def evaluate(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> Any:
    """Loss and metrics over data; `said` holds the other arguments of `Model.evaluate`."""
    source = sources.for_evaluate(model, x, y, said)
    sources.check_targets(model, source, "evaluate")
    program = program_for(model, source.first, train=False)
    verbose = _verbosity(said["verbose"])
    callbacks = _told(model, said["callbacks"], source.steps)
    bar = Bar(source.steps, verbose)
    with program.apart(), nullcontext() if callbacks is None else callbacks.undone():
        logs = judge(program, source, callbacks)
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
    with program.apart():
        logs = numbers(program.test(Part(batch, None, 0, 1, batch.rows), fresh=True))
    return logs if said["return_dict"] else in_order(logs)


# ---------------------------------------------------------------- predict


def predict(model: Any, x: Any, said: Mapping[str, Any]) -> Any:
    """Outputs for all samples, as NumPy arrays in the structure of the model's outputs."""
    size = said["batch_size"]
    size = 32 if size is None else checks.whole_number("batch_size", size, 1)
    source = sources.for_predict(model, x, size, said["steps"])
    predictor = predictor_for(model)
    bar = Bar(source.steps, _verbosity(said["verbose"]))
    callbacks = _told(model, said["callbacks"], source.steps)
    if callbacks is None and isinstance(source, Arrays) and not model.mixes_rows:
        found = _past_the_engine(source, predictor, bar, size)
        if found is not None:
            predictor.remember(x, found)
            return found
        source.regroup()
    with nullcontext() if callbacks is None else callbacks.undone():
        collected = _collected(model, source, predictor, callbacks, bar, size)
        joined = _joined(model, collected) if collected else _nothing(model, source)
        if callbacks is not None:
            callbacks.tell("on_predict_end", {})
    if len(collected) == 1:
        predictor.remember(x, joined)
    bar.update(bar.done, last=True)
    return joined


def _past_the_engine(
    source: Arrays, predictor: Predictor, bar: Bar, size: int
) -> np.ndarray | None:
    """The outputs of all rows by a chain; None where there is none."""
    x = source.host.x
    chain = predictor.chain_for(x)
    if chain is None or predictor.shortcut is None:
        return None
    made, stretch = np.empty((len(x), chain.outputs), "float32"), predictor.shortcut.stretch
    for first in range(0, len(x), stretch):
        part = slice(first, first + stretch)
        chain.write(x[part], made[part])
        bar.update(-(-min(part.stop, len(x)) // size))
    bar.update(bar.done, last=True)
    return made


def _collected(
    model: Any,
    source: Source,
    predictor: Predictor,
    callbacks: CallbackList | None,
    bar: Bar,
    size: int,
) -> list:
    """The outputs of every batch, with the number of its rows where they are not cut yet."""
    collected: list = []
    over = 0
    if callbacks is not None:
        callbacks.tell("on_predict_begin", {})
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
        over += rows
        bar.update(done + 1 if callbacks else -(-over // size))
    return collected


def _settle(collected: list, place: int) -> None:
    """Bring a batch of outputs to the host, its own rows only."""
    outputs, rows = collected[place]
    if rows is not None:
        host = tree.map_structure(lambda a: _rows_of(engine.numpy(a), rows), outputs)
        collected[place] = (host, None)


def _rows_of(outputs: np.ndarray, rows: int) -> np.ndarray:
    if not outputs.ndim:
        raise UsageError(
            "E-PREDICT-SCALAR",
            "predict gives an output for each sample, and an output of this model is a single "
            "number for the whole batch. Call model(x) for it, or keep the first axis, as in "
            "ops.mean(t, axis=-1).",
        )
    return outputs[:rows]


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
    known = model._graph.answers if model._graph is not None else model._kept["outputs"]
    empty = [np.zeros((0, *(d or 0 for d in t.shape[1:])), t.dtype) for t in specs]
    return tree.fill(known, empty)


def predict_on_batch(model: Any, x: Any) -> Any:
    """Outputs for one batch, as NumPy arrays."""
    batch, predictor = sources.one_batch(model, x, None, {}, "predict"), predictor_for(model)
    outputs = tree.map_structure(lambda a: np.array(engine.numpy(a)), predictor(batch.x))
    predictor.remember(x, outputs)
    return outputs


# ---------------------------------------------------------------- programs, kept on the model


def predictor_for(model: Any) -> Predictor:
    """The model's compiled forward pass, made anew when its Variables have changed."""
    found = model._kept.get("predictor")
    made = Variable.made
    if found is None or found.own != model.variables:
        found = model._kept["predictor"] = Predictor(model, eager=model.run_eagerly)
    found.made = made
    return found


def program_for(model: Any, batch: Any, train: bool) -> Program:
    """The model's Program, made anew when it was recompiled or its Variables have changed."""
    model.require_compiled(train)
    model.bind_objective(batch)
    chosen = model.trainable_at_compile()
    found: Program | None = model._kept.get("program")
    if found is None or not found.serves(chosen):
        found = Program(model, model._objective, model.optimizer, chosen, batch, model.run_eagerly)
        found.examine(batch)
        model._kept["program"] = found
    return found
