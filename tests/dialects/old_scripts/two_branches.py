# ruff: noqa
# Generation 1.2: branches merged by the function `merge`.
import numpy as np
from keras.layers import Input, Dense, merge
from keras.models import Model
from keras.utils import set_random_seed

set_random_seed(3)


def build(size):
    left, right = Input(shape=(4,)), Input(shape=(4,))
    a = Dense(size, activation="tanh", init="he_uniform")(left)
    b = Dense(size, activation="tanh")(right)
    joined = merge([a, b], mode="concat", concat_axis=-1)
    summed = merge([a, b], mode="sum")
    product = merge([a, b], mode=lambda pair: pair[0] * pair[1], output_shape=(size,))
    everything = merge([joined, summed, product], mode="concat")
    out = Dense(2, bias=False)(everything)
    return Model(input=[left, right], output=out)


model = build(5)
model.compile(optimizer="sgd", loss="mse")
rng = np.random.RandomState(0)
left, right, y = rng.rand(20, 4), rng.rand(20, 4), rng.rand(20, 2)
model.fit([left, right], y, batch_size=10, verbose=0)
results = [model.predict([left, right]), *model.get_weights()]
