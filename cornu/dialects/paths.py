"""Every module path of every generation of Keras, as tables; `modules` walks over them.

`PATHS` says for each path, without "keras.", of which modules of Cornu it has the public names:
all names, for a generation never hides one. `NAMES` has what is called otherwise there, or lives
elsewhere; `REASONS` what will not come. A module that Cornu does not have yet may stand here: it
counts as soon as it is there.
"""

import re

__all__ = ["BEFORE_3", "NAMES", "OPEN", "PATHS", "PREFIXES", "REASONS", "VERSIONS"]

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

LAYERS = "layers dialects.old_classes:layers dialects.merge_calls"
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
    "datasets.data_utils": "dialects.data_utils utils.files",
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
    "engine.saving": "dialects.engine dialects.layer_utils",
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
    "utils.training_utils": "dialects.training_utils",
    "utils.vis_utils": "utils.drawing",
    "utils.visualize_util": "utils.drawing",
    "visualization": "visualization",
    "wrappers": "wrappers",
    "wrappers.scikit_learn": "wrappers.scikit_learn wrappers",
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
    "engine": TOPOLOGY,
    "engine.network": TOPOLOGY,
    "engine.topology": TOPOLOGY,
    "layers": {**DECONVOLUTION, **AUTO_ENCODER},
    "layers.convolutional": {
        **DECONVOLUTION,
        "conv_output_length": "dialects.np_utils:conv_output_length",
    },
    "layers.core": AUTO_ENCODER,
    "layers.experimental": {"SyncBatchNormalization": "layers:BatchNormalization"},
    "legacy.saving": CUSTOM_OBJECTS,
    "losses": {
        "Reduction": "dialects.losses_utils:Reduction",
        "logcosh": "losses:log_cosh",
    },
    "metrics": {name: f"losses:family.{name}" for name in LOSSES} | {"logcosh": "losses:log_cosh"},
    "mixed_precision": POLICIES,
    "mixed_precision.experimental": POLICIES,
    "models": FROM_CONFIG,
    "optimizers": {"optimizer_from_config": "optimizers:deserialize"},
    "saving": CUSTOM_OBJECTS,
    "utils": {
        "clear_session": "backend:clear_session",
        "convert_all_kernels_in_model": "dialects.layer_utils:convert_all_kernels_in_model",
        "get_source_inputs": "dialects.layer_utils:get_source_inputs",
        "is_keras_tensor": "backend:is_keras_tensor",
        "multi_gpu_model": "dialects.training_utils:multi_gpu_model",
        "pad_sequences": "preprocessing.sequence:pad_sequences",
        "print_summary": "dialects.layer_utils:print_summary",
    },
    "utils.visualize_util": {
        "plot": "utils.drawing:plot_model",
        "to_graph": "utils.drawing:model_to_dot",
    },
}
"""Path -> {name there: where it lives}, for what is not called so in the modules of `PATHS`."""

BEFORE_3 = {
    "activations": {
        "get": "dialects.layers:activation_2",
        "hard_sigmoid": "dialects.layers:hard_sigmoid_2",
    },
    "metrics": {"binary_accuracy": "dialects.metrics:binary_accuracy_2"},
}
"""The same, for what was another function in all generations before 3."""

REASONS = {
    "DenoisingAutoEncoder": "make two models that share layers",
    "ConvRecurrent2D": "subclass RNN, with a cell of yours",
    "EigenvalueRegularizer": "write a function of the weight, and give it as the regularizer",
    "LRN2D": "use a Lambda",
    "NeuralTuringMachine": "only Keras 0.3.0 had it: use RNN with a cell of yours",
    "Recurrent": "subclass RNN, with a cell of yours",
    "identity": "leave the argument out",
    "MaskedLambda": "subclass Layer with supports_masking = True",
    "MaskedLayer": "subclass Layer with supports_masking = True",
    "TFOptimizer": "no TensorFlow computes here: use an optimizer of cornu.optimizers",
    "func_reconstruct_closure": "functions are never read from files",
    "func_dump": "functions are never read from files: use register_keras_serializable",
    "func_load": "functions are never read from files: use register_keras_serializable",
}
"""Names that will not come, and what to do instead."""
