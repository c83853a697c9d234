"""The command line: its verbs, what `info` says, and how it ends."""

import subprocess
import sys

import pytest

import cornu
from cornu import cli, engine


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "cornu", *arguments],
        capture_output=True,
        text=True,
    )


def test_info_tells_versions_engine_and_settings(capsys):
    assert cli.main(["info"]) == 0
    shown = capsys.readouterr().out
    rows = dict(line.split(None, 1) for line in shown.splitlines() if line.startswith("  "))
    assert rows["cornu"].strip() == cornu.__version__
    assert rows["jax"].strip() == engine.versions()["jax"]
    assert rows["floatx"].strip() == "float32" and rows["engine"].strip() == "jax"
    for title in ("Versions", "Engine", "Settings"):
        assert title in shown.splitlines()
    said = [line.split()[2].rstrip(":") for line in shown.splitlines() if "  native" in line]
    assert len(said) == 3 and set(said) <= {"oneDNN", "in", "none"}


def test_info_names_the_files_that_were_read(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("CORNU_HOME", str(tmp_path / "none"))
    cli.main(["info"])
    assert "no file (defaults and environment)" in capsys.readouterr().out
    (tmp_path / "keras.json").write_text("{}")
    cli.main(["info"])
    assert str(tmp_path / "keras.json") in capsys.readouterr().out


def test_a_package_that_is_missing_does_no_harm():
    assert cli._version("a-package-that-is-not-there") == "not installed"


def test_no_cache_and_an_empty_one(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "cache_folder", lambda: None)
    assert cli._cache() == "not kept on disk"
    monkeypatch.setattr(engine, "cache_folder", lambda: str(tmp_path / "later"))
    assert "0 files" in cli._cache()
    (tmp_path / "one").write_bytes(b"x" * 1_500_000)
    monkeypatch.setattr(engine, "cache_folder", lambda: str(tmp_path))
    assert cli._cache() == f"{tmp_path} (1 files, 1.5 MB)"


def test_without_a_verb_the_help_is_shown(capsys):
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    assert "usage: cornu" in shown
    for verb in cli.VERBS:
        assert verb.name in shown and verb.about in shown


def test_an_unknown_verb_and_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["infoo"])
    assert ended.value.code == 2 and "infoo" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"cornu {cornu.__version__}"


@pytest.mark.parametrize("verb", [v.name for v in cli.VERBS])
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code == 0 and f"cornu {verb}" in capsys.readouterr().out


def test_as_a_module():
    done = run("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"cornu {cornu.__version__}")
    assert run().returncode == 2


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -W error -m cornu info"
    script = f"{command} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "0" and "Traceback" not in done.stderr
