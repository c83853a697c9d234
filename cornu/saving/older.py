"""Files of older generations: what is known of where one is from, and the rules for what it says.

The rules themselves are tables at the edge of the library, above everything here. So their module
is named, not imported: it is loaded when the first old file comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from cornu.errors import UsageError, shown, suggestion
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
        numbered: whether its layers have numbers and no names, as in Keras 0.
    """

    version: str = ""
    backend: str = ""
    data_format: str = ""
    numbered: bool = False

    @property
    def present(self) -> bool:
        """Whether the file is in the words of the present generation."""
        return self.version.startswith("3.")


PRESENT = Origin("3.0")
"""Of what is made today."""

UNSAID = Origin()
"""Where nobody says anything."""

BACKENDS = ("theano", "tensorflow", "cntk")
FORMATS = ("channels_first", "channels_last")


def said_by_caller(backend: Any, data_format: Any) -> Origin:
    """What a caller says of a file; None says nothing. Raises UsageError for unknown words."""
    for name, value, known in (
        ("backend", backend, BACKENDS),
        ("data_format", data_format, FORMATS),
    ):
        if value is not None and value not in known:
            raise UsageError(
                "E-CHOICE",
                f"{name} must be one of {', '.join(known)}, or None; got {shown(value)}. "
                f"{suggestion(str(value), known)}".rstrip(),
            )
    return Origin("", backend or "", data_format or "")


class Rules(Protocol):
    """What the module at the edge has. Each raises UsageError for what it cannot put right."""

    def config(self, plain: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
        """{"model_config": …, "training_config": … or None} in the words of today."""
        ...

    def archived(
        self, config: Mapping[str, Any], compiled: Any, slots: Mapping[str, Any], origin: Origin
    ) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]:
        """A model's config, how it was compiled and its optimizer's arrays, of a `.keras` file."""
        ...

    def version(self, config: Mapping[str, Any]) -> str:
        """A version of the generation whose form a model's config has; that of today if unsure."""
        ...

    def note(self, model: Any, origin: Origin, misfits: bool) -> str:
        """What of a model that is given weights of this origin is otherwise than there, or ""."""
        ...

    def weights(self, layer: Layer, values: Named, origin: Origin) -> Named:
        """One layer's arrays in the order, number and layout of its weights today."""
        ...

    def slots(
        self, model: Any, values: Named, origin: Origin, layered: Mapping[str, Named]
    ) -> Named:
        """The arrays of a compiled model's optimizer, as its Variables today have them.

        `layered` is what the file has for each layer.
        """
        ...


def said_together(said: Origin, version: str, backend: str, numbered: bool = False) -> Origin:
    """What a file says with what the caller says of it, and what was usual then.

    Raises UsageError where the file says another backend than the caller.
    """
    if said.backend and backend and said.backend != backend:
        raise UsageError(
            "E-BACKEND",
            f"the file says that it was written by {shown(backend)}; got "
            f'backend="{said.backend}". Leave backend off.',
        )
    usual = "theano" if version.startswith(("0.", "1.0")) else "tensorflow"
    return Origin(version, backend or said.backend or usual, said.data_format, numbered)


def rules() -> Rules:
    """The rules for old files."""
    return cast(Rules, import_module(EDGE))
