"""Squashed into (-1, 1)."""

from torch import Tensor

from uniads.transform.base import Transform


class Tanh(Transform):
    """T(x) = tanh(x).

    Example:
        >>> from torch import tensor
        >>> Tanh()(tensor([[0.0, 1.0]])).round(decimals=3)
        tensor([[0.0000, 0.7620]])
    """

    def compute(self, x: Tensor) -> Tensor:
        return x.tanh()
