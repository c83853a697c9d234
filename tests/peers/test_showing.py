"""What TensorBoard is told: the same folders, tags and steps as by Keras."""

import numpy as np
import pytest

import cornu

pytestmark = pytest.mark.peers

X = np.arange(64).reshape(16, 4) % 7
Y = np.arange(16) % 2
# Keras writes figures of an epoch only where `update_freq` divides the number of its last batch.
SAID = {"histogram_freq": 2, "write_images": True, "update_freq": 2}


def run(library, folder):
    tokens = library.Input((4,), name="tokens")
    vectors = library.layers.Embedding(7, 3, name="words")(tokens)
    flat = library.layers.Flatten(name="flat")(vectors)
    kinds = library.layers.Dense(2, activation="softmax", name="kinds")(flat)
    model = library.Model(tokens, kinds)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = library.callbacks.TensorBoard(str(folder), **SAID)
    data = {"validation_data": (X, Y), "batch_size": 4, "verbose": 0}
    model.fit(X, Y, epochs=3, callbacks=[watch], **data)


def told(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        size = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 1000)
        read = accumulator.EventAccumulator(str(path), size_guidance=size).Reload()
        for kind, take in (("scalars", read.Scalars), ("histograms", read.Histograms),
                           ("images", read.Images), ("tensors", read.Tensors)):  # fmt: skip
            for tag in read.Tags()[kind]:
                found[path.name, tag] = [event.step for event in take(tag)]
    return found


def test_tags_and_steps_are_those_of_keras(keras, tmp_path):
    pytest.importorskip("tensorboardX")
    run(keras, tmp_path / "keras")
    run(cornu, tmp_path / "cornu")
    assert told(tmp_path / "cornu") == told(tmp_path / "keras")
