"""One map for all channels."""

from typing import ClassVar

from torch import Tensor

from uniads.transform.base import Transform


class MeanC(Transform):
    """T(x)[n, 0, p] = mean_c x[n, c, p]: shape (N, 1, H, W), whatever the number of channels.

    After ``pow2`` and before ``norm_hw`` it gives the attention map of arXiv:1612.03928, where the sum over the
    channels that the paper writes and the mean of its code cancel in the normalisation.

    Example:
        >>> from torch import tensor
        >>> MeanC()(tensor([[[1.0, 2.0], [3.0, 6.0]]]))
        tensor([[[2., 4.]]])
    """

    ranks: ClassVar[dict[int, int]] = {3: 3, 4: 4}

    def compute(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)
