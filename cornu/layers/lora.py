"""Low-rank adapters: a frozen kernel and a small change of it that is trained in its place."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from cornu.config import attribute
from cornu.errors import UsageError, shown
from cornu.fields import Initializer
from cornu.layers.base import Layer
from cornu.state import Variable


class LowRank(Layer):
    """A layer whose weight `adapted` may be held still while `A @ B` is trained and added to it.

    `lora_rank` is the rank of the change and `lora_alpha / lora_rank` its factor; B begins with
    zeros. Files hold the sum, so a layer without adapters can read them.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
    """

    adapted: ClassVar[str] = "kernel"
    lora_rank: ClassVar[Any]
    lora_alpha: ClassVar[Any]
    lora_kernel_a: Any = attribute()
    lora_kernel_b: Any = attribute()

    def refuse_constraint(self) -> None:
        """Raise UsageError for a constraint beside adapters: it would not hold for the sum."""
        if getattr(self, f"{self.adapted}_constraint") is not None:
            raise UsageError(
                "E-LORA",
                f'{type(self).__name__} "{self.name}": lora_rank does not go with '
                f"{self.adapted}_constraint, which would not hold for the sum. Leave one of them.",
            )

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Initializer = "he_uniform",
        b_initializer: Initializer = "zeros",
    ) -> None:
        """Freeze the weight and make the adapters. Raises UsageError where it cannot be."""
        who = f'{type(self).__name__} "{self.name}"'
        if isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or rank < 1:
            raise UsageError("E-LORA", f"{who}: rank must be an int >= 1; got {shown(rank)}.")
        if not self.variables:
            raise UsageError("E-LORA", f"{who} has no weights yet: build it before enable_lora.")
        if self.lora_kernel_a is not None:
            raise UsageError("E-LORA", f"{who} has adapters already, of rank {self.lora_rank}.")
        self.refuse_constraint()
        frozen: Variable = getattr(self, self.adapted)
        rule = getattr(self, f"{self.adapted}_regularizer")
        a, b = (*frozen.shape[:-1], rank), (rank, frozen.shape[-1])
        name = f"lora_{self.adapted}"
        self.lora_kernel_a = self.add_weight(a, a_initializer, regularizer=rule, name=f"{name}_a")
        self.lora_kernel_b = self.add_weight(b, b_initializer, regularizer=rule, name=f"{name}_b")
        frozen.trainable = False
        said = {"lora_rank": int(rank), "lora_alpha": lora_alpha or rank}
        # files hold fewer values from now on
        self.__dict__.update(said, load_own_variables=self._load_sum)

    def whole(self) -> Any:
        """The weight with the change added, as an array."""
        value = getattr(self, self.adapted).value
        if self.lora_kernel_a is None:
            return value
        factor = self.lora_alpha / self.lora_rank
        return value + self.lora_kernel_a.value @ self.lora_kernel_b.value * factor

    def own_variables(self) -> list[Variable]:
        """The frozen weight first, as before it was frozen."""
        frozen = getattr(self, self.adapted, None)
        return sorted(super().own_variables(), key=lambda v: v is not frozen)

    def _kept(self) -> list[Variable]:
        """Variables that a file holds: all but the adapters."""
        adapters = (self.lora_kernel_a, self.lora_kernel_b)
        return [v for v in self.own_weights() if not any(v is x for x in adapters)]

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put values into `store` as a layer without adapters does: the sum, not its parts."""
        frozen = getattr(self, self.adapted, None)
        kept = enumerate(self._kept())
        store.update(
            (str(i), np.array(self.whole()) if v is frozen else v.numpy()) for i, v in kept
        )

    def _load_sum(self, store: Mapping[str, Any]) -> None:
        """Take what `save_own_variables` put; the change begins anew, at zero."""
        cells = self._kept()
        if len(store) != len(cells):
            raise UsageError(
                "E-WEIGHTS", f'"{self.name}" has {len(cells)} variables; the file {len(store)}.'
            )
        for i, v in enumerate(cells):
            v.assign(store[str(i)])
        self.lora_kernel_b.assign(np.zeros(self.lora_kernel_b.shape, self.lora_kernel_b.dtype))
