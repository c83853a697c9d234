"""`np.random.seed` seeds what Keras draws, as it did up to Keras 2.3.

The backends of those years took the seed of a draw from NumPy's global state, so that
`np.random.seed(1337)  # for reproducibility` is all that most scripts say. A seed that
`set_random_seed` or TensorFlow's function of that name has set stands before it.
"""

from collections.abc import Sequence

import numpy as np

from cornu.dialects import generations
from cornu.dialects.patches import Patch
from cornu.state import Seeds, seeds

__all__ = ["PATCHES"]


def _next() -> int:
    """A fresh 32-bit number, by what seeds it in the generation in force."""
    if seeds.chosen or not generations.before("3"):
        return Seeds.next(seeds)
    return int(np.random.randint(2**32, dtype=np.uint64))


PATCHES: Sequence[Patch] = (Patch(seeds, "next", _next),)
