"""`K`: variables, shapes, draws, loops and labels, and what is asked of them, by name."""

import numpy as np
import pytest

from cornu import backend as K
from cornu import layers, models, settings
from cornu.errors import UsageError
from cornu.state import set_random_seed


def batch(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


# ---------------------------------------------------------------- settings


def test_backend(monkeypatch):
    assert K.backend() == K._BACKEND == "tensorflow"
    monkeypatch.setattr(settings.current(), "backend", "theano")
    assert K.backend() == K._BACKEND == "theano"


def test_settings():
    K.set_floatx("float64")
    assert K.floatx() == K._FLOATX == "float64"
    assert K.cast_to_floatx([1, 2]).dtype == "float64"
    assert K.dtype(K.variable(1.0)) == "float64"
    K.set_floatx("float32")
    assert K.cast_to_floatx(np.zeros(2)).dtype == "float32"
    K.set_epsilon(1e-3)
    assert K.epsilon() == K._EPSILON == 1e-3
    assert K.eval(K.binary_crossentropy(K.constant(1.0), K.constant(0.0))) == pytest.approx(
        -np.log(1e-3), rel=1e-5
    )


floatx = set_floatx = epsilon = set_epsilon = cast_to_floatx = test_settings


def test_image_data_format():
    assert K.image_data_format() == "channels_last"
    assert K.image_dim_ordering() == K._IMAGE_DIM_ORDERING == "tf"
    K.set_image_dim_ordering("th")
    assert K.image_data_format() == K._IMAGE_DATA_FORMAT == "channels_first"
    assert K.normalize_data_format(None) == "channels_first"
    K.set_image_data_format("channels_last")
    assert K.image_dim_ordering() == "tf"
    assert K.normalize_data_format("Channels_First") == "channels_first"
    with pytest.raises(UsageError, match="channels_last"):
        K.set_image_data_format("first")


image_dim_ordering = set_image_dim_ordering = set_image_data_format = test_image_data_format
normalize_data_format = test_image_data_format


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tf", "cornu.ops"),
        ("theano", "cornu.ops"),
        ("T", "cornu.ops"),
        ("image_ordering", "image_dim_ordering"),
        ("quux", "cornu.ops"),
    ],
)
def test_what_is_not_there(name: str, hint: str):
    with pytest.raises(AttributeError, match=f"'{name}'.*{hint}"):
        getattr(K, name)
    assert not hasattr(K, name)


# ---------------------------------------------------------------- variables


def test_variable():
    v = K.variable(np.array([[1, 2], [3, 4]]), name="v", constraint=abs)
    assert (v.name, v.shape, v.dtype, v.constraint) == ("v", (2, 2), "float32", abs)
    assert v.trainable
    assert K.variable([1, 2], "int32").dtype == "int32"
    np.testing.assert_array_equal(K.eval(K.variable(v) + 1), [[2, 3], [4, 5]])
    np.testing.assert_array_equal(K.eval(2 * v[0] - v[1] / 2), [0.5, 2])


def test_placeholder():
    x = K.placeholder(shape=(None, 3), name="x")
    assert (x.shape, x.dtype, x.name) == ((None, 3), "float32", "x")
    assert K.placeholder(ndim=3).shape == (None, None, None)
    assert K.placeholder((), dtype="int32").dtype == "int32"
    model = models.Model(x, layers.Dense(2)(x))
    assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)


def test_placeholder_in_place_subtraction():
    x = K.placeholder((2, 2))
    y = x
    y -= K.mean(y)
    y /= 2
    np.testing.assert_array_equal(
        K.function([x], [y, x])([[[1, 2], [3, 4]]])[0], [[-0.75, -0.25], [0.25, 0.75]]
    )


def test_zeros():
    np.testing.assert_array_equal(K.eval(K.zeros((2, 3))), np.zeros((2, 3)))
    assert K.zeros((2,), "int32", "z").dtype == "int32"
    assert K.is_variable(K.zeros(3))
    x = K.placeholder((None, 3))
    z = K.zeros((K.shape(x)[0], 2))
    assert K.int_shape(z) == (None, 2)
    assert K.function([x], [z])([np.ones((4, 3))])[0].shape == (4, 2)


def test_ones():
    np.testing.assert_array_equal(K.get_value(K.ones((2, 3))), np.ones((2, 3)))
    x = K.placeholder((None, 3))
    (found,) = K.function([x], [K.ones(K.shape(x)) + x])([np.ones((4, 3))])
    np.testing.assert_array_equal(found, 2 * np.ones((4, 3)))


def test_eye():
    np.testing.assert_array_equal(K.eval(K.eye(3)), np.eye(3))
    np.testing.assert_array_equal(K.eval(K.eye((2, 3), "int32")), np.eye(2, 3))


def test_constant():
    c = K.constant([[1, 2], [3, 4]])
    assert K.dtype(c) == "float32"
    np.testing.assert_array_equal(c, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(K.constant(7, "int32", (2, 2)), np.full((2, 2), 7))
    np.testing.assert_array_equal(K.constant([1, 2, 3, 4], shape=(2, 2)), [[1, 2], [3, 4]])


def test_arange():
    np.testing.assert_array_equal(K.arange(4), [0, 1, 2, 3])
    np.testing.assert_array_equal(K.arange(1, 6, 2, "float32"), [1, 3, 5])
    assert K.dtype(K.arange(4)) == "int32"
    assert len(K.arange(-3)) == 0
    x = K.placeholder((None, 3))
    found = K.function([x], [K.arange(K.shape(x)[0]), K.arange(0, K.shape(x)[1])])(
        [np.ones((4, 3))]
    )
    np.testing.assert_array_equal(found[0], [0, 1, 2, 3])
    np.testing.assert_array_equal(found[1], [0, 1, 2])


# ---------------------------------------------------------------- questions


def test_int_shape():
    for fn in (K.int_shape, K.get_variable_shape):
        assert fn(K.placeholder((None, 3))) == (None, 3)
        assert fn(K.zeros((2, 3))) == fn(np.zeros((2, 3))) == (2, 3)
    assert type(K.int_shape(layers.Input((3,)))) is tuple


get_variable_shape = test_int_shape


def test_ndim():
    assert K.ndim(K.placeholder((None, 3))) == 2
    assert K.ndim(np.zeros((1, 2, 3))) == 3


def test_dtype():
    assert K.dtype(K.placeholder((2,), dtype="int32")) == "int32"
    assert K.dtype(K.zeros(2)) == K.dtype(K.constant(1.0)) == "float32"


def test_count_params():
    assert K.count_params(K.zeros((2, 3))) == 6


def test_is_keras_tensor():
    x = layers.Input((3,))
    assert K.is_keras_tensor(x)
    assert K.is_keras_tensor(layers.Dense(2)(x))
    assert not K.is_keras_tensor(K.placeholder((3,)))
    assert not K.is_keras_tensor(K.variable(1.0))
    with pytest.raises(ValueError, match="Tensor"):
        K.is_keras_tensor(np.ones(2))


def test_is_tensor():
    x, v = K.placeholder((3,)), K.variable(1.0)
    kinds = (x, x * 2, v, K.constant(1.0), np.ones(2))
    assert [K.is_tensor(k) for k in kinds] == [True, True, True, True, False]
    assert [K.is_symbolic(k) for k in kinds] == [True, True, False, False, False]
    assert [K.is_placeholder(k) for k in kinds] == [True, False, False, False, False]
    assert [K.is_variable(k) for k in kinds] == [False, False, True, False, False]
    assert K.is_placeholder(layers.Input((3,)))


is_symbolic = is_placeholder = is_variable = test_is_tensor


def test_is_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_matrix(np.eye(3, dtype="float32"))
    x = K.placeholder((None, 3), sparse=True)
    assert [K.is_sparse(s) for s in (matrix, x, layers.Input((3,), sparse=True))] == [True] * 3
    assert [K.is_sparse(s) for s in (np.eye(3), K.placeholder((3,)), K.zeros(3))] == [False] * 3
    (found,) = K.function([x], [K.dot(K.to_dense(x), K.constant(2 * np.eye(3)))])([matrix])
    np.testing.assert_array_equal(found, 2 * np.eye(3))
    np.testing.assert_array_equal(K.to_dense(matrix), np.eye(3))
    np.testing.assert_array_equal(K.eval(K.variable(matrix)), np.eye(3))
    np.testing.assert_array_equal(K.dot(matrix, K.constant(np.eye(3))), np.eye(3))


def test_large_sparse_matrices_are_announced(monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    monkeypatch.setattr("cornu.dialects.backend_function.LARGE", 9)
    x = K.placeholder((None, 3), sparse=True)
    with pytest.warns(UserWarning, match="made dense"):
        K.function([x], [x])([sparse.csr_matrix(np.eye(3))])


def test_normalize_axis():
    assert (K.normalize_axis(-1, 3), K.normalize_axis(1, 3)) == (2, 1)


# ---------------------------------------------------------------- computed sizes


def test_sizes_of_tensors_make_shapes():
    x = K.placeholder((None, 2, 3))
    flat = K.reshape(x, (K.shape(x)[0], K.prod(K.shape(x)[1:])))
    assert flat.shape == (None, 6)
    doubled = K.reshape(x, K.concatenate([K.shape(x)[:1] * 2, [3]]))
    assert doubled.shape == (None, 3)
    stacked = K.reshape(x, K.stack([K.shape(x)[0] * 3, 2]))
    repeated = K.repeat_elements(x, K.shape(x)[1], axis=0)
    count = K.cast(K.shape(x)[0], "float32") * K.sum(x)
    a = batch(4, 2, 3)
    f = K.function([x], [flat, doubled, stacked, repeated, count, K.size(x)])
    found = f([a])
    for one, other in zip(
        found, [a.reshape(4, 6), a.reshape(8, 3), a.reshape(12, 2)], strict=False
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found[3], a.repeat(2, 0))
    assert found[4] == pytest.approx(4 * a.sum(), rel=1e-4)
    assert found[5] == 24


def test_sizes_within_a_layer():
    """In a Lambda sizes are numbers, and what `K` makes of them is one too."""

    def flat(x):
        return K.reshape(x, (K.shape(x)[0], K.prod(K.shape(x)[1:])))

    model = models.Sequential([layers.Input((2, 3)), layers.Lambda(flat), layers.Dense(1)])
    assert model.output_shape == (None, 1)
    model.compile("sgd", "mse")
    model.fit(batch(8, 2, 3), batch(8, 1), verbose=0)


# ---------------------------------------------------------------- draws

MOMENTS = {
    "random_normal": (dict(mean=1.0, stddev=2.0), 1, 2),
    "random_uniform": (dict(minval=-1.0, maxval=3.0), 1, 4 / np.sqrt(12)),
    "random_binomial": (dict(p=0.3), 0.3, np.sqrt(0.21)),
    "truncated_normal": (dict(mean=1.0, stddev=2.0), 1, 2 * 0.8796),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name: str):
    options, mean, deviation = MOMENTS[name]
    x = getattr(K, name)((200, 100), **options)
    assert K.int_shape(x) == (200, 100)
    once, again = K.eval(x), K.eval(x)
    assert once.mean() == pytest.approx(mean, abs=5 * deviation / np.sqrt(20_000))
    assert once.std() == pytest.approx(deviation, rel=0.03)
    assert not np.array_equal(once, again)


random_normal = random_uniform = random_binomial = truncated_normal = test_moments


@pytest.mark.parametrize("name", MOMENTS)
def test_seeds(name: str):
    """One seed, one sequence: for each Tensor of its own, and another than another seed's."""
    draw, options = getattr(K, name), MOMENTS[name][0]
    first, second, other = (draw((3, 4), seed=s, **options) for s in (5, 5, 6))
    sequence = [K.eval(first) for _ in range(2)]
    np.testing.assert_array_equal(sequence, [K.eval(second) for _ in range(2)])
    assert not np.array_equal(*sequence)
    assert not np.array_equal(sequence[0], K.eval(other))


def test_seed_of_the_process():
    found = []
    for _ in range(2):
        set_random_seed(3)
        found.append(K.eval(K.random_normal((4,))))
    np.testing.assert_array_equal(*found)


def test_whole_numbers():
    x = K.eval(K.random_uniform((1000,), 2, 5, dtype="int32"))
    assert set(x.tolist()) == {2, 3, 4}
    assert x.dtype == "int32"


def test_random_normal_variable():
    v = K.random_normal_variable((100, 100), 1.0, 2.0, name="v", seed=3)
    assert (v.name, v.dtype) == ("v", "float32")
    assert K.eval(v).mean() == pytest.approx(1, abs=0.1)
    assert K.eval(v).std() == pytest.approx(2, rel=0.03)
    np.testing.assert_array_equal(
        K.eval(v), K.eval(K.random_normal_variable((100, 100), 1, 2, seed=3))
    )
    u = K.random_uniform_variable((100, 100), -1.0, 3.0)
    assert K.eval(u).min() >= -1
    assert K.eval(u).max() < 3
    assert K.eval(u).mean() == pytest.approx(1, abs=0.06)


random_uniform_variable = test_random_normal_variable


def test_dropout():
    x = K.placeholder((100, 100))
    f = K.function([x], [K.dropout(x, 0.25)])
    once, again = (f([np.ones((100, 100))])[0] for _ in range(2))
    assert set(np.unique(once).tolist()) == {0, np.float32(1 / 0.75)}
    assert (once == 0).mean() == pytest.approx(0.25, abs=0.03)
    assert not np.array_equal(once, again)
    rows = K.function([x], [K.dropout(x, 0.5, noise_shape=(K.shape(x)[0], 1), seed=3)])
    (found,) = rows([np.ones((100, 100))])
    assert (found == found[:, :1]).all()
    assert 0.2 < (found == 0).mean() < 0.8


# ---------------------------------------------------------------- loops


def test_foldl():
    x = K.variable([1.0, 2.0, 3.0])
    assert K.eval(K.foldl(lambda a, e: a * 2 + e, x)) == 11
    assert K.eval(K.foldl(lambda a, e: a * 2 + e, x, initializer=K.constant(1.0))) == 19


def test_foldr():
    x = K.placeholder((3,))
    y = K.foldr(lambda a, e: a * 2 + e, x)
    assert K.function([x], [y, K.gradients(y, x)[0]])([[1, 2, 3]])[0] == 17
    np.testing.assert_array_equal(K.function([x], K.gradients(y, x))([[1, 2, 3]])[0], [1, 2, 4])


def test_map_fn():
    x, v = K.placeholder((None, 2)), K.variable(3.0)
    y = K.map_fn(lambda row: K.sum(row) * v, x)
    assert y.shape == (None,)
    f = K.function([x], [y, K.gradients(K.sum(y), v)[0]])
    found, slope = f([[[1, 2], [3, 4]]])
    np.testing.assert_array_equal(found, [9, 21])
    assert slope == 10
    K.set_value(v, 1.0)
    np.testing.assert_array_equal(f([[[1, 2], [3, 4]]])[0], [3, 7])
    both = K.map_fn(lambda pair: pair[0] - pair[1], (K.arange(3), K.arange(3)), dtype="float32")
    assert K.dtype(both) == "float32"
    np.testing.assert_array_equal(both, [0, 0, 0])


def test_rnn_reads_variables():
    """Weights that the step reads are followed, and gradients go to them."""
    x, w = K.placeholder((None, 4, 3)), K.variable(np.eye(3) * 0.5)

    def step(now, states):
        h = now + K.dot(states[0], w)
        return h, [h]

    last, outputs, states = K.rnn(step, x, [K.zeros_like(x[:, 0])])
    assert (last.shape, outputs.shape) == ((None, 3), (None, 4, 3))
    f = K.function([x], [last, outputs, states[0], K.gradients(K.sum(last), w)[0]])
    a = np.ones((2, 4, 3))
    final, every, state, slope = f([a])
    np.testing.assert_allclose(every[0, :, 0], [1, 1.5, 1.75, 1.875])
    np.testing.assert_array_equal(final, every[:, -1])
    np.testing.assert_array_equal(state, final)
    # d/dw of 1 + w + w^2 + w^3 at 0.5, and of the terms beside the diagonal, for 2 samples
    np.testing.assert_allclose(np.diag(slope), [2 * (1 + 1 + 0.75)] * 3)
    K.set_value(w, np.zeros((3, 3)))
    np.testing.assert_array_equal(f([a])[0], np.ones((2, 3)))


def test_rnn_without_states():
    x = K.placeholder((None, 4, 3))
    last, outputs, states = K.rnn(lambda now, _: (now * 2, []), x, [])
    assert states == []
    a = batch(2, 4, 3)
    np.testing.assert_array_equal(K.function([x], [outputs])([a])[0], 2 * a)


def test_switch():
    v = K.variable(1.0)
    y = K.switch(K.greater(v, 0), lambda: v * 2, lambda: v * 3)
    assert K.eval(y) == 2
    K.set_value(v, -1.0)
    assert K.eval(y) == -3
    assert K.switch(True, 1, 2) == 1
    assert K.switch(np.bool_(False), 1, lambda: 2) == 2


# ---------------------------------------------------------------- labels


def test_ctc_decode():
    """The classes of "ab" with a blank, and a repetition that is merged."""
    p = np.array([[[0.8, 0.1, 0.1], [0.7, 0.1, 0.2], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1]]])
    (labels,), scores = K.ctc_decode(p, np.array([4]))
    np.testing.assert_array_equal(labels, [[0, 1]])
    np.testing.assert_allclose(scores, [[-np.log(0.8 * 0.7 * 0.8 * 0.8)]], rtol=1e-5)
    found, logs = K.ctc_decode(p, [4], greedy=False, beam_width=50, top_paths=2)
    np.testing.assert_array_equal(found[0], [[0, 1]])
    assert len(found) == 2
    assert logs.shape == (1, 2)
    x = K.placeholder((None, 4, 3))
    (symbol,), _ = K.ctc_decode(x, K.ones_like(x[:, 0, 0]) * 4)
    assert symbol.shape == (None, 4)
    np.testing.assert_array_equal(K.function([x], [symbol])([p])[0], [[0, 1, -1, -1]])


def test_ctc_decode_merges_what_is_found():
    p = np.array([[[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]])
    plain, merged = (
        K.ctc_decode(p, [3], greedy=False, merge_repeated=m)[0][0] for m in (False, True)
    )
    np.testing.assert_array_equal(plain, [[0, 0]])
    np.testing.assert_array_equal(np.asarray(merged)[0, 0], 0)
    assert np.asarray(merged).shape == (1, 1)


def test_resize_images_bilinear():
    x = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    found = np.asarray(K.resize_images(x, 2, 2, "channels_last", interpolation="bilinear"))
    np.testing.assert_allclose(found[0, 0, :, 0], [0, 0.25, 0.75, 1], atol=1e-6)
    np.testing.assert_allclose(found[0, :, 0, 0], [0, 0.5, 1.5, 2], atol=1e-6)


def test_concatenate():
    x, y = K.placeholder((None, 2)), K.placeholder((None, 3))
    z = K.concatenate([x, y])
    assert z.shape == (None, 5)
    a, b = batch(4, 2), batch(4, 3)
    np.testing.assert_array_equal(K.function([x, y], [z])([a, b])[0], np.concatenate([a, b], 1))
    np.testing.assert_array_equal(K.concatenate([a, a], axis=0), np.concatenate([a, a]))


def test_stack():
    x, y = K.placeholder((2,)), K.placeholder((2,))
    f = K.function([x, y], [K.stack([x, y]), K.stack([x, y], axis=-1), K.pack([x, y])])
    rows, columns, packed = f([[1, 2], [3, 4]])
    np.testing.assert_array_equal(rows, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(columns, [[1, 3], [2, 4]])
    np.testing.assert_array_equal(packed, rows)


pack = test_stack
