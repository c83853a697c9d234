"""Files as they are written and read: a full disk, memory, and heaps of text that lead in circles.

Each is tried in a process of its own, for what is tried may end one.
"""

import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from cornu import layers, models, saving
from cornu.saving.hdf5 import stored_content

ENDINGS = ("keras", "h5", "weights.h5", "safetensors", "weights.json")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
    said = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.run(said, capture_output=True, text=True, timeout=120)


FULL = """
    import os, resource, signal, sys
    from cornu import layers, models
    folder, most = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    model = models.Sequential([layers.Input((200,)), layers.Dense(400), layers.Dense(400)])
    for ending in sys.argv[3:]:
        path = f"{folder}/m.{ending}"
        open(path, "wb").write(b"old")
        try:
            if ending == "weights.json":
                model.save_weights(path, max_shard_size=0.0003)
            elif ending in ("keras", "h5"):
                model.save(path)
            else:
                model.save_weights(path)
            print(ending, "was saved")
        except OSError as error:
            print(ending, "OSError", "the old file is as it was" in str(error))
        assert open(path, "rb").read() == b"old"
    print(sorted(os.listdir(folder)))
"""


@pytest.mark.parametrize("most", [1_000, 300_000])
def test_a_full_disk_leaves_the_old_file(most, tmp_path):
    """A file may not grow beyond `most` bytes, as on a disk with no more room."""
    done = run(FULL, str(tmp_path), str(most), *ENDINGS)
    assert done.returncode == 0, done.stderr
    *said, left = done.stdout.splitlines()
    assert said == [f"{ending} OSError True" for ending in ENDINGS]
    assert left == str(sorted(f"m.{ending}" for ending in ENDINGS))


MEMORY = """
    import sys
    import numpy as np
    from cornu import layers, models, saving

    def held(name):
        lines = open("/proc/self/status").read().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(name))) * 1024

    def more(act):
        open("/proc/self/clear_refs", "w").write("5")
        before = held("VmRSS")
        found = act()
        return held("VmHWM") - before, found

    model = models.Sequential([layers.Input((2000,))] + [layers.Dense(2000) for _ in range(8)])
    size = sum(v.numpy().nbytes for v in model.weights)
    for ending in ("keras", "h5"):
        path = f"{sys.argv[1]}/m.{ending}"
        saving.save_model(model, path)
        saving.load_model(path)
        written, _ = more(lambda: model.save(path))
        read, found = more(lambda: saving.load_model(path))
        print(ending, written / size, read / size)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
def test_neither_saving_nor_loading_holds_the_weights_twice(tmp_path):
    """128 MB of weights: a save holds next to nothing more, a load the weights themselves."""
    done = run(MEMORY, str(tmp_path))
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        _, written, read = line.split()
        assert float(written) < 0.2
        assert float(read) < 1.2


def test_what_is_saved_is_of_one_moment(tmp_path):
    """A snapshot stays as it is while the model trains on."""
    model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), "float32"), np.zeros((8, 2), "float32")
    model.fit(x, y, epochs=2, verbose=0)
    seen = model.layers[0].kernel.snapshot()
    before = seen.copy()
    model.fit(x, y, epochs=3, verbose=0)
    assert np.array_equal(seen, before)
    assert not np.array_equal(before, model.layers[0].kernel.numpy())
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1


READ = """
    import signal, sys
    from cornu import saving
    from cornu.saving.hdf5 import stored_content
    signal.alarm(30)  # ends the process, even inside the HDF5 library
    content = open(sys.argv[1], "rb").read()
    start = content.index(b"GCOL")
    for place in range(start, start + 48):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            open(sys.argv[2], "wb").write(changed)
            try:
                with open(sys.argv[2], "rb") as file, stored_content(file, "w.h5") as found:
                    found.names
            except saving.ModelFileError:
                pass
    print("done")
"""


def test_a_damaged_heap_leads_nowhere(tmp_path):
    """The HDF5 library itself can be sent in circles by a heap of text with a changed bit."""
    good, changed = tmp_path / "w.h5", tmp_path / "changed.h5"
    with h5py.File(good, "w") as file:
        file.create_group("layers/dense/vars").attrs["name"] = "dense"
        file["layers/dense/vars/0"] = np.ones(3, "float32")
    with open(good, "rb") as file, stored_content(file, "w.h5") as content:
        assert content.names["layers/dense"] == "dense"
    done = run(READ, str(good), str(changed))
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_text_of_fixed_and_of_any_length(tmp_path):
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.attrs.create("layer_names", ["a", "", "ü" * 300], dtype=h5py.string_dtype())
        file.attrs["keras_version"] = np.bytes_("2.2.4")
        file.attrs["backend"] = "theano"
        for name in ("a", "ü" * 300):
            file.create_group(name).attrs["weight_names"] = np.array([b"x", b"yy"])
    with open(path, "rb") as file, stored_content(file, path) as content:
        root = content.said[""]
        assert root["layer_names"] == ["a", "", "ü" * 300]
        assert (root["keras_version"], root["backend"]) == ("2.2.4", "theano")
        assert content.said["a"]["weight_names"] == ["x", "yy"]


def test_a_text_that_points_elsewhere(tmp_path):
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.create_group("vars").attrs["name"] = "dense"
    content = path.read_bytes()
    place = content.index((5).to_bytes(4, "little"), content.index(b"name\0"))
    for address in (0, 8, 2**40, 2**63):
        wrong = address.to_bytes(8, "little")
        path.write_bytes(content[: place + 4] + wrong + content[place + 12 :])
        with pytest.raises(saving.ModelFileError, match="text lies"):
            with open(path, "rb") as file, stored_content(file, path):
                pass
