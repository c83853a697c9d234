"""Attention without projections of its own: by dot products, or by a sum of query and key.

Layers with projections and heads are in `attention_heads.py`.
"""

from typing import Annotated, Any, ClassVar

from cornu import engine, ops, state
from cornu.config import OneOf, field
from cornu.errors import UsageError, shown
from cornu.fields import Rate
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.ops.attention import both, causal, least


class _Attending(Layer):
    """Takes [query, value] or [query, value, key]; scores are a subclass's."""

    supports_masking = True
    dropout: ClassVar[Any]
    seed: ClassVar[Any]

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        query, value, key = self._inputs(inputs)
        query_mask, value_mask = self._masks(mask)
        drops = training and self.dropout > 0
        fused = None
        if not (return_attention_scores or drops):
            fused = self.at_once(query, value, key, value_mask, use_causal_mask)
        if fused is None:
            weights = self.weigh(query, key, value_mask, use_causal_mask)
            kept = weights
            if drops:
                kept = ops.dropout(weights, self.dropout, key=state.draw_key(self.seed))
            result = ops.matmul(kept, value)  # (batch, query time, value depth)
        else:
            weights, result = None, fused
        if query_mask is not None:
            result = ops.where(query_mask[..., None], result, 0)
        return (result, weights) if return_attention_scores else result

    def at_once(self, query: Any, value: Any, key: Any, mask: Any, is_causal: bool) -> Any:
        """The result without the scores, where there is a shorter way to it; else None."""

    def scores(self, query: Any, key: Any) -> Any:
        """How well places go together: (batch, query time, key time)."""
        raise NotImplementedError

    def weigh(self, query: Any, key: Any, mask: Any, is_causal: bool) -> Any:
        """Softmax of the scores over keys, in float32 at least within."""
        found = self.scores(query, key)
        wide = engine.cast(found, "float32") if found.dtype.itemsize < 4 else found
        seen = None if mask is None else mask[..., None, :]
        ahead = causal(query.shape[-2], key.shape[-2]) if is_causal else None
        seen = both(seen, ahead)
        if seen is not None:
            wide = ops.where(seen, wide, least(str(wide.dtype)))
        return engine.cast(ops.softmax(wide), str(found.dtype))

    def _inputs(self, inputs: Any) -> list:
        self._check_list("inputs", inputs)
        return [*inputs, inputs[1]] if len(inputs) == 2 else list(inputs)

    def _masks(self, mask: Any) -> list:
        if mask is None:
            return [None, None]
        self._check_list("mask", mask)
        return [None if m is None else engine.cast(engine.array(m), "bool") for m in mask[:2]]

    def _check_list(self, name: str, given: Any) -> None:
        """Raise UsageError for what is no list of two or three."""
        if not isinstance(given, (list, tuple)):
            raise self._no_list(name, shown(given))
        if len(given) not in (2, 3):
            raise self._no_list(name, f"{len(given)} in a list")

    def _no_list(self, name: str, got: str) -> UsageError:
        words = (
            ("query_mask, value_mask", "key_mask") if name == "mask" else ("query, value", "key")
        )
        return UsageError(
            "E-ATTENTION",
            f'{type(self).__name__} "{self.name}" takes {name} as a list, [{words[0]}] or '
            f"[{', '.join(words)}]; got {got}.",
        )

    def _check_shapes(self, shapes: Any) -> None:
        """Raise UsageError where shapes of the inputs do not go together."""
        if not any(isinstance(shape, (list, tuple)) for shape in shapes):
            raise self._no_list("inputs", f"one array of shape {tuple(shapes)}")
        self._check_list("inputs", shapes)
        for shape in shapes:
            if not isinstance(shape, (list, tuple)) or len(shape) < 3:
                raise self._unfit("inputs must be (batch, time, features)", shapes)
        key, value = shapes[-1], shapes[1]
        if shapes[0][-1] != key[-1]:
            raise self._unfit("query and key must have as many features", shapes)
        if key[-2] != value[-2] and None not in (key[-2], value[-2]):
            raise self._unfit("key and value must be equally long", shapes)

    def _unfit(self, wrong: str, shapes: Any) -> UsageError:
        return UsageError(
            "E-ATTENTION",
            f'{type(self).__name__} "{self.name}": {wrong}; got '
            f"{', '.join(str(tuple(s)) for s in shapes)}.",
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The query's mask."""
        return None if previous_mask is None else previous_mask[0]


class Attention(_Attending):
    """`softmax(scores(query, key)) @ value`, with scores of dot products (Luong).

    Called on [query, value] or [query, value, key]; the key is the value by default. `mask` is
    [query_mask, value_mask]: keys where `value_mask` is False are not looked at, and the result is
    0 where `query_mask` is False. `use_causal_mask=True` lets place i look at keys 0 to i only.
    With `return_attention_scores=True` the result is (result, weights); weights, as they are
    before dropout, are (batch, query time, key time).

    Shapes: query (batch, query time, depth), value (batch, key time, value depth), key (batch, key
    time, depth) give (batch, query time, value depth).

    Args:
        use_scale: whether scores are multiplied by a weight, a scalar that begins as 1.
        score_mode: "dot" for `query @ keyᵀ`; "concat" for `w * sum(tanh(query + key))` with a
            scalar weight w.
        dropout: share of weights set to 0 in training.
        seed: a whole number for draws of its own.

    Raises:
        UsageError: where inputs are no list of two or three, or shapes do not go together.

    Source: Luong, Pham and Manning, "Effective Approaches to Attention-based NMT", 2015.

    Example:
        >>> Attention()([Input((3, 8)), Input((5, 8))]).shape
        (None, 3, 8)
    """

    use_scale: bool = False
    score_mode: Annotated[str, OneOf("dot", "concat")] = "dot"
    dropout: Rate = 0.0
    seed: int | None = None

    def build(self, input_shape: Any) -> None:
        self._check_shapes(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Any, key: Any) -> Any:
        if self.concat_score_weight is None:
            found = ops.matmul(query, ops.swapaxes(key, -1, -2))
            return found if self.scale is None else found * self.scale
        sums = query[..., :, None, :] + key[..., None, :, :]
        sums = sums if self.scale is None else sums * self.scale
        return ops.sum(ops.tanh(sums), axis=-1) * self.concat_score_weight

    def at_once(self, query: Any, value: Any, key: Any, mask: Any, is_causal: bool) -> Any:
        if self.score_mode != "dot" or query.ndim != 3:
            return None
        query, value, key = (x[:, :, None] for x in (query, value, key))  # one head
        seen = None if mask is None else mask[:, None, None]
        if self.scale is not None:
            query = query * self.scale
        how = {"mask": seen, "scale": 1.0, "is_causal": is_causal}
        return ops.dot_product_attention(query, key, value, **how)[:, :, 0]


class AdditiveAttention(_Attending):
    """`softmax(sum(scale * tanh(query + key))) @ value` (Bahdanau).

    Inputs, masks, further arguments of the call and shapes as in `Attention`.

    Args:
        use_scale: whether features are weighed by a vector of weights before they are summed.
        dropout: share of weights set to 0 in training.
        seed: a whole number for draws of its own.

    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and
    Translate", 2015.

    Example:
        >>> AdditiveAttention()([Input((3, 8)), Input((5, 8))]).shape
        (None, 3, 8)
    """

    use_scale: bool = True
    dropout: Rate = 0.0
    seed: int | None = field(default=None, kw_only=True)

    def build(self, input_shape: Any) -> None:
        self._check_shapes(input_shape)
        self.scale = None
        if self.use_scale:
            depth = known_size(self, input_shape[0], -1, "the last axis")
            self.scale = self.add_weight((depth,), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        sums = ops.tanh(query[..., :, None, :] + key[..., None, :, :])
        return ops.sum(sums if self.scale is None else sums * self.scale, axis=-1)
