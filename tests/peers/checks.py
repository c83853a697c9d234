"""Two libraries, one script: the same model, weights and data must give the same numbers.

A `Case` is written once, against `k`, which is Keras in one run and Cornu in the other.

Where Cornu differs on purpose, beside what the tests here compare.

- `history` and `evaluate(return_dict=True)` have the loss first, then losses of outputs, then
  metrics in the order they were given; Keras sorts the names.
- `evaluate` as a list has that order too, which `metrics_names` tells. Keras sorts all but the
  loss where there are several outputs, and where names had to be told apart; its `metrics_names`
  is no list of these names.
- A mask that reaches an output counts in every metric, as it did in Keras 2. In Keras 3 it counts
  in weighted metrics only, only when sample weights are given, and not in training on JAX.
- A class in `y` without an entry in `class_weight` is an error, as in Keras 2; Keras 3 takes 1.
- One name of a loss for several outputs may stand beside a list of `loss_weights`; not so in Keras.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import cornu

ROWS, BATCH = 29, 8
"""Three full batches and one of 5."""

NEAR = {"rtol": 2e-5, "atol": 2e-6}
"""float32 after some 12 steps: the order of sums differs."""


class Case(NamedTuple):
    """What to train, and how.

    model: `k` -> a model, not compiled. compile: `k` -> arguments of `compile`.
    data: a random generator -> (x, y). fit: the same -> more arguments of `fit`.
    """

    name: str
    model: Callable[[Any], Any]
    data: Callable[[np.random.Generator], tuple]
    compile: Callable[[Any], Mapping[str, Any]]
    fit: Callable[[np.random.Generator], Mapping[str, Any]] = lambda rng: {}
    near: Mapping[str, float] = NEAR

    def __str__(self) -> str:
        return self.name


def leaves(structure: Any) -> list[np.ndarray]:
    """Arrays in lists, tuples and dicts (by key)."""
    if isinstance(structure, Mapping):
        return [leaf for key in sorted(structure) for leaf in leaves(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for one in structure for leaf in leaves(one)]
    return [np.asarray(structure)]


def same(ours: Any, theirs: Any, what: str, near: Mapping[str, float] = NEAR) -> None:
    """The same structure of arrays, dtypes and shapes, and the same numbers."""
    mine, its = leaves(ours), leaves(theirs)
    assert len(mine) == len(its), what
    for i, (a, b) in enumerate(zip(mine, its, strict=True)):
        assert a.shape == b.shape, f"{what} {i}: {a.shape} for {b.shape}"
        np.testing.assert_allclose(a, b, **near, err_msg=f"{what} {i}")


def pair(case: Case, keras: Any) -> tuple[Any, Any]:
    """The model in both libraries, with the same weights."""
    keras.utils.set_random_seed(3)
    theirs = case.model(keras)
    ours = case.model(cornu)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def scattered(model: Any) -> list[np.ndarray]:
    """The weights of a model, moved a little: no zeros and ones."""
    rng = np.random.default_rng(5)
    found = model.get_weights()
    return [
        w + (0.1 * rng.uniform(0.1, 1, w.shape)).astype(w.dtype) if w.dtype.kind == "f" else w
        for w in found
    ]


def trained_alike(case: Case, keras: Any, epochs: int = 3) -> tuple[Any, Any]:
    """Train both; compare histories, weights, evaluate and predict."""
    ours, theirs = pair(case, keras)
    x, y = case.data(np.random.default_rng(7))
    said = {"epochs": epochs, "batch_size": BATCH, "shuffle": False, "verbose": 0}
    histories = []
    for k, model in ((keras, theirs), (cornu, ours)):
        model.compile(**case.compile(k))
        more = case.fit(np.random.default_rng(8))
        histories.append(model.fit(x, y, **{**said, **more}))
    its, mine = (h.history for h in histories)
    assert histories[1].epoch == histories[0].epoch
    assert sorted(mine) == sorted(its), "log keys"
    its = {name: its[name] for name in mine}
    same(list(mine.values()), list(its.values()), f"history {list(its)}", case.near)
    same(ours.get_weights(), theirs.get_weights(), "weights", case.near)
    judged_alike(ours, theirs, x, y, more.get("sample_weight"), case.near)
    return ours, theirs


def judged_alike(
    ours: Any, theirs: Any, x: Any, y: Any, weight: Any, near: Mapping[str, float]
) -> None:
    """`evaluate` and `predict` of two models give the same."""
    said = {"batch_size": BATCH, "verbose": 0, "sample_weight": weight}
    mine, its = (m.evaluate(x, y, return_dict=True, **said) for m in (ours, theirs))
    assert sorted(mine) == sorted(its)
    same(mine, its, f"evaluate {sorted(its)}", near)
    listed = ours.evaluate(x, y, **said)
    same(listed, [its[name] for name in ours.metrics_names], "evaluate, a list", near)
    if not any(name.endswith("_loss") or name.startswith("weighted_") for name in its):
        same(listed, theirs.evaluate(x, y, **said), "evaluate, Keras's list", near)
    predicted = [m.predict(x, batch_size=BATCH, verbose=0) for m in (ours, theirs)]
    assert type(predicted[0]) is type(predicted[1])
    same(*predicted, "predict", near)
