"""Models that are written once, for any library with the names of Keras 2.4 and later.

`MODELS[name](k)` makes one with `k`, which may be tf-keras, TensorFlow's Keras, Keras 3 or ours.
"""

import numpy as np


def mlp(k):
    L = k.layers
    return k.Sequential(
        [
            L.Dense(5, activation="relu", kernel_regularizer="l2", input_shape=(4,)),
            L.BatchNormalization(),
            L.Dropout(0.0),
            L.Dense(4, activation="tanh", use_bias=False, kernel_constraint="unit_norm"),
            L.Dense(3, activation="softmax"),
        ]
    )


def plain(k):
    """A Sequential that has no input of its own in its config."""
    model = k.Sequential([k.layers.Dense(3, activation="elu"), k.layers.Dense(2)])
    model.build((None, 4))
    return model


def cnn(k):
    L = k.layers
    x = k.Input((8, 8, 3))
    h = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    h = L.BatchNormalization()(h)
    h = L.DepthwiseConv2D(3, depth_multiplier=2)(h)
    h = L.SeparableConv2D(5, 3, strides=2, padding="same")(h)
    h = L.MaxPooling2D(2, padding="same")(h)
    h = L.Concatenate()([L.GlobalAveragePooling2D()(h), L.GlobalMaxPooling2D()(h)])
    return k.Model(x, L.Dense(2)(h))


def lines(k):
    L = k.layers
    x = k.Input((12, 3))
    h = L.Conv1D(4, 3, padding="causal", dilation_rate=2)(x)
    h = L.ZeroPadding1D(1)(L.Cropping1D((1, 2))(h))
    h = L.UpSampling1D(2)(L.AveragePooling1D(2)(h))
    h = L.SeparableConv1D(3, 3, padding="same")(h)
    return k.Model(x, L.GlobalMaxPooling1D()(h))


def volumes(k):
    L = k.layers
    x = k.Input((4, 5, 5, 2))
    h = L.Conv3D(3, 2, activation="relu")(x)
    return k.Model(x, L.Dense(2)(L.Flatten()(L.AveragePooling3D(2, padding="same")(h))))


def upwards(k):
    L = k.layers
    x = k.Input((3, 4, 2))
    h = L.Conv2DTranspose(4, 3, strides=2, padding="same")(x)
    h = L.UpSampling2D(2, interpolation="bilinear")(h)
    h = L.ZeroPadding2D(((1, 0), (0, 1)))(L.Cropping2D(1)(h))
    return k.Model(x, L.Conv2D(1, 1)(h))


def lstm(k):
    L = k.layers
    x = k.Input((6, 3))
    h, a, b = L.LSTM(4, return_sequences=True, return_state=True)(x)
    h = L.LSTM(4, return_sequences=True)(h, initial_state=[a, b])
    return k.Model(x, L.Dense(2)(L.LSTM(3, go_backwards=True, unit_forget_bias=False)(h)))


def gru(k):
    L = k.layers
    x = k.Input((6, 3))
    h = L.GRU(4, return_sequences=True)(x)
    h = L.GRU(4, reset_after=False, return_sequences=True, recurrent_activation="hard_sigmoid")(h)
    return k.Model(x, L.Dense(2)(L.SimpleRNN(3)(h)))


def both_ways(k):
    L = k.layers
    x = k.Input((5, 3))
    h = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
    h = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum")(h)
    back = L.LSTM(2, go_backwards=True, name="back")
    return k.Model(x, L.Bidirectional(L.LSTM(2), backward_layer=back)(h))


def each_step(k):
    L = k.layers
    inner = k.Sequential([L.Dense(4, activation="relu", input_shape=(3,)), L.Dense(2)])
    x = k.Input((5, 3))
    h = L.Concatenate()([L.TimeDistributed(inner)(x), L.TimeDistributed(L.Dense(2))(x)])
    return k.Model(x, L.Dense(1)(L.LSTM(3)(h)))


def masked(k):
    L = k.layers
    ids = k.Input((6,), dtype="int32")
    numbers = k.Input((6, 2))
    h = L.LSTM(4, return_sequences=True)(L.Embedding(7, 3, mask_zero=True)(ids))
    h = L.Bidirectional(L.GRU(3))(h)
    g = L.SimpleRNN(2)(L.Masking(0.0)(numbers))
    return k.Model([ids, numbers], L.Dense(2)(L.Concatenate()([h, g])))


def attentive(k):
    L = k.layers
    q, v = k.Input((4, 6)), k.Input((5, 6))
    a = L.Attention(use_scale=True)([q, v])
    b = L.AdditiveAttention()([q, v])
    c = L.MultiHeadAttention(2, 3)(q, v)
    d = L.MultiHeadAttention(2, 3, value_dim=2, output_shape=6)(q, v, key=v)
    h = L.LayerNormalization()(L.Add()([a, b, c, d]))
    return k.Model([q, v], L.Dense(2)(L.GlobalAveragePooling1D()(h)))


def merged(k):
    L = k.layers
    x, y = k.Input((4,)), k.Input((4,))
    made = [L.Add(), L.Subtract(), L.Multiply(), L.Average(), L.Maximum(), L.Minimum()]
    h = [layer([x, y]) for layer in made]
    h += [L.Concatenate()([x, y]), L.Dot(1)([x, y]), L.Dot(-1, normalize=True)([x, y])]
    return k.Model([x, y], L.Dense(3)(L.concatenate(h)))


def nested(k):
    L = k.layers
    a = k.Input((4,))
    deep = k.Model(a, [L.Dense(3)(a), L.BatchNormalization()(L.Dense(3)(a))], name="deep")
    b = k.Input((4,))
    middle = k.Sequential([L.Dense(4, input_shape=(4,)), L.Dense(4)], name="middle")
    outer = k.Model(b, L.Add()(deep(middle(b))), name="outer")
    x = k.Input((4,))
    return k.Model(x, L.Dense(2)(outer(L.Dense(4)(x))))


def shared(k):
    L = k.layers
    x, y = k.Input((5, 3)), k.Input((5, 3))
    reader, last = L.LSTM(4), L.Dense(4, activation="relu")
    tower = k.Sequential([L.Dense(4, input_shape=(4,)), L.LeakyReLU()])
    a, b = last(reader(x)), last(reader(y))
    h = L.Concatenate()([tower(a), tower(b), tower(L.Add()([a, b]))])
    return k.Model([x, y], L.Dense(1, activation="sigmoid")(h))


def crossed(k):
    """Layers of one class and shape, whose order of making is not that of their calls."""
    L = k.layers
    made = [L.Dense(4) for _ in range(4)]
    x, y = k.Input((4,)), k.Input((4,))
    h = made[3](made[1](x))
    g = made[0](made[2](y))
    return k.Model([y, x], [L.Add()([h, g]), made[1](h)])


def two_ends(k):
    L = k.layers
    x = k.Input((4,))
    h = L.Dense(5, activation="relu")(x)
    return k.Model(x, [L.Dense(2, name="p")(h), L.Dense(3, name="q", activation="softmax")(h)])


def activated(k):
    L = k.layers
    x = k.Input((6,))
    h = [
        *(L.Dense(3, activation=name)(x) for name in ("selu", "swish", "gelu", "hard_sigmoid")),
        *(L.Activation(name)(x) for name in ("exponential", "softplus", "softsign", "sigmoid")),
        *(L.LeakyReLU(0.1)(x), L.PReLU()(x), L.ELU(0.5)(x), L.Softmax()(x)),
        L.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.1)(x),
    ]
    return k.Model(x, L.Dense(2)(L.Concatenate()(h)))


def normalized(k):
    L = k.layers
    x = k.Input((4, 5, 6))
    h = L.BatchNormalization(axis=1, scale=False)(x)
    h = L.BatchNormalization(center=False, epsilon=0.01, momentum=0.8)(h)
    h = L.LayerNormalization(axis=[2, 3])(h)
    return k.Model(x, L.Dense(2)(L.Flatten()(h)))


def convolved_in_time(k):
    L = k.layers
    x = k.Input((3, 6, 6, 2))
    h = L.ConvLSTM2D(3, 3, padding="same", return_sequences=True)(x)
    return k.Model(x, L.Dense(2)(L.Flatten()(L.ConvLSTM2D(2, 3)(h))))


def noisy(k):
    L = k.layers
    x = k.Input((4, 3))
    h = L.GaussianNoise(0.1)(L.SpatialDropout1D(0.2)(x))
    h = L.AlphaDropout(0.1)(L.GaussianDropout(0.1)(h))
    return k.Model(x, L.ActivityRegularization(0.01)(L.Dense(2)(L.Flatten()(h))))


def reshaped(k):
    L = k.layers
    x = k.Input((12,))
    h = L.Permute((2, 1))(L.Reshape((3, 4))(x))
    h = L.Flatten()(L.Conv1D(2, 2)(h))
    return k.Model(x, L.LSTM(2)(L.RepeatVector(3)(h)))


def cells(k):
    L = k.layers
    x = k.Input((5, 3))
    h = L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True)(x)
    h = L.RNN(L.SimpleRNNCell(2))(h)
    return k.Model(x, L.Dense(2)(h))


def stateful(k):
    L = k.layers
    x = k.Input(batch_shape=(4, 5, 3))
    h = L.LSTM(3, stateful=True, return_sequences=True)(x)
    return k.Model(x, L.GRU(2, stateful=True)(h))


def prepared(k):
    L = k.layers
    x = k.Input((3,))
    h = L.Normalization(mean=[1.0, 0.0, -1.0], variance=[1.0, 2.0, 0.5])(x)
    h = L.Rescaling(0.5, offset=1.0)(h)
    bins = L.Discretization(bin_boundaries=[-0.5, 0.0, 0.7])(x)
    table = L.CategoryEncoding(4, output_mode="multi_hot")(bins)
    return k.Model(x, L.Dense(2)(L.Concatenate()([h, table])))


def adapted(k):
    L = k.layers
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(3).normal(2.0, 3.0, (50, 3)).astype("float32"))
    x = k.Input((3,))
    return k.Model(x, L.Dense(2)(layer(x)))


def expanded(k):
    L = k.layers
    x = k.Input((4, 3))
    h = L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")(x)
    return k.Model(x, L.GlobalAveragePooling1D()(h))


MODELS = {
    fn.__name__: fn
    for fn in (
        *(mlp, plain, cnn, lines, volumes, upwards, lstm, gru, both_ways, each_step, masked),
        *(attentive, merged, nested, shared, crossed, two_ends, activated, normalized),
        *(convolved_in_time, noisy, reshaped, cells, stateful, prepared, adapted, expanded),
    )
}

TRAINED = {"mlp", "lstm", "nested", "shared", "cnn"}
"""Those that are trained for some steps too: draws play no part in them."""


def data_of(model, rows=4, seed=1):
    """Batches for each of a model's inputs: normal numbers, or whole ones for lookups."""
    rng = np.random.default_rng(seed)
    found = []
    for tensor in model.inputs:
        shape = (rows, *tuple(tensor.shape)[1:])
        whole = "int" in str(tensor.dtype)
        found.append(rng.integers(0, 7, shape).astype("int32") if whole else normal(rng, shape))
    return found if len(found) > 1 else found[0]


def normal(rng, shape):
    """Numbers of float32."""
    return rng.normal(size=shape).astype("float32")


def fill(model, seed=0):
    """Give a model weights that nobody else makes; variances stay above 0, counts whole."""
    rng = np.random.default_rng(seed)
    found = []
    for value in model.get_weights():
        whole = np.asarray(value).dtype.kind in "iu"
        found.append(value if whole else rng.uniform(0.05, 0.4, np.shape(value)))
    model.set_weights(found)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # else Keras goes on with the figures of before
            layer.finalize_state()
    return model


def outputs(model, x):
    """What a model makes of a batch, as a list."""
    found = model.predict(x, verbose=0)
    return list(found) if isinstance(found, (list, tuple)) else [found]
