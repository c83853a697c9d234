"""Graph and AutoEncoder of Keras 0 beside functional models of today."""

import numpy as np
import pytest

from cornu import Input, layers
from cornu.dialects import generations, spellings, table
from cornu.dialects.graph0 import AutoEncoder, Graph
from cornu.errors import UsageError
from cornu.models import Model, Sequential
from cornu.saving import load_model, model_from_json

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

RNG = np.random.default_rng(5)
A, B = (RNG.normal(size=(8, 3)).astype("float32") for _ in range(2))
P, Q = RNG.normal(size=(8, 2)).astype("float32"), RNG.normal(size=(8, 1)).astype("float32")
DATA = {"a": A, "b": B, "p": P, "q": Q}
INPUTS = {"a": A, "b": B}


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered(), generations.within("1.0"):
        yield


def made():
    graph = Graph()
    graph.add_input(name="a", input_shape=(3,))
    graph.add_input(name="b", batch_input_shape=(None, 3), dtype="float")
    graph.add_node(layers.Dense(4, name="hidden"), name="hidden", input="a")
    graph.add_node(layers.Dense(2), name="both", inputs=["hidden", "b"], merge_mode="concat")
    graph.add_output(name="p", input="both")
    graph.add_node(layers.Dense(1), name="q", inputs=["a", "b"], merge_mode="sum")
    graph.add_output(name="q", input="q")
    return graph


@pytest.fixture(scope="module")
def graph():
    with spellings.registered(), generations.within("1.0"):
        return made()


def today(graph):
    """The same layers in a functional model."""
    a, b = Input((3,)), Input((3,))
    nodes = graph.nodes
    p = nodes["both"](layers.Concatenate()([nodes["hidden"](a), b]))
    return Model([a, b], [p, nodes["q"](layers.Add()([a, b]))])


def test_what_it_computes(graph):
    found = graph.predict(INPUTS)
    expected = today(graph).predict([A, B], verbose=0)
    assert list(found) == ["p", "q"]
    for one, other in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    np.testing.assert_allclose(graph.predict_on_batch(INPUTS)["q"], expected[1], rtol=1e-6)
    np.testing.assert_array_equal(graph.predict({**DATA, "more": A})["p"], found["p"])


def test_numbers_of_words():
    graph = Graph()
    graph.add_input("words", input_shape=(4,), dtype=int)
    graph.add_node(layers.Embedding(5, 2), "embedding", input="words", create_output=True)
    assert graph.inputs["words"].dtype == "int32"
    words = np.array([[1, 2, 3, 4]])
    table = graph.nodes["embedding"].get_weights()[0]
    np.testing.assert_array_equal(graph.predict({"words": words})["embedding"], table[words])


def test_what_it_says_of_itself(graph):
    assert list(graph.nodes) == ["hidden", "both", "q"]
    assert [graph.input_order, graph.output_order] == [["a", "b"], ["p", "q"]]
    assert list(graph.inputs) == ["a", "b"]
    assert graph.outputs["p"] is graph.nodes["both"]
    assert graph.input_config[0] == {"name": "a", "input_shape": (3,), "dtype": None}
    assert graph.node_config[1]["inputs"] == ["hidden", "b"]
    assert graph.output_config[0]["input"] == "both"


def test_training_is_that_of_a_model():
    graph = made()
    start = graph.get_weights()
    other = today(graph)
    graph.compile("sgd", {"p": "mse", "q": "mae"}, loss_weights={"p": 1.0, "q": 2.0})
    history = graph.fit(DATA, nb_epoch=2, batch_size=4, verbose=0, shuffle=False)
    trained = {name: layer.get_weights()[0] for name, layer in graph.nodes.items()}
    score = graph.evaluate(DATA)
    graph.set_weights(start)
    other.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 2.0])
    expected = other.fit([A, B], [P, Q], 4, epochs=2, verbose=0, shuffle=False)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-6)
    assert {"p_loss", "q_loss"} < set(history.history)
    for name, layer in graph.nodes.items():
        np.testing.assert_allclose(layer.get_weights()[0], trained[name], rtol=1e-5)
    np.testing.assert_allclose(score, other.evaluate([A, B], [P, Q], verbose=0), rtol=1e-6)


def test_batches_generators_and_validation():
    graph = made()
    graph.compile("sgd", {"p": "mse", "q": "mae"})
    history = graph.fit(DATA, nb_epoch=1, verbose=0, validation_data=DATA, sample_weight={})
    assert "val_q_loss" in history.history

    def batches():
        while True:
            yield DATA

    weighted = ((d, {"p": np.ones(8)}) for d in batches())
    graph.fit_generator(weighted, samples_per_epoch=16, nb_epoch=1, verbose=0)
    graph.train_on_batch(DATA)
    total, p, q = graph.test_on_batch(DATA)
    assert total == pytest.approx(p + q, rel=1e-5)
    assert graph.evaluate_generator(batches(), 16, verbose=0)[0] == pytest.approx(total, rel=1e-5)
    with generations.within("0.3"):
        assert graph.evaluate(DATA) == pytest.approx(total, rel=1e-5)
        assert graph.test_on_batch(DATA) == pytest.approx([total], rel=1e-5)


def difference(inputs):
    left, right = list(inputs.values())
    return left - right


def test_shared_nodes():
    shared, last = layers.Dense(2), layers.Dense(2)
    graph = Graph()
    for name in ("z", "a"):  # the order of "join" is that of the inputs, not of their names
        graph.add_input(name, (3,))
    graph.add_shared_node(shared, "shared", inputs=["z", "a"], merge_mode="join")
    graph.add_node(layers.Lambda(difference), "gap", input="shared", create_output=True)
    graph.add_shared_node(last, "named", inputs=["z", "a"], outputs=["n1", "n2"])
    graph.add_output("sum", inputs=["n1", "n2"], merge_mode="sum")
    graph.add_shared_node(layers.Dense(1), "mul", ["z", "a"], merge_mode="mul", create_output=True)
    found = graph.predict({"z": A, "a": B})
    kernel, more = shared.get_weights()[0], last.get_weights()[0]
    np.testing.assert_allclose(found["gap"], (A - B) @ kernel, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["sum"], (A + B) @ more, rtol=1e-4, atol=1e-6)
    one = graph.nodes["mul"].get_weights()[0]
    np.testing.assert_allclose(found["mul"], (A @ one) * (B @ one), rtol=1e-4, atol=1e-6)


def test_files_and_configs(graph, tmp_path):
    expected = graph.predict(INPUTS)
    again = Graph.from_config(graph.get_config())
    again.set_weights(graph.get_weights())
    path = tmp_path / "g.keras"
    graph.save(path)
    read = load_model(path)
    text = model_from_json(graph.to_json())
    text.set_weights(graph.get_weights())
    for one in (again, read, text):
        assert isinstance(one, Graph)
        np.testing.assert_array_equal(one.predict(INPUTS)["p"], expected["p"])
    assert set(graph.nodes) < set(again.nodes)


def test_a_graph_within_a_model(graph):
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], graph({"a": a, "b": b})["q"])
    np.testing.assert_allclose(
        model.predict([A, B], verbose=0), graph.predict(INPUTS)["q"], rtol=1e-6
    )


WRONG = {
    'no node "hiden".*Did you mean "hidden"': lambda g: g.add_node(
        layers.Dense(1), "x", input="hiden"
    ),
    'has a node "a" already': lambda g: g.add_input("a", (3,)),
    "must say what it reads": lambda g: g.add_node(layers.Dense(1), "x"),
    'an output "p" already': lambda g: g.add_output("p", input="both"),
    "merge_mode, or as many": lambda g: g.add_shared_node(layers.Dense(1), "x", ["a", "b"]),
    'input "b" are missing': lambda g: g.predict({"a": A}),
    "takes a dict": lambda g: g.predict([A, B]),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_said(graph, message):
    with pytest.raises(UsageError, match=message):
        WRONG[message](graph)
    assert set(graph.nodes) == {"hidden", "both", "q"}


def test_an_autoencoder():
    encoder = Sequential([layers.Dense(2, input_dim=3)])
    decoder = Sequential([layers.Dense(3, input_dim=2)])
    model = Sequential()
    model.add(AutoEncoder(encoder=encoder, decoder=decoder, output_reconstruction=True))
    (k1, _), (k2, _) = encoder.get_weights(), decoder.get_weights()
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(A, verbose=0), A @ k1 @ k2, rtol=1e-4, atol=1e-6)
    assert model.evaluate(A, A, verbose=0) == pytest.approx(
        np.mean((A @ k1 @ k2 - A) ** 2), rel=1e-4
    )
    model.layers[0].output_reconstruction = False
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(A, verbose=0), A @ k1, rtol=1e-4, atol=1e-6)
    again = AutoEncoder.from_config(model.layers[0].get_config())
    assert not again.output_reconstruction
