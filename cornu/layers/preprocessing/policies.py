"""RandAugment and AugMix: changes chosen at random from a list, for each image its own."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from cornu import engine, state, tree
from cornu.config import Within
from cornu.errors import UsageError, shown
from cornu.fields import DataFormat, Positive
from cornu.layers.preprocessing import pixels
from cornu.layers.preprocessing.augmentation import Augmentation, Factor, ImageLayer, ValueRange
from cornu.layers.preprocessing.color import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
)
from cornu.layers.preprocessing.geometry import (
    Interpolation,
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from cornu.layers.preprocessing.mixing import beta
from cornu.layers.preprocessing.photometry import (
    AutoContrast,
    Equalization,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)

Kinds = dict[type, dict[str, Any]]
"""Classes of layers, and the arguments that only they take."""


class _Policy(Augmentation):
    """Deals a batch out to the layers of `choices`: at each step one of them changes a sample.

    Samples are put into slots at random and a layer sees only its own slots, the same number for
    each layer. So every layer is as likely as the others for every sample, and a step costs about
    what one layer costs, where computing all and choosing then would cost all of them.
    """

    idle: ClassVar[int] = 0  # choices that change nothing
    interpolation: ClassVar[Any]
    value_range: ClassVar[Any]
    factor: ClassVar[Any]

    def set_up(self) -> None:
        """Make the layers to choose from."""
        super().set_up()
        self.choices: list[ImageLayer] = []
        for kind, options in self.kinds().items():
            name = f"{self.name}_{kind.__name__.removeprefix('Random').lower()}"
            common = {"data_format": self.data_format, "dtype": self.dtype_policy}
            common["bounding_box_format"] = self.bounding_box_format
            self.choices.append(kind(name=name, **options, **common))

    def kinds(self) -> Kinds:
        """The layers to choose from."""
        factor, way = self.factor, {"interpolation": self.interpolation}
        span = {"value_range": self.value_range}
        bits = max(1, int(8 * factor[1]))
        return {
            RandomShear: {"x_factor": factor, "y_factor": factor, **way},
            RandomTranslation: {"height_factor": factor, "width_factor": factor, **way},
            RandomRotation: {"factor": factor, **way},
            RandomPosterization: {"factor": bits, **span},
            Solarization: {"addition_factor": factor, "threshold_factor": factor, **span},
            AutoContrast: span,
            Equalization: span,
        }

    def more_kinds(self) -> Kinds:
        """Those that change light and colours."""
        kinds = (RandomBrightness, RandomColorDegeneration, RandomContrast, RandomSharpness)
        return {kind: {"factor": self.factor, "value_range": self.value_range} for kind in kinds}

    def deal(self, images_shape: Sequence[int], key: Any) -> dict[str, Any]:
        """Who gets which sample, and with what settings."""
        batch, count = images_shape[0], len(self.choices) + self.idle
        each = -(-batch // count)
        slots = engine.permutation(engine.fold(key, 0), each * count)[:batch]
        nobody = engine.np.zeros(each * count, "int32")
        part = (each, *images_shape[1:])
        return {
            "slots": slots,
            "samples": engine.put_at(nobody, slots, engine.np.arange(batch, dtype="int32")),
            "settings": [
                layer.draw(part, engine.fold(key, i))
                if isinstance(layer, Augmentation)
                else layer.settle(part, True)
                for i, layer in enumerate(self.choices, 1)
            ],
        }

    def dealt(self, part: str, x: Any, deal: dict[str, Any]) -> Any:
        """`x`, an array or a dict of arrays, after one step. `part`: "images" …."""
        held = tree.map_structure(lambda a: engine.np.take(a, deal["samples"], axis=0), x)
        each = len(deal["samples"]) // (len(self.choices) + self.idle)
        blocks = [_rows(held, i * each, (i + 1) * each) for i in range(len(self.choices))]
        for i, layer in enumerate(self.choices):
            blocks[i] = getattr(layer, f"augment_{part}")(blocks[i], deal["settings"][i])
        if self.idle:
            blocks.append(_rows(held, len(blocks) * each, None))
        return tree.map_structure(
            lambda *parts: engine.np.take(engine.np.concatenate(parts), deal["slots"], axis=0),
            *blocks,
        )


def _rows(x: Any, start: int, stop: int | None) -> Any:
    return tree.map_structure(lambda a: a[start:stop], x)


class RandAugment(_Policy):
    """In training: `num_ops` changes of each image, each drawn evenly from a list of eleven.

    They are shear, translation, rotation, brightness, color degeneration, contrast, sharpness,
    posterization, solarization, autocontrast and equalization, with the defaults of their layers.

    Args:
        value_range: least and greatest value of a pixel.
        num_ops: how many, one after another.
        factor: the `factor` of the layers, an interval within [0, 1]; a number means (0, number).
            Posterization keeps 1 … 8 * factor bits.
        interpolation: "bilinear" or "nearest", where pixels are moved.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.

    Source: Cubuk et al., "RandAugment", NeurIPS 2020.
    """

    value_range: ValueRange = (0, 255)
    num_ops: Positive = 2
    factor: Annotated[Any, Factor(0, 1)] = 0.5
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    data_format: DataFormat = None

    def kinds(self) -> Kinds:
        return {**super().kinds(), **self.more_kinds()}

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        state.afford(4 * state.TURN * self.num_ops)
        return [self.deal(images_shape, engine.fold(key, i)) for i in range(self.num_ops)]

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return self._after("images", images, drawn)

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        return self._after("bounding_boxes", bounding_boxes, drawn)

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        return self._after("segmentation_masks", segmentation_masks, drawn)

    def _after(self, part: str, x: Any, drawn: Any) -> Any:
        for deal in drawn:
            x = self.dealt(part, x, deal)
        return x


class AugMix(_Policy):
    """In training: each image mixed with a mixture of chains of changes of it.

    `w x + (1 - w) sum over chains of v_i chain_i(x)`, w drawn from Beta(alpha, alpha) and v from
    Dirichlet(alpha) for each image. A link of a chain is drawn evenly from the list of
    `RandAugment` and no change. Boxes and labels stay.

    Args:
        value_range: least and greatest value of a pixel; results stay within.
        num_chains: number of chains.
        chain_depth: links of each.
        factor: the `factor` of the layers, an interval within [0, 1]; a number means (0, number).
        alpha: as in the formula.
        all_ops: with False brightness, color degeneration, contrast and sharpness are left out.
        interpolation: "bilinear" or "nearest", where pixels are moved.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.

    Raises:
        UsageError: for masks that are numbers of classes, which cannot be mixed.

    Source: Hendrycks et al., "AugMix", ICLR 2020.
    """

    value_range: ValueRange = (0, 255)
    num_chains: Positive = 3
    chain_depth: Positive = 3
    factor: Annotated[Any, Factor(0, 1)] = 0.3
    alpha: Annotated[float, Within(0, open="(")] = 1.0
    all_ops: bool = True
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    data_format: DataFormat = None

    idle = 1

    def kinds(self) -> Kinds:
        return {**super().kinds(), **(self.more_kinds() if self.all_ops else {})}

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        batch = images_shape[0]
        chains = (self.num_chains * batch, *images_shape[1:])
        state.afford(4 * state.TURN * self.chain_depth)
        keys = [engine.fold(key, i) for i in range(self.chain_depth + 2)]
        logs = engine.log_gamma(keys[0], (self.num_chains, batch), self.alpha, "float32")
        shares = engine.np.exp(logs - engine.logsumexp(logs, 0, True))
        return {
            "deals": [self.deal(chains, k) for k in keys[2:]],
            "shares": shares,  # (chains, batch), a Dirichlet draw for each image
            "kept": beta(keys[1], (batch,), self.alpha),
        }

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.clipped(self._mixed("images", images, drawn), self.value_range)

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        if segmentation_masks.dtype.kind in "iub":
            raise UsageError(
                "E-MIX",
                f'AugMix "{self.name}" mixes masks, so they must be parts of classes and not '
                f"numbers of classes; got {shown(segmentation_masks)}. "
                "Use utils.to_categorical(masks, num_classes).",
            )
        return self._mixed("segmentation_masks", segmentation_masks, drawn)

    def _mixed(self, part: str, x: Any, drawn: Any) -> Any:
        many = engine.np.concatenate([x] * self.num_chains)
        for deal in drawn["deals"]:
            many = self.dealt(part, many, deal)
        many = many.reshape(self.num_chains, *x.shape)
        shares = engine.cast(drawn["shares"], x.dtype).reshape(self.num_chains, -1, 1, 1, 1)
        kept = pixels.each(drawn["kept"], x)
        return kept * x + (1 - kept) * engine.np.sum(shares * many, 0)
