"""`from cornu import backend as K`: the backend module of old Keras; see `dialects/backend.py`."""

from typing import Any

from cornu.dialects.backend import *  # noqa: F403
from cornu.dialects.backend import __all__, attribute


def __getattr__(name: str) -> Any:
    return attribute(name)


def __dir__() -> list[str]:
    return sorted(__all__)
