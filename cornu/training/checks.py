"""What can be said about the user's data before anything is compiled.

Everything here looks at host arrays or static shapes and raises `UsageError` in the user's words:
the argument's name, the first offending place, the fix. Values are read at most once or twice;
what lies on a device is not read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cornu import activations, engine, losses, tree
from cornu.errors import UsageError, UsageTypeError, shown, warn
from cornu.layers import Layer
from cornu.training.columns import Column
from cornu.training.data import Batch


@contextmanager
def noting(doing: str) -> Iterator[None]:
    """Say that an error is about the validation data, where that is so."""
    try:
        yield
    except (UsageError, UsageTypeError) as error:
        if doing == "validation_data":
            error.add_note("(in validation_data)")
        raise


# ---------------------------------------------------------------- numbers


def whole_number(name: str, value: Any, least: int) -> int:
    """`value` as an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        is_number = isinstance(value, (float, np.floating)) and np.isfinite(value)
        hint = f" Use {round(float(value))}." if is_number else ""
        if isinstance(value, str) and value.strip().isdigit():
            hint = f" Use {value.strip()} without quotes."
        raise UsageTypeError("E-TYPE", f"{name} must be an int, got {shown(value)}.{hint}")
    if value < least:
        raise UsageError("E-RANGE", f"{name} must be >= {least}, got {value}.")
    return int(value)


def split_fraction(value: float) -> float:
    """`validation_split`, in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise UsageTypeError("E-TYPE", f"validation_split must be a number, got {shown(value)}.")
    if not 0 <= value < 1:
        hint = f" Did you mean {value / 100:g}?" if 1 < value < 100 else ""
        raise UsageError("E-SPLIT", f"validation_split must be in (0, 1), got {value}.{hint}")
    return float(value)


def frequency(value: Any) -> None:
    """`validation_freq`: every n-th epoch, or the numbers of epochs."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        whole_number("validation_freq", value, 1)


# ---------------------------------------------------------------- shapes of inputs


def _labels(what: str, count: int, names: Sequence[str]) -> list[str]:
    """How to call each of `count` arrays: x where it is alone, else x["name"]."""
    if count == 1 or len(names) != count:
        return [what] * count
    return [f'{what}["{name}"]' for name in names]


def lengths(batch: Batch, names: Mapping[str, Sequence[str]]) -> int:
    """The number of samples, the same in every array."""
    counted: list[tuple[str, int]] = []
    for what, leaves in zip(("x", "y", "sample_weight"), batch, strict=True):
        flat = tree.leaves(leaves)
        labels = _labels(what, len(flat), names[what])
        both = zip(labels, flat, strict=True)
        counted += [(label, int(leaf.shape[0])) for label, leaf in both if leaf is not None]
    first, count = counted[0]
    for label, other in counted[1:]:
        if other != count:
            if label.startswith("sample_weight"):
                raise UsageError("E-LENGTHS", f"{label} has {other} values for {count} samples.")
            raise UsageError("E-LENGTHS", f"{first} has {count} samples but {label} has {other}.")
    return count


def rows(x: Any) -> int:
    """The number of samples in the first of the inputs. Raises UsageError where there is none."""
    first = next((leaf for leaf in tree.leaves(x) if leaf is not None), None)
    if first is None:
        raise UsageError("E-NO-X", "x holds no arrays.")
    return int(first.shape[0])


def not_empty(rows: int, doing: str) -> None:
    """There is at least one sample."""
    if rows == 0:
        text = "evaluate got 0 samples." if doing == "evaluate" else "x has 0 samples."
        raise UsageError("E-EMPTY", text)


def input_shapes(model: Any, batch: Batch, doing: str) -> None:
    """Arrays fit the model's inputs, apart from the batch size and a last axis of 1."""
    leaves, inputs = tree.leaves(batch.x), model.input_leaves()
    for label, leaf in zip(_labels("x", len(leaves), model.input_names), leaves, strict=True):
        if leaf.ndim == 2 and leaf.shape[1] == 0 and leaf.shape[0]:
            raise UsageError("E-SIZE", f"{label} has 0 features: its shape is {tuple(leaf.shape)}.")
    if inputs:
        labels = _labels("x", len(leaves), model.input_names)
        for label, leaf, tensor in zip(labels, leaves, inputs, strict=True):
            if not _fits_input(tuple(leaf.shape), tensor.shape):
                raise _misfit(tuple(leaf.shape), tensor, label, doing.split()[0], model)


def _fits_input(got: tuple, wanted: tuple) -> bool:
    """Whether they match from axis 1 on; either may have a last axis of 1 more."""
    if len(got) == len(wanted) - 1 and wanted[-1] == 1:
        wanted = wanted[:-1]
    elif len(got) == len(wanted) + 1 and got[-1] == 1:
        got = got[:-1]
    return len(got) == len(wanted) and _fits(got[1:], wanted[1:])


def _fits(got: tuple, wanted: tuple) -> bool:
    return len(got) == len(wanted) and all(
        w is None or g == w for g, w in zip(got, wanted, strict=True)
    )


def _misfit(got: tuple, tensor: Any, label: str, doing: str, model: Any) -> UsageError:
    wanted = tuple(tensor.shape)
    sizes = ", ".join(["batch", *("any" if d is None else str(d) for d in wanted[1:])])
    name = tensor.node.name if tensor.node else tensor.name
    start = f'{label} has shape {got} but model input "{name}" expects ({sizes}).'
    if _fits(got, wanted[1:]):
        return UsageError(
            "E-NO-BATCH",
            f"{doing} needs a batch. You passed one sample of shape {got}. "
            f"Use {label}[None] or np.expand_dims({label}, 0).",
        )
    if len(got) == len(wanted):
        return _wrong_size(got, wanted, start, label, _builder(model, tensor))
    if len(got) < len(wanted):
        channel = len(got) == len(wanted) - 2 and wanted[-1] == 1 and _fits(got, wanted[1:-1])
        hint = f" One sample with one channel? {label}[None, ..., None]." if channel else ""
        missing = len(wanted) - len(got)
        said = "1 dimension is" if missing == 1 else f"{missing} dimensions are"
        return UsageError("E-RANK", f"{start} {said} missing.{hint}")
    hint = f" Extra dimension at axis {len(wanted) - 1}."
    if len(wanted) == 2:
        hint += (
            f" If each sample is {'x'.join(map(str, got[1:]))}, flatten: "
            f"{label}.reshape({got[0]}, -1), or start with Input({got[1:]})."
        )
    return UsageError("E-RANK", f"{start}{hint}")


def _wrong_size(
    got: tuple, wanted: tuple, start: str, label: str, builder: Layer | None
) -> UsageError:
    axis = next(i for i in range(1, len(got)) if wanted[i] not in (None, got[i]))
    if len(got) == 2 and builder is not None:
        return UsageError(
            "E-SIZE",
            f'{label} has {got[1]} features, layer "{builder.name}" was built for {wanted[1]} '
            f"(axis -1). Got {label}.shape={got}.",
        )
    hint = f"Axis {axis} has {got[axis]} instead of {wanted[axis]}."
    if len(got) == 4 and got[1] == wanted[-1] and got[1] in (1, 2, 3, 4) and got[-1] > 4:
        hint += f" It looks like channels_first: np.moveaxis({label}, 1, -1)."
    return UsageError("E-SIZE", f"{start} {hint}")


def _builder(model: Any, tensor: Any) -> Layer | None:
    """The layer that reads an input and has weights for its features."""
    for node in model._graph.plan:
        if isinstance(node.op, Layer) and any(t is tensor for t in node.inputs):
            return node.op if getattr(node.op.input_spec, "axes", None) else None
    return None


def drift(model: Any, before: Sequence[tuple], now: Sequence[tuple], number: int) -> None:
    """A batch has the sizes of the first one where the model does not leave them open."""
    inputs = model.input_leaves()
    for old, new, tensor in zip(before, now, inputs, strict=False):
        if old[1:] != new[1:] and not _fits_input(new, tensor.shape):
            raise UsageError(
                "E-DRIFT",
                f"batch {number}: x has shape {new}, earlier batches {(new[0], *old[1:])}.",
            )


# ---------------------------------------------------------------- values


def _stopped(doing: str) -> str:
    """What the error has kept from happening."""
    said = {
        "fit": " Training stopped before any update.",
        "train_on_batch": " Training stopped before any update.",
        "fit batch": " Training stopped before this batch.",
    }
    return said.get(doing, "")


def finite(batch: Batch, names: Mapping[str, Sequence[str]], doing: str) -> None:
    """No NaN or infinity in inputs on the host; says where the first one is."""
    flat = tree.leaves(batch.x)
    for label, leaf in zip(_labels("x", len(flat), names["x"]), flat, strict=True):
        _finite(leaf, label, doing)


def _finite(array: Any, label: str, doing: str, weight: np.ndarray | None = None) -> None:
    """Entries whose `weight` is 0 may be anything."""
    if not isinstance(array, np.ndarray):
        return
    if array.dtype.kind != "f" and "float" not in str(array.dtype):  # bfloat16 is of kind "V"
        return
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):  # one pass without a copy; it may overflow, hence the second
            return
        bad = ~np.isfinite(array)
    if weight is not None:
        while weight.ndim > bad.ndim and weight.shape[-1] == 1:
            weight = weight[..., 0]
        bad &= weight.reshape(weight.shape + (1,) * (bad.ndim - weight.ndim)) != 0
    count = int(bad.sum())
    if not count:
        return
    place = tuple(int(p) for p in np.unravel_index(int(bad.argmax()), bad.shape))
    kind = "NaN" if np.isnan(array[place]) else "inf"
    inside = f", column {place[1]}" if len(place) == 2 else f", at {list(place[1:])}"
    raise UsageError(
        "E-NOT-FINITE",
        f"{label} contains {kind}: first at sample {place[0]}{inside if place[1:] else ''} "
        f"({count} value{'s' if count > 1 else ''}).{_stopped(doing)} Clean with "
        f"np.nan_to_num({label}) or drop the rows.",
    )


def when_read(batch: Batch, names: Mapping[str, Sequence[str]], doing: str) -> None:
    """Have inputs that are read a piece at a time checked then."""
    flat = tree.leaves(batch.x) if doing != "predict" else []
    for label, leaf in zip(_labels("x", len(flat), names["x"]), flat, strict=False):
        if isinstance(leaf, Column):
            leaf.checks.append(lambda found, label=label: _finite(found, label, f"{doing} batch"))


def weights(arrays: Sequence[Any]) -> None:
    """Sample weights on the host are finite numbers >= 0."""
    for array in arrays:
        if not isinstance(array, np.ndarray) or not array.size:
            continue
        if not (array.min() >= 0 and np.isfinite(array.max())):
            bad = ~((array >= 0) & np.isfinite(array))
            place = [int(p) for p in np.unravel_index(int(bad.argmax()), bad.shape)]
            value = float(array[tuple(place)])
            raise UsageError(
                "E-WEIGHT",
                f"sample_weight has {value} at index {place[0] if len(place) == 1 else place}; "
                "weights must be finite and >= 0.",
            )


def embedding_indices(model: Any, x: Any) -> None:
    """Host inputs that go straight into an Embedding stay below its `input_dim`."""
    for leaf, layer in model.embedded_inputs(x):
        if not isinstance(leaf, np.ndarray) or not leaf.size:
            continue
        if leaf.min() >= 0 and leaf.max() < layer.input_dim:
            continue
        bad = ~((leaf >= 0) & (leaf < layer.input_dim))
        place = tuple(int(p) for p in np.unravel_index(int(bad.argmax()), bad.shape))
        raise UsageError(
            "E-INDEX-RANGE",
            f'Embedding "{layer.name}" got token {leaf[place]:g} at {list(place)}; '
            f"input_dim={layer.input_dim} allows 0..{layer.input_dim - 1}.",
        )


# ---------------------------------------------------------------- targets


def targets(
    objective: Any,
    chosen: Sequence[Any],
    batch: Batch,
    outputs: Sequence[Any],
    names: Sequence[str],
    doing: str,
) -> None:
    """Targets and sample weights are there and have shapes that fit losses and outputs."""
    for loss, y, weight, output, name in zip(
        chosen, batch.y, batch.weights, outputs, names, strict=True
    ):
        which = name if len(names) > 1 else None
        if loss is not None and y is None:
            raise _no_target(objective, loss, which, doing)
        shape = (None, *output.shape[1:]) if output.shape else ()  # y holds many batches
        if loss is not None:
            loss.check_shapes(tuple(y.shape), str(y.dtype), shape, which)
        if weight is not None and losses.kind_of(loss) != "free":
            axis = losses.options_of(loss).get("axis", -1)
            if isinstance(axis, int):  # else the loss gives one number, or one a sample
                _weight_shape(tuple(weight.shape), shape, axis)


def _no_target(objective: Any, loss: Any, output: str | None, doing: str) -> UsageError:
    said = objective.loss_names if output is None else f'"{loss.name}" for output "{output}"'
    start = f"The model has loss {said}, which needs y, but"
    call = "fit" if doing == "validation_data" else doing
    if "batch" in doing.split():
        return UsageError("E-NO-TARGET", f"{start} the generator yielded x alone: yield x, y.")
    return UsageError("E-NO-TARGET", f"{start} {call}(x) was called without y.")


def _weight_shape(given: tuple, output: tuple, axis: int) -> None:
    """A weight for each sample, or for each place in an output without the loss's axis."""
    shape = given
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    axis = axis % len(output) if len(output) > 1 else 1
    places = (*output[:axis], *output[axis + 1 :])
    fits = [s == 1 or p is None or s == p for s, p in zip(shape[1:], places[1:], strict=False)]
    if len(shape) > len(places) or not all(fits):
        more = f", or {(given[0], *places[1:])}" if places[1:] else ""
        raise UsageError(
            "E-WEIGHT-SHAPE",
            f"sample_weight has shape {given}, but the model outputs {(given[0], *output[1:])}. "
            f"Give one number a sample, shape ({given[0]},){more}.",
        )


def target_values(
    chosen: Sequence[Any],
    batch: Batch,
    outputs: Sequence[Any],
    names: Sequence[str],
    doing: str,
) -> None:
    """Targets on the host are finite, and class numbers are those of the output.

    A loss of the user's own may give NaN a meaning, so its targets are not looked at.
    """
    labels = _labels("y", len(names), names)
    for loss, y, weight, output, label in zip(
        chosen, batch.y, batch.weights, outputs, labels, strict=True
    ):
        if isinstance(y, np.ndarray) and losses.kind_of(loss) != "free":
            on_host = weight if isinstance(weight, np.ndarray) else None
            _finite(y, label, doing, on_host)
            losses.check_labels(loss, y, tuple(output.shape), on_host)


def class_weights(class_weight: Any, y: Any, sparse: bool, weight: Any = None) -> np.ndarray:
    """Sample weights from weights by class, a dict index -> number or a list, times `weight`.

    `y` holds class numbers where `sparse`, else one number a class on its last axis if that is
    longer than 1.
    """
    known = _by_class(class_weight)
    labels = np.asarray(engine.numpy(y))
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    elif labels.ndim > 1 and not sparse:
        labels = labels.argmax(axis=-1)
    present, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    for label, count in zip(present, counts, strict=True):
        if label != np.floor(label):
            raise UsageError(
                "E-CLASS-WEIGHT",
                f"class_weight needs class numbers in y, but y has {label:g}. Use "
                "sample_weight for targets that are no classes.",
            )
        if int(label) not in known:
            raise UsageError(
                "E-CLASS-WEIGHT",
                f"class_weight has no entry for class {int(label)}, which is in y ({count} "
                f"sample{'s' if count > 1 else ''}). Add {int(label)}: 1.0.",
            )
    table = np.array([known[int(label)] for label in present], dtype=np.float32)
    found = table[places.reshape(labels.shape)]
    return found if weight is None else _times(np.asarray(engine.numpy(weight)), found)


def _by_class(class_weight: Any) -> dict[int, float]:
    """Weights by class number. Raises UsageError for keys and weights that are none."""
    if not isinstance(class_weight, Mapping):
        if not isinstance(class_weight, (list, tuple, np.ndarray)) or np.ndim(class_weight) != 1:
            raise UsageTypeError(
                "E-CLASS-WEIGHT",
                "class_weight must be a dict {class: weight} or a list with a weight for each "
                f"class; got {shown(class_weight)}.",
            )
        class_weight = dict(enumerate(class_weight))
    for key, value in class_weight.items():
        if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
            raise UsageError(
                "E-CLASS-WEIGHT",
                f"class_weight keys must be class indices (int); got {shown(key)}.",
            )
        is_number = isinstance(value, (int, float, np.number))
        if not is_number or not 0 <= value < float("inf"):
            raise UsageError(
                "E-CLASS-WEIGHT",
                f"class_weight[{key}] must be a finite number >= 0; got {shown(value)}.",
            )
    return {int(key): float(value) for key, value in class_weight.items()}


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product, the axes of the shorter one being the first of the longer one."""
    if a.ndim > 1 and a.shape[-1] == 1 and a.ndim > b.ndim:
        a = a[..., 0]
    rank = max(a.ndim, b.ndim)
    a, b = (v.reshape(v.shape + (1,) * (rank - v.ndim)) for v in (a, b))
    return (a * b).astype("float32")


# ---------------------------------------------------------------- what only seems right


def endings(model: Any, chosen: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Warn of a softmax over one unit, and of probabilities where a loss takes logits."""
    for layer in model.all_layers():
        if getattr(layer, "activation", None) is activations.softmax and _is_single(layer):
            warn(
                f'layer "{layer.name}" has a softmax over 1 unit, which always gives 1. Did you '
                'mean activation="sigmoid"?'
            )
    for loss, output in zip(chosen, outputs, strict=True):
        last = _last_layer(output)
        ending: Any = getattr(last, "activation", None)
        takes_logits = losses.options_of(loss).get("from_logits")
        if takes_logits and ending in (activations.softmax, activations.sigmoid):
            warn(
                f'loss "{loss.name}" has from_logits=True, but layer "{last.name}" ends in '
                f"{ending.__name__} and gives probabilities. Leave from_logits out, or the "
                "activation."
            )


def _is_single(layer: Any) -> bool:
    """Whether the last axis of what a layer gives has size 1."""
    made = [t.shape for node in layer.__dict__.get("_nodes", ()) for t in node.outputs]
    return getattr(layer, "units", None) == 1 or any(shape[-1:] == (1,) for shape in made)


def _last_layer(output: Any) -> Any:
    """The layer that makes an output, looked for inside of inner models."""
    op = output.node.op if output.node is not None else None
    inner = getattr(op, "_graph", None)
    return op if inner is None else _last_layer(inner.output_leaves[output.index])


def scale(batch: Batch, loss: float) -> None:
    """Warn of inputs that were never scaled, when the first loss is out of all proportion."""
    if not loss > 1e4:
        return
    for leaf in tree.leaves(batch.x):
        if isinstance(leaf, np.ndarray) and leaf.size and leaf.dtype.kind in "fiu":
            low, high = leaf.min(), leaf.max()
            if high - low > 50:
                fix = "Consider x/255." if low >= 0 and 200 < high <= 255 else "Consider scaling x."
                warn(f"x ranges {low:g}..{high:g} and loss is {loss:.5g} after 1 step. {fix}")
                return
