"""Labels that cannot be right are explained: their shapes, and the class numbers in them."""

import numpy as np
import pytest

from contracts.losses_table import ROWS
from cornu import losses
from cornu.errors import UsageError

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
