"""What a first script does, for processes in odd surroundings: it trains, saves, loads, looks.

    python quick_start.py FOLDER

The last line of FOLDER/answer says what was computed; nothing else needs to be printable.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

import cornu as keras
from cornu import layers
from cornu.callbacks import BackupAndRestore, CSVLogger, ModelCheckpoint


def main(folder: Path) -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = x.sum(1, keepdims=True)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.summary(print_fn=len)  # printing itself is as `print` is
    callbacks = [
        ModelCheckpoint(folder / "at-{epoch}-{loss:.2f}.keras", verbose=1),
        CSVLogger(folder / "log.csv"),
        BackupAndRestore(folder / "run", delete_checkpoint=False),
    ]
    for verbose in (1, 2):
        model.fit(
            x, y, epochs=2, batch_size=16, verbose=verbose,
            callbacks=callbacks if verbose == 1 else [], validation_split=0.25,
        )  # fmt: skip
    model.evaluate(x, y)
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    again = keras.saving.load_model(folder / "m.keras")
    older = keras.saving.load_model(folder / "m.h5")
    for other in (again, older):
        assert np.array_equal(model.predict(x), other.predict(x, verbose=0))
    digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
    (folder / "answer").write_text(digest)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
