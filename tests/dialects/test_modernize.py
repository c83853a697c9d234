"""`cornu modernize`: names, calls and imports of old scripts by today's spellings.

Expected scripts are written by hand, from the manuals of the generations.
"""

import ast
import textwrap

import pytest

from cornu.dialects.modernize.rewriting import rewritten


def modern(text, generation="2.3"):
    """A rewritten script; that it is told once and for all is looked at every time."""
    old = textwrap.dedent(text).lstrip("\n")
    new, remarks = rewritten(old, generation)
    ast.parse(new)
    again, later = rewritten(new, generation)
    assert again == new, "rewriting it a second time changes it again"
    assert not [remark for remark in later if remark.changed]
    return new, remarks


IMPORTS = [
    ("from keras.layers.core import Dense, Dropout", "from keras.layers import Dense, Dropout"),
    ("from keras.layers.convolutional import (  # two\n    MaxPooling2D,\n    ZeroPadding2D,\n)",
     "from keras.layers import (  # two\n    MaxPooling2D,\n    ZeroPadding2D,\n)"),
    ("from keras.layers.convolutional import Convolution2D as C",
     "from keras.layers import Conv2D as C"),
    ("from keras.engine.topology import Layer, InputSpec",
     "from keras.layers import Layer, InputSpec"),
    ("from keras.engine.training import Model", "from keras.models import Model"),
    ("import keras.objectives as O", "import keras.losses as O"),
    ("from keras.objectives import mse", "from keras.losses import mse"),
    ("from keras.utils.visualize_util import plot as p", "from keras.utils import plot_model as p"),
    ("from tensorflow.keras.layers import Dense", "from keras.layers import Dense"),
    ("from tensorflow.python.keras.layers import Dense", "from keras.layers import Dense"),
    ("from tensorflow import keras", "import keras"),
    ("from tensorflow import keras, float32", "import keras\nfrom tensorflow import float32"),
    ("import tensorflow.keras as k", "import keras as k"),
    ("from tf_keras.models import Sequential", "from keras.models import Sequential"),
    ("from keras.layers import Dense", "from keras.layers import Dense"),
    ("from keras.datasets import mnist", "from keras.datasets import mnist"),
    ("import keras, os", "import keras, os"),
    ("from keras.layers import Convolution2D as Conv2D", "from keras.layers import Conv2D"),
    ("if x: from keras.layers.core import Dense", "if x: from keras.layers import Dense"),
    ("import keras.layers.core, os", "import keras.layers, os"),
    ("import numpy as np", "import numpy as np"),
    ("from .keras.layers.core import Dense", "from .keras.layers.core import Dense"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), IMPORTS, ids=[old for old, _ in IMPORTS])
def test_imports(old, new):
    assert modern(old + "\n")[0] == new + "\n"


NAMES = [
    # a module whose names are elsewhere
    ("""
     from keras.utils import np_utils
     Y = np_utils.to_categorical(y, nb_classes=10)
     """,
     """
     from keras.utils import to_categorical
     Y = to_categorical(y, num_classes=10)
     """),
    ("""
     import keras
     Y = keras.utils.np_utils.to_categorical(y)
     d = keras.layers.core.Dense(3)
     isinstance(d, keras.layers.convolutional.Convolution2D)
     """,
     """
     import keras
     Y = keras.utils.to_categorical(y)
     d = keras.layers.Dense(3)
     isinstance(d, keras.layers.Conv2D)
     """),
    ("""
     import tensorflow as tf
     d = tf.keras.layers.Dense(3)
     print(tf.__version__)
     """,
     """
     import keras
     import tensorflow as tf
     d = keras.layers.Dense(3)
     print(tf.__version__)
     """),
    ("""
     from keras.layers import recurrent
     RNN = recurrent.LSTM
     l = RNN(output_dim=3)
     """,
     """
     from keras import layers
     RNN = layers.LSTM
     l = RNN(units=3)
     """),
    ("""
     from keras.layers.core import *
     from keras.models import *
     m = Sequential([Dense(3), Dropout(p=0.5)])
     """,
     """
     from keras.layers import Dense, Dropout
     from keras.models import *
     m = Sequential([Dense(3), Dropout(rate=0.5)])
     """),
    # a name of the script's own stays, and so do names that it hides
    ("""
     from keras.layers import Convolution2D
     def Conv2D(x):
         return Convolution2D(8, 3, 3)(x)
     """,
     """
     from keras.layers import Conv2D as Convolution2D
     def Conv2D(x):
         return Convolution2D(8, (3, 3))(x)
     """),
    ("""
     from keras.layers import Dense, merge
     from operator import add
     m = merge([a, b], mode='sum')
     """,
     """
     from keras.layers import Dense
     import keras
     from operator import add
     m = keras.layers.add([a, b])
     """),
    ("""
     import keras
     from mine import Dense
     nb_epoch, border_mode = 3, 'same'
     def nb_filter(nb_row, init): return nb_row
     Dense(init=3, output_dim=nb_filter(nb_row=3, init=2))
     thing.fit(x, init='uniform')
     class A:
         def fit(self, nb_epoch): pass
     """, None),
]  # fmt: skip


EDGES = [
    # a block is never left empty
    ("""
     from keras.utils import to_categorical
     def f():
         from keras.utils import np_utils
         return np_utils.to_categorical(y)
     """,
     """
     from keras.utils import to_categorical
     def f():
         pass
         return to_categorical(y)
     """),
    # a parameter hides what is imported, and so does a class of the script
    ("""
     from keras.layers import Dense
     def f(Dense):
         return Dense(output_dim=3)
     """, None),
    ("""
     from keras.layers import Dense
     class Dense(Dense):
         pass
     Dense(output_dim=3)
     """, None),
    # calls inside calls, and inside all kinds of expressions
    ("""
     from keras.layers import Dense as D
     z = [D(n, init=i)(D(output_dim=3)(x)) for n, i in pairs]
     f = lambda x: f"{D(output_dim=4)!r}"
     """,
     """
     from keras.layers import Dense as D
     z = [D(n, kernel_initializer=i)(D(units=3)(x)) for n, i in pairs]
     f = lambda x: f"{D(units=4)!r}"
     """),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [*NAMES, *EDGES])
def test_names(old, new):
    assert modern(old)[0] == textwrap.dedent(old if new is None else new).lstrip("\n")


def test_a_script_without_keras_is_left_alone():
    text = "from mine import Model\nm = Model(input=1)\nm.fit(x, nb_epoch=3)\n"
    assert modern(text) == (text, [])


LAYERS = [
    # rename, values, fuse
    ("Convolution2D(64, 3, 3, border_mode='same', dim_ordering='th')",
     "Conv2D(64, (3, 3), padding='same', data_format='channels_first')"),
    ("Convolution2D(nb_filter=n, nb_row=r, nb_col=c, subsample=(2, 2))",
     "Conv2D(filters=n, kernel_size=(r, c), strides=(2, 2))"),
    ("Convolution2D(n, k[0], k[1], init='he_normal', W_regularizer=l2(0.1))",
     "Conv2D(n, (k[0], k[1]), kernel_initializer='he_normal', kernel_regularizer=l2(0.1))"),
    ("Conv2D(32, 3, 3)", "Conv2D(32, (3, 3))"),
    ("Conv2D(32, (3, 3), padding='same')", None),
    ("Conv2D(32, 3, padding='same')", None),
    ("Convolution1D(8, 3, border_mode='same', subsample_length=2, input_dim=4, input_length=9)",
     "Conv1D(8, 3, padding='same', strides=2, input_shape=(9, 4))"),
    ("AtrousConvolution2D(8, 3, 3, atrous_rate=(2, 2))", "Conv2D(8, (3, 3), dilation_rate=(2, 2))"),
    ("Deconvolution2D(3, 3, 3, output_shape=(None, 3, 14, 14), border_mode='valid')",
     "Conv2DTranspose(3, (3, 3), padding='valid')"),
    ("MaxPooling1D(pool_length=2, stride=1)", "MaxPooling1D(pool_size=2, strides=1)"),
    ("UpSampling1D(length=2)", "UpSampling1D(size=2)"),
    ("ZeroPadding2D((1, 1))", None),
    # names of arguments alone
    ("Dense(output_dim=64, input_dim=8, init='uniform', bias=False)",
     "Dense(units=64, input_dim=8, kernel_initializer='uniform', use_bias=False)"),
    ("Dropout(p=rate)", "Dropout(rate=rate)"),
    ("Dropout(0.5)", None),
    ("Dense(*sizes, init='zero', **more)", "Dense(*sizes, kernel_initializer='zero', **more)"),
    ("Tokenizer(nb_words=100)", "Tokenizer(num_words=100)"),
    ("TimeDistributedDense(3)", "Dense(3)"),
    ("TimeDistributed(Dense(output_dim=3))", "TimeDistributed(Dense(units=3))"),
    # split, expand, drop
    ("Dense(3, weights=[W, b])",
     "Dense(3, kernel_initializer=keras.initializers.Constant(W), "
     "bias_initializer=keras.initializers.Constant(b))"),
    ("Embedding(100, 8, input_length=maxlen, weights=[matrix], trainable=False)",
     "Embedding(100, 8, input_shape=(maxlen,), "
     "embeddings_initializer=keras.initializers.Constant(matrix), trainable=False)"),
    ("LSTM(32, dropout_W=0.2, dropout_U=0.1, consume_less='gpu')",
     "LSTM(32, dropout=0.2, recurrent_dropout=0.1)"),
    ("LSTM(32, input_dim=4, forget_bias_init='one')",
     "LSTM(32, input_shape=(None, 4), unit_forget_bias=True)"),
    ("BatchNormalization(mode=0, axis=1)", "BatchNormalization(axis=1)"),
    ("LeakyReLU(alpha=0.2)", "LeakyReLU(negative_slope=0.2)"),
    # defaults of 2.3
    ("GRU(8)", "GRU(8, reset_after=False)"),
    ("GRU(8, reset_after=True)", None),
    # things around layers
    ("SGD(lr=0.1, momentum=0.9)", "SGD(learning_rate=0.1, momentum=0.9)"),
    ("Adadelta()", "Adadelta(learning_rate=1.0)"),
    ("SGD(lr=0.1, decay=rate / epochs)",
     "SGD(learning_rate=keras.optimizers.schedules.InverseTimeDecay("
     "initial_learning_rate=0.1, decay_steps=1, decay_rate=rate / epochs))"),
    ("SGD(lr=rate, clipnorm=1.)", "SGD(learning_rate=rate, global_clipnorm=1.)"),
    ("sgd(lr=0.1)", "SGD(learning_rate=0.1)"),
    ("Model(input=a, output=[b, c])", "Model(inputs=a, outputs=[b, c])"),
    ("Model(a, b)", None),
    ("maxnorm(3)", "MaxNorm(3)"),
    ("l1l2(l1=0.1)", "L1L2(l1=0.1, l2=0.01)"),
    # merging
    ("merge([a, b], mode='sum')", "add([a, b])"),
    ("merge([a, b], mode='concat', concat_axis=1)", "concatenate([a, b], axis=1)"),
    ("merge([a, b], 'concat')", "concatenate([a, b])"),
    ("merge([a, b], mode='dot', dot_axes=[2, 2])", "dot([a, b], axes=[2, 2])"),
    ("merge([a, b], mode='mul', name='m')", "multiply([a, b], name='m')"),
    ("merge([a, b], mode=lambda v: v[0], output_shape=(3,))",
     "Lambda(lambda v: v[0], output_shape=(3,))([a, b])"),
    ("Merge(mode='ave')([a, b])", "Average()([a, b])"),
    # the order of axes
    ("K.image_dim_ordering() == 'th'", "K.image_data_format() == 'channels_first'"),
    ("'tf' != K.image_dim_ordering()", "'channels_last' != K.image_data_format()"),
    ("K.set_image_dim_ordering('th')", "K.set_image_data_format('channels_first')"),
]  # fmt: skip

HEAD = """
import keras
from keras import backend as K
from keras.constraints import *
from keras.layers import *
from keras.models import *
from keras.optimizers import *
from keras.preprocessing.text import Tokenizer
from keras.regularizers import *
thing = """


@pytest.mark.parametrize(("old", "new"), LAYERS, ids=[old for old, _ in LAYERS])
def test_calls(old, new):
    found, _ = modern(f"{HEAD}{old}\n")
    assert found == f"{HEAD}{old if new is None else new}\n".lstrip("\n")


OLDER = [
    # orders of arguments
    ("1.2", "Convolution2D(64, 3, 3, 'uniform', 'relu')",
     "Conv2D(64, (3, 3), kernel_initializer='uniform', activation='relu')"),
    ("1.2", "Dense(64, 'uniform', 'relu')",
     "Dense(64, kernel_initializer='uniform', activation='relu')"),
    ("1.2", "BatchNormalization(1e-4, 0, 1)", "BatchNormalization(epsilon=1e-4, axis=1)"),
    ("2.3", "Conv2D(8, 3, 1, 'same', 'channels_first')",
     "Conv2D(8, 3, 1, 'same', 'channels_first')"),
    ("2.3", "Conv2D(8, 3, 1, 'same', None, 1, 'relu')",
     "Conv2D(8, 3, 1, 'same', None, 1, activation='relu')"),
    # defaults
    ("0.3", "BatchNormalization()", "BatchNormalization(momentum=0.9, epsilon=1e-06)"),
    ("1.0", "Convolution2D(8, 3, 3)", "Conv2D(8, (3, 3), data_format='channels_first')"),
    ("2.0", "GRU(8, recurrent_activation='sigmoid')",
     "GRU(8, recurrent_activation='sigmoid', reset_after=False)"),
    ("2.0", "Adam()", "Adam(epsilon=1e-08)"),
    ("3", "GRU(8)", "GRU(8)"),
    ("3", "Dense(8, init='uniform')", "Dense(8, kernel_initializer='uniform')"),
    ("3", "SGD(lr=0.1)", "SGD(learning_rate=0.1)"),
]  # fmt: skip


@pytest.mark.parametrize(("generation", "old", "new"), OLDER, ids=[case[1] for case in OLDER])
def test_calls_of_a_generation(generation, old, new):
    assert modern(HEAD + old + "\n", generation)[0] == (HEAD + new + "\n").lstrip("\n")


METHODS = [
    ("2.3", "m.fit(X, y, nb_epoch=n, batch_size=32)", "m.fit(X, y, epochs=n, batch_size=32)"),
    ("2.3", "m.fit(X, y, epochs=3)", None),
    ("1.2", "m.fit(X, y)", "m.fit(X, y, epochs=10)"),
    ("1.2", "m.fit(*data, nb_epoch=n)", "m.fit(*data, epochs=n)"),
    ("1.2", "m.fit(*data)", None),
    ("1.2", "m.fit(X, nb_epoch=n, **more)", "m.fit(X, epochs=n, **more)"),
    ("0.3", "m.fit(X, y, 32, 5)", "m.fit(X, y, 32, 5)"),
    ("2.3", "m.evaluate(X, y, verbose=0)", None),
    ("2.3", "m.predict(X)", "m.predict(X, verbose=0)"),
    ("2.3", "m.predict_proba(X, verbose=1)", "m.predict(X, verbose=1)"),
    ("2.3", "m.predict_classes(X)", "m.predict(X, verbose=0).argmax(axis=-1)"),
    ("2.3", "one.predict_classes(X)", "(one.predict(X, verbose=0) > 0.5).astype('int32')"),
    ("2.3", "m.fit_generator(gen(), steps_per_epoch=9, epochs=2, workers=3, max_q_size=4)",
     "m.fit(gen(), steps_per_epoch=9, epochs=2)"),
    ("1.2", "m.fit_generator(flow, samples_per_epoch=2000, nb_epoch=n)",
     "m.fit(flow, steps_per_epoch=125, epochs=n)"),
    ("1.2", "m.fit_generator(flow, 2000, n)", "m.fit(flow, steps_per_epoch=125, epochs=n)"),
    ("2.3", "m.evaluate_generator(flow, val_samples=len(X))",
     "m.evaluate(flow, steps=math.ceil(len(X) / 16), verbose=0)"),
    ("2.3", "m.fit_generator(d.flow(X, y), samples_per_epoch=len(X), validation_data=flow, "
     "nb_val_samples=64)",
     "m.fit(d.flow(X, y), steps_per_epoch=math.ceil(len(X) / 32), validation_data=flow, "
     "validation_steps=4)"),
    ("2.3", "unknown.model.fit(X, y, nb_epoch=n)", "unknown.model.fit(X, y, epochs=n)"),
    ("2.3", "unknown.predict(X)", None),
    ("2.3", "foreign.fit(X, y, nb_epoch=n)", None),
    ("2.3", "foreign.predict_proba(X)", None),
    ("2.3", "m.compile('sgd', 'mse', class_mode='categorical')", "m.compile('sgd', 'mse')"),
    ("2.3", "m.compile(optimizer='adadelta', loss='mse')",
     "m.compile(optimizer=Adadelta(learning_rate=1.0), loss='mse')"),
    ("2.3", "m.compile('adam', 'kullback_leibler_divergence')",
     "m.compile('adam', 'kl_divergence')"),
    ("2.3", "m.compile('adam', loss={'a': 'logcosh', 'b': 'mse'})",
     "m.compile('adam', loss={'a': 'log_cosh', 'b': 'mse'})"),
    ("2.3", "m.compile('adam', 'mse', metrics=['accuracy'])", None),
    ("2.2", "m.compile('sgd', 'mse', metrics=['accuracy'])",
     "m.compile('sgd', 'mse', metrics=['acc'])"),
]  # fmt: skip

MODELS = """
import math
import keras
from keras.optimizers import Adadelta
from elsewhere import SVC
from keras.models import *
from keras.layers import *

def build():
    model = Sequential()
    model.add(Dense(10, activation='softmax'))
    return model

m = Sequential()
m.add(Dense(3))
m.add(Activation('softmax'))
one = Sequential([Dense(1, activation='sigmoid')])
foreign = SVC()
d = keras.preprocessing.image.ImageDataGenerator()
flow = d.flow(X, y, batch_size=16)
built = build()
"""


@pytest.mark.parametrize(("generation", "old", "new"), METHODS, ids=[case[1] for case in METHODS])
def test_methods(generation, old, new):
    found, _ = modern(MODELS + old + "\n", generation)
    assert found == (MODELS + (old if new is None else new) + "\n").lstrip("\n")


def test_accuracy_moves_from_fit_to_compile():
    new, _ = modern("""
        from keras.models import Sequential
        m = Sequential()
        m.compile(loss='mse', optimizer='sgd', class_mode='binary')
        m.fit(X, y, nb_epoch=2, show_accuracy=True)
        """)
    assert "m.compile(loss='mse', optimizer='sgd', metrics=['accuracy'])" in new
    assert "m.fit(X, y, epochs=2)" in new


def test_a_model_from_a_function_is_known():
    assert "built.predict(X, verbose=0)" in modern(MODELS + "built.predict(X)\n")[0]


HARD = """
# A script of 2016.
import keras
from keras.layers import LSTM, Activation

size = 8  # units
layer = LSTM(size)
other = Activation('hard_sigmoid')
"""
HARD_TODAY = '''
# A script of 2016.
import keras
from keras.layers import LSTM, Activation


def old_hard_sigmoid(x):
    """The hard sigmoid of Keras before version 3, whose slope was 0.2."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


size = 8  # units
layer = LSTM(size, recurrent_activation=old_hard_sigmoid)
other = Activation(old_hard_sigmoid)
'''


def test_the_old_hard_sigmoid_is_written_out():
    assert modern(HARD, "1.2")[0] == HARD_TODAY.lstrip("\n")


# ---------------------------------------------------------------- what is said

NOTED = [
    ("model.fit_generator(gen(), samples_per_epoch=9, nb_epoch=2)",
     "samples_per_epoch / batch size"),
    ("model.predict_classes(X)", "how many outputs there are is not seen"),
    ("Dense(3, weights=arrays)", "shows only in a run"),
    ("Conv2D(3, rows, columns)", "which arguments are numbers shows only in a run"),
    ("Convolution2D(3, 3, 3, weights=[W, b])", "layer.set_weights"),
    ("BatchNormalization(mode=1)", "SampleNormalization"),
    ("Merge([left, right], mode='sum')", "call each model on an Input"),
    ("merge([a, b], mode=mode)", "which mode mode is shows only in a run"),
    ("merge([a, b], mode='cos', dot_axes=1)", "mode='cos'"),
    ("K.image_dim_ordering()", "says 'channels_first' for 'th'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "said"), NOTED, ids=[case[0] for case in NOTED])
def test_what_cannot_be_decided_is_left_and_said(call, said):
    new, remarks = modern(f"{HEAD}{call}\n")
    arguments = call.partition("(")[2]
    assert new.endswith(f"({arguments}\n"), "its arguments are as they were"
    (note,) = [remark for remark in remarks if not remark.changed]
    assert said in note.text and note.line == HEAD.count("\n")


@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_estimators_are_named_by_what_does_the_same(kind):
    text = f"from keras.wrappers.scikit_learn import Keras{kind}\nKeras{kind}(make, nb_epoch=3)\n"
    new, (note,) = modern(text)
    assert new == text and not note.changed
    assert f"keras.wrappers.SKLearn{kind} takes build_fn as model" in note.text


def test_every_change_is_explained_by_line():
    _, remarks = modern("""
        from keras.layers import Convolution2D, Embedding, GRU

        Convolution2D(8, 3, 3, border_mode='same')
        GRU(8)
        Embedding(9, 2, dropout=0.2)
        """)
    said = [(remark.line, remark.changed, remark.text) for remark in remarks]
    assert said[0][:2] == (1, True) and "import Conv2D" in said[0][2]
    assert said[1][0] == 3
    assert "Conv2D(8, (3, 3), padding='same') today: nb_row, nb_col are kernel_size" in said[1][2]
    assert "border_mode is padding" in said[1][2]
    assert "reset_after was False by default in Keras 2.3.1, today True" in said[2][2]
    assert [line for line, changed, _ in said if not changed] == [5]
    assert any("it dropped whole words" in text for _, _, text in said)


def test_old_names_in_a_dict_are_said():
    _, remarks = modern("""
        from keras.layers import Dense
        options = dict(init='uniform', W_regularizer=None, activation='relu')
        Dense(3, **options)
        """)
    (note,) = remarks
    assert note.line == 3 and "gets W_regularizer by **options" in note.text


MODERN = """
import keras
from keras import layers, ops
from keras.layers import LSTM, Conv2D, Dense

inputs = keras.Input(shape=(8, 8, 1))
x = Conv2D(8, 3, strides=2, padding="same", activation="relu")(inputs)
x = layers.MaxPooling2D()(x)
x = layers.Flatten()(x)
model = keras.Model(inputs, Dense(10)(x))
model.compile(optimizer="adam", loss=keras.losses.MeanSquaredError(), metrics=["accuracy"])
model.fit(x_train, y_train, epochs=2, validation_split=0.1)
model.predict(x_test)
other = keras.Sequential([keras.Input((3, 2)), LSTM(4), layers.GRU(3)])
other.compile(keras.optimizers.RMSprop(1e-3), "mse")
"""


def test_a_script_of_today_stays_as_it_is():
    assert modern(MODERN, "3") == (MODERN.lstrip("\n"), [])


def test_optimizers_that_differ_a_little_are_said():
    new, remarks = modern("from keras.optimizers import RMSprop\nRMSprop(lr=0.01)\n")
    assert new.endswith("RMSprop(learning_rate=0.01)\n")
    assert any("adds epsilon under the root" in remark.text for remark in remarks)


SPACED = """
#!/usr/bin/env python
# -*- coding: utf-8 -*-
'''What it does.'''
from keras.models import Sequential  # models
from keras.layers.core import Dense   # layers


model = Sequential( )   # empty
model.add(Dense(
    output_dim = 3,  # three
    # how to begin
    init = 'uniform',
    activation='relu',   # not linear
))
if True: model.fit(X, y,
                   nb_epoch=3)  # short
"""


def test_comments_and_spaces_stay():
    today = SPACED.replace("layers.core", "layers").replace("output_dim", "units")
    today = today.replace("init =", "kernel_initializer =").replace("nb_epoch", "epochs")
    assert modern(SPACED)[0] == today.lstrip("\n")
