"""Shapes and dtypes of results, found by tracing: nobody writes shape functions."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu import engine, settings, state, tree
from cornu.engine import Spec
from cornu.errors import UsageError, UsageTypeError
from cornu.operators import Index
from cornu.state import Frame, Variable
from cornu.tensor import Tensor, tensors

PROBES = (5040, 10080)
"""Sizes tried for an unknown dimension: far apart, divisible by every number up to 10, and 16."""


def infer(
    fn: Callable, args: tuple, kwargs: Mapping[str, Any], strangers: dict | None = None
) -> Any:
    """`fn`'s outputs as node-less Tensors, computing nothing.

    Traced at two sizes for every unknown dimension: what differs stays unknown. Variables and
    Tensors that `fn` reads without being given them are put into `strangers`.
    """
    given = tensors((args, kwargs))
    unknown = any(None in t.shape for t in given)
    sizes = PROBES if unknown else (1,)
    try:
        found = [_as_tree(f) for f in _probe(fn, args, kwargs, sizes, strangers)]
        return tree.map_structure(_made, found[0], found[-1])
    except Exception as error:
        guessed = _beside_known_sizes(fn, args, kwargs)
        if guessed is not None:
            return guessed
        told = _told(error, fn, given)
        if told is error:
            raise
        raise told from None  # what an engine says of its own frames helps nobody


def _made(a: Any, b: Any) -> Any:
    """A Tensor from what was found at both sizes."""
    if a is None or b is None:
        return None
    sizes = [m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)]
    return Tensor(sizes, a.dtype)


def _beside_known_sizes(fn: Callable, args: tuple, kwargs: Mapping[str, Any]) -> Any:
    """The results of an op where unknown axes meet known ones, or None where they still do not fit.

    All axes but the first are tried with size 1, which fits any other: (None, None) and (None, 2)
    give (None, 2). A 1 that comes out says nothing.
    """
    inner = any(None in t.shape[1:] for t in tensors((args, kwargs)))
    if not (inner and getattr(fn, "is_op", False)):
        return None
    try:
        found = [_as_tree(f) for f in _probe(fn, args, kwargs, PROBES, None, inner=1)]
    except Exception:
        return None

    def made(a: Any, b: Any) -> Any:
        tensor = _made(a, b)
        if tensor is not None:
            tensor.shape = tuple(None if size == 1 else size for size in tensor.shape)
        return tensor

    return tree.map_structure(made, found[0], found[-1])


def _told(error: Exception, fn: Callable, given: Sequence[Tensor]) -> Exception:
    """The error in the user's terms."""
    if not given:
        return error
    if any(t.dtype == "string" for t in given):
        return _no_text(fn, given)
    if isinstance(error, (UsageError, UsageTypeError)):
        error.args = (_without_probes(str(error)),)
        return error
    name = getattr(fn, "name", None) or getattr(fn, "__name__", type(fn).__name__)
    shapes = ", ".join(str(t.shape) for t in given)
    if getattr(fn, "is_op", False):
        first = _without_probes(str(error).split("\n")[0])
        return UsageError("E-OP", f"{name} of {shapes} cannot be computed: {first}")
    if any(str(size) in str(error) for size in PROBES):
        error.add_note(
            f'while looking for the output shape of "{name}" for {shapes}: '
            f"{PROBES[0]} and {PROBES[1]} stand for sizes that are not known yet"
        )
    return error


def _no_text(fn: Callable, given: Sequence[Tensor]) -> UsageError:
    name = getattr(fn, "name", None) or getattr(fn, "__name__", type(fn).__name__)
    text = next(t for t in given if t.dtype == "string")
    return UsageError(
        "E-TEXT",
        f'{type(fn).__name__ if hasattr(fn, "build") else "the op"} "{name}" cannot compute with '
        f'the text of "{text.node.name if text.node else text.name}". Make numbers of it first, '
        "right behind the Input: StringLookup, TextVectorization or Hashing.",
    )


def _without_probes(text: str) -> str:
    """A message in the user's terms: None where a probe stood for an unknown size."""
    return re.sub(rf"\b({PROBES[0]}|{PROBES[1]})\b", "None", text)


class _Found:
    """Keeps a Spec from being walked as a tuple."""

    def __init__(self, spec: Spec):
        self.shape, self.dtype = spec.shape, spec.dtype


def _as_tree(found: Any) -> Any:
    if isinstance(found, Spec):
        return _Found(found)
    if isinstance(found, Mapping):
        return {k: _as_tree(v) for k, v in found.items()}
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return type(found)(*[_as_tree(v) for v in found])
    if isinstance(found, (list, tuple)):
        return type(found)(_as_tree(v) for v in found)
    return found


def _probe(
    fn: Callable,
    args: tuple,
    kwargs: Mapping[str, Any],
    sizes: Sequence[int],
    strangers: dict | None,
    inner: int | None = None,
) -> list:
    """For each of `sizes` the Specs of `fn`'s outputs with every unknown dimension of that size.

    With `inner`, dimensions after the first have that size. All in one tracing: half of the time
    to make a graph is the beginning of a trace.
    """
    held = (args, dict(kwargs))
    symbolic = tensors(held)
    specs = [
        [Spec(_filled(t.shape, size, size if inner is None else inner), t.dtype) for t in symbolic]
        for size in sizes
    ]
    variables = list(getattr(fn, "variables", ()))
    bound = [Spec(v.shape, v.dtype) for v in variables]
    outer = state.frame()

    def call(values: list, arrays: list, size: int) -> Any:
        feed = iter(arrays)
        inner_args, inner_kwargs = tree.map_structure(
            lambda x: next(feed) if isinstance(x, Tensor) else x, held
        )
        scene = Frame(zip(variables, values, strict=True), key=engine.key(0))
        scene.custom_objects = outer.custom_objects if outer is not None else {}
        if outer is not None:
            scene.initial, scene.spend = outer.initial, outer.spend
        scene.probing = True
        scene.strangers = {} if strangers is None else strangers

        def stand_in(tensor: Tensor) -> Any:
            scene.strangers[tensor] = None  # pyright: ignore[reportArgumentType]
            return engine.np.zeros([size if d is None else d for d in tensor.shape], tensor.dtype)

        scene.stand_in = stand_in
        with scene:
            return _arrays_only(fn(*inner_args, **inner_kwargs))

    def both(values: list, each: list) -> list:
        return [call(values, arrays, size) for arrays, size in zip(each, sizes, strict=True)]

    return engine.infer(both, bound, specs)


def _filled(shape: Sequence[int | None], first: int, others: int) -> tuple[int, ...]:
    """A shape with sizes for what is unknown."""
    return tuple(d if d is not None else others if i else first for i, d in enumerate(shape))


def _arrays_only(result: Any) -> Any:
    return tree.map_structure(
        lambda x: x.value if isinstance(x, Variable) else x if x is None else engine.array(x),
        result,
    )


# ---------------------------------------------------------------- remembered

MOST_INFERRED = 4096
_inferred: dict[tuple, Any] = {}
"""Results of ops on Tensors and plain values: a graph asks for the same ones again and again."""


def inferred(fn: Callable, args: tuple, kwargs: Mapping[str, Any]) -> tuple[Any, dict]:
    """What `infer` finds, remembered for ops, and the Variables and Tensors closed over."""
    strangers: dict[Any, None] = {}
    key = _plain_call(fn, args, kwargs)
    if key is not None and key in _inferred:
        return _copied(_inferred[key]), strangers
    result = infer(fn, args, kwargs, strangers)
    if key is not None and None not in tree.leaves(result):
        _inferred[key] = _copied(result)
        while len(_inferred) > MOST_INFERRED:
            _inferred.pop(next(iter(_inferred)))
    return result, strangers


def _copied(result: Any) -> Any:
    return tree.map_structure(lambda t: Tensor(t.shape, t.dtype), result)


def _plain_call(fn: Callable, args: tuple, kwargs: Mapping[str, Any]) -> tuple | None:
    """What the shapes of an op's results depend on, or None where it may be more than this."""
    if not getattr(fn, "is_op", False):
        return None
    try:
        return (fn, settings.floatx(), _frozen(args), _frozen(kwargs))
    except _NotPlain:
        return None


class _NotPlain(Exception):
    """Something among the arguments of a call that its shape and type do not describe."""


def _frozen(x: Any) -> Any:
    """Shapes, dtypes and plain values, hashable."""
    if isinstance(x, (Tensor, Variable)):
        return (Tensor, x.shape, x.dtype)
    if x is None or isinstance(x, (bool, int, float, str, slice, type, type(...))):
        return (type(x), _frozen((x.start, x.stop, x.step)) if isinstance(x, slice) else x)
    if isinstance(x, (list, tuple)):
        return (type(x), *map(_frozen, x))
    if isinstance(x, Mapping):
        return tuple((key, _frozen(x[key])) for key in sorted(x))
    if isinstance(x, Index):
        return (Index, _frozen(x.where))
    raise _NotPlain
