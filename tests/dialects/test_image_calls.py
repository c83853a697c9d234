"""Pictures by the names that arguments and attributes had in Keras 1 and 2."""

import numpy as np
import pytest

from cornu.dialects import spellings
from cornu.preprocessing import image

pytestmark = pytest.mark.filterwarnings("ignore:.*old spelling:UserWarning")
X = np.random.default_rng(0).uniform(0, 255, (4, 6, 5, 3)).astype("float32")
LAST, FIRST = {"data_format": "channels_last"}, {"data_format": "channels_first"}


@pytest.fixture(autouse=True)
def old_spellings():
    spellings.register()
    yield
    spellings.unregister()


def test_generators_and_iterators():
    made = image.ImageDataGenerator(rescale=0.5, dim_ordering="tf")
    batches = made.flow(X=X, y=np.arange(4), batch_size=4, shuffle=False)
    assert made.data_format == "channels_last"
    assert np.allclose(next(batches)[0], X / 2)
    assert batches.N == batches.nb_sample == 4 and batches.X is batches.x
    assert image.ImageDataGenerator(dim_ordering="th").channel_axis == 1
    assert made.principal_components is made.zca_whitening_matrix is None
    with pytest.raises(TypeError, match="x twice"):
        made.flow(x=X, X=X)


def test_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        image.array_to_img(X[0], dim_ordering="tf").save(tmp_path / name / "1.png")
    path = tmp_path / "a" / "1.png"
    assert image.load_img(path, True).mode == image.load_img(path, grayscale=True).mode == "L"
    assert image.load_img(path, False, (4, 3)).size == (3, 4)
    assert image.load_img(path).mode == image.load_img(path, grayscale=False).mode == "RGB"
    array = image.img_to_array(image.load_img(path), dim_ordering="th")
    assert array.shape == (3, 6, 5)
    assert image.array_to_img(array, "th").size == (5, 6)
    found = image.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(6, 5))
    assert found.nb_sample == 2 and found.nb_class == found.num_class == 2


def test_axes_of_random_changes():
    given = {"row_index": 0, "col_index": 1, "channel_index": 2}
    for change in (image.random_rotation, image.random_shear):
        np.random.seed(0)
        old = change(X[0], 30, **given)
        np.random.seed(0)
        today = change(X[0], 30, row_axis=0, col_axis=1, channel_axis=2)
        assert np.array_equal(old, today) and not np.array_equal(old, X[0])


def test_tables():
    table = {"filename": ["no"], "class": ["a"]}
    with pytest.raises(ValueError, match="has_ext=False is gone"):
        image.ImageDataGenerator().flow_from_dataframe(table, has_ext=False)


def test_all_is_taken_back():
    spellings.unregister()
    with pytest.raises(TypeError):
        image.ImageDataGenerator(dim_ordering="tf")
    assert not hasattr(image.ImageDataGenerator().flow(X), "nb_sample")
    spellings.register()
