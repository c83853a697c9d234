"""The networks of `models.py`, by the same names, as a user of plain PyTorch writes them.

They give logits, as PyTorch's losses want them. Pictures come as (batch, channels, height, width)
in the memory order that PyTorch calls channels-last. Imported only where PyTorch is measured.
"""

# PyTorch is in the peers' environment only.
# pyright: reportMissingImports=false

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.models import CODES, VGG, Mlp


def mlp(shape: Mlp) -> nn.Module:
    """A perceptron."""
    layers: list[nn.Module] = []
    width = shape.inputs
    for units, rate in shape.layers:
        layers += [nn.Linear(width, units), nn.ReLU()]
        layers += [nn.Dropout(rate)] if rate else []
        width = units
    return nn.Sequential(*layers, nn.Linear(width, shape.classes))


def mnist_cnn() -> nn.Module:
    """The network of the MNIST tutorial."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def cifar_cnn() -> nn.Module:
    """A network in the manner of VGG, with batch normalization."""
    layers: list[nn.Module] = []
    width = 3
    for filters, rate in VGG:
        for _ in range(2):
            layers += [nn.Conv2d(width, filters, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(filters)]
            width = filters
        layers += [nn.MaxPool2d(2), nn.Dropout(rate)]
    layers += [nn.Flatten(), nn.Linear(width * 4 * 4, 128), nn.ReLU(), nn.BatchNorm1d(128)]
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(128, 10))


class Residual(nn.Module):
    """Two convolutions, and what came in added to what comes out."""

    def __init__(self, width: int, filters: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, filters, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(filters), nn.BatchNorm2d(filters)
        self.short = (
            nn.Conv2d(width, filters, 1, stride, bias=False) if stride > 1 else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """From (batch, width, height, width) to (batch, filters, height / stride, …)."""
        y = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(y)) + self.short(x))


def resnet20(blocks: int = 3) -> nn.Module:
    """The residual network for CIFAR of He et al. 2015."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    width = 16
    for filters in (16, 32, 64):
        for block in range(blocks):
            layers.append(Residual(width, filters, 2 if block == 0 and filters > 16 else 1))
            width = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


class LstmImdb(nn.Module):
    """Embedding, LSTM, one logit."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 128)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.output = nn.Linear(128, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """From (batch, steps) to (batch, 1)."""
        outputs, _ = self.lstm(self.embedding(tokens))
        return self.output(outputs[:, -1])


def lstm_imdb(words: int, steps: int) -> nn.Module:
    """Reviews, yes or no; `steps` is what comes."""
    return LstmImdb(words)


class GruSeq2Seq(nn.Module):
    """An encoder whose last state begins the decoder."""

    def __init__(self, words: int, units: int) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(words, 128), nn.Embedding(words, 128)
        self.encoder = nn.GRU(128, units, batch_first=True)
        self.decoder = nn.GRU(128, units, batch_first=True)
        self.output = nn.Linear(units, words)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """From twice (batch, steps) to (batch, steps, words)."""
        _, state = self.encoder(self.source(source))
        outputs, _ = self.decoder(self.target(target), state)
        return self.output(outputs)


def gru_seq2seq(words: int, steps: int, units: int = 256) -> nn.Module:
    """Sequences to sequences; `steps` is what comes."""
    return GruSeq2Seq(words, units)


class Block(nn.Module):
    """One layer of a transformer, normalization first."""

    def __init__(self, width: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.dense_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, steps, width), changed."""
        x = x + self.dropout(self.attend(self.norm(x)))
        return x + self.dropout(self.dense(self.dense_norm(x)))

    def attend(self, x: Tensor) -> Tensor:
        """Every place looks at every place."""
        parts = self.project(x).unflatten(-1, (3, self.heads, -1))  # (batch, steps, 3, heads, size)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (batch, heads, steps, size)
        seen = functional.scaled_dot_product_attention(query, key, value)
        return self.output(seen.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    """Tokens and places, layers, the mean, two logits."""

    def __init__(self, words: int, steps: int, depth: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.positions = nn.Parameter(torch.randn(steps, width) * 0.05)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """From (batch, steps) to (batch, 2)."""
        x = self.blocks(self.embedding(tokens) + self.positions)
        return self.output(self.norm(x).mean(1))


def transformer(words: int, steps: int, depth: int = 4, width: int = 256) -> nn.Module:
    """An encoder of `depth` layers."""
    return Transformer(words, steps, depth, width)


def autoencoder() -> nn.Module:
    """784 numbers through 32 and back, by dense layers."""
    layers: list[nn.Module] = []
    width = 784
    for units in CODES:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 784))


def conv_autoencoder() -> nn.Module:
    """28x28 pictures through 7x7x8 and back, by convolutions, pooling and repetition."""
    layers: list[nn.Module] = []
    width = 1
    for filters in (16, 8):
        layers += [nn.Conv2d(width, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        width = filters
    for filters in (8, 16):
        layers += [nn.Conv2d(width, filters, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)]
        width = filters
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 3, padding=1))
