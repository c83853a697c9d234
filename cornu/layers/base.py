"""Layer: a Configurable op with Variables.

A layer is fields, `build` and `call`. `__call__` records a Node for symbolic input and otherwise
runs `call` within a Frame. Variables and sublayers are found by walking attributes when asked.
"""

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from cornu import engine, graph, initializers, policy, settings, state, tree
from cornu.config import Configurable, Convert, field, serialize, snake, unique_name
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import Constraint, Initializer, Regularizer
from cornu.graph import Node, Tensor
from cornu.layers import masking
from cornu.layers.places import Places
from cornu.layers.saved import Saved
from cornu.layers.signature import WholeShape, call_signature, map_shapes, plain_shapes
from cornu.layers.spec import check_input
from cornu.policy import DTypePolicy
from cornu.state import Variable


class _Trainable:
    """Setting it on a layer sets it on every layer inside."""

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return True if layer is None else layer.__dict__.get("_trainable", True)

    def __set__(self, layer: "Layer", value: bool) -> None:
        for inner in layer.all_layers():
            inner.__dict__["_trainable"] = bool(value)


class _DType:
    """Reads as the dtype of Variables; takes a policy, a name or None."""

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return None if layer is None else layer.dtype_policy.variable_dtype

    def __set__(self, layer: "Layer", value: Any) -> None:
        layer.__dict__["dtype_policy"] = policy.get(value)


class Layer(Places, Saved, Configurable):
    """An op with weights, made from plain values.

    Subclasses declare fields, make Variables in `build(input_shape)` and compute in `call(x)`.
    `call` may also take `training` and `mask`. A subclass may instead write its own `__init__`
    (calling `super().__init__(**kwargs)` first) and `get_config`.

    Args:
        name: unique within a model; made from the class name where not given.
        trainable: whether an optimizer may change the weights.
        dtype: dtype or policy name, see `DTypePolicy`.
        activity_regularizer: function of the output whose value is added to the loss.
        autocast: whether floating inputs are cast to the compute dtype; True if not given.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, shape):
        ...         self.factor = self.add_weight((shape[-1],), "ones", name="factor")
        ...     def call(self, x):
        ...         return x * self.factor
    """

    wire_module = "keras.layers"
    options = ("input_shape", "input_dim", "batch_shape", "autocast")
    name: str = field(default=None, kw_only=True)
    trainable: bool = field(default=True, kw_only=True, descriptor=_Trainable())
    dtype: Annotated[Any, Convert(policy.get)] = field(
        default=None, kw_only=True, descriptor=_DType()
    )
    if TYPE_CHECKING:  # no field: layers that have it themselves have it at another place
        activity_regularizer: ClassVar[Any]
    else:
        activity_regularizer: Regularizer = field(default=None, kw_only=True, config=False)

    dtype_policy: ClassVar[Any]
    built = False
    supports_masking = False
    mixes_rows = False  # in inference: whether one row of a batch may influence another
    autocast = True
    input_spec = None
    declared_shape = declared_dtype = None
    _nodes: ClassVar[list[Node]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _building(cls.build)
        if "call" in cls.__dict__ and not cls.__module__.startswith("cornu."):
            cls.mixes_rows = cls.__dict__.get("mixes_rows", True)

    def set_up(self) -> None:
        """Give the layer its name."""
        self.name = self.name or unique_name(snake(type(self).__name__))
        if not isinstance(self.name, str):
            raise UsageTypeError("E-TYPE", f"name must be a string; got {shown(self.name)}.")

    def take_options(self, options: dict[str, Any]) -> None:
        """Remember an input shape, for a `Sequential` to start from; whether inputs are cast."""
        if options.get("autocast") is not None:
            self.autocast = bool(options["autocast"])
        if options.get("batch_shape") is not None:
            self.declared_shape = tuple(options["batch_shape"])
        elif options.get("input_shape") is not None:
            shape = options["input_shape"]
            self.declared_shape = (None, *(shape if isinstance(shape, (list, tuple)) else [shape]))
        elif options.get("input_dim") is not None:
            self.declared_shape = (None, int(options["input_dim"]))

    def __getstate__(self) -> dict[str, Any]:
        """Without the places where it stands in graphs: a copy of a layer is not one of those."""
        return {k: v for k, v in self.__dict__.items() if k != "_nodes"}

    # ---------------------------------------------------------------- to be written by subclasses

    def build(self, input_shape: Any) -> None:
        """Make the Variables for inputs of this shape (batch first, None where unknown)."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute outputs from input arrays."""
        raise NotImplementedError(
            f'{type(self).__name__} ("{self.name}") has no call method: write call(self, x).'
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs; the inputs' own where the layer supports masking."""
        return previous_mask if self.supports_masking else None

    def compute_output_shape(self, *input_shapes: Any) -> Any:
        """Output shape(s) for input shape(s), found by tracing. Override only to say more."""
        given = [map_shapes(lambda s: Tensor(s, self.compute_dtype), s) for s in input_shapes]
        self._build_from(tuple(given), {})
        inferred = graph.infer(self, tuple(given), {})
        return plain_shapes(tree.map_structure(lambda t: WholeShape(t.shape), inferred))

    # ---------------------------------------------------------------- calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the layer to arrays, or record a Node for Tensors."""
        self._require_super()
        args = self._by_position(args, kwargs)
        if graph.is_symbolic(args, kwargs):
            return self._record(args, kwargs)
        accepted = call_signature(type(self).call)
        given = args
        args, kwargs = self._cast((args, kwargs))
        self._build_from(args, kwargs)
        outer = state.frame()
        with state.within(**self._scene(outer, kwargs.get("training"))) as inner:
            masks = masking.gather(self, given, kwargs, accepted)
            accepted.settle_training(args, kwargs, inner.training)
            outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                self._regularize_activity(outputs)
        if outer is None:
            masking.bring_out(inner, outputs)
        masks_itself = type(self).compute_mask is not Layer.compute_mask
        masking.pass_on(self, args, outputs, masks, masks_itself)
        if outer is None or not outer.catches:  # an eager call of the user's: all of it, or nothing
            self.__dict__["_eager_losses"] = inner.losses
            for variable, value in inner.bound.items():
                variable.assign(value)
        return outputs

    def _by_position(self, args: tuple, kwargs: dict[str, Any]) -> tuple:
        """Positional arguments, lists of numbers as arrays.

        The first may be called `inputs`, as Keras's own layers call it, whatever `call` says.
        """
        if not args and "inputs" in kwargs:
            if "inputs" not in call_signature(type(self).call).names:
                args = (kwargs.pop("inputs"),)
        return (_as_arrays(args[0]), *args[1:]) if args else args

    def _require_super(self) -> None:
        """Raise UsageError where a subclass's `__init__` has not called that of Layer."""
        if "dtype_policy" not in self.__dict__:
            raise UsageError(
                "E-SUPER",
                f"{type(self).__name__}.__init__ must call super().__init__() "
                "before it uses the layer.",
            )

    def _scene(self, outer: state.Frame | None, training: Any) -> dict[str, Any]:
        """What the Frame of this call changes."""
        found: DTypePolicy = self.dtype_policy
        mixed = found.compute_dtype != found.variable_dtype
        changes: dict[str, Any] = {
            "dtype": found.compute_dtype if mixed else None,
            "path": (*(outer.path if outer else ()), self.name),
        }
        if training is not None:
            changes["training"] = bool(training)
        if outer is None or not outer.catches:
            changes |= {"bound": {}, "losses": []}
        return changes

    def _cast(self, structure: Any) -> Any:
        """Floating arrays in the compute dtype."""
        if not self.autocast:
            return structure
        dtype = self.compute_dtype

        def cast(x: Any) -> Any:
            if isinstance(x, np.ndarray) or (engine.is_array(x) and x.dtype != dtype):
                x = engine.array(x)
                return engine.cast(x, dtype) if str(x.dtype) in settings.FLOATS else x
            return x

        return tree.map_structure(cast, structure)

    def _build_from(self, args: tuple, kwargs: Mapping[str, Any]) -> None:
        """Build for the shapes of these arguments, once; then hold the input to `input_spec`."""
        if not self.built:
            if self.input_spec is not None and args:
                check_input(self, args[0])
            shapes = call_signature(type(self).build).shapes(self, args, kwargs)
            with _building_lock, state.within(path=self._path()):
                if not self.built:  # by another thread, while this one waited
                    self.build(*shapes[0], **shapes[1])
        if self.input_spec is not None and args:
            check_input(self, args[0])

    def _path(self) -> tuple[str, ...]:
        frame = state.frame()
        above = frame.path if frame is not None else ()
        return above if above and above[-1] == self.name else (*above, self.name)

    def _record(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        self._build_from(args, kwargs)
        outputs = graph.record(self, args, kwargs)
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            self._apply_declared_shapes(args, outputs)
        made = graph.tensors(outputs)
        if made and made[0].node is not None:
            self.__dict__.setdefault("_nodes", []).append(made[0].node)
        return outputs

    def _apply_declared_shapes(self, args: tuple, outputs: Any) -> None:
        """Let a user's `compute_output_shape` name sizes that tracing leaves unknown."""
        shapes = tree.map_structure(lambda t: WholeShape(t.shape), args[0])
        plain = plain_shapes(shapes)
        said = self.compute_output_shape(plain)
        made = graph.tensors(outputs)
        if len(made) == 1 and len(said) == made[0].ndim:
            both = zip(made[0].shape, said, strict=True)
            made[0].shape = tuple(known if known is not None else more for known, more in both)

    def _regularize_activity(self, outputs: Any) -> None:
        for leaf in tree.leaves(outputs):
            self.add_loss(self.activity_regularizer(leaf) / leaf.shape[0])

    # ---------------------------------------------------------------- weights

    def weight(self, name: str, shape: Sequence[int], trainable: bool = True) -> Variable:
        """A Variable made as the fields `<name>_initializer`, `_regularizer`, `_constraint` say."""
        return self.add_weight(
            shape,
            getattr(self, f"{name}_initializer"),
            trainable=trainable,
            regularizer=getattr(self, f"{name}_regularizer", None),
            constraint=getattr(self, f"{name}_constraint", None),
            name=name,
        )

    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Initializer = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Regularizer = None,
        constraint: Constraint = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Make a Variable of this layer.

        Args:
            shape: fully known; () for a scalar.
            initializer: name or object; glorot_uniform for floats, zeros for others by default.
            dtype: the policy's variable dtype by default.
            trainable, regularizer, constraint, name: as they say.
            autocast: whether it is read in the compute dtype of a mixed policy.
            aggregation: how copies on several devices are joined.

        Raises:
            UsageError: when the shape is not fully known.
        """
        self._require_super()
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = dtype or self.dtype_policy.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if "float" in str(dtype) else "zeros"
        make = initializers.get(initializer)
        name = name or f"weight_{len(self.own_variables())}"
        path = "/".join((*self._path(), name))
        variable = Variable(make, shape, dtype, trainable, name, path)
        variable.autocast = autocast
        variable.regularizer = _family_of(Regularizer)(regularizer)
        variable.constraint = _family_of(Constraint)(constraint)
        self.__dict__.setdefault("_weights", []).append(variable)
        return variable

    def own_variables(self) -> list[Variable]:
        """Variables in this layer's own attributes, trainable ones first."""
        found = [x for x in _reachable(self) if isinstance(x, Variable)]
        return sorted(found, key=lambda v: not v.trainable)

    def own_weights(self) -> list[Variable]:
        """Those of `own_variables` that are saved: not what merely passes from call to call."""
        return [v for v in self.own_variables() if not v.passing]

    def sublayers(self) -> list["Layer"]:
        """Layers in this layer's own attributes, lists and dicts included, in attribute order."""
        return [x for x in _reachable(self) if isinstance(x, Layer)]

    def all_layers(self, frozen: bool = True) -> Iterator["Layer"]:
        """This layer, then everything inside it, each once; with `frozen` false not what lies in
        a layer that is not trainable.
        """
        seen: set[int] = set()
        todo: list[Layer] = [self]
        while todo:
            layer = todo.pop(0)
            if id(layer) not in seen and (frozen or layer.trainable):
                seen.add(id(layer))
                yield layer
                todo = [*layer.sublayers(), *todo]

    @property
    def variables(self) -> list[Variable]:
        """All Variables: own ones first, then those of each sublayer in attribute order."""
        return list(dict.fromkeys(v for x in self.all_layers() for v in x.own_variables()))

    @property
    def weights(self) -> list[Variable]:
        """All Variables that are saved: not what merely passes from call to call."""
        return [v for v in self.variables if not v.passing]

    @property
    def trainable_variables(self) -> list[Variable]:
        """Variables that an optimizer may change."""
        layers = self.all_layers(frozen=False)
        return list(dict.fromkeys(v for x in layers for v in x.own_variables() if v.trainable))

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All other Variables."""
        free = set(self.trainable_variables)
        return [v for v in self.variables if v not in free]

    @property
    def trainable_weights(self) -> list[Variable]:
        """Variables that an optimizer may change."""
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """All other Variables that are saved."""
        return [v for v in self.non_trainable_variables if not v.passing]

    def get_weights(self) -> list[np.ndarray]:
        """Values of all weights as NumPy arrays of their own."""
        with state.cells_lock:
            return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights at once, or none. Raises UsageError where number or shapes differ."""
        cells = self.weights
        if len(cells) != len(weights):
            raise UsageError(
                "E-WEIGHTS",
                f'"{self.name}" has {len(cells)} weights; {len(weights)} were given. '
                f"Expected shapes: {[v.shape for v in cells][:8]}.",
            )
        for v, new in zip(cells, weights, strict=True):
            if tuple(np.shape(new)) != v.shape:
                raise UsageError(
                    "E-WEIGHTS",
                    f'weight "{v.path}" has shape {v.shape}; it was given shape {np.shape(new)}.',
                )
        for v, new in zip(cells, weights, strict=True):
            v.assign(new)

    def count_params(self) -> int:
        """Number of scalars in all weights. Raises UsageError before the layer is built."""
        if not self.built and not self.variables:
            raise UsageError(
                "E-UNBUILT",
                f'"{self.name}" has no weights yet: call it on data or build(input_shape) first.',
            )
        return sum(int(np.prod(v.shape)) for v in self.weights)

    # ---------------------------------------------------------------- losses

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or its sum) to the loss, from within `call`.

        Raises UsageError for a symbolic Tensor, which belongs to a graph and to no call.
        """
        if graph.is_symbolic(loss):
            raise UsageError(
                "E-SYMBOLIC",
                f'"{self.name}".add_loss takes what a call computes; got {shown(loss)}. Call '
                "self.add_loss in the call of a layer, or make the loss an output: Model(inputs, "
                "[outputs, loss]), with loss=lambda y_true, y_pred: y_pred for it.",
            )
        frame = state.frame()
        if frame is not None:
            frame.losses.extend(engine.np.sum(x) for x in tree.leaves(loss))

    @property
    def losses(self) -> list:
        """What the last eager call added, and the weight regularizers' values now."""
        return [*self.__dict__.get("_eager_losses", ()), *self.regularization_losses()]

    def regularization_losses(self) -> list:
        """One scalar for every trainable Variable that has a regularizer."""
        return [v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None]

    # ---------------------------------------------------------------- facts

    @property
    def compute_dtype(self) -> str:
        """Dtype in which the layer computes."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype in which the layer keeps its Variables."""
        return self.dtype_policy.variable_dtype

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments as plain data."""
        config = super().get_config()
        if "dtype" in config:
            config["dtype"] = serialize(self.dtype_policy)
        if self.activity_regularizer is not None and "activity_regularizer" not in config:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return config

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple:
        """`self(*args)` with these values of Variables: `(outputs, new non-trainable values)`.

        With `return_losses` a third item: the losses that the call added.
        """
        cells = [*self.trainable_variables, *self.non_trainable_variables]
        values = [*trainable_variables, *non_trainable_variables]
        outer = state.frame()  # of a step, whose random numbers are not those of the next one
        key = None if outer is None or outer.key is None else state.draw_key()
        outputs, news, losses = state.pure(self, cells, key=key)(values, *args, **kwargs)
        found = (outputs, news[len(trainable_variables) :])
        return (*found, losses) if return_losses else found


def _family_of(annotated: Any) -> Callable[[Any], Any]:
    """The `get` of the family behind an annotated field type."""
    return next(m.fn for m in annotated.__metadata__ if isinstance(m, Convert))


_building_lock = threading.RLock()  # two threads that meet an unbuilt layer build it once


def _building(build: Callable) -> Callable:
    """Mark the layer as built once `build` has returned."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.built = True
        self.__dict__.setdefault("_built_for", (args, kwargs))

    return wrapped


Layer.build = _building(Layer.build)  # the base's own, for layers without weights


def _as_arrays(x: Any) -> Any:
    """A nested list of numbers as one array; anything else as it is."""
    if isinstance(x, list) and x and all(isinstance(v, (int, float)) for v in tree.leaves(x)):
        return engine.array(np.asarray(x))
    return x


NO_PARTS = ("_called_with", "_compiled_with")  # notes about a layer: not what it is made of


def _reachable(layer: Layer) -> list:
    """Variables and Layers in attributes, and in lists, tuples and dicts there, each once."""
    found: dict[int, Any] = {}
    entered: set[int] = set()

    def look(x: Any) -> None:
        if isinstance(x, (Variable, Layer)):
            found.setdefault(id(x), x)
        elif isinstance(x, (list, tuple, dict)) and id(x) not in entered:
            entered.add(id(x))
            for item in x.values() if isinstance(x, dict) else x:
                look(item)

    for name, value in vars(layer).items():
        if name not in NO_PARTS:
            look(value)
    return list(found.values())
