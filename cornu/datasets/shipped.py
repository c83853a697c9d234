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
    x, y = pair_of(PATH, SHA256, f"{name}_x", f"{name}_y")
    return in_two(x, y, test_split, seed)


def pair_of(path: Path, sha256: str, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of a file that ships. Raises UsageError where its checksum is another."""
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise UsageError(
            "E-DATA-DAMAGED",
            f"The data file {path} is damaged: its SHA-256 is {found}, expected {sha256}. "
            "Install Cornu again: pip install --force-reinstall --no-deps cornu.",
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return arrays[x], arrays[y]
