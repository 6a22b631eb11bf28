"""From [-1, 1] to [0, 1]."""

from torch import Tensor

from uniads.transform.base import Transform


class Scale(Transform):
    """T(x) = (x + 1) / 2, as in DetKDS (ICML 2024)."""

    def compute(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
