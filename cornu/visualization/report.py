"""A page on a run: curves, the best epoch, settings, the model, and what it takes for what."""

import platform
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu import engine
from cornu.errors import UsageError, shown
from cornu.layers import Layer
from cornu.models.wiring import Call, Wiring
from cornu.saving.files import write_whole
from cornu.visualization.curves import Curve, curves
from cornu.visualization.report_charts import chart, number
from cornu.visualization.report_graph import MOST, graph
from cornu.visualization.report_html import Html, el, page
from cornu.visualization.told import parameters, told
from cornu.visualization.training import confusion_matrix

NAMED = 26
"""Most classes whose counts are written into the matrix."""

HALF = 500
"""Pixels of a graph that fits beside a table."""

ROWS = 1000
"""Most epochs in the table of figures; of more, every n-th."""


def write_report(
    history: Any, path: str | Path, data: Any = None, classes: Sequence[str] = ()
) -> Path:
    """Write a run as one page (HTML) that needs no network and no library.

    Args:
        history: what `fit` returned.
        path: of the page; it is replaced at once, or not at all.
        data: `(x, y)`: a classifier predicts x, and the page has its confusion matrix; by default
            the arrays that `fit` was validated by.
        classes: names of the classes, in order.

    Returns:
        The path.

    Raises:
        UsageError: for a history without epochs, and for data that are not classes.
    """
    drawn = curves(history)
    model = history.model
    name = getattr(model, "name", "model")
    parts = [
        _head(history, model, name),
        _tiles(history, model, drawn),
        _section("Curves", el("div", *map(chart, drawn), class_="charts"), _table(history)),
        _validated(history, classes) if data is None else _confusion(model, data, classes),
        _section("Settings", _settings(history, model)),
        None if model is None else _section("Model", *_model(model)),
        el("footer", f"Written by Cornu {_version()} on {_day(time.time())}."),
    ]
    text = page(f"{name}: a run of {len(history.epoch)} epochs", *filter(None, parts))
    write_whole(path, lambda file: file.write(text.encode()))
    return Path(path)


def _section(title: str, *parts: Html | None) -> Html:
    return el("section", el("h2", title), *parts)


def _version() -> str:
    return str(sys.modules["cornu"].__version__)  # of the package that this is a part of


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def duration(seconds: float) -> str:
    """A time as text."""
    if seconds >= 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"


# ---------------------------------------------------------------- the head, and numbers in large


def _head(history: Any, model: Any, name: str) -> Html:
    epochs = len(history.epoch)
    said = [] if model is None else [_kind(model)]
    said += [f"{epochs} epoch{'s' * (epochs > 1)}"]
    if history.begun is not None:
        said.append(f"begun {_day(history.begun)}")
    return el("header", el("h1", name), el("p", " · ".join(said), class_="soft"))


def _kind(model: Any) -> str:
    name = type(model).__name__
    return "Functional model" if name == "Model" and model._graph is not None else f"{name} model"


def _tiles(history: Any, model: Any, drawn: Sequence[Curve]) -> Html:
    tiles = []
    best = _best(drawn)
    if best is not None:
        curve, place = best
        line = curve.judged
        assert line is not None
        figure = f"{_where(curve)} {curve.name} {number(line.values[place])}"
        tiles.append(_tile("Best epoch", f"{line.epochs[place]:g}", figure))
    for curve in drawn[:2]:
        line = curve.judged
        if line is not None:
            other = curve.training if curve.validation is not None else None
            note = f"training {number(other.values[-1])}" if other is not None else "training"
            kind = "validation " if other is not None else ""
            tiles.append(_tile(f"Final {kind}{curve.name}", number(line.values[-1]), note))
    if history.seconds:
        whole = sum(history.seconds)
        each = duration(whole / len(history.seconds))
        tiles.append(_tile("Time", duration(whole), f"{each} an epoch"))
    if model is not None and model.built:
        every, trained = parameters(model.weights), parameters(model.trainable_weights)
        said = "all trained" if trained == every else f"{trained:,} trained"
        tiles.append(_tile("Parameters", f"{every:,}", said))
    return el("div", *tiles, class_="tiles")


def _tile(title: str, value: str, note: str) -> Html:
    return el(
        "div",
        el("span", title, class_="soft small"),
        el("b", value),
        el("span", note, class_="soft small"),
        class_="card tile",
    )


def _where(curve: Curve) -> str:
    return "validation" if curve.validation is not None else "training"


def _best(drawn: Sequence[Curve]) -> tuple[Curve, int] | None:
    """The curve to judge by (the loss), and the place of its best number."""
    for curve in sorted(drawn, key=lambda c: c.name != "loss"):
        place = curve.judged.best(curve.way) if curve.judged is not None and curve.way else None
        if place is not None:
            return curve, place
    return None


# ---------------------------------------------------------------- numbers in a table


def _table(history: Any) -> Html:
    """Every figure of every epoch, for readers without the script, and to copy."""
    names = list(history.history)
    by_epoch: dict[int, dict[str, Any]] = {epoch: {} for epoch in history.epoch}
    for name in names:
        when = history.when.get(name) or history.epoch
        for epoch, value in zip(when, history.history[name], strict=False):
            by_epoch[epoch][name] = value
    step = -(-len(by_epoch) // ROWS)
    rows = [
        el("tr", el("td", epoch + 1), *(el("td", _cell(found.get(n)), class_="n") for n in names))
        for i, (epoch, found) in enumerate(by_epoch.items())
        if i % step == 0 or i == len(by_epoch) - 1
    ]
    head = el("tr", el("th", "epoch"), *(el("th", name, class_="n") for name in names))
    few = f" (every {step}th epoch)" if step > 1 else ""
    table = el("table", el("thead", head), el("tbody", *rows))
    return el(
        "details",
        el("summary", f"All figures as numbers{few}"),
        el("div", el("div", table, class_="scroll"), class_="card"),
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return number(float(value)) if np.ndim(value) == 0 else shown(value)


# ---------------------------------------------------------------- settings


def _settings(history: Any, model: Any) -> Html:
    about_machine = {
        "Cornu": _version(),
        "Python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        "NumPy": np.__version__,
        **engine.versions(),
        "Devices": ", ".join(engine.devices()),
    }
    return el(
        "div",
        el("div", _listed(_training(history, model)), class_="card"),
        el("div", _listed(about_machine), class_="card"),
        class_="half",
    )


def _listed(facts: Mapping[str, Any]) -> Html:
    pairs = (join for k, v in facts.items() for join in (el("dt", k), el("dd", v)))
    return el("dl", *pairs)


def _training(history: Any, model: Any) -> dict[str, str]:
    params = history.params
    facts: dict[str, str] = {}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        facts["Optimizer"] = _optimizer(optimizer)
    facts["Loss"] = _named(_loss(model))
    other = ("loss", "learning_rate", "lr")
    metrics = [n for n in history.history if not n.startswith("val_") and n not in other]
    facts["Metrics"] = ", ".join(metrics) or "none"
    for name, title in (("batch_size", "Batch size"), ("steps", "Steps in an epoch")):
        if params.get(name) is not None:
            facts[title] = f"{params[name]:,}"
    facts["Epochs"] = f"{len(history.epoch)} of {params.get('epochs', len(history.epoch))}"
    if history.seed is not None:
        facts["Seed"] = str(history.seed)
    if history.begun is not None:
        facts["Begun"] = _day(history.begun)
    if history.seconds:
        slow = max(history.seconds)
        facts["Time"] = f"{duration(sum(history.seconds))}; the slowest epoch {duration(slow)}"
    return facts


def _optimizer(optimizer: Any) -> str:
    config = optimizer.get_config()
    unsaid = {"name"} if config.get("use_ema") else {"name", "ema_momentum"}
    fields = [
        f"{k}={told(v)}"
        for k, v in config.items()
        if k not in unsaid and v is not None and v is not False
    ]
    return f"{type(optimizer).__name__}({', '.join(fields)})"


def _loss(model: Any) -> Any:
    return (getattr(model, "_compiled_with", None) or {}).get("loss")


def _named(loss: Any) -> str:
    """A loss, or the losses of several outputs, by name."""
    if isinstance(loss, Mapping):
        return ", ".join(f"{name}: {_named(one)}" for name, one in loss.items())
    if isinstance(loss, (list, tuple)):
        return ", ".join(map(_named, loss))
    if loss is None or isinstance(loss, str):
        return loss or "none"
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", type(loss).__name__))


# ---------------------------------------------------------------- the model


def _model(model: Any) -> Iterable[Html]:
    picture = graph(model)
    table = el("div", el("div", _layers(model), class_="scroll"), class_="card")
    if picture is not None:
        wide = picture.width > HALF
        kind = "card below" if wide else "card"
        drawn = el("div", el("div", picture.drawing, class_="scroll"), class_=kind)
        yield el("div", table, drawn, class_=None if wide else "pair")
        return
    yield table
    why = "it is of Python code" if model._graph is None else f"it has more than {MOST} layers"
    yield el("p", f"The graph of the model is not drawn: {why}.", class_="soft small")


def _layers(model: Any) -> Html:
    if model._graph is None:
        calls = [Call(layer.name, type(layer).__name__, layer, ()) for layer in model.layers]
    else:
        calls = Wiring(model._graph).calls
    rows = [
        el(
            "tr",
            el("td", call.name),
            el("td", call.kind),
            el("td", _shapes(call), class_="s"),
            el("td", f"{parameters(call.op.weights):,}" if isinstance(call.op, Layer) else "0",
               class_="n"),
        )
        for call in calls
    ]  # fmt: skip
    total = el("tr", el("td", "all"), el("td"), el("td"),
               el("td", f"{parameters(model.weights):,}", class_="n"), class_="best")  # fmt: skip
    heads = [el("th", name) for name in ("layer", "type", "output shape")]
    head = el("tr", *heads, el("th", "parameters", class_="n"))
    return el("table", el("thead", head), el("tbody", *rows, total))


def _shapes(call: Call) -> str:
    found = dict.fromkeys(str(t.shape) for node in call.nodes for t in node.outputs)
    return ", ".join(found)


# ---------------------------------------------------------------- what is taken for what


def _validated(history: Any, classes: Sequence[str]) -> Html | None:
    """The classes of what `fit` was validated by; None where there are none."""
    data = getattr(history, "validation", None)
    if data is None or history.model is None:
        return None
    try:
        return _confusion(history.model, data, classes)
    except UsageError as error:
        if error.code != "E-REPORT-DATA":
            raise
        return None


def _confusion(model: Any, data: Any, classes: Sequence[str]) -> Html:
    true, guessed, count = _classes(model, data)
    if classes and len(classes) < count:
        raise UsageError(
            "E-LABELS", f"classes names {len(classes)} classes, but the model tells {count} apart."
        )
    names = [str(c) for c in classes] or [str(i) for i in range(count)]
    matrix = confusion_matrix(true, guessed, len(names))
    right = int(np.trace(matrix))
    total = max(int(matrix.sum()), 1)
    said = f"{right:,} of {total:,} are taken for what they are: {right / total:.1%}."
    note = " Each row is a true class, each column what the model takes it for."
    return _section(
        "Classes",
        el(
            "div",
            el("p", said, el("span", note, class_="soft"), style="margin-bottom: 14px"),
            el(
                "div",
                el("div", _matrix(matrix, names), class_="scroll"),
                _mistakes(matrix, names),
                class_="beside",
            ),
            class_="card",
        ),
    )


def _classes(model: Any, data: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """True and predicted class numbers, and how many classes there are."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise UsageError("E-REPORT-DATA", f"data must be (x, y); got {shown(data)}.")
    outputs = model.predict(data[0], verbose=0)
    true = np.asarray(data[1])
    if isinstance(outputs, np.ndarray) and outputs.ndim == 2 and len(outputs) == len(true):
        count = outputs.shape[1]
        labels = _labels(true, count)
        if labels is not None and count > 1:
            return labels, outputs.argmax(-1), count
        if labels is not None and not ((labels < 0) | (labels > 1)).any():
            border = 0.0 if getattr(_loss(model), "from_logits", False) else 0.5
            return labels, (outputs[:, 0] > border).astype(int), 2
    raise UsageError(
        "E-REPORT-DATA",
        "data are for the confusion matrix of a classifier, which answers (samples, classes) to "
        f"class numbers or one-hot rows; this model answers {shown(outputs)} to {shown(true)}. "
        "Leave data out.",
    )


def _labels(true: np.ndarray, count: int) -> np.ndarray | None:
    """Class numbers (samples,) of numbers or one-hot rows; None for anything else."""
    if true.ndim == 2 and true.shape[1] == count > 1:
        shares = (true >= 0).all() and np.allclose(true.sum(-1), 1, atol=1e-3)
        return true.argmax(-1) if shares else None
    if true.size != len(true) or true.dtype.kind not in "biuf":
        return None
    numbers = true.ravel().astype("float64")
    return numbers.astype(int) if (numbers == np.rint(numbers)).all() else None


def _matrix(matrix: np.ndarray, names: Sequence[str]) -> Html:
    """Counts, shaded by their share of the row."""
    few = len(names) <= NAMED
    rows = []
    for name, counts in zip(names, matrix.tolist(), strict=True):
        whole = max(sum(counts), 1)
        cells = [
            _counted(n, n / whole, name, other, few) for n, other in zip(counts, names, strict=True)
        ]
        own = counts[names.index(name)] / whole if sum(counts) else None
        share = el("td", "–" if own is None else f"{own:.0%}", class_="side") if few else None
        rows.append(
            el("tr", el("th", name, class_="row", scope="row") if few else None, *cells, share)
        )
    if not few:
        return el("table", el("tbody", *rows), class_="matrix many")
    tall = "tall" if max(map(len, names)) > 4 else None
    heads = [el("th", el("span", name), scope="col", class_=tall) for name in names]
    head = el("tr", el("td", class_="side"), *heads, el("td", "found", class_="side"))
    return el("table", el("thead", head), el("tbody", *rows), class_="matrix")


def _counted(count: int, share: float, true: str, other: str, few: bool) -> Html:
    kind = "none" if not count else "full" if share > 0.55 else None
    return el(
        "td",
        count if few else "",
        class_=kind,
        style=f"--s:{80 * share:.0f}",
        title=f"{true} taken for {other}: {count}",
    )


def _mistakes(matrix: np.ndarray, names: Sequence[str]) -> Html | None:
    """The five most frequent mistakes."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=int))
    found = [np.unravel_index(i, wrong.shape) for i in np.argsort(-wrong, axis=None)[:5]]
    rows = [
        el("tr", el("td", f"{names[a]} for {names[b]}"), el("td", f"{wrong[a, b]:,}", class_="n"))
        for a, b in found
        if wrong[a, b]
    ]
    if not rows:
        return None
    head = el("tr", el("th", "most often confused"), el("th", "times", class_="n"))
    return el("table", el("thead", head), el("tbody", *rows), class_="plain")
