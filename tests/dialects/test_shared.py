"""Layers of Keras 0.3: masks passed on, one layer on several inputs, one layer after another."""

import numpy as np
import pytest

from cornu import Input, layers
from cornu import backend as K
from cornu.dialects import spellings, table
from cornu.dialects.shared import MaskedLayer, Siamese, SiameseHead, add_shared_layer
from cornu.dialects.stepped import time_distributed_dense
from cornu.errors import UsageError
from cornu.layers import Dense
from cornu.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

X, Z = np.ones((2, 3), "float32"), np.full((2, 3), 2.0, "float32")


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def branch():
    return Sequential([Dense(2, input_dim=3, use_bias=False)])


def test_a_masked_layer_of_keras_0():
    class Halved(MaskedLayer):
        def get_output(self, train=False):
            mask = self.get_input_mask(train)
            return self.get_input(train) * (0.5 if mask is None else 0.25)

    model = Sequential([layers.Masking(0.0, input_shape=(4, 2)), Halved()])
    steps = np.ones((1, 4, 2), "float32")
    np.testing.assert_array_equal(model.predict(steps, verbose=0), steps * 0.25)
    assert Halved.supports_masking is True
    np.testing.assert_array_equal(MaskedLayer()(X), X)


@pytest.mark.parametrize(("mode", "join"), [("sum", np.add), ("mul", np.multiply)])
def test_one_layer_on_two_models(mode, join):
    left, right = branch(), branch()
    shared = Dense(4, use_bias=False)
    model = Sequential([Siamese(shared, [left, right], merge_mode=mode)])
    w = shared.get_weights()[0]
    parts = [m.predict(x, verbose=0) @ w for m, x in ((left, X), (right, Z))]
    np.testing.assert_allclose(model.predict([X, Z], verbose=0), join(*parts), rtol=1e-5)
    assert len(model.trainable_weights) == 3


def test_the_heads_of_a_siamese():
    left, right = branch(), branch()
    shared = Dense(4, use_bias=False)
    both = Siamese(shared, [left, right], merge_mode=None)
    ends = [SiameseHead(i)(both.output) for i in (0, 1)]
    model = Model(both.sources(), ends)
    w = shared.get_weights()[0]
    found = model.predict([X, Z], verbose=0)
    np.testing.assert_allclose(found[0], left.predict(X, verbose=0) @ w, rtol=1e-5)
    np.testing.assert_allclose(found[1], right.predict(Z, verbose=0) @ w, rtol=1e-5)


def test_a_layer_added_to_several_models():
    left, right = branch(), branch()
    shared = Dense(4)
    add_shared_layer(shared, [left, right])
    assert left.layers[-1] is right.layers[-1] is shared
    assert right.output_shape == (None, 4)


def test_one_layer_after_another():
    first, second = Dense(2, input_dim=3), Dense(4)
    second.set_previous(first)
    assert second.previous is first and second.output_shape == (None, 4)
    model = Model(first.input, second.output)
    w, b, v, c = [a for layer in (first, second) for a in layer.get_weights()]
    np.testing.assert_allclose(model.predict(X, verbose=0), (X @ w + b) @ v + c, rtol=1e-5)
    third = Dense(1)
    third(Input((4,)))
    assert isinstance(third.previous, layers.InputLayer)
    with pytest.raises(UsageError, match="a layer comes after a layer; got 3"):
        third.set_previous(3)


def test_a_step_of_the_users_over_all_times():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    w, b = np.ones((3, 4), "float32") * 0.5, np.arange(4, dtype="float32")
    fed = K.placeholder((None, 5, 3))
    run = K.function([fed, K.learning_phase()], [time_distributed_dense(fed, w, b, 0.5, 3, 4, 5)])
    np.testing.assert_allclose(run([x, 0])[0], x @ w + b, rtol=1e-5)
    dropped = run([np.ones_like(x), 1])[0]
    np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 5, axis=1))
    np.testing.assert_allclose(np.asarray(time_distributed_dense(x, w)), x @ w, rtol=1e-5)
