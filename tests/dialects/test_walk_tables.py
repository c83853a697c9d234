"""Every table of the dialects is walked: the rest of the walk, and the list that proves it whole.

Rows of constructors are in `test_walk_calls`, those of methods in `test_walk_methods`. Here are
paths and names of modules, modes of merging, words of the backend, and the stand-ins. A table that
no test is named for is an error.
"""

import ast
import importlib
import os
import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cornu
from cornu import backend as K
from cornu import initializers, layers, losses, metrics, policy
from cornu.dialects import (
    backend_record,
    backend_state,
    facades,
    generations,
    graph0,
    merging,
    modules,
    old_classes,
    paths,
    spellings,
    table,
)
from cornu.dialects import losses as older_losses
from cornu.dialects.facades import SUBMODULES

HERE = Path(__file__).parent
DIALECTS = Path(cornu.__file__).parent / "dialects"

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def run(code: str) -> str:
    """What a program of its own prints."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("KERAS", "CORNU"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---------------------------------------------------------------- every table has its test

ROWS_OF = {
    "keras0": "test_walk_calls",
    "keras1": "test_walk_calls",
    "keras1_optimizers": "test_walk_calls",
    "keras2": "test_walk_calls",
    "method_rows": "test_walk_methods",
}
"""Files of which every table is a row, or a part of rows."""

WALKED = {
    "absent.REASONS": "test_modules",
    **dict.fromkeys(("backend.PARTS", "backend._SETTINGS"), "test_backend_names"),
    "backend._ELSEWHERE": "test_backend_drift",
    **dict.fromkeys(("backend_record.SPELLINGS", "backend_record.IGNORED"), "test_walk_tables"),
    "backend_function.KNOWN_OPTIONS": "test_backend",
    **dict.fromkeys(("backend_state.ORDERINGS", "backend_state.OLD_ANSWERS"), "test_walk_tables"),
    **{
        f"configs.{name}": "test_configs"
        for name in "CONTAINERS WITH_STATES SILENT MODULES DTYPES PENALTIES CONSTRAINTS".split()
    },
    **{f"facades.{n}": "test_walk_tables" for n in ("DTYPES", "WITH_KERAS", "SUBMODULES")},
    **{f"facades.{n}": "test_tf_calls" for n in ("ADVICE", "CALLS", "GROUPS")},
    "generations.GENERATIONS": "test_walk_calls",
    "graph0.DTYPES": "test_walk_tables",
    "interfaces.CALLS": "test_old_utils",
    "layer_utils.KERNELS": "test_old_utils",
    "losses.NAMES": "test_walk_tables",
    "merge_calls.TODAY": "test_merge_calls",
    "merging.MERGES": "test_walk_tables",
    **dict.fromkeys(("methods.SPOKEN", "methods.METHODS"), "test_walk_methods"),
    "metrics.NAMES": "test_compiled",
    "np_utils.PADDINGS": "test_old_utils",
    **dict.fromkeys(("old_classes.ALSO", "old_classes.KINDS"), "test_walk_tables"),
    **{
        f"paths.{name}": "test_walk_tables"
        for name in (
            "VERSIONS PATHS OPEN CUSTOM_OBJECTS GROUPS FROM_CONFIG TOPOLOGY POLICIES DECONVOLUTION "
            "UPSAMPLING AUTO_ENCODER LOSSES NAMES MARGINS FIGURES BEFORE_3"
        ).split()
    },
    **{f"protocols.{n}": "test_protocols" for n in ("OLD_MARKS", "ORDER_1", "ORDER_2", "DTYPES")},
    **dict.fromkeys(("spellings.PARTS", "spellings.LATE"), "test_walk_tables"),
    "attributes.OF_MODELS": "test_walk_tables",
    "symbolic_training.NAMES": "test_walk_tables",
    **dict.fromkeys(("table.NEARLY", "table.SAME", "table.UNSURE"), "test_walk_calls"),
    **{
        f"tf_calls.{n}": "test_tf_calls"
        for n in "FIRST RENAMED ALIASES ORDERS INSTEAD MADE".split()
    },
    **{
        f"theano_calls.{n}": "test_tf_calls"
        for n in "SAME OTHERS BY_K KINDS NUMBERS INSTEAD TOP".split()
    },
    **{f"tf_ops.{n}": "test_tf_calls" for n in ("ALONG", "AXIS", "OPS", "OWN")},
}
"""Table -> the file whose tests walk over it."""

OF_FILES = {
    "slots": "golden/test_training_old.py",
    "tf_keras": "golden/tf_keras",
    "tf_layers": "golden/tf_keras",
    "theano": "golden/test_files_old.py",
    "training_configs": "dialects/test_training_configs.py",
    "weight_layouts": "dialects/test_weight_layouts.py",
    "weights": "dialects/test_weights.py",
    "regularizers": "dialects/test_older_rules.py",
}
"""What old files say, not scripts: files of each generation are loaded and compared there."""

OTHERS = {
    "becoming": "dialects/test_drift_layers.py",
    "callbacks": "callbacks",
    "drifts": "dialects/test_drift.py",
    "image_calls": "preprocessing",
    "initializers": "dialects/test_drift_weights.py",
    "losses": "dialects/test_drift_losses.py",
    "modernize": "dialects/test_modernize.py",
    "older_metrics": "dialects/test_drift_losses.py",
    "optimizer_calls": "dialects/test_protocols.py",
    "optimizers": "dialects/test_drift_optimizers.py",
    "settling": "dialects/test_table.py",
    "texts": "preprocessing",
    "working": "training",
    "wrappers": "wrappers",
}
"""Files of dialects whose tables have tests of their own."""


def tables() -> dict[str, list[str]]:
    """File of the dialects -> the tables in it, by their names in capitals."""
    found = {}
    for path in sorted(DIALECTS.rglob("*.py")):
        names = []
        for node in ast.parse(path.read_text("utf-8")).body:
            one = node.targets[0] if isinstance(node, ast.Assign) else None
            one = node.target if isinstance(node, ast.AnnAssign) else one
            whole = not isinstance(getattr(node, "value", None), (ast.Attribute, ast.Constant))
            if isinstance(one, ast.Name) and one.id.isupper() and whole:
                names.append(one.id)
        found[".".join(path.relative_to(DIALECTS).with_suffix("").parts)] = names
    return found


NO_TABLES = {
    *("backend_tensors.LARGE", "deferred.LOADING", "facades.GRAPH", "patches.ABSENT"),
    *("paths.PREFIXES", "tf_flags.FLAGS", "backend_function.KNOWN_OPTIONS"),
    "io_utils.HDF5_OBJECT_HEADER_LIMIT",
}
"""Names in capitals that are one object."""


def test_every_table_is_walked():
    walked = set()
    for file, names in tables().items():
        top = file.split(".")[0]
        for name in names:
            full = f"{file}.{name}"
            if name == "PATCHES" or file in ROWS_OF or full in NO_TABLES:
                continue
            walked.add(full)
            where = WALKED.get(full) or OTHERS.get(top) or OF_FILES.get(top)
            assert where, f"no test is named for the table {full}"
            place = HERE / f"{where}.py" if full in WALKED else HERE.parent / where
            assert place.exists(), place
    assert set(WALKED) - NO_TABLES <= walked  # none is named that is gone
    for file in ROWS_OF:
        assert any("ROWS" in name for name in tables()[file])


@cache
def texts() -> str:
    places = ("dialects", "golden", "seeds", "callbacks", "preprocessing", "training", "contracts")
    found = [p for place in places for p in (HERE.parent / place).rglob("*.py")]
    return "\n".join(path.read_text("utf-8") for path in found if path.name != Path(__file__).name)


def test_every_old_attribute_is_used_in_a_test():
    """Attributes that old scripts found on layers, models and the rest, or set there."""
    known = [*spellings.patches.known, *spellings.late.known]
    names = {patch.name for patch in known if not _of_others(patch)}
    unused = {n for n in names if not re.search(rf"\b{re.escape(n)}\b", texts())}
    assert unused <= INNER


def _of_others(patch: Any) -> bool:
    """What callbacks and pictures did otherwise: `tests/callbacks` and `tests/preprocessing`."""
    owner = getattr(patch.owner, "__module__", None) or patch.owner.__name__
    told = getattr(patch.value, "__module__", "")
    return told == "cornu.dialects.callbacks" or str(owner).startswith("cornu.preprocessing")


INNER = {"_check_clips", "_made", "_record", "set_up"}
"""Methods of today that do more while old spellings are taken; no script calls them."""


# ---------------------------------------------------------------- paths and names of modules


def test_every_path_can_be_imported():
    """By each of the names that the package has had."""
    code = """
        import cornu.as_keras, importlib, sys
        from cornu.dialects import modules
        from cornu.dialects.paths import PATHS
        for path in PATHS:
            for root in ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras"):
                name = f"{root}.{path}" if path else root
                try:
                    found = importlib.import_module(name)
                except ModuleNotFoundError as error:
                    assert not modules.present(path), name
                    assert "is not part of" in str(error), error
                    continue
                assert modules.present(path), name
                same = importlib.import_module(f"keras.{path}" if path else "keras")
                assert found is same or sys.modules[name] is same, name
        print("all")
    """
    assert run(code) == "all\n"


def test_paths_are_those_of_modules_of_cornu():
    """A source that is not there belongs to a part that is still to come."""
    for path, sources in paths.PATHS.items():
        for source in sources.split():
            assert modules._exists(source) or not modules.present(path) or source in LATE, path


LATE = {"distillation", "quantizers", "export", "utils.bounding_boxes"}
"""Parts of Keras 3 that Cornu may get."""

RENAMED = {
    "KerasTensor": cornu.tensor.Tensor,  # pyright: ignore[reportAttributeAccessIssue]
    "_obtain_input_shape": None,  # in `test_applications`
    "time_distributed_softmax": cornu.activations.softmax,
    "Deconv3D": layers.Conv3DTranspose,
    "Deconvolution3D": layers.Conv3DTranspose,
    "UpSample1D": layers.UpSampling1D,
    "UpSample2D": layers.UpSampling2D,
    "SyncBatchNormalization": layers.BatchNormalization,
    "logcosh": losses.log_cosh,
    "BaseMeanIoU": metrics.MeanIoU,
    "Policy": policy.DTypePolicy,
    "global_policy": policy.dtype_policy,
    "set_global_policy": policy.set_dtype_policy,
    "set_policy": policy.set_dtype_policy,
    "optimizer_from_config": cornu.optimizers.deserialize,
    "plot": cornu.utils.plot_model,
    "to_graph": cornu.utils.model_to_dot,
    "get": None,  # of `keras.models`, in `test_old_utils`
}
"""Name in `paths.NAMES` that is called otherwise today -> what it is."""


@pytest.mark.parametrize("path", paths.NAMES)
def test_names_of_modules(path: str):
    for name, home in paths.NAMES[path].items():
        source, _, attribute = home.partition(":")
        if not modules._exists(source):
            assert not modules.present(path)
            continue
        with generations.within("3"):
            found = modules.value(path, name)
        today = attribute.rpartition(".")[2]
        if today != name:
            assert RENAMED[name] is None or found is RENAMED[name], name
        elif "." not in attribute:
            assert found is getattr(importlib.import_module(f"cornu.{source}"), name)
        else:
            assert callable(found) and name in paths.LOSSES


@pytest.mark.parametrize("path", paths.BEFORE_3)
def test_names_that_meant_something_else(path: str):
    """Before Keras 3 another object than today's, and from 3 on today's own."""
    for name in paths.BEFORE_3[path]:
        then = []
        for generation in generations.GENERATIONS[:-1]:
            with generations.within(generation):
                then.append(modules.value(path, name))
        with generations.within("3"):
            try:
                now = modules.value(path, name)
            except AttributeError:
                now = None  # it is gone today
        assert all(map(callable, then)) and any(one is not now for one in then), (path, name)


def test_versions():
    assert list(paths.VERSIONS) == list(generations.GENERATIONS)
    for generation, version in paths.VERSIONS.items():
        assert version.startswith(generation)


def test_short_names_of_classes():
    for name, full in old_classes.ALSO.items():
        short, long = modules.value("layers", name), modules.value("layers", full)
        assert short is long
    for kind in old_classes.KINDS:
        for name, cls in old_classes.named(kind).items():
            assert modules.value(kind, name) in (cls, cls.__wrapped__)
            assert issubclass(cls.__wrapped__, config_kind(kind))


def config_kind(kind: str) -> type:
    singular = {"constraints": "Constraint", "layers": "Layer", "regularizers": "Regularizer"}
    singular |= {"optimizers": "Optimizer", "initializers": "Initializer"}
    return getattr(importlib.import_module(f"cornu.{kind}"), singular[kind])


# ---------------------------------------------------------------- modes, and words of the backend

A = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]], "float32")
B = np.array([[2.0, 0.5, 1.0], [1.5, 1.0, -0.5]], "float32")
UNIT = [x / np.sqrt((x**2).sum(-1, keepdims=True)) for x in (A, B)]
MERGED = {
    "sum": A + B,
    "mul": A * B,
    "ave": (A + B) / 2,
    "max": np.maximum(A, B),
    "concat": np.concatenate([A, B], -1),
    "dot": (A * B).sum(-1, keepdims=True),
    "cos": (UNIT[0] * UNIT[1]).sum(-1, keepdims=True)[:, None],
}


@pytest.mark.parametrize("mode", merging.MERGES)
def test_modes_of_merging(mode: str):
    found = np.asarray(merging.merger(mode)([A, B]))
    np.testing.assert_allclose(found, MERGED[mode], rtol=1e-6)
    assert found.shape == MERGED[mode].shape


PICTURE = A[None, ..., None]
WIDE = {"height_factor": 2, "width_factor": 1, "data_format": "channels_last"}
PAIR = np.ones((1, 2, 1, 1), "float32")
DRAW = {"shape": (3,), "seed": 1}
LINE = np.ones((1, 3, 1), "float32")
WORDS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "X": (K.resize_images, {**WIDE, "X": PICTURE}, "x"),
    "border_mode": (
        K.pool2d,
        {"x": PICTURE, "pool_size": (2, 2), "border_mode": "same"},
        "padding",
    ),
    "dim": (K.expand_dims, {"x": A, "dim": 1}, "axis"),
    "dim_ordering": (
        K.spatial_2d_padding,
        {"x": A[None, None], "dim_ordering": "th"},
        "data_format",
    ),
    "filter_dilation": (
        K.conv2d,
        {"x": PICTURE, "kernel": PAIR, "filter_dilation": (1, 2)},
        "dilation_rate",
    ),
    "high": (K.random_uniform, {**DRAW, "high": 2.0}, "maxval"),
    "low": (K.random_uniform, {**DRAW, "low": -1.0}, "minval"),
    "nb_classes": (K.one_hot, {"indices": np.array([1]), "nb_classes": 3}, "num_classes"),
    "std": (K.random_normal, {**DRAW, "std": 2.0}, "stddev"),
    "stride": (K.conv1d, {"x": A[None], "kernel": LINE, "stride": 2}, "strides"),
    "variable": (
        K.moving_average_update,
        {"variable": K.variable(A), "value": B, "momentum": 0.5},
        "x",
    ),
    "xs": (K.batch_get_value, {"xs": [K.variable(A)]}, "ops"),
}
"""Old argument of a function of K -> the function, a call, and what the argument is today."""


@pytest.mark.parametrize("word", backend_record.SPELLINGS)
def test_words_of_the_backend(word: str):
    function, given, today = WORDS[word]
    now = {name: value for name, value in given.items() if name != word}
    now[today] = "channels_first" if word == "dim_ordering" else given[word]
    old, new = (_evaluated(function(**arguments)) for arguments in (given, now))
    np.testing.assert_array_equal(old, new)


def _evaluated(found: Any) -> Any:
    if isinstance(found, tuple):
        found = found[1]
    return K.eval(found) if hasattr(found, "node") or hasattr(found, "numpy") else np.asarray(found)


@pytest.mark.parametrize("word", sorted(backend_record.IGNORED))
def test_words_of_the_backend_that_said_nothing(word: str):
    x, kernel = A[None, ..., None], np.ones((1, 1, 1, 1), "float32")
    if word == "volume_shape":
        x, kernel = x[..., None], np.ones((1, 1, 1, 1, 1), "float32")
    function = K.conv3d if word == "volume_shape" else K.conv2d
    found = _evaluated(function(x, kernel, **{word: (1, 2, 3)}))
    np.testing.assert_array_equal(found, x)


def test_image_orders_and_answers():
    assert backend_state.ORDERINGS == {"th": "channels_first", "tf": "channels_last"}
    before = K.image_data_format()
    try:
        for old, new in backend_state.ORDERINGS.items():
            K.set_image_dim_ordering(old)
            assert (K.image_dim_ordering(), K.image_data_format()) == (old, new)
    finally:
        K.set_image_data_format(before)


def test_what_the_backend_is_called():
    """What the environment says, anew where a script reloads the module."""
    code = """
        import cornu.as_keras, os
        from importlib import reload
        from cornu.dialects.backend_state import OLD_ANSWERS
        from keras import backend as K
        assert K.backend() == "tensorflow"
        for name in OLD_ANSWERS:
            os.environ["KERAS_BACKEND"] = name
            reload(K)
            assert K.backend() == name
        print("all")
    """
    assert run(code) == "all\n"


@pytest.mark.parametrize("name", graph0.DTYPES)
def test_dtypes_of_a_graphs_input(name: str):
    graph = graph0.Graph()
    graph.add_input("x", (3,), dtype=name)
    assert graph._starts["x"].dtype == {"int": "int32", "float": "float32"}[name]


P, T = np.array([[0.25, 0.5, 1.5]]), np.array([[1.0, 0.5, 1.0]])
COSINE = -(P * T).sum() / np.sqrt((P**2).sum() * (T**2).sum())
CUT = np.clip(T, 1e-7, 1)
LOSSES = {
    **dict.fromkeys(("RMSE", "rmse", "root_mean_squared_error"), np.sqrt(((P - T) ** 2).mean())),
    **dict.fromkeys(("cosine", "cosine_proximity"), COSINE),
    "huber_loss": np.where(abs(P - T) <= 1, (P - T) ** 2 / 2, abs(P - T) - 0.5).mean(),
    "kullback_leibler_divergence": (CUT * np.log(CUT / np.clip(P, 1e-7, 1))).sum(),
    "logcosh": np.log(np.cosh(P - T)).mean(),
    "poisson_loss": (P - T * np.log(P + 1e-7)).mean(),
}


@pytest.mark.parametrize("name", older_losses.NAMES)
def test_names_of_losses(name: str):
    with generations.within("2.3"):
        found = losses.get(name)(T.astype("float32"), P.astype("float32"))
    assert float(np.asarray(found).ravel()[0]) == pytest.approx(LOSSES[name], rel=1e-5)


# ---------------------------------------------------------------- stand-ins

QUIET = (
    "disable_eager_execution disable_v2_behavior disable_v2_tensorshape disable_resource_variables "
    "disable_control_flow_v2 enable_eager_execution enable_resource_variables enable_v2_behavior "
    "reset_default_graph"
).split()
VARIABLES = (
    "global_variables_initializer initialize_all_variables local_variables_initializer "
    "tables_initializer variables_initializer"
).split()
CHECKED = (
    "__version__ ConfigProto GPUOptions Graph InteractiveSession RunOptions Session autograph "
    "config device distribute executing_eagerly get_default_graph get_default_session get_logger "
    "is_tensor logging name_scope newaxis random set_random_seed test variable_scope"
).split()
MODULES = (
    "tensorflow.app tensorflow.app.flags tensorflow.compat tensorflow.compat.v1 "
    "tensorflow.compat.v1.app tensorflow.compat.v1.app.flags tensorflow.compat.v1.flags "
    "tensorflow.compat.v1.linalg tensorflow.compat.v1.math tensorflow.compat.v1.nn "
    "tensorflow.compat.v2 tensorflow.flags tensorflow.linalg tensorflow.math tensorflow.nn "
    "tensorflow.python tensorflow.python.client tensorflow.python.client.device_lib theano "
    "theano.tensor theano.tensor.extra_ops theano.tensor.nnet"
).split()


def test_names_of_the_stand_in_are_these():
    assert set(SUBMODULES) == {"tensorflow", *MODULES}
    known = {*QUIET, *VARIABLES, *CHECKED, *facades.DTYPES}
    assert set(facades._tensorflow()) == known
    for name in facades.WITH_KERAS:
        assert name in SUBMODULES


@pytest.mark.parametrize("where", ["tensorflow", "tensorflow.compat.v1", "tensorflow.compat.v2"])
def test_what_sets_up_a_program(where: str):
    tf = facades.make(where)
    for name in QUIET:
        assert getattr(tf, name)() is None
    for name in VARIABLES:
        assert tf.Session().run(getattr(tf, name)()) is None
    for name in facades.DTYPES:
        assert getattr(tf, name) == name
    with tf.device("/gpu:0"), tf.name_scope("a"), tf.variable_scope("b"):
        pass
    options = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
    options.gpu_options.per_process_gpu_memory_fraction = 0.5
    assert options.gpu_options.allow_growth is True and tf.RunOptions().trace_level is not None
    with tf.Session(config=options) as one, tf.Graph().as_default() as graph, graph.device("/cpu"):
        assert float(one.run(K.variable(2.0))) == 2.0
        one.graph.finalize()
    tf.InteractiveSession().close()
    assert tf.get_default_session() is not None and tf.get_default_graph() is not None
    assert tf.executing_eagerly() is True and tf.newaxis is None
    assert tf.is_tensor(K.placeholder((1,))) and not tf.is_tensor(1)
    assert tf.autograph.set_verbosity(0) is None
    tf.logging.set_verbosity(tf.logging.ERROR)
    assert tf.get_logger().level == tf.logging.ERROR
    assert tf.test.is_gpu_available() is tf.test.is_built_with_cuda() is False
    assert tf.test.gpu_device_name() == ""


def test_seeds_of_the_stand_in():
    tf, drawn = facades.make("tensorflow"), []
    for seed in (tf.set_random_seed, tf.random.set_seed, tf.random.set_random_seed):
        seed(7)
        drawn.append(initializers.RandomNormal()((3,)))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])


def test_devices_and_memory():
    config = facades.make("tensorflow").config
    for where in (config, config.experimental):
        assert where.list_physical_devices("GPU") == where.list_logical_devices("GPU") == []
        cpu = where.list_physical_devices("CPU")[0]
        assert cpu.device_type == "CPU" and cpu in where.list_physical_devices()
        assert where.set_memory_growth(cpu, True) is None
        assert where.set_visible_devices([], "GPU") is None
        limit = where.VirtualDeviceConfiguration(memory_limit=1024)
        assert limit.memory_limit == 1024
        assert where.LogicalDeviceConfiguration(memory_limit=1).memory_limit == 1
        assert where.set_virtual_device_configuration(cpu, [limit]) is None
        assert where.set_logical_device_configuration(cpu, [limit]) is None
        assert where.run_functions_eagerly(True) is where.set_soft_device_placement(True) is None
    assert config.experimental_run_functions_eagerly(True) is None
    assert config.optimizer.set_jit(True) is None
    assert config.threading.set_inter_op_parallelism_threads(1) is None
    assert config.threading.set_intra_op_parallelism_threads(1) is None


def test_strategies_share_nothing():
    distribute = facades.make("tensorflow").distribute
    for make in (
        distribute.MirroredStrategy,
        distribute.OneDeviceStrategy,
        distribute.get_strategy,
    ):
        with pytest.warns(UserWarning, match="all is computed on one device"), make().scope():
            pass


@pytest.mark.parametrize("name", MODULES)
def test_modules_of_stand_ins_are_made(name: str):
    made = facades.make(name)
    assert made.__name__ == name
    with pytest.raises(AttributeError, match=f"{re.escape(name)}.nothing_such is not here"):
        _ = made.nothing_such
    for own in SUBMODULES[name]():
        assert getattr(made, own) is not None or own == "newaxis"


def test_versions_of_stand_ins():
    for generation, version in (("1.2", "1.15.5"), ("2.3", "2.15.0")):
        with generations.within(generation):
            assert facades.make("tensorflow").__version__ == version
    assert facades.make("theano").config.floatX == "float32"
