"""A fresh process that imports a library and, if told to, trains one batch of a small MLP.

Run as `first_batch.py LIBRARY MODULE import|train`. It prints one JSON line the moment it is done
(the mark that the process outside waits for), with its own times in seconds, and after it, when no
clock runs any more, a line with the device. Only the standard library is imported before the
library under test.
"""

import time

BEGIN = time.perf_counter()

import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402


def train_keras(keras: Any) -> float:
    """Build, compile and train one batch in the Keras 3 API; returns the loss."""
    import numpy as np  # not before the library under test: its import is part of that one's

    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return float(model.train_on_batch(np.ones((32, 20), "float32"), np.ones(32, "int32")))


def train_torch(torch: Any) -> float:
    """The same in plain PyTorch."""
    import numpy as np

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = torch.nn.Sequential(
        torch.nn.Linear(20, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    ).to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x = torch.from_numpy(np.ones((32, 20), "float32")).to(device)
    y = torch.from_numpy(np.ones(32, "int64")).to(device)
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def main(library: str, module: str, step: str) -> None:
    """Do `step`, and print the mark and the device."""
    start = time.perf_counter()
    imported = importlib.import_module(module)
    import_s = time.perf_counter() - start
    if step == "train":
        train = train_torch if module == "torch" else train_keras
        train(imported)
    print(json.dumps({"import_s": import_s, "inside_s": time.perf_counter() - BEGIN}), flush=True)
    if step == "train":
        from benchmarks.libraries import device_in_use

        print(json.dumps({"device": device_in_use(library)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
