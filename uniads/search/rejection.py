"""The rule that rejects a trial which ran to its end."""

from collections.abc import Sequence
from statistics import median

from uniads.error import UserError


class Rejection:
    """Rejects outliers among the losses of one rung: loss > median + mad_factor * MAD of the rung's earlier trials.

    MAD is the median absolute deviation from the median, unscaled. If it is 0, as when most losses are equal, no loss
    is an outlier. This rule compares a trial with others after its training. NaN, infinity and a loss at chance level
    are found earlier, during the training itself.

    Args:
        mad_factor: above 0.
        earlier: no loss is an outlier before so many trials of the rung are known; at least 3.
        max_loss: a fixed bound, in nats; None for no bound.
    """

    def __init__(self, mad_factor: float = 4.0, earlier: int = 8, max_loss: float | None = None) -> None:
        if not mad_factor > 0:
            raise UserError(f"search.rejection.mad_factor must be above 0, got {mad_factor}")
        if earlier < 3:
            raise UserError(f"search.rejection.earlier must be at least 3, got {earlier}")
        self.mad_factor = mad_factor
        self.earlier = earlier
        self.max_loss = max_loss

    def reason(self, loss: float, earlier: Sequence[float]) -> str:
        """Why a loss is rejected; an empty string if it is not.

        Args:
            loss: the trial's validation loss, finite.
            earlier: losses of the trials of the same rung that were known before its batch started.
        """
        if self.max_loss is not None and loss > self.max_loss:
            return f"loss {loss:.4g} above search.rejection.max_loss {self.max_loss:.4g}"
        if len(earlier) < self.earlier:
            return ""
        center = median(earlier)
        spread = median(abs(value - center) for value in earlier)
        bound = center + self.mad_factor * spread
        if spread == 0 or loss <= bound:
            return ""
        return f"loss {loss:.4g} above {bound:.4g}, the rung's median + {self.mad_factor:g} MAD"
