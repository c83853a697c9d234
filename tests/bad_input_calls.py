"""Wrong x and y in fit, evaluate, predict and train_on_batch; see `bad_input_cases.py`."""

import numpy as np

import cornu as keras
from bad_input_cases import (
    GOOD,
    IMAGES,
    ONE_HOT,
    ROWS,
    Case,
    X,
    Y,
    batches,
    convolution,
    one_hot_classifier,
    put,
    regressor,
    rows_of,
    stream,
    two_by_two,
    uncompiled,
)
from cornu.errors import UsageTypeError

CALLS = [
    Case(
        "1",
        lambda m: m.fit(X.repeat(4).reshape(ROWS, 4, 4), Y),
        (
            'x has shape (32, 4, 4) but model input "features" expects (batch, 4).',
            "Extra dimension at axis 1.",
            "If each sample is 4x4, flatten: x.reshape(32, -1), or start with Input((4, 4)).",
        ),
        "E-RANK",
    ),
    Case(
        "2",
        lambda m: m.fit(np.zeros((ROWS, 5)), Y),
        (
            'x has 5 features, layer "dense_1" was built for 4 (axis -1).',
            "Got x.shape=(32, 5).",
        ),
        "E-SIZE",
    ),
    Case(
        "2-two-inputs",
        lambda m: m.fit([X, X[:, :3]], [X[:, 0], X[:, 0]]),
        ('x["b"] has 3 features, layer "right" was built for 4', 'x["b"].shape=(32, 3)'),
        "E-SIZE",
        two_by_two,
    ),
    Case(
        "3",
        lambda m: m.predict(X[0]),
        (
            "predict needs a batch. You passed one sample of shape (4,).",
            "Use x[None] or np.expand_dims(x, 0).",
        ),
        "E-NO-BATCH",
    ),
    Case("3-fit", lambda m: m.fit(X[0], Y[:4]), ("fit needs a batch.",), "E-NO-BATCH"),
    Case(
        "3-image",
        lambda m: m.predict(IMAGES[0]),
        ("predict needs a batch. You passed one sample of shape (28, 28, 3).", "x[None]"),
        "E-NO-BATCH",
        convolution,
    ),
    Case(
        "4",
        lambda m: m.fit(X, put(Y, 0, 7, int)),
        (
            "y has label 7 at index 0, but the model outputs 3 classes (valid labels 0..2).",
            "1 bad label in this batch.",
            "Use Dense(8) for labels 0..7, or relabel from 0.",
        ),
        "E-LABEL-RANGE",
    ),
    Case(
        "4-fraction",
        lambda m: m.fit(X, put(Y, 4, 0.5)),
        ("y has label 0.5 at index 4; labels must be whole numbers 0..2.",),
        "E-LABEL-RANGE",
    ),
    Case(
        "4-evaluate",
        lambda m: m.evaluate(X, put(Y, 3, 9, int)),
        ("y has label 9 at index 3",),
        "E-LABEL-RANGE",
    ),
    Case(
        "4-validation",
        lambda m: m.fit(X, Y, validation_data=(X, put(Y, 3, 9, int))),
        ("y has label 9 at index 3",),
        "E-LABEL-RANGE",
        note="(in validation_data)",
    ),
    Case(
        "4-batch",
        lambda m: m.train_on_batch(X, put(Y, 3, 9, int)),
        ("y has label 9 at index 3",),
        "E-LABEL-RANGE",
    ),
    Case(
        "5",
        lambda m: m.fit(X, put(Y, 0, -1, int)),
        ("y has label -1 at index 0; labels must be 0..2.", "Did you mean ignore_class=-1?"),
        "E-LABEL-RANGE",
    ),
    Case(
        "5-from-1",
        lambda m: m.fit(X, Y + 1),
        ("y has label 3 at index 2", "The labels look 1-based: use y - 1."),
        "E-LABEL-RANGE",
    ),
    Case(
        "6",
        lambda m: m.fit(X, ONE_HOT),
        (
            'loss="sparse_categorical_crossentropy" needs integer labels of shape (32,), but y is '
            "one-hot (32, 3).",
            'Use loss="categorical_crossentropy", or y.argmax(-1).',
        ),
        "E-LABEL-SHAPE",
    ),
    Case(
        "7",
        lambda m: m.fit(X, Y),
        (
            "y holds integer classes",
            'use loss="sparse_categorical_crossentropy", or to_categorical(y, 3).',
        ),
        "E-LABEL-SHAPE",
        one_hot_classifier,
    ),
    Case(
        "8",
        lambda m: m.fit(put(X, (0, 0), np.nan), Y),
        (
            "x contains NaN: first at sample 0, column 0 (1 value).",
            "Training stopped before any update.",
            "Clean with np.nan_to_num(x) or drop the rows.",
        ),
        "E-NOT-FINITE",
    ),
    Case(
        "8-image",
        lambda m: m.fit(put(IMAGES, (1, slice(2, 4), 3, 0), np.nan), X[:2, 0]),
        ("x contains NaN: first at sample 1, at [2, 3, 0] (2 values).",),
        "E-NOT-FINITE",
        convolution,
    ),
    Case(
        "9",
        lambda m: m.fit(X, put(X[:, 0], 0, np.inf)),
        ("y contains inf: first at sample 0 (1 value).", "np.nan_to_num(y)"),
        "E-NOT-FINITE",
        regressor,
    ),
    Case("11", lambda m: m.fit(X[:0], Y[:0]), ("x has 0 samples.",), "E-EMPTY"),
    Case("11-list", lambda m: m.fit([], []), ("x has 0 samples.",), "E-EMPTY"),
    Case("13", lambda m: m.evaluate(X[:0], Y[:0]), ("evaluate got 0 samples.",), "E-EMPTY"),
    Case(
        "15", lambda m: m.fit(X, Y, batch_size=0), ("batch_size must be >= 1, got 0.",), "E-RANGE"
    ),
    Case(
        "15-evaluate",
        lambda m: m.evaluate(X, Y, batch_size=0),
        ("batch_size must be >= 1, got 0.",),
        "E-RANGE",
    ),
    Case(
        "15-predict",
        lambda m: m.predict(X, batch_size=-2),
        ("batch_size must be >= 1, got -2.",),
        "E-RANGE",
    ),
    Case(
        "15-validation",
        lambda m: m.fit(X, Y, validation_data=(X, Y), validation_batch_size=0),
        ("validation_batch_size must be >= 1, got 0.",),
        "E-RANGE",
    ),
    Case(
        "16",
        lambda m: m.fit(X, Y, batch_size=8.0),
        ("batch_size must be an int, got 8.0 (float). Use 8.",),
        "E-TYPE",
        error=UsageTypeError,
    ),
    Case(
        "16-text",
        lambda m: m.fit(X, Y, epochs="3"),
        ("epochs must be an int, got '3'. Use 3 without quotes.",),
        "E-TYPE",
        error=UsageTypeError,
    ),
    Case(
        "16-bool",
        lambda m: m.fit(X, Y, steps_per_epoch=True),
        ("steps_per_epoch must be an int, got True (bool).",),
        "E-TYPE",
        error=UsageTypeError,
    ),
    Case("17", lambda m: m.fit(X, Y, epochs=-3), ("epochs must be >= 0, got -3.",), "E-RANGE"),
    Case(
        "17-freq",
        lambda m: m.fit(X, Y, validation_data=(X, Y), validation_freq=0),
        ("validation_freq must be >= 1, got 0.",),
        "E-RANGE",
    ),
    Case(
        "18",
        lambda m: m.fit(np.full((ROWS, 4), "a"), Y),
        (
            "x is text (dtype <U1).",
            "Encode it first: StringLookup / TextVectorization, or pd.get_dummies.",
        ),
        "E-TEXT",
    ),
    Case(
        "19",
        lambda m: m.fit(X, np.full(ROWS, "cat")),
        (
            "y holds 1 text class: 'cat'.",
            "Map to integers: classes, y = np.unique(y, return_inverse=True).",
        ),
        "E-TEXT",
    ),
    Case(
        "19-list",
        lambda m: m.fit(X, ["cat", "dog"] * 16),
        ("y holds 2 text classes: 'cat', 'dog'.", "np.unique(y, return_inverse=True)"),
        "E-TEXT",
    ),
    Case(
        "20",
        lambda m: m.fit(rows_of(2, 1), Y[:2]),
        ("x is an object array; rows have different lengths (2, 1).", "Use pad_sequences(x)."),
        "E-RAGGED",
    ),
    Case(
        "20-list",
        lambda m: m.fit([[1.0, 2.0], [1.0]], Y[:2]),
        ("x has rows of different lengths (2, 1).", "Use pad_sequences(x)."),
        "E-RAGGED",
    ),
    Case(
        "20-deep",
        lambda m: m.fit([[[1.0], [1.0, 2.0]], [[1.0], [1.0]]], Y[:2]),
        ("x has rows of different lengths (1, 2).",),
        "E-RAGGED",
    ),
    Case(
        "20-arrays",
        lambda m: m.fit([X[0], X[0, :2]], Y[:2]),
        ("x has rows of different lengths (4, 2).",),
        "E-RAGGED",
    ),
    Case(
        "22",
        lambda m: m.fit(3.0, Y),
        ("x must be array-like with a batch axis, got 3.0 (float).",),
        "E-SCALAR",
    ),
    Case(
        "22-numpy",
        lambda m: m.predict(np.array(3, "float32")),
        ("x must be array-like with a batch axis, got 3.0 (float32).",),
        "E-SCALAR",
    ),
    Case(
        "22-device",
        lambda m: m.predict(keras.engine.array(np.float32(3))),
        ("x must be array-like with a batch axis, got array of shape (), float32.",),
        "E-SCALAR",
    ),
    Case("22-y", lambda m: m.fit(X, 3), ("y must be array-like", "got 3 (int)."), "E-SCALAR"),
    Case(
        "22-weight",
        lambda m: m.fit(X, Y, sample_weight=2.0),
        ("sample_weight must be array-like", "got 2.0 (float)."),
        "E-SCALAR",
    ),
    Case("23", lambda m: m.fit(None, Y), ("fit() needs x. You passed None.",), "E-NO-X"),
    Case("23-predict", lambda m: m.predict(None), ("predict() needs x.",), "E-NO-X"),
    Case(
        "24",
        lambda m: m.fit(X),
        (
            'The model has loss "sparse_categorical_crossentropy", which needs y, but fit(x) was '
            "called without y.",
        ),
        "E-NO-TARGET",
    ),
    Case("24-evaluate", lambda m: m.evaluate(X), ("but evaluate(x) was called",), "E-NO-TARGET"),
    Case(
        "24-batch",
        lambda m: m.train_on_batch(X),
        ("but train_on_batch(x) was called without y.",),
        "E-NO-TARGET",
    ),
    Case(
        "24-one-of-two",
        lambda m: m.fit([X, X], {"left": X[:, 0]}),
        ('loss "mse" for output "right", which needs y',),
        "E-NO-TARGET",
        two_by_two,
    ),
    Case(
        "24-stream",
        stream((X,)),
        ("which needs y, but the generator yielded x alone: yield x, y.",),
        "E-NO-TARGET",
    ),
    Case("25", lambda m: m.fit(X, Y[:20]), ("x has 32 samples but y has 20.",), "E-LENGTHS"),
    Case(
        "25-two",
        lambda m: m.fit([X, X[:9]], [X[:, 0], X[:, 0]]),
        ('x["a"] has 32 samples but x["b"] has 9.',),
        "E-LENGTHS",
        two_by_two,
    ),
    Case(
        "26",
        lambda m: m.fit(X, Y),
        ("must be compiled first", 'e.g. model.compile("adam", "mse")'),
        "E-COMPILE",
        uncompiled,
    ),
    Case("26-evaluate", lambda m: m.evaluate(X, Y), ("compiled first",), "E-COMPILE", uncompiled),
    Case("26-batch", lambda m: m.train_on_batch(X, Y), ("compiled",), "E-COMPILE", uncompiled),
    Case(
        "30",
        lambda m: m.fit(batches(GOOD), validation_split=0.2, steps_per_epoch=1),
        (
            "validation_split cannot split a generator.",
            "Pass validation_data=(x_val, y_val) or a second generator.",
        ),
        "E-SPLIT",
    ),
    Case(
        "31",
        stream((X, Y, Y, Y)),
        (
            "generator yielded a tuple of 4 at batch 0; expected (x,), (x, y) or (x, y, "
            "sample_weight).",
        ),
        "E-YIELD",
    ),
    Case(
        "32",
        stream([X, Y]),
        ("generator yielded a list; use a tuple: yield x, y",),
        "E-YIELD",
    ),
    Case("32-none", stream((None, Y)), ("generator yielded None for x at batch 0.",), "E-YIELD"),
]
