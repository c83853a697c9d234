"""Runs mutants by the thousand: `python -m attacks.fuzz SUITE COUNT [--from I] [--record FILE]`.

The suites are `fuzz_configs`, `fuzz_bombs` and `fuzz_files`; a mutant is always the same. With
a record, a run goes on where the last one stopped.
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from attacks import harness

AT_ONCE = 2000
"""Mutants of one process, which grows with what the engine keeps of each."""


def run(suite: str, start: int, stop: int, record: Path | None = None) -> list[str]:
    """Complaints about the mutants from `start` to `stop`; progress goes to standard error."""
    found: list[str] = []
    said: Counter[str] = Counter()
    begin, done = time.perf_counter(), start
    while done < stop:
        for outcome in harness.tried(suite, done, min(done + AT_ONCE, stop)):
            done += 1
            said[outcome.said] += 1
            if outcome.complaints:
                found.append(f"{outcome.name}: {'; '.join(outcome.complaints)}")
                print(found[-1][:1000], file=sys.stderr, flush=True)
        if record is not None:
            record.write_text(json.dumps({"suite": suite, "done": done, "found": found}))
        rate = (done - start) / (time.perf_counter() - begin)
        print(f"{done} of {stop}, {rate:.0f} a second, {len(found)} found: {dict(said)}",
              file=sys.stderr, flush=True)  # fmt: skip
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=("fuzz_configs", "fuzz_bombs", "fuzz_files"))
    parser.add_argument("count", type=int)
    parser.add_argument("--from", dest="start", type=int, default=0)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    start = given.start
    if given.record is not None and given.record.exists():
        start = json.loads(given.record.read_text())["done"]
    return bool(run(given.suite, start, given.count, given.record))


if __name__ == "__main__":
    sys.exit(main())
