"""Learn to read handwritten digits, in the eight steps of every Keras tutorial.

Run it with `make demo`, or with `python examples/digits.py [folder for pictures]`. The data ship
with Cornu: 1,797 real digits of 8x8 pixels.
"""

import sys
import time
from pathlib import Path

import numpy as np

import cornu as keras
from cornu import layers, visualization
from cornu.datasets import digits


def main(folder: Path) -> float:
    """Walk the eight steps; returns the accuracy on digits that training never saw."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(7)
    begun = time.perf_counter()

    say(1, "Load")
    (x_train, y_train), (x_test, y_test) = digits.load_data(test_split=0.2)
    print(
        f"{len(x_train)} digits to learn from, {len(x_test)} held out: {x_train.shape[1:]} pixels."
    )

    say(2, "Preprocess")
    x_train = x_train[..., None].astype("float32") / 16.0  # (n, 8, 8, 1), from 0 to 1
    x_test = x_test[..., None].astype("float32") / 16.0
    print(f"Scaled to 0..1, with a channel axis: {x_train.shape}.")

    say(3, "Define")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    model.summary()

    say(4, "Compile")
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    print("Adam, sparse categorical crossentropy, accuracy.")

    say(5, "Fit")
    history = model.fit(x_train, y_train, batch_size=32, epochs=30, validation_split=0.1)

    say(6, "Evaluate")
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test loss {loss:.4f}, test accuracy {accuracy:.2%} on {len(x_test)} unseen digits.")

    say(7, "Predict")
    probabilities = model.predict(x_test, verbose=0)  # (n, 10)
    guesses = probabilities.argmax(axis=-1)
    wrong = guesses != y_test
    print(f"{wrong.sum()} of {len(x_test)} are wrong.")
    draw(folder, history, x_test, y_test, guesses)

    say(8, "Save and load again")
    path = folder / "digits.keras"
    model.save(path)
    again = keras.saving.load_model(path)
    same = np.array_equal(again.predict(x_test, verbose=0), probabilities)
    print(f"{path} ({path.stat().st_size / 1e3:.0f} kB); same predictions after loading: {same}.")

    print(f"\nTest accuracy: {accuracy:.2%}. Whole script: {time.perf_counter() - begun:.1f} s.")
    return accuracy


def say(number: int, title: str) -> None:
    """Announce a step."""
    print(f"\n{number}. {title}\n{'-' * (len(title) + 3)}", flush=True)


def draw(folder: Path, history, x: np.ndarray, y: np.ndarray, guesses: np.ndarray) -> None:
    """Write the pictures: learning curves, confusion matrix, some digits (wrong ones first)."""
    visualization.plot_history(history, folder / "learning_curves.png")
    visualization.plot_confusion_matrix(y, guesses, 10, folder / "confusion_matrix.png")
    first = np.argsort(guesses == y, kind="stable")[:40]
    visualization.plot_images(
        x[first],
        [f"{y[i]}, read as {guesses[i]}" if y[i] != guesses[i] else str(y[i]) for i in first],
        (guesses != y)[first],
        path=folder / "digits.png",
    )
    print(f"Pictures: {folder}/learning_curves.png, confusion_matrix.png, digits.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
