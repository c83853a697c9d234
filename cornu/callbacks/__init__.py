"""Callbacks: what happens around epochs and batches."""

import importlib
from typing import TYPE_CHECKING, Any

from cornu.callbacks.backup import BackupAndRestore
from cornu.callbacks.base import Callback
from cornu.callbacks.base_logger import BaseLogger
from cornu.callbacks.callback_list import CallbackList
from cornu.callbacks.checkpoint import ModelCheckpoint
from cornu.callbacks.csv_logger import CSVLogger
from cornu.callbacks.early_stopping import EarlyStopping
from cornu.callbacks.ema import SwapEMAWeights
from cornu.callbacks.history import History
from cornu.callbacks.lambdas import LambdaCallback
from cornu.callbacks.learning_rate_finder import LearningRateFinder
from cornu.callbacks.monitor import MonitorCallback
from cornu.callbacks.nonfinite import TerminateOnNaN
from cornu.callbacks.optuna_pruning import OptunaPruning
from cornu.callbacks.progress import Progbar, ProgbarLogger
from cornu.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from cornu.callbacks.tensorboard import TensorBoard

if TYPE_CHECKING:
    from cornu.callbacks.remote import RemoteMonitor

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "OptunaPruning",
    "Progbar",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]


def __getattr__(name: str) -> Any:
    if name != "RemoteMonitor":
        raise AttributeError(f"module 'cornu.callbacks' has no attribute '{name}'")
    found = importlib.import_module("cornu.callbacks.remote").RemoteMonitor  # 35 ms of urllib
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
