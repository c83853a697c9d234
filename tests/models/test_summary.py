"""What `summary()` prints: rows, columns, totals, and what it can do without."""

import io
import sys

import pytest

from cornu import layers, models, ops
from cornu.models.summary import byte_size, summarize


def chain():
    return models.Sequential(
        [layers.Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="second")],
        name="chain",
    )


def branched():
    x = layers.Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    inner = models.Sequential(
        [layers.Input((4,)), layers.Dense(3, name="in_1"), layers.Dense(4, name="in_2")],
        name="inner",
    )
    y = shared(inner(x)) * 2.0 + shared(x)
    return models.Model(x, layers.Dense(1, name="out")(y), name="branched")


def rows(text):
    """The table's rows as lists of cells, cells of several lines joined."""
    found = []
    for line in text.splitlines():
        if line.startswith(("┡", "├")):
            found.append([])
        elif line.startswith("│"):
            cells = [cell.strip() for cell in line.strip("│").split("│")]
            held = found[-1] or [""] * len(cells)
            found[-1] = [f"{a} {b}".strip() for a, b in zip(held, cells, strict=True)]
    return found


def text_of(model, line_length=None, expand_nested=False, show_trainable=False):
    return summarize(model, line_length, expand_nested, show_trainable)


def test_a_chain_has_three_columns_and_totals_counted_by_hand():
    text = text_of(chain())
    assert text.splitlines()[0] == 'Model: "chain"'
    assert rows(text) == [
        ["first (Dense)", "(None, 3)", "15"],  # 4 * 3 + 3
        ["second (Dense)", "(None, 2)", "8"],  # 3 * 2 + 2
    ]
    assert " Total params: 23 (92.00 B)" in text
    assert " Non-trainable params: 0 (0.00 B)" in text
    assert "Connected to" not in text and "Optimizer" not in text


def test_a_graph_says_what_is_connected_to_what():
    found = {row[0]: row[1:] for row in rows(text_of(branched()))}
    assert found["x (InputLayer)"] == ["(None, 4)", "0", "-"]
    assert found["inner (Sequential)"] == ["(None, 4)", "31", "x[0][0]"]  # 4*3+3 + 3*4+4
    assert found["shared (Dense)"] == ["(None, 4)", "20", "inner[0][0], x[0][0]"]
    assert found["multiply (Multiply)"][2] == "shared[0][0]"
    assert found["add (Add)"][2] == "multiply[0][0], shared[1][0]"
    assert found["out (Dense)"] == ["(None, 1)", "5", "add[0][0]"]


def test_models_inside_are_expanded_when_asked():
    names = [row[0] for row in rows(text_of(branched(), expand_nested=True))]
    assert names[names.index("inner (Sequential)") + 1 :][:2] == [
        "└ in_1 (Dense)",
        "└ in_2 (Dense)",
    ]


def test_frozen_parameters_are_counted_apart():
    model = chain()
    model.layers[0].trainable = False
    text = text_of(model, show_trainable=True)
    assert [row[-1] for row in rows(text)] == ["N", "Y"]
    assert " Trainable params: 8 (32.00 B)" in text
    assert " Non-trainable params: 15 (60.00 B)" in text


def test_an_optimizer_is_counted_once_it_has_state():
    model = chain()
    model.compile("adam", "mse")
    assert "Optimizer" not in text_of(model)
    model.optimizer.build(model.trainable_variables)
    text = text_of(model)
    assert " Optimizer params: 48 (192.00 B)" in text  # two slots of 23, iterations, rate
    assert " Total params: 71 (284.00 B)" in text


def test_a_model_that_is_not_built_says_so():
    text = text_of(models.Sequential([layers.Dense(3), layers.Dense(1)]))
    assert [row[1:] for row in rows(text)] == [["?", "0 (unbuilt)"]] * 2
    assert "Not built yet" in text and "build(input_shape)" in text


def test_several_outputs_stand_in_brackets():
    x = layers.Input((6,))
    left, right = ops.split(x, 2, axis=1)
    text = text_of(models.Model(x, layers.Add()([left, right])))
    assert "[(None, 3), (None, 3)]" in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_lines_are_as_long_as_asked(width):
    lines = text_of(branched(), line_length=width).splitlines()
    table = [line for line in lines if line[0] in "┏┃┡│├└"]
    assert {len(line) for line in table} == {len(table[0])}
    assert len(table[0]) <= max(width, 45)


def test_plain_letters_where_the_terminal_has_no_others(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    text = text_of(branched(), expand_nested=True)
    assert text.isascii() and "| - in_1 (Dense)" in text.replace("|    -", "| -")


def test_a_name_cannot_steer_the_terminal():
    model = models.Sequential([layers.Input((2,)), layers.Dense(1, name="a\x1b]0;x\x07b")])
    assert "\x1b" not in text_of(model) and "a\\x1b]0;x\\x07b" in text_of(model)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0.00 B"), (1023, "1023.00 B"), (1352, "1.32 KB"), (3 << 30, "3.00 GB")]
)
def test_bytes_as_people_read_them(count, text):
    assert byte_size(count) == text
