"""`Batches`: order, passes, what is mapped; folders of texts; what is split in two."""

import os
import random

import numpy as np
import pytest

import cornu
from cornu import layers
from cornu.errors import UsageError, UsageTypeError
from cornu.utils.batches import Batches
from cornu.utils.folders import text_dataset_from_directory
from cornu.utils.splitting import (
    pack_x_y_sample_weight,
    split_dataset,
    unpack_x_y_sample_weight,
)

X = np.arange(10)


def numbers(**said) -> Batches:
    return Batches(10, lambda rows: (X[rows], X[rows] * 2), **said)


def test_batches_come_in_order_any_number_of_times():
    made = numbers(batch_size=4)
    assert len(made) == 3
    for _ in range(2):
        assert [x.tolist() for x, _ in made] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert "10 samples, batches of 4" in repr(made)


def test_every_pass_is_shuffled_anew_and_repeats_for_a_seed():
    one, other = (numbers(batch_size=3, shuffle=True, seed=5) for _ in range(2))
    passes = [[x.tolist() for x, _ in one] for _ in range(3)]
    assert passes == [[x.tolist() for x, _ in other] for _ in range(3)]
    assert all(sorted(sum(each, [])) == X.tolist() for each in passes)
    assert passes[0] != passes[1]
    again = numbers(batch_size=3, shuffle=True, seed=6)
    assert [x.tolist() for x, _ in again] != passes[0]


def test_a_seed_comes_from_the_global_state():
    passes = []
    for _ in range(2):
        cornu.utils.set_random_seed(3)
        passes.append([x.tolist() for x, _ in numbers(shuffle=True, batch_size=2)])
    assert passes[0] == passes[1]


def test_a_pass_can_be_begun_in_its_middle():
    whole = numbers(batch_size=3, shuffle=True, seed=5)
    passes = [[x.tolist() for x, _ in whole] for _ in range(3)]
    made = numbers(batch_size=3, shuffle=True, seed=5)
    made.go_to(1, 2)
    assert [x.tolist() for x, _ in made] == passes[1][2:]
    assert [x.tolist() for x, _ in made] == passes[2]


def test_a_pass_says_where_it_is_and_goes_there():
    whole = numbers(batch_size=3, shuffle=True, seed=5)
    passes = [[x.tolist() for x, _ in whole] for _ in range(3)]
    one, other = (numbers(batch_size=3, shuffle=True, seed=5) for _ in range(2))
    list(one)
    current = iter(one)
    next(current)
    state = current.get_state()
    assert state == {"pass": 1, "batch": 1, "of": {"rows": 10, "batch_size": 3, "seed": 5}}
    found = iter(other)
    found.set_state(state)
    assert [x.tolist() for x, _ in found] == passes[1][1:]
    assert [x.tolist() for x, _ in other] == passes[2]
    with pytest.raises(UsageError, match="these batches are others"):
        iter(numbers(batch_size=3, shuffle=True, seed=6)).set_state(state)


def test_functions_are_applied_in_turn():
    made = numbers(batch_size=5)
    mapped = made.map(lambda x, y: (x + 1, y)).map(lambda x, y: x * y)
    assert [b.tolist() for b in mapped] == [[0, 4, 12, 24, 40], [60, 84, 112, 144, 180]]
    assert [b.tolist() for b in mapped.map(np.sum).take(1)] == [80]
    assert len(mapped.take(1)) == 1 and len(list(made)) == 2


def test_what_data_sets_of_tensorflow_have_is_there_or_said():
    made = numbers(batch_size=4)
    assert len(made.cache().prefetch(2)) == 3
    with pytest.raises(AttributeError, match="every pass of fit begins anew"):
        made.repeat()
    with pytest.raises(AttributeError, match="Batches have no 'mapp'"):
        made.mapp(abs)


def test_single_samples_can_be_put_into_batches():
    made = numbers(batch_size=None)
    assert [(int(x), int(y)) for x, y in made][:2] == [(0, 0), (1, 2)]
    mapped = made.map(lambda x, y: {"x": x + 1, "y": y}).batch(4)
    assert [b["x"].tolist() for b in mapped] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert [x.tolist() for x, _ in made.batch(5)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: numbers(batch_size=0), "batch_size must be a whole number from 1"),
        (lambda: numbers(shuffle=True, seed=-1), "seed must be"),
        (lambda: numbers().map(3), "map takes a function"),
        (lambda: numbers().batch(2), "batches of 32 already"),
        (lambda: numbers().go_to(-1), "passes must be"),
        (lambda: numbers().take(1.5), "count must be"),
    ],
)
def test_wrong_numbers_are_refused(call, said):
    with pytest.raises(UsageError) as caught:
        call()
    assert said in str(caught.value)


# ---------------------------------------------------------------- folders of texts


@pytest.fixture
def folder(tmp_path):
    for name, count in (("neg", 3), ("pos", 5)):
        for i in range(count):
            path = tmp_path / name / ("more" if i == 2 else "") / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {i} é", encoding="utf-8")
    (tmp_path / "pos" / "notes.md").write_text("no")
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_classes_are_folders(folder, capsys):
    made = text_dataset_from_directory(folder, shuffle=False, batch_size=6)
    assert capsys.readouterr().out == "Found 8 files belonging to 2 classes.\n"
    assert made.class_names == ["neg", "pos"]
    (x, y), (more, _) = made
    assert x.dtype == object and y.dtype == "int32"
    assert x.tolist() == ["neg 0 é", "neg 1 é", "neg 2 é", "pos 0 é", "pos 1 é", "pos 3 é"]
    assert more.tolist() == ["pos 4 é", "pos 2 é"], "folders within come after"
    assert y.tolist() == [0, 0, 0, 1, 1, 1]
    assert made.file_paths[2] == str(folder / "neg" / "more" / "2.txt")


@pytest.mark.parametrize(
    ("mode", "first", "dtype"),
    [
        ("int", [1], "int32"),
        ("binary", [[1.0]], "float32"),
        ("categorical", [[0.0, 1.0]], "float32"),
    ],
)
def test_labels_are_written_as_asked(folder, mode, first, dtype):
    said = {"class_names": ["pos", "neg"], "shuffle": False, "verbose": False}
    made = text_dataset_from_directory(folder, label_mode=mode, batch_size=1, **said)
    *_, (x, y) = made
    assert x.tolist() == ["neg 2 é"] and y.tolist() == first and y.dtype == dtype


def test_no_labels_and_labels_by_hand(folder, capsys):
    plain = text_dataset_from_directory(folder, labels=None, shuffle=False)
    assert capsys.readouterr().out == "Found 8 files.\n"
    assert [x.tolist()[0] for x in plain] == ["neg 0 é"] and plain.class_names is None
    assert len(next(iter(text_dataset_from_directory(folder, label_mode=None)))) == 8
    said = {"labels": [5] * 4 + [7] * 4, "shuffle": False, "batch_size": None}
    by_hand = text_dataset_from_directory(folder, **said)
    assert by_hand.class_names == ["5", "7"]
    assert [int(y) for _, y in by_hand] == [5] * 4 + [7] * 4


def test_a_split_gives_each_file_once(folder, capsys):
    said = {"validation_split": 0.25, "seed": 3, "batch_size": None}
    train, held = text_dataset_from_directory(folder, subset="both", **said)
    assert "Using 6 files for training.\nUsing 2 files for validation.\n" in capsys.readouterr().out
    one = text_dataset_from_directory(folder, subset="training", **said)
    other = text_dataset_from_directory(folder, subset="validation", **said)
    # The order that RandomState(3) gives 8 files, of which Keras holds the last ones back.
    order = np.random.RandomState(3).permutation(8)
    paths = np.array(text_dataset_from_directory(folder, shuffle=False).file_paths)
    assert train.file_paths == one.file_paths == paths[order[:6]].tolist()
    assert held.file_paths == other.file_paths == paths[order[6:]].tolist()
    assert [t for t, _ in held] == [t for t, _ in held], "validation is not shuffled"


def test_texts_are_cut(folder):
    made = text_dataset_from_directory(folder, labels=None, max_length=5, shuffle=False)
    assert next(iter(made)).tolist()[:2] == ["neg 0", "neg 1"]
    (folder / "neg" / "0.txt").write_bytes("\ufeffÄÖ\r\n".encode())
    assert next(iter(made)).tolist()[0] == "ÄÖ\r\n"


def test_links_are_followed_if_asked_and_circles_end(folder):
    os.symlink(folder, folder / "pos" / "circle")
    os.symlink(folder / "neg", folder / "pos" / "there")
    plain = text_dataset_from_directory(folder, shuffle=False)
    assert len(plain.file_paths) == 8
    followed = text_dataset_from_directory(folder, shuffle=False, follow_links=True)
    assert len(followed.file_paths) > 8


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"directory": "none"}, "none is no folder"),
        ({"label_mode": "integer"}, 'Did you mean "int"?'),
        ({"subset": "validate", "validation_split": 0.5}, 'Did you mean "validation"?'),
        ({"validation_split": 1.5, "subset": "both"}, "validation_split must be between 0 and 1"),
        ({"validation_split": 0.5}, "go together"),
        ({"subset": "training"}, "go together"),
        ({"validation_split": 0.5, "subset": "training"}, "needs a seed"),
        ({"validation_split": 0.01, "subset": "both"}, "leaves 8 for training and 0"),
        ({"class_names": ["neg", "poss"]}, 'Did you mean "pos"?'),
        ({"class_names": ["neg"], "labels": None}, 'labels="inferred" only'),
        ({"class_names": ["neg"], "label_mode": "binary"}, "is for two classes; there are 1: neg"),
        ({"labels": [0] * 7}, "labels has 7 numbers"),
        ({"labels": "infer"}, 'labels must be "inferred"'),
        ({"labels": [0.5] * 8}, "a list of whole numbers"),
        ({"labels": [0, 9] * 4, "label_mode": "categorical"}, "label 9 is none of 2 classes"),
        ({"max_length": 0}, "max_length must be"),
        ({"format": "torch"}, "format must be one of"),
        ({"batch_size": -1}, "batch_size must be"),
    ],
)
def test_wrong_calls_are_refused(folder, said, message):
    with pytest.raises(UsageError) as caught:
        text_dataset_from_directory(**{"directory": folder, **said})
    assert message in str(caught.value)


def test_folders_without_files_are_named(folder, tmp_path):
    (folder / "none").mkdir()
    (folder / "none" / "a.md").write_text("no")
    with pytest.raises(UsageError, match=r"none has no files that end in \.txt"):
        text_dataset_from_directory(folder)
    with pytest.raises(UsageError, match="has no folders, one for each class"):
        text_dataset_from_directory(folder / "none")
    with pytest.raises(UsageError, match=r"none has no files that end in \.txt"):
        text_dataset_from_directory(folder / "none", labels=None)


def test_a_file_that_is_no_text_is_named(folder):
    (folder / "pos" / "0.txt").write_bytes(b"caf\xe9 bar")
    made = text_dataset_from_directory(folder, shuffle=False)
    with pytest.raises(UsageError, match=r"pos.0\.txt is no UTF-8 text: byte 3 is 0xe9"):
        list(made)
    (folder / "pos" / "0.txt").unlink()
    with pytest.raises(UsageError, match=r"pos.0\.txt cannot be read"):
        list(made)


def test_a_model_that_begins_with_text_learns_from_a_folder(folder):
    made = text_dataset_from_directory(folder, batch_size=4, seed=1, verbose=False)
    first = layers.TextVectorization(output_mode="multi_hot", max_tokens=12)
    first.adapt(np.concatenate([x for x, _ in made]))
    model = cornu.Sequential(
        [cornu.Input((1,), dtype="string"), first, layers.Dense(2, activation="softmax")]
    )
    model.compile(cornu.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["acc"])
    history = model.fit(made, epochs=12, verbose=0)
    assert history.history["acc"][-1] == 1.0
    direct = made.map(lambda x, y: (first(x), y))
    x, _ = next(iter(direct))
    assert np.asarray(x).shape == (4, 9)


class Stops(cornu.callbacks.Callback):
    """Interrupts a run at batch number `at`."""

    def __init__(self, at: int):
        super().__init__()
        self.left = at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_a_run_goes_on_within_a_pass(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")

    def run(at: int, **said):
        cornu.utils.set_random_seed(1)
        made = Batches(20, lambda rows: (x[rows], x[rows] * 2), 4, shuffle=True, seed=5)
        model = cornu.Sequential([cornu.Input((3,)), layers.Dense(3)])
        model.compile("sgd", "mse")
        model.fit(made, epochs=3, verbose=0, callbacks=[Stops(at)], **said)
        return model.get_weights()

    whole = run(99)
    with pytest.raises(KeyboardInterrupt):
        run(8, resume=tmp_path / "run")
    for a, b in zip(run(99, resume=tmp_path / "run"), whole, strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- two parts


def test_arrays_are_split():
    left, right = split_dataset(X, left_size=0.8)
    assert [int(x) for x in left] == list(range(8)) and [int(x) for x in right] == [8, 9]
    left, right = split_dataset((X, X * 2), left_size=2, right_size=3)
    assert [x.tolist() for x, _ in left.batch(2)] == [[0, 1]]
    assert [(int(x), int(y)) for x, y in right] == [(7, 14), (8, 16), (9, 18)]
    left, right = split_dataset({"a": X}, right_size=0.5)
    assert [int(x["a"]) for x in right] == [5, 6, 7, 8, 9]


def test_a_shuffled_split_is_that_of_python_for_the_seed():
    # random.Random(4).shuffle(list(range(10))), which is what Keras does.
    order = list(range(10))
    random.Random(4).shuffle(order)
    left, right = split_dataset(X, left_size=7, shuffle=True, seed=4)
    assert [int(x) for x in left] == order[:7] and [int(x) for x in right] == order[7:]


def test_batches_and_data_sets_of_samples_are_split():
    left, right = split_dataset(numbers(batch_size=2), left_size=7)
    assert [x.tolist() for x, _ in left] == [[0, 1], [2, 3], [4, 5], [6]]
    assert [y.tolist() for _, y in right] == [[14, 16], [18]]

    class Samples:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return X[index], -X[index]

    left, right = split_dataset(Samples(), right_size=1)
    assert [(int(x), int(y)) for x, y in right] == [(3, -3)]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: split_dataset(X), "give left_size or right_size"),
        (lambda: split_dataset(X, left_size=10), "left_size must be from 1 to 9"),
        (lambda: split_dataset(X, left_size=1.0), "a share between 0.0 and 1.0"),
        (lambda: split_dataset(X, right_size=0), "right_size must be from 1"),
        (lambda: split_dataset(X, left_size="0.5"), "must be a number of samples or a share"),
        (lambda: split_dataset(X, left_size=8, right_size=3), "8 and 3 of 10 samples"),
        (lambda: split_dataset(X, left_size=0.01), "0 would be left and 10 right"),
        (lambda: split_dataset((X, X[:5]), left_size=2), "differ in their first axis: (10,), (5,)"),
        (lambda: split_dataset([1, 2], left_size=1), "dataset[0] is 1"),
        (lambda: split_dataset(iter(X), left_size=1), "must be arrays or Batches"),
        (lambda: split_dataset(X[:1], left_size=1), "two parts need 2"),
    ],
)
def test_splits_that_do_not_fit_are_refused(call, said):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call()
    assert said in str(caught.value)


def test_parts_of_a_batch():
    assert pack_x_y_sample_weight(1) == 1 and pack_x_y_sample_weight([1]) == ([1],)
    assert pack_x_y_sample_weight(1, 2) == (1, 2) and pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3)
    assert pack_x_y_sample_weight(1, None, 3) == (1, None, 3)
    assert unpack_x_y_sample_weight(5) == (5, None, None)
    assert unpack_x_y_sample_weight((5,)) == (5, None, None)
    assert unpack_x_y_sample_weight([5, 6]) == (5, 6, None)
    assert unpack_x_y_sample_weight((5, 6, 7)) == (5, 6, 7)
    for wrong in ((), (1, 2, 3, 4)):
        with pytest.raises(UsageError, match="a batch is x"):
            unpack_x_y_sample_weight(wrong)
