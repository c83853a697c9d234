"""Write `cornu/datasets/tables.npz` from the copies of the data that scikit-learn carries.

Run it where scikit-learn is installed: `python scripts/make_tables.py`. It prints the SHA-256 to
put into `cornu/datasets/shipped.py`. The values are the same whatever is installed; the bytes, and
so the SHA-256, can differ with another version of the compressor.
"""

import hashlib
from pathlib import Path

import numpy as np
from sklearn import datasets

PATH = Path(__file__).parent.parent / "cornu" / "datasets" / "tables.npz"


def main() -> None:
    """Write the file, in the order of the sources, and say what it is."""
    sources = {
        "breast_cancer": datasets.load_breast_cancer(),
        "diabetes": datasets.load_diabetes(scaled=False),
        "iris": datasets.load_iris(),
        "wine": datasets.load_wine(),
    }
    arrays = {}
    for name, source in sources.items():
        arrays[f"{name}_x"] = source.data.astype("float64")
        labels = "float64" if name == "diabetes" else "uint8"
        arrays[f"{name}_y"] = source.target.astype(labels)
        if not np.array_equal(arrays[f"{name}_y"], source.target):
            raise ValueError(f"{name} has other labels than expected")
    np.savez_compressed(PATH, **arrays)
    data = PATH.read_bytes()
    print(f"{PATH.name}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
