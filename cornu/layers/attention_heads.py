"""Attention with heads: projections of query, key and value, and of what comes out.

Both layers are called as `layer(query, value, key=None)`.
"""

import math
import string
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from cornu import engine, ops, state
from cornu.config import Within, attribute, field, serialize, unique_name
from cornu.errors import UsageError
from cornu.fields import Axis, Constraint, Initializer, Positive, Rate, Regularizer, Shape
from cornu.layers.attention_layout import Way
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.layers.einsum_dense import EinsumDense, GivenShape
from cornu.ops.attention import mix, scores


class _Heads(Layer):
    """What both layers share: the way from query, value and key to the result."""

    supports_masking = True
    dropout: ClassVar[Any]
    use_bias: ClassVar[Any]
    use_gate: ClassVar[Any]
    sliding_window: ClassVar[Any]
    flash_attention: ClassVar[Any]
    seed: ClassVar[Any]
    most_axes: ClassVar[float] = math.inf
    _gate_dense: Any = attribute()

    def set_up(self) -> None:
        """Refuse what a fused kernel cannot do where one is asked for."""
        super().set_up()
        if self.flash_attention and self.dropout > 0:
            raise self._unfused(f"has no dropout, which is {self.dropout}")

    def _unfused(self, wrong: str) -> UsageError:
        return UsageError(
            "E-FLASH",
            f'{type(self).__name__} "{self.name}": flash_attention=True, and the fused kernel '
            f"{wrong}. Leave flash_attention=None: it is then used where it can be.",
        )

    # ---------------------------------------------------------------- what subclasses say

    def projections(self) -> tuple[Any, Any, Any, Any]:
        """The layers for query, key, value and the result."""
        raise NotImplementedError

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes that places lie along, in inputs of `rank` axes."""
        return (1,)

    # ---------------------------------------------------------------- weights

    def _dense(
        self, name: str, rank: int, contracted: int, sizes: Sequence[int], regular: bool = True
    ) -> EinsumDense:
        """A projection: the last `contracted` of `rank` axes become axes of `sizes`."""
        letters = string.ascii_lowercase
        before, last = letters[: rank - contracted], letters[rank - contracted : rank]
        made = letters[rank : rank + len(sizes)]
        dense = EinsumDense(
            f"{before}{last},{last}{made}->{before}{made}",
            (*[None] * (rank - contracted - 1), *sizes),
            activation="sigmoid" if name == "gate" else None,
            bias_axes=made if self.use_bias else None,
            activity_regularizer=self.activity_regularizer if regular else None,
            dtype=self.dtype_policy,
            name=name,
            **{rule: getattr(self, rule) for rule in RULES},
        )
        dense.supports_masking = True  # masks are looked at here, and the query's passes on
        return dense

    def make_projections(
        self, shapes: dict[str, Any], sizes: Sequence[tuple[int, int]], result: Sequence[int]
    ) -> list[EinsumDense | None]:
        """Built layers for query, key, gate (or None), value and the result.

        sizes: heads and depth of query, key, value and of what they are mixed to. result: sizes of
        the result's last axes.
        """
        self._check_inputs(shapes)
        rank = len(shapes["query"])
        query, key, value, mixed = sizes
        made: list[EinsumDense | None] = []
        for name, of, heads in (
            ("query", "query", query),
            ("key", "key", key),
            ("gate", "query", mixed),
            ("value", "value", value),
        ):
            dense = None
            if name != "gate" or self.use_gate:
                dense = self._dense(name, rank, 1, heads)
                self._build_inside(dense, shapes[of])
            made.append(dense)
        out = self._dense("attention_output", rank + 1, 2, result, regular=False)
        self._build_inside(out, (*shapes["query"][:-1], *mixed))
        return [*made, out]

    def _build_inside(self, dense: EinsumDense, shape: Sequence[int | None]) -> None:
        with state.within(path=self._path()):  # also where `build` is called, and not the layer
            dense.build(shape)

    def _check_inputs(self, shapes: dict[str, Any]) -> None:
        """Raise UsageError where shapes of the inputs do not go together."""
        query, value, key = shapes["query"], shapes["value"], shapes["key"]
        rank = len(query)
        if rank < 3 or rank > self.most_axes or not rank == len(value) == len(key):
            axes = "3 axes" if self.most_axes == 3 else "as many axes, 3 or more"
            wrong = f"query, value and key must have {axes}, (batch, time, features)"
        elif any(
            None not in (k, v) and k != v for k, v in zip(key[1:-1], value[1:-1], strict=True)
        ):
            wrong = "key and value must agree in all axes but the last"
        else:
            for shape in shapes.values():
                known_size(self, shape, -1, "the last axis")
            return
        said = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise UsageError(
            "E-ATTENTION", f'{type(self).__name__} "{self.name}": {wrong}; got {said}.'
        )

    # ---------------------------------------------------------------- the way through

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        way = Way(self, query.shape, value.shape, self.axes(query.ndim), use_causal_mask)
        key_masks = (value_mask, key_mask)
        mask = way.mask(attention_mask, query_mask, key_masks, self.sliding_window)
        to_query, to_key, to_value, out = self.projections()
        q, k, v = (way.fold(x) for x in (to_query(query), to_key(key), to_value(value)))
        drops = training and self.dropout > 0
        if return_attention_scores or drops:
            if self.flash_attention:
                raise self._unfused("keeps no scores, which were asked for")
            mixed, weights = self._weighed(q, k, v, way.seen(mask), drops)
        else:
            mixed, weights = self._mixed(way, q, k, v, mask), None
        mixed = way.unfold(mixed)
        if self.use_gate:
            mixed = mixed * self._gate_dense(query)
        result = out(mixed)
        return (result, way.open(weights)) if return_attention_scores else result

    def _mixed(self, way: "Way", q: Any, k: Any, v: Any, mask: Any) -> Any:
        """Values mixed by attention, in one op.

        Where the other way through might be taken too, which keeps nothing for a place that may
        look nowhere, nothing is kept here either.
        """
        how = {"flash_attention": self.flash_attention}
        if mask is None or (self.dropout == 0 and way.plain):
            return ops.dot_product_attention(q, k, v, mask=mask, is_causal=way.is_causal, **how)
        seen = way.seen(mask)
        mixed = ops.dot_product_attention(q, k, v, mask=seen, **how)
        some = ops.swapaxes(ops.any(seen, axis=-1), 1, 2)[..., None]  # (batch, time, heads, 1)
        return ops.where(some, mixed, 0)

    def _weighed(self, q: Any, k: Any, v: Any, seen: Any, drops: Any) -> tuple[Any, Any]:
        """Values mixed by attention, and the weights (batch, heads, time, key time)."""
        weights = ops.softmax(scores(q, k, None, seen, q.shape[-1] ** -0.5))
        if seen is not None:
            weights = ops.where(seen, weights, 0)
        weights = engine.cast(weights, str(q.dtype))
        kept = weights
        if drops:
            kept = ops.dropout(weights, self.dropout, key=state.draw_key(self.seed))
        return mix(kept, v), weights


RULES = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "bias_constraint",
)
"""Fields that each projection takes over."""


class MultiHeadAttention(_Heads):
    """Attention by dot products of projected query and key, in several heads side by side.

    Called as `layer(query, value, key=None)`; the key is the value by default. Further arguments
    of the call: `attention_mask`, True where a place may look, (batch, query time, key time) or
    with an axis of heads before the last two; `value_mask` and `key_mask`, (batch, key time), and
    `query_mask`, (batch, query time), which also travel with inputs (the query's passes on);
    `use_causal_mask=True`, by which place i looks at keys 0 to i only;
    `return_attention_scores=True`, which returns (result, weights), the weights (batch, heads,
    query time, key time) as they are before dropout.

    Shapes: query (batch, query time, features), value and key (batch, key time, any) give (batch,
    query time, features).

    Args:
        num_heads: number of heads.
        key_dim: size of a head's query and key.
        value_dim: size of a head's value; key_dim by default.
        dropout: share of weights set to 0 in training.
        use_bias: whether projections have a bias.
        output_shape: sizes of the result's last axes; the query's features by default.
        attention_axes: the axis or axes that places lie along; all but the first and last by
            default. Others are like more batch axes.
        sliding_window: how many places away a key is out of sight.
        flash_attention: True asks for a fused kernel, False for none; see
            `ops.dot_product_attention`.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: those of every projection.
        use_gate: whether the mixed values are multiplied by `sigmoid` of a projection of the query.
        seed: a whole number for draws of its own.

    Raises:
        UsageError: where shapes do not go together, or no fused kernel fits that was asked for.

    Source: Vaswani et al., "Attention Is All You Need", 2017.

    Example:
        >>> MultiHeadAttention(2, 16)(Input((10, 32)), Input((7, 24))).shape
        (None, 10, 32)
    """

    num_heads: Positive
    key_dim: Positive
    value_dim: Annotated[int | None, Within(1)] = None
    dropout: Rate = 0.0
    use_bias: bool = True
    output_shape: Shape = field(default=None, config=False, descriptor=GivenShape("result_sizes"))
    attention_axes: Axis = None
    sliding_window: Annotated[int | None, Within(1)] = None
    flash_attention: bool | None = field(default=None, config=False)
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    use_gate: bool = False
    seed: int | None = None

    def set_up(self) -> None:
        """Fill in the size of values, and keep axes as a tuple."""
        super().set_up()
        self.value_dim = self.value_dim or self.key_dim
        if isinstance(self.attention_axes, int):
            self.attention_axes = (self.attention_axes,)

    def axes(self, rank: int) -> tuple[int, ...]:
        """`attention_axes` counted from 0. Raises UsageError for the first or last."""
        if self.attention_axes is None:
            return tuple(range(1, rank - 1))
        found = tuple(a % rank if -rank <= a < rank else a for a in self.attention_axes)
        if any(not 0 < a < rank - 1 for a in found) or len(set(found)) < len(found):
            raise UsageError(
                "E-AXIS",
                f'MultiHeadAttention "{self.name}": attention_axes must be axes between batch and '
                f"features, for {rank} axes 1 to {rank - 2}; got {self.attention_axes}.",
            )
        return found

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = key_shape or value_shape
        shapes = {"query": query_shape, "value": value_shape, "key": key_shape}
        inner, outer = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim or 0)
        result = self.__dict__["result_sizes"] or (query_shape[-1],)
        made = self.make_projections(shapes, (inner, inner, outer, outer), result)
        self.query_dense, self.key_dense, self._gate_dense, self.value_dense, self.output_dense = (
            made
        )

    def projections(self) -> tuple[Any, Any, Any, Any]:
        """The layers for query, key, value and the result."""
        return self.query_dense, self.key_dense, self.value_dense, self.output_dense

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments as plain data."""
        config = {**super().get_config(), "output_shape": serialize(self.__dict__["result_sizes"])}
        return config | _said(self)


class GroupQueryAttention(_Heads):
    """As `MultiHeadAttention`, with fewer heads of key and value than of the query.

    Neighbouring heads of the query share a head of key and value. With one it is multi-query
    attention. Arguments of the call and shapes as there, with one axis of places.

    Args:
        head_dim: size of a head.
        num_query_heads: heads of the query.
        num_key_value_heads: heads of key and value; it must divide num_query_heads.
        dropout, use_bias, sliding_window, flash_attention, kernel_initializer, bias_initializer,
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint, use_gate, seed: as in `MultiHeadAttention`.

    Raises:
        UsageError: where the heads of the query cannot be shared out evenly.

    Source: Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models", 2023.

    Example:
        >>> GroupQueryAttention(8, 4, 2)(Input((10, 32)), Input((7, 32))).shape
        (None, 10, 32)
    """

    head_dim: Positive
    num_query_heads: Positive
    num_key_value_heads: Positive
    dropout: Rate = 0.0
    use_bias: bool = True
    sliding_window: Annotated[int | None, Within(1)] = None
    flash_attention: bool | None = field(default=None, config=False)
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    use_gate: bool = False
    seed: int | None = None

    most_axes = 3

    def set_up(self) -> None:
        """Name the layer as in Keras, and hold the numbers of heads against each other."""
        self.name = self.name or unique_name("grouped_query_attention")
        super().set_up()
        if self.num_query_heads % self.num_key_value_heads:
            raise UsageError(
                "E-ATTENTION",
                f'GroupQueryAttention "{self.name}": num_key_value_heads must divide '
                f"num_query_heads={self.num_query_heads}; got {self.num_key_value_heads}.",
            )

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        shapes = {"query": query_shape, "value": value_shape, "key": key_shape or value_shape}
        many = (self.num_query_heads, self.head_dim)
        few = (self.num_key_value_heads, self.head_dim)
        made = self.make_projections(shapes, (many, few, few, many), (query_shape[-1],))
        self._query_dense, self._key_dense, self._gate_dense = made[:3]
        self._value_dense, self._output_dense = made[3:]

    def projections(self) -> tuple[Any, Any, Any, Any]:
        """The layers for query, key, value and the result."""
        return self._query_dense, self._key_dense, self._value_dense, self._output_dense

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments as plain data."""
        return super().get_config() | _said(self)


def _said(layer: _Heads) -> dict[str, Any]:
    """`flash_attention` where it was chosen: files say nothing of it otherwise."""
    chosen = layer.flash_attention
    return {} if chosen is None else {"flash_attention": chosen}
