"""Layers that prepare data: images, tables, text and sound. Loaded when one is first named."""

__all__: list[str] = []
