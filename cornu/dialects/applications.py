"""What old scripts with networks of their own took from `keras.applications`."""

from typing import Any

from cornu.applications.network import Sizes, picture_shape
from cornu.dialects.backend_state import data_format_of

__all__ = ["obtain_input_shape"]


def obtain_input_shape(
    input_shape: Any,
    default_size: int,
    min_size: int,
    data_format: str | None = None,
    require_flatten: bool = True,
    weights: Any = None,
    *,
    dim_ordering: str | None = None,
    include_top: bool | None = None,
) -> tuple[int | None, ...]:
    """The shape of a network's pictures: `imagenet_utils._obtain_input_shape`.

    Args:
        input_shape: three sizes, or None for `default_size`.
        default_size: usual height and width.
        min_size: smallest height and width.
        data_format: order of the axes; `dim_ordering` before 2.0.
        require_flatten: whether height and width must be known; `include_top` before 2.1.
        weights: "imagenet" asks for three channels.

    Raises:
        UsageError: `E-NETWORK` for a shape that does not pass.
    """
    order = data_format_of(dim_ordering if data_format is None else data_format)
    whole = require_flatten if include_top is None else include_top
    return picture_shape(
        input_shape,
        Sizes(default_size, min_size),
        whole,
        pretrained=weights == "imagenet",
        first=order == "channels_first",
    )
