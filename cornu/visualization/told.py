"""What pages tell in words: values of configs, numbers of parameters, data for their scripts."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from cornu.errors import printable
from cornu.visualization.report_html import Html, el

LONGEST = 600
"""Most characters that are told of a value."""


def told(value: Any) -> str:
    """A value of a config, as Python would write it; objects as calls."""
    if isinstance(value, Mapping) and "class_name" in value:
        config = value.get("config")
        if not isinstance(config, Mapping):
            return f"{value['class_name']}" if config is None else told(config)
        if config.keys() == {"name"}:
            return f"{value['class_name']}({config['name']!r})"
        inner = ", ".join(f"{k}={told(v)}" for k, v in config.items() if k != "name")
        return f"{value['class_name']}({inner})"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def briefly(value: Any) -> str:
    """`told`, cut where it is long."""
    text = printable(told(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


def parameters(weights: Iterable[Any]) -> int:
    """How many numbers the weights have."""
    return sum(math.prod(w.shape) for w in weights)


def data_block(name: str, value: Any) -> Html:
    """Data that a page's script reads, where no text in them can end the block."""
    text = json.dumps(value, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return el("script", Html(text), type="application/json", id=name)
