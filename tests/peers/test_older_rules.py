"""Older update rules against tf_keras, which keeps those of Keras 2.4 to 2.10 as "legacy".

And what is loaded from files of Keras 0 to 2, saved anew, is read by Keras 3: it finds the class
that stands for an older one.
"""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.peers

from cornu import optimizers, saving  # noqa: E402
from cornu.dialects import optimizers as older  # noqa: E402
from cornu.optimizers.schedules import InverseTimeDecay  # noqa: E402
from cornu.state import Variable  # noqa: E402

RANDOM = np.random.default_rng(0)
P = RANDOM.normal(size=(3, 2)).astype("float32")
GRADIENTS = (RANDOM.normal(size=(4, 3, 2)) * 1e-3).astype("float32")

RULES = {
    "RMSprop": ({}, lambda: older.RMSpropOuterEpsilon(0.01)),
    "RMSprop centered": (
        {"centered": True},
        lambda: older.RMSpropOuterEpsilon(0.01, centered=True),
    ),
    "RMSprop moved": ({"momentum": 0.9}, lambda: optimizers.RMSprop(0.01, momentum=0.9)),
    "Adagrad": ({}, lambda: older.AdagradOuterEpsilon(0.01)),
    "Nadam": ({}, lambda: older.NadamSlowWarmup(0.01)),
    "Adam": ({"decay": 0.1}, lambda: optimizers.Adam(InverseTimeDecay(0.01, 1, 0.1))),
    "Adamax": ({}, lambda: optimizers.Adamax(0.01)),
    "Adadelta": ({}, lambda: optimizers.Adadelta(0.01)),
    "SGD": (
        {"momentum": 0.9, "nesterov": True},
        lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    ),
    "Ftrl": ({}, lambda: optimizers.Ftrl(0.01)),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_of_legacy_optimizers(name):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    tf = pytest.importorskip("tensorflow")
    legacy = pytest.importorskip("tf_keras").optimizers.legacy
    given, make = RULES[name]
    theirs, variable = getattr(legacy, name.split()[0])(0.01, **given), tf.Variable(P)
    ours, p = make(), Variable(P, name="p")
    ours.build([p])
    for g in GRADIENTS:
        theirs.apply_gradients([(tf.constant(g), variable)])
        ours.apply([g], [p])
    moved = variable.numpy() - P
    assert abs(moved).max() > 1e-5
    np.testing.assert_allclose(p.numpy() - P, moved, rtol=1e-4, atol=3e-7)


ARCHIVE = Path(__file__).parents[1] / "golden" / "trained_old.zip"
FILES = (
    "1.0.8/loss_hinge-th.h5",
    "1.2.2/opt_nadam-tf.h5",
    "1.2.2/loss_cosine_proximity-tf.h5",
    "2.0.8/opt_rmsprop-tf.h5",
    "2.2.4/batchnorm4d_train-tf.h5",
    "2.3.1/reg_constraints-tf.h5",
)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("name", FILES)
def test_keras_reads_what_was_loaded_from_older_files(name, ending, tmp_path):
    keras = pytest.importorskip("keras")
    with zipfile.ZipFile(ARCHIVE) as archive:
        model = saving.load_model(archive.extract(name, tmp_path))
    path = tmp_path / f"again.{ending}"
    model.save(path)
    again = keras.saving.load_model(path)
    shape = (2, *model.input_shape[1:])
    x = RANDOM.normal(size=shape).astype("float32")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    assert again.optimizer is not None
    assert again.loss is not None
