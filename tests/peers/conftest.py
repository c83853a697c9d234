"""The other library: Keras 3.15.1 on JAX, in the same process."""

import os
import warnings

import pytest


@pytest.fixture(scope="session")
def keras():
    os.environ["KERAS_BACKEND"] = "jax"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("keras", minversion="3.15")
    if "site-packages" not in (module.__file__ or ""):
        pytest.skip("the real Keras is not what `import keras` finds")
    return module


@pytest.fixture(autouse=True)
def unheard():
    """Warnings of the other library are no failures here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
