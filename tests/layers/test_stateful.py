"""Stateful layers: row i of a batch goes on from where row i of the batch before ended."""

import zipfile

import numpy as np
import pytest

from contracts.checks import assert_close
from contracts.draws import some
from cornu import losses, models, saving, tree
from cornu.errors import UsageError
from cornu.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    ConvLSTM1D,
    Dense,
    GRUCell,
    Input,
    LSTMCell,
    SimpleRNN,
)
from cornu.models import Model, Sequential

ROWS, TIME = 4, 3
NEAR = {"rtol": 1e-5, "atol": 1e-6}
MAKERS = {
    "SimpleRNN": lambda **o: SimpleRNN(2, **o),
    "GRU": lambda **o: GRU(2, **o),
    "LSTM": lambda **o: LSTM(2, **o),
    "stack": lambda **o: RNN([LSTMCell(3), GRUCell(2)], **o),
}
SETS = some(3 * ROWS, TIME, 2)  # three batches
ONE_AFTER_ANOTHER = np.concatenate(np.split(SETS, 3), 1)  # (rows, 3 * time, 2)


def both(make, **options):
    """A stateful model for batches, and one that forgets, with the same weights."""
    kept = Sequential([Input(batch_shape=(ROWS, TIME, 2)), make(stateful=True, **options)])
    free = Sequential([Input((None, 2)), make(**options)])
    free.set_weights(kept.get_weights())
    return kept, free


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_states_go_on_from_batch_to_batch(make):
    kept, free = both(make, return_sequences=True)
    wanted = free.predict(ONE_AFTER_ANOTHER, verbose=0)
    wanted = np.concatenate(np.split(wanted, 3, 1))
    assert_close(kept.predict(SETS, batch_size=ROWS, verbose=0), wanted, **NEAR)
    kept.reset_states()
    each = [kept.predict_on_batch(x) for x in np.split(SETS, 3)]
    assert_close(np.concatenate(each), wanted, **NEAR)
    kept.reset_states()
    each = [kept(x) for x in np.split(SETS, 3)]  # outside any step
    assert_close(np.concatenate(each), wanted, **NEAR)
    again = np.asarray(kept(SETS[:ROWS]))
    assert not np.allclose(again, wanted[:ROWS])  # it goes on where nobody resets


def test_images_and_both_ways():
    x = some(2 * ROWS, 2, 4, 1)
    layer = ConvLSTM1D(2, 2, padding="same", stateful=True)
    free = ConvLSTM1D(2, 2, padding="same")
    layer(x[:ROWS]), free(x[:ROWS])
    free.set_weights(layer.get_weights())
    layer.reset_states()
    layer(x[:ROWS])
    long = np.concatenate([x[:ROWS], x[ROWS:]], 1)
    assert_close(layer(x[ROWS:]), free(long), **NEAR)

    ways = Bidirectional(LSTM(2, stateful=True))
    first, second = SETS[:ROWS], SETS[ROWS : 2 * ROWS]
    ways(first)
    found = ways(second)
    each = [LSTM(2), LSTM(2, go_backwards=True)]
    states = LSTM(2, return_state=True), LSTM(2, return_state=True, go_backwards=True)
    outputs = []
    inner = (ways.forward_layer, ways.backward_layer)
    for layer, state, own in zip(each, states, inner, strict=True):
        for one in (layer, state):
            one.build(first.shape)
            one.set_weights(own.get_weights())
        _, *last = state(first)
        outputs.append(layer(second, initial_state=last))
    assert_close(found, np.concatenate(outputs, -1), **NEAR)
    ways.reset_states()
    assert not any(np.any(v.numpy()) for v in tree.leaves(inner[0].states))


def test_evaluate_and_fit_carry_states_and_learn_within_a_batch():
    """Figures of batches, and states after the pass, are those of one sequence after another."""
    kept, free = both(MAKERS["LSTM"])
    y = some(3 * ROWS, 2)
    ends = [free.predict(ONE_AFTER_ANOTHER[:, : (i + 1) * TIME], verbose=0) for i in range(3)]
    wanted = np.mean((np.concatenate(ends) - y) ** 2)
    kept.compile("sgd", "mse")
    said = {"batch_size": ROWS, "verbose": 0}
    assert kept.evaluate(SETS, y, **said) == pytest.approx(wanted, rel=1e-5)
    assert kept.evaluate(SETS, y, **said) != pytest.approx(wanted, rel=1e-5)
    kept.reset_states()
    assert kept.evaluate(SETS, y, **said) == pytest.approx(wanted, rel=1e-5)

    kept.reset_states()
    kept.optimizer.learning_rate = 0.0
    history = kept.fit(SETS, y, shuffle=False, epochs=1, **said).history["loss"]
    assert history[0] == pytest.approx(wanted, rel=1e-5)
    assert_close(kept.layers[0].states[0].numpy(), ends[-1], **NEAR)


@pytest.mark.parametrize("loops", [True, False], ids=["fit", "train_on_batch"])
def test_training_is_what_it_is_with_states_given(loops):
    """The last states of a batch begin the next one, as constants: no slope goes through them."""
    kept, _ = both(MAKERS["GRU"])
    x, h = Input((TIME, 2)), Input((2,))
    told = Model([x, h], GRU(2, return_state=True)(x, initial_state=h))
    told.set_weights(kept.get_weights())
    y, state = some(3 * ROWS, 2), np.zeros((ROWS, 2), "float32")
    kept.compile("sgd", "mse")
    told.compile("sgd", ["mse", None])
    if loops:
        kept.fit(SETS, y, batch_size=ROWS, shuffle=False, verbose=0)
    for xs, ys in zip(np.split(SETS, 3), np.split(y, 3), strict=True):
        if not loops:
            kept.train_on_batch(xs, ys)
        _, last = told.predict([xs, state], verbose=0)
        told.train_on_batch([xs, state], [ys, None])
        state = last
    assert_close(kept.get_weights(), told.get_weights(), **NEAR)
    assert_close(kept.layers[0].states[0].numpy(), state, **NEAR)


def test_states_are_no_weights(tmp_path, capsys):
    kept, free = both(MAKERS["LSTM"])
    layer = kept.layers[0]
    kept.predict(SETS, batch_size=ROWS, verbose=0)
    assert [v.name for v in kept.weights] == ["kernel", "recurrent_kernel", "bias"]
    assert kept.non_trainable_weights == []
    assert kept.count_params() == free.count_params() == layer.count_params()
    assert len({v.path for v in kept.variables}) == 5
    texts = []
    for model in (kept, free):
        model.summary()
        texts.append(capsys.readouterr().out.splitlines()[-3:])
    assert texts[0] == texts[1]
    kept.save(tmp_path / "kept.keras")
    free.save(tmp_path / "free.keras")
    with (
        zipfile.ZipFile(tmp_path / "kept.keras") as one,
        zipfile.ZipFile(tmp_path / "free.keras") as two,
    ):
        sizes = [f.getinfo("model.weights.h5").file_size for f in (one, two)]
    assert sizes[0] == sizes[1]
    twin = saving.load_model(tmp_path / "kept.keras")
    assert not np.any(twin.layers[0].states[0].numpy())
    clone = models.clone_model(kept)
    clone.set_weights(kept.get_weights())
    kept.reset_states()
    wanted = kept.predict(SETS, batch_size=ROWS, verbose=0)
    for other in (twin, clone):
        assert_close(other.predict(SETS, batch_size=ROWS, verbose=0), wanted, 0, 0)


def test_training_again_from_the_beginning_gives_the_same():
    kept, _ = both(MAKERS["LSTM"])
    y, begun, results = some(3 * ROWS, 2), kept.get_weights(), []
    for _ in range(2):
        kept.set_weights(begun)
        kept.reset_states()
        kept.compile("adam", "mse")
        kept.fit(SETS, y, batch_size=ROWS, shuffle=False, epochs=2, verbose=0)
        results.append(kept.get_weights())
    assert_close(*results, 0, 0)


def test_states_may_be_set():
    kept, free = both(MAKERS["LSTM"], return_state=True)
    layer = kept.layers[0]
    begin = [some(ROWS, 2), some(ROWS, 2) / 2]
    layer.reset_states(begin)
    wanted = free.layers[0](SETS[:ROWS], initial_state=begin)
    assert_close(layer(SETS[:ROWS]), wanted, **NEAR)
    layer.reset_state()
    assert not any(np.any(v.numpy()) for v in layer.states)
    given = layer(SETS[:ROWS], initial_state=begin)  # what is said goes before what is kept
    assert_close(given, wanted, **NEAR)
    assert_close([v.numpy() for v in layer.states], wanted[1:], **NEAR)
    with pytest.raises(UsageError, match="E-STATE"):
        layer.reset_states(begin[:1])
    with pytest.raises(UsageError, match=r"got \[\(4, 2\), \(2, 2\)\]"):
        layer.reset_states([begin[0] + 1, begin[1][:2]])
    assert_close([v.numpy() for v in layer.states], wanted[1:], **NEAR)


def test_a_model_of_layers_in_layers_begins_anew():
    inner = Sequential([Input(batch_shape=(ROWS, TIME, 2)), GRU(2, stateful=True)])
    model = Sequential([Input(batch_shape=(ROWS, TIME, 2)), inner, Dense(1)])
    first = model.predict(SETS[:ROWS], verbose=0)
    assert not np.allclose(model.predict(SETS[:ROWS], verbose=0), first)
    model.reset_states()
    assert_close(model.predict(SETS[:ROWS], verbose=0), first, 0, 0)
    Sequential([Input((3,)), Dense(2)]).reset_states()  # nothing to do


def test_a_call_that_fails_leaves_states_as_they_were():
    kept, _ = both(MAKERS["LSTM"])
    kept.predict(SETS[:ROWS], verbose=0)
    before = [v.numpy() for v in kept.layers[0].states]
    with pytest.raises(UsageError, match=r"batches of 4 rows; got 3.*batch_size=4.*E-STATE"):
        kept.predict(SETS[:3], verbose=0)
    with pytest.raises(UsageError, match=r"got 3.*E-STATE"):
        kept.layers[0](SETS[:3])
    kept.compile("sgd", losses.MeanSquaredError())
    with pytest.raises(UsageError, match=r"E-STATE"):
        kept.fit(SETS, some(3 * ROWS, 2), batch_size=3, verbose=0)
    assert_close([v.numpy() for v in kept.layers[0].states], before, 0, 0)
    with pytest.raises(UsageError, match=r"an unknown number.*E-STATE"):
        kept.layers[0](Input((TIME, 2)))
