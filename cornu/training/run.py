"""Run: one call of `fit`, from its first epoch to its last, or from where a killed one was.

What a run consists of at any moment is one value (`Run.facts`): the state of the Program, the place
in the data, the figures so far, and what callbacks keep. `keeping.Folder` writes it down.
"""

import json
import os
import random
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import state, tree
from cornu.callbacks import CallbackList, History, ProgbarLogger
from cornu.errors import UsageError, listed, shown, warn
from cornu.training import checks
from cornu.training.ahead import Ahead
from cornu.training.data import Arrays, Part, Stream
from cornu.training.guard import Guard
from cornu.training.interrupts import Interrupts
from cornu.training.keeping import Folder, fingerprint, is_plain
from cornu.training.passes import CHUNK, Pace, judge, numbers, run_pass
from cornu.training.reader import MOST
from cornu.training.step import Program

Source = Arrays | Stream

PAUSE = 20  # keeping a run takes at most this fraction of the time
ROWS = 64  # rows that are looked at, to tell other data
SECONDS = 10.0  # between two times that a run is kept, unless told otherwise


class Keeper:
    """When and where a run is kept.

    Args:
        folder: see `Folder`.
        seconds: between two times, at least; None for the ends of epochs alone.
        batches: keep it whenever so many batches are over, instead.
        clears: whether to remove it when the run has ended by itself.
    """

    def __init__(
        self,
        folder: Folder,
        seconds: float | None = SECONDS,
        batches: int | None = None,
        clears: bool = False,
    ):
        self.folder, self.seconds, self.batches, self.clears = folder, seconds, batches, clears
        self.at, self.cost, self.since = time.perf_counter(), 0.0, 0
        self.error: OSError | None = None  # why it was not kept the last time

    def is_due(self, count: int, ended: bool) -> bool:
        """Whether to keep the run now that `count` more batches are over, or an epoch `ended`."""
        self.since += count
        if self.batches is not None:
            return self.since >= self.batches
        if self.seconds is None:
            return ended
        return time.perf_counter() - self.at >= max(self.seconds, PAUSE * self.cost)

    def keep(self, facts: Mapping[str, Any]) -> None:
        """Keep the run as it is now. Warns where the disk says no: training is worth more."""
        begun = time.perf_counter()
        try:
            self.folder.keep(facts)
            self.error = None
        except OSError as error:
            self.error = error
            warn(f"the run could not be kept: {error}. Training goes on, and it is tried again.")
        self.at, self.since = time.perf_counter(), 0
        self.cost = self.at - begun


class Run:
    """Training from epoch to epoch.

    Args:
        model, program: what is trained, and its compiled steps.
        train, validation: where batches come from; `validation` may be None.
        callbacks: told of everything.
        guard: runs the chunks.
        keeper: None for a run that is not kept.
        is_due: whether an epoch, by number, ends with a validation.
    """

    def __init__(
        self,
        model: Any,
        program: Program,
        train: Source,
        validation: Source | None,
        callbacks: CallbackList,
        guard: Guard,
        keeper: Keeper | None,
        is_due: Callable[[int], bool],
    ):
        self.model, self.program, self.train, self.validation = model, program, train, validation
        self.callbacks, self.guard, self.keeper, self.is_due = callbacks, guard, keeper, is_due
        self.pace = Pace(program, "train", 0 if callbacks.live else CHUNK)
        self.ahead = Ahead(program, guard, callbacks.live) if callbacks.live else None
        if keeper is not None and keeper.batches is not None:
            self.pace.most = keeper.batches
        self.watched = any(type(c) not in (History, ProgbarLogger) for c in callbacks.callbacks)
        self.begun_passes = program.passes
        self.begun_as: list[dict[str, bytes]] = []
        self.settings = "" if keeper is None else _settings(model.optimizer)
        self.data: list = []  # what it trains on and is judged by, where it is kept
        self.first = self.epoch = self.done = 0

    def go(self, first: int, epochs: int) -> History:
        """Run epochs number `first` up to, and without, `epochs`."""
        self.first = self.epoch = first
        found = None
        if self.keeper is not None:
            judged = None if self.validation is None else described(self.validation)
            self.data = [described(self.train), judged]
            found = self._found(self.keeper.folder)
            self.begun_as = [_plain(callback) for callback in self.callbacks.callbacks]
        if found is not None:
            self.epoch, self.done = found["epoch"], found["done"]
        model, callbacks = self.model, self.callbacks
        model.stop_training = False
        history = next(c for c in callbacks.callbacks if isinstance(c, History))
        model.history = history
        callbacks.tell("on_train_begin", {})
        if self.done:  # hooks first: what they change is set again to what they had made of it
            callbacks.tell("on_epoch_begin", self.epoch, {})
        if found is not None:
            self._resume(found)
            self._tell(found, epochs)
        logs: dict[str, Any] = {} if found is None else dict(found["logs"])
        try:
            with Interrupts(self.keeper is not None) as interrupts:
                while self.epoch < epochs and not model.stop_training:
                    logs = self._one_epoch(interrupts)
        finally:
            for source in (self.train, self.validation):
                if source is not None:
                    source.close()
        self.guard.settle()
        ended_before = found is not None and found["over"] and found["epoch"] == self.epoch
        if logs and not ended_before:  # after no epoch there are no averages to take over
            model.optimizer.finalize_variable_values(self.program.trainable)
        callbacks.tell("on_train_end", logs)
        with Interrupts(self.keeper is not None) as interrupts:
            self._end(logs)
            interrupts.follow(self._way_on)
        return history

    # ---------------------------------------------------------------- epochs

    def _one_epoch(self, interrupts: Interrupts) -> dict[str, Any]:
        """An epoch, or what is left of one, with its validation."""
        callbacks, epoch = self.callbacks, self.epoch
        if not self.done:
            callbacks.tell("on_epoch_begin", epoch, {})
        logs = self._steps(interrupts)
        self.program.passes += 1
        if (self.watched or self.validation is not None) and self.guard.settle():
            logs = numbers(self.guard.figures())
        if self.validation is not None and self.is_due(epoch):
            found = self._judged(self.validation, interrupts)
            logs = {**logs, **{f"val_{name}": value for name, value in found.items()}}
        callbacks.tell("on_epoch_end", epoch, logs)
        self.epoch, self.done = epoch + 1, 0
        if self.keeper is not None and (self.keeper.is_due(0, True) or interrupts.asked):
            self.keeper.keep(self.facts(logs))
        interrupts.follow(self._way_on)
        return logs

    def _judged(self, validation: Source, interrupts: Interrupts) -> dict[str, Any]:
        """The figures of a validation; where a signal comes, the run is kept as it was before."""
        before: dict[str, Any] = {} if self.keeper is None else self.facts({})
        found = judge(self.program, validation, self.callbacks, lambda: bool(interrupts.asked))
        if interrupts.asked and self.keeper is not None:
            self.keeper.keep(before)
            interrupts.follow(self._way_on)
            self.program.restore(before["cells"])  # the user's own handler has let it go on
            found = judge(self.program, validation, self.callbacks)
        return found

    def _steps(self, interrupts: Interrupts) -> dict[str, Any]:
        """The training steps of an epoch; returns its figures."""
        callbacks, program, source, guard = self.callbacks, self.program, self.train, self.guard
        record = 0
        if callbacks.passive and not callbacks.live:
            record = source.whole if isinstance(source, Arrays) else MOST
        guard.begin(self.epoch, self.done, self.watched or self.validation is not None)

        ahead = self.ahead

        def run(part: Part, fresh: bool) -> Any:
            if ahead is not None:
                return ahead.train(part, fresh, self.pace.left)
            return guard.train(part, fresh, record if part.count > 1 or program.loops else 0)

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
                checks.scale(source.first_host(), float(figures.get("loss", 0.0)))
            self.done = done + count
            keeper = self.keeper
            if keeper is not None and (keeper.is_due(count, False) or interrupts.asked):
                guard.settle()
                keeper.keep(self.facts({}))
            interrupts.follow(self._way_on)

        model = self.model
        program.training = True
        try:
            figures = run_pass(
                source, run, self.pace, before, after, lambda: model.stop_training, self.done
            )
        finally:
            if ahead is not None:
                ahead.settle()
            program.training = False
        return figures or numbers(program.results())  # all steps were over before

    # ---------------------------------------------------------------- the run as one value

    def facts(self, logs: Mapping[str, Any], over: bool = False) -> dict[str, Any]:
        """All that the rest of the run depends on, as plain data and arrays."""
        program = self.program
        return {
            "what": self._what(),
            "epoch": self.epoch,
            "done": self.done,
            "over": over,
            "stopped": bool(self.model.stop_training),
            "logs": {name: value for name, value in logs.items() if is_plain(value)},
            "settings": self.settings,
            "judged": self.data[1],
            "cells": program.snapshot(),
            "seed": program.seed,
            "passes": self.begun_passes,
            "source": self.train.state(),
            "validation": None if self.validation is None else self.validation.state(),
            "callbacks": [
                [type(c).__name__, _kept(c, begun)]
                for c, begun in zip(self.callbacks.callbacks, self.begun_as, strict=True)
            ],
            "seeds": [state.seeds.seed, state.seeds.taken, state.seeds.chosen],
            "random": random.getstate(),
            "numpy": np.random.get_state(),
        }

    def _what(self) -> dict[str, Any]:
        """What must be the same when a run goes on."""
        return {
            "variables": [
                [re.sub(r"_\d+", "", cell.path), list(cell.shape), cell.dtype]  # dense_3, dense_7
                for cell in self.program.cells
            ],
            "optimizer": type(self.model.optimizer).__name__,
            "layers": _layers(self.model),
            "loss": re.sub(r"_\d+", "", self.program.objective.loss_names),
            "data": self.data[0],
            "first epoch": self.first,
        }

    def _found(self, folder: Folder) -> dict[str, Any] | None:
        """What the folder keeps of this run. Raises UsageError where that is another one."""
        for source, what in ((self.train, "x"), (self.validation, "validation_data")):
            if source is not None and not source.restarts:
                raise not_restartable(what)
        folder.open()
        self.program.discover(self.train.first)
        found = folder.latest()
        if found is not None:
            now, then = self._what(), found["what"]
            for name in (name for name in now if now[name] != then[name]):
                a, b = _first_difference(then[name], now[name])
                raise UsageError(
                    "E-RESUME",
                    f"{folder.path} keeps another run: {name} {shown(a)} there, {shown(b)} here. "
                    "Take another folder, or remove that one to begin anew.",
                )
        return found

    def _resume(self, found: Mapping[str, Any]) -> None:
        """Set everything to what was kept."""
        program = self.program
        program.seed, self.begun_passes = found["seed"], found["passes"]
        program.passes = self.begun_passes + self.epoch - self.first
        program.restore([np.asarray(value) for value in found["cells"]])
        program.warned = True
        self.train.follow(program.seed, self.begun_passes)
        self.train.go_to(self.epoch - self.first, self.done, found["source"])
        if self.validation is not None and found["validation"] is not None:
            judged = sum(map(self.is_due, range(self.first, self.epoch)))
            self.validation.go_to(judged, 0, found["validation"])
        kept = [*found["callbacks"]]
        for callback in self.callbacks.callbacks:  # the first of a class is the first of it then
            own = next((one for one in kept if one[0] == type(callback).__name__), None)
            if own is not None:
                kept = [one for one in kept if one is not own]
                vars(callback).update(own[1])
        self._miss([name for name, own in kept if own])
        self.model.stop_training = found["stopped"]
        state.seeds.seed, state.seeds.taken, state.seeds.chosen = found["seeds"]
        random.setstate(found["random"])
        np.random.set_state(found["numpy"])

    def _miss(self, gone: Sequence[str]) -> None:
        """Warn of callbacks that the run had, which knew something and are not there now."""
        if gone and self.keeper is not None:
            now = sorted({type(c).__name__ for c in self.callbacks.callbacks} & {*gone})
            others = f" It goes by the order of {listed(now)} in the list." if now else ""
            warn(
                f"{self.keeper.folder.path} keeps a run that had {listed(gone)} besides, which "
                f"this one has not: what it knew is lost.{others}"
            )

    def _tell(self, found: Mapping[str, Any], epochs: int) -> None:
        """Say what a user who has changed the script might not expect."""
        assert self.keeper is not None
        if found.get("judged", self.data[1]) != self.data[1]:
            warn(
                f"{self.keeper.folder.path} keeps a run that was validated by other data, or not "
                "at all: its val_ figures before and after this cannot be compared."
            )
        if found["settings"] != self.settings:
            warn(
                f"{self.keeper.folder.path} keeps a run whose optimizer had other settings: it "
                "goes on with those. Remove the folder to begin anew."
            )
        if found["stopped"] or self.epoch >= epochs:
            over = "was stopped" if found["stopped"] else "was over"
            print(
                f"The run in {self.keeper.folder.path} {over} after epoch {self.epoch}: nothing is "
                "trained. Remove the folder to begin anew.",
                file=sys.stderr,
            )

    def _end(self, logs: Mapping[str, Any]) -> None:
        """Keep the whole run, so that the script can be started once more; or remove it."""
        keeper = self.keeper
        if keeper is not None and keeper.clears:
            keeper.folder.clear()
        elif keeper is not None:
            keeper.keep(self.facts(logs, over=True))

    def explained(self) -> str:
        """How the steps are run, and why."""
        live = [type(c).__name__ for c in self.callbacks.live]
        if live:
            how = (
                f"one batch at a time, because {listed(live)} must see every batch; small ones are "
                "computed ahead where nobody looks at the model. If it only reads logs, say "
                "passive = True in its class."
            )
        elif self.program.eager:
            how = "as Python, one by one, because of run_eagerly."
        else:
            how = f"in chunks of about {CHUNK} s: no callback must see every batch."
        once = " Inside a chunk they are calls of their own: convolutions run faster so here."
        return f"Steps run {how}{'' if live or self.program.loops else once}"

    def _way_on(self) -> str:
        assert self.keeper is not None
        if self.keeper.error is not None:
            return f"NOT kept, because {self.keeper.error}."
        return (
            f"Kept in {self.keeper.folder.path} after step {self.done} of epoch {self.epoch + 1}; "
            "start the same script again and it goes on from there."
        )


def described(source: Source) -> list:
    """What data are like, to tell others from them: what the source says, and some of the rows."""
    arrays = tree.leaves(source.host) if isinstance(source, Arrays) else []
    known = [a for a in arrays if isinstance(a, np.ndarray) and len(a)]
    some = (a[np.linspace(0, len(a) - 1, min(len(a), ROWS)).astype(int)] for a in known)
    return [*source.described(), *(zlib.crc32(a.tobytes()) for a in some)]


def not_restartable(what: str) -> UsageError:
    """The error for data that cannot begin in the middle."""
    return UsageError(
        "E-RESUME",
        f"{what} is a generator, which cannot be begun again in the middle, so the run could not "
        "be resumed. Pass arrays, a Sequence (PyDataset), an object whose __iter__ begins anew, or "
        "one with get_state() and set_state(state).",
    )


def _kept(callback: Any, begun: Mapping[str, bytes]) -> dict[str, Any]:
    """What a callback keeps: what it says, or all plain data that have changed in the run."""
    names, own = getattr(callback, "keeps", None), vars(callback)
    if names is None:
        return {k: own[k] for k, now in _plain(callback).items() if now != begun.get(k)}
    for name in names:
        if name in own and not is_plain(own[name]):
            raise UsageError(
                "E-RESUME",
                f"{type(callback).__name__}.{name} is {shown(own[name])}, which cannot be kept "
                "with a run: numbers, text, arrays, and lists and dicts of them can.",
            )
    return {name: own[name] for name in names if name in own}


def _plain(callback: Any) -> dict[str, bytes]:
    """The attributes of plain data of a callback that does not say what it keeps, to compare."""
    if getattr(callback, "keeps", None) is not None:
        return {}
    own = {k: v for k, v in vars(callback).items() if k not in ("model", "params")}
    return {name: fingerprint(value) for name, value in own.items() if is_plain(value)}


def _layers(model: Any) -> list[str]:
    """What the layers of a model compute, without their names, where they can say it."""
    return [_plainly(layer) for layer in model.all_layers() if layer is not model]


def _settings(optimizer: Any) -> str:
    """The settings that a script gave its optimizer."""
    return _plainly(optimizer)


def _plainly(thing: Any) -> str:
    """The config of a layer or an optimizer as text; its class where it has none."""
    try:
        config = {k: v for k, v in thing.get_config().items() if k not in ("name", "layers")}
        return re.sub(r"_\d+", "", f"{type(thing).__name__} {json.dumps(config, default=str)}")
    except Exception:  # a user's own get_config, which is asked when the model is saved
        return type(thing).__name__


def _first_difference(then: Any, now: Any) -> tuple[Any, Any]:
    if isinstance(then, list) and isinstance(now, list):
        if len(then) != len(now):
            return f"{len(then)} of them", f"{len(now)}"
        return _first_difference(*next((a, b) for a, b in zip(then, now, strict=True) if a != b))
    if isinstance(then, str) and isinstance(now, str):
        alike = len(os.path.commonprefix([then, now]))
        begin = then.rfind(" ", 0, max(alike - 20, 0)) + 1
        return then[begin : alike + 30], now[begin : alike + 30]
    return then, now


def _replay(passive: Iterable, done: int, count: int, figures: Mapping, kept: Any) -> None:
    """Tell passive callbacks of the batches of a chunk, with the figures after each."""
    if kept is None:
        rows = [numbers(figures)] * count
    else:
        columns = {name: np.asarray(value) for name, value in kept.items()}
        told = min(count, min(map(len, columns.values())))
        rows = [{k: float(column[i]) for k, column in columns.items()} for i in range(told)]
    for i, logs in enumerate(rows):
        for callback in passive:
            callback.on_train_batch_begin(done + i, {})
            callback.on_train_batch_end(done + i, logs)
