"""`import cornu.as_keras`, each time in a Python of its own: it changes what `import` finds."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STANDS_IN = pytest.mark.skipif(
    any(importlib.util.find_spec(name) for name in ("tensorflow", "theano")),
    reason="nothing stands in for a library that is installed",
)


def python(*arguments, folder, **environment):
    """Run Python with warnings as errors, with `folder` in front of what it can import."""
    kept = {
        name: v for name, v in os.environ.items() if not name.startswith(("CORNU_G", "KERAS_B"))
    }
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={**kept, "PYTHONPATH": path, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
    )


def passes(code, folder, **environment):
    done = python("-c", textwrap.dedent(code), folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def package(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


NAMES = """
    import pickle, sys
    import cornu.as_keras
    import keras
    assert not {"numpy", "jax", "cornu.layers"} & sys.modules.keys()
    assert keras.__version__ == "2.3.1"

    from keras.layers import Dense
    import cornu
    assert Dense is cornu.layers.Dense
    assert "jax" not in sys.modules or cornu.engine

    import keras.layers.core, tf_keras.layers
    import tensorflow.keras.layers as tf_layers
    from tensorflow.python.keras.layers.core import Dense as private
    from tensorflow.keras.layers.experimental.preprocessing import Rescaling
    from keras.src.layers.core.dense import Dense as source
    from keras.legacy.layers import Dense as legacy
    assert keras.layers is tf_keras.layers is tf_layers
    assert keras.layers.core.Dense is private is source is legacy is Dense
    assert Rescaling is cornu.layers.Rescaling
    assert sys.modules["tensorflow.keras"] is sys.modules["keras"] is sys.modules["tf_keras"]
    assert pickle.loads(pickle.dumps(keras.layers.Dense)) is Dense

    from keras import backend as K
    from keras.backend import tensorflow_backend as KTF
    assert K.backend() == "tensorflow" and K._FLOATX == "float32" and K._EPSILON == 1e-7
    K.set_floatx("float64")
    assert K._FLOATX == KTF._FLOATX == "float64"
    K.set_floatx("float32")
    assert K.concatenate is KTF.concatenate is cornu.backend.concatenate

    import importlib, os
    os.environ["KERAS_BACKEND"] = "theano"
    importlib.reload(K)
    assert K.backend() == "theano" and K is keras.backend

    assert "Dense" in dir(keras.layers) and "core" in dir(keras.layers)
    assert hasattr(keras.layers, "LSTM") and not hasattr(keras.layers, "LSTN")
    assert not hasattr(keras, "__file__") and repr(keras) == "<module 'keras' (cornu)>"
    keras.layers.Dense = int  # a script may put its own there
    assert keras.layers.Dense is int and cornu.layers.Dense is Dense
"""

STARS = """
    import cornu.as_keras
    from keras import *
    assert layers.Dense and models.Sequential and Model and backend
    from numpy import dot, add
    before = dot, add
    from keras.layers.core import *
    from keras.layers.convolutional import *
    from keras.layers.recurrent import *
    from keras.layers.normalization import *
    assert (dot, add) == before
    from keras.layers import *
    from keras.models import *
    from keras.optimizers import *
    from keras.objectives import *
    from keras.regularizers import *
    from keras.utils import *
    from keras.backend import *
    import cornu
    assert Dense is cornu.layers.Dense and Conv2D is cornu.layers.Conv2D
    assert Convolution2D is Conv2D and LSTM is cornu.layers.LSTM
    assert Sequential is cornu.models.Sequential and SGD is cornu.optimizers.SGD
    assert mean_squared_error is cornu.losses.mean_squared_error
    assert isinstance(l2(0.1), cornu.regularizers.L2)
    assert np_utils.to_categorical is to_categorical
    assert concatenate is cornu.backend.concatenate
    assert callable(merge) and isinstance(adam, object)
"""

WRONG = """
    import cornu.as_keras
    import importlib, keras, keras.layers.merge

    def refused(code):
        try:
            exec(code, {"keras": keras})
        except (ImportError, AttributeError) as error:
            return type(error).__name__ + ": " + str(error)
        raise AssertionError(code)

    def says(code, *words):
        found = refused(code)
        assert all(word in found for word in words), found

    says("from keras.layers import Dens", "ModuleNotFoundError", '"Dense"')
    says("from keras.layers.core import Desne", '"Dense"')
    says("keras.layers.Dens", "AttributeError", '"Dense"')
    says("import keras.laiers", '"layers"')
    says("import keras.layers.coer", '"core"')
    says("from tensorflow.keras.models import Sequentiall", '"Sequential"')
    says("from keras.layers.ntm import floatX", "not part of this version of Cornu", "use RNN")
    says("from keras.callbacks import TensorBord", "in this version of Cornu")
    says("from keras.layers import ConvRecurrent2D", "use RNN with a cell of yours")
    says("from keras import backend as K; K.theano", "no Theano computes here")
    says("import keras.utils.generic_utils as g; g.func_load", "never read from files")
"""


@STANDS_IN
def test_names_and_modules(tmp_path):
    passes(NAMES, tmp_path)


def test_stars(tmp_path):
    passes(STARS, tmp_path)


def test_wrong_names(tmp_path):
    passes(WRONG, tmp_path)


# ---------------------------------------------------------------- programs

OLD_PROGRAM = """
    import cornu.as_keras
    import warnings
    warnings.simplefilter("ignore")  # each old spelling is told of once
    import numpy as np
    from keras import backend as K
    from keras.layers import Activation, Dense, TimeDistributedDense, CuDNNLSTM, merge, Input
    from keras.layers.merge import concatenate
    from keras.models import Sequential
    from keras.optimizers import adam

    x = K.placeholder(shape=(3,))
    y = Activation("sigmoid")(x)
    found = K.function([x], [y])([np.array([1.0, 2.0, 3.0])])[0]
    np.testing.assert_allclose(found, [0.7310586, 0.880797, 0.9525741], rtol=1e-6)

    model = Sequential()
    model.add(Dense(4, init="one", input_dim=3, activation="linear"))
    model.compile(loss="mse", optimizer=adam(0.01))
    np.testing.assert_allclose(model.predict(np.ones((2, 3))), np.full((2, 4), 3.0))
    assert isinstance(model.optimizer, adam) and issubclass(type(model.optimizer), adam)

    class Mine(TimeDistributedDense):
        pass

    layer = Mine(2)
    assert isinstance(layer, Dense) and isinstance(layer, TimeDistributedDense)
    assert CuDNNLSTM.__name__ == "CuDNNLSTM" and CuDNNLSTM(3).units == 3
    a, b = Input((2,)), Input((3,))
    assert tuple(merge([a, b], mode="concat").shape) == (None, 5)
    assert tuple(concatenate([a, b]).shape) == (None, 5)
    import keras.layers
    assert keras.layers.merge.concatenate is concatenate  # a function and a module at once
"""

FACADES = """
    import cornu.as_keras
    import tensorflow as tf
    import tensorflow.compat.v1 as tf1
    from tensorflow import keras as k
    import keras, theano, cornu, logging
    assert tf.keras is tf1.keras is k is keras
    assert tf.keras.layers.Dense is cornu.layers.Dense
    assert tf.__version__.split(".")[0] == "2" and tf.float32 == "float32"

    tf.compat.v1.disable_eager_execution()
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    assert logging.getLogger("tensorflow").level == logging.ERROR
    config = tf.ConfigProto(log_device_placement=True, gpu_options=tf.GPUOptions(x=1))
    config.gpu_options.allow_growth = True
    assert config.log_device_placement and config.gpu_options.x == 1
    from keras import backend as K
    K.set_session(tf.Session(config=config))
    with tf.Session() as session, tf.get_default_graph().as_default(), tf.device("/gpu:0"):
        assert session.run(tf.global_variables_initializer()) is None
        v = K.variable([1.0, 2.0])
        assert session.run(v).tolist() == [1.0, 2.0]
        x = K.placeholder((2,))
        assert session.run(x * 2, feed_dict={x: [1.0, 2.0]}).tolist() == [2.0, 4.0]
    assert tf.is_tensor(x) and not tf.is_tensor(3)
    import warnings
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        strategy = tf.distribute.MirroredStrategy()
    assert "on one device" in str(told[0].message) and strategy.num_replicas_in_sync == 1
    with strategy.scope():
        pass
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    assert tf.config.list_physical_devices("CPU")[0].name == "/physical_device:CPU:0"

    def draw():
        return cornu.initializers.RandomNormal()((3,)).tolist()

    tf.random.set_seed(3)
    first = draw()
    tf.compat.v1.set_random_seed(3)
    assert draw() == first != draw()
    theano.config.openmp = True
    assert theano.config.floatX == "float32" and theano.config.openmp

    def refused(code):
        try:
            exec(code, {"tf": tf})
        except (ImportError, AttributeError) as error:
            return str(error)
        raise AssertionError(code)

    from tensorflow import matmul, nn
    import theano.tensor as T
    import tensorflow.compat.v1 as v1
    assert float(matmul([[2.0]], [[3.0]])[0, 0]) == 6.0 == float(T.sqr(2.0)) + 2
    assert v1.nn.relu(-1.0) == 0.0 == tf.nn.relu(-2.0) == tf.math.abs(0.0)
    assert "Compute with keras.backend (K) or cornu.ops" in refused("tf.raw_ops")
    assert "Use K.gradients(loss, variables)" in refused("tf.GradientTape")
    assert "tensorflow.contrib is not here" in refused("import tensorflow.contrib")
    assert "tensorflow.contrib is not here" in refused("from tensorflow import contrib")
    assert "theano.sandbox is not here" in refused("import theano.sandbox")
"""


def test_an_old_program(tmp_path):
    passes(OLD_PROGRAM, tmp_path)


@STANDS_IN
def test_what_stands_for_tensorflow_and_theano(tmp_path):
    passes(FACADES, tmp_path)


REAL = {
    "tensorflow/__init__.py": """
        print("TensorFlow loads")
        import tensorflow.python.framework
        __version__ = "9.9"
        keras = "its own"
        compat = "real"
    """,
    "tensorflow/python/__init__.py": "",
    "tensorflow/python/framework.py": "loads = True",
    "tensorflow/keras/__init__.py": "raise AssertionError('the real one')",
}

BESIDE = """
    import cornu.as_keras
    from tensorflow.keras.layers import Dense
    import tensorflow as tf
    import keras, cornu, sys
    assert Dense is cornu.layers.Dense and tf.keras is keras
    assert not hasattr(tf, "__wrapped__")
    assert "tensorflow.python" not in sys.modules
    print("not before")
    assert tf.__version__ == "9.9" and tf.keras is keras and tf.compat == "real"
    from tensorflow.python.framework import loads
    try:
        from tensorflow.python.keras.layers import Dense
    except ImportError as error:
        assert "keeps for itself" in str(error)
    else:
        raise AssertionError("TensorFlow's own")
"""

SUBMODULE_FIRST = """
    import cornu.as_keras
    import tensorflow.python.framework
    import keras
    assert tensorflow.python.framework.loads and tensorflow.keras is keras
"""

LOADED_BEFORE = """
    import tensorflow as tf
    import cornu.as_keras
    import keras
    assert tf.keras is keras
"""


def test_a_real_tensorflow_is_loaded_late_and_has_our_keras(tmp_path):
    package(tmp_path, REAL)
    assert passes(BESIDE, tmp_path) == "not before\nTensorFlow loads\n"
    assert passes(SUBMODULE_FIRST, tmp_path) == "TensorFlow loads\n"
    assert passes(LOADED_BEFORE, tmp_path) == "TensorFlow loads\n"


def test_a_real_keras_gives_way_unless_it_came_first(tmp_path):
    package(tmp_path, {"keras/__init__.py": "real = True"})
    passes("import cornu.as_keras, keras; assert not hasattr(keras, 'real')", tmp_path)
    done = python("-c", "import keras, cornu.as_keras", folder=tmp_path)
    assert done.returncode == 1
    assert "ImportError: keras is imported already" in done.stderr
    assert "Put `import cornu.as_keras` before" in done.stderr


# ---------------------------------------------------------------- generations and pytest


def test_the_generation_is_the_environments(tmp_path):
    code = """
        import cornu.as_keras, keras
        from cornu.dialects import generations
        print(generations.current(), keras.__version__, keras.backend.backend())
    """
    said = passes(code, tmp_path, CORNU_GENERATION="1.2", KERAS_BACKEND="theano")
    assert said == "1.2 1.2.2 theano\n"
    done = python("-c", "import cornu.as_keras", folder=tmp_path, CORNU_GENERATION="1.9")
    assert done.returncode == 1 and "the generation must be one of" in done.stderr


def test_pytest_takes_it_as_a_plugin(tmp_path):
    text = "import keras\ndef test_one():\n    assert keras.__version__ == '2.3.1'\n"
    (tmp_path / "test_old.py").write_text(text)
    command = "-m pytest -q -p cornu.as_keras test_old.py".split()
    done = python(*command, folder=tmp_path, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_importing_it_loads_little(tmp_path):
    code = """
        import sys
        before = set(sys.modules)
        import cornu.as_keras
        new = {name for name in set(sys.modules) - before if name.startswith("cornu")}
        print(*sorted(new))
    """
    assert passes(code, tmp_path).split() == [
        "cornu",
        "cornu.as_keras",
        "cornu.dialects",
        "cornu.dialects.absent",
        "cornu.dialects.deferred",
        "cornu.dialects.facades",
        "cornu.dialects.generations",
        "cornu.dialects.modules",
        "cornu.dialects.paths",
        "cornu.errors",
        "cornu.loading",
    ]


def test_without_it_import_is_as_it_was(tmp_path):
    code = """
        import cornu, sys
        from cornu import cli, layers
        assert not [f for f in sys.meta_path if type(f).__module__.startswith("cornu")]
    """
    passes(code, tmp_path)
