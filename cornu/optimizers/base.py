"""What all optimizers share: state, clipping, weight decay, averages, accumulation.

An optimizer states the `rule` for one parameter and the `slots` it keeps beside it; `Optimizer`
maps the rule over all parameters. Numeric hyper-parameters are Variables (`cells.py`). The order of
a step is that of Keras 3: clip, decay, rule, average, constraint.
"""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np

from cornu import engine, settings, state
from cornu.config import Configurable, Field, Within, serialize, snake
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.optimizers.cells import Fraction, NotNegative, Rate, install, plain
from cornu.optimizers.schedules import number_dtype
from cornu.optimizers.steps import bound_to, choose, clipped, in_dtype, present, uncast
from cornu.state import Variable

Slots = Mapping[str, Any]

SHARED = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
)
"""Arguments that every optimizer takes after those of its rule."""

AVERAGE, ACCUMULATOR = "average", "gradient_accumulator"


def _ordered(fields: Mapping[str, Any], own: Iterable[str]) -> dict[str, Any]:
    """The rate first and what is shared last, unless the class places it before its own fields."""
    own = list(own)
    early = [n for i, n in enumerate(own) if set(own[i:]) & set(SHARED[:-1])]
    ruled = [name for name in fields if name not in SHARED]
    order = dict.fromkeys(["learning_rate", *early, *ruled, *SHARED])
    return {name: fields[name] for name in order}


class Optimizer(Configurable):
    """The base of all optimizers; a rule for one parameter is all that a subclass must write.

    Args:
        learning_rate: a number >= 0, a LearningRateSchedule, or a function without arguments.
        weight_decay: every step takes `weight_decay * learning_rate` of each parameter away.
        clipnorm: largest norm of any one gradient.
        clipvalue: largest absolute value of any entry of a gradient.
        global_clipnorm: largest norm of all gradients taken together.
        use_ema: keep a moving average of the parameters, which replaces them in the end.
        ema_momentum: `average = ema_momentum * average + (1 - ema_momentum) * parameter`.
        ema_overwrite_frequency: replace parameters by their averages every so many steps.
        loss_scale_factor: the loss is multiplied and gradients are divided by it (half precision).
        gradient_accumulation_steps: update every so many steps, with the mean of the gradients.
        name: first part of the paths of its Variables.

    Attributes:
        iterations: updates done so far, an int32 Variable (or array, under accumulation).
        variables: what is saved: iterations, learning rate, slots, in the order of Keras 3.
        hyper_variables: the other numbers, which a compiled step must bind too.

    Raises:
        UsageError, UsageTypeError: for numbers out of range, and for more than one clip argument.
    """

    wire_module = "keras.optimizers"

    learning_rate: Rate = 0.01
    weight_decay: NotNegative | None = None
    clipnorm: NotNegative | None = None
    clipvalue: NotNegative | None = None
    global_clipnorm: NotNegative | None = None
    use_ema: bool = False
    ema_momentum: Fraction = 0.99
    ema_overwrite_frequency: Annotated[int | None, Within(1)] = None
    loss_scale_factor: Annotated[float | None, Within(0, open="(")] = None
    gradient_accumulation_steps: Annotated[int | None, Within(2)] = None
    name: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        install(cls, inspect.get_annotations(cls))
        if "build" in cls.__dict__:
            cls.build = _once(cls.__dict__["build"])

    @classmethod
    def ordered_fields(
        cls, inherited: dict[str, Field], declared: dict[str, Field]
    ) -> dict[str, Field]:
        """The rate first and what is shared last, as Keras has it."""
        return _ordered({**inherited, **declared}, declared)

    # ------------------------------------------------------------ what a rule says

    def slots(self, variable: Variable) -> Sequence[str | tuple[str, ...]]:
        """Names of the arrays kept beside `variable`.

        Names within a tuple are saved side by side, variable by variable.
        """
        return ()

    def initial(self, slot: str, variable: Variable) -> Any:
        """What a slot holds before the first step (NumPy): zeros in the variable's shape."""
        return np.zeros(variable.shape, "float32")

    def shared_slots(self) -> Mapping[str, float]:
        """Numbers kept once for all parameters, and what they are before the first step."""
        return {}

    def once(self, at: SimpleNamespace) -> None:
        """Add to `at` what is the same for all parameters of one step.

        `at` holds `step` (1 for the first), `learning_rate` and every other numeric field, as
        arrays; the rule gets it in the parameter's dtype.
        """

    def rule(self, p: Any, g: Any, slots: Slots, at: SimpleNamespace) -> tuple[Any, Slots]:
        """The new value of a parameter and its new slots, from its gradient and the present ones.

        All arrays, in the parameter's dtype. `at` is what `once` was given.
        """
        raise NotImplementedError(f"{type(self).__name__} must define rule(self, p, g, slots, at).")

    # ------------------------------------------------------------ state

    def set_up(self) -> None:
        self.name = self.name or snake(type(self).__name__)
        self.built = False
        self._iterations = Variable(
            np.zeros((), "int32"), trainable=False, name="iteration", path=f"{self.name}/iteration"
        )
        for held in self._cells().values():
            held.path = f"{self.name}/{held.name}"
        self._trainable: list[Variable] = []
        self._slots: dict[Variable, dict[str, Variable]] = {}
        self._layouts: dict[Variable, list[tuple[str, ...]]] = {}
        self.shared: dict[str, Variable] = {}
        self._added: list[Variable] = []
        self._undecayed: tuple[set[Variable], str] = (set(), "")
        self._check_clips()

    def _check_clips(self) -> None:
        for name in ("clipnorm", "clipvalue", "global_clipnorm"):
            if getattr(self, name) is not None and not float(getattr(self, name)):
                setattr(self, name, None)  # older generations write 0 for "do not clip"
        named = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in named if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(
                "E-CLIP",
                f"{type(self).__name__}: only one of clipnorm, clipvalue and global_clipnorm can "
                f"be set; got {' and '.join(given)}.",
            )

    def _cell(self, name: str, number: Any) -> Variable:
        path = f"{self.__dict__.get('name') or snake(type(self).__name__)}/{name}"
        value = number if isinstance(number, Variable) else np.asarray(number)
        held = Variable(value, dtype=number_dtype(), trainable=False, name=name, path=path)
        held.autocast = False
        return held

    def _cells(self) -> dict[str, Variable]:
        named = ((name, self.__dict__.get(name)) for name in type(self).fields)
        return {name: held for name, held in named if isinstance(held, Variable)}

    def _used(self) -> dict[str, Variable]:
        """Those that a step reads."""
        unused = set() if self.use_ema else {"ema_momentum"}
        return {name: held for name, held in self._cells().items() if name not in unused}

    @property
    def iterations(self) -> Any:
        """Updates done so far; under gradient accumulation several steps make one update."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    @property
    def hyper_variables(self) -> list[Variable]:
        """Numeric fields besides the learning rate: not saved, but bound by a compiled step."""
        return [held for name, held in self._used().items() if name != "learning_rate"]

    @property
    def variables(self) -> list[Variable]:
        """Everything that is saved, in the order of Keras 3."""
        rate = self.__dict__.get("learning_rate")
        found = [self._iterations, *([rate] if isinstance(rate, Variable) else [])]
        layout = [self._layouts[v] for v in self._trainable]
        for number in range(max((len(groups) for groups in layout), default=0)):
            for variable, groups in zip(self._trainable, layout, strict=True):
                if number < len(groups):
                    found += [self._slots[variable][name] for name in groups[number]]
        return [*found, *self.shared.values(), *self._added]

    def _layout(self, variable: Variable) -> list[tuple[str, ...]]:
        """The names of all slots of a variable, in the groups in which they are saved."""
        common = [AVERAGE] * bool(self.use_ema)
        common += [ACCUMULATOR] * bool(self.gradient_accumulation_steps)
        groups = [*common, *self.slots(variable)]
        return [(group,) if isinstance(group, str) else tuple(group) for group in groups]

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots for `variables`.

        Those that exist already are kept, so layers may be frozen and unfrozen between calls.
        """
        self._trainable = list(variables)
        for variable in self._trainable:
            kept = self._slots.setdefault(variable, {})
            self._layouts[variable] = self._layout(variable)
            for name in (name for group in self._layouts[variable] for name in group):
                if name not in kept:
                    kept[name] = self._slot(name, variable)
        for name, value in self.shared_slots().items():
            if name not in self.shared:
                self.shared[name] = self._cell(name, value)
        self.built = True

    def _slot(self, name: str, variable: Variable) -> Variable:
        common = name in (AVERAGE, ACCUMULATOR)
        value = np.zeros(variable.shape, "float32") if common else self.initial(name, variable)
        dtype = variable.dtype if value.dtype.kind == "f" else None
        return self._kept(value, dtype, self.slot_name(name, variable))

    def slot_name(self, slot: str, variable: Variable) -> str:
        """The name of a slot's Variable: `dense_kernel_momentum`."""
        return f"{variable.path.replace('/', '_')}_{slot}"

    def _kept(self, value: Any, dtype: str | None, name: str) -> Variable:
        path = f"{self.name}/{name}"
        held = Variable(value, dtype=dtype, trainable=False, name=name, path=path)
        held.autocast = False
        return held

    # ------------------------------------------------------------ one step

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """One step, from pairs `(gradient, variable)`; returns `iterations`."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Iterable[Any], trainable_variables: Any = None) -> None:
        """One step. `grads`: one array, or None, for each variable.

        Raises UsageError where no variable has a gradient, or where numbers differ.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._known(grads, trainable_variables)
        with uncast():
            self._step(*present(grads, variables))

    def _known(self, grads: Sequence[Any], variables: Iterable[Variable] | None) -> list[Variable]:
        variables = self._trainable if variables is None else list(variables)
        if not variables:
            raise UsageError(
                "E-OPTIMIZER-BUILD",
                f"{self.name} does not know its variables yet. Call "
                "optimizer.apply(gradients, variables), or optimizer.build(variables) first.",
            )
        if len(variables) != len(grads):
            raise UsageError(
                "E-GRADIENTS",
                f"{self.name} got {len(grads)} gradients for {len(variables)} variables.",
            )
        new = [v for v in variables if v not in self._slots]
        if new or not self.built:
            self.build([*self._trainable, *new])
        return variables

    def _step(self, grads: list, variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            grads = [g / engine.cast(_value(self.loss_scale_factor), g.dtype) for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self.update(grads, variables)
        if self.use_ema:
            self._average()
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign(self._iterations.value + 1)

    def update(self, grads: list, variables: list[Variable]) -> None:
        """Clip, decay and apply the rule to every variable."""
        grads = clipped(self, grads)
        once = self._at()
        if type(self).update_step is not Optimizer.update_step:
            self._decay(variables, once)
            for g, variable in zip(grads, variables, strict=True):
                self.update_step(g, variable, once.learning_rate)
            return
        known: dict[str, SimpleNamespace] = {}
        for g, variable in zip(grads, variables, strict=True):
            at = known.setdefault(variable.dtype, in_dtype(once, variable.dtype))
            p = self.decayed(variable, at)
            self._follow(p, engine.cast(g, variable.dtype), variable, at)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one variable and its slots. Override it to write an optimizer as for Keras 3."""
        once = self._at()
        once.learning_rate = learning_rate
        at = in_dtype(once, variable.dtype)
        self._follow(variable.value, engine.cast(gradient, variable.dtype), variable, at)

    def _follow(self, p: Any, g: Any, variable: Variable, at: SimpleNamespace) -> None:
        own = self._slots[variable]
        values = {name: v.value for name, v in own.items() if name not in (AVERAGE, ACCUMULATOR)}
        p, values = self.rule(p, g, values, at)
        variable.assign(p)
        for name, value in values.items():
            own[name].assign(value)

    def _at(self) -> SimpleNamespace:
        """The numbers of this step, in at least float32."""
        dtype = number_dtype()
        found = {name: engine.cast(v.value, dtype) for name, v in self._used().items()}
        at = SimpleNamespace(**found)
        at.learning_rate = engine.cast(_value(self.learning_rate), dtype)
        done = self.iterations
        at.step = engine.cast(_value(done), dtype) + 1
        if self.weight_decay is not None:
            at.decay = at.weight_decay * at.learning_rate
        self.once(at)
        return at

    # ------------------------------------------------------------ clipping and decay

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Let these Variables, and those with one of `var_names` in their name, not decay."""
        self._undecayed = (set(var_list or ()), "|".join(var_names or ()))

    def decays(self, variable: Variable) -> bool:
        """Whether a variable takes part in weight decay."""
        excluded, pattern = self._undecayed
        named = bool(pattern) and re.search(pattern, variable.name) is not None
        return variable not in excluded and not named

    def decayed(self, variable: Variable, at: SimpleNamespace) -> Any:
        """The variable's value after weight decay."""
        p = variable.value
        if self.weight_decay is None or not self.decays(variable):
            return p
        return p - p * at.decay

    def _decay(self, variables: list[Variable], once: SimpleNamespace) -> None:
        for variable in variables:
            variable.assign(self.decayed(variable, in_dtype(once, variable.dtype)))

    # ------------------------------------------------------------ averages and accumulation

    def _average(self) -> None:
        """Move the averages of all parameters, and overwrite those whose time has come."""
        done = _value(self.iterations)
        every = self.ema_overwrite_frequency
        for variable in self._trainable:
            p, average = variable.value, self._slots[variable][AVERAGE]
            kept = engine.cast((done != 0) * _value(self.ema_momentum), variable.dtype)
            mean = average.value * kept + p * (1 - kept)
            average.assign(mean)
            if every:
                variable.assign(engine.np.where((done + 1) % every == 0, mean, p))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Replace parameters by their moving averages, where `use_ema` is on."""
        for variable in var_list if self.use_ema else ():
            if variable in self._slots:
                variable.assign(self._slots[variable][AVERAGE].value)

    def _accumulate(self, grads: list, variables: list[Variable]) -> None:
        """Add to the accumulators; every so many steps, update with the mean and empty them."""
        count = self.gradient_accumulation_steps
        sums = [self._slots[v][ACCUMULATOR] for v in variables]
        grads = [engine.cast(g, v.dtype) for g, v in zip(grads, variables, strict=True)]

        def update() -> None:
            self.update(
                [(g + s.value) / count for g, s in zip(grads, sums, strict=True)], variables
            )
            for total in sums:
                total.assign(engine.np.zeros(total.shape, total.dtype))

        def keep() -> None:
            for g, total in zip(grads, sums, strict=True):
                total.assign(total.value + g)

        due = (self._iterations.value + 1) % count == 0
        choose(due, update, keep, [*variables, *self.variables])

    # ------------------------------------------------------------ whole state in and out

    def stateless_apply(
        self, optimizer_variables: Sequence, grads: Sequence, trainable_variables: Sequence
    ) -> tuple[list, list]:
        """`apply` as a function of values: returns new parameters and new optimizer values."""
        cells = [*self._trainable, *self.variables]
        values = [*trainable_variables, *optimizer_variables]
        if not self.built or len(values) != len(cells):
            raise UsageError(
                "E-OPTIMIZER-BUILD",
                f"{self.name} has {len(self._trainable)} parameters and {len(self.variables)} "
                f"variables; got {len(trainable_variables)} and {len(optimizer_variables)} values. "
                "Call optimizer.build(variables) first.",
            )
        with state.within(bound=bound_to(cells, values)) as inner:
            self.apply(grads, self._trainable)
        news = [inner.bound[cell] for cell in cells]
        return news[: len(self._trainable)], news[len(self._trainable) :]

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`, where that is set."""
        return loss if self.loss_scale_factor is None else loss * _value(self.loss_scale_factor)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign to `variables`, in order. Raises UsageError where numbers or shapes differ."""
        if len(weights) != len(self.variables):
            raise UsageError(
                "E-OPTIMIZER-WEIGHTS",
                f"{self.name} has {len(self.variables)} variables; got {len(weights)} arrays.",
            )
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments as plain data; numbers as they are now."""
        config = {**super().get_config(), **{n: plain(v) for n, v in self._cells().items()}}
        rate = self.__dict__.get("learning_rate")
        if "learning_rate" in config and not isinstance(rate, Variable):
            config["learning_rate"] = serialize(rate)
        return config

    def __repr__(self) -> str:
        defaults = {name: f.default for name, f in type(self).fields.items()}
        defaults["name"] = snake(type(self).__name__)
        config = self.get_config().items()
        said = [f"{name}={value!r}" for name, value in config if value != defaults.get(name)]
        return f"{type(self).__name__}({', '.join(said)})"

    # ------------------------------------------------------------ optimizers written as for Keras 3

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A Variable of the optimizer's own, saved with it.

        `initializer`: "zeros", or a function of shape and dtype.
        """
        make = np.zeros if initializer == "zeros" else initializer
        if not callable(make):
            raise UsageTypeError(
                "E-TYPE", f'initializer must be "zeros" or an initializer; got {shown(make)}.'
            )
        value = make(tuple(shape), dtype=dtype or settings.floatx())
        self._added.append(self._kept(value, dtype, name or "variable"))
        return self._added[-1]

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A Variable of the shape and dtype of another, named after it."""
        named = self.slot_name(name or "var", reference_variable)
        shape, dtype = reference_variable.shape, reference_variable.dtype
        return self.add_variable(shape, initializer, dtype, name=named)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """For each variable one of the same shape; several lists where `name` is a list."""
        names = [name] if isinstance(name, str) else list(name)
        alike = not isinstance(initializer, (list, tuple))
        initializers = [initializer] * len(names) if alike else list(initializer)
        made = [
            [
                self.add_variable_from_reference(variable, n, i)
                for n, i in zip(names, initializers, strict=True)
            ]
            for variable in trainable_variables
        ]
        columns = [list(column) for column in zip(*made, strict=True)] or [[] for _ in names]
        return columns[0] if isinstance(name, str) else tuple(columns)

    def _get_variable_index(self, variable: Variable) -> int:
        return next(i for i, known in enumerate(self._trainable) if known is variable)

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a Variable's value."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a Variable's value."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a Variable's value."""
        variable.assign_sub(value)


install(Optimizer, inspect.get_annotations(Optimizer))


def _once(build: Callable) -> Callable:
    """A user's `build`, skipped when the variables are those it was built with."""

    @functools.wraps(build)
    def wrapped(self: Optimizer, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        if not (self.built and set(variables) == set(self._trainable)):
            build(self, variables)

    return wrapped


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x
