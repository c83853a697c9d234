"""Writes `docs/seeds.md` from a run of all checks: `python -m seeds.table`, in `tests`."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from seeds.expected import FALSE, NOTHING_TO_CHECK, WAITS_FOR

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "seeds.md"
ITEMS = json.loads((TESTS / "seeds" / "items.json").read_text(encoding="utf-8"))

TUTORIALS = {
    "000": "April 2016: Keras 1.0, with words of 0.x",
    "001": "undated: Keras 2.0 to 2.3, `nb_epoch` beside `epochs`",
    "002": "undated: Keras 1.2",
    "003": "November 2017, from a text of 2015: Keras 0.3 and 1.0",
    "004": "October 2018: Keras 2.2",
}

KINDS = {
    "arg": "argument",
    "attr": "attribute",
    "cfg": "setting",
    "claim": "claim",
    "name": "name",
    "pseudo": "no code",
    "run": "statement",
    "sig": "signature",
    "typo": "misspelt",
}

HEAD = """\
# What five tutorials say

Five tutorials, written for Keras 0.3 to 2.3, have {count} things that a reader would try or
believe: statements, names, arguments, formulas, and some misspellings and mistakes. Each is
checked by `tests/seeds` under `import keras` as Cornu answers it (`import cornu.as_keras`,
`cornu run`), and this page is written from that run. Statements run as they stand there, with
small data in place of downloads; formulas are held to NumPy's.

{sums}

Here "refused" means: an error that names what is right. Where a tutorial is wrong about Keras,
Cornu does what Keras did ("not so"). To write this page anew: `python -m seeds.table` in `tests`.
"""


def run(*arguments: str) -> Mapping[str, str | None]:
    """Item -> None, or what went wrong, from a Python of its own."""
    kept = {
        name: v for name, v in os.environ.items() if not name.startswith(("CORNU_G", "KERAS_B"))
    }
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    done = subprocess.run(
        [sys.executable, "-m", "seeds.run", *arguments],
        env={**kept, "PYTHONPATH": path},
        cwd=TESTS,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def page(found: Mapping[str, str | None]) -> str:
    """The whole page."""
    states = {item["id"]: state(item, found) for item in ITEMS}
    counts = Counter(each.partition(":")[0] for each in states.values())
    sums = "\n".join(f"- {each}: {counts[each]}" for each in sorted(counts, key=_place))
    parts = [HEAD.format(count=len(ITEMS), sums=sums)]
    for number, title in TUTORIALS.items():
        parts.append(f"## {number}: {title}\n\n| item | kind | what | state |\n|---|---|---|---|")
        for item in ITEMS:
            if item["id"].startswith(number):
                cells = (item["id"], KINDS[item["kind"]], what(item), states[item["id"]])
                parts.append(f"| {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def state(item: Mapping, found: Mapping[str, str | None]) -> str:
    """What came of an item, in words."""
    id_, kind = item["id"], item["kind"]
    if id_ in NOTHING_TO_CHECK:
        return f"nothing to check: {NOTHING_TO_CHECK[id_]}"
    if found.get(id_, "not checked") is not None:
        waits = [part for part, items in WAITS_FOR.items() if id_ in items]
        return f"waits for {waits[0]}" if waits else "does not work"
    if id_ in FALSE:
        return "not so"
    return "refused" if kind in ("typo", "pseudo") and id_ != "002-011" else "works"


def _place(state: str) -> tuple[int, str]:
    """Where a state stands in the list: what works, then what waits."""
    first = ("works", "refused", "not so")
    return first.index(state) if state in first else len(first), state


def what(item: Mapping) -> str:
    """What an item is about, for a cell of a table."""
    if "names" in item:
        names = [n if "." in n else f'"{n.partition(":")[2]}"' for n in item["names"]]
        text = ", ".join(f"`{name}`" for name in names)
    else:
        text = item.get("item") or "<br>".join(f"`{line}`" for line in item["code"].splitlines())
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(run()), encoding="utf-8")
