"""A run that is asked to end by a signal, for processes of `forking.Children`."""

import hashlib
from pathlib import Path

from reliability.runs import network, values
from reliability.test_signals import fit


def serve(folder: str) -> None:
    """Train, keep the run in `folder`, and print a digest of all numbers at the end."""
    model = network()
    fit(model, Path(folder))
    digest = hashlib.sha256(b"".join(value.tobytes() for value in values(model)))
    print(digest.hexdigest(), flush=True)
