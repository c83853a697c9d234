"""Folders and tables of pictures, as batches."""

import pickle

import numpy as np
import pytest
from PIL import Image

from cornu.errors import UsageError
from cornu.preprocessing.image import ImageDataGenerator, list_pictures
from cornu.utils.image_folders import image_dataset_from_directory

SIZE = {"target_size": (4, 5)}


@pytest.fixture
def folder(tmp_path, capsys):
    """cats: values 0..3 in all pixels, one of them in a folder below; dogs: 10..14."""
    root = tmp_path / "pictures"
    for name, first, count in (("cats", 0, 4), ("dogs", 10, 5)):
        (root / name / "more").mkdir(parents=True)
        (root / name / "readme.txt").write_text("none")
        for i in range(count):
            below = "more" if i == 3 and name == "cats" else ""
            picture = Image.new("RGB", (6 + i, 5), (first + i,) * 3)
            picture.save(root / name / below / f"{i}.png")
    (root / ".hidden").mkdir()
    yield root
    capsys.readouterr()


def values(batch):
    return batch[:, 0, 0, 0].astype(int).tolist()


def test_folders_are_classes(folder, capsys):
    it = ImageDataGenerator().flow_from_directory(folder, **SIZE, shuffle=False, batch_size=6)
    assert capsys.readouterr().out == "Found 9 images belonging to 2 classes.\n"
    assert it.class_indices == {"cats": 0, "dogs": 1}
    assert it.filenames[:4] == ["cats/0.png", "cats/1.png", "cats/2.png", "cats/more/3.png"]
    assert it.filepaths[8] == str(folder / "dogs" / "4.png")
    assert (it.samples, it.n, it.num_classes, it.image_shape) == (9, 9, 2, (4, 5, 3))
    assert it.labels.tolist() == it.classes.tolist() == [0] * 4 + [1] * 5
    x, y = next(it)
    assert values(x) == [0, 1, 2, 3, 10, 11]
    np.testing.assert_array_equal(y, np.eye(2, dtype="float32")[[0, 0, 0, 0, 1, 1]])
    assert x.dtype == y.dtype == np.float32
    assert values(next(it)[0]) == [12, 13, 14]


@pytest.mark.parametrize("mode", ["binary", "sparse", "input", None])
def test_targets(folder, mode):
    it = ImageDataGenerator(rescale=0.1).flow_from_directory(
        folder, **SIZE, class_mode=mode, shuffle=False, color_mode="grayscale", batch_size=5
    )
    batch = next(it)
    if mode is None:
        assert batch.shape == (5, 4, 5, 1)
    elif mode == "input":
        np.testing.assert_array_equal(batch[0], batch[1])
        assert not np.shares_memory(*batch)
    else:
        assert batch[1].tolist() == [0, 0, 0, 0, 1]


def test_classes_that_are_asked_for_have_their_order(folder):
    it = ImageDataGenerator(validation_split=0.5).flow_from_directory(
        folder, **SIZE, classes=["dogs", "cats"], subset="validation", shuffle=False
    )
    assert it.class_indices == {"dogs": 0, "cats": 1}
    assert values(next(it)[0]) == [10, 11, 0, 1]
    rest = ImageDataGenerator(validation_split=0.5).flow_from_directory(
        folder, **SIZE, classes=["dogs", "cats"], subset="training", shuffle=False
    )
    assert values(next(rest)[0]) == [12, 13, 14, 2, 3]


def test_a_place_in_a_folder(folder):
    def flow():
        return ImageDataGenerator(rotation_range=20).flow_from_directory(
            folder, **SIZE, batch_size=2, seed=3
        )

    it = flow()
    for _ in range(7):
        next(it)
    other = flow()
    other.set_state(it.get_state())
    third = pickle.loads(pickle.dumps(it))
    wanted = next(it)
    for found in (next(other), next(third)):
        np.testing.assert_array_equal(found[0], wanted[0])
        np.testing.assert_array_equal(found[1], wanted[1])


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"classes": ["cats", "dog"]}, "E-FOLDER", 'Did you mean "dogs"'),
        ({"class_mode": "categoric"}, "E-CHOICE", 'Did you mean "categorical"'),
        ({"color_mode": "bgr"}, "E-CHOICE", "'rgba'"),
        ({"interpolation": "cubic"}, "E-CHOICE", '"bicubic"'),
        ({"target_size": 64}, "E-IMAGE", "Use (64, 64)"),
        ({"save_to_dir": "not there"}, "E-FOLDER", "not there"),
        ({"subset": "validation"}, "E-SPLIT", "validation_split=0.2"),
    ],
)
def test_what_cannot_be_done(folder, said, code, words):
    with pytest.raises(UsageError) as caught:
        ImageDataGenerator().flow_from_directory(folder, **said)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_folders_without_pictures(folder):
    flow = ImageDataGenerator().flow_from_directory
    with pytest.raises(UsageError, match="none is no folder"):
        flow(folder / "none")
    (folder / "dogs" / "more").rmdir()
    with pytest.raises(UsageError, match="has pictures, and no folders"):
        flow(folder / "dogs")
    (folder / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no pictures in .*empty.*end in \.png"):
        flow(folder / "empty")
    with pytest.raises(UsageError, match="the folders empty"):
        flow(folder, classes=["empty"])
    with pytest.warns(UserWarning, match="no pictures in empty, which are classes"):
        it = flow(folder)
    assert it.num_classes == 3
    with pytest.raises(UsageError, match="leaves no pictures"):
        ImageDataGenerator(validation_split=0.1).flow_from_directory(
            folder, subset="validation", classes=["cats"]
        )


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_damaged_picture_is_named(folder, data):
    (folder / "dogs" / "2.png").write_bytes(data)
    it = ImageDataGenerator().flow_from_directory(folder, **SIZE, batch_size=9)
    with pytest.raises(UsageError, match=r"dogs.2\.png"):
        next(it)
    found = image_dataset_from_directory(folder, image_size=(4, 4), verbose=False)
    with pytest.raises(OSError, match=r"dogs.2\.png"):
        list(found)


def test_links_to_folders(folder, tmp_path):
    (tmp_path / "far").mkdir()
    Image.new("RGB", (3, 3)).save(tmp_path / "far" / "a.png")
    (folder / "cats" / "far").symlink_to(tmp_path / "far")
    (folder / "cats" / "loop").symlink_to(folder / "cats")
    flow = ImageDataGenerator().flow_from_directory
    assert flow(folder, **SIZE).samples == 9
    assert flow(folder, **SIZE, follow_links=True).samples == 10


def test_list_pictures(folder):
    found = [path.removeprefix(str(folder)) for path in list_pictures(folder / "cats")]
    assert found == ["/cats/0.png", "/cats/1.png", "/cats/2.png", "/cats/more/3.png"]
    assert list_pictures(folder, ext="jpg") == []


# ---------------------------------------------------------------- tables

TABLE = {
    "filename": ["cats/0.png", "dogs/1.png", "cats/gone.png", "dogs/readme.txt", "dogs/2.png"],
    "class": ["cat", "dog", "cat", "dog", "dog"],
    "tags": [["a"], ["b", "a"], "a", "b", "b"],
    "left": [0.5, 1.5, 2.5, 3.5, 4.5],
    "top": [1, 2, 3, 4, 5],
}


def table(folder, **said):
    said = {**SIZE, "shuffle": False, **said}
    with pytest.warns(UserWarning, match=r'2 of 5 names .*"cats/gone\.png" first'):
        return ImageDataGenerator().flow_from_dataframe(TABLE, str(folder), **said)


def test_tables_of_labels(folder):
    it = table(folder, weight_col="top")
    x, y, weight = next(it)
    assert values(x) == [0, 11, 12]
    assert it.class_indices == {"cat": 0, "dog": 1}
    np.testing.assert_array_equal(y, [[1, 0], [0, 1], [0, 1]])
    assert weight.tolist() == [1, 2, 5]
    several = table(folder, y_col="tags")
    np.testing.assert_array_equal(next(several)[1], [[1, 0], [1, 1], [0, 1]])
    one = table(folder, classes=["dog"], class_mode="sparse")
    assert (one.samples, next(one)[1].tolist()) == (2, [0, 0])


def test_tables_of_numbers(folder):
    raw = next(table(folder, y_col=["left", "top"], class_mode="raw"))[1]
    np.testing.assert_array_equal(raw, [[0.5, 1], [1.5, 2], [4.5, 5]])
    several = next(table(folder, y_col=["left", "top"], class_mode="multi_output"))[1]
    assert [each.tolist() for each in several] == [[0.5, 1.5, 4.5], [1, 2, 5]]


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"x_col": "file"}, "E-TABLE", 'Did you mean "filename"'),
        ({"y_col": "klass"}, "E-TABLE", 'Did you mean "class"'),
        ({"x_col": "left"}, "E-TABLE", "names of files; it has 0.5"),
        ({"y_col": "left"}, "E-TABLE", 'df["left"].astype(str)'),
        ({"y_col": ["left", "top"]}, "E-TABLE", 'class_mode="multi_output"'),
        ({"y_col": "tags", "class_mode": "binary"}, "E-TABLE", "must hold names"),
        ({"class_mode": "binary", "classes": ["cat"]}, "E-TABLE", "two classes; there are 1"),
        ({"classes": ["cat", "cat"]}, "E-TABLE", "twice"),
        ({"y_col": "left", "class_mode": "multi_output"}, "E-TABLE", "a list of columns"),
        ({"class_mode": "other"}, "E-CHOICE", "'raw'"),
    ],
)
@pytest.mark.filterwarnings("ignore:2 of 5 names")
def test_tables_that_cannot_be(folder, said, code, words):
    with pytest.raises((UsageError, TypeError)) as caught:
        ImageDataGenerator().flow_from_dataframe(TABLE, folder, **said)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.filterwarnings("ignore:5 of 5 names")
def test_tables_of_files_that_are_elsewhere():
    with pytest.raises(UsageError, match="of 5 names, looked for in the present folder"):
        ImageDataGenerator().flow_from_dataframe(TABLE)


# ---------------------------------------------------------------- data sets


def test_data_sets(folder, capsys):
    found = image_dataset_from_directory(folder, image_size=(4, 4), batch_size=4, seed=1)
    assert capsys.readouterr().out == "Found 9 files belonging to 2 classes.\n"
    assert found.class_names == ["cats", "dogs"]
    assert len(found) == 3
    passes = [list(found) for _ in range(2)]
    for one in passes:
        x, y = (np.concatenate(each) for each in zip(*one, strict=True))
        assert sorted(values(x)) == [0, 1, 2, 3, 10, 11, 12, 13, 14]
        np.testing.assert_array_equal(y, np.array(values(x)) >= 10)
        assert (x.dtype, y.dtype) == (np.float32, np.int32)
    assert values(passes[0][0][0]) != values(passes[1][0][0])
    found.go_to(1, 2)
    again = list(found)
    assert len(again) == 1
    np.testing.assert_array_equal(again[0][0], passes[1][2][0])


def test_data_sets_are_mapped_and_split(folder):
    train, held = image_dataset_from_directory(
        folder,
        image_size=(4, 4),
        validation_split=0.34,
        subset="both",
        seed=2,
        label_mode="categorical",
        color_mode="grayscale",
        data_format="channels_first",
        verbose=False,
    )
    assert sorted([*train.file_paths, *held.file_paths]) == sorted(
        str(path) for path in folder.rglob("*.png")
    )
    (x, y) = next(iter(train.map(lambda x, y: (x / 2, y))))
    assert (x.shape, y.shape) == ((6, 1, 4, 4), (6, 2))
    assert x.max() <= 7


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"interpolation": "linear"}, "E-CHOICE", '"bilinear"'),
        ({"color_mode": "grey"}, "E-CHOICE", "'grayscale'"),
        ({"image_size": 3}, "E-IMAGE", "Use (3, 3)"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "E-CHOICE", "not both"),
        ({"data_format": "first"}, "E-DATA-FORMAT", "channels_first"),
        ({"class_names": ["cat"]}, "E-FOLDER", 'Did you mean "cats"'),
        ({"label_mode": "one_hot"}, "E-CHOICE", "'categorical'"),
    ],
)
def test_data_sets_that_cannot_be(folder, said, code, words):
    with pytest.raises(UsageError) as caught:
        image_dataset_from_directory(folder, **said)
    assert caught.value.code == code
    assert words in str(caught.value)
