"""Mutants of configs and files: some at every run, very many behind `slow`."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from attacks import fuzz

SOME = {"fuzz_configs": 500, "fuzz_bombs": 250, "fuzz_files": 250}
MANY = {"fuzz_configs": 100_000, "fuzz_bombs": 49_000, "fuzz_files": 20_000}


@pytest.mark.timeout(600)
def test_some_mutants():
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fuzz.run, suite, 0, count) for suite, count in SOME.items()]
        found = [complaint for run in runs for complaint in run.result()]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("suite", MANY)
def test_many_mutants(suite):
    found = fuzz.run(suite, SOME[suite], MANY[suite])
    assert not found, "\n".join(found)
