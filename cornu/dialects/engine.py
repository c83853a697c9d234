"""The names of `keras.engine`, where Keras kept its heart from 1.0 to 2.15, and its other names."""

from cornu.layers import Input, InputLayer, InputSpec, Layer, Wrapper
from cornu.models import Model, Sequential
from cornu.saving import load_model, model_from_json, model_from_yaml, save_model
from cornu.tensor import Node
from cornu.tensor import Tensor as KerasTensor

__all__ = [
    "Container",
    "Functional",
    "Input",
    "InputLayer",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Model",
    "Network",
    "Node",
    "Sequential",
    "Wrapper",
    "load_model",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]

Container = Network = Functional = Model
