"""Dropout that student and teacher share."""

import torch
from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import RandomTransform


class Drop(RandomTransform):
    """T(x) = x · m / (1 − p), with each m independently 0 with probability p, else 1. The expected value is x.

    Always on, in training and evaluation alike. Student and teacher of one shape share m.

    Source: dropout, Srivastava et al., JMLR 15 (2014), with the scaling moved to training time; p as in DetKDS
    (ICML 2024).

    Args:
        p: the part that is dropped, 0 ≤ p < 1.
        seed: owner of the draws, at least 0.

    Raises:
        UserError: p is outside [0, 1).

    Example:
        >>> from torch import tensor
        >>> Drop(p=0.5, seed=1)(tensor([[1.0, 1.0, 1.0, 1.0]]))
        tensor([[2., 0., 2., 2.]])
    """

    def __init__(self, p: float = 0.1, seed: int = 0) -> None:
        super().__init__(seed)
        if not 0 <= p < 1:
            raise UserError(f"p must be at least 0 and below 1, got {p}; p=0 drops nothing")
        self.p = p

    def compute(self, x: Tensor) -> Tensor:
        # float32 whatever x is: views in two precisions share one draw.
        chance = torch.rand(x.shape, generator=self.generator(x.device), device=x.device, dtype=torch.float32)
        return x * (chance >= self.p) / (1 - self.p)
