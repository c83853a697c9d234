"""Models that begin with text, between Keras 3 on TensorFlow, which alone runs them, and us."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cornu import saving

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

TEXTS = [["the cat"], ["a dog sat"], ["mouse"]]
WORDS = [["v"], ["z"], ["u"]]

WRITE = """
import sys, keras, numpy as np, tensorflow as tf
L = keras.layers
texts, words = {texts!r}, {words!r}
x = keras.Input((1,), dtype="string", name="text")
w = keras.Input((1,), dtype="string", name="word")
cut = L.TextVectorization(output_sequence_length=4, name="cut")
count = L.TextVectorization(output_mode="tf_idf", ngrams=2, name="count")
one = L.StringLookup(output_mode="one_hot", num_oov_indices=2, name="one")
for layer in (cut, count):
    layer.adapt(["the cat sat", "the dog", "a mouse"])
one.adapt(["u", "v", "v"])
parts = [
    L.Flatten()(L.Embedding(9, 3)(cut(x))),
    L.Flatten()(count(x)),
    one(w),
    L.Flatten()(L.Embedding(7, 2)(L.Hashing(7, salt=3, name="hash")(w))),
    L.HashedCrossing(6, output_mode="one_hot")([x, w]),
]
model = keras.Model([x, w], L.Dense(2)(L.Concatenate()(parts)))
model.compile("adam", "mse")
model.save(sys.argv[1] + "/m.keras")
given = [tf.constant(texts), tf.constant(words)]
np.save(sys.argv[1] + "/theirs.npy", model.predict(given, verbose=0))
"""

READ = """
import sys, keras, numpy as np, tensorflow as tf
model = keras.saving.load_model(sys.argv[1] + "/ours.keras")
given = [tf.constant({texts!r}), tf.constant({words!r})]
np.save(sys.argv[1] + "/again.npy", model.predict(given, verbose=0))
"""


def on_tensorflow(script, folder):
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, "-c", script.format(texts=TEXTS, words=WORDS), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_text_models_both_ways(tmp_path):
    on_tensorflow(WRITE, tmp_path)
    model = saving.load_model(tmp_path / "m.keras")
    theirs = np.load(tmp_path / "theirs.npy")
    ours = model.predict([np.array(TEXTS), np.array(WORDS)], verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    model.fit([np.array(TEXTS), np.array(WORDS)], np.zeros((3, 2)), verbose=0)
    model.save(tmp_path / "ours.keras")
    on_tensorflow(READ, tmp_path)
    ours = model.predict([np.array(TEXTS), np.array(WORDS)], verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "again.npy"), ours, atol=1e-5)
