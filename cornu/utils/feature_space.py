"""`FeatureSpace`: the columns of a table as numbers that a model can learn from.

Each column has a layer that makes numbers of it, learned by `adapt`; some are crossed; all are put
side by side.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import layers
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.layers import Layer

OUTPUT_MODES = ("concat", "dict")
MODES = {"feature": ("float", "int", "one_hot"), "cross": ("int", "one_hot")}
COUNTED = (layers.IntegerLookup, layers.StringLookup)
BINNED = (layers.Discretization, layers.Hashing, layers.HashedCrossing)


class Feature(NamedTuple):
    """What becomes of a column: its dtype, the layer for it, and "float", "int" or "one_hot"."""

    dtype: str
    preprocessor: Layer
    output_mode: str


class Cross(NamedTuple):
    """Columns that are crossed, into so many bins, and "int" or "one_hot"."""

    feature_names: tuple[str, ...]
    crossing_dim: int
    output_mode: str = "one_hot"

    @property
    def name(self) -> str:
        """The names of the columns, with "_X_" between."""
        return "_X_".join(self.feature_names)


class FeatureSpace:
    """Columns of a table, by name, as one array or as a dict of arrays.

    Args:
        features: name -> what the column is: "float", "float_normalized", "float_rescaled",
            "float_discretized", "integer_categorical", "string_categorical", "integer_hashed",
            "string_hashed", or what the methods of these names make, with arguments.
        output_mode: "concat" for one array (batch, all), columns by name, crosses after them;
            "dict" for one array each.
        crosses: tuples of names, or what `cross` makes: hashed together into a column of its own.
        crossing_dim, hashing_dim, num_discretization_bins: how many bins where none are said.
        name: for messages.

    Attributes:
        preprocessors, crossers: the layers, by name.

    Raises:
        UsageError: for unknown kinds, names and modes.

    Example:
        >>> space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
        >>> table = {"age": [20.0, 40.0], "job": ["cook", "pilot"]}
        >>> space.adapt(table)
        >>> space(table).shape
        (2, 4)
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ):
        if not isinstance(features, Mapping) or not features:
            raise _error(f'features must be a dict, {{"age": "float"}}; got {shown(features)}.')
        _check_mode("output_mode", output_mode, OUTPUT_MODES)
        self.output_mode, self.name = output_mode, name or "feature_space"
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {name: self._feature(name, said) for name, said in features.items()}
        self.crosses = [self._cross(said) for said in crosses or ()]
        self.preprocessors: dict[str, Any] = {
            name: f.preprocessor for name, f in self.features.items()
        }
        self.crossers = {
            cross.name: layers.HashedCrossing(num_bins=cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self._learning = [name for name, layer in self.preprocessors.items() if _learns(layer)]
        self._adapted = not self._learning
        self._inputs: dict[str, Any] = {}
        self._encoded: Any = None
        self._encoders: dict[str, Layer] = {}

    # ---------------------------------------------------------------- kinds of columns

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """A column with a layer of your own. Raises UsageError for another `output_mode`."""
        _check_mode("output_mode", output_mode, MODES["feature"])
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def cross(
        cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Columns hashed together. Raises UsageError for another `output_mode`."""
        _check_mode("output_mode", output_mode, MODES["cross"])
        return Cross(tuple(feature_names), crossing_dim, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Numbers as they are."""
        layer = layers.Rescaling(scale=1.0, name=_named(name))
        return cls.feature("float32", layer, "float")

    @classmethod
    def float_rescaled(
        cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None
    ) -> Feature:
        """`x * scale + offset`."""
        layer = layers.Rescaling(scale=scale, offset=offset, name=_named(name))
        return cls.feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Numbers with mean 0 and deviation 1, learned."""
        layer = layers.Normalization(axis=-1, name=_named(name))
        return cls.feature("float32", layer, "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None = None,
        bin_boundaries: Sequence[Any] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Numbers by bins: those between the boundaries, or as many with equal shares, learned."""
        name = _named(name)
        bins: dict[str, Any] = {"num_bins": num_bins} if bin_boundaries is None else {}
        layer = layers.Discretization(bin_boundaries=bin_boundaries, name=name, **bins)
        return cls.feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Whole numbers that stand for things, learned."""
        name = _named(name)
        layer = layers.IntegerLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name
        )
        return cls.feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Words that stand for things, learned."""
        name = _named(name)
        layer = layers.StringLookup(
            max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name
        )
        return cls.feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Whole numbers by a hash of them."""
        layer = layers.Hashing(num_bins=num_bins, name=_named(name))
        return cls.feature("int32", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Words by a hash of them."""
        layer = layers.Hashing(num_bins=num_bins, name=_named(name))
        return cls.feature("string", layer, output_mode)

    def _feature(self, name: str, said: Any) -> Feature:
        if isinstance(said, Feature):
            return said
        if isinstance(said, Mapping):
            layer: Any = said.get("preprocessor")
            layer = layers.deserialize(layer) if isinstance(layer, Mapping) else layer
            return self.feature(said["dtype"], layer, said["output_mode"])
        bins = {
            "float_discretized": self.num_discretization_bins,
            "integer_hashed": self.hashing_dim,
            "string_hashed": self.hashing_dim,
        }
        if not isinstance(said, str) or said not in KINDS:
            raise _error(
                f"feature {name!r} must be one of {listed(KINDS)}, or what FeatureSpace.float() "
                f"and its kin make; got {shown(said)}. {suggestion(str(said), KINDS)}".rstrip()
            )
        more = {"num_bins": bins[said]} if said in bins else {}
        return getattr(self, said)(name=name, **more)

    def _cross(self, said: Any) -> Cross:
        if isinstance(said, Mapping):
            said = self.cross(**said)
        if not isinstance(said, Cross):
            said = self.cross((said,) if isinstance(said, str) else said, self.crossing_dim)
        for name in said.feature_names:
            if name not in self.features:
                raise _error(
                    f"crosses has {name!r}, which is no feature. "
                    f"{suggestion(name, self.features)}There are: {listed(self.features)}."
                )
        return said

    # ---------------------------------------------------------------- learning

    def adapt(self, dataset: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> None:
        """Learn from a table, a dict of columns, or from dicts of batches, read once.

        Raises:
            UsageError: for what is none, and a column that is missing.
        """
        columns = self._columns(dataset)
        for name in self._learning:
            self.preprocessors[name].adapt(_upright(columns[name]))
        self._adapted, self._inputs, self._encoded, self._encoders = True, {}, None, {}

    def _columns(self, dataset: Any) -> dict[str, np.ndarray]:
        """The columns that are learned from, whole."""
        if isinstance(dataset, Mapping):
            return {name: np.asarray(self._column(dataset, name)) for name in self._learning}
        if not isinstance(dataset, Iterable):
            raise UsageTypeError(
                "E-FEATURES", f"adapt takes a dict of columns, or dicts; got {shown(dataset)}."
            )
        found: dict[str, list] = {name: [] for name in self._learning}
        for batch in dataset:
            if not isinstance(batch, Mapping):
                raise UsageTypeError(
                    "E-FEATURES",
                    f"adapt takes dicts of columns without labels; got {shown(batch)}. "
                    "ds.map(lambda x, y: x)",
                )
            for name, parts in found.items():
                parts.append(np.atleast_1d(np.asarray(self._column(batch, name))))
        if not all(found.values()):
            raise _error("adapt was given no batches.")
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def _column(self, table: Mapping[str, Any], name: str) -> Any:
        if name not in table:
            raise _error(
                f"there is no column {name!r}. {suggestion(name, table)}There are: {listed(table)}."
            )
        return table[name]

    # ---------------------------------------------------------------- numbers

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """A table, a dict of columns, as numbers: (batch, all), or a dict of (batch, own).

        Columns are of shape (batch,) or (batch, 1); a dict of single values is one row, without
        its batch axis. Raises UsageError before `adapt`, and where a column is missing.
        """
        if not isinstance(data, Mapping):
            raise UsageTypeError(
                "E-FEATURES", f"a FeatureSpace takes a dict of columns; got {shown(data)}."
            )
        self._check_adapted()
        given = {name: np.asarray(self._column(data, name)) for name in self.features}
        single = all(column.ndim == 0 for column in given.values())
        found = self._made({name: _upright(column) for name, column in given.items()})
        if not single:
            return found
        return {n: x[0] for n, x in found.items()} if isinstance(found, dict) else found[0]

    def get_inputs(self) -> dict[str, Any]:
        """An `Input` for each column, of shape (batch, 1), for `Model(inputs, outputs)`."""
        self.get_encoded_features()
        return self._inputs

    def get_encoded_features(self) -> Any:
        """The numbers as Tensors, of `get_inputs()`. Raises UsageError before `adapt`."""
        self._check_adapted()
        if self._encoded is None:
            self._inputs = {
                name: layers.Input((1,), dtype=feature.dtype, name=name)
                for name, feature in self.features.items()
            }
            self._encoded = self._made(self._inputs)
        return self._encoded

    def _check_adapted(self) -> None:
        if not self._adapted:
            raise _error(
                f"{listed(self._learning)} learn from data: space.adapt(table) comes first."
            )

    def _made(self, columns: Mapping[str, Any]) -> Any:
        """Numbers of columns: arrays, or Tensors."""
        plain = {name: self.preprocessors[name](columns[name]) for name in self.features}
        crossed = {
            cross.name: self.crossers[cross.name]([plain[n] for n in cross.feature_names])
            for cross in self.crosses
        }
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        modes.update((cross.name, cross.output_mode) for cross in self.crosses)
        found = {
            name: self._encoded_as(name, values[name], modes[name])
            for values in (plain, crossed)
            for name in sorted(values)
        }
        if self.output_mode == "dict":
            return found
        for name in found:
            if modes[name] == "int":
                raise _error(
                    f'{name!r} has output_mode="int", and numbers of things cannot stand beside '
                    'measures. Make it "one_hot", or the FeatureSpace output_mode="dict".'
                )
        whole = list(found.values())
        return layers.Concatenate(axis=-1)(whole) if len(whole) > 1 else whole[0]

    def _encoded_as(self, name: str, x: Any, mode: str) -> Any:
        if mode != "one_hot":
            return x
        if name not in self._encoders:
            count = _count(name, self.preprocessors.get(name) or self.crossers[name])
            self._encoders[name] = layers.CategoryEncoding(
                num_tokens=count, output_mode="multi_hot"
            )
        return self._encoders[name](x)

    # ---------------------------------------------------------------- config

    def get_config(self) -> dict[str, Any]:
        """Settings, with each layer's; vocabularies are in them, what else was learned is not."""
        features = {
            name: {**f._asdict(), "preprocessor": layers.serialize(f.preprocessor)}
            for name, f in self.features.items()
        }
        crosses = [{**c._asdict(), "feature_names": list(c.feature_names)} for c in self.crosses]
        return {
            "features": features,
            "output_mode": self.output_mode,
            "crosses": crosses,
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "FeatureSpace":
        """A FeatureSpace of what `get_config` gave."""
        return cls(**config)


KINDS = (
    "float",
    "float_discretized",
    "float_normalized",
    "float_rescaled",
    "integer_categorical",
    "integer_hashed",
    "string_categorical",
    "string_hashed",
)


def _named(name: str | None) -> Any:
    return None if name is None else f"{name}_preprocessor"


def _upright(column: np.ndarray) -> np.ndarray:
    """A column as (batch, 1); one value as a batch of one."""
    return column.reshape(-1, 1) if column.ndim < 2 else column


def _count(name: str, layer: Any) -> int:
    """How many numbers a layer gives. Raises UsageError where nothing says."""
    if isinstance(layer, layers.Discretization) and layer.bin_boundaries:
        return len(layer.bin_boundaries) + 1
    if isinstance(layer, BINNED):
        return layer.num_bins
    if isinstance(layer, COUNTED):
        return layer.vocabulary_size()
    raise _error(
        f'{name!r} cannot be "one_hot": nothing says how many numbers its layer gives. Make it '
        '"int" or "float".'
    )


def _learns(layer: Any) -> bool:
    """Whether a layer learns from data, and was not given what it would learn."""
    if isinstance(layer, layers.Normalization):
        return layer.mean is None
    if isinstance(layer, (*COUNTED, layers.TextVectorization)):
        return not layer.vocabulary
    if isinstance(layer, layers.Discretization):
        return not layer.bin_boundaries
    return callable(getattr(layer, "adapt", None))


def _check_mode(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(
            "E-CHOICE",
            f"{name} must be one of {', '.join(map(repr, known))}; got {shown(value)}. "
            f"{suggestion(str(value), known)}".rstrip(),
        )


def _error(message: str) -> UsageError:
    return UsageError("E-FEATURES", message)
