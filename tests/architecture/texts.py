"""What no file of the project may contain: traces of the machine it was written on."""

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

# Written so that none of these patterns matches its own spelling in this file.
FORBIDDEN = {
    "a machine path": rb"(?<![\w.*<}-])/(?:work|root|tmp)\b(?!-)",
    "a host of a package registry": rb"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)"
    rb"|(?:deb|security)\.debian\.org|proxy\.golang\.org|crates\.io",
}


def traces(root: Path) -> list[str]:
    """Each forbidden text in a file of the project, with its place."""
    complaints = []
    for path in files(root):
        data = path.read_bytes()
        for what, pattern in FORBIDDEN.items():
            for found in re.finditer(pattern, data):
                line = data.count(b"\n", 0, found.start()) + 1
                text = found.group().decode()
                complaints.append(f"{path.relative_to(root).as_posix()}:{line} has {what}: {text}")
    return complaints


def files(root: Path) -> list[Path]:
    """The files of the project: those git would keep, or else all that `.gitignore` leaves."""
    listed = _listed_by_git(root) if (root / ".git").exists() else None
    if listed is None:
        listed = _walked(root, _ignored_patterns(root))
    return sorted(path for path in listed if path.is_file() and not path.is_symlink())


def _listed_by_git(root: Path) -> list[Path] | None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [root / name for name in done.stdout.decode().split("\0") if name]


def _ignored_patterns(root: Path) -> list[str]:
    """The lines of `.gitignore`; of its language only names and `*` are known here."""
    path = root / ".gitignore"
    lines = path.read_text().splitlines() if path.exists() else []
    return [".git", *(line.rstrip("/") for line in lines if line and not line.startswith("#"))]


def _walked(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for path in folder.iterdir():
        if any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walked(path, ignored)
        else:
            yield path
