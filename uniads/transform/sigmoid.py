"""Squashed into (0, 1)."""

from torch import Tensor

from uniads.transform.base import Transform


class Sigmoid(Transform):
    """T(x) = 1 / (1 + exp(−x))."""

    def compute(self, x: Tensor) -> Tensor:
        return x.sigmoid()
