"""Squashed into (-1, 1)."""

from torch import Tensor

from uniads.transform.base import Transform


class Tanh(Transform):
    """T(x) = tanh(x)."""

    def compute(self, x: Tensor) -> Tensor:
        return x.tanh()
