"""Batches of pictures: their order, places, threads, and what is in them."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cornu as keras
from cornu import layers
from cornu.errors import UsageError
from cornu.preprocessing.image import ImageDataGenerator, Iterator
from cornu.utils.pydataset import PyDataset

random = np.random.default_rng(5)
PICTURES = random.uniform(0, 255, (10, 6, 6, 1)).astype("float32")
Y = np.arange(10)
CHANGING = {"rotation_range": 30, "horizontal_flip": True, "width_shift_range": [1, 2]}


def flow(seed=7, **said):
    return ImageDataGenerator(**CHANGING).flow(PICTURES, Y, batch_size=4, seed=seed, **said)


def taken(it, count):
    return [next(it) for _ in range(count)]


def same(batches, others):
    assert len(batches) == len(others)
    for one, other in zip(batches, others, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_passes_have_every_picture_once_and_orders_of_their_own():
    it = flow()
    assert isinstance(it, PyDataset)
    assert len(it) == 3
    passes = [np.concatenate([y for _, y in taken(it, 3)]) for _ in range(3)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert len({tuple(one) for one in passes}) == 3
    assert [len(y) for _, y in taken(it, 3)] == [4, 4, 2]


def test_by_number_and_by_next_are_the_same():
    it, other = flow(), flow()
    for _ in range(3):
        by_number = [other[i] for i in (2, 0, 1)]
        same(taken(it, 3), [by_number[1], by_number[2], by_number[0]])
        other.on_epoch_end()
    same([other[-1]], [other[2]])
    with pytest.raises(UsageError, match="no batch -4: a pass has 3"):
        other[-4]


def test_behind_the_last_batch_is_the_next_pass():
    it = flow()
    same([it[i] for i in range(8)], taken(flow(), 8))


def test_without_shuffling_the_order_stays():
    it = ImageDataGenerator().flow(PICTURES, Y, batch_size=5, shuffle=False)
    found = taken(it, 4)
    np.testing.assert_array_equal(found[0][0], PICTURES[:5])
    np.testing.assert_array_equal(found[3][1], Y[5:])


def test_the_loop_of_old_scripts_is_endless():
    count = 0
    for x, _ in flow():
        assert x.shape[1:] == (6, 6, 1)
        count += 1
        if count == 7:
            break
    assert count == 7


def test_two_generators_with_one_seed_change_pictures_alike():
    masks = (PICTURES > 128).astype("float32")
    options = {"rotation_range": 40, "interpolation_order": 0}
    for x, mask in zip(
        ImageDataGenerator(**options).flow(PICTURES, seed=1),
        ImageDataGenerator(**options).flow(masks, seed=1),
        strict=False,
    ):
        np.testing.assert_array_equal(x > 128, mask == 1)
        break


def test_without_a_seed_numpys_decides():
    np.random.seed(3)
    first = taken(flow(None), 4)
    np.random.seed(3)
    same(taken(flow(None), 4), first)
    assert not np.array_equal(next(flow(None))[0], first[0][0])


def test_batches_leave_the_global_state_alone():
    it, before = flow(), np.random.get_state()[1].copy()
    taken(it, 4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


# ---------------------------------------------------------------- places


@pytest.mark.parametrize("count", [0, 2, 3, 4, 7])
def test_a_state_is_a_place(count):
    it = flow()
    taken(it, count)
    state = it.get_state()
    wanted = taken(it, 5)
    other = flow(seed=99)
    other.set_state(pickle.loads(pickle.dumps(state)))
    same(taken(other, 5), wanted)


def test_a_state_of_other_data_is_refused():
    state = ImageDataGenerator().flow(PICTURES[:9], batch_size=4).get_state()
    with pytest.raises(UsageError, match="n=9.* 10 here"):
        flow().set_state(state)


def test_reset_begins_a_pass():
    it = flow()
    taken(it, 2)
    it.reset()
    assert it.total_batches_seen == 2
    assert sorted(np.concatenate([y for _, y in taken(it, 3)])) == list(range(10))


def test_iterators_are_pickled_with_their_place():
    it = flow()
    taken(it, 2)
    again = pickle.loads(pickle.dumps(it))
    same(taken(again, 4), taken(it, 4))


def test_threads_take_each_batch_once():
    wanted = taken(flow(), 60)
    it, found, lock = flow(), [], threading.Lock()

    def work():
        for _ in range(15):
            batch = next(it)
            with lock:
                found.append(batch)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(b[0].tobytes() for b in found) == sorted(b[0].tobytes() for b in wanted)


def test_threads_by_number_get_what_one_gets():
    wanted = [flow()[i % 3] for i in range(30)]
    it = flow()
    with ThreadPoolExecutor(4) as pool:
        same(list(pool.map(lambda i: it[i % 3], range(30))), wanted)


# ---------------------------------------------------------------- contents


def test_other_inputs_and_weights_go_along():
    more = [np.arange(10) * 2, np.arange(20).reshape(10, 2)]
    it = ImageDataGenerator().flow((PICTURES, more), Y, sample_weight=Y / 10, batch_size=3, seed=1)
    (x, double, pair), y, weight = next(it)
    np.testing.assert_array_equal(x, PICTURES[y])
    np.testing.assert_array_equal(double, y * 2)
    np.testing.assert_array_equal(pair[:, 0], y * 2)
    np.testing.assert_allclose(weight, y / 10)
    alone = next(ImageDataGenerator().flow(PICTURES, batch_size=3))
    assert isinstance(alone, np.ndarray)


def test_whole_numbers_become_floats_and_are_not_changed():
    whole = PICTURES.astype("uint8")
    before = whole.copy()
    it = ImageDataGenerator(rescale=1 / 255, rotation_range=5).flow(whole, shuffle=False)
    found = next(it)
    assert found.dtype == np.float32
    assert 0 <= found.min() and found.max() <= 1
    half = ImageDataGenerator(dtype="float16", rotation_range=5, rescale=1 / 255).flow(whole)
    assert next(half).dtype == np.float16
    np.testing.assert_array_equal(whole, before)


def test_parts_of_a_split():
    generator = ImageDataGenerator(validation_split=0.3)
    y = np.array([0, 1, 0, 1, 1, 0, 0, 1, 1, 0])
    held = generator.flow(PICTURES, y, subset="validation", shuffle=False)
    rest = generator.flow(PICTURES, y, subset="training", shuffle=False)
    assert (held.n, rest.n) == (3, 7)
    np.testing.assert_array_equal(next(held)[0], PICTURES[:3])
    np.testing.assert_array_equal(next(rest)[0], PICTURES[3:])
    with pytest.raises(UsageError, match="different classes"):
        generator.flow(PICTURES, Y, subset="training")
    assert generator.flow(PICTURES, Y, subset="training", ignore_class_split=True).n == 7


def test_pictures_are_kept_as_they_were_made(tmp_path):
    it = ImageDataGenerator(rescale=2.0).flow(
        PICTURES, save_to_dir=tmp_path, save_prefix="aug", save_format="jpg", batch_size=4, seed=1
    )
    next(it)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 4
    assert all(name.startswith("aug_") and name.endswith(".jpg") for name in names)


class Squares(Iterator):
    """As old code writes its own."""

    def _get_batches_of_transformed_samples(self, index_array):
        return index_array**2, np.random.uniform(size=len(index_array))


def test_iterators_of_users():
    it = Squares(5, 2, False, 1)
    x, noise = next(it)
    np.testing.assert_array_equal(x, [0, 1])
    np.testing.assert_array_equal(noise, np.random.RandomState(1).uniform(size=2))
    np.testing.assert_array_equal(it[0][1], noise)


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda g: g.flow(PICTURES[0]), "E-IMAGE", "(count, height, width, channels)"),
        (lambda g: g.flow([PICTURES[0], PICTURES[0, :4]]), "E-IMAGE", "(4, 6, 1), (6, 6, 1)"),
        (lambda g: g.flow(PICTURES, Y[:3]), "E-IMAGE", "y is ndarray of shape (3,)"),
        (lambda g: g.flow((PICTURES, [Y[:3]])), "E-IMAGE", "x[1]"),
        (lambda g: g.flow(PICTURES, batch_size=0), "E-AUGMENTATION", "batch_size"),
        (lambda g: g.flow(PICTURES, seed=-1), "E-SEED", "-1"),
        (lambda g: g.flow(PICTURES[:0]), "E-EMPTY", "no pictures"),
        (lambda g: g.flow(PICTURES, save_to_dir="not there"), "E-FOLDER", "not there"),
    ],
)
def test_what_cannot_be_done(call, code, words):
    with pytest.raises(UsageError) as caught:
        call(ImageDataGenerator())
    assert caught.value.code == code
    assert words in str(caught.value)


def test_odd_numbers_of_channels_warn():
    with pytest.warns(UserWarning, match="has 6 channels"):
        ImageDataGenerator(data_format="channels_first").flow(PICTURES)


# ---------------------------------------------------------------- training


def test_fit_evaluate_and_predict():
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    it = generator.flow(PICTURES, Y, batch_size=5, seed=1)
    history = model.fit(it, epochs=3, validation_data=it, verbose=0)
    assert len(history.history["loss"]) == 3
    assert np.isfinite(history.history["val_loss"]).all()
    plain = ImageDataGenerator(rescale=1 / 255).flow(PICTURES, batch_size=4, shuffle=False)
    np.testing.assert_allclose(
        model.predict(plain, verbose=0), model.predict(PICTURES / 255, verbose=0), atol=1e-5
    )
    assert np.isfinite(model.evaluate(it, verbose=0))


def test_a_look_at_a_batch_does_not_move_what_predict_begins_with():
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.GlobalMaxPooling2D()])
    it = ImageDataGenerator().flow(PICTURES, batch_size=4, shuffle=False)
    next(it)
    np.testing.assert_array_equal(model.predict(it, verbose=0), PICTURES.max((1, 2)))


class Recorded(ImageDataGenerator):
    """Keeps the sums of what it made."""

    def standardize(self, x):
        self.seen = [*getattr(self, "seen", []), float(np.asarray(x, "float64").sum())]
        return super().standardize(x)


@pytest.mark.parametrize(("workers", "steps"), [(0, None), (1, 9), (3, None), (3, 7)])
def test_workers_make_the_same_pictures(workers, steps):
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.GlobalMaxPooling2D()])
    model.compile("sgd", "mse")
    generator = Recorded(**CHANGING, rescale=1 / 255)
    it = generator.flow(PICTURES, np.zeros((10, 1)), batch_size=4, seed=3)
    it.workers = workers
    model.fit(it, epochs=2, shuffle=False, verbose=0, steps_per_epoch=steps)
    other = Recorded(**CHANGING, rescale=1 / 255)
    taken(other.flow(PICTURES, np.zeros((10, 1)), batch_size=4, seed=3), 2 * (steps or 3))
    made = generator.seen[len(generator.seen) - len(other.seen) :]  # a first batch was looked at
    assert sorted(made) == sorted(other.seen)


class Dies(BaseException):
    """Nothing catches it, as nothing catches a kill."""


class DiesAt(keras.callbacks.Callback):
    """Ends a run by force after so many batches."""

    keeps = ()

    def __init__(self, batches):
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left < 0:
            raise Dies


@pytest.mark.parametrize("batches", [2, 4])
def test_a_run_that_was_broken_off_goes_on_with_the_same_pictures(tmp_path, batches):
    def trained(callbacks=(), folder=None):
        keras.utils.set_random_seed(2)
        model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(1)])
        model.compile("sgd", "mse")
        it = ImageDataGenerator(**CHANGING, rescale=1 / 255).flow(
            PICTURES, Y / 10, batch_size=4, seed=3
        )
        model.fit(it, epochs=3, verbose=0, callbacks=list(callbacks), resume=folder)
        return model.get_weights()

    wanted = trained()
    with pytest.raises(Dies):
        trained([DiesAt(batches)], tmp_path)
    for found, each in zip(trained((), tmp_path), wanted, strict=True):
        np.testing.assert_array_equal(found, each)
