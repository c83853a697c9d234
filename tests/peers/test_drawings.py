"""Drawings of models: the same boxes, shapes and arrows as in Keras's graphs for Graphviz."""

import html
import re

import pytest

import cornu
from visualization.reading import Read

pytestmark = pytest.mark.peers


def two_inputs(k):
    a, b = k.Input((4,), name="a"), k.Input((3,), name="b")
    joined = k.layers.Concatenate(name="c")([k.layers.Dense(3, name="s")(a), b])
    heads = [k.layers.Dense(n, name=f"h{n}")(joined) for n in (1, 2)]
    return k.Model([a, b], heads)


def shared(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    one = k.layers.Dense(4, name="one")
    return k.Model([a, b], k.layers.Add(name="sum")([one(a), one(b), a]))


def inside(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(2, name="d")], name="inner")
    x = k.Input((6,), name="x")
    return k.Model(x, k.layers.Activation("relu", name="r")(inner(x)))


def convolutions(k):
    x = k.Input((8, 8, 3), name="x")
    y = k.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    z = k.layers.BatchNormalization(name="norm")(y)
    z = k.layers.Add(name="add")([y, z])
    return k.Model(x, k.layers.GlobalAveragePooling2D(name="mean")(z))


def told(text):
    """{(name, kind, output shape)} and {(name, name)} of Keras's text."""
    boxes, names = set(), {}
    for number, label in re.findall(r"^(\d+) \[label=<(.*)>, fontname", text, re.M):
        name, kind = re.search(r"<b>(.*?)</b> \((\w+)\)", label).groups()
        shape = re.search(r"Output shape: <b>(.*?)</b>", label)[1]
        boxes.add((html.unescape(name), kind, shape))
        names[number] = name
    arrows = re.findall(r"^(\d+) -> (\d+)", text, re.M)
    return boxes, {(names[a], names[b]) for a, b in arrows}


@pytest.mark.parametrize("make", [two_inputs, shared, inside, convolutions])
def test_boxes_and_arrows_are_those_of_keras(make, keras):
    pytest.importorskip("pydot")
    theirs = keras.utils.model_to_dot(make(keras), show_shapes=True).to_string()
    boxes, arrows = told(theirs)
    drawing = cornu.utils.model_to_dot(make(cornu), show_shapes=True)
    found = Read(drawing.svg())
    said = {(texts[1], texts[0], texts[texts.index("out") + 1]) for texts in found.texts}
    assert said == boxes and found.arrows() == arrows
    lines = re.findall(r"^ +(n\d+) \[label=<(.*)>\];$", drawing.text, re.M)
    names = {number: re.search(r">([^<]*) \(\w+\)<", label)[1] for number, label in lines}
    ours = re.findall(r"^ +(n\d+) -> (n\d+);$", drawing.text, re.M)
    assert {(names[a], names[b]) for a, b in ours} == arrows
