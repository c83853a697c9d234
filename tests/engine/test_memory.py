"""What training holds beside its data and its state, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")

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
