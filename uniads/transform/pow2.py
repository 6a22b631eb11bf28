"""The energy of each value."""

from torch import Tensor

from uniads.transform.base import Transform


class Pow2(Transform):
    """T(x) = x². As in attention transfer, arXiv:1612.03928, where it comes before the mean over the channels."""

    def compute(self, x: Tensor) -> Tensor:
        return x.square()
