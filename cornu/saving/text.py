"""Models as JSON text, and JSON from anywhere: its size, depth and numbers are bounded first."""

import json
import re
from collections.abc import Mapping
from typing import Any

from cornu.config import custom_object_scope
from cornu.errors import UsageError, shown
from cornu.saving.archive import compile_as, described, model_of
from cornu.saving.compiled import compile_config
from cornu.saving.older import UNSAID, Origin, rules, said_by_caller, said_together

MOST_BYTES, MOST_DEPTH, MOST_ITEMS, MOST_STRING = 2**28, 256, 2_000_000, 2**20

TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)


def model_to_json(model: Any, **options: Any) -> str:
    """A model's architecture, and how it was compiled, as JSON text; no weights.

    `options` go to `json.dumps` ("indent").
    """
    return json.dumps(described(model), **options)


def model_from_json(
    json_string: str,
    custom_objects: Mapping[str, Any] | None = None,
    *,
    backend: str | None = None,
    data_format: str | None = None,
) -> Any:
    """A new model, with new weights, from what `to_json` of any generation gave.

    Args:
        json_string: the text.
        custom_objects: the user's classes and functions, by the names the text has for them.
        backend, data_format: as in `load_model`, where the text does not say them.

    Raises:
        UsageError: for a text that describes no model, and for another backend or data format.
    """
    said = said_by_caller(backend, data_format)
    if not isinstance(json_string, str):
        raise UsageError("E-JSON", f"model_from_json takes a string; got {shown(json_string)}.")
    return model_from_plain(parse(json_string), custom_objects, "JSON", said)


def model_from_config(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """A new model, with new weights, from {"class_name": …, "config": …}. Raises UsageError."""
    if not isinstance(config, Mapping):
        raise UsageError("E-CONFIG", f"model_from_config takes a dict; got {shown(config)}.")
    return model_from_plain(config, custom_objects, "CONFIG")


def model_from_plain(
    config: Any, custom_objects: Mapping[str, Any] | None, what: str, said: Origin = UNSAID
) -> Any:
    """A new model from a plain form that stood in text; `what` ("JSON") is for messages."""
    try:
        with custom_object_scope(custom_objects or {}):
            config = _modern(config, said)
            model = model_of(config)
            compiled = config.get("compile_config")
            if compiled:
                compile_as(model, {"compile_config": compiled})
    except UsageError:
        raise
    except Exception as error:
        reason = f"the {what} describes no model: {_reason(error)}."
        raise UsageError(f"E-{what}", reason) from error
    return model


def _modern(config: Any, said: Origin) -> Any:
    """A text's config in the words of today."""
    if not isinstance(config, Mapping) or config.keys() & {"module", "registered_name"}:
        return config
    version = config.get("keras_version") or rules().version(config)
    backend = config.get("backend") or ""
    for name, value in (("keras_version", version), ("backend", backend)):
        if not isinstance(value, str):
            raise UsageError("E-CONFIG", f"{name} must be a string; got {shown(value)}.")
    origin = said_together(said, version, backend)
    if origin.present:
        return config
    told = rules().config({"model_config": config, "training_config": None}, origin)
    compiled = told["training_config"] and compile_config(told["training_config"])
    return {**told["model_config"], "compile_config": compiled}


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


def parse(text: str) -> Any:
    """Plain data from JSON. Raises UsageError for what is malformed, too large or ambiguous."""
    _measure(text)
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError("E-JSON", f"it is not JSON: {str(error)[:200]}.") from error


def _measure(text: str) -> None:
    """Look at the text token by token, before anything is made of it."""
    if len(text) > MOST_BYTES:
        raise UsageError(
            "E-JSON", f"the JSON has {len(text)} characters; {MOST_BYTES} are read at most."
        )
    depth = items = 0
    for token in TOKENS.finditer(text):
        first = token[0][0]
        if first == '"':
            if token.end() - token.start() > MOST_STRING:
                raise UsageError(
                    "E-JSON", f"the JSON has a string of more than {MOST_STRING} characters."
                )
            continue
        items += 1
        depth += (first in "[{") - (first in "]}")
        if depth > MOST_DEPTH:
            raise UsageError("E-JSON", f"the JSON is nested more than {MOST_DEPTH} levels deep.")
        if items > MOST_ITEMS:
            raise UsageError("E-JSON", f"the JSON has more than {MOST_ITEMS} items.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UsageError("E-JSON", f"the JSON has the key {ascii(twice)[:80]} twice in one object.")
    return found


def _whole(digits: str) -> int:
    if len(digits) > 20 or abs(int(digits)) >= 2**63:
        raise UsageError(
            "E-JSON", f"the JSON has the number {digits[:24]}…, which no field can take."
        )
    return int(digits)
