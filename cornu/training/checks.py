"""What can be said about the user's data before anything is compiled.

Everything here looks at host arrays or static shapes and raises `UsageError` in the user's words:
the argument's name, the first offending place, the fix.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornu import engine, losses, tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.training.data import Batch


def whole_number(name: str, value: Any, least: int) -> int:
    """`value` as an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        hint = f" Use {round(value)}." if isinstance(value, (float, np.floating)) else ""
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


def lengths(batch: Batch, names: Mapping[str, Sequence[str]]) -> int:
    """The number of samples, the same in every array."""
    counted: list[tuple[str, int]] = []
    for what, leaves in zip(("x", "y", "sample_weight"), batch, strict=True):
        flat = tree.leaves(leaves)
        known = names.get(what, [])
        several = len(flat) > 1
        for i, leaf in enumerate(flat):
            if leaf is not None:
                label = f'{what}["{known[i]}"]' if several and i < len(known) else what
                counted.append((label, int(leaf.shape[0])))
    first, count = counted[0]
    for label, other in counted[1:]:
        if other != count:
            if label.startswith("sample_weight"):
                raise UsageError("E-LENGTHS", f"{label} has {other} values for {count} samples.")
            raise UsageError("E-LENGTHS", f"{first} has {count} samples but {label} has {other}.")
    return count


def not_empty(batch: Batch, doing: str) -> None:
    """There is at least one sample."""
    if batch.rows == 0:
        text = "evaluate got 0 samples." if doing == "evaluate" else "x has 0 samples."
        raise UsageError("E-EMPTY", text)


def input_shapes(leaves: Sequence[Any], inputs: Sequence[Any], doing: str) -> None:
    """Arrays fit the model's inputs (Tensors), apart from the batch size."""
    for leaf, tensor in zip(leaves, inputs, strict=True):
        got, wanted = tuple(leaf.shape), tuple(tensor.shape)
        if len(got) == len(wanted) and all(
            w is None or g == w for g, w in zip(got[1:], wanted[1:], strict=True)
        ):
            continue
        raise _misfit(got, wanted, tensor.node.name if tensor.node else tensor.name, doing)


def _misfit(got: tuple, wanted: tuple, name: str, doing: str) -> UsageError:
    expected = "(" + ", ".join(["batch", *("any" if d is None else str(d) for d in wanted[1:])])
    expected += ")" if len(wanted) > 1 else ",)"
    if len(got) == len(wanted) - 1 and _fits(got, wanted[1:]):
        return UsageError(
            "E-NO-BATCH",
            f"{doing} needs a batch. You passed one sample of shape {got}; the model input "
            f'"{name}" expects {expected}. Use x[None] or np.expand_dims(x, 0).',
        )
    start = f'x has shape {got} but model input "{name}" expects {expected}.'
    if len(got) == len(wanted):
        axis = next(i for i in range(1, len(got)) if wanted[i] not in (None, got[i]))
        if len(got) == 2:
            start = (
                f'x has {got[1]} features, model input "{name}" expects {wanted[1]} (axis -1). '
                f"Got x.shape={got}."
            )
            return UsageError("E-SIZE", start)
        swapped = len(got) == 4 and got[1] == wanted[-1] and wanted[-1] in (1, 2, 3, 4)
        hint = f"Axis {axis} has {got[axis]} instead of {wanted[axis]}."
        if swapped and got[-1] > 4:
            hint += " It looks like channels_first: np.moveaxis(x, 1, -1)."
        return UsageError("E-SIZE", f"{start} {hint}")
    hint = ""
    if len(got) > len(wanted):
        hint = f" Extra dimension at axis {len(wanted) - 1}."
        if len(wanted) == 2 and wanted[1] in (None, int(np.prod(got[1:]))) or len(wanted) == 2:
            sizes = "x".join(str(d) for d in got[1:])
            hint += (
                f" If each sample is {sizes}, flatten: x.reshape({got[0]}, -1), or start with "
                f"Input({got[1:]})."
            )
    elif len(got) == len(wanted) - 1 and wanted[-1] == 1:
        hint = " Add the channel axis: x[..., None]."
    return UsageError("E-RANK", f"{start}{hint}")


def _fits(got: tuple, wanted: tuple) -> bool:
    return all(w is None or g == w for g, w in zip(got, wanted, strict=True))


def finite(batch: Batch, names: Mapping[str, Sequence[str]]) -> None:
    """No NaN or infinity in host arrays; says where the first one is."""
    for what, leaves in zip(("x", "y", "sample_weight"), batch, strict=True):
        flat = tree.leaves(leaves)
        for i, leaf in enumerate(flat):
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
                known = names.get(what, [])
                label = f'{what}["{known[i]}"]' if len(flat) > 1 and i < len(known) else what
                _finite(leaf, label)


def _finite(array: np.ndarray, label: str) -> None:
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum(dtype=np.float64 if array.size < 1000 else None)):
            return
        bad = ~np.isfinite(array)
    count = int(bad.sum())
    if not count:
        return
    place = np.unravel_index(int(bad.argmax()), bad.shape)
    kind = "NaN" if np.isnan(array[place]) else "inf"
    column = f", column {place[1]}" if len(place) == 2 else f", at {place[1:]}" if place[1:] else ""
    at = tuple(int(p) for p in place[1:])
    column = f", at {at}" if len(place) > 2 else column
    raise UsageError(
        "E-NOT-FINITE",
        f"{label} contains {kind}: first at sample {place[0]}{column} ({count} value"
        f"{'s' if count > 1 else ''}). Training stopped before any update. Clean with "
        f"np.nan_to_num({label}) or drop the rows.",
    )


def targets(objective: Any, batch: Batch, outputs: Sequence[Any], names: Sequence[str]) -> None:
    """Targets and losses go together, by shape and, for labels on the host, by value."""
    for i, loss in enumerate(objective.losses):
        if loss is None:
            continue
        y = batch.y[i]
        if y is None:
            which = "" if len(names) == 1 else f' for output "{names[i]}"'
            raise UsageError(
                "E-NO-TARGET",
                f"The model has loss {objective.loss_names if len(names) == 1 else repr(loss.name)}"
                f"{which}, which needs y, but fit(x) was called without y.",
            )
        loss.check_shapes(tuple(y.shape), str(y.dtype), tuple(outputs[i].shape))
        if isinstance(y, np.ndarray):
            losses.check_labels(loss, y, tuple(outputs[i].shape))


def weights(arrays: Sequence[Any]) -> None:
    """Sample weights are numbers >= 0."""
    for array in arrays:
        if isinstance(array, np.ndarray) and array.size and not array.min() >= 0:
            bad = ~(array >= 0)
            place = int(bad.reshape(len(array), -1).any(axis=1).argmax())
            value = array[bad].ravel()[0]
            raise UsageError(
                "E-WEIGHT", f"sample_weight has {value} at index {place}; weights must be >= 0."
            )


def embedding_indices(model: Any, x: Any) -> None:
    """Host inputs that go straight into an Embedding stay below its `input_dim`."""
    for leaf, layer in model.embedded_inputs(x):
        if not isinstance(leaf, np.ndarray) or not leaf.size:
            continue
        bad = (leaf < 0) | (leaf >= layer.input_dim)
        if bad.any():
            place = tuple(int(p) for p in np.unravel_index(int(bad.argmax()), bad.shape))
            raise UsageError(
                "E-INDEX-RANGE",
                f'Embedding "{layer.name}" got token {leaf[place]:g} at {list(place)}; '
                f"input_dim={layer.input_dim} allows 0..{layer.input_dim - 1}.",
            )


def class_weights(class_weight: Any, y: Any) -> np.ndarray:
    """Sample weights from weights by class: a dict index -> number, or a list."""
    labels = np.asarray(engine.numpy(y) if engine.is_array(y) else y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    elif labels.ndim > 1:
        labels = labels[..., 0]
    labels = labels.astype(np.int64)
    if not isinstance(class_weight, Mapping):
        class_weight = dict(enumerate(np.asarray(class_weight, dtype=float).ravel()))
    for key in class_weight:
        if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
            raise UsageError(
                "E-CLASS-WEIGHT",
                f"class_weight keys must be class indices (int); got {shown(key)}.",
            )
    for key, value in class_weight.items():
        if not isinstance(value, (int, float, np.number)) or not value >= 0:
            raise UsageError(
                "E-CLASS-WEIGHT", f"class_weight[{key}] must be a number >= 0; got {shown(value)}."
            )
    present, counts = np.unique(labels, return_counts=True)
    for label, count in zip(present, counts, strict=True):
        if int(label) not in class_weight:
            raise UsageError(
                "E-CLASS-WEIGHT",
                f"class_weight has no entry for class {label}, which is in y ({count} samples). "
                f"Add {label}: 1.0.",
            )
    table = np.array([class_weight[int(label)] for label in present], dtype=np.float32)
    return table[np.searchsorted(present, labels)]


def scale(batch: Batch, loss: float) -> None:
    """Warn of inputs that were never scaled, when the first loss is out of all proportion."""
    if not loss > 1e4:
        return
    for leaf in tree.leaves(batch.x):
        if isinstance(leaf, np.ndarray) and leaf.size and leaf.dtype.kind in "fiu":
            low, high = leaf.min(), leaf.max()
            if high - low > 50:
                fix = " Consider x/255." if 200 < high <= 255 else " Consider scaling x."
                warnings.warn(
                    f"x ranges {low:g}..{high:g} and loss is {loss:.4g} after 1 step.{fix}",
                    stacklevel=4,
                )
                return
