"""`FeatureSpace`: each kind of column by plain arithmetic, crosses, models made of it, and back."""

import numpy as np
import pytest

import cornu
from cornu import layers, saving
from cornu.errors import UsageError, UsageTypeError
from cornu.utils.batches import Batches
from cornu.utils.feature_space import FeatureSpace

TABLE = {
    "age": [20.0, 40.0, 30.0, 30.0],
    "job": ["cook", "pilot", "cook", "clerk"],
    "code": [7, 7, 9, 3],
}


def test_columns_stand_side_by_side_by_name():
    space = FeatureSpace(
        {"job": "string_categorical", "age": "float_normalized", "code": "integer_categorical"}
    )
    space.adapt(TABLE)
    found = np.asarray(space(TABLE))
    age = (np.array(TABLE["age"]) - 30) / np.sqrt(50)
    # Unknown first, then by frequency, and of equals the greater first.
    code = np.array([[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    job = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, np.column_stack([age, code, job]), atol=1e-6)
    one = np.asarray(space({"age": 30.0, "job": "nobody", "code": 9}))
    assert one.tolist() == [0, 0, 0, 1, 0, 1, 0, 0, 0]


def test_numbers_as_asked():
    space = FeatureSpace(
        {
            "plain": "float",
            "scaled": FeatureSpace.float_rescaled(2.0, 1.0),
            "bins": FeatureSpace.float_discretized(bin_boundaries=[0.0, 1.0]),
        },
        output_mode="dict",
    )
    table = {"plain": [1.5, 2], "scaled": [1.5, 2], "bins": [-1.0, 0.5]}
    found = {name: np.asarray(x).tolist() for name, x in space(table).items()}
    assert found == {
        "bins": [[1, 0, 0], [0, 1, 0]],
        "plain": [[1.5], [2]],
        "scaled": [[4], [5]],
    }


def test_hashes_and_crosses():
    space = FeatureSpace(
        {
            "job": FeatureSpace.string_hashed(8, "int"),
            "code": FeatureSpace.integer_hashed(4, "int"),
        },
        output_mode="dict",
        crosses=[("job", "code"), FeatureSpace.cross(("code", "job"), 5, "int")],
        crossing_dim=6,
    )
    found = {name: np.asarray(x) for name, x in space(TABLE).items()}
    assert [(n, x.shape) for n, x in found.items()] == [
        ("code", (4, 1)),
        ("job", (4, 1)),
        ("code_X_job", (4, 1)),
        ("job_X_code", (4, 6)),
    ]
    jobs = np.array(TABLE["job"])[:, None]
    assert found["job"].tolist() == np.asarray(layers.Hashing(8)(jobs)).tolist()
    crossed = layers.HashedCrossing(6)([found["job"], found["code"]])
    assert found["job_X_code"].argmax(1).tolist() == np.asarray(crossed).ravel().tolist()
    assert (found["job_X_code"].sum(1) == 1).all()


def test_a_model_is_made_of_it(tmp_path):
    space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
    space.adapt(TABLE)
    out = layers.Dense(1, kernel_initializer="ones")(space.get_encoded_features())
    model = cornu.Model(space.get_inputs(), out)
    columns = {name: np.array(TABLE[name])[:, None] for name in ("age", "job")}
    expected = np.asarray(space(TABLE)).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict(columns, verbose=0), expected, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(columns, verbose=0), expected, rtol=1e-5)


def test_it_learns_from_batches_and_maps_them():
    space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
    columns = {name: np.array(TABLE[name]) for name in ("age", "job")}
    rows = Batches(4, lambda i: ({n: x[i] for n, x in columns.items()}, i), batch_size=3)
    space.adapt(rows.map(lambda x, y: x))
    (x, y), _ = rows.map(lambda x, y: (space(x), y))
    assert np.asarray(x).shape == (3, 5) and y.tolist() == [0, 1, 2]
    np.testing.assert_allclose(x, np.asarray(space(TABLE))[:3])
    before = np.asarray(space(TABLE))
    space.adapt({"age": [0.0, 2.0], "job": ["x"]})
    assert np.asarray(space(TABLE)).shape == (4, 3) and before.shape == (4, 5)


def test_a_layer_of_ones_own():
    layer = layers.TextVectorization(output_mode="count")
    space = FeatureSpace({"job": FeatureSpace.feature("string", layer, "float")})
    space.adapt({"job": ["a b", "b b"]})
    assert np.asarray(space({"job": ["b b a"]})).tolist() == [[0, 2, 1]]


def test_config():
    space = FeatureSpace(
        {"code": "integer_categorical", "job": "string_categorical"},
        crosses=[("code", "job")],
        name="mine",
    )
    space.adapt(TABLE)
    again = FeatureSpace.from_config(space.get_config())
    np.testing.assert_array_equal(np.asarray(again(TABLE)), np.asarray(space(TABLE)))
    assert again.get_config() == space.get_config()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: FeatureSpace({}), "features must be a dict"),
        (lambda: FeatureSpace({"a": "floats"}), 'Did you mean "float"?'),
        (lambda: FeatureSpace({"a": 3}), "feature 'a' must be one of"),
        (lambda: FeatureSpace({"a": "float"}, "list"), "output_mode must be one of"),
        (lambda: FeatureSpace({"age": "float"}, crosses=[("agee",)]), 'Did you mean "age"?'),
        (lambda: FeatureSpace.cross("ab", 4, "float"), "output_mode must be one of"),
        (lambda: FeatureSpace({"a": "float_normalized"})({"a": [1]}), "space.adapt(table)"),
        (lambda: FeatureSpace({"a": "float"})([1]), "takes a dict of columns"),
        (lambda: FeatureSpace({"a": "float"})({"b": [1]}), "no column 'a'"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt([[1]]), "dicts of columns"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt([]), "no batches"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt({"b": [1]}), "no column 'a'"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, "int")})({"a": [1]}),
            "cannot stand beside",
        ),
        (
            lambda: FeatureSpace(
                {"a": FeatureSpace.feature("float32", layers.Rescaling(1.0), "one_hot")}
            )({"a": [1.0]}),
            'cannot be "one_hot"',
        ),
    ],
)
def test_wrong_calls_are_refused(call, said):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call()
    assert said in str(caught.value)
