"""A random part of the positions, the same for student and teacher."""

import torch
from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import RandomTransform


class Mask(RandomTransform):
    """T(x) = x · m, with each m independently 1 with probability ``keep``, else 0.

    There is one mask per sample and all channels share it: shape (N, 1, H, W), or (N, 1, L) for rank 3. So a student
    and a teacher with different numbers of channels see the same positions. A vector has a single position, so it is
    masked by coordinate: shape (N, C). Nothing is rescaled.

    Source: the operator list of DetKDS (ICML 2024), ``keep`` included; masked distillation: arXiv:2205.01529.

    Args:
        keep: the part that is kept, 0 < keep ≤ 1.
        seed: owner of the draws, at least 0.

    Raises:
        UserError: keep is outside (0, 1].

    Example:
        >>> from torch import tensor
        >>> Mask(keep=0.5, seed=1)(tensor([[1.0, 2.0, 3.0, 4.0]]))
        tensor([[0., 2., 0., 0.]])
    """

    def __init__(self, keep: float = 0.35, seed: int = 0) -> None:
        super().__init__(seed)
        if not 0 < keep <= 1:
            raise UserError(f"keep must be above 0 and at most 1, got {keep}; keep=1 masks nothing")
        self.keep = keep

    def compute(self, x: Tensor) -> Tensor:
        shape = x.shape if x.ndim == 2 else (x.shape[0], 1, *x.shape[2:])
        # float32 whatever x is: views in two precisions share one draw.
        chance = torch.rand(shape, generator=self.generator(x.device), device=x.device, dtype=torch.float32)
        return x * (chance < self.keep)
