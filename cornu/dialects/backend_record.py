"""How a function of `K` becomes an op: old keywords, sizes that are computed, Variables as symbols.

`K` functions see Variables as symbols outside of any computation, so that what is made of them
follows later values. Shapes may be made of `K.shape(x)`: such an argument is kept as the arrays
that are to be measured and the arithmetic on their sizes, and is a tuple of ints when it runs.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, graph, state, tree
from cornu.errors import UsageError, UsageTypeError, suggestion
from cornu.graph import Node, Tensor
from cornu.state import Variable

SPELLINGS = {
    "X": "x",
    "border_mode": "padding",
    "dim": "axis",
    "dim_ordering": "data_format",
    "filter_dilation": "dilation_rate",
    "high": "maxval",
    "low": "minval",
    "nb_classes": "num_classes",
    "std": "stddev",
    "stride": "strides",
    "variable": "x",
    "xs": "ops",
}
"""Old keyword -> today's, for every function that takes the new one and not the old one."""

IGNORED = frozenset({"image_shape", "filter_shape", "volume_shape"})
"""Keywords by which Theano's convolutions were told sizes."""


def recorded(
    fn: Callable | None = None, *, sizes: Sequence[str] = (), draws: bool = False
) -> Callable:
    """Make `fn` on arrays a function of `K`.

    Args:
        fn: what it computes. It is given arrays in place of Tensors and Variables.
        sizes: arguments that hold sizes: plain numbers when `fn` runs.
        draws: whether it draws numbers, and so records itself without any Tensor too.
    """
    if fn is None:
        return functools.partial(recorded, sizes=sizes, draws=draws)
    signature = inspect.signature(fn)

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = _settled(args), _settled(kwargs)
        if draws or not _sizes_alone(args, kwargs):
            return fn(*args, **kwargs)
        with engine.at_once():
            return fn(*args, **kwargs)

    # another name than that of an op of cornu.ops: a file would take it for that
    run.__name__ = f"K.{fn.__name__.lstrip('_')}"
    run.__dict__["is_op"] = True

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        kwargs = modern(fn, signature, kwargs)
        if sizes:
            args, kwargs = _with_late_sizes(signature, sizes, args, kwargs)
        args, kwargs = graph.in_place((args, kwargs))
        leaves = tree.leaves((args, kwargs))
        symbolic = any(isinstance(x, Tensor) for x in leaves)
        if symbolic and not outside():
            _check_alone(fn, leaves)
        if symbolic or (outside() and (draws or any(isinstance(x, Variable) for x in leaves))):
            return graph.record(run, args, kwargs)
        return run(*args, **kwargs)

    return call


def _check_alone(fn: Callable, leaves: Sequence[Any]) -> None:
    """Raise UsageError where a Tensor from outside meets arrays that are being computed with."""
    if any(engine.is_traced(x) for x in leaves):
        name = next(x.name for x in leaves if isinstance(x, Tensor))
        raise UsageError(
            "E-SYMBOLIC",
            f'K.{fn.__name__} within a layer or loss was given "{name}", a Tensor of the graph '
            "outside, beside arrays. Make it an input of the layer: Lambda(fn)([x, y]).",
        )


def spelt(fn: Callable) -> Callable:
    """`fn`, taking old keywords too."""
    signature = inspect.signature(fn)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **modern(fn, signature, kwargs))

    return call


def modern(fn: Callable, signature: inspect.Signature, kwargs: Mapping[str, Any]) -> dict:
    """Keyword arguments of `fn` by today's names, without those that say nothing any more.

    Raises UsageTypeError for a name of no generation.
    """
    known = signature.parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return dict(kwargs)
    found = {}
    for name, value in kwargs.items():
        now = name if name in known else SPELLINGS.get(name, name)
        if now in known:
            found[now] = value
        elif name not in IGNORED or "padding" not in known:
            raise UsageTypeError(
                "E-ARGUMENT",
                f'K.{fn.__name__}() has no argument "{name}". {suggestion(name, known)}'
                f"It takes {', '.join(known)}.",
            )
    return found


def outside() -> bool:
    """Whether nothing is being computed: what is done to a Variable then is a symbol."""
    frame = state.frame()
    return frame is None or not frame.catches


# ---------------------------------------------------------------- sizes that are computed


class Sizes(NamedTuple):
    """A size made of sizes of arrays: what is to be measured, and what is then computed."""

    roots: tuple
    measured: "Measured"


class Measured:
    """Sizes as arithmetic on the sizes of some arrays. Holds Tensors; is no part of the graph."""

    def __init__(self, wanted: Tensor, measures: Sequence[Node]):
        self.wanted, self.measures = wanted, list(measures)

    def __call__(self, roots: Sequence[Any]) -> Any:
        """The size(s) in NumPy, computed at once even while a program is being traced."""
        feed = {
            node.outputs[0]: node.op(root, *node.args[1:], **node.kwargs)
            for node, root in zip(self.measures, roots, strict=True)
        }
        with engine.at_once():
            return np.asarray(graph.evaluate(self.wanted, feed))


def measures(fn: Callable) -> Callable:
    """Mark a recorded function, given one array, as one whose result is known from its shape."""
    fn.__dict__["measures"] = True
    return recorded(fn)


def _is_measure(node: Node) -> bool:
    return getattr(node.op, "measures", False)


def late(sizes: Any) -> Any:
    """`sizes`, a number or nested list of them, with Tensors in it as `Sizes`."""
    if isinstance(sizes, (list, tuple)) and not isinstance(sizes, Sizes):
        return type(sizes)([late(s) for s in sizes])
    return _measured(sizes) if isinstance(sizes, Tensor) else sizes


def _measured(wanted: Tensor) -> Sizes:
    """Raises UsageError where the size depends on more than shapes."""
    found: dict[int, Node] = {}
    todo = [wanted]
    while todo:
        tensor = todo.pop()
        node = tensor.node
        if node is None or getattr(node.op, "is_placeholder", False):
            raise UsageError(
                "E-SIZE-UNKNOWN",
                f'a size depends on the values of "{tensor.name}", which are not known before it '
                "is fed. A size can be a number, or be computed from K.shape(x).",
            )
        if _is_measure(node):
            found[node.number] = node
        else:
            todo += node.inputs
    nodes = list(found.values())
    return Sizes(tuple(node.inputs[0] for node in nodes), Measured(wanted, nodes))


def _with_late_sizes(
    signature: inspect.Signature, names: Sequence[str], args: tuple, kwargs: dict
) -> tuple[tuple, dict]:
    bound = signature.bind(*args, **kwargs)
    for name in names:
        if name in bound.arguments:
            bound.arguments[name] = late(bound.arguments[name])
    return bound.args, bound.kwargs


def _settled(x: Any) -> Any:
    """Values in place of Variables, numbers in place of `Sizes`."""
    if isinstance(x, Sizes):
        return x.measured(x.roots)
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, Mapping):
        return {name: _settled(v) for name, v in x.items()}
    if isinstance(x, (list, tuple)):
        inner = [_settled(v) for v in x]
        return inner if isinstance(x, list) else _tuple_like(x, inner)
    return dense(x)


def dense(x: Any) -> Any:
    """A sparse matrix of SciPy as a NumPy array; anything else as it is."""
    return x.toarray() if hasattr(x, "tocoo") else x


def _tuple_like(x: tuple, inner: list) -> tuple:
    return type(x)(*inner) if hasattr(x, "_fields") else tuple(inner)


def _sizes_alone(*structures: Any) -> bool:
    """Whether the only arrays are NumPy's and whole: sizes, to be had while tracing too."""
    arrays = [x for x in tree.leaves(structures) if hasattr(x, "dtype") and hasattr(x, "shape")]
    return bool(arrays) and all(
        isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "iu" and x.ndim < 2
        for x in arrays
    )


def numbers(sizes: Any) -> tuple[int, ...]:
    """Sizes as a tuple of ints, from a number, a sequence or an array.

    Raises UsageError where one is unknown.
    """
    each = sizes if isinstance(sizes, (list, tuple)) else np.atleast_1d(np.asarray(sizes))
    if any(s is None for s in each):
        raise UsageError(
            "E-SHAPE-UNKNOWN",
            f"sizes must be known or computed; got {tuple(each)}. Take K.shape(x)[0] of a Tensor "
            "x in place of None.",
        )
    return tuple(int(s) for s in each)
