"""What old scripts took from `keras.applications` beside the networks."""

import pytest

from cornu import activations, layers
from cornu.dialects import modules
from cornu.errors import UsageError


def test_shapes_of_pictures():
    """As each generation called it: 1.2, 2.0, 2.1."""
    call = modules.value("applications.imagenet_utils", "_obtain_input_shape")
    assert call(None, 224, 48, dim_ordering="th", include_top=True) == (3, 224, 224)
    assert call(None, 224, 48, "channels_last", include_top=False) == (None, None, 3)
    shape = (64, 50, 1)
    assert call(shape, 224, 48, data_format="channels_last", require_flatten=False) == shape
    with pytest.raises(UsageError, match="at least 48 x 48"):
        call((64, 47, 3), 224, 48, "channels_last", True)
    with pytest.raises(UsageError, match="3 channels"):
        call(shape, 224, 48, "channels_last", False, weights="imagenet")


def test_custom_objects_of_mobilenets():
    """Which scripts of 2.0.6 to 2.2 pass to `load_model`."""
    assert modules.value("applications.mobilenet", "relu6") is activations.relu6
    assert modules.value("applications.mobilenet", "DepthwiseConv2D") is layers.DepthwiseConv2D
    assert modules.value("applications.mobilenetv2", "relu6") is activations.relu6
    assert modules.value("applications.mobilenetv2", "MobileNetV2").__name__ == "MobileNetV2"
