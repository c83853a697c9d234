"""Gradients for those who write their own loop: a function's value and its slopes, compiled."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cornu import engine, state, tree
from cornu.errors import UsageError, UsageTypeError, listed, shown
from cornu.state import Frame, Variable


def value_and_gradients(
    fn: Callable, variables: Iterable[Variable], has_aux: bool = False
) -> Callable:
    """A function that gives the value of `fn` for its arguments, and its gradients by `variables`.

    Layers inside run as in training, and what they assign (moving averages) is kept. It is compiled
    once per shape of the arguments.

    Args:
        fn: takes arrays, or structures of them, also by keyword; returns one number, with `has_aux`
            a pair of it and anything else. It reads Variables as it likes.
        variables: such as `model.trainable_variables`; the gradients come in their order.

    Raises:
        UsageError, UsageTypeError: for no Variables, and for a value that is not one number.

    Example:
        >>> step = value_and_gradients(lambda x, y: loss(y, model(x)), model.trainable_variables)
        >>> value, gradients = step(x, y)
        >>> optimizer.apply(gradients, model.trainable_variables)
    """
    chosen = list(variables)
    if not chosen or not all(isinstance(v, Variable) for v in chosen):
        raise UsageTypeError(
            "E-GRADIENTS",
            f"value_and_gradients takes a list of Variables; got {shown(chosen)}. "
            "Say e.g. model.trainable_variables, once the model is built.",
        )
    whole = [v.path for v in chosen if "float" not in v.dtype]
    if whole:
        raise UsageTypeError("E-GRADIENTS", f"{listed(whole)} holds no floats: it has no gradient.")
    return _Slopes(fn, chosen, has_aux)


class _Slopes:
    """What `value_and_gradients` returns."""

    def __init__(self, fn: Callable, variables: list[Variable], has_aux: bool):
        self.fn, self.variables, self.has_aux = fn, variables, has_aux
        self.others: list[Variable] = []  # read or assigned besides
        self.known: set = set()  # shapes of arguments whose readings are known
        self.run = engine.jit(self._run)

    def __call__(self, *args: Any, **named: Any) -> tuple[Any, list]:
        said = tree.map_structure(
            lambda a: None if a is None else engine.array(a), (args, dict(sorted(named.items())))
        )
        self._look(said)
        with state.cells_lock:
            cells = [*self.variables, *self.others]
            values = [cell._value for cell in cells]
            key = engine.key(state.seeds.next())
            found, gradients, news = self.run(values, key, said)
            for cell, value in zip(cells, news, strict=True):
                cell._value = value
        return found, gradients

    def _look(self, said: tuple) -> None:
        """Find out which Variables the function reads besides."""
        specs = tree.map_structure(
            lambda a: None if a is None else engine.Spec(tuple(a.shape), str(a.dtype)), said
        )
        shapes = repr(specs)
        if shapes in self.known:
            return
        strangers: dict[Variable, None] = {}

        def once(said: tuple) -> Any:
            with Frame(key=engine.key(0), training=True) as frame:
                frame.strangers = strangers
                self._value(said)
                strangers.update(dict.fromkeys(frame.bound))
            return engine.np.zeros(())

        engine.infer(once, specs)
        new = [v for v in strangers if v not in {*self.variables, *self.others}]
        self.known.add(shapes)
        if new:
            self.others += new
            self.run = engine.jit(self._run)

    def _value(self, said: tuple) -> tuple[Any, Any]:
        args, named = said
        found = self.fn(*args, **named)
        value, aux = found if self.has_aux else (found, None)
        if getattr(value, "shape", None) != ():
            raise UsageError(
                "E-GRADIENTS",
                f"the function must return one number; got {shown(value)}. Take the mean of it.",
            )
        return value, aux

    def _run(self, values: Sequence[Any], key: Any, said: tuple) -> tuple[Any, list, list]:
        count = len(self.variables)

        def value(trained: list) -> tuple[Any, tuple]:
            bound = [*trained, *values[count:]]
            cells = [*self.variables, *self.others]
            with Frame(zip(cells, bound, strict=True), True, key) as frame:
                found, aux = self._value(said)
                return found, (aux, [frame.bound[cell] for cell in cells])

        (found, (aux, news)), gradients = engine.value_and_grad(value, has_aux=True)(
            list(values[:count])
        )
        return ((found, aux) if self.has_aux else found), gradients, news
