"""Every public name of Keras 0.3 to 2.3 is found where it was, or stands here with the reason.

`public_names.txt` was computed from the sources of the releases from 0.3.0 to 2.3.1.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cornu
from cornu import layers, losses, models, optimizers
from cornu.dialects import interfaces, modules, spellings
from cornu.dialects.paths import NAMES, OPEN, PATHS, REASONS

HERE = Path(__file__).parent

NOT_YET = {
    "applications": "*",
    "applications.audio_conv_utils": "*",
    "applications.densenet": "*",
    "applications.imagenet_utils": "*",
    "applications.inception_resnet_v2": "*",
    "applications.inception_v3": "*",
    "applications.mobilenet": "*",
    "applications.mobilenet_v2": "*",
    "applications.mobilenetv2": "*",
    "applications.music_tagger_crnn": "*",
    "applications.nasnet": "*",
    "applications.resnet": "*",
    "applications.resnet50": "*",
    "applications.resnet_v2": "*",
    "applications.vgg16": "*",
    "applications.vgg19": "*",
    "applications.xception": "*",
    "callbacks": "BaseLogger CSVLogger EarlyStopping LambdaCallback LearningRateScheduler "
    "ModelCheckpoint ReduceLROnPlateau RemoteMonitor TensorBoard TerminateOnNaN",
    "callbacks.callbacks": "BaseLogger CSVLogger EarlyStopping LambdaCallback "
    "LearningRateScheduler ModelCheckpoint ReduceLROnPlateau RemoteMonitor TerminateOnNaN",
    "datasets.boston_housing": "*",
    "datasets.cifar": "*",
    "datasets.cifar10": "*",
    "datasets.cifar100": "*",
    "datasets.data_utils": "*",
    "datasets.fashion_mnist": "*",
    "datasets.imdb": "*",
    "datasets.mnist": "*",
    "datasets.reuters": "*",
    "preprocessing": "*",
    "preprocessing.image": "*",
    "preprocessing.sequence": "*",
    "preprocessing.text": "*",
    "utils.data_utils": "GeneratorEnqueuer OrderedEnqueuer Sequence SequenceEnqueuer",
    "utils.io_utils": "*",
    "wrappers": "*",
    "wrappers.scikit_learn": "*",
}
"""Data, networks with weights, callbacks, and what feeds `fit`: parts that are still to come."""

INSIDE = {
    "engine.base_layer": "disable_tracking",
    "engine.saving": "HDF5_OBJECT_HEADER_LIMIT allow_read_from_gcs allow_write_to_gcs getargspec "
    "load_attributes_from_hdf5_group load_weights_from_hdf5_group "
    "load_weights_from_hdf5_group_by_name pickle_model preprocess_weights_for_loading "
    "save_attributes_to_hdf5_group save_weights_to_hdf5_group unpickle_model",
    "engine.topology": "HDF5_OBJECT_HEADER_LIMIT load_weights_from_hdf5_group "
    "load_weights_from_hdf5_group_by_name preprocess_weights_for_loading "
    "save_weights_to_hdf5_group",
    "engine.training": "GeneratorEnqueuer check_array_lengths check_loss_and_target_compatibility "
    "collect_metrics collect_trainable_weights generator_queue standardize_class_weights "
    "standardize_input_data standardize_sample_or_class_weights standardize_sample_weights "
    "standardize_weights weighted_objective",
    "engine.training_utils": "call_metric_function check_array_length_consistency "
    "check_generator_arguments check_loss_and_target_compatibility check_num_samples "
    "collect_metrics collect_per_output_metric_info get_input_shape_and_dtype get_loss_function "
    "get_metric_function get_metric_name get_output_sample_weight_and_mode get_static_batch_size "
    "is_generator_or_sequence is_sequence iter_sequence_infinite prepare_loss_functions "
    "prepare_loss_weights prepare_sample_weights should_run_validation standardize_class_weights "
    "standardize_input_data standardize_sample_or_class_weights standardize_sample_weights "
    "standardize_single_array standardize_weights weighted_masked_objective",
    "layers.recurrent": "time_distributed_dense",
    "legacy.models": "legacy_sequential_layers needs_legacy_support",
    "losses": "is_categorical_crossentropy",
    "metrics": "BaseMeanIoU Reduce SensitivitySpecificityBase clone_metric clone_metrics",
    "models": "generator_queue get_function_name standardize_X standardize_weights standardize_y "
    "weighted_objective",
    "optimizers": "clip_norm kl_divergence",
    "utils.data_utils": "get_index init_pool init_pool_generator next_sample urlretrieve "
    "validate_file",
    "utils.layer_utils": "get_layer",
    "utils.losses_utils": "broadcast_weights compute_weighted_loss reduce_weighted_loss "
    "squeeze_or_expand_dimensions",
    "utils.metrics_utils": "*",
    "utils.test_utils": "layer_test tf_file_io_proxy",
    "utils.vis_utils": "add_edge is_model is_wrapped_model",
    "utils.visualize_util": "ModelToDot get_layer_to_name layer_typename",
}
"""What Keras's own code used inside, without an underscore before its name."""

NEVER = {
    "constraints": "identity",
    "layers.convolutional_recurrent": "ConvLSTM2DCell ConvRNN2D ConvRecurrent2D",
    "layers.core": "MaskedLambda MaskedLayer Siamese SiameseHead add_shared_layer",
    "layers.normalization": "LRN2D",
    "layers.ntm": "*",
    "layers.recurrent": "Recurrent",
    "legacy.layers": "ConvRecurrent2D Recurrent",
    "optimizers": "TFOptimizer",
    "regularizers": "EigenvalueRegularizer identity",
    "utils.generic_utils": "func_dump func_load func_reconstruct_closure",
}
"""Layers that few ever used, and what would run code from files."""


def public_names() -> Iterator[tuple[str, list[str]]]:
    """Path without "keras.", and the names that were public there."""
    path, names = "", []
    for line in (HERE / "public_names.txt").read_text().splitlines():
        if line.startswith(" "):
            names += line.split()
        else:
            yield path, names
            path, names = line.rstrip(":").removeprefix("keras").removeprefix("."), []
    yield path, names


@pytest.fixture(autouse=True)
def old_names():
    with spellings.registered():
        yield


def is_there(path: str, name: str) -> bool:
    if name in modules.children(path):
        return modules.present(f"{path}.{name}" if path else name)
    try:
        return modules.value(path, name) is not None
    except AttributeError:
        return False


def test_every_public_name_is_there_or_said_to_be_missing():
    missing = {}
    for path, names in public_names():
        assert modules.canonical(path) == path
        if not modules.present(path):
            missing[path] = {"*"}
        elif gone := {name for name in names if not is_there(path, name)}:
            missing[path] = gone
    said = {}
    for table in (NOT_YET, INSIDE, NEVER):
        for path, names in table.items():
            said.setdefault(path, set()).update(names.split())
    assert missing == said


def test_the_list_of_names_is_whole():
    known = dict(public_names())
    assert len(known) == 100
    assert sum(map(len, known.values())) == 705
    assert "Dense" in known["layers.core"] and "np_utils" not in known["utils"]


def test_the_backends_have_every_name_of_k():
    for path in ("backend", "backend.tensorflow_backend", "backend.theano_backend"):
        assert modules.names(path) == sorted(cornu.backend.__all__)
        assert modules.value(path, "concatenate") is cornu.backend.concatenate
        assert modules.value(path, "_FLOATX") == "float32"
    with pytest.raises(AttributeError, match="no Theano computes here"):
        modules.value("backend.theano_backend", "T")


def test_every_listed_name_is_there():
    """What a star import brings can be taken."""
    for path in filter(modules.present, PATHS):
        for name in modules.names(path):
            assert modules.value(path, name) is not None


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        ("layers", "Dense", layers.Dense),
        ("layers.core", "Dense", layers.Dense),
        ("layers.convolutional", "MaxPooling2D", layers.MaxPooling2D),
        ("layers", "Convolution2D", layers.Conv2D),
        ("layers", "Deconvolution3D", layers.Conv3DTranspose),
        ("layers.normalization", "BatchNormalization", layers.BatchNormalization),
        ("engine", "Layer", layers.Layer),
        ("engine.topology", "Container", models.Model),
        ("engine.training", "Model", models.Model),
        ("models", "Sequential", models.Sequential),
        ("models", "load_model", cornu.saving.load_model),
        ("layers.containers", "Sequential", models.Sequential),
        ("objectives", "mse", losses.mean_squared_error),
        ("objectives", "MSE", losses.mean_squared_error),
        ("losses", "logcosh", losses.log_cosh),
        ("metrics", "mae", losses.mean_absolute_error),
        ("optimizers", "SGD", optimizers.SGD),
        ("optimizers.adam_v2", "Adam", optimizers.Adam),
        ("optimizers.schedules", "ExponentialDecay", optimizers.schedules.ExponentialDecay),
        ("utils.np_utils", "to_categorical", cornu.utils.to_categorical),
        ("utils.visualize_util", "plot", cornu.utils.plot_model),
        ("utils", "plot_model", cornu.utils.plot_model),
        ("utils.generic_utils", "Progbar", cornu.utils.Progbar),
        ("ops.numpy", "matmul", cornu.ops.matmul),
        ("", "Model", models.Model),
        ("legacy.interfaces", "legacy_conv2d_support", interfaces.as_it_is),
    ],
)
def test_the_object_is_cornus_own(path, name, found):
    assert modules.value(path, name) is found


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("layers.core", "layers.core"),
        ("src.layers.core.dense", "layers.core"),
        ("src.models.functional", "models"),
        ("layers.rnn.lstm", "layers.rnn"),
        ("api._v2.keras.layers", "layers"),
        ("_tf_keras.keras.optimizers", "optimizers"),
        ("optimizer_v2.adam", "optimizer_v2"),
        ("api._v1", ""),
        ("src", ""),
        ("layers.core.Desne", None),
        ("layers.cor", None),
        ("src.no_such_module", None),
        ("no_such_module", None),
    ],
)
def test_paths(path, meant):
    assert modules.canonical(path) == meant


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("layers", "Dens", '"Dense"'),
        ("layers.convolutional", "Convolution2d", '"Convolution2D"'),
        ("", "laiers", '"layers"'),
        ("optimizers", "adem", '"Adam"'),
        ("layers", "Recurrent", REASONS["Recurrent"]),
        ("callbacks", "EarlyStopping", "in this version of Cornu"),
    ],
)
def test_a_wrong_name_gives_the_nearest_or_the_reason(path, name, said):
    with pytest.raises(AttributeError) as caught:
        modules.value(path, name)
    assert said in str(caught.value)


def test_a_path_that_is_not_there_says_so():
    assert modules.missing_path("datasets.mnist").startswith("keras.datasets.mnist is not part of")
    assert '"layers"' in modules.missing_path("laiers.core")
    assert '"core"' in modules.missing_path("layers.coer")


def test_a_star_of_a_module_of_layers_brings_no_functions():
    assert {"add", "dot"} <= set(modules.names("layers"))
    assert {"add", "dot"} <= set(modules.names("layers.merge"))
    assert not {name for name in modules.names("layers.core") if name[0].islower()}


def test_the_version_is_that_of_the_generation(monkeypatch):
    for generation, version in (("0.3", "0.3.3"), ("2.3", "2.3.1"), ("3", "3.15.1")):
        monkeypatch.setenv("CORNU_GENERATION", generation)
        assert modules.value("", "__version__") == version


def test_the_hard_sigmoid_is_that_of_the_generation(monkeypatch):
    for generation, slope in (("1.2", 0.2), ("2.3", 0.2), ("3", 1 / 6)):
        monkeypatch.setenv("CORNU_GENERATION", generation)
        hard_sigmoid = modules.value("activations", "hard_sigmoid")
        assert float(hard_sigmoid(cornu.ops.convert_to_tensor(1.0))) == pytest.approx(0.5 + slope)


def test_the_tables_are_consistent():
    assert set(NAMES) <= set(PATHS) and set(OPEN) <= set(PATHS)
    for path in PATHS:
        assert path.rpartition(".")[0] in PATHS
