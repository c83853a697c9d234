"""What scripts of old wrote where they made layers, penalties and metrics of their own."""

import numpy as np
import pytest

from cornu import backend as K
from cornu import constraints, layers, regularizers
from cornu.dialects import generations, spellings, table
from cornu.errors import UsageError
from cornu.layers import Layer
from cornu.models import Sequential
from cornu.regularizers import Regularizer

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

RNG = np.random.default_rng(5)
X = RNG.normal(size=(6, 2)).astype("float32")
WIDE = X.astype("float64")


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


class Spread(Regularizer):
    """A penalty that reads its layer, as Keras 0 had them."""

    def set_layer(self, layer):
        self.layer = layer

    def __call__(self, loss):
        return loss + 0.5 * K.mean(K.square(self.layer.get_input(True)))


class Tripled(Layer):
    def build(self):
        penalty = Spread()
        penalty.set_layer(self)
        self.regularizers = [penalty]

    def get_output(self, train=False):
        return 3 * self.get_input(train)


def test_a_penalty_that_a_layer_of_keras_0_lists_is_in_the_loss():
    with generations.within("0.3"):
        model = Sequential()
        model.add(Tripled(input_shape=(2,)))
        model.add(layers.Dense(1, trainable=False, weights=[np.ones((2, 1)), np.zeros(1)]))
        model.compile("sgd", "mse")
        found = model.fit(X, np.zeros((6, 1)), batch_size=6, nb_epoch=1, verbose=0)
    expected = np.mean((3 * WIDE.sum(axis=1)) ** 2) + 0.5 * np.mean(WIDE**2)
    np.testing.assert_allclose(found.history["loss"], [expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "made"),
    [
        (regularizers, lambda: regularizers.L2(0.1)),
        (regularizers, lambda: regularizers.L1L2(0.1, 0.2)),
        (constraints, lambda: constraints.MaxNorm(3)),
        (constraints, lambda: constraints.NonNeg()),
        (constraints, lambda: constraints.MinMaxNorm(0.1, 0.9)),
    ],
)
def test_a_config_alone_was_enough_for_get(family, made):
    again = family.get(made().get_config())
    assert type(again) is type(made()) and again.get_config() == made().get_config()


def test_a_config_with_its_name_and_one_that_fits_nothing():
    found = regularizers.get({"name": "WeightRegularizer", "l1": 0.0, "l2": 0.25})
    assert isinstance(found, regularizers.L1L2) and (found.l1, found.l2) == (0.0, 0.25)
    found = constraints.get({"name": "MaxNorm", "m": 2, "axis": 0})
    assert isinstance(found, constraints.MaxNorm) and found.max_value == 2
    with pytest.raises(UsageError, match='needs "class_name"'):
        regularizers.get({"l3": 1.0})
    spellings.unregister()
    with pytest.raises(UsageError, match='needs "class_name"'):
        regularizers.get({"l2": 1.0})


def right(y_true, y_pred):
    assert len(y_true.shape) == 2
    return K.mean(K.equal(y_true, K.round(y_pred)))


def test_metrics_of_ones_own_get_columns():
    labels = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    model = Sequential([layers.Dense(1, activation="sigmoid", input_shape=(2,))])
    model.compile("sgd", "binary_crossentropy", metrics=[right])
    with generations.within("2.2"):
        found = model.evaluate(X, labels, verbose=0)[1]
        guesses = np.round(model.predict(X, verbose=0)[:, 0])
    np.testing.assert_allclose(found, np.mean(guesses == labels), rtol=1e-6)


@pytest.mark.parametrize("options", [{"input_shape": (1, 2)}, {"input_dim": 2, "input_length": 1}])
def test_a_layer_with_the_size_of_its_batches(options):
    layer = layers.LSTM(3, stateful=True, batch_size=4, **options)
    model = Sequential([layer])
    assert model.input_shape == (4, 1, 2)
    assert Sequential([layers.Dense(2, input_dim=5, batch_size=3)]).input_shape == (3, 5)
