"""Drawings of models: the text against what the models are made of, and how pictures are asked for.

Nothing here needs Graphviz: a program of that name is put in its place. What is drawn without it is
looked at in tests/visualization/test_drawings.py.
"""

import builtins
import html
import re
import stat
import sys

import numpy as np
import pytest

from cornu import Model, Sequential, layers, ops, utils
from cornu.layers import Dense, Input

needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")


def read(text):
    """Boxes by number -> their lines of text; arrows as pairs of first lines."""
    boxes = {
        name: [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", label)]
        for name, label in re.findall(r"^ +(n\d+) \[label=<(.*)>\];$", text, re.M)
    }
    arrows = re.findall(r"^ +(n\d+) -> (n\d+);$", text, re.M)
    return boxes, {(boxes[a][0], boxes[b][0]) for a, b in arrows}


def branched():
    x = Input((4,), name="x")
    a, b = Dense(3, activation="relu", name="a")(x), Dense(3, name="b")(x)
    return Model(x, layers.Add(name="sum")([a, b]) * 2.0, name="branched")


def test_boxes_and_arrows():
    text = utils.model_to_dot(branched()).to_string()
    boxes, arrows = read(text)
    assert text.startswith('digraph "branched" {\n  graph [rankdir=TB, splines="ortho", dpi=200];')
    assert text.endswith("}\n") and text.count("{") == text.count("}") == 1
    assert sorted(boxes.values()) == [
        ["a (Dense)"], ["b (Dense)"], ["multiply (Multiply)"], ["sum (Add)"], ["x (InputLayer)"],
    ]  # fmt: skip
    assert arrows == {
        ("x (InputLayer)", "a (Dense)"),
        ("x (InputLayer)", "b (Dense)"),
        ("a (Dense)", "sum (Add)"),
        ("b (Dense)", "sum (Add)"),
        ("sum (Add)", "multiply (Multiply)"),
    }


def test_everything_that_can_be_shown():
    model = branched()
    model.get_layer("b").trainable = False
    boxes, _ = read(
        utils.model_to_dot(
            model,
            show_shapes=True,
            show_dtype=True,
            show_layer_names=False,
            rankdir="LR",
            dpi=None,
            show_layer_activations=True,
            show_trainable=True,
        ).text
    )
    by_place = {tuple(lines) for lines in boxes.values()}
    shapes = ("Input shape: (None, 4)", "Output shape: (None, 3)", "Output dtype: float32")
    assert ("Dense", "Activation: relu", *shapes, "Trainable") in by_place
    assert ("Dense", "Activation: linear", *shapes, "Frozen") in by_place
    assert ("InputLayer", "Output shape: (None, 4)", "Output dtype: float32") in by_place


def test_direction_size_and_form_of_arrows():
    text = utils.model_to_dot(branched(), rankdir="LR", dpi=96, splines="curved").text
    assert 'graph [rankdir=LR, splines="curved", dpi=96];' in text
    assert "dpi" not in utils.model_to_dot(branched(), dpi=None).text
    with pytest.raises(ValueError, match="TB, LR, BT, RL; got 'XY'.*E-CHOICE"):
        utils.model_to_dot(branched(), rankdir="XY")
    with pytest.raises(TypeError, match="E-TYPE"):
        utils.model_to_dot(Dense(2))


def test_shared_layers_have_one_box():
    x, y = Input((3,), name="x"), Input((3,), name="y")
    shared = Dense(3, name="shared")
    model = Model([x, y], layers.Add(name="sum")([shared(shared(x)), shared(y)]))
    boxes, arrows = read(utils.model_to_dot(model).text)
    assert len(boxes) == 4
    assert ("shared (Dense)", "shared (Dense)") in arrows
    assert {a for a, b in arrows if b == "shared (Dense)"} == {
        "x (InputLayer)", "y (InputLayer)", "shared (Dense)",
    }  # fmt: skip


def nested():
    inner = Sequential([Input((4,), name="i"), Dense(4, name="one"), Dense(2, name="two")],
                       name="inner")  # fmt: skip
    x = Input((4,), name="x")
    return Model(x, Dense(1, name="last")(inner(ops.tanh(x))), name="outer")


def test_models_inside_as_a_box_or_in_a_frame():
    boxes, arrows = read(utils.model_to_dot(nested()).text)
    assert ["inner (Sequential)"] in boxes.values() and len(boxes) == 4
    text = utils.model_to_dot(nested(), expand_nested=True).text
    boxes, arrows = read(text)
    assert 'label="inner"' in text and text.count("subgraph") == 1
    assert text.count("{") == text.count("}") == 2
    assert len(boxes) == 6 and len(arrows) == 5
    assert {
        ("tanh (Tanh)", "i (InputLayer)"),
        ("i (InputLayer)", "one (Dense)"),
        ("one (Dense)", "two (Dense)"),
        ("two (Dense)", "last (Dense)"),
    } < arrows
    inside = re.search(r"subgraph[^{]*\{(.*?)\n  \}", text, re.S)[1]
    assert [lines[0] for lines in read(inside)[0].values()] == [
        "i (InputLayer)", "one (Dense)", "two (Dense)",
    ]  # fmt: skip


def test_frames_in_frames():
    outer = nested()
    x = Input((4,), name="top")
    text = utils.model_to_dot(Model(x, outer(x)), expand_nested=True).text
    boxes, arrows = read(text)
    assert text.count("subgraph") == 2 and len(boxes) == 7 and len(arrows) == 6
    assert ("top (InputLayer)", "x (InputLayer)") in arrows


def test_a_sequential_before_and_after_it_is_built():
    model = Sequential([Dense(3, name="a"), Dense(1, name="b")], name="s")
    boxes, arrows = read(utils.model_to_dot(model, show_shapes=True).text)
    assert list(boxes.values()) == [[f"{n} (Dense)", "Output shape: ?"] for n in "ab"]
    assert arrows == {("a (Dense)", "b (Dense)")}
    model.build((None, 2))
    boxes, _ = read(utils.model_to_dot(model, show_shapes=True).text)
    assert ["b (Dense)", "Input shape: (None, 3)", "Output shape: (None, 1)"] in boxes.values()


def test_a_model_of_python_code_has_boxes_only():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = Dense(2, name="a"), Dense(2, name="b")

        def call(self, x):
            return self.b(self.a(x))

    model = Own()
    model(np.ones((1, 2), "float32"))
    boxes, arrows = read(utils.model_to_dot(model).text)
    assert list(boxes.values()) == [["a (Dense)"], ["b (Dense)"]] and not arrows


def test_names_cannot_change_the_drawing():
    bad = 'a<b>"&\\n\n}'
    model = Sequential([Input((2,)), Dense(1, name=bad)], name='say "x" \\')
    text = utils.model_to_dot(model).text
    assert text.startswith('digraph "say \\"x\\" \\\\" {')
    assert "a&lt;b&gt;" in text and "&amp;" in text
    assert ['a<b>"&\\n\\n} (Dense)'] in read(text)[0].values()


def test_a_part_of_a_larger_drawing():
    text = utils.model_to_dot(nested(), subgraph=True).text
    assert text.startswith('subgraph "cluster_outer" {\n  label="outer";')


def test_five_thousand_layers_are_drawn():
    x = y = Input((1,), name="x")
    for _ in range(5000):
        y = y + 1.0
    boxes, arrows = read(utils.model_to_dot(Model(x, y)).text)
    assert len(boxes) == 5001 and len(arrows) == 5000


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["model.dot", "model.gv"])
def test_text_needs_no_graphviz(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = utils.plot_model(branched(), tmp_path / name, show_shapes=True)
    assert (tmp_path / name).read_text() == drawing.text
    assert drawing._repr_svg_().startswith("<svg")
    assert "Dense" in str(drawing) and "a (Dense)" not in drawing.text  # names only where asked


def test_without_graphviz_and_matplotlib_the_way_to_get_them_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"model\.svg.*pip install.*apt install graphviz"):
        utils.plot_model(branched(), tmp_path / "model.png")
    assert not list(tmp_path.iterdir())
    assert utils.plot_model(branched(), None).text
    utils.plot_model(branched(), tmp_path / "model.svg")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A program `dot` that answers with its argument and what it was given to read."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$1"\n/bin/cat\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


@needs_scripts
@pytest.mark.parametrize(
    ("name", "form"), [("m.png", "png"), ("m.svg", "svg"), ("m.PDF", "pdf"), ("m", "png")]
)
def test_graphviz_is_asked_for_the_form_of_the_name(name, form, tmp_path, stand_in):
    drawing = utils.plot_model(branched(), str(tmp_path / name))
    assert (tmp_path / name).read_text() == f"-T{form}\n{drawing.text}"
    assert drawing.create(prog="dot", format="svg").startswith(b"-Tsvg\n")
    assert drawing.create_svg(["dot", "-x"]).startswith(b"-x\n")
    drawing.write_pdf(tmp_path / "other")
    assert (tmp_path / "other").read_text().startswith("-Tpdf")
    assert drawing._repr_svg_().startswith("-Tsvg")


@needs_scripts
def test_what_graphviz_complains_of_is_told(tmp_path, stand_in):
    stand_in.write_text('#!/bin/sh\necho "Format: \\"xyz\\" not recognized" >&2\nexit 1\n')
    with pytest.raises(ValueError, match='"xyz" not recognized.*E-GRAPHVIZ'):
        utils.plot_model(branched(), tmp_path / "m.xyz")
    assert not (tmp_path / "m.xyz").exists()
