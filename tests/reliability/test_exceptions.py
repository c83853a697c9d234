"""R7 and R8: after an exception, and after a number that is not finite, the model is whole.

It equals the last step that was completed, bit by bit, and trains, predicts and is saved as before.
"""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cornu import layers, losses, metrics, models, ops, saving, state
from cornu.callbacks import Callback, CallbackList, CSVLogger, ModelCheckpoint, SwapEMAWeights
from cornu.errors import UsageError
from cornu.optimizers import Adam
from cornu.training.guard import NonFiniteError
from cornu.training.step import Program
from cornu.utils.pydataset import PyDataset
from reliability.runs import X, Y, alike, values

BATCH, EPOCHS = 16, 2
STEPS = len(X) // BATCH


class Mine(Exception):
    """What goes wrong."""


def made(*more: layers.Layer, loss: Any = "mse", metric: Any = "mae", eager: bool = False) -> Any:
    """A model in which nothing is drawn, so that any two runs of it are alike."""
    state.set_random_seed(1)
    first = [layers.Input((6,)), layers.Dense(8, "relu"), layers.BatchNormalization()]
    model = models.Sequential([*first, *more, layers.Dense(1)])
    model.compile("adam", loss, metrics=[metric], run_eagerly=eager)
    model.optimizer.build(model.trainable_variables)
    return model


def put(model: Any, numbers: list[np.ndarray]) -> None:
    cells = [*model.weights, *model.optimizer.variables]
    for cell, value in zip(cells, numbers, strict=True):
        cell.assign(value)


class Looks(Callback):
    """Keeps all numbers after each step."""

    def __init__(self) -> None:
        self.after: list[list[np.ndarray]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.after.append(values(self.model))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.after.append(values(self.model))


class Subject:
    """A model, and what it was after each step of a run that went well."""

    def __init__(self, model: Any):
        self.model, self.begin, looks = model, values(model), Looks()
        model.fit(X, Y, BATCH, EPOCHS, 0, callbacks=[looks], shuffle=False, validation_data=(X, Y))
        self.after = looks.after

    def fit(self, *data: Any, **said: Any) -> Any:
        put(self.model, self.begin)
        usual = {"validation_data": (X, Y), "epochs": EPOCHS, "verbose": 0, "shuffle": False}
        if not data:
            data, usual["batch_size"] = (X, Y), BATCH
        return self.model.fit(*data, **{**usual, **said})

    def is_whole(self, steps: int, path: Path) -> None:
        """The model is that after so many steps, and of use."""
        assert alike(values(self.model), self.after[steps])
        self.model.predict(X, verbose=0)
        self.model.evaluate(X, Y, verbose=0)
        self.model.save(path)
        assert alike(values(saving.load_model(path)), self.after[steps])
        history = self.fit()
        assert alike(values(self.model), self.after[-1]) and len(history.epoch) == EPOCHS


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject(made())


def raising(hook: str, at: int = 0, error: type[BaseException] = Mine, passive: bool = False):
    """A callback that raises in a hook, when that is called for the time number `at`."""
    left = [at]

    def fail(self: Any, *args: Any, **said: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise error

    return type("Raising", (Callback,), {hook: fail, "passive": passive})()


HOOKS = [  # hook, its call by number, steps that are over then
    ("on_train_begin", 0, 0),
    ("on_epoch_begin", 0, 0),
    ("on_epoch_begin", 1, STEPS),
    ("on_train_batch_begin", 0, 0),
    ("on_train_batch_begin", 2, 2),
    ("on_train_batch_begin", 5, 5),
    ("on_train_batch_end", 0, 1),
    ("on_train_batch_end", 3, 4),
    ("on_train_batch_end", 6, 7),
    ("on_test_begin", 0, STEPS),
    ("on_test_begin", 1, 2 * STEPS),
    ("on_test_batch_begin", 1, STEPS),
    ("on_test_batch_end", 0, STEPS),
    ("on_test_end", 0, STEPS),
    ("on_epoch_end", 0, STEPS),
    ("on_epoch_end", 1, 2 * STEPS),
    ("on_train_end", 0, 2 * STEPS),
]


@pytest.mark.parametrize(("hook", "at", "steps"), HOOKS)
def test_a_callback(hook, at, steps, subject, tmp_path):
    with pytest.raises(Mine):
        subject.fit(callbacks=[raising(hook, at)])
    subject.is_whole(steps, tmp_path / "m.keras")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_no_common_exception(error, subject, tmp_path):
    with pytest.raises(error):
        subject.fit(callbacks=[raising("on_train_batch_end", 4, error)])
    subject.is_whole(5, tmp_path / "m.keras")


@pytest.mark.parametrize("hook", ["on_chunk_end", "on_train_batch_end"])
def test_after_a_chunk(hook, subject, tmp_path):
    """Where batches run several at a time the model is that after some whole number of them."""
    with pytest.raises(Mine):
        subject.fit(callbacks=[raising(hook, 1, passive=True)])
    found = [alike(values(subject.model), one) for one in subject.after]
    assert any(found)
    subject.is_whole(found.index(True), tmp_path / "m.keras")


def batches(fail: int, of: Callable[[], Any] | None = None) -> Iterator[Any]:
    for i in range(EPOCHS * STEPS):
        if i == fail:
            if of is None:
                raise Mine
            yield of()
        first = i % STEPS * BATCH
        yield X[first : first + BATCH], Y[first : first + BATCH]


@pytest.mark.parametrize("fail", [0, 1, 3, 6])
def test_a_generator(fail, subject, tmp_path):
    with pytest.raises(Mine):
        subject.fit(batches(fail), steps_per_epoch=STEPS)
    subject.is_whole(fail, tmp_path / "m.keras")


@pytest.mark.parametrize("of", [lambda: (X[:8], Y[:4]), lambda: (X[:8, :5], Y[:8]), lambda: "x"])
def test_a_batch_that_does_not_fit(of, subject, tmp_path):
    with pytest.raises(ValueError, match="batch 2"):
        subject.fit(batches(2, of), steps_per_epoch=STEPS)
    subject.is_whole(2, tmp_path / "m.keras")


@pytest.mark.parametrize(("fail", "steps"), [(0, 0), (1, STEPS), (5, 2 * STEPS)])
def test_a_generator_to_validate_by(fail, steps, subject, tmp_path):
    with pytest.raises(Mine):
        subject.fit(validation_data=batches(fail), validation_steps=STEPS)
    subject.is_whole(steps, tmp_path / "m.keras")


class Worked(PyDataset):
    def __init__(self, fail: int):
        super().__init__(workers=2)
        self.fail = fail

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> Any:
        if index == self.fail:
            raise Mine
        return X[index * BATCH : (index + 1) * BATCH], Y[index * BATCH : (index + 1) * BATCH]


def test_a_worker(subject, tmp_path):
    with pytest.raises(Mine):
        subject.fit(Worked(3))
    subject.is_whole(3, tmp_path / "m.keras")


@pytest.mark.parametrize("fail", [0, 5])
def test_the_device_has_no_room(fail, subject, tmp_path, monkeypatch):
    inside, count = Program.train, []

    def train(self: Program, *args: Any, **said: Any) -> Any:
        count.append(1)
        if len(count) > fail:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return inside(self, *args, **said)

    with monkeypatch.context() as patch:
        patch.setattr(Program, "train", train)
        with pytest.raises(RuntimeError, match="RESOURCE_EXHAUSTED"):
            subject.fit(callbacks=[Looks()])
    subject.is_whole(fail, tmp_path / "m.keras")


def test_a_checkpoint_that_cannot_be_written(subject, tmp_path):
    (tmp_path / "file").write_text("no folder")
    keep = ModelCheckpoint(tmp_path / "file" / "m.keras", save_freq=3)
    with pytest.raises(OSError, match="file"):
        subject.fit(callbacks=[keep])
    subject.is_whole(3, tmp_path / "m.keras")


@pytest.mark.parametrize("call", ["evaluate", "predict"])
@pytest.mark.parametrize("hook", ["begin", "batch_begin", "batch_end", "end"])
def test_a_callback_that_only_looks_on(call, hook, subject, tmp_path):
    subject.fit()
    name = f"on_{'test' if call == 'evaluate' else 'predict'}_{hook}"
    data = (X, Y) if call == "evaluate" else (X,)
    with pytest.raises(Mine):
        getattr(subject.model, call)(*data, verbose=0, callbacks=[raising(name)])
    subject.is_whole(2 * STEPS, tmp_path / "m.keras")


def test_averages_are_taken_out_again(tmp_path):
    """`SwapEMAWeights` has other weights in the model while something is judged."""
    model = made()
    model.compile(Adam(0.01, use_ema=True, ema_momentum=0.5), "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    one = Subject(model)
    for hook, at, steps in (("on_test_begin", 0, 4), ("on_test_end", 1, 8), ("on_epoch_end", 0, 4)):
        with pytest.raises(Mine):
            one.fit(callbacks=[SwapEMAWeights(swap_on_epoch=True), raising(hook, at)])
        assert alike(values(model), one.after[steps])
    with pytest.raises(Mine):
        one.fit(validation_data=batches(1), validation_steps=4, callbacks=[SwapEMAWeights()])
    assert alike(values(model), one.after[4])
    swap = [SwapEMAWeights(), raising("on_predict_batch_end")]
    with pytest.raises(Mine):
        model.predict(X, callbacks=swap, verbose=0)
    assert alike(values(model), one.after[4])
    swap[1] = raising("on_test_batch_begin", error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        model.evaluate(X, Y, callbacks=swap, verbose=0)
    assert alike(values(model), one.after[4])


def test_an_output_of_the_whole_batch():
    inputs = layers.Input((6,))
    outputs = layers.Lambda(lambda t: ops.mean(t), name="mean")(inputs)
    model = models.Model(inputs, outputs)
    with pytest.raises(UsageError, match="a single number for the whole batch.*axis=-1"):
        model.predict(X, verbose=0)
    assert np.allclose(float(np.asarray(model(X))), X.mean(), atol=1e-6)


# ---------------------------------------------------------------- what is traced, and what is not


BROKEN: list[int] = []


def broken() -> None:
    if BROKEN:
        BROKEN[0] -= 1
        if BROKEN[0] < 0:
            raise Mine


class Fragile(layers.Layer):
    def call(self, x: Any) -> Any:
        broken()
        return x


class FragileMetric(metrics.MeanSquaredError):
    def update_state(self, *args: Any, **said: Any) -> None:
        broken()
        super().update_state(*args, **said)


class FragileLoss(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        broken()
        return ops.mean(ops.square(y_true - y_pred), -1)


MAKERS = {
    "layer": lambda eager: made(Fragile(), eager=eager),
    "metric": lambda eager: made(metric=FragileMetric(), eager=eager),
    "loss": lambda eager: made(loss=FragileLoss(), eager=eager),
}


@pytest.mark.parametrize("what", MAKERS)
def test_a_part_that_raises_while_it_is_compiled(what, tmp_path):
    model = MAKERS[what](False)
    before = values(model)
    BROKEN[:] = [0]
    try:
        with pytest.raises(Mine):
            model.fit(X, Y, BATCH, 1, 0)
        assert alike(values(model), before)
    finally:
        BROKEN.clear()
    assert np.isfinite(model.fit(X, Y, BATCH, 1, 0).history["loss"]).all()
    model.predict(X, verbose=0)


@pytest.mark.parametrize("what", ["layer", pytest.param("loss", marks=pytest.mark.slow)])
def test_a_part_that_raises_in_the_middle(what, tmp_path):
    """With `run_eagerly` it is Python, which may raise at any step."""
    one = Subject(MAKERS[what](True))
    put(one.model, one.begin)
    looks = Looks()
    BROKEN[:] = [3]
    try:
        with pytest.raises(Mine):
            one.model.fit(X, Y, BATCH, EPOCHS, 0, shuffle=False, callbacks=[looks])
        assert alike(values(one.model), looks.after[-1])
        assert alike(values(one.model), one.after[len(looks.after) - 1])
    finally:
        BROKEN.clear()
    one.model.predict(X, verbose=0)


# ---------------------------------------------------------------- R8


def spoiled(where: str, step: int) -> tuple[np.ndarray, np.ndarray, list[Callback]]:
    """Data and callbacks that make step number `step` of an epoch go wrong."""
    x, y, callbacks = X8.copy(), Y8.copy(), []
    row = step * 4 + 1
    if where == "input":
        x[row, 2] = np.nan
    elif where == "label":
        y[row] = np.inf
    else:
        callbacks.append(Breaks(where, step))
    return x, y, callbacks


X8 = np.random.default_rng(3).normal(size=(80, 6)).astype("float32")
Y8 = X8.sum(1, keepdims=True)
SAYS = {"input": "the input", "label": "the target", "weight": "weights", "rate": "learning_rate"}


class Breaks(Callback):
    """Sets a weight, or the learning rate, before one step."""

    def __init__(self, what: str, step: int):
        self.what, self.step = what, step

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == self.step and self.what == "weight":
            kernel = self.model.layers[0].kernel
            kernel.assign(np.full(kernel.shape, np.nan))
        elif batch == self.step:
            self.model.optimizer.learning_rate = np.inf

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.what == "rate":
            self.model.optimizer.learning_rate = 0.001


@pytest.fixture(scope="module")
def judged() -> tuple[Any, list[np.ndarray]]:
    model = made()
    model.validate_data = False  # what is looked at before training is another matter
    return model, values(model)


def goes_wrong(judged: Any, where: str, step: int, policy: str, folder: Path) -> str:
    """What is said of a number that is not finite. The model is that of before; so is its file."""
    model, begin = judged
    put(model, begin)
    x, y, callbacks = spoiled(where, step)
    keep = ModelCheckpoint(folder / "m.keras", save_freq=1)
    looks = Looks()
    said: dict[str, Any] = {"batch_size": 4, "epochs": 1, "verbose": 0, "shuffle": False}
    said |= {"callbacks": [*callbacks, looks, keep], "on_nonfinite": policy}
    text = ""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            model.fit(x, y, **said)
        except NonFiniteError as error:
            text = str(error)
            assert policy == "raise"
    texts = [str(one.message) for one in found if "not finite" in str(one.message)]
    text = text or (texts[0] if texts else "")
    assert f"step {step + 1} of epoch 1" in text, text
    if where != "weight":  # there the callback itself has broken the model
        assert all(np.isfinite(v).all() for v in model.get_weights())
        if policy != "skip":
            assert alike(model.get_weights(), looks.after[step][: len(model.get_weights())])
    if step:
        kept = saving.load_model(folder / "m.keras").get_weights()
        assert all(np.isfinite(v).all() for v in kept)
    model.optimizer.learning_rate = 0.001
    return text


def share_named(judged: Any, steps: Any, folder: Path) -> float:
    named = []
    for where, words in SAYS.items():
        for policy in ("raise", "skip", "stop"):
            for step in steps:
                text = goes_wrong(judged, where, step, policy, folder)
                named.append(words in text)
    return sum(named) / len(named)


def test_a_number_that_is_not_finite(judged, tmp_path):
    assert share_named(judged, [7], tmp_path) >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_number_that_is_not_finite_at_any_step(judged, tmp_path):
    assert share_named(judged, range(20), tmp_path) >= 0.95


def test_the_layer_of_a_model_inside_is_named():
    inner = models.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(4, name="fine"),
            layers.Lambda(lambda t: ops.log(ops.sum(t * 0, -1, keepdims=True)), name="logs"),
        ],
        name="inner",
    )
    inputs = layers.Input((6,))
    middle = models.Model(inputs, inner(layers.Dense(6, name="before")(inputs)), name="middle")
    model = models.Sequential([layers.Input((6,)), middle, layers.Dense(1, name="after")])
    model.compile("sgd", "mse")
    words = 'the output of layer "logs" .Lambda. of the model "inner" is not finite'
    with pytest.raises(NonFiniteError, match=words):
        model.fit(X, Y, verbose=0)


def test_the_logs_of_a_run_that_failed(subject, tmp_path):
    """What a `CSVLogger` had written stays, and is whole."""
    logger = CSVLogger(tmp_path / "log.csv")
    callbacks = CallbackList([logger, raising("on_epoch_begin", 1)])
    with pytest.raises(Mine):
        subject.fit(callbacks=callbacks)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
