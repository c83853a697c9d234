"""Losses: formulas in float64 NumPy, gradients by differences, weights, masks, shapes, labels."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from cornu import engine, losses, settings, state
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.losses.base import FunctionLoss
from cornu.ops import crossentropy

EPS = 1e-7


@pytest.fixture
def float64():
    before = settings.floatx()
    settings.set_floatx("float64")
    yield
    settings.set_floatx(before)


# ---------------------------------------------------------------- the formulas


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def clip(p):
    return np.clip(p, EPS, 1 - EPS)


def ref_binary(t, p, from_logits=False, label_smoothing=0.0, axis=-1):
    p = clip(sigmoid(p) if from_logits else p)
    t = t * (1 - label_smoothing) + label_smoothing / 2
    return (-t * np.log(p) - (1 - t) * np.log(1 - p)).mean(axis)


def ref_binary_focal(
    t, p, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0
):
    p = sigmoid(p) if from_logits else p
    t = t * (1 - label_smoothing) + label_smoothing / 2
    true = t * p + (1 - t) * (1 - p)
    value = (1 - true) ** gamma * (-t * np.log(clip(p)) - (1 - t) * np.log(1 - clip(p)))
    if apply_class_balancing:
        value = value * (t * alpha + (1 - t) * (1 - alpha))
    return value.mean(-1)


def ref_categorical(t, p, from_logits=False, label_smoothing=0.0, axis=-1):
    p = softmax(p, axis) if from_logits else p / p.sum(axis, keepdims=True)
    t = t * (1 - label_smoothing) + label_smoothing / t.shape[axis]
    return -(t * np.log(clip(p))).sum(axis)


def ref_categorical_focal(
    t, p, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    p = clip(softmax(p, axis) if from_logits else p / p.sum(axis, keepdims=True))
    t = t * (1 - label_smoothing) + label_smoothing / t.shape[axis]
    return -(np.asarray(alpha) * (1 - p) ** gamma * t * np.log(p)).sum(axis)


def ref_sparse(t, p, from_logits=False, ignore_class=None, axis=-1):
    classes = np.moveaxis(p, axis, -1)
    kept = np.ones(t.shape) if ignore_class is None else (t != ignore_class) * 1.0
    one_hot = np.eye(classes.shape[-1])[np.where(kept > 0, t, 0)]
    return ref_categorical(one_hot, classes, from_logits) * kept


def ref_cosine(t, p, axis=-1):
    lengths = np.linalg.norm(t, axis=axis) * np.linalg.norm(p, axis=axis)
    return -(t * p).sum(axis) / lengths


def ref_huber(t, p, delta=1.0):
    e = np.abs(p - t)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2).mean(-1)


def ref_dice(t, p, axis=None):
    return 1 - 2 * (t * p).sum(axis) / (t.sum(axis) + p.sum(axis) + EPS)


def ref_tversky(t, p, alpha=0.5, beta=0.5, axis=None):
    both = (t * p).sum(axis)
    missed, false = (t * (1 - p)).sum(axis), (p * (1 - t)).sum(axis)
    return 1 - both / (both + alpha * missed + beta * false + EPS)


def ref_circle(t, p, gamma=80.0, margin=0.4, remove_diagonal=True):
    """The paper's sums, row by row and pair by pair."""
    values = np.zeros(len(t))
    for i in range(len(t)):
        near = far = 0.0
        for j in range(len(t)):
            d = max(1 - float(p[i] @ p[j]), 0)
            if t[i] == t[j] and not (remove_diagonal and i == j):
                near += np.exp(gamma * (d + margin) * (d - margin))
            elif t[i] != t[j]:
                far += np.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d))
        values[i] = np.log1p(near * far)
    return values


def signs(t):
    return np.where(t == 0, -1, t)


# ---------------------------------------------------------------- the table


class Row(NamedTuple):
    """One loss: its class, its formula, what it is fed, and the options it is tried with."""

    cls: str
    reference: Callable
    data: str
    options: tuple[dict, ...] = ({},)
    per_row: bool = True


ROWS = {
    "mean_squared_error": Row("MeanSquaredError", lambda t, p: ((t - p) ** 2).mean(-1), "numbers"),
    "mean_absolute_error": Row("MeanAbsoluteError", lambda t, p: np.abs(t - p).mean(-1), "numbers"),
    "mean_absolute_percentage_error": Row(
        "MeanAbsolutePercentageError",
        lambda t, p: 100 * (np.abs(t - p) / np.maximum(np.abs(t), EPS)).mean(-1),
        "numbers",
    ),
    "mean_squared_logarithmic_error": Row(
        "MeanSquaredLogarithmicError",
        lambda t, p: ((np.log(1 + t) - np.log(1 + p)) ** 2).mean(-1),
        "shares",
    ),
    "cosine_similarity": Row("CosineSimilarity", ref_cosine, "numbers", ({}, {"axis": 1})),
    "huber": Row("Huber", ref_huber, "numbers", ({}, {"delta": 0.3})),
    "log_cosh": Row("LogCosh", lambda t, p: np.log(np.cosh(p - t)).mean(-1), "numbers"),
    "poisson": Row("Poisson", lambda t, p: (p - t * np.log(p + EPS)).mean(-1), "shares"),
    "kl_divergence": Row("KLDivergence", lambda t, p: (t * np.log(t / p)).sum(-1), "shares"),
    "hinge": Row("Hinge", lambda t, p: np.maximum(1 - signs(t) * p, 0).mean(-1), "scores"),
    "squared_hinge": Row(
        "SquaredHinge", lambda t, p: (np.maximum(1 - signs(t) * p, 0) ** 2).mean(-1), "scores"
    ),
    "categorical_hinge": Row(
        "CategoricalHinge",
        lambda t, p: np.maximum(((1 - t) * p).max(-1) - (t * p).sum(-1) + 1, 0),
        "one_hot_scores",
    ),
    "binary_crossentropy": Row(
        "BinaryCrossentropy", ref_binary, "bits", ({}, {"label_smoothing": 0.2})
    ),
    "binary_focal_crossentropy": Row(
        "BinaryFocalCrossentropy",
        ref_binary_focal,
        "bits",
        ({}, {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}, {"gamma": 0.5}),
    ),
    "categorical_crossentropy": Row(
        "CategoricalCrossentropy", ref_categorical, "one_hot", ({}, {"label_smoothing": 0.2})
    ),
    "categorical_focal_crossentropy": Row(
        "CategoricalFocalCrossentropy",
        ref_categorical_focal,
        "one_hot",
        ({}, {"alpha": [0.1, 0.2, 0.7], "gamma": 1.0, "label_smoothing": 0.1}),
    ),
    "sparse_categorical_crossentropy": Row(
        "SparseCategoricalCrossentropy", ref_sparse, "classes", ({}, {"ignore_class": 1})
    ),
    "categorical_generalized_cross_entropy": Row(
        "CategoricalGeneralizedCrossEntropy",
        lambda t, p, q=0.5: (1 - np.take_along_axis(p, t[..., None], -1)[..., 0] ** q) / q,
        "classes",
        ({}, {"q": 0.8}),
    ),
    "dice": Row("Dice", ref_dice, "bits", ({}, {"axis": (1, 2)}), per_row=False),
    "tversky": Row(
        "Tversky", ref_tversky, "bits", ({}, {"alpha": 0.3, "beta": 0.6, "axis": -1}), per_row=False
    ),
    "circle": Row(
        "Circle",
        ref_circle,
        "directions",
        ({}, {"gamma": 8.0, "margin": 0.25, "remove_diagonal": False}),
        per_row=False,
    ),
}
LOGITS = {
    "binary_crossentropy": "bits",
    "binary_focal_crossentropy": "bits",
    "categorical_crossentropy": "one_hot",
    "categorical_focal_crossentropy": "one_hot",
    "sparse_categorical_crossentropy": "classes",
}
CASES = [(name, options) for name, row in ROWS.items() for options in row.options]
CASES += [(name, {"from_logits": True}) for name in LOGITS]


def data(kind: str, from_logits: bool = False, rows: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Labels and outputs in float64, `(rows, 2, 3)` or, for embeddings, `(rows, 3)`."""
    rng = np.random.default_rng(11)
    shape = (rows, 2, 3)
    numbers = rng.normal(size=shape)
    shares = softmax(rng.normal(size=shape))
    classes = rng.integers(0, 3, shape[:-1])
    bits = rng.integers(0, 2, shape).astype("float64")
    logits = 2 * rng.normal(size=shape)
    if kind == "directions":
        points = rng.normal(size=(rows, 3))
        return np.arange(rows) % 2, points / np.linalg.norm(points, axis=-1, keepdims=True)
    labels = {
        "numbers": rng.normal(size=shape),
        "shares": softmax(rng.normal(size=shape)),
        "scores": bits,
        "bits": bits,
        "one_hot": np.eye(3)[classes],
        "one_hot_scores": np.eye(3)[classes],
        "classes": classes,
    }[kind]
    outputs = {"numbers": numbers, "scores": numbers, "one_hot_scores": numbers}.get(kind, shares)
    outputs = 0.1 + 0.8 * shares if kind in ("bits", "one_hot") else outputs
    return labels, logits if from_logits else outputs


def ident(case):
    return f"{case[0]}-{'-'.join(case[1])}"


@pytest.fixture(params=CASES, ids=ident)
def case(request):
    name, options = request.param
    labels, outputs = data(ROWS[name].data, options.get("from_logits", False))
    return name, options, labels, outputs


def numpy(x):
    return np.asarray(x, "float64")


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


def test_sparse_crossentropy_gathers_and_never_scatters():
    jax = pytest.importorskip("jax")
    labels, outputs = np.array([0, 2]), np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], "float32")

    def total(p):
        return losses.sparse_categorical_crossentropy(labels, p, from_logits=True).sum()

    assert "gather" in str(jax.make_jaxpr(total)(outputs))
    assert "scatter" not in str(jax.make_jaxpr(jax.grad(total))(outputs))


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


# ---------------------------------------------------------------- reductions, weights, masks

VALUES = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
MASK = np.array([[True, False, True], [True, True, False]])
ROW_WEIGHT = np.array([0.5, 2.0])
WEIGHT = np.array([[1.0, 0.5, 0.0], [2.0, 1.0, 3.0]])


def reduced(**how):
    return numpy(losses.reduce_weighted(VALUES, **how))


@pytest.mark.parametrize("weight", [None, ROW_WEIGHT, ROW_WEIGHT[:, None], WEIGHT])
@pytest.mark.parametrize("mask", [None, MASK, MASK[:, 0], np.array([True, False])])
def test_reductions(weight, mask):
    full = np.ones((2, 3)) if weight is None else np.broadcast_to(weight.reshape(2, -1), (2, 3))
    valid = np.ones((2, 3)) if mask is None else np.broadcast_to(mask.reshape(2, -1), (2, 3))
    how = {"sample_weight": weight, "mask": mask}
    total = (VALUES * full * valid).sum()
    np.testing.assert_allclose(reduced(**how, reduction="sum"), total, rtol=1e-6)
    for name in ("sum_over_batch_size", "mean"):
        np.testing.assert_allclose(reduced(**how, reduction=name), total / valid.sum(), rtol=1e-6)
    np.testing.assert_allclose(
        reduced(**how, reduction="mean_with_sample_weight"),
        total / (full * valid).sum(),
        rtol=1e-6,
    )
    for name in (None, "none"):
        np.testing.assert_allclose(reduced(**how, reduction=name), VALUES * full * valid, rtol=1e-6)


def test_nothing_valid_gives_0():
    assert reduced(mask=np.zeros((2, 3), bool)) == 0
    assert reduced(sample_weight=np.zeros(2), reduction="mean_with_sample_weight") == 0
    assert losses.reduce_weighted(np.zeros((0, 3))) == 0


def test_what_is_masked_or_weighs_0_may_be_nan():
    values = np.array([1.0, np.nan, 3.0])
    assert losses.reduce_weighted(values, mask=np.array([True, False, True])) == 2
    assert losses.reduce_weighted(values, np.array([1.0, 0.0, 1.0]), reduction="sum") == 4
    _, slope = engine.value_and_grad(
        lambda v: losses.reduce_weighted(v, mask=np.array([True, False, True]))
    )(engine.array(values))
    np.testing.assert_allclose(slope, [0.5, 0, 0.5])


def test_a_scalar_takes_part_once_or_for_every_weight():
    assert losses.reduce_weighted(3.0) == 3
    assert losses.reduce_weighted(3.0, mask=np.array([True, False])) == 3
    assert losses.reduce_weighted(3.0, np.array([1.0, 0.0, 0.5]), reduction="sum") == 4.5


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"sample_weight has shape \(3,\).*\(2,\)"):
        losses.reduce_weighted(VALUES, np.ones(3))
    with pytest.raises(UsageError, match=r"mask has shape \(2, 5\)"):
        losses.reduce_weighted(np.ones(2), mask=np.ones((2, 5), bool))
    with pytest.raises(UsageError, match='Did you mean "mean"'):
        losses.reduce_weighted(VALUES, reduction="meen")
    with pytest.raises(UsageError, match="reduction"):
        losses.MeanSquaredError(reduction="average")


def test_a_mask_that_travels_with_the_outputs_counts():
    labels, outputs = np.zeros((2, 3, 1)), engine.array(np.sqrt(VALUES)[..., None])
    state.set_mask(outputs, MASK)
    expected = (VALUES * MASK).sum() / MASK.sum()
    np.testing.assert_allclose(losses.MeanSquaredError()(labels, outputs), expected, rtol=1e-6)


def test_ignored_classes_leave_the_mean():
    labels, outputs = np.array([0, 9, 2]), softmax(np.arange(9.0).reshape(3, 3) % 4)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=9)
    expected = -(np.log(outputs[0, 0]) + np.log(outputs[2, 2])) / 2
    np.testing.assert_allclose(loss(labels, outputs), expected, rtol=1e-5)
    compiled = engine.jit(lambda p: state.pure(lambda: loss(labels, p), [])([])[0])
    np.testing.assert_allclose(compiled(engine.array(outputs)), expected, rtol=1e-5)


def test_smoothing_stays_in_its_bounds():
    with pytest.raises(UsageError, match="label_smoothing must be in"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)


# ---------------------------------------------------------------- shapes (errors.md 6, 7, 47, 49)

MESSAGES = [
    (
        "sparse_categorical_crossentropy",
        ((32, 3), (32, 3)),
        'loss="sparse_categorical_crossentropy" needs integer labels of shape (32,), but y is '
        'one-hot (32, 3). Use loss="categorical_crossentropy", or y.argmax(-1).',
    ),
    (
        "categorical_crossentropy",
        ((32,), (32, 3)),
        "y holds integer classes, shape (32,), but the model outputs (32, 3); use "
        'loss="sparse_categorical_crossentropy", or to_categorical(y, 3).',
    ),
    (
        "mean_squared_error",
        ((32, 1), (32, 3)),
        "mean_squared_error: y has shape (32, 1) but the model outputs (32, 3). They would "
        "broadcast, which is rarely wanted. Give y the shape (32, 3), or end the model with "
        "Dense(1).",
    ),
    (
        "binary_crossentropy",
        ((32,), (32, 2)),
        "binary_crossentropy expects 1 output unit for y (32,); the model has 2. Use "
        'Dense(1, "sigmoid") or sparse_categorical_crossentropy.',
    ),
]


@pytest.mark.parametrize("name, shapes, message", MESSAGES)
def test_wrong_shapes_are_explained_before_anything_runs(name, shapes, message):
    y, p = shapes
    loss = getattr(losses, ROWS[name].cls)()
    wrapped = losses.for_names(name)
    for check in (loss, wrapped):
        with pytest.raises(UsageError) as raised:
            check.check_shapes(y, "float32", (None, *p[1:]))
        assert str(raised.value) == f"{message} [E-LABEL-SHAPE]"
    with pytest.raises(UsageError) as raised:
        getattr(losses, name)(np.zeros(y), np.ones(p))
    assert str(raised.value).startswith(message)


def test_messages_name_the_output():
    with pytest.raises(UsageError, match=r'output "price" is \(32, 3\)'):
        losses.MeanSquaredError().check_shapes((32, 1), "float32", (None, 3), "price")
    with pytest.raises(UsageError, match='output "price" has 2'):
        losses.BinaryCrossentropy().check_shapes((32, 1), "float32", (None, 2), "price")
    with pytest.raises(UsageError, match=r"Give integer labels of shape \(32,\)"):
        losses.SparseCategoricalCrossentropy().check_shapes((32, 5), "int32", (None, 3), "price")


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.data == "numbers"])
def test_every_loss_of_numbers_refuses_to_broadcast(name):
    with pytest.raises(UsageError, match="would broadcast"):
        getattr(losses, name)(np.zeros((4, 1)), np.ones((4, 3)))
    with pytest.raises(UsageError, match="do not match"):
        getattr(losses, name)(np.zeros((4, 2)), np.ones((4, 3)))


def test_the_name_that_was_asked_for_is_the_name_in_the_message():
    with pytest.raises(UsageError, match=r"^mse: y has shape \(32, 1\)"):
        losses.for_names("mse").check_shapes((32, 1), "float32", (32, 3))


@pytest.mark.parametrize(
    "y, p", [((4,), (4, 1)), ((4, 1), (4,)), ((4, 3, 1), (4, 3)), ((4, 3), (4, 3, 1))]
)
def test_a_last_axis_of_1_may_be_missing(y, p):
    labels, outputs = np.arange(np.prod(y)).reshape(y) * 1.0, np.ones(p)
    expected = np.mean((np.ravel(labels) - 1) ** 2)
    np.testing.assert_allclose(losses.MeanSquaredError()(labels, outputs), expected, rtol=1e-6)
    losses.MeanSquaredError().check_shapes((None, *y[1:]), "float32", (None, *p[1:]))


def test_vectors_keep_a_value_for_every_row():
    found = losses.MeanSquaredError(reduction="none")(np.zeros(3), np.array([1.0, 2, 3]))
    np.testing.assert_array_equal(found, [1, 4, 9])
    found = losses.LossFunction(losses.binary_crossentropy, reduction="none")([1.0, 0], [0.5, 0.5])
    np.testing.assert_allclose(found, [np.log(2)] * 2, rtol=1e-6)


def test_correct_shapes_pass():
    losses.SparseCategoricalCrossentropy().check_shapes((None, 1), "int32", (None, 3))
    losses.SparseCategoricalCrossentropy().check_shapes((None, 7), "int32", (None, 7, 3))
    losses.CategoricalCrossentropy().check_shapes((None, 3), "int32", (None, 3))
    losses.BinaryCrossentropy().check_shapes((None,), "int32", (None, 1))
    losses.Circle().check_shapes((None,), "int32", (None, 64))
    losses.LossFunction(lambda t, p: p).check_shapes((None, 2), "int32", (None, 64))


# ---------------------------------------------------------------- labels (errors.md 4, 5)

SPARSE = losses.SparseCategoricalCrossentropy()
LABELS = [
    (
        [7, 0, 1],
        "y has label 7 at index 0, but the model outputs 3 classes (valid labels 0..2). 1 bad "
        "label in this batch. Use Dense(8) for labels 0..7, or relabel from 0.",
    ),
    (
        [0, -1, -1],
        "y has label -1 at index 1; labels must be 0..2. 2 bad labels in this batch. Did you mean "
        "ignore_class=-1?",
    ),
    (
        [1, 2, 3],
        "y has label 3 at index 2, but the model outputs 3 classes (valid labels 0..2). 1 bad "
        "label in this batch. The labels look 1-based: use y - 1.",
    ),
]


@pytest.mark.parametrize("labels, message", LABELS)
@pytest.mark.parametrize("loss", [SPARSE, losses.sparse_categorical_crossentropy, "by name"])
def test_labels_out_of_range_are_explained(labels, message, loss):
    loss = losses.for_names("sparse_categorical_crossentropy") if loss == "by name" else loss
    for shape in ((3,), (3, 1)):
        with pytest.raises(UsageError) as raised:
            losses.check_labels(loss, np.array(labels).reshape(shape), (None, 3))
        assert str(raised.value) == f"{message} [E-LABEL-RANGE]"


def test_the_place_of_a_bad_label_in_a_sequence():
    with pytest.raises(UsageError, match=r"label 5 at index \(1, 2\)"):
        losses.check_labels(SPARSE, np.array([[0, 1, 2], [0, 1, 5]]), (None, 3, 3))


def test_labels_that_are_right_or_do_not_matter_pass():
    losses.check_labels(SPARSE, np.array([0, 1, 2]), (None, 3))
    losses.check_labels(SPARSE, np.array([0, 1, 9]), (None, None))
    losses.check_labels(losses.MeanSquaredError(), np.array([9]), (None, 1))
    losses.check_labels(lambda t, p: p, np.array([9]), (None, 1))
    ignoring = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    losses.check_labels(ignoring, np.array([-1, 2]), (None, 3))
    losses.check_labels(SPARSE, np.array([[-1], [2]]), (None, 3), np.array([0.0, 1.0]))
    losses.check_labels(SPARSE, np.zeros((0,), "int32"), (None, 3))
    with pytest.raises(UsageError, match="label 4"):
        losses.check_labels(ignoring, np.array([-1, 4]), (None, 3))


def test_a_label_out_of_range_is_never_silent():
    p = np.full((3, 2), 0.5)
    for from_logits in (False, True):
        found = losses.sparse_categorical_crossentropy([0, 2, -1], p, from_logits=from_logits)
        np.testing.assert_allclose(found, [np.log(2), np.nan, np.nan], rtol=1e-6)


# ---------------------------------------------------------------- names, configs, users' own


@pytest.mark.parametrize("name", ROWS)
def test_config_round_trip(name):
    row = ROWS[name]
    cls = getattr(losses, row.cls)
    loss = cls(reduction="sum", name="mine", **row.options[-1])
    plain = json.loads(json.dumps(losses.serialize(loss)))
    assert plain["module"] == "keras.losses" and plain["class_name"] == row.cls
    again = losses.deserialize(plain)
    assert type(again) is cls
    assert again.get_config() == loss.get_config()
    assert (again.name, again.reduction) == ("mine", "sum")
    assert losses.get(name) is getattr(losses, name)
    assert losses.get(row.cls).get_config() == cls().get_config()
    assert losses.deserialize(losses.serialize(losses.get(name))) is losses.get(name)


@pytest.mark.parametrize(
    "short, name",
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("kld", "kl_divergence"),
        ("bce", "binary_crossentropy"),
        ("BCE", "binary_crossentropy"),
    ],
)
def test_short_names(short, name):
    assert losses.get(short) is getattr(losses, name)
    assert losses.for_names(short).name == short


def test_unknown_names_suggest():
    with pytest.raises(UsageError, match='Did you mean "categorical_crossentropy"'):
        losses.get("categorical_crossentrpy")
    assert losses.get(None) is None
    assert losses.for_names(None) is None


@pytest.mark.parametrize(
    "y, p, name",
    [
        ((None,), (None, 1), "binary_crossentropy"),
        ((None, 1), (None, 5), "sparse_categorical_crossentropy"),
        ((None,), (None, 5), "sparse_categorical_crossentropy"),
        ((None, 5), (None, 5), "categorical_crossentropy"),
    ],
)
def test_crossentropy_is_told_by_the_shapes(y, p, name):
    for said in ("crossentropy", "ce"):
        loss = losses.for_names(said, y, p)
        assert (loss.fn, loss.name) == (getattr(losses, name), said)


def test_crossentropy_without_shapes_is_told_by_the_data():
    loss = losses.for_names("crossentropy")
    for labels, outputs in (
        (np.array([1]), [[0.2, 0.8]]),
        (np.array([[0, 1]]), [[0.2, 0.8]]),
        (np.array([[1]]), [[0.8]]),
    ):
        np.testing.assert_allclose(loss(labels, np.array(outputs)), -np.log(0.8), rtol=1e-6)


def test_positional_arguments_are_those_of_keras_3():
    assert losses.BinaryCrossentropy(True).from_logits is True
    assert losses.MeanSquaredError("sum", "mine").name == "mine"
    assert losses.Huber(0.5).get_config()["delta"] == 0.5
    assert losses.Huber().name == "huber_loss"
    assert losses.Loss("mine").name == "mine"


def absolute(y_true, y_pred, scale=1.0):
    return scale * abs(y_true - y_pred)


def test_any_function_is_a_loss():
    loss = losses.for_names(absolute)
    assert (loss.name, loss.per_sample) == ("absolute", None)
    np.testing.assert_allclose(loss(np.zeros(2), np.array([[1.0], [3.0]])), 2)
    assert loss.per_sample is True
    scalar = losses.LossFunction(lambda t, p: engine.np.max(p))
    assert scalar(np.zeros(2), np.array([1.0, 4.0])) == 4
    assert (scalar.name, scalar.per_sample) == ("lambda", False)
    scaled = losses.LossFunction(absolute, "sum", scale=3.0)
    plain = json.loads(json.dumps(losses.serialize(scaled)))
    again = losses.deserialize(plain, {"absolute": absolute})
    assert again([[0.0]], [[2.0]]) == 6
    known = losses.LossFunction(losses.huber, delta=0.5)
    assert losses.deserialize(losses.serialize(known)).fn is losses.huber
    with pytest.raises(UsageError, match="must be a function"):
        losses.LossFunction(3)


def test_users_write_call():
    class Pinball(losses.Loss):
        def __init__(self, quantile=0.5, **kwargs):
            super().__init__(**kwargs)
            self.quantile = quantile

        def call(self, y_true, y_pred):
            error = y_true - y_pred
            return engine.np.maximum(self.quantile * error, (self.quantile - 1) * error)

        def get_config(self):
            return {**super().get_config(), "quantile": self.quantile}

    loss = Pinball(0.9, reduction="sum")
    np.testing.assert_allclose(loss([1.0, 0.0], [0.0, 1.0]), 0.9 + 0.1, rtol=1e-6)
    assert Pinball.from_config(loss.get_config()).get_config() == loss.get_config()
    assert loss.name == "pinball"
    with pytest.raises(NotImplementedError, match="needs call"):
        losses.Loss()(1.0, 1.0)


def test_nested_labels_reach_call_as_they_are():
    class Two(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true["a"] - y_pred["a"]) ** 2 + y_pred["b"]

    two = {"a": np.ones(2), "b": np.full(2, 3)}
    assert Two()(two, two) == 3


def test_losses_of_symbolic_tensors_are_symbolic():
    y, p = Tensor((None,), "int32"), Tensor((None, 5, 3))
    assert losses.sparse_categorical_crossentropy(Tensor((None, 5), "int32"), p).shape == (None, 5)
    assert losses.SparseCategoricalCrossentropy()(Tensor((None, 5), "int32"), p).shape == ()
    assert losses.LossFunction(absolute, "none")(y, Tensor((None, 1))).shape == (None, 1)


def test_importing_loads_no_framework():
    code = "import sys, cornu.losses, cornu.metrics; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_class_is_made_of_its_function():
    for name, row in ROWS.items():
        cls: Any = getattr(losses, row.cls)
        assert issubclass(cls, FunctionLoss) and cls.function is getattr(losses, name)


@pytest.mark.peers
def test_scikit_learn_agrees():
    peer = pytest.importorskip("sklearn.metrics")
    labels, outputs = np.array([0, 2, 1, 1]), softmax(np.arange(12.0).reshape(4, 3) % 5)
    weight = np.array([1.0, 0.5, 2.0, 1.0])
    loss = losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    np.testing.assert_allclose(
        loss(labels, outputs, weight),
        peer.log_loss(labels, outputs, sample_weight=weight),
        rtol=1e-5,
    )
