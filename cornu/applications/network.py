"""What all networks share: their arguments, where they begin and end, and how weights come in."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cornu import activations, layers, settings, state
from cornu.errors import UsageError, UsageTypeError, listed, shown, warn
from cornu.graph import Tensor, sources
from cornu.models import Model
from cornu.utils.downloads import cache_folder, get_file

HOST = "https://storage.googleapis.com/tensorflow/keras-applications/"
SUBFOLDER = "models"
CLASSES = 1000

Part = Callable[[Tensor], Tensor]


class Published(NamedTuple):
    """A file as it is published: its address, and its MD5 or SHA-256 where that is known."""

    address: str
    digest: str | None = None


class Files(NamedTuple):
    """The weights of a network, with its classifier and without."""

    whole: Published
    headless: Published


def kernels(start: str, whole: str, headless: str) -> Files:
    """Files that are called as most are, from what their addresses begin with and two hashes."""
    address = f"{HOST}{start}_weights_tf_dim_ordering_tf_kernels"
    return Files(Published(f"{address}.h5", whole), Published(f"{address}_notop.h5", headless))


class Sizes(NamedTuple):
    """Height and width of pictures, in pixels: the usual, and the smallest that pass."""

    usual: int
    smallest: int = 32


@dataclass(frozen=True)
class Asked:
    """What a caller wants of a network; see `Constructor`."""

    include_top: bool = True
    weights: Any = "imagenet"
    input_tensor: Any = None
    input_shape: Any = None
    pooling: str | None = None
    classes: int = CLASSES
    classifier_activation: Any = "softmax"
    name: str | None = None

    def model(
        self, body: Part, top: Part, sizes: Sizes, files: Files, named_pooling: bool = False
    ) -> Model:
        """The model of `body`, with `top` or pooling after it, and its weights.

        Raises:
            UsageError: `E-NETWORK` for what does not go together, before anything is built.
        """
        self._check()
        shape = picture_shape(self.input_shape, sizes, self.include_top, self.pretrained)
        file = None if self.weights is None else self._file(files)
        with self._weights_come_later():
            start = layers.Input(shape) if self.input_tensor is None else self._start()
            features = body(start)
            end = top(features) if self.include_top else self._pooled(features, named_pooling)
            begins = sources(start)
            inputs = begins[0] if len(begins) == 1 else begins
            model = Model(inputs, end, **named(self.name))
        if file is not None:
            model.load_weights(file)
        return model

    def for_squares(self, start: str, alpha: float, trained: Sequence[int]) -> tuple[int, "Asked"]:
        """The size of the squares whose weights are meant, and what is asked for with a name.

        Raises:
            UsageError: for a width `alpha` that is no number above 0.
        """
        if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not alpha > 0:
            raise network_error(
                f"alpha, the width of the network, must be a number above 0; got {shown(alpha)}."
            )
        rows, columns = self._rows_and_columns()
        fits = rows == columns and rows in trained
        size = rows if fits and rows is not None else max(trained)
        if self.pretrained and not fits and (rows, columns) != (None, None):
            warn(
                f"weights='imagenet' are for squares of {listed(map(str, trained))} pixels; for "
                f"{rows} x {columns} those of {size} are taken"
            )
        if rows is None and (self.include_top or self.pretrained):
            rows = size
        name = self.name or f"{start}_{alpha:0.2f}_{size if self.pretrained else rows}"
        return size, replace(self, name=name)

    def _rows_and_columns(self) -> tuple[int | None, int | None]:
        """Height and width, where they are said well."""
        shape = self.input_shape
        if shape is None and isinstance(self.input_tensor, Tensor):
            shape = self.input_tensor.shape[1:]
        if not isinstance(shape, list | tuple) or len(shape) != 3:
            return None, None
        rows, columns = shape[1:] if channels_first() else shape[:2]
        return rows, columns

    def dense(self, x: Tensor, **options: Any) -> Tensor:
        """The layer that says the classes: (batch, features) to (batch, classes)."""
        return layers.Dense(
            units=self.classes, activation=self.classifier_activation, name="predictions", **options
        )(x)

    def averaged(self, x: Tensor) -> Tensor:
        """The mean over all places, and the classes of it: how most networks end."""
        return self.dense(layers.GlobalAveragePooling2D(name="avg_pool")(x))

    @property
    def pretrained(self) -> bool:
        """Whether the published weights are asked for."""
        return isinstance(self.weights, str) and self.weights == "imagenet"

    # ---------------------------------------------------------------- checks

    def _check(self) -> None:
        if not isinstance(self.weights, str | os.PathLike | None) or self.weights == "":
            raise UsageTypeError("E-NETWORK", self._weights_are())
        if self.pooling not in (None, "avg", "max"):
            raise network_error(f'pooling must be None, "avg" or "max"; got {shown(self.pooling)}.')
        if isinstance(self.classes, bool) or not hasattr(self.classes, "__index__"):
            raise network_error(f"classes must be a whole number; got {shown(self.classes)}.")
        if self.classes < 1:
            raise network_error(f"classes must be at least 1; got {self.classes}.")
        if self.weights is not None and not self.pretrained and not Path(self.weights).exists():
            raise network_error(f"{self._weights_are()} There is no such file.")
        if self.include_top:
            self._check_top()

    def _weights_are(self) -> str:
        return (
            'weights must be "imagenet" (downloaded), None (random) or the path of a file of '
            f"weights; got {shown(self.weights)}."
        )

    def _check_top(self) -> None:
        if self.pretrained and self.classes != CLASSES:
            raise network_error(
                f"weights='imagenet' has {CLASSES} classes; got classes={self.classes}. For a "
                "classifier of your own: include_top=False, pooling='avg', and a Dense layer on "
                "model.output; or weights=None."
            )
        if self.weights is None:
            return
        if activations.get(self.classifier_activation) not in (
            activations.get(None),
            activations.get("softmax"),
        ):
            raise network_error(
                'classifier_activation must be "softmax" or None with weights that were trained '
                f"so; got {shown(self.classifier_activation)}."
            )

    # ---------------------------------------------------------------- parts

    def _start(self) -> Tensor:
        if not isinstance(self.input_tensor, Tensor):
            raise UsageTypeError(
                "E-NETWORK",
                "input_tensor must be a symbolic Tensor, as Input((224, 224, 3)) or the output of "
                f"a layer; got {shown(self.input_tensor)}.",
            )
        return self.input_tensor

    def _pooled(self, x: Tensor, with_name: bool) -> Tensor:
        if self.pooling is None:
            return x
        options = named(self.pooling if with_name else None, "_pool")
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(**options)(x)
        return layers.GlobalMaxPooling2D(**options)(x)

    def _weights_come_later(self) -> contextlib.AbstractContextManager:
        """Nothing random is made in place of which a file's weights come."""
        current = state.frame()
        if self.weights is None or (current is not None and current.initial is not None):
            return contextlib.nullcontext()
        return state.within(initial=state.Later)

    def _file(self, files: Files) -> str:
        if not self.pretrained:
            return os.fspath(self.weights)
        return fetched(files.whole if self.include_top else files.headless)


class Constructor(Protocol):
    """A function that makes a network.

    Args:
        include_top: whether it ends in its classifier.
        weights: "imagenet" for the published ones (downloaded once), None for random ones, or the
            path of a file of weights.
        input_tensor: Tensor to begin at.
        input_shape: height, width and channels, or channels first as `settings` say; height and
            width may be None without a classifier.
        pooling: without a classifier, what becomes of height and width: None, "avg" or "max".
        classes: how many there are.
        classifier_activation: "softmax", or None for logits.
        name: of the model.

    Raises:
        UsageError: `E-NETWORK` for what does not go together; `E-PRETRAINED` where weights are
            not here and do not come.
    """

    __name__: str

    def __call__(
        self,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: Tensor | None = None,
        input_shape: Sequence[int | None] | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: Any = "softmax",
        name: str | None = None,
    ) -> Model:
        """Build it."""
        ...


def constructor(function: str, name: str, build: Callable[..., Model], *facts: Any) -> Constructor:
    """A function called `function` that builds `build(asked, *facts)`, a model called `name`."""

    def made(
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: Tensor | None = None,
        input_shape: Sequence[int | None] | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: Any = "softmax",
        name: str | None = name,
    ) -> Model:
        asked = Asked(
            include_top,
            weights,
            input_tensor,
            input_shape,
            pooling,
            classes,
            classifier_activation,
            name,
        )
        return build(asked, *facts)

    made.__name__ = made.__qualname__ = function
    made.__module__ = build.__module__
    made.__doc__ = f"Make {function}; the arguments are as `network.Constructor` says."
    return made


def channels_first() -> bool:
    """Whether pictures are (channels, height, width)."""
    return settings.image_data_format() == "channels_first"


def channel_axis() -> int:
    """The axis of channels in a batch of pictures."""
    return 1 if channels_first() else 3


def picture_shape(
    given: Any, sizes: Sizes, whole: bool, pretrained: bool, first: bool | None = None
) -> tuple[int | None, ...]:
    """The shape of the pictures that a network takes, without the batch axis.

    Args:
        given: three sizes, or None for the usual ones.
        sizes: height and width, usual and smallest.
        whole: whether height and width must be known.
        pretrained: whether it gets the published weights.
        first: whether channels come first; as `settings` say if left out.

    Raises:
        UsageError: `E-NETWORK` for a shape that the network cannot take.
    """
    first = channels_first() if first is None else first
    order = f"Sizes are in the order of channels_{'first' if first else 'last'}."
    usual = (3, sizes.usual, sizes.usual) if first else (sizes.usual, sizes.usual, 3)
    if given is None:
        return usual if whole else (3, None, None) if first else (None, None, 3)
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 3:
        raise network_error(
            f"input_shape must be three sizes, as {usual}; got {shown(given)}. The batch axis is "
            "not among them."
        )
    given = tuple(given)
    height, width, channels = given[1:] + given[:1] if first else given
    if pretrained and channels != 3:
        raise network_error(
            f"weights='imagenet' takes 3 channels; got input_shape={given}. {order} For others: "
            "weights=None."
        )
    if pretrained and whole and given != usual:
        raise network_error(
            f"weights='imagenet' with its classifier takes input_shape={usual}; got {given}. "
            "Pictures of other sizes: include_top=False, or resize them."
        )
    if whole and None in given:
        raise network_error(f"a classifier needs a whole input_shape, as {usual}; got {given}.")
    if any(size is not None and size < sizes.smallest for size in (height, width)):
        raise network_error(
            f"pictures must have at least {sizes.smallest} x {sizes.smallest} pixels; got "
            f"input_shape={given}. {order}"
        )
    return given


def channels_of(x: Tensor) -> int:
    """How many channels there are."""
    channels = x.shape[channel_axis()]
    if channels is None:
        raise network_error(f"the number of channels must be known; got a shape of {x.shape}.")
    return channels


def named(name: str | None, suffix: str = "") -> dict[str, Any]:
    """The argument that names a layer, where it has a name of its own."""
    return {} if name is None else {"name": name + suffix}


def halving_pad(x: Tensor, kernel: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """What to pad so that a stride of 2 halves `x` as "same" does in the published weights."""
    rows, columns = x.shape[2:4] if channels_first() else x.shape[1:3]
    odd = (0, 0) if rows is None or columns is None else (rows % 2, columns % 2)
    half = kernel // 2
    before = (half - 1, half - 1) if rows is None else (half - 1 + odd[0], half - 1 + odd[1])
    return (before[0], half), (before[1], half)


def eighths(filters: float) -> int:
    """A number of filters rounded to a multiple of 8, and not by more than 10 % down."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def fetched(file: Published) -> str:
    """Where a published file is on this computer, once it has been downloaded if need be.

    Raises:
        UsageError: `E-PRETRAINED`, where it is not there and does not come.
    """
    name = file.address.rpartition("/")[2]
    try:
        return get_file(name, file.address, file_hash=file.digest, cache_subdir=SUBFOLDER)
    except UsageError as error:
        reason = str(error).removesuffix(f" [{error.code}]")
        raise UsageError(
            "E-PRETRAINED",
            f"{name} is not on this computer. By hand: put {file.address} into "
            f"{cache_folder(None, SUBFOLDER)}; or begin with weights=None, or with a file of "
            f"yours, weights=PATH. Why it was not downloaded: {reason}",
        ) from error


def network_error(message: str) -> UsageError:
    """What to raise for arguments that a network cannot take."""
    return UsageError("E-NETWORK", message)
