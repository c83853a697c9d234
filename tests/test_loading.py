"""Loading modules on first use: what becomes of the garbage collector, and what stays unloaded."""

import gc
import subprocess
import sys
import weakref

import pytest

from cornu import loading


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Writes a module that nobody has loaded; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(source):
        name = f"cornu_loaded_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return written


SAYS = "import gc\nworks = gc.isenabled()\n"


def test_the_collector_sleeps_and_wakes(fresh):
    name = fresh(SAYS)
    module = loading.module(name)
    assert not module.works
    assert gc.isenabled()
    assert loading.module(name) is module


def test_it_wakes_after_an_error_too(fresh):
    with pytest.raises(ZeroDivisionError):
        loading.module(fresh("1 / 0"))
    assert gc.isenabled()


def test_who_has_switched_it_off_finds_it_off(fresh):
    gc.disable()
    try:
        loading.module(fresh(SAYS))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_frozen_stays_frozen(fresh):
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        loading.module(fresh(SAYS))
        assert frozen // 2 < gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()


def test_garbage_of_before_is_still_found(fresh):
    class Ring(list):
        pass

    ring = Ring()
    ring.append(ring)
    seen = weakref.ref(ring)
    del ring
    loading.module(fresh(SAYS))
    gc.collect()
    assert seen() is None


SCRIPT = """
import sys
import cornu
assert not {"numpy", "jax"} & sys.modules.keys()
cornu.Sequential, cornu.engine.np
assert "jax" in sys.modules
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""
UNUSED = ("jax._src.pallas", "jax.extend", "tensorflow", "torch", "h5py", "scipy")


def test_starting_loads_nothing_that_is_not_needed():
    command = [sys.executable, "-c", SCRIPT, *UNUSED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()
