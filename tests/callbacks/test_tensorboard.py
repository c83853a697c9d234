"""TensorBoard: what is written is read back by TensorBoard's own readers."""

import builtins
import json
from io import BytesIO

import numpy as np
import pytest

from cornu import layers, optimizers
from cornu.callbacks import BackupAndRestore, Callback, CallbackList, ProgbarLogger
from cornu.callbacks.events import picture, png
from cornu.callbacks.tensorboard import TensorBoard
from cornu.models import Model, Sequential
from cornu.utils import set_random_seed

pytest.importorskip("tensorboardX")

WORDS = np.arange(40).reshape(10, 4) % 7
KINDS = np.arange(10) % 2


@pytest.fixture
def read():
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def read(folder):
        """All that a folder has, as TensorBoard's own accumulator reads it."""
        every = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 0)
        found = accumulator.EventAccumulator(str(folder), size_guidance=every)
        return found.Reload()

    return read


def points(found, tag):
    return [(event.step, event.value) for event in found.Scalars(tag)]


@pytest.fixture(scope="module")
def model():
    """A classifier of four words."""
    set_random_seed(3)
    tokens = layers.Input((4,), name="tokens")
    vectors = layers.Embedding(7, 3, name="words")(tokens)
    kinds = layers.Dense(2, activation="softmax", name="kinds")(layers.Flatten()(vectors))
    made = Model(tokens, kinds)
    made.compile(optimizers.SGD(0.25), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def train(model, callback, epochs=2, **said):
    said = {"validation_data": (WORDS, KINDS), "batch_size": 5, "verbose": 0, **said}
    return model.fit(WORDS, KINDS, epochs=epochs, callbacks=[callback], **said)


def test_figures_of_epochs_in_two_folders(tmp_path, read, model):
    history = train(model, TensorBoard(tmp_path / "logs"))
    trained, judged = read(tmp_path / "logs" / "train"), read(tmp_path / "logs" / "validation")
    assert set(trained.Tags()["scalars"]) == {
        "epoch_loss",
        "epoch_accuracy",
        "epoch_learning_rate",
    }
    assert set(judged.Tags()["scalars"]) == {
        "epoch_loss",
        "epoch_accuracy",
        "evaluation_loss_vs_iterations",
        "evaluation_accuracy_vs_iterations",
    }
    for found, tag, name in [
        (trained, "epoch_loss", "loss"),
        (trained, "epoch_accuracy", "accuracy"),
        (judged, "epoch_loss", "val_loss"),
    ]:
        steps, values = zip(*points(found, tag), strict=True)
        assert steps == (0, 1) and np.allclose(values, history.history[name])
    assert points(trained, "epoch_learning_rate") == [(0, 0.25), (1, 0.25)]
    done = int(model.optimizer.iterations)
    at = [step for step, _ in points(judged, "evaluation_loss_vs_iterations")]
    assert at == [done - 2, done]


def test_an_evaluation_is_written_by_itself(tmp_path, read, model):
    loss, _ = model.evaluate(WORDS, KINDS, verbose=0, callbacks=[TensorBoard(tmp_path)])
    found = points(read(tmp_path / "validation"), "evaluation_loss_vs_iterations")
    assert found == [(int(model.optimizer.iterations), np.float32(loss))]
    assert not (tmp_path / "train").exists()


def test_the_graph_is_that_of_the_model(tmp_path, read, model):
    train(model, TensorBoard(tmp_path))
    found = read(tmp_path / "train")
    assert found.SummaryMetadata("keras").plugin_data.plugin_name == "graph_keras_model"
    (event,) = found.Tensors("keras")
    assert event.tensor_proto.string_val[0].decode() == model.to_json()
    keras_util = pytest.importorskip("tensorboard.plugins.graph.keras_util")
    drawn = keras_util.keras_model_to_graph_def(json.loads(event.tensor_proto.string_val[0]))
    arrows = {
        node.name.split("/")[-1]: [i.split("/")[-1] for i in node.input] for node in drawn.node
    }
    flat = next(name for name in arrows if name.startswith("flatten"))
    assert arrows == {"tokens": [], "words": ["tokens"], flat: ["words"], "kinds": [flat]}


def test_histograms_and_pictures_of_weights(tmp_path, read, model):
    image = pytest.importorskip("PIL.Image")
    train(model, TensorBoard(tmp_path, histogram_freq=2, write_images=True), epochs=3)
    found = read(tmp_path / "train")
    weight = model.get_layer("kinds").kernel.numpy()
    event = found.Histograms("kinds/kernel/histogram")[-1]
    value = event.histogram_value
    assert [e.step for e in found.Histograms("kinds/kernel/histogram")] == [0, 2]
    assert value.num == weight.size and value.min == weight.min() and value.max == weight.max()
    assert np.isclose(value.sum, weight.sum(dtype="float64"))
    assert np.isclose(value.sum_squares, (weight.astype("float64") ** 2).sum())
    edges = [value.min, *value.bucket_limit]
    assert np.array_equal(np.histogram(weight, edges)[0], value.bucket)
    pictured = found.Images("kinds/kernel/image")[-1]
    pixels = np.asarray(image.open(BytesIO(pictured.encoded_image_string)))
    assert (pictured.width, pictured.height) == (12, 2) and pixels.shape == (2, 12)
    assert pixels.ravel()[weight.T.argmin()] == 0 and pixels.ravel()[weight.T.argmax()] == 255


def test_batches_where_they_are_asked_for(tmp_path, read, model):
    callback = TensorBoard(tmp_path, update_freq=3, write_steps_per_second=True)
    seen = []

    class Follow(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs)

    model.fit(WORDS, KINDS, epochs=2, batch_size=2, verbose=0, callbacks=[Follow(), callback])
    found = read(tmp_path / "train")
    assert [step for step, _ in points(found, "batch_loss")] == [3, 6, 9]
    wanted = [seen[i]["loss"] for i in (2, 5, 8)]
    assert np.allclose([value for _, value in points(found, "batch_loss")], wanted)
    assert all(v > 0 for _, v in points(found, "epoch_steps_per_second"))
    assert points(found, "batch_steps_per_second")[-1][0] == 10


def test_it_asks_for_batches_only_where_it_must(tmp_path):
    plain = CallbackList([TensorBoard(tmp_path)])
    assert plain.live == plain.passive == plain.on_chunks == plain.on_test_batches == []
    batches = CallbackList([TensorBoard(tmp_path, update_freq="batch")])
    assert batches.live == [] and len(batches.passive) == 1


def test_a_run_that_goes_on_from_an_earlier_moment_has_each_step_once(tmp_path, read, model):
    class Keep(Callback):
        kept = None

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.kept = json.dumps({name: vars(first)[name] for name in first.keeps})

    first, keep = TensorBoard(tmp_path, update_freq=1), Keep()
    sizes = []

    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            real = {p.name: p.stat().st_size for p in (tmp_path / "train").iterdir()}
            sizes.append(real == first.files["train"])

    model.fit(WORDS, KINDS, epochs=4, batch_size=5, verbose=0, callbacks=[first, keep, Look()])
    assert sizes == [True] * 4  # what is counted is what is on the disk
    other = TensorBoard(tmp_path)  # another run's file stays as it is
    train(model, other, epochs=1)
    first_epochs = points(read(tmp_path / "train"), "epoch_loss")
    assert sorted(step for step, _ in first_epochs) == [0, 0, 1, 2, 3]

    second = TensorBoard(tmp_path, update_freq=1)

    class Resume(Callback):
        def on_train_begin(self, logs=None):
            vars(second).update(json.loads(keep.kept))

    model.fit(WORDS, KINDS, initial_epoch=2, epochs=3, batch_size=5, verbose=0,
              callbacks=[second, Resume()])  # fmt: skip
    found = read(tmp_path / "train")
    assert sorted(step for step, _ in points(found, "epoch_loss")) == [0, 0, 1, 2]
    assert [step for step, _ in points(found, "batch_loss")] == [1, 2, 3, 4, 5, 6]
    assert len(found.Tensors("keras")) == 2  # of each run one


@pytest.mark.parametrize("dies", [2, 7])
def test_a_killed_run_that_is_resumed_has_each_step_once(tmp_path, read, model, dies):
    class Dies(Callback):
        keeps = ()
        left = dies

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if self.left < 0:
                raise KeyError("killed")

    def fit(*others):
        set_random_seed(1)
        keeper = BackupAndRestore(tmp_path / "run", save_freq=3)
        callbacks = [TensorBoard(tmp_path / "logs", update_freq=1), *others, keeper]
        model.fit(WORDS, KINDS, epochs=3, batch_size=2, verbose=0, callbacks=callbacks)

    with pytest.raises(KeyError):
        fit(Dies())
    fit()
    found = read(tmp_path / "logs" / "train")
    steps = [step for step, _ in points(found, "batch_loss")]
    if dies > 3:
        assert steps == list(range(1, 16)) and len(found.Tensors("keras")) == 1
        assert [step for step, _ in points(found, "epoch_loss")] == [0, 1, 2]
    else:  # nothing was kept: that is another run
        assert sorted(steps) == sorted([1, 2, *range(1, 16)])


@pytest.mark.parametrize("name", ["", "../x", "*", 3])
def test_names_of_runs_from_strange_files(tmp_path, name):
    callback = TensorBoard(tmp_path)
    callback.run = name
    with pytest.raises(ValueError, match="E-RUN-NAME"):
        callback.on_epoch_end(0, {"loss": 1.0})
    assert not list(tmp_path.iterdir())


def test_training_that_goes_on_by_initial_epoch_counts_batches_on(tmp_path, read, model):
    model.fit(WORDS, KINDS, initial_epoch=3, epochs=4, batch_size=5, verbose=0,
              callbacks=[TensorBoard(tmp_path, update_freq=1)])  # fmt: skip
    assert [s for s, _ in points(read(tmp_path / "train"), "batch_loss")] == [7, 8]


def test_embeddings_for_the_projector(tmp_path, model):
    callback = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": 'a "b".tsv'})
    train(model, callback, epochs=1)
    text_format = pytest.importorskip("google.protobuf.text_format")
    projector = pytest.importorskip("tensorboard.plugins.projector")
    page = (tmp_path / "projector_config.pbtxt").read_text("utf-8")
    (entry,) = text_format.Parse(page, projector.ProjectorConfig()).embeddings
    assert entry.tensor_name == "words/embeddings" and list(entry.tensor_shape) == [7, 3]
    assert entry.metadata_path == 'a "b".tsv'
    table = np.loadtxt(tmp_path / entry.tensor_path, delimiter="\t")
    assert np.allclose(table, model.get_layer("words").embeddings.numpy(), rtol=1e-5)


def test_unknown_layers_of_embeddings(tmp_path, model):
    callback = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"wordz": "w.tsv"})
    with pytest.raises(ValueError, match=r'Did you mean "words".*E-EMBEDDINGS'):
        train(model, callback)


@pytest.mark.parametrize(
    "said",
    [
        {"histogram_freq": -1},
        {"histogram_freq": 0.5},
        {"embeddings_freq": True},
        {"update_freq": "epochs"},
        {"update_freq": 0},
    ],
)
def test_wrong_frequencies(tmp_path, said):
    with pytest.raises(ValueError, match="E-FREQUENCY"):
        TensorBoard(tmp_path, **said)


@pytest.mark.parametrize("batches", [2, (2, 3), "2,9"])
def test_a_profile_of_some_batches(batches, model, tmp_path):
    with pytest.warns(UserWarning, match="shows none without its plugin: pip install xprof"):
        board = TensorBoard(tmp_path, profile_batch=batches)
    model.fit(WORDS, KINDS, batch_size=2, verbose=0, callbacks=[board])
    found = list((tmp_path / "train" / "plugins" / "profile").glob("*/*.xplane.pb"))
    assert len(found) == 1 and found[0].stat().st_size > 1000


def test_a_profile_is_ended_when_training_fails(model, tmp_path):
    class Fails(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ValueError("mine")

    for _ in range(2):  # the second one could not begin, had the first one not ended
        with pytest.warns(UserWarning, match="plugin") as said:
            board = TensorBoard(tmp_path, profile_batch=(1, 9))
            with pytest.raises(ValueError, match="mine"):
                model.fit(WORDS, KINDS, verbose=0, callbacks=[board, Fails()])
        assert len(said) == 1


@pytest.mark.parametrize("batches", [-1, (3, 2), "x", (1, 2, 3), 1.5j])
def test_batches_that_are_none(batches, tmp_path):
    with pytest.raises(ValueError, match="profile_batch must be the number of a batch"):
        TensorBoard(tmp_path, profile_batch=batches)


def test_a_model_of_python_code_has_no_graph(tmp_path, read):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    own = Own()
    own.compile("sgd", "mse")
    own.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[TensorBoard(tmp_path)])
    found = read(tmp_path / "train")
    assert "keras" not in found.Tags()["tensors"] and points(found, "epoch_loss")[0][0] == 0


def test_one_layer_inside_two_models_has_two_tags(tmp_path, read):
    halves = [Sequential([layers.Input((2,)), layers.Dense(2, name="same")]) for _ in range(2)]
    whole = Sequential(halves)
    whole.compile("sgd", "mse")
    callback = TensorBoard(tmp_path, histogram_freq=1)
    whole.fit(np.ones((2, 2)), np.ones((2, 2)), verbose=0, callbacks=[callback])
    tags = read(tmp_path / "train").Tags()["histograms"]
    assert len([t for t in tags if "kernel" in t]) == 2


def test_pictures_of_kernels_stand_side_by_side():
    kernels = np.zeros((2, 2, 1, 3))
    kernels[0, 0, 0] = [1, 2, 3]
    drawn = picture(kernels)
    assert drawn.shape == (2, 8) and drawn[0, [0, 3, 6]].tolist() == [85, 170, 255]
    assert picture(np.ones((2, 2, 2))) is None and picture(np.zeros((0, 3))) is None
    assert picture(np.full((3,), np.nan)).tolist() == [[0, 0, 0]]


def test_a_picture_is_a_png_file():
    image = pytest.importorskip("PIL.Image")
    grey = np.arange(12, dtype="uint8").reshape(3, 4) * 20
    assert np.array_equal(np.asarray(image.open(BytesIO(png(grey)))), grey)


def test_without_tensorboardx_the_way_to_get_it_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tensorboardX"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "cornu\[tensorboard\]"'):
        TensorBoard()


def test_it_stands_beside_a_bar(tmp_path, capsys, model):
    model.fit(WORDS, KINDS, batch_size=5, callbacks=[TensorBoard(tmp_path), ProgbarLogger(2)])
    assert "loss" in capsys.readouterr().out


def test_what_is_no_number_is_left_out(tmp_path, read, model):
    class Notes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(note="warm", each=np.ones(2), size=3)

    with pytest.warns(UserWarning, match='"epoch_note" is .warm., no number') as told:
        model.fit(
            WORDS, KINDS, verbose=0, epochs=2, callbacks=[Notes(), TensorBoard(tmp_path / "logs")]
        )
    assert len(told) == 1
    found = read(tmp_path / "logs" / "train")
    assert points(found, "epoch_size") == [(0, 3.0), (1, 3.0)]
    assert points(found, "epoch_each/1") == [(0, 1.0), (1, 1.0)]
    assert "epoch_note" not in found.Tags()["scalars"]
