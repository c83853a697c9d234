"""Learning rates that follow the step: each schedule is one formula of the number of steps taken.

Give one to an optimizer as its `learning_rate`; it is then computed within the compiled step.
Schedules keep no state and know nothing of optimizers.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cornu import engine, settings
from cornu.config import Configurable, Family, OneOf, Within
from cornu.errors import UsageError, UsageTypeError, shown
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


class OneCycle(LearningRateSchedule):
    """Up from `max_rate / div_factor` to `max_rate` and down to almost nothing, in one cycle.

    The first `pct_start` of `total_steps` rise; the others fall to the first rate divided by
    `final_div_factor`, where it stays. Steps 0 and `total_steps - 1` are the ends. Between, the
    rate follows half a cosine, or a line with `anneal_strategy="linear"`. With `three_phase` the
    fall takes as long as the rise, back to the first rate, and goes on from there to the end.
    (Smith and Topin, 2018, "Super-Convergence", https://arxiv.org/abs/1708.07120)

    Raises UsageError where the steps leave no room for a phase.
    """

    wire_module = "cornu.optimizers.schedules"

    max_rate: float
    total_steps: Annotated[int, Within(2)]
    pct_start: Annotated[float, Within(0, 1, open="()")] = 0.3
    anneal_strategy: Annotated[str, OneOf("cos", "linear")] = "cos"
    div_factor: Annotated[float, Within(0, open="(")] = 25.0
    final_div_factor: Annotated[float, Within(0, open="(")] = 1e4
    three_phase: bool = False
    name: str = "OneCycle"

    def set_up(self) -> None:
        ends = self._ends()
        if ends[0] <= 0 or any(a >= b for a, b in zip(ends, ends[1:], strict=False)):
            raise UsageError(
                "E-SCHEDULE",
                f"OneCycle: {self.total_steps} steps with pct_start={self.pct_start:g} leave no "
                f"step for one of the phases, which would end at steps {ends}. Take more steps.",
            )

    def _ends(self) -> list[float]:
        """The last step of each phase."""
        top = self.pct_start * self.total_steps - 1
        end = self.total_steps - 1
        return [top, 2 * top, end] if self.three_phase else [top, end]

    def rate(self, step: Any) -> Any:
        low = self.max_rate / self.div_factor
        least = low / self.final_div_factor
        rates = [low, self.max_rate, *([low] if self.three_phase else []), least]
        begin, found = 0.0, None
        for start, stop, end in zip(rates[:-1], rates[1:], self._ends(), strict=True):
            part = start + (stop - start) * self._shape((step - begin) / (end - begin))
            found = part if found is None else engine.np.where(step > begin, part, found)
            begin = end
        return found

    def _shape(self, progress: Any) -> Any:
        """From 0 to 1, where `progress` does so, and on a level past the ends."""
        progress = engine.np.clip(progress, 0, 1)
        if self.anneal_strategy == "linear":
            return progress
        return 0.5 * (1 - engine.np.cos(math.pi * progress))


class WarmUp(LearningRateSchedule):
    """A line from 0 to the rate of another schedule during `steps`, and that schedule from then on.

    At step t < `steps`: `schedule(0) * (t + 1) / (steps + 1)`; after: `schedule(t - steps)`. A
    number in place of a schedule is one that never changes. (Goyal et al., 2017,
    https://arxiv.org/abs/1706.02677)
    """

    wire_module = "cornu.optimizers.schedules"

    schedule: Any
    steps: Steps
    name: str = "WarmUp"

    def set_up(self) -> None:
        number = isinstance(self.schedule, (int, float)) and not isinstance(self.schedule, bool)
        if not number and not isinstance(self.schedule, LearningRateSchedule):
            raise UsageTypeError(
                "E-SCHEDULE",
                f"WarmUp leads to a schedule or a number; got {shown(self.schedule)}. Write "
                "WarmUp(CosineDecay(0.1, 1000), 100).",
            )

    def _later(self, step: Any) -> Any:
        if isinstance(self.schedule, LearningRateSchedule):
            return self.schedule(step)
        return engine.np.full_like(step, self.schedule)

    def rate(self, step: Any) -> Any:
        np = engine.np
        risen = self._later(np.zeros_like(step)) * (step + 1) / (self.steps + 1)
        return np.where(step < self.steps, risen, self._later(np.maximum(step - self.steps, 0)))


family = Family("schedule", LearningRateSchedule, wire_module="keras.optimizers.schedules")
family.register(
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
    WarmUp,
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
