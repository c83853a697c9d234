"""`cornu modernize`: what it prints where, what it writes, and how it fails."""

import subprocess
import sys
import textwrap

import pytest

from cornu import cli

OLD = """\
from keras.layers.core import Dense  # layers

layer = Dense(output_dim=3, init='uniform')
"""
NEW = """\
from keras.layers import Dense  # layers

layer = Dense(units=3, kernel_initializer='uniform')
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "old.py"
    path.write_text(OLD)
    return path


def test_the_script_on_stdout_and_the_reasons_on_stderr(script, capsys):
    assert cli.main(["modernize", str(script)]) == 0
    shown = capsys.readouterr()
    assert shown.out == NEW and script.read_text() == OLD
    first, second = shown.err.splitlines()
    assert first.startswith(f"{script}:1: from keras.layers.core import Dense is ")
    assert second == (
        f"{script}:3: Dense(output_dim=3, init='uniform') is Dense(units=3, "
        "kernel_initializer='uniform') today: output_dim is units; init is kernel_initializer"
    )


def test_a_difference(script, capsys):
    assert cli.main(["modernize", "--diff", str(script)]) == 0
    lines = capsys.readouterr().out.splitlines()
    changed = [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
    pairs = list(zip(OLD.splitlines(), NEW.splitlines(), strict=True))
    assert sorted(changed) == sorted(
        text for a, b in pairs if a != b for text in (f"-{a}", f"+{b}")
    )
    script.write_text(NEW)
    cli.main(["modernize", "--diff", str(script)])
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_writing(script, capsys):
    assert cli.main(["modernize", "--write", str(script)]) == 0
    shown = capsys.readouterr()
    assert script.read_text() == NEW and shown.out == "" and shown.err
    assert [path.name for path in script.parent.iterdir()] == ["old.py"]
    script.chmod(0o444)
    assert cli.main(["modernize", "--write", str(script)]) == 0, "there is nothing to write"


def test_line_ends_and_bytes_of_windows_stay(tmp_path, capsys):
    path = tmp_path / "old.py"
    path.write_bytes(OLD.replace("layers\n", "Schöne layers\n").replace("\n", "\r\n").encode())
    assert cli.main(["modernize", "--write", str(path)]) == 0
    wanted = NEW.replace("layers\n", "Schöne layers\n").replace("\n", "\r\n")
    assert path.read_bytes() == wanted.encode()


def test_the_generation_decides(script, capsys):
    script.write_text("from keras.layers import GRU\nlayer = GRU(3, recurrent_activation='tanh')\n")
    for generation, said in (("2.3", ", reset_after=False"), ("3", "")):
        cli.main(["modernize", "--generation", generation, str(script)])
        assert f"'tanh'{said})" in capsys.readouterr().out
    assert cli.main(["modernize", "--generation", "2.1", str(script)]) == 1
    assert "one of 0.3, 1.0, 1.2, 2.0, 2.2, 2.3, 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x = 1\nprint 'loss', x\n", "line 2: Missing parentheses in call to 'print'"),
        (b"def f(:\n", "line 1: "),
        (b"x = '\xff'\n", "unicode error"),
        (b"x = 1\0", "null bytes"),
    ],
)
def test_what_is_no_python_3_is_said_in_one_line(data, said, script, capsys):
    script.write_bytes(data)
    assert cli.main(["modernize", "--write", str(script)]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("cornu modernize: ") and said in shown.err
    assert "[E-SCRIPT]" in shown.err and script.read_bytes() == data


def test_a_script_that_is_not_there(tmp_path, capsys):
    assert cli.main(["modernize", str(tmp_path / "none.py")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_nothing_of_the_script_is_run(script, capsys):
    script.write_text("import keras\nraise SystemExit('ran')\n")
    assert cli.main(["modernize", str(script)]) == 0
    assert capsys.readouterr().err == ""


WITHOUT = """
    import sys
    sys.modules["libcst"] = None
    from cornu import cli
    assert "libcst" not in sys.modules or sys.modules["libcst"] is None
    sys.exit(cli.main(["modernize", sys.argv[1]]))
"""


def test_without_libcst_the_extra_is_named(script):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(WITHOUT), str(script)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.strip() == (
        "cornu modernize: Rewriting scripts needs the package libcst: "
        "pip install 'cornu[modernize]'."
    )


def test_both_ways_of_output_at_once_are_refused(script, capsys):
    with pytest.raises(SystemExit):
        cli.main(["modernize", "--write", "--diff", str(script)])
    assert "not allowed with" in capsys.readouterr().err
