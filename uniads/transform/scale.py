"""From [-1, 1] to [0, 1]."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class Scale(Transform):
    """T(x) = (x + 1) / 2, as in DetKDS (ICML 2024).

    Example:
        >>> from torch import tensor
        >>> Scale()(tensor([[-1.0, 0.0, 1.0]]))
        tensor([[0.0000, 0.5000, 1.0000]])
    """

    keeps_classes: ClassVar[bool] = True

    def compute(self, x: Tensor) -> Tensor:
        return (x + 1) / 2
