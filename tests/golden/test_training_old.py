"""Training goes on as Keras 0.3.3 to 2.3.1 themselves went on, from the state in their files.

`trained_old.zip` holds every model that these versions trained a little and saved: as a whole, or
from 0.3.3, which had no files of whole models, as JSON that says how it was compiled, and weights.
Beside each lie a batch, the loss before and during three more steps on it, and the weights after
them, all by the version itself. Each case is held to all of these.

Where the file does not have all of the state, and Keras itself, loading it, went on otherwise:

- Nadam's product of momenta is in no file. It follows from the number of steps, so we go on as if
  nothing had been saved; Keras began it again and was off by 0.012 (`reload` in `cases.json`).
- JSON of 0.3.3 forgot `clipnorm`. `opt_adam_clipnorm-th` was recorded on with it, and, in
  `re_json+weights_…`, as Keras went on without; we are held to the latter.

A Graph of 0.3.3 gave the total loss alone, where ours gives each output's beside it.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cornu import saving
from cornu.saving.layered import TOP, place_layered
from cornu.saving.reading import stored_arrays, stored_model
from cornu.saving.weights import Stored

ARCHIVE = zipfile.ZipFile(Path(__file__).parent / "trained_old.zip")
CASES = json.loads(ARCHIVE.read("cases.json"))
WITHOUT_CLIPS = "0.3.3/opt_adam_clipnorm-th"


def again(name):
    """Whether TensorFlow's twin of a case from Theano says the same.

    Not where BatchNormalization differed, nor where the order of slots is worth a look.
    """
    version, case = name.split("/")
    twin = f"{version}/{case.removesuffix('-th')}-tf"
    return case.endswith("-th") and twin in CASES and not case.startswith(("batch", "functional"))


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.slow) if again(name) else name
        for name in sorted(CASES)
    ]
)
def case(request, tmp_path):
    return Case(request.param, tmp_path)


class Case:
    """One case: its files, opened where they are wanted."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.files, self.near = CASES[name]["files"], CASES[name]["tolerance"]
        with np.load(self.path("npz")) as arrays:
            self.data = dict(arrays)

    def path(self, kind):
        return ARCHIVE.extract(self.files[kind], self.folder)

    def many(self, letters, before=""):
        """x0, x1 …"""
        names = [n for n in self.data if n.startswith(before + letters)]
        names = [n for n in names if n.removeprefix(before + letters).isdigit()]
        return [self.data[n] for n in sorted(names, key=lambda n: (len(n), n))]

    def model(self):
        if "h5" in self.files:
            return saving.load_model(self.path("h5"))
        text = Path(self.path("json")).read_text()
        model = saving.model_from_json(text, backend=CASES[self.name]["backend"])
        saving.load_weights(model, self.path("weights"), backend=CASES[self.name]["backend"])
        return model

    def recorded_weights(self, model, before):
        """The weights after training, as the model has them today."""
        backend = CASES[self.name]["backend"]
        said = saving.older.said_by_caller(backend, None)
        if "h5" in self.files:
            with stored_model(self.path("h5"), said) as archive:
                layered, origin = archive.layered, archive.origin
        else:
            with stored_arrays(self.path("weights"), said) as (_, _, layered, origin):
                pass
        values = iter(self.many("w", before))
        told = {
            layer: [(name, kept(next(values))) for name, _ in listed]
            for layer, listed in layered.items()
            if layer != TOP
        }
        assert not list(values)
        place_layered(model, told, origin=origin)
        return model.get_weights()


def kept(array):
    return Stored(array.shape, str(array.dtype), lambda: array)


def test_losses_and_weights(case):
    model = case.model()
    batch = [case.many(letters) for letters in ("bx", "by", "bsw")]
    batch = [found if len(found) > 1 else found[0] for found in batch if found]
    before = "re_json+weights_" if case.name == WITHOUT_CLIPS else ""
    near = {"rtol": case.near["train_loss_rtol"], "atol": case.near["train_loss_atol"]}
    model.reset_states()
    expected = case.data[f"{before}loss_before"]
    found = np.atleast_1d(model.test_on_batch(*batch))[: len(expected)]
    np.testing.assert_allclose(found, expected, **near)
    model.reset_states()
    for step, expected in enumerate(case.data[f"{before}losses"]):
        found = np.atleast_1d(model.train_on_batch(*batch))[: len(expected)]
        np.testing.assert_allclose(found, expected, **near, err_msg=f"step {step}")
    after = model.get_weights()
    recorded = case.recorded_weights(model, before)
    for ours, theirs in zip(after, recorded, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=case.near["weights_after_atol"])
