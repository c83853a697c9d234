"""Settings: where they come from, which wins, and that nothing in a file can stop Cornu."""

import json
import subprocess
import sys
import warnings

import pytest

from cornu import settings

VARIABLES = (
    "KERAS_BACKEND CORNU_ENGINE CORNU_FLOATX KERAS_MAX_EPOCHS KERAS_MAX_STEPS_PER_EPOCH "
    "CORNU_CACHE_DIR XDG_CACHE_HOME"
).split()


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """Empty homes, no environment, and settings that have not been read."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    found = {"keras": tmp_path / "keras", "cornu": tmp_path / "cornu"}
    for name, folder in found.items():
        folder.mkdir()
        monkeypatch.setenv(f"{name.upper()}_HOME", str(folder))
    monkeypatch.setattr(settings, "_loaded", [])
    return found


def write(homes, name, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (homes[name] / f"{name}.json").write_text(text, encoding="utf-8")


def test_defaults_without_any_file(homes):
    found = settings.current()
    assert (found.floatx, found.epsilon, found.image_data_format) == (
        "float32",
        1e-7,
        "channels_last",
    )
    assert (found.engine, found.backend, found.max_epochs) == ("jax", "jax", None)


def test_a_keras_file_is_read(homes):
    write(
        homes,
        "keras",
        {
            "floatx": "float64",
            "epsilon": 1e-5,
            "image_data_format": "channels_first",
            "backend": "tensorflow",
        },
    )
    found = settings.current()
    assert (found.floatx, found.epsilon) == ("float64", 1e-5)
    assert (found.image_data_format, found.backend) == ("channels_first", "tensorflow")
    assert found.engine == "jax"


def test_later_sources_win(homes, monkeypatch):
    write(homes, "keras", {"floatx": "float64", "epsilon": 1e-5, "backend": "theano"})
    write(homes, "cornu", {"floatx": "bfloat16", "epsilon": 1e-6})
    monkeypatch.setenv("CORNU_FLOATX", "float16")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    found = settings.current()
    assert (found.floatx, found.epsilon, found.backend) == ("float16", 1e-6, "torch")
    assert found.engine == "jax"


@pytest.mark.parametrize(("old", "now"), [("th", "channels_first"), ("tf", "channels_last")])
def test_the_first_spelling_of_image_data_format(homes, old, now):
    write(homes, "keras", {"image_dim_ordering": old})
    assert settings.image_data_format() == now


def test_the_later_spelling_wins_over_the_first(homes):
    content = {"image_dim_ordering": "th", "image_data_format": "channels_last"}
    write(homes, "keras", content)
    assert settings.image_data_format() == "channels_last"


def test_malformed_json_is_named_with_line_and_column(homes):
    write(homes, "keras", '{\n  "floatx": "float64",\n  "epsilon" 1e-7\n}')
    write(homes, "cornu", {"epsilon": 1e-4})
    with pytest.warns(UserWarning, match=r"keras\.json, line 3, column 13") as caught:
        found = settings.current()
    assert len(caught) == 1 and "not used" in str(caught[0].message)
    assert (found.floatx, found.epsilon) == ("float32", 1e-4)


@pytest.mark.parametrize("content", ["[1, 2]", '"text"', "3", "null"])
def test_a_file_that_holds_no_object_is_left_out(homes, content):
    write(homes, "keras", content)
    with pytest.warns(UserWarning, match="must hold an object"):
        assert settings.current() == settings.Settings()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"{" * 5])
def test_bytes_that_are_no_json_are_left_out(homes, content):
    (homes["keras"] / "keras.json").write_bytes(content)
    with pytest.warns(UserWarning, match=r"keras\.json"):
        assert settings.current() == settings.Settings()


def test_a_mark_in_front_as_windows_editors_write_it_does_no_harm(homes):
    (homes["keras"] / "keras.json").write_bytes(b'\xef\xbb\xbf{"epsilon": 0.5}')
    assert settings.epsilon() == 0.5


def test_a_folder_in_place_of_the_file_is_left_out(homes):
    (homes["keras"] / "keras.json").mkdir()
    assert settings.current() == settings.Settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("floatx", "float31", "float32"),
        ("floatx", 32, "floatx must be one of"),
        ("floatx", ["float32"], "floatx must be one of"),
        ("epsilon", "small", "epsilon must be a number > 0"),
        ("epsilon", -1, "epsilon must be a number > 0"),
        ("epsilon", True, "epsilon must be a number > 0"),
        ("image_data_format", "last", "channels_last"),
        ("backend", "theanoo", 'Did you mean "theano"'),
        ("max_epochs", 1.5, "whole number"),
        ("max_epochs", -1, "whole number"),
    ],
)
def test_an_unusable_value_warns_and_the_rest_is_taken(homes, name, value, says):
    kept = {"floatx": "float16"} if name != "floatx" else {"epsilon": 1e-3}
    write(homes, "keras", {name: value, **kept})
    with pytest.warns(UserWarning) as caught:
        found = settings.current()
    message = str(caught[0].message)
    assert says in message and "keras.json" in message
    default = settings.Settings()
    assert getattr(found, name) == getattr(default, name)
    assert all(getattr(found, key) == wanted for key, wanted in kept.items())


def test_unknown_entries_are_no_trouble(homes):
    write(homes, "keras", {"nnx_enabled": False, "floatx": "float32"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings.current()


@pytest.mark.parametrize("backend", [*settings.ENGINES, *settings.OLD_BACKENDS])
def test_every_backend_name_is_taken_and_the_engine_stays(homes, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert settings.backend() == backend
    assert settings.current().engine == "jax"


def test_a_backend_that_never_was_warns(homes, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jaxx")
    with pytest.warns(UserWarning, match='the environment: .*Did you mean "jax"'):
        assert settings.backend() == "jax"


def test_an_empty_variable_says_nothing(homes, monkeypatch):
    monkeypatch.setenv("CORNU_FLOATX", "")
    assert settings.floatx() == "float32"


def test_limits_from_the_environment_are_numbers(homes, monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "3")
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "many")
    with pytest.warns(UserWarning, match="max_steps_per_epoch must be a whole number"):
        found = settings.current()
    assert (found.max_epochs, found.max_steps_per_epoch) == (3, None)


def test_they_are_read_once(homes):
    assert settings.epsilon() == 1e-7
    write(homes, "keras", {"epsilon": 0.5})
    assert settings.epsilon() == 1e-7


SETTERS = [
    (settings.set_floatx, settings.floatx, "bfloat16", "float8"),
    (settings.set_epsilon, settings.epsilon, 0.25, 0.0),
    (settings.set_image_data_format, settings.image_data_format, "channels_first", "NHWC"),
]


@pytest.mark.parametrize(("setter", "getter", "good", "bad"), SETTERS)
def test_setters_check_and_keep_what_was(homes, monkeypatch, setter, getter, good, bad):
    monkeypatch.setattr(settings, "_listeners", [])
    heard = []
    settings.listen(lambda now: heard.append(getter()))
    setter(good)
    assert getter() == good and heard[-1] == good and len(heard) == 2
    with pytest.raises(ValueError, match="E-SETTING"):
        setter(bad)
    assert getter() == good and len(heard) == 2


def test_where_compiled_programs_go(homes, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert settings.cache_directory() == tmp_path / "cache" / "cornu"
    monkeypatch.setenv("CORNU_CACHE_DIR", str(tmp_path / "mine"))
    assert settings.cache_directory() == tmp_path / "mine"


def test_importing_reads_no_file_and_loads_no_framework(homes, tmp_path):
    write(homes, "keras", "{ broken")
    script = (
        "import sys, cornu\n"
        "from cornu import layers, models, settings\n"
        "assert not settings._loaded\n"
        "assert 'jax' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
