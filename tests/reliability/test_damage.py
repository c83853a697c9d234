"""R5: no bit of a file changes unnoticed: it is refused, or the numbers are the same bits."""

import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cornu.errors import UsageError
from cornu.saving import ModelFileError
from cornu.training.keeping import FILES, Folder
from reliability.runs import FORMATS, alike, network

SHORT = (25, 8, 4)
FULL = (2000, 200, 50)
BLOCK = 4096


def damaged(content: bytes, counts: tuple[int, int, int], seed: int) -> Iterator[tuple[str, bytes]]:
    """What was done to a file, and what it is then: flips, ends cut off, blocks of zeros."""
    flips, cuts, zeros = counts
    draw = random.Random(seed)
    for _ in range(flips):
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        found = bytearray(content)
        found[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(found)
    for _ in range(cuts):
        size = draw.randrange(len(content))
        yield f"cut to {size}", content[:size]
    for _ in range(zeros):
        block = draw.randrange(-(-len(content) // BLOCK)) * BLOCK
        found = bytearray(content)
        found[block : block + BLOCK] = bytes(len(found[block : block + BLOCK]))
        yield f"zeros from {block}", bytes(found)


def silent(name: str, content: bytes, path: Path, read: Callable, changes: Any) -> list[str]:
    """The changes after which other numbers are read, or another error than that for files."""
    path.write_bytes(content)
    expected, wrong = read(path), []
    for what, bytes_ in changes:
        path.write_bytes(bytes_)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = read(path)
        except (ModelFileError, UsageError, UserWarning):
            continue
        except Exception as error:
            wrong.append(f"{what}: {error!r}")
        else:
            if not alike(found, expected):
                wrong.append(f"{what}: other numbers")
    return wrong


def tried(name: str, folder: Path, counts: tuple[int, int, int], seed: int = 1) -> list[str]:
    one, path = FORMATS[name], folder / name
    model = network(3)
    one.write(model, path)
    content = path.read_bytes()
    assert len(content) > 2 * BLOCK
    return silent(name, content, path, one.read, damaged(content, counts, seed))


@pytest.mark.parametrize("name", FORMATS)
def test_damage_does_not_go_unnoticed(name, tmp_path):
    assert not tried(name, tmp_path, SHORT)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FORMATS)
def test_no_damage_goes_unnoticed(name, tmp_path):
    assert not tried(name, tmp_path, FULL)


def heads(content: bytes, step: int) -> Iterator[tuple[str, bytes]]:
    """The bits of what comes before the numbers, where a change means something else."""
    end = 8 + int.from_bytes(content[:8], "little")
    for place in range(8 * end)[::step]:
        found = bytearray(content)
        found[place // 8] ^= 1 << place % 8
        yield f"bit {place % 8} of byte {place // 8}", bytes(found)


@pytest.mark.parametrize(
    "step", [151, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
@pytest.mark.parametrize("name", ["m.safetensors", "run-0.safetensors"])
def test_the_head_of_safetensors(name, step, tmp_path):
    one, path = FORMATS[name], tmp_path / name
    one.write(network(3), path)
    content = path.read_bytes()
    assert not silent(name, content, path, one.read, heads(content, step))


def test_a_run_goes_on_from_the_moment_before(tmp_path):
    """Whatever happens to the file kept last, the one before it is taken, and that is said."""
    folder = Folder(tmp_path)
    for number in (1, 2):
        folder.keep({"number": number, "cells": [np.arange(50.0) * number]})
    path = tmp_path / FILES[0]
    content = path.read_bytes()
    for what, bytes_ in damaged(content, (60, 10, 1), 4):
        path.write_bytes(bytes_)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = Folder(tmp_path).latest()
        assert found is not None, what
        if said:
            assert found["number"] == 1 and "goes on from the moment before" in str(said[0]), what
        else:
            assert found["number"] == 2 and found["cells"][0][49] == 98, what
