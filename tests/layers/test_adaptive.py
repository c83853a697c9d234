"""What adaptive pooling promises beyond the contract."""

import numpy as np
import pytest

from contracts.draws import some
from cornu import layers, models, ops
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import AdaptiveAveragePooling2D, AdaptiveMaxPooling1D, Input


def test_images_of_any_size_become_one_size():
    size = AdaptiveAveragePooling2D((2, 3))
    model = models.Sequential([Input((None, None, 1)), size, layers.Flatten(), layers.Dense(2)])
    assert model.output_shape == (None, 2)
    for shape in ((1, 5, 7, 1), (2, 8, 3, 1)):
        assert model.predict(some(*shape), verbose=0).shape == (shape[0], 2)


def test_one_window_is_the_whole():
    x = some(2, 5, 7, 3)
    np.testing.assert_allclose(
        AdaptiveAveragePooling2D(1)(x)[:, 0, 0], x.mean((1, 2)), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(ops.adaptive_max_pool(x, 1)[:, 0, 0], x.max((1, 2)))


def test_windows_of_seven_steps_in_three():
    """[0, 3), [2, 5), [4, 7): they overlap by one step."""
    x = np.arange(7, dtype="float32")[None, :, None]
    np.testing.assert_allclose(ops.adaptive_average_pool(x, 3)[0, :, 0], [1, 3, 5], rtol=1e-6)
    np.testing.assert_array_equal(AdaptiveMaxPooling1D(3)(x)[0, :, 0], [2, 4, 6])


def test_sizes_that_are_none():
    with pytest.raises(UsageError, match="output_size must be >= 1.*E-WINDOW"):
        AdaptiveAveragePooling2D(0)
    with pytest.raises(UsageTypeError, match="output_size must be an int.*E-WINDOW"):
        AdaptiveMaxPooling1D("all")
    with pytest.raises(UsageError, match="E-WINDOW"):
        ops.adaptive_max_pool(some(1, 4, 2), (2, 2))
    with pytest.raises(UsageError, match=">= 1.*E-WINDOW"):
        ops.adaptive_max_pool(some(1, 4, 2), 0)
    with pytest.raises(UsageError, match="E-RANK"):
        ops.adaptive_average_pool(some(4, 2), 1)
    with pytest.raises(UsageError, match="batch, height, width, channels"):
        AdaptiveAveragePooling2D(2)(some(4, 4, 2))
