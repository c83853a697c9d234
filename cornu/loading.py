"""Modules that are loaded when a name is first used."""

import gc
import importlib
import sys
from types import ModuleType


def module(name: str) -> ModuleType:
    """The module of that name; while it is loaded, garbage is not looked for.

    JAX and the layers leave 180,000 objects that stay. Python would look through the latest of them
    300 times, which takes 100 of 700 ms.
    """
    if name in sys.modules or not gc.isenabled():
        return importlib.import_module(name)  # which waits while another thread loads it
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if not gc.get_freeze_count():
            gc.freeze()  # and back: all that is there now counts as old, none of it is looked at
            gc.unfreeze()
        gc.enable()
