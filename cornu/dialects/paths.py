"""Every module path of every generation of Keras, as tables; `modules` walks over them.

`PATHS` says for each path, without "keras.", of which modules of Cornu it has the public names:
all names, for a generation never hides one. `NAMES` has what is called otherwise there, or lives
elsewhere; `absent` what will not come. A module that Cornu does not have yet may stand here: it
counts as soon as it is there.
"""

import re

__all__ = ["BEFORE_3", "NAMES", "OPEN", "PATHS", "PREFIXES", "VERSIONS"]

VERSIONS = {
    "0.3": "0.3.3",
    "1.0": "1.0.8",
    "1.2": "1.2.2",
    "2.0": "2.0.8",
    "2.2": "2.2.4",
    "2.3": "2.3.1",
    "3": "3.15.1",
}
"""Generation -> the version that `keras.__version__` says."""

LAYERS = "layers dialects.old_classes:layers dialects.merge_calls dialects.stepped dialects.shared"
MODELS = "models dialects.engine dialects.graph0 dialects.training_utils"
ENGINE = "dialects.engine dialects.training_utils dialects.merge_calls"


def _under(parent: str, children: str, sources: str) -> dict[str, str]:
    return {f"{parent}.{child}": sources for child in children.split()}


def _each(parent: str, children: str) -> dict[str, str]:
    """Children of which each is a module of that place in Cornu."""
    return {f"{parent}.{child}": f"{parent}.{child}" for child in children.split()}


PATHS: dict[str, str] = {
    "": "",
    "activations": "activations",
    "applications": "applications",
    **_each(
        "applications",
        "audio_conv_utils convnext densenet efficientnet efficientnet_v2 imagenet_utils "
        "inception_resnet_v2 inception_v3 mobilenet mobilenet_v2 mobilenet_v3 music_tagger_crnn "
        "nasnet regnet resnet resnet50 resnet_rs resnet_v2 vgg16 vgg19 xception",
    ),
    "applications.mobilenetv2": "applications.mobilenet_v2",
    "backend": "backend",
    **_under(
        "backend",
        "cntk_backend common experimental load_backend numpy_backend tensorflow_backend "
        "theano_backend",
        "backend",
    ),
    "backend_config": "config",
    "callbacks": "callbacks",
    **_under("callbacks", "callbacks experimental tensorboard_v1 tensorboard_v2", "callbacks"),
    "callbacks_v1": "callbacks",
    "config": "config policy",
    "constraints": "constraints constraints:family dialects.old_classes:constraints",
    "datasets": "datasets",
    **_each(
        "datasets",
        "boston_housing california_housing cifar cifar10 cifar100 fashion_mnist imdb mnist reuters",
    ),
    "datasets.data_utils": "dialects.data_utils",
    "distillation": "distillation",
    "distribution": "distribution",
    "dtype_policies": "policy",
    "engine": ENGINE,
    **_under(
        "engine",
        "base_layer base_layer_utils compile_utils data_adapter functional input_layer input_spec "
        "keras_tensor network node sequential topology training training_arrays training_generator "
        "training_utils training_v1 base_layer_v1",
        ENGINE,
    ),
    "engine.saving": "dialects.engine dialects.layer_utils dialects.hdf5_groups",
    "experimental": "",
    "export": "export",
    "initializations": "dialects.initializations",
    "initializers": "initializers initializers:family",
    "initializers.initializers_v1": "initializers initializers:family",
    "initializers.initializers_v2": "initializers initializers:family",
    "layers": LAYERS,
    **_under(
        "layers",
        "activation advanced_activations attention convolutional convolutional_recurrent core "
        "cudnn_recurrent dense_attention einsum_dense embeddings experimental kernelized local "
        "merge merging noise normalization pooling preprocessing recurrent recurrent_v2 "
        "regularization reshaping rnn serialization wrappers",
        LAYERS,
    ),
    "layers.containers": MODELS,
    "layers.experimental.preprocessing": LAYERS,
    "layers.ntm": "",
    "legacy": "",
    "legacy.interfaces": "dialects.interfaces:decorators",
    "legacy.layers": LAYERS,
    "legacy.models": MODELS,
    "legacy.saving": "saving",
    "losses": "losses losses:family",
    "metrics": "metrics metrics:functions dialects.metrics",
    "metrics.experimental": "metrics metrics:functions",
    "mixed_precision": "policy",
    "mixed_precision.experimental": "policy",
    "models": MODELS,
    "models.experimental": "models",
    "objectives": "losses losses:family",
    "ops": "ops",
    **_each("ops", "image linalg nn numpy"),
    "optimizer_v1": "optimizers dialects.old_classes:optimizers",
    "optimizer_v2": "optimizers dialects.old_classes:optimizers",
    "optimizers": "optimizers dialects.old_classes:optimizers",
    **_under(
        "optimizers",
        "experimental legacy optimizer_v1 optimizer_v2 adadelta_v2 adagrad_v2 adam_v2 adamax_v2 "
        "gradient_descent_v2 nadam_v2 rmsprop_v2",
        "optimizers dialects.old_classes:optimizers",
    ),
    "optimizers.schedules": "optimizers.schedules",
    "preprocessing": "preprocessing",
    **_each("preprocessing", "image sequence text timeseries"),
    "quantizers": "quantizers",
    "random": "random",
    "regularizers": "regularizers regularizers:family dialects.old_classes:regularizers",
    "saving": "saving",
    "testing_utils": "dialects.test_utils",
    "tree": "tree",
    "utils": "utils dialects.generic_utils dialects.np_utils dialects.data_utils",
    **_under("utils", "all_utils experimental legacy", "utils dialects.generic_utils"),
    "utils.bounding_boxes": "utils.bounding_boxes",
    "utils.conv_utils": "dialects.np_utils",
    "utils.dot_utils": "",
    "utils.data_utils": "utils dialects.data_utils",
    "utils.generic_utils": "dialects.generic_utils",
    "utils.image_utils": "preprocessing.image",
    "utils.io_utils": "dialects.io_utils",
    "utils.layer_utils": "dialects.layer_utils",
    "utils.losses_utils": "dialects.losses_utils",
    "utils.metrics_utils": "",
    "utils.multi_gpu_utils": "dialects.training_utils",
    "utils.np_utils": "utils.arrays dialects.np_utils",
    "utils.test_utils": "dialects.test_utils",
    "utils.tf_utils": "",
    "utils.theano_utils": "dialects.theano_utils",
    "utils.training_utils": "dialects.training_utils",
    "utils.vis_utils": "utils.drawing dialects.vis_utils",
    "utils.visualize_util": "utils.drawing",
    "visualization": "visualization",
    "wrappers": "wrappers",
    "wrappers.scikit_learn": "dialects.wrappers",
}
"""Path -> the modules of Cornu whose names it has; `module:table` is a table of names in one."""

PREFIXES = re.compile(r"^(_tf_keras(\.keras)?|api(\._v[12](\.keras)?)?|src)(\.|$)")
"""What may stand before any path, and says nothing."""

OPEN = frozenset(
    {
        *("optimizer_v2", "optimizers.legacy", "optimizers.optimizer_v2"),
        *_under(
            "layers",
            "activation attention convolutional core experimental.preprocessing merging "
            "normalization pooling preprocessing regularization reshaping rnn",
            LAYERS,
        ),
    }
)
"""Packages of 2.6 to 2.15 with a file for each class: what is below is the same as they."""


CUSTOM_OBJECTS = {
    name: f"dialects.generic_utils:{name}"
    for name in (
        "CustomObjectScope",
        "custom_object_scope",
        "deserialize_keras_object",
        "get_custom_objects",
        "get_registered_name",
        "get_registered_object",
        "register_keras_serializable",
        "serialize_keras_object",
    )
}

GROUPS = {
    "HDF5_OBJECT_HEADER_LIMIT": "dialects.io_utils:HDF5_OBJECT_HEADER_LIMIT",
    **{
        name: f"dialects.hdf5_groups:{name}"
        for name in (
            "load_attributes_from_hdf5_group",
            "load_weights_from_hdf5_group",
            "load_weights_from_hdf5_group_by_name",
            "preprocess_weights_for_loading",
            "save_attributes_to_hdf5_group",
            "save_weights_to_hdf5_group",
        )
    },
}

FROM_CONFIG = {"model_from_config": "dialects.layer_utils:model_from_config"}

TOPOLOGY = {
    "get_source_inputs": "dialects.layer_utils:get_source_inputs",
    "object_list_uid": "dialects.generic_utils:object_list_uid",
    "to_list": "dialects.generic_utils:to_list",
}

POLICIES = {
    "LossScaleOptimizer": "optimizers:LossScaleOptimizer",
    "Policy": "policy:DTypePolicy",
    "global_policy": "policy:dtype_policy",
    "set_global_policy": "policy:set_dtype_policy",
    "set_policy": "policy:set_dtype_policy",
}

DECONVOLUTION = {
    "Deconv3D": "layers:Conv3DTranspose",
    "Deconvolution3D": "layers:Conv3DTranspose",
}

UPSAMPLING = {f"UpSample{rank}D": f"layers:UpSampling{rank}D" for rank in (1, 2)}

AUTO_ENCODER = {"AutoEncoder": "dialects.graph0:AutoEncoder"}

LOSSES = (
    "cosine cosine_proximity huber_loss kld kullback_leibler_divergence mae mape mse msle "
    "KLD MAE MAPE MSE MSLE"
).split()

NAMES: dict[str, dict[str, str]] = {
    "": {
        "DTypePolicy": "policy:DTypePolicy",
        "Function": "graph:Function",
        "Initializer": "initializers:Initializer",
        "Input": "layers:Input",
        "InputSpec": "layers:InputSpec",
        "KerasTensor": "tensor:Tensor",
        "Layer": "layers:Layer",
        "Loss": "losses:Loss",
        "Metric": "metrics:Metric",
        "Model": "models:Model",
        "Optimizer": "optimizers:Optimizer",
        "Regularizer": "regularizers:Regularizer",
        "Sequential": "models:Sequential",
        "Variable": "graph:Variable",
        "name_scope": "backend:name_scope",
    },
    "activations": {"time_distributed_softmax": "activations:softmax"},
    "applications.imagenet_utils": {
        "_obtain_input_shape": "dialects.applications:obtain_input_shape",
    },
    "applications.mobilenet": {
        "DepthwiseConv2D": "layers:DepthwiseConv2D",
        "relu6": "activations:relu6",
    },
    "applications.mobilenetv2": {"relu6": "activations:relu6"},
    "engine": TOPOLOGY,
    "engine.network": TOPOLOGY,
    "engine.saving": GROUPS | {"getargspec": "dialects.generic_utils:getargspec"},
    "engine.topology": TOPOLOGY | GROUPS,
    "engine.training": {"GeneratorEnqueuer": "dialects.data_utils:GeneratorEnqueuer"},
    "layers": {**DECONVOLUTION, **AUTO_ENCODER, **UPSAMPLING},
    "layers.convolutional": {
        **DECONVOLUTION,
        "conv_output_length": "dialects.np_utils:conv_output_length",
        "pool_output_length": "dialects.np_utils:pool_output_length",
        **UPSAMPLING,
    },
    "layers.containers": {"ndim_tensor": "dialects.theano_utils:ndim_tensor"},
    "layers.core": AUTO_ENCODER,
    "layers.recurrent": {"time_distributed_dense": "dialects.stepped:time_distributed_dense"},
    "layers.experimental": {"SyncBatchNormalization": "layers:BatchNormalization"},
    "legacy.saving": CUSTOM_OBJECTS,
    "losses": {
        "Reduction": "dialects.losses_utils:Reduction",
        "logcosh": "losses:log_cosh",
    },
    "metrics": {name: f"losses:family.{name}" for name in LOSSES}
    | {
        "BaseMeanIoU": "metrics:MeanIoU",
        "clone_metric": "dialects.metrics:clone_metric",
        "clone_metrics": "dialects.metrics:clone_metrics",
        "logcosh": "losses:log_cosh",
    },
    "mixed_precision": POLICIES,
    "mixed_precision.experimental": POLICIES,
    "models": FROM_CONFIG
    | {
        "get": "dialects.layer_utils:get_model_class",
        "get_function_name": "dialects.generic_utils:get_function_name",
    },
    "optimizers": {
        "clip_norm": "dialects.optimizer_math:clip_norm",
        "kl_divergence": "dialects.optimizer_math:kl_divergence",
        "optimizer_from_config": "optimizers:deserialize",
    },
    "saving": CUSTOM_OBJECTS,
    "utils": {
        "clear_session": "backend:clear_session",
        "convert_all_kernels_in_model": "dialects.layer_utils:convert_all_kernels_in_model",
        "get_source_inputs": "dialects.layer_utils:get_source_inputs",
        "is_keras_tensor": "backend:is_keras_tensor",
        "multi_gpu_model": "dialects.training_utils:multi_gpu_model",
        "pad_sequences": "preprocessing.sequence:pad_sequences",
        "print_summary": "dialects.layer_utils:print_summary",
        "to_categorical": "dialects.np_utils:to_categorical",
    },
    "utils.np_utils": {"to_categorical": "dialects.np_utils:to_categorical"},
    "utils.visualize_util": {
        "plot": "utils.drawing:plot_model",
        "to_graph": "utils.drawing:model_to_dot",
    },
}
"""Path -> {name there: where it lives}, for what is not called so in the modules of `PATHS`."""

MARGINS = {name: f"dialects.losses:{name}" for name in ("hinge", "squared_hinge")}
FIGURES = (
    "binary_accuracy binary_crossentropy categorical_accuracy categorical_crossentropy cosine "
    "cosine_proximity hinge kullback_leibler_divergence mae mape mean_absolute_error "
    "mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle "
    "poisson sparse_categorical_accuracy sparse_categorical_crossentropy "
    "sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy COSINE MAE MAPE "
    "MSE MSLE"
).split()

BEFORE_3 = {
    "activations": {
        "get": "dialects.layers:activation_2",
        "hard_sigmoid": "dialects.layers:hard_sigmoid_2",
    },
    "losses": MARGINS,
    "metrics": {name: f"dialects.older_metrics:of_then.{name}" for name in FIGURES},
    "objectives": MARGINS,
    "preprocessing.image": {"ImageDataGenerator": "dialects.pictures:ImageDataGenerator"},
}
"""The same, for what was another function in all generations before 3."""
