"""What training minimises and what it reports: losses, their weights, masks and metrics.

An `Objective` is what `compile` was told. `bind` fits it to a model's outputs, once their names,
shapes and those of the targets are known; from then on outputs, targets and sample weights are
flat lists in the same order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu import engine, losses, metrics
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.losses import Loss
from cornu.metrics import Mean, Metric
from cornu.state import Variable


class Objective:
    """Losses and metrics of a compiled model.

    Args:
        loss: name, function, `Loss`, or a list or dict of these by output; None for no loss.
        loss_weights: numbers by output, a list or dict.
        metrics, weighted_metrics: names, functions or `Metric`s; for several outputs a list of
            lists or a dict. Only weighted metrics see sample weights.
    """

    def __init__(
        self, loss: Any = None, loss_weights: Any = None, metrics: Any = None,
        weighted_metrics: Any = None,
    ):  # fmt: skip
        self.said = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self.loss_names = _named(loss)
        self._check_names()
        self.total = Mean(name="loss")
        self.names: list[str] = []
        self.losses: list[Loss | None] = []
        self.weights: list[float | None] = []
        self.trackers: list[Mean | None] = []
        self.metrics: list[tuple[int, str, Metric, bool]] = []
        self.bound = False

    def _check_names(self) -> None:
        """Resolve what can be resolved now, so that a misspelt name fails in `compile`."""
        for leaf in _leaves(self.said["loss"]):
            losses.for_names(leaf)
        for key in ("metrics", "weighted_metrics"):
            for leaf in _leaves(self.said[key]):
                if leaf not in ("accuracy", "acc", "crossentropy", "ce"):
                    metrics.get(leaf)

    @property
    def has_loss(self) -> bool:
        """Whether `compile` was given a loss."""
        return self.said["loss"] is not None

    # ---------------------------------------------------------------- fitting it to the outputs

    def losses_for(
        self, names: Sequence[str], outputs: Sequence[Any], targets: Sequence[Any]
    ) -> list[Loss | None]:
        """The loss of each output, as `bind` has chosen or would choose it."""
        if self.bound:
            return self.losses
        said = _by_output(self.said["loss"], names, "loss", spread=True)
        shapes = [getattr(y, "shape", None) for y in targets]
        return [
            losses.for_names(one, shape, output.shape)
            for one, shape, output in zip(said, shapes, outputs, strict=True)
        ]

    def bind(self, names: Sequence[str], outputs: Sequence[Any], targets: Sequence[Any]) -> None:
        """Fit to outputs and targets, each with `shape` and `dtype` (a target may be None)."""
        self.names = list(names)
        count = len(self.names)
        said = _by_output(self.said["loss"], self.names, "loss", spread=True)
        self.losses = [
            losses.for_names(one, getattr(y, "shape", None), output.shape)
            for one, y, output in zip(said, targets, outputs, strict=True)
        ]
        self.weights = _by_output(self.said["loss_weights"], self.names, "loss_weights")
        several = sum(one is not None for one in self.losses) > 1
        self.trackers = [
            Mean(name=f"{name}_loss") if several and loss is not None else None
            for name, loss in zip(self.names, self.losses, strict=True)
        ]
        self.metrics = []
        for key in ("metrics", "weighted_metrics"):
            lists = _metric_lists(self.said[key], self.names, key)
            for i in range(count):
                for given in lists[i]:
                    self._add_metric(i, given, outputs[i], targets[i], key == "weighted_metrics")
        self.bound = True

    def _add_metric(self, i: int, given: Any, output: Any, target: Any, weighted: bool) -> None:
        if target is None and self.losses[i] is None:
            return
        shape = getattr(target, "shape", None)
        metric = metrics.for_names(given, self.losses[i], shape, output.shape)
        if metric is None:
            return
        if shape is not None:
            metric.build(tuple(shape), tuple(output.shape))
        taken = {known for _, known, _, _ in self.metrics}
        output = "" if len(self.names) == 1 else f"{self.names[i]}_"
        name = f"{output}{metric.name}"
        if weighted and name in taken:
            name = f"{output}weighted_{metric.name}"
        base, n = name, 1
        while name in taken:
            name, n = f"{base}_{n}", n + 1
        self.metrics.append((i, name, metric, weighted))

    # ---------------------------------------------------------------- within a step

    def loss_values(
        self, targets: Sequence[Any], outputs: Sequence[Any], weights: Sequence[Any]
    ) -> tuple[Any, list]:
        """The weighted sum of the losses, and each output's own (None where there is none)."""
        total, each = None, []
        for i, loss in enumerate(self.losses):
            if loss is None or targets[i] is None:
                each.append(None)
                continue
            value = _apply(loss, targets[i], outputs[i], weights[i])
            each.append(value)
            factor = self.weights[i]
            weighed = value if factor is None else value * factor
            total = weighed if total is None else total + weighed
        return total, each

    def update(
        self,
        total: Any,
        each: Sequence[Any],
        targets: Sequence[Any],
        outputs: Sequence[Any],
        weights: Sequence[Any],
        masks: Sequence[Any],
    ) -> None:
        """Take a batch into the running figures (assigns Variables)."""
        self.update_losses(total, each, outputs)
        self.update_metrics(targets, outputs, weights, masks)

    def update_losses(self, total: Any, each: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Take a batch into the running losses."""
        rows = outputs[0].shape[0] if getattr(outputs[0], "shape", ()) else 1
        if total is not None:
            self.total.update_state(total, sample_weight=float(rows))
        for tracker, value in zip(self.trackers, each, strict=True):
            if tracker is not None and value is not None:
                tracker.update_state(value, sample_weight=float(rows))

    def update_metrics(
        self,
        targets: Sequence[Any],
        outputs: Sequence[Any],
        weights: Sequence[Any],
        masks: Sequence[Any],
    ) -> None:
        """Take a batch into the metrics."""
        for i, _, metric, weighted in self.metrics:
            if targets[i] is None:
                continue
            weight = _masked(weights[i] if weighted else None, masks[i])
            metric.update_state(_wide(targets[i]), _wide(outputs[i]), sample_weight=weight)

    def results(self) -> dict[str, Any]:
        """Running figures by log key: the loss first."""
        found = {"loss": self.total.result()}
        found.update((str(t.name), t.result()) for t in self.trackers if t is not None)
        for _, name, metric, _ in self.metrics:
            value = metric.result()
            found.update(value if isinstance(value, dict) else {name: value})
        return {k: v.value if isinstance(v, Variable) else v for k, v in found.items()}

    @property
    def keys(self) -> list[str]:
        """Log keys in the order of `results`, a metric's own name where it gives several."""
        trackers = [str(t.name) for t in self.trackers if t is not None]
        return ["loss", *trackers, *(name for _, name, _, _ in self.metrics)]

    # ---------------------------------------------------------------- its state

    @property
    def all_metrics(self) -> list[Metric]:
        """The loss tracker, the outputs' loss trackers, then the metrics, each once."""
        found = [self.total, *(t for t in self.trackers if t is not None)]
        found += [metric for _, _, metric, _ in self.metrics]
        return list({id(m): m for m in found}.values())

    @property
    def variables(self) -> list[Variable]:
        """Variables of all metrics."""
        return [v for metric in self.all_metrics for v in metric.variables]

    def reset(self) -> None:
        """Begin all running figures again."""
        for metric in self.all_metrics:
            metric.reset_state()


def _apply(loss: Loss, target: Any, output: Any, weight: Any) -> Any:
    """One output's loss as a float32 scalar, or float64 where that is computed."""
    value = engine.np.asarray(loss(_wide(target), _wide(output), sample_weight=weight))
    if value.ndim:
        raise UsageError(
            "E-LOSS-SHAPE",
            f'loss "{loss.name}" gave a value of shape {tuple(value.shape)} instead of a scalar: '
            'use reduction="sum_over_batch_size", not "none", in compile.',
        )
    return _wide(value)


def _wide(x: Any) -> Any:
    """Half precision as float32: squares of its numbers do not fit into it."""
    return engine.cast(x, "float32") if str(x.dtype) in ("float16", "bfloat16") else x


def _masked(weight: Any, mask: Any) -> Any:
    """Sample weights with masked entries at 0."""
    if mask is None:
        return weight
    mask = engine.cast(mask, "float32")
    if weight is None:
        return mask
    lower = mask.ndim - weight.ndim
    return mask * weight.reshape(weight.shape + (1,) * lower)


# ---------------------------------------------------------------- reading what compile was told


def _leaves(said: Any) -> list:
    if said is None:
        return []
    if isinstance(said, Mapping):
        return [leaf for one in said.values() for leaf in _leaves(one)]
    if isinstance(said, (list, tuple)):
        return [leaf for one in said for leaf in _leaves(one)]
    return [said]


def _named(loss: Any) -> str:
    """The loss as the user wrote it, for messages."""
    if isinstance(loss, str):
        return f'"{loss}"'
    return getattr(loss, "name", None) or getattr(loss, "__name__", None) or shown(loss)


def _by_output(said: Any, names: Sequence[str], what: str, spread: bool = False) -> list:
    """One entry an output, from a single value, a list or a dict by output name."""
    if said is None:
        return [None] * len(names)
    if isinstance(said, Mapping) and "class_name" not in said:
        _check_keys(said, names, what)
        return [said.get(name) for name in names]
    if isinstance(said, (list, tuple)):
        if len(said) != len(names):
            raise UsageError(
                "E-OUTPUTS",
                f"model has {len(names)} outputs ({', '.join(names)}) but {what} has "
                f"{len(said)} entries. Pass one for each, or a dict by name.",
            )
        return list(said)
    if not spread and len(names) > 1:
        raise UsageTypeError(
            "E-OUTPUTS",
            f"model has {len(names)} outputs ({', '.join(names)}) but {what} is {shown(said)}. "
            f'Pass a list, or a dict like {{"{names[0]}": …}}.',
        )
    return [said] * len(names)


def _check_keys(said: Mapping, names: Sequence[str], what: str) -> None:
    for key in said:
        if key not in names:
            raise UsageError(
                "E-OUTPUT-NAME",
                f'{what} has an entry for "{key}", which is no output of the model. '
                f"{suggestion(str(key), names)}Outputs: {listed(names)}.",
            )


def _metric_lists(said: Any, names: Sequence[str], what: str) -> list[list]:
    """A list of metrics for each output."""
    if said is None:
        return [[] for _ in names]
    if isinstance(said, Mapping) and "class_name" not in said:
        _check_keys(said, names, what)
        return [_as_list(said.get(name)) for name in names]
    said = _as_list(said)
    nested = any(isinstance(one, (list, tuple)) for one in said)
    if nested or (len(names) > 1 and len(said) == len(names)):
        if len(said) != len(names):
            raise UsageError(
                "E-OUTPUTS",
                f"model has {len(names)} outputs ({', '.join(names)}) but {what} has "
                f"{len(said)} lists. Pass one for each, or a dict by name.",
            )
        return [_as_list(one) for one in said]
    return [list(said) for _ in names]


def _as_list(said: Any) -> list:
    if said is None:
        return []
    return list(said) if isinstance(said, (list, tuple)) else [said]
