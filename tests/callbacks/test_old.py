"""Callbacks as scripts of older generations made and read them.

What each generation did was read in 1.0.8, 1.2.2, 2.0.8, 2.2.4 and 2.3.1.
"""

import numpy as np
import pytest

from callbacks.runs import FALLING, PLATEAU, Counted, run, stopped
from cornu import layers, optimizers
from cornu.callbacks import (
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
)
from cornu.dialects import spellings
from cornu.dialects.generations import within
from cornu.dialects.table import forget_warnings
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Sequential

OLD = ("0.3", "1.0", "1.2", "2.0", "2.2", "2.3")
X = np.random.default_rng(0).normal(size=(12, 2)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")

pytestmark = pytest.mark.filterwarnings("ignore:.* is an old spelling")


@pytest.fixture(autouse=True)
def spoken():
    with spellings.registered():
        yield
    forget_warnings()


class Saved(Counted):
    """Stands for a model; writes down where it is saved, and an empty file there."""

    def __init__(self, optimizer=None):
        super().__init__(optimizer)
        self.saved = []

    def save(self, path, overwrite):
        self.saved.append(path)
        open(path, "wb").close()

    save_weights = save


# ---------------------------------------------------------------- what they did


@pytest.mark.parametrize("generation", [*OLD, "3"])
def test_patience_waited_for_an_epoch_more(generation):
    late = generation in ("0.3", "1.0", "1.2", "2.0")
    with within(generation):
        figures = [0.5, *PLATEAU]
        assert stopped(EarlyStopping(patience=2), figures)[:2] == ((4, 3) if late else (3, 2))
        optimizer = optimizers.SGD(1.0)
        key = "learning_rate" if generation == "3" else "lr"
        lower = ReduceLROnPlateau(patience=2, factor=0.5)
        _, logs = run(lower, PLATEAU, Counted(optimizer))
        # lowered after `patience + 1` bad epochs, then after every `patience`, up to 2.0.8
        expected = [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25] if late else [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
        assert [log[key] for log in logs][: len(expected)] == expected


@pytest.mark.parametrize("generation", [*OLD, "3"])
def test_weights_were_restored_only_where_training_was_stopped(generation):
    with within(generation):
        restored = stopped(EarlyStopping(patience=9, restore_best_weights=True), FALLING)[-1]
        assert restored == (5 if generation == "3" else None)
        assert (
            stopped(EarlyStopping(patience=2, restore_best_weights=True), FALLING)[-1] is not None
        )


@pytest.mark.parametrize("generation", [*OLD, "3"])
def test_epochs_in_names_of_files(generation, tmp_path):
    with within(generation):
        model, _ = run(ModelCheckpoint(tmp_path / "w.{epoch:02d}.h5"), [1.0, 0.5], Saved())
    first = 0 if generation in ("0.3", "1.0", "1.2", "2.0") else 1
    assert [p.rpartition("/")[2] for p in model.saved] == [f"w.{first + i:02d}.h5" for i in (0, 1)]


@pytest.mark.parametrize("generation", [*OLD, "3"])
def test_without_the_figure_nothing_was_saved(generation, tmp_path):
    with within(generation), pytest.warns(UserWarning, match='follows "val_loss"'):
        keep = ModelCheckpoint(tmp_path / "w.h5", save_best_only=True)
        model, _ = run(keep, [1.0], Saved(), name="loss")
    assert len(model.saved) == (1 if generation == "3" else 0)


@pytest.mark.parametrize(
    ("monitor", "rises"),
    [("val_acc", True), ("my_acc_score", True), ("fmeasure", True), ("spread", False)],
)
def test_directions_by_name(monitor, rises):
    for generation in OLD:
        with within(generation):
            stop = EarlyStopping(monitor)
            stop.set_model(Counted())
            assert stop.is_better(2.0, 1.0) is rises
    stop.monitor_op = None
    with pytest.raises(UsageError, match="of which nobody knows"):
        stop.is_better(2.0, 1.0)


@pytest.mark.parametrize("generation", [*OLD, "3"])
def test_schedules_were_given_the_epoch_alone(generation):
    late = generation in ("2.2", "2.3", "3")
    with within(generation):
        for schedule, rate in (
            (lambda epoch, first=0.25: first, 0.5 if late else 0.25),
            (lambda epoch, rate: rate, 0.5),
            (lambda epoch: 0.125, 0.125),
        ):
            model = Counted(optimizers.SGD(0.5))
            run(LearningRateScheduler(schedule), [1.0], model)
            assert float(model.optimizer.learning_rate) == rate


# ---------------------------------------------------------------- names of figures


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("val_acc", "val_accuracy"),
        ("val_accuracy", "val_acc"),
        ("val_out_acc", "val_out_accuracy"),
        ("binary_accuracy", "binary_acc"),
        ("lr", "learning_rate"),
    ],
)
def test_figures_by_their_other_names(asked, there, tmp_path):
    for generation in ("1.2", "2.3", "3"):
        with within(generation):
            stop = EarlyStopping(asked, mode="min", patience=9)
            run(stop, FALLING, name=there)
            assert stop.best == 0.25
            name = tmp_path / f"{{{asked}:.2f}}.h5"
            model, _ = run(ModelCheckpoint(name), [0.5], Saved(), name=there)
            assert model.saved == [str(tmp_path / "0.50.h5")]


def test_what_is_there_by_its_own_name_is_taken():
    stop = EarlyStopping("acc", mode="max", patience=9)
    assert stop.look_up({"accuracy": 0.5, "acc": 0.25}, "acc") == 0.25


def test_without_the_dialect_there_is_no_other_name():
    spellings.unregister()
    try:
        with pytest.warns(UserWarning, match='Did you mean "val_accuracy"'):
            run(EarlyStopping("val_acc", mode="max"), [0.5], name="val_accuracy")
    finally:
        spellings.register()


def test_a_fit_of_an_old_script(tmp_path):
    told = []
    with within("1.2"):
        model = Sequential([layers.Dense(1, activation="sigmoid", input_dim=2)])
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        history = model.fit(
            X, Y, nb_epoch=3, batch_size=4, validation_split=0.25, verbose=0,
            callbacks=[
                ModelCheckpoint(str(tmp_path / "w.{epoch:02d}-{val_acc:.2f}.hdf5")),
                ModelCheckpoint(str(tmp_path / "last"), save_weights_only=True),
                EarlyStopping("val_accuracy", patience=5),
                LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
                LambdaCallback(None, None, None, lambda b, log: told.append((b, log["size"]))),
            ],
        ).history  # fmt: skip
        np.testing.assert_allclose(history["lr"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)
        assert {*history} == {"loss", "acc", "val_loss", "val_acc", "lr"}
        assert told == [(0, 4), (1, 4), (2, 1)] * 3
        names = sorted(p.name for p in tmp_path.iterdir())
        assert [n[:5] for n in names] == ["last", "w.00-", "w.01-", "w.02-"]
        before = model.get_weights()
        model.set_weights([w * 0 for w in before])
        model.load_weights(str(tmp_path / "last"))
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


# ---------------------------------------------------------------- how they were made


def test_a_period_of_epochs(tmp_path):
    for keep in (
        ModelCheckpoint(tmp_path / "{epoch}.h5", period=2),
        ModelCheckpoint(filepath=tmp_path / "{epoch}.h5", period=2),
    ):
        model, _ = run(keep, [1.0] * 5, Saved())
        assert [p[-4:] for p in model.saved] == ["2.h5", "4.h5"]
        assert "epochs_since_last_save" in keep.keeps and keep.period == 2
    with within("2.2"):
        keep = ModelCheckpoint(tmp_path / "a.h5", "val_loss", 0, False, False, "auto", 3)
        assert keep.period == 3
    with pytest.raises(UsageError, match="period must be a number >= 1"):
        ModelCheckpoint(tmp_path / "a.h5", period=0)


def test_positions_of_arguments(tmp_path):
    with within("0.3"):
        keep = ModelCheckpoint("a.h5", "val_acc", 1, True, "max")
        assert (keep.mode, keep.save_weights_only) == ("max", False)
        stop = EarlyStopping("val_loss", 7, 1)
        assert (stop.patience, stop.verbose, stop.min_delta) == (7, 1, 0)
    with within("1.2"):
        stop = EarlyStopping("val_loss", 0.5, 7, 1, "max")
        assert (stop.min_delta, stop.patience, stop.mode) == (0.5, 7, "max")
    stop = EarlyStopping("val_loss", 0.5, 7)
    assert (stop.min_delta, stop.patience) == (0.5, 7)
    with within("2.2"):
        calls = LambdaCallback(None, None, print, None, max, min)
        assert (calls.on_batch_begin, calls.on_train_begin, calls.on_train_end) == (print, max, min)
    assert LambdaCallback(None, None, max).on_train_begin is max


def test_old_names_of_arguments():
    with pytest.warns(UserWarning, match=r"ReduceLROnPlateau\(epsilon\) is an old spelling"):
        assert ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    with within("2.2"):
        assert isinstance(ProgbarLogger("steps", ["auc"]), ProgbarLogger)
        with pytest.warns(UserWarning, match="write_grads=True .* has no effect any more"):
            board = TensorBoard("logs", 1, 32, False, True)
        assert (board.histogram_freq, board.write_graph) == (1, False)
    with pytest.raises(UsageTypeError, match='no argument "epsilom"'):
        ReduceLROnPlateau(epsilom=0.5)


def test_any_name_of_a_file(tmp_path):
    with within("2.2"):
        run(ModelCheckpoint(tmp_path / "weights.best", save_weights_only=True), [1.0], Saved())
    assert [p.name for p in tmp_path.iterdir()] == ["weights.best"]
    with pytest.raises(UsageError, match="filepath must end in"):
        ModelCheckpoint(tmp_path / "weights.best")


def test_lists_were_made_with_a_queue():
    stop = EarlyStopping()
    assert CallbackList([stop], 10).callbacks == CallbackList([stop], queue_length=5).callbacks
    assert len(CallbackList([stop], True).callbacks) == 2


def test_all_is_taken_back():
    spellings.unregister()
    try:
        assert ModelCheckpoint.keeps == ("best", "batches_since_saving", "_missed")
        with pytest.raises(TypeError):
            ModelCheckpoint("a.h5", period=2)
        assert not hasattr(CallbackList, "_set_model")
    finally:
        spellings.register()
