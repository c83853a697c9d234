"""What happens where there are no native kernels: everything works, and one line says why."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cornu import engine
from cornu.engine import native
from cornu.engine.jax_windows import _product
from cornu.engine.native.convolution import How, plain

ROOT = Path(__file__).parents[2]
built = pytest.mark.skipif(native.load().library is None, reason=native.described())

WORK = """
import pathlib, sys
from cornu.engine import native
{before}
import numpy as np
from cornu import engine
x = np.arange(2 * 6 * 6 * 2, dtype="float32").reshape(2, 6, 6, 2)
def loss(w):
    y = engine.conv(x, w, (1, 1), "SAME", (1, 1), 1)
    return engine.np.sum(engine.pool(y, "max", (2, 2), (2, 2), "VALID"))
value, slope = engine.value_and_grad(loss)(np.ones((3, 3, 2, 4), "float32"))
print(round(float(value)), round(float(slope.sum())), engine.native_kernels())
"""


def ran(before: str = "", **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", WORK.format(before=before)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.fixture(scope="module")
def usual() -> str:
    return ran()


def _same_numbers(found: str, usual: str) -> None:
    assert found.split()[:2] == usual.split()[:2]


@built
def test_kernels_are_loaded(usual: str):
    assert "oneDNN" in usual


def test_switched_off(usual: str):
    found = ran(CORNU_NATIVE="0")
    assert found.endswith("none: CORNU_NATIVE=0")
    _same_numbers(found, usual)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ('native.FOLDER = pathlib.Path("/nowhere")', "none: they were not built"),
        ("native.FOLDER = pathlib.Path({folder!r})", "none: OSError"),
        ('native._onednn = lambda: "libnowhere.so.3"', "none: OSError: libnowhere.so.3"),
    ],
)
def test_library_missing_or_broken(before: str, why: str, usual: str, tmp_path: Path):
    if "onednn" in before and native.load().library is None:
        pytest.skip(native.described())
    (tmp_path / "_kernels.abi3.so").write_bytes(b"no library")
    found = ran(before.format(folder=str(tmp_path)))
    assert why in found
    _same_numbers(found, usual)


def test_import_loads_nothing():
    """Neither the import of Cornu nor that of the engine loads the library."""
    code = "import cornu; from cornu import engine; engine.np; from cornu.engine import native\n"
    code += "assert native._tried.cache_info().currsize == 0\n"
    code += "assert 'dnnl' not in open('/proc/self/maps').read()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_reason_is_shown():
    assert engine.native_kernels().split()[0] in ("oneDNN", "none:")


@built
def test_waiting_is_said_to_no_other_library():
    native.load()
    assert "OMP_WAIT_POLICY" not in os.environ


def test_one_by_one_as_a_product():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 4, 6), "float32")
    w = rng.standard_normal((1, 1, 6, 3), "float32")
    wanted = np.einsum("nhwc,cf->nhwf", x[:, ::2].astype("float64"), w[0, 0])
    how = How((2, 1), ((0, 0), (0, 0)), (1, 1), 1)
    np.testing.assert_allclose(_product(x, w, how), wanted, atol=1e-5)
    np.testing.assert_allclose(plain(x, w, how), wanted, atol=1e-5)


# ---------------------------------------------------------------- memory

LEAK = """
import resource, sys
import numpy as np
import jax
from cornu import engine
x = np.ones((4, 12, 12, 16), "float32")
@jax.jit
def step(w):
    def loss(w):
        y = engine.conv(x, w, (1, 1), "SAME", (1, 1), 1)
        return engine.np.sum(engine.pool(y, "max", (2, 2), (2, 2), "VALID") ** 2)
    return w - 1e-9 * jax.grad(loss)(w)
w = np.ones((3, 3, 16, 16), "float32")
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
for i in range(int(sys.argv[1])):
    w = step(w)
    if i == 500:
        before = resident()
print((resident() - before) / 2**20)
"""


def _grown(calls: int) -> float:
    run = subprocess.run(
        [sys.executable, "-c", LEAK, str(calls)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_leaks_in_2000_calls():
    assert _grown(2000) < 4  # MB; the smallest of its arrays, left at each call, would be 13


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_leaks_in_10000_calls():
    assert _grown(10_500) < 4


MANY = """
import numpy as np
from cornu.engine import native
import jax
def conv(n):
    x = np.ones((1, n, 9, 16), "float32")
    out = jax.ShapeDtypeStruct((1, n - 2, 7, 16), "float32")
    pair = lambda *a: np.array(a, "int64")
    how = dict(strides=pair(1, 1), dilation=pair(1, 1), low=pair(0, 0), high=pair(0, 0))
    w = np.ones((3, 3, 16, 16), "float32")
    y = native.call("cornu_conv", out, x, w, **how, groups=np.int64(1))
    assert (np.asarray(y) == 144).all()
for n in [*range(3, 560), 3, 4]:
    conv(n)
"""


@built
@pytest.mark.slow
def test_more_geometries_than_are_remembered():
    subprocess.run([sys.executable, "-c", MANY], check=True, cwd=ROOT, timeout=280)


def test_they_are_there_where_they_can_be_built():
    """A set-up that leaves them out in silence would be slow and green."""
    could = (
        sys.platform == "linux"
        and platform.machine() == "x86_64"
        and shutil.which("g++") is not None
        and importlib.util.find_spec("jaxlib") is not None
        and os.environ.get("CORNU_NATIVE") != "0"
    )
    assert not could or engine.native_kernels().startswith("oneDNN"), engine.native_kernels()
