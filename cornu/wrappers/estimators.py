"""The three estimators of scikit-learn that a model can be: classifier, regressor, transformer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import (
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from cornu.errors import UsageError, listed, shown
from cornu.models import Model
from cornu.wrappers import compiled
from cornu.wrappers.base import Estimator, checked, dense

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class SKLearnClassifier(ClassifierMixin, Estimator):
    """A model as a classifier of scikit-learn.

    Labels may be anything that can be sorted. The function that makes a model is given them as
    columns of 0 and 1, one a class; the loss may want those, numbers of classes ("sparse_…"), or,
    for two classes, one unit. Labels of shape (samples, labels) of 0 and 1 are several at once.

    Args:
        model, warm_start, model_kwargs, fit_kwargs: as in `wrappers.base.Estimator`. A
            `class_weight` in `fit_kwargs` goes by label, or is "balanced".

    Attributes:
        classes_: the labels, sorted.
        model_, history_: the model that was fitted, and how.

    Example:
        >>> def make(X, y, units=8):
        ...     layers = [Input(X.shape[1:]), Dense(units, "relu"), Dense(y.shape[1], "softmax")]
        ...     model = Sequential(layers)
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> estimator = SKLearnClassifier(make, fit_kwargs={"epochs": 20})
        >>> GridSearchCV(estimator, {"model__units": [8, 16]}).fit(X, y)
    """

    classes_: np.ndarray
    _several: bool
    _column: bool
    _codes: bool

    # ---------------------------------------------------------------- labels

    def _targets(self, y: np.ndarray, goes_on: bool) -> np.ndarray:
        """Labels as columns: (samples, classes), float32."""
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass", "multilabel-indicator"):
            raise UsageError(
                "E-CLASSES",
                f"y must hold one label a sample, or columns of 0 and 1; it is {kind}. "
                "sklearn.multioutput.MultiOutputClassifier fits one classifier a column.",
            )
        if not goes_on:
            self._several = kind == "multilabel-indicator"
            self.classes_ = np.arange(y.shape[1]) if self._several else np.unique(y)
        if not self._several and len(self.classes_) < 2:
            raise UsageError(
                "E-CLASSES",
                f"y has one class, {shown(self.classes_.tolist())}; a classifier needs two classes "
                "or more.",
            )
        return self._columns(y)

    def _columns(self, y: np.ndarray) -> np.ndarray:
        """Labels of known classes as columns. Raises UsageError for others."""
        if self._several:
            if y.ndim != 2 or y.shape[1] != len(self.classes_):
                raise UsageError(
                    "E-CLASSES",
                    f"y has shape {y.shape}; this classifier was fitted with {len(self.classes_)} "
                    "labels a sample.",
                )
            return y.astype("float32")
        codes = self._numbers(y)
        columns = np.zeros((len(codes), len(self.classes_)), "float32")
        columns[np.arange(len(codes)), codes] = 1.0
        return columns

    def _numbers(self, y: np.ndarray) -> np.ndarray:
        """The number of each label's class. Raises UsageError for a label that was never seen."""
        new = np.setdiff1d(y, self.classes_)
        if new.size:
            raise UsageError(
                "E-CLASSES",
                f"y has {listed(map(str, new))}, which the first fit did not see; this classifier "
                f"knows {listed(map(str, self.classes_))}.",
            )
        return np.searchsorted(self.classes_, y)

    # ---------------------------------------------------------------- fitting

    def _settle(self, model: Model, X: np.ndarray, y: np.ndarray, said: dict[str, Any]) -> None:
        """See which labels the loss takes, and say those in the arguments in the same way."""
        loss, units, count = compiled.loss_of(model), compiled.width(model, X), len(self.classes_)
        self._codes = compiled.takes_codes(loss)
        self._column = units == 1 and count == 2 and not self._several and not self._codes
        if units not in (None, count) and not self._column:
            raise UsageError(
                "E-ESTIMATOR",
                f'"{model.name}" ends in {units} units, but y has {count} classes: end it in '
                "Dense(y.shape[1]), as y comes to the function that makes the model.",
            )
        if said.get("class_weight") is not None:
            said["class_weight"] = self._class_weight(said["class_weight"], y)
        held = said.get("validation_data")
        if isinstance(held, (tuple, list)) and len(held) > 1:
            said["validation_data"] = (dense(held[0]), self._held(held[1]), *held[2:])

    def _held(self, y: Any) -> np.ndarray:
        """Labels to judge by, which may be columns already."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == len(self.classes_):
            return self._arranged(y.astype("float32"))
        return self._arranged(self._columns(y if self._several else np.ravel(y)))

    def _class_weight(self, given: Any, y: np.ndarray) -> Any:
        """Weights by the number of the class, from those by label or from "balanced"."""
        labels = self.classes_.tolist()
        if given == "balanced":
            counts = y.sum(axis=0)
            return {i: len(y) / len(labels) / max(n, 1.0) for i, n in enumerate(counts.tolist())}
        if isinstance(given, Mapping) and set(given) <= set(labels):
            return {labels.index(label): weight for label, weight in given.items()}
        return given

    def _arranged(self, y: np.ndarray) -> np.ndarray:
        if self._codes:
            return y.argmax(axis=-1)
        return y[:, 1:] if self._column else y

    # ---------------------------------------------------------------- asking

    def predict(self, X: Any) -> np.ndarray:
        """The label of each sample; for several at once, columns of 0 and 1."""
        found = self._outputs(X)
        loss = compiled.loss_of(self.model_)
        over = found > compiled.threshold_of(loss)
        if self._several:
            one = compiled.takes_one(loss)
            return (np.eye(found.shape[1])[found.argmax(axis=-1)] if one else over).astype(int)
        return self.classes_[over[:, 0].astype(int) if self._column else found.argmax(axis=-1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, (samples, classes); of each label where they are several.

        Outputs are taken for logits where the loss says `from_logits`. Raises UsageError where
        they are below 0 and it does not.
        """
        outputs = self._outputs(X)
        found = compiled.probabilities(self.model_, outputs)
        if self._several:
            return found
        if self._column:
            return np.hstack([1 - found, found])
        total = found.sum(axis=-1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / found.shape[-1])

    def decision_function(self, X: Any) -> np.ndarray:
        """What the model answers; of two classes how far the second is ahead, (samples,).

        Above 0 the second class is meant, or a label of several. Keras gives two columns for two
        classes, with which scikit-learn's "roc_auc" and its kin fail.
        """
        found = self._outputs(X)
        if self._several or self._column:
            found = found - compiled.threshold_of(compiled.loss_of(self.model_))
            return found[:, 0] if self._column else found
        return found[:, 1] - found[:, 0] if len(self.classes_) == 2 else found

    # ---------------------------------------------------------------- what scikit-learn asks

    def _more_tags(self) -> dict[str, Any]:
        return {**super()._more_tags(), "multilabel": True}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        tags.classifier_tags.multi_label = True
        return tags


class SKLearnRegressor(RegressorMixin, Estimator):
    """A model as a regressor of scikit-learn, of one number a sample or of several.

    The function that makes a model is given targets as columns, (samples, outputs).

    Args:
        model, warm_start, model_kwargs, fit_kwargs: as in `wrappers.base.Estimator`.

    Attributes:
        model_, history_: the model that was fitted, and how.

    Example:
        >>> def make(X, y):
        ...     model = Sequential([Input(X.shape[1:]), Dense(8, "relu"), Dense(y.shape[1])])
        ...     model.compile("adam", "mse")
        ...     return model
        >>> cross_val_score(SKLearnRegressor(make, fit_kwargs={"epochs": 50}), X, y)
    """

    _options = {"y_numeric": True}
    _dtype: np.dtype

    def _targets(self, y: np.ndarray, goes_on: bool) -> np.ndarray:
        """Targets as columns of numbers with fractions."""
        self._dtype = y.dtype if y.dtype.kind == "f" else np.dtype("float64")
        return super()._targets(y.astype(self._dtype, copy=False), goes_on)

    def _settle(self, model: Model, X: np.ndarray, y: np.ndarray, said: dict[str, Any]) -> None:
        units = compiled.width(model, X)
        if units is not None and units != y.shape[-1]:
            raise UsageError(
                "E-ESTIMATOR",
                f'"{model.name}" ends in {units} units, but y has {y.shape[-1]} columns: end it in '
                "Dense(y.shape[1]), as y comes to the function that makes the model.",
            )

    def predict(self, X: Any) -> np.ndarray:
        """The predictions, as targets were: (samples,) or (samples, outputs), of their dtype."""
        found = self._outputs(X)
        found = found.astype(self._dtype, copy=False)
        return found[:, 0] if self._flat and found.ndim == 2 else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """A model as a transformer of scikit-learn: what it answers are features for the next step.

    Without targets it learns to give back X, as an autoencoder does. A `Model` that has weights
    already transforms without `fit`: `FrozenEstimator(SKLearnTransformer(model))` is a step of a
    pipeline that is never trained.

    Args:
        model, warm_start, model_kwargs, fit_kwargs: as in `wrappers.base.Estimator`.

    Attributes:
        model_, history_: the model that was fitted, and how.

    Example:
        >>> make_pipeline(FrozenEstimator(SKLearnTransformer(model)), LogisticRegression())
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Fit the model to targets, or to X itself; see `Estimator.fit`."""
        return super().fit(X, y, sample_weight, **kwargs)

    def transform(self, X: Any) -> np.ndarray:
        """What the model answers, (samples, features)."""
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """The same, in the shape that targets had."""
        found = self._outputs(X)
        return found[:, 0] if getattr(self, "_flat", False) and found.shape[1:] == (1,) else found

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        if y is not None:
            return super()._checked(X, y, reset)
        X = dense(checked(self, X, reset=reset))
        return X, X

    def _fitted_model(self) -> Model:
        return getattr(self, "model_", self.model)

    @property
    def _n_features_out(self) -> int:
        """How many features it gives."""
        return compiled.alone(self._fitted_model().output_shape)[-1]

    def __sklearn_is_fitted__(self) -> bool:
        return super().__sklearn_is_fitted__() or (
            isinstance(self.model, Model) and self.model.built
        )

    def _more_tags(self) -> dict[str, Any]:
        return {**super()._more_tags(), "preserves_dtype": []}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
