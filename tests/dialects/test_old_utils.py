"""The small functions of older generations that `keras.utils` and its like had."""

import numpy as np
import pytest

from cornu import layers, models, ops
from cornu import metrics as todays_metrics
from cornu.dialects import (
    generations,
    generic_utils,
    initializations,
    interfaces,
    layer_utils,
    metrics,
    np_utils,
    optimizer_math,
    spellings,
    test_utils,
    theano_utils,
    training_utils,
    vis_utils,
)
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Sequential

# ---------------------------------------------------------------- np_utils and conv_utils

P = np.array([[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])


def test_classes_of_probabilities():
    assert np_utils.probas_to_classes(P).tolist() == [1, 0]
    assert np_utils.categorical_probas_to_classes(P).tolist() == [1, 0]
    assert np_utils.probas_to_classes(np.array([[0.4], [0.6], [0.5]])).tolist() == [0, 1, 0]
    assert np_utils.probas_to_classes(np.array([0.4, 0.6])).tolist() == [0, 1]


def test_scores():
    assert np_utils.accuracy(np.array([1, 2, 3, 4]), np.array([1, 0, 3, 0])) == 0.5
    expected = -(np.log(0.9) + np.log(0.8)) / 2
    assert np_utils.binary_logloss([0.9, 0.2], [1, 0]) == pytest.approx(expected)
    assert np_utils.binary_logloss([0.0], [1]) == pytest.approx(-np.log(1e-15))
    expected = -(np.log(0.5) + np.log(0.7)) / 2
    assert np_utils.multiclass_logloss(P, [2, 1]) == pytest.approx(expected)


def test_kernels_are_turned_in_space():
    k = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert np.array_equal(np_utils.convert_kernel(k), k[::-1, ::-1])
    assert np.array_equal(np_utils.convert_kernel(k, "tf"), k[::-1, ::-1])
    assert np.array_equal(np_utils.convert_kernel(k, "th"), k[:, :, ::-1, ::-1])
    with pytest.raises(UsageError, match="3 to 5 axes"):
        np_utils.convert_kernel(np.zeros((2, 2)))


@pytest.mark.parametrize("padding", ["valid", "same", "full", "causal"])
def test_lengths_are_those_of_a_convolution(padding):
    """Counted: the places of a window on an input with the margins of `padding`."""
    for size, window, stride, dilation in [(9, 3, 1, 1), (9, 4, 2, 1), (10, 3, 3, 2), (7, 1, 2, 1)]:
        reach = (window - 1) * dilation + 1
        margin = {"valid": 0, "full": 2 * (reach - 1)}.get(padding, reach - 1)
        places = len(range(0, size + margin - reach + 1, stride))
        found = np_utils.conv_output_length(size, window, padding, stride, dilation)
        assert found == places
    assert np_utils.conv_output_length(None, 3, padding, 1) is None


def test_the_way_back_from_a_length():
    for padding in ("valid", "full"):
        for size, window, stride in [(9, 3, 1), (9, 3, 2), (11, 5, 2)]:
            length = np_utils.conv_output_length(size, window, padding, stride)
            assert np_utils.conv_input_length(length, window, padding, stride) == size
    assert np_utils.conv_input_length(5, 3, "same", 2) == 9
    assert np_utils.conv_input_length(None, 3, "same", 2) is None


@pytest.mark.parametrize(("padding", "output_padding"), [("valid", None), ("same", None)])
def test_the_length_of_a_transposed_convolution(padding, output_padding):
    layer = layers.Conv1DTranspose(1, 3, strides=2, padding=padding)
    length = layer.compute_output_shape((None, 5, 1))[1]
    assert np_utils.deconv_length(5, 2, 3, padding, output_padding) == length
    assert np_utils.deconv_length(None, 2, 3, padding) is None


def test_deconv_length_with_a_padding_of_its_own():
    assert np_utils.deconv_length(5, 2, 3, "valid", 1) == 4 * 2 + 3 + 1
    assert np_utils.deconv_length(5, 2, 3, "same", 0) == 4 * 2 + 3 - 2
    assert np_utils.deconv_length(5, 2, 3, "full", 0) == 4 * 2 + 3 - 4
    assert np_utils.deconv_length(5, 2, 3, "full") == 5 * 2 - (2 + 3 - 2)
    assert np_utils.deconv_length(5, 1, 3, "valid", 0, dilation=2) == 4 + 5


def test_tuples_and_paddings():
    assert np_utils.normalize_tuple(3, 2, "kernel_size") == (3, 3)
    assert np_utils.normalize_tuple([3, 4], 2, "kernel_size") == (3, 4)
    for wrong in ((1, 2, 3), "ab", None, (1.5, 2)):
        with pytest.raises(UsageError, match="kernel_size must be"):
            np_utils.normalize_tuple(wrong, 2, "kernel_size")
    assert np_utils.normalize_padding("SAME") == "same"
    with pytest.raises(UsageError, match='Did you mean "valid"'):
        np_utils.normalize_padding("vald")


# ---------------------------------------------------------------- generic_utils


def test_lists():
    assert generic_utils.to_list([1]) == [1] and generic_utils.to_list((1,)) == [(1,)]
    assert generic_utils.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert generic_utils.unpack_singleton([3]) == 3
    assert generic_utils.unpack_singleton([3, 4]) == [3, 4]
    assert generic_utils.is_all_none([None, None]) and generic_utils.is_all_none(None)
    assert not generic_utils.is_all_none([None, 0])
    one, two = object(), object()
    assert generic_utils.object_list_uid([one, two]) == f"{id(one)}, {id(two)}"
    assert generic_utils.object_list_uid(one) == str(id(one))
    assert generic_utils.make_tuple(1, 2) == (1, 2)


def test_slices():
    x = np.arange(10)
    found = generic_utils.slice_arrays([x, None], 2, 4)
    assert found[0].tolist() == [2, 3] and found[1] is None
    assert generic_utils.slice_arrays(x, 7).tolist() == [7, 8, 9]
    assert generic_utils.slice_arrays([x], np.array([3, 1]))[0].tolist() == [3, 1]
    assert generic_utils.slice_arrays(x, [3, 1]).tolist() == [3, 1]
    assert generic_utils.slice_arrays(None, 1) == [None]


def test_shapes_in_the_other_order():
    shape = (None, 4, 5, 3)
    assert generic_utils.transpose_shape(shape, "channels_first", (1, 2)) == (None, 3, 4, 5)
    assert generic_utils.transpose_shape(shape, "channels_last", (1, 2)) == shape
    assert generic_utils.transpose_shape([1, 4, 3], "channels_first", [1]) == [1, 3, 4]


def test_decorators_of_constructors_give_back_what_they_decorate():
    for name in ("generate_legacy_interface", "generate_legacy_method_interface"):
        assert interfaces.decorators[name](allowed_positional_args=["x"])(len) is len
    assert interfaces.decorators["legacy_add_weight_support"](len) is len


def test_functions_and_names():
    def plain(a, *, b=1):
        return a

    def all_of(**kwargs):
        return kwargs

    assert generic_utils.has_arg(plain, "a") and generic_utils.has_arg(plain, "b")
    assert not generic_utils.has_arg(plain, "c") and not generic_utils.has_arg(all_of, "c")
    assert generic_utils.has_arg(all_of, "c", accept_all=True)
    assert not generic_utils.has_arg(all_of, "kwargs")
    known = {"list": list, "three": 3}
    assert generic_utils.get_from_module("three", known, "thing") == 3
    assert generic_utils.get_from_module("list", known, "thing", instantiate=True) == []
    assert generic_utils.get_from_module(4, known, "thing") == 4
    with pytest.raises(UsageError, match='Did you mean "three"'):
        generic_utils.get_from_module("thre", known, "thing")
    generic_utils.check_for_unexpected_keys("sizes", {"a": 1}, ["a", "b"])
    with pytest.raises(UsageError, match="sizes has unknown keys c"):
        generic_utils.check_for_unexpected_keys("sizes", {"c": 1}, ["a", "b"])


def test_objects_and_configs():
    dense = generic_utils.deserialize_keras_object(
        {"class_name": "Mine", "config": {"units": 3}}, {"Mine": layers.Dense}
    )
    assert isinstance(dense, layers.Dense) and dense.units == 3
    assert generic_utils.deserialize_keras_object("f", {"f": len}) is len
    with generic_utils.CustomObjectScope({"g": len}):
        assert generic_utils.get_from_module("g", {}, "thing") is len
    generic_utils.get_custom_objects().update(swish_of_mine=len)
    try:
        assert generic_utils.get_from_module("swish_of_mine", {}, "thing") is len
    finally:
        del generic_utils.get_custom_objects()["swish_of_mine"]


def test_printing(capsys):
    generic_utils.printv({"a": 1, "b": [2, 3]})
    assert capsys.readouterr().out == "a:1\nb...\n...0:2\n...1:3\n"
    generic_utils.printv(5, "> ")
    generic_utils.display_table([["name", "long text"], ["x", 12]], [6, 10])
    assert capsys.readouterr().out == "> 5\nname  long\nx     12  \n"


# ---------------------------------------------------------------- initializations


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("lecun_uniform", np.sqrt(3 / 200)),
        ("glorot_uniform", np.sqrt(6 / 500)),
        ("he_uniform", np.sqrt(6 / 200)),
        ("uniform", 0.05),
    ],
)
def test_uniform_initializations(name, scale):
    w = initializations.get(name)((200, 300)).numpy()
    assert w.shape == (200, 300) and np.abs(w).max() <= scale
    assert np.abs(w).max() > 0.99 * scale and abs(w.mean()) < scale / 50


@pytest.mark.parametrize(
    ("name", "scale"),
    [("glorot_normal", np.sqrt(2 / 500)), ("he_normal", np.sqrt(2 / 200)), ("normal", 0.05)],
)
def test_normal_initializations(name, scale):
    w = initializations.get(name)((200, 300)).numpy()
    assert w.std() == pytest.approx(scale, rel=0.02) and np.abs(w).max() > 3 * scale


def test_fans():
    assert initializations.get_fans((3, 5)) == (3, 5)
    assert initializations.get_fans((8, 4, 3, 2)) == (4 * 6, 8 * 6)
    assert initializations.get_fans((3, 2, 4, 8), dim_ordering="tf") == (4 * 6, 8 * 6)
    assert initializations.get_fans((4, 9, 1)) == (6, 6)


def test_the_other_initializations():
    q = initializations.orthogonal((4, 6)).numpy()
    np.testing.assert_allclose(q @ q.T, 1.1**2 * np.eye(4), atol=1e-5)
    assert np.array_equal(initializations.identity((3, 3), scale=2).numpy(), 2 * np.eye(3))
    assert initializations.zero((2,)).numpy().tolist() == [0, 0]
    assert initializations.one((2,), name="w").numpy().tolist() == [1, 1]
    with pytest.raises(UsageError, match="square"):
        initializations.identity((2, 3))
    assert initializations.get(len) is len
    small = initializations.get("uniform", scale=1e-3)((5, 5)).numpy()
    assert np.abs(small).max() <= 1e-3
    with pytest.raises(UsageError, match='Did you mean "glorot_uniform"'):
        initializations.get("glorot_unifrm")


# ---------------------------------------------------------------- metrics

TRUE = np.array([1, 1, 1, 0, 0, 0, 0, 0], "float32")
GUESS = np.array([0.9, 0.8, 0.1, 0.7, 0.2, 0.1, 0.0, 0.3], "float32")  # tp 2, fn 1, fp 1, tn 4


def test_metrics_of_one_batch():
    t, p = ops.convert_to_tensor(TRUE), ops.convert_to_tensor(GUESS)
    assert float(metrics.precision(t, p)) == pytest.approx(2 / 3)
    assert float(metrics.recall(t, p)) == pytest.approx(2 / 3)
    assert float(metrics.fmeasure(t, p)) == pytest.approx(2 / 3)
    few = ops.convert_to_tensor(np.where(GUESS == 0.8, 0.0, GUESS).astype("float32"))
    precision, recall = 1 / 2, 1 / 3
    expected = (1 + 4) * precision * recall / (4 * precision + recall)
    assert float(metrics.fbeta_score(t, few, beta=2)) == pytest.approx(expected, rel=1e-5)
    expected = (2 * 4 - 1 * 1) / np.sqrt(3 * 3 * 5 * 5)
    assert float(metrics.matthews_correlation(t, p)) == pytest.approx(expected)
    assert metrics.f1score is metrics.fscore is metrics.fmeasure
    with pytest.raises(UsageError, match="beta must be >= 0"):
        metrics.fbeta_score(t, p, beta=-1)


# ---------------------------------------------------------------- layers and models


@pytest.fixture
def small():
    inputs = layers.Input((4, 4, 2))
    x = layers.Conv2D(3, 3)(inputs)
    return models.Model(inputs, layers.Dense(5)(layers.Flatten()(x)))


def test_counting(small):
    kernel = 3 * 3 * 2 * 3 + 3
    dense = 2 * 2 * 3 * 5 + 5
    assert layer_utils.count_params(small.weights) == kernel + dense
    assert layer_utils.count_params([*small.weights, *small.weights]) == kernel + dense
    assert layer_utils.count_total_params(small.layers) == (kernel + dense, 0)
    small.layers[1].trainable = False
    assert layer_utils.count_total_params(small.layers) == (dense, kernel)
    assert layer_utils.count_total_params(small.layers, set(small.layers[:3])) == (dense, 0)


def test_source_inputs():
    a, b = layers.Input((2,)), layers.Input((2,))
    total = layers.Add()([layers.Dense(2)(a), b])
    again = layers.Add()([total, a])
    assert [id(t) for t in layer_utils.get_source_inputs(again)] == [id(a), id(b)]
    assert layer_utils.get_source_inputs(a) == [a]


def test_configs(small, capsys):
    config = {"class_name": "Dense", "config": {"units": 3, "name": "d"}}
    layer = layer_utils.layer_from_config(config)
    assert isinstance(layer, layers.Dense) and (layer.units, layer.name) == (3, "d")
    whole = {"class_name": "Sequential", "config": {"name": "s", "layers": [config]}}
    assert isinstance(layer_utils.model_from_config(whole), models.Sequential)
    with pytest.raises(UsageTypeError, match="Sequential.from_config"):
        layer_utils.model_from_config([config])
    layer_utils.print_summary(small)
    layer_utils.model_summary(small)
    assert capsys.readouterr().out.count("Total params") == 2


def test_weights_for_the_other_image_order(small):
    conv, dense = small.layers[1], small.layers[3]
    kernel, rows = conv.kernel.numpy(), dense.kernel.numpy()
    layer_utils.convert_all_kernels_in_model(small)
    assert np.array_equal(conv.kernel.numpy(), kernel[::-1, ::-1])
    layer_utils.convert_dense_weights_data_format(dense, (3, 2, 2))
    image = np.random.default_rng(0).normal(size=(2, 2, 3)).astype("float32")
    first = np.transpose(image, (2, 0, 1))
    expected = image.ravel() @ rows
    np.testing.assert_allclose(first.ravel() @ dense.kernel.numpy(), expected, rtol=1e-4)
    layer_utils.convert_dense_weights_data_format(dense, (2, 2, 3), "channels_last")
    assert np.array_equal(dense.kernel.numpy(), rows)
    with pytest.raises(UsageError, match="has 12 rows"):
        layer_utils.convert_dense_weights_data_format(dense, (2, 2, 2))


# ---------------------------------------------------------------- training and tests


def test_batches():
    assert training_utils.make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)]
    found = training_utils.batch_shuffle(np.arange(11), 3)
    assert found[9:].tolist() == [9, 10]
    groups = sorted(found[:9].reshape(3, 3).tolist())
    assert groups == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    model = models.Sequential([layers.Dense(1)])
    with pytest.warns(UserWarning, match="on one device"):
        assert training_utils.multi_gpu_model(model, gpus=2) is model


def test_data_for_tests():
    (x, y), (x_test, y_test) = test_utils.get_test_data(nb_train=300, nb_test=20, nb_class=3)
    assert x.shape == (300, 10) and x_test.shape == (20, 10)
    assert set(y.tolist()) == {0, 1, 2} and y_test.shape == (20,)
    means = [x[y == label].mean() for label in range(3)]
    np.testing.assert_allclose(means, [0, 1, 2], atol=0.15)
    (x, y), _ = test_utils.get_test_data(
        num_train=50, num_test=5, input_shape=(3, 2), output_shape=(4,), classification=False
    )
    assert x.shape == (50, 3, 2) and y.shape == (50, 4)
    assert test_utils.keras_test(lambda: 3)() == 3


# ---------------------------------------------------------------- what scripts called otherwise


@pytest.mark.parametrize(
    ("generation", "dtype"), [("1.2", "float64"), ("2.0", "float64"), ("2.3", "float32")]
)
def test_one_hot_rows_by_all_their_names(generation, dtype):
    expected = np.eye(3)[[1, 2, 0]]
    with generations.within(generation):
        for found in (
            np_utils.to_categorical([1, 2, 0]),
            np_utils.to_categorical(y=[1, 2, 0], nb_classes=3),
            np_utils.to_categorical([[1], [2], [0]], 3),
            np_utils.to_categorical(x=[1, 2, 0], num_classes=3),
        ):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == dtype
        assert np_utils.to_categorical([1], 2, "int8").dtype == "int8"


def test_a_progress_bar_as_loops_of_old_scripts_told_it(capsys):
    with spellings.registered():
        bar = generic_utils.Progbar(3, width=10, verbose=1, interval=0.0)
        bar.update(1, values=[("loss", 1.0)])
        bar.add(1, values=[("loss", 3.0)])
        assert bar.seen_so_far == 2
        bar.update(3, [("loss", 5.0)], force=True)
    said = capsys.readouterr().out
    assert "3/3" in said and "loss: 3.0000" in said


@pytest.mark.parametrize(
    ("length", "window", "ignore", "stride", "expected"),
    [(None, 2, True, 2, None), (7, 2, True, 2, 3), (7, 2, False, 2, 4), (6, 3, True, 1, 4)],
)
def test_windows_of_keras_0_2(length, window, ignore, stride, expected):
    assert np_utils.pool_output_length(length, window, ignore, stride) == expected


def test_shared_variables_of_keras_0_1():
    assert theano_utils.shared_zeros((2, 3)).shape == (2, 3)
    np.testing.assert_array_equal(theano_utils.shared_ones((2,)).numpy(), [1.0, 1.0])
    assert theano_utils.shared_scalar(2.5).numpy() == 2.5
    shared = theano_utils.sharedX([[1, 2]], name="w")
    assert (str(shared.dtype), shared.shape) == ("float32", (1, 2))
    assert theano_utils.floatX([1]).dtype == "float32"
    assert theano_utils.alloc_zeros_matrix(2, 3).shape == (2, 3)
    assert theano_utils.ndim_tensor(3).shape == (None, None, None)
    assert theano_utils.on_gpu() is False


def test_two_formulas_of_optimizers():
    g = np.array([3.0, 4.0], "float32")
    np.testing.assert_allclose(optimizer_math.clip_norm(g, 1.0, 5.0), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(optimizer_math.clip_norm(g, 9.0, 5.0), g)
    np.testing.assert_array_equal(optimizer_math.clip_norm(g, 0, 5.0), g)
    p, q = np.array([0.2, 0.7], "float32"), np.array([0.5, 0.5], "float32")
    expected = q - p + p * np.log(p / q)
    np.testing.assert_allclose(optimizer_math.kl_divergence(p, q), expected, rtol=1e-5)


def test_models_and_wrapped_models():
    model = Sequential([layers.Dense(1)])
    wrapped = layers.TimeDistributed(model)
    assert vis_utils.is_model(model) and not vis_utils.is_model(wrapped)
    assert vis_utils.is_wrapped_model(wrapped)
    assert not vis_utils.is_wrapped_model(layers.TimeDistributed(layers.Dense(1)))


def test_classes_of_models_and_names_of_functions():
    assert layer_utils.get_model_class("Sequential") is Sequential
    with pytest.raises(UsageError, match="Sequential"):
        layer_utils.get_model_class("Sequental")
    assert generic_utils.get_function_name(len) == "len"
    assert generic_utils.get_function_name("mse") == "mse"


def test_metrics_made_anew():
    known = todays_metrics.AUC(curve="PR", name="area")
    known.update_state([1, 0], [0.5, 0.5])
    again = metrics.clone_metric(known)
    assert again is not known and again.get_config() == known.get_config()
    assert float(again.result()) == 0.0
    assert metrics.clone_metric("mse") == "mse"
    assert [m.name for m in metrics.clone_metrics([known, known])] == ["area", "area"]
    assert metrics.clone_metrics({"a": known})["a"].name == "area"


def test_sequences_again_and_again():
    class Two:
        def __getitem__(self, index):
            return index

        def __len__(self):
            return 2

        def on_epoch_end(self): ...

    forever = training_utils.iter_sequence_infinite(Two())
    assert [next(forever) for _ in range(5)] == [0, 1, 0, 1, 0]
    assert training_utils.is_sequence(Two()) and not training_utils.is_sequence([1])
    assert training_utils.is_generator_or_sequence(iter([1]))
    assert training_utils.is_generator_or_sequence(Two())
    assert not training_utils.is_generator_or_sequence(np.ones(2))


# ---------------------------------------------------------------- a layer by itself


def test_a_layer_is_tried():
    x = np.ones((2, 3), "float32")
    with spellings.registered():
        found = test_utils.layer_test(
            layers.Dense,
            kwargs={"units": 2, "kernel_initializer": "ones"},
            input_data=x,
            expected_output=np.full((2, 2), 3.0),
            supports_masking=True,
        )
        assert found.shape == (2, 2)
        drawn = test_utils.layer_test(layers.Flatten, input_shape=(None, 3, 2))
        assert drawn.shape[1:] == (6,)


class Wrong(layers.Layer):
    """Says another shape than it gives, and the constructor forgets its argument."""

    def __init__(self, size=1, **options):
        super().__init__(**options)
        self.size = size

    def call(self, x):
        return x * self.size

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] + self.size - 1)

    def get_config(self):
        return {"name": self.name}


def test_what_is_wrong_with_a_layer_is_found():
    x = np.ones((2, 3), "float32")
    with pytest.raises(AssertionError):
        test_utils.layer_test(Wrong, {"size": 2}, input_data=x)
    with pytest.raises(AssertionError):
        test_utils.layer_test(layers.Dense, {"units": 2}, input_data=x, expected_output=x[:, :2])
    with pytest.raises(AssertionError, match="input_shape or input_data"):
        test_utils.layer_test(layers.Flatten)
