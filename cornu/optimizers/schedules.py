"""Learning rates that follow the step: each schedule is one formula of the number of steps taken.

Give one to an optimizer as its `learning_rate`; it is then computed within the compiled step.
Schedules keep no state and know nothing of optimizers.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cornu import engine, settings
from cornu.config import Configurable, Family, Within
from cornu.errors import UsageError, shown
from cornu.state import Variable

Steps = Annotated[float, Within(0, open="(")]


def number_dtype() -> str:
    """The dtype of rates and other numbers of a step: float32 at least."""
    return "float64" if settings.floatx() == "float64" else "float32"


class LearningRateSchedule(Configurable):
    """A learning rate as a function of the step.

    Subclasses write `rate(step)`, or `__call__(step)` to take the step as it comes.
    """

    wire_module = "keras.optimizers.schedules"

    def __call__(self, step: Any) -> Any:
        """The learning rate at `step` (a number or an array of them), in float32 at least."""
        if isinstance(step, Variable):
            step = step.value
        return self.rate(engine.cast(engine.array(step), number_dtype()))

    def rate(self, step: Any) -> Any:
        """The learning rate at `step`, a float array."""
        raise NotImplementedError(
            f"{type(self).__name__} must define rate(self, step) or __call__(self, step)."
        )


class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    With `staircase` the exponent is rounded down to a whole number.
    """

    initial_learning_rate: float
    decay_steps: Steps
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def rate(self, step: Any) -> Any:
        progress = step / self.decay_steps
        if self.staircase:
            progress = engine.np.floor(progress)
        return self.initial_learning_rate * engine.np.power(self.decay_rate, progress)


class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    With `staircase` the quotient of steps is rounded down to a whole number.
    """

    initial_learning_rate: float
    decay_steps: Steps
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def rate(self, step: Any) -> Any:
        progress = step / self.decay_steps
        if self.staircase:
            progress = engine.np.floor(progress)
        return self.initial_learning_rate / (1 + self.decay_rate * progress)


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` for steps after `boundaries[i - 1]`, up to and including `boundaries[i]`.

    Raises UsageError unless there is one value more than there are boundaries.
    """

    boundaries: Sequence[float]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def set_up(self) -> None:
        if not self.boundaries or len(self.boundaries) != len(self.values) - 1:
            raise UsageError(
                "E-SCHEDULE",
                "PiecewiseConstantDecay needs one value more than boundaries, as in "
                "PiecewiseConstantDecay([1000], [0.1, 0.01]); "
                f"got {len(self.boundaries)} boundaries and {len(self.values)} values.",
            )

    def rate(self, step: Any) -> Any:
        found = engine.np.full_like(step, self.values[-1])
        for boundary, value in zip(self.boundaries[::-1], self.values[-2::-1], strict=True):
            found = engine.np.where(step <= boundary, value, found)
        return found


class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`, `end` after `decay_steps`.

    With `cycle`, `decay_steps` grows to the next multiple of itself that `step` has not passed.
    """

    initial_learning_rate: float
    decay_steps: Steps
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def rate(self, step: Any) -> Any:
        progress = step / self.decay_steps
        if self.cycle:
            progress = progress / engine.np.maximum(engine.np.ceil(progress), 1)
        else:
            progress = engine.np.minimum(progress, 1)
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * engine.np.power(1 - progress, self.power) + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it, after an optional linear warm-up.

    With `warmup_target`, the rate first climbs in a line from `initial_learning_rate` to
    `warmup_target` during `warmup_steps`, and falls from there. (Loshchilov and Hutter, 2016,
    https://arxiv.org/abs/1608.03983)
    """

    initial_learning_rate: float
    decay_steps: Steps
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: Annotated[float, Within(0)] = 0

    def rate(self, step: Any) -> Any:
        np = engine.np
        if self.warmup_target is None:
            return self._fall(self.initial_learning_rate, step)
        rise = self.warmup_target - self.initial_learning_rate
        risen = self.initial_learning_rate + rise * (step / max(self.warmup_steps, 1))
        fallen = self._fall(self.warmup_target, step - self.warmup_steps)
        return np.where(step < self.warmup_steps, risen, fallen)

    def _fall(self, start: float, step: Any) -> Any:
        progress = engine.np.minimum(step / self.decay_steps, 1)
        half_cosine = 0.5 * (1 + engine.np.cos(math.pi * progress))
        return start * ((1 - self.alpha) * half_cosine + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other; each lasts `t_mul` times as long as the one before it.

    Each starts `m_mul` times as high as the one before it, the first at `initial_learning_rate`
    and of `first_decay_steps` steps; none falls below `alpha` times the initial rate. (Loshchilov
    and Hutter, 2016, https://arxiv.org/abs/1608.03983)
    """

    initial_learning_rate: float
    first_decay_steps: Steps
    t_mul: Annotated[float, Within(1)] = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def rate(self, step: Any) -> Any:
        count, progress = self._place(step)
        height = engine.np.power(self.m_mul, count)
        half_cosine = 0.5 * height * (1 + engine.np.cos(math.pi * progress))
        return self.initial_learning_rate * ((1 - self.alpha) * half_cosine + self.alpha)

    def _place(self, step: Any) -> tuple[Any, Any]:
        """How many cycles are over at `step`, and how much of the present one."""
        if self.t_mul == 1:
            passed = step / self.first_decay_steps
            return engine.np.floor(passed), passed % 1
        # A table, for logarithms in float32 put a restart a few steps to either side.
        begins, lengths = (engine.array(row, str(step.dtype)) for row in self._cycles())
        number = engine.np.sum(step[..., None] >= begins, axis=-1) - 1
        progress = (step - begins[number]) / lengths[number]
        return engine.cast(number, str(step.dtype)), progress

    def _cycles(self) -> tuple[list[float], list[float]]:
        """Where each cycle begins and how long it is, as far as an int32 step can go."""
        begins, lengths = [0.0], [float(self.first_decay_steps)]
        while begins[-1] + lengths[-1] < 2**31:
            begins.append(begins[-1] + lengths[-1])
            lengths.append(lengths[-1] * self.t_mul)
        return begins, lengths


family = Family("schedule", LearningRateSchedule, wire_module="keras.optimizers.schedules")
family.register(
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The plain form of a schedule."""
    return family.serialize(learning_rate_schedule)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> LearningRateSchedule:
    """The schedule that a plain form describes. Raises UsageError for an unknown class."""
    found = family.deserialize(config, custom_objects)
    if not isinstance(found, LearningRateSchedule):
        raise UsageError("E-SCHEDULE", f"{shown(config)} describes no learning rate schedule.")
    return found
