"""Public names of old Keras that are not here, each with the reason: the one list of them.

A name stands here only as long as it cannot be imported; a test holds the list to that.
"""

from functools import cache

__all__ = ["REASONS", "reason"]

REASONS: dict[str, dict[str, str]] = {
    "use RNN with a cell of yours": {
        "layers.convolutional_recurrent": "ConvLSTM2DCell ConvRNN2D ConvRecurrent2D",
        "layers.ntm": "* NeuralTuringMachine floatX tol",
        "layers.recurrent": "JZS1 JZS2 JZS3 SimpleDeepRNN",
        "legacy.layers": "ConvRecurrent2D",
    },
    "use a Lambda": {"layers.normalization": "LRN2D"},
    "make two models that share layers": {"layers.core": "DenoisingAutoEncoder"},
    "use two Embeddings and Dot": {"layers.embeddings": "WordContextProduct"},
    "leave the argument out": {"constraints": "identity", "regularizers": "identity"},
    "write a function of the weight, and give it as the regularizer": {
        "regularizers": "EigenvalueRegularizer",
    },
    "no TensorFlow computes here: use an optimizer of cornu.optimizers": {
        "optimizers": "TFOptimizer",
    },
    "functions are never read from files: use register_keras_serializable": {
        "utils.generic_utils": "func_dump func_load func_reconstruct_closure",
    },
    "use pickle on the model itself": {"engine.saving": "pickle_model unpickle_model"},
    "files are opened by paths of this computer: copy them here first": {
        "engine.saving": "allow_read_from_gcs allow_write_to_gcs",
        "utils.test_utils": "tf_file_io_proxy",
    },
    "use K.random_uniform and its kin": {"layers.core": "srng"},
    "subclass Layer with supports_masking = True": {"layers.core": "MaskedLambda"},
    "use get_file, or urllib.request": {
        "datasets.data_utils": "ParanoidURLopener",
        "utils.data_utils": "urlretrieve",
    },
    "use load_data": {"datasets.reuters": "make_reuters_dataset"},
    "use str.maketrans": {"preprocessing.text": "maketrans"},
    "use ImageDataGenerator(horizontal_flip=True, vertical_flip=True), or numpy.flip": {
        "preprocessing.image": "horizontal_flip vertical_flip",
    },
    "it never did anything": {"preprocessing.image": "random_barrel_transform"},
    "use a generator that yields dicts": {"preprocessing.image": "GraphImageDataGenerator"},
    "use h5py.File": {"utils.io_utils": "H5Dict h5dict"},
    "use numpy.dot": {"utils.dot_utils": "*"},
    "use K.epsilon()": {"objectives": "epsilon"},
    "use keras.utils.to_categorical": {"objectives": "to_categorical"},
    "use model.summary()": {"utils.layer_utils": "print_layer_shapes"},
    "use keras.layers.deserialize": {"utils.layer_utils": "get_layer"},
    "use model_to_dot": {
        "utils.visualize_util": "ModelToDot get_layer_to_name layer_typename",
    },
    "use the metric classes of keras.metrics (AUC, Precision, Recall)": {
        "metrics": "Reduce SensitivitySpecificityBase",
        "utils.metrics_utils": "* AUCCurve AUCSummationMethod ConfusionMatrix NEG_INF Reduction "
        "assert_thresholds_range filter_top_k parse_init_thresholds result_wrapper to_list "
        "update_confusion_matrix_variables update_state_wrapper weighted_assign_add",
    },
    "use reduction= of the losses": {
        "utils.losses_utils": "broadcast_weights compute_weighted_loss reduce_weighted_loss "
        "squeeze_or_expand_dimensions",
        "losses": "is_categorical_crossentropy",
    },
    "use what fit, evaluate and predict take: they check and arrange data themselves": {
        "engine.base_layer": "disable_tracking",
        "engine.training": "check_array_lengths check_loss_and_target_compatibility "
        "collect_metrics collect_trainable_weights generator_queue standardize_class_weights "
        "standardize_input_data standardize_sample_or_class_weights standardize_sample_weights "
        "standardize_weights weighted_objective",
        "engine.training_utils": "call_metric_function check_array_length_consistency "
        "check_generator_arguments check_loss_and_target_compatibility check_num_samples "
        "collect_metrics collect_per_output_metric_info get_input_shape_and_dtype "
        "get_loss_function get_metric_function get_metric_name get_output_sample_weight_and_mode "
        "get_static_batch_size prepare_loss_functions prepare_loss_weights "
        "prepare_sample_weights should_run_validation standardize_class_weights "
        "standardize_input_data standardize_sample_or_class_weights standardize_sample_weights "
        "standardize_single_array standardize_weights weighted_masked_objective",
        "models": "generator_queue standardize_X standardize_weights standardize_y "
        "weighted_objective",
        "utils.data_utils": "get_index init_pool init_pool_generator next_sample",
    },
    "files of models are read by load_model and load_weights": {
        "legacy.models": "legacy_sequential_layers needs_legacy_support",
    },
    "dir(cornu.applications) lists the networks that are there": {
        "applications.audio_conv_utils": "*",
        "applications.music_tagger_crnn": "*",
        "applications.nasnet": "*",
    },
}
"""What to do instead -> {path: the names that are not there}; "*" is the path itself."""


@cache
def _by_name() -> dict[str, dict[str, str]]:
    """Name -> {path: the reason}."""
    found: dict[str, dict[str, str]] = {}
    for text, paths in REASONS.items():
        for path, names in paths.items():
            for name in names.split():
                found.setdefault(name, {})[path] = text
    return found


def reason(path: str, name: str) -> str | None:
    """Why a name is not at a path, or what to do; None where there is nothing to say.

    A path above or below is answered for too, as `keras.layers` is for `keras.layers.core`.
    The name of a path itself is "*".
    """
    known = _by_name().get(name, {})
    if path in known:
        return known[path]
    if name == "*":
        return None
    near = [text for other, text in known.items() if _related(other, path)]
    return near[0] if near else None


def _related(one: str, other: str) -> bool:
    return one.split(".")[0] == other.split(".")[0]
