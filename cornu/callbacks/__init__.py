"""Callbacks: what happens around epochs and batches."""

from cornu.callbacks.base import Callback, CallbackList
from cornu.callbacks.history import History
from cornu.callbacks.progress import Progbar, ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "Progbar", "ProgbarLogger"]
