"""Neighbouring positions become channels."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from uniads.error import UserError
from uniads.transform.base import Transform


class LocalS(Transform):
    """T(x)[n, c·s² + s·a + b, i, j] = x[n, c, s·i + a, s·j + b] for 0 ≤ a, b < s: space to channel.

    Where s does not divide H or W, zeros are added at the right and at the bottom. Shape (N, C·s², ⌈H/s⌉, ⌈W/s⌉).

    Source: the operator list of DetKDS (ICML 2024); the inverse of the pixel shuffle of arXiv:1609.05158.

    Args:
        size: side s of a patch, at least 1; 1 keeps the map.

    Raises:
        UserError: size is below 1.

    Example:
        >>> from torch import tensor
        >>> LocalS(size=2)(tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).flatten()
        tensor([1., 2., 3., 4.])
    """

    ranks: ClassVar[dict[int, int]] = {4: 4}

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 1:
            raise UserError(f"size must be 1 or more, got {size}; size=1 keeps the map")
        self.size = size

    def keeps(self, rank: int) -> bool:
        return self.size == 1

    def compute(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        padded = F.pad(x, (0, -width % self.size, 0, -height % self.size))
        return F.pixel_unshuffle(padded, self.size)
