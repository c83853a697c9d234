"""Several optimizers for the parts of one model, chosen by the paths of its Variables."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cornu import engine
from cornu.config import Configurable, custom_object, deserialize, serialize
from cornu.errors import UsageError, UsageTypeError, listed, shown, warn
from cornu.optimizers.base import Optimizer
from cornu.state import Variable


class OptimizerMap(Configurable):
    """Which optimizer a Variable gets: that of the first pattern that is its whole path.

    A dict of regular expressions, to be read and changed by `[]`. A pattern may begin with "/" or
    ".*/" where a path does not.

    Args:
        default_optimizer: for Variables that no pattern matches.
        optimizer_map: pattern -> Optimizer.

    Raises:
        UsageTypeError: for a key that is no text, and what is no Optimizer.
        UsageError: for a pattern that is there already, or is no regular expression.

    Example:
        >>> OptimizerMap(SGD(0.01), {"encoder/.*": Adam(1e-4)})
    """

    wire_module = "keras.optimizers"

    def __init__(
        self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None
    ):
        self._default_optimizer = _checked("default_optimizer", default_optimizer)
        self._map: dict[str, Optimizer] = {}
        for pattern, optimizer in (optimizer_map or {}).items():
            self[pattern] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of Variables that no pattern matches."""
        return self._default_optimizer

    def __getitem__(self, pattern: str) -> Optimizer:
        return self._map.get(pattern, self.default_optimizer)

    def __setitem__(self, pattern: str, optimizer: Optimizer) -> None:
        if not isinstance(pattern, str):
            raise UsageTypeError(
                "E-TYPE",
                "OptimizerMap: a key is a regular expression for paths of Variables, as in "
                f'"encoder/.*"; got {shown(pattern)}.',
            )
        if pattern in self._map:
            raise UsageError(
                "E-OPTIMIZER-MAP",
                f'OptimizerMap has "{pattern}" already. Use del map["{pattern}"] first.',
            )
        try:
            re.compile(pattern)
        except re.error as error:
            raise UsageError(
                "E-OPTIMIZER-MAP",
                f'OptimizerMap: "{pattern}" is no regular expression: {error}. Write ".*" for any '
                "part of a path.",
            ) from None
        self._map[pattern] = _checked(f'the optimizer of "{pattern}"', optimizer)

    def __delitem__(self, pattern: str) -> None:
        del self._map[pattern]

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __contains__(self, pattern: object) -> bool:
        return pattern in self._map

    def items(self) -> Any:
        """Pairs (pattern, optimizer), in the order of matching."""
        return self._map.items()

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a Variable."""
        for pattern, optimizer in self._map.items():
            if matches(pattern, variable.path):
                return optimizer
        return self.default_optimizer

    def get_config(self) -> dict[str, Any]:
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": {pattern: serialize(o) for pattern, o in self._map.items()},
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "OptimizerMap":
        """A map from what `get_config` gave."""
        chosen = config.get("optimizer_map") or {}
        made = {pattern: deserialize(o, custom_objects) for pattern, o in chosen.items()}
        return cls(deserialize(config["default_optimizer"], custom_objects), made)

    def __repr__(self) -> str:
        return f"OptimizerMap({self.default_optimizer!r}, {self._map!r})"


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern is the whole of a path, with or without a "/" before it."""
    return bool(re.fullmatch(pattern, path) or re.fullmatch(pattern, f"/{path}"))


def _checked(what: str, optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise UsageTypeError(
            "E-TYPE",
            f"OptimizerMap: {what} must be an Optimizer, as in Adam(1e-3); got {shown(optimizer)}.",
        )
    return optimizer


class MultiOptimizer(Optimizer):
    """Every Variable goes to one of several optimizers, which clip, decay and average their own.

    Each of them has its own learning rate: there is none for all.

    Args:
        optimizer_map: an `OptimizerMap`, or a function of a Variable that returns an Optimizer.
        loss_scale_factor: as in `Optimizer`, for all parts.
        name: first part of the paths of its own Variables.

    Raises:
        UsageTypeError: for an `optimizer_map` that is neither.

    Example:
        >>> parts = OptimizerMap(SGD(0.01), {"encoder/.*": Adam(1e-4)})
        >>> model.compile(MultiOptimizer(parts), "mse")
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if isinstance(optimizer_map, (type, Optimizer)) or not callable(optimizer_map):
            raise UsageTypeError(
                "E-TYPE",
                "MultiOptimizer takes an OptimizerMap, or a function of a Variable; got "
                f"{shown(optimizer_map)}. Write MultiOptimizer(OptimizerMap(SGD(), "
                '{"encoder/.*": Adam()})).',
            )
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)  # pyright: ignore
        self.optimizer_map = optimizer_map
        self._chosen: dict[Variable, Optimizer] = {}

    @property
    def learning_rate(self) -> Any:
        """There is none for all parts: see `optimizers`. Raises AttributeError."""
        raise self._no_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if "_chosen" in self.__dict__:
            raise self._no_rate()
        # while the base is set up; saved, as in Keras 3, and of no use
        self.__dict__["learning_rate"] = self._cell("learning_rate", value)

    def _no_rate(self) -> AttributeError:
        return AttributeError(
            "a MultiOptimizer has no learning rate of its own; its parts have theirs: "
            "[part.learning_rate for part in optimizer.optimizers]"
        )

    @property
    def optimizers(self) -> list[Optimizer]:
        """The parts, each once: those of the map in its order, then the default one.

        Those of a function are known once Variables are: in the order of these.
        """
        known = self.optimizer_map
        if isinstance(known, OptimizerMap):
            found = [*(o for _, o in known.items()), known.default_optimizer]
        else:
            found = list(self._chosen.values())
        return list({id(o): o for o in found}.values())

    @property
    def variables(self) -> list[Variable]:
        """Its own, then those of each part."""
        return [*super().variables, *(v for part in self.optimizers for v in part.variables)]

    @property
    def hyper_variables(self) -> list[Variable]:
        """The other numbers of itself and of each part."""
        parts = [v for part in self.optimizers for v in part.hyper_variables]
        return [*super().hyper_variables, *parts]

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        for variable in variables:
            if variable not in self._chosen:
                self._chosen[variable] = _checked("what it returned", self.optimizer_map(variable))
        self._warn_of_idle(variables)
        for part, own in self._parts(variables):
            part.loss_scale_factor = None  # the loss is scaled once, by this one's
            part.build(own)
        self._trainable, self.built = variables, True
        self._slots = {v: {} for v in variables}
        self._layouts = {v: [] for v in variables}

    def _warn_of_idle(self, variables: Sequence[Variable]) -> None:
        if self.built or not isinstance(self.optimizer_map, OptimizerMap):
            return
        for pattern, _ in self.optimizer_map.items():
            if not any(matches(pattern, v.path) for v in variables):
                warn(
                    f'OptimizerMap: "{pattern}" is the path of no trainable variable, so its '
                    "optimizer does nothing. A pattern must match the whole of a path: "
                    f"{listed(v.path for v in variables)}."
                )

    def _parts(self, variables: Sequence[Variable]) -> list[tuple[Optimizer, list[Variable]]]:
        """Each part with those of `variables` that are its own."""
        return [
            (part, [v for v in variables if self._chosen[v] is part]) for part in self.optimizers
        ]

    def apply(self, grads: Iterable[Any], trainable_variables: Any = None) -> None:
        """One step of every part that has gradients."""
        grads = list(grads)
        if not grads:
            return
        variables = self._known(grads, trainable_variables)
        if all(g is None for g in grads):
            raise UsageError("E-GRADIENTS", "No gradients provided for any variable.")
        if self.loss_scale_factor is not None:
            factor = self.loss_scale_factor.value  # pyright: ignore
            grads = [g if g is None else g / engine.cast(factor, g.dtype) for g in grads]
        given = dict(zip(variables, grads, strict=True))
        for part, own in self._parts(variables):
            if any(given[v] is not None for v in own):
                part.apply([given[v] for v in own], own)
        self._iterations.assign(self._iterations.value + 1)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        for part, own in self._parts([v for v in var_list if v in self._chosen]):
            part.finalize_variable_values(own)

    def get_config(self) -> dict[str, Any]:
        factor = self.loss_scale_factor
        return {
            "optimizer_map": serialize(self.optimizer_map),
            "loss_scale_factor": None if factor is None else float(factor),
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "MultiOptimizer":
        """An optimizer from what `get_config` gave. Raises UsageError for an unknown function."""
        config, chosen = dict(config), config["optimizer_map"]
        if isinstance(chosen, str):
            chosen = (custom_objects or {}).get(chosen) or custom_object(chosen)
            if chosen is None:
                name = config["optimizer_map"]
                raise UsageError(
                    "E-UNKNOWN-CLASS",
                    f'MultiOptimizer chooses by the function "{name}", which is not known. Pass '
                    f'custom_objects={{"{name}": {name}}}.',
                )
        else:
            chosen = deserialize(chosen, custom_objects)
        return cls(**{**config, "optimizer_map": chosen})
