"""The rule that holds images out."""

import torch
from jaxtyping import Int
from torch import Tensor


def split_by_class(label: Int[Tensor, " n"], fraction: float, seed: int) -> tuple[Int[Tensor, " k"], Int[Tensor, " h"]]:
    """Kept and held-out positions, each in ascending order.

    Of every class round(fraction * size) images are held out, chosen by the seed alone.

    Args:
        label: the class of each image.
        fraction: share to hold out, 0 to below 1.
        seed: decides which.
    """
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(label), dtype=torch.bool)
    for members in (torch.nonzero(label == value).flatten() for value in sorted(set(label.tolist()))):
        chosen = torch.randperm(len(members), generator=generator)[: round(fraction * len(members))]
        held[members[chosen]] = True
    return torch.nonzero(~held).flatten(), torch.nonzero(held).flatten()
