"""Drawings without Graphviz: SVG read as XML, arrows followed from box to box, pictures by size."""

import re
import struct
import time
import xml.etree.ElementTree as ET

import pytest

from cornu import Model, Sequential, applications, utils
from cornu.layers import Dense, Input
from cornu.visualization import model_raster
from visualization.models import HOSTILE, branched, nested, row, shared
from visualization.reading import Read, numbers

SPLINES = ("ortho", "curved", "line")


@pytest.fixture(autouse=True)
def no_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def drawn(model, **said):
    return Read(utils.model_to_dot(model, **said).svg())


@pytest.mark.parametrize("splines", SPLINES)
def test_arrows_lead_from_what_is_read_to_what_reads(splines):
    found = drawn(branched(), splines=splines)
    branches = {("x", f"branch{i}") for i in range(3)} | {(f"branch{i}", "joined")
                                                          for i in range(3)}  # fmt: skip
    assert found.arrows() == branches | {
        ("y", "joined"), ("joined", "deep"), ("joined", "sum"), ("deep", "sum"), ("sum", "one"),
        ("sum", "relu"),
    }  # fmt: skip
    assert len(found.tips) == len(found.lines) == 12


@pytest.mark.parametrize(
    ("rankdir", "axis", "sign"), [("TB", 1, 1), ("BT", 1, -1), ("LR", 0, 1), ("RL", 0, -1)]
)
def test_directions(rankdir, axis, sign):
    found = drawn(branched(), rankdir=rankdir)
    assert len(found.arrows()) == 12
    for a, b in found.arrows():
        middle = [(found.boxes[n][axis] + found.boxes[n][axis + 2]) / 2 for n in (a, b)]
        assert (middle[1] - middle[0]) * sign > 20
    width, height = numbers(found.root.get("viewBox"))[2:]
    for left, top, right, bottom in found.boxes.values():
        assert 0 < left < right < width and 0 < top < bottom < height


def test_what_boxes_say():
    model = row()
    model.get_layer("b").trainable = False
    asked = {"show_shapes": True, "show_dtype": True, "show_layer_activations": True,
             "show_trainable": True}  # fmt: skip
    start, first, second = drawn(model, **asked).texts
    assert start == ["InputLayer", "in", "out", "(None, 4)", "dtype", "float32"]
    shapes = ["in", "(None, 4)", "out", "(None, 3)", "dtype", "float32"]
    assert first == ["Dense", "a", "act", "relu", *shapes, "trainable"]
    assert second[-1] == "frozen" and second[3] == "linear"
    plain = utils.model_to_dot(model, show_layer_names=False).svg()
    assert ">Dense<" in plain and ">a<" not in plain and "(None" not in plain


def test_a_layer_that_reads_itself_and_what_reads_it():
    found = drawn(shared())
    assert ("x", "again") in found.arrows() and ("again", "between") in found.arrows()
    left, top, right, bottom = found.boxes["again"]
    inner = [tip for tip in found.tips if abs(tip[0] - right) < 0.2]
    assert len(inner) == 1 and top < inner[0][1] < bottom  # the loop ends at its side
    up = [tip for tip in found.tips if abs(tip[1] - bottom) < 0.2]
    assert len(up) == 1  # from "between" back up
    assert len(found.tips) == 4


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_models_inside_are_frames(rankdir):
    closed = drawn(nested(), rankdir=rankdir)
    assert not closed.frames and set(closed.boxes) == {"x", "first", "pair", "last"}
    found = drawn(nested(), expand_nested=True, rankdir=rankdir)
    assert set(found.frames) == {"pair", "core"}
    inside = {"core": ("c", "inmost"), "pair": ("a", "b", "times", "side", "c", "inmost")}
    for frame, names in inside.items():
        left, top, right, bottom = found.frames[frame]
        for name in names:
            box = found.boxes[name]
            assert left < box[0] and top + 25 < box[1] and box[2] < right and box[3] < bottom
    into = {(a, b) for a, b in found.arrows() if b in found.frames or a in found.frames}
    assert {("first", "pair"), ("x", "pair"), ("a", "core"), ("core", "times"),
            ("pair", "last")} <= into  # fmt: skip
    tips = [tip for tip in found.tips if "pair" in found.at(tip, found.frames)]
    axis = 0 if rankdir == "TB" else 1
    wanted = sorted((found.boxes[n][axis] + found.boxes[n][axis + 2]) / 2 for n in "ab")
    assert sorted(tip[axis] for tip in tips) == pytest.approx(wanted, abs=0.3)  # its own input each


def test_names_are_only_text():
    text = utils.model_to_dot(nested(hostile=True)).svg()
    root = ET.fromstring(text)
    assert not [e for e in root.iter() if e.tag.split("}")[-1] in ("script", "img")]
    assert "&lt;/script&gt;" in text and "\x1b" not in text
    assert any((e.text or "").startswith("</script>") for e in root.iter())
    assert not [name for e in root.iter() for name in e.attrib if name.startswith("on")]


def test_the_svg_stands_alone_in_light_and_dark(tmp_path):
    utils.plot_model(branched(), tmp_path / "model.svg", show_shapes=True)
    text = (tmp_path / "model.svg").read_text("utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|href|url\(|@import", text)
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize("model", [row, branched, shared, nested])
def test_pictures_have_the_size_that_is_asked_for(model, tmp_path):
    pytest.importorskip("matplotlib")
    drawing = utils.plot_model(model(), tmp_path / "model.png", expand_nested=True, dpi=144)
    data = (tmp_path / "model.png").read_bytes()
    width, height = numbers(ET.fromstring(drawing.svg()).get("viewBox"))[2:]
    assert struct.unpack(">II", data[16:24]) == pytest.approx((1.5 * width, 1.5 * height), abs=2)


def test_what_a_picture_shows_is_where_it_is_in_the_svg(tmp_path):
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    drawing = utils.plot_model(row(), tmp_path / "model.png", dpi=96, show_layer_names=True)
    pixels = image.open(tmp_path / "model.png").convert("RGB")
    for left, top, _, bottom in Read(drawing.svg()).boxes.values():
        strip = pixels.getpixel((int(left) + 2, int(top + bottom) // 2))
        assert max(strip) - min(strip) > 20  # the colour of its family
        assert pixels.getpixel((int(left) - 6, int(top + bottom) // 2)) == (255, 255, 255)
    (x, y), *_ = Read(drawing.svg()).tips
    assert max(pixels.getpixel((int(x), int(y) - 4))) < 200


@pytest.mark.parametrize("form", ["pdf", "jpg"])
def test_other_forms_by_matplotlib(form, tmp_path):
    pytest.importorskip("matplotlib")
    utils.plot_model(row(), tmp_path / f"model.{form}")
    start = (tmp_path / f"model.{form}").read_bytes()[:4]
    assert start == {"pdf": b"%PDF", "jpg": b"\xff\xd8\xff\xe0"}[form]


def test_a_form_that_nobody_writes(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r'"xyz".*\.svg, \.html, \.dot.*png.*E-CHOICE'):
        utils.plot_model(row(), tmp_path / "model.xyz")
    assert not list(tmp_path.iterdir())


def test_a_picture_too_large_is_made_smaller_with_a_word(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(model_raster, "LONGEST", 300)
    with pytest.warns(UserWarning, match=r"dpi=400 .*pixels.*\.svg"):
        data = utils.model_to_dot(row(), dpi=400).create()
    assert max(struct.unpack(">II", data[16:24])) in (299, 300)


def test_text_that_fonts_and_formulas_trip_over(tmp_path):
    pytest.importorskip("matplotlib")
    model = Sequential([Input((1,)), Dense(1, name="層 $\\frac$"), Dense(1, name=HOSTILE)])
    utils.plot_model(model, tmp_path / "model.png", show_layer_names=True)


def test_models_without_a_graph(tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = Dense(2, name="a"), Dense(2, name="b")

        def call(self, x):
            return self.b(self.a(x))

    found = drawn(Own())
    assert set(found.boxes) == {"a", "b"} and not found.lines
    unbuilt = drawn(Sequential([Dense(2, name="a"), Dense(2, name="b")]), show_shapes=True)
    assert unbuilt.arrows() == {("a", "b")} and unbuilt.texts[0][-1] == "?"
    empty = Sequential(name="empty")
    utils.plot_model(empty, tmp_path / "empty.svg")
    utils.plot_model(empty, tmp_path / "empty.html")


def test_an_input_in_the_middle_of_a_graph():
    model = branched()
    tail = Model(model.get_layer("joined").output, model.outputs[0], name="tail")
    found = drawn(tail)
    assert ("sum", "one") in found.arrows() and len(found.boxes) == 4


def test_resnet_50_is_drawn_at_once():
    model = applications.ResNet50(weights=None)
    begin = time.process_time()
    text = utils.model_to_dot(model, show_shapes=True).svg()
    assert time.process_time() - begin < 3  # of this process alone; some tenths of a second
    found = Read(text)
    assert len(found.boxes) == 177 and len(found.arrows()) == 192
    main = [b for name, b in found.boxes.items() if "_3_" in name]
    columns = [(left + right) / 2 for left, _, right, _ in main]
    assert len(main) == 32 and max(columns) - min(columns) < 1  # one straight column
