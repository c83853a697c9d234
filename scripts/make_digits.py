"""Write `cornu/datasets/digits.npz` from the copy of the data that scikit-learn carries.

Run it where scikit-learn is installed: `python scripts/make_digits.py`. It prints the SHA-256 to
put into `cornu/datasets/digits.py`. The values are the same whatever is installed; the bytes, and
so the SHA-256, can differ with another version of the compressor.
"""

import hashlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

PATH = Path(__file__).parent.parent / "cornu" / "datasets" / "digits.npz"


def main() -> None:
    """Write the file, in the order of the source, and say what it is."""
    source = load_digits()
    x = source.images.astype("uint8")  # (1797, 8, 8), 0..16
    y = source.target.astype("uint8")  # (1797,), 0..9
    if not (np.array_equal(x, source.images) and np.array_equal(y, source.target)):
        raise ValueError("the source holds values that are not whole numbers in 0..255")
    np.savez_compressed(PATH, x=x, y=y)
    data = PATH.read_bytes()
    print(f"{PATH.name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
