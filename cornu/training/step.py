"""Program: the pure train, test and predict steps of a compiled model.

State is a flat tuple of arrays in the order of `Program.cells`. `train` runs some batches in one
compiled call: as a loop on the device where the engine says that pays, else one call a batch. The
new state is written back at once or not at all, so a model is whole at any moment.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import engine, state, tree
from cornu.engine import Spec
from cornu.errors import UsageError
from cornu.state import Frame, Variable
from cornu.training.data import Batch, Part
from cornu.training.objective import Objective

INFERENCE = 0x40000000  # added to the clock, so that no test step draws what a train step drew


class Program:
    """The steps of one model under one objective and optimizer.

    Args:
        model: called with the inputs' structure; `model.output_leaves` flattens what it returns.
        objective: bound to the model's outputs.
        optimizer: None for a model that is only tested.
        trainable: the Variables that the optimizer changes.
        eager: run Python on every step instead of compiling (`run_eagerly`).
    """

    def __init__(
        self,
        model: Any,
        objective: Objective,
        optimizer: Any,
        trainable: Sequence[Variable],
        eager: bool = False,
    ):
        self.model, self.objective, self.optimizer, self.eager = model, objective, optimizer, eager
        self.trainable = list(trainable)
        free = set(self.trainable)
        self.other = [v for v in model.variables if v not in free]
        self.slots: list[Variable] = []
        if optimizer is not None:
            optimizer.build(self.trainable)
            self.slots = [*optimizer.variables, *optimizer.hyper_variables]
        self.figures = objective.variables
        self.seed = state.seeds.next()  # of the key, and of the orders of rows
        self.passes = 0
        self.key = Variable(engine.key(self.seed), name="seed", trainable=False)
        self.clock = Variable(np.int32(0), dtype="int32", name="clock", trainable=False)
        self.cells = _distinct(
            [*self.trainable, *self.other, *self.slots, *self.figures, self.key, self.clock]
        )
        self.tested = _distinct([*self.other, *self.figures, self.clock])
        self.fixed = _distinct([*self.trainable, self.key])
        self.strangers: dict[Variable, None] = {}  # read by a loss or a function of the user's
        self.traits: set[str] = set()
        self.names: list[str] = []
        self.warned = False
        self.seconds: dict[str, float] = {}  # of a "train" and of a "test" step, once known
        self._compile()

    def _compile(self) -> None:
        compile_ = (lambda fn, **_: fn) if self.eager else engine.jit
        self._train = compile_(self._train_run, donate=(0,), static=(6, 7, 8))
        self._test = compile_(self._test_run, donate=(0,), static=(5, 6))

    def _adopt_strangers(self) -> None:
        """Bind the Variables that users' functions were found to read, for all later steps.

        The first steps were traced with their values of that moment, which were right then.
        """
        if self.strangers:
            self.cells = _distinct([*self.cells, *self.strangers])
            self.fixed = _distinct([*self.fixed, *self.strangers])
            self.strangers.clear()
            self._compile()

    def serves(self, trainable: Sequence[Variable]) -> bool:
        """Whether model and optimizer still have the Variables that this Program binds."""
        now = self.optimizer
        slots = [*now.variables, *now.hyper_variables] if now is not None else []
        others = set(self.model.variables) - set(trainable)
        same = self.trainable == list(trainable) and set(self.other) == others
        return same and self.slots == slots

    # ---------------------------------------------------------------- one step

    def _forward(self, x: Any, training: bool) -> tuple[list, list]:
        """Output leaves and their masks."""
        outputs = self.model(x, training=training)
        leaves = self.model.output_leaves(outputs)
        return leaves, [state.mask_of(leaf) for leaf in leaves]

    def _total(self, batch: Batch, outputs: Sequence[Any], frame: Frame) -> tuple[Any, list]:
        """The loss to be minimised, and each output's own."""
        total, each = self.objective.loss_values(batch.y, outputs, batch.weights)
        extra = [*frame.losses, *self.model.regularization_losses()]
        for loss in extra:
            total = loss if total is None else total + loss
        if total is None:
            raise UsageError(
                "E-NO-LOSS",
                "there is nothing to minimise: compile was given no loss and no layer adds one. "
                'Say e.g. model.compile("adam", "mse").',
            )
        return total, each

    def _learn(self, batch: Batch) -> None:
        """One training step: loss, gradients, update, figures. Reads and assigns Variables."""
        outer = state.frame()
        assert outer is not None
        moved = list(self.other)  # and weights to which a layer assigns, found below

        def objective(values: list) -> tuple[Any, tuple]:
            bound = {**outer.bound, **dict(zip(self.trainable, values, strict=True))}
            with outer.child(bound=bound, losses=[], masks={}, placed={}) as inner:
                outputs, masks = self._forward(batch.x, training=True)
                total, each = self._total(batch, outputs, inner)
                given = zip(self.trainable, values, strict=True)
                moved[len(self.other) :] = [v for v, x in given if inner.bound[v] is not x]
                news = [inner.bound[v] for v in moved]
                scaled = self.optimizer.scale_loss(total)
            return scaled, (total, each, outputs, masks, news)

        start = [outer.bound[v] for v in self.trainable]
        (_, aux), gradients = engine.value_and_grad(objective, has_aux=True)(start)
        total, each, outputs, masks, news = aux
        outer.bound.update(zip(moved, news, strict=True))
        self.optimizer.apply(gradients, self.trainable)
        self.objective.update(total, each, batch.y, outputs, batch.weights, masks)

    def _judge(self, batch: Batch) -> None:
        """One test step: loss and figures."""
        frame = state.frame()
        assert frame is not None
        with frame.child(losses=[], masks={}, placed={}) as inner:
            outputs, masks = self._forward(batch.x, training=False)
            if self.objective.has_loss or inner.losses:
                total, each = self._total(batch, outputs, inner)
            else:
                total, each = None, [None] * len(outputs)
        self.objective.update(total, each, batch.y, outputs, batch.weights, masks)

    def _advance(self, values: Sequence[Any], cells: list, fixed: Any, batch: Batch, fn: Callable):
        """`fn(batch)` as a pure function of the state: the new values of `cells`."""
        bound = dict(zip(cells, values, strict=True)) | fixed
        clock = bound[self.clock]
        salt = clock if fn == self._learn else clock + INFERENCE
        with Frame(bound, key=engine.fold(bound[self.key], salt)) as frame:
            frame.strangers = self.strangers
            fn(batch)
            self.clock.assign(clock + 1)
            return [frame.bound[v] for v in cells]

    def _figures(self, values: Sequence[Any], cells: list) -> dict[str, Any]:
        with Frame(zip(cells, values, strict=True)):
            found = self.objective.results()
        self.names = list(found)
        return found

    def _named(self, figures: dict[str, Any]) -> dict[str, Any]:
        """Figures in the order of the objective (a compiled call sorts keys)."""
        return {name: figures[name] for name in self.names}

    # ---------------------------------------------------------------- many steps

    def _train_run(
        self,
        values: list,
        batch: Batch,
        order: Any,
        first: Any,
        count: Any,
        fresh: Any,
        rows: int,
        loop: bool,
        record: int,
    ) -> tuple[list, dict, Any]:
        """`count` steps of `rows` rows each, from row `first` of `order` on."""
        values = self._refreshed(values, self.cells, fresh)

        def step(i: Any, values: list) -> list:
            # apart from the step, so that it is the same program wherever the batch comes from
            taken = engine.barrier(batch.take(order, first + i * rows, rows))
            return self._advance(values, self.cells, {}, taken, self._learn)

        return self._steps(step, values, self.cells, count, loop, record)

    def _test_run(
        self,
        values: list,
        fixed: list,
        batch: Batch,
        where: tuple,
        fresh: Any,
        rows: int,
        loop: bool,
    ) -> tuple[list, dict, Any]:
        """`count` test steps of `rows` rows each; `where` is (first row, count)."""
        first, count = where
        values = self._refreshed(values, self.tested, fresh)
        bound = dict(zip(self.fixed, fixed, strict=True))

        def step(i: Any, values: list) -> list:
            taken = batch.take(None, first + i * rows, rows)
            return self._advance(values, self.tested, bound, taken, self._judge)

        return self._steps(step, values, self.tested, count, loop, 0)

    def _refreshed(self, values: list, cells: list, fresh: Any) -> list:
        """`values`, with the running figures begun again where `fresh` is true."""
        with Frame(zip(cells, values, strict=True)) as frame:
            self.objective.reset()
            begun = dict(frame.bound)
        figures = set(self.figures)
        return [
            engine.np.where(fresh, begun[cell], value) if cell in figures else value
            for cell, value in zip(cells, values, strict=True)
        ]

    def _steps(
        self, step: Callable, values: list, cells: list, count: Any, loop: bool, record: int
    ) -> tuple[list, dict, Any]:
        """Run `step` `count` times; with `record`, keep the figures after each of that many."""
        if not loop:
            values = step(0, values)
            return values, self._figures(values, cells), None
        if not record:
            values = engine.loop(0, count, step, values)
            return values, self._figures(values, cells), None
        names = engine.infer(lambda v: self._figures(v, cells), _specs(values))
        kept = {name: engine.np.zeros((record, *s.shape), s.dtype) for name, s in names.items()}

        def recorded(i: Any, both: tuple) -> tuple:
            values = step(i, both[0])
            now = self._figures(values, cells)
            return values, {
                name: engine.put_slice(kept, now[name][None], (i, *[0] * now[name].ndim))
                for name, kept in both[1].items()
            }

        values, kept = engine.loop(0, count, recorded, (values, kept))
        return values, self._figures(values, cells), kept

    # ---------------------------------------------------------------- called by the loop

    def train(self, part: Part, fresh: bool = False, record: int = 0) -> tuple[dict, Any]:
        """Train on the batches of a part; returns the figures, and those after each if asked.

        Writes the new state to the model before it returns; the figures may still be computing.
        `fresh` begins the running figures again.
        """
        if not self.loops and part.count > 1:
            each = [self.train(one, fresh and i == 0)[0] for i, one in enumerate(part.singly())]
            return each[-1], {k: [f[k] for f in each] for k in each[0]} if record else None
        batch, order, first, count, rows = part
        with state.cells_lock:
            values = on_device(self.cells, alone=True)
            news, figures, kept = self._train(
                values, batch, order, first, count, fresh, rows, self.loops, record
            )
            _write(self.cells, news)
            self._adopt_strangers()
        return self._named(figures), kept

    def test(self, part: Part, fresh: bool = False) -> dict:
        """Judge the batches of a part; returns the figures."""
        if not self.loops and part.count > 1:
            return [self.test(one, fresh and i == 0) for i, one in enumerate(part.singly())][-1]
        with state.cells_lock:
            values = on_device(self.tested, alone=True)
            fixed = on_device(self.fixed)
            where = (part.first, part.count)
            news, figures, _ = self._test(
                values, fixed, part.batch, where, fresh, part.rows, self.loops
            )
            _write(self.tested, news)
            self._adopt_strangers()
        return self._named(figures)

    @property
    def loops(self) -> bool:
        """Whether steps run as a loop on the device."""
        return not self.eager and engine.loops_pay(self.traits)

    def examine(self, batch: Batch) -> None:
        """Find out what the model is made of, from one abstract forward pass."""
        if self.eager:
            return
        cells = [*self.trainable, *self.other]

        def forward(values: list, x: Any) -> list:
            with Frame(zip(cells, values, strict=True), key=engine.key(0)) as frame:
                frame.strangers = self.strangers
                return self._forward(x, training=True)[0]

        specs = [Spec(v.shape, v.dtype) for v in cells]
        self.traits = engine.traits(forward, specs, _specs(batch.x))
        self._adopt_strangers()


def on_device(cells: list[Variable], alone: bool = False) -> list:
    """The cells' values, put on the device for good; with `alone` no two share an array."""
    seen: set[int] = set()
    values = []
    for cell in cells:
        value = cell._value
        if not engine.is_array(value) or (alone and id(value) in seen):
            value = cell._value = engine.put(value, copy=True)
        seen.add(id(value))
        values.append(value)
    return values


def _write(cells: list[Variable], values: Sequence[Any]) -> None:
    for cell, value in zip(cells, values, strict=True):
        cell._value = value


def _distinct(cells: Sequence[Variable]) -> list[Variable]:
    return list(dict.fromkeys(cells))


def _specs(structure: Any) -> Any:
    """Specs for the arrays in a structure."""
    return tree.map_structure(
        lambda x: None if x is None else Spec(tuple(x.shape), str(x.dtype)), structure
    )


class Predictor:
    """A model's forward pass, compiled once per shape and kept on the model.

    Small enough to call in a loop on single rows: one compiled call on a flat list of arrays.
    """

    def __init__(self, model: Any, eager: bool = False):
        self.model = model
        self.own: list[Variable] = model.variables
        self.cells = self.own
        self.strangers: dict[Variable, None] = {}  # read by a function of the user's
        self.draws = False
        self.changed: list[Variable] = []
        self.checked: set[tuple] = set()
        self.eager = eager
        self._run = self._forward if eager else engine.jit(self._forward)

    def _forward(self, values: list, x: Any, key: Any) -> tuple[Any, list]:
        """Outputs, and new values of what the call assigned (the state of a stateful layer)."""
        bound = dict(zip(self.cells, values, strict=True))
        with Frame(bound, False, engine.key(0) if key is None else key) as frame:
            frame.strangers = self.strangers
            outputs = self.model(x, training=False)
        self.draws = self.draws or frame.draws.count > 0
        self.changed = [v for v in self.cells if frame.bound[v] is not bound[v]]
        return outputs, [frame.bound[v] for v in self.changed]

    def __call__(self, x: Any) -> Any:
        """Outputs for one batch, still on the device."""
        with state.cells_lock:
            values = [cell._value for cell in self.cells]
            if np.ndarray in map(type, values):
                values = on_device(self.cells)
            key = engine.key(state.seeds.next()) if self.draws else None
            outputs, news = self._run(values, x, key)
            if self.draws and key is None:  # the first trace found out that it draws numbers
                outputs, news = self._run(values, x, engine.key(state.seeds.next()))
            if news:
                _write(self.changed, news)
            if self.strangers:  # the first trace found them; later ones are given their values
                self.cells = _distinct([*self.cells, *self.strangers])
                self.strangers.clear()
                self._run = self._forward if self.eager else engine.jit(self._forward)
        return outputs

    def small(self, x: Any, limit: int) -> np.ndarray | None:
        """Outputs for one small batch of a shape that was checked before; None for any other."""
        if type(x) is np.ndarray and (x.shape, x.dtype) in self.checked and x.shape[0] <= limit:
            return np.array(self(x))
        return None
