"""Each position of each sample with length one."""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from uniads.transform.base import Transform


class NormC(Transform):
    """T(x)[n, :, p] = x[n, :, p] / max(‖x[n, :, p]‖₂, 1e-12), with the l2 norm over axis 1. Zero stays zero.

    Source: the operator list of DetKDS (ICML 2024); after ``mm`` it is the row norm of arXiv:1907.09682.

    Example:
        >>> from torch import tensor
        >>> NormC()(tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """

    keeps_classes: ClassVar[bool] = True

    def compute(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1)
