"""The one graph mechanism: calls are recorded as Nodes, and graphs of them are walked.

`Input`, layer outputs, operators, losses and gradients are Tensors. A Node records one call of an
op or layer; its birth number is its place in topological order, so a walk is a sort. `evaluate`
runs what is needed and accepts feeds anywhere in the graph.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import engine, state, tree
from cornu.errors import UsageError, UsageTypeError, listed, shown
from cornu.inference import PROBES as PROBES
from cornu.inference import infer, inferred
from cornu.operators import give_operators
from cornu.state import Frame, Variable
from cornu.tensor import Node, Shape, Tensor, is_symbolic, tensors

__all__ = [
    "PROBES",
    "Function",
    "Node",
    "Shape",
    "Tensor",
    "ancestors",
    "evaluate",
    "gradients",
    "in_place",
    "infer",
    "is_symbolic",
    "op",
    "record",
    "tensors",
    "variables_of",
]


def record(fn: Callable, args: tuple, kwargs: Mapping[str, Any]) -> Any:
    """A Node for `fn(*args, **kwargs)`; returns its output Tensors in `fn`'s own structure."""
    result, strangers = inferred(fn, args, kwargs)
    node = Node(fn, args, kwargs)
    node.closed_over = [v for v in strangers if isinstance(v, Variable) and v not in node.variables]
    node.beside = tensors(list(strangers))
    node.inputs += node.beside
    node.outputs = tensors(result)
    for index, tensor in enumerate(node.outputs):
        tensor.node, tensor.index, tensor.name = node, index, f"{node.name}:{index}"
    return result


def op(fn: Callable) -> Callable:
    """Make `fn` on arrays an op: it records itself when given a Tensor, and reads Variables."""

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        plain = True
        for x in args:
            if isinstance(x, (Tensor, Variable, list, tuple, dict)):
                plain = False
        if plain and not kwargs:
            return fn(*args)
        if is_symbolic(args, kwargs):
            args, kwargs = in_place((args, kwargs))
        if is_symbolic(args, kwargs) or (not _computing() and _has_cells(args, kwargs)):
            return record(call, args, kwargs)
        args, kwargs = tree.map_structure(_read, (args, kwargs))
        return fn(*args, **kwargs)

    call.is_op = True  # pyright: ignore[reportAttributeAccessIssue]
    return call


def in_place(structure: Any) -> Any:
    """`structure` with values in place of Tensors of the graph that is being evaluated.

    A function within it (a Lambda, a loss) may close over them.
    """
    frame = state.frame()
    if frame is None or not (frame.placed or frame.stand_in):
        return structure

    def value(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        if id(x) in frame.placed:
            return frame.placed[id(x)][1]
        if frame.stand_in is not None:
            return frame.stand_in(x)
        return evaluate(x, dict(frame.placed.values()))

    return tree.map_structure(value, structure)


def _computing() -> bool:
    frame = state.frame()
    return frame is not None and frame.catches


def _has_cells(*structures: Any) -> bool:
    """Whether there is a Variable anywhere that is to be seen as symbolic."""
    return any(isinstance(x, Variable) and x.symbolic for x in tree.leaves(structures))


def _read(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x


# ---------------------------------------------------------------- walks


def ancestors(outputs: Sequence[Tensor], known: Collection[int] = frozenset()) -> list:
    """The Nodes that `outputs` need, in birth order, stopping at tensors whose id is `known`.

    `known` may map ids to names, which a message then lists.
    Raises UsageError for a placeholder that is reached and not known.
    """
    found: dict[int, Node] = {}
    todo = [(t, None) for t in outputs if id(t) not in known]
    while todo:
        tensor, reader = todo.pop()
        node = tensor.node
        if node is None or _is_placeholder(tensor):
            raise _unfed(tensor, reader, known)
        if node.number not in found:
            found[node.number] = node
            todo += [(t, node) for t in node.inputs if id(t) not in known]
    return [found[number] for number in sorted(found)]


def sources(tensor: Tensor) -> list[Tensor]:
    """The Tensors that `tensor` is computed from and that are computed from none, each once."""
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        before = [] if one.node is None else one.node.inputs
        waiting += reversed(before)
        if not before:
            found[id(one)] = one
    return list(found.values())


def _unfed(tensor: Tensor, reader: Node | None, known: Collection[int]) -> UsageError:
    by = f' (read by "{reader.name}")' if reader else ""
    name = tensor.node.name if tensor.node else tensor.name
    return UsageError(
        "E-DISCONNECTED",
        f'output depends on Input "{name}", shape {tensor.shape}{by}, which is not in '
        f"inputs=[{listed(known.values()) if isinstance(known, Mapping) else '…'}]. Add it to the "
        "inputs.",
    )


def evaluate(outputs: Any, feed: Mapping[Tensor, Any], plan: Sequence[Node] | None = None) -> Any:
    """Values of `outputs` (a structure) given values of some Tensors, anywhere in the graph.

    `plan` is what `ancestors` returned for the same outputs and feeds, where that is at hand.
    """
    values = {id(t): v for t, v in feed.items()}
    fed = set(values)
    if plan is None:
        plan = ancestors(tensors(outputs), fed)
    frame = state.frame()
    if frame is None and any(node.beside for node in plan):
        with Frame(catches=False):
            return evaluate(outputs, feed, plan)
    moved = {} if frame is None else frame.moved
    placed = {} if frame is None else frame.placed
    placed.update((id(t), (t, v)) for t, v in feed.items())
    for node in plan:
        results = [r for r in tree.leaves(node.run(lambda t: values[id(t)], fed)) if r is not None]
        for tensor, value in zip(node.outputs, results, strict=True):
            move = moved.get(id(tensor))
            value = values.setdefault(id(tensor), value if move is None else value + move)
            placed[id(tensor)] = (tensor, value)
    return tree.map_structure(lambda t: values[id(t)] if isinstance(t, Tensor) else t, outputs)


def variables_of(outputs: Any, more: Sequence[Variable] = ()) -> list[Variable]:
    """Every Variable that `outputs` depend on, in birth order of their readers."""
    found = dict.fromkeys(more)
    seen: dict[int, Node] = {}
    todo = [t.node for t in tensors(outputs)]
    while todo:
        node = todo.pop()
        if node is not None and node.number not in seen:
            seen[node.number] = node
            todo += [t.node for t in node.inputs]
    for number in sorted(seen):
        found.update(dict.fromkeys([*seen[number].variables, *seen[number].closed_over]))
    found.update(dict.fromkeys(x for x in tree.leaves(outputs) if isinstance(x, Variable)))
    return list(found)


class Gradient(Node):
    """d loss / d wrt: runs the graph between them again, under differentiation."""

    def __init__(self, loss: Tensor, wrt: Sequence[Any]):
        super().__init__(self._never, (loss, list(wrt)))
        self.loss, self.wrt, self.name = loss, list(wrt), "gradient"
        self.outputs = [Tensor(w.shape, w.dtype, self, i) for i, w in enumerate(wrt)]

    @staticmethod
    def _never(*_: Any) -> Any:
        raise NotImplementedError("a Gradient runs its graph, not an op")

    @property
    def variables(self) -> list[Variable]:
        """Those that the loss depends on."""
        return variables_of(self.loss, [w for w in self.wrt if isinstance(w, Variable)])

    def run(self, value_of: Callable[[Tensor], Any], fed: Collection[int] = frozenset()) -> Any:
        """Differentiate the sum of the loss at the present values.

        A Tensor in the middle is moved by zero, and the derivative is taken by the move: so its
        own way to the loss counts, and the graph above it stays connected.
        """
        cells = [w for w in self.wrt if isinstance(w, Variable)]
        points = [w for w in self.wrt if isinstance(w, Tensor)]
        base = {t: value_of(t) for t in _placeholders(self.loss, fed)}
        outer = state.frame() or Frame()

        def total(at_cells: list, moves: list) -> Any:
            bound = {**outer.bound, **dict(zip(cells, at_cells, strict=True))}
            own = dict(zip(map(id, points), moves, strict=True))
            feed = {t: v + own[id(t)] if id(t) in own else v for t, v in base.items()}
            moved = {**outer.moved, **{i: outer.moved.get(i, 0) + m for i, m in own.items()}}
            with outer.child(bound=bound, losses=[], moved=moved, placed={}):
                return engine.np.sum(evaluate(self.loss, feed))

        both = engine.value_and_grad(lambda x: total(*x))
        still = [engine.np.zeros_like(value_of(p)) for p in points]
        _, (by_cell, by_point) = both(([c.value for c in cells], still))
        found = {id(w): g for w, g in zip(cells + points, by_cell + by_point, strict=True)}
        return [found[id(w)] for w in self.wrt]


def _is_placeholder(tensor: Tensor) -> bool:
    node = tensor.node
    return node is None or (not node.inputs and getattr(node.op, "is_placeholder", False))


def _placeholders(output: Tensor, fed: Collection[int]) -> list[Tensor]:
    """The placeholders and `fed` tensors under `output`, not looking past these."""
    found, seen, todo = {}, set(), [output]
    while todo:
        tensor = todo.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        if id(tensor) in fed or _is_placeholder(tensor):
            found[id(tensor)] = tensor
        else:
            todo += tensor.node.inputs  # pyright: ignore[reportOptionalMemberAccess]
    return list(found.values())


def gradients(loss: Tensor, wrt: Any) -> list[Tensor]:
    """Symbolic gradients of `sum(loss)` with respect to Variables, placeholders or middle Tensors.

    Returns one Tensor for each; they may be differentiated again.
    """
    listed = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    for w in listed:
        if not isinstance(w, (Tensor, Variable)):
            raise UsageTypeError(
                "E-GRADIENT", f"gradients are taken by Tensors and Variables; got {shown(w)}."
            )
    return Gradient(loss, listed).outputs


class Function:
    """Feeds in, values out, updates applied: a piece of graph compiled once per shape.

    Args:
        inputs: Tensors to feed, anywhere in the graph.
        outputs: structure of Tensors and Variables to return.
        updates: pairs (Variable, Tensor): new values, applied after every call.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Any, updates: Sequence[tuple] = ()):
        self.inputs, self.outputs, self.updates = list(inputs), outputs, list(updates)
        news = [new for _, new in self.updates]
        plan = ancestors(tensors((outputs, news)), {id(t) for t in self.inputs})
        self.variables = variables_of((outputs, news), [v for v, _ in self.updates])

        def run(feeds: list) -> Any:
            feed = dict(zip(self.inputs, feeds, strict=True))
            values, changed = evaluate((outputs, news), feed, plan)
            values = tree.map_structure(_read, values)
            for (variable, _), value in zip(self.updates, changed, strict=True):
                variable.assign(value)
            return values

        def pure(values: list, key: Any, feeds: list, phase: bool) -> tuple[Any, list]:
            bound = dict(zip(self.variables, values, strict=True))
            with Frame(bound, phase, engine.key(0) if key is None else key) as frame:
                result = run(feeds)
            self._draws = self._draws or frame.draws.count > 0
            changed = [v for v in self.variables if frame.bound[v] is not bound[v]]
            self._changed[phase] = changed
            return result, [frame.bound[v] for v in changed]

        self._draws = False
        self._changed: dict[bool, list[Variable]] = {}  # by phase
        self._compiled = engine.jit(pure, static=(3,))

    def __call__(self, feeds: Sequence[Any], training: bool = False) -> Any:
        """The outputs' values for the inputs' values, as arrays of the engine.

        Raises UsageError for another number of values, or values of another rank or size.
        """
        if len(feeds) != len(self.inputs):
            raise UsageError(
                "E-FEEDS", f"the function has {len(self.inputs)} inputs; got {len(feeds)} values."
            )
        arrays = [_fed(value, to) for value, to in zip(feeds, self.inputs, strict=True)]
        training = bool(training)
        with state.cells_lock:
            values = [v._value for v in self.variables]
            key = engine.key(state.seeds.next()) if self._draws else None
            result, news = self._compiled(values, key, arrays, training)
            if self._draws and key is None:  # the first trace found out that it draws numbers
                key = engine.key(state.seeds.next())
                result, news = self._compiled(values, key, arrays, training)
            for variable, value in zip(self._changed[training], news, strict=True):
                variable._value = value
        return result


def _fed(value: Any, to: Tensor) -> Any:
    """A value as an array of the dtype and the shape of the Tensor that it is fed to."""
    if not (isinstance(value, np.ndarray) and value.dtype == to.dtype):
        value = engine.array(value, to.dtype)
    shape = value.shape
    if len(shape) != len(to.shape) or any(
        known not in (None, size) for known, size in zip(to.shape, shape, strict=True)
    ):
        raise UsageError(
            "E-FEEDS", f'"{to.name}" has shape {to.shape}; it was fed an array of shape {shape}.'
        )
    return value


give_operators(op)
