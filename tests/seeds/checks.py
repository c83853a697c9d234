"""How an item of the tutorials is checked: functions by the items' numbers, and what they share.

Only the process that `run.py` starts imports this: there `import keras` is Cornu.
"""

import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras.layers import Dense
from keras.models import Sequential

Check = Callable[[], None]
CHECKS: dict[str, Check] = {}


def check(*items: str) -> Callable[[Check], Check]:
    """Say of which items a function is the check."""

    def put(function: Check) -> Check:
        for item in items:
            assert item not in CHECKS, item
            CHECKS[item] = function
        return function

    return put


def same(found, wanted, tolerance=1e-5):
    np.testing.assert_allclose(
        np.asarray(found, "float64"), np.asarray(wanted, "float64"), rtol=tolerance, atol=tolerance
    )


def value(x):
    """What a Tensor without inputs, a Variable or an array holds."""
    return np.asarray(keras.backend.eval(x) if not isinstance(x, np.ndarray) else x)


def told(code: str, **names) -> str:
    """What Python prints, after the traceback, when this code fails; it must fail."""
    space = {"keras": keras, "np": np, **names}
    try:
        exec(compile(code, "<tutorial>", "exec"), space)
    except Exception as error:
        text = io.StringIO()
        with contextlib.redirect_stderr(text):
            sys.__excepthook__(type(error), error.with_traceback(None), None)
        return text.getvalue()
    raise AssertionError(f"this must fail, and did not:\n{code}")


def refused(code: str, *words: str, **names) -> None:
    """Code fails, and what is printed has all these words."""
    text = told(code, **names)
    for word in words:
        assert word in text, f"{word!r} is not in: {text}"


@contextlib.contextmanager
def folder() -> Iterator[str]:
    """A new folder to work in, for scripts that save to "model.h5"."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as path:
        os.chdir(path)
        try:
            yield path
        finally:
            os.chdir(before)


class Terminal(io.StringIO):
    """Text that somebody watches as it is written."""

    def isatty(self) -> bool:
        return True


def printed(function: Callable, *args, stream: io.StringIO | None = None, **kwargs) -> str:
    """What a call prints."""
    text = io.StringIO() if stream is None else stream
    with contextlib.redirect_stdout(text):
        function(*args, **kwargs)
    return text.getvalue()


def warned(function: Callable, *args, **kwargs) -> str:
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function(*args, **kwargs)
    return " ".join(str(each.message) for each in found)


def slope(y_true, y_pred):
    """A loss whose gradient by the output is 1, or the target's number."""
    return keras.backend.sum(y_true * y_pred, axis=-1)


def line(optimizer, loss=slope, begin=1.0, **compiled):
    """A model y = w x, with w = `begin`."""
    model = Sequential([Dense(1, use_bias=False, input_shape=(1,))])
    model.layers[0].set_weights([np.array([[begin]], "float32")])
    model.compile(loss=loss, optimizer=optimizer, **compiled)
    return model


def after_steps(optimizer, gradients=(1, 1, 1)) -> float:
    """A weight that was 1, after a step for each of these gradients."""
    model = line(optimizer)
    x = np.ones((len(gradients), 1), "float32")
    y = np.array(gradients, "float32")[:, None]
    model.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0)
    return float(model.get_weights()[0][0, 0])
