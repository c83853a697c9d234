"""From what users pass to `fit`, `evaluate`, `predict` to a checked source of batches."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import tree
from cornu.errors import UsageError, shown
from cornu.training import checks
from cornu.training.data import Batch, Resident, Stream, as_array, by_name

Source = Resident | Stream


def for_fit(
    model: Any, x: Any, y: Any, said: Mapping[str, Any]
) -> tuple[Source, Source | None]:
    """The training source and, if asked for, the one for validation."""
    size = _batch_size(said["batch_size"])
    fraction = checks.split_fraction(said["validation_split"])
    steps = _steps("steps_per_epoch", said["steps_per_epoch"])
    if is_stream(x):
        if fraction:
            raise UsageError(
                "E-SPLIT",
                "validation_split cannot split a generator. Pass validation_data=(x_val, y_val) "
                "or a second generator.",
            )
        train: Source = stream(model, x, y, said, steps, "fit")
        return train, _validation(model, said, size)
    batch = arrays(model, x, y, said["sample_weight"], said["class_weight"], "fit")
    held = None
    if fraction and said["validation_data"] is None:
        batch, held = _split(batch, fraction)
    train = Resident(batch, size, bool(said["shuffle"]), steps)
    if held is not None:
        return train, Resident(held, _batch_size(said["validation_batch_size"] or size))
    return train, _validation(model, said, size)




def for_evaluate(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> Source:
    """The source of test batches."""
    steps = _steps("steps", said["steps"])
    if is_stream(x):
        return stream(model, x, y, said, steps, "evaluate")
    batch = arrays(model, x, y, said["sample_weight"], None, "evaluate")
    return Resident(batch, _batch_size(said["batch_size"]), steps=steps)


def for_predict(model: Any, x: Any, size: int, steps: int | None) -> Source:
    """The source of inputs."""
    steps = _steps("steps", steps)
    if is_stream(x):
        return stream(model, x, None, {}, steps, "predict")
    batch = arrays(model, x, None, None, None, "predict")
    if steps is not None:
        batch = batch.map(lambda a: a[: steps * size])
    return Resident(batch, size)


def one_batch(model: Any, x: Any, y: Any, said: Mapping[str, Any], doing: str) -> Batch:
    """One checked batch from arrays."""
    weight, by_class = said.get("sample_weight"), said.get("class_weight")
    return arrays(model, x, y, weight, by_class, doing)


def _batch_size(said: Any) -> int:
    return 32 if said is None else checks.whole_number("batch_size", said, 1)


def _steps(name: str, said: Any) -> int | None:
    return None if said is None else checks.whole_number(name, said, 1)


def _split(batch: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The first part for training, the last `fraction` for validation."""
    rows = batch.rows
    first = int(rows * (1 - fraction))
    if not 0 < first < rows:
        raise UsageError(
            "E-SPLIT",
            f"validation_split={fraction:g} leaves {first} of {rows} samples for training and "
            f"{rows - first} for validation; each needs at least 1.",
        )
    return batch.map(lambda a: a[:first]), batch.map(lambda a: a[first:])


def _validation(model: Any, said: Mapping[str, Any], size: int) -> Source | None:
    data = said["validation_data"]
    if data is None:
        return None
    steps = _steps("validation_steps", said["validation_steps"])
    if is_stream(data):
        return stream(model, data, None, {}, steps, "validation_data")
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise UsageError(
            "E-VALIDATION",
            "validation_data must be (x, y) or (x, y, sample_weight); got "
            f"{f'{len(data)} items' if isinstance(data, (tuple, list)) else shown(data)}.",
        )
    x, y, weight = (*data, None)[:3]
    batch = arrays(model, x, y, weight, None, "validation_data")
    return Resident(batch, _batch_size(said["validation_batch_size"] or size), steps=steps)


# ---------------------------------------------------------------- arrays


def arrays(
    model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any, doing: str
) -> Batch:
    """A checked batch of all samples."""
    if x is None:
        raise UsageError("E-NO-X", f"{doing if doing != 'validation_data' else 'fit'}() needs x. You passed None.")
    batch = convert(model, x, y, sample_weight, class_weight)
    names = {"x": model.input_names, "y": model.output_names, "sample_weight": model.output_names}
    checks.lengths(batch, names)
    if doing != "predict":
        checks.not_empty(batch, doing)
    check_inputs(model, batch, doing)
    if doing != "predict":
        checks.finite(batch, names)
        checks.weights([w for w in batch.weights if w is not None])
    return batch


def convert(
    model: Any, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None
) -> Batch:
    """Users' values as a `Batch` of arrays, inputs in the model's structure."""
    inputs = _each(model.arrange_inputs(_plain(x)), "x")
    names = model.output_names
    several = len(names) > 1
    ys = by_name(_plain(y), names, "y") if y is not None else [None] * len(names)
    ys = [as_array(one, f'y["{n}"]' if several else "y") for one, n in zip(ys, names, strict=True)]
    ws = _weights(sample_weight, names)
    if class_weight is not None:
        ws = [_with_classes(w, class_weight, one) for w, one in zip(ws, ys, strict=True)]
    return Batch(inputs, ys, ws)


def _weights(sample_weight: Any, names: Sequence[str]) -> list:
    """Sample weights by output; one array serves all."""
    alone = sample_weight is not None and not isinstance(sample_weight, (Mapping, tuple))
    if alone and len(names) > 1 and (hasattr(sample_weight, "shape") or not _nested(sample_weight)):
        given = [sample_weight] * len(names)
    else:
        given = by_name(sample_weight, names, "sample_weight") if sample_weight is not None else []
    arrays = [as_array(w, "sample_weight") for w in given] or [None] * len(names)
    return [w if w is None else _floating(w) for w in arrays]


def _nested(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and hasattr(value[0], "__len__")


def _floating(weight: Any) -> Any:
    return weight if "float" in str(weight.dtype) else weight.astype("float32")


def _with_classes(weight: Any, class_weight: Any, y: Any) -> Any:
    """Sample weights times class weights."""
    if y is None:
        return weight
    by_class = checks.class_weights(class_weight, y)
    return by_class if weight is None else np.asarray(weight) * by_class.reshape(weight.shape)


def _plain(value: Any) -> Any:
    """Frames and series as arrays."""
    if hasattr(value, "to_numpy") and not hasattr(value, "shape_"):
        return value.to_numpy()
    return value


def _each(structure: Any, name: str) -> Any:
    """Every leaf an array. A list of numbers is one leaf."""
    if isinstance(structure, Mapping):
        return {k: _each(_plain(v), f'{name}["{k}"]') for k, v in structure.items()}
    if isinstance(structure, (list, tuple)) and structure and all(
        hasattr(_plain(v), "shape") or isinstance(v, (list, tuple, Mapping)) for v in structure
    ) and any(hasattr(leaf, "shape") for leaf in tree.leaves(structure)):
        made = [_each(_plain(v), f"{name}[{i}]") for i, v in enumerate(structure)]
        return made if isinstance(structure, list) else tuple(made)
    return as_array(structure, name)


def check_inputs(model: Any, batch: Batch, doing: str) -> None:
    """Inputs fit the model's own, if it has any."""
    leaves = tree.leaves(batch.x)
    inputs = model.input_leaves()
    if inputs:
        checks.input_shapes(leaves, inputs, doing)
    checks.embedding_indices(model, batch.x)


def check_targets(model: Any, source: Source, doing: str) -> None:
    """Targets fit losses and outputs: all of them on the host, else those of the first batch."""
    batch = source.host if isinstance(source, Resident) else source.first
    checks.targets(model.objective, batch, model.output_specs(batch), model.output_names)


def check_batch(model: Any, batch: Batch) -> None:
    """The same for a single batch."""
    checks.targets(model.objective, batch, model.output_specs(batch), model.output_names)


# ---------------------------------------------------------------- streams


def is_stream(x: Any) -> bool:
    """Whether `x` yields batches, rather than being arrays."""
    if isinstance(x, (str, bytes, Mapping, list, tuple)) or hasattr(x, "shape"):
        return False
    return isinstance(x, (Iterator, Iterable)) or hasattr(x, "__getitem__")


def stream(
    model: Any, x: Any, y: Any, said: Mapping[str, Any], steps: int | None, doing: str
) -> Stream:
    """A source over a generator, or anything that can be iterated or indexed by batch."""
    if y is not None:
        raise UsageError(
            "E-GENERATOR-Y", "x yields batches, so y must come from it too: yield x, y."
        )
    forever = isinstance(x, Iterator)
    length = len(x) if hasattr(x, "__len__") else None
    if forever and steps is None and doing != "predict":
        raise UsageError(
            "E-NO-STEPS",
            f"x is a generator without a length: pass "
            f"{'steps_per_epoch' if doing == 'fit' else 'steps'}.",
        )
    by_class = said.get("class_weight")
    shapes: list[tuple] = []

    def convert_item(item: Any, number: int) -> Batch:
        return _from_item(model, item, number, by_class, shapes, doing)

    return Stream(_beginning(x, forever), convert_item, steps or length, forever)


def _beginning(x: Any, forever: bool) -> Callable[[int], Iterable]:
    if forever or isinstance(x, Iterable):
        return lambda _: x
    return lambda _: (x[i] for i in range(len(x)))


def _from_item(
    model: Any, item: Any, number: int, class_weight: Any, shapes: list, doing: str
) -> Batch:
    """One yielded item as a checked batch."""
    if isinstance(item, list):
        raise UsageError("E-YIELD", "generator yielded a list; use a tuple: yield x, y")
    parts = item if isinstance(item, tuple) else (item,)
    if not 1 <= len(parts) <= 3:
        raise UsageError(
            "E-YIELD",
            f"generator yielded a tuple of {len(parts)} at batch {number}; expected (x,), (x, y) "
            "or (x, y, sample_weight).",
        )
    x, y, weight = (*parts, None, None)[:3]
    batch = convert(model, x, y, weight, class_weight)
    names = {"x": model.input_names, "y": model.output_names, "sample_weight": model.output_names}
    checks.lengths(batch, names)
    now = tuple(tuple(leaf.shape[1:]) for leaf in tree.leaves(batch.x))
    if shapes and len(now) == len(shapes[0]) and model.input_leaves():
        _same_shapes(batch, shapes[0], now, number)
    shapes[:] = shapes or [now]
    check_inputs(model, batch, doing)
    return batch


def _same_shapes(batch: Batch, before: tuple, now: tuple, number: int) -> None:
    for leaf, old, new in zip(tree.leaves(batch.x), before, now, strict=True):
        if len(old) != len(new):
            raise UsageError(
                "E-DRIFT",
                f"batch {number}: x has shape {tuple(leaf.shape)}, earlier batches "
                f"{(leaf.shape[0], *old)}.",
            )
