"""Attention, einsum and reversible tables compute what those of Keras 3.15.1 compute."""

import json

import numpy as np
import pytest

import cornu
from cornu import config
from peers.checks import same, scattered

pytestmark = pytest.mark.peers

EXACT = {"rtol": 2e-5, "atol": 3e-6}


def some(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def truth(*shape):
    """Booleans, with the first row of the first sample all False."""
    found = np.random.default_rng(7).random(shape) < 0.6
    found[(0,) * (len(shape) - 1)] = False
    return found


def pair(keras, name, options, *shapes):
    """The layer in both libraries, built for these shapes, with the same weights."""
    theirs = getattr(keras.layers, name)(**options)
    ours = getattr(cornu.layers, name)(**options)
    theirs.build(*shapes)
    ours.build(*shapes)
    told = [(w.path.partition("/")[2], tuple(w.shape), w.trainable) for w in ours.weights]
    assert told == [(w.path.partition("/")[2], tuple(w.shape), w.trainable) for w in theirs.weights]
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def alike(ours, theirs, *args, **said):
    same(ours(*args, **said), theirs(*args, **said), f"{type(ours).__name__} {list(said)}", EXACT)


# ---------------------------------------------------------------- with heads

Q, V, K = some(2, 3, 6), some(2, 5, 8), some(2, 5, 4)
HEADS = {"num_heads": 2, "key_dim": 4}
GROUPS = {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 2}
CALLS = [
    {},
    {"training": True},
    {"return_attention_scores": True},
    {"use_causal_mask": True},
    {"attention_mask": truth(2, 3, 5)},
    {"attention_mask": truth(2, 3, 5), "return_attention_scores": True},
    {"attention_mask": truth(2, 3, 5).astype("int32")},
    {"attention_mask": truth(1, 2, 3, 5)},
    {"value_mask": truth(2, 5)},
    {"key_mask": truth(2, 5), "value_mask": truth(2, 5), "return_attention_scores": True},
    {"key_mask": truth(2, 5), "attention_mask": truth(2, 3, 5), "use_causal_mask": True},
]


def label(said):
    return "-".join(said) or "plain"


@pytest.mark.parametrize("said", CALLS, ids=label)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output_shape": 7, "use_bias": False, "use_gate": True},
        {"sliding_window": 2, "output_shape": (2, 5), "flash_attention": False},
    ],
    ids=label,
)
def test_multi_head_attention(options, said, keras):
    shapes = [x.shape for x in (Q, V, K)]
    alike(*pair(keras, "MultiHeadAttention", {**HEADS, **options}, *shapes), Q, V, K, **said)


@pytest.mark.parametrize("said", [CALLS[0], CALLS[4]], ids=label)
def test_depth_of_values(said, keras):
    """In Keras on JAX another depth than the key's goes with dropout only."""
    options = {**HEADS, "value_dim": 3, "use_gate": True, "dropout": 0.1}
    alike(*pair(keras, "MultiHeadAttention", options, Q.shape, V.shape), Q, V, **said)


@pytest.mark.parametrize("said", [c for c in CALLS if "training" not in c], ids=label)
def test_dropout_in_inference_goes_the_way_of_training(said, keras):
    """What may look nowhere keeps nothing there, and the mean of all values elsewhere."""
    pairs = pair(keras, "MultiHeadAttention", {**HEADS, "dropout": 0.5}, Q.shape, V.shape)
    alike(*pairs, Q, V, **said)
    pairs = pair(keras, "GroupQueryAttention", {**GROUPS, "dropout": 0.5}, Q.shape, V.shape)
    if np.ndim(said.get("attention_mask")) < 4:
        alike(*pairs, Q, V, **said)


@pytest.mark.parametrize("said", CALLS, ids=label)
@pytest.mark.parametrize(
    "options", [{}, {"use_gate": True, "use_bias": False}, {"sliding_window": 2}], ids=label
)
def test_group_query_attention(options, said, keras):
    shapes = [x.shape for x in (Q, V, K)]
    pairs = pair(keras, "GroupQueryAttention", {**GROUPS, **options}, *shapes)
    if np.ndim(said.get("attention_mask")) < 4:
        alike(*pairs, Q, V, K, **said)


def test_query_mask(keras):
    """Keras's MultiHeadAttention looks at one that came with the query, not at an argument."""
    said = {"query_mask": truth(2, 3), "value_mask": truth(2, 5)}
    for options in ({}, {"dropout": 0.5}, {"num_key_value_heads": 6}):
        shapes = Q.shape, V.shape
        pairs = pair(keras, "GroupQueryAttention", {**GROUPS, **options}, *shapes)
        alike(*pairs, Q, V, **said)
        alike(*pairs, Q, V, return_attention_scores=True, **said)


AXES = [
    ({}, (2, 3, 4, 5), (2, 2, 4, 5), (2, 3, 4, 2, 4)),
    ({"attention_axes": 1}, (2, 3, 4, 5), (2, 6, 4, 5), (2, 3, 6)),
    ({"attention_axes": (2, 3)}, (2, 3, 2, 2, 5), (2, 3, 4, 2, 5), (2, 2, 2, 4, 2)),
    ({"attention_axes": (2, 3)}, (2, 3, 2, 2, 5), (2, 3, 4, 2, 5), (1, 3, 2, 2, 2, 4, 2)),
    ({"attention_axes": -2, "use_gate": True}, (2, 3, 4, 5), (2, 3, 6, 5), (2, 1, 2, 4, 6)),
]


@pytest.mark.parametrize("options, query, value, mask", AXES)
def test_attention_axes(options, query, value, mask, keras):
    pairs = pair(keras, "MultiHeadAttention", {**HEADS, **options}, query, value)
    q, v = some(*query), some(*value)
    alike(*pairs, q, v)
    alike(*pairs, q, v, return_attention_scores=True)
    alike(*pairs, q, v, attention_mask=truth(*mask))


def test_masks_that_come_with_inputs(keras):
    """Padding of the value is not looked at; that of the query passes on."""
    ids, more = np.array([[1, 2, 0], [3, 0, 0]]), np.array([[4, 1, 2, 0], [2, 0, 0, 0]])

    def model(k, layer):
        q, v = k.Input((None,), dtype="int32"), k.Input((None,), dtype="int32")
        table = k.layers.Embedding(5, 6, mask_zero=True)
        mixed = layer(table(q), table(v))
        return k.Model([q, v], [mixed, k.layers.GlobalAveragePooling1D()(mixed)])

    for name, options in (("MultiHeadAttention", HEADS), ("GroupQueryAttention", GROUPS)):
        theirs = model(keras, getattr(keras.layers, name)(**options))
        ours = model(cornu, getattr(cornu.layers, name)(**options))
        ours.set_weights(theirs.get_weights())
        fed = [ids, more]
        same(ours.predict(fed, verbose=0), theirs.predict(fed, verbose=0), name, EXACT)


def test_activity_regularizer_counts_every_projection(keras):
    said = {**HEADS, "activity_regularizer": "l2", "use_gate": True}
    ours, theirs = pair(keras, "MultiHeadAttention", said, Q.shape, V.shape)
    alike(ours, theirs, Q, V)
    assert len(ours.losses) == len(theirs.losses) == 5
    assert sum(map(float, ours.losses)) == pytest.approx(sum(map(float, theirs.losses)), rel=1e-5)


# ---------------------------------------------------------------- without heads

PLAIN = [
    ("Attention", {}),
    ("Attention", {"use_scale": True, "dropout": 0.3}),
    ("Attention", {"score_mode": "concat"}),
    ("Attention", {"score_mode": "concat", "use_scale": True}),
    ("AdditiveAttention", {}),
    ("AdditiveAttention", {"use_scale": False, "dropout": 0.3}),
]
MASKS = [None, [truth(2, 3), truth(2, 5)], [None, truth(2, 5), None], [truth(2, 3), None]]


@pytest.mark.parametrize("name, options", PLAIN)
@pytest.mark.parametrize("said", [{}, {"use_causal_mask": True}], ids=label)
def test_plain_attention(name, options, said, keras):
    q, v, k = some(2, 3, 4), some(2, 5, 7), some(2, 5, 4)
    pairs = pair(keras, name, options, [q.shape, v.shape, k.shape])
    for mask in MASKS:
        alike(*pairs, [q, v, k], mask=mask, **said)
        alike(*pairs, [q, v, k], mask=mask, return_attention_scores=True, **said)
    alike(*pair(keras, name, options, [q.shape, k.shape]), [q, k], **said)


def test_plain_attention_over_more_axes(keras):
    q, v = some(2, 3, 4, 5), some(2, 3, 6, 5)
    alike(*pair(keras, "Attention", {}, [q.shape, v.shape]), [q, v])


# ---------------------------------------------------------------- the op

OPS = [
    ({}, 4),
    ({"is_causal": True}, 4),
    ({"scale": 0.3, "bias": some(2, 4, 3, 5)}, 4),
    ({"mask": truth(2, 4, 3, 5)}, 2),
    ({"mask": truth(2, 1, 3, 5), "is_causal": True, "bias": some(1, 4, 3, 5)}, 1),
    ({"mask": truth(3, 5), "flash_attention": False}, 4),
]


@pytest.mark.parametrize("said, heads", OPS)
def test_dot_product_attention(said, heads, keras):
    q, k, v = some(2, 3, 4, 8), some(2, 5, heads, 8), some(2, 5, heads, 8) + 1
    expected = keras.ops.dot_product_attention(q, k, v, **said)
    same(cornu.ops.dot_product_attention(q, k, v, **said), expected, "op", EXACT)


# ---------------------------------------------------------------- einsum

EINSUM = [
    ("ab,bc->ac", 5, "c", (3, 4)),
    ("abc,cd->abd", (None, 5), "d", (2, 3, 4)),
    ("abc,cde->abde", (None, 2, 5), "de", (2, 3, 4)),
    ("abc,cde->abde", (3, 2, 5), "be", (2, 3, 4)),
    ("abc,cde->abde", (3, 2, 5), "bd", (2, 3, 4)),
    ("abcd,cde->abe", (3, 7), "e", (2, 3, 4, 5)),
    ("abc,bc->ab", 3, "b", (2, 3, 4)),
    ("...x,xy->...y", 5, "y", (2, 3, 4)),
    ("...bc,cde->...bde", (3, 6, 4), "bd", (2, 3, 5)),
    ("...bc,cde->...bde", (3, 6, 4), None, (2, 2, 3, 5)),
    ("ab...,bc->ac...", 6, "c", (2, 4, 3)),
    ("ab...,bc->ac...", 6, "c", (2, 4, 3, 2)),
    ("abc,cd->adb", (5, 3), "d", (2, 3, 4)),
]


@pytest.mark.parametrize("equation, shape, bias, given", EINSUM)
def test_einsum_dense(equation, shape, bias, given, keras):
    options = {"equation": equation, "output_shape": shape, "bias_axes": bias}
    alike(*pair(keras, "EinsumDense", options, given), some(*given))
    for more in ({"activation": "tanh"}, {"lora_rank": 2, "lora_alpha": 3}):
        alike(*pair(keras, "EinsumDense", {**options, **more}, given), some(*given))


# ---------------------------------------------------------------- tables

TABLES = [
    {},
    {"tie_weights": False},
    {"logit_soft_cap": 2.0},
    {"reverse_dtype": "float32", "dtype": "mixed_bfloat16"},
]


@pytest.mark.parametrize("options", TABLES, ids=label)
def test_reversible_embedding(options, keras):
    said = {"input_dim": 7, "output_dim": 4, **options}
    ours, theirs = pair(keras, "ReversibleEmbedding", said, (None, 3))
    ids, x = np.array([[1, 0, 6]]), some(2, 3, 4)
    near = EXACT if "dtype" not in options else {"rtol": 1e-2, "atol": 1e-2}
    same(np.asarray(ours(ids), "float32"), np.asarray(theirs(ids), "float32"), "table", near)
    back = [np.asarray(layer(x, reverse=True)) for layer in (ours, theirs)]
    assert back[0].dtype == back[1].dtype
    same(*back, "back", near)


# ---------------------------------------------------------------- configs and files

LAYERS = [
    ("MultiHeadAttention", {**HEADS, "dropout": 0.1, "use_gate": True}),
    (
        "MultiHeadAttention",
        {**HEADS, "output_shape": 6, "attention_axes": (1,), "value_dim": 3, "dropout": 0.1},
    ),
    ("GroupQueryAttention", {**GROUPS, "use_gate": True}),
    ("Attention", {"use_scale": True, "score_mode": "concat"}),
    ("AdditiveAttention", {}),
]


def called(k, name, options):
    """A model of the layer with adapters behind it."""
    q, v = k.Input((3, 6)), k.Input((5, 6))
    layer = getattr(k.layers, name)(**options)
    several = name in ("Attention", "AdditiveAttention")
    mixed = layer([q, v]) if several else layer(q, v)
    last = k.layers.EinsumDense("...x,xy->...y", 2, bias_axes="y", lora_rank=1)
    return k.Model([q, v], last(mixed))


@pytest.mark.parametrize("name, options", LAYERS)
def test_files_go_both_ways(name, options, keras, tmp_path):
    fed = [some(2, 3, 6), some(2, 5, 6)]
    theirs = called(keras, name, options)
    theirs.set_weights(scattered(theirs))
    theirs.save(tmp_path / "theirs.keras")
    ours = cornu.saving.load_model(tmp_path / "theirs.keras")
    expected = theirs.predict(fed, verbose=0)
    same(ours.predict(fed, verbose=0), expected, "read", EXACT)
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    same(again.predict(fed, verbose=0), expected, "written", EXACT)
    ours.save_weights(tmp_path / "ours.weights.h5")
    fresh = called(keras, name, options)
    fresh.load_weights(tmp_path / "ours.weights.h5")
    same(fresh.predict(fed, verbose=0), expected, "weights", EXACT)


@pytest.mark.parametrize("name, options", LAYERS)
def test_configs_go_both_ways(name, options, keras):
    ours, theirs = getattr(cornu.layers, name)(**options), getattr(keras.layers, name)(**options)
    form = json.loads(json.dumps(config.serialize(ours)))
    read = keras.saving.deserialize_keras_object(form)
    assert type(read) is type(theirs)
    kept = json.loads(json.dumps({**theirs.get_config(), "name": ours.name}))
    mine = json.loads(json.dumps(read.get_config()))
    assert {n: mine[n] for n in kept} == kept
    back = config.deserialize(json.loads(json.dumps(keras.saving.serialize_keras_object(theirs))))
    assert type(back) is type(ours)
    plain = {**ours.get_config(), "name": theirs.name}
    assert back.get_config() == plain
