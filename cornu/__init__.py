"""Cornu: the Keras system made anew.

`import cornu as keras` for new code. Importing costs little: a name's module is loaded when the
name is first used, and the engine (JAX) when something is first computed or built.
"""

from typing import TYPE_CHECKING, Any

from cornu import loading

if TYPE_CHECKING:
    from cornu import (
        activations,
        applications,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        engine,
        graph,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        state,
        tree,
        utils,
        visualization,
        wrappers,
    )
    from cornu.graph import Function
    from cornu.initializers import Initializer
    from cornu.layers import Input, InputSpec, Layer
    from cornu.losses import Loss
    from cornu.metrics import Metric
    from cornu.models import Model, Sequential
    from cornu.optimizers import Optimizer
    from cornu.policy import DTypePolicy
    from cornu.regularizers import Regularizer
    from cornu.state import Variable
    from cornu.training.gradients import value_and_gradients

__version__ = "0.1.0"

_HOMES = {
    "DTypePolicy": "cornu.policy",
    "Function": "cornu.graph",
    "Initializer": "cornu.initializers",
    "Input": "cornu.layers",
    "InputSpec": "cornu.layers",
    "Layer": "cornu.layers",
    "Loss": "cornu.losses",
    "Metric": "cornu.metrics",
    "Model": "cornu.models",
    "Optimizer": "cornu.optimizers",
    "Regularizer": "cornu.regularizers",
    "Sequential": "cornu.models",
    "Variable": "cornu.graph",  # which gives it its operators
    "value_and_gradients": "cornu.training.gradients",
}

__all__ = [
    "DTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "engine",
    "graph",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "state",
    "tree",
    "utils",
    "value_and_gradients",
    "visualization",
    "wrappers",
]

_MODULES = frozenset(__all__) - _HOMES.keys() - {"__version__"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return loading.module(f"cornu.{name}")
    if name in _HOMES:
        value = getattr(loading.module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cornu' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
