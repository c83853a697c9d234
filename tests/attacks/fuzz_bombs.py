"""Every field of every class that a file may name, set to sizes that nobody can pay for.

One job is one value in one place of a small model that has the class in it. The same is asked as of
`fuzz_configs`: it loads, or `UsageError`; quickly, at little cost.
"""

import copy
import inspect
import json
import random
from collections.abc import Iterator
from typing import Any

from attacks import fuzz_configs
from attacks.trial import tried_text
from attacks.watch import Watch
from cornu import config, constraints, initializers, layers, models, ops, regularizers
from cornu.models.remaking import saved_op

SIZES: list[Any] = [10**5, 10**7, 10**9, 2**40, 2**62, -1, 1e9, [10**6, 10**6], [2**40], [1] * 2000]
SECONDS, MEGABYTES = 1.0, 200
NAMED = ("name", "module", "class_name", "registered_name")


def spots() -> Iterator[tuple[str, Any, tuple]]:
    """Name, config and place of every value worth a size: each field of each class once."""
    every = [*fuzz_configs._of_layers(), *fuzz_configs._compiled(), *_parts(), *_ops()]
    seen = set()
    for name, make in every:
        tree = make()
        for path in fuzz_configs.places(tree):
            whose = _owner(tree, path)
            if path[-1] not in NAMED and whose not in seen:
                seen.add(whose)
                yield name, tree, path


def _owner(tree: Any, path: tuple) -> tuple:
    """The class that a place belongs to, and the way from there."""
    found, since = None, 0
    for depth, key in enumerate(path):
        if isinstance(tree, dict) and isinstance(tree.get("class_name"), str):
            found, since = tree["class_name"], depth
        tree = tree[key]
    return found, *("*" if isinstance(key, int) else key for key in path[since:])


def _parts() -> Iterator[tuple[str, Any]]:
    """A Dense layer with each initializer, regularizer and constraint."""
    for family, argument in (
        (initializers.family, "kernel_initializer"),
        (regularizers.family, "kernel_regularizer"),
        (constraints.family, "kernel_constraint"),
    ):
        for cls in set(family.members.values()):
            if isinstance(cls, type):
                yield f"{argument} {cls.__name__}", lambda c=cls, a=argument: _dense(c, a)


def _dense(cls: type, argument: str) -> Any:
    model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    form = json.loads(model.to_json())
    fields = {f.name: 1 if f.default is config.REQUIRED else f.default for f in cls.fields.values()}
    plain = {k: v for k, v in fields.items() if isinstance(v, str | int | float | bool | None)}
    form["config"]["layers"][1]["config"][argument] = {
        "module": cls.wire_module,
        "class_name": cls.__name__,
        "config": plain,
        "registered_name": None,
    }
    return form


def _ops() -> Iterator[tuple[str, Any]]:
    """An input and one op, with a number for every argument that is no Tensor."""
    for name in ops.__all__:
        function = saved_op(name)
        if callable(function):
            names = [
                p.name
                for p in inspect.signature(function).parameters.values()
                if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            ]
            yield f"op {name}", lambda n=name, a=names[1:]: of_op(n, dict.fromkeys(a, 1))


def of_op(name: str, config: dict[str, Any], tensors: int = 1) -> Any:
    """A model of an input and an op, named as a file names it."""
    start = json.loads(models.Model(*[layers.Input((4,), name="x")] * 2).to_json())
    kind = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    tensor = {"shape": [None, 4], "dtype": "float32", "keras_history": ["x", 0, 0]}
    read = [{"class_name": "__keras_tensor__", "config": tensor}] * tensors
    start["config"]["layers"].append(
        {
            "module": "keras.src.ops.numpy",
            "class_name": kind,
            "config": {"name": "op", **config},
            "registered_name": kind,
            "name": "op",
            "inbound_nodes": [{"args": read, "kwargs": {}}],
        }
    )
    start["config"]["output_layers"] = [["op", 0, 0]]
    return start


class Bomb:
    """One value in one place."""

    def __init__(self, name: str, tree: Any, path: tuple, size: Any):
        self.name, self.tree, self.path, self.size = name, tree, path, size
        self.name = f"{name} {path} = {size!r:.60}"

    def run(self, watch: Watch) -> tuple[list[str], str]:
        tree = copy.deepcopy(self.tree)
        owner = tree
        for key in self.path[:-1]:
            owner = owner[key]
        owner[self.path[-1]] = self.size
        return tried_text(json.dumps(tree), watch, SECONDS, MEGABYTES)


class Bombs:
    """All of them, in an order that mixes the classes."""

    def __init__(self) -> None:
        self.spots = list(spots())
        self.count = len(self.spots) * len(SIZES)
        self.order = random.Random("cornu").sample(range(self.count), self.count)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Bomb:
        spot, size = divmod(self.order[i], len(SIZES))
        return Bomb(*self.spots[spot], SIZES[size])


def jobs(watch: Watch) -> Bombs:
    """The suite."""
    return Bombs()
