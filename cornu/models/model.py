"""Model: a Layer made of a graph, a list, or a user's `call`, that can be trained."""

import copy
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu import graph, optimizers, saving, tree
from cornu.callbacks import History
from cornu.config import attribute, field
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.graph import Tensor
from cornu.layers import Embedding, Layer
from cornu.layers.places import NoPlace, Place
from cornu.models.configs import functional_config, functional_from_config
from cornu.models.functional import Graph
from cornu.models.host_prefix import laid_out
from cornu.models.summary import summarize
from cornu.models.tracing import Phase, pseudo_names, tensors_of, warn_of_trainable
from cornu.saving.archive import compile_config, compile_from
from cornu.state import Variable
from cornu.training import loop, steps
from cornu.training.objective import Objective


class Model(Layer):
    """A network with the means to train it.

    `Model(inputs, outputs)` is the graph between Tensors (any structure of them, models and shared
    layers inside). A subclass with its own `call` makes its layers in `__init__` and needs neither.

    Args:
        inputs: Tensors to feed, from `Input` or from anywhere in a graph.
        outputs: Tensors to compute.
        name: name of the model.

    Example:
        >>> x = Input((4,))
        >>> model = Model(x, Dense(1)(x))
        >>> model.compile("adam", "mse")
    """

    wire_module = "keras"
    inputs: Any = field(default=None, config=False)
    outputs: Any = field(default=None, config=False)

    _graph: Graph | None = attribute()
    optimizer: Any = attribute()
    _objective: Objective | None = attribute()
    _compiled_with: Mapping[str, Any] | None = attribute()
    history: History | None = attribute()
    _kept: dict[str, Any] = attribute()
    _built_by: dict[str, Any] | None = attribute()
    run_eagerly = False
    stop_training = False
    on_nonfinite = "raise"  # what `fit` does about it, unless it is told otherwise
    validate_data = True  # False: data are not searched for NaN, wrong class numbers and the like

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Give every model room for its compiled programs, whatever `__init__` does."""
        made = super().__new__(cls, *args, **kwargs)
        made.__dict__["_kept"] = UserDict()  # no dict: what is in it is no part of the model
        return made

    def set_up(self) -> None:
        """Lay out the graph, where there is one."""
        super().set_up()
        if (self.inputs is None) != (self.outputs is None):
            raise UsageTypeError("E-GRAPH", "Model(inputs, outputs) needs both, or neither.")
        if self.inputs is not None:
            self._graph = laid_out(self, self.inputs, self.outputs)
            self.inputs, self.outputs = self._graph.input_leaves, self._graph.output_leaves
            self.built = True

    def __getstate__(self) -> dict[str, Any]:
        """The nodes of the graph come first, in birth order: so a long one is no deep recursion."""
        kept = {k: v for k, v in super().__getstate__().items() if k != "_kept"}
        return kept if self._graph is None else {"nodes in order": self._graph.nodes, **kept}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        for node in kept.pop("nodes in order", ()):
            op = node.op
            known = op.__dict__.setdefault("_nodes", []) if isinstance(op, Layer) else [node]
            if node not in known:
                known.append(node)
        self.__dict__.update(kept, _kept=UserDict())

    def __deepcopy__(self, memo: dict) -> "Model":
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return twin

    # ---------------------------------------------------------------- as a layer

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Compute the outputs; a subclass without a graph writes its own."""
        if self._graph is None:
            raise NotImplementedError(
                f'{type(self).__name__} ("{self.name}") has neither inputs and outputs nor a call '
                "method: write call(self, x)."
            )
        return self._graph(inputs)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape, batch first."""
        if self._graph is None and input_shape is not None and not self.built:
            self.built = True
            given = tensors_of(input_shape)
            for phase in (True, False):
                graph.infer(Phase(self, phase), (given,), {})

    def _record(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        made = super()._record(args, kwargs)
        return made if self._graph is None else self._graph.packed(made)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """None: the layers inside have given the outputs their masks."""
        return None

    @property
    def mixes_rows(self) -> bool:
        """Whether, in inference, one row of a batch might influence another."""
        if not type(self).call.__module__.startswith("cornu."):
            return True
        plain = Model.mixes_rows  # models inside say what their layers say, which are here as well
        return any(x.mixes_rows for x in self.all_layers() if type(x).mixes_rows is not plain)

    def sublayers(self) -> list[Layer]:
        """Layers of the graph in Keras's order, then those in attributes."""
        attributes = super().sublayers()
        in_graph = self._graph.layers if self._graph is not None else []
        return list({id(x): x for x in [*in_graph, *attributes]}.values())

    def own_variables(self) -> list[Variable]:
        """Variables in attributes, and those that ops of the graph read."""
        found = super().own_variables()
        return found if self._graph is None else [*found, *self._graph.variables]

    @property
    def layers(self) -> list[Layer]:
        """The layers one level down."""
        return self.sublayers()

    def _places(self) -> list[Place]:
        """The graph itself, where there is one, then the calls on other Tensors."""
        own = [] if self._graph is None else [Place(self._graph.inputs, self._graph.outputs)]
        return [*own, *super()._places()]

    def _no_place(self) -> NoPlace:
        """The error for a model of Python code that was never called on Tensors."""
        return NoPlace(
            "E-NODES",
            f'"{self.name}" computes in Python (its own call) and has no graph, so no input or '
            "output: call it on an Input, as in y = model(Input(shape)).",
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name, or by its place in `layers`. Raises UsageError for an unknown one."""
        layers = self.layers
        if (name is None) == (index is None):
            both = f'; got both, "{name}" and {shown(index)}' if name is not None else ""
            raise UsageError(
                "E-LAYER",
                f"get_layer takes a name or an index{both}: say model.get_layer("
                f'"{layers[0].name if layers else "name"}") or model.get_layer(index=0).',
            )
        if index is not None:
            if not hasattr(index, "__index__"):
                raise UsageTypeError("E-TYPE", f"index must be a number; got {shown(index)}.")
            if not -len(layers) <= index < len(layers):
                raise UsageError(
                    "E-LAYER", f'"{self.name}" has {len(layers)} layers; there is no {index}.'
                )
            return layers[index]
        found = next((x for x in layers if x.name == name), None)
        if found is None:
            names = [x.name for x in layers]
            raise UsageError(
                "E-LAYER",
                f'"{self.name}" has no layer "{name}". {suggestion(str(name), names)}'
                f"Layers: {listed(names)}.",
            )
        return found

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], None] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print a table of the layers: output shapes, parameters, totals in bytes."""
        text = summarize(self, line_length, expand_nested, show_trainable)
        (print_fn or print)(text)

    # ---------------------------------------------------------------- as plain data and as files

    def get_config(self) -> dict[str, Any]:
        """The graph as plain data; for a subclass what its constructor was called with."""
        if self._graph is not None and type(self)._generated:
            return functional_config(self)
        return super().get_config()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A model from what `get_config` gave, with new weights."""
        if "layers" in config:
            return functional_from_config(cls, config)
        return super().from_config(config)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the model was built for, as plain data; a graph knows its own."""
        if self._graph is not None and type(self) is Model:
            return {"input_shape": None}
        return self._built_by or super().get_build_config()

    def build_from_config(self, config: Mapping[str, Any] | None) -> None:
        """Make the weights that `get_build_config` told of."""
        if config and "step_loss" in config and steps.stands_alone(self):
            self._build_alone(steps.batch_of(config))
        else:
            super().build_from_config(config)

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was called with, as plain data; None where it was not called."""
        return compile_config(self)

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile the model as `get_compile_config` said."""
        compile_from(self, config)

    def to_json(self, **options: Any) -> str:
        """The architecture, without weights, as JSON; `options` go to `json.dumps`."""
        return saving.model_to_json(self, **options)

    def to_yaml(self, **options: Any) -> str:
        """The same as YAML, which needs PyYAML; `options` go to `yaml.safe_dump`."""
        return saving.model_to_yaml(self, **options)

    def save(
        self,
        filepath: Any,
        overwrite: bool = True,
        include_optimizer: bool = True,
        zipped: bool | None = None,
    ) -> None:
        """Save the whole model as one file, `.keras` or `.h5`; see `saving.save_model`."""
        saving.save_model(self, filepath, overwrite, include_optimizer, zipped)

    def export(self, filepath: Any, format: str = "tf_saved_model", **options: Any) -> None:
        """Raises UsageError: only the library itself serves its models."""
        raise UsageError(
            "E-EXPORT",
            f"models are not exported to {shown(format)}. Save the whole model, "
            'model.save("model.keras"), which Keras 3 opens too and can export.',
        )

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None
    ) -> None:
        """Save the weights alone, as the name says; see `saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self,
        filepath: Any,
        skip_mismatch: bool = False,
        by_name: bool = False,
        *,
        backend: str | None = None,
        data_format: str | None = None,
    ) -> None:
        """Set the weights from a file, all or none; see `saving.load_weights`."""
        origin = {"backend": backend, "data_format": data_format}
        saving.load_weights(self, filepath, skip_mismatch, by_name, **origin)

    # ---------------------------------------------------------------- training

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained. A failed call leaves the model as it was.

        Args:
            optimizer: name or `Optimizer`.
            loss: name, function or `Loss`; a list or dict of them for several outputs.
            metrics, weighted_metrics: lists of names, functions or `Metric`s; by output too.
            loss_weights: numbers by output.
            run_eagerly: run Python on every step, to debug; slow.
            steps_per_execution, jit_compile: taken for Keras's sake. Steps are always compiled,
                and how many run in one go is chosen by itself.
            auto_scale_loss: whether a model of policy "mixed_float16" gets its optimizer wrapped
                in a `LossScaleOptimizer`.

        Raises:
            UsageError: for an unknown name, with the nearest one.
        """
        chosen: Any = optimizers.get(optimizer)
        if not hasattr(chosen, "apply"):
            raise UsageError(
                "E-OPTIMIZER",
                f"optimizer must be a name or an Optimizer; got {shown(optimizer)}. "
                'Say e.g. model.compile("adam", "mse").',
            )
        objective = Objective(loss, loss_weights, metrics, weighted_metrics)
        steps.check_compile(self, loss, metrics, weighted_metrics)
        scales = isinstance(chosen, optimizers.LossScaleOptimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16" and not scales:
            self.optimizer = optimizers.LossScaleOptimizer(chosen)
        else:
            self.optimizer = chosen
        self._objective, self.run_eagerly = objective, bool(run_eagerly)
        self._compiled_with = {
            "optimizer": chosen,
            "loss": loss,
            "metrics": metrics,
            "loss_weights": loss_weights,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self._kept.clear()
        if self.built:
            self._kept["trainable"] = self.trainable_variables

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._objective is not None

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | Sequence[float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        resume: Any = None,
        on_nonfinite: str | None = None,
        explain: bool = False,
        fast_dev_run: bool | int = False,
        overfit_batches: int | None = None,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x: inputs: an array, a list or dict of arrays, or anything that yields
                `(x, y)` or `(x, y, sample_weight)` batches.
            y: targets, in the structure of the outputs.
            batch_size: samples of a step, 32 by default.
            epochs: number of the last epoch; `initial_epoch` is that of the first, from 0.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch.
            callbacks: a `Callback` or a list of them.
            validation_split: last part of the data to judge by, from 0 up to 1.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to judge by.
            shuffle: whether every epoch has its own order; "batch" for an order of whole batches.
            class_weight: weight of each class, by index.
            sample_weight: weight of each sample, or of each time step.
            steps_per_epoch: steps of an epoch; all data once by default.
            validation_steps, validation_batch_size, validation_freq: the same for validation.
            resume: a folder in which the run is kept. A killed process that is started again goes
                on from there and ends with the same bits.
            on_nonfinite: what to do when the loss or a weight is infinite or no number: "raise"
                (the usual), "skip" the batch, "stop" training, or "ignore" it. All but the last
                leave the weights as they were before.
            explain: print how the steps are run, and why.
            fast_dev_run: try the script with one batch, or so many, of one epoch; callbacks that
                write files are left out.
            overfit_batches: train on the first so many batches alone, to see that they can be
                learned.

        Returns:
            The `History` of all figures.

        Raises:
            UsageError: for data that cannot be right, before anything is compiled.
        """
        said = {k: v for k, v in locals().items() if k not in ("self", "x", "y")}
        return loop.fit(self, x, y, said)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics over data: a number, a list, or a dict with `return_dict`."""
        said = {k: v for k, v in locals().items() if k not in ("self", "x", "y")}
        return loop.evaluate(self, x, y, said)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for all samples as NumPy arrays, in the structure of the model's outputs."""
        if verbose == 0 and not callbacks and steps is None:
            known = self._kept.get("predictor")
            found = known.small(x, 32 if batch_size is None else batch_size) if known else None
            if found is not None:
                return found
        said = {"batch_size": batch_size, "verbose": verbose, "steps": steps}
        return loop.predict(self, x, {**said, "callbacks": callbacks})

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch; returns this batch's loss and metrics."""
        said = {"sample_weight": sample_weight, "class_weight": class_weight}
        return loop.train_on_batch(self, x, y, {**said, "return_dict": return_dict})

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch, without training."""
        said = {"sample_weight": sample_weight, "return_dict": return_dict}
        return loop.test_on_batch(self, x, y, said)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, as NumPy arrays."""
        known = self._kept.get("predictor")
        found = known.small(x) if known else None
        return loop.predict_on_batch(self, x) if found is None else found

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of a batch: those of `compile`, and what layers add. Override it for another.

        `y_pred` is what the model gave. To have a loss without outputs, write `step_loss(self, x,
        y)` instead: what it returns is minimised, and from a dict the other figures are shown.
        """
        return steps.compiled_loss(self, y, y_pred, sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        """Take a batch into the metrics of `compile`; all figures by name. Override it for more."""
        return steps.compiled_figures(self, y, y_pred, sample_weight)

    def reset_metrics(self) -> None:
        """Begin all running figures again."""
        if self._objective is not None:
            self._objective.reset()

    def reset_states(self) -> None:
        """Let every stateful layer inside begin the next batch from zeros."""
        for layer in self.all_layers():
            reset = getattr(layer, "reset_states", None)
            if reset and layer.built and getattr(layer, "stateful", False):
                reset()

    @property
    def metrics(self) -> list:
        """The loss tracker and the metrics, once they are known."""
        return [] if self._objective is None else self._objective.all_metrics

    @property
    def metrics_names(self) -> list[str]:
        """Log keys in the order of `evaluate`'s values."""
        return [] if self._objective is None else list(self._objective.keys)

    # ---------------------------------------------------------------- asked by training/

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in the order of `input_leaves`."""
        return self._graph.fed.input_names if self._graph is not None else []

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in the order of `output_leaves`."""
        if self._graph is not None:
            return self._graph.output_names
        known = self._kept.get("outputs")
        return ["output"] if known is None else pseudo_names(known)

    def input_leaves(self) -> list[Tensor]:
        """The Tensors to feed; empty for a model that takes what it is given."""
        return self._graph.fed.input_leaves if self._graph is not None else []

    def input_structure(self) -> Any:
        """The same in the structure that `call` takes; None for a model without a graph."""
        return self._graph.fed.inputs if self._graph is not None else None

    def arrange_inputs(self, x: Any) -> Any:
        """What a user passed, in the structure that `call` takes."""
        return x if self._graph is None else self._graph.arrange(x)

    def output_leaves(self, outputs: Any) -> list:
        """The outputs as a list."""
        return tree.leaves(outputs)

    def as_outputs(self, leaves: Sequence[Any]) -> Any:
        """What belongs to the outputs, one by one, in their structure."""
        known = self._kept.get("outputs") if self._graph is None else self._graph.answers
        return list(leaves) if known is None else tree.fill(known, list(leaves))

    def output_specs(self, batch: Any) -> list[Tensor]:
        """Shapes and dtypes of the outputs, unknown sizes None."""
        if self._graph is not None:
            return self._graph.output_leaves
        if "outputs" not in self._kept:
            self.ensure_built(batch.x)
        return graph.tensors(self._kept["outputs"])

    def ensure_built(self, x: Any) -> None:
        """Make the weights for inputs like `x`, and learn the structure of the outputs."""
        if self._graph is not None:
            return
        if steps.stands_alone(self):
            self._kept.setdefault("outputs", Tensor((None,)))  # it has none: `step_loss` is all
            return
        given = tree.map_structure(lambda a: Tensor((None, *a.shape[1:]), str(a.dtype)), x)
        self._build_from((given,), {})
        if "outputs" not in self._kept and self._graph is None:
            for phase in (True, False):  # layers used in one phase only are built here too
                self._kept["outputs"] = graph.infer(Phase(self, phase), (given,), {})

    def embedded_inputs(self, x: Any) -> list[tuple[Any, Embedding]]:
        """Pairs of an input array and the Embedding that reads it directly."""
        return [] if self._graph is None else self._graph.fed.read_by(Embedding, x)

    def require_compiled(self, train: bool) -> None:
        """Raise UsageError unless `compile` was called."""
        if self._objective is None:
            raise UsageError(
                "E-COMPILE",
                f'"{self.name}" must be compiled first, e.g. model.compile("adam", "mse").',
            )

    def bind_objective(self, batch: Any) -> None:
        """Fit losses and metrics to the outputs and to targets like those of `batch`."""
        assert self._objective is not None
        self.ensure_built(batch.x)
        if not self.built and steps.stands_alone(self):
            self._build_alone(batch)
        if not self._objective.bound:
            self._objective.bind(self.output_names, self.output_specs(batch), batch.y)

    def _build_alone(self, batch: Any) -> None:
        """Make the weights of a model that is a loss and its parts."""
        self._built_by = steps.built_by(self, batch)
        self.built = True

    def trainable_at_compile(self) -> list[Variable]:
        """What the optimizer changes: what was trainable when `compile` was called.

        Warns, once, when that is no longer what the layers say.
        """
        now = self.trainable_variables
        then = self._kept.setdefault("trainable", now)
        if now != then and not self._kept.get("warned of trainable"):
            if set(then) - set(self.variables) or not set(now) <= set(self.variables):
                self._kept["trainable"] = then = now
            else:
                warn_of_trainable(self, set(then) ^ set(now))
        return then
