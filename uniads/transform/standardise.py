"""Each sample with zero mean and unit deviation."""

from typing import ClassVar

import torch
from torch import Tensor

from uniads.transform.base import Transform

EPS = 1e-7
TINY = 1e-30


class Standardise(Transform):
    """T(x) = (x − μ) / (σ + 1e-7), with μ and the unbiased σ of each sample, and of each position, over axis 1.

    On logits it is logit standardisation: blind to the shift and the scale of each sample's logits, so that the student
    learns how the teacher ranks classes and need not have logits of its size. A constant sample, or one entry alone,
    becomes 0.

    Source: arXiv:2403.01427, with the 1e-7 and the division by C − 1 of its authors' code.

    Example:
        >>> from torch import tensor
        >>> Standardise()(tensor([[1.0, 2.0, 3.0]])).round(decimals=3)
        tensor([[-1.,  0.,  1.]])
    """

    keeps_classes: ClassVar[bool] = True

    def compute(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=min(1, x.shape[1] - 1), keepdim=True)
        # The root has no gradient at 0, so a variance below the smallest normal one counts as that.
        return (x - mean) / (variance.clamp(min=TINY).sqrt() + EPS)
