"""Every public name of the library, and of what it stands on, in every role that a config has.

The list is read off the modules, so what is added later is swept too. A config may be refused;
where it loads, what it named must be for modelling, by the module it comes from.
"""

import copy
import json
import sys
from collections.abc import Iterator
from typing import Any

from attacks.corpus_configs import ROLES, entry, form, function, read
from attacks.fuzz_bombs import of_op
from attacks.trial import tried
from attacks.watch import Watch
from cornu import layers, models, saving
from cornu.errors import UsageError, UsageTypeError

AT_ONCE = 20
"""Names of one job."""

HOMES = ("activations", "constraints", "initializers", "layers", "losses", "metrics", "models",
         "ops", "optimizers", "policy", "regularizers", "dialects.layers", "dialects.losses",
         "dialects.normalization", "dialects.optimizers", "dialects.regularizers",
         "dialects.shared", "dialects.theano")  # fmt: skip
"""Modules of the library with what is for modelling."""

STRANGERS = {
    "builtins": ("eval", "exec", "open", "__import__", "compile", "print", "getattr", "input"),
    "os": ("system", "popen", "remove", "listdir", "execv"),
    "subprocess": ("Popen", "run", "check_output"),
    "importlib": ("import_module", "reload"),
    "pickle": ("load", "loads", "Unpickler"),
    "numpy": ("load", "save", "memmap", "fromfile"),
    "jax": ("jit", "device_put"),
    "shutil": ("rmtree", "copy"),
}
"""Modules and names of others."""


def names() -> list[tuple[str, str]]:
    """(module, name) of every public thing that can be called, those for modelling left out."""
    found = {name: module for module, known in STRANGERS.items() for name in known}
    for module, loaded in sorted(sys.modules.items()):
        if module.split(".")[0] == "cornu":
            for name in getattr(loaded, "__all__", dir(loaded)):
                thing = getattr(loaded, name, None)
                if not name.startswith("_") and callable(thing) and not is_for_models(thing):
                    found.setdefault(name, module.replace("cornu", "keras", 1))
    return sorted((module, name) for name, module in found.items())


def is_for_models(thing: Any) -> bool:
    """Whether it comes from a module for modelling."""
    home = home_of(thing).removeprefix("cornu.")
    return any(home == one or home.startswith(f"{one}.") for one in HOMES)


# ---------------------------------------------------------------- a name in a role


def _start() -> dict[str, Any]:
    """A model of one layer, as plain data."""
    model = models.Sequential([layers.Input((4,)), layers.Dense(3)])
    plain = json.loads(model.to_json())
    return {**plain, "compile_config": {"optimizer": "sgd", "loss": "mse"}}


def configs(module: str, name: str) -> Iterator[tuple[str, Any]]:
    """(role, config) of a name in every role, as a class, as a function and as a string."""
    as_class = form(name, {"name": "evil"}, module)
    as_function = function(name, module)
    start = _start()
    for role in ("layer", "initializer", "regularizer", "constraint", "activation", "dtype",
                 "optimizer", "rate", "loss", "metric"):  # fmt: skip
        kinds = (as_class,) if role in ("layer", "rate") else (as_class, as_function, name)
        for evil in kinds:
            config = copy.deepcopy(start)
            ROLES[role](config, evil)
            yield role, config
    for evil in (as_function, name):
        config = copy.deepcopy(start)
        ROLES["layer"](config, form("Lambda", {"name": "evil", "function": evil}))
        yield "function", config
    yield "op", of_op(name, {})
    yield "model", {**as_class, "config": {"name": "m", "layers": [entry("a", read("x"))]}}


def named_by(role: str, model: Any) -> Any:
    """What a name has become in a model."""
    if role in ("layer", "model", "op"):
        return model.layers[0]
    if role == "function":
        return model.layers[0].function
    if role in ("initializer", "regularizer", "constraint"):
        return getattr(model.layers[0], f"kernel_{role}")
    if role in ("optimizer", "rate"):
        return model.optimizer
    if role == "activation":
        return model.layers[0].activation
    return None


def home_of(thing: Any) -> str:
    """The module that something comes from."""
    found = getattr(thing, "__module__", None)
    return found if isinstance(found, str) else type(thing).__module__


class Job:
    """Some names in all roles."""

    def __init__(self, some: list[tuple[str, str]]):
        self.some, self.name = some, f"names {some[0]} to {some[-1]}"

    def run(self, watch: Watch) -> tuple[list[str], str]:
        found: list[str] = []
        complaints, _ = tried(lambda: self._all(found), watch, 60, 300, errors=())
        return complaints + found, f"{len(self.some)} names"

    def _all(self, found: list[str]) -> None:
        for module, name in self.some:
            for role, config in configs(module, name):
                wrong = self._one(role, config)
                if wrong:
                    found.append(f"{module}.{name} as {role} {wrong}")

    def _one(self, role: str, config: Any) -> str:
        try:
            model = saving.model_from_json(json.dumps(config))
        except (UsageError, UsageTypeError):
            return ""
        thing = named_by(role, model)
        known = thing is None or is_for_models(thing)
        return "" if known else f"was made into {thing!r}, of {home_of(thing)}"


class Suite:
    """All names."""

    def __init__(self) -> None:
        self.names = names()

    def __len__(self) -> int:
        return -(-len(self.names) // AT_ONCE)

    def __getitem__(self, i: int) -> Job:
        return Job(self.names[i * AT_ONCE : (i + 1) * AT_ONCE])


def jobs(watch: Watch) -> Suite:
    """The suite."""
    return Suite()
