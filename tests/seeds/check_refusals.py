"""Checks of what the tutorials have wrong: an error that names what is right, and no wrong numbers.

What is looked at is what Python prints, which has its own "Did you mean" for attributes.
"""

import keras
import numpy as np
from keras import backend as K
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import vis_utils, visualize_util

from seeds.checks import after_steps, check, folder, refused, same


def small(compiled=True):
    model = Sequential([Dense(3, input_dim=4, activation="softmax")])
    if compiled:
        model.compile("sgd", "mse")
    return model


# ---------------------------------------------------------------- wrong names


@check("001-034")
def a_loss_that_is_none():
    model = small(compiled=False)
    refused("model.compile(loss = 'categorical', optimizer=['accuracy'])", "accuracy", model=model)
    refused(
        "model.compile(loss='categorical', optimizer='adam', metrics=['accuracy'])",
        '"categorical_crossentropy"',
        model=model,
    )


@check("001-043")
def evaluation():
    refused("model.evaluation(x, y)", "'evaluate'", model=small(), x=0, y=0)


@check("001-048")
def sample_weights():
    with folder():
        refused("model.sample_weights('modelWeight.h5')", "save_weights", model=small())


@check("001-061")
def tensorflow_in_capitals():
    refused("import TensorFlow as tf", "'TensorFlow'", "tensorflow")


@check("001-063")
def keras_in_capitals():
    refused("from Keras import backend as K", "'Keras'", "keras")


@check("002-007")
def initialization():
    refused("import keras.initialization", '"initializations"')


@check("002-011")
def visualization_is_a_chapter():
    assert visualize_util.plot is vis_utils.plot_model


@check("002-017")
def image_ordering():
    refused("K.image_ordering()", '"image_dim_ordering"', K=K)
    refused("K.set_image_ordering('th')", '"set_image_dim_ordering"', K=K)


@check("002-050")
def maxout():
    refused("from keras.layers import Maxout", '"MaxoutDense"')


@check("002-076")
def check_modelpoint():
    refused("from keras.callbacks import CheckModelpoint", '"ModelCheckpoint"')


@check("002-077")
def check_point():
    refused("from keras.callbacks import CheckPoint", "ModelCheckpoint")


@check("002-097")
def one_layer():
    refused("output = model.layer[3].output", "'layers'", model=small())


@check("002-102")
def one_metric():
    refused("model.compile('sgd', 'mse', metric=['acc'])", '"metrics"', model=small())


@check("003-006")
def three_dots():
    refused("model.add(...)", "takes layers", "llipsis", model=Sequential())


@check("003-009")
def small_letters():
    for name in ("Flatten", "Reshape", "Dense"):
        refused(f"keras.layers.{name.lower()}", f'"{name}"')


@check("003-020", "004-051")
def no_python():
    refused("model.add(Dense(5))\nin other words:\nmodel.add(Dense(5))", "SyntaxError", "line 2")
    refused("Dense(64, kernel_initializer='random_normal'))", "unmatched ')'", Dense=Dense)
    Dense(64, kernel_initializer="random_normal")


@check("004-018")
def activity_regularizer():
    refused("keras.layers.ActivityRegularizer", '"ActivityRegularization"')
    assert keras.regularizers.ActivityRegularizer is not None


@check("004-036")
def substract():
    refused("from keras.layers import SubStract", '"Subtract"')


@check("004-060")
def identiy():
    refused("Dense(3, kernel_initializer='Identiy')", '"identity"', Dense=Dense)
    refused("keras.initializers.Identiy()", '"Identity"')


@check("004-092")
def a_letter_short():
    refused(
        "model.compile('sgd', 'sparse_categorical_crossentrop')",
        '"sparse_categorical_crossentropy"',
        model=small(),
    )


@check("004-107")
def accracy():
    refused(
        "model.compile('sgd', 'mse', metrics=['top_k_categorical_accracy'])",
        '"top_k_categorical_accuracy"',
        model=small(),
    )


# ---------------------------------------------------------------- what is not so


@check("000-020", "000-033", "003-031")
def decay_is_after_each_update():
    """Three updates in one epoch: the rate falls twice."""
    same(after_steps(SGD(lr=0.1, decay=1.0)), 1 - 0.1 * (1 + 1 / 2 + 1 / 3))


@check("001-031")
def dense_begins_as_glorot_says():
    kernel = Sequential([Dense(300, input_dim=300)]).get_weights()[0]
    limit = np.sqrt(6 / 600)
    assert kernel.min() < -0.95 * limit and 0.95 * limit < kernel.max() <= limit


@check("001-068")
def tensorflow_has_channels_last():
    assert K.image_dim_ordering() == "tf" and K.image_data_format() == "channels_last"
    model = Sequential([keras.layers.Conv2D(2, 3, input_shape=(8, 9, 1))])
    assert model.output_shape == (None, 6, 7, 2)
