"""Each channel with zero mean and unit variance."""

from typing import ClassVar

import torch
from torch import Tensor

from uniads.transform.base import Transform

EPS = 1e-5


class BatchNorm(Transform):
    """T(x) = (x − μ_c) / √(σ²_c + 1e-5), with μ_c and σ²_c of channel c over the batch and all positions.

    The variance is the biased one (divided by the count). There is no affine part and no running average, so that a
    view depends on the batch at hand only. A channel with one value (a batch of one vector) becomes 0.

    Source: Ioffe and Szegedy, arXiv:1502.03167, Algorithm 1, without its learned scale and shift.

    Example:
        >>> from torch import tensor
        >>> BatchNorm()(tensor([[1.0], [3.0]])).round(decimals=3)
        tensor([[-1.],
                [ 1.]])
    """

    keeps_classes: ClassVar[bool] = True

    def compute(self, x: Tensor) -> Tensor:
        axes = (0, *range(2, x.ndim))
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return (x - mean) * (variance + EPS).rsqrt()
