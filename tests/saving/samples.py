"""Models that the tests of saving share."""

import numpy as np

from cornu import layers, models, ops


def mlp():
    return models.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ],
        name="mlp",
    )


def wired():
    """Two inputs, a shared layer, a model inside, ops without layers, a dict of outputs."""
    x, y = layers.Input((4,), name="x"), layers.Input((5,), name="y")
    shared = layers.Dense(5, activation="tanh", name="shared")
    inner = models.Sequential(
        [layers.Input((5,)), layers.BatchNormalization(), layers.Dense(4, name="deep")],
        name="inner",
    )
    a = shared(inner(y))
    b = 1 - shared(x)[:, 0:3] * 2.0
    b = ops.concatenate([b, ops.sum(b, axis=1, keepdims=True)], axis=-1)
    joined = layers.Dropout(0.5)(layers.Concatenate()([a, ops.softmax(b, axis=1)]))
    outputs = {"p": layers.Dense(1, name="p")(joined), "q": layers.Dense(2, name="q")(joined)}
    return models.Model([x, y], outputs, name="wired")


def cnn():
    x = layers.Input((6, 6, 2), name="image")
    h = layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    h = layers.Add()([h, layers.Conv2D(3, 1)(x)])
    h = layers.MaxPooling2D()(layers.BatchNormalization()(h))
    return models.Model(x, layers.Dense(2)(layers.Flatten()(layers.Dropout(0.2)(h))), name="cnn")


MAKERS = {"mlp": mlp, "wired": wired, "cnn": cnn}


def filled(model, seed=0):
    """`model` with weights that nobody else makes, variances above 0."""
    rng = np.random.default_rng(seed)
    for v in model.variables:
        positive = v.name == "moving_variance"
        v.assign(rng.uniform(0.5, 1.5, v.shape) if positive else rng.normal(0, 0.3, v.shape))
    return model


def inputs_of(model, rows=6, seed=1):
    rng = np.random.default_rng(seed)
    found = [
        rng.normal(size=(rows, *t.shape[1:])).astype("float32") for t in model._graph.input_leaves
    ]
    return found if len(found) > 1 else found[0]


def outputs_of(model):
    found = model.predict(inputs_of(model), verbose=0)
    return found if isinstance(found, dict) else {"output": found}
