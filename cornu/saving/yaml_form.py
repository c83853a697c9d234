"""Models as YAML text, read and written with PyYAML (the extra `yaml`) in its safe form alone.

What YAML has and JSON lacks is refused, with what Keras wrote of it excepted: tuples, which become
lists, and references to a short piece of the same text, of which each becomes a copy. Nothing is
made but plain data. A file of a model is never YAML.
"""

from collections.abc import Mapping
from typing import Any

from cornu.errors import UsageError, shown
from cornu.saving.archive import described
from cornu.saving.older import said_by_caller
from cornu.saving.text import MOST_BYTES, MOST_DEPTH, MOST_ITEMS, model_from_plain

ALLOWED = ("map", "seq", "str", "int", "float", "bool", "null")
LISTS, STRINGS = ("seq", "python/tuple"), ("str", "python/unicode", "python/str")
"""What Keras 0 to 2 wrote for lists and strings."""

TAGS = "tag:yaml.org,2002:"
MOST_COPIED = 100_000
"""Items that references may add to those of the text."""


def model_to_yaml(model: Any, **options: Any) -> str:
    """A model's architecture, and how it was compiled, as YAML text; no weights.

    `options` go to `yaml.safe_dump`. Raises ImportError without PyYAML.
    """
    yaml = _package()
    dumper = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda self, data: True})
    return yaml.dump(described(model), Dumper=dumper, **{"sort_keys": False, **options})


def model_from_yaml(
    yaml_string: str,
    custom_objects: Mapping[str, Any] | None = None,
    *,
    backend: str | None = None,
    data_format: str | None = None,
) -> Any:
    """A new model, with new weights, from what `to_yaml` of any generation gave.

    Arguments as in `model_from_json`. Raises UsageError, and ImportError without PyYAML.
    """
    said = said_by_caller(backend, data_format)
    if not isinstance(yaml_string, str):
        raise UsageError("E-YAML", f"model_from_yaml takes a string; got {shown(yaml_string)}.")
    return model_from_plain(plain_of(yaml_string), custom_objects, "YAML", said)


def plain_of(yaml_string: str) -> Any:
    """Plain data from YAML. Raises UsageError for what is malformed, or more than plain data."""
    yaml = _package()
    if len(yaml_string) > MOST_BYTES:
        raise UsageError("E-YAML", f"the YAML has more than {MOST_BYTES} characters.")
    try:
        count = _check_events(yaml, yaml_string)
        return _Plain(yaml, count + MOST_COPIED).of(yaml.compose(yaml_string, yaml.SafeLoader))
    except UsageError:
        raise
    except Exception as error:
        raise UsageError("E-YAML", f"it is not YAML: {str(error)[:200]}.") from error


def _check_events(yaml: Any, text: str) -> int:
    """The number of events; raises UsageError for what no model has, before anything is made."""
    depth = count = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        tag = getattr(event, "tag", None)
        if tag and tag.removeprefix(TAGS) not in (*ALLOWED, *LISTS, *STRINGS):
            raise UsageError("E-YAML", f"the YAML has the tag {ascii(tag)[:80]}: plain data only.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH or count > MOST_ITEMS:
            raise UsageError("E-YAML", "the YAML is nested too deep, or has too many items.")
    return count


class _Plain:
    """Makes plain data of nodes, `most` items at most; what is referred to is made anew."""

    def __init__(self, yaml: Any, most: int):
        self.yaml, self.left = yaml, most
        self.scalars = yaml.SafeLoader("")

    def of(self, node: Any, depth: int = 0) -> Any:
        """The value of a node."""
        self.left -= 1
        if self.left < 0 or depth > MOST_DEPTH:
            reason = "the YAML refers to itself, or has too many references (&, *)."
            raise UsageError("E-YAML", reason)
        if isinstance(node, self.yaml.SequenceNode):
            return [self.of(item, depth + 1) for item in node.value]
        if isinstance(node, self.yaml.MappingNode):
            return self._mapping(node, depth)
        if node.tag.removeprefix(TAGS) in STRINGS:
            return node.value
        return self.scalars.construct_object(node)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = self.of(key, depth + 1)
            if not isinstance(name, str) or name in found:
                reason = f"the YAML has the key {ascii(name)[:80]}: keys are strings, each once."
                raise UsageError("E-YAML", reason)
            found[name] = self.of(value, depth + 1)
        return found


def _package() -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError(
            "YAML needs the package PyYAML: pip install 'cornu[yaml]'. JSON needs none: "
            "model.to_json()."
        ) from None
    return yaml
