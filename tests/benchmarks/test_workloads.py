"""The workloads themselves: their rows, what they are made of, and small ones that are run."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last, so that an installed cornu is the one that is tested

from benchmarks import harness, models, tasks, training  # noqa: E402
from benchmarks.protocol import BEST, STANDARD_LIBRARIES, Bar, Options  # noqa: E402
from benchmarks.workloads import conv_shapes  # noqa: E402

NETWORKS = {  # workload: how much faster than the best peer it is to be
    "autoencoder": 1.2,
    "cifar_cnn": 1.2,
    "conv_autoencoder": 1.2,
    "gru_seq2seq": 1.2,
    "lstm_imdb": 1.5,
    "mnist_cnn": 1.5,
    "resnet20": 1.2,
    "transformer": 1.2,
    "tutorial_mlp": 1.2,
}
ALSO = {
    *("startup", "small_mlp", "predict_one", "predict_all", "generator"),
    *("cost_by_batch", "cost_by_rows", "conv_shapes"),
}


def test_every_workload_that_was_asked_for_is_there() -> None:
    assert NETWORKS.keys() | ALSO <= harness.find_workloads().keys()


@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_held_against_the_best_peer_in_speed_and_memory(name: str) -> None:
    row = harness.find_workloads()[name]
    assert row.libraries == STANDARD_LIBRARIES
    bars = {measure.key: measure.bars for measure in row.measures}
    assert bars == {
        "fit": (Bar("least", NETWORKS[name], BEST),),
        "memory": (Bar("most", 0.8, BEST),),
    }


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_batches_are_whole_and_the_network_is_one_of_the_models(name: str, quick: bool) -> None:
    if name == "tutorial_mlp" and not quick:
        pytest.skip("600 MB of rows")
    module = importlib.import_module(f"benchmarks.workloads.{name}")
    work = module.work(Options("cornu", quick=quick))
    assert work.task.rows % work.task.batch == 0  # one compiled shape in every library
    assert callable(getattr(models, work.network))


def test_workloads_run_with_cornu_alone() -> None:
    words = ("--quick", "--only", "autoencoder,predict_one", "--peers", "", "--repeats", "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words, "--python-peers", sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    report = done.stdout
    assert report.count("\n| Cornu |") == 3  # two measures of training, one of predicting
    assert "### peak memory (MB, lower is better)" in report


# What is timed


def clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Callable[[int], object]:
    """A `fit` whose epochs take so many seconds on a clock of its own; its calls are counted."""
    now = [0.0]
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])

    def fit(epochs: int) -> None:
        now[0] += epochs * seconds
        calls.append(epochs)

    calls: list[int] = []
    fit.calls = calls  # type: ignore[attr-defined]
    return fit


def test_as_many_epochs_as_fill_the_budget_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = clock(monkeypatch, 0.25)
    assert training.rows_per_second(fit, 100, 3.0) == (400.0, 12)
    assert fit.calls == [1, 1, 12]  # type: ignore[attr-defined]


def test_an_epoch_as_long_as_the_budget_is_the_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit = clock(monkeypatch, 5.0)
    assert training.rows_per_second(fit, 100, 3.0) == (20.0, 1)
    assert fit.calls == [1, 1]  # type: ignore[attr-defined]


# The data


def test_data_are_the_same_for_every_library() -> None:
    for make in (
        lambda: tasks.vectors(6, models.SMALL_MLP, 2),
        lambda: tasks.pictures(6, (4, 4, 3), 2),
        lambda: tasks.verdicts(6, 9, 5, 2),
        lambda: tasks.translations(6, 9, 5, 2),
    ):
        first, second = make(), make()
        for one, other in zip((*first.x, first.y), (*second.x, second.y), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype in (np.float32, np.int32)


def test_losses_follow_the_targets() -> None:
    classes = tasks.vectors(6, models.SMALL_MLP, 2)
    assert classes.keras_loss == "sparse_categorical_crossentropy"
    hot = tasks.vectors(6, models.SMALL_MLP, 2, one_hot=True)
    assert hot.keras_loss == "categorical_crossentropy"
    np.testing.assert_array_equal(hot.keras_y.argmax(1), classes.y)
    assert tasks.verdicts(6, 9, 5, 2).keras_loss == "binary_crossentropy"
    assert tasks.copies(6, (4,), 2).keras_loss == "binary_crossentropy"


def test_the_second_text_is_said_one_word_ahead() -> None:
    task = tasks.translations(3, 50, 8, 1)
    np.testing.assert_array_equal(task.y[:, :-1], task.x[1][:, 1:])


# Single convolutions


@pytest.mark.parametrize(
    ("shape", "pads", "side"),
    [  # He et al. 2015; "same" as TensorFlow documents it
        (conv_shapes.Shape("stem", 1, 224, 3, 64, 7, stride=2), (2, 3), 112),
        (conv_shapes.Shape("plain", 1, 28, 1, 32, 3, same=False), (0, 0), 26),
        (conv_shapes.Shape("same", 1, 32, 16, 16, 3), (1, 1), 32),
        (conv_shapes.Shape("down", 1, 32, 16, 32, 3, stride=2), (0, 1), 16),
        (conv_shapes.Shape("one", 1, 28, 128, 512, 1), (0, 0), 28),
    ],
)
def test_shapes_of_convolutions(shape: conv_shapes.Shape, pads: tuple[int, int], side: int) -> None:
    assert shape.pads == pads
    assert shape.out_side == side


def test_nine_shapes_and_three_passes_are_each_held_against_pytorch() -> None:
    measures = conv_shapes.WORKLOAD.measures
    assert len(measures) == 27
    assert len({measure.title for measure in measures}) == 27
    assert {measure.bars for measure in measures} == {(Bar("most", 1 / 0.9, "torch"),)}
