"""Compare an installed copy of Cornu with the tree it was built from, and import all it shows.

`python scripts/check_installed.py TREE/cornu SITE/cornu`, with SITE first on the path. Every module
and data file of the tree must have been installed, and every module imported must come from there:
an editable installation of the tree, where there is one, must not fill the holes.
"""

import importlib
import sys
from pathlib import Path

KINDS = {".py", ".npz", ".typed"}


def files(folder: Path) -> set[str]:
    """The modules and data files in a package's folder, by relative path."""
    found = (path for path in folder.rglob("*") if path.suffix in KINDS)
    return {path.relative_to(folder).as_posix() for path in found}


def main(tree: Path, installed: Path) -> None:
    """Raise SystemExit with what is wrong, or say what was seen."""
    missing = sorted(files(tree) - files(installed))
    if missing:
        raise SystemExit(f"the wheel lacks {', '.join(missing)}")
    cornu = importlib.import_module("cornu")
    for name in cornu.__all__:
        getattr(cornu, name)
    loaded = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "cornu"}
    for name, module in loaded.items():
        path = getattr(module, "__file__", None)
        if path is None or not Path(path).resolve().is_relative_to(installed.resolve()):
            raise SystemExit(f"{name} was imported from {path}, not from the wheel")
    print(f"The wheel has all files; {len(cornu.__all__)} names, {len(loaded)} modules imported.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
