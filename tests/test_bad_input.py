"""Wrong usages: what is said, that nothing was compiled for it, and that the model is whole after.

The usages are rows of `bad_input_calls.py`, `bad_input_around.py`, `bad_input_more.py` and
`bad_input_cases.py`. Those that Cornu takes, or warns of, are here.
"""

import functools
import re
import time
import warnings
from typing import Any

import numpy as np
import pytest

import bad_input_cases as cases
import cornu as keras
from bad_input_around import AROUND
from bad_input_calls import CALLS
from bad_input_cases import (
    GOOD,
    MADE,
    ONE_HOT,
    ROWS,
    Case,
    Made,
    Subject,
    X,
    Y,
    assert_whole,
    batches,
    bits,
)
from bad_input_more import MORE
from cornu import engine, layers, losses, settings
from cornu.errors import MESSAGE_LENGTH, UsageError
from cornu.training import sources
from cornu.training.arrays import as_array

FORBIDDEN = ("Tracer", "Traced", "jnp.", "jax", "keras_tensor_", "ArrayImpl", "array([", " 0x")

# Rows of the catalogue that need parts which do not exist yet, or are tested with those parts.
ELSEWHERE = {
    38: "no worker processes yet",
    58: "a cycle can only come from a config",
    **dict.fromkeys((67, 68, 69, 70, 71, 72), "saving"),
    75: "no EarlyStopping and no ModelCheckpoint yet",
    78: "no image folders yet",
}


@pytest.fixture
def compiled(monkeypatch):
    """Names of the functions that were traced to be compiled, in order."""
    entered = []
    real = engine.jit

    def jit(fn, **how):
        @functools.wraps(fn)
        def traced(*args):
            entered.append(fn.__name__)
            return fn(*args)

        return real(traced, **how)

    monkeypatch.setattr(engine, "jit", jit)
    return entered


def assert_said(error: Any, says: tuple[str, ...], code: str) -> None:
    """The message and its notes are in the user's words, with the code, and short."""
    text = str(error)
    for part in says:
        assert part in text
    assert error.code == code
    assert text.endswith(f" [{code}]")
    assert len(text) <= MESSAGE_LENGTH == 600
    for said in [text, *getattr(error, "__notes__", [])]:
        assert not [word for word in FORBIDDEN if word in said]


@pytest.mark.parametrize(
    "case", [c for c in (*CALLS, *AROUND, *MORE) if not c.trains], ids=lambda case: case.row
)
def test_refused_before_anything_is_compiled(case: Case, compiled: list):
    subject = case.subject()
    before = bits(subject.model)
    with pytest.raises(case.error) as info:
        case.call(subject.model)
    assert type(info.value) is case.error
    assert_said(info.value, case.says, case.code)
    assert case.note in [*getattr(info.value, "__notes__", []), ""]
    assert compiled == []
    if before:
        assert bits(subject.model) == before
    if not subject.model.compiled:
        subject.model.compile("adam", "sparse_categorical_crossentropy")
    assert_whole(subject)
    assert compiled  # that nothing was compiled could be seen


@pytest.mark.parametrize(
    "case", [c for c in (*CALLS, *AROUND) if c.trains], ids=lambda case: case.row
)
def test_refused_in_the_middle(case: Case):
    """The model is what the batches before made of it: as trained one by one."""
    subject, twin = case.subject(), case.subject()
    twin.model.set_weights(subject.model.get_weights())
    for _ in range(case.trains):
        twin.model.train_on_batch(*GOOD)
    with pytest.raises(case.error) as info:
        case.call(subject.model)
    assert type(info.value) is case.error
    assert_said(info.value, case.says, case.code)
    assert case.note in [*getattr(info.value, "__notes__", []), ""]
    assert int(subject.model.optimizer.iterations) == case.trains
    assert bits(subject.model) == bits(twin.model)
    assert_whole(subject)


@pytest.mark.parametrize("case", MADE, ids=lambda case: case.row)
def test_refused_when_made(case: Made, compiled: list):
    with pytest.raises(case.error) as info:
        case.make()
    assert type(info.value) is case.error
    assert_said(info.value, case.says, case.code)
    assert compiled == []


def test_every_row_has_a_test():
    """Each of the 78 rows is in a table, in a test's name below, or in ELSEWHERE."""
    named = [name for name in globals() if name.startswith("test_row_")]
    rows = [case.row for case in (*CALLS, *AROUND, *MADE)]
    rows += [part for name in named for part in re.findall(r"\d+", name)]
    known = {int(row) for row in (re.match(r"\d*", r).group() for r in rows) if row}
    assert known | ELSEWHERE.keys() == set(range(1, 79))
    assert not known & ELSEWHERE.keys()


def test_row_63_a_recurrent_layer_after_one_that_gives_its_last_step_only():
    hidden = layers.LSTM(3, name="lstm")(layers.Input((None, 2)))
    with pytest.raises(UsageError) as info:
        layers.LSTM(3)(hidden)
    says = (
        "LSTM needs (batch, time, features), got (None, 3).",
        'The layer before, "lstm", returns only its last step: set return_sequences=True.',
    )
    assert all(one in str(info.value) for one in says)


# ---------------------------------------------------------------- an unbuilt or failed compile


def test_a_failed_compile_leaves_the_model_compiled_as_it_was():
    subject = cases.classifier()
    for wrong in ({"optimizer": "addam"}, {"loss": "msee"}, {"metrics": ["acuracy"]}):
        with pytest.raises(UsageError):
            subject.model.compile(**{"optimizer": "sgd", "loss": "mse", **wrong})
    assert subject.model._compiled_with["loss"] == "sparse_categorical_crossentropy"
    assert_whole(subject)


def test_wrong_labels_first_do_not_choose_the_metric():
    """One-hot labels are refused; "accuracy" then still means that of class numbers."""
    model, x, y = cases.classifier()
    with pytest.raises(UsageError):
        model.fit(x, ONE_HOT)
    found = model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
    expected = (model.predict(x, verbose=0).argmax(-1) == y).mean()
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("doing", ["fit", "predict"])
def test_a_model_without_a_graph_names_its_layer(doing: str):
    subject = cases.subclass()
    model = subject.model
    assert_whole(subject)
    before = bits(model)
    with pytest.raises(UsageError) as info:
        model.fit(X[:, :3], subject.y) if doing == "fit" else model.predict(X[:, :3])
    assert_said(info.value, ('x has 3 features, Dense "left" was built for 4',), "E-SIZE")
    assert bits(model) == before
    assert_whole(subject)


def test_an_unbuilt_model_that_was_given_one_sample():
    model = keras.Sequential([layers.Dense(1, name="d")])
    model.compile("sgd", "mse")
    with pytest.raises(UsageError) as info:
        model.fit(X[0], X[:4, 0])
    assert_said(info.value, ('Dense "d" needs at least 2 axes; got (batch,)', "x[None]"), "E-RANK")
    assert not model.built
    assert_whole(Subject(model, X, X[:, 0]))


# ---------------------------------------------------------------- what is taken


def test_row_12_predict_of_nothing_gives_nothing(compiled: list):
    assert cases.classifier().model.predict(X[:0], verbose=0).shape == (0, 3)
    left, right = cases.two_by_two().model.predict([X[:0], X[:0]], verbose=0)
    assert left.shape == right.shape == (0, 1)
    left, right = cases.subclass().model.predict(X[:0], verbose=0)
    assert left.shape == (0, 3)
    assert right.shape == (0, 1)
    assert left.dtype == "float32"
    assert compiled == []


def test_row_14_batches_larger_than_the_data():
    model, x, y = cases.classifier()
    model.fit(x, y, batch_size=1000, verbose=0)
    assert int(model.optimizer.iterations) == 1
    assert model.predict(x, batch_size=1000, verbose=0).shape == (ROWS, 3)


def test_row_17_no_epochs_give_an_empty_history():
    model, x, y = cases.classifier()
    before = bits(model)
    assert model.fit(x, y, epochs=0, verbose=0).history == {}
    assert bits(model) == before


def as_fed(value: Any) -> np.ndarray:
    """What a model that gives back its input makes of `value`."""
    at = keras.Input((4,))
    return keras.Model(at, layers.Identity()(at)).predict(value, verbose=0)


def read_only() -> np.ndarray:
    found = X.copy()
    found.flags.writeable = False
    return found


def rows_as_objects() -> np.ndarray:
    found = np.empty(ROWS, object)
    for i, row in enumerate(X):
        found[i] = row
    return found


class Frame:
    """What is asked of a table: `to_numpy`."""

    shape = (ROWS, 4)

    def to_numpy(self):
        return X


TAKEN = {
    "list": (lambda: X.tolist(), X),
    "list-of-arrays": (lambda: list(X), X),
    "list-of-lists-of-scalars": (lambda: [list(row) for row in X], X),
    "tuple": (lambda: tuple(map(tuple, X.tolist())), X),
    "objects": (lambda: X.astype(object), X),
    "rows-as-objects": (rows_as_objects, X),
    "frame": (Frame, X),
    "mask-of-nothing": (lambda: np.ma.masked_equal(X, 7), X),
    "big-endian": (lambda: X.astype(">f4"), X),
    "double": (lambda: X.astype("float64"), X),
    "long-double": (lambda: X.astype("longdouble"), X),
    "half": (lambda: (X * 8).round().astype("float16"), (X * 8).round()),
    "bool": (lambda: X > 0.5, X > 0.5),
    "bytes": (lambda: (X * 255).astype("uint8"), (X * 255).astype("uint8")),
    "int64": (lambda: (X * 255).astype("int64"), (X * 255).astype("uint8")),
    "uint64": (lambda: (X * 255).astype("uint64"), (X * 255).astype("uint8")),
    "reversed": (lambda: X[::-1, ::-1], X[::-1, ::-1]),
    "strided": (lambda: np.repeat(np.repeat(X, 2, 0), 3, 1)[::2, ::3], X),
    "columns-first": (lambda: np.asfortranarray(X), X),
    "read-only": (read_only, X),
    "on-device": (lambda: engine.array(X), X),
    "largest-float": (lambda: np.full((2, 4), 3e38, "float32"), np.full((2, 4), 3e38)),
    "last-axis-of-1": (lambda: X[..., None], X),
}


@pytest.mark.parametrize("name", TAKEN)
def test_row_21_what_can_be_read_as_numbers_is_taken(name: str):
    make, expected = TAKEN[name]
    np.testing.assert_array_equal(as_fed(make()), np.asarray(expected, "float32"))


def test_short_floats_of_the_engine_are_taken():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    eighths = (X * 8).round()
    for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn):
        np.testing.assert_array_equal(as_fed(eighths.astype(dtype)), eighths)
    model, _, y = cases.classifier()
    with pytest.raises(UsageError, match="x contains NaN: first at sample 2, column 1"):
        model.fit(cases.put(X, (2, 1), np.nan).astype(ml_dtypes.bfloat16), y)


@pytest.mark.parametrize(("floatx", "most"), [("float16", 65504), ("float64", np.inf)])
def test_floats_are_narrowed_to_what_was_set(floatx: str, most: float):
    set_before = settings.floatx()
    settings.set_floatx(floatx)
    try:
        assert as_array([[0.5]], "x").dtype == floatx
        assert as_array(np.array([[most]]), "x")[0, 0] == most
        if floatx == "float16":
            with pytest.raises(UsageError, match=r"y has 1e\+06 at index 1, beyond float16"):
                as_array([1.0, 1e6], "y")
        else:
            assert as_array([2**40], "x")[0] == 2**40
    finally:
        settings.set_floatx(set_before)


def test_frames_and_series_of_pandas():
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(as_fed(pandas.DataFrame(X)), X)
    model = cases.classifier().model
    model.fit(pandas.DataFrame(X), pandas.Series(Y), verbose=0)
    with pytest.raises(UsageError, match="x is text"):
        model.fit(pandas.DataFrame({"a": ["b"] * ROWS}), Y)


def test_labels_come_in_many_forms():
    """Bits of the weights after one batch are the same however the labels are written."""
    model, x, y = cases.classifier()
    start = model.get_weights()
    found = set()
    for form in (y, y.tolist(), y.astype(object), y.astype("float64"), y[:, None], (y, y)[:1]):
        model.set_weights(start)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.train_on_batch(x, form)
        found.add(tuple(bits(model)))
    assert len(found) == 1


def test_boolean_labels():
    model = cases.dense(1, "sigmoid", "binary_crossentropy", metrics=["accuracy"])
    found = model.evaluate(X, Y > 0, verbose=0)
    p = model.predict(X, verbose=0)[:, 0].astype("float64")
    assert found[0] == pytest.approx(-np.log(np.where(Y > 0, p, 1 - p)).mean(), rel=1e-5)
    assert found[1] == pytest.approx(((p > 0.5) == (Y > 0)).mean(), abs=1e-6)


def test_row_48_a_vector_is_a_column():
    model, x, y = cases.regressor()
    found = model.evaluate(x, y, verbose=0)
    expected = np.mean((model.predict(x, verbose=0)[:, 0].astype("float64") - y) ** 2)
    assert found == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(x, y[:, None], verbose=0) == found


def test_one_number_a_sample():
    at = keras.Input((1,))
    model = keras.Model(at, layers.Dense(1, kernel_initializer="ones")(at))
    np.testing.assert_array_equal(model.predict(X[:, 0], verbose=0), X[:, :1])


def test_images_without_their_one_channel():
    at = keras.Input((2, 2, 1))
    model = keras.Model(at, layers.Flatten()(at))
    np.testing.assert_array_equal(model.predict(X.reshape(-1, 2, 2), verbose=0), X)


# ---------------------------------------------------------------- weights


def crossentropies(model: Any) -> np.ndarray:
    p = model.predict(X, verbose=0).astype("float64")
    return -np.log(p[np.arange(ROWS), Y])


@pytest.mark.parametrize("by_class", [[1.0, 2.0, 4.0], {0: 1, 1: np.float32(2), np.int64(2): 4.0}])
def test_row_43_class_weights_as_list_or_dict(by_class: Any):
    model = cases.classifier().model
    expected = (crossentropies(model) * np.array([1, 2, 4])[Y]).mean()
    found = model.fit(X, Y, class_weight=by_class, verbose=0, batch_size=ROWS).history["loss"][0]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 1)])
def test_row_45_class_and_sample_weights_multiply(shape: tuple):
    model = cases.classifier().model
    weights = np.linspace(0, 2, ROWS)
    expected = (crossentropies(model) * np.array([1, 2, 4])[Y] * weights).mean()
    found = model.fit(
        X,
        Y,
        class_weight=[1, 2, 4],
        sample_weight=weights.reshape(shape),
        batch_size=ROWS,
        verbose=0,
    )
    assert found.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_class_weights_of_one_hot_labels_and_of_steps():
    model = cases.one_hot_classifier().model
    expected = (crossentropies(model) * np.array([1, 2, 4])[Y]).mean()
    found = model.train_on_batch(X, ONE_HOT, class_weight=[1, 2, 4])
    assert found == pytest.approx(expected, rel=1e-5)

    model = keras.Sequential([keras.Input((2, 2)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = X.reshape(ROWS, 2, 2), np.stack([Y, Y[::-1]], -1)
    p = model.predict(x, verbose=0).astype("float64")
    values = -np.log(np.take_along_axis(p, y[..., None], -1)[..., 0])
    expected = (values * np.array([1, 2, 4])[y]).mean()
    found = model.train_on_batch(x, y, class_weight=[1, 2, 4])
    assert found == pytest.approx(expected, rel=1e-5)


def test_targets_of_weight_0_may_be_anything():
    weights = cases.put(np.ones(ROWS), 4, 0)
    model = cases.regressor().model
    errors = (model.predict(X, verbose=0)[:, 0].astype("float64") - X[:, 0]) ** 2
    y = cases.put(X[:, 0], 4, np.nan)
    found = model.evaluate(X, y, sample_weight=weights, verbose=0)
    assert found == pytest.approx(np.delete(errors, 4).sum() / ROWS, rel=1e-5)
    model = cases.classifier().model
    losses_ = np.delete(crossentropies(model), 4)
    found = model.fit(X, cases.put(Y, 4, -1, int), sample_weight=weights, verbose=0)
    assert found.history["loss"][0] == pytest.approx(losses_.sum() / ROWS, rel=1e-5)


def test_a_loss_of_ones_own_may_give_nan_a_meaning():
    def known_only(y, p):
        known = ~keras.ops.isnan(y)
        return keras.ops.where(known, keras.ops.square(keras.ops.where(known, y, 0) - p), 0)

    model = cases.dense(1, None, known_only)
    y = cases.put(X[:, :1], (4, 0), np.nan)
    expected = np.nansum((model.predict(X, verbose=0) - y.astype("float64")) ** 2) / ROWS
    assert model.fit(X, y, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_looking_at_the_data_can_be_switched_off():
    model, x, y = cases.classifier()
    model.validate_data = False
    assert np.isnan(model.evaluate(cases.put(x, (0, 0), np.nan), y, verbose=0)[0])
    with pytest.raises(UsageError, match="x has 32 samples but y has 31"):
        model.fit(x, y[:31])


# ---------------------------------------------------------------- warnings


def test_row_10_inputs_that_were_never_scaled():
    model, x, y = cases.regressor()
    x = np.round(x * 255)
    x[0, :2] = 0, 255
    with pytest.warns(UserWarning, match=r"x ranges 0\.\.255 and loss is \d+") as caught:
        model.fit(x, y * 1000 + 1000, verbose=0, batch_size=ROWS)
    assert str(caught[0].message).endswith(" after 1 step. Consider x/255.")
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, y * 1000 + 1000, verbose=0)  # said once
        cases.regressor().model.fit(x / 255, y * 1000 + 1000, verbose=0)


def test_row_50_softmax_over_one_unit():
    model = cases.dense(1, "softmax", "mse")
    with pytest.warns(UserWarning) as caught:
        model.fit(X, X[:, 0], verbose=0)
    (only,) = caught
    assert str(only.message) == (
        'layer "dense_1" has a softmax over 1 unit, which always gives 1. Did you mean '
        'activation="sigmoid"?'
    )
    assert only.filename == __file__
    model.fit(X, X[:, 0], verbose=0)  # said once
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="dense_1"):
        model.evaluate(X, X[:, 0], verbose=0)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("loss", "activation", "y"),
    [
        (losses.SparseCategoricalCrossentropy, "softmax", Y),
        (losses.CategoricalCrossentropy, "softmax", ONE_HOT),
        (losses.BinaryCrossentropy, "sigmoid", ONE_HOT),
    ],
)
def test_row_51_probabilities_where_logits_are_wanted(loss, activation, y, nested: bool):
    model = cases.dense(3, activation, "mse")
    if nested:
        model = keras.Sequential([keras.Input((4,)), model])
    model.compile("sgd", loss(from_logits=True))
    with pytest.warns(UserWarning) as caught:
        model.fit(X, y, verbose=0)
    (only,) = caught
    said = str(only.message)
    assert f'"{loss().name}" has from_logits=True' in said
    assert f'layer "dense_1" ends in {activation}' in said
    assert "Leave from_logits out, or the activation." in said
    model.compile("sgd", loss())
    model.fit(X, y, verbose=0)


def test_row_73_frozen_after_compile():
    model, x, y = cases.classifier()
    start = bits(model)
    model.layers[0].trainable = False
    with pytest.warns(UserWarning) as caught:
        model.fit(x, y, verbose=0)
    (only,) = caught
    assert str(only.message) == (
        "layers changed trainable since compile: dense_1. Training goes on as compiled; call "
        "compile() again to make it count."
    )
    assert only.filename == __file__
    assert bits(model) != start  # trained as compiled
    model.fit(x, y, verbose=0)  # said once
    model.compile("adam", "sparse_categorical_crossentropy")
    start = bits(model)
    model.fit(x, y, verbose=0)
    assert bits(model) == start


# ---------------------------------------------------------------- generators


def test_row_35_an_error_of_the_users_own():
    def wrong():
        yield GOOD
        yield GOOD
        raise KeyError("mine")

    subject, twin = cases.classifier(), cases.classifier()
    twin.model.set_weights(subject.model.get_weights())
    for _ in range(2):
        twin.model.train_on_batch(*GOOD)
    with pytest.raises(KeyError, match="mine") as info:
        subject.model.fit(wrong(), steps_per_epoch=9, verbose=0)
    assert info.value.__notes__ == ["while reading batch 2 of epoch 1"]
    assert bits(subject.model) == bits(twin.model)
    assert_whole(subject)


def test_the_epoch_is_that_of_the_error():
    def wrong():
        for _ in range(5):
            yield GOOD
        raise OSError("disk")

    with pytest.raises(OSError, match="disk") as info:
        cases.classifier().model.fit(wrong(), steps_per_epoch=3, epochs=3, verbose=0)
    assert info.value.__notes__ == ["while reading batch 2 of epoch 2"]


def test_evaluate_and_predict_may_exhaust_a_generator():
    model = cases.classifier().model
    items = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, ROWS, 8)]
    found = model.evaluate(batches(*items), verbose=0)
    assert found == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    predicted = model.predict(batches(*items), verbose=0)
    np.testing.assert_allclose(predicted, model.predict(X, verbose=0), rtol=1e-6)


def test_a_list_of_inputs_is_yielded_for_predict():
    model = cases.two_by_two().model
    left, right = model.predict(batches([X, X], [X, X]), verbose=0)
    assert left.shape == right.shape == (2 * ROWS, 1)


# ---------------------------------------------------------------- words and costs


def test_long_text_labels_are_cut():
    with pytest.raises(UsageError) as info:
        cases.classifier().model.fit(X, np.full(ROWS, "long " * 100))
    assert_said(info.value, ("y holds 1 text class: 'long long", "…", "np.unique("), "E-TEXT")


def test_looking_at_data_costs_little():
    """61 MB: less than 0.1 s, which memory allows some ten times over."""
    at = keras.Input((3072,))
    model = keras.Model(at, layers.Dense(3, activation="softmax")(at))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.ones((5000, 3072), "float32"), np.zeros(5000, "int32")
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        sources.check_batch(model, sources.arrays(model, x, y, None, None, "fit"), "fit")
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.1
