"""CSVLogger: rows are whole, columns fixed, and a resumed run doubles none."""

import csv
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from cornu.callbacks import CSVLogger
from cornu.errors import UsageError, UsageTypeError


def rows(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def write(log, logs, begin=0):
    log.on_train_begin({})
    for epoch, figures in enumerate(logs, begin):
        log.on_epoch_end(epoch, figures)
    log.on_train_end({})


def test_columns_are_those_of_the_first_epoch(tmp_path):
    path = tmp_path / "log.csv"
    write(CSVLogger(path), [{"mae": 0.5, "loss": 0.25}, {"loss": 0.125}])
    assert rows(path) == [  # as Keras 3.15.1 writes it
        ["epoch", "loss", "mae", "val_loss", "val_mae"],
        ["0", "0.25", "0.5", "NA", "NA"],
        ["1", "0.125", "NA", "NA", "NA"],
    ]
    write(CSVLogger(path, separator="\t"), [{"val_loss": 0.5, "loss": math.nan}])
    assert rows(path, "\t") == [["epoch", "loss", "val_loss"], ["0", "nan", "0.5"]]


def test_new_figures_are_left_out_with_a_warning(tmp_path):
    path = tmp_path / "log.csv"
    log = CSVLogger(path)
    with pytest.warns(UserWarning, match="f1 came after the first epoch") as caught:
        write(log, [{"loss": 1.0}, {"loss": 0.5, "f1": 1.0}, {"loss": 0.25, "f1": 1.0}])
    assert len(caught) == 1
    assert [row[1] for row in rows(path)] == ["loss", "1.0", "0.5", "0.25"]


def test_arrays_and_texts(tmp_path):
    path = tmp_path / "log.csv"
    logs = {"many": np.array([1.0, 2.0]), "one": np.float32(0.5), "text": "=HYPERLINK()"}
    write(CSVLogger(path), [logs])
    assert rows(path)[1][:4] == ["0", '"[1.0, 2.0]"', "0.5", "'=HYPERLINK()"]


def test_names_of_metrics_are_no_formulas(tmp_path):
    path = tmp_path / "log.csv"
    write(CSVLogger(path), [{"=cmd|calc": 1.0, "@x": 1.0, "val_loss": 1.0}])
    assert rows(path)[0] == ["epoch", "'=cmd|calc", "'@x", "val_loss"]


def test_append(tmp_path):
    path = tmp_path / "log.csv"
    write(CSVLogger(path, append=True), [{"loss": 1.0, "val_loss": 1.0}])
    write(CSVLogger(path, append=True), [{"loss": 0.5, "val_loss": 0.5}], begin=1)
    assert [row[0] for row in rows(path)] == ["epoch", "0", "1"]
    write(CSVLogger(path), [{"loss": 0.25, "val_loss": 1.0}])
    assert [row[0] for row in rows(path)] == ["epoch", "0"]


def test_a_row_that_was_cut_off_stays_alone(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"epoch,loss\r\n0,0.5\r\n1,0.2")
    write(CSVLogger(path, append=True), [{"val_loss": 0.75}], begin=2)
    assert rows(path)[2:] == [["1", "0.2"], ["2", "0.75"]]


def test_every_row_is_on_the_disk_at_once(tmp_path):
    path = tmp_path / "log.csv"
    log = CSVLogger(path)
    log.on_train_begin({})
    for epoch in range(3):
        log.on_epoch_end(epoch, {"loss": 1.0})
        assert path.read_bytes().endswith(b"NA\r\n") and len(rows(path)) == epoch + 2
    log.on_train_end({})


KILLED = """
import sys
from cornu.callbacks import CSVLogger
log = CSVLogger(sys.argv[1])
log.on_train_begin({})
for epoch in range(10**9):
    log.on_epoch_end(epoch, {f"figure_{i}": i + epoch / 7 for i in range(300)})
"""


def test_rows_are_whole_after_a_kill(tmp_path):
    path = tmp_path / "log.csv"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)]) as process:
        while not path.exists() or path.stat().st_size < 200_000:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    found = rows(path)
    assert path.read_bytes().endswith(b"\r\n") and len({len(row) for row in found}) == 1
    assert [row[0] for row in found[1:]] == [str(i) for i in range(len(found) - 1)]


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("kept_at", [0, 1, 2])
def test_a_resumed_run_goes_on_behind_its_last_row(tmp_path, append, kept_at):
    path, figures = tmp_path / "log.csv", [{"loss": 1 / (i + 1), "val_loss": 1.0} for i in range(4)]
    if append:
        path.write_bytes(b"epoch,loss,val_loss\r\n9,9.0,9.0\r\n")
    before = path.read_bytes() if append else b""
    log = CSVLogger(path, append=append)
    log.on_train_begin({})
    state = None
    for epoch in range(3):  # the process dies in epoch 3
        if epoch == kept_at:
            state = {name: getattr(log, name) for name in log.keeps}
        log.on_epoch_end(epoch, figures[epoch])
    again = CSVLogger(path, append=append)
    again.on_train_begin({})
    vars(again).update(state)
    for epoch in range(kept_at, 4):
        again.on_epoch_end(epoch, figures[epoch])
    again.on_train_end({})
    whole = tmp_path / "whole.csv"
    whole.write_bytes(before)
    write(CSVLogger(whole, append=append), figures)
    assert path.read_bytes() == whole.read_bytes()


def test_a_file_that_has_become_shorter_is_told_of(tmp_path):
    path = tmp_path / "log.csv"
    log = CSVLogger(path)
    write(log, [{"val_loss": 1.0}] * 3)
    state = {name: getattr(log, name) for name in log.keeps}
    path.write_bytes(path.read_bytes()[:20])
    log.on_train_begin({})
    vars(log).update(state)
    with pytest.warns(UserWarning, match="has become shorter meanwhile"):
        log.on_epoch_end(3, {"val_loss": 0.5})
    log.on_train_end({})
    assert rows(path)[-1] == ["3", "0.5"]


def test_an_old_file_stays_until_there_is_a_row(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("old")
    log = CSVLogger(path)
    log.on_train_begin({})
    assert path.read_text() == "old"
    log.on_epoch_end(0, {"val_loss": 1.0})
    log.on_train_end({})
    assert rows(path)[0] == ["epoch", "val_loss"]


def test_wrong_arguments(tmp_path):
    for wrong in ("", ",,", None, 3, "\n", '"'):
        with pytest.raises(UsageError, match="separator must be one character"):
            CSVLogger("log.csv", wrong)
    with pytest.raises(UsageTypeError, match="filename must be a path; got 3"):
        CSVLogger(3)
    with pytest.raises(OSError, match="nowhere"):
        CSVLogger(os.path.join(tmp_path, "nowhere", "log.csv")).on_train_begin({})
