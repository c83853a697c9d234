"""The function of a `Lambda` in a saved config: by name, or as code, which is never run.

Keras 3 writes a lambda as `{"class_name": "__lambda__", "config": {"code": …}}`, Keras 2 as a list
of code, defaults and closure with "function_type" beside it, Keras 1 the code alone.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from cornu.errors import UsageError
from cornu.registry import custom_object, function_of, is_function_form, scoped_object

MODULES = {
    "function": "module",
    "mask": "mask_module",
    "output_shape": "output_shape_module",
}
BESIDE = {*MODULES.values(), *(f"{role}_type" for role in MODULES)}
"""What Keras 2 writes beside a function to say what it is."""

FIRST_OPCODES = frozenset({0x3D, 0x3E, 0x80, 0x95, 0x97})
"""RESUME and COPY_FREE_VARS, one of which begins all code since Python 3.11."""


def read(config: Mapping[str, Any], role: str, key: str, find: Callable[[str], Any]) -> Any:
    """The function that a config has as its `role`, or what stands there instead of one.

    Custom objects have it by its own name, or by `key`, the layer's. Shapes are found by tracing,
    so an `output_shape` that is not known is done without. Raises UsageError for any other.
    """
    said, kind = config.get(role), config.get(f"{role}_type")
    code = _code(said, kind)
    if isinstance(said, str):
        said = {"class_name": "function", "config": said, "module": config.get(MODULES[role])}
    if code is None and not is_function_form(said):
        return said
    form: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    found = None if code is not None else custom_object(str(form.get("config")))
    if found is None:
        found = scoped_object(key)
    if found is not None or role == "output_shape":
        return found
    if code is not None:
        raise UsageError(
            "E-LAMBDA-CODE",
            f'Lambda "{config.get("name")}": its {role} is saved as code{_origin(code)}, which is '
            "never run, with safe_mode=False neither. Pass the function, as your source has it: "
            f'custom_objects={{"{key}": lambda x: …}}.',
        )
    try:
        return function_of(form, find)
    except UsageError as error:
        error.add_note(f'(Lambda "{config.get("name")}": {{"{key}": your_function}} does as well)')
        raise


def _code(said: Any, kind: Any) -> str | None:
    """The code that stands in place of a function, "" where it is in no known form; else None."""
    if isinstance(said, Mapping) and said.get("class_name") == "__lambda__":
        inner = said.get("config")
        said, kind = (inner.get("code") if isinstance(inner, Mapping) else ""), "lambda"
    elif isinstance(said, (list, tuple)) and said and isinstance(said[0], str):
        said, kind = said[0], "lambda"
    if kind != "lambda":
        return None
    return said if isinstance(said, str) else ""


def _origin(code: str) -> str:
    """Which Python wrote marshalled code, by where its header ends: nothing is unmarshalled."""
    try:
        head = base64.b64decode("".join(code[:80].split()).rstrip("=")[:64] + "==")
    except (binascii.Error, ValueError):
        return ""
    if len(head) < 32 or head[0] & 0x7F != ord("c"):
        return ""
    ends = [at for at in (17, 21, 25) if head[at] & 0x7F == ord("s")]
    if not ends:
        return ""
    known = {17: "2", 21: "3.0 to 3.7", 25: "3.8 to 3.10"}
    newer = ends[0] == 21 and head[26] in FIRST_OPCODES
    return f" of Python {'3.11 or later' if newer else known[ends[0]]}"
