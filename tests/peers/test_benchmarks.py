"""The benchmarks measure the same work: networks in plain PyTorch are those of the Keras API."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cornu

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

torch = pytest.importorskip("torch")

from benchmarks import models, tasks, torch_models, torch_training  # noqa: E402

pytestmark = pytest.mark.peers

SIZES: dict[str, dict[str, Any]] = {
    "mlp": {"shape": models.Mlp(20, (64, 32), 10, (0.5, 0.0))},
    "mnist_cnn": {},
    "cifar_cnn": {},
    "resnet20": {"blocks": 3},
    "lstm_imdb": {"words": 50, "steps": 8},
    "gru_seq2seq": {"words": 50, "steps": 8},
    "transformer": {"words": 50, "steps": 8, "depth": 2},
    "autoencoder": {},
    "conv_autoencoder": {},
}
MORE_IN_TORCH = {"lstm_imdb": 4 * 128}  # a second bias, which adds to the first


@pytest.mark.parametrize("name", SIZES)
def test_networks_have_as_many_weights_in_both(name: str) -> None:
    ours = getattr(models, name)(cornu, **SIZES[name])
    theirs = getattr(torch_models, name)(**SIZES[name])
    count = sum(math.prod(weight.shape) for weight in ours.trainable_weights)
    expected = sum(p.numel() for p in theirs.parameters() if p.requires_grad)
    assert count + MORE_IN_TORCH.get(name, 0) == expected


@pytest.mark.parametrize("name", SIZES)
def test_results_have_the_same_shapes(name: str) -> None:
    ours = getattr(models, name)(cornu, **SIZES[name])
    theirs = torch_training.placed(getattr(torch_models, name)(**SIZES[name])).eval()
    random = np.random.default_rng(0)
    x = [random.random((2, *i.shape[1:])).astype(i.dtype) for i in ours.inputs]
    with torch.inference_mode():
        placed = [torch_training.pictures_first(torch_training.tensor(one)) for one in x]
        found = theirs(*placed)
    shape = tuple(found.permute(0, 2, 3, 1).shape if found.ndim == 4 else found.shape)
    assert ours.predict(x if len(x) > 1 else x[0], verbose=0).shape == shape


def test_the_hand_written_loop_learns() -> None:
    torch.manual_seed(0)
    task = tasks.vectors(512, models.SMALL_MLP, batch=32, accuracy=True)
    fit = torch_training.fit(torch_models.mlp(models.SMALL_MLP), task, compiled=False)
    epochs = fit(20)
    losses, right = zip(*epochs, strict=True)  # type: ignore[arg-type]
    assert losses[-1] < losses[0] / 2
    assert right[-1] > 0.8 * task.rows


def test_predictions_are_probabilities_in_the_order_of_rows() -> None:
    torch.manual_seed(0)
    model = torch_models.mlp(models.SMALL_MLP)
    x = tasks.vectors(10, models.SMALL_MLP, batch=4).x[0]
    found = torch_training.predict(model, 4, compiled=False)(x)
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
