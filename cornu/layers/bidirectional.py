"""A recurrent layer run both ways over time."""

from typing import Annotated, Any, ClassVar

from cornu import config, engine, ops
from cornu.config import OneOf, field
from cornu.errors import UsageError, shown
from cornu.layers.base import Layer
from cornu.layers.recurrent_base import Recurrent, require_sequences
from cornu.layers.signature import call_signature
from cornu.layers.wrappers import Wrapper

__all__ = ["Bidirectional"]

MERGES = {
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
    None: lambda a, b: (a, b),
}
"""How the outputs of both ways become one."""


class Bidirectional(Wrapper):
    """A recurrent layer from the first step to the last, and its twin from the last to the first.

    Outputs of all steps lie in the order of time in both. A masked step gives zeros there, and the
    states pass over it.

    Shapes: as the layer's, with twice the features for "concat"; with `return_state` a tuple of
    the output and the last states, those of the way forward first.

    Args:
        layer: a recurrent layer, or a layer with `go_backwards`, `return_sequences`,
            `return_state` and `stateful`. It is made anew, for each way once.
        merge_mode: "concat", "sum", "ave", "mul", or None for a tuple of both outputs.
        weights: arrays to begin with, those of the way forward first.
        backward_layer: the layer of the way back, where it is to be another one; it must go
            backwards and return what `layer` returns.

    Raises:
        UsageError: for a layer that cannot go backwards, or two that do not fit together.

    Source: Schuster and Paliwal, "Bidirectional Recurrent Neural Networks", 1997.

    Example:
        >>> Bidirectional(LSTM(8, return_sequences=True))(Input((None, 3))).shape
        (None, None, 16)
    """

    merge_mode: Annotated[str | None, OneOf(*MERGES)] = "concat"
    backward_layer: Any = field(default=None, kw_only=True)

    options = (*Wrapper.options, "weights")

    supports_masking = True
    _begin_with: ClassVar[Any] = None

    def take_options(self, options: dict[str, Any]) -> None:
        """Keep weights for when the layers are built."""
        super().take_options(options)
        self.__dict__["_begin_with"] = options.get("weights")

    def set_up(self) -> None:
        """Make the two layers."""
        super().set_up()
        given = self.layer
        missing = [n for n in ("go_backwards", "return_sequences") if not hasattr(given, n)]
        if missing:
            raise UsageError(
                "E-BIDIRECTIONAL",
                f"Bidirectional needs a recurrent layer, as in Bidirectional(LSTM(32)); got "
                f"{shown(given)}, which has no {' and no '.join(missing)}.",
            )
        self.layer = self.forward_layer = _twin(given, "forward")
        if self.backward_layer is None:
            self.backward_layer = _twin(given, "backward", go_backwards=not given.go_backwards)
        self._check_pair()
        for layer in (self.forward_layer, self.backward_layer):
            if isinstance(layer, Recurrent):
                layer.zero_output_for_mask = layer.return_sequences
        self.mixes_rows = self.forward_layer.mixes_rows
        self.input_spec = given.input_spec

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise UsageError(
                "E-BIDIRECTIONAL",
                f'Bidirectional "{self.name}": layer and backward_layer go the same way; set '
                f"go_backwards={not forward.go_backwards} in backward_layer.",
            )
        for name in ("return_sequences", "return_state", "stateful"):
            one, other = (getattr(x, name, False) for x in (forward, backward))
            if one != other:
                raise UsageError(
                    "E-BIDIRECTIONAL",
                    f'Bidirectional "{self.name}": layer has {name}={one}, backward_layer has '
                    f"{name}={other}; both must return the same.",
                )

    @property
    def return_sequences(self) -> bool:
        """Whether the outputs of all steps are returned."""
        return self.forward_layer.return_sequences

    @property
    def return_state(self) -> bool:
        """Whether the last states are returned."""
        return bool(getattr(self.forward_layer, "return_state", False))

    @property
    def stateful(self) -> bool:
        """Whether a batch goes on from the states that the one before it left."""
        return bool(getattr(self.forward_layer, "stateful", False))

    def _build_from(self, args: tuple, kwargs: Any) -> None:
        if isinstance(self.forward_layer, Recurrent):
            require_sequences(self, args[0] if args else kwargs.get("sequences"))
        super()._build_from(args, kwargs)

    def build(self, sequences_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            self.build_inside(layer, sequences_shape)
        if self._begin_with is not None:
            self.set_weights(self._begin_with)

    def reset_states(self) -> None:
        """Begin the next batch from zeros, both ways."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    reset_state = reset_states

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = None,
    ) -> Any:
        """Both ways, and what they become together. `initial_state`: those of both, in one list."""
        begin: list[Any] = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            begin = [list(initial_state[:half]), list(initial_state[half:])]
        made, states = [], []
        for layer, own in zip((self.forward_layer, self.backward_layer), begin, strict=True):
            y, *last = self._one_way(layer, sequences, own, mask, training)
            if self.return_sequences and layer.go_backwards:
                y = engine.np.flip(y, axis=1)
            made.append(y)
            states += last
        merged = MERGES[self.merge_mode](*made)
        if not self.return_state:
            return merged
        return (*(merged if self.merge_mode is None else [merged]), *states)

    def _one_way(self, layer: Layer, x: Any, begin: Any, mask: Any, training: Any) -> tuple:
        known = call_signature(type(layer).call)
        said = {"initial_state": begin, "mask": mask, "training": training}
        said = {n: v for n, v in said.items() if v is not None and n in known.names}
        result = layer(x, **said)
        return result if isinstance(result, tuple) else (result,)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs where all steps are returned; states have none."""
        outer = self.forward_layer.compute_mask(inputs, previous_mask)
        mask, *none = outer if isinstance(outer, (list, tuple)) else [outer]
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if not none:
            return outputs if self.merge_mode is None else mask
        return [*outputs, *none, *none]


def _twin(layer: Any, way: str, **changes: Any) -> Any:
    """A layer made as `layer` was, for one way: "lstm" becomes "forward_lstm"."""
    prefix = f"{way}_"
    wanted = {**layer.get_config(), "name": prefix + layer.name.removeprefix(prefix), **changes}
    with config.custom_object_scope({type(x).__name__: type(x) for x in layer.all_layers()}):
        return type(layer).from_config(wanted)
