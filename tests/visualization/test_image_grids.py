"""Filters and augmented images: what is drawn against the weights and pictures themselves."""

import numpy as np
import pytest

from cornu import layers, visualization
from cornu.layers import Conv1D, Conv2D, Conv2DTranspose, Conv3D, Dense, DepthwiseConv2D, Input
from cornu.models import Model, Sequential
from cornu.preprocessing.image import ImageDataGenerator

IMAGES = np.random.default_rng(0).uniform(size=(2, 6, 5, 3)).astype("float32")


def drawn(figure):
    return [axes.images[0] for axes in figure.axes if axes.images]


def network(read=3):
    return Sequential([Input((9, 9, read)), Conv2D(5, 3, name="first"), Conv2D(2, 2, name="next")])


# ---------------------------------------------------------------- filters


def test_filters_are_those_of_the_layer():
    model = network()
    kernel = model.get_weights()[0]  # (3, 3, 3, 5)
    found = visualization.layer_filters(model)
    assert found.shape == (5, 3, 3, 3)
    for i in range(5):
        assert np.array_equal(found[i], kernel[..., i])
    second = visualization.layer_filters(model, "next")
    assert np.array_equal(second, np.moveaxis(model.get_weights()[2], -1, 0))
    for named in (model.get_layer("next"), 1):
        assert np.array_equal(visualization.layer_filters(model, named), second)
    assert np.array_equal(visualization.layer_filters(model.get_layer("next")), second)


def test_transposed_convolutions_make_their_filters():
    layer = Conv2DTranspose(4, 3)
    layer.build((None, 5, 5, 2))
    kernel = layer.get_weights()[0]  # (3, 3, 4, 2)
    found = visualization.layer_filters(layer)
    assert found.shape == (4, 3, 3, 2) and np.array_equal(found[1, :, :, 0], kernel[:, :, 1, 0])


def test_models_inside_and_of_python_code():
    inner = network()
    x = Input((9, 9, 3))
    assert visualization.layer_filters(Model(x, inner(x)), "next").shape == (2, 2, 2, 5)

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.conv = Conv2D(2, 3, name="conv")

        def call(self, x):
            return self.conv(x)

    own = Own()
    own(IMAGES)
    for named in (None, "conv", 0):
        assert visualization.layer_filters(own, named).shape == (2, 3, 3, 3)


def test_filters_of_three_channels_are_colours():
    pytest.importorskip("matplotlib")
    model = network()
    pictures = drawn(visualization.plot_filters(model, most=4, columns=3))
    kernel = visualization.layer_filters(model)
    assert len(pictures) == 4
    low, high = kernel[2].min(), kernel[2].max()
    assert np.allclose(pictures[2].get_array(), (kernel[2] - low) / (high - low))


def test_other_filters_are_on_one_scale():
    pytest.importorskip("matplotlib")
    one = network(read=1)
    pictures = drawn(visualization.plot_filters(one))
    kernel = visualization.layer_filters(one)
    assert len(pictures) == 5 and np.array_equal(pictures[3].get_array(), kernel[3, ..., 0])
    assert pictures[0].get_clim() == pytest.approx((-np.abs(kernel).max(), np.abs(kernel).max()))
    many = drawn(visualization.plot_filters(one, "next", columns=4))
    second = visualization.layer_filters(one, "next")  # (2, 2, 2, 5)
    assert len(many) == 8 and np.array_equal(many[5].get_array(), second[1, ..., 1])


@pytest.mark.parametrize(
    ("layer", "shape", "panel"),
    [
        (Conv1D(4, 5), (None, 9, 2), (2, 5)),
        (Conv3D(4, (2, 3, 4)), (None, 5, 5, 5, 1), (2, 12)),
        (DepthwiseConv2D(3), (None, 9, 9, 2), (3, 3)),
    ],
)
def test_windows_of_other_kinds(layer, shape, panel):
    pytest.importorskip("matplotlib")
    layer.build(shape)
    pictures = drawn(visualization.plot_filters(layer))
    assert pictures[0].get_array().shape == panel


def test_what_has_no_filters():
    dense = Sequential([Input((3,)), Dense(2, name="d")])
    for call in (lambda: visualization.layer_filters(dense),
                 lambda: visualization.layer_filters(dense, "d"),
                 lambda: visualization.layer_filters(Dense(2))):  # fmt: skip
        with pytest.raises(ValueError, match="E-NO-CONVOLUTION"):
            call()
    with pytest.raises(ValueError, match='mean "first".*E-LAYER'):
        visualization.layer_filters(network(), "frist")
    with pytest.raises(ValueError, match="E-UNBUILT"):
        visualization.layer_filters(Conv2D(2, 3))


# ---------------------------------------------------------------- augmented images


def test_a_generator_changes_each_image():
    generator = ImageDataGenerator(rescale=2.0)
    before, made = visualization.augmented(generator, IMAGES, copies=3)
    assert np.array_equal(before, IMAGES) and made.shape == (2, 3, 6, 5, 3)
    assert np.allclose(made, 2 * IMAGES[:, None], rtol=1e-6)
    flips = ImageDataGenerator(horizontal_flip=True)
    _, made = visualization.augmented(flips, IMAGES, copies=8, seed=3)
    either = [np.allclose(m, IMAGES[0]) or np.allclose(m, IMAGES[0, :, ::-1]) for m in made[0]]
    assert all(either) and len({m.tobytes() for m in made[0]}) == 2
    again = visualization.augmented(flips, IMAGES, copies=8, seed=3)[1]
    assert np.array_equal(made, again)


def test_layers_change_as_in_training():
    layer = Sequential([layers.Input((6, 5, 3)), layers.RandomFlip("horizontal", seed=1)])
    _, made = visualization.augmented(layer, IMAGES, copies=8)
    for copy in made[1]:
        assert np.allclose(copy, IMAGES[1]) or np.allclose(copy, IMAGES[1, :, ::-1])
    assert len({m.tobytes() for m in made[1]}) == 2


def test_functions_and_batches():
    _, made = visualization.augmented(lambda x: 1 - x, IMAGES, copies=2)
    assert np.allclose(made, 1 - IMAGES[:, None])
    labels = np.zeros(2)
    for batches in ([(IMAGES, labels)], [IMAGES], iter([((IMAGES,), labels)])):
        before, made = visualization.augmented(batches)
        assert before is None and np.array_equal(made[:, 0], IMAGES)


def test_the_picture_has_a_row_for_each_image():
    pytest.importorskip("matplotlib")
    pictures = drawn(visualization.plot_augmented(lambda x: x[:, ::-1], IMAGES, copies=2))
    assert len(pictures) == 6
    for i in range(2):
        assert np.allclose(pictures[3 * i].get_array(), IMAGES[i])
        assert np.allclose(pictures[3 * i + 2].get_array(), IMAGES[i, ::-1])
    assert len(drawn(visualization.plot_augmented([IMAGES], columns=1))) == 2


@pytest.mark.parametrize(
    ("images", "wanted"),
    [
        (IMAGES, IMAGES),
        (IMAGES * 255, IMAGES),
        ((IMAGES * 255).astype("uint8"), (IMAGES * 255).astype("uint8") / 255),
        (IMAGES[..., :1] - 2, None),
    ],
)
def test_scales_for_the_screen(images, wanted):
    pytest.importorskip("matplotlib")
    pictures = drawn(visualization.plot_augmented([images]))
    if wanted is None:
        low = images.min(axis=(1, 2, 3), keepdims=True)
        span = images.max(axis=(1, 2, 3), keepdims=True) - low
        wanted = ((images - low) / span)[..., 0]
    assert np.allclose([p.get_array() for p in pictures], wanted, atol=1e-5)


def test_channels_first():
    pytest.importorskip("matplotlib")
    first = np.moveaxis(IMAGES, -1, 1)
    pictures = drawn(visualization.plot_augmented([first], data_format="channels_first"))
    assert np.allclose(pictures[1].get_array(), IMAGES[1])


@pytest.mark.parametrize(
    ("source", "images", "code"),
    [
        (3, IMAGES, "E-AUGMENTED"),
        (3, None, "E-AUGMENTED"),
        ([], None, "E-AUGMENTED"),
        ([np.zeros((2, 3))], None, "E-AUGMENTED"),
        (lambda x: x, IMAGES[0], "E-IMAGES"),
        ([IMAGES[..., :2]], None, "E-IMAGES"),
    ],
)
def test_bad_calls(source, images, code):
    with pytest.raises(ValueError, match=code):
        visualization.plot_augmented(source, images)


def test_names_of_classes_in_a_confusion_matrix():
    pytest.importorskip("matplotlib")
    figure = visualization.plot_confusion_matrix([0, 1], [0, 0], names=["ash", "$b$", "cedar"])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["ash", "$b$", "cedar"]
    with pytest.raises(ValueError, match="3 classes, but 2 names.*E-LABELS"):
        visualization.plot_confusion_matrix([0, 1], [0, 2], 3, names=["a", "b"])
