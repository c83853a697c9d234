"""Folders of files as data sets: a folder for each class, or files alone.

Files are read when their batch is wanted. What a file holds is a function's to say: texts are
here, sound is `audio`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu.errors import UsageError, listed, shown, suggestion
from cornu.utils.batches import Batches, drawn

LABEL_MODES = ("int", "categorical", "binary", None)
SUBSETS = ("training", "validation", "both", None)
FORMATS = ("tf", "grain")


class Files(NamedTuple):
    """Files with the numbers of their classes, and the names of these; None without labels."""

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None

    def cut(self, part: slice) -> "Files":
        """Some of the files."""
        labels = None if self.labels is None else self.labels[part]
        return Files(self.paths[part], labels, self.class_names)


class Wanted(NamedTuple):
    """What a data set of files was asked to be."""

    label_mode: str | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    verbose: bool


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Batches | tuple[Batches, Batches]:
    """Text files (`.txt`, UTF-8) as batches of texts and labels.

    Args:
        directory: the folder, with a folder for each class; `.txt` files in these, at any depth.
        labels: "inferred" from the folders; None for none; or a number for each file, in the order
            of their sorted paths.
        label_mode: "int": int32 (batch,); "binary", of two classes: float32 (batch, 1);
            "categorical": float32 (batch, classes); None: no labels.
        class_names: the folders to take, in the order of their numbers; else all, sorted.
        batch_size: texts of a batch; None for single texts.
        max_length: most characters of a text; the rest is cut off.
        shuffle: whether to mix the files, and again in each pass.
        seed: of the shuffling.
        validation_split: the share of the files, in (0, 1), that `subset` leaves out or takes.
        subset: "training", "validation", or "both" for the pair.
        follow_links: whether links to folders are followed.
        format: taken as in Keras, and without effect: batches are NumPy arrays.
        verbose: whether to print how many files there are.

    Returns:
        `Batches` of (texts, labels), or of texts; texts are object arrays (batch,) of str. The
        files of a subset are those that Keras 3 takes for the same seed.

    Raises:
        UsageError: for a folder or a class without files, files that are no UTF-8 text, and
            arguments that contradict each other.
    """
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise _error(f"max_length must be a whole number above 0; got {shown(max_length)}.")
    if format not in FORMATS:
        raise _choice("format", format, FORMATS)
    wanted = Wanted(label_mode, batch_size, shuffle, seed, validation_split, subset, verbose)

    def read(paths: Sequence[str]) -> np.ndarray:
        texts = np.empty(len(paths), object)
        texts[:] = [read_text(path, max_length) for path in paths]
        return texts

    return dataset_of(directory, labels, class_names, (".txt",), follow_links, wanted, read)


def read_text(path: str, most: int | None = None) -> str:
    """A file's text, or its first `most` characters. Raises UsageError with the file's name."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read(-1 if most is None else most)
    except UnicodeDecodeError as error:
        raise _error(
            f"{path} is no UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}. "
            "Write it anew: iconv -f LATIN1 -t UTF-8."
        ) from None
    except OSError as error:
        raise _error(f"{path} cannot be read: {error.strerror}.") from error


# ---------------------------------------------------------------- from files to batches


def dataset_of(
    directory: str | os.PathLike[str],
    labels: Any,
    class_names: Sequence[str] | None,
    formats: tuple[str, ...],
    follow_links: bool,
    wanted: Wanted,
    read: Callable[[Sequence[str]], np.ndarray],
) -> Batches | tuple[Batches, Batches]:
    """The data set, or the pair, of files with these endings; `read` makes a batch of paths."""
    _check(wanted)
    if labels is None or wanted.label_mode is None:
        labels, wanted = None, wanted._replace(label_mode=None)
    seed = drawn(wanted.seed)
    files = found(directory, labels, class_names, formats, follow_links)
    _check_labels(files, wanted)
    if wanted.verbose:
        classes = "" if labels is None else f" belonging to {len(files.class_names or ())} classes"
        print(f"Found {len(files.paths)} files{classes}.")
    if wanted.shuffle:
        files = _shuffled(files, seed)
    parts = _parts(files, wanted)
    made = [
        _batches(part, wanted._replace(shuffle=wanted.shuffle and not held), seed, read)
        for part, held in parts
    ]
    return made[0] if len(made) == 1 else (made[0], made[1])


def _batches(
    files: Files, wanted: Wanted, seed: int, read: Callable[[Sequence[str]], np.ndarray]
) -> Batches:
    def rows(numbers: np.ndarray) -> Any:
        x = read([files.paths[i] for i in numbers])
        if files.labels is None:
            return x
        classes = len(files.class_names or ())
        return x, _as_asked(files.labels[numbers], wanted.label_mode, classes)

    return Batches(
        len(files.paths),
        rows,
        wanted.batch_size,
        wanted.shuffle,
        seed,
        files.class_names,
        files.paths,
    )


def _as_asked(labels: np.ndarray, mode: str | None, classes: int) -> np.ndarray:
    if mode == "binary":
        return labels.astype("float32")[:, None]
    if mode == "categorical":
        return np.equal(labels[:, None], np.arange(classes)).astype("float32")
    return labels


def _shuffled(files: Files, seed: int) -> Files:
    """In the order that Keras gives the same files, so that a split takes the same ones."""
    order = np.arange(len(files.paths))
    np.random.RandomState(seed).shuffle(order)
    labels = None if files.labels is None else files.labels[order]
    return Files([files.paths[i] for i in order], labels, files.class_names)


def _parts(files: Files, wanted: Wanted) -> list[tuple[Files, bool]]:
    """The parts that were asked for, each with whether it is the validation part of "both"."""
    if wanted.validation_split is None:
        return [(files, False)]
    held = int(wanted.validation_split * len(files.paths))
    cut = len(files.paths) - held
    if not 0 < held < len(files.paths):
        raise _error(
            f"validation_split={wanted.validation_split:g} of {len(files.paths)} files leaves "
            f"{cut} for training and {held} for validation; each needs one."
        )
    parts = {"training": files.cut(slice(cut)), "validation": files.cut(slice(cut, None))}
    names = [wanted.subset] if wanted.subset in parts else list(parts)
    if wanted.verbose:
        for name in names:
            print(f"Using {len(parts[str(name)].paths)} files for {name}.")
    return [(parts[str(n)], len(names) == 2 and n == "validation") for n in names]


def _check(wanted: Wanted) -> None:
    if wanted.label_mode not in LABEL_MODES:
        raise _choice("label_mode", wanted.label_mode, LABEL_MODES)
    if wanted.subset not in SUBSETS:
        raise _choice("subset", wanted.subset, SUBSETS)
    share = wanted.validation_split
    if share is not None and not (isinstance(share, (int, float)) and 0 < share < 1):
        raise _error(f"validation_split must be between 0 and 1; got {shown(share)}.")
    if (share is None) != (wanted.subset is None):
        raise _error(
            f"validation_split and subset go together; got validation_split={shown(share)}, "
            f'subset={shown(wanted.subset)}. Say subset="both" for the pair.'
        )
    if share is not None and wanted.shuffle and wanted.seed is None and wanted.subset != "both":
        raise _error(
            "validation_split with shuffle needs a seed, the same in both calls, so that no file "
            'is in both parts: seed=1. Or subset="both".'
        )


def _check_labels(files: Files, wanted: Wanted) -> None:
    count = len(files.class_names or ())
    if wanted.label_mode == "binary" and count != 2:
        raise _error(
            f'label_mode="binary" is for two classes; there are {count}: '
            f'{listed(files.class_names or ())}. For more: label_mode="int".'
        )
    if wanted.label_mode in ("binary", "categorical") and files.labels is not None:
        wrong = files.labels[(files.labels < 0) | (files.labels >= count)]
        if wrong.size:
            raise _error(
                f"label {wrong[0]} is none of {count} classes, which are numbered from 0. "
                "np.unique(labels, return_inverse=True)[1] numbers them anew."
            )


# ---------------------------------------------------------------- from a folder to files


def found(
    directory: str | os.PathLike[str],
    labels: Any,
    class_names: Sequence[str] | None,
    formats: tuple[str, ...],
    follow_links: bool = False,
) -> Files:
    """All files below a folder with these endings, sorted, with labels. Raises UsageError."""
    folder = os.fspath(directory)
    inferred = isinstance(labels, str) and labels == "inferred"
    if class_names is not None and not inferred:
        raise _error('class_names goes with labels="inferred" only.')
    if not os.path.isdir(folder):
        raise _error(f"{folder} is no folder.")
    if inferred:
        return _of_classes(folder, class_names, formats, follow_links)
    paths = list(files_below(folder, formats, follow_links))
    if not paths:
        raise _error(f"{folder} has no files that end in {' or '.join(formats)}.")
    if labels is None:
        return Files(paths, None, None)
    numbers = _numbers(labels)
    if len(numbers) != len(paths):
        raise _error(
            f"labels has {len(numbers)} numbers, and {folder} has {len(paths)} files: one for "
            "each, in the order of their sorted paths."
        )
    return Files(paths, numbers, [str(each) for each in sorted(set(numbers.tolist()))])


def _of_classes(
    folder: str, class_names: Sequence[str] | None, formats: tuple[str, ...], follow_links: bool
) -> Files:
    there = sorted(
        name
        for name in os.listdir(folder)
        if not name.startswith(".") and os.path.isdir(os.path.join(folder, name))
    )
    names = there if class_names is None else list(class_names)
    unknown = [name for name in names if name not in there]
    if unknown:
        raise _error(
            f"class_names has {shown(unknown[0])}, which is no folder in {folder}. "
            f"{suggestion(str(unknown[0]), there)}There are: {listed(there)}."
        )
    if not names:
        raise _error(
            f"{folder} has no folders, one for each class. For files without classes: labels=None."
        )
    paths, labels = [], []
    for number, name in enumerate(names):
        files = list(files_below(os.path.join(folder, name), formats, follow_links))
        if not files:
            raise _error(
                f"{os.path.join(folder, name)} has no files that end in {' or '.join(formats)}. "
                "Take it away, or name the classes that count: class_names=[…]."
            )
        paths += files
        labels += [number] * len(files)
    return Files(paths, np.array(labels, "int32"), names)


def files_below(folder: str, formats: tuple[str, ...], follow_links: bool) -> Iterator[str]:
    """Paths of the files, by folders and names in order; a folder that links close counts once."""
    seen: set[tuple[int, int]] = set()
    found = []
    for root, folders, files in os.walk(folder, followlinks=follow_links, onerror=_unreadable):
        if follow_links:
            identity = os.stat(root)
            if (identity.st_dev, identity.st_ino) in seen:
                folders.clear()
                continue
            seen.add((identity.st_dev, identity.st_ino))
        found.append((root, files))
    for root, files in sorted(found):
        for name in sorted(files):
            if name.lower().endswith(formats):
                yield os.path.join(root, name)


def _unreadable(error: OSError) -> None:
    raise _error(f"{error.filename} cannot be read: {error.strerror}.") from error


def _numbers(labels: Any) -> np.ndarray:
    numbers = np.asarray(labels) if isinstance(labels, (list, tuple, np.ndarray)) else None
    if numbers is None or numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise _error(
            f'labels must be "inferred", None or a list of whole numbers; got {shown(labels)}.'
        )
    return numbers.astype("int32")


def _choice(name: str, value: Any, known: Sequence[Any]) -> UsageError:
    return UsageError(
        "E-CHOICE",
        f"{name} must be one of {', '.join(map(repr, known))}; got {shown(value)}. "
        f"{suggestion(str(value), [k for k in known if k])}".rstrip(),
    )


def _error(message: str) -> UsageError:
    return UsageError("E-FOLDER", message)
