"""Every loss keeps its contract: values, gradients, extremes and dtypes."""

import inspect

import numpy as np
import pytest

from contracts.losses_table import (
    CASES,
    ROWS,
    data,
    ident,
    numpy,
    ref_categorical,
    ref_circle,
    ref_sparse,
)
from cornu import engine, losses, settings
from cornu.errors import UsageError
from cornu.ops import crossentropy


@pytest.fixture
def float64():
    before = settings.floatx()
    settings.set_floatx("float64")
    yield
    settings.set_floatx(before)


@pytest.fixture(params=CASES, ids=ident)
def case(request):
    name, options = request.param
    labels, outputs = data(ROWS[name].data, options.get("from_logits", False))
    return name, options, labels, outputs


def test_every_public_loss_has_a_row():
    public = [getattr(losses, name) for name in losses.__all__]
    classes = {c.__name__ for c in public if inspect.isclass(c)} - {"Loss", "LossFunction"}
    assert classes == {row.cls for row in ROWS.values()}
    others = {"check_labels", "deserialize", "for_names", "get", "reduce_weighted", "serialize"}
    functions = {f.__name__ for f in public if inspect.isfunction(f)}
    assert functions - others - {"squeeze_or_expand"} == set(ROWS)
    assert losses.__all__ == sorted(losses.__all__)
    assert crossentropy.__all__ == sorted(crossentropy.__all__)


# ---------------------------------------------------------------- values and gradients


def test_values_follow_the_formula(case):
    name, options, labels, outputs = case
    found = getattr(losses, name)(labels, outputs, **options)
    expected = ROWS[name].reference(labels, outputs, **options)
    assert found.dtype == "float32"
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(numpy(found), expected, rtol=3e-5, atol=2e-6)


def test_gradients_follow_differences_of_the_formula(case, float64):
    name, options, labels, outputs = case
    reference, loss = ROWS[name].reference, getattr(losses, name)
    shape = np.shape(reference(labels, outputs, **options))
    weight = np.linspace(0.5, 1.5, max(int(np.prod(shape)), 1)).reshape(shape)
    total = engine.value_and_grad(lambda p: (loss(labels, p, **options) * weight).sum())
    _, found = total(engine.array(outputs))
    expected, step = np.zeros_like(outputs), 1e-6
    for place in np.ndindex(outputs.shape):
        moved = np.zeros_like(outputs)
        moved[place] = step
        ahead = (reference(labels, outputs + moved, **options) * weight).sum()
        behind = (reference(labels, outputs - moved, **options) * weight).sum()
        expected[place] = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(numpy(found), expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.per_row])
def test_rows_do_not_see_each_other(name):
    labels, outputs = data(ROWS[name].data, rows=4)
    fn = getattr(losses, name)
    alone = numpy(fn(labels[:2], outputs[:2]))
    np.testing.assert_allclose(numpy(fn(labels, outputs))[:2], alone, rtol=1e-6)


def test_the_class_is_the_function_with_a_reduction(case):
    name, options, labels, outputs = case
    loss = getattr(losses, ROWS[name].cls)(reduction="sum", **options)
    expected = ROWS[name].reference(labels, outputs, **options).sum()
    np.testing.assert_allclose(numpy(loss(labels, outputs)), expected, rtol=3e-5)
    assert loss.per_sample == (np.ndim(ROWS[name].reference(labels, outputs, **options)) > 0)


def test_ops_of_crossentropy_have_no_mean():
    labels, outputs = data("bits")
    found = crossentropy.binary_crossentropy(labels, outputs)
    expected = -labels * np.log(outputs) - (1 - labels) * np.log(1 - outputs)
    np.testing.assert_allclose(numpy(found), expected, rtol=2e-5)
    labels, outputs = data("one_hot", from_logits=True)
    found = crossentropy.categorical_crossentropy(labels, outputs, True, axis=1)
    np.testing.assert_allclose(
        numpy(found), ref_categorical(labels, outputs, True, axis=1), rtol=2e-5
    )
    with pytest.raises(UsageError, match="target has shape"):
        crossentropy.binary_crossentropy(labels[:, :1], outputs)


@pytest.mark.parametrize("from_logits", [False, True])
def test_sparse_crossentropy_over_another_axis(from_logits):
    labels, outputs = data("classes", from_logits)
    outputs = np.moveaxis(outputs, -1, 1)
    found = losses.sparse_categorical_crossentropy(labels, outputs, from_logits, axis=1)
    expected = ref_sparse(labels, outputs, from_logits, axis=1)
    np.testing.assert_allclose(numpy(found), expected, rtol=2e-5)
    expanded = losses.sparse_categorical_crossentropy(
        np.expand_dims(labels, 1), outputs, from_logits, axis=1
    )
    np.testing.assert_array_equal(found, expanded)


@pytest.mark.parametrize("from_logits", [True, False])
def test_sparse_crossentropy_of_many_classes_gathers_and_never_scatters(from_logits):
    jax = pytest.importorskip("jax")
    labels, outputs = np.array([0, 2]), np.full((2, 1000), 0.001, "float32")

    def total(p):
        return losses.sparse_categorical_crossentropy(labels, p, from_logits).sum()

    assert "gather" in str(jax.make_jaxpr(total)(outputs))
    assert "scatter" not in str(jax.make_jaxpr(jax.grad(total))(outputs))


@pytest.mark.parametrize("classes", [1, 3, 300])
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_slopes_of_sparse_crossentropy_are_those_of_the_formula(classes, axis):
    """`1 / sum(p) - [label] / p[label]`; none where that is no label, or p is clipped."""
    jax = pytest.importorskip("jax")
    random = np.random.default_rng(classes)
    p = random.uniform(0.1, 1.0, (5, 4, classes)).astype("float32")
    labels = random.integers(0, classes, (5, 4))
    labels[0, 0], labels[1, 1] = -1, classes
    p[2, 2] = 1.0
    p[2, 2, labels[2, 2]] = 1e-12  # a share below epsilon
    slope = random.normal(size=labels.shape).astype("float32")

    def total(p):
        loss = losses.sparse_categorical_crossentropy(labels, p, axis=axis)
        return (jax.numpy.where(jax.numpy.isnan(loss), 0, loss) * slope).sum()

    found = jax.grad(total)(np.moveaxis(p, -1, axis))
    known = (labels >= 0) & (labels < classes)
    at = labels[..., None] == np.arange(classes)
    p = p.astype(float)
    picked, sums = np.where(at, p, 0).sum(-1), p.sum(-1)
    known &= (picked > 1e-7 * sums) & (picked < (1 - 1e-7) * sums)
    expected = slope / sums
    expected = expected[..., None] - at * (slope / np.where(known, picked, 1))[..., None]
    expected = np.where(known[..., None], expected, 0)
    np.testing.assert_allclose(np.moveaxis(found, axis, -1), expected, rtol=1e-4, atol=1e-6)


def test_second_slopes_of_sparse_crossentropy():
    jax = pytest.importorskip("jax")
    p, labels = np.array([0.2, 0.5, 0.1], "float32"), np.array(1)

    def loss(p):
        return losses.sparse_categorical_crossentropy(labels, p)

    found = jax.jacrev(jax.grad(loss))(p)
    expected = np.full((3, 3), -1 / 0.8**2)
    expected[1, 1] += 1 / 0.5**2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# ---------------------------------------------------------------- extremes and dtypes


@pytest.mark.parametrize("size", [100.0, 1e4])
def test_logits_of_any_size_are_safe(size):
    logits = np.array([[size, -size, 0.0], [-size, size, 0.0]], "float32")
    one_hot = np.array([[1, 0, 0], [1, 0, 0]], "float32")
    for fn, labels in (
        (losses.categorical_crossentropy, one_hot),
        (losses.sparse_categorical_crossentropy, np.array([0, 0])),
    ):
        values, slope = engine.value_and_grad(
            lambda p, fn=fn, labels=labels: fn(labels, p, from_logits=True).sum()
        )(engine.array(logits))
        np.testing.assert_allclose(values, 2 * size, rtol=1e-6)
        np.testing.assert_allclose(slope, [[0, 0, 0], [-1, 1, 0]], atol=1e-6)
    values, slope = engine.value_and_grad(
        lambda p: losses.binary_crossentropy(one_hot[:, :2], p, from_logits=True).sum()
    )(engine.array(logits[:, :2]))
    np.testing.assert_allclose(values, size, rtol=1e-6)
    np.testing.assert_allclose(slope, [[0, 0], [-0.5, 0.5]], atol=1e-6)


def test_small_losses_of_large_logits_keep_their_digits():
    found = losses.binary_crossentropy(np.ones((1, 1)), np.full((1, 1), 20.0), from_logits=True)
    np.testing.assert_allclose(found, np.log1p(np.exp(-20.0)), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["binary", "categorical", "sparse_categorical", "kl_divergence"])
def test_probabilities_of_0_and_1_are_finite(name, dtype):
    fn = getattr(losses, name if name == "kl_divergence" else f"{name}_crossentropy")
    p = engine.array(np.array([[1.0, 0.0], [0.0, 1.0]]), dtype)
    labels = np.array([0, 0]) if name == "sparse_categorical" else np.array([[1.0, 0], [1, 0]])
    values, slope = engine.value_and_grad(lambda q: fn(labels, q).sum())(p)
    assert values.dtype == dtype and slope.dtype == dtype
    assert np.isfinite(numpy(values)) and np.isfinite(numpy(slope)).all()
    assert numpy(fn(labels, p))[1] > 2.5


def test_zero_vectors_have_no_direction_and_finite_gradients():
    value, slope = engine.value_and_grad(
        lambda p: losses.cosine_similarity(np.ones((1, 3)), p).sum()
    )(engine.array(np.zeros((1, 3))))
    assert value == 0
    assert np.isfinite(slope).all()


def test_log_cosh_of_large_errors_is_linear():
    found = losses.log_cosh(np.zeros((2, 1)), np.array([[1e4], [-1e4]]))
    np.testing.assert_allclose(found, [1e4 - np.log(2)] * 2, rtol=1e-6)


def test_circle_leaves_out_rows_without_a_partner():
    points = np.eye(3)[[0, 0, 1]] * 1.0
    loss = losses.Circle(gamma=2.0)
    expected = ref_circle(np.array([0, 0, 1]), points, gamma=2.0)
    assert expected[2] == 0
    np.testing.assert_allclose(loss([0, 0, 1], points), expected[:2].mean(), rtol=1e-5)
    _, slope = engine.value_and_grad(lambda p: losses.circle([0, 0, 1], p).sum())(
        engine.array(points)
    )
    assert np.isfinite(slope).all()


def test_integers_become_floatx_and_labels_follow_outputs(float64):
    assert losses.mean_squared_error([1, 2], [3, 5]).dtype == "float64"
    half = engine.array(np.ones((2, 1)), "float16")
    assert losses.mean_squared_error(np.zeros((2, 1)), half).dtype == "float16"
    assert losses.MeanSquaredError()(np.zeros((2, 1)), half).dtype == "float64"
    assert losses.MeanSquaredError(dtype="float32")(np.zeros((2, 1)), half).dtype == "float32"


def test_unsigned_labels_do_not_wrap():
    labels = np.array([[0], [1]], "uint8")

    class Signed(losses.Loss):
        def call(self, y_true, y_pred):
            return (2 * y_true - 1) * y_pred

    np.testing.assert_array_equal(Signed(reduction="none")(labels, np.ones((2, 1))), [[-1], [1]])
