"""Scripts train as Keras 0.3.3 to 2.3.1 themselves did: held to their recorded figures.

Each case is a model that a version trained, with the losses of three more steps and the weights
after them (`golden/test_training_old.py` tells of the files). Here it is built anew by calls of
constructors and `compile`, as a script of that generation does; weights and optimizer state are the
file's.
"""

import json
import warnings

import h5py
import numpy as np
import pytest

from cornu import layers, models, optimizers, settings
from cornu.dialects import configs, generations, spellings
from golden.test_training_old import CASES, Case

NAMES = (
    "0.3.3/batchnorm_train-th",
    "0.3.3/opt_sgd_nesterov_decay-th",
    "1.0.8/loss_hinge-th",
    "1.0.8/opt_sgd_nesterov_decay-th",
    "1.2.2/loss_cosine_proximity-tf",
    "1.2.2/loss_squared_hinge-tf",
    "1.2.2/embedding_mask-tf",
    "1.2.2/opt_adam_decay-tf",
    "2.0.8/batchnorm4d_train-tf",
    "2.0.8/loss_cosine_proximity-tf",
    "2.2.4/batchnorm4d_train-tf",
    "2.2.4/batchnorm_train-th",
    "2.2.4/loss_cosine_proximity-tf",
    "2.2.4/opt_adam_decay_clipnorm-tf",
    "2.3.1/batchnorm_train-tf",
    "2.3.1/embedding_mask-tf",
)


@pytest.mark.parametrize("name", NAMES)
def test_scripts_train_as_then(name, tmp_path, monkeypatch):
    case = Case(name, tmp_path)
    version = name.split("/")[0]
    loaded = case.model()
    monkeypatch.setattr(settings.current(), "backend", CASES[name]["backend"])
    with spellings.registered(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its spellings are old
        with generations.within(configs.generation_of(version, {})):
            model = scripted(loaded, case)
            losses = [step(model, case) for _ in case.data["losses"]]
    np.testing.assert_allclose(
        losses,
        case.data["losses"].reshape(len(losses), -1)[:, 0],
        rtol=case.near["train_loss_rtol"],
        atol=case.near["train_loss_atol"],
    )
    after = model.get_weights()
    recorded = case.recorded_weights(loaded, "")
    for ours, theirs in zip(after, recorded, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=case.near["weights_after_atol"])


def step(model, case):
    """The loss of one more step on the batch of a case."""
    x, y = (case.many(letters)[0] for letters in ("bx", "by"))
    weights = case.many("bsw")
    found = model.train_on_batch(x, y, sample_weight=weights[0] if weights else None)
    return np.ravel(found)[0]


def scripted(loaded, case):
    """The model as a script makes it, with the state of the loaded one."""
    made = models.Sequential([layers.Input(loaded.input_shape[1:], dtype=loaded.inputs[0].dtype)])
    for layer in loaded.layers:
        cls = getattr(layer, "goes_by", type(layer))
        made.add(cls(**layer.get_config()))
    made.set_weights(loaded.get_weights())
    said = compiled_with(case)
    optimizer = said["optimizer_config"]
    own = optimizer.get("config") or {k: v for k, v in optimizer.items() if k != "name"}
    cls = getattr(optimizers, optimizer.get("class_name") or optimizer["name"])
    made.compile(cls(**own), said["loss"])
    made.optimizer.build(made.trainable_variables)
    loaded.optimizer.build(loaded.trainable_variables)
    state = zip(made.optimizer.variables, loaded.optimizer.variables, strict=True)
    for ours, theirs in state:
        ours.assign(theirs.numpy())
    return made


def compiled_with(case):
    """What the file says of `compile`, in its own words."""
    if "h5" not in case.files:
        with open(case.path("json")) as file:
            said = json.load(file)
        return {"optimizer_config": said["optimizer"], "loss": said["loss"]}
    with h5py.File(case.path("h5")) as file:
        return json.loads(file.attrs["training_config"])
