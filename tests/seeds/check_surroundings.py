"""Checks of what is around the code: settings, backends by name, what need not be installed."""

import json
import os
import sys
import tomllib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
import theano
from keras import backend as K
from keras.layers import Dense
from keras.models import Sequential, model_from_yaml

from cornu import settings
from seeds.checks import check, folder, same, told


@check("000-001", "002-095", "003-001")
def a_backend_that_scripts_know():
    assert K.backend() == "tensorflow"
    assert theano.config.floatX == "float32"


@check("000-002", "000-003", "000-004")
def what_an_install_brings():
    said = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {need.split(">")[0] for need in said["project"]["dependencies"]}
    assert said["project"]["name"] == "cornu"
    assert needed == {"jax", "numpy", "h5py", "onednn-cpu-gomp"}  # the last for Linux on x86-64


@check("000-005")
def yaml():
    model = Sequential([Dense(3, input_dim=4)])
    again = model_from_yaml(model.to_yaml())
    assert again.output_shape == (None, 3)


@check("000-007")
def h5py_is_for_files_alone():
    model = Sequential([Dense(3, input_dim=4)])
    gone = {name: None for name in sys.modules if name.split(".")[0] == "h5py"} | {"h5py": None}
    with folder(), patch.dict(sys.modules, gone):
        model.predict(np.ones((2, 4)))
        text = told("model.save_weights('w.h5')", model=model)
    assert "ModuleNotFoundError" in text and "h5py" in text


@contextmanager
def home(text: str) -> Iterator[None]:
    """Settings as they are read where `keras.json` says this."""
    with folder() as path, patch.dict(os.environ, {"KERAS_HOME": path}):
        Path(path, "keras.json").write_text(text)
        with patch.object(settings, "_loaded", []):
            yield


@check("001-067", "001-069", "001-071", "001-072", "001-073", "001-074")
def keras_json():
    for backend in ("tensorflow", "theano", "cntk"):
        said = {
            "backend": backend,
            "epsilon": 1e-05,
            "image_data_format": "channels_first",
            "floatx": "float64",
        }
        with home(json.dumps(said)):
            assert settings.backend() == K.backend() == backend
            assert (K.epsilon(), K.image_data_format(), K.floatx()) == (
                1e-05,
                "channels_first",
                "float64",
            )
    same(K.epsilon(), 1e-7)


@check("001-070")
def a_dot_for_a_comma():
    text = '{\n    "backend":"theano".\n    "epsilon":1e-07\n}'
    with home(text), warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert settings.floatx() == "float32"
    said = str(found[0].message)
    assert "keras.json, line 2" in said and "not used" in said


@check("000-006")
def theano_stands_in():
    assert keras.backend.backend() in ("tensorflow", "theano")
    theano.config.optimizer = "fast_compile"
