"""The energy of each value."""

from torch import Tensor

from uniads.transform.base import Transform


class Pow2(Transform):
    """T(x) = x². As in attention transfer, arXiv:1612.03928, where it comes before the mean over the channels.

    Example:
        >>> from torch import tensor
        >>> Pow2()(tensor([[3.0, -2.0]]))
        tensor([[9., 4.]])
    """

    def compute(self, x: Tensor) -> Tensor:
        return x.square()
