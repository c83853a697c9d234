"""Fixtures of all contracts."""

from contracts.checks import float64

__all__ = ["float64"]
