"""Recurrent layers of users beside those of the library, with the same weights."""

import numpy as np
import pytest

from cornu import Input, layers
from cornu import backend as K
from cornu.dialects import spellings, table
from cornu.dialects.stepped import Recurrent
from cornu.errors import UsageError
from cornu.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

RNG = np.random.default_rng(19)
X = RNG.normal(size=(4, 5, 3)).astype("float32")
WEIGHTS = [RNG.normal(size=s).astype("float32") for s in ((3, 2), (2, 2), (2,))]


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


class Simple(Recurrent):
    """As a recurrent layer of Keras 1 was written."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.states = [None]
        self.W, self.U, self.b = map(K.variable, WEIGHTS)
        self.trainable_weights = [self.W, self.U, self.b]
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)
            del self.initial_weights

    def preprocess_input(self, x):
        return K.dot(x, self.W) + self.b

    def step(self, x, states):
        (factor,) = states[1:]
        output = K.tanh(x + factor * K.dot(states[0], self.U))
        return output, [output]

    def get_constants(self, x):
        return [K.cast_to_floatx(1.0)]

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)


@pytest.mark.parametrize("options", [{}, {"go_backwards": True}, {"return_sequences": True}])
def test_a_step_of_the_users(options):
    kept = {**options}
    mine = Simple(2, input_dim=3, input_length=5, **kept)
    if options.get("return_sequences"):
        mine.get_output_shape_for = lambda s: (s[0], s[1], 2)
    model = Sequential([mine])
    other = layers.SimpleRNN(2, **options)
    today = Sequential([Input((5, 3)), other])
    other.set_weights(WEIGHTS)
    assert model.output_shape == today.output_shape
    np.testing.assert_allclose(
        model.predict(X, verbose=0), today.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_masks_training_and_states():
    words = np.array([[1, 2, 0], [3, 0, 0]])
    x = Input((3,))
    embedded = layers.Embedding(5, 3, mask_zero=True)(x)
    other = layers.SimpleRNN(2)
    y, state = Simple(2, return_state=True)(embedded)
    model = Model(x, [y, state, other(embedded)])
    other.set_weights(WEIGHTS)
    mine, last, theirs = model.predict(words, verbose=0)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mine, last)
    model = Model(x, y)
    model.compile("sgd", "mse")
    history = model.fit(words, np.ones((2, 2)), nb_epoch=3, verbose=0).history["loss"]
    assert history[2] < history[0]


def test_weights_to_begin_with():
    halves = [w / 2 for w in WEIGHTS]
    model = Sequential([Simple(2, weights=halves, input_dim=3)])
    for a, b in zip(model.get_weights(), halves, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_it_cannot_do():
    with pytest.raises(UsageError, match="Make the step a cell"):
        Simple(2, stateful=True)

    class Sizeless(Recurrent):
        def step(self, x, states):
            return x, []

    with pytest.raises(UsageError, match="must have units"):
        Sizeless()(Input((5, 3)))
