"""What a model looks at: maps and gradients against their formulas in NumPy, and their pictures."""

import struct

import numpy as np
import pytest

from cornu import Model, Sequential, engine, layers, ops, settings, state, visualization
from cornu.layers import Conv2D, Dense, Flatten, GlobalAveragePooling2D, Input

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 6, 5, 3)).astype("float32")


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(1)


@pytest.fixture
def float64():
    settings.set_floatx("float64")
    yield
    settings.set_floatx("float32")


def convolved(x, kernel):
    """The "valid" cross-correlation of images, channels last."""
    rows, columns = x.shape[1] - kernel.shape[0] + 1, x.shape[2] - kernel.shape[1] + 1
    y = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            y += x[:, i : i + rows, j : j + columns] @ kernel[i, j]
    return y


def small(data_format="channels_last", activation="softmax"):
    first = data_format == "channels_first"
    return Sequential(
        [
            Input((3, 6, 5) if first else (6, 5, 3)),
            Conv2D(4, 3, activation="relu", data_format=data_format, name="conv"),
            GlobalAveragePooling2D(data_format=data_format, name="mean"),
            Dense(2, activation=activation, name="scores"),
        ]
    )


def as_the_model_takes(data_format):
    return np.moveaxis(IMAGES, -1, 1) if data_format == "channels_first" else IMAGES


def answers(model, x=IMAGES):
    """The maps of the convolution, and the scores before the softmax, in NumPy."""
    kernel, bias, matrix, offset = (w.astype("float64") for w in model.get_weights())
    maps = np.maximum(convolved(x.astype("float64"), kernel) + bias, 0)
    return maps, maps.mean(axis=(1, 2)) @ matrix + offset


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# ---------------------------------------------------------------- what layers answer


def test_every_layer_by_name():
    model = small()
    found = visualization.layer_activations(model, IMAGES)
    maps, scores = answers(model)
    assert list(found) == ["conv", "mean", "scores"]
    assert all(isinstance(v, np.ndarray) for v in found.values())
    assert np.allclose(found["conv"], maps, atol=1e-5)
    assert np.allclose(found["mean"], maps.mean(axis=(1, 2)), atol=1e-5)
    assert np.allclose(found["scores"], softmax(scores), atol=1e-5)


@pytest.mark.parametrize("ask", ["mean", 1, -2, ["mean"]], ids=str)
def test_one_layer_by_name_or_number(ask):
    found = visualization.layer_activations(small(), IMAGES, ask)
    assert {k: v.shape for k, v in found.items()} == {"mean": (2, 4)}


def test_a_layer_itself_and_one_that_is_shared_or_gives_several():
    x = Input((4,), name="x")
    shared, cell = Dense(4, use_bias=False, name="shared"), layers.LSTM(2, return_state=True)
    y = shared(shared(x))
    model = Model(x, cell(layers.Reshape((2, 2))(y)))
    data = RNG.normal(size=(3, 4)).astype("float32")
    found = visualization.layer_activations(model, data, [shared, cell])
    (kernel,) = shared.get_weights()
    once, twice = found["shared"]
    assert np.allclose(once, data @ kernel, atol=1e-5)
    assert np.allclose(twice, data @ kernel @ kernel, atol=1e-5)
    assert [v.shape for v in found[cell.name]] == [(3, 2)] * 3


def test_layers_of_models_inside_by_path_or_name():
    base = small()
    x = Input((6, 5, 3))
    model = Model(x, Dense(1, name="last")(base(x * 2, training=False)), name="outer")
    found = visualization.layer_activations(model, IMAGES)
    inside = f"{base.name}/"
    assert list(found) == [f"{inside}conv", f"{inside}mean", f"{inside}scores", base.name, "last"]
    maps, _ = answers(base, 2 * IMAGES)
    assert np.allclose(found[f"{inside}conv"], maps, atol=1e-5)
    assert np.allclose(found["last"], model(IMAGES), atol=1e-5)
    assert list(visualization.layer_activations(model, IMAGES, "conv")) == [f"{inside}conv"]
    assert len(base.layers[0]._nodes) == 1  # looking leaves nothing behind


def test_a_model_inside_keeps_its_own_phase():
    base = Sequential([Input((50,)), layers.Dropout(0.5, name="drop")])
    x = Input((50,))
    model = Model(x, layers.Dropout(0.5, name="outer")(base(x, training=False)))
    ones = np.ones((2, 50), "float32")
    found = visualization.layer_activations(model, ones, training=True)
    assert np.array_equal(found[f"{base.name}/drop"], ones)
    assert set(np.unique(found["outer"])) == {0, 2}
    assert np.array_equal(visualization.layer_activations(model, ones)["outer"], ones)


def test_weights_are_those_of_now():
    model = small()
    before = visualization.layer_activations(model, IMAGES, "conv")["conv"]
    model.get_layer("conv").kernel.assign(np.zeros((3, 3, 3, 4)))
    assert before.any() and not visualization.layer_activations(model, IMAGES)["conv"].any()


def test_a_sequential_is_built_by_the_data():
    model = Sequential([Dense(3, name="a")])
    found = visualization.layer_activations(model, np.ones((2, 4), "float32"))
    assert found["a"].shape == (2, 3)


def test_compiled_once(monkeypatch):
    made = []
    real = engine.jit
    monkeypatch.setattr(engine, "jit", lambda *a, **k: made.append(1) or real(*a, **k))
    model = small()
    for _ in range(3):
        visualization.layer_activations(model, IMAGES)
        visualization.saliency(model, IMAGES, output=0)
        visualization.saliency(model, IMAGES, output=1, smooth=2)
        visualization.grad_cam(model, IMAGES)
        visualization.maximize(model, "conv", 0, steps=2)
        visualization.maximize(model, "conv", 1, steps=3, step=0.2)
    assert len(made) == 4


# ---------------------------------------------------------------- saliency


def test_saliency_of_a_linear_model_is_its_weights():
    model = Sequential([Input((2, 2)), Flatten(), Dense(3, name="linear")])
    kernel, _ = model.get_weights()
    x = RNG.normal(size=(4, 2, 2)).astype("float32")
    for output in range(3):
        found = visualization.saliency(model, x, output)
        assert found.shape == x.shape
        assert np.allclose(found, np.tile(kernel[:, output].reshape(2, 2), (4, 1, 1)), atol=1e-6)
    each = visualization.saliency(model, x, [0, 1, 2, -1])
    assert np.allclose(each.reshape(4, 4), kernel.T[[0, 1, 2, 2]], atol=1e-6)
    best = np.argmax(model.predict(x, verbose=0), axis=1)
    found = visualization.saliency(model, x)
    assert np.allclose(found.reshape(4, 4), kernel.T[best], atol=1e-6)
    smooth = visualization.saliency(model, x, smooth=3, noise=10.0)
    assert np.allclose(smooth, found, atol=1e-6)  # the class of the clean input, gradient constant


def test_scores_before_a_softmax_or_behind_it(float64):
    model = Sequential([Input((3,)), Dense(2, activation="softmax")])
    kernel, bias = model.get_weights()
    x = RNG.normal(size=(5, 3))
    found = visualization.saliency(model, x, 1)
    assert np.allclose(found, np.tile(kernel[:, 1], (5, 1)))
    p = softmax(x @ kernel + bias)[:, 1:]
    wanted = p * (1 - p) * (kernel[:, 1] - kernel[:, 0])  # of softmax with two classes
    assert np.allclose(visualization.saliency(model, x, 1, logits=False), wanted)
    assert model.layers[0].activation.__name__ == "softmax"


@pytest.mark.parametrize("last", ["activation", "layer", "op", "sigmoid"])
def test_a_last_softmax_is_found_in_every_form(last):
    x = Input((3,))
    z = Dense(2, use_bias=False)(x)
    ends = {
        "activation": lambda: layers.Activation("softmax")(z),
        "layer": lambda: layers.Softmax()(z),
        "op": lambda: ops.softmax(z),
        "sigmoid": lambda: layers.Activation("sigmoid")(z),
    }
    model = Model(x, ends[last]())
    (kernel,) = model.get_weights()
    found = visualization.saliency(model, np.ones((1, 3), "float32"), 0)
    assert np.allclose(found, kernel[:, 0], atol=1e-6)


def test_smoothgrad_is_the_mean_over_noisy_copies(float64):
    model = Sequential([Input((1,)), layers.Lambda(lambda x: x**3), Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1))])
    x = np.array([[2.0]])
    assert np.allclose(visualization.saliency(model, x), 12.0)
    model = Sequential([Input((2,)), layers.Lambda(lambda x: x**3), Dense(1, use_bias=False)])
    model.set_weights([np.ones((2, 1))])
    x = np.array([[1.0, 3.0]])  # noise of deviation 0.5 * (3 - 1)
    found = visualization.saliency(model, x, smooth=4000, noise=0.5, seed=0)
    # E 3 (x + n)**2 = 3 (x**2 + 1); the deviation of the mean is below 0.4
    assert np.allclose(found, 3 * (x**2 + 1), atol=1.5)
    again = visualization.saliency(model, x, smooth=5, seed=3)
    assert np.array_equal(again, visualization.saliency(model, x, smooth=5, seed=3))
    assert not np.array_equal(again, visualization.saliency(model, x, smooth=5, seed=4))


def test_saliency_of_several_inputs_outputs_and_time_steps():
    a, b = Input((2,), name="a"), Input((3,), name="b")
    left = Dense(1, use_bias=False, name="left")(layers.Concatenate()([a, b]))
    steps = layers.Reshape((3, 1))(b)
    model = Model([a, b], {"left": left, "right": Dense(2, use_bias=False, name="r")(steps)})
    x = [np.ones((2, 2), "float32"), np.ones((2, 3), "float32")]
    kernel = model.get_layer("left").get_weights()[0][:, 0]
    by_a, by_b = visualization.saliency(model, x)
    assert np.allclose(by_a, kernel[:2], atol=1e-6) and np.allclose(by_b, kernel[2:], atol=1e-6)
    _, by_b = visualization.saliency(model, {"a": x[0], "b": x[1]}, output=1, head="right")
    wanted = model.get_layer("r").get_weights()[0][0, 1] / 3  # the mean over three steps
    assert np.allclose(by_b, wanted, atol=1e-6)


def test_whole_numbers_by_the_layer_that_reads_them():
    model = Sequential([Input((3,), dtype="int32"), layers.Embedding(5, 2, name="words"),
                        Flatten(), Dense(1, use_bias=False)])  # fmt: skip
    x = np.array([[0, 1, 2]], "int32")
    with pytest.raises(ValueError, match="E-SALIENCY"):
        visualization.saliency(model, x)
    found = visualization.saliency(model, x, layer="words")
    assert np.allclose(found.ravel(), model.get_weights()[1].ravel(), atol=1e-6)


def test_a_model_of_python_code_has_a_saliency():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2, use_bias=False)

        def call(self, x):
            return self.dense(x)

    model = Own()
    x = np.ones((2, 3), "float32")
    found = visualization.saliency(model, x, 1)
    assert np.allclose(found, model.get_weights()[0][:, 1], atol=1e-6)
    longer = visualization.saliency(model, np.ones((2, 4, 3)), 1)  # float64, of another rank
    assert np.allclose(longer, model.get_weights()[0][:, 1] / 4, atol=1e-6)
    with pytest.raises(ValueError, match="E-NO-GRAPH"):
        visualization.layer_activations(model, x)


def test_images_of_bytes_count_as_numbers():
    model = small()
    x = RNG.integers(0, 255, size=(2, 6, 5, 3)).astype("uint8")
    floats = x.astype("float32")
    for show in (visualization.saliency, visualization.grad_cam):
        assert np.array_equal(show(model, x, output=0), show(model, floats, output=0))
    both = [visualization.saliency(model, v, output=0, smooth=3, seed=1) for v in (x, floats)]
    assert np.array_equal(*both)
    assert not np.allclose(both[0], visualization.saliency(model, x, output=0))
    both = [visualization.occlusion(model, v, size=3, value=-0.5) for v in (x, floats)]
    assert np.array_equal(*both)
    dreams = visualization.maximize(model, "conv", start=x, steps=1).inputs
    assert dreams.dtype == np.float32 and np.abs(dreams - floats).max() > 0


# ---------------------------------------------------------------- Grad-CAM


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("output", [0, 1])
def test_grad_cam_by_its_formula(data_format, output):
    model = small(data_format)
    maps, _ = answers(model)
    matrix = model.get_weights()[2].astype("float64")
    # score = mean over space of maps @ matrix, so d score / d A_k = matrix[k] / (4 * 3) everywhere
    wanted = np.maximum((maps * matrix[:, output] / 12).sum(axis=-1), 0)
    found = visualization.grad_cam(model, as_the_model_takes(data_format), output=output)
    assert found.shape == (2, 4, 3)
    assert np.allclose(found, wanted, atol=1e-5)


def test_grad_cam_where_the_gradient_differs_from_place_to_place(float64):
    model = Sequential([Input((6, 5, 3)), Conv2D(4, 3, name="conv"), Flatten(), Dense(2)])
    kernel, bias, matrix, offset = model.get_weights()
    maps = convolved(IMAGES.astype("float64"), kernel) + bias
    scores = maps.reshape(2, -1) @ matrix + offset
    chosen = np.argmax(scores, axis=1)
    slopes = matrix.T[chosen].reshape(2, 4, 3, 4)
    weights = slopes.mean(axis=(1, 2), keepdims=True)
    wanted = np.maximum((weights * maps).sum(axis=-1), 0)
    assert np.allclose(visualization.grad_cam(model, IMAGES.astype("float64")), wanted)


def test_grad_cam_finds_the_last_convolution_inside():
    base = Sequential([Input((6, 5, 3)), Conv2D(2, 3, name="early"), Conv2D(4, 2, name="late")])
    x = Input((6, 5, 3))
    y = GlobalAveragePooling2D()(base(x))
    model = Model(x, Dense(2, activation="softmax")(y))
    found = visualization.grad_cam(model, IMAGES, output=1)
    maps = visualization.layer_activations(model, IMAGES, "late")[f"{base.name}/late"]
    assert maps.shape == (2, 3, 2, 4)
    wanted = np.maximum((maps * model.get_weights()[4][:, 1] / 6).sum(axis=-1), 0)
    assert np.allclose(found, wanted, atol=1e-5)
    early = visualization.grad_cam(model, IMAGES, layer="early")
    assert early.shape == (2, 4, 3)


def test_grad_cam_over_time():
    model = Sequential([Input((7, 2)), layers.Conv1D(3, 2), layers.GlobalMaxPooling1D(), Dense(2)])
    assert visualization.grad_cam(model, np.ones((1, 7, 2), "float32")).shape == (1, 6)


# ---------------------------------------------------------------- covered patches


def test_occlusion_of_a_linear_model_is_the_sum_under_the_patch():
    model = Sequential([Input((6, 4, 1)), Flatten(), Dense(2, use_bias=False)])
    matrix = model.get_weights()[0].reshape(6, 4, 2)
    x = RNG.normal(size=(3, 6, 4, 1)).astype("float32")
    found = visualization.occlusion(model, x, output=1, size=2, stride=2, value=0.5, batch_size=6)
    assert found.shape == (3, 3, 2)
    drops = (x[..., 0] - 0.5) * matrix[..., 1]
    wanted = drops.reshape(3, 3, 2, 2, 2).sum(axis=(2, 4))
    assert np.allclose(found, wanted, atol=1e-5)


def test_occlusion_with_channels_first_and_over_time():
    first = small("channels_first", activation=None)
    last = small(activation=None)
    last.set_weights(first.get_weights())
    x = as_the_model_takes("channels_first")
    found = visualization.occlusion(first, x, output=0, size=3)
    assert found.shape == (2, 4, 3)
    assert np.allclose(found, visualization.occlusion(last, IMAGES, output=0, size=3), atol=1e-5)
    model = Sequential([Input((7, 2)), layers.GlobalAveragePooling1D(), Dense(1)])
    assert visualization.occlusion(model, np.ones((1, 7, 2), "float32"), size=3).shape == (1, 5)


# ---------------------------------------------------------------- inputs made to please


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_maximize_raises_the_activation(data_format):
    model = small(data_format)
    images, scores = visualization.maximize(model, "conv", [0, 3], steps=30, seed=0)
    assert images.shape == ((2, 3, 6, 5) if data_format == "channels_first" else (2, 6, 5, 3))
    assert scores.shape == (31, 2)
    assert (np.diff(scores, axis=0) > 0).mean() > 0.9
    assert (scores[-1] > 3 * scores[0]).all()
    maps = visualization.layer_activations(model, images)["conv"]
    means = maps.mean(axis=(2, 3) if data_format == "channels_first" else (1, 2))
    assert np.allclose(scores[-1], [means[0, 0], means[1, 3]], rtol=1e-4)


def test_maximize_goes_along_the_normalized_gradient():
    model = Sequential([Input((4,)), Dense(2, activation="sigmoid", name="d")])
    kernel = model.get_weights()[0][:, 1]
    start = np.zeros((1, 4), "float32")
    images, _ = visualization.maximize(model, "d", 1, steps=3, start=start, step=0.5)
    way = kernel / np.sqrt(np.mean(kernel**2))  # of the score before the sigmoid
    assert np.allclose(images[0], 1.5 * way, atol=1e-5)
    shrunk, _ = visualization.maximize(model, "d", 1, steps=2, start=start, step=0.5, decay=0.1)
    assert np.allclose(shrunk[0], (0.9 * 0.5 + 0.5) * way, atol=1e-5)


def test_a_dream_begins_from_a_picture_and_raises_all_answers():
    model = small()
    images, scores = visualization.maximize(model, "conv", start=IMAGES, steps=10, step=0.05)
    maps, _ = answers(model)
    assert images.shape == IMAGES.shape
    assert np.allclose(scores[0], (maps**2).mean(axis=(1, 2, 3)), rtol=1e-4)
    assert (np.diff(scores, axis=0) > 0).all()


def test_one_start_for_several_filters_and_a_seed():
    model = small()
    images, _ = visualization.maximize(model, "conv", [0, 1, 2], start=IMAGES[:1], steps=1)
    assert images.shape == (3, 6, 5, 3)
    a, b, c = (visualization.maximize(model, "conv", 0, steps=0, seed=s).inputs for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


# ---------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: visualization.layer_activations(m, IMAGES, "conf"), 'mean "conv".*E-LAYER'),
        (lambda m: visualization.layer_activations(m, IMAGES[0]), r"x\[None\].*E-NO-BATCH"),
        (lambda m: visualization.saliency(m, IMAGES, 2), "0 to 1; got 2.*E-OUTPUT-INDEX"),
        (lambda m: visualization.saliency(m, IMAGES, 0.5), "E-OUTPUT-INDEX"),
        (lambda m: visualization.saliency(m, IMAGES, head="scorse"), 'mean "scores".*E-OUTPUT-NA'),
        (lambda m: visualization.grad_cam(m, IMAGES, "mean"), "without space axes.*E-NO-CONV"),
        (lambda m: visualization.occlusion(m, IMAGES, size=7), "E-WINDOW"),
        (lambda m: visualization.maximize(m, "conv", 4), "0 to 3; got 4.*E-OUTPUT-INDEX"),
        (lambda m: visualization.maximize(m, "conv", [0, 1, 2], start=IMAGES), "E-LENGTHS"),
        (lambda m: visualization.plot_saliency(m, IMAGES[..., :2]), "E-"),
    ],
)
def test_bad_calls(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call(small())


def test_models_without_what_is_asked_for():
    dense = Sequential([Input((4,)), Dense(2)])
    with pytest.raises(ValueError, match="E-NO-CONVOLUTION"):
        visualization.grad_cam(dense, np.ones((1, 4), "float32"))
    with pytest.raises(ValueError, match="E-RANK"):
        visualization.occlusion(dense, np.ones((1, 4), "float32"))
    with pytest.raises(ValueError, match="E-UNBUILT"):
        visualization.maximize(Sequential([Dense(2, name="d")]), "d", 0)
    with pytest.raises(TypeError, match="E-TYPE"):
        visualization.saliency(Dense(2), np.ones((1, 4), "float32"))
    free = Sequential([Input((None, None, 3)), Conv2D(2, 3, name="conv")])
    with pytest.raises(ValueError, match="start=.*E-SHAPE-UNKNOWN"):
        visualization.maximize(free, "conv", 0)
    found = visualization.maximize(free, "conv", 0, start=IMAGES[:1], steps=1)
    assert found.inputs.shape == (1, 6, 5, 3)


# ---------------------------------------------------------------- pictures


def size_of(path):
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", data[16:24])


PICTURES = {
    "activations": (lambda m, x, p: visualization.plot_activations(m, x, path=p), (1.2 * 4 + 0.5,
                                                                                   1.4 * 3)),
    "saliency": (lambda m, x, p: visualization.plot_saliency(m, x, p, smooth=2), (5, 5)),
    "grad_cam": (lambda m, x, p: visualization.plot_grad_cam(m, x, p, output=0), (5, 5)),
    "occlusion": (lambda m, x, p: visualization.plot_occlusion(m, x, p, size=3), (5, 5)),
    "maximized": (
        lambda m, x, p: visualization.plot_maximized(m, "conv", [0, 1, 2], 2, p, steps=2),
        (3.2, 3.6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_files_of_the_right_size(name, data_format, tmp_path):
    pytest.importorskip("matplotlib")
    draw, inches = PICTURES[name]
    path = tmp_path / "picture.png"
    figure = draw(small(data_format), as_the_model_takes(data_format), path)
    assert size_of(path) == tuple(int(round(120 * side, 6)) for side in inches)
    assert np.allclose(figure.get_size_inches(), inches)


def test_what_is_drawn_is_what_was_computed():
    pytest.importorskip("matplotlib")
    model = small()
    figure = visualization.plot_activations(model, IMAGES, sample=1, most=3)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    maps, _ = answers(model)
    assert [d.shape for d in drawn] == [(4, 3)] * 3 + [(1, 4), (1, 2)]
    assert np.allclose(drawn[2], maps[1, ..., 2], atol=1e-5)
    assert [a.get_title(loc="left") for a in figure.axes[::3]] == ["conv", "mean", "scores"]
    figure = visualization.plot_grad_cam(model, IMAGES, output=0)
    heat = figure.axes[1].images[1]
    assert np.allclose(heat.get_array(), visualization.grad_cam(model, IMAGES, output=0)[0])
    assert heat.get_extent() == [-0.5, 4.5, 5.5, -0.5]  # the whole image of 6 by 5
    figure = visualization.plot_occlusion(model, IMAGES, size=3, stride=2)
    heat = figure.axes[1].images[1]  # patches begin at rows 0 and 2, columns 0 and 2
    assert heat.get_array().shape == (2, 2) and heat.get_extent() == [0, 4, 4, 0]
    assert figure.axes[1].get_xlim() == (-0.5, 4.5)
    figure = visualization.plot_saliency(model, IMAGES, output=0)
    wanted = np.abs(visualization.saliency(model, IMAGES, output=0)).max(axis=-1)
    assert np.allclose(figure.axes[3].images[0].get_array(), wanted[1])
