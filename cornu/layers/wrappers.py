"""Layers around one layer: the same for every time step, or with a kernel of norm 1.

`Wrapper` is their base. Those around recurrent layers are elsewhere.
"""

from typing import Annotated, Any

from cornu import engine, initializers, state, tree
from cornu.config import Convert, Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Tensor
from cornu.layers.base import Layer
from cornu.layers.normalization import BatchNormalization
from cornu.layers.signature import call_signature, map_shapes
from cornu.state import Variable


def _a_layer(value: Any) -> Any:
    if isinstance(value, Layer):
        return value
    called = isinstance(value, type)
    hint = f" Did you forget the parentheses: {value.__name__}(…)?" if called else ""
    raise UsageTypeError("E-LAYER-CLASS", f"a layer or a model goes in; got {shown(value)}.{hint}")


InnerLayer = Annotated[Any, Convert(_a_layer)]
"""A field that holds a layer or a model."""


class Wrapper(Layer):
    """A layer around one layer or model, which it builds. Subclasses write `call`.

    Args:
        layer: what is inside. Its weights are the wrapper's.
    """

    layer: InnerLayer

    def build(self, input_shape: Any = None) -> None:
        if input_shape is not None:
            self.build_inside(self.layer, input_shape)

    def build_inside(self, layer: Layer, input_shape: Any) -> None:
        """Build `layer`, one of this layer's own, for inputs of a shape, or shapes, batch first."""
        given = map_shapes(lambda shape: Tensor(shape, self.compute_dtype), input_shape)
        with state.within(path=self._path()):
            layer._build_from((given,), {})


class TimeDistributed(Wrapper):
    """The inner layer, applied to every time step by itself, with the same weights.

    Batch and time are folded into one axis, so the inner layer is called once, on batch * time
    rows. In training `BatchNormalization` inside takes its statistics over all of them.

    Shapes: (batch, time, ...) gives (batch, time, ...), where the inner layer makes the last of
    these from the first; structures of such arrays likewise. Time may be unknown.

    A mask (batch, time) passes on; `BatchNormalization` and users' own layers inside are given it
    as (batch * time,). What a mask has beyond these two axes is the mask of the inner layer's
    input, and what becomes of it is for that layer to say.

    Args:
        layer: a layer or a model.

    Raises:
        UsageError: for inputs without a time axis, or a mask of another batch or time.

    Example:
        >>> TimeDistributed(Conv2D(4, 3))(Input((None, 16, 16, 1))).shape
        (None, None, 14, 14, 4)
    """

    supports_masking = True

    def build(self, input_shape: Any) -> None:
        super().build(map_shapes(self._folded_shape, input_shape))

    def _folded_shape(self, shape: Any) -> tuple:
        if len(shape) < 3:
            raise UsageError(
                "E-RANK",
                f'TimeDistributed "{self.name}" needs (batch, time, ...), three axes at least; got '
                f'{tuple(shape)}. For inputs without time apply "{self.layer.name}" itself.',
            )
        batch, time = shape[:2]
        rows = None if batch is None or time is None else batch * time
        return (rows, *shape[2:])

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        first = tree.leaves(inputs)[0]
        batch, time = first.shape[:2]
        rows = tree.map_structure(_folded, inputs)
        said = {} if mask is None else self._give_mask(rows, mask, (batch, time))
        outputs = self.layer(rows, training=training, **said)

        def unfolded(y: Any) -> Any:
            made = engine.np.reshape(y, (batch, time, *y.shape[1:]))
            inside = state.mask_of(y)
            if inside is not None:
                inside = engine.np.reshape(inside, (batch, time, *inside.shape[1:]))
            state.set_mask(made, _of_steps(mask) if inside is None else inside)
            return made

        return tree.map_structure(unfolded, outputs)

    def _give_mask(self, rows: Any, mask: Any, steps: tuple[int, int]) -> dict[str, Any]:
        """Let the folded mask travel with `rows`; what the inner layer is to be given by name."""
        masks = tree.leaves(mask)
        for one in masks:
            if one is not None and tuple(one.shape[:2]) != steps:
                raise UsageError(
                    "E-MASK",
                    f'TimeDistributed "{self.name}": a mask of shape {tuple(one.shape)} does not '
                    f"fit inputs of (batch, time) = {steps}.",
                )
        folded = [None if one is None else _folded(one) for one in masks]
        for x, one in zip(tree.leaves(rows), folded, strict=False):
            if one is not None and one.ndim > 1:
                state.set_mask(x, one)
        alone = folded[0] if len(folded) == 1 else None
        given = alone is not None and alone.ndim == 1 and _takes_mask_of_rows(self.layer)
        return {"mask": alone} if given else {}

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: `call` gives the outputs their masks."""
        return None


def _folded(x: Any) -> Any:
    return engine.np.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


def _of_steps(mask: Any) -> Any:
    """A mask of more axes, or the first of several, as (batch, time): True where any is."""
    first = next((m for m in tree.leaves(mask) if m is not None), None)
    return first if first is None else engine.np.any(first, axis=tuple(range(2, first.ndim)))


def _takes_mask_of_rows(layer: Layer) -> bool:
    """Whether a mask with one value for each row says something to `layer`."""
    own = type(layer).__module__.split(".")[0] == "cornu"
    known = "mask" in call_signature(type(layer).call).masks
    return known and (isinstance(layer, BatchNormalization) or not own)


class SpectralNormalization(Wrapper):
    """The inner layer, its kernel divided by its largest singular value, which becomes about 1.

    That happens in training only, once a step, and the kernel keeps the value: so inference
    computes with the kernel as it is. The singular value is u K v, K the kernel as a matrix of
    (everything else, last axis); u and v are followed by power iteration, u from step to step.

    Shapes: those of the inner layer.

    Args:
        layer: a layer with a `kernel`, or `embeddings`.
        power_iterations: iterations in a step, >= 1.

    Raises:
        UsageError: when the layer has neither.

    Source: Miyato, Kataoka, Koyama and Yoshida, "Spectral Normalization for GANs", 2018.
    """

    power_iterations: Annotated[int, Within(1)] = 1

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        inside = vars(self.layer)
        self.kernel = inside.get("kernel", inside.get("embeddings"))
        if not isinstance(self.kernel, Variable):
            raise UsageError(
                "E-KERNEL",
                f'SpectralNormalization "{self.name}": {type(self.layer).__name__} '
                f'"{self.layer.name}" has no kernel and no embeddings to normalize.',
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            dtype=self.kernel.dtype,
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: Any = None) -> Any:
        if training:
            with state.within(dtype=None):  # in the kernel's own dtype
                vector, kernel = self._normalized(self.vector_u.value, self.kernel.value)
                self.vector_u.assign(vector)
                self.kernel.assign(kernel)
        return self.layer(inputs, training=training)

    def _normalized(self, vector: Any, kernel: Any) -> tuple[Any, Any]:
        """The next u, and the kernel divided by the singular value; a kernel of zeros as it is."""
        matrix = engine.np.reshape(kernel, (-1, kernel.shape[-1]))
        still = engine.stop_gradient(matrix)
        right = vector
        state.afford(state.TURN * self.power_iterations)
        for _ in range(self.power_iterations):
            left = _unit(engine.matmul(right, still.T))
            right = _unit(engine.matmul(left, still))
        value = engine.matmul(engine.matmul(left, matrix), right.T)
        nothing = engine.np.all(still == 0)
        right = engine.np.where(nothing, vector, right)
        return right, kernel / engine.np.where(nothing, 1, value[0, 0])


def _unit(vector: Any) -> Any:
    norm = engine.np.linalg.norm(vector)
    return vector / engine.np.where(norm == 0, 1, norm)
