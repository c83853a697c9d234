"""Pictures of training: what is drawn, counted by hand, and what cannot be drawn."""

import builtins

import numpy as np
import pytest

from cornu import layers, visualization
from cornu.models import Sequential

matplotlib = pytest.importorskip("matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"
LOGS = {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.5], "mae": [1.0, 0.5, 0.25]}


def curves(axes):
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in axes.get_lines()}


def test_learning_curves_one_panel_a_figure():
    figure = visualization.plot_history(LOGS)
    left, right = figure.axes
    assert [left.get_title(), right.get_title()] == ["loss", "mae"]
    assert set(curves(left)) == {"training", "validation"} and set(curves(right)) == {"training"}
    x, y = curves(left)["validation"]
    assert np.array_equal(x, [1, 2, 3]) and np.array_equal(y, [4, 3, 2.5])


def test_validation_that_came_less_often_is_spread_over_the_epochs():
    figure = visualization.plot_history({"loss": [1.0] * 5, "val_loss": [1.0, 2.0]})
    x, y = curves(figure.axes[0])["validation"]
    assert np.array_equal(x, [1, 5]) and np.array_equal(y, [1, 2])


def test_the_history_of_a_fit_is_drawn_and_written(tmp_path):
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0)
    visualization.plot_history(history, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("empty", [{}, {"val_loss": [1.0]}])
def test_nothing_to_draw(empty):
    with pytest.raises(ValueError, match="E-HISTORY"):
        visualization.plot_history(empty)


def test_a_confusion_matrix_counts_pairs():
    true, predicted = [0, 0, 1, 2, 2, 2], [0, 1, 1, 0, 2, 2]
    wanted = [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert visualization.confusion_matrix(true, predicted).tolist() == wanted
    assert visualization.confusion_matrix(true, predicted, classes=4).shape == (4, 4)
    column = np.array(true)[:, None]
    assert visualization.confusion_matrix(column, np.array(predicted, "uint8")).tolist() == wanted
    assert visualization.confusion_matrix([], []).shape == (0, 0)


@pytest.mark.parametrize(
    ("true", "predicted", "classes", "code"),
    [([0, 1], [0], None, "E-LENGTHS"), ([0, 3], [0, 1], 3, "E-LABELS"), ([-1], [0], None, "E-LAB")],
)
def test_labels_that_cannot_be_counted(true, predicted, classes, code):
    with pytest.raises(ValueError, match=code):
        visualization.confusion_matrix(true, predicted, classes)


def test_the_picture_of_a_confusion_matrix_has_its_counts(tmp_path):
    path = str(tmp_path / "matrix.png")
    figure = visualization.plot_confusion_matrix([0, 0, 1], [0, 0, 0], path=path)
    (axes,) = figure.axes
    written = {t.get_position(): t.get_text() for t in axes.texts}
    assert written == {(0, 0): "2", (0, 1): "1"}  # (predicted, true)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    with open(path, "rb") as file:
        assert file.read(8) == PNG


@pytest.mark.parametrize("shape", [(5, 4, 4), (5, 4, 4, 1), (5, 4, 4, 3)])
def test_a_grid_of_images(shape):
    images = np.random.default_rng(0).uniform(size=shape)
    figure = visualization.plot_images(
        images, titles="abcde", wrong=[False, True, False, False, False], columns=3
    )
    assert len(figure.axes) == 6
    drawn = [a for a in figure.axes if a.images]
    assert [a.get_title() for a in drawn] == list("abcde")
    assert [a.title.get_color() for a in drawn] == ["black", "crimson", "black", "black", "black"]
    assert np.array_equal(drawn[0].images[0].get_array(), np.squeeze(images[0]))


@pytest.mark.parametrize("shape", [(0, 4, 4), (4, 4), (2, 3, 4, 4, 1)])
def test_what_is_no_set_of_images(shape):
    with pytest.raises(ValueError, match="E-IMAGES"):
        visualization.plot_images(np.zeros(shape))


def test_without_matplotlib_the_way_to_get_it_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install .*plot"):
        visualization.plot_history(LOGS)
