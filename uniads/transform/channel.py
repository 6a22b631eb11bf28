"""One vector for each channel of each sample."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class Channel(Transform):
    """T(x)[n, c] = all values of channel c: (N, C, H, W) becomes (N, C, HW). As in DetKDS (ICML 2024).

    Example:
        >>> from torch import tensor
        >>> Channel()(tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        tensor([[[1., 2., 3., 4.]]])
    """

    ranks: ClassVar[dict[int, int]] = {3: 3, 4: 3}

    def compute(self, x: Tensor) -> Tensor:
        return x.flatten(2)
