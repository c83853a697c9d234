"""Which items cannot work yet, and which have nothing to check. Both lists are exact."""

from collections.abc import Mapping

__all__ = ["NOTHING_TO_CHECK", "WAITS_FOR"]

WAITS_FOR: Mapping[str, set[str]] = {}
"""Part of Cornu that is not there yet -> the items that need it; one that works fails the tests."""

NOTHING_TO_CHECK: Mapping[str, str] = {
    "000-008": "of the computer, not of the code",
    "000-077": "an opinion",
    "001-015": "needs the downloaded data",
    "001-030": "not so of any sigmoids; the program runs",
    "001-051": "a remark about 001-048; saving works, see 001-046",
    "001-053": "no path of Keras",
    "001-060": "not here: no TensorFlow computes",
    "003-002": "chapters of a manual",
    "004-109": "needs downloaded weights",
}
"""Item -> why nothing of it can be checked."""

FALSE = frozenset({"000-020", "001-031", "001-068", "003-031"})
"""What the tutorials say and no Keras does: the checks hold what is so instead."""
