"""Every public name of Keras 0.1 to 2.3 is found where it was, or is an error with the reason.

`public_names.txt` was computed from the sources of the releases from 0.1.0 to 2.3.1; the reasons
are `absent.REASONS`.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import cornu
from cornu import layers, losses, models, optimizers
from cornu.dialects import interfaces, modules, np_utils, spellings
from cornu.dialects.absent import REASONS
from cornu.dialects.paths import NAMES, OPEN, PATHS

HERE = Path(__file__).parent


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


@cache
def missing_names() -> dict[str, set[str]]:
    """Path -> the public names that cannot be imported, or "*" for the path itself."""
    missing = {}
    for path, names in public_names():
        assert modules.canonical(path) == path
        gone = {name for name in names if not is_there(path, name)}
        if not modules.present(path):
            gone |= {"*"}
        if gone:
            missing[path] = gone
    return missing


def test_every_public_name_is_there_or_has_a_reason():
    """And no reason stands longer than it is true."""
    said: dict[str, set[str]] = {}
    for paths in REASONS.values():
        for path, names in paths.items():
            said.setdefault(path, set()).update(names.split())
    assert missing_names() == said


def test_a_name_that_is_not_there_is_an_error_with_its_reason():
    """The reason is in the message, wherever an import looks for the name."""
    for text, paths in REASONS.items():
        for path, names in paths.items():
            for name in names.split():
                if name == "*":
                    assert text in modules.missing_path(path)
                elif modules.present(path):
                    with pytest.raises(AttributeError) as caught:
                        modules.value(path, name)
                    assert text in str(caught.value)
    with pytest.raises(AttributeError, match="use RNN with a cell of yours"):
        modules.value("layers", "JZS1")


def test_layers_are_found_where_star_imports_look():
    """The classes of every module of layers are in `keras.layers` too."""
    reasons = {n for paths in REASONS.values() for names in paths.values() for n in names.split()}
    for path, names in public_names():
        top = path.split(".")[0]
        if top == "layers" and path not in ("layers.ntm", "layers.containers"):
            for name in names:
                if name[0].isupper() and name not in reasons:
                    assert is_there("layers", name), name


def test_the_list_of_names_is_whole():
    known = dict(public_names())
    assert len(known) == 102
    assert sum(map(len, known.values())) == 730
    assert "Dense" in known["layers.core"] and "np_utils" not in known["utils"]
    assert "JZS1" in known["layers.recurrent"]  # of 0.1.2


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
        ("utils.np_utils", "to_categorical", np_utils.to_categorical),
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
        ("layers", "LRN2D", "use a Lambda"),
        ("callbacks", "EarlyStoping", '"EarlyStopping"'),
    ],
)
def test_a_wrong_name_gives_the_nearest_or_the_reason(path, name, said):
    with pytest.raises(AttributeError) as caught:
        modules.value(path, name)
    assert said in str(caught.value)


def test_a_path_that_is_not_there_says_so():
    said = modules.missing_path("layers.ntm")
    assert said.startswith("keras.layers.ntm is not part of") and "use RNN with a cell" in said
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
