"""Models as YAML text, read and written with PyYAML (the extra `yaml`) in its safe form alone.

What YAML has and JSON lacks is refused: tags, anchors and references, which make small texts large
or stand for objects. A file of a model is never YAML.
"""

from collections.abc import Mapping
from typing import Any

from cornu.errors import UsageError, shown
from cornu.saving.archive import described
from cornu.saving.text import MOST_BYTES, MOST_DEPTH, MOST_ITEMS, model_from_plain

ALLOWED = ("map", "seq", "str", "int", "float", "bool", "null")


def model_to_yaml(model: Any, **options: Any) -> str:
    """A model's architecture, and how it was compiled, as YAML text; no weights.

    `options` go to `yaml.safe_dump`. Raises ImportError without PyYAML.
    """
    yaml = _package()
    dumper = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda self, data: True})
    return yaml.dump(described(model), Dumper=dumper, **{"sort_keys": False, **options})


def model_from_yaml(yaml_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A new model, with new weights, from what `to_yaml` gave. Raises UsageError, ImportError."""
    if not isinstance(yaml_string, str):
        raise UsageError("E-YAML", f"model_from_yaml takes a string; got {shown(yaml_string)}.")
    yaml = _package()
    if len(yaml_string) > MOST_BYTES:
        raise UsageError("E-YAML", f"the YAML has more than {MOST_BYTES} characters.")
    try:
        _check_events(yaml, yaml_string)
        config = yaml.safe_load(yaml_string)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError("E-YAML", f"it is not YAML: {str(error)[:200]}.") from error
    return model_from_plain(config, custom_objects, "YAML")


def _check_events(yaml: Any, text: str) -> None:
    """Raise UsageError for what JSON does not have, before anything is made of it."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UsageError("E-YAML", "the YAML has references (&, *), which no model needs.")
        tag = getattr(event, "tag", None)
        if tag and tag.removeprefix("tag:yaml.org,2002:") not in ALLOWED:
            raise UsageError("E-YAML", f"the YAML has the tag {ascii(tag)[:80]}: plain data only.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH or count > MOST_ITEMS:
            raise UsageError("E-YAML", "the YAML is nested too deep, or has too many items.")


def _package() -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError(
            "YAML needs the package PyYAML: pip install 'cornu[yaml]'. JSON needs none: "
            "model.to_json()."
        ) from None
    return yaml
