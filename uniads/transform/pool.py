"""Fewer positions."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from uniads.error import UserError
from uniads.transform.base import Transform


class Pool(Transform):
    """T(x) = adaptive average pooling to size x size positions; (N, C, size, size), whatever the map's own size.

    Source: CAT-KD, arXiv:2304.12777, which compares class activation maps of 2x2 positions.

    Args:
        size: positions on a side, at least 1.

    Raises:
        UserError: size is below 1.

    Example:
        >>> from torch import arange
        >>> Pool(size=1)(arange(4.0).view(1, 1, 2, 2)).flatten()
        tensor([1.5000])
    """

    ranks: ClassVar[dict[int, int]] = {4: 4}
    keeps_classes: ClassVar[bool] = True

    def __init__(self, size: int = 2) -> None:
        super().__init__()
        if size < 1:
            raise UserError(f"size must be 1 or more, got {size}; size=1 gives the mean of the map")
        self.size = size

    def compute(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.size)
