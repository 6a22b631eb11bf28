"""The knowledge as it is."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class Identity(Transform):
    """T(x) = x. With the distance l2 it gives the hint loss of FitNet, arXiv:1412.6550.

    Example:
        >>> from torch import tensor
        >>> Identity()(tensor([[1.0, -2.0]]))
        tensor([[ 1., -2.]])
    """

    keeps_classes: ClassVar[bool] = True

    def keeps(self, rank: int) -> bool:
        return True

    def compute(self, x: Tensor) -> Tensor:
        return x
