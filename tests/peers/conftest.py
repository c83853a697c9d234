"""The other library: Keras 3.15.1 on JAX, in the same process."""

import importlib.util
import os
import warnings

import pytest

# Before a test module imports Keras, which asks but once: it would take TensorFlow, for all.
if importlib.util.find_spec("keras"):
    os.environ["KERAS_BACKEND"] = "jax"


@pytest.fixture(scope="session")
def keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("keras", minversion="3.15")
    if "site-packages" not in (module.__file__ or ""):
        pytest.skip("the real Keras is not what `import keras` finds")
    assert module.backend.backend() == "jax", "Keras was imported before tests/peers/conftest.py"
    return module


@pytest.fixture(autouse=True)
def unheard():
    """Warnings of the other library are no failures here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
