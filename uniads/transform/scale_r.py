"""One level of a max-pooled pyramid."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from uniads.error import UserError
from uniads.transform.base import Transform


class ScaleR(Transform):
    """T(x)[n, c, i, j] = max of x[n, c] over the i, j-th square of side r.

    The squares tile the map; those at the right and bottom edges may be cut. Shape (N, C, ⌈H/r⌉, ⌈W/r⌉). A vector is
    a 1x1 map and stays as it is.

    Source: the operator list of DetKDS (ICML 2024); pyramids of pooled maps: arXiv:1406.4729.

    Args:
        size: side r of a square, at least 1; 1 keeps the map.

    Raises:
        UserError: size is below 1.

    Example:
        >>> from torch import tensor
        >>> ScaleR(size=2)(tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        tensor([[[[4.]]]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 4: 4}

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 1:
            raise UserError(f"size must be 1 or more, got {size}; size=1 keeps the map")
        self.size = size

    def keeps(self, rank: int) -> bool:
        return self.size == 1 or rank == 2

    def compute(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return x
        return F.max_pool2d(x, self.size, ceil_mode=True)
