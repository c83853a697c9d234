"""R9 and R10: a seed says every bit, whatever the process, cores, devices and callbacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reliability import seeded
from reliability.runs import environment, run

SCRIPT = str(Path(seeded.__file__))
SHORT, FULL = 2, len(seeded.MODELS)
DEVICES = "--xla_force_host_platform_device_count={}"


def printed(count: int, **said: str | None) -> str:
    """The digest of a fresh process in these surroundings."""
    command = [sys.executable, SCRIPT, str(count)]
    known = {"PYTHONHASHSEED": "random", **said}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, env=environment(**known)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_a_fresh_process():
    """Another hash seed, one core, a bar, a live callback: the same bits."""
    assert printed(SHORT, CORES="1", VERBOSE="1", WATCHED="1") == seeded.digest(SHORT)


def test_eight_devices():
    """The same bits where one device does not compute by kernels that are only for one."""
    one, eight = (
        printed(SHORT, CORNU_NATIVE="0", XLA_FLAGS=DEVICES.format(count)) for count in (1, 8)
    )
    assert eight == one


FRESH = [
    {},
    {"CORES": "1"},
    {"VERBOSE": "2", "CORES": "2"},
    {"WATCHED": "1"},
    {"CORNU_HOME": "{folder}", "KERAS_HOME": "{folder}"},  # nothing is compiled yet
]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_models_in_five_fresh_processes(tmp_path):
    expected = seeded.digest(FULL)
    for said in FRESH:
        known = {k: v.replace("{folder}", str(tmp_path)) for k, v in said.items()}
        assert printed(FULL, **known) == expected, said


CONVOLVED = ("convolutions", "separable", "one_axis")
"""XLA's convolutions on a CPU add up in as many parts as a device has threads."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_one_two_four_and_eight_devices():
    """The same bits, but for convolutions, whose losses stay within 1e-5 for 108 steps, as do those
    of the kernels that one device computes by.
    """
    by_kernels, one, *more = [
        json.loads(printed(FULL, TELLS="1", XLA_FLAGS=DEVICES.format(count), CORNU_NATIVE=native))
        for count, native in ((1, "1"), (1, "0"), (2, "0"), (4, "0"), (8, "0"))
    ]
    for name, (_, losses) in by_kernels.items():
        assert np.allclose(losses, one[name][1], rtol=1e-5, atol=0), name
    for found in more:
        for name, (digest, losses) in found.items():
            assert name in CONVOLVED or digest == one[name][0], name
            assert np.allclose(losses, one[name][1], rtol=1e-5, atol=0), name


@pytest.mark.parametrize("workers", [[0, 2], pytest.param([0, 1, 2, 4], marks=pytest.mark.slow)])
def test_any_number_of_workers(workers):
    found = {seeded.trained("dropout", workers=count) for count in workers}
    assert len(found) == 1


CHECKPOINT = """
    import sys
    import numpy as np
    import jax
    from pathlib import Path
    from reliability.runs import X, Y, network, values
    from cornu import saving
    path, step = Path(sys.argv[1]), sys.argv[2]
    assert len(jax.devices()) == int(sys.argv[3])
    if step == "save":
        model = network()
        model.fit(X, Y, verbose=0)
        model.save(path)
        np.savez(path.with_suffix(".npz"), *values(model))
    else:
        known = list(np.load(path.with_suffix(".npz")).values())
        model = saving.load_model(path)
        assert all(map(np.array_equal, values(model), known))
        model.fit(X, Y, verbose=0)
"""


@pytest.mark.slow
def test_a_file_of_four_devices_on_one_and_eight(tmp_path):
    for step, count in (("save", 4), ("load", 1), ("load", 8)):
        env = environment(XLA_FLAGS=DEVICES.format(count))
        done = run(CHECKPOINT, tmp_path / "m.keras", step, count, env=env)
        assert done.returncode == 0, done.stderr


def test_the_flag_is_heeded():
    """Else the tests above would show nothing."""
    env = environment(XLA_FLAGS=DEVICES.format(4))
    done = run("import jax; print(len(jax.devices()))", env=env)
    assert done.stdout == "4\n" and os.environ.get("XLA_FLAGS") is None
