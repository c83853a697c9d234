"""What a step minimises and shows: what `compile` was told, or what the model itself says.

A user writes one of these methods on a model, the smallest that does:

- `step_loss(x, y)` returns the loss of a batch, whatever it is made of. No gradients, no engine.
- `compute_loss` and `compute_metrics` see what the model gave, as in Keras 3.
- `train_step(state, data)` and `test_step(state, data)` are whole steps, as in Keras 3 on JAX.

`Program` compiles them like any other step, in chunks.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornu import engine, state, tree
from cornu.errors import UsageError, UsageTypeError, listed, shown
from cornu.metrics import Mean, Metric
from cornu.state import Frame, Variable
from cornu.training.batches import Batch
from cornu.training.objective import Objective


class Compiled:
    """The losses and metrics of `compile`, through the model's `compute_loss` where it has one."""

    def __init__(self, model: Any, objective: Objective):
        self.model, self.objective = model, objective
        self.own_loss = is_own(model, "compute_loss")
        self.own_metrics = is_own(model, "compute_metrics")
        self.shown = Shown()

    @property
    def variables(self) -> list[Variable]:
        """The running figures."""
        own = [v for metric in metrics_of(self.model) for v in metric.variables]
        return list(dict.fromkeys([*self.objective.variables, *own, *self.shown.variables]))

    def find(self, batch: Batch) -> None:
        """Learn which figures the user's methods give."""
        if self.own_metrics and not self.shown.cells:
            self.shown.find(lambda b: self._metrics(b, *self._outputs(b, False)), batch)

    def loss(self, batch: Batch, frame: Frame, training: bool) -> tuple[Any, tuple]:
        """The loss to be minimised, and what `show` wants besides."""
        outputs, leaves, masks = self._outputs(batch, training)
        if self.own_loss:
            x, y, weight = given(self.model, batch)
            total = self.model.compute_loss(x, y, outputs, weight, training)
            each = [None] * len(leaves)
        else:
            total, each = self.objective.loss_values(batch.y, leaves, batch.weights)
            if training or self.objective.has_loss or frame.losses:
                total = with_added(total, self.model, frame)
        if total is None and training:
            raise nothing_to_minimise()
        return total, (each, outputs, leaves, masks)

    def forward(self, batch: Batch, frame: Frame) -> list:
        """The outputs of a training step."""
        return self._outputs(batch, True)[1]

    def show(self, batch: Batch, total: Any, rest: tuple) -> None:
        """Take a batch into the running figures."""
        each, outputs, leaves, masks = rest
        if self.own_metrics:
            self.objective.update_losses(total, each, leaves)
            self.shown.assign(self._metrics(batch, outputs, leaves, masks))
        else:
            self.objective.update(total, each, batch.y, leaves, batch.weights, masks)

    def results(self) -> dict[str, Any]:
        """The running figures by log key."""
        return {**self.objective.results(), **self.shown.results()}

    def reset(self) -> None:
        """Begin the running figures again."""
        self.objective.reset()
        for metric in metrics_of(self.model):
            metric.reset_state()

    def _outputs(self, batch: Batch, training: bool) -> tuple[Any, list, list]:
        outputs = self.model(batch.x, training=training)
        leaves = self.model.output_leaves(outputs)
        return outputs, leaves, [state.mask_of(leaf) for leaf in leaves]

    def _metrics(self, batch: Batch, outputs: Any, leaves: list, masks: list) -> Any:
        x, y, weight = given(self.model, batch)
        return self.model.compute_metrics(x, y, outputs, weight)


class OwnLoss:
    """What a model's `step_loss(x, y)` says: a loss, or a dict of it and other figures.

    A third parameter takes sample weights; one that is called `training` whether the step trains.
    """

    def __init__(self, model: Any):
        self.model = model
        names = list(inspect.signature(model.step_loss).parameters)
        self.takes = min(3, len([name for name in names if name != "training"]))
        self.takes_phase = "training" in names
        self.total = Mean(name="loss")
        self.means: dict[str, Mean] = {}

    @property
    def variables(self) -> list[Variable]:
        """The running figures."""
        return [v for mean in (self.total, *self.means.values()) for v in mean.variables]

    def find(self, batch: Batch) -> None:
        """Learn which figures the method gives."""
        if not self.means:
            found = abstract(self.said, batch)
            self.means = {name: Mean(name=name) for name in found if name != "loss"}

    def loss(self, batch: Batch, frame: Frame, training: bool) -> tuple[Any, tuple]:
        """The loss to be minimised, and the other figures."""
        with frame.child(training=training):
            figures = self.said(batch)
        total = figures.pop("loss")
        return with_added(total, self.model, frame), (figures,)

    def forward(self, batch: Batch, frame: Frame) -> Any:
        """The loss of a training step."""
        return self.loss(batch, frame, True)[0]

    def show(self, batch: Batch, total: Any, rest: tuple) -> None:
        """Take a batch into the running figures."""
        rows = float(batch.rows)
        self.total.update_state(total, sample_weight=rows)
        for name, value in rest[0].items():
            if name not in self.means:
                raise UsageError(
                    "E-STEP-LOSS",
                    f'"{self.model.name}".step_loss gave {name} in this phase alone; in training '
                    f"it gives {listed(['loss', *self.means])}. Give the same figures in both.",
                )
            self.means[name].update_state(value, sample_weight=rows)

    def results(self) -> dict[str, Any]:
        """The running figures by log key."""
        found = {"loss": self.total.result()}
        return found | {name: mean.result() for name, mean in self.means.items()}

    def reset(self) -> None:
        """Begin the running figures again."""
        for mean in (self.total, *self.means.values()):
            mean.reset_state()

    def said(self, batch: Batch) -> dict[str, Any]:
        """The loss and the other figures by name, all scalars. Raises UsageError for others."""
        self._check(batch)
        phase = {"training": state.training()} if self.takes_phase else {}
        found = self.model.step_loss(*given(self.model, batch)[: self.takes], **phase)
        figures = dict(found) if isinstance(found, Mapping) else {"loss": found}
        if "loss" not in figures:
            raise UsageError(
                "E-STEP-LOSS",
                f'"{self.model.name}".step_loss gave a dict of {listed(map(str, figures))}: it '
                'needs "loss", which is minimised.',
            )
        for name, value in figures.items():
            if value is None:
                text = f'"{self.model.name}".step_loss gave no {name}, but None: return a number.'
                raise UsageError("E-STEP-LOSS", text)
            if getattr(value, "shape", ()) != ():
                raise UsageError(
                    "E-STEP-LOSS",
                    f'"{self.model.name}".step_loss gave a {name} of shape {tuple(value.shape)}; '
                    "it must be one number for the batch: take the mean of it.",
                )
        return figures

    def _check(self, batch: Batch) -> None:
        """Raise UsageError where the method wants what was not passed, or the other way round."""
        name = self.model.name
        own = inspect.signature(self.model.step_loss).parameters.values()
        _, *rest = [parameter for parameter in own if parameter.name != "training"]
        if self.takes < 3 and any(weight is not None for weight in batch.weights):
            raise UsageError(
                "E-STEP-LOSS",
                f'"{name}".step_loss takes no sample weights, but sample_weight or class_weight '
                "was passed. Write step_loss(self, x, y, sample_weight).",
            )
        wants = bool(rest) and rest[0].kind is rest[0].POSITIONAL_OR_KEYWORD
        if wants and rest[0].default is rest[0].empty and all(y is None for y in batch.y):
            raise UsageError(
                "E-STEP-LOSS",
                f'"{name}".step_loss takes {rest[0].name}, but x was passed alone: pass y, or '
                "write step_loss(self, x).",
            )


class WholeStep:
    """A model's own `train_step(state, data)`, as Keras 3 has it on JAX.

    `state` is the values of (trainable, non-trainable, optimizer, metric) Variables; the method
    returns figures by name and the new state.
    """

    def __init__(self, model: Any, objective: Objective):
        self.model, self.plain = model, Compiled(model, objective)
        self.shown = Shown()

    @property
    def variables(self) -> list[Variable]:
        """The running figures."""
        return list(dict.fromkeys([*self.plain.variables, *self.shown.variables]))

    def find(self, batch: Batch) -> None:
        """Learn which figures the method gives."""
        if not self.shown.cells:
            self.model.optimizer.build(self.model.trainable_variables)
            self.shown.find(lambda b: self._run(self.model.train_step, b)[0], batch)
            self.plain.find(batch)

    def forward(self, batch: Batch, frame: Frame) -> Any:
        """The figures of a training step."""
        return dict(self._run(self.model.train_step, batch)[0])

    def learn(self, batch: Batch) -> None:
        """The step. Reads and assigns Variables."""
        self._step(self.model.train_step, batch)

    def judge(self, batch: Batch) -> bool:
        """The test step, where the model has one of its own."""
        if is_own(self.model, "test_step"):
            self._step(self.model.test_step, batch)
            return True
        return False

    def results(self) -> dict[str, Any]:
        """The figures that the step gave last."""
        return self.shown.results()

    def reset(self) -> None:
        """Begin the running figures again."""
        self.plain.reset()

    def _step(self, method: Any, batch: Batch) -> None:
        figures, news = self._run(method, batch)
        for cells, values in zip(self._cells(), news, strict=True):
            for cell, value in zip(cells, values, strict=True):
                cell.assign(value)
        if set(figures) != set(self.shown.cells):
            raise UsageError(
                "E-TRAIN-STEP",
                f'"{self.model.name}".{method.__name__} gave {listed(map(str, figures))}, but '
                f"train_step {listed(self.shown.cells)}. Give the same figures in both.",
            )
        self.shown.assign(figures)

    def _run(self, method: Any, batch: Batch) -> tuple[Mapping, Sequence]:
        x, y, weight = given(self.model, batch)
        data = (x, y) if weight is None else (x, y, weight)
        found = method(tuple([cell.value for cell in cells] for cells in self._cells()), data)
        if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[0], Mapping):
            raise UsageTypeError(
                "E-TRAIN-STEP",
                f'"{self.model.name}".{method.__name__} must return (figures by name, new state); '
                f"got {shown(found)}.",
            )
        return found

    def _cells(self) -> list[list[Variable]]:
        model = self.model
        metrics = [v for metric in metrics_of(model) for v in metric.variables]
        plain = [v for v in model.non_trainable_variables if v not in metrics]
        return [model.trainable_variables, plain, model.optimizer.variables, metrics]


class Shown:
    """Figures that a user's method gave last, each in a Variable."""

    def __init__(self) -> None:
        self.cells: dict[str, Variable] = {}

    @property
    def variables(self) -> list[Variable]:
        """Where they are kept."""
        return list(self.cells.values())

    def find(self, fn: Any, batch: Batch) -> None:
        """Make room for the figures that `fn(batch)` gives."""
        for name, spec in abstract(fn, batch).items():
            self.cells[name] = Variable(0.0, shape=spec.shape, dtype="float32", name=name)

    def assign(self, figures: Mapping[str, Any]) -> None:
        """Take the figures of a batch."""
        for name, cell in self.cells.items():
            value = figures[name]
            cell.assign(value.value if isinstance(value, Variable) else value)

    def results(self) -> dict[str, Any]:
        """The figures by name."""
        return {name: cell.value for name, cell in self.cells.items()}


Step = Compiled | OwnLoss | WholeStep


def step_of(model: Any, objective: Objective) -> Step:
    """How this model wants to be trained."""
    if is_own(model, "train_step"):
        if len(inspect.signature(model.train_step).parameters) != 2:
            raise UsageTypeError(
                "E-TRAIN-STEP",
                f'"{model.name}".train_step takes its data alone, so it finds its gradients with '
                "TensorFlow or PyTorch. Write step_loss(self, x, y), which returns the loss of a "
                "batch, or train_step(self, state, data) as Keras 3 has it on JAX.",
            )
        return WholeStep(model, objective)
    return OwnLoss(model) if has_step_loss(model) else Compiled(model, objective)


def is_own(model: Any, method: str) -> bool:
    """Whether the user has written a method of that name on a model."""
    found = getattr(type(model), method, None)
    return found is not None and not getattr(found, "__module__", "").startswith("cornu.")


def stands_alone(model: Any) -> bool:
    """Whether a model is a loss and its parts, without a `call` or a graph."""
    return has_step_loss(model) and model._graph is None and not is_own(model, "call")


def built_by(model: Any, batch: Batch) -> dict[str, Any]:
    """Make the weights of a model that stands alone; what they were made for, as plain data."""
    abstract(OwnLoss(model).said, batch)
    parts = zip(Batch._fields, batch, strict=True)
    return {"step_loss": {name: _told(part) for name, part in parts}}


def batch_of(config: Mapping[str, Any]) -> Batch:
    """A batch like the one that `built_by` told of; its arrays take no memory.

    Raises UsageError for what is no such thing.
    """
    told = config["step_loss"]
    try:
        return Batch(*(_untold(told[name]) for name in Batch._fields))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError("E-CONFIG", "build_config tells of no batch for step_loss.") from error


def _told(part: Any) -> Any:
    if part is None:
        return None
    if isinstance(part, Mapping):
        return {"keys": {key: _told(value) for key, value in part.items()}}
    if isinstance(part, (list, tuple)):
        return [_told(value) for value in part]
    return {"shape": list(part.shape), "dtype": str(part.dtype)}


def _untold(told: Any) -> Any:
    if told is None:
        return None
    if isinstance(told, list):
        return [_untold(value) for value in told]
    if "keys" in told:
        return {key: _untold(value) for key, value in told["keys"].items()}
    return np.broadcast_to(np.zeros((), told["dtype"]), tuple(told["shape"]))


def check_compile(model: Any, *said: Any) -> None:
    """Raise UsageError where `compile` is told what the model says itself."""
    if has_step_loss(model) and any(one is not None for one in said):
        raise UsageError(
            "E-STEP-LOSS",
            f'"{model.name}" has a step_loss, which says its loss and its figures: compile it with '
            'an optimizer alone, and return the figures from step_loss: {"loss": …, "mae": …}.',
        )


def metrics_of(model: Any) -> list[Metric]:
    """The metrics of a model, its own and those of `compile`; older generations list names too."""
    return [metric for metric in model.metrics if isinstance(metric, Metric)]


def has_step_loss(model: Any) -> bool:
    """Whether a model says its loss itself."""
    return hasattr(type(model), "step_loss")


def given(model: Any, batch: Batch) -> tuple[Any, Any, Any]:
    """A batch as users pass it: inputs, targets and sample weights by output."""

    def structured(values: list) -> Any:
        if all(value is None for value in values):
            return None
        return values[0] if len(values) == 1 else model.as_outputs(values)

    return batch.x, structured(batch.y), structured(batch.weights)


def compiled_loss(model: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
    """The loss that `compile` was told, of a batch as users pass it, with what layers add."""
    frame, leaves = state.frame(), model.output_leaves(y_pred)
    targets, weights = _by_output(y, len(leaves)), _by_output(sample_weight, len(leaves))
    total, _ = model._objective.loss_values(targets, leaves, weights)
    return with_added(total, model, Frame() if frame is None else frame)


def compiled_figures(model: Any, y: Any, y_pred: Any, sample_weight: Any) -> dict[str, Any]:
    """Take a batch into the metrics of `compile`; all running figures by name."""
    leaves = model.output_leaves(y_pred)
    targets, weights = _by_output(y, len(leaves)), _by_output(sample_weight, len(leaves))
    masks = [state.mask_of(leaf) for leaf in leaves]
    model._objective.update_metrics(targets, leaves, weights, masks)
    return model._objective.results()


def _by_output(values: Any, count: int) -> list:
    if count == 1 or values is None:
        return [values] * count
    return tree.leaves(values)


def with_added(total: Any, model: Any, frame: Frame) -> Any:
    """A loss with what layers have added to it, and regularizers."""
    for loss in [*frame.losses, *model.regularization_losses()]:
        total = loss if total is None else total + loss
    return total


def nothing_to_minimise() -> UsageError:
    """The error for a model without any loss."""
    return UsageError(
        "E-NO-LOSS",
        "there is nothing to minimise: compile was given no loss and no layer adds one. "
        'Say e.g. model.compile("adam", "mse").',
    )


def abstract(fn: Any, batch: Batch) -> Mapping[str, Any]:
    """Shapes of the figures that `fn(batch)` gives, computing nothing."""

    names: list[str] = []

    def run(b: Batch) -> dict[str, Any]:
        with Frame(key=engine.key(0), training=True):
            found = fn(b)
        names[:] = found
        return {name: v.value if isinstance(v, Variable) else v for name, v in found.items()}

    specs = tree.map_structure(
        lambda a: None if a is None else engine.Spec(tuple(a.shape), str(a.dtype)), batch
    )
    inferred = engine.infer(run, specs)
    return {name: inferred[name] for name in names}
