"""Wrong calls that the catalogue does not have: odd dtypes and objects, generators, callbacks."""

import numpy as np

import cornu as keras
from bad_input_cases import (
    GOOD,
    ROWS,
    TOKENS,
    ByIndex,
    Case,
    SparseTensor,
    Unreadable,
    X,
    Y,
    batches,
    embedding,
    put,
    subclass,
)
from cornu.errors import UsageTypeError

MORE = [
    Case(
        "complex",
        lambda m: m.fit(X.astype("complex64"), Y),
        ("x is complex (complex64).", "np.concatenate([x.real, x.imag], -1)"),
        "E-DTYPE",
    ),
    Case(
        "dates",
        lambda m: m.fit(np.zeros((ROWS, 4), "datetime64[D]"), Y),
        ("x holds dates or times (datetime64[D]).", 'np.timedelta64(1, "D")'),
        "E-DTYPE",
    ),
    Case(
        "times",
        lambda m: m.fit(X, np.zeros(ROWS, "timedelta64[s]")),
        ("y holds dates or times (timedelta64[s]).",),
        "E-DTYPE",
    ),
    Case(
        "structured",
        lambda m: m.fit(np.zeros(ROWS, [("a", "f4"), ("b", "f4")]), Y),
        ("x is a structured array with the fields a, b.", "np.stack("),
        "E-DTYPE",
    ),
    Case(
        "raw",
        lambda m: m.fit(np.zeros((ROWS, 4), "V8"), Y),
        ("x has dtype |V8, which holds no numbers.",),
        "E-DTYPE",
    ),
    Case(
        "masked",
        lambda m: m.fit(np.ma.masked_equal(put(X, (0, slice(0, 2)), 7), 7), Y),
        ("x is a masked array with 2 masked values.", "x.filled(0)"),
        "E-MASKED",
    ),
    Case(
        "huge-ints",
        lambda m: m.fit(put(TOKENS, (3, 1), 2**40, "int64"), X[:, 0]),
        (
            "x has 1099511627776 at [3, 1], beyond 32 bits (2147483647).",
            'x.astype("float32")',
        ),
        "E-INTEGER-RANGE",
        embedding,
    ),
    Case(
        "huge-floats",
        lambda m: m.predict(put(X, (6, 2), 1e300, "float64")),
        ("x has 1e+300 at [6, 2], beyond float32 (3.4e+38).", "Scale it, e.g. x / 1e+300."),
        "E-FLOAT-RANGE",
    ),
    Case(
        "none-inside",
        lambda m: m.fit([[1.0, None, 2.0, 3.0]] * ROWS, Y),
        ("x has None at [0, 1].", "Fill or drop the missing values."),
        "E-OBJECT",
    ),
    Case(
        "objects",
        lambda m: m.fit([{"a": 1}] * ROWS, Y),
        ("x has {'a': 1} (dict) at index 0, which is no number.",),
        "E-OBJECT",
    ),
    Case(
        "no-features",
        lambda m: m.fit(X[:, :0], Y),
        ("x has 0 features: its shape is (32, 0).",),
        "E-SIZE",
    ),
    Case(
        "symbolic",
        lambda m: m.fit(m.inputs[0], Y),
        ('x is symbolic ("features", shape (None, 4))', "Pass arrays."),
        "E-SYMBOLIC",
        error=UsageTypeError,
    ),
    Case(
        "function",
        lambda m: m.fit(batches, steps_per_epoch=1),
        ("x is the function batches", "Did you forget the parentheses: batches()?"),
        "E-DATA-TYPE",
        error=UsageTypeError,
    ),
    Case(
        "object",
        lambda m: m.predict(object()),
        ("x must be array-like with a batch axis, got an object of class object.",),
        "E-SCALAR",
    ),
    Case(
        "unreadable",
        lambda m: m.predict(Unreadable()),
        ("x cannot be read as an array of numbers; got Unreadable", "requires grad"),
        "E-DATA-TYPE",
        error=UsageTypeError,
    ),
    Case(
        "sparse",
        lambda m: m.predict(SparseTensor()),
        ("x is a SparseTensor of shape (32, 4).", "tf.sparse.to_dense(x)"),
        "E-SPARSE",
        error=UsageTypeError,
    ),
    Case(
        "no-length",
        lambda m: m.fit(ByIndex()),
        ("x is an object of class ByIndex", "no length. Write __len__."),
        "E-DATA-TYPE",
        error=UsageTypeError,
    ),
    Case(
        "generator-and-y",
        lambda m: m.fit(batches(GOOD), Y, steps_per_epoch=1),
        ("x yields batches, so y must come from it too: yield x, y.",),
        "E-GENERATOR-Y",
    ),
    Case(
        "generator-and-weight",
        lambda m: m.fit(batches(GOOD), sample_weight=np.ones(4), steps_per_epoch=1),
        ("so sample_weight must come from it too: yield x, y, sample_weight.",),
        "E-GENERATOR-Y",
    ),
    Case(
        "validation-alone",
        lambda m: m.fit(X, Y, validation_data=X),
        ("validation_data must be (x, y) or (x, y, sample_weight)", "(32, 4)"),
        "E-VALIDATION",
    ),
    Case(
        "validation-function",
        lambda m: m.fit(X, Y, validation_data=batches),
        ("got the function batches. Did you forget the parentheses: batches()?",),
        "E-VALIDATION",
    ),
    Case(
        "callback-class",
        lambda m: m.fit(X, Y, callbacks=[keras.callbacks.Callback]),
        ("callbacks has the class Callback", "parentheses: Callback(…)?"),
        "E-CALLBACK",
    ),
    Case(
        "verbose",
        lambda m: m.fit(X, Y, verbose="loud"),
        ("verbose must be 0, 1, 2 or \"auto\"; got 'loud'.",),
        "E-VERBOSE",
    ),
    Case("nothing", lambda m: m.fit({}, [Y, Y]), ("x holds no arrays.",), "E-NO-X", subclass),
]
