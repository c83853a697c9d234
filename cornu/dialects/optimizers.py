"""Update rules of older generations for which no optimizer of today stands.

What a saved config asks for and today's optimizers cannot do. They are made by the rows of
`keras1_optimizers`. Names in formulas are those of `optimizers.rules`.
"""

from types import SimpleNamespace
from typing import Any, ClassVar

from cornu import engine
from cornu.optimizers import Adagrad, Nadam, RMSprop, family
from cornu.optimizers.base import Slots
from cornu.optimizers.cells import NotNegative

__all__ = ["AdagradOuterEpsilon", "NadamSlowWarmup", "RMSpropOuterEpsilon"]


class RMSpropOuterEpsilon(RMSprop):
    """`v = rho * v + (1 - rho) * g^2; p -= lr * g / (sqrt(v) + epsilon)`.

    So Keras had it from 1.0.3 to 2.10. The same as today's in all else.
    """

    stands_for: ClassVar[type] = RMSprop

    def scaled(self, g: Any, spread: Any, at: SimpleNamespace) -> Any:
        return at.learning_rate * g / (engine.np.sqrt(spread) + at.epsilon)


class AdagradOuterEpsilon(Adagrad):
    """`n += g^2; p -= lr * g / (sqrt(n) + epsilon)`, as Keras had it from 1.0.3 to 2.10."""

    stands_for: ClassVar[type] = Adagrad

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        n = slots["accumulator"] + g * g
        step = at.learning_rate * g / (engine.np.sqrt(n) + at.epsilon)
        return p - step, {"accumulator": n}


class NadamSlowWarmup(Nadam):
    """Nadam whose momentum grows to beta_1 as `1 - 0.5 * 0.96^(t * schedule_decay)`.

    So Keras had it from 1.0.5 to 2.10; today's grows 250 times faster. (Dozat, 2015)
    """

    schedule_decay: NotNegative = 0.004

    stands_for: ClassVar[type] = Nadam

    def warmed(self, at: SimpleNamespace, step: Any) -> Any:
        return at.beta_1 * (1 - 0.5 * engine.np.power(0.96, step * at.schedule_decay))


family.register(AdagradOuterEpsilon, NadamSlowWarmup, RMSpropOuterEpsilon)
