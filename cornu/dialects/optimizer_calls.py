"""Optimizers as Keras 0 to 2.3 called and wrote them: `get_updates`, `get_gradients`, `lr`.

`get_updates` of an optimizer of today gives pairs (Variable, new value) for `K.function`. An
optimizer of the user's that writes `get_updates` is asked once, on placeholders for the gradients;
what it answers is a graph, which every step evaluates. So its Variables are those of the optimizer.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cornu import engine, graph, state
from cornu.config import classes_named
from cornu.dialects import generations
from cornu.dialects.backend_function import Update, _split
from cornu.dialects.backend_function import gradients as gradients_of
from cornu.dialects.optimizers import DECAYING
from cornu.dialects.patches import Patch, tell
from cornu.errors import UsageError, shown
from cornu.graph import Tensor
from cornu.optimizers import Optimizer, base
from cornu.optimizers.cells import plain
from cornu.optimizers.steps import bound_to, clipped
from cornu.state import Variable

__all__ = ["PATCHES"]

# ---------------------------------------------------------------- optimizers of today


class _Step:
    """One step on some parameters: gradients to the new values of all that changes."""

    name = "optimizer_step"

    def __init__(self, optimizer: Any, parameters: Sequence[Variable]):
        self.optimizer, self.parameters = optimizer, list(parameters)
        optimizer.build(dict.fromkeys([*optimizer._trainable, *parameters]))
        self.cells = [*parameters, *optimizer.variables]
        self.variables = [*self.cells, *optimizer.hyper_variables]

    def __call__(self, *gradients: Any) -> list:
        values = [engine.array(cell.value) for cell in self.cells]
        with state.within(bound=bound_to(self.cells, values)) as inner:
            self.optimizer.apply(list(gradients), self.parameters)
        return [inner.bound[cell] for cell in self.cells]


def get_updates(optimizer: Any, *args: Any, **kwargs: Any) -> list[Update]:
    """Pairs (Variable, new value) of one step that makes `loss` smaller, for `K.function`.

    Takes (loss, params) as Keras 2 did, and (params, constraints, loss) as Keras 1.
    """
    tell("optimizer.get_updates(loss, params)", "model.fit, or optimizer.apply(gradients, params)")
    parameters, constraints, loss = _asked(args, kwargs)
    for variable, constraint in constraints.items():
        variable.constraint = constraint
    found = optimizer.get_gradients(loss, parameters)
    step = _Step(optimizer, parameters)
    made = graph.record(step, tuple(found), {})
    optimizer.updates = [Update(pair) for pair in zip(step.cells, made, strict=True)]
    return optimizer.updates


def _asked(args: tuple, kwargs: Mapping[str, Any]) -> tuple[list[Variable], Mapping, Any]:
    """Parameters, constraints by parameter, and loss."""
    several = len(args) > 1 and isinstance(args[0], (list, tuple)) or len(args) + len(kwargs) > 2
    order = ("params", "constraints", "loss") if several else ("loss", "params")
    if len(args) == 2 and isinstance(args[0], (list, tuple)):
        order = ("params", "loss")
    found = {**dict(zip(order, args, strict=False)), **kwargs}
    if "params" not in found or "loss" not in found:
        raise UsageError(
            "E-ARGUMENTS",
            f"get_updates needs a loss and parameters; got {', '.join(found) or 'nothing'}. Say "
            "optimizer.get_updates(loss=loss, params=model.trainable_weights).",
        )
    constraints = found.get("constraints")
    return (
        list(found["params"]),
        constraints if isinstance(constraints, Mapping) else {},
        found["loss"],
    )


def get_gradients(optimizer: Any, loss: Any, params: Sequence[Variable]) -> list:
    """Gradients of a symbolic loss, clipped as the optimizer does."""
    given = optimizer.__dict__.get("_gradients_of_step")
    if given is not None:
        return list(given)
    found = gradients_of(loss, list(params))
    if _own_updates(optimizer) and _clips(optimizer):
        return graph.record(_Clip(optimizer), tuple(found), {})
    return found


class _Clip:
    """Gradients after clipping."""

    name = "clip"

    def __init__(self, optimizer: Any):
        self.optimizer = optimizer
        self.variables = list(optimizer.hyper_variables)

    def __call__(self, *gradients: Any) -> list:
        return _clipped(self.optimizer, list(gradients))


def _clips(optimizer: Any) -> bool:
    named = ("clipnorm", "clipvalue", "global_clipnorm")
    return any(getattr(optimizer, name) is not None for name in named)


# ---------------------------------------------------------------- optimizers of users


def _own_updates(optimizer: Any) -> bool:
    """Whether a class of the user's writes `get_updates`."""
    known = getattr(type(optimizer), "get_updates", None)
    return known is not None and known is not get_updates


def _recorded(optimizer: Any, parameters: Sequence[Variable]) -> None:
    """Ask the user's `get_updates` once, with placeholders for the gradients."""
    given = [Tensor(v.shape, v.dtype) for v in parameters]
    symbols = [v.symbolic for v in parameters]
    optimizer.__dict__["_gradients_of_step"] = given
    for variable in parameters:
        variable.symbolic = True
    try:
        pairs = _split(_called(optimizer, list(parameters)))
    finally:
        del optimizer.__dict__["_gradients_of_step"]
        for variable, symbolic in zip(parameters, symbols, strict=True):
            variable.symbolic = symbolic
    news = [new for _, new in pairs]
    known = graph.variables_of(news, [v for v, _ in pairs])
    own = {id(v) for v in parameters}
    optimizer.__dict__["_recorded"] = (list(parameters), given, pairs)
    optimizer.__dict__["_own_cells"] = [v for v in known if id(v) not in own]


def _called(optimizer: Any, parameters: list[Variable]) -> Any:
    """`get_updates` in the order of arguments that it has."""
    names = list(inspect.signature(type(optimizer).get_updates).parameters)[1:]
    constraints = {v: v.constraint for v in parameters if v.constraint is not None}
    told = {"params": parameters, "constraints": constraints, "loss": 0.0}
    missing = [name for name in names if name not in told and name != "kwargs"]
    if missing:
        raise UsageError(
            "E-OPTIMIZER",
            f"get_updates of {type(optimizer).__name__} takes {', '.join(names)}; it must take "
            f"loss and params, or params, constraints and loss. Unknown: {shown(missing[0])}.",
        )
    return optimizer.get_updates(**{name: told[name] for name in names if name in told})


def build(optimizer: Any, variables: Iterable[Variable]) -> None:
    """`Optimizer.build`; the Variables of the user's `get_updates` are found here."""
    if not _own_updates(optimizer):
        BUILD(optimizer, variables)
        return
    listed = list(variables)
    tell(f"{type(optimizer).__name__}.get_updates", "update_step(gradient, variable, rate)")
    known = optimizer.__dict__.get("_recorded")
    if known is None or known[0] != listed:
        _recorded(optimizer, listed)
    optimizer._trainable, optimizer.built = listed, True


def apply(optimizer: Any, grads: Iterable[Any], trainable_variables: Any = None) -> None:
    """`Optimizer.apply`; by the updates that the user's `get_updates` gave."""
    if not _own_updates(optimizer):
        APPLY(optimizer, grads, trainable_variables)
        return
    if trainable_variables is not None:
        optimizer.build(trainable_variables)
    parameters, given, pairs = optimizer._recorded
    values = _clipped(optimizer, [engine.array(g) for g in grads])
    news = graph.evaluate([new for _, new in pairs], dict(zip(given, values, strict=True)))
    held = {id(v) for v, _ in pairs if v.constraint is None}
    for (variable, _), new in zip(pairs, news, strict=True):
        value = new.value if isinstance(new, Variable) else new
        variable.assign(engine.np.reshape(engine.array(value), variable.shape))
    takes = _takes_constraints(optimizer)
    for variable in parameters if not takes else ():
        if id(variable) not in held and variable.constraint is not None:
            variable.assign(variable.constraint(variable.value))


def _takes_constraints(optimizer: Any) -> bool:
    """Whether `get_updates` was given the constraints, and so has seen to them."""
    return "constraints" in inspect.signature(type(optimizer).get_updates).parameters


def _variables(optimizer: Any) -> list[Variable]:
    if _own_updates(optimizer):
        return list(optimizer.__dict__.get("_own_cells", ()))
    return VARIABLES.fget(optimizer)  # pyright: ignore


def _hyper_variables(optimizer: Any) -> list[Variable]:
    own = {id(v) for v in _variables(optimizer)} if _own_updates(optimizer) else set()
    return [v for v in HYPER.fget(optimizer) if id(v) not in own]  # pyright: ignore


BUILD, APPLY = Optimizer.build, Optimizer.apply
VARIABLES, HYPER = Optimizer.variables, Optimizer.hyper_variables
ITERATIONS = Optimizer.iterations

# ---------------------------------------------------------------- two ways of clipping


def _check_clips(optimizer: Any) -> None:
    """`Optimizer._check_clips`; before Keras 3 values could be clipped after the norm was."""
    value = optimizer.clipvalue
    if value is None or not generations.before("3"):
        CHECK(optimizer)
        return
    optimizer.clipvalue = None
    CHECK(optimizer)
    optimizer.__dict__["clipvalue"] = value if float(value.numpy()) else None


def _clipped(optimizer: Any, grads: list) -> list:
    """`clipped`, by the norm and then by values where both are asked for."""
    found = clipped(optimizer, grads)
    norms = (optimizer.clipnorm, optimizer.global_clipnorm)
    if optimizer.clipvalue is None or norms == (None, None):
        return found
    most = optimizer.clipvalue.value
    return [engine.cast(engine.np.clip(g, -most, most), g.dtype) for g in found]


CHECK = Optimizer._check_clips

# ---------------------------------------------------------------- attributes


def _get_config(optimizer: Any) -> dict[str, Any]:
    """The constructor arguments; those of clipping alone for a class that writes `get_updates`."""
    if not _own_updates(optimizer):
        return CONFIG(optimizer)
    known = ((name, getattr(optimizer, name)) for name in ("clipnorm", "clipvalue"))
    return {name: plain(held) for name, held in known if held is not None}


CONFIG = Optimizer.get_config


def _rate(optimizer: Any) -> Any:
    if "lr" in optimizer.__dict__:
        return optimizer.__dict__["lr"]
    tell("optimizer.lr", "optimizer.learning_rate")
    return optimizer.learning_rate


def _set_rate(optimizer: Any, value: Any) -> None:
    if _own_updates(optimizer):
        optimizer.__dict__["lr"] = value
    else:
        optimizer.learning_rate = value


def _decay(optimizer: Any) -> Any:
    """How fast the rate falls: 0 of an optimizer that was made without `decay`."""
    held = optimizer.__dict__.get("_decay_told")
    if held is None:
        held = optimizer.__dict__["_decay_told"] = optimizer._cell("decay", 0.0)
    return held


def _set_decay(optimizer: Any, value: Any) -> None:
    """Have the rate fall from here on; what is compiled already goes on without."""
    name = DECAYING.get(getattr(optimizer, "goes_by", type(optimizer)).__name__)
    plain_number = isinstance(value, (int, float)) and value
    if name is None or not plain_number or not type(optimizer).__module__.startswith("cornu."):
        optimizer.__dict__["_decay_told"] = value
        return
    CLASS.__set__(optimizer, classes_named(name)[-1])
    optimizer.decay = value


CLASS: Any = vars(object)["__class__"]


def _set_iterations(optimizer: Any, value: Any) -> None:
    if not isinstance(value, Variable):
        raise UsageError(
            "E-TYPE", f"iterations is a Variable, as K.variable(0); got {shown(value)}."
        )
    optimizer.__dict__["_iterations"] = value


def _weights(optimizer: Any) -> list[Variable]:
    known = optimizer.__dict__.get("_weights_told")
    return optimizer.variables if known is None else known


def _set_weights(optimizer: Any, value: Sequence[Variable]) -> None:
    optimizer.__dict__["_weights_told"] = list(value)


def _get_weights(optimizer: Any) -> list:
    """Values of the optimizer's Variables."""
    return [v.numpy() for v in optimizer.weights]


PATCHES: Sequence[Patch] = (
    Patch(Optimizer, "get_updates", get_updates),
    Patch(Optimizer, "get_gradients", get_gradients),
    Patch(Optimizer, "_check_clips", _check_clips),
    Patch(base, "clipped", _clipped),
    Patch(Optimizer, "build", build),
    Patch(Optimizer, "apply", apply),
    Patch(Optimizer, "variables", property(_variables)),
    Patch(Optimizer, "hyper_variables", property(_hyper_variables)),
    Patch(Optimizer, "iterations", property(ITERATIONS.fget, _set_iterations)),
    Patch(Optimizer, "lr", property(_rate, _set_rate)),
    Patch(Optimizer, "decay", property(_decay, _set_decay)),
    Patch(Optimizer, "weights", property(_weights, _set_weights)),
    Patch(Optimizer, "get_weights", _get_weights),
    Patch(Optimizer, "get_config", _get_config),
    Patch(Optimizer, "updates", None),
)
