"""How many workers make batches, where `fit` was told: today a dataset says so itself."""

from collections.abc import Mapping
from typing import Any

from cornu.dialects.table import Arguments
from cornu.training import feeds

__all__ = ["Working", "idle_workers", "with_workers"]

SPELLINGS = {
    "max_q_size": "max_queue_size",
    "max_queue_size": "max_queue_size",
    "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
    "use_multiprocessing": "use_multiprocessing",
    "workers": "workers",
}


class Working:
    """A dataset by number, whose batches are made by other workers than it says itself."""

    def __init__(self, data: Any, settings: Mapping[str, Any]):
        self.__dict__.update(settings, data=data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return self.data[index]

    def __getattr__(self, name: str) -> Any:
        if name == "data" or name.startswith("__"):  # asked while it is being unpickled
            raise AttributeError(name)
        return getattr(self.data, name)


class Queued:
    """A generator of which so many batches are made ahead."""

    def __init__(self, data: Any, max_queue_size: Any):
        self.data, self.max_queue_size = data, max_queue_size

    def __iter__(self) -> "Queued":
        return self

    def __next__(self) -> Any:
        return next(self.data)

    def __getattr__(self, name: str) -> Any:
        if name == "data" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.data, name)


def with_workers(found: Arguments, given: Mapping[str, Any]) -> Arguments:
    """Arguments of today whose datasets have the workers that the older ones `given` asked for."""
    settings = {new: given[old] for old, new in SPELLINGS.items() if old in given}
    if not settings:
        return found
    return {
        name: _with(value, settings) if name in ("x", "validation_data") else value
        for name, value in found.items()
    }


def _with(value: Any, settings: Mapping[str, Any]) -> Any:
    if feeds.is_dataset(value):
        return Working(value, settings)
    room = settings.get("max_queue_size")
    return Queued(value, room) if room is not None and hasattr(value, "__next__") else value


def idle_workers(found: Arguments, given: Mapping[str, Any]) -> str:
    """What is to be said where workers were asked for that have nothing to do; "" else."""
    settings = {new: given[old] for old, new in SPELLINGS.items() if old in given}
    several = settings.get("use_multiprocessing") or (settings.get("workers") or 1) > 1
    data = found.get("x")
    if not several or not hasattr(data, "__next__") or feeds.is_dataset(data):
        return ""
    return (
        ". One thread reads a generator, so that its batches come once and in order: workers "
        "change nothing. Those of a Sequence (PyDataset) are made by several"
    )
