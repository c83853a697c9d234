"""The `Graph` of Keras 0.1 to 1.1: a model of named nodes, fed and trained on dicts.

Nodes are given a name and the names of what they read; data for inputs and outputs come in one
dict. `AutoEncoder` of Keras 0 is here too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cornu.config import deserialize_inner, serialize
from cornu.dialects import generations
from cornu.dialects.merge_calls import joined
from cornu.dialects.merging import merger
from cornu.dialects.methods import METHODS
from cornu.dialects.patches import tell
from cornu.errors import UsageError, listed, shown, suggestion
from cornu.graph import Tensor
from cornu.layers import Input, Layer
from cornu.models import Model, functional
from cornu.models.configs import functional_from_config

__all__ = ["AutoEncoder", "Graph"]

DTYPES: dict[str, Any] = {"float": None, "int": "int32"}


class Graph(Model):
    """A model made node by node; every node has a name, and says what it reads by name.

    Data are dicts with an array for each input and each output:
    `fit({"input": x, "output": y})`; `predict({"input": x})["output"]`.

    Attributes:
        nodes: name -> layer.
        input_order, output_order: names in the order in which they were added.
        input_config, node_config, output_config: what `add_input`, `add_node` and `add_output`
            were told.

    Example:
        >>> graph = Graph()
        >>> graph.add_input("input", input_shape=(4,))
        >>> graph.add_node(Dense(3), "dense", input="input")
        >>> graph.add_output("output", input="dense")
    """

    def __init__(self, name: str | None = None, **options: Any):
        tell("Graph()", "Model(inputs, outputs), with Input(shape) and layers called on Tensors")
        self.nodes: dict[str, Layer] = {}
        self.input_config: list[dict] = []
        self.node_config: list[dict] = []
        self.output_config: list[dict] = []
        self._starts: dict[str, Tensor] = {}
        self._made: dict[str, Any] = {}
        self._ends: dict[str, Tensor] = {}
        self._laid_out: functional.Graph | None = None
        super().__init__(name=name or "", **options)

    def set_up(self) -> None:
        """Give the model its name; nodes are added afterwards."""
        Layer.set_up(self)

    @property
    def _graph(self) -> functional.Graph | None:  # pyright: ignore
        """From the inputs to the outputs, once there are any."""
        if self._laid_out is None and self._starts and self._ends:
            self._laid_out = functional.Graph(dict(self._starts), dict(self._ends))
        return self._laid_out

    @property
    def input_order(self) -> list[str]:
        """Names of the inputs."""
        return list(self._starts)

    @property
    def output_order(self) -> list[str]:
        """Names of the outputs."""
        return list(self._ends)

    @property
    def inputs(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Input name -> its layer."""
        return {name: tensor.node.op for name, tensor in self._starts.items() if tensor.node}

    @inputs.setter
    def inputs(self, value: Any) -> None:
        """Set by `add_input`."""

    @property
    def outputs(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Output name -> the layer that makes it."""
        return {name: tensor.node.op for name, tensor in self._ends.items() if tensor.node}

    @outputs.setter
    def outputs(self, value: Any) -> None:
        """Set by `add_output`."""

    # ---------------------------------------------------------------- making it

    def add_input(
        self,
        name: str,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        dtype: Any = "float",
        ndim: int | None = None,
    ) -> None:
        """Begin at data of that name; shapes as of `Input`, or only the number of axes."""
        self._check_new(name)
        if ndim is not None and input_shape is None and batch_input_shape is None:
            input_shape = (None,) * (ndim - 1)
        said = getattr(dtype, "__name__", dtype)  # int, as well as "int"
        dtype = DTYPES.get(said, said)
        named: dict[str, Any] = {"dtype": dtype, "name": name}
        if batch_input_shape is not None:
            tensor = Input(batch_shape=batch_input_shape, **named)
        else:
            tensor = Input(input_shape, **named)
        self._starts[name] = self._made[name] = tensor
        self.input_config.append({"name": name, "input_shape": tensor.shape[1:], "dtype": dtype})
        self._changed()

    def add_node(
        self,
        layer: Layer,
        name: str,
        input: str | None = None,
        inputs: Sequence[str] = (),
        merge_mode: str = "concat",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        create_output: bool = False,
    ) -> None:
        """Call a layer, or a model, on what was made under a name, or on several that are merged.

        Raises UsageError for a name that nothing has, or that is taken.
        """
        self._check_new(name)
        said = {"merge_mode": merge_mode, "concat_axis": concat_axis, "dot_axes": dot_axes}
        value = self._read(name, input, inputs, said)
        layer.name = name
        self._made[name] = layer(value)
        self.nodes[name] = layer
        reads = {"name": name, "input": input, "inputs": list(inputs)}
        self.node_config.append({**reads, **said, "create_output": create_output})
        if create_output:
            self.add_output(name, input=name)

    def add_shared_node(
        self,
        layer: Layer,
        name: str,
        inputs: Sequence[str] = (),
        merge_mode: str | None = None,
        concat_axis: int = -1,
        dot_axes: Any = -1,
        outputs: Sequence[str] = (),
        create_output: bool = False,
    ) -> None:
        """Call one layer on each of several; what it gives is merged, or named by `outputs`."""
        self._check_new(name)
        if not merge_mode and len(outputs) != len(inputs):
            raise UsageError(
                "E-OUTPUTS",
                f'shared node "{name}" reads {len(inputs)} inputs; say merge_mode, or as many '
                f"names of outputs; got {list(outputs)}.",
            )
        layer.name = name
        self.nodes[name] = layer
        made = [layer(self._at(read)) for read in inputs]
        if merge_mode == "join":
            self._made[name] = joined(inputs, made)
        elif merge_mode:
            merge = merger(merge_mode, concat_axis, dot_axes, name=f"{name}_merge")
            self._made[name] = merge(made)
        else:
            for output, tensor in zip(outputs, made, strict=True):
                self._check_new(output)
                self._made[output] = tensor
        for output in [name] if merge_mode else outputs:
            if create_output and merge_mode != "join":
                self.add_output(output, input=output)

    def add_output(
        self,
        name: str,
        input: str | None = None,
        inputs: Sequence[str] = (),
        merge_mode: str = "concat",
        concat_axis: int = -1,
        dot_axes: Any = -1,
    ) -> None:
        """Let the model give, under this name, what was made under another."""
        if name in self._ends:
            raise UsageError("E-NAMES", f'the graph has an output "{name}" already.')
        said = {"merge_mode": merge_mode, "concat_axis": concat_axis, "dot_axes": dot_axes}
        self._ends[name] = self._read(name, input, inputs, said)
        self.output_config.append({"name": name, "input": input, "inputs": list(inputs), **said})
        self.built = True
        self._changed()

    def _check_new(self, name: str) -> None:
        if name in self._made:
            raise UsageError("E-NAMES", f'the graph has a node "{name}" already.')

    def _at(self, name: str) -> Any:
        if name not in self._made:
            raise UsageError(
                "E-LAYER",
                f'the graph has no node "{name}". {suggestion(name, self._made)}'
                f"Nodes: {listed(self._made)}.",
            )
        return self._made[name]

    def _read(
        self, name: str, input: str | None, inputs: Sequence[str], said: Mapping[str, Any]
    ) -> Any:
        """What stands under one name, or under several, merged."""
        if input is not None:
            return self._at(input)
        if not inputs:
            raise UsageError(
                "E-GRAPH", f'node "{name}" must say what it reads: input="…" or inputs=["…", "…"].'
            )
        values = [self._at(one) for one in inputs]
        if said["merge_mode"] == "join":
            return joined(inputs, values)
        if len(values) == 1:
            return values[0]
        merge = merger(
            said["merge_mode"], said["concat_axis"], said["dot_axes"], name=f"{name}_merge"
        )
        return merge(values)

    def _changed(self) -> None:
        self._laid_out = None
        self._kept.clear()

    # ---------------------------------------------------------------- training, on dicts

    def _x(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return _picked(data, self._starts, "input")

    def _y(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return _picked(data, self._ends, "output")

    def _weights(self, options: dict[str, Any]) -> dict[str, Any]:
        """`class_weight` and `sample_weight`, dicts by output, as `Model` takes them."""
        found = dict(options)
        for key in ("class_weight", "sample_weight"):
            said = found.get(key)
            if not said:
                found.pop(key, None)
            elif len(self._ends) == 1 and isinstance(said, Mapping) and {*said} <= {*self._ends}:
                found[key] = next(iter(said.values()))
        return found

    def fit(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Mapping[str, Any], *args: Any, validation_data: Any = None, **options: Any
    ) -> Any:
        """Train on a dict of arrays; the rest as of `Model.fit`, by the names of its time."""
        held = validation_data
        if isinstance(held, Mapping):
            held = (self._x(held), self._y(held))
        options = self._weights(options)
        if held is not None:
            options["validation_data"] = held
        return METHODS["fit"](self, self._x(data), self._y(data), *args, **options)

    def evaluate(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Mapping[str, Any], batch_size: int = 128, verbose: int = 0, **options: Any
    ) -> Any:
        """The loss over a dict of arrays."""
        told = {"batch_size": batch_size, "verbose": verbose, **self._weights(options)}
        found = METHODS["evaluate"](self, self._x(data), self._y(data), **told)
        return found[0] if _total_alone(found, options) else found

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Mapping[str, Any], batch_size: int = 128, verbose: int = 0
    ) -> Any:
        """Output name -> array."""
        return METHODS["predict"](self, self._x(data), batch_size, verbose)

    def train_on_batch(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Mapping[str, Any], **options: Any
    ) -> Any:
        """One training step on a dict of arrays."""
        return self._on_batch("train_on_batch", data, options)

    def test_on_batch(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Mapping[str, Any], **options: Any
    ) -> Any:
        """The loss of a dict of arrays."""
        return self._on_batch("test_on_batch", data, options)

    def _on_batch(self, method: str, data: Mapping[str, Any], options: dict[str, Any]) -> Any:
        told = self._weights(options)
        found = METHODS[method](self, self._x(data), self._y(data), **told)
        return found[:1] if _total_alone(found, options) else found

    def predict_on_batch(self, x: Mapping[str, Any]) -> Any:
        """Output name -> array, for one batch."""
        return super().predict_on_batch(self._x(x))

    def _pairs(self, generator: Iterable[Any]) -> Iterator[tuple]:
        """Batches (x, y) or (x, y, weights) of a generator of dicts, or of (dict, weights)."""
        for item in generator:
            data, *weights = item if isinstance(item, (tuple, list)) else (item,)
            told = self._weights({"sample_weight": weights[0]} if weights else {})
            yield self._x(data), self._y(data), *told.values()

    def fit_generator(
        self, generator: Iterable[Any], *args: Any, validation_data: Any = None, **options: Any
    ) -> Any:
        """Train on what a generator of dicts yields; the rest as of Model's own."""
        held = validation_data
        if isinstance(held, Mapping):
            held = (self._x(held), self._y(held))
        elif held is not None and not isinstance(held, (tuple, list)):
            held = self._pairs(held)
        options = self._weights(options)
        if held is not None:
            options["validation_data"] = held
        return METHODS["fit_generator"](self, self._pairs(generator), *args, **options)

    def evaluate_generator(self, generator: Iterable[Any], *args: Any, **options: Any) -> Any:
        """The loss over what a generator of dicts yields."""
        return METHODS["evaluate_generator"](self, self._pairs(generator), *args, **options)

    def compile(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, optimizer: Any, loss: Any = None, **options: Any
    ) -> None:
        """Say how the model is trained; `loss` is a dict by output name."""
        METHODS["compile"](self, optimizer=optimizer, loss=loss, **options)

    # ---------------------------------------------------------------- as plain data

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        """A graph from what `get_config` gave, with new weights."""
        known: Any = functional_from_config(Model, config)
        made = cls(known.name)
        layout = known._graph
        made._starts, made._ends = dict(layout.inputs), dict(layout.outputs)
        for layer in layout.layers:
            places = layer._places()
            made._made[layer.name] = places[0].outputs if len(places) == 1 else None
            if layer.name not in made._starts:
                made.nodes[layer.name] = layer
        made.built = True
        return made

    def get_config(self) -> dict[str, Any]:
        """The graph as plain data, in the form of today's models."""
        plain = Model(dict(self._starts), dict(self._ends), name=self.name)
        return plain.get_config()


def _total_alone(found: Any, options: Mapping[str, Any]) -> bool:
    """Whether only the sum of the losses is wanted of these figures: so it was in Keras 0."""
    asked = options.get("show_accuracy") or options.get("accuracy")
    return isinstance(found, list) and not asked and generations.before("1.0")


def _picked(data: Any, names: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The arrays of these names. Raises UsageError where one is missing."""
    if not isinstance(data, Mapping):
        raise UsageError(
            "E-KEYS",
            f"a Graph takes a dict with an array for each of {listed(names)}; got {shown(data)}.",
        )
    missing = [name for name in names if name not in data]
    if missing:
        raise UsageError(
            "E-KEYS",
            f'data for the {what} "{missing[0]}" are missing. {suggestion(missing[0], data)}'
            f"Given: {listed(map(str, data))}.",
        )
    return {name: data[name] for name in names}


class AutoEncoder(Layer):
    """An encoder, then a decoder: both are layers or models.

    Args:
        encoder, decoder: what is called first, and on what that gives.
        output_reconstruction: whether the decoder's output is given; else the encoder's. Compile
            the model again when it has been changed.
    """

    def __init__(
        self,
        encoder: Layer,
        decoder: Layer,
        output_reconstruction: bool = True,
        weights: Sequence[Any] | None = None,
        **options: Any,
    ):
        tell("AutoEncoder(encoder, decoder)", "Sequential([encoder, decoder])")
        super().__init__(**options)
        self.encoder, self.decoder = encoder, decoder
        self.output_reconstruction = output_reconstruction
        self._begin_with = weights
        if self.declared_shape is None:
            known = isinstance(encoder, Model) and encoder._graph is not None
            self.declared_shape = encoder.input_shape if known else encoder.declared_shape

    def build(self, input_shape: Any) -> None:
        self.encoder.build(input_shape)
        if self._begin_with is not None:
            self.decoder.build(self.encoder.compute_output_shape(input_shape))
            self.set_weights(self._begin_with)

    def call(self, x: Any) -> Any:
        code = self.encoder(x)
        return self.decoder(code) if self.output_reconstruction else code

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, without weights."""
        return {
            "name": self.name,
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "output_reconstruction": self.output_reconstruction,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "AutoEncoder":
        """A layer from what `get_config` gave."""
        return cls(**{name: deserialize_inner(value) for name, value in config.items()})
