"""How models of Keras 0.3 to 2.3 were compiled, as arguments of today's `compile`.

Keras 1 and 2 wrote it beside the model, Keras 0 into the model's config. Losses and optimizers are
those of then where formulas, averages or update rules have changed.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cornu.dialects import configs
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.losses import CHANGED, NAMES
from cornu.errors import UsageError, shown, warn

Plain = dict[str, Any]

MODULES = {"loss": "keras.losses", "metric": "keras.metrics"}

METRICS = {"kullback_leibler_divergence": "kl_divergence", "logcosh": "log_cosh"}
"""Old name of a metric -> its class's or function's name today."""

GONE = {
    *("f1score", "fbeta_score", "fmeasure", "fscore", "matthews_correlation"),
    *("precision", "recall"),
}
"""Metrics of Keras 1 that were means over batches of what is no mean; Keras 2 took them out."""

MASKING = {"Masking", "MaskedLayer", "MaskedLambda"}


def modern_training(plain: Mapping[str, Any], generation: str, version: str = "") -> Plain | None:
    """The arguments of `compile` as today's `.h5` files keep them; None where there are none.

    Args:
        plain: "model_config" and "training_config" as the file has them; how a model of Keras 0
            was compiled is read off its config.
        generation: the one that wrote the file.
        version: more exactly, as "2.1.6", where the file says it.

    Raises:
        UsageError: for anything malformed, and for an optimizer that cannot be had any more.
    """
    model = plain.get("model_config") or {}
    said = plain.get("training_config") or _said_with(model)
    if said is None:
        return None
    if not isinstance(said, Mapping):
        raise UsageError("E-CONFIG", f"training_config must be an object; got {shown(said)}.")
    reading = _Reading(generation, numbers(version), masks_in(model), _graph_outputs(model))
    found = {
        "optimizer_config": reading.optimizer(said.get("optimizer_config")),
        "loss": reading.by_output(said.get("loss"), reading.loss),
        "loss_weights": reading.in_order(said.get("loss_weights"), 1.0),
        "metrics": reading.metrics(said.get("metrics"), said.get("loss")),
        "weighted_metrics": reading.metrics(said.get("weighted_metrics"), said.get("loss")),
    }
    return {key: value for key, value in found.items() if value is not None}


def _said_with(model: Any) -> Plain | None:
    """How a model of Keras 0 was compiled, which its config says."""
    if not isinstance(model, Mapping) or "class_name" in model or not model.get("optimizer"):
        return None
    return {
        "optimizer_config": model["optimizer"],
        "loss": model.get("loss"),
        "loss_weights": model.get("loss_weights") or None,
    }


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, or ()."""
    parts = version.split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def _graph_outputs(model: Any) -> list[str] | None:
    """The names of a Graph's outputs in order, which today's model does not have."""
    if not isinstance(model, Mapping) or model.get("name") != "Graph" or "class_name" in model:
        return None
    return list(model.get("output_order") or ()) or None


def masks_in(plain: Any) -> bool:
    """Whether any layer in a config makes masks."""
    todo = [plain]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            if value.get("mask_zero") or MASKING & {value.get("class_name"), value.get("name")}:
                return True
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return False


class _Reading:
    """The walk over what one model was compiled with."""

    def __init__(
        self, generation: str, version: tuple[int, ...], masks: bool, order: list[str] | None
    ):
        self.generation, self.version, self.masks, self.order = generation, version, masks, order
        self.early = GENERATIONS.index(generation) <= GENERATIONS.index("2.2")

    # ------------------------------------------------------------ optimizers

    def optimizer(self, plain: Any) -> Plain | None:
        """Today's form of an optimizer."""
        if plain is None:
            return None
        if not isinstance(plain, Mapping):
            raise UsageError("E-CONFIG", f"an optimizer must be an object; got {shown(plain)}.")
        return configs.modern_optimizer(plain, self.generation)

    # ------------------------------------------------------------ losses

    def loss(self, plain: Any) -> Any:
        """One output's loss: as it is where today's is the same, else an `OlderLoss`."""
        if plain is None or plain == "":
            return None
        if isinstance(plain, str):
            if not self._differs(plain):
                return MODERN.get(plain, plain)
            return self._older(plain, {})
        if not isinstance(plain, Mapping) or "class_name" not in plain:
            raise UsageError("E-CONFIG", f"a loss must be a name or an object; got {shown(plain)}.")
        return self._of_class(plain)

    def _of_class(self, plain: Mapping[str, Any]) -> Plain:
        """A loss of a class, as there are since 2.3."""
        config = dict(plain.get("config") or {})
        if config.get("reduction") == "auto":
            config["reduction"] = "sum_over_batch_size"
        function = FUNCTIONS.get(plain["class_name"])
        whole = config.get("reduction", "sum_over_batch_size") == "sum_over_batch_size"
        if self.masks and whole and function is not None:
            return self._older(function, {k: v for k, v in config.items() if k != "reduction"})
        return {"module": MODULES["loss"], **plain, "config": config}

    def _older(self, name: str, options: Plain) -> Plain:
        config = {"fn": name, "generation": self._formulas(), **options}
        return {"module": MODULES["loss"], "class_name": "OlderLoss", "config": config}

    def _formulas(self) -> str:
        """The generation whose formulas these are: cosine_proximity changed in 2.0.9."""
        late = self.generation == "2.0" and self.version > (2, 0, 8)
        return "2.2" if late else self.generation

    def _differs(self, name: str) -> bool:
        """Whether today's loss of that name, or its average, is another."""
        return self.early or self.masks or self._changed(name, "2.3")

    def _changed(self, name: str, but: str) -> bool:
        """Whether the formula of a name has changed since; `but` is a time not to look at."""
        place = GENERATIONS.index
        times = [last for last, changed in CHANGED.items() if name in changed and last != but]
        return any(place(self._formulas()) <= place(last) for last in times)

    # ------------------------------------------------------------ metrics

    def metrics(self, plain: Any, loss: Any) -> Any:
        """Metrics, in the structure they are in; `loss` tells what "accuracy" means."""
        if isinstance(plain, Mapping) and "class_name" not in plain:
            by_name = loss if isinstance(loss, Mapping) and "class_name" not in loss else {}
            found = {k: self._listed(v, by_name.get(k, loss)) for k, v in plain.items()}
            return self.in_order(found, None)
        if isinstance(plain, list) and any(isinstance(one, list) for one in plain):
            each = loss if isinstance(loss, list) else [loss] * len(plain)
            return [self._listed(one, which) for one, which in zip(plain, each, strict=False)]
        return self._listed(plain, loss)

    def _listed(self, plain: Any, loss: Any) -> Any:
        if plain is None:
            return None
        listed = plain if isinstance(plain, list) else [plain]
        found = [self._metric(one, loss) for one in listed]
        return [one for one in found if one is not None]

    def _metric(self, plain: Any, loss: Any) -> Any:
        """One metric by today's name, and called in logs as it was then."""
        if isinstance(plain, Mapping) and "class_name" in plain:
            return {"module": MODULES["metric"], **plain}
        if not isinstance(plain, str):
            return plain
        if plain in GONE and self.generation in ("1.0", "1.2"):
            warn(
                f'the metric "{plain}" is left out: in Keras 1 it was a mean over batches of what '
                "is no mean, and Keras 2 took it out. Compile with keras.metrics.Precision() and "
                "the like instead."
            )
            return None
        if plain in ("accuracy", "acc"):
            return self._accuracy(plain, loss)
        if self._changed(plain, ""):
            config = {"fn": self._older(plain, {}), "name": plain}
            wrapper = "MeanMetricWrapper"
            return {"module": MODULES["metric"], "class_name": wrapper, "config": config}
        return METRICS.get(plain, plain)

    def _accuracy(self, plain: str, loss: Any) -> Any:
        """Accuracy, which was binary wherever the loss was; its log key was "acc" before 2.3."""
        called = "acc" if self.early else plain
        if loss != "binary_crossentropy":
            return called
        config = {"name": called}
        return {"module": MODULES["metric"], "class_name": "BinaryAccuracy", "config": config}

    # ------------------------------------------------------------ structures

    def by_output(self, plain: Any, one: Callable[[Any], Any]) -> Any:
        """A value for all outputs, a list or a dict of these."""
        if isinstance(plain, Mapping) and "class_name" not in plain:
            return self.in_order({key: one(value) for key, value in plain.items()}, None)
        return [one(value) for value in plain] if isinstance(plain, list) else one(plain)

    def in_order(self, plain: Any, missing: Any) -> Any:
        """A dict by the names of a Graph's outputs as a list; anything else as it is."""
        if self.order is None or not isinstance(plain, Mapping):
            return plain
        found = [plain.get(name, missing) for name in self.order]
        return found if len(found) > 1 else found[0]


def _class_names(names: Iterable[str]) -> dict[str, str]:
    """Names of classes of the losses of 2.3 -> those of their functions."""
    return {"".join(part.capitalize() for part in name.split("_")): name for name in names}


MODERN = {
    **{old: fn.__name__ for old, fn in NAMES.items() if fn.__module__.startswith("cornu.losses")},
    **{old: fn.__name__ for old, fn in CHANGED["2.3"].items()},
}
"""Old name of a loss -> today's, where it is the same function."""

FUNCTIONS = {
    **_class_names(
        f"{kind}_crossentropy" for kind in ("binary", "categorical", "sparse_categorical")
    ),
    **_class_names(
        f"mean_{kind}_error"
        for kind in ("squared", "absolute", "absolute_percentage", "squared_logarithmic")
    ),
    **_class_names(("hinge", "squared_hinge", "categorical_hinge", "poisson", "huber")),
    "KLDivergence": "kl_divergence",
    "LogCosh": "log_cosh",
    "CosineSimilarity": "cosine_similarity",
}
"""Class of a loss -> its function."""
