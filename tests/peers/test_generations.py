"""Scripts of `examples/generations` under the Keras they are written for, where it can be had.

Those of Keras 3 run with Keras, those of Keras 2.2 with tf_keras in graph mode, but for names that
tf_keras has dropped or changed since.
"""

import json
import subprocess
import sys

import pytest

from examples.checks import FOLDER, TASKS, wrong

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(900)]

RUN = """
import contextlib, io, json, sys, traceback
found = {}
for path in sys.argv[1:]:
    said, status, told = io.StringIO(), 0, ""
    code = open(path).read()
    for old, new in RENAMED.items():
        code = code.replace(old, new)
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(code, path, "exec"), {"__name__": "__main__"})
        except Exception:
            status, told = 1, traceback.format_exc()
    found[path] = status, said.getvalue(), told, []
print(json.dumps(found))
"""
KERAS_3 = "RENAMED = {}\n"
TF_KERAS = """
import importlib, os, sys, types
os.environ["TF_USE_LEGACY_KERAS"] = "1"
import tensorflow as tf, tf_keras
tf.compat.v1.disable_eager_execution()
sys.modules["keras"] = tf_keras
for name in "backend callbacks initializers layers losses models regularizers utils".split():
    sys.modules["keras." + name] = importlib.import_module("tf_keras." + name)
old = sys.modules["keras.optimizers"] = types.ModuleType("keras.optimizers")
for name in ("Adam", "RMSprop", "SGD"):
    setattr(old, name, getattr(tf_keras.optimizers.legacy, name))
engine = sys.modules["keras.engine"] = types.ModuleType("keras.engine")
engine.Layer, engine.InputSpec = tf_keras.layers.Layer, tf_keras.layers.InputSpec
RENAMED = {"val_acc\\"": "val_accuracy\\"", "predict_classes(x_test)": "predict(x_test).argmax(-1)"}
"""
FORGETS = "stateful_lstm"
"""On JAX, Keras 3.15.1 begins each batch that is predicted anew."""


@pytest.mark.parametrize(
    ("package", "generation", "head"),
    [("keras", "keras3", KERAS_3), ("tf_keras", "keras2", TF_KERAS)],
)
def test_scripts_are_code_of_their_generation(package, generation, head, tmp_path):
    pytest.importorskip(package)
    tasks = [task for task in TASKS if (generation, task) != ("keras3", FORGETS)]
    paths = [str(FOLDER / generation / f"{task}.py") for task in tasks]
    done = subprocess.run(
        [sys.executable, "-c", head + RUN, *paths], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    seen = [wrong(generation, task, *found[path]) for task, path in zip(tasks, paths, strict=True)]
    assert [line for lines in seen for line in lines] == []
