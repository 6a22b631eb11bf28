"""Mean and deviation of each channel: a map as a normal distribution."""

from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import Transform


class MeanStd(Transform):
    """T(x)[n] = √(2C) · [√r · μ, σ], with mean μ and deviation σ of each of C channels over all positions. (N, 2C).

    σ = √(s² + ε) with the unbiased variance s², 0 for one position. With the distance l2 it is r · ‖μ_s − μ_t‖² +
    ‖σ_s − σ_t‖², summed over channels and averaged over the batch: for r = 1 the squared Wasserstein distance of two
    normal distributions with diagonal covariance.

    Source: WKD-F, arXiv:2412.08139, and its code, which has r = 4.

    Args:
        ratio: r, how much means count beside deviations; above 0.
        eps: ε, above 0.

    Raises:
        UserError: one of them is not above 0.

    Example:
        >>> from torch import tensor
        >>> MeanStd(ratio=1.0)(tensor([[[1.0, 3.0]]])).round(decimals=3)
        tensor([[2.8280, 2.0000]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 2, 3: 2, 4: 2}

    def __init__(self, ratio: float = 4.0, eps: float = 1e-5) -> None:
        super().__init__()
        if not (ratio > 0 and eps > 0):
            raise UserError(f"mean_std needs ratio and eps above 0, got {ratio} and {eps}")
        self.ratio, self.eps = ratio, eps

    def compute(self, x: Tensor) -> Tensor:
        flat = x.unsqueeze(-1).flatten(2)
        variance, mean = torch.var_mean(flat, 2, correction=min(1, flat.shape[2] - 1))
        return sqrt(2 * x.shape[1]) * torch.cat([sqrt(self.ratio) * mean, (variance + self.eps).sqrt()], 1)
