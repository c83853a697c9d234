"""The table of vectors."""

from typing import Annotated, Any

from cornu import engine, ops
from cornu.config import Within, attribute, field
from cornu.fields import Constraint, Initializer, Positive, Regularizer
from cornu.layers.base import Layer


class Embedding(Layer):
    """`embeddings[x]`: a vector for every whole number from 0 to input_dim - 1.

    Shapes: (batch, ...) of whole numbers gives (batch, ..., output_dim). Numbers outside the range
    are found when data come in (`fit`, `predict`), not here.

    Args:
        input_dim: how many numbers there are, >= 1.
        output_dim: length of the vectors, >= 1.
        embeddings_initializer: how the table begins.
        embeddings_regularizer: what the table adds to the loss.
        embeddings_constraint: what is done to the table after every update.
        mask_zero: whether 0 stands for "nothing here": the mask is then `x != 0`.
        weights: the table to begin with, in place of an initializer.

    Example:
        >>> Embedding(1000, 16)(Input((10,), dtype="int32")).shape
        (None, 10, 16)
    """

    options = ("weights", "input_shape", "batch_shape")
    input_dim: Positive
    output_dim: Positive
    embeddings_initializer: Initializer = "uniform"
    embeddings_regularizer: Regularizer = None
    embeddings_constraint: Constraint = None
    activity_regularizer: Regularizer = field(default=None, kw_only=True)
    mask_zero: bool = False

    table: Any = attribute()
    autocast = False  # numbers that come as floats must not be rounded to a short dtype

    def set_up(self) -> None:
        """A mask goes on only where the layer makes one."""
        super().set_up()
        self.supports_masking = bool(self.mask_zero)
        if self.table is not None:
            given, self.table = self.table, None
            self.build()
            self.set_weights(given if isinstance(given, (list, tuple)) else [given])

    def take_options(self, options: dict[str, Any]) -> None:
        """Remember the table to begin with until the layer has its name."""
        super().take_options(options)
        self.table = options.get("weights")

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self.weight("embeddings", (self.input_dim, self.output_dim))
        self.embeddings.autocast = False  # only the rows that are read are cast

    def call(self, x: Any) -> Any:
        rows = ops.take(self.embeddings, engine.cast(x, "int32"), axis=0)
        return engine.cast(rows, self.compute_dtype)  # (batch, ..., output_dim)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None


class ReversibleEmbedding(Embedding):
    """As `Embedding`; with `reverse=True` in the call, how well vectors go with every number.

    `logits = x @ embeddingsᵀ`, (batch, ..., output_dim) to (batch, ..., input_dim): the table
    that reads words into a language model writes them too.

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer,
        embeddings_constraint, mask_zero: as in `Embedding`.
        tie_weights: whether the way back uses the same table; else it has one of its own,
            (output_dim, input_dim).
        reverse_dtype: dtype of the way back; the compute dtype by default.
        logit_soft_cap: `c` bends logits to `c * tanh(logits / c)`.

    Source: Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017.

    Example:
        >>> ReversibleEmbedding(1000, 16)(Input((10, 16)), reverse=True).shape
        (None, 10, 1000)
    """

    input_dim: Positive
    output_dim: Positive
    tie_weights: bool = True
    embeddings_initializer: Initializer = "uniform"
    embeddings_regularizer: Regularizer = None
    embeddings_constraint: Constraint = None
    mask_zero: bool = False
    reverse_dtype: str | None = None
    logit_soft_cap: Annotated[float | None, Within(0, open="(")] = None

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                autocast=False,
                name="reverse_embeddings",
            )

    def call(self, x: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(x)
        dtype = self.reverse_dtype or self.compute_dtype
        table = self.embeddings.value.T if self.tie_weights else self.reverse_embeddings.value
        logits = ops.matmul(engine.cast(x, dtype), engine.cast(table, dtype))
        if self.logit_soft_cap is None:
            return logits  # (batch, ..., input_dim)
        return ops.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """That of `Embedding`; on the way back, which takes vectors, the one they came with."""
        vectors = "float" in str(inputs.dtype) and inputs.shape[-1] == self.output_dim
        if vectors and self.mask_zero:
            return previous_mask
        return super().compute_mask(inputs, previous_mask)
