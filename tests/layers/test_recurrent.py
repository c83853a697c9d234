"""Recurrent layers: states, masks, dropout, both ways, what is refused, and files."""

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient, in_float64
from contracts.draws import some
from contracts.layers_values import by_name, randomize
from contracts.recurrent_reference import gru_step, lstm_step, over_time, simple_step
from cornu import engine, graph, layers, models, ops, saving, state
from cornu.errors import UsageError
from cornu.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM1D,
    ConvLSTM2D,
    Dense,
    Embedding,
    GRUCell,
    Input,
    Lambda,
    LSTMCell,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from cornu.models import Model, Sequential

NEAR = {"rtol": 1e-5, "atol": 1e-5}
KINDS = [(SimpleRNN, simple_step, 1), (GRU, gru_step, 1), (LSTM, lstm_step, 2)]
IDS = {"ids": lambda x: x.__name__ if isinstance(x, type) else ""}
X = some(2, 5, 3)
MASK = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]], bool)


def built(layer, x=X):
    """The layer with random weights."""
    layer(x)
    randomize(layer.weights)
    return layer


def expected(layer, step, states, x=X, mask=None, **more):
    """All outputs and last states by the formulas."""
    w = by_name(layer)
    return over_time(lambda x, s: step(x, s, w, units=4), x, states, mask, **more)


# ---------------------------------------------------------------- states


@pytest.mark.parametrize(("kind", "step", "count"), KINDS, **IDS)
def test_states_in_and_out(kind, step, count):
    """However they are given, and with all that is returned."""
    layer = built(kind(4, return_sequences=True, return_state=True))
    begin = [some(2, 4) * (i + 1) for i in range(count)]
    outputs, last = expected(layer, step, begin)
    for found in (
        layer(X, initial_state=begin),
        layer(X, initial_state=tuple(begin)),
        layer([X, *begin]),
        layer(X, initial_state=begin[0] if count == 1 else begin),
    ):
        assert isinstance(found, tuple)
        assert_close(found, [outputs, *last], **NEAR)
    short = kind(4, return_state=True)
    short.build(X.shape)
    short.set_weights(layer.get_weights())
    assert_close(short(X, initial_state=begin), [outputs[:, -1], *last], **NEAR)


@pytest.mark.parametrize(("kind", "step", "count"), KINDS, **IDS)
def test_states_as_tensors(kind, step, count):
    x, begin = Input((None, 3)), [Input((4,)) for _ in range(count)]
    layer = kind(4, return_state=True)
    y, *last = layer(x, initial_state=begin)
    assert [t.shape for t in (y, *last)] == [(None, 4)] * (1 + count)
    randomize(layer.weights)
    model = Model([x, *begin], [y, *last])
    values = [some(2, 4) * (i + 1) for i in range(count)]
    outputs, ends = expected(layer, step, values)
    assert_close(model.predict([X, *values], verbose=0), [outputs[:, -1], *ends], **NEAR)
    listed = Model([x, *begin], list(kind(4, return_state=True)([x, *begin])))
    listed.set_weights(model.get_weights())
    assert_close(listed([X, *values]), [outputs[:, -1], *ends], **NEAR)


def test_slopes_by_states():
    with in_float64():
        layer = built(LSTM(4, return_state=True))
    begin = [some(2, 4), some(2, 4) / 2]

    def fn(x, h, c):
        return engine.np.concatenate(layer(x, initial_state=[h, c]))

    def reference(x, h, c):
        outputs, last = expected(layer, lstm_step, [h, c], x)
        return np.concatenate([outputs[:, -1], *last])

    check_gradient(fn, reference, [X, *begin], (0, 1, 2))


def test_encoder_and_decoder():
    """States of one layer begin another: values, training, and a file of it."""
    question, answer = Input((None, 3), name="question"), Input((None, 2), name="answer")
    _, *states = LSTM(4, return_state=True, name="encoder")(question)
    told = LSTM(4, return_sequences=True, name="decoder")(answer, initial_state=states)
    model = Model([question, answer], Dense(2)(told))
    randomize(model.weights)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    x, y = some(4, 5, 3), some(4, 3, 2)
    _, middle = expected(encoder, lstm_step, [np.zeros((4, 4))] * 2, x)
    outputs, _ = expected(decoder, lstm_step, middle, y)
    w = by_name(model.layers[-1])
    found = model.predict([x, y], verbose=0)
    assert_close(found, outputs @ w["kernel"] + w["bias"], 1e-4, 1e-4)
    model.compile("adam", "mse")
    before = encoder.get_weights()
    model.fit([x, y], some(4, 3, 2), verbose=0)
    assert all(np.any(a != b) for a, b in zip(before, encoder.get_weights(), strict=True))


def test_an_encoder_and_decoder_in_a_file(tmp_path):
    question, answer = Input((None, 3)), Input((None, 2))
    _, *states = GRU(4, return_state=True)(question)
    made = Bidirectional(LSTM(4, return_state=True))(question)
    told = GRU(4, return_sequences=True)([answer, *states])
    again = Bidirectional(LSTM(4, return_sequences=True))(answer, initial_state=list(made[1:]))
    model = Model([question, answer], [told, again])
    data = [some(4, 5, 3), some(4, 3, 2)]
    model.save(tmp_path / "model.keras")
    twin = saving.load_model(tmp_path / "model.keras")
    assert_close(twin.predict(data, verbose=0), model.predict(data, verbose=0), 0, 0)
    clone = models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_close(clone.predict(data, verbose=0), model.predict(data, verbose=0), 0, 0)


def test_get_initial_state():
    assert [s.shape for s in LSTM(4).get_initial_state(3)] == [(3, 4)] * 2
    layer = LSTM(4)
    assert [s.shape for s in layer.get_initial_state(batch_size=3)] == [(3, 4)] * 2


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize(("kind", "step", "count"), KINDS, **IDS)
@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_masks(kind, step, count, zero, back):
    options = {"go_backwards": back, "zero_output_for_mask": zero}
    layer = built(kind(4, return_sequences=True, return_state=True, **options))
    begin = [some(2, 4) for _ in range(count)]
    outputs, last = expected(layer, step, begin, mask=MASK, backwards=back, zero=zero)
    assert_close(layer(X, mask=MASK, initial_state=begin), [outputs, *last], **NEAR)


def test_a_mask_travels_from_the_words_to_the_end():
    """Embedding -> LSTM -> LSTM -> Dense: each row as if its padding were not there."""
    words = np.array([[3, 1, 2, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 5]], "int32")
    model = Sequential(
        [Input((None,)), Embedding(6, 3, mask_zero=True), LSTM(4, return_sequences=True)]
    )
    model.add(GRU(4))
    model.add(Dense(2))
    randomize(model.weights)
    found = model.predict(words, verbose=0)
    for row, length in enumerate([3, 1, 5]):
        alone = model.predict(words[row : row + 1, :length], verbose=0)
        assert_close(found[row : row + 1], alone, **NEAR)


def test_a_mask_passes_to_what_comes_after():
    tokens = Input((None,))
    steps = LSTM(4, return_sequences=True)(Embedding(6, 3, mask_zero=True)(tokens))
    y = layers.GlobalAveragePooling1D()(TimeDistributed(Dense(2))(steps))
    model = Model(tokens, y)
    found = model.predict(np.array([[3, 1, 0, 0], [1, 2, 3, 4]]), verbose=0)
    assert_close(found[:1], model.predict(np.array([[3, 1]]), verbose=0), **NEAR)


def test_masked_steps_take_no_part_in_training():
    """What stands under the mask changes nothing: weights after 3 steps are the same."""
    x, y = some(8, 5, 3), some(8, 2)
    x[:, 3:] = 0
    results = []
    for value in (0.0, 7.0):
        model = Sequential([Input((5, 3)), Masking(), LSTM(4), Dense(2)])
        model.set_weights([np.full(v.shape, 0.1, "float32") for v in model.weights])
        model.compile("adam", "mse")
        if value:
            model = Sequential([Input((5, 3)), Masking(value), *model.layers[1:]])
            model.set_weights([np.full(v.shape, 0.1, "float32") for v in model.weights])
            model.compile("adam", "mse")
        model.fit(
            np.where(x == 0, value, x).astype("float32"), y, epochs=3, shuffle=False, verbose=0
        )
        results.append(model.get_weights())
    assert_close(*results, 1e-5, 1e-6)


@pytest.mark.parametrize("merge", ["concat", "sum", None])
def test_masks_both_ways(merge):
    """Steps under the mask give zeros; the way back begins at the last step that counts."""
    inner = LSTM(4, return_sequences=True, return_state=True)
    layer = built(Bidirectional(inner, merge_mode=merge))
    zeros = [np.zeros((2, 4))] * 2
    ahead, end = expected(layer.forward_layer, lstm_step, zeros, mask=MASK, zero=True)
    behind, start = expected(
        layer.backward_layer, lstm_step, zeros, mask=MASK, zero=True, backwards=True
    )
    behind = behind[:, ::-1]
    merged = {"concat": [np.concatenate([ahead, behind], -1)], "sum": [ahead + behind]}
    outputs = merged.get(merge, [ahead, behind])
    assert_close(layer(X, mask=MASK), [*outputs, *end, *start], **NEAR)


def test_masks_of_images_over_time():
    """A mask (batch, time) leaves out whole images."""
    x, mask = some(2, 3, 4, 4, 1), np.array([[1, 0, 1], [1, 1, 0]], bool)
    layer = built(ConvLSTM2D(2, 2, padding="same"), x)
    found = layer(x, mask=mask)
    assert_close(found[:1], layer(x[:1, ::2]), **NEAR)
    assert_close(found[1:], layer(x[1:, :2]), **NEAR)


# ---------------------------------------------------------------- dropout


ONES = np.ones((64, 6, 8), "float32")


def plain_sum(**options):
    """`h = h + x`: what is dropped can be read off the outputs."""
    layer = SimpleRNN(8, "linear", use_bias=False, return_sequences=True, **options)
    layer.build(ONES.shape)
    layer.set_weights([np.eye(8, dtype="float32")] * 2)
    return layer


def test_dropout_is_the_same_at_all_steps():
    layer = plain_sum(dropout=0.25)
    assert_close(layer(ONES), np.cumsum(ONES, 1), 0, 1e-6)
    found = np.asarray(layer(ONES, training=True))
    steps = np.diff(found, axis=1, prepend=0)
    assert_close(steps, np.broadcast_to(steps[:, :1], steps.shape), 0, 1e-5)
    assert set(np.round(steps[:, 0].astype(float), 4).ravel().tolist()) == {0, 1.3333}
    # 512 draws: the mean is within 4 deviations, 4 * sqrt(1 / 3 / 512) = 0.10
    assert steps[:, 0].mean() == pytest.approx(1, abs=0.1)
    assert len({row.tobytes() for row in steps[:, 0]}) > 32  # each row has its own


def test_recurrent_dropout_is_the_same_at_all_steps():
    """h = h * noise + 1 from zeros: with noise n the outputs are 1, 1 + n, 1 + n + n² …"""
    layer = plain_sum(recurrent_dropout=0.5)
    assert_close(layer(ONES), np.cumsum(ONES, 1), 0, 1e-6)
    found = np.asarray(layer(ONES, training=True))
    kept = found[:, 1] - 1
    assert set(np.unique(kept)) == {0, 2}
    assert kept.mean() == pytest.approx(1, abs=0.18)  # 4 * sqrt(1 / 512)
    sums = np.stack([sum(kept**i for i in range(t + 1)) for t in range(6)], 1)
    assert_close(found, sums, 1e-5, 1e-5)


@pytest.mark.parametrize("kind", [SimpleRNN, GRU, LSTM, ConvLSTM1D])
def test_dropout_draws_from_the_key_and_the_seed(kind):
    x = some(4, 3, 6, 2) if kind is ConvLSTM1D else some(4, 3, 6)
    options = {"kernel_size": 2} if kind is ConvLSTM1D else {}
    outputs = []
    for seed in (None, 1, 2):
        layer = built(kind(4, dropout=0.5, recurrent_dropout=0.5, seed=seed, **options), x)
        run = state.pure(lambda layer=layer: layer(x, training=True), [], key=engine.key(5))
        twice = [np.asarray(run([])[0]) for _ in range(2)]
        assert_close(*twice, 0, 0)
        assert not np.allclose(twice[0], layer(x))
        outputs.append(twice[0].tobytes())
    assert len(set(outputs)) == 3


@pytest.mark.parametrize("way", ["dropout", "recurrent_dropout"])
def test_dropout_differs_from_batch_to_batch(way):
    seen = []

    def loss(y_true, y_pred):
        return ops.sum(y_pred * y_true)

    layer = plain_sum(**{way: 0.5})
    layer.trainable = False
    model = Sequential([Input((6, 8)), layer, Lambda(lambda v: v[:, 1])])
    model.compile("sgd", loss)
    code = 2.0 ** np.arange(8, dtype="float32")[None]
    for _ in range(4):
        seen.append(float(np.ravel(model.train_on_batch(ONES[:1], code))[0]))
    assert len(set(seen)) > 1
    model.fit(ONES[:1], code, epochs=1, verbose=0)
    assert model.evaluate(ONES[:1], code, verbose=0) == pytest.approx(2 * 255)


@pytest.mark.parametrize("reset_after", [True, False])
def test_slopes_under_dropout(reset_after):
    """Given what was dropped, the slopes are those of the formula."""
    with in_float64():
        layer = built(GRU(4, reset_after=reset_after, recurrent_dropout=0.5, dropout=0.5))
        key = engine.key(7)
        with state.within(key=key, training=True, draws=state.Draws()):
            noise = layer.cell.draw(engine.array(X[:, 0]), [engine.np.zeros((2, 4))], True)
        on_x, on_h = (np.asarray(n) for n in noise)
    assert {*np.unique(on_x), *np.unique(on_h)} == {0, 2}
    run = state.pure(layer, layer.weights, key=key, training=True)
    names = list(by_name(layer))

    def reference(x, *values):
        w = dict(zip(names, values, strict=True))

        def step(x, states):
            (h,) = states
            return _noisy_gru(x * on_x, h, h * on_h, w, reset_after)

        return over_time(step, x, [np.zeros((2, 4))])[0][:, -1]

    values = [v.numpy() for v in layer.weights]
    check_gradient(lambda x, *w: run(list(w), x)[0], reference, [X, *values], range(4))


def _noisy_gru(x, h, heard, w, reset_after):
    """A GRU whose products see `heard` in place of h."""
    told = gru_step(x, [heard], w, 4, reset_after=reset_after)[0]
    z = _update_gate(x, heard, w, reset_after)
    return [told + z * (h - heard)]


def _update_gate(x, heard, w, reset_after):
    bias = w["bias"].sum(0) if reset_after else w["bias"]
    total = x @ w["kernel"][:, :4] + heard @ w["recurrent_kernel"][:, :4] + bias[:4]
    return 1 / (1 + np.exp(-total))


# ---------------------------------------------------------------- time and dtypes


@pytest.mark.parametrize("make", [SimpleRNN, GRU, LSTM])
@pytest.mark.parametrize("unroll", [False, True])
def test_a_time_of_one(make, unroll):
    layer = built(make(4, return_sequences=True, unroll=unroll), X[:, :1])
    other = make(4)
    other.build((None, None, 3))
    other.set_weights(layer.get_weights())
    assert_close(layer(X[:, :1])[:, 0], other(X[:, :1]), **NEAR)
    cell_output, _ = other.cell(X[:, 0], other.get_initial_state(2))
    assert_close(layer(X[:, :1])[:, 0], cell_output, **NEAR)


@pytest.mark.parametrize(
    "make",
    [
        lambda **o: GRU(4, **o),
        lambda **o: RNN([LSTMCell(3), GRUCell(4)], **o),
        lambda **o: ConvLSTM1D(4, 2, **o),
    ],
)
def test_written_out_it_is_the_same(make):
    x = some(2, 5, 3, 2) if isinstance(make(), ConvLSTM1D) else X
    loop, flat = make(return_sequences=True), make(return_sequences=True, unroll=True)
    built(loop, x), flat(x)
    flat.set_weights(loop.get_weights())
    assert_close(flat(x), loop(x), **NEAR)


def test_unknown_time_and_batch():
    x = Input((None, 3))
    layer = LSTM(4, return_sequences=True, return_state=True)
    assert [t.shape for t in layer(x)] == [(None, None, 4), (None, 4), (None, 4)]
    model = Model(x, GRU(2)(layer(x)[0]))
    for time in (1, 2, 7):
        assert model.predict(some(3, time, 3), verbose=0).shape == (3, 2)
    assert layer.compute_output_shape((None, 7, 3)) == ((None, 7, 4), (None, 4), (None, 4))


@pytest.mark.parametrize("name", ["mixed_bfloat16", "bfloat16"])
def test_a_model_in_another_precision_trains(name):
    model = Sequential([Input((5, 3)), Bidirectional(LSTM(4, dtype=name), dtype=name)])
    model.add(Dense(1, dtype="float32"))
    inner = model.layers[0].forward_layer
    assert inner(X).dtype == inner.compute_dtype
    assert inner.cell.kernel.dtype == inner.variable_dtype
    model.compile("adam", "mse")
    x, y = some(16, 5, 3), some(16, 5, 3).sum((1, 2), keepdims=True)[:, 0]
    history = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert np.all(np.isfinite(history))
    assert history[-1] < history[0]


def test_over_time_within_time():
    """A layer for every sentence of a text, both lengths unknown."""
    x = Input((None, None, 3))
    layer = TimeDistributed(Bidirectional(LSTM(2)))
    model = Model(x, layer(x))
    assert model.output.shape == (None, None, 4)
    texts = some(2, 3, 4, 3)
    found = model.predict(texts, verbose=0)
    each = [np.asarray(layer.layer(texts[:, i])) for i in range(3)]
    assert_close(found, np.stack(each, 1), **NEAR)


def test_run_eagerly_learns_the_same():
    x, y, results = some(4, 2, 3), some(4, 2), []
    for eager in (False, True):
        model = Sequential([Input((2, 3)), LSTM(2)])
        random = np.random.default_rng(2)
        model.set_weights([random.normal(size=v.shape) for v in model.weights])
        model.compile("sgd", "mse", run_eagerly=eager)
        model.train_on_batch(x, y)
        results.append(model.get_weights())
    assert_close(*results, **NEAR)


# ---------------------------------------------------------------- both ways


def test_a_backward_layer_of_another_kind():
    layer = Bidirectional(
        LSTM(4, return_sequences=True),
        backward_layer=GRU(4, go_backwards=True, return_sequences=True),
    )
    built(layer)
    zeros = np.zeros((2, 4))
    ahead, _ = expected(layer.forward_layer, lstm_step, [zeros] * 2)
    behind, _ = expected(layer.backward_layer, gru_step, [zeros], backwards=True)
    assert_close(layer(X), np.concatenate([ahead, behind[:, ::-1]], -1), **NEAR)


def test_the_given_layer_is_left_as_it_is():
    """Both ways are made anew, by the names that files have."""
    given = LSTM(4, name="memory")
    layer = Bidirectional(given)
    assert given is not layer.forward_layer
    assert (given.name, layer.forward_layer.name, layer.backward_layer.name) == (
        "memory",
        "forward_memory",
        "backward_memory",
    )
    assert not layer.forward_layer.go_backwards
    assert layer.backward_layer.go_backwards
    again = Bidirectional.from_config(layer.get_config())
    assert again.forward_layer.name == "forward_memory"
    assert again.get_config() == layer.get_config()


def test_weights_to_begin_with():
    values = [np.full(s, i + 1, "float32") for i, s in enumerate([(3, 16), (4, 16), (16,)] * 2)]
    layer = Bidirectional(LSTM(4), weights=values)
    layer.build((None, None, 3))
    assert_close(layer.get_weights(), values, 0, 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2)), "go_backwards=True in"),
        (
            lambda: Bidirectional(
                LSTM(2), backward_layer=LSTM(2, go_backwards=True, return_sequences=True)
            ),
            "return_sequences=False, backward_layer has return_sequences=True",
        ),
        (
            lambda: Bidirectional(
                LSTM(2), backward_layer=LSTM(2, go_backwards=True, stateful=True)
            ),
            "stateful",
        ),
    ],
)
def test_two_that_do_not_fit_together(make, words):
    with pytest.raises(UsageError, match=f"{words}.*E-BIDIRECTIONAL"):
        make()


# ---------------------------------------------------------------- in files


def bank():
    """A model with one of every kind."""
    x, images = Input((4, 3)), Input((3, 5, 5, 1))
    y = Bidirectional(GRU(3, return_sequences=True), merge_mode="sum")(x)
    y = RNN([LSTMCell(4), GRUCell(3, reset_after=False)], return_sequences=True)(y)
    y = LSTM(2, dropout=0.1, recurrent_dropout=0.2, go_backwards=True)(y)
    z = ConvLSTM2D(2, 3, padding="same", recurrent_activation="tanh")(images)
    return Model([x, images], [y, SimpleRNN(3)(x), z])


def test_saved_and_loaded(tmp_path):
    model = bank()
    randomize(model.weights)
    data = [some(2, 4, 3), some(2, 3, 5, 5, 1)]
    wanted = model.predict(data, verbose=0)
    model.save(tmp_path / "bank.keras")
    model.save_weights(tmp_path / "bank.weights.h5")
    twin, other = saving.load_model(tmp_path / "bank.keras"), bank()
    other.load_weights(tmp_path / "bank.weights.h5")
    for found in (twin, other):
        assert_close(found.predict(data, verbose=0), wanted, 0, 0)
    assert twin.get_config() == model.get_config()
    again = models.clone_model(model)
    assert [v.shape for v in again.weights] == [v.shape for v in model.weights]
    again.set_weights(model.get_weights())
    assert_close(again.predict(data, verbose=0), wanted, 0, 0)


# ---------------------------------------------------------------- what is refused


def test_a_layer_after_one_that_returns_only_its_last_step():
    after = LSTM(4, name="first")(Input((5, 3)))
    for make in (LSTM, GRU, lambda n: Bidirectional(LSTM(n))):
        with pytest.raises(UsageError) as caught:
            make(2)(after)
        said = str(caught.value)
        assert "needs (batch, time, features), got (None, 4)" in said
        assert '"first", returns only its last step: set return_sequences=True' in said
    with pytest.raises(UsageError, match="first.*return_sequences=True"):
        Sequential([Input((5, 3)), LSTM(4, name="first"), LSTM(2)])


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda: LSTM(2)(some(3, 4)), "E-RANK", "(batch, time, features)"),
        (lambda: LSTM(2)(Input((4,))), "E-RANK", "(batch, time, features)"),
        (lambda: ConvLSTM2D(2, 3)(some(2, 3, 4, 4)), "E-RANK", "(batch, time, height, width"),
        (
            lambda: LSTM(2)(X, initial_state=[np.zeros((2, 3))] * 2),
            "E-STATE",
            "[(2, 2), (2, 2)]; got [(2, 3), (2, 3)]",
        ),
        (lambda: LSTM(2)(X, initial_state=[np.zeros((2, 2))]), "E-STATE", "got [(2, 2)]"),
        (lambda: LSTM(2)([X, np.zeros((2, 2))]), "E-STATE", "got [(2, 2)]"),
        (lambda: GRU(2)(X, initial_state=np.zeros((3, 2))), "E-STATE", "got [(3, 2)]"),
        (lambda: GRU(2, stateful=True)(Input((3, 4))), "E-BATCH-UNKNOWN", "batch_shape=(32, 3, 4)"),
        (lambda: GRU(2)(X, mask=MASK[:, :3]), "E-MASK", "mask of shape (2, 3) does not fit"),
        (lambda: GRU(2, unroll=True)(Input((None, 4))), "E-SHAPE-UNKNOWN", "Input((steps,"),
        (lambda: LSTM(2).reset_states(), "E-STATE", "stateful=True"),
        (lambda: ConvLSTM1D(2, 3).get_initial_state(2), "E-STATE", "space axes"),
        (lambda: ConvLSTM1D(2, 3, strides=2, dilation_rate=2), "E-STRIDES", "strides"),
        (lambda: LSTM(0), "E-RANGE", "units"),
        (lambda: LSTM(2, dropout=1.5), "E-RANGE", "dropout"),
        (lambda: LSTM(2, mask=3), "E-ARGUMENT", "mask"),
    ],
)  # fmt: skip
def test_what_is_refused(call, code, words):
    with pytest.raises((UsageError, TypeError)) as caught:
        call()
    assert caught.value.code == code
    assert words in str(caught.value)


def test_evaluated_in_a_graph_of_functions():
    """A Function over a recurrent layer, and its gradient by the input."""
    x = Input((None, 3))
    y = GRU(4)(x)
    slope = graph.gradients(ops.sum(y**2), x)[0]
    found = graph.Function([x], [y, slope])([X])
    assert [f.shape for f in found] == [(2, 4), (2, 5, 3)]
    assert np.all(np.asarray(found[1]) != 0)


def test_sequences_without_a_step_are_refused():
    with pytest.raises(UsageError, match=r'LSTM "lstm.*without a step: \(2, 0, 3\)'):
        layers.LSTM(4)(np.zeros((2, 0, 3), "float32"))
