"""Update rules of older generations for which no optimizer of today stands.

What a saved config or an old script asks for and today's optimizers cannot do. They are made by the
rows of `keras1_optimizers`. Names in formulas are those of `optimizers.rules`.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from cornu import engine
from cornu.dialects.older import OlderClass
from cornu.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    Nadam,
    Optimizer,
    RMSprop,
    family,
)
from cornu.optimizers.base import Slots
from cornu.optimizers.cells import NotNegative
from cornu.optimizers.schedules import InverseTimeDecay
from cornu.state import Variable

__all__ = [
    "AdagradOuterEpsilon",
    "DecayingAdadelta",
    "DecayingAdagrad",
    "DecayingAdam",
    "DecayingAdamax",
    "DecayingRMSprop",
    "DecayingSGD",
    "NadamSlowWarmup",
    "RMSpropOuterEpsilon",
]

# ---------------------------------------------------------------- other formulas


class RMSpropOuterEpsilon(OlderClass, RMSprop):
    """`v = rho * v + (1 - rho) * g^2; p -= lr * g / (sqrt(v) + epsilon)`.

    So Keras had it from 1.0.3 to 2.10. The same as today's in all else.
    """

    stands_for: ClassVar[Any] = RMSprop

    def scaled(self, g: Any, spread: Any, at: SimpleNamespace) -> Any:
        return at.learning_rate * g / (engine.np.sqrt(spread) + at.epsilon)


class AdagradOuterEpsilon(OlderClass, Adagrad):
    """`n += g^2; p -= lr * g / (sqrt(n) + epsilon)`, as Keras had it from 1.0.3 to 2.10."""

    stands_for: ClassVar[Any] = Adagrad

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        n = slots["accumulator"] + g * g
        step = at.learning_rate * g / (engine.np.sqrt(n) + at.epsilon)
        return p - step, {"accumulator": n}


class NadamSlowWarmup(OlderClass, Nadam):
    """Nadam whose momentum grows to beta_1 as `1 - 0.5 * 0.96^(t * schedule_decay)`.

    So Keras had it from 1.0.5 to 2.10; today's grows 250 times faster. (Dozat, 2015)
    """

    schedule_decay: NotNegative = 0.004

    stands_for: ClassVar[Any] = Nadam

    def warmed(self, at: SimpleNamespace, step: Any) -> Any:
        return at.beta_1 * (1 - 0.5 * engine.np.power(0.96, step * at.schedule_decay))


# ---------------------------------------------------------------- rates that decay


class _Scheduled:
    """Makes an optimizer of today with the rate of a decaying one as a schedule, for other readers.

    It has what a class is asked for when its config is made anew.
    """

    def __init__(self, cls: Any):
        self.cls, self.options = cls, cls.options
        self.fields = {**cls.fields, "decay": None}

    def from_config(self, config: Mapping[str, Any]) -> Optimizer:
        """The optimizer; a rate that is a schedule already is left as it is."""
        found = dict(config)
        decay, rate = found.pop("decay"), found["learning_rate"]
        if not isinstance(rate, Mapping):
            found["learning_rate"] = InverseTimeDecay(rate, 1, decay)
        return self.cls.from_config(found)


class _Decaying(OlderClass):
    """Steps by `learning_rate / (1 + decay * updates)`, as `decay` meant up to Keras 2.10.

    Both are Variables: what sets the rate while a model is trained goes on as it did. The rate is
    part of the config, and not of `variables`, as that of the schedule which stands for it.
    """

    def once(self, at: SimpleNamespace) -> None:
        own: Any = self
        at.learning_rate = at.learning_rate / (1 + own.decay.value * (at.step - 1))
        if own.weight_decay is not None:
            at.decay = at.weight_decay * at.learning_rate
        super().once(at)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def stands_for(self) -> Any:
        """What other readers take it for."""
        return _Scheduled(self.goes_by)

    @property
    def variables(self) -> list[Variable]:
        """What is saved: all but the rate."""
        rate = self.__dict__.get("learning_rate")
        found = super().variables  # pyright: ignore[reportAttributeAccessIssue]
        return [v for v in found if v is not rate]

    @property
    def hyper_variables(self) -> list[Variable]:
        """Numbers that a compiled step must bind, the rate among them."""
        rate = self.__dict__.get("learning_rate")
        found = super().hyper_variables  # pyright: ignore[reportAttributeAccessIssue]
        return [*found, *([rate] if isinstance(rate, Variable) else [])]


class DecayingSGD(_Decaying, SGD):
    """`SGD` by a rate that decays; Keras 0.1 to 2.10."""

    decay: NotNegative = 0.0


class DecayingRMSprop(_Decaying, RMSpropOuterEpsilon):
    """`RMSpropOuterEpsilon` by a rate that decays; Keras 1.1 to 2.10."""

    decay: NotNegative = 0.0


class DecayingAdagrad(_Decaying, AdagradOuterEpsilon):
    """`AdagradOuterEpsilon` by a rate that decays; Keras 1.1 to 2.10."""

    decay: NotNegative = 0.0


class DecayingAdadelta(_Decaying, Adadelta):
    """`Adadelta` by a rate that decays; Keras 1.1 to 2.10."""

    decay: NotNegative = 0.0


class DecayingAdam(_Decaying, Adam):
    """`Adam` by a rate that decays; Keras 1.1 to 2.10."""

    decay: NotNegative = 0.0


class DecayingAdamax(_Decaying, Adamax):
    """`Adamax` by a rate that decays; Keras 1.1 to 2.10."""

    decay: NotNegative = 0.0


DECAYING = {
    cls.goes_by.__name__: cls.__name__
    for cls in (
        DecayingSGD,
        DecayingRMSprop,
        DecayingAdagrad,
        DecayingAdadelta,
        DecayingAdam,
        DecayingAdamax,
    )
}
"""Name of an optimizer of today -> that of the one whose rate decays."""

family.register(AdagradOuterEpsilon, NadamSlowWarmup, RMSpropOuterEpsilon)
family.register(
    DecayingAdadelta,
    DecayingAdagrad,
    DecayingAdam,
    DecayingAdamax,
    DecayingRMSprop,
    DecayingSGD,
)
