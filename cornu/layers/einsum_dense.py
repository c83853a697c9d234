"""The fully connected layer with axes named by an equation."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cornu import ops
from cornu.config import field, serialize
from cornu.errors import UsageError, shown
from cornu.fields import Activation, Constraint, Initializer, Regularizer, Shape
from cornu.layers.base import Layer
from cornu.layers.lora import LowRank
from cornu.layers.spec import InputSpec

FORM = re.compile(r"(\.{3})?([A-Za-z]+)(\.{3})?,([A-Za-z]+)->(\.{3})?([A-Za-z]+)(\.{3})?")


class GivenShape:
    """Reads as the shape found by tracing, as on every layer; keeps what was given as `name`."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return None if layer is None else Layer.output_shape.__get__(layer)

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__[self.name] = value


class Equation(NamedTuple):
    """`ab...,bc->ac...` taken apart. `ellipsis`: "front", "end" or "" in inputs and outputs."""

    inputs: str
    kernel: str
    outputs: str
    ellipsis: str


def parse(equation: Any) -> Equation:
    """The parts of an equation. Raises UsageError for what is none."""
    text = re.sub(r"\s", "", equation) if isinstance(equation, str) else ""
    found = FORM.fullmatch(text)
    if found is not None:
        front, inputs, end, kernel, front_out, outputs, end_out = found.groups()
        letters = [set(part) for part in (inputs, kernel, outputs)]
        once = [len(part) for part in letters] == [len(inputs), len(kernel), len(outputs)]
        if bool(front) == bool(front_out) and bool(end) == bool(end_out) and once:
            if not (front and end) and letters[2] <= letters[0] | letters[1]:
                return Equation(inputs, kernel, outputs, "front" if front else "end" if end else "")
    raise UsageError(
        "E-EINSUM",
        f"EinsumDense: equation must name the axes of inputs, kernel and outputs, each letter once "
        'in each, as "abc,cd->abd", "...x,xy->...y" or "ab...,bc->ac..."; '
        f"got {shown(equation)}.",
    )


class EinsumDense(LowRank):
    """`activation(einsum(equation, x, kernel) + bias)`: a dense layer over any axes.

    Args:
        equation: axes of inputs, kernel and outputs, one letter each, the batch first:
            "abc,cd->abd". "..." stands for any more axes, in front or at the end.
        output_shape: sizes of the output's named axes without the batch, None where they are those
            of the input; one int for a single axis. With "..." in front it is the sizes of all
            named axes.
        activation: name or function; None leaves the sum as it is.
        bias_axes: letters of the output's axes along which the bias differs; None for no bias.
        kernel_initializer, bias_initializer: how weights begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: what they add to the loss.
        kernel_constraint, bias_constraint: what is done to them after every update.
        lora_rank: freezes the kernel and trains a change of it of this rank; see `enable_lora`.
        lora_alpha: the change counts `lora_alpha / lora_rank`; lora_rank by default.

    Raises:
        UsageError: for an equation that is none, sizes that contradict the input's, and a
            quantization, which there is not.

    Example:
        >>> EinsumDense("abc,cd->abd", (None, 64), bias_axes="d")(Input((32, 128))).shape
        (None, 32, 64)
    """

    options = (*Layer.options, "gptq_unpacked_column_size", "quantization_config")
    equation: str
    output_shape: Shape = field(config=False, descriptor=GivenShape("partial_output_shape"))
    activation: Activation = None
    bias_axes: str | None = None
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    lora_rank: int | None = None
    lora_alpha: float | None = None
    activity_regularizer: Regularizer = field(default=None, kw_only=True)

    def set_up(self) -> None:
        """Read the equation."""
        super().set_up()
        self._parts = parse(self.equation)
        outside = sorted(set(self.bias_axes or "") - set(self._parts.outputs))
        if outside:
            raise UsageError(
                "E-EINSUM",
                f'EinsumDense "{self.name}": bias_axes="{self.bias_axes}" names {outside}, which '
                f'is no axis of the output "{self._parts.outputs}".',
            )
        if self.lora_rank is not None:
            self.refuse_constraint()

    def take_options(self, options: dict[str, Any]) -> None:
        """Refuse quantization."""
        super().take_options(options)
        for name in ("quantization_config", "gptq_unpacked_column_size"):
            if options.get(name) is not None:
                raise UsageError(
                    "E-QUANTIZATION",
                    f"EinsumDense: {name}={shown(options[name])}: layers cannot be quantized. "
                    f"Leave it out, and take dtype='mixed_bfloat16' for shorter numbers.",
                )

    def build(self, input_shape: Any) -> None:
        kernel, bias = self._shapes(tuple(input_shape))
        self.kernel = self.weight("kernel", kernel)
        self.bias = None if bias is None else self.weight("bias", bias)
        if self.lora_rank is not None:
            self.enable_lora(self.lora_rank, self.lora_alpha)
        self.input_spec = self._spec(tuple(input_shape))

    def _spec(self, shape: tuple) -> InputSpec:
        """What later inputs must be: sizes along the axes that the kernel has too."""
        names, _, _, ellipsis = self._parts
        start = len(names) if ellipsis == "front" else 0
        axes = {i - start: shape[i - start] for i, c in enumerate(names) if c in self._parts.kernel}
        if ellipsis:
            return InputSpec(min_ndim=len(names), axes=axes)
        return InputSpec(ndim=len(names), axes=axes)

    def _shapes(self, shape: tuple) -> tuple[list[int], list[int] | None]:
        """Shapes of kernel and bias for an input of `shape`."""
        names, kernel, outputs, ellipsis = self._parts
        extra = len(shape) - len(names)
        if extra < 0 or (extra and not ellipsis):
            raise self._refuse(f"the input has {len(shape)} axes", shape)
        inside = dict(zip(names, shape[extra:] if ellipsis == "front" else shape, strict=False))
        sizes = {**inside, **self._output_sizes(inside, shape)}
        unknown = [c for c in kernel if sizes.get(c) is None]
        if unknown:
            raise self._refuse(f'the size of "{unknown[0]}" is not known', shape)
        bias = None
        if self.bias_axes:
            first = min(outputs.index(c) for c in self.bias_axes)
            bias = [self._bias_size(c, sizes, shape) for c in outputs[first:]]
            bias += [1] * (extra if ellipsis == "end" else 0)
        return [sizes[c] for c in kernel], bias

    def _bias_size(self, letter: str, sizes: dict, shape: tuple) -> int:
        if letter not in (self.bias_axes or ""):
            return 1
        if sizes.get(letter) is None:
            raise self._refuse(f'the size of "{letter}" is not known', shape)
        return sizes[letter]

    def _output_sizes(self, inside: dict[str, Any], shape: tuple) -> dict[str, Any]:
        """Sizes of the output's letters; None in `output_shape` stands for the input's."""
        given: Sequence[int | None] = self.__dict__["partial_output_shape"]
        front = self._parts.ellipsis == "front"
        letters = self._parts.outputs if front else self._parts.outputs[1:]
        if len(given) != len(letters):
            raise self._refuse(
                f'output_shape must have {len(letters)} sizes, for "{letters}"', shape
            )
        found = {}
        for letter, size in zip(letters, given, strict=True):
            own = inside.get(letter)
            if size is not None and own is not None and size != own:
                raise self._refuse(f'"{letter}" is {own} in the input', shape)
            found[letter] = own if size is None else size
        return found

    def _refuse(self, wrong: str, shape: tuple) -> UsageError:
        given = self.__dict__["partial_output_shape"]
        return UsageError(
            "E-EINSUM",
            f'EinsumDense "{self.name}": {wrong}; got equation "{self.equation}", output_shape='
            f"{given}, input {shape}.",
        )

    def call(self, x: Any) -> Any:
        y = self._product(x, self.whole())
        return self.activation(y if self.bias is None else y + self.bias)

    def _product(self, x: Any, kernel: Any) -> Any:
        """The sum of products; as one product of matrices where axes are in order for that."""
        names, of_kernel, outputs, ellipsis = self._parts
        shared = len(names) + len(of_kernel) - len(outputs) >> 1
        before = len(names) - shared
        in_order = names[before:] == of_kernel[:shared]
        if ellipsis or not shared or not in_order or outputs != names[:before] + of_kernel[shared:]:
            return ops.einsum(re.sub(r"\s", "", self.equation), x, kernel)
        size = math.prod(kernel.shape[:shared])
        rows = ops.reshape(x, (math.prod(x.shape[:before]), size))
        made = ops.matmul(rows, ops.reshape(kernel, (size, math.prod(kernel.shape[shared:]))))
        return ops.reshape(made, (*x.shape[:before], *kernel.shape[shared:]))

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments as plain data; adapters only where there are some."""
        shape = serialize(self.__dict__["partial_output_shape"])
        config = {**super().get_config(), "output_shape": shape}
        if self.lora_rank is None:
            del config["lora_rank"], config["lora_alpha"]
        return config
