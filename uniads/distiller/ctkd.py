"""Curriculum temperature: KD at a temperature that is trained against the student."""

from math import cos, isfinite, pi
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniads.distiller.base import Context
from uniads.distiller.course import Course
from uniads.distiller.label import check_classes
from uniads.distiller.term import Loss
from uniads.error import UserError
from uniads.knowledge import Batch, Knowledge


@final
class CTKD(Loss):
    """weight * T² KL(softmax(z_t / T) || softmax(z_s / T)), T = low + (high − low) σ(θ), in nats, mean over the batch.

    θ is one number for all images. It trains with the student, by the same optimizer (weight decay included) and on the
    same loss, but its gradient, through T² and both softmaxes, is multiplied by
    λ = −(1 − cos(π min((e + 1) / (ramp · epochs), 1))) / 2 in epoch e = 0, 1, ...: from nearly 0 to −1, so that the
    temperature comes to make the task harder. λ touches the student's gradient nowhere. θ is part of the state.

    Source: arXiv:2211.16231, the global variant, and its code, whose values are T from 1 to 21, θ = 1 at first (T is
    15.6), 10 of 240 epochs, 0.9 KD beside 0.1 cross-entropy. A ramp shorter than an epoch gives λ = −1 throughout.

    Args:
        weight: 0 or more.
        low: the temperature's lower bound, above 0.
        high: its upper bound, above low and finite; neither is reached.
        start: θ before the training, finite.
        ramp: share of the epochs in which λ goes to −1, 0 to 1.

    Raises:
        UserError: a value is out of its range.
    """

    knowledge: ClassVar[str] = "logits"
    needs_batch: ClassVar[bool] = False

    def __init__(
        self, weight: float = 0.9, low: float = 1.0, high: float = 21.0, start: float = 1.0, ramp: float = 10 / 240
    ) -> None:
        super().__init__(weight)
        if not (0 < low < high and isfinite(high)):
            raise UserError(
                f"distiller.ctkd.low must be above 0, and distiller.ctkd.high above it and finite, got {low} and {high}"
            )
        if not isfinite(start):
            raise UserError(f"distiller.ctkd.start must be finite, got {start}")
        if not 0 <= ramp <= 1:
            raise UserError(f"distiller.ctkd.ramp must be a share of the epochs from 0 to 1, got {ramp}")
        self.low, self.high = low, high
        self.pace = Course(float(ramp))  # of the reversal; the weight has none
        self.reversal = -1.0
        self.theta = nn.Parameter(torch.tensor(float(start)))

    @property
    def needs_features(self) -> bool:
        return False

    def formula(self) -> str:
        return f"{self.weight:g} * T² * KL(logits / T), T = {self.low:g} + {self.high - self.low:g} σ(θ), θ trained"

    def prepare(self, context: Context) -> None:
        """Check that both sides know the same classes; θ is there already.

        Raises:
            UserError: they don't.
        """
        check_classes(context, "CTKD")

    def set_epoch(self, epoch: int, epochs: int) -> None:
        self.reversal = (cos(pi * self.pace.share(epoch, epochs)) - 1) / 2

    @property
    def temperature(self) -> Tensor:
        """T, a scalar, whose gradient gets to θ multiplied by λ."""
        still = self.theta.detach()
        theta = still + self.reversal * (self.theta - still)  # is θ, to the bit
        return self.low + (self.high - self.low) * theta.sigmoid()

    def compute(self, student: Knowledge, teacher: Knowledge, batch: Batch) -> Tensor:
        tau = self.temperature
        own, taught = ((known.logits / tau).log_softmax(1) for known in (student, teacher))
        return tau**2 * F.kl_div(own, taught, reduction="batchmean", log_target=True)
