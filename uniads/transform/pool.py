"""Fewer positions."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from uniads.error import UserError
from uniads.transform.base import Transform
from uniads.transform.norm_hw import normalise_positions


class Pool(Transform):
    """T(x) = P(x) or, normalised, P(x)[n, c] / max(‖P(x)[n, c]‖₂, 1e-12); (N, C, size, size) of any map.

    P is adaptive average pooling; the l2 norm is that over the size² positions, as of ``norm_hw``.

    Source: CAT-KD, arXiv:2304.12777, which compares class activation maps of 2x2 positions, of some pairs normalised.

    Args:
        size: positions on a side, at least 1.
        normalise: whether each pooled map has length 1.

    Raises:
        UserError: size is below 1.

    Example:
        >>> from torch import arange
        >>> Pool(size=1)(arange(4.0).view(1, 1, 2, 2)).flatten()
        tensor([1.5000])
    """

    ranks: ClassVar[dict[int, int]] = {4: 4}
    keeps_classes: ClassVar[bool] = True

    def __init__(self, size: int = 2, normalise: bool = False) -> None:
        super().__init__()
        if size < 1:
            raise UserError(f"size must be 1 or more, got {size}; size=1 gives the mean of the map")
        self.size, self.normalise = size, normalise

    def compute(self, x: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(x, self.size)
        return normalise_positions(pooled) if self.normalise else pooled
