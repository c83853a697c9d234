"""Every public name of Keras 3.15 and of tf.keras 2.15 is there, or stands here."""

import importlib
import types

import pytest

from cornu.dialects import modules, spellings

pytestmark = pytest.mark.peers

CALLBACKS = "OrbaxCheckpoint SidecarEvaluatorModelExport UpdateEmbeddingCallback"

NOT_THERE = {
    "": "FloatDTypePolicy Operation Quantizer RematScope StatelessScope SymbolicScope device remat "
    "version",
    "applications": "ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge "
    "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L "
    "EfficientNetV2M EfficientNetV2S NASNetLarge NASNetMobile RegNetX002 RegNetX004 RegNetX006 "
    "RegNetX008 RegNetX016 RegNetX032 RegNetX040 RegNetX064 RegNetX080 RegNetX120 RegNetX160 "
    "RegNetX320 RegNetY002 RegNetY004 RegNetY006 RegNetY008 RegNetY016 RegNetY032 RegNetY040 "
    "RegNetY064 RegNetY080 RegNetY120 RegNetY160 RegNetY320 ResNetRS101 ResNetRS152 ResNetRS200 "
    "ResNetRS270 ResNetRS350 ResNetRS420 ResNetRS50",
    "backend": "binary_focal_crossentropy categorical_focal_crossentropy is_float_dtype "
    "is_int_dtype learning_phase_scope random_bernoulli result_type standardize_dtype",
    "backend.experimental": "disable_tf_random_generator enable_tf_random_generator "
    "is_tf_random_generator_enabled",
    "callbacks": CALLBACKS,
    "callbacks.experimental": CALLBACKS,
    "config": "disable_flash_attention disable_interactive_logging disable_traceback_filtering "
    "enable_flash_attention enable_interactive_logging enable_traceback_filtering "
    "enable_unsafe_deserialization is_flash_attention_enabled is_interactive_logging_enabled "
    "is_nnx_enabled is_traceback_filtering_enabled max_epochs max_steps_per_epoch set_backend "
    "set_max_epochs set_max_steps_per_epoch",
    "constraints": "RadialConstraint radial_constraint",
    "dtype_policies": "AWQDTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy "
    "Int4DTypePolicy QuantizedDTypePolicy QuantizedFloat8DTypePolicy deserialize serialize",
    "layers": "AbstractRNNCell DenseFeatures FlaxLayer JaxLayer RandomHeight RandomWidth TFSMLayer "
    "TorchModuleWrapper",
    "layers.experimental": "DynamicEmbedding DynamicLookup RandomFourierFeatures",
    "layers.experimental.preprocessing": "PreprocessingLayer RandomHeight RandomWidth",
    "metrics": "MeanRelativeError MeanTensor",
    "metrics.experimental": "PyMetric",
    "models.experimental": "SharpnessAwareMinimization",
    "saving": "KerasFileEditor",
    "utils": "Config SidecarEvaluator StepsPerExecutionTuner TimedThread "
    "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled "
    "standardize_dtype to_ordinal warmstart_embedding_matrix",
    "utils.experimental": "DatasetCreator",
    "visualization": "draw_bounding_boxes draw_segmentation_masks plot_bounding_box_gallery "
    "plot_image_gallery plot_segmentation_mask_gallery",
}
"""Names that this version does not have, of modules that it has."""

NO_MODULES = (
    "applications.convnext applications.efficientnet_v2 applications.nasnet applications.regnet "
    "applications.resnet_rs distillation distribution dtensor estimator experimental export "
    "preprocessing quantizers utils.bounding_boxes wrappers datasets.boston_housing "
    "datasets.california_housing datasets.cifar10 datasets.cifar100 datasets.fashion_mnist "
    "datasets.imdb datasets.mnist datasets.reuters"
).split()
"""Modules that this version does not have, with what is below them."""


@pytest.fixture(autouse=True)
def old_names():
    with spellings.registered():
        yield


def public(root):
    """Path -> public names, of a package of which each public module is an attribute."""
    found, waiting = {}, [(importlib.import_module(root), "")]
    while waiting:
        module, path = waiting.pop()
        found[path] = set()
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            if not isinstance(value, types.ModuleType):
                found[path].add(name)
            elif value.__name__ == f"{module.__name__}.{name}" and name not in ("api", "src"):
                waiting.append((value, f"{path}.{name}" if path else name))
    return found


def is_there(path, name):
    try:
        return modules.value(path, name) is not None
    except AttributeError:
        return False


@pytest.mark.parametrize("root", ["keras", "tf_keras.api._v2.keras"])
def test_public_names(root):
    pytest.importorskip(root.partition(".")[0])
    found = public(root)
    assert len(found) > 50 and "Dense" in found["layers"]
    for path, names in found.items():
        known = modules.canonical(path)
        if known is None or not modules.present(known):
            assert any(f"{path}.".startswith(f"{gone}.") for gone in NO_MODULES), path
            continue
        missing = {name for name in names if not is_there(known, name)}
        assert missing == names & set(NOT_THERE.get(path, "").split()), path
