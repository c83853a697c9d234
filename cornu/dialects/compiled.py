"""What a compiled model of Keras 1 and 2 could be asked: its loss, its metrics and their names.

Nothing is made before it is asked for. `add_metric` has a Tensor of the model's graph reported.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from cornu import graph, state
from cornu.dialects import generations
from cornu.dialects.attributes import LossyGraph
from cornu.dialects.methods import METHODS
from cornu.dialects.patches import Patch, Unset
from cornu.dialects.symbolic_training import symbols
from cornu.errors import UsageError, shown
from cornu.graph import Tensor
from cornu.layers import Layer
from cornu.metrics import Mean, Metric
from cornu.models import Model, Sequential
from cornu.training.objective import Objective

__all__ = ["PATCHES", "Reported"]

# ---------------------------------------------------------------- what compile was told


def _told(name: str) -> Callable[[Any], Any]:
    """What `compile` was given under this name; None before it was called."""
    return lambda model: (model._compiled_with or {}).get(name)


class _Unknown:
    """A target of which nothing is known yet."""


def _foreseen(model: Any) -> Objective | None:
    """The losses and metrics of a compiled model; what they will be, where no data have come.

    What is foreseen is apart from what will train: it may not know yet which accuracy is meant.
    """
    known = model._objective
    if known is None or known.bound or model._graph is None or not model.output_names:
        return known
    kind: Any = type(known)
    made = kind.__new__(kind)
    made.__dict__.update(known.__dict__)
    made.bind(
        model.output_names, model._graph.output_leaves, [_Unknown()] * len(model.output_names)
    )
    return made


def _metrics_names(model: Any) -> list[str]:
    """The names of the figures that `evaluate` gives, in its order, before data have come too."""
    found = _foreseen(model)
    return [] if found is None else list(found.keys)


def _metrics(model: Any) -> list:
    """Up to 2.2 what `compile` was told; in 2.3 the metrics themselves, without the losses."""
    if not generations.before("3"):
        return METRICS.fget(model)  # pyright: ignore
    if generations.before("2.3"):
        said = _told("metrics")(model)
        return said if said is not None else []
    found = _foreseen(model)
    return [] if found is None else [metric for _, _, metric, _ in found.metrics]


METRICS = Model.metrics


def _loss_functions(model: Any) -> list:
    """The loss of each output."""
    found = _foreseen(model)
    return [] if found is None else list(found.losses)


class _Figure:
    """What a metric gives for one batch, by itself."""

    def __init__(self, metric: Metric, name: str):
        self.metric, self.name = metric, name

    def __call__(self, target: Any, output: Any, weight: Any) -> Any:
        metric = self.metric
        values = [v.value for v in metric.variables]

        def figure() -> Any:
            metric.reset_state()
            metric.update_state(target, output, weight)
            return metric.result()

        found, _, _ = state.pure(figure, metric.variables)(values)
        return found


def _metrics_tensors(model: Any) -> list[Tensor]:
    """A Tensor for each metric: its figure for the batch that is fed."""
    known, found = symbols(model), _foreseen(model)
    outputs = model._graph.output_leaves
    made = []
    for i, name, metric, weighted in [] if found is None else found.metrics:
        fed = [known.targets[i], outputs[i], known.weights[i] if weighted else None]
        made.append(graph.record(_Figure(metric, name), tuple(fed), {}))
    return made


# ---------------------------------------------------------------- figures of the graph


class Reported(Objective):
    """What `compile` was told, and figures that a model's graph takes down itself."""

    def __init__(self, figures: Sequence["_TensorMean"], **said: Any):
        super().__init__(**said)
        self.figures = figures

    def bind(self, names: Sequence[str], outputs: Sequence[Any], targets: Sequence[Any]) -> None:
        """As of any; the figures come last, by their own names whatever the outputs'."""
        super().bind(names, outputs, targets)
        self.metrics += [(0, str(figure.name), figure, False) for figure in self.figures]


class _TensorMean(Mean):
    """The mean over batches of a Tensor of a graph, which tells it its values."""

    def set_up(self) -> None:
        """Have its Variables pass from batch to batch with the model's, and be no weights."""
        super().set_up()
        self.total.passing = self.count.passing = True

    def take(self, value: Any) -> None:
        """Take the value that the Tensor has for a batch."""
        super().update_state(value)

    def update_state(self, y_true: Any, y_pred: Any = None, sample_weight: Any = None) -> None:
        """Nothing: targets and outputs do not matter here."""


def add_metric(
    layer: Any, value: Any, aggregation: str | None = None, name: str | None = None
) -> None:
    """Have a Tensor of a model's graph reported in logs, as its mean over batches.

    Raises UsageError within a layer's `call`, and for another aggregation than "mean".
    """
    if not isinstance(layer, Model) or not isinstance(value, Tensor) or layer._graph is None:
        raise UsageError(
            "E-OLD-OPTION",
            f'"{layer.name}".add_metric({shown(value)}): only a Tensor of a graph is reported, on '
            "its model: model.add_metric(tensor, name=…). In a layer keep a metric of "
            "cornu.metrics as an attribute, and call its update_state.",
        )
    if aggregation not in (None, "mean"):
        raise UsageError("E-CHOICE", f'aggregation must be "mean"; got {shown(aggregation)}.')
    figure = _TensorMean(name=name or value.name or "metric")
    told = LossyGraph(layer._graph, figures=[(figure, value)])
    setattr(layer, "_laid_out" if isinstance(layer, Sequential) else "_graph", told)
    layer._kept.clear()
    _with_figures(layer)


def _with_figures(model: Any) -> None:
    """Have a compiled model report the figures that were added to it."""
    pairs, known = getattr(model._graph, "figures", ()), model._objective
    if pairs and known is not None:
        model._objective = Reported([figure for figure, _ in pairs], **known.said)


@functools.wraps(METHODS["compile"])
def _compile(model: Any, *args: Any, **kwargs: Any) -> None:
    METHODS["compile"](model, *args, **kwargs)
    _with_figures(model)


PATCHES: Sequence[Patch] = (
    Patch(Model, "compile", _compile),
    *(Patch(Model, name, Unset(name, _told(name))) for name in ("loss", "loss_weights")),
    Patch(Model, "loss_functions", Unset("loss_functions", _loss_functions)),
    Patch(Model, "metrics", property(_metrics)),
    Patch(Model, "metrics_names", property(_metrics_names)),
    Patch(Model, "metrics_tensors", Unset("metrics_tensors", _metrics_tensors)),
    Patch(Layer, "add_metric", add_metric),
)
