"""Squashed into (0, 1)."""

from torch import Tensor

from uniads.transform.base import Transform


class Sigmoid(Transform):
    """T(x) = 1 / (1 + exp(−x)).

    Example:
        >>> from torch import tensor
        >>> Sigmoid()(tensor([[0.0, 1.0]])).round(decimals=3)
        tensor([[0.5000, 0.7310]])
    """

    def compute(self, x: Tensor) -> Tensor:
        return x.sigmoid()
