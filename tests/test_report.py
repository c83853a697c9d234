"""The page on a run: read as XML, its curves measured, its text escaped; looked at in Chromium."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu import layers, metrics, ops
from cornu.callbacks import History
from cornu.losses import BinaryCrossentropy
from cornu.models import Model, Sequential
from cornu.utils import set_random_seed
from cornu.visualization import confusion_matrix, report
from cornu.visualization.curves import curves
from cornu.visualization.report_charts import chart, ticks
from cornu.visualization.report_graph import graph

ROOT = Path(__file__).parents[1]
X = np.random.default_rng(0).normal(size=(60, 5)).astype("float32")
Y = (X @ np.random.default_rng(1).normal(size=(5, 3))).argmax(-1)
HOSTILE = '"><script>alert(1)</script>&\x1b'


def parsed(path):
    return ET.fromstring(Path(path).read_text("utf-8").removeprefix("<!DOCTYPE html>\n"))


def texts(element):
    return " ".join("".join(part.itertext()) for part in element)


def of_class(root, name):
    return [e for e in root.iter() if name in (e.get("class") or "").split()]


@pytest.fixture(scope="module")
def history():
    """A classifier of three classes, seven epochs, validated every second one."""
    set_random_seed(5)
    model = Sequential([layers.Input((5,)), layers.Dense(3, activation="softmax")], name="three")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(
        X, Y, epochs=7, batch_size=20, verbose=0, validation_data=(X, Y), validation_freq=2
    )


@pytest.fixture(scope="module")
def written(history, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "run.html"
    assert history.report(path, data=(X, Y), classes=["ash", "birch", "cedar"]) == path
    return path


def test_the_page_says_what_was_run(history, written):
    page = texts(parsed(written))
    for said in ("three", "Sequential model", "7 epochs", "Adam(learning_rate=0.001", "18",
                 "sparse_categorical_crossentropy", str(history.seed), "jax",
                 "(None, 3)", "Dense"):  # fmt: skip
        assert said in page
    tiles = [texts(tile) for tile in of_class(parsed(written), "tile")]
    values = history.history["val_loss"]
    best = history.when["val_loss"][int(np.argmin(values))] + 1
    assert tiles[0] == f"Best epoch {best} validation loss {min(values):.4f}"
    final = history.history["loss"][-1]
    assert tiles[1] == f"Final validation loss {values[-1]:.4f} training {final:.4f}"


def test_every_figure_of_every_epoch_is_in_a_table(history, written):
    (details,) = parsed(written).iter("details")
    head, *rows = [[texts([cell]) for cell in row] for row in details.iter("tr")]
    assert head == ["epoch", *history.history]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 8)]
    shown = [row[head.index("val_loss")] for row in rows]
    assert [s == "–" for s in shown] == [True, False] * 3 + [True]
    assert np.allclose(
        [float(s) for s in shown if s != "–"], history.history["val_loss"], atol=5e-5
    )


def test_curves_are_where_their_axes_say(history, written):
    card = of_class(parsed(written), "chart")[0]
    marks = [(float(t.text), float(t.get("y")) - 4) for t in card.iter("text")
             if t.get("text-anchor") == "end" and not t.text.startswith("best")]  # fmt: skip
    along = [(float(t.text), float(t.get("x"))) for t in card.iter("text")
             if t.get("text-anchor") == "middle"]  # fmt: skip
    (y0, p0), (y1, p1) = marks[0], marks[-1]
    (x0, q0), (x1, q1) = along[0], along[-1]
    first, second = [path.get("d") for path in card.iter("path")]
    for drawn, name in ((first, "loss"), (second, "val_loss")):
        points = np.array(re.findall(r"[ML](\S+) (\S+)", drawn), float)
        values = y0 + (points[:, 1] - p0) / (p1 - p0) * (y1 - y0)
        epochs = x0 + (points[:, 0] - q0) / (q1 - q0) * (x1 - x0)
        span = abs(y1 - y0) / abs(p1 - p0) * 0.3  # places have one digit
        assert np.allclose(values, history.history[name], atol=span)
        assert np.allclose(epochs, np.array(history.when[name]) + 1, atol=0.05)


def test_what_the_script_reads_is_what_was_run(history, written):
    card = next(e for e in parsed(written).iter() if e.get("data-chart"))
    data = json.loads(card.get("data-chart"))
    assert data["epochs"] == [1, 2, 3, 4, 5, 6, 7] and len(data["x"]) == 7
    training, validation = data["lines"]
    assert training["text"] == [f"{v:.4f}" for v in history.history["loss"]]
    assert [t == "–" for t in validation["text"]] == [True, False] * 3 + [True]
    assert [y is None for y in validation["y"]] == [True, False] * 3 + [True]


def test_classes_are_counted(history, written):
    guessed = history.model.predict(X, verbose=0).argmax(-1)
    wanted = confusion_matrix(Y, guessed, 3)
    (table,) = of_class(parsed(written), "matrix")
    rows = [[c.text for c in row.iter("td") if c.get("title")] for row in table.iter("tr")][1:]
    assert np.array_equal(np.array(rows, int), wanted)
    assert f"{np.trace(wanted)} of 60" in texts(parsed(written))
    assert [texts([t]) for t in table.iter("th")] == ["ash", "birch", "cedar"] * 2


def test_the_page_asks_for_nothing_from_elsewhere(written):
    text = written.read_text("utf-8")
    assert not re.search(r"https?:|src=|href=|url\(|@import|//", text.replace("<!DOCTYPE", ""))
    policy = parsed(written).find("head/meta[@http-equiv]").get("content")
    (script,) = parsed(written).iter("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_text_of_users_is_only_text(tmp_path):
    inputs = layers.Input((5,), name="in")
    made = Model(inputs, layers.Dense(2)(inputs), name=HOSTILE)
    made.compile("sgd", "mse", metrics=[metrics.MeanSquaredError(name=HOSTILE)])
    history = made.fit(X, X[:, :2], verbose=0)
    history.report(tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text("utf-8")
    page = parsed(tmp_path / "run.html")
    assert "alert(1)" in text and "\x1b" not in text
    assert "<script>alert" not in text and len(list(page.iter("script"))) == 1
    assert page.find("body/main/header/h1").text == HOSTILE.replace("\x1b", "\\x1b")
    classes = [HOSTILE, "b"]
    kinds = Sequential([layers.Input((5,)), layers.Dense(2, activation="softmax")])
    kinds.compile("sgd", "categorical_crossentropy")
    kinds.fit(X, np.eye(2)[Y % 2], verbose=0).report(
        tmp_path / "run.html", (X, np.eye(2)[Y % 2]), classes
    )
    assert "<script>alert" not in (tmp_path / "run.html").read_text("utf-8")


def made_history(**figures):
    history = History()
    count = len(next(iter(figures.values())))
    for epoch in range(count):
        history.on_epoch_begin(epoch)
        history.on_epoch_end(epoch, {name: values[epoch] for name, values in figures.items()})
    return history


def drawn_chart(**figures):
    (curve,) = curves(made_history(**figures))
    return ET.fromstring(chart(curve))


def test_lines_stop_where_there_is_no_number(tmp_path):
    nan, infinite = float("nan"), float("inf")
    card = drawn_chart(loss=[3.0, 2.0, nan, 1.0, infinite, 1.0, 0.5])
    (path,) = card.iter("path")
    assert re.findall("[ML]", path.get("d")) == list("MLMML")
    assert len([c for c in card.iter("circle") if c.get("r") == "4"]) == 1  # it stands alone
    assert "no finite numbers" in texts(drawn_chart(loss=[nan, nan]))
    made_history(loss=[nan], acc=[infinite]).report(tmp_path / "run.html")
    assert "Best epoch" not in texts(parsed(tmp_path / "run.html"))


def test_one_epoch_is_a_dot():
    card = drawn_chart(loss=[2.0])
    assert len([c for c in card.iter("circle") if c.get("r") == "4"]) == 1


def test_numbers_of_many_sizes_are_on_a_logarithmic_axis():
    card = drawn_chart(loss=[100.0, 10.0, 1.0, 0.1])
    assert "log scale" in texts(card)
    (path,) = card.iter("path")
    heights = np.diff(np.array(re.findall(r"[ML]\S+ (\S+)", path.get("d")), float))
    assert np.allclose(heights, heights[0], atol=0.2)  # equal factors are equally far
    assert "log scale" not in texts(drawn_chart(loss=[100.0, 0.0]))


def test_the_best_epoch_of_a_figure_that_is_to_grow(history):
    found = {curve.name: curve for curve in curves(history)}
    accuracy = found["accuracy"]
    assert accuracy.way == "up" and found["loss"].way == "down"
    assert accuracy.judged.best("up") == int(np.argmax(history.history["val_accuracy"]))


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_marks_are_round_and_even(low, span, count):
    found = ticks(low, low + span, count)
    steps = np.diff(found)
    assert 2 <= len(found) <= count + 3
    assert np.allclose(steps, steps[0], rtol=1e-3, atol=1e-9 * abs(low))
    assert found[0] > low - span and found[-1] < low + 2 * span
    if len(found) > 2 and span > 1e-3:
        digits = float(f"{steps[0]:.6e}".split("e")[0])
        assert min(abs(digits - d) for d in (1, 2, 5, 10)) < 0.01


def boxes(root):
    """Name of a layer -> left, top, width, height of its box."""
    found = {}
    for group in root.iter("g"):
        rect = group.find("rect")
        if rect is not None:
            x, y = re.findall(r"[\d.-]+", group.get("transform"))
            name = group.find("title").text.rsplit(" (", 1)[0]
            found[name] = tuple(map(float, (x, y, rect.get("width"), rect.get("height"))))
    return found


def test_the_graph_has_every_layer_below_what_it_reads():
    start = layers.Input((4,), name="start")
    left = layers.Dense(4, name="left")(start)
    deep = layers.Dense(4, name="deep")(layers.Dense(4, name="middle")(left))
    right = layers.Dense(4, name="right")(start)
    end = layers.Concatenate(name="end")([deep, right, start])
    root = ET.fromstring(graph(Model(start, end)).drawing)
    at = boxes(root)
    for above, below in [("start", "left"), ("left", "middle"), ("middle", "deep"),
                         ("start", "right"), ("deep", "end"), ("right", "end")]:  # fmt: skip
        assert at[above][1] + at[above][3] < at[below][1]
    assert len(of_class(root, "tip")) == 7  # an arrow for each that is read
    assert {"Dense", "left", "(None, 4)", "out"} <= {t.text for t in root.iter("text")}


def test_ops_and_shared_layers_are_in_the_graph():
    shared = layers.Dense(4, name="shared")
    start = layers.Input((4,), name="start")
    end = ops.relu(shared(shared(start))) + 1.0
    root = ET.fromstring(graph(Model(start, end)).drawing)
    assert {"start", "shared", "relu", "add"} <= {re.sub(r"_\d+$", "", n) for n in boxes(root)}


def test_a_model_of_python_code_is_told_without_a_graph(tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    own = Own()
    own.compile("sgd", "mse")
    own.fit(X, X[:, :2], verbose=0).report(tmp_path / "run.html")
    page = texts(parsed(tmp_path / "run.html"))
    assert "it is of Python code" in page and "Own model" in page and "dense" in page
    assert graph(own) is None


class Answers:
    """A model that answers what it is told to."""

    name, built, _graph, metrics = "answers", False, None, ()

    def __init__(self, answer):
        self.answer = answer

    def predict(self, x, verbose):
        return self.answer(x)


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [(2, X[:, :2]), (1, X[:, 0]), (3, Y[:5])],
)
def test_data_that_are_not_classes(tmp_path, history, outputs, targets):
    other = made_history(loss=[1.0])
    other.model = Answers(lambda x: np.zeros((len(x), outputs), "float32"))
    with pytest.raises(ValueError, match="E-REPORT-DATA"):
        other.report(tmp_path / "run.html", data=(X, targets))
    with pytest.raises(ValueError, match="E-REPORT-DATA"):
        history.report(tmp_path / "run.html", data=X)
    with pytest.raises(ValueError, match="E-LABELS"):
        history.report(tmp_path / "run.html", data=(X, Y), classes=["one"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "border"), [("sigmoid", 0.5), ("linear", 0.0)])
def test_two_classes_from_one_number(tmp_path, name, border):
    model = Sequential([layers.Input((5,)), layers.Dense(1, activation=name)])
    model.compile("sgd", BinaryCrossentropy(from_logits=name == "linear"))
    history = model.fit(X, Y > 0, verbose=0)
    history.report(tmp_path / "run.html", data=(X, Y > 0))
    guessed = model.predict(X, verbose=0)[:, 0] > border
    right = int((guessed == (Y > 0)).sum())
    assert f"{right} of 60" in texts(parsed(tmp_path / "run.html"))


def test_many_classes_are_shades_without_numbers(tmp_path):
    data = (np.arange(40), np.roll(np.arange(40), 1))
    page = ET.fromstring(
        report._confusion(Answers(lambda x: np.eye(40, dtype="float32")[x]), data, ())
    )
    (table,) = of_class(page, "matrix")
    cells = list(table.iter("td"))
    assert len(cells) == 1600 and not any(cell.text for cell in cells)


def test_a_failed_report_leaves_the_old_one(tmp_path, history):
    path = tmp_path / "run.html"
    history.report(path)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        history.report(path, data=(X, X))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_no_epochs_no_report(tmp_path):
    with pytest.raises(ValueError, match="E-HISTORY"):
        History().report(tmp_path / "run.html")


# ---------------------------------------------------------------- the guide, and a browser


def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorboardX")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "showing.md").read_text(), re.S)
    assert len(blocks) >= 4
    scope: dict = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, "showing.md", "exec"), scope)
    made = ["run.html", "curves.png", "model.svg", "model.html", "filters.png", "activations.png",
            "confusion.png", "augmented.png", "codes.png", "codes.html"]  # fmt: skip
    assert [name for name in made if not (tmp_path / name).stat().st_size] == []
    assert (tmp_path / "codes" / "metadata.tsv").read_text("utf-8").count("\n") == 359
    assert (tmp_path / "logs").is_dir() and "History(" in capsys.readouterr().out


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = """
const svg = document.querySelector(".chart");
const told = () => document.querySelector("[data-chart] .key").textContent + "@" +
  document.querySelector("[data-chart] .at").textContent;
const found = [told()];
svg.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
found.push(told());
const box = svg.getBoundingClientRect();
svg.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + 60, clientY: box.top + 9}));
found.push(told());
svg.dispatchEvent(new Event("blur"));
found.push(told());
document.title = "told:" + JSON.stringify(found) + document.documentElement.scrollWidth;
"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_numbers_follow_the_pointer_in_a_browser(history, written, tmp_path):
    digest = base64.b64encode(hashlib.sha256(DRIVER.encode()).digest()).decode()
    text = written.read_text("utf-8").replace(
        "script-src &#x27;", f"script-src 'sha256-{digest}' '"
    )
    text = text.replace("</body>", f"<script>{DRIVER}</script></body>")
    (tmp_path / "run.html").write_text(text, "utf-8")
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
         f"--user-data-dir={tmp_path / 'profile'}", "--disable-background-networking",
         "--window-size=900,900", "--dump-dom", f"file://{tmp_path / 'run.html'}"],
        capture_output=True, timeout=100,
    )  # fmt: skip
    title = re.search(r"<title>told:(.*?)</title>", done.stdout.decode(), re.S)
    assert title, done.stderr.decode()[-2000:]
    found, width = re.fullmatch(r"(\[.*\])(\d+)", html.unescape(title[1])).groups()
    loss, valid = history.history["loss"], history.history["val_loss"]
    first = f"training{loss[-1]:.4f}validation{valid[-1]:.4f}@epoch 7"
    assert json.loads(found) == [
        first,
        f"training{loss[5]:.4f}validation{valid[2]:.4f}@epoch 6",
        f"training{loss[0]:.4f}validation–@epoch 1",
        first,
    ]
    assert int(width) <= 900  # nothing sticks out
