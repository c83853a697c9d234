"""`cornu run script.py`, each in a Python of its own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """Writes a script into a folder of its own, and runs it from the folder above."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "beside.py").write_text("here = True\n")

    def run(text, *arguments, options=(), **environment):
        (tmp_path / "scripts" / "old.py").write_text(textwrap.dedent(text))
        kept = {name: value for name, value in os.environ.items() if name != "CORNU_GENERATION"}
        return subprocess.run(
            [
                *(sys.executable, "-W", "error", "-m", "cornu", "run", *options),
                *(str(Path("scripts", "old.py")), *arguments),
            ],
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


AS_PYTHON = """
    # coding: utf-8
    import os, pickle, sys, inspect
    import beside
    import keras
    from keras.layers import Dense

    class Mine:
        def method(self):
            return 1

    assert beside.here and __name__ == "__main__" and __spec__ is None
    assert __file__ == os.path.join("scripts", "old.py") == sys.argv[0]
    assert sys.argv[1:] == ["--epochs", "3", "--generation", "x"]
    assert sys.path[0] == os.path.abspath("scripts")
    assert sys.modules["__main__"].Mine is Mine
    assert isinstance(pickle.loads(pickle.dumps(Mine())), Mine)
    assert "return 1" in inspect.getsource(Mine)
    print(keras.__version__, Dense(2).units)
    sys.exit(7)
"""


def test_a_script_runs_as_with_python(run):
    done = run(AS_PYTHON, "--epochs", "3", "--generation", "x", options=["--generation", "1.2"])
    assert done.stdout == "1.2.2 2\n", done.stderr
    assert (done.returncode, done.stderr) == (7, "")


def test_the_end_of_a_script_is_no_error(run):
    done = run("import keras\nprint(keras.__version__)\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2.3.1\n", "")


FAILS = """
    def inner():
        raise OSError("no such thing")

    inner()
"""


def test_an_exception_shows_the_scripts_lines_alone(run):
    done = run(FAILS)
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    script = os.path.join("scripts", "old.py")
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if line.startswith("  File")] == [
        f'  File "{script}", line 5, in <module>',
        f'  File "{script}", line 3, in inner',
    ]
    assert lines[-1] == "OSError: no such thing"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("from keras.layers import Dense\n\nDense(-3)\n", 3, "units must be >= 1; got -3"),
        ("x = 1\nfrom keras.layers import Dens\n", 2, 'Did you mean "Dense"?'),
        ("x = 1\nprint 3\n", 2, "SyntaxError: Missing parentheses"),
    ],
)
def test_a_wrong_call_shows_where_it_stands(run, text, line, said):
    done = run(text)
    files = [row for row in done.stderr.splitlines() if row.startswith("  File")]
    assert done.returncode == 1 and len(files) == 1 and f'old.py", line {line}' in files[0]
    assert said in done.stderr.splitlines()[-1]


MISSPELT = """
    from keras.models import Sequential
    from keras.layers import Dense
    model = Sequential([Dense(2, input_dim=3)])
    {call}
"""


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("model.evalute", 'Did you mean "evaluate"? Call it as .evaluate(x=None, y=None, '),
        ("model.layers[0].kernal", 'Did you mean "kernel"?'),
        ("Sequential.sumary", 'Did you mean "summary"? Call it as .summary(line_length=None, '),
    ],
)
def test_a_misspelt_attribute_gives_the_nearest_and_its_call(run, call, said):
    done = run(MISSPELT.format(call=call))
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]


def test_attributes_of_others_are_left_to_python(run):
    done = run("import os\n[].apend(1)\n")
    assert "Call it as" not in done.stderr


def test_ctrl_c_and_a_hook_of_the_scripts_own(run):
    done = run("raise KeyboardInterrupt\n")
    assert done.returncode == 130 and done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    hook = "import sys\nsys.excepthook = lambda kind, error, trace: print('mine', error)\n"
    done = run(hook + "raise ValueError('this')\n")
    assert (done.returncode, done.stdout, done.stderr) == (1, "mine this\n", "")


def test_what_cannot_run_is_said(run, tmp_path):
    done = run("", options=["--generation", "9"])
    assert done.returncode == 1 and "the generation must be one of 0.3" in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "cornu", "run", "none.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.startswith("cornu run: ")
    assert "none.py" in done.stderr
