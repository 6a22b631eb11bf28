"""One vector for each sample of the batch. ``uniads.Batch`` is another thing: the images that a network is shown."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class Batch(Transform):
    """T(x)[n] = all values of sample n: (N, C, H, W) becomes (N, CHW). As in DetKDS (ICML 2024).

    Example:
        >>> from torch import tensor
        >>> Batch()(tensor([[[1.0, 2.0], [3.0, 4.0]]]))
        tensor([[1., 2., 3., 4.]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 3: 2, 4: 2}

    def compute(self, x: Tensor) -> Tensor:
        return x.flatten(1)
