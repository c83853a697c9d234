"""`keras.wrappers.scikit_learn`: models as estimators, as Keras 0.3 to 2.11 had them.

`KerasClassifier(build_fn, **sk_params)` makes its model in `fit`. What was otherwise in a
generation is asked of `generations`. These classes are none of scikit-learn's, as then, and need no
package; what scikit-learn asks estimators today (tags, whether one is fitted) they answer.
"""

import copy
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cornu.dialects import generations, methods, modules
from cornu.dialects.generic_utils import has_arg
from cornu.dialects.patches import respelt, tell
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.models import Model, Sequential
from cornu.utils.arrays import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]

SPELT = {"nb_epoch": "epochs"}
ASKED = ("fit", "predict", "predict_classes", "evaluate")
"""The methods whose arguments are legal parameters."""

ACCURACIES = ("acc", "accuracy")
ALIAS = "cornu.as_keras"


def _taken(name: str) -> frozenset[str]:
    """The arguments that a method of Sequential takes, in any generation."""
    spoken = next(one for one in methods.SPOKEN if one.name == name)
    old = {n for row in spoken.sequential for n in (*row.names(), *row.positional)}
    return frozenset({*spoken.known, *old} - {"x", "y", "X"})


def _takes_x(method: Callable) -> Callable:
    """A method that takes its data as `X` too, as up to Keras 1.0."""
    return respelt(method.__qualname__, method, {"X": "x"})


def _restored(cls: type, aliased: bool) -> Any:
    """An estimator without its attributes, where old code is understood if it was before.

    So another process, which scikit-learn has started, can run a `build_fn` that imports Keras.
    """
    if aliased:
        modules.load(ALIAS)
        modules.load("cornu.dialects.spellings").register()
    return object.__new__(cls)


class BaseWrapper:
    """What the two estimators share.

    Args:
        build_fn: a function, or an object that can be called, which returns a compiled model.
            None where a subclass makes it in its own `__call__`.
        **sk_params: arguments of `build_fn`, and of `fit`, `predict` and `evaluate`. What those
            methods are given themselves stands before them.

    Raises:
        UsageError: for a parameter that none of these takes, with the nearest name.
    """

    _estimator_type: str
    model: Model

    def __init__(self, build_fn: Callable | None = None, **sk_params: Any):
        if isinstance(build_fn, Model):
            raise UsageTypeError(
                "E-TYPE",
                "build_fn must be a function that returns a compiled model, for every fit makes a "
                f"new one; got {shown(build_fn)}. Put the lines that make it into a function.",
            )
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    # ---------------------------------------------------------------- parameters

    def _maker(self) -> Callable:
        if self.build_fn is not None:
            return self.build_fn
        if not callable(self):
            raise UsageTypeError(
                "E-TYPE",
                f"{type(self).__name__} has no build_fn, and no __call__ of its own: say "
                f"{type(self).__name__}(build_fn=make), where make() returns a compiled model.",
            )
        return self

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Raise UsageError for names that neither `build_fn` nor a method of the model takes."""
        known = frozenset().union(*map(_taken, ASKED))
        maker = self._maker()
        for name in params:
            if name not in known and not has_arg(maker, name):
                every = {*known, *inspect.signature(maker).parameters}
                raise UsageError(
                    "E-ESTIMATOR",
                    f"{name} is not a legal parameter of {type(self).__name__}: neither build_fn "
                    f"nor fit, predict and evaluate take it. {suggestion(name, every)}".rstrip(),
                )
            if name in SPELT:
                tell(f"{type(self).__name__}({name})", f"{type(self).__name__}({SPELT[name]}=…)")

    def get_params(self, **params: Any) -> dict[str, Any]:
        """All parameters, `build_fn` among them; what is passed (`deep`) makes no difference."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Any:
        """Set parameters; returns the estimator. Raises UsageError for unknown names."""
        build_fn = params.pop("build_fn", self.build_fn)
        before, self.build_fn = self.build_fn, build_fn
        try:
            self.check_params(params)
        except UsageError:
            self.build_fn = before
            raise
        self.sk_params.update(params)
        return self

    def filter_sk_params(
        self, fn: Callable, override: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Those of the parameters that a function takes, and what is given besides."""
        name = getattr(fn, "__name__", "")
        known = _taken(name) if fn is getattr(Sequential, name, None) else None
        found = {
            SPELT.get(name, name) if known is not None else name: value
            for name, value in self.sk_params.items()
            if (has_arg(fn, name) if known is None else name in known)
        }
        return {**found, **{SPELT.get(name, name): v for name, v in (override or {}).items()}}

    # ---------------------------------------------------------------- fitting

    @_takes_x
    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Make a model and fit it; returns its History.

        Args:
            x: samples, shape (samples, features).
            y: targets, shape (samples,) or (samples, outputs).
            **kwargs: arguments of `Sequential.fit`.
        """
        maker = self._maker()
        self.model = maker(**self.filter_sk_params(maker))
        if not isinstance(self.model, Model):
            made = shown(self.__dict__.pop("model"))
            raise UsageTypeError(
                "E-TYPE", f"{shown(maker)} must return a compiled model; it gave {made}."
            )
        said = copy.deepcopy(self.filter_sk_params(Sequential.fit))
        said |= {SPELT.get(name, name): value for name, value in kwargs.items()}
        return self.model.fit(x, self._as_columns(y), **said)

    def _as_columns(self, y: Any) -> Any:
        """Class numbers as columns of 0 and 1, where the loss is the categorical crossentropy."""
        said = (self.model._compiled_with or {}).get("loss")
        name = said if isinstance(said, str) else getattr(said, "name", None)
        name = name or getattr(said, "__name__", "")
        if name != "categorical_crossentropy" or np.ndim(y) == 2:
            return y
        return to_categorical(y, max(len(getattr(self, "classes_", ())), int(np.max(y)) + 1))

    def _judged(self, x: Any, y: Any, said: Mapping[str, Any]) -> list:
        """What `evaluate` of the model gives, as a list."""
        found = self.model.evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, said))
        return found if isinstance(found, list) else [found]

    # ---------------------------------------------------------------- what scikit-learn asks

    def __sklearn_is_fitted__(self) -> bool:
        return "model" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        from sklearn import utils

        classifies = self._estimator_type == "classifier"
        return utils.Tags(
            estimator_type=self._estimator_type,
            target_tags=utils.TargetTags(required=True),
            classifier_tags=utils.ClassifierTags() if classifies else None,
            regressor_tags=None if classifies else utils.RegressorTags(),
            non_deterministic=True,
        )

    def __repr__(self) -> str:
        said = {"build_fn": self.build_fn, **self.sk_params}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in said.items())})"

    def __reduce__(self) -> tuple:
        return _restored, (type(self), ALIAS in sys.modules), self.__dict__


class KerasClassifier(BaseWrapper):
    """A model as a classifier. Labels are mapped to `classes_` and back, from Keras 2 on.

    Args:
        build_fn, **sk_params: as in `BaseWrapper`.
    """

    _estimator_type = "classifier"
    classes_: np.ndarray
    n_classes_: int

    @_takes_x
    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Make a model and fit it; returns its History.

        Args:
            x: samples, shape (samples, features).
            y: labels, shape (samples,) or (samples, 1), or columns of 0 and 1.
            sample_weight: a number for each sample.
            **kwargs: arguments of `Sequential.fit`.

        Raises:
            UsageError: for labels of another shape.
        """
        y = np.array(y)
        if y.ndim not in (1, 2):
            raise UsageError(
                "E-CLASSES",
                f"Invalid shape for y: {y.shape}. It must be (samples,), or (samples, classes).",
            )
        several = y.ndim == 2 and y.shape[1] > 1
        self.classes_ = np.arange(y.shape[1]) if several else np.unique(y)
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y if several else self._numbers(y), **kwargs)

    def _maps(self) -> bool:
        """Whether labels are mapped: from Keras 2 on, and always where they are no numbers."""
        return not generations.before("2.0") or self.classes_.dtype.kind not in "iufb"

    def _numbers(self, y: np.ndarray) -> np.ndarray:
        """Labels as numbers of `classes_`. Raises UsageError for a label that `fit` did not see."""
        if not self._maps() or (y.ndim == 2 and y.shape[1] > 1):
            return y
        new = np.setdiff1d(y, self.classes_)
        if new.size:
            raise UsageError(
                "E-CLASSES",
                f"y has {listed(map(str, new))}, which fit did not see; classes_ are "
                f"{listed(map(str, self.classes_))}.",
            )
        return np.searchsorted(self.classes_, y)

    @_takes_x
    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The label of each sample: (samples,), or (samples, 1) of a model with one output."""
        found = self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs))
        alone = found.shape[-1] == 1
        classes = (found > 0.5).astype("int32") if alone else found.argmax(axis=-1)
        return self.classes_[classes] if self._maps() else classes

    @_takes_x
    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The probability of each class, (samples, classes); of one output two, but in Keras 0."""
        found = self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs))
        if found.shape[1] == 1 and not generations.before("1.0"):
            return np.hstack([1 - found, found])
        return found

    @_takes_x
    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The accuracy. Raises UsageError where the model was compiled without it."""
        if generations.before("1.0"):
            return self._share_of_right(x, np.asarray(y), kwargs)
        figures = self._judged(x, self._as_columns(self._numbers(np.asarray(y))), kwargs)
        named = dict(zip(self.model.metrics_names, figures, strict=False))
        for name in ACCURACIES:
            if name in named:
                return named[name]
        raise UsageError(
            "E-ESTIMATOR",
            "The model is not configured to compute accuracy: score needs "
            'model.compile(…, metrics=["accuracy"]) in build_fn.',
        )

    def _share_of_right(self, x: Any, y: np.ndarray, said: Mapping[str, Any]) -> float:
        """The accuracy, whatever was compiled: Keras 0 asked for it when it evaluated."""
        labels = y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
        known = {name: said[name] for name in ("batch_size", "verbose") if name in said}
        return float(np.mean(np.ravel(self.predict(x, **known)) == labels))


class KerasRegressor(BaseWrapper):
    """A model as a regressor.

    Args:
        build_fn, **sk_params: as in `BaseWrapper`.
    """

    _estimator_type = "regressor"

    @_takes_x
    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The predictions: (samples,) of a model with one output, but in Keras 0."""
        found = self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs))
        narrow = found.shape[-1] == 1 and not generations.before("1.0")
        return np.squeeze(found, axis=-1) if narrow else found

    @_takes_x
    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The loss: below 0, so that more is better; as it is up to Keras 2.0."""
        loss = self._judged(x, y, kwargs)[0]
        return loss if generations.before("2.2") else -loss
