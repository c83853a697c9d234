"""Dtype policies: in which dtype a layer computes and in which it keeps its Variables."""

from typing import Any

from cornu import settings
from cornu.config import Configurable
from cornu.errors import UsageError, listed, shown, suggestion

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy(Configurable):
    """A named pair of dtypes: "float32", "bfloat16", "mixed_bfloat16", "mixed_float16" …

    A mixed policy computes in the short dtype and keeps Variables in float32.

    Raises:
        UsageError: for an unknown name, with the nearest one.
    """

    name: str | None = None

    def set_up(self) -> None:
        """Check the name; None means the policy in force."""
        self.name = self.name or default_name()
        known = [*settings.FLOATS, *MIXED, "int8", "uint8", "int32", "int64", "bool", "string"]
        if self.name not in known:
            raise UsageError(
                "E-DTYPE",
                f"dtype must be a dtype or policy name; got {shown(self.name)}. "
                f"{suggestion(str(self.name), known)}Known: {listed(known)}.",
            )

    @property
    def compute_dtype(self) -> str:
        """Dtype of inputs, results and arithmetic."""
        return MIXED.get(self.name or "", self.name or "")

    @property
    def variable_dtype(self) -> str:
        """Dtype of Variables."""
        return "float32" if self.name in MIXED else self.name or ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


_default: list[str] = []


def default_name() -> str:
    """The policy of layers that name none."""
    return _default[-1] if _default else settings.floatx()


def dtype_policy() -> DTypePolicy:
    """The policy of layers that name none."""
    return DTypePolicy(default_name())


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made from now on ("mixed_bfloat16")."""
    _default[:] = [get(policy).name or ""]


def get(identifier: Any) -> DTypePolicy:
    """A policy from None, a name, a dtype, a config or a policy."""
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier.get("config", identifier))
    return DTypePolicy(identifier if identifier is None else str(identifier))
