"""Configs with one value changed: any place of any config, any of many evil values.

Mutant `i` is always the same one. It must load, or be refused by `UsageError`; quickly, at little
cost, and leave nothing behind.
"""

import copy
import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py

import cornu
from attacks.trial import tried_text
from attacks.watch import Watch
from contracts.layers_table import ROWS
from cornu import layers, losses, metrics, models, optimizers

GOLDEN = Path(__file__).parents[1] / "golden"
SEED = "cornu"
SECONDS, MEGABYTES = 1.0, 200

CODE = {"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None}}
TENSOR = {"shape": [None, 4], "dtype": "float32", "keras_history": ["dense", 10**9, 0]}

EVIL: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, -2, 7, 100, 10**4, 10**6, 10**7, 10**9, 2**31, 2**40),
    *(2**62, 2**63 - 1, -(2**62), 0.0, -0.0, 0.5, -0.5, 1.5, 1e-300, 1e300, float("inf")),
    *(float("-inf"), float("nan"), "", "a", "relu", "../x", "/etc/passwd", "\0", "\x1b]0;x\x07"),
    *("x" * 5000, "\ud800", "e\u0301", "None", "float16", "bfloat16", "int32", "bool", "object"),
    *("S1000000000", "float64", "mixed_float16", "channels_first", "orthogonal", "__import__"),
    *("valid", "same", "causal", "multi_hot", "lambda x: x", "os.system", "file:///etc/passwd"),
    *([], [[]], [1], [0], [-1], [2**40], [10**6, 10**6], [1] * 20, [None], [None, 2**40], ["a"]),
    *({}, {"a": 1}, {"class_name": "Dense", "config": 3}, CODE),
    {"class_name": "Dense", "config": {"units": 10**9}},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}},
    {"class_name": "__numpy__", "config": {"value": "a", "dtype": "S100000000"}},
    {"class_name": "__keras_tensor__", "config": TENSOR},
    {"class_name": "__tuple__", "config": 3},
    {"class_name": "Orthogonal", "config": {"gain": "a"}},
    {"class_name": "Sequential", "config": {"layers": []}},
    {"class_name": "Lambda", "config": {"function": CODE}},
    {"class_name": "function", "config": "system", "module": "os"},
    {"module": "os", "class_name": "system", "config": {"command": "true"}},
    {"class_name": "DTypePolicy", "config": {"name": "object"}},
    {"class_name": "ExponentialDecay", "config": {"initial_learning_rate": "a"}},
]
"""Values that no honest writer puts where they are put."""


# ---------------------------------------------------------------- what is changed


def configs() -> list[tuple[str, Callable[[], Any]]]:
    """Names of configs, and functions that make them."""
    return [*_golden(), *_of_layers(), *_compiled()]


def _golden() -> Iterator[tuple[str, Callable[[], Any]]]:
    for path in sorted(GOLDEN.glob("3*/*.keras")):
        yield path.name, lambda p=path: json.loads(ZipFile(p).read("config.json"))
    for path in sorted(GOLDEN.glob("*/*.h5")):
        with h5py.File(path) as file:
            if "model_config" in file.attrs:
                yield f"{path.parent.name}/{path.name}", lambda p=path: _attribute(p)
    old = json.loads(gzip.decompress((GOLDEN / "configs.json.gz").read_bytes()))
    for row in old:
        yield f"{row['version']}/{row['case']}", lambda r=row: r["config"]


def _attribute(path: Path) -> Any:
    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def _of_layers() -> Iterator[tuple[str, Callable[[], Any]]]:
    """A model of each layer alone, as the layers' contract has it."""
    seen = set()
    for row in ROWS:
        if row.name not in seen and hasattr(layers, row.name):
            seen.add(row.name)
            yield row.name, lambda r=row: _of_layer(r)


def _of_layer(row: Any) -> Any:
    inputs = [
        layers.Input(batch_shape=(None, *value.shape[1:]), dtype=str(value.dtype))
        for value in row.args
    ]
    layer = getattr(layers, row.name)(**row.made())
    outputs = layer(inputs) if row.several else layer(*inputs)
    return json.loads(models.Model(inputs, outputs).to_json())


def _compiled() -> Iterator[tuple[str, Callable[[], Any]]]:
    """A small model, compiled with each optimizer, loss and metric."""
    for module, argument in ((optimizers, "optimizer"), (losses, "loss"), (metrics, "metrics")):
        for name in module.__all__:
            cls = getattr(module, name)
            if isinstance(cls, type):
                yield name, lambda a=argument, c=cls: _with(a, c)


def _with(argument: str, cls: type) -> Any:
    model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    form = json.loads(model.to_json())
    options: dict[str, Any] = {}
    for each in getattr(cls, "fields", {}).values():
        if each.default is cornu.config.REQUIRED:
            options[each.name] = 2
    try:
        made = cornu.config.serialize(cls(**options))
    except (TypeError, ValueError):
        made = {"class_name": cls.__name__, "config": options}
    said = {"optimizer": "sgd", "loss": "mse", argument: [made] if argument == "metrics" else made}
    return {**form, "compile_config": said}


# ---------------------------------------------------------------- how it is changed


def places(tree: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where every value of a config stands."""
    if isinstance(tree, dict):
        pairs = tree.items()
    else:
        pairs = enumerate(tree[:6]) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(tree: Any, path: tuple, draw: random.Random) -> tuple[Any, str]:
    """A copy of a config with the value at `path` exchanged, left out, doubled or renamed."""
    tree = copy.deepcopy(tree)
    owner = tree
    for key in path[:-1]:
        owner = owner[key]
    last = path[-1]
    how = draw.random()
    if how < 0.03:
        del owner[last]
        return tree, f"{path} left out"
    if how < 0.06 and isinstance(owner, list):
        owner[last:last] = [owner[last]] * 50
        return tree, f"{path} fifty times"
    if how < 0.09 and isinstance(owner, dict):
        name = str(draw.choice([e for e in EVIL if isinstance(e, str)]))
        owner[name] = owner.pop(last)
        return tree, f"{path} called {name!r:.40}"
    evil = copy.deepcopy(draw.choice(EVIL))
    owner[last] = evil
    return tree, f"{path} = {evil!r:.100}"


class Mutant:
    """Mutant `i`."""

    def __init__(self, i: int, pool: "Pool"):
        self.name, self.pool = f"config {i}", pool

    def run(self, watch: Watch) -> tuple[list[str], str]:
        draw = random.Random(f"{SEED} {self.name}")
        name, tree, every = self.pool.drawn(draw)
        tree, how = changed(tree, draw.choice(every), draw)
        complaints, said = tried_text(json.dumps(tree), watch, SECONDS, MEGABYTES)
        return [f"{name} {how}: {c}" for c in complaints], said


class Pool:
    """All mutants there are, and the configs they come from."""

    def __init__(self) -> None:
        self.configs = configs()
        self.made: dict[int, tuple[str, Any, list[tuple]]] = {}

    def __getitem__(self, i: int) -> Mutant:
        return Mutant(i, self)

    def drawn(self, draw: random.Random) -> tuple[str, Any, list[tuple]]:
        """One of the configs, and every place in it."""
        which = draw.randrange(len(self.configs))
        if which not in self.made:
            name, make = self.configs[which]
            tree = make()
            self.made[which] = (name, tree, list(places(tree)))
        return self.made[which]


def jobs(watch: Watch) -> Pool:
    """The suite."""
    return Pool()
