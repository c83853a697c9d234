"""Vectors in two dimensions: what lies near what, as a picture, a page or TensorBoard's files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu import engine
from cornu.errors import UsageError, printable, shown
from cornu.layers import Embedding
from cornu.saving.files import write_together
from cornu.visualization.embeddings_page import MOST, embeddings_page
from cornu.visualization.figures import finished, new_figure

METHODS = ("pca", "tsne")
NAMED = 40
"""Most points of a picture that have their names beside them."""

KINDS = 20

FEW = 300
"""For so few vectors the sum over all pairs is quicker than its approximation."""


def project_embeddings(
    vectors: Any, dimensions: int = 2, method: str = "pca", seed: int | None = 0
) -> np.ndarray:
    """Vectors in few dimensions that still tell them apart.

    "pca": the directions in which they differ most, U S of the centred vectors' singular values,
    each with the sign that makes its largest part positive. "tsne": neighbours stay neighbours, by
    scikit-learn.

    Args:
        vectors: shape (n, features); or an Embedding layer, of which all vectors are taken.
        dimensions: of the result.
        method: "pca" or "tsne".
        seed: of "tsne".

    Returns:
        Array (n, dimensions), float64.

    Raises:
        ImportError: for "tsne" without scikit-learn.
        UsageError: for what are no vectors, an unknown method, and too many dimensions.

    Source: van der Maaten and Hinton 2008 (Visualizing Data using t-SNE).
    """
    table = _table(vectors).astype("float64")
    if method not in METHODS:
        raise UsageError("E-CHOICE", f"method must be {' or '.join(METHODS)}; got {shown(method)}.")
    if not 1 <= dimensions <= min(table.shape):
        raise UsageError(
            "E-EMBEDDING",
            f"{table.shape[0]} vectors of {table.shape[1]} features have at most "
            f"{min(table.shape)} dimensions to be drawn in; got dimensions={dimensions}.",
        )
    return _pca(table, dimensions) if method == "pca" else _tsne(table, dimensions, seed)


def _table(vectors: Any) -> np.ndarray:
    if isinstance(vectors, Embedding):
        if not vectors.built:
            raise UsageError("E-UNBUILT", f'"{vectors.name}" has no vectors yet: build the model.')
        vectors = engine.numpy(vectors.embeddings.value)
    table = np.asarray(vectors)
    if table.ndim != 2 or not table.size or table.dtype.kind not in "fiu":
        raise UsageError(
            "E-EMBEDDING",
            f"vectors must be numbers of shape (n, features); got {shown(vectors)}. Images and "
            "sequences become vectors by x.reshape(len(x), -1).",
        )
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).any(axis=1).sum())
        raise UsageError("E-EMBEDDING", f"{bad} of {len(table)} vectors are not finite.")
    return table


def _pca(table: np.ndarray, dimensions: int) -> np.ndarray:
    centred = table - table.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    right = right[:dimensions]
    signs = np.sign(right[np.arange(dimensions), np.abs(right).argmax(axis=1)])
    return left[:, :dimensions] * sizes[:dimensions] * np.where(signs == 0, 1, signs)


def _tsne(table: np.ndarray, dimensions: int, seed: int | None) -> np.ndarray:
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError(
            'method="tsne" needs scikit-learn: pip install "cornu[sklearn]"; method="pca" does not.'
        ) from error
    near = min(30.0, (len(table) - 1) / 3)
    way = "exact" if len(table) <= FEW else "barnes_hut"
    made = TSNE(dimensions, perplexity=near, init="pca", random_state=seed, method=way)
    return made.fit_transform(table).astype("float64")


def _words(name: str, words: Sequence[Any] | None, count: int) -> list[str] | None:
    if words is None:
        return None
    if len(words) != count:
        raise UsageError(
            "E-LENGTHS", f"there are {count} vectors, but {name} has {len(words)} entries."
        )
    return [printable(str(word)).replace("\n", "\\n") for word in words]


def _kinds(labels: Sequence[Any] | None, words: list[str] | None) -> list[str]:
    """Every label once, in their own order where they have one."""
    if labels is None or words is None:
        return []
    try:
        order = sorted(range(len(words)), key=lambda i: labels[i])
    except TypeError:
        order = range(len(words))
    return list(dict.fromkeys(words[i] for i in order))


def plot_embeddings(
    vectors: Any,
    names: Sequence[Any] | None = None,
    labels: Sequence[Any] | None = None,
    method: str = "pca",
    seed: int | None = 0,
    path: str | Path | None = None,
) -> Any:
    """Vectors as points of a plane, in the colours of their labels.

    Args:
        vectors, method, seed: as for `project_embeddings`.
        names: one for each vector; they stand beside the points where these are few.
        labels: the class of each vector, which gives it its colour.
        path: where to write the picture.

    Raises:
        ImportError: without matplotlib, or for "tsne" without scikit-learn.
        UsageError: for what are no vectors, and for names or labels of another number.
    """
    at = project_embeddings(vectors, 2, method, seed)
    named, kinds = _words("names", names, len(at)), _words("labels", labels, len(at))
    figure = new_figure(6.5, 5.5)
    axes = figure.subplots()
    known = _kinds(labels, kinds) or [""]
    for i, kind in enumerate(known):
        some = at if kinds is None else at[[k == kind for k in kinds]]
        color = f"C{i % 10}" if len(known) <= KINDS else None
        axes.scatter(*some.T, s=14, alpha=0.8, linewidths=0, label=kind, color=color)
    if kinds is not None and len(known) <= KINDS:
        axes.legend(fontsize=8, markerscale=1.6)
    if named is not None and len(at) <= NAMED:
        for name, (x, y) in zip(named, at, strict=True):
            axes.annotate(name, (x, y), (4, 3), textcoords="offset points", fontsize=8,
                          parse_math=False)  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", "datalim")
    return finished(figure, path)


def write_embeddings(
    path: str | Path,
    vectors: Any,
    names: Sequence[Any] | None = None,
    labels: Sequence[Any] | None = None,
    method: str = "pca",
    seed: int | None = 0,
    title: str = "Embeddings",
) -> Path:
    """Write vectors as a page (HTML) to zoom and search, or as TensorBoard's projector takes them.

    Args:
        path: a name that ends in ".html" for a page that needs no network; any other is a folder,
            with `vectors.tsv` and, where there are names or labels, `metadata.tsv`, in the form
            that TensorBoard's projector loads.
        vectors, method, seed: as for `project_embeddings`; the projector's files have the vectors
            as they are.
        names: one for each vector; their numbers by default.
        labels: the class of each vector, which gives it its colour.
        title: of the page.

    Returns:
        The path.

    Raises:
        UsageError: for what are no vectors, for names or labels of another number, and for more
            vectors than a page holds.
    """
    table, target = _table(vectors), Path(path)
    named, kinds = _words("names", names, len(table)), _words("labels", labels, len(table))
    if target.suffix.lower() in (".html", ".htm"):
        if len(table) > MOST:
            raise UsageError(
                "E-EMBEDDING",
                f"a page holds {MOST:,} points; there are {len(table):,}. Take some of them: "
                f"vectors[:{MOST}]; or write a folder for TensorBoard's projector.",
            )
        at = project_embeddings(table, 2, method, seed)
        known = _kinds(labels, kinds)
        text = embeddings_page(at, table, named, kinds, known, title).encode()
        write_together([(target, lambda file: file.write(text))])
        return target
    target.mkdir(parents=True, exist_ok=True)
    files = [(target / "vectors.tsv", _lines([map("{:.7g}".format, row) for row in table]))]
    if named is not None or kinds is not None:
        files.append((target / "metadata.tsv", _metadata(named, kinds)))
    write_together([(name, lambda file, data=data: file.write(data)) for name, data in files])
    return target


def _metadata(names: list[str] | None, labels: list[str] | None) -> bytes:
    """One column has no head, two have one: so the projector reads them."""
    if names is None or labels is None:
        return _lines([[word] for word in names or labels or ()])
    return _lines([["name", "label"], *zip(names, labels, strict=True)])


def _lines(rows: Sequence[Any]) -> bytes:
    lines = ("\t".join(cell.replace("\t", " ") for cell in row) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
