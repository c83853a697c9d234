"""The page of a model: read as XML, and used in a real browser, with mouse and keys."""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET

import pytest

from cornu import Model, cli, layers, utils
from cornu.visualization.model_page import model_page
from visualization.models import HOSTILE, branched, nested, row, shared
from visualization.reading import Read, numbers


def written(folder, model, **said):
    path = folder / "model.html"
    utils.plot_model(model, path, **said)
    return path


def parsed(path):
    return ET.fromstring(path.read_text("utf-8").removeprefix("<!DOCTYPE html>\n"))


@pytest.fixture
def outer(tmp_path, page):
    """The page of a model with models inside, opened."""
    return page(written(tmp_path, nested()))


def middle(page, name):
    """Where the head of a box is in the window."""
    return page(f"""(() => {{
      const i = items.findIndex((it) => it.name === {json.dumps(name)});
      const r = boxes[i].querySelector(":scope > [display=inline] > rect, :scope > .shut > rect")
        .getBoundingClientRect();
      return [r.x + r.width * 0.3, r.y + Math.min(12, r.height * 0.3)];
    }})()""")


def seen(page):
    """What the drawing in the window shows."""
    return Read(page("new XMLSerializer().serializeToString(view)"))


def told(page):
    return page("panel.hidden ? null : panel.innerText")


# ---------------------------------------------------------------- the file


def test_the_page_is_whole_and_asks_for_nothing(tmp_path):
    path = written(tmp_path, branched())
    text = path.read_text("utf-8")
    plain = text.replace("<!DOCTYPE", "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|src=|href=|url\(|@import", plain)
    root = parsed(path)
    policy = root.find("head/meta[@http-equiv]").get("content")
    script = re.findall("<script>(.*?)</script>", text, re.S)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_without_a_script_the_graph_is_there(tmp_path):
    svg = next(e for e in parsed(written(tmp_path, nested())).iter("svg"))
    found = Read(ET.tostring(svg))
    assert set(found.boxes) == {"x", "first", "pair", "last"} and not found.frames
    assert found.arrows() == {("x", "first"), ("first", "pair"), ("x", "pair"), ("pair", "last")}


def test_bad_calls():
    with pytest.raises(TypeError, match="E-TYPE"):
        model_page(layers.Dense(2))
    with pytest.raises(ValueError, match="rankdir.*E-CHOICE"):
        model_page(row(), "down")


def test_from_the_command_line(tmp_path, capsys):
    row().save(tmp_path / "row.keras")
    given = [str(tmp_path / "row.keras"), str(tmp_path / "row.html"), "--rankdir", "LR"]
    assert cli.main(["plot", *given]) == 0
    assert "row.html" in capsys.readouterr().out
    assert '"rankdir":"LR"' in (tmp_path / "row.html").read_text("utf-8")
    given = [str(tmp_path / "row.keras"), str(tmp_path / "row.svg"), "--expand-nested"]
    assert cli.main(["plot", *given]) == 0
    assert "<svg" in (tmp_path / "row.svg").read_text()


def test_a_config_that_cannot_be_told_is_no_reason_to_fail():
    class Own(layers.Layer):
        def call(self, x):
            return x

        def get_config(self):
            raise NotImplementedError("not yet")

    x = layers.Input((2,))
    assert "NotImplementedError: not yet" in model_page(Model(x, Own()(x)))


# ---------------------------------------------------------------- in a browser


@pytest.mark.parametrize(
    ("model", "rankdir"),
    [(branched, "TB"), (branched, "BT"), (shared, "TB"), (shared, "RL"), (nested, "LR")],
)
def test_the_script_draws_what_the_file_has(model, rankdir, tmp_path, page):
    path = written(tmp_path, model(), rankdir=rankdir)
    shown = page(path, width=1000, height=700)
    shown("all(false)")
    svg = next(e for e in parsed(path).iter("svg"))
    paths = [e.get("d") for e in svg.iter("path") if e.get("class") in ("way", "tip")]
    found = shown("[...svg.querySelectorAll('.way, .tip')].map((e) => e.getAttribute('d'))")
    top = shown("svg.querySelectorAll('[data-level=\"0\"] > .arrows path').length")
    assert top
    for ours, theirs in zip(found[:top], paths[:top], strict=True):
        assert re.sub("[^A-Z]", "", ours) == re.sub("[^A-Z]", "", theirs)
        assert numbers(ours) == pytest.approx(numbers(theirs), abs=0.25)  # of rounded data
    for name, box in Read(ET.tostring(svg)).boxes.items():
        assert seen(shown).boxes[name] == pytest.approx(box, abs=0.25)
    assert shown.wrong() == [] and shown.requests() == [path.as_uri()]


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_models_inside_are_opened_where_they_are(rankdir, tmp_path, page):
    shown = page(written(tmp_path, nested(), rankdir=rankdir))
    found = seen(shown)
    assert set(found.frames) == {"pair", "core"}
    everything = [*found.boxes.items(), *found.frames.items()]
    nests = {("pair", n) for n in ("a", "b", "times", "side", "core", "c", "inmost")}
    nests |= {("core", "c"), ("core", "inmost")}
    for i, (one, a) in enumerate(everything):
        for other, b in everything[i + 1 :]:
            apart = a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
            assert apart == (not {(one, other), (other, one)} & nests)
    wanted = {("first", "pair"), ("x", "pair"), ("pair", "last"), ("x", "first"), ("a", "core"),
              ("core", "times"), ("b", "side"), ("c", "inmost")}  # fmt: skip
    assert wanted <= found.arrows()
    tips = [tip for tip in found.tips if "pair" in found.at(tip, found.frames)]
    axis = 0 if rankdir == "TB" else 1
    ends = sorted((found.boxes[n][axis] + found.boxes[n][axis + 2]) / 2 for n in "ab")
    assert sorted(tip[axis] for tip in tips) == pytest.approx(ends, abs=0.3)


def test_a_click_on_the_sign_closes_and_opens(outer):
    assert "pair" in seen(outer).frames
    sign = """(() => {
      const i = items.findIndex((it) => it.name === "pair");
      const g = boxes[i].querySelector(":scope > [display=inline] > .sign");
      const r = g.getBoundingClientRect();
      return [r.x + r.width / 2, r.y + r.height / 2];
    })()"""
    outer.click(*outer(sign))
    found = seen(outer)
    assert "pair" in found.boxes and not found.frames and told(outer) is None
    outer.click(*outer(sign))
    assert set(seen(outer).frames) == {"pair", "core"}
    outer("document.getElementById('do-none').click()")
    assert not seen(outer).frames
    outer("document.getElementById('do-all').click()")
    assert set(seen(outer).frames) == {"pair", "core"} and outer.wrong() == []


def test_a_click_tells_of_a_layer(tmp_path, page):
    shown = page(written(tmp_path, row()))
    shown.click(*middle(shown, "a"))
    said = told(shown)
    for words in ("Dense", "(None, 4)", "(None, 3)", "float32", "relu", "15", "units", "3",
                  "GlorotUniform(", "(4, 3) float32, trained", "kernel"):  # fmt: skip
        assert words in said
    assert shown("[...panel.querySelectorAll('.go')].map((e) => e.textContent)") == ["in", "b"]
    shown("panel.querySelectorAll('.go')[1].click()")
    assert shown("panel.querySelector('h2').textContent") == "b"
    assert shown("svg.querySelectorAll('.lit').length") == 1
    shown.key("Escape")
    assert told(shown) is None and shown("svg.querySelectorAll('.lit, .chosen').length") == 0


def test_the_wheel_zooms_around_the_pointer_and_dragging_moves(outer):
    name, before = "first", outer("scale")
    x, y = middle(outer, name)
    box = 'boxes[items.findIndex((it) => it.name === "first")].getBoundingClientRect().toJSON()'
    old = outer(box)
    outer.mouse("mouseWheel", x, y, deltaX=0, deltaY=-200)
    new, scale = outer(box), outer("scale / " + str(before))
    assert scale == pytest.approx(2.718281828 ** (200 * 0.0016), rel=1e-6)
    assert new["x"] - x == pytest.approx((old["x"] - x) * scale, abs=0.6)
    assert new["y"] - y == pytest.approx((old["y"] - y) * scale, abs=0.6)
    outer.drag((30, 700), (95, 660))
    moved = outer(box)
    assert moved["x"] - new["x"] == pytest.approx(65) and moved["y"] - new["y"] == pytest.approx(
        -40
    )
    assert told(outer) is None  # a drag is no click
    outer("document.getElementById('do-in').click()")
    assert outer("scale") == pytest.approx(before * scale * 1.25)


def test_fit_shows_all(outer):
    outer.key("0", "0")
    inside = outer("""(() => {
      const s = svg.getBoundingClientRect();
      return [...svg.querySelectorAll(".card, .frame")].every((e) => {
        const r = e.getBoundingClientRect();
        return !r.width || r.left >= s.left && r.right <= s.right && r.top >= s.top &&
          r.bottom <= s.bottom;
      });
    })()""")
    assert inside


def test_keys_lead_along_the_arrows(outer):
    name = "document.activeElement.dataset.item && items[document.activeElement.dataset.item].name"
    outer("document.querySelector('.box[tabindex=\"0\"]').focus()")
    assert outer(name) == "x"
    outer.key("ArrowDown")
    assert outer(name) in ("first", "pair")
    outer.key("ArrowUp")
    assert outer(name) == "x"
    outer.key("Enter", "\r")
    assert outer("panel.querySelector('h2').textContent") == "x"
    outer("focus(items.findIndex((it) => it.name === 'pair'))")
    outer.key(" ", " ")
    assert not seen(outer).frames
    assert outer("document.activeElement.getAttribute('aria-expanded')") == "false"
    before = outer("scale")
    outer.key("+", "+")
    assert outer("scale") == pytest.approx(before * 1.25)
    outer("focus(items.findIndex((it) => it.name === 'a'))")  # in a closed model: it is opened
    outer.key("ArrowRight")
    assert outer(name) == "b"
    assert outer.wrong() == []


def test_search_opens_what_is_around_what_it_finds(outer):
    outer("all(false)")
    outer.key("/", "/")
    outer.send("Input.insertText", text="pair inm")
    assert outer("[...found.querySelectorAll('button')].map((e) => e.firstChild.data)") == [
        "pair/core/inmost"
    ]
    outer.key("Enter", "\r")
    assert set(seen(outer).frames) == {"pair", "core"}
    assert outer("panel.querySelector('h2').textContent") == "inmost"
    assert outer("items[document.activeElement.dataset.item].name") == "inmost"
    outer.key("/", "/")
    outer("search.value = 'nothing of that'; look()")
    assert "No layer" in outer("found.textContent")
    outer.key("Escape")
    assert outer("found.hidden")


def test_names_of_layers_are_only_text(tmp_path, page):
    path = written(tmp_path, nested(hostile=True))
    assert "<img" not in path.read_text("utf-8")
    shown = page(path)
    shown("choose(items.findIndex((it) => it.name.startsWith('</script>')))")
    shown("search.value = 'onerror'; look()")
    known = HOSTILE.replace("\x1b", "\\x1b")
    assert shown("panel.querySelector('h2').textContent") == known
    assert shown("found.textContent").startswith(known)
    assert shown("document.querySelectorAll('img, #found script, #panel script').length") == 0
    assert shown("document.title") == "outer: graph" and shown.wrong() == []


def test_texts_fit_into_their_boxes(tmp_path, page):
    shown = page(written(tmp_path, branched()))
    outside = shown("""[...svg.querySelectorAll(".box text:not(.mark)")].filter((t) => {
      const r = t.getBBox(), box = t.parentElement.querySelector("rect").getBBox();
      return r.x < box.x || r.x + r.width > box.x + box.width || r.y + r.height > box.height;
    }).map((t) => t.textContent)""")
    assert outside == []


def test_light_dark_and_narrow(tmp_path, page):
    path = written(tmp_path, nested())
    colors = {}
    for dark in (False, True):
        shown = page(path, width=360, height=640, dark=dark)
        colors[dark] = shown("getComputedStyle(document.body).backgroundColor")
        assert shown("document.documentElement.scrollWidth") <= 360
        shown("choose(1)")
        assert shown("panel.getBoundingClientRect().right") <= 360
    assert colors == {False: "rgb(246, 247, 249)", True: "rgb(17, 21, 27)"}
