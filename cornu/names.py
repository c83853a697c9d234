"""Names of objects: made from class names, told apart by counting."""

import re

_taken_names: dict[str, int] = {}


def unique_name(prefix: str) -> str:
    """`prefix`, then `prefix_1`, `prefix_2` … for every later call."""
    count = _taken_names.get(prefix, -1) + 1
    _taken_names[prefix] = count
    return f"{prefix}_{count}" if count else prefix


def forget_names() -> None:
    """Count names from the beginning again (`clear_session`)."""
    _taken_names.clear()


def snake(name: str) -> str:
    """`GlorotUniform` -> `glorot_uniform`, `L1L2` -> `l1_l2`, `Conv2D` -> `conv2d`."""
    borders = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])|(?<=[0-9])(?=[A-Z][0-9])"
    parted = re.sub(borders, "_", name)
    return parted.lower()
