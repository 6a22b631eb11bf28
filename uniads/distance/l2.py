"""Mean squared difference."""

from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance


class L2(Distance):
    """D(s, t) = mean (s − t)², over all elements.

    Source: the hint loss of FitNet, arXiv:1412.6550. The weights of public code for FitNet, attention transfer
    (arXiv:1612.03928) and similarity preservation (arXiv:1907.09682) belong to this mean, not to a sum.

    Example:
        >>> from torch import tensor
        >>> L2()(tensor([[0.0, 0.0]]), tensor([[3.0, -4.0]]))
        tensor(12.5000)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.mse_loss(student, teacher)
