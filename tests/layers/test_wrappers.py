"""Layers around one layer: `TimeDistributed`, `SpectralNormalization`, and wrappers of users."""

import json

import numpy as np
import pytest

import cornu
from contracts.checks import in_float64
from contracts.draws import some
from contracts.layers_values import randomize, with_mask
from cornu import config, engine, graph, layers, models, policy, saving, state
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Input,
    Layer,
    SpectralNormalization,
    TimeDistributed,
    Wrapper,
)
from cornu.models import Model, Sequential

# ---------------------------------------------------------------- the base


class Doubled(Wrapper):
    """A wrapper as users write them."""

    def __init__(self, layer, times=2, **kwargs):
        super().__init__(layer, **kwargs)
        self.times = times

    def call(self, x, training=None):
        return self.times * self.layer(x, training=training)

    def get_config(self):
        return {**super().get_config(), "times": self.times}


def test_a_wrapper_of_a_user():
    x, layer = some(2, 3), Doubled(Dense(4), times=3)
    np.testing.assert_allclose(layer(x), 3 * (x @ layer.layer.kernel.numpy()), rtol=1e-5)
    assert [v.path for v in layer.weights] == [
        f"{layer.name}/{layer.layer.name}/{name}" for name in ("kernel", "bias")
    ]
    form = json.loads(json.dumps(config.serialize(layer)))
    again = config.deserialize(form, {"Doubled": Doubled})
    assert (again.times, again.layer.units) == (3, 4)


@pytest.mark.parametrize("make", [Wrapper, TimeDistributed, SpectralNormalization])
def test_what_goes_in_is_a_layer(make):
    with pytest.raises(UsageTypeError, match="got 'dense'.*E-LAYER-CLASS"):
        make("dense")
    with pytest.raises(UsageTypeError, match=r"parentheses: Dense\(…\)"):
        make(Dense)


def test_a_frozen_layer_stays_frozen_inside():
    inner = Dense(2, trainable=False)
    layer = TimeDistributed(inner)
    layer.build((None, 3, 4))
    assert (layer.trainable, inner.trainable) == (True, False)
    assert layer.trainable_variables == []
    layer.trainable = True
    assert len(layer.trainable_variables) == 2


def test_building_twice_keeps_the_weights():
    layer = TimeDistributed(Dense(2))
    layer.build((None, 3, 4))
    before = layer.weights
    layer(some(2, 5, 4))
    assert layer.weights == before
    assert before[0].path.startswith(f"{layer.name}/")


# ---------------------------------------------------------------- every time step


def step_by_step(inner, x):
    """The inner layer called once for each time step."""
    return np.stack([inner(x[:, t]) for t in range(x.shape[1])], 1)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: Dense(3, activation="tanh"), (2, 3, 4)),
        (lambda: Conv2D(3, 2, strides=2), (2, 3, 5, 4, 2)),
        (lambda: BatchNormalization(), (2, 3, 4)),
        (lambda: TimeDistributed(Dense(2)), (2, 3, 2, 4)),
        (lambda: Sequential([Flatten(), Dense(3), Dropout(0.5)]), (2, 3, 2, 2)),
    ],
    ids=["Dense", "Conv2D", "BatchNormalization", "TimeDistributed", "Sequential"],
)
def test_each_step_is_what_the_inner_layer_makes_of_it(make, shape):
    x, layer = some(*shape), TimeDistributed(make())
    time_unknown = Input((None, *shape[2:]))
    made = layer(time_unknown)
    randomize([v for v in layer.weights])
    expected = step_by_step(layer.layer, x)
    assert made.shape == (None, None, *expected.shape[2:])
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)
    computed = graph.evaluate(made, {time_unknown: x})
    np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, 3, *shape[2:])) == (None, 3, *expected.shape[2:])


def test_time_unknown_at_two_levels():
    x = Input((None, None, 4))
    assert TimeDistributed(TimeDistributed(Dense(3)))(x).shape == (None, None, None, 3)


def test_several_time_distributed_models():
    """One model twice, another inside a third: weights are shared, or are not, as written."""
    encoder = Sequential([Input((4,)), Dense(3, activation="tanh"), Dense(2)])
    frames = Input((3,))
    decoder = Model(frames, Dense(5)(Dense(2)(frames)))
    a, b = Input((None, 4)), Input((None, 4))
    shared = TimeDistributed(encoder)
    both = layers.Concatenate()([shared(a), shared(b)])
    y = TimeDistributed(Sequential([Dense(3), decoder]))(both)
    model = Model([a, b], y)
    assert model.output_shape == (None, None, 5)
    assert len(model.weights) == 4 + 2 + 4
    one, two = some(2, 5, 4), some(2, 5, 4)
    hidden = [step_by_step(encoder, x) for x in (one, two)]
    last = model.layers[-1].layer
    expected = step_by_step(last, np.concatenate(hidden, -1))
    found = model.predict([one, two], verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    again = Model.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict([one, two], verbose=0), found)


def test_several_inputs_and_outputs():
    class Split(Layer):
        def build(self, shapes):
            self.seen = shapes
            self.kernel = self.add_weight((shapes[1][-1],), "ones", name="kernel")

        def call(self, xs):
            a, b = xs
            return {"sum": a + b.sum(-1)[:, None], "scaled": b * self.kernel}

    layer = TimeDistributed(Split())
    a, b = some(2, 3, 4), some(2, 3, 4)
    found = layer([a, b])
    assert layer.layer.seen == [(6, 4), (6, 4)]
    np.testing.assert_array_equal(found["scaled"], b)
    np.testing.assert_allclose(found["sum"], a + b.sum(-1, keepdims=True), rtol=1e-5, atol=1e-6)


def test_it_needs_time():
    with pytest.raises(UsageError, match=r"three axes at least; got \(None, 4\).*E-RANK"):
        TimeDistributed(Dense(2, name="head"))(Input((4,)))


def test_training_reaches_the_layer_inside():
    x, layer = np.ones((4, 50, 3), "float32"), TimeDistributed(Dropout(0.5))
    kept = np.asarray(layer(x, training=True))
    assert set(np.unique(kept)) == {0.0, 2.0}
    assert len({row.tobytes() for row in kept[0]}) > 1, "each step draws for itself"
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, False), x)


def test_batch_normalization_inside_counts_all_steps():
    """Statistics over batch and time, without the steps that a mask leaves out."""
    x, norm = some(3, 4, 2), BatchNormalization(momentum=0.0)
    layer = TimeDistributed(norm)
    layer(x, training=True)
    np.testing.assert_allclose(norm.moving_mean.numpy(), x.mean((0, 1)), rtol=1e-4, atol=1e-6)
    array, mask = with_mask(x)
    layer(array, training=True)
    np.testing.assert_allclose(norm.moving_mean.numpy(), x[np.asarray(mask)].mean(0), rtol=1e-4)


def test_slopes_are_those_of_the_layer_on_rows():
    x, weights = some(2, 3, 4).astype("float64"), some(2, 3, 2)
    with in_float64():
        layer = TimeDistributed(Dense(2, activation="tanh"))
        layer.build(x.shape)
        kernel, bias = layer.layer.kernel, layer.layer.bias

        def total(w):
            return (state.pure(layer, [kernel, bias])([w, bias.value], x)[0] * weights).sum()

        slope = engine.value_and_grad(total)(kernel.value)[1]
        y = np.tanh(x @ kernel.numpy())
    expected = np.einsum("bti,bto->io", x, (1 - y**2) * weights)
    np.testing.assert_allclose(slope, expected, rtol=1e-6)


def test_the_policy_of_the_layer_inside_is_its_own():
    layer = TimeDistributed(Dense(2, dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    assert layer(some(2, 3, 4)).dtype == "bfloat16"
    assert layer.layer.kernel.dtype == "float32"
    assert layer.dtype_policy.name == policy.get("mixed_bfloat16").name


# ---------------------------------------------------------------- masks


class Seen(Layer):
    """Notes the mask that it is given."""

    supports_masking = True

    def call(self, x, mask=None):
        self.mask = None if mask is None else np.asarray(mask)
        return x + 1


def test_a_mask_of_steps_passes_and_reaches_users_layers():
    array, mask = with_mask(some(2, 3, 4))
    layer = TimeDistributed(Seen())
    y = layer(array)
    np.testing.assert_array_equal(state.mask_of(y), mask)
    np.testing.assert_array_equal(layer.layer.mask, np.ravel(mask))


@pytest.mark.parametrize(
    "make", [lambda: Conv2D(2, 1), layers.Softmax, lambda: Sequential([Flatten()])]
)
def test_layers_that_know_no_mask_of_rows_are_not_given_one(make):
    """And nobody is warned, for the mask goes on behind."""
    mask = engine.array(np.array([[1, 1, 0], [1, 0, 0]], bool))
    x = some(2, 3, 4, 4, 1)
    inner = make()
    y = TimeDistributed(inner)(x, mask=mask)
    np.testing.assert_array_equal(state.mask_of(y), mask)
    np.testing.assert_allclose(y, step_by_step(inner, x), rtol=1e-5, atol=1e-6)


def test_a_finer_mask_is_the_inner_layers():
    """(batch, time, words): an average over the words that are there, and time is what is left."""
    x, mask = with_mask(some(2, 3, 4, 5))
    y = TimeDistributed(GlobalAveragePooling1D())(x)
    w = np.asarray(mask)[..., None]
    np.testing.assert_allclose(y, (np.asarray(x) * w).sum(2) / w.sum(2), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(state.mask_of(y), np.asarray(mask).any(2))


IDS = np.array([[[1, 2, 0], [3, 0, 0]], [[2, 1, 3], [0, 0, 0]]], "int32")


@pytest.mark.parametrize("inside", ["layer", "model"])
def test_masks_that_begin_inside(inside):
    """Words masked by an embedding inside, eagerly and in a compiled graph."""
    table = Embedding(4, 3, mask_zero=True)
    words = TimeDistributed(table if inside == "layer" else Sequential([table]))
    y = words(IDS)
    np.testing.assert_array_equal(state.mask_of(y), IDS > 0)
    start = Input((None, 3), dtype="int32")
    means = TimeDistributed(GlobalAveragePooling1D())(words(start))
    whole = GlobalAveragePooling1D()(means)
    found, total = graph.Function([start], [means, whole])([IDS])
    rows = table.embeddings.numpy()
    np.testing.assert_allclose(found[0, 0], (rows[1] + rows[2]) / 2, rtol=1e-5)
    np.testing.assert_allclose(found[0, 1], rows[3], rtol=1e-5)
    np.testing.assert_allclose(total[1], found[1, 0], rtol=1e-5, atol=1e-7)


def test_a_mask_of_other_steps_is_refused():
    with pytest.raises(UsageError, match=r"shape \(2, 4\) does not fit.*\(2, 3\).*E-MASK"):
        TimeDistributed(Dense(2))(some(2, 3, 4), mask=np.ones((2, 4), bool))


# ---------------------------------------------------------------- training and saving


def test_a_video_model_trains_and_comes_back(tmp_path):
    cornu.utils.set_random_seed(3)
    frame = Sequential([Conv2D(2, 3, activation="relu"), BatchNormalization(), Flatten()])
    stack = [TimeDistributed(frame), GlobalAveragePooling1D(), Dense(1)]
    model = Sequential([Input((None, 5, 5, 1)), *stack])
    model.compile("adam", "mse")
    x = some(8, 3, 5, 5, 1)
    history = model.fit(x, x.mean((1, 2, 3)), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "video.keras")
    twin = saving.load_model(tmp_path / "video.keras")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
    clone = models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]


# ---------------------------------------------------------------- spectral normalization


def largest(kernel):
    return np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]


def test_one_step_of_power_iteration():
    """By the paper: v = W u / |W u|, u = W' v / |W' v|, W / (v' W u)."""
    x, layer = some(3, 4), SpectralNormalization(Dense(5))
    layer.build(x.shape)
    randomize(layer.weights)
    names = [v.name for v in layer.weights]
    assert names == ["kernel", "vector_u", "bias"]
    assert [v.trainable for v in layer.weights] == [True, False, True]
    kernel, u, bias = (w.astype("float64") for w in layer.get_weights())
    np.testing.assert_allclose(layer(x), x @ kernel + bias, rtol=1e-4, atol=1e-5)
    assert np.array_equal(layer.get_weights()[0], kernel.astype("float32")), "inference moved it"
    v = kernel @ u[0] / np.linalg.norm(kernel @ u[0])
    new = kernel.T @ v / np.linalg.norm(kernel.T @ v)
    normed = kernel / (v @ kernel @ new)
    np.testing.assert_allclose(layer(x, training=True), x @ normed + bias, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.kernel.numpy(), normed, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.vector_u.numpy(), new[None], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "shape"),
    [(lambda: Conv2D(3, 2), (1, 4, 4, 2)), (lambda: Embedding(6, 3), (2, 3))],
    ids=["Conv2D", "Embedding"],
)
def test_the_norm_becomes_one(make, shape):
    layer = SpectralNormalization(make(), power_iterations=30)
    x = np.ones(shape, "int32" if len(shape) == 2 else "float32")
    layer(x, training=True)
    assert largest(layer.kernel.numpy()) == pytest.approx(1, rel=1e-3)
    assert str(layer(x).dtype) == "float32"


def test_the_kernel_stays_normal_in_fit():
    """What training assigns to a weight is kept by `fit`, and not lost with the step."""
    inner = Dense(4, kernel_initializer="ones")
    model = Sequential([Input((3,)), SpectralNormalization(inner), Dense(1)])
    model.compile(cornu.optimizers.SGD(1e-3), "mse")
    model.fit(some(16, 3), some(16, 1), batch_size=4, epochs=2, verbose=0)
    assert largest(inner.kernel.numpy()) == pytest.approx(1, abs=0.05)  # 12 ** 0.5 at the start


def test_a_kernel_of_zeros_stays():
    layer = SpectralNormalization(Dense(4, kernel_initializer="zeros"))
    assert np.all(np.asarray(layer(some(2, 3), training=True)) == 0)
    assert np.all(np.isfinite(layer.vector_u.numpy()))


def test_what_cannot_be_normalized():
    with pytest.raises(UsageError, match='Flatten "flat" has no kernel.*E-KERNEL'):
        SpectralNormalization(Flatten(name="flat"))(some(2, 3))
    with pytest.raises(UsageError, match="power_iterations must be >= 1; got 0.*E-RANGE"):
        SpectralNormalization(Dense(2), power_iterations=0)


def test_the_config_of_spectral_normalization():
    layer = SpectralNormalization(Dense(4), power_iterations=3)
    form = json.loads(json.dumps(config.serialize(layer)))
    again = config.deserialize(form)
    assert (again.power_iterations, again.layer.units) == (3, 4)
    assert form["config"]["layer"]["class_name"] == "Dense"
