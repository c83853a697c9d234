"""What TensorFlow alone can open: SavedModel folders and checkpoints, known by what they hold.

They keep a graph of TensorFlow's nodes, or the objects of one program, and no model that another
library could make again.
"""

import os
import re
from typing import Any

from cornu.saving.files import ModelFileError

TABLE_END = bytes.fromhex("57fb808b247547db")
"""How the index of a checkpoint ends, which is a table of LevelDB."""

STATE = b"model_checkpoint_path:"
PIECE = re.compile(r"(.*)\.(index|data-\d{5}-of-\d{5})")
INSIDE = ("saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb")
"""Files that lie in the folder of a SavedModel."""

CONVERT = {
    "SavedModel": "tf_keras.models.load_model(path).save('model.keras'), or '.h5'",
    "checkpoint": "model.load_weights(path), then model.save_weights('model.weights.h5'), with "
    "the model that was saved",
}


def check_own(path: Any) -> None:
    """Raise ModelFileError for what only TensorFlow opens, with the way to convert it."""
    name = os.fspath(path)
    kind = _in_folder(name) if os.path.isdir(name) else _at(name)
    if kind:
        raise ModelFileError(
            name,
            None,
            f"is a TensorFlow {kind}, which only TensorFlow opens. Where it is installed, with the "
            f"package tf_keras: {CONVERT[kind]}. That file can be loaded here.",
            "E-FILE-TENSORFLOW",
        )


def _in_folder(name: str) -> str:
    try:
        inside = os.listdir(name)
    except OSError:  # `opened` says why it cannot be read
        return ""
    if any(one in INSIDE for one in inside):
        return "SavedModel"
    return "checkpoint" if any(_at(os.path.join(name, one)) for one in sorted(inside)) else ""


def _at(name: str) -> str:
    """What a file is, or what those are that begin with this name."""
    if os.path.basename(name) in INSIDE and os.path.isfile(name):
        return "SavedModel"
    piece = PIECE.fullmatch(name)
    index = f"{piece[1] if piece else name}.index"
    if _ends_as_table(index):
        return "checkpoint" if piece or not os.path.exists(name) else ""
    return "checkpoint" if os.path.basename(name) == "checkpoint" and _says_state(name) else ""


def _ends_as_table(name: str) -> bool:
    return _bytes(name, -len(TABLE_END)) == TABLE_END


def _says_state(name: str) -> bool:
    return _bytes(name, len(STATE)) == STATE


def _bytes(name: str, count: int) -> bytes:
    """The first bytes of a regular file, or the last where `count` is below 0."""
    try:
        if not os.path.isfile(name) or os.path.getsize(name) < abs(count):
            return b""
        with open(name, "rb") as file:
            if count < 0:
                file.seek(count, os.SEEK_END)
            return file.read(abs(count))
    except OSError:
        return b""
