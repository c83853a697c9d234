"""Methods of models by the arguments, orders and defaults that they had, and what they gave.

A `Spoken` is a method of older generations: today's method that does its work, and rows that tell
its arguments, as they tell those of constructors. A call of today in generation 3 goes straight
through. What an old argument does besides (`show_accuracy`) is acted upon here.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from cornu import tree
from cornu.config import custom_object_scope
from cornu.dialects import callbacks, generations
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.method_rows import ROWS, SEQUENTIAL
from cornu.dialects.patches import Patch, Unset
from cornu.dialects.table import Arguments, Row, _positional, _speaking, _warn_once, told
from cornu.dialects.working import idle_workers, with_workers
from cornu.errors import UsageTypeError, listed, suggestion
from cornu.models import Model, Sequential
from cornu.training.objective import Objective

__all__ = ["PATCHES", "SPOKEN", "Spoken", "predict_classes", "predict_proba"]

# ---------------------------------------------------------------- a method and its rows


class Spoken:
    """A method as older generations called it.

    Args:
        name: what it was called.
        today: the method of today that does its work.
        work: `(model, found arguments) -> result`, where more was meant than a call of `today`.
    """

    def __init__(self, name: str, today: Callable, work: Callable | None = None):
        self.name, self.today, self.rows = name, today, list(ROWS[name])
        more = SEQUENTIAL.get(name, ())
        self.sequential = sorted([*more, *self.rows], key=lambda r: GENERATIONS.index(r.until))
        self.work = work or (lambda model, found: today(model, **found))
        parameters = list(inspect.signature(today).parameters.values())[1:]
        self.closed = not any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.known = frozenset(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
        self.order = _positional(SimpleNamespace(__init__=today))
        self.gone = name != today.__name__
        self.odd = [row for row in self.rows if row.also is not None]
        self._taken: dict[tuple, Arguments | None] = {}

    def method(self) -> Callable:
        """A method that takes the arguments of all generations, and does today's work."""

        @functools.wraps(self.today)
        def call(model: Any, *args: Any, **kwargs: Any) -> Any:
            fits = len(args) <= len(self.order) and kwargs.keys() <= self.known
            if fits and not self.gone and not self._is_odd(args):
                generation = generations.current()
                if generation == "3":
                    return self.today(model, *args, **kwargs)
                more = self._taken_for_granted(generation, model, args, kwargs)
                if more is not None:
                    given = dict(zip(self.order, args, strict=False))
                    return self.work(model, {**more, **given, **kwargs})
            self._check_names(kwargs)
            found = self.found(model, args, kwargs)
            return self.today(model, *args, **kwargs) if found is None else self.work(model, found)

        call.__name__ = self.name
        call.__qualname__ = f"Model.{self.name}"
        call.__doc__ = f"`{self.today.__name__}`, by the arguments that {self.name} had."
        return call

    def _check_names(self, kwargs: Arguments) -> None:
        """Raises UsageTypeError for an argument that the method had in no generation."""
        spoken = {n for row in self.sequential for n in (*row.names(), *row.positional)}
        known = {*self.known, *spoken}
        for name in kwargs.keys() - known if self.closed else ():
            raise UsageTypeError(
                "E-ARGUMENT",
                f'{self.name}() has no argument "{name}". {suggestion(name, known)}'
                f"It takes: {listed(self.known)}.",
            )

    def _is_odd(self, args: tuple) -> bool:
        """Whether these can only be meant in the order of an older generation."""
        return any(row.also is not None and row.also(args) for row in self.odd)

    def _taken_for_granted(
        self, generation: str, model: Any, args: tuple, kwargs: Arguments
    ) -> Arguments | None:
        """What that generation adds to a call that it would have written as today; else None.

        Remembered by the names of the arguments, so that calls in loops cost little.
        """
        sequential = isinstance(model, Sequential)
        key = (generation, sequential, len(args), *kwargs)
        if key not in self._taken:
            rows = self.sequential if sequential else self.rows
            names = [*self.order[: len(args)], *kwargs]
            given = self._by_name(rows, args, kwargs, generation, set(self.known))
            force = [row for row in rows if row.in_force(generation)]
            told = any(row.expand or row.names() & set(names) for row in force)
            plain = given is not None and [*given] == names and not told
            self._taken[key] = _defaults(rows, generation, names) if plain else None
        return self._taken[key]

    def found(self, model: Any, args: tuple, kwargs: Arguments) -> Arguments | None:
        """The arguments by today's names; None where they fit no generation."""
        rows = self.sequential if isinstance(model, Sequential) else self.rows
        generation = generations.current()
        known = set(self.known)
        given = self._by_name(rows, args, kwargs, generation, known)
        if given is None:
            return None
        found = with_workers(told(rows, given, known, generation, f"{self.name}()"), given)
        old = sorted({n for row in rows for n in row.names()} & kwargs.keys() - known)
        if old or self.gone:
            self._tell(old, found, idle_workers(found, given))
        return found

    def _by_name(
        self, rows: list[Row], args: tuple, kwargs: Arguments, generation: str, known: set[str]
    ) -> Arguments | None:
        for order in self._orders(rows, args, kwargs, generation, known):
            names = order[: len(args)]
            if len(args) <= len(order) and not any(name in kwargs for name in names):
                return {**dict(zip(names, args, strict=True)), **kwargs}
        return None

    def _orders(
        self, rows: list[Row], args: tuple, kwargs: Arguments, generation: str, known: set[str]
    ) -> Iterator[Sequence[str]]:
        ordered = [row for row in rows if row.positional]
        speaking = _speaking(rows, kwargs, known)
        also = [row for row in ordered if row.also is not None and row.also(args)]
        yield from (row.positional for row in also if row.in_force(generation))
        yield from (row.positional for row in reversed(also))
        yield from (row.positional for row in ordered if row in speaking and not row.apart)
        yield from (row.positional for row in ordered if row.in_force(generation))
        yield from (row.positional for row in ordered[-1:] if row.apart)
        yield self.order

    def _tell(self, old: Sequence[str], found: Arguments, more: str) -> None:
        """Warn of a spelling, once, with the call of today; data stand there by their names."""
        said = []
        for name in [n for n in self.order if n in found]:
            value = found[name]
            simple = isinstance(value, (str, int, float, bool, type(None)))
            shown = repr(value) if simple else name
            said.append(name if name in ("x", "y") and not simple else f"{name}={shown}")
        also = ", with metrics=['accuracy'] in compile" if found.get("show_accuracy") else ""
        spelt = f"{self.name}({', '.join(old)})" if old else f"{self.name}()"
        today = f"model.{self.today.__name__}({', '.join(said)})"
        _warn_once((self.name, *old), f"{spelt} is an old spelling. Today: {today}{also}{more}")


def _defaults(rows: Sequence[Row], generation: str, given: Sequence[str]) -> Arguments:
    """What rows take for granted in a generation, besides what is given."""
    found: Arguments = {}
    for row in rows:
        for name, by_generation in row.defaults.items():
            if generation in by_generation and name not in given:
                found.setdefault(name, by_generation[generation])
    return found


# ---------------------------------------------------------------- what else was meant


def _with_accuracy(model: Any, asked: Any) -> bool:
    """Have the model report accuracy, where that was asked for and it has no metrics of its own.

    Returns whether the caller wants to hear of it.
    """
    objective = model._objective
    if objective is None:
        return bool(asked)
    before = getattr(objective, "asked_for_accuracy", False)
    if asked and not objective.said["metrics"]:
        said = {**objective.said, "metrics": ["acc"]}
        model._objective = Objective(**said)
        model._objective.__dict__["asked_for_accuracy"] = True
        model._kept.pop("program", None)
    return bool(asked) or not before


def _figures(model: Any, found: Arguments, work: Callable) -> Any:
    """What evaluate and its kin gave: the loss alone where accuracy was not asked for."""
    wanted = _with_accuracy(model, found.pop("show_accuracy", False))
    result = work(model, **found)
    if not wanted and isinstance(result, list):
        result = result[0]
    return result


def _fit(model: Any, found: Arguments) -> Any:
    _with_accuracy(model, found.pop("show_accuracy", False))
    with callbacks.running(found):
        return FIT_TODAY(model, **found)


def _judged(today: Callable) -> Callable:
    return lambda model, found: _figures(model, found, today)


def _on_batch(today: Callable) -> Callable:
    """Keras 0 gave a list, even of the loss alone."""

    def work(model: Any, found: Arguments) -> Any:
        result = _figures(model, found, today)
        alone = generations.before("1.0") and not isinstance(result, (list, dict))
        return [result] if alone else result

    return work


def _outputs(today: Callable) -> Callable:
    """Keras 0 gave float64, whatever was computed with."""

    def work(model: Any, found: Arguments) -> Any:
        found.pop("show_accuracy", None)
        result = today(model, **found)
        return tree.map_structure(_wide, result) if generations.before("1.0") else result

    return work


def _wide(x: Any) -> Any:
    return x.astype("float64") if x.dtype.kind == "f" else x


def _classes(model: Any, found: Arguments) -> np.ndarray:
    """The class of each row: the largest output, or whether the only one is above 1/2."""
    figures = np.asarray(PREDICT_TODAY(model, **found))
    return figures.argmax(axis=-1) if figures.shape[-1] > 1 else (figures > 0.5).astype("int32")


FIT_TODAY, EVALUATE_TODAY, PREDICT_TODAY = Model.fit, Model.evaluate, Model.predict
TRAIN_TODAY, TEST_TODAY = Model.train_on_batch, Model.test_on_batch

SPOKEN = (
    Spoken("fit", FIT_TODAY, _fit),
    Spoken("evaluate", EVALUATE_TODAY, _judged(EVALUATE_TODAY)),
    Spoken("predict", PREDICT_TODAY, _outputs(PREDICT_TODAY)),
    Spoken("train_on_batch", TRAIN_TODAY, _on_batch(TRAIN_TODAY)),
    Spoken("test_on_batch", TEST_TODAY, _on_batch(TEST_TODAY)),
    Spoken("train", TRAIN_TODAY, _on_batch(TRAIN_TODAY)),
    Spoken("test", TEST_TODAY, _on_batch(TEST_TODAY)),
    Spoken("predict_classes", PREDICT_TODAY, _classes),
    Spoken("predict_proba", PREDICT_TODAY, _outputs(PREDICT_TODAY)),
    Spoken("fit_generator", FIT_TODAY, _fit),
    Spoken("evaluate_generator", EVALUATE_TODAY, _judged(EVALUATE_TODAY)),
    Spoken("predict_generator", PREDICT_TODAY, _outputs(PREDICT_TODAY)),
    Spoken("compile", Model.compile),
    Spoken("load_weights", Model.load_weights),
    Spoken("summary", Model.summary),
)
METHODS = {spoken.name: spoken.method() for spoken in SPOKEN}

predict_classes, predict_proba = METHODS["predict_classes"], METHODS["predict_proba"]


def _from_config(today: Callable) -> Any:
    """`from_config` of a model, with `custom_objects` as it once took them."""

    def from_config(cls: Any, config: Any, custom_objects: Any = None) -> Any:
        with custom_object_scope(custom_objects or {}):
            return today(cls, config)

    return classmethod(from_config)


def _on_nonfinite(model: Any) -> str:
    """What `fit` does about numbers that are not finite: older generations went on with them."""
    return "ignore" if generations.before("3") else "raise"


PATCHES: Sequence[Patch] = (
    *(Patch(Model, name, method) for name, method in METHODS.items()),
    Patch(Model, "on_nonfinite", Unset("on_nonfinite", _on_nonfinite)),
    *(
        Patch(cls, "from_config", _from_config(vars(cls)["from_config"].__func__))
        for cls in (Model, Sequential)
    ),
)
