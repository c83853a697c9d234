"""Callbacks that raise, KeyboardInterrupt included: the model is whole afterwards."""

from typing import Any

import pytest

import bad_input_cases as cases
from bad_input_cases import Subject, X, Y, assert_whole, bits
from cornu.callbacks import Callback

HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
)


def failing(hook: str, error: BaseException) -> Callback:
    """A callback that raises in one hook."""

    def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        raise error

    return type("Failing", (Callback,), {hook: fail})()


@pytest.fixture(scope="module")
def tried() -> Subject:
    """One model for all callbacks that fail, as a user in a notebook has one."""
    return cases.classifier()


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_callback_that_raises(hook: str, error: BaseException, tried: Subject):
    with pytest.raises(type(error)):
        tried.model.fit(X, Y, validation_data=(X, Y), callbacks=[failing(hook, error)], verbose=0)
    assert_whole(tried)


@pytest.mark.parametrize("hook", ["on_predict_begin", "on_predict_batch_end", "on_predict_end"])
def test_a_callback_that_raises_in_predict(hook: str, tried: Subject):
    before = bits(tried.model)
    with pytest.raises(ZeroDivisionError):
        tried.model.predict(X, callbacks=[failing(hook, ZeroDivisionError())], verbose=0)
    assert bits(tried.model) == before
    assert_whole(tried)
