"""Mean absolute difference."""

from torch import Tensor
from torch.nn import functional as F

from uniads.distance.base import Distance


class L1(Distance):
    """D(s, t) = mean |s − t|, over all elements. The gradient at s = t is 0.

    Example:
        >>> from torch import tensor
        >>> L1()(tensor([[0.0, 0.0]]), tensor([[3.0, -4.0]]))
        tensor(3.5000)
    """

    def compute(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.l1_loss(student, teacher)
