"""What a trained model answers inside, what it looks at, and what it would like to see.

All return NumPy arrays. Everything is compiled at the first call for a model and a shape.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, graph, tree
from cornu.errors import UsageError, shown
from cornu.graph import Tensor
from cornu.visualization.opened import Opened, before_activation


def layer_activations(
    model: Any, x: Any, layers: Any = None, training: bool = False
) -> dict[str, Any]:
    """What the layers answer to `x`: one compiled call for all of them.

    Args:
        model: a Model made of Tensors, or Sequential.
        x: inputs, batch first.
        layers: names, numbers or layers; all by default. Layers of models inside are found by
            path ("base/conv1").
        training: the phase.

    Returns:
        Name (path) -> array; a list of arrays for a layer with several outputs, or called several
        times.

    Raises:
        UsageError: for an unknown layer, with the nearest name.

    Example:
        >>> layer_activations(model, images[:1], ["conv1", "dense"])
    """
    opened = Opened.of(model, x)
    paths = tuple(opened.paths(layers))

    def make() -> tuple:
        return (), [v[0] if len(v) == 1 else v for v in (opened.calls[p] for p in paths)]

    found = opened.function(("activations", paths), make)(opened.feeds(x), training)
    return dict(zip(paths, tree.map_structure(engine.numpy, found), strict=True))


# ---------------------------------------------------------------- which inputs matter


def saliency(
    model: Any,
    x: Any,
    output: Any = None,
    smooth: int = 0,
    noise: float = 0.15,
    layer: Any = None,
    head: Any = None,
    logits: bool = True,
    seed: int | None = None,
) -> Any:
    """How the score of a class changes with each input: d score / d x.

    With `smooth` the mean over that many noisy copies of `x` (SmoothGrad), which says more where
    the gradient flickers.

    Args:
        model: any Model.
        x: inputs, batch first.
        output: class number, or one for each sample; by default the class with the highest score.
        smooth: number of noisy copies; 0 for the plain gradient.
        noise: standard deviation of the noise, as a share of max(x) - min(x) of each sample.
        layer: a layer at whose output the gradient is taken instead, as for whole-number inputs.
        head: which output of several, by name or number.
        logits: whether the score is taken before a last softmax or sigmoid, as the papers do.
        seed: of the noise.

    Returns:
        Array of the shape of `x` (of the layer's output with `layer`); a list for several inputs.

    Raises:
        UsageError: where inputs are whole numbers, or a class does not exist.

    Source: Simonyan et al. 2013 (arXiv:1312.6034), Smilkov et al. 2017 (arXiv:1706.03825).
    """
    opened = Opened.of(model, x)
    path = None if layer is None else opened.path(layer)

    def make() -> tuple:
        points = opened.begins if path is None else [opened.output_of(path)]
        _require_floats(points)
        chosen, score, used = _scored(opened, head, logits)
        return [chosen], (graph.gradients(score, points), used)

    run = opened.function(("saliency", path, head, logits), make)
    feeds = opened.feeds(x)
    wanted = _classes(opened, output, head, len(feeds[0]))
    slopes, used = run([*feeds, wanted])
    if smooth:
        rng = np.random.default_rng(seed)
        every = [run([*_noisy(feeds, noise, rng), used])[0] for _ in range(smooth)]
        slopes = [sum(each[1:], each[0]) / smooth for each in zip(*every, strict=True)]
    found = [engine.numpy(s) for s in slopes]
    return found[0] if len(found) == 1 else found


def _require_floats(points: Sequence[Tensor]) -> None:
    whole = next((t for t in points if "float" not in t.dtype), None)
    if whole is not None:
        raise UsageError(
            "E-SALIENCY",
            f'"{whole.name}" holds {whole.dtype}, which has no gradient. Take it at the layer that '
            'reads it: saliency(model, x, layer="embedding").',
        )


def _noisy(feeds: Sequence[np.ndarray], noise: float, rng: Any) -> list[np.ndarray]:
    made = []
    for value in feeds:
        if value.dtype.kind == "f" and value.size:
            axes = tuple(range(1, value.ndim))
            spread = value.max(axes, keepdims=True) - value.min(axes, keepdims=True)
            value = value + (noise * spread * rng.normal(size=value.shape)).astype(value.dtype)
        made.append(value)
    return made


@graph.op
def _class_score(y: Any, chosen: Any) -> tuple:
    """(batch, ..., classes), (batch,): scores (batch,), the mean over what lies between; classes.

    A class of -1 stands for the one with the highest score.
    """
    np_ = engine.np
    rows = np_.reshape(y, (y.shape[0], -1, y.shape[-1] if y.ndim > 1 else 1))
    means = np_.mean(rows, axis=1)  # (batch, classes)
    used = np_.where(chosen < 0, np_.argmax(means, axis=1).astype(chosen.dtype), chosen)
    return np_.take_along_axis(means, used[:, None], axis=1)[:, 0], used


def _scored(opened: Opened, head: Any, logits: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The placeholder of class numbers, the scores, the class numbers that were used."""
    tensor = opened.head(head)
    chosen = Tensor((None,), "int32", name="class numbers")
    return chosen, *_class_score(before_activation(tensor) if logits else tensor, chosen)


def _classes(opened: Opened, output: Any, head: Any, samples: int) -> np.ndarray:
    """A class number for each sample, -1 where it is to be found."""
    if output is None:
        return np.full(samples, -1, "int32")
    shape = opened.head(head).shape
    count = 1 if len(shape) < 2 else shape[-1]
    return np.broadcast_to(_numbers(output, count, "output"), (samples,))


def _numbers(given: Any, count: int | None, name: str) -> np.ndarray:
    """Numbers from 0 to count - 1, negative ones counted from the end."""
    numbers = np.asarray(given)
    high = np.inf if count is None else count
    if numbers.dtype.kind not in "iu" or (numbers >= high).any() or (numbers < -high).any():
        raise UsageError(
            "E-OUTPUT-INDEX",
            f"{name} must be whole numbers from 0 to {high - 1}; got {shown(given)}.",
        )
    return np.where(numbers < 0, numbers + (count or 0), numbers).astype("int32")


def grad_cam(
    model: Any, x: Any, layer: Any = None, output: Any = None, head: Any = None, logits: bool = True
) -> np.ndarray:
    """Where a convolution sees what speaks for a class.

    `relu(sum_k a_k A_k)` with the layer's maps A and `a_k` the mean over space of d score / d A_k.

    Args:
        model: a Model made of Tensors; the layer may lie in a model inside of it.
        x: inputs, batch first.
        layer: name, path or layer whose output has space axes; the last convolution by default.
        output, head, logits: as for `saliency`.

    Returns:
        Maps in the layer's resolution, shape (batch, height, width) for images.

    Raises:
        UsageError: where there is no convolution, or the layer has no space axes.

    Source: Selvaraju et al. 2017 (arXiv:1610.02391), equations 1 and 2.
    """
    opened = Opened.of(model, x)
    path = opened.last_convolution() if layer is None else opened.path(layer)

    def make() -> tuple:
        maps = opened.output_of(path)
        if maps.ndim < 3:
            raise UsageError(
                "E-NO-CONVOLUTION",
                f'layer "{path}" has an output of shape {maps.shape}, without space axes.',
            )
        first = opened.data_format(opened.layers[path]) == "channels_first"
        chosen, score, _ = _scored(opened, head, logits)
        (slopes,) = graph.gradients(score, maps)
        return [chosen], _cam(maps, slopes, axis=1 if first else maps.ndim - 1)

    run = opened.function(("grad_cam", path, head, logits), make)
    feeds = opened.feeds(x)
    return engine.numpy(run([*feeds, _classes(opened, output, head, len(feeds[0]))]))


@graph.op
def _cam(maps: Any, slopes: Any, axis: int) -> Any:
    np_ = engine.np
    space = tuple(i for i in range(1, maps.ndim) if i != axis)
    weights = np_.mean(slopes, axis=space, keepdims=True)  # one for each map
    return np_.maximum(np_.sum(weights * maps, axis=axis), 0)


def occlusion(
    model: Any,
    x: Any,
    output: Any = None,
    size: int = 8,
    stride: int | None = None,
    value: float = 0.0,
    head: Any = None,
    batch_size: int = 32,
) -> np.ndarray:
    """How far the score of a class falls when a patch of the input is covered.

    Args:
        model: any Model with one input that has space axes.
        x: inputs, batch first.
        output, head: as for `saliency`; the score is the model's own output.
        size: side of the patch.
        stride: steps between patches; half of `size` by default.
        value: what the patch is filled with.
        batch_size: most inputs computed at once.

    Returns:
        score(x) - score(covered x), a map of patches from the upper left: (batch, rows, columns)
        for images. A high number: that place speaks for the class.

    Raises:
        UsageError: for an input without space axes, or a patch that is larger.

    Source: Zeiler and Fergus 2014 (arXiv:1311.2901), section 4.2.
    """
    opened = Opened.of(model, x)
    feeds = opened.feeds(x)
    if len(feeds) != 1 or feeds[0].ndim < 3:
        raise UsageError(
            "E-RANK",
            "occlusion takes one input with space axes, as (batch, height, width, channels); got "
            f"{', '.join(str(f.shape) for f in feeds)}.",
        )
    (images,) = feeds
    first = 2 if opened.data_format() == "channels_first" else 1
    space = tuple(range(first, first + images.ndim - 2))
    step = stride_of(size, stride)
    if min(size, step) < 1 or any(images.shape[i] < size for i in space):
        raise UsageError(
            "E-WINDOW", f"a patch of size={size}, stride={step} does not fit x, {images.shape}."
        )

    def make() -> tuple:
        chosen, score, used = _scored(opened, head, logits=False)
        return [chosen], (score, used)

    run = opened.function(("scores", head), make)
    clean, used = run([images, _classes(opened, output, head, len(images))])
    corners = [range(0, images.shape[i] - size + 1, step) for i in space]
    covers = [
        tuple([slice(None)] * first + [slice(c, c + size) for c in corner])
        for corner in itertools.product(*corners)
    ]
    scores = _covered(run, images, np.asarray(used), covers, value, batch_size)
    drops = engine.numpy(clean)[:, None] - scores  # (batch, patches)
    return drops.reshape(len(images), *map(len, corners))


def stride_of(size: int, stride: int | None) -> int:
    """The steps between patches: half of their size where nothing is said."""
    return max(size // 2, 1) if stride is None else stride


def _covered(
    run: Any, images: np.ndarray, used: np.ndarray, covers: list, value: float, batch_size: int
) -> np.ndarray:
    """Scores of every image under every cover: (batch, covers). All calls are of one shape."""
    count = max(batch_size // len(images), 1)
    found = []
    for begin in range(0, len(covers), count):
        some = [covers[min(begin + i, len(covers) - 1)] for i in range(count)]
        copies = np.repeat(images[None], count, axis=0)  # (covers, batch, ...)
        for copy, cover in zip(copies, some, strict=True):
            copy[cover] = value
        scores, _ = run([copies.reshape(-1, *images.shape[1:]), np.tile(used, count)])
        found.append(engine.numpy(scores).reshape(count, len(images)))
    return np.concatenate(found)[: len(covers)].T


# ---------------------------------------------------------------- what a filter would like to see


class Maximized(NamedTuple):
    """Inputs (n, *shape) made to raise an activation, and their scores: (steps + 1, n)."""

    inputs: np.ndarray
    scores: np.ndarray


def maximize(
    model: Any,
    layer: Any,
    filter: Any = None,
    steps: int = 100,
    start: Any = None,
    step: float = 0.1,
    decay: float = 0.0,
    scale: float = 0.1,
    logits: bool = True,
    seed: int | None = None,
) -> Maximized:
    """Inputs that please a filter: gradient ascent, `x += step * g / sqrt(mean(g ** 2))`.

    The score is the mean of the filter's answer over space; without a filter that of the squares
    of all answers, which makes a picture dream of what is in it already.

    Args:
        model: a Model made of Tensors, with one floating input.
        layer: name, path or layer.
        filter: number of a filter or unit, or several numbers: an input for each.
        steps: steps of ascent.
        start: inputs to begin from, batch first; noise of deviation `scale` by default.
        step: length of a step, in units of the input.
        decay: share by which inputs shrink in each step.
        scale: deviation of the noise to begin from.
        logits: whether a last softmax or sigmoid is left out.
        seed: of the noise.

    Returns:
        `(inputs, scores)`; the scores of step 0 are those of `start`.

    Raises:
        UsageError: where the input's size is not known and there is no `start`.

    Source: Erhan et al. 2009 (Visualizing Higher-Layer Features of a Deep Network);
    Mordvintsev et al. 2015 (DeepDream).

    Example:
        >>> images, scores = maximize(model, "conv3", filter=[0, 1, 2])
    """
    opened = Opened.of(model)
    path = opened.path(layer)
    run = opened.function(
        ("maximize", path, filter is None, logits),
        lambda: _ascent(opened, path, filter is None, logits),
    )
    answer = opened.output_of(path)
    axis = _channels(opened, path, answer)
    filters = np.atleast_1d(_numbers(0 if filter is None else filter, answer.shape[axis], "filter"))
    x = _beginning(opened, start, len(filters), scale, seed)
    if len(filters) not in (1, len(x)):
        raise UsageError("E-LENGTHS", f"start has {len(x)} inputs but filter {len(filters)}.")
    chosen = np.broadcast_to(filters, (len(x),))
    kind = opened.begins[0].dtype
    lengths = [np.asarray(step, kind), np.asarray(decay, kind)]
    scores = []
    for _ in range(steps):
        score, x = run([x, chosen, *lengths])
        scores.append(score)
    scores.append(run([x, chosen, *lengths])[0])
    return Maximized(engine.numpy(x), engine.numpy(engine.np.stack(scores)))


def _channels(opened: Opened, path: str, answer: Tensor) -> int:
    first = answer.ndim > 2 and opened.data_format(opened.layers[path]) == "channels_first"
    return 1 if first else answer.ndim - 1


def _ascent(opened: Opened, path: str, dream: bool, logits: bool) -> tuple:
    answer = opened.output_of(path)
    answer = before_activation(answer) if logits else answer
    begins = opened.begins
    if len(begins) != 1:
        raise UsageError(
            "E-INPUTS", f"maximize moves one input; the model has {len(begins)} of them."
        )
    _require_floats(begins)
    chosen = Tensor((None,), "int32", name="filters")
    step, decay = (Tensor((), begins[0].dtype, name=name) for name in ("step", "decay"))
    axis = _channels(opened, path, answer)
    score = _squares(answer) if dream else _answer(answer, chosen, axis=axis)
    (slope,) = graph.gradients(score, begins)
    return [chosen, step, decay], (score, _raised(begins[0], slope, step, decay))


@graph.op
def _answer(y: Any, chosen: Any, axis: int) -> Any:
    """(batch, ...), (batch,): the mean over space of one filter for each sample: (batch,)."""
    np_ = engine.np
    y = np_.moveaxis(y, axis, -1)
    means = np_.mean(np_.reshape(y, (y.shape[0], -1, y.shape[-1])), axis=1)
    return np_.take_along_axis(means, chosen[:, None], axis=1)[:, 0]


@graph.op
def _squares(y: Any) -> Any:
    return engine.np.mean(y * y, axis=tuple(range(1, y.ndim)))


@graph.op
def _raised(x: Any, slope: Any, step: Any, decay: Any) -> Any:
    np_ = engine.np
    axes = tuple(range(1, x.ndim))
    length = np_.sqrt(np_.mean(slope * slope, axis=axes, keepdims=True))
    return (1 - decay) * x + step * slope / np_.maximum(length, 1e-12)


def _beginning(
    opened: Opened, start: Any, count: int, scale: float, seed: int | None
) -> np.ndarray:
    if start is not None:
        (given,) = opened.feeds(start)
        return np.repeat(given, count, axis=0) if len(given) == 1 else given
    shape = opened.begins[0].shape[1:]
    if None in shape:
        raise UsageError(
            "E-SHAPE-UNKNOWN",
            f"the model takes inputs of any size, shape {opened.begins[0].shape}: pass start=, an "
            "array of the size to make.",
        )
    size = (count, *(int(n) for n in shape if n is not None))
    noise = np.random.default_rng(seed).normal(0, scale, size)
    return noise.astype(opened.begins[0].dtype)
