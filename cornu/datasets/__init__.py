"""Data sets to learn with, each a module with a `load_data` function."""

from cornu.datasets import digits

__all__ = ["digits"]
