"""Files of older generations: what is known of where one is from, and the rules for what it says.

The rules themselves are tables at the edge of the library, above everything here. So their module
is named, not imported: it is loaded when the first old file comes.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from cornu.layers import Layer

EDGE = "cornu.dialects.files"
"""The module that has the rules."""

Named = Sequence[tuple[str, Any]]
"""Names and values of arrays, in order; a value may be still in its file."""


@dataclass(frozen=True)
class Origin:
    """Where a file is from: what it says, or else what the caller says.

    Attributes:
        version: of Keras, as "2.2.4"; "" where nobody says it.
        backend: "theano", "tensorflow" or "cntk"; "" where nobody says it.
        data_format: of layers that do not say theirs: "channels_first" or "channels_last", or "".
    """

    version: str = ""
    backend: str = ""
    data_format: str = ""

    @property
    def present(self) -> bool:
        """Whether the file is in the words of the present generation."""
        return self.version.startswith("3.")


class Rules(Protocol):
    """What the module at the edge has. Each raises UsageError for what it cannot put right."""

    def config(self, plain: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
        """{"model_config": …, "training_config": … or None} in the words of today."""
        ...

    def weights(self, layer: Layer, values: Named, origin: Origin) -> Named:
        """One layer's arrays in the order, number and layout of its weights today."""
        ...

    def slots(self, model: Any, values: Named, origin: Origin) -> Named:
        """The arrays of a compiled model's optimizer, as its Variables today have them."""
        ...


def rules() -> Rules:
    """The rules for old files."""
    return cast(Rules, importlib.import_module(EDGE))
