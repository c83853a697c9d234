"""Attention with heads keeps the contract of layers; what attention layers say of wrong use."""

import json
from typing import Any

import numpy as np
import pytest

from contracts.attention_reference import heads, places
from contracts.checks import assert_close, check_gradient, check_symbolic, in_float64, wide
from contracts.draws import some
from contracts.layers_values import randomize
from cornu import config, engine, layers, ops, saving, state
from cornu.errors import UsageError
from cornu.layers import Input
from cornu.models import Model

Q, V, K = some(2, 3, 4), some(2, 5, 3), some(2, 5, 2)
SEEN = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]], "bool")
ROWS: list[tuple[str, dict, dict, dict]] = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, {}, {}),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "value_dim": 2, "use_gate": True, "use_bias": False},
        {"use_causal_mask": True},
        {"is_causal": True},
    ),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "output_shape": (2, 5), "dropout": 0.4},
        {"attention_mask": SEEN[None]},
        {"mask": SEEN, "empty": 0.0},
    ),
    (
        "GroupQueryAttention",
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "use_gate": True},
        {"attention_mask": SEEN[None]},
        {"mask": SEEN},
    ),
    (
        "GroupQueryAttention",
        {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1, "sliding_window": 2},
        {},
        {"mask": np.abs(np.arange(3)[:, None] - np.arange(5)) < 2},
    ),
]
FIRST = [ROWS[0], ROWS[3]]
label = {"ids": [f"{r[0]}-{'-'.join([*r[1], *r[2]][2:])}" for r in ROWS]}


def built(name: str, options: dict, **more: Any) -> Any:
    layer = getattr(layers, name)(**options, **more)
    layer.build(Q.shape, V.shape, K.shape)
    randomize(layer.weights)
    return layer


def weights_of(layer: Any, values: Any = None) -> dict[str, np.ndarray]:
    """Values in float64 by path below the layer."""
    values = [v.numpy() for v in layer.weights] if values is None else values
    paths = [v.path.partition("/")[2] for v in layer.weights]
    return {p: np.asarray(x, "float64") for p, x in zip(paths, values, strict=True)}


def formula(layer: Any, more: dict) -> Any:
    return lambda q, v, k: heads(q, v, weights_of(layer), k, more)


# ---------------------------------------------------------------- the contract


@pytest.mark.parametrize(("name", "options", "said", "more"), ROWS, **label)
def test_values_and_inferred_shapes(name: str, options: dict, said: dict, more: dict):
    layer = built(name, options)
    fixed = "attention_mask" in said or "mask" in more
    unknown = {0: (0,), 1: (0,), 2: (0,)} if fixed else {0: (0, 1), 1: (0,), 2: (0,)}
    check_symbolic(lambda *x: layer(*x, **said), formula(layer, more), (Q, V, K), unknown)


@pytest.mark.parametrize(("name", "options", "said", "more"), ROWS, **label)
def test_slopes(name: str, options: dict, said: dict, more: dict):
    with in_float64():
        layer = built(name, options, dtype="float64")
        run = state.pure(lambda *x: layer(*x, **said), layer.weights, training=False)
        values = [v.numpy() for v in layer.weights]
    check_gradient(
        lambda *both: run(list(both[3:]), *both[:3])[0],
        lambda q, v, k, *w: heads(q, v, weights_of(layer, w), k, more),
        [Q, V, K, *values],
        range(3 + len(values)),
    )


@pytest.mark.parametrize("row", FIRST, ids=lambda row: row[0])
@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_float16"])
def test_dtype_policies(row: tuple, dtype: str):
    layer = built(row[0], row[1], dtype=dtype)
    expected = formula(layer, {})(*wide((Q, V, K)))
    found = layer(Q, V, K)
    assert found.dtype == layer.compute_dtype
    assert {v.dtype for v in layer.weights} == {layer.variable_dtype}
    assert_close(np.asarray(found, "float32"), expected, rtol=0.1, atol=0.3)


@pytest.mark.parametrize("row", ROWS, **label)
def test_config_comes_back(row: tuple):
    layer = built(row[0], row[1], activity_regularizer="l2")
    written = json.loads(json.dumps(config.serialize(layer)))
    again: Any = config.deserialize(written)
    assert json.loads(json.dumps(config.serialize(again))) == written
    again.build(Q.shape, V.shape, K.shape)
    again.set_weights(layer.get_weights())
    assert_close(again(Q, V, K), layer(Q, V, K), 0, 0)


def test_config_keeps_the_choice_of_a_kernel():
    assert "flash_attention" not in layers.MultiHeadAttention(1, 2).get_config()
    layer = layers.MultiHeadAttention(1, 2, flash_attention=False)
    assert layers.MultiHeadAttention.from_config(layer.get_config()).flash_attention is False


@pytest.mark.parametrize("row", FIRST, ids=lambda row: row[0])
def test_training_draws(row: tuple):
    """Dropout leaves the mean over many draws where it was, and a key draws the same again."""
    layer = built(row[0], {**row[1], "dropout": 0.5})
    run = state.pure(layer, layer.weights, training=True, key=engine.key(1))
    cells = [v.value for v in layer.weights]
    many = [np.concatenate([x[:1]] * 4000) for x in (Q, V, K)]
    found = np.asarray(run(cells, *many)[0])
    assert_close(run(cells, *many)[0], found, 0, 0)
    spread = found.std(0) / 4000**0.5
    rest = np.asarray(layer(Q, V, K))[0]
    assert np.all(spread > 0)
    # a gate and projections come after the mixture, and are linear in it
    assert np.all(np.abs(found.mean(0) - rest) < 5 * spread)


@pytest.mark.parametrize("row", FIRST, ids=lambda row: row[0])
def test_weights_begin_in_numpy_under_their_names(row: tuple, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an engine function was called")

    for name in ("array", "cast", "put", "jit", "uniform", "normal"):
        monkeypatch.setitem(vars(engine), name, refuse)
    layer = getattr(layers, row[0])(**{**row[1], "use_gate": True}, name="a")
    layer.build(Q.shape, V.shape)
    parts = ("query", "key", "gate", "value", "attention_output")
    assert [v.path for v in layer.weights] == [
        f"a/{part}/{name}" for part in parts for name in ("kernel", "bias")
    ]
    assert all(isinstance(v.value, np.ndarray) for v in layer.weights)


# ---------------------------------------------------------------- scores and masks


@pytest.mark.parametrize("row", FIRST, ids=lambda row: row[0])
def test_scores_are_what_values_were_mixed_by(row: tuple):
    layer = built(row[0], {**row[1], "use_gate": False})
    result, weights = layer(Q, V, K, return_attention_scores=True, use_causal_mask=True)
    found = np.asarray(weights)
    assert found.shape[2:] == (3, 5)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
    assert np.all((found > 0) == places(3, 5))
    assert_close(result, layer(Q, V, K, use_causal_mask=True), 1e-5, 1e-5)


def test_a_place_that_sees_nothing():
    """The mean of values; nothing where weights are kept or dropped, as in Keras."""
    nowhere = np.zeros((2, 3, 5), "bool")
    plain = built("MultiHeadAttention", {"num_heads": 2, "key_dim": 3})
    w = weights_of(plain)
    values = (np.tensordot(V, w["value/kernel"], 1) + w["value/bias"]).mean(1)
    mean = np.tensordot(values, w["attention_output/kernel"], 2) + w["attention_output/bias"]
    found = plain(Q, V, K, attention_mask=nowhere)
    assert_close(found, np.repeat(mean[:, None], 3, 1), 1e-5, 1e-5)
    result, weights = plain(Q, V, K, attention_mask=nowhere, return_attention_scores=True)
    assert not np.any(weights)
    bias = np.broadcast_to(w["attention_output/bias"], Q.shape)
    assert_close(result, bias, 1e-6, 1e-6)
    dropping = layers.MultiHeadAttention(2, 3, dropout=0.1)
    dropping.build(Q.shape, V.shape, K.shape)
    dropping.set_weights(plain.get_weights())
    assert_close(dropping(Q, V, K, attention_mask=nowhere), bias, 1e-6, 1e-6)


@pytest.mark.parametrize("by_name", [False, True])
def test_masks_of_inputs_are_used(by_name: bool):
    """Keys that are padding are not looked at, and the query's mask passes on."""
    layer = built("MultiHeadAttention", {"num_heads": 2, "key_dim": 3})
    masks = [np.array(m, "bool") for m in ([[1, 1, 0]] * 2, [[1, 0, 1, 1, 0]] * 2)]
    query, value = engine.array(Q), engine.array(V)
    for x, mask in zip((query, value), masks, strict=True):
        state.set_mask(x, engine.array(mask))
    args = {"query": query, "value": value, "key": K}
    found = layer(**args) if by_name else layer(*args.values())
    said = {"query_mask": masks[0], "value_mask": masks[1]}
    assert_close(found, layer(Q, V, K, **said), 0, 0)
    seen = masks[0][:, :, None] & masks[1][:, None, :]
    assert_close(found, formula(layer, {"mask": seen[:, None]})(*wide((Q, V, K))), 1e-5, 1e-5)
    np.testing.assert_array_equal(state.mask_of(found), masks[0])


def test_plain_attention_uses_masks_of_a_list():
    query, value = some(2, 3, 4), some(2, 5, 4)
    for name in ("Attention", "AdditiveAttention"):
        layer = getattr(layers, name)()
        masks = [np.array(m, "bool") for m in ([[1, 1, 0]] * 2, [[1, 0, 1, 1, 0]] * 2)]
        carried = [engine.array(query), engine.array(value)]
        for x, mask in zip(carried, masks, strict=True):
            state.set_mask(x, engine.array(mask))
        found = layer(carried)
        np.testing.assert_array_equal(state.mask_of(found), masks[0])
        kept = value[:, masks[1][0]]
        expected = np.where(masks[0][..., None], layer([query, kept]), 0)
        assert_close(found, expected, 1e-5, 1e-6)
        _, weights = layer(carried, return_attention_scores=True)
        assert np.all((np.asarray(weights) > 0) == masks[1][:, None])


def test_more_axes():
    """Places along one axis of three: the others are like batches."""
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2)
    q, v = some(2, 3, 4, 5), some(2, 3, 6, 5)
    found = np.asarray(layer(q, v))
    w = weights_of(layer)
    for i in range(3):
        assert_close(found[:, i], heads(*wide((q[:, i], v[:, i])), w), 2e-5, 2e-5)
    padding = np.arange(6) < np.array([[[6], [4], [2]]] * 2)  # (batch, other, key time)
    masked = np.asarray(layer(q, v, value_mask=padding))
    for i, n in enumerate((6, 4, 2)):
        assert_close(masked[:, i], heads(*wide((q[:, i], v[:, i, :n])), w), 2e-5, 2e-5)
    assert layer(Input((3, None, 5)), Input((3, 6, 5))).shape == (None, 3, None, 5)


# ---------------------------------------------------------------- einsum and tables


def test_adapters_learn_in_place_of_the_kernel(tmp_path: Any):
    x = some(3, 4)
    layer = layers.EinsumDense("ab,bc->ac", 2, bias_axes="c", name="e")
    before = layer(x)
    layer.enable_lora(1, lora_alpha=2)
    assert_close(layer(x), before, 0, 0)
    names = ["kernel", "bias", "lora_kernel_a", "lora_kernel_b"]
    assert [v.name for v in layer.weights] == names
    assert [v.name for v in layer.trainable_variables] == names[1:]
    layer.lora_kernel_b.assign(some(1, 2))
    kernel, bias, a, b = wide(layer.get_weights())
    assert_close(layer(x), x @ (kernel + 2 * a @ b) + bias, 1e-5, 1e-5)
    inputs = Input((4,))
    model = Model(inputs, layer(inputs))
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    assert [v.name for v in again.weights] == names
    assert_close(again.layers[-1].lora_kernel_b.value, np.zeros((1, 2)), 0, 0)
    assert_close(again(x), layer(x), 1e-6, 1e-6)
    model.load_weights(tmp_path / "m.keras")
    assert_close(layer(x), again(x), 1e-6, 1e-6)


def test_a_table_there_and_back():
    table = layers.ReversibleEmbedding(5, 3, logit_soft_cap=2.0, mask_zero=True)
    x = some(2, 4, 3)
    logits = table(x, reverse=True)
    rows = table.embeddings.numpy().astype("float64")
    assert_close(logits, 2 * np.tanh(x @ rows.T / 2), 1e-5, 1e-6)
    assert state.mask_of(logits) is None
    assert state.mask_of(table(np.array([[1, 0]]))).tolist() == [[True, False]]
    apart = layers.ReversibleEmbedding(5, 3, tie_weights=False, dtype="mixed_bfloat16")
    apart.reverse_dtype = "float32"
    assert apart(x, reverse=True).dtype == "float32"
    back = apart.reverse_embeddings.numpy().astype("float64")
    assert_close(apart(x, reverse=True), x @ back, 1e-5, 1e-6)


# ---------------------------------------------------------------- wrong use

THREE = [some(2, 3, 4), some(2, 5, 4)]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: layers.Attention()(THREE[0]), ["inputs as a list", "[query, value]", "(2, 3, 4)"]),
        (lambda: layers.Attention()(THREE[:1]), ["inputs as a list", "1 in a list"]),
        (lambda: layers.Attention()(THREE, mask=np.ones((2, 3))), ["mask as a list", "(2, 3)"]),
        (lambda: layers.Attention()([Q, V]), ["as many features", "(2, 3, 4), (2, 5, 3)"]),
        (lambda: layers.Attention()([*THREE, Q]), ["equally long", "(2, 5, 4), (2, 3, 4)"]),
        (lambda: layers.Attention(score_mode="dots"), ["score_mode", '"dot"']),
        (lambda: layers.MultiHeadAttention(0, 2), ["num_heads", ">= 1"]),
        (lambda: layers.MultiHeadAttention(2, 2)(Q, Q[0]), ["as many axes", "(3, 4)"]),
        (lambda: layers.MultiHeadAttention(2, 2)(Q, V, Q), ["key and value must agree"]),
        (
            lambda: layers.MultiHeadAttention(2, 2)(Q, V, attention_mask=np.ones(5)),
            ["attention_mask", "3 axes", "(5,)"],
        ),
        (lambda: layers.MultiHeadAttention(2, 2, attention_axes=2)(Q, V), ["1 to 1", "(2,)"]),
        (
            lambda: layers.MultiHeadAttention(2, 2)(*[some(2, 3, 4, 5)] * 2, use_causal_mask=True),
            ["one axis", "(1, 2)", "causal"],
        ),
        (
            lambda: layers.MultiHeadAttention(2, 2, flash_attention=True)(Q, V),
            ["flash_attention=True", "float32", "flash_attention=None"],
        ),
        (lambda: layers.MultiHeadAttention(2, 2, flash_attention=True, dropout=0.1), ["dropout"]),
        (lambda: layers.GroupQueryAttention(2, 4, 3), ["must divide", "num_query_heads=4", "3"]),
        (lambda: layers.GroupQueryAttention(2, 4, 2)(*[some(2, 3, 4, 5)] * 2), ["3 axes"]),
        (lambda: ops.dot_product_attention(Q, V, V), ["(batch, time, heads, depth)"]),
        (
            lambda: ops.dot_product_attention(*[np.ones((1, 2, n, 2)) for n in (4, 3, 3)]),
            ["divide the 4 heads", "(1, 2, 3, 2)"],
        ),
        (lambda: layers.EinsumDense("ab,bc", 2), ["equation", '"abc,cd->abd"', "ab,bc"]),
        (lambda: layers.EinsumDense("ab,bc->ad", 2), ["equation"]),
        (lambda: layers.EinsumDense("ab,bc->ac", 2, bias_axes="b"), ["bias_axes", "'b'"]),
        (lambda: layers.EinsumDense("ab,bc->ac", (2, 3))(Q[0]), ["1 sizes", "(2, 3)"]),
        (lambda: layers.EinsumDense("abc,cd->abd", (4, 3))(Q), ['"b" is 3', "(4, 3)"]),
        (lambda: layers.EinsumDense("ab,bc->ac", 2)(Q), ["3 axes", "(2, 3, 4)"]),
        (lambda: layers.EinsumDense("ab,bc->ac", 2)(Input((None,))), ['"b" is not known']),
        (
            lambda: layers.EinsumDense("ab,bc->ac", 2, quantization_config="int8"),
            ["quantization_config", "mixed_bfloat16"],
        ),
        (
            lambda: layers.EinsumDense("ab,bc->ac", 2, lora_rank=1, kernel_constraint="non_neg"),
            ["lora_rank", "kernel_constraint"],
        ),
        (lambda: layers.EinsumDense("ab,bc->ac", 2).enable_lora(1), ["build it"]),
    ],
)
def test_wrong_use_is_named(act: Any, words: list):
    with pytest.raises(UsageError) as caught:
        act()
    text = str(caught.value)
    assert len(text) <= 600
    for word in words:
        assert word in text or word.replace('"', "'") in text, text
