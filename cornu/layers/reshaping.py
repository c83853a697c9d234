"""Layers that move numbers to other places: shapes, margins and enlargements."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

from cornu import engine, graph, ops, state
from cornu.config import OneOf
from cornu.errors import UsageError, shown
from cornu.fields import DataFormat, Positive, window
from cornu.layers.base import Layer
from cornu.layers.sizes import SPACE, layout, pairs, space_axes
from cornu.layers.spec import InputSpec
from cornu.ops.image.resampling import INTERPOLATIONS


class Flatten(Layer):
    """Every sample as one row: (batch, a, b, ...) gives (batch, a * b * ...).

    Args:
        data_format: with "channels_first" axis 1 goes to the end before, so that weights behind it
            fit both orders.

    Example:
        >>> Flatten()(Input((4, 3))).shape
        (None, 12)
    """

    data_format: DataFormat = None

    input_spec = InputSpec(min_ndim=1)

    def call(self, x: Any) -> Any:
        if self.data_format == "channels_first" and x.ndim > 2:
            x = ops.moveaxis(x, 1, -1)
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Layer):
    """Samples of another shape with the same numbers in the same order.

    Args:
        target_shape: sizes without the batch axis; one of them may be -1, "the rest".

    Raises:
        UsageError: when the sizes do not make up the same number of elements.

    Example:
        >>> Reshape((3, -1))(Input((12,))).shape
        (None, 3, 4)
    """

    target_shape: Any

    def set_up(self) -> None:
        """Check the sizes."""
        super().set_up()
        given = self.target_shape
        sizes = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        whole = [d for d in sizes if hasattr(d, "__index__") and d >= -1]
        if len(whole) != len(sizes) or sizes.count(-1) > 1:
            raise UsageError(
                "E-RESHAPE",
                f"Reshape: target_shape must be whole numbers, at most one of them -1; "
                f"got {shown(given)}.",
            )
        self.target_shape = tuple(int(d) for d in sizes)

    def call(self, x: Any) -> Any:
        sample = tuple(x.shape[1:])
        frame = state.frame()
        if frame is not None and frame.probing and set(sample) & set(graph.PROBES):
            # whether an unknown size fits is seen when data come: here it only gives a shape
            return engine.np.zeros((x.shape[0], *self._sizes_of_unknown(sample)), x.dtype)
        return ops.reshape(x, (x.shape[0], *self._sizes(sample)))

    def _sizes_of_unknown(self, sample: tuple[int, ...]) -> tuple[int, ...]:
        known = math.prod(d for d in self.target_shape if d != -1)
        rest = math.prod(sample) // max(known, 1)
        return tuple(rest if d == -1 else d for d in self.target_shape)

    def _sizes(self, sample: tuple[int, ...]) -> tuple[int, ...]:
        target, count = self.target_shape, math.prod(sample)
        known = math.prod(d for d in target if d != -1)
        if -1 in target:
            fits = known > 0 and count % known == 0
        else:
            fits = known == count
        if not fits:
            made_up = f"multiples of {known}" if -1 in target else f"{known} elements"
            raise UsageError(
                "E-RESHAPE",
                f'Reshape "{self.name}": samples of shape {sample} have {count} elements, which do '
                f"not make up target_shape={target} ({made_up}).",
            )
        return tuple(count // known if d == -1 else d for d in target)


class Permute(Layer):
    """Sample axes in another order.

    Args:
        dims: for every axis of the output, the axis of the input it comes from, counted from 1
            (the batch axis, 0, stays).

    Example:
        >>> Permute((2, 1))(Input((10, 64))).shape
        (None, 64, 10)
    """

    dims: Any

    def set_up(self) -> None:
        """Check that every axis is there once."""
        super().set_up()
        dims = self.dims if isinstance(self.dims, (list, tuple)) else (self.dims,)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise UsageError(
                "E-PERMUTE",
                f"Permute: dims must hold every axis from 1 to {len(dims)} once, as in "
                f"Permute((2, 1)); got {shown(self.dims)}.",
            )
        self.dims = tuple(int(d) for d in dims)
        self.input_spec = InputSpec(ndim=len(dims) + 1)

    def call(self, x: Any) -> Any:
        return ops.transpose(x, (0, *self.dims))


class RepeatVector(Layer):
    """Every vector `n` times: (batch, features) gives (batch, n, features).

    Args:
        n: how many times, >= 1.
    """

    n: Positive

    input_spec = InputSpec(ndim=2, layout="(batch, features)")

    def call(self, x: Any) -> Any:
        return ops.broadcast_to(x[:, None], (x.shape[0], self.n, x.shape[1]))


# ---------------------------------------------------------------- margins


class _Cropping(Layer):
    """Takes lines away at the ends of the space axes."""

    rank = 0
    cropping: Any = 1

    def set_up(self) -> None:
        super().set_up()
        self.cropping = pairs(self, "cropping", self.cropping, self.rank)
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self._format()))

    def _format(self) -> str:
        return getattr(self, "data_format", "channels_last")

    def call(self, x: Any) -> Any:
        where = [slice(None)] * x.ndim
        names = SPACE[self.rank]
        axes = space_axes(self.rank, self._format())
        for axis, name, (before, after) in zip(axes, names, self.cropping, strict=True):
            if before + after >= x.shape[axis]:
                raise UsageError(
                    "E-CROPPING",
                    f'{type(self).__name__} "{self.name}" takes {before} + {after} from '
                    f"{name} {x.shape[axis]}: nothing is left.",
                )
            where[axis] = slice(before, x.shape[axis] - after)
        return x[tuple(where)]

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; one pair for one axis stands by itself."""
        config = super().get_config()
        return {**config, "cropping": config["cropping"][0]} if self.rank == 1 else config


class Cropping1D(_Cropping):
    """Takes time steps away at both ends: (batch, time, features), time smaller by their number.

    Args:
        cropping: steps at each end, or (at the beginning, at the end).
    """

    rank = 1
    cropping: Any = (1, 1)


class Cropping2D(_Cropping):
    """Takes rows and columns away: (batch, height, width, channels), smaller by their number.

    Args:
        cropping: number for all sides; (rows, columns); or ((top, bottom), (left, right)).
        data_format: where channels lie.
    """

    rank = 2
    cropping: Any = ((0, 0), (0, 0))
    data_format: DataFormat = None


class Cropping3D(_Cropping):
    """Takes slices away: (batch, depth, height, width, channels), smaller by their number.

    Args:
        cropping: number for all sides; one for each axis; or a pair for each axis.
        data_format: where channels lie.
    """

    rank = 3
    cropping: Any = ((1, 1), (1, 1), (1, 1))
    data_format: DataFormat = None


class _ZeroPadding(Layer):
    """Adds zeros at the ends of the space axes."""

    rank = 0
    padding: Any = 1
    data_format: DataFormat = None

    def set_up(self) -> None:
        super().set_up()
        self.padding = pairs(self, "padding", self.padding, self.rank)
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self.data_format))

    def call(self, x: Any) -> Any:
        margins = [(0, 0)] * x.ndim
        axes = space_axes(self.rank, self.data_format)
        for axis, pair in zip(axes, self.padding, strict=True):
            margins[axis] = pair
        return ops.pad(x, margins)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; one pair for one axis stands by itself."""
        config = super().get_config()
        return {**config, "padding": config["padding"][0]} if self.rank == 1 else config


class ZeroPadding1D(_ZeroPadding):
    """Adds steps of zeros at both ends: (batch, time, features), time larger by their number.

    Args:
        padding: steps at each end, or (at the beginning, at the end).
        data_format: where features lie.
    """

    rank = 1
    padding: Any = 1
    data_format: DataFormat = None


class ZeroPadding2D(_ZeroPadding):
    """Adds rows and columns of zeros: (batch, height, width, channels), larger by their number.

    Args:
        padding: number for all sides; (rows, columns); or ((top, bottom), (left, right)).
        data_format: where channels lie.
    """

    rank = 2
    padding: Any = (1, 1)
    data_format: DataFormat = None


class ZeroPadding3D(_ZeroPadding):
    """Adds slices of zeros: (batch, depth, height, width, channels), larger by their number.

    Args:
        padding: number for all sides; one for each axis; or a pair for each axis.
        data_format: where channels lie.
    """

    rank = 3
    padding: Any = ((1, 1), (1, 1), (1, 1))
    data_format: DataFormat = None


# ---------------------------------------------------------------- enlargements


class _UpSampling(Layer):
    """Repeats every element along the space axes."""

    rank = 0
    size: Any = 2

    def set_up(self) -> None:
        super().set_up()
        self.size = window(self.rank)(self.size, type(self).__name__, "size")
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self._format()))

    def _format(self) -> str:
        return getattr(self, "data_format", "channels_last")

    def call(self, x: Any) -> Any:
        return _repeated(x, space_axes(self.rank, self._format()), self.size)


def _repeated(x: Any, axes: Sequence[int], times: Sequence[int]) -> Any:
    """Elements repeated along `axes`, written out once."""
    wanted = dict(zip(axes, times, strict=True))
    split, spread, merged = [], [], []
    for axis, size in enumerate(x.shape):
        count = wanted.get(axis, 1)
        split += [size, 1] if axis in wanted else [size]
        spread += [size, count] if axis in wanted else [size]
        merged.append(size * count)
    return ops.reshape(ops.broadcast_to(ops.reshape(x, split), spread), merged)


class UpSampling1D(_UpSampling):
    """Every time step `size` times: (batch, time, features) gives (batch, time * size, features).

    Args:
        size: how many times.
    """

    rank = 1
    size: Any = 2

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, `size` as a number."""
        return {**super().get_config(), "size": self.size[0]}


class UpSampling2D(_UpSampling):
    """Images enlarged: (batch, height, width, channels), height and width times `size`.

    Args:
        size: factor, or one for rows and one for columns.
        data_format: where channels lie.
        interpolation: "nearest" repeats elements; "bilinear" draws straight lines between their
            centres, flat beyond the outermost ones; "bicubic", "lanczos3" and "lanczos5" draw
            smooth ones, as in `ops.image.resize`.
    """

    rank = 2
    size: Any = (2, 2)
    data_format: DataFormat = None
    interpolation: Annotated[str, OneOf(*INTERPOLATIONS)] = "nearest"

    def call(self, x: Any) -> Any:
        axes = space_axes(2, self.data_format)
        if self.interpolation == "nearest":
            return _repeated(x, axes, self.size)
        sizes = [x.shape[axis] * factor for axis, factor in zip(axes, self.size, strict=True)]
        return ops.image.resize(x, sizes, self.interpolation, data_format=self.data_format)


class UpSampling3D(_UpSampling):
    """Every element repeated: (batch, depth, height, width, channels), sizes times `size`.

    Args:
        size: factor, or one for each axis.
        data_format: where channels lie.
    """

    rank = 3
    size: Any = (2, 2, 2)
    data_format: DataFormat = None
