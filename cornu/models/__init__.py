"""Models: a graph, a list, or a user's own `call`, with the means to train it."""

from cornu.models.model import Model
from cornu.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
