"""Small tables that ship with Cornu in `tables.npz`, as scikit-learn carries them.

`scripts/make_tables.py` writes the file. Its SHA-256 is `SHA256` here.
"""

import hashlib
import io
from pathlib import Path

import numpy as np

from cornu.datasets.splits import Part, check_share, in_two
from cornu.errors import UsageError

PATH = Path(__file__).with_name("tables.npz")
SHA256 = "00f5400c538c09165cbc039b2c859bf6de139ab58708832da956dbc3d081fe39"


def load(name: str, test_split: float, seed: int) -> tuple[Part, Part]:
    """One of the tables, in two parts. Raises UsageError, also where the file is damaged."""
    check_share(test_split)
    data = PATH.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise UsageError(
            "E-DATA-DAMAGED",
            f"The data file {PATH} is damaged: its SHA-256 is {found}, expected {SHA256}. "
            "Install Cornu again: pip install --force-reinstall --no-deps cornu.",
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        x, y = arrays[f"{name}_x"], arrays[f"{name}_y"]
    return in_two(x, y, test_split, seed)
