"""All levels of a max-pooled pyramid, side by side."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from uniads.error import UserError
from uniads.transform.base import Transform
from uniads.transform.scale_r import ScaleR


class MultiScale(Transform):
    """T(x) = [R₁(x), R₂(x), R₄(x)], where Rᵣ is max-pooling over squares of side r and [·] joins all positions.

    Shape (N, C, L) with L = Σᵣ ⌈H/r⌉⌈W/r⌉. A vector is a 1x1 map, each of its levels is the vector itself.

    Source: the operator list of DetKDS (ICML 2024); pyramids of pooled maps: arXiv:1406.4729.

    Args:
        levels: the sides r; at least one, each at least 1.

    Raises:
        UserError: there is no level, or one is below 1.

    Example:
        >>> from torch import tensor
        >>> MultiScale(levels=[1, 2])(tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        tensor([[[1., 2., 3., 4., 4.]]])
    """

    ranks: ClassVar[dict[int, int]] = {2: 3, 4: 3}

    def __init__(self, levels: Sequence[int] = (1, 2, 4)) -> None:
        super().__init__()
        if not levels:
            raise UserError("levels must hold at least one size, got none; levels=[1, 2, 4] is the usual pyramid")
        self.pyramid = torch.nn.ModuleList(ScaleR(size) for size in levels)

    def compute(self, x: Tensor) -> Tensor:
        levels = [pool(x).unsqueeze(-1).flatten(2) for pool in self.pyramid]
        return torch.cat(levels, dim=2)
