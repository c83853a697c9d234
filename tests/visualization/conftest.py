"""A browser for the tests that look at pages, begun when the first one asks for it."""

import sys

import pytest

from visualization.browser import CHROMIUM, Browser, Page


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this computer")
    if sys.platform == "win32":
        pytest.skip("the browser is driven over pipes, which need another system")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(chromium):
    """A function that opens a file; what it opened is closed after the test."""
    opened = []

    def open_(path, **said):
        opened.append(Page(chromium, path, **said))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()
