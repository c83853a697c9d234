"""Layers for tables and text give what those of Keras 3.15.1 give; their files go both ways.

Differences on purpose: vectors come in the layer's float dtype, where Keras's lookups give int32
on JAX; "multi_hot" and "count" take the last axis together, as Keras's page says, where Keras on
JAX takes the second of three or more; data that Keras would take in silence are errors (see
tests/layers/test_tables.py).
"""

import zipfile

import numpy as np
import pytest

import cornu
from cornu.layers.preprocessing.fingerprints import device_buckets, host_hashes

pytestmark = pytest.mark.peers

rng = np.random.default_rng(3)
numbers = rng.normal(size=(40, 3)).astype("float32")
ids = rng.integers(-40, 40, (30, 4))
ids[:3, 1] = 0, 10, -1
words = np.array(["a", "b", "cat", "dog", "été", "zz top", ""])[rng.integers(0, 7, (20, 3))]
sentences = [
    "The cat sat on the mat.",
    "the DOG, ran! ran  far",
    "",
    "Été à la plage\tÀ\n été",
    "a-b's $5 [x] ~t` don’t a\u00a0b c\u3000d",
]


def pair(keras, name, **options):
    return getattr(cornu.layers, name)(**options), getattr(keras.layers, name)(**options)


def same(ours, theirs, what=""):
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape, f"{what}: {a.shape} for {b.shape}"
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=what)


# ---------------------------------------------------------------- hashes


def test_hashes_are_those_of_tensorflow(keras):  # Keras first: it chooses its backend once
    tf = pytest.importorskip("tensorflow")
    sizes = [*range(140), 191, 192, 193, 255, 256, 257, 1000, 5000]
    texts = [rng.integers(0, 256, n, dtype="uint8").tobytes() for n in sizes]
    buckets = 2**62 - 57
    found = (host_hashes(texts) % np.uint64(buckets)).astype("int64")
    np.testing.assert_array_equal(found, tf.strings.to_hash_bucket_fast(texts, buckets))
    for key in ((1, 2), (133, 137), (2**62, 5)):
        found = (host_hashes(texts, key) % np.uint64(buckets)).astype("int64")
        expected = tf.strings.to_hash_bucket_strong(texts, buckets, list(key))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("buckets", [1, 3, 1000, 65537, 2**31 - 1])
def test_hashes_of_integers_on_the_engine(buckets, keras):
    tf = pytest.importorskip("tensorflow")
    edges = [0, 1, -1, 9, 10, -10, 2**31 - 1, -(2**31), *(10**k for k in range(10))]
    x = np.append(rng.integers(-(2**31), 2**31, 100), edges).astype("int32")
    text = tf.strings.as_string(x)
    expected = tf.strings.to_hash_bucket_fast(text, buckets)
    np.testing.assert_array_equal(device_buckets(x, buckets), expected)
    expected = tf.strings.to_hash_bucket_strong(text, buckets, [7, 9])
    np.testing.assert_array_equal(device_buckets(x, buckets, (7, 9)), expected)


@pytest.mark.parametrize("options", [{}, {"salt": 133}, {"salt": [133, 137]}, {"mask": True}])
@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_hashing(options, mode, keras):
    for x, mask in ((words, "cat"), (words[:, :1], "cat"), (ids, 7), (ids[:, 0], 7)):
        said = {"mask_value": mask} if options.get("mask") else options
        ours, theirs = pair(keras, "Hashing", num_bins=6, output_mode=mode, **said)
        same(ours(x), theirs(x), f"{x.dtype} {x.shape}")
        if x.dtype.kind == "i":
            compiled = cornu.Sequential([cornu.Input(x.shape[1:], dtype="int32"), ours])
            if x.ndim > 1:
                same(compiled.predict(x, verbose=0), theirs(x), "compiled")


@pytest.mark.parametrize("mode", ["int", "one_hot"])
def test_hashed_crossing(mode, keras):
    columns = [words[:, 0], ids[:20, 0], words[:, 1], ids[:20, 1]]
    for chosen in ((0, 1), (1, 3), (0, 2), (0, 1, 2, 3)):
        for shape in ((20,), (20, 1)):
            x = tuple(columns[i].reshape(shape) for i in chosen)
            ours, theirs = pair(keras, "HashedCrossing", num_bins=7, output_mode=mode)
            same(ours(x), theirs(x), f"{chosen} {shape}")
    a, b = (cornu.Input((1,), dtype="int32") for _ in range(2))
    model = cornu.Model([a, b], ours([a, b]))
    x = [ids[:20, :1], ids[:20, 1:2]]
    same(model.predict(x, verbose=0), theirs(tuple(x)), "compiled")


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), (-2, -1), (-2,)])
@pytest.mark.parametrize("invert", [False, True])
def test_normalization(axis, invert, keras):
    x = rng.normal(3, 2, (20, 3, 4)).astype("float32")
    ours, theirs = pair(keras, "Normalization", axis=axis, invert=invert)
    ours.adapt(x)
    theirs.adapt(x)
    mine = [(w.name, tuple(w.shape), w.trainable, str(w.dtype)) for w in ours.weights]
    assert mine == [(w.name, tuple(w.shape), w.trainable, str(w.dtype)) for w in theirs.weights]
    same(ours.get_weights()[0], theirs.get_weights()[0])
    same(ours.get_weights()[1], theirs.get_weights()[1])
    same(ours(x), theirs(x))
    given = {"mean": 1.5, "variance": 4.0}
    ours, theirs = pair(keras, "Normalization", axis=axis, invert=invert, **given)
    same(ours(x), theirs(x))
    if axis == -1:
        given = {"mean": [1, 2, 3, 4.0], "variance": [0.0, 1, 2, 3]}
        ours, theirs = pair(keras, "Normalization", axis=axis, invert=invert, **given)
        same(ours(x), theirs(x))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_discretization(mode, keras):
    for x in (numbers, numbers[:, :1], numbers[:, 0]):
        given = {"bin_boundaries": [-1.0, 0.0, 0.25], "output_mode": mode}
        ours, theirs = pair(keras, "Discretization", **given)
        same(ours(x), theirs(x))
    exact = np.array([[-1, 0, 0.25, 0.1, 9]], "float32")
    same(ours(exact), theirs(exact))


@pytest.mark.parametrize("bins, epsilon", [(4, 0.01), (10, 0.1), (2, 0.01), (3, 0.3)])
def test_discretization_learns(bins, epsilon, keras):
    for size in (5, 100, 3000):
        x = rng.normal(size=(size, 1)).astype("float32")
        ours, theirs = pair(keras, "Discretization", num_bins=bins, epsilon=epsilon)
        ours.adapt(x)
        theirs.adapt(x)
        np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, 1e-2, 5e-3)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_category_encoding(mode, keras):
    ours, theirs = pair(keras, "CategoryEncoding", num_tokens=5, output_mode=mode)
    x = rng.integers(0, 5, (6, 4))
    for one in (x, x[:, :1], x[0], 3):
        same(ours(one), theirs(one), f"{np.shape(one)}")
    if mode == "count":
        weights = rng.uniform(size=x.shape).astype("float32")
        same(ours(x, count_weights=weights), theirs(x, count_weights=weights))


# ---------------------------------------------------------------- lookups

INTS = [
    {"num_oov_indices": 3},
    {"num_oov_indices": 3, "oov_method": "farmhash"},
    {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 7},
    {"mask_token": 0},
    {"mask_token": 0, "num_oov_indices": 2},
    {"oov_token": -2},
    {"max_tokens": 9, "pad_to_max_tokens": True},
]
WORDS = [
    {"num_oov_indices": 3},
    {"num_oov_indices": 3, "salt": [1, 2]},
    {"num_oov_indices": 3, "salt": 5},
    {"mask_token": ""},
    {"mask_token": "", "num_oov_indices": 2, "oov_token": "OOV"},
    {"max_tokens": 9, "pad_to_max_tokens": True},
]
MODES = ["int", "one_hot", "multi_hot", "count", "tf_idf"]


@pytest.mark.parametrize("options", [{}, *INTS], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_integer_lookup(options, mode, keras):
    said = {"vocabulary": [10, 30, 20, -7], "output_mode": mode, **options}
    if mode == "tf_idf":
        said["idf_weights"] = [0.5, 0.25, 2.0, 3.0]
    ours, theirs = pair(keras, "IntegerLookup", **said)
    assert ours.get_vocabulary() == [int(t) for t in theirs.get_vocabulary()]
    assert ours.vocabulary_size() == theirs.vocabulary_size()
    for x in (ids, ids[:, :1], ids[:, 0]):
        same(ours(x), theirs(x), f"{x.shape}")
    model = cornu.Sequential([cornu.Input((4,), dtype="int32"), ours])
    same(model.predict(ids, verbose=0), theirs(ids), "compiled")
    learned = pair(keras, "IntegerLookup", output_mode=mode, **options)
    for layer in learned:
        layer.adapt(ids)
    assert learned[0].get_vocabulary() == [int(t) for t in learned[1].get_vocabulary()]
    same(learned[0](ids), learned[1](ids), "learned")


@pytest.mark.parametrize("options", [{}, *WORDS], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_string_lookup(options, mode, keras):
    said = {"vocabulary": ["cat", "été", "b"], "output_mode": mode, **options}
    if mode == "tf_idf":
        said["idf_weights"] = [0.5, 0.25, 2.0]
    ours, theirs = pair(keras, "StringLookup", **said)
    assert ours.get_vocabulary() == [str(t) for t in theirs.get_vocabulary()]
    for x in (words, words[:, :1], words[:, 0]):
        same(ours(x), theirs(x), f"{x.shape}")
    learned = pair(keras, "StringLookup", output_mode=mode, **options)
    for layer in learned:
        layer.adapt(words)
    assert learned[0].get_vocabulary() == [str(t) for t in learned[1].get_vocabulary()]
    same(learned[0](words), learned[1](words), "learned")


def test_inverted_numbers(keras):
    for options in ({}, {"mask_token": 0}):
        ours, theirs = pair(keras, "IntegerLookup", vocabulary=[5, 7], invert=True, **options)
        x = np.arange(-1, 6)[None]
        same(ours(x), theirs(x))


# ---------------------------------------------------------------- text

TEXTS = [
    {},
    {"output_sequence_length": 3},
    {"output_sequence_length": 20},
    {"ngrams": 2},
    {"ngrams": (2, 3)},
    {"max_tokens": 6},
    {"split": "character"},
    {"split": None},
    {"standardize": None},
    {"standardize": "lower"},
    {"standardize": "strip_punctuation"},
    {"output_mode": "multi_hot"},
    {"output_mode": "count", "max_tokens": 20, "pad_to_max_tokens": True},
    {"output_mode": "tf_idf"},
    {"output_mode": "tf_idf", "ngrams": 2},
]


@pytest.mark.parametrize("options", TEXTS, ids=str)
def test_text_vectorization(options, keras):
    ours, theirs = pair(keras, "TextVectorization", **options)
    for layer in (ours, theirs):
        layer.adapt(sentences)
    assert ours.get_vocabulary() == [str(t) for t in theirs.get_vocabulary()]
    assert ours.vocabulary_size() == theirs.vocabulary_size()
    unseen = [*sentences, "the unseen cat"]
    same(ours(unseen), theirs(unseen))
    column = np.array(unseen)[:, None]
    same(ours(column), theirs(column))


# ---------------------------------------------------------------- files


def text_model(library, adapt):
    layers = library.layers
    made = [
        layers.TextVectorization(name="t1"),
        layers.TextVectorization(name="t2", output_mode="tf_idf"),
        layers.StringLookup(name="s1", mask_token=""),
        layers.StringLookup(name="s2", output_mode="tf_idf"),
    ]
    if adapt:
        for layer in made[:2]:
            layer.adapt(sentences)
        for layer in made[2:]:
            layer.adapt(words)
    return made


def number_model(library, adapt):
    layers = library.layers
    made = [
        layers.Normalization(name="n"),
        layers.Discretization(num_bins=3, name="d"),
        layers.IntegerLookup(name="i1"),
        layers.IntegerLookup(name="i2", output_mode="tf_idf"),
        layers.IntegerLookup(vocabulary=[5, 6], name="i3"),
    ]
    if adapt:
        for layer in made:
            if layer.name != "i3":
                layer.adapt(numbers if layer.name in "nd" else ids[:, :3])
    x, i = layers.Input((3,), name="x"), layers.Input((3,), dtype="int32", name="i")
    outputs = [layer(x if layer.name in "nd" else i) for layer in made]
    outputs += [layers.Hashing(4, name="h")(i), layers.CategoryEncoding(50, name="c")(i)]
    return library.Model([x, i], outputs)


def test_keras_reads_our_files(keras, tmp_path):
    ours = number_model(cornu, True)
    ours.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    x = [numbers[:30], np.abs(ids[:, :3]).astype("int32")]
    mine, its = ours.predict(x, verbose=0), [t for t in theirs(x)]
    for a, b in zip(mine, its, strict=True):
        same(a, b)


def test_configs_of_learned_text_layers_go_across(keras):
    for layer in text_model(cornu, True):
        form = cornu.config.serialize(layer)
        read = keras.saving.deserialize_keras_object(form)
        data = sentences if "t" in layer.name else words
        same(layer(data), read(data), layer.name)


def test_vocabulary_files_go_across(keras, tmp_path):
    for mine, its in zip(text_model(cornu, True), text_model(keras, True), strict=True):
        for name, one, other in (("a", mine, its), ("b", its, mine)):
            folder = tmp_path / f"{mine.name}_{name}"
            folder.mkdir()
            one.save_assets(folder)
            fresh = type(other).from_config({**other.get_config(), **BARE})
            store = {}
            one.save_own_variables(store)
            fresh.load_own_variables(store)
            fresh.load_assets(folder)
            data = sentences if mine.name.startswith("t") else words
            same(fresh(data), one(data), mine.name)


BARE = {"vocabulary": None, "idf_weights": None}


def test_we_read_weights_of_keras(keras, tmp_path):
    """What lies in weights and config; vocabularies lie in files of their own: see above."""
    theirs = number_model(keras, True)
    theirs.save(tmp_path / "theirs.keras")
    ours = cornu.saving.load_model(tmp_path / "theirs.keras")
    for name, data in (("n", numbers), ("d", numbers), ("i3", ids)):
        same(ours.get_layer(name)(data), theirs.get_layer(name)(data), name)
    with zipfile.ZipFile(tmp_path / "theirs.keras") as archive:
        archive.extractall(tmp_path)
    for name, folder in (("i1", "integer_lookup"), ("i2", "integer_lookup_1")):
        ours.get_layer(name).load_assets(tmp_path / "assets" / "layers" / folder)
        same(ours.get_layer(name)(ids), theirs.get_layer(name)(ids), name)
