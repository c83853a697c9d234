# ruff: noqa
# Generation 1.2: a plain classifier.
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import SGD
from keras.regularizers import l2
from keras.utils import np_utils
from keras.utils import set_random_seed

set_random_seed(1337)  # for reproducibility
batch_size = 16
nb_classes = 3
nb_epoch = 3

rng = np.random.RandomState(0)
X_train = rng.rand(64, 8).astype("float32")
y_train = rng.randint(0, nb_classes, 64)
Y_train = np_utils.to_categorical(y_train, nb_classes)

model = Sequential()
model.add(Dense(16, input_shape=(8,), init="uniform", W_regularizer=l2(0.01)))
model.add(Activation("relu"))
model.add(Dropout(p=0.2))
model.add(Dense(output_dim=nb_classes, activation="softmax"))

sgd = SGD(lr=0.1, decay=1e-3, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
history = model.fit(X_train, Y_train, nb_epoch=nb_epoch, batch_size=batch_size, verbose=0)
classes = model.predict_classes(X_train, verbose=0)
results = [classes, model.predict(X_train), history.history["acc"], *model.get_weights()]
