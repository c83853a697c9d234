"""Each check finds what it is for, in a tiny package made to break it, and nothing else."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from architecture import checks, public, texts
from architecture.source import Modules, modules


def package(folder: Path, files: dict[str, str], name: str = "tiny") -> Path:
    """A package with these files, each given by its path and its text."""
    for path, text in {"__init__.py": "", **files}.items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / name


def sources(count: int) -> str:
    """A function of `count` lines, the docstring of three lines not counted."""
    return "\n".join(
        ["def long():", '    """One', "    two", '    """', *["    x = 1"] * (count - 1)]
    )


SOUND = {
    "__init__.py": "from tiny.layers import Dense\n",
    "errors.py": "",
    "engine/__init__.py": "def load():\n    import jax\n",
    "ops/__init__.py": "from tiny.engine import load\nfrom tiny.ops import array\n",
    "ops/array.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tiny.layers import X\n"
    ),
    "layers/__init__.py": "from tiny.layers.base import Dense\nfrom .embeddings import size\n",
    "layers/base.py": (
        '"""Speaks of nb_epoch in words."""\n'
        "import tiny.ops.array\n"
        "def read(subsample_rate):\n    import h5py\n    subsample = 1\n    return 'nb_epoch ='\n"
    ),
    "layers/embeddings.py": "size = output_dim = 1\n",
    "dialects/__init__.py": "from tiny import layers\nnb_epoch = 'border_mode'\n",
    "cli.py": "import tiny.dialects\n",
    "sized.py": sources(60),
}

# Check, the files that break it, and what the one complaint begins with and holds.
BROKEN = [
    (checks.imports_go_down, {"ops.py": "from tiny.layers import Dense\n", "layers.py": ""},
     "tiny/ops.py:1 imports tiny.layers, which is above tiny.ops"),
    (checks.imports_go_down, {"ops.py": "\nfrom . import layers\n", "layers.py": ""},
     "tiny/ops.py:2 imports tiny.layers"),
    (checks.imports_go_down, {"ops/a/__init__.py": "from ...layers import x\n", "layers.py": ""},
     "tiny/ops/a/__init__.py:1 imports tiny.layers"),
    (checks.imports_go_down, {"state.py": "from tiny import Model\n"},
     "tiny/state.py:1 imports tiny, which is above tiny.state"),
    (checks.imports_go_down, {"models.py": "import tiny.dialects.table\n", "dialects/table.py": ""},
     "tiny/models.py:1 imports tiny.dialects.table"),
    (checks.imports_go_down,
     {"config.py": "import importlib\nimportlib.import_module('tiny.dialects')\n",
      "dialects/__init__.py": ""},
     "tiny/config.py:2 imports tiny.dialects"),
    (checks.imports_go_down,
     {"config.py": "def f():\n    from tiny import dialects\n", "dialects/__init__.py": ""},
     "tiny/config.py:2 imports tiny.dialects"),
    (checks.imports_go_down, {"novelty.py": ""},
     '"novelty" has no place in the order of imports: add it to ORDER'),
    (checks.imports_have_no_cycle,
     {"losses.py": "import tiny.metrics\n", "metrics.py": "from tiny.losses import x\n"},
     "imports in a circle: tiny."),
    (checks.imports_have_no_cycle,
     {"ops/__init__.py": "from tiny.ops.a import x\n", "ops/a.py": "from tiny.ops import y\n"},
     "imports in a circle: tiny.ops"),
    (checks.only_the_engine_imports_frameworks, {"ops.py": "import jax.numpy as np\n"},
     "tiny/ops.py:1 imports jax.numpy: only engine/ may"),
    (checks.only_the_engine_imports_frameworks, {"ops.py": "def f():\n    from torch import nn\n"},
     "tiny/ops.py:2 imports torch.nn"),
    (checks.functions_import_only_optional_packages, {"ops.py": "def f():\n    import json\n"},
     "tiny/ops.py:2 imports json inside a function"),
    (checks.functions_import_only_optional_packages,
     {"ops.py": "class A:\n    def f(self):\n        if 1:\n            from tiny import x\n"},
     "tiny/ops.py:4 imports tiny.x inside a function"),
    (checks.old_spellings_stay_in_dialects, {"models.py": "def fit(nb_epoch): pass\n"},
     'tiny/models.py:1 spells "nb_epoch"'),
    (checks.old_spellings_stay_in_dialects, {"models.py": "f(subsample=2)\n"},
     'tiny/models.py:1 spells "subsample"'),
    (checks.old_spellings_stay_in_dialects, {"models.py": "x = {'dim_ordering': 1}\n"},
     'tiny/models.py:1 spells "dim_ordering"'),
    (checks.old_spellings_stay_in_dialects, {"models.py": "self.W_regularizer = 1\n"},
     'tiny/models.py:1 spells "W_regularizer"'),
    (checks.old_spellings_stay_in_dialects, {"layers/dense.py": "class A:\n    output_dim: int\n"},
     'tiny/layers/dense.py:2 spells "output_dim"'),
    (checks.old_spellings_stay_in_dialects, {"models.py": "def samples_per_epoch(): pass\n"},
     'tiny/models.py:1 spells "samples_per_epoch"'),
    (checks.tests_start_without_peers, {"ops.py": "import keras.ops\n"},
     "tiny/ops.py:1 imports keras.ops: use pytest.importorskip"),
    (checks.sizes_stay_readable, {"ops.py": "\n" * 601}, "tiny/ops.py has 601 lines"),
    (checks.sizes_stay_readable, {"ops.py": sources(61)}, "tiny/ops.py:1 long has 61 lines"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "files", "complaint"), BROKEN)
def test_a_broken_tree_is_found(
    check: Callable[[Modules], list[str]], files: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    found = check(modules(package(tmp_path, files)))
    assert len(found) == 1 and found[0].startswith(complaint), found


@pytest.mark.parametrize("check", sorted({row[0] for row in BROKEN}, key=lambda c: c.__name__))
def test_a_sound_tree_passes(check: Callable[[Modules], list[str]], tmp_path: Path) -> None:
    tree = modules(package(tmp_path, {k: v for k, v in SOUND.items() if k != "sized.py"}))
    assert check(tree) == []


def test_sizes_at_the_limit_pass_and_are_over_the_aim(tmp_path: Path) -> None:
    tree = modules(package(tmp_path, {"ops.py": SOUND["sized.py"]}))
    assert checks.sizes_stay_readable(tree) == []
    function = next(size for size in checks.sizes(tree) if size.what == "tiny/ops.py:1 long")
    assert function.lines == 60 > function.aim


# --------------------------------------------------------------------------- the public names

PUBLIC = '''
"""A package."""
__all__ = ["LIMIT", "Shape", "Sized", "Square", "area", "parts"]

from typing import TYPE_CHECKING, Any, Protocol

from {name} import parts

class Shape:
    """A shape."""
    def __init__(self, side: float):
        self.side = side
    def area(self) -> float:
        """Its area."""
        return self.side ** 2

class Sized(Protocol):
    """Has a size."""

class Square(Shape):
    """A square."""
    name: str
    def __init__(self, name):
        self.name = name
    def area(self):
        return 0.0

def area(shape: Shape, *, scale: float = 1.0) -> float:
    """The area of a shape."""
    return shape.area()

LIMIT = 3
'''
SPOILED = [
    (public.wrong_names, '"Shape", "Sized"', '"Sized", "Shape"',
     '__all__ has "Sized" before "Shape": sort it'),
    (public.wrong_names, '"area",', '"area", "area",', '__all__ has "area" before "area": sort it'),
    (public.wrong_names, '"parts"]', '"parts", "z"]', '__all__ has "z", which is not there'),
    (public.wrong_names, '"Square", ', "", '__all__ lacks "Square"'),
    (public.incomplete, "scale: float", "scale", "tiny_public.area does not annotate scale"),
    (public.incomplete, "= 1.0) -> float", "= 1.0)", "tiny_public.area does not annotate return"),
    (public.incomplete, '    """The area of a shape."""\n', "",
     "tiny_public.area has no docstring"),
    (public.incomplete, '    """A shape."""\n', "", "tiny_public.Shape has no docstring"),
    (public.incomplete, "side: float", "side", "tiny_public.Shape does not annotate side"),
    (public.incomplete, "    name: str\n", "", "tiny_public.Square does not annotate name"),
    (public.incomplete, '        """Its area."""\n', "", "tiny_public.Shape.area has no docstring"),
    (public.incomplete, "area(self) -> float", "area(self)",
     "tiny_public.Shape.area does not annotate return"),
]  # fmt: skip


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Imports a package made of a text, and forgets it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = "tiny_public"

    def make(text: str, part: str = "def cut() -> None:\n    'Cut.'\n") -> ModuleType:
        package(tmp_path, {"__init__.py": text.format(name=name), "parts.py": part}, name)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield make
    for loaded in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[loaded]


def test_a_complete_package_passes(load: Callable[..., ModuleType]) -> None:
    tiny = load(PUBLIC)
    assert public.wrong_names(tiny) == []
    assert public.incomplete(tiny) == []
    assert {path for path, _ in public.reachable(tiny)} == {
        f"tiny_public.{name}" for name in ("Shape", "Sized", "Square", "area", "parts.cut")
    }


def test_a_package_without_names_is_found(load: Callable[..., ModuleType]) -> None:
    assert public.wrong_names(load('"""Empty."""')) == ["tiny_public has no __all__"]


@pytest.mark.parametrize(("check", "old", "new", "complaint"), SPOILED)
def test_a_spoiled_package_is_found(
    check: Callable[[ModuleType], list[str]],
    old: str,
    new: str,
    complaint: str,
    load: Callable[..., ModuleType],
) -> None:
    assert PUBLIC.count(old) == 1
    assert complaint in check(load(PUBLIC.replace(old, new)))


def test_a_module_reached_through_the_names_is_checked(load: Callable[..., ModuleType]) -> None:
    tiny = load(PUBLIC, part="def cut(): pass\n")
    assert public.incomplete(tiny) == [
        "tiny_public.parts.cut does not annotate return",
        "tiny_public.parts.cut has no docstring",
    ]


def test_a_heavy_import_is_found(tmp_path: Path) -> None:
    package(tmp_path, {"__init__.py": "import json\n"}, "light")
    package(tmp_path, {"__init__.py": "import heavy.more\n", "more.py": "import h5py\n"}, "heavy")
    package(tmp_path, {"__init__.py": "raise ValueError('no')\n"}, "broken")
    (tmp_path / "h5py.py").write_text("")
    assert public.loaded_by_import("light", tmp_path) == []
    assert public.loaded_by_import("heavy", tmp_path) == ["import heavy loads h5py"]
    assert public.loaded_by_import("broken", tmp_path) == ["import broken fails: ValueError: no"]


# --------------------------------------------------------------------------- traces of a machine

SLASH = "/"  # apart, so that this file has no trace itself
TRACES = [
    f"see {SLASH}work/main",
    f'open("{SLASH}tmp/x")',
    f"{SLASH}root",
    f"file:/{SLASH}tmp",
    "https://files.python" + "hosted.org/x",
    "https://pypi" + ".org/simple",
]
NO_TRACES = ["docs/work", "a/tmp/b", "cornu/training/workers.py", "</root>", "$x}/tmp", "my-pypi"]


@pytest.mark.parametrize("text", TRACES)
def test_a_trace_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.txt").write_bytes(b"first\n\xff" + text.encode())
    found = texts.traces(tmp_path)
    assert len(found) == 1 and found[0].startswith("sub/notes.txt:2 has a "), found


@pytest.mark.parametrize("text", NO_TRACES)
def test_a_likeness_is_no_trace(text: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(text)
    assert texts.traces(tmp_path) == []


def test_ignored_files_are_not_of_the_project(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("# built\nbuild/\n*.pyc\n")
    for name in ("build/a.txt", "src/build/b.txt", "src/c.pyc", "src/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    names = [path.relative_to(tmp_path).as_posix() for path in texts.files(tmp_path)]
    assert names == [".gitignore", "src/d.py"]
