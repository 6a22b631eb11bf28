"""Images of another size."""

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

CHUNK = 4096
"""Images that are held as floats at a time."""


def resample(pixels: UInt8[Tensor, "n c h w"], size: tuple[int, int]) -> UInt8[Tensor, "n c height width"]:
    """Images averaged over areas: a pixel is the mean, rounded, of all pixels that its area touches.

    Where a side is divided by a whole number this is the exact mean of disjoint blocks; where it is multiplied by one,
    pixels are repeated.

    Args:
        pixels: bytes, 0 to 255.
        size: height and width that they shall have, above 0.
    """
    if tuple(pixels.shape[-2:]) == size:
        return pixels
    parts = (
        F.interpolate(part.float(), size, mode="area").round().to(torch.uint8) for part in torch.split(pixels, CHUNK)
    )
    return torch.cat(list(parts))
