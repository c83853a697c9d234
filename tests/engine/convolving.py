"""What tests of native convolutions share: who computes one, all its slopes, and random sweeps."""

from collections.abc import Callable
from typing import Any

import jax
import pytest
from hypothesis import HealthCheck, settings

from cornu import engine
from cornu.engine import native
from cornu.engine.native import convolution
from engine.window_reference import Geometry, arrays, conv, conv_slopes, error

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def a_few(examples: int) -> Any:
    """The same random cases every time."""
    return settings(max_examples=examples, derandomize=True, **QUIET)


def many(examples: int) -> Callable:
    """Others every time, among the slow tests."""
    return lambda test: pytest.mark.slow(settings(max_examples=examples, **QUIET)(test))


def how(g: Geometry) -> convolution.How:
    return convolution.How(g.strides, g.padding, g.dilation, g.groups)


def by(g: Geometry, way: str = "forward") -> str:
    """What computes it natively: `winograd:16`, say. Skips the test where nothing does."""
    if not native.available("cornu_conv"):
        pytest.skip(native.described())
    return convolution.kernel(way, g.x, g.w, g.y, how(g), "float32")


def forward(x: Any, w: Any, g: Geometry) -> Any:
    return engine.conv(x, w, *how(g))


def all_three(g: Geometry, forward: Callable = forward) -> Callable:
    """x, w, dy -> y and the slopes of x and w, compiled."""

    def compute(x, w, dy):
        y, back = jax.vjp(lambda x, w: forward(x, w, g), x, w)
        return y, *back(dy)

    return jax.jit(compute)


def check(g: Geometry, close: float, seed: int = 0, **more: Any) -> None:
    """y and both slopes are within `close` of the float64 loops; `weights` says another for w's."""
    weights = more.pop("weights", close)
    x, w, dy = arrays(g, seed)
    wanted = (conv(x, w, g), *conv_slopes(x, w, dy, g))
    found = all_three(g, **more)(x, w, dy)
    errors = [error(a, b) for a, b in zip(found, wanted, strict=True)]
    assert max(errors[:2]) <= close and errors[2] <= weights, errors
