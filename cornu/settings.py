"""The few numbers and choices that hold for the whole process.

They come, later ones winning, from `~/.keras/keras.json`, `~/.cornu/cornu.json` and the environment
(`CORNU_ENGINE`, `KERAS_BACKEND`, `CORNU_FLOATX`, `CORNU_CACHE_DIR`), and are read once, when first
asked for. A malformed file is named with line and column in a warning and otherwise left out.
"""

import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cornu.errors import UsageError, listed, shown, suggestion

FLOATS = ("float16", "bfloat16", "float32", "float64")
DATA_FORMATS = ("channels_last", "channels_first")
ENGINES = ("jax",)
OLD_BACKENDS = ("tensorflow", "theano", "cntk", "torch", "numpy", "openvino")


@dataclass
class Settings:
    """All settings in force. `backend` is what old code asked for; `engine` is what computes."""

    floatx: str = "float32"
    epsilon: float = 1e-7
    image_data_format: str = "channels_last"
    engine: str = "jax"
    backend: str = "jax"
    max_epochs: int | None = None
    max_steps_per_epoch: int | None = None


_loaded: list[Settings] = []
_listeners: list[Callable[[Settings], None]] = []


def current() -> Settings:
    """The settings in force, read from files and environment at the first call."""
    if not _loaded:
        found = Settings()
        for path in files():
            _take(found, _read(path), str(path))
        _take(found, _environment(), "the environment")
        _loaded.append(found)
    return _loaded[0]


def files() -> list[Path]:
    """Settings files, in the order in which they are read."""
    keras = Path(os.environ.get("KERAS_HOME") or Path("~/.keras").expanduser())
    cornu = Path(os.environ.get("CORNU_HOME") or Path("~/.cornu").expanduser())
    return [keras / "keras.json", cornu / "cornu.json"]


def cache_directory() -> Path:
    """Where compiled programs are kept: `CORNU_CACHE_DIR`, or `cornu` in the cache folder."""
    chosen = os.environ.get("CORNU_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "cornu"


def listen(listener: Callable[[Settings], None]) -> None:
    """Have `listener` called with the settings now, and after every change."""
    _listeners.append(listener)
    listener(current())


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors put a mark in front
    except OSError:
        return {}
    except UnicodeDecodeError as error:
        warnings.warn(f"{path}, byte {error.start}: no UTF-8. The file is not used.", stacklevel=4)
        return {}
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        warnings.warn(f"{where}: {error.msg}. The file is not used.", stacklevel=4)
        return {}
    if not isinstance(content, dict):
        warnings.warn(f"{path} must hold an object {{…}}. The file is not used.", stacklevel=4)
        return {}
    return content


def _environment() -> dict[str, Any]:
    names = {
        "KERAS_BACKEND": "backend",
        "CORNU_ENGINE": "engine",
        "CORNU_FLOATX": "floatx",
        "KERAS_MAX_EPOCHS": "max_epochs",
        "KERAS_MAX_STEPS_PER_EPOCH": "max_steps_per_epoch",
    }
    found: dict[str, Any] = {n: os.environ[v] for v, n in names.items() if os.environ.get(v)}
    for name in ("max_epochs", "max_steps_per_epoch"):
        if name in found and str(found[name]).isdigit():
            found[name] = int(found[name])
    return found


def _take(into: Settings, found: dict[str, Any], source: str) -> None:
    """Copy what `found` says into the settings; warn of a value that cannot be used."""
    old_orders = {"th": "channels_first", "tf": "channels_last"}
    if found.get("image_dim_ordering") in old_orders:
        found.setdefault("image_data_format", old_orders[found["image_dim_ordering"]])
    for field in fields(Settings):
        if field.name in found:
            try:
                setattr(into, field.name, _checked(field.name, found[field.name]))
            except ValueError as error:
                warnings.warn(f"{source}: {error}", stacklevel=4)


def _checked(name: str, value: Any) -> Any:
    choices = {
        "floatx": FLOATS,
        "image_data_format": DATA_FORMATS,
        "engine": ENGINES,
        "backend": ENGINES + OLD_BACKENDS,
    }.get(name)
    if choices is not None and value not in choices:
        raise UsageError(
            "E-SETTING",
            f"{name} must be one of {listed(choices)}; got {shown(value)}. "
            f"{suggestion(str(value), choices)}".rstrip(),
        )
    if name == "epsilon":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise UsageError("E-SETTING", f"epsilon must be a number > 0; got {shown(value)}.")
        return float(value)
    if name.startswith("max_") and value is not None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError("E-SETTING", f"{name} must be a whole number; got {shown(value)}.")
    return value


def _set(name: str, value: Any) -> None:
    setattr(current(), name, _checked(name, value))
    for listener in _listeners:
        listener(current())


def floatx() -> str:
    """The dtype of new weights and of floating data, "float32" unless set."""
    return current().floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype: float16, bfloat16, float32 or float64. Raises UsageError."""
    _set("floatx", value)


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, 1e-7 unless set."""
    return current().epsilon


def set_epsilon(value: float) -> None:
    """Set the small number used in divisions and logarithms; > 0. Raises UsageError."""
    _set("epsilon", value)


def image_data_format() -> str:
    """Where images carry their channels: "channels_last" unless set."""
    return current().image_data_format


def set_image_data_format(value: str) -> None:
    """Set "channels_last" or "channels_first" for layers made from now on. Raises UsageError."""
    _set("image_data_format", value)


def backend() -> str:
    """The backend's name as old code asks for it; Cornu's engine computes whatever the answer."""
    return current().backend
