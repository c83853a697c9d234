"""Layers for tables: what `adapt` learns, 64-bit integers, files, and what they refuse."""

import json

import numpy as np
import pytest

import cornu
from cornu import layers
from cornu.config import deserialize, serialize
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Input
from cornu.layers.preprocessing.fingerprints import host_hashes

random = np.random.default_rng(0)


# ---------------------------------------------------------------- normalization


def of_pairs():
    x = np.arange(12.0).reshape(6, 2)
    yield x, x
    yield x.tolist(), x
    yield (x[i : i + 2] for i in range(0, 6, 2)), x
    yield iter([x[:1], x[1:]]), x


@pytest.mark.parametrize("case", range(4))
def test_mean_and_variance_are_those_of_the_data(case: int):
    data, x = list(of_pairs())[case]
    layer = layers.Normalization()
    layer.adapt(data)
    mean, variance, count = layer.get_weights()
    np.testing.assert_allclose(mean, x.mean(0))
    np.testing.assert_allclose(variance, x.var(0), rtol=1e-6)
    assert count == 6
    np.testing.assert_allclose(layer(x), (x - x.mean(0)) / x.std(0), rtol=1e-5)


def test_sums_far_from_zero_keep_their_digits():
    """A sum of squares in float32 would leave nothing of this variance."""
    x = 1e6 + random.normal(size=(1000, 1))
    layer = layers.Normalization()
    layer.adapt(x[i : i + 7] for i in range(0, 1000, 7))
    np.testing.assert_allclose(layer.get_weights()[1], x.var(0), rtol=1e-6)


def test_axes_keep_their_places():
    x = random.normal(3, 2, (5, 3, 4))
    for axis, others in ((1, (0, 2)), ((1, 2), 0), (None, (0, 1, 2)), (-1, (0, 1))):
        layer = layers.Normalization(axis=axis)
        layer.adapt(x)
        expected = (x - x.mean(others, keepdims=True)) / x.std(others, keepdims=True)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
        back = layers.Normalization(axis=axis, invert=True)
        back.adapt(x)
        np.testing.assert_allclose(back(expected), x, rtol=1e-4, atol=1e-4)


def test_adapt_begins_afresh():
    layer = layers.Normalization()
    layer.adapt([[1.0], [3.0]])
    layer.adapt([[10.0], [30.0]])
    np.testing.assert_allclose(layer.get_weights()[0], [20.0])


def test_a_model_sees_what_is_learned_later():
    layer = layers.Normalization()
    model = cornu.Sequential([Input((1,)), layer])
    np.testing.assert_allclose(model.predict(np.array([[2.0]]), verbose=0), [[2.0]])
    layer.adapt([[1.0], [3.0]])
    np.testing.assert_allclose(model.predict(np.array([[4.0]]), verbose=0), [[2.0]])


# ---------------------------------------------------------------- discretization


@pytest.mark.parametrize("batch", [400, 37])
def test_bins_hold_equal_parts(batch: int):
    x = random.normal(size=400)
    layer = layers.Discretization(num_bins=4)
    layer.adapt(x[i : i + batch] for i in range(0, 400, batch))
    np.testing.assert_allclose(np.bincount(layer(x)), [100] * 4, atol=400 * 0.03)


def test_boundaries_belong_to_the_bin_above():
    layer = layers.Discretization([0.0, 1.0])
    np.testing.assert_array_equal(layer([[-0.1, 0.0, 0.9, 1.0, 5.0]]), [[0, 1, 1, 2, 2]])


def test_learned_boundaries_are_in_the_config():
    layer = layers.Discretization(num_bins=3)
    layer.adapt(random.normal(size=(50, 2)))
    again = deserialize(json.loads(json.dumps(serialize(layer))))
    assert again.bin_boundaries == layer.bin_boundaries
    assert again.num_bins == 3


def test_short_dtypes_do_not_move_values_across_boundaries():
    layer = layers.Discretization([1.001], dtype="bfloat16")
    np.testing.assert_array_equal(layer(np.array([1.0, 1.002], "float32")), [0, 1])


# ---------------------------------------------------------------- categories and lookups


def test_count_weights_have_slopes_and_values():
    layer = layers.CategoryEncoding(3, output_mode="count")
    found = layer(np.array([[0, 2, 2]]), count_weights=np.array([[0.5, 1.0, 2.0]]))
    np.testing.assert_allclose(found, [[0.5, 0.0, 3.0]])


def test_numbers_beyond_32_bits():
    big = 2**40
    layer = layers.IntegerLookup(vocabulary=[big, big + 1])
    np.testing.assert_array_equal(layer(np.array([[big + 1, big, 1]])), [[2, 1, 0]])
    np.testing.assert_array_equal(layer([[big + 1]]), [[2]])
    back = layers.IntegerLookup(vocabulary=[big, big + 1], invert=True)
    assert np.asarray(back(np.array([2, 0]))).tolist() == [big + 1, -1]
    with pytest.raises(UsageError, match="32 bits"):
        back(Input((1,), dtype="int32"))
    hashed = layers.Hashing(2**20)
    expected = host_hashes([str(big).encode()])[0] % 2**20
    assert int(hashed(np.array([big]))[0]) == expected


def test_most_frequent_numbers_come_first():
    layer = layers.IntegerLookup(mask_token=0, max_tokens=5)
    layer.adapt(np.array([[5, 5, 3], [3, 2, 7], [-1, 0, 0]]))
    assert layer.get_vocabulary() == [0, -1, 5, 3, 7]
    assert layer.get_vocabulary(include_special_tokens=False) == [5, 3, 7]
    assert layer.vocabulary_size() == 5


def test_weights_of_rare_numbers():
    """log(1 + documents / (1 + documents that hold it)); the unknown have the mean."""
    layer = layers.IntegerLookup(output_mode="tf_idf")
    layer.adapt(row for row in np.array([[[1, 1, 2]], [[1, 3, 3]]]))
    assert layer.get_vocabulary() == [-1, 1, 3, 2]
    weights = np.log(1 + 2 / (1 + np.array([2, 1, 1])))
    expected = [[weights.mean(), 2 * weights[0], 0, weights[2]]]
    np.testing.assert_allclose(layer(np.array([[1, 1, 2, 9]])), expected, rtol=1e-6)


def test_a_model_is_made_before_the_vocabulary_is_known():
    layer = layers.IntegerLookup()
    x = Input((2,), dtype="int32")
    model = cornu.Model(x, layer(x))
    with pytest.raises(UsageError, match="adapt"):
        model.predict(np.array([[1, 2]]), verbose=0)
    layer.adapt([7, 8, 8])
    np.testing.assert_array_equal(model.predict(np.array([[7, 8]]), verbose=0), [[2, 1]])


# ---------------------------------------------------------------- hashes


def test_published_hashes():
    """From the page of SipHash: key 00 … 0f, the text 00 … 0e. From TensorFlow: the others."""
    key = tuple(int.from_bytes(bytes(range(a, a + 8)), "little") for a in (0, 8))
    assert host_hashes([bytes(range(15))], key)[0] == 0xA129CA6149BE45E5
    texts = ["", "a", "cat", "hello", "été", "ab cd ef"]
    texts += ["x" * n for n in (16, 17, 32, 33, 64, 65, 200)]
    found = host_hashes([t.encode() for t in texts]) % 1000003
    farm = [377723, 291400, 666939, 497363, 852014, 692214, 762252]
    assert found.tolist() == [*farm, 200771, 750362, 302064, 518772, 595507, 603131]
    found = host_hashes([t.encode() for t in texts], (133, 137)) % 1000003
    sip = [953272, 554259, 571401, 73327, 379437, 50736, 231986]
    assert found.tolist() == [*sip, 664513, 280614, 429380, 468263, 915689, 736155]


def test_hashes_of_text_and_numbers_agree():
    layer = layers.Hashing(1000)
    np.testing.assert_array_equal(layer([["1", "-20"]]), layer(np.array([[1, -20]])))
    masked = layers.Hashing(10, mask_value="")
    assert np.asarray(masked([["", "a", "b"]]))[0, 0] == 0
    assert np.all(np.asarray(masked([["a", "b", "c", "d"]])) > 0)


# ---------------------------------------------------------------- files


def test_models_come_back_with_what_they_learned(tmp_path):
    normal, bins = layers.Normalization(), layers.Discretization(num_bins=3)
    lookup = layers.IntegerLookup(output_mode="tf_idf")
    data, ids = random.normal(size=(30, 2)), random.integers(0, 9, (30, 2)).astype("int32")
    normal.adapt(data)
    bins.adapt(data)
    lookup.adapt(ids)
    x, i = Input((2,)), Input((2,), dtype="int32")
    model = cornu.Model([x, i], [normal(x), bins(x), lookup(i), layers.Hashing(5)(i)])
    model.save(tmp_path / "m.keras")
    again = cornu.saving.load_model(tmp_path / "m.keras")
    expected = model.predict([data, ids], verbose=0)
    for one, other in zip(again.predict([data, ids], verbose=0), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_vocabularies_as_files(tmp_path):
    layer = layers.IntegerLookup(vocabulary=[3, -4], mask_token=0)
    layer.save_assets(tmp_path)
    assert (tmp_path / "vocabulary.txt").read_text() == "0\n-1\n3\n-4"
    again = layers.IntegerLookup(mask_token=0)
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary()
    (tmp_path / "v.txt").write_text("3\n-4\n")
    read = layers.IntegerLookup(vocabulary=str(tmp_path / "v.txt"))
    assert read.get_vocabulary() == [-1, 3, -4]
    assert read.get_config()["vocabulary"] == [3, -4]


# ---------------------------------------------------------------- bad input

L = layers
DUPLICATES = "list(dict.fromkeys(tokens))"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: L.Normalization(mean=1.0), ["both mean and variance", "None"]),
        (lambda: L.Normalization(mean=1.0, variance=-1.0), ["variance must be >= 0"]),
        (lambda: L.Normalization(axis="last"), ["axis", "'last'"]),
        (lambda: L.Normalization().adapt(np.arange(4.0)), ["batch", "x[:, None]", "axis=None"]),
        (lambda: L.Normalization(axis=3)(np.zeros((2, 3))), ["axis 3", "2 axes"]),
        (lambda: L.Normalization()(Input((None, None))), ["not known"]),
        (lambda: L.Normalization(mean=[1.0, 2], variance=[1.0, 1])(np.zeros((2, 3))), ["(3,)"]),
        (lambda: L.Normalization(mean=1.0, variance=1.0).adapt([[1.0]]), ["nothing to adapt"]),
        (lambda: L.Normalization().adapt([[np.nan]]), ["NaN"]),
        (lambda: L.Normalization().adapt([["a"]]), ["numbers", "text", "StringLookup"]),
        (lambda: L.Normalization().adapt([]), ["no data"]),
        (lambda: L.Normalization().adapt([[1.0], [1.0, 2.0]]), ["lengths", "pad_sequences"]),
        (lambda: L.Normalization().adapt((x, 0) for x in [1]), ["targets", "for x, y in data"]),
        (lambda: L.Normalization().adapt(Input((1,))), ["symbolic"]),
        (lambda: L.Normalization().adapt(7.5j.conjugate), ["iterable"]),
        (lambda: _two_widths(), ["(2,)", "(3, 3)"]),
        (lambda: L.Discretization(), ["bin_boundaries", "num_bins", "neither"]),
        (lambda: L.Discretization([0.0], 3), ["both"]),
        (lambda: L.Discretization([1.0, 0.0]), ["rising order"]),
        (lambda: L.Discretization(num_bins=0), [">= 1", "0"]),
        (lambda: L.Discretization(num_bins=2.0), ["int", "2.0"]),
        (lambda: L.Discretization(num_bins=2)([[1.0]]), ["adapt(data)"]),
        (lambda: L.Discretization([0.0]).adapt([1.0]), ["nothing to adapt"]),
        (lambda: L.Discretization(num_bins=2).adapt([np.nan]), ["NaN"]),
        (lambda: L.Discretization([0.0], sparse=True), ["sparse=True"]),
        (lambda: L.Discretization([0.0], output_mode="onehot"), ["output_mode", "one_hot"]),
        (lambda: L.CategoryEncoding(), ["num_tokens", "None"]),
        (lambda: L.CategoryEncoding(3, output_mode="int"), ["output_mode", "'int'"]),
        (lambda: L.CategoryEncoding(3, output_mode=None), ["output_mode"]),
        (lambda: L.CategoryEncoding(3)([[0, 3]]), ["0 to 2", "got 3", "IntegerLookup"]),
        (lambda: L.CategoryEncoding(3)([["a"]]), ["numbers", "StringLookup"]),
        (lambda: L.CategoryEncoding(3)([[0]], count_weights=[[1.0]]), ['output_mode="count"']),
        (lambda: L.Hashing(0), ["num_bins", ">= 1"]),
        (lambda: L.Hashing(2**31), ["num_bins", "2147483647"]),
        (lambda: L.Hashing(1, mask_value=0), ["num_bins", ">= 2"]),
        (lambda: L.Hashing(3, salt="x"), ["salt", "'x'"]),
        (lambda: L.Hashing(3, dtype="float32"), ["integer dtype", "float32"]),
        (lambda: L.HashedCrossing(3)([[1, 2]]), ["two or more"]),
        (lambda: L.HashedCrossing(3)(([1, 2], [1])), ["(2,)", "(1,)"]),
        (lambda: L.HashedCrossing(3)(([1.0], [2.0])), ["float64", "astype"]),
        (lambda: L.HashedCrossing(3, output_mode="count"), ["'one_hot'"]),
        (lambda: L.IntegerLookup()([[1]]), ["no vocabulary", "adapt(data)"]),
        (lambda: L.IntegerLookup(vocabulary=[1, 1]), ["twice", "1", DUPLICATES]),
        (lambda: L.IntegerLookup(vocabulary=[]), ["empty"]),
        (lambda: L.IntegerLookup(vocabulary=[1.5]), ["whole numbers", "1.5"]),
        (lambda: L.IntegerLookup(vocabulary=["a"]), ["whole numbers", "'a'"]),
        (lambda: L.IntegerLookup(vocabulary=[1, 0], mask_token=0), ["mask_token", "[0, -1]"]),
        (lambda: L.IntegerLookup(vocabulary=[1, -1], invert=True), ["oov_token", "[-1]"]),
        (lambda: L.IntegerLookup(max_tokens=2, vocabulary=[1, 2]), ["3 tokens", "max_tokens is 2"]),
        (lambda: L.IntegerLookup(max_tokens=1), ["max_tokens", ">= 2"]),
        (lambda: L.IntegerLookup(num_oov_indices=-1), ["num_oov_indices", ">= 0"]),
        (lambda: L.IntegerLookup(pad_to_max_tokens=True), ["needs max_tokens"]),
        (lambda: L.IntegerLookup(invert=True, output_mode="count"), ['output_mode="int"']),
        (lambda: L.IntegerLookup(vocabulary=[1], idf_weights=[1.0]), ['output_mode="tf_idf"']),
        (lambda: L.IntegerLookup(vocabulary=[1], output_mode="tf_idf"), ["needs idf_weights"]),
        (lambda: _tf_idf(idf_weights=[1.0, 2.0]), ["1 tokens", "got 2"]),
        (lambda: _tf_idf(vocabulary=None, idf_weights=[1.0]), ["need a vocabulary"]),
        (lambda: L.IntegerLookup(salt=3), ["farmhash"]),
        (lambda: L.IntegerLookup(vocabulary=[1], num_oov_indices=0)([2]), ["not in", "2"]),
        (lambda: L.IntegerLookup(vocabulary="/none.txt"), ["cannot read", "/none.txt"]),
        (lambda: L.IntegerLookup.from_config({"vocabulary": "/etc/passwd"}), ["itself", "passwd"]),
    ],
)
def test_bad_input(act, words: list[str]):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        act()
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value)) <= 600


def _two_widths():
    layers.Normalization().adapt(np.zeros((3, n)) for n in (2, 3))


def _tf_idf(vocabulary=(1,), **options):
    return layers.IntegerLookup(vocabulary=vocabulary, output_mode="tf_idf", **options)
