"""Networks of all kinds train as they train in Keras 3.15.1."""

import numpy as np
import pytest

import cornu
from peers.checks import ROWS, Case, pair, same, trained_alike

pytestmark = pytest.mark.peers


def floats(*shape, scale=1.0):
    return lambda rng: rng.normal(0, scale, (ROWS, *shape)).astype("float32")


def classes(count, *shape):
    return lambda rng: rng.integers(0, count, (ROWS, *shape)).astype("int32")


def one_hot(count):
    return lambda rng: np.eye(count, dtype="float32")[rng.integers(0, count, ROWS)]


def data(x, y):
    return lambda rng: (x(rng), y(rng))


def sgd(k):
    return k.optimizers.SGD(0.05)


def mse(k):
    return {"optimizer": sgd(k), "loss": "mse", "metrics": ["mae"]}


def sparse(k):
    return {
        "optimizer": sgd(k),
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    }


def stack(shape, *make):
    """A Sequential of what functions of `k` make."""

    def model(k):
        return k.Sequential([k.Input(shape), *(one(k) for one in make)])

    return model


def layer(name, *args, **options):
    return lambda k: getattr(k.layers, name)(*args, **options)


def image_classifier(*make, shape=(8, 7, 4)):
    head = (layer("Flatten"), layer("Dense", 3, activation="softmax"))
    return stack(shape, *make, *head)


images = data(floats(8, 7, 4), classes(3))


def conv(*args, **options):
    return layer("Conv2D", *args, **{"activation": "tanh", **options})


def loss_alone(loss):
    return lambda k: {"optimizer": sgd(k), "loss": loss}


def step_weights(rng):
    return {"sample_weight": rng.uniform(0.5, 2, (ROWS, 6)).astype("float32")}


# ---------------------------------------------------------------- graphs


def two_towers(k):
    a, b = k.Input((4,), name="a"), k.Input((3,), name="b")
    shared = k.layers.Dense(5, activation="tanh", name="shared")
    narrow = k.layers.Dense(4, name="narrow")(b)
    left, right = shared(a), shared(narrow)
    joined = k.layers.Concatenate()([left, right, narrow])
    mixed = k.layers.Multiply()([left, right])
    p = k.layers.Dense(1, name="price")(joined)
    q = k.layers.Dense(3, activation="softmax", name="kind")(k.layers.Add()([mixed, left]))
    return k.Model([a, b], [p, q])


def two_towers_data(rng):
    x = [floats(4)(rng), floats(3)(rng)]
    return x, [floats(1)(rng), classes(3)(rng)]


def two_losses(k):
    return {
        "optimizer": sgd(k),
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "loss_weights": [0.3, 2.0],
        "metrics": [["mae"], ["accuracy"]],
    }


def by_name(k):
    a, b = k.Input((4,), name="a"), k.Input((3,), name="b")
    joined = k.layers.Concatenate()([a, b])
    p = k.layers.Dense(1, name="price")(joined)
    q = k.layers.Dense(3, activation="softmax", name="kind")(joined)
    return k.Model({"a": a, "b": b}, {"price": p, "kind": q})


def by_name_data(rng):
    x, y = two_towers_data(rng)
    return {"a": x[0], "b": x[1]}, {"price": y[0], "kind": y[1]}


def by_name_losses(k):
    return {
        "optimizer": sgd(k),
        "loss": {"price": "mae", "kind": "sparse_categorical_crossentropy"},
        "loss_weights": {"price": 0.5, "kind": 1.5},
        "metrics": {"price": ["mse"], "kind": ["accuracy"]},
    }


def nested(k):
    x = k.Input((4,))
    h = k.layers.Dense(5, activation="relu")(x)
    inner = k.Model(x, [h, k.layers.BatchNormalization()(h)])
    block = k.Sequential([k.Input((5,)), k.layers.Dense(5, "tanh"), k.layers.Dense(4)])
    y = k.Input((4,))
    a, b = inner(y)
    again = block(k.layers.add([a, b]))
    c, d = inner(again)
    return k.Model(
        y,
        k.layers.Dense(2)(
            k.layers.subtract(
                [
                    block(c),
                    again,
                ][:2]
            )
        ),
    )


def residual(k):
    x = k.Input((8, 7, 4))
    h = k.layers.Conv2D(6, 3, padding="same", use_bias=False)(x)
    h = k.layers.BatchNormalization()(h)
    h = k.layers.Activation("relu")(h)
    h = k.layers.Conv2D(4, 3, padding="same")(h)
    h = k.layers.add([h, x])
    h = k.layers.GlobalAveragePooling2D()(h)
    return k.Model(x, k.layers.Dense(3, activation="softmax")(h))


def operators(k):
    x = k.Input((4,))
    h = k.layers.Dense(4)(x)
    h = k.ops.tanh(h * 2.0 - x) + k.ops.square(x) / 3.0
    h = k.ops.concatenate([h[:, :2], k.ops.mean(h, axis=-1, keepdims=True)], axis=-1)
    return k.Model(x, k.layers.Dense(2)(h))


def frozen(k):
    model = stack(
        (4,),
        layer("Dense", 5, activation="tanh"),
        layer("BatchNormalization"),
        layer("Dense", 5, activation="tanh"),
        layer("BatchNormalization"),
        layer("Dense", 2),
    )(k)
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    return model


def masked_words(k):
    words = k.Input((6,), dtype="int32")
    h = k.layers.Embedding(11, 5, mask_zero=True)(words)
    h = k.layers.Dense(5, activation="tanh")(h)
    h = k.layers.GlobalAveragePooling1D()(h)
    return k.Model(words, k.layers.Dense(3, activation="softmax")(h))


def tags(k):
    """A mask that reaches the loss and the metrics."""
    words = k.Input((6,), dtype="int32")
    h = k.layers.Embedding(11, 5, mask_zero=True)(words)
    h = k.layers.LayerNormalization()(h)
    return k.Model(words, k.layers.Dense(4, activation="softmax")(h))


def words(rng):
    """Sentences of 1 to 6 words out of 10, then zeros."""
    found = rng.integers(1, 11, (ROWS, 6))
    lengths = rng.integers(1, 7, (ROWS, 1))
    return np.where(np.arange(6) < lengths, found, 0).astype("int32")


def masking(k):
    x = k.Input((6, 3))
    h = k.layers.Masking(0.0)(x)
    h = k.layers.Dense(4, activation="relu")(h)
    return k.Model(x, k.layers.Dense(2)(h))


def with_gaps(rng):
    x = floats(6, 3)(rng)
    x[rng.uniform(size=(ROWS, 6)) < 0.3] = 0
    x[:, 0] = 1.0
    return x


def heavy(k):
    made = k.regularizers
    return k.Sequential(
        [
            k.Input((4,)),
            k.layers.Dense(
                6,
                activation="tanh",
                kernel_regularizer=made.L1(0.02),
                bias_regularizer=made.L2(0.03),
                activity_regularizer=made.L1L2(0.01, 0.02),
            ),
            k.layers.Dense(6, kernel_regularizer=made.OrthogonalRegularizer(0.05)),
            k.layers.ActivityRegularization(l1=0.01, l2=0.01),
            k.layers.Dense(2, kernel_regularizer="l2"),
        ]
    )


def held(k):
    made = k.constraints
    return k.Sequential(
        [
            k.Input((4,)),
            k.layers.Dense(6, activation="tanh", kernel_constraint=made.MaxNorm(0.7)),
            k.layers.Dense(6, kernel_constraint=made.UnitNorm(), bias_constraint="non_neg"),
            k.layers.Dense(2, kernel_constraint=made.MinMaxNorm(0.3, 0.6, rate=0.5, axis=0)),
        ]
    )


def subclass(k):
    """Layers and a model of one's own, with Variables, losses and a phase.

    The phase is passed on by hand: in `fit` on JAX, layers inside a subclass do not get it
    otherwise (Keras calls `call` there, and not the model). In Cornu they do.
    """

    class Scale(k.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="f")
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="n")

        def call(self, x, training=False):
            if training:
                self.seen.assign(self.seen + 1.0)
            self.add_loss(0.01 * k.ops.sum(k.ops.square(self.factor)))
            return x * self.factor

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [k.layers.Dense(5, activation="tanh"), Scale()]
            self.norm = k.layers.BatchNormalization(momentum=0.6)
            self.head = k.layers.Dense(2)

        def call(self, x, training=False):
            x = self.blocks[0](x)
            x = self.blocks[1](x, training=training)
            return self.head(self.norm(x, training=training))

    model = Net()
    model(np.zeros((2, 4), "float32"))
    return model


regression = data(floats(4), floats(2))
dense = layer("Dense", 6, activation="tanh")
norm = layer("BatchNormalization", momentum=0.8)

CASES = [
    Case("linear", stack((4,), layer("Dense", 2)), regression, mse),
    Case(
        "mlp",
        stack((4,), layer("Dense", 8, activation="relu"), dense, layer("Dense", 2)),
        regression,
        mse,
    ),
    Case(
        "activations",
        stack(
            (4,),
            *(
                layer("Dense", 6, activation=name)
                for name in ("elu", "selu", "gelu", "silu", "softplus", "leaky_relu", "hard_silu")
            ),
            layer("Dense", 2),
        ),
        regression,
        mse,
    ),
    Case("cnn-valid", image_classifier(conv(5, 3), conv(4, (2, 3))), images, sparse),
    Case("cnn-same", image_classifier(conv(5, 3, padding="same")), images, sparse),
    Case(
        "cnn-strides",
        image_classifier(conv(5, 3, strides=2, padding="same"), conv(3, 2, strides=(2, 1))),
        images,
        sparse,
    ),
    Case(
        "cnn-dilation",
        image_classifier(conv(5, 3, dilation_rate=2), conv(3, 2, dilation_rate=(1, 2))),
        images,
        sparse,
    ),
    Case("cnn-groups", image_classifier(conv(6, 3, groups=2), conv(3, 1)), images, sparse),
    Case(
        "cnn-pooling",
        image_classifier(
            layer("ZeroPadding2D", 1),
            conv(5, 3),
            layer("MaxPooling2D", 2),
            conv(4, 2),
            layer("AveragePooling2D", 2, strides=1, padding="same"),
        ),
        images,
        sparse,
    ),
    Case(
        "cnn-separable",
        image_classifier(
            layer("SeparableConv2D", 5, 3, activation="tanh"),
            layer("DepthwiseConv2D", 3, depth_multiplier=2, padding="same"),
            layer("UpSampling2D", 2),
            layer("Cropping2D", ((1, 0), (2, 1))),
        ),
        images,
        sparse,
    ),
    Case(
        "cnn-transpose",
        stack(
            (4, 3, 2),
            layer("Conv2DTranspose", 5, 3, strides=2, padding="same", activation="tanh"),
            layer("Conv2DTranspose", 1, 2),
            layer("GlobalMaxPooling2D"),
        ),
        data(floats(4, 3, 2), floats(1)),
        mse,
    ),
    Case(
        "sequence-convolution",
        stack(
            (9, 3),
            layer("Conv1D", 6, 3, padding="causal", dilation_rate=2, activation="relu"),
            layer("MaxPooling1D", 2),
            layer("Conv1D", 4, 2, activation="tanh"),
            layer("GlobalAveragePooling1D"),
            layer("Dense", 2),
        ),
        data(floats(9, 3), floats(2)),
        mse,
    ),
    Case(
        "volumes",
        stack(
            (4, 5, 4, 2),
            layer("Conv3D", 3, 2, activation="tanh"),
            layer("MaxPooling3D", (1, 2, 1)),
            layer("Flatten"),
            layer("Dense", 2),
        ),
        data(floats(4, 5, 4, 2), floats(2)),
        mse,
    ),
    Case("batch-normalization", stack((4,), dense, norm, layer("Dense", 2)), regression, mse),
    Case("batch-normalization-images", residual, images, sparse),
    Case(
        "batch-normalization-options",
        stack(
            (4,),
            dense,
            layer("BatchNormalization", scale=False, epsilon=0.1, momentum=0.5),
            dense,
            layer("BatchNormalization", center=False),
            layer("Dense", 2),
        ),
        regression,
        mse,
    ),
    Case(
        "normalizations",
        stack(
            (6, 8),
            layer("LayerNormalization"),
            layer("Dense", 8, activation="tanh"),
            layer("GroupNormalization", 4),
            layer("RMSNormalization"),
            layer("LayerNormalization", axis=[1, 2], epsilon=0.01),
            layer("UnitNormalization"),
            layer("Flatten"),
            layer("Dense", 2),
        ),
        data(floats(6, 8), floats(2)),
        mse,
    ),
    Case(
        "embedding",
        stack((6,), layer("Embedding", 11, 4), layer("Flatten"), layer("Dense", 3, "softmax")),
        data(words, classes(3)),
        sparse,
    ),
    Case("mask-pooled", masked_words, data(words, classes(3)), sparse),
    Case(
        "mask-to-loss",
        tags,
        data(words, classes(4, 6)),
        loss_alone("sparse_categorical_crossentropy"),
    ),
    Case(
        "mask-to-weighted-loss",
        tags,
        data(words, classes(4, 6)),
        loss_alone("sparse_categorical_crossentropy"),
        step_weights,
    ),
    Case("masking", masking, data(with_gaps, floats(6, 2)), loss_alone("mse")),
    Case("two-inputs-two-outputs", two_towers, two_towers_data, two_losses),
    Case("dicts", by_name, by_name_data, by_name_losses),
    Case("nested", nested, regression, mse),
    Case("operators", operators, regression, mse),
    Case("frozen", frozen, regression, mse),
    Case("subclass", subclass, regression, mse),
    Case("regularizers", heavy, regression, mse),
    Case("constraints", held, regression, mse),
    Case(
        "reshaping",
        stack(
            (4, 6),
            layer("Permute", (2, 1)),
            layer("Reshape", (3, 8)),
            layer("Dense", 5, activation="relu"),
            layer("Flatten"),
            layer("RepeatVector", 3),
            layer("Conv1D", 4, 2),
            layer("GlobalMaxPooling1D"),
            layer("Dense", 2),
        ),
        data(floats(4, 6), floats(2)),
        mse,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trains_as_keras(case, keras):
    trained_alike(case, keras)


# ---------------------------------------------------------------- other ways in


def small(k):
    norm = k.layers.BatchNormalization(momentum=0.7)
    return k.Sequential([k.Input((4,)), k.layers.Dense(5), norm, k.layers.Dense(2)])


def uneven(rng, counts=(8, 8, 3, 5)):
    for n in counts:
        x, y = rng.normal(size=(n, 4)).astype("float32"), rng.normal(size=(n, 2))
        yield x, y.astype("float32"), rng.uniform(0, 2, n).astype("float32")


def compiled(model, k):
    made = [k.metrics.MeanAbsoluteError(name="w")]
    model.compile(
        k.optimizers.SGD(0.02, momentum=0.9), "mse", metrics=["mae"], weighted_metrics=made
    )


def test_generators_of_uneven_batches(keras):
    ours, theirs = pair(Case("generator", small, regression, mse), keras)
    found = []
    for k, model in ((cornu, ours), (keras, theirs)):
        compiled(model, k)

        def forever():
            rng = np.random.default_rng(3)
            while True:
                yield from uneven(rng)

        said = {"steps_per_epoch": 4, "epochs": 3, "verbose": 0}
        history = model.fit(forever(), **said).history
        judged = model.evaluate(uneven(np.random.default_rng(4)), steps=4, verbose=0)
        batches = ((x,) for x, *_ in uneven(np.random.default_rng(5)))
        found.append((history, judged, model.predict(batches, steps=4, verbose=0)))
    same(*found, "a generator")
    same(ours.get_weights(), theirs.get_weights(), "weights")


def test_single_batches(keras):
    ours, theirs = pair(Case("batches", small, regression, mse), keras)
    found = []
    for k, model in ((cornu, ours), (keras, theirs)):
        compiled(model, k)
        figures = []
        for x, y, weight in uneven(np.random.default_rng(3)):
            figures.append(model.train_on_batch(x, y, sample_weight=weight))
            figures.append(model.test_on_batch(x, y, sample_weight=weight))
            figures.append(model.train_on_batch(x, y, return_dict=True))
            figures.append(model.predict_on_batch(x))
        found.append(figures)
    same(*found, "a batch")
    same(ours.get_weights(), theirs.get_weights(), "weights")
