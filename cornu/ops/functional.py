"""Functions of functions: derivatives of one's own, choices, mapping, parallel scans.

Loops and conditions are in `ops.networks`. Functions that are passed in work on arrays and are kept
in a graph as they are, so a model with them is saved like one with a `Lambda`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from cornu import engine, tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import op
from cornu.ops.array import as_array

__all__ = ["associative_scan", "custom_gradient", "jvp", "switch", "vectorize"]


@op
def associative_scan(f: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All of e0, f(e0, e1), f(f(e0, e1), e2) ... along an axis, in a logarithmic number of steps.

    Args:
        f: associative, works on whole blocks of elements, keeps shape and structure.
        elems: an array, or a structure of arrays of one size along `axis`.
        reverse: whether to begin at the end.
        axis: where the elements lie.

    Source: Blelloch, Prefix Sums and Their Applications, 1990.
    """
    return engine.associative_scan(f, tree.map_structure(as_array, elems), reverse, axis)


def custom_gradient(f: Callable) -> Callable:
    """`f` with a derivative of its own: a decorator.

    `f(*args)` returns `(output, grad)`, and `grad(upstream)` the derivatives by each of `args`: one
    alone, or a tuple in their order. `f` runs again during differentiation.

    Example:
        >>> @custom_gradient
        ... def log1pexp(x):
        ...     e = ops.exp(x)
        ...     return ops.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))
    """

    def outputs(*args: Any) -> Any:
        return _parts(f, args)[0]

    def forward(*args: Any) -> tuple:
        return outputs(*args), args

    def backward(args: tuple, upstream: Any) -> tuple:
        found = _parts(f, args)[1](upstream)
        if len(args) == 1 and not isinstance(found, (list, tuple)):
            found = (found,)
        return _as_args(f, args, found)

    made = op(_late(outputs, forward, backward))
    made.__name__ = made.__qualname__ = getattr(f, "__name__", "custom_gradient")
    made.__doc__ = f.__doc__
    return made


def _late(fn: Callable, forward: Callable, backward: Callable) -> Callable:
    """`engine.custom_gradient`, asked for at the first call: a decorator runs on import."""
    made: list[Callable] = []

    def call(*args: Any) -> Any:
        if not made:
            made.append(engine.custom_gradient(fn, forward, backward))
        return made[0](*(tree.map_structure(as_array, x) for x in args))

    return call


def _parts(f: Callable, args: tuple) -> tuple[Any, Callable]:
    found = f(*args)
    if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
        raise UsageTypeError(
            "E-GRADIENT",
            f"custom_gradient: the function must return (output, grad), grad being a function of "
            f"the upstream gradient; got {shown(found)}.",
        )
    return found


def _as_args(f: Callable, args: tuple, found: Any) -> tuple:
    """Derivatives in the structure of the arguments; a flat list of them will do."""
    if len(found) == len(args) and all(
        tree.is_nested(a) == tree.is_nested(g) for a, g in zip(args, found, strict=True)
    ):
        return tuple(found)
    flat, wanted = tree.leaves(found), tree.leaves(args)
    if len(flat) != len(wanted):
        raise UsageError(
            "E-GRADIENT",
            f"custom_gradient: {getattr(f, '__name__', 'the function')} has {len(wanted)} "
            f"arguments, and its gradient function returned {len(flat)} derivatives.",
        )
    rest = iter(flat)
    return tree.map_structure(lambda _: next(rest), args)


@op
def jvp(fun: Callable, primals: Sequence, tangents: Sequence, has_aux: bool = False) -> tuple:
    """`fun(*primals)` and its derivative along `tangents`, in one forward pass.

    With `has_aux` `fun` returns (output, more), and `more` comes third.
    """
    primals, tangents = (tree.map_structure(as_array, tuple(x)) for x in (primals, tangents))
    return tuple(engine.jvp(fun, primals, tangents, has_aux))


@op
def switch(index: Any, branches: Sequence[Callable], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index beyond the ends means the first or last branch.

    The index may be computed; the branches then must return the same shapes and dtypes.
    """
    if not len(branches):
        raise UsageError("E-BRANCHES", "switch needs one branch at least; got none.")
    index = as_array(index)
    operands = tuple(tree.map_structure(as_array, x) for x in operands)
    return engine.switch(index, list(branches), *operands)


def vectorize(
    pyfunc: Callable, *, excluded: Collection | None = None, signature: str | None = None
) -> Callable:
    """`pyfunc`, written for single elements, as a function of arrays that broadcast.

    Args:
        pyfunc: a function of scalars, or of the blocks that `signature` names.
        excluded: positions or names of arguments that are passed on as they are.
        signature: axes of one call, as in "(n),(n)->()".
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        mapped = engine.np.vectorize(pyfunc, excluded=set(excluded or ()), signature=signature)
        left = set(excluded or ())
        taken = [x if i in left else as_array(x) for i, x in enumerate(args)]
        named = {k: x if k in left else as_array(x) for k, x in kwargs.items()}
        return mapped(*taken, **named)

    call.__name__ = call.__qualname__ = getattr(pyfunc, "__name__", "vectorized")
    call.__doc__ = pyfunc.__doc__
    return op(call)
