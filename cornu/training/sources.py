"""From what users pass to `fit`, `evaluate`, `predict` to a checked source of batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import losses, tree
from cornu.errors import UsageError, shown
from cornu.training import checks, columns, feeds, foreign
from cornu.training.arrays import as_data, as_target, by_name
from cornu.training.data import Arrays, Batch, Stream

Source = Arrays | Stream


def for_fit(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> tuple[Source, Source | None]:
    """The training source and, if asked for, the one for validation."""
    size = _batch_size(said["batch_size"])
    fraction = checks.split_fraction(said["validation_split"])
    checks.frequency(said["validation_freq"])
    steps = _steps("steps_per_epoch", said["steps_per_epoch"])
    model.require_compiled(train=True)
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
    shuffle = said["shuffle"] if said["shuffle"] == "batch" else bool(said["shuffle"])
    train = Arrays(batch, size, shuffle, steps, resident=True)
    if held is not None:
        return train, Arrays(held, _validation_size(said, size), anew=True)
    return train, _validation(model, said, size)


def for_evaluate(model: Any, x: Any, y: Any, said: Mapping[str, Any]) -> Source:
    """The source of test batches."""
    size = _batch_size(said["batch_size"])
    steps = _steps("steps", said["steps"])
    model.require_compiled(train=False)
    if is_stream(x):
        return stream(model, x, y, said, steps, "evaluate")
    batch = arrays(model, x, y, said["sample_weight"], None, "evaluate")
    return Arrays(batch, size, steps=steps)


def for_predict(model: Any, x: Any, size: int, steps: int | None) -> Source:
    """The source of inputs."""
    steps = _steps("steps", steps)
    if is_stream(x):
        return stream(model, x, None, {}, steps, "predict")
    batch = arrays(model, x, None, None, None, "predict")
    if steps is not None:
        batch = batch.map(lambda a: columns.cut(a, 0, steps * size))
    return Arrays(batch, size)


def one_batch(model: Any, x: Any, y: Any, said: Mapping[str, Any], doing: str) -> Batch:
    """One checked batch from arrays."""
    if doing != "predict":
        model.require_compiled(train=doing == "train_on_batch")
    weight, by_class = said.get("sample_weight"), said.get("class_weight")
    return arrays(model, x, y, weight, by_class, doing).map(columns.read)


def _batch_size(said: Any) -> int:
    return 32 if said is None else checks.whole_number("batch_size", said, 1)


def _validation_size(said: Mapping[str, Any], size: int) -> int:
    own = said["validation_batch_size"]
    return size if own is None else checks.whole_number("validation_batch_size", own, 1)


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
    held = batch.map(lambda a: columns.cut(a, first, rows))
    return batch.map(lambda a: columns.cut(a, 0, first)), held


def _validation(model: Any, said: Mapping[str, Any], size: int) -> Source | None:
    data = said["validation_data"]
    if data is None:
        return None
    size = _validation_size(said, size)
    steps = _steps("validation_steps", said["validation_steps"])
    with checks.noting("validation_data"):
        if is_stream(data):
            return stream(model, data, None, {}, steps, "validation_data")
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise _no_validation_data(data)
        x, y, weight = (*data, None)[:3]
        batch = arrays(model, x, y, weight, None, "validation_data")
    return Arrays(batch, size, steps=steps, anew=True)


def _no_validation_data(data: Any) -> UsageError:
    got = f"{len(data)} items" if isinstance(data, (tuple, list)) else shown(data)
    call = f" Did you forget the parentheses: {data.__name__}()?" if callable(data) else ""
    return UsageError(
        "E-VALIDATION",
        "validation_data must be (x, y) or (x, y, sample_weight), or yield such batches; got "
        f"{got}.{call}",
    )


# ---------------------------------------------------------------- arrays


def arrays(model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any, doing: str) -> Batch:
    """A checked batch of all samples."""
    if x is None:
        call = "fit" if doing == "validation_data" else doing
        raise UsageError("E-NO-X", f"{call}() needs x. You passed None.")
    batch = convert(model, x, y, sample_weight, doing)
    checks.lengths(batch, _names(model))
    check_inputs(model, batch, doing)
    return batch if class_weight is None else with_class_weights(model, batch, class_weight)


def convert(model: Any, x: Any, y: Any, sample_weight: Any, doing: str) -> Batch:
    """Users' values as a `Batch` of arrays, inputs in the model's structure."""
    inputs = _inputs(model, x)
    rows = checks.rows(inputs)
    if doing == "predict":
        return Batch(inputs, [None] * len(model.output_names), [None] * len(model.output_names))
    checks.not_empty(rows, doing)
    model.ensure_built(inputs)
    names = model.output_names
    several = len(names) > 1
    ys = by_name(_plain(y), names, "y", rows)
    ys = [
        as_target(_plain(one), f'y["{n}"]' if several else "y")
        for one, n in zip(ys, names, strict=True)
    ]
    return Batch(inputs, ys, _weights(sample_weight, names, rows))


def _inputs(model: Any, x: Any) -> Any:
    """Every input as an array."""
    arranged = model.arrange_inputs(_plain(x))
    names = model.input_names
    if not names:
        return _each(arranged, "x")
    if len(names) == 1 and _is_several(arranged, model.input_leaves()[0]):
        raise UsageError(
            "E-INPUTS",
            f"model has 1 input ({names[0]}) but x is a list of {len(tree.leaves(arranged))} "
            "arrays.",
        )
    labels = iter(["x"] if len(names) == 1 else [f'x["{n}"]' for n in names])
    return tree.map_structure(
        lambda _, value: as_data(_plain(value), next(labels)), model.input_structure(), arranged
    )


def _each(structure: Any, name: str) -> Any:
    """Every leaf of a structure of arrays as an array. A list of numbers is one leaf."""
    if isinstance(structure, Mapping):
        return {k: _each(_plain(v), f'{name}["{k}"]') for k, v in structure.items()}
    if isinstance(structure, (list, tuple)) and any(_is_data(v) for v in structure):
        made = [_each(_plain(v), f"{name}[{i}]") for i, v in enumerate(structure)]
        return made if isinstance(structure, list) else tuple(made)
    return as_data(structure, name)


def _is_several(arranged: Any, tensor: Any) -> bool:
    """Whether what stands for one input is a list of arrays, each large enough to be an input."""
    items = tree.leaves(arranged)
    return len(items) > 1 and all(np.ndim(item) >= len(tensor.shape) for item in items)


def _is_data(value: Any) -> bool:
    """Whether an item of a list is an array, or a structure of them, and not a number."""
    return isinstance(value, Mapping) or getattr(_plain(value), "shape", ()) != ()


def _weights(sample_weight: Any, names: Sequence[str], rows: int) -> list:
    """Sample weights by output; one array serves all."""
    given = _plain(sample_weight)
    if given is not None and len(names) > 1 and not isinstance(given, (Mapping, tuple)):
        nested = isinstance(given, list) and any(np.ndim(w) or w is None for w in given)
        given = given if nested else [given] * len(names)
    given = by_name(given, names, "sample_weight", rows)
    arrays = [columns.read(as_target(_plain(w), "sample_weight")) for w in given]
    return [w if w is None or "float" in str(w.dtype) else w.astype("float32") for w in arrays]


def _plain(value: Any) -> Any:
    """Frames, series and tensors of other frameworks as arrays."""
    return foreign.plain(value)


def _names(model: Any) -> dict[str, Sequence[str]]:
    outputs = model.output_names
    return {"x": model.input_names, "y": outputs, "sample_weight": outputs}


def with_class_weights(model: Any, batch: Batch, class_weight: Any) -> Batch:
    """Sample weights times class weights, which several outputs take in a dict by output."""
    names, outputs = model.output_names, model.output_specs(batch)
    if len(names) > 1 and not (isinstance(class_weight, Mapping) and set(class_weight) <= {*names}):
        raise UsageError(
            "E-CLASS-WEIGHT",
            f"model has {len(names)} outputs, so class_weight must be a dict by output: "
            f'{{"{names[0]}": {{0: 1.0, 1: 2.0}}}}; got {shown(class_weight)}.',
        )
    chosen = [class_weight] if len(names) == 1 else [class_weight.get(n) for n in names]
    kinds = map(losses.kind_of, model._objective.losses_for(names, outputs, batch.y))
    weights = [
        w if one is None or y is None else checks.class_weights(one, y, kind == "sparse", w)
        for one, y, w, kind in zip(chosen, batch.y, batch.weights, kinds, strict=True)
    ]
    return batch._replace(weights=weights)


def check_inputs(model: Any, batch: Batch, doing: str) -> None:
    """Inputs fit the model's own, if it has any, and hold what can be computed with."""
    checks.input_shapes(model, batch, doing)
    if not model.validate_data:
        return
    checks.when_read(batch, _names(model), doing)
    check_values(model, batch, doing)


def check_values(model: Any, batch: Batch, doing: str) -> None:
    """Inputs and weights on the host hold what can be computed with."""
    checks.embedding_indices(model, batch.x)
    if doing != "predict":
        checks.finite(batch, _names(model), doing)
        checks.weights(batch.weights)


def check_targets(model: Any, source: Source, doing: str) -> None:
    """Targets fit losses and outputs: all of them on the host, else those of the first batch."""
    with checks.noting(doing):
        if isinstance(source, Arrays):
            check_batch(model, source.host, doing)
        else:
            check_batch(model, source.first, f"{doing} batch")


def check_batch(model: Any, batch: Batch, doing: str) -> None:
    """The same for a single batch."""
    names, outputs = model.output_names, model.output_specs(batch)
    chosen = model._objective.losses_for(names, outputs, batch.y)
    checks.targets(model._objective, chosen, batch, outputs, names, doing)
    if model.validate_data:
        checks.target_values(chosen, batch, outputs, names, doing)
    if "endings" not in model._kept:
        model._kept["endings"] = "checked"
        checks.endings(model, chosen, outputs)


# ---------------------------------------------------------------- streams


def is_stream(x: Any) -> bool:
    """Whether `x` yields batches, rather than being arrays."""
    if isinstance(x, (str, bytes, Mapping, list, tuple, type)):
        return False
    if feeds.is_dataset(x):
        return True
    if hasattr(x, "shape"):
        return False
    return isinstance(x, (Iterator, Iterable)) or hasattr(x, "__getitem__")


def stream(
    model: Any, x: Any, y: Any, said: Mapping[str, Any], steps: int | None, doing: str
) -> Stream:
    """A source over a generator, or anything that can be iterated or indexed by batch."""
    for name, value in (("y", y), ("sample_weight", said.get("sample_weight"))):
        if value is not None:
            raise UsageError(
                "E-GENERATOR-Y",
                f"x yields batches, so {name} must come from it too: yield x, y"
                f"{', sample_weight' if name != 'y' else ''}.",
            )
    asked = steps is not None
    feed = _feed(x, bool(said.get("shuffle")) and doing == "fit", asked and doing == "fit")
    if feed.length is None and not asked and doing in ("fit", "validation_data"):
        if not isinstance(feed, feeds.Rounds) or feeds.is_endless(x):
            raise _no_steps(doing)
    by_class = None if doing == "validation_data" else said.get("class_weight")
    convert_item = _Converter(model, by_class, doing, isinstance(feed, feeds.Once))
    threaded = getattr(x, "workers", 1) != 0
    steps = steps if asked else feed.length
    return Stream(feed, convert_item, steps, asked, doing, threaded)


def _feed(x: Any, shuffle: bool, goes_on: bool) -> feeds.Feed:
    """What brings the items of `x`."""
    if isinstance(x, Iterator) and not feeds.is_by_index(x):
        return feeds.Once(x)
    if feeds.is_by_index(x):
        return feeds.ByIndex(x, shuffle and feeds.is_dataset(x), goes_on)
    return feeds.Rounds(x, goes_on)


def _no_steps(doing: str) -> UsageError:
    what, wanted = ("x", "steps_per_epoch") if doing == "fit" else (doing, "validation_steps")
    return UsageError("E-NO-STEPS", f"{what} is a generator without a length: pass {wanted}.")


def _parts(item: Any, number: int, doing: str, generated: bool) -> tuple:
    """A yielded item as a tuple of up to three. Raises UsageError where it is none.

    A list says nothing in a generator. What is not one gives lists where it means tuples, as
    `torch.utils.data.DataLoader` and datasets of older code do.
    """
    if isinstance(item, list):
        if generated and doing != "predict":
            raise UsageError("E-YIELD", "generator yielded a list; use a tuple: yield x, y")
        item = (item,) if generated else tuple(item)
    parts = tuple(item) if isinstance(item, tuple) else (item,)
    if not 1 <= len(parts) <= 3:
        raise UsageError(
            "E-YIELD",
            f"generator yielded a tuple of {len(parts)} at batch {number}; expected (x,), (x, y) "
            "or (x, y, sample_weight).",
        )
    if parts[0] is None:
        raise UsageError("E-YIELD", f"generator yielded None for x at batch {number}.")
    return (*parts, None, None)[:3]


class _Converter:
    """Makes checked batches of yielded items.

    What depends on shapes alone is looked at once: an item of two or three arrays that are like
    those of the last one has only its numbers checked.
    """

    def __init__(self, model: Any, class_weight: Any, doing: str, generated: bool):
        self.model, self.class_weight, self.doing = model, class_weight, doing
        self.generated, self.words = generated, f"{doing} batch"
        self.shapes: list[tuple] = []  # of the first batch
        self.known: tuple = ()  # shapes and dtypes of the arrays of the last one

    def __call__(self, item: Any, number: int, looked_at: bool) -> Batch:
        parts = _parts(item, number, self.doing, self.generated)
        kinds = tuple((a.shape, a.dtype) if type(a) is np.ndarray else a is None for a in parts)
        if kinds == self.known:
            x, y, weight = parts
            batch = Batch(x, [y], [weight])
            self._check_numbers(batch)
            return batch
        batch = self._looked_through(parts, number, looked_at)
        x, y, weight = parts
        alone = len(batch.y) == 1 and self.class_weight is None
        plain = type(x) is np.ndarray and batch.x is x and type(y) is np.ndarray
        if plain and alone and batch.y[0] is y and batch.weights[0] is weight:
            self.known = kinds
        return batch

    def _check_numbers(self, batch: Batch) -> None:
        """What can be wrong with values, the shapes being right."""
        if not self.model.validate_data:
            return
        check_values(self.model, batch, self.words)
        if self.doing != "predict":
            model = self.model
            outputs = model.output_specs(batch)
            chosen = model._objective.losses_for(model.output_names, outputs, batch.y)
            checks.target_values(chosen, batch, outputs, model.output_names, self.words)

    def _looked_through(self, parts: tuple, number: int, looked_at: bool) -> Batch:
        """A batch of which nothing is known."""
        model = self.model
        x, y, weight = parts
        batch = convert(model, x, y, weight, self.doing).map(columns.read)
        checks.lengths(batch, _names(model))
        now = [tuple(leaf.shape) for leaf in tree.leaves(batch.x)]
        self.shapes = self.shapes or now
        checks.drift(model, self.shapes, now, number)
        check_inputs(model, batch, self.words)
        if self.class_weight is not None:
            batch = with_class_weights(model, batch, self.class_weight)
        if self.doing != "predict" and not looked_at:  # the first is checked with its source
            check_batch(model, batch, self.words)
        return batch
