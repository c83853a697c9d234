"""Every name of every generation's backend is there, and is tested."""

import importlib
import inspect

import pytest

from contracts.backend_table import ROWS
from cornu import backend as K

NAMES = (
    "abs all any arange argmax argmin asymmetric_spatial_2d_padding asymmetric_temporal_padding "
    "atrous_conv2d backend batch_dot batch_flatten batch_get_value batch_normalization "
    "batch_set_value bias_add binary_crossentropy cast cast_to_floatx categorical_crossentropy "
    "clear_session clip concatenate constant control_dependencies conv1d conv2d conv2d_transpose "
    "conv3d conv3d_transpose cos count_params ctc_batch_cost ctc_decode ctc_label_dense_to_sparse "
    "cumprod cumsum deconv2d depthwise_conv2d dot dropout dtype eager elu epsilon equal eval exp "
    "expand_dims eye flatten floatx foldl foldr function gather get_session get_uid get_value "
    "get_variable_shape gradients greater greater_equal hard_sigmoid identity image_data_format "
    "image_dim_ordering in_test_phase in_top_k in_train_phase int_shape is_keras_tensor "
    "is_placeholder is_sparse is_symbolic is_tensor is_variable l2_normalize learning_phase "
    "legacy_weight_ordering less less_equal lesser lesser_equal local_conv1d local_conv2d log "
    "logsumexp manual_variable_initialization map_fn max maximum maxpool2d mean min minimum "
    "moving_average_update name_scope ndim normalize_axis normalize_batch_in_training "
    "normalize_data_format not_equal one_hot ones ones_like pack permute_dimensions placeholder "
    "pool2d pool3d pow print_tensor prod random_binomial random_normal random_normal_variable "
    "random_uniform random_uniform_variable relu repeat repeat_elements reset_uids reshape "
    "resize_images resize_volumes reverse rnn round separable_conv1d separable_conv2d set_epsilon "
    "set_floatx set_image_data_format set_image_dim_ordering set_learning_phase "
    "set_legacy_weight_ordering set_session set_value shape sigmoid sign sin size slice softmax "
    "softplus softsign sparse_categorical_crossentropy spatial_2d_padding spatial_3d_padding sqrt "
    "square squeeze stack std stop_gradient sum switch symbolic tanh temporal_padding tile "
    "to_dense transpose truncated_normal update update_add update_sub v1_variable_initialization "
    "var variable zeros zeros_like"
).split()
"""The functions of the backends of Keras 0.3.0 to 2.3.1."""


def test_names():
    assert sorted(K.__all__) == sorted(NAMES)
    assert len(set(K.__all__)) == len(K.__all__)
    assert dir(K) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_described(name: str):
    assert callable(getattr(K, name))
    assert inspect.getdoc(getattr(K, name))
    assert getattr(K, name).__name__ == name


def test_every_name_has_a_row_or_a_test():
    """A row, a test called `test_<name>`, or a name that a test module gives its test."""
    files = [
        importlib.import_module(f"dialects.{m}") for m in ("test_backend", "test_backend_parts")
    ]
    tested = {row.name for row in ROWS}
    for name in NAMES:
        for file in files:
            found = vars(file).get(f"test_{name}") or vars(file).get(name)
            if getattr(found, "__name__", "").startswith("test_"):
                tested.add(name)
    assert sorted(set(NAMES) - tested) == []
