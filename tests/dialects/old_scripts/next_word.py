# ruff: noqa
# Generation 1.2: recurrent layers, whose gates were other functions then.
import numpy as np
import keras
from keras.layers.embeddings import Embedding
from keras.layers import recurrent, TimeDistributedDense, Activation
from keras.models import Sequential
from keras.optimizers import adam

keras.utils.set_random_seed(5)
maxlen, words = 4, 9
RNN = recurrent.LSTM
rng = np.random.RandomState(0)
matrix = rng.rand(words, 6).astype("float32")
x = rng.randint(0, words, (16, maxlen))
y = np.eye(words)[rng.randint(0, words, (16, maxlen))]

model = Sequential()
model.add(Embedding(words, 6, input_length=maxlen, weights=[matrix]))
model.add(RNN(5, return_sequences=True, consume_less="gpu", init="uniform", inner_init="uniform"))
model.add(
    recurrent.GRU(
        output_dim=4,
        return_sequences=True,
        inner_activation="sigmoid",
        init="uniform",
        inner_init="uniform",
        consume_less="gpu",
    )
)
model.add(TimeDistributedDense(words))
model.add(Activation("softmax"))
model.compile(adam(lr=0.01), "categorical_crossentropy")
model.fit(x, y, nb_epoch=2, batch_size=16, verbose=0)
results = [model.predict(x), *model.get_weights()]
