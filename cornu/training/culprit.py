"""What made a training step give numbers that are not finite, in words. Slow, for errors alone."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cornu import engine, graph, tree
from cornu.errors import listed
from cornu.layers import Layer
from cornu.state import Frame
from cornu.tensor import Node, Tensor
from cornu.training.data import Part
from cornu.training.step import Program
from cornu.training.steps import Compiled, WholeStep


def culprit(program: Program, part: Part) -> str:
    """The first thing that is not finite in the single batch of `part`, the state being good.

    Looked for in the order in which a step computes: data, weights, layers, loss, gradients.
    """
    batch = part.batch.take(part.order, part.first, part.rows)
    model = program.model
    for what, names, arrays in (
        ("the input", model.input_names, tree.leaves(batch.x)),
        ("the target", model.output_names, batch.y),
        ("the sample weight", model.output_names, batch.weights),
    ):
        for i, array in enumerate(arrays):
            if _is_bad(array):
                name = f' "{names[i]}"' if i < len(names) and len(arrays) > 1 else ""
                return f"{what}{name} holds {_kind(array)}"
    bad = [cell.path for cell in [*program.trainable, *program.other] if _is_bad(cell._value)]
    if bad:
        return f"the weights {listed(bad)} were not finite before"
    rates = [cell.name for cell in program.slots if cell.shape == () and _is_bad(cell._value)]
    if rates:
        return f"the optimizer's {listed(rates)} is not finite"
    return _computed(program, batch)


def _computed(program: Program, batch: Any) -> str:
    """What is not finite among the results of the forward pass, the losses and the gradients."""
    step = program.step
    if isinstance(step, WholeStep):
        return "the model's own train_step"
    layer = _first_bad_layer(program, batch) if isinstance(step, Compiled) else None
    if layer is not None:
        return layer
    cells, free = [*program.trainable, *program.other], len(program.trainable)

    def flags(values: list, now: list) -> tuple[list, list]:
        key = engine.fold(*now)

        def losses(trained: list) -> tuple[Any, list]:
            bound = dict(zip(cells, [*trained, *values[free:]], strict=True))
            with Frame(bound, key=key) as frame:
                total, rest = step.loss(batch, frame, True)
                each = rest[0] if isinstance(step, Compiled) else []
                return total, [engine.np.isfinite(x).all() for x in each if x is not None]

        (total, each), gradients = engine.value_and_grad(losses, has_aux=True)(values[:free])
        fine = [engine.np.isfinite(g).all() for g in gradients]
        return each, [engine.np.isfinite(total), *fine]

    now = [cell.value for cell in (program.key, program.clock)]
    losses, gradients = engine.jit(flags)([cell.value for cell in cells], now)
    known = zip(program.objective.names, program.objective.losses, strict=True)
    names = [name for name, loss in known if loss is not None]
    for name, fine in zip(names, losses, strict=False):
        if not fine:
            return f'the loss of output "{name}" is not finite, though the output is'
    if not gradients[0]:
        return "the loss is not finite"
    bad = [v.path for v, fine in zip(program.trainable, gradients[1:], strict=True) if not fine]
    if bad:
        return f"the gradient of {listed(bad[:1])} is not finite, though the loss is"
    return "the update made weights too large for their dtype"


def _first_bad_layer(program: Program, batch: Any) -> str | None:
    """The first layer or op of the graph, or of a model in it, whose result is not finite.

    None where all are.
    """
    model = program.model
    plan = model._graph.fed.plan if model._graph is not None else []
    tensors = [t for node in plan for t in tree.leaves(node.outputs)]
    if not tensors:
        return None
    inside = list(_opened(plan, ""))
    owners: list[tuple[Any, str]] = []
    cells = [*program.trainable, *program.other]

    def fine(values: list, x: Any, now: list) -> list:
        with Frame(dict(zip(cells, values, strict=True)), True, engine.fold(*now)) as frame:
            given = zip(model.input_leaves(), tree.leaves(x), strict=True)
            feed = {t: engine.cast(value, t.dtype) for t, value in given}
            graph.evaluate(tensors, feed, plan)
            known = [
                (frame.placed[id(t)][1], *where) for t, *where in inside if id(t) in frame.placed
            ]
            owners[:] = [(op, within) for _, op, within in known]
            return [engine.np.isfinite(r).all() if _floats(r) else True for r, *_ in known]

    now = [program.key.value, program.clock.value]
    flags = engine.jit(fine)([cell.value for cell in cells], batch.x, now)
    for flag, (op, within) in zip(flags, owners, strict=True):
        if not flag:
            kind, name = type(op).__name__, getattr(op, "name", getattr(op, "__name__", op))
            what = f'layer "{name}" ({kind})' if isinstance(op, Layer) else f"{name}"
            return f"the output of {what}{within} is not finite, though its input is"
    return None


def _opened(plan: Iterable[Node], within: str) -> Iterator[tuple[Tensor, Any, str]]:
    """Results in the order they are computed, with what makes them and the model that is in."""
    for node in plan:
        inner = getattr(node.op, "_graph", None)
        if inner is not None and isinstance(node.op, Layer):
            yield from _opened(inner.plan, f' of the model "{node.op.name}"')
        for tensor in tree.leaves(node.outputs):
            yield tensor, node.op, within


def _is_bad(array: Any) -> bool:
    return array is not None and _floats(array) and not np.isfinite(engine.numpy(array)).all()


def _floats(array: Any) -> bool:
    return "float" in str(array.dtype)


def _kind(array: Any) -> str:
    return "NaN" if np.isnan(engine.numpy(array)).any() else "infinity"
