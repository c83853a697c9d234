"""What holds for every test: nobody's own settings, and no setting left behind by another test."""

import gc
import os
import signal
import tempfile
from dataclasses import asdict

_home = tempfile.mkdtemp(prefix="cornu-tests-")  # before cornu reads its settings
os.environ.update(KERAS_HOME=_home, CORNU_HOME=_home)
for _name in ("KERAS_BACKEND", "CORNU_ENGINE", "CORNU_FLOATX"):
    os.environ.pop(_name, None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for a job in the background, which
    signal.signal(signal.SIGINT, signal.default_int_handler)  # would wait for ever for Ctrl-C

import pytest  # noqa: E402

from cornu import policy, settings  # noqa: E402

pytest.register_assert_rewrite("contracts")  # so that what their checks compare is shown


@pytest.fixture(autouse=True)
def settings_stay():
    before = asdict(settings.current())
    yield
    policy._default.clear()
    for name, value in before.items():
        if getattr(settings.current(), name) != value:
            settings._set(name, value)


@pytest.fixture(autouse=True, scope="module")
def garbage_is_sought_among_new_things():
    """What thousands of tests leave, compiled programs above all, is not looked through again."""
    yield
    gc.collect()
    gc.freeze()
