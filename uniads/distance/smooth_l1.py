"""Squared where the difference is small, absolute where it is large."""

from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance


class SmoothL1(Distance):
    """D(s, t) = mean h(s − t), over all elements, with h(d) = d²/2 for |d| < 1, else |d| − 1/2.

    Source: Fast R-CNN, arXiv:1504.08083, Eq. 3; in distillation, relational KD, arXiv:1904.05068.

    Example:
        >>> from torch import tensor
        >>> SmoothL1()(tensor([[0.0, 0.0]]), tensor([[0.5, -3.0]]))
        tensor(1.3125)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.smooth_l1_loss(student, teacher, beta=1.0)
