"""`keras.utils.test_utils`: data to test a model with, a test of a layer, tests that clean up."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from cornu.config import custom_object_scope
from cornu.dialects.backend_state import clear_session
from cornu.layers import Input
from cornu.models import Model
from cornu.settings import floatx

__all__ = ["get_test_data", "keras_test", "layer_test"]

Arrays = tuple[np.ndarray, np.ndarray]


def get_test_data(
    num_train: int = 1000,
    num_test: int = 500,
    input_shape: tuple[int, ...] = (10,),
    output_shape: tuple[int, ...] = (2,),
    classification: bool = True,
    num_classes: int = 2,
    nb_train: int | None = None,
    nb_test: int | None = None,
    nb_class: int | None = None,
) -> tuple[Arrays, Arrays]:
    """Data that a model can learn, `(x, y), (x_test, y_test)`: normal numbers around a level.

    The level is the class (batch,), or else one number within 0 and 1 for input and target,
    (batch, *output_shape). The `nb_` names are those of older generations.
    """
    train, test = nb_train or num_train, nb_test or num_test
    size = train + test
    if classification:
        level = y = np.random.randint(0, nb_class or num_classes, size=size)
    else:
        level = np.random.random(size)
        y = _around(level, output_shape)
    x = _around(level, input_shape)
    return (x[:train], y[:train]), (x[train:], y[train:])


def _around(level: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    noise = np.random.normal(0.0, 0.7, (len(level), *shape))
    return (noise + level.reshape(-1, *(1 for _ in shape))).astype("float32")


def keras_test(func: Callable) -> Callable:
    """A test that forgets names and phase afterwards."""

    @wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found = func(*args, **kwargs)
        clear_session()
        return found

    return wrapped


def layer_test(
    layer_cls: Any,
    kwargs: Mapping[str, Any] | None = None,
    input_shape: Sequence[int | None] | None = None,
    input_dtype: str | None = None,
    input_data: Any = None,
    expected_output: Any = None,
    expected_output_dtype: str | None = None,
    fixed_batch_size: bool = False,
    supports_masking: bool | None = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Try a layer by itself, in a model that is saved as a config, and in training.

    Args:
        layer_cls, kwargs: the class, and what its constructor is called with.
        input_shape: with the batch; a size of None is drawn. Or `input_data`.
        input_dtype: of the data that are drawn.
        expected_output: what a model of the layer is to give.
        expected_output_dtype: in what numbers.
        fixed_batch_size: whether the model is told the size of the batch.
        supports_masking: what the layer is to say of itself, if not None.
        custom_objects: for classes of the caller's.

    Returns:
        What the model gives.

    Raises:
        AssertionError: where something is not so.
    """
    x = _drawn(input_shape, input_dtype) if input_data is None else np.asarray(input_data)
    told = tuple(input_shape or x.shape)
    batch = x.shape if fixed_batch_size else (None, *told[1:])
    objects = {layer_cls.__name__: layer_cls, **(custom_objects or {})}
    layer = layer_cls(**(kwargs or {}))
    if supports_masking is not None:
        assert bool(layer.supports_masking) is supports_masking
    weights = _built(layer, x).get_weights()
    layer.set_weights(weights)

    begin = Input(batch_shape=batch, dtype=str(x.dtype))
    model = Model(begin, layer(begin))
    found = np.asarray(model.predict(x, verbose=0))
    assert _agree(layer.compute_output_shape(batch), found.shape)
    assert found.dtype == np.dtype(expected_output_dtype or found.dtype)
    if expected_output is not None:
        np.testing.assert_allclose(found, expected_output, rtol=1e-3, atol=1e-6)
    with custom_object_scope(objects):
        again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(x, verbose=0), found, rtol=1e-3, atol=1e-6)
    model.compile("rmsprop", "mse")
    model.train_on_batch(x, found)
    return found


def _built(layer: Any, x: np.ndarray) -> Any:
    layer(x)
    return layer


def _drawn(shape: Sequence[int | None] | None, dtype: str | None) -> np.ndarray:
    """Numbers from 0 to 10 of a shape, in which sizes of None are drawn too."""
    assert shape, "layer_test needs input_shape or input_data"
    sizes = [int(np.random.randint(1, 4)) if n is None else n for n in shape]
    return (10 * np.random.random(sizes)).astype(dtype or floatx())


def _agree(told: Sequence[int | None], found: Sequence[int]) -> bool:
    pairs = zip(told, found, strict=True)
    return all(a in (None, b) for a, b in pairs)
