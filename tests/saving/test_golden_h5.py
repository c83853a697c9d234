"""Whole `.h5` models written by Keras 3.15.1 load, predict as recorded, and train on as recorded.

The tolerances are those of the cases' own manifest. `bx*`, `by*`, `bsw*` are a batch, `losses` what
three training steps on it gave, `w*` the weights after them.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from cornu import ops, saving, tree

FOLDER = Path(__file__).parents[1] / "golden" / "3.15.1"
CASES = {name: json.loads((FOLDER / "h5.json").read_text())[name] for name in ()}
