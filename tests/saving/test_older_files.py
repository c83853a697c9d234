"""The containers of Keras 0 to 2: what is in them, who wrote them, and how they find their layers.

Files are written here with h5py, as those versions laid them out; `golden/test_files_old.py` reads
files that the versions themselves wrote.
"""

import json

import h5py
import numpy as np
import pytest

from cornu import layers, models, saving
from cornu.dialects import spellings

RNG = np.random.default_rng(2)


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


def write_names(group, attribute, names, pieces=1):
    """A list of names, as bytes; from 2.1.5 on long ones lay in several attributes."""
    plain = np.array([name.encode() for name in names])
    if pieces == 1:
        group.attrs[attribute] = plain
        return
    for i, piece in enumerate(np.array_split(plain, pieces)):
        group.attrs[f"{attribute}{i}"] = piece


def write_layers(group, lists, pieces=1):
    write_names(group, "layer_names", list(lists), pieces)
    for layer, arrays in lists.items():
        inside = group.create_group(layer)
        write_names(inside, "weight_names", list(arrays), pieces if len(arrays) > 1 else 1)
        for name, value in arrays.items():
            inside[name] = value


def file_of(path, lists, version=None, backend=None, pieces=1):
    """A file of weights alone."""
    with h5py.File(path, "w") as file:
        write_layers(file, lists, pieces)
        for name, value in (("keras_version", version), ("backend", backend)):
            if value:
                file.attrs[name] = value.encode()
    return path


def old_file(path, lists):
    """A Sequential of Keras 0."""
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = len(lists)
        for i, arrays in enumerate(lists):
            group = file.create_group(f"layer_{i}")
            group.attrs["nb_params"] = len(arrays)
            for j, value in enumerate(arrays):
                group[f"param_{j}"] = value
    return path


def dense(*sizes, names=None):
    named = names or [f"layer{i}" for i in range(len(sizes) - 1)]
    found = [layers.Dense(n, name=name) for n, name in zip(sizes[1:], named, strict=True)]
    return models.Sequential([layers.Input((sizes[0],)), *found])


def image(padding="valid"):
    return models.Sequential(
        [layers.Input((6, 6, 2)), layers.Conv2D(3, 3, padding=padding, name="conv")]
    )


def same(ours, theirs):
    return all(map(np.array_equal, ours, theirs))


# ---------------------------------------------------------------- where a file is from


@pytest.mark.parametrize(
    ("names", "turned"), [(("conv_W:0", "conv_b:0"), False), (("conv_W", "conv_b"), True)]
)
def test_names_of_arrays_say_which_backend_wrote_them(names, turned, tmp_path):
    """TensorFlow put ":0" behind a name. Files of weights of Keras 1 say nothing else."""
    kernel, bias = draw(3, 3, 2, 3), draw(3)
    path = file_of(tmp_path / "w.h5", {"conv": dict(zip(names, (kernel, bias), strict=True))})
    model = image()
    model.load_weights(path)
    expected = kernel[::-1, ::-1] if turned else kernel
    assert same(model.get_weights(), [expected, bias])


@pytest.mark.parametrize(
    ("backend", "turned"), [(None, False), ("tensorflow", False), ("theano", True)]
)
def test_the_caller_says_what_cannot_be_seen(backend, turned, tmp_path):
    """Arrays without names: TensorFlow's, as was usual, unless the caller says otherwise."""
    kernel, bias = draw(3, 3, 2, 3), draw(3)
    path = file_of(tmp_path / "w.h5", {"conv": {"param_0": kernel, "param_1": bias}})
    model = image()
    model.load_weights(path, backend=backend)
    assert same(model.get_weights(), [kernel[::-1, ::-1] if turned else kernel, bias])


def test_what_the_file_says_counts_and_contradictions_are_refused(tmp_path):
    kernel, bias = draw(3, 3, 2, 3), draw(3)
    arrays = {"conv/kernel": kernel, "conv/bias": bias}
    path = file_of(tmp_path / "w.h5", {"conv": arrays}, "2.2.4", "theano")
    model = image()
    model.load_weights(path, backend="theano")
    assert same(model.get_weights(), [kernel[::-1, ::-1], bias])
    with pytest.raises(
        saving.ModelFileError, match="written by 'theano'; got.*tensorflow"
    ) as known:
        model.load_weights(path, backend="tensorflow")
    assert known.value.code == "E-BACKEND"


@pytest.mark.parametrize(
    ("wrong", "listed"),
    [
        ({"backend": "torch"}, "theano.*cntk"),
        ({"data_format": "th"}, "channels_first.*channels_last"),
    ],
)
def test_other_words_are_refused_and_the_choices_listed(wrong, listed, tmp_path):
    text = image().to_json()
    calls = (
        lambda: saving.load_model(tmp_path / "no.h5", **wrong),
        lambda: image().load_weights(tmp_path / "no.h5", **wrong),
        lambda: saving.model_from_json(text, **wrong),
        lambda: saving.model_from_yaml(text, **wrong),
    )
    for call in calls:
        with pytest.raises(ValueError, match=listed) as raised:
            call()
        assert raised.value.code == "E-CHOICE"


def test_windows_that_theano_laid_otherwise_are_told_of(tmp_path):
    """A layer of today computes another thing than the one whose weights these are."""
    arrays = {"conv/kernel": draw(2, 2, 2, 3), "conv/bias": draw(3)}
    path = file_of(tmp_path / "w.h5", {"conv": arrays}, "2.2.4", "theano")
    begin = [layers.Input((6, 6, 2)), layers.Conv2D(3, 2, padding="same", name="conv")]
    with pytest.warns(UserWarning, match="theano wrote these weights.*conv will not"):
        models.Sequential(begin).load_weights(path)


def test_a_model_as_of_theano_with_weights_of_tensorflow_is_told_of(tmp_path):
    """Keras 1.0 was on Theano, as a rule: so its JSON is read, unless the caller says otherwise."""
    said = {"name": "conv", "batch_input_shape": [None, 6, 6, 2], "nb_filter": 3, "nb_row": 2,
            "nb_col": 2, "border_mode": "same", "dim_ordering": "tf"}  # fmt: skip
    entry = {"class_name": "Convolution2D", "config": said}
    text = json.dumps({"class_name": "Sequential", "keras_version": "1.0.8", "config": [entry]})
    kernel, bias = draw(2, 2, 2, 3), draw(3)
    path = file_of(tmp_path / "w.h5", {"conv": {"conv_W:0": kernel, "conv_b:0": bias}})
    with pytest.warns(UserWarning, match="tensorflow wrote.*not as Theano.*model_from_json"):
        saving.model_from_json(text).load_weights(path)
    model = saving.model_from_json(text, backend="tensorflow")
    model.load_weights(path)
    assert same(model.get_weights(), [kernel, bias])


# ---------------------------------------------------------------- Keras 0


def test_a_sequential_of_keras_0_by_the_numbers_of_its_layers(tmp_path):
    """Layers without weights are counted too."""
    arrays = [draw(3, 4), draw(4), draw(4, 2), draw(2)]
    path = old_file(tmp_path / "w.h5", [arrays[:2], [], arrays[2:]])
    one, two = layers.Dense(4), layers.Dense(2)
    model = models.Sequential([layers.Input((3,)), one, layers.Activation("relu"), two])
    model.load_weights(path)
    assert same(model.get_weights(), arrays)
    with pytest.raises(saving.ModelFileError, match="number their layers"):
        model.load_weights(path, by_name=True)
    with spellings.registered(), pytest.warns(UserWarning, match="old spelling"):
        again = models.Sequential([layers.Dense(output_dim=4, input_dim=3), layers.Dense(2)])
    again.load_weights(path)  # without the layer that has none: one after another
    assert same(again.get_weights(), arrays)


def test_a_model_of_keras_0_that_does_not_fit(tmp_path):
    path = old_file(tmp_path / "w.h5", [[draw(3, 4), draw(4)], [draw(4, 5), draw(5)]])
    model = dense(3, 4, 2)
    before = model.get_weights()
    with pytest.raises(saving.ModelFileError, match="2 shape mismatch") as raised:
        model.load_weights(path)
    assert same(model.get_weights(), before) and "layer1/kernel file (4, 5)" in str(raised.value)
    with pytest.warns(UserWarning, match="2 shape mismatch"):
        model.load_weights(path, skip_mismatch=True)
    found = model.get_weights()
    assert not same(found[:2], before[:2]) and same(found[2:], before[2:])


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.attrs.modify("nb_layers", 10**9),
        lambda file: file.attrs.modify("nb_layers", -1),
        lambda file: file.attrs.__setitem__("nb_layers", "two"),
        lambda file: file.attrs.__setitem__("nb_layers", np.zeros(3, "int64")),
        lambda file: file["layer_0"].attrs.modify("nb_params", 10**6),
        lambda file: file.__delitem__("layer_1"),
        lambda file: file["layer_0"].__delitem__("param_1"),
        lambda file: file["layer_0"].__setitem__("param_1x", h5py.SoftLink("/layer_1")),
    ],
)
def test_files_of_keras_0_that_lie_are_refused(damage, tmp_path):
    path = old_file(tmp_path / "w.h5", [[draw(3, 4), draw(4)], [draw(4, 2), draw(2)]])
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(saving.ModelFileError):
        dense(3, 4, 2).load_weights(path)


def test_a_graph_is_one_list(tmp_path):
    arrays = [draw(3, 4), draw(4), draw(4, 2), draw(2)]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        group = file.create_group("graph")
        group.attrs["nb_params"] = 4
        for i, value in enumerate(arrays):
            group[f"param_{i}"] = value
    model = dense(3, 4, 2)
    model.load_weights(tmp_path / "w.h5")
    assert same(model.get_weights(), arrays)


# ---------------------------------------------------------------- Keras 1 and 2


LSTM = [f"{kind}_{gate}" for gate in "icfo" for kind in "WUb"]


def test_by_order_by_name_and_what_fits(tmp_path):
    """Weights of Keras 1 in a model made today, an LSTM among them."""
    shapes = {"W": (3, 2), "U": (2, 2), "b": (2,)}
    lstm = {f"lstm_1_{part}": draw(*shapes[part[0]]) for part in LSTM}
    last = {"dense_1_W": draw(2, 1), "dense_1_b": draw(1)}
    path = file_of(tmp_path / "w.h5", {"input_1": {}, "lstm_1": lstm, "dense_1": last})

    def made(first, second, width=1):
        steps = layers.LSTM(2, name=first)
        return models.Sequential([layers.Input((4, 3)), steps, layers.Dense(width, name=second)])

    kernel = np.concatenate([lstm[f"lstm_1_W_{gate}"] for gate in "ifco"], axis=1)
    by_order = made("a", "b")
    by_order.load_weights(path)
    by_name = made("lstm_1", "mine")
    left = by_name.layers[-1].get_weights()
    by_name.load_weights(path, by_name=True)
    assert same(by_name.layers[-1].get_weights(), left)
    some = made("a", "b", width=2)
    with pytest.warns(UserWarning, match="2 shape mismatch"):
        some.load_weights(path, skip_mismatch=True)
    for model in (by_order, by_name, some):
        np.testing.assert_array_equal(model.get_weights()[0], kernel)
    np.testing.assert_array_equal(by_order.get_weights()[3], last["dense_1_W"])


def test_too_few_arrays_are_told_of(tmp_path):
    """Eleven of the twelve arrays of an LSTM: nothing is guessed."""
    shapes = {"W": (3, 2), "U": (2, 2), "b": (2,)}
    lstm = {f"lstm_1_{part}": draw(*shapes[part[0]]) for part in LSTM[:-1]}
    path = file_of(tmp_path / "w.h5", {"lstm_1": lstm})
    model = models.Sequential([layers.Input((4, 3)), layers.LSTM(2, name="lstm_1")])
    with pytest.raises(saving.ModelFileError, match="unexpected"):
        model.load_weights(path)


def test_a_gru_of_today_is_another_one(tmp_path):
    """Its bias is (2, 3 units): no weights make it compute what the older one did."""
    arrays = {"g/kernel:0": draw(3, 6), "g/recurrent:0": draw(2, 6), "g/bias:0": draw(6)}
    path = file_of(tmp_path / "w.h5", {"g": arrays}, "2.2.4", "tensorflow")
    for after, fits in ((True, False), (False, True)):
        steps = layers.GRU(2, reset_after=after, name="g")
        model = models.Sequential([layers.Input((4, 3)), steps])
        if fits:
            model.load_weights(path)
            assert same(model.get_weights(), arrays.values())
            continue
        with pytest.raises(saving.ModelFileError, match=r"reset_after=False\) before Keras 3"):
            model.load_weights(path)


def test_lists_of_names_in_pieces(tmp_path):
    """From 2.1.5 on a list that is too long for an attribute lies in several."""
    lists = {f"layer{i}": {f"layer{i}/kernel:0": draw(3, 3), f"layer{i}/bias:0": draw(3)}
             for i in range(4)}  # fmt: skip
    path = file_of(tmp_path / "w.h5", lists, "2.2.4", "tensorflow", pieces=2)
    model = dense(3, 3, 3, 3, 3)
    model.load_weights(path)
    assert same(model.get_weights(), [v for arrays in lists.values() for v in arrays.values()])


def test_a_model_that_begins_where_models_meet(tmp_path):
    """Keras 1 kept the layers of the branches beside the others."""
    arrays = {name: {f"{name}_W:0": draw(*shape), f"{name}_b:0": draw(shape[1])}
              for name, shape in (("one", (3, 2)), ("two", (3, 2)), ("last", (4, 1)))}  # fmt: skip
    path = file_of(tmp_path / "w.h5", arrays)
    branches = [
        models.Sequential([layers.Input((3,)), layers.Dense(2, name=name)], name=f"branch_{name}")
        for name in ("one", "two")
    ]
    x, y = layers.Input((3,)), layers.Input((3,))
    joined = layers.Concatenate()([branches[0](x), branches[1](y)])
    model = models.Model([x, y], layers.Dense(1, name="last")(joined))
    model.load_weights(path)
    for name, found in zip(arrays, (*branches, model.get_layer("last")), strict=True):
        assert same(found.get_weights(), arrays[name].values())


def test_a_whole_model_with_bytes_for_texts(tmp_path):
    """h5py wrote texts as bytes then."""
    said = {"name": "dense_1", "batch_input_shape": [None, 3], "output_dim": 2, "bias": True,
            "init": "glorot_uniform", "activation": "tanh", "input_dtype": "float32"}  # fmt: skip
    config = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": said}]}
    kernel, bias = draw(3, 2), draw(2)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["keras_version"] = b"1.2.2"
        file.attrs["model_config"] = json.dumps(config).encode()
        arrays = {"dense_1": {"dense_1_W:0": kernel, "dense_1_b:0": bias}}
        write_layers(file.create_group("model_weights"), arrays)
    model = saving.load_model(tmp_path / "m.h5")
    x = draw(4, 3)
    np.testing.assert_allclose(
        model.predict(x, verbose=0), np.tanh(x.astype("float64") @ kernel + bias), atol=1e-6
    )


# ---------------------------------------------------------------- texts


def padded(version):
    """A model of Keras 1 with a layer that did not say its data format."""
    said = {"name": "pad", "batch_input_shape": [None, 2, 5, 6], "padding": [1, 1]}
    entry = {"class_name": "ZeroPadding2D", "config": {**said, "input_dtype": "float32"}}
    return json.dumps({"class_name": "Sequential", "keras_version": version, "config": [entry]})


@pytest.mark.parametrize(
    ("version", "data_format", "shape"),
    [
        ("1.0.8", None, (None, 2, 7, 8)),
        ("1.2.2", None, (None, 4, 7, 6)),
        ("1.2.2", "channels_first", (None, 2, 7, 8)),
        ("1.0.8", "channels_last", (None, 4, 7, 6)),
    ],
)
def test_the_data_format_of_layers_that_do_not_say_theirs(version, data_format, shape):
    model = saving.model_from_json(padded(version), data_format=data_format)
    assert model.output_shape == shape


class Doubling(layers.Layer):
    """A layer of a user's own, as people wrote it then."""

    def __init__(self, times, **kwargs):
        self.times = times
        super().__init__(**kwargs)

    def call(self, x):
        return self.times * x

    def get_config(self):
        return {**super().get_config(), "times": self.times}


@pytest.mark.parametrize(("version", "dtype"), [("1.2.2", "input_dtype"), ("2.2.4", "dtype")])
def test_a_layer_of_the_users_own(version, dtype):
    """What all layers were told then is told to it in today's words."""
    said = {"name": "mine", "trainable": True, "batch_input_shape": [None, 3], "times": 2}
    entry = {"class_name": "Doubling", "config": {**said, dtype: "float32"}}
    text = json.dumps({"class_name": "Sequential", "keras_version": version, "config": [entry]})
    with pytest.raises(ValueError, match=r"custom_objects=\{\"Doubling\""):
        saving.model_from_json(text)
    model = saving.model_from_json(text, custom_objects={"Doubling": Doubling})
    assert model.output_shape == (None, 3) and model.layers[0].times == 2


def test_a_text_of_keras_0_is_compiled_as_it_says():
    said = {"name": "Dense", "custom_name": "dense", "input_shape": [3], "output_dim": 2,
            "init": "glorot_uniform", "activation": "linear", "cache_enabled": True}  # fmt: skip
    optimizer = {"name": "SGD", "lr": 0.25, "momentum": 0.5, "decay": 0.0, "nesterov": False}
    text = json.dumps(
        {"name": "Sequential", "layers": [said], "loss": "mse", "optimizer": optimizer}
    )
    model = saving.model_from_json(text)
    assert float(model.optimizer.learning_rate) == 0.25
    x, y = draw(4, 3), draw(4, 2)
    expected = np.mean((model.predict(x, verbose=0) - y) ** 2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)


CODE = "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMIAAAAfABkARQAUwA="


@pytest.mark.parametrize(("version", "function"), [("1.2.2", CODE), ("2.0.8", [CODE, None, None])])
def test_a_lambda_is_asked_for(version, function):
    """Code of another Python is not run; custom objects have it under the layer's name."""
    said = {"name": "twice", "batch_input_shape": [None, 3], "function": function,
            "function_type": "lambda", "output_shape": None, "output_shape_type": "raw",
            "arguments": {}}  # fmt: skip
    entry = {"class_name": "Lambda", "config": said}
    text = json.dumps({"class_name": "Sequential", "keras_version": version, "config": [entry]})
    with pytest.raises(ValueError, match=r'never run.*custom_objects=\{"twice": lambda'):
        saving.model_from_json(text)
    model = saving.model_from_json(text, custom_objects={"twice": lambda x: 2 * x})
    x = draw(2, 3)
    np.testing.assert_allclose(model.predict(x, verbose=0), 2 * x)


def test_a_merge_by_a_function_is_asked_for():
    names = ("a", "b")
    entries = [
        {"name": n, "class_name": "InputLayer", "inbound_nodes": [],
         "config": {"name": n, "batch_input_shape": [None, 3], "input_dtype": "float32"}}
        for n in names
    ]  # fmt: skip
    said = {"name": "met", "mode": CODE, "mode_type": "lambda", "output_shape": [None, 3],
            "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw",
            "arguments": {}, "concat_axis": -1, "dot_axes": -1}  # fmt: skip
    places = [[name, 0, 0] for name in names]
    entries.append(
        {"name": "met", "class_name": "Merge", "config": said, "inbound_nodes": [places]}
    )
    config = {"name": "m", "layers": entries, "input_layers": places,
              "output_layers": [["met", 0, 0]]}  # fmt: skip
    text = json.dumps({"class_name": "Model", "keras_version": "1.2.2", "config": config})
    with pytest.raises(ValueError, match="never run"):
        saving.model_from_json(text)
    model = saving.model_from_json(text, custom_objects={"met": lambda xs: xs[0] * xs[1]})
    x, y = draw(2, 3), draw(2, 3)
    np.testing.assert_allclose(model.predict([x, y], verbose=0), x * y, rtol=1e-6)


YAML = """
class_name: Sequential
keras_version: {version}
config:
- class_name: Dense
  config:
    name: !!python/unicode 'dense_1'
    batch_input_shape: !!python/tuple [null, 3]
    output_dim: 2
    activation: &id001 linear
    bias: true
- class_name: Activation
  config: {{name: act, activation: *id001}}
"""


def test_yaml_with_tuples_and_references():
    pytest.importorskip("yaml")
    model = saving.model_from_yaml(YAML.format(version="1.1.0"))
    assert model.output_shape == (None, 2) and model.layers[0].name == "dense_1"


LIES = {
    "an object": "a: !!python/object:collections.Counter {}",
    "a function": "a: !!python/name:os.system ''",
    "a call": "a: !!python/object/apply:os.system ['true']",
    "a tuple in a call": "a: !!python/tuple [!!python/object/new:os.system ['true']]",
    "a bomb": "\n".join(
        ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))]
    ),
    "itself": "a: &a [*a]",
    "a key twice": "class_name: Sequential\nclass_name: Model",
    "a key that is no string": "1: 2",
}


@pytest.mark.parametrize("name", LIES)
def test_yaml_that_lies_is_refused(name):
    pytest.importorskip("yaml")
    with pytest.raises(ValueError) as raised:
        saving.model_from_yaml(LIES[name])
    assert raised.value.code == "E-YAML"
