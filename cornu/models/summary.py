"""The table that `summary()` prints."""

from typing import Any


def summarize(
    model: Any, line_length: int | None, expand_nested: bool, show_trainable: bool
) -> str:
    """The table as text."""
    return "\n".join(f"{x.name} {type(x).__name__}" for x in model.layers)
