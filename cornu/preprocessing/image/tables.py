"""Batches of pictures whose files and labels are in columns of a table."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion, warn
from cornu.preprocessing.image.files import ENDINGS, FOLDER_MODES, FileIterator
from cornu.utils.image_files import choice

TABLE_MODES = (*FOLDER_MODES, "raw", "multi_output")


class DataFrameIterator(FileIterator):
    """Batches of pictures whose files, and labels, are in columns of a table.

    Args:
        dataframe: a data frame of pandas or polars, or a dict of columns.
        directory: the folder that the files are in; None for whole paths.
        x_col: the column with the files.
        y_col: the column with the targets, or a list of columns.
        weight_col: the column with the samples' weights, or None.
        classes: the labels to take, in the order of their numbers; else all, sorted.
        class_mode: as in `DirectoryIterator`, where a label may be a list of labels
            ("categorical"); "raw": what the columns hold; "multi_output": a list of arrays, one for
            each column.
        validate_filenames: whether to leave out, with a warning, what is no file.

    The other arguments are those of `DirectoryIterator`.

    Raises:
        UsageError: for columns that are missing, and where no picture is left.
        UsageTypeError: for entries of columns that are no names.
    """

    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: str | Sequence[str] = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
    ):
        self.class_mode = choice("class_mode", class_mode, TABLE_MODES)
        self.directory = "" if directory is None else os.fspath(directory)
        self.subset, self.class_indices = subset, {}
        self.dtype = dtype
        part = None if image_data_generator is None else image_data_generator.part(subset)
        files = _texts(_column(dataframe, x_col, "x_col"), x_col)
        rows = _valid(files, self.directory, x_col) if validate_filenames else range(len(files))
        rows = self._label(dataframe, y_col, list(rows), classes)
        if part is not None:
            rows = rows[int(part[0] * len(rows)) : int(part[1] * len(rows))]
        if not rows:
            where = self.directory or "the present folder"
            raise UsageError(
                "E-FOLDER",
                f'no file of x_col="{x_col}" is left: of {len(files)} names, looked for in '
                f"{where}, as {shown(files[0] if files else None)}. directory= is the folder that "
                "they are in.",
            )
        self._keep(dataframe, y_col, weight_col, files, rows)
        super().__init__(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            interpolation,
            keep_aspect_ratio,
            dtype,
            batch_size,
            shuffle,
            seed,
            (save_to_dir, save_prefix, save_format),
        )
        valid = "validated" if validate_filenames else "non-validated"
        classes_found = f" belonging to {self.num_classes} classes" if self.class_indices else ""
        print(f"Found {self.samples} {valid} image filenames{classes_found}.")

    @property
    def labels(self) -> Any:
        """The number of each file's class, or its targets."""
        return self._targets if self.class_mode in ("raw", "multi_output") else self.classes

    def _label(
        self, table: Any, y_col: Any, rows: list[int], classes: Sequence[str] | None
    ) -> list[int]:
        """Set `class_indices` and all labels; the rows that have one of the classes."""
        self._labels: list[Any] = []
        if self.class_mode not in ("categorical", "binary", "sparse"):
            return rows
        if not isinstance(y_col, str):
            raise UsageTypeError(
                "E-TABLE",
                f'class_mode="{self.class_mode}" takes one column; got y_col={shown(y_col)}. For '
                'several: class_mode="multi_output" or "raw".',
            )
        self._labels = _column(table, y_col, "y_col")
        _check_labels(self._labels, y_col, str(self.class_mode))
        used = {one for row in rows for one in _several(self._labels[row])}
        names = sorted(used) if classes is None else list(classes)
        if len(set(names)) != len(names):
            raise UsageError("E-TABLE", f"classes has a name twice: {listed(names)}.")
        if self.class_mode == "binary" and len(names) != 2:
            raise UsageError(
                "E-TABLE",
                f'class_mode="binary" is for two classes; there are {len(names)}: {listed(names)}. '
                'For more: class_mode="sparse".',
            )
        self.class_indices = {name: number for number, name in enumerate(names)}
        return [r for r in rows if any(n in self.class_indices for n in _several(self._labels[r]))]

    def _keep(
        self, table: Any, y_col: Any, weight_col: str | None, files: list[str], rows: list[int]
    ) -> None:
        """Set what is asked for by row: files, labels, targets, weights."""
        self.filenames = [files[row] for row in rows]
        known = self.class_indices
        if self._labels:
            self.classes = [
                [known[one] for one in label if one in known]
                if isinstance(label, (list, tuple))
                else known[label]
                for label in (self._labels[row] for row in rows)
            ]
        if weight_col is not None:
            self.sample_weight = np.array(_column(table, weight_col, "weight_col"))[rows]
        if self.class_mode not in ("raw", "multi_output"):
            return
        names = [y_col] if isinstance(y_col, str) else list(y_col)
        columns = [np.array(_column(table, name, "y_col"))[rows] for name in names]
        if self.class_mode == "multi_output":
            if isinstance(y_col, str):
                raise UsageTypeError(
                    "E-TABLE",
                    f'class_mode="multi_output" takes a list of columns; got y_col="{y_col}".',
                )
            self._targets: Any = columns
        else:
            self._targets = columns[0] if isinstance(y_col, str) else np.stack(columns, -1)

    def _targets_of(self, rows: np.ndarray) -> Any:
        if self.class_mode == "multi_output":
            return [column[rows] for column in self._targets]
        return self._targets[rows] if self.class_mode == "raw" else super()._targets_of(rows)


def _column(table: Any, name: Any, argument: str) -> list[Any]:
    """The entries of a column. Raises UsageError for one that is not there."""
    names = list(table) if isinstance(table, Mapping) else list(getattr(table, "columns", ()))
    if name not in names:
        raise UsageError(
            "E-TABLE",
            f"{argument}: there is no column {shown(name)}. {suggestion(str(name), names)}"
            f"Columns: {listed(str(each) for each in names)}.",
        )
    return list(table[name])


def _texts(values: list[Any], name: str) -> list[str]:
    wrong = [value for value in values if not isinstance(value, (str, os.PathLike))]
    if wrong:
        raise UsageTypeError(
            "E-TABLE", f'x_col="{name}" must hold names of files; it has {shown(wrong[0])}.'
        )
    return [os.fspath(value) for value in values]


def _valid(files: list[str], directory: str, name: str) -> list[int]:
    """Rows whose file is there and ends as a picture's; warns of others."""
    good = [
        row
        for row, file in enumerate(files)
        if file.lower().endswith(ENDINGS) and os.path.isfile(os.path.join(directory, file))
    ]
    missing = len(files) - len(good)
    if missing:
        kept = set(good)
        first = next(file for row, file in enumerate(files) if row not in kept)
        warn(
            f'{missing} of {len(files)} names in x_col="{name}" are no picture files and are left '
            f'out, "{first}" first. They are looked for in {directory or "the present folder"}.'
        )
    return good


def _several(label: Any) -> Sequence[Any]:
    return label if isinstance(label, (list, tuple)) else (label,)


def _check_labels(labels: list[Any], name: str, mode: str) -> None:
    allowed = (str, list, tuple) if mode == "categorical" else (str,)
    wrong = [label for label in labels if not isinstance(label, allowed)]
    if wrong:
        kinds = "names, or lists of them" if mode == "categorical" else "names"
        raise UsageTypeError(
            "E-TABLE",
            f'class_mode="{mode}": y_col="{name}" must hold {kinds}; it has {shown(wrong[0])}. '
            f'Write them as text: df["{name}"].astype(str). For numbers: class_mode="raw".',
        )
