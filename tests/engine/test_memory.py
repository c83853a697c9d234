"""What training holds beside its data and its state, in a process of its own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="as glibc has it")

FIT = """
import numpy as np
from cornu.layers import Dense, Input
from cornu.models import Sequential

def held(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024

model = Sequential([Input((512,)), Dense(1)])
model.compile("adam", "mse")
x, y = np.ones((100_000, 512), "float32"), np.ones((100_000, 1), "float32")
model.fit(x[:40_000], y[:40_000], batch_size=1000, verbose=0)
open("/proc/self/clear_refs", "w").write("5")
before = held("VmRSS")
model.fit(x, y, batch_size=1000, verbose=0)
print(held("VmHWM") - before)
"""


@linux
def test_data_are_not_copied_whole():
    done = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100  # MB, where the data are 195


CODE = """
import mmap
import numpy as np
import jax
from cornu import engine
from cornu.engine import memory

def held(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024

def step(x):
    return engine.np.tanh(x @ x.T).sum()

imported = held("RssFile")
wanted = float(np.tanh(np.full((3, 3), 4.0)).sum())
run = engine.jit(step)
assert abs(float(run(np.ones((3, 4), "float32"))) - wanted) < 1e-4
assert memory.unmap_code()
after = held("RssFile")
assert abs(float(run(np.ones((3, 4), "float32"))) - wanted) < 1e-4
memory.unmap_code()

page = mmap.PAGESIZE
with open("copy", "wb") as file:
    file.write(b"a" * 4 * page)
with open("copy", "rb") as file, open("/proc/self/pagemap", "rb", buffering=0) as pages:
    read = mmap.mmap(file.fileno(), 4 * page, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    where = np.frombuffer(read, "uint8").ctypes.data
    assert sum(read[::page]) == 4 * ord("a")
    as_it_is = memory._is_as_in_the_file(pages.fileno(), where, where + 4 * page)
    read[2 * page] = ord("b")
    changed = memory._is_as_in_the_file(pages.fileno(), where, where + 4 * page)
print(imported, after, as_it_is, changed)
"""


@linux
def test_code_goes_back_to_the_system_and_what_was_changed_stays(tmp_path):
    imported, after, as_it_is, changed = _ran(CODE, tmp_path).split()
    assert float(imported) < 50  # MB; 105 where nothing is given back
    assert float(after) < 40
    assert as_it_is == "True" and changed == "False"


HOLES = """
import jax
import numpy as np
from cornu import engine

def held():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

engine.tidy()  # nothing was compiled
data = engine.put(np.ones(2 * 2**20, "float32"))

def event(name, seconds):
    jax.monitoring.record_event_duration_secs("/jax/core/compile/" + name, seconds)

found = []
for compiled in (False, True):
    event("jaxpr_to_mlir_module_duration", 0.05)
    if compiled:
        event("backend_compile_duration", 0.5)
    block = np.ones(16 * 2**20, "float32")
    above = np.ones(30_000, "float32")
    del block
    full = held()
    engine.tidy()
    found.append(full - held())
print(*found)
"""


@linux
@glibc
def test_the_hole_that_a_first_step_leaves_is_given_back_once(tmp_path):
    plain, after_compiling = map(float, _ran(HOLES, tmp_path).split())
    assert abs(plain) < 8  # MB: glibc keeps the memory of a step for the next
    assert after_compiling > 56


ROOM = """
import os
import numpy as np
from cornu import engine
from cornu.callbacks import LambdaCallback
from cornu.layers import Dense, Input
from cornu.models import Sequential

def held():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

buffer = engine.buffer((32, 2**18), "float32")
before = held()
buffer[...] = 1
filled = held() - before
child = os.fork()
if not child:
    buffer[...] = 2
    os._exit(0)
os.waitpid(child, 0)
assert (buffer == 1).all()  # it is this process's alone
above = np.ones(30_000, "float32")
del buffer
print(filled, held() - before)

model = Sequential([Input((2048,)), Dense(2048, use_bias=False)])
model.compile("sgd", "mse")
x = np.ones((32, 2048), "float32")
seen = []
look = LambdaCallback(on_epoch_end=lambda *_: seen.append(held()))
for _ in range(3):
    model.fit(x, x, verbose=0, callbacks=[look])
print(seen[-1] - held())
"""


@linux
@glibc
def test_large_buffers_and_the_copy_that_a_fit_keeps_go_back_to_the_system(tmp_path):
    filled, after, kept = map(float, _ran(ROOM, tmp_path).split())
    assert filled > 30  # MB, of 32
    assert after < 12
    assert kept > 12  # of 16 that the state takes


SETTLED = """
import threading
import numpy as np
from cornu.layers import Dense, Input
from cornu.models import Sequential

def held():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssFile")).split()[1]) / 1024

model = Sequential([Input((8,)), Dense(8, "relu"), Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((64, 8), "float32"), np.ones((64, 1), "float32"), verbose=0)
after_fit = held()
left = [t.name for t in threading.enumerate() if "_while_compiling" in t.name]
print(after_fit, len(left))
"""


@linux
@glibc
def test_compiling_leaves_neither_code_nor_a_thread(tmp_path):
    after_fit, threads = _ran(SETTLED, tmp_path).split()
    assert float(after_fit) < 100  # MB; 150 where nothing is given back
    assert threads == "0"


def _ran(program: str, folder: Path) -> str:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "CORNU_CACHE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
