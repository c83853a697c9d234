"""What the same call has computed otherwise in older generations: the one list of it.

A row says what changed, up to when it was otherwise, where that is decided, and which test holds it
to the formula. What is not followed stands here too, with the reason. `docs/drift.md` is this list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cornu.dialects.generations import GENERATIONS

__all__ = ["DRIFTS", "Drift", "as_markdown", "during"]


@dataclass(frozen=True)
class Drift:
    """One thing that was otherwise.

    Args:
        name: what it is called here.
        what: how it was, and how it is.
        first, last: the generations from and up to which it was so.
        where: "module:name" in `cornu.dialects` that decides it; "" where it is not followed.
        test: "file::test", the file from `tests/dialects`, that fails where it is not followed.
        reason: why it is not followed.
    """

    name: str
    what: str
    first: str
    last: str
    where: str = ""
    test: str = ""
    reason: str = ""


def during(drift: Drift) -> tuple[str, ...]:
    """The generations in which it was so."""
    place = GENERATIONS.index
    return GENERATIONS[place(drift.first) : place(drift.last) + 1]


def _followed(
    name: str, first: str, last: str, where: str, test: str, what: str
) -> Drift:  # in the order in which a row is read
    return Drift(name, what, first, last, where, test)


def _not_followed(name: str, first: str, last: str, what: str, reason: str) -> Drift:
    return Drift(name, what, first, last, reason=reason)


SCRIPTS, LAYERS = "test_drift_scripts.py", "test_drift_layers.py"
LOSSES, OPTIMIZERS = "test_drift_losses.py", "test_drift_optimizers.py"
BACKEND = "test_backend_drift.py"
WEIGHTS, WRAPPERS = "test_drift_weights.py", "../wrappers/test_old_wrappers.py"

OF_SCRIPTS: Sequence[Drift] = (
    _followed(
        "version", "0.3", "2.3", "modules:value", f"{SCRIPTS}::test_every_generation",
        "`keras.__version__` is that of the generation.",
    ),
    _followed(
        "image order", "0.3", "1.0", "images:begin", f"{SCRIPTS}::test_every_generation",
        'images have channels first, unless `keras.json` has "image_dim_ordering"; then last.',
    ),
    _followed(
        "image order of layers", "0.3", "0.3", "keras1:FIRST",
        f"{SCRIPTS}::test_layers_of_1_0_follow_the_setting",
        "layers have channels first whatever the setting is; from 1.0 on they follow it.",
    ),
    _followed(
        "batch size", "0.3", "0.3", "method_rows:FIT_ROWS",
        f"{SCRIPTS}::test_fit_takes_for_granted",
        "`fit`, `evaluate` and `predict` take 128 rows at a time; then 32.",
    ),
    _followed(
        "epochs", "0.3", "2.0", "method_rows:FIT_ROWS", f"{SCRIPTS}::test_fit_takes_for_granted",
        "`fit` makes 100 passes in 0.3 and 10 in 1.x, `Sequential.fit` 10 in 2.0 too; then 1.",
    ),
    _followed(
        "dtype of outputs", "0.3", "0.3", "methods:_outputs",
        f"{SCRIPTS}::test_outputs_were_float64",
        "`predict` gives float64; then what was computed with.",
    ),
    _followed(
        "batch_dot", "0.3", "2.2", "backend_math:batch_dot",
        f"{BACKEND}::test_batch_dot_of_matrices",
        "`K.batch_dot` of four axes and more multiplies the last two as matrices; then one axis of "
        "each is summed over.",
    ),
    _followed(
        "names in logs", "0.3", "2.2", "method_rows:_logged_names",
        f"{SCRIPTS}::test_names_in_logs",
        '"accuracy" is logged as "acc", and "mse" as "mean_squared_error"; then as it is written.',
    ),
    _followed(
        "accuracy beside binary crossentropy", "0.3", "2.3", "metrics:_told_by_loss",
        f"{SCRIPTS}::test_accuracy_is_told_by_the_loss",
        "of every output by itself; then told by the shapes.",
    ),
    _followed(
        "predict_classes", "0.3", "2.0", "method_rows:CLASSES_ROWS",
        f"{SCRIPTS}::test_predict_classes_was_not_silent",
        "`predict_classes` and `predict_proba` show their progress; then they are silent.",
    ),
    _followed(
        "patience", "0.3", "2.0", "callbacks:_is_exhausted", f"{SCRIPTS}::test_patience",
        "EarlyStopping stops after one bad epoch more than `patience` says.",
    ),
    _followed(
        "plateaus", "0.3", "2.0", "callbacks:_rest", f"{SCRIPTS}::test_plateaus",
        "ReduceLROnPlateau waits one bad epoch more the first time.",
    ),
    _followed(
        "rates in logs", "0.3", "2.3", "callbacks:_rate_key", f"{SCRIPTS}::test_rates_in_logs",
        'called "lr"; then "learning_rate".',
    ),
    _followed(
        "train_on_batch", "0.3", "0.3", "methods:_on_batch",
        f"{SCRIPTS}::test_one_batch_gave_a_list",
        "`train_on_batch` and `test_on_batch` give a list, even of the loss alone.",
    ),
    _followed(
        "seeds", "0.3", "2.3", "seeding:PATCHES",
        "test_seeding.py::test_numpys_seed_was_keras_seed",
        "`np.random.seed` seeds what is drawn; then `set_random_seed` alone does.",
    ),
    _followed(
        "one-hot rows", "0.3", "2.0", "np_utils:to_categorical", f"{SCRIPTS}::test_one_hot_rows",
        "`to_categorical` gives float64; then float32.",
    ),
    _followed(
        "ImageDataGenerator", "0.3", "0.3", "pictures:_Then",
        f"{SCRIPTS}::test_image_generators_of_0_3",
        "centres and divides by the deviation unless told not to, and `flow` does not shuffle.",
    ),
    _followed(
        "crossentropies of K", "0.3", "1.2", "backend_nn:categorical_crossentropy",
        "test_backend_drift.py::test_crossentropies_took_the_output_first",
        "`K.categorical_crossentropy(output, target)` and its kin; then `(target, output)`.",
    ),
    _followed(
        "kernels of K", "0.3", "1.2", "backend_conv:conv2d",
        "test_backend_drift.py::test_theano_kernels_by_generation",
        'with images of "th" a kernel is (filters, channels, rows, columns); then (rows, columns, '
        "channels, filters).",
    ),
    _followed(
        "pools of K", "0.3", "0.3", "backend_conv:pool2d",
        "test_backend_drift.py::test_pools_and_padding_of_0_3",
        "windows are one apart unless told otherwise.",
    ),
    _followed(
        "arrays of weights", "0.3", "1.2", "weight_layouts:PATCHES",
        "test_weight_layouts.py::test_what_is_given_can_be_set",
        "`get_weights` and `set_weights` have Theano's kernels, and an array for each gate.",
    ),
    _followed(
        'merge(mode="cos")', "0.3", "1.2", "layers:Cosine", "test_merge_calls.py::test_modes",
        "has one axis more than the dot product of today.",
    ),
)  # fmt: skip

OF_LAYERS: Sequence[Drift] = (
    _followed(
        "BatchNormalization, defaults", "0.3", "1.0", "keras1:OTHERS",
        f"{LAYERS}::test_defaults_of_batch_normalization",
        "momentum 0.9 and epsilon 1e-6 in 0.3, 0.99 and 1e-5 in 1.0; then 0.99 and 1e-3.",
    ),
    _followed(
        "BatchNormalization, modes", "0.3", "1.2", "keras1:_by_mode",
        f"{LAYERS}::test_modes_of_batch_normalization",
        "`mode=1` normalizes each sample by itself, `mode=2` by the batch in inference too.",
    ),
    _followed(
        "BatchNormalization, deviations", "0.3", "0.3", "normalization:DeviationNormalization",
        f"{LAYERS}::test_moving_variance",
        "the moving average is that of the deviation; then of the variance.",
    ),
    _followed(
        "BatchNormalization, correction", "2.2", "2.3", "normalization:CorrectedNormalization",
        f"{LAYERS}::test_moving_variance",
        "the moving variance follows the batch's times n / (n - 1 - epsilon), 4-D images once more "
        "times n / (n - 1).",
    ),
    _followed(
        "BatchNormalization, frozen", "0.3", "2.3", "normalization:class_in",
        f"{LAYERS}::test_frozen_batch_normalization",
        "a frozen layer normalizes by the batch in training; up to 2.0 its averages follow too.",
    ),
    _followed(
        "BatchNormalization, masks", "0.3", "2.3", "normalization:class_in",
        f"{LAYERS}::test_masked_batch_normalization",
        "masked steps count among the batch's moments; then they do not.",
    ),
    _followed(
        "gates", "0.3", "2.2", "keras1:GATED", f"{LAYERS}::test_gates",
        "gates of LSTM and GRU are hard sigmoids, those of ConvLSTM2D in 2.3 too; then sigmoids.",
    ),
    _followed(
        "hard_sigmoid", "0.3", "2.3", "layers:hard_sigmoid_2", f"{LAYERS}::test_hard_sigmoid",
        "`min(max(0.2 x + 0.5, 0), 1)`; then of slope 1/6.",
    ),
    _followed(
        "reset_after", "0.3", "2.3", "keras1:CELLS", f"{LAYERS}::test_gates",
        "GRU resets its state before the product unless told otherwise; then after it.",
    ),
    _followed(
        "penalties on activities", "1.2", "2.3", "regularizers:penalties_of_then",
        f"{LAYERS}::test_penalties_on_activities",
        "`activity_regularizer` is summed over the batch; before and after, divided by its size.",
    ),
    _followed(
        "Embedding(dropout=)", "1.0", "1.2", "layers:WordDropEmbedding",
        f"{LAYERS}::test_dropped_words",
        "drops whole words in training; then there is no such thing.",
    ),
    _followed(
        "bilinear UpSampling2D", "0.3", "2.3", "layers:CornerUpSampling2D",
        f"{LAYERS}::test_bilinear_upsampling",
        "row i is row i / size of the input; then (i + 1/2) / size - 1/2.",
    ),
    _followed(
        "windows of Theano", "0.3", "2.3", "becoming:_of_theano", f"{LAYERS}::test_theano_windows",
        'with `KERAS_BACKEND=theano` and padding "same" a window lies around its place.',
    ),
)  # fmt: skip

OF_WEIGHTS: Sequence[Drift] = (
    _followed(
        "Conv1D", "0.3", "1.0", "keras1:CONVOLUTIONS", f"{WEIGHTS}::test_first_weights_of_conv1d",
        "kernels of Conv1D begin evenly within 0.05; then as those of Glorot.",
    ),
    _followed(
        "fans of convolutions", "0.3", "0.3", "initializers:FilterGlorotUniform",
        f"{WEIGHTS}::test_fans_of_convolutions",
        "the fan out of a kernel is its number of filters; then times the size of its window.",
    ),
    _followed(
        "orthogonal", "0.3", "1.2", "initializers:gain_of_then", f"{WEIGHTS}::test_orthogonal",
        "orthogonal matrices are taken 1.1 times; then once.",
    ),
    _followed(
        "normal draws", "0.3", "1.2", "initializers:WholeGlorotNormal",
        f"{WEIGHTS}::test_normal_draws",
        "glorot_normal and he_normal are normal; then cut off at two deviations.",
    ),
    _followed(
        "cut normal draws", "2.0", "2.0", "initializers:NarrowGlorotNormal",
        f"{WEIGHTS}::test_cut_normal_draws",
        "what is cut off leaves 0.88 of the deviation that is meant; then that is made up for.",
    ),
    _followed(
        "weights of gates", "0.3", "1.2", "initializers:GateByGate",
        f"{WEIGHTS}::test_each_gate_begins_by_itself",
        "each gate of LSTM, GRU and ConvLSTM2D has a draw of its own; then all share one.",
    ),
    _followed(
        "recurrent weights", "1.2", "1.2", "initializers:gates_of_then",
        f"{WEIGHTS}::test_recurrent_weights_of_1_2",
        "those of LSTM and GRU begin as the kernel's do, by a mistake, but for "
        '`consume_less="gpu"`.',
    ),
)  # fmt: skip

OF_TRAINING: Sequence[Drift] = (
    _followed(
        "cosine_proximity", "0.3", "2.0", "losses:cosine_proximity", f"{LOSSES}::test_formulas",
        "the mean of the products; then their sum.",
    ),
    _followed(
        "hinge", "0.3", "2.2", "losses:hinge", f"{LOSSES}::test_formulas",
        "a label of 0 is 0, in hinge and squared_hinge; then -1.",
    ),
    _followed(
        "averages of losses", "0.3", "2.2", "losses:averaged_1", f"{LOSSES}::test_averages",
        "over what is not masked, by the share of weights that are not 0; then by all rows.",
    ),
    _followed(
        "masked losses", "2.3", "2.3", "losses:averaged_2", f"{LOSSES}::test_averages",
        "masked entries count among those that the sum is divided by; then they do not.",
    ),
    _followed(
        "functions of metrics", "0.3", "1.2", "older_metrics:of_then",
        f"{LOSSES}::test_functions_of_metrics",
        "one figure for the whole batch; then one for each sample.",
    ),
    _followed(
        "figures of batches", "0.3", "2.2", "older_metrics:_by_rows",
        f"{LOSSES}::test_batches_count_by_their_rows",
        "a metric that gives one figure for a batch counts by its rows; then each batch alike.",
    ),
    _followed(
        "epsilon", "0.3", "2.0", "keras1_optimizers:SQRT", f"{OPTIMIZERS}::test_numbers",
        "1e-6 in RMSprop, Adagrad and Adadelta of 0.3, else 1e-8; then 1e-7.",
    ),
    _followed(
        "rates", "0.3", "2.3", "keras1_optimizers:OPTIMIZERS", f"{OPTIMIZERS}::test_numbers",
        "0.01 in Adagrad, 1 in Adadelta, 0.002 in Adamax and Nadam; then 0.001 in all.",
    ),
    _followed(
        "place of epsilon", "1.0", "2.3", "optimizers:RMSpropOuterEpsilon",
        f"{OPTIMIZERS}::test_place_of_epsilon",
        "RMSprop and Adagrad add epsilon to the root; before and after, under it.",
    ),
    _followed(
        "accumulator of Adagrad", "0.3", "2.3", "keras1_optimizers:OPTIMIZERS",
        f"{OPTIMIZERS}::test_place_of_epsilon",
        "begins at 0; then at 0.1.",
    ),
    _followed(
        "warm-up of Nadam", "1.0", "2.3", "optimizers:NadamSlowWarmup",
        f"{OPTIMIZERS}::test_warm_up_of_nadam",
        "by `schedule_decay`, 0.004 unless said; then 250 times faster.",
    ),
    _followed(
        "clipnorm", "0.3", "2.3", "keras1_optimizers:OPTIMIZER", f"{OPTIMIZERS}::test_clipnorm",
        "the norm of all gradients together; then of each by itself.",
    ),
    _followed(
        "both clips", "0.3", "2.3", "optimizer_calls:_clipped", f"{OPTIMIZERS}::test_both_clips",
        "`clipnorm` and then `clipvalue` may clip the same gradients; then one of them alone.",
    ),
    _followed(
        "decay", "0.3", "2.3", "optimizers:DECAYING", f"{OPTIMIZERS}::test_decay",
        "`rate / (1 + decay * updates)`, by a rate that can be set; then a schedule says it.",
    ),
)  # fmt: skip

OF_WRAPPERS: Sequence[Drift] = (
    _followed(
        "score of KerasRegressor", "0.3", "2.0", "wrappers:KerasRegressor",
        f"{WRAPPERS}::test_scores_and_shapes_of_regressors",
        "the loss; then the loss below 0, so that more is better.",
    ),
    _followed(
        "predictions of KerasRegressor", "0.3", "0.3", "wrappers:KerasRegressor",
        f"{WRAPPERS}::test_scores_and_shapes_of_regressors",
        "of one output (samples, 1); then (samples,).",
    ),
    _followed(
        "labels of KerasClassifier", "0.3", "1.2", "wrappers:KerasClassifier",
        f"{WRAPPERS}::test_labels_and_probabilities_of_classifiers",
        "numbers from 0 on, as `fit` was given them; then any labels, mapped to `classes_` and "
        "back.",
    ),
    _followed(
        "probabilities of one output", "0.3", "0.3", "wrappers:KerasClassifier",
        f"{WRAPPERS}::test_labels_and_probabilities_of_classifiers",
        "one column, of the second class; then one for each class.",
    ),
    _followed(
        "score without accuracy", "0.3", "0.3", "wrappers:KerasClassifier",
        f"{WRAPPERS}::test_keras_0_asked_for_accuracy_itself",
        "`score` asks for the accuracy itself; then `compile` has to name it.",
    ),
)  # fmt: skip

NOT_FOLLOWED: Sequence[Drift] = (
    _not_followed(
        "name of the backend", "0.3", "1.0", "`K.backend()` was Theano's unless set.",
        "scripts would take branches that compute with Theano itself. It is TensorFlow's name "
        "unless `KERAS_BACKEND` says another.",
    ),
    _not_followed(
        "noise of gates", "0.3", "2.3",
        "`dropout` and `recurrent_dropout` drew for each gate; now once for all gates.",
        "what is drawn differs from engine to engine anyway, and how much is dropped is the same.",
    ),
    _not_followed(
        "masks of metrics", "0.3", "1.2", "metrics counted masked steps; then they did not.",
        "figures over what is not there are of no use, and nothing is trained by them.",
    ),
    _not_followed(
        "fans of kernels as TensorFlow laid them", "0.3", "0.3",
        'an initializer took (rows, columns, channels, filters) of `dim_ordering="tf"` for '
        "(filters, channels, rows, columns).",
        'an initializer is not told the order, which was "th" unless each layer said otherwise.',
    ),
    _not_followed(
        "orthogonal kernels of convolutions", "0.3", "1.2",
        "(first axis, all others) made the matrix; now (all others, last axis).",
        "their axes lie otherwise today.",
    ),
    _not_followed(
        "large errors of logcosh", "2.0", "2.0", "overflowed; then it does not.",
        "nobody wants it to.",
    ),
    _not_followed(
        "one-hot rows of columns", "2.0", "2.0", "in 2.1.0 alone (n, 1) became (n, 1, classes).",
        "no generation stands for 2.1.0.",
    ),
    _not_followed(
        "activation of GRU and SimpleRNN", "0.3", "0.3", "sigmoid up to 0.3.2; then tanh.",
        "0.3 stands for 0.3.3.",
    ),
    _not_followed(
        "implementation", "1.0", "2.3", "how an RNN was computed; other defaults in other years.",
        "the numbers are the same.",
    ),
    _not_followed(
        "trainable", "0.3", "2.3", "took effect in `compile`.", "it does so in every generation.",
    ),
    _not_followed(
        "subclasses", "0.3", "2.3",
        "classes that a script derives from BatchNormalization, RMSprop, Adagrad or Nadam had the "
        "formulas of then.",
        "a class is made from the one of today, and what it overrides is written for that.",
    ),
)  # fmt: skip

DRIFTS: Sequence[Drift] = (
    *(*OF_SCRIPTS, *OF_LAYERS, *OF_WEIGHTS, *OF_TRAINING, *OF_WRAPPERS),
    *NOT_FOLLOWED,
)


# ---------------------------------------------------------------- the page

HEAD = """# What old code computes

Names are the same in every generation of Keras; what they mean is not. Scripts under the `keras`
alias get what their generation computed: 2.3 unless `CORNU_GENERATION`, or `cornu run
--generation`, says 0.3, 1.0, 1.2, 2.0, 2.2 or 3. They stand for 0.3.3, 1.0.8, 1.2.2, 2.0.8, 2.2.4,
2.3.1 and 3.15. Files say themselves what they mean. `import cornu` is always 3.

This page is the list `cornu.dialects.drifts`; a test holds each row to the formula of then.
"""

PARTS = (
    ("Scripts", OF_SCRIPTS),
    ("Layers", OF_LAYERS),
    ("First weights", OF_WEIGHTS),
    ("Training", OF_TRAINING),
    ("Estimators of scikit-learn", OF_WRAPPERS),
)


def as_markdown() -> str:
    """The page `docs/drift.md`."""
    lines = [HEAD]
    for title, drifts in PARTS:
        lines += [f"## {title}", "", "| what | in | how it was, and is |", "|---|---|---|"]
        lines += [f"| {d.name} | {_span(d)} | {d.what} |" for d in drifts]
        lines.append("")
    lines += ["## Not followed", "", "| what | in | how it was | why not |", "|---|---|---|---|"]
    lines += [f"| {d.name} | {_span(d)} | {d.what} | {d.reason} |" for d in NOT_FOLLOWED]
    return "\n".join(lines) + "\n"


def _span(drift: Drift) -> str:
    return drift.first if drift.first == drift.last else f"{drift.first} to {drift.last}"
