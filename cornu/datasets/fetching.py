"""Where the files of data sets are: on this computer, and at their makers', with their hashes.

All go into `~/.keras/datasets` (`KERAS_HOME`, `CORNU_HOME`), where Keras has them too.
"""

import os
from pathlib import Path
from typing import NamedTuple

from cornu.errors import UsageError, warn
from cornu.utils.downloads import cache_folder, get_file

HOST = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
TORONTO = "https://www.cs.toronto.edu/~kriz/"


class Published(NamedTuple):
    """A file as it is published: its address, and its SHA-256, or MD5 where no other is known."""

    address: str
    digest: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.rpartition("/")[2]


FILES = {
    "boston_housing.npz": "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    "california_housing.npz": "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    "imdb_word_index.json": "bfafd718b763782e994055a2d397834f",
    "mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    "reuters.npz": "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    "reuters_word_index.json": "4d44cc38712099c9e383dc6e5f11a921",
    # Keras has no hashes of these; the makers publish MD5 (zalandoresearch/fashion-mnist).
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
}
"""Files at `HOST`, and their hashes."""

ARCHIVES = {
    "cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "cifar-100-python.tar.gz": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
}
"""Files at `TORONTO`, and their hashes."""


def published(name: str) -> Published:
    """A file by the name that its makers gave it."""
    if name in ARCHIVES:
        return Published(TORONTO + name, ARCHIVES[name])
    return Published(HOST + name, FILES[name])


def fetched(
    name: str, path: str | os.PathLike[str] | None = None, subfolder: str = "datasets"
) -> Path:
    """Where a published file is on this computer, once it has been downloaded if need be.

    Args:
        name: what its makers call it.
        path: a name of its own here; a path with folders is of a file that is there, and taken as
            it is.
        subfolder: of the cache folder.

    Raises:
        UsageError: `E-DATA-SET`, where it is not there and does not come; the message says what
            goes where by hand.
    """
    own = _own(path)
    if own is not None:
        return own
    file, target = published(name), Path(cache_folder(None, subfolder), str(path or name))
    try:
        return Path(
            get_file(target.name, file.address, file_hash=file.digest, cache_subdir=subfolder)
        )
    except UsageError as error:
        if error.code == "E-DOWNLOAD" and target.is_file():
            warn(
                f"{target} is not the published file (its hash is another), and that did not come. "
                "What is there is used."
            )
            return target
        raise _missing(file, target, error) from error


def unpacked(name: str, inner: str) -> Path:
    """The folder `inner` of a published archive, unpacked here, by us or by any Keras.

    Raises:
        UsageError: as `fetched`.
    """
    cache = Path(cache_folder())
    for there in (cache / inner, cache / f"{inner}-target" / inner):
        if there.is_dir():
            return there
    file = published(name)
    try:
        folder = get_file(f"{inner}-target", file.address, file_hash=file.digest, extract=True)
    except UsageError as error:
        raise _missing(file, cache / inner, error, "unpacked ") from error
    return Path(folder, inner)


def older(path: str | os.PathLike[str] | None, today: str, *names: str) -> Path | None:
    """A file of an older Keras that is on this computer, where no file of today is.

    `path` may name it; then the file of today is taken where there is none by that name.
    """
    own = _own(path)
    if own is not None:
        return own if own.name.endswith((".pkl", ".gz")) else None
    cache = Path(cache_folder())
    if path in names:
        names = (str(path), *names)
    elif (cache / str(path or today)).exists():
        return None
    return next((cache / name for name in names if (cache / name).is_file()), None)


def _own(path: str | os.PathLike[str] | None) -> Path | None:
    """The path, where it is more than a name. Raises UsageError where there is no such file."""
    if path is None or os.fspath(path) == os.path.basename(os.fspath(path)):
        return None
    found = Path(path).expanduser()
    if not found.is_file():
        raise UsageError(
            "E-DATA-SET",
            f"there is no file {found}. A name alone, without folders, is looked for, "
            f"and downloaded to, {cache_folder()}.",
        )
    return found


def _missing(file: Published, target: Path, error: UsageError, how: str = "") -> UsageError:
    reason = str(error).removesuffix(f" [{error.code}]")
    return UsageError(
        "E-DATA-SET",
        f"{file.name} is not on this computer. By hand: put {file.address}, {how}to {target}. "
        f"Why it was not downloaded: {reason}",
    )
