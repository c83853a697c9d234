"""Compiled programs on disk, which a full disk or a kill may leave as halves."""

import os
import subprocess
import zlib

import pytest

from cornu.engine import compiled
from cornu.engine.compiled import STAMP, sweep
from reliability.runs import environment, run

WHOLE = zlib.compress(bytes(range(256)) * 100)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != STAMP)


@pytest.mark.parametrize(
    ("content", "stays"),
    [
        (WHOLE, True),
        (b"", False),
        (WHOLE[:-1], False),
        (WHOLE[:9], False),
        (WHOLE[:40] + b"x" + WHOLE[41:], False),
        (b"\x28\xb5\x2f\xfd and so on", True),  # compressed otherwise: only its size is known
    ],
)
def test_halves_go(content, stays, tmp_path):
    (tmp_path / "jit_f-1-cache").write_bytes(content)
    (tmp_path / "other").write_bytes(b"")
    sweep(tmp_path)
    assert names(tmp_path) == ["jit_f-1-cache"] * stays + ["other"]


def test_what_was_looked_at_is_not_looked_at_again(tmp_path):
    (tmp_path / "a-cache").write_bytes(WHOLE)
    sweep(tmp_path)
    before = (tmp_path / STAMP).stat().st_mtime_ns
    os.truncate(tmp_path / "a-cache", 5)  # in place: the folder is as it was
    sweep(tmp_path)
    assert names(tmp_path) == ["a-cache"] and (tmp_path / STAMP).stat().st_mtime_ns == before
    (tmp_path / "b-cache").write_bytes(b"")
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_what_is_unread_for_longest_goes_where_room_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "ROOM", 8 * len(WHOLE))
    for place in range(10):
        path = tmp_path / f"{place}-cache"
        path.write_bytes(WHOLE)
        read = 1_000_000 + (50 if place == 2 else place)  # 2 was made early and read late
        os.utime(path, (read, 1_000_000 + place))
    (tmp_path / "other").write_bytes(WHOLE)
    sweep(tmp_path)
    assert names(tmp_path) == ["2-cache", "5-cache", *(f"{i}-cache" for i in range(6, 10)), "other"]


def test_a_folder_that_is_not_there(tmp_path):
    sweep(tmp_path / "none")
    assert not (tmp_path / "none").exists()


TRAINS = """
    import resource, signal, sys, warnings
    from reliability.runs import X, Y, network
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if sys.argv[1] != "whole":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
    else:
        warnings.simplefilter("error")
    network(units=8).fit(X, Y, verbose=0)
"""


def trained(folder, size) -> subprocess.CompletedProcess:
    done = run(TRAINS, size, env=environment(CORNU_CACHE_DIR=str(folder)))
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_a_full_disk_leaves_no_halves_to_warn_of(tmp_path):
    assert "File too large" in trained(tmp_path, 3000).stderr
    assert not trained(tmp_path, "whole").stderr
    assert names(tmp_path / "xla")
