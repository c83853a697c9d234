"""Pictures through maps by the native library: the numbers of NumPy, bit by bit."""

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import cornu as keras
import cornu.engine.sampling as sampling
from cornu import layers
from cornu.preprocessing.image import ImageDataGenerator
from cornu.preprocessing.image.affine import FILL_MODES, _read, maps

ROOT = Path(__file__).parents[2]
built = pytest.mark.skipif(not sampling.available(), reason=sampling.described())

SIZES = st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 23), st.integers(1, 5))
HUGE = st.sampled_from([0.0, 1.0, -1.0, 2.5, 1e6, -1e9, 3e15])
ORDINARY = {"theta": (-180, 180), "shear": (-40, 40), "zx": (-3, 3), "zy": (0.01, 3)}


def pictures(rng, shape, dtype, first, strange):
    """Pictures of any strides, with what is no number among them."""
    x = rng.uniform(0, 255, shape).astype(dtype)
    if strange and x.size and x.dtype.kind == "f":
        x.flat[rng.integers(x.size, size=3)] = np.nan, np.inf, -np.inf
    if first:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 1)), 1, -1)
    return x


@built
@settings(max_examples=150, deadline=None)
@given(
    shape=SIZES,
    seed=st.integers(0, 2**31),
    mode=st.sampled_from(FILL_MODES),
    order=st.sampled_from([0, 1]),
    dtypes=st.tuples(
        st.sampled_from(["uint8", "float32", "float64"]), st.sampled_from(["float32", "float64"])
    ),
    first=st.booleans(),
    strange=st.booleans(),
    tx=HUGE,
    ty=HUGE,
)
@np.errstate(invalid="ignore")  # what is infinite, less itself
def test_same_bits_as_numpy(shape, seed, mode, order, dtypes, first, strange, tx, ty):
    rng = np.random.default_rng(seed)
    x = pictures(rng, shape, dtypes[0], first, strange)
    drawn = {name: rng.uniform(low, high, shape[0]) for name, (low, high) in ORDINARY.items()}
    places = maps({**drawn, "tx": tx, "ty": ty}, *shape[1:3])
    flips = rng.random((shape[0], 2)) < 0.5
    whole = x.astype(dtypes[1])
    wanted = np.empty_like(whole)
    _read(whole, wanted, places, mode, 7.25, order, flips)
    found = np.full_like(whole, 99)
    assert sampling.takes(x, found.dtype, order)
    sampling.sample(x, found, places, flips @ [1, 2], mode, order, 7.25)
    np.testing.assert_array_equal(found, wanted)


@built
@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("size", [(1, 7), (7, 1), (30, 41), (224, 10)])
def test_as_scipy_makes_them(mode, size):
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(3, *size, 3))
    places = maps({"theta": [20.0, -77.0, 180.0], "tx": 1.5, "zx": [0.5, 1.0, 4.0]}, *size)
    for order in (0, 1):
        found = np.empty_like(x)
        sampling.sample(x, found, places, np.zeros(3), mode, order, 0.5)
        for i, place in enumerate(places):
            wanted = ndimage.affine_transform(
                x[i, ..., 2], place[:, :2], place[:, 2], None, None, order, mode, 0.5
            )
            np.testing.assert_allclose(found[i, ..., 2], wanted, atol=1e-9)


@built
def test_rows_flips_and_scale_in_one_pass():
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (6, 5, 4, 3)).astype("uint8")
    made = np.empty((4, 5, 4, 3), "float32")
    rows = np.array([5, 0, 0, 3])
    changes = [sampling.STILL + each for each in (0, 1, 2, 3)]
    nowhere = np.full((4, 2, 3), np.nan)
    sampling.sample(x, made, nowhere, changes, "constant", 1, 9.0, 0.5, rows)
    wanted = [x[5], x[0, ::-1], x[0, :, ::-1], x[3, ::-1, ::-1]]
    np.testing.assert_array_equal(made, np.stack(wanted) * np.float32(0.5))


@built
def test_places_that_are_no_numbers():
    x = np.ones((1, 3, 4, 1), "float32")
    for value in (np.nan, np.inf, -np.inf, 1e300):
        for mode in FILL_MODES:
            for order in (0, 1):
                made = np.zeros_like(x)
                sampling.sample(x, made, np.full((1, 2, 3), value), [0], mode, order)
                assert set(np.unique(made[~np.isnan(made)])) <= {0.0, 1.0}


@built
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rows": [0, 3]}, IndexError),
        ({"rows": [-1, 0]}, IndexError),
        ({"rows": [0]}, IndexError),
        ({"made": np.zeros((4, 4, 4, 1))}, IndexError),
        ({"made": np.zeros((2, 4, 5, 1))}, ValueError),
        ({"maps": np.zeros((1, 2, 3))}, ValueError),
        ({"changes": [0]}, ValueError),
    ],
)
def test_what_would_read_or_write_elsewhere(change, error):
    given = {"made": np.zeros((2, 4, 4, 1)), "rows": None, **change}
    count = len(given["made"])
    given = {"maps": np.zeros((count, 2, 3)), "changes": np.zeros(count), **given}
    with pytest.raises(error):
        sampling.sample(np.zeros((3, 4, 4, 1)), fill="wrap", order=1, **given)


def test_what_numpy_does():
    x = np.zeros((2, 4, 4, 3), "float32")
    assert not sampling.takes(x, "float32", 2)
    assert not sampling.takes(x.astype("int16"), "float32", 1)
    assert not sampling.takes(x, "float16", 1)
    assert not sampling.takes(x.astype(">f4"), "float32", 1)
    assert not sampling.takes(
        np.frombuffer(bytes(13), "float32", 3, 1).reshape(1, 1, 1, 3), "f4", 1
    )


# ---------------------------------------------------------------- generators

GIVEN = [
    {"rotation_range": 30, "horizontal_flip": True, "rescale": 1 / 255, "fill_mode": "reflect"},
    {"vertical_flip": True, "horizontal_flip": True, "rescale": 2},
    {"zoom_range": 0.4, "fill_mode": "constant", "cval": 3.0, "channel_shift_range": 20.0,
     "rescale": 0.5},
    {"width_shift_range": [0, 2], "vertical_flip": True, "brightness_range": (0.5, 1.5)},
    {"rescale": np.float64(1 / 255)},
    {"shear_range": 10, "preprocessing_function": lambda image: image - 3, "rescale": 0.1},
    {"rotation_range": 9, "dtype": "float16"},
    {"rotation_range": 9, "interpolation_order": 0, "dtype": "float64", "rescale": 1 / 3},
    {"samplewise_std_normalization": True, "samplewise_center": True, "rotation_range": 50},
]  # fmt: skip


@built
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_generators_make_the_same_batches(data_format, dtype, monkeypatch):
    x = np.random.default_rng(4).uniform(0, 255, (9, 6, 8, 3)).astype(dtype)
    if data_format == "channels_first":
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    before = x.copy()
    for options in GIVEN:
        generator = ImageDataGenerator(**options, data_format=data_format)
        with monkeypatch.context() as patch:
            patch.setattr(sampling, "available", lambda: False)
            wanted = [generator.flow(x, batch_size=5, seed=6)[i] for i in range(3)]
        found = [generator.flow(x, batch_size=5, seed=6)[i] for i in range(3)]
        for one, other in zip(found, wanted, strict=True):
            assert one.dtype == other.dtype
            assert one.flags.c_contiguous == other.flags.c_contiguous
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(x, before)


def test_threads_and_other_processes_make_the_same_pictures():
    x = np.random.default_rng(5).uniform(0, 255, (64, 16, 16, 3)).astype("float32")
    it = ImageDataGenerator(rotation_range=40, zoom_range=0.2).flow(x, batch_size=8, seed=1)
    wanted = [it[i] for i in range(8)]
    found: dict = {}

    def work(first):
        for i in range(first, 8, 2):
            found[i] = it[i]

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(8):
        np.testing.assert_array_equal(found[i], wanted[i])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(it))[3], wanted[3])


SAY = """
import sys
import numpy as np
from cornu.preprocessing.image import ImageDataGenerator
import cornu.engine.sampling as sampling
assert sampling.load.cache_info().currsize == 0
x = np.random.default_rng(5).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
made = ImageDataGenerator(rotation_range=40, rescale=0.5).flow(x, batch_size=4, seed=1)[0]
assert "jax" not in sys.modules
{then}
print(made.astype("float64").sum().hex(), sampling.described())
"""


def said(then: str = "", **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", SAY.format(then=then)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_switched_off_and_without_a_framework():
    usual, off = said(), said(CORNU_NATIVE="0")
    assert off.split()[0] == usual.split()[0]
    assert off.endswith("none: CORNU_NATIVE=0")
    assert usual.split(" ", 1)[1] == sampling.described()


def test_library_missing_or_broken(monkeypatch, tmp_path):
    monkeypatch.setattr(sampling, "FOLDER", tmp_path)
    assert sampling.load.__wrapped__().words.startswith(("none: it was not built", "none: CORNU"))
    (tmp_path / "_host.abi3.so").write_bytes(b"no library")
    assert sampling.load.__wrapped__().words.startswith(("none: OSError", "none: CORNU"))


def test_fit_with_workers():
    x = np.random.default_rng(7).uniform(0, 255, (12, 6, 6, 1)).astype("uint8")
    generator = ImageDataGenerator(rotation_range=40, rescale=1 / 255)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(1, kernel_initializer="ones")]
    )
    model.compile(keras.optimizers.SGD(0.001), "mse")
    begun, losses = model.get_weights(), []
    for workers, processes in ((0, False), (2, False), (2, True)):
        model.set_weights(begun)
        it = generator.flow(x, np.arange(12) / 12, batch_size=4, seed=2)
        it.workers, it.use_multiprocessing = workers, processes
        losses.append(model.fit(it, epochs=2, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1] == losses[2]
    assert losses[0][0] != losses[0][1]
