"""Each channel of each sample with length one."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from uniads.transform.base import Transform


class NormHW(Transform):
    """T(x)[n, c] = x[n, c] / max(‖x[n, c]‖₂, 1e-12), with the l2 norm over all positions. Zero stays zero.

    Source: the operator list of DetKDS (ICML 2024); maps are normalised so in attention transfer, arXiv:1612.03928.

    Example:
        >>> from torch import tensor
        >>> NormHW()(tensor([[[3.0, 4.0]]]))
        tensor([[[0.6000, 0.8000]]])
    """

    ranks: ClassVar[dict[int, int]] = {3: 3, 4: 4}

    def compute(self, x: Tensor) -> Tensor:
        return normalise_positions(x)


def normalise_positions(x: Tensor) -> Tensor:
    """Each channel of each image with length 1 over all positions; zero stays zero."""
    return F.normalize(x.flatten(2), dim=2).reshape(x.shape)
