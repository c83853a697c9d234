"""`keras.utils.losses_utils`: what a loss does with the losses of the samples."""

__all__ = ["Reduction"]


class Reduction:
    """The names of ways to reduce, as attributes: `Reduction.SUM` is what `reduction="sum"` is."""

    AUTO = "sum_over_batch_size"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)
