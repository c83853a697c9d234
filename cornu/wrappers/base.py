"""What the estimators share: their parameters, the checks of data, and how a model is fitted."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import validation

from cornu.callbacks import History
from cornu.errors import UsageError, shown
from cornu.models import Model
from cornu.wrappers import compiled

__all__ = ["Estimator"]

FIT = [name for name in inspect.signature(Model.fit).parameters if name not in ("self", "x", "y")]
"""What may be asked to be passed to `fit` by scikit-learn's routing of metadata."""

ROUTES = {"model": "model_kwargs", "fit": "fit_kwargs"}
ROUTES |= {kwargs: kwargs for kwargs in ROUTES.values()}
"""What stands before "__" in the name of a parameter -> the dict that has it."""


class Estimator(BaseEstimator):
    """A model as an estimator; `SKLearnClassifier` and its kin say what of.

    Args:
        model: a compiled `Model`, or a function that makes one. The function is given `X` and `y`
            as keyword arguments, where it takes them, and `model_kwargs`. A `Model` is cloned
            before it is fitted, so that every `fit` begins with new weights.
        warm_start: whether `fit` goes on with the weights of the last one; a `Model` is then
            fitted itself, not a clone.
        model_kwargs: arguments of the function. One alone is the parameter `model__NAME`.
        fit_kwargs: arguments of `Model.fit`; `fit` is silent unless they say `verbose`. One alone
            is the parameter `fit__NAME`.

    Attributes:
        model_: the model that was fitted.
        history_: the `History` of its last `fit`.
        n_features_in_, feature_names_in_: what scikit-learn knows of the columns of X.
    """

    __metadata_request__fit = dict.fromkeys(FIT)
    _options: Mapping[str, Any] = {}
    _flat: bool

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
    ):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    # ---------------------------------------------------------------- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; with `deep` those in `model_kwargs` and `fit_kwargs` one by one too."""
        found = super().get_params(deep)
        for route, kwargs in ROUTES.items() if deep else ():
            said = found.get(kwargs)
            if route != kwargs and isinstance(said, Mapping):
                found.update((f"{route}__{name}", value) for name, value in said.items())
        return found

    def set_params(self, **params: Any) -> Any:
        """Set parameters, `model__NAME` and `fit__NAME` among them; returns the estimator."""
        own = {name: value for name, value in params.items() if _route(name) is None}
        super().set_params(**own)
        for name in params.keys() - own.keys():
            route, _, inner = name.partition("__")
            kwargs = ROUTES[route]
            setattr(self, kwargs, {**(getattr(self, kwargs) or {}), inner: params[name]})
        return self

    @property
    def epoch_(self) -> int:
        """Epochs that the last `fit` has run."""
        history = getattr(self, "history_", None)
        return 0 if history is None else len(history.epoch)

    # ---------------------------------------------------------------- fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Fit the model; returns the estimator.

        Args:
            X: numbers of shape (samples, features), dense or sparse; arrays of more axes too.
            y: targets of shape (samples,) or (samples, outputs).
            sample_weight: a number >= 0 for each sample.
            **kwargs: arguments of `Model.fit`, which stand before those in `fit_kwargs`.

        Raises:
            UsageError: for a model that is not compiled, and all that `Model.fit` finds wrong.
            ValueError: for data that scikit-learn refuses: NaN, text, other lengths.
        """
        goes_on = bool(self.warm_start) and hasattr(self, "model_")
        X, y = self._checked(X, y, reset=not goes_on)
        if not goes_on:
            self.__dict__.pop("model_", None)  # which would not fit what is learned now
        said = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
        if sample_weight is not None:
            said["sample_weight"] = weights_of(sample_weight, X)
        y = self._targets(y, goes_on)
        model = self.model_ if goes_on else self._made(X, y)
        compiled.check_compiled(model)
        self._settle(model, X, y, said)
        self.history_: History = model.fit(X, self._arranged(y), **said)
        self.model_ = model
        return self

    def _made(self, X: Any, y: Any) -> Model:
        """The model to fit."""
        if isinstance(self.model, Model):
            if self.model_kwargs:
                raise UsageError(
                    "E-ESTIMATOR",
                    f"model_kwargs {shown(dict(self.model_kwargs))} are arguments of a function "
                    "that makes a model, but model is a Model. Give the function itself.",
                )
            return self.model if self.warm_start else compiled.twin_of(self.model)
        if not callable(self.model):
            raise UsageError(
                "E-TYPE",
                f"model must be a compiled Model or a function that makes one; "
                f"got {shown(self.model)}.",
            )
        return compiled.made_by(self.model, X, y, self.model_kwargs or {})

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Data as scikit-learn takes them: finite numbers, as many targets as samples."""
        X, y = checked(self, X, y, reset=reset, multi_output=True, **self._options)
        if y.ndim == 2 and y.shape[1] == 1:
            y = validation.column_or_1d(y, warn=True)
        return dense(X), dense(y)

    def _targets(self, y: np.ndarray, goes_on: bool) -> np.ndarray:
        """Targets as the function that makes a model sees them: columns."""
        self._flat = y.ndim == 1
        return y[:, None] if self._flat else y

    def _settle(self, model: Model, X: np.ndarray, y: np.ndarray, said: dict[str, Any]) -> None:
        """Look at the model that is to be fitted, and at the arguments of `Model.fit`."""

    def _arranged(self, y: np.ndarray) -> np.ndarray:
        """Targets as the loss takes them."""
        return y

    # ---------------------------------------------------------------- asking

    def _outputs(self, X: Any) -> np.ndarray:
        """What the model answers, as it is."""
        validation.check_is_fitted(self)
        X = dense(checked(self, X, reset=False))
        return compiled.alone(self._fitted_model().predict(X, verbose=0))

    def _fitted_model(self) -> Model:
        return self.model_

    # ---------------------------------------------------------------- what scikit-learn asks

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _more_tags(self) -> dict[str, Any]:
        """Tags as scikit-learn 1.5 asks for them."""
        return {
            "non_deterministic": True,
            "poor_score": True,
            "multioutput": True,
            "X_types": ["2darray", "sparse"],
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags


def _route(name: str) -> str | None:
    """The dict that a parameter is in; None for the estimator's own."""
    route, found, _ = name.partition("__")
    return ROUTES.get(route) if found else None


def checked(estimator: Any, X: Any, *y: Any, **options: Any) -> Any:
    """`validate_data` of scikit-learn, by the name that it had in 1.5 too."""
    options |= {"accept_sparse": ("csr", "csc"), "allow_nd": True}
    validate = getattr(validation, "validate_data", None)
    if validate is None:
        return estimator._validate_data(X, *y, **options)
    return validate(estimator, X, *y, **options)


def dense(array: Any) -> np.ndarray:
    """An array that may be sparse, written out; fractions of a sparse one in single precision."""
    if not hasattr(array, "toarray"):
        return array
    return array.toarray() if array.dtype.kind != "f" else array.astype("float32").toarray()


def weights_of(sample_weight: Any, X: np.ndarray) -> np.ndarray:
    """Weights of samples as an array of shape (samples,). Raises ValueError for other shapes."""
    found = validation.check_array(sample_weight, ensure_2d=False, dtype="numeric")
    if found.ndim != 1:
        raise UsageError(
            "E-WEIGHT-SHAPE",
            f"sample_weight must be one number a sample; got shape {found.shape} for {len(X)}.",
        )
    validation.check_consistent_length(X, found)
    if not found.any():
        raise UsageError("E-WEIGHT", "sample_weight is zero for all samples.")
    return found
