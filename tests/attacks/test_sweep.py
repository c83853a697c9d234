"""No public name of the library becomes part of a model, unless it is for modelling."""

import subprocess
import sys

import pytest

from attacks import harness

COUNT = """
import cornu
from attacks import sweep, watch
watch.import_all(cornu)
print(len(sweep.Suite()))
"""


def swept(begin: int, end: int) -> list[str]:
    """What went wrong with some of the names."""
    outcomes = list(harness.tried("sweep", begin, end))
    assert len(outcomes) == end - begin
    return [f"{o.name}: {'; '.join(o.complaints)}" for o in outcomes if o.complaints]


def test_no_name_of_others_is_taken():
    """Those of Python's library come first."""
    assert swept(0, 3) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_other_name_is_taken():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COUNT],
        env=harness.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    jobs = int(done.stdout)
    assert jobs > 30
    assert swept(0, jobs) == []
