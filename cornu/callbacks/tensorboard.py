"""TensorBoard: a run's figures, weights, graph and embeddings, for TensorBoard to show.

The folders and tags are those of Keras 3: `train/` and `validation/`, `epoch_loss`, `batch_loss`,
`evaluation_loss_vs_iterations`, `<layer>/kernel/histogram`.
"""

import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu import engine
from cornu.callbacks.base import Callback
from cornu.callbacks.events import Events, parts, picture
from cornu.callbacks.messages import Writes, checked_policy
from cornu.callbacks.profiles import Profile
from cornu.errors import UsageError, shown, suggestion, warn
from cornu.layers import Embedding
from cornu.saving.files import write_whole

FOLDERS = ("train", "validation")
SAFE = re.compile(r"[^\w.-]")
MISSING = "what was to be written is missing"


class TensorBoard(Writes, Callback):
    """Writes what TensorBoard shows: `tensorboard --logdir logs`, no TensorFlow needed.

    Costs nothing within an epoch unless `update_freq` asks for batches; even then training goes on
    in chunks, and is told of afterwards.

    Args:
        log_dir: folder of the run; give each run its own, as "logs/run1".
        histogram_freq: every how many epochs weights are written as histograms; 0 for never.
        write_graph: whether the graph of the model is written (of one made of layers; a model of
            Python code has none).
        write_images: whether weights are written as pictures too, along with histograms.
        write_steps_per_second: whether the pace is written.
        update_freq: "epoch"; "batch" or a number n for figures every n batches besides.
        profile_batch: number of a batch, from 1, or the first and last one, as (10, 20), of which
            the engine writes a profile; then every batch of the training is waited for. 0: none.
        embeddings_freq: every how many epochs embeddings are written for the projector; 0: never.
        embeddings_metadata: path of a file with a line for each row of an embedding, relative to
            `log_dir`; or a dict of layer name -> path.
        on_save_error: "raise", or "warn" to go on where the disk says no; what was not written
            then is missing.

    Attributes:
        run: the name that the run's files end in.
        batches: batches trained so far.
        files: folder -> name -> size in bytes of the run's files.

    Raises:
        ImportError: without tensorboardX, with the way to get it.
        UsageError: for arguments out of range, and for unknown layers in `embeddings_metadata`.

    Example:
        >>> model.fit(x, y, epochs=10, callbacks=[TensorBoard("logs/run1", histogram_freq=1)])
    """

    leaves_traces = True
    passive = True
    keeps = ("run", "batches", "files")

    def __init__(
        self,
        log_dir: str | Path = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: int | str | Sequence[int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | Path | Mapping[str, str | Path] | None = None,
        on_save_error: str = "raise",
    ):
        parts()  # where it is missing, that is said before training begins
        self.log_dir = str(log_dir)
        self.histogram_freq = _whole("histogram_freq", histogram_freq)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = _frequency(update_freq)
        self.embeddings_freq = _whole("embeddings_freq", embeddings_freq)
        self.embeddings_metadata = embeddings_metadata
        self.on_save_error = checked_policy("TensorBoard", on_save_error)
        self._profile: Profile | None = None
        if profile_batch not in (0, None, "0"):
            self._profile = Profile(profile_batch, str(Path(self.log_dir, "train")))
            self.passive, self.timely = False, True  # it must be there when a batch begins
            self.on_train_batch_begin = self._before_batch
            self.on_train_batch_end = self._after_batch
        self.batches = 0
        self.run = secrets.token_hex(4)
        self.files: dict[str, dict[str, int]] = {}
        self._writers: dict[str, Events] = {}
        if self.update_freq != "epoch":  # only then is it a callback of batches
            self.on_train_batch_end = self._after_batch
            if write_steps_per_second:
                self.on_chunk_end = self._after_chunk

    def set_model(self, model: Any) -> None:
        """Take the model; looks whether the layers named in `embeddings_metadata` are there."""
        self.model = model
        if self.embeddings_freq:
            self._check_metadata([layer.name for layer in _embeddings(model)])

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Count batches from 0 again."""
        self._close()
        self.batches, self._first = 0, True
        self._begun = (time.perf_counter(), self._iterations() or 0)
        self._mark = (self._begun[0], 0)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the clock. Nothing is written yet: what was kept of the run may be set later."""
        steps = self.params.get("steps")
        if self._first and epoch and steps:
            self.batches = epoch * steps  # training goes on by `initial_epoch`
        self._first = False
        self._begun = (time.perf_counter(), self._iterations() or 0)
        self._mark = (self._begun[0], self.batches)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the figures of an epoch, and weights and embeddings when they are due."""
        figures = dict(logs or {})
        valid = {k[4:]: figures.pop(k) for k in list(figures) if k.startswith("val_")}
        if figures:
            figures.update(self._rates())
            if self.write_steps_per_second:
                seconds = time.perf_counter() - self._begun[0]
                steps = (self._iterations() or 0) - self._begun[1]
                figures["steps_per_second"] = steps / max(seconds, 1e-9)
        with self.writing(MISSING):
            for name, found in zip(FOLDERS, (figures, valid), strict=True):
                self._writer(name).scalars(epoch, {f"epoch_{k}": v for k, v in found.items()})
            if self.histogram_freq and epoch % self.histogram_freq == 0:
                self._write_weights(epoch)
            if self.embeddings_freq and epoch % self.embeddings_freq == 0:
                self._write_embeddings()

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Write the figures of an evaluation, against the steps trained so far."""
        steps = self._iterations()
        if steps is not None:
            found = {f"evaluation_{k}_vs_iterations": v for k, v in (logs or {}).items()}
            self._write_scalars("validation", steps, found)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Close the files, and write a profile that was to have more batches."""
        self.on_failure()
        self._close()

    def on_failure(self, logs: Mapping[str, Any] | None = None) -> None:
        """Write the profile as far as it has come."""
        if self._profile is not None:
            with self.writing(MISSING):
                self._profile.end()

    # ------------------------------------------------------------ batches, where asked for

    def _before_batch(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._profile is not None:
            with self.writing(MISSING):
                self._profile.begin(self.batches + 1)

    def _after_batch(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.batches += 1
        if self._profile is not None:
            with self.writing(MISSING):
                self._profile.end(self.batches)
        if self.update_freq != "epoch" and self.batches % int(self.update_freq) == 0:
            found = {f"batch_{k}": v for k, v in (logs or {}).items()}
            self._write_scalars("train", self.batches, found)

    def _after_chunk(self, done: int, logs: Mapping[str, Any]) -> None:
        begun, before = self._mark
        self._mark = (time.perf_counter(), self.batches)
        pace = (self.batches - before) / max(self._mark[0] - begun, 1e-9)
        self._write_scalars("train", self.batches, {"batch_steps_per_second": pace})

    # ------------------------------------------------------------ what is written

    def _write_scalars(self, name: str, step: int, figures: Mapping[str, Any]) -> None:
        with self.writing(MISSING):
            self._writer(name).scalars(step, figures)

    def _writer(self, name: str) -> Events:
        """Made at the first use in a training, so that a resumed one has set `run` and `files`."""
        found = self._writers.get(name)
        if found is None:
            sizes = self.files.setdefault(name, {})
            found = self._writers[name] = Events(Path(self.log_dir, name), self.run, sizes)
            if name == "train" and self.write_graph and not sizes:
                self._write_graph(found)
        return found

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _iterations(self) -> int | None:
        optimizer = getattr(self.model, "optimizer", None)
        return None if optimizer is None else int(engine.numpy(optimizer.iterations.value))

    def _rates(self) -> dict[str, float]:
        """The learning rate, or that of each optimizer in one of several."""
        optimizer = getattr(self.model, "optimizer", None)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        several = getattr(inner, "optimizers", None)
        if several is not None:
            return {f"learning_rate_{one.name}": _rate(one) for one in several}
        return {} if inner is None else {"learning_rate": _rate(inner)}

    def _write_graph(self, writer: Events) -> None:
        if getattr(self.model, "_graph", None) is None:
            return  # it has no graph that is made of layers
        try:
            text = self.model.to_json()
        except (TypeError, ValueError, NotImplementedError) as error:
            warn(f"TensorBoard: the graph of the model is not written, for it has no JSON: {error}")
            return
        writer.model(text)

    def _write_weights(self, epoch: int) -> None:
        writer, seen = self._writer("train"), {}
        for weight in self.model.weights:
            count = seen[weight.path] = seen.get(weight.path, -1) + 1
            name = weight.path.replace(":", "_") + (f"_{count}" if count else "")
            array = np.asarray(engine.numpy(weight.value))
            writer.histogram(epoch, f"{name}/histogram", array)
            drawn = picture(array) if self.write_images else None
            if drawn is not None:
                writer.image(epoch, f"{name}/image", drawn)

    def _write_embeddings(self) -> None:
        """Tables of vectors, and the page that tells the projector of them."""
        folder, entries = Path(self.log_dir), []
        folder.mkdir(parents=True, exist_ok=True)
        for layer in _embeddings(self.model):
            table = np.asarray(engine.numpy(layer.embeddings.value), "float32")
            path = f"{SAFE.sub('_', layer.name)}.tsv"
            write_whole(folder / path, lambda file, rows=table: _tabbed(file, rows))
            lines = [f"tensor_name: {_quoted(layer.embeddings.path)}"]
            lines += [f"tensor_shape: {size}" for size in table.shape]
            lines += [f"tensor_path: {_quoted(path)}"]
            about = self._metadata_of(layer.name)
            if about is not None:
                lines.append(f"metadata_path: {_quoted(str(about))}")
            entries.append("embeddings {\n  " + "\n  ".join(lines) + "\n}\n")
        page = "".join(entries).encode()
        write_whole(folder / "projector_config.pbtxt", lambda file: file.write(page))

    def _metadata_of(self, name: str) -> str | Path | None:
        said = self.embeddings_metadata
        return said.get(name) if isinstance(said, Mapping) else said

    def _check_metadata(self, names: list[str]) -> None:
        said = self.embeddings_metadata
        for name in said if isinstance(said, Mapping) else ():
            if name not in names:
                raise UsageError(
                    "E-EMBEDDINGS",
                    f'embeddings_metadata names "{name}", but the Embedding layers are '
                    f"{', '.join(names) or 'none'}.{suggestion(name, names)}",
                )


def _embeddings(model: Any) -> Iterator[Any]:
    """The Embedding layers that have their weights, those of models inside too, each once."""
    seen: set[int] = set()
    waiting = list(model.layers)
    while waiting:
        layer = waiting.pop(0)
        waiting = [*getattr(layer, "layers", ()), *waiting]
        if isinstance(layer, Embedding) and id(layer) not in seen:
            seen.add(id(layer))
            yield layer


def _rate(optimizer: Any) -> float:
    rate = optimizer.learning_rate
    return float(engine.numpy(getattr(rate, "value", rate)))


def _tabbed(file: Any, rows: Iterable[np.ndarray]) -> None:
    for row in rows:
        file.write(("\t".join(format(v, ".6g") for v in row.tolist()) + "\n").encode())


def _quoted(text: str) -> str:
    """A text as protocol buffers write it: bytes that are not plain in octal."""
    plain = (chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in text.encode())
    return '"' + "".join(plain) + '"'


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise UsageError(
            "E-FREQUENCY", f"TensorBoard: {name} must be a whole number >= 0; got {shown(value)}."
        )
    return int(value)


def _frequency(value: Any) -> int | str:
    if value in ("epoch", "batch"):
        return "epoch" if value == "epoch" else 1
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(
            "E-FREQUENCY",
            'TensorBoard: update_freq must be "epoch", "batch" or a number of batches; '
            f"got {shown(value)}.",
        )
    return int(value)
