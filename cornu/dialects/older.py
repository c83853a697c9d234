"""What classes of older generations share.

They go by the name of the class they stand for: old scripts look at `layer.__class__.__name__`, and
find layers by the names that these are given.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cornu.config import Configurable, snake, unique_name
from cornu.dialects import described
from cornu.dialects.patches import Patch

__all__ = ["PATCHES", "OlderClass"]


class OlderClass:
    """Mixed in before a class of today, of which this is what an older generation had.

    `type(x)` is the class itself; `x.__class__` and the name of a layer are those of `goes_by`, the
    first class of today that it is made from.
    """

    goes_by: ClassVar[type]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        named = (base for base in cls.__mro__ if not base.__name__.startswith("_"))
        today = (base for base in named if not base.__module__.startswith("cornu.dialects."))
        cls.goes_by = next(today)

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.goes_by

    def set_up(self) -> None:
        """Take the name that the class of today would take."""
        given: Any = self
        if "name" in type(self).fields and not given.name:  # pyright: ignore
            short = snake(self.goes_by.__name__)
            layer = getattr(self.goes_by, "wire_module", "") == "keras.layers"
            given.name = unique_name(short) if layer else short
        super().set_up()  # pyright: ignore[reportAttributeAccessIssue]

    def __reduce__(self) -> tuple:
        return _made_plain, (type(self),), self.__dict__


def _made_plain(cls: Any) -> Any:
    return cls.__new__(cls)


# ---------------------------------------------------------------- scripts and files


def _from_config(cls: Any, config: Mapping[str, Any]) -> Any:
    """`Configurable.from_config`, within which a config says what it means."""
    with described.describing(cls):
        return FROM_CONFIG(cls, config)


FROM_CONFIG = vars(Configurable)["from_config"].__func__
PATCHES = (Patch(Configurable, "from_config", classmethod(_from_config)),)
