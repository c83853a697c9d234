"""Vectors in the plane: projections by eigenvectors, files read back, the page in a browser."""

import builtins
import json
import re

import numpy as np
import pytest

from cornu import visualization
from cornu.layers import Embedding
from cornu.visualization.embeddings_page import nearest
from visualization.models import HOSTILE

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(40, 5)) * [5, 1, 3, 0.2, 0.1]
LABELS = np.arange(40) % 3


def test_pca_is_that_of_the_covariance():
    found = visualization.project_embeddings(VECTORS, 3)
    centred = VECTORS - VECTORS.mean(axis=0)
    sizes, directions = np.linalg.eigh(centred.T @ centred)
    for i in range(3):
        along = directions[:, -1 - i]
        along = along * np.sign(along[np.abs(along).argmax()])
        assert np.allclose(found[:, i], centred @ along)
    assert np.allclose((found**2).sum(axis=0), sizes[::-1][:3])


def test_vectors_of_an_embedding_layer():
    layer = Embedding(6, 4)
    with pytest.raises(ValueError, match="E-UNBUILT"):
        visualization.project_embeddings(layer)
    layer.build((None,))
    wanted = visualization.project_embeddings(layer.get_weights()[0])
    assert np.array_equal(visualization.project_embeddings(layer), wanted)


@pytest.mark.slow
def test_tsne_keeps_groups_apart():
    pytest.importorskip("sklearn")
    groups = np.concatenate([RNG.normal(size=(15, 8)), 40 + RNG.normal(size=(15, 8))])
    found = visualization.project_embeddings(groups, method="tsne")
    assert found.shape == (30, 2)
    gap = np.linalg.norm(found[:15].mean(axis=0) - found[15:].mean(axis=0))
    assert gap > 2 * max(found[:15].std(), found[15:].std())
    assert np.array_equal(found, visualization.project_embeddings(groups, method="tsne"))


def test_tsne_without_scikit_learn(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "cornu\[sklearn\]".*"pca" does not'):
        visualization.project_embeddings(VECTORS, method="tsne")


@pytest.mark.parametrize(
    ("vectors", "said", "code"),
    [
        (np.zeros(3), {}, "E-EMBEDDING"),
        (np.zeros((2, 3, 4)), {}, r"reshape\(len\(x\), -1\).*E-EMBEDDING"),
        (np.array([["a", "b"]]), {}, "E-EMBEDDING"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), {}, "1 of 2 vectors are not finite"),
        (VECTORS, {"dimensions": 6}, "at most 5.*E-EMBEDDING"),
        (VECTORS, {"method": "umap"}, "E-CHOICE"),
    ],
)
def test_what_cannot_be_projected(vectors, said, code):
    with pytest.raises(ValueError, match=code):
        visualization.project_embeddings(vectors, **said)


def test_a_picture_in_the_colours_of_labels(tmp_path):
    pytest.importorskip("matplotlib")
    figure = visualization.plot_embeddings(
        VECTORS, names=[f"${i}$" for i in range(40)], labels=LABELS, path=tmp_path / "points.png"
    )
    (axes,) = figure.axes
    at = visualization.project_embeddings(VECTORS)
    assert [c.get_label() for c in axes.collections] == ["0", "1", "2"]
    for kind, points in enumerate(axes.collections):
        assert np.allclose(points.get_offsets(), at[LABELS == kind])
    assert [t.get_text() for t in axes.texts][:2] == ["$0$", "$1$"]
    assert (tmp_path / "points.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="40 vectors, but names has 2.*E-LENGTHS"):
        visualization.plot_embeddings(VECTORS, names=["a", "b"])


def test_files_of_the_projector(tmp_path):
    names = [f"word\t{i}" for i in range(40)]
    assert visualization.write_embeddings(tmp_path / "both", VECTORS, names, LABELS).is_dir()
    assert np.allclose(np.loadtxt(tmp_path / "both" / "vectors.tsv", delimiter="\t"), VECTORS)
    rows = (tmp_path / "both" / "metadata.tsv").read_text().splitlines()
    assert rows[:2] == ["name\tlabel", "word\\t0\t0"] and len(rows) == 41
    visualization.write_embeddings(tmp_path / "one", VECTORS, names)
    assert (tmp_path / "one" / "metadata.tsv").read_text().splitlines()[:1] == ["word\\t0"]
    visualization.write_embeddings(tmp_path / "none", VECTORS)
    assert [p.name for p in (tmp_path / "none").iterdir()] == ["vectors.tsv"]


def test_neighbours_by_their_angle():
    found = nearest(VECTORS)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    assert np.array_equal(found, np.argsort(-cosines, axis=1)[:, :10])
    assert nearest(np.zeros((1, 2))).shape == (1, 0) and nearest(np.ones((3, 2))).shape == (3, 2)


def test_a_page_holds_only_so_many(tmp_path):
    with pytest.raises(ValueError, match="20,000 points.*E-EMBEDDING"):
        visualization.write_embeddings(tmp_path / "points.html", np.zeros((20_001, 2)))
    assert not list(tmp_path.iterdir())


def test_the_page_in_a_browser(tmp_path, page):
    names = [HOSTILE, *(f"word {i}" for i in range(1, 40))]
    path = visualization.write_embeddings(
        tmp_path / "points.html", VECTORS, names, [f"kind {i}" for i in LABELS], title=HOSTILE
    )
    text = path.read_text("utf-8")
    assert not re.search(r"https?:|src=[^x]|href=|url\(|@import|<img", text)
    shown = page(path, width=1000, height=700)
    known = HOSTILE.replace("\x1b", "\\x1b")
    assert shown("document.querySelector('h1').textContent") == known
    at = visualization.project_embeddings(VECTORS)
    far = np.hypot(*(at - at[7]).T)
    alone = int(np.argsort(far)[1])
    x, y = shown("(() => { const b = canvas.getBoundingClientRect(), p = place(7);"
                 "return [b.x + p[0], b.y + p[1]]; })()")  # fmt: skip
    ours = np.array(shown("data.x")), np.array(shown("data.y"))
    centred = at - at.mean(axis=0)
    assert np.allclose(np.stack(ours, 1), centred / np.abs(centred).max(), atol=1e-5)
    shown.click(x, y)
    assert shown("chosen") in (7, alone)
    shown("choose(7)")
    assert shown("panel.querySelector('h2').textContent") == "word 7"
    near = [names[i] for i in nearest(VECTORS)[7]]
    near = [name.replace("\x1b", "\\x1b") for name in near]
    assert shown("[...panel.querySelectorAll('.go')].map((e) => e.textContent)") == near
    before = shown("scale")
    shown.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    assert shown("scale") > 1.5 * before
    inside = "canvas.getBoundingClientRect()"
    moved = shown(f"(() => {{ const b = {inside}, p = place(7);"
                  "return [b.x + p[0], b.y + p[1]]; })()")  # fmt: skip
    assert moved == pytest.approx([x, y], abs=0.5)
    shown.key("Escape")
    shown.key("/", "/")
    shown.send("Input.insertText", text="onerror")
    assert shown("found.textContent") == known
    shown.key("Enter", "\r")
    assert shown("chosen") == 0 and shown("panel.querySelector('h2').textContent") == known
    shown("get('key').children[1].click()")
    assert shown("shown(1)") is False and shown("shown(2)") is True
    colored = "pen.getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v)"
    assert shown(colored) and shown("document.querySelectorAll('img').length") == 0
    assert shown.wrong() == [] and shown.requests() == [path.as_uri()]
    assert json.loads(shown("JSON.stringify(data.labels)")) == ["kind 0", "kind 1", "kind 2"]
