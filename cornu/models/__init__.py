"""Models: a graph, a list, or a user's own `call`, with the means to train it."""

from cornu.config import known_classes
from cornu.models.cloning import clone_model
from cornu.models.model import Model
from cornu.models.sequential import Sequential
from cornu.saving import load_model, model_from_json, model_from_yaml, save_model
from cornu.saving.text import model_from_config

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]

known_classes["Functional"] = [Model]  # what files call a Model made of a graph
